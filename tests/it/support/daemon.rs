//! Real servers as processes of their own: on a free loopback port, in a directory that is gone afterwards,
//! stopped by their own id.

use rustix::process::{Pid, Signal, kill_process};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where Debian puts servers that are in nobody's path.
const FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/bin"];
/// Who serves where the tests run as root: both servers refuse root, and no data is theirs.
const NOBODY: u32 = 65534;

/// A directory for a server and its data.
pub struct Ground {
    dir: tempfile::TempDir,
}

/// A running server; it is stopped when dropped.
pub struct Daemon {
    child: Child,
    stop: Signal,
    /// Where it listens.
    pub addr: SocketAddr,
}

impl Ground {
    /// A new directory that the server may write to.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("credenza-server").tempdir().expect("a directory");
        let ground = Self { dir };
        ground.give(ground.path());
        ground
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file that only the server can read.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        self.give(&path);
        path
    }

    fn give(&self, path: &Path) {
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("another owner");
        }
    }

    /// A program of the server, in its directory and never as root.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Runs a program to its end.
    pub fn run(&self, mut command: Command) {
        let done = command.stderr(Stdio::piped()).output().expect("a program");
        assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Starts a server with `with` its port, and waits until `answers` at its address.
    pub fn start(&self, stop: Signal, with: impl Fn(u16) -> Command, answers: impl Fn(SocketAddr) -> bool) -> Daemon {
        let log = self.path().join("log");
        // Somebody else may take a port between the look and the start.
        for _ in 0..3 {
            let port = free_port();
            let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut command = with(port);
            command.stderr(std::fs::File::create(&log).expect("a log"));
            let mut daemon = Daemon { child: command.spawn().expect("a server"), stop, addr };
            let began = Instant::now();
            while daemon.child.try_wait().expect("a child").is_none() && began.elapsed() < Duration::from_secs(60) {
                if answers(addr) {
                    return daemon;
                }
                std::thread::sleep(Duration::from_millis(30));
            }
        }
        panic!("no server: {}", std::fs::read_to_string(log).unwrap_or_default());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The gentle way first: it takes its shared memory and its children with it.
        let _ = kill_process(Pid::from_child(&self.child), self.stop);
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A program in the path or beside it; whoever lacks it is told how to get it.
pub fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    let found = folders.chain(postgres_folder()).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: ./tests/run installs it (Debian package {package})"))
}

/// The newest of the folders in which Debian keeps PostgreSQL by version.
fn postgres_folder() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    versions.max_by_key(number).map(|version| version.join("bin"))
}
