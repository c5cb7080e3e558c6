//! The management API, and the tokens that it takes.

#![cfg(test)]

mod bots;
mod changes;
mod ending;
mod reading;
mod tokens;

use crate::support::app::{ACME, SERVICE, TestApp};
use crate::support::bots::{Machine, Made};
use crate::support::http_server::Answer;
use crate::support::person::Person;
use credenza::model::bot_token::Scope;
use serde_json::json;

/// The secret of the credential that is there from the start.
pub const SECRET: &str = "tok-canary-9876543210fedcba";

/// A workspace with a bearer token for the service on loopback, and a token that manages.
pub struct Scene {
    pub app: TestApp,
    pub admin: Person,
    pub credential: String,
    pub token: Made,
}

impl Scene {
    pub async fn start() -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        app.service.prepare(Answer::json(200, &json!({})));
        let credential = app.bearer(&admin, "Order service", SECRET).await;
        let token = app.token_in(ACME, None, &[Scope::Manage], None, "").await;
        Self { app, admin, credential, token }
    }

    pub fn machine(&self) -> Machine {
        self.app.machine(&self.token.text)
    }

    /// As [`Scene::machine`], after its token was used: a use is noted once a minute.
    pub async fn known(&self) -> Machine {
        let machine = self.machine();
        machine.get("/api/v1/bots").await.expect(200);
        machine
    }
}

/// The base address of [`Scene`]'s credential.
pub const BASE: &str = SERVICE;
