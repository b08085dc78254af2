//! What the command line tells of a house, typed.

use crate::house::House;
use crate::proc::Proc;
use crate::wait::wait_until;
use api::{AppDetail, DaemonStatus, EventLine, LogLine, SlotRow};
use std::path::PathBuf;
use std::time::Duration;

impl House {
    /// `list --json`.
    #[track_caller]
    pub fn list(&self) -> Vec<SlotRow> {
        self.abide(["list", "--json"]).ok().json()
    }

    /// The row of one slot.
    #[track_caller]
    pub fn slot(&self, slot: &str) -> SlotRow {
        let rows = self.list();
        rows.iter().find(|r| r.slot == slot).unwrap_or_else(|| panic!("no slot {slot} in {rows:#?}")).clone()
    }

    /// The living process of a slot.
    #[track_caller]
    pub fn process(&self, slot: &str) -> Proc {
        let row = self.slot(slot);
        let pid = row.pid.unwrap_or_else(|| panic!("no pid in {row:#?}"));
        Proc::find(pid).unwrap_or_else(|| panic!("{pid} does not live: {row:#?}"))
    }

    /// Waits until a slot satisfies `good`; gives back its row.
    #[track_caller]
    pub fn until(&self, slot: &str, deadline: Duration, what: &str, good: impl Fn(&SlotRow) -> bool) -> SlotRow {
        let mut last = None;
        let begun = std::time::Instant::now();
        loop {
            let row = self.list().into_iter().find(|r| r.slot == slot);
            if let Some(row) = row.as_ref().filter(|r| good(r)) {
                return row.clone();
            }
            last = row.or(last);
            assert!(begun.elapsed() < deadline, "waited {deadline:?} in vain until {slot} {what}; last seen: {last:#?}");
            crate::wait::Pause::default().take();
        }
    }

    /// Waits until a slot has this status.
    #[track_caller]
    pub fn until_status(&self, slot: &str, status: &str, deadline: Duration) -> SlotRow {
        self.until(slot, deadline, &format!("is {status}"), |r| r.status.word() == status)
    }

    /// `status APP --json`.
    #[track_caller]
    pub fn detail(&self, app: &str) -> AppDetail {
        self.abide(["status", app, "--json"]).ok().json()
    }

    /// `events --json`, all of them, or those of an app.
    #[track_caller]
    pub fn events(&self, app: Option<&str>) -> Vec<EventLine> {
        self.abide(["events", "--json", "-n", "100000"].into_iter().chain(app)).ok().json_lines()
    }

    /// `logs APP --json`, up to `lines` a stream.
    #[track_caller]
    pub fn logs(&self, app: &str, lines: usize) -> Vec<LogLine> {
        self.abide(["logs", app, "-n", &lines.to_string(), "--json"]).ok().json_lines()
    }

    /// `daemon status --json`; `None` when it does not run.
    #[track_caller]
    pub fn daemon(&self) -> Option<DaemonStatus> {
        let done = self.abide(["daemon", "status", "--json"]);
        match done.code {
            Some(0) => Some(done.json()),
            Some(4) => None,
            _ => panic!("daemon status ends with 0 or 4: {done:#?}"),
        }
    }

    /// The file to which a stream of a slot goes now.
    pub fn log_file(&self, slot: &str, stream: &str) -> PathBuf {
        self.home().join("logs").join(format!("{slot}.{stream}.log"))
    }

    /// The bytes of a slot's log, rotated files first, the current one last. `stream` is `out` or `err`.
    pub fn log_bytes(&self, slot: &str, stream: &str) -> Vec<u8> {
        crate::lines::whole_log(&self.log_file(slot, stream))
    }

    /// Waits until the log of a slot holds `text`.
    #[track_caller]
    pub fn until_logged(&self, slot: &str, stream: &str, text: &str, deadline: Duration) -> String {
        wait_until(deadline, &format!("{slot}.{stream}.log holds {text:?}"), || {
            let log = String::from_utf8_lossy(&self.log_bytes(slot, stream)).into_owned();
            log.contains(text).then_some(log)
        })
    }
}
