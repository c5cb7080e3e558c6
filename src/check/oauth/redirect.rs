//! Whether a redirect comes from where it should.

use crate::catalog::form::Values;
use crate::catalog::place::Place;
use crate::catalog::schema::{CallbackVerify, OAuth};
use crate::check::held::{Held, Session};
use crate::secret::Secret;
use std::collections::BTreeMap;
use url::Url;

/// Whether `iss` of a redirect names the service that was asked (RFC 9207). Where the file knows no issuer it must
/// have the origin of the consent page.
pub fn is_issuer(oauth: &OAuth, values: &Values, iss: &str) -> bool {
    let session = Session::default();
    let held = Held { values, session: &session };
    let scope = |name: &str| held.get(name);
    let known = oauth.issuer.as_ref().and_then(|issuer| issuer.render(&scope, Place::Raw).ok());
    if let Some(known) = known.filter(|known| !known.is_empty()) {
        return crate::crypto::token::same(known.expose().as_bytes(), iss.as_bytes());
    }
    let Some(page) = oauth.authorize_url.as_ref().and_then(|page| page.render(None, &scope).ok()) else { return false };
    let origin = |text: &str| Url::parse(text).ok().map(|url| url.origin());
    origin(page.origin()).is_some_and(|page| origin(iss).is_some_and(|iss| iss == page))
}

/// Whether the redirect proves its origin in the way that the file asks for; `true` where it asks for none.
pub fn is_verified(oauth: &OAuth, values: &Values, query: &BTreeMap<String, Secret>) -> bool {
    match oauth.callback_verify {
        None => true,
        Some(CallbackVerify::ShopifyHmac) => shopify_hmac(values, query),
    }
}

/// HMAC-SHA-256 over the sorted parameters but `hmac`, keyed with the client secret, in hexadecimal.
fn shopify_hmac(values: &Values, query: &BTreeMap<String, Secret>) -> bool {
    let (Some(secret), Some(given)) = (values.secret.get("client_secret"), query.get("hmac")) else { return false };
    let pairs = query.iter().filter(|(name, _)| *name != "hmac" && *name != "signature");
    let text = pairs.map(|(name, value)| format!("{name}={}", value.expose())).collect::<Vec<_>>().join("&");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.expose().as_bytes());
    let tag = ring::hmac::sign(&key, text.as_bytes());
    let wanted: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    crate::crypto::token::same(wanted.as_bytes(), given.expose().as_bytes())
}
