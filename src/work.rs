//! The unit of work under way: a request, a round of a job, a command at the shell.
//!
//! Its id stands in every log line and every audit line that comes of it, and on the page that says that
//! something went wrong.

use std::fmt;

tokio::task_local! {
    static CURRENT: Work;
}

/// One unit of work and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    kind: Kind,
    id: u64,
}

/// What sort of work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The answer to one request.
    Request,
    /// One round of a background job, by its name.
    Job(&'static str),
    /// One run of a command at the shell; serving is one too.
    Command,
}

impl Work {
    fn new(kind: Kind) -> Self {
        // Without randomness an id still groups the lines of one unit with those of others like it.
        Self { kind, id: getrandom::u64().unwrap_or_default() }
    }

    /// A request that has just come in.
    pub fn request() -> Self {
        Self::new(Kind::Request)
    }

    /// A round of a job that begins.
    pub fn job(name: &'static str) -> Self {
        Self::new(Kind::Job(name))
    }

    /// A command that begins.
    pub fn command() -> Self {
        Self::new(Kind::Command)
    }

    /// What sort of work it is.
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// Runs a future as this unit of work.
    pub async fn scope<T>(self, future: impl Future<Output = T>) -> T {
        CURRENT.scope(self, future).await
    }

    /// Runs a function as this unit of work, on whatever thread.
    pub fn enter<T>(self, f: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, f)
    }
}

impl fmt::Display for Work {
    /// The id: 16 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.id)
    }
}

/// The unit of work that is under way here, if one is.
pub fn current() -> Option<Work> {
    CURRENT.try_with(|work| *work).ok()
}

/// Its id, or an empty text.
pub fn current_id() -> String {
    current().map(|work| work.to_string()).unwrap_or_default()
}

/// Runs `f` as the given unit of work, or as none: for what goes on in another thread.
pub fn within<T>(work: Option<Work>, f: impl FnOnce() -> T) -> T {
    match work {
        Some(work) => work.enter(f),
        None => f(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Work, current, current_id, within};

    #[tokio::test]
    async fn work_is_known_within_its_scope_and_goes_along_to_threads() {
        assert_eq!((current(), current_id()), (None, String::new()));
        let work = Work::job("ageing");
        assert_eq!(work.kind(), Kind::Job("ageing"));
        work.scope(async {
            assert_eq!(current(), Some(work));
            let here = current();
            let there = tokio::task::spawn_blocking(move || within(here, current_id)).await.unwrap();
            assert_eq!(there, work.to_string());
            assert_eq!(std::thread::spawn(current_id).join().unwrap(), "");
        })
        .await;
        assert_eq!(current(), None);
        assert_eq!(work.to_string().len(), 16);
        assert_ne!(Work::request(), Work::request());
    }
}
