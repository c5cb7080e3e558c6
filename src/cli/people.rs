//! `credenza setup`, `workspace` and `member`: workspaces and people without a browser.

use super::exit::{Exit, Failure};
use super::open;
use crate::clock::At;
use crate::crypto::password_rules::check_password;
use crate::db::Tx;
use crate::error::Error;
use crate::id::Id;
use crate::model::permission::{Actor, Allowed, Role};
use crate::model::support;
use crate::model::user::{self, User};
use crate::model::workspace::Workspace;
use crate::model::{Means, member, membership, second_factor};
use crate::secret::Secret;
use crate::web::entry::setup::first;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// Makes the first workspace and its admin; refused once somebody exists.
pub fn setup(workspace: &str, email: &str, password_file: &Path) -> Result<Exit, Failure> {
    let config = open::config()?;
    let password = read_password(password_file)?;
    judge_password(&password, &[workspace, email])?;
    user::checked_email(email)?;
    let (name, email) = (workspace.to_owned(), email.to_owned());
    open::block_on(async move {
        let vault = open::made_vault(&config).await?;
        let hash = open::hasher(&vault.means)?.hash(password).await?;
        let means = vault.means.clone();
        let made = vault
            .db
            .write(move |tx| {
                if User::any(tx.conn())? {
                    return Err(Error::Conflict(
                        "Credenza is set up already. Use “credenza workspace add” and “credenza member add”.".into(),
                    ));
                }
                first(tx, &means, &name, &email, &hash, &Actor::operator())
            })
            .await?;
        println!("{}", made.0.slug);
        Ok(Exit::Fine)
    })
}

/// Makes a workspace, of a new installation too: nobody needs to be in it yet.
pub fn add_workspace(name: &str) -> Result<Exit, Failure> {
    let config = open::config()?;
    let name = name.to_owned();
    open::block_on(async move {
        let vault = open::made_vault(&config).await?;
        let means = vault.means.clone();
        let made = vault.db.write(move |tx| Workspace::create(tx, &means, &name, &Actor::operator())).await?;
        println!("{}", made.slug);
        Ok(Exit::Fine)
    })
}

/// Lists the workspaces.
pub fn list_workspaces() -> Result<Exit, Failure> {
    const PAGE: i64 = 200;
    let config = open::config()?;
    open::block_on(async move {
        let vault = open::vault(&config).await?;
        let mut after = String::new();
        loop {
            let from = after.clone();
            let page = vault.db.read(move |conn| Workspace::page(conn, &from, PAGE)).await?;
            let Some(last) = page.last() else { return Ok(Exit::Fine) };
            after.clone_from(&last.slug);
            for workspace in &page {
                println!("{}\t{}", workspace.slug, workspace.name);
            }
        }
    })
}

/// Why and until when support is let in.
pub struct Terms {
    /// `--reason`.
    pub reason: Option<String>,
    /// `--until`.
    pub until: Option<String>,
}

impl Terms {
    /// The reason and the end; none if neither is given.
    fn read(self, role: Role) -> Result<Option<(String, Option<At>)>, Failure> {
        if self.reason.is_none() && self.until.is_none() {
            return Ok(None);
        }
        if role != Role::Support {
            return Err(Failure::refused("--reason and --until go with --role support only."));
        }
        let reason = self.reason.map(|text| support::checked_reason(&text)).transpose()?.unwrap_or_default();
        let until = self.until.map(|text| end_of(&text)).transpose()?;
        Ok(Some((reason, until)))
    }
}

fn end_of(text: &str) -> Result<At, Failure> {
    let time = chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| At::new(at.to_utc()));
    let day = || {
        let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.succ_opt()?;
        Some(At::new(chrono::NaiveDateTime::from(day).and_utc()))
    };
    time.or_else(day).ok_or_else(|| {
        Failure::refused("--until takes a day such as 2026-03-31 or a time such as 2026-03-31T18:00:00Z.")
    })
}

/// Adds a person to a workspace.
pub fn add_member(
    slug: &str,
    email: &str,
    role: &str,
    terms: Terms,
    password_file: Option<&Path>,
) -> Result<Exit, Failure> {
    let role = Role::parse(role).ok_or_else(|| Failure::refused("--role is one of admin, member, support"))?;
    let terms = terms.read(role)?;
    user::checked_email(email)?;
    let config = open::config()?;
    let password = password_file.map(read_password).transpose()?;
    let (slug, email) = (slug.to_owned(), email.to_owned());
    open::block_on(async move {
        let vault = open::vault(&config).await?;
        let workspace = workspace_of(&vault, &slug).await?;
        let key = user::email_key(&email);
        let known = vault.db.read(move |conn| User::for_sign_in(conn, &key)).await?.map(|row| row.id);
        let hash = match (&known, password) {
            (Some(_), _) => String::new(),
            (None, None) => {
                return Err(Failure::refused("Nobody has this address yet: give --password-file for a new person."));
            }
            (None, Some(password)) => {
                judge_password(&password, &[&workspace.name, &email])?;
                open::hasher(&vault.means)?.hash(password).await?
            }
        };
        let means = vault.means.clone();
        vault
            .db
            .write(move |tx| {
                let user = match &known {
                    Some(user) => user.clone(),
                    None => User::create(tx, &email, &hash, means.now())?,
                };
                let allowed = Allowed::operator(workspace.id.clone());
                membership::add(tx, &means, &allowed, &user, role)?;
                match &terms {
                    Some((reason, until)) => support::set_terms(tx, &means, &allowed, &user, reason, *until),
                    None => Ok(()),
                }
            })
            .await?;
        Ok(Exit::Fine)
    })
}

/// Lists the people of a workspace: address, role, and whether the operator disabled them.
pub fn list_members(slug: &str) -> Result<Exit, Failure> {
    const PAGE: i64 = 200;
    let config = open::config()?;
    let slug = slug.to_owned();
    open::block_on(async move {
        let vault = open::vault(&config).await?;
        let workspace = workspace_of(&vault, &slug).await?;
        let (mut after, now) = (String::new(), vault.means.now());
        loop {
            let (from, id) = (after.clone(), workspace.id.clone());
            let page = vault.db.read(move |conn| member::page(conn, &id, &from, now, PAGE)).await?;
            let Some(last) = page.last() else { return Ok(Exit::Fine) };
            after.clone_from(&last.email_key);
            for one in &page {
                let state = if one.disabled_at.is_some() { "disabled" } else { "active" };
                println!("{}\t{}\t{state}", one.user.email, one.role);
            }
        }
    })
}

/// Takes a person's access to everything away, or gives it back; their sessions end.
pub fn set_disabled(email: &str, disabled: bool) -> Result<Exit, Failure> {
    of_person(email, move |tx, means, user| member::set_disabled(tx, means, user, disabled))
}

/// Takes every second factor of a person away; their sessions end.
pub fn reset_second_factor(email: &str) -> Result<Exit, Failure> {
    of_person(email, second_factor::take_away)
}

/// Changes the person of an address.
fn of_person(
    email: &str,
    change: impl Fn(&mut Tx<'_>, &Means, &Id<User>) -> Result<(), Error> + Send + 'static,
) -> Result<Exit, Failure> {
    let config = open::config()?;
    let key = user::email_key(email);
    let nobody = format!("Nobody has the address {email}.");
    open::block_on(async move {
        let vault = open::vault(&config).await?;
        let found = vault.db.read(move |conn| User::for_sign_in(conn, &key)).await?;
        let user = found.map(|row| row.id).ok_or_else(|| Failure::refused(nobody))?;
        let means = vault.means.clone();
        vault.db.write(move |tx| change(tx, &means, &user)).await?;
        Ok(Exit::Fine)
    })
}

async fn workspace_of(vault: &open::Vault, slug: &str) -> Result<Workspace, Failure> {
    let wanted = slug.to_owned();
    let found = vault.db.read(move |conn| Workspace::find(conn, &wanted)).await?;
    found
        .ok_or_else(|| Failure::refused(format!("There is no workspace {slug}. “credenza workspace list” names them.")))
}

/// Reads a password from a file or, for `-`, from standard input; one line end at its end is not part of it.
fn read_password(path: &Path) -> Result<Secret, Failure> {
    let mut text = Zeroizing::new(String::new());
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| Failure::refused(format!("The password file {} cannot be read: {error}", path.display())))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

fn judge_password(password: &Secret, context: &[&str]) -> Result<(), Failure> {
    check_password(password.expose(), context).map_err(Failure::refused)
}
