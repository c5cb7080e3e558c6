//! Passkeys, with an authenticator in software that can be made to lie.

use super::{deliver, kept};
use crate::support::app::{ACME, TestApp, email};
use crate::support::dump::dump;
use crate::support::person::{Person, Reply};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use chrono::TimeDelta;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const ASK: &str = "/sign-in/passkey/options";
const PAGE: &str = "/account/passkeys";

/// What of an answer is not as it should be.
#[derive(Default, Clone)]
struct Lie {
    origin: Option<String>,
    site: Option<&'static str>,
    challenge: Option<String>,
    no_gesture: bool,
    counter: Option<u32>,
    signature: bool,
}

/// A device with one passkey.
struct Device {
    pair: EcdsaKeyPair,
    id: Vec<u8>,
    user: String,
    origin: String,
    counter: std::cell::Cell<u32>,
}

impl Device {
    fn new(app: &TestApp) -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_ASN1_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key");
        let id = Sha256::digest(pair.public_key().as_ref()).to_vec();
        let origin = app.base.replace("127.0.0.1", "localhost");
        Self { pair, id, user: String::new(), origin, counter: 1.into() }
    }

    fn client(&self, kind: &str, challenge: &Value, lie: &Lie) -> Vec<u8> {
        let challenge = lie.challenge.clone().unwrap_or_else(|| challenge.as_str().expect("a challenge").to_owned());
        let origin = lie.origin.clone().unwrap_or_else(|| self.origin.clone());
        json!({ "type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false }).to_string().into_bytes()
    }

    fn head(&self, flags: u8, lie: &Lie) -> Vec<u8> {
        let counter = lie.counter.unwrap_or_else(|| self.counter.get());
        let mut data = Sha256::digest(lie.site.unwrap_or("localhost").as_bytes()).to_vec();
        data.push(if lie.no_gesture { flags & !0x04 } else { flags });
        data.extend(counter.to_be_bytes());
        data
    }

    /// Makes its passkey for a challenge.
    fn register(&mut self, asked: &Value, lie: &Lie) -> String {
        self.user = asked["publicKey"]["user"]["id"].as_str().expect("a user").to_owned();
        let public = self.pair.public_key().as_ref();
        let mut data = self.head(0x45, lie);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).expect("short").to_be_bytes());
        data.extend(&self.id);
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(&public[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&public[33..65]);
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).expect("short"));
        object.extend(data);
        let client = self.client("webauthn.create", &asked["publicKey"]["challenge"], lie);
        self.answer(json!({ "attestationObject": B64.encode(object), "clientDataJSON": B64.encode(client) }))
    }

    /// Answers a challenge.
    fn sign(&self, asked: &Value, lie: &Lie) -> String {
        self.counter.set(self.counter.get() + 1);
        let data = self.head(0x05, lie);
        let client = self.client("webauthn.get", &asked["publicKey"]["challenge"], lie);
        let mut signed = data.clone();
        signed.extend(Sha256::digest(&client));
        if lie.signature {
            signed.push(0);
        }
        let signature = self.pair.sign(&SystemRandom::new(), &signed).expect("a signature");
        self.answer(json!({
            "authenticatorData": B64.encode(data), "clientDataJSON": B64.encode(client),
            "signature": B64.encode(signature.as_ref()), "userHandle": self.user,
        }))
    }

    fn answer(&self, response: Value) -> String {
        let id = B64.encode(&self.id);
        json!({ "id": id, "rawId": id, "type": "public-key", "extensions": {}, "response": response }).to_string()
    }
}

async fn asked(person: &Person, path: &str) -> Value {
    serde_json::from_str(&person.post(path, &[]).await.expect(200).body).expect("JSON")
}

async fn add(app: &TestApp, person: &Person) -> Device {
    let mut device = Device::new(app);
    let asked = asked(person, "/account/passkeys/options").await;
    assert_eq!(asked["publicKey"]["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(asked["publicKey"]["authenticatorSelection"]["residentKey"], "required");
    let credential = device.register(&asked, &Lie::default());
    person.post(PAGE, &[("name", "Laptop"), ("credential", &credential)]).await.expect(303);
    device
}

async fn sign_in(person: &Person, device: &Device, lie: &Lie) -> Reply {
    let asked = asked(person, ASK).await;
    person.post("/sign-in/passkey", &[("credential", &device.sign(&asked, lie)), ("next", "/account")]).await
}

#[tokio::test]
async fn a_passkey_is_enough_alone_and_stands_for_a_second_factor() {
    let app = TestApp::start().await;
    let (member, elsewhere) = (app.member().await, app.member().await);
    let device = add(&app, &member).await;
    elsewhere.get("/account").await.expect(303);
    let codes = member.get("/account/second-factor").await.expect(200).texts("#recovery-codes li");
    assert_eq!(codes.len(), 10);
    assert_eq!(member.get(PAGE).await.expect(200).texts("tbody .name"), ["Laptop"]);
    let person = app.anon();
    assert_eq!(sign_in(&person, &device, &Lie::default()).await.expect(303).location(), "/account");
    person.get("/w/acme/credentials").await.expect(200);
    // It gets another name, without a proof and without anybody being signed out.
    let id = member.get(PAGE).await.expect(200).attributes("input[name=rename]", "value").remove(0);
    let refused = member.post(PAGE, &[("rename", &id), ("name", " ")]).await.expect(422);
    assert_eq!(refused.texts("details[open] .why").len(), 1);
    app.admin().await.post(PAGE, &[("rename", &id), ("name", "Mine")]).await.expect(404);
    app.admin().await.post(PAGE, &[("rename", &id), ("name", "")]).await.expect(404);
    member.post(PAGE, &[("rename", &id), ("name", "Key ring")]).await.expect(303);
    assert_eq!(member.get(PAGE).await.expect(200).texts("tbody .name"), ["Key ring"]);
    // The password alone is not enough any more.
    let other = app.anon();
    assert_eq!(other.sign_in(&email("member", ACME)).await.expect(303).location(), "/sign-in/second-factor");
    sign_in(&other, &device, &Lie::default()).await.expect(303);
    other.get("/account").await.expect(200);
    deliver(&app).await;
    assert!(kept(&app).iter().any(|mail| mail.contains("a passkey was added")));
    // Removed, it opens nothing.
    let id = member.get(PAGE).await.expect(200).attributes("details input[name=remove]", "value").remove(0);
    app.admin().await.post(PAGE, &[("remove", &id)]).await.expect(404);
    member.post(PAGE, &[("remove", &id)]).await.expect(303);
    other.get("/account").await.expect(303);
    sign_in(&app.anon(), &device, &Lie::default()).await.expect(401);
    app.person(&email("member", ACME)).await.get("/account").await.expect(200);
    let lines: Vec<String> = app.instance_events().await.into_iter().map(|line| line.action).collect();
    for action in
        ["person.passkey_added", "person.passkey_renamed", "person.passkey_removed", "person.password_accepted"]
    {
        assert!(lines.iter().any(|line| line == action), "{action}");
    }
    app.prove_audit().await;
}

#[tokio::test]
async fn t024_an_answer_that_is_not_true_signs_nobody_in() {
    let app = TestApp::start().await;
    let device = add(&app, &app.member().await).await;
    sign_in(&app.anon(), &device, &Lie::default()).await.expect(303);
    let lies = [
        Lie { origin: Some("https://evil.example".to_owned()), ..Lie::default() },
        Lie { origin: Some(device.origin.replace("http:", "https:")), ..Lie::default() },
        Lie { site: Some("evil.example"), ..Lie::default() },
        Lie { challenge: Some(B64.encode([7; 32])), ..Lie::default() },
        Lie { no_gesture: true, ..Lie::default() },
        Lie { counter: Some(1), ..Lie::default() },
        Lie { signature: true, ..Lie::default() },
    ];
    for lie in &lies {
        let person = app.anon();
        sign_in(&person, &device, lie).await.expect(401);
        person.get("/account").await.expect(303);
    }
    // Replayed by the same browser, and by another one.
    let (person, thief) = (app.anon(), app.anon());
    let asked_once = asked(&person, ASK).await;
    let answer = device.sign(&asked_once, &Lie::default());
    asked(&thief, ASK).await;
    thief.post("/sign-in/passkey", &[("credential", &answer)]).await.expect(401);
    person.post("/sign-in/passkey", &[("credential", &answer)]).await.expect(303);
    person.post("/sign-in/passkey", &[("credential", &answer)]).await.expect(401);
    app.anon().post("/sign-in/passkey", &[("credential", &answer)]).await.expect(401);
    for nonsense in ["", "{}", "null", "\u{1f511}"] {
        let person = app.anon();
        asked(&person, ASK).await;
        person.post("/sign-in/passkey", &[("credential", nonsense)]).await.expect(401);
    }
    // Without a challenge there is nothing to write down, so that nobody can grow the log.
    let lines = app.instance_events().await.len();
    for _ in 0..3 {
        app.anon().post("/sign-in/passkey", &[("credential", &answer)]).await.expect(401);
    }
    assert_eq!(app.instance_events().await.len(), lines);
    // In somebody else's name.
    let mut other = Device::new(&app);
    other.user = B64.encode(uuid::Uuid::parse_str(app.user(&email("admin", ACME)).await.as_str()).expect("an id"));
    sign_in(&app.anon(), &other, &Lie::default()).await.expect(401);
    sign_in(&app.anon(), &device, &Lie::default()).await.expect(303);
}

#[tokio::test]
async fn challenges_that_nobody_answers_slow_a_network_down_and_true_answers_do_not() {
    let app = TestApp::start().await;
    let device = add(&app, &app.member().await).await;
    for _ in 0..40 {
        sign_in(&app.anon(), &device, &Lie::default()).await.expect(303);
    }
    for _ in 0..30 {
        app.anon().post(ASK, &[]).await.expect(200);
    }
    let reply = app.anon().post(ASK, &[]).await.expect(429);
    assert!(reply.header("retry-after").is_some());
    app.means.clock.advance(TimeDelta::seconds(31));
    sign_in(&app.anon(), &device, &Lie::default()).await.expect(303);
    // A password that is tried too often does not stand in the way of a passkey.
    for _ in 0..6 {
        let wrong = [("email", email("member", ACME)), ("password", "not the password at all".to_owned())];
        crate::support::person::sent(app.anon().request("POST", "/sign-in").form(&wrong)).await;
    }
    sign_in(&app.anon(), &device, &Lie::default()).await.expect(303);
}

#[tokio::test]
async fn t024_a_passkey_is_made_for_the_challenge_of_this_person_only() {
    let app = TestApp::start().await;
    let (member, admin) = (app.member().await, app.admin().await);
    let mut device = Device::new(&app);
    let lies = [
        Lie { origin: Some("https://evil.example".to_owned()), ..Lie::default() },
        Lie { site: Some("evil.example"), ..Lie::default() },
        Lie { challenge: Some(B64.encode([7; 32])), ..Lie::default() },
        Lie { no_gesture: true, ..Lie::default() },
    ];
    for lie in &lies {
        let asked = asked(&member, "/account/passkeys/options").await;
        let credential = device.register(&asked, lie);
        let reply = member.post(PAGE, &[("name", "Laptop"), ("credential", &credential)]).await.expect(422);
        assert_eq!(reply.attributes("#name-error", "data-code"), ["passkey"]);
    }
    let asked_member = asked(&member, "/account/passkeys/options").await;
    let credential = device.register(&asked_member, &Lie::default());
    admin.post(PAGE, &[("name", "Laptop"), ("credential", &credential)]).await.expect(422);
    member.post(PAGE, &[("name", ""), ("credential", &credential)]).await.expect(422);
    assert!(dump(&mut app.database.connect())["passkeys"].is_empty());
    app.means.clock.advance(TimeDelta::minutes(11));
    let reply = member.post("/account/passkeys/options", &[]).await.expect(401);
    assert!(reply.header("hx-redirect").is_some_and(|to| to.starts_with("/confirm")));
    member.post(PAGE, &[("name", "Laptop"), ("credential", &credential)]).await.expect(422);
    app.anon().post("/account/passkeys/options", &[]).await.expect(303);
}

#[tokio::test]
async fn t018_a_passkey_confirms_who_somebody_is() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let device = add(&app, &admin).await;
    let others = add(&app, &app.member().await).await;
    app.means.clock.advance(TimeDelta::minutes(11));
    let path = super::about(&app, "member").await;
    admin.post(&path, &[("role", "support")]).await.expect(422);
    let foreign = others.sign(&asked(&admin, ASK).await, &Lie::default());
    admin.post("/confirm", &[("credential", &foreign)]).await.expect(422);
    admin.post(&path, &[("role", "support")]).await.expect(422);
    let own = device.sign(&asked(&admin, ASK).await, &Lie::default());
    admin.post("/confirm", &[("credential", &own), ("next", "/w/acme/members")]).await.expect(303);
    admin.post(&path, &[("role", "support")]).await.expect(303);
}
