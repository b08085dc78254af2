//! The rounds of the loop.

use crate::core::{ConnId, Core, Effect, Ending, FdToken, Happening, LifeId, Settings, Stillborn};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use sys::poll::{Interest, Poller, Ready, Signals};
use sys::process;
use sys::spawn::{Report, read_report};

/// Signals that controllers are told of. They never end the keeper.
const TOLD: [i32; 6] = [1, 2, 3, 10, 12, 15];
/// `SIGCHLD`.
const CHILD: i32 = 17;
/// Children reaped in one round, so that a storm of exits does not keep controllers waiting.
const REAPED_IN_A_ROUND: usize = 256;
/// Reads of one connection whose process is over; more than a socket buffer holds.
const DRAIN_READS: usize = 256;
/// How long the kernel may take from the end of an adopted process to telling how it ended.
const UNSEEN_AFTER_NS: u64 = 1_000_000_000;

/// What a key of the poller means, in its highest byte.
const KIND: u64 = 0xff << 56;
const KEY_SIGNALS: u64 = 0;
const KEY_CONN: u64 = 1 << 56;
const KEY_REPORT: u64 = 2 << 56;
const KEY_ADOPTED: u64 = 3 << 56;

/// Our end of a connection.
pub(super) struct Link {
    pub(super) fd: OwnedFd,
    pub(super) commands: bool,
    interest: Interest,
    ended: bool,
    broken: bool,
}

/// A process that has not been reported as over.
pub(super) struct Life {
    pub(super) pid: u32,
    pub(super) pidfd: OwnedFd,
    /// Until its program runs.
    pub(super) report: Option<OwnedFd>,
    /// When an adopted life that has ended is no longer asked how.
    give_up: Option<u64>,
}

/// The shell of a keeper: everything that the core knows only by token.
pub struct Shell {
    pub(super) core: Core,
    pub(super) poller: Poller,
    signals: Signals,
    pub(super) never_wait: bool,
    pub(super) environment: Vec<Vec<u8>>,
    /// The hard limit of open files.
    pub(super) nofile: u64,
    pub(super) links: BTreeMap<ConnId, Link>,
    pub(super) fds: BTreeMap<FdToken, OwnedFd>,
    pub(super) lives: BTreeMap<LifeId, Life>,
    pub(super) pids: BTreeMap<u32, LifeId>,
    pub(super) drains: Vec<ConnId>,
    giving_up: BTreeSet<(u64, LifeId)>,
    effects: VecDeque<Effect>,
    /// For what is read; as long as the longest line.
    scratch: Vec<u8>,
    end: Option<i32>,
}

impl Shell {
    /// A shell around a core. Blocks the signals that it handles. With `never_wait` every path is opened non-blocking, so that no FIFO or
    /// device can keep the keeper waiting.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn new(core: Core, never_wait: bool) -> io::Result<Shell> {
        let poller = Poller::new()?;
        let signals = Signals::take(&[&TOLD[..], &[CHILD]].concat())?;
        poller.add(&signals, KEY_SIGNALS, Interest { read: true, ..Interest::default() })?;
        process::ignore_sigpipe();
        Ok(Shell {
            core,
            poller,
            signals,
            never_wait,
            nofile: process::nofile().1,
            environment: process::environment(),
            links: BTreeMap::new(),
            fds: BTreeMap::new(),
            lives: BTreeMap::new(),
            pids: BTreeMap::new(),
            drains: Vec::new(),
            giving_up: BTreeSet::new(),
            effects: VecDeque::new(),
            scratch: Vec::new(),
            end: None,
        })
    }

    /// Holds a descriptor under a token of [`Core::inherit`].
    pub fn hold(&mut self, token: FdToken, fd: OwnedFd) {
        self.fds.insert(token, fd);
    }

    /// Serves a controller on a stream socket. `false` when there are too many.
    ///
    /// # Errors
    /// The descriptor cannot be watched.
    pub fn connect(&mut self, fd: OwnedFd) -> io::Result<bool> {
        sys::handle::set_nonblocking(&fd, true)?;
        match self.core.connect(true, true) {
            Some(conn) => self.link(conn, fd, true).map(|()| true),
            None => Ok(false),
        }
    }

    pub(super) fn link(&mut self, conn: ConnId, fd: OwnedFd, commands: bool) -> io::Result<()> {
        let interest = Interest { read: commands, ..Interest::default() };
        self.poller.add(&fd, KEY_CONN | u64::from(conn.0), interest)?;
        self.links.insert(conn, Link { fd, commands, interest, ended: false, broken: false });
        Ok(())
    }

    /// Takes charge of a process: a child of ours with its report, another without. A child is ours even if memory is too short to watch
    /// its report: that is read at its exit then.
    pub(super) fn watch(&mut self, life: LifeId, pid: u32, pidfd: OwnedFd, report: Option<OwnedFd>) -> io::Result<()> {
        match &report {
            Some(report) => _ = self.poller.add(report, KEY_REPORT | life.0, Interest { read: true, ..Interest::default() }),
            None => self.poller.add(&pidfd, KEY_ADOPTED | life.0, Interest { read: true, edge: true, write: false })?,
        }
        self.pids.insert(pid, life);
        self.lives.insert(life, Life { pid, pidfd, report, give_up: None });
        Ok(())
    }

    /// Runs until a controller says `terminate`; gives its code. The caller must be the only thread of its process.
    ///
    /// # Errors
    /// The kernel refuses to wait, which it never does to a sound program.
    pub fn run(mut self) -> io::Result<i32> {
        let mut ready = Vec::new();
        // Children may have ended before the first wait.
        let mut more = true;
        self.step(Happening::Woken);
        loop {
            self.settle();
            if let Some(code) = self.end {
                return Ok(code);
            }
            self.poller.wait(self.patience(more), &mut ready)?;
            more = self.take_exits(&ready, more);
            for event in ready.iter().filter(|e| e.key & KIND == KEY_REPORT) {
                self.hear_report(LifeId(event.key & !KIND));
            }
            self.take_adopted(&ready);
            if self.core.deadline().is_some_and(|at| at <= sys::clock::now()) {
                self.step(Happening::Woken);
            }
            for event in ready.iter().filter(|e| e.key & KIND == KEY_CONN) {
                self.serve(ConnId((event.key & !KIND) as u32), *event);
            }
        }
    }

    fn patience(&self, more: bool) -> Option<u64> {
        if more {
            return Some(0);
        }
        let next = [self.core.deadline(), self.giving_up.first().map(|(at, _)| *at)].into_iter().flatten().min()?;
        Some(next.saturating_sub(sys::clock::now()))
    }

    pub(super) fn step(&mut self, happening: Happening<'_>) {
        self.core.step(happening, sys::clock::now(), &mut self.effects);
        self.perform_all();
    }

    fn perform_all(&mut self) {
        while let Some(effect) = self.effects.pop_front() {
            if let Effect::End { code } = effect {
                self.end.get_or_insert(code);
                return self.effects.clear();
            }
            if let Some(answer) = self.perform(effect) {
                self.core.step(answer, sys::clock::now(), &mut self.effects);
            }
        }
    }

    /// Reaps what has ended, and tells the other signals after that. Whether more may have ended.
    fn take_exits(&mut self, ready: &[Ready], mut more: bool) -> bool {
        let mut told = Vec::new();
        if ready.iter().any(|e| e.key == KEY_SIGNALS) {
            while let Some(signal) = self.signals.next() {
                if signal == CHILD {
                    more = true;
                } else {
                    told.push(signal);
                }
            }
        }
        let mut reaped = 0;
        while more && reaped < REAPED_IN_A_ROUND {
            match process::reap() {
                Some((pid, ending)) => self.bury(pid, ending),
                None => more = false,
            }
            reaped += 1;
        }
        for number in told {
            self.step(Happening::Signal { number });
        }
        more
    }

    fn bury(&mut self, pid: u32, ending: process::Ending) {
        // An orphan that came to us is nobody's.
        let Some(life) = self.pids.get(&pid).copied() else { return };
        self.hear_report(life);
        self.end_life(life, Some(ending));
    }

    fn end_life(&mut self, life: LifeId, told: Option<process::Ending>) {
        if let Some(gone) = self.lives.remove(&life) {
            self.pids.remove(&gone.pid);
            self.giving_up.retain(|(_, of)| *of != life);
            let _ = self.poller.remove(&gone.pidfd);
            if let Some(report) = &gone.report {
                let _ = self.poller.remove(report);
            }
        }
        let ending = match told {
            Some(process::Ending::Code(code)) => Ending::Code(code),
            Some(process::Ending::Signal { number, core }) => Ending::Signal { number, core },
            None => Ending::Unseen,
        };
        self.step(Happening::Exited { life, ending });
    }

    /// What a child says about its exec.
    fn hear_report(&mut self, life: LifeId) {
        let Some(report) = self.lives.get_mut(&life).and_then(|l| l.report.take()) else { return };
        let said = read_report(&report);
        if said == Report::Waiting && self.lives.contains_key(&life) {
            self.lives.entry(life).and_modify(|l| l.report = Some(report));
            return;
        }
        let _ = self.poller.remove(&report);
        drop(report);
        self.step(match said {
            Report::Failed(step, errno) => {
                Happening::NotExecuted { life, why: Stillborn { stage: step.word(), errno: sys::errno::name(errno) } }
            }
            Report::Runs | Report::Waiting => Happening::Executed { life },
        });
    }

    /// Adopted processes that have ended: the kernel tells how as soon as their parent has reaped them.
    fn take_adopted(&mut self, ready: &[Ready]) {
        let now = sys::clock::now();
        for event in ready.iter().filter(|e| e.key & KIND == KEY_ADOPTED) {
            let life = LifeId(event.key & !KIND);
            let Some(adopted) = self.lives.get_mut(&life) else { continue };
            if event.hangup || process::ending_of(&adopted.pidfd, adopted.pid).is_some() {
                self.end_adopted(life);
            } else if adopted.give_up.is_none() {
                adopted.give_up = Some(now + UNSEEN_AFTER_NS);
                self.giving_up.insert((now + UNSEEN_AFTER_NS, life));
            }
        }
        while let Some((at, life)) = self.giving_up.first().copied()
            && at <= now
        {
            self.giving_up.pop_first();
            self.end_adopted(life);
        }
    }

    fn end_adopted(&mut self, life: LifeId) {
        let told = self.lives.get(&life).and_then(|l| process::ending_of(&l.pidfd, l.pid));
        self.end_life(life, told);
    }

    fn serve(&mut self, conn: ConnId, event: Ready) {
        if event.readable || event.hangup {
            self.read(conn);
        }
        // A controller that only listens and has gone can be seen by nothing else.
        if event.hangup && self.links.get(&conn).is_some_and(|link| !link.commands || link.ended) {
            self.step(Happening::Broken { conn });
            self.step(Happening::Ended { conn });
        }
        self.write(conn);
    }

    /// Reads once. Whether there may be more.
    fn read(&mut self, conn: ConnId) -> bool {
        let room = self.core.room(conn);
        let Some(link) = self.links.get_mut(&conn).filter(|link| room > 0 && !link.ended) else { return false };
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.resize(scratch.len().max(room), 0);
        let (more, happening) = match sys::handle::read(&link.fd, &mut scratch[..room]) {
            Ok(0) => (false, Happening::Ended { conn }),
            Ok(count) => (true, Happening::Received { conn, bytes: &scratch[..count] }),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.scratch = scratch;
                return false;
            }
            Err(_) => (false, Happening::Ended { conn }),
        };
        link.ended = !more;
        self.step(happening);
        self.scratch = scratch;
        more
    }

    /// Writes all that goes in.
    fn write(&mut self, conn: ConnId) {
        while let Some(link) = self.links.get_mut(&conn).filter(|link| !link.broken) {
            let bytes = self.core.unsent(conn);
            if bytes.is_empty() {
                return;
            }
            match sys::handle::write(&link.fd, bytes) {
                Ok(count) => self.step(Happening::Sent { conn, count }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    link.broken = true;
                    self.step(Happening::Broken { conn });
                }
            }
        }
    }

    /// After the happenings of a round: former lives are heard to the end, everything is sent, and what is waited for is set.
    fn settle(&mut self) {
        loop {
            while let Some(conn) = self.drains.pop() {
                for _ in 0..DRAIN_READS {
                    if !self.read(conn) {
                        break;
                    }
                }
                // One that could not even be linked has ended too: a start may wait for it.
                if self.links.get_mut(&conn).is_none_or(|link| !std::mem::replace(&mut link.ended, true)) {
                    self.step(Happening::Ended { conn });
                }
            }
            let conns: Vec<ConnId> = self.links.keys().copied().collect();
            conns.into_iter().for_each(|conn| self.write(conn));
            if self.drains.is_empty() {
                break;
            }
        }
        for (conn, link) in &mut self.links {
            let interest = Interest {
                read: !link.ended && self.core.room(*conn) > 0,
                write: !link.broken && !self.core.unsent(*conn).is_empty(),
                edge: false,
            };
            if interest != link.interest && self.poller.change(&link.fd, KEY_CONN | u64::from(conn.0), interest).is_ok() {
                link.interest = interest;
            }
        }
    }
}

/// A keeper that serves one controller on a socket, as tests and embedders want it: it holds `null`, and nothing else from the start.
///
/// # Errors
/// No descriptor is left.
pub fn run_with(controller: OwnedFd) -> io::Result<i32> {
    let mut core = Core::new(Settings::default());
    let null = core.inherit("null", "read,write", "/dev/null", true);
    process::become_subreaper()?;
    let mut shell = Shell::new(core, true)?;
    shell.hold(null, sys::handle::null()?);
    shell.connect(controller)?;
    shell.run()
}
