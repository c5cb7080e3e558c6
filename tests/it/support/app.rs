//! The whole program in this process: a free port, a database of its own, everybody that a test needs, and
//! a service on loopback that every call outward is led to.

use super::database::Database;
use super::http_server::HttpServer;
use super::person::{PASSWORD, Person};
use super::smtp_server::{Mailbox, SmtpServer};
use super::sql_server::{Behaviour, SqlServer};
use actix_web::dev::ServerHandle;
use actix_web::web;
use credenza::app::{App, Assets};
use credenza::broker::door::Door;
use credenza::broker::session::Sessions;
use credenza::catalog::load::Catalog;
use credenza::check::limits::Limits as CheckLimits;
use credenza::clock::Clock;
use credenza::config::Config;
use credenza::crypto::hasher::{Hasher, Settings};
use credenza::crypto::random::Random;
use credenza::crypto::root_key::RootKey;
use credenza::crypto::token::SetupToken;
use credenza::db::{Conn, Db, Tx};
use credenza::demo::authority::{Authority, Health};
use credenza::egress::Egress;
use credenza::egress::allow::Allow;
use credenza::egress::dial::Dialer;
use credenza::egress::lead::Lead;
use credenza::error::Result;
use credenza::id::Id;
use credenza::mail::Mailer;
use credenza::model::attempt::Limits;
use credenza::model::instance::{self, Opened};
use credenza::model::listed::Lists;
use credenza::model::permission::{Actor, Allowed, Role};
use credenza::model::session;
use credenza::model::user::User;
use credenza::model::workspace::Workspace;
use credenza::model::{Means, membership};
use credenza::secret::Secret;
use credenza::server;
use credenza::web::static_files;
use rustls::ServerConfig;
use std::net::TcpListener;
use std::ops::Deref;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::JoinHandle;

/// The base address that leads to [`TestApp::service`]: a public name, encrypted.
pub const SERVICE: &str = "https://api.service.example";

/// A running console.
pub struct TestApp {
    /// Its handles, as its handlers have them.
    pub state: web::Data<App>,
    /// Its address, without a slash at the end.
    pub base: String,
    /// The service on loopback; encrypted, with an authority that the console trusts.
    pub service: HttpServer,
    /// The mail server on loopback, where one was asked for.
    pub mail: Option<SmtpServer>,
    /// The database server on loopback, where one was asked for.
    pub sql: Option<SqlServer>,
    /// Its database.
    pub database: Database,
    /// Its data directory.
    pub dir: tempfile::TempDir,
    /// The token of the first run, where nobody exists.
    pub setup_token: Option<Secret>,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

/// What a console of a test is made of.
pub struct Builder {
    vars: Vec<(String, String)>,
    people: bool,
    routes: fn(&mut web::ServiceConfig),
    mail: Option<Box<dyn FnOnce(Arc<ServerConfig>) -> Mailbox>>,
    sql: Option<(u16, SqlBehaviour)>,
    random: Random,
    hashing: Settings,
    demo: bool,
}

type SqlBehaviour = Box<dyn FnOnce(Arc<ServerConfig>) -> Behaviour>;

impl Builder {
    /// Sets a variable of the configuration.
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves the database as it is before the first run.
    pub fn nobody(mut self) -> Self {
        self.people = false;
        self
    }

    /// Registers further routes inside the same layers.
    pub fn routes(mut self, routes: fn(&mut web::ServiceConfig)) -> Self {
        self.routes = routes;
        self
    }

    /// Makes it say that it is a demo.
    pub fn demo(mut self) -> Self {
        self.demo = true;
        self
    }

    /// Leads connections on port 465 to a mail server with the same authority.
    pub fn mail(mut self, mailbox: impl FnOnce(Arc<ServerConfig>) -> Mailbox + 'static) -> Self {
        self.mail = Some(Box::new(mailbox));
        self
    }

    /// Takes random bytes from somewhere else.
    pub fn random(mut self, random: Random) -> Self {
        self.random = random;
        self
    }

    /// Hashes passwords otherwise.
    pub fn hashing(mut self, hashing: Settings) -> Self {
        self.hashing = hashing;
        self
    }

    /// Leads connections on this port to a database server with the same authority.
    pub fn sql(mut self, port: u16, behaviour: impl FnOnce(Arc<ServerConfig>) -> Behaviour + 'static) -> Self {
        self.sql = Some((port, Box::new(behaviour)));
        self
    }

    /// Starts it.
    pub async fn start(self) -> TestApp {
        let dir = tempfile::tempdir().expect("a directory");
        let database = Database::migrated(dir.path());
        let authority = Arc::new(Authority::new().expect("an authority"));
        let tls = authority.server(Health::Good).expect("TLS");
        let service = HttpServer::start(Some(tls.clone()), Vec::new()).await;
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let own = listener.local_addr().expect("an address");
        let base = format!("http://{own}");
        let config = config(&dir, &database, self.vars, own);
        let allow = Allow::parse(&config.egress_allow.join(",")).expect("allowed places");
        let mut lead = Lead::to(service.addr);
        let mut mail = None;
        if let Some(mailbox) = self.mail {
            let server = SmtpServer::start(mailbox(tls)).await;
            lead = lead.port(465, server.addr);
            mail = Some(server);
        }
        let mut sql = None;
        if let Some((port, behaviour)) = self.sql {
            let server = SqlServer::start(behaviour(authority.server(Health::Good).expect("TLS"))).await;
            lead = lead.port(port, server.addr);
            sql = Some(server);
        }
        let dialer = Dialer::leading_to(lead, &authority.root()).expect("a dialer");
        let egress = Egress::new(dialer, allow).keeping_from(own.port());
        let state = App { demo: self.demo, ..state(config, &database, egress, (self.random, self.hashing)).await };
        let mut made = TestApp::run(state, listener, self.routes, service, (dir, database, base));
        made.mail = mail;
        made.sql = sql;
        if self.people {
            made.settle().await;
        }
        made
    }
}

impl Deref for TestApp {
    type Target = App;

    fn deref(&self) -> &App {
        &self.state
    }
}

/// The workspace that most tests are about.
pub const ACME: &str = "acme";
/// Another workspace, with other people.
pub const UMBRELLA: &str = "umbrella";

impl TestApp {
    /// A console with two workspaces and one person of each kind.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// The same, to be changed before it starts.
    pub fn builder() -> Builder {
        let (vars, random, hashing) = (Vec::new(), Random::system(), Settings::for_testing());
        Builder { vars, people: true, routes: |_| {}, mail: None, sql: None, random, hashing, demo: false }
    }

    fn run(
        mut state: App,
        listener: TcpListener,
        routes: fn(&mut web::ServiceConfig),
        service: HttpServer,
        (dir, database, base): (tempfile::TempDir, Database, String),
    ) -> Self {
        let (setup, setup_token) = SetupToken::new(state.means.keyring.random()).expect("a token");
        state.setup = Some(setup);
        let state = web::Data::new(state);
        let (send, receive) = mpsc::channel();
        let app = state.clone();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = server::build(app, listener, 1, routes).expect("a server");
                send.send(server.handle()).expect("the test waits");
                server.await.expect("the server ends well");
            });
        });
        let handle = receive.recv().expect("a server");
        Self {
            state,
            base,
            service,
            mail: None,
            sql: None,
            database,
            dir,
            setup_token: Some(setup_token),
            handle,
            thread: Some(thread),
        }
    }

    /// Makes the two workspaces and everybody.
    async fn settle(&mut self) {
        self.setup_token = None;
        let hash = self.hasher.hash(Secret::new(PASSWORD.to_owned())).await.expect("a hash");
        let means = self.means.clone();
        let settled = move |tx: &mut Tx<'_>| {
            let operator = Actor::operator();
            for slug in [ACME, UMBRELLA] {
                let workspace = Workspace::create(tx, &means, slug, &operator)?;
                let allowed = Allowed::operator(workspace.id.clone());
                for role in Role::ALL {
                    let user = User::create(tx, &email(role.as_str(), slug), &hash, means.now())?;
                    membership::add(tx, &means, &allowed, &user, *role)?;
                }
            }
            User::create(tx, &email("pending", ACME), &hash, means.now())?;
            Ok(())
        };
        self.write(settled).await;
    }

    /// Runs a reading unit past the pages.
    pub async fn read<T, F>(&self, unit: F) -> T
    where
        T: Send + 'static,
        F: FnMut(&mut Conn) -> Result<T> + Send + 'static,
    {
        self.db.read(unit).await.expect("a reading unit")
    }

    /// Runs a writing unit past the pages.
    pub async fn write<T, F>(&self, unit: F) -> T
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.db.write(unit).await.expect("a writing unit")
    }

    /// Somebody who has not signed in.
    pub fn anon(&self) -> Person {
        Person::new(&self.base)
    }

    /// Somebody who has signed in with this address.
    pub async fn person(&self, email: &str) -> Person {
        let person = self.anon();
        let reply = person.sign_in(email).await;
        assert_eq!(reply.status, 303, "{email} cannot sign in: {}", reply.body);
        person
    }

    /// An admin of [`ACME`].
    pub async fn admin(&self) -> Person {
        self.person(&email("admin", ACME)).await
    }

    /// A member of [`ACME`].
    pub async fn member(&self) -> Person {
        self.person(&email("member", ACME)).await
    }

    /// Support in [`ACME`].
    pub async fn support(&self) -> Person {
        self.person(&email("support", ACME)).await
    }

    /// An admin of [`UMBRELLA`] who is nobody in [`ACME`].
    pub async fn foreign_admin(&self) -> Person {
        self.person(&email("admin", UMBRELLA)).await
    }

    /// Somebody without any workspace.
    pub async fn pending(&self) -> Person {
        self.person(&email("pending", ACME)).await
    }

    /// Stores a website's signing secret in [`ACME`] through the pages and returns its id; nobody is called.
    pub async fn website(&self, admin: &Person, name: &str, secret: &str) -> String {
        let form = [
            ("integration", "website"),
            ("method", "webhook"),
            ("name", name),
            ("f.url", "https://www.example.com/hook"),
            ("f.signing_secret", secret),
        ];
        self.create(admin, &form).await
    }

    /// Stores a bearer token for [`SERVICE`] in [`ACME`] through the pages and returns its id; `service` must
    /// have an answer prepared for the check.
    pub async fn bearer(&self, admin: &Person, name: &str, token: &str) -> String {
        self.create(admin, &bearer_form(name, token)).await
    }

    /// Stores a credential through the pages and returns its id.
    pub async fn create(&self, admin: &Person, form: &[(&str, &str)]) -> String {
        let reply = admin.post("/w/acme/credentials", form).await.expect(303);
        reply.location().rsplit('/').next().expect("an id").to_owned()
    }

    /// The id of a person by address.
    pub async fn user(&self, email: &str) -> Id<User> {
        let email = email.to_owned();
        self.read(move |conn| User::for_sign_in(conn, &email)).await.expect("a person").id
    }

    /// The id of a workspace by slug.
    pub async fn workspace(&self, slug: &str) -> Id<Workspace> {
        let slug = slug.to_owned();
        self.read(move |conn| Workspace::find(conn, &slug)).await.expect("a workspace").id
    }

    /// Names looked up and connections opened so far.
    pub fn calls(&self) -> (u64, u64) {
        (self.egress.dialer().lookups(), self.egress.dialer().connections())
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The form of a bearer token for [`SERVICE`].
pub fn bearer_form<'a>(name: &'a str, token: &'a str) -> [(&'a str, &'a str); 6] {
    [
        ("integration", "http"),
        ("method", "bearer"),
        ("name", name),
        ("f.base_url", SERVICE),
        ("f.check_path", "/me"),
        ("f.token", token),
    ]
}

/// The address of the person of a role in a workspace.
pub fn email(role: &str, slug: &str) -> String {
    format!("{role}@{slug}.example")
}

fn config(
    dir: &tempfile::TempDir,
    database: &Database,
    vars: Vec<(String, String)>,
    own: std::net::SocketAddr,
) -> Config {
    let pair = |name: &str, value: String| (name.to_owned(), value);
    let own_vars = [
        pair("CREDENZA_LISTEN", own.to_string()),
        pair("CREDENZA_DATA_DIR", dir.path().display().to_string()),
        pair("DATABASE_URL", database.url.clone()),
        pair("CREDENZA_ROOT_KEY", ROOT_KEY.to_owned()),
    ];
    Config::from(own_vars.into_iter().chain(vars)).expect("a configuration")
}

/// A root key as the variable takes it; each test's instance has keys of its own under it.
pub const ROOT_KEY: &str = "pTk3mC0sQ7y9Yv1ZrB2nXe4uLw6oGh8jDf5aKi0xWvM=";

async fn state(config: Config, database: &Database, egress: Egress, (random, hashing): (Random, Settings)) -> App {
    let url = database.parsed();
    let db = tokio::task::spawn_blocking(move || Db::open(&url)).await.expect("a thread").expect("a database");
    let clock = Clock::movable();
    let (unit_random, unit_clock) = (random.clone(), clock.clone());
    let root_key = RootKey::from_base64(ROOT_KEY).expect("a root key");
    let opened = db.write(move |tx| instance::open(tx, &root_key, &unit_random, &unit_clock)).await;
    let Ok(Opened::Ready(keyring)) = opened else { panic!("the instance cannot be opened") };
    let hasher = Hasher::start(hashing, keyring.peppers(), random).expect("a hasher");
    let mailer = Mailer::new(&config).expect("a mailer");
    App {
        config,
        db,
        mailer,
        check_limits: CheckLimits::new(clock.clone()),
        door: Door::new(clock.clone()),
        means: Means { keyring: Arc::from(keyring), clock },
        catalog: catalog(),
        egress,
        hasher,
        setup: None,
        limits: Limits::default(),
        denials: 0.into(),
        lists: Lists::default(),
        visitors: session::visitors(),
        sessions: Sessions::default(),
        assets: assets(),
        demo: false,
        consent_page: None,
    }
}

/// The catalogue of the program, read once.
pub fn catalog() -> Arc<Catalog> {
    static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
    CATALOG.get_or_init(|| Arc::new(Catalog::load(None).expect("a catalogue"))).clone()
}

fn assets() -> Assets {
    static ASSETS: OnceLock<(tempfile::TempDir, Assets)> = OnceLock::new();
    let written = ASSETS.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let assets = static_files::write_out(dir.path(), &catalog()).expect("static files");
        (dir, assets)
    });
    written.1.clone()
}
