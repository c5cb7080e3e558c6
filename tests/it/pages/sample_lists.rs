//! Samples of the list and the gallery.

use super::samples::{HOSTILE, ago, assets, shell, tile};
use credenza::web::pages::gallery::{Category, Gallery, GalleryItem};
use credenza::web::pages::list::{Chip, List, Pick, Row, RowFragment, ServiceLink};
use credenza::web::pages::markup::Markup;
use credenza::web::pages::shell::{Link, Nav, Shell, Toast, Tone};
use credenza::web::pages::status::{Badge, Stamp, StatusKind, StatusView};

pub const BASE: &str = "/w/acme/credentials";

pub fn status(kind: StatusKind, word: &str, line: &str, verb: &'static str, minutes: i64) -> StatusView {
    StatusView {
        kind,
        word: word.to_owned().into(),
        line: line.to_owned().into(),
        when: (!verb.is_empty()).then(|| Stamp { verb, at: ago(minutes) }),
    }
}

type Text = &'static str;

struct Line(Text, Text, Text, Text, Text, StatusView, Text, Option<i64>);

fn row(n: usize, line: Line) -> Row<'static> {
    let Line(integration, service, name, description, method, status, environment, used) = line;
    let id = format!("0190{n:04}");
    let badge = |text: &'static str| Badge { text, tone: if text == "test" { Tone::Plain } else { Tone::Warn } };
    Row {
        href: Markup::of(format!("{BASE}/{id}")),
        id: Markup::of(id),
        name: Markup::of(name),
        description: description.into(),
        badges: if environment.is_empty() { vec![] } else { vec![badge(environment)] },
        tile: tile(integration, service),
        service,
        method,
        verifiable: status.kind != StatusKind::Suspended,
        status,
        used_by: Some(if used.is_some() { "2 bots".to_owned() } else { "none".to_owned() }),
        last_used: used.map(ago),
        editable: true,
    }
}

pub fn rows() -> Vec<Row<'static>> {
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

pub fn list() -> List<'static> {
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

pub fn list_member() -> List<'static> {
    let hide = |row: Row<'static>| Row { last_used: None, description: "".into(), ..row };
    List { can_manage: false, details: false, deleted: None, rows: rows().into_iter().map(hide).collect(), ..list() }
}

pub fn list_empty() -> List<'static> {
    List { rows: vec![], total: 0, next: None, deleted: None, ..list() }
}

pub fn list_none() -> List<'static> {
    List { rows: vec![], q: HOSTILE.to_owned(), filtered: true, next: None, first: Some(BASE.to_owned()), ..list() }
}

pub fn list_hostile() -> List<'static> {
    let long: Text = "Credencial-de-produção-com-um-nome-muito-comprido-".repeat(4).leak();
    let bad = |(n, row): (usize, Row<'static>)| match n {
        0 => Row { name: Markup::of(long), description: long.into(), ..row },
        1 => Row { name: Markup::of("Ünïcodé 日本語の認証情報 ".repeat(8)), ..row },
        _ => Row { name: Markup::of(HOSTILE), description: HOSTILE.into(), method: HOSTILE, ..row },
    };
    let toast = Some(Toast { tone: Tone::Good, text: format!("Saved “{HOSTILE}”.") });
    List {
        shell: Shell { toast, ..shell(HOSTILE, Nav::Credentials) },
        rows: rows().into_iter().enumerate().map(bad).collect(),
        ..list()
    }
}

pub fn row_fragment() -> RowFragment<'static> {
    let line =
        Line("stripe", "Stripe", "Stripe Brazil", "", "API key", StatusView::plain(StatusKind::Working), "", None);
    RowFragment { assets: assets(), can_manage: true, details: true, uses: true, row: row(1, line) }
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
