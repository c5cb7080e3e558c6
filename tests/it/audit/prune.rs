//! Events whose time is over go; what is left is proved as before, and nothing of it, of the summary, or of where it
//! begins can be changed.

use super::{Scene, broken_at};
use crate::oauth::stage::connected;
use crate::support::app::{ACME, email};
use crate::support::program::told;
use chrono::TimeDelta;
use credenza::crypto::signer::PublicKey;
use credenza::db::schema::{
    audit_events as events, audit_summaries as summaries, credential_versions as versions, credentials, oauth_apps,
    oauth_grants,
};
use credenza::jobs::checkpoint::{Signed, sign};
use credenza::jobs::proof::prove;
use credenza::jobs::pruning::prune;
use credenza::model::audit::{self, Entry, Event, Target};
use credenza::model::audit_file;
use credenza::model::audit_verify::Verdict;
use credenza::model::drill;
use credenza::model::permission::Actor;
use diesel::prelude::*;

const SETTINGS: &str = "/w/acme/settings";

impl Scene {
    /// A scene with tokens and an OAuth client too, whose settings keep events for so many days.
    async fn keeping(days: &str) -> Self {
        let scene = Self::play().await;
        connected(&scene.app, &scene.admin).await;
        scene.admin.post(SETTINGS, &[("name", "Acme"), ("keep_audit_days", days)]).await.expect(303);
        scene
    }

    /// The same after its first events are gone, and some new ones were written; the number of the last that is gone.
    async fn pruned() -> (Self, i64) {
        let scene = Self::keeping("90").await;
        let old = scene.app.events(ACME).await.len() as i64;
        scene.later(92).await;
        assert_eq!(prune(&scene.app.state).await.expect("a round"), old as usize);
        let path = format!("/w/acme/credentials/{}/name", scene.shop);
        scene.admin.post(&path, &[("name", "Shop events of today")]).await.expect(303);
        (scene, old)
    }

    /// So many days go by.
    async fn later(&self, days: i64) {
        self.app.means.clock.advance(TimeDelta::days(days));
        self.admin.sign_in(&email("admin", ACME)).await.expect(303);
    }

    fn rows(&self) -> Vec<(i64, String)> {
        let lines = events::table.filter(events::chain.eq(&self.chain)).order(events::seq);
        lines.select((events::seq, events::action)).load(&mut self.app.database.connect()).expect("lines")
    }

    fn note(&self) -> String {
        let of = summaries::table.filter(summaries::chain.eq(&self.chain));
        of.select(summaries::note).first(&mut self.app.database.connect()).expect("a note")
    }

    async fn drilled(&self) -> Vec<String> {
        let means = self.app.means.clone();
        self.app
            .read(move |conn| {
                let mut faults = Vec::new();
                drill::run(conn, &means, &mut |fault| faults.push(fault.to_string()))?;
                Ok(faults)
            })
            .await
    }

    fn keys(&self) -> Vec<PublicKey> {
        self.app.means.keyring.public_keys()
    }
}

fn set_note(conn: &mut credenza::db::Conn, chain: &str, note: &str) -> bool {
    let row = summaries::table.filter(summaries::chain.eq(chain));
    diesel::update(row).set(summaries::note.eq(note)).execute(conn).expect("a note") == 1
}

#[tokio::test]
async fn events_whose_time_is_over_go_and_the_rest_is_proved() {
    let scene = Scene::keeping("90").await;
    let mut signed = Signed::default();
    assert_eq!(sign(&scene.app.state, &mut signed).await.expect("checkpoints"), 3);
    assert!(prove(&scene.app.state).await.expect("a round") > 0);
    let old = scene.rows();
    let last = old.len() as i64;
    scene.later(89).await;
    assert_eq!(prune(&scene.app.state).await.expect("a round"), 0, "nothing is old enough");
    scene.later(3).await;
    assert_eq!(prune(&scene.app.state).await.expect("a round"), old.len());
    assert_eq!(prune(&scene.app.state).await.expect("a round"), 0);
    // Three credentials and a client are told of once more; then comes the line of what went.
    let left = scene.rows();
    assert_eq!(left[0].0, last + 1);
    let acts: Vec<&str> = left.iter().map(|(_, action)| action.as_str()).collect();
    let carried = acts.iter().filter(|act| **act == "credential.carried").count();
    assert_eq!((carried, acts.iter().filter(|act| **act == "app.carried").count()), (3, 1), "{acts:?}");
    assert_eq!(acts.last(), Some(&"audit.pruned"));
    // The summary tells how many of each there were.
    let note = scene.note();
    assert!(note.contains(&format!("\npruned 1 to {last}\n")), "{note}");
    let created = old.iter().filter(|(_, action)| action == "credential.created").count();
    assert!(note.contains(&format!("\ncredential.created {created}\n")), "{note}");
    // All that proves a chain proves this one: the shell with the signed checkpoints, a drill, the running server.
    let (code, said) = scene.command();
    assert_eq!((code, said.matches("sound up to event").count()), (Some(0), 3), "{said}");
    assert_eq!(scene.drilled().await, Vec::<String>::new());
    scene.app.means.clock.advance(TimeDelta::minutes(20));
    assert!(sign(&scene.app.state, &mut signed).await.expect("checkpoints") > 0);
    prove(&scene.app.state).await.expect("a round");
    let page = scene.admin.get("/w/acme/audit").await.expect(200);
    assert_eq!(page.attributes("#proof", "data-proof"), ["sound"]);
    assert!(page.texts("#pruned summary")[0].starts_with(&format!("Events 1 to {last}, of ")), "{}", page.body);
    let path = format!("/w/acme/credentials/{}/name", scene.shop);
    scene.admin.post(&path, &[("name", "Renamed much later")]).await.expect(303);
    // What was carried over grows old as well, and so does the summary.
    scene.later(100).await;
    assert!(prune(&scene.app.state).await.expect("a round") >= left.len());
    scene.app.prove_audit().await;
    assert_eq!(scene.drilled().await, Vec::<String>::new());
    let acts: Vec<String> = scene.rows().into_iter().map(|(_, action)| action).collect();
    assert_eq!(acts.iter().filter(|act| *act == "credential.carried").count(), 3, "{acts:?}");
    let first = note.lines().nth(3).expect("times").split(' ').next().expect("a time");
    assert!(scene.note().contains(&format!("\n{first} ")), "the first time stays: {}", scene.note());
    // A credential that is used on is not hurt by it.
    let rotation = format!("/w/acme/credentials/{}/rotation", scene.shop);
    scene.admin.post(&rotation, &[("f.signing_secret", "a secret of much later")]).await.expect(303);
    scene.app.prove_audit().await;
}

#[tokio::test]
async fn an_export_of_what_is_left_verifies_elsewhere_and_no_byte_of_its_beginning_can_be_changed() {
    let (scene, old) = Scene::pruned().await;
    let body = scene.admin.get("/w/acme/audit.jsonl").await.expect(200).body;
    let keys = scene.keys();
    let proved = audit_file::verify(body.as_bytes(), &keys).expect("sound");
    let pruned = proved.pruned.expect("a summary");
    assert_eq!((pruned.last.0, pruned.actions.values().sum::<i64>()), (old, old));
    let shell = scene.app.dir.path().join("shell.jsonl");
    let (code, _) = scene.run(&["audit", "export", "--workspace", ACME, &shell.to_string_lossy()]);
    assert_eq!(code, Some(0));
    let key = keys[0].to_string();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_credenza"));
    let (code, said) =
        told(command.args(["audit", "verify", &shell.to_string_lossy(), "--public-key", &key]).env_clear());
    assert!(code == Some(0) && said.contains(&format!("events 1 to {old}, of ")), "{said}");
    let judge = |text: &str| audit_file::verify(text.as_bytes(), &keys);
    let (title, rest) = body.split_once('\n').expect("lines");
    for place in 0..title.len() {
        let mut bytes = title.as_bytes().to_vec();
        bytes[place] = if bytes[place] == b'7' { b'8' } else { b'7' };
        let Ok(bent) = String::from_utf8(bytes) else { continue };
        assert!(judge(&format!("{bent}\n{rest}")).is_err(), "{place}: {bent}");
    }
    let bare = format!("{{\"credenza_audit\":1,\"chain\":\"{}\"}}", scene.chain);
    assert_eq!(judge(&format!("{bare}\n{rest}")).expect_err("no beginning").0, 1);
    let lines: Vec<&str> = body.lines().collect();
    for n in 1..lines.len() {
        let mut cut = lines.clone();
        cut.remove(n);
        assert!(judge(&(cut.join("\n") + "\n")).is_err(), "without line {n}");
    }
}

#[tokio::test]
async fn t165_the_summary_and_where_the_chain_begins_cannot_be_changed() {
    let (scene, old) = Scene::pruned().await;
    let (chain, note) = (scene.chain.clone(), scene.note());
    assert!(matches!(scene.after("SELECT 1"), Some(Verdict::Sound(_))));
    for place in (0..note.len()).filter(|place| note.as_bytes()[*place].is_ascii()) {
        let mut bytes = note.clone().into_bytes();
        bytes[place] = if bytes[place] == b'7' { b'8' } else { b'7' };
        let bent = String::from_utf8(bytes).expect("ASCII for ASCII");
        assert_eq!(broken_at(scene.after_all(|conn| set_note(conn, &chain, &bent))), 1, "{place}: {bent}");
    }
    for bent in [note.replace("pruned 1", "pruned 2"), String::new(), note.replacen('\n', "\n\n", 1)] {
        assert_eq!(broken_at(scene.after_all(|conn| set_note(conn, &chain, &bent))), 1);
    }
    let of = format!("WHERE chain = '{chain}'");
    assert_eq!(broken_at(scene.after(&format!("DELETE FROM audit_summaries {of}"))), 1);
    // More is gone than was signed, or the rest in another order.
    let gone = format!("DELETE FROM audit_events {of} AND seq = {}", old + 1);
    assert_eq!(broken_at(scene.after(&gone)), old + 1);
    let swapped = format!(
        "UPDATE audit_events SET seq = -1 {of} AND seq = {0}; UPDATE audit_events SET seq = {0} {of} AND seq = {1}; \
         UPDATE audit_events SET seq = {1} {of} AND seq = -1",
        old + 1,
        old + 2
    );
    assert_eq!(broken_at(scene.after(&swapped)), old + 1);
    // The summary of another chain, and one of another installation.
    let foreign = format!("UPDATE audit_summaries SET chain = 'instance' {of}");
    assert_eq!(broken_at(scene.after(&foreign)), 1);
    let stranger = Scene::pruned().await.0;
    assert_eq!(broken_at(scene.after_all(|conn| set_note(conn, &chain, &stranger.note()))), 1);
    // An older summary of the same chain says less than is gone.
    scene.later(100).await;
    assert!(prune(&scene.app.state).await.expect("a round") > 0);
    assert_eq!(broken_at(scene.after_all(|conn| set_note(conn, &chain, &note))), old + 1);
    let (code, said) = scene.command();
    assert_eq!(code, Some(0), "{said}");
    let mut conn = scene.app.database.connect();
    assert!(set_note(&mut conn, &chain, &note.replace("pruned 1 to ", "pruned 1 to 1")));
    let (code, said) = scene.command();
    assert!(code == Some(1) && said.contains(&format!("{chain}: BROKEN at event 1:")), "{said}");
    prove(&scene.app.state).await.expect("a round");
    let page = scene.admin.get("/w/acme/audit").await.expect(200);
    assert_eq!(page.attributes("#proof", "data-proof"), ["broken"]);
}

#[tokio::test]
async fn t166_what_is_stored_is_still_held_against_what_was_told_once_more() {
    let (scene, old) = Scene::pruned().await;
    let carried = |conn: &mut credenza::db::Conn, id: &str| -> i64 {
        let of = events::target_id.eq(id.to_owned()).and(events::action.like("%.carried"));
        events::table.filter(of).select(events::seq).first(conn).expect("a carried line")
    };
    let mut conn = scene.app.database.connect();
    let seq = carried(&mut conn, &scene.shop);
    assert!(seq > old);
    let live = versions::table.filter(versions::credential_id.eq(scene.shop.clone()).and(versions::state.eq("live")));
    let row = credentials::table.filter(credentials::id.eq(scene.shop.clone()));
    let bent = Some(vec![1_u8, 2, 3]);
    let update = |act: &dyn Fn(&mut credenza::db::Conn) -> QueryResult<usize>| {
        broken_at(scene.after_all(|conn| act(conn).expect("a change") > 0))
    };
    assert_eq!(update(&|conn| diesel::update(live.clone()).set(versions::sealed.eq(&bent)).execute(conn)), seq);
    assert_eq!(update(&|conn| diesel::update(live.clone()).set(versions::destination.eq("x")).execute(conn)), seq);
    assert_eq!(update(&|conn| diesel::update(row.clone()).set(credentials::handle.eq("other")).execute(conn)), seq);
    assert_eq!(update(&|conn| diesel::delete(row.clone()).execute(conn)), seq);
    let now = scene.app.means.now();
    assert_eq!(update(&|conn| diesel::update(row.clone()).set(credentials::deleted_at.eq(now)).execute(conn)), seq);
    let grant: String = oauth_grants::table.select(oauth_grants::credential_id).first(&mut conn).expect("tokens");
    let of_grant = carried(&mut conn, &grant);
    let grants = |conn: &mut credenza::db::Conn| {
        diesel::update(oauth_grants::table).set(oauth_grants::sealed.eq(vec![1_u8])).execute(conn)
    };
    assert_eq!(update(&grants), of_grant);
    assert_eq!(update(&|conn| diesel::delete(oauth_grants::table).execute(conn)), of_grant);
    let of_app: i64 = events::table
        .filter(events::action.eq("app.carried"))
        .select(events::seq)
        .first(&mut conn)
        .expect("a line of the client");
    let apps = |conn: &mut credenza::db::Conn| {
        diesel::update(oauth_apps::table).set(oauth_apps::config.eq("{}")).execute(conn)
    };
    assert_eq!(update(&apps), of_app);
    assert_eq!(update(&|conn| diesel::delete(oauth_apps::table).execute(conn)), of_app);
}

#[tokio::test]
async fn t167_nothing_that_is_wrong_goes_with_what_is_pruned() {
    let scene = Scene::keeping("90").await;
    let lines = scene.rows().len();
    scene.later(92).await;
    let mut conn = scene.app.database.connect();
    // A secret that was exchanged before is still told of afterwards.
    let live = versions::table.filter(versions::credential_id.eq(scene.shop.clone()).and(versions::state.eq("live")));
    let sealed: Option<Vec<u8>> = live.clone().select(versions::sealed).first(&mut conn).expect("a version");
    diesel::update(live.clone()).set(versions::sealed.eq(Some(vec![9_u8]))).execute(&mut conn).expect("bent");
    // A line that was changed stays, and so does all behind it.
    let third = events::table.filter(events::chain.eq(&scene.chain).and(events::seq.eq(3)));
    let actor: String = third.select(events::actor_id).first(&mut conn).expect("a line");
    diesel::update(third).set(events::actor_id.eq("somebody else")).execute(&mut conn).expect("bent");
    assert_eq!(prune(&scene.app.state).await.expect("a round"), 0);
    assert!(scene.rows().len() >= lines);
    diesel::update(third).set(events::actor_id.eq(actor)).execute(&mut conn).expect("mended");
    assert_eq!(prune(&scene.app.state).await.expect("a round"), lines);
    assert!(broken_at(Some(scene.verdict(&mut conn))) > lines as i64);
    diesel::update(live).set(versions::sealed.eq(sealed)).execute(&mut conn).expect("mended");
    scene.app.prove_audit().await;
}

#[tokio::test]
async fn a_long_beginning_goes_in_several_transactions() {
    let scene = Scene::keeping("90").await;
    let (means, chain) = (scene.app.means.clone(), scene.chain.clone());
    scene
        .app
        .write(move |tx| {
            for _ in 0..2300 {
                let entry = Entry::allow("credential.fetched", Target::credential("nobody"));
                audit::record(tx, &means, &chain, &Actor::operator(), entry)?;
            }
            Ok(())
        })
        .await;
    let old = scene.rows().len();
    scene.later(92).await;
    assert_eq!(prune(&scene.app.state).await.expect("a round"), old);
    let told: Vec<Event> = scene.app.events(ACME).await;
    let steps: Vec<i64> = told
        .iter()
        .filter(|event| event.action == "audit.pruned")
        .map(|event| event.detail("events").and_then(|n| n.as_i64()).expect("a number"))
        .collect();
    assert_eq!((steps.len(), steps.iter().sum::<i64>()), (3, old as i64));
    assert!(
        steps.iter().all(|n| *n <= 1000)
            && told.iter().all(|event| event.actor_kind == "job" || event.seq > old as i64)
    );
    scene.app.prove_audit().await;
}

#[tokio::test]
async fn t041_only_settings_say_how_long_events_are_kept_and_never_less_than_three_months() {
    let scene = Scene::play().await;
    for bad in ["1", "89", "3651", "-1", "x"] {
        let refused = scene.admin.post(SETTINGS, &[("name", "Acme"), ("keep_audit_days", bad)]).await.expect(422);
        assert_eq!(refused.attributes("[aria-invalid]", "name"), ["keep_audit_days"], "{bad}");
    }
    let before = scene.rows().len();
    scene.later(4000).await;
    assert_eq!(prune(&scene.app.state).await.expect("a round"), 0, "for ever, unless somebody says otherwise");
    assert!(scene.rows().len() > before || scene.rows()[0].0 == 1);
    scene.admin.post(SETTINGS, &[("name", "Acme"), ("keep_audit_days", "90")]).await.expect(303);
    scene.admin.post(SETTINGS, &[("name", "Acme"), ("keep_audit_days", "0")]).await.expect(303);
    assert_eq!(prune(&scene.app.state).await.expect("a round"), 0);
    for path in ["/w/acme/audit", "/w/acme/audit/pruning", "/w/acme/audit/prune"] {
        let status = scene.admin.post(path, &[]).await.status;
        assert!(status == 404 || status == 405, "{path}: {status}");
    }
}
