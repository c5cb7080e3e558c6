//! Samples of a credential's page and of its deletion.

use super::sample_forms::remark;
use super::sample_lists::{BASE, status};
use super::samples::{HOSTILE, ago, now, shell, tile};
use chrono::TimeDelta;
use credenza::check::report::{Step, StepResult};
use credenza::web::pages::change::{Replacement, Staging, Suspension, TestMailPage};
use credenza::web::pages::deletion::{Deleted, DeletedRow, Deletion};
use credenza::web::pages::detail::{Action, ConnectionView, Detail, EditRule, EventView, Mark, ValueView, VersionView};
use credenza::web::pages::form::{Banner, Notice, Proof, ServiceHead, TextBox};
use credenza::web::pages::shell::{Link, Nav, Tone};
use credenza::web::pages::status::{Badge, Hint, StatusKind, StepsView};
use credenza::web::pages::time::When;
use credenza::web::pages::used::{OtherUse, UseView, Used};

pub fn step(label: &str, result: StepResult, note: &str, ms: u32) -> Step {
    Step { label: label.to_owned(), result, note: note.to_owned(), ms }
}

fn steps() -> StepsView {
    StepsView {
        steps: vec![
            step("Found oauth2.googleapis.com", StepResult::Ok, "", 12),
            step("Connected on port 443", StepResult::Ok, "", 31),
            step("TLS, certificate valid", StepResult::Ok, "", 58),
            step("Asked for a new access token", StepResult::Failed, "invalid_grant", 204),
            step("Sample call", StepResult::Skipped, "", 0),
        ],
        trigger: "on schedule".to_owned(),
        at: Some(ago(180)),
    }
}

fn values() -> Vec<ValueView> {
    let secret = |label: &str| ValueView {
        label: label.to_owned(),
        value: String::new(),
        secret: true,
        set: Some((ago(400_000), "Ana Braga".to_owned())),
    };
    let plain = |label: &str, value: &str| ValueView {
        label: label.to_owned(),
        value: value.to_owned(),
        secret: false,
        set: None,
    };
    vec![
        plain("Spreadsheet folder", "Leads 2026"),
        plain("Default sheet", ""),
        secret("Access token"),
        secret("Refresh token"),
    ]
}

fn history() -> Vec<EventView> {
    let event = |actor: &str, text: &str, tone, minutes| EventView {
        actor: actor.to_owned(),
        text: text.to_owned(),
        tone,
        at: ago(minutes),
    };
    vec![
        event("Schedule", "checked it: access withdrawn", Tone::Bad, 180),
        event("Bot “Lead intake”", "was refused", Tone::Bad, 181),
        event("Ana Braga", "renamed it from “Planilha”", Tone::Plain, 26_000),
        event("Ana Braga", "connected it", Tone::Good, 400_000),
    ]
}

pub fn detail() -> Detail {
    let href = format!("{BASE}/01900001");
    let post = |label: &str, tail: &str, primary, busy: &str| Action {
        label: label.to_owned(),
        href: format!("{href}/{tail}"),
        post: true,
        primary,
        busy: busy.to_owned(),
    };
    let mark = |n: usize| match n {
        6 => Tone::Plain,
        17 | 29 => Tone::Bad,
        _ => Tone::Good,
    };
    Detail {
        shell: shell("Leads spreadsheet", Nav::Credentials),
        base: BASE.to_owned(),
        name: "Leads spreadsheet".to_owned(),
        handle: "leads-spreadsheet".to_owned(),
        description: "Where the website's contact form ends up. Ask Rui.".to_owned(),
        tags: vec!["leads".to_owned(), "website".to_owned()],
        badges: vec![Badge { text: "production", tone: Tone::Warn }],
        environment: "Production".to_owned(),
        service: service(),
        can_manage: true,
        can_inspect: true,
        can_see_values: true,
        status: status(StatusKind::Broken, "Broken since 14:02", "", "checked", 180),
        hint: Some(Hint {
            code: "reauthorize".to_owned(),
            text:
                "Google withdrew the sign-in: revoked, or unused for six months. Connect again with the same account."
                    .to_owned(),
        }),
        actions: vec![post("Connect again", "connect", true, ""), post("Verify now", "checks", false, "Verifying…")],
        links: vec![Link {
            label: "Google Workspace status".to_owned(),
            href: "https://www.google.com/appsstatus".to_owned(),
        }],
        notices: vec![Notice {
            text: "Apps still in Testing lose their sign-ins after 7 days.".to_owned(),
            date: String::new(),
        }],
        steps: Some(steps()),
        strip: (0..30).map(|n| Mark { tone: mark(n), text: format!("check {n}") }).collect(),
        last_good: Some(ago(360)),
        identity: Some("owner@acme.example".to_owned()),
        values: values(),
        used: used(),
        staging: Some(staging()),
        off: false,
        versions: vec![
            VersionView {
                number: 2,
                state: "live".to_owned(),
                at: ago(26_000),
                by: "Ana Braga".to_owned(),
                note: "new secret".to_owned(),
            },
            VersionView {
                number: 1,
                state: "previous".to_owned(),
                at: ago(400_000),
                by: "Ana Braga".to_owned(),
                note: "secret erased".to_owned(),
            },
        ],
        history: history(),
        audit: "/w/acme/audit?credential=3".to_owned(),
        edit: EditRule::Rename(
            "The sign-in belongs to one account and one set of permissions. Connect again to change it.".to_owned(),
        ),
        rotates: false,
        connection: Some(connection()),
        href,
    }
}

pub fn used() -> Used {
    let block = |n: usize, bot: &str, published, block: &str, last| UseView {
        id: format!("0190b{n}"),
        bot: bot.to_owned(),
        href: format!("/w/acme/bots/0190{n}"),
        published,
        block: block.to_owned(),
        key: block.to_lowercase().replace(' ', "-"),
        last,
    };
    Used {
        blocks: vec![
            block(1, "Lead intake", true, "Append row", Some(ago(180))),
            block(2, "Weekly report", false, "Read sheet", None),
            block(3, HOSTILE, false, HOSTILE, None),
        ],
        others: vec![OtherUse {
            bot: "Old importer".to_owned(),
            deleted: true,
            last: Some(ago(9000)),
            denied: Some(ago(12)),
        }],
    }
}

pub fn staging() -> Staging {
    Staging {
        href: format!("{BASE}/01900001"),
        revision: 4,
        live: 2,
        staged: Some((3, Some(When::new(now().plus(TimeDelta::hours(5)), now())))),
        kept: None,
    }
}

pub fn replacement() -> Replacement {
    Replacement {
        shell: shell("Replace", Nav::Credentials),
        base: BASE.to_owned(),
        href: format!("{BASE}/01900001"),
        name: "Leads spreadsheet".to_owned(),
        service: ("google-sheets".to_owned(), "Google Sheets".to_owned()),
        revision: 4,
        choices: vec![
            ("01900002".to_owned(), "Leads 2027 (working)".to_owned(), true),
            ("01900003".to_owned(), HOSTILE.to_owned(), false),
        ],
        only_marked: true,
        marked: vec![],
        used: used(),
        refused: Some("Mark the blocks to move, or choose all of them.".to_owned()),
    }
}

pub fn replacement_alone() -> Replacement {
    Replacement { choices: vec![], refused: None, ..replacement() }
}

pub fn replacement_unused() -> Replacement {
    Replacement { used: Used::default(), ..replacement_alone() }
}

pub fn suspension() -> Suspension {
    Suspension {
        shell: shell("Switch off", Nav::Credentials),
        base: BASE.to_owned(),
        href: format!("{BASE}/01900001"),
        name: "Leads spreadsheet".to_owned(),
        off: None,
        denied: vec![],
        used: used(),
        refused: Some("Say for how many hours it shall be off.".to_owned()),
    }
}

pub fn suspension_off() -> Suspension {
    Suspension {
        off: Some((ago(90), Some(When::new(now().plus(TimeDelta::hours(22)), now())))),
        denied: vec![("Lead intake".to_owned(), ago(3), 41), (HOSTILE.to_owned(), ago(80), 1)],
        refused: None,
        ..suspension()
    }
}

pub fn test_mail() -> TestMailPage {
    TestMailPage {
        shell: shell("Test Shop mail", Nav::Credentials),
        base: BASE.to_owned(),
        href: format!("{BASE}/01900001"),
        name: "Shop mail".to_owned(),
        to: "ana@acme.example".to_owned(),
        from: TextBox::of("bot@acme.example"),
        off: false,
        banner: None,
        report: None,
    }
}

pub fn test_mail_refused() -> TestMailPage {
    TestMailPage {
        name: HOSTILE.to_owned(),
        from: TextBox {
            error: Some(remark("invalid", "Enter the one address that it is sent from.")),
            ..TextBox::of(HOSTILE)
        },
        banner: Some(Banner {
            title: "The test mail was not sent.".to_owned(),
            hint: Hint {
                code: "sender_refused".to_owned(),
                text: "The server takes no mail from this sender.".to_owned(),
            },
            links: vec![],
        }),
        report: Some(steps()),
        ..test_mail()
    }
}

pub fn test_mail_off() -> TestMailPage {
    TestMailPage { off: true, ..test_mail() }
}

fn connection() -> ConnectionView {
    let scope = |name: &str| format!("https://www.googleapis.com/auth/{name}");
    ConnectionView {
        connected: Some((ago(26_000), "Ana Braga".to_owned())),
        asked: vec![scope("spreadsheets"), scope("drive.file")],
        granted: Some(vec![scope("spreadsheets")]),
        missing: vec![scope("drive.file")],
        times: vec![("Renewed".to_owned(), ago(40)), ("Renewed next".to_owned(), ago(-15))],
        limits: vec!["Unused for 180 days it would die; it is renewed long before, also when no bot runs.".to_owned()],
        more: vec![(0, scope("drive.file")), (1, scope("drive.metadata.readonly"))],
        client: Some("/w/acme/apps/google-sheets?method=oauth".to_owned()),
    }
}

fn service() -> ServiceHead {
    ServiceHead {
        id: "google-sheets".to_owned(),
        name: "Google Sheets".to_owned(),
        method: "Sign in with Google".to_owned(),
        tile: tile("google-sheets", "Google Sheets"),
        guide: "/w/acme/integrations/google-sheets".to_owned(),
    }
}

pub fn detail_member() -> Detail {
    Detail {
        can_manage: false,
        can_inspect: false,
        can_see_values: false,
        actions: vec![],
        hint: None,
        links: vec![],
        description: String::new(),
        used: Used::default(),
        staging: None,
        connection: None,
        ..detail()
    }
}

pub fn detail_hostile() -> Detail {
    let value = |label: &str, value: String| ValueView { label: label.to_owned(), value, secret: false, set: None };
    Detail {
        name: HOSTILE.to_owned(),
        description: HOSTILE.to_owned(),
        tags: vec![HOSTILE.to_owned()],
        identity: Some(HOSTILE.to_owned()),
        handle: "h".repeat(60),
        values: vec![value(HOSTILE, HOSTILE.to_owned()), value("Long", "x".repeat(900))],
        ..detail()
    }
}

pub fn deletion() -> Deletion {
    Deletion {
        shell: shell("Delete Leads spreadsheet", Nav::Credentials),
        base: BASE.to_owned(),
        href: format!("{BASE}/01900001"),
        name: "Leads spreadsheet".to_owned(),
        service: "Google Sheets".to_owned(),
        revision: Some(4),
        used: used(),
        last_used: Some(ago(180)),
        confirm: Some(TextBox {
            error: Some(remark("mismatch", "This is not its name. Type it exactly as above.")),
            ..TextBox::of("leads")
        }),
        ask_password: Some(Proof::default()),
        keep_days: 30,
        sign_in: Some("Google Sheets is asked to end the sign-in.".to_owned()),
    }
}

pub fn deletion_unused() -> Deletion {
    Deletion {
        name: HOSTILE.to_owned(),
        used: Used::default(),
        last_used: None,
        confirm: None,
        ask_password: None,
        sign_in: None,
        ..deletion()
    }
}

pub fn deleted() -> Deleted {
    let line = |n: usize, name: &str, new_name| DeletedRow {
        id: format!("0180{n}"),
        name: name.to_owned(),
        tile: tile("smtp", "SMTP"),
        service: "SMTP".to_owned(),
        at: ago(4000),
        by: "Ana Braga".to_owned(),
        purge: When::new(now().plus(TimeDelta::days(27)), now()),
        restore: format!("{BASE}/0180{n}/restoration"),
        purge_href: format!("{BASE}/0180{n}/purge"),
        new_name,
    };
    let taken = TextBox {
        error: Some(remark("name_taken", "Another credential has this name now. Choose a different one.")),
        ..TextBox::of("Old newsletter")
    };
    Deleted {
        shell: shell("Recently deleted", Nav::Credentials),
        base: BASE.to_owned(),
        keep_days: 30,
        rows: vec![line(1, "Old newsletter", Some(taken)), line(2, HOSTILE, None)],
        first: Some(format!("{BASE}/deleted")),
        next: Some(format!("{BASE}/deleted?after=0190")),
    }
}
