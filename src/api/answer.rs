//! Answers in JSON, and what every request of this API may say beside its path.

use super::problem::{self, Problem};
use super::take;
use crate::app::App;
use crate::clock::At;
use crate::model::bot_token::BotToken;
use crate::model::bot_use::{Caller, Refusal};
use crate::model::workspace::Workspace;
use actix_web::http::header::{ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use std::collections::BTreeMap;

/// The most entries of a page.
pub const MOST: usize = 100;

/// What a handler returns.
pub type Answer = Result<HttpResponse, Problem>;

/// A value in JSON.
///
/// # Errors
/// When it cannot be written so.
pub fn json(value: &impl Serialize) -> Answer {
    let body = serde_json::to_string(value).map_err(|_| crate::error::Error::internal("an answer that is no JSON"))?;
    Ok(HttpResponse::Ok().content_type("application/json").body(body))
}

/// An instant as answers write it (RFC 3339).
pub fn instant(at: At) -> String {
    at.rfc3339()
}

/// The query of a request: only what the address takes, each once.
///
/// # Errors
/// 400 for another parameter or one that comes twice. A selector of a workspace is judged by [`Query::judge`].
pub fn query(req: &HttpRequest, known: &[&str]) -> Result<Query, Problem> {
    asked(req)?.only(known)
}

/// The query of a request, whatever the address takes.
///
/// # Errors
/// 400 for a parameter that comes twice.
pub fn asked(req: &HttpRequest) -> Result<Query, Problem> {
    let mut found = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(req.query_string().as_bytes()).into_owned() {
        if name.contains('\0') || value.contains('\0') {
            return Err(Problem::new(&problem::MALFORMED, "A parameter has a NUL in it."));
        }
        if found.insert(name, value).is_some() {
            return Err(Problem::new(&problem::MALFORMED, "A parameter comes twice."));
        }
    }
    let workspace = selected(req, found.remove("workspace"))?;
    Ok(Query { found, workspace })
}

/// What the header alone selects, where the query is not for this console.
///
/// # Errors
/// 400 for a header that comes twice or is empty.
pub fn header_only(req: &HttpRequest) -> Result<Query, Problem> {
    Ok(Query { found: BTreeMap::new(), workspace: selected(req, None)? })
}

/// The workspace that a request names, at most once.
fn selected(req: &HttpRequest, by_query: Option<String>) -> Result<Option<String>, Problem> {
    let mut selectors: Vec<String> = by_query.into_iter().collect();
    for value in req.headers().get_all("x-workspace") {
        selectors.push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    if selectors.len() > 1 || selectors.iter().any(|text| text.trim().is_empty()) {
        return Err(Problem::new(
            &problem::MALFORMED,
            "A token belongs to one workspace. Name it once or, better, not at all.",
        ));
    }
    Ok(selectors.pop())
}

/// A request's query.
#[derive(Clone)]
pub struct Query {
    found: BTreeMap<String, String>,
    workspace: Option<String>,
}

impl Query {
    /// Refuses what the address does not take.
    ///
    /// # Errors
    /// 400 for another parameter.
    pub fn only(self, known: &[&str]) -> Result<Self, Problem> {
        match self.found.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(self),
            Some(name) => {
                let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
                Err(Problem::new(&problem::MALFORMED, format!("This address takes no parameter “{name}”.")))
            }
        }
    }

    /// A parameter that is `true` or `false`; absent is `false`.
    ///
    /// # Errors
    /// 400 for anything else in it.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::new(&problem::MALFORMED, format!("The parameter {name} is true or false."))),
        }
    }

    /// How many entries a page is to have: `limit`, at most [`MOST`], and that unless it is sent.
    ///
    /// # Errors
    /// 400 for anything else in it.
    pub fn limit(&self) -> Result<usize, Problem> {
        match self.number("limit")? {
            None => Ok(MOST),
            Some(number) => usize::try_from(number).ok().filter(|number| *number <= MOST).ok_or_else(|| {
                Problem::new(&problem::MALFORMED, format!("The parameter limit is a number from 1 to {MOST}."))
            }),
        }
    }

    /// Refuses a request that names another workspace than its token's.
    ///
    /// # Errors
    /// 404, as for anything else that the token does not reach.
    pub async fn judge(&self, app: &web::Data<App>, token: &BotToken) -> Result<(), Problem> {
        let Some(named) = &self.workspace else { return Ok(()) };
        let id = token.workspace_id.clone();
        let own = app.db.read(move |conn| Workspace::get(conn, &id)).await?;
        if *named == own.slug || named == own.id.as_str() { Ok(()) } else { Err(Refusal::NotFound.into()) }
    }

    /// As [`Query::judge`], for a request whose token is not recognised yet.
    ///
    /// # Errors
    /// As [`Query::judge`], and the refusal of the token.
    pub async fn judge_before(&self, app: &web::Data<App>, caller: &Caller) -> Result<(), Problem> {
        if self.workspace.is_none() {
            return Ok(());
        }
        let token = take::recognised(app, caller, &[]).await?;
        self.judge(app, &token).await
    }

    /// A parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.found.get(name).map(String::as_str)
    }

    /// A parameter that is a number of at least 1.
    ///
    /// # Errors
    /// 400 for anything else in it.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse() {
            Ok(number @ 1..) => Ok(Some(number)),
            _ => Err(Problem::new(&problem::MALFORMED, format!("The parameter {name} is a number from 1 on."))),
        }
    }
}

/// Whether a request has already what this tag names (RFC 9110 §13.1.2).
pub fn has_already(headers: &HeaderMap, tag: &str) -> bool {
    headers.get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok()).any(|text| {
        text.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
    })
}

/// An answer with its tag; 304 and no body for who has it already.
pub fn tagged(req: &HttpRequest, tag: &str, full: impl FnOnce() -> Answer) -> Answer {
    let mut response = if has_already(req.headers(), tag) { HttpResponse::NotModified().finish() } else { full()? };
    response.headers_mut().insert(ETAG, HeaderValue::from_str(tag).map_err(crate::error::Error::internal)?);
    Ok(response)
}
