//! Effects made real.

use super::forms::{Fifo, Forms};
use super::lanes::Lanes;
use super::logs::{Log, beside, cause, siblings};
use super::run::{STREAMS, WORKER};
use super::worker::{Task, Worker};
use crate::core::{Answer, Cause, Cut, Effect, Interest, StreamKey, TURN_BYTES, lay};
use model::FromScribe;
use std::io::{self, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use sys::lock::RoleLock;
use sys::place;
use sys::poll::{self, Poller};
use sys::stream::{self, Flow, LogHandle, Scratch};

/// Everything that the scribe holds of the outer world.
#[derive(Debug)]
pub(super) struct Hands {
    pub home: PathBuf,
    /// Asked for at start; `None` = there was no `/proc`, and no rescue is possible.
    pub keeper_exe: Option<PathBuf>,
    pub poller: Poller,
    /// `None` = a lane, which knows nobody but the main loop.
    pub keeper: Option<OwnedFd>,
    pub link: OwnedFd,
    pub scratch: Scratch,
    pub forms: Forms,
    pub worker: Option<Worker>,
    /// The other loops; `None` = this is one of them.
    pub lanes: Option<Lanes>,
    /// Whether the home's own folder for logs is ours to count.
    pub own_logs: bool,
    /// The core waits for room in the link.
    pub core_waits: bool,
    /// The poller tells of room in the link.
    pub link_watched: bool,
    pub lock: Option<RoleLock>,
    pub fifos: Vec<Option<Fifo>>,
    pub logs: Vec<Option<Log>>,
}

pub(super) const EBADF: Cause = Cause("EBADF");

impl Hands {
    /// The hands of a loop that has nothing but its link.
    pub fn new(home: PathBuf, poller: Poller, link: OwnedFd) -> io::Result<Hands> {
        Ok(Hands {
            home,
            keeper_exe: None,
            poller,
            keeper: None,
            link,
            scratch: Scratch::new()?,
            forms: Forms::default(),
            worker: None,
            lanes: None,
            own_logs: false,
            core_waits: false,
            link_watched: false,
            lock: None,
            fifos: Vec::new(),
            logs: Vec::new(),
        })
    }

    /// Performs one effect; the answer, for those that ask.
    pub fn perform(&mut self, effect: Effect) -> Option<Answer> {
        match effect {
            Effect::OpenFifo { stream, path } => Some(self.open_fifo(stream, &path)),
            Effect::CloseFifo { stream } => {
                // Ours is the only descriptor of this open file, so the poller forgets it too.
                if let Some(place) = self.fifos.get_mut(stream.0 as usize) {
                    *place = None;
                }
                None
            }
            Effect::Watch { stream, interest } => {
                if let Some(fifo) = self.fifos.get(stream.0 as usize).and_then(Option::as_ref).map(|fifo| &fifo.end) {
                    let changed = match interest {
                        // A hang-up is told even to who asks for nothing, so the stream has to leave.
                        Interest::Off => self.poller.remove(fifo),
                        Interest::Level | Interest::Edge => watch(&self.poller, fifo, stream, interest),
                    };
                    complain("failed to change the watch of a stream", changed);
                }
                None
            }
            Effect::Peek { stream, skip, budget } => Some(answer(self.peek(stream, skip, budget))),
            Effect::Splice { stream, file, at, len } => {
                Some(answer(self.with_both(stream, file.0, |fifo, log, _| stream::splice(fifo, log.handle.file(), at, len))))
            }
            Effect::Copy { stream, file, at, len } => {
                Some(answer(self.with_both(stream, file.0, |fifo, log, scratch| scratch.copy(fifo, log.handle.file(), at, len))))
            }
            Effect::Form { stream, file, at, keep, len, room, rest, wall, lead } => {
                Some(answer(self.form(stream, file.0, at, keep, |bytes, out| {
                    let len = usize::try_from(len).unwrap_or(bytes.len()).min(bytes.len());
                    (len, lay(lead.as_deref(), &bytes[..len], rest, wall, room, out))
                })))
            }
            Effect::Writers { stream } => Some(answer(self.fifo(stream).and_then(Fifo::writers))),
            Effect::Discard { stream, len } => Some(answer(self.discard(stream, len))),
            Effect::OpenLog { file, path, create } => Some(match LogHandle::open(Path::new(&path), create) {
                Ok(Some((handle, size))) => {
                    put(&mut self.logs, file.0, Log::new(handle));
                    Answer::Log { size }
                }
                Ok(None) => Answer::Missing,
                Err(word) => Answer::Failed(Cause(word)),
            }),
            Effect::OpenIndex { file } => {
                Some(answer(self.log(file.0).and_then(Log::open_index).map(|last| Answer::Index { last })))
            }
            Effect::CloseLog { file } => {
                if let Some(place) = self.logs.get_mut(file.0 as usize) {
                    *place = None;
                }
                None
            }
            Effect::Stat { file } => {
                let size = self.log(file.0).and_then(|log| log.handle.size().map_err(Cause));
                Some(answer(size.map(|size| size.map_or(Answer::Missing, Answer::Size))))
            }
            Effect::LastByte { file, size } => {
                Some(answer(self.log(file.0).and_then(|log| log.last_byte(size)).map(Answer::Tail)))
            }
            Effect::PutNewline { file, at } => Some(done(self.log(file.0).and_then(|log| log.put_newline(at)))),
            Effect::Put { file, at, line } => Some(done(self.log(file.0).and_then(|log| log.put(at, &line)))),
            Effect::AppendIndex { file, record } => Some(done(self.log(file.0).and_then(|log| log.append(&record)))),
            Effect::ResetIndex { file } => Some(done(self.log(file.0).and_then(Log::reset_index))),
            Effect::Begun { file } => Some(answer(self.log(file.0).and_then(|log| log.begun()).map(Answer::Begun))),
            Effect::Compress { log, from, inode } => {
                self.give(Task::Compress { log, from, inode });
                None
            }
            Effect::Survey { files } => {
                self.give(Task::Survey { files, home: self.own_logs });
                None
            }
            Effect::Siblings { path } => Some(Answer::Siblings(siblings(&path))),
            Effect::Rename { from, to } => Some(done(place::rename(Path::new(&from), Path::new(&to)).map_err(Cause))),
            Effect::Remove { path } => Some(done(place::remove(Path::new(&path)).map_err(Cause))),
            Effect::Beside { path } => Some(match beside(&path) {
                Ok(paths) => Answer::Beside(paths),
                Err(error) => Answer::Failed(cause(&error)),
            }),
            Effect::Truncate { path } => Some(match stream::truncate(Path::new(&path)) {
                Ok(()) | Err("ENOENT") => Answer::Done,
                Err(word) => Answer::Failed(Cause(word)),
            }),
            Effect::Send(message) => Some(self.send(&message)),
            Effect::WatchLink { writable } => {
                self.core_waits = writable;
                self.watch_link();
                None
            }
            Effect::HelloKeeper => {
                // Two lines into an empty socket: it has room, or nobody is there.
                if let Some(Err(word)) = self.keeper.as_ref().map(|keeper| stream::send(keeper, b"dialect\t2\nhello\n")) {
                    log_line(&format!("failed to greet the keeper: {word}"));
                }
                None
            }
            Effect::Rescue => {
                rescue(self.keeper_exe.as_deref(), &self.home);
                None
            }
            Effect::Exit => None,
        }
    }

    /// Gives the background something to do; the thread is there from the first time on. If there can be none, the core waits for an
    /// answer that never comes: nothing is compressed or counted, and logs go on.
    fn give(&mut self, task: Task) {
        if self.worker.is_none() {
            let started = Worker::start().and_then(|worker| {
                self.poller.add(worker.wakes(), WORKER, poll::Interest { read: true, ..poll::Interest::default() })?;
                Ok(worker)
            });
            match started {
                Ok(worker) => self.worker = Some(worker),
                Err(error) => log_line(&format!("failed to start a thread that compresses: {error}")),
            }
        }
        if !self.worker.as_ref().is_some_and(|worker| worker.give(task)) {
            log_line("the thread that compresses takes nothing");
        }
    }

    fn open_fifo(&mut self, stream: StreamKey, path: &str) -> Answer {
        let (fifo, capacity) = match stream::open_fifo(Path::new(path)) {
            Ok(Some(found)) => found,
            Ok(None) => return Answer::Missing,
            Err(word) => return Answer::Failed(Cause(word)),
        };
        if let Err(error) = watch(&self.poller, &fifo, stream, Interest::Level) {
            return Answer::Failed(cause(&error));
        }
        put(&mut self.fifos, stream.0, Fifo { end: fifo, path: path.into() });
        Answer::Fifo { capacity }
    }

    fn peek(&mut self, stream: StreamKey, skip: u64, budget: u64) -> Result<Answer, Cause> {
        let fifo = &self.fifos.get(stream.0 as usize).and_then(Option::as_ref).ok_or(EBADF)?.end;
        self.forms.peeked = None;
        Ok(match self.scratch.peek(fifo, TURN_BYTES).map_err(Cause)? {
            Flow::Bytes(count) if count as u64 <= skip => Answer::Empty,
            Flow::Bytes(count) => {
                self.forms.peeked = Some((stream, count));
                Answer::Peeked(Cut::of(&self.scratch.seen(count)[skip as usize..], budget))
            }
            Flow::Empty => Answer::Empty,
            Flow::End => Answer::End,
        })
    }

    fn with_both(
        &mut self,
        stream: StreamKey,
        file: u32,
        act: impl FnOnce(&OwnedFd, &Log, &mut Scratch) -> Result<Flow, stream::Word>,
    ) -> Result<Answer, Cause> {
        let fifo = &self.fifos.get(stream.0 as usize).and_then(Option::as_ref).ok_or(EBADF)?.end;
        let log = self.logs.get(file as usize).and_then(Option::as_ref).ok_or(EBADF)?;
        Ok(match act(fifo, log, &mut self.scratch).map_err(Cause)? {
            Flow::Bytes(count) => Answer::Moved(count as u64),
            Flow::Empty => Answer::Empty,
            Flow::End => Answer::End,
        })
    }

    fn fifo(&self, stream: StreamKey) -> Result<&Fifo, Cause> {
        self.fifos.get(stream.0 as usize).and_then(Option::as_ref).ok_or(EBADF)
    }

    fn log(&mut self, file: u32) -> Result<&mut Log, Cause> {
        self.logs.get_mut(file as usize).and_then(Option::as_mut).ok_or(EBADF)
    }

    fn send(&mut self, message: &FromScribe) -> Answer {
        if let (FromScribe::Did { ask, failed }, Some(lanes)) = (message, self.lanes.as_mut())
            && !lanes.home_did(*ask, failed)
        {
            self.lanes_go_on();
            return Answer::Done;
        }
        let Ok(text) = serde_json::to_vec(message) else { return Answer::Done };
        match stream::send(&self.link, &text) {
            Ok(true) => Answer::Done,
            Ok(false) => Answer::Full,
            Err(word) => Answer::Failed(Cause(word)),
        }
    }
}

/// The house is to stay stopped when it says so; otherwise it must not stay without a keeper.
pub(super) fn rescue(keeper_exe: Option<&Path>, home: &Path) {
    if Path::new("stopped").exists() {
        return;
    }
    let started = match keeper_exe {
        Some(exe) => sys::daemon::rescue(exe, home),
        None => Err(io::Error::from(ErrorKind::NotFound)),
    };
    complain("failed to start a new keeper", started);
}

fn watch(poller: &Poller, fifo: &OwnedFd, stream: StreamKey, interest: Interest) -> io::Result<()> {
    let key = STREAMS + u64::from(stream.0);
    let interest = poll::Interest { read: true, write: false, edge: interest == Interest::Edge };
    // A stream that was off has left the poller.
    poller.change(fifo, key, interest).or_else(|_| poller.add(fifo, key, interest))
}

fn put<T>(places: &mut Vec<Option<T>>, key: u32, value: T) {
    let at = key as usize;
    if places.len() <= at {
        places.resize_with(at + 1, || None);
    }
    places[at] = Some(value);
}

fn answer(result: Result<Answer, Cause>) -> Answer {
    result.unwrap_or_else(Answer::Failed)
}

fn done(result: Result<(), Cause>) -> Answer {
    answer(result.map(|()| Answer::Done))
}

pub(super) fn complain(what: &str, result: io::Result<()>) {
    if let Err(error) = result {
        log_line(&format!("{what}: {error}"));
    }
}

/// A line on standard error; when nobody takes it, nothing is lost that could be helped.
pub(super) fn log_line(text: &str) {
    let _ = writeln!(io::stderr(), "abide-scribe: {text}");
}
