//! What several pages of a bot draw alike.

use crate::app::App;
use crate::clock::At;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::block::{Chosen, Seen};
use crate::model::bot::Bot;
use crate::model::permission::Permission;
use crate::web::credentials::drawn::Judged;
use crate::web::guard::Can;
use crate::web::pages::bots::Health;
use crate::web::pages::shell::Tone;
use crate::web::pages::status::StatusView;

/// The list of bots.
pub fn list<P: Permission>(can: &Can<P>) -> String {
    format!("{}/bots", can.root())
}

/// The bot that the address names; [`Error::NotFound`] for a foreign, deleted or unknown one alike.
pub async fn load<P: Permission>(app: &App, can: &Can<P>) -> Result<Bot> {
    let (workspace, id) = (can.workspace().clone(), can.id()?);
    app.db.read(move |conn| Bot::get(conn, &workspace, &id)).await
}

/// The id in the address, as that of a bot.
impl<P: Permission> Can<P> {
    /// The bot that the address names; [`Error::NotFound`] if it cannot be one.
    pub fn bot(&self) -> Result<Id<Bot>> {
        self.id()
    }
}

/// How the credential of a block does.
pub fn status(chosen: &Chosen, now: At) -> StatusView {
    Judged {
        status: chosen.status,
        outcome: &chosen.outcome,
        checked_at: chosen.checked_at,
        good_at: chosen.good_at,
        expires_at: chosen.expires_at,
    }
    .view(now)
}

/// Whether the blocks of a bot work.
pub fn health<'a>(blocks: impl Iterator<Item = &'a Seen>) -> Health {
    let (mut all, mut empty, mut failing, mut unsure) = (0, 0, 0, 0);
    for (_, chosen) in blocks {
        all += 1;
        match chosen {
            None => empty += 1,
            Some(chosen) if chosen.deleted_at.is_some() => empty += 1,
            Some(chosen) if chosen.fails() => failing += 1,
            Some(chosen) if !chosen.works() => unsure += 1,
            Some(_) => {}
        }
    }
    let of = |n: usize| if all == 1 { "its block".to_owned() } else { format!("{n} of {all} blocks") };
    let health = |tone, mark, word, line| Health { tone, mark, word, line };
    match (all, failing, empty, unsure) {
        (0, ..) => health(Tone::Plain, "dash", "No blocks", "nothing is chosen yet".to_owned()),
        (_, n, _, _) if n > 0 => health(Tone::Bad, "bang", "Broken", format!("{}: the credential fails", of(n))),
        (_, _, n, _) if n > 0 => health(Tone::Warn, "bang", "Incomplete", format!("{}: no credential", of(n))),
        (_, _, _, n) if n > 0 => health(Tone::Plain, "question", "Unverified", format!("{}: nobody knows", of(n))),
        (1, ..) => health(Tone::Good, "tick", "Ready", "its block works".to_owned()),
        (n, ..) => health(Tone::Good, "tick", "Ready", format!("all {n} blocks work")),
    }
}

/// What to say when somebody else changed the bot first.
pub const STALE: &str = "Somebody changed this bot meanwhile, so nothing was saved. Look at it, then send it again.";

/// [`Error::NotFound`] for what an address cannot name.
pub fn named<T: 'static>(text: Option<&str>) -> Result<Id<T>> {
    text.and_then(Id::parse).ok_or(Error::NotFound)
}
