//! The history of a credential in words, drawn from its audit lines.

use crate::clock::At;
use crate::model::audit::{Event, Outcome};
use crate::web::pages::detail::EventView;
use crate::web::pages::shell::Tone;
use crate::web::pages::time::When;

/// A line of the history.
pub fn line(event: &Event, people: &[(String, String)], now: At) -> EventView {
    EventView { actor: actor(event, people), text: sentence(event), tone: tone(event), at: When::new(event.at, now) }
}

fn actor(event: &Event, people: &[(String, String)]) -> String {
    match event.actor_kind.as_str() {
        "person" => people
            .iter()
            .find(|(id, _)| *id == event.actor_id)
            .map_or_else(|| "Somebody who is no longer here".to_owned(), |(_, name)| name.clone()),
        "operator" => "The operator".to_owned(),
        "job" => "Credenza".to_owned(),
        _ => "Somebody".to_owned(),
    }
}

fn sentence(event: &Event) -> String {
    let text = |name: &str| event.detail(name).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    if event.outcome == Outcome::Deny {
        return denied(event);
    }
    match event.action.as_str() {
        "credential.created" => match event.detail("unverified").and_then(|v| v.as_bool()) {
            Some(true) => "created it without verification".into(),
            _ => "created it, verified".into(),
        },
        "credential.edited" => match fields(event) {
            fields if fields.is_empty() => "saved it unchanged".into(),
            fields => format!("changed {fields}"),
        },
        "credential.renamed" => format!("renamed it from “{}” to “{}”", text("from"), text("to")),
        "credential.rotated" => "entered a new secret".into(),
        "credential.checked" => format!("verified it: {}", outcome(&event.code)),
        "credential.aged" => format!("found it {} by now", text("to")),
        "credential.unreadable" => "could not decrypt the stored value".into(),
        "credential.deleted" => "deleted it".into(),
        "credential.restored" => "restored it".into(),
        "credential.connected" => match event.detail("other_account").and_then(|v| v.as_bool()) {
            Some(true) => "connected it with another account".into(),
            _ => "connected it again".into(),
        },
        "credential.refreshed" => "renewed its token".into(),
        "credential.revoked" => "had the service end its sign-in".into(),
        "consent.started" => "went to the service to agree".into(),
        action => action.to_owned(),
    }
}

fn denied(event: &Event) -> String {
    let what = match event.action.as_str() {
        "credentials.edit" => "tried to change it",
        "credentials.rotate" => "tried a new secret",
        "credential.refreshed" => return "could not renew its token".into(),
        "credential.revoked" => return "asked the service in vain to end its sign-in".into(),
        "consent.given" => {
            return match event.code.as_str() {
                "access_denied" => "did not agree at the service".into(),
                "other_account" => "agreed with another account, which has to be confirmed".into(),
                _ => "came back from the service in vain".into(),
            };
        }
        action => return format!("was refused: {action}"),
    };
    format!("{what}: {}. Nothing was saved", outcome(&event.code))
}

fn fields(event: &Event) -> String {
    let names: Vec<String> =
        event.detail("fields").and_then(|v| serde_json::from_value::<Vec<String>>(v).ok()).unwrap_or_default();
    names.join(", ")
}

fn outcome(code: &str) -> &str {
    match code {
        "ok" => "it works",
        "limited" => "it works, but lacks a permission",
        "invalid" => "not accepted",
        "forbidden" => "refused",
        "misconfigured" => "set up wrongly",
        "blocked" => "blocked",
        "expired" => "expired",
        "reauthorize" => "access was withdrawn",
        "rate_limited" => "the service was limiting calls",
        "unavailable" => "no answer",
        "untested" => "no live test for this service",
        _ => "nobody can tell",
    }
}

fn tone(event: &Event) -> Tone {
    match (event.action.as_str(), event.code.as_str()) {
        (_, "ok" | "limited") => Tone::Good,
        ("credential.checked", "unavailable" | "unknown" | "rate_limited" | "untested") => Tone::Plain,
        ("credential.checked" | "credential.unreadable", _) => Tone::Bad,
        _ => Tone::Plain,
    }
}
