//! Rules for `[method.oauth]`: who is asked, where a workspace's client may be sent, what comes back.

use crate::catalog::fault::{Judged, Within, ensure};
use crate::catalog::schema::{
    CallbackVerify, ClientAuth, Edit, FieldKind, FieldScope, FieldSource, Grant, Method, OAuth, Refresh, SaveFrom, Verb,
};

/// Judges the OAuth of a method, if it has one.
pub(super) fn oauth(method: &Method) -> Judged {
    let Some(oauth) = &method.oauth else { return Ok(()) };
    match oauth.grant {
        Grant::Code => consent(oauth, method)?,
        Grant::ClientCredentials => {
            ensure(oauth.authorize_url.is_none(), "nobody consents to this grant").within("authorize_url")?;
            let app = method.fields.iter().all(|f| f.scope == FieldScope::Credential);
            ensure(app, "the client belongs to the credential: scope = \"app\" is for grant code")?;
        }
    }
    ensure(oauth.client.as_deref().is_none_or(super::is_name), "written like the name of a field").within("client")?;
    ensure(matches!(oauth.verb, Verb::Get | Verb::Post), "GET or POST").within("verb")?;
    let signs = oauth.client_auth != ClientAuth::PrivateKeyJwt || method.jwt.is_some();
    ensure(signs, "private_key_jwt needs a [method.jwt]").within("client_auth")?;
    if let Some(name) = &oauth.client_auth_field {
        let field = method.field(name).filter(|f| f.kind == FieldKind::Select);
        let known = field.is_some_and(|f| f.options.iter().all(|o| ClientAuth::parse(o.value.as_str()).is_some()));
        ensure(known, "a select of body, basic and none").within("client_auth_field")?;
    }
    saves(oauth, method).within("save")
}

/// Authorization code: a consent page, and a client that never leaves the vendor's hosts.
fn consent(oauth: &OAuth, method: &Method) -> Judged {
    ensure(oauth.authorize_url.is_some(), "grant code needs the address of the consent page")
        .within("authorize_url")?;
    ensure(method.edit != Edit::Full, "a sign-in cannot be typed: edit = \"rename\"").within("edit")?;
    let shared = method.fields.iter().any(|f| f.scope == FieldScope::App);
    let fixed = method.egress.host_names().next().is_none();
    ensure(!shared || fixed, "a client of the whole workspace goes to the hosts of the file only")
        .within("host_field")?;
    let exchanged = oauth.refresh != Refresh::ExchangeAccessToken || !oauth.refresh_params.0.is_empty();
    ensure(exchanged, "say in refresh_params what exchanges the token").within("refresh")?;
    let keyed = oauth.callback_verify != Some(CallbackVerify::ShopifyHmac) || method.field("client_secret").is_some();
    ensure(keyed, "there is no client_secret to check it with").within("callback_verify")
}

/// What a service fills is saved, and what is saved is nobody else's.
fn saves(oauth: &OAuth, method: &Method) -> Judged {
    for (name, from) in &oauth.save {
        let from_redirect = matches!(from, SaveFrom::Query(_));
        ensure(!from_redirect || oauth.grant == Grant::Code, "only a consent has a redirect").within(name)?;
        let Some(field) = method.field(name) else { continue };
        let wanted = if from_redirect { FieldSource::Redirect } else { FieldSource::Token };
        ensure(field.source == wanted, "the field's source says otherwise").within(name)?;
    }
    let filled = method.fields.iter().filter(|f| matches!(f.source, FieldSource::Token | FieldSource::Redirect));
    for field in filled {
        let saved = oauth.save.contains_key(&field.name);
        ensure(saved, "nothing fills this field").within(&field.name)?;
    }
    Ok(())
}

/// A check fills what its answer has, for the consent that it is made for.
pub(super) fn found(method: &Method) -> Judged {
    let (check, consents) = (&method.check, method.oauth.as_ref().is_some_and(|o| o.grant == Grant::Code));
    for (name, from) in &check.save {
        let field = method.field(name).filter(|field| field.source == FieldSource::Check);
        ensure(field.is_some(), "there is no field of that name whose source is check").within(name)?;
        let read = matches!(from, SaveFrom::Json(_) | SaveFrom::Header(_));
        ensure(read && check.request.is_some(), "from the JSON or a header of the answer").within(name)?;
        ensure(consents, "it is kept with a consent: grant = \"code\"").within(name)?;
    }
    for field in method.fields.iter().filter(|f| f.source == FieldSource::Check) {
        ensure(check.save.contains_key(&field.name), "nothing fills this field").within(&field.name)?;
    }
    Ok(())
}
