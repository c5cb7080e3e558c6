//! Browsers that a person has signed in with, so that a new one can be told of.

use super::user::User;
use crate::clock::At;
use crate::crypto::hex;
use crate::db::Tx;
use crate::db::schema::devices;
use crate::error::{Error, Result};
use crate::id::Id;
use chrono::TimeDelta;
use diesel::prelude::*;
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// A browser that was not seen for so long is a new one.
const KEPT: TimeDelta = TimeDelta::days(180);

/// What is known of a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The person has signed in with it before.
    Before,
    /// It is the first one of all.
    First,
    /// The person has used others so far.
    New,
}

/// Browser and system in a few words, as far as the client's description of itself tells.
pub fn words(agent: &str) -> String {
    let named =
        |names: &[(&str, &'static str)]| names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    let browser = named(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = named(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "Unknown browser".to_owned(),
    }
}

/// What is remembered of a sign-in: browser, system, and the wider network, so that neither an update of the browser
/// nor the next address of the same provider is a new device.
fn mark(agent: &str, address: Option<IpAddr>) -> String {
    let network = match address.map(|ip| ip.to_canonical()) {
        None => "none".to_owned(),
        Some(IpAddr::V4(ip)) => {
            let [a, b, ..] = ip.octets();
            format!("{a}.{b}.0.0/16")
        }
        Some(IpAddr::V6(ip)) => {
            let [a, b, ..] = ip.segments();
            format!("{a:x}:{b:x}::/32")
        }
    };
    hex(&Sha256::digest(format!("{}\n{network}", words(agent)).as_bytes()))
}

/// Notes that a person signed in with this browser from this address.
pub fn note(tx: &mut Tx<'_>, user: &Id<User>, agent: &str, address: Option<IpAddr>, now: At) -> Result<Seen> {
    let id = mark(agent, address);
    let own = devices::user_id.eq(user).and(devices::id.eq(&id));
    let known = diesel::update(devices::table.filter(own)).set(devices::seen_at.eq(now)).execute(tx.conn())?;
    if known > 0 {
        return Ok(Seen::Before);
    }
    let others: i64 = devices::table.filter(devices::user_id.eq(user)).count().get_result(tx.conn())?;
    let done = tx.savepoint(|tx| {
        diesel::insert_into(devices::table)
            .values((devices::user_id.eq(user), devices::id.eq(&id), devices::seen_at.eq(now)))
            .execute(tx.conn())?;
        Ok(())
    });
    match super::unique_as(done, "") {
        // Two sign-ins at once: the other one has told.
        Err(Error::Conflict(_)) => Ok(Seen::Before),
        Err(error) => Err(error),
        Ok(()) if others == 0 => Ok(Seen::First),
        Ok(()) => Ok(Seen::New),
    }
}

/// Forgets browsers that were not seen for half a year; returns how many.
pub fn sweep(tx: &mut Tx<'_>, now: At) -> Result<usize> {
    Ok(diesel::delete(devices::table.filter(devices::seen_at.lt(now.plus(-KEPT)))).execute(tx.conn())?)
}
