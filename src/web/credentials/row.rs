//! One row of the list, in the list itself and as a fragment.

use super::drawn::{Judged, badges, tile, tile_of};
use crate::app::App;
use crate::catalog::load::Catalog;
use crate::catalog::schema::{Edit, Method};
use crate::clock::At;
use crate::error::Error;
use crate::id::Id;
use crate::model::credential::Credential;
use crate::model::credential_list::Row as Found;
use crate::model::permission::Permission;
use crate::model::status::Status;
use crate::model::{bot, usage};
use crate::web::answer::{Answer, page, see_other_saying};
use crate::web::guard::Can;
use crate::web::pages::list::{Row, RowFragment};
use crate::web::pages::markup::Markup;
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::HttpRequest;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What decides how much of a row is drawn.
pub struct Look<'a> {
    /// The services.
    pub catalog: &'a Catalog,
    /// The address of the list.
    pub base: &'a str,
    /// Whether hosts, accounts and hints are shown.
    pub details: bool,
    /// The current instant.
    pub now: At,
    /// How many bots have a block for each credential; `None` while the workspace has no bot.
    pub bots: Option<&'a BTreeMap<String, i64>>,
}

impl<'a> Look<'a> {
    /// Draws a row.
    pub fn row(&self, found: &'a Found) -> Row<'a> {
        let integration = self.catalog.get(&found.integration);
        let method = integration.and_then(|i| i.method(&found.method));
        let judged = Judged {
            status: found.status,
            outcome: &found.outcome,
            checked_at: found.checked_at,
            good_at: found.good_at,
            expires_at: found.expires_at,
        };
        Row {
            status: judged.view(self.now),
            href: Markup::of(format!("{}/{}", self.base, found.id)),
            badges: badges(found.environment, found.badge),
            tile: integration.map_or_else(|| tile(self.catalog, &found.integration), tile_of),
            used_by: self.bots.map(|bots| match bots.get(found.id.as_str()) {
                None => "none".to_owned(),
                Some(1) => "1 bot".to_owned(),
                Some(n) => format!("{n} bots"),
            }),
            last_used: Some(found.last_used_at).filter(|at| at.micros() != 0).map(|at| When::new(at, self.now)),
            editable: method.is_some_and(|m| m.edit != Edit::None),
            verifiable: method.is_some_and(Method::has_live_test) && found.status != Status::Suspended,
            service: integration.map_or(found.integration.as_str(), |i| &i.name),
            method: method.map_or(found.method.as_str(), |m| &m.label),
            description: if self.details { about(found) } else { "".into() },
            id: Markup::of(found.id.as_str()),
            name: Markup::of(found.name.as_str()),
        }
    }
}

/// Whether a request came from a row of the list, by htmx.
pub fn is_asked_by_htmx(req: &HttpRequest) -> bool {
    req.headers().contains_key("HX-Request")
}

/// The answer to an act on one credential: its row where the list asked through htmx, else a way to its page,
/// where the message `did` is said.
pub async fn answer<P: Permission>(
    can: &Can<P>,
    req: &HttpRequest,
    app: &App,
    id: &Id<Credential>,
    did: &'static str,
) -> Answer {
    if !is_asked_by_htmx(req) {
        return see_other_saying(format!("{}/{id}", can.list()), did);
    }
    let (workspace, wanted) = (can.workspace().clone(), id.clone());
    let (found, bots) = app
        .db
        .read(move |conn| {
            let found = Found::get(conn, &workspace, &wanted)?.ok_or(Error::NotFound)?;
            let bots = bot::exists(conn, &workspace)?;
            Ok((found, if bots { Some(usage::counts(conn, &workspace, &[wanted.as_str()])?) } else { None }))
        })
        .await?;
    let base = can.list();
    let look =
        Look { catalog: &app.catalog, base: &base, details: can.inspects(), now: app.means.now(), bots: bots.as_ref() };
    page(&RowFragment {
        assets: shell::assets(app),
        can_manage: can.is_admin(),
        details: can.inspects(),
        uses: bots.is_some(),
        row: look.row(&found),
    })
}

/// The line under a name: the description, else the account, else where it leads.
fn about(found: &Found) -> Cow<'_, str> {
    if !found.description.is_empty() {
        Cow::Borrowed(&found.description)
    } else if !found.identity.is_empty() {
        Cow::Owned(format!("connected as {}", found.identity))
    } else {
        Cow::Borrowed(&found.place)
    }
}
