//! Lines that have just been written are held back until the index says when, and by which life.
//!
//! The scribe writes bytes first and their record right behind them; who reads in between would give them the time and the life of what stands
//! before. But it writes a record at most every ten milliseconds, so one that does not come is not waited for long.

use crate::reader::Open;
use model::{InstanceId, LogFormat};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// As long as this at most.
const HOLD: Duration = Duration::from_millis(20);
/// The same where a life is waited for of which nothing is known yet: its first record comes behind its first bytes, however busy the machine is.
const FIRST: Duration = Duration::from_secs(1);
/// The scribe writes no second record of a stream within this (and the kernel's clock for files is up to four behind).
const RECORD_EVERY_MS: i64 = 14;

/// What is held back.
#[derive(Debug)]
pub(crate) struct Held {
    /// From this place of the file on.
    from: u64,
    until: Instant,
    /// The life whose lines matter.
    life: Option<InstanceId>,
}

impl Open {
    /// Bytes from here to the present end of the file have just been read.
    pub(crate) fn hold(&mut self, from: u64, format: LogFormat, life: Option<InstanceId>) {
        // Lines of other formats have times of their own.
        if format == LogFormat::Raw && self.opened.walk.index.is_open() {
            let span = if life.is_some() { FIRST } else { HOLD };
            self.held = Some(Held { from, until: Instant::now() + span, life });
        }
    }

    /// Whether what has been read is still to be held back. Asked anew, it looks anew.
    pub(crate) fn is_held(&mut self) -> bool {
        let Some(held) = &self.held else { return false };
        self.opened.walk.refresh();
        let newest = self.opened.walk.index.newest();
        let written = self.opened.bytes.plain().and_then(|file| file.metadata().ok());
        let has_record = newest.zip(written).is_none_or(|(record, file)| {
            let written = file.mtime().saturating_mul(1000).saturating_add(file.mtime_nsec() / 1_000_000);
            // What comes behind a line of the life that matters is told as its own, unless another record says otherwise.
            held.life == Some(record.instance)
                || record.offset >= held.from && written <= record.wall.0.saturating_add(RECORD_EVERY_MS)
        });
        if has_record || Instant::now() >= held.until {
            self.held = None;
        }
        self.held.is_some()
    }
}
