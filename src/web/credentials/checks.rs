//! “Verify now”.

use super::row;
use crate::app::App;
use crate::change::verify::{self, Checked};
use crate::model::permission::VerifyCredential;
use crate::web::answer::Answer;
use crate::web::guard::Can;
use actix_web::{HttpRequest, web};

/// `POST …/{id}/checks`: verifies what is stored; answers with the row when the list asks through htmx.
pub async fn create(can: Can<VerifyCredential>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let id = can.credential()?;
    let did = match verify::stored(&app, &can.allowed, &id).await? {
        Checked::Done => "checked",
        Checked::TooLate => "too-late",
        Checked::Unreadable => "",
    };
    row::answer(&can, &req, &app, &id, did).await
}
