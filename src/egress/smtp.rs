//! Mail servers (RFC 5321, 3207, 4954): a sign-in and nothing more, which is how a credential is checked, or one mail
//! handed over behind it, which is how this console sends its own.

use super::fault::{Fault, Network, SmtpCode, TlsFault, TlsKind};
use super::policy::Policy;
use super::smtp_talk::{Reply, Talk};
use super::target::{Host, Mode, Target};
use super::trace::{Phase, Trace};
use super::{Egress, bounded, tls};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::net::IpAddr;
use zeroize::Zeroizing;

/// How user and password are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// PLAIN (RFC 4616), or LOGIN where only that is offered.
    Auto,
    /// PLAIN only.
    Plain,
    /// LOGIN only.
    Login,
    /// XOAUTH2 with a bearer token as the password.
    Xoauth2,
}

/// A sign-in.
#[derive(Debug)]
pub struct Login {
    target: Target,
    helo: Option<String>,
    account: Option<Account>,
}

#[derive(Debug)]
struct Account {
    user: Secret,
    password: Secret,
    mechanism: Mechanism,
}

/// A value that cannot be part of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLogin {
    /// The name for EHLO is no host name.
    #[error("The name for EHLO is not a valid host name.")]
    Helo,
    /// User name or password hold a line break or another control character.
    #[error("User name and password must not hold line breaks or other control characters.")]
    Account,
}

/// One mail to be handed over.
pub struct Letter {
    from: String,
    to: String,
    content: Zeroizing<Vec<u8>>,
}

impl Letter {
    /// A mail from and to plain addresses (no names, no brackets), with its headers and body in CRLF lines.
    ///
    /// # Errors
    /// [`BadLogin::Account`] for an address that could end a command early.
    pub fn new(from: &str, to: &str, content: Vec<u8>) -> Result<Self, BadLogin> {
        let sound = |text: &str| {
            !text.is_empty() && !text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>'))
        };
        if sound(from) && sound(to) {
            Ok(Self { from: from.to_owned(), to: to.to_owned(), content: Zeroizing::new(content) })
        } else {
            Err(BadLogin::Account)
        }
    }
}

/// The part of a mail that a server would not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The address it comes from.
    Sender,
    /// The address it goes to.
    Recipient,
    /// What it says.
    Content,
}

/// Why a mail was not handed over.
#[derive(Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// The server let us in and would not take this very mail.
    Rejected(Part, SmtpCode),
    /// It did not come to that.
    Before(Fault),
}

impl From<Fault> for Undelivered {
    fn from(fault: Fault) -> Self {
        Self::Before(fault)
    }
}

/// What a mail server let us do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// Whether a user name and password were accepted (none may have been given).
    pub signed_in: bool,
    /// Whether the connection was encrypted.
    pub encrypted: bool,
}

impl Login {
    /// A sign-in to `target`; empty `helo` means our address, empty `user` means no sign-in.
    ///
    /// # Errors
    /// [`BadLogin`] for values that could end a command early or are no host name.
    pub fn new(
        target: Target,
        helo: &str,
        user: Secret,
        password: Secret,
        mechanism: Mechanism,
    ) -> Result<Self, BadLogin> {
        let helo = match helo {
            "" => None,
            name => Some(Host::parse(name).ok().and_then(|host| host.name().map(str::to_owned)).ok_or(BadLogin::Helo)?),
        };
        if [&user, &password].iter().any(|text| text.expose().chars().any(char::is_control)) {
            return Err(BadLogin::Account);
        }
        let account = (!user.is_empty()).then_some(Account { user, password, mechanism });
        Ok(Self { target, helo, account })
    }

    /// Where it goes.
    pub fn target(&self) -> &Target {
        &self.target
    }

    fn greeting_name(&self, local: IpAddr) -> String {
        match (&self.helo, local) {
            (Some(name), _) => name.clone(),
            (None, IpAddr::V4(ip)) => format!("[{ip}]"),
            (None, IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
        }
    }
}

impl Egress {
    /// Greets, encrypts, signs in and says goodbye. The password is sent only over an encrypted and
    /// verified connection, or to a place that the operator's list names.
    ///
    /// # Errors
    /// A [`Fault`]; the trace tells how far it came.
    pub async fn smtp(&self, login: &Login, policy: &Policy, trace: &mut Trace) -> Result<Welcome, Fault> {
        self.talk(login, None, policy, trace).await.map(|(welcome, _)| welcome)
    }

    /// The same, and hands one mail over before it says goodbye.
    ///
    /// # Errors
    /// [`Undelivered`]: whether the server refused this mail, or what went wrong before.
    pub async fn deliver(
        &self,
        login: &Login,
        letter: &Letter,
        policy: &Policy,
        trace: &mut Trace,
    ) -> Result<(), Undelivered> {
        match self.talk(login, Some(letter), policy, trace).await? {
            (_, Some((part, code))) => Err(Undelivered::Rejected(part, code)),
            (_, None) => Ok(()),
        }
    }

    async fn talk(
        &self,
        login: &Login,
        letter: Option<&Letter>,
        policy: &Policy,
        trace: &mut Trace,
    ) -> Result<(Welcome, Rejected), Fault> {
        bounded(trace, async |trace| {
            let (stream, ip) = self.open(&login.target, policy, trace).await?;
            let local = stream.local_addr().map_err(|error| Fault::Network(Network::from(&error)))?.ip();
            let name = login.greeting_name(local);
            let (host, roots) = (login.target.host(), self.dialer.roots());
            match login.target.mode() {
                Mode::SmtpTls => {
                    trace.begin(Phase::Tls);
                    let mut talk = Talk::over(tls::encrypt(stream, host, &[], roots, policy).await?);
                    trace.begin(Phase::Hello);
                    let offer = welcome(&mut talk, &name).await?;
                    finish(talk, (login, letter), &offer, true, trace).await
                }
                Mode::SmtpStarttls => {
                    trace.begin(Phase::Hello);
                    let mut talk = Talk::over(stream);
                    let offer = welcome(&mut talk, &name).await?;
                    trace.begin(Phase::Tls);
                    start_tls(&mut talk, &offer).await?;
                    let stream = tls::encrypt(talk.into_stream()?, host, &[], roots, policy).await?;
                    let mut talk = Talk::over(stream);
                    let offer = hello(&mut talk, &name).await?;
                    finish(talk, (login, letter), &offer, true, trace).await
                }
                Mode::SmtpPlain => {
                    trace.begin(Phase::Hello);
                    if login.account.is_some() {
                        self.judge(policy).plain_sign_in(&login.target, ip).map_err(Fault::Refused)?;
                    }
                    let mut talk = Talk::over(stream);
                    let offer = welcome(&mut talk, &name).await?;
                    finish(talk, (login, letter), &offer, false, trace).await
                }
                _ => Err(Fault::Protocol),
            }
        })
        .await
    }
}

/// What a server says it can do.
struct Offer {
    starttls: bool,
    mechanisms: Vec<String>,
}

async fn welcome<S: super::line::Stream>(talk: &mut Talk<S>, name: &str) -> Result<Offer, Fault> {
    talk.reply().await?.expect(220)?;
    hello(talk, name).await
}

async fn hello<S: super::line::Stream>(talk: &mut Talk<S>, name: &str) -> Result<Offer, Fault> {
    let reply = talk.command(format!("EHLO {name}")).await?.expect(250)?;
    let words = |line: &str| line.to_ascii_uppercase().split([' ', '=']).map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<_> = reply.lines.iter().skip(1).map(|line| words(line)).collect();
    let named = |name: &'static str| lines.iter().filter(move |words| words.first().is_some_and(|w| w == name));
    Ok(Offer {
        starttls: named("STARTTLS").next().is_some(),
        mechanisms: named("AUTH").flat_map(|words| words.iter().skip(1).cloned()).collect(),
    })
}

async fn start_tls<S: super::line::Stream>(talk: &mut Talk<S>, offer: &Offer) -> Result<(), Fault> {
    if !offer.starttls {
        talk.goodbye().await;
        return Err(Fault::Tls(TlsFault { kind: TlsKind::NoStarttls, fingerprint: None }));
    }
    talk.command("STARTTLS".to_owned()).await?.expect(220).map(drop)
}

async fn finish<S: super::line::Stream>(
    mut talk: Talk<S>,
    (login, letter): (&Login, Option<&Letter>),
    offer: &Offer,
    encrypted: bool,
    trace: &mut Trace,
) -> Result<(Welcome, Rejected), Fault> {
    if let Some(account) = &login.account {
        trace.begin(Phase::SignIn);
        let result = sign_in(&mut talk, account, offer).await;
        if result.is_err() {
            trace.end(false);
            talk.goodbye().await;
        }
        result?;
    }
    let rejected = match letter {
        Some(letter) => {
            trace.begin(Phase::Request);
            hand_over(&mut talk, letter).await?
        }
        None => None,
    };
    trace.end(rejected.is_none());
    talk.goodbye().await;
    Ok((Welcome { signed_in: login.account.is_some(), encrypted }, rejected))
}

/// What a server would not take of a mail.
type Rejected = Option<(Part, SmtpCode)>;

/// The transaction of one mail; a refusal ends it.
async fn hand_over<S: super::line::Stream>(talk: &mut Talk<S>, letter: &Letter) -> Result<Rejected, Fault> {
    let commands = [
        (Part::Sender, format!("MAIL FROM:<{}>", letter.from), 250),
        (Part::Recipient, format!("RCPT TO:<{}>", letter.to), 250),
        (Part::Content, "DATA".to_owned(), 354),
    ];
    for (part, command, wanted) in commands {
        let reply = talk.command(command).await?;
        // 251: taken, and sent on to another address.
        if reply.code.basic != wanted && !(wanted == 250 && reply.code.basic == 251) {
            return Ok(Some((part, reply.code)));
        }
    }
    let reply = talk.content(&letter.content).await?;
    Ok((reply.code.basic != 250).then_some((Part::Content, reply.code)))
}

async fn sign_in<S: super::line::Stream>(talk: &mut Talk<S>, account: &Account, offer: &Offer) -> Result<(), Fault> {
    let wanted: &[&str] = match account.mechanism {
        Mechanism::Auto => &["PLAIN", "LOGIN"],
        Mechanism::Plain => &["PLAIN"],
        Mechanism::Login => &["LOGIN"],
        Mechanism::Xoauth2 => &["XOAUTH2"],
    };
    let chosen =
        wanted.iter().find(|name| offer.mechanisms.iter().any(|offered| offered == *name)).ok_or(Fault::NoSignIn)?;
    let (user, password) = (account.user.expose(), account.password.expose());
    let reply = match *chosen {
        "LOGIN" => {
            talk.command("AUTH LOGIN".to_owned()).await?.expect(334)?;
            talk.secret_line("", user.as_bytes()).await?.expect(334)?;
            talk.secret_line("", password.as_bytes()).await?
        }
        "XOAUTH2" => {
            let response = Zeroizing::new(format!("user={user}\u{1}auth=Bearer {password}\u{1}\u{1}"));
            match talk.secret_line("AUTH XOAUTH2 ", response.as_bytes()).await? {
                // The refusal's details come as a challenge; an empty answer brings the verdict.
                reply if reply.code.basic == 334 => talk.command(String::new()).await?,
                reply => reply,
            }
        }
        _ => {
            let response = Zeroizing::new(format!("\0{user}\0{password}"));
            talk.secret_line("AUTH PLAIN ", response.as_bytes()).await?
        }
    };
    reply.expect(235).map(drop)
}

impl Reply {
    fn expect(self, code: u16) -> Result<Self, Fault> {
        if self.code.basic == code { Ok(self) } else { Err(Fault::Smtp(self.code)) }
    }
}

/// Base64 that is wiped when dropped.
pub(super) fn base64(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(bytes))
}

/// Reads a code such as `535` or `535 5.7.139`; `None` for anything else.
pub fn parse_code(text: &str) -> Option<SmtpCode> {
    let (basic, enhanced) = text.split_once(' ').map_or((text, None), |(basic, rest)| (basic, Some(rest)));
    let basic: u16 = basic.parse().ok().filter(|code| (200..600).contains(code))?;
    match enhanced {
        None => Some(SmtpCode { basic, enhanced: None }),
        Some(text) => Some(SmtpCode { basic, enhanced: Some(parse_enhanced(text)?) }),
    }
}

/// Reads an enhanced code, `class.subject.detail` (RFC 3463 §2).
pub(super) fn parse_enhanced(text: &str) -> Option<(u8, u16, u16)> {
    let mut parts = text.split('.');
    let class = parts.next()?.parse().ok().filter(|class| [2, 4, 5].contains(class))?;
    let mut small = || parts.next().filter(|part| part.len() <= 3)?.parse().ok();
    let found = (class, small()?, small()?);
    parts.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::{BadLogin, Login, Mechanism, parse_code};
    use crate::egress::target::{Mode, Target};
    use crate::secret::Secret;

    fn login(helo: &str, user: &str, password: &str) -> Result<Login, BadLogin> {
        let target = Target::smtp("mail.example.com", 587, Mode::SmtpStarttls).unwrap();
        Login::new(target, helo, Secret::new(user.into()), Secret::new(password.into()), Mechanism::Auto)
    }

    #[test]
    fn t050_no_value_can_end_a_command() {
        assert_eq!(login("a\r\nMAIL FROM:<x>", "u", "p").unwrap_err(), BadLogin::Helo);
        assert_eq!(login("a b", "u", "p").unwrap_err(), BadLogin::Helo);
        assert_eq!(login("", "u\r\nQUIT", "p").unwrap_err(), BadLogin::Account);
        assert_eq!(login("", "u\u{1}auth=Bearer x", "p").unwrap_err(), BadLogin::Account);
        assert_eq!(login("", "u", "p\0q").unwrap_err(), BadLogin::Account);
        assert!(login("host.example.com", "u", "p ä").is_ok());
    }

    #[test]
    fn codes_are_read_and_written_alike() {
        for text in ["535", "535 5.7.139", "421 4.0.0"] {
            assert_eq!(parse_code(text).unwrap().to_string(), text);
        }
        for bad in ["", "5yz", "99", "535 9.1.1", "535 5.7", "535 5.7.1.2", "535 text"] {
            assert_eq!(parse_code(bad), None, "{bad}");
        }
    }
}
