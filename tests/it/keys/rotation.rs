//! Keys of workspaces rotate: everything is sealed anew, by whoever comes first, and the old key is erased.

use super::{blobs, execute, keys, sealed_under, secrets, shell};
use crate::support::app::{ACME, TestApp};
use crate::support::database::is_postgres;
use crate::support::dump::lines;
use credenza::db::schema::{audit_events as events, credential_versions as versions, workspace_keys};
use credenza::error::Error;
use credenza::jobs::keys as job;
use credenza::jobs::rotation::{Rotation, Step, compact};
use credenza::model::permission::{Allowed, ManageKeys};
use credenza::model::rotation::{self as model, Progress};
use credenza::model::sealed::KINDS;
use credenza::model::version::Version;
use credenza::model::workspace_key;
use diesel::prelude::*;

async fn allowed(app: &TestApp) -> Allowed<ManageKeys> {
    Allowed::operator(app.workspace(ACME).await)
}

/// Rotates acme's keys in this process; what was told, and whether nothing is left.
pub async fn rotate(app: &TestApp) -> (bool, Vec<Step>) {
    let work = Rotation { db: app.db.clone(), means: app.means.clone(), allowed: allowed(app).await };
    let mut told = Vec::new();
    let done = work.run(&mut |step| told.push(step)).await.expect("a rotation");
    (done, told)
}

/// Whether bytes are anywhere in the SQLite file or beside it.
fn in_files(app: &TestApp, bytes: &[u8]) -> bool {
    let file = app.dir.path().join("credenza.db");
    ["", "-wal", "-shm"].iter().any(|tail| {
        let path = format!("{}{tail}", file.display());
        std::fs::read(path).is_ok_and(|all| all.windows(bytes.len()).any(|part| part == bytes))
    })
}

#[tokio::test]
async fn t122_after_a_rotation_nothing_is_left_of_the_old_key() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let shop = app.website(&admin, "Shop", "the first signing secret").await;
    app.website(&admin, "Form", "a secret of the other one").await;
    let gone = app.website(&admin, "Gone", "a secret of a deleted one").await;
    admin.post(&format!("/w/acme/credentials/{gone}/deletion"), &[]).await.expect(303);
    let form = [("f.signing_secret", "the second signing secret")];
    admin.post(&format!("/w/acme/credentials/{shop}/rotation"), &form).await.expect(303);
    let mut conn = app.database.connect();
    let (before, old_blobs) = (secrets(&mut conn, &app.means), blobs(&mut conn));
    let wrapped = workspace_keys::table.select(workspace_keys::wrapped).filter(workspace_keys::version.eq(1));
    let old_keys: Vec<Vec<u8>> = wrapped.load(&mut conn).expect("keys");
    assert_eq!(sealed_under(&mut conn), [(1, 3)].into());
    let (done, told) = rotate(&app).await;
    assert!(done);
    assert_eq!(told, [Step::Begun(2), Step::Sealed { done: 3, left: 0 }, Step::Retired(1)]);
    assert!(compact(&app.db).await.expect("the file is written anew"));
    assert!(!compact(&app.db).await.expect("once only"));
    assert_eq!(sealed_under(&mut conn), [(2, 3)].into());
    assert_eq!(secrets(&mut conn, &app.means), before);
    assert_eq!(keys(&mut conn, ACME)[0], (1, "retired".into(), 0));
    assert_eq!(keys(&mut conn, ACME)[1].1, "active");
    if !is_postgres() {
        // The other workspace keeps its key: its bytes are found, as a control.
        let kept: Vec<Vec<u8>> = wrapped.load(&mut conn).expect("keys");
        assert_eq!(old_keys.iter().filter(|key| in_files(&app, key)).count(), 1);
        assert!(kept.iter().any(|key| !key.is_empty() && in_files(&app, key)));
        for (number, blob) in old_blobs.iter().enumerate() {
            assert!(!in_files(&app, blob), "blob {number} is still there");
        }
        assert!(blobs(&mut conn).iter().all(|blob| in_files(&app, blob)));
    }
    app.prove_audit().await;
    let told = app.events(ACME).await;
    let last: Vec<&str> = told[told.len() - 5..].iter().map(|event| event.action.as_str()).collect();
    let resealed = "credential.resealed";
    assert_eq!(last, ["workspace_key.rotated", resealed, resealed, resealed, "workspace_key.retired"]);
    let page = admin.get(&format!("/w/acme/credentials/{shop}")).await.expect(200);
    assert!(page.body.contains("sealed it again under a new key"), "the history tells it");
}

#[tokio::test]
async fn a_new_key_made_at_the_shell_is_used_at_once_and_the_server_does_the_rest() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.website(&admin, "Before", "a signing secret before").await;
    let (code, said) = shell(&app, &["keys", "rotate", "--workspace", ACME, "--background"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("acme: key 2 seals from now on"), "{said}");
    app.website(&admin, "After", "a signing secret after").await;
    let mut conn = app.database.connect();
    assert_eq!(sealed_under(&mut conn), [(1, 1), (2, 1)].into());
    let (code, said) = shell(&app, &["keys", "status"]);
    assert!(
        code == Some(0) && said.contains("acme: key 2 seals") && said.contains("1 left to be sealed anew"),
        "{said}"
    );
    let (_, again) = shell(&app, &["keys", "rotate", "--workspace", ACME, "--background"]);
    assert!(again.contains("under way"), "{again}");
    assert_eq!(job::rotate(&app.db, &app.means, &mut job::Stuck::new()).await.expect("a round"), 1);
    assert_eq!(sealed_under(&mut conn), [(2, 2)].into());
    assert_eq!(keys(&mut conn, ACME)[0].1, "retired");
    app.website(&admin, "Later", "a signing secret later").await;
    let (code, said) = shell(&app, &["keys", "rotate"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("acme: key 3 seals") && said.contains("umbrella: key 2 seals"), "{said}");
    assert!(said.contains("acme: 3 sealed anew, 0 left") && said.contains("acme: key 2 is retired"), "{said}");
    // This process has never heard of key 3 but from the database.
    admin.get("/w/acme/credentials").await.expect(200);
    assert_eq!(secrets(&mut conn, &app.means).len(), 3);
    app.prove_audit().await;
    assert_eq!(shell(&app, &["audit", "verify"]).0, Some(0));
    let (code, said) = shell(&app, &["keys", "rotate", "--older-than", "1"]);
    assert!(code == Some(0) && !said.contains("seals from now on"), "{said}");
    assert_eq!(shell(&app, &["keys", "rotate", "--workspace", "nowhere"]).0, Some(2));
}

#[tokio::test]
async fn more_rows_than_a_page_are_sealed_page_by_page() {
    let app = TestApp::start().await;
    let (means, allowed_) = (app.means.clone(), Allowed::operator(app.workspace(ACME).await));
    app.write(move |tx| {
        for n in 0..250 {
            let new = super::webhook(&format!("many {n}"), &super::secret_of(&format!("many {n}")));
            credenza::model::credential_change::create(tx, &means, &allowed_, &new)?;
        }
        Ok(())
    })
    .await;
    let (done, told) = rotate(&app).await;
    assert!(done);
    let sealed = |done, left| Step::Sealed { done, left };
    assert_eq!(told, [Step::Begun(2), sealed(100, 150), sealed(200, 50), sealed(250, 0), Step::Retired(1)]);
    let all = secrets(&mut app.database.connect(), &app.means);
    assert!(all.len() == 250 && all.iter().all(|(name, secret)| *secret == super::secret_of(name)));
    app.prove_audit().await;
}

#[tokio::test]
async fn t121_a_change_that_comes_between_is_kept() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let shop = app.website(&admin, "Shop", "the first signing secret").await;
    app.website(&admin, "Form", "a secret of the other one").await;
    let (means, held) = (app.means.clone(), allowed(&app).await);
    let key = app.write(move |tx| workspace_key::begin_rotation(tx, &means, &held)).await;
    assert_eq!(key, 2);
    let (means, workspace) = (app.means.clone(), app.workspace(ACME).await);
    let prepare = move |conn: &mut credenza::db::Conn| {
        Ok(model::prepare(conn, &means, &workspace, 1, &Progress::default())?.expect("a page"))
    };
    let page = std::sync::Arc::new(app.read(prepare.clone()).await);
    let form = [("f.signing_secret", "the second signing secret")];
    admin.post(&format!("/w/acme/credentials/{shop}/rotation"), &form).await.expect(303);
    let (means, held, late) = (app.means.clone(), allowed(&app).await, page.clone());
    let stored = app.write(move |tx| model::store(tx, &means, &held, &late)).await;
    assert_eq!(stored, 1, "only the one that nobody touched");
    let mut conn = app.database.connect();
    assert_eq!(secrets(&mut conn, &app.means)["Shop"], "the second signing secret");
    assert_eq!(sealed_under(&mut conn), [(2, 2)].into());
    // Once another key seals, a page sealed under this one is not stored.
    let (means, held) = (app.means.clone(), allowed(&app).await);
    let next = app.write(move |tx| workspace_key::begin_rotation(tx, &means, &held)).await;
    assert_eq!(next, 3);
    let (means, workspace) = (app.means.clone(), app.workspace(ACME).await);
    let under_two = move |conn: &mut credenza::db::Conn| {
        Ok(model::prepare(conn, &means, &workspace, 2, &Progress::default())?.expect("a page"))
    };
    let page = std::sync::Arc::new(app.read(under_two).await);
    let (means, held) = (app.means.clone(), allowed(&app).await);
    app.write(move |tx| workspace_key::begin_rotation(tx, &means, &held)).await;
    let (means, held) = (app.means.clone(), allowed(&app).await);
    assert_eq!(app.write(move |tx| model::store(tx, &means, &held, &page)).await, 0);
    let (done, _) = rotate(&app).await;
    assert!(done);
    assert_eq!(sealed_under(&mut conn), [(4, 2)].into());
    app.prove_audit().await;
}

#[tokio::test]
async fn a_key_that_something_needs_is_not_retired() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.website(&admin, "Shop", "the first signing secret").await;
    let (means, held) = (app.means.clone(), allowed(&app).await);
    app.write(move |tx| workspace_key::begin_rotation(tx, &means, &held)).await;
    for key in [1, 2, 3] {
        let (means, held) = (app.means.clone(), allowed(&app).await);
        let retired = app.write(move |tx| workspace_key::retire(tx, &means, &held, key)).await;
        assert!(!retired, "key {key}: in use, active, or not there");
    }
    assert_eq!(secrets(&mut app.database.connect(), &app.means).len(), 1);
}

#[tokio::test]
async fn what_was_read_before_a_rotation_is_opened_after_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let shop = app.website(&admin, "Shop", "the first signing secret").await;
    let row = app.row(&shop).await;
    let (workspace, id) = (row.workspace_id.clone(), row.id.clone());
    let read = app.read(move |conn| Version::get(conn, &workspace, &id, 1)).await;
    rotate(&app).await;
    let (means, place) = (app.means.clone(), row.clone());
    let (kept, stale) = (read.clone(), read.clone());
    app.read(move |conn| {
        let fault = stale.open(conn, &means, place.seal_place()).expect_err("its key is gone");
        assert!(fault.key_lost);
        let opened = kept.clone().open_current(conn, &means, place.seal_place())?.expect("what is stored now opens");
        assert_eq!(opened["signing_secret"].expose(), "the first signing secret");
        Ok(())
    })
    .await;
    let form = [("f.signing_secret", "the second signing secret")];
    admin.post(&format!("/w/acme/credentials/{shop}/rotation"), &form).await.expect(303);
    let means = app.means.clone();
    let late = app.db.read(move |conn| read.clone().open_current(conn, &means, row.seal_place()).map(|_| ())).await;
    assert!(matches!(late, Err(Error::Conflict(_))), "it was replaced: nothing is sent with half of it");
}

#[tokio::test]
async fn t122_a_value_that_does_not_open_keeps_its_key_until_it_is_entered_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let shop = app.website(&admin, "Shop", "the first signing secret").await;
    app.website(&admin, "Form", "a secret of the other one").await;
    let mut conn = app.database.connect();
    let row = versions::table.filter(versions::credential_id.eq(&shop));
    let mut blob: Vec<u8> = row.select(versions::sealed.assume_not_null()).first(&mut conn).expect("a blob");
    *blob.last_mut().expect("a byte") ^= 1;
    diesel::update(row).set(versions::sealed.eq(Some(blob))).execute(&mut conn).expect("a row");
    let (code, said) = shell(&app, &["keys", "rotate", "--workspace", ACME]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("1 sealed anew") && said.contains("1 cannot be opened"), "{said}");
    assert_eq!(sealed_under(&mut conn), [(1, 1), (2, 1)].into());
    assert_eq!(keys(&mut conn, ACME)[0].1, "retained");
    // The server does not take it up again and again, and a further rotation is possible.
    let mut stuck = job::Stuck::new();
    job::rotate(&app.db, &app.means, &mut stuck).await.expect("a round");
    assert_eq!(stuck.len(), 1);
    assert!(shell(&app, &["keys", "rotate", "--workspace", ACME]).1.contains("key 3 seals"));
    let revision = app.row(&shop).await.revision.to_string();
    let form = [
        ("name", "Shop"),
        ("f.url", "https://www.example.com/hook"),
        ("f.signing_secret", "entered again"),
        ("revision", revision.as_str()),
    ];
    admin.post(&format!("/w/acme/credentials/{shop}"), &form).await.expect(303);
    job::rotate(&app.db, &app.means, &mut job::Stuck::new()).await.expect("a round");
    assert_eq!(sealed_under(&mut conn), [(3, 2)].into());
    let states: Vec<String> = keys(&mut conn, ACME).into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(states, ["retired", "retired", "active"]);
}

#[tokio::test]
async fn t166_a_rotation_does_not_make_good_what_was_changed_past_the_program() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let shop = app.website(&admin, "Shop", "the first signing secret").await;
    let form = app.website(&admin, "Form", "a secret of the other one").await;
    let mut conn = app.database.connect();
    let config = "'{\"url\":\"https://www.example.com/hook\",\"note\":\"planted\"}'";
    execute(&mut conn, &format!("UPDATE credential_versions SET config = {config} WHERE credential_id = '{shop}'"));
    let (code, before) = shell(&app, &["audit", "verify"]);
    assert!(code == Some(1) && before.contains(&shop), "{before}");
    assert!(rotate(&app).await.0);
    let (code, after) = shell(&app, &["audit", "verify"]);
    assert!(code == Some(1) && after.contains(&format!("credential {shop}: the plain values")), "{after}");
    assert!(!after.contains(&form), "{after}");
    // What is sealed anew is held against the line that tells of it.
    execute(&mut conn, &format!("UPDATE credential_versions SET sealed = NULL WHERE credential_id = '{form}'"));
    let (_, after) = shell(&app, &["audit", "verify"]);
    let seq: i64 = events::table
        .filter(events::target_id.eq(&form).and(events::action.eq("credential.resealed")))
        .select(events::seq)
        .first(&mut conn)
        .expect("a line");
    assert!(after.contains(&format!("event {seq}: credential {form}: the sealed values")), "{after}");
}

#[test]
fn every_sealed_column_is_rotated_and_drilled() {
    let text = std::fs::read_to_string(crate::layers::folder("src/db/schema.rs")).expect("the schema");
    let table = regex::Regex::new(r"(?s)table! \{\s+(\w+) \([^)]*\) \{(.*?)\n    \}").expect("a pattern");
    let column = regex::Regex::new(r"(\w*sealed\w*) -> ").expect("a pattern");
    let mut found: Vec<String> = table
        .captures_iter(&text)
        .flat_map(|t| column.captures_iter(&t[2]).map(|c| format!("{}.{}", &t[1], &c[1])).collect::<Vec<_>>())
        .collect();
    // Sealed under the instance, not under a workspace: seeds are drilled and sealed anew by `model::second_factor`,
    // and a waiting mail is of use for a week at most.
    found.retain(|name| name != "users.totp_sealed" && name != "outbox.sealed");
    let mut known: Vec<&str> = KINDS.iter().map(|kind| kind.column()).collect();
    found.sort();
    known.sort_unstable();
    assert_eq!(found, known, "name it in model::sealed::KINDS");
}

#[tokio::test]
async fn t116_rows_that_are_rotated_use_the_index_of_their_key() {
    let app = TestApp::start().await;
    let mut conn = app.database.connect();
    if is_postgres() {
        let found =
            lines(&mut conn, "SELECT indexdef AS line FROM pg_indexes WHERE indexname = 'credential_versions_by_key'");
        assert_eq!(found.len(), 1);
        return;
    }
    let plan = "SELECT count(*) || '' AS line FROM credential_versions \
                WHERE workspace_id = 'w' AND key_version = 1 AND sealed IS NOT NULL";
    execute(&mut conn, "PRAGMA optimize");
    #[derive(QueryableByName)]
    struct Detail {
        #[diesel(sql_type = diesel::sql_types::Text)]
        detail: String,
    }
    let credenza::db::AnyConnection::Sqlite(sqlite) = &mut conn else { unreachable!("not PostgreSQL") };
    #[expect(clippy::disallowed_methods, reason = "a plan has no typed form")]
    let detail: Vec<Detail> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {plan}")).load(sqlite).expect("a plan");
    assert!(detail.iter().any(|line| line.detail.contains("credential_versions_by_key")), "a scan");
    assert_eq!(events::table.count().get_result::<i64>(&mut conn).map(|n| n > 0), Ok(true));
}
