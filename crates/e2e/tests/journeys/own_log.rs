//! `daemon.log`: what the manager says of itself, also when a part of it cannot start or the file cannot be written.

use crate::SOON;
use e2e::{House, Strace, wait_until};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

fn said(house: &House) -> String {
    fs::read_to_string(house.home().join("daemon.log")).unwrap_or_default()
}

#[track_caller]
fn until_said(house: &House, words: &str) {
    wait_until(SOON, &format!("daemon.log says {words:?}"), || said(house).contains(words).then_some(()));
}

/// Puts a program in the place of one of ours that says a word and fails.
fn breaks(house: &House, program: &str, word: &str) {
    let (path, fresh) = (house.bins().path(program), house.file("fresh"));
    fs::write(&fresh, format!("#!/bin/sh\necho '{word}' >&2\nexit 127\n")).expect("our own file");
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).expect("our own file");
    fs::rename(fresh, path).expect("our own folder");
}

#[test]
fn rotated_under_load() {
    let house = House::new();
    house.up("[daemon]\nlog_max_size = '64K'\nlog_max_files = 99\nlog_compress = 'none'\n");
    // As our own processes do, but waiting for room: what is written fast then comes as fast as it is moved.
    let mut way = OpenOptions::new().write(true).open(house.home().join("run/daemon-log")).expect("the FIFO");
    let count = 20_000;
    for n in 0..count {
        // In one piece: lines of others come between.
        way.write_all(format!("line {n:06} {}\n", "x".repeat(40)).as_bytes()).expect("written");
    }
    let part = |n: usize| {
        let name = if n == 0 { "daemon.log".to_owned() } else { format!("daemon.log.{n}") };
        fs::read_to_string(house.home().join(name)).ok()
    };
    let lines = || {
        let mut parts: Vec<String> = (0..).map_while(part).collect();
        parts.reverse();
        let text = parts.concat();
        let numbers: Vec<u32> = text.lines().filter_map(|line| line.strip_prefix("line ")?.get(..6)?.parse().ok()).collect();
        (parts.len(), numbers)
    };
    wait_until(SOON, "the last line is there", || lines().1.last().filter(|last| **last == count - 1).copied());
    let (files, numbers) = lines();
    assert!(numbers.iter().copied().eq(0..count), "none lost, torn or out of order: {} lines", numbers.len());
    assert!(files > 10, "{files} files");
}

#[test]
fn a_log_that_cannot_be_written_stops_nobody() {
    let house = House::new();
    let log = house.home().join("daemon.log");
    fs::DirBuilder::new().create(house.home()).expect("our own folder");
    fs::set_permissions(house.home(), fs::Permissions::from_mode(0o700)).expect("our own folder");
    fs::create_dir(&log).expect("in the way");
    house.abide(["start", &format!("{} hang", house.puppet()), "--name", "web"]).ok();
    house.until_status("web-0", "running", SOON);
    let [steward, scribe, _] = house.roles(SOON);
    steward.kill();
    wait_until(SOON, "another steward answers", || (house.daemon()?.steward.pid != steward.pid).then_some(()));
    assert!(scribe.alive());
    house.abide(["restart", "web"]).ok();
    wait_until(SOON, "the trouble is told", || house.events(None).into_iter().find(|event| event.event == "log.trouble"));
    fs::remove_dir(&log).expect("out of the way");
    let begun = || said(&house).matches("steward begins in").count();
    wait_until(SOON, "nothing was lost meanwhile", || (begun() >= 2).then_some(()));
    assert_eq!(begun(), 2, "{}", said(&house));
}

#[test]
fn why_a_scribe_does_not_start() {
    let house = House::installed();
    breaks(&house, "abide-scribe", "no such library");
    house.abide(["daemon", "start"]).ok();
    until_said(&house, "no such library");
    until_said(&house, "the scribe ended");
    house.abide(["daemon", "stop"]).ok();
    assert!(said(&house).contains("the house is empty; the keeper ends\n"), "{}", said(&house));
}

#[test]
fn why_nothing_starts() {
    let house = House::installed();
    breaks(&house, "abide-scribe", "no scribe today");
    breaks(&house, "abide-steward", "no steward today");
    house.abide(["daemon", "start"]).code(4).says(&["daemon.log"]);
    let text = said(&house);
    assert!(text.contains("no scribe today") && text.contains("no steward today"), "{text}");
}

#[test]
fn the_last_words_are_there() {
    let house = House::new();
    house.abide(["daemon", "start"]).ok();
    house.abide(["daemon", "stop"]).ok();
    assert!(said(&house).contains("the house is empty; the keeper ends\n"), "{}", said(&house));
}

/// Also where the log is slow: who has waited for the end may read it at once.
#[test]
fn the_last_words_are_there_before_the_command_comes_back() {
    let house = House::new();
    house.abide(["daemon", "start"]).ok();
    let [steward, ..] = house.roles(SOON);
    // Who moves lines into it takes the scribe's lock first.
    let args = ["-f", "-e", "trace=flock", "-e", "inject=flock:delay_enter=700000"];
    let Some(strace) = Strace::attach("last words (own_log)", steward.pid, &house.file("strace"), &args) else { return };
    house.abide(["daemon", "stop"]).ok();
    assert!(said(&house).contains("the house is empty; the keeper ends\n"), "{}", said(&house));
    let traced = strace.detach();
    assert!(traced.contains("DELAYED"), "it was slow: {traced}");
}
