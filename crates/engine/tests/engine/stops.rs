//! Screenplays of how a life is asked to end: by a command, and of its tree or its main process alone.

use crate::stage::check;

#[test]
fn a_command_asks_once_and_the_deadline_is_as_ever() {
    check(
        "@+0 define web stop_command=bye stop_timeout=2s
         > bear i1 in web-0
         @+0 up i1
         @+1s stop web
         > stop i1 by its command
         = web-0 stopping
         # Asked again, by another wish and by another steward: it has been asked.
         @+0 restart web
         @+1s amnesia stopped
         @+0 dump i1=up
         = web-0 stopping
         @+1s time
         > sweep i1 SIGKILL",
    );
}

#[test]
fn a_command_that_fails_is_followed_by_the_signal_once() {
    check(
        "@+0 define web stop_command=bye stop_timeout=2s
         > bear i1 in web-0
         @+0 up i1
         @+0 unstopped i1 too early
         @+0 stop web
         > stop i1 by its command
         @+500ms unstopped i1 exit code 1
         > signal i1 SIGTERM
         @+1500ms time
         > sweep i1 SIGKILL
         @+0 unstopped i1 too late
         @+0 end i1 SIGKILL
         @+0 swept i1 0
         > forget i1
         = web-0 stopped",
    );
}

#[test]
fn what_has_no_process_yet_is_called_off_by_the_signal() {
    check(
        "@+0 define web stop_command=bye
         > bear i1 in web-0
         @+0 stop web
         > signal i1 SIGTERM",
    );
}

#[test]
fn descendants_are_left_alone_where_that_is_asked_for() {
    check(
        "@+0 define web kill_tree=false stop_timeout=1s
         > bear i1 in web-0
         @+0 up i1
         @+0 restart web
         > signal i1 SIGTERM
         @+500ms end i1 0
         > forget i1
         > bear i2 in web-0
         @+0 up i2
         @+0 stop web
         > signal i2 SIGTERM
         @+1s time
         > signal i2 SIGKILL
         # Nothing is known to have come of it: once more.
         @+5s time
         > signal i2 SIGKILL
         = web-0 stopping
         @+0 end i2 SIGKILL
         > forget i2
         = web-0 stopped",
    );
}

#[test]
fn a_life_whose_descendants_do_not_count_is_gone_with_its_process() {
    check(
        "@+0 define web kill_tree=false
         > bear i1 in web-0
         @+0 up i1
         @+0 amnesia
         @+0 dump
         > inspect i1
         @+0 foreign i1
         > bear i2 in web-0",
    );
}
