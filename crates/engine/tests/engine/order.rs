//! Who waits for whom, and who shares whose fate.

use crate::stage::check;

#[test]
fn births_wait_for_what_they_depend_on() {
    check(
        "@+0 define web needs=db:ready,log:started
         = web-0 waiting (db is not defined)
         @+0 define db ready=log:up
         > bear i1 in db-0
         = web-0 waiting (log is not defined)
         @+0 define log
         > bear i2 in log-0
         = web-0 waiting (db is starting)
         @+0 up i2
         @+0 up i1
         > listen to i1
         = web-0 waiting (db is not ready)
         @+0 said i1 ready
         > bear i3 in web-0
         @+0 up i3
         # What depends is left alone when a dependency goes; its next birth waits again.
         @+0 end i1 1
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i4 in db-0
         = web-0 running
         @+0 end i3 1
         > look for i3
         @+0 swept i3 0
         > forget i3
         = web-0 waiting (db is starting)
         @+0 up i4
         > listen to i4
         @+0 said i4 ready
         > bear i5 in web-0",
    );
}

#[test]
fn a_dependency_that_fails_holds_others_until_it_comes() {
    check(
        "@+0 define db threshold=1 ready=log:up
         > bear i1 in db-0
         @+0 define web needs=db:ready
         @+0 define soft needs=db:ready?
         = soft-0 waiting (db is starting)
         @+0 end i1 exec:ENOENT
         > forget i1
         > bear i2 in db-0
         > close i1
         @+0 end i2 exec:ENOENT
         > forget i2
         > errored db-0
         > close i2
         > bear i3 in soft-0
         = web-0 waiting (db has failed (errored))
         @+0 start db
         > bear i4 in db-0
         @+0 up i4
         > listen to i4
         @+0 said i4 ready
         > bear i5 in web-0",
    );
}

#[test]
fn jobs_that_must_have_completed() {
    check(
        "@+0 define migrate
         > bear i1 in migrate-0
         @+0 define web needs=migrate:completed_ok
         @+0 define after needs=migrate:completed
         @+0 define seen needs=migrate
         = web-0 waiting (migrate is starting)
         @+0 up i1
         > bear i2 in seen-0
         = web-0 waiting (migrate has not completed)
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > forget i1
         > bear i3 in after-0
         > bear i4 in web-0
         # It stays completed for those who come later.
         @+0 define late needs=migrate
         > bear i5 in late-0",
    );
    check(
        "@+0 define migrate restart=never
         > bear i1 in migrate-0
         @+0 define web needs=migrate:completed_ok
         @+0 define after needs=migrate:completed
         @+0 up i1
         @+0 end i1 1
         > look for i1
         @+0 swept i1 0
         > forget i1
         > errored migrate-0
         > bear i2 in after-0
         = web-0 waiting (migrate has failed (errored))",
    );
}

#[test]
fn every_slot_must_be_there() {
    check(
        "@+0 define db instances=2
         > bear i1 in db-0
         > bear i2 in db-1
         @+0 define web needs=db:started
         @+0 up i1
         = web-0 waiting (db is starting)
         @+0 up i2
         > bear i3 in web-0
         @+0 stop db-1
         > signal i2 SIGTERM
         @+0 define none instances=0
         @+0 define x needs=none
         = x-0 waiting (none has no instances)
         @+0 define y needs=none?
         > bear i4 in y-0
         @+0 define z needs=db
         = z-0 waiting (db is stopped)",
    );
}

#[test]
fn ends_go_the_other_way_round() {
    check(
        "@+0 define db
         > bear i1 in db-0
         @+0 up i1
         @+0 define web needs=db
         > bear i2 in web-0
         @+0 up i2
         @+0 stop db web
         > signal i2 SIGTERM
         = db-0 stopping (it ends after web)
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         > signal i1 SIGTERM
         = db-0 stopping",
    );
    // A wish that is taken back, and a dependent that is to stay.
    check(
        "@+0 define db
         > bear i1 in db-0
         @+0 up i1
         @+0 define web needs=db
         > bear i2 in web-0
         @+0 up i2
         @+0 stop db
         > signal i1 SIGTERM
         = web-0 running",
    );
    check(
        "@+0 define db
         > bear i1 in db-0
         @+0 up i1
         @+0 define web needs=db
         > bear i2 in web-0
         @+0 up i2
         @+0 stop db web
         > signal i2 SIGTERM
         @+0 start db
         = db-0 running
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         = db-0 running",
    );
}

#[test]
fn the_house_closes_in_order_also_under_a_new_steward() {
    check(
        "@+0 define db order=5
         > bear i1 in db-0
         @+0 up i1
         @+0 define web needs=db order=1
         > bear i2 in web-0
         @+0 up i2
         @+0 define x order=2
         > bear i3 in x-0
         @+0 up i3
         @+0 shutdown
         > signal i3 SIGTERM
         > signal i2 SIGTERM
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         > signal i1 SIGTERM",
    );
    check(
        "@+0 define db
         > bear i1 in db-0
         @+0 up i1
         @+0 define web needs=db
         > bear i2 in web-0
         @+0 up i2
         @+0 amnesia stopped
         @+0 dump i1=up i2=up
         > signal i2 SIGTERM
         = db-0 stopping
         @+0 end i2 0
         > look for i2
         @+0 swept i2 0
         > forget i2
         > signal i1 SIGTERM",
    );
}

#[test]
fn a_group_follows_its_failing_member() {
    for (strategy, follow) in
        [("one", ["", ""]), ("rest", ["", "> signal i3 SIGTERM"]), ("all", ["> signal i1 SIGTERM", "> signal i3 SIGTERM"])]
    {
        check(&format!(
            "@+0 define a group=g:{strategy}
             > bear i1 in a-0
             @+0 define b group=g:{strategy}
             > bear i2 in b-0
             @+0 define c group=g:{strategy}
             > bear i3 in c-0
             @+0 define d
             > bear i4 in d-0
             @+0 up i1
             @+0 up i2
             @+0 up i3
             @+0 up i4
             @+0 end i2 1
             > look for i2
             @+0 swept i2 0
             > forget i2
             > bear i5 in b-0
             {}
             {}
             = d-0 running",
            follow[0], follow[1]
        ));
    }
}

#[test]
fn the_end_of_one_stops_its_group() {
    check(
        "@+0 define main group=g on_exit=stop-group
         > bear i1 in main-0
         @+0 define side group=g
         > bear i2 in side-0
         @+0 define other
         > bear i3 in other-0
         @+0 up i1
         @+0 up i2
         @+0 up i3
         @+0 end i1 0
         > look for i1
         @+0 swept i1 0
         > no more: side
         > forget i1
         > signal i2 SIGTERM
         = main-0 completed
         = other-0 running",
    );
}

/// A steward that dies after the end is on record is followed by one that never looks at that end again.
#[test]
fn a_group_is_stopped_before_the_end_that_stops_it_is_on_record() {
    let mut play = crate::stage::Play::cold();
    for act in ["define main group=g on_exit=stop-group", "define side group=g", "up i1", "up i2", "end i1 0", "swept i1 0"] {
        play.act(act);
    }
    let place = |is: &dyn Fn(&engine::Effect) -> bool| play.effects.iter().position(is).expect("it is done");
    let stopped = place(&|effect| matches!(effect, engine::Effect::Persist(engine::StoreNote::Stopped { .. })));
    let ended = place(
        &|effect| matches!(effect, engine::Effect::Record(engine::LifeNote::Life(life)) if life.instance.0 == 1 && life.ended.is_some()),
    );
    assert!(stopped < ended, "{:?}", play.effects);
}

#[test]
fn an_end_is_held_back_only_while_somebody_depends() {
    check(
        "@+0 define db
         > bear i1 in db-0
         @+0 up i1
         @+0 define web needs=db stop_timeout=1m
         > bear i2 in web-0
         @+0 up i2
         @+0 stop db web
         > signal i2 SIGTERM
         = db-0 stopping
         # It waits for nobody now; db is told, and web still has its time.
         @+0 define web run=false
         > signal i1 SIGTERM",
    );
}
