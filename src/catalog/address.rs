//! Address templates: split once into origin, path and query, so that no value can cross from one to another.

use crate::catalog::place::Place;
use crate::catalog::template::{RenderError, Scope, Template, TemplateError};
use crate::secret::Secret;
use serde::Deserialize;
use std::fmt;
use url::Url;
use zeroize::Zeroizing;

/// A parsed address template: absolute (`https://{shop}.example.com/x`), on a base that a `url` field
/// supplies (`{base_url}/x`), or relative to the method's base address (`/x`).
///
/// [`UrlTemplate::text`] is the log form; a finished [`Address`] may hold a secret and is never logged.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct UrlTemplate {
    text: String,
    origin: Origin,
    path: Template,
    query: Option<Template>,
}

/// What an address template starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nothing: it continues a base address.
    Relative,
    /// A whole address out of one field of kind `url`.
    Field(Template),
    /// Scheme, host and port written in the file.
    Written {
        /// Whether it is `https`.
        secure: bool,
        /// A constant host, labels before a constant suffix, or one slot that supplies a whole host.
        host: Template,
        /// A port behind the host.
        port: Option<Template>,
    },
}

/// A finished address. Opaque in `Debug`; wiped when dropped.
pub struct Address {
    origin: Zeroizing<String>,
    path: Zeroizing<String>,
    query: Zeroizing<String>,
}

impl UrlTemplate {
    /// Parses an address template as it is written in a catalogue file.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.contains('#') || text.contains(char::is_whitespace) && !text.contains("??") {
            return Err(TemplateError::Address("no fragment and no white space"));
        }
        let (origin, rest) = split_origin(text)?;
        let (path, query) = match find_outside(rest, &['?']) {
            Some(at) => (&rest[..at], Some(Template::parse(&rest[at + 1..])?)),
            None => (rest, None),
        };
        let path = Template::parse(path)?;
        let needs_slash = !matches!(origin, Origin::Field(_));
        if needs_slash && !path.text().is_empty() && !path.text().starts_with('/') && !path.is_one_slot() {
            return Err(TemplateError::Address("a path starts with /"));
        }
        Ok(Self { text: text.to_owned(), origin, path, query })
    }

    /// The template as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What logs and steps show: the template of the whole address, never a finished value.
    pub fn log_form(&self, base: Option<&UrlTemplate>) -> String {
        match (&self.origin, base) {
            (Origin::Relative, Some(base)) => format!("{}{}", base.text.trim_end_matches('/'), self.text),
            _ => self.text.clone(),
        }
    }

    /// What it starts with.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its path, without that of a base address.
    pub fn path(&self) -> &Template {
        &self.path
    }

    /// Every template in it: host, port, path, query.
    pub fn parts(&self) -> impl Iterator<Item = &Template> {
        let (host, port) = match &self.origin {
            Origin::Relative => (None, None),
            Origin::Field(field) => (Some(field), None),
            Origin::Written { host, port, .. } => (Some(host), port.as_ref()),
        };
        [host, port, Some(&self.path), self.query.as_ref()].into_iter().flatten()
    }

    /// The names that decide where it leads: those of its host, port or base.
    pub fn authority_names(&self) -> Vec<&str> {
        match &self.origin {
            Origin::Relative => Vec::new(),
            Origin::Field(field) => field.names().collect(),
            Origin::Written { host, port, .. } => host.names().chain(port.iter().flat_map(|p| p.names())).collect(),
        }
    }

    /// The host, where the file itself names it.
    pub fn constant_host(&self) -> Option<String> {
        match &self.origin {
            Origin::Written { host, .. } => host.constant(),
            _ => None,
        }
    }

    /// Marks the slots whose field is of format `path` (slashes and query stay as typed).
    pub fn mark_paths(&mut self, is_path: &dyn Fn(&str) -> bool) {
        self.path.mark_paths(is_path);
    }

    /// The finished address; `base` is needed by a relative one. Fails when a value does not fit its place.
    pub fn render(&self, base: Option<&UrlTemplate>, scope: &Scope<'_>) -> Result<Address, RenderError> {
        let mut address = match &self.origin {
            Origin::Relative => match base {
                Some(base) if base.origin != Origin::Relative => base.render(None, scope)?,
                _ => return Err(RenderError::BadAddress),
            },
            Origin::Field(field) => Address::from_base(field, scope)?,
            Origin::Written { secure, host, port } => {
                let mut origin = Zeroizing::new(if *secure { "https://" } else { "http://" }.to_owned());
                let place = if host.is_one_slot() { Place::WholeHost } else { Place::HostLabel };
                origin.push_str(host.render(scope, place)?.expose());
                if let Some(port) = port {
                    origin.push_str(&port_number(port, scope)?);
                }
                Address { origin, path: Zeroizing::default(), query: Zeroizing::default() }
            }
        };
        address.push_path(self.path.render(scope, Place::Path)?.expose());
        if let Some(query) = &self.query {
            address.push_query_text(query.render(scope, Place::Query)?.expose());
        }
        address.judged()
    }
}

impl Address {
    /// The whole address. Each call is a place to review: it may hold a secret.
    pub fn expose(&self) -> Secret {
        let mut text = self.origin.to_string();
        text.push_str(if self.path.is_empty() { "/" } else { &self.path });
        if !self.query.is_empty() {
            text.push('?');
            text.push_str(&self.query);
        }
        Secret::new(text)
    }

    /// The address of something below this one; path and query as they are sent, in ASCII.
    ///
    /// # Errors
    /// [`RenderError::BadAddress`] when it would not lie at the same scheme, host and port.
    pub fn below(mut self, path: &str, query: &str) -> Result<Self, RenderError> {
        if path.contains(['?', '#']) || query.contains('#') {
            return Err(RenderError::BadAddress);
        }
        if !path.is_empty() {
            let bare = self.path.trim_end_matches('/').len();
            self.path.truncate(bare);
            self.path.push('/');
            self.path.push_str(path);
        }
        self.push_query_text(query);
        self.judged()
    }

    /// Scheme, host and port (`https://api.example.com:8443`): what a policy judges and a step may show.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Appends a query parameter; name and value are percent-encoded. An empty value is left out.
    pub fn push_query(&mut self, name: &str, value: &Secret) {
        if value.is_empty() {
            return;
        }
        let mut pair = Zeroizing::new(String::new());
        // Place::Query refuses nothing, so the results carry no information.
        let _ = Place::Query.escape(name, false, name, &mut pair);
        pair.push('=');
        let _ = Place::Query.escape(value.expose(), false, name, &mut pair);
        self.push_query_text(&pair);
    }

    fn from_base(field: &Template, scope: &Scope<'_>) -> Result<Self, RenderError> {
        let value = field.render(scope, Place::Raw)?;
        let name = || field.text().to_owned();
        if value.is_empty() {
            return Err(RenderError::Missing(name()));
        }
        let url = Url::parse(value.expose()).map_err(|_| RenderError::NotAHost(name()))?;
        let plain = matches!(url.scheme(), "https" | "http")
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        let Some(host) = url.host_str().filter(|_| plain) else { return Err(RenderError::NotAHost(name())) };
        let mut origin = format!("{}://{host}", url.scheme());
        if let Some(port) = url.port() {
            origin.push_str(&format!(":{port}"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        let query = url.query().unwrap_or_default().to_owned();
        Ok(Self { origin: Zeroizing::new(origin), path: Zeroizing::new(path), query: Zeroizing::new(query) })
    }

    /// A value of format `path` may bring a query of its own; any other `?` is escaped by now.
    fn push_path(&mut self, text: &str) {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        if !path.is_empty() {
            let bare = self.path.trim_end_matches('/').len();
            self.path.truncate(bare);
            if !path.starts_with('/') {
                self.path.push('/');
            }
        }
        self.path.push_str(path);
        self.push_query_text(query);
    }

    fn push_query_text(&mut self, text: &str) {
        if !text.is_empty() {
            if !self.query.is_empty() {
                self.query.push('&');
            }
            self.query.push_str(text);
        }
    }

    /// Reads the finished address back: scheme, host and port must be those that were put in.
    fn judged(self) -> Result<Self, RenderError> {
        let whole = self.expose();
        let url = Url::parse(whole.expose()).map_err(|_| RenderError::BadAddress)?;
        let origin = Url::parse(&self.origin).map_err(|_| RenderError::BadAddress)?;
        let same = url.scheme() == origin.scheme()
            && url.host_str() == origin.host_str()
            && url.port_or_known_default() == origin.port_or_known_default()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        if same { Ok(self) } else { Err(RenderError::BadAddress) }
    }
}

fn port_number(port: &Template, scope: &Scope<'_>) -> Result<String, RenderError> {
    let text = port.render(scope, Place::HostLabel)?;
    match text.expose().parse::<u16>() {
        Ok(number) if number > 0 => Ok(format!(":{number}")),
        _ => Err(RenderError::NotAHost(port.text().to_owned())),
    }
}

fn split_origin(text: &str) -> Result<(Origin, &str), TemplateError> {
    let (secure, rest) = if let Some(rest) = text.strip_prefix("https://") {
        (true, rest)
    } else if let Some(rest) = text.strip_prefix("http://") {
        (false, rest)
    } else if text.starts_with('{') && !text.starts_with("{{") {
        let end = text.find('}').ok_or(TemplateError::Unclosed)? + 1;
        return Ok((Origin::Field(Template::parse(&text[..end])?), &text[end..]));
    } else if text.is_empty() || text.starts_with('/') {
        return Ok((Origin::Relative, text));
    } else {
        return Err(TemplateError::Address("it starts with https://, with / or with a field of kind url"));
    };
    let end = find_outside(rest, &['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if find_outside(authority, &['@']).is_some() {
        return Err(TemplateError::Address("no user name in an address"));
    }
    let (host, port) = match find_outside(authority, &[':']) {
        Some(at) => (&authority[..at], Some(Template::parse(&authority[at + 1..])?)),
        None => (authority, None),
    };
    if host.is_empty() {
        return Err(TemplateError::Address("no host"));
    }
    Ok((Origin::Written { secure, host: Template::parse(host)?, port }, rest))
}

/// The first of `wanted` that is not inside `{…}`.
fn find_outside(text: &str, wanted: &[char]) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 && wanted.contains(&c) => return Some(at),
            _ => {}
        }
    }
    None
}

impl TryFrom<String> for UrlTemplate {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl fmt::Debug for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UrlTemplate({:?})", self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}
