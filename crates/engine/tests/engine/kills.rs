//! Screenplays of what the simulator (`crates/sim`) found: a kill, or a slow keeper, at an unlucky moment.

use crate::stage::{Play, check};
use engine::{Engine, Event};
use model::{End, InstanceId, Stage};

#[test]
fn a_life_whose_adoption_was_cut_short_is_no_unborn_one() {
    check(
        "@+0 define web
         > bear i1 in web-0
         @+0 up i1
         # Another keeper; the steward dies between the lines that adopt: the service is there and was never started.
         @+1s amnesia
         @+0 dump i1=defined
         > forget i1
         > inspect i1
         @+0 alive i1
         > adopt i1
         @+0 up i1
         = web-0 running",
    );
}

#[test]
fn an_app_that_is_defined_anew_waits_for_what_is_left_of_the_deleted_one() {
    check(
        "@+0 define web
         > bear i1 in web-0
         @+0 up i1
         @+0 delete web
         > signal i1 SIGTERM
         @+1s amnesia
         @+0 dump i1=up
         @+0 define web
         = web-0 stopping
         @+1s end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i2 in web-0",
    );
}

#[test]
fn a_birth_that_comes_after_the_kill_is_swept_again() {
    check(
        "@+0 define web stop_timeout=100ms
         > bear i1 in web-0
         @+0 stop web
         > signal i1 SIGTERM
         @+100ms time
         > sweep i1 SIGKILL
         @+0 swept i1 0
         # The keeper was slow.
         @+0 up i1
         > sweep i1 SIGKILL
         @+0 end i1 SIGTERM
         = web-0 stopping
         @+0 swept i1 0
         > forget i1
         = web-0 stopped",
    );
}

#[test]
fn a_look_that_began_before_a_birth_shows_nothing() {
    check(
        "@+0 define web stop_timeout=100ms
         > bear i1 in web-0
         @+0 stop web
         > signal i1 SIGTERM
         @+100ms time
         > sweep i1 SIGKILL
         @+0 up i1
         > sweep i1 SIGKILL
         @+0 end i1 SIGTERM
         # The answer of the first sweep; a child of i1 may live.
         @+0 swept i1 0
         = web-0 stopping
         @+0 swept i1 0
         > forget i1
         = web-0 stopped",
    );
}

#[test]
fn what_is_never_born_has_no_streams_to_wait_for() {
    check(
        "@+0 define web stop_timeout=100ms
         > bear i1 in web-0
         @+0 stop web
         > signal i1 SIGTERM
         @+100ms time
         > sweep i1 SIGKILL
         @+0 end i1 exec:ENOENT
         > forget i1
         > close i1",
    );
    // The same, by a steward that died between the record of the end and the rest.
    let mut play = Play::cold();
    let ask = play.define("web", &["run=false"]);
    play.tell(Event::Asked(ask));
    let ask = play.define("web", &[]);
    play.tell(Event::Asked(ask));
    if let Some(life) = play.lives.get_mut(&InstanceId(1)) {
        life.ended = Some(End::NotBorn { stage: Stage::Exec, errno: "ENOENT".to_owned() });
    }
    play.engine = Engine::new(2);
    let recalled = play.recalled(false);
    play.tell(Event::Recalled(Box::new(recalled)));
    assert_eq!(play.tell(Event::Dumped(Vec::new())), ["close i1"]);
}

#[test]
fn what_is_defined_not_to_run_does_not() {
    check(
        "@+0 define web
         > bear i1 in web-0
         @+0 up i1
         @+1s define web run=false
         > signal i1 SIGTERM
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         = web-0 stopped",
    );
}

#[test]
fn a_descriptor_that_is_missing_is_a_shortage() {
    check(
        "@+0 define web threshold=1
         > bear i1 in web-0
         @+0 end i1 fds:EBADF
         > forget i1
         > close i1
         = web-0 waiting",
    );
}

#[test]
fn an_intent_without_a_process_may_have_left_bytes() {
    check(
        "@+0 define web
         > bear i1 in web-0
         @+0 amnesia
         @+0 dump
         > inspect i1
         # Something of it lives: it was born, and nobody was told.
         @+0 foreign i1
         @+0 amnesia
         @+0 dump
         > inspect i1
         @+0 gone i1
         @+200ms time
         > bear i2 in web-0
         @+0 sealed i1 out
         @+0 sealed i1 err
         > close i1",
    );
}
