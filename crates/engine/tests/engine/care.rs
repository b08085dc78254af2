//! Readiness, health, watchdog and limits (semantics.md, "Ready and healthy").

use crate::settings::fault_of;
use crate::stage::{Play, check};
use model::Fault;

#[test]
fn it_is_asked_until_it_is_ready() {
    check(
        "@+0 define web ready=tcp
         > bear i1 in web-0
         @+1ms up i1
         > probe i1 #1
         = web-0 starting (it is not ready)
         @+100ms probed i1 1 refused
         = web-0 starting (it is not ready: refused)
         ~ 1s
         @+1s time
         > probe i1 #2
         @+0 probed i1 2 elsewhere
         = web-0 starting
         @+1s time
         > probe i1 #3
         # An answer to an earlier question is none.
         @+0 probed i1 2 good
         = web-0 starting
         @+0 probed i1 3 good
         = web-0 ready
         ~ never
         @+0 probed i1 3 bad
         = web-0 ready",
    );
}

#[test]
fn what_is_not_ready_in_time_is_a_failed_life() {
    check(
        "@+0 define web ready=log:up start_timeout=5s
         > bear i1 in web-0
         @+1ms up i1
         > listen to i1
         ~ 5s
         @+5s time
         > signal i1 SIGTERM
         = web-0 stopping
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i2 in web-0
         # A late word of the dead is nothing.
         @+0 said i1 ready
         @+1ms up i2
         > listen to i2
         @+1s said i2 ready
         = web-0 ready
         ~ never",
    );
    let mut play = Play::cold();
    play.act("define web ready=log:up start_timeout=5s restart=never");
    play.act("up i1");
    play.pass("5s");
    play.act("end i1 SIGTERM");
    play.act("swept i1 0");
    assert_eq!(fault_of(&play, "web-0"), Some(Fault::StartTimeout));
    assert_eq!(play.status("web-0", true), "errored (not ready within start_timeout; restart = \"never\")");
}

#[test]
fn more_time_can_be_asked_for() {
    check(
        "@+0 define web ready=notify start_timeout=5s
         > bear i1 in web-0
         @+0 up i1
         > listen to i1
         @+4s said i1 extend:10s
         ~ 10s
         @+1s said i1 extend:1s
         ~ 9s
         @+1s said i1 status:working
         @+0 said i1 ready
         = web-0 ready
         ~ never
         @+0 stop web
         > signal i1 SIGTERM
         @+1s said i1 extend:30s
         ~ 30s",
    );
}

#[test]
fn time_and_uptime_make_ready() {
    check(
        "@+0 define a ready=after:2s
         > bear i1 in a-0
         @+0 define b min_uptime=3s
         > bear i2 in b-0
         @+0 up i1
         @+0 up i2
         = a-0 starting
         = b-0 starting
         @+2s time
         = a-0 ready
         @+1s time
         = b-0 running
         ~ never",
    );
}

#[test]
fn a_health_check_gates_readiness_and_watches_afterwards() {
    check(
        "@+0 define web health=10s/2/2 action=none
         > bear i1 in web-0
         @+0 up i1
         > probe i1 #1
         @+0 probed i1 1 bad
         ~ 1s
         @+1s time
         > probe i1 #2
         @+0 probed i1 2 good
         = web-0 ready
         ~ 10s
         @+10s time
         > probe i1 #3
         # While a question is open no other is asked.
         @+20s time
         @+0 probed i1 3 slow
         = web-0 ready
         @+10s time
         > probe i1 #4
         @+0 probed i1 4 slow
         = web-0 unhealthy (slow)
         @+10s time
         > probe i1 #5
         @+0 probed i1 5 good
         = web-0 unhealthy
         @+10s time
         > probe i1 #6
         @+0 probed i1 6 good
         = web-0 ready",
    );
}

#[test]
fn the_unhealthy_are_restarted_by_the_restart_rule() {
    check(
        "@+0 define web ready=after:1s health=10s/1/1 period=30s
         > bear i1 in web-0
         @+0 up i1
         @+1s time
         = web-0 ready
         @+10s time
         > probe i1 #1
         # In the start period nothing is counted.
         @+0 probed i1 1 bad
         = web-0 ready
         @+10s time
         > probe i1 #2
         @+10s probed i1 2 bad
         > signal i1 SIGTERM
         = web-0 stopping
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i2 in web-0",
    );
}

#[test]
fn the_watchdog_begins_with_readiness_and_ends_with_farewell() {
    check(
        "@+0 define web ready=notify watchdog=3s start_timeout=60s
         > bear i1 in web-0
         @+0 up i1
         > listen to i1
         ~ 1m
         @+10s said i1 ready
         ~ 3s
         @+2s said i1 alive
         ~ 3s
         @+0 said i1 every:5s
         ~ 5s
         @+1s said i1 reloading
         = web-0 reloading
         @+1s said i1 ready
         = web-0 ready
         @+5s time
         > signal i1 SIGTERM
         @+0 end i1 SIGTERM
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i2 in web-0
         @+0 up i2
         > listen to i2
         @+0 said i2 ready
         @+0 said i2 stopping
         ~ never
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         = web-0 completed",
    );
    check(
        "@+0 define web ready=notify watchdog=3s
         > bear i1 in web-0
         @+0 up i1
         > listen to i1
         @+0 said i1 stuck
         > signal i1 SIGTERM",
    );
}

#[test]
fn a_limit_ends_a_life_or_is_only_told() {
    check(
        "@+0 define web
         > bear i1 in web-0
         @+0 up i1
         @+0 exceeded i1 memory
         > signal i1 SIGTERM
         @+0 exceeded i1 memory
         @+0 end i1 SIGTERM
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i2 in web-0",
    );
    check(
        "@+0 define web on_limit=kill
         > bear i1 in web-0
         @+0 up i1
         @+0 exceeded i1 memory
         > sweep i1 SIGKILL
         = web-0 stopping",
    );
    check(
        "@+0 define web on_limit=none
         > bear i1 in web-0
         @+0 up i1
         @+0 exceeded i1 memory
         = web-0 running",
    );
}

#[test]
fn what_the_kernel_killed_for_memory_is_told_so() {
    let fault = |pause: &str, end: &str| {
        let mut play = Play::cold();
        play.act("define web restart=never");
        play.act("up i1");
        play.act("oom i1");
        play.pass(pause);
        play.act(&format!("end i1 {end}"));
        play.act("swept i1 0");
        fault_of(&play, "web-0")
    };
    assert_eq!(fault("0s", "SIGKILL"), Some(Fault::OutOfMemory));
    // It was another process of it that the kernel killed.
    assert_eq!(fault("0s", "0"), None);
    assert_eq!(fault("1h", "SIGKILL"), None);
    // A steward that comes later learns both at once, and not how it ended.
    let mut play = Play::cold();
    for act in ["define web restart=never", "up i1", "amnesia", "dump", "oom i1", "gone i1", "swept i1 0"] {
        play.act(act);
    }
    assert_eq!(fault_of(&play, "web-0"), Some(Fault::OutOfMemory));
}

#[test]
fn a_wish_turns_a_fault_into_an_end_that_was_asked_for() {
    check(
        "@+0 define web ready=log:up start_timeout=5s restart=never
         > bear i1 in web-0
         @+0 up i1
         > listen to i1
         @+5s time
         > signal i1 SIGTERM
         @+0 stop web
         @+0 end i1 SIGTERM
         > look for i1
         @+0 swept i1 0
         > forget i1
         = web-0 stopped",
    );
}

#[test]
fn codes_after_which_nothing_is_restarted_and_reset() {
    check(
        "@+0 define web no_restart=3
         > bear i1 in web-0
         @+0 up i1
         @+0 end i1 3
         > look for i1
         @+0 swept i1 0
         > forget i1
         > errored web-0
         = web-0 errored
         @+0 reset web
         > bear i2 in web-0",
    );
}
