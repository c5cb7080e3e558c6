//! Whether the storage takes writes, and the witness who tells a disk that lost a write from one that is full.

use super::DatabaseUrl;
use std::fs::File;
use std::path::PathBuf;
use tokio::sync::watch;

/// What became of writes lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// The last one was stored, or none was tried yet.
    Sound,
    /// The last one was refused: no room, a read-only disk, no server. The next may be stored.
    Refusing,
    /// A flush failed: nobody knows what is on the disk, and nothing more is written until a restart.
    Suspect,
}

/// The state, shared by all who write.
pub(super) struct State(watch::Sender<Storage>);

impl State {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Storage::Sound))
    }

    pub(super) fn now(&self) -> Storage {
        *self.0.borrow()
    }

    /// Notes what a write came to; once suspect, a storage stays so.
    pub(super) fn note(&self, storage: Storage) {
        self.0.send_if_modified(|now| {
            let changes = *now != storage && *now != Storage::Suspect;
            if changes {
                *now = storage;
            }
            changes
        });
    }

    /// Ends when the storage is suspect.
    pub(super) async fn suspect(&self) {
        let mut changes = self.0.subscribe();
        // The sender lives as long as this borrow of it.
        drop(changes.wait_for(|now| *now == Storage::Suspect).await);
    }
}

/// Looks at SQLite's write-ahead log with eyes of its own. The system tells everybody who has a file open once
/// when a write to it was lost on the way to the disk; SQLite's own error does not say whether that was it.
pub(super) struct Witness {
    log: Option<PathBuf>,
    open: Option<File>,
}

impl Witness {
    pub(super) fn new(url: &DatabaseUrl) -> Self {
        let log = match url {
            DatabaseUrl::Sqlite(path) => {
                let mut log = path.clone().into_os_string();
                log.push("-wal");
                Some(PathBuf::from(log))
            }
            DatabaseUrl::Postgres(_) => None,
        };
        Self { log, open: None }
    }

    /// Opens the log, if it is there and not open yet: before a write, so that its loss is seen.
    pub(super) fn look(&mut self) {
        if self.open.is_none() {
            self.open = self.log.as_ref().and_then(|log| File::open(log).ok());
        }
    }

    /// Forgets the file: another may take its place.
    pub(super) fn forget(&mut self) {
        self.open = None;
    }

    /// Whether a write was lost since [`Witness::look`]. A full disk loses none: it refuses them.
    pub(super) fn has_lost_a_write(&self) -> bool {
        self.open.as_ref().is_some_and(|log| log.sync_data().is_err())
    }
}

#[cfg(test)]
mod tests {
    use super::{State, Storage, Witness};
    use crate::db::DatabaseUrl;

    #[tokio::test]
    async fn t150_a_suspect_storage_stays_suspect() {
        let state = State::new();
        for storage in [Storage::Refusing, Storage::Sound, Storage::Suspect] {
            state.note(storage);
            assert_eq!(state.now(), storage);
        }
        state.suspect().await;
        state.note(Storage::Sound);
        assert_eq!(state.now(), Storage::Suspect);
    }

    #[test]
    fn a_log_that_is_not_there_has_lost_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut witness = Witness::new(&DatabaseUrl::Sqlite(dir.path().join("x.db")));
        witness.look();
        assert!(!witness.has_lost_a_write());
        std::fs::write(dir.path().join("x.db-wal"), "log").unwrap();
        witness.look();
        assert!(witness.open.is_some() && !witness.has_lost_a_write());
    }
}
