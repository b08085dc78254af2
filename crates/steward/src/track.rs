//! Operations on their way: whether each slot has got where it was wished to be.
//!
//! Pure. A slot's outcome, once it is `ok` or `failed`, stays; a later wish to the contrary ends what is still pending.

use crate::store::{Goal, Track};
use api::{Operation, OperationKind, OperationState, Outcome, SlotOutcome};
use engine::SlotView;
use model::{End, InstanceId, SlotRef, Status, Tick};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// So many operations are remembered; finished ones go first.
const KEPT: usize = 64;
/// How long the end of a failed life's log is waited for.
const TAIL_WAIT: Duration = Duration::from_secs(1);

/// All operations that can be asked about.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    known: BTreeMap<u64, Tracked>,
}

#[derive(Debug)]
struct Tracked {
    kind: OperationKind,
    apply: Option<api::ApplyReply>,
    slots: Vec<Tracing>,
    /// For what is about the whole house: whether it is over, and how.
    told: Option<Result<(), String>>,
    said: watch::Sender<Arc<Operation>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Tracing {
    slot: SlotRef,
    goal: Goal,
    outcome: Outcome,
    detail: String,
    log_tail: Vec<String>,
    /// Failed, and the end of the log is on its way, until then.
    tail_until: Option<Tick>,
}

/// What the tracker asks of the world.
pub(crate) trait World {
    /// The slot now.
    fn slot(&self, slot: &SlotRef) -> Option<SlotView<'_>>;
    /// Whether bytes of the slot's last life are still on their way to its log.
    fn is_draining(&self, slot: &SlotRef) -> bool;
    /// The last lines that the slot's last life wrote.
    fn log_tail(&self, slot: &SlotRef) -> Vec<String>;
}

impl Tracker {
    /// Follows something that is about the whole house, and over when [`Tracker::tell`] says so.
    pub(crate) fn begin_whole(&mut self, id: u64, kind: OperationKind) -> watch::Receiver<Arc<Operation>> {
        self.begin(id, Track { kind, slots: Vec::new(), apply: None })
    }

    /// Follows a new operation. What it contradicts is over.
    pub(crate) fn begin(&mut self, id: u64, track: Track) -> watch::Receiver<Arc<Operation>> {
        let Track { kind, slots, apply } = track;
        for (slot, goal) in &slots {
            self.supersede(id, slot, *goal);
        }
        let tracing = |(slot, goal)| Tracing {
            slot,
            goal,
            outcome: Outcome::Pending,
            detail: String::new(),
            log_tail: Vec::new(),
            tail_until: None,
        };
        let slots: Vec<Tracing> = slots.into_iter().map(tracing).collect();
        let state = if slots.is_empty() && !is_whole(kind) { OperationState::Done } else { OperationState::Running };
        let detail = None;
        let slots_now = slots.iter().map(Tracing::outcome).collect();
        let first = Operation { id, kind, state, slots: slots_now, apply: apply.clone(), detail };
        let (said, heard) = watch::channel(Arc::new(first));
        self.known.insert(id, Tracked { kind, apply, slots, told: None, said });
        if self.known.len() > KEPT {
            let over = |tracked: &Tracked| tracked.said.borrow().state != OperationState::Running;
            let oldest = self.known.iter().find(|(_, tracked)| over(tracked)).or(self.known.first_key_value()).map(|(id, _)| *id);
            oldest.and_then(|id| self.known.remove(&id));
        }
        heard
    }

    fn supersede(&mut self, by: u64, slot: &SlotRef, goal: Goal) {
        let contrary = |old: Goal| match (old, goal) {
            (Goal::Run { .. }, Goal::Run { .. }) | (Goal::Stop | Goal::Gone, Goal::Stop | Goal::Gone) => false,
            (Goal::Run { .. }, _) | (_, Goal::Run { .. }) => true,
        };
        for (id, tracked) in &mut self.known {
            let mut changed = false;
            for tracing in tracked.slots.iter_mut().filter(|tracing| tracing.slot == *slot) {
                if tracing.outcome == Outcome::Pending && contrary(tracing.goal) {
                    tracing.outcome = Outcome::Failed;
                    tracing.detail = format!("superseded by operation {by}");
                    tracing.tail_until = None;
                    changed = true;
                }
            }
            if changed {
                tracked.publish(*id);
            }
        }
    }

    /// An operation.
    pub(crate) fn get(&self, id: u64) -> Option<watch::Receiver<Arc<Operation>>> {
        self.known.get(&id).map(|tracked| tracked.said.subscribe())
    }

    /// When [`Tracker::update`] is wanted although nothing happens.
    pub(crate) fn deadline(&self) -> Option<Tick> {
        self.known.values().flat_map(|tracked| &tracked.slots).filter_map(|tracing| tracing.tail_until).min()
    }

    /// Looks at every slot that is still on its way.
    pub(crate) fn update(&mut self, world: &impl World, now: Tick) {
        for (id, tracked) in &mut self.known {
            let mut changed = false;
            for tracing in tracked.slots.iter_mut().filter(|tracing| tracing.outcome == Outcome::Pending) {
                let before = tracing.clone();
                tracing.look(world, now);
                changed |= *tracing != before;
            }
            if changed {
                tracked.publish(*id);
            }
        }
    }

    /// The house is empty: what waited for that is done.
    pub(crate) fn farewell(&mut self) {
        for (id, tracked) in self.known.iter_mut().filter(|(_, tracked)| tracked.kind == OperationKind::Shutdown) {
            for tracing in tracked.slots.iter_mut().filter(|tracing| tracing.outcome == Outcome::Pending) {
                tracing.outcome = Outcome::Ok;
                tracing.detail = Status::Stopped.to_string();
            }
            tracked.told = Some(Ok(()));
            tracked.publish(*id);
        }
    }

    /// Something about the whole house is over.
    pub(crate) fn tell(&mut self, id: u64, how: Result<(), String>) {
        if let Some(tracked) = self.known.get_mut(&id) {
            tracked.told = Some(how);
            tracked.publish(id);
        }
    }

    /// Whether anybody still listens to an end of the house, or of this steward, that was just said.
    pub(crate) fn has_listeners(&self) -> bool {
        self.known.values().any(|tracked| is_whole(tracked.kind) && tracked.said.receiver_count() > 0)
    }
}

impl Tracked {
    fn publish(&self, id: u64) {
        let (kind, state, apply) = (self.kind, self.state(), self.apply.clone());
        let detail = self.told.as_ref().and_then(|told| told.clone().err());
        let slots = self.slots.iter().map(Tracing::outcome).collect();
        // Kept also when nobody listens.
        self.said.send_replace(Arc::new(Operation { id, kind, state, slots, apply, detail }));
    }

    fn state(&self) -> OperationState {
        let any = |outcome| self.slots.iter().any(|tracing| tracing.outcome == outcome);
        if any(Outcome::Pending) || (is_whole(self.kind) && self.told.is_none()) {
            OperationState::Running
        } else if any(Outcome::Failed) || matches!(self.told, Some(Err(_))) {
            OperationState::Failed
        } else {
            OperationState::Done
        }
    }
}

impl Tracing {
    fn outcome(&self) -> SlotOutcome {
        SlotOutcome {
            app: self.slot.app.to_string(),
            slot: self.slot.to_string(),
            outcome: self.outcome,
            detail: self.detail.clone(),
            log_tail: self.log_tail.clone(),
        }
    }

    fn look(&mut self, world: &impl World, now: Tick) {
        let view = world.slot(&self.slot);
        let (outcome, detail) = judge(self.goal, view.as_ref());
        self.detail = detail;
        if outcome != Outcome::Failed || view.is_none() {
            (self.outcome, self.tail_until) = (outcome, None);
            return;
        }
        // Its last words are on their way.
        let until = *self.tail_until.get_or_insert(now + TAIL_WAIT);
        if now >= until || !world.is_draining(&self.slot) {
            self.log_tail = world.log_tail(&self.slot);
            (self.outcome, self.tail_until) = (Outcome::Failed, None);
        }
    }
}

/// Whether the slot is where it should be, and a word on it.
fn judge(goal: Goal, view: Option<&SlotView<'_>>) -> (Outcome, String) {
    let Some(view) = view else {
        return match goal {
            Goal::Run { .. } => (Outcome::Failed, "the slot is no more".to_owned()),
            Goal::Stop | Goal::Gone => (Outcome::Ok, "gone".to_owned()),
        };
    };
    let word = match &view.why {
        Some(why) => format!("{}: {why}", view.status),
        None => view.status.to_string(),
    };
    let outcome = match goal {
        Goal::Run { floor, patient } => match view.status {
            _ if view.ran.is_some_and(|ran| ran >= floor) => Outcome::Ok,
            Status::Completed => Outcome::Ok,
            Status::Errored => Outcome::Failed,
            Status::Backoff if !patient => {
                let end = view.exit.map_or_else(String::new, End::to_string);
                return (Outcome::Failed, format!("{end}; it is tried again"));
            }
            _ => Outcome::Pending,
        },
        Goal::Stop => {
            let at_rest = matches!(view.status, Status::Stopped | Status::Completed | Status::Errored) && view.instance.is_none();
            if at_rest { Outcome::Ok } else { Outcome::Pending }
        }
        Goal::Gone => Outcome::Pending,
    };
    (outcome, word)
}

/// The first life that counts for a start of this slot: the one that fills it and will stay, or the next.
pub(crate) fn floor_of_start(view: Option<&SlotView<'_>>, next: InstanceId) -> InstanceId {
    match view {
        Some(view) if matches!(view.status, Status::Starting | Status::Running | Status::Ready | Status::Unhealthy) => {
            view.instance.unwrap_or(next)
        }
        _ => next,
    }
}

/// What is about the whole house is over when the house says so, whatever its slots do.
fn is_whole(kind: OperationKind) -> bool {
    matches!(kind, OperationKind::Shutdown | OperationKind::Upgrade)
}

#[cfg(test)]
#[path = "track_tests.rs"]
mod tests;
