use super::{CommandError, once, root_key};
use std::path::Path;
use std::time::{Duration, Instant};

const KEY: &str = "pTk3mC0sQ7y9Yv1ZrB2nXe4uLw6oGh8jDf5aKi0xWvM=";
const LONG: Duration = Duration::from_secs(10);

/// A script in its own directory, and the command that runs it.
fn script(dir: &Path, text: &str) -> Vec<String> {
    let path = dir.join("key-helper");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();

    // Through a shell: a file that was just written cannot always be started itself.
    vec!["/bin/sh".to_owned(), path.display().to_string()]
}

fn run(text: &str, limit: Duration) -> Result<String, CommandError> {
    let dir = tempfile::tempdir().unwrap();
    once(&script(dir.path(), text), limit).map(|key| key.label().to_owned())
}

#[test]
fn what_it_prints_is_the_key() {
    let label = run(&format!("echo {KEY}"), LONG).unwrap();
    assert_eq!(label, crate::crypto::root_key::RootKey::from_base64(KEY).unwrap().label());
}

#[test]
fn t052_arguments_reach_it_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let mut argv = script(dir.path(), &format!("[ \"$1\" = '$(touch x); `id` | & > \"y\"' ] && echo {KEY}"));
    argv.push("$(touch x); `id` | & > \"y\"".to_owned());
    assert!(once(&argv, LONG).is_ok());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was run by a shell of ours");
}

#[test]
fn its_environment_is_clean_and_its_standard_input_empty() {
    let sees = "[ \"$(env | cut -d= -f1 | grep -vx -e PWD -e SHLVL -e _ | tr '\\n' ' ')\" = 'PATH ' ] || exit 3\n\
                [ -z \"$(cat)\" ] && [ \"$(pwd)\" = / ] || exit 4";
    run(&format!("{sees}\necho {KEY}"), LONG).unwrap();
}

#[test]
fn t161_what_goes_wrong_is_said_without_what_it_printed() {
    let failed = run("echo the-password-is-hunter2; echo the-password-is-hunter2 >&2; exit 7", LONG).unwrap_err();
    assert!(matches!(failed, CommandError::Failed { .. }) && failed.may_pass());
    assert!(failed.to_string().contains("exit code 7") && !format!("{failed} {failed:?}").contains("hunter2"));
    let killed = run("kill -9 $$", LONG).unwrap_err();
    assert!(killed.to_string().contains("signal 9") && killed.may_pass());
    let garbage = run("echo the-password-is-hunter2", LONG).unwrap_err();
    assert!(matches!(garbage, CommandError::NoKey { .. }) && !garbage.may_pass());
    assert!(!format!("{garbage} {garbage:?}").contains("hunter2"));
    assert!(matches!(run("echo", LONG), Err(CommandError::NoKey { .. })));
    let bytes = run("printf '\\377\\376'", LONG).unwrap_err();
    assert!(matches!(bytes, CommandError::NoKey { .. }));
    let missing = once(&["/no/such/program".to_owned()], LONG).unwrap_err();
    assert!(matches!(missing, CommandError::Start { .. }) && !missing.may_pass());
}

#[test]
fn t161_it_has_so_much_time_and_room() {
    let began = Instant::now();
    let short = Duration::from_millis(300);
    // Itself, a child that keeps the output open, and one that closes it and goes on.
    for slow in ["sleep 30", "sleep 30 & wait", "exec >&-; sleep 30"] {
        assert!(matches!(run(&format!("{slow}\necho {KEY}"), short), Err(CommandError::TooSlow(_))), "{slow}");
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(matches!(run("head -c 5000 /dev/zero", LONG), Err(CommandError::TooMuch(_))));
    assert!(matches!(run("yes", LONG), Err(CommandError::TooMuch(_))), "without an end");
    assert!(run(&format!("echo {KEY}; head -c 4000 /dev/zero | tr '\\0' '\\n'"), LONG).is_ok());
}

#[test]
fn t161_a_key_service_that_comes_back_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let tries = dir.path().join("tries");
    let text = format!("echo x >> {0}; [ $(wc -l < {0}) -ge 3 ] && echo {KEY}", tries.display());
    let argv = script(dir.path(), &text);
    let mut pauses = Vec::new();
    root_key(&argv, Duration::from_secs(60), |_, pause| pauses.push(pause.as_secs())).unwrap();
    assert_eq!(pauses, [1, 2]);
    let began = Instant::now();
    let down = script(dir.path(), "exit 1");
    let mut told = 0;
    let error = root_key(&down, Duration::from_millis(1500), |_, _| told += 1).unwrap_err();
    assert!(matches!(error, CommandError::Failed { .. }) && told == 1);
    assert!(began.elapsed() < Duration::from_secs(5));
    let mut again = 0;
    assert!(root_key(&["/no/such/program".to_owned()], Duration::from_secs(60), |_, _| again += 1).is_err());
    assert_eq!(again, 0, "that does not pass");
}
