//! The documents: what they name exists, and what exists they name.

use crate::layers::{files, folder};
use credenza::config::Config;
use credenza::egress::flow::Bounds;
use regex::Regex;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use yaml_rust2::{Yaml, YamlLoader};

fn documents() -> Vec<PathBuf> {
    let mut all = files(&folder("docs"), "md");
    all.extend(["README.md", "SECURITY.md", "CHANGELOG.md", "migrations/README.md"].map(folder));
    all
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern")
}

#[test]
fn links_and_paths_lead_somewhere() {
    let link = pattern(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)");
    let path = pattern(r"`((?:src|tests|docs|benches|packaging|templates|static|catalog|migrations)/[\w./-]*)`");
    let mut judged = 0;
    for document in documents() {
        let (text, beside) = (read(&document), document.parent().expect("a folder").to_owned());
        let links = link.captures_iter(&text).map(|c| beside.join(&c[1]));
        let paths = path.captures_iter(&text).map(|c| folder(&c[1]));
        for target in links.chain(paths) {
            judged += 1;
            assert!(target.exists(), "{} names {}", document.display(), target.display());
        }
    }
    assert!(judged > 60, "{judged} are judged");
}

#[test]
fn every_metric_is_described_and_every_described_one_exists() {
    let name = pattern(r"\b(?:credenza|process)_[a-z_]+[a-z]\b");
    let sources = files(&folder("src/measure"), "rs");
    let quoted = pattern(r#""((?:credenza|process)_[a-z_]+)""#);
    let told: BTreeSet<String> = sources
        .iter()
        .flat_map(|path| {
            let text = read(path);
            let text = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            quoted.captures_iter(&text).map(|c| c[1].to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let operations = read(&folder("docs/OPERATIONS.md"));
    let metrics = operations.split("## Monitoring").nth(1).and_then(|text| text.split("\n## ").next());
    let of_histogram = pattern(r"_(?:bucket|sum|count)$");
    let described: BTreeSet<String> = name
        .find_iter(metrics.expect("a section on monitoring"))
        .map(|found| of_histogram.replace(found.as_str(), "").into_owned())
        .collect();
    assert!(told.len() > 15, "{told:?}");
    assert_eq!(told, described);
}

#[test]
fn the_alerts_can_be_read() {
    let operations = read(&folder("docs/OPERATIONS.md"));
    let rules = operations.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("rules");
    let rules = &YamlLoader::load_from_str(rules).expect("YAML")[0];
    let rules = rules["groups"][0]["rules"].as_vec().expect("a list");
    assert!(rules.len() >= 10);
    for rule in rules {
        let expression = rule["expr"].as_str().expect("an expression");
        let balanced = expression.matches('(').count() == expression.matches(')').count();
        assert!(rule["alert"].as_str().is_some() && balanced && expression.contains(['<', '>', '=']), "{expression}");
        // Without it both sides need the same labels, and an alert whose sides differ never fires.
        let mut joined = expression.split(" and ").skip(1);
        assert!(joined.all(|side| side.starts_with("ignoring(") || side.starts_with("on(")), "{expression}");
    }
    let broken = |rule: &Yaml| rule["expr"].as_str() == Some("credenza_audit_broken_chains > 0");
    assert!(rules.iter().any(broken), "a broken chain is an alarm");
}

#[test]
fn the_proxy_lets_through_what_the_program_takes() {
    let operations = read(&folder("docs/OPERATIONS.md"));
    let block = |begin: &str| operations.split(begin).nth(1).and_then(|rest| rest.split("```").next());
    let nginx = block("```nginx\n").expect("a configuration");
    let calls = nginx.split("location /api/v1/ {").nth(1).and_then(|text| text.split('}').next()).expect("a location");
    let most = format!("client_max_body_size {}m;", Bounds::default().bytes >> 20);
    for line in [most.as_str(), "proxy_request_buffering off;", "proxy_buffering off;", "proxy_pass "] {
        assert!(calls.contains(line), "{line}");
    }
    let caddy = block("```caddyfile\n").expect("a configuration");
    assert!(caddy.lines().next().is_some_and(|line| line.ends_with('{')), "a block begins at the end of a line");
}

#[test]
fn every_setting_is_in_the_readme() {
    let readme = read(&folder("README.md"));
    let table: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `")).collect();
    for setting in Config::from([]).expect("the defaults").explain() {
        let named = format!("`{}`", setting.name);
        assert!(table.iter().any(|line| line.contains(&named)), "{} is not in the table", setting.name);
    }
}

#[test]
fn the_changes_of_this_version_are_told_in_their_sections() {
    let changes = read(&folder("CHANGELOG.md"));
    let newest = changes.split("\n## ").nth(1).expect("a version");
    for section in ["Before you upgrade", "Added", "Changed", "Fixed", "Security"] {
        assert!(newest.contains(&format!("### {section}\n")), "{section}");
    }
}
