//! A folder of a test.

use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A temporary folder with the files of a test, removed with everything in it when dropped.
#[derive(Debug)]
pub struct Folder(TempDir);

impl Folder {
    pub(crate) fn new(prefix: &str) -> Folder {
        Folder(tempfile::Builder::new().prefix(prefix).tempdir_in("/tmp").expect("a folder in /tmp"))
    }

    /// Its path.
    pub fn root(&self) -> &Path {
        self.0.path()
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file in it.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        path
    }

    /// What a file in it holds; nothing when it is missing.
    pub fn read(&self, name: &str) -> String {
        fs::read(self.file(name)).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    }
}
