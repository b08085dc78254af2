//! A keeper's process: its start, and what it does next.

use super::perform::short;
use crate::kernel::{Body, Ending, Handle, HandleId, INIT, Kernel, RoleKind, What};
use crate::trace::tell;
use keeper::core::{Bond, ConnId, Core, Effect, FdToken, Happening, LifeId, Settings};
use std::collections::{BTreeMap, VecDeque};

/// How long a starter tries.
const PATIENCE: u64 = 10_000_000_000;
/// Between two tries.
const AGAIN: u64 = 20_000_000;
/// How long the end of an adopted zombie is waited for.
const UNSEEN: u64 = 1_000_000_000;

/// What the keeper of a home tells itself at start: the two roles and the link between them.
const HOUSE: &str = "fd.pipe\tlink.scribe\tlink.steward\tunix,seqpacket,nonblock\n\
    service.args\tscribe\tabide-scribe\t--home\t/h\n\
    service.fds\tscribe\tnull\tnull\tnull\tcontrol.cmd\tlink.scribe\n\
    service.args\tsteward\tabide-steward\t--home\t/h\n\
    service.fds\tsteward\tnull\tnull\tnull\tcontrol.socket\tlink.steward\n\
    service.keep\tscribe\n\
    service.keep\tsteward\n";

/// A process that the core knows as a life.
pub(super) struct Watched {
    pub(super) pid: u32,
    pub(super) ident: u64,
    pub(super) child: bool,
    pub(super) executed: bool,
}

/// A keeper's process.
pub struct Keeper {
    pub(super) pid: u32,
    pub(super) core: Option<Core>,
    lock: HandleId,
    since: u64,
    next_try: u64,
    effects: VecDeque<Effect>,
    pub(super) answer: Option<Happening<'static>>,
    pub(super) tokens: BTreeMap<FdToken, HandleId>,
    pub(super) conns: BTreeMap<ConnId, (HandleId, bool)>,
    pub(super) draining: VecDeque<ConnId>,
    pub(super) lives: BTreeMap<LifeId, Watched>,
}

impl Keeper {
    /// A process that has just executed and wants to be the keeper.
    pub fn new(kernel: &mut Kernel) -> (u32, Keeper) {
        let pid = kernel.create(INIT, Body::Role(RoleKind::Keeper));
        kernel.procs.entry(pid).and_modify(|proc| (proc.session, proc.truth, proc.tag) = (pid, None, None));
        let lock = kernel.open_lock(pid, "run/lock");
        tell!(kernel, "keeper p{pid}: starts");
        let keeper = Keeper {
            pid,
            core: None,
            lock,
            since: kernel.now,
            next_try: kernel.now,
            effects: VecDeque::new(),
            answer: None,
            tokens: BTreeMap::new(),
            conns: BTreeMap::new(),
            draining: VecDeque::new(),
            lives: BTreeMap::new(),
        };
        (pid, keeper)
    }

    /// Whether it has the house.
    pub fn reigns(&self) -> bool {
        self.core.is_some()
    }

    /// When it wants to be run next without anything happening.
    pub fn deadline(&self, kernel: &Kernel) -> Option<u64> {
        let Some(core) = &self.core else { return Some(self.next_try) };
        let zombies = self.lives.values().filter(|life| !life.child).filter_map(|life| {
            let proc = kernel.procs.get(&life.pid).filter(|proc| proc.ident == life.ident)?;
            proc.ended.map(|(_, at)| at + UNSEEN)
        });
        core.deadline().into_iter().chain(zombies).min()
    }

    /// Does one thing, if there is any.
    pub fn run(&mut self, kernel: &mut Kernel) -> bool {
        if self.core.is_none() {
            return self.boot(kernel);
        }
        if let Some(answer) = self.answer.take() {
            self.step(kernel, answer);
            return true;
        }
        if let Some(effect) = self.effects.pop_front() {
            if let Some(core) = &self.core {
                tell!(kernel, "keeper p{}: {}", self.pid, short(&effect, core));
            }
            self.perform(kernel, effect);
            return true;
        }
        self.look_at_lives(kernel) || self.look_at_conns(kernel) || self.look_at_log(kernel) || self.look_at_clock(kernel)
    }

    fn boot(&mut self, kernel: &mut Kernel) -> bool {
        if kernel.now < self.next_try {
            return false;
        }
        if kernel.try_lock(self.lock) {
            let mut core = Core::new(Settings::default());
            let null = kernel.open(self.pid, What::Null);
            let token = core.inherit("null", (true, true), "/dev/null", Bond::Constant).expect("the name is good and free");
            self.tokens.insert(token, null);
            core.script(HOUSE.as_bytes());
            self.core = Some(core);
            tell!(kernel, "keeper p{}: reigns", self.pid);
            self.step(kernel, Happening::Woken);
        } else if kernel.keeper_holds("run/lock") || kernel.now > self.since + PATIENCE {
            kernel.exit(self.pid, Ending::Code(0));
        } else {
            self.next_try = kernel.now + AGAIN;
        }
        true
    }

    fn step(&mut self, kernel: &mut Kernel, happening: Happening<'_>) {
        kernel.checks.role_steps += 1;
        tell!(kernel, "keeper p{}: - {}", self.pid, heard(&happening));
        if let Some(core) = &mut self.core {
            core.step(happening, kernel.now, &mut self.effects);
        }
    }

    /// Exits come first; of each life, whether it executed before how it ended. Orphans are reaped, without a word if nobody asked for it.
    fn look_at_lives(&mut self, kernel: &mut Kernel) -> bool {
        let mut known = None;
        for (life, watched) in &mut self.lives {
            let proc = kernel.procs.get(&watched.pid).filter(|proc| proc.ident == watched.ident);
            let ended = proc.is_none_or(|proc| !proc.lives());
            if !watched.executed && (ended || proc.is_some_and(|proc| proc.report.is_some())) {
                watched.executed = true;
                let report = proc.and_then(|proc| proc.report).unwrap_or(Ok(()));
                known = Some((*life, None, report.err()));
                break;
            }
            if !ended {
                continue;
            }
            let told = if kernel.weather.tells_ends { kernel.ends.get(&(watched.pid, watched.ident)).copied() } else { None };
            let unseen = keeper::core::Ending::Unseen;
            let ending = match proc.and_then(|proc| proc.ended) {
                Some((ending, _)) if watched.child => Some(ending_of(ending)),
                Some((_, at)) => (kernel.now >= at + UNSEEN).then_some(unseen),
                None => Some(told.map_or(unseen, ending_of)),
            };
            if let Some(ending) = ending {
                known = Some((*life, Some(ending), None));
                break;
            }
        }
        match known {
            Some((life, None, None)) => self.step(kernel, Happening::Executed { life }),
            Some((life, None, Some(why))) => self.step(kernel, Happening::NotExecuted { life, why }),
            Some((life, Some(ending), _)) => {
                if let Some(watched) = self.lives.remove(&life)
                    && watched.child
                {
                    kernel.reap(watched.pid);
                }
                self.step(kernel, Happening::Exited { life, ending });
            }
            None => {
                let children: Vec<u32> = self.lives.values().filter(|life| life.child).map(|life| life.pid).collect();
                let orphan =
                    |proc: &&crate::kernel::Proc| proc.parent == self.pid && !proc.lives() && !children.contains(&proc.pid);
                let Some(pid) = kernel.procs.values().find(orphan).map(|proc| proc.pid) else { return false };
                if kernel.checks.keeps_zombies() {
                    return false;
                }
                kernel.checks.reach("an orphan reaped");
                let session = kernel.procs.get(&pid).map(|proc| proc.session);
                let ending = kernel.reap(pid).map(ending_of);
                if let Some(ending) = ending.filter(|_| self.core.as_ref().is_some_and(Core::wants_orphans)) {
                    self.step(kernel, Happening::Orphan { pid, session, ending });
                }
            }
        }
        true
    }

    fn look_at_conns(&mut self, kernel: &mut Kernel) -> bool {
        let Some(core) = &self.core else { return false };
        if let Some(conn) = self.draining.front().copied() {
            return self.drain(kernel, conn);
        }
        for (conn, (handle, open)) in &mut self.conns {
            let conn = *conn;
            let unsent = core.unsent(conn);
            if !unsent.is_empty() && (kernel.send_room(*handle) > 0 || kernel.hung_up(*handle)) {
                // A real socket takes all of it or a part.
                let part = kernel.dice.between(1, unsent.len() as u64) as usize;
                let part = if kernel.dice.once_in(4) { part } else { unsent.len() };
                let sent = kernel.send(*handle, &unsent[..part]);
                self.step(kernel, sent.map_or(Happening::Broken { conn }, |count| Happening::Sent { conn, count }));
                return true;
            }
            let room = core.room(conn);
            if *open && room > 0 && kernel.waiting(*handle) > 0 {
                let bytes = kernel.receive(*handle, room);
                self.step(kernel, Happening::Received { conn, bytes: &bytes });
                return true;
            }
            if *open && kernel.waiting(*handle) == 0 && kernel.hung_up(*handle) {
                *open = false;
                self.step(kernel, Happening::Ended { conn });
                return true;
            }
        }
        false
    }

    fn drain(&mut self, kernel: &mut Kernel, conn: ConnId) -> bool {
        let (Some(core), Some((handle, open))) = (&self.core, self.conns.get_mut(&conn)) else {
            self.draining.pop_front();
            return true;
        };
        let room = core.room(conn);
        let bytes = kernel.receive(*handle, room);
        if bytes.is_empty() {
            if room == 0 && kernel.waiting(*handle) > 0 {
                return false;
            }
            *open = false;
            self.draining.pop_front();
            self.step(kernel, Happening::Ended { conn });
        } else {
            self.step(kernel, Happening::Received { conn, bytes: &bytes });
        }
        true
    }

    /// Its own log goes where everything is taken and nothing kept.
    fn look_at_log(&mut self, kernel: &mut Kernel) -> bool {
        let count = self.core.as_ref().and_then(Core::log_unsent).map_or(0, |(_, text)| text.len());
        if count > 0 {
            self.step(kernel, Happening::Logged { count });
        }
        count > 0
    }

    fn look_at_clock(&mut self, kernel: &mut Kernel) -> bool {
        let due = self.core.as_ref().and_then(Core::deadline).is_some_and(|at| at <= kernel.now);
        if due {
            self.step(kernel, Happening::Woken);
        }
        due
    }

    /// Descriptors of lives that it holds.
    pub fn held(&self, kernel: &Kernel) -> usize {
        let ours = |id: &&HandleId| {
            matches!(kernel.handles.get(*id), Some(Handle { what: What::Fifo { .. } | What::Lock(_), .. })) && **id != self.lock
        };
        self.tokens.values().filter(ours).count()
    }
}

fn ending_of(ending: Ending) -> keeper::core::Ending {
    match ending {
        Ending::Code(code) => keeper::core::Ending::Code(code),
        Ending::Signal(number) => keeper::core::Ending::Signal { number, core: false },
    }
}

fn heard(happening: &Happening<'_>) -> String {
    match happening {
        Happening::Received { conn, bytes } => format!("{conn:?} says {}", String::from_utf8_lossy(bytes).escape_debug()),
        other => format!("{other:?}"),
    }
}
