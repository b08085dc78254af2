//! Screenplays of clients that wait and wish nothing.

use super::*;

#[test]
fn wait_for_ready() {
    let (mut tracker, mut scene) = (Tracker::default(), Scene::new());
    scene.spec.ready = Some(Readiness::Notify);
    (scene.status, scene.instance, scene.ran) = (Some(Status::Running), Some(5), Some(5));
    let heard = watch(&mut tracker, &scene, Until::Ready);
    assert_eq!((state(&heard), heard.borrow().id, heard.borrow().kind), (Running, 0, OperationKind::Wait));
    (scene.status, scene.instance) = (Some(Status::Backoff), None);
    tracker.update(&scene, Tick(1));
    assert_eq!(state(&heard), Running, "it is tried again");
    let also = watch(&mut tracker, &scene, Until::Ready);
    scene.status = Some(Status::Ready);
    tracker.update(&scene, Tick(2));
    assert_eq!((state(&heard), state(&also)), (Done, Done));
    for (status, wished, want) in [
        (Status::Errored, true, Failed),
        (Status::Completed, true, Failed),
        (Status::Stopped, false, Failed),
        (Status::Stopped, true, Running),
    ] {
        (scene.status, scene.wished) = (Some(status), wished);
        assert_eq!(state(&watch(&mut tracker, &scene, Until::Ready)), want, "{status} {wished}");
    }
    drop((heard, also));
    tracker.update(&scene, Tick(3));
    assert!(tracker.watches.is_empty(), "nobody listens");
}

#[test]
fn wait_for_stopped_and_exit() {
    let (mut tracker, mut scene) = (Tracker::default(), Scene::new());
    (scene.status, scene.instance) = (Some(Status::Running), Some(5));
    let (stopped, exit) = (watch(&mut tracker, &scene, Until::Stopped), watch(&mut tracker, &scene, Until::Exit));
    assert_eq!((state(&stopped), state(&exit)), (Running, Running));
    assert_eq!(exit.borrow().slots[0].instance.as_deref(), Some("i5"));
    // A restart: another life is there at once.
    (scene.instance, scene.exit) = (Some(6), Some(End::Exited(Verdict::Code(3))));
    tracker.update(&scene, Tick(1));
    assert_eq!((state(&stopped), state(&exit), detail(&exit).as_str()), (Running, Done, "exit code 3"));
    assert_eq!(exit.borrow().slots[0].exit.as_ref().and_then(|exit| exit.code), Some(3));
    // Who asks again after a break means the life of before.
    let again = tracker.watch(vec![(scene.slot(), Watch::of(Until::Exit, Some(InstanceId(5))))], &scene, Tick(1));
    assert_eq!(state(&again), Done);
    (scene.status, scene.instance) = (Some(Status::Errored), None);
    tracker.update(&scene, Tick(2));
    assert_eq!(state(&stopped), Done);
}

#[test]
fn wait_for_the_exit_of_a_life_to_come() {
    let (mut tracker, mut scene) = (Tracker::default(), Scene::new());
    let heard = watch(&mut tracker, &scene, Until::Exit);
    assert_eq!(state(&heard), Running, "waiting for its time, say");
    (scene.status, scene.instance) = (Some(Status::Running), Some(7));
    tracker.update(&scene, Tick(1));
    assert_eq!((state(&heard), heard.borrow().slots[0].instance.as_deref()), (Running, Some("i7")));
    (scene.status, scene.instance, scene.exit) = (Some(Status::Waiting), None, Some(End::Exited(Verdict::Code(0))));
    tracker.update(&scene, Tick(2));
    assert_eq!((state(&heard), detail(&heard).as_str()), (Done, "exit code 0"));
    // What rests has ended already; what never ran and is not to run never will.
    (scene.status, scene.wished) = (Some(Status::Stopped), false);
    assert_eq!(state(&watch(&mut tracker, &scene, Until::Exit)), Done);
    scene.exit = None;
    assert_eq!(state(&watch(&mut tracker, &scene, Until::Exit)), Failed);
}
