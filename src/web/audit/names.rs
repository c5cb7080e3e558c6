//! What ids of audit lines are called, asked for once for a page.

use crate::db::Conn;
use crate::error::Result;
use crate::id::Id;
use crate::model::audit::Event;
use crate::model::audit_names::{self, Thing};
use crate::model::workspace::Workspace;
use crate::web::audit::words;
use crate::web::pages::audit::Named;
use std::collections::BTreeMap;

/// The names that a page of lines mentions.
pub struct Names {
    people: BTreeMap<String, String>,
    things: BTreeMap<String, Thing>,
}

impl Names {
    /// Reads the names of everything that these lines, and these ids of people, mention.
    pub fn of(conn: &mut Conn, workspace: &Id<Workspace>, events: &[Event], more: &[String]) -> Result<Self> {
        let mut people: Vec<String> = events.iter().map(|event| event.actor_id.clone()).collect();
        people.extend(events.iter().filter(|event| event.target_kind == "user").map(|event| event.target_id.clone()));
        people.extend_from_slice(more);
        people.sort();
        people.dedup();
        let mut things: Vec<String> = events.iter().map(|event| event.target_id.clone()).collect();
        things.extend(events.iter().map(|event| event.actor_id.clone()));
        things.sort();
        things.dedup();
        Ok(Self {
            people: audit_names::who(conn, workspace, &people)?.into_iter().collect(),
            things: audit_names::things(conn, workspace, &things)?,
        })
    }

    /// The name of a person or token, if there is one of that id.
    pub fn person(&self, id: &str) -> Option<&str> {
        self.people.get(id).map(String::as_str)
    }

    /// Who acted, and where what they did is listed.
    pub fn actor(&self, event: &Event, base: &str) -> Named {
        let text = match event.actor_kind.as_str() {
            "person" => self.person(&event.actor_id).unwrap_or("Somebody who is no longer here").to_owned(),
            "token" => self.person(&event.actor_id).map_or_else(|| "A token".to_owned(), words::beginning),
            "operator" => "The operator".to_owned(),
            "job" => "Credenza".to_owned(),
            "anonymous" => "Somebody who had not signed in".to_owned(),
            kind => match self.things.get(&event.actor_id) {
                Some(thing) => thing.name.clone(),
                None => format!("A {kind}"),
            },
        };
        let href = match event.actor_kind.as_str() {
            "person" | "token" => Some(format!("{base}?person={}", event.actor_id)),
            "operator" => Some(format!("{base}?person=operator")),
            _ => None,
        };
        Named { text, href }
    }

    /// What an act was aimed at.
    pub fn target(&self, event: &Event, root: &str) -> Named {
        let told = |name: &str| event.detail(name).and_then(|value| value.as_str().map(str::to_owned));
        let plain = |text: &str| Named { text: text.to_owned(), href: None };
        match event.target_kind.as_str() {
            "user" => Named {
                text: self.person(&event.target_id).unwrap_or("somebody who is no longer here").to_owned(),
                href: Some(format!("{root}/audit?about={}", event.target_id)),
            },
            "route" => plain(words::page(&event.target_id)),
            "workspace" => plain("the workspace"),
            "instance" => plain("the installation"),
            "chain" => plain("a workspace"),
            kind => match self.things.get(&event.target_id) {
                Some(thing) => Named {
                    text: thing.name.clone(),
                    href: thing.is_there.then(|| format!("{root}/{kind}s/{}", event.target_id)),
                },
                None => {
                    let name = told("name").map(|name| format!("“{name}”"));
                    Named { text: name.unwrap_or_else(|| format!("a {kind} that is gone")), href: None }
                }
            },
        }
    }
}
