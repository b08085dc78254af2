//! What clients see.

use super::Brain;
use crate::birth::port_told;
use crate::environment::Given;
use crate::fill::{combined, log_files};
use crate::select::{includes, resolve};
use crate::time::{now, wall_of};
use crate::usage::Samples;
use api::{
    AppDetail, DaemonStatus, DependencyView, ExitView, FailedReloadView, NextLife, Problem, ProcessRef, ReloadView, RunView,
    SlotDetail, SlotRow,
};
use engine::{HealthView, NextView, SlotView};
use model::{Dependency, LogSpec, SlotRef, Tick, Wall};
use std::path::Path;
use sys::clock::wall_ms;
use wire::ServiceState;

impl Brain {
    pub(super) fn rows(&mut self, select: Option<&str>) -> Result<Vec<SlotRow>, Problem> {
        let targets = match select {
            Some(select) => Some(resolve(select, &self.known())?),
            None => None,
        };
        let now = now();
        let samples = &self.samples;
        let views = self.engine.slots().into_iter();
        let meant = views.filter(|view| targets.as_ref().is_none_or(|targets| includes(targets, &view.slot)));
        Ok(meant.map(|view| row(&view, samples, now)).collect())
    }

    pub(super) fn detail(&mut self, app: &str, reveal: bool) -> Result<AppDetail, Problem> {
        let name = self.app_of(app)?;
        let stored = self.store.state().app(&name).ok_or_else(|| Problem::new(404, "unknown_app", format!("no app `{name}`")))?;
        let log = &stored.definition.spec.log;
        let whole = &stored.definition.spec;
        let spec = if reveal { serde_json::to_value(whole) } else { serde_json::to_value(whole.masked()) }.unwrap_or_default();
        let (now, wall) = (now(), Wall(wall_ms()));
        let samples = &self.samples;
        let detail = |view: SlotView<'_>| {
            let run = |run: &model::Run| RunView {
                instance: run.instance.to_string(),
                at: wall_of(run.at, now, wall),
                took_ms: u64::try_from(run.took.as_millis()).unwrap_or(u64::MAX),
                exit: ExitView::from(&run.end),
            };
            SlotDetail {
                row: row(&view, samples, now),
                next_restart_at: view.next_at.map(|at| wall_of(at, now, wall)),
                main_pid: view.main.map(|(pid, _)| pid).filter(|main| view.pid != Some(*main)),
                said: view.said.map(str::to_owned),
                bad_answer: view.bad_answer.map(str::to_owned),
                late_answers: view.late_answers,
                fault: view.fault.map(ToString::to_string),
                runs: view.runs.iter().map(run).collect(),
                next: view.next.as_ref().map(next_life),
                leaving: view.leaving.iter().map(ToString::to_string).collect(),
                why: view.why,
                last_lines: Vec::new(),
                log_files: files_shown(log, &view.slot, &self.me.home),
            }
        };
        let slots: Vec<SlotDetail> = self.engine.slots().into_iter().filter(|view| view.slot.app == name).map(detail).collect();
        let next_restart_at = slots.iter().filter_map(|slot| slot.next_restart_at).min();
        let depends_on = stored.definition.spec.depends_on.iter().map(|need| self.dependency(need)).collect();
        let next_run_at = self.next_run(&name).map(|at| at.0);
        let definition = &stored.definition;
        Ok(AppDetail {
            app: name.to_string(),
            spec,
            project: definition.project.clone(),
            source: definition.source.as_ref().map(|file| file.to_string_lossy().into_owned()),
            profile: definition.spec.profile.clone(),
            slots,
            next_restart_at,
            next_run_at,
            reload: self.engine.roll(&name).map(|roll| ReloadView {
                strategy: roll.how.word().to_owned(),
                generation: roll.generation.0,
                back: roll.back,
                given_up: roll.given_up,
            }),
            failed_reload: stored.failed.as_ref().map(|failed| FailedReloadView {
                generation: failed.generation.0,
                instance: failed.instance.map(|instance| instance.to_string()),
                why: failed.why.clone(),
            }),
            depends_on,
            last_events: Vec::new(),
        })
    }

    /// The first slot that is meant, all of one app.
    pub(super) fn given(&self, select: &str) -> Result<Given, Problem> {
        let app = self.app_of(select)?;
        let unknown = || Problem::new(404, "unknown_app", format!("no app `{app}`"));
        let definition = self.store.state().app(&app).ok_or_else(unknown)?.definition.clone();
        // An app without instances has no slot yet; its first one is meant.
        let slot = self.selected(select)?.into_iter().next().unwrap_or_else(|| SlotRef::new(&app, 0));
        let port = self.engine.slot(&slot).and_then(|view| view.port);
        Ok(Given { slot, definition, port, home: self.me.home.clone() })
    }

    fn dependency(&self, need: &Dependency) -> DependencyView {
        let why = self.engine.unmet(need);
        let (app, condition) = (need.app.to_string(), need.condition.word().to_owned());
        DependencyView { app, condition, required: need.required, holds: why.is_none(), why }
    }

    pub(super) fn status(&self) -> DaemonStatus {
        let scribe = match self.services.get("scribe") {
            Some(ServiceState::Up { pid, .. }) => Some(ProcessRef { pid: *pid, version: None }),
            _ => None,
        };
        let damage = self.store.damage();
        let damaged = (!damage.is_empty()).then(|| format!("the store was damaged: {}", damage.join("; ")));
        DaemonStatus {
            home: self.me.home.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_ms: uptime_ms(self.me.keeper_ident),
            steward: ProcessRef { pid: std::process::id(), version: None },
            scribe,
            keeper: ProcessRef { pid: self.me.keeper_pid, version: self.keeper_version.clone() },
            recovered: crate::previous::is_at_work(self.me.keeper_pid),
            settings: self.store.state().daemon().effective(),
            settings_from: self
                .store
                .state()
                .settings
                .origins()
                .into_iter()
                .map(|(key, by)| (key, self.shown_source(&by)))
                .collect(),
            settings_trouble: self.own.trouble.clone(),
            read_only: self.store.read_only().or(damaged),
        }
    }
}

fn next_life(next: &NextView<'_>) -> NextLife {
    NextLife {
        instance: next.instance.to_string(),
        pid: next.pid,
        status: next.status,
        why: next.why.clone().or_else(|| next.bad_answer.map(str::to_owned)),
        port: next.port,
    }
}

fn row(view: &SlotView<'_>, samples: &Samples, now: Tick) -> SlotRow {
    let used = view.instance.filter(|_| view.pid.is_some()).and_then(|instance| samples.of(instance));
    // The kernel knows it of adopted lives too.
    let began = view.since.map(|since| view.ident.map_or(since, |ident| Tick(sys::process::started_at(ident)).min(since)));
    SlotRow {
        app: view.slot.app.to_string(),
        slot: view.slot.to_string(),
        id: view.id.0,
        status: view.status,
        pid: view.pid,
        instance: view.instance.map(|instance| instance.to_string()),
        uptime_ms: began.map(|began| u64::try_from(now.since(began).as_millis()).unwrap_or(u64::MAX)),
        restarts: view.restarts,
        cpu_percent: used.map(|used| used.cpu_percent),
        memory_bytes: used.map(|used| used.memory_bytes),
        port: port_told(view.spec, view.port),
        health: view.health.map(|health| health_word(health).to_owned()),
        exit: view.exit.map(ExitView::from),
    }
}

/// The log files of a slot: those of its streams, and the one that takes both in addition.
fn files_shown(log: &LogSpec, slot: &SlotRef, home: &str) -> Vec<Option<String>> {
    let mut files = log_files(log, slot, home).to_vec();
    if let Some(both) = combined(log, slot, home).map(Some).filter(|both| !files.contains(both)) {
        files.push(both);
    }
    files.into_iter().map(|file| file.map(|file| absolute(home, &file))).collect()
}

fn absolute(home: &str, file: &str) -> String {
    Path::new(home).join(file).to_string_lossy().into_owned()
}

/// The word for a health in JSON and tables.
fn health_word(health: HealthView) -> &'static str {
    match health {
        HealthView::Starting => "starting",
        HealthView::Healthy => "healthy",
        HealthView::Unhealthy => "unhealthy",
    }
}

/// How long a process with this start time (in ticks of 10 ms since boot) has been running.
fn uptime_ms(ident: u64) -> u64 {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds: f64 = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default();
    ((seconds * 1000.0) as u64).saturating_sub(ident * 10)
}
