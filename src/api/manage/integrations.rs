//! The catalogue: services, their methods, and the fields that each asks for.

use super::guard::Managed;
use crate::api::answer::{Answer, json};
use crate::api::problem::Details;
use crate::app::App;
use crate::catalog::form::{Mode, Shown, fields};
use crate::catalog::schema::{self, FieldKind, MethodKind, Overlap};
use crate::error::Error;
use crate::model::permission::ReadIntegrations;
use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

/// A service, in a list.
#[derive(Serialize, ToSchema)]
pub struct IntegrationRow {
    /// Its id.
    id: String,
    /// What it is called.
    name: String,
    /// Where it stands in the gallery.
    category: String,
    /// The ids of its methods.
    methods: Vec<String>,
}

/// One page of services.
#[derive(Serialize, ToSchema)]
pub struct Integrations {
    /// The services, by id.
    integrations: Vec<IntegrationRow>,
    /// What to ask for as `after` to get the next page; none on the last.
    next: Option<String>,
}

/// A service with its methods.
#[derive(Serialize, ToSchema)]
pub struct Integration {
    /// Its id.
    id: String,
    /// What it is called.
    name: String,
    /// Where it stands in the gallery.
    category: String,
    /// The vendor's page on signing in.
    docs: Option<String>,
    /// Where keys are made and revoked.
    manage: Option<String>,
    /// Where the vendor says whether it works.
    status_page: Option<String>,
    /// Its ways to sign in.
    methods: Vec<Method>,
}

/// A way to sign in.
#[derive(Serialize, ToSchema)]
pub struct Method {
    /// Its id, within the service.
    id: String,
    /// What it is called.
    label: String,
    /// Its family.
    #[schema(value_type = String)]
    kind: MethodKind,
    /// Whether a person must agree at the service's page: such a credential is made in the console.
    needs_consent: bool,
    /// Whether there is a live test; without one a credential stays unverified.
    has_live_test: bool,
    /// What may be changed after creation: `full`, only the secret (`rename`), or `none`.
    #[schema(value_type = String)]
    edit: schema::Edit,
    /// What the key must be allowed to do.
    permissions: Option<String>,
    /// How often the secret should be changed, and how.
    rotation: Option<Rotation>,
    /// What is filled in.
    fields: Vec<Field>,
}

/// How often and how to change a secret.
#[derive(Serialize, ToSchema)]
pub struct Rotation {
    /// Days after which it should be changed.
    every_days: Option<u32>,
    /// Whether old and new work side by side: `two_keys`, `grace` or `none`.
    #[schema(value_type = String)]
    overlap: Overlap,
    /// What to do, in order.
    how: Option<String>,
}

/// A field of a method.
#[derive(Serialize, ToSchema)]
pub struct Field {
    /// Its name in `values`.
    name: String,
    /// What it is called.
    label: String,
    /// What kind of value it takes; `switch` takes `true` or `false`.
    #[schema(value_type = String)]
    kind: FieldKind,
    /// Whether it is sealed, and never sent back.
    secret: bool,
    /// Whether it must be filled while it is asked.
    required: bool,
    /// When it is asked, in words; otherwise it is ignored.
    only_if: Option<String>,
    /// What it is unless it is sent.
    default: Option<String>,
    /// The values to choose from.
    options: Vec<Choice>,
    /// The least number.
    min: Option<i64>,
    /// The largest number.
    max: Option<i64>,
    /// A regular expression that it must fit.
    pattern: Option<String>,
    /// What it is for.
    help: Option<String>,
    /// Where a person finds it.
    r#where: Option<String>,
    /// The vendor's page on it.
    docs: Option<String>,
    /// What it looks like.
    example: Option<String>,
    /// Whether it stays as it is after creation.
    immutable: bool,
}

/// A value to choose.
#[derive(Serialize, ToSchema)]
pub struct Choice {
    /// What is sent.
    value: String,
    /// What it means.
    label: String,
}

impl From<&schema::Integration> for IntegrationRow {
    fn from(one: &schema::Integration) -> Self {
        Self {
            id: one.id.clone(),
            name: one.name.clone(),
            category: one.category.clone(),
            methods: one.methods.iter().map(|method| method.id.clone()).collect(),
        }
    }
}

impl From<&schema::Integration> for Integration {
    fn from(one: &schema::Integration) -> Self {
        Self {
            id: one.id.clone(),
            name: one.name.clone(),
            category: one.category.clone(),
            docs: one.docs.clone(),
            manage: one.manage.clone(),
            status_page: one.status_page.clone(),
            methods: one.methods.iter().map(Method::from).collect(),
        }
    }
}

impl From<&schema::Method> for Method {
    fn from(method: &schema::Method) -> Self {
        let shown = Shown::default();
        let drawn = fields(method, Mode::Create, &shown);
        let only_if = |name: &str| drawn.iter().find(|view| view.name == name).and_then(|view| view.only_if.clone());
        Self {
            id: method.id.clone(),
            label: method.label.clone(),
            kind: method.kind,
            needs_consent: method.needs_consent(),
            has_live_test: method.has_live_test(),
            edit: method.edit,
            permissions: method.permissions.clone(),
            rotation: method.rotation.as_ref().map(|rotation| Rotation {
                every_days: rotation.every_days,
                overlap: rotation.overlap,
                how: rotation.how.clone(),
            }),
            fields: method.form_fields().map(|field| Field::of(field, only_if(&field.name))).collect(),
        }
    }
}

impl Field {
    fn of(field: &schema::Field, only_if: Option<String>) -> Self {
        Self {
            name: field.name.clone(),
            label: field.label.clone(),
            kind: field.kind,
            secret: field.kind.is_secret(),
            required: field.required,
            only_if,
            default: Some(field.default_text().to_owned()).filter(|text| !text.is_empty()),
            options: field
                .options
                .iter()
                .map(|option| Choice { value: option.value.as_str().to_owned(), label: option.label.clone() })
                .collect(),
            min: field.min,
            max: field.max,
            pattern: field.pattern.as_ref().filter(|_| !field.pattern_soft).map(|p| p.as_str().to_owned()),
            help: field.help.clone(),
            r#where: field.find.clone(),
            docs: field.docs.clone(),
            example: field.placeholder.clone(),
            immutable: field.immutable,
        }
    }
}

/// The services of the catalogue.
#[utoipa::path(
    get,
    path = "/api/v1/integrations",
    tag = "management",
    params(
        ("q" = Option<String>, Query, description = "Words, each of which begins a word of the service's name, id or category"),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "Entries of a page; 100 unless it is sent"),
        ("after" = Option<String>, Query, description = "Continue behind this id"),
    ),
    responses(
        (status = 200, description = "One page", body = Integrations),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn index(managed: Managed<ReadIntegrations>, app: web::Data<App>) -> Answer {
    let query = managed.query(&["q", "limit", "after"])?;
    let (limit, after) = (query.limit()?, query.text("after").unwrap_or_default());
    let mut found = app.catalog.search(query.text("q").unwrap_or_default());
    found.sort_by(|a, b| a.id.cmp(&b.id));
    let mut behind = found.into_iter().filter(|one| one.id.as_str() > after);
    let integrations: Vec<IntegrationRow> = behind.by_ref().take(limit).map(IntegrationRow::from).collect();
    let next = behind.next().and_then(|_| integrations.last()).map(|last| last.id.clone());
    json(&Integrations { integrations, next })
}

/// One service with its methods and their fields.
#[utoipa::path(
    get,
    path = "/api/v1/integrations/{integration}",
    tag = "management",
    params(("integration" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The service", body = Integration),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(managed: Managed<ReadIntegrations>, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let found = app.catalog.get(&managed.named("integration")).ok_or(Error::NotFound)?;
    json(&Integration::from(found))
}
