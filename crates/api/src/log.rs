//! Lines of logs.

use serde::{Deserialize, Serialize};

/// One line of a log: a line of `logs --json` and of `GET /api/v1/apps/{app}/logs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
