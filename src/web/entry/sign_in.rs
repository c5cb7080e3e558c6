//! Signing in and out.

use super::second_factor;
use crate::app::App;
use crate::model::audit;
use crate::model::user::User;
use crate::web::answer::{Answer, page, page_with, see_other};
use crate::web::body::Posted;
use crate::web::guard::SignedIn;
use crate::web::pages::entry::{Message, SignIn};
use crate::web::proof::{self, Tried};
use crate::web::{passkey, shell};
use actix_session::SessionExt;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, web};

/// `GET /sign-in`.
pub async fn new(req: HttpRequest, app: web::Data<App>) -> Answer {
    let wanted = url::form_urlencoded::parse(req.query_string().as_bytes())
        .find(|(name, _)| name == "next")
        .map(|(_, value)| value.into_owned())
        .or_else(|| kept_next(&req));
    let next = local(&wanted.unwrap_or_default());
    if SignedIn::of(&req).is_ok() {
        return see_other(if next.is_empty() { "/" } else { &next });
    }
    let message = (!app.db.read(User::any).await?).then(|| Message {
        bad: false,
        code: "not_set_up".into(),
        text: "Nobody can sign in yet: open the setup address that the server printed at its start.".into(),
    });
    let shell = shell::saying(shell::outside(&app, &req, "Sign in"), &req);
    page(&SignIn { shell, email: String::new(), next, passkeys: passkey::passkeys(&app).is_ok(), message })
}

/// `POST /sign-in`.
pub async fn create(req: HttpRequest, app: web::Data<App>, posted: Posted) -> Answer {
    let mut fields = posted.fields_from_outside().await?;
    let (email, next) = (fields.text("email"), local(&fields.text("next")));
    let refused = |status: StatusCode, code: &str, text: String| {
        let message = Some(Message { bad: true, code: code.to_owned(), text });
        let form = SignIn {
            shell: shell::outside(&app, &req, "Sign in"),
            email: email.clone(),
            next: next.clone(),
            passkeys: passkey::passkeys(&app).is_ok(),
            message,
        };
        page_with(status, &form)
    };
    match proof::of_address(&app, &req, &email, fields.take("password")).await? {
        Tried::Right(user) => second_factor::enter(&req, &app, &user, &next).await,
        Tried::Half(user) => second_factor::begin(&app, &user, &next).await,
        Tried::Wrong => refused(
            StatusCode::UNPROCESSABLE_ENTITY,
            "credentials",
            "This e-mail address and password do not belong together. Check both and try again.".into(),
        ),
        Tried::Wait(seconds) => {
            let mut response = refused(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many",
                format!("Too many attempts. Wait {seconds} s, then try again. Sessions that are open go on."),
            )?;
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
            Ok(response)
        }
    }
}

/// `POST /sign-out`: ends the session, and asks the browser to forget what it cached.
pub async fn destroy(req: HttpRequest, app: web::Data<App>) -> Answer {
    if let Ok(person) = SignedIn::of(&req) {
        let means = app.means.clone();
        app.db
            .write(move |tx| {
                let entry = audit::Entry::allow("person.signed_out", audit::Target::user(&person.user));
                audit::record(tx, &means, audit::INSTANCE, &person.actor, entry)
            })
            .await?;
    }
    req.get_session().purge();
    let mut response = see_other("/sign-in")?;
    response.headers_mut().insert(
        header::HeaderName::from_static("clear-site-data"),
        header::HeaderValue::from_static("\"cache\", \"storage\""),
    );
    Ok(response)
}

/// The page that was wanted before signing in.
fn kept_next(req: &HttpRequest) -> Option<String> {
    let cookie = req.cookie(shell::NEXT_COOKIE)?;
    Some(cookie.value().to_owned())
}

/// A path of this console, or nothing: an address elsewhere is never followed.
pub(super) fn local(next: &str) -> String {
    let sound = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(['\\', '\r', '\n'])
        && !next.chars().any(char::is_control);
    let joined = url::Url::parse("http://console.invalid/").and_then(|base| base.join(next));
    match joined {
        Ok(url) if sound && url.host_str() == Some("console.invalid") => next.to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn only_our_own_paths_are_followed() {
        assert_eq!(local("/w/acme/credentials?q=a"), "/w/acme/credentials?q=a");
        for bad in [
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/a\r\nX: y",
            "javascript:alert(1)",
            "w/acme",
            "/\t/evil.example",
        ] {
            assert_eq!(local(bad), "", "{bad}");
        }
    }
}
