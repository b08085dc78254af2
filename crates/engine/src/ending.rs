//! The end of a life, when nothing of it is left: what it means for its slot, its app and others.

use crate::engine::{Engine, note};
use crate::life::{Life, Phase};
use crate::restart;
use crate::{Effect, LifeNote, What};
use model::{End, Fault, InstanceId, LifeRecord, Reload, Rest, Run, SlotRef, Stage, Tick};
use std::time::Duration;

impl Engine {
    /// The life and everything of it is gone: its end is recorded once, and the slot goes on.
    pub(crate) fn finish(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let (Phase::Leaving { end, .. } | Phase::Killing { end: Some(end), .. }) = &life.phase else { return };
        let end = end.clone();
        self.timers.disarm(&mut life.alarm);
        life.phase = Phase::Over;
        life.stuck = None;
        life.record.ended = Some(end.clone());
        if matches!(end, End::NotBorn { .. }) && !life.drains {
            // Nobody has written into its streams.
            life.sealed = [true; 2];
        }
        if life.record.stopping.is_none() && life.is_out_of_memory(&end, now) {
            life.record.fault = Some(Fault::OutOfMemory);
        }
        let (record, lived, kept) = (life.record.clone(), life.lived(now), life.kept);
        let slot = record.slot.clone();
        let asked = record.stopping.is_some() && record.fault.is_none();
        let on_trial = self.is_on_trial(instance);
        let told = life_told(self.lives.get(&instance));
        let lost = self.take_end(&record, lived, &end, on_trial, asked, now);
        let fills = !matches!(lost, Lost::Other | Lost::Next(_));
        let failed = match self.apps.get(&slot.app) {
            Some(app) => !asked && (record.fault.is_some() || restart::is_failed(app.spec_of(&record), &end)),
            None => false,
        };
        let told = (told && !asked).then(|| {
            format!("it ended after its signal ({end}): if it does not expect that one, set `reload_signal` or `reload`")
        });
        let recorded_at = out.len();
        out.push(Effect::Record(LifeNote::Life(Box::new(record))));
        if let Some(kept) = self.slot_mut(&slot).filter(|_| fills) {
            out.push(Effect::Record(LifeNote::Memo { slot: slot.clone(), memo: kept.memo.clone() }));
        }
        let lived_ms = u64::try_from(lived.as_millis()).unwrap_or(u64::MAX);
        out.push(note(&slot, Some(instance), What::Exited { end, asked, failed, lived_ms }));
        out.push(Effect::StreamsEnded { instance });
        if kept {
            out.push(Effect::Forget { instance });
        }
        match lost {
            Lost::Trial(why) => self.fall_back(&slot.app, Some(instance), format!("{slot}: {why}"), now, out),
            Lost::Next(Some(why)) if on_trial => self.fall_back(&slot.app, Some(instance), format!("{slot}: {why}"), now, out),
            Lost::Next(Some(_)) => self.give_up_replacement(&slot, now, out),
            Lost::Filler => {
                if let Some(why) = told {
                    self.told_in_vain(instance, &why, now, out);
                }
            }
            Lost::Next(None) | Lost::Other => {}
        }
        self.say_rest(&slot, asked, out);
        self.settle(&slot, now, out);
        self.maybe_close(instance, out);
        self.moved(&slot.app);
        if failed && fills {
            self.others_follow(&slot, now, out);
        }
        if !asked && fills {
            self.maybe_stop_group(&slot, now, out);
            wish_first(recorded_at, out);
        }
    }

    /// Takes an end into the slot's memory; says what was lost by it.
    fn take_end(&mut self, record: &LifeRecord, lived: Duration, end: &End, on_trial: bool, asked: bool, now: Tick) -> Lost {
        let spread = self.spread.next();
        let why = restart::Ending { end, fault: record.fault.as_ref(), lived }.to_string();
        // A port that is taken is no shortage of the machine.
        let passes = end.is_shortage() && !matches!(end, End::NotBorn { stage: Stage::Port, .. });
        let Some(app) = self.apps.get_mut(&record.slot.app) else { return Lost::Other };
        let spec = app.definition_of(record).clone();
        // What an app was before it went back to something else is not counted; nor is what it was before a restart, in a slot whose turn that brings.
        let keeps_old = app.rolling.as_ref().is_some_and(|rolling| rolling.how != Reload::Restart);
        let counts = keeps_old || record.generation == app.generation;
        let Some(kept) = app.slots.get_mut(&record.slot.index) else { return Lost::Other };
        if kept.next == Some(record.instance) {
            kept.next = None;
            if passes && !asked {
                self.try_later(&record.slot, end, now);
            }
            return Lost::Next((!asked && !passes).then_some(why));
        }
        if kept.life != Some(record.instance) {
            return Lost::Other;
        }
        kept.life = None;
        kept.held = false;
        kept.memo.fault = record.fault.clone();
        if spec.spec.schedule.is_some() && record.pid.is_some() {
            kept.remember_run(Run { instance: record.instance, at: record.begun, took: lived, end: end.clone() });
        }
        let mut lost = Lost::Filler;
        if asked || !counts {
            kept.memo.last_end = Some(end.clone());
            kept.memo.rest = Rest::None;
        } else if end.is_shortage() && (!on_trial || passes) {
            Engine::hold(kept, now, end);
        } else if on_trial {
            kept.memo.last_end = Some(end.clone());
            kept.memo.rest = Rest::None;
            lost = Lost::Trial(why);
        } else {
            let ending = restart::Ending { end, fault: record.fault.as_ref(), lived };
            restart::take_end(&spec.spec, &mut kept.memo, &ending, now, spread);
        }
        kept.next_run();
        lost
    }

    /// Says in the journal (and, for what must survive a power cut, in the store) what the slot does next.
    fn say_rest(&mut self, slot: &SlotRef, asked: bool, out: &mut Vec<Effect>) {
        let wants = self.apps.get(&slot.app).is_some_and(|app| app.wants(slot.index));
        let is_alone = self.others_in(slot).next().is_none();
        let Some(kept) = self.slot_mut(slot).filter(|kept| kept.life.is_none()) else { return };
        match &kept.memo.rest {
            Rest::Backoff { at } => {
                let what = What::Backoff { at: *at, restart: kept.memo.streak + u32::from(!kept.waiting) };
                out.push(note(slot, None, what));
            }
            Rest::Completed => out.push(note(slot, None, What::Completed)),
            Rest::Errored { why } => {
                let why = why.clone();
                out.push(Effect::Persist(crate::StoreNote::Errored { slot: slot.clone(), why: why.clone() }));
                out.push(note(slot, None, What::Errored { why }));
            }
            Rest::None if asked && !wants && is_alone => out.push(note(slot, None, What::Stopped)),
            Rest::None => {}
        }
    }
}

/// What was lost by the end of a life.
enum Lost {
    /// The life that filled a slot.
    Filler,
    /// One on trial, and with it the reload.
    Trial(String),
    /// One that was to be the next; why it is a failure, if it is one.
    Next(Option<String>),
    /// None that a slot waited for.
    Other,
}

/// Whether a life was told to take its configuration anew and has not shown since that it is well.
fn life_told(life: Option<&Life>) -> bool {
    life.is_some_and(|life| life.care.told)
}

/// What an end means for the wishes of others is stored before the end is on record: an end on record is never looked at again, so a steward
/// that died between the two would leave the others running for ever.
fn wish_first(recorded_at: usize, out: &mut [Effect]) {
    let is_wish = |effect: &Effect| matches!(effect, Effect::Persist(crate::StoreNote::Stopped { .. }));
    if let Some(at) = out[recorded_at..].iter().position(is_wish) {
        out[recorded_at..=recorded_at + at].rotate_right(1);
    }
}
