//! Calls that are passed on to a credential's service, for a token with the scope `use`.

use super::answer::{Answer, header_only};
use super::problem::{self, Details, PASSED, Problem};
use super::{caller, take};
use crate::app::App;
use crate::broker::call::{Passed, Ready, Unsent, fits, needs_whole_body, ready, with_credential};
use crate::broker::door::Place;
use crate::broker::learnt;
use crate::broker::mask::Mask;
use crate::broker::session::{Signed, Trouble};
use crate::catalog::form::Values;
use crate::catalog::schema::{Integration, Method};
use crate::check::held::{Held, Session};
use crate::check::policy;
use crate::check::report::Outcome;
use crate::egress::fault::{Fault, Network};
use crate::egress::flow::{Bounds, Download, Flowing, Upload};
use crate::egress::trace::Trace;
use crate::error::Error;
use crate::model::bot_use::{Asked, Granted, Purpose, Refusal, Wanted};
use crate::web::body::{self, Whole};
use crate::web::connection::{self, Streaming};
use crate::web::incoming::Incoming;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// The way to the encrypted connection takes no longer.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A body into which the credential is put is not larger.
const WHOLE_BODY: usize = 1 << 20;

/// Headers of an answer that are not passed back: of the connection, of a session at the service, and such as would
/// speak for this console.
const KEPT_BACK: [&str; 22] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "content-encoding",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "public-key-pins",
    "alt-svc",
    "clear-site-data",
    "refresh",
    "nel",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "sourcemap",
];

/// A call with a credential.
#[utoipa::path(
    method(get, head, post, put, patch, delete, options),
    path = "/api/v1/credentials/{credential}/proxy/{path}",
    tag = "bots",
    params(
        ("credential" = String, Path, description = "Its handle or id"),
        ("path" = String, Path, description = "Below the service's base address; the query is passed on too"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "Passed on as it is, at most 256 MiB"),
    responses((status = "default", description = "What the service answered, without copies of the secret; or a problem", body = Details, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub async fn of_credential(req: HttpRequest, body: Incoming, app: web::Data<App>) -> Answer {
    let name = req.match_info().query("credential").to_owned();
    pass(req, body, app, Wanted::Credential(name)).await
}

/// A call with the credential that a block chose.
#[utoipa::path(
    method(get, head, post, put, patch, delete, options),
    path = "/api/v1/blocks/{key}/proxy/{path}",
    tag = "bots",
    params(
        ("key" = String, Path, description = "The block's key"),
        ("path" = String, Path, description = "Below the service's base address; the query is passed on too"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "Passed on as it is, at most 256 MiB"),
    responses((status = "default", description = "What the service answered, without copies of the secret; or a problem", body = Details, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub async fn of_block(req: HttpRequest, body: Incoming, app: web::Data<App>) -> Answer {
    let key = req.match_info().query("key").to_owned();
    pass(req, body, app, Wanted::Block(key)).await
}

async fn pass(req: HttpRequest, body: Incoming, app: web::Data<App>, wanted: Wanted) -> Answer {
    if !PASSED.contains(req.method()) {
        return Err(Problem::method("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    }
    let caller = caller::bearer(&app, &req).await?;
    header_only(&req)?.judge_before(&app, &caller).await?;
    let flow = take::flow(&app, &caller).await?;
    length(req.headers())?;
    let passed = Arc::new(passed(&req)?);
    let asked = Asked { caller, purpose: Purpose::Use, wanted, version: None };
    let granted = take::granted_if(&app, asked, fitting(passed.clone())).await?;
    let row = &granted.row;
    let kind = app.catalog.method(&row.integration, &row.method).ok_or_else(|| Error::internal("no service"))?;
    let signed = app.sessions.live(&app.broker(), &granted, kind).await?.map_err(Problem::from)?;
    let held = Held { values: &granted.values, session: &signed.session };
    let upload = match needs_whole_body(&kind.1.inject, &passed.method) {
        true => with_credential(&kind.1.inject, &held, &whole(body).await?.bytes)?,
        false => upload(req.headers(), body)?,
    };
    let Ready { outgoing, mask } = ready(kind.1, &held, &passed, upload)?;
    let is_check = is_the_check(kind.1, &held, &outgoing.method, outgoing.target.resource().expose());
    let policy = policy::of(kind.1, &granted.values, None);
    let mut trace = Trace::within(CONNECT_WITHIN);
    let answered = app.egress.flow(outgoing, &policy, Bounds::default(), &mut trace).await?;
    learn(&app, &granted, kind, &signed, answered.status, is_check).await;
    given(&req, answered, mask, flow)
}

/// What the caller asks to be passed on.
fn passed(req: &HttpRequest) -> Result<Passed, Problem> {
    let path = req.uri().path();
    let path = path.find("/proxy/").and_then(|at| path.get(at + "/proxy/".len()..)).unwrap_or_default().to_owned();
    let headers = req.headers().iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    let verb = hyper::Method::from_bytes(req.method().as_str().as_bytes()).map_err(Error::internal)?;
    Ok(Passed { method: verb, path, query: req.query_string().to_owned(), headers: headers.collect() })
}

/// Judges the caller's part of a call before it counts as a use: what cannot be sent is refused and written down so.
fn fitting(passed: Arc<Passed>) -> impl Fn(&Method, &Values) -> Result<(), Refusal> + Send + 'static {
    move |method, values| {
        let session = Session::default();
        fits(method, &Held { values, session: &session }, &passed).map(drop).map_err(|unsent| {
            let problem = Problem::from(unsent);
            Refusal::Unfit(problem.kind.code, problem.detail)
        })
    }
}

/// The length of a body, where it is told.
fn length(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(text) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length = text.to_str().ok().and_then(|text| text.parse::<u64>().ok());
    let length = length.ok_or_else(|| Problem::new(&problem::MALFORMED, "The length of the body is not a number."))?;
    if length > Bounds::default().bytes {
        return Err(Problem::new(&problem::TOO_LARGE, "A body that is passed on has at most 256 MiB."));
    }
    Ok(Some(length))
}

/// The body as it comes.
fn upload(headers: &HeaderMap, body: Incoming) -> Result<Upload, Problem> {
    let length = length(headers)?;
    if length.is_none() && !headers.contains_key(header::TRANSFER_ENCODING) {
        return Ok(Upload::default());
    }
    let pieces = body.map(|piece| piece.map_err(|error| io::Error::other(error.to_string())));
    Ok(Upload { pieces: Some(Box::pin(pieces)), length })
}

async fn whole(mut body: Incoming) -> Result<Whole, Problem> {
    match body::read(&mut body, WHOLE_BODY).await {
        Err(Error::TooLarge) => {
            Err(Problem::new(&problem::TOO_LARGE, "A body into which the credential is put has at most 1 MiB."))
        }
        done => Ok(done?),
    }
}

/// Whether a call is the one by which the credential is checked, so that a good answer says that it works.
fn is_the_check(method: &Method, held: &Held<'_>, verb: &hyper::Method, resource: &str) -> bool {
    let Some(check) = method.check.request.as_ref().filter(|check| check.method.as_str() == verb.as_str()) else {
        return false;
    };
    let address = check.url.render(method.inject.base_url.as_ref(), &|name| held.get(name));
    let path = |text: &str| text.split('?').next().unwrap_or_default().trim_end_matches('/').to_owned();
    address.is_ok_and(|address| {
        let whole = address.expose();
        let own = whole.expose().strip_prefix(address.origin()).unwrap_or_default();
        path(own) == path(resource)
    })
}

/// What the answer says of the credential: one that is not accepted any more is broken from now on.
async fn learn(
    app: &web::Data<App>,
    granted: &Granted,
    (integration, method): (&Integration, &Method),
    signed: &Signed,
    status: u16,
    is_check: bool,
) {
    let Some(report) = learnt::report(&app.broker(), integration, method, &granted.values, status, is_check) else {
        return;
    };
    if status == 401 && signed.serial != 0 {
        // The session may be what is not accepted: the next call signs in anew, and that tells.
        app.sessions.forget(granted, signed.serial).await;
        return;
    }
    learnt::note(&app.broker(), granted, &integration.name, report).await;
}

/// The answer as the bot gets it.
fn given(req: &HttpRequest, answered: Flowing, mask: Mask, place: Place) -> Answer {
    let encoded = answered.headers.get_all("content-encoding").iter().any(|value| value != "identity");
    if encoded {
        let detail = "The service sent its answer in an encoding although none was asked for.";
        return Err(Problem::new(&problem::UPSTREAM_ENCODED, detail));
    }
    let status = StatusCode::from_u16(answered.status).map_err(Error::internal)?;
    let mut response = HttpResponse::build(status);
    let connection = listed(&answered.headers);
    for (name, value) in &answered.headers {
        if KEPT_BACK.contains(&name.as_str())
            || name.as_str().starts_with("access-control-")
            || connection.iter().any(|listed| listed == name.as_str())
        {
            continue;
        }
        let value = Mask::whole(&mask, value.as_bytes());
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_str().as_bytes()), HeaderValue::from_bytes(&value))
        {
            response.append_header((name, value));
        }
    }
    // What the service said stays as it is: nothing is packed on the way back.
    if let Some(length) = answered.headers.get("content-length").and_then(|v| v.to_str().ok()?.parse().ok()) {
        response.no_chunking(length);
    }
    let _streaming = connection::streaming(req);
    Ok(response.streaming(Passing { body: answered.body, mask, ended: false, _place: place, _streaming }))
}

fn listed(headers: &hyper::HeaderMap) -> Vec<String> {
    let all = headers.get_all("connection").iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|text| text.split(',')).map(|word| word.trim().to_ascii_lowercase()).collect()
}

/// An answer's body on its way to the bot.
struct Passing {
    body: Download,
    mask: Mask,
    ended: bool,
    _place: Place,
    _streaming: Streaming,
}

impl Stream for Passing {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        loop {
            let piece = match Pin::new(&mut self.body).poll_next(cx) {
                Poll::Ready(Some(Ok(piece))) => self.mask.pass(piece),
                Poll::Ready(Some(Err(fault))) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(io::Error::other(format!("the answer broke off: {fault:?}")))));
                }
                Poll::Ready(None) => {
                    self.ended = true;
                    let rest = self.mask.finish();
                    return Poll::Ready(Some(rest).filter(|rest| !rest.is_empty()).map(Ok));
                }
                Poll::Pending => return Poll::Pending,
            };
            if !piece.is_empty() {
                return Poll::Ready(Some(Ok(piece)));
            }
        }
    }
}

impl From<Unsent> for Problem {
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::NotHttp => Self::new(
                &problem::NOT_HTTP,
                "Calls to the service of this credential are not made over HTTP, or are signed in a way that is not known here.",
            ),
            Unsent::Path(text) => Self::new(&problem::PATH_REFUSED, text),
            Unsent::Header(name) => {
                Self::new(&problem::HEADER_REFUSED, format!("The header {name} cannot be passed on."))
            }
            Unsent::Query(name) => {
                Self::new(&problem::QUERY_REFUSED, format!("The credential sets the parameter {name}."))
            }
            Unsent::Body(text) => Self::new(&problem::BODY_REFUSED, text),
            Unsent::Unfit(unfit) => Self::new(&problem::PATH_REFUSED, format!("The call cannot be made: {unfit}.")),
        }
    }
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        let report = match trouble {
            Trouble::Unreadable => return Refusal::Unreadable.into(),
            Trouble::Report(report) => report,
        };
        let kind = match report.outcome {
            Outcome::Reauthorize | Outcome::Expired | Outcome::Invalid => &problem::CREDENTIAL_UNCONNECTED,
            _ => &problem::SIGN_IN_FAILED,
        };
        Self::new(kind, report.hint)
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(refusal) => Self::new(&problem::DESTINATION_REFUSED, refusal.to_string()),
            Fault::Network(Network::Timeout) => {
                Self::new(&problem::UPSTREAM_TIMEOUT, "The service did not answer in time.")
            }
            Fault::Network(network) => {
                let word = network.word().replace('_', " ");
                Self::new(&problem::UPSTREAM_UNREACHABLE, format!("The service cannot be reached ({word})."))
            }
            Fault::Tls(fault) => {
                let meaning = fault.kind.meaning();
                Self::new(
                    &problem::UPSTREAM_UNREACHABLE,
                    format!("The encrypted connection could not be made: {meaning}."),
                )
            }
            _ => Self::new(
                &problem::UPSTREAM_UNREACHABLE,
                "The service answered, but not in a way that can be passed on.",
            ),
        }
    }
}
