//! A PostgreSQL server of one test, which may be stopped and started.

use super::raw;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The server; stopped and gone when dropped.
pub struct OwnPostgres {
    dir: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
    as_postgres: bool,
}

impl OwnPostgres {
    /// Makes and starts one; none where the server's programs are not installed.
    pub fn start() -> Option<Self> {
        let programs = programs()?;
        let dir = tempfile::Builder::new().prefix("credenza-postgres").tempdir().expect("a directory");
        // It refuses to run as root.
        let as_postgres = rustix::process::geteuid().is_root();
        if as_postgres {
            let given = Command::new("chown").arg("postgres").arg(dir.path()).status().expect("chown");
            assert!(given.success());
        }
        let port = raw::free_port();
        let server = Self { dir, programs, port, as_postgres };
        let data = server.data();
        let data = data.to_str().expect("a path");
        server.run(
            "initdb",
            &["-D", data, "-U", "credenza", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"],
        );
        server.come_back();
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn run(&self, program: &str, args: &[&str]) {
        let program = self.programs.join(program);
        let mut command = match self.as_postgres {
            true => {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        let done = command.args(args).current_dir(self.dir.path()).stdin(Stdio::null()).stdout(Stdio::null());
        assert!(done.status().expect("the program").success(), "{args:?}");
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("postgres://credenza@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops it at once, as a crash does; what was committed stays.
    pub fn go_away(&self) {
        self.run("pg_ctl", &["-D", self.data().to_str().expect("a path"), "-m", "immediate", "-w", "stop"]);
    }

    /// Starts it where it was.
    pub fn come_back(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={}",
            self.port,
            self.dir.path().display()
        );
        let (data, log) = (self.data(), self.dir.path().join("log"));
        let (data, log) = (data.to_str().expect("a path"), log.to_str().expect("a path"));
        self.run("pg_ctl", &["-D", data, "-o", &options, "-l", log, "-w", "-t", "60", "start"]);
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.go_away()));
        if stopped.is_err() {
            eprintln!("the server of a test could not be stopped");
        }
    }
}

/// The folder of the newest server that is installed.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            let programs = path.join("bin");
            programs.join("initdb").exists().then_some((version, programs))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, programs)| programs)
}
