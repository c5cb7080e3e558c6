//! Payments.

use super::{Exchange, Play, get, play};
use serde_json::{Value, json};

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![asaas(), asaas_sandbox(), mercado_pago(), pagarme(), stripe()]
}

fn asaas_call(host: &'static str, answer: Value, key: &str) -> Exchange {
    get(host, "/v3/myAccount/commercialInfo/", answer).header("access_token", key)
}

fn asaas() -> Play {
    let key = "$aact_prod_PlayThrough0123456789PlayThrough";
    let answer = json!({ "cpfCnpj": "00000000000191", "companyName": "Acme Ltda", "name": "Acme" });
    let call = asaas_call("api.asaas.com", answer, key);
    let typed = [("api_key", key), ("webhook_token", "a-token-that-is-never-sent")];
    Play { exchanges: vec![call], identity: Some("Acme Ltda"), ..play("asaas", "api_key", &typed) }
}

fn asaas_sandbox() -> Play {
    let key = "$aact_hmlg_PlayThrough0123456789PlayThrough";
    let answer = json!({ "cpfCnpj": "00000000191", "companyName": null, "name": "A Person" });
    let call = asaas_call("api-sandbox.asaas.com", answer, key);
    let typed = [("environment", "api-sandbox.asaas.com"), ("api_key", key)];
    Play { exchanges: vec![call], identity: Some("A Person"), ..play("asaas", "api_key", &typed) }
}

fn mercado_pago() -> Play {
    let token = "APP_USR-1234567890123456-112633-0123456789abcdef0123456789abcdef-123456789";
    let typed = [("access_token", token), ("webhook_secret", "a-secret-that-is-never-sent")];
    let answer = json!({ "id": 123456789, "nickname": "ACMESTORE", "site_id": "MLB" });
    let call = get("api.mercadopago.com", "/users/me", answer).bearer(token);
    let identity = Some("ACMESTORE (MLB)");
    Play { exchanges: vec![call], identity, ..play("mercado-pago", "access_token", &typed) }
}

fn pagarme() -> Play {
    let typed = [
        ("secret_key", "sk_test_PlayThrough01234"),
        ("webhook_user", "bots"),
        ("webhook_password", "Pl4y-through-secret"),
    ];
    // RFC 7617: base64 of the key, a colon and an empty password.
    let mut call = get("api.pagar.me", "/core/v5/customers", json!({ "data": [], "paging": { "total": 0 } }))
        .header("authorization", "Basic c2tfdGVzdF9QbGF5VGhyb3VnaDAxMjM0Og==");
    call.query = vec![("page", "1"), ("size", "1")];
    Play { exchanges: vec![call], ..play("pagarme", "secret_key", &typed) }
}

fn stripe() -> Play {
    let typed = [
        ("secret_key", "rk_test_PlayThrough0123456789"),
        ("webhook_secret", "whsec_PlayThroughIsNeverSent"),
        ("context", "acct_1PlayThrough"),
    ];
    let call = get("api.stripe.com", "/v1/balance", json!({ "object": "balance", "available": [] }))
        .bearer("rk_test_PlayThrough0123456789")
        .header("stripe-context", "acct_1PlayThrough");
    Play { exchanges: vec![call], ..play("stripe", "api_key", &typed) }
}
