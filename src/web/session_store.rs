//! Sessions behind actix-session, kept in our own table: they can be listed, ended, and end by themselves.

use crate::app::App;
use crate::clock::At;
use crate::crypto::token;
use crate::db::Conn;
use crate::error::Error;
use crate::id::Id;
use crate::measure;
use crate::model::membership::{Open, Surroundings};
use crate::model::session::{Lifetime, Live, NewSession, Session};
use crate::model::user::User;
use crate::web::visit;
use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;
use actix_web::web;
use std::collections::HashMap;

/// The entries that a session may hold; anything else is refused.
pub mod entry {
    /// The person's id.
    pub const USER: &str = "user";
    /// When the password was given, in microseconds.
    pub const AUTH_AT: &str = "auth_at";
    /// When the session began, in microseconds; kept when it is renewed, so that it ends in its time.
    pub const BEGAN: &str = "began";
    /// The client's address.
    pub const ADDRESS: &str = "address";
    /// The client's description of itself.
    pub const AGENT: &str = "agent";
    /// First characters of the hashed key, for the audit log; set on loading.
    pub const PREFIX: &str = "prefix";
}

/// The store that actix-session asks.
pub struct Store {
    app: web::Data<App>,
}

impl Store {
    /// A store on the program's database.
    pub fn new(app: web::Data<App>) -> Self {
        Self { app }
    }

    /// Where a person stands in the workspace `slug`, with what stands around a page there.
    async fn around(&self, slug: String, user: User, open: Vec<Open>, now: At) -> Result<Option<Surroundings>, Error> {
        if let Some(kept) = Surroundings::kept(&self.app.lists, &slug, &user, &open, now) {
            return Ok(Some(kept));
        }
        let app = self.app.clone();
        let read = move |conn: &mut Conn| Surroundings::of(conn, &app.lists, &slug, user.clone(), open.clone(), now);
        self.app.db.look_up(read).await
    }
}

type State = HashMap<String, String>;

impl SessionStore for Store {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let id = token::digest(key.as_ref());
        let now = self.app.means.now();
        let failed = |error: Error| LoadError::Other(anyhow::Error::new(error));
        let live = self.app.visitors.ask(&self.app.db, (id.clone(), now)).await.map_err(failed)?;
        let Some(Live { session, user, open }) = live else { return Ok(None) };
        if session.has_outlived(Lifetime::within(open.iter().map(|open| &open.workspace)), now) {
            let ended = self.app.db.write(move |tx| Session::end(tx, &id)).await;
            if let Err(error) = ended {
                tracing::warn!(%error, "a session that is over could not be removed; nobody can use it");
            }
            return Ok(None);
        }
        let around = match visit::named() {
            Some(slug) => self.around(slug, user, open, now).await.map_err(failed)?,
            None => None,
        };
        if let Some(around) = around {
            visit::leave(around);
        }
        if session.is_stale(now) {
            let touched = id.clone();
            // A session that cannot be touched still holds; it only ends earlier.
            match self.app.db.write(move |tx| Session::touch(tx, &touched, now)).await {
                Ok(()) => measure::SESSIONS_TOUCHED.add(1),
                Err(error) => tracing::warn!(%error, "a session could not be touched"),
            }
        }
        let prefix: String = id.chars().take(12).collect();
        Ok(Some(HashMap::from([
            (entry::USER.to_owned(), quoted(session.user_id.as_str())),
            (entry::AUTH_AT.to_owned(), session.auth_at.micros().to_string()),
            (entry::BEGAN.to_owned(), session.created_at.micros().to_string()),
            (entry::PREFIX.to_owned(), quoted(&prefix)),
        ])))
    }

    async fn save(&self, state: State, _: &Duration) -> Result<SessionKey, SaveError> {
        let failed = |error: Error| SaveError::Other(anyhow::Error::new(error));
        let text =
            |name: &str| state.get(name).and_then(|json| serde_json::from_str::<String>(json).ok()).unwrap_or_default();
        let user = Id::parse(&text(entry::USER)).ok_or_else(|| failed(Error::internal("a session of nobody")))?;
        let at = |name: &str| state.get(name).and_then(|json| json.parse().ok()).and_then(At::from_micros);
        let began = at(entry::BEGAN);
        let auth_at = at(entry::AUTH_AT).ok_or_else(|| failed(Error::internal("a session without a sign-in")))?;
        let fresh = token::fresh(self.app.means.keyring.random()).map_err(failed)?;
        let key = SessionKey::try_from(fresh.expose().to_owned())
            .map_err(|_| failed(Error::internal("a session key is too long")))?;
        let (id, address, agent) = (token::digest(key.as_ref()), text(entry::ADDRESS), text(entry::AGENT));
        let now = self.app.means.now();
        self.app
            .db
            .write(move |tx| {
                let created_at = began.unwrap_or(now);
                let new = NewSession { id: &id, user_id: &user, created_at, auth_at, address: &address, agent: &agent };
                Session::create(tx, &new, now)
            })
            .await
            .map_err(failed)?;
        Ok(key)
    }

    async fn update(&self, _: SessionKey, _: State, _: &Duration) -> Result<SessionKey, UpdateError> {
        Err(UpdateError::Other(anyhow::anyhow!("a session is renewed, never changed in place")))
    }

    async fn update_ttl(&self, _: &SessionKey, _: &Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let id = token::digest(key.as_ref());
        Ok(self.app.db.write(move |tx| Session::end(tx, &id)).await?)
    }
}

/// As actix-session keeps texts: in JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}
