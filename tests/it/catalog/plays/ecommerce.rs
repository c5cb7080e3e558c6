//! Shops.

use super::{Body, Exchange, Play, get, play, post};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![shopify_admin_token(), shopify_client_credentials(), vtex(), woocommerce(), woocommerce_query()]
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

fn vtex() -> Play {
    let typed = [
        ("account", "https://AcmeStore.myvtex.com/admin"),
        ("app_key", "vtexappkey-acmestore-PLAYTH"),
        ("app_token", "PLAYTHROUGHPLAYTHROUGHPLAYTHROUGHPLAYTHROUGH"),
    ];
    let answer = json!([{ "id": 10, "name": "Acme Store", "hosts": ["www.acme.example"] }]);
    let call = get("acmestore.vtexcommercestable.com.br", "/api/vlm/account/stores", answer)
        .header("x-vtex-api-appkey", "vtexappkey-acmestore-PLAYTH")
        .header("x-vtex-api-apptoken", "PLAYTHROUGHPLAYTHROUGHPLAYTHROUGHPLAYTHROUGH");
    Play { exchanges: vec![call], identity: Some("Acme Store"), ..play("vtex", "app_key", &typed) }
}

const CONSUMER_KEY: &str = "ck_0123456789abcdef0123456789abcdef01234567";
const CONSUMER_SECRET: &str = "cs_76543210fedcba9876543210fedcba9876543210";

fn woocommerce_play(method: &'static str, call: Exchange) -> Play {
    let typed = [
        ("base_url", "https://shop.example.test/loja/wp-admin/"),
        ("consumer_key", CONSUMER_KEY),
        ("consumer_secret", CONSUMER_SECRET),
    ];
    let identity = Some("shop.example.test (BRL)");
    Play { exchanges: vec![call], identity, ..play("woocommerce", method, &typed) }
}

fn woocommerce_call() -> Exchange {
    let answer = json!({ "code": "BRL", "name": "Brazilian real", "symbol": "R$" });
    get("shop.example.test", "/loja/wp-json/wc/v3/data/currencies/current", answer)
}

fn woocommerce() -> Play {
    // RFC 7617: base64 of key, colon and secret.
    let basic = "Basic Y2tfMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzpjc183NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTBmZWRjYmE5ODc2NTQzMjEw";
    woocommerce_play("basic", woocommerce_call().header("authorization", basic))
}

fn woocommerce_query() -> Play {
    let mut call = woocommerce_call();
    call.query = vec![("consumer_key", CONSUMER_KEY), ("consumer_secret", CONSUMER_SECRET)];
    woocommerce_play("query", call)
}
