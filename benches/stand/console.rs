//! The whole program in this process, on a port of its own, with somebody signed in over HTTP.

use super::client::{Client, header};
use super::seed::{self, Seeded};
use actix_web::dev::ServerHandle;
use actix_web::{HttpResponse, web};
use anyhow::{Context, Result, bail, ensure};
use credenza::app::App;
use credenza::broker::door::Door;
use credenza::broker::session::Sessions;
use credenza::catalog::load::Catalog;
use credenza::check::limits::Limits as CheckLimits;
use credenza::clock::Clock;
use credenza::config::Config;
use credenza::crypto::hasher::{Hasher, Settings};
use credenza::crypto::random::Random;
use credenza::crypto::root_key::RootKey;
use credenza::db::{DatabaseUrl, Db};
use credenza::egress::Egress;
use credenza::egress::allow::Allow;
use credenza::egress::dial::Dialer;
use credenza::harden::use_small_pages;
use credenza::mail::Mailer;
use credenza::model::Means;
use credenza::model::attempt::Limits;
use credenza::model::audit;
use credenza::model::instance::{self, Opened};
use credenza::model::listed::Lists;
use credenza::model::permission::Actor;
use credenza::model::session;
use credenza::secret::Secret;
use credenza::server;
use credenza::web::static_files;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::JoinHandle;

/// Where the constant page is.
pub const CONSTANT: &str = "/constant";

const EMAIL: &str = "admin@acme.example";
const PASSWORD: &str = "seven green kettles hum";
static PAGE: OnceLock<web::Bytes> = OnceLock::new();

/// A running console with rows in it.
pub struct Console {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The session's cookie.
    pub cookie: String,
    /// What is in it.
    pub seeded: Seeded,
    /// The handles of the server.
    pub app: web::Data<App>,
    runtime: tokio::runtime::Runtime,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
    _dir: tempfile::TempDir,
}

/// What a console stands on.
pub struct Ground {
    /// What a password costs.
    pub hashing: Settings,
    /// The database, where it is not the usual file.
    pub database: Option<DatabaseUrl>,
    /// Where calls may go beyond the rules, as `CREDENZA_EGRESS_ALLOW` says it.
    pub allow: String,
}

impl Default for Ground {
    fn default() -> Self {
        Self { hashing: Settings::for_testing(), database: None, allow: String::new() }
    }
}

/// A root key of this bench alone.
const ROOT_KEY: &str = "pTk3mC0sQ7y9Yv1ZrB2nXe4uLw6oGh8jDf5aKi0xWvM=";

impl Console {
    /// Starts one with so many live credentials.
    pub fn start(rows: usize) -> Result<Self> {
        Self::start_on(rows, Ground::default())
    }

    /// The same on other ground than the usual.
    pub fn start_on(rows: usize, ground: Ground) -> Result<Self> {
        use_small_pages();
        let dir = tempfile::tempdir()?;
        let database = ground.database.unwrap_or_else(|| DatabaseUrl::Sqlite(dir.path().join("credenza.db")));
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let addr = listener.local_addr()?;
        let runtime = tokio::runtime::Runtime::new()?;
        let app = runtime.block_on(app(&dir, addr, ground.hashing, &database, &ground.allow))?;
        let hash = runtime.block_on(app.hasher.hash(Secret::new(PASSWORD.to_owned())))?;
        let seeded = runtime.block_on(seed::fill(&app, EMAIL, hash, rows))?;
        let (send, receive) = mpsc::channel();
        let app = web::Data::new(app);
        let data = app.clone();
        let thread = std::thread::spawn(move || {
            let ended = actix_web::rt::System::new().block_on(async move {
                let workers = std::thread::available_parallelism().map_or(2, usize::from);
                let server = server::build(data, listener, workers, constant)?;
                drop(send.send(server.handle()));
                server.await
            });
            if let Err(error) = ended {
                eprintln!("the server ended: {error}");
            }
        });
        let handle = receive.recv().context("the server did not start")?;
        let cookie = sign_in(addr)?;
        Ok(Self { addr, cookie, seeded, app, runtime, handle, thread: Some(thread), _dir: dir })
    }

    /// A request for a page of the workspace, signed in; `query` begins with `?` or is empty.
    pub fn list(&self, query: &str, accept: &str) -> Vec<u8> {
        let target = format!("/w/{}/credentials{query}", self.seeded.slug);
        self.request(&target, &format!("Cookie: {}\r\n{accept}", self.cookie))
    }

    /// A request for the constant page, by nobody.
    pub fn constant(&self, accept: &str) -> Vec<u8> {
        self.request(CONSTANT, accept)
    }

    /// Moves the head of the workspace's chain, as every change of it does: what was kept of it is read again.
    pub fn change(&self) -> Result<()> {
        let (means, chain) = (self.app.means.clone(), self.seeded.workspace.clone());
        let changed = self.app.db.write(move |tx| {
            let entry = audit::Entry::allow("instance.started", audit::Target::instance());
            audit::record(tx, &means, chain.as_str(), &Actor::operator(), entry)
        });
        self.runtime.block_on(changed)?;
        Ok(())
    }

    /// Runs something of the program to its end.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// A form, signed in.
    pub fn post(&self, target: &str, typed: &str) -> Vec<u8> {
        form(self.addr, target, &format!("Cookie: {}\r\n", self.cookie), typed)
    }

    /// A request to sign in once more.
    pub fn sign_in_request(&self) -> Vec<u8> {
        sign_in_request(self.addr)
    }

    /// A request for any address.
    pub fn request(&self, target: &str, headers: &str) -> Vec<u8> {
        format!("GET {target} HTTP/1.1\r\nHost: {}\r\nUser-Agent: bench\r\n{headers}\r\n", self.addr).into_bytes()
    }

    /// Asks for a page once, checks that it has so many rows, and returns it.
    pub fn page(&self, query: &str, rows: std::ops::RangeInclusive<usize>) -> Result<Vec<u8>> {
        let mut client = Client::connect(self.addr)?;
        let reply = client.send(&self.list(query, ""))?;
        let body = client.body(&reply)?.to_vec();
        ensure!(reply.status == 200, "{query}: status {}", reply.status);
        let drawn = String::from_utf8_lossy(&body).matches("<tr id=\"row-").count();
        ensure!(rows.contains(&drawn), "{query}: {drawn} rows");
        Ok(body)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Sets what the constant page answers.
pub fn set_constant(page: Vec<u8>) -> Result<()> {
    PAGE.set(page.into()).map_err(|_| anyhow::anyhow!("the constant page is set already"))
}

fn constant(config: &mut web::ServiceConfig) {
    let answer = || async {
        let page = PAGE.get().cloned().unwrap_or_default();
        HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page)
    };
    config.route(CONSTANT, web::get().to(answer));
}

async fn app(
    dir: &tempfile::TempDir,
    addr: SocketAddr,
    hashing: Settings,
    database: &DatabaseUrl,
    allow: &str,
) -> Result<App> {
    let pair = |name: &str, value: String| (name.to_owned(), value);
    let config = Config::from([
        pair("CREDENZA_LISTEN", addr.to_string()),
        pair("CREDENZA_DATA_DIR", dir.path().display().to_string()),
        pair("CREDENZA_ROOT_KEY", ROOT_KEY.to_owned()),
    ])?;
    let db = Db::open(database)?;
    let (random, clock) = (Random::system(), Clock::system());
    let (unit_random, unit_clock) = (random.clone(), clock.clone());
    let root_key = RootKey::from_base64(ROOT_KEY)?;
    let opened = db.write(move |tx| instance::open(tx, &root_key, &unit_random, &unit_clock)).await?;
    let Opened::Ready(keyring) = opened else { bail!("the instance cannot be opened") };
    let catalog = Arc::new(Catalog::load(None)?);
    let hasher = Hasher::start(hashing, keyring.peppers(), random)?;
    let assets = static_files::write_out(dir.path(), &catalog)?;
    let egress = Egress::new(Dialer::system(None)?, Allow::parse(allow)?).keeping_from(addr.port());
    let mailer = Mailer::new(&config).map_err(anyhow::Error::msg)?;
    Ok(App {
        mailer,
        config,
        db,
        check_limits: CheckLimits::new(clock.clone()),
        door: Door::new(clock.clone()),
        means: Means { keyring: Arc::from(keyring), clock },
        catalog,
        egress,
        hasher,
        setup: None,
        limits: Limits { account: 1000, network: 1000, everybody: 10_000 },
        denials: AtomicU64::new(0),
        lists: Lists::default(),
        visitors: session::visitors(),
        sessions: Sessions::default(),
        assets,
        demo: false,
        consent_page: None,
    })
}

/// A form as a page of ours sends it; `cookie` is a header line or empty.
fn form(addr: SocketAddr, target: &str, cookie: &str, form: &str) -> Vec<u8> {
    let length = form.len();
    format!(
        "POST {target} HTTP/1.1\r\nHost: {addr}\r\nOrigin: http://{addr}\r\nUser-Agent: bench\r\n{cookie}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    )
    .into_bytes()
}

fn sign_in_request(addr: SocketAddr) -> Vec<u8> {
    let typed = format!("email={}&password={}", EMAIL.replace('@', "%40"), PASSWORD.replace(' ', "+"));
    form(addr, "/sign-in", "", &typed)
}

fn sign_in(addr: SocketAddr) -> Result<String> {
    let mut client = Client::connect(addr)?;
    let reply = client.send(&sign_in_request(addr))?;
    ensure!(reply.status == 303, "signing in came to {}", reply.status);
    let cookie = header(client.head(reply.head)?, "set-cookie").context("no cookie")?;
    Ok(cookie.split(';').next().unwrap_or_default().to_owned())
}
