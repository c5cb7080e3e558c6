//! One file a noun: its row, its rules, its queries and its audit line.
//!
//! Whatever changes something takes a [`crate::db::Tx`] and an [`permission::Allowed`], so that neither
//! the transaction nor the permission can be forgotten. Nothing here touches the network.

pub mod account;
pub mod alert;
pub mod attempt;
pub mod audit;
mod audit_carry;
pub mod audit_file;
pub mod audit_list;
pub mod audit_names;
pub mod audit_proof;
pub mod audit_prune;
pub mod audit_summary;
pub mod audit_verify;
pub mod backup;
pub mod block;
pub mod bot;
pub mod bot_token;
pub mod bot_use;
pub mod check_record;
pub mod checkpoint;
pub mod count;
pub mod credential;
pub mod credential_change;
pub mod credential_list;
mod credential_search;
pub mod device;
pub mod drill;
pub mod fingerprint;
pub mod housekeeping;
pub mod instance;
pub mod invitation;
pub mod key_status;
pub mod leaver;
pub mod listed;
pub mod lost_key;
pub mod management;
pub mod member;
pub mod membership;
pub mod oauth_app;
pub mod oauth_flow;
pub mod oauth_grant;
pub mod outbox;
pub mod overview;
pub mod passkey;
pub mod permission;
pub mod reset;
pub mod rewrap;
pub mod rollback;
pub mod root_key;
pub mod rotation;
pub mod sealed;
mod sealed_oauth;
mod sealed_version;
mod sealing;
pub mod second_factor;
pub mod served;
pub mod session;
pub mod standing;
pub mod status;
pub mod step;
pub mod support;
pub mod token_warning;
pub mod usage;
pub mod user;
pub mod version;
pub mod word;
pub mod workspace;
pub mod workspace_deletion;
pub mod workspace_key;
pub mod workspace_settings;

use crate::clock::{At, Clock};
use crate::crypto::keyring::Keyring;
use std::sync::Arc;

/// What a change needs besides the transaction and the permission: keys and the time.
#[derive(Clone)]
pub struct Means {
    /// Seals secrets and signs audit lines.
    pub keyring: Arc<Keyring>,
    /// Tells the time.
    pub clock: Clock,
}

impl Means {
    /// The current instant.
    pub fn now(&self) -> At {
        self.clock.now()
    }
}

/// Turns a violated unique key into [`crate::error::Error::Conflict`] with our words.
fn unique_as<T>(done: crate::error::Result<T>, words: &str) -> crate::error::Result<T> {
    use crate::error::Error;
    use diesel::result::{DatabaseErrorKind, Error as Diesel};
    match done {
        Err(Error::Database(Diesel::DatabaseError(DatabaseErrorKind::UniqueViolation, _))) => {
            Err(Error::Conflict(words.to_owned()))
        }
        done => done,
    }
}
