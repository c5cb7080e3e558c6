//! Staged rotation: verified, served from a moment on, kept for a while, taken back, erased on time.

use crate::support::app::TestApp;
use crate::support::person::Person;
use chrono::TimeDelta;
use credenza::db::schema::credential_versions as versions;
use credenza::id::Id;
use credenza::jobs;
use credenza::model::credential::Credential;
use credenza::model::served::{Answer, Named, Refusal, served};
use diesel::prelude::*;

const OLD: &str = "the old signing secret";
const NEW: &str = "the new signing secret";

async fn stage() -> (TestApp, Person, String) {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", OLD).await;
    (app, admin, id)
}

fn path(id: &str, tail: &str) -> String {
    format!("/w/acme/credentials/{id}/{tail}")
}

/// What a bot is given: the secret and its version, or why not.
async fn given(app: &TestApp, id: &str, asked: Option<i64>) -> Result<(i64, String), Refusal> {
    let (workspace, means) = (app.workspace("acme").await, app.means.clone());
    let id: Id<Credential> = Id::parse(id).expect("an id");
    let read = move |conn: &mut credenza::db::Conn| {
        let found = served(conn, &workspace, Named::Id(&id), asked, means.now())?;
        Ok(match found {
            Answer::Absent => panic!("it is there"),
            Answer::Refused(_, refusal) => Err(refusal),
            Answer::Served(row, version) => {
                let number = version.version;
                let values = version.open_current(conn, &means, row.seal_place())?.expect("it opens");
                Ok((number, values["signing_secret"].expose().to_owned()))
            }
        })
    };
    app.read(read).await
}

async fn stored(app: &TestApp) -> Vec<(i64, bool)> {
    let all = |conn: &mut credenza::db::Conn| {
        let rows: Vec<(i64, Option<Vec<u8>>)> =
            versions::table.order(versions::version).select((versions::version, versions::sealed)).load(conn)?;
        Ok(rows.into_iter().map(|(number, sealed)| (number, sealed.is_some())).collect())
    };
    app.read(all).await
}

#[tokio::test]
async fn t141_a_new_secret_at_once_keeps_the_old_one_for_as_long_as_was_chosen() {
    let (app, admin, id) = stage().await;
    let form = [("f.signing_secret", NEW), ("keep_hours", "24")];
    admin.post(&path(&id, "rotation"), &form).await.expect(303);
    assert_eq!(given(&app, &id, None).await, Ok((2, NEW.into())));
    assert_eq!(given(&app, &id, Some(1)).await, Ok((1, OLD.into())), "for who asks for it");
    assert_eq!(given(&app, &id, Some(3)).await, Err(Refusal::Ended));
    let page = admin.get(path(&id, "").trim_end_matches('/')).await.expect(200);
    assert!(page.texts("#kept").concat().contains("Version 1 is kept"));
    admin.post(&path(&id, "rotation/rollback"), &[]).await.expect(303);
    assert_eq!(given(&app, &id, None).await, Ok((1, OLD.into())), "one click back");
    assert_eq!(given(&app, &id, Some(2)).await, Ok((2, NEW.into())), "and there again");
    app.prove_audit().await;
    admin.post(&path(&id, "rotation/rollback"), &[]).await.expect(303);
    assert_eq!(given(&app, &id, None).await, Ok((2, NEW.into())));
    app.means.clock.advance(TimeDelta::hours(25));
    assert_eq!(given(&app, &id, Some(1)).await, Err(Refusal::Ended), "its end counts, not the job's turn");
    jobs::versions::move_due(&app.state).await.expect("a round");
    assert_eq!(stored(&app).await, [(1, false), (2, true)]);
    let admin = app.admin().await;
    admin.post(&path(&id, "rotation/rollback"), &[]).await.expect(422);
    app.prove_audit().await;
}

#[tokio::test]
async fn a_staged_secret_waits_for_its_moment_and_is_then_served() {
    let (app, admin, id) = stage().await;
    let moment = app.means.now().plus(TimeDelta::minutes(40)).utc().format("%Y-%m-%dT%H:%M").to_string();
    for wrong in ["", "2020-01-01T10:00", "tomorrow", "9999-01-01T10:00"] {
        let form = [("f.signing_secret", NEW), ("serve", "at"), ("serve_at", wrong)];
        let refused = admin.post(&path(&id, "rotation"), &form).await.expect(422);
        assert_eq!(refused.attributes("#serve_at-error", "data-code"), ["invalid"], "{wrong}");
    }
    for (name, wrong) in [("serve", "never"), ("keep_hours", "-1"), ("keep_hours", "2161"), ("keep_hours", "x")] {
        admin.post(&path(&id, "rotation"), &[("f.signing_secret", NEW), (name, wrong)]).await.expect(400);
    }
    let form = [("f.signing_secret", NEW), ("serve", "at"), ("serve_at", moment.as_str()), ("keep_hours", "1")];
    admin.post(&path(&id, "rotation"), &form).await.expect(303);
    jobs::versions::move_due(&app.state).await.expect("a round");
    assert_eq!(given(&app, &id, None).await, Ok((1, OLD.into())), "until then the old one");
    assert_eq!(given(&app, &id, Some(2)).await, Err(Refusal::Staged));
    app.prove_audit().await;
    app.means.clock.advance(TimeDelta::minutes(41));
    jobs::versions::move_due(&app.state).await.expect("a round");
    assert_eq!(given(&app, &id, None).await, Ok((2, NEW.into())));
    assert_eq!(given(&app, &id, Some(1)).await, Ok((1, OLD.into())));
    app.means.clock.advance(TimeDelta::minutes(61));
    jobs::versions::move_due(&app.state).await.expect("a round");
    assert_eq!(stored(&app).await, [(1, false), (2, true)], "the old one is erased on time");
    app.prove_audit().await;
}

#[tokio::test]
async fn a_staged_secret_is_served_by_hand_given_up_or_overtaken() {
    let (app, admin, id) = stage().await;
    admin.post(&path(&id, "rotation/promote"), &[]).await.expect(422);
    let staged = [("f.signing_secret", NEW), ("serve", "hand")];
    admin.post(&path(&id, "rotation"), &staged).await.expect(303);
    admin.post(&path(&id, "rotation/promote"), &[("revision", "1")]).await.expect(409);
    admin.post(&path(&id, "rotation/rollback"), &[]).await.expect(303);
    assert_eq!(stored(&app).await, [(1, true), (2, false)], "given up");
    admin.post(&path(&id, "rotation"), &staged).await.expect(303);
    let other = [("f.signing_secret", "another new signing secret"), ("serve", "hand")];
    admin.post(&path(&id, "rotation"), &other).await.expect(303);
    assert_eq!(stored(&app).await, [(1, true), (2, false), (3, false), (4, true)], "the later one counts");
    admin.post(&path(&id, "rotation/promote"), &[]).await.expect(303);
    assert_eq!(given(&app, &id, None).await, Ok((4, "another new signing secret".into())));
    assert_eq!(given(&app, &id, Some(1)).await, Err(Refusal::Ended), "nothing was to be kept");
    admin.post(&path(&id, "rotation"), &staged).await.expect(303);
    let page = admin.get(&path(&id, "edit")).await.expect(200);
    let revision = page.attributes("input[name=revision]", "value").remove(0);
    let edit = [("name", "Shop"), ("revision", revision.as_str()), ("f.url", "https://www.example.com/hook")];
    let edit: Vec<_> = edit.into_iter().chain([("f.signing_secret", "an edited signing secret")]).collect();
    admin.post(path(&id, "").trim_end_matches('/'), &edit).await.expect(303);
    assert_eq!(given(&app, &id, None).await, Ok((6, "an edited signing secret".into())));
    admin.post(&path(&id, "rotation/promote"), &[]).await.expect(422);
    app.prove_audit().await;
}

#[tokio::test]
async fn what_is_off_deleted_or_absent_is_told_apart() {
    let (app, admin, id) = stage().await;
    admin.post(&path(&id, "suspension"), &[("hours", "1")]).await.expect(303);
    assert!(matches!(given(&app, &id, None).await, Err(Refusal::Suspended(Some(_)))));
    app.means.clock.advance(TimeDelta::minutes(61));
    assert_eq!(given(&app, &id, None).await, Ok((1, OLD.into())), "its end counts, not the job's turn");
    let admin = app.admin().await;
    admin.post(&path(&id, "suspension"), &[("hours", "0")]).await.expect(303);
    admin.post(&path(&id, "deletion"), &[]).await.expect(303);
    assert_eq!(given(&app, &id, None).await, Err(Refusal::Deleted));
    let (workspace, now) = (app.workspace("umbrella").await, app.means.now());
    let foreign: Id<Credential> = Id::parse(&id).expect("an id");
    let found = move |conn: &mut credenza::db::Conn| served(conn, &workspace, Named::Id(&foreign), None, now);
    assert!(matches!(app.read(found).await, Answer::Absent), "of another workspace");
}

/// Every answer of a storm of readers is the whole old or the whole new secret.
#[tokio::test]
async fn t141_readers_get_the_whole_old_or_the_whole_new_secret_while_it_is_swapped() {
    let (app, admin, id) = stage().await;
    let stop = std::sync::atomic::AtomicBool::new(false);
    let reader = async {
        let mut seen = std::collections::BTreeMap::<(i64, String), usize>::new();
        while !stop.load(std::sync::atomic::Ordering::SeqCst) {
            let answer = given(&app, &id, None).await.expect("never an error");
            *seen.entry(answer).or_default() += 1;
        }
        seen
    };
    let swaps = async {
        let form = [("f.signing_secret", NEW), ("serve", "hand"), ("keep_hours", "24")];
        admin.post(&path(&id, "rotation"), &form).await.expect(303);
        admin.post(&path(&id, "rotation/promote"), &[]).await.expect(303);
        for _ in 0..10 {
            admin.post(&path(&id, "rotation/rollback"), &[]).await.expect(303);
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
    };
    let (seen, ()) = tokio::join!(reader, swaps);
    let whole = [(1, OLD.to_owned()), (2, NEW.to_owned())];
    assert!(seen.keys().all(|answer| whole.contains(answer)), "{seen:?}");
    assert_eq!(seen.len(), 2, "both were met: {seen:?}");
    app.prove_audit().await;
}
