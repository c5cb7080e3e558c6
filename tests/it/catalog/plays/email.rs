//! Mail.

use super::{Play, play};

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![smtp(), smtp_starttls()]
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
