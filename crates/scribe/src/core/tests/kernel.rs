//! What a kernel does with the effects.

use super::world::{Opened, World};
use crate::core::*;
use model::beside::index_path;
use model::{INDEX_RECORD_BYTES, IndexRecord};

impl World {
    /// A kill in the middle of an effect.
    pub(super) fn tear(&mut self, effect: Effect) {
        match effect {
            Effect::Splice { stream, file, at, len } if self.torn > 0 => {
                self.perform(Effect::Splice { stream, file, at, len: len.min(self.torn) });
            }
            Effect::Form { .. } if self.torn > 0 => _ = self.lay(effect, self.torn),
            _ => {}
        }
    }

    /// Writes lines; when there is room for so many bytes only, we were killed before anything was consumed.
    fn lay(&mut self, effect: Effect, room_left: u64) -> Answer {
        let Effect::Form { stream, file, at, keep, len, room, rest, wall, lead } = effect else { panic!("{effect:?}") };
        let path = self.streams[&stream].path.clone();
        let fifo = self.fifos.get_mut(&path).expect("a fifo");
        let mut out = Vec::new();
        let bytes: Vec<u8> = fifo.bytes.iter().copied().skip(keep.unwrap_or(0) as usize).take(len as usize).collect();
        assert_eq!(bytes.len() as u64, len, "what was peeked is still there");
        let laid = lay(lead.as_deref(), &bytes, rest, wall, room, &mut out);
        assert!(laid.taken > 0, "a turn moves something");
        let written = out.len().min(room_left as usize);
        if room_left == u64::MAX && keep.is_none() {
            fifo.bytes.drain(..laid.taken);
        }
        self.write(file, at, &out[..written]);
        Answer::Formed { taken: laid.taken as u64, written: written as u64, part: laid.part }
    }

    pub(super) fn perform(&mut self, effect: Effect) -> Option<Answer> {
        let words = format!("{effect:?}");
        let first = words.split([' ', '(']).next().unwrap_or_default().to_owned();
        self.done.push(words);
        if let Some(cause) = self.faults.get(first.as_str()) {
            return Some(Answer::Failed(*cause));
        }
        if let Effect::Form { file, .. } | Effect::Put { file, .. } | Effect::PutNewline { file, .. } = &effect
            && self.full.is_some_and(|full| full == self.logs[file].0)
        {
            return Some(Answer::Failed(Cause("ENOSPC")));
        }
        Some(match effect {
            Effect::OpenFifo { stream, path } => match self.fifos.get(&path) {
                Some(fifo) => {
                    let tells_hangup = fifo.writers > 0;
                    self.streams.insert(stream, Opened { path, interest: Interest::Level, news: false, tells_hangup });
                    Answer::Fifo { capacity: TURN_BYTES }
                }
                None => Answer::Missing,
            },
            Effect::CloseFifo { stream } => {
                self.streams.remove(&stream).expect("open");
                return None;
            }
            Effect::Watch { stream, interest } => {
                let opened = self.streams.get_mut(&stream).expect("open");
                opened.interest = interest;
                // Setting it anew reports what is there.
                opened.news = true;
                return None;
            }
            Effect::Peek { stream, skip, budget } => {
                let fifo = &self.fifos[&self.streams[&stream].path];
                let bytes: Vec<u8> = fifo.bytes.iter().copied().take(TURN_BYTES as usize).collect();
                let news = &bytes[bytes.len().min(skip as usize)..];
                if news.is_empty() && !bytes.is_empty() {
                    return Some(Answer::Empty);
                }
                self.or_empty(stream, !news.is_empty(), |_| Answer::Peeked(Cut::of(news, budget)))
            }
            Effect::Splice { stream, file, at, len } | Effect::Copy { stream, file, at, len } => {
                let path = self.streams[&stream].path.clone();
                let has = !self.fifos[&path].bytes.is_empty();
                self.or_empty(stream, has, |world| {
                    let fifo = world.fifos.get_mut(&path).expect("a fifo");
                    let count = (len as usize).min(fifo.bytes.len());
                    let bytes: Vec<u8> = fifo.bytes.drain(..count).collect();
                    world.write(file, at, &bytes);
                    Answer::Moved(count as u64)
                })
            }
            Effect::Form { .. } => self.lay(effect, u64::MAX),
            Effect::Writers { stream } => {
                let opened = self.streams.get_mut(&stream).expect("open");
                // A writer has come and gone.
                opened.tells_hangup = true;
                let fifo = &self.fifos[&opened.path];
                match (fifo.writers, fifo.bytes.len() as u64 + 4096 > TURN_BYTES) {
                    (0, _) => Answer::End,
                    (_, true) => Answer::Full,
                    (_, false) => Answer::Empty,
                }
            }
            Effect::Discard { stream, len } => {
                let path = self.streams[&stream].path.clone();
                let has = !self.fifos[&path].bytes.is_empty();
                self.or_empty(stream, has, |world| {
                    let fifo = world.fifos.get_mut(&path).expect("a fifo");
                    let count = (len as usize).min(fifo.bytes.len());
                    fifo.bytes.drain(..count);
                    Answer::Moved(count as u64)
                })
            }
            Effect::OpenLog { file, path, create } => {
                if !create && !self.names.contains_key(&path) {
                    return Some(Answer::Missing);
                }
                assert!(self.logs.len() < self.most_open, "so many files may be open");
                let inode = self.make(&path);
                self.logs.insert(file, (path, inode));
                Answer::Log { size: self.inodes[&inode].len() as u64 }
            }
            Effect::OpenIndex { file } => {
                let inode = self.make(&index_path(&self.logs[&file].0.clone()));
                let bytes = &self.inodes[&inode];
                Answer::Index {
                    last: bytes.len().checked_sub(INDEX_RECORD_BYTES).and_then(|at| IndexRecord::decode(&bytes[at..])),
                }
            }
            Effect::CloseLog { file } => {
                self.logs.remove(&file).expect("open");
                return None;
            }
            Effect::Stat { file } => {
                let (path, inode) = &self.logs[&file];
                match self.names.get(path) == Some(inode) {
                    true => Answer::Size(self.inodes[inode].len() as u64),
                    false => Answer::Missing,
                }
            }
            Effect::LastByte { file, size } => Answer::Tail(self.inodes[&self.logs[&file].1][size as usize - 1]),
            Effect::PutNewline { file, at } => {
                self.write(file, at, b"\n");
                Answer::Done
            }
            Effect::Put { file, at, line } => {
                self.write(file, at, &line);
                Answer::Done
            }
            Effect::Beside { path } => Answer::Beside(self.names.keys().filter(|name| is_beside(&path, name)).cloned().collect()),
            Effect::Truncate { path } => {
                if let Some(inode) = self.names.get(&path) {
                    self.inodes.get_mut(inode).expect("made").clear();
                }
                Answer::Done
            }
            Effect::AppendIndex { file, record } => {
                let inode = self.make(&index_path(&self.logs[&file].0.clone()));
                self.inodes.get_mut(&inode).expect("made").extend(record.encode());
                Answer::Done
            }
            Effect::ResetIndex { file } => {
                let inode = self.make(&index_path(&self.logs[&file].0.clone()));
                self.inodes.get_mut(&inode).expect("made").clear();
                Answer::Done
            }
            Effect::Siblings { path } => Answer::Siblings(siblings(|n| self.sibling(&path, n))),
            Effect::Begun { file } => {
                let first = self.index(&self.logs[&file].0).first().copied().filter(|first| first.offset == 0);
                first.map_or(Answer::Failed(Cause("ENODATA")), |first| Answer::Begun(first.wall))
            }
            Effect::Compress { .. } | Effect::Survey { .. } => {
                self.begin_background(effect);
                return None;
            }
            Effect::Rename { from, to } => match self.names.remove(&from) {
                Some(inode) => {
                    self.names.insert(to, inode);
                    Answer::Done
                }
                None => Answer::Failed(Cause("ENOENT")),
            },
            Effect::Remove { path } => {
                self.names.remove(&path);
                Answer::Done
            }
            Effect::Send(message) => {
                if self.link_room == 0 {
                    return Some(Answer::Full);
                }
                self.link_room -= 1;
                self.heard.push(message);
                Answer::Done
            }
            Effect::WatchLink { .. } | Effect::HelloKeeper | Effect::Rescue => return None,
            Effect::Exit => {
                self.exited = true;
                return None;
            }
        })
    }

    fn or_empty(&mut self, stream: StreamKey, has: bool, then: impl FnOnce(&mut World) -> Answer) -> Answer {
        match has {
            true => then(self),
            false if self.fifos[&self.streams[&stream].path].writers > 0 => Answer::Empty,
            false => Answer::End,
        }
    }

    pub(super) fn make(&mut self, path: &str) -> u64 {
        if let Some(inode) = self.names.get(path) {
            return *inode;
        }
        self.next_inode += 1;
        self.names.insert(path.to_owned(), self.next_inode);
        self.inodes.insert(self.next_inode, Vec::new());
        self.next_inode
    }

    fn write(&mut self, file: FileKey, at: u64, bytes: &[u8]) {
        let data = self.inodes.get_mut(&self.logs[&file].1).expect("open");
        assert_eq!(at, data.len() as u64, "every write is at the end");
        data.extend(bytes);
        self.written.insert(self.logs[&file].1, self.now.wall);
    }
}
