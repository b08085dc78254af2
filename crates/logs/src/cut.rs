//! Cutting bytes into lines.

use crate::form;
use crate::index::Walk;
use crate::line::{Line, Source};
use model::{LogFormat, Stream};

/// A longer line is said in parts of this many bytes.
pub(crate) const PART_BYTES: usize = 64 << 10;

/// Bytes of a file that are not yet lines.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    buffer: Vec<u8>,
    start: usize,
    /// So much behind `start` holds no line feed.
    searched: usize,
    /// Where `start` is in the file.
    pub(crate) at: u64,
}

/// How long a line of a file may be before it is said in parts. Lines that the scribe has wrapped hold a part each, so they are never cut
/// again; what is longer is not from the scribe.
pub(crate) fn part_bytes(format: LogFormat) -> usize {
    match format {
        LogFormat::Raw => PART_BYTES,
        LogFormat::Text => PART_BYTES + 64,
        // Every byte may be an escape of six, and stand in base64 besides.
        LogFormat::Json => PART_BYTES * 8 + 1024,
    }
}

impl Cutter {
    pub(crate) fn new(at: u64) -> Cutter {
        Cutter { at, ..Cutter::default() }
    }

    /// To append to. What has been taken is forgotten first.
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        &mut self.buffer
    }

    /// Where what has been read so far ends in the file.
    pub(crate) fn end(&self) -> u64 {
        self.at + (self.buffer.len() - self.start) as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.buffer.len()
    }

    /// The next line; `whole`: nothing comes behind what is here, so that the rest is a line too.
    pub(crate) fn next(&mut self, source: &Source, walk: &mut Walk, whole: bool) -> Option<Line> {
        let limit = part_bytes(source.format);
        let rest = &self.buffer[self.start..];
        let feed = memchr::memchr(b'\n', &rest[self.searched.min(rest.len())..]).map(|at| self.searched + at);
        let (mut length, mut partial) = match feed {
            Some(feed) if feed <= limit => (feed + 1, false),
            _ if rest.len() > limit => (cut_before(rest, limit), true),
            _ if whole && !rest.is_empty() => (rest.len(), true),
            _ => {
                self.searched = rest.len();
                return None;
            }
        };
        let record = walk.of(self.at);
        if let Some(cut) = walk.cut_up_to(self.at + length as u64) {
            (length, partial) = ((cut - self.at) as usize, true);
        }
        let text = rest[..length].strip_suffix(b"\n").unwrap_or(&rest[..length]);
        let stream = source.stream.unwrap_or(match record {
            Some(record) if record.flags.err => Stream::Err,
            _ => Stream::Out,
        });
        let line = Line {
            time: record.map(|record| record.wall),
            instance: record.map(|record| record.instance),
            slot: None,
            stream,
            bytes: text.to_vec(),
            partial,
        };
        self.start += length;
        self.at += length as u64;
        self.searched = 0;
        Some(form::parsed(source.format, line))
    }
}

/// Where to cut at most here: not within a character, if it is one.
fn cut_before(bytes: &[u8], limit: usize) -> usize {
    let is_inside = |at: usize| bytes[at] & 0b1100_0000 == 0b1000_0000;
    (limit - 3..=limit).rev().find(|at| !is_inside(*at)).unwrap_or(limit)
}
