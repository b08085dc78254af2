//! The journal of lives: who was born, and what slots remember. Without fsync: the kernel keeps it through the death of a process, and
//! after a power cut nobody of it lives.

use super::frame::{frame, scan};
use super::writers::Writers;
use engine::LifeNote;
use model::{AppName, Generation, InstanceId, LifeRecord, Rest, SlotMemo, SlotRef, Stream};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Larger than this (and than twice what it must hold), the journal is rewritten.
const COMPACT_BYTES: u64 = 256 << 10;

/// One line of `store/lives`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// The first: everything after it happened in this boot.
    Boot { v: u32, boot: String, next: u64 },
    /// A life as it is now.
    Life(Box<LifeRecord>),
    /// A stream of it is sealed.
    Sealed { instance: InstanceId, stream: Stream },
    /// It may be forgotten.
    Closed { instance: InstanceId },
    /// What a slot remembers now.
    Memo { slot: SlotRef, memo: SlotMemo },
    /// The slot is no more.
    Forgotten { slot: SlotRef },
    /// The port that lives of a slot had last.
    Port { slot: SlotRef, port: u16 },
}

/// What the journal comes to.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Remembered {
    /// Lives that are not closed.
    pub(crate) lives: BTreeMap<InstanceId, LifeRecord>,
    /// Sealed streams of those.
    pub(crate) sealed: BTreeSet<(InstanceId, Stream)>,
    /// Memory of slots.
    pub(crate) memos: BTreeMap<SlotRef, SlotMemo>,
    /// The port that lives of a slot had last.
    pub(crate) ports: BTreeMap<SlotRef, u16>,
    /// Higher than any instance in it.
    pub(crate) next: u64,
}

/// The journal, in memory and on disk.
#[derive(Debug)]
pub(crate) struct LivesJournal {
    folder: PathBuf,
    boot: String,
    remembered: Remembered,
    writers: Writers,
    file: Option<File>,
    bytes: u64,
    /// Size after the last rewriting.
    floor: u64,
    other_boot: bool,
    damaged: usize,
}

impl LivesJournal {
    /// Reads the journal and begins it anew with what still counts.
    pub(crate) fn open(folder: &Path, boot: &str) -> LivesJournal {
        let mut remembered = Remembered::default();
        let mut before = None;
        let mut damaged = 0;
        let writers = Writers::default();
        // What cannot be read cannot be known; the keeper's dump and the locks tell the rest.
        if let Ok(bytes) = fs::read(folder.join("lives")) {
            let found = scan(&bytes);
            damaged = found.damaged.len();
            for json in &found.good {
                match serde_json::from_str::<Line>(json) {
                    Ok(Line::Boot { boot, next, .. }) => {
                        before = Some(boot);
                        remembered.next = remembered.next.max(next);
                    }
                    Ok(line) => {
                        if let Line::Life(life) = &line {
                            writers.note(life.instance, &life.slot);
                        }
                        remembered.take(line);
                    }
                    Err(_) => damaged += 1,
                }
            }
        }
        if damaged > 0 {
            // The journal is written anew below; the evidence stays.
            let _ = fs::copy(folder.join("lives"), folder.join("damaged-lives"));
        }
        let other_boot = before.is_some_and(|before| before != boot);
        if other_boot {
            remembered.forget_boot();
        }
        let mut journal = LivesJournal {
            folder: folder.to_owned(),
            boot: boot.to_owned(),
            remembered,
            writers,
            file: None,
            bytes: 0,
            floor: 0,
            other_boot,
            damaged,
        };
        let _ = journal.rewrite();
        journal
    }

    /// The highest generation that a life of an app of this name has.
    pub(crate) fn highest_generation(&self, app: &AppName) -> Option<Generation> {
        self.remembered().lives.values().filter(|life| life.slot.app == *app).map(|life| life.generation).max()
    }

    /// What is known.
    pub(crate) fn remembered(&self) -> &Remembered {
        &self.remembered
    }

    /// Who wrote what.
    pub(crate) fn writers(&self) -> Writers {
        self.writers.clone()
    }

    /// Whether the journal came from another boot: then no life of it lives.
    pub(crate) fn is_of_other_boot(&self) -> bool {
        self.other_boot
    }

    /// Places in the file that could not be read.
    pub(crate) fn damaged(&self) -> usize {
        self.damaged
    }

    /// Appends. A failure is made good by the next append, which then writes the whole journal anew.
    pub(crate) fn note(&mut self, note: LifeNote) -> io::Result<()> {
        let line = match note {
            LifeNote::Life(life) => {
                self.writers.note(life.instance, &life.slot);
                Line::Life(life)
            }
            LifeNote::Sealed { instance, stream } => Line::Sealed { instance, stream },
            LifeNote::Closed { instance } => Line::Closed { instance },
            LifeNote::Memo { slot, memo } => Line::Memo { slot, memo },
            LifeNote::Forgotten { slot } => Line::Forgotten { slot },
        };
        let text = frame(&serde_json::to_string(&line)?);
        self.remembered.take(line);
        let written = self.file.as_mut().map(|file| file.write_all(text.as_bytes()));
        if !matches!(written, Some(Ok(()))) {
            return self.rewrite();
        }
        self.bytes += text.len() as u64;
        if self.bytes > COMPACT_BYTES.max(2 * self.floor) {
            return self.rewrite();
        }
        Ok(())
    }

    /// Writes what is known under a temporary name and renames it.
    fn rewrite(&mut self) -> io::Result<()> {
        self.file = None;
        let known = &self.remembered;
        let mut text = frame(&serde_json::to_string(&Line::Boot { v: 1, boot: self.boot.clone(), next: known.next })?);
        let lives = known.lives.values().map(|life| Line::Life(Box::new(life.clone())));
        let sealed = known.sealed.iter().map(|(instance, stream)| Line::Sealed { instance: *instance, stream: *stream });
        let memos = known.memos.iter().map(|(slot, memo)| Line::Memo { slot: slot.clone(), memo: memo.clone() });
        let ports = known.ports.iter().map(|(slot, port)| Line::Port { slot: slot.clone(), port: *port });
        // The last of them may be that of a life which is closed, so it stands behind those that are not.
        for line in lives.chain(ports).chain(sealed).chain(memos) {
            text.push_str(&frame(&serde_json::to_string(&line)?));
        }
        let (fresh, path) = (self.folder.join("lives.new"), self.folder.join("lives"));
        // A rest of an earlier try must not stand before our lines.
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&fresh, &path)?;
        (self.bytes, self.floor) = (text.len() as u64, text.len() as u64);
        self.file = Some(file);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn break_file(&mut self, file: File) {
        self.file = Some(file);
    }
}

impl Remembered {
    fn take(&mut self, line: Line) {
        match line {
            Line::Boot { .. } => {}
            Line::Life(life) => {
                self.next = self.next.max(life.instance.0 + 1);
                if let Some(port) = life.port {
                    self.ports.insert(life.slot.clone(), port);
                }
                self.lives.insert(life.instance, *life);
            }
            Line::Sealed { instance, stream } => {
                if self.lives.contains_key(&instance) {
                    self.sealed.insert((instance, stream));
                }
            }
            Line::Closed { instance } => {
                self.lives.remove(&instance);
                self.sealed.retain(|(other, _)| *other != instance);
            }
            Line::Memo { slot, memo } => _ = self.memos.insert(slot, memo),
            Line::Forgotten { slot } => {
                self.memos.remove(&slot);
                self.ports.remove(&slot);
            }
            Line::Port { slot, port } => _ = self.ports.insert(slot, port),
        }
    }

    /// Another boot: no life is left, and monotonic times mean nothing. Counts and what was given up stay.
    fn forget_boot(&mut self) {
        self.lives.clear();
        self.sealed.clear();
        for memo in self.memos.values_mut() {
            memo.streak = 0;
            memo.failures.clear();
            memo.ran = None;
            if !matches!(memo.rest, Rest::Errored { .. }) {
                memo.rest = Rest::None;
            }
        }
    }
}
