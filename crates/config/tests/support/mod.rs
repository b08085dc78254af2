//! A small world of maps.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod samples;
pub mod schema;

use config::{Diagnostics, Loaded, Surroundings};
use model::AppSpec;
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

pub struct World {
    pub vars: BTreeMap<String, String>,
    pub files: BTreeMap<PathBuf, String>,
    pub scripts: BTreeMap<PathBuf, bool>,
    pub home: Option<PathBuf>,
    pub cpus: u32,
}

impl Default for World {
    fn default() -> Self {
        World { vars: BTreeMap::new(), files: BTreeMap::new(), scripts: BTreeMap::new(), home: Some("/home/u".into()), cpus: 8 }
    }
}

impl World {
    pub fn var(mut self, name: &str, value: &str) -> World {
        self.vars.insert(name.into(), value.into());
        self
    }

    pub fn file(mut self, path: &str, text: &str) -> World {
        self.files.insert(path.into(), text.into());
        self
    }

    pub fn script(mut self, path: &str, executable: bool) -> World {
        self.scripts.insert(path.into(), executable);
        self
    }

    /// What loads is good for the schema too, in every test. Without an app, nobody fills what `[defaults]` say with variables, and so nobody says that it is
    /// of the wrong kind.
    pub fn load(&self, text: &str) -> std::result::Result<Loaded, Diagnostics> {
        let loaded = config::load(Path::new("/srv/shop/abide.toml"), text, &config::Options::default(), self);
        if loaded.as_ref().is_ok_and(|loaded| !loaded.apps.is_empty()) {
            let refused = schema::refusals(&schema::json(text));
            assert!(refused.is_empty(), "{text}\nloads, and the schema refuses it: {refused:#?}");
        }
        loaded
    }

    /// The same with another name, which says the format.
    pub fn load_as(&self, name: &str, text: &str) -> std::result::Result<Loaded, Diagnostics> {
        let loaded = config::load(&Path::new("/srv/shop").join(name), text, &config::Options::default(), self);
        if let (true, Ok(file)) = (loaded.is_ok(), serde_json::from_str(text)) {
            let refused = schema::refusals(&file);
            assert!(refused.is_empty(), "{text}\nloads, and the schema refuses it: {refused:#?}");
        }
        loaded
    }

    /// What is said of a bad file of that name.
    pub fn wrong_as(&self, name: &str, text: &str) -> String {
        match self.load_as(name, text) {
            Ok(loaded) => panic!("{text}\nwas accepted: {loaded:#?}"),
            Err(wrong) => wrong.to_string(),
        }
    }

    /// The only app of a good file.
    pub fn app(&self, text: &str) -> AppSpec {
        let mut apps = self.load(text).unwrap_or_else(|wrong| panic!("{text}\n{wrong}")).apps;
        assert_eq!(apps.len(), 1);
        apps.remove(0)
    }

    /// The app `a` with these lines.
    pub fn lines(&self, lines: &str) -> AppSpec {
        self.app(&format!("[apps.a]\ncmd = \"x\"\n{lines}"))
    }

    /// What is said of a bad file.
    pub fn wrong(&self, text: &str) -> String {
        match self.load(text) {
            Ok(loaded) => panic!("{text}\nwas accepted: {loaded:#?}"),
            Err(wrong) => wrong.to_string(),
        }
    }
}

/// Without `..`: there are no links in this world.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            std::path::Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
        plain
    })
}

impl Surroundings for World {
    fn var(&self, name: &str) -> Option<String> {
        self.vars.get(name).cloned()
    }

    fn read(&self, path: &Path) -> Result<String> {
        self.files.get(&plain(path)).cloned().ok_or_else(|| Error::new(ErrorKind::NotFound, "no such file"))
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>> {
        let folder = plain(folder);
        let inside = self.files.keys().filter_map(|path| path.strip_prefix(&folder).ok()?.components().next());
        let names: std::collections::BTreeSet<String> =
            inside.map(|name| name.as_os_str().to_string_lossy().into_owned()).collect();
        if names.is_empty() { Err(Error::new(ErrorKind::NotFound, "no such folder")) } else { Ok(names.into_iter().collect()) }
    }

    fn home_dir(&self) -> Option<PathBuf> {
        self.home.clone()
    }

    fn cpus(&self) -> u32 {
        self.cpus
    }

    fn is_executable(&self, path: &Path) -> Option<bool> {
        self.scripts.get(path).copied()
    }

    fn knows_time_zone(&self, name: &str) -> bool {
        matches!(name, "Europe/Berlin" | "UTC")
    }
}
