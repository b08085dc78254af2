//! The course of a service: planned, started, up, over, and again.

use super::effect::{Born, Control, Effect, Ending, Fault, LifeId, Plan, Source, Stillborn};
use super::ledger::{Name, SECOND, Service, State, control};
use super::say;
use super::signals::signal_number;
use super::step::{Ask, Asking, Core, Noted};
use std::collections::BTreeMap;
use wire::Dialect;

/// A start that dialect 1 could not make is tried again after this.
const RETRY_NS: u64 = 3 * SECOND;

impl Core {
    pub(super) fn announce(&mut self, name: &Name) {
        let (service, now) = (&self.services[name], self.now);
        say::tell(&mut self.conns, Dialect::One, |dialect| say::state(dialect, name, service, now));
    }

    /// The one place where a state changes: timers and lives follow it.
    pub(super) fn change(&mut self, name: &Name, state: State) {
        let service = self.services.get_mut(name).expect("callers hold a name that exists");
        let old = std::mem::replace(&mut service.state, state);
        if let State::Due { at, .. } = old {
            self.timers.remove(&(at, name.clone()));
        }
        if let Some(life) = old.life().filter(|life| service.state.life() != Some(*life)) {
            self.lives.remove(&life);
        }
        if let State::Due { at, .. } = service.state {
            self.timers.insert((at, name.clone()));
        }
        if let Some(life) = service.state.life() {
            self.lives.insert(life, name.clone());
        }
    }

    /// Plans a start and announces it. `again`: it is announced once more when it is made.
    pub(super) fn plan_start(&mut self, name: &Name, at: u64, again: bool) {
        self.change(name, State::Due { at, again });
        self.announce(name);
    }

    /// Makes every start that is due.
    pub(super) fn start_due(&mut self) {
        while let Some((at, name)) = self.timers.first().cloned()
            && at <= self.now
        {
            self.start(&name);
        }
    }

    /// The former life's connection is closed: a start that waited for it is made.
    pub(super) fn unblock(&mut self, name: &Name) {
        if let Some(State::Blocked { at, again }) = self.services.get(name).map(|s| s.state.clone()) {
            self.change(name, State::Due { at, again });
        }
    }

    fn start(&mut self, name: &Name) {
        let State::Due { at, again } = self.services[name].state else { return };
        let former = |conn: &super::conn::Conn| conn.life.as_ref().is_some_and(|(of, _)| of == name);
        if self.conns.iter().any(former) {
            return self.change(name, State::Blocked { at, again });
        }
        if again {
            self.announce(name);
        }
        let one = self.services[name].dialect == Dialect::One;
        match self.plan(name) {
            Ok(plan) => {
                let life = self.new_life();
                self.bearing.insert(life, plan.control);
                self.change(name, State::Starting { life, at: self.now, pid: None });
                self.effects.push_back(Effect::Spawn { life, plan: Box::new(plan) });
            }
            Err(why) if one && why.stage == "prepare" => self.change(name, State::Due { at: self.now + RETRY_NS, again: false }),
            Err(why) => self.fail(name, why),
        }
    }

    /// Everything that a child needs.
    fn plan(&mut self, name: &Name) -> Result<Plan, Stillborn> {
        let service = &self.services[name];
        let two = service.dialect == Dialect::Two;
        let mut places = BTreeMap::new();
        let mut lock = None;
        let mut ways: Option<(bool, bool)> = None;
        for (number, handle) in service.places().flatten().filter(|(_, handle)| *handle != b"-") {
            if let Some((commands, events)) = control(handle) {
                let (c, e) = ways.unwrap_or_default();
                ways = Some((c || commands, e || events));
                places.insert(number, Source::Control);
                continue;
            }
            let held = std::str::from_utf8(handle).ok().and_then(|handle| self.held.get(handle));
            match held.and_then(|held| held.token.map(|token| (held.lock, token))) {
                Some((is_lock, token)) => {
                    places.insert(number, Source::Held(token));
                    lock = lock.or(is_lock.then_some(number));
                }
                None if two => return Err(Stillborn { stage: "fds", errno: "EBADF" }),
                None => _ = places.insert(number, Source::Missing),
            }
        }
        let mut plan = Plan {
            argv: service.argv.clone(),
            env: service.env.clone(),
            cwd: service.cwd.clone(),
            umask: service.umask,
            session: two,
            limits: service.limits.clone(),
            default_limits: two,
            places: places.into_iter().collect(),
            lock,
            control: None,
        };
        if let Some((commands, events)) = ways {
            if self.connections() >= self.settings.connections {
                return Err(Stillborn { stage: "prepare", errno: "EMFILE" });
            }
            plan.control = Some(Control { conn: self.new_conn(), commands, events });
        }
        Ok(plan)
    }

    pub(super) fn on_spawned(&mut self, life: LifeId, result: Result<Born, Stillborn>) {
        let control = self.bearing.remove(&life).flatten();
        let Some(name) = self.lives.get(&life).cloned() else { return };
        let State::Starting { at, .. } = self.services[&name].state else { return };
        let one = self.services[&name].dialect == Dialect::One;
        match result {
            Ok(Born { pid, ident }) => {
                if let Some(control) = control {
                    self.open_control(control, &name, life);
                }
                self.close_handed(&name);
                if one {
                    self.change(&name, State::Up { life, at, pid, ident });
                    self.announce(&name);
                } else {
                    self.change(&name, State::Starting { life, at, pid: Some((pid, ident)) });
                }
            }
            Err(why) if one && matches!(why.stage, "fork" | "fds") => {
                self.change(&name, State::Due { at: self.now + RETRY_NS, again: false });
            }
            Err(why) => self.fail(&name, why),
        }
    }

    fn open_control(&mut self, control: Control, name: &Name, life: LifeId) {
        let mut conn = super::conn::Conn::new(control.conn, control.commands, control.events);
        conn.life = Some((name.clone(), life));
        conn.silent = self.services[name].dialect == Dialect::Two;
        self.conns.push(conn);
        self.tell_signals(control.conn);
    }

    /// Closes what was held for the child only.
    pub(super) fn close_handed(&mut self, name: &Name) {
        let listed: Vec<Name> = self.services[name]
            .handles()
            .filter_map(|handle| self.held.get_key_value(std::str::from_utf8(handle).ok()?))
            .filter(|(_, held)| held.handoff)
            .map(|(name, _)| name.clone())
            .collect();
        for handle in listed {
            self.let_go(&handle);
        }
    }

    pub(super) fn on_executed(&mut self, life: LifeId) {
        let Some(name) = self.lives.get(&life).cloned() else { return };
        if let State::Starting { at, pid: Some((pid, ident)), .. } = self.services[&name].state {
            self.change(&name, State::Up { life, at, pid, ident });
            self.announce(&name);
        }
    }

    /// In dialect 1 such a life is up already, and its exit with 3 will say it.
    pub(super) fn on_not_executed(&mut self, life: LifeId, why: Stillborn) {
        let Some(name) = self.lives.get(&life).cloned() else { return };
        if matches!(self.services[&name].state, State::Starting { .. }) {
            self.part_from(life);
            self.fail(&name, why);
        }
    }

    pub(super) fn on_adopted(&mut self, life: LifeId, result: Result<u64, Fault>) {
        match (self.asking.take(), result) {
            (Some(Asking { what: Ask::Adopt { name, dialect, pid, ident }, .. }), Ok(at)) => {
                self.services.entry(name.clone()).or_insert_with(|| Service::new(dialect));
                self.change(&name, State::Up { life, at, pid, ident });
                self.announce(&name);
            }
            (asking, result) => {
                self.asking = asking;
                self.on_done(result.map(|_| ()));
            }
        }
    }

    pub(super) fn on_exited(&mut self, life: LifeId, how: Ending) {
        let Some(name) = self.lives.get(&life).cloned() else { return };
        let (began, pid, ident) = match self.services[&name].state {
            State::Up { at, pid, ident, .. } | State::Starting { at, pid: Some((pid, ident)), .. } => (at, pid, ident),
            _ => return,
        };
        self.part_from(life);
        self.change(&name, State::Ended { began, at: self.now, pid, ident, how });
        self.announce(&name);
        self.bring_back(&name, began);
    }

    fn fail(&mut self, name: &Name, why: Stillborn) {
        let now = self.now;
        self.change(name, State::Failed { at: now, why });
        self.announce(name);
        self.bring_back(name, now);
    }

    /// The process behind a connection is over: nobody reads there, and what it still said is heard to the end.
    fn part_from(&mut self, life: LifeId) {
        for conn in self.conns.iter_mut().filter(|c| c.life.as_ref().is_some_and(|(_, of)| *of == life)) {
            conn.mute();
            if !conn.ended {
                self.effects.push_back(Effect::Drain { conn: conn.id });
            }
        }
    }

    /// Whether something wants this service up now.
    pub(super) fn triggered(&self, name: &Name) -> bool {
        let pending = |trigger: &Vec<u8>| self.signals.iter().any(|s| s.count > 0 && signal_number(trigger) == Some(s.number));
        let auto = self.services[name].auto_up.as_ref();
        auto.is_some_and(|auto| auto.triggers.iter().any(|t| t == b"always" || pending(t)))
    }

    fn bring_back(&mut self, name: &Name, began: u64) {
        let now = self.now;
        let service = self.services.get_mut(name).expect("callers hold a name that exists");
        if let Some(keep) = &mut service.keep {
            let at = keep.again_at(began, now);
            return self.plan_start(name, at, false);
        }
        let interval = service.auto_up.as_ref().map_or(0, |auto| auto.interval * SECOND);
        if self.triggered(name) {
            // A life that was long enough is followed at once; else the whole interval is waited out, from its end on.
            let at = if now.saturating_sub(began) >= interval { now } else { now + interval };
            self.plan_start(name, at, true);
        }
    }

    pub(super) fn on_signal(&mut self, number: i32) {
        let now = self.now;
        match self.signals.iter_mut().find(|s| s.number == number) {
            Some(noted) => {
                noted.at = now;
                noted.count += 1;
            }
            None => self.signals.push(Noted { number, at: now, count: 1 }),
        }
        self.signals.sort_by_key(|s| s.at);
        let count = self.signals.iter().find(|s| s.number == number).map_or(1, |s| s.count);
        self.tell(|dialect| say::signal(dialect, number, now, count));
        let idle = |service: &Service| matches!(service.state, State::Down | State::Ended { .. } | State::Failed { .. });
        let wanted: Vec<Name> =
            self.services.iter().filter(|(_, s)| s.auto_up.is_some() && idle(s)).map(|(n, _)| n.clone()).collect();
        for name in wanted {
            if self.triggered(&name) {
                self.plan_start(&name, now, false);
            }
        }
    }
}
