//! T084: what the program leaves on the disk, while it runs and afterwards: after a secret was stored, replaced,
//! deleted and removed for good, it is in no file, and neither is the plain value beside it once that is gone.

use super::needle::{Canaries, Hits};
use crate::support::database::is_postgres;
use crate::support::program::{Browser, Home, Serving};
use std::path::Path;

/// Every byte that the process has on the disk: its directory, its place for temporary files, and files that it
/// has open though nobody sees them any more.
fn on_the_disk(home: &Home, temporary: &Path, serving: Option<&Serving>) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for dir in [home.data(), temporary.to_owned()] {
        found.extend(super::sinks::files(&dir));
    }
    for entry in
        serving.and_then(|serving| std::fs::read_dir(format!("/proc/{}/fd", serving.pid())).ok()).into_iter().flatten()
    {
        let path = entry.expect("an open file").path();
        let target = std::fs::read_link(&path).unwrap_or_default();
        if target.to_string_lossy().ends_with("(deleted)")
            && let Ok(bytes) = std::fs::read(&path)
        {
            found.push((target.display().to_string(), bytes));
        }
    }
    found
}

/// What is found of some texts, and in which files.
fn look(canaries: &Canaries, files: &[(String, Vec<u8>)]) -> Hits {
    let search = canaries.search();
    files.iter().flat_map(|(name, bytes)| search.hits(name, bytes)).collect()
}

fn form<'a>(name: &'a str, url: &'a str, secret: &'a str) -> [(&'a str, &'a str); 5] {
    [("integration", "website"), ("method", "webhook"), ("name", name), ("f.url", url), ("f.signing_secret", secret)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t084_no_secret_is_left_on_the_disk_and_nothing_plain_of_what_was_removed() {
    if is_postgres() {
        println!("not on PostgreSQL: its files are the server's own");
        return;
    }
    let home = Home::set_up();
    let temporary = tempfile::tempdir().expect("a directory");
    let mut command = home.command();
    command.env("TMPDIR", temporary.path()).env("SQLITE_TMPDIR", temporary.path());
    let serving = Serving::start(command);
    let admin = Browser::sign_in(&serving.base).await;
    let (mut secrets, mut plain) = (Canaries::default(), Canaries::default());
    secrets.watch("password", crate::support::program::PASSWORD);
    secrets.watch("session", admin.cookie());
    let place = plain.plant("the path of an address");
    let url = format!("https://www.example.com/{place}");
    let list = "/w/acme/credentials";
    let check = |what: &str, serving: Option<&Serving>| {
        let files = on_the_disk(&home, temporary.path(), serving);
        assert!(files.iter().any(|(name, _)| name.ends_with("credenza.db")), "the files were looked at");
        let hits = look(&secrets, &files);
        assert!(hits.is_empty(), "{what}: {hits:#?}");
        look(&plain, &files)
    };
    let stored = "CANARYstoredAtFirst0123456789abcdefghij";
    let replaced = "CANARYstoredInsteadOfIt9876543210zyxwvu";
    let mut secrets_too = Canaries::default();
    secrets_too.watch("stored", stored);
    secrets_too.watch("replaced", replaced);
    let nowhere = |what: &str, serving: Option<&Serving>| {
        let hits = look(&secrets_too, &on_the_disk(&home, temporary.path(), serving));
        assert!(hits.is_empty(), "{what}: {hits:#?}");
    };
    let made = admin.post(list, &form("On the disk", &url, stored)).await.expect("an answer");
    assert_eq!(made.status, 303, "{}", made.body);
    let path = made.location.split('?').next().expect("a path").to_owned();
    nowhere("after it was stored", Some(&serving));
    assert!(!check("after it was stored", Some(&serving)).is_empty(), "a plain value is seen where it is");
    let rotated = admin.post(&format!("{path}/rotation"), &[("f.signing_secret", replaced)]).await.expect("an answer");
    assert_eq!(rotated.status, 303, "{}", rotated.body);
    nowhere("after it was replaced", Some(&serving));
    // Enough around it, so that pages are freed, used again and folded in.
    for number in 0..40 {
        let name = format!("Around {number}");
        let done = admin.post(list, &form(&name, "https://www.example.com/", "a signing secret around")).await;
        assert_eq!(done.expect("an answer").status, 303);
    }
    for act in ["deletion", "purge"] {
        let done = admin.post(&format!("{path}/{act}"), &[]).await.expect("an answer");
        assert_eq!(done.status, 303, "{act}: {}", done.body);
        nowhere(act, Some(&serving));
        check(act, Some(&serving));
    }
    let mut serving = serving;
    serving.signal(rustix::process::Signal::TERM);
    assert!(serving.wait(std::time::Duration::from_secs(35)).success());
    nowhere("afterwards", None);
    let left = check("afterwards", None);
    assert!(left.is_empty(), "the plain value of what was removed for good is still there: {left:#?}");
    let core = std::fs::read_dir(home.data()).expect("a directory").flatten();
    assert!(core.into_iter().all(|entry| !entry.file_name().to_string_lossy().starts_with("core")));
}
