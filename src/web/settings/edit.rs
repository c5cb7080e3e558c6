//! `GET/POST …/settings`: name and policies.

use crate::app::App;
use crate::catalog::form::Remark;
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::model::alert::{self, Alert};
use crate::model::permission::{ManageSettings, Permission};
use crate::model::workspace::{Workspace, checked_name};
use crate::model::workspace_settings::{self, NUMBERS, Saved, Settings};
use crate::model::{outbox, support};
use crate::web::alert_mail;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::{Fields, Posted};
use crate::web::fresh;
use crate::web::guard::Can;
use crate::web::pages::form::{Proof, TextBox};
use crate::web::pages::settings::{AccessRow, Grant, MailState, NumberBox, SettingsPage};
use crate::web::pages::shell::Nav;
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

const STALE: &str =
    "Somebody changed the settings meanwhile. Below is what you typed; saving again puts it in the place of theirs.";

/// What a form holds: what it was drawn from, the name, the boxes, and what is wrong with them.
struct Typed {
    state: String,
    stale: Option<String>,
    name: TextBox,
    second_factor: bool,
    numbers: [TextBox; 5],
    asked: Option<Proof>,
}

/// `GET …/settings`.
pub async fn edit(can: Can<ManageSettings>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let asked = fresh::asked(&app, &req).await?;
    page(&drawn(&can, &app, stored(&can)?, Grant { asked, ..Grant::default() }).await?)
}

/// `POST …/settings` (`name second_factor state` and the numbers of [`NUMBERS`]; `current_password` where the second
/// factor changes or something is protected less). 409 where `state` is there and somebody changed the settings since.
pub async fn update(can: Can<ManageSettings>, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let before = &can.standing.workspace.settings;
    let (mut typed, read) = read(before, &fields);
    let weakened = read.as_ref().map(|(_, after)| before.weakened(after)).unwrap_or_default();
    let asked = match &read {
        Some((_, after)) if after.second_factor != before.second_factor || !weakened.is_empty() => {
            fresh::judge(&app, &req, &mut fields).await?
        }
        _ => None,
    };
    let (Some((name, settings)), None) = (read, &asked) else {
        typed.asked = asked;
        let drawn = drawn(&can, &app, typed, Grant::default()).await?;
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &drawn);
    };
    let alerts: Vec<Alert> =
        weakened.iter().map(|what| alert_mail::of(&can, &req, what)).collect::<Result<_, Error>>()?;
    let (means, allowed) = (app.means.clone(), can.allowed.clone());
    let state = Some(typed.state.clone()).filter(|state| !state.is_empty());
    let saved = app
        .db
        .write(move |tx| {
            let saved = workspace_settings::save(tx, &means, &allowed, state.as_deref(), &name, &settings)?;
            if let Saved::Done = saved {
                alerts.iter().try_for_each(|alert| alert::tell(tx, &means, allowed.workspace(), alert))?;
            }
            Ok(saved)
        })
        .await?;
    if let Saved::Stale(now) = saved {
        let drawn = drawn(&can, &app, outrun(typed, &now)?, Grant::default()).await?;
        return page_with(StatusCode::CONFLICT, &drawn);
    }
    app.mailer.wake();
    see_other_saying(format!("{}/settings", can.root()), "settings")
}

fn stored<P: Permission>(can: &Can<P>) -> Result<Typed> {
    let workspace = &can.standing.workspace;
    Ok(Typed {
        state: workspace_settings::state(workspace)?,
        stale: None,
        name: TextBox::of(workspace.name.clone()),
        second_factor: workspace.settings.second_factor,
        numbers: workspace.settings.numbers().map(|number| TextBox::of(number.to_string())),
        asked: None,
    })
}

/// What was typed, beside what somebody else stored meanwhile: saved again, it is taken.
fn outrun(mut typed: Typed, now: &Workspace) -> Result<Typed> {
    let numbers = now.settings.numbers().map(|number| number.to_string());
    let boxes = std::iter::once(&mut typed.name).chain(&mut typed.numbers);
    for (entry, stored) in boxes.zip(std::iter::once(&now.name).chain(&numbers)) {
        let text = format!("It is “{stored}” now.");
        entry.warning = (entry.value != *stored).then_some(Remark { code: "stale", text });
    }
    let second_factor = match (typed.second_factor, now.settings.second_factor) {
        (false, true) => " Admins and support need a second factor now.",
        (true, false) => " Admins and support need no second factor now.",
        _ => "",
    };
    Ok(Typed { state: workspace_settings::state(now)?, stale: Some(format!("{STALE}{second_factor}")), ..typed })
}

/// What was typed with remarks, and what it means if there are none. A box that is not sent keeps what is stored.
fn read(before: &Settings, fields: &Fields) -> (Typed, Option<(String, Settings)>) {
    let marked = |value: String, text: &str| {
        let error = Some(Remark { code: "settings", text: text.to_owned() });
        TextBox { error, ..TextBox::of(value) }
    };
    let typed = fields.text("name");
    let name = checked_name(&typed);
    let name_box = match &name {
        Ok(name) => TextBox::of(name.clone()),
        Err(error) => marked(typed, &error.to_string()),
    };
    let mut values = before.numbers();
    let mut boxes = [(); 5].map(|()| TextBox::default());
    let mut is_sound = true;
    for ((number, value), entry) in NUMBERS.iter().zip(&mut values).zip(&mut boxes) {
        let text = fields.text(number.field);
        let text = if text.is_empty() { value.to_string() } else { text };
        *entry = match text.trim().parse::<i64>() {
            Ok(typed) if number.fits(typed) => {
                *value = typed;
                TextBox::of(typed.to_string())
            }
            _ => {
                is_sound = false;
                marked(text, number.advice)
            }
        };
    }
    let [idle_minutes, absolute_hours, token_days, keep_deleted_days, keep_audit_days] = values;
    let second_factor = match fields.text("second_factor").as_str() {
        "" => before.second_factor,
        typed => typed == "1",
    };
    let settings =
        Settings { second_factor, idle_minutes, absolute_hours, token_days, keep_deleted_days, keep_audit_days };
    let read = name.ok().filter(|_| is_sound).map(|name| (name, settings));
    let state = fields.text("state");
    (Typed { state, stale: None, name: name_box, second_factor, numbers: boxes, asked: None }, read)
}

/// The page for a support form that was refused.
pub(super) async fn with_grant<P: Permission>(can: &Can<P>, app: &App, grant: Grant) -> Result<SettingsPage, Error> {
    drawn(can, app, stored(can)?, grant).await
}

async fn drawn<P: Permission>(can: &Can<P>, app: &App, typed: Typed, grant: Grant) -> Result<SettingsPage, Error> {
    let (workspace, now) = (can.workspace().clone(), app.means.now());
    let unit =
        move |conn: &mut Conn| Ok((support::open(conn, &workspace, now)?, outbox::unsent(conn, &workspace, now)?));
    let (open, unsent) = app.db.read(unit).await?;
    let [idle, absolute, tokens, keep, keep_audit] = typed.numbers;
    let numbers = vec![
        NumberBox::new(
            "idle_minutes",
            "Session ends after minutes without a click",
            idle,
            "People of several workspaces are held to the strictest.",
        ),
        NumberBox::new(
            "absolute_hours",
            "Session ends hours after signing in",
            absolute,
            "Whatever people do meanwhile.",
        ),
        NumberBox::new(
            "token_days",
            "Days that a token lives at most",
            tokens,
            "Of tokens that are made from now on, for bots and for managing.",
        ),
        NumberBox::new(
            "keep_deleted_days",
            "Days that deleted credentials are kept",
            keep,
            "They can be restored for so long, then they are removed for good.",
        ),
        NumberBox::new(
            "keep_audit_days",
            "Days that audit events are kept",
            keep_audit,
            "0 keeps them for ever; otherwise 90 at least. What goes is counted in a signed summary, so that the rest can still be proved.",
        ),
    ];
    Ok(SettingsPage {
        shell: shell::inside(app, can, "Settings", Nav::Settings),
        base: format!("{}/settings", can.root()),
        tokens: format!("{}/tokens", can.root()),
        slug: can.standing.workspace.slug.clone(),
        state: typed.state,
        stale: typed.stale,
        name: typed.name,
        second_factor: typed.second_factor,
        numbers,
        ask_password: typed.asked,
        open: open
            .into_iter()
            .map(|access| AccessRow {
                id: access.user.to_string(),
                name: access.name,
                email: access.email,
                reason: access.reason,
                until: access.until.map(|at| When::new(at, now)),
            })
            .collect(),
        grant,
        root: can.root(),
        mail: MailState {
            kept_in: app.mailer.keeps().then(|| app.mailer.folder().display().to_string()),
            waiting: unsent.waiting,
            stuck: unsent.stuck,
            failed: unsent.failed,
        },
    })
}
