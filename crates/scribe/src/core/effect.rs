//! What goes into the core and what comes out of it: plain data.

pub use super::answer::{Answer, Sibling};
use super::budget::Tally;
use super::form::{Lead, Rest};
use model::{FromScribe, IndexRecord, Tick, ToScribe, Wall};
use std::sync::Arc;

/// Bytes moved in one turn at most, and the longest piece that is ever kept together: what a FIFO holds by default.
pub const TURN_BYTES: u64 = 64 * 1024;

/// The core's number for a stream. Used again after the stream is gone; a readiness report that arrives late for an earlier
/// holder of the number costs one empty look, nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey(pub u32);

/// The core's number for a log file and the index beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKey(pub u32);

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// For schedules.
    pub tick: Tick,
    /// For people.
    pub wall: Wall,
}

/// The name of an error (`ENOSPC`), as people meet it in `Trouble`. Two words are ours: `ENOTREG` (the log is not a regular file)
/// and `ENOTFIFO` (the stream is not a FIFO).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cause(pub &'static str);

/// When the kernel shall report a FIFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// As long as there is something to read or the writers have hung up. The usual one: the kernel knows what is left.
    Level,
    /// Once for each new write or hang-up: for a stream that waits for more bytes, or that hung up before it was born.
    Edge,
    /// Never, not even a hang-up: the log file is in trouble, or the stream rests; its deadline brings it back.
    Off,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// The process runs and holds its role lock. The first happening, once.
    Started {
        /// Our process.
        pid: u32,
    },
    /// The steward said this.
    Said(ToScribe),
    /// The link to the steward has room again (asked for by [`Effect::WatchLink`]).
    LinkWritable,
    /// Nobody will ever read the link again.
    LinkGone,
    /// The keeper has died.
    KeeperGone,
    /// SIGTERM, SIGINT or SIGHUP.
    Stop,
    /// A FIFO has bytes, or its writers are gone.
    Ready(StreamKey),
    /// [`super::Core::deadline`] has passed. Too early or twice is harmless.
    Due,
    /// What [`Effect::Compress`] began has come to its end.
    Compressed {
        /// The log file whose rotated file it was.
        log: String,
        /// As in the effect.
        inode: u64,
        /// Whether the compressed file stands whole, and on the disk, under its temporary name. Otherwise there is none.
        result: Result<(), Cause>,
    },
    /// What [`Effect::Survey`] found.
    Surveyed {
        /// Every log file with what belongs to it.
        logs: Vec<Tally>,
        /// Bytes of log files of which other cores take care.
        elsewhere: u64,
    },
    /// The result of the effect that asked for one.
    Answer(Answer),
}

/// Something to do. Effects are performed in order. Those for which [`Effect::asks`] holds have a result, which must be the core's
/// next happening ([`Happening::Answer`]); there is at most one in a batch and it is the last. A crash between any two effects
/// is survived: what the effects leave on disk and in the FIFOs is all that the next scribe needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Open a FIFO for reading without blocking, registered with [`Interest::Level`]. → `Fifo`, `Missing`, `Failed`.
    OpenFifo {
        /// Named so from now on.
        stream: StreamKey,
        /// Relative to the home.
        path: String,
    },
    /// Close a FIFO.
    CloseFifo {
        /// Which.
        stream: StreamKey,
    },
    /// Change when a FIFO is reported. Setting it anew reports what is there already, once.
    Watch {
        /// Which.
        stream: StreamKey,
        /// When.
        interest: Interest,
    },
    /// Look at the next [`TURN_BYTES`] of a FIFO without consuming them (`tee`). → `Peeked`, `Empty`, `End`, `Failed`.
    Peek {
        /// Which.
        stream: StreamKey,
        /// So many of them are passed over, as if they were not there; when there are no more, it is `Empty`.
        skip: u64,
        /// For [`super::Cut::of`].
        budget: u64,
    },
    /// Move bytes from a FIFO to a place in a file (`splice`). → `Moved`, `Empty`, `End`, `Failed`.
    Splice {
        /// From.
        stream: StreamKey,
        /// To.
        file: FileKey,
        /// Where in the file: its size just now.
        at: u64,
        /// How many bytes at most.
        len: u64,
    },
    /// The same for files that know no splice: peek, write, then consume what was written, so that a crash in between repeats bytes
    /// and never loses any. Same answers.
    Copy {
        /// From.
        stream: StreamKey,
        /// To.
        file: FileKey,
        /// Where in the file.
        at: u64,
        /// How many bytes at most.
        len: u64,
    },
    /// Write what was peeked last, of this stream, as lines of a form, in one write at a place in a file; what a short write left of a line
    /// is cut off again. Then consume exactly what was written, unless it is to be kept. A crash in between repeats bytes and never
    /// loses any. → `Formed`, `Failed`.
    Form {
        /// From.
        stream: StreamKey,
        /// To.
        file: FileKey,
        /// Where in the file: its size just now.
        at: u64,
        /// `None` = what was written is consumed. Otherwise nothing is, and so many bytes were passed over by the peek.
        keep: Option<u64>,
        /// How many of the peeked bytes.
        len: u64,
        /// For [`Lead::lay`].
        room: u64,
        /// What becomes of an unfinished line.
        rest: Rest,
        /// The time that the lines bear.
        wall: Wall,
        /// What stands before them; `None` = they go as they are.
        lead: Option<Arc<Lead>>,
    },
    /// Ask who holds the writing end of a FIFO, for a hang-up is not told to a reader that came late. → `End`, `Full` (there is no room
    /// for another page, whatever the bytes amount to: writers wait for us), `Empty` (more may come), `Failed`.
    Writers {
        /// Which.
        stream: StreamKey,
    },
    /// Read and forget. → `Moved`, `Empty`, `End`, `Failed`.
    Discard {
        /// Which.
        stream: StreamKey,
        /// How many bytes at most.
        len: u64,
    },
    /// Open a log file (0600, no symbolic link, regular; missing directories are made 0700). → `Log`, `Missing`, `Failed`.
    OpenLog {
        /// Named so from now on.
        file: FileKey,
        /// Relative to the home or absolute.
        path: String,
        /// Whether to make it when it is missing; otherwise → `Missing`.
        create: bool,
    },
    /// Open the index `PATH.idx` of an open log file, making it when missing, cutting off a torn tail. → `Index`, `Failed`.
    OpenIndex {
        /// Which.
        file: FileKey,
    },
    /// Close a log file and its index.
    CloseLog {
        /// Which.
        file: FileKey,
    },
    /// The size of an open log file. → `Size`, or `Missing` when its path is gone or names another file, `Failed`.
    Stat {
        /// Which.
        file: FileKey,
    },
    /// The last byte of an open log file. → `Tail`, `Failed`.
    LastByte {
        /// Which.
        file: FileKey,
        /// Its size, not 0.
        size: u64,
    },
    /// Write one line feed. → `Done`, `Failed`.
    PutNewline {
        /// Which.
        file: FileKey,
        /// Where: its size.
        at: u64,
    },
    /// Write a line, whole or not at all. → `Done`, `Failed`.
    Put {
        /// Which.
        file: FileKey,
        /// Where: its size.
        at: u64,
        /// What.
        line: Vec<u8>,
    },
    /// Append a record to the index. → `Done`, `Failed`.
    AppendIndex {
        /// Which.
        file: FileKey,
        /// What.
        record: IndexRecord,
    },
    /// Empty the index. → `Done`, `Failed`.
    ResetIndex {
        /// Which.
        file: FileKey,
    },
    /// When the first byte of an open log file that is not empty was written: as the first record of its index says, if that speaks of
    /// offset 0; otherwise when the file was made, or else when it was written last. → `Begun`, `Failed`.
    Begun {
        /// Which.
        file: FileKey,
    },
    /// What rotated files there are: for n = 1, 2, … whether `PATH.n`, `PATH.n.gz` and `PATH.n.idx` exist, as far as
    /// [`super::siblings`] looks. → `Siblings`, `Failed`.
    Siblings {
        /// The log file.
        path: String,
    },
    /// Rename. → `Done`, `Failed`.
    Rename {
        /// From.
        from: String,
        /// To; replaced.
        to: String,
    },
    /// Remove a file. → `Done` (also when it is not there), `Failed`.
    Remove {
        /// Which.
        path: String,
    },
    /// Every file beside a log that belongs to it, but for itself and its index: `PATH.n`, `PATH.n.idx`, `PATH.n.gz`, `PATH.n.gz.tmp`
    /// with any number n. → `Beside`, `Failed`.
    Beside {
        /// The log file.
        path: String,
    },
    /// Empty a file. → `Done` (also when there is none), `Failed`.
    Truncate {
        /// Which.
        path: String,
    },
    /// Have a rotated file compressed, in the background, into [`model::beside::unfinished_path`] of its log: 0600, with the time of the last write, and
    /// on the disk. Its end is told by [`Happening::Compressed`]; there is at most one at a time.
    Compress {
        /// The log file.
        log: String,
        /// The rotated file's path at present.
        from: String,
        /// What it must be, or else it has been moved meanwhile and `ESTALE` is the result.
        inode: u64,
    },
    /// Have all log files counted, in the background. Told by [`Happening::Surveyed`]; there is at most one at a time.
    Survey {
        /// These, and all in the home's own folder for logs.
        files: Vec<String>,
    },
    /// Tell the steward. → `Done`, `Full`, `Failed`.
    Send(FromScribe),
    /// Report when the link to the steward can be written, or stop reporting.
    WatchLink {
        /// Report?
        writable: bool,
    },
    /// Tell the keeper that we work (`dialect 2`, `hello`).
    HelloKeeper,
    /// Start a new keeper, unless the house is to stay stopped.
    Rescue,
    /// Let go of everything and end with status 0. The last effect ever.
    Exit,
}

impl Effect {
    /// Whether the core waits for a result.
    pub fn asks(&self) -> bool {
        match self {
            Effect::CloseFifo { .. }
            | Effect::Watch { .. }
            | Effect::CloseLog { .. }
            | Effect::WatchLink { .. }
            | Effect::Compress { .. }
            | Effect::Survey { .. }
            | Effect::HelloKeeper
            | Effect::Rescue
            | Effect::Exit => false,
            Effect::OpenFifo { .. }
            | Effect::Peek { .. }
            | Effect::Splice { .. }
            | Effect::Copy { .. }
            | Effect::Form { .. }
            | Effect::Writers { .. }
            | Effect::Discard { .. }
            | Effect::OpenLog { .. }
            | Effect::OpenIndex { .. }
            | Effect::Stat { .. }
            | Effect::LastByte { .. }
            | Effect::PutNewline { .. }
            | Effect::Put { .. }
            | Effect::Beside { .. }
            | Effect::Truncate { .. }
            | Effect::AppendIndex { .. }
            | Effect::ResetIndex { .. }
            | Effect::Begun { .. }
            | Effect::Siblings { .. }
            | Effect::Rename { .. }
            | Effect::Remove { .. }
            | Effect::Send(_) => true,
        }
    }
}
