//! The steward's own log: `daemon.log`, append only, bounded. It never holds a value of an environment.

use crate::time::rfc3339;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

/// After so many bytes the file becomes `daemon.log.1`.
const LIMIT: u64 = 5 << 20;

struct Log {
    path: PathBuf,
    file: Option<File>,
    size: u64,
    aloud: bool,
}

static LOG: OnceLock<Mutex<Log>> = OnceLock::new();

/// Begins the log; `aloud` says every line to standard error too.
pub(crate) fn begin(path: PathBuf, aloud: bool) {
    let mut log = Log { path, file: None, size: 0, aloud };
    log.open();
    let _ = LOG.set(Mutex::new(log));
}

/// Says a line. Trouble with the log is nobody's trouble.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    let Some(log) = LOG.get() else { return };
    // A panic while holding it cannot leave it half written in a way that matters.
    let mut log = log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let line = format!("{} steward {}\n", rfc3339(sys::clock::wall_ms()), text.to_string().replace('\n', " "));
    if log.aloud {
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    log.append(&line);
}

impl Log {
    fn open(&mut self) {
        self.file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path).ok();
        self.size = self.file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |meta| meta.len());
    }

    fn append(&mut self, line: &str) {
        if self.file.is_none() || self.size > LIMIT {
            if self.size > LIMIT {
                let _ = fs::rename(&self.path, self.path.with_extension("log.1"));
            }
            self.open();
        }
        if let Some(file) = &mut self.file {
            let _ = file.write_all(line.as_bytes());
            self.size += line.len() as u64;
        }
    }
}

/// Says a line in the steward's own log.
macro_rules! say {
    ($($text:tt)*) => { $crate::log::line(format_args!($($text)*)) };
}
pub(crate) use say;
