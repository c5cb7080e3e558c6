//! Mails that were promised: written in the transaction of what they tell of, handed over by a job, shown to admins.

use super::permission::{Actor, Allowed, ManageMail, Role};
use super::user::User;
use super::workspace::Workspace;
use super::{Means, account, alert, audit};
use crate::clock::At;
use crate::crypto::context::Context;
use crate::crypto::envelope;
use crate::db::schema::{memberships, outbox};
use crate::db::types::text_enum;
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use chrono::TimeDelta;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// So many are taken up at once.
const BATCH: i64 = 20;
/// Whoever has taken one up has so long to tell what came of it.
const LEASE: TimeDelta = TimeDelta::minutes(2);
/// Pauses between attempts; the last one stays.
const PAUSES_S: [i64; 7] = [30, 60, 300, 900, 3600, 7200, 14_400];
/// So many attempts are made before a person is asked.
const ATTEMPTS: i32 = 12;
/// Mails that did not go are counted up to so many.
const COUNTED: i64 = 1000;
/// What became of a mail is told for so long.
const KEPT: TimeDelta = TimeDelta::days(30);

text_enum! {
    /// What became of a mail.
    MailState {
        /// It will be tried.
        Waiting = "waiting",
        /// The mail server took it.
        Sent = "sent",
        /// There was no mail server: it lies in a file.
        Kept = "kept",
        /// It is not tried any more.
        Failed = "failed",
    }
}

/// A mail to be promised.
#[derive(Debug, Clone, Copy)]
pub struct Promise<'a> {
    /// The workspace whose admins may see what became of it, if it is of one.
    pub workspace: Option<&'a Id<Workspace>>,
    /// The person it goes to, if they exist already.
    pub user: Option<&'a Id<User>>,
    /// What it is about, in one word.
    pub kind: &'static str,
    /// The address.
    pub to: &'a str,
    /// Its subject.
    pub subject: &'a str,
    /// What it says; a link in it may open something.
    pub text: &'a str,
    /// After so long it is of no use any more, and is erased.
    pub good_for: TimeDelta,
}

/// What is sealed of a mail.
#[derive(Serialize, Deserialize)]
pub struct Content {
    /// Its subject.
    pub subject: String,
    /// What it says.
    pub text: String,
}

/// The row as whoever took it up left it: a lease that ran out may have given it to another.
macro_rules! taken {
    ($mail:expr) => {
        outbox::table.filter(
            outbox::id.eq(&$mail.id).and(outbox::attempts.eq($mail.attempts)).and(outbox::state.eq(MailState::Waiting)),
        )
    };
}

/// One promised mail.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = outbox, check_for_backend(crate::db::MultiBackend))]
pub struct Mail {
    /// Its id.
    pub id: Id<Mail>,
    /// The workspace it is of.
    pub workspace_id: Option<Id<Workspace>>,
    /// What it is about.
    pub kind: String,
    /// The address.
    pub recipient: String,
    /// What became of it.
    pub state: MailState,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is tried next, while it waits.
    pub next_at: At,
    /// When it is of no use any more.
    pub expires_at: At,
    /// What went wrong the last time.
    pub problem: String,
    /// When it was promised.
    pub created_at: At,
    /// What it says, sealed; none once it was sent or its time is over.
    pub sealed: Option<Vec<u8>>,
}

fn context(means: &Means, id: &Id<Mail>) -> Context {
    Context::new("cc/mail/v1").text(means.keyring.instance()).text(id.as_str())
}

/// Writes a mail down in the transaction of what it tells of.
pub fn promise(tx: &mut Tx<'_>, means: &Means, mail: &Promise<'_>) -> Result<Id<Mail>> {
    let (id, now) = (Id::new(), means.now());
    let content = Content { subject: mail.subject.to_owned(), text: mail.text.to_owned() };
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(&content).map_err(Error::internal)?);
    let sealed = means.keyring.seal(means.keyring.mail(), &context(means, &id), &plain)?;
    diesel::insert_into(outbox::table)
        .values((
            outbox::id.eq(&id),
            outbox::workspace_id.eq(mail.workspace),
            outbox::user_id.eq(mail.user),
            outbox::kind.eq(mail.kind),
            outbox::recipient.eq(mail.to),
            outbox::sealed.eq(Some(sealed)),
            outbox::state.eq(MailState::Waiting),
            outbox::attempts.eq(0),
            outbox::next_at.eq(now),
            outbox::expires_at.eq(now.plus(mail.good_for)),
            outbox::problem.eq(""),
            outbox::created_at.eq(now),
        ))
        .execute(tx.conn())?;
    Ok(id)
}

/// Promises the mail that an admin asked for to see whether mails arrive.
pub fn promise_test(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<ManageMail>, mail: &Promise<'_>) -> Result<()> {
    allowed.begin(tx, means.now())?;
    let id = promise(tx, means, mail)?;
    audit::record_allowed(tx, means, allowed, audit::Entry::allow("mail.tested", audit::Target::mail(&id)))
}

/// Takes up mails that are due; nobody else does so until the lease is over.
pub fn claim(tx: &mut Tx<'_>, now: At) -> Result<Vec<Mail>> {
    let due = outbox::state.eq(MailState::Waiting).and(outbox::next_at.le(now)).and(outbox::expires_at.gt(now));
    let ids: Vec<Id<Mail>> =
        outbox::table.filter(due).order(outbox::next_at).limit(BATCH).select(outbox::id).load(tx.conn())?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    // Judged once more in the change itself: another process may have been first.
    let taken: Vec<Id<Mail>> = diesel::update(outbox::table.filter(outbox::id.eq_any(&ids)).filter(due))
        .set((outbox::attempts.eq(outbox::attempts + 1), outbox::next_at.eq(now.plus(LEASE))))
        .returning(outbox::id)
        .get_results(tx.conn())?;
    Ok(outbox::table.filter(outbox::id.eq_any(taken)).order(outbox::id).select(Mail::as_select()).load(tx.conn())?)
}

impl Mail {
    /// What it says; `None` if it was erased or its key is lost.
    pub fn content(&self, means: &Means) -> Option<Content> {
        let blob = self.sealed.as_deref()?;
        let plain = envelope::open(|id| means.keyring.mail_key(id), &context(means, &self.id), blob).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

/// A mail went, and what it said is erased.
pub fn done(tx: &mut Tx<'_>, mail: &Mail, state: MailState, now: At) -> Result<()> {
    diesel::update(taken!(mail))
        .set((
            outbox::state.eq(state),
            outbox::sealed.eq(None::<Vec<u8>>),
            outbox::problem.eq(""),
            outbox::settled_at.eq(Some(now)),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// A mail did not go: it is tried again after a pause, or given up. `true` if it was given up.
pub fn missed(tx: &mut Tx<'_>, means: &Means, mail: &Mail, problem: &str, hopeless: bool) -> Result<bool> {
    let now = means.now();
    let gives_up = hopeless || mail.attempts >= ATTEMPTS;
    let tried = usize::try_from(mail.attempts - 1).unwrap_or_default();
    let pause = PAUSES_S.get(tried).or(PAUSES_S.last()).copied().unwrap_or_default();
    let state = if gives_up { MailState::Failed } else { MailState::Waiting };
    let next_at = now.plus(TimeDelta::seconds(pause));
    let changed = diesel::update(taken!(mail))
        .set((outbox::state.eq(state), outbox::next_at.eq(next_at), outbox::problem.eq(problem)))
        .execute(tx.conn())?;
    if gives_up && changed > 0 {
        let chain = mail.workspace_id.as_ref().map_or(audit::INSTANCE, Id::as_str);
        let entry = audit::Entry::deny("mail.sent", audit::Target::mail(&mail.id), "undelivered")
            .detail("kind", mail.kind.clone());
        audit::record(tx, means, chain, &Actor::job("mail"), entry)?;
    }
    Ok(gives_up)
}

/// Mails of a workspace, and those to its people that are of none; but not what they are told of another workspace, nor
/// of another address, nor what those are sent who only look in as support.
fn seen_by<'a>(workspace: &Id<Workspace>, now: At) -> outbox::BoxedQuery<'a, crate::db::MultiBackend> {
    let people = memberships::table
        .filter(memberships::workspace_id.eq(workspace.clone()).and(memberships::role.ne(Role::Support)))
        .filter(memberships::expires_at.is_null().or(memberships::expires_at.gt(now)))
        .select(memberships::user_id.nullable());
    outbox::table
        .filter(
            outbox::workspace_id.eq(Some(workspace.clone())).or(outbox::workspace_id
                .is_null()
                .and(outbox::user_id.eq_any(people))
                .and(outbox::user_id.is_not_null())
                .and(outbox::kind.ne(alert::KIND))
                .and(outbox::kind.ne(account::EMAIL_KIND))),
        )
        .into_boxed()
}

/// Erases what mails say whose time is over, and forgets old ones; returns how many were changed.
pub fn sweep(tx: &mut Tx<'_>, now: At) -> Result<usize> {
    let over = outbox::table.filter(outbox::sealed.is_not_null().and(outbox::expires_at.le(now)));
    let erased = diesel::update(over)
        .set((
            outbox::sealed.eq(None::<Vec<u8>>),
            outbox::state.eq(MailState::Failed),
            outbox::settled_at.eq(Some(now)),
        ))
        .execute(tx.conn())?;
    let old = outbox::table.filter(outbox::created_at.lt(now.plus(-KEPT)));
    Ok(erased + diesel::delete(old).execute(tx.conn())?)
}

/// Mails of a workspace and to its people that did not go, of the last thirty days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsent {
    /// Those that wait for their first attempt.
    pub waiting: i64,
    /// Those that are tried again.
    pub stuck: i64,
    /// Those that are not tried any more.
    pub failed: i64,
}

/// How many mails of a workspace and to its people did not go.
pub fn unsent(conn: &mut Conn, workspace: &Id<Workspace>, now: At) -> Result<Unsent> {
    let left = seen_by(workspace, now).filter(outbox::state.eq_any([MailState::Waiting, MailState::Failed]));
    let rows: Vec<(MailState, bool)> =
        left.limit(COUNTED).select((outbox::state, outbox::problem.ne(""))).load(conn)?;
    let count = |state, problem: Option<bool>| {
        let of = |row: &&(MailState, bool)| row.0 == state && problem.is_none_or(|problem| row.1 == problem);
        i64::try_from(rows.iter().filter(of).count()).unwrap_or(i64::MAX)
    };
    Ok(Unsent {
        waiting: count(MailState::Waiting, Some(false)),
        stuck: count(MailState::Waiting, Some(true)),
        failed: count(MailState::Failed, None),
    })
}

/// How many mails wait, for monitoring.
pub fn waiting(conn: &mut Conn) -> Result<i64> {
    Ok(outbox::table.filter(outbox::state.eq(MailState::Waiting)).count().get_result(conn)?)
}

/// Mails of a workspace and to its people, newest first, older than `before`.
pub fn page(
    conn: &mut Conn,
    workspace: &Id<Workspace>,
    before: Option<&Id<Mail>>,
    now: At,
    limit: i64,
) -> Result<Vec<Mail>> {
    let query = seen_by(workspace, now);
    let query = match before {
        Some(before) => query.filter(outbox::id.lt(before.clone())),
        None => query,
    };
    Ok(query.order(outbox::id.desc()).limit(limit).select(Mail::as_select()).load(conn)?)
}

/// Tries a mail again at once; [`Error::Conflict`] once there is nothing left to send.
pub fn again(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<ManageMail>, id: &Id<Mail>) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let seen = seen_by(allowed.workspace(), now);
    let found: Option<Mail> = seen.filter(outbox::id.eq(id)).select(Mail::as_select()).first(tx.conn()).optional()?;
    let mail = found.ok_or(Error::NotFound)?;
    if mail.sealed.is_none() {
        return Err(Error::Conflict(match mail.state {
            MailState::Sent | MailState::Kept => "This mail was sent already.".into(),
            _ => "What this mail said was erased, since its time is over. Do again what sent it.".into(),
        }));
    }
    diesel::update(outbox::table.filter(outbox::id.eq(id)))
        .set((outbox::state.eq(MailState::Waiting), outbox::attempts.eq(0), outbox::next_at.eq(now)))
        .execute(tx.conn())?;
    let entry = audit::Entry::allow("mail.tried_again", audit::Target::mail(id)).detail("kind", mail.kind);
    audit::record_allowed(tx, means, allowed, entry)
}
