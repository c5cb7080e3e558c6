//! Samples of the overview.

use super::samples::{HOSTILE, ago, shell, tile};
use credenza::web::pages::audit::Named;
use credenza::web::pages::list::Chip;
use credenza::web::pages::markup::Markup;
use credenza::web::pages::overview::{CheckLine, HealthLine, Overview, TokenLine, TroubleRow};
use credenza::web::pages::shell::{Link, Nav, Tone};
use credenza::web::pages::status::{StatusKind, StatusView};

const ROOT: &str = "/w/acme";

fn link(label: &str, href: &str) -> Link {
    Link { label: label.to_owned(), href: format!("{ROOT}{href}") }
}

fn chip(label: &str, count: u64, tone: Tone) -> Chip {
    Chip { label: label.to_owned(), href: format!("{ROOT}/credentials?status=x"), count, tone, current: false }
}

fn trouble(n: usize, name: &str, kind: StatusKind, bots: &[&str]) -> TroubleRow {
    TroubleRow {
        id: n.to_string(),
        name: name.to_owned(),
        href: format!("{ROOT}/credentials/{n}"),
        tile: tile("stripe", "Stripe"),
        service: "Stripe".to_owned(),
        status: StatusView { line: "The service does not know this key any more.".into(), ..StatusView::plain(kind) },
        bots: bots.iter().map(|bot| link(bot, "/bots/1")).collect(),
    }
}

fn check(name: &str, outcome: &str, tone: Tone) -> CheckLine {
    CheckLine {
        target: Named { text: name.to_owned(), href: Some(format!("{ROOT}/credentials/1")) },
        outcome: outcome.to_owned(),
        tone,
        by: "Ana Braga".to_owned(),
        at: ago(4),
    }
}

fn health(label: &'static str, tone: Tone, mark: &'static str, word: &str, line: &str) -> HealthLine {
    let link = (tone == Tone::Bad).then(|| link("Mail", "/mail"));
    HealthLine { label, tone, mark: Markup::of(mark), word: word.to_owned(), line: line.to_owned(), link }
}

/// What an admin sees.
pub fn admin() -> Overview {
    Overview {
        shell: shell("Overview", Nav::Overview),
        root: ROOT.to_owned(),
        chips: vec![chip("All", 24, Tone::Plain), chip("Broken", 2, Tone::Bad), chip("Expiring", 1, Tone::Warn)],
        troubles: vec![
            trouble(1, "Payments of the shop", StatusKind::Broken, &["Orders", "Returns"]),
            trouble(2, "Support mailbox", StatusKind::Unreadable, &[]),
            trouble(3, HOSTILE, StatusKind::Expiring, &[HOSTILE]),
        ],
        more: Some(link("12 more", "/credentials?status=broken")),
        manages: true,
        checks: Some(vec![
            check("Payments of the shop", "not accepted", Tone::Bad),
            check(HOSTILE, "it works", Tone::Good),
        ]),
        tokens: Some(vec![
            TokenLine { name: "Worker".to_owned(), bot: Some(link("Orders", "/bots/1/tokens")), at: ago(-3000) },
            TokenLine { name: HOSTILE.to_owned(), bot: None, at: ago(-90) },
        ]),
        health: vec![
            health("Keys", Tone::Good, "tick", "All keys open", "The one that seals was made 3 days ago."),
            health("Mail", Tone::Bad, "bang", "2 could not be sent", "In the last 30 days."),
            health("Support access", Tone::Warn, "bang", HOSTILE, HOSTILE),
        ],
    }
}

/// What a member of a calm workspace sees.
pub fn member() -> Overview {
    Overview {
        troubles: Vec::new(),
        more: None,
        manages: false,
        checks: None,
        tokens: None,
        health: Vec::new(),
        ..admin()
    }
}
