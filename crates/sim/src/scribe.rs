//! The scribe's shell over the fake kernel, after the contract of `scribe::core`. One call does one thing.

mod writing;

use self::writing::Writing;
use crate::check::Sabotage;
use crate::kernel::{Ending, Flow, HandleId, Kernel, Message, Why};
use crate::trace::tell;
use model::beside::{index_path, rotated_path};
use model::{Tick, Wall};
use scribe::core::{Answer, Cause, Core, Cut, Effect, Happening, Interest, Now, Sibling, StreamKey, TURN_BYTES, siblings};
use std::collections::{BTreeMap, VecDeque};

/// A FIFO that is open, and what of it has been reported.
struct Open {
    handle: HandleId,
    interest: Interest,
    reported: Option<(u64, bool)>,
}

/// A scribe's process.
pub struct Scribe {
    pid: u32,
    keeper: HandleId,
    link: HandleId,
    role_lock: HandleId,
    core: Option<Core>,
    effects: VecDeque<Effect>,
    answer: Option<Answer>,
    writing: Option<Writing>,
    fifos: BTreeMap<u32, Open>,
    logs: BTreeMap<u32, (String, usize, Option<usize>)>,
    watches_link: bool,
    link_gone: bool,
    last: u32,
    /// It was asked to start a new keeper.
    pub rescues: bool,
}

impl Scribe {
    /// A process that has just executed.
    pub fn new(kernel: &mut Kernel, pid: u32) -> Option<Scribe> {
        let extra = kernel.procs.get(&pid)?.extra.clone();
        let [keeper, link] = extra[..] else { return None };
        let role_lock = kernel.open_lock(pid, "run/scribe.lock");
        kernel.checks.scribes += 1;
        Some(Scribe {
            pid,
            keeper,
            link,
            role_lock,
            core: None,
            effects: VecDeque::new(),
            answer: None,
            writing: None,
            fifos: BTreeMap::new(),
            logs: BTreeMap::new(),
            watches_link: false,
            link_gone: false,
            last: 0,
            rescues: false,
        })
    }

    /// Whether it has its role.
    pub fn works(&self) -> bool {
        self.core.is_some()
    }

    /// When it wants to be run next without anything happening.
    pub fn deadline(&self) -> Option<u64> {
        self.core.as_ref().and_then(Core::deadline).map(|at| at.0)
    }

    /// Does one thing, if there is any.
    pub fn run(&mut self, kernel: &mut Kernel) -> bool {
        if self.core.is_none() {
            if !kernel.try_lock(self.role_lock) {
                return false;
            }
            self.core = Some(Core::new(8));
            return self.step(kernel, Happening::Started { pid: self.pid });
        }
        if let Some(answer) = self.answer.take() {
            return self.step(kernel, Happening::Answer(answer));
        }
        if let Some(writing) = self.writing.take() {
            self.write_on(kernel, writing);
            return true;
        }
        if let Some(effect) = self.effects.pop_front() {
            tell!(kernel, "scribe p{}: {effect:?}", self.pid);
            self.answer = self.perform(kernel, effect);
            return true;
        }
        if self.deadline().is_some_and(|at| at <= kernel.now) {
            return self.step(kernel, Happening::Due);
        }
        if kernel.hung_up(self.keeper) {
            return self.step(kernel, Happening::KeeperGone);
        }
        if self.watches_link && kernel.message_room(self.link) {
            return self.step(kernel, Happening::LinkWritable);
        }
        if let Some(Message::To(message)) = kernel.receive_message(self.link) {
            return self.step(kernel, Happening::Said(message));
        }
        if !self.link_gone && kernel.hung_up(self.link) {
            self.link_gone = true;
            return self.step(kernel, Happening::LinkGone);
        }
        match self.ready(kernel) {
            Some(key) => self.step(kernel, Happening::Ready(StreamKey(key))),
            None => false,
        }
    }

    /// The next stream that the kernel reports, round robin.
    fn ready(&mut self, kernel: &Kernel) -> Option<u32> {
        let after: Vec<u32> =
            self.fifos.range(self.last + 1..).chain(self.fifos.range(..=self.last)).map(|(key, _)| *key).collect();
        for key in after {
            let open = self.fifos.get_mut(&key)?;
            let edge = kernel.edge(open.handle);
            let ready = kernel.polls(open.handle)
                && match open.interest {
                    Interest::Level => true,
                    Interest::Edge => open.reported != Some(edge),
                    Interest::Off => false,
                };
            if ready {
                open.reported = Some(edge);
                self.last = key;
                return Some(key);
            }
        }
        None
    }

    fn step(&mut self, kernel: &mut Kernel, happening: Happening) -> bool {
        kernel.checks.role_steps += 1;
        tell!(kernel, "scribe p{}: - {happening:?}", self.pid);
        let wall = Wall(kernel.wall_ahead + (kernel.now / 1_000_000) as i64);
        let mut effects = Vec::new();
        if let Some(core) = &mut self.core {
            core.step(happening, Now { tick: Tick(kernel.now), wall }, &mut effects);
        }
        self.effects.extend(effects);
        true
    }

    fn perform(&mut self, kernel: &mut Kernel, effect: Effect) -> Option<Answer> {
        let pid = self.pid;
        Some(match effect {
            Effect::OpenFifo { stream, path } => match kernel.open_fifo(pid, &path, true, false) {
                Some(handle) => {
                    self.fifos.insert(stream.0, Open { handle, interest: Interest::Level, reported: None });
                    Answer::Fifo { capacity: TURN_BYTES }
                }
                None => Answer::Missing,
            },
            Effect::CloseFifo { stream } => {
                if let Some(open) = self.fifos.remove(&stream.0) {
                    kernel.close(pid, open.handle, Why::Close);
                }
                return None;
            }
            Effect::Watch { stream, interest } => {
                if let Some(open) = self.fifos.get_mut(&stream.0) {
                    (open.interest, open.reported) = (interest, None);
                }
                return None;
            }
            Effect::Peek { stream, skip, budget } => match self.flow(kernel, stream) {
                Some(handle) => match kernel.peek(handle, TURN_BYTES as usize).get(skip as usize..) {
                    None | Some([]) => Answer::Empty,
                    Some(bytes) => Answer::Peeked(Cut::of(bytes, budget)),
                },
                None => self.dry(kernel, stream),
            },
            Effect::Splice { stream, file, at, len } | Effect::Copy { stream, file, at, len } => {
                match (self.flow(kernel, stream), self.logs.get(&file.0)) {
                    (Some(handle), Some((_, log, _))) => splice(kernel, handle, *log, at, len),
                    (None, Some(_)) => self.dry(kernel, stream),
                    _ => Answer::Failed(Cause("EBADF")),
                }
            }
            Effect::Form { .. } => return self.begin_writing(kernel, effect),
            Effect::Writers { stream } => match self.fifos.get(&stream.0).and_then(|open| kernel.prospect(open.handle)) {
                Some((0, _)) => Answer::End,
                Some((_, room)) if room < 4096 => Answer::Full,
                Some(_) => Answer::Empty,
                None => Answer::Failed(Cause("EBADF")),
            },
            Effect::Discard { stream, len } => match self.flow(kernel, stream) {
                Some(handle) => Answer::Moved(kernel.discard(handle, len as usize).unwrap_or(0)),
                None => self.dry(kernel, stream),
            },
            // Nobody here asks for a log to be emptied.
            Effect::Beside { .. } => Answer::Beside(Vec::new()),
            Effect::Truncate { .. } => Answer::Done,
            Effect::OpenLog { file, path, create } => match kernel.disk.open_log(&path, create) {
                Some(log) => {
                    self.logs.insert(file.0, (path, log, None));
                    Answer::Log { size: kernel.disk.logs[log].size }
                }
                None => Answer::Missing,
            },
            Effect::OpenIndex { file } => match self.logs.get_mut(&file.0) {
                Some((path, _, index)) => {
                    let at = kernel.disk.open_index(&index_path(path));
                    *index = Some(at);
                    Answer::Index { last: kernel.disk.indexes[at].last().copied() }
                }
                None => Answer::Failed(Cause("EBADF")),
            },
            Effect::CloseLog { file } => {
                self.logs.remove(&file.0);
                return None;
            }
            Effect::Stat { file } => match self.logs.get(&file.0) {
                Some((path, log, _)) if kernel.disk.paths.get(path) == Some(log) => Answer::Size(kernel.disk.logs[*log].size),
                _ => Answer::Missing,
            },
            Effect::LastByte { file, .. } => match self.logs.get(&file.0) {
                Some((_, log, _)) => Answer::Tail(kernel.disk.logs[*log].last),
                None => Answer::Failed(Cause("EBADF")),
            },
            Effect::PutNewline { file, at } => match self.logs.get(&file.0) {
                Some((_, log, _)) => {
                    kernel.checks.reach("a line feed of ours");
                    done(kernel, |kernel| kernel.disk.append(*log, at, b"\n", None))
                }
                None => Answer::Failed(Cause("EBADF")),
            },
            Effect::Put { file, at, line } => match self.logs.get(&file.0) {
                Some((_, log, _)) => {
                    kernel.checks.reach("a line about a gap");
                    done(kernel, |kernel| kernel.disk.append(*log, at, &line, None))
                }
                None => Answer::Failed(Cause("EBADF")),
            },
            Effect::AppendIndex { file, record } => match self.logs.get(&file.0) {
                Some((_, _, Some(index))) => done(kernel, |kernel| {
                    kernel.disk.indexes[*index].push(record);
                    Ok(())
                }),
                _ => Answer::Failed(Cause("EBADF")),
            },
            Effect::ResetIndex { file } => {
                if let Some((_, _, Some(index))) = self.logs.get(&file.0) {
                    kernel.disk.indexes[*index].clear();
                }
                Answer::Done
            }
            Effect::Siblings { path } => {
                let at = |n| Sibling {
                    log: kernel.disk.has_log(&rotated_path(&path, n)),
                    index: kernel.disk.has_index(&index_path(&rotated_path(&path, n))),
                    ..Sibling::default()
                };
                let found = siblings(at);
                if found.iter().any(Sibling::is_empty) {
                    kernel.checks.reach("a gap among rotated files");
                }
                Answer::Siblings(found)
            }
            // Nobody here asks for age, compression or a budget: that is for the screenplays of the core.
            Effect::Begun { .. } => Answer::Failed(Cause("ENOSYS")),
            Effect::Compress { .. } | Effect::Survey { .. } => return None,
            Effect::Rename { from, to } => match kernel.disk.rename(&from, &to) {
                true => {
                    kernel.checks.reach("a rotation");
                    Answer::Done
                }
                false => Answer::Failed(Cause("ENOENT")),
            },
            Effect::Remove { path } => {
                kernel.disk.remove(&path);
                Answer::Done
            }
            Effect::Send(message) => {
                kernel.check_sealed(&message);
                match kernel.send_message(self.link, Message::From(message)) {
                    Some(true) => Answer::Done,
                    Some(false) => {
                        kernel.checks.reach("a full link");
                        Answer::Full
                    }
                    None => Answer::Failed(Cause("EPIPE")),
                }
            }
            Effect::WatchLink { writable } => {
                self.watches_link = writable;
                return None;
            }
            Effect::HelloKeeper => {
                kernel.send(self.keeper, b"dialect\t2\nhello\n");
                return None;
            }
            Effect::Rescue => {
                self.rescues = true;
                return None;
            }
            Effect::Exit => {
                kernel.exit(pid, Ending::Code(0));
                return None;
            }
        })
    }

    /// The FIFO, if it has bytes.
    fn flow(&self, kernel: &Kernel, stream: StreamKey) -> Option<HandleId> {
        let open = self.fifos.get(&stream.0)?;
        (kernel.flow(open.handle) == Flow::Bytes).then_some(open.handle)
    }

    fn dry(&self, kernel: &Kernel, stream: StreamKey) -> Answer {
        match self.fifos.get(&stream.0).map(|open| kernel.flow(open.handle)) {
            Some(Flow::End) => Answer::End,
            Some(_) => Answer::Empty,
            None => Answer::Failed(Cause("EBADF")),
        }
    }
}

fn done(kernel: &mut Kernel, act: impl FnOnce(&mut Kernel) -> Result<(), String>) -> Answer {
    let fails = kernel.weather.write_fails;
    if kernel.dice.once_in(fails) {
        return Answer::Failed(Cause("ENOSPC"));
    }
    if let Err(why) = act(kernel) {
        kernel.checks.fail(why);
    }
    Answer::Done
}

fn splice(kernel: &mut Kernel, handle: HandleId, log: usize, at: u64, len: u64) -> Answer {
    let fails = kernel.weather.write_fails;
    if kernel.dice.once_in(fails) {
        kernel.checks.reach("a full disk");
        return Answer::Failed(Cause("ENOSPC"));
    }
    // The kernel may move less than it is asked to.
    let most = if kernel.dice.once_in(20) { kernel.dice.between(1, len) } else { len };
    let Some(read) = kernel.take(handle, most.min(TURN_BYTES) as usize) else { return Answer::Empty };
    let kept = kernel.checks.spoil(&read.bytes);
    if kernel.checks.has(Sabotage::TornLine)
        && let Some(other) = kernel.handles.keys().copied().find(|id| kernel.is_other_stream(*id, read.fifo))
        && kernel.flow(other) == Flow::Bytes
        && let Some(part) = kernel.take(other, 5)
    {
        let size = kernel.disk.logs[log].size;
        let put = kernel.disk.append(log, size, &part.bytes, Some((part.fifo, part.from)));
        let at = size + part.bytes.len() as u64;
        let done = put.and_then(|()| kernel.disk.append(log, at, kept, Some((read.fifo, read.from))));
        if let Err(why) = done {
            kernel.checks.fail(why);
        }
        return Answer::Moved((part.bytes.len() + read.bytes.len()) as u64);
    }
    if let Err(why) = kernel.disk.append(log, at, kept, Some((read.fifo, read.from))) {
        kernel.checks.fail(why);
    }
    Answer::Moved(read.bytes.len() as u64)
}
