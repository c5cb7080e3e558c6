#!/usr/bin/env bash
# Reads a running console with the clients that people have already: hvac (PyPI), node-vault (npm), vaultrs (a crate),
# the examples of docs/API.md with curl, Python and Node, and schemathesis (PyPI) against the OpenAPI document.
#
#   tests/clients/run.sh PROGRAM SCRATCH        all of them but Airflow
#   tests/clients/run.sh PROGRAM SCRATCH airflow  only Airflow's Vault backend; its packages take some 350 MB
#
# Packages go into SCRATCH. The closing line is "clients: N passed, N failed".
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
program=$(realpath "$1") && scratch=$(realpath "$2") || exit 1
what=${3:-all}
passed=0
failed=0
server=

# shellcheck disable=SC2329  # called by the trap
cleanup() { [[ -n $server ]] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; }
trap cleanup EXIT

say() { printf -- '-- %s\n' "$*"; }
check() {
    local name=$1
    shift
    if "$@"; then passed=$((passed + 1)) && say "$name: passed"; else failed=$((failed + 1)) && say "$name: FAILED"; fi
}

# A console of its own with two credentials, a bot, a token that fetches and one that manages.
set_up() {
    export CREDENZA_DATA_DIR="$scratch/data"
    rm -rf "$CREDENZA_DATA_DIR"
    printf 'velvet gravel 77' >"$scratch/password"
    local port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    export CREDENZA_LISTEN="127.0.0.1:$port" CONSOLE_URL="http://127.0.0.1:$port"
    "$program" setup --workspace Acme --email admin@acme.example --password-file "$scratch/password" >/dev/null || return 1
    "$program" serve >"$scratch/server.out" 2>"$scratch/server.log" &
    server=$!
    for _ in {1..100}; do
        curl -fsS -o /dev/null "$CONSOLE_URL/health/ready" 2>/dev/null && break
        sleep 0.1
    done
    local jar="$scratch/jar" same=(-H "Sec-Fetch-Site: same-origin")
    curl -fsS -o /dev/null -c "$jar" "${same[@]}" --data-urlencode email=admin@acme.example \
        --data-urlencode "password=velvet gravel 77" "$CONSOLE_URL/sign-in" || return 1
    local name
    for name in "Shop events" "Order events"; do
        curl -fsS -o /dev/null -b "$jar" "${same[@]}" -d integration=website -d method=webhook --data-urlencode "name=$name" \
            --data-urlencode "f.url=https://www.example.com/hook" --data-urlencode "f.signing_secret=signing secret of $name" \
            "$CONSOLE_URL/w/acme/credentials" || return 1
    done
    local bot
    bot=$("$program" bot add --workspace acme --name Reader | tail -n 1) || return 1
    BOT_TOKEN=$("$program" token add --workspace acme --bot "$bot" --scope fetch --scope use \
        --credential shop-events --credential order-events | tail -n 1) || return 1
    MANAGE_TOKEN=$("$program" token add --workspace acme --scope manage --name Pipeline | tail -n 1) || return 1
    export BOT_TOKEN MANAGE_TOKEN
}

python_env() {
    [[ -x $scratch/venv/bin/python ]] || python3 -m venv "$scratch/venv" || return 1
    "$scratch/venv/bin/pip" install -q --disable-pip-version-check "$@"
}

hvac() { python_env hvac && "$scratch/venv/bin/python" "$here/read.py"; }
node_vault() {
    npm install --no-audit --no-fund --loglevel=error --prefix "$scratch/npm" node-vault@0.10 </dev/null >/dev/null &&
        NODE_PATH="$scratch/npm/node_modules" node "$here/read.cjs"
}
vaultrs() { cargo run --quiet --locked --manifest-path "$here/vaultrs/Cargo.toml" --target-dir "${CARGO_TARGET_DIR:-$root/target}/vaultrs"; }
examples() { python3 "$here/examples.py" "$root/docs/API.md"; }
# Each token where it is let in: one that is refused over and over is told to wait. The bot's first: what manages deletes.
schemathesis() {
    python_env schemathesis && schemathesis_with "$BOT_TOKEN" --exclude-tag management &&
        schemathesis_with "$MANAGE_TOKEN" --include-tag management --phases examples,coverage,fuzzing &&
        schemathesis_with "$MANAGE_TOKEN" --phases stateful
}
schemathesis_with() {
    (cd "$scratch" && "$scratch/venv/bin/schemathesis" run "$CONSOLE_URL/api/v1/openapi.json" --no-color \
        --header "Authorization: Bearer $1" "${@:2}" --max-examples "${EXAMPLES:-15}" --seed 7 \
        --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
        >"$scratch/schemathesis.log" 2>&1 || { tail -n 80 "$scratch/schemathesis.log"; return 1; })
}
airflow() { python_env apache-airflow-providers-hashicorp && "$scratch/venv/bin/python" "$here/read_airflow.py"; }

set_up || { cat "$scratch/server.log"; echo "clients: 0 passed, 1 failed"; exit 1; }
if [[ $what == airflow ]]; then
    check "Airflow's Vault backend" airflow
else
    check "hvac" hvac
    check "node-vault" node_vault
    check "vaultrs" vaultrs
    check "examples of docs/API.md" examples
    check "schemathesis" schemathesis
fi
printf 'clients: %s passed, %s failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
