//! Samples of the pages of bots.

use super::sample_forms::remark;
use super::sample_lists::status;
use super::samples::{HOSTILE, ago, now, shell, tile};
use chrono::TimeDelta;
use credenza::web::pages::bots::{
    BlockForm, BlockRow, BotDeletion, BotForm, BotList, BotPage, BotRow, ChosenView, Health, Publication, Removal,
    ServicePick,
};
use credenza::web::pages::form::{Proof, TextBox};
use credenza::web::pages::shell::{Nav, Tone};
use credenza::web::pages::status::StatusKind;
use credenza::web::pages::time::When;

const BASE: &str = "/w/acme/bots";

fn health(tone: Tone, mark: &'static str, word: &'static str, line: &str) -> Health {
    Health { tone, mark, word, line: line.to_owned() }
}

pub fn list() -> BotList {
    let row = |n: usize, name: &str, published: bool, blocks, health| BotRow {
        href: format!("{BASE}/0190{n}"),
        name: name.to_owned(),
        description: "Runs on the shop's server. Ask Rui.".to_owned(),
        published: published.then(|| ago(9000)),
        blocks,
        health,
        made: ago(40_000),
    };
    BotList {
        shell: shell("Bots", Nav::Bots),
        base: BASE.to_owned(),
        can_manage: true,
        rows: vec![
            row(1, "Lead intake", true, 3, health(Tone::Good, "tick", "Ready", "all 3 blocks work")),
            row(2, "Weekly report", false, 2, health(Tone::Bad, "bang", "Broken", "1 of 2 blocks: it fails")),
            row(3, HOSTILE, false, 0, health(Tone::Plain, "dash", "No blocks", "nothing is chosen yet")),
        ],
        total: 3,
        first: Some(BASE.to_owned()),
        next: Some(format!("{BASE}?after=0190")),
    }
}

pub fn list_empty() -> BotList {
    BotList { rows: vec![], total: 0, first: None, next: None, ..list() }
}

pub fn list_member() -> BotList {
    BotList { can_manage: false, ..list_empty() }
}

fn blocks() -> Vec<BlockRow> {
    let block = |n: usize, label: &str, credential, last| BlockRow {
        href: format!("{BASE}/01901/blocks/0190{n}"),
        label: label.to_owned(),
        key: format!("block-{n}"),
        tile: tile("stripe", "Stripe"),
        service: "Stripe".to_owned(),
        credential,
        last,
    };
    let chosen = |name: &str, deleted, kind, word: &'static str, hint: &str| {
        Some(ChosenView {
            name: name.to_owned(),
            href: "/w/acme/credentials/0190".to_owned(),
            deleted,
            status: status(kind, word, "", "verified", 12),
            hint: hint.to_owned(),
        })
    };
    let broken = chosen("Stripe Brazil", false, StatusKind::Broken, "Broken", "The key was revoked.");
    vec![
        block(1, "Take the payment", chosen("Stripe", false, StatusKind::Working, "Working", ""), Some(ago(4))),
        block(2, "Refund", broken, None),
        block(3, "Pay out", chosen("Gone", true, StatusKind::Working, "Working", ""), None),
        block(4, HOSTILE, None, None),
    ]
}

pub fn show() -> BotPage {
    BotPage {
        shell: shell("Lead intake", Nav::Bots),
        base: BASE.to_owned(),
        href: format!("{BASE}/01901"),
        id: "01900000-0000-7000-8000-000000000001".to_owned(),
        name: HOSTILE.to_owned(),
        description: "Takes what the website's form sends.".to_owned(),
        published: Some(ago(9000)),
        can_manage: true,
        health: health(Tone::Bad, "bang", "Broken", "1 of 4 blocks: the credential fails"),
        blocks: blocks(),
        ending: Some((HOSTILE.to_owned(), When::new(now().plus(TimeDelta::days(9)), now()))),
        made: (ago(40_000), "Ana Braga".to_owned()),
    }
}

pub fn show_empty() -> BotPage {
    let health = health(Tone::Plain, "dash", "No blocks", "nothing is chosen yet");
    BotPage { blocks: vec![], published: None, ending: None, health, ..show() }
}

pub fn show_member() -> BotPage {
    BotPage { can_manage: false, ..show() }
}

pub fn form_new() -> BotForm {
    BotForm {
        shell: shell("New bot", Nav::Bots),
        base: BASE.to_owned(),
        bot: None,
        action: BASE.to_owned(),
        name: TextBox { error: Some(remark("taken", "It exists already.")), ..TextBox::of(HOSTILE) },
        description: TextBox::of(HOSTILE),
        revision: None,
        stale: None,
    }
}

pub fn form_stale() -> BotForm {
    BotForm {
        bot: Some((format!("{BASE}/01901"), "Lead intake".to_owned())),
        action: format!("{BASE}/01901"),
        name: TextBox::of("Lead intake"),
        revision: Some(7),
        stale: Some("Somebody changed this bot meanwhile.".to_owned()),
        ..form_new()
    }
}

pub fn deletion() -> BotDeletion {
    BotDeletion {
        shell: shell("Delete", Nav::Bots),
        base: BASE.to_owned(),
        href: format!("{BASE}/01901"),
        name: HOSTILE.to_owned(),
        revision: 7,
        published: true,
        blocks: vec!["Take the payment".to_owned(), HOSTILE.to_owned()],
        ask_password: Some(Proof { app: true, ..Proof::default() }),
        confirm: Some(TextBox { error: Some(remark("confirm_name", "Type its name.")), ..TextBox::default() }),
    }
}

pub fn deletion_draft() -> BotDeletion {
    BotDeletion { published: false, blocks: vec![], ask_password: None, confirm: None, ..deletion() }
}

pub fn publication() -> Publication {
    let at = |label: &str| (label.to_owned(), format!("{BASE}/01901/blocks/01904"));
    Publication {
        shell: shell("Publish", Nav::Bots),
        base: BASE.to_owned(),
        href: format!("{BASE}/01901"),
        name: HOSTILE.to_owned(),
        revision: 7,
        published: false,
        empty: vec![at("Pay out")],
        failing: vec![at("Refund"), at(HOSTILE)],
        refused: Some("Choose a credential first for “Pay out”.".to_owned()),
    }
}

pub fn withdrawal() -> Publication {
    Publication { published: true, empty: vec![], failing: vec![], refused: None, ..publication() }
}

pub fn block_services() -> BlockForm {
    let pick = |id: &str, name: &str| ServicePick { id: id.to_owned(), name: name.to_owned(), tile: tile(id, name) };
    BlockForm {
        shell: shell("New block", Nav::Bots),
        base: BASE.to_owned(),
        bot: format!("{BASE}/01901"),
        bot_name: "Lead intake".to_owned(),
        action: format!("{BASE}/01901/blocks"),
        services: vec![pick("stripe", "Stripe"), pick("smtp", "SMTP")],
        known: vec![pick("stripe", "Stripe")],
        service: None,
        label: TextBox::default(),
        choices: vec![],
        wrong: TextBox::default(),
        key: None,
        revision: None,
        stale: None,
    }
}

pub fn block() -> BlockForm {
    BlockForm {
        services: vec![],
        known: vec![],
        service: Some(("stripe".to_owned(), "Stripe".to_owned(), tile("stripe", "Stripe"))),
        label: TextBox { error: Some(remark("invalid", "Say what the block does.")), ..TextBox::of(HOSTILE) },
        choices: vec![
            ("01900001".to_owned(), "Stripe Brazil (broken)".to_owned(), false),
            ("01900002".to_owned(), HOSTILE.to_owned(), true),
        ],
        wrong: TextBox { error: Some(remark("invalid", "Choose a credential of this service.")), ..TextBox::default() },
        ..block_services()
    }
}

pub fn block_edit() -> BlockForm {
    BlockForm {
        key: Some("take-the-payment".to_owned()),
        revision: Some(7),
        choices: vec![],
        wrong: TextBox::default(),
        stale: Some("Somebody changed this bot meanwhile.".to_owned()),
        ..block()
    }
}

pub fn removal() -> Removal {
    Removal {
        shell: shell("Remove", Nav::Bots),
        base: BASE.to_owned(),
        bot: format!("{BASE}/01901"),
        bot_name: "Lead intake".to_owned(),
        href: format!("{BASE}/01901/blocks/01904"),
        label: HOSTILE.to_owned(),
        key: "pay-out".to_owned(),
        published: true,
        revision: 7,
    }
}
