//! T161: the root key from a command.

use super::key_file;
use crate::support::program::{Browser, Home, Serving, told};
use credenza::crypto::root_key_command::{LIMIT, PATIENCE};
use std::path::Path;
use std::time::{Duration, Instant};

/// A script that is run by a shell, as the variable takes it.
fn helper(dir: &Path, text: &str) -> String {
    let path = dir.join("key-helper");
    std::fs::write(&path, text).expect("a file");
    format!("[\"/bin/sh\",\"{}\"]", path.display())
}

#[tokio::test]
async fn a_command_gives_the_key_and_is_not_asked_again() {
    let home = Home::set_up_on_any();
    let outside = tempfile::tempdir().expect("a directory");
    let key = std::fs::read_to_string(home.data().join("root.key")).expect("a key");
    std::fs::remove_file(home.data().join("root.key")).expect("gone");
    let file = key_file(outside.path(), "key", &key);
    let asked = outside.path().join("asked");
    // Down twice, as a key service is that has just been started.
    let text = format!("echo x >> {0}; [ $(wc -l < {0}) -ge 3 ] || exit 1; cat {file}", asked.display());
    let variable = helper(outside.path(), &text);
    assert_eq!(home.said(&["workspace", "list"]).0, Some(3), "no key is there");
    let mut command = home.command();
    command.env("CREDENZA_ROOT_KEY_COMMAND", &variable).args(["workspace", "list"]);
    let (code, said) = told(&mut command);
    assert!(code == Some(0) && said.contains("exit code 1") && said.contains("trying again in 2 s"), "{said}");
    let mut command = home.command();
    command.env("CREDENZA_ROOT_KEY_COMMAND", &variable);
    let serving = Serving::start(command);
    let admin = Browser::sign_in(&serving.base).await;
    // The key service goes away: what is served needs it no more.
    std::fs::remove_file(&file).expect("gone");
    let webhook = crate::support::program::webhook("later", "a signing secret without the key service");
    assert_eq!(admin.post("/w/acme/credentials", &webhook).await.expect("an answer").status, 303);
    assert_eq!(std::fs::read_to_string(&asked).expect("a file").lines().count(), 4);
}

#[test]
fn t161_a_command_that_gives_no_key_is_exit_3_and_nothing_is_served() {
    let home = Home::set_up();
    let outside = tempfile::tempdir().expect("a directory");
    assert_eq!((LIMIT, PATIENCE), (Duration::from_secs(10), Duration::from_secs(60)));
    let began = Instant::now();
    for (variable, why) in [
        (helper(outside.path(), "echo hunter2hunter2"), "not print a root key"),
        ("[\"/no/such/program\"]".to_owned(), "cannot be started"),
        ("no-such-program-anywhere".to_owned(), "cannot be started"),
        ("head -c 9999 /dev/zero".to_owned(), "more than 4096 bytes"),
    ] {
        let (code, said) = told(home.command().env("CREDENZA_ROOT_KEY_COMMAND", &variable));
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains(why) && !said.contains("hunter2") && !said.contains("Credenza is at"), "{said}");
    }
    assert!(began.elapsed() < Duration::from_secs(30), "what does not pass is not waited for");
    let (code, said) = told(home.command().env("CREDENZA_ROOT_KEY_COMMAND", "cat /key | head"));
    assert!(code == Some(2) && said.contains("JSON array"), "{said}");
    let other = key_file(outside.path(), "other", super::OTHER_KEY);
    let (code, said) = told(home.command().env("CREDENZA_ROOT_KEY_COMMAND", format!("cat {other}")));
    assert!(code == Some(3) && said.contains("was sealed under"), "{said}");
}
