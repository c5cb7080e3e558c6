//! Fetching a secret under load, its audit line durable before each answer: against a route that only looks at the
//! token and gives a small constant JSON, with and without the body, and as the log grows.
//!
//! `cargo bench --bench secret`; with `-- --short` a run of seconds that shows whether it works, not how fast.

#[allow(dead_code, reason = "each bench uses a part of it")]
mod stand;

use actix_web::web;
use anyhow::{Context, Result, anyhow, ensure};
use credenza::app::App;
use credenza::catalog::destination;
use credenza::catalog::form::Values;
use credenza::check::report::{Outcome, Report};
use credenza::crypto::bot_token::mint;
use credenza::id::Id;
use credenza::model::audit;
use credenza::model::bot::{self, Bot};
use credenza::model::bot_token::{self, NewToken, Scope};
use credenza::model::credential::{Badge, Credential, Environment};
use credenza::model::credential_change::{self, Content, Details, Kind, NewCredential, Saved};
use credenza::model::permission::{Actor, Allowed, CreateCredential, ManageBots, ManageTokens};
use credenza::model::workspace::Workspace;
use credenza::secret::Secret;
use stand::client::{Client, header};
use stand::console::Console;
use stand::sample::{self, Round};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Connections of every run.
const CONNECTIONS: usize = 64;
/// The part of the constant route's rate that must be reached, where the rate itself is not.
const PART: f64 = 0.5;
/// The rate that is enough by itself.
const RATE: f64 = 5_000.0;
/// How many times slower it may be with a full log.
const GROWTH: f64 = 1.2;
/// Lines of the log that are written in one transaction.
const CHUNK: usize = 1_000;

fn main() -> Result<()> {
    let short = std::env::args().any(|arg| arg == "--short");
    let (rounds, time, uses) =
        if short { (1, Duration::from_millis(500), 2_000) } else { (5, Duration::from_secs(3), 1_000_000) };
    println!("machine: {}", sample::machine());
    println!("database: SQLite as it is shipped (WAL, synchronous=FULL), {CONNECTIONS} connections\n");
    let (console, (app, token)) =
        Console::start_with(1_000, |app, runtime| Ok((app.clone(), runtime.block_on(prepared(app))?)))?;
    let authorization = format!("Authorization: Bearer {token}\r\n");
    let secret = console.request("/api/v1/credentials/bench/secret", &authorization);
    let constant = console.request("/v1/auth/token/lookup-self", &authorization);
    let mut client = Client::connect(console.addr)?;
    let reply = client.send(&secret)?;
    ensure!(reply.status == 200, "status {}", reply.status);
    let tag = header(client.head(reply.head)?, "etag").context("no tag")?.to_owned();
    let cached = format!("{authorization}If-None-Match: {tag}\r\n");
    let cached = console.request("/api/v1/credentials/bench/secret", &cached);
    println!("{:<34}{:>10}{:>10}{:>10}{:>12}", "", "req/s", "p50 µs", "p99 µs", "cpu µs/req");
    let named = [("token check and constant JSON", &constant), ("secret", &secret), ("secret, 304", &cached)];
    let rates = turns(&console, rounds, time, &named)?;
    let rate = |name: &str| rates.get(name).copied().context("no such row");
    let (full, ratio) = (rate("secret")?, rate("secret")? / rate("token check and constant JSON")?);
    let mut met = verdict("secret against constant", ratio, ratio >= PART || full >= RATE, "≥ 0.5, or 5,000/s");
    let unchanged = rate("secret, 304")? / full;
    met &= verdict("304 against 200", unchanged, unchanged >= 0.95, "≥ 0.95");
    Runtime::new()?.block_on(log_uses(&app, uses))?;
    println!("\nwith {uses} more lines in the log");
    let later = turns(&console, rounds, time, &[("secret, full log", &secret)])?;
    let growth = full / later.get("secret, full log").context("no such row")?;
    met &= verdict("empty log against full", growth, growth <= GROWTH, "≤ 1.2");
    let (resident, highest) = sample::memory()?;
    println!("\nmemory at the end: {resident:.0} MiB, at its highest {highest:.0} MiB");
    println!("{}", if met { "all targets met" } else { "targets missed" });
    Ok(())
}

/// Requests in turns, so that whatever else the machine does meets all of them; the median rate of each.
fn turns<'a>(
    console: &Console,
    rounds: usize,
    time: Duration,
    named: &[(&'a str, &Vec<u8>)],
) -> Result<BTreeMap<&'a str, f64>> {
    let mut all: Vec<Vec<Round>> = named.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for ((_, request), taken) in named.iter().zip(&mut all) {
            taken.push(sample::load(console.addr, request, CONNECTIONS, time)?);
        }
    }
    let mut rates = BTreeMap::new();
    for ((name, _), taken) in named.iter().zip(&all) {
        let median = |figure: fn(&Round) -> f64| sample::median(taken, figure);
        let (rate, p50, p99) = (median(|r| r.rate)?, median(|r| r.p50)?, median(|r| r.p99)?);
        println!("{name:<34}{rate:>10.0}{p50:>10.0}{p99:>10.0}{:>12.0}", median(|r| r.processor)?);
        rates.insert(*name, rate);
    }
    Ok(rates)
}

fn verdict(name: &str, ratio: f64, met: bool, wanted: &str) -> bool {
    println!("{name:<36} ratio {ratio:.2} ({wanted}) {}", if met { "PASS" } else { "FAIL" });
    met
}

/// A credential called “Bench”, a bot, and a token that fetches it.
async fn prepared(app: &web::Data<App>) -> Result<String> {
    let (integration, method) = app.catalog.method("website", "webhook").context("no such service")?;
    let plain = BTreeMap::from([("url".to_owned(), "https://www.example.com/hook".to_owned())]);
    let secret = BTreeMap::from([("signing_secret".to_owned(), Secret::new("a signing secret of a shop".to_owned()))]);
    let content = Content {
        destination: destination::destination(method, &plain),
        place: String::new(),
        badge: Badge::None,
        changed: Vec::new(),
        values: Values { plain, secret },
    };
    let kind =
        Kind { integration: integration.id.clone(), service: integration.name.clone(), method: method.id.clone() };
    let (environment, description) = (Environment::None, String::new());
    let details = Details { name: "Bench".to_owned(), environment, description, tags: Vec::new() };
    let report = Report {
        outcome: Outcome::Ok,
        code: "ok".to_owned(),
        hint: String::new(),
        steps: Vec::new(),
        identity: None,
        ms: 1,
        connected: true,
        fingerprint: None,
    };
    let credential = Id::<Credential>::new();
    let new = NewCredential { id: credential.clone(), kind, details, content, report, consent: None };
    let minted = mint(app.means.keyring.random())?;
    let (text, bot) = (minted.text.expose().to_owned(), Id::<Bot>::new());
    let token = NewToken {
        id: Id::new(),
        bot: Some(bot.clone()),
        name: "Bench".to_owned(),
        scopes: vec![Scope::Fetch],
        credentials: Some(vec![credential]),
        networks: Vec::new(),
        days: bot_token::DAYS,
        minted,
        shown: None,
        replaces: None,
    };
    let means = app.means.clone();
    app.db
        .write(move |tx| {
            let workspace = Workspace::page(tx.conn(), "", 1)?.pop().ok_or(credenza::error::Error::NotFound)?.id;
            let saved =
                credential_change::create(tx, &means, &Allowed::<CreateCredential>::operator(workspace.clone()), &new)?;
            let details = bot::Details { name: "Bench".to_owned(), description: String::new() };
            bot::create(tx, &means, &Allowed::<ManageBots>::operator(workspace.clone()), &bot, &details)?;
            bot_token::create(tx, &means, &Allowed::<ManageTokens>::operator(workspace), &token)?;
            Ok(matches!(saved, Saved::Done))
        })
        .await?
        .then_some(text)
        .ok_or_else(|| anyhow!("the credential was not stored"))
}

/// Writes as many lines of uses as a busy year has.
async fn log_uses(app: &web::Data<App>, count: usize) -> Result<()> {
    for _ in 0..count.div_ceil(CHUNK) {
        let means = app.means.clone();
        app.db
            .write(move |tx| {
                let workspace = Workspace::page(tx.conn(), "", 1)?.pop().ok_or(credenza::error::Error::NotFound)?.id;
                let actor = Actor { kind: "bot", ..Actor::operator() };
                for _ in 0..CHUNK {
                    let target = audit::Target::credential("01900000-0000-7000-8000-000000000000");
                    let entry = audit::Entry::allow("credential.fetched", target).detail("version", 1);
                    audit::record(tx, &means, workspace.as_str(), &actor, entry)?;
                }
                Ok(())
            })
            .await?;
    }
    Ok(())
}
