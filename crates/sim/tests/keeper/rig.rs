//! A keeper's core between controllers and a kernel that a run makes up: what happens to it, and what it asks for.

use super::course::Courses;
use super::ledger;
use super::ops::Op;
use super::parts::{Life, Peer, is_answered};
use keeper::core::{
    Address, Bond, Born, ConnId, Core, Effect, Ending, Fault, FdToken, Happening, LifeId, PoolSize, Reach, Settings, Source,
    Stillborn,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What must hold does not.
pub type Verdict = Result<(), String>;

/// Fails with a text unless a condition holds.
macro_rules! must {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err(format!($($why)+));
        }
    };
}
pub(crate) use must;

/// The keeper and all around it.
pub struct Rig {
    pub core: Core,
    pub settings: Settings,
    pub now: u64,
    effects: VecDeque<Effect>,
    pub tokens: BTreeSet<FdToken>,
    pub peers: BTreeMap<ConnId, Peer>,
    pub lives: BTreeMap<LifeId, Life>,
    born: BTreeSet<LifeId>,
    next_pid: u32,
    /// So many effects are refused from now on.
    refuse: u32,
    pub upgrading: bool,
    pub over: bool,
    /// Who hears every event.
    ear: ConnId,
    courses: Courses,
}

const FAULT: Fault = Fault { errno: "EIO", text: "Input/output error", call: "" };

impl Rig {
    /// A keeper at its start; `words` say how it is started.
    pub fn new(words: &str) -> Result<Rig, String> {
        let pool = |count, bytes| words.contains("fixed").then_some(PoolSize { count, bytes });
        let settings = Settings { services: pool(4, 300), fds: pool(12, 96), ..Settings::default() };
        let mut core = Core::new(settings);
        let fds = [("null", Bond::Constant), ("stdin", Bond::Standard), ("fd_7", Bond::Received)];
        let tokens =
            fds.iter().filter_map(|(name, bond)| core.inherit(name, (true, true), "given", *bond)).collect::<BTreeSet<_>>();
        must!(tokens.len() == fds.len(), "a token is given out twice");
        let ear = core.connect().ok_or("no connection")?;
        let mut peers = BTreeMap::from([(ear, Peer { reads: -1, ..Peer::default() })]);
        if words.contains("console") {
            peers.insert(core.console(""), Peer { reads: -1, ..Peer::default() });
        }
        peers.entry(ear).and_modify(|peer| peer.sent.extend(*b"dialect\t2\n"));
        let mut rig = Rig {
            core,
            settings,
            now: 200_000_000_000_000,
            effects: VecDeque::new(),
            tokens,
            peers,
            lives: BTreeMap::new(),
            born: BTreeSet::new(),
            next_pid: 100,
            refuse: 0,
            upgrading: false,
            over: false,
            ear,
            courses: Courses::default(),
        };
        rig.step(Happening::Woken)?;
        rig.settle()?;
        Ok(rig)
    }

    /// One thing happens, and everything that follows from it.
    pub fn happen(&mut self, op: &Op) -> Verdict {
        if self.over {
            return Ok(());
        }
        let conns: Vec<ConnId> = self.peers.keys().copied().filter(|conn| *conn != self.ear).collect();
        let conn = |at: &usize| conns.get(at % conns.len().max(1)).copied();
        let lives: Vec<LifeId> = self.lives.keys().copied().collect();
        let life = |at: &usize| lives.get(at % lives.len().max(1)).copied();
        let mut happening = None;
        match op {
            Op::Connect => {
                let can = self.core.can_connect();
                let new = self.core.connect();
                must!(can == new.is_some(), "can_connect is {can}, and it is not so");
                if let Some(conn) = new {
                    must!(
                        self.peers.insert(conn, Peer { reads: -1, ..Peer::default() }).is_none(),
                        "{conn:?} is given out twice"
                    );
                }
            }
            Op::Read(at) => self.read(conn(at), 100)?,
            Op::Executes(at) | Op::Refuses(at) => {
                let Some(life) = life(at) else { return Ok(()) };
                let known = self.lives.get_mut(&life).is_none_or(|life| std::mem::replace(&mut life.executed, true));
                let why = Stillborn { stage: "exec", errno: "ENOENT" };
                let fresh = if matches!(op, Op::Executes(_)) {
                    Happening::Executed { life }
                } else {
                    Happening::NotExecuted { life, why }
                };
                happening = (!known).then_some(fresh);
            }
            Op::Exits(at, ending) => {
                let Some(life) = life(at) else { return Ok(()) };
                if self.lives.get_mut(&life).is_some_and(|life| !std::mem::replace(&mut life.executed, true)) {
                    self.step(Happening::Executed { life })?;
                    self.settle()?;
                }
                // Its end of the connection goes with it.
                self.peers.values_mut().filter(|peer| peer.life == Some(life)).for_each(|peer| peer.ends = true);
                let pid = self.lives.remove(&life).map_or(0, |life| life.pid);
                self.step(Happening::Exited { life, ending: *ending })?;
                self.read(Some(self.ear), -1)?;
                self.courses.is_over(pid)?;
            }
            Op::Passed(ms) => {
                self.now += ms * 1_000_000;
                happening = Some(Happening::Woken);
            }
            Op::Due => {
                // Not later than anybody waits for.
                self.now = self.core.deadline().unwrap_or(self.now + 1).clamp(self.now, self.now + 1_000_000_000_000);
                happening = Some(Happening::Woken);
            }
            Op::Signal(number) => happening = Some(Happening::Signal { number: *number }),
            Op::Orphan(pid) => {
                let ending = Ending::Code(0);
                happening =
                    self.core.wants_orphans().then_some(Happening::Orphan { pid: *pid, session: Some(100 + pid), ending });
            }
            Op::Logged(count) => {
                let waits = self.core.log_unsent().map_or(0, |(_, text)| text.len());
                happening = (waits > 0).then_some(Happening::Logged { count: waits.min(*count) });
            }
            Op::NotLogged => happening = self.core.log_unsent().is_some().then_some(Happening::NotLogged),
            Op::NotUpgraded => {
                let upgrading = std::mem::take(&mut self.upgrading);
                happening = upgrading.then_some(Happening::NotUpgraded { why: "it cannot\tread\nthis" });
            }
            Op::Upgrade => {
                self.core = ledger::handed_over(self)?;
                self.upgrading = false;
                happening = Some(Happening::Woken);
            }
            Op::Dump => ledger::dumped(self)?,
            Op::Refuse(count) => self.refuse = *count,
            Op::Say(at, _) | Op::Reads(at, _) | Op::Ends(at) | Op::Breaks(at) | Op::Passes(at) => {
                let Some((conn, peer)) = conn(at).and_then(|conn| Some((conn, self.peers.get_mut(&conn)?))) else {
                    return Ok(());
                };
                match op {
                    Op::Say(_, bytes) if !peer.ends && peer.sent.len() < 200_000 => peer.sent.extend(bytes),
                    Op::Reads(_, count) => peer.reads = *count,
                    Op::Ends(_) => peer.ends = true,
                    Op::Breaks(_) if !peer.broken => {
                        (peer.broken, peer.ends) = (true, true);
                        happening = Some(Happening::Broken { conn });
                    }
                    Op::Passes(_) => peer.passed = 2.min(peer.passed + 1),
                    _ => {}
                }
            }
        }
        let woken = matches!(happening, Some(Happening::Woken));
        if let Some(happening) = happening {
            self.step(happening)?;
        }
        self.settle()?;
        if woken { self.comes_to_rest() } else { Ok(()) }
    }

    /// What is due has been done. What that says to somebody with a patience of no time is due at once, so more than one waking may be
    /// needed; a keeper that is always due would spin.
    fn comes_to_rest(&mut self) -> Verdict {
        for _ in 0..4 {
            if self.over || self.core.deadline().is_none_or(|at| at > self.now) {
                return Ok(());
            }
            self.step(Happening::Woken)?;
            self.settle()?;
        }
        Err("something is always due".to_owned())
    }

    fn step(&mut self, happening: Happening<'_>) -> Verdict {
        if self.over {
            return Ok(());
        }
        self.core.step(happening, self.now, &mut self.effects);
        let asked = self.effects.iter().filter(|effect| is_answered(effect)).count();
        must!(asked <= 1, "{asked} effects wait for an answer: {:?}", self.effects);
        for conn in self.peers.keys() {
            let (unsent, room) = (self.core.unsent(*conn).len(), self.core.room(*conn));
            must!(unsent <= 256 * 1024 && room <= 65_537, "{conn:?}: {unsent} bytes wait, room for {room}");
        }
        Ok(())
    }

    /// Effects, and what controllers have said, until nothing more comes of it.
    fn settle(&mut self) -> Verdict {
        // A keeper that talks to itself for ever is one that hangs.
        for _ in 0..100_000 {
            if self.over {
                return Ok(());
            }
            if let Some(effect) = self.effects.pop_front() {
                self.perform(effect)?;
                continue;
            }
            if !self.hear_peers()? {
                return ledger::checked(self);
            }
        }
        Err("it never comes to rest".to_owned())
    }

    /// One thing that a connection gives or takes. Whether there was any.
    fn hear_peers(&mut self) -> Result<bool, String> {
        for conn in self.peers.keys().copied().collect::<Vec<_>>() {
            let (unsent, room) = (self.core.unsent(conn).len(), self.core.room(conn));
            let Some(peer) = self.peers.get_mut(&conn) else { continue };
            if unsent > 0 && peer.reads != 0 && !peer.broken && (peer.reads < 0 || unsent > 1000) {
                let count = peer.reads;
                self.read(Some(conn), count)?;
                return Ok(true);
            }
            if !peer.ended && room > 0 && !peer.sent.is_empty() {
                let bytes: Vec<u8> = peer.sent.drain(..room.min(peer.sent.len())).collect();
                self.step(Happening::Received { conn, bytes: &bytes })?;
                return Ok(true);
            }
            if !peer.ended && (peer.ends || peer.draining) && peer.sent.is_empty() {
                peer.ended = true;
                self.step(Happening::Ended { conn })?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A controller reads so many bytes.
    fn read(&mut self, conn: Option<ConnId>, count: i64) -> Verdict {
        let Some((conn, peer)) = conn.and_then(|conn| Some((conn, self.peers.get_mut(&conn)?))) else { return Ok(()) };
        let unsent = self.core.unsent(conn);
        let count = if count < 0 { unsent.len() } else { unsent.len().min(count as usize) };
        if count == 0 || peer.broken {
            return Ok(());
        }
        peer.ear.hear(&unsent[..count]).map_err(|why| format!("{conn:?} hears {why}"))?;
        let lines = std::mem::take(&mut peer.ear.lines);
        if conn == self.ear {
            self.courses.hear(&lines)?;
        }
        self.step(Happening::Sent { conn, count })
    }

    fn perform(&mut self, effect: Effect) -> Verdict {
        let good = !is_answered(&effect) || self.refuse == 0;
        self.refuse -= u32::from(!good);
        let done = if good { Ok(()) } else { Err(FAULT) };
        let has_text = match effect {
            Effect::Open { .. } | Effect::Chdir | Effect::Listen => true,
            Effect::Socket { address, .. } => matches!(address, Some(Address::Path)),
            Effect::Signal { reach, .. } => reach == Reach::Tree,
            _ => false,
        };
        must!(!has_text || !self.core.text().contains(&0), "a NUL in the text of {effect:?}");
        match effect {
            Effect::Open { token, .. } | Effect::Socket { token, .. } => self.open(&[token], good)?,
            Effect::Take { conn, token } => {
                let peer = self.peers.get_mut(&conn).ok_or("taken from nobody")?;
                let good = good && peer.passed > 0;
                peer.passed -= u32::from(good);
                self.open(&[token], good)?;
                return self.step(Happening::Done(if good { Ok(()) } else { Err(FAULT) }));
            }
            Effect::Untaken { conn } => {
                let peer = self.peers.get_mut(&conn).ok_or("untaken from nobody")?;
                peer.passed = peer.passed.saturating_sub(1);
            }
            Effect::Pipe { read, write, .. } => self.open(&[read, write], good)?,
            Effect::SocketPair { ends, .. } => self.open(&ends, good)?,
            Effect::Give { conn, token, at } => {
                must!(self.tokens.contains(&token), "{token:?} is given and not open");
                let (sent, unsent) = (self.core.sent(conn), self.core.unsent(conn).len() as u64);
                must!((sent..=sent + unsent).contains(&at), "given at {at}, {sent} are sent and {unsent} wait");
            }
            Effect::Steer { token, .. } => must!(self.tokens.contains(&token), "{token:?} steers and is not open"),
            Effect::Close { token } => must!(self.tokens.remove(&token), "{token:?} is closed and not open"),
            Effect::Spawn { life } => {
                let result = self.spawn(life, good)?;
                return self.step(Happening::Spawned { life, result });
            }
            Effect::Adopt { life, pid, .. } => {
                self.begins(life)?;
                let good = good && self.lives.values().all(|life| life.pid != pid);
                if good {
                    self.lives.insert(life, Life { pid, executed: true });
                }
                return self.step(Happening::Adopted { life, result: if good { Ok(self.now - 1) } else { Err(FAULT) } });
            }
            Effect::Signal { life, .. } => must!(self.lives.contains_key(&life), "a signal for {life:?}, which is over"),
            Effect::Drain { conn } => self.peers.get_mut(&conn).ok_or("drains nobody")?.draining = true,
            Effect::Hangup { conn } => must!(self.peers.remove(&conn).is_some(), "{conn:?} is closed and does not exist"),
            Effect::Upgrade => {
                let text = self.core.upgrade_path();
                must!(text.windows(6).any(|part| part == b"keeper"), "an upgrade to \"{}\"", text.escape_ascii());
                self.upgrading = true;
            }
            Effect::Arm => must!(self.core.exec_args().len() <= 256, "exec args of {} bytes", self.core.exec_args().len()),
            Effect::End { .. } => self.over = true,
            Effect::Chdir | Effect::Listen | Effect::Unlisten | Effect::SignalPid { .. } => {}
        }
        if is_answered(&effect) { self.step(Happening::Done(done)) } else { Ok(()) }
    }

    fn open(&mut self, tokens: &[FdToken], good: bool) -> Verdict {
        for token in tokens {
            must!(!self.tokens.contains(token), "{token:?} is given out while it is open");
            must!(tokens.iter().filter(|other| *other == token).count() == 1, "{token:?} twice at once");
        }
        self.tokens.extend(tokens.iter().filter(|_| good));
        Ok(())
    }

    fn begins(&mut self, life: LifeId) -> Verdict {
        must!(self.born.insert(life), "{life:?} is given out twice");
        let same = self.lives.keys().find(|other| other.slot() == life.slot());
        must!(same.is_none(), "{life:?} begins while {same:?} is under way");
        Ok(())
    }

    fn spawn(&mut self, life: LifeId, good: bool) -> Result<Result<Born, Stillborn>, String> {
        self.begins(life)?;
        let plan = self.core.plan();
        // Nothing to execute is a program that cannot be executed.
        must!(
            plan.argv.is_empty() || plan.argv.ends_with(b"\0"),
            "arguments without an end: {:?}",
            plan.argv.escape_ascii().to_string()
        );
        must!(plan.places.is_sorted_by(|(a, _), (b, _)| a < b), "places in disorder: {:?}", plan.places);
        for (number, source) in plan.places {
            match source {
                Source::Held(token) => must!(self.tokens.contains(token), "{number} is to be {token:?}, which is not open"),
                Source::Control => must!(plan.control.is_some(), "{number} is to be a control connection that is not made"),
                Source::Missing => {}
            }
        }
        let control = plan.control.map(|control| control.conn);
        must!(control.is_none_or(|conn| !self.peers.contains_key(&conn)), "{control:?} is given out twice");
        if !good {
            return Ok(Err(Stillborn { stage: "fork", errno: "EAGAIN" }));
        }
        self.next_pid += 1;
        let pid = self.next_pid;
        self.lives.insert(life, Life { pid, executed: false });
        if let Some(conn) = control {
            self.peers.insert(conn, Peer { reads: -1, life: Some(life), ..Peer::default() });
        }
        Ok(Ok(Born { pid, ident: u64::from(pid) * 7 }))
    }
}
