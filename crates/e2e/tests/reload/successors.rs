//! The steward dies in the middle of a reload; the command ends right all the same.

use crate::{SOON, beside, lives, mode, stage, web};
use e2e::{House, wait_until};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Command, Stdio};

/// Waits until a new life stands beside an old one.
fn until_begun(house: &House) {
    wait_until(SOON, "a new life is on its way", || {
        let slots = house.detail("web").slots;
        slots.iter().any(|slot| slot.next.as_ref().is_some_and(|next| next.pid.is_some())).then_some(())
    });
}

#[test]
fn a_reload_goes_on_under_the_next_steward() {
    for strategy in ["rolling", "bluegreen"] {
        let house = stage();
        house.up(&web(&house, "1", &format!("reload = \"{strategy}\"")));
        let before = lives(&house, 2);
        mode(&house, "waits");
        let reload = beside(&house, &["reload", "web"]);
        until_begun(&house);
        assert!(house.roles(SOON)[0].kill());
        house.roles(SOON);
        until_begun(&house);
        assert!(before.iter().all(|life| life.alive()), "{strategy}: nobody goes before the new one is ready");
        house.write("go", "");
        let done = reload.join().expect("no panic").ok();
        assert!(done.err.contains("ok web-1 ready"), "{strategy}: {}", done.err);
        assert!(lives(&house, 2).iter().all(|life| !before.contains(life)), "{strategy}");
        wait_until(SOON, "the old ones are gone", || before.iter().all(|life| !life.alive()).then_some(()));
        let births = house.events(Some("web")).into_iter().filter(|line| line.event == "running").count();
        assert_eq!(births, 4, "{strategy}: each slot has got one new life");
    }
}

#[test]
fn a_reload_fails_under_the_next_steward() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"rolling\"").replace("20s", "6s"));
    let before = lives(&house, 2);
    mode(&house, "never");
    let reload = beside(&house, &["reload", "web"]);
    until_begun(&house);
    assert!(house.roles(SOON)[0].kill());
    let done = reload.join().expect("no panic").code(1);
    assert!(done.err.contains("not ready within start_timeout; rolled back"), "{}", done.err);
    assert!(done.err.contains("| version 1 never"), "{}", done.err);
    assert_eq!(lives(&house, 2), before);
}

#[test]
fn a_later_wish_ends_a_reload() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"rolling\""));
    let before = lives(&house, 2);
    mode(&house, "waits");
    let first = beside(&house, &["reload", "web"]);
    until_begun(&house);
    house.abide(["scale", "web", "3"]).code(1).says(&["`web` is being reloaded"]);
    let shown = house.abide(["status", "web"]).ok();
    assert!(shown.out.contains("under way, by rolling") && shown.out.contains("next life:"), "{}", shown.out);
    // Another reload: the newest wish counts, and the first command is told.
    let second = beside(&house, &["reload", "web"]);
    first.join().expect("no panic").code(1).says(&["superseded by a later reload"]);
    until_begun(&house);
    assert!(before.iter().all(|life| life.alive()));
    house.abide(["stop", "web"]).ok();
    second.join().expect("no panic").code(1).says(&["superseded by operation"]);
    let left = || house.detail("web").slots.iter().all(|slot| slot.next.is_none() && slot.row.pid.is_none());
    wait_until(SOON, "nothing of it is left", || left().then_some(()));
    assert!(before.iter().all(|life| !life.alive()));
}

/// `abide reload web`, told how to take an interrupt, and what it says once it has begun.
fn reload_by(house: &House, interrupt: &str) -> (Child, BufReader<ChildStderr>, String) {
    let plain = house.command(["reload", "web"]);
    let mut command = Command::new("env");
    command.arg(interrupt).arg(plain.get_program()).args(plain.get_args());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("abide");
    let mut said = BufReader::new(child.stderr.take().expect("piped"));
    let mut text = String::new();
    said.read_line(&mut text).expect("its first line");
    assert!(text.contains("new life"), "{text}");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it waits");
    (child, said, text)
}

/// Somebody who presses Ctrl-C ends the waiting, not the reload, and is told so.
#[test]
fn an_interrupted_command_says_that_the_reload_goes_on() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"rolling\""));
    let before = lives(&house, 2);
    mode(&house, "waits");
    let (mut child, mut said, mut text) = reload_by(&house, "--default-signal=INT");
    said.read_to_string(&mut text).expect("the rest");
    assert!(text.ends_with("no longer waiting; what was asked goes on, and `abide list` shows how far it is\n"), "{text}");
    assert_eq!(child.wait().expect("ended").signal(), Some(2), "ended as by any interrupt");
    house.write("go", "");
    house.abide(["wait", "web"]).ok();
    wait_until(SOON, "the old ones are gone", || before.iter().all(|life| !life.alive()).then_some(()));
    // Under `nohup`, say, it goes on waiting.
    std::fs::remove_file(house.file("go")).expect("there");
    let (mut child, mut said, mut text) = reload_by(&house, "--ignore-signal=INT");
    house.write("go", "");
    said.read_to_string(&mut text).expect("the rest");
    assert!(text.contains("ok web-1 ready") && !text.contains("no longer"), "{text}");
    assert!(child.wait().expect("ended").success());
}
