//! Row 26: a process cannot be made.

use crate::desk::{SOON, body, fails_two, no_zombies, one, plain, set, two, works_one, works_two};
use std::time::{Duration, Instant};

/// Every way to make a process.
const FORKS: &str = "clone3,clone,fork,vfork";

#[test]
fn row_26_a_fork_that_fails_once_is_tried_again_after_three_seconds() {
    for errno in ["EAGAIN", "ENOMEM"] {
        let mut keeper = one(plain());
        set(&mut keeper, "service.args\ta\tsleep\t1000");
        let fault = format!("inject={FORKS}:error={errno}");
        let Some(strace) = keeper.strace("row 26", &["-e", &format!("trace={FORKS}"), "-e", &fault]) else { return };
        let begun = Instant::now();
        keeper.say("service.start\ta");
        keeper.expect_match("service.state\ta\tstart\t<ts>\t-\t-\t-\t-\t-");
        keeper.wait_stderr(&format!("error: **{errno}**"));
        // It waits, and serves.
        let dump = keeper.answers("statedump");
        keeper.check(dump.iter().any(|l| l.starts_with("service.state\ta\tstart\t")), &format!("it waits: {dump:?}"));
        let more = keeper.answers("echo\tstill here");
        keeper.check(more.last().is_some_and(|l| l == "still here"), &format!("{more:?}"));
        // No longer than was looked, which takes three seconds only on a machine that is very busy: then it has failed twice.
        let log = strace.detach();
        keeper.wait_for_within("service.state\ta\tup\t<ts>\t<pid>\t-\t-\t<int>\t-", SOON);
        let took = begun.elapsed();
        keeper.check(took >= Duration::from_millis(2_900), &format!("3 s, not {took:?}"));
        keeper.check(log.contains("INJECTED"), &format!("the fault was there: {log}"));
        works_one(&mut keeper);
    }
}

#[test]
fn row_26_forks_that_fail_for_a_while_end_nothing() {
    let mut keeper = one(plain());
    set(&mut keeper, "service.args\ta\tsleep\t1000");
    let fault = format!("inject={FORKS}:error=EAGAIN");
    let Some(strace) = keeper.strace("row 26", &["-e", &format!("trace={FORKS}"), "-e", &fault]) else { return };
    keeper.say("service.start\ta");
    // Two attempts, three seconds apart, each told in the log.
    for _ in 0..2 {
        keeper.wait_stderr("error: **EAGAIN**");
        let lines = keeper.barrier();
        keeper.check(!lines.iter().any(|l| l.contains("\tup\t") || l.contains("\tdown\t")), &format!("{lines:?}"));
    }
    let log = strace.detach();
    keeper.check(log.matches("INJECTED").count() >= 2, &log);
    keeper.wait_for_within("service.state\ta\tup\t<ts>\t<pid>\t-\t-\t<int>\t-", SOON);
    no_zombies(keeper.pid());
    works_one(&mut keeper);
}

#[test]
fn row_26_dialect_two_is_told_at_once_and_decides_itself() {
    for errno in ["EAGAIN", "ENOMEM"] {
        let mut keeper = two(plain());
        set(&mut keeper, "service.args\ta\tsleep\t1000");
        let fault = format!("inject={FORKS}:error={errno}");
        let Some(strace) = keeper.strace("row 26", &["-e", &format!("trace={FORKS}"), "-e", &fault]) else { return };
        for _ in 0..3 {
            let failed = fails_two(&mut keeper, "a");
            keeper.check(failed == format!("fork:{errno}"), &failed);
        }
        let dump = keeper.answers("statedump");
        keeper.check(
            dump.iter().any(|l| e2e::fits("service.state\ta\tdown\t**\tfailed\t**", body(l)).is_some()),
            &format!("{dump:?}"),
        );
        strace.detach();
        works_two(&mut keeper);
        no_zombies(keeper.pid());
    }
}

#[test]
fn row_26_a_kept_service_comes_when_forks_work_again() {
    let mut keeper = two(plain());
    set(&mut keeper, "service.args\ta\tsleep\t1000");
    let fault = format!("inject={FORKS}:error=EAGAIN");
    let Some(strace) = keeper.strace("row 26", &["-e", &format!("trace={FORKS}"), "-e", &fault]) else { return };
    keeper.say("service.keep\ta");
    for _ in 0..3 {
        keeper.wait_for("#<int>\tservice.state\ta\tdown\t<ts>\t*\tfailed\tfork:EAGAIN\t**");
    }
    keeper.barrier();
    strace.detach();
    keeper.wait_for_within("#<int>\tservice.state\ta\tup\t**", SOON);
    works_two(&mut keeper);
}
