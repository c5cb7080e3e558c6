//! The machine API.

#![cfg(test)]

mod calls;
mod document;
mod grouped;
mod killed;
mod pages;
mod secrets;
mod sign_ins;
mod swapped;
mod tokens;
mod vault;

use crate::support::app::{SERVICE, TestApp};
use crate::support::bots::{Machine, Made};
use crate::support::http_server::Answer;
use crate::support::person::Person;
use credenza::id::Id;
use credenza::model::bot::Bot;
use credenza::model::bot_token::Scope;
use serde_json::json;

/// The secret of the credential that most tests are about.
pub const TOKEN: &str = "tok-canary-0123456789abcdef";

/// A bot with a block that chose a bearer token for the service on loopback, and a token that may use and fetch.
pub struct Scene {
    pub app: TestApp,
    pub admin: Person,
    pub bot: Id<Bot>,
    pub key: String,
    pub credential: String,
    pub token: Made,
}

impl Scene {
    pub async fn start() -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        app.service.prepare(Answer::json(200, &json!({})));
        let credential = app.bearer(&admin, "Order service", TOKEN).await;
        let bot = app.bot("Order confirmations").await;
        let key = app.block(&bot, "Ask for the order", "http", Some(&credential)).await;
        let token = app.token(&bot, &[Scope::Use, Scope::Fetch], None).await;
        Self { app, admin, bot, key, credential, token }
    }

    pub fn machine(&self) -> Machine {
        self.app.machine(&self.token.text)
    }

    /// The address of the credential in the machine API.
    pub fn at(&self, tail: &str) -> String {
        format!("/api/v1/credentials/order-service/{tail}")
    }
}

/// The base address of [`Scene`]'s credential.
pub const BASE: &str = SERVICE;
