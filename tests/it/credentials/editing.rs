//! Changing at the same time, and what a form keeps.

use crate::support::app::TestApp;
use crate::support::http_server::Answer;
use crate::support::person::Person;

async fn edit(person: &Person, id: &str, revision: &str, name: &str, url: &str) -> crate::support::person::Reply {
    let form = [("revision", revision), ("name", name), ("f.url", url), ("f.signing_secret", "")];
    person.post(&format!("/w/acme/credentials/{id}"), &form).await
}

#[tokio::test]
async fn t138_of_two_editors_the_second_sees_what_differs() {
    let app = TestApp::start().await;
    let (one, two) = (app.admin().await, app.admin().await);
    let id = app.website(&one, "Shop events", "a signing secret of a shop").await;
    let url = "https://www.example.com/hook";
    edit(&one, &id, "1", "Shop orders", url).await.expect(303);
    let second = edit(&two, &id, "1", "Shop returns", url).await.expect(409);
    assert_eq!(second.attributes("#banner", "data-code"), ["stale_revision"]);
    assert_eq!(second.texts("table.diff td"), ["Shop orders", "Shop returns"]);
    assert!(!second.body.contains("a signing secret of a shop"));
    assert_eq!(app.row(&id).await.name, "Shop orders");
    edit(&two, &id, "2", "Shop returns", url).await.expect(303);
    assert_eq!(app.row(&id).await.name, "Shop returns");
}

#[tokio::test]
async fn an_edit_that_asks_who_it_is_says_that_typed_secrets_are_to_be_entered_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    app.means.clock.advance(chrono::TimeDelta::minutes(11));
    let secret = "a signing secret for there";
    let url = "https://elsewhere.example/hook";
    let form = [("revision", "1"), ("name", "Shop events"), ("f.url", url), ("f.signing_secret", secret)];
    let asked = admin.post(&format!("/w/acme/credentials/{id}"), &form).await.expect(422);
    assert_eq!(asked.attributes("#current_password-error", "data-code"), ["current_password"]);
    assert_eq!(asked.texts(".why[data-code=enter_again]").len(), 1);
    assert_eq!(asked.attributes("[name='f.url']", "value"), [url]);
    assert!(!asked.body.contains(secret));
}

#[tokio::test]
async fn t138_parallel_edits_of_one_revision_are_one_edit() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let names: Vec<String> = (0..8).map(|n| format!("Shop {n}")).collect();
    let edits = names.iter().map(|name| edit(&admin, &id, "1", name, "https://www.example.com/hook"));
    let replies = futures_util::future::join_all(edits).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 303).count(), 1);
    assert_eq!(replies.iter().filter(|reply| reply.status == 409).count(), 7);
    let edited = app.events("acme").await.into_iter().filter(|e| e.action == "credential.edited").count();
    assert_eq!((app.row(&id).await.revision, edited), (2, 1));
    app.prove_audit().await;
}

#[tokio::test]
async fn names_that_come_to_one_handle_have_a_handle_each() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut handles = Vec::new();
    for n in 0..40 {
        let id = app.website(&admin, &format!("Shop {}", "!".repeat(n)), "a signing secret of a shop").await;
        let handle = app.row(&id).await.handle;
        match n {
            0 => assert_eq!(handle, "shop"),
            1..=32 => assert_eq!(handle, format!("shop-{}", n + 1)),
            _ => assert_eq!(handle, format!("shop-{}", id.rsplit('-').next().expect("an end"))),
        }
        handles.push(handle);
    }
    handles.sort_unstable();
    handles.dedup();
    assert_eq!(handles.len(), 40);
    app.prove_audit().await;
}

#[tokio::test]
async fn t144_parallel_creations_through_the_pages() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let names: Vec<String> = (0..24).map(|n| format!("Shop {n}")).collect();
    let made = names.iter().map(|name| app.website(&admin, name, "a signing secret of a shop"));
    let ids = futures_util::future::join_all(made).await;
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 24);
    let list = admin.get("/w/acme/credentials?status=unverified").await.expect(200);
    assert!(list.body.contains("24"), "the count is right");
    app.prove_audit().await;
}

#[tokio::test]
async fn t070_the_edit_form_shows_no_secret_and_blank_keeps_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let page = admin.get(&format!("/w/acme/credentials/{id}/edit")).await.expect(200);
    let secrets = "input[data-secret], textarea[data-secret]";
    assert!(!page.attributes(secrets, "name").is_empty());
    assert!(page.attributes(secrets, "value").is_empty());
    assert!(page.attributes(secrets, "autocomplete").iter().all(|a| a == "off"));
    assert!(!page.body.contains("a signing secret of a shop"));
    let before = app.kept();
    edit(&admin, &id, "1", "Shop orders", "https://www.example.com/hook").await.expect(303);
    assert_eq!(app.kept()["credential_versions"], before["credential_versions"]);
}

#[tokio::test]
async fn t070_a_secret_box_tells_neither_the_length_nor_the_end_and_is_emptied_only_when_told() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (short, long) = ("whsec_0123456789abcdef", format!("whsec_{}", "0123456789abcdef".repeat(8)));
    let mut boxes = Vec::new();
    let mut ids = Vec::new();
    for (name, key, webhook) in [
        ("Short", "rk_test_0123456789ab".to_owned(), short),
        ("Long", format!("rk_test_{}", "0123456789ab".repeat(9)), long.as_str()),
    ] {
        app.service.prepare(Answer::json(200, &serde_json::json!({"object": "balance"})));
        let form = [
            ("integration", "stripe"),
            ("method", "api_key"),
            ("name", name),
            ("f.secret_key", key.as_str()),
            ("f.webhook_secret", webhook),
        ];
        let id = app.create(&admin, &form).await;
        let page = admin.get(&format!("/w/acme/credentials/{id}/edit")).await.expect(200);
        for secret in [key.as_str(), webhook, &key[key.len() - 4..], &webhook[webhook.len() - 4..]] {
            assert!(
                !page.body.contains(&format!("{secret}\"")) && !page.body.contains(&format!("{secret}<")),
                "{secret}"
            );
        }
        let secrets = "[data-secret]";
        boxes.push((page.attributes(secrets, "placeholder"), page.attributes(secrets, "value"), page.texts(secrets)));
        ids.push(id);
    }
    assert_eq!(boxes[0], boxes[1], "drawn alike whatever is stored");
    assert_eq!((boxes[0].0.len(), boxes[0].1.len()), (2, 0), "two boxes, and nothing in them");
    let names = |app: &TestApp| {
        use credenza::db::schema::credential_versions as versions;
        use diesel::prelude::*;
        let live = versions::table.filter(versions::credential_id.eq(&ids[0]).and(versions::state.eq("live")));
        live.select(versions::secret_names).first::<String>(&mut app.database.connect()).expect("names")
    };
    assert_eq!(names(&app), r#"["secret_key","webhook_secret"]"#);
    // Blank keeps both; told to, one is removed, and the other still signs in.
    for (clear, revision, left) in
        [("", "1", r#"["secret_key","webhook_secret"]"#), ("clear.webhook_secret", "2", r#"["secret_key"]"#)]
    {
        app.service.prepare(Answer::json(200, &serde_json::json!({"object": "balance"})));
        let form = [("name", "Short"), ("revision", revision), ("f.secret_key", ""), ("f.webhook_secret", "")];
        let form: Vec<_> = form.into_iter().chain((!clear.is_empty()).then_some((clear, "1"))).collect();
        admin.post(&format!("/w/acme/credentials/{}", ids[0]), &form).await.expect(303);
        assert_eq!(names(&app), left);
    }
    let asked = app.service.requests().pop().expect("a call");
    assert_eq!(asked.header("authorization"), Some("Bearer rk_test_0123456789ab"));
    let refused = [("name", "Short"), ("revision", "3"), ("clear.secret_key", "1")];
    let reply = admin.post(&format!("/w/acme/credentials/{}", ids[0]), &refused).await.expect(422);
    assert!(!reply.attributes("#f-secret_key-error", "data-code").is_empty(), "one that is needed cannot be removed");
}
