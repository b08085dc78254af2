//! The event journal: `events/YYYY-MM-DD.jsonl`, and those who follow it.

use crate::home::EVENTS;
use crate::log::say;
use crate::time::{day, rfc3339};
use api::EventLine;
use model::{InstanceId, SlotRef};
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// A follower may be so many events behind; then it is told that it lagged.
const FOLLOW_LIMIT: usize = 256;

/// The journal. Trouble with its disk costs entries, never an app.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    seq: u64,
    open: Option<(String, File)>,
    failing: bool,
    /// How long entries are kept; `None` = for ever.
    kept: Option<Duration>,
    followers: broadcast::Sender<Arc<EventLine>>,
}

/// What an entry says, without number and time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub(crate) app: Option<String>,
    pub(crate) slot: Option<String>,
    pub(crate) instance: Option<String>,
    pub(crate) event: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) data: serde_json::Value,
}

impl Entry {
    /// One about a slot, and about a life that fills it where one is meant.
    pub(crate) fn of(slot: &SlotRef, instance: Option<InstanceId>, event: &'static str) -> Entry {
        Entry {
            app: Some(slot.app.to_string()),
            slot: Some(slot.to_string()),
            instance: instance.map(|instance| instance.to_string()),
            event,
            ..Entry::default()
        }
    }
}

impl Journal {
    /// Goes on after the last entry.
    pub(crate) fn open(folder: &Path) -> Journal {
        let seq = read(folder, &Wanted { lines: 1, ..Wanted::default() }).last().map_or(0, |line| line.seq);
        Journal {
            folder: folder.to_owned(),
            seq,
            open: None,
            failing: false,
            kept: None,
            followers: broadcast::channel(FOLLOW_LIMIT).0,
        }
    }

    /// From now on, every entry; a slow follower loses the oldest and is told how many.
    pub(crate) fn follow(&self) -> broadcast::Receiver<Arc<EventLine>> {
        self.followers.subscribe()
    }

    /// The number of the last entry.
    pub(crate) fn last(&self) -> u64 {
        self.seq
    }

    /// Writes an entry, tells followers, and gives it back as they see it.
    pub(crate) fn write(&mut self, entry: Entry, wall: i64) -> Arc<EventLine> {
        self.seq += 1;
        let Entry { app, slot, instance, event, reason, actor, data } = entry;
        let actor = actor.unwrap_or_else(|| "abide".to_owned());
        let line =
            EventLine { seq: self.seq, time: rfc3339(wall), app, slot, instance, event: event.to_owned(), reason, actor, data };
        match self.append(&line, wall) {
            Err(error) if !self.failing => {
                say!("failed to write the event journal: {error}");
                self.failing = true;
            }
            Err(_) => {}
            Ok(()) => self.failing = false,
        }
        let line = Arc::new(line);
        // Nobody may be following.
        let _ = self.followers.send(line.clone());
        line
    }

    /// From now on entries are kept so long; `None` = for ever.
    pub(crate) fn keep(&mut self, kept: Option<Duration>, wall: i64) {
        self.kept = kept;
        self.forget(wall);
    }

    /// Removes the files of days that ended too long ago. What is not called like a day is none of ours.
    fn forget(&self, wall: i64) {
        let Some(kept) = self.kept.and_then(|kept| i64::try_from(kept.as_millis()).ok()) else { return };
        let first = day(wall.saturating_sub(kept));
        let is_day = |stem: &str| stem.len() == first.len() && stem.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let is_old = |path: &&PathBuf| path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|s| is_day(s) && *s < *first);
        files(&self.folder).iter().filter(is_old).for_each(|old| _ = fs::remove_file(old));
    }

    fn append(&mut self, line: &EventLine, wall: i64) -> io::Result<()> {
        let today = day(wall);
        if self.open.as_ref().is_none_or(|(day, _)| *day != today) {
            let path = self.folder.join(format!("{today}.jsonl"));
            let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
            end_line(&path, &mut file)?;
            self.open = Some((today, file));
            self.forget(wall);
        }
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        let Some((_, file)) = &mut self.open else { return Ok(()) };
        let done = file.write_all(text.as_bytes());
        if done.is_err() {
            // A torn line is ended when the file is opened again.
            self.open = None;
        }
        done
    }
}

fn end_line(path: &Path, file: &mut File) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        File::open(path)?.read_exact_at(&mut last, length - 1)?;
    }
    if last == [b'\n'] { Ok(()) } else { file.write_all(b"\n") }
}

/// Which entries are wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// At most so many, the newest.
    pub(crate) lines: usize,
    /// Only later ones.
    pub(crate) since: Option<u64>,
    /// Only of these apps and slots: selectors that a name can answer ([`crate::select::names`]). None: all.
    pub(crate) of: Vec<String>,
}

impl Wanted {
    /// Whether this entry is meant.
    pub(crate) fn means(&self, line: &EventLine) -> bool {
        self.since.is_none_or(|since| line.seq > since) && self.is_of(line)
    }

    fn is_of(&self, line: &EventLine) -> bool {
        let (app, slot) = (line.app.as_deref(), line.slot.as_deref());
        self.of.is_empty() || app.is_some_and(|app| self.of.iter().any(|word| crate::select::names(word, app, slot)))
    }
}

/// Entries from the files, oldest first. Damaged lines are skipped.
pub(crate) fn read(folder: &Path, wanted: &Wanted) -> Vec<EventLine> {
    let mut found = VecDeque::new();
    'files: for path in files(folder).iter().rev() {
        let Ok(bytes) = fs::read(path) else { continue };
        for line in bytes.split(|b| *b == b'\n').rev().filter(|line| !line.is_empty()) {
            let Ok(line) = serde_json::from_slice::<EventLine>(line) else { continue };
            if wanted.since.is_some_and(|since| line.seq <= since) || found.len() >= wanted.lines {
                break 'files;
            }
            if wanted.means(&line) {
                found.push_front(line);
            }
        }
    }
    found.into()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = listing.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    files
}

/// The journal of this home.
pub(crate) fn here(wanted: &Wanted) -> Vec<EventLine> {
    read(Path::new(EVENTS), wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(app: &str) -> Entry {
        Entry { app: Some(app.to_owned()), event: "running", ..Entry::default() }
    }

    fn seqs(folder: &Path, wanted: &Wanted) -> Vec<u64> {
        read(folder, wanted).iter().map(|line| line.seq).collect()
    }

    #[test]
    fn numbers_go_on_over_days_and_lives() {
        let folder = tempfile::tempdir().expect("tempdir");
        let day = 86_400_000;
        let mut journal = Journal::open(folder.path());
        for n in 0..40 {
            journal.write(entry(if n % 2 == 0 { "a" } else { "b" }), n * day);
        }
        let mut journal = Journal::open(folder.path());
        let mut follower = journal.follow();
        journal.write(entry("a"), 40 * day);
        assert_eq!(follower.try_recv().expect("told").seq, 41);
        let all = Wanted { lines: 3, ..Wanted::default() };
        assert_eq!(seqs(folder.path(), &all), [39, 40, 41]);
        assert_eq!(seqs(folder.path(), &Wanted { of: vec!["b".into()], ..all.clone() }), [36, 38, 40]);
        assert_eq!(seqs(folder.path(), &Wanted { since: Some(40), lines: 100, of: Vec::new() }), [41]);
    }

    #[test]
    fn old_days_go_and_younger_ones_stay() {
        let folder = tempfile::tempdir().expect("tempdir");
        let day = 86_400_000;
        let days = |n: u64| Some(Duration::from_secs(n * 86_400));
        fs::write(folder.path().join("notes.jsonl"), "").expect("written");
        let there = || files(folder.path()).len() - 1;
        let mut journal = Journal::open(folder.path());
        (0..40).for_each(|n| _ = journal.write(entry("a"), n * day));
        assert_eq!(there(), 40, "for ever");
        journal.keep(days(30), 39 * day);
        assert_eq!(
            (there(), files(folder.path())[0].ends_with("1970-01-10.jsonl")),
            (31, true),
            "that day has ended 29 days ago"
        );
        journal.write(entry("a"), 40 * day);
        assert_eq!(there(), 31, "a new day comes, the oldest goes");
        journal.keep(days(2), 40 * day + 1);
        assert_eq!(seqs(folder.path(), &Wanted { lines: 9, ..Wanted::default() }), [39, 40, 41]);
        journal.keep(None, 99 * day);
        assert_eq!(there(), 3);
    }

    #[test]
    fn a_torn_line_costs_only_itself() {
        let folder = tempfile::tempdir().expect("tempdir");
        Journal::open(folder.path()).write(entry("a"), 0);
        let path = &files(folder.path())[0];
        let whole = fs::read(path).expect("there");
        for cut in 0..whole.len() {
            fs::write(path, &whole[..cut]).expect("cut");
            let mut journal = Journal::open(folder.path());
            journal.write(entry("b"), 0);
            let lines = read(folder.path(), &Wanted { lines: 10, ..Wanted::default() });
            assert_eq!(lines.last().expect("written").app.as_deref(), Some("b"), "{cut}");
        }
    }

    #[test]
    fn a_slow_follower_is_told_that_it_lagged() {
        let folder = tempfile::tempdir().expect("tempdir");
        let mut journal = Journal::open(folder.path());
        let mut follower = journal.follow();
        (0..FOLLOW_LIMIT as i64 + 50).for_each(|n| _ = journal.write(entry("a"), n));
        assert!(matches!(follower.try_recv(), Err(broadcast::error::TryRecvError::Lagged(_))));
    }
}
