//! The frame of a page, filled from who asks and where.

use crate::app::App;
use crate::db::Storage;
use crate::error::Result;
use crate::id::Id;
use crate::model::count;
use crate::model::membership::{self, SWITCHER, Standing};
use crate::model::permission::{Permission, Role};
use crate::model::user::{self, User};
use crate::model::workspace::Workspace;
use crate::web::guard::Can;
use crate::web::pages::markup::Markup;
use crate::web::pages::shell::{Assets, Nav, PersonView, Shell, Theme, Toast, Tone, WorkspaceLink, WorkspaceView};
use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::ServiceRequest;

/// The cookie that keeps the choice of light or dark for pages without a person.
pub const THEME_COOKIE: &str = "theme";
/// The cookie that carries what an act came to over the redirect behind it: a word of [`toast`].
pub const TOAST_COOKIE: &str = "said";
/// The cookie that keeps the page that somebody wanted while they sign in.
pub const NEXT_COOKIE: &str = "next";

/// A cookie that is read once, by the page behind a redirect, and carries nothing secret.
pub fn once(name: &'static str, value: String) -> Cookie<'static> {
    Cookie::build(name, value)
        .path("/")
        .same_site(SameSite::Lax)
        .http_only(true)
        .max_age(Duration::minutes(10))
        .finish()
}

/// The cookie that takes such a one away again.
pub fn spent(name: &'static str) -> Cookie<'static> {
    let mut cookie = once(name, String::new());
    cookie.make_removal();
    cookie
}

/// What the act before a redirect to this request came to.
pub fn said(req: &HttpRequest) -> Option<Toast> {
    req.cookie(TOAST_COOKIE).and_then(|cookie| toast(cookie.value()))
}

/// The choice of light or dark in a request's cookie.
pub fn theme_cookie(req: &ServiceRequest) -> Theme {
    req.cookie(THEME_COOKIE).map(|cookie| Theme::parse(cookie.value())).unwrap_or_default()
}

/// The addresses of the static files.
pub fn assets(app: &App) -> Assets {
    let at = |path: &str| format!("/static/{path}?v={}", app.assets.hash);
    Assets {
        css: at("css/app.css"),
        js: at("js/app.js"),
        passkeys: at("js/passkeys.js"),
        htmx: at("vendor/htmx-4.0.1.min.js"),
        icons: Markup::of(at("icons.svg")),
        mark: at("icon.svg"),
    }
}

/// The frame of a page for nobody in particular.
pub fn outside(app: &App, req: &HttpRequest, title: &str) -> Shell {
    Shell {
        title: title.to_owned(),
        theme: req.cookie(THEME_COOKIE).map(|cookie| Theme::parse(cookie.value())).unwrap_or_default(),
        assets: assets(app),
        demo: app.demo,
        support_contact: app.config.support_contact.clone(),
        saves_nothing: saves_nothing(app),
        ..Shell::default()
    }
}

/// The frame of a page that belongs to a person rather than to a workspace: the side bar is that of the workspace
/// called `slug`, or else of their first. `None` for somebody who is gone.
pub async fn of_person(app: &App, user: &Id<User>, slug: Option<&str>) -> Result<Option<Shell>> {
    let (user, slug, now) = (user.clone(), slug.map(str::to_owned), app.means.now());
    let found = app
        .db
        .read(move |conn| {
            let Some(person) = User::find(conn, &user)? else { return Ok(None) };
            let workspaces = membership::workspaces_of(conn, &user, now, SWITCHER)?;
            let named = slug.clone().filter(|slug| workspaces.iter().any(|workspace| workspace.slug == *slug));
            let Some(slug) = named.or_else(|| workspaces.first().map(|workspace| workspace.slug.clone())) else {
                return Ok(Some((person, workspaces, None)));
            };
            let Some(standing) = Standing::find(conn, &slug, &user, now)? else { return Ok(None) };
            let total: i64 = count::all(conn, &standing.workspace.id)?.iter().map(|(_, n)| n).sum();
            Ok(Some((person, workspaces, Some((standing, total)))))
        })
        .await?;
    let Some((person, workspaces, place)) = found else { return Ok(None) };
    Ok(Some(Shell {
        person: Some(PersonView { name: person.name, email: person.email }),
        workspaces: links(&workspaces, place.as_ref().map_or("", |(standing, _)| &standing.workspace.slug)),
        theme: theme_of(person.theme),
        shortcuts: person.shortcuts,
        assets: assets(app),
        counts: place.as_ref().and_then(|(_, total)| u64::try_from(*total).ok()),
        workspace: place.map(|(standing, _)| workspace_view(&standing)),
        demo: app.demo,
        support_contact: app.config.support_contact.clone(),
        saves_nothing: saves_nothing(app),
        ..Shell::default()
    }))
}

/// A frame for nobody with what the act before came to.
pub fn saying(around: Shell, req: &HttpRequest) -> Shell {
    Shell { toast: said(req), ..around }
}

/// A person's frame with another title.
pub fn titled(around: Shell, title: &str) -> Shell {
    Shell { title: title.to_owned(), ..around }
}

fn workspace_view(standing: &Standing) -> WorkspaceView {
    WorkspaceView {
        name: standing.workspace.name.clone(),
        slug: standing.workspace.slug.clone(),
        role: role_word(standing.role).to_owned(),
    }
}

fn links(workspaces: &[Workspace], current: &str) -> Vec<WorkspaceLink> {
    workspaces
        .iter()
        .map(|workspace| WorkspaceLink {
            name: workspace.name.clone(),
            href: format!("/w/{}/credentials", workspace.slug),
            current: workspace.slug == current,
        })
        .collect()
}

/// How pages look to a person.
pub fn theme_of(theme: user::Theme) -> Theme {
    Theme::parse(theme.as_str())
}

/// The frame of a page of a workspace.
pub fn inside<P: Permission>(app: &App, can: &Can<P>, title: &str, current: Nav) -> Shell {
    let standing = &can.standing;
    Shell {
        title: title.to_owned(),
        person: Some(PersonView { name: standing.user.name.clone(), email: standing.user.email.clone() }),
        workspace: Some(workspace_view(standing)),
        workspaces: links(&can.workspaces, &standing.workspace.slug),
        current,
        theme: theme_of(standing.user.theme),
        shortcuts: standing.user.shortcuts,
        assets: assets(app),
        toast: can.said.clone(),
        counts: u64::try_from(can.total).ok(),
        demo: app.demo,
        support_contact: app.config.support_contact.clone(),
        saves_nothing: saves_nothing(app),
    }
}

/// Whether the last write was refused by the storage.
pub fn saves_nothing(app: &App) -> bool {
    app.db.storage() != Storage::Sound
}

/// A role in words.
pub fn role_word(role: Role) -> &'static str {
    match role {
        Role::Admin => "Admin",
        Role::Member => "Member",
        Role::Support => "Support",
    }
}

/// What an act came to, by its word; nothing for a word that is not on the list.
pub fn toast(did: &str) -> Option<Toast> {
    let (tone, text) = match did {
        "created" => (Tone::Good, "Saved and verified."),
        "created-untested" => {
            (Tone::Good, "Saved. There is no harmless live test for this service, so it stays unverified.")
        }
        "created-unverified" => (Tone::Warn, "Saved without verification."),
        "edited" => (Tone::Good, "Changes saved."),
        "renamed" => (Tone::Good, "Renamed. The handle stays the same, so no bot notices."),
        "rotated" => (Tone::Good, "The new secret is in use. The old one was erased."),
        "deleted" => (Tone::Good, "Deleted. It can be restored for a while: see “Recently deleted”."),
        "restored" => (Tone::Good, "Restored."),
        "purged" => (Tone::Good, "Removed for good."),
        "checked" => (Tone::Plain, "Verified just now: the result is below."),
        "too-late" => {
            (Tone::Warn, "It was changed while it was being verified, so that result says nothing. Verify it again.")
        }
        "invited" => (Tone::Good, "Invited. The mail is on its way; the link in it works once, for seven days."),
        "invited-link" => (Tone::Warn, "Invited. There is no mail server: copy the link below, it is shown only once."),
        "withdrawn" => (Tone::Good, "The invitation was withdrawn. Its link opens nothing any more."),
        "role" => (Tone::Good, "The role was changed. It counts from their next click on."),
        "handed-over" => (Tone::Good, "Handed over: you are a member now."),
        "removed" => (Tone::Good, "Removed, and signed out everywhere. Look below at what to do next."),
        "left" => (Tone::Good, "You have left the workspace."),
        "joined" => (Tone::Good, "Welcome: you are in."),
        "reset-asked" => (
            Tone::Good,
            "If somebody has an account with this address, a mail with a link is on its way. It works for half an hour.",
        ),
        "reset-done" => (Tone::Good, "Your new password is stored. Sign in with it."),
        "password" => (Tone::Good, "Your new password is stored, and you were signed out everywhere else."),
        "email-asked" => {
            (Tone::Plain, "Open the link that was sent to the new address. Until then the old one counts.")
        }
        "email" => (Tone::Good, "Your new address counts from now on, also for signing in."),
        "app-begun" => (Tone::Plain, "Scan the code below with your authenticator app, then enter what it shows."),
        "cancelled" => (Tone::Plain, "Nothing was changed."),
        "app-on" => (Tone::Good, "Your authenticator app is on. You were signed out everywhere else."),
        "app-off" => (Tone::Warn, "Your authenticator app is off. You were signed out everywhere else."),
        "codes" => (Tone::Good, "These are your new recovery codes. The old ones are of no use any more."),
        "passkey-added" => (Tone::Good, "Your passkey was added. You were signed out everywhere else."),
        "passkey-removed" => (Tone::Good, "The passkey was removed. You were signed out everywhere else."),
        "factor-asked" => (Tone::Warn, "That workspace asks you for a second factor. Set one up to go on there."),
        "session-ended" => (Tone::Good, "Signed out there."),
        "mail-promised" => (Tone::Plain, "On its way. Reload this page in a moment to see what became of it."),
        "account" => (Tone::Good, "Your choices are saved."),
        _ => return None,
    };
    Some(Toast { tone, text: text.to_owned() })
}
