//! The KV engine: `data`, `metadata`, `LIST` and `config` below a mount.

use super::envelope::{kv, nothing, system};
use super::{Visitor, airflow};
use crate::api::answer::{Answer, instant};
use crate::api::problem::{self, Problem};
use crate::api::take;
use crate::app::App;
use crate::broker::handed::{Handed, hand_out};
use crate::model::bot_use::{Asked, Purpose, Wanted, blocks_of, find_within_reach, within_reach};
use crate::model::credential::Credential;
use crate::model::version::Version;
use actix_web::{HttpRequest, web};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Names that a list gives at most.
const MOST: i64 = 10_000;
/// Versions that metadata tell of.
const VERSIONS: i64 = 50;

/// What a path below `data` or `metadata` names.
enum Named {
    Credential(String),
    Block(String),
    /// In the shape that Airflow takes.
    Connection(String),
}

impl Named {
    fn read(path: &str) -> Option<Self> {
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["blocks", key] if !key.is_empty() => Some(Self::Block((*key).to_owned())),
            ["connections", handle] if !handle.is_empty() => Some(Self::Connection((*handle).to_owned())),
            ["blocks" | "connections"] => None,
            [handle] if !handle.is_empty() => Some(Self::Credential((*handle).to_owned())),
            _ => None,
        }
    }
}

/// Answers what is asked for below the token's mount.
pub(super) async fn answer(
    req: &HttpRequest,
    app: &web::Data<App>,
    visitor: &Visitor,
    path: &str,
    lists: bool,
) -> Answer {
    let (verb, rest) = path.split_once('/').unwrap_or((path, ""));
    match (verb, lists) {
        ("config", false) => system(json!({ "cas_required": false, "delete_version_after": "0s", "max_versions": 0 })),
        ("metadata", true) => list(app, visitor, rest).await,
        ("metadata", false) => metadata(app, visitor, rest).await,
        ("data", false) => data(req, app, visitor, rest).await,
        _ => Err(nothing()),
    }
}

#[derive(Serialize)]
struct Data<'a> {
    data: Value,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    created_time: String,
    custom_metadata: BTreeMap<&'a str, &'a str>,
    deletion_time: &'a str,
    destroyed: bool,
    version: i64,
}

async fn data(req: &HttpRequest, app: &web::Data<App>, visitor: &Visitor, path: &str) -> Answer {
    let named = Named::read(path).ok_or_else(nothing)?;
    let asked = url::form_urlencoded::parse(req.query_string().as_bytes()).find(|(name, _)| name == "version");
    let version = match asked.map(|(_, text)| text.parse::<i64>()) {
        None | Some(Ok(0)) => None,
        Some(Ok(number)) if number > 0 => Some(number),
        Some(_) => return Err(Problem::new(&problem::MALFORMED, "The version is not a number.")),
    };
    let is_connection = matches!(named, Named::Connection(_));
    let wanted = wanted(app, visitor, named).await?;
    let asked = Asked { caller: visitor.caller.clone(), purpose: Purpose::Fetch, wanted, version };
    let granted = take::granted(app, asked).await?;
    let handed = hand_out(&app.broker(), &app.sessions, &granted).await?.map_err(Problem::from)?;
    let values = if is_connection { airflow::connection(&handed) } else { plain(&handed) };
    let row = &handed.granted.row;
    let metadata = Metadata {
        created_time: instant(handed.granted.version.created_at),
        custom_metadata: custom(row),
        deletion_time: "",
        destroyed: false,
        version: handed.granted.version.version,
    };
    kv(Data { data: values, metadata })
}

/// Names of Airflow's connections often have underscores where handles have hyphens.
async fn wanted(app: &web::Data<App>, visitor: &Visitor, named: Named) -> Result<Wanted, Problem> {
    let handle = match named {
        Named::Block(key) => return Ok(Wanted::Block(key)),
        Named::Credential(handle) => return Ok(Wanted::Credential(handle)),
        Named::Connection(handle) => handle,
    };
    let other = handle.to_lowercase().replace('_', "-");
    if other == handle {
        return Ok(Wanted::Credential(handle));
    }
    let (token, exact) = (visitor.token.clone(), handle.clone());
    let now = app.means.now();
    let is_there = app.db.read(move |conn| Ok(find_within_reach(conn, &token, &exact, now)?.is_some())).await?;
    Ok(Wanted::Credential(if is_there { handle } else { other }))
}

fn plain(handed: &Handed<'_>) -> Value {
    let values = handed.values.iter().map(|(name, value)| (name.clone(), Value::String(value.expose().to_owned())));
    Value::Object(Map::from_iter(values))
}

fn custom(row: &Credential) -> BTreeMap<&'static str, &str> {
    BTreeMap::from([
        ("name", row.name.as_str()),
        ("integration", row.integration.as_str()),
        ("method", row.method.as_str()),
        ("environment", row.environment.as_str()),
        ("status", row.status.as_str()),
    ])
}

async fn metadata(app: &web::Data<App>, visitor: &Visitor, path: &str) -> Answer {
    let named = Named::read(path).ok_or_else(nothing)?;
    let (token, now) = (visitor.token.clone(), app.means.now());
    let (row, versions) = match wanted(app, visitor, named).await? {
        Wanted::Credential(name) => {
            let found = app.db.read(move |conn| {
                let Some(row) = find_within_reach(conn, &token, &name, now)? else { return Ok(None) };
                let versions = Version::recent(conn, &row.workspace_id, &row.id, VERSIONS)?;
                Ok(Some((row, versions)))
            });
            found.await?.ok_or_else(nothing)?
        }
        Wanted::Block(key) => {
            let found = app.db.read(move |conn| {
                let blocks = blocks_of(conn, &token, "", crate::model::block::MOST)?;
                let chosen = blocks.into_iter().find(|block| block.key == key).and_then(|block| block.credential);
                let Some(row) = chosen.filter(|row| row.deleted_at.is_none()) else { return Ok(None) };
                let versions = Version::recent(conn, &row.workspace_id, &row.id, VERSIONS)?;
                Ok(Some((row, versions)))
            });
            found.await?.ok_or_else(nothing)?
        }
    };
    let oldest = versions.last().map_or(row.live_version, |version| version.version);
    let told: BTreeMap<String, Value> = versions
        .iter()
        .map(|version| {
            let at = instant(version.created_at);
            let gone = version.sealed.is_none();
            (version.version.to_string(), json!({ "created_time": at, "deletion_time": "", "destroyed": gone }))
        })
        .collect();
    kv(json!({
        "cas_required": false,
        "created_time": instant(row.created_at),
        "current_version": row.live_version,
        "custom_metadata": custom(&row),
        "delete_version_after": "0s",
        "max_versions": 0,
        "oldest_version": oldest,
        "updated_time": instant(versions.first().map_or(row.created_at, |version| version.created_at)),
        "versions": told,
    }))
}

async fn list(app: &web::Data<App>, visitor: &Visitor, path: &str) -> Answer {
    let token = visitor.token.clone();
    let folder = path.trim_end_matches('/').to_owned();
    let keys = app.db.read(move |conn| {
        let handles = |conn: &mut crate::db::Conn| -> crate::error::Result<Vec<String>> {
            Ok(within_reach(conn, &token, "", MOST)?.into_iter().map(|row| row.handle).collect())
        };
        match folder.as_str() {
            "" => {
                let mut keys = handles(conn)?;
                if !keys.is_empty() {
                    keys.push("connections/".to_owned());
                }
                if !blocks_of(conn, &token, "", 1)?.is_empty() {
                    keys.push("blocks/".to_owned());
                }
                keys.sort();
                Ok(keys)
            }
            "connections" => handles(conn),
            "blocks" => {
                let blocks = blocks_of(conn, &token, "", crate::model::block::MOST)?;
                Ok(blocks.into_iter().map(|block| block.key).collect())
            }
            _ => Ok(Vec::new()),
        }
    });
    let keys = keys.await?;
    if keys.is_empty() { Err(nothing()) } else { kv(json!({ "keys": keys })) }
}
