//! Mail.

use super::{Exchange, Play, get, play};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![brevo(), mailgun(), mailgun_sending_key(), sendgrid(), sendgrid_eu(), smtp(), smtp_starttls()]
}

fn mailgun() -> Play {
    let typed = [
        ("region", "api.eu.mailgun.net"),
        ("domain", "https://MG.example.test/"),
        ("api_key", "0123456789abcdef0123456789abcdef-89abcdef-01234567"),
        ("webhook_signing_key", "a-signing-key-that-is-never-sent"),
    ];
    let answer = json!({ "domain": { "name": "mg.example.test", "state": "active" }, "sending_dns_records": [] });
    // RFC 7617: base64 of `api:` and the key.
    let call = get("api.eu.mailgun.net", "/v4/domains/mg.example.test", answer)
        .header("authorization", "Basic YXBpOjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmLTg5YWJjZGVmLTAxMjM0NTY3");
    let identity = Some("mg.example.test");
    Play { exchanges: vec![call], identity, ..play("mailgun", "api_key", &typed) }
}

fn mailgun_sending_key() -> Play {
    let typed = [("domain", "mg.example.test"), ("api_key", "0123456789abcdef0123456789abcdef-89abcdef-01234567")];
    play("mailgun", "sending_key", &typed)
}

fn smtp() -> Play {
    let typed = [
        ("host", "mail.example.test"),
        ("tls", "implicit"),
        ("port", "465"),
        ("user", "bot@example.test"),
        ("password", "Pl4y-through-secret"),
        ("from", "bot@example.test"),
        ("helo", "bots.example.test"),
    ];
    play("smtp", "password", &typed)
}

fn smtp_starttls() -> Play {
    let typed = [
        ("host", "mail.example.test"),
        ("tls", "starttls"),
        ("port", "587"),
        ("user", "bot@example.test"),
        ("password", "Pl4y-through-secret"),
    ];
    play("smtp", "password", &typed)
}

/// A relay that trusts our address: nobody signs in.
pub fn smtp_relay() -> Play {
    let typed = [("host", "relay.example.test"), ("tls", "implicit"), ("port", "465"), ("user", "")];
    play("smtp", "password", &typed)
}

const SENDGRID_KEY: &str = "SG.PlayThrough0123456789A.PlayThrough0123456789abcdefghijklmno";

fn sendgrid_call(host: &'static str) -> Exchange {
    get(host, "/v3/scopes", json!({ "scopes": ["mail.send", "templates.read"] })).bearer(SENDGRID_KEY)
}

fn sendgrid() -> Play {
    let exchanges = vec![sendgrid_call("api.sendgrid.com")];
    Play { exchanges, ..play("sendgrid", "api_key", &[("api_key", SENDGRID_KEY)]) }
}

fn sendgrid_eu() -> Play {
    let typed = [("api_key", SENDGRID_KEY), ("region", "api.eu.sendgrid.com")];
    Play { exchanges: vec![sendgrid_call("api.eu.sendgrid.com")], ..play("sendgrid", "api_key", &typed) }
}

fn brevo() -> Play {
    let key = "xkeysib-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef-PlayThrough";
    let answer = json!({ "email": "bots@acme.example", "companyName": "Acme Store", "plan": [] });
    let call = get("api.brevo.com", "/v3/account", answer).header("api-key", key);
    let identity = Some("Acme Store (bots@acme.example)");
    Play { exchanges: vec![call], identity, ..play("brevo", "api_key", &[("api_key", key)]) }
}
