//! Calls to loopback servers that behave well, badly, or not at all.

mod flow;
mod http;
mod properties;
mod rules;
mod smtp;
mod tls;

use super::Egress;
use super::fault::Fault;
use super::http::{Answer, Headers, Request};
use super::policy::{Pattern, Policy, Private};
use super::target::Target;
use super::trace::Trace;
use crate::secret::Secret;
use std::time::Duration;

fn policy(hosts: &[&str]) -> Policy {
    Policy {
        hosts: hosts.iter().map(|h| Pattern::parse(h).unwrap()).collect(),
        private: Private::Operator,
        ..Policy::default()
    }
}

/// A GET with a secret header.
async fn get(egress: &Egress, address: &str, policy: &Policy, trace: &mut Trace) -> Result<Answer, Fault> {
    let mut headers = Headers::default();
    headers.set("Authorization", &Secret::new("Bearer hunter2".into())).unwrap();
    let request = Request { method: hyper::Method::GET, target: Target::http(address).unwrap(), headers, body: None };
    egress.http(request, policy, trace).await
}

fn two_seconds() -> Trace {
    Trace::within(Duration::from_secs(2))
}
