//! Profiles: `[profiles.NAME]`, `profiles.NAME` of an app, and which of them counts.
//!
//! A profile is one or two layers of an app: `[profiles.P]` lies over `[defaults]`, `[apps.A.profiles.P]` over the app's own keys. Those
//! that do not count are read all the same, so that what is wrong in them is not found out on the day they are needed.

use crate::base::Base;
use crate::command;
use crate::diagnostic::clip;
use crate::env::Env;
use crate::fault::{Fault, Faults, Part, Place};
use crate::keys::nearest;
use crate::layer::{Entry, Layer, Member, Value, top};
use crate::load::ProfileChoice;
use crate::probe::Ground;
use crate::read;
use crate::resolve;
use crate::template;
use crate::texts::Texts;
use model::{AppName, AppSpec};
use std::collections::{BTreeMap, BTreeSet};

/// The word that chooses no profile, so that none can be called so.
const NOTHING: &str = "none";

/// Profiles by name.
pub(crate) type Profiles = BTreeMap<String, Layer>;

/// The layers that an app's profile adds, if one counts.
#[derive(Default)]
pub(crate) struct Chosen<'l> {
    /// Its name, if it says anything of this app.
    pub name: Option<String>,
    /// Between `[defaults]` and the app: of each file that has it, that of the app's own file last.
    pub shared: Vec<&'l Layer>,
    /// Over the app.
    pub own: Option<&'l Layer>,
}

/// Reads a table of profiles; `part` says whether it is of the file or of an app.
pub(crate) fn read(entry: Option<Entry>, part: Part, base: &Base<'_>, faults: &mut Faults) -> Profiles {
    let Some(entry) = entry else { return Profiles::new() };
    let (example, written) = match part {
        Part::AppProfile => ("[apps.web.profiles.prod]", entry.written),
        Part::App | Part::Defaults | Part::Profile => ("[profiles.prod]", entry.written),
    };
    let Value::Table(members) = entry.item.value else {
        let fault =
            Fault::new(&entry.item.place, format!("`{written}` is a table of profiles, found {}", entry.item.value.kind()));
        faults.push(fault.help(format!("write {example} and app keys below")));
        return Profiles::new();
    };
    let mut profiles = Profiles::new();
    for Member { name, place, mut item } in members {
        if let Err((message, help)) = check_name(&name) {
            faults.push(Fault::new(&place, message).help(help));
        }
        read::mark(&mut item, part);
        let Value::Table(members) = item.value else {
            let label = format!("{written}.{}", clip(&name));
            let fault = Fault::new(&item.place, format!("`{label}`: a profile is a table, found {}", item.value.kind()));
            faults.push(fault.help(format!("write {example} and app keys below")));
            continue;
        };
        let mut layer = shared_layer(members, base, faults);
        if let Some(entry) = layer.keys.remove("profile") {
            let fault = Fault::new(&entry.place, "a profile cannot choose another profile");
            faults.push(fault.help("`profile` belongs to an app or to [defaults]"));
        }
        profiles.insert(name, layer);
    }
    profiles
}

/// What is wrong with a name, and what to do about it.
fn check_name(name: &str) -> Result<(), (String, &'static str)> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name == NOTHING {
        return Err((format!("no profile can be called `{NOTHING}`"), "it is the word for no profile: `--profile none`"));
    }
    match name.len() <= 64 && name.chars().all(fits) && name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        true => Ok(()),
        false => Err((
            format!("`{}` cannot be the name of a profile", clip(name)),
            "up to 64 of A-Z a-z 0-9 . _ - and a letter or digit first",
        )),
    }
}

/// A layer that is not of one app alone. A value that every app overrides is still read once, so that it cannot be nonsense. One with
/// variables has to wait for an app, whose own variables it may name.
pub(crate) fn shared_layer(members: Vec<Member>, base: &Base<'_>, faults: &mut Faults) -> Layer {
    let mut layer = Layer::read(members, faults);
    if let Some(entry) = layer.keys.remove("profiles") {
        let fault = Fault::new(&entry.place, "only an app can have profiles of its own");
        faults.push(fault.help("write [profiles.NAME] at the top of the file for every app, [apps.web.profiles.NAME] for one"));
    }
    let mut fixed = layer.clone();
    fixed.retain(|entry| !entry.item.any_text(&template::is_template));
    if let Ok(name) = AppName::new("defaults") {
        let mut spec = AppSpec::new(name, Vec::new(), base.folder.to_owned());
        let ground = Ground { layers: &[&fixed], base, cwd: base.folder };
        let mut texts = Texts { env: Env::new(base.around), faults };
        resolve::settings(&mut spec, ground, &mut texts);
        // Also where no app takes it.
        if let Some(entry) = top(&[&fixed], "cwd") {
            command::path(&entry.item, entry, base.folder_at(&entry.item.place), base, &mut texts);
        }
    }
    layer
}

/// The names of all of these.
pub(crate) fn names<'l>(all: impl Iterator<Item = &'l Profiles>) -> BTreeSet<&'l str> {
    all.flat_map(BTreeMap::keys).map(String::as_str).collect()
}

/// Refuses a profile of the command line that the file does not know.
pub(crate) fn check(choice: &ProfileChoice, known: &BTreeSet<&str>, faults: &mut Faults) {
    if let ProfileChoice::Named(wanted) = choice
        && !known.contains(wanted.as_str())
    {
        let fault = Fault::new(&Place::Whole, format!("there is no profile `{}` in this file", clip(wanted)));
        faults.push(fault.help(there_are(wanted, known)));
    }
}

/// What counts for one app. `layers`: `[defaults]` and the app itself; `shared`: the profiles of its file and of those that include it.
pub(crate) fn choose<'l>(
    choice: &ProfileChoice,
    layers: &[&Layer],
    (shared, own): (&[&'l Profiles], &'l Profiles),
    base: &Base<'_>,
    faults: &mut Faults,
) -> Chosen<'l> {
    let written = top(layers, "profile");
    let wanted = match choice {
        ProfileChoice::Nothing => None,
        ProfileChoice::Named(name) => Some(name.clone()),
        // Which variables an app has depends on its profile, so only those of the session are known here.
        ProfileChoice::Own => written.and_then(|entry| {
            let name = Texts { env: Env::new(base.around), faults }.text(&entry.item, &entry.written, "the name of a profile")?;
            (name != NOTHING).then_some(name)
        }),
    };
    let Some(name) = wanted else { return Chosen::default() };
    let own_layer = own.get(&name);
    let shared_layers: Vec<&Layer> = shared.iter().filter_map(|profiles| profiles.get(&name)).collect();
    let is_there = own_layer.is_some() || !shared_layers.is_empty();
    if let (ProfileChoice::Own, false, Some(entry)) = (choice, is_there, written) {
        let known = names(shared.iter().copied().chain([own]));
        let fault = Fault::new(&entry.item.place, format!("`{}`: there is no profile `{}`", entry.written, clip(&name)));
        faults.push(fault.help(there_are(&name, &known)));
    }
    Chosen { name: is_there.then_some(name), shared: shared_layers, own: own_layer }
}

fn there_are(wanted: &str, known: &BTreeSet<&str>) -> String {
    let list: Vec<String> = known.iter().take(20).map(|name| format!("`{}`", clip(name))).collect();
    match (nearest(wanted, known.iter(), |name| name), list.as_slice()) {
        (_, []) => "it has no profiles; add [profiles.NAME] and app keys below".to_owned(),
        (Some(near), [_]) => format!("did you mean `{near}`?"),
        (Some(near), _) => format!("did you mean `{near}`? There are {}", list.join(", ")),
        (None, [one]) => format!("there is only {one}"),
        (None, _) => format!("there are {}", list.join(", ")),
    }
}
