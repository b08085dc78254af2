//! What waits on a connection: lines that came in, lines that go out. Both bounded; both keep their memory when they are used again.

use crate::ledger::{Entry, LedgerError, Writer};
use crate::{DIALECT1_LINE, DIALECT2_LINE, Dialect, Line};

/// Bytes that wait to be sent, at most, and how many must be free for a command to be executed.
const OUT: [usize; 2] = [2048, 256 * 1024];
const FREE_FOR_COMMAND: [usize; 2] = [1024, 128 * 1024];
/// What a dump leaves free for events, so that it is not the reason why one is lost.
const FREE_OF_DUMP: [usize; 2] = [0, 64 * 1024];

fn of(dialect: Dialect, values: [usize; 2]) -> usize {
    values[usize::from(dialect == Dialect::Two)]
}

/// A line that has come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming {
    /// It stands in the buffer that was given.
    Whole,
    /// It was longer than the dialect allows, and has been skipped.
    TooLong,
}

/// Bytes that came in and are not yet lines.
#[derive(Debug)]
pub struct Inbox {
    bytes: Vec<u8>,
    /// Where the next line begins.
    begin: usize,
    /// A line that is too long is being skipped; whether it is a comment.
    skipping: Option<bool>,
    longest: usize,
}

impl Default for Inbox {
    fn default() -> Inbox {
        Inbox { bytes: Vec::with_capacity(DIALECT1_LINE + 1), begin: 0, skipping: None, longest: DIALECT1_LINE }
    }
}

impl Inbox {
    /// As new, for another connection.
    pub fn renew(&mut self) {
        self.bytes.clear();
        (self.begin, self.skipping, self.longest) = (0, None, DIALECT1_LINE);
    }

    /// Lines are as long as dialect 2 has them from now on.
    pub fn speak_two(&mut self) {
        self.longest = DIALECT2_LINE;
        self.bytes.reserve_exact((DIALECT2_LINE + 1).saturating_sub(self.bytes.len()));
    }

    /// What waits.
    pub fn waiting(&self) -> &[u8] {
        &self.bytes[self.begin..]
    }

    /// How many bytes may come in now.
    pub fn room(&self) -> usize {
        (self.longest + 1).saturating_sub(self.waiting().len())
    }

    /// Takes bytes; never more than [`Inbox::room`].
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.begin > 0 {
            self.bytes.drain(..self.begin);
            self.begin = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn consume(&mut self, count: usize) {
        self.begin += count;
        if self.begin == self.bytes.len() {
            self.bytes.clear();
            self.begin = 0;
        }
    }

    /// Copies the next line into `line` and takes it out. With `last`, what has no line feed is a line too.
    pub fn next_line(&mut self, line: &mut Vec<u8>, last: bool) -> Option<Incoming> {
        line.clear();
        let end = match self.waiting().iter().position(|b| *b == b'\n') {
            Some(end) => end,
            None if self.skipping.is_some() || self.waiting().len() > self.longest => {
                if let Some(first) = self.waiting().first() {
                    let comment = *first == b'#';
                    self.skipping.get_or_insert(comment);
                }
                self.consume(self.waiting().len());
                return None;
            }
            None if last && !self.waiting().is_empty() => self.waiting().len(),
            None => return None,
        };
        let skipped = self.skipping.take();
        if skipped.is_none() {
            line.extend_from_slice(&self.waiting()[..end]);
        }
        self.consume((end + 1).min(self.waiting().len()));
        // A comment that was too long is an empty line: nothing.
        Some(if skipped == Some(false) { Incoming::TooLong } else { Incoming::Whole })
    }

    /// Whether the next line is complete and says exactly this.
    pub fn next_is(&self, text: &[u8]) -> bool {
        self.waiting().starts_with(text) && self.waiting().get(text.len()) == Some(&b'\n')
    }

    /// Whether a complete line waits.
    pub fn has_line(&self) -> bool {
        self.waiting().contains(&b'\n')
    }

    /// Writes what another executable needs to go on.
    pub fn save(&self, ledger: &mut Writer) {
        ledger.maybe(self.skipping.map(u8::from)).field(self.waiting());
    }

    /// Reads what [`Inbox::save`] wrote.
    ///
    /// # Errors
    /// It is not understood.
    pub fn restore(&mut self, entry: &mut Entry) -> Result<(), LedgerError> {
        self.skipping = entry.maybe::<u8>()?.map(|comment| comment != 0);
        self.bytes.extend_from_slice(&entry.field()?);
        Ok(())
    }
}

/// Event lines that wait to be sent, numbered in dialect 2. A line that does not fit is counted as lost; once everything is sent, one
/// `overflow` says so.
#[derive(Debug)]
pub struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
    number: u64,
    /// The number of the first event that was lost since the last `overflow`.
    lost: Option<u64>,
    /// Commands are executed although nobody reads what they answer.
    heedless: bool,
    /// How many bytes have ever been sent.
    total: u64,
}

impl Default for Outbox {
    fn default() -> Outbox {
        Outbox { bytes: Vec::with_capacity(OUT[0]), sent: 0, number: 0, lost: None, heedless: false, total: 0 }
    }
}

impl Outbox {
    /// As new, for another connection.
    pub fn renew(&mut self) {
        self.bytes.clear();
        (self.sent, self.number, self.lost, self.heedless, self.total) = (0, 0, None, false, 0);
    }

    /// Makes the room that dialect 2 has, and counts from here on.
    pub fn speak_two(&mut self) {
        self.number = 0;
        self.lost = self.lost.map(|_| 1);
        self.bytes.reserve_exact(OUT[1].saturating_sub(self.bytes.len()));
    }

    /// What waits to be sent.
    pub fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Nothing of this will ever be sent.
    pub fn forget(&mut self) {
        self.bytes.clear();
        (self.sent, self.lost) = (0, None);
    }

    /// How many bytes were sent or wait: the place in the stream where the next line begins.
    pub fn place(&self) -> u64 {
        self.total + self.unsent().len() as u64
    }

    /// So many bytes are on their way.
    pub fn note_sent(&mut self, count: usize, dialect: Dialect) {
        let count = count.min(self.unsent().len());
        self.sent += count;
        self.total += count as u64;
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            (self.sent, self.heedless) = (0, false);
            if let Some(first) = self.lost.take() {
                self.say(dialect, |line| {
                    line.raw("overflow");
                    if dialect == Dialect::Two {
                        line.number(first);
                    }
                });
            }
        }
    }

    fn free(&self, dialect: Dialect) -> usize {
        of(dialect, OUT).saturating_sub(self.unsent().len())
    }

    /// Whether there is room for whatever a command may answer.
    pub fn can_answer(&self, dialect: Dialect) -> bool {
        self.heedless || (self.lost.is_none() && self.free(dialect) >= of(dialect, FREE_FOR_COMMAND))
    }

    /// Nobody reads: from now until everything is sent, commands are executed and what they say is lost.
    pub fn stop_heeding(&mut self) {
        self.heedless = true;
        let next = self.number + 1;
        self.lost.get_or_insert(next);
    }

    /// Writes a line behind the others; `keep` says, by what it needs, whether it stays.
    fn write(
        &mut self,
        dialect: Dialect,
        head: u64,
        write: impl FnOnce(&mut Line<'_>),
        keep: impl FnOnce(usize) -> bool,
    ) -> bool {
        let room = self.free(dialect);
        if self.sent > 0 && self.bytes.capacity() - self.bytes.len() < room {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
        let start = self.bytes.len();
        let mut line = Line::new(&mut self.bytes, dialect, room.saturating_sub(1));
        if dialect == Dialect::Two {
            use std::fmt::Write;
            write!(line, "#{head}\t").expect("writing to memory");
        }
        write(&mut line);
        let needed = line.needed() + 1;
        let whole = of(dialect, OUT);
        if !keep(needed) || (needed > room && (needed <= whole || room < whole)) {
            self.bytes.truncate(start);
            return false;
        }
        if needed > whole {
            // Only a definition made in dialect 2 is too long for a whole buffer of dialect 1.
            self.bytes.truncate(start + whole - 4);
            self.bytes.extend_from_slice(b"...");
        }
        self.bytes.push(b'\n');
        true
    }

    /// Says a line, or counts it as lost when it does not fit.
    pub fn say(&mut self, dialect: Dialect, write: impl FnOnce(&mut Line<'_>)) {
        self.number += 1;
        let head = self.number;
        if self.lost.is_some() || !self.write(dialect, head, write, |_| true) {
            self.lost.get_or_insert(head);
        }
    }

    /// Says a line of a dump if it fits and still leaves room for events. An empty buffer takes any line. Whether it was said.
    pub fn offer(&mut self, dialect: Dialect, write: impl FnOnce(&mut Line<'_>)) -> bool {
        let (free, empty) = (self.free(dialect), self.unsent().is_empty());
        let said = self.lost.is_none()
            && self.write(dialect, self.number + 1, write, |needed| empty || free >= needed + of(dialect, FREE_OF_DUMP));
        self.number += u64::from(said);
        said
    }

    /// Writes what another executable needs to go on.
    pub fn save(&self, ledger: &mut Writer) {
        let sent = self.total;
        ledger.number(self.number).maybe(self.lost).number(u8::from(self.heedless)).number(sent).field(self.unsent());
    }

    /// Reads what [`Outbox::save`] wrote.
    ///
    /// # Errors
    /// It is not understood.
    pub fn restore(&mut self, entry: &mut Entry) -> Result<(), LedgerError> {
        (self.number, self.lost) = (entry.number()?, entry.maybe()?);
        (self.heedless, self.total) = (entry.number::<u8>()? != 0, entry.number()?);
        self.bytes.extend_from_slice(&entry.field()?);
        Ok(())
    }
}
