//! Where the programs under test are, and whether they are as new as their sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The built programs, beside the test that runs.
#[derive(Debug, Clone)]
pub struct Bins {
    dir: PathBuf,
}

const NEXT: &str = "build the programs first: ./test, or cargo build --workspace --bins with the profile of the tests";

impl Bins {
    /// The programs of the profile under which this test was built.
    ///
    /// # Panics
    /// When one of ours is missing, or older than a source that it was built from: a test must never judge the code of yesterday.
    /// (`E2E_STALE=1` lets old ones pass while somebody else is writing.)
    pub fn find() -> Bins {
        let test = std::env::current_exe().expect("a test knows its own path");
        let dir = test.ancestors().skip(1).find(|d| d.join("puppet").is_file());
        let bins = Bins { dir: dir.unwrap_or_else(|| panic!("no `puppet` beside {}; {NEXT}", test.display())).to_owned() };
        let lenient = std::env::var_os("E2E_STALE").is_some();
        for name in ["abide", "abide-keeper", "abide-scribe", "abide-steward"] {
            let path = bins.path(name);
            let built = changed(&path).unwrap_or_else(|| panic!("{} is missing; {NEXT}", path.display()));
            let newer = sources(&path.with_extension("d")).into_iter().find(|source| changed(source).is_none_or(|at| at > built));
            if let Some(source) = newer.filter(|_| !lenient) {
                panic!("{} is older than {}; {NEXT}", path.display(), source.display());
            }
        }
        bins
    }

    /// The same programs in a folder of their own, where they can be replaced.
    pub fn installed(&self, dir: &Path) -> Bins {
        fs::create_dir_all(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        for name in ["abide", "abide-keeper", "abide-scribe", "abide-steward", "puppet"] {
            let (from, to) = (self.path(name), dir.join(name));
            // A link is as good as a copy, and works only within one file system.
            let done = fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop));
            done.unwrap_or_else(|e| panic!("{}: {e}", to.display()));
        }
        Bins { dir: dir.to_owned() }
    }

    /// The path of a program.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The folder that holds them.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// The folder of the workspace's `Cargo.toml`.
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/e2e stands two below the root").to_owned()
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|m| m.modified()).ok()
}

/// The sources of ours that a program was built from, as cargo says in the file beside it (`PROGRAM: SOURCE SOURCE …`, blanks in a path
/// escaped).
fn sources(said: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(said).unwrap_or_else(|e| panic!("{}: {e}; {NEXT}", said.display()));
    let (_, list) = text.split_once(": ").unwrap_or_else(|| panic!("{} names no sources; {NEXT}", said.display()));
    let unescaped = list.trim_end().replace("\\ ", "\0");
    let paths = unescaped.split(' ').map(|path| PathBuf::from(path.replace('\0', " ")));
    // A commit alone changes what `--version` says, and nothing that a test looks at.
    paths.filter(|path| !path.components().any(|part| part.as_os_str() == ".git")).collect()
}
