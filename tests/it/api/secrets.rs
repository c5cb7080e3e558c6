//! Lists and values: who gets what, and what is kept of it.

use super::{Scene, TOKEN};
use crate::support::app::{ACME, UMBRELLA};
use crate::support::http_server::Answer;
use crate::support::person::sent;
use credenza::clock::Clock;
use credenza::db::schema::{bot_tokens, credential_uses as uses, credentials};
use credenza::model::audit::Outcome;
use credenza::model::bot_token::Scope;
use diesel::prelude::*;
use serde_json::json;

#[tokio::test]
async fn values_come_by_handle_by_id_and_by_block_and_each_is_written_down_before() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    let by_block = format!("/api/v1/blocks/{}/secret", scene.key);
    for path in [scene.at("secret"), format!("/api/v1/credentials/{}/secret", scene.credential), by_block] {
        let before = scene.app.events(ACME).await.len();
        let reply = machine.get(&path).await.expect(200);
        let got = reply.json();
        assert_eq!(got["values"], json!({ "base_url": super::BASE, "check_path": "/me", "token": TOKEN }));
        assert_eq!(
            (&got["handle"], &got["version"], &got["status"]),
            (&json!("order-service"), &json!(1), &json!("working"))
        );
        assert_eq!(reply.header("credenza-version"), Some("1"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert!(reply.headers.get("set-cookie").is_none());
        let events = scene.app.events(ACME).await;
        let [event] = &events[before..] else { panic!("{path}: one line") };
        assert_eq!((event.action.as_str(), event.outcome), ("credential.fetched", Outcome::Allow));
        assert_eq!((event.actor_kind.as_str(), event.actor_id.as_str()), ("bot", scene.bot.as_str()));
        assert_eq!((event.target_id.as_str(), event.address.as_str()), (scene.credential.as_str(), "127.0.0.1"));
        assert_eq!(event.detail("token"), Some(json!(scene.token.text[..15])));
        assert_eq!(event.detail("version"), Some(json!(1)));
        assert!(!format!("{event:?}").contains(TOKEN) && !format!("{event:?}").contains(&scene.token.text));
    }
    let (bot, credential) = (scene.bot.clone(), scene.credential.clone());
    let counted: (i64, bool, bool) = scene
        .app
        .read(move |conn| {
            let used: Option<credenza::clock::At> = bot_tokens::table
                .filter(bot_tokens::bot_id.eq(bot.as_str()))
                .select(bot_tokens::last_used_at)
                .first(conn)?;
            let last: credenza::clock::At = credentials::table
                .filter(credentials::id.eq(&credential))
                .select(credentials::last_used_at)
                .first(conn)?;
            let count = uses::table.filter(uses::credential_id.eq(&credential)).select(uses::count).first(conn)?;
            Ok((count, used.is_some(), last.micros() > 0))
        })
        .await;
    assert_eq!(counted, (3, true, true));
    scene.app.prove_audit().await;
}

#[tokio::test]
async fn a_tag_saves_the_body_but_not_the_line() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    let reply = machine.get(&scene.at("secret")).await.expect(200);
    let tag = reply.header("etag").expect("a tag").to_owned();
    assert!(!tag.contains(TOKEN) && tag.starts_with('"'));
    for sent_tag in [tag.clone(), format!("\"other\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
        let before = scene.app.events(ACME).await.len();
        let again =
            sent(machine.request("GET", &scene.at("secret")).header("If-None-Match", &sent_tag)).await.expect(304);
        assert!(again.body.is_empty() && again.header("etag") == Some(&tag));
        assert_eq!(scene.app.events(ACME).await.len(), before + 1, "a look at the tag is a use too");
    }
    let form = [("f.token", "tok-another-0123456789")];
    scene.app.service.prepare(Answer::json(200, &json!({})));
    scene.admin.post(&format!("/w/acme/credentials/{}/rotation", scene.credential), &form).await.expect(303);
    let new = sent(machine.request("GET", &scene.at("secret")).header("If-None-Match", &tag)).await.expect(200);
    assert_eq!((&new.json()["values"]["token"], &new.json()["version"]), (&json!("tok-another-0123456789"), &json!(2)));
    assert_eq!(machine.get(&scene.at("secret?version=1")).await.problem(410), "version-gone");
    assert_eq!(machine.get(&scene.at("secret?version=9")).await.problem(410), "version-gone");
    machine.get(&scene.at("secret?version=2")).await.expect(200);
    for bad in
        ["secret?version=0", "secret?version=x", "secret?version=-1", "secret?version=1&version=2", "secret?verison=1"]
    {
        assert_eq!(machine.get(&scene.at(bad)).await.problem(400), "malformed", "{bad}");
    }
}

#[tokio::test]
async fn lists_hold_what_the_token_is_for_and_no_value() {
    let scene = Scene::start().await;
    scene.app.website(&scene.admin, "Shop events", "a signing secret of a shop").await;
    let machine = scene.machine();
    let list = machine.get("/api/v1/credentials").await.expect(200);
    let handles: Vec<_> =
        list.json()["credentials"].as_array().expect("a list").iter().map(|c| c["handle"].clone()).collect();
    assert_eq!(handles, ["order-service"]);
    assert!(!list.body.contains(TOKEN) && !list.body.contains("api.service.example"));
    let blocks = machine.get("/api/v1/blocks").await.expect(200).json();
    let wanted = json!([{
        "key": scene.key, "label": "Ask for the order", "integration": "http", "credential": "order-service", "status": "working",
    }]);
    assert_eq!(blocks["blocks"], wanted);
}

#[tokio::test]
async fn t036_t037_a_token_belongs_to_one_workspace() {
    let scene = Scene::start().await;
    let umbrella = scene.app.bot_in(UMBRELLA, "Another").await;
    let other = scene.app.token_in(UMBRELLA, Some(&umbrella), &[Scope::Use, Scope::Fetch], None, "").await;
    let stranger = scene.app.machine(&other.text);
    for path in [
        scene.at("secret"),
        format!("/api/v1/credentials/{}/secret", scene.credential),
        format!("/api/v1/blocks/{}/secret", scene.key),
    ] {
        assert_eq!(stranger.get(&path).await.problem(404), "not-found");
    }
    assert_eq!(stranger.get("/api/v1/credentials").await.expect(200).json()["credentials"], json!([]));
    let machine = scene.machine();
    let acme = scene.app.workspace(ACME).await.to_string();
    for path in [scene.at("secret"), "/api/v1/credentials".to_owned(), "/api/v1/blocks".to_owned()] {
        assert_eq!(machine.get(&format!("{path}?workspace=umbrella")).await.problem(404), "not-found");
        assert_eq!(
            sent(machine.request("GET", &path).header("X-Workspace", "umbrella")).await.problem(404),
            "not-found"
        );
        assert_eq!(machine.get(&format!("{path}?workspace=")).await.problem(400), "malformed");
        assert_eq!(machine.get(&format!("{path}?workspace=a&workspace=a")).await.problem(400), "malformed");
        machine.get(&format!("{path}?workspace={acme}")).await.expect(200);
        machine.get(&format!("{path}?workspace=acme")).await.expect(200);
    }
    let (sent_so_far, before) = (scene.app.service.requests().len(), scene.app.events(ACME).await.len());
    for path in [scene.at("proxy/me"), format!("/api/v1/blocks/{}/proxy/me", scene.key)] {
        let with = |workspace: &str| sent(machine.request("GET", &path).header("X-Workspace", workspace));
        assert_eq!(with("umbrella").await.problem(404), "not-found");
        assert_eq!(with(" ").await.problem(400), "malformed");
    }
    let vault = |workspace: &str| {
        let request = machine.request("GET", "/v1/acme/data/order-service");
        sent(request.header("X-Workspace", workspace))
    };
    vault("umbrella").await.expect(404);
    assert_eq!(scene.app.service.requests().len(), sent_so_far);
    assert_eq!(scene.app.events(ACME).await.len(), before);
    vault("acme").await.expect(200);
    scene.app.service.prepare(Answer::json(200, &json!({})));
    let path = scene.at("proxy/me?workspace=umbrella");
    sent(machine.request("GET", &path).header("X-Workspace", "acme")).await.expect(200);
    let requests = scene.app.service.requests();
    let seen = requests.last().expect("a call");
    assert_eq!((seen.target.as_str(), seen.header("x-workspace")), ("/me?workspace=umbrella", None));
}

#[tokio::test]
async fn each_state_that_keeps_values_back_has_a_problem_of_its_own() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    let empty = scene.app.block(&scene.bot, "Nothing chosen", "http", None).await;
    assert_eq!(machine.get(&format!("/api/v1/blocks/{empty}/secret")).await.problem(409), "block-empty");
    assert_eq!(machine.get("/api/v1/credentials/nothing/secret").await.problem(404), "not-found");
    let outside = scene.app.website(&scene.admin, "Shop events", "a signing secret of a shop").await;
    assert_eq!(machine.get(&format!("/api/v1/credentials/{outside}/secret")).await.problem(404), "not-found");
    for (status, kind) in [
        ("suspended", "credential-suspended"),
        ("broken", "credential-broken"),
        ("unreadable", "credential-unreadable"),
    ] {
        let id = scene.credential.clone();
        scene
            .app
            .write(move |tx| {
                diesel::update(credentials::table.filter(credentials::id.eq(&id)))
                    .set((
                        credentials::status.eq(status),
                        credentials::hint.eq("Because of a test."),
                        credentials::suspended_at.eq((status == "suspended").then(|| Clock::system().now())),
                    ))
                    .execute(tx.conn())?;
                Ok(())
            })
            .await;
        assert_eq!(machine.get(&scene.at("secret")).await.problem(409), kind);
        let events = scene.app.events(ACME).await;
        let last = events.last().expect("a line");
        assert_eq!((last.outcome, last.code.as_str()), (Outcome::Deny, kind));
        let shown = machine.get("/api/v1/credentials").await.expect(200).json();
        assert_eq!(shown["credentials"][0]["status"], status);
    }
    let id = scene.credential.clone();
    scene
        .app
        .write(move |tx| {
            let now = credenza::clock::Clock::system().now();
            diesel::update(credentials::table.filter(credentials::id.eq(&id)))
                .set((credentials::status.eq("working"), credentials::deleted_at.eq(Some(now))))
                .execute(tx.conn())?;
            Ok(())
        })
        .await;
    assert_eq!(machine.get(&scene.at("secret")).await.problem(410), "credential-deleted");
    assert_eq!(machine.get("/api/v1/credentials").await.expect(200).json()["credentials"], json!([]));
}

#[tokio::test]
async fn values_that_were_moved_in_the_database_do_not_leave() {
    let scene = Scene::start().await;
    let id = scene.credential.clone();
    scene
        .app
        .write(move |tx| {
            use credenza::db::schema::credential_versions as versions;
            let config = r#"{"base_url":"https://evil.example","check_path":"/me"}"#;
            diesel::update(versions::table.filter(versions::credential_id.eq(&id)))
                .set(versions::config.eq(config))
                .execute(tx.conn())?;
            Ok(())
        })
        .await;
    assert_eq!(scene.machine().get(&scene.at("secret")).await.problem(409), "credential-unreadable");
    assert_eq!(scene.machine().get(&scene.at("proxy/me")).await.problem(409), "credential-unreadable");
}

#[tokio::test]
async fn t075_a_value_that_looks_like_a_reference_is_only_a_value() {
    let scene = Scene::start().await;
    let texts = [
        "env:CREDENZA_ROOT_KEY",
        "vault:secret/data/acme#key",
        "${CREDENZA_ROOT_KEY} and more",
        "{{ credentials.order-service.token }}",
        "file:///proc/self/environ",
    ];
    for (n, text) in texts.into_iter().enumerate() {
        let id = scene.app.website(&scene.admin, &format!("Hook {n}"), text).await;
        let token = scene.app.token(&scene.bot, &[Scope::Fetch], Some(&[&id])).await;
        let path = format!("/api/v1/credentials/{id}/secret");
        let got = scene.app.machine(&token.text).get(&path).await.expect(200).json();
        assert_eq!(got["values"]["signing_secret"], json!(text));
    }
}
