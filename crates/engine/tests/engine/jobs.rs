//! Runs by the clock, restarts by clock and edit.

use crate::stage::{Play, check};

#[test]
fn a_job_rests_until_it_is_due() {
    check(
        "@+0 define job job=skip
         = job-0 waiting (its schedule)
         @+1m due job
         > bear i1 in job-0
         @+0 up i1
         = job-0 running
         @+1m due job
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         = job-0 waiting (its schedule)
         @+0 start job
         > bear i2 in job-0
         @+0 up i2
         @+0 stop job
         > signal i2 SIGTERM
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         = job-0 stopped
         @+1m due job
         = job-0 stopped",
    );
}

#[test]
fn overlaps() {
    check(
        "@+0 define job job=queue at_start=yes
         > bear i1 in job-0
         @+0 up i1
         @+1m due job
         @+1m due job
         @+0 end i1 1
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i2 in job-0
         @+0 up i2
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         = job-0 waiting",
    );
    check(
        "@+0 define job job=replace
         @+1m due job late
         > bear i1 in job-0
         @+0 up i1
         @+1m due job
         > signal i1 SIGTERM
         @+0 end i1 SIGTERM
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i2 in job-0",
    );
}

#[test]
fn a_run_that_fails_is_restarted_and_one_that_takes_too_long_has_failed() {
    check(
        "@+0 define job job=skip timeout=10s threshold=1
         @+1m due job
         > bear i1 in job-0
         @+0 up i1
         ~ 10s
         @+10s time
         > signal i1 SIGTERM
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i2 in job-0
         @+0 up i2
         @+0 end i2 1
         > look for i2
         @+0 swept i2 0
         > forget i2
         > errored job-0
         = job-0 errored
         # The next time is a new chance.
         @+1m due job
         > bear i3 in job-0",
    );
}

#[test]
fn the_last_ten_runs_are_remembered() {
    let mut play = Play::cold();
    play.act("define job job=skip");
    for run in 1..=12 {
        play.act("due job");
        play.act(&format!("up i{run}"));
        play.pass("1s");
        play.act(&format!("end i{run} 0"));
        play.act(&format!("swept i{run} 0"));
    }
    let views = play.engine.slots();
    let runs = views[0].runs;
    assert_eq!((runs.len(), runs[0].instance.0, runs[9].instance.0, runs[9].took.as_secs()), (10, 3, 12, 1));
}

#[test]
fn a_new_steward_does_not_run_it_again_at_start() {
    check(
        "@+0 define job job=skip at_start=yes
         > bear i1 in job-0
         @+0 up i1
         @+0 amnesia
         @+0 dump i1=up
         = job-0 running
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         = job-0 waiting",
    );
}

#[test]
fn restarts_by_clock_and_edit() {
    check(
        "@+0 define db watch=cascade
         > bear i1 in db-0
         @+0 up i1
         @+0 define web needs=db
         > bear i2 in web-0
         @+0 up i2
         @+0 define front needs=web
         > bear i3 in front-0
         @+0 up i3
         @+0 cron web
         > signal i2 SIGTERM
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         > bear i4 in web-0
         @+0 up i4
         @+0 changed db
         > signal i1 SIGTERM
         > signal i4 SIGTERM
         > signal i3 SIGTERM
         # Not watched: a late word.
         @+0 changed web",
    );
    check(
        "@+0 define web watch=yes restart=never
         > bear i1 in web-0
         @+0 up i1
         @+0 end i1 1
         > look for i1
         @+0 swept i1 0
         > forget i1
         > errored web-0
         @+0 changed web
         > bear i2 in web-0",
    );
}
