//! What a credential's row says on account of the version that serves. It is put away with a version that does not
//! serve yet or no longer, and comes back with it.

use super::Means;
use super::credential::{Badge, Credential};
use super::credential_change::{beneath, one};
use super::status::Status;
use super::{count, fingerprint};
use crate::clock::At;
use crate::db::Tx;
use crate::db::schema::credentials;
use crate::db::types::Json;
use crate::error::Result;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// The columns of a credential that belong to one version. Instants are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub(super) place: String,
    pub(super) badge: String,
    pub(super) status: String,
    pub(super) outcome: String,
    pub(super) code: String,
    pub(super) hint: String,
    /// Empty: the check of this version did not tell the account. `None`: the row's stays.
    pub(super) identity: Option<String>,
    pub(super) checked_at: Option<i64>,
    pub(super) good_at: Option<i64>,
    pub(super) expires_at: Option<i64>,
    /// Of a staged version: for how long the one before it is kept once this serves, in seconds.
    pub(super) keep_s: i64,
}

impl Standing {
    /// What the row says now.
    pub(super) fn of(row: &Credential) -> Box<Json<Self>> {
        Box::new(Json(Self {
            place: row.place.clone(),
            badge: row.badge.as_str().to_owned(),
            status: row.suspended_from.unwrap_or(row.status).as_str().to_owned(),
            outcome: row.outcome.clone(),
            code: row.code.clone(),
            hint: row.hint.clone(),
            identity: Some(row.identity.clone()),
            checked_at: row.checked_at.map(At::micros),
            good_at: row.good_at.map(At::micros),
            expires_at: row.expires_at.map(At::micros),
            keep_s: 0,
        }))
    }

    /// Makes `version` the one in use and the row say this. A credential that is switched off stays so.
    pub(super) fn apply(&self, tx: &mut Tx<'_>, means: &Means, before: &Credential, version: i64) -> Result<()> {
        let (status, from) = beneath(before, Status::parse(&self.status).unwrap_or(Status::Unverified));
        let at = |micros: Option<i64>| micros.and_then(At::from_micros);
        diesel::update(one(&before.workspace_id, &before.id))
            .set((
                credentials::place.eq(&self.place),
                credentials::badge.eq(Badge::parse(&self.badge).unwrap_or(Badge::None)),
                credentials::status.eq(status),
                credentials::suspended_from.eq(from),
                credentials::outcome.eq(&self.outcome),
                credentials::code.eq(&self.code),
                credentials::hint.eq(&self.hint),
                credentials::identity.eq(self.identity.as_ref().unwrap_or(&before.identity)),
                credentials::checked_at.eq(at(self.checked_at)),
                credentials::good_at.eq(at(self.good_at)),
                credentials::expires_at.eq(at(self.expires_at)),
                credentials::live_version.eq(version),
                credentials::revision.eq(credentials::revision + 1),
            ))
            .execute(tx.conn())?;
        count::shift(tx, &before.workspace_id, Some(before.status), Some(status))?;
        fingerprint::renew(tx, means, before.seal_place())
    }
}
