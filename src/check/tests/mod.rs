//! Checks of the shipped catalogue and of small files of our own against loopback servers.

mod http;
mod mail;
mod report;
mod rules;
mod sign_in;

use super::report::{Report, StepResult};
use super::run::{Context, Options, Trigger, run};
use crate::catalog::form::Values;
use crate::catalog::load::Catalog;
use crate::clock::Clock;
use crate::egress::Egress;
use crate::egress::lead::Lead;
use crate::egress::stage::{Authority, Heard, caller, serve_http};
use crate::secret::Secret;

/// Values as the form would have parsed them.
fn values(plain: &[(&str, &str)], secret: &[(&str, &str)]) -> Values {
    Values {
        plain: plain.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        secret: secret.iter().map(|(k, v)| ((*k).to_owned(), Secret::new((*v).to_owned()))).collect(),
    }
}

/// A way outward on which every host of `hosts` is one HTTPS server with these answers.
async fn server(hosts: &[&str], answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (Egress, Heard) {
    let (authority, heard) = (Authority::new(), Heard::default());
    let listener = serve_http(Some(authority.acceptor(hosts)), heard.clone(), answer).await;
    (caller(Lead::to(listener), &authority, ""), heard)
}

async fn check_with(
    egress: &Egress,
    catalog: &Catalog,
    which: (&str, &str),
    values: &Values,
    options: Options,
) -> Report {
    let (integration, method) = catalog.method(which.0, which.1).unwrap();
    let clock = Clock::system();
    let context = Context { egress, defaults: catalog.defaults(), clock: &clock };
    run(&context, integration, method, values, options).await
}

async fn check(egress: &Egress, which: (&str, &str), values: &Values) -> Report {
    check_with(egress, &Catalog::load(None).unwrap(), which, values, Options::new(Trigger::Save)).await
}

fn labels(report: &Report, result: StepResult) -> Vec<&str> {
    report.steps.iter().filter(|s| s.result == result).map(|s| s.label.as_str()).collect()
}

const STRIPE: (&str, &str) = ("stripe", "api_key");
const STRIPE_KEY: &str = "rk_test_Canary0123456789";

fn stripe() -> Values {
    values(&[("context", "")], &[("secret_key", STRIPE_KEY)])
}
