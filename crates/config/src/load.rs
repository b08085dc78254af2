//! A whole file: its top level, its apps, and what they may not have in common.

use crate::base::Base;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, clip};
use crate::env::Env;
use crate::fault::{Fault, Faults, Part, Place};
use crate::include::{self, Gathered, MAX_FILE};
use crate::layer::{Entries, Entry, Item, Layer, Member, Value};
use crate::manager::Manager;
use crate::order::{self, Written};
use crate::profile::{self, Profiles};
use crate::reach;
use crate::read;
use crate::renew;
use crate::resolve;
use crate::source::{Source, Sources};
use crate::surroundings::Surroundings;
use crate::texts::Texts;
use model::{AppName, AppSpec, DaemonSettings, Origin, Project, SlotRef};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The names that are looked for where no file is given, in this order.
pub const FILE_NAMES: [&str; 4] = ["abide.toml", "abide.yaml", "abide.yml", "abide.json"];

/// The most apps of all files.
const MAX_APPS: usize = 10_000;

/// What a file says.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// Its apps, in the order of the file, then those of each included file.
    pub apps: Vec<AppSpec>,
    /// The group of apps that the file is.
    pub project: Project,
    /// Every profile that it knows, by name.
    pub profiles: Vec<String>,
    /// The manager's own settings, as far as the file has any.
    pub daemon: DaemonSettings,
    /// Where each of them is written, by key as in [`crate::effective_settings`].
    pub daemon_origins: BTreeMap<String, Origin>,
    /// What is odd but no error.
    pub warnings: Vec<Diagnostic>,
    /// Every file that was read: the one that was named, then those that it includes.
    pub files: Vec<PathBuf>,
}

/// How a file is to be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Which profile counts.
    pub profile: ProfileChoice,
    /// How it is written; `None` = as its name says, and TOML where that says nothing.
    pub format: Option<Format>,
}

/// Which profile counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProfileChoice {
    /// The one that each app names (`profile = "prod"`), or none.
    #[default]
    Own,
    /// This one for every app, whatever it names itself (`--profile prod`).
    Named(String),
    /// None for any app (`--profile none`).
    Nothing,
}

/// How a configuration is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `abide.toml`.
    Toml,
    /// `abide.yaml`, `abide.yml`.
    Yaml,
    /// `abide.json`.
    Json,
}

/// Reads a file. `path` is its absolute path (for messages and relative paths), `text` its contents.
///
/// # Errors
/// Everything that is wrong with it and with the files that it includes, in order of position.
pub fn load(path: &Path, text: &str, options: &Options, around: &dyn Surroundings) -> Result<Loaded, Diagnostics> {
    let mut faults = Faults::default();
    if let Some(fault) = unreadable(path, text, options) {
        faults.push(fault);
        let file = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy());
        let mut sources = Sources::default();
        sources.add(Source::new(&file, ""));
        return Err(diagnostics(&sources, faults));
    }
    let format = options.format.or_else(|| Format::of(path)).unwrap_or(Format::Toml);
    let Gathered { sources, pieces, tops, odd } = include::gather(path, text, format, around, &mut faults);
    let bases: Vec<Base<'_>> =
        pieces.iter().map(|piece| Base { folder: &piece.folder, around, sources: &sources, interpreters: false }).collect();
    let mut all = Tops::default();
    for (top, base) in tops.into_iter().zip(&bases) {
        all.add(top, base, &mut faults);
    }
    all.bounded(&sources, &mut faults);
    let (name, named) = all.names.swap_remove(0);
    let known = profile::names(all.shared.iter().chain(all.drafts.iter().map(|draft| &draft.profiles)));
    profile::check(&options.profile, &known, &mut faults);
    let profiles: Vec<String> = known.into_iter().map(str::to_owned).collect();
    let mut apps = Vec::new();
    let mut written = Written::default();
    for Draft { name, place, layer, profiles } in &all.drafts {
        let above = include::chain(&pieces, place.file());
        let base = &bases[place.file()];
        let shared: Vec<&Profiles> = above.iter().map(|file| &all.shared[*file]).collect();
        let mut layers: Vec<&Layer> = above.iter().map(|file| &all.defaults[*file]).chain([layer]).collect();
        let chosen = profile::choose(&options.profile, &layers, (&shared, profiles), base, &mut faults);
        layers.pop();
        layers.extend(chosen.shared.into_iter().chain([layer]).chain(chosen.own));
        let app = resolve::app(name.clone(), place, &layers, base, &mut faults);
        apps.extend(app.map(|app| AppSpec { profile: chosen.name, ..app }));
        written.add(name, layers);
    }
    slots(&all.drafts, &apps, &mut faults);
    order::groups(all.groups, name.as_deref(), &mut apps, &written, &bases[0], &mut faults);
    order::circles(&apps, &written, &mut faults);
    reach::between(&apps, &written, &mut faults);
    if !faults.is_empty() {
        return Err(diagnostics(&sources, faults));
    }
    let mut warnings = odd;
    if apps.is_empty() && all.manager.settings.is_empty() {
        let fault = Fault::new(&Place::Whole, "the file defines no app").help("add one: [apps.NAME] with `cmd = \"…\"`");
        warnings.push(fault);
    }
    warnings.extend(order::nearly_named(&apps, &written));
    warnings.extend(renew::idle(&apps, &written));
    let warnings = warnings.iter().map(|fault| sources.diagnostic(Severity::Warning, fault)).collect();
    let files = pieces.iter().map(|piece| piece.path.clone()).collect();
    let project = Project { folder: (!named).then(|| bases[0].folder.to_owned()), name: name.unwrap_or_default() };
    Ok(Loaded { apps, project, profiles, daemon: all.manager.settings, daemon_origins: all.manager.origins, warnings, files })
}

/// Why the file that was named is not even looked into.
fn unreadable(path: &Path, text: &str, options: &Options) -> Option<Fault> {
    if options.format.is_none() && Format::is_program(path) {
        return Some(Fault::new(&Place::Whole, "this file is a program, not a configuration").help(include::OF_PROGRAMS));
    }
    let fault = Fault::new(&Place::Whole, format!("the file has {} bytes, more than {MAX_FILE}", text.len()));
    (text.len() > MAX_FILE).then(|| fault.help("a file of apps is at most 1 MiB; is it the right one?"))
}

/// What the files say at their tops, by the number of the file or all together.
#[derive(Default)]
struct Tops {
    /// The name of each, and whether it is written. Only that of the file that was named counts.
    names: Vec<(Option<String>, bool)>,
    /// `[defaults]` of each.
    defaults: Vec<Layer>,
    /// `[profiles]` of each.
    shared: Vec<Profiles>,
    drafts: Vec<Draft>,
    manager: Manager,
    groups: Vec<Entry>,
}

impl Tops {
    fn add(&mut self, mut top: Entries, base: &Base<'_>, faults: &mut Faults) {
        version(top.get("version"), faults);
        address(top.get("$schema"), faults);
        self.names.push(match top.remove("name") {
            Some(entry) => (session_text(&entry.item, &entry.written, base, faults), true),
            None => (base.folder.file_name().map(|name| name.to_string_lossy().into_owned()), false),
        });
        self.defaults.push(defaults(top.remove("defaults"), base, faults));
        self.shared.push(profile::read(top.remove("profiles"), Part::Profile, base, faults));
        self.drafts.extend(drafts(top.remove("apps"), base, faults));
        self.manager.add(top.remove("daemon"), base, faults);
        self.groups.extend(top.remove("groups"));
    }

    /// Takes out what is too much, and what is there twice.
    fn bounded(&mut self, sources: &Sources<'_>, faults: &mut Faults) {
        if self.drafts.len() > MAX_APPS {
            faults.push(Fault::new(
                &Place::Whole,
                format!("{} apps in one file and what it includes, more than {MAX_APPS}", self.drafts.len()),
            ));
            self.drafts.truncate(MAX_APPS);
        }
        unique(&mut self.drafts, sources, faults);
    }
}

fn diagnostics(sources: &Sources<'_>, faults: Faults) -> Diagnostics {
    let (sorted, more) = faults.into_sorted();
    let mut list: Vec<Diagnostic> = sorted.iter().map(|fault| sources.diagnostic(Severity::Error, fault)).collect();
    // Two faults of one place can read alike once they are bound to it.
    list.dedup();
    if more > 0 {
        let fault = Fault::new(&Place::Whole, format!("{more} more errors are not shown"));
        list.push(sources.diagnostic(Severity::Error, &fault));
    }
    Diagnostics(list)
}

/// Where editors find the schema. Whatever it says, it changes nothing.
fn address(entry: Option<&Entry>, faults: &mut Faults) {
    if let Some(entry) = entry.filter(|entry| !matches!(&entry.item.value, Value::Text(text) if !text.is_empty())) {
        let message = format!("`$schema` is the address of a schema for editors, found {}", entry.item.value.kind());
        faults.push(Fault::new(&entry.item.place, message).help("write it as a string, or remove it"));
    }
}

fn version(entry: Option<&Entry>, faults: &mut Faults) {
    if let Some(entry) = entry.filter(|entry| entry.item.value != Value::Int(1)) {
        let fault = Fault::new(&entry.item.place, "`version` is not one that this abide reads");
        faults.push(fault.help("write `version = 1`, or leave it out"));
    }
}

/// A text outside of any app: only the session's variables are known there.
fn session_text(item: &Item, label: &str, base: &Base<'_>, faults: &mut Faults) -> Option<String> {
    Texts { env: Env::new(base.around), faults }.text(item, label, "a name")
}

fn defaults(entry: Option<Entry>, base: &Base<'_>, faults: &mut Faults) -> Layer {
    let Some(mut entry) = entry else { return Layer::default() };
    read::mark(&mut entry.item, Part::Defaults);
    let Value::Table(members) = entry.item.value else {
        faults.push(Fault::new(&entry.item.place, format!("`defaults` is a table, found {}", entry.item.value.kind())));
        return Layer::default();
    };
    profile::shared_layer(members, base, faults)
}

/// An app as it is written.
struct Draft {
    name: AppName,
    /// Where its name stands.
    place: Place,
    layer: Layer,
    profiles: Profiles,
}

fn drafts(entry: Option<Entry>, base: &Base<'_>, faults: &mut Faults) -> Vec<Draft> {
    let Some(entry) = entry else { return Vec::new() };
    let place = entry.item.place;
    let mut drafts = Vec::new();
    match entry.item.value {
        Value::Table(members) => {
            for Member { name, place, item } in members {
                if let Some(members) = table(item, &format!("apps.{}", clip(&name)), faults) {
                    let members = without_name(members, &name, faults);
                    drafts.extend(draft(&name, place, members, base, faults));
                }
            }
        }
        Value::List(items) => {
            for item in items {
                let place = item.place.clone();
                let Some(mut members) = table(item, "apps", faults) else { continue };
                match members.iter().position(|member| member.name == "name") {
                    Some(at) => {
                        let Member { item, .. } = members.remove(at);
                        match session_text(&item, "name", base, faults) {
                            Some(name) => drafts.extend(draft(&name, item.place, members, base, faults)),
                            None => drop(Layer::read(members, faults)),
                        }
                    }
                    None => {
                        faults
                            .push(Fault::new(&place, "this app has no `name`").help("write `name = \"web\"`, or use [apps.web]"));
                        drop(Layer::read(members, faults));
                    }
                }
            }
        }
        other => faults.push(
            Fault::new(&place, format!("`apps` is a table of apps, found {}", other.kind()))
                .help("write [apps.web] and its keys below"),
        ),
    }
    drafts
}

fn table(item: Item, what: &str, faults: &mut Faults) -> Option<Vec<Member>> {
    match item.value {
        Value::Table(members) => Some(members),
        other => {
            let fault = Fault::new(&item.place, format!("`{what}`: an app is a table, found {}", other.kind()));
            faults.push(fault.help("write [apps.web] and its keys below"));
            None
        }
    }
}

/// `[apps.web]` has its name in the header.
fn without_name(mut members: Vec<Member>, name: &str, faults: &mut Faults) -> Vec<Member> {
    if let Some(at) = members.iter().position(|member| member.name == "name") {
        let member = members.remove(at);
        if member.item.value != Value::Text(name.to_owned()) {
            let fault = Fault::new(&member.place, format!("the name of this app is in its header already: `{}`", clip(name)));
            faults.push(fault.help("change the header [apps.NAME], or remove `name`"));
        }
    }
    members
}

fn draft(name: &str, place: Place, members: Vec<Member>, base: &Base<'_>, faults: &mut Faults) -> Option<Draft> {
    let mut layer = Layer::read(members, faults);
    let profiles = profile::read(layer.keys.remove("profiles"), Part::AppProfile, base, faults);
    let name = faults.take(AppName::new(name).map_err(|wrong| Fault::new(&place, wrong.to_string())))?;
    Some(Draft { name, place, layer, profiles })
}

/// Takes out apps whose name is there already, also in other letter case: their log files would meet on some file systems.
fn unique(drafts: &mut Vec<Draft>, sources: &Sources<'_>, faults: &mut Faults) {
    let mut seen: HashMap<String, (AppName, Place)> = HashMap::new();
    drafts.retain(|Draft { name, place, .. }| {
        let id = name.as_str().to_ascii_lowercase();
        let Some((first, other)) = seen.get(&id) else {
            seen.insert(id, (name.clone(), place.clone()));
            return true;
        };
        let message = if first == name {
            format!("there are two apps named `{name}`")
        } else {
            format!("`{name}` and `{first}` differ only in upper and lower case")
        };
        let help = match other.file() == place.file() {
            true => "give one of them another name".to_owned(),
            false => format!("the other is in {}; give one of them another name", sources.at(other)),
        };
        faults.push(Fault::new(place, message).help(help));
        false
    });
}

/// `web-0` may be a slot or an app, not both: a selector could mean either.
fn slots(drafts: &[Draft], apps: &[AppSpec], faults: &mut Faults) {
    let places: HashMap<&AppName, &Place> = drafts.iter().map(|draft| (&draft.name, &draft.place)).collect();
    let instances: HashMap<&AppName, u32> = apps.iter().map(|app| (&app.name, app.instances)).collect();
    for (name, place) in &places {
        let Some((app, number)) = name.as_str().rsplit_once('-') else { continue };
        let (Ok(app), Ok(index)) = (AppName::new(app), number.parse::<u32>()) else { continue };
        let is_slot = SlotRef::new(&app, index).to_string() == name.as_str();
        if is_slot && instances.get(&app).is_some_and(|count| index < *count) {
            let fault = Fault::new(place, format!("`{name}` is the name of slot {index} of the app `{app}`"));
            faults.push(fault.help("give this app another name"));
        }
    }
}
