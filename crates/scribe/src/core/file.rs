//! What the scribe knows of one log file. Little of it is trusted for long: the size comes from the file at each turn.

use super::effect::{Effect, FileKey, StreamKey};
use model::{IndexFlags, IndexRecord, LogPolicy, Stream, StreamId, Tick};
use std::collections::VecDeque;
use std::time::Duration;

/// At most one index record per stream in this time.
pub const INDEX_EVERY: Duration = Duration::from_millis(10);
/// At most one `Grew` per file in this time.
pub const GREW_EVERY: Duration = Duration::from_millis(20);
/// A failed rotation is tried again after this; until then the file grows on.
pub const ROTATE_AGAIN: Duration = Duration::from_secs(5);

/// A log file with its index, as long as an unsealed stream writes it.
#[derive(Debug)]
pub(crate) struct LogFile {
    pub key: FileKey,
    pub path: String,
    pub policy: LogPolicy,
    /// Unsealed streams.
    pub writers: Vec<StreamKey>,
    pub open: bool,
    pub size: u64,
    pub tail: Tail,
    pub owner: Owner,
    /// The last record in the index.
    pub last: Option<IndexRecord>,
    pub has_index: bool,
    /// The file knows no splice.
    pub by_copy: bool,
    /// Bytes without a line feed since it should have been rotated.
    pub over: u64,
    pub rotate_wanted: bool,
    /// Its age at some time, once it is known and if it matters.
    pub age: Option<(Tick, Duration)>,
    /// Somebody wants to know the age.
    pub age_wanted: bool,
    /// When its age is looked at.
    pub age_due: Option<Tick>,
    pub no_rotation_before: Option<Tick>,
    pub rotation_trouble: Option<StreamKey>,
    /// Steps of the rotation in hand.
    pub steps: VecDeque<Effect>,
    /// Counts turns: the file with the smallest is closed first.
    pub used: u64,
    pub grew_at: Option<Tick>,
    pub grew_due: Option<Tick>,
    pub grew_noted: bool,
}

/// How the file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Not looked at since bytes were moved unseen.
    Unknown,
    /// After a line feed, or empty.
    Line,
    /// Within a line.
    Mid,
}

/// Who wrote last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Nobody knows: there is no index.
    Unknown,
    /// The index names this stream of a life.
    Life(StreamId),
    /// This stream, in this scribe.
    Stream(StreamKey),
}

/// The flags of a record about this stream. Errors are named as such in every file: who reads one cannot see whether it is shared.
pub(crate) fn flags_of(id: StreamId) -> IndexFlags {
    IndexFlags { err: id.stream == Stream::Err, ..IndexFlags::default() }
}

/// Of which stream a record speaks.
pub(crate) fn stream_of(record: &IndexRecord) -> StreamId {
    StreamId { instance: record.instance, stream: if record.flags.err { Stream::Err } else { Stream::Out } }
}

impl LogFile {
    pub fn new(key: FileKey, path: String, policy: LogPolicy) -> LogFile {
        LogFile {
            key,
            path,
            policy,
            writers: Vec::new(),
            open: false,
            size: 0,
            tail: Tail::Unknown,
            owner: Owner::Unknown,
            last: None,
            has_index: false,
            by_copy: false,
            over: 0,
            rotate_wanted: false,
            age: None,
            age_wanted: false,
            age_due: None,
            no_rotation_before: None,
            rotation_trouble: None,
            steps: VecDeque::new(),
            used: 0,
            grew_at: None,
            grew_due: None,
            grew_noted: false,
        }
    }

    /// Bytes until rotation.
    pub fn budget(&self, now: Tick) -> u64 {
        if self.no_rotation_before.is_some_and(|at| now < at) {
            u64::MAX
        } else if self.rotate_wanted {
            0
        } else if self.policy.max_size == 0 {
            u64::MAX
        } else {
            self.policy.max_size.saturating_sub(self.size)
        }
    }

    /// Takes a size that the file told. A smaller one than known: somebody truncated it, and the index speaks of bytes that are gone.
    pub fn believe(&mut self, size: u64) -> bool {
        let shrunk = size < self.size;
        if size != self.size {
            self.tail = Tail::Unknown;
        }
        if size == 0 {
            self.tail = Tail::Line;
        }
        self.size = size;
        shrunk
    }

    /// Notes that the file is closed: the next turn opens it anew.
    pub fn closed(&mut self) {
        self.open = false;
        self.age = None;
        self.has_index = false;
        self.size = 0;
        self.tail = Tail::Unknown;
        self.last = None;
        self.by_copy = false;
    }
}
