//! What steward and scribe say to each other: one JSON object a message, over a `SOCK_SEQPACKET` pair that the keeper holds, so that
//! either side may be replaced and no message is ever torn. Every message to the scribe may be repeated.

use crate::{InstanceId, LogFormat, LogOverflow, LogPolicy, Stream};
use serde::{Deserialize, Serialize};

/// The longest message in bytes.
pub const LINK_MESSAGE_LIMIT: usize = 16 * 1024;

/// One stream of one life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamId {
    /// Whose.
    pub instance: InstanceId,
    /// Which.
    pub stream: Stream,
}

/// In which form a stream's lines stand in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogForm {
    /// What stands in the file.
    pub format: LogFormat,
    /// What happens when it cannot take more.
    pub overflow: LogOverflow,
    /// The app, as JSON lines name it.
    pub app: String,
    /// The slot, as JSON lines name it.
    pub slot: String,
    /// A second log file, which gets every line too: relative to the home or absolute.
    pub also: Option<String>,
}

/// From the steward to the scribe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum ToScribe {
    /// Move this stream. Said again after each `Hello`; for a stream that is open already it renews `file`, `policy`, `born`, `ended`.
    Open {
        /// Which stream.
        id: StreamId,
        /// The FIFO, relative to the home.
        fifo: String,
        /// The log file, relative to the home or absolute. The index is `FILE.idx`, rotated ones are `FILE.1` or `FILE.1.gz` …, each with
        /// the index `FILE.1.idx`.
        file: String,
        /// How the file is kept.
        policy: LogPolicy,
        /// What stands in it, and what happens when it cannot take more.
        #[serde(default)]
        form: LogForm,
        /// Whether its process has run: before that, end-of-file means "nobody yet".
        born: bool,
        /// Whether its process has ended.
        ended: bool,
    },
    /// The process runs: from now on end-of-file means sealed.
    Born {
        /// Which stream.
        id: StreamId,
    },
    /// The process has ended: look at once for what is left.
    Ended {
        /// Which stream.
        id: StreamId,
    },
    /// Forget the stream without a word (its life was never born and nothing can come).
    Close {
        /// Which stream.
        id: StreamId,
    },
    /// Change the rotation of a file.
    Policy {
        /// The log file.
        file: String,
        /// Rotation.
        policy: LogPolicy,
    },
    /// Rotate a file now.
    Rotate {
        /// The log file.
        file: String,
    },
    /// Close every log file that is open; each is opened anew by its name when there is something to write. Answered by `Did`.
    Reopen {
        /// Repeated in the answer.
        ask: u64,
    },
    /// Empty a log file and remove its rotated files and their indexes, whether a stream writes it or not. Bytes on their way are
    /// written afterwards. Answered by `Did`.
    Clear {
        /// Repeated in the answer.
        ask: u64,
        /// The log file.
        file: String,
    },
    /// How much all log files may have together. While it is more, the oldest rotated files of the largest go.
    Budget {
        /// Bytes; 0 = no limit.
        total: u64,
        /// Limits of single apps: their log files, and bytes.
        apps: Vec<(Vec<String>, u64)>,
    },
    /// Say `Grew` (somebody follows a log), or stop saying it.
    Watch {
        /// Whether anybody follows.
        on: bool,
    },
    /// Move what is there, then end. Said by `daemon stop`.
    Finish,
}

/// From the scribe to the steward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum FromScribe {
    /// A scribe has begun and knows no stream: say every open one again.
    Hello {
        /// Its process.
        pid: u32,
    },
    /// The stream is open and moves.
    Opened {
        /// Which stream.
        id: StreamId,
    },
    /// A log file grew; a hint that may be lost, said only while watched.
    Grew {
        /// The log file as named in `Open`.
        file: String,
        /// Its size now.
        size: u64,
    },
    /// The stream has ended and every byte of it is in the file.
    Sealed {
        /// Which stream.
        id: StreamId,
        /// Size of the file after it.
        size: u64,
        /// Bytes moved by this scribe.
        bytes: u64,
        /// Whether the last line lacked a line feed.
        partial: bool,
        /// Bytes read and discarded.
        dropped: u64,
    },
    /// Something is in the way; the scribe goes on trying. Said once per stream and cause, and again at most every minute.
    Trouble {
        /// Which stream.
        id: StreamId,
        /// The file or FIFO concerned.
        path: String,
        /// `ENOSPC`.
        errno: String,
    },
    /// Bytes of a stream were read and discarded, because it may not wait (`LogOverflow::Drop`). Said when there is room again; a
    /// line in the log says the same.
    Dropped {
        /// Which stream.
        id: StreamId,
        /// How many bytes.
        bytes: u64,
        /// Why: `ENOSPC`.
        errno: String,
    },
    /// A rotated file was removed, because all files together had more bytes than `Budget` allows.
    Removed {
        /// The file.
        file: String,
        /// Its bytes on the disk.
        bytes: u64,
    },
    /// What was asked for has been done, or why not.
    Did {
        /// As in the question.
        ask: u64,
        /// The path and the name of the error, when it was not done.
        failed: Option<(String, String)>,
    },
    /// The trouble is over.
    Resumed {
        /// Which stream.
        id: StreamId,
    },
}
