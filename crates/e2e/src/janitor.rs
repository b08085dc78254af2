//! No process of a test outlives it.

use crate::bins::Bins;
use crate::proc::{Proc, open_files, pids};
use crate::wait::Pause;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Every process that belongs to the house at `root`: by an argument that names it (`--home`), by the variable `E2E_HOUSE`, by working
/// directory, or by an open file below `root`. Never the caller itself.
pub fn members(root: &Path) -> Vec<Proc> {
    let me = std::process::id();
    let found = pids().into_iter().filter(|pid| *pid != me).filter_map(Proc::find);
    found.filter(|p| belongs(*p, root)).collect()
}

/// Starts a process that clears the folder at `root` when its standard input ends, and that is when we are gone, however that happens.
pub(crate) fn janitor(bins: &Bins, root: &Path) -> Child {
    let mut command = Command::new(bins.path("puppet"));
    command.arg("janitor").arg(root).env("E2E_JANITOR", "1").current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the puppet can be started")
}

fn belongs(process: Proc, root: &Path) -> bool {
    let below = |path: &Path| path.starts_with(root);
    let args = process.args();
    if args.iter().any(|a| a == "janitor") || process.env("E2E_JANITOR").is_some() {
        return false;
    }
    let named = root.to_str().is_some_and(|root| args.iter().any(|a| a.contains(root)));
    named
        || process.env("E2E_HOUSE").is_some_and(|v| v.as_bytes() == root.as_os_str().as_bytes())
        || process.cwd().is_some_and(|cwd| below(&cwd))
        || open_files(process.pid).iter().any(|(_, target)| below(target))
}

/// Looks that must find nobody: one reading of /proc is not one moment, and a role that dies may be starting another.
const CLEAN_LOOKS: u32 = 3;

/// Kills every member until there is none. The house is marked as stopped first, so that no role that sees another die starts a new one.
/// Gives back how many were found at first.
pub fn clear(root: &Path) -> usize {
    let begun = Instant::now();
    let _ = std::fs::write(root.join("home/stopped"), "the test is over\n");
    let first = members(root);
    let mut left = first.clone();
    let mut clean = 0;
    let mut pause = Pause::default();
    while clean < CLEAN_LOOKS && begun.elapsed() < Duration::from_secs(60) {
        clean = if left.is_empty() { clean + 1 } else { 0 };
        left.iter().for_each(|p| {
            p.kill();
        });
        pause.take();
        left = members(root);
    }
    crate::disk::unmount_below(root);
    crate::boxes::remove(&root.join("home"));
    if !left.is_empty() {
        eprintln!("janitor: could not end {left:?}");
    }
    first.len()
}

/// The main of `puppet janitor ROOT`: waits until its standard input closes (the test has ended, in whatever way), then clears the
/// house and removes it.
pub fn janitor_main(root: &Path) {
    let _ = rustix::process::setsid();
    let mut rest = Vec::new();
    let _ = std::io::stdin().lock().read_to_end(&mut rest);
    if root.exists() {
        clear(root);
        let _ = std::fs::remove_dir_all(root);
    }
}
