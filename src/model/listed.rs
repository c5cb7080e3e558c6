//! What the list shows, kept for as long as nothing in its workspace changes.
//!
//! Every change of a workspace moves the head of its audit chain in the same transaction. So what was read stays
//! what would be read as long as the head stands where it stood, which is asked for each time.

use super::audit;
use super::credential_list::{self, Page, Query};
use super::permission::Role;
use super::workspace::Workspace;
use crate::db::Conn;
use crate::error::Result;
use crate::id::Id;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// So many pages are kept, of all workspaces together; a full page has about 40 KiB.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(127);

/// One page of the list with what stands around it.
#[derive(Debug)]
pub struct Listed {
    /// The rows.
    pub page: Page,
    /// The services of the newest credentials; empty for who cannot create any.
    pub recent: Vec<String>,
    /// Whether there is something to restore; `false` for who cannot.
    pub has_deleted: bool,
}

impl Listed {
    fn read(conn: &mut Conn, workspace: &Id<Workspace>, role: Role, query: &Query) -> Result<Self> {
        let is_admin = role == Role::Admin;
        let page = credential_list::page(conn, workspace, query)?;
        let recent = if is_admin { credential_list::recent_beside(conn, workspace, query, &page)? } else { Vec::new() };
        let has_deleted = is_admin && credential_list::has_deleted(conn, workspace)?;
        Ok(Self { page, recent, has_deleted })
    }
}

type Key = (Id<Workspace>, Role, Query);

/// The pages that were read last.
pub struct Lists {
    kept: Mutex<LruCache<Key, (Vec<u8>, Arc<Listed>)>>,
}

impl Default for Lists {
    fn default() -> Self {
        Self { kept: Mutex::new(LruCache::new(KEPT)) }
    }
}

impl Lists {
    /// The page that `query` asks for, as it is now.
    pub fn read(&self, conn: &mut Conn, workspace: &Id<Workspace>, role: Role, query: &Query) -> Result<Arc<Listed>> {
        let key = (workspace.clone(), role, query.clone());
        // Before the rows: a change in between leaves newer rows under an older head, which is asked for in vain.
        let head = audit::head(conn, workspace.as_str())?;
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        match kept {
            Some((at, listed)) if at == head => Ok(listed),
            _ => {
                let listed = Arc::new(Listed::read(conn, workspace, role, query)?);
                self.kept.lock().unwrap_or_else(PoisonError::into_inner).put(key, (head, listed.clone()));
                Ok(listed)
            }
        }
    }
}
