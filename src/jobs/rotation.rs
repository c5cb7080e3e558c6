//! Rotation of the keys of workspaces: by the running server in the background, or by a command; both at once do
//! no harm, and one goes on where another one stopped.

use crate::db::Db;
use crate::error::Result;
use crate::id::Id;
use crate::measure;
use crate::model::permission::{Allowed, ManageKeys};
use crate::model::rotation::{self, Page, Progress};
use crate::model::workspace::Workspace;
use crate::model::{Means, root_key, workspace_key};
use std::time::Duration;

/// Between two pages others get their turn to write.
const PAUSE: Duration = Duration::from_millis(25);

/// Something a rotation has just done, after it was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A new key seals from now on.
    Begun(i32),
    /// So many rows were sealed anew; so many are left under older keys.
    Sealed {
        /// Since this run began.
        done: u64,
        /// Under older keys, those that cannot be opened among them.
        left: i64,
    },
    /// A key was erased.
    Retired(i32),
    /// So many rows cannot be opened, and their key stays until they were entered again.
    Unreadable(i64),
}

/// A rotation of one workspace's keys.
pub struct Rotation {
    /// The database.
    pub db: Db,
    /// Keys and time.
    pub means: Means,
    /// Who rotates, and where.
    pub allowed: Allowed<ManageKeys>,
}

impl Rotation {
    fn workspace(&self) -> Id<Workspace> {
        self.allowed.workspace().clone()
    }

    /// Goes on with a rotation that was begun and not finished, or begins one. `Ok(false)`: something is left
    /// that cannot be opened.
    pub async fn run(&self, told: &mut (dyn FnMut(Step) + Send)) -> Result<bool> {
        if !self.go_on(told).await? && !self.awaits_compaction().await? {
            let (means, allowed) = (self.means.clone(), self.allowed.clone());
            let key = self.db.write(move |tx| workspace_key::begin_rotation(tx, &means, &allowed)).await?;
            told(Step::Begun(key));
            self.go_on(told).await?;
        }
        let workspace = self.workspace();
        let left = self.db.read(move |conn| rotation::left(conn, &workspace)).await?;
        if left > 0 {
            told(Step::Unreadable(left));
        }
        Ok(left == 0)
    }

    /// Seals anew what older keys sealed and erases those that nothing needs any more. `Ok(false)`: there was
    /// nothing that could be done.
    pub async fn go_on(&self, told: &mut (dyn FnMut(Step) + Send)) -> Result<bool> {
        let workspace = self.workspace();
        let (retained, mut left) = self
            .db
            .read(move |conn| Ok((rotation::retained(conn, &workspace)?, rotation::left(conn, &workspace)?)))
            .await?;
        let (mut done, mut acted) = (0, false);
        for key in retained {
            let mut from = Progress::default();
            while let Some(page) = self.prepared(key, &from).await? {
                from = page.next.clone();
                let stored = self.stored(page).await?;
                if stored > 0 {
                    done += stored;
                    left = left.saturating_sub_unsigned(stored).max(0);
                    measure::UNDER_OLD_KEYS.set(left as f64);
                    told(Step::Sealed { done, left });
                }
                tokio::time::sleep(PAUSE).await;
            }
            let (means, allowed) = (self.means.clone(), self.allowed.clone());
            let retired = self.db.write(move |tx| workspace_key::retire(tx, &means, &allowed, key)).await?;
            if retired {
                told(Step::Retired(key));
            }
            acted |= retired;
        }
        Ok(acted || done > 0)
    }

    async fn prepared(&self, key: i32, from: &Progress) -> Result<Option<Page>> {
        let (means, workspace, from) = (self.means.clone(), self.workspace(), from.clone());
        self.db.read(move |conn| rotation::prepare(conn, &means, &workspace, key, &from)).await
    }

    async fn stored(&self, page: Page) -> Result<u64> {
        let (means, allowed) = (self.means.clone(), self.allowed.clone());
        let stored = self.db.write(move |tx| rotation::store(tx, &means, &allowed, &page)).await?;
        measure::RESEALED.add(stored);
        Ok(stored)
    }

    async fn awaits_compaction(&self) -> Result<bool> {
        let workspace = self.workspace();
        self.db.read(move |conn| rotation::awaits_compaction(conn, &workspace)).await
    }
}

/// Writes the file anew, if something was erased since that was done last. `true` if it was.
pub async fn compact(db: &Db) -> Result<bool> {
    let Some(retirement) = db.read(root_key::due_compaction).await? else { return Ok(false) };
    db.compact().await?;
    db.write(move |tx| root_key::compacted(tx, retirement)).await?;
    Ok(true)
}
