//! Books and stock.

use super::{Body, Play, play, post};
use crate::support::http_server::Answer;
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![omie(), sap()]
}

fn omie() -> Play {
    let typed = [("app_key", "1234567890123"), ("app_secret", "0123456789abcdef0123456789abcdef")];
    let body = json!({
        "call": "ListarEmpresas",
        "param": [{ "pagina": 1, "registros_por_pagina": 1, "apenas_importado_api": "N" }],
        "app_key": "1234567890123",
        "app_secret": "0123456789abcdef0123456789abcdef",
    });
    let company = json!({ "codigo_empresa": 1, "razao_social": "Acme Comércio Ltda", "nome_fantasia": "Acme" });
    let answer = json!({ "pagina": 1, "total_de_registros": 1, "empresas_cadastro": [company] });
    let call = post("app.omie.com.br", "/api/v1/geral/empresas/", Body::Json(body), answer);
    Play { exchanges: vec![call], identity: Some("Acme"), ..play("omie", "app_key", &typed) }
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
