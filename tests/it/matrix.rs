//! Every row of the route table for every sort of person, with every method, plain, through htmx and for JSON.

#![cfg(test)]

use crate::support::address::Ids;
use crate::support::app::{TestApp, UMBRELLA, bearer_form, email};
use crate::support::http_server::Answer;
use crate::support::person::{Person, Reply, sent};
use credenza::db::schema::memberships;
use credenza::id::Id;
use credenza::model::audit::Outcome;
use credenza::model::credential::Credential;
use credenza::model::permission::Role;
use credenza::web::routes::{Access, Route, table};
use diesel::prelude::*;
use std::collections::BTreeSet;

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// Whoever has no business in the workspace, though signed in.
async fn strangers(app: &TestApp) -> Vec<(&'static str, Person)> {
    let removed = app.person(&email("member", UMBRELLA)).await;
    let expired = app.person(&email("support", UMBRELLA)).await;
    let (acme, left, late) = (
        app.workspace("acme").await,
        app.user(&email("member", UMBRELLA)).await,
        app.user(&email("support", UMBRELLA)).await,
    );
    let now = app.means.now();
    app.write(move |tx| {
        for (user, expires) in [(&left, None), (&late, Some(now.plus(chrono::TimeDelta::minutes(-1))))] {
            diesel::insert_into(memberships::table)
                .values((
                    memberships::workspace_id.eq(&acme),
                    memberships::user_id.eq(user),
                    memberships::role.eq(if expires.is_some() { Role::Support } else { Role::Admin }),
                    memberships::reason.eq(""),
                    memberships::expires_at.eq(expires),
                    memberships::created_at.eq(now),
                ))
                .execute(tx.conn())?;
        }
        Ok(())
    })
    .await;
    removed.get("/w/acme/credentials/new").await.expect(200);
    let (acme, left) = (app.workspace("acme").await, app.user(&email("member", UMBRELLA)).await);
    app.write(move |tx| {
        let mine = memberships::workspace_id.eq(&acme).and(memberships::user_id.eq(&left));
        Ok(diesel::delete(memberships::table.filter(mine)).execute(tx.conn())?)
    })
    .await;
    vec![
        ("pending", app.pending().await),
        ("foreign admin", app.foreign_admin().await),
        ("removed", removed),
        ("expired support", expired),
    ]
}

/// The id of something that the part of a pattern names, made for this row.
async fn named_by(app: &TestApp, admin: &Person, pattern: &str, n: usize) -> Option<String> {
    let address = format!("row{n}@acme.example");
    if pattern.contains("{member}") {
        let (workspace, means) = (app.workspace("acme").await, app.means.clone());
        let made = move |tx: &mut credenza::db::Tx<'_>| {
            let user = credenza::model::user::User::create(tx, &address, "", means.now())?;
            let allowed = credenza::model::permission::Allowed::operator(workspace.clone());
            credenza::model::membership::add(tx, &means, &allowed, &user, Role::Member)?;
            Ok(user.to_string())
        };
        return Some(app.write(made).await);
    }
    if pattern.contains("{invitation}") {
        admin.post("/w/acme/invitations", &[("email", &address), ("role", "member")]).await.expect(303);
        let page = admin.get("/w/acme/invitations").await.expect(200);
        let row = page.attributes("tr[id^=row-]", "id").remove(0);
        return row.strip_prefix("row-").map(str::to_owned);
    }
    if pattern.starts_with("/w/{slug}/tokens/") {
        let made = admin.post("/w/acme/tokens", &[("name", &address)]).await.expect(303);
        return made.location().rsplit('/').next().map(str::to_owned);
    }
    if pattern.contains("{mail}") {
        admin.post("/w/acme/mail", &[]).await.expect(303);
        let page = admin.get("/w/acme/mail").await.expect(200);
        let row = page.attributes("tr[id^=row-]", "id").remove(0);
        return row.strip_prefix("row-").map(str::to_owned);
    }
    None
}

/// How a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// By a browser.
    Plain,
    /// By htmx, for a part of a page.
    Htmx,
    /// By a client that would have JSON; pages have none, and the rules are the same.
    Json,
}

const WAYS: [How; 3] = [How::Plain, How::Htmx, How::Json];

async fn ask(person: &Person, method: &str, path: &str, how: How) -> Reply {
    let request = person.request(method, path);
    sent(match how {
        How::Plain => request,
        How::Htmx => request.header("HX-Request", "true"),
        How::Json => request.header("Accept", "application/json"),
    })
    .await
}

fn answers(route: &Route, method: &str) -> bool {
    route.method == *method || (route.method == "GET" && method == "HEAD")
}

/// The table's rows under `/w/{slug}`.
fn workspace_rows() -> Vec<(Route, &'static str, &'static [Role])> {
    table()
        .into_iter()
        .filter_map(|route| match route.access {
            Access::Workspace { permission, roles } => Some((route, permission, roles)),
            Access::Public | Access::SignedIn => None,
        })
        .collect()
}

#[tokio::test]
async fn t026_t028_t029_t100_roles_that_lack_a_permission_are_refused_and_written_down() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let ids = app.ids(&admin, &id).await;
    let before = app.kept();
    for (role, person) in [(Role::Member, app.member().await), (Role::Support, app.support().await)] {
        let mut refused = Vec::new();
        let first = app.events("acme").await.len();
        for (route, permission, roles) in workspace_rows() {
            let path = ids.address(route.path, "acme");
            for how in WAYS {
                let reply = ask(&person, route.method.as_str(), &path, how).await;
                if roles.contains(&role) {
                    // An empty form lacks something where something is asked for.
                    assert!(
                        matches!(reply.status, 200 | 303 | 422),
                        "{role} {how:?} {} {path}: {}",
                        route.method,
                        reply.status
                    );
                } else {
                    assert_eq!(reply.status, 403, "{role} {how:?} {} {path}", route.method);
                    refused.push((permission.to_owned(), route.path.to_owned()));
                }
            }
        }
        assert!(refused.len() >= 30, "management is not open to {role}");
        let user = app.user(&email(role.as_str(), "acme")).await;
        let events = app.events("acme").await.split_off(first);
        assert!(events.iter().all(|e| e.actor_id == user.as_str()));
        // What support is shown is written down, too; nothing is for a member.
        let (events, shown): (Vec<_>, Vec<_>) = events.into_iter().partition(|e| e.outcome == Outcome::Deny);
        assert!(events.iter().all(|e| e.code == "role"));
        assert!(shown.iter().all(|e| matches!(e.action.as_str(), "support.viewed" | "audit.exported")));
        assert_eq!(shown.is_empty(), role == Role::Member);
        let written: Vec<_> = events.into_iter().map(|e| (e.action, e.target_id)).collect();
        assert_eq!(written, refused, "one line for each refusal, in its order");
    }
    app.assert_kept(&before);
    assert_eq!((app.calls(), app.service.requests().len()), ((0, 0), 0), "nobody was called");
    app.prove_audit().await;
}

#[tokio::test]
async fn t026_t031_strangers_find_nothing_and_nobody_signs_in_first() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let ids = app.ids(&admin, &id).await;
    let strangers = strangers(&app).await;
    let (before, lines) = (app.kept(), app.events("acme").await.len());
    let mut nothing = Vec::new();
    for (_, person) in &strangers {
        nothing.push(person.get("/w/no-such-workspace/credentials").await.expect(404).body);
    }
    for (route, ..) in workspace_rows() {
        let path = ids.address(route.path, "acme");
        for how in WAYS {
            for ((who, person), nothing) in strangers.iter().zip(&nothing) {
                let reply = ask(person, route.method.as_str(), &path, how).await;
                assert_eq!((reply.status, &reply.body), (404, nothing), "{who} {how:?} {} {path}", route.method);
            }
            let reply = ask(&app.anon(), route.method.as_str(), &path, how).await;
            if how == How::Htmx {
                assert_eq!((reply.status, reply.header("hx-redirect")), (401, Some("/sign-in")), "{path}");
            } else {
                assert_eq!((reply.status, reply.location()), (303, "/sign-in"), "{path}");
            }
            assert!(reply.body.is_empty(), "{path}");
        }
    }
    app.assert_kept(&before);
    assert_eq!((app.calls(), app.events("acme").await.len()), ((0, 0), lines));
}

#[tokio::test]
async fn t028_t029_a_form_that_an_admin_could_send_is_refused_from_others_and_calls_nobody() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let mut gone = Vec::new();
    for name in ["Gone", "Gone too"] {
        let id = app.website(&admin, name, "a signing secret that went").await;
        gone.push(format!("/w/acme/credentials/{id}"));
        admin.post(&format!("/w/acme/credentials/{id}/deletion"), &[]).await.expect(303);
    }
    let new = bearer_form("Service token", "token-of-the-service");
    let edited = [
        ("name", "Other"),
        ("revision", "1"),
        ("f.url", "https://www.example.com/other"),
        ("f.signing_secret", "a signing secret for there"),
    ];
    let renewed = [("f.signing_secret", "another signing secret")];
    let name = [("name", "Other")];
    let of_id = format!("/w/acme/credentials/{id}");
    let acts: [(String, &[(&str, &str)]); 8] = [
        ("/w/acme/credentials".to_owned(), &new),
        (of_id.clone(), &edited),
        (format!("{of_id}/name"), &name),
        (format!("{of_id}/checks"), &[]),
        (format!("{of_id}/rotation"), &renewed),
        (format!("{of_id}/deletion"), &[]),
        (format!("{}/restoration", gone[0]), &[]),
        (format!("{}/purge", gone[1]), &[]),
    ];
    let before = app.kept();
    for (person, role) in [(app.member().await, "member"), (app.support().await, "support")] {
        for (path, form) in &acts {
            let lines = app.events("acme").await.len();
            person.post(path, form).await.expect(403);
            person.post_htmx(path, form).await.expect(403);
            let written = app.events("acme").await.split_off(lines);
            assert!(written.len() == 2 && written.iter().all(|e| e.outcome == Outcome::Deny), "{role} {path}");
        }
    }
    app.assert_kept(&before);
    assert_eq!((app.calls(), app.service.requests().len()), ((0, 0), 0), "nobody was called");
    // The same forms are good.
    app.service.prepare(Answer::json(200, &serde_json::json!({})));
    for (path, form) in acts {
        admin.post(&path, form).await.expect(303);
    }
}

#[tokio::test]
async fn t031_whoever_is_disabled_has_no_session_any_more_and_gets_none() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let ids = app.ids(&admin, &id).await;
    let (user, now) = (app.user(&email("admin", "acme")).await, app.means.now());
    app.write(move |tx| {
        use credenza::db::schema::users;
        let row = diesel::update(users::table.filter(users::id.eq(&user)));
        Ok(row.set(users::disabled_at.eq(Some(now))).execute(tx.conn())?)
    })
    .await;
    let before = app.kept();
    for (route, ..) in workspace_rows() {
        let path = ids.address(route.path, "acme");
        let reply = ask(&admin, route.method.as_str(), &path, How::Plain).await;
        assert_eq!((reply.status, reply.location()), (303, "/sign-in"), "{} {path}", route.method);
        assert_eq!(ask(&admin, route.method.as_str(), &path, How::Htmx).await.status, 401, "{} {path}", route.method);
    }
    app.assert_kept(&before);
    app.anon().sign_in(&email("admin", "acme")).await.expect(422);
}

#[tokio::test]
async fn t032_a_foreign_id_is_answered_as_an_absent_one() {
    let app = TestApp::start().await;
    let (admin, foreign) = (app.admin().await, app.foreign_admin().await);
    let form = [
        ("integration", "website"),
        ("method", "webhook"),
        ("name", "Theirs"),
        ("f.url", "https://www.example.com/"),
        ("f.signing_secret", "a signing secret of others"),
    ];
    let reply = foreign.post("/w/umbrella/credentials", &form).await.expect(303);
    let theirs = reply.location().rsplit('/').next().expect("an id").to_owned();
    let bot = foreign.post("/w/umbrella/bots", &[("name", "Theirs")]).await.expect(303);
    let bot = bot.location().rsplit('/').next().expect("an id").to_owned();
    let absent = Id::<Credential>::new().to_string();
    let theirs = Ids { credential: theirs, bot, ..Ids::of(&absent) };
    let before = app.kept();
    // The numbers beside the list are kept from the first page on.
    admin.get("/w/acme/credentials").await.expect(200);
    for (route, ..) in workspace_rows().iter().filter(|(route, ..)| route.path.contains("{id}")) {
        for htmx in [false, true] {
            let (mut bodies, mut queries) = (BTreeSet::new(), Vec::new());
            for ids in [&theirs, &Ids::of(&absent), &Ids::of("no-id"), &Ids::of("' OR 1=1--")] {
                // Edit asks for its revision before it looks for the credential.
                let request = admin.request(route.method.as_str(), &ids.address(route.path, "acme"));
                let request = if htmx { request.header("HX-Request", "true") } else { request };
                let form = (route.method == "POST").then_some([("revision", "1"), ("name", "New name")]);
                let asked = app.database.asked();
                let reply = sent(if let Some(form) = form { request.form(&form) } else { request }).await;
                assert_eq!(reply.status, 404, "{} {} of {ids:?}", route.method, route.path);
                bodies.insert((reply.body, format!("{:?}", comparable(&reply.headers))));
                queries.push(app.database.asked() - asked);
            }
            assert!(queries[0] == queries[1] && queries[0] > 0, "{} {}: {queries:?}", route.method, route.path);
            assert_eq!(bodies.len(), 1, "{} {}: told apart: {bodies:?}", route.method, route.path);
        }
    }
    app.assert_kept(&before);
    assert_eq!(app.calls(), (0, 0));
}

fn comparable(headers: &reqwest::header::HeaderMap) -> Vec<(String, String)> {
    let mut all: Vec<_> = headers
        .iter()
        .filter(|(name, _)| *name != "date" && *name != "connection")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn t026_an_admin_may_everything_in_the_table() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (n, (route, _, roles)) in workspace_rows().into_iter().enumerate() {
        assert!(roles.contains(&Role::Admin), "{}", route.path);
        let id = app.website(&admin, &format!("Shop events {n}"), &format!("a signing secret of shop {n}")).await;
        let ids = app.ids(&admin, &id).await;
        if route.path.ends_with("/restoration") || route.path.ends_with("/purge") {
            admin.post(&format!("/w/acme/credentials/{id}/deletion"), &[]).await.expect(303);
        }
        let named = named_by(&app, &admin, route.path, n).await.unwrap_or_default();
        let ids = match route.path.starts_with("/w/{slug}/tokens/") {
            true => Ids { token: named, ..ids },
            false => Ids { other: named, ..ids },
        };
        let path = ids.address(route.path, "acme");
        let reply = ask(&admin, route.method.as_str(), &path, How::Plain).await;
        if route.path.contains("{flow}") {
            assert_eq!(reply.status, 404, "{path}");
            continue;
        }
        // An empty form lacks something where something is asked for.
        assert!(matches!(reply.status, 200 | 303 | 400 | 422), "{} {path}: {}", route.method, reply.status);
        if route.method == "GET" {
            assert!(matches!(reply.status, 200 | 303), "{path}");
            let head = ask(&admin, "HEAD", &path, How::Plain).await;
            assert_eq!((head.status, head.body.as_str()), (reply.status, ""), "HEAD {path}");
        }
    }
    assert_eq!(app.calls(), (0, 0));
    app.prove_audit().await;
}

#[tokio::test]
async fn t026_other_methods_are_refused_to_everybody() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let ids = app.ids(&admin, &id).await;
    let people =
        [("admin", admin), ("member", app.member().await), ("pending", app.pending().await), ("anon", app.anon())];
    let before = app.kept();
    let rows = table();
    let paths: BTreeSet<&str> = rows.iter().map(|route| route.path).collect();
    for pattern in paths {
        let path = ids.address(pattern, "acme");
        for method in METHODS {
            if rows.iter().any(|route| route.path == pattern && answers(route, method)) {
                continue;
            }
            for (who, person) in &people {
                let reply = ask(person, method, &path, How::Plain).await;
                assert_eq!(reply.status, 405, "{who} {method} {path}");
                let allow = reply.header("allow").expect("RFC 9110 §15.5.6 asks for Allow");
                for route in rows.iter().filter(|route| route.path == pattern) {
                    assert!(allow.split(", ").any(|m| m == route.method.as_str()), "{path}: {allow}");
                }
            }
        }
    }
    app.assert_kept(&before);
}

#[tokio::test]
async fn t026_pages_outside_workspaces() {
    let app = TestApp::start().await;
    let member = app.member().await;
    for route in table() {
        if matches!(route.access, Access::Workspace { .. }) || route.path == "/sign-out" {
            continue;
        }
        for (person, signed_in) in [(&app.anon(), false), (&member, true)] {
            for how in [How::Plain, How::Htmx] {
                let reply = ask(person, route.method.as_str(), route.path, how).await;
                match (route.access, signed_in, how) {
                    (Access::SignedIn, false, How::Htmx) => assert_eq!(reply.status, 401, "{}", route.path),
                    (Access::SignedIn, false, _) => assert_eq!(reply.location(), "/sign-in", "{}", route.path),
                    // Once somebody exists the setup page is gone for everybody, and a wrong token opens nothing.
                    _ if route.path == "/setup" || route.path.contains("{token}") => assert_eq!(reply.status, 404),
                    // An answer that belongs to nothing is turned away, whoever brings it.
                    _ if route.path == "/oauth/callback" => assert_eq!(reply.status, 400),
                    // Neither a second factor nor a passkey without a begun sign-in; passkeys want no address of numbers.
                    _ if route.path.starts_with("/sign-in/") => {
                        assert!(matches!(reply.status, 200 | 303 | 401), "{}: {}", route.path, reply.status);
                    }
                    _ => assert!(matches!(reply.status, 200 | 303 | 422), "{}: {}", route.path, reply.status),
                }
            }
        }
    }
}

#[tokio::test]
async fn t038_other_spellings_of_an_address_open_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let (member, pending) = (app.member().await, app.pending().await);
    let before = app.kept();
    for tail in ["edit", "rotation", "deletion", "name"] {
        for path in [
            format!("/w/acme/credentials/{id}/{tail}/"),
            format!("//w/acme/credentials/{id}/{tail}"),
            format!("/w//acme/credentials/{id}/{tail}"),
            format!("/w/acme%2fcredentials/{id}/{tail}"),
            format!("/w/acme/credentials/{id}%2f{tail}"),
            format!("/W/acme/credentials/{id}/{tail}"),
            format!("/w/ACME/credentials/{id}/{tail}"),
            format!("/w/acme/credentials/{}/{tail}", id.to_uppercase()),
            format!("/w/acme/credentials/{id}/{tail}."),
            format!("/w/acme/credentials/{id}/{tail}%00"),
            format!("/w/acme/credentials/{id};x=1/{tail}"),
        ] {
            for person in [&member, &pending, &app.anon()] {
                for method in ["GET", "POST"] {
                    let reply = ask(person, method, &path, How::Plain).await;
                    let closed = matches!(reply.status, 400 | 403 | 404 | 405) || reply.location() == "/sign-in";
                    assert!(closed, "{method} {path}: {}", reply.status);
                }
            }
        }
    }
    app.assert_kept(&before);
}

#[tokio::test]
async fn t041_keys_backups_and_pruning_have_no_address() {
    let app = TestApp::start().await;
    let (admin, member) = (app.admin().await, app.member().await);
    for path in ["keys", "keys/rotate", "backup", "audit/prune", "restore"] {
        for address in [format!("/{path}"), format!("/w/acme/{path}")] {
            for person in [&admin, &member] {
                for method in ["GET", "POST"] {
                    assert_eq!(ask(person, method, &address, How::Plain).await.status, 404, "{method} {address}");
                }
            }
        }
    }
}

#[tokio::test]
async fn t043_an_id_is_never_given_twice() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut ids = BTreeSet::new();
    for _ in 0..5 {
        let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
        assert!(Id::<Credential>::parse(&id).is_some() && ids.insert(id.clone()), "a new one");
        admin.post(&format!("/w/acme/credentials/{id}/deletion"), &[]).await.expect(303);
        admin.post(&format!("/w/acme/credentials/{id}/purge"), &[]).await.expect(303);
        admin.get(&format!("/w/acme/credentials/{id}")).await.expect(404);
    }
    for n in 1..=20 {
        admin.get(&format!("/w/acme/credentials/{n}")).await.expect(404);
    }
}

#[tokio::test]
async fn t045_an_admin_who_was_demoted_cannot_send_the_open_form() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let path = format!("/w/acme/credentials/{id}");
    let page = admin.get(&format!("{path}/edit")).await.expect(200);
    let revision = page.attributes("input[name=revision]", "value").pop().expect("a revision");
    let (acme, user) = (app.workspace("acme").await, app.user(&email("admin", "acme")).await);
    app.write(move |tx| {
        let mine = memberships::workspace_id.eq(&acme).and(memberships::user_id.eq(&user));
        let demoted = diesel::update(memberships::table.filter(mine)).set(memberships::role.eq(Role::Member));
        Ok(demoted.execute(tx.conn())?)
    })
    .await;
    let before = app.kept();
    let form = [("revision", revision.as_str()), ("name", "Other name"), ("f.url", "https://www.example.com/hook")];
    admin.post(&path, &form).await.expect(403);
    app.assert_kept(&before);
}
