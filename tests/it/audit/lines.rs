//! Each act has exactly one line, in its own transaction: an act whose line cannot be written is not done.

use super::{Scene, execute};
use crate::support::address::Ids;
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
    let block = [("integration", "website"), ("label", "Take orders"), ("credential", "{shop}")];
    let sign_in = [("email", "{email}"), ("password", PASSWORD)];
    let client = [
        ("method", "oauth"),
        ("f.client_id", "1-a.apps.googleusercontent.com"),
        ("f.client_secret", "a client secret"),
    ];
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
        act(
            "/w/{slug}/credentials/{id}/rotation",
            &[("f.signing_secret", "the fifth signing secret"), ("serve", "hand"), ("keep_hours", "24")],
            303,
            Some("credential.staged"),
        ),
        act("/w/{slug}/credentials/{id}/rotation/promote", &[], 303, Some("credential.promoted")),
        act("/w/{slug}/credentials/{id}/rotation/rollback", &[], 303, Some("credential.rolled_back")),
        act("/w/{slug}/credentials/{id}/suspension", &[("hours", "1")], 303, Some("credential.suspended")),
        act("/w/{slug}/credentials/{id}/suspension", &[("hours", "0")], 303, Some("credential.resumed")),
        act("/w/{slug}/bots", &[("name", "Orders")], 303, Some("bot.created")),
        act("/w/{slug}/bots/{id}", &[("name", "Orders and returns")], 303, Some("bot.edited")),
        act("/w/{slug}/bots/{id}/blocks", &block, 303, Some("block.added")),
        act("/w/{slug}/bots/{id}/blocks/{block}", &block, 303, Some("block.edited")),
        act("/w/{slug}/bots/{id}/publication", &[("published", "1")], 303, Some("bot.published")),
        act("/w/{slug}/bots/{id}/publication", &[("published", "0")], 303, Some("bot.withdrawn")),
        act("/w/{slug}/credentials/{id}/replacement", &[("target", "another")], 303, Some("credential.replaced")),
        act("/w/{slug}/bots/{id}/tokens", &[("name", "Worker"), ("scope", "use fetch")], 303, Some("token.created")),
        act("/w/{slug}/bots/{id}/tokens/{token}/rotation", &[("overlap", "60")], 303, Some("token.created")),
        act("/w/{slug}/bots/{id}/tokens/{token}/revocation", &[], 303, Some("token.revoked")),
        act("/w/{slug}/tokens", &[("name", "Pipeline")], 303, Some("token.created")),
        act("/w/{slug}/tokens/{token}/rotation", &[("overlap", "60")], 303, Some("token.created")),
        act("/w/{slug}/tokens/{token}/revocation", &[], 303, Some("token.revoked")),
        act("/w/{slug}/bots/{id}/blocks/{block}/removal", &[], 303, Some("block.removed")),
        act("/w/{slug}/bots/{id}/deletion", &[], 303, Some("bot.deleted")),
        // A consent is told of where consents are tested; these do nothing.
        act("/w/{slug}/credentials/{id}/connect", &[], 422, None),
        // Nor is this one of those that send mail, which are told of where that is tested.
        act("/w/{slug}/credentials/{id}/test-mail", &[], 422, None),
        act("/w/{slug}/flows/{flow}", &[], 404, None),
        act("/w/{slug}/apps/{integration}", &client, 303, Some("app.saved")),
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
        act("/w/{slug}/settings/deletion", &[("confirm_name", "another name")], 422, None),
        act("/w/{slug}/settings/transfer", &[("member", "nobody")], 422, None),
        act("/w/{slug}/settings/support/end", &[("user", "{stranger id}")], 303, Some("support.ended")),
    ]
    .into_iter()
    .chain(acts_about_people())
    .chain([act("/sign-out", &[], 303, Some("person.signed_out"))])
    .collect()
}

/// The same for people. Two lines where a proof is written down too.
fn acts_about_people() -> Vec<Act> {
    let password = [("current_password", PASSWORD), ("password", PASSWORD)];
    let invitation = [("email", "nina@acme.example"), ("role", "member")];
    vec![
        act("/confirm", &[("current_password", PASSWORD)], 303, Some("person.confirmed")),
        // Second factors are told of where they are tested; these are none.
        act("/sign-in/second-factor", &[("code", "000000")], 401, None),
        act("/sign-in/passkey/options", &[], 200, None),
        act("/sign-in/passkey", &[("credential", "{}")], 401, Some("person.signed_in")),
        act("/account/second-factor", &[("act", "start")], 303, None),
        act("/account/second-factor", &[("act", "off")], 409, None),
        act("/account/passkeys/options", &[], 200, None),
        act("/account/passkeys", &[("remove", "nothing")], 404, None),
        act("/w/{slug}/invitations", &invitation, 303, Some("invitation.sent")),
        act("/w/{slug}/invitations/{invitation}/delivery", &[], 303, Some("invitation.sent_again")),
        act("/w/{slug}/invitations/{invitation}/withdrawal", &[], 303, Some("invitation.withdrawn")),
        act("/invitations/{token}", &[], 404, None),
        act("/w/{slug}/members/{member}", &[("role", "support")], 303, Some("member.role_changed")),
        act("/w/{slug}/members/{member}/removal", &[], 303, Some("member.removed")),
        act("/w/{slug}/departure", &[], 422, None),
        act("/w/{slug}/mail", &[], 303, Some("mail.tested")),
        act("/w/{slug}/mail/{mail}/delivery", &[], 303, Some("mail.tried_again")),
        act("/password/forgot", &[("email", "{email}")], 303, Some("reset.asked")),
        act("/password/forgot", &[("email", "nobody@acme.example")], 303, None),
        act("/password/reset/{token}", &[("password", PASSWORD)], 404, None),
        act("/account/password", &password, 303, Some("person.confirmed+person.password_changed")),
        act("/account/email", &[("email", "ada@acme.example")], 303, Some("person.email_asked")),
        act("/account/email/{token}", &[], 404, None),
        act("/account/sessions", &[("end", "others")], 303, Some("person.sessions_ended")),
    ]
}

impl Scene {
    /// The last id that a table of the outbox or of invitations got.
    fn last(&self, path: &str) -> String {
        use credenza::db::schema::{invitations, outbox};
        let mut conn = self.app.database.connect();
        let found = match path {
            path if path.contains("{mail}") => {
                outbox::table.order(outbox::id.desc()).select(outbox::id).first::<String>(&mut conn)
            }
            _ => invitations::table.order(invitations::id.desc()).select(invitations::id).first::<String>(&mut conn),
        };
        found.unwrap_or_default()
    }

    async fn perform(&self, act: &Act) -> Reply {
        let other = match act.route.contains("{member}") {
            true => self.app.user(&email("member", ACME)).await.to_string(),
            false => self.last(act.route),
        };
        let path = Ids { other, ..self.ids() }.address(act.route, ACME);
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
                        .replace("{shop}", &self.shop)
                        .replace("{stranger}", &stranger)
                        .replace("{stranger id}", &stranger_id),
                )
            })
            .collect();
        let form: Vec<(&str, &str)> = form.iter().map(|(name, text)| (*name, text.as_str())).collect();
        self.admin.post(&path, &form).await
    }

    /// The credential, and the newest bot and block.
    fn ids(&self) -> Ids {
        use credenza::db::schema::{blocks, bot_tokens as tokens, bots};
        let conn = &mut self.app.database.connect();
        let bot = bots::table.order(bots::id.desc()).select(bots::id).first(conn);
        let block = blocks::table.order(blocks::id.desc()).select(blocks::id).first(conn);
        let token = tokens::table.order(tokens::id.desc()).select(tokens::id).first(conn);
        Ids {
            credential: self.shop.clone(),
            bot: bot.unwrap_or_default(),
            block: block.unwrap_or_default(),
            other: String::new(),
            token: token.unwrap_or_default(),
        }
    }

    fn revision(&self) -> i64 {
        use credenza::db::schema::credentials;
        let row = credentials::table.filter(credentials::id.eq(&self.shop)).select(credentials::revision);
        row.first(&mut self.app.database.connect()).unwrap_or_default()
    }

    pub(super) fn lines(&self) -> BTreeSet<(String, i64, String)> {
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
        let wanted: Vec<&str> = act.action.map(|action| action.split('+').collect()).unwrap_or_default();
        assert_eq!(new, wanted, "POST {}", act.route);
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
        let path = scene.ids().address(route.path, ACME);
        let status = scene.admin.get(&path).await.status;
        // An answer of a service that belongs to nothing is turned away.
        let turned_away = path == "/oauth/callback" && status == 400;
        assert!(turned_away || matches!(status, 200 | 303 | 404), "{path}: {status}");
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
    member.post("/w/acme/credentials", &new).await.expect(403);
    for act in acts() {
        scene.perform(&act).await;
    }
    let edit = [("name", "Edited"), ("revision", "{revision}")];
    let edit = act("/w/{slug}/credentials/{id}", &edit.into_iter().chain(told).collect::<Vec<_>>(), 404, None);
    scene.perform(&edit).await;
    let agent = format!("an agent {}", "x".repeat(3000));
    let typed =
        scene.app.anon().request("POST", "/sign-in").header("User-Agent", &agent).header("X-Api-Key", told[0].1);
    sent(typed.form(&[("email", told[0].1), ("password", told[3].1)])).await.expect(422);
    let allowed = BTreeSet::from([
        "app",
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
        "revision",
        "to",
        "unverified",
        "version",
        "dangers",
        // Of bots and of changes that break nobody: ids, handles made of labels, and labels.
        "block",
        "blocks",
        "by",
        "credential",
        "failing",
        "kept_s",
        "label",
        "until",
        "count",
        "role",
        "sessions",
        "kind",
        "invitation",
        // The address of an invitation is what it is aimed at.
        "email",
        "reason",
        // Of tokens: how they begin, what they may do, where from and for how long.
        "bot",
        "credentials",
        "days",
        "networks",
        "overlap_minutes",
        "replaces",
        "scopes",
        "token",
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
pub(super) fn forbid_lines(scene: &Scene) {
    let sql = if is_postgres() {
        "CREATE OR REPLACE FUNCTION no_lines() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$; \
         CREATE TRIGGER no_lines BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION no_lines()"
    } else {
        "CREATE TRIGGER no_lines BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'no room'); END"
    };
    assert!(execute(&mut scene.app.database.connect(), sql));
}

/// Lines can be written again.
pub(super) fn allow_lines(scene: &Scene) {
    let sql = if is_postgres() { "DROP TRIGGER no_lines ON audit_events" } else { "DROP TRIGGER no_lines" };
    assert!(execute(&mut scene.app.database.connect(), sql));
}

/// Brings about what an act needs: none of those before it was done.
async fn prepare(scene: &Scene, act: &Act) {
    let staged: &[(&str, &str)] = &[("f.signing_secret", "a staged signing secret"), ("serve", "hand")];
    let of_shop = |tail: &str| format!("/w/acme/credentials/{}/{tail}", scene.shop);
    let publication = format!("/w/acme/bots/{}/publication", scene.ids().bot);
    if act.action == Some("credential.replaced") {
        scene.app.website(&scene.admin, "Another", "yet another signing secret").await;
    }
    if act.route.starts_with("/w/{slug}/tokens/") {
        scene.admin.post("/w/acme/tokens", &[("name", "Pipeline")]).await.expect(303);
    }
    if act.route == "/sign-in/passkey" {
        scene.admin.post("/sign-in/passkey/options", &[]).await.expect(200);
    }
    let (path, form): (_, &[(&str, &str)]) = match act.action {
        Some("credential.promoted") => (of_shop("rotation"), staged),
        Some("credential.resumed") => (of_shop("suspension"), &[("hours", "1")]),
        Some("bot.published") => (of_shop("suspension"), &[("hours", "0")]),
        Some("bot.withdrawn") => (publication, &[("published", "1")]),
        Some("credential.replaced" | "block.removed") => (publication, &[("published", "0")]),
        _ => return,
    };
    scene.admin.post(&path, form).await.expect(303);
}

#[tokio::test]
async fn t169_what_cannot_be_written_down_is_not_done() {
    let scene = Scene::play().await;
    scene.app.ids(&scene.admin, &scene.shop).await;
    for act in acts().into_iter().filter(|act| act.action.is_some()) {
        let is_of_deleted = act.route.ends_with("/restoration") || act.route.ends_with("/purge");
        let there = if is_of_deleted { "deletion" } else { "restoration" };
        scene.admin.post(&format!("/w/acme/credentials/{}/{there}", scene.shop), &[]).await;
        scene.admin.post("/w/acme/invitations", &[("email", "otto@acme.example"), ("role", "member")]).await;
        scene.admin.post("/w/acme/mail", &[]).await;
        prepare(&scene, &act).await;
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
        // A sign-in that is tried is counted before it is judged, and a challenge that is answered is spent.
        for table in ["sign_in_attempts", "steps"] {
            kept.remove(table);
            after.remove(table);
        }
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
