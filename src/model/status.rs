//! What a check's outcome does to the status, to saving, and to trying again: the one table of it.

use crate::clock::At;
use crate::db::types::text_enum;
use crate::report::Outcome;
use chrono::TimeDelta;

/// “Working” holds for this long without a good check.
pub const GOOD_FOR: TimeDelta = TimeDelta::days(7);
/// A known end this close is shown.
pub const EXPIRING_WITHIN: TimeDelta = TimeDelta::days(14);

text_enum! {
    /// The state of a credential as people see it, worst first.
    Status {
        /// The service does not take it, or it is set up wrongly.
        Broken = "broken",
        /// It works, and its end is near.
        Expiring = "expiring",
        /// Switched off by a person.
        Suspended = "suspended",
        /// The stored value cannot be decrypted.
        Unreadable = "unreadable",
        /// Nobody knows.
        Unverified = "unverified",
        /// The last verification passed.
        Working = "working",
    }
}

/// What to do with a credential that a person wants to save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saving {
    /// Store it.
    Save,
    /// Refuse, with hint and steps.
    Refuse,
    /// Refuse, and offer to store it without verification.
    OfferUnverified,
}

/// Whether a credential with this outcome is stored at creation and edit.
pub fn saving(outcome: Outcome) -> Saving {
    match outcome {
        Outcome::Ok | Outcome::Limited | Outcome::Untested => Saving::Save,
        Outcome::RateLimited | Outcome::Unavailable | Outcome::Unknown => Saving::OfferUnverified,
        Outcome::Invalid
        | Outcome::Forbidden
        | Outcome::Misconfigured
        | Outcome::Blocked
        | Outcome::Expired
        | Outcome::Reauthorize => Saving::Refuse,
    }
}

/// The status of a credential that was just stored with this outcome.
pub fn when_saved(outcome: Outcome, now: At, expires_at: Option<At>) -> Status {
    match outcome {
        Outcome::Ok | Outcome::Limited => working(now, expires_at),
        _ => Status::Unverified,
    }
}

/// The status of a stored credential after another check.
pub fn after_check(before: Status, outcome: Outcome, good_at: Option<At>, now: At, expires_at: Option<At>) -> Status {
    if before == Status::Suspended {
        return before;
    }
    match outcome {
        Outcome::Ok | Outcome::Limited => working(now, expires_at),
        Outcome::Untested => Status::Unverified,
        Outcome::RateLimited | Outcome::Unavailable | Outcome::Unknown => match before {
            Status::Working | Status::Expiring if good_at.is_none_or(|good| now.since(good) >= GOOD_FOR) => {
                Status::Unverified
            }
            before => before,
        },
        Outcome::Invalid
        | Outcome::Forbidden
        | Outcome::Misconfigured
        | Outcome::Blocked
        | Outcome::Expired
        | Outcome::Reauthorize => Status::Broken,
    }
}

fn working(now: At, expires_at: Option<At>) -> Status {
    match expires_at {
        Some(end) if end.since(now) <= EXPIRING_WITHIN => Status::Expiring,
        _ => Status::Working,
    }
}

#[cfg(test)]
mod tests {
    use super::{Saving, Status, after_check, saving, when_saved};
    use crate::clock::{At, Clock};
    use crate::report::Outcome;
    use chrono::TimeDelta;

    fn now() -> At {
        Clock::system().now()
    }

    #[test]
    fn a_silent_service_keeps_the_status_for_a_week() {
        let now = now();
        let good = Some(now.plus(-TimeDelta::days(6)));
        let stale = Some(now.plus(-TimeDelta::days(7)));
        for outcome in [Outcome::Unavailable, Outcome::RateLimited, Outcome::Unknown] {
            assert_eq!(after_check(Status::Working, outcome, good, now, None), Status::Working);
            assert_eq!(after_check(Status::Working, outcome, stale, now, None), Status::Unverified);
            assert_eq!(after_check(Status::Broken, outcome, stale, now, None), Status::Broken);
            assert_eq!(saving(outcome), Saving::OfferUnverified);
            assert_eq!(when_saved(outcome, now, None), Status::Unverified);
        }
    }

    #[test]
    fn a_refusal_is_broken_and_not_saved() {
        for outcome in [
            Outcome::Invalid,
            Outcome::Forbidden,
            Outcome::Misconfigured,
            Outcome::Blocked,
            Outcome::Expired,
            Outcome::Reauthorize,
        ] {
            assert_eq!(after_check(Status::Working, outcome, Some(now()), now(), None), Status::Broken);
            assert_eq!(saving(outcome), Saving::Refuse);
        }
    }

    #[test]
    fn a_near_end_shows() {
        let now = now();
        assert_eq!(when_saved(Outcome::Ok, now, Some(now.plus(TimeDelta::days(3)))), Status::Expiring);
        assert_eq!(when_saved(Outcome::Ok, now, Some(now.plus(TimeDelta::days(30)))), Status::Working);
    }
}
