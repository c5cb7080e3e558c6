//! Services on loopback in place of the real ones, and a dialer that leads every call to them.

use super::answers::{self, Account};
use super::authority::{Authority, Health};
use super::calls::{Calls, host};
use super::mail_server::{MailServer, Mailbox, Verdict, welcome};
use super::web_server::{Answer, Recorded, WebServer};
use super::words::{Mood, USUAL};
use crate::catalog::load::Catalog;
use crate::egress::dial::Dialer;
use crate::egress::lead::Lead;
use crate::error::{Error, Result};
use serde_json::json;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// Ports of mail servers that encrypt from the first byte.
const MAIL_TLS: [u16; 1] = [465];
/// Ports of mail servers that offer STARTTLS.
const MAIL_STARTTLS: [u16; 3] = [25, 587, 2525];

/// Every service of a catalogue, imitated; they stop when it is dropped.
pub struct StandIn {
    authority: Arc<Authority>,
    web: WebServer,
    mail_tls: MailServer,
    mail_starttls: MailServer,
}

impl StandIn {
    /// Starts the services on free ports of 127.0.0.1. With a mood all of them are in it; without one each
    /// request chooses by the words in it, see [`super::words`].
    ///
    /// # Errors
    /// When ports or keys are not to be had.
    pub async fn start(catalog: &Arc<Catalog>, mood: Option<Mood>) -> Result<Self> {
        let authority = Arc::new(Authority::new()?);
        let tls = authority.server(Health::Good)?;
        let calls = Calls::of(catalog.clone())?;
        let respond = move |request: Recorded| answer(&calls, &request, mood);
        let judge = Arc::new(move |sent: &str| verdict(mood.unwrap_or_else(|| Mood::of(sent))));
        let mail = |mailbox: Mailbox| MailServer::start(Mailbox { judge: judge.clone(), ..mailbox });
        Ok(Self {
            web: WebServer::start(Some(tls.clone()), respond).await.map_err(Error::unavailable)?,
            mail_tls: mail(Mailbox::implicit(tls.clone())).await.map_err(Error::unavailable)?,
            mail_starttls: mail(Mailbox::starttls(tls)).await.map_err(Error::unavailable)?,
            authority,
        })
    }

    /// A dialer that leads every call to these services and trusts nobody else.
    ///
    /// # Errors
    /// When the authority cannot be read back.
    pub fn dialer(&self) -> Result<Dialer> {
        let lead = Lead::to(self.web.addr);
        let lead = MAIL_TLS.into_iter().fold(lead, |lead, port| lead.port(port, self.mail_tls.addr));
        let lead = MAIL_STARTTLS.into_iter().fold(lead, |lead, port| lead.port(port, self.mail_starttls.addr));
        Dialer::leading_to(lead, &self.authority.root()).map_err(Error::internal)
    }
}

fn answer(calls: &Calls, request: &Recorded, mood: Option<Mood>) -> Answer {
    let mood = mood.unwrap_or_else(|| Mood::asked_by(request));
    let account = Account { number: account(request), host: host(request) };
    let answer = match calls.find(request) {
        Some(call) => answers::of(&call, mood, calls.catalog().defaults(), account),
        None => Answer::json(404, &json!({ "error": "the catalogue has no such call" })),
    };
    Answer::Late(pause(account.number), Box::new(answer))
}

/// A number that stays the same for one account: whoever signs in alike is the same.
fn account(request: &Recorded) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&request.server_name, request.path()).hash(&mut hasher);
    let signs_in = |(name, _): &&(String, String)| !USUAL.contains(&name.as_str());
    request.headers.iter().filter(signs_in).for_each(|header| header.hash(&mut hasher));
    hasher.finish()
}

/// As long as a service may take that is not on the same machine.
fn pause(account: u64) -> Duration {
    Duration::from_millis(40 + account % 160)
}

/// What a mail server says to a sign-in (RFC 4954 §6, RFC 3463, RFC 5321 §4.2.3).
fn verdict(mood: Mood) -> Verdict {
    let line = match mood {
        Mood::Fine => return welcome(),
        Mood::Slow => return Verdict::Silence,
        Mood::Wrong => "535 5.7.8 authentication credentials invalid",
        Mood::Expired => "534 5.7.9 another way to sign in is needed",
        Mood::Limited => "535 5.7.139 sending by password is switched off",
        Mood::Busy => "454 4.7.0 too many sign-ins, try later",
        Mood::Down => "421 4.3.2 closing for now",
    };
    Verdict::Say(line.to_owned())
}
