//! `credenza demo` as a process of its own: what it prints, what it shows, that it works, and what it leaves.

use crate::layers::{code, files, folder};
use crate::support::person::{Person, Reply};
use credenza::demo::words::WORDS;
use credenza::model::status::Status;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_credenza");
const STORE: &str = "/w/acme-store/credentials";
const LIMIT: Duration = Duration::from_secs(60);

/// A started demo, in a folder for temporary files of its own.
struct Demo {
    child: Child,
    temporary: tempfile::TempDir,
}

impl Demo {
    fn start(vars: &[(&str, &str)]) -> Self {
        let temporary = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(PROGRAM);
        command
            .arg("demo")
            .env_clear()
            .env("TMPDIR", temporary.path())
            .env("CREDENZA_LISTEN", "127.0.0.1:0")
            .env("CREDENZA_LOG", "error")
            .envs(vars.iter().copied())
            .current_dir(temporary.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self { child: command.spawn().expect("the program"), temporary }
    }

    /// Everything that it prints until it is ready.
    fn printed(&mut self) -> String {
        let mut text = String::new();
        let mut out = BufReader::new(self.child.stdout.take().expect("standard output"));
        let last = WORDS[WORDS.len() - 1].2;
        while !text.contains(last) {
            if out.read_line(&mut text).expect("a line") == 0 {
                let mut error = String::new();
                drop(self.child.stderr.take().expect("standard error").read_to_string(&mut error));
                panic!("it ended early: {text}{error}");
            }
        }
        text
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a living process");
    }

    fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(began.elapsed() < LIMIT, "it did not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What lies in the folder for temporary files.
    fn left(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.temporary.path()).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no “{before}” in {text}")).1;
    rest.split_once(after).expect(after).0
}

/// Somebody of the demo.
async fn sign_in(base: &str, email: &str, password: &str) -> Person {
    let person = Person::new(base);
    person.post("/sign-in", &[("email", email), ("password", password)]).await.expect(303);
    person
}

/// The address of the credential of this name on a page of the list.
fn address(list: &Reply, name: &str) -> String {
    let names = list.texts("a.name");
    let at = names.iter().position(|found| found == name).unwrap_or_else(|| panic!("{name} is not in {names:?}"));
    list.attributes("a.name", "href").swap_remove(at)
}

async fn status(person: &Person, path: &str) -> String {
    let page = person.get(path).await.expect(200);
    page.attributes("section[aria-label=Status] .st", "data-status").pop().expect("a status")
}

async fn verify(person: &Person, path: &str) -> String {
    person.post(&format!("{path}/checks"), &[]).await.expect(303);
    status(person, path).await
}

#[tokio::test]
async fn it_starts_shows_every_status_works_and_leaves_nothing() {
    let mut demo = Demo::start(&[]);
    let printed = demo.printed();
    let base = between(&printed, "Credenza is at ", "\n").to_owned();
    let home = PathBuf::from(between(&printed, "Its data are in ", " and vanish"));
    let password = between(&printed, "with the password  ", "  as").to_owned();
    assert_eq!(demo.left(), std::slice::from_ref(&home));
    for (person, role) in [("ana", "admin"), ("rui", "admin"), ("bruno", "member"), ("sofia", "support")] {
        let line = printed.lines().find(|line| line.contains(&format!("{person}@acme.example"))).expect(person);
        assert!(line.contains(&format!("{role} of Acme Store")), "{line}");
    }
    let ana = sign_in(&base, "ana@acme.example", &password).await;
    looks_lived_in(&ana).await;
    bots_are_at_work(&ana).await;
    the_services_answer(&ana).await;
    people_agree(&ana, &base).await;
    others_see_what_they_may(&base, &password).await;
    drop(ana);
    proves(&home);
    demo.signal(Signal::TERM);
    assert_eq!(demo.wait().code(), Some(0));
    assert_eq!(demo.left(), Vec::<PathBuf>::new());
}

/// Every status in its list, everything that a story can tell, two workspaces.
async fn looks_lived_in(ana: &Person) {
    let list = ana.get(STORE).await.expect(200);
    assert_eq!(list.texts("aside.demo").len(), 1);
    for status in Status::ALL {
        let filtered = ana.get(&format!("{STORE}?status={}", status.as_str())).await.expect(200);
        let drawn = filtered.attributes("tbody .st", "data-status");
        assert!(!drawn.is_empty() && drawn.iter().all(|one| one == status.as_str()), "{status}: {drawn:?}");
    }
    for badge in ["production", "test", "live key", "test key"] {
        assert!(list.texts("tbody .tag").iter().any(|tag| tag == badge), "{badge}");
    }
    assert!(list.texts("a.name").iter().any(|name| name.len() > 80), "a long name");
    let broken = ana.get(&address(&list, "Stripe Brazil")).await.expect(200);
    assert!(!broken.texts(".hint[data-code=status_401]").is_empty(), "the hint");
    let history = broken.texts("ul.tl").join("\n");
    for told in ["Ana created it", "entered a new secret", "Rui tried to change it", "no answer", "it works"] {
        assert!(history.contains(told), "{told}: {history}");
    }
    let renamed = ana.get(&address(&list, "Leads spreadsheet")).await.expect(200);
    assert!(renamed.texts("ul.tl").join("\n").contains("renamed it from “Planilha”"));
    assert_eq!(renamed.texts("code")[0], "planilha", "the handle stays");
    let switcher = list.attributes(".switch.menu a", "href");
    assert_eq!(switcher, [STORE, "/w/acme-wholesale/credentials"]);
    assert!(!ana.get(&switcher[1]).await.expect(200).texts("a.name").is_empty());
    let deleted = ana.get(&format!("{STORE}/deleted")).await.expect(200);
    let restore = deleted.attributes("form[action$='/restoration']", "action").swap_remove(0);
    ana.post(&restore, &[]).await.expect(303);
    assert!(ana.get(STORE).await.texts("a.name").contains(&"Mail of the summer campaign".to_owned()));
}

/// A bot that works, one that a broken credential hurts, and a draft; what they did is counted.
async fn bots_are_at_work(ana: &Person) {
    let list = ana.get("/w/acme-store/bots").await.expect(200);
    for (name, state, word) in [
        ("Order confirmations", "published", "Ready"),
        ("Payment reminders", "published", "Broken"),
        ("Weekly report", "draft", "Incomplete"),
    ] {
        let page = ana.get(&address(&list, name)).await.expect(200);
        assert_eq!(page.texts("h1 .tag"), [state], "{name}");
        assert!(page.texts("aside .st b").contains(&word.to_owned()), "{name}: {:?}", page.texts("aside .st b"));
        let used = page.texts("td[data-label='Last used']").concat();
        assert_eq!(!used.contains("never"), state == "published", "{name}: {used}");
    }
    let credentials = ana.get(STORE).await.expect(200);
    let broken = ana.get(&address(&credentials, "Stripe Brazil")).await.expect(200);
    let used = broken.texts("#used").concat();
    assert!(used.contains("Payment reminders") && used.contains("last used"), "{used}");
    let mail = ana.get(&address(&credentials, "Invoices mail")).await.expect(200);
    assert!(mail.texts("#used h2").concat().contains("Used by 2 blocks"));
}

/// Verifying, creating and editing reach the imitated services.
async fn the_services_answer(ana: &Person) {
    let list = ana.get(STORE).await.expect(200);
    for (name, wanted) in [
        ("Loja principal", "working"),
        ("Stripe Brazil", "broken"),
        ("WhatsApp campaigns", "broken"),
        ("Stock service", "expiring"),
        ("SAP B1 head office", "working"),
        ("Outlet shop", "suspended"),
        ("Warehouse scanners", "unreadable"),
    ] {
        assert_eq!(verify(ana, &address(&list, name)).await, wanted, "{name}");
    }
    let mail = |password| {
        [
            ("integration", "smtp"),
            ("method", "password"),
            ("name", "Tried in the demo"),
            ("f.host", "mail.example.com"),
            ("f.tls", "starttls"),
            ("f.port", "587"),
            ("f.user", "bot@example.com"),
            ("f.password", password),
        ]
    };
    let refused = ana.post(STORE, &mail("wrong-one")).await.expect(422);
    assert_eq!(refused.attributes("#banner", "data-code"), ["smtp_535"]);
    let made = ana.post(STORE, &mail("any-other")).await.expect(303);
    let path = made.location().to_owned();
    assert_eq!(status(ana, &path).await, "working");
    let secret = |value| [("f.password", value)];
    ana.post(&format!("{path}/rotation"), &secret("down")).await.expect(422);
    ana.post(&format!("{path}/rotation"), &secret("the-next-one")).await.expect(303);
    assert_eq!(status(ana, &path).await, "working");
}

/// One sign-in works, and one that ended is connected again at the page that stands for all services.
async fn people_agree(ana: &Person, base: &str) {
    let list = ana.get(&format!("{STORE}?integration=google-sheets")).await.expect(200);
    assert_eq!(verify(ana, &address(&list, "Price list")).await, "working");
    let path = address(&list, "Orders of the old shop");
    let ended = ana.get(&path).await.expect(200);
    assert_eq!(ended.texts(".hint[data-code]").len(), 1);
    assert!(ended.texts("section[aria-label=Status] button").contains(&"Connect again".to_owned()));
    for (link, stands) in [("#refuse", "broken"), ("#agree", "working")] {
        let flow = ana.post(&format!("{path}/connect"), &[]).await.expect(303).location().to_owned();
        let go = ana.get(&flow).await.expect(200).attributes("#go", "href").remove(0);
        let (origin, asked) = go.split_once("/consent").expect("the page of the demo");
        assert!(origin.starts_with("http://127.0.0.1:"), "{go}");
        let page = Person::bare(origin).get(&format!("/consent{asked}")).await.expect(200);
        let back = page.attributes(link, "href").remove(0);
        ana.get(back.strip_prefix(base).expect("the console")).await.expect(303);
        assert_eq!(status(ana, &path).await, stands, "{link}");
    }
}

async fn others_see_what_they_may(base: &str, password: &str) {
    let bruno = sign_in(base, "bruno@acme.example", password).await;
    bruno.get(STORE).await.expect(200);
    bruno.get(&format!("{STORE}/new")).await.expect(403);
    bruno.get("/w/acme-wholesale/credentials").await.expect(404);
    let sofia = sign_in(base, "sofia@acme.example", password).await;
    let list = sofia.get(STORE).await.expect(200);
    let broken = sofia.get(&address(&list, "Stripe Brazil")).await.expect(200);
    assert!(!broken.texts("ol.steps li").is_empty(), "support sees the steps");
    let stranger = Person::new(base);
    stranger.post("/sign-in", &[("email", "ana@acme.example"), ("password", "not that one at all")]).await.expect(422);
}

/// `audit verify`, from another shell while the demo runs.
fn proves(home: &Path) {
    let proved = Command::new(PROGRAM)
        .args(["audit", "verify"])
        .env_clear()
        .env("CREDENZA_DATA_DIR", home.join("data"))
        .env("CREDENZA_ROOT_KEY_FILE", home.join("root.key"))
        .env("CREDENZA_LOG", "error")
        .output()
        .expect("the program");
    let out = String::from_utf8_lossy(&proved.stdout);
    assert!(proved.status.success(), "{out}{}", String::from_utf8_lossy(&proved.stderr));
    let sound = out.lines().filter(|line| line.contains(": sound up to event "));
    let events: Vec<u64> =
        sound.map(|line| line.rsplit(' ').next().expect("a number").parse().expect("a number")).collect();
    assert!(events.len() == 3 && events.iter().sum::<u64>() > 300, "{out}");
}

#[test]
fn it_leaves_nothing_whenever_it_is_told_to_stop() {
    for (n, signal) in
        [Signal::TERM, Signal::INT, Signal::HUP, Signal::TERM, Signal::INT, Signal::HUP].into_iter().enumerate()
    {
        let mut demo = Demo::start(&[]);
        let began = Instant::now();
        while demo.left().is_empty() {
            assert!(began.elapsed() < LIMIT, "it makes its folder");
            std::thread::sleep(Duration::from_millis(1));
        }
        // From the first file to somewhere in the story; the last two are told when it serves.
        match n {
            0..4 => std::thread::sleep(Duration::from_millis(150 * n as u64)),
            _ => drop(demo.printed()),
        }
        demo.signal(signal);
        assert_eq!(demo.wait().code(), Some(0), "{signal:?} in round {n}");
        assert_eq!(demo.left(), Vec::<PathBuf>::new(), "{signal:?} in round {n}");
    }
}

#[test]
fn it_uses_nobodys_data_and_says_so() {
    let other = tempfile::tempdir().expect("a directory");
    let data = other.path().join("data").display().to_string();
    let vars = [
        ("CREDENZA_DATA_DIR", data.as_str()),
        ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing"),
        ("CREDENZA_ROOT_KEY", "no key at all"),
        ("CREDENZA_EGRESS_ALLOW", "10.0.0.0/8:443"),
    ];
    let mut demo = Demo::start(&vars);
    let printed = demo.printed();
    for (name, value) in vars {
        assert!(printed.contains(&format!("{name} is set, and the demo does not use it.")), "{printed}");
        assert!(!printed.contains(value), "{printed}");
    }
    assert!(!Path::new(&data).exists());
    demo.signal(Signal::TERM);
    assert_eq!(demo.wait().code(), Some(0));
}

#[test]
fn it_says_why_it_cannot_start_and_leaves_nothing() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for (vars, words) in [
        ([("CREDENZA_LISTEN", address.as_str()), ("CREDENZA_LOG", "error")], "Cannot listen on"),
        ([("CREDENZA_LISTEN", "nowhere"), ("CREDENZA_LOG", "error")], "CREDENZA_LISTEN"),
    ] {
        let mut demo = Demo::start(&vars);
        assert_eq!(demo.wait().code(), Some(2));
        let mut error = String::new();
        demo.child.stderr.take().expect("standard error").read_to_string(&mut error).expect("text");
        assert!(error.contains(words), "{error}");
        assert_eq!(demo.left(), Vec::<PathBuf>::new());
    }
}

/// Only the command itself makes an app a demo, builds a dialer that is led, or knows the room at all.
#[test]
fn nothing_else_selects_it() {
    for path in files(&folder("src"), "rs") {
        let inside = path.strip_prefix(folder("src")).expect("inside").display().to_string();
        let Some(code) = code(&path) else { continue };
        let is_its_own = inside == "cli/demo.rs" || inside.starts_with("demo/");
        for word in ["crate::demo", "demo: true", "demo = true", "leading_to("] {
            let is_definition = inside == "egress/dial.rs" && word == "leading_to(";
            assert!(!code.contains(word) || is_its_own || is_definition, "{inside}: {word}");
        }
    }
    for vars in [[("CREDENZA_DEMO", "1")], [("CREDENZA_EGRESS_LEAD", "127.0.0.1:1")]] {
        let refused = Command::new(PROGRAM).env_clear().envs(vars).output().expect("the program");
        assert_eq!(refused.status.code(), Some(2), "{vars:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("is not a setting"), "{vars:?}");
    }
    for args in [&["serve", "--demo"][..], &["--demo"], &["serve", "demo"]] {
        let refused = Command::new(PROGRAM).args(args).env_clear().output().expect("the program");
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
    }
}
