//! Workspace keys that were opened a moment ago.

use super::envelope::Key;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How many are kept at hand.
pub(super) const CACHED_KEYS: usize = 1024;

/// Opened workspace keys, the oldest dropped first.
#[derive(Default)]
pub(super) struct Opened {
    pub(super) keys: HashMap<(String, u32), (Vec<u8>, Arc<Key>)>,
    pub(super) order: VecDeque<(String, u32)>,
}

impl Opened {
    /// A key opened from other bytes than the stored ones is not the answer.
    pub(super) fn get(&self, workspace: &str, version: u32, wrapped: &[u8]) -> Option<Arc<Key>> {
        let (from, key) = self.keys.get(&(workspace.to_owned(), version))?;
        (from == wrapped).then(|| Arc::clone(key))
    }

    pub(super) fn put(&mut self, workspace: &str, version: u32, wrapped: &[u8], key: &Arc<Key>) {
        let place = (workspace.to_owned(), version);
        if self.keys.insert(place.clone(), (wrapped.to_vec(), Arc::clone(key))).is_none() {
            self.order.push_back(place);
        }
        while self.order.len() > CACHED_KEYS {
            if let Some(oldest) = self.order.pop_front() {
                self.keys.remove(&oldest);
            }
        }
    }

    pub(super) fn forget(&mut self, workspace: &str) {
        self.keys.retain(|(owner, _), _| owner != workspace);
        self.order.retain(|(owner, _)| owner != workspace);
    }
}
