//! What the page of a credential says of its consent.

use crate::catalog::schema::{Integration, Method, Refresh};
use crate::clock::At;
use crate::model::oauth_grant::Grant;
use crate::model::permission::ReadCredentials;
use crate::web::guard::Can;
use crate::web::oauth::start::app_page;
use crate::web::pages::detail::ConnectionView;
use crate::web::pages::time::When;

/// The consent in words, for whoever may see it; `None` for a method without one.
pub fn view(
    can: &Can<ReadCredentials>,
    kind: Option<(&Integration, &Method)>,
    grant: Option<&Grant>,
    people: &[(String, String)],
    now: At,
) -> Option<ConnectionView> {
    let (integration, method) = kind.filter(|(_, method)| can.inspects() && method.needs_consent())?;
    let spec = method.oauth.as_ref()?;
    let client = method.app_fields().next().map(|_| app_page(&can.root(), integration, method));
    let Some(grant) = grant else { return Some(ConnectionView { client, ..ConnectionView::default() }) };
    let by = people.iter().find(|(id, _)| *id == grant.connected_by).map(|(_, name)| name.clone()).unwrap_or_default();
    let times = [
        ("Renewed", grant.refreshed_at),
        ("Token ends", grant.expires_at),
        ("Renewed next", grant.refresh_at),
        ("Consent ends", grant.ends_at),
    ];
    let named = |(label, at): (&str, Option<At>)| at.map(|at| (label.to_owned(), When::new(at, now)));
    let has = |scope: &String| grant.granted.0.as_ref().unwrap_or(&grant.asked.0).contains(scope);
    Some(ConnectionView {
        connected: Some((When::new(grant.connected_at, now), by)),
        asked: grant.asked.0.clone(),
        granted: grant.granted.0.clone(),
        missing: grant.missing(),
        times: times.into_iter().filter_map(named).collect(),
        limits: limits(spec.refresh, grant, spec.refresh_idle_days, spec.refresh_max_days),
        more: spec.optional_scopes.iter().enumerate().filter(|(_, s)| !has(s)).map(|(n, s)| (n, s.clone())).collect(),
        client,
    })
}

fn limits(refresh: Refresh, grant: &Grant, idle: Option<u32>, most: Option<u32>) -> Vec<String> {
    let mut all = Vec::new();
    match (grant.renewable, grant.expires_at) {
        (true, _) => {}
        (false, Some(_)) => all.push("It cannot be renewed by itself: connect again before it ends.".to_owned()),
        (false, None) if refresh == Refresh::None => all.push("The service gives tokens that do not end.".to_owned()),
        (false, None) => all.push("The service named no end and gave nothing to renew it with.".to_owned()),
    }
    if let Some(days) = idle.filter(|_| grant.renewable) {
        all.push(format!("Unused for {days} days it would die; it is renewed long before, also when no bot runs."));
    }
    if let Some(days) = most {
        all.push(format!("{days} days after consent it ends whatever is done."));
    }
    if grant.failures > 0 {
        all.push(match grant.refresh_at {
            Some(_) => "The last renewal failed; it is tried again with growing pauses.".to_owned(),
            None => "The last renewal was refused; only connecting again helps.".to_owned(),
        });
    }
    all
}
