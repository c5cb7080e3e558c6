//! Habits that no compiler holds us to.

#![cfg(test)]

use crate::layers::{code, files, folder};
use regex::Regex;
use std::fs;

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern")
}

/// What in a template runs, or lets text through as markup.
const FORBIDDEN: [&str; 8] = [
    r"\|\s*safe\b",
    r#"escape\s*=\s*"none""#,
    r"<script(?:[^>]*)>\s*[^<\s]",
    r"<style\b",
    r"\sstyle\s*=",
    r#"\son[a-z]+\s*=\s*["']"#,
    r"hx-on|data-hx-on",
    r"javascript:|\bjs:",
];

#[test]
fn t060_templates_neither_run_nor_trust_anything() {
    let templates = files(&folder("templates"), "html");
    assert!(templates.len() > 20);
    for path in templates {
        let text = fs::read_to_string(&path).expect("a template");
        for forbidden in FORBIDDEN {
            let found = pattern(forbidden).find(&text).map(|found| found.as_str().to_owned());
            assert_eq!(found, None, "{}", path.display());
        }
        let script = pattern(r"<script([^>]*)>");
        assert!(script.captures_iter(&text).all(|c| c[1].contains("src=")), "{}", path.display());
        // A value stands between double quotes: unquoted, a space in it would begin another attribute.
        let unquoted = pattern(r"<[a-z][^<>{}]*\s[a-z-]+=\{\{").find(&text).map(|found| found.as_str().to_owned());
        assert_eq!(unquoted, None, "{}", path.display());
    }
    let settings = fs::read_to_string(folder("askama.toml")).expect("askama.toml");
    assert!(!settings.contains("escaper"), "only the usual escaping");
    for path in files(&folder("src"), "rs") {
        let text = fs::read_to_string(&path).expect("a source");
        assert!(!text.contains("escape = \"none\"") && !text.contains("|safe"), "{}", path.display());
    }
}

#[test]
fn t060_the_patterns_see_what_they_forbid() {
    for bad in [
        "{{ name | safe }}",
        "{{ name|safe }}",
        "<script>alert(1)</script>",
        "<style>p{}</style>",
        "<p style=\"x\">",
        "<a onclick=\"x()\">",
        "<a hx-on:click=\"x()\">",
        "<a href=\"javascript:x\">",
        "hx-vals='js:{}'",
    ] {
        assert!(FORBIDDEN.iter().any(|forbidden| pattern(forbidden).is_match(bad)), "{bad}");
    }
}

#[test]
fn t048_sql_is_written_in_the_room_of_the_database_only() {
    let words = pattern(r#"(?s)format!\(\s*"[^"]*\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|PRAGMA|WHERE)\b"#);
    let raw = pattern(r"\bsql_query\b|\bbatch_execute\b|dsl::sql\b|\bsql::<");
    assert!(words.is_match("format!(\"SELECT * FROM {table}\")") && raw.is_match("diesel::sql_query(x)"));
    for path in files(&folder("src"), "rs") {
        let Some(code) = code(&path) else { continue };
        if path.starts_with(folder("src/db")) {
            continue;
        }
        assert!(!words.is_match(&code), "{} builds SQL", path.display());
        assert!(!raw.is_match(&code), "{} runs raw SQL", path.display());
    }
}

#[test]
fn t123_secrets_are_not_compared_with_equals() {
    // A word such as “1” in a form is no secret.
    let left = pattern(r#"\.expose\(\)\s*(==|!=)\s*[^"\s]"#);
    let right = pattern(r"(==|!=)\s*[\w.&()]*\.expose\(\)");
    assert!(left.is_match("a.expose() == b") && right.is_match("b != self.a.expose()"));
    assert!(!left.is_match("a.expose() == \"1\""));
    for path in files(&folder("src"), "rs") {
        let Some(code) = code(&path) else { continue };
        assert!(!left.is_match(&code) && !right.is_match(&code), "{} compares a secret", path.display());
    }
}

/// Fields of structs that are printed for a programmer, named like a secret, of a plain type; and why they are none.
const NAMED_LIKE_A_SECRET: [(&str, &str); 9] = [
    ("Shown.typed_secrets", "the names of the boxes"),
    ("Stored.secrets", "the names of the fields"),
    ("OAuth.token_path", "an address of the catalogue"),
    ("CredentialPlan.tokens", "the demo's made-up ones"),
    ("OAuthApp.secret_names", "the names of the fields"),
    ("SignInRow.password_hash", "what is stored of a password, hashed with the pepper"),
    ("Version.secret_names", "the names of the fields"),
    ("SettingsPage.tokens", "the address of a page"),
    ("OwnerView.tokens", "the address of a page"),
];

/// The fields of structs with a derived `Debug` that are named like a secret and would be printed as they are.
fn printed_secrets(code: &str) -> Vec<String> {
    let derived = pattern(
        r"(?xs) \#\[derive\( ([^)]*\bDebug\b[^)]*) \)\]\s* (?:\#\[[^\n]*\]\s*)*
          (?:pub(?:\([^)]*\))?\s+)? struct\s+(\w+)[^{;(]* \{([^}]*)\}",
    );
    let field = pattern(r"(?m)^\s*(?:pub(?:\([^)]*\))?\s+)?(\w+):\s*(.+?),?\s*$");
    let secret = pattern(
        r"(?x) (?:^|_)
          (?:passwords?|passphrase|secrets?|tokens?|api_key|private_key|verifier|seed|pepper|bearer|authorization)
          (?:_|$)",
    );
    let (plain, sealed) = (pattern(r"\b(String|str|u8)\b"), pattern(r"\bSecret\b"));
    let mut found = Vec::new();
    for item in derived.captures_iter(code) {
        for one in field.captures_iter(&item[3]) {
            if secret.is_match(&one[1]) && plain.is_match(&one[2]) && !sealed.is_match(&one[2]) {
                found.push(format!("{}.{}", &item[2], &one[1]));
            }
        }
    }
    found
}

#[test]
fn t077_what_is_named_like_a_secret_is_of_a_type_that_prints_none() {
    let bad = "#[derive(Clone, Debug)]\n#[diesel(table_name = x)]\npub struct Sent<'a> {\n    pub api_key: String,\n\
               secret: Secret,\nold_password: Option<&'a str>,\nseed: [u8; 20],\nname: String,\n}\n";
    assert_eq!(printed_secrets(bad), ["Sent.api_key", "Sent.old_password", "Sent.seed"]);
    assert!(printed_secrets(&bad.replace("Debug", "Default")).is_empty());
    let sources = files(&folder("src"), "rs");
    let sources: Vec<String> = sources.iter().filter_map(|path| code(path)).collect();
    let found = printed_secrets(&sources.join("\n"));
    let reasoned: Vec<&str> = NAMED_LIKE_A_SECRET.iter().map(|(field, _)| *field).collect();
    for field in &found {
        assert!(reasoned.contains(&field.as_str()), "{field} prints what it holds: make it a Secret");
    }
    for field in reasoned {
        assert!(found.iter().any(|one| one == field), "{field} is not there any more");
    }
}

#[test]
fn t012_whoever_checks_a_password_counts_the_attempt_first() {
    let checks = pattern(r"hasher\s*\.\s*verify\(");
    let mut found = Vec::new();
    for path in files(&folder("src"), "rs").into_iter().filter(|path| !path.starts_with(folder("src/crypto"))) {
        let Some(code) = code(&path) else { continue };
        for check in checks.find_iter(&code) {
            let before = &code[..check.start()];
            let function = before.rfind("\nasync fn ").unwrap_or_default();
            assert!(before[function..].contains("attempt::reserve("), "{} checks before it counts", path.display());
            found.push(path.clone());
        }
    }
    assert_eq!(found, [folder("src/web/proof.rs")], "every place that checks a password");
}

#[test]
fn t027_only_the_route_table_registers_routes() {
    let registers =
        pattern(r"web::(resource|scope|route)\(|\.(route|service|default_service)\(|#\[(get|post|put|delete|route)\b");
    let mut found = Vec::new();
    for path in files(&folder("src"), "rs") {
        let Some(code) = code(&path) else { continue };
        if code.contains("actix_web") && registers.is_match(&code) {
            found.push(path);
        }
    }
    // The server itself serves the static files, which have no policy; the exporter has one address on a listener
    // of its own, where nobody has a session. The machine API has a table of its own; what Vault's clients ask for is
    // told apart by the path behind one address.
    let exporter = folder("src/server/exporter.rs");
    let (machine, vault) = (folder("src/api/routes.rs"), folder("src/api/vault/mod.rs"));
    let tables =
        [machine.clone(), vault.clone(), exporter.clone(), folder("src/server.rs"), folder("src/web/routes.rs")];
    assert_eq!(found, tables);
    let machine = code(&machine).expect("a source");
    let body = machine.split("pub fn table()").nth(1).and_then(|rest| rest.split("\n}\n").next()).expect("the table");
    assert_eq!(
        pattern(r"\b(row\(|manages::<)").find_iter(body).count(),
        credenza::api::routes::table().len(),
        "each row names its scopes, or the permission of those that manage"
    );
    assert_eq!(pattern(r"web::(resource|scope)\(").find_iter(&machine).count(), 2, "the scope, and the rows in it");
    let vault = code(&vault).expect("a source");
    assert_eq!(pattern(r"web::(resource|scope)\(").find_iter(&vault).count(), 2, "one address for all of Vault's");
    let exporter = code(&exporter).expect("a source");
    assert!(exporter.contains("web::resource(\"/metrics\")"));
    assert_eq!(pattern(r"web::(resource|scope|route)\(").find_iter(&exporter).count(), 1, "one address");
    let server = code(&folder("src/server.rs")).expect("a source");
    assert_eq!(server.matches(".service(").count(), 3, "the pages, a scope of files and the files in it");
    let table = code(&folder("src/web/routes.rs")).expect("a source");
    let row = pattern(r"\b(public|signed_in|workspace::<\w+, _, _>)\(");
    let body = table.split("pub fn table()").nth(1).and_then(|rest| rest.split("\n}\n").next()).expect("the table");
    assert_eq!(row.find_iter(body).count(), credenza::web::routes::table().len(), "each row names its policy");
}
