//! One connection: what came in and is not yet executed, what goes out and is not yet sent, both bounded.

use super::dump::Cursor;
use super::effect::{ConnId, LifeId};
use std::sync::Arc;
use wire::{DIALECT1_LINE, DIALECT2_LINE, Dialect, push_field};

/// Bytes that wait to be sent, at most, and how many must be free for a command to be executed.
const OUT: [usize; 2] = [2048, 256 * 1024];
const FREE_FOR_COMMAND: [usize; 2] = [1024, 128 * 1024];
/// What a dump leaves free for events, so that it is not the reason why one is lost.
const FREE_OF_DUMP: [usize; 2] = [0, 64 * 1024];

fn of(dialect: Dialect, values: [usize; 2]) -> usize {
    values[usize::from(dialect == Dialect::Two)]
}

/// An event line in the making, in the dialect of whom it is for.
pub(super) struct Line {
    pub(super) bytes: Vec<u8>,
    pub(super) dialect: Dialect,
}

impl Line {
    pub(super) fn new(dialect: Dialect, verb: &str) -> Line {
        Line { bytes: verb.as_bytes().to_vec(), dialect }
    }

    pub(super) fn with(mut self, field: impl AsRef<[u8]>) -> Line {
        self.field(field);
        self
    }

    pub(super) fn field(&mut self, field: impl AsRef<[u8]>) -> &mut Line {
        self.bytes.push(b'\t');
        push_field(&mut self.bytes, field.as_ref(), self.dialect);
        self
    }
}

/// A line that has come in.
pub(super) enum Incoming {
    /// It stands in the buffer that was given.
    Whole,
    /// It was longer than the dialect allows, and has been skipped.
    TooLong,
}

/// One connection.
pub(super) struct Conn {
    pub(super) id: ConnId,
    pub(super) dialect: Dialect,
    pub(super) commands: bool,
    pub(super) events: bool,
    /// Gets no events before its first command, so that an Abide role never hears dialect 1.
    pub(super) silent: bool,
    /// The life that holds the other end.
    pub(super) life: Option<(Arc<str>, LifeId)>,
    /// Nothing more will come in.
    pub(super) ended: bool,
    /// `exit` was said: no further command, closed when everything is sent.
    pub(super) leaving: bool,
    pub(super) dump: Option<Cursor>,
    inbox: Vec<u8>,
    /// Where the next line begins.
    begin: usize,
    /// A line that is too long is being skipped; whether it is a comment.
    skipping: Option<bool>,
    outbox: Vec<u8>,
    sent: usize,
    number: u64,
    /// The number of the first event that was lost since the last `overflow`.
    lost: Option<u64>,
}

impl Conn {
    pub(super) fn new(id: ConnId, commands: bool, events: bool) -> Conn {
        Conn {
            id,
            dialect: Dialect::One,
            commands,
            events,
            silent: false,
            life: None,
            ended: false,
            leaving: false,
            dump: None,
            inbox: Vec::new(),
            begin: 0,
            skipping: None,
            outbox: Vec::new(),
            sent: 0,
            number: 0,
            lost: None,
        }
    }

    /// From now on in dialect 2; its buffers are made here.
    pub(super) fn speak_two(&mut self) {
        self.dialect = Dialect::Two;
        self.inbox.reserve_exact(DIALECT2_LINE + 1 - self.inbox.len());
        if self.events {
            self.outbox.reserve_exact(OUT[1] - self.outbox.len());
        }
    }

    fn longest(&self) -> usize {
        if self.dialect == Dialect::Two { DIALECT2_LINE } else { DIALECT1_LINE }
    }

    /// How many bytes may come in now.
    pub(super) fn room(&self) -> usize {
        if self.commands && !self.ended { (self.longest() + 1).saturating_sub(self.waiting().len()) } else { 0 }
    }

    fn waiting(&self) -> &[u8] {
        &self.inbox[self.begin..]
    }

    fn consume(&mut self, count: usize) {
        self.begin += count;
        if self.begin == self.inbox.len() {
            self.inbox.clear();
            self.begin = 0;
        }
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) {
        if self.begin > 0 {
            self.inbox.drain(..self.begin);
            self.begin = 0;
        }
        self.inbox.extend_from_slice(bytes);
    }

    /// The internal command list: everything at once, and nothing after.
    pub(super) fn preload(&mut self, script: &[u8]) {
        self.speak_two();
        self.inbox.extend_from_slice(script);
        self.ended = true;
    }

    /// Copies the next line into `line` and takes it out.
    pub(super) fn next_line(&mut self, line: &mut Vec<u8>) -> Option<Incoming> {
        line.clear();
        let Some(end) = self.waiting().iter().position(|b| *b == b'\n') else {
            if self.skipping.is_some() || self.waiting().len() > self.longest() {
                self.skipping.get_or_insert(self.inbox[self.begin] == b'#');
                self.consume(self.waiting().len());
            }
            return None;
        };
        let skipped = self.skipping.take();
        if skipped.is_none() {
            line.extend_from_slice(&self.waiting()[..end]);
        }
        self.consume(end + 1);
        // A comment that was too long is an empty line: nothing.
        Some(if skipped == Some(false) { Incoming::TooLong } else { Incoming::Whole })
    }

    /// Whether the next line is complete and says exactly this.
    pub(super) fn next_is(&self, text: &[u8]) -> bool {
        self.waiting().starts_with(text) && self.waiting().get(text.len()) == Some(&b'\n')
    }

    /// Whether a complete line waits.
    pub(super) fn has_line(&self) -> bool {
        self.waiting().contains(&b'\n')
    }

    /// Nothing that is said reaches anybody from now on.
    pub(super) fn mute(&mut self) {
        self.events = false;
        self.outbox = Vec::new();
        self.sent = 0;
        self.lost = None;
        self.dump = None;
    }

    pub(super) fn unsent(&self) -> &[u8] {
        &self.outbox[self.sent..]
    }

    pub(super) fn note_sent(&mut self, count: usize) {
        self.sent = (self.sent + count).min(self.outbox.len());
        if self.sent == self.outbox.len() {
            self.outbox.clear();
            self.sent = 0;
            if let Some(first) = self.lost.take() {
                let line = Line::new(self.dialect, "overflow");
                self.say(if self.dialect == Dialect::Two { line.with(first.to_string()) } else { line });
            }
        } else if self.sent * 2 > self.outbox.len() {
            self.outbox.drain(..self.sent);
            self.sent = 0;
        }
    }

    fn free(&self) -> usize {
        of(self.dialect, OUT).saturating_sub(self.outbox.len() - self.sent)
    }

    /// Whether there is room for whatever a command may answer.
    pub(super) fn can_answer(&self) -> bool {
        !self.events || (self.lost.is_none() && self.free() >= of(self.dialect, FREE_FOR_COMMAND))
    }

    /// Whether a line of a dump may be said now. An empty buffer takes any line: one that is too long even for that is cut by [`Conn::say`].
    pub(super) fn can_dump(&self, line: &Line) -> bool {
        let longest = line.bytes.len() + 24 + of(self.dialect, FREE_OF_DUMP);
        self.lost.is_none() && (self.unsent().is_empty() || self.free() >= longest)
    }

    /// Says a line, or counts it as lost when it does not fit.
    pub(super) fn say(&mut self, mut line: Line) {
        if !self.events || self.silent {
            return;
        }
        self.number += 1;
        let head = if self.dialect == Dialect::Two { format!("#{}\t", self.number) } else { String::new() };
        let whole = of(self.dialect, OUT);
        if head.len() + line.bytes.len() + 1 > whole {
            // Only a definition made in dialect 2 is too long for a whole buffer of dialect 1.
            line.bytes.truncate(whole - head.len() - 4);
            line.bytes.extend_from_slice(b"...");
        }
        if self.lost.is_some() || head.len() + line.bytes.len() + 1 > self.free() {
            self.lost.get_or_insert(self.number);
            return;
        }
        self.outbox.extend_from_slice(head.as_bytes());
        self.outbox.extend_from_slice(&line.bytes);
        self.outbox.push(b'\n');
    }
}
