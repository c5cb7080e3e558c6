//! Channels to people.

use super::{Play, get, play};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![whatsapp(), website()]
}

fn whatsapp() -> Play {
    let typed = [
        ("access_token", "EAAPlayThrough0123456789"),
        ("phone_number_id", " 106540352242922 "),
        ("waba_id", "102290129340398"),
        ("app_secret", "0123456789abcdef0123456789abcdef"),
    ];
    let answer =
        json!({ "verified_name": "Acme Store", "display_phone_number": "+55 11 5555-0100", "id": "106540352242922" });
    let mut call = get("graph.facebook.com", "/v25.0/106540352242922", answer).bearer("EAAPlayThrough0123456789");
    call.query.push(("fields", "verified_name,display_phone_number,quality_rating"));
    let identity = Some("Acme Store +55 11 5555-0100");
    Play { exchanges: vec![call], identity, ..play("whatsapp-cloud", "system_user", &typed) }
}

fn website() -> Play {
    let typed = [("url", "https://www.example.test/chat"), ("signing_secret", "sixteen-characters-and-more")];
    play("website", "webhook", &typed)
}
