//! Units of work whose result type is forgotten. What queues, runs, repeats and answers them is compiled once
//! so, and not anew for each of some hundred units.

use super::{Conn, Tx};
use crate::error::{Error, Result};
use crate::work::{self, Work};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A result whose type only the caller knows; [`opened`] gives it back.
pub(super) type Parcel = Box<dyn Any + Send>;

type Reading = dyn FnMut(&mut Conn) -> Result<Parcel> + Send;
type Writing = dyn FnMut(&mut Tx<'_>) -> Result<Parcel> + Send;

/// A unit that reads.
pub(super) struct Read {
    unit: Box<Reading>,
    work: Option<Work>,
}

/// A unit that writes.
pub(super) struct Write {
    unit: Box<Writing>,
    work: Option<Work>,
}

impl Read {
    /// Wraps a unit of the work that is under way here.
    pub(super) fn new<T, F>(mut unit: F) -> Self
    where
        T: Send + 'static,
        F: FnMut(&mut Conn) -> Result<T> + Send + 'static,
    {
        Self { unit: Box::new(move |conn| unit(conn).map(wrapped)), work: work::current() }
    }

    /// Runs it; a panic is an error of this unit alone.
    pub(super) fn run(&mut self, conn: &mut Conn) -> Result<Parcel> {
        caught(|| work::within(self.work, || (self.unit)(conn)))
    }
}

impl Write {
    /// Wraps a unit of the work that is under way here.
    pub(super) fn new<T, F>(mut unit: F) -> Self
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        Self { unit: Box::new(move |tx| unit(tx).map(wrapped)), work: work::current() }
    }

    /// Runs it; a panic is an error of this unit alone.
    pub(super) fn run(&mut self, tx: &mut Tx<'_>) -> Result<Parcel> {
        caught(|| work::within(self.work, || (self.unit)(tx)))
    }
}

fn wrapped<T: Send + 'static>(result: T) -> Parcel {
    Box::new(result)
}

/// The result, for who knows its type.
pub(super) fn opened<T: 'static>(parcel: Parcel) -> Result<T> {
    parcel.downcast().map(|result| *result).map_err(|_| Error::internal("a unit answered with something else"))
}

/// Runs `f` so that a panic in it is an error.
pub(super) fn caught<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|_| Err(Error::internal("a unit of work panicked")))
}
