//! Which names new apps may have, and whom they may wait for.

use super::Brain;
use crate::store::StoredApp;
use api::Problem;
use model::{AppName, AppSpec, Definition};
use std::collections::BTreeMap;

/// More slots than this are a mistake.
const INSTANCES: u32 = api::MOST_INSTANCES;

impl Brain {
    /// No name twice, none that is being deleted, none that is also the name of a slot. `gone` are removed by the same operation: nobody waits for
    /// them any more, but their names are free only when their lives have ended.
    pub(super) fn check_names(&self, definitions: &[&Definition], gone: &[&AppName]) -> Result<(), Problem> {
        super::clock::check(definitions)?;
        let invalid = |detail: String| Problem::new(422, "invalid_request", detail);
        let mut sizes: BTreeMap<&str, u32> = BTreeMap::new();
        for app in self.store.state().apps.iter().filter(|app| !app.deleting) {
            sizes.insert(app.name().as_str(), app.definition.spec.instances);
        }
        for (at, definition) in definitions.iter().enumerate() {
            let spec = &definition.spec;
            let name = &spec.name;
            if definitions[..at].iter().any(|earlier| earlier.spec.name == *name) {
                return Err(invalid(format!("`{name}` is defined twice")));
            }
            if spec.instances > INSTANCES {
                return Err(invalid(format!("`{name}`: {} instances are more than {INSTANCES}", spec.instances)));
            }
            if self.store.state().app(name).is_some_and(|app| app.deleting) {
                return Err(
                    Problem::new(409, "name_taken", format!("`{name}` is being deleted")).hint("try again when it is gone")
                );
            }
            sizes.insert(name.as_str(), spec.instances);
        }
        // Only the new names are looked at: what is there already was accepted.
        for definition in definitions {
            let name = definition.spec.name.as_str();
            if let Some((app, _)) = slot_name(name, &sizes) {
                return Err(invalid(format!("`{name}` is the name of a slot of `{app}`")).hint("choose another name"));
            }
            let own = |other: &&&str| slot_name(other, &BTreeMap::from([(name, definition.spec.instances)])).is_some();
            if let Some(other) = sizes.keys().filter(|other| **other != name).find(own) {
                return Err(
                    invalid(format!("a slot of `{name}` would have the name of the app `{other}`")).hint("choose another name")
                );
            }
        }
        self.check_cycles(definitions, gone)
    }

    /// Nobody waits for itself, not around corners either: a file knows only its own apps, here are all.
    fn check_cycles(&self, definitions: &[&Definition], gone: &[&AppName]) -> Result<(), Problem> {
        let needs = |spec: &AppSpec| (spec.name.clone(), spec.depends_on.iter().map(|need| need.app.clone()).collect());
        let stays = |app: &&StoredApp| !app.deleting && !gone.contains(&app.name());
        let known = self.store.state().apps.iter().filter(stays).map(|app| &app.definition.spec);
        // What is defined anew comes last, and stands.
        let waits: BTreeMap<AppName, Vec<AppName>> = known.chain(definitions.iter().map(|new| &new.spec)).map(needs).collect();
        let Some(circle) = model::cycle(&waits) else { return Ok(()) };
        let mut names: Vec<&str> = circle.iter().take(20).map(AppName::as_str).collect();
        // The whole of a circle of thousands helps nobody.
        names.extend((circle.len() > 20).then_some("…"));
        names.extend(circle.first().map(AppName::as_str));
        let detail = format!("these apps wait for each other: {}", names.join(" → "));
        Err(Problem::new(422, "not_startable", detail).hint("remove one of these dependencies"))
    }
}

/// The app and number of which this is the name of a slot.
fn slot_name<'a>(name: &str, sizes: &BTreeMap<&'a str, u32>) -> Option<(&'a str, u32)> {
    let (app, digits) = name.rsplit_once('-')?;
    let index: u32 = digits.parse().ok().filter(|index: &u32| index.to_string() == digits)?;
    sizes.get_key_value(app).filter(|(_, size)| index < **size).map(|(app, _)| (*app, index))
}
