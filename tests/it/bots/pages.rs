//! Bots and blocks through the pages.

use crate::support::app::TestApp;
use crate::support::person::{Person, Reply};

const BOTS: &str = "/w/acme/bots";

/// An app with an admin, two websites' credentials, and a bot.
async fn stage() -> (TestApp, Person, [String; 2], String) {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let first = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let second = app.website(&admin, "Spare events", "a signing secret to spare").await;
    let bot = app.new_bot(&admin, "Order confirmations").await;
    (app, admin, [first, second], format!("{BOTS}/{bot}"))
}

fn keys(page: &Reply) -> Vec<String> {
    page.texts("table code")
}

#[tokio::test]
async fn a_bot_is_registered_once_by_name_edited_and_deleted() {
    let (app, admin, _, bot) = stage().await;
    let twice = admin.post(BOTS, &[("name", " ORDER  confirmations")]).await.expect(422);
    assert_eq!(twice.attributes(".why", "data-code"), ["taken"]);
    admin.post(BOTS, &[("name", "  ")]).await.expect(422);
    admin.post(BOTS, &[("name", "sk_live_51J3v9Kq8ZbLxT2mN4pQ6rS8tUvWxYz0123")]).await.expect(422);
    let revision = admin.get(&format!("{bot}/edit")).await.attributes("input[name=revision]", "value").remove(0);
    let edited = [("name", "Orders"), ("description", "Ask Rui."), ("revision", revision.as_str())];
    assert_eq!(admin.post(&bot, &edited).await.expect(303).location(), bot);
    let stale = admin.post(&bot, &[("name", "Returns"), ("revision", revision.as_str())]).await.expect(409);
    assert!(stale.texts("#banner")[0].contains("“Orders”"), "it says what it is called now");
    let member = app.member().await;
    assert_eq!(member.get(BOTS).await.expect(200).texts("a.name"), ["Orders"]);
    let seen = member.get(&bot).await.expect(200);
    assert!(seen.attributes("main a.btn", "href").is_empty(), "a member reads");
    admin.post(&format!("{bot}/deletion"), &[]).await.expect(303);
    admin.get(&bot).await.expect(404);
    member.get(&bot).await.expect(404);
    assert!(admin.get(BOTS).await.expect(200).texts("a.name").is_empty());
    app.prove_audit().await;
}

#[tokio::test]
async fn a_block_offers_and_takes_only_what_fits() {
    let (app, admin, [shop, _], bot) = stage().await;
    let form = [
        ("integration", "http"),
        ("method", "bearer"),
        ("name", "Other service"),
        ("f.base_url", "https://service.example"),
        ("f.token", "a token for a service"),
        ("save_unverified", "1"),
    ];
    let other = admin.post("/w/acme/credentials", &form).await.expect(303).location().to_owned();
    let other = other.rsplit('/').next().expect("an id");
    let page = admin.get(&format!("{bot}/blocks?integration=website")).await.expect(200);
    let offered = page.texts("#credential option");
    assert_eq!(offered.len(), 3, "none yet, and the two that fit: {offered:?}");
    assert!(offered.iter().any(|text| text.contains("Shop events (unverified)")), "with its status: {offered:?}");
    let add = |label, credential| [("integration", "website"), ("label", label), ("credential", credential)];
    let blocks = format!("{bot}/blocks");
    admin.post(&blocks, &add("Tell the shop", "shop-events")).await.expect(303);
    admin.post(&blocks, &add("Tell the shop", &shop)).await.expect(303);
    admin.post(&blocks, &add("Tell nobody", "")).await.expect(303);
    let foreign = app.foreign_admin().await;
    let theirs = foreign
        .post(
            "/w/umbrella/credentials",
            &[
                ("integration", "website"),
                ("method", "webhook"),
                ("name", "Theirs"),
                ("f.url", "https://www.example.com/"),
                ("f.signing_secret", "a signing secret of others"),
            ],
        )
        .await
        .expect(303);
    let theirs = theirs.location().rsplit('/').next().expect("an id").to_owned();
    let misfits = [theirs.as_str(), other, "other-service", "theirs", "no-such-handle", "' OR 1=1--"];
    for misfit in misfits {
        let refused = admin.post(&blocks, &add("Misfit", misfit)).await.expect(422);
        assert_eq!(refused.attributes("#credential-error", "data-code"), ["invalid"], "{misfit}");
    }
    admin.post(&blocks, &add(" ", &shop)).await.expect(422);
    admin.post(&blocks, &[("integration", "nothing"), ("label", "x")]).await.expect(422);
    assert_eq!(keys(&admin.get(&bot).await), ["tell-the-shop", "tell-the-shop-2", "tell-nobody"]);
    app.prove_audit().await;
}

#[tokio::test]
async fn a_key_stays_while_label_and_credential_change_and_goes_with_its_block() {
    let (app, admin, [shop, spare], bot) = stage().await;
    let id = bot.rsplit('/').next().expect("an id").to_owned();
    let block = app.new_block(&admin, &id, "website", &shop).await;
    let path = format!("{bot}/blocks/{block}");
    let chosen = admin.get(&path).await.expect(200).attributes("#credential option[selected]", "value");
    assert_eq!(chosen, [shop.as_str()]);
    let form = [("label", "Another label"), ("credential", spare.as_str())];
    admin.post(&path, &form).await.expect(303);
    let page = admin.get(&bot).await.expect(200);
    assert_eq!((keys(&page), page.texts("td a.link")), (vec!["do-something".into()], vec!["Spare events".into()]));
    let stale = [("label", "Late"), ("credential", shop.as_str()), ("revision", "1")];
    admin.post(&path, &stale).await.expect(409);
    admin.get(&format!("{path}/removal")).await.expect(200);
    admin.post(&format!("{path}/removal"), &[]).await.expect(303);
    admin.get(&path).await.expect(404);
    let elsewhere = app.new_bot(&admin, "Elsewhere").await;
    let other = app.new_block(&admin, &elsewhere, "website", &shop).await;
    admin.get(&format!("{bot}/blocks/{other}")).await.expect(404);
    admin.post(&format!("{bot}/blocks/{other}/removal"), &[]).await.expect(404);
    app.prove_audit().await;
}

#[tokio::test]
async fn a_deleted_credential_stays_chosen_while_only_the_label_changes() {
    let (app, admin, [shop, _], bot) = stage().await;
    let id = bot.rsplit('/').next().expect("an id").to_owned();
    let block = app.new_block(&admin, &id, "website", &shop).await;
    admin.post(&format!("/w/acme/credentials/{shop}/deletion"), &[]).await.expect(303);
    let path = format!("{bot}/blocks/{block}");
    for label in ["Another label", "And another"] {
        let page = admin.get(&path).await.expect(200);
        assert_eq!(page.attributes("#credential option[selected]", "value"), [shop.as_str()]);
        assert_eq!(page.texts("#credential option[selected]"), ["Shop events (deleted)"]);
        admin.post(&path, &[("label", label), ("credential", shop.as_str())]).await.expect(303);
    }
    admin.post(&path, &[("label", "None"), ("credential", "")]).await.expect(303);
    let refused = admin.post(&path, &[("label", "Again"), ("credential", shop.as_str())]).await.expect(422);
    assert_eq!(refused.attributes("#credential-error", "data-code"), ["invalid"], "it is chosen no more");
}

#[tokio::test]
async fn a_credential_created_from_a_block_is_chosen_there() {
    let (app, admin, _, bot) = stage().await;
    let form = [("integration", "website"), ("label", "Tell the shop"), ("create_credential", "1")];
    let on = admin.post(&format!("{bot}/blocks"), &form).await.expect(303);
    let on = on.header("location").expect("an address").to_owned();
    let page = admin.get(&on).await.expect(200);
    let block = page.attributes("input[name=block]", "value").remove(0);
    assert!(page.texts(".note").concat().contains("Tell the shop"), "it says what it is for");
    let mut new = vec![
        ("integration", "website"),
        ("method", "webhook"),
        ("name", "Made for it"),
        ("f.url", "https://www.example.com/hook"),
        ("f.signing_secret", ""),
        ("block", block.as_str()),
    ];
    let refused = admin.post("/w/acme/credentials", &new).await.expect(422);
    assert_eq!(refused.attributes("input[name=block]", "value"), [block.as_str()], "a refused form keeps it");
    new[4].1 = "a signing secret that is new";
    assert_eq!(admin.post("/w/acme/credentials", &new).await.expect(303).location(), bot, "back at the bot");
    assert_eq!(admin.get(&bot).await.texts("td a.link"), ["Made for it"]);
    // A block of somebody else is not touched, and does not keep the credential from being made.
    let foreign = app.foreign_admin().await;
    let theirs = new.iter().map(|(name, text)| (*name, *text)).collect::<Vec<_>>();
    let made = foreign.post("/w/umbrella/credentials", &theirs).await.expect(303);
    assert!(made.location().starts_with("/w/umbrella/credentials/"), "{}", made.location());
    assert_eq!(admin.get(&bot).await.texts("td a.link"), ["Made for it"]);
    app.prove_audit().await;
}

#[tokio::test]
async fn a_bot_without_a_credential_is_not_published_and_one_that_fails_only_knowingly() {
    let (app, admin, [shop, _], bot) = stage().await;
    let id = bot.rsplit('/').next().expect("an id").to_owned();
    let publication = format!("{bot}/publication");
    let add = [("integration", "website"), ("label", "Tell the shop"), ("credential", "")];
    admin.post(&format!("{bot}/blocks"), &add).await.expect(303);
    let refused = admin.post(&publication, &[("published", "1")]).await.expect(422);
    assert!(refused.texts("#banner").concat().contains("Tell the shop"));
    admin.post(&publication, &[("published", "2")]).await.expect(422);
    let block = admin.get(&bot).await.attributes("a[href$='/removal']", "href").remove(0);
    let block = block.trim_end_matches("/removal").to_owned();
    admin.post(&block, &[("label", "Tell the shop"), ("credential", &shop)]).await.expect(303);
    let off = format!("/w/acme/credentials/{shop}/suspension");
    admin.post(&off, &[("hours", "1")]).await.expect(303);
    let warned = admin.post(&publication, &[("published", "1")]).await.expect(409);
    assert_eq!(warned.attributes("input[type=checkbox]", "name"), ["anyway"]);
    assert_eq!(admin.get(&bot).await.texts("h1"), ["Order confirmations draft"]);
    admin.post(&publication, &[("published", "1"), ("anyway", "1")]).await.expect(303);
    assert_eq!(admin.get(&bot).await.texts("h1 .tag"), ["published"]);
    admin.post(&format!("{bot}/deletion"), &[]).await.expect(409);
    admin.post(&format!("{bot}/deletion"), &[("confirm_name", "order confirmations")]).await.expect(409);
    admin.post(&publication, &[("published", "0")]).await.expect(303);
    admin.post(&off, &[("hours", "0")]).await.expect(303);
    admin.post(&publication, &[("published", "1")]).await.expect(303);
    admin.post(&format!("{bot}/deletion"), &[("confirm_name", "Order confirmations")]).await.expect(303);
    assert!(!admin.get(&format!("/w/acme/credentials/{shop}")).await.body.contains(&id), "nothing is left of it");
    app.prove_audit().await;
}

#[tokio::test]
async fn the_list_of_bots_goes_on_by_key_and_refuses_nonsense() {
    let (app, admin, _, bot) = stage().await;
    for n in 0..51 {
        app.new_bot(&admin, &format!("Bot {n}")).await;
    }
    let page = admin.get(BOTS).await.expect(200);
    assert_eq!(page.texts("a.name").len(), 50);
    assert_eq!(page.texts("a.name")[0], "Bot 50", "the newest on top");
    let next = page.attributes("a[rel=next]", "href").remove(0);
    assert_eq!(admin.get(&next).await.expect(200).texts("a.name"), ["Bot 0", "Order confirmations"]);
    for bad in ["1e18", "-1", "x", "%27"] {
        admin.get(&format!("{BOTS}?after={bad}")).await.expect(400);
    }
    let oldest = bot.rsplit('/').next().expect("an id");
    let behind = admin.get(&format!("{BOTS}?after={oldest}")).await.expect(200);
    assert_eq!(behind.attributes("#create", "id").len(), 1, "there are bots, only not here");
    assert_eq!(behind.texts(".pager a"), ["First page"]);
}
