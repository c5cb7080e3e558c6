//! Calls that are passed on: what reaches the service, what comes back, and what never leaves.

use super::{Scene, TOKEN};
use crate::support::app::ACME;
use crate::support::http_server::Answer;
use crate::support::person::sent;
use crate::support::raw;
use chrono::TimeDelta;
use credenza::db::schema::{
    credential_checks as checks, credential_counts as counts, credential_uses as uses, credentials,
};
use credenza::model::audit::Outcome;
use credenza::model::status::Status;
use diesel::prelude::*;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

#[tokio::test]
async fn a_call_reaches_the_service_with_the_credential_and_nothing_of_ours() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    let echo = json!({ "you_sent": format!("Bearer {TOKEN}"), "id": 7 });
    scene.app.service.prepare(
        Answer::json(201, &echo).with("x-request-id", "r-1").with("set-cookie", "sid=1").with("x-echo", TOKEN),
    );
    let call = machine.request("POST", &format!("/api/v1/blocks/{}/proxy/orders/7?expand=items&a=%20b", scene.key));
    let call = call
        .header("X-Mine", "yes")
        .header("Cookie", "sid=mine")
        .header("X-Forwarded-For", "9.9.9.9")
        .json(&json!({ "n": 1 }));
    let reply = sent(call).await.expect(201);
    let masked = "*".repeat(TOKEN.len());
    assert_eq!(reply.json(), json!({ "you_sent": format!("Bearer {masked}"), "id": 7 }));
    assert_eq!((reply.header("x-request-id"), reply.header("x-echo")), (Some("r-1"), Some(masked.as_str())));
    assert!(reply.headers.get("set-cookie").is_none());
    assert_eq!(
        (reply.header("cache-control"), reply.header("x-content-type-options")),
        (Some("no-store"), Some("nosniff"))
    );
    let requests = scene.app.service.requests();
    let seen = requests.last().expect("a call");
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/orders/7?expand=items&a=%20b"));
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!((seen.header("x-mine"), seen.header("accept-encoding")), (Some("yes"), Some("identity")));
    assert_eq!((seen.header("host"), seen.json()), (Some("api.service.example"), json!({ "n": 1 })));
    for name in ["cookie", "x-forwarded-for", "connection"] {
        assert!(seen.header(name).is_none(), "{name}");
    }
    assert!(!seen.headers.iter().any(|(_, value)| value.contains("crdz_")));
    let events = scene.app.events(ACME).await;
    let last = events.last().expect("a line");
    assert_eq!(
        (last.action.as_str(), last.outcome, last.target_id.as_str()),
        ("credential.used", Outcome::Allow, scene.credential.as_str())
    );
    assert_eq!(last.detail("block"), Some(json!(scene.key)));
}

#[tokio::test]
async fn paths_headers_and_methods_that_would_lead_elsewhere_are_refused_and_nothing_is_sent() {
    let scene = Scene::start().await;
    let before = scene.app.service.requests().len();
    let address = scene.app.base.trim_start_matches("http://").to_owned();
    let ask = |line: String, headers: String| {
        let (base, address, token) = (scene.app.base.clone(), address.clone(), scene.token.text.clone());
        async move {
            let request = format!(
                "{line} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n{headers}Connection: close\r\n\r\n"
            );
            raw::ask(&base, request.as_bytes()).await
        }
    };
    let root = scene.at("proxy");
    for path in [
        "/../me",
        "/a/../../me",
        "/%2e%2e/me",
        "/..%2fme",
        "//evil.example/me",
        "/%2Fevil.example",
        "/@evil.example/me",
        "/https://evil.example/me",
        "/https:%2F%2Fevil.example",
        "/a%0d%0aX-Evil:%20y",
        "/a%5c..%5cb",
        "/%252e%252e/x",
    ] {
        let (status, answer) = ask(format!("GET {root}{path}"), String::new()).await;
        assert!(status == 400 && answer.contains("/problems/path-refused"), "{path}: {answer}");
    }
    let (status, answer) = ask(format!("GET http://evil.example{root}/me"), String::new()).await;
    assert!(status == 400 && answer.contains("/problems/path-refused"), "{answer}");
    for header in [
        "Connection: X-Evil\r\n",
        "Upgrade: websocket\r\n",
        "Proxy-Authorization: x\r\n",
        "Trailer: x\r\n",
        "X-aws-ec2-metadata-token: x\r\n",
    ] {
        let (status, answer) = ask(format!("GET {root}/me"), header.to_owned()).await;
        assert!(status == 400 && answer.contains("/problems/header-refused"), "{header}: {answer}");
    }
    for method in ["TRACE", "BREW", "LIST"] {
        let (status, answer) = ask(format!("{method} {root}/me"), String::new()).await;
        assert!(status == 405 && answer.contains("/problems/method-refused"), "{method}: {answer}");
    }
    assert_eq!(scene.app.service.requests().len(), before);
    let events = scene.app.events(ACME).await;
    let lines = events.iter().filter(|event| event.action == "credential.used");
    let told: BTreeSet<(Outcome, &str)> = lines.map(|event| (event.outcome, event.code.as_str())).collect();
    assert_eq!(told, BTreeSet::from([(Outcome::Deny, "header-refused"), (Outcome::Deny, "path-refused")]));
    let id = scene.credential.clone();
    let counted: (i64, bool) = scene
        .app
        .read(move |conn| {
            let one = uses::table.filter(uses::credential_id.eq(&id));
            Ok(one.select((uses::count, uses::last_at.is_null())).first(conn)?)
        })
        .await;
    assert_eq!(counted, (0, true), "what was not sent is no use");
}

#[tokio::test]
async fn a_credential_without_a_base_address_and_an_encoded_answer_are_told() {
    let scene = Scene::start().await;
    let shop = scene.app.website(&scene.admin, "Shop events", "a signing secret of a shop").await;
    scene.app.block(&scene.bot, "Sign", "website", Some(&shop)).await;
    let machine = scene.machine();
    assert_eq!(machine.get(&format!("/api/v1/credentials/{shop}/proxy/x")).await.problem(422), "not-http");
    let events = scene.app.events(ACME).await;
    let last = events.last().expect("a line");
    assert_eq!((last.outcome, last.code.as_str(), last.target_id.as_str()), (Outcome::Deny, "not-http", shop.as_str()));
    scene.app.service.prepare(Answer::json(200, &json!({})).with("content-encoding", "gzip"));
    assert_eq!(machine.get(&scene.at("proxy/me")).await.problem(502), "upstream-encoded");
    scene.app.service.prepare(Answer::Cut);
    assert_eq!(machine.get(&scene.at("proxy/me")).await.problem(502), "upstream-unreachable");
}

#[tokio::test]
async fn the_answer_tells_whether_the_credential_works() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    let id = scene.credential.clone();
    let status = async || {
        let id = id.clone();
        scene
            .app
            .read(move |conn| {
                Ok(credentials::table
                    .filter(credentials::id.eq(&id))
                    .select(credentials::status)
                    .first::<String>(conn)?)
            })
            .await
    };
    for (answer, wanted) in [(404, "working"), (403, "working"), (500, "working"), (200, "working"), (401, "broken")] {
        scene.app.service.prepare(Answer::json(answer, &json!({})));
        machine.get(&scene.at("proxy/orders")).await.expect(answer);
        assert_eq!(status().await, wanted, "after {answer}");
    }
    let cause: String =
        scene.app.read(|conn| Ok(checks::table.order(checks::id.desc()).select(checks::cause).first(conn)?)).await;
    assert_eq!(cause, "use");
    let sent_so_far = scene.app.service.requests().len();
    assert_eq!(machine.get(&scene.at("proxy/orders")).await.problem(409), "credential-broken");
    assert_eq!(scene.app.service.requests().len(), sent_so_far, "a refused key is not sent again");
    let (unverified, acme) = (scene.credential.clone(), scene.app.workspace(ACME).await);
    scene
        .app
        .write(move |tx| {
            for (status, n) in [("broken", 0), ("unverified", 1)] {
                let row = counts::table.filter(counts::status.eq(status)).filter(counts::workspace_id.eq(&acme));
                diesel::update(row).set(counts::n.eq(n)).execute(tx.conn())?;
            }
            let one = credentials::table.filter(credentials::id.eq(&unverified));
            Ok(diesel::update(one).set(credentials::status.eq("unverified")).execute(tx.conn())?)
        })
        .await;
    for (path, wanted) in [("proxy/orders", "unverified"), ("proxy/me", "working")] {
        scene.app.service.prepare(Answer::json(200, &json!({})));
        machine.get(&scene.at(path)).await.expect(200);
        assert_eq!(status().await, wanted, "after {path}");
    }
}

#[tokio::test]
async fn a_good_status_proves_nothing_where_the_check_reads_the_body() {
    let scene = Scene::start().await;
    let good = json!({ "ok": true, "bot_id": "B1", "user": "orders", "team": "Acme" });
    scene.app.service.prepare(Answer::json(200, &good));
    let form = [
        ("integration", "slack"),
        ("method", "bot_token"),
        ("name", "Alerts"),
        ("f.bot_token", "xoxb-0123456789-canary-0123456789"),
    ];
    let id = scene.app.create(&scene.admin, &form).await;
    scene.app.block(&scene.bot, "Tell the team", "slack", Some(&id)).await;
    scene.app.means.clock.advance(TimeDelta::days(8));
    credenza::jobs::keep_house(&scene.app).await.expect("a round");
    assert_eq!(scene.app.row(&id).await.status, Status::Unverified);
    scene.app.service.prepare(Answer::json(200, &json!({ "ok": false, "error": "invalid_auth" })));
    let path = format!("/api/v1/credentials/{id}/proxy/auth.test");
    sent(scene.machine().request("POST", &path)).await.expect(200);
    assert_eq!(scene.app.service.requests().last().expect("a call").path(), "/api/auth.test");
    assert_eq!(scene.app.row(&id).await.status, Status::Unverified);
}

#[tokio::test]
async fn t139_a_late_answer_is_not_written_to_what_was_deleted_meanwhile() {
    let scene = Scene::start().await;
    let before = scene.app.service.requests().len();
    let refused = Answer::json(401, &json!({}));
    scene.app.service.prepare(Answer::Late(Duration::from_secs(2), Box::new(refused)));
    let (machine, path) = (scene.machine(), scene.at("proxy/orders"));
    let (answered, ()) = tokio::join!(machine.get(&path), async {
        while scene.app.service.requests().len() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let path = format!("/w/acme/credentials/{}/deletion", scene.credential);
        scene.admin.post(&path, &[("confirm_name", "Order service")]).await.expect(303);
    });
    answered.expect(401);
    let id = scene.credential.clone();
    let (status, is_deleted): (String, bool) = scene
        .app
        .read(move |conn| {
            let one = credentials::table.filter(credentials::id.eq(&id));
            Ok(one.select((credentials::status, credentials::deleted_at.is_not_null())).first(conn)?)
        })
        .await;
    assert_eq!((status.as_str(), is_deleted), ("working", true));
    let events = scene.app.events(ACME).await;
    assert_eq!(events.last().expect("a line").action, "credential.deleted");
    assert_eq!(machine.get(&path).await.problem(410), "credential-deleted");
}

#[tokio::test]
async fn a_long_answer_flows_and_copies_split_over_pieces_are_hidden() {
    let scene = Scene::start().await;
    let mut body = "x".repeat(3_000_000);
    for at in [0, 16_380, 65_530, 1_000_003] {
        body.replace_range(at..at + TOKEN.len(), TOKEN);
    }
    scene.app.service.prepare(Answer::html(200, &body));
    let reply = scene.machine().get(&scene.at("proxy/long")).await.expect(200);
    assert_eq!(reply.body.len(), body.len());
    assert!(!reply.body.contains(TOKEN));
    assert_eq!(reply.body.matches(&"*".repeat(TOKEN.len())).count(), 4);
}
