//! Processes: fork, exec, exit, zombies, orphans, signals.

use super::app::App;
use super::handle::{HandleId, Why};
use super::plan::Plan;
use super::state::{Kernel, Node};
use crate::trace::tell;
use keeper::core::Stillborn;
use model::InstanceId;

/// Process 1.
pub const INIT: u32 = 1;
/// A pid is not given out again within this time.
const REST: u64 = 50_000_000;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// Our own kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleKind {
    /// Parent of all.
    Keeper,
    /// Moves bytes.
    Scribe,
    /// Decides.
    Steward,
}

/// What a process does.
#[derive(Debug)]
pub enum Body {
    /// Between fork and exec: what it is to become, and what of its descriptors it keeps (numbers of the child, open files).
    Unborn(Box<Plan>, Vec<(u32, HandleId)>),
    /// One of ours.
    Role(RoleKind),
    /// A program, or a descendant of one.
    App(Box<App>),
    /// Nobody's business.
    Stranger,
}

/// A process.
#[derive(Debug)]
pub struct Proc {
    /// Its number.
    pub pid: u32,
    /// Start time in ticks of 10 ms.
    pub ident: u64,
    /// Start time in nanoseconds.
    pub began: u64,
    /// Its parent.
    pub parent: u32,
    /// Its session.
    pub session: u32,
    /// To which life it belongs; what a real kernel does not know.
    pub truth: Option<InstanceId>,
    /// `ABIDE_INSTANCE` in its environment.
    pub tag: Option<InstanceId>,
    /// How and when it ended, for a zombie.
    pub ended: Option<(Ending, u64)>,
    /// What exec said: what comes through the error pipe.
    pub report: Option<Result<(), Stillborn>>,
    /// When it does something next.
    pub wakes: u64,
    /// Its descriptors.
    pub handles: Vec<HandleId>,
    /// What a role got from 3 on.
    pub extra: Vec<HandleId>,
    /// What it does.
    pub body: Body,
}

impl Proc {
    /// Whether it is no zombie.
    pub fn lives(&self) -> bool {
        self.ended.is_none()
    }

    /// Which of our kinds it is.
    pub fn role(&self) -> Option<RoleKind> {
        match self.body {
            Body::Role(role) => Some(role),
            _ => None,
        }
    }
}

impl Kernel {
    fn free_pid(&mut self) -> u32 {
        let taken = |kernel: &Kernel, pid: u32| {
            kernel.procs.contains_key(&pid)
                || kernel.procs.values().any(|proc| proc.session == pid)
                || kernel.freed.get(&pid).is_some_and(|at| kernel.now < at + REST)
        };
        // Twice as many pids as anybody uses here.
        for _ in 0..2 * self.weather.pids {
            self.next_pid = if self.next_pid >= self.weather.pids { 2 } else { self.next_pid + 1 };
            if !taken(self, self.next_pid) {
                return self.next_pid;
            }
        }
        self.weather.pids *= 2;
        self.free_pid()
    }

    /// Makes a process out of nothing, with no descriptors.
    pub fn create(&mut self, parent: u32, body: Body) -> u32 {
        let pid = self.free_pid();
        let session = self.procs.get(&parent).map_or(pid, |parent| parent.session);
        let (truth, tag) = self.procs.get(&parent).map_or((None, None), |parent| (parent.truth, parent.tag));
        let proc = Proc {
            pid,
            ident: self.now / 10_000_000,
            began: self.now,
            parent,
            session,
            truth,
            tag,
            ended: None,
            report: None,
            wakes: self.now,
            handles: Vec::new(),
            extra: Vec::new(),
            body,
        };
        self.procs.insert(pid, proc);
        pid
    }

    /// A child with a copy of every descriptor of its parent.
    pub fn fork(&mut self, parent: u32, body: Body) -> u32 {
        let pid = self.create(parent, body);
        let handles = self.procs.get(&parent).map(|proc| proc.handles.clone()).unwrap_or_default();
        for handle in handles {
            self.share(pid, handle);
        }
        pid
    }

    /// The child's way from fork to exec: its pid into the lock file, then its program.
    pub fn exec(&mut self, pid: u32) {
        let Some(proc) = self.procs.get_mut(&pid) else { return };
        let Body::Unborn(plan, places) = std::mem::replace(&mut proc.body, Body::Stranger) else { return };
        if plan.session {
            proc.session = pid;
        }
        if let Some((_, lock)) = plan.lock.and_then(|number| places.iter().find(|(at, _)| *at == number)) {
            self.write_pid(*lock, pid);
        }
        if plan.aborts {
            // As after exec: the abort happens in the child, where nobody can tell the difference.
            self.report(pid, Ok(()));
            return self.exit(pid, Ending::Signal(6));
        }
        let word = |at: usize| plan.argv.get(at).map(String::as_str).unwrap_or_default();
        let body = match word(0) {
            name if name.ends_with("abide-scribe") => Body::Role(RoleKind::Scribe),
            name if name.ends_with("abide-steward") => Body::Role(RoleKind::Steward),
            "app" if word(1) != "missing" => Body::App(Box::new(App::new(word(1), &places))),
            _ => {
                self.report(pid, Err(Stillborn { stage: "exec", errno: "ENOENT" }));
                return self.exit(pid, Ending::Code(127));
            }
        };
        let (tag, now) = (plan.tag(), self.now);
        let Some(proc) = self.procs.get_mut(&pid) else { return };
        (proc.body, proc.tag, proc.wakes) = (body, tag, now);
        // Every copy goes; what the plan lists was shared once more at fork.
        let mut kept: Vec<HandleId> = places.iter().map(|(_, handle)| *handle).collect();
        for handle in std::mem::take(&mut proc.handles) {
            match kept.iter().position(|keep| *keep == handle) {
                Some(at) => {
                    kept.swap_remove(at);
                    self.procs.entry(pid).and_modify(|proc| proc.handles.push(handle));
                }
                None => self.drop_ref(handle, Why::Exec),
            }
        }
        if let Some(Proc { body: Body::Role(_), .. }) = self.procs.get(&pid) {
            let control: Vec<HandleId> = places.iter().filter(|(at, _)| *at > 2).map(|(_, handle)| *handle).collect();
            self.procs.entry(pid).and_modify(|proc| proc.extra = control);
        }
        tell!(self, "p{pid}: executes {} {}", word(0), word(1));
        if word(0) == "app" {
            self.begin_voice(pid);
        }
        self.report(pid, Ok(()));
    }

    fn report(&mut self, pid: u32, result: Result<(), Stillborn>) {
        if let Some(proc) = self.procs.get_mut(&pid) {
            proc.report = Some(result);
        }
    }

    fn write_pid(&mut self, handle: HandleId, pid: u32) {
        if let Some(super::What::Lock(lock)) = self.handles.get(&handle).map(|handle| handle.what) {
            self.locks[lock].text = Some(pid);
        }
    }

    /// The pid that stands in a lock file.
    pub fn pid_in(&self, path: &str) -> Option<u32> {
        match self.paths.get(path) {
            Some(Node::Lock(lock)) => self.locks[*lock].text,
            _ => None,
        }
    }

    /// Ends a process: descriptors closed, children given away, a zombie for its parent.
    pub fn exit(&mut self, pid: u32, ending: Ending) {
        let Some(proc) = self.procs.get_mut(&pid).filter(|proc| proc.lives()) else { return };
        proc.ended = Some((ending, self.now));
        let (handles, parent) = (std::mem::take(&mut proc.handles), proc.parent);
        let was_keeper = proc.role() == Some(RoleKind::Keeper);
        tell!(self, "p{pid}: ends by {ending:?}");
        for handle in handles {
            self.drop_ref(handle, Why::Exit);
        }
        let heir = if was_keeper { INIT } else { self.subreaper(parent) };
        for child in self.procs.values_mut().filter(|child| child.parent == pid) {
            child.parent = heir;
        }
        let lazy = self.weather.lazy_init;
        if lazy > 0
            && let Some(proc) = self.procs.get_mut(&pid)
        {
            proc.wakes = self.now + self.dice.below(lazy);
        }
        self.init_reaps();
    }

    fn subreaper(&self, mut pid: u32) -> u32 {
        while let Some(proc) = self.procs.get(&pid) {
            if proc.role() == Some(RoleKind::Keeper) && proc.lives() {
                return pid;
            }
            pid = proc.parent;
        }
        INIT
    }

    /// Init reaps what has been given to it, in its own time.
    pub fn init_reaps(&mut self) {
        let (now, lazy) = (self.now, self.weather.lazy_init > 0);
        let due = |proc: &&Proc| proc.parent == INIT && !proc.lives() && (!lazy || proc.wakes <= now);
        let done: Vec<u32> = self.procs.values().filter(due).map(|proc| proc.pid).collect();
        for pid in done {
            self.reap(pid);
        }
    }

    /// Takes a zombie away.
    pub fn reap(&mut self, pid: u32) -> Option<Ending> {
        let proc = self.procs.get(&pid)?;
        let (ending, _) = proc.ended?;
        self.ends.insert((pid, proc.ident), ending);
        self.procs.remove(&pid);
        self.freed.insert(pid, self.now);
        Some(ending)
    }

    /// Sends a signal to a process. Whether there was one (a zombie counts).
    pub fn signal(&mut self, pid: u32, signal: i32) -> bool {
        let Some(proc) = self.procs.get_mut(&pid) else { return false };
        if !proc.lives() {
            return true;
        }
        let now = self.now;
        match &mut proc.body {
            Body::App(app) if signal != 9 => {
                if let Some(at) = app.signalled(signal, now) {
                    proc.wakes = at;
                }
            }
            _ => self.exit(pid, Ending::Signal(signal)),
        }
        true
    }
}
