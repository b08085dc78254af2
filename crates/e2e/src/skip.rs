//! Saying aloud what this machine cannot show.

use std::io::Write;

/// Says on stderr that a row is skipped, and why. The caller returns after it.
pub fn skip(row: &str, why: &str) {
    let mut err = std::io::stderr().lock();
    // Past the test harness's capture, so that the runner shows it also for a test that passes.
    let _ = writeln!(err, "SKIPPED {row}: {why}");
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
