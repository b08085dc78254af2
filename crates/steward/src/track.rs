//! Operations on their way: whether each slot has got where it was wished to be.
//!
//! Pure. A slot's outcome, once it is `ok` or `failed`, stays; a later wish to the contrary ends what is still pending.

mod judge;
mod roll;

pub(crate) use judge::Watch;
pub(crate) use roll::Course;

use crate::store::{Goal, Track};
use api::{ExitView, Operation, OperationKind, OperationState, Outcome, SlotOutcome};
use engine::SlotView;
use judge::{Aim, Judgement, Words, judge};
use model::{AppName, AppSpec, InstanceId, SlotRef, Status, Tick};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// So many operations are remembered; finished ones go first.
const KEPT: usize = 64;
/// How long the end of a failed life's log is waited for. It is there in milliseconds, unless the machine is busy or the disk of the logs full.
const TAIL_WAIT: Duration = Duration::from_secs(3);

/// All operations that can be asked about.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    known: BTreeMap<u64, Tracked>,
    /// What clients wait for who have wished nothing: known only as long as they listen.
    watches: Vec<Tracked>,
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
    aim: Aim,
    outcome: Outcome,
    detail: String,
    /// The last bad answer of a probe that was seen: the life that gave it may be gone when it is asked for.
    bad: Option<String>,
    exit: Option<ExitView>,
    log_tail: Vec<String>,
    /// Failed, and the end of the log is on its way, until then.
    tail_until: Option<Tick>,
}

/// What the tracker asks of the world.
pub(crate) trait World {
    /// The slot now.
    fn slot(&self, slot: &SlotRef) -> Option<SlotView<'_>>;
    /// How the reload of an app stands.
    fn course(&self, app: &AppName) -> Option<Course<'_>>;
    /// The slot's last life that has ended.
    fn last_life(&self, slot: &SlotRef) -> Option<InstanceId>;
    /// Whether bytes of a life are still on their way to its log.
    fn is_draining(&self, instance: InstanceId) -> bool;
    /// The last lines that a life in a slot wrote.
    fn log_tail(&self, slot: &SlotRef, instance: InstanceId) -> Vec<String>;
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
        let slots: Vec<Tracing> = slots.into_iter().map(|(slot, goal)| Tracing::new(slot, Aim::Wish(goal))).collect();
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

    /// Follows what is so, whoever wished it. Nothing is remembered of it once nobody listens.
    pub(crate) fn watch(
        &mut self,
        slots: Vec<(SlotRef, Watch)>,
        world: &impl World,
        now: Tick,
    ) -> watch::Receiver<Arc<Operation>> {
        let mut slots: Vec<Tracing> = slots.into_iter().map(|(slot, watch)| Tracing::new(slot, Aim::Watch(watch))).collect();
        slots.iter_mut().for_each(|tracing| tracing.look(world, now));
        let (said, heard) = watch::channel(Arc::new(Operation {
            id: 0,
            kind: OperationKind::Wait,
            state: OperationState::Running,
            slots: Vec::new(),
            apply: None,
            detail: None,
        }));
        let tracked = Tracked { kind: OperationKind::Wait, apply: None, slots, told: None, said };
        tracked.publish(0);
        self.watches.push(tracked);
        heard
    }

    fn supersede(&mut self, by: u64, slot: &SlotRef, goal: Goal) {
        let contrary = |old: Goal| match (old, goal) {
            (Goal::Roll { generation: old, .. }, Goal::Roll { generation: new, .. }) => old != new,
            (Goal::Run { .. } | Goal::Roll { .. }, Goal::Run { .. } | Goal::Roll { .. }) => false,
            (Goal::Stop | Goal::Gone, Goal::Stop | Goal::Gone) => false,
            (Goal::Run { .. } | Goal::Roll { .. }, _) | (_, Goal::Run { .. } | Goal::Roll { .. }) => true,
        };
        for (id, tracked) in &mut self.known {
            let mut changed = false;
            for tracing in tracked.slots.iter_mut().filter(|tracing| tracing.slot == *slot) {
                let Aim::Wish(old) = tracing.aim else { continue };
                if tracing.outcome == Outcome::Pending && contrary(old) {
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
        let all = self.known.values().chain(&self.watches);
        all.flat_map(|tracked| &tracked.slots).filter_map(|tracing| tracing.tail_until).min()
    }

    /// Looks at every slot that is still on its way.
    pub(crate) fn update(&mut self, world: &impl World, now: Tick) {
        self.watches.retain(|tracked| tracked.said.receiver_count() > 0);
        let watches = self.watches.iter_mut().map(|tracked| (0, tracked));
        for (id, tracked) in self.known.iter_mut().map(|(id, tracked)| (*id, tracked)).chain(watches) {
            let mut changed = false;
            for tracing in tracked.slots.iter_mut().filter(|tracing| tracing.outcome == Outcome::Pending) {
                let before = tracing.clone();
                tracing.look(world, now);
                changed |= *tracing != before;
            }
            if changed {
                tracked.publish(id);
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
    fn new(slot: SlotRef, aim: Aim) -> Tracing {
        let (detail, log_tail) = (String::new(), Vec::new());
        Tracing { slot, aim, outcome: Outcome::Pending, detail, bad: None, exit: None, log_tail, tail_until: None }
    }

    fn outcome(&self) -> SlotOutcome {
        let life = match self.aim {
            Aim::Watch(Watch::Exit(life)) => life,
            Aim::Watch(Watch::Ready | Watch::Stopped) | Aim::Wish(_) => None,
        };
        SlotOutcome {
            app: self.slot.app.to_string(),
            slot: self.slot.to_string(),
            outcome: self.outcome,
            detail: self.detail.clone(),
            log_tail: self.log_tail.clone(),
            instance: life.map(|life| life.to_string()),
            exit: self.exit.clone(),
        }
    }

    fn look(&mut self, world: &impl World, now: Tick) {
        let view = world.slot(&self.slot);
        if let Some(answer) = view.as_ref().and_then(|view| view.bad_answer)
            && self.bad.as_deref() != Some(answer)
        {
            self.bad = Some(answer.to_owned());
        }
        if let (Aim::Watch(Watch::Exit(life @ None)), Some(view)) = (&mut self.aim, &view) {
            *life = view.instance;
        }
        let course = world.course(&self.slot.app);
        let Judgement { outcome, detail, words } = judge(self.aim, &self.slot, view.as_ref(), course, self.bad.as_deref());
        self.detail = detail;
        if outcome == Outcome::Ok && matches!(self.aim, Aim::Watch(Watch::Exit(_))) {
            self.exit = view.as_ref().and_then(|view| view.exit).map(ExitView::from);
        }
        if outcome != Outcome::Failed || words == Words::Nobodys {
            (self.outcome, self.tail_until) = (outcome, None);
            return;
        }
        let whose = match words {
            Words::Nobodys => None,
            Words::Last => world.last_life(&self.slot),
            Words::Now => view.as_ref().and_then(|view| view.instance),
            Words::Of(instance) => Some(instance),
        };
        // Its last words are on their way, unless it speaks on.
        let until = *self.tail_until.get_or_insert(now + TAIL_WAIT);
        let speaks = words != Words::Now && whose.is_some_and(|instance| world.is_draining(instance));
        if now >= until || !speaks {
            self.log_tail = whose.map(|instance| world.log_tail(&self.slot, instance)).unwrap_or_default();
            if let Some(hint) = view.as_ref().and_then(|view| binds_itself(view.spec, &self.log_tail)) {
                self.detail.push_str(&hint);
            }
            (self.outcome, self.tail_until) = (Outcome::Failed, None);
        }
    }
}

/// What an app must hear that tries to bind what is bound for it.
fn binds_itself(spec: &AppSpec, tail: &[String]) -> Option<String> {
    let fails = |line: &&String| line.contains("EADDRINUSE") || line.to_lowercase().contains("address already in use");
    let line = tail.iter().find(fails)?;
    // One that names a port means that one; many name none.
    let named: Vec<u16> = line.split(':').skip(1).filter_map(port_at_the_start).collect();
    let listens = |port: &u16| spec.listen.iter().any(|listen| listen.address.port() == Some(*port));
    let address = &spec.listen.first()?.address;
    (named.is_empty() || named.iter().any(listens)).then(|| {
        format!(
            "; {address} is bound for it already: it must take descriptor 3 (see LISTEN_FDS) and not bind the address itself, or the file \
             must say `port` instead of `listen`"
        )
    })
}

fn port_at_the_start(text: &str) -> Option<u16> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).map_or(text, |end| &text[..end]);
    digits.parse().ok()
}

/// The first life that counts for a start of this slot: the one that fills it and will stay, or the next.
pub(crate) fn floor_of_start(view: Option<&SlotView<'_>>, next: InstanceId) -> InstanceId {
    let stays = view.filter(|view| !view.ending && view.status != Status::Foreign);
    stays.and_then(|view| view.instance).unwrap_or(next)
}

/// What is about the whole house is over when the house says so, whatever its slots do.
fn is_whole(kind: OperationKind) -> bool {
    matches!(kind, OperationKind::Shutdown | OperationKind::Upgrade)
}

#[cfg(test)]
#[path = "track_tests.rs"]
mod tests;
