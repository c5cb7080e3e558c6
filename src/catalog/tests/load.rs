use super::{ACME, load};
use crate::catalog::Catalog;
use crate::catalog::schema::Edit;

/// Replaces a part of the file and says how it is refused.
fn refused(from: &str, to: &str) -> String {
    assert!(ACME.contains(from), "{from}");
    load(&ACME.replacen(from, to, 1)).expect_err(to).to_string()
}

#[test]
fn the_shipped_catalogue_loads() {
    let catalog = Catalog::load(None).unwrap();
    assert!(catalog.defaults().len() > 20);
}

#[test]
fn top_level_tables_are_inherited() {
    let catalog = load(ACME).unwrap();
    let (one, method) = catalog.method("acme", "api_key").unwrap();
    let names: Vec<&str> = method.fields.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["shop", "key"]);
    assert_eq!(method.inject.headers.0.len(), 1);
    assert_eq!(method.check.on[0].code(), "status_402");
    assert_eq!(method.edit, Edit::Full);
    assert!(method.checks_by_itself());
    assert_eq!(one.methods.len(), 1);
    assert_eq!(method.secret_fields().count(), 1);
}

#[test]
fn search_folds_case_and_accents_and_takes_word_starts() {
    let catalog = load(ACME).unwrap();
    for query in ["ACM", "lóJA", "sao", "paulo acme", "crm", ""] {
        assert_eq!(catalog.search(query).len(), 1, "{query}");
    }
    for query in ["cme", "acme x"] {
        assert!(catalog.search(query).is_empty(), "{query}");
    }
    assert_eq!(catalog.categories()[0].label, "CRM");
}

#[test]
fn errors_name_file_key_and_reason() {
    let with_bounds = "name = \"port\"\n  label = \"Port\"\n  kind = \"number\"\n  min = 9\n  max = 1\n\n  [[method.field]]\n  name = \"key\"";
    let error = refused("name = \"key\"", with_bounds);
    assert_eq!(error, "acme.toml: method \"api_key\", field \"port\": min is greater than max");
    let error = refused("category =", "categori =");
    assert!(error.starts_with("acme.toml: key \"categori\", line 5: unknown field"), "{error}");
    let error = refused("^ac_[a-z0-9]+$", "^ac_(");
    assert!(error.contains("is not a pattern"), "{error}");
}

#[test]
fn a_key_can_only_go_to_listed_hosts() {
    assert!(refused("https://{shop}.acme.example/v1", "https://evil.test").contains("not in egress.hosts"));
    assert!(refused("https://{shop}.acme.example/v1", "https://{shop}/v1").contains("cannot be a whole host"));
    assert!(refused("https://{shop}.acme.example/v1", "https://{shop}.example").contains("fixed suffix"));
    assert!(refused("https://{shop}.acme.example/v1", "https://acme.example.{shop}").contains("fixed suffix"));
    assert!(refused("https://{shop}.acme.example/v1", "{shop}/v1").contains("kind url"));
    assert!(refused("https://{shop}.acme.example/v1", "http://x.acme.example").contains("https only"));
    assert!(refused("*.acme.example", "*.example").contains("neither a host nor"));
    assert!(refused("hosts = [\"*.acme.example\"]", "ports = [443]").contains("host_field"));
}

#[test]
fn templates_name_only_what_is_there() {
    assert!(refused("Bearer {key}", "Bearer {token}").contains("nothing gives {token}"));
    assert!(refused("Bearer {key}", "Bearer {ke y}").contains("is not a name"));
    assert!(refused("Bearer {key}", "Bearer {key|rot13}").contains("is not a filter"));
    assert!(refused("Bearer {key}", "Bearer {key").contains("not closed"));
}

#[test]
fn secrets_stay_out_of_sentences() {
    assert!(refused("account of {shop}", "account of {key}").contains("nothing gives {key}"));
    assert!(refused("cost = \"free\"", "identity = \"{key}\"\ncost = \"free\"").contains("nothing gives {key}"));
    let note = "kind = \"api_key\"\n[method.notes]\nafter_save = \"{key}\"";
    assert!(refused("kind = \"api_key\"", note).contains("unknown or secret"));
}

#[test]
fn t051_headers_of_the_connection_cannot_be_written_in_a_file() {
    for name in ["Host", "Content-Length", "Transfer-Encoding", "Connection", "X-aws-ec2-metadata-token"] {
        assert!(refused("Authorization", name).contains("belongs to the connection"), "{name}");
    }
    assert!(refused("Authorization", "\"{shop}\"").contains("header_name"));
}

#[test]
fn checks_are_free_and_harmless() {
    assert!(refused("cost = \"free\"", "cost = \"billed\"").contains("unknown variant"));
    assert!(refused("cost = \"free\"\n", "").contains("say what it costs"));
    assert!(refused("request = { url", "request = { method = \"DELETE\", url").contains("must not change"));
    assert!(refused("kind = \"http\"", "kind = \"format\"").contains("why"));
    assert!(refused("kind = \"http\"", "kind = \"sql\"").contains("this version"));
    let counts = load(&ACME.replace("cost = \"free\"", "cost = \"counts\"")).unwrap();
    assert!(!counts.method("acme", "api_key").unwrap().1.checks_by_itself());
}

#[test]
fn fields_are_consistent() {
    let more = |keys: &str| refused("kind = \"secret\"", &format!("kind = \"secret\"\n{keys}"));
    assert!(more("show_if = { field = \"later\", filled = true }").contains("not an earlier field"));
    assert!(more("show_if = { field = \"key\", filled = true }").contains("not an earlier field"));
    assert!(more("show_if = { field = \"shop\" }").contains("one of equals"));
    let reject = |when: &str| more(&format!("reject = [{{ pattern = '^x', hint = \"No.\", when = {{ {when} }} }}]"));
    assert!(reject("field = \"other\", filled = true").contains("there is no field"));
    assert!(reject("field = \"key\", filled = true").contains("about itself"));
    assert!(reject("field = \"shop\"").contains("one of equals"));
    assert!(more("default = \"x\"").contains("no default"));
    assert!(more("options = [{ value = 1, label = \"x\" }]").contains("select"));
    assert!(more("identity_path = \"x\"").contains("json_secret"));
    let file = "kind = \"pem_secret\"\n  normalise = [\"strip_spaces\"]";
    assert!(refused("kind = \"secret\"", file).contains("taken as it is"));
    assert!(refused("name = \"key\"", "name = \"shop\"").contains("two fields"));
    assert!(refused("name = \"shop\"", "name = \"code\"").contains("built in"));
    assert!(refused("^ac_[a-z0-9]+$", "ac_").contains("anchor"));
    assert!(refused("kind = \"api_key\"", "kind = \"oauth2\"").contains("needs its table"));
    assert!(refused("kind = \"api_key\"", "kind = \"api_key\"\nedit = \"rename\"").contains("edit_reason"));
    assert!(refused("id = \"acme\"", "id = \"other\"").contains("must be `acme`"));
}

#[test]
fn the_operators_folder_adds_but_never_replaces() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("acme.toml"), ACME).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not a catalogue file").unwrap();
    let catalog = Catalog::load(Some(folder.path())).unwrap();
    assert!(catalog.get("acme").unwrap().own);

    let twice = Catalog::of_files([("acme.toml", ACME), ("acme.toml", ACME)]).unwrap_err();
    assert!(twice.reason.contains("already there"), "{twice}");
    let other = ACME.replace("id = \"acme\"", "id = \"acme-two\"");
    let named = Catalog::of_files([("acme.toml", ACME), ("acme-two.toml", other.as_str())]).unwrap_err();
    assert_eq!(named.key, "name");

    std::fs::write(folder.path().join("_defaults.toml"), "").unwrap();
    assert_eq!(Catalog::load(Some(folder.path())).unwrap_err().file, "_defaults.toml");
    assert!(Catalog::load(Some(&folder.path().join("absent"))).is_err());
}
