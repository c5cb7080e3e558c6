"""Airflow's own Vault backend gets a connection."""

import os

from airflow.providers.hashicorp.secrets.vault import VaultBackend

backend = VaultBackend(
    connections_path="connections",
    mount_point="acme",
    url=os.environ["CONSOLE_URL"],
    auth_type="token",
    token=os.environ["BOT_TOKEN"],
    kv_engine_version=2,
)
for name in ("shop-events", "shop_events"):
    connection = backend.get_connection(name)
    assert connection is not None, name
    assert connection.conn_type == "http", connection.conn_type
    assert connection.host == "https://www.example.com/hook", connection.host
    assert connection.password == "signing secret of Shop events"
    assert connection.extra_dejson["signing_secret"] == "signing secret of Shop events"
assert backend.get_connection("nothing") is None
