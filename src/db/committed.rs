//! Which audit chains this process has moved on, told after each commit; the anchor is written from it.

use crate::anchor::{Heads, advance};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Chain heads that were committed and not yet taken.
#[derive(Debug, Default)]
pub struct Committed {
    heads: Mutex<Heads>,
    news: Notify,
}

impl Committed {
    /// These heads were committed, and wait to be anchored.
    pub fn tell(&self, heads: Heads) {
        if !heads.is_empty() {
            advance(&mut self.heads.lock().unwrap_or_else(PoisonError::into_inner), &heads);
            self.news.notify_one();
        }
    }

    /// Takes what has come since the last time.
    pub fn take(&self) -> Heads {
        std::mem::take(&mut *self.heads.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until there is something to take, or may be.
    pub async fn news(&self) {
        self.news.notified().await;
    }
}
