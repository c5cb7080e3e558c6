//! People, known by their e-mail address.

use crate::clock::At;
use crate::db::schema::users;
use crate::db::types::text_enum;
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use diesel::prelude::*;

text_enum! {
    /// How pages look.
    Theme {
        /// As the device says.
        System = "system",
        /// Always light.
        Light = "light",
        /// Always dark.
        Dark = "dark",
    }
}

/// One person.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(crate::db::MultiBackend))]
pub struct User {
    /// Their id.
    pub id: Id<User>,
    /// Their address as they wrote it.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// How pages look to them.
    pub theme: Theme,
    /// Whether single-key shortcuts are on.
    pub shortcuts: bool,
}

/// What signing in needs to know.
#[derive(Debug, Clone, Queryable)]
pub struct SignInRow {
    /// The person.
    pub id: Id<User>,
    /// The hash of their password, as a PHC string.
    pub password_hash: String,
    /// When they were disabled, if ever.
    pub disabled_at: Option<At>,
}

/// An address as it is compared: trimmed, compatibility-folded, lower case. Accents count.
pub fn email_key(email: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    email.trim().nfkc().flat_map(char::to_lowercase).collect()
}

/// Reads an e-mail address: one `@`, no spaces or control characters, at most 254 bytes.
pub fn checked_email(email: &str) -> Result<String> {
    let email = email.trim();
    let parts: Vec<&str> = email.split('@').collect();
    let sound = matches!(parts.as_slice(), [local, host] if !local.is_empty() && host.contains('.') && !host.starts_with('.') && !host.ends_with('.'))
        && email.len() <= 254
        && !email.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, ',' | ';' | '<' | '>' | '"'));
    if sound {
        Ok(email.to_owned())
    } else {
        Err(Error::Unprocessable("Enter one e-mail address, such as ana@example.com.".into()))
    }
}

/// A person's name, trimmed: 1 to 200 characters on one line.
pub fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(Error::Unprocessable("A name has 1 to 200 characters, on one line.".into()));
    }
    Ok(name.to_owned())
}

impl User {
    /// Whether anybody exists yet.
    pub fn any(conn: &mut Conn) -> Result<bool> {
        Ok(diesel::select(diesel::dsl::exists(users::table.select(users::id))).get_result(conn)?)
    }

    /// What signing in needs, by address.
    pub fn for_sign_in(conn: &mut Conn, email: &str) -> Result<Option<SignInRow>> {
        Ok(users::table
            .filter(users::email_key.eq(email_key(email)))
            .select((users::id, users::password_hash, users::disabled_at))
            .first(conn)
            .optional()?)
    }

    /// What proving who they are again needs.
    pub fn for_proof(conn: &mut Conn, id: &Id<User>) -> Result<Option<SignInRow>> {
        Ok(users::table
            .filter(users::id.eq(id))
            .select((users::id, users::password_hash, users::disabled_at))
            .first(conn)
            .optional()?)
    }

    /// A person who has not been disabled.
    pub fn find(conn: &mut Conn, id: &Id<User>) -> Result<Option<Self>> {
        Ok(users::table
            .filter(users::id.eq(id).and(users::disabled_at.is_null()))
            .select(Self::as_select())
            .first(conn)
            .optional()?)
    }

    /// The names of people by id, for a page that mentions them.
    pub fn names(conn: &mut Conn, ids: &[String]) -> Result<Vec<(String, String)>> {
        Ok(users::table.filter(users::id.eq_any(ids)).select((users::id, users::name)).load(conn)?)
    }

    /// Stores a new person; [`Error::Conflict`] if the address is known already.
    pub fn create(tx: &mut Tx<'_>, email: &str, password_hash: &str, now: At) -> Result<Id<User>> {
        let email = checked_email(email)?;
        let id = Id::new();
        let name = email.split('@').next().unwrap_or_default().to_owned();
        let (row_id, key) = (id.clone(), email_key(&email));
        let password_hash = password_hash.to_owned();
        let done = tx.savepoint(|tx| {
            diesel::insert_into(users::table)
                .values((
                    users::id.eq(&row_id),
                    users::email_key.eq(&key),
                    users::email.eq(&email),
                    users::name.eq(&name),
                    users::password_hash.eq(&password_hash),
                    users::theme.eq(Theme::System),
                    users::shortcuts.eq(true),
                    users::created_at.eq(now),
                ))
                .execute(tx.conn())?;
            Ok(())
        });
        super::unique_as(done, "Somebody with this e-mail address exists already.")?;
        Ok(id)
    }

    /// Calls a person something else.
    pub fn set_name(tx: &mut Tx<'_>, id: &Id<User>, name: &str) -> Result<()> {
        let name = checked_name(name)?;
        diesel::update(users::table.filter(users::id.eq(id))).set(users::name.eq(name)).execute(tx.conn())?;
        Ok(())
    }

    /// Stores the hash of a new password.
    pub(super) fn set_password(tx: &mut Tx<'_>, id: &Id<User>, password_hash: &str) -> Result<()> {
        diesel::update(users::table.filter(users::id.eq(id)))
            .set(users::password_hash.eq(password_hash))
            .execute(tx.conn())?;
        Ok(())
    }

    /// Since when a person has no access; none gives it back.
    pub fn set_disabled(tx: &mut Tx<'_>, id: &Id<User>, since: Option<At>) -> Result<()> {
        diesel::update(users::table.filter(users::id.eq(id))).set(users::disabled_at.eq(since)).execute(tx.conn())?;
        Ok(())
    }

    /// Replaces the stored hash, if it is still the one that was verified.
    pub fn rehash(tx: &mut Tx<'_>, id: &Id<User>, old: &str, new: &str) -> Result<()> {
        diesel::update(users::table.filter(users::id.eq(id).and(users::password_hash.eq(old))))
            .set(users::password_hash.eq(new))
            .execute(tx.conn())?;
        Ok(())
    }

    /// Changes what a person is called, how pages look, and whether single keys act; to oneself only.
    pub fn set_preferences(tx: &mut Tx<'_>, id: &Id<User>, name: &str, theme: Theme, shortcuts: bool) -> Result<()> {
        diesel::update(users::table.filter(users::id.eq(id)))
            .set((users::name.eq(name), users::theme.eq(theme), users::shortcuts.eq(shortcuts)))
            .execute(tx.conn())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{checked_email, email_key};

    #[test]
    fn addresses_are_compared_folded() {
        assert_eq!(email_key(" Admin@X.example"), email_key("ａdmin@x.example"));
        assert!(checked_email("a@b.example").is_ok());
        for bad in ["", "a", "a@b", "a@b@c.d", "a b@c.d", "a@b.c\r\nX: y", "a@b.c,d@e.f", "a@.c", "<a@b.c>"] {
            assert!(checked_email(bad).is_err(), "{bad}");
        }
    }
}
