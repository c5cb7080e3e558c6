//! Tokens that manage: made on a page, shown once, rotated, revoked; what they open and what they do not.

use super::{SECRET, Scene};
use crate::support::app::{ACME, UMBRELLA};
use crate::support::person::{Person, sent};
use chrono::TimeDelta;
use credenza::api::routes;
use credenza::db::schema::bot_tokens;
use credenza::model::audit::Outcome;
use credenza::model::bot_token::{self, Scope};
use credenza::model::permission::Allowed;
use diesel::prelude::*;

#[tokio::test]
async fn a_token_that_manages_is_made_on_its_page_shown_once_rotated_and_revoked() {
    let scene = Scene::start().await;
    let path = "/w/acme/tokens";
    let settings = scene.admin.get("/w/acme/settings").await.expect(200);
    assert_eq!(settings.attributes(&format!("a[href='{path}']"), "href").len(), 1);
    let form = [("name", "Deploy pipeline"), ("networks", "127.0.0.0/8"), ("days", "30")];
    let made = scene.admin.post(path, &form).await.expect(303);
    let shown = made.location().to_owned();
    assert!(shown.starts_with(path) && !shown.contains("crdz_"));
    let token = scene.admin.get(&shown).await.expect(200).texts("#token").pop().expect("the token");
    for again in [shown.as_str(), path] {
        assert!(!scene.admin.get(again).await.expect(200).body.contains(&token), "{again}");
    }
    let list = scene.admin.get(path).await.expect(200);
    assert!(
        list.body.contains(&token[..15])
            && list.body.contains("127.0.0.0/8")
            && list.body.contains("never reads a secret")
    );
    assert_eq!(list.texts("td[data-label='Last used']"), ["never", "never"]);
    let listed = scene.app.machine(&token).get("/api/v1/credentials").await.expect(200).json();
    assert_eq!(listed["credentials"][0]["handle"], "order-service");
    assert!(!scene.admin.get(path).await.expect(200).texts("td[data-label='Last used'] time").is_empty());

    let rotated = scene.admin.post(&format!("{shown}/rotation"), &[("overlap", "60")]).await.expect(303);
    let new = scene.admin.get(rotated.location()).await.expect(200).texts("#token").pop().expect("the token");
    for good in [&token, &new] {
        scene.app.machine(good).get("/api/v1/credentials").await.expect(200);
    }
    scene.admin.post(&format!("{}/revocation", rotated.location()), &[]).await.expect(303);
    assert_eq!(scene.app.machine(&new).get("/api/v1/credentials").await.problem(401), "token-revoked");
    scene.app.means.clock.advance(TimeDelta::minutes(61));
    assert_eq!(scene.app.machine(&token).get("/api/v1/credentials").await.problem(401), "token-expired");
    for event in scene.app.events(ACME).await {
        assert!(!format!("{event:?}").contains(&token));
    }
    scene.app.prove_audit().await;
}

#[tokio::test]
async fn a_form_of_a_token_that_manages_gives_it_nothing_else() {
    let scene = Scene::start().await;
    let refused = scene.admin.post("/w/acme/tokens", &[("name", ""), ("days", "400")]).await.expect(422);
    assert_eq!(refused.attributes("#name-error, #days-error", "data-code").len(), 2);
    let form = [("name", "Sly"), ("scope", "fetch"), ("credentials", "order-service"), ("days", "30")];
    let made = scene.admin.post("/w/acme/tokens", &form).await.expect(303);
    let token = scene.admin.get(made.location()).await.expect(200).texts("#token").pop().expect("the token");
    let reply = scene.app.machine(&token).get("/api/v1/credentials/order-service/secret").await;
    assert_eq!(reply.problem(403), "scope-missing");
    // Its page is not one of a bot, and no bot's token has its page here.
    let bot = scene.app.bot("Order confirmations").await;
    let of_bot = scene.app.token(&bot, &[Scope::Use], None).await;
    scene.admin.get(&format!("/w/acme/tokens/{}", of_bot.id)).await.expect(404);
    scene.admin.get(&format!("/w/acme/bots/{bot}/tokens/{}", scene.token.id)).await.expect(404);
    scene.app.foreign_admin().await.get(&format!("/w/umbrella/tokens/{}", scene.token.id)).await.expect(404);
}

/// An address of a route, with what it names filled in.
fn address(path: &str, scene: &Scene) -> String {
    path.replace("{credential}", &scene.credential)
        .replace("{integration}", "http")
        .replace("{path:.*}", "me")
        .replace("{code}", "not-found")
        .replace("{bot}", "01900000-0000-7000-8000-000000000000")
        .replace("{block}", "nothing")
        .replace("{key}", "nothing")
}

#[tokio::test]
async fn t026_every_route_of_the_api_for_every_sort_of_token() {
    let scene = Scene::start().await;
    let bot = scene.app.bot("Order confirmations").await;
    let sorts = [
        (Some(Scope::Manage), scene.app.token_in(ACME, None, &[Scope::Manage], None, "").await),
        (Some(Scope::Fetch), scene.app.token(&bot, &[Scope::Fetch], None).await),
        (Some(Scope::Use), scene.app.token(&bot, &[Scope::Use], None).await),
    ];
    let bare = Person::bare(&scene.app.base);
    for route in routes::table() {
        let path = address(route.path, &scene);
        for method in &route.methods {
            let nobody = sent(bare.request(method.as_str(), &path)).await;
            match route.scopes {
                [] => assert!(nobody.status < 400, "{method} {path}: {}", nobody.body),
                _ if *method == "HEAD" => assert_eq!(nobody.status, 401),
                _ => assert_eq!(nobody.problem(401), "token-missing", "{method} {path}"),
            }
            for (scope, token) in &sorts {
                let request = scene.app.machine(&token.text).request(method.as_str(), &path);
                let request =
                    if method == "POST" || method == "PATCH" { request.json(&serde_json::json!({})) } else { request };
                let reply = sent(request).await;
                let may = route.scopes.is_empty() || scope.is_some_and(|scope| route.scopes.contains(&scope));
                if may {
                    assert!(!matches!(reply.status, 401 | 403), "{scope:?} {method} {path}: {}", reply.body);
                    assert!(reply.status < 500, "{scope:?} {method} {path}: {}", reply.body);
                } else if method == "HEAD" {
                    assert_eq!(reply.status, 403);
                } else {
                    assert_eq!(reply.problem(403), "scope-missing", "{scope:?} {method} {path}");
                }
                assert!(!reply.body.contains(SECRET));
            }
        }
        // Who is refused over and over is told to wait.
        scene.app.means.clock.advance(TimeDelta::seconds(61));
    }
    let refused: Vec<_> = scene.app.events(ACME).await.into_iter().filter(|e| e.action == "token.refused").collect();
    assert!(refused.iter().any(|e| e.actor_kind == "token" && e.actor_id == sorts[0].1.id.as_str()));
    assert!(refused.iter().all(|e| e.outcome == Outcome::Deny && e.code == "scope-missing"));
    scene.app.prove_audit().await;
}

#[tokio::test]
async fn t025_t036_a_token_that_manages_is_let_in_whole_open_and_in_its_own_workspace() {
    let scene = Scene::start().await;
    let app = &scene.app;
    let elsewhere = app.token_in(ACME, None, &[Scope::Manage], None, "203.0.113.0/24").await;
    assert_eq!(app.machine(&elsewhere.text).get("/api/v1/integrations").await.problem(401), "token-network");
    let cut = &scene.token.text[..scene.token.text.len() - 1];
    assert_eq!(app.machine(cut).get("/api/v1/integrations").await.problem(401), "token-malformed");
    let in_address = format!("/api/v1/integrations?token={}", scene.token.text);
    assert_eq!(scene.machine().get(&in_address).await.problem(400), "token-in-address");
    let leaked = app.events(ACME).await.into_iter().find(|e| e.action == "token.leaked").expect("a line");
    assert_eq!((leaked.actor_kind.as_str(), leaked.actor_id.as_str()), ("token", scene.token.id.as_str()));

    let theirs = app.token_in(UMBRELLA, None, &[Scope::Manage], None, "").await;
    let theirs = app.machine(&theirs.text);
    let listed = theirs.get("/api/v1/credentials").await.expect(200).json();
    assert!(listed["credentials"].as_array().expect("a list").iter().all(|one| one["id"] != scene.credential.as_str()));
    let absent = theirs.get("/api/v1/credentials/01900000-0000-7000-8000-000000000000").await;
    let foreign = theirs.get(&format!("/api/v1/credentials/{}", scene.credential)).await;
    assert_eq!((absent.problem(404), foreign.problem(404)), ("not-found".to_owned(), "not-found".to_owned()));
    assert_eq!(absent.json()["detail"], foreign.json()["detail"]);
    for path in ["/api/v1/credentials", "/api/v1/integrations"] {
        assert_eq!(theirs.get(&format!("{path}?workspace=acme")).await.problem(404), "not-found", "{path}");
        assert_eq!(theirs.get(&format!("{path}?workspace=")).await.problem(400), "malformed", "{path}");
        theirs.get(&format!("{path}?workspace=umbrella")).await.expect(200);
        let header = theirs.request("GET", path).header("x-workspace", "acme");
        assert_eq!(sent(header).await.problem(404), "not-found", "{path}");
    }

    let (means, workspace, id) = (app.means.clone(), app.workspace(ACME).await, scene.token.id.clone());
    app.write(move |tx| bot_token::revoke(tx, &means, &Allowed::operator(workspace.clone()), &id)).await;
    assert_eq!(scene.machine().get("/api/v1/credentials").await.problem(401), "token-revoked");
    let used: i64 = app
        .read(|conn| Ok(bot_tokens::table.filter(bot_tokens::last_used_at.is_not_null()).count().get_result(conn)?))
        .await;
    assert_eq!(used, 1, "of the one that was let in");
}
