//! Operations and snapshot on disk.

use super::frame::{frame, scan};
use super::record::{Act, Record, Told, Track, VERSION, Version};
use super::state::State;
use crate::home::sync_folder;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Operations are compacted into a snapshot when they are larger …
const COMPACT_BYTES: u64 = 256 << 10;
/// … or more than this.
const COMPACT_RECORDS: usize = 1000;

/// Why an operation was not saved. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SaveError {
    /// The files are of a later version.
    #[error("{0}")]
    Refused(String),
    /// The system does not let us write.
    #[error("failed to save to store/operations: {0}")]
    Io(#[from] io::Error),
}

/// What is wished, in memory and on disk.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    state: State,
    file: File,
    /// Up to here the file is whole.
    length: u64,
    records: usize,
    /// Records of our own that could not be written yet.
    pending: Vec<Record>,
    /// A later version wrote here: nothing is changed.
    refused: Option<String>,
    /// Why the last save failed.
    failed: Option<String>,
    /// What was found damaged at the start, in words.
    damage: Vec<String>,
}

impl Store {
    /// Reads the store, setting damaged bytes aside.
    ///
    /// # Errors
    /// The files cannot be read at all.
    pub(crate) fn open(folder: &Path, wall: i64) -> io::Result<Store> {
        let (snapshot, operations) = (folder.join("snapshot"), folder.join("operations"));
        let mut state = State::default();
        let mut problems = Problems::default();
        let mut base = 0;
        let (old, old_bytes) = load(&snapshot, &mut problems)?;
        if !old.is_empty() {
            state.restore(&old);
            base = state.op;
        }
        let (new, bytes) = load(&operations, &mut problems)?;
        // What a compaction that was cut short has left is in the snapshot already.
        new.iter().filter(|record| record.op > base).for_each(|record| state.apply(record));
        state.settle();
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&operations)?;
        let mut store = Store {
            folder: folder.to_owned(),
            state,
            file,
            length: bytes,
            records: new.len(),
            pending: Vec::new(),
            refused: problems.future,
            failed: None,
            damage: Vec::new(),
        };
        if store.refused.is_none() {
            store.mend(&problems.damaged, problems.open_end, wall);
            // A large pile, or one that has grown over many deaths.
            if store.is_large() || (old_bytes == 0 && bytes > 0 && store.records > COMPACT_RECORDS / 2) {
                store.compact(wall);
            }
        }
        Ok(store)
    }

    /// Sets the evidence aside, then writes what is left anew.
    fn mend(&mut self, damaged: &[(String, Vec<u8>)], open_end: bool, wall: i64) {
        if damaged.is_empty() && !open_end {
            return;
        }
        if !damaged.is_empty() {
            let path = self.folder.join(format!("damaged-{wall}"));
            let write = || -> io::Result<()> {
                let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
                for (_, bytes) in damaged {
                    file.write_all(bytes)?;
                    file.write_all(b"\n")?;
                }
                file.sync_all()
            };
            self.damage = damaged.iter().map(|(what, _)| what.clone()).collect();
            match write() {
                Ok(()) => self.damage.push(format!("the bytes are kept in {}", path.display())),
                Err(error) => {
                    // Without a copy of the evidence the file stays as it is; what follows is appended on a line of its own.
                    self.failed = Some(format!("failed to set damaged bytes aside: {error}"));
                    let _ = self.append(b"\n");
                    return;
                }
            }
        }
        if !self.compact(wall) {
            let _ = self.append(b"\n");
        }
    }

    /// What is wished.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// What was found damaged at the start, in words.
    pub(crate) fn damage(&self) -> &[String] {
        &self.damage
    }

    /// Why nothing can be saved, if so.
    pub(crate) fn read_only(&self) -> Option<String> {
        self.refused.clone().or_else(|| self.failed.clone())
    }

    /// Writes a user's wish: one line, one fsync; only then it counts. Returns the number of the operation.
    ///
    /// # Errors
    /// Nothing was saved and nothing has changed.
    pub(crate) fn save(
        &mut self,
        act: Act,
        actor: &str,
        key: Option<&str>,
        track: Option<Track>,
        told: Option<Told>,
        wall: i64,
    ) -> Result<u64, SaveError> {
        let mut record = self.record(act, wall);
        (record.actor, record.key, record.track, record.told) = (actor.to_owned(), key.map(str::to_owned), track, told);
        self.write(&record)?;
        self.state.apply(&record);
        self.compact_if_large(wall);
        Ok(record.op)
    }

    /// Writes a fact of our own. It counts at once; if it cannot be written, it is written with the next save.
    pub(crate) fn note(&mut self, act: Act, wall: i64) -> Result<(), SaveError> {
        let record = self.record(act, wall);
        self.state.apply(&record);
        let done = self.write(&record);
        if done.is_err() {
            self.pending.push(record);
        } else {
            self.compact_if_large(wall);
        }
        done
    }

    fn record(&self, act: Act, at: i64) -> Record {
        Record { v: VERSION, op: self.state.op + 1, at, actor: "abide".to_owned(), key: None, track: None, told: None, act }
    }

    fn write(&mut self, record: &Record) -> Result<(), SaveError> {
        if let Some(why) = &self.refused {
            return Err(SaveError::Refused(why.clone()));
        }
        let mut lines = String::new();
        for record in self.pending.iter().chain([record]) {
            let json = serde_json::to_string(record).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            lines.push_str(&frame(&json));
        }
        match self.append(lines.as_bytes()) {
            Ok(()) => {
                self.records += self.pending.len() + 1;
                self.pending.clear();
                self.failed = None;
                Ok(())
            }
            Err(error) => {
                self.failed = Some(format!("failed to save to {}/operations: {error}", self.folder.display()));
                Err(error.into())
            }
        }
    }

    /// Appends at the end of what is whole. After a failure the file is cut back to it, now or before the next try: writing always
    /// begins at `length`, so what a failed try has left is overwritten or cut off.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let tried = self.file.write_all_at(bytes, self.length).and_then(|()| self.file.sync_data());
        match tried {
            Ok(()) => {
                self.length += bytes.len() as u64;
                // A longer leftover of a failed try would follow our line.
                if self.failed.is_some() && self.file.metadata().is_ok_and(|meta| meta.len() > self.length) {
                    self.file.set_len(self.length)?;
                }
                Ok(())
            }
            Err(error) => {
                let _ = self.file.set_len(self.length);
                Err(error)
            }
        }
    }

    fn is_large(&self) -> bool {
        self.length > COMPACT_BYTES || self.records > COMPACT_RECORDS
    }

    fn compact_if_large(&mut self, wall: i64) {
        if self.is_large() && !self.compact(wall) {
            // Later, when as much again has come together.
            self.records = 0;
        }
    }

    /// Writes the snapshot, then begins the operations anew; each step leaves a store that reads the same. `false`: it stays as it was.
    fn compact(&mut self, wall: i64) -> bool {
        let state = &self.state;
        let write = || -> io::Result<File> {
            let mut lines = String::new();
            for record in state.records(wall) {
                lines.push_str(&frame(&serde_json::to_string(&record)?));
            }
            replace(&self.folder, "snapshot", lines.as_bytes())?;
            replace(&self.folder, "operations", b"")
        };
        match write() {
            Ok(file) => {
                (self.file, self.length, self.records, self.failed) = (file, 0, 0, None);
                self.pending.clear();
                true
            }
            Err(error) => {
                self.failed = Some(format!("failed to write store/snapshot: {error}"));
                false
            }
        }
    }

    #[cfg(test)]
    pub(super) fn swap_file(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }
}

/// Puts a whole new file in the place of another: temporary name, fsync, rename, fsync of the folder.
pub(super) fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<File> {
    let (fresh, path) = (folder.join(format!("{name}.new")), folder.join(name));
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, &path)?;
    sync_folder(folder)?;
    Ok(file)
}

#[derive(Default)]
struct Problems {
    /// What, and its bytes.
    damaged: Vec<(String, Vec<u8>)>,
    future: Option<String>,
    open_end: bool,
}

/// The records of a file, and its length.
fn load(path: &Path, problems: &mut Problems) -> io::Result<(Vec<Record>, u64)> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(error) => return Err(error),
    };
    let found = scan(&bytes);
    problems.open_end |= found.open_end;
    for (at, lost) in found.damaged {
        problems.damaged.push((format!("{} bytes at offset {at} of {} are damaged", lost.len(), path.display()), lost));
    }
    let mut records = Vec::new();
    for json in &found.good {
        match serde_json::from_str::<Record>(json) {
            Ok(record) if record.v <= VERSION => records.push(record),
            // Its checksum is right, so somebody meant it: a steward that knows more than this one.
            _ => {
                let version = serde_json::from_str::<Version>(json).map_or(0, |version| version.v);
                problems.future.get_or_insert_with(|| {
                    format!(
                        "{} was written by a later abide (record version {version}, this one knows {VERSION}): nothing is changed here; \
                         use that abide",
                        path.display()
                    )
                });
            }
        }
    }
    Ok((records, bytes.len() as u64))
}
