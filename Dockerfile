# A small image: the program, which holds everything it needs, on a Debian without anything added.
#
#   docker build -t credenza .
#   docker run --read-only -p 127.0.0.1:8080:8080 -v credenza:/data \
#     -e CREDENZA_PUBLIC_URL=http://localhost:8080 credenza
#
# docs/OPERATIONS.md tells how to run it for real; compose.yaml has it with PostgreSQL.

ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-slim-bookworm AS build
# What the TLS library for PostgreSQL is built with.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends make perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cargo build --locked --release --features pg-tls \
    && install -D -m 0755 target/release/credenza /image/usr/local/bin/credenza \
    && install -d -m 0700 /image/data

FROM debian:12-slim
# A user without a name, a home or a shell; everything but /data may be read-only.
COPY --from=build /image/usr /usr
COPY --from=build --chown=10001:10001 /image/data /data
USER 10001:10001
ENV CREDENZA_DATA_DIR=/data \
    CREDENZA_LISTEN=0.0.0.0:8080 \
    CREDENZA_LOG_FORMAT=json
VOLUME ["/data"]
EXPOSE 8080
# “ready” asks the database too. There is no curl in the image; bash opens the connection itself.
HEALTHCHECK --interval=30s --timeout=6s --start-period=30s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /health/ready HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [[ $status == 200 ]]"]
ENTRYPOINT ["/usr/local/bin/credenza"]
