//! A reader that cannot keep up with what is written.

use crate::chain::{Entry, look};
use crate::file::Bytes;
use crate::line::Note;
use crate::reader::Reader;
use crate::tail;
use std::io;
use std::os::unix::fs::FileExt;

/// A follower that is further behind than this passes over what is in between, and is told how many lines that were.
pub const LAG_BYTES: u64 = 8 << 20;
/// It goes on so far before the end.
const REST_BYTES: u64 = 256 << 10;
/// So much is read at once to count lines.
const PIECE: usize = 256 << 10;

pub(crate) fn is_far_behind(reader: &Reader) -> bool {
    let Some(open) = &reader.open else { return false };
    let end = open.cutter.end();
    let size = match open.opened.bytes.plain() {
        Some(file) => file.metadata().map_or(0, |meta| meta.len()),
        None => look(&reader.source.path).iter().find(|entry| open.id.is(&entry.id)).map_or(0, bytes_of),
    };
    let here = size.saturating_sub(end);
    if here > LAG_BYTES {
        return true;
    }
    // Only who stands at the beginning of a file can have several before him.
    end == 0 && here + newer(reader).iter().map(bytes_of).sum::<u64>() > LAG_BYTES
}

fn newer(reader: &Reader) -> Vec<Entry> {
    let mut chain = look(&reader.source.path);
    let here = reader.position().and_then(|here| chain.iter().position(|entry| here.id.is(&entry.id)));
    if here.is_none() {
        // Ours is gone; what was before it has been read.
        chain.retain(|entry| !reader.older.iter().any(|older| entry.id.is(older)));
    }
    chain.split_off(here.map_or(0, |at| at + 1).min(chain.len()))
}

/// Bytes without compression.
fn bytes_of(entry: &Entry) -> u64 {
    if !entry.packed {
        return entry.size;
    }
    // A gzip file ends with the number of its bytes, modulo 2^32.
    let mut last = [0; 4];
    let read =
        crate::file::open_regular(&entry.path).and_then(|file| file.read_exact_at(&mut last, entry.size.saturating_sub(4)));
    read.map_or(0, |()| u64::from(u32::from_le_bytes(last)))
}

/// Goes to near the end, counting the lines in between.
pub(crate) fn jump(reader: &mut Reader) {
    let newer = newer(reader);
    let Some(open) = &mut reader.open else { return };
    let mut skipped = feeds(open.cutter.room());
    let begun = !open.cutter.is_empty();
    let from = open.cutter.end();
    let size = open.opened.bytes.plain().and_then(|file| file.metadata().ok()).map_or(0, |meta| meta.len());
    if newer.is_empty() {
        let target = match open.opened.bytes.plain() {
            Some(file) => tail::unfinished(file, size.saturating_sub(REST_BYTES)).max(from),
            None => return,
        };
        skipped += count(&mut open.opened.bytes, target - from).unwrap_or(0);
        open.cutter = crate::cut::Cutter::new(target);
        open.opened.walk.seek(target);
    } else {
        skipped += count(&mut open.opened.bytes, u64::MAX).unwrap_or(0);
        let mut target = 0;
        for (n, entry) in newer.iter().enumerate() {
            let last = n + 1 == newer.len();
            let Ok(mut opened) = entry.open(0) else { continue };
            if last && let Some(file) = opened.bytes.plain() {
                target = tail::unfinished(file, entry.size.saturating_sub(REST_BYTES));
            }
            skipped += count(&mut opened.bytes, if last { target } else { u64::MAX }).unwrap_or(0);
        }
        let chain = look(&reader.source.path);
        let at = newer.last().and_then(|newest| chain.iter().position(|entry| entry.id.is(&newest.id)));
        // A file that was renamed in this moment is found at the next look.
        if at.is_none_or(|at| reader.enter(&chain, at, target).is_err()) {
            return;
        }
    }
    // A line whose beginning was passed over is one of those that were.
    reader.notes.push_back(Note::Skipped(skipped.max(u64::from(begun))));
}

fn count(bytes: &mut Bytes, most: u64) -> io::Result<u64> {
    let (mut left, mut lines) = (most, 0);
    let mut buffer = Vec::new();
    while left > 0 {
        buffer.clear();
        let got = bytes.read(&mut buffer, PIECE.min(usize::try_from(left).unwrap_or(PIECE)))?;
        if got == 0 {
            break;
        }
        lines += feeds(&buffer);
        left -= got as u64;
    }
    Ok(lines)
}

fn feeds(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
