//! The limiter of sign-ins: attempts are counted before a password is hashed.
//!
//! Every attempt reserves a place in three buckets (account, network, everybody). A success gives the
//! places back, so that only failures and attempts under way count. Kept in the database, so that
//! several processes share it; unknown names share a fixed number of buckets.

use crate::clock::At;
use crate::db::schema::sign_in_attempts as attempts;
use crate::db::{Conn, Tx, dialect};
use crate::error::Result;
use chrono::TimeDelta;
use diesel::prelude::*;
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// How the buckets of networks begin.
const NETWORK: &str = "network:";
/// Unknown names fall into so many buckets.
const UNKNOWN_BUCKETS: u8 = 64;
/// A bucket without a failure for this long starts afresh.
const FORGET_AFTER: TimeDelta = TimeDelta::minutes(15);
/// An account is closed for the day after so many failures.
const DAY_LIMIT: i32 = 100;

/// How much one bucket takes before it pauses.
struct Allowance {
    bucket: String,
    free: i32,
    pauses_s: &'static [i64],
    day_limit: Option<i32>,
    forget_after: TimeDelta,
}

/// The limits of one instance, so that a load test can raise them.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Failures of one account before it pauses.
    pub account: i32,
    /// Failures from one network before it pauses.
    pub network: i32,
    /// Failures of everybody in a minute before all pause.
    pub everybody: i32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { account: 5, network: 30, everybody: 600 }
    }
}

/// Whose password is tried, and from where.
#[derive(Debug, Clone)]
pub struct Attempt {
    buckets: [String; 3],
    limits: Limits,
    day_limit: Option<i32>,
}

/// Whether the password may be tried now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Places are reserved: hash, then [`succeeded`] if the password was right.
    Go,
    /// Too many failures: wait this many seconds.
    Wait(u64),
}

impl Attempt {
    /// `account` is the person's id if the name is known; `email_key` stands in for it otherwise.
    pub fn new(account: Option<&str>, email_key: &str, address: Option<IpAddr>, limits: Limits) -> Self {
        let account = match account {
            Some(id) => format!("account:{id}"),
            None => {
                format!("unknown:{}", Sha256::digest(email_key.as_bytes()).first().map_or(0, |b| b % UNKNOWN_BUCKETS))
            }
        };
        let buckets = [account, format!("{NETWORK}{}", network(address)), "everybody".into()];
        Self { buckets, limits, day_limit: Some(DAY_LIMIT) }
    }

    /// Something else than a password that is asked for from an address, such as a mail; counted for its network and
    /// for everybody, and apart from sign-ins.
    pub fn of_network(what: &str, address: Option<IpAddr>, limits: Limits) -> Self {
        let network = network(address);
        let own = format!("{NETWORK}{what}:{network}");
        let buckets = [own, format!("{NETWORK}{what}s:{network}"), format!("everybody:{what}")];
        Self { buckets, limits, day_limit: Some(DAY_LIMIT) }
    }

    /// The challenge of a passkey for whoever has not signed in: many people may share a network, nothing can be guessed,
    /// and nobody is locked out for the day.
    pub fn of_passkey(address: Option<IpAddr>, limits: Limits) -> Self {
        let limits = Limits { account: limits.network, ..limits };
        Self { day_limit: None, ..Self::of_network("passkey", address, limits) }
    }

    fn allowances(&self) -> [Allowance; 3] {
        let [account, network, everybody] = self.buckets.clone();
        [
            Allowance {
                bucket: account,
                free: self.limits.account,
                pauses_s: &[1, 3, 5, 10],
                day_limit: self.day_limit,
                forget_after: FORGET_AFTER,
            },
            Allowance {
                bucket: network,
                free: self.limits.network,
                pauses_s: &[1, 3, 5, 10, 30],
                day_limit: None,
                forget_after: FORGET_AFTER,
            },
            Allowance {
                bucket: everybody,
                free: self.limits.everybody,
                pauses_s: &[1],
                day_limit: None,
                forget_after: TimeDelta::minutes(1),
            },
        ]
    }
}

/// One bucket for an IPv4 address or an IPv6 /64, of which one customer of a provider has 2⁶⁴ addresses.
pub fn network(address: Option<IpAddr>) -> String {
    match address {
        None => "none".into(),
        Some(IpAddr::V4(v4)) => v4.to_string(),
        Some(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => {
                let [a, b, c, d, ..] = v6.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        },
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = attempts, check_for_backend(crate::db::MultiBackend))]
struct Bucket {
    failures: i32,
    day_failures: i32,
    day_from: At,
    /// Closed until then. One that is open has [`At::EPOCH`] here: the present of another attempt may lie a little
    /// behind the one of this.
    open_at: At,
    touched_at: At,
}

/// Reserves a place in each bucket, or says how long to wait. A refused attempt is not counted.
pub fn reserve(tx: &mut Tx<'_>, attempt: &Attempt, now: At) -> Result<Verdict> {
    let mut planned = Vec::new();
    for allowance in attempt.allowances() {
        let bucket = load(tx, &allowance.bucket, now)?.fresh(&allowance, now);
        if bucket.open_at > now {
            let wait = bucket.open_at.since(now).num_milliseconds();
            return Ok(Verdict::Wait(u64::try_from(wait).unwrap_or(0).div_ceil(1000).max(1)));
        }
        planned.push((bucket.counted(&allowance, now), allowance.bucket));
    }
    for (bucket, name) in planned {
        store(tx, &name, &bucket)?;
    }
    Ok(Verdict::Go)
}

/// Gives the places back: the password was right.
pub fn succeeded(tx: &mut Tx<'_>, attempt: &Attempt, now: At) -> Result<()> {
    for (index, allowance) in attempt.allowances().into_iter().enumerate() {
        let mut bucket = load(tx, &allowance.bucket, now)?;
        // The account itself is cleared; a network keeps what its other attempts left.
        bucket.failures = if index == 0 { 0 } else { (bucket.failures - 1).max(0) };
        bucket.day_failures = (bucket.day_failures - 1).max(0);
        bucket.open_at = At::EPOCH;
        store(tx, &allowance.bucket, &bucket)?;
    }
    Ok(())
}

/// Gives the places back without clearing anything: the password was not tried after all.
pub fn withdrawn(tx: &mut Tx<'_>, attempt: &Attempt, now: At) -> Result<()> {
    for allowance in attempt.allowances() {
        let mut bucket = load(tx, &allowance.bucket, now)?;
        bucket.failures = (bucket.failures - 1).max(0);
        bucket.day_failures = (bucket.day_failures - 1).max(0);
        if bucket.failures < allowance.free {
            bucket.open_at = At::EPOCH;
        }
        store(tx, &allowance.bucket, &bucket)?;
    }
    Ok(())
}

/// Forgets the failures of one account: its person has proved otherwise who they are.
pub(super) fn forgive(tx: &mut Tx<'_>, user: &crate::id::Id<super::user::User>) -> Result<()> {
    diesel::delete(attempts::table.filter(attempts::bucket.eq(format!("account:{user}")))).execute(tx.conn())?;
    Ok(())
}

/// Forgets buckets that no longer say anything; returns how many. A network has no memory of the day, so that
/// whoever has many addresses leaves a quarter of an hour of them at most, and [`Limits::everybody`] a minute.
pub fn sweep(tx: &mut Tx<'_>, now: At) -> Result<usize> {
    let (quiet, old) = (now.plus(-FORGET_AFTER), now.plus(-TimeDelta::days(1)));
    let networks = attempts::bucket.like(format!("{NETWORK}%")).and(attempts::touched_at.lt(quiet));
    let done = diesel::delete(attempts::table.filter(attempts::touched_at.lt(old).or(networks)));
    Ok(done.execute(tx.conn())?)
}

/// Failures counted for one bucket, for tests.
pub fn failures(conn: &mut Conn, bucket: &str) -> Result<i32> {
    Ok(attempts::table
        .filter(attempts::bucket.eq(bucket))
        .select(attempts::failures)
        .first(conn)
        .optional()?
        .unwrap_or(0))
}

impl Bucket {
    fn fresh(mut self, allowance: &Allowance, now: At) -> Self {
        if now.since(self.touched_at) >= allowance.forget_after {
            self.failures = 0;
        }
        if now.since(self.day_from) >= TimeDelta::days(1) {
            self.day_failures = 0;
            self.day_from = now;
        }
        self
    }

    fn counted(mut self, allowance: &Allowance, now: At) -> Self {
        self.failures += 1;
        self.day_failures += 1;
        self.touched_at = now;
        self.open_at = At::EPOCH;
        let over = usize::try_from(self.failures - allowance.free).ok();
        if let Some(pause) = over.and_then(|n| allowance.pauses_s.get(n).or(allowance.pauses_s.last())) {
            self.open_at = now.plus(TimeDelta::seconds(*pause));
        }
        if allowance.day_limit.is_some_and(|limit| self.day_failures >= limit) {
            self.open_at = self.day_from.plus(TimeDelta::days(1));
        }
        self
    }
}

fn load(tx: &mut Tx<'_>, name: &str, now: At) -> Result<Bucket> {
    if dialect::needs_row_locks(tx.conn()) {
        // The row is made and locked first, so that parallel attempts count one after the other.
        let row = (
            attempts::bucket.eq(name),
            attempts::failures.eq(0),
            attempts::day_failures.eq(0),
            attempts::day_from.eq(now),
            attempts::open_at.eq(At::EPOCH),
            attempts::touched_at.eq(now),
        );
        let touched = diesel::update(attempts::table.filter(attempts::bucket.eq(name)))
            .set(attempts::bucket.eq(name))
            .execute(tx.conn())?;
        if touched == 0 {
            let made = tx.savepoint(|tx| Ok(diesel::insert_into(attempts::table).values(row).execute(tx.conn())?));
            if made.is_err() {
                diesel::update(attempts::table.filter(attempts::bucket.eq(name)))
                    .set(attempts::bucket.eq(name))
                    .execute(tx.conn())?;
            }
        }
    }
    let found =
        attempts::table.filter(attempts::bucket.eq(name)).select(Bucket::as_select()).first(tx.conn()).optional()?;
    Ok(found.unwrap_or(Bucket { failures: 0, day_failures: 0, day_from: now, open_at: At::EPOCH, touched_at: now }))
}

fn store(tx: &mut Tx<'_>, name: &str, bucket: &Bucket) -> Result<()> {
    let values = (
        attempts::failures.eq(bucket.failures),
        attempts::day_failures.eq(bucket.day_failures),
        attempts::day_from.eq(bucket.day_from),
        attempts::open_at.eq(bucket.open_at),
        attempts::touched_at.eq(bucket.touched_at),
    );
    let changed = diesel::update(attempts::table.filter(attempts::bucket.eq(name))).set(values).execute(tx.conn())?;
    if changed == 0 {
        diesel::insert_into(attempts::table).values((attempts::bucket.eq(name), values)).execute(tx.conn())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Attempt, Limits, UNKNOWN_BUCKETS, network};
    use std::collections::BTreeSet;

    #[test]
    fn t009_a_hundred_thousand_unknown_names_share_a_fixed_number_of_buckets() {
        let bucket = |account, name: &str| Attempt::new(account, name, None, Limits::default()).buckets[0].clone();
        let found: BTreeSet<String> = (0..100_000).map(|n| bucket(None, &format!("user{n}@flood.example"))).collect();
        assert_eq!(found.len(), usize::from(UNKNOWN_BUCKETS));
        assert!(!found.contains(&bucket(Some("0193-admin"), "user1@flood.example")), "one of its own");
    }

    #[test]
    fn t010_a_64_is_one_network() {
        let at = |text: &str| network(Some(text.parse().unwrap()));
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
    }
}
