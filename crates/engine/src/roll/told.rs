//! Lives that were told to take their configuration anew (`reload = "hup"`), and sick ones that are replaced.

use super::strategy::overlaps;
use crate::care::gate;
use crate::engine::{Engine, note};
use crate::{Effect, HealthView, What};
use model::{AppName, AppSpec, InstanceId, Readiness, Reload, Tick};
use std::time::Duration;

/// A life that cannot show that it is well has to outlive its signal by this, or by `soak`: what does not expect a signal dies of it at once.
const MOMENT: Duration = Duration::from_millis(100);

/// Whether lives of an app can show that they have taken their configuration anew.
fn can_show(spec: &AppSpec) -> bool {
    spec.ready == Some(Readiness::Notify) || gate(spec).is_some()
}

impl Engine {
    /// A life was told to take its configuration anew: it has to show that it is well. One that has no way to show it has to stay.
    pub(crate) fn prove_again(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let Some(app) = self.apps.get(&life.record.slot.app) else { return };
        let spec = app.spec_of(&life.record);
        if life.record.ready.is_none() {
            return;
        }
        if can_show(spec) {
            let says = spec.ready == Some(Readiness::Notify);
            let by = Some(now + spec.start_timeout).filter(|_| !spec.start_timeout.is_zero());
            life.care.be_told(by, (!says).then_some(now));
        } else {
            life.care.be_told(Some(now + spec.renewal.soak.max(MOMENT)), None);
        }
        self.care_due(instance, now, out);
    }

    /// Whether an app is at a reload by signal, and this life has got it: after the death of a steward it is asked once more how it is.
    pub(crate) fn was_told(&self, app: &AppName, instance: InstanceId) -> bool {
        let Some(app) = self.apps.get(app) else { return false };
        let by_signal = app.rolling.as_ref().is_some_and(|rolling| rolling.how == Reload::Hup);
        by_signal && self.lives.get(&instance).is_some_and(|life| life.record.generation == app.generation)
    }

    /// It is well.
    pub(crate) fn well_again(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        life.care.is_well();
        self.begin_care(instance, now, out);
    }

    /// Its time to show that it is well is over.
    pub(crate) fn told_long_ago(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let app = self.lives.get(&instance).and_then(|life| Some((life, self.apps.get(&life.record.slot.app)?)));
        if app.is_some_and(|(life, app)| can_show(app.spec_of(&life.record))) {
            self.not_well_again(instance, now, out);
        } else {
            self.well_again(instance, now, out);
        }
    }

    /// It has not shown in time that it is well: it is shown as unhealthy, and nothing else is done to it.
    fn not_well_again(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) {
        let Some(life) = self.lives.get_mut(&instance) else { return };
        let slot = life.record.slot.clone();
        let answer = life.care.bad_answer.as_ref().map(|answer| format!(": {answer}")).unwrap_or_default();
        let why = format!("not ready again within start_timeout{answer}");
        life.care.is_well();
        out.push(note(&slot, Some(instance), What::Unhealthy { why: why.clone() }));
        self.begin_care(instance, now, out);
        if let Some(life) = self.lives.get_mut(&instance) {
            life.care.health = Some(HealthView::Unhealthy);
        }
        self.told_in_vain(instance, &why, now, out);
    }

    /// Whether a sick life is replaced by one that is born beside it. `false`: it cannot be.
    pub(crate) fn replaces(&mut self, instance: InstanceId, now: Tick, out: &mut Vec<Effect>) -> bool {
        let Some(life) = self.lives.get(&instance) else { return false };
        let slot = life.record.slot.clone();
        let Some(app) = self.apps.get(&slot.app).filter(|app| app.rolling.is_none()) else { return false };
        let Some(kept) = app.slots.get(&slot.index).filter(|kept| kept.life == Some(instance)) else { return false };
        if kept.next.is_some() {
            return true;
        }
        if !overlaps(&app.definition.spec, Reload::Rolling) {
            return false;
        }
        self.bear_beside(&slot, now, out);
        true
    }
}
