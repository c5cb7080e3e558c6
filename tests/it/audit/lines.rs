//! Each act has exactly one line, in its own transaction: an act whose line cannot be written is not done.

use super::{Scene, execute};
use crate::support::app::{ACME, UMBRELLA, email};
use crate::support::database::is_postgres;
use crate::support::person::{PASSWORD, Reply, sent};
use actix_web::http::Method;
use credenza::db::schema::audit_events as events;
use credenza::web::routes;
use diesel::prelude::*;
use std::collections::BTreeSet;

/// One act: the pattern of its route, the form, the status, and the line.
struct Act {
    route: &'static str,
    form: Vec<(&'static str, String)>,
    status: u16,
    action: Option<&'static str>,
}

fn act(route: &'static str, form: &[(&'static str, &str)], status: u16, action: Option<&'static str>) -> Act {
    Act { route, form: form.iter().map(|(name, text)| (*name, (*text).to_owned())).collect(), status, action }
}

const LIST: &str = "/w/{slug}/credentials";

/// Every act there is, in an order in which each can be done to the credential of the scene.
fn acts() -> Vec<Act> {
    let new = [
        ("integration", "website"),
        ("method", "webhook"),
        ("name", "Another"),
        ("f.url", "https://www.example.com/"),
        ("f.signing_secret", "yet another signing secret"),
    ];
    let change = [
        ("name", "Changed"),
        ("f.url", "https://www.example.com/hook"),
        ("f.signing_secret", ""),
        ("revision", "{revision}"),
    ];
    let edited = [
        ("name", "Changed too"),
        ("f.url", "https://www.example.com/hook"),
        ("f.signing_secret", "the third signing secret"),
        ("revision", "{revision}"),
    ];
    let sign_in = [("email", "{email}"), ("password", PASSWORD)];
    vec![
        act("/sign-in", &sign_in, 303, Some("person.signed_in")),
        act(
            "/sign-in",
            &[("email", "{email}"), ("password", "not the password at all")],
            422,
            Some("person.signed_in"),
        ),
        act("/account", &[("name", "Ada"), ("theme", "dark"), ("shortcuts", "1")], 303, Some("person.preferences")),
        act(LIST, &new, 303, Some("credential.created")),
        act("/w/{slug}/credentials/form", &new, 200, None),
        act("/w/{slug}/credentials/{id}", &change, 303, Some("credential.edited")),
        act("/w/{slug}/credentials/{id}", &edited, 303, Some("credential.edited")),
        act("/w/{slug}/credentials/{id}/form", &edited, 200, None),
        act("/w/{slug}/credentials/{id}/name", &[("name", "Renamed")], 303, Some("credential.renamed")),
        act("/w/{slug}/credentials/{id}/checks", &[], 303, Some("credential.checked")),
        act(
            "/w/{slug}/credentials/{id}/rotation",
            &[("f.signing_secret", "the fourth signing secret")],
            303,
            Some("credential.rotated"),
        ),
        act("/w/{slug}/credentials/{id}/deletion", &[], 303, Some("credential.deleted")),
        act("/w/{slug}/credentials/{id}/restoration", &[], 303, Some("credential.restored")),
        act("/w/{slug}/credentials/{id}/deletion", &[], 303, Some("credential.deleted")),
        act("/w/{slug}/credentials/{id}/purge", &[], 303, Some("credential.purged")),
        act("/w/{slug}/settings", &[("name", "Acme & Co")], 303, Some("workspace.renamed")),
        act(
            "/w/{slug}/settings",
            &[("name", "Acme & Co"), ("idle_minutes", "30")],
            303,
            Some("workspace.settings_changed"),
        ),
        act(
            "/w/{slug}/settings/support",
            &[("email", "{stranger}"), ("reason", "Ticket 4711"), ("hours", "8")],
            303,
            Some("support.granted"),
        ),
        act("/w/{slug}/settings/support/end", &[("user", "{stranger id}")], 303, Some("support.ended")),
        act("/sign-out", &[], 303, Some("person.signed_out")),
    ]
}

impl Scene {
    async fn perform(&self, act: &Act) -> Reply {
        let path = act.route.replace("{slug}", ACME).replace("{id}", &self.shop);
        let (revision, stranger) = (self.revision().to_string(), email("member", UMBRELLA));
        let stranger_id = self.app.user(&stranger).await.to_string();
        let form: Vec<(&str, String)> = act
            .form
            .iter()
            .map(|(name, text)| {
                (
                    *name,
                    text.replace("{email}", &email("admin", ACME))
                        .replace("{revision}", &revision)
                        .replace("{stranger}", &stranger)
                        .replace("{stranger id}", &stranger_id),
                )
            })
            .collect();
        let form: Vec<(&str, &str)> = form.iter().map(|(name, text)| (*name, text.as_str())).collect();
        self.admin.post(&path, &form).await
    }

    fn revision(&self) -> i64 {
        use credenza::db::schema::credentials;
        let row = credentials::table.filter(credentials::id.eq(&self.shop)).select(credentials::revision);
        row.first(&mut self.app.database.connect()).unwrap_or_default()
    }

    fn lines(&self) -> BTreeSet<(String, i64, String)> {
        let all = events::table.select((events::chain, events::seq, events::action));
        all.load(&mut self.app.database.connect()).expect("lines").into_iter().collect()
    }
}

#[tokio::test]
async fn t168_each_act_writes_exactly_one_line() {
    let scene = Scene::play().await;
    let mut covered = BTreeSet::from(["/setup"]);
    for act in acts() {
        let before = scene.lines();
        scene.perform(&act).await.expect(act.status);
        let after = scene.lines();
        let new: Vec<&str> = after.difference(&before).map(|(_, _, action)| action.as_str()).collect();
        assert_eq!(new, act.action.into_iter().collect::<Vec<_>>(), "POST {}", act.route);
        covered.insert(act.route);
    }
    let table = routes::table();
    let unsafe_ones: BTreeSet<&str> =
        table.iter().filter(|route| route.method != Method::GET).map(|route| route.path).collect();
    assert_eq!(covered, unsafe_ones, "a route that changes something is missing here");
}

#[tokio::test]
async fn t168_reading_writes_no_line_and_changes_nothing() {
    let scene = Scene::play().await;
    let (lines, kept) = (scene.lines(), scene.app.kept());
    // An export is an act that a link leads to; it has a line of its own.
    let is_export = |path: &str| path.ends_with(".jsonl") || path.ends_with(".csv");
    let table = routes::table();
    for route in table.iter().filter(|route| route.method == Method::GET && !is_export(route.path)) {
        let path = route.path.replace("{slug}", ACME).replace("{id}", &scene.shop).replace("{integration}", "website");
        let status = scene.admin.get(&path).await.status;
        assert!(matches!(status, 200 | 303 | 404), "{path}: {status}");
    }
    assert_eq!(scene.lines(), lines);
    assert_eq!(scene.app.kept(), kept);
}

#[tokio::test]
async fn t080_a_line_names_fields_and_holds_no_value_of_them() {
    let scene = Scene::play().await;
    let member = scene.app.member().await;
    let told = [
        ("description", "a description for nobody else"),
        ("tags", "a-tag-for-nobody-else"),
        ("f.url", "https://www.example.com/a-path-for-nobody-else"),
        ("f.signing_secret", "a signing secret for nobody else"),
    ];
    let new: Vec<_> =
        [("integration", "website"), ("method", "webhook"), ("name", "Told")].into_iter().chain(told).collect();
    scene.admin.post("/w/acme/credentials", &new).await.expect(303);
    for act in acts() {
        scene.perform(&act).await;
    }
    let edit = [("name", "Edited"), ("revision", "{revision}")];
    let edit = act("/w/{slug}/credentials/{id}", &edit.into_iter().chain(told).collect::<Vec<_>>(), 404, None);
    scene.perform(&edit).await;
    member.post("/w/acme/credentials", &new).await.expect(403);
    let agent = format!("an agent {}", "x".repeat(3000));
    let typed =
        scene.app.anon().request("POST", "/sign-in").header("User-Agent", &agent).header("X-Api-Key", told[0].1);
    sent(typed.form(&[("email", told[0].1), ("password", told[3].1)])).await.expect(422);
    let allowed = BTreeSet::from([
        "blob",
        "connected",
        "fields",
        "from",
        "handle",
        "hint",
        "integration",
        "method",
        "name",
        "plain",
        "to",
        "unverified",
        "version",
        "dangers",
        "count",
        "role",
        "reason",
        "until",
    ]);
    let mut named = BTreeSet::new();
    let mut events = scene.app.events(ACME).await;
    events.extend(scene.app.instance_events().await);
    for event in events {
        let details: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&event.details).expect("details");
        for (name, value) in details {
            assert!(allowed.contains(name.as_str()), "{} tells {name}", event.action);
            if name == "fields" {
                named.extend(
                    value.as_array().expect("names").iter().map(|one| one.as_str().expect("a name").to_owned()),
                );
            }
        }
        let is_prefix = event.session.len() == 12 && event.session.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(event.session.is_empty() || is_prefix, "{}", event.session);
        assert!(event.agent.chars().count() <= 200, "{}", event.agent.len());
        let all = format!("{event:?}");
        for (_, value) in told {
            assert!(!all.contains(value), "{} holds {value}: {all}", event.action);
        }
        assert!(!all.contains("sid=") && !all.contains(PASSWORD), "{all}");
    }
    assert!(named.contains("signing_secret") && named.contains("name"), "the names of changed fields: {named:?}");
}

/// No line can be written, as on a full disk or for a table that was taken away.
fn forbid_lines(scene: &Scene) {
    let sql = if is_postgres() {
        "CREATE OR REPLACE FUNCTION no_lines() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$; \
         CREATE TRIGGER no_lines BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION no_lines()"
    } else {
        "CREATE TRIGGER no_lines BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'no room'); END"
    };
    assert!(execute(&mut scene.app.database.connect(), sql));
}

fn allow_lines(scene: &Scene) {
    let sql = if is_postgres() { "DROP TRIGGER no_lines ON audit_events" } else { "DROP TRIGGER no_lines" };
    assert!(execute(&mut scene.app.database.connect(), sql));
}

#[tokio::test]
async fn t169_what_cannot_be_written_down_is_not_done() {
    let scene = Scene::play().await;
    for act in acts().into_iter().filter(|act| act.action.is_some()) {
        let is_of_deleted = act.route.ends_with("/restoration") || act.route.ends_with("/purge");
        let there = if is_of_deleted { "deletion" } else { "restoration" };
        scene.admin.post(&format!("/w/acme/credentials/{}/{there}", scene.shop), &[]).await;
        if act.route.ends_with("/support/end") {
            let grant = acts().into_iter().find(|act| act.route.ends_with("/settings/support")).expect("a grant");
            scene.perform(&grant).await.expect(303);
        }
        forbid_lines(&scene);
        let (lines, mut kept) = (scene.lines(), scene.app.kept());
        let refused = scene.perform(&act).await;
        assert_eq!(refused.status, 503, "POST {}: {}", act.route, refused.body);
        assert_eq!(refused.header("retry-after"), Some("5"));
        assert_eq!(refused.header("set-cookie"), None, "no session begins or ends");
        assert!(!refused.body.contains("no room"), "the cause is for the log");
        let mut after = scene.app.kept();
        // A sign-in that is tried is counted before it is judged.
        kept.remove("sign_in_attempts");
        after.remove("sign_in_attempts");
        assert_eq!(after, kept, "POST {}", act.route);
        assert_eq!(scene.lines(), lines);
        allow_lines(&scene);
        if act.route != "/sign-out" {
            assert_eq!(scene.admin.get("/w/acme/credentials").await.status, 200, "still signed in");
        }
    }
    // It recovers by itself.
    scene.admin.post(&format!("/w/acme/credentials/{}/deletion", scene.shop), &[]).await.expect(303);
}

#[tokio::test]
async fn t169_a_refusal_of_a_role_that_cannot_be_written_down_is_503() {
    let scene = Scene::play().await;
    let member = scene.app.member().await;
    let path = format!("/w/acme/credentials/{}/deletion", scene.shop);
    let before = scene.lines().len();
    member.post(&path, &[]).await.expect(403);
    assert_eq!(scene.lines().len(), before + 1, "a refusal is written down");
    forbid_lines(&scene);
    member.post(&path, &[]).await.expect(503);
    allow_lines(&scene);
    member.post(&path, &[]).await.expect(403);
}
