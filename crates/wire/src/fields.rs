//! A command line taken apart in place, without a copy: the form in which arguments and environments are kept and handed to `execve`.

use crate::Dialect;

/// A command that cannot be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldError {
    /// It has a NUL, which no argument, path or variable can have.
    Nul,
    /// Dialect 2: an escape that does not exist.
    Escape,
}

impl FieldError {
    /// What an `error` says.
    pub fn text(self) -> &'static str {
        match self {
            FieldError::Nul => "NUL in command",
            FieldError::Escape => "unknown escape",
        }
    }
}

/// Turns a line (without its line feed) into fields that are each ended by NUL, in place.
///
/// # Errors
/// [`FieldError`]; then nothing can be said of the line.
pub fn take_apart(line: &mut Vec<u8>, dialect: Dialect) -> Result<(), FieldError> {
    let (mut from, mut to) = (0, 0);
    while from < line.len() {
        let (byte, length) = match (line[from], dialect) {
            (b'\t', _) => (0, 1),
            (0, _) => return Err(FieldError::Nul),
            (b'\\', Dialect::Two) => match line.get(from + 1) {
                Some(b't') => (b'\t', 2),
                Some(b'n') => (b'\n', 2),
                Some(b'r') => (b'\r', 2),
                Some(b'\\') => (b'\\', 2),
                Some(b'0') => return Err(FieldError::Nul),
                _ => return Err(FieldError::Escape),
            },
            (byte, _) => (byte, 1),
        };
        line[to] = byte;
        from += length;
        to += 1;
    }
    line.truncate(to);
    line.push(0);
    Ok(())
}

/// Whether every backslash of a line of dialect 2 begins an escape that exists.
pub fn is_escaped(line: &[u8]) -> bool {
    let mut rest = line;
    while let Some(at) = rest.iter().position(|b| *b == b'\\') {
        if !matches!(rest.get(at + 1), Some(b't' | b'n' | b'r' | b'0' | b'\\')) {
            return false;
        }
        rest = &rest[at + 2..];
    }
    true
}

/// The fields of a list in which each is ended by NUL.
pub fn fields(list: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    list.split_inclusive(|b| *b == 0).map(|field| field.strip_suffix(b"\0").unwrap_or(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Request, split_fields};
    use proptest::prelude::*;

    fn apart(line: &[u8], dialect: Dialect) -> Result<Vec<u8>, FieldError> {
        let mut line = line.to_vec();
        take_apart(&mut line, dialect).map(|()| line)
    }

    #[test]
    fn tabs_become_ends() {
        assert_eq!(apart(b"a\t\tb", Dialect::One), Ok(b"a\0\0b\0".to_vec()));
        assert_eq!(apart(b"a\\tb", Dialect::One), Ok(b"a\\tb\0".to_vec()));
        assert_eq!(apart(b"a\\tb\tc\\\\\\n", Dialect::Two), Ok(b"a\tb\0c\\\n\0".to_vec()));
        assert_eq!(fields(b"a\0\0b\0").collect::<Vec<_>>(), [&b"a"[..], b"", b"b"]);
        assert_eq!(fields(b"").count(), 0);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for line in [&b"a\0"[..], b"\\0"] {
            assert_eq!(apart(line, Dialect::Two), Err(FieldError::Nul));
        }
        assert!(is_escaped(b"a\\0\\\\b") && !is_escaped(b"a\\x") && !is_escaped(b"\\\\\\"));
        for line in [&b"\\"[..], b"a\t\\q"] {
            assert_eq!(apart(line, Dialect::Two), Err(FieldError::Escape));
        }
    }

    proptest! {
        /// It says the same as the copying way.
        #[test]
        fn the_same_as_split(fields_said in prop::collection::vec("[^\0]{0,20}", 1..6)) {
            let request = fields_said.iter().fold(Request::new("verb"), |r, f| r.field(f));
            let mut line = Vec::new();
            request.write_to(&mut line);
            line.pop();
            let copied = split_fields(&line, Dialect::Two).expect("ours").into_iter().map(|f| f.into_owned()).collect::<Vec<_>>();
            let list = apart(&line, Dialect::Two).expect("ours");
            prop_assert_eq!(fields(&list).map(<[u8]>::to_vec).collect::<Vec<_>>(), copied);
        }
    }
}
