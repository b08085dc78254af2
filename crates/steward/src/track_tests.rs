//! Screenplays of operations.

use super::*;
use crate::store::FailedRoll;
use api::Until;
use engine::NextView;
use model::{AppName, AppSpec, End, Fault, Generation, Readiness, Rolling, Schedule, SlotId, Stage, Verdict, When};
use std::time::Duration;

/// One slot that does as it is told.
struct Scene {
    spec: AppSpec,
    status: Option<Status>,
    instance: Option<u64>,
    ran: Option<u64>,
    ready: Option<u64>,
    exit: Option<End>,
    fault: Option<Fault>,
    answer: Option<&'static str>,
    why: Option<&'static str>,
    hopeless: bool,
    wished: bool,
    draining: bool,
    generation: Option<Generation>,
    rolling: Option<Rolling>,
    failed: Option<FailedRoll>,
    lives_by: u64,
    next: Option<(u64, Status, Option<&'static str>)>,
    leaving: Vec<InstanceId>,
}

impl Scene {
    fn new() -> Scene {
        let spec = AppSpec::new(AppName::new("web").expect("name"), vec!["x".into()], "/".into());
        Scene {
            spec,
            status: Some(Status::Waiting),
            instance: None,
            ran: None,
            ready: None,
            exit: None,
            fault: None,
            answer: None,
            why: None,
            hopeless: false,
            wished: true,
            draining: false,
            generation: Some(Generation(1)),
            rolling: None,
            failed: None,
            lives_by: 1,
            next: None,
            leaving: Vec::new(),
        }
    }

    fn slot(&self) -> SlotRef {
        SlotRef::new(&self.spec.name, 0)
    }
}

impl World for Scene {
    fn slot(&self, slot: &SlotRef) -> Option<SlotView<'_>> {
        Some(SlotView {
            slot: slot.clone(),
            id: SlotId(0),
            spec: &self.spec,
            generation: Generation(self.lives_by),
            status: self.status?,
            why: self.why.map(str::to_owned),
            hopeless: self.hopeless,
            instance: self.instance.map(InstanceId),
            ending: matches!(self.status, Some(Status::Stopping)) && self.instance.is_some(),
            pid: None,
            ident: None,
            since: None,
            restarts: 0,
            exit: self.exit.as_ref(),
            next_at: None,
            ran: self.ran.map(InstanceId),
            was_ready: self.ready.map(InstanceId),
            wished: self.wished,
            health: None,
            said: None,
            bad_answer: self.answer,
            late_answers: 0,
            fault: self.fault.as_ref(),
            runs: &[],
            main: None,
            port: None,
            next: self.next.map(|(instance, status, answer)| NextView {
                instance: InstanceId(instance),
                pid: None,
                status,
                why: None,
                bad_answer: answer,
                port: None,
            }),
            leaving: self.leaving.clone(),
        })
    }

    fn course(&self, _: &AppName) -> Option<Course<'_>> {
        Some(Course { generation: self.generation?, rolling: self.rolling.as_ref(), failed: self.failed.as_ref() })
    }

    fn last_life(&self, _: &SlotRef) -> Option<InstanceId> {
        Some(InstanceId(4))
    }

    fn is_draining(&self, _: InstanceId) -> bool {
        self.draining
    }

    fn log_tail(&self, _: &SlotRef, instance: InstanceId) -> Vec<String> {
        vec![if instance == InstanceId(4) { "last words".to_owned() } else { format!("words of {instance}") }]
    }
}

fn run(floor: u64, patient: bool) -> Goal {
    Goal::Run { floor: InstanceId(floor), patient, ready: false }
}

fn ready(floor: u64, patient: bool) -> Goal {
    Goal::Run { floor: InstanceId(floor), patient, ready: true }
}

fn detail(heard: &watch::Receiver<Arc<Operation>>) -> String {
    heard.borrow().slots[0].detail.clone()
}

fn watch(tracker: &mut Tracker, scene: &Scene, until: Until) -> watch::Receiver<Arc<Operation>> {
    tracker.watch(vec![(scene.slot(), Watch::of(until, scene.instance.map(InstanceId)))], scene, Tick(0))
}

fn begin(tracker: &mut Tracker, id: u64, scene: &Scene, kind: OperationKind, goal: Goal) -> watch::Receiver<Arc<Operation>> {
    let heard = tracker.begin(id, Track { kind, slots: vec![(scene.slot(), goal)], apply: None });
    tracker.update(scene, Tick(0));
    heard
}

fn state(heard: &watch::Receiver<Arc<Operation>>) -> OperationState {
    heard.borrow().state
}

use OperationState::{Done, Failed, Running};

#[test]
fn a_start_is_done_when_a_life_of_its_own_ran() {
    let (mut tracker, mut scene) = (Tracker::default(), Scene::new());
    scene.ran = Some(4);
    let heard = begin(&mut tracker, 1, &scene, OperationKind::Start, run(5, false));
    assert_eq!(state(&heard), Running);
    (scene.status, scene.instance) = (Some(Status::Starting), Some(5));
    tracker.update(&scene, Tick(1));
    assert_eq!((state(&heard), heard.borrow().slots[0].detail.as_str()), (Running, "starting"));
    (scene.status, scene.ran) = (Some(Status::Running), Some(5));
    tracker.update(&scene, Tick(2));
    assert_eq!(state(&heard), Done);
    // What happens afterwards is another story.
    (scene.status, scene.instance) = (Some(Status::Errored), None);
    tracker.update(&scene, Tick(3));
    assert_eq!(state(&heard), Done);
}

#[test]
fn a_birth_that_fails_ends_a_start_but_not_an_apply() {
    let (mut tracker, mut scene) = (Tracker::default(), Scene::new());
    let start = begin(&mut tracker, 1, &scene, OperationKind::Start, run(5, false));
    let apply = begin(&mut tracker, 2, &scene, OperationKind::Apply, run(5, true));
    scene.status = Some(Status::Backoff);
    scene.exit = Some(End::NotBorn { stage: Stage::Exec, errno: "ENOENT".into() });
    tracker.update(&scene, Tick(1));
    assert_eq!((state(&start), state(&apply)), (Failed, Running));
    assert!(start.borrow().slots[0].detail.contains("exec: ENOENT"));
    assert_eq!(start.borrow().slots[0].log_tail, ["last words"]);
    scene.status = Some(Status::Errored);
    tracker.update(&scene, Tick(2));
    assert_eq!(state(&apply), Failed);
}

#[test]
fn the_end_of_the_log_is_waited_for_but_not_for_ever() {
    let (mut tracker, mut scene) = (Tracker::default(), Scene::new());
    let heard = begin(&mut tracker, 1, &scene, OperationKind::Restart, run(5, false));
    (scene.status, scene.draining) = (Some(Status::Errored), true);
    scene.exit = Some(End::Exited(Verdict::Code(1)));
    tracker.update(&scene, Tick(10));
    assert_eq!((state(&heard), tracker.deadline()), (Running, Some(Tick(10) + TAIL_WAIT)));
    tracker.update(&scene, Tick(10) + TAIL_WAIT);
    assert_eq!((state(&heard), tracker.deadline()), (Failed, None));
}

#[test]
fn a_job_that_completed_is_in_order() {
    let (mut tracker, mut scene) = (Tracker::default(), Scene::new());
    scene.status = Some(Status::Completed);
    assert_eq!(state(&begin(&mut tracker, 1, &scene, OperationKind::Apply, run(9, true))), Done);
}

#[test]
fn stop_and_delete() {
    let (mut tracker, mut scene) = (Tracker::default(), Scene::new());
    (scene.status, scene.instance) = (Some(Status::Stopping), Some(5));
    let stop = begin(&mut tracker, 1, &scene, OperationKind::Stop, Goal::Stop);
    let delete = begin(&mut tracker, 2, &scene, OperationKind::Delete, Goal::Gone);
    assert_eq!((state(&stop), state(&delete)), (Running, Running));
    (scene.status, scene.instance) = (Some(Status::Stopped), None);
    tracker.update(&scene, Tick(1));
    assert_eq!((state(&stop), state(&delete)), (Done, Running));
    scene.status = None;
    tracker.update(&scene, Tick(2));
    assert_eq!(state(&delete), Done);
}

#[test]
fn a_wish_to_the_contrary_ends_what_is_pending() {
    let (mut tracker, scene) = (Tracker::default(), Scene::new());
    let start = begin(&mut tracker, 1, &scene, OperationKind::Start, run(5, false));
    let again = begin(&mut tracker, 2, &scene, OperationKind::Restart, run(6, false));
    assert_eq!(state(&start), Running, "both are answered by the same life");
    let stop = begin(&mut tracker, 3, &scene, OperationKind::Stop, Goal::Stop);
    assert_eq!((state(&start), state(&again), state(&stop)), (Failed, Failed, Running));
    assert_eq!(start.borrow().slots[0].detail, "superseded by operation 3");
}

#[test]
fn nothing_to_do_is_done_and_the_old_are_forgotten() {
    let mut tracker = Tracker::default();
    for id in 0..200 {
        let heard = tracker.begin(id, Track { kind: OperationKind::Apply, slots: Vec::new(), apply: None });
        assert_eq!(state(&heard), Done);
    }
    assert!(tracker.get(0).is_none() && tracker.get(199).is_some());
}

#[test]
fn an_upgrade_is_over_when_it_is_told() {
    let mut tracker = Tracker::default();
    let (good, bad) = (tracker.begin_whole(1, OperationKind::Upgrade), tracker.begin_whole(2, OperationKind::Upgrade));
    tracker.update(&Scene::new(), Tick(1));
    assert_eq!((state(&good), state(&bad)), (Running, Running));
    tracker.tell(1, Ok(()));
    tracker.tell(2, Err("it will not".to_owned()));
    tracker.tell(3, Ok(()));
    assert_eq!((state(&good), state(&bad)), (Done, Failed));
    assert_eq!((good.borrow().detail.clone(), bad.borrow().detail.clone()), (None, Some("it will not".to_owned())));
    assert!(tracker.has_listeners());
    drop((good, bad));
    assert!(!tracker.has_listeners());
}

#[test]
fn a_shutdown_is_done_when_the_house_says_so() {
    let (mut tracker, mut scene) = (Tracker::default(), Scene::new());
    let heard = begin(&mut tracker, 1, &scene, OperationKind::Shutdown, Goal::Stop);
    scene.status = Some(Status::Stopped);
    tracker.update(&scene, Tick(1));
    assert_eq!(state(&heard), Running);
    tracker.farewell();
    assert_eq!(state(&heard), Done);
}

#[test]
fn to_run_is_not_to_be_ready() {
    let (mut tracker, mut scene) = (Tracker::default(), Scene::new());
    let heard = begin(&mut tracker, 1, &scene, OperationKind::Start, ready(5, false));
    (scene.status, scene.instance, scene.ran) = (Some(Status::Starting), Some(5), Some(5));
    // The predecessor's readiness does not count.
    scene.ready = Some(4);
    scene.answer = Some("connection refused");
    tracker.update(&scene, Tick(1));
    assert_eq!((state(&heard), detail(&heard).as_str()), (Running, "starting (last answer: connection refused)"));
    (scene.status, scene.ready) = (Some(Status::Ready), Some(5));
    tracker.update(&scene, Tick(2));
    assert_eq!((state(&heard), detail(&heard).as_str()), (Done, "ready"));
}

#[test]
fn not_ready_in_time_says_the_last_answer_of_the_life_that_is_gone() {
    let (mut tracker, mut scene) = (Tracker::default(), Scene::new());
    let start = begin(&mut tracker, 1, &scene, OperationKind::Start, ready(5, false));
    let apply = begin(&mut tracker, 2, &scene, OperationKind::Apply, ready(5, true));
    (scene.status, scene.instance, scene.answer) = (Some(Status::Starting), Some(5), Some("status 503"));
    tracker.update(&scene, Tick(1));
    (scene.status, scene.instance, scene.answer) = (Some(Status::Backoff), None, None);
    scene.fault = Some(Fault::StartTimeout);
    tracker.update(&scene, Tick(2));
    assert_eq!((state(&start), state(&apply)), (Failed, Running));
    assert_eq!(detail(&start), "not ready within start_timeout (last answer: status 503); it is tried again");
    assert_eq!(start.borrow().slots[0].log_tail, ["last words"]);
    (scene.status, scene.why) = (Some(Status::Errored), Some("not ready within start_timeout; crash loop"));
    tracker.update(&scene, Tick(3));
    assert_eq!(state(&apply), Failed);
    assert_eq!(detail(&apply), "errored: not ready within start_timeout; crash loop (last answer: status 503)");
}

#[test]
fn a_slow_dependency_is_waited_for_and_a_hopeless_one_is_not() {
    let (mut tracker, mut scene) = (Tracker::default(), Scene::new());
    scene.why = Some("db is not ready");
    let heard = begin(&mut tracker, 1, &scene, OperationKind::Apply, run(5, true));
    assert_eq!((state(&heard), detail(&heard).as_str()), (Running, "waiting: db is not ready"));
    (scene.hopeless, scene.why) = (true, Some("db is errored"));
    tracker.update(&scene, Tick(1));
    assert_eq!((state(&heard), detail(&heard).as_str()), (Failed, "waiting: db is errored"));
    assert!(heard.borrow().slots[0].log_tail.is_empty(), "its own last life has nothing to do with it");
}

#[test]
fn a_job_that_waits_for_its_time_is_in_order() {
    let (mut tracker, mut scene) = (Tracker::default(), Scene::new());
    scene.spec.schedule = Some(Schedule {
        when: When::Every(Duration::from_secs(60)),
        timezone: None,
        overlap: model::Overlap::Skip,
        timeout: None,
        catch_up: false,
        jitter: Duration::ZERO,
        run_at_start: false,
    });
    let heard = begin(&mut tracker, 1, &scene, OperationKind::Apply, run(5, true));
    assert_eq!(state(&heard), Done);
    scene.hopeless = true;
    assert_eq!(state(&begin(&mut tracker, 2, &scene, OperationKind::Apply, run(5, true))), Failed);
}

#[test]
fn stopped_by_its_group_is_not_waited_for_any_longer() {
    let (mut tracker, mut scene) = (Tracker::default(), Scene::new());
    let heard = begin(&mut tracker, 1, &scene, OperationKind::Apply, run(5, true));
    (scene.status, scene.wished) = (Some(Status::Stopped), false);
    tracker.update(&scene, Tick(1));
    assert_eq!((state(&heard), detail(&heard).as_str()), (Failed, "stopped"));
}

#[test]
fn goals_that_an_older_steward_wrote_are_still_read() {
    let old: Goal = serde_json::from_str(r#"{"run":{"floor":5,"patient":true}}"#).expect("read");
    assert_eq!(old, run(5, true));
}

#[path = "track_roll_tests.rs"]
mod rolls;
#[path = "track_wait_tests.rs"]
mod waits;

#[test]
fn who_binds_what_is_bound_for_it_is_told() {
    let mut spec = AppSpec::new(AppName::new("web").expect("name"), vec!["x".into()], "/".into());
    let said = |spec: &AppSpec, line: &str| binds_itself(spec, &["up".to_owned(), line.to_owned()]).is_some();
    assert!(!said(&spec, "EADDRINUSE 127.0.0.1:80"), "it has no sockets");
    let address = model::ListenAddress::Tcp("127.0.0.1:80".parse().expect("address"));
    spec.listen = vec![model::Listen { address, name: "80".into(), backlog: 9, reuse_port: false, mode: None }];
    for (line, want) in [
        ("Error: listen EADDRINUSE: address already in use 127.0.0.1:80", true),
        ("Error: listen EADDRINUSE: address already in use :::80", true),
        ("OSError: [Errno 98] Address already in use", true),
        ("Error: listen EADDRINUSE: address already in use 127.0.0.1:9229", false),
        ("bye", false),
    ] {
        assert_eq!(said(&spec, line), want, "{line}");
    }
}
