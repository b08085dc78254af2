//! Fields: how they are joined into a line and taken apart again.

use crate::Dialect;
use std::borrow::Cow;

/// A field ends in a lone backslash or has an escape that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EscapeError;

/// Appends one field to a line. Dialect 2 escapes TAB, LF, CR, NUL and the backslash; dialect 1 has no escapes, so each
/// of the first four is sent as `?`. The caller puts the TAB between fields.
pub fn push_field(line: &mut Vec<u8>, field: &[u8], dialect: Dialect) {
    for &byte in field {
        let escaped = match (byte, dialect) {
            (b'\t', Dialect::Two) => b't',
            (b'\n', Dialect::Two) => b'n',
            (b'\r', Dialect::Two) => b'r',
            (0, Dialect::Two) => b'0',
            (b'\\', Dialect::Two) => b'\\',
            (b'\t' | b'\n' | b'\r' | 0, Dialect::One) => {
                line.push(b'?');
                continue;
            }
            _ => {
                line.push(byte);
                continue;
            }
        };
        line.extend_from_slice(&[b'\\', escaped]);
    }
}

/// Takes a line (without its line feed) apart. Dialect 1 borrows every field; dialect 2 copies those with escapes.
///
/// # Errors
/// Dialect 2 only: an escape that does not exist.
pub fn split_fields(line: &[u8], dialect: Dialect) -> Result<Vec<Cow<'_, [u8]>>, EscapeError> {
    line.split(|b| *b == b'\t').map(|raw| if dialect == Dialect::One { Ok(Cow::Borrowed(raw)) } else { unescape(raw) }).collect()
}

fn unescape(raw: &[u8]) -> Result<Cow<'_, [u8]>, EscapeError> {
    if !raw.contains(&b'\\') {
        return Ok(Cow::Borrowed(raw));
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(&byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next() {
            Some(b't') => b'\t',
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b'0') => 0,
            Some(b'\\') => b'\\',
            _ => return Err(EscapeError),
        });
    }
    Ok(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Any bytes can be said in dialect 2, and a line never contains a raw line feed.
        #[test]
        fn dialect_two_says_anything(fields in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..8)) {
            let mut line = Vec::new();
            for (at, field) in fields.iter().enumerate() {
                if at > 0 { line.push(b'\t'); }
                push_field(&mut line, field, Dialect::Two);
            }
            prop_assert!(!line.contains(&b'\n'));
            let back = split_fields(&line, Dialect::Two).expect("what we wrote");
            prop_assert_eq!(back.iter().map(|f| f.to_vec()).collect::<Vec<_>>(), fields);
        }
    }

    #[test]
    fn dialect_one_has_no_escapes() {
        let mut line = Vec::new();
        push_field(&mut line, b"a\tb\\n\n", Dialect::One);
        assert_eq!(line, b"a?b\\n?");
        assert_eq!(split_fields(b"a\\t\t\tb", Dialect::One).expect("never fails").len(), 3);
    }

    #[test]
    fn wrong_escapes_are_refused() {
        for wrong in [&b"a\\"[..], b"\\x", b"a\t\\q"] {
            assert_eq!(split_fields(wrong, Dialect::Two), Err(EscapeError));
        }
    }
}
