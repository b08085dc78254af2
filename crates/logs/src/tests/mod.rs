//! Logs as the scribe leaves them, read in every way.

mod follow;
mod life;
mod property;
mod reading;

use crate::{Found, Line, Merge, Note, Query, Source};
use flate2::write::GzEncoder;
use model::{AppName, INDEX_RECORD_BYTES, IndexFlags, IndexRecord, InstanceId, LogFormat, SlotRef, Stream, Tick, Wall};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

/// A folder with one log, written as the scribe does.
pub struct Scene {
    folder: tempfile::TempDir,
    tick: u64,
}

impl Scene {
    pub fn new() -> Scene {
        Scene { folder: tempfile::tempdir().expect("tempdir"), tick: 0 }
    }

    pub fn path(&self) -> String {
        self.folder.path().join("l").to_string_lossy().into_owned()
    }

    pub fn place(&self, n: u32) -> String {
        if n == 0 { self.path() } else { format!("{}.{n}", self.path()) }
    }

    pub fn source(&self) -> Source {
        self.source_of(LogFormat::Raw, Some(Stream::Out))
    }

    pub fn source_of(&self, format: LogFormat, stream: Option<Stream>) -> Source {
        let app: AppName = "web".parse().expect("a name");
        Source { slot: SlotRef::new(&app, 0), stream, path: self.path(), format, shared: false }
    }

    /// Appends bytes, with a record of this time unless it is `None`.
    pub fn write(&mut self, bytes: &[u8], time: Option<i64>) {
        self.write_as(bytes, time, IndexFlags::default(), false);
    }

    /// As `write`, with flags; `behind`: the record stands behind the bytes.
    pub fn write_as(&mut self, bytes: &[u8], time: Option<i64>, flags: IndexFlags, behind: bool) {
        let path = self.path();
        let before = fs::metadata(&path).map_or(0, |meta| meta.len());
        append(&path, bytes);
        self.tick += 1;
        if let Some(time) = time {
            let offset = if behind { before + bytes.len() as u64 } else { before };
            let record = IndexRecord { offset, wall: Wall(time), tick: Tick(self.tick), instance: InstanceId(self.tick), flags };
            append(&format!("{path}.idx"), &record.encode());
        }
    }

    pub fn rotate(&self) {
        let count = (1..).take_while(|n| self.is_there(*n)).count() as u32;
        for n in (0..=count).rev() {
            for end in ["", ".gz", ".idx"] {
                let (from, to) = (self.place(n) + end, self.place(n + 1) + end);
                if Path::new(&from).exists() {
                    fs::rename(from, to).expect("rename");
                }
            }
        }
    }

    pub fn is_there(&self, n: u32) -> bool {
        Path::new(&self.place(n)).exists() || Path::new(&format!("{}.gz", self.place(n))).exists()
    }

    pub fn compress(&self, n: u32) {
        let path = self.place(n);
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&fs::read(&path).expect("read")).expect("in memory");
        fs::write(format!("{path}.gz"), encoder.finish().expect("in memory")).expect("write");
        fs::remove_file(path).expect("remove");
    }

    pub fn clear(&self) {
        for name in [self.path(), format!("{}.idx", self.path())] {
            OpenOptions::new().write(true).truncate(true).open(name).expect("truncate");
        }
    }

    pub fn read(&self, query: &Query) -> Vec<Line> {
        lines(Merge::new(vec![self.source()], query))
    }
}

pub fn append(path: &str, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("open");
    file.write_all(bytes).expect("write");
}

/// All there is; notes are not expected.
pub fn lines(mut merge: Merge) -> Vec<Line> {
    let (lines, notes) = drain(&mut merge);
    assert_eq!(notes, [], "nothing happened to the log");
    lines
}

pub fn drain(merge: &mut Merge) -> (Vec<Line>, Vec<Note>) {
    let (mut lines, mut notes) = (Vec::new(), Vec::new());
    loop {
        while let Some((_, found)) = merge.next() {
            match found {
                Found::Line(line) => lines.push(line),
                Found::Note(note) => notes.push(note),
            }
        }
        // For 20 ms at most.
        if !merge.is_holding() {
            return (lines, notes);
        }
        merge.wake_holding();
    }
}

pub fn texts(lines: &[Line]) -> Vec<String> {
    lines.iter().map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect()
}

pub fn last(lines: usize) -> Query {
    Query { lines: Some(lines), ..Query::default() }
}

pub fn following() -> Query {
    Query { lines: Some(0), follow: true, ..Query::default() }
}

/// Half a record.
pub const TORN: usize = INDEX_RECORD_BYTES / 2;
