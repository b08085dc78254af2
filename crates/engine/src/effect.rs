//! What the brain wants done.

use model::{
    AppName, Check, Definition, End, Fault, Generation, InstanceId, LifeRecord, Overlap, Readiness, Reload, Rolling, Signal,
    SlotMemo, SlotRef, Stream, Tick,
};
use std::sync::Arc;
use std::time::Duration;

/// An effect, in the imperative. The shell performs them in order; each is safe to be the last one before a crash.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Append to the lives journal. Everything that follows in the list may rely on it.
    Record(LifeNote),
    /// Append to the store, with an fsync: what must survive a power cut.
    Persist(StoreNote),
    /// Append to the event journal (and tell followers).
    Journal(Note),
    /// Make the two FIFOs and open the streams at the scribe, then tell the keeper to bear the life. A failure on the
    /// way comes back as [`crate::Event::Ended`] with [`End::NotBorn`].
    Bear(Box<Bear>),
    /// Open the streams of a life at the scribe (again). Idempotent.
    OpenStreams {
        /// The life.
        life: Box<LifeRecord>,
    },
    /// Tell the scribe that the process runs.
    StreamsBorn {
        /// The life.
        instance: InstanceId,
    },
    /// Tell the scribe that the process and its descendants have ended.
    StreamsEnded {
        /// The life.
        instance: InstanceId,
    },
    /// Send a signal to the life's process, and only to it.
    Signal {
        /// The life.
        instance: InstanceId,
        /// Which.
        signal: Signal,
    },
    /// Look for processes of this life (any but zombies); with a signal: send it to each. SIGKILL is repeated until two sweeps in a row
    /// find none. Answer: [`crate::Event::Swept`].
    Sweep {
        /// The life.
        instance: InstanceId,
        /// What to send to each, if anything.
        signal: Option<Signal>,
    },
    /// Tell the keeper to take charge of a process that another keeper bore. Failure: [`crate::Event::AdoptRefused`].
    Adopt {
        /// The life.
        instance: InstanceId,
        /// Its process.
        pid: u32,
        /// Start time in clock ticks since boot.
        ident: u64,
    },
    /// Delete the keeper's service of this life: its end has been recorded.
    Forget {
        /// The life.
        instance: InstanceId,
    },
    /// Find out whether a recorded life still lives. Answer: [`crate::Event::Inspected`].
    Inspect {
        /// The life.
        life: Box<LifeRecord>,
    },
    /// Run the life's stop command. It is ended when the process of the life has ended, and when its tree is killed. If it fails, or cannot be
    /// run, that is answered by [`crate::Event::StopRefused`].
    StopBy {
        /// The life.
        instance: InstanceId,
    },
    /// Ask a life. There is never more than one question to a life under way. Answer: [`crate::Event::Probed`], at the latest after `timeout`
    /// and a moment; it may come when the life is no more.
    Probe {
        /// The life.
        instance: InstanceId,
        /// Number of the question, never used again.
        number: u64,
        /// What to ask.
        check: Box<Check>,
        /// How long it may take.
        timeout: Duration,
    },
    /// Listen to what a life says: to the line, descriptor or socket of this readiness, until the life has ended. Idempotent.
    Listen {
        /// The life.
        instance: InstanceId,
        /// By which channel.
        ready: Box<Readiness>,
    },
    /// Let go of the streams (keeper's read ends, FIFOs) and of the lock file: the life has ended and both streams are sealed.
    Close {
        /// The life.
        instance: InstanceId,
    },
    /// A new generation, on ports of its own, is ready: the hook `on_switch` says whether it takes over. Answer: [`crate::Event::Switched`],
    /// at once where there is no hook.
    Switch {
        /// The app.
        app: AppName,
        /// The new generation.
        generation: Generation,
        /// The ports of the old lives, by slot.
        from: Vec<u16>,
        /// Those of the new ones.
        to: Vec<u16>,
    },
    /// The house is empty after [`crate::Ask::Shutdown`].
    Farewell,
}

/// One record of the lives journal.
#[derive(Debug, Clone, PartialEq)]
pub enum LifeNote {
    /// A life is about to be begun, or changed: the record as a whole.
    Life(Box<LifeRecord>),
    /// One stream is sealed.
    Sealed {
        /// The life.
        instance: InstanceId,
        /// The stream.
        stream: Stream,
    },
    /// The life is over and let go of: it may be dropped from the journal.
    Closed {
        /// The life.
        instance: InstanceId,
    },
    /// What the slot remembers now.
    Memo {
        /// The slot.
        slot: SlotRef,
        /// Its memory.
        memo: SlotMemo,
    },
    /// The slot is no more.
    Forgotten {
        /// The slot.
        slot: SlotRef,
    },
}

/// What must survive a power cut besides the wishes themselves.
#[derive(Debug, Clone, PartialEq)]
pub enum StoreNote {
    /// The slot was given up; cleared by the next wish about it.
    Errored {
        /// The slot.
        slot: SlotRef,
        /// In words.
        why: String,
    },
    /// Instance numbers below this may be in use.
    Reserve {
        /// The first free number.
        until: u64,
    },
    /// A deleted app is gone entirely.
    Gone {
        /// The app.
        app: AppName,
    },
    /// These apps are not wished to run any more: the end of another has stopped them.
    Stopped {
        /// Which.
        apps: Vec<AppName>,
    },
    /// A reload begins that nobody asked for (by the clock, because of an edit): the app has this generation now.
    Roll {
        /// The app.
        app: AppName,
        /// The new generation.
        generation: Generation,
        /// How the old one is replaced.
        rolling: Box<Rolling>,
    },
    /// The reload to this generation is over, and there is no way back from it any more.
    Rolled {
        /// The app.
        app: AppName,
        /// The generation.
        generation: Generation,
    },
    /// The reload to this generation has failed: the app is again what it was before. Its next generation has a higher number all the same.
    RolledBack {
        /// The app.
        app: AppName,
        /// The generation that failed.
        generation: Generation,
        /// The life that failed, where it was one.
        instance: Option<InstanceId>,
        /// Why, in words.
        why: String,
        /// The way back, where slots have another generation already: the reload that is under way from here on.
        back: Option<Box<Rolling>>,
    },
    /// The way back to this generation has failed too.
    GivenUp {
        /// The app.
        app: AppName,
        /// The generation.
        generation: Generation,
    },
}

/// Everything that a birth needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Bear {
    /// The record as just written.
    pub life: LifeRecord,
    /// The app.
    pub definition: Arc<Definition>,
}

/// An entry of the event journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// The app.
    pub app: AppName,
    /// The slot, where one is meant.
    pub slot: Option<SlotRef>,
    /// The life, where one is meant.
    pub instance: Option<InstanceId>,
    /// What happened.
    pub what: What,
}

/// What happened to an app, slot or life.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A life was begun.
    Starting,
    /// Its program runs.
    Running {
        /// Its process.
        pid: u32,
    },
    /// A life of an earlier keeper was found alive and is watched again.
    Adopted {
        /// Its process.
        pid: u32,
    },
    /// The first process of a life has ended; it goes on with the one that it named as its main one.
    HandedOver {
        /// That process.
        pid: u32,
    },
    /// Something of a life is left whose leader is gone.
    Foreign,
    /// A life is ready (told only where the app has a readiness).
    Ready {
        /// How long after its birth, in milliseconds.
        after_ms: u64,
    },
    /// It said that it is reloading, and is not ready meanwhile.
    Reloading,
    /// Its health check fails.
    Unhealthy {
        /// The last answer.
        why: String,
    },
    /// Its health check succeeds again.
    Healthy,
    /// It is ended by us, or was by the kernel, although nobody asked.
    Faulted {
        /// Why.
        fault: Fault,
        /// What it was last answered with while it was asked whether it is ready, where it never was.
        answer: Option<String>,
    },
    /// It exceeded a limit, which is only told.
    Exceeded {
        /// Which, in words.
        what: String,
    },
    /// The kernel has killed processes of it because memory was short.
    OutOfMemory {
        /// How many.
        killed: u32,
    },
    /// A run of a job is due.
    Due {
        /// Whether it is made up for.
        late: bool,
    },
    /// A run was due while the one before went on: `overlap` says what happens.
    Overlap {
        /// What.
        overlap: Overlap,
    },
    /// A restart by the clock.
    CronRestart,
    /// Watched files have changed.
    Changed {
        /// Some of them.
        paths: Vec<String>,
    },
    /// It is restarted because another is.
    Follows {
        /// Which.
        app: AppName,
    },
    /// It is stopped because another has ended (`on_exit = "stop-group"`).
    StoppedWith {
        /// Which.
        app: AppName,
    },
    /// Its counters were reset.
    Reset,
    /// It was told to stop.
    Stopping {
        /// By what.
        signal: Signal,
    },
    /// It was told to stop, by its stop command.
    StoppingBy,
    /// Its stop command has failed: it is told by the signal.
    StopRefused {
        /// Why.
        why: String,
        /// The signal.
        signal: Signal,
    },
    /// SIGKILL to all of its tree.
    Killing {
        /// It did not end in time, or left processes behind; else it was not asked to end (`on_limit = "kill"`).
        late: bool,
    },
    /// It does not end even after SIGKILL.
    Stuck {
        /// Processes that are left.
        left: u32,
    },
    /// It ended.
    Exited {
        /// How.
        end: End,
        /// Whether somebody asked for it.
        asked: bool,
        /// Whether it counts as a failed life.
        failed: bool,
        /// How long it lived, in milliseconds.
        lived_ms: u64,
    },
    /// Another life is due.
    Backoff {
        /// When.
        at: Tick,
        /// Which restart of the streak it will be.
        restart: u32,
    },
    /// The slot rests: it ended with success.
    Completed,
    /// The slot is given up.
    Errored {
        /// In words.
        why: String,
    },
    /// The slot is empty by wish.
    Stopped,
    /// The app was forgotten.
    Deleted,
    /// A reload begins.
    RollBegun {
        /// How.
        how: Reload,
        /// To which generation.
        generation: Generation,
        /// It is the way back from one that failed.
        back: bool,
    },
    /// A life was told to take its configuration anew.
    Told {
        /// By what.
        signal: Signal,
    },
    /// Another life has taken the place of this one, which is stopped after `drain`.
    Retired {
        /// In milliseconds.
        drain_ms: u64,
    },
    /// A reload is over.
    RolledOver {
        /// The generation that runs.
        generation: Generation,
    },
    /// A reload has failed; what was before goes on.
    RolledBack {
        /// The generation that failed.
        generation: Generation,
        /// In words.
        why: String,
    },
}
