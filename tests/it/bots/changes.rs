//! Changes of a credential that bots use: told first, by name, and taken back where they can be.

use crate::support::app::TestApp;
use crate::support::person::Person;
use chrono::TimeDelta;
use credenza::db::schema::{credential_uses as uses, credentials};
use credenza::jobs;
use diesel::prelude::*;

/// An app with an admin, two websites' credentials, a bot with a block for the first, and that block.
async fn stage() -> (TestApp, Person, [String; 2], String, String) {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let first = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let second = app.website(&admin, "Spare events", "a signing secret to spare").await;
    let bot = app.new_bot(&admin, "Order confirmations").await;
    let block = app.new_block(&admin, &bot, "website", &first).await;
    (app, admin, [first, second], bot, block)
}

fn path(id: &str, tail: &str) -> String {
    format!("/w/acme/credentials/{id}/{tail}")
}

/// Writes down a use, as the run-time API does.
async fn used(app: &TestApp, credential: &str, bot: &str, days_ago: i64, denied: bool) {
    let (workspace, credential, bot) = (app.workspace("acme").await, credential.to_owned(), bot.to_owned());
    let at = app.means.now().plus(-TimeDelta::days(days_ago));
    app.write(move |tx| {
        diesel::insert_into(uses::table)
            .values((
                uses::workspace_id.eq(&workspace),
                uses::credential_id.eq(&credential),
                uses::bot_id.eq(&bot),
                uses::last_at.eq((!denied).then_some(at)),
                uses::count.eq(i64::from(!denied)),
                uses::last_denied_at.eq(denied.then_some(at)),
                uses::denied.eq(i64::from(denied)),
            ))
            .execute(tx.conn())?;
        let row = credentials::table.filter(credentials::id.eq(&credential));
        if !denied {
            diesel::update(row).set(credentials::last_used_at.eq(at)).execute(tx.conn())?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn t139_deleting_what_a_published_bot_uses_asks_for_the_name_and_tells_whom_it_breaks() {
    let (app, admin, [shop, _], bot, _) = stage().await;
    admin.post(&format!("/w/acme/bots/{bot}/publication"), &[("published", "1")]).await.expect(303);
    for tail in ["", "edit", "rotation", "suspension", "deletion"] {
        let page = admin.get(path(&shop, tail).trim_end_matches('/')).await.expect(200);
        assert!(page.body.contains("Order confirmations") && page.body.contains("published"), "{tail}");
    }
    let refused = admin.post(&path(&shop, "deletion"), &[]).await.expect(409);
    assert!(refused.texts(".why").concat().contains("Order confirmations"), "by name");
    admin.post(&path(&shop, "deletion"), &[("confirm_name", "shop events")]).await.expect(409);
    admin.post_htmx(&path(&shop, "deletion"), &[]).await.expect(409);
    admin.get(path(&shop, "").trim_end_matches('/')).await.expect(200);
    admin.post(&path(&shop, "deletion"), &[("confirm_name", "Shop events")]).await.expect(303);
    let page = admin.get(&format!("/w/acme/bots/{bot}")).await.expect(200);
    assert!(page.texts("td .st b").contains(&"Deleted".to_owned()), "the bot says so");
    admin.post(&path(&shop, "restoration"), &[]).await.expect(303);
    let page = admin.get(&format!("/w/acme/bots/{bot}")).await.expect(200);
    assert_eq!(page.texts("td a.link"), ["Shop events"], "a restored one has its blocks again");
    app.prove_audit().await;
}

#[tokio::test]
async fn a_refused_deletion_keeps_the_name_that_was_typed() {
    let (app, admin, [shop, _], bot, _) = stage().await;
    let bot = format!("/w/acme/bots/{bot}");
    admin.post(&format!("{bot}/publication"), &[("published", "1")]).await.expect(303);
    let pages = [path(&shop, "deletion"), format!("{bot}/deletion")];
    let typed = |page: crate::support::person::Reply| page.attributes("#confirm_name", "value");
    for page in &pages {
        let form = [("confirm_name", "another <name>")];
        assert_eq!(typed(admin.post(page, &form).await.expect(409)), ["another <name>"], "{page}");
        let stale = [("confirm_name", "Its name"), ("revision", "99")];
        assert_eq!(typed(admin.post(page, &stale).await.expect(409)), ["Its name"], "{page}");
    }
    app.means.clock.advance(TimeDelta::minutes(11));
    for page in &pages {
        assert_eq!(typed(admin.post(page, &[("confirm_name", "Its name")]).await.expect(422)), ["Its name"], "{page}");
    }
}

#[tokio::test]
async fn t139_deleting_what_was_used_lately_asks_for_the_name_even_without_a_block() {
    let (app, admin, [_, spare], bot, _) = stage().await;
    used(&app, &spare, &bot, 29, false).await;
    let refused = admin.post(&path(&spare, "deletion"), &[]).await.expect(409);
    assert!(refused.texts(".why").concat().contains("Order confirmations"));
    assert!(refused.body.contains("no block"), "its use is told");
    app.means.clock.advance(TimeDelta::days(2));
    // The session has ended by then.
    let admin = app.admin().await;
    admin.post(&path(&spare, "deletion"), &[]).await.expect(303);
    admin.post(&path(&spare, "purge"), &[]).await.expect(303);
    app.prove_audit().await;
}

#[tokio::test]
async fn purging_empties_the_blocks_of_a_credential() {
    let (app, admin, [shop, _], bot, _) = stage().await;
    admin.post(&path(&shop, "deletion"), &[]).await.expect(303);
    admin.post(&path(&shop, "purge"), &[]).await.expect(303);
    let page = admin.get(&format!("/w/acme/bots/{bot}")).await.expect(200);
    assert!(page.texts("td .st b").contains(&"No credential".to_owned()));
    app.prove_audit().await;
}

#[tokio::test]
async fn a_replacement_moves_all_blocks_or_the_marked_ones_in_one_step() {
    let (app, admin, [shop, spare], bot, block) = stage().await;
    let second = app.new_block(&admin, &bot, "website", &shop).await;
    let replacement = path(&shop, "replacement");
    let offered = admin.get(&replacement).await.expect(200).attributes("#target option", "value");
    assert_eq!(offered, [spare.as_str()], "not itself");
    for target in [shop.as_str(), "", "no-such", "' OR 1=1--"] {
        admin.post(&replacement, &[("target", target)]).await.expect(422);
    }
    admin.post(&replacement, &[("target", &spare), ("which", "chosen")]).await.expect(422);
    admin.post(&replacement, &[("target", &spare), ("revision", "99")]).await.expect(409);
    let marked = format!("block.{block}");
    let some = [("target", spare.as_str()), ("which", "chosen"), (marked.as_str(), "1")];
    let reply = admin.post(&replacement, &some).await.expect(303);
    assert_eq!(reply.location(), format!("/w/acme/credentials/{shop}"));
    let chosen = |page: crate::support::person::Reply| page.texts("td a.link");
    let page = format!("/w/acme/bots/{bot}");
    assert_eq!(chosen(admin.get(&page).await), ["Spare events", "Shop events"]);
    let reply = admin.post(&replacement, &[("target", "spare-events")]).await.expect(303);
    assert_eq!(reply.location(), path(&shop, "deletion"), "then it is offered to be deleted");
    assert_eq!(chosen(admin.get(&page).await), ["Spare events", "Spare events"]);
    assert!(admin.get(&page).await.body.contains(&second));
    admin.post(&path(&shop, "deletion"), &[]).await.expect(303);
    app.prove_audit().await;
}

#[tokio::test]
async fn a_refused_replacement_is_drawn_with_the_blocks_that_were_marked() {
    let (app, admin, [shop, spare], bot, block) = stage().await;
    app.new_block(&admin, &bot, "website", &shop).await;
    let replacement = path(&shop, "replacement");
    let marked = format!("block.{block}");
    let sent = [("which", "chosen"), (marked.as_str(), "1")];
    let stale = [&[("target", spare.as_str()), ("revision", "99")][..], &sent].concat();
    let unfit = [&[("target", "no-such")][..], &sent].concat();
    for (form, status) in [(stale, 409), (unfit, 422)] {
        let page = admin.post(&replacement, &form).await.expect(status);
        assert_eq!(page.attributes("[name=which][checked]", "value"), ["chosen"], "{status}");
        assert_eq!(page.attributes("[type=checkbox][checked]", "name"), [marked.as_str()], "{status}");
    }
    let page = admin.post(&replacement, &[("target", "no-such"), ("which", "all")]).await.expect(422);
    assert_eq!(page.attributes("[name=which][checked]", "value"), ["all"]);
    assert!(page.attributes("[type=checkbox][checked]", "name").is_empty());
}

#[tokio::test]
async fn a_suspension_shows_who_misses_it_and_ends_by_itself() {
    let (app, admin, [shop, _], bot, _) = stage().await;
    let suspension = path(&shop, "suspension");
    for hours in ["", "-1", "8785"] {
        admin.post(&suspension, &[("hours", hours)]).await.expect(422);
    }
    admin.post(&suspension, &[("hours", "x")]).await.expect(400);
    admin.post(&suspension, &[("hours", "1")]).await.expect(303);
    used(&app, &shop, &bot, 0, true).await;
    let page = admin.get(&suspension).await.expect(200);
    assert!(page.texts("#denied").concat().contains("Order confirmations"), "who was denied");
    let status = "/w/acme/credentials?status=suspended";
    assert_eq!(admin.get(status).await.texts("a.name"), ["Shop events"]);
    jobs::keep_house(&app.state).await.expect("a round");
    assert_eq!(admin.get(status).await.texts("a.name"), ["Shop events"], "not before its time");
    app.means.clock.advance(TimeDelta::minutes(61));
    jobs::keep_house(&app.state).await.expect("a round");
    let admin = app.admin().await;
    assert!(admin.get(status).await.texts("a.name").is_empty());
    assert_eq!(admin.get("/w/acme/credentials?status=unverified").await.texts("a.name").len(), 2, "as before");
    admin.post(&suspension, &[("hours", "720")]).await.expect(303);
    admin.post(&suspension, &[("hours", "0")]).await.expect(303);
    let told: Vec<String> = app.events("acme").await.into_iter().map(|event| event.action).collect();
    let ended = told.iter().filter(|action| *action == "credential.resumed").count();
    assert_eq!(ended, 2, "{told:?}");
    app.prove_audit().await;
}

#[tokio::test]
async fn the_list_tells_how_many_bots_use_each() {
    let (app, admin, [shop, _], ..) = stage().await;
    let other = app.new_bot(&admin, "Returns").await;
    app.new_block(&admin, &other, "website", &shop).await;
    app.new_block(&admin, &other, "website", &shop).await;
    let member = app.member().await;
    for person in [&admin, &member] {
        let list = person.get("/w/acme/credentials").await.expect(200);
        assert_eq!(list.texts("td[data-label='Used by']"), ["none", "2 bots"]);
    }
    let row = admin.post_htmx(&path(&shop, "name"), &[("name", "Shop")]).await.expect(200);
    assert!(row.body.contains("2 bots"), "the fragment has the same columns");
}
