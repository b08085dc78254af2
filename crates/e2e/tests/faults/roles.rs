//! Who waits for a role that another has.

use crate::SOON;
use e2e::{App, House, app_file, wait_until};
use rustix::process::Signal;
use std::fs::File;

#[test]
fn who_waits_for_a_role_goes_with_his_keeper() {
    let house = House::new();
    house.up(&app_file(&[App::puppet("web", &house.puppet(), "hang")]));
    let (life, [steward, scribe, keeper]) = (house.process("web-0"), house.roles(SOON));
    // The locks are ours before the keeper can start anybody.
    assert!(keeper.signal(Signal::STOP));
    let ours = [("steward", steward), ("scribe", scribe)].map(|(role, at_work)| {
        assert!(at_work.kill());
        let lock = File::open(house.home().join(format!("run/{role}.lock"))).expect("there");
        lock.lock().expect("free once its holder has gone");
        lock
    });
    assert!(keeper.signal(Signal::CONT));
    let waiting = house.roles(SOON);
    assert_eq!(waiting[2], keeper);
    assert!(keeper.kill());
    wait_until(SOON, "those who waited are gone", || (!waiting[0].alive() && !waiting[1].alive()).then_some(()));
    // Nobody was at work, and yet there is a keeper again.
    house.roles(SOON);
    drop(ours);
    wait_until(SOON, "the house stands", || house.daemon());
    assert_eq!(house.process("web-0"), life);
}
