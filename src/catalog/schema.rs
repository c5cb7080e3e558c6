//! What an integration is, as the rest of the program sees it: top-level tables already inherited by the
//! methods, templates parsed, patterns compiled, everything validated.
//!
//! The TOML keys are those of the fields of these types (tables refuse unknown keys). Parts live in
//! `field` (fields), `sign_in` (OAuth, JWT, steps) and `call` (requests, checks, rules); all are
//! re-exported here. Keys for the guide page: `guide` (paragraphs) of an integration, `permissions` and
//! `docs` of a method, `where` and `docs` of a field.
//!
//! For whoever runs a check: [`Method::inject`], [`Method::check`], [`Method::steps`], [`Method::oauth`],
//! [`Method::jwt`] and [`Method::egress`] are complete; `{token}` of a static method is
//! [`Method::token`]; outcome rules are `method.check.on` first, then the defaults of the catalogue.

pub use crate::catalog::call::*;
pub use crate::catalog::field::*;
pub use crate::catalog::pattern::{Pattern, Scalar};
pub use crate::catalog::sign_in::*;
use crate::catalog::template::Template;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// One service of the catalogue with its methods.
#[derive(Debug, Clone)]
pub struct Integration {
    /// Stable id, the name of its file.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Where it stands in the gallery.
    pub category: String,
    /// File in `static/icons/`; none draws [`Integration::tile`] or initials.
    pub icon: Option<String>,
    /// A lettered tile in place of an icon.
    pub tile: Option<Tile>,
    /// The vendor's page on signing in.
    pub docs: Option<String>,
    /// The vendor's console.
    pub dashboard: Option<String>,
    /// Where keys are made and revoked.
    pub manage: Option<String>,
    /// Where the vendor says whether it works.
    pub status_page: Option<String>,
    /// A dated change that the vendor announced.
    pub notice: Option<Notice>,
    /// Further words that find it.
    pub search: Vec<String>,
    /// When its facts were last looked up.
    pub checked_on: NaiveDate,
    /// A sentence above the form of every method.
    pub banner: Option<String>,
    /// Paragraphs of its guide page.
    pub guide: Vec<String>,
    /// Shapes of its secrets.
    pub secrets: Vec<SecretShape>,
    /// Ways to sign in, in the order of the file; never empty.
    pub methods: Vec<Method>,
    /// Whether it came from the operator's folder.
    pub own: bool,
}

/// One way to sign in to an integration; inherited tables are already in it.
#[derive(Debug, Clone)]
pub struct Method {
    /// Stable id within the integration.
    pub id: String,
    /// What it is called.
    pub label: String,
    /// Its family.
    pub kind: MethodKind,
    /// What `{token}` stands for in a static method.
    pub token: Option<Template>,
    /// What may be edited after creation.
    pub edit: Edit,
    /// Why not everything may.
    pub edit_reason: Option<String>,
    /// A sentence above the form.
    pub banner: Option<String>,
    /// What the key must be allowed to do, for the guide page.
    pub permissions: Option<String>,
    /// The vendor's page on this way to sign in.
    pub docs: Option<String>,
    /// Sentences for certain moments.
    pub notes: Notes,
    /// Where its requests may go.
    pub egress: Egress,
    /// Its fields, those of the whole file first.
    pub fields: Vec<Field>,
    /// How a token is got by OAuth 2.0.
    pub oauth: Option<OAuth>,
    /// How `{jwt}` is signed.
    pub jwt: Option<Jwt>,
    /// Requests that lead to a token, in order.
    pub steps: Vec<Step>,
    /// Request that ends a session.
    pub logout: Option<Logout>,
    /// When a session is made anew.
    pub retry: Option<Retry>,
    /// How the credential is put into a request.
    pub inject: Inject,
    /// How it is verified.
    pub check: Check,
    /// How often and how to change the secret.
    pub rotation: Option<Rotation>,
}

impl Integration {
    /// The method of that id.
    pub fn method(&self, id: &str) -> Option<&Method> {
        self.methods.iter().find(|m| m.id == id)
    }
}

impl Method {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// The fields that a person fills in on the form of a credential.
    pub fn form_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|f| f.is_asked())
    }

    /// The secret fields of the form.
    pub fn secret_fields(&self) -> impl Iterator<Item = &Field> {
        self.form_fields().filter(|f| f.kind.is_secret())
    }

    /// The fields of the form whose values may be shown.
    pub fn plain_fields(&self) -> impl Iterator<Item = &Field> {
        self.form_fields().filter(|f| !f.kind.is_secret())
    }

    /// Whether a person must consent at the provider's page.
    pub fn needs_consent(&self) -> bool {
        self.oauth.as_ref().is_some_and(|o| o.grant == Grant::Code)
    }

    /// The fields that an admin types once for the workspace.
    pub fn app_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|f| f.scope == FieldScope::App && f.kind != FieldKind::Notice)
    }

    /// The name under which the workspace's client for this method is kept.
    pub fn client(&self) -> &str {
        self.oauth.as_ref().and_then(|oauth| oauth.client.as_deref()).unwrap_or(&self.id)
    }

    /// The form of those fields, as a method of its own; `None` when there are none.
    pub fn app_form(&self) -> Option<Self> {
        self.app_fields().next()?;
        let own = |field: &Field| Field { scope: FieldScope::Credential, immutable: false, ..field.clone() };
        let fields = self.fields.iter().filter(|f| f.scope == FieldScope::App).map(own).collect();
        let oauth =
            self.oauth.clone().map(|oauth| OAuth { grant: Grant::ClientCredentials, require: Vec::new(), ..oauth });
        Some(Self { fields, edit: Edit::Full, oauth, ..self.clone() })
    }

    /// Whether there is a call that tells whether the credential works.
    pub fn has_live_test(&self) -> bool {
        !matches!(self.check.kind, CheckKind::Format | CheckKind::None)
    }

    /// Whether a check may run without a person asking for it (free, and there is one).
    pub fn checks_by_itself(&self) -> bool {
        self.check.cost == Cost::Free && self.has_live_test()
    }

    /// The addresses it may call, with the base that relative ones continue.
    pub fn addresses(&self) -> Vec<&crate::catalog::address::UrlTemplate> {
        let oauth = self.oauth.iter().flat_map(OAuth::addresses);
        let requests = self.requests().map(|r| &r.url);
        self.inject.base_url.iter().chain(oauth).chain(requests).collect()
    }

    /// Every request written in the file: steps, check, logout, the end of a sign-in.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        let steps = self.steps.iter().map(|s| &s.request);
        let revoke = self.oauth.iter().filter_map(|o| o.revoke.as_ref()).map(|r| &r.request);
        steps.chain(self.check.request.iter()).chain(self.logout.iter().map(|l| &l.request)).chain(revoke)
    }
}

/// Family of a method, for the screen; it also says which tables are legal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// A key or token.
    ApiKey,
    /// User and password on each request.
    Basic,
    /// OAuth 2.0 (RFC 6749).
    Oauth2,
    /// A signed assertion (RFC 7523).
    Jwt,
    /// A sign-in that gives a session.
    Session,
    /// A mail server.
    Smtp,
    /// A database server.
    Database,
    /// An address that takes events.
    Webhook,
    /// Anything else.
    Custom,
}

impl MethodKind {
    /// What the family is called.
    pub fn label(self) -> &'static str {
        match self {
            Self::ApiKey => "API key",
            Self::Basic => "User and password",
            Self::Oauth2 => "OAuth 2.0",
            Self::Jwt => "Signed key",
            Self::Session => "Session",
            Self::Smtp => "Mail server",
            Self::Database => "Database",
            Self::Webhook => "Webhook",
            Self::Custom => "Custom",
        }
    }
}

/// What may be changed after creation; name, description, tags and environment always may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// Everything that is not `immutable`.
    #[default]
    Full,
    /// Only the secret; other fields are fixed.
    Rename,
    /// Nothing.
    None,
}

/// Two letters on a colour, where there is no icon.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tile {
    /// At most three characters.
    pub text: String,
    /// `#rrggbb`.
    pub color: String,
}

/// A change that the vendor announced.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// What changes and what to do.
    pub text: String,
    /// When it takes effect.
    #[serde(deserialize_with = "crate::catalog::pattern::date")]
    pub date: NaiveDate,
    /// Where the vendor says so.
    pub link: Option<String>,
}

/// Sentences for certain moments; `{name}` takes non-secret fields and shown values of key files.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notes {
    /// Shown after saving: what to do at the vendor.
    pub after_save: Option<Template>,
}

/// Where the requests of a method may go.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    /// Exact hosts, or `*.x` for one or more labels in front of x.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The field that names the host, together with `hosts`: either.
    pub host_field: Option<String>,
    /// Further fields that name hosts.
    #[serde(default)]
    pub host_fields: Vec<String>,
    /// Ports; empty stands for the protocol's own.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// Whether private addresses can be reached at all.
    #[serde(default)]
    pub private_networks: PrivateNetworks,
    /// How certificates are judged.
    #[serde(default)]
    pub tls: TlsPolicy,
}

impl Egress {
    /// Every field that names a host.
    pub fn host_names(&self) -> impl Iterator<Item = &str> {
        self.host_field.iter().chain(&self.host_fields).map(String::as_str)
    }
}

/// Whether private addresses can be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivateNetworks {
    /// Never.
    #[default]
    Never,
    /// Where the operator allowed host and port.
    Operator,
}

/// How certificates are judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsPolicy {
    /// By the known authorities.
    #[default]
    Verify,
    /// By a confirmed fingerprint (field `cert_sha256`) where there is one, else by the authorities.
    PinOrVerify,
}

/// The shape of a secret: recognises what was pasted and whether it is of the test or the live system.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretShape {
    /// What it is: “Stripe secret or restricted key”.
    pub label: String,
    /// The shape.
    pub pattern: Pattern,
    /// Pattern to `live` or `test`.
    #[serde(default, deserialize_with = "crate::catalog::pattern::patterns")]
    pub env: Vec<(Pattern, Env)>,
}

/// Whether a key is of the vendor's live or test system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Env {
    /// Real money, real customers.
    Live,
    /// The vendor's sandbox.
    Test,
}

/// How often and how to change the secret.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Days after which it should be changed.
    pub every_days: Option<u32>,
    /// Whether old and new work side by side.
    #[serde(default)]
    pub overlap: Overlap,
    /// What to do, in order.
    pub how: Option<String>,
}

/// Whether an old and a new secret work side by side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Two keys can exist.
    TwoKeys,
    /// The old one lapses after a chosen time.
    Grace,
    /// The old one dies at once.
    #[default]
    None,
}
