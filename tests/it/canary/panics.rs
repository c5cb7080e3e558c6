//! T074: a fault while a secret is open lets nothing of it out, and holds nothing back.

use super::sinks::Watched;
use super::website;
use crate::support::app::TestApp;
use actix_web::{HttpResponse, web};
use credenza::app::App;
use credenza::check::limits::Permit;
use credenza::db::Conn;
use credenza::db::schema::credentials;
use credenza::error::{Error, Result};
use credenza::id::Id;
use credenza::model::Means;
use credenza::model::credential::Credential;
use credenza::model::version::Version;
use credenza::secret::Secret;
use credenza::web::answer::Answer;
use diesel::prelude::*;
use std::collections::BTreeMap;

/// The values of the one credential, opened.
fn opened(conn: &mut Conn, means: &Means) -> Result<BTreeMap<String, Secret>> {
    let row: Credential = credentials::table.select(Credential::as_select()).first(conn)?;
    let version = Version::get(conn, &row.workspace_id, &row.id, row.live_version)?;
    version.open_current(conn, means, row.seal_place())?.map_err(|_| Error::internal("it does not open"))
}

/// Leave for a check, as whoever verifies holds it.
fn permit(app: &App) -> Result<Permit> {
    let credential = Id::<Credential>::new();
    app.check_limits.admit("acme", credential.as_str()).map_err(|_| Error::internal("no leave for a check"))
}

async fn reading(app: web::Data<App>) -> Answer {
    let permit = permit(&app)?;
    let means = app.means.clone();
    app.db
        .read::<(), _>(move |conn| {
            let secret = opened(conn, &means)?;
            panic!("a fault beside {secret:?}")
        })
        .await?;
    drop(permit);
    Ok(HttpResponse::Ok().finish())
}

async fn writing(app: web::Data<App>) -> Answer {
    let permit = permit(&app)?;
    let means = app.means.clone();
    app.db
        .write::<(), _>(move |tx| {
            let secret = opened(tx.conn(), &means)?;
            panic!("a fault beside {secret:?}")
        })
        .await?;
    drop(permit);
    Ok(HttpResponse::Ok().finish())
}

async fn answering(app: web::Data<App>) -> Answer {
    let _permit = permit(&app)?;
    let means = app.means.clone();
    let secret = app.db.read(move |conn| opened(conn, &means)).await?;
    panic!("a fault beside {secret:?}")
}

fn routes(config: &mut web::ServiceConfig) {
    config.route("/panics-reading", web::get().to(reading));
    config.route("/panics-writing", web::get().to(writing));
    config.route("/panics-answering", web::get().to(answering));
}

#[tokio::test]
async fn t074_a_fault_beside_an_open_secret_tells_nothing_of_it() {
    let mut watched = Watched::start(async |_| TestApp::builder().routes(routes).start().await).await;
    let secret = watched.canaries.plant("open while something failed");
    watched.create(&website(&secret)).await;
    for path in ["/panics-reading", "/panics-writing", "/panics-answering"] {
        // More often than checks may run at once, and than there are connections in a pool.
        for _ in 0..12 {
            let reply = watched.admin.get(path).await.expect(500);
            assert!(!reply.body.contains("a fault beside"), "{path}");
            watched.keep(path, &reply);
        }
    }
    let free: Vec<_> = (0..4).map(|n| watched.app.check_limits.admit("acme", &n.to_string())).collect();
    assert!(free.iter().all(std::result::Result::is_ok), "leave for a check came back each time");
    drop(free);
    watched.create(&website("a signing secret of no interest")).await;
    watched.app.prove_audit().await;
    watched.inspect().await;
}
