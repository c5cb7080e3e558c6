//! What time does: “working” fades without a good check, an end comes near, deleted credentials go, and the
//! numbers on the chips stay what a count would find.
#![cfg(test)]

use crate::support::app::{ACME, TestApp};
use crate::support::person::Person;
use chrono::TimeDelta;
use credenza::clock::At;
use credenza::db::schema::{
    audit_events as events, credential_counts as counts, credential_versions as versions, credentials,
};
use credenza::jobs::keep_house;
use credenza::model::audit_verify::{self, Verdict};
use credenza::model::housekeeping;
use diesel::prelude::*;
use proptest::prelude::{Strategy, any, prop};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;

/// Makes a credential count as working, last found good now, with an end if one is given.
fn works(app: &TestApp, id: &str, expires_at: Option<At>) {
    let mut conn = app.database.connect();
    let row = credentials::table.filter(credentials::id.eq(id));
    let before: String = row.select(credentials::status).first(&mut conn).expect("a status");
    let now = Some(app.means.now());
    diesel::update(row)
        .set((credentials::status.eq("working"), credentials::good_at.eq(now), credentials::expires_at.eq(expires_at)))
        .execute(&mut conn)
        .expect("a row");
    for (status, by) in [(before.as_str(), -1), ("working", 1)] {
        diesel::update(counts::table.filter(counts::status.eq(status).and(counts::workspace_id.eq(workspace(app)))))
            .set(counts::n.eq(counts::n + by))
            .execute(&mut conn)
            .expect("a count");
    }
}

fn workspace(app: &TestApp) -> String {
    use credenza::db::schema::workspaces;
    let row = workspaces::table.filter(workspaces::slug.eq(ACME)).select(workspaces::id);
    row.first(&mut app.database.connect()).expect("a workspace")
}

fn status(app: &TestApp, id: &str) -> Option<String> {
    let row = credentials::table.filter(credentials::id.eq(id)).select(credentials::status);
    row.first(&mut app.database.connect()).optional().expect("rows")
}

fn lines(app: &TestApp, id: &str, action: &str) -> Vec<(String, String)> {
    let of = events::table.filter(events::target_id.eq(id).and(events::action.eq(action)));
    of.order(events::seq)
        .select((events::actor_kind, events::details))
        .load(&mut app.database.connect())
        .expect("lines")
}

/// The numbers on the chips, and what a count finds.
fn counted(app: &TestApp) -> (BTreeMap<String, i64>, BTreeMap<String, i64>) {
    let mut conn = app.database.connect();
    let workspace = workspace(app);
    let chips = counts::table.filter(counts::workspace_id.eq(&workspace)).select((counts::status, counts::n));
    let chips: Vec<(String, i64)> = chips.load(&mut conn).expect("counts");
    let live = credentials::table
        .filter(credentials::workspace_id.eq(&workspace).and(credentials::deleted_at.is_null()))
        .select(credentials::status);
    let mut found: BTreeMap<String, i64> = chips.iter().map(|(status, _)| (status.clone(), 0)).collect();
    for status in live.load::<String>(&mut conn).expect("statuses") {
        *found.entry(status).or_default() += 1;
    }
    (chips.into_iter().collect(), found)
}

#[tokio::test]
async fn working_without_a_good_check_for_a_week_is_unverified() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Fades", "a signing secret that fades").await;
    works(&app, &id, None);
    app.means.clock.advance(TimeDelta::days(7) - TimeDelta::minutes(1));
    keep_house(&app).await.expect("a round");
    assert_eq!(status(&app, &id).as_deref(), Some("working"));
    app.means.clock.advance(TimeDelta::minutes(2));
    keep_house(&app).await.expect("a round");
    assert_eq!(status(&app, &id).as_deref(), Some("unverified"));
    keep_house(&app).await.expect("another round");
    let written = lines(&app, &id, "credential.aged");
    assert_eq!(written.len(), 1, "one line, by the program: {written:?}");
    assert_eq!(written[0].0, "job");
    let (chips, found) = counted(&app);
    assert_eq!(chips, found);
}

#[tokio::test]
async fn an_end_within_two_weeks_is_expiring() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (near, far) = (
        app.website(&admin, "Near", "a secret near its end").await,
        app.website(&admin, "Far", "a secret far from it").await,
    );
    works(&app, &near, Some(app.means.now().plus(TimeDelta::days(15))));
    works(&app, &far, Some(app.means.now().plus(TimeDelta::days(90))));
    keep_house(&app).await.expect("a round");
    assert_eq!(status(&app, &near).as_deref(), Some("working"));
    app.means.clock.advance(TimeDelta::days(1) + TimeDelta::minutes(1));
    keep_house(&app).await.expect("a round");
    assert_eq!(status(&app, &near).as_deref(), Some("expiring"));
    assert_eq!(status(&app, &far).as_deref(), Some("working"));
    // A week without a good check says less than that it will end.
    app.means.clock.advance(TimeDelta::days(7));
    keep_house(&app).await.expect("a round");
    assert_eq!(status(&app, &near).as_deref(), Some("unverified"));
    let (chips, found) = counted(&app);
    assert_eq!(chips, found);
}

#[tokio::test]
async fn what_fails_keeps_nothing_else_waiting() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let id = app.website(&admin, &format!("Fades {n}"), &format!("a signing secret, number {n}")).await;
        works(&app, &id, None);
        ids.push(id);
    }
    ids.sort_unstable();
    let gone = app.website(&admin, "Gone", "a secret that goes away").await;
    admin.post(&format!("/w/acme/credentials/{gone}/deletion"), &[]).await.expect(303);
    // The one that comes first cannot be read.
    diesel::update(credentials::table.filter(credentials::id.eq(&ids[0])))
        .set(credentials::tags.eq("no list"))
        .execute(&mut app.database.connect())
        .expect("a row");
    app.means.clock.advance(TimeDelta::days(31));
    keep_house(&app).await.expect_err("one of them fails");
    let found: Vec<_> = ids.iter().map(|id| status(&app, id).expect("a row")).collect();
    assert_eq!(found, ["working", "unverified", "unverified"], "what comes behind it is done");
    assert_eq!(status(&app, &gone), None, "and so are the other jobs");
    // While it fails its workspace lets the others go first.
    let (means, workspace) = (app.means.clone(), app.workspace(ACME).await);
    let due = app.read(move |conn| {
        let all = housekeeping::due_ageing(conn, &means, &[])?;
        Ok((all.len(), housekeeping::due_ageing(conn, &means, std::slice::from_ref(&workspace))?.len()))
    });
    assert_eq!(due.await, (1, 0));
}

#[tokio::test]
async fn what_was_deleted_goes_for_good_after_thirty_days() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (gone, back) = (
        app.website(&admin, "Gone", "a secret that goes away").await,
        app.website(&admin, "Back", "a secret that comes back").await,
    );
    for id in [&gone, &back] {
        admin.post(&format!("/w/acme/credentials/{id}/deletion"), &[]).await.expect(303);
    }
    app.means.clock.advance(TimeDelta::days(30) - TimeDelta::minutes(1));
    keep_house(&app).await.expect("a round");
    assert!(status(&app, &gone).is_some());
    // The session is over by now.
    let admin = app.admin().await;
    admin.post(&format!("/w/acme/credentials/{back}/restoration"), &[]).await.expect(303);
    app.means.clock.advance(TimeDelta::minutes(2));
    keep_house(&app).await.expect("a round");
    assert_eq!(status(&app, &gone), None);
    assert!(status(&app, &back).is_some());
    assert_eq!(lines(&app, &gone, "credential.purged").len(), 1);
    let kept = versions::table.filter(versions::credential_id.eq(&gone)).count();
    assert_eq!(kept.get_result::<i64>(&mut app.database.connect()).expect("versions"), 0, "no sealed value is left");
    admin.post(&format!("/w/acme/credentials/{gone}/restoration"), &[]).await.expect(404);
}

/// Something that somebody or time does.
#[derive(Debug, Clone, Copy)]
enum Act {
    Create,
    Rename(usize),
    Rotate(usize),
    Verify(usize),
    Works(usize),
    Spoil(usize),
    Delete(usize),
    Restore(usize),
    Purge(usize),
    Days(u8),
}

fn act() -> impl Strategy<Value = Act> {
    (0..12_u8, any::<usize>(), 1..20_u8).prop_map(|(kind, which, days)| match kind {
        0..=2 => Act::Create,
        3 => Act::Rename(which),
        4 => Act::Rotate(which),
        5 => Act::Verify(which),
        6 => Act::Works(which),
        7 => Act::Spoil(which),
        8 => Act::Delete(which),
        9 => Act::Restore(which),
        10 => Act::Purge(which),
        _ => Act::Days(days),
    })
}

async fn perform(app: &TestApp, admin: &mut Person, ids: &mut Vec<String>, number: usize, act: Act) {
    let list = "/w/acme/credentials";
    let chosen = |which: usize| ids.get(which % ids.len().max(1)).cloned();
    let (path, form): (String, Vec<(&str, String)>) = match act {
        Act::Create => {
            ids.push(
                app.website(admin, &format!("Number {number}"), &format!("a signing secret, number {number}")).await,
            );
            return;
        }
        Act::Days(days) => {
            app.means.clock.advance(TimeDelta::days(days.into()));
            keep_house(app).await.expect("a round");
            *admin = app.admin().await;
            return;
        }
        Act::Works(which) => {
            let Some(id) = chosen(which) else { return };
            let row = credentials::table.filter(credentials::id.eq(&id).and(credentials::deleted_at.is_null()));
            if row.count().get_result::<i64>(&mut app.database.connect()).expect("a count") == 1 {
                works(app, &id, Some(app.means.now().plus(TimeDelta::days(16))));
            }
            return;
        }
        Act::Spoil(which) => {
            let Some(id) = chosen(which) else { return };
            let row = versions::table.filter(versions::credential_id.eq(&id).and(versions::state.eq("live")));
            let sealed = versions::sealed.eq(Some(vec![1_u8; 40]));
            diesel::update(row).set(sealed).execute(&mut app.database.connect()).expect("a version");
            (format!("{list}/{id}/checks"), vec![])
        }
        Act::Rename(which) => {
            let Some(id) = chosen(which) else { return };
            (format!("{list}/{id}/name"), vec![("name", format!("Renamed {number}"))])
        }
        Act::Rotate(which) => {
            let Some(id) = chosen(which) else { return };
            (format!("{list}/{id}/rotation"), vec![("f.signing_secret", format!("another secret, number {number}"))])
        }
        Act::Verify(which) | Act::Delete(which) | Act::Restore(which) | Act::Purge(which) => {
            let Some(id) = chosen(which) else { return };
            let what = match act {
                Act::Verify(_) => "checks",
                Act::Delete(_) => "deletion",
                Act::Restore(_) => "restoration",
                _ => "purge",
            };
            (format!("{list}/{id}/{what}"), vec![])
        }
    };
    let form: Vec<(&str, &str)> = form.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let status = admin.post(&path, &form).await.status;
    assert!(matches!(status, 303 | 404 | 409 | 422 | 429), "{act:?}: {status}");
}

#[tokio::test]
async fn the_numbers_on_the_chips_are_what_a_count_finds() {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    for _ in 0..4 {
        let acts = prop::collection::vec(act(), 40).new_tree(&mut runner).expect("acts").current();
        let app = TestApp::start().await;
        let (mut admin, mut ids) = (app.admin().await, Vec::new());
        for (number, act) in acts.iter().enumerate() {
            perform(&app, &mut admin, &mut ids, number, *act).await;
            let (chips, found) = counted(&app);
            assert_eq!(chips, found, "after {:?}", &acts[..=number]);
        }
        let spoiled = acts.iter().any(|act| matches!(act, Act::Spoil(_)));
        let chain = workspace(&app);
        let verdict = audit_verify::chain(&mut app.database.connect(), &app.means.keyring, &chain).expect("a verdict");
        assert!(spoiled || matches!(verdict, Verdict::Sound(_)), "{verdict:?} after {acts:?}");
    }
}
