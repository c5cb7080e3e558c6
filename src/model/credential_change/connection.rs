//! Consent at the service: stored with a new credential, or for one that exists, in place.

use super::checked::Checked;
use super::rotation::replace_content;
use super::{Content, Saved, beneath, index, one};
use crate::db::Tx;
use crate::db::schema::credentials;
use crate::error::Result;
use crate::id::Id;
use crate::model::audit::Entry;
use crate::model::check_record::{self, Cause};
use crate::model::credential::Credential;
use crate::model::oauth_flow::{self, Flow};
use crate::model::oauth_grant::{self, NewGrant};
use crate::model::permission::{Allowed, ConnectCredential};
use crate::model::version::{Old, Place, Version};
use crate::model::{Means, audit, count};
use crate::report::Report;
use diesel::prelude::*;

/// What a person consented to.
#[derive(Debug)]
pub struct Consent {
    /// The consent, which ends with this.
    pub flow: Flow,
    /// What it gave.
    pub grant: NewGrant,
}

impl Consent {
    /// Ends the consent, before anything is stored: an answer that was overtaken stores nothing.
    pub(super) fn end(&self, tx: &mut Tx<'_>) -> Result<()> {
        oauth_flow::finish(tx, &self.flow)
    }

    /// Stores the tokens, and says so in the audit line of the change that it belongs to.
    pub(super) fn store(
        &self,
        tx: &mut Tx<'_>,
        means: &Means,
        place: Place<'_>,
        destination: &str,
        by: &str,
        entry: Entry,
    ) -> Result<Entry> {
        let (serial, blob) = oauth_grant::connect(tx, means, place, destination, &self.grant, by)?;
        let entry = entry.detail("flow", self.flow.id.as_str()).detail("serial", serial).detail("grant", blob);
        Ok(entry.detail("asked", self.grant.asked.clone()).detail("granted", self.grant.granted.clone()))
    }
}

/// A new consent for a credential that exists.
#[derive(Debug)]
pub struct Connected {
    /// The version that the consent was asked for.
    pub live_version: i64,
    /// The service's name, for search.
    pub service: String,
    /// Values with new secrets, where such were entered.
    pub content: Option<Content>,
    /// What their check came to.
    pub report: Report,
    /// What the person consented to.
    pub consent: Consent,
}

/// Puts a new consent in the place of the old one: same id, same handle, same users.
pub fn connect(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ConnectCredential>,
    id: &Id<Credential>,
    connected: &Connected,
) -> Result<Saved> {
    let Connected { live_version, service, content, report, consent } = connected;
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    let before = Credential::get(tx.conn(), workspace, id)?;
    if before.live_version != *live_version {
        return Ok(Saved::Stale(Box::new(before)));
    }
    consent.end(tx)?;
    diesel::update(one(workspace, id)).set(credentials::revision.eq(credentials::revision + 1)).execute(tx.conn())?;
    let mut entry = audit::Entry::allow("credential.connected", audit::Target::credential(id.as_str()))
        .code(&check_record::outcome_text(report.outcome)?)
        .detail("other_account", before.identity != report.identity.clone().unwrap_or_default());
    let destination = match content {
        Some(content) => {
            let written = replace_content(tx, means, allowed, &before, (content, report), Old::Erased)?;
            entry = written.noted(entry.detail("fields", content.changed.clone()));
            content.destination.clone()
        }
        None => {
            let state = Checked::saved(report, now, consent.grant.ends())?;
            let (status, from) = beneath(&before, state.status);
            let (identity, good_at) = state.of_another();
            diesel::update(one(workspace, id)).set(state.columns()).execute(tx.conn())?;
            diesel::update(one(workspace, id))
                .set((
                    credentials::status.eq(status),
                    credentials::suspended_from.eq(from),
                    credentials::identity.eq(identity),
                    credentials::good_at.eq(good_at),
                ))
                .execute(tx.conn())?;
            count::shift(tx, workspace, Some(before.status), Some(status))?;
            check_record::insert(tx, workspace, id, Cause::Save, report, now)?;
            Version::get(tx.conn(), workspace, id, *live_version)?.destination
        }
    };
    let entry = consent.store(tx, means, before.seal_place(), &destination, &allowed.actor().id, entry)?;
    index(tx, workspace, id, service)?;
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Saved::Done)
}
