//! Measuring what all lives use: when somebody asks, and when a limit is to be looked after that nobody else holds.

use super::Brain;
use crate::time::now;
use model::{InstanceId, Tick};
use std::io;
use sys::cgroup::Cell;
use sys::lives::{Measured, TreeUse, measure};
use tokio::task::spawn_blocking;

/// What one reading of /proc has found.
pub(super) type Found = io::Result<Vec<(InstanceId, u64, TreeUse)>>;

/// A life that is to be measured.
struct Target {
    instance: InstanceId,
    life: Measured,
    cell: Option<Cell>,
}

impl Brain {
    /// Whether the numbers that clients are shown are those of this moment.
    pub(super) fn is_measured(&self) -> bool {
        let mut living = self.living().peekable();
        living.peek().is_none() || self.samples.is_fresh(living.map(|(instance, ..)| instance), now())
    }

    /// Lives whose process is there: instance, pid, start time.
    fn living(&self) -> impl Iterator<Item = (InstanceId, u32, u64)> {
        let views = self.engine.slots().into_iter();
        views
            .filter_map(|view| view.instance.zip(view.pid).zip(view.ident))
            .map(|((instance, pid), ident)| (instance, pid, ident))
    }

    /// Begins a reading, if one is due and none is under way.
    pub(super) fn begin_measuring(&mut self) {
        let now = now();
        let due = self.bounds.sampler.deadline().is_some_and(|at| at <= now);
        if self.bounds.measuring.is_some() || !(due || !self.bounds.asking.is_empty()) {
            return;
        }
        if due {
            self.bounds.sampler.begun(now);
            self.hear_mute_boxes();
        }
        let target = |(instance, pid, ident): (InstanceId, u32, u64)| Target {
            instance,
            life: Measured { pid, ident, instance: instance.to_string(), known: Vec::new() },
            cell: self.bounds.boxes.cell(instance).cloned(),
        };
        let targets: Vec<Target> = self.living().map(target).collect();
        let (home, keeper) = (self.me.home.clone(), self.me.keeper_pid);
        self.bounds.measuring = Some(spawn_blocking(move || look(targets, &home, keeper)));
    }

    /// Takes what was found: for the limits, for people, and for those who have asked meanwhile.
    pub(super) fn take_measured(&mut self, found: Found) {
        self.bounds.measuring = None;
        let now = now();
        match found {
            Ok(found) => {
                for (instance, ident, tree) in found {
                    self.samples.take(instance, tree, Tick(sys::process::started_at(ident)), now);
                    self.compare(instance, &tree, now);
                }
                self.samples.measured(now);
            }
            Err(error) => crate::log::say!("failed to measure what lives use: {error}"),
        }
        for call in std::mem::take(&mut self.bounds.asking) {
            self.answer_now(call);
        }
    }
}

/// Reads /proc, and what boxes have counted exactly. Blocking.
fn look(mut targets: Vec<Target>, home: &str, keeper: u32) -> Found {
    for target in &mut targets {
        target.life.known = target.cell.as_ref().map(Cell::pids).unwrap_or_default();
    }
    let lives: Vec<Measured> = targets.iter().map(|target| target.life.clone()).collect();
    let trees = measure(&lives, home, keeper)?;
    let found = targets.into_iter().zip(trees).filter_map(|(target, tree)| {
        let mut tree = tree?;
        if let Some(counts) = target.cell.as_ref().map(Cell::counts) {
            tree.cpu_nanos = tree.cpu_nanos.max(counts.cpu_nanos.unwrap_or(0));
            tree.tasks = counts.tasks.unwrap_or(tree.tasks);
        }
        Some((target.instance, target.life.ident, tree))
    });
    Ok(found.collect())
}
