//! Every short sequence of happenings after a reload has begun; after each of them everybody is quiet, and the state must be exact.

use super::random::{STRATEGIES, spec};
use super::world::{Owed, World};
use engine::{Ask, Event, Target, Word};
use model::{AppName, End, InstanceId, Stage, Verdict};
use std::time::Duration;

const DEPTH: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Happening {
    Born,
    NotBorn(Stage),
    Ready,
    NewDies,
    OldDies,
    Ends,
    Switched,
    Pass(u64),
    StewardDies,
    /// The steward dies after so many effects of what comes next.
    DiesAfter(usize),
    Stop,
    Start,
    Fewer,
    Reload,
    Redefine,
}

const ALL: [Happening; 15] = [
    Happening::Born,
    Happening::NotBorn(Stage::Exec),
    Happening::Ready,
    Happening::NewDies,
    Happening::OldDies,
    Happening::Ends,
    Happening::Switched,
    Happening::Pass(6000),
    Happening::StewardDies,
    Happening::DiesAfter(3),
    Happening::Stop,
    Happening::Start,
    Happening::Fewer,
    Happening::Reload,
    Happening::Redefine,
];

#[test]
fn every_short_sequence_ends_with_one_good_generation() {
    let mut ends = 0;
    for words in STRATEGIES {
        for more in ["", "ready=log:up soak=1s drain=1s"] {
            let mut world = World::new(1, format!("{words} {more}"));
            world.begin_reload(&format!("{words} {more}"));
            ends += world.walk(DEPTH);
        }
    }
    assert!(ends > 20_000, "the walk is not trivial: {ends}");
}

fn web() -> AppName {
    AppName::new("web").expect("name")
}

impl World {
    fn begin_reload(&mut self, words: &str) {
        self.define(spec(&web(), "old", 2, words));
        for number in 1..=2 {
            self.begin(InstanceId(number), None);
            self.tell(Event::Said { instance: InstanceId(number), word: Word::Ready });
        }
        self.define(spec(&web(), "new", 2, words));
    }

    fn walk(&self, depth: usize) -> usize {
        let mut quiet = self.clone();
        quiet.calm_down();
        let mut ends = 1;
        if depth > 0 {
            for happening in ALL {
                let mut next = self.clone();
                if next.happen(happening) {
                    ends += next.walk(depth - 1);
                }
            }
        }
        ends
    }

    /// Whether it can happen.
    fn happen(&mut self, happening: Happening) -> bool {
        let unborn =
            self.procs.iter().find(|(_, process)| !process.born && process.ended.is_none()).map(|(instance, _)| *instance);
        let mut alive =
            self.procs.iter().filter(|(_, process)| process.born && process.ended.is_none()).map(|(instance, _)| *instance);
        let (oldest, newest) = (alive.next(), alive.next_back());
        let target = Target { app: web(), slots: None };
        let code = End::Exited(Verdict::Code(1));
        match (happening, unborn, newest, oldest) {
            (Happening::Born, Some(instance), ..) => self.begin(instance, None),
            (Happening::NotBorn(stage), Some(instance), ..) => self.begin(instance, Some((stage, "E"))),
            (Happening::Ready, _, Some(instance), _) => self.tell(Event::Said { instance, word: Word::Ready }),
            (Happening::NewDies, _, Some(instance), _) | (Happening::OldDies, _, _, Some(instance)) => self.end(instance, code),
            (Happening::Ends, ..) => return self.answer_of(|owed| matches!(owed, Owed::End(..))),
            (Happening::Switched, ..) => return self.answer_of(|owed| matches!(owed, Owed::Switched(..))),
            (Happening::Pass(ms), ..) => self.pass(Duration::from_millis(ms)),
            (Happening::StewardDies, ..) => self.arise(),
            (Happening::DiesAfter(effects), ..) => self.dies_after = Some(effects),
            (Happening::Stop, ..) => self.wish(Ask::Stop(vec![target])),
            (Happening::Start, ..) => self.wish(Ask::Start(target)),
            (Happening::Fewer, ..) => {
                let mut spec = self.store.apps[&web()].spec().clone();
                spec.instances = 1;
                self.define(spec);
            }
            (Happening::Reload, ..) => self.reload(&web()),
            (Happening::Redefine, ..) => {
                let mut spec = self.store.apps[&web()].spec().clone();
                spec.argv = vec!["newer".into()];
                self.define(spec);
            }
            _ => return false,
        }
        while self.answer_of(|owed| matches!(owed, Owed::Swept(_) | Owed::Sealed(..))) {}
        true
    }

    fn answer_of(&mut self, which: impl Fn(&Owed) -> bool) -> bool {
        let found = self.owed.iter().position(which);
        if let Some(at) = found {
            self.answer(at);
        }
        found.is_some()
    }
}
