//! Databases.

use super::{Exchange, Play, get, play};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![supabase(), supabase_own_address()]
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
