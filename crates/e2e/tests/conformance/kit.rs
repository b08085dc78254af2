//! The driver itself, tried on a shell script that plays a keeper.

use e2e::{Keeper, Proc, Start};
use rustix::process::Signal;
use std::panic::{AssertUnwindSafe, catch_unwind};

const FAKE: &str = r#"#!/bin/sh
printf 'info\tfake\n'
echo 'warning: a line of the log' >&2
while IFS= read -r line; do
    case $line in
        echo*) printf '%s\n' "${line#echo	}" ;;
        start) sleep 1000 & printf 'service.state\ta\tup\t1\t%s\t-\t-\t0\t-\n' $! ;;
        quit) exit 7 ;;
        *) printf 'error\tUnknown command: %s\n' "$line" ;;
    esac
done
"#;

fn fake() -> Keeper {
    let start = Start::new(["-i"]);
    let script = start.write("fake", FAKE);
    start.through(["sh"]).program(script).start()
}

#[test]
fn a_conversation() {
    let mut keeper = fake();
    keeper.expect("info\tfake");
    assert_eq!(keeper.wait_stderr("warning: *"), ["a line of the log"]);
    keeper.quiet();
    assert_eq!(keeper.ask("nonsense", "error\tUnknown *: *"), ["command", "nonsense"]);
    assert_eq!(keeper.answers("one\ntwo").len(), 2);
    keeper.say("quit");
    keeper.exits(7);
}

#[test]
fn the_end_of_input() {
    let mut keeper = fake();
    keeper.barrier();
    keeper.close_stdin();
    keeper.exits(0);
}

#[test]
fn nothing_is_left_behind() {
    let mut keeper = fake();
    keeper.barrier();
    let pid = keeper.ask("start", "service.state\ta\tup\t1\t<pid>\t**")[0].parse().expect("a pid");
    let sleeper = Proc::find(pid).expect("it runs");
    drop(keeper);
    assert!(!sleeper.alive());
}

#[test]
fn a_failure_tells_the_whole_story() {
    let mut keeper = fake();
    keeper.barrier();
    keeper.wait_stderr("warning: *");
    let failed = catch_unwind(AssertUnwindSafe(|| keeper.ask("nonsense", "quite\tanother"))).expect_err("it must fail");
    let story = failed.downcast_ref::<String>().expect("a text").clone();
    for part in
        ["expected  quite⇥another", "SENT     nonsense", "heard  error⇥Unknown command: nonsense", "stderr warning: a line"]
    {
        assert!(story.contains(part), "{part} in {story}");
    }
    keeper.signal(Signal::KILL);
    assert_eq!(keeper.exit_status(e2e::PATIENCE).code(), None);
}
