//! One life of one process.

use crate::Effect;
use crate::care::Care;
use crate::timer::Alarm;
use model::{ByUser, End, InstanceId, LifeRecord, Signal, Tick, Verdict};
use std::time::Duration;

/// A life, from the decision to begin it until its last log byte is in the file.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    /// What the journal knows of it.
    pub record: LifeRecord,
    /// Where it stands.
    pub phase: Phase,
    /// When its program began to run, as far as we know.
    pub since: Option<Tick>,
    /// Which streams are sealed, out and err. One that goes nowhere is so from the beginning.
    pub sealed: [bool; 2],
    /// Whether its streams are drained even if no process of it was ever seen: one may have lived unseen.
    pub drains: bool,
    /// Whether the keeper has a service for it that must be deleted.
    pub kept: bool,
    /// Sweeps that have not been answered, and the most that one of them has found: a look that began before a birth shows nothing after it,
    /// so all of them count.
    pub looks: (u32, u32),
    /// Its armed deadline.
    pub alarm: Option<Alarm>,
    /// Processes that were left when it could not be ended; for people.
    pub stuck: Option<u32>,
    /// How it is, while it runs.
    pub care: Care,
    /// When it was told last that the kernel has killed processes of it because memory was short.
    pub short_of_memory: Option<Tick>,
    /// When we learnt that its own process is gone.
    pub left_at: Option<Tick>,
}

/// The state machine of a life. It has no loops: a life is begun, runs, is asked to end or ends, its descendants leave, and it is over. To restart is a
/// choice of the slot to bear another life, so a late answer about this one can never hurt its successor.
///
/// ```text
///   Begun ──► Running ──► Stopping ──► Killing ─┐
///     │          │            │                 ├─► Over ──► (closed, forgotten)
///     │          └────────────┴──► Leaving ─────┘
///     └─► Over (never born)
///   Sought ──► Running | Foreign ──► Over
///   Running | Sought ──► Passing ──► Running | Leaving
///   Running | Sought ──► Draining ──► Stopping | Leaving
/// ```
///
/// *Who decides first:* the keeper's word that the process ended always wins over anything asked. *What may interrupt:* a wish
/// to stop interrupts Begun, Running and Foreign, nothing interrupts Killing. A slot bears another life only after Over, that
/// is when the kernel has shown that neither the process nor a descendant is left; the streams may still be draining then.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Phase {
    /// Recorded by an earlier steward; whether it lives is being found out. A wish to stop waits here.
    Sought {
        /// What to do with it once found.
        wish: Option<ByUser>,
    },
    /// Its process has ended and had named another of its own as the main one; the keeper is asked to watch that. Then the life goes on;
    /// otherwise this is its end.
    Passing {
        /// How the process ended.
        end: End,
        /// A wish that came meanwhile.
        wish: Option<ByUser>,
    },
    /// The keeper has been told to bear it.
    Begun,
    /// Its program runs.
    Running,
    /// Another has taken its place; at the deadline it is asked to end. Nobody looks after it any more.
    Draining,
    /// It was asked to end; at the deadline its tree is killed.
    Stopping,
    /// Its process has ended; descendants are given the rest of the stop timeout. `asked_them`: they have got the stop signal, once.
    Leaving {
        /// How the process ended.
        end: End,
        /// When the rest is killed; `None` until descendants have been seen.
        kill_at: Option<Tick>,
        /// Whether descendants have got the stop signal.
        asked_them: bool,
        /// Pause before the next look.
        pause: Duration,
    },
    /// SIGKILL goes to everything of it until nothing is left.
    Killing {
        /// How the process ended, once known.
        end: Option<End>,
        /// Whether the kernel has shown that nothing is left.
        empty: bool,
        /// Pause before the next attempt.
        pause: Duration,
    },
    /// Its process is gone, unseen, and something of it lives. Looked at again after `pause`.
    Foreign {
        /// Pause before the next look.
        pause: Duration,
    },
    /// It has ended and left nothing; its streams are drained.
    Over,
}

/// What the kernel kills is gone within this time.
const MOMENT: Duration = Duration::from_secs(10);

impl Life {
    /// Whether the kernel has ended its process because memory was short: it does not say which of its processes it was, so this one was among them
    /// if it was killed, or ended unseen, at about that time.
    pub(crate) fn is_out_of_memory(&self, end: &End, now: Tick) -> bool {
        let killed = matches!(end, End::Exited(Verdict::Signal { number: Signal::KILL, .. } | Verdict::Unseen));
        let left = self.left_at.unwrap_or(now);
        killed && self.short_of_memory.is_some_and(|told| left.max(told).since(left.min(told)) <= MOMENT)
    }

    /// A life that begins now.
    pub(crate) fn begun(record: LifeRecord) -> Life {
        let sealed = unkept(&record);
        Life {
            record,
            phase: Phase::Begun,
            since: None,
            sealed,
            drains: false,
            kept: true,
            looks: (0, 0),
            alarm: None,
            stuck: None,
            care: Care::default(),
            short_of_memory: None,
            left_at: None,
        }
    }

    /// A life that is only remembered.
    pub(crate) fn recalled(record: LifeRecord) -> Life {
        let phase = if record.ended.is_some() { Phase::Over } else { Phase::Sought { wish: None } };
        Life { phase, kept: false, ..Life::begun(record) }
    }

    pub(crate) fn id(&self) -> InstanceId {
        self.record.instance
    }

    /// Looks for processes of it, with a signal for each or without.
    pub(crate) fn sweep(&mut self, signal: Option<Signal>, out: &mut Vec<Effect>) {
        self.looks.0 += 1;
        out.push(Effect::Sweep { instance: self.id(), signal });
    }

    /// SIGKILL to everything that belongs to it, or to its main process alone where its descendants are none of ours. Gives back whether
    /// nothing more is waited for than that process.
    pub(crate) fn kill_all(&mut self, out: &mut Vec<Effect>) -> bool {
        if self.record.kill_tree {
            self.sweep(Some(Signal::KILL), out);
        } else {
            out.push(Effect::Signal { instance: self.id(), signal: Signal::KILL });
        }
        !self.record.kill_tree
    }

    /// Takes the answer to a sweep; what all of them have found once the last is answered.
    pub(crate) fn swept(&mut self, left: u32) -> Option<u32> {
        let (open, most) = (self.looks.0.saturating_sub(1), self.looks.1.max(left));
        self.looks = if open == 0 { (0, 0) } else { (open, most) };
        (open == 0).then_some(most)
    }

    /// Whether its program runs and nobody has asked it to end.
    pub(crate) fn runs(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Passing { .. })
    }

    /// Whether both streams are in their files.
    pub(crate) fn is_sealed(&self) -> bool {
        self.sealed == [true; 2]
    }

    /// Whether it will not stay: it was told to end, or its process has ended.
    pub(crate) fn is_ending(&self) -> bool {
        match &self.phase {
            Phase::Sought { wish } => wish.is_some() || self.record.stopping.is_some(),
            Phase::Passing { wish, .. } => wish.is_some(),
            Phase::Begun | Phase::Running | Phase::Foreign { .. } => false,
            Phase::Draining | Phase::Stopping | Phase::Leaving { .. } | Phase::Killing { .. } | Phase::Over => true,
        }
    }

    /// How long its program ran, up to `now`.
    pub(crate) fn lived(&self, now: Tick) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.since(since))
    }

    /// It has asked for time until then.
    pub(crate) fn extend(&mut self, until: Tick, out: &mut Vec<Effect>) {
        if self.record.told.extended < Some(until) {
            self.record.told.extended = Some(until);
            out.push(Effect::Record(crate::LifeNote::Life(Box::new(self.record.clone()))));
        }
    }

    /// It goes over to something else: the time that it has asked for was for what it was at before.
    pub(crate) fn no_more_time(&mut self) {
        self.record.told.extended = None;
    }

    /// When its stop timeout ends, counted from the moment it was asked (which may have been another steward's).
    pub(crate) fn kill_at(&self, now: Tick) -> Tick {
        let asked = self.record.stopping.map_or(now, |(at, _)| at);
        (asked + self.record.stop_timeout).max(self.record.told.extended.unwrap_or_default())
    }
}

/// Streams of which nothing will ever be heard.
fn unkept(record: &LifeRecord) -> [bool; 2] {
    record.log.kept().map(|kept| !kept)
}
