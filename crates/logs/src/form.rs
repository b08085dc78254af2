//! Lines that the scribe has wrapped (`text`, `json`), taken out again. One that does not look like it is shown as it stands: it may be from
//! before the format was chosen.

use crate::line::Line;
use model::{LogFormat, Stream, Wall};
use serde::Deserialize;

/// `2026-11-21T16:30:00.123Z`.
const TIME_BYTES: usize = 24;

/// What a line of a `json` file says.
#[derive(Debug, Deserialize)]
struct Wrapped {
    time: String,
    slot: String,
    instance: String,
    stream: Stream,
    line: String,
    partial: bool,
    /// The exact bytes in base64, where `line` cannot hold them.
    #[serde(default)]
    bytes: Option<String>,
}

/// The line inside of one that was read from a file of this format.
pub(crate) fn parsed(format: LogFormat, line: Line) -> Line {
    let inner = match format {
        LogFormat::Raw => None,
        LogFormat::Text => text(&line),
        LogFormat::Json => json(&line),
    };
    inner.unwrap_or(line)
}

fn text(line: &Line) -> Option<Line> {
    let (time, rest) = line.bytes.split_at_checked(TIME_BYTES)?;
    let time = wall(std::str::from_utf8(time).ok()?)?;
    let rest = rest.strip_prefix(b" ")?;
    let space = rest.iter().take(5).position(|b| *b == b' ')?;
    let (stream, partial) = match &rest[..space] {
        b"out" => (Stream::Out, false),
        b"err" => (Stream::Err, false),
        b"out+" => (Stream::Out, true),
        b"err+" => (Stream::Err, true),
        _ => return None,
    };
    let bytes = rest[space + 1..].to_vec();
    Some(Line { time: Some(time), stream, bytes, partial: partial || line.partial, ..line.clone() })
}

fn json(line: &Line) -> Option<Line> {
    let wrapped: Wrapped = serde_json::from_slice(&line.bytes).ok()?;
    let bytes = match wrapped.bytes {
        Some(text) => model::base64::decode(&text)?,
        None => wrapped.line.into_bytes(),
    };
    Some(Line {
        time: Some(wall(&wrapped.time)?),
        instance: wrapped.instance.parse().ok().or(line.instance),
        slot: Some(wrapped.slot),
        stream: wrapped.stream,
        bytes,
        partial: wrapped.partial,
    })
}

fn wall(text: &str) -> Option<Wall> {
    let plausible = text.len() == TIME_BYTES && text.ends_with('Z');
    plausible.then(|| text.parse::<jiff::Timestamp>().ok()).flatten().map(|time| Wall(time.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &[u8]) -> Line {
        Line { time: None, instance: None, slot: None, stream: Stream::Out, bytes: text.to_vec(), partial: false }
    }

    #[test]
    fn text_lines() {
        let line = parsed(LogFormat::Text, raw(b"2026-11-21T07:08:50.123Z err+ a  b\xff"));
        assert_eq!((line.time, line.stream, line.partial), (Some(Wall(1_795_244_930_123)), Stream::Err, true));
        assert_eq!(line.bytes, b"a  b\xff");
        assert_eq!(parsed(LogFormat::Text, raw(b"2026-11-21T07:08:50.123Z out ")).bytes, b"");
        for odd in
            [&b"hello"[..], b"2026-11-21T07:08:50.123Z", b"2026-11-21T07:08:50.123Z both x", b"2026-91-21T07:08:50.123Z out x"]
        {
            assert_eq!(parsed(LogFormat::Text, raw(odd)), raw(odd));
        }
    }

    #[test]
    fn json_lines() {
        let text = br#"{"time":"2026-11-21T07:08:50.123Z","app":"web","slot":"web-0","instance":"i91","stream":"err","line":"a\u001b","partial":false}"#;
        let line = parsed(LogFormat::Json, raw(text));
        assert_eq!((line.bytes.as_slice(), line.stream, line.instance.map(|i| i.0)), (&b"a\x1b"[..], Stream::Err, Some(91)));
        let text = br#"{"time":"2026-11-21T07:08:50.123Z","app":"w","slot":"w-0","instance":"i9","stream":"out","line":"?","partial":true,"bytes":"/wD+"}"#;
        let line = parsed(LogFormat::Json, raw(text));
        assert_eq!((line.bytes.as_slice(), line.partial), (&b"\xff\x00\xfe"[..], true));
        assert_eq!(parsed(LogFormat::Json, raw(b"{\"line\":1}")).bytes, b"{\"line\":1}");
    }
}
