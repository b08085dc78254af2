//! The course of a service: planned, started, up, over, and again.

use super::block::Part;
use super::conn::Role;
use super::effect::{Born, Control, Effect, Ending, Fault, LifeId, Plan, Source, Stillborn};
use super::extras::limits;
use super::ledger::{SECOND, State, control};
use super::log::Level;
use super::say;
use super::state::{Ask, Asking, Core, Noted};
use wire::{Dialect, Name, fields, signal_number};

/// A start that dialect 1 could not make is tried again after this.
const RETRY_NS: u64 = 3 * SECOND;

impl Core {
    pub(super) fn announce(&mut self, at: u32) {
        let (service, now) = (&self.services[at], self.now);
        say::tell(&mut self.conns, Dialect::One, |line| say::state(line, service, now));
    }

    /// The one place where a state changes: timers follow it.
    pub(super) fn change(&mut self, at: u32, state: State) {
        let old = std::mem::replace(&mut self.services[at].state, state);
        if let State::Due { at: when, .. } = old
            && let Ok(position) = self.timer(when, at)
        {
            self.timers.remove(position);
        }
        if let State::Due { at: when, .. } = state
            && let Err(position) = self.timer(when, at)
        {
            self.timers.insert(position, (when, at));
        }
    }

    /// Where a timer stands, or would: the next stands last, and of two at the same time the one of the lower name.
    fn timer(&self, when: u64, at: u32) -> Result<usize, usize> {
        let key = |(when, at): &(u64, u32)| (*when, self.services[*at].name);
        self.timers.binary_search_by(|other| key(&(when, at)).cmp(&key(other)))
    }

    /// Sets the timers of every planned start, from the states.
    pub(super) fn arm_timers(&mut self) {
        self.timers.clear();
        for position in 0..self.services.places().len() {
            let at = self.services.places()[position];
            if let State::Due { at: when, .. } = self.services[at].state
                && let Err(position) = self.timer(when, at)
            {
                self.timers.insert(position, (when, at));
            }
        }
    }

    /// The service of a life that is under way.
    fn of(&self, life: LifeId) -> Option<u32> {
        let at = life.slot() as u32;
        Some(at).filter(|at| self.services.has(*at) && self.services[*at].state.life() == Some(life))
    }

    /// Plans a start and announces it. `again`: it is announced once more when it is made.
    pub(super) fn plan_start(&mut self, at: u32, when: u64, again: bool) {
        self.change(at, State::Due { at: when, again });
        self.announce(at);
    }

    /// Makes the starts that are due, one birth at a time.
    pub(super) fn start_due(&mut self) {
        while let Some((when, at)) = self.timers.last().copied()
            && when <= self.now
            && self.bearing.is_none()
            && self.asking.is_none()
            && !self.over
        {
            self.start(at);
        }
    }

    /// The former life's connection is closed: a start that waited for it is made.
    pub(super) fn unblock(&mut self, at: u32) {
        if self.services.has(at)
            && let State::Blocked { at: when, again } = self.services[at].state
        {
            self.change(at, State::Due { at: when, again });
        }
    }

    fn start(&mut self, at: u32) {
        let State::Due { at: when, again } = self.services[at].state else { return };
        if self.conns.iter().any(|conn| matches!(conn.role, Role::Service(of, _) if of == at)) {
            return self.change(at, State::Blocked { at: when, again });
        }
        if again {
            self.announce(at);
        }
        let one = self.services[at].dialect == Dialect::One;
        match self.prepare(at) {
            Ok(control) => {
                let life = self.new_life(at);
                self.bearing = Some((life, control));
                self.change(at, State::Starting { life, at: self.now, pid: None });
                self.effects.push_back(Effect::Spawn { life });
            }
            Err(why) if one && why.stage == "prepare" => {
                self.log(
                    Level::Error,
                    &[b"can't allocate controller object for service ", self.services[at].name.clone().as_ref()],
                );
                self.change(at, State::Due { at: self.now + RETRY_NS, again: false });
            }
            Err(why) => self.fail(at, why),
        }
    }

    /// Puts together what a child needs besides what the service says itself.
    fn prepare(&mut self, at: u32) -> Result<Option<Control>, Stillborn> {
        let service = &self.services[at];
        let two = service.dialect == Dialect::Two;
        if service.block.get(Part::Args).is_empty() {
            return Err(Stillborn { stage: "exec", errno: "ENOENT" });
        }
        let mut ways: Option<(bool, bool)> = None;
        self.places.clear();
        self.lock_place = None;
        for (number, handle) in service.places().flatten().filter(|(_, handle)| *handle != b"-") {
            let source = if let Some((commands, events)) = control(handle) {
                let (c, e) = ways.unwrap_or_default();
                ways = Some((c || commands, e || events));
                Source::Control
            } else {
                let held = Name::new(handle).and_then(|name| self.held.find(&name)).map(|held| &self.held[held]);
                match held.and_then(|held| held.token.map(|token| (token, held.lock))) {
                    Some((token, lock)) => {
                        self.lock_place = self.lock_place.or(lock.then_some(number));
                        Source::Held(token)
                    }
                    None if two => return Err(Stillborn { stage: "fds", errno: "EBADF" }),
                    None => Source::Missing,
                }
            };
            // Ascending; of two for one number, the last counts.
            match self.places.binary_search_by_key(&number, |(number, _)| *number) {
                Ok(position) => self.places[position].1 = source,
                Err(position) => self.places.insert(position, (number, source)),
            }
        }
        self.limits.clear();
        self.limits.extend(limits(service.block.get(Part::Limits)));
        self.groups.clear();
        self.groups.extend(fields(service.block.get(Part::User)).skip(2).filter_map(super::args::number::<u32>));
        match ways {
            None => Ok(None),
            Some(_) if self.connections() >= self.settings.connections => Err(Stillborn { stage: "prepare", errno: "EMFILE" }),
            Some((commands, events)) => Ok(Some(Control { conn: self.new_conn(), commands, events })),
        }
    }

    /// The child of the `Spawn` that is being performed.
    ///
    /// # Panics
    /// When there is none.
    pub fn plan(&self) -> Plan<'_> {
        let (life, control) = self.bearing.expect("asked only while a Spawn is performed");
        let service = &self.services[life.slot() as u32];
        let (block, opts) = (&service.block, service.options());
        let two = service.dialect == Dialect::Two;
        let mut ids = fields(block.get(Part::User)).filter_map(super::args::number::<u32>);
        Plan {
            argv: block.get(Part::Args),
            env: block.given(Part::Env),
            cwd: block.text(Part::Cwd),
            umask: service.umask,
            session: opts.session,
            group: opts.group,
            nice: service.nice,
            oom: service.oom,
            user: ids.next().zip(ids.next()),
            groups: &self.groups,
            limits: &self.limits,
            default_limits: two,
            cgroup: block.text(Part::Cgroup),
            no_new_privs: opts.no_new_privs,
            death_signal: opts.death_signal,
            tty: opts.tty,
            listen_pid: opts.listen_pid,
            places: &self.places,
            lock: self.lock_place,
            control,
        }
    }

    pub(super) fn on_spawned(&mut self, life: LifeId, result: Result<Born, Stillborn>) {
        let Some((_, control)) = self.bearing.take().filter(|(of, _)| *of == life) else { return };
        let Some(at) = self.of(life) else { return };
        let State::Starting { at: when, .. } = self.services[at].state else { return };
        let one = self.services[at].dialect == Dialect::One;
        match result {
            Ok(Born { pid, ident }) => {
                if let Some(Control { conn, commands, events }) = control {
                    self.add_conn(conn, Role::Service(at, life), |conn| {
                        (conn.commands, conn.events, conn.silent) = (commands, events, !one);
                    });
                }
                self.close_handed(at);
                if one {
                    self.change(at, State::Up { life, at: when, pid, ident });
                    self.announce(at);
                } else {
                    self.change(at, State::Starting { life, at: when, pid: Some((pid, ident)) });
                }
            }
            Err(why) if one && matches!(why.stage, "fork" | "fds") => {
                self.log(Level::Error, &[why.stage.as_bytes(), b" failed: ", why.errno.as_bytes(), b"; tried again in 3 s"]);
                self.change(at, State::Due { at: self.now + RETRY_NS, again: false });
            }
            Err(why) => self.fail(at, why),
        }
    }

    /// Closes what was held for the child only.
    pub(super) fn close_handed(&mut self, at: u32) {
        let listed = |core: &Core| {
            let mut handles = core.services[at].handles().filter_map(|name| core.held.find(&name));
            handles.find(|held| core.held[*held].handoff)
        };
        while let Some(held) = listed(self) {
            self.let_go(held);
        }
    }

    pub(super) fn on_executed(&mut self, life: LifeId) {
        let Some(at) = self.of(life) else { return };
        if let State::Starting { at: when, pid: Some((pid, ident)), .. } = self.services[at].state {
            self.change(at, State::Up { life, at: when, pid, ident });
            self.announce(at);
        }
    }

    /// In dialect 1 such a life is up already, and its exit with 3 will say it.
    pub(super) fn on_not_executed(&mut self, life: LifeId, why: Stillborn) {
        let Some(at) = self.of(life) else { return };
        if let State::Starting { at: when, .. } = self.services[at].state {
            self.part_from(life);
            // Said when the process is over: nothing may take its place before.
            self.change(at, State::Failing { life, at: when, why });
        }
    }

    pub(super) fn on_adopted(&mut self, life: LifeId, result: Result<u64, Fault>) {
        match (self.asking.take(), result) {
            (Some(Asking { what: Ask::Adopt { at, pid, ident, .. }, .. }), Ok(when)) => {
                self.change(at, State::Up { life, at: when, pid, ident });
                self.announce(at);
            }
            (asking, result) => {
                self.asking = asking;
                self.on_done(result.map(|_| ()));
            }
        }
    }

    pub(super) fn on_exited(&mut self, life: LifeId, how: Ending) {
        let Some(at) = self.of(life) else { return };
        let (began, pid, ident) = match self.services[at].state {
            State::Up { at, pid, ident, .. } | State::Starting { at, pid: Some((pid, ident)), .. } => (at, pid, ident),
            State::Failing { why, .. } => return self.fail(at, why),
            _ => return,
        };
        self.part_from(life);
        self.change(at, State::Ended { began, at: self.now, pid, ident, how });
        self.announce(at);
        self.bring_back(at, began);
    }

    fn fail(&mut self, at: u32, why: Stillborn) {
        let now = self.now;
        self.change(at, State::Failed { at: now, why });
        self.announce(at);
        self.bring_back(at, now);
    }

    /// The process behind a connection is over: nobody reads there, and what it still said is heard to the end.
    fn part_from(&mut self, life: LifeId) {
        for conn in self.conns.iter_mut().filter(|c| matches!(c.role, Role::Service(_, of) if of == life)) {
            conn.mute();
            if !conn.ended {
                self.effects.push_back(Effect::Drain { conn: conn.id });
            }
        }
    }

    /// Whether something wants this service up now.
    pub(super) fn triggered(&self, at: u32) -> bool {
        let pending = |trigger: &[u8]| self.signals.iter().any(|s| s.count > 0 && signal_number(trigger) == Some(s.number));
        self.services[at].list(Part::Triggers).any(|trigger| trigger == b"always" || pending(trigger))
    }

    fn bring_back(&mut self, at: u32, began: u64) {
        let now = self.now;
        let service = &mut self.services[at];
        if let Some(keep) = &mut service.keep {
            let when = keep.again_at(began, now);
            return self.plan_start(at, when, false);
        }
        let interval = u64::from(service.interval) * SECOND;
        if self.triggered(at) {
            // A life that was long enough is followed at once; else the whole interval is waited out, from its end on.
            let when = if now.saturating_sub(began) >= interval { now } else { now + interval };
            self.plan_start(at, when, true);
        }
    }

    pub(super) fn on_signal(&mut self, number: i32) {
        let now = self.now;
        let full = self.signals.len() == self.signals.capacity();
        let count = match self.signals.iter_mut().find(|s| s.number == number) {
            Some(noted) => {
                noted.at = now;
                noted.count += 1;
                noted.count
            }
            None if full => return,
            None => {
                self.signals.push(Noted { number, at: now, count: 1 });
                1
            }
        };
        self.signals.sort_unstable_by_key(|s| (s.at, s.number));
        self.tell(|line| say::signal(line, number, now, count));
        for position in 0..self.services.places().len() {
            let at = self.services.places()[position];
            if self.services[at].state.idle() && self.triggered(at) {
                self.plan_start(at, now, false);
            }
        }
    }
}
