//! Instants in words: “3 min ago” for reading, RFC 3339 for machines, the full date on hover.

use crate::clock::At;
use chrono::{Datelike, TimeDelta, Timelike};
use std::fmt;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// An instant as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// RFC 3339 in UTC, for `<time datetime>`.
    pub machine: String,
    /// In words relative to now: “just now”, “3 min ago”, “12 March”.
    pub text: String,
    /// The whole date and time in UTC, shown on hover.
    pub full: String,
}

impl When {
    /// Puts `at` in words as seen from `now`; works for the past and for the future.
    pub fn new(at: At, now: At) -> Self {
        Self { machine: at.rfc3339(), text: words(at, now), full: full(at) }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How long a step took: “<1 ms”, “107 ms”, “2.0 s”.
pub fn took(ms: u32) -> String {
    match ms {
        0 => "<1 ms".to_owned(),
        1..1000 => format!("{ms} ms"),
        _ => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
    }
}

/// How long until `at`, rounded up to whole days: “in 9 days”, “today”; for expiry dates.
pub fn until(at: At, now: At) -> String {
    let left = at.since(now);
    if left <= TimeDelta::zero() {
        return "now".to_owned();
    }
    match left.num_hours() {
        0..24 => "within a day".to_owned(),
        24..48 => "in 1 day".to_owned(),
        hours => format!("in {} days", hours / 24),
    }
}

fn words(at: At, now: At) -> String {
    let past = now.since(at);
    if past < TimeDelta::zero() {
        return ahead(at, now);
    }
    let (minutes, hours, days) = (past.num_minutes(), past.num_hours(), past.num_days());
    match (minutes, hours, days) {
        (0, ..) => "just now".to_owned(),
        (1..60, ..) => format!("{minutes} min ago"),
        (_, 1..24, _) => format!("{hours} h ago"),
        (_, 24..48, _) => "yesterday".to_owned(),
        (_, _, 2..30) => format!("{days} days ago"),
        _ => date(at, now),
    }
}

fn ahead(at: At, now: At) -> String {
    let left = at.since(now);
    match (left.num_minutes(), left.num_hours(), left.num_days()) {
        (0, ..) => "in a moment".to_owned(),
        (minutes @ 1..60, ..) => format!("in {minutes} min"),
        (_, hours @ 1..24, _) => format!("in {hours} h"),
        (_, _, 1) => "tomorrow".to_owned(),
        (_, _, days @ 2..30) => format!("in {days} days"),
        _ => date(at, now),
    }
}

/// Written by hand: a list draws one for each row, and a format string is read anew each time.
fn full(at: At) -> String {
    let at = at.utc();
    let month = MONTHS.get(at.month0() as usize).copied().unwrap_or_default();
    format!("{} {month} {}, {:02}:{:02} UTC", at.day(), at.year(), at.hour(), at.minute())
}

fn date(at: At, now: At) -> String {
    let same_year = at.utc().year() == now.utc().year();
    at.utc().format(if same_year { "%-d %B" } else { "%-d %B %Y" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::{When, took, until};
    use crate::clock::At;
    use chrono::TimeDelta;

    fn now() -> At {
        At::from_micros(1_795_000_000_000_000).unwrap()
    }

    fn text(delta: TimeDelta) -> String {
        When::new(now().plus(-delta), now()).text
    }

    #[test]
    fn the_past_is_told_in_the_largest_sensible_unit() {
        assert_eq!(text(TimeDelta::seconds(59)), "just now");
        assert_eq!(text(TimeDelta::seconds(60)), "1 min ago");
        assert_eq!(text(TimeDelta::minutes(59)), "59 min ago");
        assert_eq!(text(TimeDelta::minutes(60)), "1 h ago");
        assert_eq!(text(TimeDelta::hours(25)), "yesterday");
        assert_eq!(text(TimeDelta::days(29)), "29 days ago");
        assert_eq!(text(TimeDelta::days(200)), "2 May");
        assert_eq!(text(TimeDelta::days(700)), "18 December 2024");
    }

    #[test]
    fn the_whole_date_is_as_a_format_string_would_write_it() {
        for days in (0..800).step_by(9) {
            let at = now().plus(-TimeDelta::days(days) + TimeDelta::minutes(days * 7));
            assert_eq!(When::new(at, now()).full, at.utc().format("%-d %B %Y, %H:%M UTC").to_string());
        }
    }

    #[test]
    fn durations_are_told_in_milliseconds_or_seconds() {
        assert_eq!([0, 1, 999, 1000, 12_345].map(took), ["<1 ms", "1 ms", "999 ms", "1.0 s", "12.3 s"]);
    }

    #[test]
    fn the_future_is_told_too() {
        assert_eq!(text(-TimeDelta::minutes(10)), "in 10 min");
        assert_eq!(text(-TimeDelta::days(1)), "tomorrow");
        assert_eq!(until(now().plus(TimeDelta::days(9)), now()), "in 9 days");
        assert_eq!(until(now().plus(TimeDelta::hours(3)), now()), "within a day");
        assert_eq!(until(now().plus(-TimeDelta::hours(3)), now()), "now");
    }
}
