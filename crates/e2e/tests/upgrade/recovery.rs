//! New keepers that say yes and break when it counts: the one before is started again, and the apps do not notice.

use crate::SOON;
use crate::stand_ins::{keeper_that, put_copy, put_script};
use crate::whole::{Choir, runs};
use e2e::wait_until;

/// The new scribe or steward is broken: apps and logs go on, and a good one is taken as soon as it stands there.
#[track_caller]
fn waits_for_a_good(program: &str, what_is_said: &str) {
    let choir = Choir::new(3, 50);
    let house = &choir.house;
    let path = house.bins().path(program);
    let real = house.bins().installed(&house.root().join("real")).path(program);
    let before = house.roles(SOON);
    put_script(&path, "#!/bin/sh\nexit 1\n");
    house.abide(["daemon", "upgrade"]).code(1).says(&[what_is_said, "next:", "daemon.log"]);
    put_copy(&path, &real);
    // The keeper's pauses have grown meanwhile.
    let after = house.roles(SOON);
    assert_eq!(after[2], before[2], "the keeper is the same process");
    wait_until(SOON, "commands are answered", || house.daemon());
    house.abide(["daemon", "upgrade"]).ok();
    let last = house.roles(SOON);
    assert!(last[0] != before[0] && last[1] != before[1] && last[2] == before[2]);
    choir.sang_every_line();
}

#[test]
fn a_scribe_that_does_not_come() {
    waits_for_a_good("abide-scribe", "the keeper is new, but no new scribe came");
}

#[test]
fn a_steward_that_does_not_come() {
    waits_for_a_good("abide-steward", "no new steward answers after 10s; every app runs on");
}

const BROKE: &str = "the new keeper broke, and the one before was started again";

/// Upgrades to a keeper that does this instead of taking over; then recovers, and upgrades to a good one.
#[track_caller]
fn recovers_from(when_taking_over: &str, what_is_said: &str) {
    let choir = Choir::new(8, 50);
    let house = &choir.house;
    let path = house.bins().path("abide-keeper");
    let real = house.bins().installed(&house.root().join("real")).path("abide-keeper");
    let before = house.roles(SOON);
    put_script(&path, &keeper_that(&real, ":", when_taking_over));
    house.abide(["daemon", "upgrade"]).code(1).says(&["not upgraded", what_is_said]);

    let previous = house.home().join("run/abide-keeper.previous");
    let after = house.roles(SOON);
    assert!(after.iter().zip(&before).all(|(new, old)| new != old), "all three are new: {before:?} {after:?}");
    assert!(runs(after[2], &previous), "the one before is at work");
    choir.is_whole();
    let status = house.abide(["daemon", "status"]).ok().out;
    assert!(status.contains("trouble: the new keeper of the last upgrade broke, and the one before runs"), "{status}");
    assert!(house.daemon().expect("it runs").recovered);

    // It stands as firmly as any: killed, it is started once more, and not the broken one.
    assert!(after[2].kill());
    wait_until(SOON, "a keeper is at work", || (house.roles(SOON)[2] != after[2]).then_some(()));
    assert!(runs(house.roles(SOON)[2], &previous), "the one before is started as long as no good one has taken over");
    choir.is_whole();

    // Refused or broken, another attempt takes nothing away.
    put_script(&path, "#!/bin/sh\nexit 9\n");
    house.abide(["daemon", "upgrade"]).code(1).says(&["ended with 9"]);
    assert!(previous.exists(), "the keeper runs from it");

    put_copy(&path, &real);
    let last = house.roles(SOON);
    house.abide(["daemon", "upgrade"]).ok();
    let new = house.roles(SOON);
    assert_eq!(new[2], last[2], "the same process");
    assert!(runs(new[2], &path), "a good one has taken over");
    assert!(!previous.exists() && !house.daemon().expect("it runs").recovered);
    choir.sang_every_line();
}

#[test]
fn one_that_ends_when_it_is_to_take_over() {
    recovers_from("exit 1", BROKE);
}

#[test]
fn one_that_crashes_when_it_is_to_take_over() {
    recovers_from("kill -SEGV $$; kill -KILL $$", BROKE);
}

#[test]
fn one_that_is_another_program_when_it_is_to_take_over() {
    recovers_from("exec true", BROKE);
}

/// A keeper that hangs is no dead one: the steward ends it when it has not answered for ten seconds.
#[test]
fn one_that_hangs_when_it_is_to_take_over() {
    recovers_from("exec sleep 1000", "the new keeper did not answer; it was killed");
}
