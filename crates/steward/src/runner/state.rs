//! Where each command stands. Pure: facts in, acts out.

use model::{AppName, End, Generation, InstanceId, Stage, Tick, Verdict};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How long it may take until nothing is left of a command that has ended or was killed, before its end is told all the same.
const GRACE: Duration = Duration::from_secs(1);
/// The pause between two attempts to kill what does not die.
const AGAIN: Duration = Duration::from_secs(5);

/// What a command is run for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Aim {
    /// A question to a life.
    Probe {
        /// The life.
        instance: InstanceId,
        /// The question.
        number: u64,
    },
    /// The hook `pre_start` of a life that waits for it.
    Gate(InstanceId),
    /// The hook `on_switch` of an app that is reloaded to this generation.
    Switch(AppName, Generation),
    /// The stop command of a life.
    Stop(InstanceId),
    /// Any other hook of an app.
    Hook(AppName),
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself, or it was never born.
    By(End),
    /// It took too long and was killed.
    TimedOut(Duration),
    /// It was killed because nobody wants to know any more.
    CalledOff,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// SIGKILL to the command and what the keeper knows of its tree.
    Kill(u64),
    /// Look for what is left and kill it. Answer: [`Runner::cleared`].
    Clear(u64),
    /// Nothing is left: its service and files go.
    Remove(u64),
    /// It has ended.
    Tell(u64, Aim, Ended),
}

/// A command, from the first line to the keeper until nothing of it is left.
///
/// ```text
///   Asked ──► Up ──► Killing ──► Clearing ──► (removed)
///     └────────┴────────────────────┘
/// ```
///
/// Its end is told when nothing is left of it, so that who hears of it finds the ground clean; but no later than [`GRACE`] after it ended
/// or was killed: a process that cannot be killed keeps nobody waiting. It is still pursued then.
#[derive(Debug)]
struct Command {
    /// `None` once its end was told, or where nobody waits for it.
    aim: Option<Aim>,
    /// The life that it probes, kept when its end was told.
    probes: Option<InstanceId>,
    phase: Phase,
    timeout: Duration,
    /// When the phase lasts too long.
    due: Tick,
    ended: Option<Ended>,
    begun: Tick,
    process: Option<(u32, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The keeper has been told.
    Asked,
    /// It runs.
    Up,
    /// SIGKILL is on its way.
    Killing,
    /// It has ended; what it has left is looked for (or will be, where not `looking`).
    Clearing { looking: bool },
}

/// All commands.
#[derive(Debug, Default)]
pub(crate) struct Runner {
    last: u64,
    commands: BTreeMap<u64, Command>,
}

impl Runner {
    /// Numbers up to this one are taken.
    pub(crate) fn taken(&mut self, number: u64) {
        self.last = self.last.max(number);
    }

    /// The keeper is told of a command; its number.
    pub(crate) fn begin(&mut self, aim: Aim, timeout: Duration, now: Tick) -> u64 {
        self.last += 1;
        let probes = match aim {
            Aim::Probe { instance, .. } => Some(instance),
            Aim::Gate(_) | Aim::Switch(..) | Aim::Stop(_) | Aim::Hook(_) => None,
        };
        let (phase, due) = (Phase::Asked, now + timeout);
        let command = Command { aim: Some(aim), probes, phase, timeout, due, ended: None, begun: now, process: None };
        self.commands.insert(self.last, command);
        self.last
    }

    /// One of an earlier steward was found; it is to end. `gone`: its process has ended, or there is no service of it any more.
    pub(crate) fn found(&mut self, number: u64, gone: bool, now: Tick, out: &mut Vec<Act>) {
        self.taken(number);
        let phase = if gone { Phase::Clearing { looking: true } } else { Phase::Killing };
        out.push(if gone { Act::Clear(number) } else { Act::Kill(number) });
        let begun = Tick(0);
        let (timeout, due, ended) = (Duration::ZERO, now + AGAIN, Some(Ended::CalledOff));
        self.commands.insert(number, Command { aim: None, probes: None, phase, timeout, due, ended, begun, process: None });
    }

    /// Its program runs.
    pub(crate) fn up(&mut self, number: u64, pid: u32, ident: u64, out: &mut Vec<Act>) {
        let Some(command) = self.commands.get_mut(&number) else { return };
        command.process = Some((pid, ident));
        match command.phase {
            Phase::Asked => command.phase = Phase::Up,
            // It was not there yet when it was to be killed.
            Phase::Killing => out.push(Act::Kill(number)),
            Phase::Up | Phase::Clearing { .. } => {}
        }
    }

    /// The keeper says that its process has ended, or never was.
    pub(crate) fn ended(&mut self, number: u64, end: End, now: Tick, out: &mut Vec<Act>) {
        let Some(command) = self.commands.get_mut(&number) else { return };
        if matches!(command.phase, Phase::Clearing { .. }) {
            return;
        }
        let never_born = matches!(end, End::NotBorn { .. });
        if command.phase != Phase::Killing {
            command.due = now + GRACE;
        }
        command.ended.get_or_insert(Ended::By(end));
        command.phase = Phase::Clearing { looking: true };
        if never_born {
            self.cleared(number, 0, now, out);
        } else {
            out.push(Act::Clear(number));
        }
    }

    /// So many processes of it are left.
    pub(crate) fn cleared(&mut self, number: u64, left: u32, now: Tick, out: &mut Vec<Act>) {
        let Some(command) = self.commands.get_mut(&number) else { return };
        command.tell(number, out);
        if left == 0 {
            self.commands.remove(&number);
            out.push(Act::Remove(number));
        } else {
            command.phase = Phase::Clearing { looking: false };
            command.due = now + AGAIN;
        }
    }

    /// Ends the commands that `which` says.
    pub(crate) fn call_off(&mut self, which: impl Fn(&Aim) -> bool, now: Tick, out: &mut Vec<Act>) {
        for (number, command) in &mut self.commands {
            if command.aim.as_ref().is_some_and(&which) {
                command.kill(*number, Ended::CalledOff, now, out);
            }
        }
    }

    /// When something is late.
    pub(crate) fn deadline(&self) -> Option<Tick> {
        self.commands.values().map(|command| command.due).min()
    }

    /// Acts on everything that is late.
    pub(crate) fn late(&mut self, now: Tick, out: &mut Vec<Act>) {
        for (number, command) in self.commands.iter_mut().filter(|(_, command)| command.due <= now) {
            let number = *number;
            match command.phase {
                Phase::Asked | Phase::Up => {
                    command.kill(number, Ended::TimedOut(command.timeout), now, out);
                }
                phase => {
                    command.tell(number, out);
                    command.due = now + AGAIN;
                    match phase {
                        Phase::Killing => out.push(Act::Kill(number)),
                        Phase::Clearing { looking: false } => {
                            command.phase = Phase::Clearing { looking: true };
                            out.push(Act::Clear(number));
                        }
                        // The answer comes.
                        Phase::Clearing { looking: true } | Phase::Asked | Phase::Up => {}
                    }
                }
            }
        }
    }

    /// Whether a probe of this life is under way, or is still being killed.
    pub(crate) fn probes(&self, instance: InstanceId) -> bool {
        self.commands.values().any(|command| command.probes == Some(instance))
    }

    /// Whether this command is known.
    pub(crate) fn knows(&self, number: u64) -> bool {
        self.commands.contains_key(&number)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// By what its processes are recognised: the first, if it was seen, and when it was begun.
    pub(crate) fn process(&self, number: u64) -> (Option<(u32, u64)>, Tick) {
        self.commands.get(&number).map_or((None, Tick(0)), |command| (command.process, command.begun))
    }
}

impl Command {
    fn kill(&mut self, number: u64, why: Ended, now: Tick, out: &mut Vec<Act>) {
        if matches!(self.phase, Phase::Asked | Phase::Up) {
            self.phase = Phase::Killing;
            self.ended = Some(why);
            self.due = now + GRACE;
            out.push(Act::Kill(number));
        }
    }

    fn tell(&mut self, number: u64, out: &mut Vec<Act>) {
        if let (Some(aim), Some(ended)) = (self.aim.take(), self.ended.clone()) {
            out.push(Act::Tell(number, aim, ended));
        }
    }
}

impl Ended {
    /// Whether it did what it should.
    pub(crate) fn is_good(&self) -> bool {
        *self == Ended::By(End::Exited(Verdict::Code(0)))
    }

    /// Whether it could not be run for a shortage of ours: that says nothing about the app.
    pub(crate) fn is_shortage(&self) -> bool {
        matches!(self, Ended::By(end) if end.is_shortage())
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::By(End::Exited(verdict)) => verdict.fmt(f),
            Ended::By(End::NotBorn { stage: Stage::Exec, errno }) => write!(f, "the command cannot be executed ({errno})"),
            Ended::By(End::NotBorn { stage, errno }) => write!(f, "the command cannot be run ({}: {errno})", stage.word()),
            Ended::TimedOut(after) => write!(f, "it took longer than {} and was killed", model::format_span(*after)),
            Ended::CalledOff => f.write_str("it was ended"),
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
