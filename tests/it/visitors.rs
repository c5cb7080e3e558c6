//! Sessions of requests that come at the same time: looked up together, answered each with its own.

#![cfg(test)]

use crate::support::app::{ACME, TestApp, UMBRELLA, email};
use crate::support::person::Person;
use credenza::db::schema::sessions;
use credenza::model::membership::{self, SWITCHER};
use credenza::model::permission::{Actor, Allowed, Role};
use credenza::model::session::Session;
use credenza::model::workspace::Workspace;
use diesel::prelude::*;
use futures_util::future::join_all;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_the_same_time_are_each_told_of_their_own_session() {
    let app = TestApp::start().await;
    let people = [
        (app.admin().await, email("admin", ACME)),
        (app.member().await, email("member", ACME)),
        (app.support().await, email("support", ACME)),
        (app.foreign_admin().await, email("admin", UMBRELLA)),
    ];
    let (nobody, ended) = (app.anon(), app.member().await);
    ended.post("/sign-out", &[]).await.expect(303);
    for _ in 0..10 {
        let pages = people.iter().flat_map(|one| std::iter::repeat_n(one, 6));
        let asked = join_all(pages.map(async |(person, own)| (person.get("/account").await.expect(200), own)));
        let strangers = join_all([&nobody, &ended].map(|person: &Person| person.get("/account")));
        let (answers, strangers) = tokio::join!(asked, strangers);
        for (page, own) in answers {
            for (_, other) in &people {
                assert_eq!(page.body.contains(other.as_str()), other == own, "{own} sees {other}");
            }
        }
        assert!(strangers.iter().all(|page| page.status == 303), "{strangers:?}");
    }
}

#[tokio::test]
async fn somebody_of_many_workspaces_keeps_nobody_else_out() {
    let app = TestApp::start().await;
    let people = [app.admin().await, app.member().await, app.foreign_admin().await];
    let (means, user) = (app.means.clone(), app.user(&email("member", ACME)).await);
    app.write(move |tx| {
        for n in 0..2 * SWITCHER {
            let workspace = Workspace::create(tx, &means, &format!("room-{n}"), &Actor::operator())?;
            membership::add(tx, &means, &Allowed::operator(workspace.id), &user, Role::Member)?;
        }
        Ok(())
    })
    .await;
    let now = app.means.now();
    let found = app
        .read(move |conn| {
            let mut ids: Vec<String> = sessions::table.select(sessions::id).load(conn)?;
            ids.push("0".repeat(64));
            Session::live(conn, &ids, now)
        })
        .await;
    let mut open: Vec<usize> = found.values().map(|live| live.open.len()).collect();
    open.sort_unstable();
    assert_eq!(open, [1, 1, SWITCHER as usize]);
    for person in people {
        person.get("/account").await.expect(200);
    }
}
