//! Samples of forms.

use super::sample_details::step;
use super::samples::{HOSTILE, shell, tile};
use credenza::catalog::form::{Choice, Control, FieldView, Remark};
use credenza::check::report::StepResult;
use credenza::id::Id;
use credenza::web::pages::edit::{Change, Conflict, Edit, Rename, Rotation, ScheduleView};
use credenza::web::pages::form::{
    Banner, BlockLink, ConsentView, Fields, FormView, HelpView, MethodLink, New, Notice, PatternView, Proof,
    ServiceHead, TextBox,
};
use credenza::web::pages::shell::{Link, Nav};
use credenza::web::pages::status::{Hint, StepsView};

const BASE: &str = "/w/acme/credentials";
const HREF: &str = "/w/acme/credentials/01900007";

pub fn remark(code: &'static str, text: &str) -> Remark {
    Remark { code, text: text.to_owned() }
}

fn field(name: &str, label: &str, control: Control, value: &str) -> FieldView {
    FieldView {
        name: name.to_owned(),
        label: label.to_owned(),
        control,
        help: None,
        docs: None,
        placeholder: String::new(),
        prefix: None,
        suffix: None,
        value: value.to_owned(),
        choices: vec![],
        min: None,
        max: None,
        required: true,
        advanced: false,
        locked: false,
        visible: true,
        only_if: None,
        steers: false,
        stored: false,
        clearable: false,
        error: None,
        warning: None,
    }
}

fn choice(value: &str, label: &str, port: &str, selected: bool) -> Choice {
    Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        selected,
        warn: (value == "none").then(|| "The password crosses the network in clear text.".to_owned()),
        set: vec![("port".to_owned(), port.to_owned())],
    }
}

fn smtp() -> Vec<FieldView> {
    vec![
        FieldView {
            placeholder: "smtp.example.com".to_owned(),
            ..field("host", "Server", Control::Text, "smtp.acme.example")
        },
        FieldView {
            choices: vec![
                choice("implicit", "TLS (465)", "465", false),
                choice("starttls", "STARTTLS (587)", "587", true),
                choice("none", "None", "25", false),
            ],
            steers: true,
            ..field("tls", "Encryption", Control::Select, "starttls")
        },
        FieldView { min: Some(1), max: Some(65535), ..field("port", "Port", Control::Number, "587") },
        FieldView {
            required: false,
            steers: true,
            help: Some("Leave empty for a relay that trusts your address.".to_owned()),
            ..field("user", "User name", Control::Text, "news@acme.example")
        },
        FieldView {
            placeholder: "Enter it again".to_owned(),
            only_if: Some("only if User name is filled".to_owned()),
            error: Some(remark("invalid", "Refused by the server. It was not stored.")),
            ..field("password", "Password or app password", Control::Secret, "")
        },
        FieldView { required: false, ..field("from", "Default sender", Control::Email, "") },
        FieldView { required: false, advanced: true, ..field("helo", "Host name in EHLO", Control::Text, "") },
    ]
}

fn every_control() -> Vec<FieldView> {
    let many =
        (1..8).map(|n| choice(&n.to_string(), &format!("Region number {n} of the cloud"), "1", n == 3)).collect();
    vec![
        FieldView {
            prefix: Some("https://".to_owned()),
            suffix: Some(".myshopify.com".to_owned()),
            placeholder: "acme".to_owned(),
            ..field("shop", "Shop", Control::Text, "")
        },
        FieldView {
            placeholder: "https://example.com".to_owned(),
            locked: true,
            ..field("base", "Address", Control::Url, "https://acme.example/")
        },
        FieldView { choices: many, ..field("region", "Region", Control::Select, "3") },
        FieldView {
            choices: vec![choice("one", "One", "1", false), choice("two", "Two", "2", false)],
            error: Some(remark("required", "Choose one.")),
            help: Some("How many there are.".to_owned()),
            ..field("number", "Number", Control::Select, "")
        },
        FieldView {
            steers: true,
            required: false,
            help: Some("For stores with several markets.".to_owned()),
            ..field("markets", "Use markets", Control::Switch, "true")
        },
        FieldView {
            stored: true,
            clearable: true,
            required: false,
            placeholder: "Stored. Leave blank to keep it".to_owned(),
            docs: Some("https://shopify.dev/docs".to_owned()),
            warning: Some(remark("weak", "This looks like a test key.")),
            ..field("token", "Access token", Control::Secret, "")
        },
        FieldView {
            placeholder: "-----BEGIN PRIVATE KEY-----".to_owned(),
            only_if: Some("only if Use markets is on".to_owned()),
            visible: false,
            ..field("key", "Private key", Control::SecretText, "")
        },
        FieldView {
            help: Some("Ask your administrator for a custom app.".to_owned()),
            ..field("hint", "Custom apps only.", Control::Notice, "")
        },
    ]
}

fn form(fields: Vec<FieldView>) -> FormView {
    FormView {
        action: BASE.to_owned(),
        redraw: format!("{BASE}/form"),
        integration: "smtp".to_owned(),
        method: "password".to_owned(),
        revision: None,
        name: TextBox::of("Newsletter mail"),
        name_example: "Production Gmail SMTP".to_owned(),
        description: TextBox::default(),
        environment: TextBox::of("production"),
        tags: TextBox::of("mail, marketing"),
        fields,
        ask_password: None,
    }
}

fn service() -> ServiceHead {
    ServiceHead {
        id: "smtp".to_owned(),
        name: "SMTP".to_owned(),
        method: "User name and password".to_owned(),
        tile: tile("smtp", "SMTP"),
        guide: "/w/acme/integrations/smtp".to_owned(),
    }
}

fn report() -> StepsView {
    StepsView {
        steps: vec![
            step("Found smtp.acme.example", StepResult::Ok, "", 12),
            step("Connected on port 587", StepResult::Ok, "", 31),
            step("STARTTLS, certificate valid", StepResult::Ok, "", 58),
            step("Signed in", StepResult::Failed, "535 refused", 204),
            step("Ready to send", StepResult::Skipped, "", 0),
        ],
        trigger: String::new(),
        at: None,
    }
}

fn help() -> HelpView {
    HelpView {
        notes: vec![
            "Gmail and Microsoft 365 want an app password or a sign-in. Your provider calls it “outgoing server”."
                .to_owned(),
        ],
        links: vec![Link {
            label: "Mail submission, RFC 6409".to_owned(),
            href: "https://datatracker.ietf.org/doc/html/rfc6409".to_owned(),
        }],
        notices: vec![Notice {
            text: "Microsoft 365 switches off passwords for SMTP.".to_owned(),
            date: "31 December 2026".to_owned(),
        }],
    }
}

fn patterns() -> Vec<PatternView> {
    let pattern = |label: &str, pattern: &str, env: &str, own| PatternView {
        label: label.to_owned(),
        pattern: pattern.to_owned(),
        env: env.to_owned(),
        own,
    };
    vec![
        pattern("Stripe secret key", "^sk_live_[A-Za-z0-9]+$", "live", false),
        pattern("SendGrid API key", "^SG\\.", "", true),
    ]
}

fn banner() -> Banner {
    Banner {
        title: "The server refused the user name or password.".to_owned(),
        hint: Hint {
            code: "smtp_535".to_owned(),
            text: "smtp.acme.example answered 535. With two-step sign-in you need an app password. Nothing was saved."
                .to_owned(),
        },
        links: vec![],
    }
}

pub fn new_refused() -> New {
    let method = |label: &str, current| MethodLink {
        label: label.to_owned(),
        href: format!("{BASE}/new?integration=smtp&method=x"),
        current,
    };
    New {
        shell: shell("New SMTP credential", Nav::Credentials),
        base: BASE.to_owned(),
        service: service(),
        block: Some(BlockLink {
            block: Id::new(),
            bot: Id::new(),
            label: "Send the confirmation".to_owned(),
            bot_name: "Order confirmations".to_owned(),
            bot_href: "/w/acme/bots/0190".to_owned(),
        }),
        methods: vec![method("Password", true), method("Google account", false), method("Microsoft 365", false)],
        form: FormView {
            environment: TextBox { error: Some(remark("invalid", "Choose one of these.")), ..TextBox::default() },
            ..form(smtp())
        },
        banner: Some(banner()),
        report: Some(report()),
        may_skip: true,
        help: help(),
        patterns: patterns(),
        consent: None,
    }
}

/// A method that asks for consent, before and after its client was entered.
pub fn new_consent(ready: bool) -> New {
    let client = Some("/w/acme/apps/google-sheets?method=oauth".to_owned());
    New { banner: None, report: None, consent: Some(ConsentView { client, ready }), ..new_refused() }
}

pub fn new_plain() -> New {
    let environment = TextBox { warning: Some(remark("live_in_test", "This is a live key.")), ..TextBox::of("test") };
    let name = TextBox {
        warning: Some(remark("vague_name", "Others will not know which one this is.")),
        ..TextBox::of("Credentials 1")
    };
    New {
        methods: vec![],
        block: None,
        banner: None,
        report: None,
        may_skip: false,
        form: FormView { name, environment, ask_password: Some(Proof::default()), ..form(every_control()) },
        ..new_refused()
    }
}

pub fn new_hostile() -> New {
    let spoil = |f: FieldView| FieldView {
        label: HOSTILE.to_owned(),
        help: Some(HOSTILE.to_owned()),
        value: if f.is_secret() { String::new() } else { HOSTILE.to_owned() },
        placeholder: HOSTILE.to_owned(),
        ..f
    };
    New {
        form: FormView {
            name: TextBox::of(HOSTILE),
            tags: TextBox::of(HOSTILE),
            ..form(every_control().into_iter().map(spoil).collect())
        },
        ..new_refused()
    }
}

pub fn fields() -> Fields {
    Fields { form: form(smtp()) }
}

pub fn edit() -> Edit {
    let locked: Vec<_> = every_control().into_iter().map(|f| FieldView { locked: !f.is_secret(), ..f }).collect();
    Edit {
        shell: shell("Edit Newsletter mail", Nav::Credentials),
        base: BASE.to_owned(),
        href: HREF.to_owned(),
        name: "Newsletter mail".to_owned(),
        service: service(),
        form: FormView { action: HREF.to_owned(), redraw: format!("{HREF}/form"), revision: Some(3), ..form(locked) },
        reason: Some("The sign-in belongs to one account. Connect again to change it.".to_owned()),
        used: super::sample_details::used(),
        banner: None,
        report: None,
        may_skip: false,
        help: help(),
        patterns: vec![],
    }
}

pub fn conflict() -> Conflict {
    let change = |label: &str, stored: &str, sent: &str| Change {
        label: label.to_owned(),
        stored: stored.to_owned(),
        sent: sent.to_owned(),
    };
    Conflict {
        shell: shell("Someone changed this", Nav::Credentials),
        base: BASE.to_owned(),
        href: HREF.to_owned(),
        name: "Newsletter mail".to_owned(),
        by: "Rui Costa".to_owned(),
        changes: vec![change("Port", "465", "587"), change("Description", "", HOSTILE)],
    }
}

pub fn rename() -> Rename {
    Rename {
        shell: shell("Rename Newsletter mail", Nav::Credentials),
        base: BASE.to_owned(),
        href: HREF.to_owned(),
        name: "Newsletter mail".to_owned(),
        handle: "newsletter-mail".to_owned(),
        revision: Some(3),
        new_name: TextBox {
            error: Some(remark("name_taken", "Another credential has this name. Choose a different one.")),
            ..TextBox::of("Stripe Brazil")
        },
    }
}

pub fn rotation() -> Rotation {
    Rotation {
        shell: shell("New secret", Nav::Credentials),
        base: BASE.to_owned(),
        href: HREF.to_owned(),
        name: "Newsletter mail".to_owned(),
        service: service(),
        form: FormView { action: format!("{HREF}/rotation"), revision: Some(3), ..form(smtp()) },
        used: super::sample_details::used(),
        staging: super::sample_details::staging(),
        schedule: ScheduleView {
            serve: "at".to_owned(),
            serve_at: TextBox {
                error: Some(remark("invalid", "Choose a moment that is still to come.")),
                ..TextBox::of("2020-01-01T10:00")
            },
            keep_hours: 24,
        },
        consents: false,
        how: "Create a second app password, save it here, test, then delete the first.".to_owned(),
        banner: Some(banner()),
        report: Some(report()),
        may_skip: true,
        help: help(),
        patterns: vec![],
    }
}
