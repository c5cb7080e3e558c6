//! T111 with processes of their own: two at the same time make one renewal, and one that dies in the middle of
//! a renewal loses nothing without the status saying so.

use super::stage::{connected, tokens};
use crate::support::app::{ROOT_KEY, TestApp, catalog};
use crate::support::http_server::{Answer, HttpServer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use credenza::broker::{Broker, Trouble};
use credenza::clock::Clock;
use credenza::crypto::random::Random;
use credenza::crypto::root_key::RootKey;
use credenza::db::{DatabaseUrl, Db};
use credenza::demo::authority::{Authority, Health};
use credenza::egress::Egress;
use credenza::egress::allow::Allow;
use credenza::egress::dial::Dialer;
use credenza::egress::lead::Lead;
use credenza::id::Id;
use credenza::model::Means;
use credenza::model::check_record::Cause;
use credenza::model::instance::{self, Opened};
use credenza::model::permission::{Allowed, RefreshCredential};
use credenza::model::status::Status;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Tells a process of this test binary what it is to do; without it the test of that name has nothing to do.
const ORDER: &str = "OAUTH_PROCESS";
/// Calls at the same time in each process.
const CALLS: usize = 25;

/// The part of this test that runs in a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let order: Value = serde_json::from_str(&order).expect("an order");
    let text = |name: &str| order[name].as_str().expect(name).to_owned();
    let url = DatabaseUrl::parse(&text("database")).expect("an address");
    let db = tokio::task::spawn_blocking(move || Db::open(&url)).await.expect("a thread").expect("a database");
    let (random, clock) = (Random::system(), Clock::system());
    let (unit_random, unit_clock) = (random.clone(), clock.clone());
    let root_key = RootKey::from_base64(ROOT_KEY).expect("a root key");
    let opened = db.write(move |tx| instance::open(tx, &root_key, &unit_random, &unit_clock)).await;
    let Ok(Opened::Ready(keyring)) = opened else { panic!("the instance cannot be opened") };
    let means = Means { keyring: Arc::from(keyring), clock };
    let lead = Lead::to(text("provider").parse().expect("an address"));
    let dialer = Dialer::leading_to(lead, &STANDARD.decode(text("root")).expect("base64")).expect("a dialer");
    let (egress, catalog) = (Egress::new(dialer, Allow::default()), catalog());
    let broker = Broker { step: step(&text("die")), ..Broker::new(&db, &means, &catalog, &egress) };
    let allowed = Allowed::<RefreshCredential>::job(Id::parse(&text("workspace")).expect("an id"), "test");
    let id = Id::parse(&text("credential")).expect("an id");
    let all = join_all((0..CALLS).map(|_| broker.live(&allowed, &id, None, Cause::Use))).await;
    for one in all {
        let live = one.expect("storage").expect("a token");
        assert_eq!(live.session.values["token"].expose(), "access-2");
    }
}

fn step(name: &str) -> fn(&'static str) {
    match name {
        "leased" => |at| {
            if at == "leased" {
                die()
            }
        },
        "answered" => |at| {
            if at == "answered" {
                die()
            }
        },
        "stored" => |at| {
            if at == "stored" {
                die()
            }
        },
        _ => |_| {},
    }
}

/// As `kill -9` from outside: nothing is run any more.
fn die() {
    let killed = Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
    panic!("still alive: {killed:?}");
}

struct Provider {
    server: HttpServer,
    root: String,
}

impl Provider {
    async fn start() -> Self {
        let authority = Arc::new(Authority::new().expect("an authority"));
        let server = HttpServer::start(Some(authority.server(Health::Good).expect("TLS")), Vec::new()).await;
        Self { server, root: STANDARD.encode(authority.root()) }
    }

    /// Starts a process that asks for the live token.
    async fn process(&self, app: &TestApp, id: &str, die: &str) -> Child {
        let order = json!({
            "database": app.database.url, "provider": self.server.addr.to_string(), "root": self.root,
            "workspace": app.workspace("acme").await.as_str(), "credential": id, "die": die,
        });
        Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "oauth::processes::process", "--nocapture"])
            .env(ORDER, order.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process")
    }
}

/// Waits for a process without keeping the servers of this one from answering.
async fn ended(child: Child) -> (bool, String) {
    let output =
        tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("a thread").expect("an end");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Lets the tokens end by the real clock; times are not part of the seal.
async fn end_tokens(app: &TestApp, id: &str) {
    let (id, past) = (id.to_owned(), app.means.now().plus(-TimeDelta::minutes(1)));
    app.write(move |tx| {
        use credenza::db::schema::oauth_grants::dsl as g;
        use diesel::prelude::*;
        let mine = g::oauth_grants.filter(g::credential_id.eq(&id));
        Ok(diesel::update(mine).set((g::expires_at.eq(past), g::refresh_at.eq(past))).execute(tx.conn())?)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t111_fifty_calls_of_two_processes_make_one_renewal() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let provider = Provider::start().await;
    end_tokens(&app, &id).await;
    let slow = Answer::Late(Duration::from_millis(1500), Box::new(tokens("access-2", Some("refresh-2"))));
    provider.server.prepare(slow);
    let (one, two) = (provider.process(&app, &id, "").await, provider.process(&app, &id, "").await);
    for (good, said) in [ended(one).await, ended(two).await] {
        assert!(good, "{said}");
    }
    assert_eq!(provider.server.requests().len(), 1, "exactly one renewal");
    assert_eq!(app.grant(&id).await.expect("a grant").serial, 2);
    app.prove_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t111_a_process_that_dies_at_any_step_loses_nothing_unsaid() {
    for die in ["leased", "answered", "stored"] {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        let id = connected(&app, &admin).await;
        let provider = Provider::start().await;
        end_tokens(&app, &id).await;
        provider.server.prepare(tokens("access-2", Some("refresh-2")));
        let (good, said) = ended(provider.process(&app, &id, die).await).await;
        assert!(!good && !said.contains("panicked"), "{die}: {said}");
        assert_eq!(provider.server.requests().len(), usize::from(die != "leased"), "{die}");
        // The lease of the dead ends, and somebody else goes on.
        app.means.clock.advance(TimeDelta::minutes(2));
        let before = app.service.requests().len();
        let allowed = Allowed::<RefreshCredential>::job(app.workspace("acme").await, "test");
        let credential = Id::parse(&id).expect("an id");
        if die == "answered" {
            // The service gave a new refresh token to the dead; the old one is no good any more.
            app.service.prepare(Answer::json(400, &json!({ "error": "invalid_grant" })));
        } else {
            app.service.prepare(tokens("access-2", Some("refresh-2")));
        }
        let live = app.broker().live(&allowed, &credential, None, Cause::Use).await.expect("storage");
        let row = app.row(&id).await;
        match (die, live) {
            ("leased", Ok(live)) => {
                assert_eq!(live.session.values["token"].expose(), "access-2");
                assert_eq!((row.status, app.service.requests().len()), (Status::Working, before + 1));
            }
            ("stored", Ok(live)) => {
                assert_eq!(live.session.values["token"].expose(), "access-2");
                assert_eq!((row.status, app.service.requests().len()), (Status::Working, before), "it was stored");
            }
            ("answered", Err(Trouble::Report(_))) => {
                assert_eq!((row.status, row.outcome.as_str()), (Status::Broken, "reauthorize"), "the status says so");
            }
            (die, other) => panic!("{die}: {other:?}"),
        }
        app.prove_audit().await;
    }
}
