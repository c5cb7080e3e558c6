//! What Vault tells of itself, of the token and of the mounts.

use super::Visitor;
use super::envelope::{bare, system};
use crate::api::answer::Answer;
use crate::app::App;
use crate::clock::At;
use actix_web::web;
use serde_json::{Value, json};

/// What clients compare to know what a server can do; not a version of anything that runs here.
const COMPATIBLE: &str = "1.15.0";

/// `sys/health`.
pub fn health(app: &web::Data<App>) -> Answer {
    bare(&json!({
        "initialized": true,
        "sealed": false,
        "standby": false,
        "performance_standby": false,
        "replication_performance_mode": "disabled",
        "replication_dr_mode": "disabled",
        "server_time_utc": app.means.now().utc().timestamp(),
        "version": COMPATIBLE,
        "cluster_name": "credenza",
        "cluster_id": app.means.keyring.instance(),
    }))
}

/// `sys/seal-status`.
pub fn seal_status(app: &web::Data<App>) -> Answer {
    bare(&json!({
        "type": "shamir",
        "initialized": true,
        "sealed": false,
        "t": 1,
        "n": 1,
        "progress": 0,
        "nonce": "",
        "version": COMPATIBLE,
        "build_date": "2023-09-22T16:53:10Z",
        "migration": false,
        "cluster_name": "credenza",
        "cluster_id": app.means.keyring.instance(),
        "recovery_seal": false,
        "storage_type": "inmem",
    }))
}

/// `sys/init`.
pub fn init() -> Answer {
    bare(&json!({ "initialized": true }))
}

/// `auth/token/lookup-self`: everything but the token itself.
pub fn lookup_self(visitor: &Visitor, now: At) -> Answer {
    let token = &visitor.token;
    let ttl = token.expires_at.since(now).num_seconds().max(0);
    system(json!({
        "accessor": token.id.as_str(),
        "creation_time": token.created_at.utc().timestamp(),
        "creation_ttl": token.expires_at.since(token.created_at).num_seconds(),
        "display_name": token.name,
        "entity_id": "",
        "expire_time": token.expires_at.rfc3339(),
        "explicit_max_ttl": 0,
        "id": token.prefix,
        "issue_time": token.created_at.rfc3339(),
        "meta": { "workspace": visitor.workspace.slug, "bot": token.bot_id.as_ref().map(ToString::to_string) },
        "num_uses": 0,
        "orphan": true,
        "path": "auth/token/create",
        "policies": ["default"],
        "renewable": false,
        "ttl": ttl,
        "type": "service",
    }))
}

fn described(visitor: &Visitor) -> Value {
    json!({
        "accessor": format!("kv_{}", visitor.workspace.id),
        "config": { "default_lease_ttl": 0, "force_no_cache": false, "max_lease_ttl": 0 },
        "description": visitor.workspace.name,
        "external_entropy_access": false,
        "local": false,
        "options": { "version": "2" },
        "path": format!("{}/", visitor.workspace.slug),
        "seal_wrap": false,
        "type": "kv",
        "uuid": visitor.workspace.id.as_str(),
    })
}

/// `sys/internal/ui/mounts`.
pub fn mounts(visitor: &Visitor) -> Answer {
    let path = format!("{}/", visitor.workspace.slug);
    system(json!({ "auth": {}, "secret": { path: described(visitor) } }))
}

/// `sys/internal/ui/mounts/{mount}`.
pub fn mount(visitor: &Visitor) -> Answer {
    system(described(visitor))
}
