//! Screenplays: one for each rule of `semantics.md` and `mechanisms.md` that the brain keeps.

use crate::stage::check;

#[test]
fn an_app_comes_up_and_is_stopped() {
    check(
        "@+0 define web instances=2
         > bear i1 in web-0
         > bear i2 in web-1
         = web-0 starting
         ~ never
         @+1ms up i1
         @+1ms up i2
         = web-1 running
         ~ never
         @+5s stop web
         > signal i1 SIGTERM
         > signal i2 SIGTERM
         = web-0 stopping
         ~ 10s
         @+1s end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         = web-0 stopped
         @+0 sealed i1 out
         @+0 sealed i1 err
         > close i1
         @+0 end i2 SIGTERM
         > look for i2
         @+0 swept i2 0
         > forget i2
         = web-1 stopped
         ~ never",
    );
}

#[test]
fn a_crash_is_answered_at_once_then_slower_then_not_any_more() {
    check(
        "@+0 define web threshold=2
         > bear i1 in web-0
         @+1ms up i1
         @+1s end i1 SIGSEGV
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i2 in web-0
         @+1ms up i2
         @+1s end i2 1
         > look for i2
         @+0 swept i2 0
         > forget i2
         = web-0 backoff
         ~ 500ms
         @+499ms time
         @+1ms time
         > bear i3 in web-0
         @+1ms up i3
         @+1s end i3 1
         > look for i3
         @+0 swept i3 0
         > forget i3
         > errored web-0
         = web-0 errored
         ~ never
         @+10m time
         @+0 restart web
         > bear i4 in web-0
         = web-0 starting",
    );
}

#[test]
fn descendants_are_asked_then_killed_before_anything_new_is_born() {
    check(
        "@+0 define web stop_timeout=2s
         > bear i1 in web-0
         @+1ms up i1
         @+1s end i1 1
         > look for i1
         @+0 swept i1 2
         > sweep i1 SIGTERM
         @+0 swept i1 2
         = web-0 stopping
         ~ 10ms
         @+10ms time
         > look for i1
         @+0 swept i1 1
         ~ 20ms
         @+20ms time
         > look for i1
         @+0 swept i1 1
         @+1970ms time
         > sweep i1 SIGKILL
         @+0 swept i1 1
         ~ 100ms
         = web-0 stopping
         @+100ms time
         > sweep i1 SIGKILL
         @+0 swept i1 0
         > forget i1
         > bear i2 in web-0",
    );
}

#[test]
fn who_ignores_the_stop_signal_is_killed_with_its_tree_and_asked_only_once() {
    check(
        "@+0 define web stop_timeout=1s
         > bear i1 in web-0
         @+0 up i1
         @+0 stop web
         > signal i1 SIGTERM
         @+500ms stop web
         @+500ms time
         > sweep i1 SIGKILL
         @+1ms end i1 SIGKILL
         @+1ms swept i1 0
         > forget i1
         = web-0 stopped",
    );
}

#[test]
fn the_sweep_may_be_faster_than_the_keepers_word() {
    check(
        "@+0 define web stop_timeout=1s
         > bear i1 in web-0
         @+0 up i1
         @+0 restart web
         > signal i1 SIGTERM
         @+1s time
         > sweep i1 SIGKILL
         @+1ms swept i1 0
         = web-0 stopping
         @+1ms end i1 SIGKILL
         > forget i1
         > bear i2 in web-0",
    );
}

#[test]
fn a_stop_before_the_birth_is_known_waits_for_nothing() {
    check(
        "@+0 define web
         > bear i1 in web-0
         @+0 stop web
         > signal i1 SIGTERM
         @+1ms up i1
         = web-0 stopping
         @+1ms end i1 SIGTERM
         > look for i1
         @+0 swept i1 0
         > forget i1
         = web-0 stopped",
    );
}

#[test]
fn a_stop_that_becomes_a_start_ends_in_one_new_life() {
    check(
        "@+0 define web
         > bear i1 in web-0
         @+0 up i1
         @+0 stop web
         > signal i1 SIGTERM
         @+0 start web
         @+0 end i1 SIGTERM
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i2 in web-0",
    );
}

#[test]
fn exec_errors_are_failed_lives_and_shortages_are_not() {
    check(
        "@+0 define web threshold=1
         > bear i1 in web-0
         @+0 end i1 fork:EAGAIN
         > forget i1
         > close i1
         = web-0 waiting
         ~ 200ms
         @+200ms time
         > bear i2 in web-0
         @+0 end i2 prepare:ENOSPC
         > forget i2
         > close i2
         ~ 400ms
         @+400ms time
         > bear i3 in web-0
         @+0 end i3 exec:ENOENT
         > forget i3
         > bear i4 in web-0
         > close i3
         @+0 end i4 exec:ENOENT
         > forget i4
         > errored web-0
         > close i4
         = web-0 errored",
    );
}

#[test]
fn a_job_completes_and_stays_so_until_started() {
    check(
        "@+0 define job
         > bear i1 in job-0
         @+0 up i1
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         = job-0 completed
         @+0 define job
         = job-0 completed
         @+0 start job
         > bear i2 in job-0",
    );
}

#[test]
fn a_start_delay_is_waited_out_once() {
    check(
        "@+0 define web start_delay=3s
         = web-0 waiting
         ~ 3s
         @+3s time
         > bear i1 in web-0
         @+0 up i1
         @+0 end i1 1
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i2 in web-0",
    );
}

#[test]
fn a_changed_command_replaces_lives_and_fewer_instances_end_them() {
    check(
        "@+0 define web instances=2
         > bear i1 in web-0
         > bear i2 in web-1
         @+0 up i1
         @+0 up i2
         @+0 define web instances=2
         @+0 define web instances=1
         > signal i2 SIGTERM
         @+0 define web instances=1 cmd=other
         > signal i1 SIGTERM
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         = web-1 absent
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i3 in web-0",
    );
}

#[test]
fn delete_stops_then_forgets() {
    check(
        "@+0 define web
         > bear i1 in web-0
         @+0 up i1
         @+0 delete web
         > signal i1 SIGTERM
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > gone web
         = web-0 absent",
    );
}

#[test]
fn the_house_closes_in_reverse_order_and_bears_no_more() {
    check(
        "@+0 define a
         > bear i1 in a-0
         @+0 define b
         > bear i2 in b-0
         @+0 up i1
         @+0 up i2
         @+0 shutdown
         > signal i2 SIGTERM
         > signal i1 SIGTERM
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         @+0 start a
         @+0 sealed i1 out
         @+0 sealed i1 err
         > close i1
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         ~ 2s
         @+2s time
         > farewell",
    );
}

#[test]
fn what_goes_nowhere_is_not_waited_for() {
    check(
        "@+0 define web nowhere=err
         > bear i1 in web-0
         @+1ms up i1
         @+1s stop web
         > signal i1 SIGTERM
         @+0 end i1 SIGTERM
         > look for i1
         @+0 swept i1 0
         > forget i1
         @+0 sealed i1 out
         > close i1",
    );
    check(
        "@+0 define web nowhere=out,err restart=never
         > bear i1 in web-0
         @+1ms up i1
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > close i1
         = web-0 completed",
    );
}

#[test]
fn other_log_files_reach_a_life_that_runs() {
    check(
        "@+0 define web
         > bear i1 in web-0
         @+1ms up i1
         @+1s define web log=/l/a
         > open i1 /l/a
         = web-0 running
         @+1s define web log=/l/a
         @+1s define web log=/l/b cmd=other
         > signal i1 SIGTERM",
    );
}
