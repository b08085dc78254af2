//! The manager's own log, `daemon.log`, as the steward writes it. It never holds a value of an environment.
//!
//! A line goes into a FIFO that the scribe moves, which never waits for a disk. While no scribe is at work, or the FIFO is full, a thread of
//! its own takes care of it; if even its disk hangs, lines are kept up to a bound, and counted beyond.

use crate::time::rfc3339;
use std::fmt;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use sys::own_log::{LINE, Moved, enter, is_stderr, put, rescue, take_stderr};

/// Bytes that are kept while nobody takes them.
const KEPT: usize = 256 << 10;
/// How often it is looked whether somebody takes them.
const LOOK: Duration = Duration::from_millis(300);
/// How long the end of the steward may be held up by its last words.
const LAST_WORDS: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Log {
    way: Option<OwnedFd>,
    /// Says every line to standard error too.
    aloud: bool,
    /// Lines that found no room.
    kept: Vec<u8>,
    /// Lines beyond what is kept.
    lost: u64,
    /// Nobody is known to move the FIFO.
    alone: bool,
    /// A thread looks after it.
    tended: bool,
}

static LOG: OnceLock<Mutex<Log>> = OnceLock::new();

/// Begins the log of the home in which we stand; `aloud` says every line to standard error too.
pub(crate) fn begin(aloud: bool) {
    let way = enter(Path::new(".")).ok();
    let aloud = aloud && way.as_ref().is_none_or(|way| take_stderr(way).is_err() || !is_stderr(way));
    let _ = LOG.set(Mutex::new(Log { way, aloud, ..Log::default() }));
}

fn log() -> Option<MutexGuard<'static, Log>> {
    // A panic while holding it cannot leave it half written in a way that matters.
    LOG.get().map(|log| log.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Says a line. Trouble with the log is nobody's trouble.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    let Some(mut log) = log() else { return };
    let mut line = format!("{} steward {}", rfc3339(sys::clock::wall_ms()), text.to_string().replace('\n', " ")).into_bytes();
    line.truncate(LINE - 1);
    line.push(b'\n');
    if log.aloud {
        let _ = std::io::stderr().write_all(&line);
    }
    log.append(&line);
    log.tend();
}

/// Whether a scribe is known to be at work. While there is none, what is written is moved by ourselves.
pub(crate) fn attended(by_scribe: bool) {
    let Some(mut log) = log() else { return };
    log.alone = !by_scribe;
    log.tend();
}

/// Waits a little until everything that was said is in the file, if no scribe moves it: for those who are about to end.
pub(crate) fn last_words() {
    let until = Instant::now() + LAST_WORDS;
    let done = thread::spawn(tended);
    while !done.is_finished() && Instant::now() < until {
        thread::sleep(Duration::from_millis(2));
    }
}

impl Log {
    fn append(&mut self, line: &[u8]) {
        if self.kept.is_empty() && self.way.as_ref().is_some_and(|way| put(way, line)) {
            return;
        }
        if self.kept.len() + line.len() > KEPT {
            self.lost += 1;
        } else {
            self.kept.extend_from_slice(line);
        }
    }

    /// Sees to it that somebody looks after what is not moved.
    fn tend(&mut self) {
        if (self.alone || !self.kept.is_empty()) && !self.tended {
            self.tended = thread::Builder::new().name("log".to_owned()).spawn(|| while !tended() {}).is_ok();
        }
    }
}

/// One look. `true` = nobody needs to look again.
fn tended() -> bool {
    let Some(mut kept) = log().map(|mut log| log.take()) else { return true };
    // Without the lock: this may wait for a disk.
    let moved = rescue(Path::new("."), &kept);
    let Some(mut log) = log() else { return true };
    match moved {
        Ok(Moved::All) => kept.clear(),
        Ok(Moved::Attended) => {
            // The scribe makes room.
            while let Some(end) = kept.iter().position(|byte| *byte == b'\n') {
                if !log.way.as_ref().is_some_and(|way| put(way, &kept[..=end])) {
                    break;
                }
                kept.drain(..=end);
            }
        }
        Err(_) => {}
    }
    // What came meanwhile stands behind.
    kept.append(&mut log.kept);
    log.kept = kept;
    if !log.alone && log.kept.is_empty() {
        log.tended = false;
        return true;
    }
    drop(log);
    thread::sleep(LOOK);
    false
}

impl Log {
    /// Everything that is kept, and how much is not.
    fn take(&mut self) -> Vec<u8> {
        let mut kept = std::mem::take(&mut self.kept);
        if self.lost > 0 {
            let text = format!(
                "{} steward {} lines of this log were lost: nobody took them\n",
                rfc3339(sys::clock::wall_ms()),
                self.lost
            );
            kept.extend_from_slice(text.as_bytes());
            self.lost = 0;
        }
        kept
    }
}

/// Says a line in the manager's own log.
macro_rules! say {
    ($($text:tt)*) => { $crate::log::line(format_args!($($text)*)) };
}
pub(crate) use say;
