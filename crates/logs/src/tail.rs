//! Finding where the last lines of a file begin, from its end.

use crate::chain::Entry;
use crate::cut::{Cutter, PART_BYTES};
use crate::line::Source;
use crate::query::Filter;
use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::FileExt;

/// So much is read first; twice as much each time that no line begins in it.
const WINDOW: u64 = 32 << 10;
/// In so much without a line feed a line is taken to begin: a part of one.
const WINDOW_MOST: u64 = 16 * PART_BYTES as u64;

/// What is looked for in one file.
pub(crate) struct Wanted<'a> {
    pub(crate) source: &'a Source,
    pub(crate) filter: &'a Filter,
    /// How many lines.
    pub(crate) lines: usize,
    /// Lines begin here or later …
    pub(crate) low: u64,
    /// (which stands within a line that does not count)
    pub(crate) torn: bool,
    /// … and before this.
    pub(crate) high: u64,
    /// Whether a last line that has no end yet counts.
    pub(crate) unfinished: bool,
}

/// The place from which on the file has so many wanted lines (or all it has), and how many those are.
pub(crate) fn find(entry: &Entry, wanted: &Wanted<'_>) -> io::Result<(u64, usize)> {
    if entry.packed { forwards(entry, wanted) } else { backwards(entry, wanted) }
}

fn backwards(entry: &Entry, wanted: &Wanted<'_>) -> io::Result<(u64, usize)> {
    let mut opened = entry.open(0)?;
    let Some(file) = opened.bytes.plain() else { return Ok((0, 0)) };
    let file = file.try_clone()?;
    let mut end = entry.size.min(wanted.high);
    let (mut found, mut size, mut whole) = (0, WINDOW, wanted.unfinished);
    while end > wanted.low {
        let from = end.saturating_sub(size).max(wanted.low);
        let mut bytes = vec![0; (end - from) as usize];
        let got = read_up_to(&file, &mut bytes, from)?;
        bytes.truncate(got);
        let begin = match begins(&bytes, from, wanted) {
            Some(begin) => begin,
            // The rest of a line, and nothing before it counts.
            None if from == wanted.low => break,
            None if size < WINDOW_MOST => {
                size *= 2;
                continue;
            }
            None => from,
        };
        let mut cutter = Cutter::new(begin);
        cutter.room().extend_from_slice(&bytes[(begin - from) as usize..]);
        opened.walk.seek(begin);
        let mut starts = Vec::new();
        let mut at = begin;
        while let Some(line) = cutter.next(wanted.source, &mut opened.walk, whole) {
            if wanted.filter.wants(&line) {
                starts.push(at);
            }
            at = cutter.at;
        }
        let need = wanted.lines - found;
        if starts.len() >= need {
            return Ok((starts.get(starts.len() - need).copied().unwrap_or(end), wanted.lines));
        }
        found += starts.len();
        (end, whole) = (begin, true);
        // Who searches for what is rare reads large pieces.
        size = (size * 2).min(WINDOW_MOST);
    }
    Ok((if wanted.torn { end } else { wanted.low }, found))
}

/// The first place in these bytes at which a line begins, if any does before their end.
fn begins(bytes: &[u8], from: u64, wanted: &Wanted<'_>) -> Option<u64> {
    if from == wanted.low && !wanted.torn {
        return Some(from);
    }
    let feed = memchr::memchr(b'\n', bytes)?;
    (feed + 1 < bytes.len()).then(|| from + feed as u64 + 1)
}

fn read_up_to(file: &std::fs::File, bytes: &mut [u8], from: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], from + done as u64) {
            Ok(0) => break,
            Ok(got) => done += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// A compressed file is read once, and the places of the last lines are remembered.
fn forwards(entry: &Entry, wanted: &Wanted<'_>) -> io::Result<(u64, usize)> {
    let mut opened = entry.open(wanted.low)?;
    let mut cutter = Cutter::new(wanted.low);
    let mut starts: VecDeque<u64> = VecDeque::new();
    let mut whole = false;
    while !whole {
        // What is broken from some place on is read up to there.
        whole = opened.bytes.read(cutter.room(), PART_BYTES).unwrap_or(0) == 0;
        loop {
            let at = cutter.at;
            let Some(line) = cutter.next(wanted.source, &mut opened.walk, whole).filter(|_| at < wanted.high) else { break };
            if wanted.filter.wants(&line) && wanted.lines > 0 {
                if starts.len() == wanted.lines {
                    starts.pop_front();
                }
                starts.push_back(at);
            }
        }
        whole |= cutter.at >= wanted.high;
    }
    Ok((starts.front().copied().unwrap_or(wanted.low), starts.len()))
}

/// Where the line begins that the file ends with and that has no end yet; the end of the file, when there is none.
pub(crate) fn unfinished(file: &std::fs::File, size: u64) -> u64 {
    let from = size.saturating_sub(PART_BYTES as u64);
    let mut bytes = vec![0; (size - from) as usize];
    match read_up_to(file, &mut bytes, from) {
        Ok(got) if got == bytes.len() => memchr::memrchr(b'\n', &bytes).map_or(from, |feed| from + feed as u64 + 1),
        _ => size,
    }
}
