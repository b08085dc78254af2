//! What the scribe knows of one stream.

use super::drop::Gap;
use super::effect::{Cause, FileKey, Interest, Now, StreamKey, TURN_BYTES};
use super::form::Lead;
use model::{LogForm, LogOverflow, StreamId, Tick};
use std::sync::Arc;
use std::time::Duration;

/// How long a stream waits for the end of a line, its own or another's, in a file that several write.
pub const LINE_PATIENCE: Duration = Duration::from_millis(100);
/// The first pause after trouble; each further one is twice as long.
pub const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause after trouble.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A stream that moves again within [`REST_WITHIN`] and less than [`REST_BELOW`] bytes is left alone for this long: a flood of short lines
/// is then carried by the hundred, at a fraction of the wake-ups. Short enough that no FIFO fills meanwhile, or the app would wait for us.
pub const REST: Duration = Duration::from_micros(100);
/// See [`REST`].
pub const REST_WITHIN: Duration = Duration::from_millis(1);
/// See [`REST`].
pub const REST_BELOW: u64 = 4096;
/// The same trouble of a stream is said again after this.
pub const TROUBLE_AGAIN: Duration = Duration::from_secs(60);

/// One stream of one life, from `Open` to `Sealed`.
///
/// It is *open* while its FIFO is. It *waits* (`patience_ends`) when a line is unfinished in a shared file; then it is reported by
/// edges, since its bytes stay in the FIFO. A stream with a form (`lead`) waits so for the end of its own line too, without a deadline. It
/// is *blocked* (`pause`) when the FIFO or the file is in trouble; then it is not reported
/// at all and only its deadline wakes it. One that may drop is not blocked but *gapes* (`gap`): what comes is discarded and counted, until
/// the time has come to try its file again. It is *sealed* when it is born and its FIFO reads as ended; what is left then are the facts
/// for answering a repeated `Open`, in a bounded number of streams.
#[derive(Debug)]
pub(crate) struct Stream {
    pub id: StreamId,
    pub fifo: String,
    pub file: FileKey,
    /// How its lines stand in the file; `None` = as they are.
    pub lead: Option<Arc<Lead>>,
    /// It may be discarded while the file is in trouble.
    pub drops: bool,
    pub gap: Option<Gap>,
    /// Bytes that were discarded.
    pub dropped: u64,
    pub born: bool,
    pub open: bool,
    pub capacity: u64,
    pub interest: Interest,
    /// Whether it has had bytes: an unborn stream counts as a writer of its file only from then on.
    pub touched: bool,
    pub bytes: u64,
    pub moved_at: Option<Tick>,
    pub indexed: Option<Tick>,
    pub patience_ends: Option<Tick>,
    pub pause: Option<Duration>,
    pub due: Option<Tick>,
    /// A look has found it empty with a writer present. A reader that was opened when the writers had gone is never told of the hang-up
    /// (tried), so until then each move is followed by another look.
    pub sure: bool,
    /// Stands in the queue of tries.
    pub queued: bool,
    pub sealed: Option<Facts>,
    pub said: Option<(Cause, Tick)>,
    /// A trouble has been said and not yet taken back.
    pub in_trouble: bool,
    /// The other of a pair (see `pair`), which is the second one when it has no word of its own for `Opened` and `Sealed`.
    pub twin: Option<StreamKey>,
    pub second: bool,
    /// Bytes at the head of the FIFO that are in our file already, and that the twin still needs.
    pub ahead: u64,
    pub notes: Notes,
    /// Stands in the queue of messages.
    pub noted: bool,
    /// Turns left while finishing.
    pub rounds: u32,
}

/// What `Sealed` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub size: u64,
    pub bytes: u64,
    pub partial: bool,
    pub dropped: u64,
}

/// What the steward is still to be told of a stream: flags instead of a queue, so that a full link costs no memory.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub opened: bool,
    pub trouble: Option<(String, Cause)>,
    pub dropped: Option<(u64, Cause)>,
    pub resumed: bool,
    pub sealed: bool,
}

impl Stream {
    pub fn new(id: StreamId, fifo: String, file: FileKey, form: &LogForm, born: bool) -> Stream {
        Stream {
            id,
            fifo,
            file,
            lead: Lead::new(form, id).map(Arc::new),
            drops: form.overflow == LogOverflow::Drop,
            gap: None,
            dropped: 0,
            born,
            open: false,
            capacity: TURN_BYTES,
            interest: Interest::Level,
            touched: false,
            bytes: 0,
            moved_at: None,
            indexed: None,
            patience_ends: None,
            pause: None,
            due: None,
            sure: false,
            queued: false,
            sealed: None,
            said: None,
            in_trouble: false,
            twin: None,
            second: false,
            ahead: 0,
            notes: Notes::default(),
            noted: false,
            rounds: 0,
        }
    }

    /// Takes another form; what is in the file already stays as it is.
    pub fn reform(&mut self, form: &LogForm) {
        let lead = Lead::new(form, self.id);
        if self.lead.as_deref() != lead.as_ref() {
            self.lead = lead.map(Arc::new);
        }
        self.drops = form.overflow == LogOverflow::Drop;
    }

    /// Whether it may write its file now or soon.
    pub fn writes(&self) -> bool {
        self.sealed.is_none() && (self.born || self.touched)
    }

    /// Whether the FIFO may have no room for another line: less than one atomic write is free.
    pub fn is_full(&self, len: u64) -> bool {
        len >= TURN_BYTES || len + 4096 > self.capacity
    }

    /// Notes that bytes were moved; whether it may rest now.
    pub fn moves(&mut self, bytes: u64, now: Now) -> bool {
        let before = self.moved_at.replace(now.tick);
        self.bytes += bytes;
        self.touched = true;
        bytes < REST_BELOW && before.is_some_and(|before| now.tick.since(before) < REST_WITHIN)
    }

    /// The next pause.
    pub fn grow_pause(&mut self) -> Duration {
        let pause = self.pause.map_or(FIRST_PAUSE, |last| (last * 2).min(LONGEST_PAUSE));
        self.pause = Some(pause);
        pause
    }

    /// Whether this trouble is news; remembers it as said.
    pub fn trouble_is_news(&mut self, cause: Cause, now: Now) -> bool {
        let again = match self.said {
            Some((last, at)) => last != cause || now.tick.since(at) >= TROUBLE_AGAIN,
            None => true,
        };
        if again {
            self.said = Some((cause, now.tick));
        }
        again
    }
}

impl Notes {
    pub fn is_empty(&self) -> bool {
        !self.opened && self.trouble.is_none() && self.dropped.is_none() && !self.resumed && !self.sealed
    }
}
