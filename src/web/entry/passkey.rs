//! Signing in with a passkey, which is enough alone.

use super::second_factor::enter;
use super::sign_in::local;
use crate::app::App;
use crate::web::answer::{Answer, page_with};
use crate::web::body::Posted;
use crate::web::pages::entry::{Message, SignIn};
use crate::web::{passkey, shell};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

/// `POST /sign-in/passkey/options`: a challenge, as JSON.
pub async fn options(req: HttpRequest, app: web::Data<App>) -> Answer {
    passkey::ask(&app, &req).await
}

/// `POST /sign-in/passkey` (`credential next`).
pub async fn create(req: HttpRequest, app: web::Data<App>, posted: Posted) -> Answer {
    let fields = posted.fields_from_outside().await?;
    let next = local(&fields.text("next"));
    match passkey::judge(&app, &req, &fields.text("credential"), "person.signed_in").await? {
        Some(user) => enter(&req, &app, &user, &next).await,
        None => {
            let message = Some(Message {
                bad: true,
                code: "passkey".into(),
                text: "This passkey could not be verified. Try again, or sign in with your password.".into(),
            });
            let shell = shell::outside(&app, &req, "Sign in");
            page_with(StatusCode::UNAUTHORIZED, &SignIn { shell, email: String::new(), next, passkeys: true, message })
        }
    }
}
