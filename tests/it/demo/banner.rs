//! Every page of a demo says what it is, and no page of another console does.

use crate::support::app::TestApp;
use credenza::web::routes::table;

const BANNER: &str = "aside.demo[aria-label]";

/// The pages of the route table and some that are answered with an error.
async fn banners(app: &TestApp) -> Vec<(String, usize)> {
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let mut found = Vec::new();
    for person in [&admin, &app.anon()] {
        let gets = table().into_iter().filter(|route| route.method == "GET");
        let known = gets.map(|route| route.path.replace("{slug}", "acme").replace("{id}", &id));
        let known = known.map(|path| path.replace("{integration}", "http"));
        for path in known.chain(["/w/acme/credentials?status=gone", "/nothing/here"].map(str::to_owned)) {
            let reply = person.get(&path).await;
            if reply.body.trim_start().starts_with("<!doctype") {
                found.push((format!("{} {path}", reply.status), reply.texts(BANNER).len()));
            }
        }
    }
    let refused = app.member().await.get("/w/acme/credentials/new").await.expect(403);
    found.push(("403".to_owned(), refused.texts(BANNER).len()));
    found
}

#[tokio::test]
async fn every_page_of_a_demo_says_so_once() {
    let app = TestApp::builder().demo().start().await;
    let found = banners(&app).await;
    assert!(found.len() > 15 && found.iter().any(|(page, _)| page.starts_with("404")), "{found:?}");
    for (page, count) in found {
        assert_eq!(count, 1, "{page}");
    }
    let page = app.admin().await.get("/w/acme/credentials").await;
    let text = page.texts(BANNER).concat();
    for word in ["Demo", "vanishes", "imitated", "wrong"] {
        assert!(text.contains(word), "{text}");
    }
}

#[tokio::test]
async fn no_page_of_another_console_does() {
    for (page, count) in banners(&TestApp::start().await).await {
        assert_eq!(count, 0, "{page}");
    }
}
