//! The end of a sign-in at the service, when its credential is deleted.

use super::stage::{ACCESS, REFRESH, SHEETS, connected, form, info, start, tokens};
use crate::support::app::TestApp;
use crate::support::http_server::{Answer, Recorded};
use crate::support::person::Person;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use credenza::model::status::Status;
use serde_json::{Value, json};

fn basic(user: &str, pass: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{pass}")))
}

/// Enters a client and connects a credential; its page.
async fn connect(app: &TestApp, admin: &Person, new: &[(&str, &str)], agreed: &str, answers: &[Value]) -> String {
    let client = [("method", new[1].1), ("f.client_id", "10020"), ("f.client_secret", "the-client-secret")];
    // One that is there already says that somebody was first.
    admin.post(&format!("/w/acme/apps/{}", new[0].1), &client).await;
    let waiting = start(admin, new).await;
    answers.iter().for_each(|body| app.service.prepare(Answer::json(200, body)));
    let page = admin.get(&format!("{}{agreed}", waiting.agreed())).await.expect(303).location().to_owned();
    assert!(page.starts_with("/w/acme/credentials/"), "{page}");
    page
}

/// Deletes a credential whose service is asked to end the sign-in; the request that it got.
async fn deleted(app: &TestApp, admin: &Person, page: &str) -> Recorded {
    assert!(admin.get(&format!("{page}/deletion")).await.body.contains("is asked to end the sign-in"));
    let before = app.service.requests().len();
    app.service.prepare(Answer::json(200, &json!({ "success": true })));
    admin.post(&format!("{page}/deletion"), &[]).await.expect(303);
    assert_eq!(app.service.requests().len(), before + 1);
    app.service.requests().pop().expect("a request")
}

/// Connects a credential, deletes it, and gives the request that ended the sign-in.
async fn ended(app: &TestApp, admin: &Person, new: &[(&str, &str)], agreed: &str, answers: &[Value]) -> Recorded {
    let page = connect(app, admin, new, agreed, answers).await;
    deleted(app, admin, &page).await
}

#[tokio::test]
async fn services_that_end_a_sign_in_in_a_way_of_their_own_are_asked_so() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let new = [("integration", "github"), ("method", "oauth"), ("name", "Code")];
    let answers = [json!({ "access_token": "gho_tok", "scope": "read:user" }), json!({ "login": "octo" })];
    let asked = ended(&app, &admin, &new, "", &answers).await;
    assert_eq!((asked.method.as_str(), asked.path()), ("DELETE", "/applications/10020/token"));
    assert_eq!(asked.server_name.as_deref(), Some("api.github.com"));
    assert_eq!(asked.header("authorization"), Some(basic("10020", "the-client-secret").as_str()));
    assert_eq!(asked.json(), json!({ "access_token": "gho_tok" }));

    let new = [("integration", "quickbooks"), ("method", "oauth"), ("name", "Books")];
    let answers = [
        json!({ "access_token": "tok", "refresh_token": "ref", "expires_in": 3600 }),
        json!({ "CompanyInfo": { "CompanyName": "Acme" } }),
    ];
    let asked = ended(&app, &admin, &new, "&realmId=4620", &answers).await;
    assert_eq!((asked.method.as_str(), asked.path()), ("POST", "/v2/oauth2/tokens/revoke"));
    assert_eq!(asked.server_name.as_deref(), Some("developer.api.intuit.com"));
    assert_eq!(asked.header("authorization"), Some(basic("10020", "the-client-secret").as_str()));
    assert_eq!(asked.json(), json!({ "token": "ref" }));

    let new = [
        ("integration", "whatsapp-cloud"),
        ("method", "oauth"),
        ("name", "Chats"),
        ("f.phone_number_id", "106540352242922"),
    ];
    let answers = [
        json!({ "access_token": "short", "expires_in": 3600 }),
        json!({ "access_token": "long", "expires_in": 5_184_000 }),
        json!({ "id": "106540352242922", "verified_name": "Acme", "display_phone_number": "+1 555" }),
    ];
    let asked = ended(&app, &admin, &new, "", &answers).await;
    assert_eq!((asked.method.as_str(), asked.path()), ("DELETE", "/v25.0/me/permissions"));
    assert_eq!(asked.header("authorization"), Some("Bearer long"));

    let new = [("integration", "slack"), ("method", "oauth"), ("name", "Alerts")];
    let team = json!({ "ok": true, "team": "Acme", "user": "bot", "team_id": "T1", "bot_id": "B1", "user_id": "U1" });
    let answers =
        [json!({ "ok": true, "access_token": "xoxb-tok", "scope": "chat:write,channels:read,users:read" }), team];
    let asked = ended(&app, &admin, &new, "", &answers).await;
    assert_eq!((asked.method.as_str(), asked.path()), ("POST", "/api/auth.revoke"));
    assert_eq!(asked.header("authorization"), Some("Bearer xoxb-tok"));
    assert_eq!(form(&asked)["test"], "false");
    app.prove_audit().await;
}

#[tokio::test]
async fn a_sign_in_that_another_credential_lives_on_is_not_ended() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let first = connected(&app, &admin).await;
    let second = [SHEETS[0], SHEETS[1], ("name", "Orders sheet")];
    let waiting = start(&admin, &second).await;
    app.service.prepare(tokens(ACCESS, Some(REFRESH)));
    app.service.prepare(info("bots@example.com"));
    let second = admin.get(&waiting.agreed()).await.expect(303).location().to_owned();
    let first = format!("/w/acme/credentials/{first}");
    let page = admin.get(&format!("{first}/deletion")).await.expect(200);
    assert!(page.body.contains("“Orders sheet” is signed in with the same account"), "{}", page.body);
    let before = app.service.requests().len();
    admin.post(&format!("{first}/deletion"), &[]).await.expect(303);
    assert_eq!(app.service.requests().len(), before, "the service was not asked");
    assert!(admin.get("/w/acme/credentials").await.texts(".toast").concat().contains("same account"));
    let kept = second.rsplit('/').next().expect("an id");
    assert_eq!(app.row(kept).await.status, Status::Working);
    // The last of them ends it.
    assert!(admin.get(&format!("{second}/deletion")).await.body.contains("is asked to end the sign-in"));
    app.service.prepare(Answer::json(200, &json!({})));
    admin.post(&format!("{second}/deletion"), &[]).await.expect(303);
    assert_eq!(app.service.requests().pop().expect("a request").path(), "/revoke");
}

#[tokio::test]
async fn what_a_service_ends_besides_decides_whom_a_deletion_would_hurt() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    // A token of its own: the other sign-in of the same account stays.
    let answers = [json!({ "access_token": "gho_tok", "scope": "read:user" }), json!({ "login": "octo" })];
    let github = [("integration", "github"), ("method", "oauth"), ("name", "Code")];
    let one = connect(&app, &admin, &github, "", &answers).await;
    connect(&app, &admin, &[github[0], github[1], ("name", "More code")], "", &answers).await;
    assert_eq!(deleted(&app, &admin, &one).await.path(), "/applications/10020/token");
    // The person, whatever the numbers are called: the other number would be cut off.
    let number = |number: &'static str, name: &'static str| {
        [("integration", "whatsapp-cloud"), ("method", "oauth"), ("name", name), ("f.phone_number_id", number)]
    };
    let answers = |number: &str| {
        [
            json!({ "access_token": "short", "expires_in": 3600 }),
            json!({ "access_token": "long", "expires_in": 5_184_000 }),
            json!({ "id": number, "verified_name": "Acme", "display_phone_number": number }),
        ]
    };
    let sales = connect(&app, &admin, &number("106540352242922", "Sales"), "", &answers("106540352242922")).await;
    connect(&app, &admin, &number("206540352242922", "Help"), "", &answers("206540352242922")).await;
    let page = admin.get(&format!("{sales}/deletion")).await.expect(200);
    assert!(page.body.contains("“Help” is signed in with the same account"), "{}", page.body);
    let before = app.service.requests().len();
    admin.post(&format!("{sales}/deletion"), &[]).await.expect(303);
    assert_eq!(app.service.requests().len(), before);
}
