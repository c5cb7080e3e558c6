//! A database server that goes away and comes back, and several processes that share one.

use crate::storm::{ledger::Ledger, persist};
use crate::support::balancer::Balancer;
use crate::support::database::{Database, is_postgres};
use crate::support::own_postgres::OwnPostgres;
use crate::support::program::{Browser, Home, Serving, webhook};
use crate::support::raw;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Five seconds, and what a busy machine adds to them.
const TOLD_WITHIN: Duration = Duration::from_millis(7500);

/// Clients who create, rename, delete and restore until they are told to stop.
struct Clients {
    ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Clients {
    fn start(admin: &Browser, many: usize) -> Self {
        let (ledger, numbers) = (Arc::new(Ledger::default()), Arc::new(AtomicU64::new(0)));
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = (0..many)
            .map(|_| tokio::spawn(persist(admin.clone(), ledger.clone(), numbers.clone(), stop.clone())))
            .collect();
        Self { ledger, stop, tasks }
    }

    async fn end(self, home: &Home, at_least: u64) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.expect("a client");
        }
        self.ledger.judge(&home.url());
        let verified = home.run(&["audit", "verify"]);
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
        println!("{} acknowledged writes, all there", self.ledger.acknowledged());
        assert!(self.ledger.acknowledged() > at_least, "{} writes", self.ledger.acknowledged());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t157_a_server_that_goes_away_and_comes_back_costs_answers_and_no_data() {
    if !is_postgres() {
        println!("not on SQLite: its database does not go away");
        return;
    }
    let postgres = OwnPostgres::start().expect("the programs of PostgreSQL");
    let home = Home::set_up_on(&postgres.url());
    let serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    let clients = Clients::start(&admin, 4);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let before = clients.ledger.acknowledged();
    postgres.go_away();
    for path in ["/w/acme/credentials", "/account", "/health/ready", "/sign-in"] {
        let began = Instant::now();
        let answer = admin.get(path).await.expect("an answer");
        assert_eq!((answer.status, answer.retry_after.as_str()), (503, "5"), "{path}: {}", answer.body);
        assert!(began.elapsed() < TOLD_WITHIN, "{path}: {:?}", began.elapsed());
    }
    let host = serving.base.trim_start_matches("http://");
    let live = format!("GET /health/live HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    assert_eq!(raw::ask(&serving.base, live.as_bytes()).await.0, 200, "the process itself lives");
    let began = Instant::now();
    let refused =
        admin.post("/w/acme/credentials", &webhook("Away", "a signing secret of nobody")).await.expect("an answer");
    assert_eq!((refused.status, refused.retry_after.as_str()), (503, "5"));
    assert!(began.elapsed() < TOLD_WITHIN, "{:?}", began.elapsed());
    postgres.come_back();
    let began = Instant::now();
    while admin.get("/w/acme/credentials").await.expect("an answer").status != 200 {
        assert!(began.elapsed() < Duration::from_secs(15), "it does not come back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("served again after {:?}", began.elapsed());
    let made = admin.post("/w/acme/credentials", &webhook("Back", "a signing secret that is back")).await;
    let made = made.expect("an answer");
    assert_eq!(made.status, 303);
    clients.ledger.also(made.location.split('?').next().expect("a path"), "Back");
    // Once more, quickly: connections that died unseen are replaced before anybody notices, or at the next try.
    postgres.go_away();
    postgres.come_back();
    let (began, mut refused) = (Instant::now(), 0);
    while admin.get("/w/acme/credentials").await.expect("an answer").status != 200 {
        refused += 1;
        assert!(began.elapsed() < Duration::from_secs(15), "it does not come back");
    }
    println!("{refused} refusals after a quick restart");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    clients.end(&home, before + 1).await;
}

#[test]
fn a_server_that_is_not_there_at_the_start_is_named() {
    let home = Home::empty();
    let key = "pTk3mC0sQ7y9Yv1ZrB2nXe4uLw6oGh8jDf5aKi0xWvM=";
    let mut command = home.command();
    command.env("DATABASE_URL", "postgres://credenza@127.0.0.1:1/credenza").env("CREDENZA_ROOT_KEY", key);
    let ended = command.output().expect("the program");
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("cannot be opened") && said.contains("127.0.0.1"), "{said}");
}

/// A process of the installation behind the balancer.
fn behind(balancer: &Balancer, home: &Home) -> Serving {
    // People know the balancer's address only, so that the program does not say where it listens.
    let listen = format!("127.0.0.1:{}", raw::free_port());
    let mut command = home.command();
    command.env("CREDENZA_PUBLIC_URL", &balancer.base).env("CREDENZA_LISTEN", &listen);
    let serving = Serving::start(command);
    balancer.add(&listen);
    serving
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_behind_one_balancer_are_one_console() {
    if !is_postgres() {
        println!("not on SQLite: its file is for one process");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let database = Database::empty(dir.path());
    let home = Home::set_up_on(&database.url);
    let balancer = Balancer::start().await;
    let siblings = [home.sibling(), home.sibling(), home.sibling()];
    let one = behind(&balancer, &siblings[0]);
    let two = behind(&balancer, &siblings[1]);
    let three = behind(&balancer, &siblings[2]);
    // Each request is a connection of its own, and goes to the next process.
    let admin = Browser::sign_in(&balancer.base).await;
    for turn in 0..6 {
        assert_eq!(admin.get("/w/acme/credentials").await.expect("an answer").status, 200, "turn {turn}");
    }
    // Made on one, seen on the others at once; of two edits of one revision the second is told.
    let made =
        admin.post("/w/acme/credentials", &webhook("Shared", "a signing secret of all")).await.expect("an answer");
    let path = made.location.split('?').next().expect("a path").to_owned();
    for _ in 0..3 {
        assert!(admin.get("/w/acme/credentials").await.expect("an answer").body.contains("Shared"));
    }
    let edit = [("name", "Shared"), ("revision", "1"), ("f.url", "https://www.example.com/hook")];
    let statuses = [admin.post(&path, &edit).await, admin.post(&path, &edit).await];
    assert_eq!(statuses.map(|answer| answer.expect("an answer").status), [303, 409]);
    // Wrong passwords are counted together.
    let mut wrong = Vec::new();
    for _ in 0..8 {
        let form = [("email", "nobody@example.com"), ("password", "seven red kettles")];
        wrong.push(admin.post("/sign-in", &form).await.expect("an answer").status);
    }
    assert!(wrong[..5].iter().all(|status| *status == 422) && wrong.contains(&429), "{wrong:?}");
    // A third is killed while all work.
    let clients = Clients::start(&admin, 4);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = clients.ledger.acknowledged();
    two.kill();
    tokio::time::sleep(Duration::from_millis(300)).await;
    for turn in 0..6 {
        assert_eq!(admin.get("/w/acme/credentials").await.expect("an answer").status, 200, "turn {turn}");
    }
    // And another takes its place.
    let fourth = home.sibling();
    let four = behind(&balancer, &fourth);
    tokio::time::sleep(Duration::from_secs(1)).await;
    clients.ledger.also(&path, "Shared");
    clients.end(&home, before).await;
    // Signing out on one ends the session on all.
    assert_eq!(admin.post("/sign-out", &[]).await.expect("an answer").status, 303);
    for turn in 0..3 {
        let answer = admin.get("/w/acme/credentials").await.expect("an answer");
        assert_eq!((answer.status, answer.location.as_str()), (303, "/sign-in"), "turn {turn}");
    }
    drop((one, three, four));
}
