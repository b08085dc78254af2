//! What the clock and changed files begin: runs of jobs, restarts by the clock, restarts because of an edit.

use crate::app::App;
use crate::engine::{Engine, note};
use crate::{Effect, Note, What};
use model::{AppName, ByUser, Overlap, SlotRef, Tick, WatchAction};

impl Engine {
    /// A run of a job is due in each of its slots.
    pub(crate) fn due(&mut self, name: &AppName, late: bool, now: Tick, out: &mut Vec<Effect>) {
        let Some(app) = self.apps.get(name).filter(|app| !app.deleting) else { return };
        let Some(overlap) = app.definition.spec.schedule.as_ref().map(|job| job.overlap) else { return };
        let wanted = wanted_slots(name, app);
        if wanted.is_empty() {
            return;
        }
        out.push(about(name, What::Due { late }));
        for slot in wanted {
            match self.slot_mut(&slot).and_then(|kept| kept.life) {
                None => self.run_now(&slot, now, out),
                Some(instance) => {
                    out.push(note(&slot, Some(instance), What::Overlap { overlap }));
                    let Some(kept) = self.slot_mut(&slot) else { continue };
                    match overlap {
                        Overlap::Skip => {}
                        Overlap::Queue => kept.queued = true,
                        Overlap::Replace => {
                            kept.due = true;
                            self.end_life(instance, ByUser::Restart, now, out);
                        }
                    }
                }
            }
        }
    }

    /// Begins a run of a job, whatever became of the one before.
    pub(crate) fn run_now(&mut self, slot: &SlotRef, now: Tick, out: &mut Vec<Effect>) {
        self.forgive(slot, out);
        if let Some(kept) = self.slot_mut(slot) {
            kept.due = true;
        }
        self.settle(slot, now, out);
    }

    /// Restarts what runs of an app.
    pub(crate) fn restart_due(&mut self, name: &AppName, now: Tick, out: &mut Vec<Effect>) {
        if self.renew(name, out) {
            return out.push(about(name, What::CronRestart));
        }
        for slot in self.apps.get(name).map(|app| wanted_slots(name, app)).unwrap_or_default() {
            if let Some(instance) = self.slot_mut(&slot).and_then(|kept| kept.life) {
                out.push(note(&slot, Some(instance), What::CronRestart));
                self.end_life(instance, ByUser::Restart, now, out);
            }
        }
    }

    /// Restarts what runs of an app, and begins anew what failed: the edit may have mended it.
    pub(crate) fn changed(&mut self, name: &AppName, paths: Vec<String>, now: Tick, out: &mut Vec<Effect>) {
        let Some(app) = self.apps.get(name).filter(|app| !app.deleting) else { return };
        let Some(cascade) = app.definition.spec.watch.as_ref().map(|watch| watch.cascade) else { return };
        let reloads = app.definition.spec.watch.as_ref().is_some_and(|watch| watch.action == WatchAction::Reload);
        let wanted = wanted_slots(name, app);
        let Some(leader) = wanted.first().cloned() else { return };
        out.push(about(name, What::Changed { paths }));
        if reloads && self.renew(name, out) {
            return self.cascade(name, cascade, &leader, now, out);
        }
        for slot in wanted {
            self.forgive(&slot, out);
            match self.slot_mut(&slot).and_then(|kept| kept.life) {
                Some(instance) => self.end_life(instance, ByUser::Restart, now, out),
                None => self.settle(&slot, now, out),
            }
        }
        self.cascade(name, cascade, &leader, now, out);
    }

    /// Apps that depend on one that was changed follow it.
    fn cascade(&mut self, name: &AppName, follows: bool, leader: &SlotRef, now: Tick, out: &mut Vec<Effect>) {
        if follows {
            let mut seen = vec![name.clone()];
            while let Some(next) = self.next_dependent(&seen) {
                self.follow(&next, leader, now, out);
                seen.push(next);
            }
        }
    }

    /// An app that depends, directly or not, on the first of `seen` and is not among them.
    fn next_dependent(&self, seen: &[AppName]) -> Option<AppName> {
        let depends = |app: &App| app.definition.spec.depends_on.iter().any(|need| seen.contains(&need.app));
        self.apps.iter().find(|(name, app)| !seen.contains(name) && depends(app)).map(|(name, _)| name.clone())
    }
}

/// The slots of an app that are to have a life.
fn wanted_slots(name: &AppName, app: &App) -> Vec<SlotRef> {
    app.slots.keys().filter(|index| app.wants(**index)).map(|index| SlotRef::new(name, *index)).collect()
}

fn about(app: &AppName, what: What) -> Effect {
    Effect::Journal(Note { app: app.clone(), slot: None, instance: None, what })
}
