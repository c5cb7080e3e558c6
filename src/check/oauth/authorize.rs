//! The address of the consent page.

use crate::catalog::form::Values;
use crate::catalog::schema::{Method, OAuth, Pkce};
use crate::check::held::{Held, Session};
use crate::check::inject::Unfit;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// What a consent is asked with.
pub struct Consent<'a> {
    /// Where the service sends the person back to.
    pub redirect_uri: &'a str,
    /// What it sends back unchanged.
    pub state: &'a Secret,
    /// The key of RFC 7636; only its hash is sent.
    pub verifier: &'a Secret,
    /// The scopes that are asked for.
    pub scopes: &'a [String],
}

/// The address of the consent page, for a link; `None` for a method that has none.
///
/// # Errors
/// [`Unfit`] when a value does not fit the place it is put into.
pub fn authorize(method: &Method, values: &Values, consent: &Consent<'_>) -> Result<Option<String>, Unfit> {
    let Some((oauth, page)) = method.oauth.as_ref().and_then(|o| Some((o, o.authorize_url.as_ref()?))) else {
        return Ok(None);
    };
    let session = asked(consent);
    let held = Held { values, session: &session };
    let scope = |name: &str| held.get(name);
    let text = |value: &str| Secret::new(value.to_owned());
    let mut pairs = vec![
        ("response_type".to_owned(), text("code")),
        ("client_id".to_owned(), text(held.get("client_id").unwrap_or_default())),
        ("redirect_uri".to_owned(), text(consent.redirect_uri)),
        ("scope".to_owned(), text(&consent.scopes.join(&oauth.scope_sep))),
        ("state".to_owned(), consent.state.duplicate()),
    ];
    if oauth.pkce == Pkce::S256 {
        pairs.push(("code_challenge".to_owned(), text(&challenge(consent.verifier))));
        pairs.push(("code_challenge_method".to_owned(), text("S256")));
    }
    let own = oauth.authorize_params.pairs(&scope)?;
    pairs.retain(|(name, _)| !oauth.omit.contains(name) && own.iter().all(|(other, _)| other != name));
    let mut address = page.render(method.inject.base_url.as_ref(), &scope)?;
    pairs.iter().chain(&own).for_each(|(name, value)| address.push_query(name, value));
    Ok(Some(address.expose().expose().to_owned()))
}

/// The scopes that a consent of these values asks for: those of the file, and what `authorize_params` says instead.
pub fn asked_scopes(oauth: &OAuth, values: &Values, more: &[String]) -> Vec<String> {
    let session = Session::default();
    let held = Held { values, session: &session };
    let typed = oauth.authorize_params.pairs(&|name: &str| held.get(name)).unwrap_or_default();
    let typed = typed.iter().find(|(name, _)| name == "scope").map(|(_, value)| value.expose().to_owned());
    let mut all: Vec<String> = match typed {
        Some(text) => text.split_whitespace().map(str::to_owned).collect(),
        None => oauth.scopes.clone(),
    };
    all.extend(more.iter().filter(|scope| oauth.optional_scopes.contains(scope)).cloned());
    all.dedup();
    all
}

/// RFC 7636 §4.2, method S256.
pub fn challenge(verifier: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()))
}

fn asked(consent: &Consent<'_>) -> Session {
    let mut session = Session::default();
    session.values.insert("state".to_owned(), consent.state.duplicate());
    session.values.insert("redirect_uri".to_owned(), Secret::new(consent.redirect_uri.to_owned()));
    session
}
