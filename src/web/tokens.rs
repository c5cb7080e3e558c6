//! Tokens, of a bot or those that manage the workspace: made, shown once, rotated, revoked.

use crate::app::App;
use crate::catalog::form::Remark;
use crate::crypto::bot_token::mint;
use crate::crypto::ticket;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::alert;
use crate::model::bot::Bot;
use crate::model::bot_token::{
    self, BotToken, NewToken, SHOWN_FOR, Scope, checked_days, checked_name, checked_networks, checked_scopes,
    usual_days,
};
use crate::model::credential::Credential;
use crate::model::permission::ManageTokens;
use crate::model::user::User;
use crate::web::alert_mail;
use crate::web::answer::{Answer, page, page_with, see_other, see_other_saying};
use crate::web::body::{Fields, Posted};
use crate::web::fresh;
use crate::web::guard::Can;
use crate::web::pages::form::{Proof, TextBox};
use crate::web::pages::shell::{Link, Nav};
use crate::web::pages::time::When;
use crate::web::pages::tokens::{
    Change, OVERLAPS, OwnerView, Shown, TokenForm, TokenRow, TokenState, Tokens, USUAL_OVERLAP,
};
use crate::web::shell;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use chrono::TimeDelta;
use std::collections::BTreeMap;

type Allowed = Can<ManageTokens>;

/// The cookie that opens a new token on its page, once.
const TICKET: &str = "ticket";

/// `GET …/bots/{id}/tokens` and `GET …/tokens`.
pub async fn index(can: Allowed, req: HttpRequest, app: web::Data<App>) -> Answer {
    let ask_password = fresh::asked(&app, &req).await?;
    let days = TextBox::of(usual_days(most_days(&can)).to_string());
    let form = TokenForm { uses: true, days, ask_password, ..TokenForm::default() };
    page(&list(&can, &app, form).await?)
}

/// `POST …/bots/{id}/tokens` (`name scope credentials networks days current_password`) and `POST …/tokens`
/// (`name networks days current_password`).
pub async fn create(can: Allowed, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let owner = Owner::of(&can, &app).await?;
    let refuse = async |form| page_with(StatusCode::UNPROCESSABLE_ENTITY, &list(&can, &app, form).await?);
    let wanted = match read(&can, &app, &fields).await? {
        Ok(wanted) => wanted,
        Err(form) => return refuse(TokenForm { ask_password: fresh::asked(&app, &req).await?, ..*form }).await,
    };
    let ask_password = fresh::judge(&app, &req, &mut fields).await?;
    if ask_password.is_some() {
        return refuse(TokenForm { ask_password, ..typed(&fields) }).await;
    }
    let Wanted { name, scopes, credentials, networks, days } = wanted;
    let minted = mint(app.means.keyring.random())?;
    let (ticket, shown) = ticket::seal(app.means.keyring.random(), &minted.text)?;
    let id = Id::new();
    let alert = alert_mail::of(&can, &req, &owner.told("made", &name))?;
    let new = NewToken {
        id: id.clone(),
        bot: owner.bot().cloned(),
        name,
        scopes,
        credentials,
        networks,
        days,
        minted,
        shown: Some(shown),
        replaces: None,
    };
    let (means, allowed) = (app.means.clone(), can.allowed.clone());
    let done = app.db.write(move |tx| {
        bot_token::create(tx, &means, &allowed, &new)?;
        alert::tell(tx, &means, allowed.workspace(), &alert)
    });
    match done.await {
        Ok(()) => {
            app.mailer.wake();
            to_shown(&can, &app, &owner, &id, ticket.expose())
        }
        Err(Error::Conflict(text) | Error::Unprocessable(text)) => {
            refuse(TokenForm { refused: Some(text), ..typed(&fields) }).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET …/tokens/{token}`, of a bot or of the workspace: shows it, if it was made here a moment ago; never again.
pub async fn show(can: Allowed, req: HttpRequest, app: web::Data<App>) -> Answer {
    let (owner, token) = load(&can, &req, &app).await?;
    let mut text = None;
    if let Some(cookie) = req.cookie(TICKET) {
        let (means, workspace, id) = (app.means.clone(), can.workspace().clone(), token.id.clone());
        let maker = can.standing.user.id.clone();
        let kept = app.db.write(move |tx| bot_token::take_shown(tx, &means, &workspace, &id, &maker)).await?;
        text = kept.and_then(|kept| ticket::open(cookie.value(), &kept)).map(|text| text.expose().to_owned());
    }
    let mut response = page(&Shown {
        shell: shell::inside(&app, &can, &token.name, owner.nav()),
        owner: owner.view(&can),
        variable: if owner.bot().is_some() { "BOT_TOKEN" } else { "MANAGE_TOKEN" },
        name: token.name,
        prefix: token.prefix,
        text,
        console: app.config.public_url.to_string(),
    })?;
    if req.cookie(TICKET).is_some() {
        let mut spent = carrier(&app, &owner.tokens(&can), &token.id, String::new());
        spent.make_removal();
        response.add_cookie(&spent).map_err(Error::internal)?;
    }
    Ok(response)
}

/// `GET …/tokens/{token}/rotation`.
pub async fn rotation(can: Allowed, req: HttpRequest, app: web::Data<App>) -> Answer {
    let asked = fresh::asked(&app, &req).await?;
    page(&change(&can, &req, &app, true, asked).await?)
}

/// `POST …/tokens/{token}/rotation` (`overlap` in minutes, `current_password`).
pub async fn rotate(can: Allowed, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let overlap = fields.number("overlap")?.unwrap_or(USUAL_OVERLAP);
    if OVERLAPS.iter().all(|(minutes, _)| *minutes != overlap) {
        return Err(Error::Unprocessable("Choose one of the times that the form offers.".into()).into());
    }
    let asked = fresh::judge(&app, &req, &mut fields).await?;
    if asked.is_some() {
        let form = Change { overlap, ..change(&can, &req, &app, true, asked).await? };
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let (owner, old) = load(&can, &req, &app).await?;
    let (workspace, wanted) = (can.workspace().clone(), old.id.clone());
    let named = app.db.read(move |conn| bot_token::named_ids(conn, &workspace, &wanted)).await?;
    let minted = mint(app.means.keyring.random())?;
    let (ticket, shown) = ticket::seal(app.means.keyring.random(), &minted.text)?;
    let id = Id::new();
    let new = NewToken {
        id: id.clone(),
        bot: owner.bot().cloned(),
        name: old.name,
        scopes: old.scopes.0.iter().filter_map(|word| Scope::parse(word)).collect(),
        credentials: (old.bot_id.is_some() && !old.every_block).then_some(named),
        networks: checked_networks(&old.networks.0.join(" ")).map_err(Error::internal)?,
        days: old.expires_at.since(old.created_at).num_days().clamp(1, most_days(&can)),
        minted,
        shown: Some(shown),
        replaces: Some((old.id, TimeDelta::minutes(overlap))),
    };
    let alert = alert_mail::of(&can, &req, &owner.told("rotated", &new.name))?;
    let (means, allowed) = (app.means.clone(), can.allowed.clone());
    app.db
        .write(move |tx| {
            bot_token::create(tx, &means, &allowed, &new)?;
            alert::tell(tx, &means, allowed.workspace(), &alert)
        })
        .await?;
    app.mailer.wake();
    to_shown(&can, &app, &owner, &id, ticket.expose())
}

/// `GET …/tokens/{token}/revocation`.
pub async fn revocation(can: Allowed, req: HttpRequest, app: web::Data<App>) -> Answer {
    page(&change(&can, &req, &app, false, None).await?)
}

/// `POST …/tokens/{token}/revocation`.
pub async fn revoke(can: Allowed, req: HttpRequest, app: web::Data<App>) -> Answer {
    let (owner, token) = load(&can, &req, &app).await?;
    let (means, allowed) = (app.means.clone(), can.allowed.clone());
    app.db.write(move |tx| bot_token::revoke(tx, &means, &allowed, &token.id)).await?;
    see_other_saying(owner.tokens(&can), "token-revoked")
}

/// Whose tokens an address is about.
enum Owner {
    /// Those of a bot.
    Bot(Box<Bot>),
    /// Those that manage the workspace.
    Workspace,
}

impl Owner {
    async fn of(can: &Allowed, app: &App) -> Result<Self> {
        if !can.names_something() {
            return Ok(Self::Workspace);
        }
        let (workspace, bot) = (can.workspace().clone(), can.bot()?);
        Ok(Self::Bot(Box::new(app.db.read(move |conn| Bot::get(conn, &workspace, &bot)).await?)))
    }

    fn bot(&self) -> Option<&Id<Bot>> {
        match self {
            Self::Bot(bot) => Some(&bot.id),
            Self::Workspace => None,
        }
    }

    /// The page of the list.
    fn tokens(&self, can: &Allowed) -> String {
        match self {
            Self::Bot(bot) => format!("{}/bots/{}/tokens", can.root(), bot.id),
            Self::Workspace => format!("{}/tokens", can.root()),
        }
    }

    /// What was done to make a token, as an alert tells it.
    fn told(&self, did: &str, token: &str) -> String {
        match self {
            Self::Bot(bot) => format!("{did} the token “{token}” of the bot “{}”", bot.name),
            Self::Workspace => format!("{did} the token “{token}”, which manages the workspace"),
        }
    }

    fn nav(&self) -> Nav {
        match self {
            Self::Bot(_) => Nav::Bots,
            Self::Workspace => Nav::Settings,
        }
    }

    fn view(&self, can: &Allowed) -> OwnerView {
        let link = |label: &str, href: String| Link { label: label.to_owned(), href };
        let (above, bot) = match self {
            Self::Bot(bot) => {
                let bots = format!("{}/bots", can.root());
                let own = link(&bot.name, format!("{bots}/{}", bot.id));
                (vec![link("Bots", bots), own], Some(bot.name.clone()))
            }
            Self::Workspace => (vec![link("Settings", format!("{}/settings", can.root()))], None),
        };
        OwnerView { above, tokens: self.tokens(can), bot }
    }
}

/// Days that a token of the workspace lives at most.
fn most_days(can: &Allowed) -> i64 {
    can.standing.workspace.settings.token_days
}

/// What a form asks for.
struct Wanted {
    name: String,
    scopes: Vec<Scope>,
    credentials: Option<Vec<Id<Credential>>>,
    networks: Vec<ipnet::IpNet>,
    days: i64,
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// The form as it was typed.
fn typed(fields: &Fields) -> TokenForm {
    let scopes = words(&fields.text("scope"));
    let has = |scope: Scope| scopes.iter().any(|word| word == scope.as_str());
    TokenForm {
        name: TextBox::of(fields.text("name")),
        uses: has(Scope::Use),
        fetches: has(Scope::Fetch),
        credentials: TextBox::of(fields.text("credentials")),
        networks: TextBox::of(fields.text("networks")),
        days: TextBox::of(fields.text("days")),
        ..TokenForm::default()
    }
}

async fn read(can: &Allowed, app: &App, fields: &Fields) -> Result<std::result::Result<Wanted, Box<TokenForm>>> {
    let mut form = typed(fields);
    let wrong = |text: String| Some(Remark { code: "invalid", text });
    let name = checked_name(&fields.text("name")).map_err(|text| form.name.error = wrong(text.into()));
    let manages = !can.names_something();
    let scopes = if manages { vec![Scope::Manage.to_string()] } else { words(&fields.text("scope")) };
    let scopes = checked_scopes(&scopes, manages).map_err(|text| form.scope.error = wrong(text.into()));
    let networks = checked_networks(&fields.text("networks")).map_err(|text| form.networks.error = wrong(text));
    let days = fields.text("days");
    let days = match days.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| "Days are a whole number.".to_owned()),
    };
    let days = days.and_then(|days| checked_days(days, most_days(can))).map_err(|text| form.days.error = wrong(text));
    let handles = if manages { Vec::new() } else { words(&fields.text("credentials")) };
    let credentials = find(can, app, handles).await?.map_err(|text| form.credentials.error = wrong(text));
    Ok(match (name, scopes, networks, days, credentials) {
        (Ok(name), Ok(scopes), Ok(networks), Ok(days), Ok(credentials)) => {
            Ok(Wanted { name, scopes, credentials, networks, days })
        }
        _ => Err(Box::new(form)),
    })
}

/// The credentials of some handles or ids; `None` for no handle at all.
async fn find(
    can: &Allowed,
    app: &App,
    handles: Vec<String>,
) -> Result<std::result::Result<Option<Vec<Id<Credential>>>, String>> {
    if handles.is_empty() {
        return Ok(Ok(None));
    }
    if handles.len() > 200 {
        return Ok(Err("A token names at most 200 credentials.".to_owned()));
    }
    let workspace = can.workspace().clone();
    app.db
        .read(move |conn| {
            let found = Credential::named(conn, &workspace, &handles)?;
            let missing = handles
                .iter()
                .find(|wanted| !found.iter().any(|(id, handle)| handle == *wanted || id.as_str() == *wanted));
            Ok(match missing {
                Some(missing) => Err(format!("There is no credential with the handle {missing}.")),
                None => Ok(Some(found.into_iter().map(|(id, _)| id).collect())),
            })
        })
        .await
}

async fn load(can: &Allowed, req: &HttpRequest, app: &App) -> Result<(Owner, BotToken)> {
    let owner = Owner::of(can, app).await?;
    let (workspace, bot) = (can.workspace().clone(), owner.bot().cloned());
    let token = req.match_info().get("token").and_then(Id::<BotToken>::parse).ok_or(Error::NotFound)?;
    let found = app.db.read(move |conn| BotToken::find(conn, &workspace, &token)).await?;
    Ok((owner, found.filter(|token| token.bot_id == bot).ok_or(Error::NotFound)?))
}

/// The cookie that carries a ticket to the page of its token, and nowhere else.
fn carrier(app: &App, tokens: &str, token: &Id<BotToken>, ticket: String) -> Cookie<'static> {
    Cookie::build(TICKET, ticket)
        .path(format!("{tokens}/{token}"))
        .same_site(SameSite::Strict)
        .secure(app.config.is_https())
        .http_only(true)
        .max_age(Duration::seconds(SHOWN_FOR.num_seconds()))
        .finish()
}

fn to_shown(can: &Allowed, app: &App, owner: &Owner, token: &Id<BotToken>, ticket: &str) -> Answer {
    let tokens = owner.tokens(can);
    let mut response = see_other(format!("{tokens}/{token}"))?;
    response.add_cookie(&carrier(app, &tokens, token, ticket.to_owned())).map_err(Error::internal)?;
    Ok(response)
}

async fn change(
    can: &Allowed,
    req: &HttpRequest,
    app: &App,
    rotates: bool,
    ask_password: Option<Proof>,
) -> Result<Change> {
    let (owner, token) = load(can, req, app).await?;
    let title = format!("{} {}", if rotates { "Rotate" } else { "Revoke" }, token.name);
    Ok(Change {
        shell: shell::inside(app, can, &title, owner.nav()),
        owner: owner.view(can),
        href: format!("{}/{}", owner.tokens(can), token.id),
        name: token.name,
        prefix: token.prefix,
        last: token.last_used_at.map(|at| When::new(at, app.means.now())),
        rotates,
        overlap: USUAL_OVERLAP,
        ask_password,
    })
}

async fn list(can: &Allowed, app: &App, form: TokenForm) -> Result<Tokens> {
    let owner = Owner::of(can, app).await?;
    let (workspace, bot) = (can.workspace().clone(), owner.bot().cloned());
    let (tokens, named, makers) = app
        .db
        .read(move |conn| {
            let tokens = BotToken::of(conn, &workspace, bot.as_ref())?;
            let ids: Vec<Id<BotToken>> = tokens.iter().map(|token| token.id.clone()).collect();
            let named = bot_token::named(conn, &workspace, &ids)?;
            let makers: Vec<String> = tokens.iter().map(|token| token.created_by.clone()).collect();
            let makers: BTreeMap<String, String> = User::names(conn, &makers)?.into_iter().collect();
            Ok((tokens, named, makers))
        })
        .await?;
    let href = owner.tokens(can);
    let rows = tokens.into_iter().map(|token| row(app, &href, token, &named, &makers)).collect();
    let title = match &owner {
        Owner::Bot(bot) => format!("Tokens of {}", bot.name),
        Owner::Workspace => "Tokens that manage".to_owned(),
    };
    let (shell, owner) = (shell::inside(app, can, &title, owner.nav()), owner.view(can));
    Ok(Tokens { shell, owner, rows, form, most_days: most_days(can) })
}

fn row(
    app: &App,
    tokens: &str,
    token: BotToken,
    named: &[(String, String, String)],
    makers: &BTreeMap<String, String>,
) -> TokenRow {
    let now = app.means.now();
    let state = if token.revoked_at.is_some() {
        TokenState::Revoked
    } else if token.expires_at <= now {
        TokenState::Expired
    } else if token.replaced_by.is_some() {
        TokenState::Replaced
    } else if token.ends_soon(now) {
        TokenState::EndsSoon
    } else {
        TokenState::Open
    };
    let mine: Vec<&str> =
        named.iter().filter(|(id, ..)| id == token.id.as_str()).map(|(_, name, _)| name.as_str()).collect();
    let reach = match (token.every_block, mine.as_slice()) {
        _ if token.bot_id.is_none() => "never reads a secret".to_owned(),
        (true, _) => "the credentials of its blocks".to_owned(),
        (false, []) => "no credential that is left".to_owned(),
        (false, names) => format!("only {}", names.join(", ")),
    };
    let networks = if token.networks.0.is_empty() {
        "from anywhere".to_owned()
    } else {
        format!("from {}", token.networks.0.join(", "))
    };
    let known =
        [(Scope::Use, "have calls made"), (Scope::Fetch, "fetch values"), (Scope::Manage, "manage this workspace")];
    let scopes: Vec<&str> = known.into_iter().filter_map(|(scope, words)| token.may(scope).then_some(words)).collect();
    TokenRow {
        href: format!("{tokens}/{}", token.id),
        scopes: scopes.join(", "),
        reach,
        networks,
        made: (
            When::new(token.created_at, now),
            makers.get(&token.created_by).cloned().unwrap_or_else(|| "the operator".to_owned()),
        ),
        last: token.last_used_at.map(|at| When::new(at, now)),
        state,
        ends: When::new(token.expires_at, now),
        leaked: token.leaked_at.is_some() && state.is_open(),
        name: token.name,
        prefix: token.prefix,
    }
}
