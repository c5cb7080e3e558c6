//! What a running server does about keys: finishes rotations, erases what was retired, looks for keys that are
//! lost and for those that are back.

use super::rotation::{Rotation, Step, compact};
use crate::app::App;
use crate::db::Db;
use crate::error::Result;
use crate::id::Id;
use crate::model::permission::{Allowed, KeepHouse};
use crate::model::workspace::Workspace;
use crate::model::{Means, lost_key, rewrap, root_key, rotation, second_factor};
use actix_web::web;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How often it is asked whether a rotation was begun.
const EVERY: Duration = Duration::from_secs(15);
/// How often keys are looked at that nothing was heard of.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// Workspaces of one page.
const PAGE: i64 = 100;

/// Workspaces with rows that cannot be opened, and when that was found: they are not tried again for a while.
pub type Stuck = HashMap<Id<Workspace>, Instant>;

/// Looks after the keys for as long as the process lives.
pub async fn run(app: web::Data<App>) {
    let (mut stuck, mut looked) = (Stuck::new(), None::<Instant>);
    loop {
        if looked.is_none_or(|at| at.elapsed() >= LOOK) {
            let done = super::unit("key check", look(&app.db, &app.means)).await;
            looked = done.is_ok().then(Instant::now);
        }
        drop(super::unit("key rotation", rotate(&app.db, &app.means, &mut stuck)).await);
        tokio::time::sleep(EVERY).await;
    }
}

/// Goes on with every rotation that was begun, and erases what was retired from the file. Returns how many
/// workspaces had one.
pub async fn rotate(db: &Db, means: &Means, stuck: &mut Stuck) -> Result<usize> {
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let from = after.clone();
        let page = db.read(move |conn| rotation::unfinished(conn, &from, PAGE)).await?;
        let Some(last) = page.last() else { break };
        after = last.to_string();
        for workspace in page {
            if stuck.get(&workspace).is_some_and(|at| at.elapsed() < LOOK) {
                continue;
            }
            count += 1;
            if go_on(db, means, &workspace).await? {
                stuck.remove(&workspace);
            } else {
                stuck.insert(workspace, Instant::now());
            }
        }
    }
    if compact(db).await? {
        tracing::info!("the database file was written anew without the retired keys");
    }
    Ok(count)
}

/// `false`: something is left that cannot be opened.
async fn go_on(db: &Db, means: &Means, workspace: &Id<Workspace>) -> Result<bool> {
    let allowed = Allowed::job(workspace.clone(), "keys");
    let work = Rotation { db: db.clone(), means: means.clone(), allowed };
    let mut told = |step: Step| match step {
        Step::Retired(key) => tracing::info!(%workspace, key, "a workspace key was retired"),
        Step::Sealed { done, left } => tracing::debug!(%workspace, done, left, "sealed anew"),
        Step::Begun(_) | Step::Unreadable(_) => {}
    };
    work.go_on(&mut told).await?;
    let wanted = workspace.clone();
    let left = db.read(move |conn| rotation::left(conn, &wanted)).await?;
    if left > 0 {
        tracing::warn!(%workspace, left, "cannot be opened and stays under its old key until it is entered again");
    }
    Ok(left == 0)
}

/// Notes that the root key is in use, wraps what an older instance root wrapped, and marks what cannot be opened.
/// Returns how many keys and credentials were changed.
pub async fn look(db: &Db, means: &Means) -> Result<usize> {
    let unit = means.clone();
    db.write(move |tx| root_key::note_use(tx, &unit)).await?;
    let wrapped = rewrap_all(db, means).await? + reseal_all(db, means).await?;
    let marked = mark_lost(db, means).await?;
    Ok(wrapped + marked + unmark_found(db, means).await?)
}

async fn rewrap_all(db: &Db, means: &Means) -> Result<usize> {
    let (mut after, mut count) = ((String::new(), 0), 0);
    loop {
        let (unit, from) = (means.clone(), after.clone());
        let (page, _, next) = db.read(move |conn| rewrap::page(conn, &unit, &from)).await?;
        if !page.is_empty() {
            let unit = means.clone();
            count += db.write(move |tx| rewrap::store(tx, &unit, &page)).await?;
        }
        let Some(next) = next else { return Ok(count) };
        after = next;
    }
}

/// Seeds of second factors that an older instance root has sealed are sealed under the active one.
async fn reseal_all(db: &Db, means: &Means) -> Result<usize> {
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let (unit, from) = (means.clone(), after.clone());
        let (done, next) = db.write(move |tx| second_factor::reseal(tx, &unit, &from, PAGE)).await?;
        count += done;
        let Some(next) = next else { return Ok(count) };
        after = next;
    }
}

async fn mark_lost(db: &Db, means: &Means) -> Result<usize> {
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let (unit, from) = (means.clone(), after.clone());
        let (lost, next) = db.read(move |conn| lost_key::page(conn, &unit, &from)).await?;
        for key in lost {
            tracing::error!(workspace = %key.0, key = key.1, "a workspace key is missing or damaged");
            count += mark(db, means, key).await?;
        }
        let Some(next) = next else { return Ok(count) };
        after = next;
    }
}

async fn mark(db: &Db, means: &Means, key: lost_key::Lost) -> Result<usize> {
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let (wanted, from) = (key.clone(), after.clone());
        let ids = db.read(move |conn| lost_key::unmarked(conn, &wanted, &from)).await?;
        let Some(last) = ids.last() else { return Ok(count) };
        after = last.to_string();
        count += ids.len();
        let (unit, allowed) = (means.clone(), Allowed::<KeepHouse>::job(key.0.clone(), "keys"));
        db.write(move |tx| lost_key::mark(tx, &unit, &allowed, &ids)).await?;
    }
}

async fn unmark_found(db: &Db, means: &Means) -> Result<usize> {
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let from = after.clone();
        let page = db.read(move |conn| lost_key::with_unreadable(conn, &from)).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = last.to_string();
        for workspace in page {
            count += unmark(db, means, workspace).await?;
        }
    }
}

async fn unmark(db: &Db, means: &Means, workspace: Id<Workspace>) -> Result<usize> {
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let (wanted, from) = (workspace.clone(), after.clone());
        let ids = db.read(move |conn| lost_key::marked(conn, &wanted, &from)).await?;
        let Some(last) = ids.last() else { return Ok(count) };
        after = last.to_string();
        let (unit, allowed) = (means.clone(), Allowed::<KeepHouse>::job(workspace.clone(), "keys"));
        count += db.write(move |tx| lost_key::unmark(tx, &unit, &allowed, &ids)).await?;
    }
}
