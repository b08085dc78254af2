//! `auto_up`, `service.keep` and planned starts against a model that says nothing but when the next start is.
//!
//! The clock stops only where something happens, so a start that comes early, late or not at all is seen.

use keeper::core::{Bond, Born, Core, Effect, Ending, Happening, LifeId, Settings};
use sim::dice::Dice;
use std::collections::VecDeque;

const SECOND: u64 = 1_000_000_000;

/// A service as a child would explain it.
#[derive(Debug, Default)]
struct Model {
    /// When it is to start.
    planned: Option<u64>,
    /// When it began, while it runs.
    began: Option<u64>,
    interval: u64,
    always: bool,
    /// It comes up for the signal.
    on_signal: bool,
    /// `service.keep`: deaths without a greeting, and whether this life has greeted.
    keep: Option<u32>,
}

impl Model {
    fn wanted(&self, pending: u64) -> bool {
        self.always || (self.on_signal && pending > 0)
    }

    fn dies(&mut self, now: u64, pending: u64) {
        let began = self.began.take().expect("it runs");
        if let Some(deaths) = &mut self.keep {
            *deaths += 1;
            let pause = [0, 0, 0, 0, 1, 2, 4, 8, 16, 30].get(*deaths as usize - 1).copied().unwrap_or(30);
            self.planned = Some(now + pause * SECOND);
        } else if self.wanted(pending) {
            let long = now - began >= self.interval * SECOND;
            self.planned = Some(if long { now } else { now + self.interval * SECOND });
        }
    }
}

/// A core, the model, and one service that both know.
struct Pair {
    core: Core,
    model: Model,
    now: u64,
    pending: u64,
    life: Option<LifeId>,
    two: bool,
    pid: u32,
    told: Vec<String>,
}

impl Pair {
    fn new(two: bool) -> Pair {
        let mut core = Core::new(Settings::default());
        core.inherit("null", (true, true), "/dev/null", Bond::Constant).expect("there is room");
        let mut pair = Pair {
            core,
            model: Model { interval: 1, ..Model::default() },
            now: 1000 * SECOND,
            pending: 0,
            life: None,
            two,
            pid: 10,
            told: Vec::new(),
        };
        pair.say("service.args\ts\t/bin/x");
        pair
    }

    fn step(&mut self, happening: Happening<'_>) {
        self.step_only(happening);
        let late = self.model.planned.filter(|at| *at <= self.now);
        assert_eq!(late, None, "no start at {}: {:#?}", self.now, self.told);
        assert_eq!(self.core.deadline(), self.model.planned, "another time at {}: {:#?}", self.now, self.told);
    }

    fn step_only(&mut self, happening: Happening<'_>) {
        let mut effects = VecDeque::new();
        self.core.step(happening, self.now, &mut effects);
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Spawn { life } => {
                    self.told.push(format!("@{} starts", self.now));
                    let due = self.model.planned.take();
                    assert_eq!(due, Some(self.now), "a start that is not due: {:#?}", self.told);
                    assert!(self.model.began.replace(self.now).is_none() && self.life.replace(life).is_none());
                    self.pid += 1;
                    let born = Born { pid: self.pid, ident: 7 };
                    self.core.step(Happening::Spawned { life, result: Ok(born) }, self.now, &mut effects);
                    self.core.step(Happening::Executed { life }, self.now, &mut effects);
                }
                Effect::Hangup { .. } => {}
                other => panic!("{other:?}: {:#?}", self.told),
            }
        }
    }

    /// A command by nobody in particular.
    fn say(&mut self, line: &str) {
        self.told.push(format!("@{} {line}", self.now));
        let conn = if self.two { None } else { Some(self.core.config()) };
        match conn {
            Some(conn) => {
                self.step_only(Happening::Received { conn, bytes: format!("{line}\n").as_bytes() });
                self.step(Happening::Ended { conn });
            }
            None => {
                self.core.script(format!("{line}\n").as_bytes());
                self.step(Happening::Woken);
            }
        }
    }

    fn play(&mut self, dice: &mut Dice) {
        match dice.below(12) {
            0 | 1 => {
                let (interval, what) = (dice.between(1, 4), dice.below(5));
                (self.model.always, self.model.on_signal) = (what < 2, (2..4).contains(&what));
                self.model.interval = interval;
                if self.model.began.is_none() && self.model.wanted(self.pending) {
                    self.model.planned = Some(self.now);
                }
                self.say(&format!(
                    "service.auto_up\ts\t{interval}{}",
                    ["\talways", "\talways", "\tHUP", "\tSIGHUP", ""][what as usize]
                ));
            }
            2 => self.start(self.now, ""),
            3 | 4 => {
                let (seconds, unit) = (self.now / SECOND + dice.between(1, 6), if self.two { SECOND } else { 1 });
                self.start(seconds * SECOND, &format!("\t{}", seconds * unit));
            }
            5 => {
                self.model.planned = None;
                self.say("service.start\ts\t-");
            }
            6 | 7 => {
                if let Some(life) = self.life.take() {
                    self.told.push(format!("@{} dies", self.now));
                    self.model.dies(self.now, self.pending);
                    self.step(Happening::Exited { life, ending: Ending::Code(1) });
                }
            }
            8 => {
                self.told.push(format!("@{} HUP", self.now));
                self.pending += 1;
                let idle = self.model.began.is_none() && self.model.planned.is_none();
                if idle && self.model.wanted(self.pending) {
                    self.model.planned = Some(self.now);
                }
                self.step(Happening::Signal { number: 1 });
            }
            9 => {
                let count = dice.between(1, 2);
                self.pending = self.pending.saturating_sub(count);
                self.say(&format!("signal.clear\tHUP\t{count}"));
            }
            10 if self.two && dice.once_in(4) && self.model.keep.is_none() => {
                self.model.keep = Some(0);
                if self.model.began.is_none() && self.model.planned.is_none() {
                    self.model.planned = Some(self.now);
                }
                self.say("service.keep\ts");
            }
            _ => {
                // To what is due, or somewhere before it.
                let ahead = dice.pick(&[1, SECOND - 1, SECOND, 2 * SECOND, 5 * SECOND]);
                self.now = self.model.planned.unwrap_or(u64::MAX).min(self.now + ahead);
                self.step(Happening::Woken);
            }
        }
    }

    fn start(&mut self, when: u64, field: &str) {
        if self.model.began.is_none() {
            self.model.planned = Some(when);
        }
        self.say(&format!("service.start\ts{field}"));
    }
}

#[test]
fn starts_are_when_the_model_says() {
    let count = super::number("KEEPER_FUZZ_STEPS").unwrap_or(1500);
    for seed in 0..count {
        let mut dice = Dice::new(seed);
        let mut pair = Pair::new(dice.once_in(2));
        for _ in 0..60 {
            pair.play(&mut dice);
        }
    }
}
