//! Guide pages: every service of the catalogue, and one page each.

use crate::app::App;
use crate::catalog::load::category_label;
use crate::catalog::schema::{CheckKind, FieldKind, Integration, Method};
use crate::error::Error;
use crate::model::permission::ReadIntegrations;
use crate::web::answer::{Answer, page};
use crate::web::credentials::create::categories;
use crate::web::credentials::drawn::{notices, tile_of, vendor_links};
use crate::web::guard::Can;
use crate::web::pages::integrations::{FieldGuide, Guide, Integrations, MethodGuide};
use crate::web::pages::shell::{Link, Nav};
use crate::web::shell;
use actix_web::{HttpRequest, web};

/// `GET …/integrations`, with `find`.
pub async fn index(can: Can<ReadIntegrations>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let find = url::form_urlencoded::parse(req.query_string().as_bytes())
        .find(|(name, _)| name == "find")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    let root = can.root();
    page(&Integrations {
        shell: shell::inside(&app, &can, "Services", Nav::Services),
        categories: categories(&app, &find, |id| format!("{root}/integrations/{id}")),
        total: app.catalog.all().len(),
        find,
    })
}

/// `GET …/integrations/{integration}`.
pub async fn show(can: Can<ReadIntegrations>, path: web::Path<(String, String)>, app: web::Data<App>) -> Answer {
    let integration = app.catalog.get(&path.1).ok_or(Error::NotFound)?;
    let create = |method: &str| {
        can.is_admin().then(|| format!("{}/new?integration={}&method={method}", can.list(), integration.id))
    };
    let docs = integration.docs.as_ref().map(|href| Link { label: "Documentation".into(), href: href.clone() });
    page(&Guide {
        shell: shell::inside(&app, &can, &integration.name, Nav::Services),
        base: format!("{}/integrations", can.root()),
        name: integration.name.clone(),
        tile: tile_of(integration),
        category: category_label(&integration.category),
        create: can.is_admin().then(|| format!("{}/new?integration={}", can.list(), integration.id)),
        existing: Some(Link {
            label: format!("Credentials of {}", integration.name),
            href: format!("{}?integration={}", can.list(), integration.id),
        }),
        methods: integration.methods.iter().map(|m| method_guide(integration, m, create(&m.id))).collect(),
        notices: notices(integration),
        links: docs.into_iter().chain(vendor_links(integration)).collect(),
        checked_on: integration.checked_on.format("%-d %B %Y").to_string(),
    })
}

fn method_guide(integration: &Integration, method: &Method, create: Option<String>) -> MethodGuide {
    MethodGuide {
        id: method.id.clone(),
        label: method.label.clone(),
        create,
        notes: integration.guide.iter().chain(&integration.banner).chain(&method.banner).cloned().collect(),
        fields: fields(method),
        permissions: method.permissions.iter().cloned().collect(),
        check: check(method),
        rotation: rotation(method),
        edit_reason: method.edit_reason.clone().unwrap_or_default(),
    }
}

fn fields(method: &Method) -> Vec<FieldGuide> {
    method
        .form_fields()
        .filter(|field| field.kind != FieldKind::Notice)
        .map(|field| FieldGuide {
            label: field.label.clone(),
            help: [&field.help, &field.find].into_iter().flatten().cloned().collect::<Vec<_>>().join(" "),
            docs: field.docs.clone(),
            example: field.placeholder.clone().filter(|text| is_example(text)).unwrap_or_default(),
            secret: field.kind.is_secret(),
            optional: !field.required,
        })
        .collect()
}

/// Whether a placeholder shows a value rather than describing one: “32 characters” is no example.
fn is_example(placeholder: &str) -> bool {
    !placeholder.contains(' ') || placeholder.starts_with(['{', '-'])
}

/// An address with the labels of fields where their values go: `‹Base address›/me`.
fn labelled(address: &str, method: &Method) -> String {
    let mut parts = address.split('{');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (slot, rest) = part.split_once('}').unwrap_or((part, ""));
        let name = slot.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or(slot);
        let label = method.field(name).map_or(name, |field| field.label.as_str());
        text.push_str(&format!("‹{label}›{rest}"));
    }
    text
}

/// What the live test does, in a sentence.
fn check(method: &Method) -> String {
    let check = &method.check;
    match check.kind {
        CheckKind::Smtp => "Connects, encrypts, signs in and hangs up. No mail is sent.".into(),
        CheckKind::Sql => {
            "Connects, encrypts, signs in, asks SELECT 1 and hangs up. No table is read or changed.".into()
        }
        CheckKind::Steps => "Signs in and, where there is a session, signs out again. Free, changes nothing.".into(),
        CheckKind::Format | CheckKind::None => check.why.clone().unwrap_or_default(),
        _ => match &check.request {
            Some(request) => format!(
                "Calls {} {}. It is free and changes nothing.",
                request.method.as_str(),
                labelled(request.url.text(), method)
            ),
            None => String::new(),
        },
    }
}

fn rotation(method: &Method) -> String {
    let Some(rotation) = &method.rotation else { return String::new() };
    let every = rotation.every_days.map(|days| format!("Every {days} days.")).unwrap_or_default();
    [every, rotation.how.clone().unwrap_or_default()].join(" ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::is_example;

    #[test]
    fn a_description_is_no_example() {
        for example in [
            "sk_live_…",
            "https://api.example.com/v1",
            "{ \"type\": \"service_account\" }",
            "-----BEGIN PRIVATE KEY-----",
        ] {
            assert!(is_example(example), "{example}");
        }
        for description in ["32 characters", "the user's password", "copied from the App Publisher"] {
            assert!(!is_example(description), "{description}");
        }
    }
}
