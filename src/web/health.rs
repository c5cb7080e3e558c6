//! Whether the process lives and can work; no names, no versions.

use crate::app::App;
use crate::model::user::User;
use crate::web::answer::Answer;
use actix_web::{HttpResponse, web};

/// `GET /health/live`: the process answers.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("live\n")
}

/// `GET /health/ready`: the database answers; 503 otherwise.
pub async fn ready(app: web::Data<App>) -> Answer {
    app.db.read(|conn| User::any(conn).map(|_| ())).await?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready\n"))
}
