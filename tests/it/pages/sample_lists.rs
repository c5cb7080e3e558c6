//! Samples of the list, the gallery, a credential's page and deletion.

use super::sample_forms::remark;
use super::samples::{HOSTILE, ago, assets, now, shell, tile};
use chrono::TimeDelta;
use credenza::check::report::{Step, StepResult};
use credenza::web::pages::deletion::{Deleted, DeletedRow, Deletion};
use credenza::web::pages::detail::{Action, Detail, EditRule, EventView, Mark, UseView, ValueView, VersionView};
use credenza::web::pages::form::{Notice, ServiceHead, TextBox};
use credenza::web::pages::gallery::{Category, Gallery, GalleryItem};
use credenza::web::pages::list::{Chip, List, Pick, Row, RowFragment, ServiceLink};
use credenza::web::pages::shell::{Link, Nav, Shell, Toast, Tone};
use credenza::web::pages::status::{Badge, Hint, Stamp, StatusKind, StatusView, StepsView};
use credenza::web::pages::time::When;

const BASE: &str = "/w/acme/credentials";

pub fn status(kind: StatusKind, word: &str, line: &str, verb: &str, minutes: i64) -> StatusView {
    StatusView {
        kind,
        word: word.to_owned(),
        line: line.to_owned(),
        when: (!verb.is_empty()).then(|| Stamp { verb: verb.to_owned(), at: ago(minutes) }),
    }
}

struct Line<'a>(&'a str, &'a str, &'a str, &'a str, &'a str, StatusView, &'a str, Option<i64>);

fn row(n: usize, line: Line<'_>) -> Row {
    let Line(integration, service, name, description, method, status, environment, used) = line;
    let badge =
        |text: &str| Badge { text: text.to_owned(), tone: if text == "test" { Tone::Plain } else { Tone::Warn } };
    Row {
        id: format!("0190{n:04}"),
        href: format!("{BASE}/0190{n:04}"),
        name: name.to_owned(),
        description: description.to_owned(),
        badges: if environment.is_empty() { vec![] } else { vec![badge(environment)] },
        tile: tile(integration, service),
        service: service.to_owned(),
        method: method.to_owned(),
        verifiable: status.kind != StatusKind::Suspended,
        status,
        used_by: Some(if used.is_some() { "2 bots".to_owned() } else { "none".to_owned() }),
        last_used: used.map(ago),
        editable: true,
    }
}

pub fn rows() -> Vec<Row> {
    use StatusKind::{Broken, Expiring, Suspended, Unreadable, Unverified, Working};
    let good = |minutes| status(Working, "Working", "", "verified", minutes);
    let lines = [
        Line(
            "shopify",
            "Shopify",
            "Loja principal",
            "orders and stock sync",
            "Admin API token",
            good(2),
            "production",
            Some(0),
        ),
        Line(
            "google-sheets",
            "Google Sheets",
            "Leads spreadsheet",
            "connected as owner@acme.example",
            "Sign in with Google",
            status(Broken, "Broken", "access withdrawn, connect again", "checked", 180),
            "",
            Some(180),
        ),
        Line(
            "stripe",
            "Stripe",
            "Stripe Brazil",
            "restricted key, charges only",
            "API key",
            good(60),
            "live key",
            Some(4),
        ),
        Line(
            "whatsapp",
            "WhatsApp Cloud API",
            "WhatsApp support line",
            "+55 11 4002 ····",
            "System user token",
            good(61),
            "production",
            Some(0),
        ),
        Line(
            "rd-station",
            "RD Station",
            "RD Station CRM",
            "connected as marketing@acme.example",
            "OAuth 2.0",
            status(Expiring, "Expires in 9 days", "", "verified", 90),
            "",
            Some(7200),
        ),
        Line("openai", "OpenAI", "OpenAI assistants", "project key “bots-prod”", "API key", good(300), "", Some(12)),
        Line(
            "sap",
            "SAP Business One",
            "SAP B1 head office",
            "10.20.4.12:50000",
            "Session login",
            status(Unverified, "Unverified", "server did not answer", "last good", 1500),
            "",
            Some(1500),
        ),
        Line("smtp", "SMTP", "Newsletter mail", "smtp.acme.example:587", "User name and password", good(20), "", None),
        Line(
            "salesforce",
            "Salesforce",
            "Salesforce sandbox",
            "acme--uat.my.salesforce.com",
            "Client credentials",
            status(Suspended, "Suspended", "switched off by Ana Braga", "", 0),
            "test",
            Some(30240),
        ),
        Line(
            "http",
            "HTTP API",
            "Unreadable one",
            "",
            "Header",
            status(Unreadable, "Unreadable", "key root-2025 is missing", "", 0),
            "",
            None,
        ),
    ];
    lines.into_iter().enumerate().map(|(n, line)| row(n, line)).collect()
}

fn chips() -> Vec<Chip> {
    let chip = |label: &str, count, tone, current| Chip {
        label: label.to_owned(),
        href: format!("{BASE}?status={}", label.to_lowercase()),
        count,
        tone,
        current,
    };
    vec![
        chip("All", 12, Tone::Plain, true),
        chip("Working", 7, Tone::Plain, false),
        chip("Broken", 1, Tone::Bad, false),
        chip("Expiring", 1, Tone::Warn, false),
        chip("Unverified", 1, Tone::Plain, false),
    ]
}

fn picks(labels: &[&str]) -> Vec<Pick> {
    let pick = |(n, label): (usize, &&str)| Pick {
        value: if n == 0 { String::new() } else { label.to_lowercase() },
        label: (*label).to_owned(),
        selected: n == 0,
    };
    labels.iter().enumerate().map(pick).collect()
}

fn recents() -> Vec<ServiceLink> {
    let link = |id: &str, name: &str| ServiceLink {
        tile: tile(id, name),
        name: name.to_owned(),
        href: format!("{BASE}/new?integration={id}"),
    };
    vec![
        link("smtp", "SMTP"),
        link("stripe", "Stripe"),
        link("openai", "OpenAI"),
        link("whatsapp", "WhatsApp Cloud API"),
    ]
}

pub fn list() -> List {
    List {
        shell: shell("Credentials", Nav::Credentials),
        base: BASE.to_owned(),
        can_manage: true,
        details: true,
        q: String::new(),
        status: String::new(),
        chips: chips(),
        services: picks(&["All services", "Stripe", "SMTP"]),
        environments: picks(&["All environments", "Production", "Test"]),
        sorts: picks(&["Newest first", "Name", "Status", "Last used"]),
        rows: rows(),
        total: 12,
        filtered: false,
        first: None,
        next: Some(format!("{BASE}?after=0190")),
        recents: recents(),
        deleted: Some(Link { label: "Recently deleted (2)".to_owned(), href: format!("{BASE}/deleted") }),
    }
}

pub fn list_member() -> List {
    let hide = |row: Row| Row { used_by: None, last_used: None, description: String::new(), ..row };
    List { can_manage: false, details: false, deleted: None, rows: rows().into_iter().map(hide).collect(), ..list() }
}

pub fn list_empty() -> List {
    List { rows: vec![], total: 0, next: None, deleted: None, ..list() }
}

pub fn list_none() -> List {
    List { rows: vec![], q: HOSTILE.to_owned(), filtered: true, next: None, first: Some(BASE.to_owned()), ..list() }
}

pub fn list_hostile() -> List {
    let long = "Credencial-de-produção-com-um-nome-muito-comprido-".repeat(4);
    let bad = |(n, row): (usize, Row)| match n {
        0 => Row { name: long.clone(), description: long.clone(), ..row },
        1 => Row { name: "Ünïcodé 日本語の認証情報 ".repeat(8), ..row },
        _ => Row { name: HOSTILE.to_owned(), description: HOSTILE.to_owned(), method: HOSTILE.to_owned(), ..row },
    };
    let toast = Some(Toast { tone: Tone::Good, text: format!("Saved “{HOSTILE}”.") });
    List {
        shell: Shell { toast, ..shell(HOSTILE, Nav::Credentials) },
        rows: rows().into_iter().enumerate().map(bad).collect(),
        ..list()
    }
}

pub fn row_fragment() -> RowFragment {
    let line =
        Line("stripe", "Stripe", "Stripe Brazil", "", "API key", StatusView::plain(StatusKind::Working), "", None);
    RowFragment { assets: assets(), can_manage: true, details: true, uses: true, row: row(1, line) }
}

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
        badges: vec![Badge { text: "production".to_owned(), tone: Tone::Warn }],
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
        used_by: Some(vec![
            UseView {
                bot: "Lead intake".to_owned(),
                published: true,
                block: "Append row".to_owned(),
                last: Some(ago(180)),
            },
            UseView { bot: "Weekly report".to_owned(), published: false, block: "Read sheet".to_owned(), last: None },
        ]),
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
        edit: EditRule::Rename(
            "The sign-in belongs to one account and one set of permissions. Connect again to change it.".to_owned(),
        ),
        href,
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
        used_by: None,
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

pub fn categories(prefix: &str) -> Vec<Category> {
    let item = |id: &str, name: &str, methods: &str| GalleryItem {
        tile: tile(id, name),
        name: name.to_owned(),
        methods: methods.to_owned(),
        href: format!("{prefix}{id}"),
        words: format!("{} {id}", name.to_lowercase()),
    };
    let category = |id: &str, name: &str, services| Category { id: id.to_owned(), name: name.to_owned(), services };
    vec![
        category(
            "email",
            "E-mail",
            vec![
                item("smtp", "SMTP", "User name and password, Google account"),
                item("sendgrid", "SendGrid", "API key"),
            ],
        ),
        category(
            "messaging",
            "Messaging",
            vec![
                item("whatsapp", "WhatsApp Cloud API", "System user token"),
                item("slack", "Slack", "Bot token"),
                item("telegram", "Telegram", "Bot token"),
                item("twilio", "Twilio", "API key, Auth token"),
            ],
        ),
        category(
            "payments",
            "Payments",
            vec![item("stripe", "Stripe", "API key"), item("mercado-pago", "Mercado Pago", "Access token")],
        ),
        category(
            "crm",
            "CRM",
            vec![
                item("hubspot", "HubSpot", "Private app token"),
                item("rd-station", "RD Station", "OAuth 2.0"),
                item("salesforce", "Salesforce", "OAuth 2.0, Client credentials"),
            ],
        ),
        category("ai", "AI", vec![item("openai", "OpenAI", "API key"), item("anthropic", "Anthropic", "API key")]),
    ]
}

pub fn gallery(find: &str) -> Gallery {
    Gallery {
        shell: shell("Which service?", Nav::Credentials),
        base: BASE.to_owned(),
        find: find.to_owned(),
        total: 229,
        recents: if find.is_empty() { recents() } else { vec![] },
        categories: if find.is_empty() { categories("/w/acme/credentials/new?integration=") } else { vec![] },
        other: recents().pop().map(|link| ServiceLink { name: "HTTP API".to_owned(), ..link }),
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
        bots: Some(vec!["Lead intake".to_owned(), "Weekly report".to_owned()]),
        last_used: Some(ago(180)),
        confirm: Some(TextBox {
            error: Some(remark("mismatch", "This is not its name. Type it exactly as above.")),
            ..TextBox::of("leads")
        }),
        ask_password: Some(TextBox::default()),
        keep_days: 30,
    }
}

pub fn deletion_unused() -> Deletion {
    Deletion { name: HOSTILE.to_owned(), bots: None, last_used: None, confirm: None, ask_password: None, ..deletion() }
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
        next: None,
    }
}
