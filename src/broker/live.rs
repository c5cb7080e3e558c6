//! The live token of a credential: as it is while it is good, renewed under a lease when it is not.

use super::times::{again, pause, times};
use super::{Broker, Client, Opened};
use crate::catalog::schema::OAuth;
use crate::check::held::Session;
use crate::check::oauth::{self, Obtained};
use crate::check::report::{Outcome, Report};
use crate::clock::At;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::measure;
use crate::model::check_record::Cause;
use crate::model::credential::Credential;
use crate::model::credential_change;
use crate::model::oauth_grant::{self, Grant, NewGrant, Tokens};
use crate::model::permission::{Allowed, Permission};
use crate::model::version::Unreadable;
use crate::secret::Secret;
use chrono::TimeDelta;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A token this close to its end is not handed out.
const SKEW: TimeDelta = TimeDelta::seconds(5);
/// How long somebody waits for a renewal that another process makes.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often they look.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A renewal that was answered is stored, although the database hesitates.
const STORE_TRIES: usize = 4;
/// The code of a credential whose service the catalogue no longer has.
const NO_SERVICE: &str = "no_service";

/// A token that is good now.
#[derive(Debug)]
pub struct Live {
    /// Its serial number; one that a service refuses is named by it to get a newer one.
    pub serial: i64,
    /// The token, and what else the service told for keeping.
    pub session: Session,
}

/// Why there is no live token.
#[derive(Debug)]
pub enum Trouble {
    /// What a check would say.
    Report(Box<Report>),
    /// The stored values cannot be decrypted.
    Unreadable(Unreadable),
}

/// What is to be done about a grant.
enum Need {
    Nothing,
    Renewal,
    Person,
    Waiting(At),
}

impl Broker<'_> {
    /// The live token of a credential. `refused` is the serial number of one that the service did not take.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a foreign, deleted or unknown credential; otherwise only when storage fails.
    pub async fn live<P: Permission>(
        &self,
        allowed: &Allowed<P>,
        id: &Id<Credential>,
        refused: Option<i64>,
        cause: Cause,
    ) -> Result<Result<Live, Trouble>> {
        let patience = Instant::now() + PATIENCE;
        loop {
            let opened = match self.open(allowed.workspace(), id).await? {
                Ok(opened) => opened,
                Err(fault) => return Ok(Err(Trouble::Unreadable(fault))),
            };
            let Some((grant, tokens)) = &opened.grant else { return Ok(Err(not_connected(&opened))) };
            let now = self.means.now();
            match need(grant, now, refused) {
                Need::Nothing => return Ok(Ok(live(grant.serial, grant.expires_at, tokens))),
                Need::Person => return Ok(Err(needs_person(&opened))),
                Need::Waiting(until) => {
                    return Ok(Err(lacks_client(&opened).map_or_else(|| waits(&opened, until), Trouble::Report)));
                }
                Need::Renewal => {}
            }
            let (workspace, credential, serial) = (allowed.workspace().clone(), id.clone(), grant.serial);
            let lease = self.db.write(move |tx| oauth_grant::lease(tx, &workspace, &credential, serial, now)).await?;
            if let Some(fence) = lease {
                (self.step)("leased");
                match self.renew(allowed, &opened, grant, tokens, fence, cause).await? {
                    Renewed::Live(live) => return Ok(Ok(live)),
                    // A bot is served for as long as the token lasts; jobs and checks tell what stands in the way.
                    Renewed::Failed(report)
                        if cause == Cause::Use
                            && !is_final(report.outcome)
                            && !is_over(grant, self.means.now(), refused) =>
                    {
                        return Ok(Ok(live(grant.serial, grant.expires_at, tokens)));
                    }
                    Renewed::Failed(report) => return Ok(Err(Trouble::Report(report))),
                    Renewed::Overtaken => {}
                }
            } else if !is_over(grant, now, refused) {
                // Somebody renews it ahead of its end; until then it is good.
                return Ok(Ok(live(grant.serial, grant.expires_at, tokens)));
            }
            if Instant::now() >= patience {
                return Ok(Err(waits(&opened, now)));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Renews a grant under a lease: asks, stores, and only then hands out what came.
    async fn renew<P: Permission>(
        &self,
        allowed: &Allowed<P>,
        opened: &Opened<'_>,
        grant: &Grant,
        tokens: &Tokens,
        fence: i64,
        cause: Cause,
    ) -> Result<Renewed> {
        let Some(spec) = &opened.method.oauth else { return Err(Error::internal("a grant without OAuth")) };
        let (values, refresh) = (&opened.values, tokens.refresh.as_ref());
        let (context, Opened { integration, method, .. }) = (self.context(), opened);
        let asked = match lacks_client(opened) {
            Some(report) => Err(report),
            None => oauth::refresh(&context, integration, method, values, &tokens.values, refresh).await,
        };
        (self.step)("answered");
        let obtained = match asked {
            Ok(obtained) => obtained,
            Err(report) => {
                measure::refresh(&opened.integration.id, report.outcome.as_str());
                self.failed(allowed, opened, grant, fence, &report, cause).await?;
                return Ok(Renewed::Failed(report));
            }
        };
        let new = self.renewed(spec, grant, tokens, obtained)?;
        let (expires_at, kept) = (new.times.expires_at.and_then(At::from_micros), new.tokens.duplicate());
        let stored = self.store(allowed, opened, grant.serial, fence, new).await?;
        (self.step)("stored");
        measure::refresh(&opened.integration.id, if stored { "renewed" } else { "overtaken" });
        Ok(if stored { Renewed::Live(live(grant.serial + 1, expires_at, &kept)) } else { Renewed::Overtaken })
    }

    /// What is stored of a consent that asked for these scopes.
    ///
    /// # Errors
    /// No random bytes.
    pub fn granted(&self, spec: &OAuth, obtained: Obtained, asked: Vec<String>) -> Result<NewGrant> {
        let Obtained { values, refresh, granted, life_s } = obtained;
        let refresh = refresh.filter(|_| spec.renews());
        let (now, random) = (self.means.now(), self.means.keyring.random());
        let times = times(spec, life_s, refresh.is_some(), now, now, random)?;
        Ok(NewGrant { tokens: Tokens { values, refresh }, asked, granted, times })
    }

    /// What is stored of a renewal: what the answer does not mention stays.
    fn renewed(&self, spec: &OAuth, grant: &Grant, before: &Tokens, obtained: Obtained) -> Result<NewGrant> {
        let Obtained { values, refresh, granted, life_s } = obtained;
        let refresh = refresh.or_else(|| before.refresh.as_ref().map(Secret::duplicate));
        let random = self.means.keyring.random();
        let times = times(spec, life_s, refresh.is_some(), grant.connected_at, self.means.now(), random)?;
        let granted = granted.or_else(|| grant.granted.0.clone());
        Ok(NewGrant { tokens: Tokens { values, refresh }, asked: grant.asked.0.clone(), granted, times })
    }

    /// Stores a renewal; the old refresh token may be dead by now, so a database that hesitates is asked again.
    async fn store<P: Permission>(
        &self,
        allowed: &Allowed<P>,
        opened: &Opened<'_>,
        serial: i64,
        fence: i64,
        new: NewGrant,
    ) -> Result<bool> {
        let new = Arc::new(new);
        let mut tries = 0;
        loop {
            let (means, allowed, row) = (self.means.clone(), allowed.clone(), opened.row.clone());
            let (destination, new) = (opened.version.destination.clone(), Arc::clone(&new));
            let stored = self
                .db
                .write(move |tx| {
                    let place = row.seal_place();
                    oauth_grant::renew(tx, &means, &allowed, place, &destination, serial, fence, &new)
                })
                .await;
            tries += 1;
            match stored {
                Err(Error::Unavailable(_)) if tries < STORE_TRIES => tokio::time::sleep(LOOK_EVERY * 5).await,
                stored => return stored,
            }
        }
    }

    /// Writes down a renewal that failed: the status says so, and it is tried again where that can help.
    async fn failed<P: Permission>(
        &self,
        allowed: &Allowed<P>,
        opened: &Opened<'_>,
        grant: &Grant,
        fence: i64,
        report: &Report,
        cause: Cause,
    ) -> Result<()> {
        let random = self.means.keyring.random();
        let again = match report.outcome {
            outcome if is_final(outcome) => None,
            outcome => {
                let passing = matches!(outcome, Outcome::RateLimited | Outcome::Unavailable | Outcome::Unknown);
                Some(again(grant.failures, passing, self.means.now(), random)?)
            }
        };
        let (means, allowed, row, report) = (self.means.clone(), allowed.clone(), opened.row.clone(), report.clone());
        let service = opened.integration.name.clone();
        self.db
            .write(move |tx| {
                let outcome = report.outcome.as_str();
                oauth_grant::give_back(tx, &means, &allowed, &row.id, fence, again, outcome)?;
                let (id, version) = (&row.id, row.live_version);
                credential_change::checked(tx, &means, &allowed, id, version, &service, (cause, &report))?;
                Ok(())
            })
            .await
    }

    /// Puts off the renewal of a grant that cannot even be opened: it would stand before others that can.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn put_off<P: Permission>(&self, allowed: &Allowed<P>, id: &Id<Credential>) -> Result<()> {
        let until = pause(self.means.now(), self.means.keyring.random())?;
        let (workspace, id) = (allowed.workspace().clone(), id.clone());
        self.db.write(move |tx| oauth_grant::put_off(tx, &workspace, &id, until)).await
    }

    /// Notes that the catalogue no longer has the service of a credential, so that its tokens cannot be renewed.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a foreign, deleted or unknown credential; otherwise when storage fails.
    pub async fn gone<P: Permission>(&self, allowed: &Allowed<P>, id: &Id<Credential>, hint: String) -> Result<()> {
        let (means, allowed, id) = (self.means.clone(), allowed.clone(), id.clone());
        let report = report(Outcome::Misconfigured, NO_SERVICE, hint);
        self.db
            .write(move |tx| {
                let row = Credential::get(tx.conn(), allowed.workspace(), &id)?;
                if row.code != NO_SERVICE {
                    let (version, told) = (row.live_version, (Cause::Schedule, &*report));
                    credential_change::checked(tx, &means, &allowed, &id, version, &row.integration, told)?;
                }
                Ok(())
            })
            .await
    }
}

enum Renewed {
    Live(Live),
    Failed(Box<Report>),
    Overtaken,
}

fn need(grant: &Grant, now: At, refused: Option<i64>) -> Need {
    let over = is_over(grant, now, refused);
    let due = grant.refresh_at.is_some_and(|at| at <= now);
    match (over, due, grant.refresh_at) {
        (false, false, _) => Need::Nothing,
        (_, true, _) => Need::Renewal,
        // After a failure the pause is kept; a refused or ended token is else renewed ahead of its time.
        (true, false, Some(at)) if grant.failures > 0 => Need::Waiting(at),
        (true, false, Some(_)) => Need::Renewal,
        (true, false, None) if grant.renewable && grant.failures == 0 => Need::Renewal,
        (true, false, None) => Need::Person,
    }
}

/// Whether the token has ended, or the service does not take it.
fn is_over(grant: &Grant, now: At, refused: Option<i64>) -> bool {
    refused == Some(grant.serial) || grant.expires_at.is_some_and(|end| end <= now.plus(SKEW))
}

/// Whether only a person can mend what a renewal failed of.
fn is_final(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Invalid | Outcome::Expired | Outcome::Reauthorize)
}

fn live(serial: i64, expires_at: Option<At>, tokens: &Tokens) -> Live {
    Live { serial, session: Session { values: tokens.duplicate().values, expires_at } }
}

fn not_connected(opened: &Opened<'_>) -> Trouble {
    let hint = format!("It is not connected. Connect it to {}.", opened.integration.name);
    Trouble::Report(report(Outcome::Reauthorize, "not_connected", hint))
}

/// Renewing needs the workspace's client.
fn lacks_client(opened: &Opened<'_>) -> Option<Box<Report>> {
    let name = &opened.integration.name;
    let (code, hint) = match &opened.client {
        Client::Ready => return None,
        Client::Missing => {
            ("no_app", format!("This workspace has no OAuth client for {name} any more. Enter it again."))
        }
        Client::Unreadable(fault) => (
            "app_unreadable",
            format!(
                "The OAuth client for {name} needs {}, which does not open it. Enter the client again.",
                fault.label
            ),
        ),
    };
    Some(report(Outcome::Misconfigured, code, hint))
}

/// What the failed renewal said stays true until somebody connects again.
fn needs_person(opened: &Opened<'_>) -> Trouble {
    let row = &opened.row;
    let known = crate::model::check_record::outcome_of(&row.outcome);
    let said = known.filter(|outcome| is_final(*outcome));
    match said {
        Some(outcome) if !row.hint.is_empty() => Trouble::Report(report(outcome, &row.code, row.hint.clone())),
        _ => {
            let hint =
                format!("The sign-in to {} has ended and cannot be renewed. Connect again.", opened.integration.name);
            Trouble::Report(report(Outcome::Reauthorize, "token_ended", hint))
        }
    }
}

fn waits(opened: &Opened<'_>, until: At) -> Trouble {
    let at = until.utc().format("%H:%M UTC");
    let hint = format!("The sign-in to {} could not be renewed; the next try is at {at}.", opened.integration.name);
    Trouble::Report(report(Outcome::Unavailable, "refresh_waits", hint))
}

fn report(outcome: Outcome, code: &str, hint: String) -> Box<Report> {
    Box::new(Report {
        outcome,
        code: code.to_owned(),
        hint,
        steps: Vec::new(),
        identity: None,
        ms: 0,
        connected: false,
        fingerprint: None,
    })
}
