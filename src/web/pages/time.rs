//! Instants in words: “3 min ago” for reading, RFC 3339 for machines, the full date on hover.

use super::markup::Markup;
use crate::clock::At;
use askama::filters::HtmlSafe;
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

/// An instant as a page shows it, in words relative to now: “just now”, “3 min ago”, “12 March”.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    at: At,
    now: At,
}

impl When {
    /// Puts `at` in words as seen from `now`; works for the past and for the future.
    pub fn new(at: At, now: At) -> Self {
        Self { at, now }
    }

    /// RFC 3339 in UTC, for `<time datetime>`.
    pub fn machine(&self) -> Markup<'static> {
        Markup::of(machine(self.at))
    }

    /// The whole date and time in UTC, shown on hover: “2 May 2026, 09:30 UTC”.
    pub fn full(&self) -> Markup<'static> {
        Markup::of(full(self.at))
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        words(f, self.at, self.now)
    }
}

impl HtmlSafe for When {}

/// To the second, put together from two digits at a time, since a list writes one a row.
fn machine(at: At) -> String {
    let at = at.utc();
    let year = at.year().unsigned_abs();
    let parts = [
        ("", year / 100),
        ("", year),
        ("-", at.month()),
        ("-", at.day()),
        ("T", at.hour()),
        (":", at.minute()),
        (":", at.second()),
    ];
    let mut text = String::with_capacity(20);
    for (before, number) in parts {
        text.push_str(before);
        text.push_str(two_digits(number));
    }
    text.push('Z');
    text
}

fn full(at: At) -> String {
    let at = at.utc();
    let (day, year) = (two_digits(at.day()), at.year().unsigned_abs());
    let month = MONTHS.get(at.month0() as usize).copied().unwrap_or_default();
    let (century, short) = (two_digits(year / 100), two_digits(year));
    let (hour, minute) = (two_digits(at.hour()), two_digits(at.minute()));
    let mut text = String::with_capacity(32);
    for part in [day.strip_prefix('0').unwrap_or(day), " ", month, " ", century, short, ", ", hour, ":", minute, " UTC"]
    {
        text.push_str(part);
    }
    text
}

/// The last two digits of a number.
fn two_digits(number: u32) -> &'static str {
    const ALL: &str = "0001020304050607080910111213141516171819\
                       2021222324252627282930313233343536373839\
                       4041424344454647484950515253545556575859\
                       6061626364656667686970717273747576777879\
                       8081828384858687888990919293949596979899";
    let at = (number % 100) as usize * 2;
    ALL.get(at..at + 2).unwrap_or_default()
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

fn words(f: &mut fmt::Formatter<'_>, at: At, now: At) -> fmt::Result {
    let past = now.since(at);
    if past < TimeDelta::zero() {
        return ahead(f, at, now);
    }
    let (minutes, hours, days) = (past.num_minutes(), past.num_hours(), past.num_days());
    match (minutes, hours, days) {
        (0, ..) => f.write_str("just now"),
        (1..60, ..) => write!(f, "{minutes} min ago"),
        (_, 1..24, _) => write!(f, "{hours} h ago"),
        (_, 24..48, _) => f.write_str("yesterday"),
        (_, _, 2..30) => write!(f, "{days} days ago"),
        _ => date(f, at, now),
    }
}

fn ahead(f: &mut fmt::Formatter<'_>, at: At, now: At) -> fmt::Result {
    let left = at.since(now);
    match (left.num_minutes(), left.num_hours(), left.num_days()) {
        (0, ..) => f.write_str("in a moment"),
        (minutes @ 1..60, ..) => write!(f, "in {minutes} min"),
        (_, hours @ 1..24, _) => write!(f, "in {hours} h"),
        (_, _, 1) => f.write_str("tomorrow"),
        (_, _, days @ 2..30) => write!(f, "in {days} days"),
        _ => date(f, at, now),
    }
}

fn date(f: &mut fmt::Formatter<'_>, at: At, now: At) -> fmt::Result {
    let (at, now) = (at.utc(), now.utc());
    let month = MONTHS.get(at.month0() as usize).copied().unwrap_or_default();
    write!(f, "{} {month}", at.day())?;
    if at.year() == now.year() { Ok(()) } else { write!(f, " {}", at.year()) }
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
        When::new(now().plus(-delta), now()).to_string()
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
            let when = When::new(at, now());
            assert_eq!(when.full().to_string(), at.utc().format("%-d %B %Y, %H:%M UTC").to_string());
            assert_eq!(when.machine().to_string(), at.utc().format("%FT%TZ").to_string());
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
