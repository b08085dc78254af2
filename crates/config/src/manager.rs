//! `[daemon]` of all files of a load, and the file `daemon.toml` of a home. There is one manager, so two files cannot want different things of it.

use crate::base::Base;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::env::Env;
use crate::fault::{Fault, Faults, Place};
use crate::keys::Scope;
use crate::layer::{self, Entries, Entry, Value};
use crate::load::Format;
use crate::logs;
use crate::read;
use crate::source::{Source, Sources};
use crate::surroundings::Surroundings;
use crate::texts::Texts;
use model::{DaemonSettings, Origin};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The file in the home that holds the manager's own settings, for the whole machine.
pub const MANAGER_FILE: &str = "daemon.toml";

/// The longest such file in bytes.
pub const MAX_MANAGER_FILE: usize = 64 * 1024;

/// What `daemon.toml` says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ManagerFile {
    /// What it sets.
    pub settings: DaemonSettings,
    /// Where, by key as in [`crate::effective_settings`].
    pub origins: BTreeMap<String, Origin>,
}

/// Reads `daemon.toml`: the keys of `[daemon]` at its top, in TOML. It knows no variables, because whoever reads it has others.
///
/// # Errors
/// Everything that is wrong with it, in order of position.
pub fn load_manager(path: &Path, text: &str) -> Result<ManagerFile, Diagnostics> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut faults = Faults::default();
    let mut sources = Sources::default();
    let name = path.to_string_lossy();
    if text.len() > MAX_MANAGER_FILE {
        faults.push(Fault::new(&Place::Whole, format!("the file has {} bytes, more than {MAX_MANAGER_FILE}", text.len())));
        sources.add(Source::new(&name, ""));
        return Err(wrong(&sources, faults));
    }
    sources.add(Source::new(&name, text));
    let mut members = read::document(text, Format::Toml, 0, &mut faults);
    if let Some(at) = members.iter().position(|member| member.name == "daemon") {
        let member = members.remove(at);
        let fault = Fault::new(&member.place, "this file is about the manager only: there is no [daemon] in it");
        faults.push(fault.help("write its keys at the top of the file, without [daemon]"));
    }
    let keys = layer::entries(Scope::Daemon, "", members, &mut faults);
    let base = Base { folder: Path::new("/"), around: &Nothing, sources: &sources, interpreters: false };
    let settings = settings(&keys, &base, &mut faults);
    let origins = origins(&keys, &base);
    if faults.is_empty() { Ok(ManagerFile { settings, origins }) } else { Err(wrong(&sources, faults)) }
}

fn wrong(sources: &Sources<'_>, faults: Faults) -> Diagnostics {
    let (sorted, _) = faults.into_sorted();
    let mut list: Vec<Diagnostic> = sorted.iter().map(|fault| sources.diagnostic(Severity::Error, fault)).collect();
    list.dedup();
    Diagnostics(list)
}

/// The settings so far, and where each was set first.
#[derive(Default)]
pub(crate) struct Manager {
    pub settings: DaemonSettings,
    /// For `config show`.
    pub origins: BTreeMap<String, Origin>,
    places: BTreeMap<&'static str, Place>,
}

impl Manager {
    /// Takes those of one more file in.
    pub fn add(&mut self, entry: Option<Entry>, base: &Base<'_>, faults: &mut Faults) {
        let Some(entry) = entry else { return };
        let Value::Table(members) = entry.item.value else {
            let fault = Fault::new(&entry.item.place, format!("`daemon` is a table, found {}", entry.item.value.kind()));
            faults.push(fault.help("write [daemon] and its keys below"));
            return;
        };
        let keys = layer::entries(Scope::Daemon, "daemon.", members, faults);
        let settings = settings(&keys, base, faults);
        if let Some(key) = settings.differs(&self.settings)
            && let (Some(first), Some(second)) = (self.places.get(key), keys.get(key))
        {
            let fault = Fault::new(&second.place, format!("`daemon.{key}` has another value in {}", base.sources.at(first)));
            faults.push(fault.help("there is one manager: set it in one file"));
        }
        self.settings = self.settings.over(&settings);
        for (key, origin) in origins(&keys, base) {
            self.origins.entry(key).or_insert(origin);
        }
        for (key, entry) in keys {
            self.places.entry(key).or_insert(entry.place);
        }
    }
}

fn settings(keys: &Entries, base: &Base<'_>, faults: &mut Faults) -> DaemonSettings {
    let t = &mut Texts { env: Env::new(base.around), faults };
    DaemonSettings {
        log_max_size: keys.get("log_max_size").and_then(|e| t.size(e)),
        log_max_files: keys.get("log_max_files").and_then(|e| t.int(e)),
        log_max_age: keys.get("log_max_age").and_then(|e| logs::age(e, t)).map(Option::unwrap_or_default),
        log_compress: keys.get("log_compress").and_then(|e| logs::compress(e, t)),
        log_total_max: keys.get("log_total_max").and_then(|e| t.size(e)),
        history: keys.get("history").and_then(|e| logs::age(e, t)).map(Option::unwrap_or_default),
    }
}

fn origins(keys: &Entries, base: &Base<'_>) -> BTreeMap<String, Origin> {
    keys.iter().map(|(key, entry)| (format!("daemon.{key}"), base.origin(&entry.place))).collect()
}

/// `daemon.toml` is read by the manager and by commands: what surrounds one of them says nothing to the other.
struct Nothing;

impl Surroundings for Nothing {
    fn var(&self, _: &str) -> Option<String> {
        None
    }

    fn read(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn home_dir(&self) -> Option<PathBuf> {
        None
    }

    fn cpus(&self) -> u32 {
        1
    }

    fn is_executable(&self, _: &Path) -> Option<bool> {
        None
    }

    fn knows_time_zone(&self, _: &str) -> bool {
        false
    }
}
