//! What operation costs: starting, a live check of a mail server, durable changes through a page, and what a storm of
//! sign-ins does to everybody else.
//!
//! `cargo bench -- operation`; with `--short` behind it a run of seconds that shows whether it works, not how fast.

use crate::stand::client::{Client, header};
use crate::stand::console::{Console, Ground};
use crate::stand::sample::{self, judge};
use anyhow::{Context, Result, ensure};
use credenza::catalog::form::{self, Input};
use credenza::catalog::load::Catalog;
use credenza::check::report::Outcome;
use credenza::check::{self, Options, Trigger};
use credenza::clock::Clock;
use credenza::crypto::hasher::Settings;
use credenza::demo::stand_in::StandIn;
use credenza::demo::words::Mood;
use credenza::egress::Egress;
use credenza::egress::allow::Allow;
use credenza::secret::Secret;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_credenza");
/// People who sign in at once, without pause.
const CROWD: usize = 50;
/// Clients that change something at once.
const EDITORS: usize = 8;

/// How long things are measured.
struct Effort {
    rounds: usize,
    time: Duration,
    checks: usize,
}

/// Measures and prints.
pub fn run() -> Result<()> {
    let short = std::env::args().any(|arg| arg == "--short");
    let effort = match short {
        true => Effort { rounds: 2, time: Duration::from_millis(500), checks: 20 },
        false => Effort { rounds: 5, time: Duration::from_secs(4), checks: 400 },
    };
    println!("machine: {}", sample::machine());
    println!("database: SQLite as it is shipped (WAL, synchronous=FULL)\n");
    let mut met = starting(&effort)?;
    met &= mail_check(&effort)?;
    met &= changes(&effort)?;
    met &= storm(&effort)?;
    println!("{}", if met { "all targets met" } else { "targets missed" });
    Ok(())
}

/// The program as a process of its own: how long until it answers, what it holds when nobody asks, how large it is.
fn starting(effort: &Effort) -> Result<bool> {
    let dir = tempfile::tempdir()?;
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    let mut file = std::fs::File::create(dir.path().join("password"))?;
    file.write_all(b"seven green kettles hum\n")?;
    let mut setup = program(dir.path(), port);
    setup.args(["setup", "--workspace", "Acme", "--email", "admin@acme.example", "--password-file"]);
    ensure!(setup.arg(dir.path().join("password")).status()?.success(), "the first workspace was not made");
    let (mut times, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let begun = Instant::now();
        let mut running = Running(program(dir.path(), port).spawn()?);
        wait_for(port)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_secs(2));
        resident.push(resident_mib(running.0.id())?);
        running.stop()?;
    }
    let size = std::fs::metadata(PROGRAM)?.len() as f64 / 1e6;
    Ok(judge("start to first answer, existing database", sample::quantile(&mut times, 0.5)?, 300.0, "ms")
        & judge("resident memory when idle", sample::quantile(&mut resident, 0.5)?, 60.0, "MiB")
        & judge("the program", size, 30.0, "MB"))
}

fn program(dir: &Path, addr: SocketAddr) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env("CREDENZA_DATA_DIR", dir.join("data")).env("CREDENZA_LISTEN", addr.to_string());
    command.env("CREDENZA_LOG", "warn").stdout(Stdio::null()).stdin(Stdio::null());
    command
}

/// A program that ends with its guard.
struct Running(Child);

impl Running {
    fn stop(&mut self) -> Result<()> {
        let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw).context("no process")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn wait_for(addr: SocketAddr) -> Result<()> {
    let request = format!("GET /health/ready HTTP/1.1\r\nHost: {addr}\r\n\r\n");
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        let answered = Client::connect(addr).and_then(|mut client| client.send(request.as_bytes()));
        if answered.is_ok_and(|reply| reply.status == 200) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    anyhow::bail!("the program does not answer")
}

fn resident_mib(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no such line")?;
    Ok(line.split_whitespace().nth(1).context("no number")?.parse::<f64>()? / 1024.0)
}

/// Checks of a mail server that speaks TLS, one after the other. The server that is checked runs in the same
/// process, so that its side of each handshake is counted as well.
fn mail_check(effort: &Effort) -> Result<bool> {
    let runtime = tokio::runtime::Runtime::new()?;
    let catalog = Arc::new(Catalog::load(None)?);
    let integration = catalog.get("smtp").context("no mail servers in the catalogue")?;
    let method = integration.method("password").context("no password")?;
    let clock = Clock::system();
    let typed = [
        ("host", "mail.acme.example"),
        ("port", "465"),
        ("tls", "implicit"),
        ("user", "post@acme.example"),
        ("password", "four-blue-lanterns"),
    ];
    let fields = typed.into_iter().map(|(name, value)| (name.to_owned(), Secret::new(value.to_owned()))).collect();
    let input = Input { fields, ..Input::default() };
    let parsed = form::parse(integration, method, form::Mode::Create, input)
        .map_err(|remarks| anyhow::anyhow!("the form is refused: {remarks:?}"))?;
    runtime.block_on(async {
        let services = StandIn::start(&catalog, Some(Mood::Fine)).await?;
        let egress = Egress::new(services.dialer()?, Allow::default());
        let context = check::Context { egress: &egress, defaults: catalog.defaults(), clock: &clock };
        let once =
            async || check::run(&context, integration, method, &parsed.values, Options::new(Trigger::Later)).await;
        let first = once().await;
        ensure!(first.outcome == Outcome::Ok, "the check came to {:?}", first.outcome);
        let used = sample::processor_time()?;
        for _ in 0..effort.checks {
            once().await;
        }
        let each = (sample::processor_time()? - used) * 1e3 / effort.checks as f64;
        Ok(judge("a live check of a mail server over TLS, both sides", each, 2.0, "ms of processor time"))
    })
}

/// Renaming through the page's route: form, session, transaction, audit line, durable before the answer.
fn changes(effort: &Effort) -> Result<bool> {
    let console = Console::start(1_000)?;
    let page = String::from_utf8(console.page("", 50..=50)?)?;
    let ids: Vec<String> =
        page.split("<tr id=\"row-").skip(1).filter_map(|part| part.split('"').next()).map(str::to_owned).collect();
    let mut rates = Vec::new();
    for round in 0..effort.rounds {
        let until = Instant::now() + effort.time;
        let done = AtomicUsize::new(0);
        std::thread::scope(|scope| -> Result<()> {
            let editors: Vec<_> =
                ids.iter().take(EDITORS).map(|id| scope.spawn(|| rename(&console, id, round, until, &done))).collect();
            for editor in editors {
                editor.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
            }
            Ok(())
        })?;
        rates.push(done.load(Ordering::Relaxed) as f64 / effort.time.as_secs_f64());
    }
    let rate = sample::quantile(&mut rates, 0.5)?;
    let met = rate >= 500.0;
    println!("durable renames through the page, {EDITORS} clients: {rate:.0}/s (≥ 500) {}", sample::verdict(met));
    Ok(met)
}

fn rename(console: &Console, id: &str, round: usize, until: Instant, done: &AtomicUsize) -> Result<()> {
    let mut client = Client::connect(console.addr)?;
    let mut number = 0;
    while Instant::now() < until {
        number += 1;
        let request = console.post(
            &format!("/w/{}/credentials/{id}/name", console.seeded.slug),
            &format!("name=Mail+{id}+{round}+{number}"),
        );
        let reply = client.send(&request)?;
        ensure!(reply.status == 303, "renaming came to {}", reply.status);
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// The list while nobody and while everybody signs in, in turns.
fn storm(effort: &Effort) -> Result<bool> {
    let console = Console::start_on(1_000, Ground { hashing: Settings::for_machine(), ..Ground::default() })?;
    let list = console.list("", "");
    sample::load(console.addr, &list, 1, effort.time)?;
    let (before, _) = sample::memory()?;
    let (mut ratios, mut signed, mut busy) = (Vec::new(), 0, 0);
    for _ in 0..effort.rounds {
        let quiet = sample::load(console.addr, &list, 1, effort.time)?;
        let over = AtomicBool::new(false);
        let (stormy, answers) = std::thread::scope(|scope| -> Result<_> {
            let crowd: Vec<_> = (0..CROWD).map(|_| scope.spawn(|| sign_in_again(&console, &over))).collect();
            std::thread::sleep(Duration::from_millis(200));
            let stormy = sample::load(console.addr, &list, 1, effort.time);
            over.store(true, Ordering::Relaxed);
            let mut answers = (0, 0);
            for person in crowd {
                let (one, other) = person.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
                answers = (answers.0 + one, answers.1 + other);
            }
            Ok((stormy?, answers))
        })?;
        println!("  list p50 {:.0} µs quiet, {:.0} µs in the storm", quiet.p50, stormy.p50);
        ratios.push(stormy.p50 / quiet.p50);
        (signed, busy) = (signed + answers.0, busy + answers.1);
    }
    let (_, highest) = sample::memory()?;
    println!("{CROWD} people without pause: {signed} signed in, {busy} were told to come back (503 with Retry-After)");
    Ok(judge("list p50 in the storm against quiet", sample::quantile(&mut ratios, 0.5)?, 1.5, "times")
        & judge("resident memory grew by", highest - before, 200.0, "MiB"))
}

/// Signs in until it is over; how often that worked, and how often the queue was full.
fn sign_in_again(console: &Console, over: &AtomicBool) -> Result<(usize, usize)> {
    let mut client = Client::connect(console.addr)?;
    let (mut signed, mut busy) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        let reply = client.send(&console.sign_in_request())?;
        match reply.status {
            303 => signed += 1,
            503 => {
                ensure!(header(client.head(reply.head)?, "retry-after").is_some(), "503 without Retry-After");
                busy += 1;
            }
            other => anyhow::bail!("signing in came to {other}"),
        }
        if header(client.head(reply.head)?, "connection").is_some_and(|v| v.eq_ignore_ascii_case("close")) {
            client = Client::connect(console.addr)?;
        }
    }
    Ok((signed, busy))
}
