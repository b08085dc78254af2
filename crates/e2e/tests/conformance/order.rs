//! §5: `auto_up`, and in which order it is told.

use crate::desk::{define, dump, start, talk};
use e2e::Keeper;
use rustix::process::Signal;

const START: &str = "service.state\ta\tstart\t<int>\t-\t-\t-\t-\t-";
const UP: &str = "service.state\ta\tup\t<ts>\t<pid>\t-\t-\t<int>\t-";
const DOWN: &str = "service.state\ta\tdown\t<ts>\t<pid>\t**";

/// Whether the dump says that the service is down and will not start.
#[track_caller]
fn rests(keeper: &mut Keeper) {
    let lines = dump(keeper);
    keeper.check(lines.iter().any(|l| l.starts_with("service.state\ta\tdown\t")), &format!("it rests: {lines:?}"));
}

#[test]
fn a_true_trigger_starts_a_service_that_is_down() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    keeper.say("service.auto_up\ta\t10\talways");
    keeper.expect_all(&[START, "service.auto_up\ta\t10\talways", UP]);
    keeper.quiet();
}

#[test]
fn a_service_that_is_up_is_left_alone() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    start(&mut keeper, "a");
    let answers = keeper.answers("service.auto_up\ta\t10\talways");
    keeper.check(answers == ["service.auto_up\ta\t10\talways"], &format!("{answers:?}"));
}

#[test]
fn after_a_long_life_the_next_begins_at_once_and_start_is_told_twice() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t4.5");
    keeper.say("service.auto_up\ta\t4\talways");
    keeper.expect_all(&[START, "service.auto_up\ta\t4\talways", UP]);
    let down: i64 = keeper.expect_match(DOWN)[0].parse().expect("digits");
    // An interval would be four. What is planned says it, however busy the machine is when it comes to pass.
    for _ in 0..2 {
        let due: i64 = keeper.expect_match(START)[0].parse().expect("digits");
        keeper.check((0..=3).contains(&(due - down)), &format!("down at {down}, planned for {due}"));
    }
    keeper.expect_match(UP);
}

#[test]
fn after_a_short_life_a_whole_interval_is_waited_from_the_exit_on() {
    let mut keeper = talk();
    // Short also where starting a shell takes seconds, and long enough that an interval from its beginning would be another.
    define(&mut keeper, "a", "sh\t-c\tsleep 2");
    keeper.say("service.auto_up\ta\t9\talways");
    keeper.expect_all(&[START, "service.auto_up\ta\t9\talways", UP]);
    let down: i64 = keeper.expect_match(DOWN)[0].parse().expect("digits");
    let due: i64 = keeper.expect_match(START)[0].parse().expect("digits");
    keeper.check((due - down - 9).abs() <= 1, &format!("down at {down}, planned for {due}"));
    keeper.expect_match(START);
    let up: i64 = keeper.expect_match(UP)[0].parse().expect("digits");
    keeper.check(up >= due, &format!("up at {up}, planned for {due}"));
}

#[test]
fn a_signal_is_a_trigger_while_it_is_pending() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    let answers = keeper.answers("service.auto_up\ta\t1\tSIGUSR1\tHUP");
    keeper.check(
        answers.len() == 1 && e2e::fits("service.auto_up\ta\t1\t*USR1\t*HUP", &answers[0]).is_some(),
        &format!("{answers:?}"),
    );
    rests(&mut keeper);
    keeper.signal(Signal::USR1);
    keeper.wait_for(UP);
    keeper.barrier();
    // It is level that counts: still pending, so it comes again.
    keeper.say("service.signal\ta\tKILL");
    keeper.wait_for(DOWN);
    keeper.wait_for(UP);
    keeper.say("signal.clear\tSIGUSR1\t1");
    keeper.quiet();
    keeper.ask("service.signal\ta\tKILL", DOWN);
    keeper.quiet();
    rests(&mut keeper);
    keeper.signal(Signal::HUP);
    keeper.wait_for(UP);
}

#[test]
fn a_trigger_that_is_already_pending_counts() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    keeper.signal(Signal::USR2);
    keeper.expect_match("signal\tSIGUSR2\t<ts>\t1");
    keeper.say("service.auto_up\ta\t1\tUSR2");
    keeper.expect_all(&[START, "service.auto_up\ta\t1\t*USR2", UP]);
}

#[test]
fn every_known_signal_name_is_a_trigger() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    for name in ["CHLD", "SIGCHLD", "WINCH", "KILL", "SIGSEGV", "PIPE", "ALRM", "STOP", "CONT"] {
        let pattern = format!("service.auto_up\ta\t5\t*{}", name.trim_start_matches("SIG"));
        keeper.ask(&format!("service.auto_up\ta\t5\t{name}"), &pattern);
    }
    rests(&mut keeper);
}

#[test]
fn a_dash_keeps_the_interval() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    keeper.ask("service.auto_up\ta\t77\tUSR1", "service.auto_up\ta\t77\t*USR1");
    keeper.ask("service.auto_up\ta\t-\tUSR2\tHUP", "service.auto_up\ta\t77\t*USR2\t*HUP");
}

#[test]
fn it_is_switched_off_by_a_dash_and_by_no_trigger() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    for off in ["service.auto_up\ta\t-", "service.auto_up\ta\t5"] {
        keeper.say("service.auto_up\ta\t1\talways");
        keeper.wait_for(UP);
        keeper.barrier();
        keeper.ask(off, "service.auto_up\ta\t*");
        let lines = dump(&mut keeper);
        keeper.check(lines.iter().any(|l| l == "service.auto_up\ta\t-"), &format!("{off:?}: {lines:?}"));
        keeper.ask("service.signal\ta\tKILL", DOWN);
        keeper.quiet();
        rests(&mut keeper);
    }
}

#[test]
fn a_pending_start_runs_once_more_after_it_is_switched_off() {
    let mut keeper = talk();
    define(&mut keeper, "a", "true");
    // What is said next comes in this pause.
    keeper.say("service.auto_up\ta\t6\talways");
    keeper.wait_for(DOWN);
    keeper.expect_match(START);
    keeper.say("service.auto_up\ta\t-");
    keeper.wait_for("service.auto_up\ta\t-");
    keeper.wait_for(UP);
    keeper.wait_for(DOWN);
    keeper.quiet();
    rests(&mut keeper);
}

#[test]
fn what_cannot_be_executed_waits_as_any_short_life() {
    let mut keeper = talk();
    define(&mut keeper, "a", "/no/such/program");
    keeper.say("service.auto_up\ta\t1\talways");
    keeper.wait_for("service.state\ta\tdown\t<ts>\t<pid>\texit\t3\t**");
    keeper.expect_match(START);
    keeper.wait_for(UP);
    keeper.wait_for("service.state\ta\tdown\t<ts>\t<pid>\texit\t3\t**");
}
