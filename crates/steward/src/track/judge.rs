//! Whether a slot is where it should be.

use super::roll::{self, Course};
use crate::store::Goal;
use api::{Outcome, Until};
use engine::SlotView;
use model::{End, Fault, InstanceId, SlotRef, Status};

/// What is waited for in one slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Aim {
    /// That a wish comes true.
    Wish(Goal),
    /// That something is so, whoever wished it.
    Watch(Watch),
}

/// What a client waits for that has wished nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// It is ready; without a readiness of its own: it runs.
    Ready,
    /// It rests.
    Stopped,
    /// This life of it has ended, or (not known yet) the next that is seen.
    Exit(Option<InstanceId>),
}

/// What is to be said of a slot.
#[derive(Debug, PartialEq)]
pub(super) struct Judgement {
    pub(super) outcome: Outcome,
    pub(super) detail: String,
    /// Whose log says more about a failure.
    pub(super) words: Words,
}

/// Whose log says more about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// Nobody's.
    Nobodys,
    /// That of the slot's last life that has ended.
    Last,
    /// That of the life that fills the slot.
    Now,
    /// That of this one.
    Of(InstanceId),
}

impl Judgement {
    pub(super) fn failed(detail: String, words: Words) -> Judgement {
        Judgement { outcome: Outcome::Failed, detail, words }
    }

    pub(super) fn pending(detail: String) -> Judgement {
        Judgement { outcome: Outcome::Pending, detail, words: Words::Nobodys }
    }
}

impl Watch {
    /// What `until` means for a slot that has this life now.
    pub(crate) fn of(until: Until, life: Option<InstanceId>) -> Watch {
        match until {
            Until::Ready => Watch::Ready,
            Until::Stopped => Watch::Stopped,
            Until::Exit => Watch::Exit(life),
        }
    }
}

/// Looks at a slot and at the reload of its app; `bad` is the last bad answer of a probe that was seen on the way.
pub(super) fn judge(
    aim: Aim,
    slot: &SlotRef,
    view: Option<&SlotView<'_>>,
    course: Option<Course<'_>>,
    bad: Option<&str>,
) -> Judgement {
    if let Aim::Wish(goal) = aim
        && let Some(wanted) = roll::Wanted::of(goal)
    {
        return roll::judge(wanted, slot, view, course, bad);
    }
    let Some(view) = view else {
        let (outcome, detail) = match aim {
            Aim::Wish(Goal::Run { .. } | Goal::Roll { .. }) | Aim::Watch(Watch::Ready) => {
                (Outcome::Failed, "the slot is no more")
            }
            Aim::Wish(Goal::Stop | Goal::Gone) | Aim::Watch(Watch::Stopped | Watch::Exit(_)) => (Outcome::Ok, "gone"),
        };
        return Judgement { outcome, detail: detail.to_owned(), words: Words::Nobodys };
    };
    // Of two generations neither is what there will be.
    if let (Aim::Watch(Watch::Ready), Some(judgement)) = (aim, course.and_then(|course| roll::under_way(view, course))) {
        return judgement;
    }
    let (outcome, detail) = match aim {
        Aim::Wish(Goal::Run { floor, patient, ready }) => run(view, floor, patient, ready, bad),
        Aim::Wish(Goal::Stop) | Aim::Watch(Watch::Stopped) => (if rests(view) { Outcome::Ok } else { Outcome::Pending }, None),
        Aim::Wish(Goal::Gone | Goal::Roll { .. }) => (Outcome::Pending, None),
        Aim::Watch(Watch::Ready) => ready_now(view),
        Aim::Watch(Watch::Exit(life)) => ended(view, life),
    };
    let words = if matches!(view.status, Status::Waiting | Status::Stopped) { Words::Nobodys } else { Words::Last };
    Judgement { outcome, detail: detail.unwrap_or_else(|| word(view, bad)), words }
}

pub(super) type Found = (Outcome, Option<String>);

pub(super) fn run(view: &SlotView<'_>, floor: InstanceId, patient: bool, ready: bool, bad: Option<&str>) -> Found {
    let lived = if ready { view.was_ready } else { view.ran };
    let outcome = match view.status {
        _ if lived.is_some_and(|life| life >= floor) => Outcome::Ok,
        Status::Completed => Outcome::Ok,
        Status::Errored => Outcome::Failed,
        Status::Waiting if view.hopeless => Outcome::Failed,
        // A job waits for its time, and is in order.
        Status::Waiting if view.spec.schedule.is_some() => Outcome::Ok,
        // Something else has stopped it meanwhile.
        Status::Stopped if !view.wished => Outcome::Failed,
        Status::Backoff if !patient => return (Outcome::Failed, Some(format!("{}; it is tried again", cause(view, bad)))),
        _ => Outcome::Pending,
    };
    (outcome, None)
}

fn ready_now(view: &SlotView<'_>) -> Found {
    let outcome = match view.status {
        Status::Ready => Outcome::Ok,
        Status::Running if !view.spec.has_readiness() => Outcome::Ok,
        Status::Errored | Status::Completed => Outcome::Failed,
        Status::Waiting if view.hopeless => Outcome::Failed,
        Status::Stopped if !view.wished => Outcome::Failed,
        _ => Outcome::Pending,
    };
    (outcome, None)
}

fn ended(view: &SlotView<'_>, life: Option<InstanceId>) -> Found {
    let how = || view.exit.map(End::to_string);
    match (view.instance, life) {
        (Some(now), Some(life)) if now == life => (Outcome::Pending, None),
        // The life that was looked at is gone, whatever has come after it.
        (_, Some(_)) => (Outcome::Ok, how()),
        (Some(_), None) => (Outcome::Pending, None),
        (None, None) => match view.status {
            Status::Stopped | Status::Completed | Status::Errored | Status::Backoff if view.exit.is_some() => {
                (Outcome::Ok, how())
            }
            Status::Stopped if !view.wished => (Outcome::Failed, Some("stopped: it has never run".to_owned())),
            Status::Errored => (Outcome::Failed, None),
            Status::Waiting if view.hopeless => (Outcome::Failed, None),
            _ => (Outcome::Pending, None),
        },
    }
}

fn rests(view: &SlotView<'_>) -> bool {
    matches!(view.status, Status::Stopped | Status::Completed | Status::Errored) && view.instance.is_none()
}

/// Why the last life ended, in words.
fn cause(view: &SlotView<'_>, bad: Option<&str>) -> String {
    match (view.fault, bad) {
        (Some(Fault::StartTimeout), Some(bad)) => format!("{} (last answer: {bad})", Fault::StartTimeout),
        (Some(fault), _) => fault.to_string(),
        (None, _) => view.exit.map_or_else(String::new, End::to_string),
    }
}

/// Its status and more about it.
pub(super) fn word(view: &SlotView<'_>, bad: Option<&str>) -> String {
    let mut text = match &view.why {
        Some(why) => format!("{}: {why}", view.status),
        None => view.status.to_string(),
    };
    let answer = match view.status {
        Status::Starting => view.bad_answer,
        Status::Errored if view.fault == Some(&Fault::StartTimeout) => bad,
        _ => None,
    };
    if let Some(answer) = answer.filter(|answer| !text.contains(answer)) {
        text.push_str(&format!(" (last answer: {answer})"));
    }
    text
}
