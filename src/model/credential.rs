//! A credential: its row, and what may be said of it.

use super::status::Status;
use super::version::Place;
use super::workspace::Workspace;
use crate::clock::At;
use crate::db::Conn;
use crate::db::schema::{credentials, oauth_grants as grants};
use crate::db::types::{Json, text_enum};
use crate::error::{Error, Result};
use crate::id::Id;
use diesel::prelude::*;

/// Credentials of the same account that are looked at, to find one.
const ALIKE: i64 = 50;

text_enum! {
    /// What a credential is for.
    Environment {
        /// Nobody said.
        None = "",
        /// The real thing.
        Production = "production",
        /// For trying out.
        Test = "test",
    }
}

text_enum! {
    /// What the key itself says it is for, where its shape tells.
    Badge {
        /// Its shape does not tell.
        None = "",
        /// A live key.
        Live = "live",
        /// A test key.
        Test = "test",
    }
}

/// A credential's row.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = credentials, check_for_backend(crate::db::MultiBackend))]
pub struct Credential {
    /// Its id.
    pub id: Id<Credential>,
    /// Its workspace.
    pub workspace_id: Id<Workspace>,
    /// What bots call it; never changes.
    pub handle: String,
    /// What people call it.
    pub name: String,
    /// The service, by its id in the catalogue.
    pub integration: String,
    /// The way to sign in, by its id in the catalogue.
    pub method: String,
    /// What it is for.
    pub environment: Environment,
    /// A sentence about it.
    pub description: String,
    /// Words it is found by.
    pub tags: Json<Vec<String>>,
    /// Where it leads: host and port, or an account.
    pub place: String,
    /// What the key says it is for.
    pub badge: Badge,
    /// Its state.
    pub status: Status,
    /// What the last check came to; empty before the first. Of an unreadable one, the key that it needs.
    pub outcome: String,
    /// The code of the last hint.
    pub code: String,
    /// The last hint.
    pub hint: String,
    /// “Connected as”.
    pub identity: String,
    /// When it was last checked.
    pub checked_at: Option<At>,
    /// When a check last passed.
    pub good_at: Option<At>,
    /// When it ends, where that is known.
    pub expires_at: Option<At>,
    /// The version in use.
    pub live_version: i64,
    /// Counts changes, so that two editors cannot overwrite each other.
    pub revision: i64,
    /// Since when it is switched off.
    pub suspended_at: Option<At>,
    /// Until when; `None` while it is on, and for until somebody switches it on.
    pub suspended_until: Option<At>,
    /// The status that it has beneath.
    pub suspended_from: Option<Status>,
    /// When it was deleted.
    pub deleted_at: Option<At>,
    /// Who deleted it; empty while it lives.
    pub deleted_by: String,
    /// When it was made.
    pub created_at: At,
    /// Who made it.
    pub created_by: String,
    /// When a bot last used it; 1970 means never.
    pub last_used_at: At,
}

/// The only way to reach credentials: from their workspace.
pub(super) type InWorkspace<'a> = credentials::BoxedQuery<'a, crate::db::MultiBackend>;

/// The credentials of a workspace that have not been deleted.
pub(super) fn live_in<'a>(workspace: &Id<Workspace>) -> InWorkspace<'a> {
    credentials::table
        .filter(credentials::workspace_id.eq(workspace.as_str().to_owned()))
        .filter(credentials::deleted_at.is_null())
        .into_boxed()
}

impl Credential {
    /// A live credential of the workspace; `None` for a foreign, deleted or unknown id alike.
    pub fn find(conn: &mut Conn, workspace: &Id<Workspace>, id: &Id<Credential>) -> Result<Option<Self>> {
        Ok(live_in(workspace)
            .filter(credentials::id.eq(id.as_str().to_owned()))
            .select(Self::as_select())
            .first(conn)
            .optional()?)
    }

    /// As [`Credential::find`], with [`Error::NotFound`] for none.
    pub fn get(conn: &mut Conn, workspace: &Id<Workspace>, id: &Id<Credential>) -> Result<Self> {
        Self::find(conn, workspace, id)?.ok_or(Error::NotFound)
    }

    /// A live credential of the workspace by what bots call it.
    pub fn by_handle(conn: &mut Conn, workspace: &Id<Workspace>, handle: &str) -> Result<Option<Self>> {
        Ok(live_in(workspace)
            .filter(credentials::handle.eq(handle.to_owned()))
            .select(Self::as_select())
            .first(conn)
            .optional()?)
    }

    /// Live credentials of the workspace by handle or id: id and handle of each that is there.
    pub fn named(conn: &mut Conn, workspace: &Id<Workspace>, names: &[String]) -> Result<Vec<(Id<Self>, String)>> {
        let names = names.to_vec();
        Ok(live_in(workspace)
            .filter(credentials::handle.eq_any(names.clone()).or(credentials::id.eq_any(names)))
            .select((credentials::id, credentials::handle))
            .load(conn)?)
    }

    /// Live credentials of the workspace by id, in no order; those that are not there are left out.
    pub fn of_ids(conn: &mut Conn, workspace: &Id<Workspace>, ids: &[Id<Self>]) -> Result<Vec<Self>> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        Ok(live_in(workspace).filter(credentials::id.eq_any(ids)).select(Self::as_select()).load(conn)?)
    }

    /// A live credential of the workspace by handle or id; [`Error::NotFound`] for none.
    pub fn called(conn: &mut Conn, workspace: &Id<Workspace>, name: &str) -> Result<Self> {
        match Id::parse(name) {
            Some(id) => Self::get(conn, workspace, &id),
            None => Self::by_handle(conn, workspace, name)?.ok_or(Error::NotFound),
        }
    }

    /// The name of another connected credential of these services and methods that would lose its sign-in with this one:
    /// one of the same account or of an unknown one, or, with `any_account`, of any; at the same place, with `same_place`.
    pub fn connected_alike(
        &self,
        conn: &mut Conn,
        kinds: &[(String, String)],
        any_account: bool,
        same_place: bool,
    ) -> Result<Option<String>> {
        let its_grant =
            grants::workspace_id.eq(credentials::workspace_id).and(grants::credential_id.eq(credentials::id));
        let services: Vec<&str> = kinds.iter().map(|(service, _)| service.as_str()).collect();
        let mut query = credentials::table
            .inner_join(grants::table.on(its_grant))
            .filter(credentials::workspace_id.eq(&self.workspace_id).and(credentials::id.ne(&self.id)))
            .filter(credentials::deleted_at.is_null().and(credentials::integration.eq_any(services)))
            .into_boxed();
        if !any_account && !self.identity.is_empty() {
            query = query.filter(credentials::identity.eq_any([self.identity.as_str(), ""]));
        }
        if same_place {
            query = query.filter(credentials::place.eq(&self.place));
        }
        let found: Vec<(String, String, String)> = query
            .order((credentials::name_key, credentials::id))
            .limit(ALIKE)
            .select((credentials::integration, credentials::method, credentials::name))
            .load(conn)?;
        let of_kind = |service: &str, method: &str| kinds.iter().any(|(s, m)| s == service && m == method);
        Ok(found.into_iter().find(|(service, method, _)| of_kind(service, method)).map(|(.., name)| name))
    }

    /// The row, whether deleted or not.
    pub(super) fn find_any(conn: &mut Conn, workspace: &Id<Workspace>, id: &Id<Credential>) -> Result<Self> {
        credentials::table
            .filter(credentials::workspace_id.eq(workspace).and(credentials::id.eq(id)))
            .select(Self::as_select())
            .first(conn)
            .optional()?
            .ok_or(Error::NotFound)
    }

    /// A deleted credential of the workspace that can still be restored.
    pub fn get_deleted(conn: &mut Conn, workspace: &Id<Workspace>, id: &Id<Credential>) -> Result<Self> {
        credentials::table
            .filter(credentials::workspace_id.eq(workspace).and(credentials::id.eq(id)))
            .filter(credentials::deleted_at.is_not_null())
            .select(Self::as_select())
            .first(conn)
            .optional()?
            .ok_or(Error::NotFound)
    }

    /// What its seal is bound to.
    pub fn seal_place(&self) -> Place<'_> {
        Place {
            workspace: &self.workspace_id,
            credential: &self.id,
            integration: &self.integration,
            method: &self.method,
        }
    }

    /// Whether it is switched off: its end counts from the instant it was set for, not from when that was noted.
    pub fn is_suspended(&self, now: At) -> bool {
        self.suspended_at.is_some() && self.suspended_until.is_none_or(|end| end > now)
    }

    /// When a bot last used it.
    pub fn last_used(&self) -> Option<At> {
        (self.last_used_at.micros() != 0).then_some(self.last_used_at)
    }
}

/// Whether another live credential has this name; returns it as it is written there.
pub fn name_holder(
    conn: &mut Conn,
    workspace: &Id<Workspace>,
    name: &str,
    except: Option<&Id<Credential>>,
) -> Result<Option<String>> {
    let except = except.map_or("", Id::as_str).to_owned();
    Ok(live_in(workspace)
        .filter(credentials::name_key.eq(crate::fold::fold(name)))
        .filter(credentials::id.ne(except))
        .select(credentials::name)
        .first(conn)
        .optional()?)
}

/// Reads a name: trimmed, 1 to 200 characters, no control characters. The error is for the field.
pub fn checked_name(name: &str) -> Result<String, &'static str> {
    let name = name.trim();
    if name.is_empty() {
        Err("Give it a name that your team will recognise, such as “Production Gmail SMTP”.")
    } else if name.chars().count() > 200 {
        Err("A name has at most 200 characters.")
    } else if name.chars().any(char::is_control) {
        Err("A name is one line of text, without control characters.")
    } else {
        Ok(name.to_owned())
    }
}
