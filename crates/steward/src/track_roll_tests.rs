//! Screenplays of reloads.

use super::*;
use model::{Definition, Reload};

fn goal(generation: u64) -> Goal {
    Goal::Roll { generation: Generation(generation), floor: InstanceId(10), ready: true }
}

fn rolling(scene: &Scene, back: bool) -> Rolling {
    let (spec, session_env) = (scene.spec.clone(), Default::default());
    let before = Arc::new(Definition { spec, session_env, umask: 0o22, source: None, project: None });
    Rolling { how: Reload::Rolling, before, generation: Generation(1), back, given_up: false }
}

/// An app of generation 1, life i5 ready, whose reload to generation 2 begins.
fn begun() -> (Tracker, Scene, watch::Receiver<Arc<Operation>>) {
    let (mut tracker, mut scene) = (Tracker::default(), Scene::new());
    (scene.status, scene.instance, scene.ready) = (Some(Status::Ready), Some(5), Some(5));
    (scene.generation, scene.rolling) = (Some(Generation(2)), Some(rolling(&scene, false)));
    let heard = begin(&mut tracker, 1, &scene, OperationKind::Reload, goal(2));
    (tracker, scene, heard)
}

fn failed(slot: Option<SlotRef>) -> FailedRoll {
    let instance = slot.is_some().then_some(InstanceId(12));
    FailedRoll { generation: Generation(2), instance, slot, why: "i12 was not ready in time".to_owned() }
}

#[test]
fn a_reload_says_how_far_each_slot_is_and_is_done_when_all_of_it_is() {
    let (mut tracker, mut scene, heard) = begun();
    let mut told = vec![detail(&heard)];
    let mut step = |scene: &Scene| {
        tracker.update(scene, Tick(1));
        told.push(detail(&heard));
    };
    scene.next = Some((12, Status::Starting, None));
    step(&scene);
    scene.next = Some((12, Status::Starting, Some("status 503")));
    step(&scene);
    scene.next = Some((12, Status::Ready, None));
    step(&scene);
    (scene.next, scene.instance, scene.ready, scene.lives_by) = (None, Some(12), Some(12), 2);
    scene.leaving = vec![InstanceId(5)];
    step(&scene);
    scene.leaving.clear();
    step(&scene);
    assert_eq!(
        told,
        [
            "its turn is to come (ready)",
            "new life i12 is starting",
            "new life i12 is starting (last answer: status 503)",
            "new life i12 is ready",
            "draining i5",
            "replaced by i12",
        ]
    );
    assert_eq!(state(&heard), Running, "another slot may still fail");
    // The old life may take its time to go.
    (scene.rolling, scene.leaving) = (None, vec![InstanceId(5)]);
    tracker.update(&scene, Tick(2));
    assert_eq!((state(&heard), detail(&heard).as_str()), (Done, "ready"));
}

#[test]
fn a_reload_that_failed_says_why_and_shows_the_words_of_the_life_that_failed() {
    let (mut tracker, mut scene, heard) = begun();
    (scene.generation, scene.rolling, scene.draining) = (Some(Generation(1)), None, true);
    scene.failed = Some(failed(Some(scene.slot())));
    tracker.update(&scene, Tick(5));
    assert_eq!((state(&heard), tracker.deadline()), (Running, Some(Tick(5) + TAIL_WAIT)), "its words are on their way");
    scene.draining = false;
    tracker.update(&scene, Tick(6));
    assert_eq!((state(&heard), detail(&heard).as_str()), (Failed, "i12 was not ready in time; rolled back"));
    assert_eq!(heard.borrow().slots[0].log_tail, ["words of i12"]);
    // A client that asks a new steward hears the same.
    let mut next = Tracker::default();
    let again = begin(&mut next, 1, &scene, OperationKind::Reload, goal(2));
    assert_eq!(*again.borrow(), *heard.borrow());
}

#[test]
fn the_other_slots_of_a_failed_reload_have_no_words() {
    for (slot, want) in [
        (Some(SlotRef::new(&AppName::new("web").expect("name"), 7)), "rolled back"),
        (None, "i12 was not ready in time; rolled back"),
    ] {
        let (mut tracker, mut scene, heard) = begun();
        (scene.generation, scene.rolling, scene.failed) = (Some(Generation(1)), None, Some(failed(slot)));
        tracker.update(&scene, Tick(1));
        assert_eq!((state(&heard), detail(&heard).as_str()), (Failed, want));
        assert!(heard.borrow().slots[0].log_tail.is_empty());
    }
}

#[test]
fn the_way_back_is_waited_for() {
    let (mut tracker, mut scene, heard) = begun();
    scene.failed = Some(failed(Some(scene.slot())));
    (scene.generation, scene.rolling, scene.lives_by) = (Some(Generation(3)), Some(rolling(&scene, true)), 2);
    tracker.update(&scene, Tick(1));
    assert_eq!((state(&heard), detail(&heard).as_str()), (Running, "rolling back: its turn is to come (ready)"));
    scene.rolling = None;
    tracker.update(&scene, Tick(2));
    assert_eq!((state(&heard), detail(&heard).as_str()), (Failed, "i12 was not ready in time; rolled back"));
}

#[test]
fn a_way_back_that_failed_is_not_called_a_way_back() {
    let (mut tracker, mut scene, heard) = begun();
    scene.failed = Some(failed(Some(SlotRef::new(&AppName::new("web").expect("name"), 7))));
    let rolling = Rolling { given_up: true, ..rolling(&scene, true) };
    (scene.generation, scene.rolling) = (Some(Generation(1)), Some(rolling));
    (scene.instance, scene.lives_by) = (Some(12), 2);
    tracker.update(&scene, Tick(1));
    let want = "the new life i12 stays: the way back has failed too";
    assert_eq!((state(&heard), detail(&heard).as_str()), (Failed, want));
    let (mut tracker, _, heard) = begun();
    (scene.instance, scene.lives_by) = (Some(5), 1);
    tracker.update(&scene, Tick(1));
    assert_eq!((state(&heard), detail(&heard).as_str()), (Failed, "rolled back"), "this one was never replaced");
}

#[test]
fn who_waits_for_an_app_to_be_ready_waits_for_its_reload() {
    let (mut tracker, mut scene, _) = begun();
    let heard = watch(&mut tracker, &scene, Until::Ready);
    assert_eq!((state(&heard), detail(&heard).as_str()), (Running, "its turn is to come (ready)"));
    scene.rolling = None;
    tracker.update(&scene, Tick(1));
    assert_eq!((state(&heard), detail(&heard).as_str()), (Done, "ready"));
}

#[test]
fn a_later_reload_ends_one_that_is_pending() {
    let (mut tracker, mut scene, heard) = begun();
    let same = begin(&mut tracker, 2, &scene, OperationKind::Apply, ready(5, true));
    assert_eq!((state(&heard), state(&same)), (Running, Done), "to run is no contradiction");
    scene.generation = Some(Generation(3));
    let later = begin(&mut tracker, 3, &scene, OperationKind::Reload, goal(3));
    assert_eq!((state(&heard), detail(&heard).as_str()), (Failed, "superseded by operation 3"));
    assert_eq!(state(&later), Running);
    // One that nobody asked for has no number.
    scene.generation = Some(Generation(4));
    tracker.update(&scene, Tick(1));
    assert_eq!((state(&later), detail(&later).as_str()), (Failed, "superseded by a later reload"));
    let stopped = begin(&mut tracker, 4, &scene, OperationKind::Reload, goal(4));
    begin(&mut tracker, 5, &scene, OperationKind::Stop, Goal::Stop);
    assert_eq!((state(&stopped), detail(&stopped).as_str()), (Failed, "superseded by operation 5"));
    scene.generation = None;
    let gone = begin(&mut tracker, 6, &scene, OperationKind::Reload, goal(4));
    assert_eq!((state(&gone), detail(&gone).as_str()), (Failed, "the app is no more"));
}

#[test]
fn what_has_no_way_back_is_judged_by_what_there_is_afterwards() {
    for (status, ready, want, said) in [
        (Some(Status::Ready), 12, Done, "ready"),
        (Some(Status::Unhealthy), 12, Failed, "unhealthy: status 500"),
        (Some(Status::Errored), 5, Failed, "errored: status 500"),
        (Some(Status::Backoff), 5, Failed, "exit code 1; it is tried again"),
        (Some(Status::Starting), 5, Running, "starting: status 500"),
        (None, 5, Done, "gone"),
    ] {
        let (mut tracker, mut scene, heard) = begun();
        (scene.rolling, scene.lives_by, scene.instance) = (None, 2, Some(12));
        (scene.status, scene.ready) = (status, Some(ready));
        scene.exit = Some(End::Exited(Verdict::Code(1)));
        scene.why = status.filter(|status| *status != Status::Ready).map(|_| "status 500");
        tracker.update(&scene, Tick(1));
        assert_eq!((state(&heard), detail(&heard).as_str()), (want, said), "{status:?}");
    }
}

#[test]
fn a_life_that_got_its_signal_in_vain_stays_and_the_others_are_what_they_are() {
    let other = SlotRef::new(&AppName::new("web").expect("name"), 7);
    for (of, status, want, said) in [
        (None, Status::Unhealthy, Failed, "not ready again"),
        (Some(other.clone()), Status::Ready, Done, "ready"),
        (Some(other), Status::Unhealthy, Failed, "unhealthy"),
    ] {
        let (mut tracker, mut scene, heard) = begun();
        let slot = of.unwrap_or_else(|| scene.slot());
        (scene.rolling, scene.status, scene.ready) = (None, Some(status), Some(12));
        let why = format!("{slot}: not ready again");
        scene.failed = Some(FailedRoll { why, ..failed(Some(slot)) });
        tracker.update(&scene, Tick(1));
        assert_eq!((state(&heard), detail(&heard).as_str()), (want, said), "{status:?}");
    }
}
