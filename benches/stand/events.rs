//! A long audit chain, written by the database itself: lines of the usual size and mixture, hashes that are none.
//!
//! The page reads lines and follows no hash, so that what it takes is the same; the head is moved on as well.

use super::console::Console;
use anyhow::{Context, Result};
use credenza::db::schema::{audit_events, audit_heads};
use credenza::db::{AnyConnection, Tx};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

/// Lines of one statement.
const CHUNK: i64 = 100_000;
/// Seconds between two lines.
const PACE: i64 = 20;
/// Somebody who is in one line of every so many.
const SELDOM: i64 = 50_000;

/// The person of this number.
pub fn person(number: i64) -> String {
    format!("01900000-0000-7000-8000-{number:012}")
}

/// The credential of this number; the first ones have most of the lines.
pub fn credential(number: i64) -> String {
    format!("01910000-0000-7000-8000-{number:012}")
}

/// The person who did little.
pub fn seldom() -> String {
    person(999)
}

/// Brings the chain of a console's workspace to so many lines; says how many seconds it reaches back.
pub fn fill(console: &Console, wanted: i64) -> Result<i64> {
    let chain = console.seeded.workspace.to_string();
    let now = console.app.means.now().utc().timestamp();
    let mut from = write(console, move |tx| {
        let head = audit_heads::table.filter(audit_heads::chain.eq(&chain)).select(audit_heads::seq);
        Ok(head.first::<i64>(tx.conn())? + 1)
    })?;
    while from <= wanted {
        let (chain, to) = (console.seeded.workspace.to_string(), wanted.min(from + CHUNK - 1));
        write(console, move |tx| {
            let sql = lines(tx.conn(), &chain, (from, to), now - wanted * PACE);
            tx.conn().batch_execute(&sql)?;
            diesel::update(audit_heads::table.filter(audit_heads::chain.eq(&chain)))
                .set(audit_heads::seq.eq(to))
                .execute(tx.conn())?;
            Ok(())
        })?;
        from = to + 1;
    }
    let chain = console.seeded.workspace.to_string();
    let found: i64 = write(console, move |tx| {
        Ok(audit_events::table.filter(audit_events::chain.eq(&chain)).count().get_result(tx.conn())?)
    })?;
    (found == wanted).then_some(wanted * PACE).context("the chain has another length")
}

fn write<T: Send + 'static>(
    console: &Console,
    unit: impl FnMut(&mut Tx<'_>) -> credenza::error::Result<T> + Send + 'static,
) -> Result<T> {
    Ok(console.run(console.app.db.write(unit))?)
}

/// One statement for the lines of these numbers.
fn lines(conn: &AnyConnection, chain: &str, (from, to): (i64, i64), begun: i64) -> String {
    let is_server = matches!(conn, AnyConnection::Postgres(_));
    let numbers = match is_server {
        true => format!("n(i) AS (SELECT generate_series({from}::bigint, {to}::bigint))"),
        false => format!("RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to})"),
    };
    let (at, hash) = match is_server {
        true => (format!("to_timestamp({begun} + i * {PACE}) AT TIME ZONE 'UTC'"), "sha256(i::text::bytea)"),
        false => (format!("strftime('%Y-%m-%d %H:%M:%S.000000', {begun} + i * {PACE}, 'unixepoch')"), "randomblob(32)"),
    };
    let text = |number: &str| match is_server {
        true => format!("lpad(({number})::text, 12, '0')"),
        false => format!("printf('%012d', {number})"),
    };
    let (human, bot, thing) = (text("noise % 40"), text("noise % 200"), text("noise % 5000 * (noise % 7) / 7"));
    format!(
        "WITH {numbers}, noisy AS (SELECT i, (i * 1103515245 + 12345) % 2147483648 / 1024 AS noise FROM n)
         INSERT INTO audit_events (chain, seq, at, request_id, actor_kind, actor_id, session, address, agent, action,
             target_kind, target_id, outcome, code, details, prev_hash, hash, mac, mac_key)
         SELECT '{chain}', i, {at}, '01920000-0000-7000-8000-' || {thing},
             CASE WHEN i % {SELDOM} = 0 THEN 'person' WHEN noise % 100 < 30 THEN 'person' WHEN noise % 100 < 85 THEN 'bot'
                  WHEN noise % 100 < 97 THEN 'job' ELSE 'operator' END,
             CASE WHEN i % {SELDOM} = 0 THEN '{seldom}' WHEN noise % 100 < 30 THEN '01900000-0000-7000-8000-' || {human}
                  WHEN noise % 100 < 85 THEN '01930000-0000-7000-8000-' || {bot}
                  WHEN noise % 100 < 97 THEN 'renewal' ELSE '' END,
             'k3Jd9sQ1', '192.0.2.' || (noise % 250), 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0',
             CASE WHEN i % 40000 = 7 THEN 'workspace.settings_changed' WHEN noise % 100 < 30 THEN
                  CASE noise / 100 % 5 WHEN 0 THEN 'credential.renamed' WHEN 1 THEN 'credential.edited'
                       WHEN 2 THEN 'person.signed_in' WHEN 3 THEN 'credential.checked' ELSE 'credential.rotated' END
                  WHEN noise % 100 < 85 THEN 'credential.fetched' ELSE 'credential.refreshed' END,
             'credential', '01910000-0000-7000-8000-' || {thing},
             CASE WHEN noise / 7 % 1000 < 15 THEN 'deny' WHEN noise / 7 % 1000 = 15 THEN 'error' ELSE 'allow' END,
             '', '{{\"version\":3,\"fields\":[\"password\"]}}', {hash}, {hash}, {hash}, 1
         FROM noisy",
        seldom = seldom(),
    )
}
