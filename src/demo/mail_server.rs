//! A mail server on a loopback port that lets people in (or not) as it is told, and takes mail where it is told to.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How long silence lasts where nobody gives up before.
const SILENCE: Duration = Duration::from_secs(60);
/// Bytes of a line at most.
const LONGEST: u64 = 64 * 1024;

/// What a mail server answers to a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This line.
    Say(String),
    /// Nothing until the other side gives up.
    Silence,
    /// The connection is cut.
    Cut,
}

/// A line that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The line without its end.
    pub text: String,
    /// Whether it came encrypted.
    pub encrypted: bool,
}

/// Looks at what was sent as a sign-in, decoded, one part a line.
pub type Judge = dyn Fn(&str) -> Verdict + Send + Sync;
/// Is told each line.
pub type Hear = dyn Fn(Line) + Send + Sync;

/// How a mail server behaves.
#[derive(Clone)]
pub struct Mailbox {
    /// Encrypts from the first byte, or after STARTTLS; without it STARTTLS is followed by clear text.
    pub tls: Option<Arc<ServerConfig>>,
    /// Whether it encrypts from the first byte.
    pub implicit: bool,
    /// Whether it offers STARTTLS.
    pub starttls: bool,
    /// Its first line; `None` says nothing and keeps the connection.
    pub greeting: Option<String>,
    /// Whether it offers a sign-in.
    pub auth: bool,
    /// What it answers to a sign-in.
    pub judge: Arc<Judge>,
    /// What it answers to a recipient, as the line that names it; `None` takes no mail at all.
    pub post: Option<Arc<Judge>>,
    /// Who else hears what is said to it.
    pub hear: Arc<Hear>,
}

impl Mailbox {
    /// Encrypts from the first byte and takes every password.
    pub fn implicit(tls: Arc<ServerConfig>) -> Self {
        Self { tls: Some(tls), implicit: true, ..Self::plain() }
    }

    /// Offers STARTTLS and takes every password.
    pub fn starttls(tls: Arc<ServerConfig>) -> Self {
        Self { tls: Some(tls), starttls: true, ..Self::plain() }
    }

    /// Speaks in clear text only and takes every password.
    pub fn plain() -> Self {
        Self {
            tls: None,
            implicit: false,
            starttls: false,
            greeting: Some("220 mail.example ESMTP ready".to_owned()),
            auth: true,
            judge: Arc::new(|_| welcome()),
            post: None,
            hear: Arc::new(drop),
        }
    }
}

impl Mailbox {
    /// Takes every mail.
    #[must_use]
    pub fn taking_mail(self) -> Self {
        Self { post: Some(Arc::new(|_| Verdict::Say("250 2.1.5 ok".to_owned()))), ..self }
    }
}

/// Lets somebody in (RFC 4954 §6).
pub fn welcome() -> Verdict {
    Verdict::Say("235 2.7.0 welcome".to_owned())
}

/// A running server; it stops when dropped.
pub struct MailServer {
    /// Where it listens.
    pub addr: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl MailServer {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is to be had.
    pub async fn start(mailbox: Mailbox) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mailbox = mailbox.clone();
                tokio::spawn(async move { serve(stream, mailbox).await });
            }
        });
        Ok(Self { addr, task })
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, mailbox: Mailbox) -> Option<()> {
    let acceptor = mailbox.tls.clone().map(TlsAcceptor::from);
    if mailbox.implicit {
        let stream = acceptor?.accept(stream).await.ok()?;
        return greet(BufReader::new(stream), &mailbox, true).await.map(drop);
    }
    let mut upgraded = greet(BufReader::new(stream), &mailbox, false).await?;
    let Some(acceptor) = acceptor else {
        // Only after the greeting of the other side's TLS: text that comes earlier is another fault.
        upgraded.fill_buf().await.ok()?;
        return say(&mut upgraded, "500 5.5.1 this is no TLS").await;
    };
    let stream = acceptor.accept(upgraded.into_inner()).await.ok()?;
    dialogue(BufReader::new(stream), &mailbox, true).await.map(drop)
}

async fn greet<S>(mut stream: BufReader<S>, mailbox: &Mailbox, encrypted: bool) -> Option<BufReader<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match &mailbox.greeting {
        Some(text) => say(&mut stream, text).await?,
        None => tokio::time::sleep(SILENCE).await,
    }
    dialogue(stream, mailbox, encrypted).await
}

/// Talks until the end (`None`) or until the encryption starts (the stream).
async fn dialogue<S>(mut stream: BufReader<S>, mailbox: &Mailbox, encrypted: bool) -> Option<BufReader<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let line = hear(&mut stream, mailbox, encrypted).await?;
        match line.split(' ').next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => say(&mut stream, &capabilities(mailbox, encrypted)).await?,
            "STARTTLS" if mailbox.starttls && !encrypted => {
                say(&mut stream, "220 2.0.0 go ahead").await?;
                return Some(stream);
            }
            "AUTH" => {
                let sent = sign_in(&mut stream, mailbox, &line, encrypted).await?;
                match (mailbox.judge)(&sent) {
                    Verdict::Say(text) => say(&mut stream, &text).await?,
                    Verdict::Silence => tokio::time::sleep(SILENCE).await,
                    Verdict::Cut => return None,
                }
            }
            "MAIL" if mailbox.post.is_some() => say(&mut stream, "250 2.1.0 ok").await?,
            "RCPT" => match mailbox.post.as_ref().map(|judge| judge(&line)) {
                Some(Verdict::Say(text)) => say(&mut stream, &text).await?,
                Some(Verdict::Silence) => tokio::time::sleep(SILENCE).await,
                Some(Verdict::Cut) => return None,
                None => say(&mut stream, "502 5.5.1 not here").await?,
            },
            "DATA" if mailbox.post.is_some() => {
                say(&mut stream, "354 go ahead").await?;
                while hear(&mut stream, mailbox, encrypted).await? != "." {}
                say(&mut stream, "250 2.0.0 taken").await?;
            }
            "QUIT" => {
                say(&mut stream, "221 2.0.0 bye").await?;
                return None;
            }
            "HELO" | "NOOP" | "RSET" => say(&mut stream, "250 2.0.0 ok").await?,
            _ => say(&mut stream, "502 5.5.1 not here").await?,
        }
    }
}

fn capabilities(mailbox: &Mailbox, encrypted: bool) -> String {
    let starttls = if mailbox.starttls && !encrypted { "250-STARTTLS\r\n" } else { "" };
    let auth = if mailbox.auth { "250-AUTH PLAIN LOGIN XOAUTH2\r\n" } else { "" };
    format!("250-mail.example\r\n250-SIZE 1000000\r\n{starttls}{auth}250 ENHANCEDSTATUSCODES")
}

/// Hears the rest of a sign-in: LOGIN asks twice, PLAIN and XOAUTH2 once unless it came along. Gives all parts.
async fn sign_in<S>(stream: &mut BufReader<S>, mailbox: &Mailbox, line: &str, encrypted: bool) -> Option<String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let words: Vec<&str> = line.split(' ').collect();
    let mechanism = words.get(1).map(|word| word.to_ascii_uppercase()).unwrap_or_default();
    let prompts: &[&str] = match (mechanism.as_str(), words.len()) {
        ("LOGIN", 2) => &["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"],
        ("LOGIN", _) => &["334 UGFzc3dvcmQ6"],
        (_, 2) => &["334 "],
        _ => &[],
    };
    let mut parts: Vec<String> = words.iter().skip(2).map(|word| (*word).to_owned()).collect();
    for prompt in prompts {
        say(stream, prompt).await?;
        parts.push(hear(stream, mailbox, encrypted).await?);
    }
    let decoded = parts.iter().map(|part| STANDARD.decode(part).unwrap_or_default());
    Some(decoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect::<Vec<_>>().join("\n"))
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, text: &str) -> Option<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

async fn hear<S: AsyncRead + Unpin>(stream: &mut BufReader<S>, mailbox: &Mailbox, encrypted: bool) -> Option<String> {
    let mut raw = Vec::new();
    if stream.take(LONGEST).read_until(b'\n', &mut raw).await.ok()? == 0 {
        return None;
    }
    let text = String::from_utf8_lossy(&raw).trim_end_matches(['\r', '\n']).to_owned();
    (mailbox.hear)(Line { text: text.clone(), encrypted });
    Some(text)
}
