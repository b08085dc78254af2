//! Lives that name another of their processes as the main one (`MAINPID=`).

use crate::settings::fault_of;
use crate::stage::{Play, check};
use model::Fault;

#[test]
fn a_life_goes_on_with_its_main_process_and_ends_with_it() {
    check(
        "@+0 define web ready=notify watchdog=5s restart=never
         > bear i1 in web-0
         @+0 up i1
         > listen to i1
         @+1s said i1 main:500
         @+0 end i1 0
         > adopt i1
         = web-0 starting
         @+0 said i1 ready
         = web-0 ready
         @+1ms up i1 500
         > listen to i1
         = web-0 ready
         ~ 5s
         @+2s end i1 3
         > look for i1
         @+0 swept i1 0
         > forget i1
         > errored web-0",
    );
}

#[test]
fn a_main_process_that_is_gone_too_changes_nothing() {
    check(
        "@+0 define web restart=never
         > bear i1 in web-0
         @+0 up i1
         @+1s said i1 main:500
         @+0 end i1 0
         > adopt i1
         @+0 refused i1
         > look for i1
         @+0 swept i1 0
         > forget i1
         = web-0 completed",
    );
    // It named itself.
    check(
        "@+0 define web restart=never
         > bear i1 in web-0
         @+0 up i1
         @+1s said i1 main:101
         @+0 end i1 0
         > look for i1",
    );
}

#[test]
fn a_wish_that_comes_between_the_two_is_followed() {
    check(
        "@+0 define web
         > bear i1 in web-0
         @+0 up i1
         @+1s said i1 main:500
         @+0 end i1 0
         > adopt i1
         @+0 stop web
         @+1ms up i1 500
         > signal i1 SIGTERM
         = web-0 stopping",
    );
    check(
        "@+0 define web
         > bear i1 in web-0
         @+0 up i1
         @+1s said i1 main:500
         @+0 end i1 1
         > adopt i1
         @+0 restart web
         @+1ms refused i1
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i2 in web-0",
    );
    // Who is being stopped ends with its first process; the others of it are asked to leave then.
    check(
        "@+0 define web
         > bear i1 in web-0
         @+0 up i1
         @+1s said i1 main:500
         @+0 stop web
         > signal i1 SIGTERM
         @+0 end i1 0
         > look for i1
         @+0 swept i1 1
         > sweep i1 SIGTERM",
    );
}

#[test]
fn another_steward_knows_the_main_process() {
    check(
        "@+0 define web
         > bear i1 in web-0
         @+0 up i1
         @+1s said i1 main:500
         @+0 amnesia
         @+0 dump i1=0
         > adopt i1
         @+0 up i1 500
         = web-0 running",
    );
    // The keeper is another, too: nobody saw the end of the first process.
    check(
        "@+0 define web
         > bear i1 in web-0
         @+0 up i1
         @+1s said i1 main:500
         @+0 amnesia
         @+0 dump
         > inspect i1
         @+0 foreign i1
         > inspect i1
         @+0 gone i1
         > look for i1",
    );
}

#[test]
fn who_asks_for_a_restart_is_told_apart_from_who_is_silent() {
    for (act, fault) in [("said i1 stuck", Fault::Trigger), ("time", Fault::Watchdog)] {
        let mut play = Play::cold();
        play.act("define web ready=notify watchdog=5s restart=never");
        play.act("up i1");
        play.act("said i1 ready");
        match act {
            "time" => play.pass("5s"),
            word => play.act(word),
        };
        play.act("end i1 SIGTERM");
        play.act("swept i1 0");
        assert_eq!(fault_of(&play, "web-0"), Some(fault));
    }
}
