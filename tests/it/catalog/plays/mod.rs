//! For every method of the shipped catalogue: what a person types, and the conversation of a good check.

mod ai;
mod api;
mod consents;
mod crm;
pub mod databases;
mod development;
mod ecommerce;
pub mod email;
mod erp;
mod helpdesk;
mod marketing;
mod messaging;
mod payments;
mod spreadsheets;

use crate::support::http_server::Answer;
use serde_json::Value;

/// One method with example values.
pub struct Play {
    /// Id of the integration.
    pub integration: &'static str,
    /// Id of the method.
    pub method: &'static str,
    /// What is typed into the form.
    pub typed: Vec<(&'static str, String)>,
    /// The requests of a good check, with their answers.
    pub exchanges: Vec<Exchange>,
    /// What a consent gave, for a method that asks for one; host and mode of a mail check whose file names them.
    pub kept: Vec<(&'static str, String)>,
    /// “Connected as” of a good check.
    pub identity: Option<&'static str>,
}

/// A request that must come and the answer to it.
pub struct Exchange {
    /// Verb.
    pub method: &'static str,
    /// Host of the address, as the TLS handshake and the header must name it.
    pub host: &'static str,
    /// Path.
    pub path: &'static str,
    /// Query, decoded, in any order.
    pub query: Vec<(&'static str, &'static str)>,
    /// Headers beyond the usual ones.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Body,
    /// What is answered.
    pub answer: Answer,
}

/// The body of a request.
pub enum Body {
    /// None.
    Nothing,
    /// A form, in any order.
    Form(Vec<(&'static str, &'static str)>),
    /// JSON.
    Json(Value),
    /// A form with a signed assertion (RFC 7523) of these claims, `iat` and `exp` aside.
    Assertion(Value, u64),
}

/// The private key of the examples.
pub use credenza::demo::scene::SAMPLE_KEY as KEY;

/// Every method once, some with other values again; each family in a file of its own, named by category.
pub fn all() -> Vec<Play> {
    let families = [
        ai::all(),
        api::all(),
        consents::all(),
        crm::all(),
        databases::all(),
        development::all(),
        ecommerce::all(),
        email::all(),
        erp::all(),
        helpdesk::all(),
        marketing::all(),
        messaging::all(),
        payments::all(),
        spreadsheets::all(),
    ];
    families.into_iter().flatten().collect()
}

impl Play {
    /// The name for messages of failed tests.
    pub fn name(&self) -> String {
        format!("{}.{}", self.integration, self.method)
    }

    /// What was typed into a field.
    pub fn value(&self, field: &str) -> &str {
        self.typed.iter().chain(&self.kept).find(|(name, _)| *name == field).map_or("", |(_, value)| value)
    }
}

fn play(integration: &'static str, method: &'static str, typed: &[(&'static str, &str)]) -> Play {
    let typed = typed.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Play { integration, method, typed, exchanges: Vec::new(), kept: Vec::new(), identity: None }
}

fn get(host: &'static str, path: &'static str, answer: Value) -> Exchange {
    let (query, headers) = (Vec::new(), Vec::new());
    Exchange { method: "GET", host, path, query, headers, body: Body::Nothing, answer: Answer::json(200, &answer) }
}

fn post(host: &'static str, path: &'static str, body: Body, answer: Value) -> Exchange {
    Exchange { method: "POST", body, ..get(host, path, answer) }
}

impl Exchange {
    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }
}
