//! `GET …/overview`: the workspace at a glance.

use crate::app::App;
use crate::clock::At;
use crate::config::Database;
use crate::db::Conn;
use crate::error::Result;
use crate::model::audit::Event;
use crate::model::listed::Counts;
use crate::model::outbox::Unsent;
use crate::model::overview::{self, Keys, NAMED, Overview as Found, TROUBLE, Trouble};
use crate::model::permission::ReadOverview;
use crate::web::answer::{Answer, page};
use crate::web::audit::names::Names;
use crate::web::audit::{proof, words};
use crate::web::credentials::drawn::{Judged, names, tile, tone};
use crate::web::credentials::index::status_chips;
use crate::web::guard::Can;
use crate::web::pages::audit::ProofView;
use crate::web::pages::markup::Markup;
use crate::web::pages::overview::{CheckLine, HealthLine, Overview, TokenLine, TroubleRow};
use crate::web::pages::shell::{Link, Nav, Tone};
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::web;

type Allowed = Can<ReadOverview>;

/// What the page is drawn from.
struct Read {
    found: Found,
    names: Names,
    proof: Option<ProofView>,
}

/// `GET …/overview`.
pub async fn index(can: Allowed, app: web::Data<App>) -> Answer {
    let read = load(&app, &can).await?;
    page(&draw(&app, &can, read))
}

async fn load(app: &App, can: &Allowed) -> Result<Read> {
    let (workspace, means, role) = (can.workspace().clone(), app.means.clone(), can.standing.role);
    let unit = move |conn: &mut Conn| {
        let found = Found::of(conn, &means, &workspace, role)?;
        let names = Names::of(conn, &workspace, found.checks.as_deref().unwrap_or_default(), &[])?;
        let proof = role.inspects().then(|| proof::view(conn, &means, &workspace)).transpose()?;
        Ok(Read { found, names, proof })
    };
    app.db.read(unit).await
}

fn draw(app: &App, can: &Allowed, read: Read) -> Overview {
    let (root, list, now) = (can.root(), can.list(), app.means.now());
    let Read { found, names, proof } = read;
    let checks = found.checks.as_ref();
    Overview {
        shell: shell::inside(app, can, "Overview", Nav::Overview),
        chips: status_chips(&list, &can.counts),
        more: more(&list, &can.counts, found.troubles.len()),
        troubles: found.troubles.iter().map(|one| trouble(app, can, one, now)).collect(),
        manages: can.is_admin(),
        checks: checks.map(|lines| lines.iter().map(|line| check(line, &names, &root, now)).collect()),
        tokens: found.care.as_ref().map(|care| {
            let line = |token: &overview::Ending| TokenLine {
                name: token.name.clone(),
                bot: token
                    .bot
                    .as_ref()
                    .map(|(id, name)| Link { label: name.clone(), href: format!("{root}/bots/{id}/tokens") }),
                at: When::new(token.at, now),
            };
            care.tokens.iter().map(line).collect()
        }),
        health: health(app, can, &found, proof, now),
        root,
    }
}

fn trouble(app: &App, can: &Allowed, one: &Trouble, now: At) -> TroubleRow {
    let row = &one.credential;
    let judged = Judged {
        status: row.status,
        outcome: &row.outcome,
        checked_at: row.checked_at,
        good_at: row.good_at,
        expires_at: row.expires_at,
    };
    let root = can.root();
    TroubleRow {
        id: row.id.to_string(),
        name: row.name.clone(),
        href: format!("{}/{}", can.list(), row.id),
        tile: tile(&app.catalog, &row.integration),
        service: names(&app.catalog, &row.integration, &row.method).0,
        status: judged.view(now),
        bots: one
            .bots
            .iter()
            .map(|(id, name)| Link { label: name.clone(), href: format!("{root}/bots/{id}") })
            .collect(),
    }
}

/// Where what is not named can be seen.
fn more(list: &str, counts: &Counts, named: usize) -> Option<Link> {
    let of = |wanted| counts.iter().find(|(status, _)| *status == wanted).map_or(0, |(_, n)| *n);
    let all: i64 = TROUBLE.iter().map(|status| of(*status)).sum();
    let rest = all - i64::try_from(named).unwrap_or(i64::MAX);
    let worst = TROUBLE.into_iter().find(|status| of(*status) > 0)?;
    (rest > 0 && named >= NAMED)
        .then(|| Link { label: format!("{rest} more"), href: format!("{list}?status={}", worst.as_str()) })
}

fn check(line: &Event, names: &Names, root: &str, now: At) -> CheckLine {
    CheckLine {
        target: names.target(line, root),
        outcome: words::outcome(&line.code).to_owned(),
        tone: tone(&line.code),
        by: names.actor(line, "").text,
        at: When::new(line.at, now),
    }
}

fn health(app: &App, can: &Allowed, found: &Found, proof: Option<ProofView>, now: At) -> Vec<HealthLine> {
    let root = can.root();
    let mut lines = Vec::new();
    lines.extend(found.keys.as_ref().map(|keys| of_keys(keys, now)));
    lines.extend(proof.map(|proof| of_audit(&proof, &root)));
    if let Some(care) = &found.care {
        lines.push(of_mail(app, &care.mail, &root));
        lines.push(of_support(can, now));
    }
    if found.keys.is_some() {
        lines.push(of_backup(app, found.backup, now));
    }
    lines
}

fn line(label: &'static str, tone: Tone, word: impl Into<String>, more: impl Into<String>) -> HealthLine {
    let mark = match tone {
        Tone::Good => "tick",
        Tone::Warn | Tone::Bad => "bang",
        Tone::Plain => "dash",
    };
    HealthLine { label, tone, mark: Markup::of(mark), word: word.into(), line: more.into(), link: None }
}

fn of_keys(keys: &Keys, now: At) -> HealthLine {
    match keys {
        Keys::Sound(since) => line(
            "Keys",
            Tone::Good,
            "All keys open",
            format!("The one that seals was made {}.", When::new(*since, now)),
        ),
        Keys::Rotating => line("Keys", Tone::Plain, "A new key", "What the older one sealed is being sealed anew."),
        Keys::Lost(n) => line(
            "Keys",
            Tone::Bad,
            if *n == 1 { "A key is missing or damaged".to_owned() } else { format!("{n} keys are missing or damaged") },
            "Ask the operator to run “credenza keys status”.",
        ),
    }
}

fn of_audit(proof: &ProofView, root: &str) -> HealthLine {
    let link = Some(Link { label: "Audit".into(), href: format!("{root}/audit") });
    let told = match proof {
        ProofView::Waiting => line("Audit", Tone::Plain, "Not verified yet", ""),
        ProofView::Sound { event, at, .. } => {
            line("Audit", Tone::Good, "Chain verified", format!("Up to event {event}, {at}."))
        }
        ProofView::Broken { event, why, .. } => {
            line("Audit", Tone::Bad, "The chain does not hold", format!("At event {event}: {why}."))
        }
    };
    HealthLine { link, ..told }
}

fn of_mail(app: &App, mail: &Unsent, root: &str) -> HealthLine {
    let link = Some(Link { label: "Mail".into(), href: format!("{root}/mail") });
    let told = match (app.mailer.keeps(), mail) {
        (_, Unsent { failed, .. }) if *failed > 0 => {
            line("Mail", Tone::Bad, format!("{failed} could not be sent"), "In the last 30 days.")
        }
        (_, Unsent { stuck, .. }) if *stuck > 0 => {
            line("Mail", Tone::Warn, format!("{stuck} tried again"), "The mail server did not take them yet.")
        }
        (true, _) => line("Mail", Tone::Plain, "No mail server", "Mails are kept as files on the server."),
        (false, _) => line("Mail", Tone::Good, "Mails are sent", ""),
    };
    HealthLine { link, ..told }
}

fn of_support(can: &Allowed, now: At) -> HealthLine {
    let link = Some(Link { label: "Settings".into(), href: format!("{}/settings#support", can.root()) });
    let told = match can.support.as_slice() {
        [] => line("Support access", Tone::Plain, "Off", ""),
        [one] => {
            let until = one
                .until
                .map_or_else(|| "without an end".to_owned(), |at| format!("until {}", When::new(at, now).full()));
            line("Support access", Tone::Warn, format!("{} may look in", one.name), until)
        }
        many => line("Support access", Tone::Warn, format!("{} people may look in", many.len()), ""),
    };
    HealthLine { link, ..told }
}

/// Of a server, the backups are made by its own means and not known here.
fn of_backup(app: &App, last: Option<At>, now: At) -> HealthLine {
    let is_file = matches!(app.config.database, Database::Sqlite(_));
    match last {
        Some(at) => line("Backup", Tone::Good, format!("Made {}", When::new(at, now)), "By “credenza backup”."),
        None if is_file => line("Backup", Tone::Warn, "None yet", "The operator makes one with “credenza backup”."),
        None => line("Backup", Tone::Plain, "By the database server", "Ask the operator when the last one was made."),
    }
}
