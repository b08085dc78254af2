//! Effects, performed in order.

use super::hear::end_of;
use super::run::{Brain, Ending, LAST_WORDS};
use crate::birth;
use crate::fill::{combined, log_files};
use crate::log::say;
use crate::note::entry;
use crate::scribe_link::Wished;
use crate::store::{Act, FailedRoll, StoredRoll, StoredTarget};
use crate::time::now;
use engine::{Bear, Effect, Event, LifeNote, StoreNote, What};
use model::{End, InstanceId, LifeRecord, LogForm, Signal, Stream, StreamId};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use sys::clock::wall_ms;
use sys::lives::{Traces, only_known_children};
use wire::{Request, ServiceState};

impl Brain {
    pub(super) fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Record(note) => self.record(note),
            Effect::Persist(note) => self.persist(note),
            Effect::Journal(note) => {
                match (&note.what, &note.slot, note.instance) {
                    (What::Exited { .. }, Some(slot), Some(instance)) => _ = self.last_ended.insert(slot.clone(), instance),
                    (What::Deleted, ..) => self.last_ended.retain(|slot, _| slot.app != note.app),
                    _ => {}
                }
                self.end_switch(&note);
                if matches!(note.what, What::Stopped | What::Deleted) {
                    self.clear_shelf();
                }
                let wall = wall_ms();
                let line = self.journal.write(entry(&note, now(), wall), wall);
                self.tell_hooks(&note, &line);
                if let (What::OutOfMemory { .. }, Some(instance)) = (&note.what, note.instance) {
                    self.bounds.boxes.told(instance);
                }
            }
            Effect::Bear(bear) => self.find_owner(bear),
            Effect::OpenStreams { life } => self.open_streams(&life),
            Effect::StreamsBorn { instance } => self.scribe.born(instance),
            Effect::StreamsEnded { instance } => {
                self.end_questions(instance);
                self.scribe.ended(instance);
            }
            Effect::Signal { instance, signal } => {
                self.signal(instance, signal);
                // At once: it is in the journal, so nobody sends it if we die before it is on its way, and the life is killed at its deadline.
                self.keeper.flush();
            }
            Effect::StopBy { instance } => self.stop_by_command(instance),
            Effect::Sweep { instance, signal } => self.sweep(instance, signal),
            Effect::Adopt { instance, pid, ident } => self.adopt(instance, pid, ident),
            // One that waited for its `pre_start` the keeper has never heard of.
            Effect::Forget { instance } if !self.services.contains_key(&instance.to_string()) => {}
            Effect::Forget { instance } => self.say_about("service.delete", instance),
            Effect::Inspect { life } => {
                let traces = self.traces(&life);
                self.searches.inspect(life.instance, traces, now());
            }
            Effect::Close { instance } => {
                let name = instance.to_string();
                self.scribe.close(instance);
                if !self.was_shut_out(instance) {
                    wire::release(&name, self.kept(instance)).iter().for_each(|request| self.keeper.say(request));
                }
                birth::remove_files(&wire::handles(&name));
                self.unbind(instance);
                self.close_channels(instance);
                self.sockets.untidy = true;
            }
            Effect::Probe { instance, number, check, timeout } => self.probe(instance, number, *check, timeout),
            Effect::Listen { instance, ready } => self.listen(instance, &ready),
            Effect::Switch { app, generation, from, to } => self.ask_to_switch(app, generation, &from, &to),
            Effect::Farewell => {
                if !self.await_hooks() {
                    self.farewell();
                }
            }
        }
    }

    fn record(&mut self, note: LifeNote) {
        match self.lives.note(note) {
            Ok(()) => self.lives_failing = false,
            Err(error) => {
                if !std::mem::replace(&mut self.lives_failing, true) {
                    say!("failed to write store/lives: {error}; it is tried again with each life");
                }
            }
        }
    }

    fn persist(&mut self, note: StoreNote) {
        self.sockets.untidy = true;
        let gone = matches!(note, StoreNote::Gone { .. });
        let stopped = matches!(note, StoreNote::Stopped { .. });
        let act = match note {
            StoreNote::Errored { slot, why } => Act::Errored { slot, why },
            StoreNote::Reserve { until } => Act::Reserve { until },
            StoreNote::Gone { app } => Act::Gone { app },
            StoreNote::Roll { app, generation, rolling } => {
                let first = self.engine.next_instance();
                Act::Roll { apps: vec![StoredRoll { app, generation, first, rolling }], start: Vec::new() }
            }
            StoreNote::Rolled { app, generation } => Act::Rolled { app, generation },
            StoreNote::RolledBack { app, generation, instance, why, back } => {
                let life = instance.and_then(|instance| self.lives.remembered().lives.get(&instance));
                let slot = life.map(|life| life.slot.clone());
                Act::RolledBack { app, failed: FailedRoll { generation, instance, slot, why }, back }
            }
            StoreNote::GivenUp { app, generation } => Act::GivenUp { app, generation },
            StoreNote::Stopped { apps } => {
                let targets = apps.into_iter().map(|app| StoredTarget { app, slots: None }).collect();
                Act::Wish { targets, run: false }
            }
        };
        if let Err(error) = self.store.note(act, wall_ms()) {
            say!("{error}; it is written with the next save");
        }
        // Its files count no more.
        if gone {
            self.say_budget();
        }
        if stopped {
            self.follow_wishes();
        }
    }

    /// Bears a life of which it is known as whom.
    pub(super) fn bear(&mut self, bear: &Bear) {
        let instance = bear.life.instance;
        let owner = match self.owner_of(&bear.definition.spec.identity) {
            Ok(owner) => owner.cloned(),
            Err(_) => return self.not_born(instance, "ESRCH", now()),
        };
        let owner = owner.as_ref();
        let name = instance.to_string();
        let made = self.make_channels(bear).and_then(|own| {
            birth::make_fifos(&wire::handles(&name), bear.life.log.kept(), &own.channels, owner)?;
            Ok(own)
        });
        let own = match made {
            Ok(own) => own,
            Err(error) => {
                say!("failed to make the streams of {name}: {error}");
                return self.not_born(instance, sys::errno::name_of(&error), now());
            }
        };
        let more = match self.enclose(bear) {
            Ok(folder) => folder.map(|folder| Request::new("service.cgroup").field(&name).field(folder)).into_iter().collect(),
            Err(end) => return self.happenings.push_back(Event::Ended { instance, end, at: now() }),
        };
        match birth::lines(bear, owner, more, own, &self.me.home, &self.me.boot) {
            Ok(lines) => {
                self.open_streams(&bear.life);
                self.say_birth(instance, lines);
            }
            Err(wire::TooLong(why)) => {
                say!("{why}");
                // The app's fault, as the kernel would say it.
                let end = End::NotBorn { stage: model::Stage::Exec, errno: "E2BIG".to_owned() };
                self.happenings.push_back(Event::Ended { instance, end, at: now() });
            }
        }
    }

    fn open_streams(&mut self, life: &LifeRecord) {
        let handles = wire::handles(&life.instance.to_string());
        let born = life.pid.is_some() || matches!(life.ended, Some(End::Exited(_)));
        let files = log_files(&life.log, &life.slot, &self.me.home);
        let (app, slot) = (life.slot.app.to_string(), life.slot.to_string());
        let also = combined(&life.log, &life.slot, &self.me.home);
        let form = LogForm { format: life.log.format, overflow: life.log.overflow, app, slot, also };
        for ((stream, fifo), file) in Stream::BOTH.into_iter().zip(handles.fifos).zip(files) {
            let Some(file) = file else { continue };
            if self.lives.remembered().sealed.contains(&(life.instance, stream)) {
                continue;
            }
            // A stream without a file of its own has that one only.
            let form = LogForm { also: form.also.clone().filter(|also| *also != file), ..form.clone() };
            let wished = Wished { fifo, file, policy: life.log.policy.clone(), form, born, ended: life.ended.is_some() };
            self.scribe.open(StreamId { instance: life.instance, stream }, wished);
        }
    }

    /// Which streams of a life are kept at all. Of one that nobody remembers: both, which is so of nearly all.
    pub(super) fn kept(&self, instance: InstanceId) -> [bool; 2] {
        self.lives.remembered().lives.get(&instance).map_or([true; 2], |life| life.log.kept())
    }

    /// Whether a life has ended before the keeper heard of it, for want of a port or at its `pre_start`.
    fn was_shut_out(&self, instance: InstanceId) -> bool {
        let life = self.lives.remembered().lives.get(&instance);
        life.is_some_and(|life| matches!(life.ended, Some(End::NotBorn { stage: model::Stage::Port | model::Stage::Hook, .. })))
    }

    fn signal(&mut self, instance: InstanceId, signal: Signal) {
        if signal == Signal::KILL {
            self.end_stop(instance);
        }
        if self.close_gate(instance) {
            return;
        }
        let say = |signal: Signal| Request::new("service.signal").field(instance.to_string()).field(signal.number().to_string());
        self.keeper.say(&say(signal));
        // A stopped process would never see it.
        if !matches!(signal, Signal::KILL | Signal::CONT) {
            self.keeper.say(&say(Signal::CONT));
        }
    }

    fn sweep(&mut self, instance: InstanceId, signal: Option<Signal>) {
        if signal == Some(Signal::KILL) {
            self.end_stop(instance);
        }
        if signal.is_some() {
            self.close_gate(instance);
        }
        let Some(life) = self.lives.remembered().lives.get(&instance) else {
            // A life that nobody recorded has left nothing that could be proven to be its own.
            return self.happenings.push_back(Event::Swept { instance, left: 0 });
        };
        let traces = self.traces(life);
        if let Some(cell) = traces.cell.as_ref().filter(|_| signal == Some(Signal::KILL)) {
            // All of it at one moment, however fast it forks. What this does not reach is found below.
            let spared = self.spared();
            let _ = cell.kill(&|pid| pid == spared.keeper || pid == std::process::id() || spared.others.contains(&pid));
        }
        if signal.is_none() && self.is_silent(life, &traces.lock) {
            return self.happenings.push_back(Event::Swept { instance, left: 0 });
        }
        self.searches.sweep(instance, traces, signal, now());
    }

    /// Whether a life whose leader is gone has provably left nothing, without a look at every process of the machine.
    fn is_silent(&self, life: &LifeRecord, lock: &Path) -> bool {
        let ours = life.ident.is_some_and(|ident| ident > self.me.keeper_ident);
        if !ours || !matches!(sys::lock::is_held(lock), Ok(false)) {
            return false;
        }
        if self.bounds.boxes.cell(life.instance).is_some_and(sys::cgroup::Cell::is_populated) {
            return false;
        }
        let pid = |state: &ServiceState| match state {
            ServiceState::Up { pid, .. } => Some(*pid),
            _ => None,
        };
        let known: BTreeSet<u32> = self.services.values().filter_map(pid).collect();
        only_known_children(self.me.keeper_pid, &known) == Some(true)
    }

    pub(super) fn traces(&self, life: &LifeRecord) -> Traces {
        let instance = life.instance.to_string();
        let lock = PathBuf::from(wire::handles(&instance).lock_path);
        let home = PathBuf::from(&self.me.home);
        let cell = self.bounds.boxes.cell(life.instance).cloned();
        Traces { instance, home, lock, pid: life.pid, ident: life.ident, cell, begun: life.begun.0 }
    }

    fn adopt(&mut self, instance: InstanceId, pid: u32, ident: u64) {
        let name = instance.to_string();
        let ended = self.services.get(&name).and_then(end_of);
        if matches!(ended, Some((End::Exited(_), _))) {
            // The life goes on with another process; everything else of it is there.
            let adopt = Request::new("service.adopt").field(&name).field(pid.to_string()).field(ident.to_string());
            self.keeper.say(&adopt);
            self.keeper.say(&Request::new("echo").field(format!("adopt-{name}")));
            self.adopting += 1;
            return;
        }
        let tags = self.lives.remembered().lives.get(&instance).map(|life| birth::tags(life, &self.me.boot)).unwrap_or_default();
        wire::adopt(&name, &tags, pid, ident, self.kept(instance)).iter().for_each(|request| self.keeper.say(request));
        self.adopt_channels(instance);
        self.keeper.say(&Request::new("echo").field(format!("adopt-{name}")));
        self.adopting += 1;
    }

    fn say_about(&mut self, verb: &str, instance: InstanceId) {
        self.keeper.say(&Request::new(verb).field(instance.to_string()));
    }

    /// The house is empty: the scribe moves what is left and is not started again.
    pub(super) fn farewell(&mut self) {
        self.drop_sockets();
        self.keeper.say(&Request::new("service.keep").field("scribe").field("-"));
        self.scribe.finish();
        let up = matches!(self.services.get("scribe"), Some(ServiceState::Up { .. }));
        self.ending = if up { Ending::Draining(now() + LAST_WORDS) } else { Ending::Over };
    }

    /// The last words: the keeper ends, and does not start a steward again.
    pub(crate) fn terminate(&mut self) {
        self.keeper.say(&Request::new("service.keep").field("steward").field("-"));
        self.keeper.say(&Request::new("terminate").field("0"));
        self.keeper.flush();
    }

    /// Waits until the keeper has closed its end.
    pub(crate) async fn await_end(&mut self) {
        loop {
            let mut heard = Vec::new();
            self.keeper.flush();
            if self.keeper.ready().await.is_err() || !self.keeper.read(&mut heard) {
                return;
            }
        }
    }

    /// Says that the end was reached; `true` while somebody is still being told.
    pub(crate) fn say_end(&mut self) {
        self.tracker.farewell();
    }

    /// Whether somebody is still being told that the end was reached.
    pub(crate) fn is_being_heard(&self) -> bool {
        self.tracker.has_listeners()
    }
}
