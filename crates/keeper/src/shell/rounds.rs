//! The rounds of the loop.

use super::links::{Links, Out};
use super::listener::Listener;
use super::spare::Spare;
use super::tables::{Fds, Lives};
use super::upgrade::Check;
use crate::core::{ConnId, Core, Effect, FdToken, Happening, Level, LifeId, Settings};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use sys::poll::{Interest, Poller, Signals};
use sys::process;
use sys::spawn::{Place, Workshop};

/// Signals that controllers are told of. They never end the keeper.
pub(super) const TOLD: [i32; 6] = [1, 2, 3, 10, 12, 15];
/// `SIGCHLD`, and `SIGALRM`, which means nothing.
pub(super) const CHILD: i32 = 17;
const ALARM: i32 = 14;
/// When a log that would block is tried again.
const LOG_RETRY_NS: u64 = 500_000_000;
/// Effects that one step may have without asking for memory.
const EFFECTS: usize = 256;
/// How long a kernel that refuses to wait is left alone, when we must not end.
const BROKEN_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

/// What a key of the poller means, in its highest byte.
pub(super) const KIND: u64 = 0xff << 56;
pub(super) const KEY_SIGNALS: u64 = 0;
pub(super) const KEY_CONN: u64 = 1 << 56;
pub(super) const KEY_REPORT: u64 = 2 << 56;
pub(super) const KEY_ADOPTED: u64 = 3 << 56;
pub(super) const KEY_OUT: u64 = 4 << 56;
pub(super) const KEY_LISTENER: u64 = 5 << 56;
pub(super) const KEY_CHECK: u64 = 6 << 56;

/// What a shell must know from the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShellSettings {
    /// Every path is opened non-blocking, so that no FIFO or device can keep the keeper waiting.
    pub never_wait: bool,
    /// Nothing of the keeper is ever paged out; an upgrade has to ask for it again.
    pub lock_memory: bool,
    /// Those of the core: tables get their size from it.
    pub pools: Settings,
}

/// The shell of a keeper: everything that the core knows only by token.
pub struct Shell {
    pub(super) core: Core,
    pub(super) settings: ShellSettings,
    pub(super) poller: Poller,
    pub(super) signals: Signals,
    /// `KEY=VALUE`, each ended by NUL.
    pub(super) environment: Vec<u8>,
    /// The hard limit of open files.
    pub(super) nofile: u64,
    pub(super) fds: Fds,
    pub(super) lives: Lives,
    pub(super) links: Links,
    pub(super) listener: Option<Listener>,
    /// Where the control socket stands.
    pub(super) listener_path: Vec<u8>,
    pub(super) workshop: Workshop,
    /// Empty between births, as are the limits.
    pub(super) places: Vec<(u32, Place<'static>)>,
    pub(super) limits: Vec<(i32, u64, u64)>,
    pub(super) spare: Spare,
    pub(super) check: Option<Check>,
    /// The executable that has said yes.
    pub(super) agreed: Option<Vec<u8>>,
    /// Held across upgrades, for the caller.
    pub(super) kept: Vec<OwnedFd>,
    pub(super) effects: VecDeque<Effect>,
    /// When the log is tried again.
    log_retry: Option<u64>,
    end: Option<i32>,
}

impl Shell {
    /// A shell around a core. Blocks the signals that it handles.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn new(core: Core, settings: ShellSettings) -> io::Result<Shell> {
        let poller = Poller::new()?;
        let signals = Signals::take(&[&TOLD[..], &[CHILD, ALARM]].concat())?;
        poller.add(&signals, KEY_SIGNALS, Interest { read: true, ..Interest::default() })?;
        process::ignore_sigpipe();
        let environment = environment();
        let bytes = settings.pools.services.map_or(0, |pool| pool.bytes);
        let lives = settings.pools.services.map_or(0, |pool| pool.count as usize);
        let fds = settings.pools.fds.map_or(0, |pool| pool.count as usize);
        Ok(Shell {
            core,
            settings,
            poller,
            signals,
            nofile: process::nofile().1,
            fds: Fds::with_capacity(fds),
            lives: Lives::with_capacity(lives),
            links: Links::new(settings.pools.connections),
            listener: None,
            listener_path: Vec::with_capacity(256),
            // A list of descriptors has at least two bytes for each.
            workshop: Workshop::with_room(environment.len() + bytes, bytes / 2),
            environment,
            places: Vec::with_capacity(bytes / 2),
            limits: Vec::with_capacity(16),
            spare: Spare::new(),
            check: None,
            agreed: None,
            kept: Vec::new(),
            effects: VecDeque::with_capacity(EFFECTS),
            log_retry: None,
            end: None,
        })
    }

    /// What the shell was given at its start, by whoever started the first of a line of upgrades.
    pub fn settings(&self) -> ShellSettings {
        self.settings
    }

    /// Holds a descriptor under a token of [`Core::inherit`].
    pub fn hold(&mut self, token: FdToken, fd: OwnedFd) {
        self.fds.hold(token, fd);
    }

    /// Holds a descriptor that means nothing to the core until the end, across upgrades: the lock of a home.
    pub fn keep_across(&mut self, fd: OwnedFd) {
        self.kept.push(fd);
    }

    /// Serves a controller on a stream socket. `false` when there are too many.
    pub fn connect(&mut self, fd: OwnedFd) -> bool {
        let conn = self.core.connect();
        if let Some(conn) = conn {
            self.links.add(conn, fd, Out::Same, true);
        }
        conn.is_some()
    }

    /// Serves the connection of [`Core::console`]: commands from one descriptor, events to another.
    pub fn link_console(&mut self, conn: ConnId, stdin: OwnedFd, stdout: OwnedFd) {
        self.links.add(conn, stdin, Out::Other(super::outlets::Outlet::new(stdout)), true);
    }

    /// Reads the commands of the connection of [`Core::config`].
    pub fn link_config(&mut self, conn: ConnId, file: OwnedFd) {
        self.links.add(conn, file, Out::Nowhere, true);
    }

    /// Runs until a controller says `terminate`; gives its code, unless something else is to be executed then. The caller must be the only
    /// thread of its process.
    ///
    /// # Errors
    /// The kernel refuses to wait, which it never does to a sound program, and no guard keeps us going.
    pub fn run(mut self) -> io::Result<i32> {
        sys::last::catch_fatal()?;
        self.arm();
        let mut ready = Vec::with_capacity(64);
        // Children may have ended before the first wait.
        let mut more = true;
        self.step(Happening::Woken);
        loop {
            if self.end.is_none() {
                self.settle();
                if self.upgrade_if_ready() {
                    self.settle();
                }
            }
            if let Some(code) = self.end {
                return Ok(self.leave(code));
            }
            if let Err(error) = self.poller.wait(self.patience(more), &mut ready) {
                self.outlive(error)?;
            }
            more = self.take_exits(&ready, more);
            for event in ready.iter().filter(|e| e.key & KIND == KEY_REPORT) {
                self.hear_report(LifeId(event.key & !KIND));
            }
            self.take_adopted(&ready);
            self.tend_check(&ready);
            if self.core.deadline().is_some_and(|at| at <= sys::clock::now()) {
                self.step(Happening::Woken);
            }
            // A file of commands comes before what others say, so that they find what it defines.
            self.serve_plain();
            for event in &ready {
                let conn = ConnId((event.key & !KIND) as u32);
                match event.key & KIND {
                    KEY_CONN => self.serve(conn, *event),
                    KEY_OUT => self.serve_out(conn, *event),
                    KEY_LISTENER => self.take_clients(),
                    _ => {}
                }
            }
        }
    }

    fn patience(&self, more: bool) -> Option<u64> {
        if more || self.plain_waits() {
            return Some(0);
        }
        let next = [
            self.core.deadline(),
            self.lives.next_given_up().map(|(at, _)| at),
            self.log_retry,
            self.listener.as_ref().and_then(|listener| listener.paused),
            self.check.as_ref().and_then(Check::deadline),
        ];
        Some(next.into_iter().flatten().min()?.saturating_sub(sys::clock::now()))
    }

    /// What cannot happen has happened. Under a guard that is no reason to end.
    fn outlive(&mut self, error: io::Error) -> io::Result<()> {
        if !self.core.guarded() {
            return Err(error);
        }
        self.core.log(Level::Fatal, &[b"wait: ", sys::errno::name_of(&error).as_bytes(), b" (attempting to continue)"]);
        std::thread::sleep(BROKEN_WAIT);
        Ok(())
    }

    pub(super) fn step(&mut self, happening: Happening<'_>) {
        if self.end.is_none() {
            self.core.step(happening, sys::clock::now(), &mut self.effects);
            self.perform_all();
        }
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

    /// One attempt to write the own log. What does not go in now is tried in a later round, in half a second at the latest.
    pub(super) fn write_log(&mut self) {
        self.log_retry = None;
        match self.write_log_once() {
            None => {}
            Some(Ok(count)) => self.step(Happening::Logged { count }),
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.log_retry = Some(sys::clock::now() + LOG_RETRY_NS);
            }
            Some(Err(_)) => self.step(Happening::NotLogged),
        }
    }

    fn write_log_once(&self) -> Option<io::Result<usize>> {
        let (to, bytes) = self.core.log_unsent()?;
        Some(match to.map(|token| self.fds.get(token)) {
            None => sys::handle::write_soon(io::stderr().as_fd(), bytes),
            Some(Some(fd)) => sys::handle::write_soon(fd.as_fd(), bytes),
            Some(None) => Err(io::ErrorKind::NotFound.into()),
        })
    }

    pub(super) fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// What has come into the log since the attempt of this round is for the next one.
    pub(super) fn remember_log(&mut self) {
        if self.log_retry.is_none() && self.core.log_unsent().is_some() {
            self.log_retry = Some(0);
        }
    }

    pub(super) fn arm(&self) {
        let args = self.core.exec_args();
        if args.is_empty() || sys::last::arm(args).is_err() {
            sys::last::disarm();
        }
    }

    /// The end: what waits is sent as far as it goes in, the control socket goes, and what was to be executed then is.
    fn leave(mut self, code: i32) -> i32 {
        for at in 0..self.links.all.len() {
            let conn = self.links.all[at].conn;
            let _ = self.write_once(conn);
        }
        let _ = self.write_log_once();
        self.unlisten();
        if !self.core.exec_args().is_empty() {
            sys::last::leave(code, "");
        }
        code
    }
}

fn environment() -> Vec<u8> {
    let mut all = Vec::new();
    for pair in process::environment() {
        all.extend_from_slice(&pair);
        all.push(0);
    }
    all
}

/// A keeper that serves one controller on a socket, as tests and embedders want it: it holds `null`, and nothing else from the start.
///
/// # Errors
/// No descriptor is left.
pub fn run_with(controller: OwnedFd) -> io::Result<i32> {
    let settings = ShellSettings { never_wait: true, ..ShellSettings::default() };
    let mut core = Core::new(settings.pools);
    let null = core.inherit("null", (true, true), "/dev/null", crate::core::Bond::Constant);
    process::become_subreaper()?;
    let mut shell = Shell::new(core, settings)?;
    if let Some(null) = null {
        shell.hold(null, sys::handle::null()?);
    }
    shell.connect(controller);
    shell.run()
}
