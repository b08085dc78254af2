//! How far the apps are that another waits for, as `status` shows it. What is born when is the engine's to decide.

use api::DependencyView;
use engine::SlotView;
use model::{Condition, Dependency, Status};
use std::collections::BTreeMap;

/// Each dependency, and how it is.
pub(super) fn depends_on(dependencies: &[Dependency], slots: &[SlotView<'_>]) -> Vec<DependencyView> {
    let view = |dependency: &Dependency| {
        let of: Vec<&SlotView<'_>> = slots.iter().filter(|view| view.slot.app == dependency.app).collect();
        DependencyView {
            app: dependency.app.to_string(),
            condition: dependency.condition.word().to_owned(),
            required: dependency.required,
            holds: !of.is_empty() && of.iter().all(|view| holds(dependency.condition, view)),
            status: statuses(&of),
        }
    };
    dependencies.iter().map(view).collect()
}

fn holds(condition: Condition, view: &SlotView<'_>) -> bool {
    let runs = matches!(view.status, Status::Running | Status::Ready | Status::Unhealthy | Status::Reloading);
    match condition {
        // A life may run for long before it is ready.
        Condition::Started => runs || (view.status == Status::Starting && view.since.is_some()),
        Condition::Ready if view.spec.has_readiness() => view.status == Status::Ready,
        Condition::Ready => runs,
        Condition::Completed => matches!(view.status, Status::Completed | Status::Errored),
        Condition::CompletedOk => view.status == Status::Completed,
    }
}

/// `ready`, `2 ready, 1 starting`, `unknown`.
fn statuses(slots: &[&SlotView<'_>]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    slots.iter().for_each(|view| *counts.entry(view.status.word()).or_default() += 1);
    match counts.len() {
        0 => "unknown".to_owned(),
        1 => counts.keys().copied().collect(),
        _ => counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", "),
    }
}
