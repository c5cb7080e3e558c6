//! The history of a credential in words, drawn from its audit lines.

use crate::clock::At;
use crate::model::audit::Event;
use crate::web::audit::words;
use crate::web::pages::detail::EventView;
use crate::web::pages::shell::Tone;
use crate::web::pages::time::When;

/// A line of the history.
pub fn line(event: &Event, people: &[(String, String)], now: At) -> EventView {
    EventView {
        actor: actor(event, people),
        text: words::told(event).with("it"),
        tone: tone(event),
        at: When::new(event.at, now),
    }
}

fn actor(event: &Event, people: &[(String, String)]) -> String {
    match event.actor_kind.as_str() {
        "person" => people
            .iter()
            .find(|(id, _)| *id == event.actor_id)
            .map_or_else(|| "Somebody who is no longer here".to_owned(), |(_, name)| name.clone()),
        "token" => people
            .iter()
            .find(|(id, _)| *id == event.actor_id)
            .map_or_else(|| "A token".to_owned(), |(_, name)| words::beginning(name)),
        "operator" => "The operator".to_owned(),
        "job" => "Credenza".to_owned(),
        _ => "Somebody".to_owned(),
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
