//! Signs where each audit chain ends, appends that to a file and, if asked to, sends it away.
//!
//! A chain is signed when it has grown by a thousand lines, or has grown at all and a quarter of an hour went by;
//! never when it no longer holds what was signed before. What could not be sent waits as the newest note of its
//! chain, so that a place that is away costs no more than a note a chain.

use crate::anchor::{Head, Heads, Known};
use crate::app::App;
use crate::clock::At;
use crate::egress::http::{Headers, Request};
use crate::egress::policy::{Pattern, Policy, Private};
use crate::egress::target::Target;
use crate::egress::trace::Trace;
use crate::error::{Error, Result};
use crate::measure;
use crate::model::{checkpoint, rollback};
use crate::secret::Secret;
use actix_web::web;
use chrono::TimeDelta;
use hyper::Method;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

/// How often it is asked what has grown.
const EVERY: Duration = Duration::from_secs(60);
/// A chain that has grown by so many lines is signed at once.
const LINES: i64 = 1000;
/// A chain that has grown at all is signed after this.
const AFTER: TimeDelta = TimeDelta::minutes(15);
/// So long a call may take.
const WITHIN: Duration = Duration::from_secs(10);
/// Bytes of notes in one call.
const AT_ONCE: usize = 48 * 1024;

/// What was signed and what waits to be sent.
#[derive(Default)]
pub struct Signed {
    heads: Heads,
    at: BTreeMap<String, At>,
    unsent: BTreeMap<String, String>,
    /// Whether the file was read.
    is_loaded: bool,
}

/// Signs for as long as the process lives.
pub async fn run(app: web::Data<App>) {
    let mut signed = Signed::default();
    loop {
        drop(super::unit("checkpoints", sign(&app, &mut signed)).await);
        tokio::time::sleep(EVERY).await;
    }
}

/// One round; returns how many chains were signed.
pub async fn sign(app: &App, signed: &mut Signed) -> Result<usize> {
    if !signed.is_loaded {
        load(app, signed).await?;
    }
    let notes = due(app, signed).await?;
    let count = notes.len();
    if count > 0 {
        append(app, notes.values().map(|(note, _)| note.as_str()).collect()).await?;
        let now = app.means.now();
        for (chain, (note, head)) in notes {
            signed.heads.insert(chain.clone(), head);
            signed.at.insert(chain.clone(), now);
            if app.config.checkpoint_url.is_some() {
                signed.unsent.insert(chain, note);
            }
        }
    }
    let sent = send(app, signed).await;
    measure::CHECKPOINTS_UNSENT.set(signed.unsent.len() as f64);
    sent.map(|()| count)
}

/// Takes up where the file ends.
async fn load(app: &App, signed: &mut Signed) -> Result<()> {
    let path = app.config.checkpoint_file.clone();
    let text = tokio::task::spawn_blocking(move || std::fs::read_to_string(&path)).await.map_err(Error::internal)?;
    let text = match text {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::unavailable(format!("checkpoints: {error}"))),
    };
    let read = checkpoint::read(&app.means.keyring, &text);
    if read.bad > 0 {
        tracing::warn!(notes = read.bad, "notes in the file of checkpoints are not signed by this instance");
    }
    signed.heads = checkpoint::furthest(&read.good);
    signed.is_loaded = true;
    Ok(())
}

/// The chains to be signed now, with their notes. One that contradicts what was signed is left out and told.
async fn due(app: &App, signed: &Signed) -> Result<BTreeMap<String, (String, Head)>> {
    let now = app.means.now();
    let mut heads = app.db.read(rollback::all_heads).await?;
    let known = Known { instance: app.means.keyring.instance().to_owned(), heads: signed.heads.clone() };
    let keyring = app.means.keyring.clone();
    for gap in app.db.read(move |conn| rollback::gaps(conn, &keyring, &known)).await? {
        tracing::error!("an audit chain contradicts its signed checkpoint: {gap}");
        heads.remove(&gap.chain);
    }
    heads.retain(|chain, head| {
        let grown = head.seq - signed.heads.get(chain).map_or(0, |known| known.seq);
        let waited = signed.at.get(chain).is_none_or(|at| now.since(*at) >= AFTER);
        grown >= LINES || grown > 0 && waited
    });
    let note = |(chain, head): (String, Head)| {
        let note = checkpoint::note(&app.means, &chain, &head);
        (chain, (note, head))
    };
    Ok(heads.into_iter().map(note).collect())
}

async fn append(app: &App, notes: Vec<&str>) -> Result<()> {
    let path: PathBuf = app.config.checkpoint_file.clone();
    let text: String = notes.into_iter().flat_map(|note| [note, "\n"]).collect();
    let write = move || {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    tokio::task::spawn_blocking(write)
        .await
        .map_err(Error::internal)?
        .map_err(|error| Error::unavailable(format!("checkpoints: {error}")))
}

/// Sends what waits, a group of notes in a call.
async fn send(app: &App, signed: &mut Signed) -> Result<()> {
    let Some(url) = &app.config.checkpoint_url else { return Ok(()) };
    while !signed.unsent.is_empty() {
        let (mut group, mut text) = (Vec::new(), String::new());
        for (chain, note) in &signed.unsent {
            if !group.is_empty() && text.len() + note.len() > AT_ONCE {
                break;
            }
            group.push(chain.clone());
            text += note;
            text.push('\n');
        }
        post(app, url.as_str(), text).await?;
        for chain in group {
            signed.unsent.remove(&chain);
        }
    }
    Ok(())
}

async fn post(app: &App, address: &str, text: String) -> Result<()> {
    let refused = |why: String| Error::unavailable(format!("checkpoints could not be sent: {why}"));
    let target = Target::http(address).map_err(|error| refused(error.to_string()))?;
    let policy = Policy {
        hosts: vec![Pattern::Exact(target.host().clone())],
        ports: vec![target.port()],
        private: Private::Operator,
        ..Policy::default()
    };
    let body = Some(("text/plain; charset=utf-8", Secret::new(text)));
    let request = Request { method: Method::POST, target, headers: Headers::default(), body };
    let answer = app.egress.http(request, &policy, &mut Trace::within(WITHIN)).await;
    match answer {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
        Ok(answer) => Err(refused(format!("the answer was {}", answer.status))),
        Err(fault) => Err(refused(format!("{fault:?}"))),
    }
}
