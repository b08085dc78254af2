//! A run from its beginning to its verdict.

use crate::check::Sabotage;
use crate::home::StoredApp;
use crate::judge::{holds, holds_well, is_unheard};
use crate::kernel::{Node, RoleKind};
use crate::world::{Figures, Settings, World};
use model::Status;

const SECOND: u64 = 1_000_000_000;

/// How long the house has to come to rest.
const CALM: u64 = 90 * SECOND;
/// How long it is watched doing nothing.
const IDLE: u64 = 60 * SECOND;
/// Happenings that our processes may take in a second of that time, and for each life that is begun in it.
const IDLE_STEPS: u64 = 3;
const LIFE_STEPS: u64 = 200;
/// No run does more.
const MOST_STEPS: u64 = 3_000_000;

/// Plays a seed.
///
/// # Errors
/// What was violated, with the end of the screenplay where it was written down.
pub fn play(settings: Settings) -> Result<Figures, String> {
    let mut world = World::new(settings);
    let result = world.play();
    let figures = &mut world.figures;
    figures.reached = world.kernel.checks.reached.clone();
    figures.lives = world.kernel.checks.forked.len() as u64;
    figures.bytes = world.kernel.fifos.iter().map(|fifo| fifo.written).sum();
    figures.lost = world.kernel.fifos.iter().map(|fifo| fifo.lost).sum();
    let figures = std::mem::take(&mut world.figures);
    result.map(|()| figures).map_err(|why| format!("{}{why}", world.kernel.trace.tail(settings.lines)))
}

impl World {
    fn play(&mut self) -> Result<(), String> {
        let end = self.chaos_ends;
        self.until(end)?;
        // From here on nobody disturbs, and the machine is in good order.
        let weather = &mut self.kernel.weather;
        (weather.fork_fails, weather.open_fails, weather.write_fails, weather.pace) = (0, 0, 0, 8);
        weather.kind = true;
        self.until(end + CALM)?;
        self.kernel.weather.quiet = true;
        self.until(end + CALM + 5 * SECOND)?;
        self.kernel.check_logs();
        self.verdict()?;
        // A program that ends just now is not yet closed; one that is never closed is not so at any of these times.
        let mut wrong = self.check_rest();
        for _ in 0..10 {
            if wrong.is_empty() {
                break;
            }
            self.until(self.kernel.now + 370_000_000)?;
            wrong = self.check_rest();
        }
        self.kernel.checks.violations.extend(wrong);
        self.verdict()?;
        self.check_idle(self.kernel.now)
    }

    fn until(&mut self, time: u64) -> Result<(), String> {
        while self.kernel.now < time {
            self.step(time);
            self.verdict()?;
            if self.figures.steps > MOST_STEPS {
                return Err("quiescence: it never ends".to_owned());
            }
        }
        Ok(())
    }

    fn verdict(&self) -> Result<(), String> {
        if self.kernel.checks.violations.is_empty() { Ok(()) } else { Err(self.kernel.checks.violations.join("\n")) }
    }

    /// I5 in what users see: a slot without a life is empty.
    pub(crate) fn check_views(&mut self, steward: u32) {
        let Some(steward) = self.stewards.get(&steward) else { return };
        let empty =
            |status| matches!(status, Status::Stopped | Status::Errored | Status::Completed | Status::Backoff | Status::Waiting);
        let said: Vec<_> =
            steward.engine.slots().into_iter().filter(|view| empty(view.status)).map(|view| (view.slot, view.status)).collect();
        for (slot, status) in said {
            self.kernel.check_empty(&slot, status.word());
        }
    }

    /// Convergence: everything is as wished, one of each role runs, nothing is left over.
    fn check_rest(&self) -> Vec<String> {
        let mut wrong: Vec<String> = Vec::new();
        // Who waits for the lock of a role whose keeper died meanwhile waits on (a known weakness of the real ones), and does nothing.
        let counts = [
            (RoleKind::Keeper, self.keepers.values().filter(|keeper| keeper.reigns()).count()),
            (RoleKind::Scribe, self.scribes.values().filter(|scribe| scribe.works()).count()),
            (RoleKind::Steward, self.stewards.values().filter(|steward| steward.works()).count()),
        ];
        for (role, count) in counts {
            if count != 1 {
                wrong.push(format!("convergence: {count} processes are {role:?}"));
            }
        }
        if !self.home.inbox.is_empty() {
            wrong.push(format!("convergence: {} wishes were never accepted", self.home.inbox.len()));
        }
        for proc in self.kernel.procs.values().filter(|proc| !proc.lives()) {
            let parent = self.kernel.procs.get(&proc.parent);
            // A program that does not reap its own children is nobody's fault here.
            if parent.is_none_or(|parent| parent.role().is_some()) {
                wrong.push(format!("convergence: p{} is a zombie of p{}", proc.pid, proc.parent));
            }
        }
        let mut open: Vec<String> = Vec::new();
        match self.stewards.values().find(|steward| steward.works()) {
            Some(steward) if steward.is_open() => {
                self.check_slots(steward, &mut wrong);
                open.extend(steward.open_lives(&self.home).iter().map(ToString::to_string));
            }
            _ => wrong.push("convergence: no steward decides".to_owned()),
        }
        let living: Vec<String> = self
            .kernel
            .procs
            .values()
            .filter(|proc| proc.lives())
            .filter_map(|proc| proc.truth)
            .map(|life| life.to_string())
            .collect();
        for name in &open {
            if !living.contains(name) {
                wrong.push(format!("convergence: {name} is not closed"));
            }
        }
        for (path, node) in &self.kernel.paths {
            let life = path.rsplit('/').next().and_then(|name| name.split('.').next()).unwrap_or_default();
            if life.starts_with('i') && !open.iter().any(|name| name == life) {
                wrong.push(format!("convergence: {path} is left over"));
            }
            if let Node::Fifo(fifo) = node
                && !self.kernel.fifos[*fifo].is_carried()
            {
                wrong.push(format!("I9: {} bytes of {path} are not in the log", self.kernel.fifos[*fifo].queue.len()));
            }
        }
        for life in self.kernel.checks.forked.keys() {
            if self.kernel.living(*life).is_empty() && !self.kernel.checks.ends.contains_key(life) {
                wrong.push(format!("I4: {life} is over and has no end"));
            }
        }
        let held: usize = self.keepers.values().map(|keeper| keeper.held(&self.kernel)).sum();
        if held > 2 * open.len() {
            wrong.push(format!("convergence: the keeper holds {held} descriptors for {} lives", open.len()));
        }
        wrong
    }

    fn check_slots(&self, steward: &crate::steward::Steward, wrong: &mut Vec<String>) {
        for app in &self.home.apps {
            let spec = &app.definition.spec;
            if app.deleting {
                wrong.push(format!("convergence: {} is still being deleted", spec.name));
            }
            // One that waits for another is not at its end either.
            let needs = spec.depends_on.iter().filter(|need| need.required);
            let waits = needs.into_iter().any(|need| !holds(&self.home, &need.app, need.condition));
            let rolling = app.rolling.as_ref().filter(|rolling| !rolling.back && !waits);
            if let Some(rolling) = rolling {
                wrong.push(format!("convergence: {} is still being reloaded ({})", spec.name, rolling.how));
            }
            for index in 0..spec.instances {
                let slot = model::SlotRef::new(&spec.name, index);
                let of = steward.engine.slot(&slot).filter(|view| view.status == Status::Running).map(|view| view.generation);
                if of.is_some_and(|of| of != app.generation) && app.rolling.is_none() {
                    wrong.push(format!("convergence: {slot} is of generation {of:?}, the store has {}", app.generation));
                }
                let wished = app.slot_wishes.get(&index).copied().unwrap_or(app.running);
                let status = steward.engine.slot(&slot).map(|view| view.status);
                let fits = match status {
                    None => false,
                    Some(Status::Errored | Status::Completed) => true,
                    Some(Status::Running | Status::Ready) => wished && !self.kernel.living_in(&slot).is_empty(),
                    Some(Status::Backoff | Status::Waiting | Status::Starting) => {
                        wished && (!self.settles(app) || is_unheard(&self.home, &self.kernel, &slot))
                    }
                    // Descendants are given the rest of the time.
                    Some(Status::Stopping) => wished && !self.settles(app),
                    Some(Status::Stopped) => !wished,
                    Some(Status::Foreign) => wished,
                    Some(Status::Unhealthy | Status::Reloading) => false,
                };
                if !fits {
                    wrong.push(format!("convergence: {slot} is {status:?}, wished {wished}, {:?}", spec.argv));
                }
            }
        }
        for (app, by) in &self.home.bereft {
            if self.home.app(app).is_some_and(StoredApp::is_wanted) {
                wrong.push(format!("convergence: {app} runs on, and {by} of its group has ended"));
            }
        }
        for view in steward.engine.slots() {
            let leader = view.pid.and_then(|pid| self.kernel.procs.get(&pid)).filter(|proc| Some(proc.ident) == view.ident);
            if view.status == Status::Running && !leader.is_some_and(|proc| proc.lives() && proc.truth == view.instance) {
                wrong.push(format!("convergence: {} is said to run, and its process does not live", view.slot));
            }
            let known = self.home.apps.iter().any(|app| app.definition.spec.name == view.slot.app);
            if !known {
                wrong.push(format!("convergence: {} is not in the store", view.slot));
            }
        }
    }

    /// Whether an app comes to rest where nobody disturbs: it does not end by itself, nothing begins or ends it, and what it waits for is there.
    fn settles(&self, app: &StoredApp) -> bool {
        let spec = &app.definition.spec;
        let lasts = !matches!(spec.argv[1].as_str(), "leaver" | "crasher" | "job" | "missing");
        let alone = spec.group.is_none() && spec.cron_restart.is_none() && spec.schedule.is_none();
        let needs = spec.depends_on.iter().all(|need| holds_well(&self.home, &self.kernel, &need.app, need.condition));
        lasts && alone && needs
    }

    /// Quiescence: who has nothing to do does nothing.
    fn check_idle(&mut self, from: u64) -> Result<(), String> {
        let happened = |world: &World| world.kernel.checks.role_steps.saturating_sub(world.kernel.checks.allowed);
        let (before, lives) = (happened(self), self.kernel.checks.slots.len());
        if self.kernel.checks.has(Sabotage::Busy) {
            self.kernel.checks.role_steps += 1_000_000;
        }
        self.until(from + IDLE)?;
        let steps = happened(self).saturating_sub(before);
        let lives = (self.kernel.checks.slots.len() - lives) as u64;
        if steps > IDLE_STEPS * (IDLE / SECOND) + LIFE_STEPS * lives {
            return Err(format!("quiescence: {steps} happenings in {} idle seconds with {lives} lives", IDLE / SECOND));
        }
        Ok(())
    }
}
