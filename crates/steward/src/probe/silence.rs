//! Has a life printed anything lately? The indexes beside its log files tell: their records say which life wrote when, on a clock that nobody
//! sets.

use super::asking::Asking;
use engine::Outcome;
use model::beside::{index_path, rotated_path};
use model::{INDEX_RECORD_BYTES, IndexRecord, InstanceId, Tick, format_span};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;
use sys::clock::wall_ms;

/// Records at the end of an index that are looked at.
const RECORDS: u64 = 4096;
/// Files of a log that are looked at.
const FILES: usize = 32;
const RECORD: u64 = INDEX_RECORD_BYTES as u64;

/// Of which life it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quiet {
    /// The life.
    pub(crate) instance: InstanceId,
    /// When it began: it counts as the first word.
    pub(crate) begun: Tick,
    /// Its log files.
    pub(crate) files: Vec<String>,
}

impl Asking {
    /// Looks whether a life has printed anything within `span`.
    pub(crate) async fn silence(&self, quiet: Quiet, span: Duration) -> Outcome {
        let looked = self.pool.look(move || is_silent(&quiet, span, crate::time::now(), wall_ms()));
        match self.within(|| "its log was not looked at".to_owned(), looked).await {
            Ok(Some(false)) => Outcome::Good,
            Ok(Some(true)) => Outcome::Bad(format!("nothing printed for {}", format_span(span))),
            Ok(None) => Outcome::Bad("the manager ends".to_owned()),
            Err(late) => late,
        }
    }
}

/// Whether it has printed nothing for so long. Blocking, and short.
fn is_silent(quiet: &Quiet, span: Duration, now: Tick, wall: i64) -> bool {
    let last = quiet.files.iter().filter_map(|file| last_word(file, quiet, now, wall)).max();
    now.since(last.unwrap_or_default().max(quiet.begun)) >= span
}

/// When a life has last written to a log. Where that is not written down any more (others have written very much since, files have been removed
/// or emptied), when it can have done so at the latest. `None`: it has not, as far as is known.
fn last_word(log: &str, quiet: &Quiet, now: Tick, wall: i64) -> Option<Tick> {
    let mut latest = None;
    let mut missing = 0;
    for n in 0..FILES {
        let path = if n == 0 { log.to_owned() } else { rotated_path(log, n) };
        let (records, all) = read(&path).unwrap_or_default();
        if let Some(own) = records.iter().rev().find(|record| record.instance == quiet.instance) {
            return Some(own.tick);
        }
        match records.first() {
            Some(first) => {
                latest = Some(first.tick);
                missing = 0;
                if !all || first.tick <= quiet.begun {
                    break;
                }
            }
            None if n == 0 => latest = touched(log, now, wall),
            // A rotation that is under way leaves one gap.
            None if missing == 1 => break,
            None => missing += 1,
        }
    }
    latest
}

/// When a file was written or emptied, by the clock of files.
fn touched(log: &str, now: Tick, wall: i64) -> Option<Tick> {
    let meta = std::fs::symlink_metadata(log).ok()?;
    let at = meta.mtime().saturating_mul(1000).saturating_add(meta.mtime_nsec() / 1_000_000);
    let ago = u64::try_from(wall.saturating_sub(at)).unwrap_or_default();
    Some(Tick(now.0.saturating_sub(ago.saturating_mul(1_000_000))))
}

/// The last records about a log file; `true`: they are all.
fn read(log: &str) -> io::Result<(Vec<IndexRecord>, bool)> {
    let index = File::open(index_path(log))?;
    let count = index.metadata()?.len() / RECORD;
    let from = count.saturating_sub(RECORDS);
    let mut bytes = vec![0; usize::try_from((count - from) * RECORD).unwrap_or_default()];
    let mut done = 0;
    while done < bytes.len() {
        match index.read_at(&mut bytes[done..], from * RECORD + done as u64)? {
            0 => break,
            got => done += got,
        }
    }
    Ok((bytes[..done].chunks_exact(INDEX_RECORD_BYTES).filter_map(IndexRecord::decode).collect(), from == 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{IndexFlags, Wall};
    use std::path::Path;

    const SECOND: u64 = 1_000_000_000;

    /// An index with these lives' words, at these seconds.
    fn index(folder: &Path, name: &str, words: &[(u64, u64)]) -> String {
        let record = |(n, (life, at)): (usize, &(u64, u64))| {
            let flags = IndexFlags::default();
            IndexRecord { offset: n as u64, wall: Wall(0), tick: Tick(at * SECOND), instance: InstanceId(*life), flags }
        };
        let bytes: Vec<u8> = words.iter().enumerate().map(record).flat_map(|record| record.encode()).collect();
        let file = folder.join(name).to_string_lossy().into_owned();
        std::fs::write(index_path(&file), bytes).expect("written");
        file
    }

    fn quiet(files: &[&String], begun: u64) -> Quiet {
        let files = files.iter().map(|file| (*file).clone()).collect();
        Quiet { instance: InstanceId(1), begun: Tick(begun * SECOND), files }
    }

    fn silent(files: &[&String], begun: u64, now: u64) -> bool {
        is_silent(&quiet(files, begun), Duration::from_secs(30), Tick(now * SECOND), 0)
    }

    fn last(file: &String, begun: u64) -> Option<u64> {
        last_word(file, &quiet(&[], begun), Tick(9000 * SECOND), sys::clock::wall_ms()).map(|tick| tick.0 / SECOND)
    }

    #[test]
    fn the_last_word_of_the_life_counts() {
        let folder = tempfile::tempdir().expect("tempdir");
        let out = index(folder.path(), "out", &[(2, 1), (1, 5), (1, 10), (2, 90)]);
        let err = index(folder.path(), "err", &[(1, 20)]);
        let none = folder.path().join("none").to_string_lossy().into_owned();
        assert!(!silent(&[&out], 2, 39) && silent(&[&out], 2, 40), "10 + 30; another life's words do not count");
        assert!(!silent(&[&out, &err], 2, 49) && silent(&[&out, &err], 2, 50), "either stream counts");
        assert!(!silent(&[&none], 100, 129) && silent(&[&none], 100, 130), "nothing yet: since its birth");
        assert!(silent(&[], 0, 1000));
        assert_eq!(last(&index(folder.path(), "earlier", &[(2, 1)]), 2), Some(1), "before its birth, which counts then");
    }

    #[test]
    fn what_is_not_known_any_more_is_not_held_against_it() {
        let folder = tempfile::tempdir().expect("tempdir");
        let mut words = vec![(1, 1)];
        words.extend((0..RECORDS).map(|n| (2, 10 + n)));
        assert_eq!(last(&index(folder.path(), "all", &words), 0), Some(10), "others have written very much");
        assert_eq!(last(&index(folder.path(), "some", &[(2, 70)]), 5), Some(70), "what was before is gone");
        let emptied = index(folder.path(), "emptied", &[]);
        std::fs::write(&emptied, "").expect("written");
        let at = last(&emptied, 5).expect("its file was touched");
        assert!((8990..=9000).contains(&at), "just now: {at}");
    }

    #[test]
    fn rotated_files_count() {
        let folder = tempfile::tempdir().expect("tempdir");
        let log = index(folder.path(), "log", &[(2, 80)]);
        // The first place is empty: a rotation is under way.
        index(folder.path(), "log.2", &[(2, 60), (1, 65), (2, 66)]);
        index(folder.path(), "log.3", &[(1, 50)]);
        assert_eq!(last(&log, 5), Some(65));
    }
}
