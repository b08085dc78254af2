//! Ports: leased at birth, and looked for before a wish is accepted.

use super::Brain;
use crate::birth::port_told;
use crate::ports::{Claims, Demand, Look, Shown, beforehand, choose, held_by, rows_of};
use crate::time::now;
use api::Problem;
use engine::{Ask, Bear, Decision, Event, SlotView, Target, ports_beside};
use model::{AppName, AppSpec, Change, Definition, End, InstanceId, LifeRecord, Planned, Reload, Stage};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use sys::holder::{Holder, Protocol, holder};
use sys::lives::{Belongs, Traces, belongs};
use sys::port::{Tried, try_bind};
use tokio::task::spawn_blocking;

/// Who has bound a TCP port, at any address.
fn who_holds(port: u16) -> Option<Holder> {
    let at = |ip| holder(Protocol::Tcp, SocketAddr::new(ip, port));
    at(Ipv4Addr::UNSPECIFIED.into()).or_else(|| at(Ipv6Addr::UNSPECIFIED.into()))
}

/// The apps that are to run once a wish is carried out, and those of them that it starts.
#[derive(Debug, Default)]
struct After<'a> {
    running: BTreeMap<&'a AppName, &'a AppSpec>,
    /// With the number of ports that each needs besides those of its slots.
    starts: Vec<(&'a AppName, u32)>,
}

impl Brain {
    /// Gives a life that is to be born its port. `false` = there is none, and the life is over.
    pub(super) fn lease(&mut self, bear: &mut Bear) -> bool {
        let Some(wish) = bear.definition.spec.port else { return true };
        let life = &mut bear.life;
        let claims = self.claims(life.instance);
        let before = self.lives.remembered().ports.get(&life.slot).copied();
        match choose(wish, &life.slot, before, &claims, try_bind) {
            Ok(port) => {
                life.port = Some(port);
                self.happenings.push_back(Event::Leased { instance: life.instance, port });
                true
            }
            Err(refused) => {
                let (instance, tell) = (life.instance, self.tell.clone());
                // Who holds it is looked for beside the loop: it is tried again and again.
                spawn_blocking(move || {
                    let errno = refused.words(|port| held_by(who_holds(port).as_ref()));
                    let end = End::NotBorn { stage: Stage::Port, errno };
                    // Whoever ends the steward has no use for it.
                    let _ = tell.send(Event::Ended { instance, end, at: now() });
                });
                false
            }
        }
    }

    /// `GET /ports`.
    pub(super) fn ports(&self) -> Vec<Shown> {
        let mut slots: BTreeMap<AppName, Vec<SlotView<'_>>> = BTreeMap::new();
        for view in self.engine.slots() {
            slots.entry(view.slot.app.clone()).or_default().push(view);
        }
        let mut leases: BTreeMap<&AppName, Vec<(&LifeRecord, u16)>> = BTreeMap::new();
        for (life, port) in self.leases() {
            leases.entry(&life.slot.app).or_default().push((life, port));
        }
        let apps = self.store.state().apps.iter().map(|app| &app.definition.spec);
        let rows = |spec: &AppSpec| {
            let slots = slots.get(&spec.name).map_or(&[][..], Vec::as_slice);
            rows_of(spec, slots, leases.get(&spec.name).map_or(&[][..], Vec::as_slice))
        };
        apps.flat_map(rows).collect()
    }

    /// Who has ports, seen by a life that is to be born.
    fn claims(&self, born: InstanceId) -> Claims {
        let mut claims = Claims::default();
        for (life, port) in self.leases().filter(|(life, _)| life.instance != born) {
            claims.lease(port, life.slot.clone(), false);
        }
        let wanted = self.store.state().apps.iter().filter(|app| app.is_wanted());
        wanted.for_each(|app| claims.keep(&app.definition.spec));
        claims
    }

    /// The ports of all lives that are not over; those that were given in this round too.
    fn leases(&self) -> impl Iterator<Item = (&LifeRecord, u16)> {
        let lives = &self.lives.remembered().lives;
        let recorded = lives.values().filter_map(|life| Some((life, life.port?)));
        let given = self.happenings.iter().filter_map(|event| match event {
            Event::Leased { instance, port } => Some((lives.get(instance)?, *port)),
            _ => None,
        });
        recorded.chain(given).filter(|(life, _)| life.ended.is_none())
    }

    /// Refuses a wish if somebody whom it starts could not get a port.
    pub(super) fn check_ports(&self, asks: &[Ask]) -> Result<(), Problem> {
        let mut after = self.running();
        for ask in asks {
            match ask {
                Ask::Define { definition, run, rolling, .. } => {
                    let how = rolling.as_ref().filter(|rolling| !rolling.given_up).map(|rolling| rolling.how);
                    after.define(&definition.spec, *run, how);
                }
                Ask::Reload { app, rolling, .. } => self.reload_too(app, rolling.how, &mut after),
                Ask::Start(target) | Ask::Restart(target) => self.start_too(target, &mut after),
                Ask::Delete(apps) => apps.iter().for_each(|app| _ = after.running.remove(app)),
                Ask::Reset(_) | Ask::Stop(_) | Ask::Shutdown => {}
            }
        }
        self.look_beforehand(&after)
    }

    /// The same for a plan.
    pub(super) fn check_planned_ports<'a>(
        &'a self,
        wished: impl Iterator<Item = &'a Definition>,
        decisions: &'a [Decision],
    ) -> Result<(), Problem> {
        let mut after = self.running();
        for (definition, decision) in wished.zip(decisions) {
            match decision.planned.change {
                Change::Add | Change::Change => after.define(&definition.spec, decision.run, decision.rolling),
                Change::Start => after.define(&definition.spec, true, None),
                Change::Keep | Change::Remove | Change::Reload => {}
            }
        }
        for gone in decisions.iter().filter(|decision| decision.planned.change == Change::Remove) {
            after.running.remove(&gone.planned.app);
        }
        self.look_beforehand(&after)
    }

    fn running(&self) -> After<'_> {
        let wanted = self.store.state().apps.iter().filter(|app| app.is_wanted());
        After { running: wanted.map(|app| (app.name(), &app.definition.spec)).collect(), starts: Vec::new() }
    }

    fn start_too<'a>(&'a self, target: &Target, after: &mut After<'a>) {
        if let Some(app) = self.store.state().app(&target.app).filter(|app| !app.deleting) {
            after.define(&app.definition.spec, true, None);
        }
    }

    /// The ports of its slots are its own, or not to be had now as before; those of the lives beside them are asked for.
    fn reload_too<'a>(&'a self, app: &AppName, how: Reload, after: &mut After<'a>) {
        if let Some(app) = self.store.state().app(app).filter(|app| ports_beside(&app.definition.spec, how) > 0) {
            after.define(&app.definition.spec, true, Some(how));
        }
    }

    /// The same for the plan of a reload.
    pub(super) fn check_reload_ports<'a>(&'a self, reloads: impl Iterator<Item = (&'a AppName, Reload)>) -> Result<(), Problem> {
        let mut after = self.running();
        reloads.for_each(|(app, how)| self.reload_too(app, how, &mut after));
        self.look_beforehand(&after)
    }

    fn look_beforehand(&self, after: &After<'_>) -> Result<(), Problem> {
        let demand = |(app, beside): &(&AppName, u32)| {
            // A job is begun by the clock, not now.
            let spec = after.running.get(*app).filter(|spec| spec.schedule.is_none())?;
            Some(Demand { app: &spec.name, port: spec.port?, slots: spec.instances, beside: *beside })
        };
        let demands: Vec<Demand<'_>> = after.starts.iter().filter_map(demand).collect();
        if demands.is_empty() {
            return Ok(());
        }
        let mut claims = Claims::default();
        after.running.values().for_each(|spec| claims.keep(spec));
        for (life, port) in self.leases() {
            claims.lease(port, life.slot.clone(), after.lets_go(life, port));
        }
        beforehand(&demands, &claims, &mut Machine { brain: self, after })
    }
}

/// Says in a plan that an app will not learn its port from `PORT`.
pub(super) fn note_port(spec: &AppSpec, planned: &mut Planned) {
    let begins = matches!(planned.change, Change::Add | Change::Change);
    let says_it_itself = spec.env.get("PORT").is_some_and(|value| !value.contains("{{port}}"));
    if begins && says_it_itself && port_told(spec, spec.port.map(|port| port.span().0)).is_some() {
        let note = "its `env` sets PORT, so it is told that and not the port that Abide gives it (which is `{{port}}`)";
        planned.notes.push(note.to_owned());
    }
}

impl<'a> After<'a> {
    fn define(&mut self, spec: &'a AppSpec, run: bool, reloaded: Option<Reload>) {
        self.running.remove(&spec.name);
        self.starts.retain(|(app, _)| **app != spec.name);
        if run {
            self.running.insert(&spec.name, spec);
            self.starts.push((&spec.name, reloaded.map_or(0, |how| ports_beside(spec, how))));
        }
    }

    /// Whether a life will give its port back by itself: it is on its way out, or will be by this very wish.
    fn lets_go(&self, life: &LifeRecord, port: u16) -> bool {
        let keeps = |spec: &&AppSpec| life.slot.index < spec.instances && spec.port.is_some_and(|wish| wish.allows(port));
        life.stopping.is_some() || self.running.get(&life.slot.app).filter(|spec| keeps(spec)).is_none()
    }
}

/// The machine, as it is asked before a wish is accepted.
struct Machine<'a> {
    brain: &'a Brain,
    after: &'a After<'a>,
}

impl Look for Machine<'_> {
    fn try_bind(&mut self, port: u16) -> Tried {
        try_bind(port)
    }

    fn stranger(&mut self, app: &AppName, port: u16) -> Option<String> {
        let found = who_holds(port);
        let Some(Holder { pid, .. }) = &found else { return Some(held_by(None)) };
        let lives = self.brain.lives.remembered().lives.values().filter(|life| life.ended.is_none());
        let has = |traces: &Traces| matches!(belongs(*pid, traces), Belongs::Yes(_));
        let Some(life) = lives.into_iter().find(|life| has(&self.brain.traces(life))) else {
            return Some(held_by(found.as_ref()));
        };
        // Lives that were begun before their app had a port have no lease.
        let leaves = life.stopping.is_some() || !self.after.running.contains_key(&life.slot.app);
        if life.slot.app == *app || leaves { None } else { Some(format!("held by {} (pid {pid})", life.slot)) }
    }
}
