//! How a live token comes about: OAuth 2.0, a signed assertion, or requests in order.

use crate::catalog::address::UrlTemplate;
use crate::catalog::body::{Entries, JsonTemplate};
use crate::catalog::call::{BasicAuth, Expect, JsonMatch, Request, StatusMatch, Verb};
use crate::catalog::pattern::Pattern;
use crate::catalog::template::Template;
use serde::Deserialize;
use std::collections::BTreeMap;

/// OAuth 2.0 of a method (RFC 6749, RFC 7636).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuth {
    /// Which grant.
    pub grant: Grant,
    /// Methods of one file that name the same client here share the one that the workspace enters; without it each
    /// has its own.
    pub client: Option<String>,
    /// The consent page.
    pub authorize_url: Option<UrlTemplate>,
    /// Where tokens are asked for.
    pub token_url: UrlTemplate,
    /// Where they are renewed, if elsewhere.
    pub refresh_url: Option<UrlTemplate>,
    /// Who answers, as `iss` of the redirect names it (RFC 9207); without it the origin of the consent page counts.
    pub issuer: Option<Template>,
    /// RFC 7662; asked for the life of a token whose answer does not say.
    pub introspect_url: Option<UrlTemplate>,
    /// Where a sign-in is ended as RFC 7009 says.
    pub revoke_url: Option<UrlTemplate>,
    /// How it is ended where the provider has a way of its own.
    pub revoke: Option<Revoke>,
    /// What ends with it.
    #[serde(default)]
    pub revoke_ends: RevokeEnds,
    /// What is asked for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What may be left out.
    #[serde(default)]
    pub optional_scopes: Vec<String>,
    /// Between scopes; a space by RFC 6749 §3.3.
    #[serde(default = "space")]
    pub scope_sep: String,
    /// Proof key for code exchange.
    #[serde(default)]
    pub pkce: Pkce,
    /// How the client identifies itself at the token address.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// A field whose value says so instead: `body`, `basic` or `none`.
    pub client_auth_field: Option<String>,
    /// How the request to the token address is written.
    #[serde(default)]
    pub body: BodyFormat,
    /// Its verb; with GET the parameters stand in the query.
    #[serde(default = "post")]
    pub verb: Verb,
    /// Further parameters of the consent page.
    #[serde(default)]
    pub authorize_params: Entries,
    /// Further parameters of the token request.
    #[serde(default)]
    pub token_params: Entries,
    /// Further parameters of the renewal.
    #[serde(default)]
    pub refresh_params: Entries,
    /// Further headers of token requests.
    #[serde(default)]
    pub headers: Entries,
    /// Standard parameters that this provider does not take.
    #[serde(default)]
    pub omit: Vec<String>,
    /// Fields filled from the answer.
    #[serde(default)]
    pub save: BTreeMap<String, SaveFrom>,
    /// Where the token is, if it is nested.
    pub token_path: Option<String>,
    /// What the answer must say, where a 200 can be an error.
    pub ok: Option<JsonMatch>,
    /// Life of a token whose answer does not say.
    pub fallback_lifetime_s: Option<u64>,
    /// Where the life is, when not in `expires_in` as seconds.
    pub lifetime: Option<Lifetime>,
    /// Life of a code.
    pub code_lifetime_s: Option<u64>,
    /// How long before its end a token is renewed.
    pub margin_s: Option<u64>,
    /// What happens to the refresh token.
    #[serde(default)]
    pub refresh: Refresh,
    /// Days without use after which a refresh token dies.
    pub refresh_idle_days: Option<u32>,
    /// Days after which it dies in any case.
    pub refresh_max_days: Option<u32>,
    /// A first answer without a refresh token is not good enough.
    #[serde(default)]
    pub require_refresh_token: bool,
    /// How the redirect proves where it comes from.
    pub callback_verify: Option<CallbackVerify>,
    /// Further conditions on fields.
    #[serde(default)]
    pub require: Vec<Requirement>,
}

impl OAuth {
    /// Every address in it.
    pub fn addresses(&self) -> impl Iterator<Item = &UrlTemplate> {
        let optional = [&self.authorize_url, &self.refresh_url, &self.introspect_url, &self.revoke_url];
        std::iter::once(&self.token_url).chain(optional.into_iter().flatten())
    }

    /// Where a sign-in is ended at the provider, if it can be from here.
    pub fn revoke_address(&self) -> Option<&UrlTemplate> {
        self.revoke.as_ref().map(|own| &own.request.url).or(self.revoke_url.as_ref())
    }

    /// Whether tokens are renewed without a person once there is something to renew them with.
    pub fn renews(&self) -> bool {
        self.refresh != Refresh::None
    }
}

/// What else the provider ends when it is asked to end a sign-in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeEnds {
    /// Nothing.
    Token,
    /// Every sign-in of the account that “connected as” names.
    #[default]
    Account,
    /// Every sign-in of the person, whom “connected as” does not name.
    Person,
}

/// The request that ends a sign-in, where RFC 7009 is not what the provider speaks; it may name `{token}` and
/// `{refresh_token}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// What is sent.
    pub request: Request,
    /// How the client identifies itself, if by HTTP Basic (RFC 7617).
    pub basic: Option<BasicAuth>,
}

/// Grant of RFC 6749.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// Authorization code, §4.1: a person consents.
    Code,
    /// Client credentials, §4.4.
    ClientCredentials,
}

/// Proof key for code exchange (RFC 7636).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Pkce {
    /// SHA-256.
    #[default]
    S256,
    /// The provider cannot.
    #[serde(rename = "off")]
    Off,
}

/// How a client identifies itself (RFC 6749 §2.3, RFC 7523).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// In the body.
    #[default]
    Body,
    /// HTTP Basic.
    Basic,
    /// A signed assertion.
    PrivateKeyJwt,
    /// Not at all.
    None,
}

/// How a request body is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    /// `application/x-www-form-urlencoded`.
    #[default]
    Form,
    /// JSON.
    Json,
}

/// What happens to the refresh token when it is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refresh {
    /// A new one each time; the old one dies.
    Rotating,
    /// It stays.
    KeepOld,
    /// A new one is stored when one comes.
    #[default]
    AsReturned,
    /// There is none; the access token itself is exchanged.
    ExchangeAccessToken,
    /// There is none; a token is asked for anew.
    None,
}

/// How a redirect proves where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackVerify {
    /// The `hmac` parameter, keyed with the client secret.
    ShopifyHmac,
}

/// A further condition on a field of this method.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Which field.
    pub field: String,
    /// What it must look like.
    pub pattern: Pattern,
    /// What to enter instead.
    pub hint: String,
}

/// How `{jwt}` is signed (RFC 7519); `iat` and `exp` are added from `ttl_s`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// RFC 7518 §3.1.
    pub alg: JwtAlg,
    /// The key: a PEM for RS and ES, the bytes themselves for HS.
    pub key: Template,
    /// Seconds from `iat` to `exp`.
    pub ttl_s: u64,
    /// Further header entries (`kid`).
    #[serde(default)]
    pub header: BTreeMap<String, JsonTemplate>,
    /// Claims; empty ones are left out.
    #[serde(default)]
    pub claims: BTreeMap<String, JsonTemplate>,
}

/// Signature algorithm (RFC 7518 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JwtAlg {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// HMAC with SHA-256.
    Hs256,
}

/// One request on the way to a token.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What is sent.
    pub request: Request,
    /// What must come back; a status of 2xx when nothing is said.
    #[serde(default)]
    pub expect: Expect,
    /// What is kept: `token`, `expires_in_s`, or names for later templates.
    #[serde(default)]
    pub save: BTreeMap<String, SaveFrom>,
    /// How long the result lives.
    pub lifetime: Option<Lifetime>,
    /// How long, when the answer does not say.
    pub fallback_lifetime_s: Option<u64>,
}

/// Where in an answer a value is found: `json:path`, `query:name`, `header:name`, `cookie:name`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum SaveFrom {
    /// At a path of the JSON body.
    Json(String),
    /// A query parameter of the redirect.
    Query(String),
    /// A header.
    Header(String),
    /// A cookie.
    Cookie(String),
}

impl ClientAuth {
    /// The member that is written so in a field.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "body" => Some(Self::Body),
            "basic" => Some(Self::Basic),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

impl TryFrom<String> for SaveFrom {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.split_once(':') {
            Some((_, "")) => Err(format!("`{text}` names nothing")),
            Some(("json", path)) => Ok(Self::Json(path.to_owned())),
            Some(("query", name)) => Ok(Self::Query(name.to_owned())),
            Some(("header", name)) => Ok(Self::Header(name.to_owned())),
            Some(("cookie", name)) => Ok(Self::Cookie(name.to_owned())),
            _ => Err(format!("`{text}` is not json:, query:, header: or cookie:")),
        }
    }
}

/// How long a token lives.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifetime {
    /// Where the answer says so.
    pub from: Option<SaveFrom>,
    /// In which unit.
    #[serde(default)]
    pub unit: TimeUnit,
    /// The time starts anew with each use.
    #[serde(default)]
    pub idle: bool,
    /// When the answer does not say.
    pub fallback_s: Option<u64>,
}

/// Unit of a [`Lifetime`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum TimeUnit {
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Seconds.
    #[default]
    #[serde(rename = "s")]
    Seconds,
    /// Minutes.
    #[serde(rename = "min")]
    Minutes,
    /// Hours.
    #[serde(rename = "h")]
    Hours,
}

/// The request that ends a session.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logout {
    /// What is sent, with the method's injection.
    pub request: Request,
}

/// When a session is made anew.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// On which answer.
    pub when: RetryWhen,
    /// What is done.
    #[serde(rename = "do")]
    pub action: RetryAction,
}

/// The answer that a [`Retry`] waits for; everything given must hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryWhen {
    /// Its status.
    pub status: Option<StatusMatch>,
    /// A value in its body.
    pub json: Option<JsonMatch>,
}

/// What a [`Retry`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAction {
    /// Signs in again and repeats the call once.
    LoginAgainOnce,
}

fn space() -> String {
    " ".to_owned()
}

fn post() -> Verb {
    Verb::Post
}
