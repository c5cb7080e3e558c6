//! The frontend's side of PostgreSQL's protocol 3.0, as far as a sign-in and one statement need it
//! (PostgreSQL documentation, chapter “Frontend/Backend Protocol”).

use super::{ANSWER, BUDGET, GOODBYE, STATEMENT, Served, SqlLogin, not_offered, refused, version};
use crate::egress::fault::{Fault, Network, SqlCode, SqlFault};
use crate::egress::line::{Budgeted, Stream, fault};
use crate::egress::trace::{Phase, Trace};
use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, ErrorResponseBody, Header, Message};
use postgres_protocol::message::frontend;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::{Zeroize, Zeroizing};

/// What the messages travel through.
pub(super) enum Channel {
    /// Clear text, to a place that the operator's list names.
    Plain,
    /// TLS, with the hash that binds a sign-in to it where there is one.
    Encrypted(Option<Vec<u8>>),
}

/// Asks for encryption and gives the stream back for it. Exactly one byte is read, so that nothing that was
/// said in clear text can be taken for what comes encrypted.
pub(super) async fn ask_for_tls<S: Stream>(stream: S) -> Result<S, Fault> {
    let mut wire = Wire { stream: Budgeted::new(stream, BUDGET) };
    wire.send(|buffer| {
        frontend::ssl_request(buffer);
        Ok(())
    })
    .await?;
    match wire.stream.read_u8().await.map_err(|error| fault(&error))? {
        b'S' => Ok(wire.stream.into_inner()),
        b'N' => Err(not_offered()),
        // A server in distress; whoever says it has not proven who it is, so that it is not read.
        b'E' => Err(Fault::Network(Network::Reset)),
        _ => Err(Fault::Protocol),
    }
}

/// Signs in, asks the statement, and says goodbye.
pub(super) async fn talk<S: Stream>(
    stream: S,
    login: &SqlLogin,
    channel: Channel,
    trace: &mut Trace,
) -> Result<Served, Fault> {
    let mut wire = Wire { stream: Budgeted::new(stream, BUDGET) };
    trace.begin(Phase::SignIn);
    sign_in(&mut wire, login, &channel).await?;
    let version = until_ready(&mut wire).await?;
    trace.begin(Phase::Request);
    ask(&mut wire).await?;
    trace.end(true);
    let goodbye = wire.send(|buffer| {
        frontend::terminate(buffer);
        Ok(())
    });
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    Ok(Served { product: "PostgreSQL", version, encrypted: matches!(channel, Channel::Encrypted(_)) })
}

async fn sign_in<S: Stream>(wire: &mut Wire<S>, login: &SqlLogin, channel: &Channel) -> Result<(), Fault> {
    let (user, password) = (login.user.expose(), login.password.expose().as_bytes());
    let parameters = [
        ("user", user),
        ("database", login.database.as_str()),
        ("application_name", "Credenza"),
        ("client_encoding", "UTF8"),
    ];
    wire.send(|buffer| frontend::startup_message(parameters, buffer)).await?;
    let mut answered = false;
    loop {
        let message = wire.next().await?;
        let asks = !matches!(message, Message::AuthenticationOk);
        if asks && std::mem::replace(&mut answered, true) {
            return Err(Fault::Protocol);
        }
        match message {
            Message::AuthenticationOk => return Ok(()),
            Message::AuthenticationCleartextPassword => match channel {
                Channel::Plain => return Err(Fault::Sql(SqlFault::ClearPassword)),
                Channel::Encrypted(_) => wire.send(|buffer| frontend::password_message(password, buffer)).await?,
            },
            Message::AuthenticationMd5Password(body) => {
                let hash = Zeroizing::new(md5_hash(user.as_bytes(), password, body.salt()));
                wire.send(|buffer| frontend::password_message(hash.as_bytes(), buffer)).await?;
            }
            Message::AuthenticationSasl(body) => scram(wire, password, &body, channel).await?,
            Message::AuthenticationGss
            | Message::AuthenticationSspi
            | Message::AuthenticationKerberosV5
            | Message::AuthenticationScmCredential => return Err(Fault::Sql(SqlFault::NoSignIn)),
            _ => return Err(Fault::Protocol),
        }
    }
}

/// SCRAM (RFC 5802, RFC 7677): the server must prove that it knows the password too.
async fn scram<S: Stream>(
    wire: &mut Wire<S>,
    password: &[u8],
    offer: &AuthenticationSaslBody,
    channel: &Channel,
) -> Result<(), Fault> {
    let offered: Vec<&str> = offer.mechanisms().collect().map_err(|_| Fault::Protocol)?;
    let (mechanism, binding) = match channel {
        Channel::Encrypted(Some(hash)) if offered.contains(&SCRAM_SHA_256_PLUS) => {
            (SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash.clone()))
        }
        Channel::Encrypted(Some(_)) => (SCRAM_SHA_256, ChannelBinding::unrequested()),
        Channel::Encrypted(None) | Channel::Plain => (SCRAM_SHA_256, ChannelBinding::unsupported()),
    };
    if !offered.contains(&mechanism) {
        return Err(Fault::Sql(SqlFault::NoSignIn));
    }
    let mut scram = ScramSha256::new(password, binding);
    wire.send(|buffer| frontend::sasl_initial_response(mechanism, scram.message(), buffer)).await?;
    let Message::AuthenticationSaslContinue(challenge) = wire.next().await? else { return Err(Fault::Protocol) };
    // The server says how often the password is hashed; the library refuses more than 100,000 times.
    let scram = tokio::task::spawn_blocking(move || scram.update(challenge.data()).map(|()| scram));
    let mut scram = scram.await.map_err(|_| Fault::Protocol)?.map_err(|_| Fault::Protocol)?;
    wire.send(|buffer| frontend::sasl_response(scram.message(), buffer)).await?;
    let Message::AuthenticationSaslFinal(proof) = wire.next().await? else { return Err(Fault::Protocol) };
    scram.finish(proof.data()).map_err(|_| Fault::Protocol)
}

/// Reads what comes after a sign-in, and the version out of it.
async fn until_ready<S: Stream>(wire: &mut Wire<S>) -> Result<Option<String>, Fault> {
    let mut found = None;
    loop {
        match wire.next().await? {
            Message::ParameterStatus(status) if status.name().is_ok_and(|name| name == "server_version") => {
                found = status.value().ok().and_then(version);
            }
            Message::ParameterStatus(_) | Message::BackendKeyData(_) => {}
            Message::ReadyForQuery(_) => return Ok(found),
            _ => return Err(Fault::Protocol),
        }
    }
}

async fn ask<S: Stream>(wire: &mut Wire<S>) -> Result<(), Fault> {
    wire.send(|buffer| frontend::query(STATEMENT, buffer)).await?;
    let mut answered = false;
    loop {
        match wire.next().await? {
            // One column: its length in four bytes, and the text.
            Message::DataRow(row) if row.buffer().split_at_checked(4) == Some((&[0, 0, 0, 1], ANSWER)) => {
                answered = true;
            }
            Message::RowDescription(_) | Message::CommandComplete(_) | Message::ParameterStatus(_) => {}
            Message::ReadyForQuery(_) if answered => return Ok(()),
            _ => return Err(Fault::Protocol),
        }
    }
}

/// Messages on a stream.
struct Wire<S> {
    stream: Budgeted<S>,
}

impl<S: Stream> Wire<S> {
    async fn send(&mut self, build: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<(), Fault> {
        let mut buffer = BytesMut::with_capacity(1024);
        let built = build(&mut buffer);
        let bytes = Zeroizing::new(buffer.to_vec());
        buffer.as_mut().zeroize();
        built.map_err(|_| Fault::Protocol)?;
        self.stream.write_all(&bytes).await.map_err(|error| fault(&error))?;
        self.stream.flush().await.map_err(|error| fault(&error))
    }

    /// The next message that means something here; a refusal is a fault, notices are passed over.
    async fn next(&mut self) -> Result<Message, Fault> {
        loop {
            match self.read().await? {
                Message::NoticeResponse(_) => {}
                Message::ErrorResponse(body) => return Err(refusal(&body)),
                message => return Ok(message),
            }
        }
    }

    async fn read(&mut self) -> Result<Message, Fault> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).await.map_err(|error| fault(&error))?;
        let header = Header::parse(&head).ok().flatten().ok_or(Fault::Protocol)?;
        let length = usize::try_from(header.len()).map_err(|_| Fault::Protocol)?;
        // A length of the other side: memory is taken only for what may come at all.
        if length > BUDGET {
            return Err(Fault::Protocol);
        }
        let mut bytes = BytesMut::zeroed(length + 1);
        let (start, rest) = bytes.split_at_mut(head.len());
        start.copy_from_slice(&head);
        self.stream.read_exact(rest).await.map_err(|error| fault(&error))?;
        Message::parse(&mut bytes).ok().flatten().ok_or(Fault::Protocol)
    }
}

/// The SQLSTATE of a refusal; its texts are not looked at.
fn refusal(body: &ErrorResponseBody) -> Fault {
    let code = body.fields().find(|field| Ok(field.type_() == b'C'));
    match code.ok().flatten().and_then(|field| SqlCode::read_state(field.value_bytes())) {
        Some(state) => refused(None, Some(state)),
        None => Fault::Protocol,
    }
}
