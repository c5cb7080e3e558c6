//! The files as they lie in the repository: complete for a person, and icons that are safe to serve.

use credenza::catalog::lint::lint;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn files_of(name: &str, ending: &str) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder(name)).expect(name).map(|entry| entry.expect("an entry").path());
    let wanted = entries.filter(|path| path.extension().is_some_and(|e| e == ending));
    let named = |path: PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
    wanted.map(|path| (named(path.clone()), fs::read_to_string(path).expect("a text"))).collect()
}

fn shipped() -> BTreeMap<String, Table> {
    let files = files_of("catalog", "toml").into_iter().filter(|(name, _)| name != "_defaults");
    files.map(|(name, text)| (name, text.parse::<Table>().expect("TOML"))).collect()
}

fn tables<'a>(parent: &'a Table, key: &str) -> Vec<&'a Table> {
    parent.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table).collect()
}

fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    table.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn the_catalogue_ships_the_promised_services_and_methods() {
    let wanted = [
        ("airtable", vec!["token"]),
        ("anthropic", vec!["api_key"]),
        ("asaas", vec!["api_key"]),
        ("brevo", vec!["api_key"]),
        ("deepseek", vec!["api_key"]),
        ("discord", vec!["bot_token"]),
        ("github", vec!["token"]),
        ("google-gemini", vec!["api_key"]),
        ("google-sheets", vec!["service_account"]),
        ("groq", vec!["api_key"]),
        ("http", vec!["bearer", "header", "query", "basic"]),
        ("hubspot", vec!["private_app"]),
        ("mailgun", vec!["api_key", "sending_key"]),
        ("mercado-pago", vec!["access_token"]),
        ("mistral", vec!["api_key"]),
        ("notion", vec!["token"]),
        ("omie", vec!["app_key"]),
        ("openai", vec!["api_key"]),
        ("pagarme", vec!["secret_key"]),
        ("pipedrive", vec!["api_token"]),
        ("rd-station", vec!["marketing_api_key", "crm_token"]),
        ("salesforce", vec!["jwt", "client_credentials"]),
        ("sap-business-one", vec!["session"]),
        ("sendgrid", vec!["api_key"]),
        ("shopify", vec!["admin_token", "client_credentials"]),
        ("slack", vec!["bot_token"]),
        ("smtp", vec!["password"]),
        ("stripe", vec!["api_key"]),
        ("supabase", vec!["secret_key", "own_address"]),
        ("telegram", vec!["bot_token"]),
        ("twilio", vec!["api_key", "auth_token"]),
        ("vtex", vec!["app_key"]),
        ("website", vec!["webhook"]),
        ("whatsapp-cloud", vec!["system_user"]),
        ("woocommerce", vec!["basic", "query"]),
        ("zendesk", vec!["oauth_client", "api_token"]),
    ];
    let shipped = shipped();
    for (id, methods) in wanted {
        let file = shipped.get(id).unwrap_or_else(|| panic!("{id} is missing"));
        assert_eq!(text(file, "id"), id);
        let found: BTreeSet<_> = tables(file, "method").iter().map(|m| text(m, "id")).collect();
        assert!(methods.iter().all(|m| found.contains(m)), "{id}: {found:?}");
    }
}

#[test]
fn every_file_tells_a_person_all_there_is_to_know() {
    for (id, file) in shipped() {
        for key in ["name", "category", "docs"] {
            assert!(!text(&file, key).is_empty(), "{id}: {key}");
        }
        for key in ["search", "guide"] {
            assert!(file.get(key).and_then(Value::as_array).is_some_and(|list| list.len() >= 2), "{id}: {key}");
        }
        assert!(file.contains_key("checked_on") && (file.contains_key("icon") || file.contains_key("tile")), "{id}");
        tables(&file, "field").iter().for_each(|field| complete_field(&id, field));
        for method in tables(&file, "method") {
            let place = format!("{id}.{}", text(method, "id"));
            assert!(text(method, "permissions").len() > 40, "{place}: permissions");
            let rotation =
                method.get("rotation").and_then(Value::as_table).unwrap_or_else(|| panic!("{place}: rotation"));
            assert!(rotation.contains_key("every_days") && text(rotation, "how").len() > 40, "{place}: rotation");
            tables(method, "field").iter().for_each(|field| complete_field(&place, field));
        }
    }
}

fn complete_field(place: &str, field: &Table) {
    let name = text(field, "name");
    let asked = text(field, "source").is_empty();
    assert!(text(field, "help").len() > 20, "{place}: field {name} has no help");
    assert!(text(field, "docs").starts_with("https://"), "{place}: field {name} has no docs");
    let chosen = ["select", "switch"].contains(&text(field, "kind"));
    assert!(chosen || !asked || !text(field, "placeholder").is_empty(), "{place}: field {name} has no example");
    let strict = field.contains_key("pattern") && asked;
    assert!(!strict || !text(field, "pattern_hint").is_empty(), "{place}: field {name} refuses without a word");
}

#[test]
fn the_shipped_files_leave_nothing_to_look_at() {
    let checked = super::shipped().all().iter().map(|one| one.checked_on).max().expect("a date");
    let findings: Vec<String> = lint(super::shipped(), checked).iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn every_hint_is_a_sentence_with_a_next_step() {
    for (id, file) in shipped() {
        let own = file.get("check").and_then(Value::as_table);
        let inner = tables(&file, "method").into_iter().filter_map(|m| m.get("check").and_then(Value::as_table));
        for rule in own.into_iter().chain(inner).flat_map(|check| tables(check, "on")) {
            let hint = text(rule, "hint");
            assert!(hint.ends_with('.') && hint.len() > 50, "{id}: {hint}");
        }
    }
}

#[test]
fn the_files_name_no_source_by_a_short_mark() {
    for (name, content) in files_of("catalog", "toml") {
        for line in content.lines().filter(|line| line.contains("src:")) {
            assert!(
                line.contains("src: https://") || line.contains("src: the page") || line.contains("src: same page"),
                "{name}: {line}"
            );
        }
    }
}

#[test]
fn icons_are_small_square_and_harmless() {
    let icons = files_of("static/icons", "svg");
    assert!(!icons.is_empty());
    for (name, svg) in &icons {
        assert!(svg.len() < 4096, "{name}: {} bytes", svg.len());
        for bad in ["<script", "style", "href", "<image", "<foreignObject", "<text", "data:", " on", "<!", "<?"] {
            assert!(!svg.contains(bad), "{name}: {bad}");
        }
        let view: Vec<f64> =
            between(svg, "viewBox=\"", "\"").split(' ').map(|n| n.parse().expect("a number")).collect();
        assert!(view.len() == 4 && view[2] == view[3], "{name}: {view:?}");
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" "), "{name}");
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map_or("", |(inside, _)| inside)
}

#[test]
fn every_icon_belongs_to_a_service_and_stands_in_the_notice() {
    let notice = fs::read_to_string(folder("NOTICE")).expect("the notice");
    let used: BTreeSet<String> =
        shipped().values().map(|file| text(file, "icon").to_owned()).filter(|i| !i.is_empty()).collect();
    let there: BTreeSet<String> =
        files_of("static/icons", "svg").into_keys().map(|name| format!("{name}.svg")).collect();
    assert_eq!(used, there);
    for icon in used {
        assert!(notice.contains(&icon), "{icon}");
    }
}
