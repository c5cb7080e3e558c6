//! T171: the database of each released version is brought up to date and opened whole by every later one.
//!
//! `tests/it/golden/<version>` holds one, with its root key and with what is in it. The one of a new version is made
//! by this, once, when the version is released:
//!
//! ```text
//! GOLDEN=tests/it/golden/0.1.0 cargo test --test it t171_a_new_golden
//! ```

use super::{Inside, secret_of, webhook};
use crate::layers::folder;
use crate::support::app::catalog;
use crate::support::program::{Browser, Home};
use credenza::catalog::destination;
use credenza::catalog::form::Values;
use credenza::model::credential_change::{self as change, Content, Kind, NewCredential, Rotated};
use credenza::model::permission::Allowed;
use credenza::model::workspace::Workspace;
use credenza::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What must be found in a golden database.
#[derive(Debug, Serialize, Deserialize)]
struct Expected {
    /// The secrets in use, by the name of their credential.
    secrets: BTreeMap<String, String>,
    /// The lines in which a drill says what it went through.
    drilled: Vec<String>,
}

const DATABASE: &str = "credenza.db";
const KEY: &str = "root.key";
const EXPECTED: &str = "expected.json";

/// A credential of any service, with one secret.
fn credential(service: &str, method: &str, name: &str, plain: &[(&str, &str)], field: &str) -> NewCredential {
    let (integration, found) =
        catalog().method(service, method).map(|(i, m)| (i.clone(), m.clone())).expect("a method");
    let values = Values {
        plain: plain.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        secret: BTreeMap::from([(field.to_owned(), Secret::new(secret_of(name)))]),
    };
    let new = webhook(name, "");
    NewCredential {
        kind: Kind { integration: service.to_owned(), service: integration.name, method: method.to_owned() },
        content: Content { destination: destination::destination(&found, &values.plain), values, ..new.content },
        ..new
    }
}

/// Makes one of everything that this version keeps: services of several kinds, a rotated secret, a deleted
/// credential, a rotated key, a second workspace.
async fn make(dir: &Path) {
    let home = Home::set_up();
    let inside = Inside::of(&home);
    inside.fill("webhook", 2).await;
    let workspace = inside.read(|conn| Workspace::find(conn, "acme")).await.expect("acme").id;
    let (means, owner) = (inside.means.clone(), workspace.clone());
    let all = move |tx: &mut credenza::db::Tx<'_>| {
        let smtp = [("host", "mail.example.com"), ("tls", "starttls"), ("port", "587"), ("user", "orders")];
        let bearer = [("base_url", "https://api.example.com"), ("check_path", "/me")];
        let (gone, changed) = (webhook("deleted", &secret_of("deleted")), webhook("rotated", "the first one"));
        for new in [
            &credential("smtp", "password", "mail", &smtp, "password"),
            &credential("http", "bearer", "service", &bearer, "token"),
            &gone,
            &changed,
        ] {
            change::create(tx, &means, &Allowed::operator(owner.clone()), new)?;
        }
        change::delete(tx, &means, &Allowed::operator(owner.clone()), &gone.id, None, "")?;
        let second = webhook("rotated", &secret_of("rotated"));
        let rotated = Rotated {
            revision: None,
            live_version: 1,
            service: "Website".to_owned(),
            content: second.content,
            report: second.report,
            serve: credenza::model::credential_change::Serve::Now,
            keep: chrono::TimeDelta::zero(),
        };
        change::rotate(tx, &means, &Allowed::operator(owner.clone()), &changed.id, &rotated)?;
        Ok(())
    };
    inside.db.write(all).await.expect("credentials");
    assert_eq!(home.said(&["workspace", "add", "--name", "Second"]).0, Some(0));
    assert_eq!(home.said(&["keys", "rotate"]).0, Some(0));
    fs::create_dir_all(dir).expect("a directory");
    let file = dir.join(DATABASE);
    let (code, said) = home.said(&["backup", &file.display().to_string()]);
    assert_eq!(code, Some(0), "{said}");
    fs::copy(home.data().join(KEY), dir.join(KEY)).expect("the key");
    let (code, said) = home.said(&["drill", &file.display().to_string()]);
    assert_eq!(code, Some(0), "{said}");
    let drilled = said.lines().filter(|line| line.contains(": ")).map(str::to_owned).collect();
    let expected = Expected { secrets: Inside::of(&home).secrets().await, drilled };
    let text = serde_json::to_string_pretty(&expected).expect("JSON") + "\n";
    fs::write(dir.join(EXPECTED), text).expect("a file");
}

/// Brings a golden database up to date and holds it against what must be in it.
async fn judge(dir: &Path) {
    let what = dir.display();
    let expected: Expected =
        serde_json::from_str(&fs::read_to_string(dir.join(EXPECTED)).expect("expected.json")).expect("JSON");
    assert!(expected.secrets.len() >= 6 && expected.drilled.len() >= 4, "{what} holds too little to prove anything");
    let home = Home::set_up();
    for (from, to, mode) in [(DATABASE, DATABASE, 0o600), (KEY, KEY, 0o600)] {
        for tail in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(home.data().join(format!("{to}{tail}")));
        }
        fs::copy(dir.join(from), home.data().join(to)).expect("a copy");
        fs::set_permissions(home.data().join(to), fs::Permissions::from_mode(mode)).expect("a mode");
    }
    // As on a machine that never saw it before.
    fs::remove_file(home.data().join("anchor")).expect("the anchor of another database");
    let (code, said) = home.said(&["drill", &dir.join(DATABASE).display().to_string()]);
    assert_eq!(code, Some(0), "{what}: {said}");
    for line in &expected.drilled {
        assert!(said.contains(line), "{what}: {line} is missing: {said}");
    }
    assert_eq!(home.said(&["workspace", "list"]).0, Some(0), "{what}: brought up to date");
    let inside = Inside::of(&home);
    assert_eq!(inside.secrets().await, expected.secrets, "{what}");
    let (faults, _) = inside.drill().await;
    assert!(faults.is_empty(), "{what}: {faults:#?}");
    assert_eq!(home.said(&["audit", "verify"]).0, Some(0), "{what}");
    let serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    let list = admin.get("/w/acme/credentials").await.expect("an answer");
    assert!(list.status == 200 && list.body.contains("rotated") && list.body.contains("mail"), "{what}: {}", list.body);
    drop(serving);
    assert_eq!(home.said(&["keys", "rotate"]).0, Some(0), "{what}: its keys rotate");
    assert_eq!(Inside::of(&home).secrets().await, expected.secrets, "{what}");
}

fn golden() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder("tests/it/golden")).expect("golden databases");
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

#[tokio::test]
async fn t171_t175_every_golden_database_opens() {
    assert!(!golden().is_empty());
    for dir in golden() {
        let before: Vec<Vec<u8>> =
            [DATABASE, KEY].iter().map(|name| fs::read(dir.join(name)).expect("a file")).collect();
        judge(&dir).await;
        let after: Vec<Vec<u8>> =
            [DATABASE, KEY].iter().map(|name| fs::read(dir.join(name)).expect("a file")).collect();
        assert!(before == after, "{} was changed", dir.display());
    }
}

#[tokio::test]
async fn t171_a_new_golden_database_is_made_and_opens() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = std::env::var_os("GOLDEN").map_or_else(|| scratch.path().to_owned(), |dir| folder("").join(dir));
    make(&dir).await;
    judge(&dir).await;
}
