//! The pages of tokens: made, shown once, rotated, revoked.

use super::Scene;
use crate::support::app::ACME;
use chrono::TimeDelta;
use credenza::db::schema::bot_tokens;
use diesel::prelude::*;

#[tokio::test]
async fn a_token_is_shown_once_and_never_again() {
    let scene = Scene::start().await;
    let path = format!("/w/acme/bots/{}/tokens", scene.bot);
    let form =
        [("name", "Mail worker"), ("scope", "use"), ("scope", "fetch"), ("networks", "127.0.0.0/8"), ("days", "30")];
    let made = scene.admin.post(&path, &form).await.expect(303);
    let shown = made.location().to_owned();
    assert!(shown.starts_with(&path) && !shown.contains("crdz_"));
    let page = scene.admin.get(&shown).await.expect(200);
    let token = page.texts("#token").pop().expect("the token");
    scene.app.machine(&token).get(&scene.at("secret")).await.expect(200);
    for again in [&shown, &path] {
        assert!(!scene.admin.get(again).await.expect(200).body.contains(&token), "{again}");
    }
    let list = scene.admin.get(&path).await.expect(200);
    assert!(list.body.contains(&token[..15]) && list.body.contains("127.0.0.0/8") && list.body.contains("Mail worker"));
    let kept: i64 = scene
        .app
        .read(|conn| Ok(bot_tokens::table.filter(bot_tokens::shown.is_not_null()).count().get_result(conn)?))
        .await;
    assert_eq!(kept, 0);
    let late = scene.admin.post(&path, &form).await.expect(303);
    scene.app.means.clock.advance(TimeDelta::seconds(61));
    assert!(scene.admin.get(late.location()).await.expect(200).texts("#token").is_empty(), "too late");
    for event in scene.app.events(ACME).await {
        assert!(!format!("{event:?}").contains(&token));
    }
}

#[tokio::test]
async fn a_rotation_overlaps_and_a_revocation_ends_at_once() {
    let scene = Scene::start().await;
    let path = format!("/w/acme/bots/{}/tokens/{}", scene.bot, scene.token.id);
    let made = scene.admin.post(&format!("{path}/rotation"), &[("overlap", "60")]).await.expect(303);
    let page = scene.admin.get(made.location()).await.expect(200);
    let new = page.texts("#token").pop().expect("the token");
    scene.machine().get(&scene.at("secret")).await.expect(200);
    scene.app.machine(&new).get(&scene.at("secret")).await.expect(200);
    scene.admin.post(&format!("{path}/rotation"), &[("overlap", "60")]).await.expect(409);
    scene.app.means.clock.advance(TimeDelta::minutes(61));
    assert_eq!(scene.machine().get(&scene.at("secret")).await.problem(401), "token-expired");
    // The session was idle for too long.
    let admin = scene.app.admin().await;
    admin.post(&format!("{}/revocation", made.location()), &[]).await.expect(303);
    assert_eq!(scene.app.machine(&new).get(&scene.at("secret")).await.problem(401), "token-revoked");
}

#[tokio::test]
async fn forms_say_what_is_wrong() {
    let scene = Scene::start().await;
    let path = format!("/w/acme/bots/{}/tokens", scene.bot);
    let form = [("name", ""), ("networks", "10.0.0"), ("days", "0"), ("credentials", "nothing")];
    let page = scene.admin.post(&path, &form).await.expect(422);
    for field in ["name", "scope", "networks", "days", "credentials"] {
        assert_eq!(page.texts(&format!("#{field}-error")).len(), 1, "{field}");
    }
    scene.admin.post(&path, &[("name", "x"), ("scope", "manage")]).await.expect(422);
    let named = [("name", "x"), ("scope", "fetch"), ("credentials", "order-service")];
    scene.admin.post(&path, &named).await.expect(303);
}
