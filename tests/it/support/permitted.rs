//! What a machine does not permit: said, and counted by the closing line of `tests/run`.

use std::fs::OpenOptions;
use std::io::Write;

/// Says that a test did not run as a whole here, and why: printed, and as a line in the file that `TEST_NOT_RUN` names.
pub fn not_run_here(test: &str, why: &str) {
    let line = format!("{test}: {why}\n");
    print!("not run here: {line}");
    if let Some(path) = std::env::var_os("TEST_NOT_RUN") {
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("the file of what did not run");
        file.write_all(line.as_bytes()).expect("a line");
    }
}
