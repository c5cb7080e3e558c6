//! Consent again, for a credential that exists, in place.

use super::start::{Begin, app_page, begin};
use crate::app::App;
use crate::catalog::form::{Mode, Values, parse};
use crate::error::Error;
use crate::model::credential_change::Details;
use crate::model::oauth_flow::FlowKind;
use crate::model::permission::ConnectCredential;
use crate::web::answer::{Answer, see_other, see_other_saying};
use crate::web::body::Posted;
use crate::web::credentials::stored::load;
use crate::web::credentials::typed::{Typed, typed_secrets};
use crate::web::guard::Can;
use actix_web::web;

/// `POST …/{id}/connect`: `scope.<n>=1` asks for an optional scope, `f.<field>` for a new secret of the client.
pub async fn create(can: Can<ConnectCredential>, posted: Posted, app: web::Data<App>) -> Answer {
    let mut form = posted.fields().await?;
    let kept = load(&app, &can).await?;
    let (integration, method) = kept.kind(&app)?;
    let Some(spec) = method.oauth.as_ref().filter(|_| method.needs_consent()) else {
        let text = "This way to sign in needs no consent. Edit the credential, or enter a new secret.";
        return Err(Error::Unprocessable(text.into()).into());
    };
    let wanted = form.take_prefixed("scope.");
    let more = |(at, scope): (usize, &String)| wanted.contains_key(&at.to_string()).then(|| scope.clone());
    let more_scopes: Vec<String> = spec.optional_scopes.iter().enumerate().filter_map(more).collect();
    let typed = Typed::read(&mut form)?;
    let mut values = Values::default();
    if !typed_secrets(method, &typed.input).is_empty() {
        let stored = kept.stored();
        let parsed = parse(integration, method, Mode::Rotate(&stored), typed.input)
            .map_err(|errors| Error::Unprocessable(first(&errors.0)))?;
        values.secret = parsed.values.secret;
    }
    let mut all = match kept.values(&app, method).await? {
        Ok(all) => all,
        Err(_) => Values { plain: kept.version.config.0.clone(), ..Values::default() },
    };
    all.secret.extend(values.duplicate().secret);
    let Some(all) = app.broker().with_app(can.workspace(), &integration.id, method, all).await? else {
        return see_other_saying(app_page(&can.root(), integration, method), "app-needed");
    };
    let row = &kept.row;
    let details = Details {
        name: row.name.clone(),
        environment: row.environment,
        description: row.description.clone(),
        tags: row.tags.0.clone(),
    };
    let wanted = Begin {
        kind: FlowKind::Connect,
        credential: row.id.clone(),
        details,
        values,
        live_version: row.live_version,
        more_scopes,
        block: None,
    };
    see_other(begin(&app, &can, integration, method, &all, wanted).await?)
}

fn first(errors: &std::collections::BTreeMap<String, crate::catalog::form::Remark>) -> String {
    errors.values().next().map(|remark| remark.text.clone()).unwrap_or_default()
}
