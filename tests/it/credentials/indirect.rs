//! A credential that is named by something else: a block, a replacement, a token, a path of another API.

use crate::support::app::{ACME, TestApp, UMBRELLA};
use credenza::db::schema::{blocks, bot_token_credentials, credentials};
use credenza::model::bot_token::Scope;
use diesel::prelude::*;
use serde_json::json;

#[tokio::test]
async fn t035_what_names_a_credential_for_somebody_is_judged_as_if_they_named_it() {
    let app = TestApp::start().await;
    let (admin, foreign) = (app.admin().await, app.foreign_admin().await);
    let own = app.website(&admin, "Shop events", "a signing secret of ours").await;
    let form = [
        ("integration", "website"),
        ("method", "webhook"),
        ("name", "Their events"),
        ("f.url", "https://theirs.example.com/"),
        ("f.signing_secret", "a signing secret of theirs"),
    ];
    let made = foreign.post("/w/umbrella/credentials", &form).await.expect(303);
    let theirs = made.location().rsplit('/').next().expect("an id").to_owned();
    let bot = app.bot("Order confirmations").await;
    let key = app.block(&bot, "Tell the shop", "website", Some(&own)).await;
    let bot_page = format!("/w/acme/bots/{bot}");
    let block = admin.get(&bot_page).await.expect(200).attributes("a[href$='/removal']", "href").remove(0);
    let block = block.trim_end_matches("/removal").to_owned();
    for name in [theirs.as_str(), "their-events"] {
        let add = [("integration", "website"), ("label", "Theirs"), ("credential", name)];
        admin.post(&format!("{bot_page}/blocks"), &add).await.expect(422);
        admin.post(&block, &[("label", "Tell the shop"), ("credential", name)]).await.expect(422);
        admin.post(&format!("/w/acme/credentials/{own}/replacement"), &[("target", name)]).await.expect(422);
        let token = [("name", "Worker"), ("scope", "fetch"), ("credentials", name), ("days", "1")];
        admin.post(&format!("{bot_page}/tokens"), &token).await.expect(422);
    }
    let machine = app.machine(&app.token(&bot, &[Scope::Use, Scope::Fetch], None).await.text);
    machine.get(&format!("/api/v1/blocks/{key}/secret")).await.expect(200);
    let wanted = json!({ "credential": theirs });
    for name in [theirs.as_str(), "their-events"] {
        assert_eq!(machine.get(&format!("/api/v1/credentials/{name}/secret")).await.problem(404), "not-found");
        assert_eq!(machine.get(&format!("/api/v1/credentials/{name}/proxy/me")).await.problem(404), "not-found");
        let asked = machine.send("POST", &format!("/api/v1/credentials/{key}/proxy/me"), &wanted).await;
        assert_eq!(asked.problem(404), "not-found", "a key of a block is no handle");
        for path in ["acme/data", "acme/data/connections", "umbrella/data", "acme/data/../../umbrella/data"] {
            let reply = machine.get(&format!("/v1/{path}/{name}")).await;
            assert!(matches!(reply.status, 403 | 404), "{path}/{name}: {reply:?}");
        }
    }
    let manager = app.machine(&app.token_in(ACME, None, &[Scope::Manage], None, "").await.text);
    for name in [theirs.as_str(), "their-events"] {
        let body = json!({ "credential": name });
        let reply = manager.send("PATCH", &format!("/api/v1/bots/{bot}/blocks/{key}"), &body).await;
        assert_eq!(reply.status, 422, "{reply:?}");
    }
    let (chosen, named) = app
        .read(|conn| {
            let chosen: Vec<Option<String>> = blocks::table.select(blocks::credential_id).load(conn)?;
            let named: Vec<String> =
                bot_token_credentials::table.select(bot_token_credentials::credential_id).load(conn)?;
            Ok((chosen, named))
        })
        .await;
    assert_eq!(chosen, [Some(own)]);
    assert!(named.is_empty(), "{named:?}");
    // The one of the other workspace was there to be found, and nothing happened to it.
    let umbrella = app.workspace(UMBRELLA).await;
    let used =
        app.events(UMBRELLA).await.into_iter().filter(|line| line.action.starts_with("credential.fetch")).count();
    let kept = move |conn: &mut credenza::db::Conn| {
        let its = credentials::table.filter(credentials::workspace_id.eq(&umbrella));
        Ok(its.select(credentials::handle).load::<String>(conn)?)
    };
    assert_eq!((app.read(kept).await, used), (vec!["their-events".to_owned()], 0));
    app.prove_audit().await;
}
