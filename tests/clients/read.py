"""Reads, lists and is refused as by Vault, with hvac."""

import os

import hvac
from hvac import exceptions

url, token = os.environ["CONSOLE_URL"], os.environ["BOT_TOKEN"]
client = hvac.Client(url=url, token=token)
assert client.is_authenticated()
assert client.sys.is_initialized() and not client.sys.is_sealed()
kv = client.secrets.kv.v2

got = kv.read_secret_version(path="shop-events", mount_point="acme", raise_on_deleted_version=True)
assert got["data"]["data"]["signing_secret"] == "signing secret of Shop events", got
assert got["data"]["metadata"]["version"] == 1
same = kv.read_secret_version(path="shop-events", version=1, mount_point="acme", raise_on_deleted_version=True)
assert same["data"]["data"] == got["data"]["data"]
listed = kv.list_secrets(path="", mount_point="acme")["data"]["keys"]
assert {"shop-events", "order-events", "connections/"} <= set(listed), listed
assert "order-events" in kv.list_secrets(path="connections", mount_point="acme")["data"]["keys"]
metadata = kv.read_secret_metadata(path="shop-events", mount_point="acme")["data"]
assert metadata["current_version"] == 1 and metadata["custom_metadata"]["integration"] == "website"
assert client.auth.token.lookup_self()["data"]["ttl"] > 0


def refused(error, act):
    try:
        act()
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


def read(client, path, mount="acme"):
    return client.secrets.kv.v2.read_secret_version(path=path, mount_point=mount, raise_on_deleted_version=True)


refused(exceptions.InvalidPath, lambda: read(client, "nothing"))
refused(exceptions.InvalidPath, lambda: read(client, "shop-events", "umbrella"))
refused(exceptions.InvalidPath, lambda: kv.list_secrets(path="nothing", mount_point="acme"))
wrong = hvac.Client(url=url, token="hvs.wrong")
refused(exceptions.Forbidden, lambda: read(wrong, "shop-events"))
assert not wrong.is_authenticated()
refused(exceptions.Forbidden, lambda: kv.create_or_update_secret(path="new", secret={"a": "b"}, mount_point="acme"))
