//! Which changes count: everything in the watched folders but what the patterns leave out.
//!
//! The user's patterns come first, then those of `.gitignore` files, the nearest folder's before its parents'. What stands below a folder
//! that is left out is left out too, and is never looked at. Our home and the app's own logs never count, whatever a pattern says.

use super::wanted::Wanted;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Left out unless the user's patterns take it in again: what tools and editors leave beside the files that are meant.
const COMMON: &[&str] = &[
    ".git/",
    ".hg/",
    ".svn/",
    "node_modules/",
    "__pycache__/",
    "*.pyc",
    ".DS_Store",
    "*.swp",
    "*.swo",
    "*.swx",
    "*~",
    ".#*",
    "#*#",
    "4913",
];

/// The rules of one watched path.
#[derive(Debug)]
pub(super) struct Rules {
    root: PathBuf,
    /// The common patterns and the user's.
    own: Gitignore,
    /// By folder.
    files: BTreeMap<PathBuf, Gitignore>,
    /// Not looked for above this folder.
    top: PathBuf,
    logs: Vec<PathBuf>,
    home: PathBuf,
}

/// What is wrong with a user's patterns.
///
/// # Errors
/// In words: which pattern, and why.
pub(crate) fn check(patterns: &[String]) -> Result<(), String> {
    own(Path::new("/"), Path::new("/"), patterns).map(drop)
}

fn own(base: &Path, root: &Path, patterns: &[String]) -> Result<Gitignore, String> {
    let mut builder = GitignoreBuilder::new(base);
    // Who watches within such a folder means it.
    let inside = |pattern: &str| {
        root.components().any(|part| Some(part.as_os_str()) == Path::new(pattern.trim_end_matches('/')).file_name())
    };
    let common = COMMON.iter().copied().filter(|pattern| !pattern.ends_with('/') || !inside(pattern));
    for pattern in common.chain(patterns.iter().map(String::as_str)) {
        builder.add_line(None, pattern).map_err(|error| format!("`{pattern}` is no pattern: {error}"))?;
    }
    builder.build().map_err(|error| format!("the patterns of `ignore` cannot be used: {error}"))
}

impl Rules {
    /// The rules for one of the watched paths.
    pub(super) fn new(wanted: &Wanted, root: &Path) -> Rules {
        let below = root.starts_with(&wanted.cwd);
        let parent = root.parent().unwrap_or(root);
        let base = if below { &wanted.cwd } else { root };
        let mut rules = Rules {
            root: root.to_owned(),
            // They were looked at when the app was defined.
            own: own(base, root, &wanted.ignore).unwrap_or_else(|_| Gitignore::empty()),
            files: BTreeMap::new(),
            top: if below { wanted.cwd.clone() } else { parent.to_owned() },
            logs: wanted.logs.clone(),
            home: wanted.home.clone(),
        };
        let folders: Vec<PathBuf> =
            root.ancestors().skip(1).take_while(|folder| below && folder.starts_with(&rules.top)).map(Path::to_owned).collect();
        folders.iter().for_each(|folder| rules.read(folder));
        rules
    }

    /// Reads the `.gitignore` of a folder, or forgets it.
    pub(super) fn read(&mut self, folder: &Path) {
        let path = folder.join(".gitignore");
        if !path.is_file() {
            self.files.remove(folder);
            return;
        }
        // A line that is no pattern leaves nothing out; the others count.
        let (patterns, _) = Gitignore::new(&path);
        self.files.insert(folder.to_owned(), patterns);
    }

    /// Whether a change of this path counts. Its parents are known to.
    pub(super) fn counts(&self, path: &Path, is_folder: bool) -> bool {
        if path.starts_with(&self.home) || self.is_log(path) {
            return false;
        }
        // Whoever names a path means it.
        if path == self.root {
            return true;
        }
        if let Some(counts) = verdict(&self.own, path, is_folder) {
            return counts;
        }
        let folders = path.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.top));
        folders
            .filter_map(|folder| self.files.get(folder))
            .find_map(|patterns| verdict(patterns, path, is_folder))
            .unwrap_or(true)
    }

    /// A log of the app, or what is made beside it: `x`, `x.1`, `x.2.gz`, `x.idx`, `x.1.gz.tmp`.
    fn is_log(&self, path: &Path) -> bool {
        self.logs.iter().any(|log| {
            let (Some(name), Some(own)) = (path.file_name(), log.file_name()) else { return false };
            let (name, own) = (name.as_encoded_bytes(), own.as_encoded_bytes());
            path.parent() == log.parent() && name.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest[0] == b'.')
        })
    }
}

fn verdict(patterns: &Gitignore, path: &Path, is_folder: bool) -> Option<bool> {
    match patterns.matched(path, is_folder) {
        Match::None => None,
        Match::Ignore(_) => Some(false),
        Match::Whitelist(_) => Some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::Duration;

    fn wanted(cwd: &Path, ignore: &[&str]) -> Wanted {
        Wanted {
            app: "web".parse().expect("a name"),
            cwd: cwd.to_owned(),
            paths: vec![cwd.to_owned()],
            ignore: ignore.iter().map(|pattern| (*pattern).to_owned()).collect(),
            logs: vec![cwd.join("log/web.log")],
            home: cwd.join("home"),
            debounce: Duration::ZERO,
        }
    }

    /// Whether a path counts and every folder above it.
    fn all_the_way(rules: &Rules, path: &Path) -> bool {
        let mut parents = path.ancestors().skip(1).take_while(|folder| folder.starts_with(&rules.root));
        rules.counts(path, false) && parents.all(|folder| rules.counts(folder, true))
    }

    #[test]
    fn patterns() {
        let folder = tempfile::tempdir().expect("tempdir");
        let cwd = folder.path();
        fs::create_dir_all(cwd.join("src/deep")).expect("made");
        fs::write(cwd.join(".gitignore"), "*.tmp\n/dist/\n[\n!keep.tmp\n").expect("written");
        fs::write(cwd.join("src/.gitignore"), "!*.tmp\nlocal.js\n").expect("written");
        let mut rules = Rules::new(&wanted(cwd, &["*.md", "!/README.md", "!/node_modules/", "/a/b/"]), cwd);
        rules.read(cwd);
        rules.read(&cwd.join("src"));
        let left_out = [
            "x.tmp",
            "dist/",
            "notes.md",
            ".git/",
            "src/.git/",
            "log/web.log",
            "log/web.log.1",
            "log/web.log.2.gz",
            "log/web.log.idx",
            "home/x",
            "home/",
            "a/b/",
            "x.swp",
            "src/local.js",
            "src/__pycache__/",
            "src/node_modules/",
            "x.js~",
        ];
        let counted = [
            "x.js",
            "src/x.js",
            "src/x.tmp",
            "keep.tmp",
            "README.md",
            "node_modules/",
            "log/web.log2",
            "log/other.log",
            "src/dist/",
            "src/a/b/",
            "local.js",
            "homely",
            "dist",
            ".gitignore",
        ];
        let counts = |path: &str| rules.counts(&cwd.join(path.trim_end_matches('/')), path.ends_with('/'));
        assert_eq!(left_out.into_iter().filter(|path| counts(path)).collect::<Vec<_>>(), [""; 0]);
        assert_eq!(counted.into_iter().filter(|path| !counts(path)).collect::<Vec<_>>(), [""; 0]);
        assert!(!all_the_way(&rules, &cwd.join("dist/deep/x.js")));
        assert!(all_the_way(&rules, &cwd.join("src/deep/x.js")));
        fs::remove_file(cwd.join("src/.gitignore")).expect("removed");
        rules.read(&cwd.join("src"));
        assert!(rules.counts(&cwd.join("src/local.js"), false));
    }

    #[test]
    fn a_named_path_is_meant() {
        let folder = tempfile::tempdir().expect("tempdir");
        let cwd = folder.path();
        fs::write(cwd.join(".gitignore"), "*.env\nbuild/\n").expect("written");
        let file = Rules::new(&wanted(cwd, &[]), &cwd.join("x.env"));
        assert!(file.counts(&cwd.join("x.env"), false));
        let inside = cwd.join("node_modules/mine");
        let rules = Rules::new(&wanted(cwd, &[]), &inside);
        assert!(rules.counts(&inside.join("index.js"), false));
        let root = cwd.join("build");
        let rules = Rules::new(&wanted(cwd, &[]), &root);
        assert!(all_the_way(&rules, &root.join("x.js")) && !rules.counts(&root.join("x.env"), false), "of its parents it knows");
    }

    #[test]
    fn wrong_patterns_are_said() {
        let error = check(&["fine".to_owned(), "[z-a]".to_owned()]).expect_err("wrong");
        assert!(error.contains("`[z-a]` is no pattern"), "{error}");
        assert_eq!(check(&["**/x".to_owned(), "!y".to_owned()]), Ok(()));
    }
}
