//! T149 and T150: a disk that turns read-only under the program, and one that loses what it was to flush.

use crate::support::permitted::not_run_here;
use crate::support::program::{Browser, Home, Serving, webhook};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn run(program: &str, args: &[&str]) -> Option<String> {
    let done = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

/// A file system of its own in a file, on a loop device; gone when dropped.
struct OwnDisk {
    dir: tempfile::TempDir,
    device: String,
}

impl OwnDisk {
    /// None where loop devices or mounting are not permitted.
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        let image = dir.path().join("image");
        let file = std::fs::File::create(&image).expect("a file");
        file.set_len(48 << 20).expect("a size");
        std::fs::create_dir(dir.path().join("disk")).expect("a directory");
        let device = run("losetup", &["-f", "--show", &image.display().to_string()])?;
        let disk = Self { dir, device };
        run("mkfs.ext4", &["-q", "-F", &disk.device])?;
        disk.attach().then_some(disk)
    }

    fn attach(&self) -> bool {
        run("mount", &[&self.device, &self.path().display().to_string()]).is_some()
    }

    fn detach(&self) {
        run("umount", &[&self.path().display().to_string()]);
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("disk")
    }

    /// As after a fault of the device: the file system takes no more writes, whatever is open.
    fn turn_read_only(&self) {
        run("mount", &["-o", "remount,abort", &self.path().display().to_string()])
            .expect("a file system that can abort");
    }
}

impl Drop for OwnDisk {
    fn drop(&mut self) {
        run("umount", &["-l", &self.path().display().to_string()]);
        run("losetup", &["-d", &self.device]);
    }
}

/// Pages are drawn and say that nothing is saved; nothing is.
async fn only_reads(admin: &Browser, made: &[String]) {
    for turn in 0..2 {
        for (path, form) in [
            ("/w/acme/credentials".to_owned(), webhook("Never", "a signing secret that is not stored").to_vec()),
            (format!("{}/name", made[0]), vec![("name", "Never")]),
            ("/account".to_owned(), vec![("name", "Never"), ("theme", "dark")]),
            ("/sign-in".to_owned(), vec![("email", "nobody@example.com"), ("password", "wrong")]),
        ] {
            let answer = admin.post(&path, &form).await.expect("an answer");
            assert_eq!(
                (answer.status, answer.retry_after.as_str()),
                (503, "5"),
                "turn {turn}, {path}: {}",
                answer.body
            );
        }
        for path in ["/w/acme/credentials", "/w/acme/credentials/new", "/account", made[0].as_str()] {
            let answer = admin.get(path).await.expect("an answer");
            assert_eq!(answer.status, 200, "turn {turn}, {path}: {}", answer.body);
            assert!(answer.body.contains("id=\"storage\""), "{path} says that nothing is saved");
        }
        assert_eq!(admin.get("/health/ready").await.expect("an answer").status, 200);
    }
}

async fn some(admin: &Browser, what: &str) -> Vec<String> {
    let mut made = Vec::new();
    for number in 0..5 {
        let name = format!("{what} {number}");
        let answer =
            admin.post("/w/acme/credentials", &webhook(&name, "a signing secret to keep")).await.expect("an answer");
        assert_eq!(answer.status, 303, "{}", answer.body);
        made.push(answer.location.split('?').next().unwrap_or_default().to_owned());
    }
    made
}

/// Started again, everything acknowledged is there, nothing else is, and the audit is sound.
async fn starts_again(home: &Home, admin: &Browser, made: &[String]) {
    let serving = home.serve();
    let admin = admin.moved(&serving.base);
    for path in made {
        assert_eq!(admin.get(path).await.expect("an answer").status, 200, "{path} was acknowledged");
    }
    assert!(home.rows("SELECT name AS line FROM credentials WHERE name = 'Never'").is_empty());
    assert_eq!(home.rows("SELECT name AS line FROM users WHERE name = 'Never'").len(), 0);
    assert_eq!(some(&admin, "afterwards").await.len(), 5);
    let page = admin.get("/w/acme/credentials").await.expect("an answer");
    assert!(!page.body.contains("id=\"storage\""));
    drop(serving);
    let verified = home.run(&["audit", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t149_a_disk_that_turns_read_only_is_read_from_and_not_written_to() {
    let Some(disk) = OwnDisk::mount() else {
        not_run_here("t149", "loop devices or mounting are not permitted; a trigger that refuses bears witness");
        return;
    };
    let home = Home::set_up_in(&disk.path());
    let serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    let made = some(&admin, "kept").await;
    disk.turn_read_only();
    only_reads(&admin, &made).await;
    drop(serving);
    disk.detach();
    assert!(disk.attach(), "mended");
    starts_again(&home, &admin, &made).await;
}

/// A tracer that makes every flush of a running process fail, until it is dropped.
struct LostFlushes(Child);

impl LostFlushes {
    /// None where tracing is not permitted.
    fn of(serving: &Serving) -> Option<Self> {
        let pid = serving.pid().to_string();
        let mut child = Command::new("strace")
            .args(["-f", "-p", &pid, "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        let mut told = BufReader::new(child.stderr.take()?).lines();
        let attached = told.find_map(|line| line.ok().map(|line| line.contains("attached")));
        // What it goes on to say must not fill the pipe.
        std::thread::spawn(move || told.map_while(Result::ok).for_each(drop));
        let tracer = Self(child);
        (attached == Some(true)).then_some(tracer)
    }
}

impl Drop for LostFlushes {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a tracer");
        drop(self.0.wait());
    }
}

/// What was being stored when the flush failed may be there after a restart, whole and with its line, or not: its
/// bytes were written. It is not acknowledged, and its answer says so.
async fn in_flight(admin: &Browser, made: &[String]) {
    let answer = admin.post(&format!("{}/name", made[0]), &[("name", "Perhaps")]).await.expect("an answer");
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains("may have been stored or not"), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t150_after_a_flush_that_failed_nothing_more_is_written() {
    let home = Home::set_up();
    let serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    let made = some(&admin, "kept").await;
    let Some(lost) = LostFlushes::of(&serving) else {
        not_run_here("t150", "strace is not here or may not trace; the state alone is looked at, beside its code");
        return;
    };
    in_flight(&admin, &made).await;
    only_reads(&admin, &made).await;
    // The disk flushes again, but what it lost it does not tell: the database is not trusted any more.
    drop(lost);
    only_reads(&admin, &made).await;
    drop(serving);
    starts_again(&home, &admin, &made).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t150_where_the_operator_wants_it_the_program_ends_then() {
    let home = Home::set_up();
    let mut command = home.command();
    command.env("CREDENZA_EXIT_ON_DISK_FAULT", "1");
    let mut serving = Serving::start(command);
    let admin = Browser::sign_in(&serving.base).await;
    let made = some(&admin, "kept").await;
    let Some(lost) = LostFlushes::of(&serving) else {
        not_run_here("t150 with an end", "strace is not here or may not trace");
        return;
    };
    in_flight(&admin, &made).await;
    assert_eq!(serving.wait(Duration::from_secs(20)).code(), Some(2));
    drop(lost);
    starts_again(&home, &admin, &made).await;
}
