//! Questions of the API, answered from memory.

use super::Brain;
use super::parked::Wishing;
use super::wishes::Here;
use crate::call::{Call, Followed, Logs};
use crate::fill::{combined, log_files, readable};
use crate::logfile::sources_of;
use crate::select::{includes, resolve};
use crate::store::Store;
use crate::time::now;
use crate::track::Watch;
use api::{Problem, Until};
use logs::Source;
use model::{AppName, InstanceId, LogSpec, SlotRef, Stream};
use std::collections::{BTreeMap, BTreeSet};

/// How the logs of a slot are kept now; below the home for an app that nobody knows any more.
fn spec_of(store: &Store, slot: &SlotRef) -> LogSpec {
    store.state().app(&slot.app).map_or_else(LogSpec::default, |app| app.definition.spec.log.clone())
}

/// The file that takes both streams of a slot in addition.
fn combined_of(store: &Store, slot: &SlotRef, home: &str) -> Option<String> {
    combined(&spec_of(store, slot), slot, home)
}

/// All log files of a slot.
pub(super) fn log_files_of(store: &Store, slot: &SlotRef, home: &str) -> Vec<String> {
    log_files(&spec_of(store, slot), slot, home).into_iter().flatten().chain(combined_of(store, slot, home)).collect()
}

/// The logs of a slot, to be read.
pub(super) fn logs_of(store: &Store, slot: &SlotRef, home: &str) -> Vec<Source> {
    let log = spec_of(store, slot);
    sources_of(slot, log.format, readable(&log, slot, home))
}

impl Brain {
    /// Answers, or keeps the question until what lives use has been measured.
    pub(super) fn answer(&mut self, call: Call) {
        if matches!(call, Call::Rows { .. } | Call::Detail { .. }) && !self.is_measured() {
            return self.bounds.asking.push(call);
        }
        self.answer_now(call);
    }

    /// Answers. Somebody who has gone away meanwhile needs no answer.
    pub(super) fn answer_now(&mut self, call: Call) {
        match call {
            Call::Rows { select, reply } => _ = reply.send(self.rows(select.as_deref())),
            Call::Detail { app, reveal, reply } => _ = reply.send(self.detail(&app, reveal)),
            Call::Given { select, reply } => _ = reply.send(self.given(&select)),
            Call::Wish { wish, actor, key, reply } => self.hear_wish(Wishing { wish, actor, key, reply }),
            Call::Plan { request, reply } => {
                _ = reply.send({
                    self.look_at_own_file();
                    self.plan(*request)
                })
            }
            Call::PlanRollback { back, reply } => {
                _ = reply.send({
                    self.look_at_own_file();
                    self.plan_rollback(&back)
                })
            }
            Call::PlanReload { select, reply } => _ = reply.send(self.plan_reload(&select)),
            Call::Definitions { back, reply } => _ = reply.send(self.definitions_of(&back)),
            Call::History { select, lines, reply } => _ = reply.send(self.history(select.as_deref(), lines)),
            Call::Projects { reply } => _ = reply.send(Ok(self.projects())),
            Call::Operation { id, reply } => {
                let known = self.tracker.get(id);
                _ = reply.send(known.ok_or_else(|| Problem::new(404, "invalid_request", format!("no operation {id} is known"))));
            }
            Call::Wait { select, until, lives, reply } => _ = reply.send(self.wait(&select, until, &lives)),
            Call::Signal { select, signal, actor, key, reply } => {
                _ = reply.send(self.signal_slots(&select, signal, &actor, key));
            }
            Call::Ports { reply } => _ = reply.send(Ok(self.ports())),
            Call::Daemon { reply } => _ = reply.send(Ok(self.status())),
            Call::Logs { select, stream, follow, reply } => {
                let sources = self.sources(&select, stream);
                let answer = sources.map(|sources| {
                    let grown = follow.then(|| {
                        self.scribe.watch(true);
                        self.grew.subscribe()
                    });
                    Logs { sources, grown, writers: self.lives.writers() }
                });
                _ = reply.send(answer);
            }
            Call::Send { select, bytes, reply } => _ = reply.send(self.send(&select, &bytes)),
            Call::Errand { errand, actor, key, reply } => self.errand(errand, actor, key, reply),
            Call::Events { reply } => _ = reply.send(Ok(self.journal.follow())),
        }
    }

    /// Begins to look at what is to come. A life that was looked at before is still the one that is meant.
    fn wait(&mut self, select: &str, until: Until, lives: &[(String, InstanceId)]) -> Result<Followed, Problem> {
        let slots = self.selected(select)?.into_iter().map(|slot| {
            let before = lives.iter().find(|(name, _)| *name == slot.to_string()).map(|(_, life)| *life);
            let life = before.or_else(|| self.engine.slot(&slot)?.instance);
            (slot, Watch::of(until, life))
        });
        let slots = slots.collect();
        let world = Here {
            engine: &self.engine,
            scribe: &self.scribe,
            store: &self.store,
            home: &self.me.home,
            last_ended: &self.last_ended,
        };
        Ok(self.tracker.watch(slots, &world, now()))
    }

    pub(super) fn selected(&self, select: &str) -> Result<Vec<SlotRef>, Problem> {
        let targets = resolve(select, &self.known())?;
        Ok(self.engine.slots().into_iter().map(|view| view.slot).filter(|slot| includes(&targets, slot)).collect())
    }

    /// The files that take both streams of these slots in addition.
    pub(super) fn combined_sources(&self, select: &str) -> Result<Vec<Source>, Problem> {
        let source = |slot: SlotRef| {
            let path = combined_of(&self.store, &slot, &self.me.home)?;
            Some(Source { format: spec_of(&self.store, &slot).format, slot, stream: None, path, shared: false })
        };
        Ok(self.selected(select)?.into_iter().filter_map(source).collect())
    }

    pub(super) fn sources(&self, select: &str, stream: Option<Stream>) -> Result<Vec<Source>, Problem> {
        let targets = resolve(select, &self.known())?;
        let meant = |source: &Source| {
            includes(&targets, &source.slot) && stream.is_none_or(|stream| source.stream.is_none_or(|of| of == stream))
        };
        let slots = self.engine.slots().into_iter().map(|view| view.slot);
        let all: Vec<Source> = slots.flat_map(|slot: SlotRef| logs_of(&self.store, &slot, &self.me.home)).collect();
        let mut writers: BTreeMap<String, (SlotRef, bool)> = BTreeMap::new();
        for Source { path, slot, .. } in &all {
            let (first, shared) = writers.entry(path.clone()).or_insert_with(|| (slot.clone(), false));
            *shared |= *first != *slot;
        }
        // Slots that share a file are read once.
        let mut seen = BTreeSet::new();
        let once = all.into_iter().filter(meant).filter(|source| seen.insert(source.path.clone()));
        let is_shared = |path: &str| writers.get(path).is_some_and(|(_, shared)| *shared);
        Ok(once.map(|source| Source { shared: is_shared(&source.path), ..source }).collect())
    }

    pub(super) fn app_of(&self, name: &str) -> Result<AppName, Problem> {
        let targets = resolve(name, &self.known())?;
        match targets.as_slice() {
            [one] => Ok(one.app.clone()),
            _ => Err(Problem::new(400, "invalid_request", format!("`{name}` means more than one app"))),
        }
    }
}
