//! Where the system tells nothing: what all files look like, now and a moment ago.

use super::rules::Rules;
use super::walk::walk;
use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Files that are looked at, at most.
const FILES: usize = 100_000;
/// How often, at most.
pub(super) const EVERY: Duration = Duration::from_secs(2);
/// Looking takes at most this part of the time.
const PART: u32 = 10;

/// How every file looked: digests only, so that a large tree needs little.
#[derive(Debug, Default)]
pub(super) struct Poll {
    seen: HashMap<u64, u64>,
    next: Option<Instant>,
}

/// What a look has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Files that are new or look different; some of them.
    pub(super) paths: Vec<PathBuf>,
    /// Whether anything has changed: of what is gone nobody knows the name.
    pub(super) changed: bool,
    /// There are more files than are looked at.
    pub(super) more: bool,
}

impl Poll {
    /// When to look again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.next
    }

    /// Looks at everything below these.
    pub(super) fn look(&mut self, roots: &mut dyn Iterator<Item = (&Path, &mut Rules)>) -> Found {
        self.look_at(roots, FILES)
    }

    fn look_at(&mut self, roots: &mut dyn Iterator<Item = (&Path, &mut Rules)>, limit: usize) -> Found {
        let begun = Instant::now();
        let mut before = std::mem::take(&mut self.seen);
        let mut found = Found::default();
        for (root, rules) in roots {
            let mut file = |path: &Path| {
                if self.seen.len() >= limit {
                    found.more = true;
                    return false;
                }
                let Ok(meta) = fs::symlink_metadata(path) else { return true };
                let (name, look) = (digest(path), digest((meta.modified().ok(), meta.len())));
                self.seen.insert(name, look);
                if before.remove(&name) != Some(look) {
                    found.changed = true;
                    if found.paths.len() < 3 {
                        found.paths.push(path.to_owned());
                    }
                }
                true
            };
            if root.is_dir() {
                // Nothing here can fail but the visits, which do not.
                let _ = walk(rules, root, &mut |_| Ok(()), &mut file);
            } else {
                file(root);
            }
        }
        found.changed |= !before.is_empty();
        self.next = Some(Instant::now() + EVERY.max(begun.elapsed() * PART));
        found
    }
}

fn digest(of: impl Hash) -> u64 {
    let mut hash = DefaultHasher::new();
    of.hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::super::wanted::Wanted;
    use super::*;

    #[test]
    fn sees_what_is_new_different_and_gone() {
        let folder = tempfile::tempdir().expect("tempdir");
        let cwd = folder.path();
        let write = |name: &str, text: &str| fs::write(cwd.join(name), text).expect("written");
        fs::create_dir_all(cwd.join("sub/.git")).expect("made");
        write("a", "1");
        write("sub/b", "1");
        let wanted = Wanted {
            app: "web".parse().expect("a name"),
            cwd: cwd.to_owned(),
            paths: vec![cwd.to_owned()],
            ignore: vec!["*.log".to_owned()],
            logs: Vec::new(),
            home: cwd.join("home"),
            debounce: Duration::ZERO,
        };
        let mut rules = Rules::new(&wanted, cwd);
        let mut poll = Poll::default();
        let mut look = |poll: &mut Poll| poll.look(&mut std::iter::once((cwd, &mut rules)));
        assert_eq!(look(&mut poll).paths.len(), 2);
        assert_eq!(look(&mut poll), Found::default());
        write("sub/b", "12");
        assert_eq!(look(&mut poll), Found { paths: vec![cwd.join("sub/b")], changed: true, more: false });
        write("x.log", "");
        write("sub/.git/index", "");
        assert_eq!(look(&mut poll), Found::default());
        write("c", "");
        assert_eq!(look(&mut poll).paths, [cwd.join("c")]);
        fs::remove_file(cwd.join("a")).expect("removed");
        assert_eq!(look(&mut poll), Found { changed: true, ..Found::default() });
        assert_eq!(look(&mut poll), Found::default());
        assert!(poll.look_at(&mut std::iter::once((cwd, &mut rules)), 1).more);
    }
}
