//! Requests, how a credential is put into them, and how a check is made.

use crate::catalog::address::UrlTemplate;
use crate::catalog::body::{Entries, JsonTemplate};
pub use crate::catalog::outcome::*;
use crate::catalog::sign_in::SaveFrom;
use crate::catalog::template::Template;
use serde::Deserialize;
use std::collections::BTreeMap;

/// One HTTP request; at most one of `form` and `json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Its verb.
    #[serde(default)]
    pub method: Verb,
    /// Where it goes; relative to the method's base address when it starts with `/`.
    pub url: UrlTemplate,
    /// Its headers.
    #[serde(default)]
    pub headers: Entries,
    /// Its query, in addition to that of the address.
    #[serde(default)]
    pub query: Entries,
    /// A form as body.
    pub form: Option<Entries>,
    /// JSON as body.
    pub json: Option<JsonTemplate>,
}

impl Request {
    /// Every template in it.
    pub fn templates(&self) -> Vec<&Template> {
        let tables = [&self.headers, &self.query].into_iter().chain(self.form.as_ref());
        let json = self.json.iter().flat_map(JsonTemplate::templates);
        self.url.parts().chain(tables.flat_map(Entries::templates)).chain(json).collect()
    }
}

/// Verb of a request (RFC 9110 §9.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verb {
    /// GET.
    #[default]
    Get,
    /// HEAD.
    Head,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl Verb {
    /// As it stands in a request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// How a credential is put into each request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inject {
    /// Where the service's calls start.
    pub base_url: Option<UrlTemplate>,
    /// Headers.
    #[serde(default)]
    pub headers: Entries,
    /// Query parameters.
    #[serde(default)]
    pub query: Entries,
    /// Cookies.
    #[serde(default)]
    pub cookies: Entries,
    /// HTTP Basic (RFC 7617).
    pub basic: Option<BasicAuth>,
    /// Entries merged into a JSON body.
    pub body: Option<JsonTemplate>,
    /// A signature over the request.
    pub sign: Option<Sign>,
}

impl Inject {
    /// Every template in it.
    pub fn templates(&self) -> Vec<&Template> {
        let base = self.base_url.iter().flat_map(UrlTemplate::parts);
        let tables = [&self.headers, &self.query, &self.cookies].into_iter().flat_map(Entries::templates);
        let basic = self.basic.iter().flat_map(|b| [&b.user, &b.pass]);
        base.chain(tables).chain(basic).chain(self.body.iter().flat_map(JsonTemplate::templates)).collect()
    }
}

/// HTTP Basic; both sides may be constant or empty.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// In front of the colon.
    pub user: Template,
    /// Behind it.
    pub pass: Template,
}

/// Signatures over a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// AWS Signature Version 4.
    AwsSigv4,
    /// OAuth 1.0 (RFC 5849).
    Oauth1,
    /// HMAC over the body.
    Hmac,
}

/// How a credential is verified.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// By what.
    pub kind: CheckKind,
    /// The call, for `http`; after the steps, for `steps`, when there is one.
    pub request: Option<Request>,
    /// The sign-in, for `smtp`.
    pub smtp: Option<SmtpCheck>,
    /// The sign-in, for `sql`.
    pub sql: Option<SqlCheck>,
    /// Whether the credential is put into the call by `[inject]`.
    #[serde(default = "yes")]
    pub inject: bool,
    /// What must come back.
    #[serde(default)]
    pub expect: Expect,
    /// “Connected as”, from the answer (`{json.email}`).
    pub identity: Option<Template>,
    /// What of the answer is kept with a consent, for fields of source `check`.
    #[serde(default)]
    pub save: BTreeMap<String, SaveFrom>,
    /// What it costs; must be written unless nothing is called.
    #[serde(default)]
    pub cost: Cost,
    /// What it leaves behind.
    #[serde(default)]
    pub effect: Effect,
    /// Why nothing is sent, for `format` and `none`.
    pub why: Option<String>,
    /// Milliseconds for all of it.
    pub timeout_ms: Option<u32>,
    /// Seconds between two of them that nobody asked for.
    pub min_interval_s: Option<u32>,
    /// Ends the session at once.
    #[serde(default)]
    pub logout_after: bool,
    /// Real calls of bots tell whether it works.
    #[serde(default)]
    pub learn_from_use: bool,
    /// What answers mean; first match wins, then the defaults.
    #[serde(default)]
    pub on: Vec<Rule>,
}

/// What a check is made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// One HTTP call.
    Http,
    /// A sign-in at a mail server (RFC 4954), never a mail.
    Smtp,
    /// A sign-in at a mailbox (RFC 9051).
    Imap,
    /// A sign-in at a database server and `SELECT 1`.
    Sql,
    /// A connection.
    Tcp,
    /// The method's own steps.
    Steps,
    /// The shape only: the service has no harmless call.
    Format,
    /// Nothing.
    None,
}

/// Sign-in at a mail server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpCheck {
    /// The server.
    pub host: Template,
    /// Its port.
    pub port: Template,
    /// `implicit`, `starttls` or `none`.
    pub tls: Template,
    /// Name in EHLO.
    pub helo: Option<Template>,
    /// User; empty stands for no sign-in.
    pub user: Option<Template>,
    /// Password or token.
    pub pass: Option<Template>,
    /// Mechanism.
    #[serde(default)]
    pub auth: SmtpAuth,
}

impl SmtpCheck {
    /// Every template in it.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        [&self.host, &self.port, &self.tls]
            .into_iter()
            .chain([&self.helo, &self.user, &self.pass].into_iter().flatten())
    }
}

/// Mechanism of SMTP AUTH (RFC 4954).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpAuth {
    /// The best that the server offers.
    #[default]
    Auto,
    /// PLAIN (RFC 4616).
    Plain,
    /// LOGIN.
    Login,
    /// XOAUTH2.
    Xoauth2,
}

/// Sign-in at a database server. The statement is not in the file: it is always `SELECT 1`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlCheck {
    /// Which protocol it speaks.
    pub engine: SqlEngine,
    /// The server.
    pub host: Template,
    /// Its port.
    pub port: Template,
    /// `verify` or `none`.
    pub tls: Template,
    /// User.
    pub user: Template,
    /// Password.
    pub pass: Template,
    /// Database; empty stands for none, where the engine knows that.
    pub database: Template,
}

impl SqlCheck {
    /// Every template in it.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.places().into_iter().chain([&self.user, &self.pass])
    }

    /// What decides where the password is sent.
    pub fn places(&self) -> [&Template; 4] {
        [&self.host, &self.port, &self.tls, &self.database]
    }
}

/// Protocols of database servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SqlEngine {
    /// PostgreSQL and what speaks like it.
    Postgresql,
    /// MySQL, MariaDB and what speaks like them.
    Mysql,
}

/// What a check costs at the vendor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// Nothing is called; not written in files.
    #[default]
    #[serde(skip)]
    NoCall,
    /// Nothing: it may run by itself.
    Free,
    /// It counts against a quota: only when a person asks.
    Counts,
}

/// What a check leaves behind at the vendor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing.
    #[default]
    None,
    /// A session until it is signed out.
    Session,
}

fn yes() -> bool {
    true
}
