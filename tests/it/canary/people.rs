//! Passwords of people, the token of the first run, and keys of sessions.

use super::needle::{Canaries, Hits};
use crate::people::{deliver, kept, link};
use crate::support::app::TestApp;
use crate::support::dump::dump;
use crate::support::log::Capture;
use crate::support::person::{Person, Reply};

fn look(canaries: &Canaries, place: &str, text: &str) -> Hits {
    canaries.search().hits(place, text.as_bytes())
}

fn all_of(reply: &Reply) -> String {
    format!("{:?}\n{}", reply.headers, reply.body)
}

#[tokio::test]
async fn t068_passwords_setup_tokens_and_session_keys_stay_out_of_sight() {
    let log = Capture::start();
    let app = TestApp::builder().nobody().start().await;
    let mut canaries = Canaries::default();
    let token = app.setup_token.as_ref().expect("a token").expose().to_owned();
    canaries.watch("setup token", &token);
    let refused = canaries.plant("a password that was refused");
    let password = canaries.plant("the admin's password");
    let wrong = canaries.plant("a wrong password");
    let typed = passwords(&[&refused, &password]);
    let mut hits = Hits::new();
    let person = app.anon();
    let form = |password: &str, workspace: &str| {
        [
            ("token", token.clone()),
            ("workspace", workspace.to_owned()),
            ("email", "ada@example.com".to_owned()),
            ("password", password.to_owned()),
        ]
    };
    let mut replies = Vec::new();
    for (password, workspace, status) in [
        (refused.as_str(), "", 422),
        ("short", "Acme", 422),
        (password.as_str(), "Acme", 303),
        (password.as_str(), "Acme", 404),
    ] {
        let form = form(password, workspace);
        let form: Vec<(&str, &str)> = form.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let reply = person.post("/setup", &form).await.expect(status);
        // The form that is drawn again keeps the token in its box, as it keeps every other text.
        if status != 422 {
            replies.push(reply.clone());
        }
        hits.extend(look(&typed, "setup", &all_of(&reply)));
    }
    let again = app.anon();
    for (password, status) in [(wrong.as_str(), 422), (password.as_str(), 303)] {
        let reply =
            again.post("/sign-in", &[("email", "ada@example.com"), ("password", password)]).await.expect(status);
        hits.extend(look(&canaries, "signing in", &all_of(&reply)));
        replies.push(reply);
    }
    let cookies: Vec<String> = replies
        .iter()
        .flat_map(|reply| reply.headers.get_all("set-cookie"))
        .filter_map(|line| line.to_str().ok()?.strip_prefix("sid=")?.split(';').next().map(str::to_owned))
        .filter(|value| !value.is_empty())
        .collect();
    assert_eq!(cookies.len(), 2, "a session from the setup and one from signing in");
    for reply in &replies {
        hits.extend(look(&canaries, "answers", &all_of(reply)));
    }
    for path in [
        "/",
        "/account",
        "/w/acme/credentials",
        "/w/acme/credentials/new",
        "/setup?token=x",
        "/sign-in",
        "/w/acme/nothing",
    ] {
        let reply = again.get(path).await;
        for cookie in &cookies {
            canaries.watch("cookie", &percent_encoding::percent_decode_str(cookie).decode_utf8_lossy());
            canaries.watch("cookie as sent", cookie);
        }
        hits.extend(look(&canaries, path, &all_of(&reply)));
    }
    let links = one_time_links(&app, &again).await;
    for path in &links {
        canaries.watch("token of a link", path.rsplit('/').next().expect("a token"));
        again.get(path).await.expect(200);
        app.anon().get(&format!("{path}/")).await;
    }
    again.post("/sign-out", &[]).await.expect(303);
    let rows: Vec<String> = dump(&mut app.database.connect()).into_values().flatten().collect();
    let rows = rows.join("\n");
    assert!(rows.contains("ada@example.com") && rows.contains("$argon2id$"), "the rows were seen");
    hits.extend(look(&canaries, "tables", &rows));
    let log = super::sinks::heard(&log);
    for heard in ["/w/acme/nothing", "/password/reset/", "/invitations/", "/account/email/"] {
        assert!(log.contains(heard), "{heard}: the log was heard");
    }
    hits.extend(look(&canaries, "log", &log));
    assert!(hits.is_empty(), "{hits:#?}");
}

/// The links that were mailed for a new password, an invitation and another address.
async fn one_time_links(app: &TestApp, admin: &Person) -> Vec<String> {
    app.anon().post("/password/forgot", &[("email", "ada@example.com")]).await.expect(303);
    admin.post("/w/acme/invitations", &[("email", "nina@example.com"), ("role", "member")]).await.expect(303);
    admin.post("/account/email", &[("email", "ada@elsewhere.example")]).await.expect(303);
    deliver(app).await;
    let mails = kept(app).join("\n");
    ["/password/reset/", "/invitations/", "/account/email/"].map(|path| link(&mails, path)).to_vec()
}

fn passwords(texts: &[&str]) -> Canaries {
    let mut canaries = Canaries::default();
    for text in texts {
        canaries.watch("password", text);
    }
    canaries
}
