//! The brain's effects, performed.

use super::run::Steward;
use crate::check::Sabotage;
use crate::home::Home;
use crate::judge;
use crate::kernel::Kernel;
use crate::trace::tell;
use engine::{Bear, Effect, Event, LifeNote, Note, StoreNote, What};
use model::{AppSpec, End, InstanceId, LifeRecord, Restart, Signal};
use wire::{Birth, Request};

/// A thing to be done between which and the next a kill fits.
#[derive(Debug)]
pub(super) enum Act {
    Effect(Box<Effect>),
    MakeFifo(String),
    OpenStreams(Box<LifeRecord>),
    Lines(Vec<Request>),
    Unlink(String),
}

impl Steward {
    pub(super) fn perform(&mut self, act: Act, kernel: &mut Kernel, home: &mut Home) {
        match act {
            Act::Effect(effect) => self.effect(*effect, kernel, home),
            Act::MakeFifo(path) => kernel.make_fifo(&path),
            Act::OpenStreams(life) => self.scribe.open(&life),
            Act::Lines(lines) => lines.iter().for_each(|line| self.say(line)),
            Act::Unlink(path) => kernel.unlink(&path),
        }
    }

    fn effect(&mut self, effect: Effect, kernel: &mut Kernel, home: &mut Home) {
        match effect {
            Effect::Record(note) => record(note, kernel, home),
            Effect::Persist(note) => {
                if let StoreNote::Stopped { apps } = &note {
                    judge::judge_stopped(apps, kernel, home);
                }
                if let StoreNote::Errored { slot, why } = &note
                    && let Some(app) = home.app(&slot.app)
                {
                    let least = |spec: &AppSpec| {
                        let once = spec.restart == Restart::Never || !spec.no_restart_exit_codes.is_empty();
                        let window = spec.backoff.threshold.map_or(1, |most| most + 1);
                        let streak = spec.max_restarts.map_or(window, |most| most + 1);
                        if once { 1 } else { window.min(streak) }
                    };
                    // While it is reloaded, lives by the definition of before are judged by that.
                    let before = app.rolling.as_ref().map_or(u32::MAX, |rolling| least(&rolling.before.spec));
                    let least = before.min(least(&app.definition.spec));
                    kernel.checks.given_up(slot, least, why);
                }
                if let StoreNote::RolledBack { .. } = &note {
                    kernel.checks.reach("a reload that failed");
                }
                if let StoreNote::Rolled { .. } = &note {
                    kernel.checks.reach("a reload that succeeded");
                }
                home.persist(note, kernel.now);
            }
            Effect::Journal(note) => self.journal(&note, kernel, home),
            Effect::Bear(bear) => {
                if let Some(app) = home.app(&bear.life.slot.app) {
                    let definition = app.definition.clone();
                    judge::judge_birth(&bear.life.slot, &definition.spec, kernel, home);
                }
                self.begin_birth(bear, kernel);
            }
            Effect::OpenStreams { life } => self.scribe.open(&life),
            Effect::StreamsBorn { instance } => {
                self.scribe.born(instance);
                if kernel.checks.has(Sabotage::Unasked) {
                    self.acts.push_front(Act::Effect(Box::new(Effect::Signal { instance, signal: Signal::TERM })));
                }
            }
            Effect::StreamsEnded { instance } => {
                self.around.end(instance, kernel);
                self.scribe.ended(instance);
            }
            // By which a life takes its configuration anew: that is no end.
            Effect::Signal { instance, signal: Signal::HUP } => {
                kernel.checks.reach("a life told by a signal");
                kernel.checks.addressed.insert(instance, kernel.now);
                self.say(&Request::new("service.signal").field(instance.to_string()).field(Signal::HUP.number().to_string()));
            }
            Effect::Signal { instance, signal } if self.close_gate(instance, kernel) => {
                tell!(kernel, "steward p{}: {signal} called {instance} off", self.pid);
            }
            Effect::Signal { instance, signal } => {
                if let Some(life) = home.lives.get(&instance) {
                    judge::judge_order(life, &self.engine, kernel, home);
                }
                self.address(instance, kernel, home);
                let say = |signal: Signal| {
                    Request::new("service.signal").field(instance.to_string()).field(signal.number().to_string())
                };
                self.say(&say(signal));
                if !matches!(signal, Signal::KILL | Signal::CONT) {
                    self.say(&say(Signal::CONT));
                }
            }
            Effect::Sweep { instance, signal } => match home.lives.get(&instance) {
                Some(life) if signal.is_none() && self.is_silent(kernel, life) => {
                    self.events.push_back(Event::Swept { instance, left: 0 });
                }
                Some(life) => {
                    if signal.is_some() {
                        self.close_gate(instance, kernel);
                        self.address(instance, kernel, home);
                    }
                    self.searches.sweep(life, signal, kernel.now);
                }
                None => self.events.push_back(Event::Swept { instance, left: 0 }),
            },
            Effect::Adopt { instance, pid, ident } => {
                if let Some(life) = home.lives.get(&instance) {
                    for line in wire::adopt(&instance.to_string(), &tags(life), pid, ident, life.log.kept()) {
                        self.say(&line);
                    }
                    self.say(&Request::new("echo").field(format!("adopt-{instance}")));
                    self.adopting += 1;
                }
            }
            Effect::Forget { instance } => self.say(&Request::new("service.delete").field(instance.to_string())),
            Effect::Inspect { life } => self.searches.inspect(&life, kernel.now),
            Effect::Close { instance } => {
                let name = instance.to_string();
                let handles = wire::handles(&name);
                self.scribe.close(instance);
                let kept = home.lives.get(&instance).map_or([true; 2], |life| life.log.kept());
                let mut acts = vec![Act::Lines(wire::release(&name, kept))];
                if !kernel.checks.has(Sabotage::Litter) {
                    acts.extend(handles.fifos.into_iter().chain([handles.lock_path]).map(Act::Unlink));
                }
                acts.into_iter().rev().for_each(|act| self.acts.push_front(act));
            }
            Effect::Probe { instance, number, check, timeout } => {
                if home.lives.get(&instance).is_none_or(|life| life.stopping.is_some()) {
                    kernel.checks.fail(format!("care: {instance} is asked while it ends"));
                }
                self.probe(instance, number, *check, timeout, kernel);
            }
            // Its apps have none, so this one is as good as broken.
            Effect::StopBy { instance } => {
                self.events.push_back(Event::StopRefused { instance, why: "there are no commands here".to_owned() });
            }
            Effect::Listen { .. } if kernel.checks.has(Sabotage::Deaf) => {}
            Effect::Listen { instance, ready } => self.listen(instance, *ready, kernel),
            Effect::Switch { app, generation, .. } => {
                self.events.push_back(Event::Switched { app, generation, refused: None });
            }
            Effect::Farewell => {
                kernel.checks.reach("a farewell");
                self.say(&Request::new("service.keep").field("scribe").field("-"));
                self.scribe.finish();
                self.terminate_at = Some(kernel.now + 200_000_000);
            }
        }
    }

    fn journal(&mut self, note: &Note, kernel: &mut Kernel, home: &mut Home) {
        judge::take_note(note, kernel, home);
        match (&note.what, &note.slot, note.instance) {
            (What::Exited { end, .. }, _, Some(instance)) => {
                if *end == End::Exited(model::Verdict::Unseen) {
                    kernel.checks.reach("an end unseen");
                }
                kernel.checks.told_end(instance);
            }
            (What::Adopted { .. }, ..) => kernel.checks.reach("an adoption"),
            (What::Foreign, ..) => kernel.checks.reach("a foreign life"),
            (What::Killing { .. }, ..) => kernel.checks.reach("a kill of a tree"),
            (What::Deleted, ..) => kernel.checks.reach("a deletion"),
            (What::Stopped, Some(slot), _) => kernel.check_empty(slot, "stopped"),
            (What::Completed, Some(slot), _) => kernel.check_empty(slot, "completed"),
            (What::Errored { .. }, Some(slot), _) => kernel.check_empty(slot, "errored"),
            (What::Faulted { fault, .. }, _, Some(instance)) => {
                if let Some(life) = home.lives.get(&instance) {
                    judge::judge_fault(life, fault, self.pid, kernel, home);
                }
            }
            (What::Follows { .. }, ..) => kernel.checks.reach("a life that follows"),
            (What::Reloading, ..) => kernel.checks.reach("a reload"),
            (What::Healthy, ..) => kernel.checks.reach("a recovery"),
            _ => {}
        }
    }

    /// I2: nobody is asked to end for our sake. I3: from now on this life is meant.
    fn address(&mut self, instance: InstanceId, kernel: &mut Kernel, home: &Home) {
        kernel.checks.addressed.insert(instance, kernel.now);
        let Some(life) = home.lives.get(&instance) else { return };
        let leads =
            life.pid.is_some_and(|pid| kernel.procs.get(&pid).is_some_and(|proc| proc.lives() && proc.truth == Some(instance)));
        // Whether a fault is a reason is judged where it is told.
        let app = home.app(&life.slot.app);
        let replaced = life.retired.is_some() || life.beside.is_some() && app.is_none_or(|app| app.generation != life.generation);
        if replaced {
            return kernel.checks.reach("a life that was replaced");
        }
        if leads && life.fault.is_none() && !home.may_end(instance, &life.slot) {
            kernel.checks.fail(format!("I2: {instance} in {} is told to end, and nobody asked for it", life.slot));
        }
    }

    pub(super) fn bear(&mut self, bear: &Bear, kernel: &mut Kernel) {
        let name = bear.life.instance.to_string();
        let spec = &bear.definition.spec;
        kernel.give_voice(bear.life.instance, spec.channel().cloned(), spec.watchdog.is_some(), self.keeper_pid);
        let birth = Birth {
            service: name.clone(),
            tags: tags(&bear.life),
            argv: spec.argv.clone(),
            env: vec!["ABIDE_HOME=/h".to_owned(), format!("ABIDE_INSTANCE={name}")],
            cwd: "/".to_owned(),
            umask: bear.definition.umask,
            more: Vec::new(),
            no_new_privs: false,
            kept: bear.life.log.kept(),
            channels: wire::Channels::default(),
        };
        let fifos = wire::handles(&name).fifos.into_iter().zip(bear.life.log.kept());
        let mut lines = wire::birth(&birth).unwrap_or_default();
        lines.push(Request::new("echo").field(format!("bear-{name}")));
        let mut acts: Vec<Act> = fifos.filter(|(_, kept)| *kept).map(|(path, _)| Act::MakeFifo(path)).collect();
        acts.extend([Act::OpenStreams(Box::new(bear.life.clone())), Act::Lines(lines)]);
        if kernel.checks.has(Sabotage::SecondLife) {
            let second = InstanceId(bear.life.instance.0 + 500_000);
            let mut life = bear.life.clone();
            life.instance = second;
            kernel.checks.slots.insert(second, life.slot.clone());
            let service = second.to_string();
            let env = vec![format!("ABIDE_INSTANCE={service}")];
            acts.push(Act::MakeFifo(format!("run/io/{service}.out")));
            acts.push(Act::MakeFifo(format!("run/io/{service}.err")));
            acts.push(Act::Lines(wire::birth(&Birth { service, env, ..birth }).unwrap_or_default()));
        }
        acts.into_iter().rev().for_each(|act| self.acts.push_front(act));
    }
}

fn record(note: LifeNote, kernel: &mut Kernel, home: &mut Home) {
    if let LifeNote::Life(life) = &note {
        kernel.checks.recorded(life);
        if life.ended.is_some() {
            if let Some(pid) = kernel.living(life.instance).first() {
                let what = format!("I5: {} is recorded as ended while p{pid} lives", life.instance);
                kernel.checks.fail(what);
            }
            if kernel.checks.has(Sabotage::TwoEnds) {
                let mut other = life.clone();
                other.ended = Some(End::Exited(model::Verdict::Code(99)));
                kernel.checks.recorded(&other);
            }
        }
    }
    home.record(note);
}

/// What a steward without a journal needs to recognise a life.
fn tags(life: &LifeRecord) -> Vec<String> {
    vec![format!("app={}", life.slot.app), format!("slot={}", life.slot.index)]
}
