//! The way back, and what was done so far.

use super::Brain;
use super::apply::{Proposal, Wished};
use super::wishes::Intent;
use crate::call::Back;
use crate::select::resolve;
use crate::store::{Past, Was};
use crate::time::rfc3339;
use api::{HistoryEntry, OperationKind, PlanReply, Problem, ProjectView};
use engine::{Start, same_spec};
use model::{AppName, Definition, Project};
use std::collections::{BTreeMap, BTreeSet};

impl Brain {
    /// What a rollback would do.
    pub(super) fn plan_rollback(&self, back: &Back) -> Result<PlanReply, Problem> {
        let proposal = self.with_settings(self.way_back(back)?)?;
        Ok(self.reply_of(&proposal, &self.decide(&proposal)))
    }

    /// The definitions that a rollback goes back to.
    pub(super) fn definitions_of(&self, back: &Back) -> Result<Vec<Definition>, Problem> {
        Ok(self.way_back(back)?.wished.into_iter().map(|app| app.definition).collect())
    }

    pub(super) fn intend_rollback(&self, back: &Back, agreed: Option<&str>) -> Result<Intent, Problem> {
        self.intend_agreed(self.way_back(back)?, agreed)
    }

    fn way_back(&self, back: &Back) -> Result<Proposal, Problem> {
        match back {
            Back::Apps(selector) => self.back_to_proven(selector),
            Back::Operation(id) => self.back_to(*id),
        }
    }

    /// Each app goes back to the newest definition before its present one that had proven itself.
    fn back_to_proven(&self, selector: &str) -> Result<Proposal, Problem> {
        let targets = resolve(selector, &self.known()).map_err(|problem| self.gone_meanwhile(selector, problem))?;
        if let Some(part) = targets.iter().find(|target| target.slots.is_some()) {
            let detail = format!("only whole apps are rolled back, and that is a part of `{}`", part.app);
            return Err(Problem::new(422, "invalid_request", detail).hint(format!("`abide rollback {}`", part.app)));
        }
        let mut proposal = Proposal::new(OperationKind::Rollback);
        let mut without = Vec::new();
        for target in targets {
            let Some(app) = self.store.state().app(&target.app) else { continue };
            let proven = |was: &&Was| was.proven && differs(&was.definition, &app.definition);
            let earlier = self.pasts_of(&target.app).find(proven).map(|was| (*was.definition).clone());
            match earlier {
                Some(definition) => {
                    let start = Start::As { run: app.running, slots: BTreeMap::new() };
                    proposal.wished.push(Wished { definition, start, takes_session: true, was: None });
                }
                None => without.push(target.app),
            }
        }
        if without.is_empty() {
            return Ok(proposal);
        }
        let names: Vec<String> = without.iter().map(|name| format!("`{name}`")).collect();
        let detail = format!("no earlier definition of {} that was ready is known", names.join(", "));
        let hint = format!(
            "`abide history {}` shows what was done; `abide rollback --operation N` goes back to how it was after operation N, whatever \
             became of it",
            without.iter().map(AppName::as_str).collect::<Vec<_>>().join(",")
        );
        Err(Problem::new(409, "no_rollback", detail).hint(hint))
    }

    /// What an app was, the newest first.
    fn pasts_of<'a>(&'a self, app: &'a AppName) -> impl Iterator<Item = &'a Was> {
        let before = self.store.state().past.iter().rev().flat_map(|past| &past.done.before);
        before.filter(move |before| before.app == *app).filter_map(|before| before.was.as_ref())
    }

    /// An app that was there once is not known any more: says which operation brings it back.
    fn gone_meanwhile(&self, selector: &str, problem: Problem) -> Problem {
        let removes = |past: &&Past| past.done.before.iter().any(|b| b.app.as_str() == selector && b.was.is_some());
        match self.store.state().past.iter().rev().find(removes) {
            Some(past) if problem.status == 404 => {
                let hint =
                    format!("it was removed; `abide rollback --operation {}` brings back what was there then", past.op - 1);
                Problem { nearest: Vec::new(), ..problem }.hint(hint)
            }
            _ => problem,
        }
    }

    /// All that was defined or removed after an operation goes back to how it was then.
    fn back_to(&self, id: u64) -> Result<Proposal, Problem> {
        let state = self.store.state();
        let earliest = state.past.earliest();
        if id > state.op {
            let detail = format!("there is no operation {id} yet; the last one is {}", state.op);
            return Err(Problem::new(404, "unknown_operation", detail).hint("`abide history` shows them"));
        }
        if id < earliest {
            let detail = format!("what was replaced up to operation {earliest} is not kept any more");
            let hint = format!("{earliest} is the earliest that can be gone back to; `abide history` shows them");
            return Err(Problem::new(409, "no_rollback", detail).hint(hint));
        }
        let mut proposal = Proposal { back_to: Some(id), ..Proposal::new(OperationKind::Rollback) };
        let mut set = BTreeSet::new();
        let settings = state.past.iter().filter(|past| past.op > id).flat_map(|past| &past.done.settings);
        proposal.settings = settings.filter(|of| set.insert(&of.source)).cloned().collect();
        let mut chosen = BTreeSet::new();
        let profiles = state.past.iter().filter(|past| past.op > id).flat_map(|past| &past.done.profiles);
        proposal.profiles = profiles.filter(|of| chosen.insert(&of.project)).cloned().collect();
        proposal.profiles.retain(|of| state.profiles.get(&of.project) != of.profile.as_ref());
        let mut seen = BTreeSet::new();
        let later = state.past.iter().filter(|past| past.op > id);
        for before in later.flat_map(|past| &past.done.before).filter(|before| seen.insert(&before.app)) {
            let there = state.app(&before.app).is_some_and(|app| !app.deleting);
            match &before.was {
                Some(was) => {
                    let start = Start::As { run: was.run, slots: was.slot_wishes.clone() };
                    let definition = (*was.definition).clone();
                    proposal.wished.push(Wished { definition, start, takes_session: true, was: Some(was.generation) });
                }
                None if there => proposal.remove.push(before.app.clone()),
                None => {}
            }
        }
        Ok(proposal)
    }

    /// `GET /history`.
    pub(super) fn history(&self, select: Option<&str>, lines: usize) -> Result<Vec<HistoryEntry>, Problem> {
        let state = self.store.state();
        let wanted = select.map(|select| self.names_in(select)).transpose()?;
        let mut entries: BTreeMap<u64, HistoryEntry> = BTreeMap::new();
        let kept = |op: u64| op > state.past.earliest();
        for recent in &state.recent {
            let mut apps: Vec<String> = Vec::new();
            let slots = recent.track.slots.iter().map(|(slot, _)| slot.app.to_string());
            let told = recent.track.apply.iter().flat_map(|reply| reply.changed.iter().chain(&reply.removed).cloned());
            slots.chain(told).for_each(|app| {
                if !apps.contains(&app) {
                    apps.push(app)
                }
            });
            let (operation, kind) = (recent.op, recent.track.kind);
            let (time, actor, kept) = (rfc3339(recent.at), recent.actor.clone(), kept(operation));
            let entry = HistoryEntry { operation, time, actor, kind, apps, plan: Default::default(), back_to: None, kept };
            entries.insert(operation, entry);
        }
        for past in state.past.iter() {
            let done = &past.done;
            let apps = done.plan.apps.iter().map(|planned| planned.app.to_string()).collect();
            let (operation, kind, plan, back_to) = (past.op, done.kind, done.plan.clone(), done.back_to);
            let (time, actor, kept) = (rfc3339(past.at), past.actor.clone(), kept(operation));
            entries.insert(operation, HistoryEntry { operation, time, actor, kind, apps, plan, back_to, kept });
        }
        let means = |entry: &HistoryEntry| wanted.as_ref().is_none_or(|names| entry.apps.iter().any(|app| names.contains(app)));
        let mut entries: Vec<HistoryEntry> = entries.into_values().filter(means).collect();
        entries.drain(..entries.len().saturating_sub(lines));
        Ok(entries)
    }

    /// The names that a selector means; one that is no app any more means itself, if it ever was one.
    fn names_in(&self, select: &str) -> Result<BTreeSet<String>, Problem> {
        match resolve(select, &self.known()) {
            Ok(targets) => Ok(targets.into_iter().map(|target| target.app.to_string()).collect()),
            Err(problem) => {
                let known = |past: &Past| past.done.before.iter().any(|before| before.app.as_str() == select);
                let once = self.store.state().past.iter().any(known);
                if once { Ok(BTreeSet::from([select.to_owned()])) } else { Err(problem) }
            }
        }
    }

    /// `GET /projects`.
    pub(super) fn projects(&self) -> Vec<ProjectView> {
        let state = self.store.state();
        let mut views: BTreeMap<&Project, Vec<String>> = state.profiles.keys().map(|project| (project, Vec::new())).collect();
        for app in state.apps.iter().filter(|app| !app.deleting) {
            if let Some(project) = &app.definition.project {
                views.entry(project).or_default().push(app.name().to_string());
            }
        }
        let view = |(project, apps): (&Project, Vec<String>)| {
            let profile = state.profiles.get(project).cloned();
            ProjectView { project: project.clone(), profile, apps }
        };
        views.into_iter().map(view).collect()
    }
}

fn differs(one: &Definition, other: &Definition) -> bool {
    !same_spec(&one.spec, &other.spec) || one.session_env != other.session_env || one.umask != other.umask
}
