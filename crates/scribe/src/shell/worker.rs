//! The background: one thread that gives way to everything else, and does what would keep streams waiting. It decides nothing and
//! renames nothing; it reads, counts, and writes one file that nobody else touches.

use super::logs::{cause, look};
use crate::core::{Cause, Happening, Piece, Sibling, Tally};
use flate2::Compression;
use flate2::write::GzEncoder;
use model::beside::{index_path, rotated_path, unfinished_path};
use std::collections::BTreeSet;
use std::fs::{File, FileTimes};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use sys::place;
use sys::stream::LogHandle;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;
/// The core gives one of each kind at a time.
const TASKS: usize = 4;

/// Something to do.
#[derive(Debug)]
pub(super) enum Task {
    Compress {
        log: String,
        from: String,
        inode: u64,
    },
    /// The files to be counted, and whether those of the home's own folder as well.
    Survey {
        files: Vec<String>,
        home: bool,
    },
}

/// The thread's other side.
#[derive(Debug)]
pub(super) struct Worker {
    tasks: SyncSender<Task>,
    results: Receiver<Happening>,
    wakes: OwnedFd,
}

impl Worker {
    pub fn start() -> io::Result<Worker> {
        let (wakes, rings) = sys::handle::pipe(true)?;
        let (tasks, todo) = sync_channel(TASKS);
        let (done, results) = sync_channel(TASKS);
        sys::thread::start("abide-zip", move || work(&todo, &done, &rings))?;
        Ok(Worker { tasks, results, wakes })
    }

    /// False when it cannot be done now.
    pub fn give(&self, task: Task) -> bool {
        self.tasks.try_send(task).is_ok()
    }

    /// What has been done. To be asked when [`Worker::wakes`] is readable.
    pub fn results(&self) -> Vec<Happening> {
        let mut rung = [0; 16];
        let _ = sys::handle::read(&self.wakes, &mut rung);
        self.results.try_iter().collect()
    }

    pub fn wakes(&self) -> BorrowedFd<'_> {
        self.wakes.as_fd()
    }
}

fn work(todo: &Receiver<Task>, done: &SyncSender<Happening>, rings: &OwnedFd) {
    sys::thread::lower();
    // It may be whole and wait for its name.
    let mut last = None;
    // Both ends of the channels go with the loop that has given the tasks.
    while let Ok(task) = todo.recv() {
        let happening = match task {
            Task::Compress { log, from, inode } => {
                let temp = unfinished_path(&log);
                let result = compress(&from, &temp, inode);
                if result.is_err() {
                    let _ = place::remove(Path::new(&temp));
                }
                last = Some(temp);
                Happening::Compressed { log, inode, result }
            }
            Task::Survey { files, home } => {
                let logs = survey(&files, home, last.as_deref());
                Happening::Surveyed { logs, elsewhere: 0 }
            }
        };
        if done.send(happening).is_err() {
            return;
        }
        let _ = sys::handle::write(rings, b"x");
    }
}

/// Compresses a file that must be this one into another, which is on the disk when it returns.
fn compress(from: &str, to: &str, inode: u64) -> Result<(), Cause> {
    let of = |error: io::Error| cause(&error);
    let (source, size) = LogHandle::open(Path::new(from), false).map_err(Cause)?.ok_or(Cause("ESTALE"))?;
    if source.inode() != inode {
        return Err(Cause("ESTALE"));
    }
    let written = source.file().metadata().and_then(|seen| seen.modified()).map_err(of)?;
    let (target, _) = LogHandle::open(Path::new(to), true).map_err(Cause)?.ok_or(Cause("ENOENT"))?;
    target.file().set_len(0).map_err(of)?;
    let mut encoder = GzEncoder::new(target.file(), Compression::default());
    let copied = copy(source.file(), &mut encoder).map_err(of)?;
    encoder.finish().map_err(of)?;
    // Who still writes it after it was rotated has it open, and what comes next would be lost with the plain file.
    let after = source.file().metadata().map_err(of)?;
    if copied != size || after.size() != size || after.modified().map_err(of)? != written {
        return Err(Cause("EBUSY"));
    }
    target.file().set_times(FileTimes::new().set_modified(written)).map_err(of)?;
    target.file().sync_all().map_err(of)
}

fn copy(mut from: &File, to: &mut impl io::Write) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut copied = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(count) => {
                to.write_all(&buffer[..count])?;
                copied += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Counts these log files, and those in the home's own folder, of which nobody may have told since their apps are stopped. There it also
/// removes what a scribe that was killed has left half compressed, except for `ours`.
fn survey(files: &[String], home: bool, ours: Option<&str>) -> Vec<Tally> {
    let mut logs: BTreeSet<String> = files.iter().cloned().collect();
    if home {
        logs.extend(own_logs(ours));
    }
    logs.into_iter().map(tally).collect()
}

/// The logs of the home's folder, by the names of their files.
fn own_logs(ours: Option<&str>) -> Vec<String> {
    let Ok(folder) = std::fs::read_dir("logs") else { return Vec::new() };
    let paths = folder.flatten().filter_map(|entry| Some(format!("logs/{}", entry.file_name().to_str()?)));
    let log_of = |path: String| {
        if path.ends_with(".1.gz.tmp") && ours != Some(path.as_str()) {
            let _ = std::fs::remove_file(&path);
        }
        base_of(&path).map(str::to_owned)
    };
    paths.filter_map(log_of).collect()
}

/// The log file that a file beside it belongs to: `x.log.3.gz` → `x.log`.
fn base_of(name: &str) -> Option<&str> {
    let name = name.strip_suffix(".idx").or_else(|| name.strip_suffix(".gz")).unwrap_or(name);
    let base = match name.rsplit_once('.') {
        Some((base, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => name,
    };
    base.ends_with(".log").then_some(base)
}

fn tally(log: String) -> Tally {
    let bytes = |path: &str| std::fs::symlink_metadata(path).map_or(0, |seen| seen.len());
    let mut sizes = Vec::new();
    let places = crate::core::siblings(|n| {
        let (sibling, size) = look(&log, n);
        sizes.push(size);
        sibling
    });
    let found = places.iter().zip(sizes).enumerate().filter(|(_, (sibling, _))| sibling.is_taken());
    let piece = |(at, (sibling, size)): (usize, (&Sibling, u64))| Piece {
        inode: sibling.inode,
        bytes: size + bytes(&index_path(&rotated_path(&log, at + 1))),
    };
    let rotated: Vec<Piece> = found.map(piece).collect();
    Tally { current: bytes(&log) + bytes(&index_path(&log)), rotated, log }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_tell_their_log() {
        for (name, base) in [
            ("a.log", Some("a.log")),
            ("a.log.idx", Some("a.log")),
            ("a.log.3", Some("a.log")),
            ("a.log.3.gz", Some("a.log")),
            ("a.log.3.idx", Some("a.log")),
            ("a.log.1.gz.tmp", None),
            ("a.1.log", Some("a.1.log")),
            ("a.txt", None),
            ("a.log.", None),
        ] {
            assert_eq!(base_of(name), base, "{name}");
        }
    }

    #[test]
    fn what_is_compressed_reads_back_and_keeps_its_time() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = |name: &str| folder.path().join(name).to_str().expect("utf-8").to_owned();
        let (from, to) = (path("a.log.1"), path("a.log.1.gz.tmp"));
        let text: Vec<u8> = (0..300_000u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        std::fs::write(&from, &text).expect("write");
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_234_567);
        File::options().write(true).open(&from).and_then(|file| file.set_modified(time)).expect("time");
        let inode = std::fs::metadata(&from).expect("there").ino();
        assert_eq!(compress(&from, &to, inode + 1), Err(Cause("ESTALE")));
        assert_eq!(compress(&path("none"), &to, inode), Err(Cause("ESTALE")));
        // What an earlier one has left is no hindrance.
        std::fs::write(&to, vec![7; 1 << 20]).expect("write");
        assert_eq!(compress(&from, &to, inode), Ok(()));
        let mut back = Vec::new();
        flate2::read::GzDecoder::new(File::open(&to).expect("there")).read_to_end(&mut back).expect("whole");
        assert!(back == text, "{} bytes", back.len());
        let seen = std::fs::metadata(&to).expect("there");
        assert_eq!((seen.modified().expect("a time"), seen.len() < text.len() as u64 / 3), (time, true));
    }
}
