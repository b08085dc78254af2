//! What stands in log files, and whether it is what was printed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of a line of a puppet's `flood`.
pub const FLOOD_LINE: usize = 100;

/// Line `number` of a flood, with its line feed.
pub fn flood_line(number: u64) -> [u8; FLOOD_LINE] {
    let mut line = [b'x'; FLOOD_LINE];
    let mut rest = number;
    for digit in line[..9].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    line[9] = b' ';
    line[FLOOD_LINE - 1] = b'\n';
    line
}

/// These bytes are the lines 1 to `count` of a flood: none lost, doubled, torn or out of order.
///
/// # Panics
/// At the first place where they are not.
#[track_caller]
pub fn check_flood(bytes: &[u8], count: u64) {
    for (line, number) in bytes.chunks(FLOOD_LINE).zip(1..) {
        assert!(line == flood_line(number), "lost, doubled or torn at line {number}: {:?}", String::from_utf8_lossy(line));
    }
    assert_eq!(bytes.len() as u64, count * FLOOD_LINE as u64, "{} whole lines of {count}", bytes.len() / FLOOD_LINE);
}

/// The files of a log, oldest first: `FILE.N` or `FILE.N.gz` …, then `FILE`. One place may be empty, as while a rotation goes on.
pub fn log_files(current: &Path) -> Vec<PathBuf> {
    let named = |end: String| PathBuf::from(format!("{}{end}", current.display()));
    let at = |n: usize| [format!(".{n}"), format!(".{n}.gz")].map(named).into_iter().find(|path| path.exists());
    let mut found = Vec::new();
    let mut missing = 0;
    for n in 1.. {
        match at(n) {
            Some(path) => found.push(path),
            None => missing += 1,
        }
        if missing > 1 {
            break;
        }
    }
    found.reverse();
    found.push(current.to_owned());
    found
}

/// Whether a path is that of a compressed file.
fn compressed(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "gz")
}

/// How many bytes stand in all files of a log.
pub fn log_size(current: &Path) -> u64 {
    let size = |path: &PathBuf| match compressed(path) {
        true => plain(path).len() as u64,
        false => fs::metadata(path).map_or(0, |found| found.len()),
    };
    log_files(current).iter().map(size).sum()
}

/// What stands in all files of a log, oldest first.
pub(crate) fn whole_log(current: &Path) -> Vec<u8> {
    log_files(current).iter().flat_map(|path| plain(path)).collect()
}

fn plain(path: &Path) -> Vec<u8> {
    if !compressed(path) {
        return fs::read(path).unwrap_or_default();
    }
    Command::new("gzip").arg("-dc").arg(path).output().expect("gzip can be run").stdout
}
