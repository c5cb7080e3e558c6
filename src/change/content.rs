//! The values to be stored: what was sent, and what is kept of the stored secrets.

use super::kept::Kept;
use crate::app::App;
use crate::catalog::destination;
use crate::catalog::form::{Parsed, Remark, Remarks, Stored};
use crate::catalog::schema::{Env, Method};
use crate::error::Error;
use crate::model::credential::Badge;
use crate::model::credential_change::Content;
use std::collections::BTreeMap;

/// The values to store; the inner error names the secrets that must be sent again.
pub(super) async fn content(
    app: &App,
    kept: &Kept,
    method: &Method,
    parsed: Parsed,
    changed: Vec<String>,
) -> Result<Result<Content, Remarks>, Error> {
    let env = parsed.env;
    let old = if parsed.kept.is_empty() {
        BTreeMap::new()
    } else {
        match kept.open(app, method).await? {
            Ok(old) => old,
            // What cannot be decrypted cannot be kept: each such box must be filled again.
            Err(_) => return Ok(Err(unreadable(&parsed))),
        }
    };
    let values = parsed.complete(old);
    let badge = match (badge(env), changed.iter().any(|name| values.secret.contains_key(name))) {
        (Badge::None, false) => kept.row.badge,
        (fresh, _) => fresh,
    };
    Ok(Ok(Content {
        destination: destination::destination(method, &values.plain),
        place: destination::shown(method, &values.plain).unwrap_or_default(),
        badge,
        changed,
        values,
    }))
}

fn unreadable(parsed: &Parsed) -> Remarks {
    let remark = |name: &String| {
        let text = "What is stored cannot be decrypted. Enter it again.".to_owned();
        (name.clone(), Remark { code: "secret_required", text })
    };
    Remarks(parsed.kept.iter().map(remark).collect())
}

/// The names of the fields that differ from what is stored.
pub fn changed_fields(stored: &Stored, parsed: &Parsed) -> Vec<String> {
    let plain = stored
        .plain
        .keys()
        .chain(parsed.values.plain.keys())
        .filter(|name| stored.plain.get(*name) != parsed.values.plain.get(*name));
    let mut changed: Vec<String> =
        plain.chain(parsed.values.secret.keys()).chain(parsed.removed.iter()).cloned().collect();
    changed.sort_unstable();
    changed.dedup();
    changed
}

/// What the key says of itself.
pub fn badge(env: Option<Env>) -> Badge {
    match env {
        None => Badge::None,
        Some(Env::Live) => Badge::Live,
        Some(Env::Test) => Badge::Test,
    }
}
