//! A house on a fake kernel, one thing at a time, in an order that a seed chooses.

use crate::check::Sabotage;
use crate::dice::Dice;
use crate::home::Home;
use crate::keeper::Keeper;
use crate::kernel::{Body, Ending, Kernel, RoleKind, Weather};
use crate::operator;
use crate::scribe::Scribe;
use crate::steward::Steward;
use crate::trace::tell;
use std::collections::BTreeMap;

const SECOND: u64 = 1_000_000_000;

/// How a run is to be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// Everything that chance decides follows from this.
    pub seed: u64,
    /// Whether apps are more than a program: readiness, health, dependencies, groups, schedules, limits, watched files, hooks.
    pub mixed: bool,
    /// Whether apps have strategies of reload, and users reload them.
    pub rolls: bool,
    /// Whether the screenplay is written down.
    pub trace: bool,
    /// How many of its last lines a verdict shows.
    pub lines: usize,
    /// A defect put in on purpose.
    pub sabotage: Option<Sabotage>,
}

/// What a run was like.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Things done.
    pub steps: u64,
    /// Keepers, scribes and stewards killed.
    pub kills: u64,
    /// Lives that were forked.
    pub lives: u64,
    /// Bytes that programs wrote.
    pub bytes: u64,
    /// Bytes lost because nobody at all held the FIFO.
    pub lost: u64,
    /// How often the rarer things happened.
    pub reached: BTreeMap<&'static str, u64>,
}

/// The house and its machine.
pub struct World {
    /// The machine.
    pub kernel: Kernel,
    /// The disk.
    pub home: Home,
    /// Chance of the world, apart from the kernel's.
    pub dice: Dice,
    pub(crate) keepers: BTreeMap<u32, Keeper>,
    pub(crate) scribes: BTreeMap<u32, Scribe>,
    pub(crate) stewards: BTreeMap<u32, Steward>,
    stalled: BTreeMap<u32, u64>,
    /// What apps are like.
    pub(crate) like: operator::Like,
    /// A role is killed once in so many of its steps; 0 = never.
    pub(crate) kill_rate: u64,
    pub(crate) next_op: u64,
    pub(crate) chaos_ends: u64,
    revive_at: Option<u64>,
    /// What it was like.
    pub figures: Figures,
}

impl World {
    /// A machine on which a keeper has just been started for an empty home.
    pub fn new(settings: Settings) -> World {
        let mut dice = Dice::new(settings.seed);
        let weather = Weather {
            fork_fails: dice.pick(&[0, 0, 30, 6]),
            open_fails: dice.pick(&[0, 0, 200, 30]),
            write_fails: dice.pick(&[0, 0, 300, 50]),
            tells_ends: dice.once_in(2),
            lazy_init: dice.pick(&[0, 0, 1_500_000_000]),
            pids: dice.pick(&[32_768, 120, 60]),
            link: dice.pick(&[250, 250, 2]),
            socket: dice.pick(&[200 << 10, 200 << 10, 300]),
            pace: 1,
            quiet: false,
            mixed: settings.mixed,
            kind: false,
        };
        let mixed = settings.mixed;
        let like = operator::Like { mixed, rolls: settings.rolls };
        let mut kernel = Kernel::new(dice.roll(), weather);
        kernel.trace.on = settings.trace;
        kernel.checks.sabotage = settings.sabotage;
        let mut home = Home::default();
        home.inbox.extend(operator::first_ops(&mut dice, like));
        let now = kernel.now;
        let kill_rate = dice.pick(&[0, 3000, 800, 250, 80]);
        let (next_op, chaos_ends) = (now + SECOND, now + dice.between(3, if mixed { 20 } else { 12 }) * SECOND);
        let mut world = World {
            kernel,
            home,
            dice,
            keepers: BTreeMap::new(),
            scribes: BTreeMap::new(),
            stewards: BTreeMap::new(),
            stalled: BTreeMap::new(),
            like,
            kill_rate,
            next_op,
            chaos_ends,
            revive_at: None,
            figures: Figures::default(),
        };
        world.start_keeper();
        world
    }

    pub(crate) fn start_keeper(&mut self) {
        let (pid, keeper) = Keeper::new(&mut self.kernel);
        self.keepers.insert(pid, keeper);
    }

    /// Does one thing; when there is nothing to do, lets time pass until there is. Whether anything was done before `until`.
    pub fn step(&mut self, until: u64) -> bool {
        self.kernel.now += self.dice.between(2_000, 40_000);
        self.figures.steps += 1;
        if self.kernel.weather.lazy_init > 0 && self.figures.steps.is_multiple_of(16) {
            self.kernel.init_reaps();
        }
        self.settle_roles();
        let now = self.kernel.now;
        if now < self.chaos_ends {
            self.disturb();
        }
        self.revive();
        let actors: Vec<u32> = self.kernel.procs.values().filter(|proc| proc.lives()).map(|proc| proc.pid).collect();
        let first = if actors.is_empty() { 0 } else { self.dice.below(actors.len() as u64) as usize };
        for at in 0..actors.len() {
            let pid = actors[(first + at) % actors.len()];
            if self.act(pid) {
                return true;
            }
        }
        let next = self.next_time().unwrap_or(until).max(now).min(until);
        self.kernel.now = next;
        self.kernel.init_reaps();
        next < until
    }

    fn act(&mut self, pid: u32) -> bool {
        if self.stalled.get(&pid).is_some_and(|at| *at > self.kernel.now) {
            return false;
        }
        let Some(proc) = self.kernel.procs.get(&pid).filter(|proc| proc.lives()) else { return false };
        let due = proc.wakes <= self.kernel.now;
        match proc.body {
            Body::Unborn(..) if due => {
                self.kernel.exec(pid);
                true
            }
            Body::Unborn(..) | Body::Stranger => false,
            Body::App(_) => self.kernel.run_app(pid) || self.kernel.speak(pid),
            Body::Role(role) => {
                let did = self.act_role(role, pid);
                if did {
                    self.maybe_kill(role);
                }
                did
            }
        }
    }

    fn act_role(&mut self, role: RoleKind, pid: u32) -> bool {
        match role {
            RoleKind::Keeper => self.keepers.get_mut(&pid).is_some_and(|keeper| keeper.run(&mut self.kernel)),
            RoleKind::Scribe => {
                if !self.scribes.contains_key(&pid)
                    && let Some(scribe) = Scribe::new(&mut self.kernel, pid)
                {
                    self.scribes.insert(pid, scribe);
                }
                self.scribes.get_mut(&pid).is_some_and(|scribe| scribe.run(&mut self.kernel))
            }
            RoleKind::Steward => {
                if !self.stewards.contains_key(&pid)
                    && let Some(steward) = Steward::new(&mut self.kernel, pid)
                {
                    self.stewards.insert(pid, steward);
                }
                let Some(steward) = self.stewards.get_mut(&pid) else { return false };
                let did = steward.run(&mut self.kernel, &mut self.home);
                if did && steward.is_open() && self.kernel.checks.violations.is_empty() {
                    self.check_views(pid);
                }
                did
            }
        }
    }

    /// What became of processes of ours that ended by themselves or by us.
    fn settle_roles(&mut self) {
        let gone = |kernel: &Kernel, pid: &u32, role| {
            kernel.procs.get(pid).is_none_or(|proc| !proc.lives() || proc.role() != Some(role))
        };
        let kernel = &self.kernel;
        let mut rescues = 0;
        self.keepers.retain(|pid, _| !gone(kernel, pid, RoleKind::Keeper));
        let stopped = self.home.stopped;
        self.scribes.retain(|pid, scribe| {
            rescues += u32::from(std::mem::take(&mut scribe.rescues) && !stopped);
            !gone(kernel, pid, RoleKind::Scribe)
        });
        self.stewards.retain(|pid, steward| {
            rescues += u32::from(std::mem::take(&mut steward.rescues) && !stopped);
            !gone(kernel, pid, RoleKind::Steward)
        });
        for _ in 0..rescues {
            tell!(self.kernel, "a survivor starts a keeper");
            self.start_keeper();
        }
    }

    /// A kill between two steps: of one role, two, or all.
    fn maybe_kill(&mut self, acted: RoleKind) {
        if self.kernel.now >= self.chaos_ends || !self.dice.once_in(self.kill_rate) || self.figures.kills >= 60 {
            return;
        }
        use RoleKind::{Keeper, Scribe, Steward};
        let victims: Vec<RoleKind> = match self.dice.below(10) {
            0..=3 => vec![acted],
            4 => vec![Keeper],
            5 => vec![Keeper, Scribe],
            6 => vec![Keeper, Steward],
            7 => vec![Scribe, Steward],
            _ => vec![Keeper, Scribe, Steward],
        };
        let hit = |proc: &&crate::kernel::Proc| proc.lives() && proc.role().is_some_and(|role| victims.contains(&role));
        let pids: Vec<u32> = self.kernel.procs.values().filter(hit).map(|proc| proc.pid).collect();
        if self.kernel.procs.values().any(|proc| matches!(proc.body, Body::Unborn(..)) && proc.truth.is_some()) {
            self.kernel.checks.reach("a kill between fork and exec of an app");
        }
        for pid in pids {
            tell!(self.kernel, "*** SIGKILL to {:?} p{pid}", self.kernel.procs[&pid].role());
            self.kernel.exit(pid, Ending::Signal(9));
            self.figures.kills += 1;
        }
    }

    /// Users, accidents, and a machine that is slow at times.
    fn disturb(&mut self) {
        if self.kernel.now < self.next_op {
            return;
        }
        self.next_op = self.kernel.now + self.dice.between(20, 900) * 1_000_000;
        match self.dice.below(if self.kernel.weather.mixed { 15 } else { 10 }) {
            10.. => self.trouble(),
            0..=4 => {
                if self.home.inbox.len() < 4 && !self.home.stopped {
                    let op = operator::next_op(&mut self.dice, &self.home, self.like);
                    self.home.inbox.push_back(op);
                }
            }
            5..=6 => {
                let apps = |proc: &&crate::kernel::Proc| proc.lives() && matches!(proc.body, Body::App(_));
                let apps: Vec<u32> = self.kernel.procs.values().filter(apps).map(|proc| proc.pid).collect();
                if !apps.is_empty() {
                    let pid = self.dice.pick(&apps);
                    tell!(self.kernel, "somebody kills p{pid}");
                    self.kernel.signal(pid, 9);
                }
            }
            7 => {
                let jump = self.dice.between(0, 7_200_000) as i64 - 3_600_000;
                self.kernel.wall_ahead += jump;
            }
            8 => {
                let all: Vec<u32> = self.kernel.procs.keys().copied().collect();
                if !all.is_empty() {
                    let pid = self.dice.pick(&all);
                    let until = self.kernel.now + self.dice.between(5, 1500) * 1_000_000;
                    tell!(self.kernel, "p{pid} is not run for a while");
                    self.stalled.insert(pid, until);
                }
            }
            _ => {
                let old = std::mem::replace(&mut self.kill_rate, self.dice.pick(&[3000, 800, 250, 80]));
                self.kill_rate = if old == 0 { 0 } else { self.kill_rate };
            }
        }
    }

    /// Something befalls an app: it is ill, hangs, eats memory, or its files change.
    fn trouble(&mut self) {
        let leads = |proc: &&crate::kernel::Proc| self.kernel.voice_of(proc).is_some();
        let leaders: Vec<(u32, model::InstanceId)> =
            self.kernel.procs.values().filter(leads).filter_map(|proc| Some((proc.pid, proc.truth?))).collect();
        if leaders.is_empty() {
            return;
        }
        let (pid, instance) = self.dice.pick(&leaders);
        let until = self.kernel.now + self.dice.between(300, 5000) * 1_000_000;
        let what = self.dice.below(6);
        tell!(
            self.kernel,
            "something befalls {instance}: {}",
            ["it is ill", "it is ill", "it hangs", "it is big", "OOM", "an edit"][what as usize]
        );
        let Some(voice) = self.kernel.voices.get_mut(&instance) else { return };
        match what {
            0..=1 => voice.sick_until = until,
            2 => voice.hung_until = until,
            3 => voice.fat = true,
            4 => {
                self.kernel.starved.push(instance);
                self.kernel.signal(pid, 9);
            }
            _ => {
                let app = self.kernel.checks.slots.get(&instance).map(|slot| slot.app.clone());
                self.kernel.touched.extend(app.map(|app| (app, self.kernel.now)));
            }
        }
    }

    /// When nobody of ours is left, the next command starts the house.
    fn revive(&mut self) {
        let ours = |proc: &crate::kernel::Proc| proc.lives() && (proc.role().is_some() || matches!(proc.body, Body::Unborn(..)));
        if self.kernel.procs.values().any(ours) {
            self.revive_at = None;
            return;
        }
        let now = self.kernel.now;
        match self.revive_at {
            None => self.revive_at = Some(now + self.dice.between(1, 3000) * 1_000_000),
            Some(at) if at <= now => {
                tell!(self.kernel, "a command starts the house");
                self.home.stopped = false;
                self.revive_at = None;
                self.start_keeper();
            }
            Some(_) => {}
        }
    }

    /// When something happens next by itself.
    fn next_time(&self) -> Option<u64> {
        let mut times: Vec<u64> = Vec::new();
        for proc in self.kernel.procs.values() {
            let stalled = self.stalled.get(&proc.pid).copied().unwrap_or(0);
            let at = match proc.body {
                Body::Role(RoleKind::Keeper) => self.keepers.get(&proc.pid).and_then(|keeper| keeper.deadline(&self.kernel)),
                Body::Role(RoleKind::Scribe) => self.scribes.get(&proc.pid).and_then(Scribe::deadline),
                Body::Role(RoleKind::Steward) => self.stewards.get(&proc.pid).and_then(|steward| steward.deadline(&self.kernel)),
                Body::App(_) if proc.lives() => {
                    let speaks = self.kernel.voice_of(proc).map_or(u64::MAX, |voice| voice.next);
                    // One that waits for room in a FIFO is woken by whoever makes it.
                    if proc.wakes > self.kernel.now { Some(proc.wakes.min(speaks)) } else { Some(speaks) }
                }
                Body::Unborn(..) if proc.lives() => Some(proc.wakes),
                _ if !proc.lives() => Some(proc.wakes),
                _ => None,
            };
            if proc.lives() && stalled > self.kernel.now {
                times.push(stalled);
            } else {
                times.extend(at.filter(|at| *at > self.kernel.now));
            }
        }
        if self.kernel.now < self.chaos_ends {
            times.push(self.next_op);
        }
        times.extend(self.revive_at);
        times.into_iter().min()
    }
}
