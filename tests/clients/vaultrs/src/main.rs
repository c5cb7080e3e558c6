//! Reads, lists and is refused as by Vault, with vaultrs.

use std::collections::HashMap;
use std::env;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;
use vaultrs::{kv2, sys};

type Values = HashMap<String, String>;

fn client(token: &str) -> VaultClient {
    let address = env::var("CONSOLE_URL").expect("CONSOLE_URL");
    let settings = VaultClientSettingsBuilder::default().address(address).token(token).build().expect("settings");
    VaultClient::new(settings).expect("a client")
}

fn status(error: ClientError) -> u16 {
    match error {
        ClientError::APIError { code, .. } => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let right = client(&env::var("BOT_TOKEN").expect("BOT_TOKEN"));
    let values: Values = kv2::read(&right, "acme", "shop-events").await.expect("values");
    assert_eq!(values["signing_secret"], "signing secret of Shop events");
    let older: Values = kv2::read_version(&right, "acme", "shop-events", 1).await.expect("values of a version");
    assert_eq!(older, values);
    let keys = kv2::list(&right, "acme", "").await.expect("keys");
    assert!(keys.contains(&"order-events".to_owned()), "{keys:?}");
    let metadata = kv2::read_metadata(&right, "acme", "shop-events").await.expect("metadata");
    assert_eq!(metadata.current_version, 1);
    let health = sys::health(&right).await.expect("health");
    assert!(!health.sealed);
    let missing = kv2::read::<Values>(&right, "acme", "nothing").await.expect_err("nothing there");
    assert_eq!(status(missing), 404);
    let wrong = kv2::read::<Values>(&client("hvs.wrong"), "acme", "shop-events").await.expect_err("a wrong token");
    assert_eq!(status(wrong), 403);
}
