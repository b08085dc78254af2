//! One app that is watched: its paths, what has changed there, and how it is found out.

use super::burst::Burst;
use super::eyes::{Blind, Happened, silent};
use super::folders::Folders;
use super::poll::{EVERY, Found, Poll};
use super::rules::Rules;
use super::walk::walk;
use super::wanted::{Wanted, Word};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

/// An app and what is known of its files.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) wanted: Wanted,
    roots: Vec<Root>,
    burst: Burst,
    /// What was written before the last word is known.
    known: SystemTime,
    /// It is looked at now and then, because the system does not tell.
    poll: Option<Poll>,
    /// When missing paths are looked for again.
    search: Option<Instant>,
}

/// A path that is watched.
#[derive(Debug)]
struct Root {
    path: PathBuf,
    rules: Rules,
    there: bool,
    told_missing: bool,
}

impl Watched {
    /// Begins to watch.
    pub(super) fn new(wanted: Wanted, folders: &mut Folders, say: &mut dyn FnMut(Word)) -> Watched {
        let root =
            |path: &PathBuf| Root { path: path.clone(), rules: Rules::new(&wanted, path), there: false, told_missing: false };
        let roots = wanted.paths.iter().map(root).collect();
        let burst = Burst::new(wanted.debounce);
        let mut watched = Watched { wanted, roots, burst, known: SystemTime::now(), poll: None, search: None };
        for at in 0..watched.roots.len() {
            watched.begin_root(at, folders, say);
            watched.miss(at, say);
        }
        watched
    }

    /// When something is due by itself.
    pub(super) fn due(&self) -> Option<Instant> {
        let poll = self.poll.as_ref().and_then(Poll::due);
        self.burst.due().into_iter().chain(poll).chain(self.search).min()
    }

    /// Does what is due.
    pub(super) fn pass(&mut self, now: Instant, folders: &mut Folders, say: &mut dyn FnMut(Word)) {
        if self.search.is_some_and(|at| at <= now) {
            self.search_roots(now, folders, say);
        }
        if self.poll.as_ref().and_then(Poll::due).is_some_and(|at| at <= now) {
            self.look();
        }
        if let Some(paths) = self.burst.take(now) {
            self.known = SystemTime::now();
            let shown = |path: &PathBuf| path.strip_prefix(&self.wanted.cwd).unwrap_or(path).to_string_lossy().into_owned();
            say(Word::Changed { paths: paths.iter().map(shown).collect() });
        }
    }

    /// Watches what is there of a path.
    fn begin_root(&mut self, at: usize, folders: &mut Folders, say: &mut dyn FnMut(Word)) {
        let root = &mut self.roots[at];
        root.there = root.path.exists();
        if !root.there {
            self.search.get_or_insert_with(|| Instant::now() + EVERY);
            return;
        }
        if self.poll.is_some() {
            return;
        }
        if let Some(why) = silent(&root.path) {
            return self.begin_polling(why, folders, say);
        }
        // A file, and a link to a folder, are names in the folder that holds them.
        let named = !root.path.is_dir() || root.path.is_symlink();
        let parent = root.path.parent().filter(|_| named).map_or(Ok(()), |parent| folders.watch(parent, &self.wanted.app));
        let path = root.path.clone();
        let done = parent.and_then(|()| self.enter(at, &path, false, folders));
        self.take(done, folders, say);
    }

    /// Watches a folder and those below it. `told`: what is found in them is new.
    fn enter(&mut self, at: usize, folder: &Path, told: bool, folders: &mut Folders) -> Result<(), Blind> {
        let Watched { wanted, roots, burst, .. } = self;
        if !folder.is_dir() {
            return Ok(());
        }
        let now = Instant::now();
        let mut file = |path: &Path| {
            if told {
                burst.add(Some(path), now);
            }
            true
        };
        walk(&mut roots[at].rules, folder, &mut |folder| folders.watch(folder, &wanted.app), &mut file)
    }

    fn take(&mut self, done: Result<(), Blind>, folders: &mut Folders, say: &mut dyn FnMut(Word)) {
        if let Err(Blind::Cannot(why)) = done {
            self.begin_polling(why, folders, say);
        }
    }

    fn begin_polling(&mut self, why: String, folders: &mut Folders, say: &mut dyn FnMut(Word)) {
        if self.poll.is_none() {
            folders.leave(&self.wanted.app);
            self.poll = Some(Poll::default());
            // How they look now; nothing has changed.
            let more = self.found().more;
            let why = if more { format!("{why}; only 100000 of its files are looked at") } else { why };
            say(Word::Polling { why });
        }
    }

    fn found(&mut self) -> Found {
        let Some(poll) = &mut self.poll else { return Found::default() };
        poll.look(&mut self.roots.iter_mut().map(|root| (root.path.as_path(), &mut root.rules)))
    }

    fn look(&mut self) {
        let found = self.found();
        let now = Instant::now();
        found.paths.iter().for_each(|path| self.burst.add(Some(path), now));
        if found.changed && found.paths.is_empty() {
            self.burst.add(self.wanted.paths.first().map(PathBuf::as_path), now);
        }
    }

    fn miss(&mut self, at: usize, say: &mut dyn FnMut(Word)) {
        let root = &mut self.roots[at];
        if !root.there && !std::mem::replace(&mut root.told_missing, true) {
            say(Word::Missing { path: root.path.display().to_string() });
        }
    }

    /// Looks for paths that were not there.
    fn search_roots(&mut self, now: Instant, folders: &mut Folders, say: &mut dyn FnMut(Word)) {
        self.search = None;
        for at in 0..self.roots.len() {
            if self.roots[at].there {
                continue;
            }
            self.begin_root(at, folders, say);
            self.miss(at, say);
            let root = &mut self.roots[at];
            if root.there {
                if std::mem::take(&mut root.told_missing) {
                    say(Word::Found { path: root.path.display().to_string() });
                }
                let path = root.path.clone();
                self.burst.add(Some(&path), now);
            }
        }
    }

    /// A path that was there is no more, or is another: it is begun anew.
    fn renew_root(&mut self, at: usize, folders: &mut Folders, say: &mut dyn FnMut(Word)) {
        let path = self.roots[at].path.clone();
        self.burst.add(Some(&path), Instant::now());
        folders.leave_below(&path, &self.wanted.app);
        self.begin_root(at, folders, say);
    }

    /// Anything may have happened.
    pub(super) fn lost(&mut self, folders: &mut Folders, say: &mut dyn FnMut(Word)) {
        if self.poll.is_none() {
            // What was not there is looked for anyway.
            for at in (0..self.roots.len()).filter(|at| self.roots[*at].there).collect::<Vec<_>>() {
                self.renew_root(at, folders, say);
            }
        }
    }

    /// Something has happened in a folder of this app.
    pub(super) fn see(&mut self, path: &Path, happened: Happened, folders: &mut Folders, say: &mut dyn FnMut(Word)) {
        if self.poll.is_some() {
            return;
        }
        for at in 0..self.roots.len() {
            let root = &self.roots[at];
            let went = matches!(happened, Happened::Moved | Happened::Went | Happened::FolderWent);
            if (root.path == path && (root.path.is_dir() || went)) || (went && root.path.starts_with(path)) {
                if happened != Happened::Touched && happened != Happened::Written {
                    self.renew_root(at, folders, say);
                }
            } else if path.starts_with(&root.path) {
                if root.path == path {
                    // A file that has come back by itself is not looked for.
                    self.roots[at].there = true;
                }
                self.see_below(at, path, happened, folders, say);
            }
        }
    }

    fn see_below(&mut self, at: usize, path: &Path, happened: Happened, folders: &mut Folders, say: &mut dyn FnMut(Word)) {
        let was_folder = folders.is_watched(path, &self.wanted.app);
        let is_folder = match happened {
            Happened::FolderCame | Happened::FolderWent => true,
            Happened::Came => path.is_dir() && !path.is_symlink(),
            Happened::Moved | Happened::Went => was_folder,
            Happened::Written | Happened::Touched => false,
        };
        if let (Some(".gitignore"), Some(folder)) = (path.file_name().and_then(|name| name.to_str()), path.parent()) {
            self.roots[at].rules.read(folder);
            // Folders that were left out may count now.
            let done = self.enter(at, folder, false, folders);
            self.take(done, folders, say);
        }
        let went = matches!(happened, Happened::Moved | Happened::Went);
        let rules = &self.roots[at].rules;
        // Nobody can say any more what it was, if it was not watched.
        if !rules.counts(path, is_folder) || (went && !rules.counts(path, true)) {
            return;
        }
        match happened {
            Happened::Came | Happened::FolderCame if is_folder => {
                folders.leave_below(path, &self.wanted.app);
                let done = self.enter(at, path, true, folders);
                self.take(done, folders, say);
            }
            Happened::Moved | Happened::Went | Happened::FolderWent if is_folder => {
                folders.leave_below(path, &self.wanted.app);
                // Of a folder that was moved away nothing else is told.
                if happened == Happened::Moved {
                    self.burst.add(Some(path), Instant::now());
                }
            }
            Happened::Touched if !self.was_written(path) => {}
            _ => self.burst.add(Some(path), Instant::now()),
        }
    }

    /// Whether the time of the last writing was set since the last word (`touch`): other attributes do not count.
    fn was_written(&mut self, path: &Path) -> bool {
        // After a clock that was set back.
        self.known = self.known.min(SystemTime::now());
        fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.modified().is_ok_and(|at| at > self.known))
    }
}

/// Names of apps.
pub(super) type Apps = BTreeSet<model::AppName>;
