//! Tests of the catalogue's rules, on files of their own.

mod address;
mod form;
mod load;
mod properties;
mod sql;
mod template;

use crate::catalog::{Catalog, LoadError};

/// A small file that loads; tests change one thing in it.
pub(crate) const ACME: &str = r#"
schema = 1
id = "acme"
name = "Acme"
category = "crm"
search = ["loja", "São Paulo"]
checked_on = 2026-01-02

[egress]
hosts = ["*.acme.example"]

[[field]]
name = "shop"
label = "Shop"
kind = "text"
suffix = ".acme.example"

[inject]
base_url = "https://{shop}.acme.example/v1"
headers = { Authorization = "Bearer {key}" }

[check]
kind = "http"
request = { url = "/me" }
expect = { json = [{ path = "id", present = true }] }
cost = "free"
effect = "none"
on = [{ status = 402, outcome = "blocked", hint = "The account of {shop} is closed." }]

[[method]]
id = "api_key"
label = "API key"
kind = "api_key"

  [[method.field]]
  name = "key"
  label = "Key"
  kind = "secret"
  pattern = '^ac_[a-z0-9]+$'
"#;

/// Loads one file under its name.
pub(crate) fn load(text: &str) -> Result<Catalog, LoadError> {
    Catalog::of_files([("acme.toml", text)])
}
