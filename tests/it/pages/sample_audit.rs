//! Samples of the audit page.

use super::samples::{HOSTILE, ago, shell};
use credenza::web::pages::audit::{Audit, Line, Named, ProofView, PrunedView, Span};
use credenza::web::pages::list::Pick;
use credenza::web::pages::shell::{Nav, Tone};

fn pick(value: &str, label: &str, selected: bool) -> Pick {
    Pick { value: value.to_owned(), label: label.to_owned(), selected }
}

fn named(text: &str, href: &str) -> Named {
    Named { text: text.to_owned(), href: (!href.is_empty()).then(|| href.to_owned()) }
}

fn line(seq: i64, before: &str, after: &str, (outcome, tone): (&'static str, Tone)) -> Line {
    Line {
        seq,
        at: ago((40 - seq) * 90),
        actor: named("Ana Braga", "/w/acme/audit?person=1"),
        before: before.to_owned(),
        object: Some(named("Shop events", "/w/acme/credentials/3")),
        after: after.to_owned(),
        outcome,
        tone,
        address: "203.0.113.9".to_owned(),
        more: vec![
            ("Action", "credential.renamed".to_owned()),
            ("Changed fields", "host, port".to_owned()),
            ("Device", "Mozilla/5.0 (X11; Linux x86_64) Chrome/140".to_owned()),
        ],
    }
}

pub fn page() -> Audit {
    Audit {
        shell: shell("Audit", Nav::Audit),
        base: "/w/acme/audit".to_owned(),
        proof: ProofView::Sound { event: 40, last: 41, at: ago(1), whole: Some((38, ago(300))) },
        pruned: Some(PrunedView {
            last: 12,
            from: "2026-02-01".to_owned(),
            to: "2026-05-30".to_owned(),
            actions: vec![("Signed in".to_owned(), 9), ("Credential renamed".to_owned(), 3)],
        }),
        people: vec![pick("", "Everybody", true), pick("1", "Ana Braga", false)],
        done: vec![pick("credential.renamed", "Credential renamed", false)],
        tried: vec![pick("credentials.edit", "Tried to edit a credential", false)],
        outcomes: vec![pick("", "Any outcome", true), pick("deny", "Refused", false)],
        credential: String::new(),
        unknown: None,
        about: None,
        last: String::new(),
        spans: vec![
            Span { label: "All time".to_owned(), href: "/w/acme/audit".to_owned(), current: true },
            Span { label: "Last 24 hours".to_owned(), href: "/w/acme/audit?last=24h".to_owned(), current: false },
        ],
        from: String::new(),
        to: String::new(),
        filtered: false,
        lines: vec![
            line(40, "renamed ", " from “Planilha” to “Shop events”", ("Done", Tone::Plain)),
            line(39, "tried to change ", "; the role does not allow it", ("Refused", Tone::Warn)),
            Line {
                object: None,
                address: String::new(),
                ..line(38, "changed the settings: idle_minutes", "", ("Done", Tone::Plain))
            },
        ],
        first: Some("/w/acme/audit".to_owned()),
        next: Some("/w/acme/audit?before=38".to_owned()),
        looked_to: None,
        exports: Vec::new(),
    }
}

pub fn broken() -> Audit {
    Audit {
        proof: ProofView::Broken { event: 12, why: "the line was changed".to_owned(), at: ago(3) },
        lines: Vec::new(),
        looked_to: Some(ago(3000)),
        filtered: true,
        about: Some(("7".to_owned(), "Bea".to_owned())),
        last: "7d".to_owned(),
        ..page()
    }
}

pub fn hostile() -> Audit {
    let sound = page();
    let mut odd = line(41, HOSTILE, HOSTILE, ("Failed", Tone::Bad));
    (odd.actor, odd.object, odd.address) = (named(HOSTILE, ""), Some(named(HOSTILE, "")), HOSTILE.to_owned());
    odd.more = vec![("Details", HOSTILE.to_owned())];
    Audit {
        proof: ProofView::Waiting,
        people: vec![pick(HOSTILE, HOSTILE, true)],
        credential: HOSTILE.to_owned(),
        about: Some((HOSTILE.to_owned(), HOSTILE.to_owned())),
        from: HOSTILE.to_owned(),
        lines: vec![odd],
        ..sound
    }
}
