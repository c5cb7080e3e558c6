//! Faults of our own: what a person sees of them, and that everything else goes on.

#![cfg(test)]

use crate::headers::assert_armoured;
use crate::support::app::TestApp;
use crate::support::http_server::Answer;
use actix_web::{HttpResponse, web};
use credenza::app::App;
use credenza::error::Error;
use credenza::web::answer::{Answer as Answered, Fault};

async fn panics_reading(app: web::Data<App>) -> Answered {
    app.db.read::<(), _>(|_| panic!("a fault while reading")).await?;
    Ok(HttpResponse::Ok().finish())
}

async fn panics_writing(app: web::Data<App>) -> Answered {
    app.db.write::<(), _>(|_| panic!("a fault while writing")).await?;
    Ok(HttpResponse::Ok().finish())
}

async fn fails() -> Answered {
    Err(Fault(Error::internal("the cause that only the log knows")))
}

async fn panics() -> Answered {
    panic!("a fault while answering")
}

fn routes(config: &mut web::ServiceConfig) {
    config.route("/panics-reading", web::get().to(panics_reading));
    config.route("/panics-writing", web::get().to(panics_writing));
    config.route("/panics", web::get().to(panics));
    config.route("/fails", web::get().to(fails));
}

#[tokio::test]
async fn t058_t074_a_fault_is_a_plain_page_and_nothing_else_stops() {
    let app = TestApp::builder().routes(routes).var("CREDENZA_SUPPORT_CONTACT", "help@acme.example").start().await;
    let admin = app.admin().await;
    for path in ["/panics-reading", "/panics-writing", "/panics", "/fails"] {
        // More often than there are connections in a pool.
        for _ in 0..12 {
            let reply = admin.get(path).await.expect(500);
            assert_armoured(&reply, path);
            assert!(reply.body.contains("help@acme.example"), "whom to ask");
            for word in ["fault while", "only the log", "panick", "src/", ".rs"] {
                assert!(!reply.body.contains(word), "{path} tells {word}");
            }
        }
    }
    app.website(&admin, "Shop events", "a signing secret of a shop").await;
    app.prove_audit().await;
}

#[tokio::test]
async fn verifying_from_the_list_answers_with_the_row() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.service.prepare(Answer::json(200, &serde_json::json!({})));
    let id = app.bearer(&admin, "Service token", "token-of-the-service").await;
    app.service.prepare(Answer::json(401, &serde_json::json!({})));
    let reply = admin.post_htmx(&format!("/w/acme/credentials/{id}/checks"), &[]).await.expect(200);
    assert!(reply.body.contains(&format!("row-{id}")) && reply.body.contains("data-status=\"broken\""));
    assert!(!reply.body.contains("<html"), "a row, not a page");
}

#[tokio::test]
async fn renaming_and_deleting_from_the_list_answer_with_the_row_and_with_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let page = format!("/w/acme/credentials/{id}");
    let reply = admin.post_htmx(&format!("{page}/name"), &[("name", "Order events")]).await.expect(200);
    assert!(reply.body.contains("Order events") && !reply.body.contains("<html"), "a row, not a page");
    let reply = admin.post_htmx(&format!("{page}/deletion"), &[]).await.expect(200);
    assert!(reply.body.is_empty(), "no row is left");
    admin.get(&page).await.expect(404);
}
