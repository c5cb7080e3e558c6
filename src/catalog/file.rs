//! Files of the catalogue as they are written, before methods inherit from the top level.

use crate::catalog::schema::{
    Check, Edit, Egress, Field, Inject, Jwt, Logout, MethodKind, Notes, Notice, OAuth, Retry, Rotation, Rule,
    SecretShape, Step, Tile,
};
use crate::catalog::template::Template;
use chrono::NaiveDate;
use serde::Deserialize;

/// A file of the catalogue as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub schema: u32,
    pub id: String,
    pub name: String,
    pub category: String,
    pub icon: Option<String>,
    pub tile: Option<Tile>,
    pub docs: Option<String>,
    pub dashboard: Option<String>,
    pub manage: Option<String>,
    pub status_page: Option<String>,
    pub notice: Option<Notice>,
    #[serde(default)]
    pub search: Vec<String>,
    #[serde(deserialize_with = "crate::catalog::pattern::date")]
    pub checked_on: NaiveDate,
    pub banner: Option<String>,
    #[serde(default)]
    pub guide: Vec<String>,
    pub egress: Option<Egress>,
    #[serde(default, rename = "secret")]
    pub secrets: Vec<SecretShape>,
    #[serde(default, rename = "field")]
    pub fields: Vec<Field>,
    pub inject: Option<Inject>,
    pub check: Option<Check>,
    #[serde(default, rename = "method")]
    pub methods: Vec<MethodTable>,
}

/// A `[[method]]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MethodTable {
    pub id: String,
    pub label: String,
    pub kind: MethodKind,
    pub token: Option<Template>,
    #[serde(default)]
    pub edit: Edit,
    pub edit_reason: Option<String>,
    pub banner: Option<String>,
    pub permissions: Option<String>,
    pub docs: Option<String>,
    #[serde(default)]
    pub notes: Notes,
    pub egress: Option<Egress>,
    #[serde(default, rename = "field")]
    pub fields: Vec<Field>,
    pub oauth: Option<OAuth>,
    pub jwt: Option<Jwt>,
    #[serde(default, rename = "step")]
    pub steps: Vec<Step>,
    pub logout: Option<Logout>,
    pub retry: Option<Retry>,
    pub inject: Option<Inject>,
    pub check: Option<Check>,
    pub rotation: Option<Rotation>,
}

/// `_defaults.toml` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Defaults {
    #[serde(default)]
    pub on: Vec<Rule>,
}
