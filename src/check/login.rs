//! From the `smtp` or `sql` table of a check and a credential's values to a sign-in.

use super::held::Held;
use super::inject::Unfit;
use crate::catalog::place::Place;
use crate::catalog::schema::{SmtpAuth, SmtpCheck, SqlCheck, SqlEngine};
use crate::catalog::template::{RenderError, Template};
use crate::egress::smtp::{BadLogin, Login, Mechanism};
use crate::egress::sql::{BadSqlLogin, SqlLogin};
use crate::egress::target::{Mode, Target};
use crate::secret::Secret;

/// A sign-in at a mail server, and whether somebody signs in at all.
///
/// # Errors
/// [`Unfit`] when the values are none of a sign-in; nothing was sent.
pub(super) fn mail(smtp: &SmtpCheck, held: &Held<'_>) -> Result<(Login, bool), Unfit> {
    let optional = |template: &Option<Template>| match template {
        Some(template) => text(template, held),
        None => Ok(Secret::new(String::new())),
    };
    let mode = match text(&smtp.tls, held)?.expose() {
        "implicit" => Mode::SmtpTls,
        "starttls" => Mode::SmtpStarttls,
        "none" => Mode::SmtpPlain,
        _ => return Err(Unfit::Value("The encryption is none of those that mail servers have.")),
    };
    let target = Target::smtp(text(&smtp.host, held)?.expose(), port(&smtp.port, held)?, mode)?;
    let mechanism = match smtp.auth {
        SmtpAuth::Auto => Mechanism::Auto,
        SmtpAuth::Plain => Mechanism::Plain,
        SmtpAuth::Login => Mechanism::Login,
        SmtpAuth::Xoauth2 => Mechanism::Xoauth2,
    };
    let (helo, user, password) = (optional(&smtp.helo)?, optional(&smtp.user)?, optional(&smtp.pass)?);
    let signs_in = !user.is_empty();
    let login = Login::new(target, helo.expose(), user, password, mechanism).map_err(|error| match error {
        BadLogin::Helo => Unfit::Value("The name for EHLO is not a valid host name."),
        BadLogin::Account => {
            Unfit::Value("User name and password must not hold line breaks or other control characters.")
        }
    })?;
    Ok((login, signs_in))
}

/// A sign-in at a database server.
///
/// # Errors
/// As [`mail`].
pub(super) fn database(sql: &SqlCheck, held: &Held<'_>) -> Result<SqlLogin, Unfit> {
    let mode = match (sql.engine, text(&sql.tls, held)?.expose()) {
        (SqlEngine::Postgresql, "verify") => Mode::PostgresTls,
        (SqlEngine::Postgresql, "none") => Mode::PostgresPlain,
        (SqlEngine::Mysql, "verify") => Mode::MysqlTls,
        (SqlEngine::Mysql, "none") => Mode::MysqlPlain,
        _ => return Err(Unfit::Value("The encryption is none of those that database servers have.")),
    };
    let target = Target::sql(text(&sql.host, held)?.expose(), port(&sql.port, held)?, mode)?;
    let (user, password, database) = (text(&sql.user, held)?, text(&sql.pass, held)?, text(&sql.database, held)?);
    SqlLogin::new(target, user, password, database.expose()).map_err(|BadSqlLogin| {
        Unfit::Value("User name, password and database must not hold line breaks or other control characters.")
    })
}

fn text(template: &Template, held: &Held<'_>) -> Result<Secret, RenderError> {
    template.render(&|name| held.get(name), Place::Raw)
}

fn port(template: &Template, held: &Held<'_>) -> Result<u16, Unfit> {
    text(template, held)?.expose().parse().map_err(|_| Unfit::Value("This is not a valid port."))
}
