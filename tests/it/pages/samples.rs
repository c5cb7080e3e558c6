//! One or more samples of every page, as a person would meet them.

use super::sample_audit as audit;
use super::sample_bots as bots;
use super::sample_details as details;
use super::sample_forms as forms;
use super::sample_lists as lists;
use super::sample_oauth as oauth;
use super::sample_overview as overview;
use super::sample_people as people;
use super::sample_settings as settings;
use super::sample_tokens as tokens;
use askama::Template;
use credenza::clock::At;
use credenza::web::pages::account::Account;
use credenza::web::pages::entry::{Message, Setup, SignIn};
use credenza::web::pages::error::ErrorPage;
use credenza::web::pages::form::{Notice, TextBox};
use credenza::web::pages::integrations::{FieldGuide, Guide, Integrations, MethodGuide};
use credenza::web::pages::markup::Markup;
use credenza::web::pages::shell::{
    Assets, Link, Nav, PersonView, Shell, Theme, Toast, Tone, WorkspaceLink, WorkspaceView,
};
use credenza::web::pages::status::Tile;
use credenza::web::pages::time::When;

/// What somebody might type into any box.
pub const HOSTILE: &str = "\"><script>alert(1)</script><svg onload=alert(2)> {{7*7}} </textarea>' autofocus onfocus=alert(3) hx-get=/x hx-on:click=\"alert(4)\"";

/// A rendered sample.
pub struct Sample {
    pub name: String,
    pub html: String,
}

pub fn all() -> Vec<Sample> {
    let mut out = Vec::new();
    let mut add = |name: &str, html: askama::Result<String>| {
        out.push(Sample { name: name.to_owned(), html: html.expect(name) });
    };
    add("list", lists::list().render());
    add("list-member", lists::list_member().render());
    add("list-empty", lists::list_empty().render());
    add("list-none", lists::list_none().render());
    add("list-hostile", lists::list_hostile().render());
    add("row", lists::row_fragment().render());
    add("detail", details::detail().render());
    add("detail-member", details::detail_member().render());
    add("detail-hostile", details::detail_hostile().render());
    add("gallery", lists::gallery("").render());
    add("gallery-none", lists::gallery("zzz").render());
    add("deletion", details::deletion().render());
    add("deletion-unused", details::deletion_unused().render());
    add("replacement", details::replacement().render());
    add("replacement-alone", details::replacement_alone().render());
    add("replacement-unused", details::replacement_unused().render());
    add("suspension", details::suspension().render());
    add("suspension-off", details::suspension_off().render());
    add("test-mail", details::test_mail().render());
    add("test-mail-refused", details::test_mail_refused().render());
    add("test-mail-off", details::test_mail_off().render());
    add("bots", bots::list().render());
    add("bots-empty", bots::list_empty().render());
    add("bots-member", bots::list_member().render());
    add("bot", bots::show().render());
    add("bot-empty", bots::show_empty().render());
    add("bot-member", bots::show_member().render());
    add("tokens", tokens::list().render());
    add("tokens-refused", tokens::list_refused().render());
    add("token-shown", tokens::shown().render());
    add("token-gone", tokens::gone().render());
    add("token-rotation", tokens::rotation().render());
    add("token-revocation", tokens::revocation().render());
    add("manage-tokens", tokens::manage().render());
    add("manage-tokens-refused", tokens::manage_refused().render());
    add("manage-token-shown", tokens::manage_shown().render());
    add("manage-token-rotation", tokens::manage_rotation().render());
    add("manage-token-revocation", tokens::manage_revocation().render());
    add("bot-new", bots::form_new().render());
    add("bot-edit", bots::form_stale().render());
    add("bot-deletion", bots::deletion().render());
    add("bot-draft-deletion", bots::deletion_draft().render());
    add("publication", bots::publication().render());
    add("publication-withdrawn", bots::withdrawal().render());
    add("block-services", bots::block_services().render());
    add("block", bots::block().render());
    add("block-edit", bots::block_edit().render());
    add("block-removal", bots::removal().render());
    add("deleted", details::deleted().render());
    add("new", forms::new_refused().render());
    add("new-plain", forms::new_plain().render());
    add("new-hostile", forms::new_hostile().render());
    add("new-consent", forms::new_consent(true).render());
    add("new-without-client", forms::new_consent(false).render());
    add("app", oauth::app(forms::fields().form.fields).render());
    add("flow", oauth::flow().render());
    add("flow-failed", oauth::flow_failed().render());
    add("flow-confirm", oauth::flow_confirm().render());
    add("flow-done", oauth::flow_done().render());
    add("callback-stopped", oauth::stopped(true).render());
    add("callback-signed-out", oauth::stopped(false).render());
    add("fields", forms::fields().render());
    add("edit", forms::edit().render());
    add("conflict", forms::conflict().render());
    add("rename", forms::rename().render());
    add("rotation", forms::rotation().render());
    add("audit", audit::page().render());
    add("audit-broken", audit::broken().render());
    add("audit-hostile", audit::hostile().render());
    add("overview", overview::admin().render());
    add("overview-member", overview::member().render());
    add("settings", settings::page().render());
    add("settings-hostile", settings::hostile().render());
    add("workspace-deletion", settings::deletion(&["Orders", HOSTILE]).render());
    add("workspace-deletion-calm", settings::deletion(&[]).render());
    add("transfer", settings::transfer(&["Ana Braga (ana@acme.example, Member)", HOSTILE]).render());
    add("transfer-nobody", settings::transfer(&[]).render());
    add("support", settings::open("Acme").render());
    add("support-hostile", settings::open(HOSTILE).render());
    add("support-none", settings::open("").render());
    add("integrations", integrations().render());
    add("guide", guide().render());
    add("account", account().render());
    people::add_all(&mut add);
    add("setup", setup().render());
    add("sign-in", sign_in(None).render());
    add(
        "sign-in-refused",
        sign_in(Some("We could not sign you in with this e-mail and password. Check both and try again.")).render(),
    );
    for status in [400, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503] {
        let page = ErrorPage {
            incident: (status == 500).then(|| "01J8-9F2C".to_owned()),
            ..ErrorPage::of(shell("Error", Nav::Nowhere), status)
        };
        add(&format!("error-{status}"), page.render());
    }
    add("error-bare", ErrorPage::of(bare("Not found"), 404).render());
    out
}

pub fn now() -> At {
    At::from_micros(1_795_000_000_000_000).expect("in the calendar")
}

pub fn ago(minutes: i64) -> When {
    When::new(now().plus(chrono::TimeDelta::minutes(-minutes)), now())
}

pub fn assets() -> Assets {
    Assets {
        css: "/static/css/app.css".to_owned(),
        js: "/static/js/app.js".to_owned(),
        passkeys: "/static/js/passkeys.js".to_owned(),
        htmx: "/static/vendor/htmx-4.0.1.min.js".to_owned(),
        icons: Markup::of("/static/icons.svg"),
        mark: "/static/icon.svg".to_owned(),
    }
}

pub fn shell(title: &str, current: Nav) -> Shell {
    Shell {
        title: title.to_owned(),
        person: Some(PersonView { name: "Ana Braga".to_owned(), email: "ana@acme.example".to_owned() }),
        workspace: Some(WorkspaceView {
            name: "Acme Store".to_owned(),
            slug: "acme".to_owned(),
            role: "Admin".to_owned(),
        }),
        workspaces: vec![
            WorkspaceLink { name: "Acme Store".to_owned(), href: "/w/acme/credentials".to_owned(), current: true },
            WorkspaceLink { name: "Northwind".to_owned(), href: "/w/northwind/credentials".to_owned(), current: false },
        ],
        current,
        shortcuts: true,
        assets: assets(),
        counts: Some(12),
        support_contact: Some("it-help@acme.example".to_owned()),
        ..Shell::default()
    }
}

pub fn bare(title: &str) -> Shell {
    Shell {
        title: title.to_owned(),
        assets: assets(),
        support_contact: Some("it-help@acme.example".to_owned()),
        ..Shell::default()
    }
}

pub fn tile(id: &str, name: &str) -> Tile {
    let drawn = [
        "shopify",
        "google-sheets",
        "stripe",
        "whatsapp",
        "openai",
        "sap",
        "salesforce",
        "slack",
        "hubspot",
        "twilio",
        "telegram",
        "anthropic",
    ];
    Tile::new(id, name, drawn.contains(&id))
}

fn integrations() -> Integrations {
    Integrations {
        shell: shell("Services", Nav::Services),
        find: String::new(),
        total: 16,
        categories: lists::categories("/w/acme/integrations/"),
    }
}

fn guide() -> Guide {
    let field = |label: &str, help: &str, secret: bool| FieldGuide {
        label: label.to_owned(),
        help: help.to_owned(),
        docs: secret.then(|| "https://docs.stripe.com/keys".to_owned()),
        example: if secret { "rk_live_…".to_owned() } else { String::new() },
        secret,
        optional: !secret,
    };
    let method = |id: &str, label: &str| MethodGuide {
        id: id.to_owned(),
        label: label.to_owned(),
        create: Some(format!("/w/acme/credentials/new?integration=stripe&method={id}")),
        notes: vec!["A restricted key is better than a secret key: it can do only what you tick.".to_owned()],
        fields: vec![
            field("Secret or restricted key", "Developers → API keys → Create restricted key.", true),
            field("Account", "Only for Connect platforms.", false),
        ],
        permissions: vec!["charges:write".to_owned(), "customers:read".to_owned()],
        check: "Reads the account. Free, changes nothing.".to_owned(),
        rotation: "Create a second key, save it here, then revoke the first.".to_owned(),
        edit_reason: String::new(),
    };
    Guide {
        shell: shell("Stripe", Nav::Services),
        base: "/w/acme/integrations".to_owned(),
        name: "Stripe".to_owned(),
        tile: tile("stripe", "Stripe"),
        category: "Payments".to_owned(),
        create: Some("/w/acme/credentials/new?integration=stripe".to_owned()),
        existing: Some(Link {
            label: "2 credentials".to_owned(),
            href: "/w/acme/credentials?integration=stripe".to_owned(),
        }),
        methods: vec![method("api_key", "API key"), method("connect", "Connect platform")],
        notices: vec![Notice {
            text: "Keys of the old format stop working.".to_owned(),
            date: "1 December 2026".to_owned(),
        }],
        links: vec![
            Link { label: "Documentation".to_owned(), href: "https://docs.stripe.com/keys".to_owned() },
            Link { label: "Status page".to_owned(), href: "https://status.stripe.com/".to_owned() },
        ],
        checked_on: "21 November 2026".to_owned(),
    }
}

fn account() -> Account {
    let toast = Some(Toast { tone: Tone::Good, text: "Saved.".to_owned() });
    Account {
        shell: Shell { toast, ..shell("Your account", Nav::Account) },
        name: TextBox::of("Ana Braga"),
        email: "ana@acme.example".to_owned(),
        theme: Theme::System,
        shortcuts: true,
        workspaces: vec![Link { label: "Acme Store".to_owned(), href: "/w/acme/departure".to_owned() }],
    }
}

fn setup() -> Setup {
    Setup {
        shell: bare("Welcome"),
        token: TextBox::of("f3a9-11c0-77de"),
        workspace: TextBox::of("Acme Store"),
        email: TextBox::default(),
        password: TextBox {
            error: Some(forms::remark("too_short", "Use at least 12 characters.")),
            ..TextBox::default()
        },
        password_min: 12,
    }
}

fn sign_in(refusal: Option<&str>) -> SignIn {
    SignIn {
        shell: bare("Sign in"),
        email: refusal.map(|_| "ana@acme.example".to_owned()).unwrap_or_default(),
        next: "/w/acme/credentials".to_owned(),
        passkeys: true,
        message: refusal.map(|text| Message { bad: true, code: "refused".to_owned(), text: text.to_owned() }),
    }
}
