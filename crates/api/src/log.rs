//! Lines of logs.

use serde::{Deserialize, Serialize};

/// One line of a log: a line of `logs --json` and of `GET /api/v1/apps/{app}/logs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// RFC 3339 in UTC with milliseconds; `null` where the index does not know.
    pub time: Option<String>,
    /// The app.
    pub app: String,
    /// The slot.
    pub slot: String,
    /// The life that wrote it, where the index knows.
    pub instance: Option<String>,
    /// `out` or `err`.
    pub stream: String,
    /// The line without its line feed; bytes that are not UTF-8 are replaced.
    pub line: String,
    /// Whether it has no end of its own: it is a part, or the last words of a life or of a file.
    pub partial: bool,
    /// The exact bytes in base64, only where they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes: Option<String>,
}

/// Something about a log that is no line of it; told from one by having no `line`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRemark {
    /// The app.
    pub app: String,
    /// The slot.
    pub slot: String,
    /// `out` or `err`; left out where both go to one file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stream: Option<String>,
    /// So many lines were not sent, because the reader was too slow.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub skipped: Option<u64>,
    /// What happened, in words.
    pub note: String,
}

/// What a stream of log lines is made of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Item")]
pub enum LogItem {
    /// A line.
    Line(LogLine),
    /// Something to be told.
    Remark(LogRemark),
    /// `{"cursor":"…"}`, with `cursor=true`: every line before it has been sent; `from=` this goes on behind them.
    Cursor(String),
}

impl LogLine {
    /// The line exactly as it was written, without its line feed.
    pub fn exact(&self) -> Vec<u8> {
        let exact = self.bytes.as_deref().and_then(model::base64::decode);
        exact.unwrap_or_else(|| self.line.clone().into_bytes())
    }
}

/// What stands in one line of a stream, lent out.
#[derive(Debug, PartialEq, Eq)]
pub enum LogRead<'a> {
    /// A line.
    Line(&'a LogLine),
    /// Something to be told.
    Remark(LogRemark),
    /// See [`LogItem::Cursor`].
    Cursor(String),
}

/// Takes very many lines of a stream apart. What lines of one moment have in common stands before the text of the line, and is compared
/// instead of being read anew; everything else is read as JSON.
#[derive(Debug, Default)]
pub struct LogReader {
    /// The bytes of the last line up to the quotation mark before its text.
    head: Vec<u8>,
    line: Option<LogLine>,
}

/// Stands before the text of a line; nowhere else, since a quotation mark in a string is escaped.
const BEFORE_TEXT: &[u8] = b",\"line\":\"";
/// How an ordinary line ends.
const AFTER_TEXT: &[u8] = b"\",\"partial\":false}";

impl LogReader {
    /// Reads one object.
    ///
    /// # Errors
    /// It is none of ours.
    pub fn read(&mut self, bytes: &[u8]) -> Result<LogRead<'_>, serde_json::Error> {
        if !self.takes(bytes) {
            self.head.clear();
            match serde_json::from_slice(bytes)? {
                LogItem::Remark(remark) => return Ok(LogRead::Remark(remark)),
                LogItem::Cursor(cursor) => return Ok(LogRead::Cursor(cursor)),
                LogItem::Line(line) => {
                    let text = memchr::memmem::find(bytes, BEFORE_TEXT).map(|at| at + BEFORE_TEXT.len());
                    if let Some(text) = text.filter(|_| !line.partial && line.bytes.is_none()) {
                        self.head.extend_from_slice(&bytes[..text]);
                    }
                    self.line = Some(line);
                }
            }
        }
        Ok(LogRead::Line(self.line.get_or_insert_default()))
    }

    /// Takes the text out of a line that is like the one before it in everything else; false = it is not, or not plainly.
    fn takes(&mut self, bytes: &[u8]) -> bool {
        let Some(line) = self.line.as_mut().filter(|_| !self.head.is_empty() && bytes.starts_with(&self.head)) else {
            return false;
        };
        let Some(text) = bytes[self.head.len()..].strip_suffix(AFTER_TEXT) else { return false };
        if memchr::memchr2(b'\\', b'"', text).is_none() {
            let Ok(text) = std::str::from_utf8(text) else { return false };
            line.line.clear();
            line.line.push_str(text);
            return true;
        }
        // With its quotation marks. Where one in between is not escaped, the object is another than it seemed.
        let quoted = &bytes[self.head.len() - 1..=self.head.len() + text.len()];
        serde_json::from_slice(quoted).map(|text| line.line = text).is_ok()
    }
}

/// All that can stand in one of the objects.
#[derive(Deserialize)]
struct Item {
    time: Option<String>,
    app: Option<String>,
    slot: Option<String>,
    instance: Option<String>,
    stream: Option<String>,
    line: Option<String>,
    #[serde(default)]
    partial: bool,
    bytes: Option<String>,
    skipped: Option<u64>,
    note: Option<String>,
    cursor: Option<String>,
}

impl TryFrom<Item> for LogItem {
    type Error = &'static str;

    fn try_from(item: Item) -> Result<LogItem, &'static str> {
        let Item { time, app, slot, instance, stream, line, partial, bytes, skipped, note, cursor } = item;
        let app = app.unwrap_or_default();
        let slot = slot.unwrap_or_default();
        match (line, note, cursor) {
            (Some(line), _, _) => {
                let stream = stream.unwrap_or_default();
                Ok(LogItem::Line(LogLine { time, app, slot, instance, stream, line, partial, bytes }))
            }
            (None, Some(note), _) => Ok(LogItem::Remark(LogRemark { app, slot, stream, skipped, note })),
            (None, None, Some(cursor)) => Ok(LogItem::Cursor(cursor)),
            (None, None, None) => Err("neither a line nor a note nor a cursor"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever stands before it, each object is read as if it stood alone.
    #[test]
    fn many_lines_are_read_as_each_alone() {
        let head = r#"{"time":"2026-11-21T07:08:50.123Z","app":"web","slot":"web-0","instance":"i91","stream":"out","line":"#;
        let end = r#","partial":false}"#;
        let mut all: Vec<String> =
            ["", "plain", "\t tab", r#"quoted \" and \\"#, "\u{1b}[31m", r#"","partial":false}"#, r#"ünï,"line":""#]
                .iter()
                .map(|text| format!("{head}{}{end}", serde_json::to_string(text).expect("JSON")))
                .collect();
        all.push(format!("{head}\"part\",\"partial\":true}}"));
        all.push(format!("{head}\"odd \u{fffd}\",\"partial\":false,\"bytes\":\"b2RkIP8=\"}}"));
        all.push(format!("{head}\"new\",\"more\":\"x\",\"partial\":false}}"));
        all.push(all[1].replace("i91", "i92"));
        all.push(all[1].replace("\"i91\"", "null"));
        all.push(r#"{"cursor":"1"}"#.to_owned());
        all.push(r#"{"app":"a","slot":"a-0","note":"x"}"#.to_owned());
        for first in &all {
            for second in &all {
                let mut reader = LogReader::default();
                for text in [first, second, second] {
                    let alone: LogItem = serde_json::from_str(text).expect("an item");
                    let read = match reader.read(text.as_bytes()).expect("an item") {
                        LogRead::Line(line) => LogItem::Line(line.clone()),
                        LogRead::Remark(remark) => LogItem::Remark(remark),
                        LogRead::Cursor(cursor) => LogItem::Cursor(cursor),
                    };
                    assert_eq!(read, alone, "{text}");
                }
            }
        }
        let mut reader = LogReader::default();
        reader.read(all[1].as_bytes()).expect("a line");
        for wrong in [format!("{head}\"a\"b\"{end}"), format!("{head}\"a\\\"{end}")] {
            assert!(reader.read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
