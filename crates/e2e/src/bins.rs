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
    /// When one of ours is missing, or older than the newest source: a test must never judge the code of yesterday.
    /// (`E2E_STALE=1` lets old ones pass while somebody else is writing.)
    pub fn find() -> Bins {
        let test = std::env::current_exe().expect("a test knows its own path");
        let dir = test.ancestors().skip(1).find(|d| d.join("puppet").is_file());
        let bins = Bins { dir: dir.unwrap_or_else(|| panic!("no `puppet` beside {}; {NEXT}", test.display())).to_owned() };
        let newest = newest_source(&workspace_root().join("crates"));
        let lenient = std::env::var_os("E2E_STALE").is_some();
        for name in ["abide", "abide-keeper", "abide-scribe", "abide-steward"] {
            let path = bins.path(name);
            let built = fs::metadata(&path).and_then(|m| m.modified());
            let built = built.unwrap_or_else(|e| panic!("{}: {e}; {NEXT}", path.display()));
            assert!(lenient || built >= newest, "{} is older than its sources; {NEXT}", path.display());
        }
        bins
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

fn newest_source(crates: &Path) -> SystemTime {
    let mut newest = SystemTime::UNIX_EPOCH;
    let mut folders: Vec<PathBuf> = fs::read_dir(crates).into_iter().flatten().flatten().map(|e| e.path()).collect();
    folders.retain(|f| !f.ends_with("e2e") && !f.ends_with("sim"));
    let mut folders: Vec<PathBuf> = folders.into_iter().map(|f| f.join("src")).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                newest = newest.max(entry.metadata().and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH));
            }
        }
    }
    newest
}
