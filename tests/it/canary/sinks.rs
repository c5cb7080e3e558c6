//! Every place where a secret could end up, and the look into all of them.

use super::needle::{Canaries, Hits};
use crate::oauth::stage::look;
use crate::support::app::{ACME, TestApp};
use crate::support::database::is_postgres;
use crate::support::dump::dump;
use crate::support::log::Capture;
use crate::support::person::{Person, Reply, sent};
use actix_web::http::Method;
use credenza::web::routes;
use std::path::Path;
use std::sync::Mutex;

/// What was asked for, and the headers and the body that came back.
type Kept = (String, Vec<u8>, Vec<u8>);

/// A console whose every answer is kept.
pub struct Watched {
    pub app: TestApp,
    pub canaries: Canaries,
    pub admin: Person,
    log: Capture,
    /// A text that is no secret: each place must be seen to hold it, or the look proves nothing.
    control: String,
    answers: Mutex<Vec<Kept>>,
    ids: Vec<String>,
    flows: Vec<String>,
}

impl Watched {
    /// Begins to listen, then starts the console.
    pub async fn start(start: impl AsyncFnOnce(&mut Canaries) -> TestApp) -> Self {
        let log = Capture::start();
        let mut canaries = Canaries::default();
        let app = start(&mut canaries).await;
        let admin = app.admin().await;
        let control = Canaries::default().plant("control");
        Self { app, canaries, admin, log, control, answers: Mutex::default(), ids: Vec::new(), flows: Vec::new() }
    }

    /// Keeps an answer.
    pub fn keep(&self, what: &str, reply: &Reply) {
        let headers: Vec<String> = reply
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let kept = (what.to_owned(), headers.join("\n").into_bytes(), reply.body.clone().into_bytes());
        self.answers.lock().expect("answers").push(kept);
    }

    /// Sends a form as the admin; the status must be this.
    pub async fn post(&self, path: &str, form: &[(String, String)], status: u16) -> Reply {
        let reply = sent(self.admin.request("POST", path).form(form)).await;
        self.keep(&format!("POST {path}"), &reply);
        reply.expect(status)
    }

    /// Stores a credential whose name and description hold the control; returns its address.
    pub async fn create(&mut self, form: &[(String, String)]) -> String {
        let path = self.named(form).await;
        self.ids.extend(path.rsplit('/').next().map(str::to_owned));
        path
    }

    /// As [`Watched::create`], for a method that asks for consent; returns the address of the consent.
    pub async fn begin(&mut self, form: &[(String, String)]) -> String {
        let path = self.named(form).await;
        self.flows.extend(path.rsplit('/').next().map(str::to_owned));
        path
    }

    async fn named(&self, form: &[(String, String)]) -> String {
        let name = format!("{} {}", self.control, self.ids.len() + self.flows.len());
        let mut form = form.to_vec();
        form.extend([("name".to_owned(), name), ("description".to_owned(), self.control.clone())]);
        self.post("/w/acme/credentials", &form, 303).await.location().to_owned()
    }

    /// Comes back from the service to a consent, as a person who agreed; the code, the state and what proves the
    /// request are looked for from now on. Returns the address that came back, and where it led.
    pub async fn agree(&mut self, page: &str, status: u16) -> (String, Reply) {
        // This page alone holds the state, in the link, for the person who started.
        let waiting = look(&self.admin, page).await;
        self.canaries.watch("state", waiting.state());
        let code = self.canaries.plant("code");
        let back = format!("/oauth/callback?code={code}&state={}&scope=all", waiting.state());
        let reply = self.admin.get(&back).await;
        self.keep("GET /oauth/callback", &reply);
        for request in self.app.service.requests() {
            for (name, value) in request.form() {
                if name == "code_verifier" {
                    self.canaries.watch("verifier", &value);
                }
            }
        }
        (back, reply.expect(status))
    }

    /// Adds a credential that a consent made to those that are looked at.
    pub fn made(&mut self, path: &str) {
        self.ids.extend(path.rsplit('/').next().map(str::to_owned));
    }

    /// Asks for every page as every sort of person, and for what only a search or a filter shows.
    async fn crawl(&self) {
        for (who, person) in [
            ("admin", self.admin.clone()),
            ("member", self.app.member().await),
            ("support", self.app.support().await),
            ("stranger", self.app.foreign_admin().await),
            ("nobody", self.app.anon()),
        ] {
            for path in self.paths() {
                self.keep(&format!("GET {path} as {who}"), &person.get(&path).await);
            }
        }
        // An address that nothing answers to stands in the log, and the way back after signing in in a header.
        self.keep("GET nothing", &self.admin.get(&format!("/w/acme/credentials/{}", self.control)).await);
        let next = format!("/{}", self.control);
        let form = [("email", "admin@acme.example"), ("password", crate::support::person::PASSWORD), ("next", &next)];
        self.keep("POST /sign-in", &self.app.anon().post("/sign-in", &form).await);
    }

    fn paths(&self) -> Vec<String> {
        let mut all = Vec::new();
        for route in routes::table().iter().filter(|route| route.method == Method::GET) {
            let path = route.path.replace("{slug}", ACME);
            if path.contains("{id}") {
                all.extend(self.ids.iter().map(|id| path.replace("{id}", id)));
            } else if path.contains("{flow}") {
                all.extend(self.flows.iter().map(|flow| path.replace("{flow}", flow)));
            } else if path.contains("{integration}") {
                let services = ["http", "smtp", "openai", "stripe", "website", "google-sheets"];
                all.extend(services.map(|id| path.replace("{integration}", id)));
            } else {
                all.push(path);
            }
        }
        for query in
            ["?q=canary", "?sort=name", "?sort=status", "?status=broken", "?status=working", "?status=unverified"]
        {
            all.push(format!("/w/{ACME}/credentials{query}"));
        }
        for service in ["http&method=basic", "smtp", "openai", "stripe", "website"] {
            all.push(format!("/w/{ACME}/credentials/new?integration={service}"));
        }
        all
    }

    /// Looks everywhere. Fails on any secret in any form, and where the control is not seen.
    pub async fn inspect(self) {
        self.crawl().await;
        let mut control = Canaries::default();
        control.watch("control", &self.control);
        let (secrets, controls) = (self.canaries.search(), control.search());
        let mut hits = Hits::new();
        let mut look = |place: &str, parts: Vec<(String, Vec<u8>)>| {
            let mut seen = false;
            for (what, bytes) in parts {
                hits.extend(secrets.hits(&format!("{place}, {what}"), &bytes));
                seen = seen || !controls.hits("", &bytes).is_empty();
            }
            assert!(seen, "the control was not seen in the {place}: looking there proves nothing");
        };
        let answers = std::mem::take(&mut *self.answers.lock().expect("answers"));
        assert!(answers.len() > 50, "{} answers", answers.len());
        look("headers", answers.iter().map(|(what, headers, _)| (what.clone(), headers.clone())).collect());
        look("bodies", answers.into_iter().map(|(what, _, body)| (what, body)).collect());
        let rows = dump(&mut self.app.database.connect());
        look("tables", rows.iter().map(|(table, rows)| (table.clone(), rows.join("\n").into_bytes())).collect());
        for table in ["credentials", "credential_words", "audit_events"] {
            look(table, vec![(String::new(), rows[table].join("\n").into_bytes())]);
        }
        // The program's own files; a file of the test shows that none is passed over.
        let planted = self.app.dir.path().join("deeper").join("still deeper");
        std::fs::create_dir_all(&planted).expect("a directory");
        std::fs::write(planted.join("file"), &self.control).expect("a file");
        look("data directory", files(self.app.dir.path()));
        if !is_postgres() {
            look("database file and its log", self.database_files());
            self.app.db.checkpoint().await.expect("a checkpoint");
            let file: Vec<_> = self.database_files().into_iter().filter(|(name, _)| name.ends_with(".db")).collect();
            look("database file after the log was folded in", file);
        }
        // Line by line, with who said it: `<time> TRACE hyper::client: …`.
        let said =
            |line: &str| (line.split_whitespace().take(3).collect::<Vec<_>>().join(" "), line.as_bytes().to_vec());
        look("log", heard(&self.log).lines().map(said).collect());
        assert!(hits.is_empty(), "{hits:#?}");
    }

    fn database_files(&self) -> Vec<(String, Vec<u8>)> {
        files(self.app.dir.path()).into_iter().filter(|(name, _)| name.contains("credenza.db")).collect()
    }
}

/// What the program logged, without what the browsers of the tests say about their own cookies and of the pages that
/// they read.
pub fn heard(log: &Capture) -> String {
    let text = log.text();
    let of_the_tests =
        |line: &&str| [" cookie_store::", " html5ever::", " selectors::"].iter().any(|who| line.contains(who));
    let lines: Vec<&str> = text.lines().filter(|line| !of_the_tests(line)).collect();
    lines.join("\n")
}

/// Every file below a directory.
pub fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            all.push((path.display().to_string(), bytes));
        }
    }
    all
}
