//! A wish on its way: sends a write, follows the operation, shows its progress, and says how it ended.

use crate::escape::{shown, shown_word};
use crate::failure::{Exit, Failure};
use crate::house::{House, fresh_key};
use crate::screen::{DIM, GREEN, RED, Screen, paint};
use api::client::{ClientError, PathBuilder, Request};
use api::{Operation, OperationKind, OperationState, Outcome, SlotOutcome};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use sys::farewell::Farewell;

/// How often the line with what is pending is drawn anew on a terminal.
const TICK: Duration = Duration::from_millis(100);
/// What an interrupt says while a wish is on its way. Where no line is drawn again and again there is none to be ended first.
const GOES_ON: &str = "\nno longer waiting; what was asked goes on, and `abide list` shows how far it is\n";
/// So many slots are named of those of which the same is said.
const NAMED: usize = 5;
/// How long to try on a broken stream before giving up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a command waits for its wish to come true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Until it is accepted.
    Not,
    /// Until it is done, at most so long.
    For(Option<Duration>),
}

impl Waiting {
    /// From the flags.
    pub fn from_flags(no_wait: bool, timeout: Option<Duration>) -> Waiting {
        if no_wait { Waiting::Not } else { Waiting::For(timeout) }
    }
}

/// Sends a write and waits as asked. Returns the operation as it is then: running only for [`Waiting::Not`].
///
/// # Errors
/// It was refused, cannot be sent, or is not done in time. An operation that ends failed is not an error here.
pub fn carry_out(
    house: &House,
    screen: &Screen,
    path: PathBuilder,
    method: fn(String) -> Request,
    body: Option<&impl serde::Serialize>,
    waiting: Waiting,
) -> Result<Operation, Failure> {
    let stream = waiting != Waiting::Not;
    let mut request = method(path.flag("follow", stream).build()).idempotency_key(fresh_key());
    if let Some(body) = body {
        request = request.json(body)?;
    }
    match waiting {
        Waiting::Not => {
            let mut operation: Operation = house.ask(&request)?;
            // That it is accepted is all that was asked; what has come of it already is for `abide list`.
            if operation.state == OperationState::Failed {
                operation.state = OperationState::Running;
            }
            Ok(operation)
        }
        Waiting::For(timeout) => match follow(house, screen, |_| request.clone(), timeout, true)? {
            Followed::Over(operation) => Ok(operation),
            Followed::Late { last, waited } => Err(not_in_time(last.as_ref(), waited)),
        },
    }
}

/// How following an operation ended.
#[derive(Debug)]
pub enum Followed {
    /// It is over, well or not.
    Over(Operation),
    /// It is not over in time; how it was last.
    Late {
        /// Nothing was heard at all if there is none.
        last: Option<Operation>,
        /// How long that was.
        waited: Duration,
    },
}

/// Follows the operation that `ask` asks for, given what was last heard when it is asked again after a stream broke. `goes_on`: it goes on without us,
/// and somebody who interrupts us is told so.
///
/// # Errors
/// It was refused, or cannot be asked for.
pub fn follow(
    house: &House,
    screen: &Screen,
    ask: impl Fn(Option<&Operation>) -> Request,
    timeout: Option<Duration>,
    goes_on: bool,
) -> Result<Followed, Failure> {
    let begun = Instant::now();
    let mut progress = Progress::new(screen, begun);
    let mut last: Option<Operation> = None;
    let mut broken: Option<Instant> = None;
    let mut farewell = None;
    loop {
        let mut lines = house.stream::<Operation>(&ask(last.as_ref())).inspect_err(|_| progress.clear())?;
        loop {
            let wait = match (progress.ticks(), timeout.map(|limit| limit.saturating_sub(begun.elapsed()))) {
                (true, Some(left)) => Some(TICK.min(left)),
                (true, None) => Some(TICK),
                (false, left) => left,
            };
            // Zero would mean "for ever".
            let wait = wait.map(|wait| wait.max(Duration::from_millis(1)));
            let line = lines.stream().set_read_timeout(wait).map_err(ClientError::Broken).and_then(|()| lines.next_line());
            match line {
                Ok(Some(operation)) => {
                    broken = None;
                    if goes_on && farewell.is_none() {
                        // Without it an interrupt ends us in silence; that is no reason not to wait.
                        farewell = Farewell::set(if progress.ticks() { GOES_ON } else { GOES_ON.trim_start() }).ok().flatten();
                    }
                    progress.show(&operation);
                    if operation.state != OperationState::Running {
                        progress.clear();
                        return Ok(Followed::Over(operation));
                    }
                    last = Some(operation);
                }
                Err(ClientError::NotYet) => progress.tick(last.as_ref()),
                // The steward went away: the next one knows the operation by its key.
                Ok(None) | Err(ClientError::Broken(_)) if broken.get_or_insert_with(Instant::now).elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(20));
                    break;
                }
                Ok(None) => {
                    progress.clear();
                    return Err(ClientError::Broken(std::io::ErrorKind::UnexpectedEof.into()).into());
                }
                Err(error) => {
                    progress.clear();
                    return Err(error.into());
                }
            }
            if timeout.is_some_and(|limit| begun.elapsed() >= limit) {
                progress.clear();
                return Ok(Followed::Late { last, waited: begun.elapsed() });
            }
        }
    }
}

fn not_in_time(last: Option<&Operation>, waited: Duration) -> Failure {
    Failure::new(Exit::No, format!("not done after {}{}", model::format_span(waited), pending(last)))
        .next("it goes on all the same; `abide list` shows how far it is")
}

/// The slots that have not got there, as the end of a sentence: `: web-0 (starting)`.
pub fn pending(last: Option<&Operation>) -> String {
    let pending: Vec<String> = last
        .iter()
        .flat_map(|operation| &operation.slots)
        .filter(|slot| slot.outcome == Outcome::Pending)
        .map(|slot| format!("{} ({})", shown_word(&slot.slot), shown(&slot.detail)))
        .collect();
    if pending.is_empty() { String::new() } else { format!(": {}", pending.join(", ")) }
}

/// Says of each failed slot why, and the end of its log.
pub fn explain(screen: &Screen, operation: &Operation) {
    for slots in alike(operation) {
        let names: Vec<_> = slots.iter().take(NAMED).map(|slot| shown_word(&slot.slot)).collect();
        let more = if slots.len() > NAMED { format!(" and {} more", slots.len() - NAMED) } else { String::new() };
        let detail = shown(&slots[0].detail);
        let mut text = format!("{} {}{more}: {detail}", paint(screen.err_colour, RED, "failed:"), names.join(", "));
        for line in &slots[0].log_tail {
            text.push_str(&format!("\n  {} {}", paint(screen.err_colour, DIM, "|"), shown(line)));
        }
        screen.err(&text);
    }
}

/// Failed slots, each alone; but those of one app of which there is only one thing to say are together, at the place of the first.
fn alike(operation: &Operation) -> Vec<Vec<&SlotOutcome>> {
    let mut groups: Vec<Vec<&SlotOutcome>> = Vec::new();
    for slot in operation.slots.iter().filter(|slot| slot.outcome == Outcome::Failed) {
        let same = |group: &&mut Vec<&SlotOutcome>| {
            let first = group[0];
            first.app == slot.app && first.detail == slot.detail && first.log_tail.is_empty() && slot.log_tail.is_empty()
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(slot),
            None => groups.push(vec![slot]),
        }
    }
    groups
}

/// The failure that a failed operation is, already explained by [`explain`].
pub fn failed(operation: &Operation) -> Failure {
    let apps: BTreeSet<&str> =
        operation.slots.iter().filter(|slot| slot.outcome == Outcome::Failed).map(|slot| slot.app.as_str()).collect();
    let app = apps.first().copied().unwrap_or("APP");
    let goes_back = |slot: &SlotOutcome| slot.outcome == Outcome::Failed && slot.detail.ends_with("rolled back");
    let what = match operation.kind {
        OperationKind::Apply if operation.slots.iter().any(goes_back) => "rolled back to what ran before",
        OperationKind::Apply | OperationKind::Start => "failed to start",
        OperationKind::Rollback => "rolled back, but failed to start",
        OperationKind::Stop => "failed to stop",
        OperationKind::Restart => "failed to restart",
        OperationKind::Reload => "failed to reload",
        OperationKind::Scale => "failed to scale",
        OperationKind::Reset => "reset, but failed to start",
        OperationKind::Wait => "cannot get there any more",
        OperationKind::Delete => "failed to delete",
        OperationKind::Shutdown => "failed to stop the manager",
        OperationKind::Upgrade => "failed to upgrade the manager",
    };
    let names: Vec<_> = apps.iter().map(|app| shown_word(app)).collect();
    Failure::new(Exit::No, format!("{what}: {}", names.join(", ")))
        .next(format!("`abide logs {app}` shows what it said, `abide status {app}` what happened"))
}

/// The progress of one operation on standard error: a line for each slot that has got somewhere; on a terminal also one line, drawn again and
/// again, with what is pending.
struct Progress<'a> {
    screen: &'a Screen,
    begun: Instant,
    told: BTreeSet<(String, bool)>,
    /// For a reload: how far each slot was when it was last said.
    stages: BTreeMap<String, String>,
    drawn: bool,
    turn: usize,
}

impl<'a> Progress<'a> {
    fn new(screen: &'a Screen, begun: Instant) -> Progress<'a> {
        Progress { screen, begun, told: BTreeSet::new(), stages: BTreeMap::new(), drawn: false, turn: 0 }
    }

    /// Whether a line is drawn again and again.
    fn ticks(&self) -> bool {
        self.screen.err_live && !self.screen.quiet
    }

    fn show(&mut self, operation: &Operation) {
        if self.screen.quiet {
            return;
        }
        for slot in &operation.slots {
            let ok = slot.outcome == Outcome::Ok;
            if operation.kind == OperationKind::Reload && slot.outcome == Outcome::Pending {
                self.stage(slot);
            }
            // What failed is explained at the end, once.
            if ok && self.told.insert((slot.slot.clone(), ok)) {
                self.clear();
                self.screen.err(&outcome_line(slot, self.screen.err_colour, self.begun.elapsed()));
            }
        }
        self.tick(Some(operation));
    }

    /// Says how far a slot is in a reload, once for each stage; on a terminal the line that is drawn again and again says it.
    fn stage(&mut self, slot: &SlotOutcome) {
        let stage = stage_of(&slot.detail);
        // Neither whose turn is to come, nor what is explained at the end.
        let moves = ["new life ", "draining ", "stopping ", "replaced ", "told ", "rolling back: "];
        let is_move = moves.iter().any(|word| stage.starts_with(word));
        if self.ticks() || !is_move || self.stages.get(&slot.slot).is_some_and(|said| said == stage) {
            return;
        }
        self.stages.insert(slot.slot.clone(), stage.to_owned());
        let after = paint(self.screen.err_colour, DIM, &format!("({:.1}s)", self.begun.elapsed().as_secs_f64()));
        self.screen.err(&format!("   {} {} {after}", shown_word(&slot.slot), shown(stage)));
    }

    fn tick(&mut self, operation: Option<&Operation>) {
        let Some(operation) = operation.filter(|_| self.ticks()) else { return };
        let pending: Vec<&SlotOutcome> = operation.slots.iter().filter(|slot| slot.outcome == Outcome::Pending).collect();
        self.clear();
        if pending.is_empty() {
            return;
        }
        let wheel = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
        self.turn += 1;
        let mut words: Vec<String> =
            pending.iter().take(3).map(|slot| format!("{} {}", shown_word(&slot.slot), shown(&slot.detail))).collect();
        if pending.len() > 3 {
            words.push(format!("and {} more", pending.len() - 3));
        }
        let text = format!("{} {:.1}s  {}", wheel[self.turn % wheel.len()], self.begun.elapsed().as_secs_f64(), words.join(", "));
        // One line only, or it could not be taken back.
        let text: String = text.chars().take(self.screen.err_width().saturating_sub(1)).collect();
        self.raw(&text);
        self.drawn = true;
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            self.raw("\r\u{1b}[2K");
        }
    }

    fn raw(&self, text: &str) {
        use std::io::Write as _;
        let mut err = std::io::stderr().lock();
        // If standard error is gone there is nobody to show it to.
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }
}

/// What of a detail is the stage: not the last answer of a probe, which is another each time.
fn stage_of(detail: &str) -> &str {
    let end = [detail.find(" (last answer"), detail.find(": it is not ready")].into_iter().flatten().min();
    end.map_or(detail, |end| &detail[..end])
}

fn outcome_line(slot: &SlotOutcome, colour: bool, after: Duration) -> String {
    let name = shown_word(&slot.slot);
    let time = paint(colour, DIM, &format!("({:.1}s)", after.as_secs_f64()));
    format!("{} {name} {} {time}", paint(colour, GREEN, "ok"), shown(&slot.detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(name: &str, outcome: Outcome, detail: &str) -> SlotOutcome {
        let app = name.split('-').next().unwrap_or_default().to_owned();
        SlotOutcome {
            app,
            slot: name.to_owned(),
            outcome,
            detail: detail.to_owned(),
            log_tail: Vec::new(),
            instance: None,
            exit: None,
        }
    }

    fn operation(state: OperationState) -> Operation {
        let slots = vec![
            slot("web-0", Outcome::Ok, "running"),
            slot("web-1", Outcome::Failed, "exit code 1"),
            slot("db-0", Outcome::Pending, "starting\u{1b}[1m"),
        ];
        Operation { id: 7, kind: OperationKind::Start, state, slots, apply: None, detail: None }
    }

    #[test]
    fn how_it_ends() {
        let Failure::Told { exit, message, next, .. } = failed(&operation(OperationState::Failed)) else { panic!("told") };
        assert_eq!((exit, message.as_str()), (Exit::No, "failed to start: web"));
        assert_eq!(next.as_deref(), Some("`abide logs web` shows what it said, `abide status web` what happened"));
        let late = not_in_time(Some(&operation(OperationState::Running)), Duration::from_secs(5));
        let Failure::Told { exit, message, .. } = late else { panic!("told") };
        assert_eq!((exit, message.as_str()), (Exit::No, "not done after 5s: db-0 (starting\\x1b[1m)"));
    }

    #[test]
    fn slots_of_which_the_same_is_said_are_together() {
        let mut failed = slot("web-2", Outcome::Failed, "exit code 1; rolled back");
        failed.log_tail.push("boom".to_owned());
        let slots = vec![
            slot("web-0", Outcome::Failed, "rolled back"),
            slot("web-1", Outcome::Failed, "rolled back"),
            failed,
            slot("web-3", Outcome::Failed, "rolled back"),
            slot("db-0", Outcome::Failed, "rolled back"),
            slot("db-1", Outcome::Ok, "rolled back"),
        ];
        let operation = Operation { slots, ..operation(OperationState::Failed) };
        let names: Vec<Vec<&str>> =
            alike(&operation).into_iter().map(|group| group.into_iter().map(|slot| slot.slot.as_str()).collect()).collect();
        assert_eq!(names, [vec!["web-0", "web-1", "web-3"], vec!["web-2"], vec!["db-0"]]);
    }

    #[test]
    fn a_stage_is_not_an_answer() {
        for (detail, want) in [
            ("new life i3 is starting (last answer: status 503)", "new life i3 is starting"),
            ("new life i3 is starting: it is not ready: connection refused", "new life i3 is starting"),
            ("draining i2", "draining i2"),
        ] {
            assert_eq!(stage_of(detail), want);
        }
    }

    #[test]
    fn a_line_for_each_slot() {
        let line = outcome_line(&slot("web-0", Outcome::Ok, "running"), false, Duration::from_millis(140));
        assert_eq!(line, "ok web-0 running (0.1s)");
    }
}
