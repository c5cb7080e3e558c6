//! Destinations as older credentials hold them: a vendor may move its hosts, what a person entered stays.
//!
//! The texts below are in the associated data of sealed values: whoever changes one of them makes every
//! older credential of that method unreadable.

use super::shipped;
use credenza::catalog::destination::destination;
use credenza::catalog::load::Catalog;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Integration, method, stored values, destination.
type Golden = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str);

/// In the order of the integrations.
const GOLDEN: &[Golden] = &[
    ("airtable", "token", &[("base_id", "appABCDEFGHIJKLMN")], "{}"),
    ("anthropic", "api_key", &[], "{}"),
    ("asaas", "api_key", &[("environment", "api.asaas.com")], r#"{"environment":"api.asaas.com"}"#),
    ("brevo", "api_key", &[], "{}"),
    ("deepseek", "api_key", &[], "{}"),
    ("discord", "bot_token", &[("application_id", "198622483471925248")], "{}"),
    (
        "github",
        "token",
        &[("api_version", "2022-11-28"), ("base_url", "https://api.github.com"), ("enterprise", "false")],
        r#"{"base_url":"https://api.github.com"}"#,
    ),
    ("google-gemini", "api_key", &[], "{}"),
    ("google-sheets", "service_account", &[("delegate", "a@example.com")], "{}"),
    ("groq", "api_key", &[], "{}"),
    (
        "http",
        "basic",
        &[("base_url", "https://api.example.com/v1"), ("check_path", "/me"), ("user", "bot")],
        r#"{"base_url":"https://api.example.com/v1"}"#,
    ),
    (
        "http",
        "bearer",
        &[("base_url", "https://api.example.com/v1"), ("check_path", "/me")],
        r#"{"base_url":"https://api.example.com/v1"}"#,
    ),
    (
        "http",
        "header",
        &[("base_url", "https://api.example.com/v1"), ("check_path", "/me"), ("header_name", "X-Key")],
        r#"{"base_url":"https://api.example.com/v1"}"#,
    ),
    (
        "http",
        "query",
        &[("base_url", "https://api.example.com/v1"), ("check_path", "/me"), ("parameter", "key")],
        r#"{"base_url":"https://api.example.com/v1"}"#,
    ),
    ("hubspot", "private_app", &[], "{}"),
    (
        "mailgun",
        "api_key",
        &[("domain", "mg.example.com"), ("region", "api.eu.mailgun.net")],
        r#"{"region":"api.eu.mailgun.net"}"#,
    ),
    (
        "mailgun",
        "sending_key",
        &[("domain", "mg.example.com"), ("region", "api.mailgun.net")],
        r#"{"region":"api.mailgun.net"}"#,
    ),
    ("mercado-pago", "access_token", &[], "{}"),
    ("mistral", "api_key", &[], "{}"),
    ("notion", "token", &[("notion_version", "2026-03-11")], "{}"),
    ("omie", "app_key", &[("app_key", "1234567890123")], "{}"),
    (
        "mysql",
        "password",
        &[("database", "shop"), ("host", "db.example.com"), ("port", "3306"), ("tls", "verify"), ("user", "bots")],
        r#"{"database":"shop","host":"db.example.com","port":"3306","tls":"verify"}"#,
    ),
    (
        "openai",
        "api_key",
        &[("base_url", "https://api.openai.com/v1"), ("custom", "false"), ("organization", "org-1")],
        r#"{"base_url":"https://api.openai.com/v1"}"#,
    ),
    ("pagarme", "secret_key", &[("webhook_user", "bots")], "{}"),
    ("pipedrive", "api_token", &[("company", "acme")], r#"{"company":"acme"}"#),
    (
        "postgresql",
        "password",
        &[
            ("cert_sha256", "00ff"),
            ("database", "shop"),
            ("host", "db.example.com"),
            ("port", "5432"),
            ("tls", "verify"),
            ("user", "bots"),
        ],
        r#"{"cert_sha256":"00ff","database":"shop","host":"db.example.com","port":"5432","tls":"verify"}"#,
    ),
    ("rd-station", "crm_token", &[], "{}"),
    ("rd-station", "marketing_api_key", &[], "{}"),
    (
        "salesforce",
        "client_credentials",
        &[("client_id", "3MVG9x"), ("login_host", "acme.my.salesforce.com")],
        r#"{"login_host":"acme.my.salesforce.com"}"#,
    ),
    (
        "salesforce",
        "jwt",
        &[("client_id", "3MVG9x"), ("login_host", "login.salesforce.com"), ("username", "a@example.com")],
        r#"{"login_host":"login.salesforce.com"}"#,
    ),
    (
        "sap-business-one",
        "session",
        &[
            ("base_url", "https://hana.example.com:50000"),
            ("cert_sha256", "00ff"),
            ("company_db", "SBODEMOBR"),
            ("username", "bots"),
        ],
        r#"{"base_url":"https://hana.example.com:50000","cert_sha256":"00ff"}"#,
    ),
    ("sendgrid", "api_key", &[("region", "api.sendgrid.com")], r#"{"region":"api.sendgrid.com"}"#),
    ("shopify", "admin_token", &[("api_version", "2026-04"), ("shop", "acme")], r#"{"shop":"acme"}"#),
    (
        "shopify",
        "client_credentials",
        &[("api_version", "2026-04"), ("client_id", "0f"), ("shop", "acme")],
        r#"{"shop":"acme"}"#,
    ),
    ("slack", "bot_token", &[], "{}"),
    (
        "smtp",
        "password",
        &[("from", "a@example.com"), ("host", "mail.example.com"), ("port", "465"), ("tls", "implicit"), ("user", "a")],
        r#"{"host":"mail.example.com","port":"465","tls":"implicit"}"#,
    ),
    ("stripe", "api_key", &[("context", "acct_1")], "{}"),
    (
        "supabase",
        "own_address",
        &[("base_url", "https://supabase.example.com")],
        r#"{"base_url":"https://supabase.example.com"}"#,
    ),
    ("supabase", "secret_key", &[("project_ref", "abcdefghijklmnopqrst")], r#"{"project_ref":"abcdefghijklmnopqrst"}"#),
    ("telegram", "bot_token", &[], "{}"),
    (
        "twilio",
        "api_key",
        &[("account_sid", "AC0f"), ("api_key_sid", "SK0f"), ("region", "api.twilio.com")],
        r#"{"region":"api.twilio.com"}"#,
    ),
    (
        "twilio",
        "auth_token",
        &[("account_sid", "AC0f"), ("region", "api.twilio.com")],
        r#"{"region":"api.twilio.com"}"#,
    ),
    ("bling", "oauth", &[], "{}"),
    ("airtable", "oauth", &[], "{}"),
    ("github", "oauth", &[], "{}"),
    ("mercado-pago", "oauth", &[], "{}"),
    ("notion", "oauth", &[], "{}"),
    ("hubspot", "oauth", &[], "{}"),
    ("pipedrive", "oauth", &[], "{}"),
    ("slack", "oauth", &[], "{}"),
    ("gmail", "oauth", &[], "{}"),
    ("gmail", "smtp", &[("user", "a@example.com")], "{}"),
    ("google-calendar", "oauth", &[], "{}"),
    ("google-drive", "oauth", &[], "{}"),
    ("google-sheets", "oauth", &[], "{}"),
    ("microsoft-365", "excel", &[], "{}"),
    ("microsoft-365", "onedrive", &[], "{}"),
    ("microsoft-365", "outlook", &[], "{}"),
    ("microsoft-365", "smtp", &[("user", "a@example.com")], "{}"),
    ("microsoft-365", "teams", &[], "{}"),
    ("nuvemshop", "oauth", &[], "{}"),
    (
        "oauth2",
        "client_credentials",
        &[("base_url", "https://api.example.com"), ("token_url", "https://login.example.com/token")],
        r#"{"base_url":"https://api.example.com","token_url":"https://login.example.com/token"}"#,
    ),
    (
        "oauth2",
        "code",
        &[
            ("authorize_url", "https://login.example.com/authorize"),
            ("base_url", "https://api.example.com"),
            ("client_id", "console"),
            ("token_url", "https://login.example.com/token"),
        ],
        r#"{"authorize_url":"https://login.example.com/authorize","base_url":"https://api.example.com","token_url":"https://login.example.com/token"}"#,
    ),
    (
        "quickbooks",
        "oauth",
        &[("api_host", "quickbooks.api.intuit.com")],
        r#"{"api_host":"quickbooks.api.intuit.com"}"#,
    ),
    ("rd-station", "crm_oauth", &[], "{}"),
    ("rd-station", "marketing_oauth", &[], "{}"),
    ("salesforce", "oauth", &[("login_host", "login.salesforce.com")], r#"{"login_host":"login.salesforce.com"}"#),
    ("shopify", "oauth", &[("api_version", "2026-04"), ("shop", "acme")], r#"{"shop":"acme"}"#),
    ("xero", "oauth", &[], "{}"),
    ("zoom", "oauth", &[], "{}"),
    ("zoom", "server_to_server", &[("account_id", "a")], "{}"),
    ("vtex", "app_key", &[("account", "acme"), ("app_key", "vtexappkey-acme-ABCDEF")], r#"{"account":"acme"}"#),
    ("website", "webhook", &[("url", "https://www.example.com/chat")], r#"{"url":"https://www.example.com/chat"}"#),
    (
        "woocommerce",
        "basic",
        &[("base_url", "https://shop.example.com/loja")],
        r#"{"base_url":"https://shop.example.com/loja"}"#,
    ),
    (
        "woocommerce",
        "query",
        &[("base_url", "https://shop.example.com/loja")],
        r#"{"base_url":"https://shop.example.com/loja"}"#,
    ),
    ("zendesk", "api_token", &[("email", "a@example.com"), ("subdomain", "acme")], r#"{"subdomain":"acme"}"#),
    (
        "zendesk",
        "oauth_client",
        &[("client_id", "acme_bots"), ("scope", "read"), ("subdomain", "acme")],
        r#"{"subdomain":"acme"}"#,
    ),
];

/// Also without a golden entry of its own, since it holds no address at all.
const WITHOUT: &str = "whatsapp-cloud";

fn plain(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn destinations_of_older_credentials_stay_as_they_are() {
    for (integration, method, values, golden) in GOLDEN.iter().copied() {
        let (_, found) = shipped().method(integration, method).expect("a method");
        assert_eq!(destination(found, &plain(values)), *golden, "{integration}.{method}");
    }
}

#[test]
fn every_method_has_a_golden_destination() {
    let named = |i: &str, m: &str| GOLDEN.iter().any(|(id, method, ..)| (*id, *method) == (i, m));
    for integration in shipped().all().iter().filter(|one| one.id != WITHOUT) {
        for method in &integration.methods {
            assert!(named(&integration.id, &method.id), "{}.{}", integration.id, method.id);
        }
    }
    let (_, method) = shipped().method(WITHOUT, "system_user").expect("a method");
    assert_eq!(destination(method, &plain(&[("phone_number_id", "12345"), ("api_version", "v25.0")])), "{}");
}

/// A file after its vendor has moved: each host of its own, where it stands in the list or in an address.
fn elsewhere(text: &str, hosts: &[String]) -> String {
    hosts.iter().fold(text.to_owned(), |text, host| {
        let (start, bare) = host.strip_prefix('*').map_or(("//", host.as_str()), |tail| ("}", tail));
        text.replace(&format!("\"{host}\""), &format!("\"{host}.moved.example\""))
            .replace(&format!("{start}{bare}"), &format!("{start}{bare}.moved.example"))
    })
}

/// The shipped files after every vendor has moved to other hosts.
fn moved() -> Catalog {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog");
    let mut files = Vec::new();
    for integration in shipped().all() {
        let name = format!("{}.toml", integration.id);
        let before = fs::read_to_string(folder.join(&name)).expect("a file");
        let hosts: BTreeSet<String> = integration.methods.iter().flat_map(|m| m.egress.hosts.clone()).collect();
        let after = elsewhere(&before, &Vec::from_iter(hosts.clone()));
        assert_eq!(before != after, !hosts.is_empty(), "{name}: its hosts stay where they are");
        files.push((name, after));
    }
    Catalog::of_files(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))).expect("good files")
}

#[test]
fn a_vendor_that_moves_its_hosts_changes_no_destination() {
    let moved = moved();
    for (integration, method, values, golden) in GOLDEN.iter().copied() {
        let (_, found) = moved.method(integration, method).expect("a method");
        assert_eq!(destination(found, &plain(values)), *golden, "{integration}.{method}");
    }
}

#[test]
fn another_host_of_a_person_is_another_destination() {
    let (_, method) = shipped().method("smtp", "password").expect("a method");
    let before = plain(&[("host", "mail.example.com"), ("port", "465"), ("tls", "implicit")]);
    for (name, value) in [("host", "mail.example.org"), ("port", "587"), ("tls", "none")] {
        let mut after = before.clone();
        after.insert(name.to_owned(), value.to_owned());
        assert_ne!(destination(method, &before), destination(method, &after), "{name}");
    }
}

#[test]
fn another_database_or_encryption_is_another_destination() {
    for id in ["mysql", "postgresql"] {
        let (_, method) = shipped().method(id, "password").expect("a method");
        let before = plain(&[("host", "db.example.com"), ("port", "5432"), ("tls", "verify"), ("database", "shop")]);
        for (name, value) in [
            ("host", "db.example.org"),
            ("port", "5433"),
            ("tls", "none"),
            ("database", "other"),
            ("cert_sha256", "00"),
        ] {
            let mut after = before.clone();
            after.insert(name.to_owned(), value.to_owned());
            assert_ne!(destination(method, &before), destination(method, &after), "{id}: {name}");
        }
        let mut same = before.clone();
        same.insert("user".to_owned(), "somebody else".to_owned());
        assert_eq!(destination(method, &before), destination(method, &same), "{id}");
    }
}
