//! `GET …/audit.jsonl` and `GET …/audit.csv`: streamed a batch at a time, written down before the first byte leaves.

use super::asked::Asked;
use super::names::Names;
use super::words;
use crate::app::App;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::audit::{Entry, Event, Target};
use crate::model::audit_list::{self, Filter};
use crate::model::audit_summary::{self, Summary};
use crate::model::audit_verify::{self, Place, START};
use crate::model::permission::ExportAudit;
use crate::model::workspace::Workspace;
use crate::model::{audit, audit_file, checkpoint};
use crate::web::answer::Answer;
use crate::web::fresh;
use crate::web::guard::Can;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;

/// Events of one batch.
const BATCH: i64 = 500;
/// Characters at the start of a cell that a spreadsheet takes for a formula, or for the way to one.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// `GET …/audit.jsonl`: the whole chain, which verifies with the public key alone.
pub async fn jsonl(can: Can<ExportAudit>, req: HttpRequest, app: web::Data<App>) -> Answer {
    if let Some(first) = fresh::demanded(&app, &req, &wanted(&req)).await? {
        return Ok(first);
    }
    write_down(&app, &can, "JSONL").await?;
    let chain = can.workspace().to_string();
    let wanted = chain.clone();
    let read = app.db.read(move |conn| Ok((audit_verify::end(conn, &wanted)?, audit_summary::note(conn, &wanted)?)));
    let (end, pruned) = read.await?;
    let end = end.ok_or_else(|| Error::internal("the head of the chain cannot be read"))?;
    let begin = |note: &String| Summary::open(&app.means.keyring.public_keys(), &chain, note).map(|pruned| pruned.last);
    // A summary that is not ours leaves as it is, and nothing behind it fits.
    let last = pruned.as_ref().and_then(begin).unwrap_or(START);
    let first = Bytes::from(audit_file::title(&chain, pruned)?);
    let walk = Walk { app: app.clone(), chain, last, end, is_done: false };
    let lines = stream::try_unfold(walk, |mut walk| async move {
        if walk.is_done {
            return Ok::<_, Error>(None);
        }
        let batch = walk.next().await?;
        Ok(Some((batch, walk)))
    });
    Ok(file(&can, &app, "jsonl", "application/jsonl; charset=utf-8").streaming(Box::pin(with_head(first, lines))))
}

/// `GET …/audit.csv`: the events that the page's filters let through.
pub async fn csv(can: Can<ExportAudit>, req: HttpRequest, app: web::Data<App>) -> Answer {
    if let Some(first) = fresh::demanded(&app, &req, &wanted(&req)).await? {
        return Ok(first);
    }
    let (query, workspace, means) = (req.query_string().to_owned(), can.workspace().clone(), app.means.clone());
    let (filter, unknown) = app.db.read(move |conn| Asked::read(&query).filter(conn, &workspace, means.now())).await?;
    if unknown.is_some() {
        return Err(
            Error::BadRequest("There is no such credential; go back to the audit and choose one.".into()).into()
        );
    }
    write_down(&app, &can, "CSV").await?;
    let head = Bytes::from(cells(&[HEAD.map(str::to_owned)])?);
    let state = (app.clone(), can.workspace().clone(), filter, Some(0));
    let lines = stream::try_unfold(state, |(app, workspace, filter, after)| async move {
        let Some(after) = after else { return Ok::<_, Error>(None) };
        let (text, next) = rows(&app, &workspace, &filter, after).await?;
        Ok(Some((Bytes::from(text), (app, workspace, filter, next))))
    });
    Ok(file(&can, &app, "csv", "text/csv; charset=utf-8").streaming(Box::pin(with_head(head, lines))))
}

/// The address that was asked for, with its filters.
fn wanted(req: &HttpRequest) -> String {
    req.uri().path_and_query().map(ToString::to_string).unwrap_or_default()
}

async fn write_down(app: &App, can: &Can<ExportAudit>, format: &'static str) -> Result<()> {
    let (means, allowed) = (app.means.clone(), can.allowed.clone());
    app.db
        .write(move |tx| {
            let entry = Entry::allow("audit.exported", Target::workspace(allowed.workspace())).detail("format", format);
            audit::record_allowed(tx, &means, &allowed, entry)
        })
        .await
}

fn file(can: &Can<ExportAudit>, app: &App, ending: &str, kind: &'static str) -> actix_web::HttpResponseBuilder {
    let day = app.means.now().utc().format("%Y-%m-%d").to_string();
    let name = format!("{}-audit-{day}.{ending}", can.standing.workspace.slug);
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")));
    response.content_type(kind);
    response
}

fn with_head<S>(head: Bytes, rest: S) -> impl stream::Stream<Item = std::result::Result<Bytes, Error>>
where
    S: stream::Stream<Item = std::result::Result<Bytes, Error>>,
{
    stream::StreamExt::chain(stream::once(std::future::ready(Ok(head))), rest)
}

/// The walk over a chain while it is exported: each line is proved before it leaves.
struct Walk {
    app: web::Data<App>,
    chain: String,
    last: Place,
    end: Place,
    is_done: bool,
}

impl Walk {
    async fn next(&mut self) -> Result<Bytes> {
        let (chain, after) = (self.chain.clone(), self.last.0);
        let limit = BATCH.min(self.end.0 - after);
        let batch =
            self.app.db.read(move |conn| audit_list::onward(conn, &chain, &Filter::default(), after, limit)).await?;
        let mut text = String::new();
        for event in &batch {
            let fits = event.seq == self.last.0 + 1 && event.hash == event.hash_after(&self.last.1)?;
            if !fits {
                tracing::error!(
                    chain = self.chain,
                    event = self.last.0 + 1,
                    "an audit chain is broken; its export ends there"
                );
                self.is_done = true;
                return Ok(Bytes::from(text));
            }
            self.last = (event.seq, event.hash.as_slice().try_into().map_err(Error::internal)?);
            text += &audit_file::event(event)?;
        }
        if self.last == self.end {
            let head = crate::anchor::Head { seq: self.end.0, hash: self.end.1 };
            text += &audit_file::end(&checkpoint::note(&self.app.means, &self.chain, &head))?;
        }
        self.is_done = batch.is_empty() || self.last.0 >= self.end.0;
        Ok(Bytes::from(text))
    }
}

const HEAD: [&str; 15] = [
    "number",
    "time",
    "actor",
    "actor kind",
    "actor id",
    "what",
    "action",
    "target kind",
    "target id",
    "outcome",
    "code",
    "fields",
    "address",
    "device",
    "request",
];

/// The cells of a batch, and where the next one begins.
async fn rows(app: &App, workspace: &Id<Workspace>, filter: &Filter, after: i64) -> Result<(Vec<u8>, Option<i64>)> {
    let (workspace, filter) = (workspace.clone(), filter.clone());
    let (events, names) = app
        .db
        .read(move |conn| {
            let events = audit_list::onward(conn, workspace.as_str(), &filter, after, BATCH)?;
            let names = Names::of(conn, &workspace, &events, &[])?;
            Ok((events, names))
        })
        .await?;
    let all: Vec<[String; 15]> = events.iter().map(|event| row(event, &names)).collect();
    let is_last = events.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
    let next = events.last().map(|event| event.seq).filter(|_| !is_last);
    Ok((cells(&all)?, next))
}

fn row(event: &Event, names: &Names) -> [String; 15] {
    let text = |text: &String| text.clone();
    [
        event.seq.to_string(),
        event.at.rfc3339(),
        names.actor(event, "").text,
        text(&event.actor_kind),
        text(&event.actor_id),
        words::told(event).with(&names.target(event, "").text),
        text(&event.action),
        text(&event.target_kind),
        text(&event.target_id),
        event.outcome.as_str().to_owned(),
        text(&event.code),
        words::fields(event).join(" "),
        text(&event.address),
        text(&event.agent),
        text(&event.request_id),
    ]
}

/// Rows of RFC 4180; a cell that a spreadsheet would take for a formula is marked as text.
fn cells<const N: usize>(rows: &[[String; N]]) -> Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|cell| plain(cell).into_owned())).map_err(Error::internal)?;
    }
    writer.into_inner().map_err(|error| Error::internal(error.into_error()))
}

fn plain(cell: &str) -> std::borrow::Cow<'_, str> {
    if cell.starts_with(FORMULA) { format!("'{cell}").into() } else { cell.into() }
}

#[cfg(test)]
mod tests {
    use super::cells;

    #[test]
    fn t126_no_cell_is_a_formula_and_quotes_are_doubled() {
        let rows = [
            ["=1+1", "+1", "-1", "@x", "\tx", "\rx"].map(str::to_owned),
            ["a,b", "say \"x\"", "a\nb", "", "x=1", "1"].map(str::to_owned),
        ];
        let text = String::from_utf8(cells(&rows).unwrap()).unwrap();
        assert_eq!(text, "'=1+1,'+1,'-1,'@x,'\tx,\"'\rx\"\r\n\"a,b\",\"say \"\"x\"\"\",\"a\nb\",,x=1,1\r\n");
    }
}
