//! What a bot gets of a credential: its values, or in their place the live token that they stand for.

use super::Broker;
use super::session::{Sessions, Trouble};
use crate::catalog::schema::Method;
use crate::clock::At;
use crate::error::{Error, Result};
use crate::model::bot_use::Granted;
use crate::secret::Secret;
use std::collections::BTreeMap;

/// What is handed out.
#[derive(Debug)]
pub struct Handed<'a> {
    /// The call.
    pub granted: &'a Granted,
    /// The values, by the names of their fields.
    pub values: BTreeMap<String, Secret>,
    /// When they end, where that is known.
    pub expires_at: Option<At>,
    /// The tag of these values: of version and token, never made of the values.
    pub tag: String,
}

/// The field in which the live token of an OAuth credential is handed out.
pub const ACCESS_TOKEN: &str = "access_token";

/// Hands a granted credential out. Of one that signs in by OAuth that is the live token, renewed if it must be; what
/// it is renewed with stays here.
///
/// # Errors
/// The outer one when storage fails; the inner one when there is no live token.
pub async fn hand_out<'a>(
    broker: &Broker<'_>,
    sessions: &Sessions,
    granted: &'a Granted,
) -> Result<Result<Handed<'a>, Trouble>> {
    let (row, version) = (&granted.row, &granted.version);
    let kind = broker.catalog.method(&row.integration, &row.method);
    let (integration, method) = kind.ok_or_else(|| Error::internal("a granted call without a service"))?;
    let tag = format!("{}-{}", row.id, version.version);
    let plain = || granted.values.plain.iter().map(|(name, value)| (name.clone(), Secret::new(value.clone())));
    if method.oauth.is_none() {
        let secret = granted.values.secret.iter().map(|(name, value)| (name.clone(), value.duplicate()));
        let values = plain().chain(secret).collect();
        return Ok(Ok(Handed { granted, values, expires_at: row.expires_at, tag: format!("\"{tag}\"") }));
    }
    let signed = match sessions.live(broker, granted, (integration, method)).await? {
        Ok(signed) => signed,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let saved = signed.session.values.iter().filter(|(name, _)| is_for_bots(method, name));
    let saved = saved.map(|(name, value)| {
        let name = if name == "token" { ACCESS_TOKEN } else { name };
        (name.to_owned(), value.duplicate())
    });
    let values = plain().chain(saved).collect();
    let tag = format!("\"{tag}-{}\"", signed.serial);
    Ok(Ok(Handed { granted, values, expires_at: signed.session.expires_at.or(row.expires_at), tag }))
}

/// Whether a value of a session is of use to a bot: the token, and what is put into calls beside it.
fn is_for_bots(method: &Method, name: &str) -> bool {
    let used = || method.inject.templates().into_iter().any(|template| template.names().any(|used| used == name));
    name == "token" || (name != "jwt" && name != "refresh_token" && used())
}
