//! The ledger with which a keeper hands itself over to another executable (`mechanisms.md` §7): lines of escaped fields, the first with
//! the version, the last with the count of those between. It crosses in a memfd and is never sent to a controller.

use crate::{Dialect, push_field, split_fields};

/// The version that is written, and the only one that is read.
pub const LEDGER_VERSION: u32 = 1;
const HEAD: &str = "abide-ledger";
const END: &str = "end";

/// A ledger being written.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    lines: u64,
}

impl Default for Writer {
    fn default() -> Writer {
        Writer { bytes: format!("{HEAD}\t{LEDGER_VERSION}").into_bytes(), lines: 0 }
    }
}

impl Writer {
    /// Begins a line.
    pub fn line(&mut self, verb: &str) -> &mut Writer {
        self.bytes.push(b'\n');
        self.bytes.extend_from_slice(verb.as_bytes());
        self.lines += 1;
        self
    }

    /// Adds a field to it.
    pub fn field(&mut self, field: impl AsRef<[u8]>) -> &mut Writer {
        self.bytes.push(b'\t');
        push_field(&mut self.bytes, field.as_ref(), Dialect::Two);
        self
    }

    /// Adds a number to it.
    pub fn number(&mut self, value: impl std::fmt::Display) -> &mut Writer {
        self.field(value.to_string())
    }

    /// Adds a number or, for none, `-`.
    pub fn maybe(&mut self, value: Option<impl std::fmt::Display>) -> &mut Writer {
        match value {
            Some(value) => self.number(value),
            None => self.field("-"),
        }
    }

    /// The whole ledger.
    pub fn finish(mut self) -> Vec<u8> {
        let lines = self.lines;
        self.line(END).number(lines);
        self.bytes.push(b'\n');
        self.bytes
    }
}

/// Why something is no ledger that can be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerError {
    /// It does not begin as one.
    Foreign,
    /// It is of a version that is not known here.
    Version(String),
    /// It ends early, or its count is wrong.
    Torn,
    /// A line is not understood: its number and verb.
    Line(usize, String),
}

impl std::fmt::Display for LedgerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LedgerError::Foreign => f.write_str("not a ledger"),
            LedgerError::Version(version) => write!(f, "ledger of version {version}; this program knows {LEDGER_VERSION}"),
            LedgerError::Torn => f.write_str("the ledger is torn"),
            LedgerError::Line(number, verb) => write!(f, "line {number} of the ledger ({verb}) is not understood"),
        }
    }
}

/// One line of a ledger, read field by field.
#[derive(Debug, Clone)]
pub struct Entry {
    number: usize,
    fields: std::vec::IntoIter<Vec<u8>>,
    /// Its verb.
    pub verb: String,
}

impl Entry {
    /// The error that says where.
    pub fn wrong(&self) -> LedgerError {
        LedgerError::Line(self.number, self.verb.clone())
    }

    /// The next field.
    ///
    /// # Errors
    /// There is none.
    pub fn field(&mut self) -> Result<Vec<u8>, LedgerError> {
        self.fields.next().ok_or_else(|| self.wrong())
    }

    /// The next field as a number.
    ///
    /// # Errors
    /// There is none, or it is no such number.
    pub fn number<T: std::str::FromStr>(&mut self) -> Result<T, LedgerError> {
        let field = self.field()?;
        std::str::from_utf8(&field).ok().and_then(|text| text.parse().ok()).ok_or_else(|| self.wrong())
    }

    /// The next field as a number, `-` being none.
    ///
    /// # Errors
    /// As [`Entry::number`].
    pub fn maybe<T: std::str::FromStr>(&mut self) -> Result<Option<T>, LedgerError> {
        if self.fields.as_slice().first().is_some_and(|field| field == b"-") {
            self.fields.next();
            return Ok(None);
        }
        self.number().map(Some)
    }

    /// Whether every field has been read.
    pub fn is_read(&self) -> bool {
        self.fields.as_slice().is_empty()
    }

    /// All further fields.
    pub fn rest(&mut self) -> Vec<Vec<u8>> {
        self.fields.by_ref().collect()
    }
}

/// Takes a ledger apart.
///
/// # Errors
/// [`LedgerError`].
pub fn read(bytes: &[u8]) -> Result<Vec<Entry>, LedgerError> {
    let text = bytes.strip_suffix(b"\n").ok_or(if bytes.starts_with(HEAD.as_bytes()) {
        LedgerError::Torn
    } else {
        LedgerError::Foreign
    })?;
    let mut lines = Vec::new();
    for (number, line) in text.split(|b| *b == b'\n').enumerate() {
        let fields = split_fields(line, Dialect::Two).map_err(|_| LedgerError::Line(number, String::new()))?;
        let mut fields: Vec<Vec<u8>> = fields.into_iter().map(|field| field.into_owned()).collect();
        let verb = String::from_utf8_lossy(&fields.remove(0)).into_owned();
        lines.push(Entry { number, fields: fields.into_iter(), verb });
    }
    let mut head = lines.remove(0);
    if head.verb != HEAD {
        return Err(LedgerError::Foreign);
    }
    let version = head.field()?;
    if version != LEDGER_VERSION.to_string().as_bytes() {
        return Err(LedgerError::Version(String::from_utf8_lossy(&version).into_owned()));
    }
    let mut end = lines.pop().filter(|end| end.verb == END).ok_or(LedgerError::Torn)?;
    if end.number::<usize>()? != lines.len() {
        return Err(LedgerError::Torn);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let mut ledger = Writer::default();
        ledger.line("a").field("x\ty\n\\\0").number(7).maybe(None::<u32>).maybe(Some(8));
        ledger.line("b");
        let bytes = ledger.finish();
        let mut entries = read(&bytes).expect("ours").into_iter();
        let mut a = entries.next().expect("two");
        assert_eq!(a.verb, "a");
        assert_eq!(a.field(), Ok(b"x\ty\n\\\0".to_vec()));
        assert!(!a.is_read());
        assert_eq!((a.number(), a.maybe::<u32>(), a.maybe()), (Ok(7), Ok(None), Ok(Some(8))));
        assert!(a.is_read());
        assert_eq!(a.field(), Err(LedgerError::Line(1, "a".to_owned())));
        assert_eq!(entries.next().map(|e| e.verb), Some("b".to_owned()));
    }

    #[test]
    fn a_torn_or_foreign_one_is_refused() {
        let mut ledger = Writer::default();
        ledger.line("a").number(1);
        let bytes = ledger.finish();
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(read(b"hello\n").expect_err("foreign"), LedgerError::Foreign);
        let newer = String::from_utf8(bytes).expect("text").replace("ledger\t1", "ledger\t2");
        assert_eq!(read(newer.as_bytes()).expect_err("newer"), LedgerError::Version("2".to_owned()));
    }
}
