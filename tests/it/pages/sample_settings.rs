//! Samples of the settings and of what is open to support.

use super::samples::{HOSTILE, ago, shell};
use credenza::catalog::form::Remark;
use credenza::web::pages::form::{Proof, TextBox};
use credenza::web::pages::list::Pick;
use credenza::web::pages::settings::{
    AccessRow, Deletion, Grant, MailState, NumberBox, OpenRow, OpenTo, SettingsPage, Transfer,
};
use credenza::web::pages::shell::{Nav, Shell, SupportNote};

fn note(text: &str) -> SupportNote {
    SupportNote { id: "9".to_owned(), name: text.to_owned(), reason: text.to_owned(), until: ago(-200) }
}

fn access(text: &str) -> AccessRow {
    AccessRow {
        id: "9".to_owned(),
        name: text.to_owned(),
        email: text.to_owned(),
        reason: text.to_owned(),
        until: Some(ago(-200)),
    }
}

pub fn page() -> SettingsPage {
    SettingsPage {
        shell: Shell { support: vec![note("Sam")], ..shell("Settings", Nav::Settings) },
        base: "/w/acme/settings".to_owned(),
        tokens: "/w/acme/tokens".to_owned(),
        slug: "acme".to_owned(),
        state: "5e77".to_owned(),
        stale: Some("Somebody changed the settings meanwhile.".to_owned()),
        name: TextBox::of("Acme Store"),
        second_factor: true,
        ask_password: Some(Proof::default()),
        numbers: vec![NumberBox::new("idle_minutes", "Session ends after minutes", TextBox::of("60"), "Help.")],
        open: vec![access("Sam"), AccessRow { until: None, reason: String::new(), ..access("Kim") }],
        grant: Grant::default(),
        root: "/w/acme".to_owned(),
        mail: MailState { kept_in: None, waiting: 1, stuck: 0, failed: 2 },
    }
}

/// Deleting a workspace with much or with nothing in it.
pub fn deletion(published: &[&str]) -> Deletion {
    Deletion {
        shell: shell("Delete this workspace", Nav::Settings),
        root: "/w/acme".to_owned(),
        name: published.last().map_or_else(|| "Acme Store".to_owned(), |name| (*name).to_owned()),
        published: published.iter().map(|name| (*name).to_owned()).collect(),
        more: if published.is_empty() { 0 } else { 3 },
        tokens: 4,
        credentials: 24,
        people: 7,
        confirm: TextBox {
            error: Some(Remark { code: "confirm_name", text: "Type “Acme” to delete it.".to_owned() }),
            ..TextBox::of(HOSTILE)
        },
        ask_password: published.is_empty().then(Proof::default),
    }
}

/// Handing a workspace over.
pub fn transfer(people: &[&str]) -> Transfer {
    let pick = |name: &&str| Pick { value: (*name).to_owned(), label: (*name).to_owned(), selected: false };
    Transfer {
        shell: shell("Hand this workspace over", Nav::Settings),
        root: "/w/acme".to_owned(),
        name: people.last().map_or_else(|| "Acme Store".to_owned(), |name| (*name).to_owned()),
        people: people.iter().map(pick).collect(),
        member: TextBox {
            error: Some(Remark { code: "member", text: "Choose who takes over.".to_owned() }),
            ..TextBox::default()
        },
        ask_password: Some(Proof::default()),
    }
}

pub fn hostile() -> SettingsPage {
    let error = Some(Remark { code: "support", text: HOSTILE.to_owned() });
    SettingsPage {
        shell: Shell { support: vec![note(HOSTILE)], ..shell("Settings", Nav::Settings) },
        name: TextBox { error: error.clone(), ..TextBox::of(HOSTILE) },
        mail: MailState { kept_in: Some(HOSTILE.to_owned()), ..page().mail },
        open: vec![access(HOSTILE)],
        second_factor: false,
        ask_password: None,
        grant: Grant {
            email: TextBox { error, ..TextBox::of(HOSTILE) },
            reason: TextBox::of(HOSTILE),
            asked: Some(Proof::default()),
            ..Grant::default()
        },
        ..page()
    }
}

pub fn open(text: &str) -> OpenTo {
    let row = OpenRow {
        href: "/w/acme/credentials".to_owned(),
        name: text.to_owned(),
        reason: text.to_owned(),
        until: Some(ago(-200)),
    };
    OpenTo {
        shell: shell("Open to you as support", Nav::Nowhere),
        rows: if text.is_empty() { vec![] } else { vec![row] },
    }
}
