//! Time is a parameter: a [`Clock`] is handed in, and an instant is an [`At`].

use chrono::{DateTime, NaiveDateTime, SubsecRound, TimeDelta, Utc};
use diesel::backend::Backend;
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// An instant in UTC with microseconds, the finest that both databases keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Timestamp)]
pub struct At(NaiveDateTime);

impl At {
    /// The beginning of 1970: stands for “never” in the past.
    pub const EPOCH: Self = Self(DateTime::UNIX_EPOCH.naive_utc());

    /// Truncates to microseconds, so that what is written equals what is read back.
    pub fn new(at: DateTime<Utc>) -> Self {
        Self(at.naive_utc().trunc_subsecs(6))
    }

    /// From microseconds since 1970; `None` outside the calendar.
    pub fn from_micros(micros: i64) -> Option<Self> {
        DateTime::from_timestamp_micros(micros).map(Self::new)
    }

    /// Microseconds since 1970.
    pub fn micros(self) -> i64 {
        self.0.and_utc().timestamp_micros()
    }

    /// The same instant for formatting.
    pub fn utc(self) -> DateTime<Utc> {
        self.0.and_utc()
    }

    /// RFC 3339 with microseconds and `Z`.
    pub fn rfc3339(self) -> String {
        self.utc().to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
    }

    /// Later by `delta` (earlier when negative); stays put at the end of the calendar.
    pub fn plus(self, delta: TimeDelta) -> Self {
        Self(self.0.checked_add_signed(delta).unwrap_or(self.0))
    }

    /// How long ago `earlier` was.
    pub fn since(self, earlier: At) -> TimeDelta {
        self.0 - earlier.0
    }
}

impl<DB: Backend> ToSql<Timestamp, DB> for At
where
    NaiveDateTime: ToSql<Timestamp, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

/// Where the current time comes from: the machine, or a test that moves it.
#[derive(Debug, Clone)]
pub struct Clock {
    /// Added to the machine's time, in microseconds; only a test sets it.
    shift: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self { shift: None }
    }

    /// A clock that a test can move with [`Clock::advance`].
    pub fn movable() -> Self {
        Self { shift: Some(Arc::default()) }
    }

    /// The current instant.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn now(&self) -> At {
        let now = At::new(Utc::now());
        match &self.shift {
            None => now,
            Some(shift) => now.plus(TimeDelta::microseconds(shift.load(Ordering::SeqCst))),
        }
    }

    /// Moves a [`Clock::movable`] on (or back); the machine's clock ignores it.
    pub fn advance(&self, by: TimeDelta) {
        if let Some(shift) = &self.shift {
            shift.fetch_add(by.num_microseconds().unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}
