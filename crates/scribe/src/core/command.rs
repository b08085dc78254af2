//! What the steward says. Everything may be said twice.

use super::effect::{Effect, FileKey, Now, StreamKey};
use super::file::LogFile;
use super::outbox::Note;
use super::state::{Core, Due};
use super::stream::Stream;
use model::{LogForm, LogPolicy, StreamId, ToScribe};

impl Core {
    pub(crate) fn command(&mut self, message: ToScribe, now: Now, out: &mut Vec<Effect>) {
        let told = self.care_hears(&message, now);
        match message {
            // `ended` asks for the one look that every `Open` brings anyway.
            ToScribe::Open { id, fifo, file, policy, form, born, .. } => self.open(id, fifo, (file, policy), &form, born, out),
            ToScribe::Born { id } => {
                for key in self.both(id) {
                    self.with_stream(key, |stream| stream.born = true);
                    self.try_soon(key);
                }
            }
            ToScribe::Ended { id } => {
                for key in self.both(id) {
                    self.try_soon(key);
                }
            }
            ToScribe::Close { id } => self.close(id, out),
            ToScribe::Policy { file, policy } => {
                if let Some(file) = self.by_path.get(&file).and_then(|key| self.files.get_mut(key.0)) {
                    file.policy = policy;
                }
            }
            ToScribe::Rotate { file } => self.want_rotation(&file),
            ToScribe::Watch { on } => self.watched = on,
            ToScribe::Reopen { ask } => self.reopen(ask, out),
            ToScribe::Clear { ask, file } => self.clear(ask, file, out),
            ToScribe::Budget { .. } => {}
            ToScribe::Finish => self.begin_finish(now),
        }
        for file in told {
            self.age_matters(&file, now);
        }
    }

    fn open(
        &mut self,
        id: StreamId,
        fifo: String,
        (path, policy): (String, LogPolicy),
        form: &LogForm,
        born: bool,
        out: &mut Vec<Effect>,
    ) {
        let Some(key) = self.by_id.get(&id).copied() else {
            let file = self.file_of(path.clone(), policy.clone());
            let key = StreamKey(self.streams.insert(Stream::new(id, fifo, file, form, born)));
            self.by_id.insert(id, key);
            self.join(key, file);
            self.try_soon(key);
            return self.pair(key, (path, policy), form, born, out);
        };
        if !self.is_over(key) {
            self.renew(key, (path.clone(), policy.clone()), form, born, out);
            self.pair(key, (path, policy), form, born, out);
        }
        self.say_sealed(key);
    }

    /// Says anew what is known of a stream that is not sealed.
    pub(crate) fn renew(
        &mut self,
        key: StreamKey,
        (path, policy): (String, LogPolicy),
        form: &LogForm,
        born: bool,
        out: &mut Vec<Effect>,
    ) {
        let Some(stream) = self.streams.get_mut(key.0).filter(|stream| stream.sealed.is_none()) else { return };
        stream.born |= born;
        stream.reform(form);
        stream.notes.opened |= stream.open && !stream.second;
        let old = stream.file;
        let file = self.file_of(path, policy);
        if file != old {
            self.leave(key, old, out);
            self.with_stream(key, |stream| stream.file = file);
            self.join(key, file);
        }
        self.note(key);
        self.try_soon(key);
    }

    fn close(&mut self, id: StreamId, out: &mut Vec<Effect>) {
        self.both(id).into_iter().for_each(|key| self.let_go(key, out));
        self.retired.retain(|other| *other != id);
        self.forget(id);
    }

    /// Closes what a stream has open.
    pub(crate) fn let_go(&mut self, key: StreamKey, out: &mut Vec<Effect>) {
        let Some(stream) = self.streams.get(key.0) else { return };
        let (open, file) = (stream.open, stream.file);
        if stream.sealed.is_none() {
            if open {
                out.push(Effect::CloseFifo { stream: key });
            }
            self.leave(key, file, out);
        }
    }

    /// Removes what is known of a stream.
    pub(crate) fn forget(&mut self, id: StreamId) {
        self.both(id).into_iter().for_each(|key| self.strike(key));
        self.by_id.remove(&id);
    }

    pub(crate) fn strike(&mut self, key: StreamKey) {
        self.set_due(key, None);
        self.tries.retain(|other| *other != key);
        self.outbox.queue.retain(|note| *note != Note::Stream(key));
        self.streams.remove(key.0);
    }

    /// The file of this path with this policy; known from now on.
    pub(crate) fn file_of(&mut self, path: String, policy: LogPolicy) -> FileKey {
        if let Some(key) = self.by_path.get(&path).copied() {
            if let Some(file) = self.files.get_mut(key.0) {
                file.policy = policy;
            }
            return key;
        }
        let key = FileKey(self.files.insert(LogFile::new(FileKey(0), path.clone(), policy)));
        if let Some(file) = self.files.get_mut(key.0) {
            file.key = key;
        }
        self.by_path.insert(path, key);
        key
    }

    pub(crate) fn join(&mut self, key: StreamKey, file: FileKey) {
        if let Some(file) = self.files.get_mut(file.0)
            && !file.writers.contains(&key)
        {
            file.writers.push(key);
        }
    }

    /// Takes a stream from its file's writers; a file without writers is closed and forgotten.
    pub(crate) fn leave(&mut self, key: StreamKey, file: FileKey, out: &mut Vec<Effect>) {
        let Some(log) = self.files.get_mut(file.0) else { return };
        log.writers.retain(|other| *other != key);
        if log.owner == super::file::Owner::Stream(key)
            && let Some(stream) = self.streams.get(key.0)
        {
            // The number may be given to another stream.
            log.owner = super::file::Owner::Life(stream.id);
        }
        if log.rotation_trouble == Some(key) {
            log.rotation_trouble = None;
        }
        if log.writers.is_empty() {
            self.close_log(file, out);
            if let Some(log) = self.files.remove(file.0) {
                let dues = [log.grew_due.map(|at| (at, Due::Grew(file))), log.age_due.map(|at| (at, Due::Age(file)))];
                self.dues.retain(|due| !dues.contains(&Some(*due)));
                self.outbox.queue.retain(|note| *note != Note::Grew(file));
                self.by_path.remove(&log.path);
            }
        }
    }

    pub(crate) fn close_log(&mut self, file: FileKey, out: &mut Vec<Effect>) {
        if let Some(log) = self.files.get_mut(file.0)
            && log.open
        {
            log.closed();
            self.open_files -= 1;
            out.push(Effect::CloseLog { file });
        }
    }

    /// A rotation by hand needs no bytes to begin, so one of the writers is given a turn.
    fn want_rotation(&mut self, path: &str) {
        let Some(file) = self.by_path.get(path).and_then(|key| self.files.get_mut(key.0)) else { return };
        file.rotate_wanted = true;
        file.no_rotation_before = None;
        let writer = file.writers.first().copied();
        if let Some(key) = writer {
            self.try_soon(key);
        }
    }

    pub(crate) fn with_stream(&mut self, key: StreamKey, change: impl FnOnce(&mut Stream)) {
        if let Some(stream) = self.streams.get_mut(key.0) {
            change(stream);
        }
    }
}
