//! `GET /support`: the workspaces that are open to a support person.

use crate::app::App;
use crate::error::Error;
use crate::model::support;
use crate::web::answer::{Answer, page};
use crate::web::guard::SignedIn;
use crate::web::pages::settings::{OpenRow, OpenTo};
use crate::web::pages::shell::Shell;
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::web;

/// `GET /support`.
pub async fn index(person: SignedIn, app: web::Data<App>) -> Answer {
    let (user, now) = (person.user.clone(), app.means.now());
    let open = app.db.read(move |conn| support::open_to(conn, &user, now)).await?;
    let around = shell::of_person(&app, &person.user, None).await?.ok_or(Error::SignInNeeded)?;
    page(&OpenTo {
        shell: Shell { title: "Open to you as support".into(), ..around },
        rows: open
            .into_iter()
            .map(|(workspace, reason, until)| OpenRow {
                href: format!("/w/{}/credentials", workspace.slug),
                name: workspace.name,
                reason,
                until: until.map(|at| When::new(at, now)),
            })
            .collect(),
    })
}
