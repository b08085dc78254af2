//! Logs of slots, as the crate `logs` reads them and as clients see them.

use crate::store::Writers;
use crate::time::rfc3339;
use logs::{Filter, Found, Line, Merge, Note, Query, Source};
use model::{AppName, InstanceId, LogFormat, SlotRef, Stream, Wall};
use std::collections::BTreeSet;

/// Bytes of lines that are handed over at once.
const BATCH: usize = 128 << 10;

/// The logs of a slot (see `fill::log_files`): one, where it takes both streams; none, where they go nowhere.
pub(crate) fn sources_of(slot: &SlotRef, format: LogFormat, files: [Option<String>; 2]) -> Vec<Source> {
    let [out, err] = files;
    let source = |stream, path| Source { slot: slot.clone(), stream, path, format, shared: false };
    if out == err {
        return out.into_iter().map(|path| source(None, path)).collect();
    }
    let streams = Stream::BOTH.into_iter().zip([out, err]);
    streams.filter_map(|(stream, path)| Some(source(Some(stream), path?))).collect()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// In so many bytes before the end of a log the last words of a failed life are looked for.
const LAST_BYTES: u64 = 16 << 10;

/// The last lines that were written to these logs, by time. Blocking.
pub(crate) fn last_lines(sources: Vec<Source>, lines: usize) -> Vec<String> {
    last_of(sources, lines, &Query { lines: Some(lines), ..Query::default() })
}

/// The last lines that one life wrote to these logs, by time. Done on the brain's own thread, so however large the logs are, at most 16 KiB of
/// each are read, twice: 64 KiB for the two streams of a slot, besides some blocks of their indexes.
pub(crate) fn last_words(sources: Vec<Source>, instance: InstanceId, lines: usize) -> Vec<String> {
    let filter = Filter { instance: Some(instance), ..Filter::default() };
    last_of(sources, lines, &Query { lines: Some(lines), reach: Some(LAST_BYTES), filter, ..Query::default() })
}

fn last_of(sources: Vec<Source>, lines: usize, query: &Query) -> Vec<String> {
    let mut merge = Merge::new(sources, query);
    let mut found = Vec::new();
    while let Some((_, step)) = merge.next() {
        if let Found::Line(line) = step {
            found.push(text(line.bytes));
        }
    }
    found.split_off(found.len().saturating_sub(lines))
}

/// How lines are written to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One JSON object a line; `cursors`: after each batch one that says where to go on.
    Json {
        /// Whether they are asked for.
        cursors: bool,
    },
    /// The lines alone.
    Text,
}

/// Which logs may have grown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Grew {
    /// None is known to have.
    #[default]
    Nothing,
    /// These files.
    These(BTreeSet<std::sync::Arc<str>>),
    /// Any.
    Any,
}

/// An `api::LogLine` up to its text.
#[derive(serde::Serialize)]
struct Head<'a> {
    time: Option<&'a str>,
    app: &'a str,
    slot: String,
    instance: Option<String>,
    stream: &'static str,
}

/// Writes lines as JSON objects (`api::LogLine`). What stands before the text of one is mostly the same for the next one, and kept.
#[derive(Debug)]
struct Writer<'a> {
    writers: &'a Writers,
    head: Vec<u8>,
    /// Of which log, time, life and stream the head is.
    of: Option<(String, Option<Wall>, Option<InstanceId>, Stream)>,
    time: Option<(Wall, String)>,
}

impl Writer<'_> {
    fn new(writers: &Writers) -> Writer<'_> {
        Writer { writers, head: Vec::new(), of: None, time: None }
    }

    fn put(&mut self, out: &mut Vec<u8>, source: &Source, line: &Line) {
        let is_same = |(path, time, instance, stream): &(String, _, _, _)| {
            *path == source.path
                && *time == line.time
                && *instance == line.instance
                && *stream == line.stream
                && line.slot.is_none()
        };
        if !self.of.as_ref().is_some_and(is_same) {
            self.begin(source, line);
        }
        out.extend_from_slice(&self.head);
        let exact = std::str::from_utf8(&line.bytes);
        // Plain data has a JSON form, and memory takes it.
        _ = match exact {
            Ok(text) => serde_json::to_writer(&mut *out, text),
            Err(_) => serde_json::to_writer(&mut *out, &String::from_utf8_lossy(&line.bytes)),
        };
        out.extend_from_slice(if line.partial { b",\"partial\":true" } else { b",\"partial\":false" });
        if exact.is_err() {
            out.extend_from_slice(b",\"bytes\":\"");
            model::base64::append(&line.bytes, out);
            out.push(b'"');
        }
        out.extend_from_slice(b"}\n");
    }

    fn begin(&mut self, source: &Source, line: &Line) {
        if let Some(time) = line.time.filter(|time| self.time.as_ref().is_none_or(|(known, _)| known != time)) {
            self.time = Some((time, rfc3339(time.0)));
        }
        let (app, slot) = self.whose(source, line);
        let head = Head {
            time: line.time.and(self.time.as_ref()).map(|(_, text)| text.as_str()),
            app: app.as_str(),
            slot: line.slot.clone().unwrap_or(slot),
            instance: line.instance.map(|instance| instance.to_string()),
            stream: line.stream.word(),
        };
        self.head.clear();
        _ = serde_json::to_writer(&mut self.head, &head);
        self.head.pop();
        self.head.extend_from_slice(b",\"line\":");
        // A line that says its slot itself says nothing about the next.
        self.of = line.slot.is_none().then(|| (source.path.clone(), line.time, line.instance, line.stream));
    }

    /// The app and the slot that wrote a line. Where several slots share a file and the life is not known any more, it is the app that is
    /// named instead of a slot.
    fn whose(&self, source: &Source, line: &Line) -> (AppName, String) {
        if !source.shared {
            return (source.slot.app.clone(), source.slot.to_string());
        }
        match line.instance.and_then(|instance| self.writers.slot_of(instance)) {
            Some(slot) => (slot.app.clone(), slot.to_string()),
            None => (source.slot.app.clone(), source.slot.app.to_string()),
        }
    }
}

/// The next lines, as many as are handed over at once, and whether there are more. Blocking.
pub(crate) fn batch(merge: &mut Merge, grew: &Grew, form: Form, must_say_where: bool, writers: &Writers) -> (Vec<u8>, bool) {
    merge.wake_holding();
    match grew {
        Grew::Nothing => {}
        Grew::These(files) => files.iter().for_each(|file| merge.wake(Some(file))),
        Grew::Any => merge.wake(None),
    }
    let mut out = Vec::with_capacity(BATCH + BATCH / 8);
    let mut writer = Writer::new(writers);
    let mut more = true;
    while out.len() < BATCH {
        let Some((source, found)) = merge.next() else {
            more = false;
            break;
        };
        match (form, found) {
            (Form::Json { .. }, Found::Line(line)) => writer.put(&mut out, source, &line),
            (Form::Json { .. }, Found::Note(note)) => put(&mut out, &remark(source, &note)),
            (Form::Text, Found::Line(line)) => {
                out.extend_from_slice(String::from_utf8_lossy(&line.bytes).as_bytes());
                out.push(b'\n');
            }
            (Form::Text, Found::Note(note)) => out.extend_from_slice(format!("[abide: {}]\n", words(source, &note)).as_bytes()),
        }
    }
    if form == (Form::Json { cursors: true }) && (must_say_where || !out.is_empty()) {
        put(&mut out, &serde_json::json!({ "cursor": merge.cursor().to_string() }));
    }
    (out, more)
}

fn put(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    // Plain data has a JSON form, and memory takes it.
    _ = serde_json::to_writer(&mut *out, value);
    out.push(b'\n');
}

fn remark(source: &Source, note: &Note) -> api::LogRemark {
    let skipped = match note {
        Note::Skipped(lines) => Some(*lines),
        Note::Cleared | Note::Gone | Note::Unreadable(..) => None,
    };
    api::LogRemark {
        app: source.slot.app.to_string(),
        slot: source.slot.to_string(),
        stream: source.stream.map(|stream| stream.word().to_owned()),
        skipped,
        note: words(source, note),
    }
}

fn words(source: &Source, note: &Note) -> String {
    let log = match source.stream {
        Some(stream) => format!("{} {stream}", source.slot),
        None => source.slot.to_string(),
    };
    match note {
        Note::Skipped(1) => format!("{log}: 1 line skipped, the reader is too slow"),
        Note::Skipped(lines) => format!("{log}: {lines} lines skipped, the reader is too slow"),
        Note::Cleared => format!("{log}: the log was cleared"),
        Note::Gone => format!("{log}: lines are missing, nobody knows how many: their files were removed before they were read"),
        Note::Unreadable(file, why) => format!("{log}: failed to read {file}: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn slot() -> SlotRef {
        SlotRef::new(&AppName::new("web").expect("name"), 0)
    }

    #[test]
    fn where_the_streams_of_a_slot_are() {
        let some = |path: &str| Some(path.to_owned());
        let paths = |files| -> Vec<(Option<Stream>, String)> {
            sources_of(&slot(), LogFormat::Raw, files).into_iter().map(|source| (source.stream, source.path)).collect()
        };
        assert_eq!(paths([some("a"), some("b")]), [(Some(Stream::Out), "a".into()), (Some(Stream::Err), "b".into())]);
        assert_eq!(paths([some("a"), some("a")]), [(None, "a".into())]);
        assert_eq!(paths([None, some("b")]), [(Some(Stream::Err), "b".into())]);
        assert_eq!(paths([None, None]), []);
    }

    #[test]
    fn batches_as_clients_get_them() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("l").to_string_lossy().into_owned();
        fs::write(&path, b"plain\nodd \xff\n").expect("write");
        let sources = sources_of(&slot(), LogFormat::Raw, [Some(path.clone()), None]);
        let read = |form| {
            let mut merge = Merge::new(sources.clone(), &Query { follow: true, ..Query::default() });
            let (bytes, more) = batch(&mut merge, &Grew::Nothing, form, true, &Writers::default());
            assert!(!more);
            (String::from_utf8(bytes).expect("text"), merge)
        };
        assert_eq!(read(Form::Text).0, "plain\nodd \u{fffd}\n");
        let (text, mut merge) = read(Form::Json { cursors: true });
        let items: Vec<api::LogItem> = text.lines().map(|line| serde_json::from_str(line).expect("an item")).collect();
        let [api::LogItem::Line(plain), api::LogItem::Line(odd), api::LogItem::Cursor(_)] = &items[..] else { panic!("{text}") };
        assert_eq!((plain.line.as_str(), plain.bytes.as_deref()), ("plain", None));
        assert_eq!((odd.line.as_str(), odd.bytes.as_deref()), ("odd \u{fffd}", Some("b2RkIP8=")));
        fs::write(&path, b"").expect("write");
        let (bytes, _) = batch(&mut merge, &Grew::Any, Form::Json { cursors: false }, true, &Writers::default());
        let text = String::from_utf8(bytes).expect("text");
        assert_eq!(text, "{\"app\":\"web\",\"slot\":\"web-0\",\"stream\":\"out\",\"note\":\"web-0 out: the log was cleared\"}\n");
        assert_eq!(last_lines(sources, 5), [""; 0]);
    }
}
