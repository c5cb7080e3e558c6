use crate::catalog::form::{Input, Mode, Parsed, Remarks, Shown, Stored, fields, parse};
use crate::catalog::schema::{Env, Integration, Method};
use crate::catalog::{Catalog, destination};
use crate::secret::Secret;
use std::collections::BTreeMap;

/// A mail server with a choice that sets the port, a switch, conditions and a fixed field.
const MAIL: &str = r#"
schema = 1
id = "mail"
name = "Mail"
category = "email"
checked_on = 2026-01-02

[egress]
host_field = "host"
private_networks = "operator"

[[secret]]
label = "Mail key"
pattern = '^mk_(live|test)_[a-z0-9]+$'
env = { "^mk_live_" = "live", "^mk_test_" = "test" }

[[method]]
id = "password"
label = "Password"
kind = "smtp"
check = { kind = "smtp", cost = "free", smtp = { host = "{host}", port = "{port}", tls = "{tls}", user = "{user}", pass = "{password}" } }
field = [
  { name = "host", label = "Server", kind = "host" },
  { name = "tls", label = "Encryption", kind = "select", default = "implicit", options = [
    { value = "implicit", label = "TLS", set = { port = 465 } },
    { value = "starttls", label = "STARTTLS", set = { port = 587 } },
  ] },
  { name = "port", label = "Port", kind = "number", default = 465, min = 1, max = 65535 },
  { name = "user", label = "User name", kind = "text", required = false },
  { name = "password", label = "Password", kind = "secret", show_if = { field = "user", filled = true } },
  { name = "from", label = "Sender", kind = "email", required = false },
  { name = "region", label = "Region", kind = "text", default = "eu", immutable = true, pattern = '^(eu|us)$' },
]

[[method]]
id = "key"
label = "Key"
kind = "api_key"
edit = "rename"
edit_reason = "The account is fixed."
inject = { base_url = "https://{host}/v1", headers = { Authorization = "Bearer {api_key}" } }
check = { kind = "http", cost = "free", request = { url = "/me" } }
field = [
  { name = "host", label = "Server", kind = "host" },
  { name = "api_key", label = "API key", kind = "secret", pattern = '^mk_', reject = [{ pattern = '^pk_', hint = "That is the public key." }, { pattern = '^mk_box_', when = { field = "system", equals = "live" }, hint = "That is a key of the sandbox." }], skip_checks_if = { field = "custom", equals = true } },
  { name = "webhook", label = "Webhook secret", kind = "secret", required = false, normalise = ["strip_prefix:https://mail.example/", "strip_prefix:bot", "strip_path"], pattern = '^[0-9]+:[a-z]+$' },
  { name = "custom", label = "Own server", kind = "switch" },
  { name = "base", label = "Base", kind = "url", default = "https://mail.example", show_if = { field = "custom", equals = true } },
  { name = "value", label = "Header value", kind = "secret", required = false, format = "header_value" },
  { name = "code_word", label = "Code word", kind = "text", required = false, pattern = '^[a-f]+$', pattern_soft = true },
  { name = "system", label = "System", kind = "select", default = "live", options = [{ value = "live", label = "Live" }, { value = "test", label = "Sandbox" }] },
  { name = "header", label = "Header", kind = "text", required = false, format = "header_name" },
  { name = "path", label = "Path", kind = "text", required = false, format = "path" },
]

[[method]]
id = "file"
label = "Key file"
kind = "api_key"
token = "{key.private_key}"
egress = { hosts = ["api.mail.example"] }
check = { kind = "format", why = "There is no harmless call." }
notes = { after_save = "Share it with {key.client_email}." }
field = [
  { name = "key", label = "Key file", kind = "json_secret", require_paths = ["client_email", "private_key"], check_paths = { type = "service_account" }, identity_path = "client_email" },
  { name = "pem", label = "Private key", kind = "pem_secret", required = false },
]
"#;

fn mail() -> Catalog {
    Catalog::of_files([("mail.toml", MAIL)]).unwrap()
}

fn input(pairs: &[(&str, &str)]) -> Input {
    let fields = pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new((*value).to_owned())));
    Input { fields: fields.collect(), ..Input::default() }
}

fn with<T>(method: &str, act: impl FnOnce(&Integration, &Method) -> T) -> T {
    let catalog = mail();
    let (integration, method) = catalog.method("mail", method).unwrap();
    act(integration, method)
}

fn created(method: &str, pairs: &[(&str, &str)]) -> Result<Parsed, Remarks> {
    with(method, |i, m| parse(i, m, Mode::Create, input(pairs)))
}

fn code(result: Result<Parsed, Remarks>, field: &str) -> &'static str {
    let remarks = result.map(|_| ()).expect_err(field);
    remarks.0.get(field).map_or_else(|| panic!("{field}: {remarks:?}"), |r| r.code)
}

fn stored(plain: &[(&str, &str)], secrets: &[&str]) -> Stored {
    Stored {
        plain: plain.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        secrets: secrets.iter().map(|s| (*s).to_owned()).collect(),
    }
}

fn mail_stored() -> Stored {
    let plain = [("host", "a.example"), ("tls", "implicit"), ("port", "465"), ("user", "ana"), ("region", "eu")];
    stored(&plain, &["password"])
}

fn edited(pairs: &[(&str, &str)]) -> Result<Parsed, Remarks> {
    let old = mail_stored();
    with("password", |i, m| parse(i, m, Mode::Edit(&old), input(pairs)))
}

#[test]
fn values_become_canonical_and_defaults_apply() {
    let parsed = created("password", &[("host", " Mail.Example "), ("user", "ana"), ("password", "p w ")]).unwrap();
    let plain: Vec<(&str, &str)> = parsed.values.plain.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let expected = [("host", "mail.example"), ("port", "465"), ("region", "eu"), ("tls", "implicit"), ("user", "ana")];
    assert_eq!(plain, expected);
    assert_eq!(parsed.values.secret["password"].expose(), "p w");
    assert_eq!(parsed.warnings.0["password"].code, "cleaned");
}

#[test]
fn a_choice_sets_other_fields_that_were_not_typed() {
    let parsed = created("password", &[("host", "a.example"), ("tls", "starttls")]).unwrap();
    assert_eq!(parsed.values.plain["port"], "587");
    let parsed = created("password", &[("host", "a.example"), ("tls", "starttls"), ("port", "2525")]).unwrap();
    assert_eq!(parsed.values.plain["port"], "2525");
}

#[test]
fn a_field_whose_condition_is_false_is_ignored() {
    let parsed = created("password", &[("host", "a.example"), ("password", "left over")]).unwrap();
    assert!(parsed.values.secret.is_empty());
    let key = [("host", "a.example"), ("api_key", "mk_live_1"), ("base", "not an address")];
    assert_eq!(created("key", &key).unwrap().values.plain["base"], "https://mail.example");
    let key = [("host", "a.example"), ("api_key", "anything"), ("custom", "on"), ("base", "not an address")];
    assert_eq!(code(created("key", &key), "base"), "bad_url");
}

#[test]
fn every_error_is_told_at_once_with_its_code() {
    let remarks =
        created("password", &[("tls", "ssl"), ("port", "0"), ("user", "a\r\nb"), ("from", "x"), ("region", "br")]);
    let remarks = remarks.map(|_| ()).unwrap_err();
    let codes: Vec<(&str, &str)> = remarks.0.iter().map(|(n, r)| (n.as_str(), r.code)).collect();
    let expected = [
        ("from", "bad_email"),
        ("host", "required"),
        ("password", "required"),
        ("port", "out_of_range"),
        ("region", "pattern"),
        ("tls", "not_an_option"),
        ("user", "control_character"),
    ];
    assert_eq!(codes, expected);
    let large = "a".repeat(64 * 1024 + 1);
    assert_eq!(code(created("password", &[("host", &large)]), "host"), "too_long");
    assert_eq!(code(created("key", &[("api_key", &large)]), "api_key"), "too_long");
    assert_eq!(code(created("password", &[("port", "x")]), "port"), "not_a_number");
}

#[test]
fn t051_custom_headers_and_paths_are_judged() {
    for name in ["Host", "Content-Length", "Transfer-Encoding", "Connection", "X-aws-ec2-metadata-token", "X Y"] {
        assert_eq!(code(created("key", &[("header", name)]), "header"), "header_name", "{name}");
    }
    assert_eq!(code(created("key", &[("header", "X\r\nHost: a")]), "header"), "control_character");
    for path in ["x", "//evil.test", "/a/../b", "/a b", "/a#b", "/%2e%2e/x", "/a\\b"] {
        assert_eq!(code(created("key", &[("path", path)]), "path"), "path", "{path}");
    }
}

#[test]
fn pasted_noise_is_taken_off_keys_and_told() {
    for typed in ["Bearer mk_test_1", " \"mk_test_1\"\n", "'bearer  mk_test_1'", "\u{feff}mk_test_1\r\n"] {
        let parsed = created("key", &[("host", "a.example"), ("api_key", typed)]).unwrap();
        assert_eq!(parsed.values.secret["api_key"].expose(), "mk_test_1", "{typed:?}");
        assert_eq!(parsed.warnings.0["api_key"].code, "cleaned");
        assert_eq!(parsed.env, Some(Env::Test));
    }
    for typed in ["mk_test\n_1", "mk_test_1\0", "mk_test_1\r\nHost: evil"] {
        let inner = created("key", &[("host", "a.example"), ("api_key", typed)]);
        assert_eq!(code(inner, "api_key"), "control_character", "{typed:?}");
    }
    assert_eq!(code(created("key", &[("host", "a.example"), ("api_key", "Bearer ")]), "api_key"), "required");
}

#[test]
fn a_secret_is_cleaned_up_as_its_field_says_and_told() {
    let typed = |value: &str| created("key", &[("host", "a.example"), ("api_key", "mk_1"), ("webhook", value)]);
    for value in ["https://mail.example/bot12:ab/getMe", "bot12:ab", " \"bot12:ab\" ", "Bearer 12:ab"] {
        let parsed = typed(value).unwrap();
        assert_eq!(parsed.values.secret["webhook"].expose(), "12:ab", "{value:?}");
        assert_eq!(parsed.warnings.0["webhook"].code, "cleaned", "{value:?}");
    }
    assert!(typed("12:ab").unwrap().warnings.0.is_empty());
    assert_eq!(code(typed("https://other.example/bot12:ab"), "webhook"), "pattern");
}

#[test]
fn t051_a_header_value_keeps_its_scheme_and_is_one_line_of_ascii() {
    let typed = |value: &str| created("key", &[("host", "a.example"), ("api_key", "mk_1"), ("value", value)]);
    assert_eq!(typed("Bearer abc").unwrap().values.secret["value"].expose(), "Bearer abc");
    assert_eq!(code(typed("abc\r\nHost: evil"), "value"), "control_character");
    assert_eq!(code(typed("abc\0"), "value"), "control_character");
    assert_eq!(code(typed("schlüssel"), "value"), "header_value");
}

#[test]
fn mix_ups_come_before_the_pattern_and_can_be_skipped() {
    let typed = |key: &str| created("key", &[("host", "a.example"), ("api_key", key)]);
    assert_eq!(code(typed("pk_1"), "api_key"), "reject");
    assert_eq!(code(typed("xk_1"), "api_key"), "pattern");
    let skipped = created("key", &[("host", "a.example"), ("api_key", "pk_1"), ("custom", "1")]).unwrap();
    assert_eq!(skipped.values.secret["api_key"].expose(), "pk_1");
    let soft = created("key", &[("host", "a.example"), ("api_key", "mk_1"), ("code_word", "xyz")]).unwrap();
    assert_eq!(soft.warnings.0["code_word"].code, "pattern");
}

#[test]
fn a_mix_up_with_a_condition_is_one_only_while_it_holds() {
    let typed = |system: &[(&str, &str)]| {
        let pairs = [&[("host", "a.example"), ("api_key", "mk_box_1")], system].concat();
        created("key", &pairs)
    };
    assert_eq!(code(typed(&[("system", "live")]), "api_key"), "reject");
    assert_eq!(code(typed(&[]), "api_key"), "reject", "the default counts");
    assert_eq!(typed(&[("system", "test")]).unwrap().values.secret["api_key"].expose(), "mk_box_1");
    // The stored choice counts where a form does not ask for it again.
    let old = stored(&[("host", "a.example"), ("system", "live")], &["api_key"]);
    let rotated = with("key", |i, m| parse(i, m, Mode::Rotate(&old), input(&[("api_key", "mk_box_1")])));
    assert_eq!(code(rotated, "api_key"), "reject");
}

#[test]
fn a_secret_does_not_go_into_a_field_that_is_shown() {
    let wrong = created("password", &[("host", "a.example"), ("user", "mk_live_abc")]);
    assert_eq!(code(wrong, "user"), "secret_in_plain");
}

#[test]
fn remarks_never_quote_a_secret() {
    let remarks = created("key", &[("host", "a.example"), ("api_key", "canary\u{7}value"), ("webhook", "x")]);
    assert!(!format!("{remarks:?}").contains("canary"));
    let remarks = created("file", &[("key", "{\"type\": \"canary\"}"), ("pem", "canary")]);
    assert!(!format!("{remarks:?}").contains("canary"));
}

#[test]
fn a_blank_secret_is_kept_and_an_optional_one_can_be_removed() {
    let parsed = edited(&[("from", "bot@a.example"), ("password", "")]).unwrap();
    assert!(parsed.kept.contains("password"));
    let old = BTreeMap::from([("password".to_owned(), Secret::new("old".into()))]);
    assert_eq!(parsed.complete(old).secret["password"].expose(), "old");

    let old = stored(&[("host", "a.example")], &["api_key", "webhook"]);
    let mut cleared = input(&[]);
    cleared.clear.extend(["webhook".to_owned(), "api_key".to_owned()]);
    with("key", |i, m| assert_eq!(code(parse(i, m, Mode::Edit(&old), cleared), "api_key"), "required"));
    let mut cleared = input(&[]);
    cleared.clear.insert("webhook".to_owned());
    let parsed = with("key", |i, m| parse(i, m, Mode::Edit(&old), cleared)).unwrap();
    assert!(parsed.removed.contains("webhook") && parsed.kept.contains("api_key"));
}

#[test]
fn t102_a_changed_destination_asks_for_the_secret_again() {
    for change in [("host", "b.example"), ("port", "587"), ("tls", "starttls")] {
        assert_eq!(code(edited(&[change]), "password"), "secret_required", "{change:?}");
        assert!(edited(&[change, ("password", "new")]).is_ok());
    }
    assert!(edited(&[("host", "A.EXAMPLE"), ("user", "bia")]).is_ok());
}

#[test]
fn fixed_fields_stay_as_they_are() {
    assert_eq!(code(edited(&[("region", "us")]), "region"), "fixed");
    assert!(edited(&[("region", " eu ")]).is_ok());
    let old = stored(&[("host", "a.example"), ("custom", "false")], &["api_key"]);
    let edit = |pairs: &[(&str, &str)]| with("key", |i, m| parse(i, m, Mode::Edit(&old), input(pairs)));
    assert_eq!(code(edit(&[("host", "b.example")]), "host"), "fixed");
    assert_eq!(code(edit(&[("host", "::::")]), "host"), "fixed");
    assert!(edit(&[("host", "a.example"), ("api_key", "mk_live_2")]).is_ok());
}

#[test]
fn a_rotation_takes_secrets_only() {
    let old = mail_stored();
    let rotate = |pairs: &[(&str, &str)]| with("password", |i, m| parse(i, m, Mode::Rotate(&old), input(pairs)));
    assert_eq!(code(rotate(&[]), ""), "required");
    let parsed = rotate(&[("password", "new"), ("host", "evil.test")]).unwrap();
    assert_eq!(parsed.values.plain["host"], "a.example");
    assert_eq!(parsed.values.secret["password"].expose(), "new");
}

#[test]
fn key_files_are_judged_and_show_their_identity() {
    let good = r#"{"type":"service_account","client_email":"bot@p.example","private_key":"k"}"#;
    let parsed = created("file", &[("key", good)]).unwrap();
    assert_eq!(parsed.values.plain["key.client_email"], "bot@p.example");
    for bad in ["x", "[]", "{}", r#"{"type":"authorized_user"}"#, r#"{"type":"service_account","client_email":""}"#] {
        assert_eq!(code(created("file", &[("key", bad)]), "key"), "bad_json", "{bad}");
    }
    let old = stored(&[("key.client_email", "bot@p.example")], &["key"]);
    let kept = with("file", |i, m| parse(i, m, Mode::Edit(&old), input(&[]))).unwrap();
    assert_eq!(kept.values.plain["key.client_email"], "bot@p.example");
}

#[test]
fn private_keys_are_restored() {
    let body = "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF";
    let whole = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    let key = r#"{"type":"service_account","client_email":"a@b.example","private_key":"k"}"#;
    let typed = |pem: &str| created("file", &[("key", key), ("pem", pem)]);
    for pasted in [
        whole.clone(),
        whole.replace('\n', "\\n"),
        whole.replace('\n', " "),
        whole.replace('\n', "\r\n"),
        format!("\"{}\"", whole.trim().replace('\n', "\\n")),
    ] {
        assert_eq!(typed(&pasted).unwrap().values.secret["pem"].expose(), whole, "{pasted:?}");
    }
    for bad in [
        "x",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMC4C",
        "-----BEGIN PRIVATE KEY-----\nMC4!\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----",
    ] {
        assert_eq!(code(typed(bad), "pem"), "bad_pem", "{bad}");
    }
}

#[test]
fn the_form_is_drawn_without_secrets() {
    let old = mail_stored();
    let views = with("password", |_, m| fields(m, Mode::Edit(&old), &Shown::default()));
    let by_name = |name: &str| views.iter().find(|v| v.name == name).unwrap();
    let password = by_name("password");
    assert!(password.stored && password.visible && !password.required && password.value.is_empty());
    assert_eq!(password.only_if.as_deref(), Some("Only if “User name” is filled in."));
    assert!(by_name("user").steers && by_name("region").locked);
    assert_eq!(by_name("host").value, "a.example");
    assert_eq!(by_name("tls").choices[1].set, [("port".to_owned(), "587".to_owned())]);

    let typed = BTreeMap::from([("user".to_owned(), String::new())]);
    let views = with("password", |_, m| fields(m, Mode::Create, &Shown { typed, ..Shown::default() }));
    assert!(!views.iter().find(|v| v.name == "password").unwrap().visible);
    assert_eq!(views.iter().find(|v| v.name == "port").unwrap().value, "465");
    let rotation = with("password", |_, m| fields(m, Mode::Rotate(&old), &Shown::default()));
    assert_eq!(rotation.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), ["password"]);
}

#[test]
fn a_switch_that_was_not_sent_is_off_when_the_form_comes_back() {
    let old = stored(&[("host", "a.example"), ("custom", "true"), ("base", "https://b.example")], &["api_key"]);
    let drawn = |shown: Shown<'_>| {
        let views = with("key", |_, m| fields(m, Mode::Edit(&old), &shown));
        let value = |name: &str| views.iter().find(|v| v.name == name).map(|v| (v.value.clone(), v.visible)).unwrap();
        (value("custom").0, value("base").1)
    };
    assert_eq!(drawn(Shown::default()), ("true".to_owned(), true));
    // Every field but the secret is fixed in this method, so what was typed does not count.
    let typed = with("key", |_, m| input(&[("host", "a.example")]).shown(m));
    assert_eq!(typed["custom"], "false");
    assert_eq!(drawn(Shown { typed, ..Shown::default() }), ("true".to_owned(), true));
    for (sent, visible) in [(&[("custom", "on")][..], true), (&[][..], false)] {
        let typed = with("key", |_, m| input(sent).shown(m));
        let views = with("key", |_, m| fields(m, Mode::Create, &Shown { typed, ..Shown::default() }));
        assert_eq!(views.iter().find(|v| v.name == "base").map(|v| v.visible), Some(visible));
    }
}

#[test]
fn the_destination_is_what_a_person_entered() {
    let old = mail_stored();
    let text = with("password", |_, m| destination::destination(m, &old.plain));
    assert_eq!(text, r#"{"host":"a.example","port":"465","tls":"implicit"}"#);
    let mut new = old.plain.clone();
    new.insert("port".into(), "587".into());
    new.insert("user".into(), "bia".into());
    with("password", |_, m| assert_eq!(destination::changed(m, &old.plain, &new), ["port"]));
    with("password", |_, m| assert_eq!(destination::shown(m, &old.plain).as_deref(), Some("a.example:465")));
}

#[test]
fn constants_of_a_file_are_not_part_of_the_destination() {
    let plain = BTreeMap::from([("shop".to_owned(), "blue".to_owned())]);
    let of = |text: &str| {
        let catalog = super::load(text).unwrap();
        destination::destination(catalog.method("acme", "api_key").unwrap().1, &plain)
    };
    let moved = super::ACME.replace("acme.example/v1", "acme.example/v2").replace("acme.example", "acme.test");
    assert_eq!(of(super::ACME), r#"{"shop":"blue"}"#);
    assert_eq!(of(&moved), of(super::ACME));
}
