//! The start of a steward: what was wished, what lived, and what the keeper says. There is no other start-up: crash, upgrade
//! and cold start take this path.

use crate::app::{App, Slot};
use crate::engine::{Engine, Stage, note};
use crate::life::{Life, Phase};
use crate::roll::{Place, Roll};
use crate::timer::Owner;
use crate::{Effect, FactState, Finding, KeeperFact, LifeNote, Recalled, What};
use model::{AppName, ByUser, End, Generation, InstanceId, LifeRecord, SlotMemo, SlotRef, Stage as Step, Tick, Verdict};
use std::collections::BTreeMap;
use std::time::Duration;

/// First and longest pause between two looks at a foreign life.
const FOREIGN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

impl Engine {
    /// Takes what was remembered. Nothing is done yet: the dump may change the picture.
    pub(crate) fn recall(&mut self, mut recalled: Recalled, _now: Tick) {
        self.stage = Stage::Recalled;
        self.next_instance = recalled.next_instance.max(1);
        // Numbers up to the reservation may have been used by a steward that did not live to write it: the steward passes that on.
        self.reserved = self.next_instance;
        for remembered in recalled.apps {
            let spec = &remembered.definition.spec;
            let name = spec.name.clone();
            let mut slots = BTreeMap::new();
            for (index, id) in &remembered.slot_ids {
                let memo = recalled.memos.remove(&SlotRef::new(&name, *index)).unwrap_or_default();
                let mut slot = Slot::new(*id, memo);
                slot.wish = remembered.slot_wishes.get(index).copied();
                // What once ran has had its start delay.
                slot.delayed = slot.memo.ran.is_some();
                // A pause of what never ran is a delay, and one after a shortage of ours as well: neither ends in a restart.
                slot.waiting = slot.memo.last_end.as_ref().map_or(slot.memo.ran.is_none(), End::is_shortage);
                // Nothing is remembered of it: this is the start of the house, or of the machine.
                let at_start = spec.schedule.as_ref().is_some_and(|job| job.run_at_start);
                slot.due = at_start && slot.memo == SlotMemo::default();
                slots.insert(*index, slot);
            }
            let app = App {
                definition: remembered.definition.clone(),
                generation: remembered.generation,
                highest: remembered
                    .rolling
                    .as_ref()
                    .map_or(remembered.generation, |rolling| remembered.generation.max(rolling.generation)),
                roll: Roll::default(),
                running: remembered.running,
                order: self.next_order,
                deleting: false,
                slots,
                rolling: remembered.rolling,
            };
            if app.rolling.is_some() {
                self.rolls.insert(name.clone());
            }
            self.next_order += 1;
            self.apps.insert(name, app);
        }
        for record in recalled.lives {
            self.remember(record);
        }
    }

    /// Takes a life from the journal. It fills its slot if it is not over; of several, which cannot be, the newest does and
    /// the others are stopped once found.
    fn remember(&mut self, mut record: LifeRecord) {
        // How its logs are kept may have been changed by a steward that did not live to write it here.
        if let Some(app) = self.apps.get(&record.slot.app) {
            let log = &app.definition.spec.log;
            if app.generation == record.generation && log.kept() == record.log.kept() {
                record.log = log.clone();
            }
        }
        self.next_instance = self.next_instance.max(record.instance.0 + 1);
        let instance = record.instance;
        let slot = record.slot.clone();
        let life = Life::recalled(record);
        let retired = life.record.retired.is_some();
        if let Some(app) = self.apps.get_mut(&slot.app).filter(|_| life.phase != Phase::Over && !retired) {
            let record = &life.record;
            let (rolls, new) = (app.rolling.is_some(), record.generation == app.generation);
            let on_trial = new && app.rolling.as_ref().is_some_and(|rolling| !rolling.back);
            let generation = app.generation;
            if let Some(kept) = app.slots.get_mut(&slot.index) {
                let old = |known: InstanceId| self.lives.get(&known).is_some_and(|known| known.record.generation != generation);
                // The one that has taken the place of the other may be the older one: old ones that die meanwhile are born anew.
                let fills = kept.life.is_none_or(|known| if old(known) == new { new } else { known < instance });
                match record.beside {
                    // It was to be the next no more, or another was.
                    Some(_) if !new || record.stopping.is_some() => {}
                    // A reload that has no way back any more.
                    Some(_) if !rolls && record.ready.is_some() => kept.life = Some(instance),
                    Some(_) => {
                        kept.next = kept.next.max(Some(instance));
                        self.rolls.insert(slot.app.clone());
                    }
                    None if fills => {
                        kept.life = Some(instance);
                        // What is new in it came in its turn.
                        kept.turn |= on_trial;
                    }
                    None => {}
                }
                // Its run at the start goes on already.
                kept.due = false;
            }
        }
        self.take_in(life);
    }

    /// Writes down of those that fill a slot that they stand beside nobody any more, before anything else may be read into it.
    fn end_overlaps(&mut self, out: &mut Vec<Effect>) {
        let fillers: Vec<InstanceId> =
            self.apps.values().flat_map(|app| app.slots.values()).filter_map(|slot| slot.life).collect();
        for instance in fillers {
            if let Some(life) = self.lives.get_mut(&instance).filter(|life| life.record.beside.is_some()) {
                life.record.beside = None;
                out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
            }
        }
    }

    pub(crate) fn take_dump(&mut self, facts: Vec<KeeperFact>, now: Tick, out: &mut Vec<Effect>) {
        self.stage = Stage::Open;
        for fact in &facts {
            if !self.lives.contains_key(&fact.instance) {
                self.found_unrecorded(fact, now, out);
            }
        }
        self.end_overlaps(out);
        let mut facts: BTreeMap<InstanceId, FactState> = facts.into_iter().map(|fact| (fact.instance, fact.state)).collect();
        let known: Vec<InstanceId> = self.lives.keys().copied().collect();
        for instance in known {
            self.match_fact(instance, facts.remove(&instance), now, out);
        }
        let slots: Vec<SlotRef> = self.all_slots();
        for slot in slots {
            self.settle(&slot, now, out);
        }
    }

    /// A service without a record: the lives journal was lost. A running one whose tags name a slot fills it again.
    fn found_unrecorded(&mut self, fact: &KeeperFact, now: Tick, out: &mut Vec<Effect>) {
        let app = fact.slot.as_ref().and_then(|slot| self.apps.get(&slot.app).map(|app| (slot, app)));
        let lives = matches!(fact.state, FactState::Up { .. } | FactState::Starting);
        let (Some((slot, app)), true) = (app, lives) else {
            out.push(Effect::Forget { instance: fact.instance });
            return;
        };
        // Of which specification it was born nobody knows any more; it is taken for the present one.
        let record = app.record(fact.instance, slot, now, &app.definition, app.generation);
        out.push(Effect::Record(LifeNote::Life(Box::new(record.clone()))));
        self.remember(record);
    }

    /// Brings one remembered life together with what the keeper says of it.
    fn match_fact(&mut self, instance: InstanceId, fact: Option<FactState>, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        life.kept = fact.is_some();
        let record = life.record.clone();
        let lives = !matches!(fact, None | Some(FactState::Defined));
        if life.phase == Phase::Over {
            return self.match_over(instance, fact.is_some(), out);
        }
        if lives {
            out.push(Effect::OpenStreams { life: Box::new(record.clone()) });
        }
        match fact {
            Some(FactState::Up { pid, ident, at }) => {
                life.since = Some(at.min(now));
                if (life.record.pid, life.record.ident) != (Some(pid), Some(ident)) {
                    life.record.pid = Some(pid);
                    life.record.ident = Some(ident);
                    out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
                }
                out.push(Effect::StreamsBorn { instance });
                self.resume(instance, None, now, out);
            }
            Some(FactState::Starting) => self.resume_birth(instance, now, out),
            Some(FactState::Down { end, at }) => self.ended(instance, end, at, now, out),
            // Defined by a steward that died before it was adopted: it may well live.
            Some(FactState::Defined) if record.pid.is_some() => {
                life.kept = false;
                out.push(Effect::Forget { instance });
                out.push(Effect::Inspect { life: Box::new(record) });
            }
            // Defined and never started, by a steward that died in between.
            Some(FactState::Defined) => self.ended(instance, unbegun(), now, now, out),
            None => out.push(Effect::Inspect { life: Box::new(record) }),
        }
    }

    /// A life that an earlier steward has begun and that is still being born: it may have been asked to end meanwhile, or be unwanted.
    fn resume_birth(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        if life.record.stopping.is_some() {
            life.phase = Phase::Stopping;
            self.leave_to_another(instance, now, out);
            let Some(life) = self.lives.get_mut(&instance) else { return };
            let kill_at = life.kill_at(now);
            return self.timers.arm(&mut life.alarm, Owner::Life(instance), kill_at);
        }
        life.phase = Phase::Begun;
        if life.record.retired.is_some() {
            return self.ask_to_stop(instance, ByUser::Restart, now, out);
        }
        match self.unwanted(instance) {
            Some(ByUser::Stop) => self.end_in_turn(instance, now, out),
            Some(_) if self.is_superseded(instance) => self.retire(instance, false, now, out),
            Some(by) => self.ask_to_stop(instance, by, now, out),
            None => {}
        }
    }

    /// A life whose end has been recorded: its streams are drained to the end. What was never born has none.
    fn match_over(&mut self, instance: InstanceId, kept: bool, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        life.kept = false;
        if matches!(life.record.ended, Some(End::NotBorn { .. })) {
            life.sealed = [true; 2];
        } else {
            out.push(Effect::OpenStreams { life: Box::new(life.record.clone()) });
            // It ran, whether or not its record was told of the process.
            out.push(Effect::StreamsBorn { instance });
            out.push(Effect::StreamsEnded { instance });
        }
        if kept {
            out.push(Effect::Forget { instance });
        }
        self.maybe_close(instance, out);
    }

    pub(crate) fn inspected(&mut self, instance: InstanceId, finding: Finding, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let pause = match &life.phase {
            Phase::Sought { .. } => FOREIGN.0,
            Phase::Foreign { pause } => *pause,
            _ => return,
        };
        let slot = life.record.slot.clone();
        let alone = !matches!(finding, Finding::Alive { .. }) && life.record.stopping.is_none();
        if let Some((pid, ident)) = life.record.told.main.filter(|_| alone) {
            // Its first process has ended while nobody looked: the life goes on with its main one, if that lives.
            (life.record.pid, life.record.ident, life.record.told.main) = (Some(pid), Some(ident), None);
            out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
            return out.push(Effect::Inspect { life: Box::new(life.record.clone()) });
        }
        // Where descendants are none of ours, a life is gone with its main process.
        let finding = match finding {
            Finding::Foreign if !life.record.kill_tree => Finding::Gone,
            other => other,
        };
        match finding {
            Finding::Alive { pid, ident } => {
                if (life.record.pid, life.record.ident) != (Some(pid), Some(ident)) {
                    life.record.pid = Some(pid);
                    life.record.ident = Some(ident);
                    out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
                }
                if matches!(life.phase, Phase::Foreign { .. }) {
                    life.phase = Phase::Sought { wish: None };
                }
                out.push(Effect::OpenStreams { life: Box::new(life.record.clone()) });
                out.push(Effect::Adopt { instance, pid, ident });
            }
            Finding::Gone => {
                let never = life.record.pid.is_none();
                life.drains = true;
                out.push(Effect::OpenStreams { life: Box::new(life.record.clone()) });
                if never {
                    // Both its keeper and its steward died early; if it ran all the same, what it wrote may still be there.
                    out.push(Effect::StreamsBorn { instance });
                }
                let end = if never { unbegun() } else { End::Exited(Verdict::Unseen) };
                self.ended(instance, end, now, now, out);
            }
            Finding::Foreign => {
                let wish = match &life.phase {
                    Phase::Sought { wish } => *wish,
                    _ => None,
                };
                if matches!(life.phase, Phase::Sought { .. }) {
                    out.push(Effect::OpenStreams { life: Box::new(life.record.clone()) });
                    out.push(Effect::StreamsBorn { instance });
                    out.push(note(&slot, Some(instance), What::Foreign));
                }
                life.phase = Phase::Foreign { pause: (pause * 2).min(FOREIGN.1) };
                self.timers.arm(&mut life.alarm, Owner::Life(instance), now + pause);
                // Of one on trial that is the end, whatever is left of it.
                self.lost(instance, "its process is gone, and something of it still lives", now, out);
                let stopping = self.lives[&instance].record.stopping.map(|(_, by)| by);
                // One of an older generation that fills its slot is left to the reload, or to the user.
                let fills = self.lives.get(&instance).is_some_and(|life| self.place_of(life) == Place::Fills);
                let nobody = self.unwanted(instance).filter(|by| *by == ByUser::Stop || !fills);
                if let Some(by) = wish.or(stopping).or(nobody) {
                    self.end_life(instance, by, now, out);
                }
            }
        }
    }

    pub(crate) fn adopt_refused(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        if let Phase::Passing { end, wish } = life.phase.clone() {
            life.record.told.main = None;
            life.record.stopping = wish.map(|by| (now, by));
            return self.leave(instance, end, now, out);
        }
        if matches!(life.phase, Phase::Sought { .. }) {
            // It ended between the look and the adoption, or the keeper is short of something: look again.
            self.timers.arm(&mut life.alarm, Owner::Life(instance), now + Duration::from_millis(50));
            out.push(Effect::Forget { instance });
        }
    }

    /// Every slot, by `start_order`, then order of definition, then index.
    pub(crate) fn all_slots(&self) -> Vec<SlotRef> {
        let mut apps: Vec<(&AppName, &App)> = self.apps.iter().collect();
        apps.sort_by_key(|(_, app)| (app.definition.spec.start_order, app.order));
        apps.iter().flat_map(|(name, app)| app.slots.keys().map(|index| SlotRef::new(name, *index))).collect()
    }

    /// The generation that an app has now.
    pub fn generation(&self, app: &AppName) -> Option<Generation> {
        self.apps.get(app).map(|app| app.generation)
    }
}

/// The end of a life that was intended and never begun: nobody's fault, and nothing to wait for.
fn unbegun() -> End {
    End::NotBorn { stage: Step::Prepare, errno: "EINTR".to_owned() }
}
