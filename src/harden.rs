//! What a process gives up at its start, so that its memory and files stay its own.

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, setrlimit, umask};

/// Makes new files private to this user, forbids core dumps, and (on Linux) forbids other processes of this
/// user to attach or read memory.
///
/// To be called first, before any file is made and any thread started. Returns, for the log, a sentence on
/// each protection that the system did not grant; none of them is a reason not to start.
pub fn harden() -> Vec<String> {
    umask(Mode::RWXG | Mode::RWXO);
    let mut missing = Vec::new();
    if let Err(e) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        missing.push(format!("core dumps could not be switched off: {e}"));
    }
    #[cfg(target_os = "linux")]
    if let Err(e) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        missing.push(format!("other processes of this user may read this one's memory: {e}"));
    }
    missing
}

/// Gives up huge pages of memory (Linux; elsewhere nothing happens). The allocator asks for them, and each one that is
/// touched at a single place holds 2 MiB: an idle server would hold half as much again.
pub fn use_small_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "memory stays in huge pages");
    }
}

#[cfg(test)]
mod tests {
    use super::harden;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    const CHILD: &str = "HARDEN_IN_THIS_PROCESS";

    /// The protections last as long as the process, so that the test runs itself as a child.
    #[test]
    fn a_hardened_process_has_private_files_and_leaves_no_core() {
        let Ok(dir) = std::env::var(CHILD) else {
            let dir = tempfile::tempdir().unwrap();
            let name = "harden::tests::a_hardened_process_has_private_files_and_leaves_no_core";
            let child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", name])
                .env(CHILD, dir.path())
                .output()
                .unwrap();
            let out = String::from_utf8_lossy(&child.stdout);
            assert!(child.status.success() && out.contains("1 passed"), "{out}");
            assert!(dir.path().join("file").exists());
            return;
        };
        assert_eq!(harden(), Vec::<String>::new());
        let file = std::path::Path::new(&dir).join("file");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let core = rustix::process::getrlimit(rustix::process::Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
        #[cfg(target_os = "linux")]
        assert_eq!(rustix::process::dumpable_behavior().unwrap(), rustix::process::DumpableBehavior::NotDumpable);
    }
}
