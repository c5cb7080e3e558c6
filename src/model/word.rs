//! The words by which a credential is found: search matches the start of any of them.

use super::credential::Credential;
use super::workspace::Workspace;
use crate::db::Tx;
use crate::db::schema::credential_words as words;
use crate::error::Result;
use crate::fold;
use crate::id::Id;
use diesel::prelude::*;
use std::collections::BTreeSet;

/// Longer words are cut: nobody types more.
const LONGEST: usize = 40;
/// No credential gets more words than this.
const MOST: usize = 60;

/// The words of some texts, folded, each once.
pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    texts.into_iter().flat_map(fold::words).map(|word| word.chars().take(LONGEST).collect()).take(MOST).collect()
}

/// Makes the stored words of a credential these.
pub(super) fn replace(
    tx: &mut Tx<'_>,
    workspace: &Id<Workspace>,
    credential: &Id<Credential>,
    wanted: &BTreeSet<String>,
) -> Result<()> {
    let mine = words::workspace_id.eq(workspace).and(words::credential_id.eq(credential));
    let stored: BTreeSet<String> = words::table.filter(mine).select(words::word).load(tx.conn())?.into_iter().collect();
    for gone in stored.difference(wanted) {
        diesel::delete(words::table.filter(mine).filter(words::word.eq(gone))).execute(tx.conn())?;
    }
    for new in wanted.difference(&stored) {
        diesel::insert_into(words::table)
            .values((words::workspace_id.eq(workspace), words::credential_id.eq(credential), words::word.eq(new)))
            .execute(tx.conn())?;
    }
    Ok(())
}
