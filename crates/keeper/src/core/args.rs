//! What a command is made of, and how a refusal is worded.

use super::effect::ConnId;
use wire::{Dialect, Line, Name, fields};

/// Why a command was refused; told as `error`. Its text is these parts, with a name behind the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) parts: [&'static str; 3],
    pub(super) name: Option<Name>,
}

impl From<&'static str> for Refusal {
    fn from(text: &'static str) -> Refusal {
        Refusal { parts: [text, "", ""], name: None }
    }
}

pub(super) type Done = Result<(), Refusal>;

/// Who says a command, and how an error would quote it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speaker {
    pub(super) conn: ConnId,
    pub(super) dialect: Dialect,
    pub(super) quote: Quote,
}

impl Speaker {
    /// One of whom nothing is known but the connection.
    pub(super) fn silent(conn: ConnId) -> Speaker {
        Speaker { conn, dialect: Dialect::Two, quote: Quote::of(b"", Dialect::Two) }
    }
}

/// The fields of a command that have not been looked at, each ended by NUL.
pub(super) struct Args<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Args<'a> {
    pub(super) fn next(&mut self) -> Option<&'a [u8]> {
        let first = fields(self.rest).next()?;
        self.rest = &self.rest[first.len() + 1..];
        Some(first)
    }

    pub(super) fn need(&mut self) -> Result<&'a [u8], Refusal> {
        self.next().ok_or("missing argument".into())
    }

    /// All others, as a list. A single empty one, with which an event says "none", is none.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = std::mem::take(&mut self.rest);
        if rest == b"\0" { &[] } else { rest }
    }

    pub(super) fn end(&mut self) -> Done {
        if self.rest.is_empty() { Ok(()) } else { Err("unknown option".into()) }
    }

    pub(super) fn service(&mut self) -> Result<Name, Refusal> {
        self.name("Expected service name", "Invalid service name")
    }

    pub(super) fn handle(&mut self) -> Result<Name, Refusal> {
        self.name("Expected file descriptor name", "Invalid file descriptor name")
    }

    fn name(&mut self, missing: &'static str, wrong: &'static str) -> Result<Name, Refusal> {
        let field = self.next().filter(|f| !f.is_empty()).ok_or(missing)?;
        Name::new(field).ok_or(wrong.into())
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self) -> Result<T, Refusal> {
        number(self.need()?).ok_or("Expected integer".into())
    }
}

/// An integer: an optional `-` and decimal digits, nothing else.
pub(super) fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(field).ok().filter(|_| plain)?.parse().ok()
}

/// How much of a command an error quotes.
const QUOTED: [usize; 2] = [30, 100];

/// The beginning of a command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quote {
    bytes: [u8; QUOTED[1] + 3],
    length: usize,
}

impl Quote {
    pub(super) fn of(line: &[u8], dialect: Dialect) -> Quote {
        let mut end = QUOTED[usize::from(dialect == Dialect::Two)];
        if line.starts_with(b"service.env") {
            // Never a value: it may be a secret.
            let tabs = line.iter().enumerate().filter(|(_, b)| **b == b'\t');
            end = tabs.map(|(at, _)| at).nth(1).unwrap_or(line.len()).min(end);
        }
        let mut bytes = [0; QUOTED[1] + 3];
        let taken = end.min(line.len());
        bytes[..taken].copy_from_slice(&line[..taken]);
        let cut = taken < line.len();
        if cut {
            bytes[taken..taken + 3].copy_from_slice(b"...");
        }
        Quote { bytes, length: taken + if cut { 3 } else { 0 } }
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Refusal {
    pub(super) fn write_to(&self, line: &mut Line<'_>) {
        line.text(self.parts[0]);
        if let Some(name) = &self.name {
            line.text(name);
        }
        line.text(self.parts[1]).text(self.parts[2]);
    }
}

/// A number in decimal, without a copy on the heap.
pub(super) fn decimal(number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let (mut rest, mut at) = (number, digits.len());
    while at == digits.len() || rest > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    &digits[at..]
}
