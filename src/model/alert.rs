//! Mails that tell the other admins of a workspace of a risky act, so that no admin does it unseen.

use super::account::{self, Notice};
use super::user::User;
use super::workspace::Workspace;
use super::{Means, member};
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;

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

/// Promises the mail to each other admin, in the transaction of the act, and before an act that ends the workspace.
pub fn tell(tx: &mut Tx<'_>, means: &Means, workspace: &Id<Workspace>, alert: &Alert) -> Result<()> {
    for admin in member::admins(tx.conn(), workspace, means.now())? {
        if admin.id != alert.by {
            let notice = Notice { kind: "alert", to: &admin.email, subject: &alert.subject, text: &alert.text };
            account::notify(tx, means, &admin.id, &notice)?;
        }
    }
    Ok(())
}
