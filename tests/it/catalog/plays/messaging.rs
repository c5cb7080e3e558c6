//! Channels to people.

use super::{Body, Play, get, play, post};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![whatsapp(), website(), telegram(), slack(), discord(), twilio_key(), twilio_token()]
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

fn telegram() -> Play {
    // As people copy it, out of an address.
    let typed = [
        ("bot_token", "https://api.telegram.org/bot123456789:PlayThrough-0123456789_abcdefg/getUpdates"),
        ("webhook_secret", "play-through"),
    ];
    let answer = json!({ "ok": true, "result": {
        "id": 123456789, "is_bot": true, "first_name": "Acme", "username": "acme_bot",
    } });
    let path = "/bot123456789%3APlayThrough-0123456789_abcdefg/getMe";
    let call = get("api.telegram.org", path, answer);
    let identity = Some("@acme_bot (Acme)");
    Play { exchanges: vec![call], identity, ..play("telegram", "bot_token", &typed) }
}

fn slack() -> Play {
    let token = "xoxb-0123456789-0123456789-PlayThrough";
    let typed = [
        ("bot_token", token),
        ("signing_secret", "0123456789abcdef0123456789abcdef"),
        ("app_token", "xapp-1-A0123456789-PlayThrough"),
    ];
    let answer = json!({ "ok": true, "team": "Acme", "user": "bots", "user_id": "U0123", "bot_id": "B0123" });
    let call = post("slack.com", "/api/auth.test", Body::Nothing, answer).bearer(token);
    Play { exchanges: vec![call], identity: Some("bots @ Acme"), ..play("slack", "bot_token", &typed) }
}

fn discord() -> Play {
    let token = "MTk4NjIyNDgzNDcxOTI1MjQ4.PlayTh.PlayThrough-0123456789_abcdef";
    let typed = [
        ("bot_token", &*format!("Bot {token}")),
        ("application_id", "198622483471925248"),
        ("public_key", &"0123456789ABCDEF".repeat(4)),
    ];
    let answer = json!({ "id": "198622483471925248", "username": "acme", "bot": true });
    let call = get("discord.com", "/api/v10/users/@me", answer).header("authorization", &format!("Bot {token}"));
    let identity = Some("acme (198622483471925248)");
    Play { exchanges: vec![call], identity, ..play("discord", "bot_token", &typed) }
}

const TWILIO_ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";

fn twilio_key() -> Play {
    let typed = [
        ("account_sid", TWILIO_ACCOUNT),
        ("region", "api.dublin.ie1.twilio.com"),
        ("api_key_sid", "SK0123456789abcdef0123456789abcdef"),
        ("api_key_secret", "PlayThrough0123456789abcdefghijk"),
    ];
    let path = "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Calls.json";
    // RFC 7617: base64 of the key's SID, a colon and its secret.
    let basic = "Basic U0swMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjpQbGF5VGhyb3VnaDAxMjM0NTY3ODlhYmNkZWZnaGlqaw==";
    let mut call = get("api.dublin.ie1.twilio.com", path, json!({ "calls": [], "page_size": 1 }));
    call.query.push(("PageSize", "1"));
    let call = call.header("authorization", basic);
    Play { exchanges: vec![call], identity: Some(TWILIO_ACCOUNT), ..play("twilio", "api_key", &typed) }
}

fn twilio_token() -> Play {
    let typed = [("account_sid", TWILIO_ACCOUNT), ("auth_token", "fedcba9876543210fedcba9876543210")];
    let answer = json!({ "friendly_name": "Acme bots", "type": "Full", "status": "active" });
    // RFC 7617: base64 of the account's SID, a colon and the token.
    let basic = "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjpmZWRjYmE5ODc2NTQzMjEwZmVkY2JhOTg3NjU0MzIxMA==";
    let path = "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef.json";
    let call = get("api.twilio.com", path, answer).header("authorization", basic);
    Play { exchanges: vec![call], identity: Some("Acme bots (Full)"), ..play("twilio", "auth_token", &typed) }
}
