//! Which call of the catalogue a request is.

use super::web_server::Recorded;
use crate::catalog::address::{Origin, UrlTemplate};
use crate::catalog::load::Catalog;
use crate::catalog::schema::{Integration, Method, OAuth, Step};
use crate::catalog::template::Template;
use crate::error::{Error, Result};
use regex::Regex;
use std::sync::Arc;

/// A call that was recognised.
#[derive(Debug, Clone, Copy)]
pub struct Call<'c> {
    /// The service.
    pub integration: &'c Integration,
    /// The way to sign in.
    pub method: &'c Method,
    /// What the call is for.
    pub role: Role<'c>,
}

/// What a call of a method is for.
#[derive(Debug, Clone, Copy)]
pub enum Role<'c> {
    /// Brings or renews a token by OAuth 2.0.
    Token(&'c OAuth),
    /// A request on the way to a token.
    Step(&'c Step),
    /// The sample call.
    Sample,
    /// Ends a session.
    SignOut,
}

/// Every call of a catalogue, by its address.
pub struct Calls {
    catalog: Arc<Catalog>,
    known: Vec<Known>,
}

/// One of them.
struct Known {
    integration: usize,
    method: usize,
    kind: Kind,
    verb: &'static str,
    host: Regex,
    path: Regex,
    /// How much of the address the file itself says.
    weight: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    Token,
    Step(usize),
    Sample,
    SignOut,
}

impl Calls {
    /// Reads the addresses of all calls.
    ///
    /// # Errors
    /// When an address of the catalogue is too large to look for.
    pub fn of(catalog: Arc<Catalog>) -> Result<Self> {
        let mut known = Vec::new();
        for (integration, one) in catalog.all().iter().enumerate() {
            for (at, method) in one.methods.iter().enumerate() {
                for (kind, verb, url) in calls(method) {
                    known.push(Known::new((integration, at), kind, verb, url, method)?);
                }
            }
        }
        Ok(Self { catalog, known })
    }

    /// The services.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The call whose address says most about the request; of equal ones, the one whose headers it has, then the one
    /// that a token of ours names, then one whose token is no sign-in's.
    pub fn find(&self, request: &Recorded) -> Option<Call<'_>> {
        let fits = |known: &&Known| {
            known.verb == request.method && known.host.is_match(host(request)) && known.path.is_match(request.path())
        };
        let rank = |known: &&Known| (known.weight, self.headers(known, request), self.named(known, request));
        let found = self.known.iter().filter(fits).max_by_key(rank)?;
        let (integration, method) = self.of_known(found)?;
        let role = match found.kind {
            Kind::Token => Role::Token(method.oauth.as_ref()?),
            Kind::Step(at) => Role::Step(method.steps.get(at)?),
            Kind::Sample => Role::Sample,
            Kind::SignOut => Role::SignOut,
        };
        Some(Call { integration, method, role })
    }

    fn of_known(&self, known: &Known) -> Option<(&Integration, &Method)> {
        let integration = self.catalog.all().get(known.integration)?;
        Some((integration, integration.methods.get(known.method)?))
    }

    /// 2 for the method that the token or the code of a request was made for, 1 for one that needs no consent.
    fn named(&self, known: &Known, request: &Recorded) -> u8 {
        let Some((integration, method)) = self.of_known(known) else { return 0 };
        let name = token_of(integration, method);
        let names = |text: &str| text.contains(&name);
        match names(&request.target) || names(&request.text()) || request.headers.iter().any(|(_, value)| names(value))
        {
            true => 2,
            false => u8::from(!method.needs_consent()),
        }
    }

    /// How many of the headers by which the method signs in a request has.
    fn headers(&self, known: &Known, request: &Recorded) -> usize {
        let Some((_, method)) = self.of_known(known) else { return 0 };
        let names = method.inject.headers.0.iter().filter_map(|entry| entry.name.constant());
        names.filter(|name| request.header(&name.to_ascii_lowercase()).is_some()).count()
    }
}

/// The calls of a method with their verbs and addresses.
fn calls(method: &Method) -> Vec<(Kind, &'static str, &UrlTemplate)> {
    let mut all = Vec::new();
    if let Some(oauth) = &method.oauth {
        let tokens = [Some(&oauth.token_url), oauth.refresh_url.as_ref()];
        all.extend(tokens.into_iter().flatten().map(|url| (Kind::Token, "POST", url)));
    }
    let requests = method.steps.iter().enumerate().map(|(at, step)| (Kind::Step(at), &step.request));
    let sample = method.check.request.iter().map(|request| (Kind::Sample, request));
    let sign_out = method.logout.iter().map(|logout| (Kind::SignOut, &logout.request));
    let requests = requests.chain(sample).chain(sign_out);
    all.extend(requests.map(|(kind, request)| (kind, request.method.as_str(), &request.url)));
    all
}

impl Known {
    fn new(
        (integration, at): (usize, usize),
        kind: Kind,
        verb: &'static str,
        url: &UrlTemplate,
        method: &Method,
    ) -> Result<Self> {
        let base = method.inject.base_url.as_ref().filter(|_| *url.origin() == Origin::Relative);
        let (mut host, mut path, mut weight) = ("^".to_owned(), "^".to_owned(), 0);
        match base.unwrap_or(url).origin() {
            Origin::Written { host: written, .. } => weight += write(written, &mut host) * 1000,
            Origin::Field(_) => {
                // Whatever a person typed, with a path of its own or without.
                host.push_str(".*");
                path.push_str(".*");
            }
            Origin::Relative => {}
        }
        if let Some(base) = base {
            weight += write(base.path(), &mut path);
        }
        weight += write(url.path(), &mut path);
        host.push('$');
        path.push_str("/?$");
        let (host, path) = (pattern(&host)?, pattern(&path)?);
        Ok(Self { integration, method: at, kind, verb, host, path, weight })
    }
}

/// Appends a template as a pattern; returns the length of what it says itself.
fn write(template: &Template, pattern: &mut String) -> usize {
    let mut length = 0;
    for piece in template.pieces() {
        match piece {
            Some(text) => {
                pattern.push_str(&regex::escape(text));
                length += text.len();
            }
            None => pattern.push_str(".*"),
        }
    }
    length
}

fn pattern(text: &str) -> Result<Regex> {
    Regex::new(text).map_err(Error::internal)
}

/// How a token that was made for a method names it: several services look at tokens at one address.
pub(super) fn token_of(integration: &Integration, method: &Method) -> String {
    format!("{}.{}", integration.id, method.id)
}

/// The host that a request is for, without its port.
pub(super) fn host(request: &Recorded) -> &str {
    let header = || request.header("host").unwrap_or_default();
    let named = request.server_name.as_deref().unwrap_or_else(header);
    named.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(named, |(host, _)| host)
}
