//! The request to a token address, in the way that the catalogue says this one wants it.

use crate::catalog::address::UrlTemplate;
use crate::catalog::body::Entries;
use crate::catalog::schema::{BodyFormat, ClientAuth, Method, OAuth, Verb};
use crate::check::held::Held;
use crate::check::inject::{Unfit, basic_value, form_body, json_body};
use crate::egress::http::{Headers, Request};
use crate::egress::target::Target;
use crate::secret::Secret;
use serde_json::{Map, Value};

/// What is asked of a token address.
pub(in crate::check) struct TokenAsk<'a> {
    /// The method.
    pub method: &'a Method,
    /// Its OAuth.
    pub oauth: &'a OAuth,
    /// Where.
    pub address: &'a UrlTemplate,
    /// The parameters of the standard; empty ones and those in `omit` are left out.
    pub pairs: Vec<(String, Secret)>,
    /// Those of the file; they take the place of the standard's.
    pub params: &'a Entries,
}

impl TokenAsk<'_> {
    /// The finished request, the client's own sign-in in it.
    ///
    /// # Errors
    /// [`Unfit`] when a value does not fit the place it is put into.
    pub fn request(mut self, held: &Held<'_>) -> Result<Request, Unfit> {
        let scope = |name: &str| held.get(name);
        let mut headers = Headers::default();
        self.sign_in(held, &mut headers)?;
        let own = self.params.pairs(&scope)?;
        self.pairs.retain(|(name, value)| {
            !value.is_empty() && !self.oauth.omit.contains(name) && own.iter().all(|(other, _)| other != name)
        });
        self.pairs.extend(own);
        for (name, value) in self.oauth.headers.headers(&scope)? {
            headers.set(&name, &value)?;
        }
        let mut address = self.address.render(self.method.inject.base_url.as_ref(), &scope)?;
        if self.oauth.verb == Verb::Get {
            self.pairs.iter().for_each(|(name, value)| address.push_query(name, value));
            let target = Target::http(address.expose().expose())?;
            return Ok(Request { method: hyper::Method::GET, target, headers, body: None });
        }
        let body = match self.oauth.body {
            BodyFormat::Form => form_body(&self.pairs),
            BodyFormat::Json => {
                let entries = self.pairs.iter().map(|(name, value)| (name.clone(), value.expose().into()));
                json_body(&Value::Object(Map::from_iter(entries)))
            }
        };
        let target = Target::http(address.expose().expose())?;
        Ok(Request { method: hyper::Method::POST, target, headers, body: Some(body) })
    }

    /// How the client says who it is (RFC 6749 §2.3, RFC 7523).
    fn sign_in(&mut self, held: &Held<'_>, headers: &mut Headers) -> Result<(), Unfit> {
        let value = |name: &str| Secret::new(held.get(name).unwrap_or_default().to_owned());
        let mut push = |name: &str, value: Secret| self.pairs.push((name.to_owned(), value));
        match client_auth(self.oauth, held) {
            ClientAuth::Body => ["client_id", "client_secret"].into_iter().for_each(|name| push(name, value(name))),
            ClientAuth::None => push("client_id", value("client_id")),
            ClientAuth::Basic => {
                let encoded = |name: &str| {
                    Secret::new(url::form_urlencoded::byte_serialize(value(name).expose().as_bytes()).collect())
                };
                headers.set("authorization", &basic_value(&encoded("client_id"), &encoded("client_secret")))?;
            }
            ClientAuth::PrivateKeyJwt => {
                push("client_id", value("client_id"));
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                push("client_assertion_type", Secret::new(kind.to_owned()));
                push("client_assertion", value("jwt"));
            }
        }
        Ok(())
    }
}

/// As the file says, or the field that it names.
fn client_auth(oauth: &OAuth, held: &Held<'_>) -> ClientAuth {
    let typed = oauth.client_auth_field.as_ref().and_then(|name| held.get(name));
    typed.and_then(ClientAuth::parse).unwrap_or(oauth.client_auth)
}
