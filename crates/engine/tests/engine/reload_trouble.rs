//! Reloads that fail, or are crossed by something else.

use crate::stage::check;

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

/// Ports 1 to 4 for three slots: there is one for a single new life at a time, however many may be replaced at once.
#[test]
fn no_more_lives_are_born_beside_others_than_there_are_ports() {
    check(
        "@+0 define web instances=3 reload=rolling auto=4 ready=log:up parallel=3
         > bear i1 in web-0
         > bear i2 in web-1
         > bear i3 in web-2
         @+0 leased i1 1
         @+0 up i1
         > listen to i1
         @+0 leased i2 2
         @+0 up i2
         > listen to i2
         @+0 leased i3 3
         @+0 up i3
         > listen to i3
         @+0 said i1 ready
         @+0 said i2 ready
         @+0 said i3 ready
         @+0 reload web
         > bear i4 in web-0
         @+0 leased i4 4
         @+0 up i4
         > listen to i4
         @+0 said i4 ready
         > signal i1 SIGTERM
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i5 in web-1",
    );
}

/// Two slots and four ports, the old lives still at their last requests.
#[test]
fn a_reload_waits_for_the_ports_of_lives_that_leave() {
    check(
        "@+0 define web instances=2 reload=bluegreen auto=4 ready=log:up drain=5s
         > bear i1 in web-0
         > bear i2 in web-1
         @+0 leased i1 1
         @+0 up i1
         > listen to i1
         @+0 leased i2 2
         @+0 up i2
         > listen to i2
         @+0 said i1 ready
         @+0 said i2 ready
         @+0 reload web
         > bear i3 in web-0
         > bear i4 in web-1
         @+0 leased i3 3
         @+0 up i3
         > listen to i3
         @+0 leased i4 4
         @+0 up i4
         > listen to i4
         @+0 said i3 ready
         @+0 said i4 ready
         > rolled web to 2
         @+0 reload web
         @+5s time
         > signal i1 SIGTERM
         > signal i2 SIGTERM
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i5 in web-0
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         > bear i6 in web-1",
    );
}
