//! Plays of the methods that ask a person for consent, and of those beside them: the token is there already.

use super::{Body, Exchange, Play, get, play, post};
use serde_json::{Value, json};

const TOKEN: &str = "play-token";

pub fn all() -> Vec<Play> {
    let mut plays = vec![gmail_smtp(), microsoft_smtp(), whatsapp(), salesforce(), shopify(), bling(), nuvemshop()];
    plays.extend([google("google-sheets", "spreadsheets"), google("google-drive", "drive.file")]);
    plays.extend([google("google-calendar", "calendar"), google("gmail", "gmail.send"), onedrive()]);
    plays.extend(["excel", "teams", "outlook"].map(microsoft));
    plays.extend([rd_marketing(), rd_crm(), zoom(), zoom_server(), xero(), quickbooks(), own_code(), own_client()]);
    plays.extend([slack(), hubspot(), pipedrive()]);
    plays.extend([github(), notion(), airtable(), mercado_pago()]);
    plays
}

const CLIENT: [(&str, &str); 2] = [("client_id", "a-client"), ("client_secret", "a-client-secret")];

fn consent(
    integration: &'static str,
    method: &'static str,
    typed: &[(&'static str, &str)],
    call: Exchange,
    identity: Option<&'static str>,
) -> Play {
    let typed: Vec<_> = CLIENT.into_iter().chain(typed.iter().copied()).collect();
    let kept = vec![("token", TOKEN.to_owned())];
    Play { exchanges: vec![call], kept, identity, ..play(integration, method, &typed) }
}

fn mail(integration: &'static str, host: &str, mode: &str) -> Play {
    let kept = [("token", TOKEN), ("host", host), ("tls", mode)];
    let kept = kept.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    let typed = [CLIENT[0], CLIENT[1], ("user", "bots@example.test")];
    Play { kept, identity: Some("bots@example.test"), ..play(integration, "smtp", &typed) }
}

fn gmail_smtp() -> Play {
    mail("gmail", "smtp.gmail.com", "implicit")
}

fn microsoft_smtp() -> Play {
    mail("microsoft-365", "smtp.office365.com", "starttls")
}

fn google(integration: &'static str, scope: &str) -> Play {
    let answer =
        json!({ "scope": format!("openid https://www.googleapis.com/auth/{scope}"), "email": "bots@example.test" });
    let mut call = get("oauth2.googleapis.com", "/tokeninfo", answer);
    call.query.push(("access_token", TOKEN));
    consent(integration, "oauth", &[], call, Some("bots@example.test"))
}

fn microsoft(method: &'static str) -> Play {
    let answer = json!({ "id": "1", "userPrincipalName": "bots@example.test" });
    consent(
        "microsoft-365",
        method,
        &[],
        get("graph.microsoft.com", "/v1.0/me", answer).bearer(TOKEN),
        Some("bots@example.test"),
    )
}

fn onedrive() -> Play {
    let answer = json!({ "id": "1", "owner": { "user": { "displayName": "Bots" } } });
    consent(
        "microsoft-365",
        "onedrive",
        &[],
        get("graph.microsoft.com", "/v1.0/me/drive", answer).bearer(TOKEN),
        Some("Bots"),
    )
}

fn whatsapp() -> Play {
    let answer = json!({ "verified_name": "Acme", "display_phone_number": "+55 11", "id": "1" });
    let mut call = get("graph.facebook.com", "/v25.0/106540352242922", answer).bearer(TOKEN);
    call.query.push(("fields", "verified_name,display_phone_number,quality_rating"));
    consent("whatsapp-cloud", "oauth", &[("phone_number_id", "106540352242922")], call, Some("Acme +55 11"))
}

fn salesforce() -> Play {
    let answer = json!({ "preferred_username": "bots@acme.example", "organization_id": "00D1" });
    let call = get("acme.my.salesforce.com", "/services/oauth2/userinfo", answer).bearer(TOKEN);
    let mut play = consent("salesforce", "oauth", &[], call, Some("bots@acme.example (00D1)"));
    play.kept.push(("instance_url", "https://acme.my.salesforce.com".to_owned()));
    play
}

fn shopify() -> Play {
    let query = Body::Json(json!({ "query": "{ shop { name } }" }));
    let answer = json!({ "data": { "shop": { "name": "Acme Store" } } });
    let call = post("acme-store.myshopify.com", "/admin/api/2026-04/graphql.json", query, answer)
        .header("x-shopify-access-token", TOKEN);
    consent("shopify", "oauth", &[("shop", "acme-store")], call, Some("Acme Store"))
}

fn bling() -> Play {
    let mut call = get("api.bling.com.br", "/Api/v3/contatos", json!({ "data": [] })).bearer(TOKEN);
    call.query.push(("limite", "1"));
    consent("bling", "oauth", &[], call, None)
}

fn nuvemshop() -> Play {
    let call = get("api.nuvemshop.com.br", "/v1/123/store", json!({ "id": 123, "name": { "pt": "Loja Acme" } }))
        .header("authentication", &format!("bearer {TOKEN}"));
    let mut play = consent("nuvemshop", "oauth", &[], call, Some("Loja Acme"));
    play.kept.push(("store_id", "123".to_owned()));
    play
}

fn rd_marketing() -> Play {
    let call = get("api.rd.services", "/marketing/account_info", json!({ "name": "Acme" })).bearer(TOKEN);
    consent("rd-station", "marketing_oauth", &[], call, Some("Acme"))
}

fn rd_crm() -> Play {
    consent("rd-station", "crm_oauth", &[], get("api.rd.services", "/crm/v2/users", json!({})).bearer(TOKEN), None)
}

fn zoom_call() -> Exchange {
    get("api.zoom.us", "/v2/users/me", json!({ "id": "1", "email": "bots@example.test" })).bearer(TOKEN)
}

fn zoom() -> Play {
    consent("zoom", "oauth", &[], zoom_call(), Some("bots@example.test"))
}

fn zoom_server() -> Play {
    let typed = [CLIENT[0], CLIENT[1], ("account_id", "an-account")];
    let form = Body::Form(vec![("grant_type", "account_credentials"), ("account_id", "an-account")]);
    let token = post("zoom.us", "/oauth/token", form, json!({ "access_token": TOKEN, "expires_in": 3600 }))
        .header("authorization", "Basic YS1jbGllbnQ6YS1jbGllbnQtc2VjcmV0");
    let identity = Some("bots@example.test");
    Play { exchanges: vec![token, zoom_call()], identity, ..play("zoom", "server_to_server", &typed) }
}

fn xero() -> Play {
    let call =
        get("api.xero.com", "/connections", json!([{ "tenantId": "1", "tenantName": "Acme Ltd" }])).bearer(TOKEN);
    consent("xero", "oauth", &[], call, Some("Acme Ltd"))
}

fn quickbooks() -> Play {
    let answer = json!({ "CompanyInfo": { "CompanyName": "Acme Ltd" } });
    let call = get("quickbooks.api.intuit.com", "/v3/company/91305/companyinfo/91305", answer).bearer(TOKEN);
    let mut play = consent("quickbooks", "oauth", &[], call, Some("Acme Ltd"));
    play.kept.push(("realm_id", "91305".to_owned()));
    play
}

const OWN: [(&str, &str); 4] = [
    ("token_url", "https://login.example.test/token"),
    ("base_url", "https://api.example.test/v1"),
    ("check_path", "/me"),
    ("scope", "read"),
];

fn me() -> Value {
    json!({ "sub": "7", "login": "bots" })
}

fn own_code() -> Play {
    let mut typed = OWN.to_vec();
    typed.push(("authorize_url", "https://login.example.test/authorize"));
    consent("oauth2", "code", &typed, get("api.example.test", "/v1/me", me()).bearer(TOKEN), Some("bots"))
}

fn own_client() -> Play {
    let typed: Vec<_> = CLIENT.into_iter().chain(OWN).collect();
    let form = Body::Form(vec![("grant_type", "client_credentials"), ("scope", "read")]);
    let token = post("login.example.test", "/token", form, json!({ "access_token": TOKEN }))
        .header("authorization", "Basic YS1jbGllbnQ6YS1jbGllbnQtc2VjcmV0");
    let call = get("api.example.test", "/v1/me", me()).bearer(TOKEN);
    Play { exchanges: vec![token, call], identity: Some("bots"), ..play("oauth2", "client_credentials", &typed) }
}

fn slack() -> Play {
    let answer = json!({ "ok": true, "bot_id": "B1", "user": "bots", "team": "Acme" });
    consent(
        "slack",
        "oauth",
        &[],
        post("slack.com", "/api/auth.test", Body::Nothing, answer).bearer(TOKEN),
        Some("bots @ Acme"),
    )
}

fn hubspot() -> Play {
    let answer = json!({ "portalId": 7, "uiDomain": "app.hubspot.com", "accountType": "STANDARD" });
    let call = get("api.hubapi.com", "/account-info/2026-03/details", answer).bearer(TOKEN);
    consent("hubspot", "oauth", &[], call, Some("app.hubspot.com · 7 · STANDARD"))
}

fn pipedrive() -> Play {
    let answer = json!({ "success": true, "data": { "id": 1, "name": "Bots", "company_name": "Acme" } });
    let call = get("acme.pipedrive.com", "/api/v1/users/me", answer).bearer(TOKEN);
    let mut play = consent("pipedrive", "oauth", &[], call, Some("Bots @ Acme"));
    play.kept.push(("api_domain", "https://acme.pipedrive.com".to_owned()));
    play
}

fn github() -> Play {
    let call = get("api.github.com", "/user", json!({ "login": "acme-bots" }))
        .bearer(TOKEN)
        .header("accept", "application/vnd.github+json")
        .header("x-github-api-version", "2022-11-28");
    consent("github", "oauth", &[], call, Some("acme-bots"))
}

fn notion() -> Play {
    let answer = json!({ "object": "user", "name": "Bots", "bot": { "workspace_name": "Acme" } });
    let call = get("api.notion.com", "/v1/users/me", answer).bearer(TOKEN).header("notion-version", "2022-06-28");
    consent("notion", "oauth", &[], call, Some("Acme (Bots)"))
}

fn airtable() -> Play {
    let answer = json!({ "id": "usr1", "email": "bots@example.test" });
    consent(
        "airtable",
        "oauth",
        &[],
        get("api.airtable.com", "/v0/meta/whoami", answer).bearer(TOKEN),
        Some("bots@example.test"),
    )
}

fn mercado_pago() -> Play {
    let answer = json!({ "id": 1, "nickname": "ACME", "site_id": "MLB" });
    consent(
        "mercado-pago",
        "oauth",
        &[],
        get("api.mercadopago.com", "/users/me", answer).bearer(TOKEN),
        Some("ACME (MLB)"),
    )
}
