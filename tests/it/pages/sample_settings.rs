//! Samples of the settings and of what is open to support.

use super::samples::{HOSTILE, ago, shell};
use credenza::catalog::form::Remark;
use credenza::web::pages::form::{Proof, TextBox};
use credenza::web::pages::settings::{AccessRow, Grant, NumberBox, OpenRow, OpenTo, SettingsPage};
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
        name: TextBox::of("Acme Store"),
        second_factor: true,
        ask_password: Some(Proof::default()),
        numbers: vec![NumberBox::new("idle_minutes", "Session ends after minutes", TextBox::of("60"), "Help.")],
        open: vec![access("Sam"), AccessRow { until: None, reason: String::new(), ..access("Kim") }],
        grant: Grant::default(),
    }
}

pub fn hostile() -> SettingsPage {
    let error = Some(Remark { code: "support", text: HOSTILE.to_owned() });
    SettingsPage {
        shell: Shell { support: vec![note(HOSTILE)], ..shell("Settings", Nav::Settings) },
        name: TextBox { error: error.clone(), ..TextBox::of(HOSTILE) },
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
