//! Shops.

use super::{Body, Exchange, Play, play, post};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![shopify_admin_token(), shopify_client_credentials()]
}

const SHOPIFY_TOKEN: &str = "shpat_0123456789abcdef0123456789abcdef";

fn shopify_call() -> Exchange {
    let query = Body::Json(json!({ "query": "{ shop { name } }" }));
    let answer = json!({ "data": { "shop": { "name": "Acme Store" } } });
    post("acme-store.myshopify.com", "/admin/api/2026-04/graphql.json", query, answer)
        .header("x-shopify-access-token", SHOPIFY_TOKEN)
}

fn shopify_admin_token() -> Play {
    let typed = [("shop", "https://Acme-Store.myshopify.com/admin"), ("access_token", SHOPIFY_TOKEN)];
    let identity = Some("Acme Store");
    Play { exchanges: vec![shopify_call()], identity, ..play("shopify", "admin_token", &typed) }
}

fn shopify_client_credentials() -> Play {
    let typed = [
        ("shop", "acme-store"),
        ("client_id", "fedcba9876543210fedcba9876543210"),
        ("client_secret", "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"),
    ];
    let form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", "fedcba9876543210fedcba9876543210"),
        ("client_secret", "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"),
    ];
    let answer = json!({ "access_token": SHOPIFY_TOKEN, "scope": "read_products", "expires_in": 86399 });
    let token = post("acme-store.myshopify.com", "/admin/oauth/access_token", Body::Form(form), answer);
    let identity = Some("Acme Store");
    Play { exchanges: vec![token, shopify_call()], identity, ..play("shopify", "client_credentials", &typed) }
}
