//! Tokens that end soon: said on their bot's page, and to each admin twice.

use crate::support::app::{ACME, TestApp, UMBRELLA, email};
use chrono::TimeDelta;
use credenza::db::schema::{bot_tokens as tokens, outbox};
use credenza::jobs::{self, keep_house};
use credenza::model::bot_token::{self, Scope};
use credenza::model::permission::Allowed;
use diesel::prelude::*;

/// Who was told, in the order of the mails.
async fn told(app: &TestApp) -> Vec<String> {
    let mails = |conn: &mut credenza::db::Conn| {
        let of_kind = outbox::table.filter(outbox::kind.eq("token_end")).order(outbox::id);
        Ok(of_kind.select(outbox::recipient).load(conn)?)
    };
    app.read(mails).await
}

/// What the mails say that lie in the folder, all together.
async fn said(app: &TestApp) -> String {
    jobs::outbox::deliver(app).await.expect("a round");
    let files = std::fs::read_dir(app.mailer.folder()).expect("a folder");
    let texts = files.map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a mail"));
    texts.filter(|text| text.contains("from its end on")).collect()
}

async fn days(app: &TestApp, days: i64) {
    app.means.clock.advance(TimeDelta::days(days));
    keep_house(app).await.expect("a round");
}

#[tokio::test]
async fn admins_are_told_fourteen_and_three_days_before_and_once_each() {
    let app = TestApp::start().await;
    let bot = app.bot("Order confirmations").await;
    let token = app.token(&bot, &[Scope::Fetch], None).await;
    let other = app.bot_in(UMBRELLA, "Another").await;
    app.token_in(UMBRELLA, Some(&other), &[Scope::Use], None, "").await;
    days(&app, 75).await;
    assert!(told(&app).await.is_empty(), "fifteen days are left");
    let page = format!("/w/acme/bots/{bot}");
    assert!(app.admin().await.get(&page).await.expect(200).texts("#ending").is_empty());
    days(&app, 2).await;
    let mut both = [email("admin", ACME), email("admin", UMBRELLA)];
    both.sort();
    let mut first = told(&app).await;
    first.sort();
    assert_eq!(first, both, "the admins of each workspace");
    days(&app, 0).await;
    assert_eq!(told(&app).await.len(), 2, "and only once");
    let text = said(&app).await;
    for part in ["Worker (", "Order confirmations", &format!("{page}/tokens"), &token.text[..15]] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains(&token.text), "the token itself is in no mail");
    let shown = app.admin().await.get(&page).await.expect(200);
    assert!(shown.texts("#ending").concat().contains("“Worker” ends"));
    assert_eq!(shown.attributes("#ending a", "href"), [format!("{page}/tokens")]);
    let shown = app.member().await.get(&page).await.expect(200);
    assert!(shown.attributes("#ending a", "href").is_empty() && !shown.texts("#ending").is_empty());
    days(&app, 8).await;
    assert_eq!(told(&app).await.len(), 2);
    days(&app, 3).await;
    assert_eq!(told(&app).await.len(), 4, "two days are left");
    days(&app, 10).await;
    assert_eq!(told(&app).await.len(), 4, "it is over");
    let lines = app.events(ACME).await;
    let told: Vec<_> = lines.iter().filter(|event| event.action == "token.end_told").collect();
    assert!(told.len() == 2 && told.iter().all(|event| event.target_id == token.id.as_str()));
    assert!(app.admin().await.get(&page).await.expect(200).texts("#ending").is_empty());
    app.prove_audit().await;
}

#[tokio::test]
async fn nobody_is_told_of_tokens_that_nobody_would_miss() {
    let app = TestApp::start().await;
    let (bot, gone) = (app.bot("Order confirmations").await, app.bot("Gone").await);
    let revoked = app.token(&bot, &[Scope::Use], None).await;
    let replaced = app.token(&bot, &[Scope::Use], None).await;
    app.token(&gone, &[Scope::Use], None).await;
    let (means, workspace) = (app.means.clone(), app.workspace(ACME).await);
    let id = revoked.id.clone();
    app.write(move |tx| bot_token::revoke(tx, &means, &Allowed::operator(workspace.clone()), &id)).await;
    let admin = app.admin().await;
    let rotation = format!("/w/acme/bots/{bot}/tokens/{}/rotation", replaced.id);
    admin.post(&rotation, &[("overlap", "10080")]).await.expect(303);
    admin.post(&format!("/w/acme/bots/{gone}/deletion"), &[]).await.expect(303);
    app.write(move |tx| {
        // The successor of the one that was replaced lives on.
        let open = tokens::table.filter(tokens::revoked_at.is_null().and(tokens::replaced_by.is_null()));
        let successor = open.filter(tokens::bot_id.eq(bot.as_str()));
        Ok(diesel::update(successor).set(tokens::warn_at.eq(None::<credenza::clock::At>)).execute(tx.conn())?)
    })
    .await;
    days(&app, 77).await;
    days(&app, 11).await;
    assert!(told(&app).await.is_empty());
    let due = |conn: &mut credenza::db::Conn| {
        Ok(tokens::table.filter(tokens::warn_at.is_not_null()).count().get_result::<i64>(conn)?)
    };
    assert_eq!(app.read(due).await, 0, "and they are looked at no more");
}

#[tokio::test]
async fn each_of_as_many_tokens_as_a_bot_may_have_can_be_rotated() {
    let app = TestApp::start().await;
    let (bot, admin) = (app.bot("Order confirmations").await, app.admin().await);
    let mut made = Vec::new();
    for _ in 0..50 {
        made.push(app.token(&bot, &[Scope::Use], None).await);
    }
    let list = format!("/w/acme/bots/{bot}/tokens");
    let another = [("name", "Another"), ("scope", "use")];
    assert!(admin.post(&list, &another).await.expect(422).body.contains("There are 50 tokens already"));
    for (token, overlap) in made.iter().zip(["0", "60", "10080"]) {
        admin.post(&format!("{list}/{}/rotation", token.id), &[("overlap", overlap)]).await.expect(303);
    }
    admin.post(&list, &another).await.expect(422);
}
