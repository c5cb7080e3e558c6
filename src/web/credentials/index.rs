//! The list of credentials.

use super::drawn::tile_of;
use super::row::Look;
use crate::app::App;
use crate::error::{Error, Result};
use crate::model::credential::Environment;
use crate::model::credential_list::{Cursor, Query, Sort};
use crate::model::listed::{Listed, Lists};
use crate::model::permission::ReadCredentials;
use crate::model::status::Status;
use crate::web::answer::{Answer, see_other, sized_page};
use crate::web::guard::Can;
use crate::web::pages::list::{Chip, List, Pick, ServiceLink};
use crate::web::pages::shell::{Link, Nav, Tone};
use crate::web::shell;
use actix_web::{HttpRequest, web};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows of a page.
const ROWS: usize = 50;
/// A drawn row has about so many bytes.
const ROW_BYTES: usize = 2_600;
/// Services offered beside “Create new”.
const OFFERED: usize = 6;
/// What to offer before anything was created.
const COMMON: [&str; 6] = ["smtp", "google-sheets", "stripe", "whatsapp-cloud", "openai", "http"];

/// `GET /w/{slug}`: leads to the list.
pub async fn root(can: Can<ReadCredentials>) -> Answer {
    see_other(can.list())
}

/// The filters as they stand in the address.
struct Asked {
    params: BTreeMap<String, String>,
}

impl Asked {
    fn read(query: &str) -> Self {
        Self { params: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect() }
    }

    fn text(&self, name: &str) -> &str {
        self.params.get(name).map(String::as_str).unwrap_or_default()
    }

    /// A closed word, `None` for an empty one; [`Error::BadRequest`] for any other.
    fn word<T>(&self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
        match self.text(name) {
            "" => Ok(None),
            text => parse(text).map(Some).ok_or_else(|| {
                Error::BadRequest(format!("There is no {name} of that kind. Go back to the list and choose one there."))
            }),
        }
    }

    fn query(&self, sees_private: bool) -> Result<Query> {
        let after = Some(self.text("after")).filter(|text| !text.is_empty()).map(Cursor::parse).transpose()?;
        Ok(Query {
            search: self.text("q").chars().take(200).collect(),
            integration: Some(self.text("integration").to_owned()).filter(|id| !id.is_empty()),
            status: self.word("status", Status::parse)?,
            environment: self.word("environment", Environment::parse)?,
            sort: self.word("sort", Sort::parse)?.unwrap_or(Sort::Newest),
            after,
            limit: ROWS,
            sees_private,
        })
    }

    /// The address of the list with some entries changed; empty ones are left out.
    fn with(&self, base: &str, changes: &[(&str, &str)]) -> String {
        let mut params: BTreeMap<&str, &str> = ["q", "integration", "status", "environment", "sort"]
            .into_iter()
            .map(|name| (name, self.text(name)))
            .collect();
        params.extend(changes.iter().copied());
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(params.into_iter().filter(|(_, value)| !value.is_empty()));
        match query.finish() {
            query if query.is_empty() => base.to_owned(),
            query => format!("{base}?{query}"),
        }
    }

    fn is_filtered(&self) -> bool {
        ["q", "integration", "status", "environment"].iter().any(|name| !self.text(name).is_empty())
    }
}

/// `GET /w/{slug}/credentials`.
pub async fn index(can: Can<ReadCredentials>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let asked = Asked::read(req.query_string());
    let query = asked.query(can.inspects())?;
    let sort = query.sort;
    let role = can.standing.role;
    let listed: Arc<Listed> = match app.lists.kept_page(can.workspace(), role, &query, &can.head) {
        Some(listed) => listed,
        None => {
            let (app, workspace) = (app.clone(), can.workspace().clone());
            let handle = app.db.clone();
            handle
                .read(move |conn| {
                    let head = Lists::head(conn, &workspace)?;
                    app.lists.page(conn, &workspace, role, &query, &head)
                })
                .await?
        }
    };
    let base = can.list();
    let shell = shell::inside(&app, &can, "Credentials", Nav::Credentials);
    let look = Look {
        catalog: &app.catalog,
        base: &base,
        details: can.inspects(),
        now: app.means.now(),
        bots: listed.bots.as_ref(),
    };
    let next = listed.page.next.as_ref().map(Cursor::text).transpose()?;
    let list = List {
        shell,
        can_manage: can.is_admin(),
        details: can.inspects(),
        q: asked.text("q").to_owned(),
        status: asked.text("status").to_owned(),
        chips: chips(&asked, &base, &can.counts),
        services: services(&app, &asked),
        environments: picks(
            asked.text("environment"),
            &[("", "All environments"), ("production", "Production"), ("test", "Test")],
        ),
        sorts: picks(
            sort.as_str(),
            &[("newest", "Newest first"), ("name", "By name"), ("status", "By status"), ("last_used", "Last used")],
        ),
        rows: listed.page.rows.iter().map(|row| look.row(row)).collect(),
        total: u64::try_from(can.total).unwrap_or(0),
        filtered: asked.is_filtered(),
        first: (!asked.text("after").is_empty()).then(|| asked.with(&base, &[])),
        next: next.map(|after| asked.with(&base, &[("after", &after)])),
        recents: offered(&app, &base, &listed.recent),
        deleted: listed.has_deleted.then(|| Link { label: "Recently deleted".into(), href: format!("{base}/deleted") }),
        base: base.clone(),
    };
    sized_page(&list, ROWS * ROW_BYTES)
}

/// The chips of all statuses with nothing else chosen, for other pages.
pub fn status_chips(base: &str, counts: &[(Status, i64)]) -> Vec<Chip> {
    let chips = chips(&Asked::read(""), base, counts);
    chips.into_iter().map(|chip| Chip { current: false, ..chip }).collect()
}

fn chips(asked: &Asked, base: &str, counts: &[(Status, i64)]) -> Vec<Chip> {
    let count =
        |status: Status| counts.iter().find(|(s, _)| *s == status).map_or(0, |(_, n)| u64::try_from(*n).unwrap_or(0));
    let all = Chip {
        label: "All".into(),
        href: asked.with(base, &[("status", "")]),
        count: counts.iter().map(|(_, n)| u64::try_from(*n).unwrap_or(0)).sum(),
        tone: Tone::Plain,
        current: asked.text("status").is_empty(),
    };
    let shown = [
        (Status::Working, "Working", Tone::Plain),
        (Status::Broken, "Broken", Tone::Bad),
        (Status::Expiring, "Expiring", Tone::Warn),
        (Status::Unverified, "Unverified", Tone::Plain),
        (Status::Suspended, "Suspended", Tone::Plain),
        (Status::Unreadable, "Unreadable", Tone::Bad),
    ];
    let of_status = shown.into_iter().filter_map(|(status, label, tone)| {
        let (count, current) = (count(status), asked.text("status") == status.as_str());
        // Rare statuses are shown only where there is something to show.
        let usual = !matches!(status, Status::Suspended | Status::Unreadable);
        (usual || count > 0 || current).then(|| Chip {
            label: label.into(),
            href: asked.with(base, &[("status", status.as_str())]),
            count,
            tone,
            current,
        })
    });
    std::iter::once(all).chain(of_status).collect()
}

fn picks(current: &str, choices: &[(&str, &str)]) -> Vec<Pick> {
    choices
        .iter()
        .map(|(value, label)| Pick {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
            selected: *value == current,
        })
        .collect()
}

fn services(app: &App, asked: &Asked) -> Vec<Pick> {
    let current = asked.text("integration");
    let mut services: Vec<(&str, &str)> = vec![("", "All services")];
    services.extend(app.catalog.all().iter().map(|i| (i.id.as_str(), i.name.as_str())));
    if !current.is_empty() && app.catalog.get(current).is_none() {
        services.push((current, current));
    }
    picks(current, &services)
}

fn offered(app: &App, base: &str, recent: &[String]) -> Vec<ServiceLink> {
    let mut ids: Vec<&str> = recent.iter().map(String::as_str).collect();
    ids.extend(COMMON.iter().filter(|id| !recent.iter().any(|r| r == *id)));
    ids.into_iter()
        .filter_map(|id| app.catalog.get(id))
        .take(OFFERED)
        .map(|integration| ServiceLink {
            tile: tile_of(integration),
            name: integration.name.clone(),
            href: format!("{base}/new?integration={}", integration.id),
        })
        .collect()
}
