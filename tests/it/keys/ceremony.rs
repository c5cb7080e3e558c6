//! Root keys: staged at the shell, promoted by the server that starts with them, retained, retired; and a new
//! instance root.

use super::{Inside, OTHER_KEY, days_ago, execute, key_file, keys, secret_of, shell};
use crate::support::app::{ACME, ROOT_KEY, TestApp, UMBRELLA, email};
use crate::support::dump::{dump, lines};
use crate::support::program::{Browser, Home, Serving, told};
use credenza::crypto::keyring::KeyringError;
use credenza::crypto::random::Random;
use credenza::crypto::root_key::RootKey;
use credenza::db::Conn;
use credenza::db::schema::{instance_roots as roots, users, workspace_keys};
use credenza::error::Error;
use credenza::jobs::keys as job;
use credenza::model::instance::{self, Opened};
use credenza::model::{Means, root_key, second_factor};
use diesel::prelude::*;
use std::sync::Arc;

/// Every row: version, label, state.
fn rows(conn: &mut Conn) -> Vec<(i32, String, String)> {
    roots::table
        .order((roots::version, roots::created_at))
        .select((roots::version, roots::root_label, roots::state))
        .load(conn)
        .expect("roots")
}

fn state_of(conn: &mut Conn, label: &str) -> String {
    roots::table.filter(roots::root_label.eq(label)).select(roots::state).first(conn).expect("a row")
}

fn opens(conn: &mut Conn, key: &str) -> Result<Means, KeyringError> {
    let key = RootKey::from_base64(key).expect("a root key");
    match instance::peek(conn, &key, &Random::system()).expect("a query").expect("an instance") {
        Opened::Ready(keyring) => Ok(Means { keyring: Arc::from(keyring), clock: credenza::clock::Clock::movable() }),
        Opened::Refused(error) => Err(error),
    }
}

#[tokio::test]
async fn a_root_key_is_changed_without_sealing_anything_anew() {
    let home = Home::set_up_on_any();
    Inside::of(&home).fill("kept", 3).await;
    let old_file = home.data().join("root.key");
    let old = RootKey::from_file(&old_file).expect("the old key").label().to_owned();
    let new_file = key_file(&home.data(), "new.key", OTHER_KEY);
    let new = RootKey::from_base64(OTHER_KEY).expect("the new key").label().to_owned();
    let with = |key: &str, args: &[&str]| told(home.command().env("CREDENZA_ROOT_KEY_FILE", key).args(args));
    let blobs = super::blobs(&mut home.connect());
    // Before it is staged the new one opens nothing.
    let (code, said) = with(&new_file, &["workspace", "list"]);
    assert!(code == Some(3) && said.contains(&old) && said.contains(&new), "{said}");
    let (code, said) = home.said(&["keys", "stage", "--file", &new_file]);
    assert!(code == Some(0) && said.contains(&new), "{said}");
    assert!(home.said(&["keys", "stage", "--file", &new_file]).1.contains("staged already"));
    assert_eq!(state_of(&mut home.connect(), &new), "staged");
    assert_eq!(state_of(&mut home.connect(), &old), "active");
    // A command with the staged key changes nothing; a server that starts with it makes it the active one.
    assert_eq!(with(&new_file, &["workspace", "list"]).0, Some(0));
    assert_eq!(state_of(&mut home.connect(), &new), "staged");
    let mut command = home.command();
    command.env("CREDENZA_ROOT_KEY_FILE", &new_file);
    let serving = Serving::start(command);
    assert_eq!(state_of(&mut home.connect(), &new), "active");
    assert_eq!(state_of(&mut home.connect(), &old), "retained");
    let admin = Browser::sign_in(&serving.base).await;
    let made = admin.post("/w/acme/credentials", &website("new")).await.expect("an answer");
    assert_eq!(made.status, 303);
    drop(serving);
    // Another process may still start with the old one, and the session goes on: the instance is the same.
    let serving = home.serve();
    assert_eq!(admin.moved(&serving.base).get("/w/acme/credentials").await.expect("an answer").status, 200);
    drop(serving);
    assert_eq!(state_of(&mut home.connect(), &old), "retained");
    let (code, said) = with(&new_file, &["keys", "status"]);
    assert!(
        code == Some(0) && said.contains(&format!("{new}  active")) && said.contains(&format!("{old}  retained")),
        "{said}"
    );
    // It is needed: a server has just run with it.
    let (code, said) = with(&new_file, &["keys", "retire", &old]);
    assert!(code == Some(2) && said.contains("--at-once"), "{said}");
    let (code, said) = with(&new_file, &["keys", "retire", &old, "--at-once"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = home.said(&["workspace", "list"]);
    assert!(code == Some(3) && said.contains(&new), "{said}");
    assert_eq!(super::blobs(&mut home.connect())[..3], blobs[..], "nothing was sealed anew");
    assert_eq!(with(&new_file, &["audit", "verify"]).0, Some(0));
    let written = dump(&mut home.connect())["audit_events"].join("\n");
    for action in ["root_key.staged", "root_key.promoted", "root_key.retired"] {
        assert!(written.contains(action), "{action}");
    }
    assert!(!written.contains(OTHER_KEY));
    let moved = key_file(&home.data(), "root.key", OTHER_KEY);
    assert_eq!(home.data().join("root.key").display().to_string(), moved);
    let found = Inside::of(&home).secrets().await;
    assert!(found.len() == 4 && found["kept 0"] == secret_of("kept 0"));
}

#[tokio::test]
async fn a_new_root_key_comes_from_a_file_a_variable_or_a_command() {
    let app = TestApp::start().await;
    let mut conn = app.database.connect();
    let own = app.means.keyring.label().to_owned();
    let file = key_file(app.dir.path(), "k", OTHER_KEY);
    let helper = format!("[\"/bin/cat\",\"{file}\"]");
    let staged = |args: &[&str]| {
        let mut all = vec!["keys", "stage"];
        all.extend(args);
        told(super::shell_command(&app, &all).env("NEW_ROOT_KEY", OTHER_KEY))
    };
    let label = RootKey::from_base64(OTHER_KEY).expect("a key").label().to_owned();
    for args in [["--file", file.as_str()], ["--env", "NEW_ROOT_KEY"], ["--command", helper.as_str()]] {
        let (code, said) = staged(&args);
        assert!(code == Some(0) && said.contains(&label) && !said.contains(OTHER_KEY), "{said}");
        // Withdrawn before anybody started with it.
        let (code, said) = shell(&app, &["keys", "retire", &label]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(state_of(&mut conn, &label), "retired");
        execute(&mut conn, &format!("DELETE FROM instance_roots WHERE root_label = '{label}'"));
    }
    std::fs::write(&file, ROOT_KEY).expect("a file");
    let (code, said) = staged(&["--file", &file]);
    assert!(code == Some(2) && said.contains("the one in use"), "{said}");
    std::fs::write(&file, "A".repeat(43) + "=").expect("a file");
    assert_eq!(staged(&["--file", &file]).0, Some(3), "a weak one");
    assert_eq!(staged(&["--file", "/no/such/file"]).0, Some(3));
    assert_eq!(staged(&["--env", "NO_SUCH_VARIABLE"]).0, Some(3));
    assert_eq!(staged(&["--command", "cat $HOME/x"]).0, Some(2));
    assert_eq!(staged(&["--command", "/no/such/program"]).0, Some(3));
    assert_eq!(staged(&[]).0, Some(2));
    assert_eq!(staged(&["--env", "A", "--file", "B"]).0, Some(2));
    assert_eq!(rows(&mut conn), [(1, own, "active".to_owned())]);
}

#[tokio::test]
async fn a_root_key_that_is_needed_is_not_retired() {
    let app = TestApp::start().await;
    let (mut conn, means) = (app.database.connect(), app.means.clone());
    let new = Arc::new(RootKey::from_base64(OTHER_KEY).expect("a key"));
    let retire = async |means: &Means, label: &str, at_once: bool| {
        let (means, label) = (means.clone(), label.to_owned());
        match app.db.write(move |tx| root_key::retire(tx, &means, &label, at_once)).await {
            Ok(()) => String::new(),
            Err(Error::Conflict(text)) => text,
            Err(other) => panic!("{other:?}"),
        }
    };
    let own = means.keyring.label().to_owned();
    assert!(retire(&means, &own, true).await.contains("the active one"));
    assert!(retire(&means, "0123456789abcdef", true).await.contains("No root key"));
    let (unit, key) = (means.clone(), new.clone());
    assert!(app.write(move |tx| root_key::stage(tx, &unit, &key)).await);
    // Another one cannot be staged beside it.
    let third = Arc::new(RootKey::from_base64("zM3n0bV7cX1kL9pQ5rT2wY8uJ4hG6fD0sA1eI3oKqWc=").expect("a key"));
    let unit = means.clone();
    let refused = app.db.write(move |tx| root_key::stage(tx, &unit, &third)).await;
    assert!(matches!(refused, Err(Error::Conflict(text)) if text.contains(new.label())));
    let promoted = opens(&mut conn, OTHER_KEY).expect("the new key opens");
    let unit = promoted.clone();
    assert!(app.write(move |tx| root_key::promote(tx, &unit)).await);
    let unit = promoted.clone();
    assert!(!app.write(move |tx| root_key::promote(tx, &unit)).await, "once only");
    // By a command that was given the old key itself.
    assert!(retire(&means, &own, true).await.contains("itself"));
    assert!(retire(&means, new.label(), true).await.contains("the active one"));
    let used = |conn: &mut Conn, at| {
        let row = roots::table.filter(roots::root_label.eq(&own));
        diesel::update(row).set(roots::used_at.eq(Some(at))).execute(conn).expect("a row");
    };
    used(&mut conn, days_ago(6));
    assert!(retire(&promoted, &own, false).await.contains("--at-once"));
    used(&mut conn, days_ago(8));
    // What is wrapped under it alone keeps it.
    let row = roots::table.filter(roots::root_label.eq(&own));
    let wrapped: Vec<u8> = row.select(roots::wrapped).first(&mut conn).expect("a row");
    diesel::insert_into(roots::table)
        .values((
            roots::version.eq(2),
            roots::root_label.eq(&own),
            roots::check_value.eq(""),
            roots::wrapped.eq(&wrapped),
            roots::state.eq("retained"),
            roots::created_at.eq(days_ago(9)),
        ))
        .execute(&mut conn)
        .expect("a row");
    assert!(retire(&promoted, &own, true).await.contains("wrapped under"));
    execute(&mut conn, "DELETE FROM instance_roots WHERE version = 2");
    assert_eq!(retire(&promoted, &own, false).await, "");
    assert!(matches!(opens(&mut conn, ROOT_KEY), Err(KeyringError::WrongRootKey { .. })));
    assert!(opens(&mut conn, OTHER_KEY).is_ok());
    let left: Vec<Vec<u8>> = row.select(roots::wrapped).load(&mut conn).expect("rows");
    assert_eq!(left, [Vec::<u8>::new()]);
    // A key that was in use once does not come back.
    let (unit, old) = (promoted.clone(), Arc::new(RootKey::from_base64(ROOT_KEY).expect("a key")));
    let refused = app.db.write(move |tx| root_key::stage(tx, &unit, &old)).await;
    assert!(matches!(refused, Err(Error::Conflict(text)) if text.contains("Make a new one")));
}

#[tokio::test]
async fn a_new_instance_root_takes_over_at_a_start_and_the_keys_below_it_follow() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.website(&admin, "Shop", "the first signing secret").await;
    let mut conn = app.database.connect();
    with_app(&app).await;
    let (code, said) = shell(&app, &["keys", "rotate", "--instance-root"]);
    assert!(code == Some(0) && said.contains("Instance root 2 is staged"), "{said}");
    assert_eq!(shell(&app, &["keys", "rotate", "--instance-root"]).0, Some(2), "one at a time");
    let file = key_file(app.dir.path(), "k", OTHER_KEY);
    assert_eq!(shell(&app, &["keys", "stage", "--file", &file]).0, Some(2), "nor a root key beside it");
    // Until a server starts, the first one seals.
    assert_eq!(opens(&mut conn, ROOT_KEY).expect("it opens").keyring.root_version(), 1);
    app.website(&admin, "Form", "a secret of the other one").await;
    let means = opens(&mut conn, ROOT_KEY).expect("it opens");
    let unit = means.clone();
    assert!(app.write(move |tx| root_key::promote(tx, &unit)).await);
    let own = app.means.keyring.label().to_owned();
    let state = |version, state: &str| (version, own.clone(), state.to_owned());
    assert_eq!(rows(&mut conn), [state(1, "retained"), state(2, "active")]);
    // The next server: the same console with the keys opened again.
    let next = opens(&mut conn, ROOT_KEY).expect("it opens");
    assert_eq!(next.keyring.root_version(), 2);
    assert_ne!(next.keyring.cookie_key(), app.means.keyring.cookie_key(), "everybody signs in again");
    let roots_of = |conn: &mut Conn| -> Vec<u32> {
        let wrapped: Vec<Vec<u8>> = workspace_keys::table.select(workspace_keys::wrapped).load(conn).expect("keys");
        wrapped.iter().map(|blob| credenza::crypto::envelope::key_id(blob).expect("an id")).collect()
    };
    assert_eq!(roots_of(&mut conn), [1, 1]);
    let (code, said) = shell(&app, &["keys", "status"]);
    assert!(code == Some(0) && said.contains("under an older instance root"), "{said}");
    assert!(said.contains("sealed under instance root 1: 1, an older one"), "{said}");
    // A console that was not started again refuses to judge what it cannot open, once keys follow.
    job::look(&app.db, &next).await.expect("the keys are looked at");
    assert_eq!(roots_of(&mut conn), [2, 2]);
    assert_eq!(second_factor::roots(&mut conn, "", 100).expect("seeds").0, [2]);
    assert_eq!(second_factor::unreadable(&mut conn, &next, "", 100).expect("seeds").1, 1);
    assert!(shell(&app, &["keys", "status"]).1.contains("sealed under instance root 2: 1\n"));
    let before = keys(&mut conn, ACME);
    let refused = admin.post("/w/acme/credentials", &website("Stale")).await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    job::look(&app.db, &app.means).await.expect_err("it is out of date");
    assert_eq!(keys(&mut conn, ACME), before, "no key was made in the place of one that it cannot open");
    let statuses = lines(&mut conn, "SELECT DISTINCT status AS line FROM credentials");
    assert_eq!(statuses, ["unverified"], "nothing was marked as unreadable");
    assert_eq!(super::secrets(&mut conn, &next).len(), 2);
    // The lines that the older root signed are proved by it for ever.
    let (code, said) = shell(&app, &["audit", "verify"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(shell(&app, &["keys", "rotate"]).0, Some(0));
    assert_eq!(keys(&mut conn, UMBRELLA).len(), 2);
    assert_eq!(super::secrets(&mut conn, &next)["Shop"], "the first signing secret");
}

/// An admin with an authenticator app.
async fn with_app(app: &TestApp) {
    let (means, user) = (app.means.clone(), app.user(&email("admin", ACME)).await);
    app.write(move |tx| {
        let seed = [7; credenza::crypto::totp::SEED];
        let sealed = means.keyring.seal(means.keyring.mfa(), &second_factor::context(&means, &user), &seed)?;
        let row = diesel::update(users::table.filter(users::id.eq(&user)));
        Ok(row.set(users::totp_sealed.eq(Some(sealed))).execute(tx.conn())?)
    })
    .await;
}

fn website(name: &str) -> [(&str, &str); 5] {
    crate::support::program::webhook(name, "a signing secret of another one")
}
