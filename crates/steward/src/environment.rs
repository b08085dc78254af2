//! What `abide env` shows: the environment of an app's lives, with who gives each variable.

use crate::birth::{For, filled, instance_var, port_told};
use crate::identity::{Names, owner};
use api::{EnvironmentView, VariableFrom, VariableView};
use model::{AppSpec, Definition, MASK, Readiness, SlotRef};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A slot, and what its lives are born from.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// Which slot.
    pub(crate) slot: SlotRef,
    /// What a life of it would be born from now.
    pub(crate) definition: Arc<Definition>,
    /// The port of its life.
    pub(crate) port: Option<u16>,
    /// The home, as children are told.
    pub(crate) home: String,
}

/// Who gives each variable of a life of that slot. What differs from life to life has no value. Asks for the entry of the app's user, so it
/// may block.
pub(crate) fn environment(given: &Given, reveal: bool) -> EnvironmentView {
    let Given { slot, definition, port, home } = given;
    let spec = &definition.spec;
    let mut env: BTreeMap<String, (Option<String>, VariableFrom)> = BTreeMap::new();
    let port_is_ours = port_told(spec, *port).is_some() && !spec.env.contains_key("PORT");
    for (name, value) in filled(definition, For { slot, port: *port, home }).env {
        let from = if is_own(&name) || name == instance_var(spec) || name == "PORT" && port_is_ours {
            VariableFrom::Manager
        } else if spec.env.contains_key(&name) {
            VariableFrom::App
        } else if definition.session_env.contains_key(&name) {
            VariableFrom::Session
        } else {
            VariableFrom::Manager
        };
        env.insert(name, (Some(value), from));
    }
    // A user that is not there is told of where it matters: the app does not start.
    let owner = Names::of(&spec.identity).and_then(|names| owner(&names).ok().flatten());
    for (name, value) in owner.iter().flat_map(|owner| owner.variables()).filter(|(name, _)| !spec.env.contains_key(*name)) {
        match value {
            Some(value) => _ = env.insert(name.to_owned(), (Some(value), VariableFrom::User)),
            None => _ = env.remove(name),
        }
    }
    env.extend(channel(spec).into_iter().map(|(name, value)| (name.to_owned(), (value, VariableFrom::Manager))));
    let view = |(name, (value, from))| {
        let secret = matches!(from, VariableFrom::Session | VariableFrom::App) && !reveal;
        let origin = spec.origins.get(&format!("env.{name}")).filter(|_| from == VariableFrom::App).cloned();
        VariableView { value: if secret { Some(MASK.to_owned()) } else { value }, name, from, origin }
    };
    let variables = env.into_iter().map(view).collect();
    EnvironmentView { app: slot.app.to_string(), slot: slot.to_string(), profile: spec.profile.clone(), variables }
}

/// Whether the manager sets it whatever the app says.
fn is_own(name: &str) -> bool {
    matches!(name, "NODE_APP_INSTANCE" | "ABIDE_APP" | "ABIDE_SLOT")
}

/// What tells a life of itself, and of the channel by which it says that it is ready.
fn channel(spec: &AppSpec) -> Vec<(&'static str, Option<String>)> {
    let mut all = vec![("ABIDE_INSTANCE", None)];
    match spec.channel() {
        Some(Readiness::Notify) => {
            all.push(("NOTIFY_SOCKET", None));
            all.extend(spec.watchdog.map(|watchdog| ("WATCHDOG_USEC", Some(watchdog.as_micros().to_string()))));
        }
        Some(Readiness::Fd { number }) => all.push(("READY_FD", Some(number.unwrap_or(3).to_string()))),
        Some(Readiness::NodeIpc) => all.push(("NODE_CHANNEL_FD", Some("3".to_owned()))),
        _ => {}
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AppName, Origin};
    use std::time::Duration;

    fn given() -> Given {
        let mut spec = AppSpec::new(AppName::new("web").expect("a name"), vec!["x".into()], "/".into());
        spec.env.insert("WHO".into(), "{{instance}}".into());
        spec.env.insert("LANG".into(), "C".into());
        spec.env.insert("INSTANCE_ID".into(), "mine".into());
        spec.origins.insert("env.WHO".into(), Origin::App { at: "abide.toml:3".into() });
        spec.ready = Some(Readiness::Notify);
        spec.watchdog = Some(Duration::from_secs(1));
        let session_env = BTreeMap::from([("LANG".into(), "de".into()), ("TOKEN".into(), "hunter2".into())]);
        let definition = Definition { spec, session_env, umask: 0o22, source: None, project: None };
        let slot = SlotRef { app: definition.spec.name.clone(), index: 1 };
        Given { slot, definition: Arc::new(definition), port: None, home: "/h".into() }
    }

    fn rows(reveal: bool) -> String {
        let row = |one: &VariableView| {
            let origin = one.origin.as_ref().map_or("", |_| " *");
            format!("{}={} {:?}{origin}\n", one.name, one.value.as_deref().unwrap_or("?"), one.from)
        };
        environment(&given(), reveal).variables.iter().map(row).collect()
    }

    #[test]
    fn each_variable_has_its_giver() {
        assert_eq!(
            rows(true),
            "ABIDE_APP=web Manager\nABIDE_HOME=/h Manager\nABIDE_INSTANCE=? Manager\nABIDE_SLOT=web-1 Manager\n\
             INSTANCE_ID=1 Manager\nLANG=C App\nNODE_APP_INSTANCE=1 Manager\nNOTIFY_SOCKET=? Manager\n\
             PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin Manager\nTOKEN=hunter2 Session\n\
             WATCHDOG_USEC=1000000 Manager\nWHO=web-1 App *\n"
        );
    }

    #[test]
    fn a_port_comes_from_the_manager_unless_the_app_says_it() {
        let mut given = given();
        given.port = Some(3001);
        let port = |given: &Given| {
            let found = environment(given, true).variables.into_iter().find(|one| one.name == "PORT").expect("a port");
            (found.value.unwrap_or_default(), found.from)
        };
        assert_eq!(port(&given), ("3001".to_owned(), VariableFrom::Manager));
        Arc::make_mut(&mut given.definition).spec.env.insert("PORT".into(), "8080".into());
        assert_eq!(port(&given), ("8080".to_owned(), VariableFrom::App));
    }

    #[test]
    fn values_of_session_and_app_are_masked() {
        let text = rows(false);
        for row in ["TOKEN=••• Session", "WHO=••• App *", "INSTANCE_ID=1 Manager"] {
            assert!(text.contains(row), "{text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    }
}
