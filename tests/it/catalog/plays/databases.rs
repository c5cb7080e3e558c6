//! Databases.

use super::{Exchange, Play, get, play};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    let mut plays = vec![supabase(), supabase_own_address()];
    plays.extend(sql());
    plays
}

/// The password of [`sql`].
pub const PASSWORD: &str = "Pl4y-through-secret";

/// Those that are signed in to, each with its port.
pub fn sql() -> [Play; 2] {
    let typed = |port: &'static str| {
        [
            ("host", "db.example.test"),
            ("port", port),
            ("tls", "verify"),
            ("database", "shop"),
            ("user", "bots"),
            ("password", PASSWORD),
        ]
    };
    [
        Play { identity: Some("bots @ shop (PostgreSQL 15.18)"), ..play("postgresql", "password", &typed("5432")) },
        Play { identity: Some("bots @ shop (MySQL 8.4.3)"), ..play("mysql", "password", &typed("3306")) },
    ]
}

fn supabase_call(host: &'static str, key: &str) -> Exchange {
    get(host, "/rest/v1/", json!({ "swagger": "2.0" })).bearer(key).header("apikey", key)
}

fn supabase() -> Play {
    let key = "sb_secret_PlayThrough0123456789_01234567";
    let typed = [("project_ref", "https://abcdefghijklmnopqrst.supabase.co/rest/v1/"), ("secret_key", key)];
    let call = supabase_call("abcdefghijklmnopqrst.supabase.co", key);
    Play { exchanges: vec![call], ..play("supabase", "secret_key", &typed) }
}

fn supabase_own_address() -> Play {
    // Not a key of anybody: head {"alg":"HS256","typ":"JWT"}, claims with "role":"service_role".
    let key = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzdXBhYmFzZS1kZW1vIiwicm9sZSI6InNlcnZpY2Vfcm9sZSIsImV4cCI6MX0.c2lnbmVk";
    let typed = [("base_url", "https://supabase.example.test/"), ("secret_key", key)];
    let call = supabase_call("supabase.example.test", key);
    Play { exchanges: vec![call], ..play("supabase", "own_address", &typed) }
}
