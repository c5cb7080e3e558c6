//! The client's side of MySQL's protocol, as far as a sign-in and one statement need it (MySQL internals
//! documentation, chapter “Client/Server Protocol”; MariaDB speaks the same).

use super::mysql_packets::{ERROR, MORE, OK, Packets, SWITCH_OR_END, refusal};
use super::{ANSWER, GOODBYE, STATEMENT, Served, SqlLogin, not_offered, version};
use crate::egress::fault::{Fault, SqlCode, SqlFault};
use crate::egress::line::Stream;
use crate::egress::trace::{Phase, Trace};
use mysql_common::auth::plugins::caching_sha2_password::scramble_sha256;
use mysql_common::auth::plugins::mysql_native_password::scramble_native;
use mysql_common::constants::CapabilityFlags as Can;
use mysql_common::io::ParseBuf;
use mysql_common::packets::{AuthPlugin, AuthSwitchRequest, HandshakePacket, HandshakeResponse, SslRequest};
use mysql_common::proto::MySerialize;
use zeroize::Zeroizing;

/// What we can do. Not among it: giving files out (`LOCAL INFILE`), several statements, compression.
const OURS: Can = Can::CLIENT_LONG_PASSWORD
    .union(Can::CLIENT_PROTOCOL_41)
    .union(Can::CLIENT_TRANSACTIONS)
    .union(Can::CLIENT_SECURE_CONNECTION)
    .union(Can::CLIENT_PLUGIN_AUTH);
/// What a server must be able to: all of them since 5.5 are.
const THEIRS: Can = Can::CLIENT_PROTOCOL_41.union(Can::CLIENT_SECURE_CONNECTION);
/// The largest packet that we take, as we tell it.
const LARGEST: u32 = 64 * 1024;
/// utf8mb4_general_ci, known since 5.5.3.
const COLLATION: u8 = 45;
/// Wrong user or password.
const ACCESS_DENIED: u16 = 1045;
/// Commands.
const COM_QUIT: u8 = 0x01;
const COM_QUERY: u8 = 0x03;
/// Answers of caching_sha2_password: the server remembers the password, or it must see it.
const KNOWN: u8 = 0x03;
const UNKNOWN: u8 = 0x04;
/// Answers of a server within one sign-in.
const ROUNDS: usize = 6;

/// The first packet of a server.
pub(super) struct Greeting {
    packet: HandshakePacket<'static>,
}

/// Hears the first packet. Until the connection is encrypted nobody has proven who speaks: a code that would
/// speak of a password which was not sent yet is not believed.
pub(super) async fn greet<S: Stream>(stream: S) -> Result<(S, Greeting), Fault> {
    let mut packets = Packets::from_number(stream, 0);
    let content = packets.read().await?;
    if content.first() == Some(&ERROR) {
        return Err(match refusal(&content) {
            Fault::Sql(SqlFault::Refused(SqlCode { number: Some(ACCESS_DENIED), .. })) => Fault::Protocol,
            fault => fault,
        });
    }
    Ok((packets.into_stream(), Greeting { packet: read_greeting(&content)? }))
}

fn read_greeting(content: &[u8]) -> Result<HandshakePacket<'static>, Fault> {
    // The length of the scramble stands 21 bytes behind the version's end. The library takes it for a signed
    // byte and subtracts from it, so that one from 128 on is not shown to it.
    let end = content.iter().skip(1).position(|byte| *byte == 0).ok_or(Fault::Protocol)? + 1;
    let sound = content.first() == Some(&10) && content.get(end + 21).is_some_and(|length| *length < 128);
    if !sound {
        return Err(Fault::Protocol);
    }
    let packet: HandshakePacket<'_> = ParseBuf(content).parse(()).map_err(|_| Fault::Protocol)?;
    if packet.capabilities().contains(THEIRS) { Ok(packet.into_owned()) } else { Err(Fault::Protocol) }
}

/// Asks for encryption and gives the stream back for it.
pub(super) async fn ask_for_tls<S: Stream>(stream: S, login: &SqlLogin, greeting: &Greeting) -> Result<S, Fault> {
    if !greeting.packet.capabilities().contains(Can::CLIENT_SSL) {
        return Err(not_offered());
    }
    let mut packets = Packets::from_number(stream, 1);
    packets.send(&serialized(&SslRequest::new(can(login, true), LARGEST, COLLATION))).await?;
    Ok(packets.into_stream())
}

/// Signs in, asks the statement, and says goodbye.
pub(super) async fn talk<S: Stream>(
    stream: S,
    login: &SqlLogin,
    greeting: &Greeting,
    encrypted: bool,
    trace: &mut Trace,
) -> Result<Served, Fault> {
    let mut packets = Packets::from_number(stream, if encrypted { 2 } else { 1 });
    trace.begin(Phase::SignIn);
    sign_in(&mut packets, login, greeting, encrypted).await?;
    trace.begin(Phase::Request);
    ask(&mut packets).await?;
    trace.end(true);
    let _ = tokio::time::timeout(GOODBYE, packets.command(&[COM_QUIT])).await;
    Ok(greeting.served(encrypted))
}

impl Greeting {
    /// MariaDB puts a version in front of its own for the sake of old replicas.
    fn served(&self, encrypted: bool) -> Served {
        let text = self.packet.server_version_str();
        let product = if text.contains("MariaDB") { "MariaDB" } else { "MySQL" };
        let own = text.strip_prefix("5.5.5-").filter(|_| product == "MariaDB").unwrap_or(&text);
        Served { product, version: version(own), encrypted }
    }
}

async fn sign_in<S: Stream>(
    packets: &mut Packets<S>,
    login: &SqlLogin,
    greeting: &Greeting,
    encrypted: bool,
) -> Result<(), Fault> {
    let password = login.password.expose().as_bytes();
    let mut plugin = match greeting.packet.auth_plugin() {
        Some(AuthPlugin::MysqlNativePassword) | None => AuthPlugin::MysqlNativePassword,
        // A server with another one of its own asks each user for theirs.
        Some(_) => AuthPlugin::CachingSha2Password,
    };
    let first = scrambled(&plugin, &greeting.packet.nonce(), password)?;
    packets.send(&response(login, plugin.clone(), &first, encrypted)).await?;
    for _ in 0..ROUNDS {
        let content = packets.next().await?;
        match (content.first(), &plugin) {
            (Some(&OK), _) => return Ok(()),
            (Some(&SWITCH_OR_END), _) => {
                let asked = switch(&content)?;
                plugin = asked.auth_plugin().into_owned();
                let answer = match plugin {
                    AuthPlugin::MysqlClearPassword | AuthPlugin::Sha256Password => clear(password, encrypted)?,
                    _ => scrambled(&plugin, asked.plugin_data(), password)?,
                };
                packets.send(&answer).await?;
            }
            (Some(&MORE), AuthPlugin::CachingSha2Password) => match content.get(1..) {
                Some([KNOWN]) => {}
                Some([UNKNOWN]) => packets.send(&clear(password, encrypted)?).await?,
                _ => return Err(Fault::Protocol),
            },
            _ => return Err(Fault::Protocol),
        }
    }
    Err(Fault::Protocol)
}

/// A request for another way to sign in. One of a single byte asks for the way of before 4.1.
fn switch(content: &[u8]) -> Result<AuthSwitchRequest<'_>, Fault> {
    if content.len() == 1 {
        return Err(Fault::Sql(SqlFault::NoSignIn));
    }
    ParseBuf(content).parse(()).map_err(|_| Fault::Protocol)
}

/// The answer to a challenge: a hash of the password that only this challenge takes.
fn scrambled(plugin: &AuthPlugin<'_>, challenge: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let nonce = <&[u8; 20]>::try_from(challenge).map_err(|_| Fault::Protocol);
    let answer = match plugin {
        AuthPlugin::MysqlNativePassword => scramble_native(nonce?, password).map(Vec::from),
        AuthPlugin::CachingSha2Password => scramble_sha256(nonce?, password).map(Vec::from),
        _ => return Err(Fault::Sql(SqlFault::NoSignIn)),
    };
    Ok(Zeroizing::new(answer.unwrap_or_default()))
}

/// The password itself, for a server that must see it: through an encrypted connection, and through no other.
fn clear(password: &[u8], encrypted: bool) -> Result<Zeroizing<Vec<u8>>, Fault> {
    if !encrypted {
        return Err(Fault::Sql(SqlFault::ClearPassword));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(password.len() + 1));
    text.extend_from_slice(password);
    text.push(0);
    Ok(text)
}

/// What we can do, the same in each packet that says it: MariaDB goes by the first.
fn can(login: &SqlLogin, encrypted: bool) -> Can {
    let mut can = OURS;
    can.set(Can::CLIENT_SSL, encrypted);
    can.set(Can::CLIENT_CONNECT_WITH_DB, !login.database.is_empty());
    can
}

fn response(login: &SqlLogin, plugin: AuthPlugin<'_>, answer: &[u8], encrypted: bool) -> Vec<u8> {
    let database = Some(login.database.as_bytes()).filter(|name| !name.is_empty());
    let can = can(login, encrypted);
    let (user, version) = (login.user.expose().as_bytes(), (5, 5, 3));
    serialized(&HandshakeResponse::new(Some(answer), version, Some(user), database, Some(plugin), can, None, LARGEST))
}

fn serialized(packet: &impl MySerialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.serialize(&mut bytes);
    bytes
}

/// One column, its description, an end, the row, an end. A request for a file is none of these.
async fn ask<S: Stream>(packets: &mut Packets<S>) -> Result<(), Fault> {
    let statement = [&[COM_QUERY], STATEMENT.as_bytes()].concat();
    packets.command(&statement).await?;
    let expected: [fn(&[u8]) -> bool; 5] = [|columns| columns == [1], is_description, is_end, is_row, is_end];
    for is_next in expected {
        if !is_next(&packets.next().await?) {
            return Err(Fault::Protocol);
        }
    }
    Ok(())
}

/// A description begins with the name of its catalogue, which is always `def`.
fn is_description(content: &[u8]) -> bool {
    content.starts_with(b"\x03def")
}

/// One value: its length in a byte, and the text.
fn is_row(content: &[u8]) -> bool {
    content.split_first() == Some((&1, ANSWER))
}

fn is_end(content: &[u8]) -> bool {
    content.first() == Some(&SWITCH_OR_END) && content.len() < 9
}
