//! Secrets are planted in every box that takes one, carried through everything that can be done, thrown back
//! by services that quote them, and then looked for everywhere in every form: in every answer and its headers
//! (T068, T069), in the log at its finest (T071), in what services quote (T073), in the audit's rows (T080).
#![cfg(test)]

mod consents;
mod databases;
mod debug;
mod needle;
mod panics;
mod people;
mod plaintext;
mod sinks;

use crate::support::app::{SERVICE, TestApp};
use crate::support::http_server::Answer;
use crate::support::person::sent;
use crate::support::smtp_server::{Mailbox, Verdict, always};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sinks::Watched;

/// A service that throws back what it was sent, in every place that an answer has.
fn liar(status: u16, secret: &str) -> Answer {
    let basic = STANDARD.encode(format!("bot:{secret}"));
    let body = json!({
        "object": "balance", "data": [{ "id": secret }], "id": secret, "name": secret, "email": secret,
        "login": format!("{secret}@example.com"), "organization": { "name": secret }, "livemode": false,
        "error": { "message": format!("Incorrect API key provided: {secret}"), "type": secret, "code": secret },
        "error_description": basic, "hex": secret.bytes().map(|b| format!("{b:02x}")).collect::<String>(),
    });
    Answer::json(status, &body)
        .with("x-echo", secret)
        .with("www-authenticate", &format!("Bearer realm=\"{secret}\", error=\"{basic}\""))
        .with("x-request-id", secret)
        .with("set-cookie", &format!("session={secret}"))
        .with("location", &format!("https://elsewhere.example/?key={secret}"))
}

/// Fields of a form.
type Form = Vec<(String, String)>;

fn with(form: &[(&str, &str)], more: &[(&str, &str)]) -> Form {
    form.iter().chain(more).map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// Everything that can be done to a credential with one secret field: stored, refused, edited, rotated,
/// verified, broken, deleted, restored, removed for good.
async fn live(watched: &mut Watched, form: &[(&str, &str)], field: &str, prefix: &str, revoked: u16) {
    let secret =
        |watched: &mut Watched, when: &str| format!("{prefix}{}", watched.canaries.plant(&format!("{field} {when}")));
    // Refused by the service, led elsewhere, not answered, and refused for a missing name.
    let refused = secret(watched, "refused at creation");
    let never = with(form, &[(field, &refused), ("name", "Never stored")]);
    for answer in [liar(revoked, &refused), liar(302, &refused), liar(500, &refused), liar(429, &refused), Answer::Cut]
    {
        watched.app.service.prepare(answer);
        watched.post("/w/acme/credentials", &never, 422).await;
    }
    let nameless = with(form, &[(field, &refused)]);
    watched.post("/w/acme/credentials", &nameless, 422).await;
    watched.post("/w/acme/credentials/form", &nameless, 200).await;
    let first = secret(watched, "stored");
    watched.app.service.prepare(liar(200, &first));
    let path = watched.create(&with(form, &[(field, &first)])).await;
    // Verified: good, with a service that is away, and broken.
    for answer in [liar(200, &first), liar(503, &first), liar(revoked, &first)] {
        watched.app.service.prepare(answer);
        watched.post(&format!("{path}/checks"), &Form::new(), 303).await;
    }
    watched.app.means.clock.advance(chrono::TimeDelta::minutes(2));
    let (second, stale) = (secret(watched, "edited"), secret(watched, "typed into a stale form"));
    change(watched, form, field, &path, &second, &stale, revoked).await;
    let third = secret(watched, "rotated");
    for (answer, status) in [(liar(revoked, &third), 422), (liar(200, &third), 303)] {
        watched.app.service.prepare(answer);
        watched.post(&format!("{path}/rotation"), &with(&[], &[(field, &third)]), status).await;
    }
    for act in ["deletion", "restoration", "deletion", "purge"] {
        watched.post(&format!("{path}/{act}"), &Form::new(), 303).await;
    }
    // One stays, so that there is something to look at.
    let kept = secret(watched, "kept");
    watched.app.means.clock.advance(chrono::TimeDelta::minutes(50));
    watched.app.service.prepare(liar(200, &kept));
    let path = watched.create(&with(form, &[(field, &kept)])).await;
    watched.app.service.prepare(liar(revoked, &kept));
    watched.post(&format!("{path}/checks"), &Form::new(), 303).await;
    // Stored although the service is away.
    let unverified = secret(watched, "stored without verifying");
    watched.app.service.prepare(liar(500, &unverified));
    watched.create(&with(form, &[(field, &unverified), ("save_unverified", "1")])).await;
    let asked = watched.app.service.requests().len();
    assert_eq!(asked, 5 + 1 + 3 + 2 + 2 + 2 + 1, "every answer was asked for, and nothing else");
}

/// Edited: refused, stored, drawn again, and sent from a form that somebody else overtook.
async fn change(
    watched: &Watched,
    form: &[(&str, &str)],
    field: &str,
    path: &str,
    secret: &str,
    stale: &str,
    revoked: u16,
) {
    let edit = with(form, &[(field, secret), ("name", "Edited"), ("revision", "1")]);
    for (answer, status) in [(liar(revoked, secret), 422), (liar(200, secret), 303)] {
        watched.app.service.prepare(answer);
        watched.post(path, &edit, status).await;
    }
    watched.post(&format!("{path}/form"), &edit, 200).await;
    watched.post(path, &with(form, &[(field, stale), ("name", "Edited by two"), ("revision", "1")]), 409).await;
}

async fn plain_app() -> Watched {
    Watched::start(async |_| TestApp::start().await).await
}

#[tokio::test]
async fn t068_t069_t071_t073_t080_http_with_a_bearer_token() {
    let mut watched = plain_app().await;
    let form = [("integration", "http"), ("method", "bearer"), ("f.base_url", SERVICE), ("f.check_path", "/me")];
    live(&mut watched, &form, "f.token", "", 401).await;
    watched.inspect().await;
}

#[tokio::test]
async fn t068_t069_t071_t073_t080_http_with_a_header() {
    let mut watched = plain_app().await;
    let form = [("integration", "http"), ("method", "header"), ("f.base_url", SERVICE), ("f.check_path", "/me")];
    live(&mut watched, &form, "f.value", "Token ", 403).await;
    watched.inspect().await;
}

#[tokio::test]
async fn t068_t069_t071_t073_t080_http_with_a_query() {
    let mut watched = plain_app().await;
    let form = [("integration", "http"), ("method", "query"), ("f.base_url", SERVICE), ("f.check_path", "/me")];
    live(&mut watched, &form, "f.value", "", 404).await;
    watched.inspect().await;
}

#[tokio::test]
async fn t068_t069_t071_t073_t080_http_with_user_and_password() {
    let mut watched = plain_app().await;
    let form = [
        ("integration", "http"),
        ("method", "basic"),
        ("f.base_url", SERVICE),
        ("f.check_path", "/me"),
        ("f.user", "bot"),
    ];
    live(&mut watched, &form, "f.password", "", 401).await;
    watched.inspect().await;
}

#[tokio::test]
async fn t068_t069_t071_t073_t080_openai() {
    let mut watched = plain_app().await;
    let form = [("integration", "openai"), ("method", "api_key")];
    live(&mut watched, &form, "f.api_key", "sk-", 401).await;
    watched.inspect().await;
}

#[tokio::test]
async fn t068_t069_t071_t073_t080_stripe() {
    let mut watched = plain_app().await;
    let webhook = format!("whsec_{}", watched.canaries.plant("webhook secret"));
    let form = [("integration", "stripe"), ("method", "api_key"), ("f.webhook_secret", webhook.as_str())];
    live(&mut watched, &form, "f.secret_key", "rk_test_", 401).await;
    watched.inspect().await;
}

#[tokio::test]
async fn t068_t069_t071_t073_t080_what_a_token_that_manages_sends() {
    let mut watched = plain_app().await;
    let token = watched.app.token_in("acme", None, &[credenza::model::bot_token::Scope::Manage], None, "").await;
    let machine = watched.app.machine(&token.text);
    let list = "/api/v1/credentials";
    let new = |secret: &str| {
        let values = json!({ "base_url": SERVICE, "check_path": "/me", "token": secret });
        json!({ "integration": "http", "method": "bearer", "name": "Order service", "values": values })
    };
    let refused = watched.canaries.plant("refused by the API");
    for status in [401, 302, 500] {
        watched.app.service.prepare(liar(status, &refused));
        watched.keep(list, &machine.send("POST", list, &new(&refused)).await.expect(422));
    }
    let misplaced = watched.canaries.plant("in a wrong place");
    for body in [
        json!({ "integration": "http", "method": "bearer", "name": "Order service", "values": { "token": [misplaced] } }),
        json!({ "integration": "http", "method": "bearer", "name": 7, "description": misplaced }),
        json!({ "integration": "http", "method": "bearer", "name": "Order service", "save_unverified": misplaced }),
        json!({ "integration": "http", "method": "bearer", "name": "Order service", "values": misplaced }),
    ] {
        watched.keep(list, &machine.send("POST", list, &body).await.expect(400));
    }
    let stored = watched.canaries.plant("stored by the API");
    watched.app.service.prepare(liar(200, &stored));
    let made = machine.send("POST", list, &new(&stored)).await.expect(201);
    watched.keep(list, &made);
    let path = made.location().to_owned();
    watched.app.service.prepare(liar(401, &stored));
    watched.keep("checks", &sent(machine.request("POST", &format!("{path}/checks"))).await.expect(200));
    watched.app.means.clock.advance(chrono::TimeDelta::minutes(2));
    let changed = watched.canaries.plant("changed by the API");
    let change = json!({ "revision": 1, "values": { "token": changed } });
    for (answer, status) in [(liar(401, &changed), 422), (liar(200, &changed), 200)] {
        watched.app.service.prepare(answer);
        watched.keep("change", &machine.send("PATCH", &path, &change).await.expect(status));
    }
    let stale = json!({ "revision": 1, "values": { "token": watched.canaries.plant("sent for an old revision") } });
    watched.keep("stale", &machine.send("PATCH", &path, &stale).await.expect(409));
    let rotated = watched.canaries.plant("rotated by the API");
    watched.app.service.prepare(liar(200, &rotated));
    let body = json!({ "values": { "token": rotated }, "keep_hours": 24 });
    watched.keep("rotation", &machine.send("POST", &format!("{path}/rotation"), &body).await.expect(200));
    for path in [path.as_str(), list, "/api/v1/openapi.json"] {
        watched.keep(path, &machine.get(path).await.expect(200));
    }
    // Something must be there for the positive control.
    watched.create(&website("a signing secret of no interest")).await;
    watched.inspect().await;
}

/// The form of a website's signing secret.
fn website(secret: &str) -> Form {
    let form = [("integration", "website"), ("method", "webhook"), ("f.url", "https://www.example.com/")];
    with(&form, &[("f.signing_secret", secret)])
}

#[tokio::test]
async fn t068_t069_a_signing_secret_of_a_website() {
    let mut watched = plain_app().await;
    let list = "/w/acme/credentials";
    let first = watched.canaries.plant("signing secret");
    let path = watched.create(&website(&first)).await;
    let second = watched.canaries.plant("new signing secret");
    watched.post(&format!("{path}/rotation"), &with(&[], &[("f.signing_secret", &second)]), 303).await;
    // The same secret stored twice, a wrong address beside it, and a name that is taken.
    watched.create(&website(&second)).await;
    let third = watched.canaries.plant("beside what is wrong");
    let mut wrong = website(&third);
    wrong[2].1 = "not an address".to_owned();
    watched.post(list, &wrong, 422).await;
    let mut named = website(&third);
    named.push(("name".to_owned(), "the one name".to_owned()));
    watched.post(list, &named, 303).await;
    watched.post(list, &named, 422).await;
    // Sent twice in one form, and by people who may not.
    named.push(named[3].clone());
    for person in [watched.app.admin().await, watched.app.member().await, watched.app.anon()] {
        let request = person.request("POST", list).form(&named);
        watched.keep("sent twice", &sent(request).await);
        watched.keep("without a name", &sent(person.request("POST", list).form(&website(&third))).await);
    }
    watched.inspect().await;
}

#[tokio::test]
async fn t068_t069_t071_t073_t080_smtp_that_quotes_the_password() {
    for verdict in ["235 2.7.0 welcome", "535 5.7.8 refused", "454 4.7.0 later", "535-5.7.8 first\r\n535 5.7.8"] {
        let mut secret = String::new();
        let mut watched = Watched::start(async |canaries| {
            secret = canaries.plant("SMTP password");
            let quoted = STANDARD.encode(format!("\0bot\0{secret}"));
            let (greeting, verdict) = (Some(format!("220 {secret} ESMTP")), format!("{verdict} {secret} {quoted}"));
            TestApp::builder()
                .mail(|tls| Mailbox { greeting, judge: always(Verdict::Say(verdict)), ..Mailbox::implicit(tls) })
                .start()
                .await
        })
        .await;
        let form = [("integration", "smtp"), ("method", "password"), ("f.host", "mail.example"), ("f.user", "bot")];
        if verdict.starts_with("235") {
            let path = watched.create(&with(&form, &[("f.password", &secret)])).await;
            watched.post(&format!("{path}/checks"), &Form::new(), 303).await;
        } else {
            let refused = with(&form, &[("f.password", &secret), ("name", "Refused")]);
            watched.post("/w/acme/credentials", &refused, 422).await;
            // Something must be there to look at.
            watched.create(&website("a signing secret of no interest")).await;
        }
        let heard = watched.app.mail.as_ref().expect("a mail server").verbs();
        assert!(heard.contains(&"AUTH".to_owned()), "the password was sent: {heard:?}");
        watched.inspect().await;
    }
}
