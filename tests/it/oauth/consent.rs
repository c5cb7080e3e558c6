//! From the client to a credential that works.

use super::stage::{
    ACCESS, CLIENT_SECRET, CODE, REFRESH, SHEETS, connected, enter_client, form, info, look, start, tokens, told,
};
use crate::support::app::TestApp;
use crate::support::dump::dump;
use crate::support::log::Capture;
use crate::support::person::PASSWORD;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use credenza::model::status::Status;
use sha2::{Digest, Sha256};

#[tokio::test]
async fn t106_a_consent_makes_a_credential_that_works_and_leaks_nothing() {
    let log = Capture::start();
    let app = TestApp::start().await;
    let admin = app.admin().await;
    enter_client(&admin).await;
    let waiting = start(&admin, &SHEETS).await;
    let link = &waiting.link;
    assert_eq!(waiting.host, "accounts.google.com");
    assert_eq!((link["response_type"].as_str(), link["code_challenge_method"].as_str()), ("code", "S256"));
    assert_eq!(link["redirect_uri"], format!("{}/oauth/callback", app.base));
    assert_eq!((link["access_type"].as_str(), link["prompt"].as_str()), ("offline", "consent"));
    assert_eq!(link["scope"], "https://www.googleapis.com/auth/spreadsheets email openid");
    assert!(link["state"].len() >= 43 && !link.values().any(|value| value.contains("GOCSPX")));
    app.service.prepare(tokens(ACCESS, Some(REFRESH)));
    app.service.prepare(info("bots@example.com"));
    let reply = admin.get(&waiting.agreed()).await.expect(303);
    let asked = app.service.requests();
    assert_eq!(asked.len(), 2);
    let sent = form(&asked[0]);
    assert_eq!((asked[0].server_name.as_deref(), asked[0].path()), (Some("oauth2.googleapis.com"), "/token"));
    assert_eq!((sent["grant_type"].as_str(), sent["code"].as_str()), ("authorization_code", CODE));
    assert_eq!(
        (sent["client_secret"].as_str(), sent["redirect_uri"].as_str()),
        (CLIENT_SECRET, link["redirect_uri"].as_str())
    );
    let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(sent["code_verifier"].as_bytes()));
    assert_eq!(proof, link["code_challenge"], "RFC 7636 §4.6");
    let page = admin.get(reply.location()).await.expect(200);
    assert!(page.body.contains("bots@example.com") && page.body.contains("Connected"), "{}", page.body);
    assert!(page.body.contains("Renewed next") && page.body.contains("auth/spreadsheets"));
    let id = reply.location().rsplit('/').next().expect("an id");
    let row = app.row(id).await;
    assert_eq!((row.status, row.identity.as_str()), (Status::Working, "bots@example.com"));
    let grant = app.grant(id).await.expect("a grant");
    assert!(grant.renewable && grant.missing().is_empty(), "{grant:?}");
    // Verified again with the stored token.
    app.service.prepare(info("bots@example.com"));
    admin.post(&format!("{}/checks", reply.location()), &[]).await.expect(303);
    assert!(app.service.requests()[2].query().contains(ACCESS));
    // Nothing of it is anywhere: neither in a page, nor in a row, nor in the log.
    let rows = format!("{:?}", dump(&mut app.database.connect()));
    let mut pages = page.body;
    for path in [waiting.page.as_str(), "/w/acme/credentials", "/w/acme/apps/google-sheets"] {
        pages.push_str(&admin.get(path).await.body);
    }
    // The tools with which the tests read pages tell every tag; they are no part of the program.
    let own = |line: &&str| !line.contains("html5ever") && !line.contains("selectors::");
    let text = log.text().lines().filter(own).collect::<Vec<_>>().join("\n");
    let hex = |secret: &str| secret.bytes().map(|b| format!("{b:02X}")).collect::<String>();
    for secret in [ACCESS, REFRESH, CODE, CLIENT_SECRET, waiting.state(), sent["code_verifier"].as_str()] {
        assert!(!rows.contains(secret) && !rows.to_uppercase().contains(&hex(secret)), "{secret} in the database");
        assert!(!text.contains(secret), "{secret} in the log");
        assert!(!pages.contains(secret), "{secret} on a page");
    }
    assert!(text.contains("/oauth/callback") && rows.contains("bots@example.com"), "the look sees");
    app.prove_audit().await;
}

#[tokio::test]
async fn without_a_client_nothing_is_started_and_the_form_says_where_to_enter_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = admin.get("/w/acme/credentials/new?integration=google-sheets&method=oauth").await.expect(200);
    assert!(
        form.body.contains("data-code=\"app_needed\"") && form.body.contains("/w/acme/apps/google-sheets?method=oauth")
    );
    let refused = admin.post("/w/acme/credentials", &SHEETS).await.expect(422);
    assert!(refused.body.contains("Leads sheet") && refused.body.contains("app_needed"));
    assert_eq!(app.kept()["oauth_flows"].len(), 0);
}

#[tokio::test]
async fn the_client_is_kept_sealed_and_changed_field_by_field() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let address = "/w/acme/apps/google-sheets";
    let page = admin.get(address).await.expect(200);
    assert_eq!(page.attributes("#redirect", "value"), [format!("{}/oauth/callback", app.base)]);
    assert!(page.body.contains("CREDENZA_PUBLIC_URL"), "plain http is pointed out");
    let wrong = admin.post(address, &[("method", "oauth"), ("f.client_id", "x")]).await.expect(422);
    assert!(wrong.body.contains("OAuth client secret"));
    enter_client(&admin).await;
    let page = admin.get(address).await.expect(200);
    assert!(page.body.contains("1234-abc.apps") && !page.body.contains(CLIENT_SECRET));
    // A stale form changes nothing; a blank secret stays.
    let other = ("f.client_id", "99-z.apps.googleusercontent.com");
    admin.post(address, &[("method", "oauth"), other]).await.expect(409);
    admin.post(address, &[("method", "oauth"), ("revision", "1"), other]).await.expect(303);
    let waiting = start(&admin, &SHEETS).await;
    assert_eq!(waiting.link["client_id"], other.1);
    app.service.prepare(tokens(ACCESS, Some(REFRESH)));
    app.service.prepare(info("bots@example.com"));
    admin.get(&waiting.agreed()).await.expect(303);
    assert_eq!(form(&app.service.requests()[0])["client_secret"], CLIENT_SECRET);
    // Whoever signed in a while ago proves themselves before what is in use is changed or goes.
    app.means.clock.advance(TimeDelta::minutes(11));
    let again = ("f.client_id", "77-w.apps.googleusercontent.com");
    for form in [vec![again], vec![("remove", "1")]] {
        let form = [vec![("method", "oauth"), ("revision", "2")], form].concat();
        let asked = admin.post(address, &form).await.expect(422);
        assert_eq!(asked.attributes("#current_password", "type"), ["password"]);
        let wrong = [form, vec![("current_password", "not this one at all")]].concat();
        assert_eq!(admin.post(address, &wrong).await.expect(422).texts("#current_password-error").len(), 1);
    }
    let gone = [("method", "oauth"), ("revision", "2"), ("remove", "1"), ("current_password", PASSWORD)];
    admin.post(address, &gone).await.expect(303);
    assert_eq!(app.kept()["oauth_apps"].len(), 0);
    assert!(app.events("acme").await.iter().any(|event| event.action == "app.removed"));
    for path in ["/w/acme/apps/http", "/w/acme/apps/nothing", "/w/acme/apps/google-sheets?method=service_account"] {
        admin.get(path).await.expect(404);
    }
    app.prove_audit().await;
}

#[tokio::test]
async fn what_was_chosen_is_kept_for_another_try() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    enter_client(&admin).await;
    let waiting = start(&admin, &SHEETS).await;
    let denied =
        format!("/oauth/callback?error=access_denied&error_description=%3Cb%3Eno%3C%2Fb%3E&state={}", waiting.state());
    let reply = admin.get(&denied).await.expect(303);
    assert_eq!(reply.location(), waiting.page);
    let page = admin.get(&waiting.page).await.expect(200);
    assert_eq!(told(&page), "access_denied");
    assert!(!page.body.contains("<b>no</b>") && page.texts("form button").contains(&"Try again".to_owned()));
    assert_eq!(app.service.requests().len(), 0, "a refusal asks the service nothing");
    admin.post(&waiting.page, &[]).await.expect(303);
    let again = look(&admin, &waiting.page).await;
    assert!(again.state() != waiting.state() && again.link["code_challenge"] != waiting.link["code_challenge"]);
    app.service.prepare(tokens(ACCESS, Some(REFRESH)));
    app.service.prepare(info("bots@example.com"));
    let reply = admin.get(&again.agreed()).await.expect(303);
    let row = app.row(reply.location().rsplit('/').next().expect("an id")).await;
    assert_eq!((row.name.as_str(), row.tags.0.as_slice()), ("Leads sheet", ["leads".to_owned()].as_slice()));
}

#[tokio::test]
async fn a_name_that_was_taken_meanwhile_is_asked_for_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    enter_client(&admin).await;
    let waiting = start(&admin, &SHEETS).await;
    app.website(&admin, "Leads sheet", "a signing secret of a shop").await;
    app.service.prepare(tokens(ACCESS, Some(REFRESH)));
    app.service.prepare(info("bots@example.com"));
    admin.get(&waiting.agreed()).await.expect(303);
    assert_eq!(told(&admin.get(&waiting.page).await), "name_taken");
    admin.post(&waiting.page, &[("name", "Leads sheet of marketing")]).await.expect(303);
    let again = look(&admin, &waiting.page).await;
    app.service.prepare(tokens(ACCESS, Some(REFRESH)));
    app.service.prepare(info("bots@example.com"));
    let reply = admin.get(&again.agreed()).await.expect(303);
    assert!(reply.location().starts_with("/w/acme/credentials/"), "{}", reply.location());
}

#[tokio::test]
async fn deleting_ends_the_sign_in_at_the_service() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let page = format!("/w/acme/credentials/{id}");
    assert!(admin.get(&format!("{page}/deletion")).await.body.contains("is asked to end the sign-in"));
    app.service.prepare(crate::support::http_server::Answer::json(200, &serde_json::json!({})));
    admin.post(&format!("{page}/deletion"), &[]).await.expect(303);
    let asked = app.service.requests().pop().expect("a request");
    assert_eq!((asked.path(), form(&asked)["token"].as_str()), ("/revoke", REFRESH));
    assert!(app.grant(&id).await.is_none(), "the tokens are gone");
    assert!(app.events("acme").await.iter().any(|event| event.action == "credential.revoked"));
    admin.post(&format!("{page}/restoration"), &[]).await.expect(303);
    let row = app.row(&id).await;
    assert_eq!((row.status, row.outcome.as_str()), (Status::Broken, "reauthorize"), "it says what to do");
    assert!(admin.get(&page).await.texts("button").contains(&"Connect again".to_owned()));
    app.prove_audit().await;
}

#[tokio::test]
async fn a_sign_in_that_was_begun_from_a_block_is_chosen_for_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    enter_client(&admin).await;
    let bot = app.new_bot(&admin, "Lead intake").await;
    let page = format!("/w/acme/bots/{bot}");
    for gone in [false, true] {
        let block = app.new_block(&admin, &bot, "google-sheets", "").await;
        let name = if gone { "Another sheet" } else { "Leads sheet" };
        let mut form: Vec<(&str, &str)> = SHEETS.to_vec();
        form.retain(|(field, _)| *field != "name");
        form.extend([("name", name), ("block", block.as_str())]);
        let waiting = start(&admin, &form).await;
        if gone {
            admin.post(&format!("{page}/blocks/{block}/removal"), &[]).await.expect(303);
        }
        app.service.prepare(tokens(ACCESS, Some(REFRESH)));
        app.service.prepare(info("bots@example.com"));
        let led = admin.get(&waiting.agreed()).await.expect(303).location().to_owned();
        let chosen = admin.get(&page).await.expect(200).texts("td[data-label=Credential]").concat();
        assert_eq!((led == page, chosen.contains(name)), (!gone, !gone), "{led}: {chosen}");
        assert_eq!(admin.get(&led).await.expect(200).texts("h1").concat().contains(name), gone, "{led}");
    }
    app.prove_audit().await;
}
