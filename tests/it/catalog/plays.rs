//! For every method of the shipped catalogue: what a person types, and the conversation of a good check.

use crate::support::http_server::Answer;
use serde_json::{Value, json};

/// One method with example values.
pub struct Play {
    /// Id of the integration.
    pub integration: &'static str,
    /// Id of the method.
    pub method: &'static str,
    /// What is typed into the form.
    pub typed: Vec<(&'static str, String)>,
    /// The requests of a good check, with their answers.
    pub exchanges: Vec<Exchange>,
    /// “Connected as” of a good check.
    pub identity: Option<&'static str>,
}

/// A request that must come and the answer to it.
pub struct Exchange {
    /// Verb.
    pub method: &'static str,
    /// Host of the address, as the TLS handshake and the header must name it.
    pub host: &'static str,
    /// Path.
    pub path: &'static str,
    /// Query, decoded, in any order.
    pub query: Vec<(&'static str, &'static str)>,
    /// Headers beyond the usual ones.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Body,
    /// What is answered.
    pub answer: Answer,
}

/// The body of a request.
pub enum Body {
    /// None.
    Nothing,
    /// A form, in any order.
    Form(Vec<(&'static str, &'static str)>),
    /// JSON.
    Json(Value),
    /// A form with a signed assertion (RFC 7523) of these claims, `iat` and `exp` aside.
    Assertion(Value, u64),
}

/// The private key of the examples.
pub const KEY: &str = include_str!("fixtures/rsa.pem");

/// Every method once, some with other values again.
pub fn all() -> Vec<Play> {
    let mut plays = vec![smtp(), smtp_starttls(), stripe(), openai(), openai_compatible(), whatsapp(), google_sheets()];
    plays.extend([shopify_admin_token(), shopify_client_credentials()]);
    plays.extend([salesforce_jwt(), salesforce_client_credentials(), sap(), rd_marketing(), rd_crm(), website()]);
    plays.extend(http());
    plays
}

impl Play {
    /// The name for messages of failed tests.
    pub fn name(&self) -> String {
        format!("{}.{}", self.integration, self.method)
    }

    /// What was typed into a field.
    pub fn value(&self, field: &str) -> &str {
        self.typed.iter().find(|(name, _)| *name == field).map_or("", |(_, value)| value)
    }
}

fn play(integration: &'static str, method: &'static str, typed: &[(&'static str, &str)]) -> Play {
    let typed = typed.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Play { integration, method, typed, exchanges: Vec::new(), identity: None }
}

fn get(host: &'static str, path: &'static str, answer: Value) -> Exchange {
    let (query, headers) = (Vec::new(), Vec::new());
    Exchange { method: "GET", host, path, query, headers, body: Body::Nothing, answer: Answer::json(200, &answer) }
}

fn post(host: &'static str, path: &'static str, body: Body, answer: Value) -> Exchange {
    Exchange { method: "POST", body, ..get(host, path, answer) }
}

impl Exchange {
    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }
}

fn smtp() -> Play {
    let typed = [
        ("host", "mail.example.test"),
        ("tls", "implicit"),
        ("port", "465"),
        ("user", "bot@example.test"),
        ("password", "Pl4y-through-secret"),
        ("from", "bot@example.test"),
        ("helo", "bots.example.test"),
    ];
    play("smtp", "password", &typed)
}

fn smtp_starttls() -> Play {
    let typed = [
        ("host", "mail.example.test"),
        ("tls", "starttls"),
        ("port", "587"),
        ("user", "bot@example.test"),
        ("password", "Pl4y-through-secret"),
    ];
    play("smtp", "password", &typed)
}

/// A relay that trusts our address: nobody signs in.
pub fn smtp_relay() -> Play {
    let typed = [("host", "relay.example.test"), ("tls", "implicit"), ("port", "465"), ("user", "")];
    play("smtp", "password", &typed)
}

fn stripe() -> Play {
    let typed = [
        ("secret_key", "rk_test_PlayThrough0123456789"),
        ("webhook_secret", "whsec_PlayThroughIsNeverSent"),
        ("context", "acct_1PlayThrough"),
    ];
    let call = get("api.stripe.com", "/v1/balance", json!({ "object": "balance", "available": [] }))
        .bearer("rk_test_PlayThrough0123456789")
        .header("stripe-context", "acct_1PlayThrough");
    Play { exchanges: vec![call], ..play("stripe", "api_key", &typed) }
}

fn openai() -> Play {
    let typed = [("api_key", "sk-proj-PlayThrough-0123456789"), ("organization", "org-play")];
    let call = get("api.openai.com", "/v1/models", json!({ "object": "list", "data": [] }))
        .bearer("sk-proj-PlayThrough-0123456789")
        .header("openai-organization", "org-play");
    Play { exchanges: vec![call], ..play("openai", "api_key", &typed) }
}

fn openai_compatible() -> Play {
    let typed =
        [("api_key", "a-local-key-of-any-shape"), ("custom", "true"), ("base_url", "https://llm.example.test/api/v1/")];
    let call = get("llm.example.test", "/api/v1/models", json!({ "data": [{ "id": "tiny" }] }))
        .bearer("a-local-key-of-any-shape");
    Play { exchanges: vec![call], ..play("openai", "api_key", &typed) }
}

fn whatsapp() -> Play {
    let typed = [
        ("access_token", "EAAPlayThrough0123456789"),
        ("phone_number_id", " 106540352242922 "),
        ("waba_id", "102290129340398"),
        ("app_secret", "0123456789abcdef0123456789abcdef"),
    ];
    let answer =
        json!({ "verified_name": "Acme Store", "display_phone_number": "+55 11 5555-0100", "id": "106540352242922" });
    let mut call = get("graph.facebook.com", "/v25.0/106540352242922", answer).bearer("EAAPlayThrough0123456789");
    call.query.push(("fields", "verified_name,display_phone_number,quality_rating"));
    let identity = Some("Acme Store +55 11 5555-0100");
    Play { exchanges: vec![call], identity, ..play("whatsapp-cloud", "system_user", &typed) }
}

fn google_sheets() -> Play {
    let key = json!({
        "type": "service_account",
        "client_email": "bots@play.iam.gserviceaccount.com",
        "private_key": KEY,
        // The file's own address must not be used: whoever forges a file would receive the assertion.
        "token_uri": "https://evil.example.test/token",
    });
    let claims = json!({
        "iss": "bots@play.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/spreadsheets",
        "aud": "https://oauth2.googleapis.com/token",
    });
    let answer = json!({ "access_token": "ya29.play", "expires_in": 3599, "token_type": "Bearer" });
    let call = post("oauth2.googleapis.com", "/token", Body::Assertion(claims, 3600), answer);
    let identity = Some("bots@play.iam.gserviceaccount.com");
    Play { exchanges: vec![call], identity, ..play("google-sheets", "service_account", &[("key", &key.to_string())]) }
}

const SHOPIFY_TOKEN: &str = "shpat_0123456789abcdef0123456789abcdef";

fn shopify_call() -> Exchange {
    let query = Body::Json(json!({ "query": "{ shop { name } }" }));
    let answer = json!({ "data": { "shop": { "name": "Acme Store" } } });
    post("acme-store.myshopify.com", "/admin/api/2026-04/graphql.json", query, answer)
        .header("x-shopify-access-token", SHOPIFY_TOKEN)
}

fn shopify_admin_token() -> Play {
    let typed = [("shop", "https://Acme-Store.myshopify.com/admin"), ("access_token", SHOPIFY_TOKEN)];
    let identity = Some("Acme Store");
    Play { exchanges: vec![shopify_call()], identity, ..play("shopify", "admin_token", &typed) }
}

fn shopify_client_credentials() -> Play {
    let typed = [
        ("shop", "acme-store"),
        ("client_id", "fedcba9876543210fedcba9876543210"),
        ("client_secret", "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"),
    ];
    let form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", "fedcba9876543210fedcba9876543210"),
        ("client_secret", "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"),
    ];
    let answer = json!({ "access_token": SHOPIFY_TOKEN, "scope": "read_products", "expires_in": 86399 });
    let token = post("acme-store.myshopify.com", "/admin/oauth/access_token", Body::Form(form), answer);
    let identity = Some("Acme Store");
    Play { exchanges: vec![token, shopify_call()], identity, ..play("shopify", "client_credentials", &typed) }
}

fn salesforce_token(body: Body) -> Exchange {
    let answer = json!({ "access_token": "00Dplay!token", "instance_url": "https://acme.my.salesforce.com" });
    let host = if matches!(body, Body::Form(_)) { "acme.my.salesforce.com" } else { "login.salesforce.com" };
    post(host, "/services/oauth2/token", body, answer)
}

fn salesforce_call() -> Exchange {
    let answer = json!({ "preferred_username": "bots@acme.example", "organization_id": "00D000000000001" });
    get("acme.my.salesforce.com", "/services/oauth2/userinfo", answer).bearer("00Dplay!token")
}

const SALESFORCE_USER: Option<&str> = Some("bots@acme.example (00D000000000001)");

fn salesforce_jwt() -> Play {
    let typed = [("client_id", "3MVG9PlayThrough"), ("username", "bots@acme.example"), ("private_key", KEY)];
    let claims =
        json!({ "iss": "3MVG9PlayThrough", "sub": "bots@acme.example", "aud": "https://login.salesforce.com" });
    let exchanges = vec![salesforce_token(Body::Assertion(claims, 180)), salesforce_call()];
    Play { exchanges, identity: SALESFORCE_USER, ..play("salesforce", "jwt", &typed) }
}

fn salesforce_client_credentials() -> Play {
    let typed = [
        ("login_host", "acme.my.salesforce.com"),
        ("client_id", "3MVG9PlayThrough"),
        ("client_secret", "PLAYTHROUGH0123456789"),
    ];
    let form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", "3MVG9PlayThrough"),
        ("client_secret", "PLAYTHROUGH0123456789"),
    ];
    let exchanges = vec![salesforce_token(Body::Form(form)), salesforce_call()];
    Play { exchanges, identity: SALESFORCE_USER, ..play("salesforce", "client_credentials", &typed) }
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

fn rd_marketing() -> Play {
    play("rd-station", "marketing_api_key", &[("api_key", "a-key-for-conversions")])
}

fn rd_crm() -> Play {
    let mut call = get("crm.rdstation.com", "/api/v1/token/check", json!({}));
    call.query.push(("token", "0123456789abcdef01234567"));
    let typed = [("token_value", "0123456789abcdef01234567")];
    Play { exchanges: vec![call], ..play("rd-station", "crm_token", &typed) }
}

fn website() -> Play {
    let typed = [("url", "https://www.example.test/chat"), ("signing_secret", "sixteen-characters-and-more")];
    play("website", "webhook", &typed)
}

fn http_play(method: &'static str, typed: &[(&'static str, &str)], call: Exchange) -> Play {
    let mut all = vec![("base_url", "https://api.example.test/v1/"), ("check_path", "/me?full=1")];
    all.extend(typed);
    Play { exchanges: vec![call], ..play("http", method, &all) }
}

fn http() -> [Play; 4] {
    let call = || {
        let mut call = get("api.example.test", "/v1/me", json!({}));
        call.query.push(("full", "1"));
        call
    };
    let mut query = call();
    query.query.push(("api_key", "p&ss=word?"));
    [
        http_play("bearer", &[("token", "token-of-a-test")], call().bearer("token-of-a-test")),
        http_play(
            "header",
            &[("header_name", "X-Auth-Key"), ("value", "Key value-of-a-test")],
            call().header("x-auth-key", "Key value-of-a-test"),
        ),
        http_play("query", &[("parameter", "api_key"), ("value", "p&ss=word?")], query),
        http_play(
            "basic",
            &[("user", "bot"), ("password", "pass:word")],
            // RFC 7617: base64 of `bot:pass:word`.
            call().header("authorization", "Basic Ym90OnBhc3M6d29yZA=="),
        ),
    ]
}
