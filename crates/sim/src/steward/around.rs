//! What goes on around the brain: questions to lives and their answers, channels that are listened to, limits that are sampled, files that are
//! watched. All of it is in memory only and ends with its steward.

use super::book::Book;
use super::gate::Gate;
use super::run::Steward;
use crate::home::Home;
use crate::kernel::Kernel;
use engine::{Event, Outcome, Word};
use model::{AppName, Check, InstanceId, Readiness};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const MS: u64 = 1_000_000;
/// From one reading of what lives use to the next.
const SAMPLE: u64 = 1000 * MS;

/// A question under way.
#[derive(Debug)]
struct Question {
    instance: InstanceId,
    number: u64,
    check: Check,
    answered: u64,
    late: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Around {
    questions: Vec<Question>,
    /// Channels that are listened to, and when they are read next.
    ears: BTreeMap<InstanceId, (Readiness, u64)>,
    sample_at: u64,
    /// Limits that were told.
    exceeded: BTreeSet<InstanceId>,
    pub(super) gates: BTreeMap<InstanceId, Gate>,
    pub(super) book: Book,
    /// Changes before this steward looked are not seen.
    pub(super) looks_since: u64,
    /// Changes of files that have not been left alone for long enough.
    pub(super) settling: BTreeMap<AppName, u64>,
}

impl Around {
    /// When something of it is due.
    pub(super) fn deadline(&self) -> Option<u64> {
        let answers = self.questions.iter().map(|question| question.answered);
        let gates = self.gates.values().map(|gate| gate.until);
        let clock = self.book.next();
        answers.chain(gates).chain(clock).chain(self.settling.values().copied()).min()
    }

    /// When it looks by itself at lives that the kernel knows to have something to say.
    pub(super) fn next_look(&self, kernel: &Kernel) -> Option<u64> {
        let ears = self.ears.iter().filter(|(instance, (ready, _))| {
            let voice = kernel.voices.get(instance);
            voice.is_some_and(|voice| !voice.queue.is_empty() || (matches!(ready, Readiness::Log { .. }) && voice.printed))
        });
        let fat = |instance: &InstanceId| kernel.voices[instance].fat && !self.exceeded.contains(instance);
        let sample = kernel.voices.keys().any(|instance| fat(instance) && kernel.leads(*instance)).then_some(self.sample_at);
        ears.map(|(_, (_, at))| *at).chain(sample).min()
    }

    /// A life has ended: nothing is asked of it any more. An answer that is on its way already comes all the same.
    pub(super) fn end(&mut self, instance: InstanceId, kernel: &mut Kernel) {
        self.ears.remove(&instance);
        self.questions.retain(|question| question.instance != instance || question.late);
        self.exceeded.remove(&instance);
        if self.questions.iter().any(|question| question.instance == instance) {
            kernel.checks.reach("a question to a life that is over");
        }
    }
}

impl Steward {
    pub(super) fn probe(&mut self, instance: InstanceId, number: u64, check: Check, timeout: Duration, kernel: &mut Kernel) {
        if self.around.questions.iter().any(|question| question.instance == instance && !question.late) {
            kernel.checks.fail(format!("care: two questions to {instance} at a time"));
        }
        kernel.checks.reach("a question");
        let timeout = timeout.as_millis() as u64;
        let late = !kernel.weather.kind && kernel.luck.once_in(12);
        let pause = if late { timeout + kernel.luck.between(0, 20) } else { kernel.luck.between(1, 40).min(timeout) };
        let answered = kernel.now + pause * MS;
        self.around.questions.push(Question { instance, number, check, answered, late });
    }

    pub(super) fn listen(&mut self, instance: InstanceId, ready: Readiness, kernel: &mut Kernel) {
        kernel.bind_voice(instance, self.keeper_pid);
        self.around.ears.entry(instance).or_insert((ready, kernel.now));
    }

    /// Does one thing of what is due around the brain. Whether there was one.
    pub(super) fn look_around(&mut self, kernel: &mut Kernel, home: &mut Home) -> bool {
        // What was said first: what the clock says is judged by it.
        self.hear_lives(kernel)
            || self.take_answer(kernel)
            || self.sample(kernel, home)
            || self.watch_files(kernel, home)
            || self.open_gate(kernel)
            || self.look_at_book(kernel, home)
    }

    pub(super) fn hear_lives(&mut self, kernel: &mut Kernel) -> bool {
        let now = kernel.now;
        let due: Vec<InstanceId> =
            self.around.ears.iter().filter(|(_, (_, at))| *at <= now).map(|(instance, _)| *instance).collect();
        for instance in due {
            let Some((ready, at)) = self.around.ears.get_mut(&instance) else { continue };
            let word = match ready {
                Readiness::Log { .. } => {
                    let printed = kernel.voices.get(&instance).is_some_and(|voice| voice.printed);
                    if printed {
                        // Found once is enough.
                        *at = u64::MAX;
                    }
                    printed.then_some(Word::Ready)
                }
                _ => kernel.hear_voice(instance, self.pid),
            };
            if let Some(word) = word {
                kernel.checks.reach("a word of a life");
                kernel.checks.allow(3);
                self.events.push_back(Event::Said { instance, word });
                return true;
            }
        }
        for instance in std::mem::take(&mut kernel.starved) {
            self.events.push_back(Event::OutOfMemory { instance, killed: 1 });
        }
        false
    }

    fn take_answer(&mut self, kernel: &mut Kernel) -> bool {
        let Some(at) = self.around.questions.iter().position(|question| question.answered <= kernel.now) else { return false };
        let Question { instance, number, check, late, .. } = self.around.questions.swap_remove(at);
        let (now, kind) = (kernel.now, kernel.weather.kind);
        let leads = kernel.leads(instance);
        let elsewhere = !kind && kernel.luck.once_in(15);
        let outcome = match (kernel.voices.get(&instance), check) {
            _ if late => Outcome::Bad("no answer in time".to_owned()),
            (Some(_), Check::Probe(_)) if elsewhere => Outcome::Elsewhere,
            (Some(voice), Check::Probe(_)) if leads && (kind && voice.ready_since.is_some() || voice.is_well(now)) => {
                Outcome::Good
            }
            (Some(voice), Check::LogSilence(_)) if leads && (kind || voice.sick_until <= now) => Outcome::Good,
            _ => Outcome::Bad("it is not well".to_owned()),
        };
        kernel.checks.answered(instance, self.pid, &outcome);
        kernel.checks.allow(4);
        self.events.push_back(Event::Probed { instance, number, outcome });
        true
    }

    fn sample(&mut self, kernel: &mut Kernel, home: &Home) -> bool {
        if self.around.sample_at > kernel.now {
            return false;
        }
        self.around.sample_at = kernel.now + SAMPLE;
        let limited = |life: &&model::LifeRecord| {
            let app = home.app(&life.slot.app);
            app.is_some_and(|app| app.definition.spec.usage.max_memory.is_some()) && life.ended.is_none()
        };
        for life in home.lives.values().filter(limited) {
            let fat = kernel.voices.get(&life.instance).is_some_and(|voice| voice.fat);
            if fat && kernel.leads(life.instance) && self.around.exceeded.insert(life.instance) {
                let what = "memory 2M of 1M (max_memory)".to_owned();
                self.events.push_back(Event::Exceeded { instance: life.instance, what });
            }
        }
        !self.events.is_empty()
    }

    fn watch_files(&mut self, kernel: &mut Kernel, home: &Home) -> bool {
        for (app, at) in std::mem::take(&mut kernel.touched) {
            let watch = home.app(&app).filter(|app| app.is_wanted()).and_then(|app| app.definition.spec.watch.as_ref());
            if let Some(watch) = watch.filter(|_| at >= self.around.looks_since) {
                self.around.settling.insert(app, at + watch.debounce.as_nanos() as u64);
            }
        }
        let due = self.around.settling.iter().find(|(_, at)| **at <= kernel.now).map(|(app, _)| app.clone());
        let Some(app) = due else { return false };
        self.around.settling.remove(&app);
        self.events.push_back(Event::Changed { app, paths: vec!["/src/main".to_owned()] });
        true
    }
}
