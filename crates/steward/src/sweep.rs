//! Looking for processes of lives, many at a time: what is to be looked for next, and what follows from what was found.
//!
//! Pure. The brain runs one census at a time beside its loop ([`look`]) and hands the results back; lives that ask meanwhile wait for the
//! next one, so that the end of a hundred lives costs a few readings of /proc and not a hundred.

use engine::{Event, Finding};
use model::{InstanceId, Signal, Tick};
use std::fmt;
use std::io;
use std::time::Duration;
use sys::lives::{Found, Member, Spared, Traces, inspect, members};
use sys::lock::is_held;

/// SIGKILL is repeated until two looks in a row find nothing, at most so often.
const ROUNDS: u32 = 50;
/// First and longest pause between two of them.
const PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// Whose processes are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A life, `i91`.
    Life(InstanceId),
    /// A probe or hook, `x7`.
    Command(u64),
}

/// The keeper's service.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Life(instance) => instance.fmt(f),
            Subject::Command(number) => write!(f, "x{number}"),
        }
    }
}

/// What is to be found out of one life.
#[derive(Debug, Clone)]
struct Search {
    subject: Subject,
    traces: Traces,
    aim: Aim,
    due: Tick,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// Whether it lives.
    Inspect,
    /// How many are left; and this signal to each.
    Sweep(Option<Signal>),
    /// Nothing was found: whether it is so a second time.
    Confirm,
    /// Kill them all.
    Kill { rounds: u32, clean: u32, pause: Duration },
}

/// What follows from a census.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The brain's answer.
    Tell(Event),
    /// So much is left of a command; 0 = provably nothing.
    Command(u64, u32),
    /// A signal to a process that is proven to belong to the life.
    Signal(Subject, Member, Signal),
}

/// Everything that is to be looked for.
#[derive(Debug, Default)]
pub(crate) struct Searches {
    waiting: Vec<Search>,
    looking: Vec<Search>,
}

/// One census: lives to inspect and lives to sweep.
#[derive(Debug)]
pub(crate) struct Census {
    inspect: Vec<Traces>,
    sweep: Vec<Traces>,
    spared: Spared,
}

/// What it found, in the same order.
#[derive(Debug)]
pub(crate) struct Findings {
    inspected: Vec<Found>,
    swept: Vec<Swept>,
}

/// What is left of one life.
#[derive(Debug, Default)]
struct Swept {
    members: Vec<Member>,
    /// Somebody holds its lock, perhaps one whose descriptors we may not see.
    locked: bool,
}

/// Reads /proc. Blocking.
///
/// # Errors
/// Nothing could be found out.
pub(crate) fn look(census: &Census) -> io::Result<Findings> {
    let inspected = if census.inspect.is_empty() { Vec::new() } else { inspect(&census.inspect, &census.spared)? };
    let found = if census.sweep.is_empty() { Vec::new() } else { members(&census.sweep, &census.spared)? };
    let with_lock =
        |(members, life): (Vec<Member>, &Traces)| -> io::Result<Swept> { Ok(Swept { members, locked: is_held(&life.lock)? }) };
    let swept = found.into_iter().zip(&census.sweep).map(with_lock).collect::<io::Result<_>>()?;
    Ok(Findings { inspected, swept })
}

impl Searches {
    /// Asks whether a life lives.
    pub(crate) fn inspect(&mut self, instance: InstanceId, traces: Traces, now: Tick) {
        self.add(Subject::Life(instance), traces, Aim::Inspect, now);
    }

    /// Kills everything that is left of a command.
    pub(crate) fn clear(&mut self, number: u64, traces: Traces, now: Tick) {
        self.add(Subject::Command(number), traces, Aim::Kill { rounds: 0, clean: 0, pause: PAUSE.0 }, now);
    }

    /// Asks what is left of a life, and sends a signal to it.
    pub(crate) fn sweep(&mut self, instance: InstanceId, traces: Traces, signal: Option<Signal>, now: Tick) {
        let kill = Aim::Kill { rounds: 0, clean: 0, pause: PAUSE.0 };
        self.add(Subject::Life(instance), traces, if signal == Some(Signal::KILL) { kill } else { Aim::Sweep(signal) }, now);
    }

    fn add(&mut self, subject: Subject, traces: Traces, aim: Aim, due: Tick) {
        self.waiting.push(Search { subject, traces, aim, due });
    }

    /// When the next census is to begin; `None` while one is under way or nothing is to be found out.
    pub(crate) fn deadline(&self) -> Option<Tick> {
        if self.looking.is_empty() { self.waiting.iter().map(|search| search.due).min() } else { None }
    }

    /// Whether nothing is to be found out.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.looking.is_empty()
    }

    /// The next census, if one is due.
    pub(crate) fn begin(&mut self, now: Tick, spared: &Spared) -> Option<Census> {
        if self.deadline()? > now {
            return None;
        }
        self.looking = self.waiting.extract_if(.., |search| search.due <= now).collect();
        let traces = |inspect| {
            let meant = self.looking.iter().filter(move |search| (search.aim == Aim::Inspect) == inspect);
            meant.map(|search| search.traces.clone()).collect()
        };
        Some(Census { inspect: traces(true), sweep: traces(false), spared: spared.clone() })
    }

    /// Takes what a census found. A census that failed is repeated.
    pub(crate) fn take(&mut self, findings: io::Result<Findings>, now: Tick, out: &mut Vec<Outcome>) {
        let looking = std::mem::take(&mut self.looking);
        let Ok(Findings { inspected, swept }) = findings else {
            self.waiting.extend(looking.into_iter().map(|search| Search { due: now + Duration::from_secs(1), ..search }));
            return;
        };
        let (mut inspected, mut swept) = (inspected.into_iter(), swept.into_iter());
        for search in looking {
            match (search.aim, search.subject) {
                (Aim::Inspect, Subject::Life(instance)) => {
                    let finding = match inspected.next() {
                        Some(Found::Alive(Member { pid, ident })) => Finding::Alive { pid, ident },
                        Some(Found::Foreign) => Finding::Foreign,
                        _ => Finding::Gone,
                    };
                    out.push(Outcome::Tell(Event::Inspected { instance, finding }));
                }
                _ => self.swept(search, swept.next().unwrap_or_default(), now, out),
            }
        }
    }

    /// Nothing is left when two looks in a row find nobody and the lock is free.
    fn swept(&mut self, search: Search, found: Swept, now: Tick, out: &mut Vec<Outcome>) {
        let subject = search.subject;
        let left = u32::try_from(found.members.len()).unwrap_or(u32::MAX).max(u32::from(found.locked));
        let signal = match search.aim {
            Aim::Kill { .. } => Some(Signal::KILL),
            Aim::Sweep(signal) => signal,
            Aim::Inspect | Aim::Confirm => None,
        };
        if let Some(signal) = signal {
            out.extend(found.members.into_iter().map(|member| Outcome::Signal(subject, member, signal)));
        }
        match search.aim {
            Aim::Kill { rounds, clean, pause } if rounds + 1 < ROUNDS && (left > 0 || clean == 0) => {
                let clean = if left == 0 { clean + 1 } else { 0 };
                let aim = Aim::Kill { rounds: rounds + 1, clean, pause: (pause * 2).min(PAUSE.1) };
                self.waiting.push(Search { aim, due: now + pause, ..search });
            }
            Aim::Sweep(_) if left == 0 => self.waiting.push(Search { aim: Aim::Confirm, due: now + PAUSE.0, ..search }),
            _ => out.push(match subject {
                Subject::Life(instance) => Outcome::Tell(Event::Swept { instance, left }),
                Subject::Command(number) => Outcome::Command(number, left),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces() -> Traces {
        Traces { instance: "i1".into(), home: "/h".into(), lock: "/l".into(), pid: None, ident: None, cell: None, begun: 0 }
    }

    /// Runs a search against scripted findings; what each census came to.
    fn check(signal: Option<Signal>, script: &[usize]) -> Vec<String> {
        let mut searches = Searches::default();
        searches.sweep(InstanceId(1), traces(), signal, Tick(0));
        let mut said = Vec::new();
        for found in script {
            let now = searches.deadline().expect("something to do");
            searches.begin(now, &Spared::default()).expect("due");
            assert!(searches.deadline().is_none(), "one census at a time");
            let members = (0..*found).map(|n| Member { pid: 100 + n as u32, ident: 5 }).collect();
            let swept = vec![Swept { members, locked: false }];
            let mut out = Vec::new();
            searches.take(Ok(Findings { inspected: Vec::new(), swept }), now, &mut out);
            said.extend(out.iter().map(|outcome| match outcome {
                Outcome::Tell(Event::Swept { left, .. }) => format!("left {left}"),
                Outcome::Signal(_, member, signal) => format!("{signal} {}", member.pid),
                other => format!("{other:?}"),
            }));
        }
        assert!(searches.deadline().is_none() == said.last().is_some_and(|last| last.starts_with("left")));
        said
    }

    #[test]
    fn a_look_answers_at_once() {
        assert_eq!(check(None, &[2]), ["left 2"]);
        assert_eq!(check(Some(Signal::TERM), &[1]), ["SIGTERM 100", "left 1"]);
    }

    #[test]
    fn emptiness_needs_two_clean_looks_and_a_free_lock() {
        assert_eq!(check(None, &[0, 0]), ["left 0"]);
        assert_eq!(check(None, &[0, 1]), ["left 1"]);
        let mut searches = Searches::default();
        searches.sweep(InstanceId(1), traces(), None, Tick(0));
        searches.begin(Tick(0), &Spared::default()).expect("due");
        let mut out = Vec::new();
        let swept = vec![Swept { members: Vec::new(), locked: true }];
        searches.take(Ok(Findings { inspected: Vec::new(), swept }), Tick(0), &mut out);
        assert!(matches!(out[..], [Outcome::Tell(Event::Swept { left: 1, .. })]), "somebody holds the lock: {out:?}");
    }

    #[test]
    fn killing_needs_two_clean_looks() {
        assert_eq!(check(Some(Signal::KILL), &[2, 1, 0, 0]), ["SIGKILL 100", "SIGKILL 101", "SIGKILL 100", "left 0"]);
        assert_eq!(check(Some(Signal::KILL), &[0, 1, 0, 0]), ["SIGKILL 100", "left 0"]);
    }

    #[test]
    fn what_does_not_die_is_reported() {
        let said = check(Some(Signal::KILL), &[1; ROUNDS as usize]);
        assert_eq!((said.len(), said.last().map(String::as_str)), (51, Some("left 1")));
    }

    #[test]
    fn a_census_that_failed_is_repeated() {
        let mut searches = Searches::default();
        searches.inspect(InstanceId(1), traces(), Tick(0));
        searches.begin(Tick(0), &Spared::default()).expect("due");
        let mut out = Vec::new();
        searches.take(Err(io::ErrorKind::PermissionDenied.into()), Tick(0), &mut out);
        assert!(out.is_empty() && searches.deadline() == Some(Tick(1_000_000_000)));
    }
}
