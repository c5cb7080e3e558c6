//! Commands and replies of SMTP as lines on a stream, bounded in length and number.

use super::fault::{Fault, Network, SmtpCode};
use super::line::{Budgeted, Stream, fault};
use super::smtp::{base64, parse_enhanced};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use zeroize::Zeroizing;

/// Bytes that a server may say in all.
const BUDGET: usize = 64 * 1024;
/// Bytes of one line (RFC 5321 §4.5.3.1.5 asks for 512).
const LINE: u64 = 4096;
/// Lines of one reply.
const LINES: usize = 100;
/// How long the goodbye may take: nothing hangs on it.
const GOODBYE: Duration = Duration::from_millis(500);

/// A conversation with a mail server.
pub(super) struct Talk<S> {
    stream: BufReader<Budgeted<S>>,
}

/// A reply: its code, and its lines without the code.
pub(super) struct Reply {
    pub code: SmtpCode,
    pub lines: Vec<String>,
}

impl<S: Stream> Talk<S> {
    pub fn over(stream: S) -> Self {
        Self { stream: BufReader::new(Budgeted::new(stream, BUDGET)) }
    }

    /// Takes the stream back for encryption. What a server said before its time would be read as if it
    /// had come encrypted, so that it ends the call.
    pub fn into_stream(self) -> Result<S, Fault> {
        if self.stream.buffer().is_empty() { Ok(self.stream.into_inner().into_inner()) } else { Err(Fault::Protocol) }
    }

    /// Sends a command that holds no secret.
    pub async fn command(&mut self, command: String) -> Result<Reply, Fault> {
        self.send(Zeroizing::new(command)).await?;
        self.reply().await
    }

    /// Sends a secret in base64 behind a prefix.
    pub async fn secret_line(&mut self, prefix: &str, secret: &[u8]) -> Result<Reply, Fault> {
        self.send(Zeroizing::new(format!("{prefix}{}", *base64(secret)))).await?;
        self.reply().await
    }

    /// Sends a mail behind DATA: a line that begins with a dot gets another (RFC 5321 §4.5.2), a dot alone ends it.
    pub async fn content(&mut self, content: &[u8]) -> Result<Reply, Fault> {
        let mut sent = Zeroizing::new(Vec::with_capacity(content.len() + 64));
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            if line.starts_with(b".") {
                sent.push(b'.');
            }
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            sent.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
            sent.extend_from_slice(b"\r\n");
        }
        sent.extend_from_slice(b".\r\n");
        self.stream.write_all(&sent).await.map_err(|error| fault(&error))?;
        self.stream.flush().await.map_err(|error| fault(&error))?;
        self.reply().await
    }

    /// Says QUIT and waits a moment for the answer.
    pub async fn goodbye(&mut self) {
        let _ = tokio::time::timeout(GOODBYE, self.command("QUIT".to_owned())).await;
    }

    async fn send(&mut self, line: Zeroizing<String>) -> Result<(), Fault> {
        let line = Zeroizing::new(format!("{}\r\n", *line));
        self.stream.write_all(line.as_bytes()).await.map_err(|error| fault(&error))?;
        self.stream.flush().await.map_err(|error| fault(&error))
    }

    /// Reads one reply, of one line or more.
    pub async fn reply(&mut self) -> Result<Reply, Fault> {
        let mut lines = Vec::new();
        let mut first = None;
        while lines.len() < LINES {
            let line = self.line().await?;
            let (code, more, text) = split(&line).ok_or(Fault::Protocol)?;
            if *first.get_or_insert(code) != code {
                return Err(Fault::Protocol);
            }
            lines.push(text.to_owned());
            if !more {
                let enhanced = text.split(' ').next().and_then(parse_enhanced);
                let enhanced = enhanced.filter(|(class, ..)| u16::from(*class) == code / 100);
                return Ok(Reply { code: SmtpCode { basic: code, enhanced }, lines });
            }
        }
        Err(Fault::Protocol)
    }

    async fn line(&mut self) -> Result<String, Fault> {
        let mut line = Vec::new();
        (&mut self.stream).take(LINE).read_until(b'\n', &mut line).await.map_err(|error| fault(&error))?;
        if line.is_empty() {
            return Err(Fault::Network(Network::Reset));
        }
        if line.pop() != Some(b'\n') {
            return Err(Fault::Protocol);
        }
        Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
    }
}

/// Code, whether more lines follow, and the rest of a line.
fn split(line: &str) -> Option<(u16, bool, &str)> {
    let code = line.get(..3).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
    match line.as_bytes().get(3) {
        None => Some((code, false, "")),
        Some(b' ') => Some((code, false, &line[4..])),
        Some(b'-') => Some((code, true, &line[4..])),
        Some(_) => None,
    }
}
