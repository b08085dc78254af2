//! Every sequence of seven happenings in the life of one slot, and what must hold after each.

use crate::stage::Play;
use engine::{Ask, Effect, Event, Finding, LifeNote, Target};
use model::{AppName, End, InstanceId, Signal, Stage, Stream, Verdict};
use std::collections::{BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

const DEPTH: usize = 7;

/// What may happen next. Also nonsense: answers about lives that are no more, ends said twice.
fn happenings(newest: u64) -> Vec<(Duration, Event)> {
    let app = AppName::new("web").expect("name");
    let target = || Target { app: app.clone(), slots: None };
    let at = model::Tick(2_000_000_000);
    let mut all = vec![
        (Duration::ZERO, Event::Asked(Ask::Stop(vec![target()]))),
        (Duration::ZERO, Event::Asked(Ask::Start(target()))),
        (Duration::ZERO, Event::Asked(Ask::Restart(target()))),
        (Duration::ZERO, Event::Asked(Ask::Delete(vec![app.clone()]))),
        (Duration::ZERO, Event::Asked(Ask::Shutdown)),
        (Duration::from_secs(1), Event::TimePassed),
        (Duration::from_secs(60), Event::TimePassed),
    ];
    for number in [newest, newest.saturating_sub(1)].into_iter().filter(|n| *n > 0) {
        let instance = InstanceId(number);
        let ends = [
            End::Exited(Verdict::Code(0)),
            End::Exited(Verdict::Signal { number: Signal::KILL, core: false }),
            End::NotBorn { stage: Stage::Exec, errno: "ENOENT".into() },
            End::NotBorn { stage: Stage::Fork, errno: "EAGAIN".into() },
        ];
        all.push((Duration::ZERO, Event::Born { instance, pid: 7, ident: 7, at }));
        all.extend(ends.map(|end| (Duration::ZERO, Event::Ended { instance, end, at })));
        all.extend([0, 1].map(|left| (Duration::ZERO, Event::Swept { instance, left })));
        all.extend([Stream::Out, Stream::Err].map(|stream| (Duration::ZERO, Event::Sealed { instance, stream })));
        all.push((Duration::ZERO, Event::AdoptRefused { instance }));
        all.push((Duration::ZERO, Event::Inspected { instance, finding: Finding::Gone }));
    }
    all
}

/// How a state was reached; shared between the branches that go on from it.
#[derive(Clone, Default)]
struct Path(Option<Rc<(Path, Duration, Event)>>);

impl Path {
    fn told(&self) -> Vec<String> {
        let Some(step) = &self.0 else { return Vec::new() };
        let mut told = step.0.told();
        told.push(format!("+{:?} {:?}", step.1, step.2));
        told
    }
}

/// What the outside has seen so far: enough to judge the next effects.
#[derive(Clone, Default, Hash)]
struct Seen {
    recorded: BTreeSet<InstanceId>,
    borne: BTreeSet<InstanceId>,
    ended: BTreeSet<InstanceId>,
    signalled: BTreeSet<InstanceId>,
    farewell: bool,
}

impl Seen {
    fn judge(&mut self, effects: &[Effect], path: &Path) {
        for effect in effects {
            let sure = |holds: bool, rule: &str| assert!(holds, "{rule}\n effect {effect:?}\n after {:#?}", path.told());
            match effect {
                Effect::Record(LifeNote::Life(life)) => {
                    self.recorded.insert(life.instance);
                    if life.ended.is_some() {
                        sure(self.ended.insert(life.instance), "I4: an end is recorded once");
                    }
                }
                Effect::Bear(bear) => {
                    let instance = bear.life.instance;
                    sure(self.recorded.contains(&instance), "the intent is recorded before the birth");
                    sure(self.borne.insert(instance), "a number is used once");
                    let alive = self.borne.difference(&self.ended).count();
                    sure(alive == 1, "I1: at most one life in a slot");
                    sure(!self.farewell, "nothing is born after the farewell");
                }
                Effect::Signal { instance, .. } => {
                    sure(!self.ended.contains(instance), "I3: nothing dead is signalled");
                    sure(self.signalled.insert(*instance), "the stop signal is sent once");
                }
                Effect::Forget { instance } => sure(self.ended.contains(instance), "an end is recorded before it is forgotten"),
                Effect::Close { instance } => sure(self.ended.contains(instance), "only what has ended is let go of"),
                Effect::Farewell => {
                    sure(!self.farewell, "farewell is said once");
                    sure(self.borne.difference(&self.ended).count() == 0, "the house is empty at farewell");
                    self.farewell = true;
                }
                Effect::Persist(_)
                | Effect::Journal(_)
                | Effect::Record(_)
                | Effect::OpenStreams { .. }
                | Effect::StreamsBorn { .. }
                | Effect::StreamsEnded { .. }
                | Effect::Sweep { .. }
                | Effect::StopBy { .. }
                | Effect::Switch { .. }
                | Effect::Adopt { .. }
                | Effect::Probe { .. }
                | Effect::Listen { .. }
                | Effect::Inspect { .. } => {}
            }
        }
    }
}

#[test]
fn every_sequence_of_seven_happenings_keeps_the_invariants() {
    let mut first = Play::cold();
    let mut seen = Seen::default();
    first.script_define();
    seen.judge(&first.effects, &Path::default());
    let mut layer = vec![(first, seen, Path::default())];
    let mut known = HashSet::new();
    let mut steps = 0usize;
    for depth in 1..=DEPTH {
        let mut next = Vec::new();
        for (play, seen, path) in &layer {
            let newest = play.engine.next_instance().0 - 1;
            for (pause, event) in happenings(newest) {
                let (mut play, mut seen) = (play.fork(), seen.clone());
                let path = Path(Some(Rc::new((path.clone(), pause, event.clone()))));
                play.now = play.now + pause;
                play.tell(event);
                seen.judge(&play.effects, &path);
                steps += 1;
                if depth == DEPTH {
                    continue;
                }
                let mut hash = DefaultHasher::new();
                (format!("{:?}", play.engine), play.now, &seen).hash(&mut hash);
                if known.insert(hash.finish()) {
                    next.push((play, seen, path));
                }
            }
        }
        layer = next;
    }
    assert!(steps > 100_000, "the walk is not trivial: {steps} steps");
}

impl Play {
    fn script_define(&mut self) {
        let ask = self.define("web", &["threshold=2", "stop_timeout=1s"]);
        self.tell(Event::Asked(ask));
    }
}
