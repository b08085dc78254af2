//! Reloads that meet others, wishes and ends: what the world of [`crate::rolls`] found, one screenplay for each.

use crate::stage::check;

#[test]
fn a_slot_with_one_that_is_being_ended_gets_no_other() {
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
         @+0 amnesia
         @+0 dump i1=up i2=up
         @+0 end i2 0
         > look for i2
         # The old one has not ended.
         @+0 swept i2 0
         > forget i2
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i3 in web-0",
    );
}

#[test]
fn what_an_earlier_reload_left_goes_back_as_well() {
    check(
        "@+0 define web instances=2
         > bear i1 in web-0
         > bear i2 in web-1
         @+0 up i1
         @+0 up i2
         @+0 define web instances=2 cmd=new
         > signal i1 SIGTERM
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i3 in web-0
         @+0 define web instances=2 reload=bluegreen cmd=newer
         > bear i4 in web-0
         > bear i5 in web-1
         @+0 up i3
         @+0 end i4 exec:ENOENT
         > forget i4
         > rolled back web from 3, bluegreen of slots that have it
         > signal i5 SIGTERM
         > close i4
         > bear i6 in web-1
         @+0 up i6
         > rolled web to 2
         > signal i2 SIGTERM",
    );
}

#[test]
fn one_told_before_that_is_not_well_fails_no_other_reload() {
    check(
        "@+0 define web reload=hup ready=tcp start_timeout=4s
         > bear i1 in web-0
         @+0 up i1
         > probe i1 #1
         @+0 probed i1 1 good
         @+0 reload web
         > signal i1 SIGHUP
         > probe i1 #2
         @+0 define web reload=rolling ready=tcp start_timeout=4s cmd=new
         > bear i2 in web-0
         @+4s time
         = web-0 unhealthy",
    );
}

#[test]
fn a_signal_does_not_reach_what_was_made_otherwise() {
    check(
        "@+0 define web instances=2 reload=hup
         > bear i1 in web-0
         > bear i2 in web-1
         @+0 up i1
         @+0 up i2
         @+0 define web instances=2 reload=hup cmd=new
         > signal i1 SIGTERM
         # By signal, before the restart is over: the other one still has the old command.
         @+0 reload web
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i3 in web-0
         @+0 up i3
         > signal i2 SIGTERM
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         > bear i4 in web-1
         @+0 up i4
         > rolled web to 3
         = web-1 running",
    );
}

#[test]
fn on_the_way_back_nothing_more_is_filled_by_what_failed() {
    check(
        "@+0 define web instances=2 reload=rolling port=80
         > bear i1 in web-0
         > bear i2 in web-1
         @+0 up i1
         @+0 up i2
         @+0 define web instances=2 reload=rolling port=80 cmd=new
         > signal i1 SIGTERM
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i3 in web-0
         @+0 up i3
         > signal i2 SIGTERM
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         > bear i4 in web-1
         @+0 end i4 exec:ENOENT
         > forget i4
         > rolled back web from 2, rolling of slots that have it
         > bear i5 in web-1
         > close i4
         @+0 up i5
         > signal i3 SIGTERM
         @+0 end i3 0
         > look for i3
         @+0 swept i3 0
         > forget i3
         > bear i6 in web-0
         @+0 up i6
         > rolled web to 1
         ~ never",
    );
}

#[test]
fn what_was_held_back_and_is_started_again_is_of_the_new_generation() {
    check(
        "@+0 define db
         > bear i1 in db-0
         @+0 up i1
         @+0 define web needs=db:started stop_timeout=5s
         > bear i2 in web-0
         @+0 up i2
         @+0 define db reload=rolling soak=9s cmd=new
         > bear i3 in db-0
         # The old one ends after the one that depends on it.
         @+0 stop web db
         > signal i2 SIGTERM
         > signal i3 SIGTERM
         > rolled db to 2
         @+0 start db
         > signal i1 SIGTERM",
    );
}

#[test]
fn one_on_trial_whose_process_is_gone_fails_the_reload() {
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
         @+0 amnesia
         @+0 dump i1=up
         > inspect i2
         @+0 foreign i2
         > rolled back web from 2
         > look for i2
         = web-0 ready",
    );
}
