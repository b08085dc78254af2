//! `daemon upgrade`: the keeper goes over to the executable beside us, then the scribe is replaced, and last this steward.
//!
//! Each step waits for what shows that the one before has worked: the keeper that it says so itself from its new executable, the scribe that
//! its successor says hello. Any "no" on the way leaves running what runs. The steward is last because it holds the thread; who asked learns
//! of the end before it goes. If the steward dies on the way, its successor knows nothing of it: whoever asked looks and asks again.

use super::run::{Brain, Leave};
use crate::call::Followed;
use crate::journal::Entry;
use crate::log::say;
use crate::previous;
use crate::time::now;
use api::{OperationKind, Problem};
use model::Tick;
use rustix::fs::{Access, access};
use serde_json::json;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;
use sys::clock::wall_ms;
use tokio::task::{JoinHandle, spawn_blocking};
use wire::{Request, ServiceState};

/// The keeper asks for five seconds at most whether the new executable can take over. One that says nothing for so long has gone over to an
/// executable that hangs.
const KEEPER_ANSWERS: Duration = Duration::from_secs(10);
/// How long the new scribe may take to come.
const SCRIBE_COMES: Duration = Duration::from_secs(10);
/// After that pause a keeper that is busy with another upgrade is asked again.
const AGAIN: Duration = Duration::from_millis(250);
/// How long the former executable is kept when a steward begins: an upgrade that its predecessor asked for is over by then.
const UNPROVEN: Duration = Duration::from_secs(15);
/// `SIGKILL`, the only signal that a process that hangs is sure to hear.
const KILL: i32 = 9;

/// An upgrade on its way.
#[derive(Debug)]
pub(super) struct Upgrade {
    id: u64,
    began: Tick,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// The running executable is being copied.
    Keeping(JoinHandle<io::Result<()>>),
    /// The keeper has been asked.
    Asked { until: Tick },
    /// Another upgrade is under way; the keeper is asked again.
    Again { at: Tick, until: Tick },
    /// The keeper is new; the scribe that was there has been asked to end.
    Scribe { old: Option<u32>, until: Tick },
    /// Everything but ourselves is new.
    Over,
}

impl Upgrade {
    fn deadline(&self) -> Option<Tick> {
        match self.phase {
            Phase::Keeping(_) | Phase::Over => None,
            Phase::Asked { until } | Phase::Scribe { until, .. } => Some(until),
            Phase::Again { at, .. } => Some(at),
        }
    }
}

/// The end of the copying, when there is one under way.
pub(super) async fn copied(upgrade: &mut Option<Upgrade>) -> io::Result<()> {
    match upgrade {
        Some(Upgrade { phase: Phase::Keeping(task), .. }) => task.await.unwrap_or_else(|error| Err(io::Error::other(error))),
        _ => std::future::pending().await,
    }
}

impl Brain {
    /// Begins, or joins the one that is under way.
    pub(super) fn begin_upgrade(&mut self, actor: &str) -> Result<Followed, Problem> {
        if let Some(heard) = self.upgrade.as_ref().and_then(|upgrade| self.tracker.get(upgrade.id)) {
            return Ok(heard);
        }
        let folder = self.me.keeper_exe.parent().unwrap_or(std::path::Path::new("/"));
        for name in ["abide-scribe", "abide-steward"] {
            let path = folder.join(name);
            if let Err(error) = access(&path, Access::EXEC_OK) {
                let detail = format!("{} cannot be executed: {error}", path.display());
                return Err(Problem::new(409, "not_startable", detail)
                    .hint("install every part of Abide beside the others, then `abide daemon upgrade`"));
            }
        }
        let id = self.store.state().op + 1;
        let data = json!({ "operation": id, "keeper": self.me.keeper_pid });
        self.journal
            .write(Entry { event: "manager.upgrading", actor: Some(actor.to_owned()), data, ..Entry::default() }, wall_ms());
        say!("an upgrade begins, operation {id}, asked for by {actor}");
        // From here on it is this upgrade that decides how long that executable is kept.
        self.unproven = None;
        let keeper = self.me.keeper_pid;
        let task = spawn_blocking(move || previous::keep(keeper));
        self.upgrade = Some(Upgrade { id, began: now(), phase: Phase::Keeping(task) });
        Ok(self.tracker.begin_whole(id, OperationKind::Upgrade))
    }

    /// What an upgrade forbids for its time: numbers of operations would meet, and the steward goes soon.
    pub(super) fn refuse_during_upgrade(&self) -> Result<(), Problem> {
        match self.upgrade {
            Some(_) => Err(Problem::new(503, "starting_up", "the manager is being upgraded").hint("try again in a moment")),
            None => Ok(()),
        }
    }

    /// The running executable is kept, or cannot be.
    pub(super) fn take_copied(&mut self, copied: io::Result<()>) {
        match copied {
            Ok(()) => self.ask_keeper(now() + KEEPER_ANSWERS),
            Err(error) => {
                let path = format!("{}/{}", self.me.home, sys::daemon::PREVIOUS_KEEPER);
                self.end_upgrade(Err(format!("failed to keep the running keeper's executable as {path}: {error}")));
            }
        }
    }

    fn ask_keeper(&mut self, until: Tick) {
        self.keeper.say(&Request::new("upgrade").field(self.me.keeper_exe.as_os_str().as_bytes()));
        self.set_phase(Phase::Asked { until });
    }

    fn set_phase(&mut self, phase: Phase) {
        if let Some(upgrade) = &mut self.upgrade {
            upgrade.phase = phase;
        }
    }

    /// Whether this refusal of the keeper is the answer to an upgrade.
    pub(super) fn take_upgrade_refusal(&mut self, text: &str) -> bool {
        let Some(Upgrade { phase: Phase::Asked { until }, .. }) = self.upgrade else { return false };
        let busy = text.contains("an upgrade is under way") || text == "upgrade one that was late is not over yet";
        if busy && now() < until {
            self.set_phase(Phase::Again { at: now() + AGAIN, until });
        } else if let Some(why) = text.strip_prefix("upgrade ") {
            let exe = self.me.keeper_exe.display();
            self.refused(format!("the keeper stays as it is, since {exe} cannot take over: {why}"));
        } else if text.contains("upgrade") {
            self.refused(format!("the keeper refuses: {text}"));
        } else {
            return false;
        }
        true
    }

    /// The keeper says from its new executable that it has taken over.
    pub(super) fn take_upgraded(&mut self, version: Option<&String>) {
        self.keeper_version = version.cloned();
        let Some(Upgrade { phase: Phase::Asked { .. } | Phase::Again { .. }, .. }) = self.upgrade else { return };
        self.keeper.say(&Request::new("hello"));
        let old = match self.services.get("scribe") {
            Some(ServiceState::Up { pid, .. }) => Some(*pid),
            _ => None,
        };
        self.keeper.say(&Request::new("service.signal").field("scribe").field("TERM"));
        self.set_phase(Phase::Scribe { old, until: now() + SCRIBE_COMES });
    }

    /// A scribe says hello.
    pub(super) fn take_scribe(&mut self, pid: u32) {
        if let Some(Upgrade { phase: Phase::Scribe { old, .. }, .. }) = self.upgrade
            && old != Some(pid)
        {
            // It has answered, borne a process, and told of its beginning: it works.
            previous::let_go(self.me.keeper_pid);
            self.end_upgrade(Ok(()));
        }
    }

    /// Nothing has changed.
    fn refused(&mut self, why: String) {
        previous::let_go(self.me.keeper_pid);
        self.end_upgrade(Err(why));
    }

    fn end_upgrade(&mut self, how: Result<(), String>) {
        let Some(upgrade) = &mut self.upgrade else { return };
        let id = upgrade.id;
        upgrade.phase = Phase::Over;
        let ms = u64::try_from(now().since(upgrade.began).as_millis()).unwrap_or(u64::MAX);
        let event = if how.is_ok() { "manager.upgraded" } else { "manager.not_upgraded" };
        let data = json!({ "operation": id, "keeper": self.me.keeper_pid, "ms": ms });
        self.journal.write(Entry { event, reason: how.clone().err(), data, ..Entry::default() }, wall_ms());
        match &how {
            Ok(()) => say!("keeper and scribe are new after {ms} ms; the steward follows"),
            Err(why) => {
                say!("not upgraded: {why}");
                self.upgrade = None;
            }
        }
        self.tracker.tell(id, how);
    }

    /// Whether the steward is to make room for its successor.
    pub(super) fn leave_for_upgrade(&self) -> Option<Leave> {
        matches!(self.upgrade, Some(Upgrade { phase: Phase::Over, .. })).then_some(Leave::Renewed)
    }

    /// When [`Brain::upgrade_time`] is wanted.
    pub(super) fn upgrade_deadline(&self) -> Option<Tick> {
        self.upgrade.as_ref().and_then(Upgrade::deadline).into_iter().chain(self.unproven).min()
    }

    pub(super) fn upgrade_time(&mut self) {
        let now = now();
        if self.unproven.is_some_and(|at| at <= now) {
            self.unproven = None;
            previous::let_go(self.me.keeper_pid);
        }
        match self.upgrade.as_ref().map(|upgrade| &upgrade.phase) {
            Some(Phase::Again { at, until }) if *at <= now => self.ask_keeper(*until),
            Some(Phase::Asked { until }) if *until <= now => self.end_hanging_keeper(),
            Some(Phase::Scribe { until, .. }) if *until <= now => {
                let home = &self.me.home;
                let why =
                    format!("the keeper is new, but no new scribe came; it is tried again and again, {home}/daemon.log says why");
                self.unproven = Some(now + UNPROVEN);
                self.end_upgrade(Err(why));
            }
            _ => {}
        }
    }

    /// The keeper has gone over to an executable that neither works nor dies. Dead it is no worse, and the former one is started.
    fn end_hanging_keeper(&mut self) {
        say!("the keeper does not answer after an upgrade; it is killed, and the one before is started");
        // One that is gone already is noticed on its line.
        let _ = sys::process::signal_pid(self.me.keeper_pid, self.me.keeper_ident, KILL);
        self.end_upgrade(Err("the new keeper did not answer; it was killed, and the one before is started".to_owned()));
    }

    /// At the beginning of a steward: the executable of before an upgrade has done its duty, unless the keeper runs from it, or an upgrade is
    /// under way that our predecessor has asked for.
    pub(super) fn prove_keeper(&mut self) {
        if previous::is_at_work(self.me.keeper_pid) {
            say!(
                "the keeper of before the last upgrade is at work, since the new one broke: install a good one, then `abide daemon upgrade`"
            );
        } else if previous::is_kept() {
            self.unproven = Some(now() + UNPROVEN);
        }
    }
}
