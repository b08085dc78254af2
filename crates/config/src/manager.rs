//! `[daemon]` of all files of a load. There is one manager, so two files cannot want different things of it.

use crate::base::Base;
use crate::fault::{Fault, Faults, Place};
use crate::keys::{self, Found, Scope};
use crate::layer::{Entry, Value};
use crate::logs;
use model::DaemonSettings;
use std::collections::BTreeMap;

/// The settings so far, and where each was set first.
#[derive(Default)]
pub(crate) struct Manager {
    pub settings: DaemonSettings,
    places: BTreeMap<&'static str, Place>,
}

impl Manager {
    /// Takes those of one more file in.
    pub fn add(&mut self, entry: Option<Entry>, base: &Base<'_>, faults: &mut Faults) {
        let places = entry.as_ref().map(places).unwrap_or_default();
        let settings = logs::daemon(entry, base, faults);
        if let Some(key) = settings.differs(&self.settings)
            && let (Some(first), Some(second)) = (self.places.get(key), places.get(key))
        {
            let fault = Fault::new(second, format!("`daemon.{key}` has another value in {}", base.sources.at(first)));
            faults.push(fault.help("there is one manager: set it in one file"));
        }
        self.settings = self.settings.over(&settings);
        for (key, place) in places {
            self.places.entry(key).or_insert(place);
        }
    }
}

fn places(entry: &Entry) -> BTreeMap<&'static str, Place> {
    let Value::Table(members) = &entry.item.value else { return BTreeMap::new() };
    let known = members.iter().filter_map(|member| match keys::find(Scope::Daemon, &member.name) {
        Found::Key(key, _) => Some((key.name, member.place.clone())),
        Found::Later | Found::Unknown { .. } => None,
    });
    known.collect()
}
