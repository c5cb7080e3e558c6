//! A credential in the shape that Airflow's Vault backend takes: the arguments of a connection.

use crate::broker::handed::{ACCESS_TOKEN, Handed};
use serde_json::{Map, Value, json};
use url::Url;

/// The connection of a credential. What has no field there is in `extra`, as JSON.
pub fn connection(handed: &Handed<'_>) -> Value {
    let row = &handed.granted.row;
    let get =
        |names: &[&str]| names.iter().find_map(|name| handed.values.get(*name)).map(|value| value.expose().to_owned());
    let conn_type = match row.integration.as_str() {
        "postgresql" => "postgres",
        "mysql" => "mysql",
        "smtp" => "smtp",
        _ => "http",
    };
    let base = get(&["base_url", "url"]).and_then(|text| Url::parse(&text).ok());
    let host = get(&["host"]).or_else(|| base.as_ref().map(|url| url.to_string().trim_end_matches('/').to_owned()));
    let port = get(&["port"]).and_then(|text| text.parse::<u16>().ok());
    let login = get(&["user", "username", "login", "email", "account_sid", "client_id"]);
    let password = get(&[ACCESS_TOKEN, "password", "token", "api_key", "key", "secret"]).or_else(|| {
        let named = handed.granted.values.secret.keys().next()?;
        get(&[named.as_str()])
    });
    let mut all = Map::new();
    all.insert("conn_type".to_owned(), json!(conn_type));
    all.insert("description".to_owned(), json!(row.name));
    let texts = [("host", host), ("login", login), ("password", password), ("schema", get(&["database"]))];
    all.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?)))));
    all.extend(port.map(|port| ("port".to_owned(), json!(port))));
    all.insert("extra".to_owned(), json!(extra(handed, conn_type).to_string()));
    Value::Object(all)
}

/// What the connection's fields have no room for, and how Airflow's hooks call it.
fn extra(handed: &Handed<'_>, conn_type: &str) -> Value {
    const IN_FIELDS: [&str; 5] = ["host", "port", "user", "password", "database"];
    let values = handed.values.iter().filter(|(name, _)| !IN_FIELDS.contains(&name.as_str()));
    let mut extra: Map<String, Value> =
        values.map(|(name, value)| (name.clone(), Value::String(value.expose().to_owned()))).collect();
    let tls = handed.values.get("tls").map(|value| value.expose().to_owned()).unwrap_or_default();
    if conn_type == "smtp" {
        extra.insert("disable_ssl".to_owned(), json!(tls != "tls" && tls != "implicit"));
        extra.insert("disable_tls".to_owned(), json!(tls != "starttls"));
        if let Some(from) = handed.values.get("from") {
            extra.insert("from_email".to_owned(), json!(from.expose()));
        }
    }
    Value::Object(extra)
}
