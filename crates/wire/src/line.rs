//! An event line in the making.

use crate::Dialect;
use std::fmt::{self, Display, Write};

/// A line that is written, in the dialect of whom it is for, straight behind what already waits for them. It counts what it would need and
/// writes no more than there is room for, so the buffer behind it never grows.
pub struct Line<'a> {
    out: &'a mut Vec<u8>,
    dialect: Dialect,
    room: usize,
    needed: usize,
}

impl<'a> Line<'a> {
    /// A line of at most `room` bytes behind `out`.
    pub(crate) fn new(out: &'a mut Vec<u8>, dialect: Dialect, room: usize) -> Line<'a> {
        Line { out, dialect, room, needed: 0 }
    }

    /// The dialect of whom it is for.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What it would have needed to be whole.
    pub(crate) fn needed(&self) -> usize {
        self.needed
    }

    fn push(&mut self, bytes: &[u8]) {
        let fits = self.room.saturating_sub(self.needed).min(bytes.len());
        self.out.extend_from_slice(&bytes[..fits]);
        self.needed += bytes.len();
    }

    /// Adds bytes as they are: the verb, or what is known to hold no TAB or line feed.
    pub fn raw(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.push(bytes.as_ref());
        self
    }

    /// Adds text to the last field, escaped as the dialect has it: dialect 2 escapes TAB, LF, CR, NUL and the backslash; dialect 1 has no
    /// escapes, so each of the first four becomes `?`.
    pub fn text(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        let mut rest = text.as_ref();
        while let Some(at) = rest.iter().position(|b| matches!(b, b'\t' | b'\n' | b'\r' | 0 | b'\\')) {
            self.push(&rest[..at]);
            self.push(match (rest[at], self.dialect) {
                (b'\\', Dialect::One) => b"\\",
                (_, Dialect::One) => b"?",
                (b'\t', Dialect::Two) => b"\\t",
                (b'\n', Dialect::Two) => b"\\n",
                (b'\r', Dialect::Two) => b"\\r",
                (b'\\', Dialect::Two) => b"\\\\",
                (_, Dialect::Two) => b"\\0",
            });
            rest = &rest[at + 1..];
        }
        self.push(rest);
        self
    }

    /// Adds a field.
    pub fn field(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.push(b"\t");
        self.text(text)
    }

    /// Adds a field with a number, or anything else that prints without TAB and line feed.
    pub fn number(&mut self, value: impl Display) -> &mut Self {
        self.push(b"\t");
        write!(self, "{value}").expect("writing to memory");
        self
    }
}

impl Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}
