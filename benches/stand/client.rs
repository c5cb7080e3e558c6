//! A small HTTP/1.1 client: one connection that is kept, one request at a time, nothing but what is measured.

use anyhow::{Context, Result, bail, ensure};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// One connection.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// Where the last answer lies in the buffer.
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Bytes of the head.
    pub head: usize,
    /// Bytes of the body as they were sent.
    pub body: usize,
}

impl Client {
    /// Connects.
    pub fn connect(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream, buffer: vec![0; 512 * 1024], filled: 0 })
    }

    /// Sends a request and reads its answer to the end.
    pub fn send(&mut self, request: &[u8]) -> Result<Reply> {
        self.stream.write_all(request)?;
        self.filled = 0;
        let head = loop {
            self.fill()?;
            if let Some(end) = self.find(b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = self.head(head)?.to_owned();
        let status = text.get(9..12).and_then(|code| code.parse().ok()).context("no status")?;
        let body = match header(&text, "content-length") {
            _ if status == 304 => 0,
            Some(length) => {
                let length: usize = length.parse()?;
                while self.filled < head + length {
                    self.fill()?;
                }
                length
            }
            None if header(&text, "transfer-encoding").is_some_and(|v| v.contains("chunked")) => {
                while !self.buffer.get(..self.filled).is_some_and(|read| read.ends_with(b"0\r\n\r\n")) {
                    self.fill()?;
                }
                self.filled - head
            }
            None => bail!("an answer without a length"),
        };
        Ok(Reply { status, head, body })
    }

    /// The head of the last answer.
    pub fn head(&self, length: usize) -> Result<&str> {
        Ok(std::str::from_utf8(self.buffer.get(..length).context("no head")?)?)
    }

    /// The body of the last answer.
    pub fn body(&self, reply: &Reply) -> Result<&[u8]> {
        self.buffer.get(reply.head..reply.head + reply.body).context("no body")
    }

    fn fill(&mut self) -> Result<()> {
        let free = self.buffer.get_mut(self.filled..).context("an answer that is too long")?;
        let read = self.stream.read(free)?;
        ensure!(read > 0, "the connection was closed");
        self.filled += read;
        Ok(())
    }

    fn find(&self, wanted: &[u8]) -> Option<usize> {
        self.buffer.get(..self.filled)?.windows(wanted.len()).position(|w| w == wanted)
    }
}

/// The first header of this name.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.trim())
}
