//! A sign-in to a database server and one harmless statement, `SELECT 1`: no table is read, nothing is
//! written, no file is given out.

mod binding;
mod mysql;
mod mysql_packets;
mod postgres;
#[cfg(test)]
mod tests;

use super::fault::{Fault, SqlCode, SqlFault, TlsFault, TlsKind};
use super::policy::Policy;
use super::target::{Mode, Target};
use super::tls;
use super::trace::{Phase, Trace};
use super::{Egress, bounded};
use crate::secret::Secret;
use std::fmt;
use std::time::Duration;

/// Bytes that a server may say in all.
const BUDGET: usize = 64 * 1024;
/// How long the goodbye may take: nothing hangs on it.
const GOODBYE: Duration = Duration::from_millis(500);
/// The one statement that is ever sent.
pub const STATEMENT: &str = "SELECT 1";
/// What it gives.
const ANSWER: &[u8] = b"1";

/// A sign-in to a database.
#[derive(Debug)]
pub struct SqlLogin {
    target: Target,
    user: Secret,
    password: Secret,
    database: String,
}

/// A value that cannot be part of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("User name, password and database must not hold line breaks or other control characters.")]
pub struct BadSqlLogin;

/// What a server said that it is, in our words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// `PostgreSQL`, `MySQL` or `MariaDB`.
    pub product: &'static str,
    /// Digits and dots only.
    pub version: Option<String>,
    /// Whether the connection was encrypted.
    pub encrypted: bool,
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.product)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, " {version}"))
    }
}

impl SqlLogin {
    /// A sign-in to `target`; an empty database names none, which only MySQL knows.
    ///
    /// # Errors
    /// [`BadSqlLogin`] for values that could end before their end.
    pub fn new(target: Target, user: Secret, password: Secret, database: &str) -> Result<Self, BadSqlLogin> {
        let texts = [user.expose(), password.expose(), database];
        if texts.iter().any(|text| text.chars().any(char::is_control)) {
            return Err(BadSqlLogin);
        }
        Ok(Self { target, user, password, database: database.to_owned() })
    }

    /// Where it goes.
    pub fn target(&self) -> &Target {
        &self.target
    }
}

impl Egress {
    /// Encrypts, signs in, asks [`STATEMENT`] and says goodbye. Nothing that depends on the password is sent
    /// before the connection is encrypted and verified, unless the operator's list names the place; the
    /// password itself is never sent over one that is not.
    ///
    /// # Errors
    /// A [`Fault`]; the trace tells how far it came.
    pub async fn sql(&self, login: &SqlLogin, policy: &Policy, trace: &mut Trace) -> Result<Served, Fault> {
        bounded(trace, async |trace| {
            let (stream, ip) = self.open(&login.target, policy, trace).await?;
            let secure =
                async |stream| tls::encrypt(stream, login.target.host(), &[], self.dialer.roots(), policy).await;
            match login.target.mode() {
                Mode::PostgresTls => {
                    trace.begin(Phase::Tls);
                    let stream = secure(postgres::ask_for_tls(stream).await?).await?;
                    let channel = postgres::Channel::Encrypted(binding::end_point(&stream));
                    postgres::talk(stream, login, channel, trace).await
                }
                Mode::PostgresPlain => {
                    trace.begin(Phase::SignIn);
                    self.judge(policy).plain_sign_in(&login.target, ip).map_err(Fault::Refused)?;
                    postgres::talk(stream, login, postgres::Channel::Plain, trace).await
                }
                Mode::MysqlTls => {
                    trace.begin(Phase::Hello);
                    let (stream, greeting) = mysql::greet(stream).await?;
                    trace.begin(Phase::Tls);
                    let stream = secure(mysql::ask_for_tls(stream, login, &greeting).await?).await?;
                    mysql::talk(stream, login, &greeting, true, trace).await
                }
                Mode::MysqlPlain => {
                    trace.begin(Phase::Hello);
                    self.judge(policy).plain_sign_in(&login.target, ip).map_err(Fault::Refused)?;
                    let (stream, greeting) = mysql::greet(stream).await?;
                    mysql::talk(stream, login, &greeting, false, trace).await
                }
                _ => Err(Fault::Protocol),
            }
        })
        .await
    }
}

fn not_offered() -> Fault {
    Fault::Tls(TlsFault { kind: TlsKind::NotOffered, fingerprint: None })
}

fn refused(number: Option<u16>, state: Option<[u8; 5]>) -> Fault {
    Fault::Sql(SqlFault::Refused(SqlCode { number, state }))
}

/// The digits and dots with which a version begins.
fn version(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let plain = text.get(..end.min(16))?.trim_end_matches('.');
    plain.starts_with(|c: char| c.is_ascii_digit()).then(|| plain.to_owned())
}
