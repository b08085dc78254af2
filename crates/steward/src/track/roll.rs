//! Whether a slot is where the reload of its app should have brought it.
//!
//! How a reload ends stands in the store and not in the slots: a later slot that fails brings all of them back. So nothing is said of a slot before
//! the reload of its app is over, and a client that asks a new steward hears the same.

use super::judge::{Judgement, Words, run, word};
use crate::store::{FailedRoll, Goal};
use api::Outcome;
use engine::SlotView;
use model::{Generation, InstanceId, Reload, Rolling, SlotRef, Status};

/// How the reload of an app stands, as the store has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Course<'a> {
    /// The generation that the app has.
    pub(crate) generation: Generation,
    /// The reload to it, if that is under way.
    pub(crate) rolling: Option<&'a Rolling>,
    /// The last reload that failed.
    pub(crate) failed: Option<&'a FailedRoll>,
}

/// What an operation waits for that reloads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wanted {
    pub(super) generation: Generation,
    pub(super) floor: InstanceId,
    pub(super) ready: bool,
}

impl Wanted {
    pub(super) fn of(goal: Goal) -> Option<Wanted> {
        match goal {
            Goal::Roll { generation, floor, ready } => Some(Wanted { generation, floor, ready }),
            Goal::Run { .. } | Goal::Stop | Goal::Gone => None,
        }
    }
}

/// Looks at a slot and at the reload of its app.
pub(super) fn judge(
    wanted: Wanted,
    slot: &SlotRef,
    view: Option<&SlotView<'_>>,
    course: Option<Course<'_>>,
    bad: Option<&str>,
) -> Judgement {
    let Some(Course { generation, rolling, failed }) = course else {
        return Judgement::failed("the app is no more".to_owned(), Words::Nobodys);
    };
    if let Some(failed) = failed.filter(|failed| failed.generation == wanted.generation) {
        return match rolling.filter(|rolling| rolling.back) {
            Some(rolling) if rolling.given_up => gave_up(failed, slot, view, generation),
            Some(rolling) => Judgement::pending(format!("rolling back: {}", progress(view, generation, rolling.how))),
            None if generation == wanted.generation => told_in_vain(failed, wanted, slot, view, bad),
            None => rolled_back(failed, slot),
        };
    }
    match rolling.filter(|rolling| !rolling.given_up) {
        _ if generation != wanted.generation => Judgement::failed("superseded by a later reload".to_owned(), Words::Nobodys),
        Some(rolling) => Judgement::pending(progress(view, generation, rolling.how)),
        None => over(wanted, view, bad),
    }
}

/// What is said of a slot to somebody who waits for the app to be ready, while that is reloaded.
pub(super) fn under_way(view: &SlotView<'_>, course: Course<'_>) -> Option<Judgement> {
    let rolling = course.rolling.filter(|rolling| !rolling.given_up && view.wished)?;
    Some(Judgement::pending(progress(Some(view), course.generation, rolling.how)))
}

/// Why, without the name of the slot that is said anyway.
fn why<'a>(failed: &'a FailedRoll, slot: &SlotRef) -> &'a str {
    failed.why.strip_prefix(&format!("{slot}: ")).unwrap_or(&failed.why)
}

/// A life that got a signal is not well since: it stays, and so do the others.
fn told_in_vain(
    failed: &FailedRoll,
    wanted: Wanted,
    slot: &SlotRef,
    view: Option<&SlotView<'_>>,
    bad: Option<&str>,
) -> Judgement {
    match failed.slot.as_ref() == Some(slot) {
        true => {
            let died = failed.instance.filter(|instance| view.is_none_or(|view| view.instance != Some(*instance)));
            Judgement::failed(why(failed, slot).to_owned(), died.map_or(Words::Now, Words::Of))
        }
        false => over(wanted, view, bad),
    }
}

/// The slot whose life failed says why; of the others there is nothing to say but that.
fn rolled_back(failed: &FailedRoll, slot: &SlotRef) -> Judgement {
    match (&failed.slot, failed.instance) {
        (Some(of), Some(instance)) if of == slot => {
            Judgement::failed(format!("{}; rolled back", why(failed, slot)), Words::Of(instance))
        }
        (Some(_), _) => Judgement::failed("rolled back".to_owned(), Words::Nobodys),
        (None, _) => Judgement::failed(format!("{}; rolled back", failed.why), Words::Nobodys),
    }
}

/// The way back has failed as well: what of the new generation has taken a place stays there.
fn gave_up(failed: &FailedRoll, slot: &SlotRef, view: Option<&SlotView<'_>>, generation: Generation) -> Judgement {
    let stays = view.filter(|view| view.generation != generation).and_then(|view| view.instance);
    match stays {
        Some(instance) => {
            Judgement::failed(format!("the new life {instance} stays: the way back has failed too"), Words::Nobodys)
        }
        None => rolled_back(failed, slot),
    }
}

/// The reload is over, and there is no way back from it.
fn over(wanted: Wanted, view: Option<&SlotView<'_>>, bad: Option<&str>) -> Judgement {
    let Some(view) = view else { return Judgement { outcome: Outcome::Ok, detail: "gone".to_owned(), words: Words::Nobodys } };
    if view.status == Status::Unhealthy {
        return Judgement::failed(word(view, bad), Words::Now);
    }
    let (outcome, detail) = run(view, wanted.floor, false, wanted.ready, bad);
    Judgement { outcome, detail: detail.unwrap_or_else(|| word(view, bad)), words: Words::Last }
}

/// How far a slot is while its app is reloaded.
fn progress(view: Option<&SlotView<'_>>, generation: Generation, how: Reload) -> String {
    let Some(view) = view else { return "gone".to_owned() };
    if let Some(next) = &view.next {
        let mut text = format!("new life {} is {}", next.instance, next.status);
        match (&next.why, next.bad_answer) {
            (Some(why), _) => text.push_str(&format!(": {why}")),
            (None, Some(answer)) => text.push_str(&format!(" (last answer: {answer})")),
            (None, None) => {}
        }
        return text;
    }
    if !view.leaving.is_empty() {
        let leaving: Vec<String> = view.leaving.iter().map(ToString::to_string).collect();
        return format!("draining {}", leaving.join(", "));
    }
    let status = word(view, None);
    match view.instance {
        Some(instance) if view.generation != generation && view.ending => format!("stopping {instance}"),
        Some(_) if view.generation != generation => format!("its turn is to come ({status})"),
        Some(_) if how == Reload::Hup => format!("told by signal, and {status}"),
        Some(instance) if matches!(view.status, Status::Ready | Status::Running) => format!("replaced by {instance}"),
        Some(instance) => format!("new life {instance} is {status}"),
        None => status,
    }
}
