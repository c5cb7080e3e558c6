//! What one workspace, role or page shows of another's.

use crate::support::app::TestApp;
use crate::support::dump::lines;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use credenza::db::schema::{credential_fingerprints, credential_versions, credentials, users};
use credenza::web::routes::table;
use diesel::prelude::*;

#[tokio::test]
async fn t034_one_name_in_two_workspaces_is_two_credentials() {
    let app = TestApp::start().await;
    let (admin, foreign) = (app.admin().await, app.foreign_admin().await);
    let ours = app.website(&admin, "Shop events", "a signing secret of ours").await;
    let form = [
        ("integration", "website"),
        ("method", "webhook"),
        ("name", "Shop events"),
        ("f.url", "https://theirs.example.com/"),
        ("f.signing_secret", "a signing secret of theirs"),
    ];
    let reply = foreign.post("/w/umbrella/credentials", &form).await.expect(303);
    let theirs = reply.location().rsplit('/').next().expect("an id").to_owned();
    let handles = app.read(|conn| Ok(credentials::table.select(credentials::handle).load::<String>(conn)?)).await;
    assert_eq!(handles, ["shop-events", "shop-events"]);
    for (person, slug, own, other) in [(&admin, "acme", &ours, &theirs), (&foreign, "umbrella", &theirs, &ours)] {
        let list = person.get(&format!("/w/{slug}/credentials")).await.expect(200);
        assert!(list.body.contains(own.as_str()) && !list.body.contains(other.as_str()));
        let page = person.get(&format!("/w/{slug}/credentials/{own}")).await.expect(200);
        assert_eq!(page.body.contains("theirs.example.com"), slug == "umbrella");
        person.get(&format!("/w/{slug}/credentials/{other}")).await.expect(404);
    }
}

#[tokio::test]
async fn members_and_support_see_neither_values_nor_places() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let path = format!("/w/acme/credentials/{id}");
    for (person, inspects) in [(app.member().await, false), (app.support().await, true)] {
        for page in
            [path.as_str(), "/w/acme/credentials", "/w/acme/credentials?q=hook", "/w/acme/credentials?q=example"]
        {
            let page = person.get(page).await.expect(200);
            assert!(!page.body.contains("www.example.com"), "{page:?}");
        }
        let page = person.get(&path).await.expect(200);
        assert_eq!(!page.texts("#history-title").is_empty(), inspects);
        assert!(page.attributes("a[href$='/edit'], a[href$='/deletion'], form[action$='/checks']", "href").is_empty());
    }
}

#[tokio::test]
async fn t076_no_page_holds_a_ciphertext_a_hash_or_a_key() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let (sealed, hash, fingerprint) = app
        .read(|conn| {
            let sealed: Option<Vec<u8>> = credential_versions::table.select(credential_versions::sealed).first(conn)?;
            let hash: String = users::table.select(users::password_hash).first(conn)?;
            let fingerprint: String =
                credential_fingerprints::table.select(credential_fingerprints::fingerprint).first(conn)?;
            Ok((sealed.expect("a blob"), hash, fingerprint))
        })
        .await;
    let mut hidden = vec![hash, fingerprint, "a signing secret of a shop".to_owned()];
    // The head is the same in every blob; the nonce and the ciphertext are not.
    let body = &sealed[7..];
    hidden.push(body.iter().map(|b| format!("{b:02x}")).collect());
    hidden.push(STANDARD.encode(body));
    hidden.push(URL_SAFE_NO_PAD.encode(body));
    let mut conn = app.database.connect();
    hidden.extend(lines(&mut conn, "SELECT id AS line FROM sessions"));
    hidden.extend(lines(&mut conn, "SELECT check_value AS line FROM instance_roots"));
    let (mut pages, ids) = (0, app.ids(&admin, &id).await);
    for person in [admin, app.member().await, app.support().await] {
        for route in table().iter().filter(|route| route.method == "GET") {
            let path = ids.address(route.path, "acme");
            let reply = person.get(&path).await;
            pages += 1;
            for secret in &hidden {
                assert!(!reply.body.contains(secret.as_str()), "{path} holds {secret}");
                assert!(!format!("{:?}", reply.headers).contains(secret.as_str()), "{path}: a header holds {secret}");
            }
        }
    }
    assert!(pages > 40);
}
