//! The overview: what each role sees of how a workspace is.
#![cfg(test)]

use crate::support::app::{ACME, TestApp, UMBRELLA, email};
use chrono::TimeDelta;
use credenza::db::schema::{bot_tokens as tokens, credential_counts as counts, credentials, outbox};
use credenza::jobs::proof::prove;
use credenza::model::bot_token::Scope;
use diesel::prelude::*;

const PAGE: &str = "/w/acme/overview";

/// Gives a credential another status, as a check would.
fn set(app: &TestApp, id: &str, status: &str) {
    let mut conn = app.database.connect();
    let row = credentials::table.filter(credentials::id.eq(id));
    let (workspace, before): (String, String) =
        row.select((credentials::workspace_id, credentials::status)).first(&mut conn).expect("a row");
    diesel::update(row).set(credentials::status.eq(status)).execute(&mut conn).expect("a change");
    for (status, by) in [(before.as_str(), -1_i64), (status, 1)] {
        let count = counts::table.filter(counts::workspace_id.eq(&workspace).and(counts::status.eq(status)));
        diesel::update(count).set(counts::n.eq(counts::n + by)).execute(&mut conn).expect("a count");
    }
}

#[tokio::test]
async fn what_is_in_trouble_is_named_and_what_hurts_published_bots_comes_first() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let calm = admin.get(PAGE).await.expect(200);
    assert_eq!(calm.texts("#calm").len(), 1);
    let mut ids = Vec::new();
    for name in ["Alone", "Ends soon", "Of a draft", "Of a published one", "Works"] {
        ids.push(app.website(&admin, name, "a signing secret of a shop").await);
    }
    let (draft, orders, returns) = (app.bot("Draft").await, app.bot("Orders").await, app.bot("Returns").await);
    app.block(&draft, "Take orders", "website", Some(&ids[2])).await;
    for bot in [&orders, &returns] {
        app.block(bot, "Take orders", "website", Some(&ids[3])).await;
        app.block(bot, "Take others", "website", Some(&ids[3])).await;
        app.block(bot, "Works", "website", Some(&ids[4])).await;
        admin.post(&format!("/w/acme/bots/{bot}/publication"), &[("published", "1")]).await.expect(303);
    }
    for (id, status) in ids.iter().zip(["broken", "expiring", "unreadable", "expiring"]) {
        set(&app, id, status);
    }
    let page = admin.get(PAGE).await.expect(200);
    let named = page.texts("tr[id^=trouble] th .name");
    assert_eq!(named, ["Of a published one", "Alone", "Of a draft", "Ends soon"]);
    let hurt: Vec<String> = page
        .texts("tr[id^=trouble] td:last-child")
        .into_iter()
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(hurt, ["Orders, Returns", "none", "none", "none"]);
    assert!(page.attributes("nav.chips a", "href").contains(&"/w/acme/credentials?status=broken".to_owned()));
    assert!(page.attributes("nav a[aria-current=page]", "href").contains(&PAGE.to_owned()));
    // Nothing of it is of another workspace.
    let foreign = app.foreign_admin().await;
    assert_eq!(foreign.get("/w/umbrella/overview").await.expect(200).texts("#calm").len(), 1);
    foreign.get(PAGE).await.expect(404);
}

#[tokio::test]
async fn each_role_sees_its_part_of_the_health() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    admin.post(&format!("/w/acme/credentials/{id}/checks"), &[]).await.expect(303);
    let bot = app.bot("Orders").await;
    let token = app.token(&bot, &[Scope::Use], None).await;
    let mut conn = app.database.connect();
    let soon = app.means.now().plus(TimeDelta::days(3));
    let row = tokens::table.filter(tokens::id.eq(token.id.as_str()));
    diesel::update(row).set(tokens::expires_at.eq(soon)).execute(&mut conn).expect("a change");
    admin.post("/w/acme/mail", &[]).await.expect(303);
    diesel::update(outbox::table).set(outbox::state.eq("failed")).execute(&mut conn).expect("a change");
    let grant = [("email", &*email("member", UMBRELLA)), ("reason", "Ticket 4711"), ("hours", "4")];
    admin.post("/w/acme/settings/support", &grant).await.expect(303);
    prove(&app).await.expect("a round");
    let page = admin.get(PAGE).await.expect(200);
    assert_eq!(page.texts("#tokens b"), ["Worker"]);
    assert!(page.texts("#checks li")[0].contains("Shop events"), "{}", page.body);
    let health = page.texts("#health .st b");
    assert_eq!(health.len(), 5, "{health:?}");
    assert_eq!((health[0].as_str(), health[1].as_str()), ("All keys open", "Chain verified"));
    assert_eq!((health[2].as_str(), health[3].as_str()), ("1 could not be sent", "2 people may look in"));
    // Support sees status, checks and proofs; who manages tokens and mails is not theirs to see.
    let support = app.support().await;
    let first = app.events(ACME).await.len();
    let page = support.get(PAGE).await.expect(200);
    assert_eq!(
        (page.texts("#tokens").len(), page.texts("#checks li").len(), page.texts("#health .st b").len()),
        (0, 1, 3)
    );
    assert_eq!(app.events(ACME).await.split_off(first)[0].action, "support.viewed");
    // A member sees names and statuses.
    let page = app.member().await.get(PAGE).await.expect(200);
    assert_eq!((page.texts("#tokens").len(), page.texts("#checks").len(), page.texts("#health").len()), (0, 0, 0));
    assert_eq!(page.texts("#calm").len(), 1);
    // A key that does not open is told.
    diesel::delete(credenza::db::schema::workspace_keys::table).execute(&mut conn).expect("gone");
    let page = admin.get(PAGE).await.expect(200);
    assert_eq!(page.texts("#health .st b")[0], "A key is missing or damaged");
}
