//! Lines that a controller sends.

use crate::{Dialect, push_field};

/// A command in dialect 2, built field by field: `Request::new("service.start").field("i91")`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    line: Vec<u8>,
}

impl Request {
    /// Begins a command.
    pub fn new(verb: &str) -> Request {
        Request { line: verb.as_bytes().to_vec() }
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, field: impl AsRef<[u8]>) -> Request {
        self.line.push(b'\t');
        push_field(&mut self.line, field.as_ref(), Dialect::Two);
        self
    }

    /// Bytes so far, without the line feed; at most [`crate::DIALECT2_LINE`] is understood.
    pub fn len(&self) -> usize {
        self.line.len()
    }

    /// Whether nothing stands in it (never: a verb is always there).
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Appends the line, with its line feed, to what is to be sent.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.line);
        out.push(b'\n');
    }
}
