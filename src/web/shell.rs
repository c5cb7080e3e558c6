//! The frame of a page, filled from who asks and where.

use crate::app::App;
use crate::db::Storage;
use crate::error::Result;
use crate::id::Id;
use crate::model::count;
use crate::model::membership::{self, SWITCHER, Standing};
use crate::model::permission::{Permission, Role};
use crate::model::support::Access;
use crate::model::user::{self, User};
use crate::model::workspace::Workspace;
use crate::web::guard::Can;
use crate::web::pages::markup::Markup;
use crate::web::pages::shell::{
    Assets, Nav, PersonView, Shell, SupportNote, Theme, Toast, Tone, WorkspaceLink, WorkspaceView,
};
use crate::web::pages::time::When;
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
        support: notes(app, &can.support),
    }
}

/// The support access that ends by itself: what has no end is told by the settings alone.
fn notes(app: &App, open: &[Access]) -> Vec<SupportNote> {
    let now = app.means.now();
    let note = |access: &Access| {
        Some(SupportNote {
            id: access.user.to_string(),
            name: access.name.clone(),
            reason: access.reason.clone(),
            until: When::new(access.until?, now),
        })
    };
    open.iter().filter_map(note).collect()
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
        "test-mail" => (Tone::Good, "The mail server took the test mail. Look whether it arrives at your address."),
        "too-late" => {
            (Tone::Warn, "It was changed while it was being verified, so that result says nothing. Verify it again.")
        }
        "connected" => (Tone::Good, "Connected and verified."),
        "app-saved" => (Tone::Good, "The client is saved. Credentials of this service can be connected now."),
        "app-removed" => (Tone::Good, "The client is removed. What it connected works until its tokens end."),
        "app-needed" => (Tone::Warn, "Enter the OAuth client first; then connect again."),
        "deleted-sign-in" => (
            Tone::Good,
            "Deleted. The service has no way to end the sign-in from here: remove the app in the account there.",
        ),
        "deleted-shared" => (
            Tone::Good,
            "Deleted. Another credential is signed in with the same account, so the service was not asked to end it.",
        ),
        "deleted-revoked" => {
            (Tone::Good, "Deleted, and the service ended the sign-in. Restoring it asks to connect again.")
        }
        "deleted-not-revoked" => (
            Tone::Warn,
            "Deleted, but the service did not confirm that the sign-in ended. Remove the app in the account there.",
        ),
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
        "passkey-renamed" => (Tone::Good, "The passkey was renamed."),
        "passkey-removed" => (Tone::Good, "The passkey was removed. You were signed out everywhere else."),
        "session-ended" => (Tone::Good, "Signed out there."),
        "mail-promised" => (Tone::Plain, "On its way. Reload this page in a moment to see what became of it."),
        "bot-created" => (Tone::Good, "The bot is registered. Add a block for each service that it reaches."),
        "bot-edited" => (Tone::Good, "Changes saved."),
        "bot-published" => (Tone::Good, "Published. Whoever changes its credentials is told so first."),
        "bot-withdrawn" => (Tone::Good, "It is a draft again."),
        "bot-deleted" => (Tone::Good, "The bot is deleted, and gets none of its secrets any more."),
        "block-added" => (Tone::Good, "The block is added."),
        "block-edited" => (Tone::Good, "The block is saved."),
        "block-removed" => (Tone::Good, "The block is removed."),
        "chosen" => (Tone::Good, "The credential is saved, and chosen for the block."),
        "replaced" => {
            (Tone::Good, "The blocks use the other credential now. Nothing uses this one: you can delete it.")
        }
        "replaced-some" => (Tone::Good, "The chosen blocks use the other credential now."),
        "rotated-kept" => (Tone::Good, "The new secret is in use. The old one is kept for a while: you can go back."),
        "staged" => (Tone::Good, "The new secret is verified and waits. The old one stays in use until then."),
        "promoted" => (Tone::Good, "The new secret is in use."),
        "rolled-back" => (Tone::Good, "Taken back."),
        "suspended" => (Tone::Good, "Switched off. Who asks for it is denied, and shown here."),
        "resumed" => (Tone::Good, "Switched on again."),
        "workspace-deleted" => (Tone::Good, "The workspace is deleted. Its audit stays with the operator."),
        "settings" => (Tone::Good, "The settings are saved."),
        "support-granted" => (Tone::Good, "Support may look in. You see it on every page, and it ends by itself."),
        "support-ended" => (Tone::Good, "Ended. They see nothing of this workspace any more."),
        "token-revoked" => (Tone::Good, "Revoked: no call with this token is let in any more."),
        "account" => (Tone::Good, "Your choices are saved."),
        _ => return None,
    };
    Some(Toast { tone, text: text.to_owned() })
}
