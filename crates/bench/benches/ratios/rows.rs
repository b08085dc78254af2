//! The rows of the table.

pub mod boot;
pub mod command;
pub mod crash;
pub mod keeper;
pub mod logs;
pub mod reload;
pub mod rest;
pub mod storm;

use crate::ground::Ground;
use crate::report::Report;
use crate::stamps::Stamp;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How long an app may take to begin.
const SOON: Duration = Duration::from_secs(30);

/// Lets a span pass in which nothing is measured, so that what one turn stirred up has settled before the next.
fn settle(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// A descriptor for each of these processes.
fn handles(stamps: &[Stamp]) -> io::Result<Vec<OwnedFd>> {
    stamps.iter().map(|stamp| sys::process::pidfd_open(stamp.pid)).collect()
}

/// The last first instruction.
fn last(stamps: &[Stamp]) -> u64 {
    stamps.iter().map(|stamp| stamp.ns).max().unwrap_or(0)
}

/// Everything about logs.
pub fn log_rows(ground: &Ground, report: &mut Report) -> io::Result<()> {
    for apps in [1, 20] {
        logs::carry(ground, report, apps)?;
        logs::latency(ground, report, apps)?;
    }
    logs::beside_a_flood(ground, report)
}
