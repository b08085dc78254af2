//! Readiness and health of lives: when a life is asked, what its answers and words mean, and when it is ended for its own good.
//!
//! All of it holds only while a life is in [`Phase::Running`]; then the life's one alarm is the earliest of the times in [`Care`]. A question
//! has a number, and only the answer with the number of the open question counts: what a dead life, or an earlier question, is answered with
//! can change nothing.

mod words;

use crate::engine::{Engine, note};
use crate::life::Phase;
use crate::timer::Owner;
use crate::{Effect, HealthView, LifeNote, Outcome, What};
use model::{AppSpec, ByUser, Check, Fault, HealthAction, InstanceId, OnLimit, Readiness, Tick};
use std::time::Duration;

/// While a life is not ready it is asked at least so often.
const ASK_WHILE_STARTING: Duration = Duration::from_secs(1);
/// How long an answer about readiness may take where no health check says otherwise.
const READY_ANSWER: Duration = Duration::from_secs(5);

/// How a running life is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Care {
    /// When this steward found it alive; `None` = it was born under this one.
    pub found: Option<Tick>,
    /// The open question.
    asked: Option<u64>,
    /// When the next question is due.
    probe_at: Option<Tick>,
    /// When it becomes ready without a word (`after`, `min_uptime`).
    ready_at: Option<Tick>,
    /// Until when it must be ready.
    ready_by: Option<Tick>,
    /// Until when it must say that it is alive.
    alive_by: Option<Tick>,
    /// Until when a run of a job must have ended.
    run_by: Option<Tick>,
    /// Bad and good answers in a row.
    bad: u32,
    good: u32,
    /// What the check says, where there is one.
    pub health: Option<HealthView>,
    /// It said `RELOADING=1` and not yet `READY=1`.
    pub reloading: bool,
    /// It was told to take its configuration anew and has not shown since that it is well.
    pub told: bool,
    /// Until when it has time for that.
    told_by: Option<Tick>,
    /// It said `STOPPING=1`: it is not asked any more.
    leaving: bool,
    /// What it last said of itself.
    pub said: Option<String>,
    /// The last bad answer.
    pub bad_answer: Option<String>,
}

impl Care {
    /// It has to show that it is well, until then; it is asked from `ask` on.
    pub(crate) fn be_told(&mut self, by: Option<Tick>, ask: Option<Tick>) {
        (self.told, self.told_by, self.asked, self.bad_answer) = (true, by, None, None);
        self.probe_at = ask;
        self.health = self.health.map(|_| HealthView::Starting);
    }

    /// It need not show anything any more.
    pub(crate) fn is_well(&mut self) {
        (self.told, self.told_by, self.asked, self.reloading) = (false, None, None, false);
        (self.bad, self.good) = (0, 0);
        self.health = self.health.map(|_| HealthView::Healthy);
    }

    /// The open question will not be answered.
    pub(crate) fn give_up_question(&mut self) {
        self.asked = None;
    }

    fn next(&self) -> Option<Tick> {
        // The next question waits for the answer to the last.
        let probe_at = self.probe_at.filter(|_| self.asked.is_none());
        [probe_at, self.ready_at, self.ready_by, self.alive_by, self.run_by, self.told_by].into_iter().flatten().min()
    }
}

/// What gates readiness by being asked: `ready`, else the health check.
pub(crate) fn gate(spec: &AppSpec) -> Option<Check> {
    match (&spec.ready, &spec.health) {
        (Some(Readiness::Probe(probe)), _) => Some(Check::Probe(probe.clone())),
        (None, Some(health)) => Some(health.check.clone()).filter(|check| matches!(check, Check::Probe(_))),
        _ => None,
    }
}

impl Engine {
    /// Begins to look after a life that runs, or goes on after its specification has changed or another steward did it.
    pub(crate) fn begin_care(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance).filter(|life| life.phase == Phase::Running) else { return };
        let Some(app) = self.apps.get(&life.record.slot.app) else { return };
        let spec = app.spec_of(&life.record);
        let since = life.since.unwrap_or(now);
        let (care, told) = (&mut life.care, &life.record.told);
        // The time that it has asked for holds also when another steward looks after it, or it is looked after otherwise.
        let extended = told.extended.unwrap_or_default();
        let reloaded_by = care.ready_by.filter(|_| care.reloading);
        (care.probe_at, care.ready_at, care.ready_by, care.alive_by) = (None, None, reloaded_by, None);
        care.health = spec.health.as_ref().map(|_| care.health.unwrap_or(HealthView::Starting));
        care.run_by = spec.schedule.as_ref().and_then(|job| job.timeout).map(|timeout| since + timeout);
        let ready = life.record.ready.is_some();
        if let Some(channel @ (Readiness::Log { .. } | Readiness::Notify | Readiness::Fd { .. } | Readiness::NodeIpc)) =
            &spec.ready
            && (!ready || *channel == Readiness::Notify)
        {
            out.push(Effect::Listen { instance, ready: Box::new(channel.clone()) });
        }
        if care.leaving {
            // It ends by itself, whatever else has changed.
        } else if ready {
            // A steward that has just begun gives it a whole interval.
            care.probe_at = spec.health.as_ref().map(|health| now + health.interval);
            care.alive_by = told.alive_every.or(spec.watchdog).map(|every| (now + every).max(extended));
        } else if let Some(Readiness::After(pause)) = &spec.ready {
            care.ready_at = Some(since + *pause);
        } else if gate(spec).is_some() || spec.ready.is_some() {
            care.probe_at = gate(spec).map(|_| now);
            // One that was found has a whole start timeout from then on: what it said or would have answered before, nobody may have heard.
            let by = (care.found.unwrap_or(since) + spec.start_timeout).max(extended);
            care.ready_by = Some(by).filter(|_| !spec.start_timeout.is_zero());
        } else {
            care.ready_at = Some(since + spec.min_uptime);
        }
        self.care_due(instance, now, out);
    }

    /// Does what is due for a running life, and arms its alarm for what is next.
    pub(crate) fn care_due(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get(&instance).filter(|life| life.phase == Phase::Running) else { return };
        let (care, due) = (&life.care, |at: Option<Tick>| at.is_some_and(|at| at <= now));
        if due(care.run_by) {
            return self.fault(instance, Fault::RunTimeout, now, out);
        }
        if due(care.alive_by) {
            return self.fault(instance, Fault::Watchdog, now, out);
        }
        if due(care.told_by) {
            return self.told_long_ago(instance, now, out);
        }
        if due(care.ready_at) {
            self.become_ready(instance, now, out);
        } else if due(care.ready_by) {
            return self.fault(instance, Fault::StartTimeout, now, out);
        }
        self.maybe_ask(instance, now, out);
        self.arm_care(instance);
    }

    fn arm_care(&mut self, instance: InstanceId) {
        let Some(life) = self.lives.get_mut(&instance).filter(|life| life.phase == Phase::Running) else { return };
        match life.care.next() {
            Some(at) => self.timers.arm(&mut life.alarm, Owner::Life(instance), at),
            None => self.timers.disarm(&mut life.alarm),
        }
    }

    fn maybe_ask(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let Some(app) = self.apps.get(&life.record.slot.app) else { return };
        let (spec, care) = (app.spec_of(&life.record), &mut life.care);
        if care.asked.is_some() || care.probe_at.is_none_or(|at| at > now) {
            return;
        }
        care.probe_at = None;
        let health = spec.health.as_ref();
        let (check, timeout) = match (life.record.ready.is_some() && !care.told, gate(spec), health) {
            (false, Some(check), _) => (check, health.map_or(READY_ANSWER, |health| health.timeout)),
            (_, _, Some(health)) => (health.check.clone(), health.timeout),
            _ => return,
        };
        self.next_question += 1;
        care.asked = Some(self.next_question);
        out.push(Effect::Probe { instance, number: self.next_question, check: Box::new(check), timeout });
    }

    pub(crate) fn probed(&mut self, instance: InstanceId, number: u64, outcome: Outcome, now: Tick, out: &mut Vec<Effect>) {
        let open = self.lives.get_mut(&instance).filter(|life| life.phase == Phase::Running && life.care.asked == Some(number));
        let Some(life) = open else { return self.late_answer(instance) };
        life.care.asked = None;
        let slot = life.record.slot.clone();
        let Some(app) = self.apps.get(&slot.app) else { return };
        let definition = app.definition_of(&life.record).clone();
        let spec = &definition.spec;
        let interval = spec.health.as_ref().map_or(ASK_WHILE_STARTING, |health| health.interval);
        if life.record.ready.is_none() {
            life.care.probe_at = Some(now + interval.min(ASK_WHILE_STARTING));
            match outcome {
                Outcome::Good => self.become_ready(instance, now, out),
                Outcome::Bad(why) => life.care.bad_answer = Some(why),
                Outcome::Elsewhere => {}
            }
        } else if life.care.told {
            life.care.probe_at = Some(now + interval.min(ASK_WHILE_STARTING));
            match outcome {
                Outcome::Good => self.well_again(instance, now, out),
                Outcome::Bad(why) => life.care.bad_answer = Some(why),
                Outcome::Elsewhere => {}
            }
        } else {
            life.care.probe_at = Some(now + interval);
            match outcome {
                Outcome::Good => self.well(instance, out),
                Outcome::Bad(why) => self.unwell(instance, why, now, out),
                Outcome::Elsewhere => {}
            }
        }
        self.care_due(instance, now, out);
    }

    /// An answer that nobody waits for any more.
    fn late_answer(&mut self, instance: InstanceId) {
        if let Some(slot) = self.lives.get(&instance).map(|life| life.record.slot.clone())
            && let Some(kept) = self.slot_mut(&slot)
        {
            kept.late_answers += 1;
        }
    }

    fn well(&mut self, instance: InstanceId, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let Some(app) = self.apps.get(&life.record.slot.app) else { return };
        let successes = app.spec_of(&life.record).health.as_ref().map_or(1, |health| health.successes);
        let care = &mut life.care;
        care.bad = 0;
        care.good = care.good.saturating_add(1);
        match care.health {
            Some(HealthView::Unhealthy) if care.good < successes => {}
            Some(HealthView::Unhealthy) => {
                care.health = Some(HealthView::Healthy);
                out.push(note(&life.record.slot, Some(instance), What::Healthy));
            }
            _ => care.health = Some(HealthView::Healthy),
        }
    }

    fn unwell(&mut self, instance: InstanceId, why: String, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let Some(health) = self.apps.get(&life.record.slot.app).and_then(|app| app.spec_of(&life.record).health.as_ref()) else {
            return;
        };
        let (failures, action) = (health.failures, health.action);
        let counted_from = life.since.unwrap_or(now) + health.start_period;
        let care = &mut life.care;
        care.bad_answer = Some(why.clone());
        if now < counted_from {
            return;
        }
        care.good = 0;
        care.bad = care.bad.saturating_add(1);
        if care.bad < failures {
            return;
        }
        if care.health.replace(HealthView::Unhealthy) != Some(HealthView::Unhealthy) {
            out.push(note(&life.record.slot, Some(instance), What::Unhealthy { why: why.clone() }));
        }
        // Also of one that was unhealthy before: what follows from it may be another thing now.
        match action {
            HealthAction::None => self.lost(instance, &format!("unhealthy: {why}"), now, out),
            HealthAction::Replace if self.replaces(instance, now, out) => {}
            HealthAction::Restart | HealthAction::Replace => self.fault(instance, Fault::Unhealthy(why), now, out),
        }
    }

    /// The life is ready: said once, and written down before anybody may rely on it.
    fn become_ready(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let slot = life.record.slot.clone();
        let Some(app) = self.apps.get(&slot.app) else { return };
        let spec = app.spec_of(&life.record);
        let said = spec.has_readiness();
        let care = &mut life.care;
        (care.ready_at, care.ready_by) = (None, None);
        care.bad_answer = None;
        let again = std::mem::take(&mut care.reloading);
        if life.record.ready.is_some() && !again {
            return;
        }
        care.probe_at = spec.health.as_ref().map(|health| now + health.interval);
        care.alive_by = life.record.told.alive_every.or(spec.watchdog).map(|every| now + every);
        if care.health.is_some() && spec.ready.is_none() && gate(spec).is_some() {
            care.health = Some(HealthView::Healthy);
        }
        let after_ms = u64::try_from(life.lived(now).as_millis()).unwrap_or(u64::MAX);
        if said {
            out.push(note(&slot, Some(instance), What::Ready { after_ms }));
        }
        let Some(life) = self.lives.get_mut(&instance).filter(|life| life.record.ready.is_none()) else { return };
        life.record.ready = Some(now);
        life.no_more_time();
        out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
        if let Some(kept) = self.slot_mut(&slot).filter(|kept| kept.life == Some(instance)) {
            kept.memo.was_ready = Some(instance);
            out.push(Effect::Record(LifeNote::Memo { slot: slot.clone(), memo: kept.memo.clone() }));
        }
        self.moved(&slot.app);
    }

    pub(crate) fn exceeded(&mut self, instance: InstanceId, what: String, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get(&instance).filter(|life| life.phase == Phase::Running) else { return };
        let slot = life.record.slot.clone();
        let Some(on_limit) = self.apps.get(&slot.app).map(|app| app.spec_of(&life.record).usage.on_limit) else { return };
        match on_limit {
            OnLimit::None => out.push(note(&slot, Some(instance), What::Exceeded { what })),
            OnLimit::Restart => self.fault(instance, Fault::Limit(what), now, out),
            OnLimit::Kill => {
                let why = what.clone();
                self.note_fault(instance, Fault::Limit(what), now, out);
                self.kill(instance, now, out);
                self.lost(instance, &why, now, out);
            }
        }
    }

    pub(crate) fn out_of_memory(&mut self, instance: InstanceId, killed: u32, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        life.short_of_memory = Some(now);
        out.push(note(&life.record.slot, Some(instance), What::OutOfMemory { killed }));
    }

    /// Ends a running life although nobody asked: the stop ladder, and a failed life.
    fn fault(&mut self, instance: InstanceId, fault: Fault, now: Tick, out: &mut Vec<Effect>) {
        let why = fault.to_string();
        self.note_fault(instance, fault, now, out);
        self.ask_to_stop(instance, ByUser::Restart, now, out);
        self.lost(instance, &why, now, out);
    }

    fn note_fault(&mut self, instance: InstanceId, fault: Fault, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        life.record.fault = Some(fault.clone());
        // So that a steward that comes after us goes on with the end.
        life.record.stopping = Some((now, ByUser::Restart));
        self.timers.disarm(&mut life.alarm);
        out.push(Effect::Record(LifeNote::Life(Box::new(life.record.clone()))));
        let answer = life.care.bad_answer.clone().filter(|_| fault == Fault::StartTimeout);
        out.push(note(&life.record.slot, Some(instance), What::Faulted { fault, answer }));
    }
}
