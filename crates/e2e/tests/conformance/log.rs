//! §8: what the keeper says about itself.

use crate::desk::{define, obeyed, start, talk};
use e2e::{Keeper, Start, wait_until};
use std::fs::{File, OpenOptions};
use std::io::Read;

#[test]
fn the_filter_is_answered_and_stepped_and_clamped() {
    let mut keeper = talk();
    obeyed(&mut keeper, &[("log.filter", &["log.filter\tdebug"])]);
    for (said, level) in [("+", "info"), ("+", "warning"), ("+", "error"), ("+", "fatal"), ("+", "fatal")] {
        obeyed(&mut keeper, &[(&format!("log.filter\t{said}"), &[&format!("log.filter\t{level}")])]);
    }
    for level in ["error", "warning", "info", "debug", "trace", "none", "none"] {
        obeyed(&mut keeper, &[("log.filter\t-", &[&format!("log.filter\t{level}")])]);
    }
    for level in ["none", "trace", "debug", "info", "warning", "error", "fatal"] {
        obeyed(&mut keeper, &[(&format!("log.filter\t{level}"), &[&format!("log.filter\t{level}")])]);
    }
}

#[test]
fn options_shift_the_filter() {
    for (options, level) in [
        ("-iv", "trace"),
        ("-ivv", "none"),
        ("-ivvv", "none"),
        ("-iq", "info"),
        ("-iqq", "warning"),
        ("-iqqqqqqq", "fatal"),
        ("-iqv", "debug"),
    ] {
        let mut keeper = Keeper::start([options]).greeted();
        keeper.ask("log.filter", &format!("log.filter\t{level}"));
    }
}

#[test]
fn at_or_below_the_filter_is_hidden() {
    let mut keeper = talk();
    keeper.ask("nonsense-1", "error\tUnknown command: nonsense-1");
    keeper.wait_stderr("error: *nonsense-1*");
    keeper.ask("log.filter\terror", "log.filter\terror");
    keeper.ask("nonsense-2", "error\tUnknown command: nonsense-2");
    keeper.ask("log.filter\twarning", "log.filter\twarning");
    keeper.ask("nonsense-3", "error\tUnknown command: nonsense-3");
    keeper.wait_stderr("error: *nonsense-3*");
    let logged = keeper.stderr_lines();
    keeper.check(!logged.iter().any(|l| l.contains("nonsense-2")), &format!("{logged:?}"));
}

#[test]
fn debug_lines_are_shown_when_asked_for() {
    let mut keeper = Keeper::start(["-ivv"]).greeted();
    define(&mut keeper, "a", "true");
    start(&mut keeper, "a");
    keeper.expect_match("service.state\ta\tdown\t**");
    keeper.wait_stderr("debug: **");
}

#[test]
fn every_line_names_its_level() {
    let mut keeper = Keeper::start(["-ivv", "-S", "ctl"]).greeted();
    for command in ["nonsense", "service.start\tnobody", "fd.open\tx\tbogus\t/x", "service.fds\ta\tnope", "log.dest\tfd\tnobody"]
    {
        keeper.answers(command);
    }
    keeper.client("ctl").quiet();
    keeper.close_stdin();
    keeper.exits(0);
    let logged = keeper.all_stderr_lines();
    let levels = ["trace: ", "debug: ", "info: ", "warning: ", "error: ", "fatal: "];
    let wrong: Vec<&String> = logged.iter().filter(|l| !levels.iter().any(|level| l.starts_with(level))).collect();
    keeper.check(wrong.is_empty() && !logged.is_empty(), &format!("lines without a level: {wrong:?}"));
}

#[test]
fn the_log_goes_to_a_named_descriptor_and_follows_the_name() {
    let mut keeper = talk();
    keeper.ask("fd.open\tlog\twrite,create\tlog-1", "fd.state\tlog\t**");
    keeper.say("log.dest\tfd\tlog");
    keeper.quiet();
    keeper.ask("mark-1", "error\t**");
    keeper.wait_file("log-1", |text| text.contains("error: ") && text.contains("mark-1"));
    keeper.ask("fd.open\tlog\twrite,create\tlog-2", "fd.state\tlog\t**");
    keeper.ask("mark-2", "error\t**");
    keeper.wait_file("log-2", |text| text.contains("mark-2"));
    assert!(!keeper.read("log-1").contains("mark-2"));
    keeper.ask("fd.delete\tlog", "fd.state\tlog\tdeleted");
    keeper.ask("mark-3", "error\t**");
    keeper.ask("fd.open\tlog\twrite,create\tlog-3", "fd.state\tlog\t**");
    keeper.ask("mark-4", "error\t**");
    keeper.wait_file("log-3", |text| text.contains("mark-4"));
    keeper.say("log.dest\tfd\tstderr");
    keeper.quiet();
    keeper.ask("mark-5", "error\t**");
    keeper.wait_stderr("**mark-5**");
}

#[test]
fn a_destination_that_is_not_there_yet_is_found_later() {
    let mut keeper = talk();
    keeper.ask("log.dest\tfd\tlater", "warning\tfd \"later\" does not exist");
    keeper.ask("fd.open\tlater\twrite,create\tlog", "fd.state\tlater\t**");
    keeper.ask("mark", "error\t**");
    keeper.wait_file("log", |text| text.contains("mark"));
}

#[test]
fn a_blocked_log_is_dropped_and_the_loss_is_counted() {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let mut keeper = Start::new(["-i"]).stderr(writer).start().greeted();
    // More than a pipe holds. Nobody reads it before all of them are answered, so a keeper that waited for room would wait for ever.
    for n in 0..3000 {
        keeper.say(&format!("nonsense-{n}-{}", "x".repeat(100)));
    }
    let errors = keeper.barrier();
    keeper.check(errors.len() == 3000, &format!("every command is answered: {}", errors.len()));
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            if tell.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut logged = Vec::new();
    let mut n = 0;
    wait_until(e2e::PATIENCE, "the loss is told", || {
        keeper.ask(&format!("later-{n}"), "error\t**");
        n += 1;
        logged.extend(told.try_iter().flatten());
        let text = String::from_utf8_lossy(&logged).into_owned();
        let lost = text.lines().find_map(|l| e2e::fits("warning: lost <ts> log messages", l));
        lost.map(|found| assert!(found[0].parse::<u64>().is_ok_and(|n| n > 0), "{found:?}"))
    });
    let text = String::from_utf8_lossy(&logged).into_owned();
    let whole = text.lines().take(text.lines().count() - 1).all(|l| l.starts_with("error: ") || l.starts_with("warning: "));
    assert!(whole, "no line was torn");
}

#[test]
fn a_log_on_a_full_disk_hurts_nobody() {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux");
    let mut keeper = Start::new(["-i"]).stderr(full).start().greeted();
    for n in 0..500 {
        keeper.ask(&format!("nonsense-{n}"), &format!("error\tUnknown command: nonsense-{n}"));
    }
    define(&mut keeper, "a", "true");
    start(&mut keeper, "a");
    keeper.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
    keeper.close_stdin();
    keeper.exits(0);
}

#[test]
fn a_log_whose_reader_is_gone_hurts_nobody() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut keeper = Start::new(["-i"]).stderr(writer).start().greeted();
    for n in 0..100 {
        keeper.ask(&format!("nonsense-{n}"), &format!("error\tUnknown command: nonsense-{n}"));
    }
    keeper.close_stdin();
    keeper.exits(0);
}

#[test]
fn what_is_written_to_a_file_is_whole() {
    let start = Start::new(["-i"]);
    let file = File::create(start.file("log")).expect("our own folder");
    let mut keeper = start.stderr(file).start().greeted();
    for n in 0..500 {
        keeper.ask(&format!("nonsense-{n}"), "error\t**");
    }
    let text = keeper.wait_file("log", |t| t.contains("nonsense-499") && t.ends_with('\n'));
    let missing = (0..500).filter(|n| !text.lines().any(|l| l.contains(&format!("nonsense-{n}")))).count();
    assert_eq!(missing, 0);
}
