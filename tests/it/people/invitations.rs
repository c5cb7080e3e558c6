//! Invitations: one link, one address, once, for a week.

use super::{about, deliver, heard, invited, kept, link, with_mail};
use crate::support::app::{ACME, TestApp, UMBRELLA, email};
use crate::support::dump::dump;
use crate::support::person::{PASSWORD, sent};
use chrono::TimeDelta;
use credenza::model::permission::{Allowed, Role};
use credenza::model::{member, membership};

const NEW: [(&str, &str); 2] = [("name", "Nina Newcomer"), ("password", "twelve calm otters swim")];

#[tokio::test]
async fn somebody_new_comes_in_by_mail() {
    let app = with_mail(|mailbox| mailbox).await;
    let admin = app.admin().await;
    let path = invited(&app, &admin, "nina@acme.example", "member").await;
    let mail = heard(&app);
    assert!(mail.contains("RCPT TO:<nina@acme.example>") && mail.contains(&format!("{}{path}", app.base)), "{mail}");
    let nina = app.anon();
    let page = nina.get(&path).await.expect(200);
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert!(page.body.contains("nina@acme.example") && page.body.contains("acme"));
    for form in
        [[("name", ""), NEW[1]], [NEW[0], ("password", "too short")], [NEW[0], ("password", "nina newcomer is here")]]
    {
        nina.post(&path, &form).await.expect(422);
    }
    let reply = nina.post(&path, &NEW).await.expect(303);
    assert_eq!(reply.location(), "/w/acme/credentials");
    nina.get("/w/acme/credentials").await.expect(200);
    nina.get("/w/acme/credentials/new").await.expect(403);
    // Once.
    for person in [&nina, &app.anon()] {
        person.get(&path).await.expect(404);
        person.post(&path, &NEW).await.expect(404);
    }
    let page = admin.get("/w/acme/members").await.expect(200);
    assert!(page.texts("tbody .name").contains(&"Nina Newcomer".to_owned()));
    let lines = app.events(ACME).await;
    let added = lines.iter().rfind(|line| line.action == "member.added").expect("a line");
    let invitation = lines.iter().find(|line| line.action == "invitation.sent").expect("a line");
    assert_eq!(added.detail("invitation"), Some(invitation.target_id.clone().into()));
    assert_eq!((added.actor_id.as_str(), added.actor_kind.as_str()), (added.target_id.as_str(), "person"));
    app.prove_audit().await;
}

#[tokio::test]
async fn without_a_mail_server_the_link_is_shown_to_the_admin_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post("/w/acme/invitations", &[("email", "nina@acme.example"), ("role", "support")]).await.expect(303);
    let page = admin.get("/w/acme/invitations").await.expect(200);
    let shown = page.texts("#invitation-link").pop().expect("a link");
    assert!(shown.starts_with(&app.base), "{shown}");
    let again = admin.get("/w/acme/invitations").await.expect(200);
    assert!(again.texts("#invitation-link").is_empty(), "once");
    deliver(&app).await;
    let mail = kept(&app).remove(0);
    assert!(mail.contains(&shown), "{shown} is not in {mail}");
    let rows = format!("{:?}", dump(&mut app.database.connect()));
    let token = shown.rsplit('/').next().expect("a token").to_owned();
    assert!(token.len() >= 43 && !rows.contains(&token), "the token is nowhere in the database");
    app.anon().get(&link(&shown, "/invitations/")).await.expect(200);
}

#[tokio::test]
async fn t014_a_link_that_is_wrong_used_withdrawn_renewed_or_over_opens_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = invited(&app, &admin, "nina@acme.example", "member").await;
    let nothing = app.anon().get("/invitations/no-such-token").await.expect(404).body;
    let closed = |path: String| {
        let (person, nothing) = (app.anon(), nothing.clone());
        async move {
            assert_eq!(person.get(&path).await.expect(404).body, nothing, "{path}");
            person.post(&path, &NEW).await.expect(404);
        }
    };
    let flipped = if path.ends_with('A') { 'B' } else { 'A' };
    closed(format!("{}{flipped}", &path[..path.len() - 1])).await;
    closed(format!("{path}A")).await;
    let list = admin.get("/w/acme/invitations").await.expect(200);
    let acts = list.attributes("td form", "action");
    admin.post(&acts[0], &[]).await.expect(303);
    deliver(&app).await;
    let second = kept(&app).iter().map(|mail| link(mail, "/invitations/")).find(|l| *l != path).expect("another link");
    closed(path).await;
    app.anon().get(&second).await.expect(200);
    admin.post(&acts[1], &[]).await.expect(303);
    closed(second).await;
    admin.post(&acts[1], &[]).await.expect(404);
    let third = invited(&app, &admin, "nina@acme.example", "member").await;
    app.means.clock.advance(TimeDelta::days(8));
    closed(third).await;
    let admin = app.admin().await;
    assert_eq!(admin.get("/w/acme/invitations").await.expect(200).texts("tbody .tag"), ["expired"]);
}

#[tokio::test]
async fn t014_of_two_who_accept_at_once_one_comes_in() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = invited(&app, &admin, "nina@acme.example", "member").await;
    let (first, second) = (app.anon(), app.anon());
    let (a, b) = futures_util::future::join(first.post(&path, &NEW), second.post(&path, &NEW)).await;
    let mut done = [a.status, b.status];
    done.sort_unstable();
    // Whoever looks between finds an account with the address, which they would have to sign in to.
    assert!(matches!(done, [303, 404 | 409 | 422]), "{done:?}");
    assert_eq!(app.kept()["users"].iter().filter(|row| row.contains("nina@acme.example")).count(), 1);
}

#[tokio::test]
async fn somebody_who_is_known_signs_in_and_joins() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let address = email("pending", ACME);
    let path = invited(&app, &admin, &address, "admin").await;
    let known = app.anon();
    let page = known.get(&path).await.expect(200);
    assert!(page.body.contains("/sign-in?next=") && page.texts("#password").is_empty(), "no second account");
    // Nobody takes the account over with a password of their own.
    known.post(&path, &NEW).await.expect(422);
    let other = app.member().await;
    assert!(other.get(&path).await.expect(200).body.contains("another address"));
    other.post(&path, &[]).await.expect(422);
    let form = [("email", address.as_str()), ("password", PASSWORD), ("next", path.as_str())];
    assert_eq!(known.post("/sign-in", &form).await.expect(303).location(), path);
    known.post(&path, &[]).await.expect(303);
    known.get("/w/acme/credentials/new").await.expect(200);
}

#[tokio::test]
async fn t050_t013_addresses_that_are_none_or_several_are_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = app.kept();
    for address in ["", "nina", "a@b.example,c@d.example", "a@b.example\r\nBcc: x@y.example", "<a@b.example>"] {
        let reply = admin.post("/w/acme/invitations", &[("email", address), ("role", "member")]).await.expect(422);
        assert_eq!(reply.attributes("#email-error", "data-code"), ["email"], "{address:?}");
    }
    admin.post("/w/acme/invitations", &[("email", "nina@acme.example"), ("role", "owner")]).await.expect(422);
    let twice =
        admin.request("POST", "/w/acme/invitations").header("Content-Type", "application/x-www-form-urlencoded");
    sent(twice.body("email=a@b.example&email=c@d.example&role=member")).await.expect(400);
    app.assert_kept(&before);
    for address in [email("member", ACME), "MEMBER@acme.example".to_owned()] {
        let reply = admin.post("/w/acme/invitations", &[("email", &address), ("role", "member")]).await.expect(409);
        assert_eq!(reply.attributes("#email-error", "data-code"), ["invited"], "{address}");
    }
    admin.post("/w/acme/invitations", &[("email", "nina@acme.example"), ("role", "member")]).await.expect(303);
    admin.post("/w/acme/invitations", &[("email", "Nina@Acme.example"), ("role", "member")]).await.expect(409);
}

#[tokio::test]
async fn t067_links_lead_to_the_configured_address() {
    let app = TestApp::builder().var("CREDENZA_PUBLIC_URL", "http://localhost:4711").start().await;
    let admin = app.admin().await;
    let form = [("email", "nina@acme.example"), ("role", "member")];
    let request = admin.request("POST", "/w/acme/invitations").header("Host", "evil.example").form(&form);
    let reply = sent(request).await;
    if reply.status == 303 {
        deliver(&app).await;
        let mail = kept(&app).pop().expect("a mail");
        assert!(mail.contains("http://localhost:4711/invitations/") && !mail.contains("evil.example"), "{mail}");
    } else {
        assert!(matches!(reply.status, 400 | 421), "{}", reply.status);
    }
}

#[tokio::test]
async fn whoever_may_not_invite_any_more_has_invited_nobody() {
    let app = TestApp::start().await;
    let (admin, member) = (app.admin().await, app.member().await);
    admin.post(&about(&app, "member").await, &[("role", "admin")]).await.expect(303);
    let path = invited(&app, &member, "nina@acme.example", "admin").await;
    app.anon().get(&path).await.expect(200);
    admin.post(&about(&app, "member").await, &[("role", "member")]).await.expect(303);
    app.anon().get(&path).await.expect(404);
}

#[tokio::test]
async fn t014_whoever_hands_a_workspace_over_comes_back_by_no_invitation_of_their_own() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = invited(&app, &admin, "nina@acme.example", "admin").await;
    app.anon().get(&path).await.expect(200);
    let member = app.user(&email("member", ACME)).await.to_string();
    admin.post("/w/acme/settings/transfer", &[("member", &member)]).await.expect(303);
    app.anon().get(&path).await.expect(404);
    app.anon().post(&path, &NEW).await.expect(404);
    app.prove_audit().await;
}

#[tokio::test]
async fn t014_whoever_is_disabled_has_invited_nobody_anywhere() {
    let app = TestApp::start().await;
    let (admin, leaver) = (app.admin().await, app.member().await);
    let user = app.user(&email("member", ACME)).await;
    admin.post(&about(&app, "member").await, &[("role", "admin")]).await.expect(303);
    let (means, workspace, added) = (app.means.clone(), app.workspace(UMBRELLA).await, user.clone());
    app.write(move |tx| membership::add(tx, &means, &Allowed::operator(workspace.clone()), &added, Role::Admin)).await;
    let here = invited(&app, &leaver, "nina@acme.example", "admin").await;
    let form = [("email", "nina@umbrella.example"), ("role", "admin")];
    leaver.post("/w/umbrella/invitations", &form).await.expect(303);
    deliver(&app).await;
    let there = link(&kept(&app).pop().expect("a mail"), "/invitations/");
    let others = invited(&app, &admin, "nils@acme.example", "member").await;
    for path in [&here, &there, &others] {
        app.anon().get(path).await.expect(200);
    }
    let means = app.means.clone();
    app.write(move |tx| member::set_disabled(tx, &means, &user, true)).await;
    for path in [&here, &there] {
        app.anon().get(path).await.expect(404);
        app.anon().post(path, &NEW).await.expect(404);
    }
    app.anon().get(&others).await.expect(200);
}
