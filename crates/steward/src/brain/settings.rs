//! The manager's own settings: `daemon.toml` of the home, those of applied files, and what follows when they change.
//!
//! The file is read at the start, and whenever somebody applies something. Whatever is wrong with it, the house goes on with what was known
//! of it before: that is in the store.

use super::Brain;
use super::apply::Proposal;
use crate::journal::Entry;
use crate::log::say;
use crate::own_file::{self, OwnFile};
use crate::store::{Act, Conflict, Settings};
use api::Problem;
use config::MANAGER_FILE;
use model::{DaemonSettings, SettingsOf};
use std::path::Path;
use sys::clock::wall_ms;

/// Who sets what has no file.
const BY_API: &str = "the API";

/// What `daemon.toml` said the last time.
#[derive(Debug, Default)]
pub(super) struct OwnSettings {
    read: Option<Result<OwnFile, String>>,
    /// Why it does not count as it is.
    pub(super) trouble: Option<String>,
}

impl Brain {
    /// At the start: what the file says counts, unless something is wrong with it.
    pub(super) fn begin_settings(&mut self) {
        self.look_at_own_file();
        let Ok((touched, _)) = self.settle_settings(&[], false) else { return };
        for of in touched {
            let reason = self.told_settings(std::slice::from_ref(&of));
            if let Err(error) = self.store.note(Act::Settings { of }, wall_ms()) {
                say!("{error}");
            }
            if let Some(reason) = reason {
                say!("the manager's own settings have changed: {reason}");
                self.journal.write(Entry { event: "manager.settings", reason: Some(reason), ..Entry::default() }, wall_ms());
            }
        }
    }

    /// Reads `daemon.toml` again, and says what is wrong with it if that is news.
    pub(super) fn look_at_own_file(&mut self) {
        let read = own_file::read(&self.me.home);
        let odd = |read: &Option<Result<OwnFile, String>>| read.as_ref().and_then(|read| read.as_ref().ok()?.odd.clone());
        let (before, read) = (odd(&self.own.read), Some(read));
        if let Some(odd) = odd(&read).filter(|odd| before.as_ref() != Some(odd)) {
            say!("{MANAGER_FILE}: {odd}");
        }
        self.own.read = read;
        self.review_own_file();
    }

    /// Finds out what is wrong with the file as it was read, now that other sources may have changed.
    pub(super) fn review_own_file(&mut self) {
        let trouble = self.settle_settings(&[], false).ok().and_then(|(_, trouble)| trouble);
        if trouble == self.own.trouble {
            return;
        }
        match &trouble {
            Some(text) => {
                say!("{MANAGER_FILE} does not count as it is, what was known of it before does:");
                text.lines().for_each(|line| say!("  {line}"));
                let reason = Some(text.clone());
                self.journal.write(Entry { event: "manager.settings_trouble", reason, ..Entry::default() }, wall_ms());
            }
            None => say!("{MANAGER_FILE} is in order again"),
        }
        self.own.trouble = trouble;
    }

    /// All that a proposal comes to set, with what `daemon.toml` says by now.
    pub(super) fn with_settings(&self, mut proposal: Proposal) -> Result<Proposal, Problem> {
        if !proposal.daemon.is_empty() {
            let settings = proposal.daemon.over(&self.store.state().settings.of(BY_API));
            proposal.settings.push(SettingsOf { source: BY_API.to_owned(), settings });
            proposal.daemon = DaemonSettings::default();
        }
        (proposal.settings, proposal.trouble) = self.settle_settings(&proposal.settings, true)?;
        Ok(proposal)
    }

    /// The settings after these and those of `daemon.toml` are taken, as what changes of each source; and why the file is left out, if it is.
    /// Only what somebody asks for now can be refused, and an apply may forget a file that is no more.
    fn settle_settings(&self, asked: &[SettingsOf], may_forget: bool) -> Result<(Vec<SettingsOf>, Option<String>), Problem> {
        let known = &self.store.state().settings;
        let mut after = known.clone();
        asked.iter().for_each(|of| after.set(of));
        let mut trouble = None;
        match &self.own.read {
            Some(Ok(file)) => after.set(&of_home(file.settings.clone())),
            Some(Err(why)) => trouble = Some(why.clone()),
            None => {}
        }
        while let Some(conflict) = after.conflict() {
            let is_asked = |source: &str| asked.iter().any(|of| of.source == source);
            let is_gone = |source: &str| {
                may_forget && !is_asked(source) && source.starts_with('/') && matches!(Path::new(source).try_exists(), Ok(false))
            };
            let Conflict { first, second, .. } = &conflict;
            if let Some(gone) = [first, second].into_iter().find(|source| is_gone(source)) {
                after.set(&SettingsOf { source: gone.clone(), settings: DaemonSettings::default() });
                continue;
            }
            let text = self.told_conflict(&conflict, &after);
            let by_file = [first, second].into_iter().any(|source| source == MANAGER_FILE);
            if by_file && !is_asked(first) && !is_asked(second) && trouble.is_none() {
                trouble = Some(format!("error: {text}"));
                after.set(&of_home(known.of(MANAGER_FILE)));
                continue;
            }
            let hint = "nothing was changed: there is one manager, so set it in one place; a file that does not set it any more is applied \
                        once again";
            return Err(Problem::new(409, "settings_differ", text).hint(hint));
        }
        Ok((changed(known, &after), trouble))
    }

    /// ``both set `history`: 5d in /a/abide.toml, 6d in /h/daemon.toml``.
    fn told_conflict(&self, conflict: &Conflict, among: &Settings) -> String {
        let Conflict { key, first, second } = conflict;
        let value = |source: &str| {
            let shown = config::effective_settings(&among.of(source));
            let row = shown.into_iter().find(|row| row.key.strip_prefix("daemon.") == Some(key));
            row.and_then(|row| row.value).map_or_else(String::new, |value| value.to_string())
        };
        let place = |source: &str| self.shown_source(source);
        let (one, other) = (value(first), value(second));
        format!("`{key}` of the manager has two values: {one} in {}, {other} in {}", place(first), place(second))
    }

    /// A source, as people find it.
    pub(super) fn shown_source(&self, source: &str) -> String {
        match source {
            MANAGER_FILE => format!("{}/{MANAGER_FILE}", self.me.home),
            other => other.to_owned(),
        }
    }

    /// What a change of sources comes to. `None`: another says the same already.
    fn told_settings(&self, changed: &[SettingsOf]) -> Option<String> {
        let known = &self.store.state().settings;
        let mut after = known.clone();
        changed.iter().for_each(|of| after.set(of));
        let told = config::setting_differences(&known.all(), &after.all());
        let one = |one: model::Difference| {
            let word = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
            format!("{} {} → {}", one.key, word(one.from), word(one.to))
        };
        let told: Vec<String> = told.into_iter().map(one).collect();
        (!told.is_empty()).then(|| told.join(", "))
    }

    /// Does what the settings say by now.
    pub(super) fn follow_settings(&mut self) {
        self.say_budget();
        self.open_own_log();
        self.journal.keep(self.store.state().daemon().history(), wall_ms());
        self.review_own_file();
    }
}

fn of_home(settings: DaemonSettings) -> SettingsOf {
    SettingsOf { source: MANAGER_FILE.to_owned(), settings }
}

/// Every source that sets something else in the second.
fn changed(known: &Settings, after: &Settings) -> Vec<SettingsOf> {
    let gone = known.sources().into_iter().map(|of| SettingsOf { settings: after.of(&of.source), ..of });
    let mut all: Vec<SettingsOf> = gone.filter(|of| of.settings != known.of(&of.source)).collect();
    all.extend(after.sources().into_iter().filter(|of| known.of(&of.source).is_empty()));
    all
}
