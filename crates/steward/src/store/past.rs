//! What apps were before they were defined anew or removed: what a rollback goes back to.
//!
//! An operation's record says what it makes of its apps, never what they were: that is in the state when the record is taken, so replaying the
//! records gives it again, and nothing is written twice. Only a snapshot, which has no operations before it, holds it in full.

use super::record::{Record, Told};
use super::settings::Settings;
use super::state::StoredApp;
use api::{OperationKind, RememberedProfile};
use model::{AppName, Definition, Generation, Plan, Project, SettingsOf};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Of so many operations what they replaced is kept …
pub(super) const OPERATIONS: usize = 100;
/// … and of so many apps, together.
pub(super) const APPS: usize = 2000;

/// An operation that has defined or removed apps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Past {
    /// Its number.
    pub(crate) op: u64,
    /// When, in milliseconds since 1970.
    pub(crate) at: i64,
    /// Who asked.
    pub(crate) actor: String,
    /// The rest.
    pub(crate) done: Done,
}

/// What an operation did and what it replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// What was asked for.
    pub(crate) kind: OperationKind,
    /// What it changed, without what it kept.
    #[serde(default)]
    pub(crate) plan: Plan,
    /// The operation that a rollback went back to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) back_to: Option<u64>,
    /// What its apps were.
    pub(crate) before: Vec<Before>,
    /// What the sources of the manager's own settings that it changed had set.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) settings: Vec<SettingsOf>,
    /// The profiles that were remembered of the projects for which it chose others.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) profiles: Vec<RememberedProfile>,
}

impl Done {
    /// Of an operation that was about these apps, and about nothing else so far.
    pub(super) fn of(record: &Record, told: &Told, before: Vec<Before>) -> Done {
        let kind = record.track.as_ref().map_or(OperationKind::Apply, |track| track.kind);
        Done { kind, plan: told.plan.clone(), back_to: told.back_to, before, settings: Vec::new(), profiles: Vec::new() }
    }

    /// Whether there is nothing in it to go back to.
    pub(super) fn is_empty(&self) -> bool {
        self.before.is_empty() && self.settings.is_empty() && self.plan.settings.is_empty() && self.profiles.is_empty()
    }
}

/// What an app was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Before {
    /// Which.
    pub(crate) app: AppName,
    /// `None`: it was not there.
    pub(crate) was: Option<Was>,
}

/// An app of then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Was {
    /// Its definition, with the session that was captured for it.
    pub(crate) definition: Arc<Definition>,
    /// Its generation.
    pub(crate) generation: Generation,
    /// Whether it was wished to run.
    pub(crate) run: bool,
    /// Wishes for single slots.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) slot_wishes: BTreeMap<u32, bool>,
    /// Whether it had proven itself by then (`engine::is_proven`).
    pub(crate) proven: bool,
}

/// The operations whose work can be undone, the oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct PastOps {
    kept: VecDeque<Past>,
    /// What this operation and earlier ones replaced is not known.
    forgotten: u64,
}

impl PastOps {
    /// Those that are kept, the oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Past> {
        self.kept.iter()
    }

    /// The earliest operation that can be gone back to: of all later ones it is known what they replaced.
    pub(crate) fn earliest(&self) -> u64 {
        self.forgotten
    }

    /// Remembers an operation, and forgets the oldest where it is too much.
    pub(super) fn push(&mut self, past: Past) {
        self.kept.push_back(past);
        let mut apps: usize = self.kept.iter().map(|past| past.done.before.len()).sum();
        while self.kept.len() > OPERATIONS || apps > APPS {
            let Some(oldest) = self.kept.pop_front() else { return };
            apps -= oldest.done.before.len();
            self.forgotten = self.forgotten.max(oldest.op);
        }
    }

    /// Nobody knows what this operation, and what came before it, has replaced.
    pub(super) fn forget(&mut self, op: u64) {
        self.forgotten = self.forgotten.max(op);
        self.kept.retain(|past| past.op > op);
    }
}

/// What these apps are now, before they become something else.
pub(super) fn before<'a>(
    names: impl Iterator<Item = &'a AppName>,
    find: impl Fn(&AppName) -> Option<&'a StoredApp>,
    told: &Told,
) -> Vec<Before> {
    let was = |app: &StoredApp| Was {
        definition: app.definition.clone(),
        generation: app.generation,
        run: app.running,
        slot_wishes: app.slot_wishes.clone(),
        proven: told.proven.contains(app.name()),
    };
    names.map(|name| Before { app: name.clone(), was: find(name).filter(|app| !app.deleting).map(was) }).collect()
}

/// What these sources set now, before they set something else. The home's own file is left out: it is not the store that says what stands there.
pub(super) fn settings_before(new: &[SettingsOf], now: &Settings) -> Vec<SettingsOf> {
    let changed = new.iter().filter(|of| of.source != config::MANAGER_FILE && now.of(&of.source) != of.settings);
    changed.map(|of| SettingsOf { source: of.source.clone(), settings: now.of(&of.source) }).collect()
}

/// The profiles that are remembered now of the projects that get others.
pub(super) fn profiles_before(new: &[RememberedProfile], now: &BTreeMap<Project, String>) -> Vec<RememberedProfile> {
    let changed = new.iter().filter(|of| now.get(&of.project) != of.profile.as_ref());
    changed.map(|of| RememberedProfile { project: of.project.clone(), profile: now.get(&of.project).cloned() }).collect()
}
