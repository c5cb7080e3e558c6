//! Settings of a workspace: policies that are felt, and support that is seen.
#![cfg(test)]

mod danger;

use crate::support::app::{ACME, TestApp, UMBRELLA, email};
use crate::support::person::{PASSWORD, Reply};
use chrono::TimeDelta;
use credenza::db::schema::credentials;
use credenza::jobs::keep_house;
use credenza::model::audit::Event;
use diesel::prelude::*;

const PAGE: &str = "/w/acme/settings";

fn actions(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.action.as_str()).collect()
}

#[tokio::test]
async fn name_and_policies_are_kept_and_written_down_by_name() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let first = app.events(ACME).await.len();
    admin.post(PAGE, &[("name", " Acme & Co "), ("idle_minutes", "15"), ("keep_deleted_days", "7")]).await.expect(303);
    let page = admin.get(PAGE).await.expect(200);
    assert_eq!(page.attributes("#name", "value"), ["Acme & Co"]);
    assert_eq!(page.attributes("#idle_minutes", "value"), ["15"]);
    assert_eq!(page.attributes("#absolute_hours", "value"), ["12"]);
    let events = app.events(ACME).await.split_off(first);
    assert_eq!(actions(&events), ["workspace.renamed", "workspace.settings_changed"]);
    assert_eq!(events[1].details, r#"{"fields":["idle_minutes","keep_deleted_days"]}"#);
    admin.get("/w/acme/credentials").await.expect(200);
    for (field, value) in [
        ("idle_minutes", "4"),
        ("idle_minutes", "61"),
        ("absolute_hours", "x"),
        ("name", ""),
        ("keep_deleted_days", "0"),
    ] {
        let mut form = vec![("name", "Acme & Co")];
        form.retain(|(name, _)| *name != field);
        form.push((field, value));
        let refused = admin.post(PAGE, &form).await.expect(422);
        assert_eq!(refused.attributes("[aria-invalid]", "name"), [field]);
    }
    assert_eq!(app.events(ACME).await.len(), first + 2);
    app.member().await.get(PAGE).await.expect(403);
    app.support().await.get(PAGE).await.expect(403);
}

#[tokio::test]
async fn settings_that_somebody_else_changed_meanwhile_are_not_put_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let drawn = |page: &Reply| page.attributes("input[name=state]", "value").concat();
    let state = drawn(&admin.get(PAGE).await.expect(200));
    // Another tab, from the same page.
    admin.post(PAGE, &[("state", &state), ("name", "Acme"), ("idle_minutes", "15")]).await.expect(303);
    let first = app.events(ACME).await.len();
    let typed = [("name", "Acme & Co"), ("idle_minutes", "60")];
    let refused = admin.post(PAGE, &[("state", &state), typed[0], typed[1]]).await.expect(409);
    assert_eq!(refused.attributes("#banner", "data-code"), ["stale"]);
    assert_eq!(refused.attributes("#name", "value"), ["Acme & Co"], "what was typed stays");
    assert_eq!(refused.attributes("#idle_minutes", "value"), ["60"]);
    assert_eq!(refused.texts("#idle_minutes-warning"), ["It is “15” now."]);
    assert_eq!(refused.attributes("#absolute_hours-warning", "id"), Vec::<String>::new());
    assert_eq!(app.events(ACME).await.len(), first);
    assert_eq!(admin.get(PAGE).await.expect(200).attributes("#idle_minutes", "value"), ["15"]);
    // A refusal for another reason does not hide that.
    let wrong = admin.post(PAGE, &[("state", &state), ("name", "")]).await.expect(422);
    assert_eq!(drawn(&wrong), state);
    let fresh = drawn(&refused);
    assert_ne!(fresh, state);
    admin.post(PAGE, &[("state", &fresh), typed[0], typed[1]]).await.expect(303);
    let page = admin.get(PAGE).await.expect(200);
    assert_eq!(page.attributes("#name", "value"), ["Acme & Co"]);
    assert_eq!(page.attributes("#idle_minutes", "value"), ["60"]);
    assert_ne!(drawn(&page), fresh);
    admin.post(PAGE, &[("name", "Acme")]).await.expect(303);
}

#[tokio::test]
async fn t005_the_strictest_workspace_of_a_person_ends_their_session() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post(PAGE, &[("name", "Acme"), ("idle_minutes", "10"), ("absolute_hours", "1")]).await.expect(303);
    app.means.clock.advance(TimeDelta::minutes(9));
    admin.get("/w/acme/credentials").await.expect(200);
    app.means.clock.advance(TimeDelta::minutes(11));
    assert_eq!(admin.get("/account").await.expect(303).location(), "/sign-in", "on any page");
    admin.sign_in(&email("admin", ACME)).await.expect(303);
    for _ in 0..7 {
        app.means.clock.advance(TimeDelta::minutes(8));
        admin.get("/w/acme/credentials").await.expect(200);
    }
    app.means.clock.advance(TimeDelta::minutes(8));
    admin.get("/w/acme/credentials").await.expect(303);
    // Nobody else is held to it.
    let foreign = app.foreign_admin().await;
    app.means.clock.advance(TimeDelta::minutes(30));
    foreign.get("/w/umbrella/credentials").await.expect(200);
}

#[tokio::test]
async fn t018_settings_that_protect_less_ask_for_the_password_after_ten_minutes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.means.clock.advance(TimeDelta::minutes(11));
    let kept = async || admin.get(PAGE).await.expect(200).attributes("#keep_audit_days", "value");
    let shorter = [("name", "Acme"), ("keep_audit_days", "90")];
    let refused = admin.post(PAGE, &shorter).await.expect(422);
    assert_eq!(refused.attributes("#current_password-error", "data-code"), ["current_password"]);
    assert_eq!(refused.attributes("#keep_audit_days", "value"), ["90"], "what was typed stays");
    assert_eq!(kept().await, ["0"]);
    admin.post(PAGE, &[("name", "Acme"), ("idle_minutes", "30")]).await.expect(303);
    admin.post(PAGE, &[shorter[0], shorter[1], ("current_password", PASSWORD)]).await.expect(303);
    assert_eq!(kept().await, ["90"]);
    app.means.clock.advance(TimeDelta::minutes(11));
    admin.post(PAGE, &[("name", "Acme"), ("keep_audit_days", "365")]).await.expect(303);
}

#[tokio::test]
async fn tokens_live_as_long_as_their_workspace_allows() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let tokens = "/w/acme/tokens";
    assert_eq!(admin.get(tokens).await.expect(200).attributes("#days", "value"), ["90"]);
    let made = admin.post(tokens, &[("name", "Deploy pipeline"), ("days", "200")]).await.expect(303);
    admin.post(PAGE, &[("name", "Acme"), ("token_days", "30")]).await.expect(303);
    assert_eq!(admin.get(PAGE).await.expect(200).attributes("#token_days", "value"), ["30"]);
    let page = admin.get(tokens).await.expect(200);
    assert_eq!(page.attributes("#days", "value"), ["30"]);
    assert!(page.texts("#days-help")[0].contains("At most 30."));
    let refused = admin.post(tokens, &[("name", "Nightly"), ("days", "31")]).await.expect(422);
    assert_eq!(refused.texts("#days-error"), ["In this workspace a token lives for 1 to 30 days."]);
    admin.post(tokens, &[("name", "Nightly"), ("days", "30")]).await.expect(303);
    // One that was made before lives on; what is made in its place does not outlive the policy.
    admin.post(&format!("{}/rotation", made.location()), &[("overlap", "60")]).await.expect(303);
    let days: Vec<_> = app.events(ACME).await.into_iter().filter(|event| event.action == "token.created").collect();
    assert_eq!(days.len(), 3);
    assert!(days[2].details.contains(r#""days":30"#), "{}", days[2].details);
}

#[tokio::test]
async fn deleted_credentials_are_kept_as_long_as_their_workspace_says() {
    let app = TestApp::start().await;
    let (admin, foreign) = (app.admin().await, app.foreign_admin().await);
    admin.post(PAGE, &[("name", "Acme"), ("keep_deleted_days", "7")]).await.expect(303);
    let id = app.website(&admin, "Goes early", "a secret that goes early").await;
    admin.post(&format!("/w/acme/credentials/{id}/deletion"), &[]).await.expect(303);
    let form = [
        ("integration", "website"),
        ("method", "webhook"),
        ("name", "Stays"),
        ("f.url", "https://www.example.com/"),
        ("f.signing_secret", "a secret that stays longer"),
    ];
    let stays = foreign.post("/w/umbrella/credentials", &form).await.expect(303).location().to_owned();
    foreign.post(&format!("{stays}/deletion"), &[]).await.expect(303);
    let left = || credentials::table.count().get_result::<i64>(&mut app.database.connect()).expect("rows");
    app.means.clock.advance(TimeDelta::days(6));
    keep_house(&app).await.expect("a round");
    assert_eq!(left(), 2);
    app.means.clock.advance(TimeDelta::days(1));
    keep_house(&app).await.expect("a round");
    assert_eq!(left(), 1);
    app.means.clock.advance(TimeDelta::days(24));
    keep_house(&app).await.expect("a round");
    assert_eq!(left(), 0);
}

#[tokio::test]
async fn t030_support_is_let_in_for_a_reason_and_a_time_seen_by_both_and_ends_by_itself() {
    let app = TestApp::start().await;
    let (admin, helper) = (app.admin().await, app.person(&email("member", UMBRELLA)).await);
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    helper.get("/w/acme/credentials").await.expect(404);
    assert!(helper.get("/support").await.expect(200).body.contains("No workspace is open to you"));
    let grant = [("email", &*email("member", UMBRELLA)), ("reason", "Ticket 4711"), ("hours", "4")];
    admin.post("/w/acme/settings/support", &grant).await.expect(303);
    admin.post("/w/acme/settings/support", &grant).await.expect(409);
    // Both see it.
    let banner = admin.get("/w/acme/credentials").await.expect(200).texts("[data-support] span");
    assert!(
        banner[0].starts_with("member from support may look in until") && banner[0].ends_with("Ticket 4711"),
        "{banner:?}"
    );
    assert!(app.member().await.get("/w/acme/credentials").await.expect(200).texts("[data-support]").is_empty());
    let open = helper.get("/support").await.expect(200);
    assert_eq!(open.attributes("table a", "href"), ["/w/acme/credentials"]);
    assert!(open.body.contains("Ticket 4711"));
    // Each view is a line, before it is seen; nothing can be changed.
    let first = app.events(ACME).await.len();
    helper.get("/w/acme/credentials").await.expect(200);
    helper.get(&format!("/w/acme/credentials/{id}")).await.expect(200);
    helper.get("/w/acme/audit").await.expect(200);
    helper.post(&format!("/w/acme/credentials/{id}/deletion"), &[]).await.expect(403);
    let events = app.events(ACME).await.split_off(first);
    assert_eq!(actions(&events), ["support.viewed", "support.viewed", "support.viewed", "credentials.delete"]);
    assert_eq!(events[1].target_id, id);
    let told = admin.get("/w/acme/audit?action=support.viewed").await.expect(200).texts("table.audit th p");
    assert_eq!(told[1], "member looked at Shop events");
    // It ends by itself: felt at once, written down by the job.
    app.means.clock.advance(TimeDelta::hours(4) + TimeDelta::seconds(1));
    let helper = app.person(&email("member", UMBRELLA)).await;
    helper.get("/w/acme/credentials").await.expect(404);
    keep_house(&app).await.expect("a round");
    let last = app.events(ACME).await;
    assert!(last.iter().any(|event| event.action == "support.expired" && event.actor_kind == "job"));
    let admin = app.admin().await;
    assert!(admin.get("/w/acme/credentials").await.expect(200).texts("[data-support]").is_empty());
    app.prove_audit().await;
}

#[tokio::test]
async fn support_can_be_ended_at_once_and_is_refused_in_words() {
    let app = TestApp::start().await;
    let (admin, helper) = (app.admin().await, app.person(&email("member", UMBRELLA)).await);
    let address = email("member", UMBRELLA);
    for (mail, reason, hours) in
        [(&*address, "", "4"), (&*address, "x", "0"), (&*address, "x", "721"), ("nobody@nowhere.example", "x", "4")]
    {
        let form = [("email", mail), ("reason", reason), ("hours", hours)];
        let refused = admin.post("/w/acme/settings/support", &form).await.expect(422);
        assert_eq!(refused.texts("[data-code=support]").len(), 1, "{reason} {hours}");
    }
    admin.post("/w/acme/settings/support", &[("email", &address), ("reason", "x"), ("hours", "x")]).await.expect(400);
    admin.post("/w/acme/settings/support", &[("email", &address), ("reason", "x"), ("hours", "4")]).await.expect(303);
    helper.get("/w/acme/credentials").await.expect(200);
    let user = app.user(&address).await.to_string();
    admin.post("/w/acme/settings/support/end", &[("user", &user)]).await.expect(303);
    helper.get("/w/acme/credentials").await.expect(404);
    admin.post("/w/acme/settings/support/end", &[("user", &user)]).await.expect(404);
    // Nobody but support is ended so.
    let member = app.user(&email("member", ACME)).await.to_string();
    admin.post("/w/acme/settings/support/end", &[("user", &member)]).await.expect(404);
    helper.post("/w/acme/settings/support", &[("email", &address)]).await.expect(404);
}
