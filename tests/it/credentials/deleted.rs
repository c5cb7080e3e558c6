//! “Recently deleted”: all of its pages, and what is restored from there.

use crate::support::app::TestApp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const DELETED: &str = "/w/acme/credentials/deleted";

fn restoration(id: &str) -> String {
    format!("/w/acme/credentials/{id}/restoration")
}

#[tokio::test]
async fn more_than_a_page_of_what_was_deleted_can_be_restored_and_removed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut ids = Vec::new();
    for n in 0..52 {
        ids.push(app.website(&admin, &format!("Shop {n}"), "a signing secret of a shop").await);
    }
    for id in &ids {
        admin.post(&format!("/w/acme/credentials/{id}/deletion"), &[]).await.expect(303);
    }
    let page = admin.get(DELETED).await.expect(200);
    let names = page.texts("tbody .name");
    assert_eq!((names.len(), names[0].as_str()), (50, "Shop 51"), "the last deleted on top");
    assert_eq!(page.texts(".pager a"), ["Next page"]);
    let next = page.attributes("a[rel=next]", "href").remove(0);
    let last = admin.get(&next).await.expect(200);
    assert_eq!(last.texts("tbody .name"), ["Shop 1", "Shop 0"]);
    assert_eq!(last.attributes(".pager a", "href"), [DELETED], "back to the first, and no further");

    // Deleting for good takes a second step, with and without JavaScript.
    let purges = |of: &str| last.attributes(&format!("{of}form[action$='/purge']"), "action").len();
    assert_eq!((purges(""), purges("details ")), (2, 2));

    // One of another page is on top of the first when it needs another name.
    app.website(&admin, "Shop 0", "a signing secret of a new shop").await;
    let taken = admin.post(&restoration(&ids[0]), &[]).await.expect(409);
    assert_eq!(taken.attributes("input[name=name]", "value"), ["Shop 0"]);
    assert_eq!(taken.texts("tbody .name")[..2], ["Shop 0", "Shop 51"]);

    // The address of a page stays good when what it continues behind is not there any more.
    admin.post(&restoration(&ids[2]), &[]).await.expect(303);
    assert_eq!(admin.get(&next).await.expect(200).texts("tbody .name"), ["Shop 1", "Shop 0"]);
    admin.post(&restoration(&ids[0]), &[("name", "Old shop")]).await.expect(303);
    admin.post(&format!("/w/acme/credentials/{}/purge", ids[1]), &[]).await.expect(303);
    let emptied = admin.get(&next).await.expect(200);
    assert!(emptied.texts("tbody .name").is_empty());
    assert_eq!(emptied.attributes(".empty a", "href"), [DELETED]);

    let of = |key: &str| URL_SAFE_NO_PAD.encode(serde_json::json!({ "key": key, "id": ids[0] }).to_string());
    for bad in ["1e18".to_owned(), "-1".to_owned(), "%27".to_owned(), of(""), of("shop"), of("-8000000000000000000")] {
        admin.get(&format!("{DELETED}?after={bad}")).await.expect(400);
    }
    admin.get(&format!("{DELETED}?after=")).await.expect(200);
}

#[tokio::test]
async fn t069_a_name_to_restore_under_is_judged_like_any_other_and_a_secret_in_it_is_not_drawn() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    admin.post(&format!("/w/acme/credentials/{id}/deletion"), &[]).await.expect(303);
    let secret = "sk_live_51J3v9Kq8ZbLxT2mN4pQ6rS8tUvWxYz0123";
    let long = "x".repeat(201);
    for (typed, code, kept) in [(secret, "secret_in_plain", ""), (long.as_str(), "invalid", long.as_str())] {
        let refused = admin.post(&restoration(&id), &[("name", typed)]).await.expect(422);
        assert_eq!(refused.attributes(".why", "data-code"), [code]);
        assert_eq!(refused.attributes("input[name=name]", "value"), [kept]);
        assert_eq!(refused.attributes("input[name=name]", "aria-invalid"), ["true"]);
        assert!(!refused.body.contains(secret));
        assert!(app.row(&id).await.deleted_at.is_some(), "it stays where it is");
    }
    admin.post(&restoration(&id), &[("name", "Shop orders")]).await.expect(303);
    assert_eq!(app.row(&id).await.name, "Shop orders");
    let renamed = admin.post(&format!("/w/acme/credentials/{id}/name"), &[("name", secret)]).await.expect(422);
    assert_eq!(renamed.attributes("input[name=name]", "value"), [""]);
    assert!(!renamed.body.contains(secret));
    app.prove_audit().await;
}

#[tokio::test]
async fn a_revision_that_is_sent_is_judged() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let path = format!("/w/acme/credentials/{id}");
    let (suspension, purge) = (format!("{path}/suspension"), format!("{path}/purge"));
    for hours in ["1", "0"] {
        let stale = admin.post(&suspension, &[("hours", hours), ("revision", "77")]).await.expect(409);
        assert_eq!(stale.attributes("#banner", "data-code"), ["refused"]);
        let revision = app.row(&id).await.revision.to_string();
        admin.post(&suspension, &[("hours", hours), ("revision", &revision)]).await.expect(303);
    }
    admin.post(&format!("{path}/deletion"), &[]).await.expect(303);
    for act in [&restoration(&id), &purge] {
        let stale = admin.post(act, &[("revision", "77")]).await.expect(409);
        assert!(stale.body.contains("Somebody changed it meanwhile"));
        assert!(app.row(&id).await.deleted_at.is_some(), "it stays where it is");
    }
    let revision = app.row(&id).await.revision.to_string();
    admin.post(&purge, &[("revision", &revision)]).await.expect(303);
    admin.post(&restoration(&id), &[]).await.expect(404);
}
