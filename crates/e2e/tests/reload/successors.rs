//! The steward dies in the middle of a reload; the command ends right all the same.

use crate::{SOON, beside, lives, mode, stage, web};
use e2e::{House, wait_until};

/// Waits until a new life stands beside an old one.
fn until_begun(house: &House) {
    wait_until(SOON, "a new life is on its way", || {
        let slots = house.detail("web").slots;
        slots.iter().any(|slot| slot.next.as_ref().is_some_and(|next| next.pid.is_some())).then_some(())
    });
}

#[test]
fn a_reload_goes_on_under_the_next_steward() {
    for strategy in ["rolling", "bluegreen"] {
        let house = stage();
        house.up(&web(&house, "1", &format!("reload = \"{strategy}\"")));
        let before = lives(&house, 2);
        mode(&house, "waits");
        let reload = beside(&house, &["reload", "web"]);
        until_begun(&house);
        assert!(house.roles(SOON)[0].kill());
        house.roles(SOON);
        until_begun(&house);
        assert!(before.iter().all(|life| life.alive()), "{strategy}: nobody goes before the new one is ready");
        house.write("go", "");
        let done = reload.join().expect("no panic").ok();
        assert!(done.err.contains("ok web-1 ready"), "{strategy}: {}", done.err);
        assert!(lives(&house, 2).iter().all(|life| !before.contains(life)), "{strategy}");
        wait_until(SOON, "the old ones are gone", || before.iter().all(|life| !life.alive()).then_some(()));
        let births = house.events(Some("web")).into_iter().filter(|line| line.event == "running").count();
        assert_eq!(births, 4, "{strategy}: each slot has got one new life");
    }
}

#[test]
fn a_reload_fails_under_the_next_steward() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"rolling\"").replace("20s", "6s"));
    let before = lives(&house, 2);
    mode(&house, "never");
    let reload = beside(&house, &["reload", "web"]);
    until_begun(&house);
    assert!(house.roles(SOON)[0].kill());
    let done = reload.join().expect("no panic").code(1);
    assert!(done.err.contains("not ready within start_timeout; rolled back"), "{}", done.err);
    assert!(done.err.contains("| version 1 never"), "{}", done.err);
    assert_eq!(lives(&house, 2), before);
}

#[test]
fn a_later_wish_ends_a_reload() {
    let house = stage();
    house.up(&web(&house, "1", "reload = \"rolling\""));
    let before = lives(&house, 2);
    mode(&house, "waits");
    let first = beside(&house, &["reload", "web"]);
    until_begun(&house);
    house.abide(["scale", "web", "3"]).code(1).says(&["`web` is being reloaded"]);
    let shown = house.abide(["status", "web"]).ok();
    assert!(shown.out.contains("under way, by rolling") && shown.out.contains("next life:"), "{}", shown.out);
    // Another reload: the newest wish counts, and the first command is told.
    let second = beside(&house, &["reload", "web"]);
    first.join().expect("no panic").code(1).says(&["superseded by a later reload"]);
    until_begun(&house);
    assert!(before.iter().all(|life| life.alive()));
    house.abide(["stop", "web"]).ok();
    second.join().expect("no panic").code(1).says(&["superseded by operation"]);
    let left = || house.detail("web").slots.iter().all(|slot| slot.next.is_none() && slot.row.pid.is_none());
    wait_until(SOON, "nothing of it is left", || left().then_some(()));
    assert!(before.iter().all(|life| !life.alive()));
}
