//! What people paste by mistake: each mix-up that a file names is caught before anything is sent, and keys are
//! recognised wherever they turn up.

use super::shipped;
use credenza::catalog::form::{self, Input, Mode};
use credenza::catalog::schema::{Env, Reject};
use credenza::secret::Secret;
use std::collections::BTreeSet;

/// Integration, method, what else is chosen, the field, and what is pasted into it.
type MixUp = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str, &'static str);

const UUID: &str = "01234567-89ab-cdef-0123-456789abcdef";
const HEX_32: &str = "0123456789abcdef0123456789abcdef";
const HEX_64: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const ANON: &str = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJzdXBhYmFzZSIsInJlZiI6ImFiY2RlZmdoaWprbG1ub3BxcnN0Iiwicm9sZSI6ImFub24iLCJpYXQiOjF9.eA";
const SERVICE: &str = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJzdXBhYmFzZSIsInJlZiI6ImFiY2RlZmdoaWprbG1ub3BxcnN0Iiwicm9sZSI6InNlcnZpY2Vfcm9sZSIsImlhdCI6MX0.eA";

/// One example for each mix-up of these files, in the order of the integrations.
const MIX_UPS: &[MixUp] = &[
    ("airtable", "token", &[], "access_token", "patABCDEFGHIJKLMN"),
    ("airtable", "token", &[], "access_token", "keyABCDEFGHIJKLMN"),
    ("airtable", "token", &[], "access_token", "appABCDEFGHIJKLMN"),
    ("airtable", "token", &[], "access_token", "oaaABCDEFGHIJKLMN.v1.0123"),
    ("airtable", "token", &[], "base_id", "tblABCDEFGHIJKLMN"),
    ("asaas", "api_key", &[], "api_key", "$aact_hmlg_0123456789012345678901"),
    ("asaas", "api_key", &[("environment", "api-sandbox.asaas.com")], "api_key", "$aact_prod_0123456789012345678901"),
    ("asaas", "api_key", &[], "api_key", "aact_prod_0123456789012345678901"),
    ("asaas", "api_key", &[], "api_key", UUID),
    ("github", "token", &[], "access_token", "ghs_0123456789012345678901234567890123456"),
    ("github", "token", &[], "access_token", "gho_0123456789012345678901234567890123456"),
    ("github", "token", &[], "access_token", "ghr_0123456789012345678901234567890123456"),
    ("github", "token", &[], "access_token", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"),
    ("github", "token", &[("enterprise", "true")], "base_url", "https://github.com/acme"),
    ("mailgun", "api_key", &[], "domain", "bots@mg.example.com"),
    ("mailgun", "api_key", &[], "api_key", "pubkey-0123456789abcdef0123456789abcdef"),
    ("mailgun", "api_key", &[], "api_key", "01234567-89abcdef"),
    ("mailgun", "sending_key", &[], "api_key", "pubkey-0123456789abcdef0123456789abcdef"),
    ("mercado-pago", "access_token", &[], "access_token", "APP_USR-01234567-89ab-cdef-0123-456789abcdef"),
    ("mercado-pago", "access_token", &[], "access_token", "1234567890123456"),
    ("mercado-pago", "access_token", &[], "access_token", "TG-0123456789abcdef01234567-123456789"),
    ("notion", "token", &[], "access_token", HEX_32),
    ("notion", "token", &[], "access_token", UUID),
    ("notion", "token", &[], "access_token", "https://www.notion.so/acme/Page-0123"),
    ("notion", "token", &[], "access_token", "adm_0123456789012345678901234567"),
    ("omie", "app_key", &[], "app_key", HEX_32),
    ("omie", "app_key", &[], "app_secret", "1234567890123"),
    ("pagarme", "secret_key", &[], "secret_key", "pk_test_0123456789012345"),
    ("pagarme", "secret_key", &[], "secret_key", "ak_live_012345678901234567890123456789"),
    ("pagarme", "secret_key", &[], "secret_key", "sk_live_012345678901234567890123"),
    ("pagarme", "secret_key", &[], "secret_key", "acc_0123456789012345"),
    ("supabase", "secret_key", &[], "secret_key", "sb_publishable_0123456789012345678901"),
    ("supabase", "secret_key", &[], "secret_key", ANON),
    ("supabase", "own_address", &[], "secret_key", ANON),
    ("supabase", "secret_key", &[], "secret_key", "sbp_0123456789abcdef0123456789abcdef01234567"),
    ("supabase", "secret_key", &[], "secret_key", "postgresql://postgres:x@db.example.supabase.co:5432/postgres"),
    ("vtex", "app_key", &[], "app_key", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ"),
    ("vtex", "app_key", &[], "app_token", "vtexappkey-acme-ABCDEF"),
    ("woocommerce", "basic", &[], "consumer_key", "cs_0123456789abcdef0123456789abcdef01234567"),
    ("woocommerce", "query", &[], "consumer_secret", "ck_0123456789abcdef0123456789abcdef01234567"),
    ("zendesk", "oauth_client", &[], "client_id", HEX_64),
    ("zendesk", "api_token", &[], "api_token", "a@example.com/token:0123456789012345678901234567890123456789"),
];

/// The remark at the field, as code and text.
fn remark(mix_up: &MixUp) -> (&'static str, String) {
    let (integration, method, chosen, field, pasted) = *mix_up;
    let (one, found) = shipped().method(integration, method).expect("a method");
    let pairs = chosen.iter().copied().chain([(field, pasted)]);
    let fields = pairs.map(|(name, value)| (name.to_owned(), Secret::new(value.to_owned()))).collect();
    let input = Input { fields, ..Input::default() };
    let remarks = form::parse(one, found, Mode::Create, input).expect_err(pasted);
    let said = remarks.0.get(field).unwrap_or_else(|| panic!("{integration}.{method} took {pasted} as its {field}"));
    (said.code, said.text.clone())
}

#[test]
fn every_mix_up_of_these_files_is_told_with_its_own_words() {
    let mut told = BTreeSet::new();
    for mix_up in MIX_UPS {
        let (code, text) = remark(mix_up);
        let (integration, method, _, field, pasted) = *mix_up;
        assert_eq!(code, "reject", "{integration}.{method}, {field}: {pasted}: {text}");
        assert!(!text.contains(pasted), "{text}");
        told.insert((integration, field, text));
    }
    let named: BTreeSet<&str> = MIX_UPS.iter().map(|(integration, ..)| *integration).collect();
    for integration in named {
        for method in &shipped().get(integration).expect("an integration").methods {
            for (field, Reject { hint, .. }) in
                method.fields.iter().flat_map(|f| f.reject.iter().map(move |reject| (f.name.as_str(), reject)))
            {
                assert!(told.contains(&(integration, field, hint.clone())), "no example of “{hint}”");
            }
        }
    }
}

#[test]
fn a_key_is_recognised_with_its_service_and_system() {
    let seen: [(String, &str, Option<Env>); 14] = [
        (format!("pat01234567890123.{HEX_64}"), "airtable", None),
        ("$aact_prod_0123456789012345678901".to_owned(), "asaas", Some(Env::Live)),
        ("$aact_hmlg_0123456789012345678901".to_owned(), "asaas", Some(Env::Test)),
        ("ghp_0123456789012345678901234567890123456".to_owned(), "github", None),
        (format!("{HEX_32}-01234567-89abcdef"), "mailgun", None),
        (format!("APP_USR-1234567890123456-112633-{HEX_32}-123456789"), "mercado-pago", None),
        (format!("TEST-1234567890123456-112633-{HEX_32}-123456789"), "mercado-pago", Some(Env::Test)),
        ("ntn_0123456789012345678901234567890123456789012345".to_owned(), "notion", None),
        ("sk_test_0123456789abcdef".to_owned(), "pagarme", Some(Env::Test)),
        ("sk_0123456789abcdef".to_owned(), "pagarme", Some(Env::Live)),
        ("sb_secret_0123456789012345678901".to_owned(), "supabase", None),
        (SERVICE.to_owned(), "supabase", None),
        ("A".repeat(128), "vtex", None),
        ("cs_0123456789abcdef0123456789abcdef01234567".to_owned(), "woocommerce", None),
    ];
    for (text, integration, env) in seen {
        let found = shipped().recognise(&text).unwrap_or_else(|| panic!("{text} looks like nothing"));
        assert_eq!((found.integration.id.as_str(), found.env), (integration, env), "{text}");
    }
    // A longer test key is of Stripe, whose keys begin alike.
    let stripe = format!("sk_test_{}", "0123456789abcdef01234567");
    assert_eq!(shipped().recognise(&stripe).expect("a key").integration.id, "stripe");
    assert!(shipped().recognise(ANON).is_none(), "a key for browsers is no secret");
}
