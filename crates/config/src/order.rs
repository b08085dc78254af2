//! Who waits for whom, and who shares whose fate: `depends_on`, `start_order`, `on_exit`, `[groups.NAME]`.

use crate::base::Base;
use crate::diagnostic::clip;
use crate::env::Env;
use crate::fault::{Fault, Faults, Place};
use crate::keys::{Scope, nearest};
use crate::layer::{self, Entry, Item, Layer, Member, Value, set, top};
use crate::texts::Texts;
use model::{AppName, AppSpec, Condition, Dependency, Group, OnExit, Strategy, cycle};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

const CONDITIONS: [(&str, Condition); 4] = [
    ("started", Condition::Started),
    ("ready", Condition::Ready),
    ("completed", Condition::Completed),
    ("completed_ok", Condition::CompletedOk),
];

/// Words of Compose for the same.
const OF_COMPOSE: [(&str, &str); 3] =
    [("service_started", "started"), ("service_healthy", "ready"), ("service_completed_successfully", "completed_ok")];

/// Everything that one app says for itself.
pub(crate) fn settings(spec: &mut AppSpec, layers: &[&Layer], t: &mut Texts<'_, '_>) {
    let key = |name| top(layers, name);
    set(key("depends_on"), &mut spec.depends_on, |e| depends_on(e, t));
    set(key("start_order"), &mut spec.start_order, |e| t.int(e));
    set(key("on_exit"), &mut spec.on_exit, |e| t.choice(e, &[("stop-group", Some(OnExit::StopGroup)), ("none", None)]));
}

fn depends_on(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<Vec<Dependency>> {
    let ready = |app| Dependency { app, condition: Condition::Ready, required: true };
    let mut all: Vec<Dependency> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut good = true;
    match &entry.item.value {
        Value::List(items) => {
            for item in items {
                match app_name(item, &entry.written, t) {
                    Some(app) if seen.insert(app.clone()) => all.push(ready(app)),
                    Some(_) => {}
                    None => good = false,
                }
            }
        }
        Value::Table(members) => {
            for member in members {
                match dependency(member, entry, t) {
                    Some(dependency) => all.push(dependency),
                    None => good = false,
                }
            }
        }
        Value::Text(_) => all.push(ready(app_name(&entry.item, &entry.written, t)?)),
        other => {
            let help = "write for example `depends_on = [\"db\"]` or `depends_on = { db = \"started\" }`".to_owned();
            return t.refuse(entry, format!("expected a list or a table of apps, found {}", other.kind()), Some(help));
        }
    }
    good.then_some(all)
}

fn app_name(item: &Item, label: &str, t: &mut Texts<'_, '_>) -> Option<AppName> {
    let text = t.text(item, label, "the name of an app")?;
    named(&text, label, &item.place, t.faults)
}

fn named(text: &str, label: &str, place: &Place, faults: &mut Faults) -> Option<AppName> {
    faults.take(AppName::new(text).map_err(|wrong| Fault::new(place, format!("`{label}`: {wrong}"))))
}

/// `db = "started"` or `db = { condition = "started", required = false }`.
fn dependency(member: &Member, entry: &Entry, t: &mut Texts<'_, '_>) -> Option<Dependency> {
    let label = format!("{}.{}", entry.written, clip(&member.name));
    let app = named(&member.name, &entry.written, &member.place, t.faults);
    let (mut condition, mut required) = (Some(Condition::Ready), Some(true));
    match &member.item.value {
        Value::Table(members) => {
            let keys = layer::entries(Scope::Dependency, &format!("{label}."), members.clone(), t.faults);
            if let Some(inner) = keys.get("condition") {
                condition = condition_of(&inner.item, &inner.written, t);
            }
            if let Some(inner) = keys.get("required") {
                required = t.boolean(inner);
            }
        }
        _ => condition = condition_of(&member.item, &label, t),
    }
    Some(Dependency { app: app?, condition: condition?, required: required? })
}

fn condition_of(item: &Item, label: &str, t: &mut Texts<'_, '_>) -> Option<Condition> {
    if let Value::Text(text) = &item.value
        && let Some((_, ours)) = OF_COMPOSE.iter().find(|(theirs, _)| theirs == text)
    {
        t.faults.push(Fault::new(&item.place, format!("`{label}`: it is called \"{ours}\" here")));
        return None;
    }
    t.choice_of(item, label, &CONDITIONS)
}

/// The apps of a file as they are written, also those whose own keys are wrong: the layers of each, by name.
#[derive(Default)]
pub(crate) struct Written<'l> {
    apps: BTreeMap<&'l AppName, Vec<&'l Layer>>,
    /// How often a near name was sought. Each time costs a look at all names.
    sought: Cell<u32>,
}

/// So many near names are sought in one file.
const MOST_SOUGHT: u32 = 100;

impl<'l> Written<'l> {
    pub fn add(&mut self, app: &'l AppName, layers: Vec<&'l Layer>) {
        self.apps.insert(app, layers);
    }

    /// The layers of an app, the topmost last.
    pub(crate) fn layers(&self, app: &AppName) -> &[&'l Layer] {
        self.apps.get(app).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn entry(&self, app: &AppName, key: &str) -> Option<&'l Entry> {
        top(self.layers(app), key)
    }

    fn near(&self, name: &str, but: Option<&AppName>) -> Option<String> {
        self.sought.set(self.sought.get() + 1);
        if self.sought.get() > MOST_SOUGHT {
            return None;
        }
        nearest(name, self.apps.keys().filter(|app| Some(**app) != but).map(|name| name.as_str()), |name| name).map(str::to_owned)
    }
}

/// Refuses dependencies that go round in a circle.
pub(crate) fn circles(apps: &[AppSpec], written: &Written<'_>, faults: &mut Faults) {
    let waits: BTreeMap<AppName, Vec<AppName>> =
        apps.iter().map(|app| (app.name.clone(), app.depends_on.iter().map(|on| on.app.clone()).collect())).collect();
    let Some(circle) = cycle(&waits) else { return };
    let shown: Vec<&str> = circle.iter().chain(circle.first()).map(AppName::as_str).collect();
    // The whole of a circle of thousands helps nobody.
    let shown = match shown.as_slice() {
        [front @ .., _] if front.len() > 20 => format!("{} → … → {}", front[..20].join(" → "), front[0]),
        all => all.join(" → "),
    };
    let place = circle.first().and_then(|app| written.entry(app, "depends_on")).map_or(&Place::Whole, |entry| &entry.place);
    let (message, help) = match circle.as_slice() {
        [alone] => (format!("`depends_on`: `{alone}` waits for itself"), "take it out of its own `depends_on`"),
        _ => (format!("`depends_on`: these apps wait for each other: {shown}"), "remove one of these dependencies"),
    };
    faults.push(Fault::new(place, message).help(help));
}

/// Dependencies on apps that are not in this file, and whose name is nearly one that is. They may be defined elsewhere.
pub(crate) fn nearly_named(apps: &[AppSpec], written: &Written<'_>) -> Vec<Fault> {
    let missing = apps.iter().flat_map(|app| app.depends_on.iter().map(move |on| (app, &on.app)));
    let odd = missing.filter(|(_, on)| !written.apps.contains_key(*on)).filter_map(|(app, on)| {
        let near = written.near(on.as_str(), Some(&app.name))?;
        let entry = written.entry(&app.name, "depends_on")?;
        let fault = Fault::new(&entry.item.place, format!("`{}`: there is no app `{on}` in this file", entry.written));
        Some(
            fault
                .needle(on.as_str())
                .help(format!("did you mean `{near}`? `{}` waits until `{on}` is defined elsewhere", app.name)),
        )
    });
    odd.collect()
}

/// Gives each app its group: that of `[groups]`, or, where `on_exit` is used without `[groups]`, the one of the whole file.
pub(crate) fn groups(
    entries: Vec<Entry>,
    file: Option<&str>,
    apps: &mut [AppSpec],
    written: &Written<'_>,
    base: &Base<'_>,
    faults: &mut Faults,
) {
    if entries.is_empty() {
        if apps.iter().any(|app| app.on_exit.is_some()) {
            let group = Group { name: file.unwrap_or("apps").to_owned(), strategy: Strategy::One };
            apps.iter_mut().for_each(|app| app.group = Some(group.clone()));
        }
        return;
    }
    let mut homes: BTreeMap<AppName, Group> = BTreeMap::new();
    let mut seen: BTreeMap<String, Place> = BTreeMap::new();
    for entry in entries {
        let Value::Table(members) = entry.item.value else {
            let fault =
                Fault::new(&entry.item.place, format!("`groups` is a table of groups, found {}", entry.item.value.kind()));
            faults.push(fault.help("write [groups.NAME] and `apps = [\"a\", \"b\"]` below"));
            return;
        };
        for member in members {
            if let Some(first) = seen.get(&member.name) {
                let name = clip(&member.name);
                let fault = Fault::new(&member.place, format!("the group `{name}` is in {} already", base.sources.at(first)));
                faults.push(fault.help("name its apps in one of them; a group can have apps of every file"));
                continue;
            }
            seen.insert(member.name.clone(), member.place.clone());
            group(member, written, base, &mut homes, faults);
        }
    }
    for app in apps {
        app.group = homes.remove(&app.name);
        let own =
            written.entry(&app.name, "on_exit").filter(|e| !matches!(&e.place, Place::File { part, .. } if part.is_shared()));
        if let (None, Some(_), Some(entry)) = (&app.group, app.on_exit, own) {
            let fault =
                Fault::new(&entry.place, format!("`{}`: `{}` is in no group that could be stopped", entry.written, app.name));
            faults.push(fault.help("add it to one in [groups], or remove `on_exit`"));
        }
    }
}

/// One `[groups.NAME]`.
fn group(member: Member, written: &Written<'_>, base: &Base<'_>, homes: &mut BTreeMap<AppName, Group>, faults: &mut Faults) {
    let label = format!("groups.{}", clip(&member.name));
    if let Err(wrong) = AppName::new(&member.name) {
        faults.push(Fault::new(&member.place, wrong.to_string()));
    }
    let Value::Table(members) = member.item.value else {
        let fault = Fault::new(&member.item.place, format!("`{label}`: a group is a table, found {}", member.item.value.kind()));
        faults.push(fault.help("write [groups.NAME] and `apps = [\"a\", \"b\"]` below"));
        return;
    };
    let keys = layer::entries(Scope::Group, &format!("{label}."), members, faults);
    let t = &mut Texts { env: Env::new(base.around), faults };
    let mut strategy = Strategy::One;
    let words = [("one", Strategy::One), ("all", Strategy::All), ("rest", Strategy::Rest)];
    set(keys.get("strategy"), &mut strategy, |e| t.choice(e, &words));
    let Some(entry) = keys.get("apps") else {
        let fault = Fault::new(&member.place, format!("`{label}` does not say which apps it has"));
        t.faults.push(fault.help("add `apps = [\"a\", \"b\"]`"));
        return;
    };
    let Value::List(items) = &entry.item.value else {
        return t.refuse(entry, format!("expected a list of apps, found {}", entry.item.value.kind()), None).unwrap_or_default();
    };
    let mut here = BTreeSet::new();
    for item in items {
        let Some(app) = app_name(item, &entry.written, t) else { continue };
        if !written.apps.contains_key(&app) {
            let fault = Fault::new(&item.place, format!("`{}`: there is no app `{app}` in this file", entry.written));
            t.faults.push(fault.maybe_help(written.near(app.as_str(), None).map(|near| format!("did you mean `{near}`?"))));
        } else if !here.insert(app.clone()) {
            // Said twice is said once.
        } else if let Some(other) = homes.get(&app) {
            let fault = Fault::new(&item.place, format!("`{}`: `{app}` is in the group `{}` already", entry.written, other.name));
            t.faults.push(fault.help("an app is in one group at most"));
        } else {
            homes.insert(app, Group { name: member.name.clone(), strategy });
        }
    }
}
