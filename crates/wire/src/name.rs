//! Names of services and descriptors.

use crate::bounds::{NAME_LIMIT, is_name};
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;

/// The name of a service or a descriptor: 1 to 31 of `[A-Za-z0-9._-]`, ordered by byte. Held in place, so a copy costs no memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    length: u8,
    bytes: [u8; NAME_LIMIT],
}

impl Name {
    /// The name that this text is, if it can be one.
    pub fn new(text: impl AsRef<[u8]>) -> Option<Name> {
        let text = text.as_ref();
        is_name(text).then(|| {
            let mut bytes = [0; NAME_LIMIT];
            bytes[..text.len()].copy_from_slice(text);
            Name { length: text.len() as u8, bytes }
        })
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).expect("only ASCII gets in")
    }
}

impl AsRef<[u8]> for Name {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> Ordering {
        // What is not used is NUL, which sorts before everything that a name can have.
        self.bytes.cmp(&other.bytes)
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
