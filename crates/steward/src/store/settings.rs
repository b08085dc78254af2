//! The manager's own settings, by who set them.

use model::{DaemonSettings, SettingsOf};
use std::collections::BTreeMap;

/// What every source sets. Two sources never set a key to different values; whoever changes them looks first ([`Settings::conflict`]).
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Settings {
    /// Of stewards that did not remember who; every source counts more.
    nameless: DaemonSettings,
    sources: BTreeMap<String, DaemonSettings>,
}

/// A key that two sources want differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) key: &'static str,
    pub(crate) first: String,
    pub(crate) second: String,
}

impl Settings {
    /// What holds, as far as it is set.
    pub(crate) fn all(&self) -> DaemonSettings {
        self.sources.values().fold(self.nameless.clone(), |all, one| one.over(&all))
    }

    /// What one source sets.
    pub(crate) fn of(&self, source: &str) -> DaemonSettings {
        self.sources.get(source).cloned().unwrap_or_default()
    }

    /// This is all that a source sets from now on.
    pub(crate) fn set(&mut self, of: &SettingsOf) {
        if of.settings.is_empty() {
            self.sources.remove(&of.source);
        } else {
            self.sources.insert(of.source.clone(), of.settings.clone());
        }
    }

    /// From a record of a steward that did not say who.
    pub(super) fn set_nameless(&mut self, settings: &DaemonSettings) {
        self.nameless = settings.over(&self.nameless);
    }

    /// What is known of no source.
    pub(super) fn nameless(&self) -> &DaemonSettings {
        &self.nameless
    }

    /// Every source.
    pub(crate) fn sources(&self) -> Vec<SettingsOf> {
        let one =
            |(source, settings): (&String, &DaemonSettings)| SettingsOf { source: source.clone(), settings: settings.clone() };
        self.sources.iter().map(one).collect()
    }

    /// The first key that two sources set to different values.
    pub(crate) fn conflict(&self) -> Option<Conflict> {
        let all: Vec<_> = self.sources.iter().collect();
        all.iter().enumerate().find_map(|(at, (first, one))| {
            let found = all[at + 1..].iter().find_map(|(second, other)| Some((one.differs(other)?, *second)));
            found.map(|(key, second)| Conflict { key, first: (*first).clone(), second: second.clone() })
        })
    }

    /// Who set each key.
    pub(crate) fn origins(&self) -> BTreeMap<String, String> {
        let old = self.nameless.keys().map(|key| (key.to_owned(), "an earlier apply".to_owned()));
        let now = self.sources.iter().flat_map(|(source, settings)| settings.keys().map(|key| (key.to_owned(), source.clone())));
        old.chain(now).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str, size: Option<u64>, files: Option<u32>) -> SettingsOf {
        let settings = DaemonSettings { log_max_size: size, log_max_files: files, ..DaemonSettings::default() };
        SettingsOf { source: source.to_owned(), settings }
    }

    #[test]
    fn what_a_source_does_not_set_any_more_goes() {
        let mut settings = Settings::default();
        settings.set_nameless(&of("", Some(1), Some(1)).settings);
        settings.set(&of("/a", Some(2), None));
        settings.set(&of("/b", None, Some(3)));
        assert_eq!((settings.all().log_max_size, settings.all().log_max_files), (Some(2), Some(3)));
        let from: Vec<_> = settings.origins().into_iter().map(|(key, from)| format!("{key} {from}")).collect();
        assert_eq!(from, ["log_max_files /b", "log_max_size /a"]);
        settings.set(&of("/b", None, None));
        assert_eq!(
            (settings.all().log_max_files, settings.sources().len()),
            (Some(1), 1),
            "what nobody is known to have set stays"
        );
    }

    #[test]
    fn two_that_differ_are_named() {
        let mut settings = Settings::default();
        for source in [of("/a", Some(2), None), of("/b", Some(2), Some(3)), of("/c", None, Some(4))] {
            settings.set(&source);
        }
        let found = settings.conflict().expect("b and c");
        assert_eq!((found.key, found.first.as_str(), found.second.as_str()), ("log_max_files", "/b", "/c"));
        settings.set(&of("/c", None, Some(3)));
        assert_eq!(settings.conflict(), None);
    }
}
