//! Where an app stands in its reload.

use super::{Seen, Stand, Switch, strategy::overlaps};
use crate::HealthView;
use crate::RollView;
use crate::app::{App, Slot};
use crate::engine::Engine;
use crate::life::{Life, Phase};
use model::{AppName, AppSpec, HookPoint, InstanceId, Port, Reload, Rest, SlotRef, Tick};

/// What a life is to its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It fills it.
    Fills,
    /// It is to be the next that fills it.
    Next,
    /// Another has taken its place.
    Leaves,
    /// None of these: it is to be stopped.
    Nothing,
}

impl Engine {
    /// The reload of an app that is under way.
    pub fn roll(&self, app: &AppName) -> Option<RollView> {
        let app = self.apps.get(app)?;
        let rolling = app.rolling.as_ref()?;
        Some(RollView { how: rolling.how, generation: app.generation, back: rolling.back, given_up: rolling.given_up })
    }

    /// What a life is to its slot.
    pub(crate) fn place_of(&self, life: &Life) -> Place {
        let slot = self.apps.get(&life.record.slot.app).and_then(|app| app.slots.get(&life.record.slot.index));
        match slot {
            _ if life.record.retired.is_some() => Place::Leaves,
            Some(slot) if slot.life == Some(life.id()) => Place::Fills,
            Some(slot) if slot.next == Some(life.id()) => Place::Next,
            _ => Place::Nothing,
        }
    }

    /// The lives of a slot besides the one that fills it which are not over.
    pub(crate) fn others_in(&self, slot: &SlotRef) -> impl Iterator<Item = &Life> {
        let filler = self.apps.get(&slot.app).and_then(|app| app.slots.get(&slot.index)).and_then(|kept| kept.life);
        let all = self.of_slots.get(slot).into_iter().flatten().filter_map(|instance| self.lives.get(instance));
        all.filter(move |life| Some(life.id()) != filler && life.phase != Phase::Over)
    }

    /// Those of them that were taken out.
    pub(crate) fn leaving(&self, slot: &SlotRef) -> Vec<InstanceId> {
        self.others_in(slot).filter(|life| life.record.retired.is_some()).map(Life::id).collect()
    }

    /// Everything that the next move depends on; `None`: there is nothing to move.
    pub(crate) fn see(&self, name: &AppName, now: Tick) -> Option<Seen> {
        let app = self.apps.get(name)?;
        let rolling = app.rolling.as_ref().filter(|rolling| !rolling.given_up && !app.deleting)?;
        let spec = &app.definition.spec;
        let how = if self.has_another(app) { Reload::Restart } else { rolling.how };
        let stand = |(index, slot): (&u32, &Slot)| (*index, self.stand(app, how, &SlotRef::new(name, *index), slot));
        let wanted = app.slots.iter().filter(|(index, _)| **index < spec.instances && app.wants(**index));
        let asks = how == Reload::Bluegreen && spec.listen.is_empty() && spec.hooks.contains_key(&HookPoint::OnSwitch);
        let pause = app.roll.not_before.filter(|at| *at > now);
        let blocked = self.waits_for_another(app) || self.blocked(app).is_some();
        Some(Seen {
            how,
            parallel: spec.renewal.max_parallel.max(1) as usize,
            overlaps: how != Reload::Restart && overlaps(spec, how),
            room: self.room(name, spec),
            held: if blocked { Some(None) } else { pause.map(Some) },
            asks: asks.then_some(app.roll.switch),
            slots: wanted.map(stand).collect(),
        })
    }

    /// For how many more lives the range of an app has a port. Those of lives that leave are not free yet.
    fn room(&self, name: &AppName, spec: &AppSpec) -> u32 {
        let Some(wish @ (Port::Range(..) | Port::Auto(..))) = spec.port else { return u32::MAX };
        // One that has none yet is about to get one.
        let takes = |life: &&Life| life.phase != Phase::Over && life.record.port.is_none_or(|port| wish.allows(port));
        let slots = SlotRef::new(name, 0)..=SlotRef::new(name, u32::MAX);
        let lives = self.of_slots.range(slots).flat_map(|(_, lives)| lives);
        let taken = lives.filter_map(|instance| self.lives.get(instance)).filter(takes).count();
        wish.count().saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX))
    }

    /// Whether a reload by signal finds a process that was made otherwise than the app is now, because the reload that was to replace it was given up for
    /// the sake of this one. No signal makes it so.
    fn has_another(&self, app: &App) -> bool {
        let by_signal = app.rolling.as_ref().is_some_and(|rolling| rolling.how == Reload::Hup);
        let another =
            |life: &Life| life.record.generation != app.generation && life.record.digest != app.definition.spec.digest();
        by_signal && app.slots.values().filter_map(|slot| self.lives.get(&slot.life?)).any(another)
    }

    /// Whether one of those that an app depends on is being reloaded itself: first the lower floors.
    fn waits_for_another(&self, app: &App) -> bool {
        let moves = |other: &App| other.rolling.as_ref().is_some_and(|rolling| !rolling.given_up) && other.running;
        app.definition.spec.depends_on.iter().any(|need| self.apps.get(&need.app).is_some_and(moves))
    }

    fn stand(&self, app: &App, how: Reload, slot: &SlotRef, kept: &Slot) -> Stand {
        let life = kept.life.and_then(|instance| self.lives.get(&instance));
        if let Some(next) = kept.next.and_then(|instance| self.lives.get(&instance)) {
            return Stand::Coming { beside: true, proven: self.proven_at(app, next) };
        }
        let gives_up = matches!(kept.memo.rest, Rest::Backoff { .. } | Rest::Errored { .. } | Rest::Completed);
        match life {
            Some(life) if life.record.generation == app.generation => match self.proven_at(app, life) {
                // What a restart could not bring up does not hold up the others.
                None if how == Reload::Restart && kept.memo.streak > 0 => Stand::Done,
                // Nor what has lost its process, and stays so until somebody stops it.
                None if matches!(life.phase, Phase::Foreign { .. }) => Stand::Done,
                Some(_) if !self.leaving(slot).is_empty() => Stand::Leaving,
                proven => Stand::Coming { beside: false, proven },
            },
            // On its way out, and another follows.
            Some(_) if kept.turn => Stand::Coming { beside: false, proven: None },
            Some(_) => Stand::Old,
            None if kept.turn && how == Reload::Restart && gives_up => Stand::Done,
            None if kept.turn => Stand::Coming { beside: false, proven: None },
            None if how == Reload::Hup => Stand::Done,
            None => Stand::Empty,
        }
    }

    /// When a life has proven itself, if it stays as it is.
    pub(crate) fn proven_at(&self, app: &App, life: &Life) -> Option<Tick> {
        let well = life.phase == Phase::Running && !life.care.reloading && life.care.health != Some(HealthView::Unhealthy);
        let ready = life.record.ready.filter(|_| well && !life.care.told)?;
        Some(ready + app.definition.spec.renewal.soak)
    }
}

impl Switch {
    /// Whether the new generation waits for an answer.
    pub(crate) fn is_asked(self) -> bool {
        self == Switch::Asked
    }
}
