//! A console with an OAuth client, and the way through a consent.

use crate::support::app::TestApp;
use crate::support::http_server::{Answer, Recorded};
use crate::support::person::{Person, Reply};
use credenza::id::Id;
use credenza::model::oauth_grant::Grant;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::Url;

/// What the tests look for in places where it must not be.
pub const CLIENT_SECRET: &str = "GOCSPX-canary-of-the-client";
pub const ACCESS: &str = "canary-access-token";
pub const REFRESH: &str = "canary-refresh-token";
pub const CODE: &str = "canary-code";

/// A consent that waits for the person to come back.
pub struct Waiting {
    /// The address of its page.
    pub page: String,
    /// The parameters of the link to the service.
    pub link: BTreeMap<String, String>,
    /// Where the link leads.
    pub host: String,
}

impl Waiting {
    /// The state in the link.
    pub fn state(&self) -> &str {
        &self.link["state"]
    }

    /// The address to which the service sends a person who agreed.
    pub fn agreed(&self) -> String {
        format!("/oauth/callback?code={CODE}&state={}", self.state())
    }
}

/// Enters the client of Google Sheets.
pub async fn enter_client(admin: &Person) {
    let form = [
        ("method", "oauth"),
        ("f.client_id", "1234-abc.apps.googleusercontent.com"),
        ("f.client_secret", CLIENT_SECRET),
    ];
    admin.post("/w/acme/apps/google-sheets", &form).await.expect(303);
}

/// The form of a new credential of Google Sheets.
pub const SHEETS: [(&str, &str); 4] =
    [("integration", "google-sheets"), ("method", "oauth"), ("name", "Leads sheet"), ("tags", "leads")];

/// Starts a new credential and opens its page.
pub async fn start(admin: &Person, form: &[(&str, &str)]) -> Waiting {
    let reply = admin.post("/w/acme/credentials", form).await.expect(303);
    look(admin, reply.location()).await
}

/// Opens the page of a consent and reads its link.
pub async fn look(admin: &Person, page: &str) -> Waiting {
    let reply = admin.get(page).await.expect(200);
    let link = reply.attributes("#go", "href").pop().expect("a link to the service");
    let url = Url::parse(&link).expect("an address");
    Waiting {
        page: page.to_owned(),
        link: url.query_pairs().into_owned().collect(),
        host: url.host_str().expect("a host").to_owned(),
    }
}

/// The answer of Google's token address.
pub fn tokens(access: &str, refresh: Option<&str>) -> Answer {
    let mut body = json!({
        "access_token": access, "expires_in": 3599, "token_type": "Bearer",
        "scope": "https://www.googleapis.com/auth/spreadsheets openid https://www.googleapis.com/auth/userinfo.email",
    });
    if let Some(refresh) = refresh {
        body["refresh_token"] = Value::from(refresh);
    }
    Answer::json(200, &body)
}

/// What Google says of a token of this account.
pub fn info(account: &str) -> Answer {
    Answer::json(200, &json!({ "scope": "openid https://www.googleapis.com/auth/spreadsheets", "email": account }))
}

/// A credential that is connected as `bots@example.com`.
pub async fn connected(app: &TestApp, admin: &Person) -> String {
    enter_client(admin).await;
    let waiting = start(admin, &SHEETS).await;
    app.service.prepare(tokens(ACCESS, Some(REFRESH)));
    app.service.prepare(info("bots@example.com"));
    let reply = admin.get(&waiting.agreed()).await.expect(303);
    reply.location().rsplit('/').next().expect("an id").to_owned()
}

/// The code under which a page tells its trouble.
pub fn told(reply: &Reply) -> String {
    reply.attributes("#banner", "data-code").pop().unwrap_or_default()
}

/// A form body by name.
pub fn form(request: &Recorded) -> BTreeMap<String, String> {
    request.form().into_iter().collect()
}

impl TestApp {
    /// The grant of a credential.
    pub async fn grant(&self, id: &str) -> Option<Grant> {
        let (workspace, id) = (self.workspace("acme").await, Id::parse(id).expect("an id"));
        self.read(move |conn| Grant::find(conn, &workspace, &id)).await
    }
}
