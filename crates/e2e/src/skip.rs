//! Saying aloud what this machine cannot show.

use std::fs::OpenOptions;
use std::io::Write;

/// Says that a row is skipped, and why: on stderr, and in the file that `./test` prints at its end (`E2E_SKIPPED`), since runners hide what
/// a passing test says. The caller returns after it.
pub fn skip(row: &str, why: &str) {
    eprintln!("SKIPPED {row}: {why}");
    if let Some(path) = std::env::var_os("E2E_SKIPPED") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let written = file.and_then(|mut f| f.write_all(format!("SKIPPED {row}: {why}\n").as_bytes()));
        written.expect("the list of skipped tests can be written");
    }
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
