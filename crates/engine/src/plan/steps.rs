//! What is done slot by slot: what the brain will do with the ask, told beforehand.

use super::step;
use crate::SlotView;
use model::{AppSpec, Status, Step, StepAct};
use std::collections::BTreeMap;

/// Whether the slot has a life that stays unless somebody ends it.
pub(super) fn lives(view: &SlotView<'_>) -> bool {
    view.instance.is_some() && !view.ending
}

/// An app that is new. A job begins at once only if it says so and runs.
pub(super) fn of_new(spec: &AppSpec, run: bool, slots: Option<&BTreeMap<u32, bool>>) -> Vec<Step> {
    let wanted = |index: &u32| slots.and_then(|slots| slots.get(index)).copied().unwrap_or(run);
    let begun = (0..spec.instances).filter(|_| begins(spec, run)).filter(wanted);
    begun.map(|index| step(&spec.name, index, StepAct::Start)).collect()
}

fn begins(spec: &AppSpec, run: bool) -> bool {
    spec.schedule.as_ref().is_none_or(|job| run && job.run_at_start)
}

/// Whether there is something to start in an app that is as wished: a slot that is stopped, given up, or in a pause after a crash.
/// A job that rests until its time is in order, and so is one that waits for its next try.
pub(super) fn is_at_rest(spec: &AppSpec, slots: &[SlotView<'_>]) -> bool {
    (0..spec.instances).any(|index| slot_rests(spec, find(slots, index)))
}

fn find<'a, 'b>(slots: &'b [SlotView<'a>], index: u32) -> Option<&'b SlotView<'a>> {
    slots.iter().find(|view| view.slot.index == index)
}

fn slot_rests(spec: &AppSpec, view: Option<&SlotView<'_>>) -> bool {
    let Some(view) = view else { return true };
    let pauses = view.status == Status::Backoff && spec.schedule.is_none();
    !view.wished || view.status == Status::Errored || pauses
}

/// An app that is as wished and of which something rests. What goes on is left alone, what has completed stays so.
pub(super) fn of_start(spec: &AppSpec, slots: &[SlotView<'_>]) -> Vec<Step> {
    if spec.schedule.is_some() {
        // Its schedule goes on again; that is no run.
        return Vec::new();
    }
    let starts = |index: &u32| {
        let view = find(slots, *index);
        slot_rests(spec, view) && !view.is_some_and(lives)
    };
    (0..spec.instances).filter(starts).map(|index| step(&spec.name, index, StepAct::Start)).collect()
}

/// An app that is defined anew: what has no place any more goes, what cannot go on as it is is replaced, what rested begins.
/// `act`: what is done to those that cannot go on as they are; `None`: all can.
pub(super) fn of_change(old: &AppSpec, new: &AppSpec, slots: &[SlotView<'_>], run: bool, act: Option<StepAct>) -> Vec<Step> {
    let renewed = act;
    let another = act.is_some() || old.schedule.is_some() != new.schedule.is_some();
    let last = slots.iter().map(|view| view.slot.index + 1).max().unwrap_or(0);
    let act = |index: u32| match find(slots, index) {
        Some(view) if index >= new.instances => lives(view).then_some(StepAct::Stop),
        Some(view) => of_slot(new, view, run, renewed, another),
        None if index < new.instances => (run && begins(new, run)).then_some(StepAct::Start),
        None => None,
    };
    (0..last.max(new.instances)).filter_map(|index| Some(step(&new.name, index, act(index)?))).collect()
}

fn of_slot(new: &AppSpec, view: &SlotView<'_>, run: bool, renewed: Option<StepAct>, another: bool) -> Option<StepAct> {
    if !run && !view.wished {
        return None;
    }
    if lives(view) {
        return renewed;
    }
    let begins = match view.status {
        _ if new.schedule.is_some() || !run => false,
        Status::Completed => another,
        // Its life ends already: if another was to follow anyway, it follows by itself.
        _ if view.instance.is_some() => !view.wished,
        _ => true,
    };
    begins.then_some(StepAct::Start)
}
