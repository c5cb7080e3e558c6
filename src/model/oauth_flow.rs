//! A consent on its way: what was chosen is kept sealed while the person is at the service's page.
//!
//! The state that comes back belongs to one session, person, workspace and flow; it is good once, for ten minutes.

use super::block::Block;
use super::credential::{Credential, Environment};
use super::credential_change::Details;
use super::oauth_grant::{NewGrant, Times, Tokens};
use super::permission::{Allowed, Permission};
use super::sealed::Opening;
use super::sealing::{self, Unreadable};
use super::user::User;
use super::workspace::Workspace;
use super::{Means, audit};
use crate::catalog::form::Values;
use crate::clock::At;
use crate::crypto::context::Context;
use crate::crypto::token;
use crate::db::schema::{oauth_flows as flows, workspaces};
use crate::db::types::{Json, text_enum};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::report::Step;
use crate::secret::Secret;
use chrono::TimeDelta;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The service must send the person back within this time.
pub const OPEN_FOR: TimeDelta = TimeDelta::minutes(10);
/// What was chosen is kept for another try for so long.
const KEPT_FOR: TimeDelta = TimeDelta::hours(1);

text_enum! {
    /// What a consent is for.
    FlowKind {
        /// A new credential.
        Create = "create",
        /// One that exists, in place.
        Connect = "connect",
    }
}

text_enum! {
    /// How far a consent has come.
    Stage {
        /// The person has yet to come back.
        Open = "open",
        /// They came back, and the answer is being looked at.
        Taken = "taken",
        /// It failed; it can be started again.
        Failed = "failed",
        /// Another account consented; a person must say whether it is meant.
        Confirm = "confirm",
        /// It is stored.
        Done = "done",
    }
}

/// A consent as it is stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = flows, check_for_backend(crate::db::MultiBackend))]
pub struct Flow {
    /// The workspace it is of.
    pub workspace_id: Id<Workspace>,
    /// Its id.
    pub id: Id<Flow>,
    /// What it is for.
    pub kind: FlowKind,
    /// How far it has come.
    pub stage: Stage,
    /// The credential that it makes or connects.
    pub credential_id: Id<Credential>,
    /// The service.
    pub integration: String,
    /// The method.
    pub method: String,
    /// Who started it.
    pub user_id: Id<User>,
    /// The start of the hashed key of their session.
    pub session: String,
    /// The hash of the state.
    pub state_hash: String,
    /// How often it was sealed.
    pub round: i64,
    sealed: Option<Vec<u8>>,
    key_version: i32,
    /// What went wrong.
    pub report: Json<Option<Trouble>>,
    /// When it was first started.
    pub created_at: At,
    /// When the state ends.
    pub expires_at: At,
}

/// Why a consent did not come to a good end, as its page tells it. Holds no text of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// A stable code.
    pub code: String,
    /// The headline.
    pub title: String,
    /// What it means and what to do.
    pub text: String,
    /// What was tried.
    pub steps: Vec<Step>,
    /// Whether it may be stored without verification.
    pub may_skip: bool,
}

/// What was chosen before the person was sent to the service, and what came back of it.
#[derive(Debug)]
pub struct Chosen {
    /// What people write about the credential; of one that exists, as it was.
    pub details: Details,
    /// The values of the form; of one that exists, only new secrets.
    pub values: Values,
    /// The version whose values the consent is for; 0 for a new credential.
    pub live_version: i64,
    /// Whether a person asked to store it without verification.
    pub save_unverified: bool,
    /// What the service sends back unchanged.
    pub state: Secret,
    /// The key behind the proof of RFC 7636; erased with the state.
    pub verifier: Secret,
    /// The scopes that were asked for.
    pub scopes: Vec<String>,
    /// Further scopes that a person wanted.
    pub more_scopes: Vec<String>,
    /// The block that a new credential is for.
    pub block: Option<Id<Block>>,
    /// What the service gave, while another account waits to be confirmed: with the account's name.
    pub waiting: Option<(NewGrant, String)>,
}

#[derive(Serialize)]
struct Written<'a> {
    name: &'a str,
    environment: &'a str,
    description: &'a str,
    tags: &'a [String],
    plain: &'a BTreeMap<String, String>,
    secret: BTreeMap<&'a str, &'a str>,
    live_version: i64,
    save_unverified: bool,
    state: &'a str,
    verifier: &'a str,
    scopes: &'a [String],
    more_scopes: &'a [String],
    block: Option<&'a str>,
    tokens: Option<&'a str>,
    granted: Option<&'a Vec<String>>,
    times: Times,
    account: &'a str,
}

#[derive(Deserialize)]
struct Read {
    name: String,
    environment: String,
    description: String,
    tags: Vec<String>,
    plain: BTreeMap<String, String>,
    secret: BTreeMap<String, String>,
    live_version: i64,
    save_unverified: bool,
    state: String,
    verifier: String,
    scopes: Vec<String>,
    more_scopes: Vec<String>,
    #[serde(default)]
    block: Option<String>,
    tokens: Option<String>,
    granted: Option<Vec<String>>,
    times: Times,
    account: String,
}

impl Chosen {
    fn written(&self) -> Result<zeroize::Zeroizing<Vec<u8>>> {
        let waiting = self.waiting.as_ref();
        let tokens = waiting.map(|(grant, _)| grant.tokens.written()).transpose()?;
        let tokens = tokens.map(|text| Secret::new(String::from_utf8_lossy(&text).into_owned()));
        sealing::json(&Written {
            name: &self.details.name,
            environment: self.details.environment.as_str(),
            description: &self.details.description,
            tags: &self.details.tags,
            plain: &self.values.plain,
            secret: sealing::texts(&self.values.secret),
            live_version: self.live_version,
            save_unverified: self.save_unverified,
            state: self.state.expose(),
            verifier: self.verifier.expose(),
            scopes: &self.scopes,
            more_scopes: &self.more_scopes,
            block: self.block.as_ref().map(Id::as_str),
            tokens: tokens.as_ref().map(Secret::expose),
            granted: waiting.and_then(|(grant, _)| grant.granted.as_ref()),
            times: waiting.map(|(grant, _)| grant.times).unwrap_or_default(),
            account: waiting.map(|(_, account)| account.as_str()).unwrap_or_default(),
        })
    }

    pub(super) fn read(plain: &[u8]) -> Option<Self> {
        let read: Read = serde_json::from_slice(plain).ok()?;
        let tokens = read.tokens.map(Secret::new).and_then(|text| Tokens::read(text.expose().as_bytes()));
        let (granted, times, account) = (read.granted, read.times, read.account);
        let asked = read.scopes.clone();
        let waiting = tokens.map(|tokens| (NewGrant { tokens, asked, granted, times }, account));
        Some(Self {
            details: Details {
                name: read.name,
                environment: Environment::parse(&read.environment)?,
                description: read.description,
                tags: read.tags,
            },
            values: Values { plain: read.plain, secret: sealing::named(read.secret) },
            live_version: read.live_version,
            save_unverified: read.save_unverified,
            state: Secret::new(read.state),
            verifier: Secret::new(read.verifier),
            scopes: read.scopes,
            more_scopes: read.more_scopes,
            block: read.block.as_deref().and_then(Id::parse),
            waiting,
        })
    }
}

/// A consent to be started.
#[derive(Debug)]
pub struct NewFlow {
    /// Its id.
    pub id: Id<Flow>,
    /// What it is for.
    pub kind: FlowKind,
    /// The credential that it makes or connects.
    pub credential: Id<Credential>,
    /// The service.
    pub integration: String,
    /// The method.
    pub method: String,
    /// Who starts it.
    pub user: Id<User>,
    /// What was chosen.
    pub chosen: Chosen,
}

impl Flow {
    /// A consent of a workspace.
    pub fn find(conn: &mut Conn, workspace: &Id<Workspace>, id: &Id<Flow>) -> Result<Option<Self>> {
        Ok(one(workspace, id).select(Self::as_select()).first(conn).optional()?)
    }

    /// The consent that a state belongs to, and the slug of its workspace.
    pub fn by_state(conn: &mut Conn, state: &str) -> Result<Option<(Self, String)>> {
        Ok(flows::table
            .inner_join(workspaces::table.on(workspaces::id.eq(flows::workspace_id)))
            .filter(flows::state_hash.eq(token::digest(state)))
            .select((Self::as_select(), workspaces::slug))
            .first(conn)
            .optional()?)
    }

    /// What was chosen; `None` when it is over and erased.
    pub fn open(&self, keys: &Opening, means: &Means) -> Result<Option<Chosen>, Unreadable> {
        let Some(blob) = &self.sealed else { return Ok(None) };
        let context = context(means, &self.workspace_id, &self.id, self.round);
        let plain = sealing::open(keys, means, context, blob, self.key_version)?;
        let chosen = Chosen::read(&plain);
        chosen.map(Some).ok_or_else(|| Unreadable::new(means, self.key_version, "not what was sealed"))
    }

    /// As [`Flow::open`]; if that fails, once more with what is stored by then: a rotation of keys may have sealed
    /// it anew meanwhile.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it cannot be decrypted: it must be started anew.
    pub fn open_now(&self, conn: &mut Conn, means: &Means) -> Result<Option<Chosen>> {
        let keys = Opening::of(conn, means, &self.workspace_id)?;
        let fault = match self.open(&keys, means) {
            Ok(chosen) => return Ok(chosen),
            Err(fault) => fault,
        };
        match Self::find(conn, &self.workspace_id, &self.id)? {
            Some(stored) if stored.round == self.round && stored.sealed != self.sealed => stored.open_now(conn, means),
            _ => {
                tracing::warn!(flow = %self.id, cause = fault.cause, "a consent on its way cannot be decrypted");
                let text = "What was entered for this connection cannot be decrypted any more. Start it again from the list of credentials.";
                Err(Error::Conflict(text.into()))
            }
        }
    }

    /// Whether the state may still come back.
    pub fn is_open(&self, now: At) -> bool {
        self.stage == Stage::Open && now < self.expires_at
    }
}

/// Stores a consent that a person is about to give.
pub fn start<P: Permission>(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<P>, new: &NewFlow) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    let sealed = seal(tx, means, workspace, &new.id, 1, &new.chosen)?;
    diesel::insert_into(flows::table)
        .values((
            flows::workspace_id.eq(workspace),
            flows::id.eq(&new.id),
            flows::kind.eq(new.kind),
            flows::stage.eq(Stage::Open),
            flows::credential_id.eq(&new.credential),
            flows::integration.eq(&new.integration),
            flows::method.eq(&new.method),
            flows::user_id.eq(&new.user),
            flows::session.eq(&allowed.actor().session),
            flows::state_hash.eq(token::digest(new.chosen.state.expose())),
            flows::round.eq(1),
            flows::sealed.eq(Some(sealed.blob)),
            flows::key_version.eq(sealed.key_version),
            flows::report.eq(Json(None::<Trouble>)),
            flows::created_at.eq(now),
            flows::expires_at.eq(now.plus(OPEN_FOR)),
        ))
        .execute(tx.conn())?;
    let entry = audit::Entry::allow("consent.started", audit::Target::credential(new.credential.as_str()))
        .detail("flow", new.id.as_str())
        .detail("kind", new.kind.as_str())
        .detail("integration", new.integration.as_str())
        .detail("method", new.method.as_str())
        .detail("scopes", new.chosen.scopes.clone());
    audit::record_allowed(tx, means, allowed, entry)
}

/// Starts a consent again with what was chosen: a new state, for the session that asks.
pub fn again<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<P>,
    flow: &Flow,
    chosen: &Chosen,
) -> Result<bool> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let round = flow.round + 1;
    let sealed = seal(tx, means, &flow.workspace_id, &flow.id, round, chosen)?;
    let changed = diesel::update(one(&flow.workspace_id, &flow.id).filter(flows::round.eq(flow.round)))
        .set((
            flows::stage.eq(Stage::Open),
            flows::session.eq(&allowed.actor().session),
            flows::state_hash.eq(token::digest(chosen.state.expose())),
            flows::round.eq(round),
            flows::sealed.eq(Some(sealed.blob)),
            flows::key_version.eq(sealed.key_version),
            flows::report.eq(Json(None::<Trouble>)),
            flows::expires_at.eq(now.plus(OPEN_FOR)),
        ))
        .execute(tx.conn())?;
    if changed == 0 {
        return Ok(false);
    }
    let entry = audit::Entry::allow("consent.started", audit::Target::credential(flow.credential_id.as_str()))
        .detail("flow", flow.id.as_str())
        .detail("round", round);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(true)
}

/// Takes the state, once: of two that come back with it at the same time one is told `false`.
pub fn take(tx: &mut Tx<'_>, means: &Means, flow: &Flow) -> Result<bool> {
    let open = flows::stage.eq(Stage::Open).and(flows::state_hash.eq(&flow.state_hash));
    let taken =
        diesel::update(one(&flow.workspace_id, &flow.id).filter(open).filter(flows::expires_at.gt(means.now())))
            .set(flows::stage.eq(Stage::Taken))
            .execute(tx.conn())?;
    Ok(taken == 1)
}

/// Notes why a consent came to nothing; what was chosen is kept for another try.
pub fn fail<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<P>,
    flow: &Flow,
    trouble: &Trouble,
) -> Result<()> {
    allowed.begin(tx, means.now())?;
    diesel::update(one(&flow.workspace_id, &flow.id).filter(flows::round.eq(flow.round)))
        .set((flows::stage.eq(Stage::Failed), flows::report.eq(Json(Some(trouble.clone())))))
        .execute(tx.conn())?;
    let entry =
        audit::Entry::deny("consent.given", audit::Target::credential(flow.credential_id.as_str()), &trouble.code)
            .detail("flow", flow.id.as_str());
    audit::record_allowed(tx, means, allowed, entry)
}

/// Keeps what another account gave until a person says whether it is meant.
pub fn ask<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<P>,
    flow: &Flow,
    chosen: &Chosen,
) -> Result<()> {
    allowed.begin(tx, means.now())?;
    let round = flow.round + 1;
    let sealed = seal(tx, means, &flow.workspace_id, &flow.id, round, chosen)?;
    diesel::update(one(&flow.workspace_id, &flow.id).filter(flows::round.eq(flow.round)))
        .set((
            flows::stage.eq(Stage::Confirm),
            flows::round.eq(round),
            flows::sealed.eq(Some(sealed.blob)),
            flows::key_version.eq(sealed.key_version),
        ))
        .execute(tx.conn())?;
    let entry =
        audit::Entry::deny("consent.given", audit::Target::credential(flow.credential_id.as_str()), "other_account")
            .detail("flow", flow.id.as_str());
    audit::record_allowed(tx, means, allowed, entry)
}

/// Ends a consent that is about to be stored: what was chosen is erased with it.
///
/// # Errors
/// [`Error::Conflict`] when it was started again, or ended, since this was read: whoever did that goes on with it.
pub(super) fn finish(tx: &mut Tx<'_>, flow: &Flow) -> Result<()> {
    let mine = flows::round.eq(flow.round).and(flows::stage.eq_any([Stage::Taken, Stage::Confirm]));
    let ended = diesel::update(one(&flow.workspace_id, &flow.id).filter(mine))
        .set((flows::stage.eq(Stage::Done), flows::sealed.eq(None::<Vec<u8>>)))
        .execute(tx.conn())?;
    if ended == 0 {
        let text = "This connection was started again meanwhile, so nothing of this answer was saved. Go on with the newer page.";
        return Err(Error::Conflict(text.into()));
    }
    Ok(())
}

/// Removes consents that nobody can go on with; returns how many.
pub fn sweep(tx: &mut Tx<'_>, now: At) -> Result<usize> {
    Ok(diesel::delete(flows::table.filter(flows::created_at.le(now.plus(-KEPT_FOR)))).execute(tx.conn())?)
}

fn seal(
    tx: &mut Tx<'_>,
    means: &Means,
    workspace: &Id<Workspace>,
    id: &Id<Flow>,
    round: i64,
    chosen: &Chosen,
) -> Result<sealing::Seal> {
    let context = context(means, workspace, id, round)?;
    sealing::seal(tx, means, workspace, &context, &chosen.written()?)
}

pub(super) fn context(means: &Means, workspace: &Id<Workspace>, id: &Id<Flow>, round: i64) -> Result<Context> {
    let round = u64::try_from(round).map_err(Error::internal)?;
    Ok(Context::flow(means.keyring.instance(), workspace.as_str(), id.as_str(), round))
}

type Key<'a> =
    diesel::dsl::And<diesel::dsl::Eq<flows::workspace_id, &'a Id<Workspace>>, diesel::dsl::Eq<flows::id, &'a Id<Flow>>>;

fn one<'a>(workspace: &'a Id<Workspace>, id: &'a Id<Flow>) -> diesel::dsl::Filter<flows::table, Key<'a>> {
    flows::table.filter(flows::workspace_id.eq(workspace).and(flows::id.eq(id)))
}
