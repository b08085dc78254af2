//! Logs: what is promised of them, on real processes through the real command line. Tests named after a row stand for that row of
//! `reliability.md`. `E2E_LOGS_FULL=1` runs the longer forms.

mod bytes;
mod disks;
mod files;
mod floods;
mod forms;
mod kills;
mod rotation;
mod times;
mod viewers;

use e2e::{App, House, wait_until};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long anything may take. Generous: it only ends a test that hangs.
const SOON: Duration = Duration::from_secs(120);

/// `full` when the longer forms are asked for, else `short`.
fn sized(short: u64, full: u64) -> u64 {
    if std::env::var_os("E2E_LOGS_FULL").is_some() { full } else { short }
}

/// An app that floods once `go` is there, and notes how long its longest write took.
fn flooding(house: &House, name: &str, count: u64) -> App {
    flooding_at(house, name, count, 0)
}

/// The same in so many steps: no line of a step comes before [`next_step`] was called for it. So what a test does in a flood falls into it, however
/// long that takes.
fn flooding_by_steps(house: &House, name: &str, count: u64, rate: u64, steps: u64) -> App {
    let file = |name: &str| house.file(name).display().to_string();
    let script = format!("until:{} flood:{count}:{rate}:{}:{}:{steps} hang", file("go"), file(name), file("steps"));
    App::puppet(name, &house.puppet(), &script).with("restart = \"never\"")
}

/// Lets every flood by steps go on by one.
fn next_step(house: &House) {
    let file = fs::OpenOptions::new().append(true).create(true).open(house.file("steps"));
    file.and_then(|mut file| file.write_all(b".")).expect("our own file");
}

/// The same as [`flooding`], so many lines a second at most.
fn flooding_at(house: &House, name: &str, count: u64, rate: u64) -> App {
    let script = format!("until:{} flood:{count}:{rate}:{} hang", house.file("go").display(), house.file(name).display());
    App::puppet(name, &house.puppet(), &script).with("restart = \"never\"")
}

/// Waits until the app has written all of its flood; the longest time that one of its writes took, in microseconds.
#[track_caller]
fn flooded(house: &House, name: &str) -> u64 {
    let note = wait_until(SOON, &format!("{name} has written everything"), || house.notes(name).pop());
    note.split(' ').nth(1).and_then(|us| us.parse().ok()).expect("a number")
}

/// Waits until this many bytes of an output stream stand in its files.
#[track_caller]
fn until_bytes(house: &House, slot: &str, bytes: u64) -> Vec<u8> {
    wait_until(SOON, &format!("{bytes} bytes stand in the log of {slot}"), || {
        (e2e::log_size(&house.log_file(slot, "out")) >= bytes).then_some(())
    });
    house.log_bytes(slot, "out")
}

/// The thread that compresses runs only when nothing else wants the processor, which on a machine full of tests may be minutes: who waits for it has it
/// run like any other.
fn let_compress(house: &House) {
    const SCHED_IDLE: &str = "5";
    for scribe in house.role("abide-scribe") {
        let threads = fs::read_dir(format!("/proc/{}/task", scribe.pid)).into_iter().flatten().flatten();
        for thread in threads {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // Field 41, of which the first two stand before the last parenthesis.
            let policy = stat.rsplit(')').next().and_then(|fields| fields.split_whitespace().nth(38).map(str::to_owned));
            if policy.as_deref() == Some(SCHED_IDLE) {
                let mut change = Command::new("chrt");
                change.args(["--other", "--pid", "0"]).arg(thread.file_name()).stdout(Stdio::null()).stderr(Stdio::null());
                let _ = change.status();
            }
        }
    }
}

/// Names in the folder of logs that begin with this.
fn names(house: &House, begin: &str) -> Vec<String> {
    let entries = fs::read_dir(house.home().join("logs")).into_iter().flatten().flatten();
    let mut found: Vec<String> =
        entries.filter_map(|e| e.file_name().into_string().ok()).filter(|n| n.starts_with(begin)).collect();
    found.sort();
    found
}

/// Waits until nothing is half made.
fn at_rest(house: &House, slot: &str, compressed: bool) {
    wait_until(SOON, "rotation is at rest", || {
        let_compress(house);
        let found = names(house, &format!("{slot}.out.log"));
        let plain = found.iter().filter(|n| n.rsplit('.').next().is_some_and(|end| end.parse::<u32>().is_ok())).count();
        let rest = !found.iter().any(|n| n.ends_with(".tmp")) && (!compressed || plain == 0);
        rest.then_some(())
    });
}
