//! Mails of the console: what they say, and how they leave. Whatever sends one promises it in the transaction of its
//! change (`model::outbox`); a job hands it over here.

pub mod letter;

use crate::clock::At;
use crate::config::{Config, Sender};
use crate::egress::Egress;
use crate::egress::fault::{Fault, Network};
use crate::egress::policy::{Pattern, Policy, Private};
use crate::egress::smtp::{Letter, Login, Mechanism, Undelivered};
use crate::egress::target::{Mode, Target};
use crate::egress::trace::Trace;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox};
use lettre::{Address, Message};
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;

/// One mail takes no longer than this to be handed over.
const WITHIN: Duration = Duration::from_secs(30);

/// Sends mails to the operator's server or, without one, keeps them as files.
pub struct Mailer {
    sender: Sender,
    server: Option<Server>,
    folder: PathBuf,
    wake: Notify,
}

struct Server {
    login: Login,
    policy: Policy,
}

/// One mail.
#[derive(Debug, Clone, Copy)]
pub struct Mail<'a> {
    /// Its id, which names its file.
    pub id: &'a str,
    /// The address it goes to.
    pub to: &'a str,
    /// Its subject.
    pub subject: &'a str,
    /// What it says.
    pub text: &'a str,
    /// When it was promised.
    pub at: At,
}

/// Where a mail went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The server took it.
    Handed,
    /// There is no server: it lies in `{data}/mail`.
    Kept,
}

/// Why a mail did not go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What went wrong, in our words and the protocol's code.
    pub text: String,
    /// Whether trying again by itself is of no use.
    pub hopeless: bool,
}

impl Problem {
    fn passing(text: impl Into<String>) -> Self {
        Self { text: text.into(), hopeless: false }
    }

    fn lasting(text: impl Into<String>) -> Self {
        Self { text: text.into(), hopeless: true }
    }
}

impl Mailer {
    /// As the settings say.
    ///
    /// # Errors
    /// What is wrong with `CREDENZA_MAIL_URL`, without a value of it.
    pub fn new(config: &Config) -> Result<Self, String> {
        let refused = |what: &str| format!("CREDENZA_MAIL_URL: {what}");
        let server = match &config.mail_server {
            None => None,
            Some(server) => {
                let mode = match (server.implicit, config.mail_in_clear()) {
                    (true, _) => Mode::SmtpTls,
                    (false, true) => Mode::SmtpPlain,
                    (false, false) => Mode::SmtpStarttls,
                };
                let target =
                    Target::smtp(&server.host, server.port, mode).map_err(|error| refused(&error.to_string()))?;
                let policy = Policy {
                    hosts: vec![Pattern::Exact(target.host().clone())],
                    ports: vec![server.port],
                    private: Private::Operator,
                    by_operator: true,
                    ..Policy::default()
                };
                let (user, password) = (server.user.duplicate(), server.password.duplicate());
                let login = Login::new(target, "", user, password, Mechanism::Auto)
                    .map_err(|error| refused(&error.to_string()))?;
                Some(Server { login, policy })
            }
        };
        Ok(Self { sender: config.sender(), server, folder: config.data_dir.join("mail"), wake: Notify::new() })
    }

    /// Whether mails are kept as files, because no server is set.
    pub fn keeps(&self) -> bool {
        self.server.is_none()
    }

    /// Where they are kept then.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Something was promised: the job need not wait for its turn.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Ends when [`Mailer::wake`] was called since the last time, or after `at_most`.
    pub async fn woken(&self, at_most: Duration) {
        // Which of the two it was does not matter.
        drop(tokio::time::timeout(at_most, self.wake.notified()).await);
    }

    /// Greets the server and signs in, for the operator's question whether it works.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn probe(&self, egress: &Egress) -> Result<(), Problem> {
        let Some(server) = &self.server else { return Ok(()) };
        let mut trace = Trace::within(WITHIN);
        let done = egress.smtp(&server.login, &server.policy, &mut trace).await;
        done.map(drop).map_err(|fault| Problem::passing(words(&fault)))
    }

    /// Hands a mail over, or keeps it.
    ///
    /// # Errors
    /// Why it did not go.
    pub async fn send(&self, egress: &Egress, mail: Mail<'_>) -> Result<Sent, Problem> {
        let content = content(&self.sender, mail, self.keeps())?;
        let Some(server) = &self.server else {
            let (folder, file) = (self.folder.clone(), format!("{}.eml", mail.id));
            let kept = tokio::task::spawn_blocking(move || keep(&folder, &file, &content)).await;
            return match kept {
                Ok(Ok(())) => Ok(Sent::Kept),
                Ok(Err(error)) => {
                    Err(Problem::passing(format!("It cannot be kept in {}: {error}", self.folder.display())))
                }
                Err(_) => Err(Problem::passing("It could not be kept.")),
            };
        };
        let letter = Letter::new(&self.sender.address, mail.to, content)
            .map_err(|_| Problem::lasting("A mail server does not take this address."))?;
        let mut trace = Trace::within(WITHIN);
        match egress.deliver(&server.login, &letter, &server.policy, &mut trace).await {
            Ok(()) => Ok(Sent::Handed),
            Err(Undelivered::Rejected(_, code)) if code.basic >= 500 => {
                Err(Problem::lasting(format!("The mail server refused it with {code}.")))
            }
            Err(Undelivered::Rejected(_, code)) => {
                Err(Problem::passing(format!("The mail server does not take it at present: {code}.")))
            }
            Err(Undelivered::Before(fault)) => Err(Problem::passing(words(&fault))),
        }
    }
}

/// A mail from another sender than the console's own, to be handed over with a credential.
///
/// # Errors
/// An address that cannot be written into a mail.
pub fn written(from: &str, mail: Mail<'_>) -> Result<Letter, Problem> {
    let sender = Sender { name: String::new(), address: from.to_owned() };
    let content = content(&sender, mail, false)?;
    Letter::new(from, mail.to, content).map_err(|_| Problem::lasting("A mail server does not take this address."))
}

/// Headers and body, in CRLF lines.
fn content(sender: &Sender, mail: Mail<'_>, is_file: bool) -> Result<Vec<u8>, Problem> {
    let unfit = || Problem::lasting("The address cannot be written into a mail.");
    let address = |text: &str| text.parse::<Address>().map_err(|_| unfit());
    let name = Some(sender.name.clone()).filter(|name| !name.is_empty());
    let micros = u64::try_from(mail.at.micros()).unwrap_or_default();
    let domain = sender.address.split('@').next_back().unwrap_or("localhost");
    let auto = HeaderName::new_from_ascii_str("Auto-Submitted");
    let builder = Message::builder()
        .from(Mailbox::new(name, address(&sender.address)?))
        .to(Mailbox::new(None, address(mail.to)?))
        .subject(one_line(mail.subject))
        .date(SystemTime::UNIX_EPOCH + Duration::from_micros(micros))
        .message_id(Some(format!("<{}@{domain}>", mail.id)))
        .raw_header(HeaderValue::new(auto, "auto-generated".to_owned()))
        .header(ContentType::TEXT_PLAIN);
    let message = builder.body(body(mail.text, is_file));
    message.map(|message| message.formatted()).map_err(|_| unfit())
}

/// Lines as they are, so that no link is broken in two; letters that are not ASCII are encoded, but in a file, which a
/// person reads.
fn body(text: &str, is_file: bool) -> Body {
    /// The longest line without its end (RFC 5322 §2.1.1).
    const LINE: usize = 998;
    let plain = text.lines().all(|line| line.len() <= LINE) && (is_file || text.is_ascii());
    if !plain {
        return Body::new(text.to_owned());
    }
    let encoding = if text.is_ascii() { ContentTransferEncoding::SevenBit } else { ContentTransferEncoding::EightBit };
    let lines: String = text.lines().flat_map(|line| [line, "\r\n"]).collect();
    Body::dangerous_pre_encoded(lines.into_bytes(), encoding)
}

/// A header is one line whatever a name holds.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn keep(folder: &Path, file: &str, content: &[u8]) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(folder.join(file))?;
    file.write_all(content)?;
    file.sync_all()
}

fn words(fault: &Fault) -> String {
    match fault {
        Fault::Refused(_) => "The mail server's address is one that must not be reached.".to_owned(),
        Fault::Network(Network::Dns) => "The mail server's name does not exist.".to_owned(),
        Fault::Network(Network::DnsFailed) => "The mail server's name could not be looked up.".to_owned(),
        Fault::Network(Network::Refused) => "Nobody answers at the mail server's address and port.".to_owned(),
        Fault::Network(Network::Unreachable) => "There is no way to the mail server.".to_owned(),
        Fault::Network(Network::Reset) => "The mail server cut the connection.".to_owned(),
        Fault::Network(Network::Timeout) => "The mail server did not answer in time.".to_owned(),
        Fault::Tls(tls) => format!("No encrypted connection to the mail server: {}.", tls.kind.meaning()),
        Fault::Smtp(code) => format!("The mail server refused the sign-in or its beginning with {code}."),
        Fault::NoSignIn => "The mail server offers no sign-in that can be used.".to_owned(),
        Fault::Protocol | Fault::Sql(_) => "What answers there is no mail server.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Mail, Mailer};
    use crate::clock::At;
    use crate::config::Config;

    fn mailer(vars: &[(&str, &str)]) -> Mailer {
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Mailer::new(&Config::from(vars).unwrap()).unwrap()
    }

    fn mail<'a>(to: &'a str, subject: &'a str) -> Mail<'a> {
        let at = At::from_micros(1_795_000_000_000_000).unwrap();
        Mail { id: "0193", to, subject, text: "Olá,\n\n.a line with a dot\nhttps://vault.example/x\n", at }
    }

    fn made(vars: &[(&str, &str)], mail: Mail<'_>) -> Result<Vec<u8>, super::Problem> {
        let mailer = mailer(vars);
        super::content(&mailer.sender, mail, mailer.keeps())
    }

    fn content(mail: Mail<'_>) -> String {
        String::from_utf8(made(&[], mail).unwrap()).unwrap()
    }

    #[test]
    fn t050_names_and_subjects_add_no_header() {
        let text = content(mail("ana@acme.example", "Join\r\nBcc: all@evil.example"));
        let head = text.split("\r\n\r\n").next().unwrap();
        assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{head}");
        assert!(head.contains("Subject: Join  Bcc: all@evil.example"), "{head}");
        for to in ["a@b.example\r\nRCPT TO:<c@d.example>", "a b@c.example", "", "a@b.example, c@d.example"] {
            assert!(made(&[], mail(to, "x")).is_err(), "{to:?}");
            assert!(super::written(to, mail("ana@acme.example", "x")).is_err(), "{to:?}");
        }
    }

    #[test]
    fn a_kept_mail_can_be_read() {
        let text = content(mail("ana@acme.example", "Olá"));
        assert!(text.contains("\r\n\r\nOlá,\r\n") && text.contains("https://vault.example/x"), "{text}");
        assert!(
            text.contains("From: Credenza <credenza@localhost>") && text.contains("To: ana@acme.example"),
            "{text}"
        );
        assert!(text.contains("Message-ID: <0193@localhost>") && text.contains("Auto-Submitted: auto-generated"));
    }

    #[test]
    fn what_is_sent_is_in_letters_that_every_server_takes() {
        let sent = made(&[("CREDENZA_MAIL_URL", "smtps://mail.example")], mail("ana@acme.example", "Olá")).unwrap();
        assert!(sent.is_ascii());
    }
}
