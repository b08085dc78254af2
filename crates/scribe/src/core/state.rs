//! The core's tables, its one entrance, and the order in which it does things.

use super::care::{Care, Chore};
use super::clear::Clearing;
use super::effect::{Answer, Effect, FileKey, Happening, Interest, Now, StreamKey};
use super::file::LogFile;
use super::outbox::{Outbox, Said};
use super::slab::Slab;
use super::stream::Stream;
use super::turn::Turn;
use model::{StreamId, Tick};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// After `Finish`, how long a full link is waited for.
const FAREWELL: Duration = Duration::from_secs(1);

/// The scribe without its hands. See the module for the contract.
///
/// It does one thing at a time: a *turn* (one stream, at most 64 KiB, from looking to writing the index) or sending one message. Between
/// them it picks, in this order: a message that is due, a stream that is to be tried, nothing.
#[derive(Debug)]
pub struct Core {
    pub(crate) streams: Slab<Stream>,
    pub(crate) files: Slab<LogFile>,
    pub(crate) by_id: BTreeMap<StreamId, StreamKey>,
    pub(crate) by_path: BTreeMap<String, FileKey>,
    pub(crate) tries: VecDeque<StreamKey>,
    pub(crate) dues: BTreeSet<(Tick, Due)>,
    pub(crate) job: Job,
    pub(crate) outbox: Outbox,
    /// Sealed streams whose `Sealed` has been sent, oldest first.
    pub(crate) retired: VecDeque<StreamId>,
    pub(crate) watched: bool,
    /// `Finish` was said; the time at which we go even if the link stays full.
    pub(crate) finishing: Option<Tick>,
    ended: bool,
    pub(crate) open_files: usize,
    pub(crate) open_files_limit: usize,
    pub(crate) turns: u64,
    pub(crate) care: Care,
}

/// What waits for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Stream(StreamKey),
    Grew(FileKey),
    Age(FileKey),
    Farewell,
}

/// What is being done.
#[derive(Debug)]
pub(crate) enum Job {
    None,
    Turn(Turn),
    Sending(Said),
    Clearing(Clearing),
    Care(Chore),
}

impl Core {
    /// A scribe that knows nothing and keeps at most so many log files open (each with its index: two descriptors).
    pub fn new(open_files_limit: usize) -> Core {
        Core {
            streams: Slab::new(),
            files: Slab::new(),
            by_id: BTreeMap::new(),
            by_path: BTreeMap::new(),
            tries: VecDeque::new(),
            dues: BTreeSet::new(),
            job: Job::None,
            outbox: Outbox::default(),
            retired: VecDeque::new(),
            watched: false,
            finishing: None,
            ended: false,
            open_files: 0,
            open_files_limit: open_files_limit.max(1),
            turns: 0,
            care: Care::default(),
        }
    }

    /// Takes one happening and appends what is to be done. After `Exit` it does nothing more.
    pub fn step(&mut self, happening: Happening, now: Now, out: &mut Vec<Effect>) {
        if self.ended {
            return;
        }
        match happening {
            Happening::Answer(answer) => self.answered(answer, now, out),
            Happening::Started { pid } => {
                out.push(Effect::HelloKeeper);
                self.say_hello(pid);
            }
            Happening::Said(message) => self.command(message, now, out),
            Happening::LinkWritable => {
                if std::mem::take(&mut self.outbox.full) {
                    out.push(Effect::WatchLink { writable: false });
                }
            }
            Happening::LinkGone => self.outbox.gone = true,
            Happening::KeeperGone => {
                out.push(Effect::Rescue);
                return self.end(out);
            }
            Happening::Stop => return self.end(out),
            Happening::Ready(key) => {
                // A blocked stream waits for its pause; a report that was under way when it was blocked changes nothing.
                if self.streams.get(key.0).is_some_and(|stream| stream.open && stream.interest != Interest::Off) {
                    self.try_soon(key);
                }
            }
            Happening::Compressed { log, inode, result } => self.compressed(log, inode, result, now),
            Happening::Surveyed { logs, elsewhere } => self.surveyed(logs, elsewhere, now),
            Happening::Due => {}
        }
        self.collect_due(now);
        self.pump(now, out);
    }

    /// When [`Happening::Due`] is to be said; `None` = there is nothing to wait for but the kernel.
    pub fn deadline(&self) -> Option<Tick> {
        let due = self.dues.first().map(|(at, _)| *at);
        due.into_iter().chain(self.care.deadline()).min()
    }

    /// Whether a stream writes this file at present.
    pub fn has_file(&self, path: &str) -> bool {
        self.by_path.contains_key(path)
    }

    /// Whether this stream is known.
    pub fn has_stream(&self, id: StreamId) -> bool {
        self.by_id.contains_key(&id)
    }

    fn answered(&mut self, answer: Answer, now: Now, out: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.job, Job::None) {
            Job::None => {}
            Job::Sending(said) => self.sent(said, answer, out),
            Job::Clearing(clearing) => self.clearing_answered(clearing, answer, out),
            Job::Turn(turn) => self.turn_answered(turn, answer, now, out),
            Job::Care(chore) => self.chore_answered(chore, answer, now, out),
        }
    }

    fn pump(&mut self, now: Now, out: &mut Vec<Effect>) {
        loop {
            if !matches!(self.job, Job::None) || self.send_next(out) || (self.care_has_waited() && self.care_next(now, out)) {
                return;
            }
            if let Some(key) = self.tries.pop_front() {
                if let Some(stream) = self.streams.get_mut(key.0) {
                    stream.queued = false;
                    self.begin(key, now, out);
                }
            } else if self.care_next(now, out) {
                return;
            } else {
                let all_said = self.outbox.queue.is_empty() || self.outbox.gone;
                if self.finishing.is_some_and(|farewell| all_said || now.tick >= farewell) {
                    self.end(out);
                }
                return;
            }
        }
    }

    fn end(&mut self, out: &mut Vec<Effect>) {
        self.ended = true;
        out.push(Effect::Exit);
    }

    /// Puts a stream into the queue of tries.
    pub(crate) fn try_soon(&mut self, key: StreamKey) {
        if let Some(stream) = self.streams.get_mut(key.0)
            && stream.sealed.is_none()
            && !std::mem::replace(&mut stream.queued, true)
        {
            self.tries.push_back(key);
        }
    }

    /// Sets or clears the time at which a stream is tried again.
    pub(crate) fn set_due(&mut self, key: StreamKey, at: Option<Tick>) {
        let Some(stream) = self.streams.get_mut(key.0) else { return };
        if let Some(old) = std::mem::replace(&mut stream.due, at) {
            self.dues.remove(&(old, Due::Stream(key)));
        }
        if let Some(at) = at {
            self.dues.insert((at, Due::Stream(key)));
        }
    }

    fn collect_due(&mut self, now: Now) {
        self.care.collect_due(now);
        while let Some((at, due)) = self.dues.first().copied().filter(|(at, _)| *at <= now.tick) {
            self.dues.remove(&(at, due));
            match due {
                Due::Stream(key) => {
                    if let Some(stream) = self.streams.get_mut(key.0) {
                        stream.due = None;
                        self.try_soon(key);
                    }
                }
                Due::Grew(key) => {
                    if let Some(file) = self.files.get_mut(key.0) {
                        file.grew_due = None;
                        file.grew_at = None;
                        self.hint_grew(key, now);
                    }
                }
                Due::Age(key) => self.age_is_due(key, now),
                Due::Farewell => {}
            }
        }
    }

    /// Begins to go: every stream gets a bounded number of turns, then what is to be said is said.
    pub(crate) fn begin_finish(&mut self, now: Now) {
        // A flood has no end, and what we leave in a FIFO stays there.
        const ROUNDS: u32 = 64;
        if self.finishing.is_some() {
            return;
        }
        let farewell = now.tick + FAREWELL;
        self.finishing = Some(farewell);
        self.dues.insert((farewell, Due::Farewell));
        let first: Vec<StreamKey> = self.by_id.values().copied().collect();
        let second: Vec<StreamKey> = first.iter().filter_map(|key| self.streams.get(key.0)?.twin).collect();
        for key in first.into_iter().chain(second) {
            if let Some(stream) = self.streams.get_mut(key.0) {
                stream.rounds = ROUNDS;
                self.try_soon(key);
            }
        }
    }
}
