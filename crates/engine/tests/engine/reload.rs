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
fn a_new_one_that_never_becomes_ready_changes_nothing() {
    check(
        "@+0 define web instances=2 reload=rolling ready=log:up start_timeout=5s
         > bear i1 in web-0
         > bear i2 in web-1
         @+0 up i1
         > listen to i1
         @+0 up i2
         > listen to i2
         @+0 said i1 ready
         @+0 said i2 ready
         @+0 define web instances=2 reload=rolling ready=log:up start_timeout=5s cmd=new
         > bear i3 in web-0
         @+0 up i3
         > listen to i3
         @+5s time
         > signal i3 SIGTERM
         > rolled back web from 2
         = web-0 ready
         @+0 end i3 0
         > look for i3
         @+0 swept i3 0
         > forget i3
         = web-0 ready
         = web-1 ready
         ~ never
         # The next generation has a number of its own.
         @+0 reload web
         > bear i4 in web-0
         @+0 up i4
         > listen to i4
         @+0 said i4 ready
         > signal i1 SIGTERM
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i5 in web-1
         @+0 up i5
         > listen to i5
         @+0 said i5 ready
         > signal i2 SIGTERM
         > rolled web to 3",
    );
}

#[test]
fn a_new_one_that_dies_while_it_soaks_changes_nothing_and_finished_slots_go_back() {
    check(
        "@+0 define web instances=2 reload=rolling soak=2s
         > bear i1 in web-0
         > bear i2 in web-1
         @+0 up i1
         @+0 up i2
         @+0 define web instances=2 reload=rolling soak=2s cmd=new
         > bear i3 in web-0
         @+0 up i3
         @+2s time
         > signal i1 SIGTERM
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i4 in web-1
         @+0 up i4
         @+1s end i4 1
         > look for i4
         @+0 swept i4 0
         > forget i4
         > rolled back web from 2, rolling of slots that have it
         > bear i5 in web-0
         = web-1 running
         @+0 up i5
         @+2s time
         > signal i3 SIGTERM
         > rolled web to 1",
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
fn one_of_a_generation_that_fails_takes_the_others_with_it() {
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
         @+0 reload web
         > bear i3 in web-0
         > bear i4 in web-1
         @+0 up i3
         > listen to i3
         @+0 said i3 ready
         @+0 end i4 exec:ENOENT
         > forget i4
         > rolled back web from 2
         > signal i3 SIGTERM
         > close i4
         = web-0 ready
         = web-1 ready",
    );
}

#[test]
fn a_switch_that_is_refused_goes_back() {
    check(
        "@+0 define web reload=bluegreen auto=9 on_switch=x
         > bear i1 in web-0
         @+0 leased i1 1
         @+0 up i1
         @+0 reload web
         > bear i2 in web-0
         @+0 leased i2 2
         @+0 up i2
         > switch web [1] [2]
         @+0 switched web no
         > rolled back web from 2
         > signal i2 SIGTERM
         = web-0 running
         @+0 reload web
         > bear i3 in web-0
         @+0 leased i3 3
         @+0 up i3
         > switch web [1] [3]
         @+0 switched web
         > rolled web to 3
         > signal i1 SIGTERM",
    );
}

#[test]
fn a_fixed_port_stops_the_old_one_first_and_goes_back_as_well() {
    check(
        "@+0 define web reload=rolling port=80 ready=log:up
         > bear i1 in web-0
         @+0 up i1
         > listen to i1
         @+0 said i1 ready
         @+0 define web reload=rolling port=80 ready=log:up cmd=new
         > signal i1 SIGTERM
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i2 in web-0
         @+0 up i2
         > listen to i2
         @+0 end i2 1
         > look for i2
         @+0 swept i2 0
         > forget i2
         > rolled back web from 2
         > bear i3 in web-0
         @+0 up i3
         > listen to i3
         @+0 said i3 ready
         = web-0 ready
         ~ never",
    );
}

#[test]
fn restart_of_several_goes_on_with_what_can_be_started() {
    check(
        "@+0 define web instances=2 threshold=1
         > bear i1 in web-0
         > bear i2 in web-1
         @+0 up i1
         @+0 up i2
         @+0 define web instances=2 threshold=1 cmd=new
         > signal i1 SIGTERM
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i3 in web-0
         @+0 end i3 exec:ENOENT
         > forget i3
         > bear i4 in web-0
         > close i3
         > signal i2 SIGTERM
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         > bear i5 in web-1
         @+0 up i5
         > rolled web to 2",
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
fn hup_without_a_readiness_is_done_when_it_is_said() {
    check(
        "@+0 define web reload=hup
         > bear i1 in web-0
         @+0 up i1
         @+0 reload web
         > signal i1 SIGHUP
         > rolled web to 2
         = web-0 running
         ~ never",
    );
}

#[test]
fn old_ones_that_die_meanwhile_come_back_as_they_were() {
    check(
        "@+0 define web reload=bluegreen ready=log:up
         > bear i1 in web-0
         @+0 up i1
         > listen to i1
         @+0 said i1 ready
         @+0 reload web
         > bear i2 in web-0
         @+0 up i2
         > listen to i2
         @+0 end i1 1
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i3 in web-0
         @+0 said i2 ready
         > rolled web to 2
         > signal i3 SIGTERM
         = web-0 ready",
    );
}

#[test]
fn a_stop_ends_old_and_new() {
    check(
        "@+0 define web reload=bluegreen ready=log:up
         > bear i1 in web-0
         @+0 up i1
         > listen to i1
         @+0 said i1 ready
         @+0 reload web
         > bear i2 in web-0
         @+0 stop web
         > signal i2 SIGTERM
         > signal i1 SIGTERM
         > rolled web to 2
         = web-0 stopping
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         = web-0 stopping
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         = web-0 stopped
         ~ never",
    );
}

#[test]
fn a_shortage_only_delays() {
    check(
        "@+0 define web reload=rolling
         > bear i1 in web-0
         @+0 up i1
         @+0 reload web
         > bear i2 in web-0
         @+0 end i2 fork:EAGAIN
         > forget i2
         > close i2
         ~ 1s
         @+1s time
         > bear i3 in web-0
         @+0 end i3 port:busy
         > forget i3
         > rolled back web from 2
         > close i3
         = web-0 running",
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
