//! `GET …/audit`.

use super::asked::Asked;
use super::names::Names;
use super::{proof, words};
use crate::app::App;
use crate::clock::At;
use crate::model::audit::{Event, Outcome};
use crate::model::audit_list::{self, Page};
use crate::model::audit_names;
use crate::model::permission::ReadAudit;
use crate::web::answer::{Answer, page};
use crate::web::guard::Can;
use crate::web::pages::audit::{Audit, Line, ProofView, PrunedView, Span};
use crate::web::pages::list::Pick;
use crate::web::pages::shell::{Link, Nav, Tone};
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::{HttpRequest, web};

/// Lines of a page.
const LINES: usize = 50;

/// What the page is drawn from.
struct Found {
    page: Page,
    proof: ProofView,
    pruned: Option<PrunedView>,
    people: Vec<(String, String)>,
    names: Names,
    unknown: Option<String>,
    /// What the filter by credential stands for.
    credential: String,
}

/// `GET …/audit`: `person about action credential outcome last from to before`.
pub async fn index(can: Can<ReadAudit>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let asked = Asked::read(req.query_string());
    let before = asked.before()?;
    let found = load(&app, &can, req.query_string().to_owned(), before).await?;
    page(&draw(&app, &can, &asked, found))
}

async fn load(app: &App, can: &Can<ReadAudit>, query: String, before: Option<i64>) -> crate::error::Result<Found> {
    let (workspace, means) = (can.workspace().clone(), app.means.clone());
    app.db
        .read(move |conn| {
            let asked = Asked::read(&query);
            let (filter, unknown) = asked.filter(conn, &workspace, means.now())?;
            let page = match &unknown {
                Some(_) => Page { events: Vec::new(), next: None, looked_to: None },
                None => audit_list::page(conn, workspace.as_str(), &filter, before, LINES)?,
            };
            let more = [asked.text("person").to_owned(), asked.text("about").to_owned()];
            let mut credential = asked.text("credential").to_owned();
            if let Some(id) = filter.target.as_ref().filter(|_| !credential.is_empty()) {
                let named = audit_names::things(conn, &workspace, std::slice::from_ref(id))?;
                credential = named.into_values().next().map_or(credential, |thing| thing.name);
            }
            Ok(Found {
                proof: proof::view(conn, &means, &workspace)?,
                pruned: proof::pruned(conn, &means, &workspace)?,
                people: audit_names::people(conn, &workspace)?,
                names: Names::of(conn, &workspace, &page.events, &more)?,
                page,
                unknown,
                credential,
            })
        })
        .await
}

fn draw(app: &App, can: &Can<ReadAudit>, asked: &Asked, found: Found) -> Audit {
    let (root, base, now) = (can.root(), format!("{}/audit", can.root()), app.means.now());
    let about = asked.text("about");
    let next = found.page.next.map(|seq| asked.with(&base, &[("before", &seq.to_string())]));
    Audit {
        shell: shell::inside(app, can, "Audit", Nav::Audit),
        proof: found.proof,
        pruned: found.pruned,
        people: people(asked, &found.people, &found.names),
        done: actions(asked, words::DONE),
        tried: actions(asked, words::TRIED),
        outcomes: picks(
            asked.text("outcome"),
            &[("", "Any outcome"), ("allow", "Done"), ("deny", "Refused"), ("error", "Failed")],
        ),
        credential: found.credential,
        unknown: found.unknown,
        about: (!about.is_empty())
            .then(|| (about.to_owned(), found.names.person(about).unwrap_or("somebody who is gone").to_owned())),
        last: asked.text("last").to_owned(),
        spans: spans(asked, &base),
        from: asked.text("from").to_owned(),
        to: asked.text("to").to_owned(),
        filtered: asked.is_filtered(),
        lines: found.page.events.iter().map(|event| line(event, &found.names, &root, &base, now)).collect(),
        first: (!asked.text("before").is_empty()).then(|| asked.with(&base, &[])),
        next,
        looked_to: found.page.looked_to.map(|at| When::new(at, now)),
        exports: vec![
            Link { label: "These events (CSV)".into(), href: asked.with(&format!("{base}.csv"), &[]) },
            Link { label: "Whole audit (JSONL)".into(), href: format!("{base}.jsonl") },
        ],
        base,
    }
}

fn line(event: &Event, names: &Names, root: &str, base: &str, now: At) -> Line {
    let told = words::told(event);
    let (outcome, tone) = match event.outcome {
        Outcome::Allow => ("Done", Tone::Plain),
        Outcome::Deny => ("Refused", Tone::Warn),
        Outcome::Error => ("Failed", Tone::Bad),
    };
    Line {
        seq: event.seq,
        at: When::new(event.at, now),
        actor: names.actor(event, base),
        before: told.before,
        object: told.after.is_some().then(|| names.target(event, root)),
        after: told.after.unwrap_or_default(),
        outcome,
        tone,
        address: event.address.clone(),
        more: more(event),
    }
}

/// What a line knows besides its sentence.
fn more(event: &Event) -> Vec<(&'static str, String)> {
    let all = [
        ("Time", event.at.rfc3339()),
        ("Action", event.action.clone()),
        ("Target", [event.target_kind.as_str(), event.target_id.as_str()].join(" ").trim().to_owned()),
        ("Code", event.code.clone()),
        ("Changed fields", words::fields(event).join(", ")),
        ("Details", if event.details == "{}" { String::new() } else { event.details.clone() }),
        ("Actor", [event.actor_kind.as_str(), event.actor_id.as_str()].join(" ").trim().to_owned()),
        ("Session", event.session.clone()),
        ("Device", event.agent.clone()),
        ("Request", event.request_id.clone()),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn people(asked: &Asked, members: &[(String, String)], names: &Names) -> Vec<Pick> {
    let current = asked.text("person");
    let mut all: Vec<(&str, &str)> = vec![("", "Everybody"), ("operator", "The operator")];
    all.extend(members.iter().map(|(id, name)| (id.as_str(), name.as_str())));
    if !all.iter().any(|(id, _)| *id == current) {
        all.push((current, names.person(current).unwrap_or("Somebody who is no longer here")));
    }
    picks(current, &all)
}

fn actions(asked: &Asked, words: &[words::Word]) -> Vec<Pick> {
    let all: Vec<(&str, &str)> = words.iter().map(|word| (word.action, word.label)).collect();
    // “Signed in” is in both groups; the outcome tells which is meant.
    let is_other = asked.text("outcome") == "deny" && std::ptr::eq(words, words::DONE);
    picks(if is_other { "" } else { asked.text("action") }, &all)
}

fn spans(asked: &Asked, base: &str) -> Vec<Span> {
    [("", "All time"), ("24h", "Last 24 hours"), ("7d", "Last 7 days"), ("30d", "Last 30 days")]
        .into_iter()
        .map(|(value, label)| Span {
            label: label.to_owned(),
            href: asked.with(base, &[("last", value), ("from", ""), ("to", "")]),
            current: asked.text("last") == value && (!value.is_empty() || asked.text("from").is_empty()),
        })
        .collect()
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
