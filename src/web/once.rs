//! A value that is shown once, behind a redirect: it travels encrypted in a cookie for two minutes and is kept nowhere.

use crate::app::App;
use crate::secret::Secret;
use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, CookieJar, Key, SameSite};

/// The name of the cookie.
const NAME: &str = "once";

fn key(app: &App) -> Key {
    Key::from(app.means.keyring.cookie_key())
}

fn bare(app: &App, path: &str, value: String) -> Cookie<'static> {
    Cookie::build(NAME, value)
        .path(path.to_owned())
        .same_site(SameSite::Strict)
        .secure(app.config.is_https())
        .http_only(true)
        .max_age(Duration::minutes(2))
        .finish()
}

/// The cookie that carries a value to the page at `path`.
pub fn carry(app: &App, path: &str, value: &Secret) -> Option<Cookie<'static>> {
    let mut jar = CookieJar::new();
    jar.private_mut(&key(app)).add(bare(app, path, value.expose().to_owned()));
    jar.delta().next().cloned()
}

/// What was carried to this request, and the cookie that takes it away again.
pub fn taken(app: &App, req: &HttpRequest, path: &str) -> Option<(Secret, Cookie<'static>)> {
    let sent = req.cookie(NAME)?;
    let value = CookieJar::new().private(&key(app)).decrypt(sent)?.value().to_owned();
    let mut spent = bare(app, path, String::new());
    spent.make_removal();
    Some((Secret::new(value), spent))
}
