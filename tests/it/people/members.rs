//! Roles, going, and the last admin.

use super::about;
use crate::support::app::{ACME, TestApp, UMBRELLA, bearer_form, email};
use crate::support::http_server::Answer;
use crate::support::person::{PASSWORD, Person, sent};
use chrono::TimeDelta;
use credenza::db::schema::users;
use credenza::model::membership;
use credenza::model::permission::{Allowed, Role};
use diesel::prelude::*;

#[tokio::test]
async fn t045_a_role_taken_away_is_felt_by_the_next_request() {
    let app = TestApp::start().await;
    let (admin, member) = (app.admin().await, app.member().await);
    let path = about(&app, "member").await;
    member.get("/w/acme/credentials/new").await.expect(403);
    admin.post(&path, &[("role", "admin")]).await.expect(303);
    member.get("/w/acme/credentials/new").await.expect(200);
    let id = app.website(&member, "Shop events", "a signing secret of a shop").await;
    admin.post(&path, &[("role", "member")]).await.expect(303);
    // The form that was open meanwhile.
    member.post(&format!("/w/acme/credentials/{id}/name"), &[("name", "Other")]).await.expect(403);
    member.get("/w/acme/credentials").await.expect(200);
    let roles: Vec<_> = app.events(ACME).await.into_iter().filter(|e| e.action == "member.role_changed").collect();
    assert_eq!(roles.len(), 2);
    assert_eq!(roles[1].detail("from"), Some("admin".into()));
    admin.post(&path, &[("role", "owner")]).await.expect(422);
    app.prove_audit().await;
}

#[tokio::test]
async fn t044_the_last_admin_stays() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let own = about(&app, "admin").await;
    let before = app.kept();
    for role in ["member", "support"] {
        let reply = admin.post(&own, &[("role", role)]).await.expect(409);
        assert_eq!(reply.attributes("#role-error", "data-code"), ["last_admin"]);
    }
    let reply = admin.post(&format!("{own}/removal"), &[]).await.expect(409);
    assert_eq!(reply.attributes("#banner", "data-code"), ["last_admin"]);
    let reply = admin.post("/w/acme/departure", &[("confirm_name", "acme")]).await.expect(409);
    assert_eq!(reply.attributes("#confirm_name-error", "data-code"), ["last_admin"]);
    admin.post("/w/acme/departure", &[("confirm_name", "another")]).await.expect(422);
    app.assert_kept(&before);
    // A second admin who is disabled does not count, and one who is not does.
    let (member, now) = (app.user(&email("member", ACME)).await, app.means.now());
    admin.post(&about(&app, "member").await, &[("role", "admin")]).await.expect(303);
    let means = app.means.clone();
    let user = member.clone();
    app.write(move |tx| credenza::model::member::set_disabled(tx, &means, &user, true)).await;
    admin.post(&own, &[("role", "member")]).await.expect(409);
    app.write(move |tx| credenza::model::user::User::set_disabled(tx, &member, None)).await;
    let _ = now;
    admin.post(&own, &[("role", "member")]).await.expect(303);
    admin.get("/w/acme/credentials/new").await.expect(403);
}

#[tokio::test]
async fn t044_two_admins_who_demote_each_other_leave_one() {
    let app = TestApp::start().await;
    let (admin, member) = (app.admin().await, app.member().await);
    let (first, second) = (about(&app, "admin").await, about(&app, "member").await);
    for round in 0..5 {
        admin.post(&second, &[("role", "admin")]).await.expect(303);
        let form = [("role", "member")];
        let (a, b) = futures_util::future::join(admin.post(&second, &form), member.post(&first, &form)).await;
        let done = [a.status, b.status];
        // Whoever comes second is no admin any more, or finds the last one.
        assert_eq!(done.iter().filter(|status| **status == 303).count(), 1, "{round}: {done:?}");
        assert!(done.iter().any(|status| matches!(status, 403 | 409)), "{round}: {done:?}");
        if b.status == 303 {
            member.post(&first, &form).await.expect(303);
            member.post(&first, &[("role", "admin")]).await.expect(303);
        }
    }
}

#[tokio::test]
async fn a_workspace_is_handed_over_in_one_step() {
    let app = TestApp::start().await;
    let (admin, member) = (app.admin().await, app.member().await);
    let path = about(&app, "member").await;
    admin.post(&path, &[("role", "admin"), ("step_down", "1")]).await.expect(303);
    admin.get("/w/acme/members").await.expect(403);
    member.get("/w/acme/members").await.expect(200);
}

#[tokio::test]
async fn handing_over_that_asks_again_keeps_what_was_chosen() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = about(&app, "member").await;
    assert!(admin.get(&path).await.expect(200).attributes("#step_down[checked]", "name").is_empty());
    app.means.clock.advance(TimeDelta::minutes(11));
    let asked = admin.post(&path, &[("role", "admin"), ("step_down", "1")]).await.expect(422);
    assert_eq!(asked.attributes("[name=role][checked]", "value"), ["admin"]);
    assert_eq!(asked.attributes("#step_down[checked]", "value"), ["1"]);
}

#[tokio::test]
async fn later_pages_of_members_and_mails_lead_back_to_the_first() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.workspace(ACME).await;
    for (list, after) in [("/w/acme/members", "b"), ("/w/acme/mail", id.as_str())] {
        assert!(admin.get(list).await.expect(200).attributes(".pager a", "href").is_empty());
        let later = admin.get(&format!("{list}?after={after}")).await.expect(200);
        assert_eq!(later.attributes(".pager a", "href"), [list]);
    }
}

#[tokio::test]
async fn an_admin_who_removes_themselves_is_told_that_they_leave_and_stays_signed_in() {
    let app = TestApp::start().await;
    let (admin, member) = (app.admin().await, app.member().await);
    admin.post(&about(&app, "member").await, &[("role", "admin")]).await.expect(303);
    let removal = format!("{}/removal", about(&app, "admin").await);
    let asked = admin.get(&removal).await.expect(200);
    assert_eq!(asked.texts("main h1"), ["Leave this workspace?"]);
    assert_eq!(asked.texts("main form button.danger"), ["Leave"]);
    assert!(!asked.body.contains("signed out everywhere"));
    let other = member.get(&removal).await.expect(200);
    assert_eq!(other.texts("main form button.danger"), ["Remove"]);
    assert!(other.body.contains("signed out everywhere"));
    admin.post(&removal, &[]).await.expect(303);
    admin.get("/account").await.expect(200);
    admin.get("/w/acme/members").await.expect(404);
}

#[tokio::test]
async fn t019_whoever_is_removed_is_signed_out_everywhere_and_leaves_a_report() {
    let app = TestApp::start().await;
    let (admin, leaver) = (app.admin().await, app.member().await);
    let elsewhere = app.member().await;
    let path = about(&app, "member").await;
    admin.post(&path, &[("role", "admin")]).await.expect(303);
    app.website(&leaver, "Made by the leaver", "a signing secret of a shop").await;
    app.website(&admin, "Made by the admin", "a signing secret of another shop").await;
    app.service.prepare(Answer::json(200, &serde_json::json!({})));
    let taken = app.create(&admin, &bearer_form("Taken over", "a-token-of-the-service")).await;
    app.service.prepare(Answer::json(200, &serde_json::json!({})));
    leaver.post(&format!("/w/acme/credentials/{taken}/rotation"), &[("f.token", "another-token")]).await.expect(303);
    // Tokens that they made and that still work; not that of somebody else, and not one that was revoked.
    let bot = app.new_bot(&admin, "Orders").await;
    let tokens = format!("/w/acme/bots/{bot}/tokens");
    for (person, name) in [(&leaver, "Seen by the leaver"), (&leaver, "Revoked"), (&admin, "Of the admin")] {
        let made = person.post(&tokens, &[("name", name), ("scope", "use")]).await.expect(303).location().to_owned();
        if name == "Revoked" {
            admin.post(&format!("{made}/revocation"), &[]).await.expect(303);
        }
    }
    leaver.post("/w/acme/tokens", &[("name", "Pipeline")]).await.expect(303);
    let asked = admin.get(&format!("{path}/removal")).await.expect(200);
    assert_eq!(asked.texts("tr[id^=left-] a.name"), ["Made by the leaver", "Taken over"]);
    assert_eq!(asked.texts(".left th .name"), ["Pipeline", "Seen by the leaver"]);
    let reply = admin.post(&format!("{path}/removal"), &[]).await.expect(303);
    assert_eq!(reply.location(), format!("{path}/report"));
    let report = admin.get(reply.location()).await.expect(200);
    assert_eq!(report.texts("tr[id^=left-] a.name"), ["Made by the leaver", "Taken over"]);
    assert_eq!(report.texts(".left th .name"), ["Pipeline", "Seen by the leaver"]);
    for (href, list) in report.attributes(".left td a", "href").iter().zip(["/w/acme/tokens", tokens.as_str()]) {
        assert!(href.starts_with(&format!("{list}/")), "a way to another one: {href}");
        admin.get(href).await.expect(200);
    }
    for person in [&leaver, &elsewhere] {
        assert_eq!(person.get("/w/acme/credentials").await.expect(303).location(), "/sign-in");
    }
    let again = app.person(&email("member", ACME)).await;
    again.get("/w/acme/credentials").await.expect(404);
    // Somebody who was never here has no report, and neither has a stranger's id.
    let stranger = app.user(&email("member", UMBRELLA)).await;
    admin.get(&format!("/w/acme/members/{stranger}/report")).await.expect(404);
    admin.get(&path).await.expect(404);
    app.prove_audit().await;
}

#[tokio::test]
async fn a_token_that_manages_is_replaced_from_the_report_on_its_maker() {
    let app = TestApp::start().await;
    let (admin, leaver) = (app.admin().await, app.member().await);
    let path = about(&app, "member").await;
    admin.post(&path, &[("role", "admin")]).await.expect(303);
    let made = leaver.post("/w/acme/tokens", &[("name", "Deploy pipeline"), ("days", "30")]).await.expect(303);
    let left = admin.get(&format!("{path}/report")).await.expect(200).attributes(".left td a", "href");
    assert_eq!(left, [format!("{}/rotation", made.location())]);
    admin.get(&left[0]).await.expect(200);
}

#[tokio::test]
async fn a_member_goes_by_themselves() {
    let app = TestApp::start().await;
    let member = app.member().await;
    member.get("/w/acme/departure").await.expect(200);
    let reply = member.post("/w/acme/departure", &[("confirm_name", "acme")]).await.expect(303);
    assert_eq!(reply.location(), "/");
    member.get("/w/acme/credentials").await.expect(404);
    member.get("/account").await.expect(200);
    let lines = app.events(ACME).await;
    assert_eq!(lines.last().map(|e| e.action.as_str()), Some("member.left"));
}

#[tokio::test]
async fn t032_foreign_people_are_absent() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let theirs = app.user(&email("member", UMBRELLA)).await;
    let absent = credenza::id::Id::<credenza::model::user::User>::new();
    for tail in ["", "/removal", "/report"] {
        let mut bodies = Vec::new();
        for id in [theirs.as_str(), absent.as_str(), "no-id"] {
            bodies.push(admin.get(&format!("/w/acme/members/{id}{tail}")).await.expect(404).body);
            if tail != "/report" {
                admin.post(&format!("/w/acme/members/{id}{tail}"), &[("role", "admin")]).await.expect(404);
            }
        }
        assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{tail}");
    }
}

#[tokio::test]
async fn support_sees_who_is_here_and_members_do_not() {
    let app = TestApp::start().await;
    let support = app.support().await;
    let page = support.get("/w/acme/members").await.expect(200);
    assert_eq!(page.texts("tbody tr").len(), 3);
    assert!(!page.body.contains("/removal") && !page.body.contains("/invitations"), "no way to a change");
    app.member().await.get("/w/acme/members").await.expect(403);
    // Support whose time is over is not listed and has no access.
    let (user, workspace, means) =
        (app.user(&email("pending", ACME)).await, app.workspace(ACME).await, app.means.clone());
    app.write(move |tx| {
        let allowed = Allowed::operator(workspace.clone());
        membership::add(tx, &means, &allowed, &user, Role::Support)
    })
    .await;
    let admin = app.admin().await;
    assert_eq!(admin.get("/w/acme/members").await.expect(200).texts("tbody tr").len(), 4);
}

#[tokio::test]
async fn t018_roles_and_removals_ask_for_the_password_after_ten_minutes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = about(&app, "member").await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    app.means.clock.advance(TimeDelta::minutes(11));
    let before = app.kept();
    let deletion = format!("/w/acme/credentials/{id}/deletion");
    let edit = format!("/w/acme/credentials/{id}");
    let removal = format!("{path}/removal");
    let moved = [
        ("name", "Shop events"),
        ("revision", "1"),
        ("f.url", "https://elsewhere.example/hook"),
        ("f.signing_secret", "a signing secret for there"),
    ];
    let forms: [(&str, &[(&str, &str)]); 6] = [
        (&path, &[("role", "support")]),
        (&removal, &[]),
        ("/w/acme/invitations", &[("email", "new@acme.example"), ("role", "member")]),
        ("/w/acme/departure", &[("confirm_name", "acme")]),
        (&deletion, &[]),
        (&edit, &moved),
    ];
    for (path, form) in forms {
        let marked = |reply: crate::support::person::Reply| reply.attributes("#current_password-error", "data-code");
        assert_eq!(marked(admin.post(path, form).await.expect(422)), ["current_password"], "{path}");
        let mut wrong = form.to_vec();
        wrong.push(("current_password", "not the password"));
        assert_eq!(marked(admin.post(path, &wrong).await.expect(422)), ["current_password"], "{path}");
        app.means.clock.advance(TimeDelta::seconds(30));
    }
    app.assert_kept(&before);
    admin.get(&removal).await.expect(200).attributes("#current_password", "type").pop().expect("a box");
    admin.post(&path, &[("role", "support"), ("current_password", PASSWORD)]).await.expect(303);
    // One proof counts for ten minutes.
    admin.post(&path, &[("role", "member")]).await.expect(303);
    admin.post(&removal, &[]).await.expect(303);
    app.prove_audit().await;
}

#[tokio::test]
async fn t046_nobody_acts_as_somebody_else() {
    let app = TestApp::start().await;
    let (support, admin) = (app.support().await, app.admin().await);
    let victim = app.user(&email("admin", ACME)).await.to_string();
    let own = email("support", ACME);
    let named = [victim.as_str(), "admin@acme.example", "admin"];
    for (header, value) in ["X-User", "X-Remote-User", "X-Forwarded-User", "X-Forwarded-Email", "Remote-User"]
        .into_iter()
        .chain(["X-Impersonate", "X-Act-As", "X-Sudo", "X-Original-User", "Authorization"])
        .flat_map(|header| named.map(|value| (header, value)))
    {
        let page = sent(support.request("GET", "/account").header(header, value)).await.expect(200);
        assert!(page.body.contains(&own) && !page.body.contains("admin@acme.example"), "{header}: {value}");
        sent(support.request("GET", "/w/acme/invitations").header(header, value)).await.expect(403);
    }
    for name in ["user", "user_id", "as", "act_as", "impersonate", "sudo", "email", "session"] {
        let query = format!("{name}={victim}");
        let page = support.get(&format!("/account?{query}")).await.expect(200);
        assert!(page.body.contains(&own), "{name}");
        support.get(&format!("/w/acme/settings?{query}")).await.expect(403);
        let form = [("name", "Renamed by support"), ("theme", "dark"), (name, victim.as_str())];
        support.post("/account", &form).await.expect(303);
    }
    let page = admin.get("/account").await.expect(200);
    assert_ne!(page.attributes("#name", "value"), ["Renamed by support"], "it is their own name that changed");
    assert_eq!(support.get("/account").await.attributes("#name", "value"), ["Renamed by support"]);
    for route in credenza::web::routes::table() {
        for word in ["impersonat", "act-as", "sudo", "switch-user", "become", "login-as"] {
            assert!(!route.path.contains(word), "{}", route.path);
        }
    }
    let lines = app.instance_events().await;
    let changed: Vec<_> = lines.iter().filter(|line| line.action == "person.preferences").collect();
    assert!(!changed.is_empty() && changed.iter().all(|line| line.actor_id != victim), "each line names who it was");
}

#[tokio::test]
async fn an_admin_sees_who_has_a_second_factor() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let cells =
        async |person: &Person| person.get("/w/acme/members").await.expect(200).texts("td[data-label='Second factor']");
    let before = cells(&admin).await;
    assert!(!before.is_empty() && before.iter().all(|text| text == "none"), "{before:?}");
    let member = app.user(&email("member", ACME)).await;
    app.write(move |tx| {
        let its = users::table.filter(users::id.eq(&member));
        Ok(diesel::update(its).set(users::totp_sealed.eq(Some(vec![1_u8]))).execute(tx.conn())?)
    })
    .await;
    let after = cells(&admin).await;
    assert_eq!((after.len(), after.iter().filter(|text| *text == "on").count()), (before.len(), 1), "{after:?}");
    assert!(cells(&app.support().await).await.is_empty(), "nobody else is told who is easy to take over");
}
