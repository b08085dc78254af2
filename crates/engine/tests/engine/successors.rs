//! What a steward that comes after another one, or a changed definition, makes of a life that is looked after already.

use crate::stage::{Play, check};

#[test]
fn what_was_asked_for_holds_under_a_new_steward() {
    check(
        "@+0 define web ready=notify watchdog=3s start_timeout=5s
         > bear i1 in web-0
         @+0 up i1
         > listen to i1
         @+1s said i1 extend:30s
         ~ 30s
         @+10s amnesia
         @+0 dump i1=up
         > listen to i1
         ~ 20s
         @+0 said i1 ready
         @+0 said i1 every:60s
         ~ 1m
         @+30s amnesia
         @+0 dump i1=up
         > listen to i1
         ~ 1m
         @+0 stop web
         > signal i1 SIGTERM
         ~ 10s
         @+1s said i1 extend:60s
         ~ 1m
         @+30s amnesia
         @+0 dump i1=up
         ~ 30s",
    );
    let mut play = Play::cold();
    for act in ["define web ready=notify", "up i1", "said i1 main:41", "amnesia", "dump i1=up"] {
        play.act(act);
    }
    let main = play.engine.slots().into_iter().find_map(|view| view.main);
    assert_eq!(main, Some((41, 7)));
}

#[test]
fn what_changes_while_it_runs_takes_back_nothing_that_it_has_said() {
    check(
        "@+0 define web ready=notify watchdog=3s start_timeout=5s
         > bear i1 in web-0
         @+0 up i1
         > listen to i1
         @+0 said i1 extend:30s
         @+10s define web ready=notify watchdog=4s start_timeout=6s
         > listen to i1
         ~ 20s
         @+0 said i1 ready
         @+0 said i1 reloading
         @+0 said i1 alive
         ~ 4s
         @+0 said i1 stopping
         ~ never
         @+0 define web ready=notify watchdog=3s start_timeout=6s
         > listen to i1
         ~ never",
    );
    check(
        "@+0 define web ready=log:up
         > bear i1 in web-0
         @+0 up i1
         > listen to i1
         @+0 define web ready=tcp
         > probe i1 #1
         # The line is found all the same.
         @+0 said i1 ready
         = web-0 starting
         @+0 probed i1 1 good
         = web-0 ready",
    );
    check(
        "@+0 define web ready=after:0s health=10s/1/1 action=none
         > bear i1 in web-0
         @+0 up i1
         @+10s time
         > probe i1 #1
         @+0 probed i1 1 bad
         = web-0 unhealthy
         @+0 define web ready=after:0s health=10s/1/1
         @+10s time
         > probe i1 #2
         @+0 probed i1 2 bad
         > signal i1 SIGTERM",
    );
}

#[test]
fn a_new_steward_goes_on_with_care() {
    check(
        "@+0 define web ready=tcp health=10s/1/1
         > bear i1 in web-0
         @+0 up i1
         > probe i1 #1
         @+1s amnesia
         @+0 dump i1=up
         > probe i1 #1
         @+0 probed i1 1 good
         = web-0 ready
         @+1s amnesia
         @+0 dump i1=up
         = web-0 ready
         ~ 10s",
    );
}

/// What it said while no steward lived is heard first; found by the simulator (a life was ended at the moment in which it was adopted).
#[test]
fn a_new_steward_gives_it_a_whole_start_timeout() {
    check(
        "@+0 define web ready=tcp start_timeout=5s
         > bear i1 in web-0
         @+1ms up i1
         > probe i1 #1
         @+9s amnesia
         @+0 dump
         > inspect i1
         @+0 alive i1
         > adopt i1
         @+0 up i1 9s
         > probe i1 #1
         = web-0 starting
         @+3s probed i1 1 refused
         ~ 1s
         @+1s time
         > probe i1 #2
         ~ 1s
         @+1s time
         > signal i1 SIGTERM",
    );
}
