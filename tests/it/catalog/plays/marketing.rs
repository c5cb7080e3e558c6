//! Marketing.

use super::{Play, get, play};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![rd_marketing(), rd_crm()]
}

fn rd_marketing() -> Play {
    play("rd-station", "marketing_api_key", &[("api_key", "a-key-for-conversions")])
}

fn rd_crm() -> Play {
    let mut call = get("crm.rdstation.com", "/api/v1/token/check", json!({}));
    call.query.push(("token", "0123456789abcdef01234567"));
    let typed = [("token_value", "0123456789abcdef01234567")];
    Play { exchanges: vec![call], ..play("rd-station", "crm_token", &typed) }
}
