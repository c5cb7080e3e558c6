//! A mail server on a loopback port that signs people in (or not) as it is told, and keeps every line.

use rustls::ServerConfig;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

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
    /// What it answers to a sign-in, whatever the password; empty cuts the connection instead.
    pub verdict: String,
}

impl Mailbox {
    /// Encrypts from the first byte and takes every password.
    pub fn implicit(tls: Arc<ServerConfig>) -> Self {
        Self { tls: Some(tls), implicit: true, starttls: false, greeting: greeting(), auth: true, verdict: welcome() }
    }

    /// Offers STARTTLS and takes every password.
    pub fn starttls(tls: Arc<ServerConfig>) -> Self {
        Self { tls: Some(tls), implicit: false, starttls: true, greeting: greeting(), auth: true, verdict: welcome() }
    }

    /// Speaks in clear text only.
    pub fn plain() -> Self {
        Self { tls: None, implicit: false, starttls: false, greeting: greeting(), auth: true, verdict: welcome() }
    }

    /// The same with another answer to a sign-in, such as `535 5.7.8 no`.
    pub fn saying(self, verdict: &str) -> Self {
        Self { verdict: verdict.to_owned(), ..self }
    }
}

fn greeting() -> Option<String> {
    Some("220 mail.example ESMTP ready".to_owned())
}

fn welcome() -> String {
    "235 2.7.0 welcome".to_owned()
}

/// A running server; it stops when dropped.
pub struct SmtpServer {
    /// Where it listens.
    pub addr: SocketAddr,
    lines: Arc<Mutex<Vec<Line>>>,
    task: tokio::task::JoinHandle<()>,
}

/// A line that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The line without its end.
    pub text: String,
    /// Whether it came encrypted.
    pub encrypted: bool,
}

impl SmtpServer {
    /// Listens on a free port of 127.0.0.1.
    pub async fn start(mailbox: Mailbox) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = lines.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mailbox, lines) = (mailbox.clone(), kept.clone());
                tokio::spawn(async move { serve(stream, mailbox, &lines).await });
            }
        });
        Self { addr, lines, task }
    }

    /// Every line so far.
    pub fn lines(&self) -> Vec<Line> {
        self.lines.lock().expect("lines").clone()
    }

    /// The verbs of all lines so far, in capitals; lines of a sign-in's dialogue count as `(data)`.
    pub fn verbs(&self) -> Vec<String> {
        const KNOWN: [&str; 9] = ["EHLO", "HELO", "STARTTLS", "AUTH", "QUIT", "MAIL", "RCPT", "DATA", "NOOP"];
        let verb = |line: &Line| line.text.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let known = |verb: String| if KNOWN.contains(&verb.as_str()) { verb } else { "(data)".to_owned() };
        self.lines().iter().map(|line| known(verb(line))).collect()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Lines = Mutex<Vec<Line>>;

async fn serve(stream: TcpStream, mailbox: Mailbox, lines: &Lines) -> Option<()> {
    let acceptor = mailbox.tls.clone().map(TlsAcceptor::from);
    if mailbox.implicit {
        let stream = acceptor?.accept(stream).await.ok()?;
        return greet(BufReader::new(stream), &mailbox, true, lines).await.map(drop);
    }
    let mut upgraded = greet(BufReader::new(stream), &mailbox, false, lines).await?;
    let Some(acceptor) = acceptor else {
        // Only after the greeting of the other side's TLS: text that comes earlier is another fault.
        upgraded.fill_buf().await.ok()?;
        return say(&mut upgraded, "500 5.5.1 this is no TLS").await;
    };
    let stream = acceptor.accept(upgraded.into_inner()).await.ok()?;
    dialogue(BufReader::new(stream), &mailbox, true, lines).await.map(drop)
}

async fn greet<S>(mut stream: BufReader<S>, mailbox: &Mailbox, encrypted: bool, lines: &Lines) -> Option<BufReader<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match &mailbox.greeting {
        Some(text) => say(&mut stream, text).await?,
        None => tokio::time::sleep(Duration::from_secs(60)).await,
    }
    dialogue(stream, mailbox, encrypted, lines).await
}

/// Talks until the end (`None`) or until the encryption starts (the stream).
async fn dialogue<S>(
    mut stream: BufReader<S>,
    mailbox: &Mailbox,
    encrypted: bool,
    lines: &Lines,
) -> Option<BufReader<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let line = hear(&mut stream, encrypted, lines).await?;
        let upper = line.to_ascii_uppercase();
        match upper.split(' ').next().unwrap_or_default() {
            "EHLO" => say(&mut stream, &capabilities(mailbox, encrypted)).await?,
            "STARTTLS" if mailbox.starttls && !encrypted => {
                say(&mut stream, "220 2.0.0 go ahead").await?;
                return Some(stream);
            }
            "AUTH" => {
                sign_in(&mut stream, &upper, encrypted, lines).await?;
                if mailbox.verdict.is_empty() {
                    return None;
                }
                say(&mut stream, &mailbox.verdict).await?;
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

/// Hears the rest of a sign-in: LOGIN asks twice, PLAIN and XOAUTH2 once unless it came along.
async fn sign_in<S>(stream: &mut BufReader<S>, line: &str, encrypted: bool, lines: &Lines) -> Option<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let words: Vec<&str> = line.split(' ').collect();
    let prompts: &[&str] = match (words.get(1).copied(), words.len()) {
        (Some("LOGIN"), 2) => &["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"],
        (Some("LOGIN"), _) => &["334 UGFzc3dvcmQ6"],
        (_, 2) => &["334 "],
        _ => &[],
    };
    for prompt in prompts {
        say(stream, prompt).await?;
        hear(stream, encrypted, lines).await?;
    }
    Some(())
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, text: &str) -> Option<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

async fn hear<S: AsyncRead + Unpin>(stream: &mut BufReader<S>, encrypted: bool, lines: &Lines) -> Option<String> {
    let mut raw = Vec::new();
    if stream.read_until(b'\n', &mut raw).await.ok()? == 0 {
        return None;
    }
    let text = String::from_utf8_lossy(&raw).trim_end_matches(['\r', '\n']).to_owned();
    lines.lock().expect("lines").push(Line { text: text.clone(), encrypted });
    Some(text)
}
