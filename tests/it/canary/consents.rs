//! The same for consents: the secret of the workspace's client, codes, states, what proves a request, access and
//! refresh tokens, with a service that throws all of them back.

use super::sinks::Watched;
use super::{Form, liar, plain_app, with};
use crate::support::http_server::Answer;
use chrono::TimeDelta;
use credenza::jobs::renew_due;
use serde_json::json;

const SHEETS: [(&str, &str); 2] = [("integration", "google-sheets"), ("method", "oauth")];
const CLIENT: [(&str, &str); 2] = [("method", "oauth"), ("f.client_id", "1234-abc.apps.googleusercontent.com")];

/// Tokens, with a copy of them wherever an answer has room for one.
fn tokens(access: &str, refresh: &str) -> Answer {
    let body = json!({
        "access_token": access, "refresh_token": refresh, "expires_in": 3599, "token_type": access,
        "scope": format!("https://www.googleapis.com/auth/spreadsheets openid {access}"), "id_token": refresh,
        "error_description": refresh,
    });
    Answer::json(200, &body).with("x-echo", access).with("set-cookie", &format!("session={refresh}"))
}

fn account(name: &str, secret: &str) -> Answer {
    let scope = "openid https://www.googleapis.com/auth/spreadsheets";
    Answer::json(200, &json!({ "scope": scope, "email": name, "sub": secret })).with("x-echo", secret)
}

/// Prepares what a consent to this account asks for; returns the tokens.
fn prepare(watched: &mut Watched, when: &str, name: &str) -> (String, String) {
    let access = watched.canaries.plant(&format!("access token {when}"));
    let refresh = watched.canaries.plant(&format!("refresh token {when}"));
    watched.app.service.prepare(tokens(&access, &refresh));
    watched.app.service.prepare(account(name, &access));
    (access, refresh)
}

async fn client(watched: &mut Watched) -> String {
    let (wrong, stale) = (watched.canaries.plant("client refused"), watched.canaries.plant("client overtaken"));
    let secret = watched.canaries.plant("client");
    let page = "/w/acme/apps/google-sheets";
    let bad = [("method", "oauth"), ("f.client_id", ""), ("f.client_secret", wrong.as_str())];
    watched.post(page, &with(&bad, &[]), 422).await;
    watched.post(page, &with(&CLIENT, &[("f.client_secret", &secret)]), 303).await;
    watched.post(page, &with(&CLIENT, &[("f.client_secret", &stale), ("revision", "7")]), 409).await;
    secret
}

#[tokio::test]
async fn t068_t069_t071_t073_t080_consents() {
    let mut watched = plain_app().await;
    let secret = client(&mut watched).await;
    // Refused at the token address, which quotes code and client; at the sample call, which quotes the token.
    let flow = watched.begin(&with(&SHEETS, &[])).await;
    for status in [400, 401, 500, 302] {
        watched.app.service.prepare(liar(status, &secret));
        watched.agree(&flow, 303).await;
        watched.post(&flow, &Form::new(), 303).await;
    }
    let (access, _) = (watched.canaries.plant("access token refused"), ());
    watched.app.service.prepare(tokens(&access, &secret));
    watched.app.service.prepare(liar(401, &access));
    let (back, _) = watched.agree(&flow, 303).await;
    // The answer comes again, from others, and in pieces.
    for person in [watched.admin.clone(), watched.app.member().await, watched.app.foreign_admin().await] {
        watched.keep("GET /oauth/callback again", &person.get(&back).await);
    }
    watched.keep("GET /oauth/callback by nobody", &watched.app.anon().get(&back).await);
    watched.post(&flow, &Form::new(), 303).await;
    prepare(&mut watched, "stored", "bots@example.com");
    let (_, made) = watched.agree(&flow, 303).await;
    let path = made.location().to_owned();
    watched.made(&path);
    renewals(&mut watched, &path).await;
    // Given again by another account: it waits to be confirmed, and the page of it is looked at.
    let again = watched.post(&format!("{path}/connect"), &Form::new(), 303).await.location().to_owned();
    prepare(&mut watched, "of another account", "boss@example.com");
    watched.agree(&again, 303).await;
    watched.keep("GET the other account", &watched.admin.get(&again).await.expect(200));
    // Deleted at a service that quotes what it ends; another one stays.
    let second = watched.begin(&with(&SHEETS, &[])).await;
    let (_, refresh) = prepare(&mut watched, "deleted", "bots@example.com");
    let (_, made) = watched.agree(&second, 303).await;
    watched.app.service.prepare(liar(400, &refresh));
    watched.post(&format!("{}/deletion", made.location()), &Form::new(), 303).await;
    watched.inspect().await;
}

/// Renewed, refused, verified with a token that is refused, and renewed once more.
async fn renewals(watched: &mut Watched, path: &str) {
    let renewed = watched.canaries.plant("access token renewed");
    let rotated = watched.canaries.plant("refresh token rotated");
    for answer in [liar(503, &renewed), liar(429, &rotated), Answer::Cut, tokens(&renewed, &rotated)] {
        watched.app.means.clock.advance(TimeDelta::minutes(56));
        watched.app.service.prepare(answer);
        renew_due(&watched.app.state).await.expect("a round");
    }
    watched.admin.sign_in("admin@acme.example").await.expect(303);
    let (third, fourth) = (watched.canaries.plant("access token 3"), watched.canaries.plant("refresh token 3"));
    watched.app.service.prepare(liar(401, &renewed));
    watched.app.service.prepare(tokens(&third, &fourth));
    watched.app.service.prepare(account("bots@example.com", &third));
    watched.post(&format!("{path}/checks"), &Form::new(), 303).await;
}
