//! Uses by bots whose line cannot be written: nothing leaves.

use super::Scene;
use super::lines::{allow_lines, forbid_lines};
use crate::support::http_server::Answer;
use credenza::model::bot_token::Scope;
use serde_json::json;

#[tokio::test]
async fn t149_t169_no_value_leaves_whose_line_cannot_be_written() {
    let scene = Scene::play().await;
    let secret = "tok-canary-0123456789abcdef";
    scene.app.service.prepare(Answer::json(200, &json!({})));
    let credential = scene.app.bearer(&scene.admin, "Order service", secret).await;
    let bot = scene.app.bot("Order confirmations").await;
    scene.app.block(&bot, "Ask for the order", "http", Some(&credential)).await;
    let token = scene.app.token(&bot, &[Scope::Use, Scope::Fetch], None).await;
    let machine = scene.app.machine(&token.text);
    let at = "/api/v1/credentials/order-service";
    forbid_lines(&scene);
    let (lines, sent_so_far) = (scene.lines(), scene.app.service.requests().len());
    for path in [format!("{at}/secret"), format!("{at}/proxy/me"), "/v1/acme/data/order-service".to_owned()] {
        let refused = machine.get(&path).await.expect(503);
        assert_eq!(refused.header("retry-after"), Some("5"), "{path}");
        assert!(!refused.body.contains(secret) && !refused.body.contains("no room"), "{path}: {}", refused.body);
    }
    assert_eq!(scene.lines(), lines);
    assert_eq!(scene.app.service.requests().len(), sent_so_far, "no call is made");
    allow_lines(&scene);
    assert!(machine.get(&format!("{at}/secret")).await.expect(200).body.contains(secret));
}
