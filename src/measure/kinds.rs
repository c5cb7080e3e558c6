//! The kinds of metrics: a number that grows, a level, a spread. Each is a static; its handle comes with the start.

use metrics::{Counter, Gauge, Histogram, Label};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The one label that a row of the table may have.
pub(super) type Fixed = Option<(&'static str, &'static str)>;

pub(super) fn labels(fixed: Fixed) -> Vec<Label> {
    fixed.into_iter().map(|(name, value)| Label::from_static_parts(name, value)).collect()
}

macro_rules! kind {
    ($(#[$meta:meta])* $kind:ident: $handle:ident, $describe:ident, $register:ident) => {
        $(#[$meta])*
        pub struct $kind {
            name: &'static str,
            fixed: Fixed,
            help: &'static str,
            handle: OnceLock<$handle>,
        }

        impl $kind {
            pub(super) const fn new(name: &'static str, fixed: Fixed, help: &'static str) -> Self {
                Self { name, fixed, help, handle: OnceLock::new() }
            }

            pub(super) fn bind(&self) {
                metrics::$describe!(self.name, self.help);
                self.handle.get_or_init(|| metrics::$register!(self.name, labels(self.fixed)));
            }
        }
    };
}

kind! {
    /// A number that only grows.
    Count: Counter, describe_counter, counter
}
kind! {
    /// A level that rises and falls.
    Level: Gauge, describe_gauge, gauge
}
kind! {
    /// How values spread, times in seconds among them.
    Spread: Histogram, describe_histogram, histogram
}

impl Count {
    /// So many more.
    pub fn add(&self, more: u64) {
        if let Some(handle) = self.handle.get() {
            handle.increment(more);
        }
    }
}

impl Level {
    /// Higher by so much; lower when negative.
    pub fn add(&self, more: f64) {
        if let Some(handle) = self.handle.get() {
            handle.increment(more);
        }
    }

    /// This high from now on.
    pub fn set(&self, level: f64) {
        if let Some(handle) = self.handle.get() {
            handle.set(level);
        }
    }

    /// Higher by one until what is returned is dropped.
    pub fn raise(&'static self) -> Raised {
        self.add(1.0);
        Raised(self)
    }
}

/// Keeps a [`Level`] higher by one.
pub struct Raised(&'static Level);

impl Drop for Raised {
    fn drop(&mut self) {
        self.0.add(-1.0);
    }
}

impl Spread {
    /// One more value.
    pub fn record(&self, value: f64) {
        if let Some(handle) = self.handle.get() {
            handle.record(value);
        }
    }

    /// One more time that something took.
    pub fn took(&self, time: Duration) {
        self.record(time.as_secs_f64());
    }

    /// Takes the time from now to [`Timer::stop`].
    pub fn timer(&'static self) -> Timer {
        Timer(self.handle.get().map(|handle| (handle, Instant::now())))
    }
}

/// A time being taken; dropped without [`Timer::stop`] it is not kept.
#[must_use]
pub struct Timer(Option<(&'static Histogram, Instant)>);

impl Timer {
    /// Keeps the time.
    pub fn stop(self) {
        if let Some((handle, began)) = self.0 {
            handle.record(began.elapsed());
        }
    }
}
