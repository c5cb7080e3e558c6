//! The real program as a process of its own, with a data directory that is gone afterwards.

use super::database::Database;
use credenza::db::{AnyConnection, DatabaseUrl};
use reqwest::header::{LOCATION, ORIGIN};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The program under test: the one that was built with the tests, or `TEST_PROGRAM`.
fn binary() -> String {
    std::env::var("TEST_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_credenza").to_owned())
}

/// The admin whom `Home::set_up` makes.
pub const EMAIL: &str = "ada@example.com";
/// Her password.
pub const PASSWORD: &str = "a rather long sentence about tides";

/// A data directory, set up with the workspace `acme` and one admin.
pub struct Home {
    dir: tempfile::TempDir,
    /// The database, where it is not the file in the data directory.
    elsewhere: Option<Database>,
    /// Further variables of its environment.
    vars: Vec<(&'static str, String)>,
}

impl Home {
    /// Runs `credenza setup` in a new directory.
    pub fn set_up() -> Self {
        Self::set_up_in(std::env::temp_dir().as_path())
    }

    /// The same below `parent`.
    pub fn set_up_in(parent: &Path) -> Self {
        let home = Self::empty_in(parent, Vec::new());
        home.run_setup();
        home
    }

    /// The same with its data in the database of this address.
    pub fn set_up_on(url: &str) -> Self {
        let home = Self::empty_in(&std::env::temp_dir(), vec![("DATABASE_URL", url.to_owned())]);
        home.run_setup();
        home
    }

    /// A new directory in which nothing was set up.
    pub fn empty() -> Self {
        Self::empty_in(&std::env::temp_dir(), Vec::new())
    }

    /// The same, with its data to be in the database of this address.
    pub fn empty_on(url: &str) -> Self {
        let key = ("CREDENZA_ROOT_KEY", super::app::ROOT_KEY.to_owned());
        Self::empty_in(&std::env::temp_dir(), vec![("DATABASE_URL", url.to_owned()), key])
    }

    /// A directory of its own for a further process of the same installation.
    pub fn sibling(&self) -> Self {
        let key = ("CREDENZA_ROOT_KEY_FILE", self.data().join("root.key").display().to_string());
        Self::empty_in(&std::env::temp_dir(), self.vars.iter().cloned().chain([key]).collect())
    }

    fn empty_in(parent: &Path, vars: Vec<(&'static str, String)>) -> Self {
        let dir = tempfile::Builder::new().prefix("credenza-home").tempdir_in(parent).expect("a directory");
        Self { dir, elsewhere: None, vars }
    }

    /// The same with whichever database the tests run on.
    pub fn set_up_on_any() -> Self {
        let dir = tempfile::Builder::new().prefix("credenza-home").tempdir().expect("a directory");
        let elsewhere = super::database::is_postgres().then(|| Database::empty(dir.path()));
        let home = Self { dir, elsewhere, vars: Vec::new() };
        home.run_setup();
        home
    }

    fn run_setup(&self) {
        let mut child = self
            .command()
            .args(["setup", "--workspace", "Acme", "--email", EMAIL, "--password-file", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        child.stdin.take().expect("standard input").write_all(PASSWORD.as_bytes()).expect("a reader");
        let done = child.wait_with_output().expect("an end");
        assert!(done.status.success(), "setup: {}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), "acme");
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The SQLite file.
    pub fn database(&self) -> PathBuf {
        self.data().join("credenza.db")
    }

    /// The texts of the column `line` of a query, past the program.
    pub fn rows(&self, query: &str) -> Vec<String> {
        super::dump::lines(&mut self.connect(), query)
    }

    /// The address of the database.
    pub fn url(&self) -> DatabaseUrl {
        let given = self.vars.iter().find(|(name, _)| *name == "DATABASE_URL");
        match (&self.elsewhere, given) {
            (Some(database), _) => database.parsed(),
            (None, Some((_, url))) => DatabaseUrl::parse(url).expect("an address"),
            (None, None) => DatabaseUrl::Sqlite(self.database()),
        }
    }

    /// A connection past the program.
    pub fn connect(&self) -> AnyConnection {
        self.url().connect().expect("a connection")
    }

    /// The program with this home and nothing else in its environment.
    pub fn command(&self) -> Command {
        let mut command = Command::new(binary());
        self.surround(&mut command);
        command
    }

    /// The program started by another one, such as a tracer.
    pub fn command_under(&self, tracer: &str, args: &[&str]) -> Command {
        let mut command = Command::new(tracer);
        command.args(args).arg(binary());
        self.surround(&mut command);
        command
    }

    fn surround(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("CREDENZA_DATA_DIR", self.data())
            .env("CREDENZA_LISTEN", "127.0.0.1:0")
            .env("CREDENZA_LOG", "error")
            .envs(self.vars.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path());
        if let Some(database) = &self.elsewhere {
            command.env("DATABASE_URL", &database.url);
        }
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command().args(args).stdin(Stdio::null()).output().expect("the program")
    }

    /// Runs a command and returns its exit code and all it printed, standard output first.
    pub fn said(&self, args: &[&str]) -> (Option<i32>, String) {
        told(self.command().args(args))
    }

    /// Starts serving and waits until it says where.
    pub fn serve(&self) -> Serving {
        Serving::start(self.command())
    }
}

/// Runs a prepared command to its end: its exit code and all it printed, standard output first.
pub fn told(command: &mut Command) -> (Option<i32>, String) {
    let done = command.stdin(Stdio::null()).output().expect("the program");
    let text = [done.stdout.as_slice(), &done.stderr].concat();
    (done.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// A serving process; it is killed when dropped.
pub struct Serving {
    child: Child,
    printed: Receiver<String>,
    /// `http://127.0.0.1:port`.
    pub base: String,
}

impl Serving {
    /// Starts a prepared command and waits for the line that tells the address.
    pub fn start(command: Command) -> Self {
        Self::start_logging_to(command, Stdio::inherit())
    }

    /// The same with its log going somewhere else.
    pub fn start_logging_to(mut command: Command, log: Stdio) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().expect("the program");
        let mut lines = BufReader::new(child.stdout.take().expect("standard output")).lines();
        let base = loop {
            let line = lines.next().expect("the program said where it is").expect("a line");
            if let Some(base) = line.strip_prefix("Credenza is at ") {
                break base.to_owned();
            }
        };
        // What is printed later must not fill the pipe.
        let (send, printed) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(send.send(line))));
        Self { child, base, printed }
    }

    /// Waits for a line that begins so and returns the rest of it; lines before it are passed over.
    pub fn printed(&self, beginning: &str) -> String {
        loop {
            let line = self.printed.recv_timeout(Duration::from_secs(20)).expect("the program prints it");
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.trim().to_owned();
            }
        }
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and the end awaited.
    pub fn kill(mut self) {
        self.child.kill().expect("a living process");
        self.child.wait().expect("an end");
    }

    /// Sends a signal by its name.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("a living process");
    }

    /// Stops a program that a tracer started, and waits for both.
    pub fn stop_traced(&mut self) {
        let children = format!("/proc/{0}/task/{0}/children", self.pid());
        let traced = std::fs::read_to_string(children).expect("the tracer's children");
        let traced =
            traced.split_whitespace().next().and_then(|pid| pid.parse().ok()).and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(traced.expect("a traced program"), rustix::process::Signal::TERM)
            .expect("a living process");
        self.wait(Duration::from_secs(60));
    }

    /// Waits for the end; fails after `limit`.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(began.elapsed() < limit, "the program did not stop within {limit:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A person's browser, as far as it matters here.
#[derive(Clone)]
pub struct Browser {
    client: reqwest::Client,
    base: String,
    cookie: String,
}

/// An answer that was read to its end.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Location`, or empty.
    pub location: String,
    /// `Retry-After`, or empty.
    pub retry_after: String,
    /// The body.
    pub body: String,
}

impl Browser {
    /// Signs in as the admin of a [`Home`].
    pub async fn sign_in(base: &str) -> Self {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .expect("a client");
        let answer = client
            .post(format!("{base}/sign-in"))
            .header(ORIGIN, base)
            .form(&[("email", EMAIL), ("password", PASSWORD)])
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status().as_u16(), 303, "signing in");
        let cookies = answer.headers().get_all("set-cookie").iter();
        let cookie = cookies
            .filter_map(|line| line.to_str().ok()?.split(';').next())
            .find(|pair| pair.starts_with("sid="))
            .expect("a session")
            .to_owned();
        Self { client, base: base.to_owned(), cookie }
    }

    /// The same session at another address: the program was started again.
    pub fn moved(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// The session, as it is sent.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// Sends a form; an error when no whole answer came back.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Answer, reqwest::Error> {
        let request = self.client.post(format!("{}{path}", self.base)).header(ORIGIN, &self.base).form(form);
        self.send(request).await
    }

    /// Asks for a page.
    pub async fn get(&self, path: &str) -> Result<Answer, reqwest::Error> {
        self.send(self.client.get(format!("{}{path}", self.base))).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        let answer = request.header("cookie", &self.cookie).send().await?;
        let text = |name: &str| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let (status, location, retry_after) = (answer.status().as_u16(), text(LOCATION.as_str()), text("retry-after"));
        Ok(Answer { status, location, retry_after, body: answer.text().await? })
    }
}

/// The fields of a webhook credential, which is checked by its form alone.
pub fn webhook<'a>(name: &'a str, secret: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("integration", "website"),
        ("method", "webhook"),
        ("name", name),
        ("f.url", "https://www.example.com/hook"),
        ("f.signing_secret", secret),
    ]
}
