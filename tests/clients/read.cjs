// Reads, lists and is refused as by Vault, with node-vault.
const assert = require("node:assert");
const vault = require("node-vault");

const endpoint = process.env.CONSOLE_URL;
const client = vault({ apiVersion: "v1", endpoint, token: process.env.BOT_TOKEN });

async function main() {
  const health = await client.health();
  assert.equal(health.sealed, false);
  const got = await client.read("acme/data/shop-events");
  assert.equal(got.data.data.signing_secret, "signing secret of Shop events");
  assert.equal(got.data.metadata.version, 1);
  const listed = await client.list("acme/metadata");
  assert.ok(listed.data.keys.includes("order-events"));
  assert.ok((await client.tokenLookupSelf()).data.ttl > 0);
  await assert.rejects(client.read("acme/data/nothing"), (error) => error.response.statusCode === 404);
  const wrong = vault({ apiVersion: "v1", endpoint, token: "hvs.wrong" });
  await assert.rejects(wrong.read("acme/data/shop-events"), (error) => {
    return error.response.statusCode === 403 && error.message === "permission denied";
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
