//! Reading log files: the last lines, and what has been added since. The index beside a file says when, and by which life, bytes were
//! written; without it the lines are the same, only their times are unknown.

use crate::time::rfc3339;
use api::LogLine;
use model::{INDEX_RECORD_BYTES, IndexRecord, InstanceId, SlotRef, Stream};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

/// So much of a file is read at most to find its last lines.
const TAIL_BYTES: u64 = 8 << 20;
/// So much of an index.
const INDEX_BYTES: u64 = 2 << 20;
/// A line that is being followed is said in parts of this length.
const PART_BYTES: usize = 64 << 10;
/// Rotated files are looked for up to this number.
const ROTATED: u32 = 1000;

/// One log file of one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) slot: SlotRef,
    pub(crate) stream: Stream,
    /// As the scribe is told.
    pub(crate) path: String,
}

/// One line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) wall: Option<i64>,
    pub(crate) instance: Option<InstanceId>,
    pub(crate) text: String,
    pub(crate) partial: bool,
}

impl Source {
    /// The files of a slot (see `fill::log_files`): one, where it takes both streams; none, where they go nowhere.
    pub(crate) fn of(slot: &SlotRef, files: [Option<String>; 2]) -> Vec<Source> {
        let merged = files[0] == files[1];
        let streams = Stream::BOTH.into_iter().zip(files).take(if merged { 1 } else { 2 });
        streams.filter_map(|(stream, path)| Some(Source { slot: slot.clone(), stream, path: path? })).collect()
    }

    /// As clients see a line.
    pub(crate) fn view(&self, line: Line) -> LogLine {
        LogLine {
            time: line.wall.map(rfc3339),
            app: self.slot.app.to_string(),
            slot: self.slot.to_string(),
            instance: line.instance.map(|instance| instance.to_string()),
            stream: self.stream.word().to_owned(),
            line: line.text,
            partial: line.partial,
        }
    }
}

/// The last lines of several files, interleaved by time; so many of each file, none from behind `ends` (where given). Blocking.
pub(crate) fn backlog(sources: &[Source], lines: usize, ends: Option<&[u64]>) -> Vec<LogLine> {
    let mut all: Vec<(i64, LogLine)> = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        // A line of unknown time stays behind the one before it.
        let mut last = i64::MIN;
        for line in tail(&source.path, lines, ends.and_then(|ends| ends.get(at)).copied()) {
            last = line.wall.unwrap_or(last).max(last);
            all.push((last, source.view(line)));
        }
    }
    all.sort_by_key(|(wall, _)| *wall);
    all.into_iter().map(|(_, line)| line).collect()
}

/// The last lines that one life (or, without, any) wrote to the logs of a slot, both streams by time, escaped for a terminal.
pub(crate) fn last_words(sources: &[Source], instance: Option<InstanceId>, lines: usize) -> Vec<String> {
    let name = instance.map(|instance| instance.to_string());
    let mut found = backlog(sources, lines, None);
    found.retain(|line| name.is_none() || line.instance.is_none() || line.instance == name);
    let skip = found.len().saturating_sub(lines);
    found.into_iter().skip(skip).map(|line| escaped(&line.line)).collect()
}

/// Control characters as escapes, so that a terminal shows and does not obey them.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // Right-to-left marks and their kin turn around what stands behind them.
        if (c.is_control() && c != '\t')
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// The last lines of a file and, where it is too short, of its rotated ones.
fn tail(path: &str, lines: usize, end: Option<u64>) -> Vec<Line> {
    let mut found = tail_of(path, lines, end);
    for n in 1..=ROTATED {
        if found.len() >= lines {
            break;
        }
        let rotated = format!("{path}.{n}");
        if !std::path::Path::new(&rotated).exists() {
            break;
        }
        let mut older = tail_of(&rotated, lines - found.len(), None);
        older.append(&mut found);
        found = older;
    }
    found
}

fn tail_of(path: &str, lines: usize, end: Option<u64>) -> Vec<Line> {
    let read = || -> io::Result<Vec<Line>> {
        let file = open_regular(path)?;
        let size = file.metadata()?.len().min(end.unwrap_or(u64::MAX));
        let index = Index::read(path);
        let mut start = size;
        let mut bytes = Vec::new();
        // Twice as much each time, until enough lines are in it.
        let mut step = 16 << 10;
        while start > 0 && size - start < TAIL_BYTES {
            let from = start.saturating_sub(step);
            let mut more = vec![0; (start - from) as usize];
            file.read_exact_at(&mut more, from)?;
            more.extend_from_slice(&bytes);
            (bytes, start, step) = (more, from, step * 2);
            let whole = bytes.iter().filter(|b| **b == b'\n').count();
            if whole > lines {
                break;
            }
        }
        let mut all = split(&bytes, start, &index);
        if start > 0 && !all.is_empty() {
            // Begun before what was read.
            all.remove(0);
        }
        let skip = all.len().saturating_sub(lines);
        Ok(all.split_off(skip))
    };
    read().unwrap_or_default()
}

/// Splits bytes that begin at an offset of the file into lines; one without line feed at the end is a line too.
fn split(bytes: &[u8], offset: u64, index: &Index) -> Vec<Line> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let line_end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |feed| feed + 1);
        // What we cut ends where the index says.
        let cut = index.cut_after(offset + at as u64, offset + (at + line_end) as u64);
        let length = cut.map_or(line_end, |cut| (cut - offset) as usize - at);
        let text = rest[..length].strip_suffix(b"\n").unwrap_or(&rest[..length]);
        found.push(index.line(text, offset + at as u64, cut.is_some()));
        at += length;
    }
    found
}

/// A file is followed from where its reader stands, across rotation.
#[derive(Debug)]
pub(crate) struct Follower {
    source: Source,
    file: Option<File>,
    offset: u64,
    /// A line that has begun.
    held: Vec<u8>,
}

impl Follower {
    /// Follows from the present end.
    pub(crate) fn from_end(source: Source) -> Follower {
        let file = open_regular(&source.path).ok();
        let offset = file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |meta| meta.len());
        Follower { source, file, offset, held: Vec::new() }
    }

    /// Where it stands.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// What was added since. At most a few MiB at once; `true`: there is more. Blocking.
    pub(crate) fn read(&mut self, found: &mut Vec<LogLine>) -> bool {
        if self.file.is_none() {
            (self.file, self.offset) = (open_regular(&self.source.path).ok(), 0);
        }
        let Some(file) = &self.file else { return false };
        let mut buffer = vec![0; 256 << 10];
        let count = file.read_at(&mut buffer, self.offset).unwrap_or(0);
        if count == 0 {
            return self.look_for_another();
        }
        let index = Index::read(&self.source.path);
        let begun = self.offset - self.held.len() as u64;
        self.held.extend_from_slice(&buffer[..count]);
        self.offset += count as u64;
        let whole = match self.held.iter().rposition(|b| *b == b'\n') {
            Some(feed) => feed + 1,
            None if self.held.len() >= PART_BYTES => self.held.len(),
            None => 0,
        };
        for line in split(&self.held[..whole], begun, &index) {
            found.push(self.source.view(line));
        }
        self.held.drain(..whole);
        count == buffer.len()
    }

    /// The file was rotated away, replaced or cut.
    fn look_for_another(&mut self) -> bool {
        let Some(file) = &self.file else { return false };
        let Ok(ours) = file.metadata() else { return false };
        match std::fs::metadata(&self.source.path) {
            Ok(there) if (there.dev(), there.ino()) != (ours.dev(), ours.ino()) => {
                (self.file, self.offset) = (open_regular(&self.source.path).ok(), 0);
                self.held.clear();
                self.file.is_some()
            }
            _ if ours.len() < self.offset => {
                self.offset = ours.len();
                self.held.clear();
                false
            }
            _ => false,
        }
    }
}

fn open_regular(path: &str) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

#[derive(Debug, Default)]
struct Index {
    records: Vec<IndexRecord>,
}

impl Index {
    fn read(log: &str) -> Index {
        let read = || -> io::Result<Vec<IndexRecord>> {
            let file = open_regular(&format!("{log}.idx"))?;
            let whole = file.metadata()?.len() / INDEX_RECORD_BYTES as u64 * INDEX_RECORD_BYTES as u64;
            let length = whole.min(INDEX_BYTES);
            let mut bytes = vec![0; length as usize];
            file.read_exact_at(&mut bytes, whole - length)?;
            Ok(bytes.chunks_exact(INDEX_RECORD_BYTES).filter_map(IndexRecord::decode).collect())
        };
        Index { records: read().unwrap_or_default() }
    }

    fn line(&self, text: &[u8], offset: u64, partial: bool) -> Line {
        let behind = self.records.partition_point(|record| record.offset <= offset);
        let of = behind.checked_sub(1).map(|at| self.records[at]);
        let (wall, instance) = (of.map(|record| record.wall.0), of.map(|record| record.instance));
        Line { wall, instance, text: String::from_utf8_lossy(text).into_owned(), partial }
    }

    /// The first place behind `from`, up to `to`, before which we cut a line.
    fn cut_after(&self, from: u64, to: u64) -> Option<u64> {
        let first = self.records.partition_point(|record| record.offset <= from);
        let near = self.records[first..].iter().take_while(|record| record.offset <= to);
        near.into_iter().find(|record| record.flags.partial).map(|record| record.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AppName, IndexFlags, Tick, Wall};
    use std::fs;
    use std::io::Write;

    fn record(offset: u64, wall: i64, instance: u64, partial: bool) -> [u8; INDEX_RECORD_BYTES] {
        let flags = IndexFlags { partial, our_newline: partial, ..IndexFlags::default() };
        IndexRecord { offset, wall: Wall(wall), tick: Tick(0), instance: InstanceId(instance), flags }.encode()
    }

    fn source(path: String) -> Source {
        Source { slot: SlotRef::new(&AppName::new("web").expect("name"), 0), stream: Stream::Out, path }
    }

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn the_last_lines_across_rotation_with_their_lives() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("l").to_string_lossy().into_owned();
        fs::write(format!("{path}.1"), "old1\nold2\n").expect("write");
        fs::write(&path, "a\nbb\ncut\nlast").expect("write");
        let index = [record(0, 100, 7, false), record(2, 200, 8, false), record(9, 300, 9, true)].concat();
        fs::write(format!("{path}.idx"), index).expect("write");
        let lines = tail(&path, 5, None);
        assert_eq!(texts(&lines), ["old2", "a", "bb", "cut", "last"]);
        assert_eq!(lines.iter().map(|line| line.wall).collect::<Vec<_>>(), [None, Some(100), Some(200), Some(200), Some(300)]);
        assert_eq!(lines.iter().map(|line| line.partial).collect::<Vec<_>>(), [false, false, false, true, false]);
        assert_eq!(lines[2].instance, Some(InstanceId(8)));
        assert_eq!(texts(&tail(&path, 100, None)).len(), 6);
        assert!(tail(&path, 0, None).is_empty() && tail("/nowhere/at/all", 5, None).is_empty());
    }

    #[test]
    fn a_large_file_is_read_from_its_end() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("l").to_string_lossy().into_owned();
        let text: String = (0..300_000).map(|n| format!("line {n}\n")).collect();
        fs::write(&path, text).expect("write");
        let lines = tail(&path, 1000, None);
        assert_eq!((lines.len(), lines[0].text.as_str(), lines[999].text.as_str()), (1000, "line 299000", "line 299999"));
    }

    #[test]
    fn a_follower_goes_across_rotation() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("l").to_string_lossy().into_owned();
        fs::write(&path, "before\n").expect("write");
        let mut follower = Follower::from_end(source(path.clone()));
        let mut found = Vec::new();
        assert!(!follower.read(&mut found) && found.is_empty());
        let mut file = fs::OpenOptions::new().append(true).open(&path).expect("open");
        file.write_all(b"one\ntw").expect("write");
        follower.read(&mut found);
        file.write_all(b"o\n").expect("write");
        follower.read(&mut found);
        fs::rename(&path, format!("{path}.1")).expect("rotate");
        fs::write(&path, "three\n").expect("write");
        while follower.read(&mut found) {}
        follower.read(&mut found);
        assert_eq!(found.iter().map(|line| line.line.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
    }

    #[test]
    fn hostile_lines_are_escaped() {
        assert_eq!(escaped("a\u{1b}[31m\tb\r\u{202e}é"), "a\\u{1b}[31m\tb\\u{d}\\u{202e}é");
    }

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("l");
        std::os::unix::fs::symlink("/etc/passwd", &path).expect("plant");
        assert!(tail(&path.to_string_lossy(), 5, None).is_empty());
    }
}
