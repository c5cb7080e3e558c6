//! What the list shows and the numbers beside it, kept for as long as nothing in their workspace changes.
//!
//! Every change of a workspace moves the head of its audit chain in the same transaction. So what was read stays
//! what would be read as long as the head stands where it stood, which is asked for each time.

use super::credential_list::{self, Page, Query};
use super::permission::Role;
use super::status::Status;
use super::support::{self, Access};
use super::workspace::Workspace;
use super::{audit, bot, count, usage};
use crate::clock::At;
use crate::db::Conn;
use crate::error::Result;
use crate::id::Id;
use lru::LruCache;
use std::collections::BTreeMap;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// So many pages are kept, of all workspaces together, and the numbers of so many workspaces; a full page has about 40 KiB.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(127);

/// One page of the list with what stands around it.
#[derive(Debug)]
pub struct Listed {
    /// The rows.
    pub page: Page,
    /// The services of the newest credentials; empty for who cannot create any.
    pub recent: Vec<String>,
    /// How many bots have a block for each credential of the page; `None` while the workspace has no bot.
    pub bots: Option<BTreeMap<String, i64>>,
    /// Whether there is something to restore; `false` for who cannot.
    pub has_deleted: bool,
}

impl Listed {
    fn read(conn: &mut Conn, workspace: &Id<Workspace>, role: Role, query: &Query) -> Result<Self> {
        let is_admin = role == Role::Admin;
        let page = credential_list::page(conn, workspace, query)?;
        let recent = if is_admin { credential_list::recent_beside(conn, workspace, query, &page)? } else { Vec::new() };
        let bots = if bot::exists(conn, workspace)? {
            let ids: Vec<&str> = page.rows.iter().map(|row| row.id.as_str()).collect();
            Some(usage::counts(conn, workspace, &ids)?)
        } else {
            None
        };
        let has_deleted = is_admin && credential_list::has_deleted(conn, workspace)?;
        Ok(Self { page, recent, bots, has_deleted })
    }
}

type Key = (Id<Workspace>, Role, Query);
/// How many credentials a workspace has in each status.
pub type Counts = Vec<(Status, i64)>;
/// Where the head of a workspace's chain stood when something of it was read.
pub type Head = Vec<u8>;

type Shelf<K, V> = Mutex<LruCache<K, (Head, Arc<V>)>>;

/// What was read last, each with the head under which it was.
pub struct Lists {
    pages: Shelf<Key, Listed>,
    counts: Shelf<Id<Workspace>, Counts>,
    support: Shelf<Id<Workspace>, Vec<Access>>,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            pages: Mutex::new(LruCache::new(KEPT)),
            counts: Mutex::new(LruCache::new(KEPT)),
            support: Mutex::new(LruCache::new(KEPT)),
        }
    }
}

impl Lists {
    /// Where the head of a workspace's chain stands. It is asked for before what is kept under it: a change in
    /// between leaves newer rows under an older head, which is asked for in vain.
    pub fn head(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<Head> {
        audit::head(conn, workspace.as_str())
    }

    /// The page that `query` asks for, if it is kept as it is under `head`.
    pub fn kept_page(&self, workspace: &Id<Workspace>, role: Role, query: &Query, head: &Head) -> Option<Arc<Listed>> {
        found(&self.pages, &(workspace.clone(), role, query.clone()), head)
    }

    /// The page that `query` asks for, as it is under `head`.
    pub fn page(
        &self,
        conn: &mut Conn,
        workspace: &Id<Workspace>,
        role: Role,
        query: &Query,
        head: &Head,
    ) -> Result<Arc<Listed>> {
        let key = (workspace.clone(), role, query.clone());
        kept(&self.pages, key, head, || Listed::read(conn, workspace, role, query))
    }

    /// How many credentials the workspace has in each status, as it is under `head`.
    pub fn counts(&self, conn: &mut Conn, workspace: &Id<Workspace>, head: &Head) -> Result<Arc<Counts>> {
        kept(&self.counts, workspace.clone(), head, || count::all(conn, workspace))
    }

    /// The same, if it is kept as it is under `head`.
    pub fn kept_counts(&self, workspace: &Id<Workspace>, head: &Head) -> Option<Arc<Counts>> {
        found(&self.counts, workspace, head)
    }

    /// As [`Lists::support`], if it is kept as it is under `head`.
    pub fn kept_support(&self, workspace: &Id<Workspace>, head: &Head, now: At) -> Option<Vec<Access>> {
        found(&self.support, workspace, head).map(|open| of_now(&open, now))
    }

    /// Who may look in as support now, as it is under `head`; their names as they were then.
    pub fn support(&self, conn: &mut Conn, workspace: &Id<Workspace>, head: &Head, now: At) -> Result<Vec<Access>> {
        let open = kept(&self.support, workspace.clone(), head, || support::open(conn, workspace, now))?;
        Ok(of_now(&open, now))
    }
}

fn of_now(open: &[Access], now: At) -> Vec<Access> {
    open.iter().filter(|access| access.until.is_none_or(|end| end > now)).cloned().collect()
}

fn found<K: Hash + Eq, V>(all: &Shelf<K, V>, key: &K, head: &Head) -> Option<Arc<V>> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    all.get(key).filter(|(at, _)| at == head).map(|(_, value)| value.clone())
}

fn kept<K: Hash + Eq, V>(all: &Shelf<K, V>, key: K, head: &Head, read: impl FnOnce() -> Result<V>) -> Result<Arc<V>> {
    match found(all, &key, head) {
        Some(value) => Ok(value),
        None => {
            let value = Arc::new(read()?);
            all.lock().unwrap_or_else(PoisonError::into_inner).put(key, (head.clone(), value.clone()));
            Ok(value)
        }
    }
}
