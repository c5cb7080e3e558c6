//! Consent again in place: the same id, handle and users.

use super::stage::{connected, info, look, tokens, told};
use crate::support::app::{ACME, TestApp, email};
use crate::support::http_server::Answer;
use chrono::TimeDelta;
use credenza::model::status::Status;
use serde_json::json;

#[tokio::test]
async fn the_same_account_is_connected_in_place() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let (before, page) = (app.row(&id).await, format!("/w/acme/credentials/{id}"));
    let flow = admin.post(&format!("{page}/connect"), &[("scope.0", "1")]).await.expect(303);
    let waiting = look(&admin, flow.location()).await;
    assert!(waiting.link["scope"].ends_with("openid https://www.googleapis.com/auth/drive.file"), "{:?}", waiting.link);
    app.service.prepare(tokens("second-access", Some("second-refresh")));
    app.service.prepare(info("bots@example.com"));
    let reply = admin.get(&waiting.agreed()).await.expect(303);
    assert_eq!(reply.location(), page);
    let after = app.row(&id).await;
    assert_eq!((after.handle.as_str(), after.live_version), (before.handle.as_str(), before.live_version));
    // The answer does not name the scope that was asked for in addition.
    assert_eq!(
        (after.status, after.outcome.as_str(), after.code.as_str()),
        (Status::Working, "limited", "scopes_missing")
    );
    let shown = admin.get(&page).await;
    assert!(shown.body.contains("Missing") && shown.body.contains("drive.file"));
    assert_eq!(app.grant(&id).await.expect("a grant").serial, 2);
    app.prove_audit().await;
}

#[tokio::test]
async fn another_account_has_to_be_confirmed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let page = format!("/w/acme/credentials/{id}");
    let flow = admin.post(&format!("{page}/connect"), &[]).await.expect(303).location().to_owned();
    app.service.prepare(tokens("others-access", Some("others-refresh")));
    app.service.prepare(info("boss@example.com"));
    admin.get(&look(&admin, &flow).await.agreed()).await.expect(303);
    assert_eq!(app.row(&id).await.identity, "bots@example.com", "nothing changed yet");
    assert_eq!(app.grant(&id).await.expect("a grant").serial, 1);
    let asked = admin.get(&flow).await.expect(200);
    assert!(asked.body.contains("data-code=\"other_account\"") && asked.body.contains("boss@example.com"));
    app.service.prepare(info("boss@example.com"));
    let reply = admin.post(&flow, &[("confirm", "1")]).await.expect(303);
    assert_eq!(reply.location(), page);
    let row = app.row(&id).await;
    assert_eq!((row.identity.as_str(), row.status), ("boss@example.com", Status::Working));
    app.service.prepare(info("boss@example.com"));
    admin.post(&format!("{page}/checks"), &[]).await.expect(303);
    assert!(app.service.requests().pop().expect("a request").query().contains("others-access"));
    app.prove_audit().await;
}

/// Uses up the checks of a credential for a minute.
async fn use_up(app: &TestApp, id: &str) {
    let workspace = app.workspace(ACME).await;
    for _ in 0..6 {
        drop(app.check_limits.admit(workspace.as_str(), id));
    }
}

#[tokio::test]
async fn t134_taking_another_account_is_a_check_within_the_limits() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let flow = admin.post(&format!("/w/acme/credentials/{id}/connect"), &[]).await.expect(303).location().to_owned();
    app.service.prepare(tokens("others-access", Some("others-refresh")));
    app.service.prepare(info("boss@example.com"));
    admin.get(&look(&admin, &flow).await.agreed()).await.expect(303);
    use_up(&app, &id).await;
    let asked = app.service.requests().len();
    admin.post(&flow, &[("confirm", "1")]).await.expect(429);
    assert_eq!(app.service.requests().len(), asked);
    app.means.clock.advance(TimeDelta::seconds(61));
    app.service.prepare(info("boss@example.com"));
    admin.post(&flow, &[("confirm", "1")]).await.expect(303);
    assert_eq!(app.row(&id).await.identity, "boss@example.com", "what was got was kept");
}

#[tokio::test]
async fn t134_a_code_is_not_spent_where_its_check_has_to_wait() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let flow = admin.post(&format!("/w/acme/credentials/{id}/connect"), &[]).await.expect(303).location().to_owned();
    let waiting = look(&admin, &flow).await;
    use_up(&app, &id).await;
    let asked = app.service.requests().len();
    admin.get(&waiting.agreed()).await.expect(303);
    assert_eq!(told(&admin.get(&flow).await.expect(200)), "too_many");
    assert_eq!(app.service.requests().len(), asked, "the code went nowhere");
}

#[tokio::test]
async fn whoever_consented_anew_is_told_of_when_they_leave() {
    let app = TestApp::start().await;
    let (admin, leaver) = (app.admin().await, app.member().await);
    let id = connected(&app, &admin).await;
    let member = format!("/w/acme/members/{}", app.user(&email("member", ACME)).await);
    admin.post(&member, &[("role", "admin")]).await.expect(303);
    let left = async || admin.get(&format!("{member}/report")).await.expect(200).texts("tr[id^=left-] a.name");
    assert!(left().await.is_empty());
    let flow = leaver.post(&format!("/w/acme/credentials/{id}/connect"), &[]).await.expect(303);
    let waiting = look(&leaver, flow.location()).await;
    app.service.prepare(tokens("second-access", Some("second-refresh")));
    app.service.prepare(info("bots@example.com"));
    leaver.get(&waiting.agreed()).await.expect(303);
    assert_eq!(left().await, ["Leads sheet"]);
}

#[tokio::test]
async fn a_credential_that_was_deleted_meanwhile_stays_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let page = format!("/w/acme/credentials/{id}");
    let flow = admin.post(&format!("{page}/connect"), &[]).await.expect(303).location().to_owned();
    let waiting = look(&admin, &flow).await;
    app.service.prepare(Answer::json(200, &json!({})));
    admin.post(&format!("{page}/deletion"), &[]).await.expect(303);
    let before = app.service.requests().len();
    admin.get(&waiting.agreed()).await.expect(303);
    assert_eq!(told(&admin.get(&flow).await.expect(200)), "gone");
    assert_eq!(app.service.requests().len(), before, "the code went nowhere");
    admin.get(&page).await.expect(404);
}

#[tokio::test]
async fn a_method_without_consent_says_so_and_foreign_ones_are_not_there() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    admin.post(&format!("/w/acme/credentials/{id}/connect"), &[]).await.expect(422);
    let id = connected(&app, &admin).await;
    let foreign = app.foreign_admin().await;
    foreign.post(&format!("/w/acme/credentials/{id}/connect"), &[]).await.expect(404);
    // Editing changes what people write; the sign-in itself cannot be typed.
    let edit = admin.get(&format!("/w/acme/credentials/{id}/edit")).await.expect(200);
    assert!(edit.body.contains("Some values are fixed"));
    let form = [("name", "Leads"), ("revision", "1")];
    admin.post(&format!("/w/acme/credentials/{id}"), &form).await.expect(303);
    admin.get(&format!("/w/acme/credentials/{id}/rotation")).await.expect(303);
    admin.post(&format!("/w/acme/credentials/{id}/rotation"), &[]).await.expect(422);
    assert_eq!(app.row(&id).await.name, "Leads");
}
