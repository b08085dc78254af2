//! What the steward is told, and what happens when it does not listen: flags are kept, hints are dropped, nothing blocks or grows.

use super::effect::{Answer, Cause, Effect, FileKey, Now, StreamKey};
use super::file::GREW_EVERY;
use super::state::{Core, Due, Job};
use super::stream::Facts;
use model::{FromScribe, StreamId};
use std::collections::VecDeque;

/// The queue to the steward: each stream and file stands in it at most once.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub queue: VecDeque<Note>,
    /// The link had no room; we are told when it has.
    pub full: bool,
    /// Nobody listens any more.
    pub gone: bool,
    pub hello: Option<u32>,
    /// What has been done, oldest first.
    pub done: VecDeque<Done>,
    /// Rotated files that were removed for want of room, not yet told.
    pub removed: VecDeque<(String, u64)>,
}

/// An entry in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Note {
    Hello,
    Stream(StreamKey),
    Grew(FileKey),
    Done,
    Removed,
}

/// What was asked for, and the path and error that were in its way.
pub(crate) type Done = (u64, Option<(String, Cause)>);

/// What a message said, to be ticked off when it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Hello,
    Opened(StreamKey),
    Trouble(StreamKey),
    Dropped(StreamKey),
    Resumed(StreamKey),
    Sealed(StreamKey, StreamId),
    Grew(FileKey),
    Done,
    Removed,
}

/// Removed files that are kept to be told; of more, the oldest are not.
const REMOVED_KEPT: usize = 256;

/// Sealed streams whose facts are kept for a repeated `Open`.
pub(crate) const RETIRED_KEPT: usize = 256;
/// Answers that are kept while nobody listens; who has more questions open than that has forgotten the first.
const DONE_KEPT: usize = 64;

impl Core {
    pub(crate) fn say_hello(&mut self, pid: u32) {
        self.outbox.hello = Some(pid);
        self.outbox.queue.push_front(Note::Hello);
    }

    pub(crate) fn say_done(&mut self, done: Done) {
        if self.outbox.done.is_empty() {
            self.outbox.queue.push_back(Note::Done);
        } else if self.outbox.done.len() == DONE_KEPT {
            self.outbox.done.pop_front();
        }
        self.outbox.done.push_back(done);
    }

    pub(crate) fn say_removed(&mut self, file: String, bytes: u64) {
        if self.outbox.removed.len() == REMOVED_KEPT {
            self.outbox.removed.pop_front();
        }
        self.outbox.removed.push_back((file, bytes));
        if !self.outbox.queue.contains(&Note::Removed) {
            self.outbox.queue.push_back(Note::Removed);
        }
    }

    /// Puts a stream with something to say into the queue.
    pub(crate) fn note(&mut self, key: StreamKey) {
        let Some(stream) = self.streams.get_mut(key.0) else { return };
        if !stream.noted && !stream.notes.is_empty() {
            stream.noted = true;
            self.outbox.queue.push_back(Note::Stream(key));
        }
    }

    pub(crate) fn say_trouble(&mut self, key: StreamKey, path: String, cause: Cause, now: Now) {
        let Some(stream) = self.streams.get_mut(key.0) else { return };
        if stream.trouble_is_news(cause, now) {
            stream.in_trouble = true;
            stream.notes.resumed = false;
            stream.notes.trouble = Some((path, cause));
            self.note(key);
        }
    }

    pub(crate) fn say_resumed(&mut self, key: StreamKey) {
        let Some(stream) = self.streams.get_mut(key.0) else { return };
        let twin = stream.twin;
        if std::mem::take(&mut stream.in_trouble) {
            stream.notes.trouble = None;
            // Of a pair, the last one says it.
            stream.notes.resumed = true;
            if twin.and_then(|twin| self.streams.get(twin.0)).is_some_and(|twin| twin.in_trouble) {
                self.with_stream(key, |stream| stream.notes.resumed = false);
            }
            self.note(key);
        }
    }

    /// Hints that a file grew, at most every [`GREW_EVERY`]; the last growth is always hinted, if need be a little later.
    pub(crate) fn hint_grew(&mut self, key: FileKey, now: Now) {
        if !self.watched {
            return;
        }
        let Some(file) = self.files.get_mut(key.0) else { return };
        let next = file.grew_at.map(|at| at + GREW_EVERY);
        match next {
            Some(next) if now.tick < next => {
                if file.grew_due.is_none() {
                    file.grew_due = Some(next);
                    self.dues.insert((next, Due::Grew(key)));
                }
            }
            _ => {
                file.grew_at = Some(now.tick);
                if !file.grew_noted {
                    file.grew_noted = true;
                    self.outbox.queue.push_back(Note::Grew(key));
                }
            }
        }
    }

    /// Begins to send the next message. False when there is none, or no room.
    pub(crate) fn send_next(&mut self, out: &mut Vec<Effect>) -> bool {
        if self.outbox.full || self.outbox.gone {
            return false;
        }
        while let Some(note) = self.outbox.queue.front().copied() {
            if let Some((message, said)) = self.compose(note) {
                self.job = Job::Sending(said);
                out.push(Effect::Send(message));
                return true;
            }
            self.outbox.queue.pop_front();
            if let Note::Stream(key) = note
                && let Some(stream) = self.streams.get_mut(key.0)
            {
                stream.noted = false;
            }
        }
        false
    }

    fn compose(&mut self, note: Note) -> Option<(FromScribe, Said)> {
        match note {
            Note::Removed => {
                let (file, bytes) = self.outbox.removed.front().cloned()?;
                Some((FromScribe::Removed { file, bytes }, Said::Removed))
            }
            Note::Hello => self.outbox.hello.map(|pid| (FromScribe::Hello { pid }, Said::Hello)),
            Note::Grew(key) => {
                let file = self.files.get(key.0).filter(|file| file.grew_noted)?;
                Some((FromScribe::Grew { file: file.path.clone(), size: file.size }, Said::Grew(key)))
            }
            Note::Done => {
                let (ask, failed) = self.outbox.done.front()?;
                let failed = failed.as_ref().map(|(path, cause)| (path.clone(), cause.0.to_owned()));
                Some((FromScribe::Did { ask: *ask, failed }, Said::Done))
            }
            Note::Stream(key) => {
                let stream = self.streams.get(key.0).filter(|stream| stream.noted)?;
                let id = stream.id;
                if stream.notes.opened {
                    Some((FromScribe::Opened { id }, Said::Opened(key)))
                } else if let Some((path, cause)) = &stream.notes.trouble {
                    let errno = cause.0.to_owned();
                    Some((FromScribe::Trouble { id, path: path.clone(), errno }, Said::Trouble(key)))
                } else if let Some((bytes, cause)) = stream.notes.dropped {
                    Some((FromScribe::Dropped { id, bytes, errno: cause.0.to_owned() }, Said::Dropped(key)))
                } else if stream.notes.resumed {
                    Some((FromScribe::Resumed { id }, Said::Resumed(key)))
                } else if let Some(facts) = stream.sealed.filter(|_| stream.notes.sealed) {
                    let Facts { size, bytes, partial, dropped } = facts;
                    let message = FromScribe::Sealed { id, size, bytes, partial, dropped };
                    Some((message, Said::Sealed(key, id)))
                } else {
                    None
                }
            }
        }
    }

    pub(crate) fn sent(&mut self, said: Said, answer: Answer, out: &mut Vec<Effect>) {
        match answer {
            Answer::Full => {
                if let Said::Grew(key) = said {
                    // A hint is not worth waiting for.
                    self.outbox.queue.pop_front();
                    self.tick_off_grew(key);
                }
                self.outbox.full = true;
                out.push(Effect::WatchLink { writable: true });
            }
            Answer::Failed(_) => self.outbox.gone = true,
            _ => self.tick_off(said),
        }
    }

    fn tick_off(&mut self, said: Said) {
        match said {
            Said::Hello => self.outbox.hello = None,
            Said::Done => _ = self.outbox.done.pop_front(),
            Said::Removed => drop(self.outbox.removed.pop_front()),
            Said::Grew(key) => self.tick_off_grew(key),
            Said::Opened(key) => self.with_notes(key, |notes| notes.opened = false),
            Said::Trouble(key) => self.with_notes(key, |notes| notes.trouble = None),
            Said::Dropped(key) => self.with_notes(key, |notes| notes.dropped = None),
            Said::Resumed(key) => self.with_notes(key, |notes| notes.resumed = false),
            Said::Sealed(key, id) => {
                self.with_notes(key, |notes| notes.sealed = false);
                self.retire(id);
            }
        }
    }

    fn tick_off_grew(&mut self, key: FileKey) {
        if let Some(file) = self.files.get_mut(key.0) {
            file.grew_noted = false;
        }
    }

    fn with_notes(&mut self, key: StreamKey, change: impl FnOnce(&mut super::stream::Notes)) {
        if let Some(stream) = self.streams.get_mut(key.0) {
            change(&mut stream.notes);
        }
    }

    /// Keeps the facts of a sealed stream among the last few.
    fn retire(&mut self, id: StreamId) {
        if !self.retired.contains(&id) {
            self.retired.push_back(id);
        }
        while self.retired.len() > RETIRED_KEPT {
            if let Some(id) = self.retired.pop_front() {
                self.forget(id);
            }
        }
    }
}
