//! Files whose change restarts an app: who is watched, and what the watcher says.

use super::Brain;
use super::ask::log_files_of;
use crate::journal::Entry;
use crate::log::say;
use crate::store::StoredApp;
use crate::watch::{Wanted, Watching, Word};
use api::Problem;
use engine::Event;
use model::{AppName, Definition, SlotRef};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use sys::clock::wall_ms;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The watcher, while any app has files to watch.
#[derive(Debug)]
pub(super) struct Watch {
    watching: Option<Watching>,
    /// What it was told to watch.
    wanted: Vec<Wanted>,
    say: UnboundedSender<(AppName, Word)>,
    said: UnboundedReceiver<(AppName, Word)>,
}

impl Watch {
    pub(super) fn new() -> Watch {
        let (say, said) = unbounded_channel();
        Watch { watching: None, wanted: Vec::new(), say, said }
    }

    /// The next thing that the watcher says.
    pub(super) async fn hears(&mut self) -> (AppName, Word) {
        match self.said.recv().await {
            Some(word) => word,
            // Never: one end is ours.
            None => std::future::pending().await,
        }
    }
}

impl Brain {
    /// Watches the files of those apps that are to run, and of no others.
    pub(super) fn follow_files(&mut self) {
        let open = self.shutdown.is_none();
        let apps = self.store.state().apps.iter().filter(|app| open && app.is_wanted());
        let wanted: Vec<Wanted> = apps.filter_map(|app| self.files_of(app)).collect();
        if wanted == self.watch.wanted {
            return;
        }
        if wanted.is_empty() {
            self.watch.watching = None;
        } else if self.watch.watching.is_none() {
            match Watching::begin(self.watch.say.clone()) {
                Ok(watching) => self.watch.watching = Some(watching),
                // Tried again with the next wish.
                Err(error) => return say!("failed to start a thread that watches files: {error}; changed files restart nothing"),
            }
        }
        self.watch.watching.iter().for_each(|watching| watching.watch(wanted.clone()));
        self.watch.wanted = wanted;
    }

    fn files_of(&self, app: &StoredApp) -> Option<Wanted> {
        let spec = &app.definition.spec;
        let watch = spec.watch.as_ref()?;
        let home = Path::new(&self.me.home);
        let slots = (0..spec.instances).map(|index| SlotRef::new(&spec.name, index));
        let logs = slots.flat_map(|slot| log_files_of(&self.store, &slot, &self.me.home)).map(|file| home.join(file));
        Some(Wanted {
            app: spec.name.clone(),
            cwd: spec.cwd.clone(),
            paths: watch.paths.iter().map(|path| spec.cwd.join(path)).collect(),
            ignore: watch.ignore.clone(),
            logs: logs.collect(),
            home: PathBuf::from(home),
            debounce: watch.debounce,
        })
    }

    pub(super) fn take_change(&mut self, app: AppName, word: Word) {
        // A word may come after the last of what it is about.
        if !self.watch.wanted.iter().any(|wanted| wanted.app == app) {
            return;
        }
        match word {
            Word::Changed { paths } => self.happenings.push_back(Event::Changed { app, paths }),
            Word::Polling { why } => {
                let reason = format!("{why}; its files are looked at every 2 seconds");
                self.note_files(&app, "watch.polling", reason, Value::Null);
            }
            Word::Missing { path } => {
                let reason = format!("{path} is not there; it is looked for every 2 seconds");
                self.note_files(&app, "watch.missing", reason, json!({ "path": path }));
            }
            Word::Found { path } => {
                let reason = format!("{path} is there again");
                self.note_files(&app, "watch.found", reason, json!({ "path": path }));
            }
        }
    }

    fn note_files(&mut self, app: &AppName, event: &'static str, reason: String, data: Value) {
        let app = Some(app.to_string());
        self.journal.write(Entry { app, event, reason: Some(reason), data, ..Entry::default() }, wall_ms());
    }
}

/// Whether what these leave out can be understood.
pub(super) fn check(definitions: &[&Definition]) -> Result<(), Problem> {
    for Definition { spec, .. } in definitions {
        if let Some(watch) = &spec.watch {
            crate::watch::check(&watch.ignore)
                .map_err(|why| Problem::new(422, "invalid_request", format!("`{}`: watch: ignore: {why}", spec.name)))?;
        }
    }
    Ok(())
}
