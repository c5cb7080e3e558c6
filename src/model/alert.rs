//! Mails that tell the other admins of a workspace of a risky act, so that no admin does it unseen.

use super::account::NOTICE;
use super::outbox::{self, Promise};
use super::user::User;
use super::workspace::Workspace;
use super::{Means, member};
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;

/// What such a mail is called among the mails of a workspace.
pub const KIND: &str = "alert";

/// What the others are told.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Who did it; they are not told.
    pub by: Id<User>,
    /// The subject.
    pub subject: String,
    /// What the mail says.
    pub text: String,
}

/// Promises the mail to each other admin, in the transaction of the act.
pub fn tell(tx: &mut Tx<'_>, means: &Means, workspace: &Id<Workspace>, alert: &Alert) -> Result<()> {
    promise(tx, means, workspace, Some(workspace), alert)
}

/// The same for an act that ends the workspace, and its mails with it: the alert is of no workspace.
pub fn tell_of_the_end(tx: &mut Tx<'_>, means: &Means, workspace: &Id<Workspace>, alert: &Alert) -> Result<()> {
    promise(tx, means, workspace, None, alert)
}

fn promise(
    tx: &mut Tx<'_>,
    means: &Means,
    admins_of: &Id<Workspace>,
    workspace: Option<&Id<Workspace>>,
    alert: &Alert,
) -> Result<()> {
    for admin in member::admins(tx.conn(), admins_of, means.now())? {
        if admin.id != alert.by {
            let mail = Promise {
                workspace,
                user: Some(&admin.id),
                kind: KIND,
                to: &admin.email,
                subject: &alert.subject,
                text: &alert.text,
                good_for: NOTICE,
            };
            outbox::promise(tx, means, &mail)?;
        }
    }
    Ok(())
}
