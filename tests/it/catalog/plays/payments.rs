//! Payments.

use super::{Play, get, play};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![stripe()]
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
