//! Questions of the API, answered from memory.

use super::Brain;
use crate::call::Call;
use crate::fill::log_files;
use crate::logfile::Source;
use crate::select::{includes, resolve};
use crate::store::Store;
use api::Problem;
use model::{AppName, LogSpec, SlotRef, Stream};

/// The log files of a slot as its app has them now; below the home for an app that nobody knows any more.
pub(super) fn log_files_of(store: &Store, slot: &SlotRef, home: &str) -> [Option<String>; 2] {
    match store.state().app(&slot.app) {
        Some(app) => log_files(&app.definition.spec.log, slot, home),
        None => log_files(&LogSpec::default(), slot, home),
    }
}

impl Brain {
    /// Answers. Somebody who has gone away meanwhile needs no answer.
    pub(super) fn answer(&mut self, call: Call) {
        match call {
            Call::Rows { select, reply } => _ = reply.send(self.rows(select.as_deref())),
            Call::Detail { app, reply } => _ = reply.send(self.detail(&app)),
            Call::Wish { wish, actor, key, reply } => _ = reply.send(self.wish(*wish, &actor, key)),
            Call::Operation { id, reply } => {
                let known = self.tracker.get(id);
                _ = reply.send(known.ok_or_else(|| Problem::new(404, "invalid_request", format!("no operation {id} is known"))));
            }
            Call::Daemon { reply } => _ = reply.send(Ok(self.status())),
            Call::Logs { select, stream, follow, reply } => {
                let sources = self.sources(&select, stream);
                let answer = sources.map(|sources| {
                    let grown = follow.then(|| {
                        self.scribe.watch(true);
                        self.grew.subscribe()
                    });
                    (sources, grown)
                });
                _ = reply.send(answer);
            }
            Call::Errand { errand, actor, key, reply } => self.errand(errand, actor, key, reply),
            Call::Events { reply } => _ = reply.send(Ok(self.journal.follow())),
        }
    }

    pub(super) fn sources(&self, select: &str, stream: Option<Stream>) -> Result<Vec<Source>, Problem> {
        let targets = resolve(select, &self.known())?;
        let slots = self.engine.slots().into_iter().map(|view| view.slot).filter(|slot| includes(&targets, slot));
        let meant = |source: &Source| stream.is_none_or(|stream| source.stream == stream);
        Ok(slots.flat_map(|slot: SlotRef| Source::of(&slot, self.log_files(&slot))).filter(meant).collect())
    }

    /// The log files of a slot as its app has them now.
    pub(super) fn log_files(&self, slot: &SlotRef) -> [Option<String>; 2] {
        log_files_of(&self.store, slot, &self.me.home)
    }

    pub(super) fn app_of(&self, name: &str) -> Result<AppName, Problem> {
        let targets = resolve(name, &self.known())?;
        match targets.as_slice() {
            [one] => Ok(one.app.clone()),
            _ => Err(Problem::new(400, "invalid_request", format!("`{name}` means more than one app"))),
        }
    }
}
