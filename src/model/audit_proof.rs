//! How far the running server has proved each chain: one walk follows the head, another one begins again at the
//! first line each day, so that what is changed behind the first walk is found too.
//!
//! The row carries a code of ours: who can write the database alone cannot say that something was proved.

use super::audit_verify::{self, Fault, Place, START};
use super::permission::Actor;
use super::{Means, audit, audit_summary};
use crate::clock::At;
use crate::crypto::keyring::Keyring;
use crate::db::schema::{audit_heads as heads, audit_proofs as proofs};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use chrono::TimeDelta;
use diesel::prelude::*;
use serde::Serialize;

/// The purpose of the code.
const PURPOSE: &str = "cc/proof/v1";
/// Chains of one round.
const CHAINS: i64 = 100;
/// A chain is proved anew, from its first line on, after this.
const WHOLE_EVERY: TimeDelta = TimeDelta::hours(24);
/// Each chain is looked at so often, whatever its row says of it.
const LOOK_EVERY: TimeDelta = TimeDelta::hours(1);
/// A chain that was found broken is looked at again after this.
const BROKEN_EVERY: TimeDelta = TimeDelta::minutes(10);

/// How far a chain was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Where the first walk stands.
    pub place: Place,
    /// When that was.
    pub at: At,
    /// Where the second walk stands.
    again: Place,
    /// The last line of the last whole walk; 0 before the first.
    pub whole_seq: i64,
    /// When the last whole walk ended.
    pub whole_at: Option<At>,
    /// The first bad number, and what is wrong.
    pub fault: Option<(i64, String)>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = proofs, check_for_backend(crate::db::MultiBackend))]
struct Row {
    chain: String,
    seq: i64,
    hash: Vec<u8>,
    at: At,
    again_seq: i64,
    again_hash: Vec<u8>,
    whole_seq: i64,
    whole_at: Option<At>,
    fault_seq: Option<i64>,
    fault: String,
    mac: Vec<u8>,
    mac_key: i32,
}

#[derive(Serialize)]
struct Coded<'a> {
    chain: &'a str,
    place: &'a Place,
    at: i64,
    again: &'a Place,
    whole: (i64, Option<i64>),
    fault: &'a Option<(i64, String)>,
}

impl Proof {
    fn of(row: &Row) -> Option<Self> {
        let hash = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).ok();
        Some(Self {
            place: (row.seq, hash(&row.hash)?),
            at: row.at,
            again: (row.again_seq, hash(&row.again_hash)?),
            whole_seq: row.whole_seq,
            whole_at: row.whole_at,
            fault: row.fault_seq.map(|seq| (seq, row.fault.clone())),
        })
    }

    fn coded<'a>(&'a self, chain: &'a str) -> Coded<'a> {
        Coded {
            chain,
            place: &self.place,
            at: self.at.micros(),
            again: &self.again,
            whole: (self.whole_seq, self.whole_at.map(At::micros)),
            fault: &self.fault,
        }
    }

    /// How far `chain` was proved; none before the first time, and where the row is not one of ours.
    pub fn of_chain(conn: &mut Conn, keyring: &Keyring, chain: &str) -> Result<Option<Self>> {
        let row: Option<Row> =
            proofs::table.filter(proofs::chain.eq(chain)).select(Row::as_select()).first(conn).optional()?;
        let Some(row) = row else { return Ok(None) };
        let key = u32::try_from(row.mac_key).ok().and_then(|id| keyring.audit_key(id));
        let (Some(proof), Some(key)) = (Self::of(&row), key) else { return Ok(None) };
        let code = key.code(PURPOSE, &proof.coded(&row.chain))?;
        Ok(crate::crypto::token::same(&code, &row.mac).then_some(proof))
    }

    /// Before anything was proved.
    fn begin(now: At) -> Self {
        Self { place: START, at: now, again: START, whole_seq: 0, whole_at: None, fault: None }
    }

    fn is_due(&self, now: At) -> bool {
        match (&self.fault, self.whole_at) {
            (Some(_), _) => now.since(self.at) >= BROKEN_EVERY,
            (None, None) => true,
            (None, Some(whole)) => now.since(whole) >= WHOLE_EVERY,
        }
    }
}

/// Where a chain ends: the number of its last line.
pub fn length(conn: &mut Conn, chain: &str) -> Result<i64> {
    Ok(heads::table.filter(heads::chain.eq(chain)).select(heads::seq).first(conn)?)
}

/// Chains behind `after` that have lines which no walk has seen, or whose time for a whole walk has come.
pub fn due(conn: &mut Conn, after: &str, now: At) -> Result<Vec<String>> {
    let is_new = proofs::seq.is_null().or(heads::seq.gt(proofs::seq.assume_not_null()));
    let (whole, broken) = (now.plus(-WHOLE_EVERY), now.plus(-BROKEN_EVERY));
    let is_old = proofs::whole_at.nullable().is_null().or(proofs::whole_at.le(whole));
    let was_broken = proofs::fault_seq.is_not_null().and(proofs::at.le(broken));
    let is_stale = proofs::at.le(now.plus(-LOOK_EVERY));
    Ok(heads::table
        .left_join(proofs::table.on(proofs::chain.eq(heads::chain)))
        .filter(heads::chain.gt(after))
        .filter(
            is_new
                .assume_not_null()
                .or(is_old.assume_not_null())
                .or(was_broken.assume_not_null())
                .or(is_stale.assume_not_null()),
        )
        .order(heads::chain)
        .limit(CHAINS)
        .select(heads::chain)
        .load(conn)?)
}

/// How many chains did not hold when they were looked at last.
pub fn broken(conn: &mut Conn) -> Result<i64> {
    Ok(proofs::table.filter(proofs::fault_seq.is_not_null()).count().get_result(conn)?)
}

/// Goes on with both walks of a chain for at most about `most` lines each; changes nothing.
pub fn advance(conn: &mut Conn, means: &Means, chain: &str, most: i64) -> Result<Proof> {
    let (keyring, now) = (&means.keyring, means.now());
    let mut proof = Proof::of_chain(conn, keyring, chain)?.unwrap_or_else(|| Proof::begin(now));
    let is_due = proof.is_due(now);
    let Some(end) = audit_verify::end(conn, chain)? else {
        return Ok(Proof { at: now, fault: Some((0, "the head of the chain cannot be read".into())), ..proof });
    };
    proof.at = now;
    let begin = match audit_summary::begin(conn, keyring, chain)? {
        Ok(begin) => begin,
        Err(fault) => return Ok(Proof { fault: Some(told(&fault)), again: START, ..proof }),
    };
    for place in [&mut proof.place, &mut proof.again] {
        if place.0 < begin.0 {
            *place = begin;
        }
    }
    match audit_verify::walk(conn, keyring, chain, proof.place, end, most)? {
        Ok(place) => proof.place = place,
        // What was not walked over yet was pruned meanwhile; the next round begins behind it.
        Err(_) if audit_summary::is_beyond(conn, keyring, chain, proof.place)? => return Ok(proof),
        Err(fault) => return Ok(Proof { fault: Some(told(&fault)), ..proof }),
    }
    if is_due {
        again(conn, keyring, chain, &mut proof, end, most)?;
    }
    Ok(proof)
}

/// The second walk; at its end what is stored is held against its lines.
fn again(conn: &mut Conn, keyring: &Keyring, chain: &str, proof: &mut Proof, end: Place, most: i64) -> Result<()> {
    match audit_verify::walk(conn, keyring, chain, proof.again, end, most)? {
        Err(_) if audit_summary::is_beyond(conn, keyring, chain, proof.again)? => return Ok(()),
        Err(fault) => {
            (proof.fault, proof.again) = (Some(told(&fault)), START);
            return Ok(());
        }
        Ok(place) => proof.again = place,
    }
    if proof.again.0 < end.0 {
        return Ok(());
    }
    let mut contradicted = audit_verify::stored(conn, keyring, chain)?;
    contradicted.extend(audit_verify::consents(conn, keyring, chain)?);
    proof.again = START;
    proof.fault = contradicted.first().map(told);
    if proof.fault.is_none() {
        (proof.whole_seq, proof.whole_at) = (end.0, Some(proof.at));
    }
    Ok(())
}

fn told(fault: &Fault) -> (i64, String) {
    match &fault.what {
        None => (fault.seq, fault.why.to_owned()),
        Some(what) => (fault.seq, format!("{what}: {}", fault.why)),
    }
}

/// Keeps what a walk came to. A chain found broken, or sound again, gets one line in the chain of the instance.
pub fn keep(tx: &mut Tx<'_>, means: &Means, chain: &str, proof: &Proof) -> Result<()> {
    let before = Proof::of_chain(tx.conn(), &means.keyring, chain)?.and_then(|proof| proof.fault);
    if before != proof.fault {
        audit::lock(tx, audit::INSTANCE)?;
        let entry = match &proof.fault {
            Some((seq, why)) => audit::Entry::allow("audit.broken", audit::Target::chain(chain))
                .detail("event", *seq)
                .detail("why", why.clone()),
            None => audit::Entry::allow("audit.sound", audit::Target::chain(chain)),
        };
        audit::record(tx, means, audit::INSTANCE, &Actor::job("audit proof"), entry)?;
    }
    let key = means.keyring.audit();
    let code = key.code(PURPOSE, &proof.coded(chain))?;
    let values = (
        proofs::seq.eq(proof.place.0),
        proofs::hash.eq(proof.place.1.to_vec()),
        proofs::at.eq(proof.at),
        proofs::again_seq.eq(proof.again.0),
        proofs::again_hash.eq(proof.again.1.to_vec()),
        proofs::whole_seq.eq(proof.whole_seq),
        proofs::whole_at.eq(proof.whole_at),
        proofs::fault_seq.eq(proof.fault.as_ref().map(|(seq, _)| *seq)),
        proofs::fault.eq(proof.fault.as_ref().map(|(_, why)| why.clone()).unwrap_or_default()),
        proofs::mac.eq(code.to_vec()),
        proofs::mac_key.eq(i32::try_from(key.id()).map_err(Error::internal)?),
    );
    let kept = diesel::update(proofs::table.filter(proofs::chain.eq(chain))).set(values.clone()).execute(tx.conn())?;
    if kept == 0 {
        diesel::insert_into(proofs::table).values((proofs::chain.eq(chain), values)).execute(tx.conn())?;
    }
    Ok(())
}
