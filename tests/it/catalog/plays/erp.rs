//! Books and stock.

use super::{Body, Play, play, post};
use crate::support::http_server::Answer;
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![sap()]
}

fn sap() -> Play {
    let typed = [
        ("base_url", "https://hana.example.test:50000/b1s/v1/"),
        ("company_db", "SBODEMOBR"),
        ("username", "bots"),
        ("password", "Pl4y-through-secret"),
    ];
    let login = json!({ "CompanyDB": "SBODEMOBR", "UserName": "bots", "Password": "Pl4y-through-secret" });
    let session = json!({ "SessionId": "session-of-a-test", "SessionTimeout": 30 });
    let mut login = post("hana.example.test", "/b1s/v1/Login", Body::Json(login), session);
    login.answer = login
        .answer
        .with("set-cookie", "B1SESSION=session-of-a-test; HttpOnly; SameSite=None")
        .with("set-cookie", "ROUTEID=.node1; path=/b1s");
    let mut logout = post("hana.example.test", "/b1s/v1/Logout", Body::Nothing, json!({}))
        .header("cookie", "B1SESSION=session-of-a-test; ROUTEID=.node1");
    logout.answer = Answer::Reply(204, Vec::new(), Vec::new());
    let identity = Some("bots @ SBODEMOBR");
    Play { exchanges: vec![login, logout], identity, ..play("sap-business-one", "session", &typed) }
}
