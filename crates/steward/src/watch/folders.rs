//! The folders that are watched, each once, and for whom.

use super::eyes::{Blind, Eyes, Open, Sight};
use super::watched::Apps;
use model::AppName;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folders, and the eyes on them, which are open while there are any.
pub(super) struct Folders {
    open: Open,
    tell: Arc<dyn Fn(Sight) + Send + Sync>,
    eyes: Option<Box<dyn Eyes>>,
    watched: BTreeMap<PathBuf, Apps>,
}

impl Folders {
    pub(super) fn new(open: Open, tell: Arc<dyn Fn(Sight) + Send + Sync>) -> Folders {
        Folders { open, tell, eyes: None, watched: BTreeMap::new() }
    }

    /// Watches a folder for an app.
    pub(super) fn watch(&mut self, folder: &Path, app: &AppName) -> Result<(), Blind> {
        if let Some(apps) = self.watched.get_mut(folder) {
            apps.insert(app.clone());
            return Ok(());
        }
        if self.eyes.is_none() {
            let tell = self.tell.clone();
            self.eyes = Some((self.open)(Box::new(move |sight| tell(sight))).map_err(Blind::Cannot)?);
        }
        let Some(eyes) = &mut self.eyes else { return Ok(()) };
        eyes.watch(folder)?;
        self.watched.insert(folder.to_owned(), Apps::from([app.clone()]));
        Ok(())
    }

    /// For whom something in a folder, or the folder itself, matters.
    pub(super) fn apps_at(&self, path: &Path) -> Apps {
        let parent = path.parent().and_then(|parent| self.watched.get(parent));
        self.watched.get(path).into_iter().chain(parent).flatten().cloned().collect()
    }

    pub(super) fn is_watched(&self, folder: &Path, app: &AppName) -> bool {
        self.watched.get(folder).is_some_and(|apps| apps.contains(app))
    }

    /// An app does not want this folder and what is below it any more.
    pub(super) fn leave_below(&mut self, top: &Path, app: &AppName) {
        let below = self.watched.range::<Path, _>((Bound::Included(top), Bound::Unbounded)).map(|(folder, _)| folder);
        let below: Vec<PathBuf> = below.take_while(|folder| folder.starts_with(top)).cloned().collect();
        below.iter().for_each(|folder| self.leave_one(folder, app));
    }

    /// An app does not want any folder any more.
    pub(super) fn leave(&mut self, app: &AppName) {
        let all: Vec<PathBuf> = self.watched.keys().cloned().collect();
        all.iter().for_each(|folder| self.leave_one(folder, app));
        if self.watched.is_empty() {
            self.eyes = None;
        }
    }

    fn leave_one(&mut self, folder: &Path, app: &AppName) {
        let Some(apps) = self.watched.get_mut(folder) else { return };
        apps.remove(app);
        if apps.is_empty() {
            self.watched.remove(folder);
            self.eyes.iter_mut().for_each(|eyes| eyes.unwatch(folder));
        }
    }
}
