//! The keeper's shell over the fake kernel, after the contract of `keeper::core`. One call does one thing: a kill fits between any two.

use crate::check::Sabotage;
use crate::kernel::{Body, Ending, Handle, HandleId, INIT, Kernel, RoleKind, What, Why};
use crate::trace::tell;
use keeper::core::{Born, ConnId, Core, Effect, Fault, FdToken, Happening, LifeId, Settings, Source, Stillborn};
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
struct Watched {
    pid: u32,
    ident: u64,
    child: bool,
    executed: bool,
}

/// A keeper's process.
pub struct Keeper {
    pid: u32,
    core: Option<Core>,
    lock: HandleId,
    since: u64,
    next_try: u64,
    effects: VecDeque<Effect>,
    answer: Option<Happening<'static>>,
    tokens: BTreeMap<FdToken, HandleId>,
    conns: BTreeMap<ConnId, (HandleId, bool)>,
    draining: VecDeque<ConnId>,
    lives: BTreeMap<LifeId, Watched>,
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
            tell!(kernel, "keeper p{}: {}", self.pid, short(&effect));
            self.perform(kernel, effect);
            return true;
        }
        self.look_at_lives(kernel) || self.look_at_conns(kernel) || self.look_at_clock(kernel)
    }

    fn boot(&mut self, kernel: &mut Kernel) -> bool {
        if kernel.now < self.next_try {
            return false;
        }
        if kernel.try_lock(self.lock) {
            let mut core = Core::new(Settings::default());
            let null = kernel.open(self.pid, What::Null);
            self.tokens.insert(core.inherit("null", "read,write", "/dev/null", true), null);
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

    /// Exits come first; of each life, whether it executed before how it ended. Orphans are reaped without a word.
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
                kernel.reap(pid);
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

    fn look_at_clock(&mut self, kernel: &mut Kernel) -> bool {
        let due = self.core.as_ref().and_then(Core::deadline).is_some_and(|at| at <= kernel.now);
        if due {
            self.step(kernel, Happening::Woken);
        }
        due
    }

    fn perform(&mut self, kernel: &mut Kernel, effect: Effect) {
        let pid = self.pid;
        match effect {
            Effect::Open { token, path, how } => {
                let path = String::from_utf8_lossy(&path).into_owned();
                let fails = kernel.weather.open_fails;
                let result = if kernel.dice.once_in(fails) {
                    kernel.checks.reach("a failed open");
                    let name = path.rsplit('/').next().and_then(|name| name.split('.').next());
                    let name = name.filter(|_| how.write);
                    kernel.checks.short.extend(name.and_then(|name| name.parse::<model::InstanceId>().ok()));
                    Err("EMFILE")
                } else if how.lock {
                    let handle = kernel.open_lock(pid, &path);
                    if kernel.try_lock(handle) {
                        Ok(handle)
                    } else {
                        kernel.close(pid, handle, Why::Close);
                        Err("EAGAIN")
                    }
                } else {
                    let reads = how.read && !kernel.checks.has(Sabotage::BrokenPipe);
                    kernel.open_fifo(pid, &path, reads, how.write).ok_or("ENOENT")
                };
                let done = result.map(|handle| _ = self.tokens.insert(token, handle));
                self.answer = Some(Happening::Done(done.map_err(fault)));
            }
            Effect::SocketPair { ends, .. } => {
                let made = kernel.socket_pair(pid);
                self.tokens.extend(ends.into_iter().zip(made));
                self.answer = Some(Happening::Done(Ok(())));
            }
            Effect::Pipe { .. } | Effect::Socket { .. } => self.answer = Some(Happening::Done(Err(fault("ENOSYS")))),
            Effect::Close { token } => {
                if let Some(handle) = self.tokens.remove(&token) {
                    kernel.close(pid, handle, Why::Close);
                }
            }
            Effect::Spawn { life, plan } => {
                let result = self.spawn(kernel, life, *plan);
                self.answer = Some(Happening::Spawned { life, result });
            }
            Effect::Adopt { life, pid, ident } => {
                let result = match kernel.procs.get(&pid).filter(|proc| proc.ident == ident && proc.lives()) {
                    Some(proc) => Ok(proc.began),
                    None => Err(fault("ESRCH")),
                };
                if result.is_ok() {
                    self.lives.insert(life, Watched { pid, ident, child: false, executed: true });
                }
                self.answer = Some(Happening::Adopted { life, result });
            }
            Effect::Signal { life, signal, .. } => {
                let target = self.lives.get(&life).map(|life| (life.pid, life.ident));
                self.answer = Some(Happening::Done(signal_to(kernel, target, signal)));
            }
            Effect::SignalPid { pid, ident, signal } => {
                self.answer = Some(Happening::Done(signal_to(kernel, Some((pid, ident)), signal)));
            }
            Effect::Drain { conn } => self.draining.push_back(conn),
            Effect::Hangup { conn } => {
                if let Some((handle, _)) = self.conns.remove(&conn) {
                    kernel.close(pid, handle, Why::Close);
                }
            }
            Effect::End { code } => kernel.exit(pid, Ending::Code(code)),
        }
    }

    fn spawn(&mut self, kernel: &mut Kernel, life: LifeId, plan: keeper::core::Plan) -> Result<Born, Stillborn> {
        let fails = kernel.weather.fork_fails;
        let tag = plan.env.iter().flatten().find_map(|pair| pair.strip_prefix(b"ABIDE_INSTANCE="));
        let truth = tag.and_then(|tag| std::str::from_utf8(tag).ok()?.parse().ok());
        if kernel.dice.once_in(fails) {
            kernel.checks.short.extend(truth);
            kernel.checks.reach("a failed fork");
            return Err(Stillborn { stage: "fork", errno: "EAGAIN" });
        }
        let control = plan.control.map(|control| (control.conn, kernel.socket_pair(self.pid)));
        let place = |(number, source): &(u32, Source)| match source {
            Source::Held(token) => self.tokens.get(token).map(|handle| (*number, *handle)),
            Source::Control => control.as_ref().map(|(_, ends)| (*number, ends[1])),
            Source::Missing => None,
        };
        let places: Vec<(u32, HandleId)> = plan.places.iter().filter_map(place).collect();
        let child = kernel.fork(self.pid, Body::Unborn(Box::new(plan), places.clone()));
        for (_, handle) in places {
            kernel.share(child, handle);
        }
        if let Some((conn, ends)) = control {
            kernel.close(self.pid, ends[1], Why::Close);
            self.conns.insert(conn, (ends[0], true));
        }
        let wakes = kernel.now + kernel.dice.below(300_000);
        let proc = kernel.procs.get_mut(&child).expect("just forked");
        (proc.truth, proc.wakes) = (truth, wakes);
        let ident = proc.ident;
        self.lives.insert(life, Watched { pid: child, ident, child: true, executed: false });
        kernel.check_one_life(child);
        Ok(Born { pid: child, ident })
    }

    /// Descriptors of lives that it holds.
    pub fn held(&self, kernel: &Kernel) -> usize {
        let ours = |id: &&HandleId| {
            matches!(kernel.handles.get(*id), Some(Handle { what: What::Fifo { .. } | What::Lock(_), .. })) && **id != self.lock
        };
        self.tokens.values().filter(ours).count()
    }
}

fn signal_to(kernel: &mut Kernel, target: Option<(u32, u64)>, signal: i32) -> Result<(), Fault> {
    let found = target.filter(|(pid, ident)| kernel.procs.get(pid).is_some_and(|proc| proc.ident == *ident));
    let Some((pid, _)) = found else { return Err(fault("ESRCH")) };
    kernel.check_signal(pid, signal);
    kernel.signal(pid, signal);
    Ok(())
}

fn fault(errno: &'static str) -> Fault {
    Fault { errno, text: errno.to_owned() }
}

fn ending_of(ending: Ending) -> keeper::core::Ending {
    match ending {
        Ending::Code(code) => keeper::core::Ending::Code(code),
        Ending::Signal(number) => keeper::core::Ending::Signal { number, core: false },
    }
}

fn short(effect: &Effect) -> String {
    match effect {
        Effect::Open { path, .. } => format!("open {}", String::from_utf8_lossy(path)),
        Effect::Spawn { life, plan } => format!("spawn {life:?} {}", String::from_utf8_lossy(&plan.argv.join(&b' '))),
        other => format!("{other:?}"),
    }
}

fn heard(happening: &Happening<'_>) -> String {
    match happening {
        Happening::Received { conn, bytes } => format!("{conn:?} says {}", String::from_utf8_lossy(bytes).escape_debug()),
        other => format!("{other:?}"),
    }
}
