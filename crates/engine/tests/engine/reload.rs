//! Reloads: one screenplay for each rule of `reload.md` and docs/design/0008.

use crate::stage::check;

#[test]
fn rolling_bears_the_new_beside_the_old_slot_by_slot() {
    check(
        "@+0 define web instances=2 reload=rolling ready=log:up soak=2s drain=3s stop_timeout=5s
         > bear i1 in web-0
         > bear i2 in web-1
         @+0 up i1
         > listen to i1
         @+0 up i2
         > listen to i2
         @+0 said i1 ready
         @+0 said i2 ready
         @+0 reload web
         > bear i3 in web-0
         = web-0 ready
         @+0 up i3
         > listen to i3
         # Not ready: nothing happens to the old one. Ready: it soaks.
         @+1s said i3 ready
         ~ 2s
         @+1s time
         @+1s time
         # Taken out; no signal before the drain is over, and the next slot has to wait.
         = web-0 ready
         ~ 3s
         @+3s time
         > signal i1 SIGTERM
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i4 in web-1
         @+0 up i4
         > listen to i4
         @+0 said i4 ready
         @+2s time
         > rolled web to 2
         @+3s time
         > signal i2 SIGTERM
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         = web-1 ready
         ~ never",
    );
}

#[test]
fn several_slots_at_a_time() {
    check(
        "@+0 define web instances=3 reload=rolling parallel=2
         > bear i1 in web-0
         > bear i2 in web-1
         > bear i3 in web-2
         @+0 up i1
         @+0 up i2
         @+0 up i3
         @+0 reload web
         > bear i4 in web-0
         > bear i5 in web-1
         @+0 up i5
         > signal i2 SIGTERM
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         > bear i6 in web-2
         @+0 up i4
         > signal i1 SIGTERM
         @+0 up i6
         > signal i3 SIGTERM
         > rolled web to 2",
    );
}

#[test]
fn bluegreen_and_socket_switch_all_at_once() {
    check(
        "@+0 define web instances=2 reload=bluegreen ready=log:up soak=1s drain=2s
         > bear i1 in web-0
         > bear i2 in web-1
         @+0 up i1
         > listen to i1
         @+0 up i2
         > listen to i2
         @+0 said i1 ready
         @+0 said i2 ready
         @+0 reload web
         > bear i3 in web-0
         > bear i4 in web-1
         @+0 up i3
         > listen to i3
         @+0 up i4
         > listen to i4
         @+0 said i3 ready
         @+1s time
         # One is not enough.
         @+0 said i4 ready
         ~ 1s
         @+1s time
         > rolled web to 2
         ~ 2s
         @+2s time
         > signal i1 SIGTERM
         > signal i2 SIGTERM",
    );
    check(
        "@+0 define web instances=2 reload=socket ready=log:up drain=2s stop_timeout=5s
         > bear i1 in web-0
         > bear i2 in web-1
         @+0 up i1
         > listen to i1
         @+0 up i2
         > listen to i2
         @+0 said i1 ready
         @+0 said i2 ready
         @+0 reload web
         > bear i3 in web-0
         > bear i4 in web-1
         @+0 up i3
         > listen to i3
         @+0 up i4
         > listen to i4
         @+0 said i3 ready
         @+0 said i4 ready
         > rolled web to 2
         # Told at once to accept no more, once; then it has drain and stop_timeout.
         > signal i1 SIGTERM
         > signal i2 SIGTERM
         ~ 7s
         @+7s time
         > sweep i1 SIGKILL
         > sweep i2 SIGKILL",
    );
}

#[test]
fn hup_tells_and_looks() {
    check(
        "@+0 define web instances=2 reload=hup ready=tcp start_timeout=4s
         > bear i1 in web-0
         > bear i2 in web-1
         @+0 up i1
         > probe i1 #1
         @+0 up i2
         > probe i2 #2
         @+0 probed i1 1 good
         @+0 probed i2 2 good
         @+0 reload web
         > signal i1 SIGHUP
         > probe i1 #3
         > signal i2 SIGHUP
         > probe i2 #4
         @+0 probed i1 3 good
         @+0 probed i2 4 bad
         ~ 1s
         @+1s time
         > probe i2 #5
         @+0 probed i2 5 good
         > rolled web to 2
         ~ never
         @+0 reload web
         > signal i1 SIGHUP
         > probe i1 #6
         > signal i2 SIGHUP
         > probe i2 #7
         @+0 probed i1 6 good
         @+4s time
         > rolled back web from 3
         = web-0 ready
         = web-1 unhealthy
         ~ never",
    );
}

#[test]
fn hup_without_a_readiness_is_done_when_the_signal_was_survived() {
    check(
        "@+0 define web reload=hup
         > bear i1 in web-0
         @+0 up i1
         @+0 reload web
         > signal i1 SIGHUP
         ~ 100ms
         @+100ms time
         > rolled web to 2
         = web-0 running
         ~ never",
    );
}

#[test]
fn hup_of_what_dies_of_it_has_failed() {
    check(
        "@+0 define web reload=hup soak=2s
         > bear i1 in web-0
         @+0 up i1
         @+0 reload web
         > signal i1 SIGHUP
         ~ 2s
         @+5ms end i1 SIGHUP
         > look for i1
         @+0 swept i1 0
         > forget i1
         > rolled back web from 2
         > bear i2 in web-0",
    );
}

#[test]
fn fewer_slots_go_when_there_is_no_way_back_any_more() {
    check(
        "@+0 define web instances=2 reload=bluegreen ready=log:up
         > bear i1 in web-0
         > bear i2 in web-1
         @+0 up i1
         > listen to i1
         @+0 up i2
         > listen to i2
         @+0 said i1 ready
         @+0 said i2 ready
         @+0 define web instances=1 reload=bluegreen ready=log:up cmd=new
         > bear i3 in web-0
         @+0 up i3
         > listen to i3
         @+0 said i3 ready
         > rolled web to 2
         > signal i2 SIGTERM
         > signal i1 SIGTERM
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         = web-1 absent",
    );
}

#[test]
fn lower_floors_first() {
    check(
        "@+0 define db reload=rolling ready=log:up
         > bear i1 in db-0
         @+0 up i1
         > listen to i1
         @+0 said i1 ready
         @+0 define web reload=rolling needs=db:ready
         > bear i2 in web-0
         @+0 up i2
         @+0 reload db
         > bear i3 in db-0
         @+0 reload web
         @+0 up i3
         > listen to i3
         @+0 said i3 ready
         > signal i1 SIGTERM
         > rolled db to 2
         > bear i4 in web-0
         @+0 up i4
         > signal i2 SIGTERM
         > rolled web to 2",
    );
}

#[test]
fn a_sick_one_is_replaced_by_one_beside_it() {
    check(
        "@+0 define web health=10s/1/1 replace=yes
         > bear i1 in web-0
         @+0 up i1
         > probe i1 #1
         @+0 probed i1 1 good
         @+10s time
         > probe i1 #2
         @+0 probed i1 2 bad
         > bear i2 in web-0
         = web-0 unhealthy
         @+0 up i2
         > probe i2 #3
         @+0 probed i2 3 good
         > signal i1 SIGTERM
         = web-0 ready",
    );
}

#[test]
fn an_edit_reloads_by_the_strategy() {
    check(
        "@+0 define web reload=rolling watch=yes reloads=yes
         > bear i1 in web-0
         @+0 up i1
         @+0 changed web
         > roll web rolling to 2
         > bear i2 in web-0
         @+0 up i2
         > signal i1 SIGTERM
         > rolled web to 2",
    );
}

#[test]
fn a_steward_that_comes_after_one_that_died_goes_on() {
    // The new one is not ready yet; then it is taken out, and drains; then everything is over.
    check(
        "@+0 define web reload=rolling ready=log:up drain=5s
         > bear i1 in web-0
         @+0 up i1
         > listen to i1
         @+0 said i1 ready
         @+0 reload web
         > bear i2 in web-0
         @+0 up i2
         > listen to i2
         @+1s amnesia
         @+0 dump i1=up i2=up
         > listen to i2
         = web-0 ready
         @+1s said i2 ready
         > rolled web to 2
         ~ 5s
         @+2s amnesia
         @+0 dump i1=up i2=up
         ~ 3s
         = web-0 ready
         @+3s time
         > signal i1 SIGTERM
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         ~ never",
    );
}
