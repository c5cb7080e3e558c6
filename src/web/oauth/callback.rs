//! Where services send people back to. The only GET that changes something: it is bound to the state.

use super::drawn::trouble;
use super::finish;
use crate::app::App;
use crate::error::Result;
use crate::model::membership::Standing;
use crate::model::oauth_flow::{self, Flow, Stage};
use crate::model::permission::{Allowed, ConnectCredential, CreateCredential};
use crate::secret::Secret;
use crate::web::answer::{Answer, page_with};
use crate::web::guard::SignedIn;
use crate::web::pages::oauth::Stopped;
use crate::web::pages::shell::Link;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use std::collections::BTreeMap;

/// Longer answers are no answers of a consent page.
const LONGEST: usize = 8192;

/// Whoever comes back, where they stand, and their consent.
pub(super) struct Return {
    pub standing: Standing,
    pub connects: Allowed<ConnectCredential>,
    pub creates: Allowed<CreateCredential>,
    pub flow: Flow,
    pub query: BTreeMap<String, Secret>,
}

impl Return {
    /// The address of the consent's page.
    pub fn page(&self) -> String {
        format!("/w/{}/flows/{}", self.standing.workspace.slug, self.flow.id)
    }
}

/// Why a redirect is turned away before anything is asked of the service.
struct Turned {
    code: &'static str,
    title: &'static str,
    text: &'static str,
    mend: Link,
}

/// `GET /oauth/callback`.
pub async fn show(req: HttpRequest, app: web::Data<App>) -> Answer {
    let person = SignedIn::of(&req).ok();
    let returned = match accept(&app, &req, person.clone()).await? {
        Ok(returned) => returned,
        Err(turned) => return stop(&app, &req, person.as_ref(), turned).await,
    };
    let (means, flow) = (app.means.clone(), returned.flow.clone());
    if !app.db.write(move |tx| oauth_flow::take(tx, &means, &flow)).await? {
        return stop(&app, &req, person.as_ref(), used(returned.page())).await;
    }
    match finish::returned(&app, returned).await? {
        Ok(answer) => Ok(answer),
        Err(page) => {
            let turned = Turned {
                code: "wrong_issuer",
                title: "This answer does not come from the service that was asked.",
                text: "Nothing was asked of anybody with it, and nothing was saved. Start again from the page of this connection. If it happens again, tell the operator of this console.",
                mend: Link { label: "Back to the connection".into(), href: page },
            };
            stop(&app, &req, person.as_ref(), turned).await
        }
    }
}

/// Looks who comes back with what: one session, person, workspace and flow, once, within its time.
async fn accept(app: &App, req: &HttpRequest, person: Option<SignedIn>) -> Result<std::result::Result<Return, Turned>> {
    let Some(query) = read(req.query_string()) else { return Ok(Err(unknown())) };
    let Some(state) = query.get("state").filter(|state| !state.is_empty()).map(Secret::duplicate) else {
        return Ok(Err(unknown()));
    };
    let Some((flow, slug)) = app.db.read(move |conn| Flow::by_state(conn, state.expose())).await? else {
        return Ok(Err(unknown()));
    };
    let Some(person) = person else { return Ok(Err(signed_out())) };
    if flow.user_id != person.user || flow.session != person.actor.session {
        return Ok(Err(unknown()));
    }
    let (user, now) = (person.user.clone(), app.means.now());
    let standing = app.db.read(move |conn| Standing::find(conn, &slug, &user, now)).await?;
    let Some(standing) = standing else { return Ok(Err(unknown())) };
    let (connects, creates) = (standing.allowed(person.actor.clone()), standing.allowed(person.actor.clone()));
    let (Some(connects), Some(creates)) = (connects, creates) else { return Ok(Err(unknown())) };
    let returned = Return { standing, connects, creates, flow, query };
    Ok(match returned.flow.stage {
        Stage::Open if returned.flow.is_open(now) => Ok(returned),
        Stage::Open => Err(Turned {
            code: "flow_expired",
            title: "That took longer than ten minutes.",
            text: "The answer came too late, so it was not used. Start again; what you entered is kept.",
            mend: Link { label: "Start again".into(), href: returned.page() },
        }),
        _ => Err(used(returned.page())),
    })
}

/// The parameters of the redirect; `None` when one comes twice or all are too long.
fn read(query: &str) -> Option<BTreeMap<String, Secret>> {
    if query.len() > LONGEST {
        return None;
    }
    let mut all = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if all.insert(name.into_owned(), Secret::new(value.into_owned())).is_some() {
            return None;
        }
    }
    Some(all)
}

fn unknown() -> Turned {
    Turned {
        code: "unknown_state",
        title: "This answer belongs to nothing that you started here.",
        text: "It may be an old page, another browser, another person's sign-in, or one that was made in an earlier session. Nothing was asked of the service and nothing was saved. Start again from the credential.",
        mend: Link { label: "Go to the console".into(), href: "/".into() },
    }
}

fn signed_out() -> Turned {
    Turned {
        code: "signed_out",
        title: "You are not signed in any more.",
        text: "Nothing was saved. Sign in, then start the connection again; for safety it belongs to the session in which it was started.",
        mend: Link { label: "Sign in".into(), href: "/sign-in".into() },
    }
}

fn used(page: String) -> Turned {
    Turned {
        code: "used",
        title: "This answer was used already.",
        text: "Each answer is good once. If you reloaded the page or went back, look at what came of it.",
        mend: Link { label: "See what came of it".into(), href: page },
    }
}

async fn stop(app: &App, req: &HttpRequest, person: Option<&SignedIn>, turned: Turned) -> Answer {
    let Turned { code, title, text, mend } = turned;
    let known = match person {
        Some(person) => shell::of_person(app, &person.user, None).await?,
        None => None,
    };
    let frame = known.unwrap_or_else(|| shell::outside(app, req, title));
    let trouble = trouble(code, title, text);
    let page = Stopped {
        shell: shell::titled(frame, title),
        code: trouble.code,
        title: trouble.title,
        text: trouble.text,
        mend,
    };
    page_with(StatusCode::BAD_REQUEST, &page)
}
