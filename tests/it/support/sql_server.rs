//! A database server on a loopback port that lets people in (or not) as it is told, and keeps every byte: as
//! much of PostgreSQL's and MySQL's protocols as a sign-in and one statement need.

use rustls::ServerConfig;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Which protocol is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL 15.
    Postgres,
    /// MySQL 8.4.
    Mysql,
}

/// What comes of a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everybody is let in.
    Welcome,
    /// Everybody is refused with this number and SQLSTATE.
    Refusal(Option<u16>, String),
    /// Another way to sign in is wanted.
    OtherWay,
    /// The password itself is wanted.
    Password,
    /// The connection is cut.
    Cut,
}

/// How a server behaves.
#[derive(Clone)]
pub struct Behaviour {
    /// Its protocol.
    pub engine: Engine,
    /// Encrypts with these settings; without them it offers no encryption.
    pub tls: Option<Arc<ServerConfig>>,
    /// Agrees to encrypt and goes on in clear text.
    pub feigns_tls: bool,
    /// Says nothing at all.
    pub silent: bool,
    /// What comes of a sign-in.
    pub verdict: Verdict,
    /// The text of its refusals and notices.
    pub text: String,
}

impl Behaviour {
    /// Encrypts and lets everybody in.
    pub fn good(engine: Engine, tls: Arc<ServerConfig>) -> Self {
        let text = "said for a test".to_owned();
        Self { engine, tls: Some(tls), feigns_tls: false, silent: false, verdict: Verdict::Welcome, text }
    }
}

/// A running server; it stops when dropped.
pub struct SqlServer {
    /// Where it listens.
    pub addr: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    task: tokio::task::JoinHandle<()>,
}

/// What came in with one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// One character a byte.
    pub text: String,
    /// Whether it came encrypted.
    pub encrypted: bool,
}

impl SqlServer {
    /// Listens on a free port of 127.0.0.1.
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = heard.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (behaviour, heard) = (behaviour.clone(), kept.clone());
                tokio::spawn(async move { serve(stream, behaviour, &heard).await });
            }
        });
        Self { addr, heard, task }
    }

    /// Everything so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("what was heard").clone()
    }
}

impl Drop for SqlServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type All = Mutex<Vec<Heard>>;

/// A connection that keeps what it hears.
struct Line<'a, S> {
    stream: S,
    encrypted: bool,
    heard: &'a All,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Line<'a, S> {
    async fn say(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.write_all(bytes).await.ok()?;
        self.stream.flush().await.ok()
    }

    /// Hears a head of `N` bytes and as many more as it says.
    async fn hear<const N: usize>(&mut self, more: impl Fn([u8; N]) -> usize) -> Option<Vec<u8>> {
        let mut head = [0; N];
        self.stream.read_exact(&mut head).await.ok()?;
        let mut bytes = head.to_vec();
        bytes.resize(N + more(head).min(64 * 1024), 0);
        self.stream.read_exact(bytes.get_mut(N..)?).await.ok()?;
        let text = bytes.iter().map(|byte| char::from(*byte)).collect();
        self.heard.lock().expect("what was heard").push(Heard { text, encrypted: self.encrypted });
        Some(bytes)
    }
}

async fn serve(stream: TcpStream, behaviour: Behaviour, heard: &All) -> Option<()> {
    if behaviour.silent {
        tokio::time::sleep(Duration::from_secs(60)).await;
        return None;
    }
    let mut line = Line { stream, encrypted: false, heard };
    let asked = match behaviour.engine {
        Engine::Postgres => postgres_asked_for_tls(&mut line, &behaviour).await?,
        Engine::Mysql => mysql_asked_for_tls(&mut line, &behaviour).await?,
    };
    if behaviour.feigns_tls {
        // Only after the greeting of the other side's TLS: text that comes earlier is another fault.
        line.stream.readable().await.ok()?;
        return line.say(b"this is no TLS at all, and never will be\r\n").await;
    }
    match (behaviour.tls.clone(), asked) {
        (Some(tls), true) => {
            let stream = TlsAcceptor::from(tls).accept(line.stream).await.ok()?;
            dialogue(Line { stream, encrypted: true, heard }, &behaviour).await
        }
        _ => dialogue(line, &behaviour).await,
    }
}

async fn dialogue<S>(mut line: Line<'_, S>, behaviour: &Behaviour) -> Option<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match behaviour.engine {
        Engine::Postgres => postgres(&mut line, behaviour).await,
        Engine::Mysql => mysql(&mut line, behaviour).await,
    }
}

// ---- PostgreSQL

/// SSLRequest has eight bytes and the code 80877103. A server that is spoken to without one hears the start here.
async fn postgres_asked_for_tls(line: &mut Line<'_, TcpStream>, behaviour: &Behaviour) -> Option<bool> {
    let mut start = [0; 8];
    line.stream.peek(&mut start).await.ok()?;
    if start != [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f] {
        return Some(false);
    }
    line.hear(|_: [u8; 8]| 0).await?;
    let offers = behaviour.tls.is_some() || behaviour.feigns_tls;
    line.say(if offers { b"S" } else { b"N" }).await?;
    Some(true)
}

fn message(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 4).expect("a length");
    [&[tag][..], &length.to_be_bytes(), content].concat()
}

fn length(head: &[u8]) -> usize {
    let bytes = head.try_into().map(u32::from_be_bytes).unwrap_or_default();
    usize::try_from(bytes).unwrap_or_default()
}

async fn postgres<S>(line: &mut Line<'_, S>, behaviour: &Behaviour) -> Option<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    line.hear(|head: [u8; 4]| length(&head).saturating_sub(4)).await?;
    let clear = behaviour.verdict == Verdict::Password || line.encrypted;
    let ask: &[u8] = match behaviour.verdict {
        Verdict::OtherWay => &[0, 0, 0, 7],
        _ if clear => &[0, 0, 0, 3],
        _ => &[0, 0, 0, 5, 1, 2, 3, 4],
    };
    line.say(&message(b'R', ask)).await?;
    line.hear(|head: [u8; 5]| length(&head[1..]).saturating_sub(4)).await?;
    match &behaviour.verdict {
        Verdict::Cut => return None,
        Verdict::Refusal(_, state) => {
            let text = format!("SFATAL\0C{state}\0M{}\0\0", behaviour.text);
            return line.say(&message(b'E', text.as_bytes())).await;
        }
        _ => {}
    }
    let notice = format!("SNOTICE\0C00000\0M{}\0\0", behaviour.text);
    let version = message(b'S', format!("server_version\x0015.18 ({})\0", behaviour.text).as_bytes());
    let ready = message(b'Z', b"I");
    line.say(&[message(b'R', &[0; 4]), message(b'N', notice.as_bytes()), version, ready.clone()].concat()).await?;
    line.hear(|head: [u8; 5]| length(&head[1..]).saturating_sub(4)).await?;
    let column = [&[0, 1][..], behaviour.text.as_bytes(), &[0; 19]].concat();
    let row = message(b'D', &[0, 1, 0, 0, 0, 1, b'1']);
    line.say(&[message(b'T', &column), row, message(b'C', b"SELECT 1\0"), ready].concat()).await?;
    line.hear(|head: [u8; 5]| length(&head[1..]).saturating_sub(4)).await.map(drop)
}

// ---- MySQL

const CAN_TLS: u32 = 0x0800;
const NONCE: &[u8; 20] = b"twenty bytes of salt";

fn packet(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a length").to_le_bytes();
    [&length[..3], &[number], content].concat()
}

fn packet_length([low, middle, high, _]: [u8; 4]) -> usize {
    usize::try_from(u32::from_le_bytes([low, middle, high, 0])).unwrap_or_default()
}

/// Greets; a client that wants to encrypt answers with 32 bytes whose capabilities have that bit.
async fn mysql_asked_for_tls(line: &mut Line<'_, TcpStream>, behaviour: &Behaviour) -> Option<bool> {
    let offers = behaviour.tls.is_some() || behaviour.feigns_tls;
    let can = if offers { 0xdfff_ffff_u32 } else { 0xdfff_ffff & !CAN_TLS }.to_le_bytes();
    let version = format!("\x0a8.4.3-{}\0", behaviour.text);
    let mut content =
        [version.as_bytes(), b"\x07\0\0\0", &NONCE[..8], &[0], &can[..2], &[45, 2, 0], &can[2..]].concat();
    content.push(21);
    content.extend([0; 10]);
    content.extend(&NONCE[8..]);
    content.extend(b"\0caching_sha2_password\0");
    line.say(&packet(0, &content)).await?;
    let mut start = [0; 8];
    // A client that has gone is seen as an end, not as a wait.
    while let count @ 0..8 = line.stream.peek(&mut start).await.ok()? {
        if count == 0 {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let asks = packet_length(start[..4].try_into().ok()?) == 32 && u32::from(start[5]) & (CAN_TLS >> 8) != 0;
    if asks {
        line.hear(packet_length).await?;
    }
    Some(asks)
}

async fn mysql<S>(line: &mut Line<'_, S>, behaviour: &Behaviour) -> Option<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut number = line.hear(packet_length).await?[3] + 1;
    let way = match behaviour.verdict {
        Verdict::OtherWay => Some("auth_gssapi_client"),
        Verdict::Password => Some("mysql_clear_password"),
        _ => None,
    };
    match way {
        Some(plugin) => line.say(&packet(number, &[b"\xfe", plugin.as_bytes(), b"\0x"].concat())).await?,
        // Encrypted, the password itself is asked for, as a server does that does not remember it.
        None => line.say(&packet(number, if line.encrypted { &[1, 4] } else { &[1, 3] })).await?,
    }
    if way.is_some() || line.encrypted {
        line.hear(packet_length).await?;
        number += 1;
    }
    number += 1;
    match &behaviour.verdict {
        Verdict::Cut => return None,
        Verdict::Refusal(code, state) => {
            let code = code.unwrap_or(1105).to_le_bytes();
            let text = format!("#{state}{}", behaviour.text);
            return line.say(&packet(number, &[&[0xff][..], &code, text.as_bytes()].concat())).await;
        }
        _ => line.say(&packet(number, &[0, 0, 0, 2, 0, 0, 0])).await?,
    }
    line.hear(packet_length).await?;
    let name = u8::try_from(behaviour.text.len()).unwrap_or(0);
    let column = [b"\x03def\0\0\0", &[name][..], &behaviour.text.as_bytes()[..name.into()], &[0; 14]].concat();
    let end = packet(3, &[0xfe, 0, 0, 2, 0]);
    let last = packet(5, &[0xfe, 0, 0, 2, 0]);
    line.say(&[packet(1, &[1]), packet(2, &column), end, packet(4, b"\x011"), last].concat()).await?;
    line.hear(packet_length).await.map(drop)
}
