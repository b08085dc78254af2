//! How logs are kept as a whole: the budget, and what the scribe says of bytes that are gone.

use super::Brain;
use super::ask::log_files_of;
use super::run::OWN;
use crate::hush::{Sum, Topic};
use crate::journal::Entry;
use crate::log::say;
use crate::scribe_link::Wished;
use crate::time::now;
use model::{LINK_MESSAGE_LIMIT, LogForm, SlotRef, ToScribe};
use serde_json::json;
use std::collections::BTreeSet;
use sys::clock::wall_ms;
use sys::own_log;

impl Brain {
    /// Tells the scribe how much log files may have together, if it has changed.
    pub(super) fn say_budget(&mut self) {
        let total = self.store.state().daemon().total_max();
        let mut apps = Vec::new();
        for app in self.store.state().apps.iter().filter(|app| !app.deleting) {
            let spec = &app.definition.spec;
            if spec.log.total_max > 0 {
                let slots = (0..spec.instances).map(|index| SlotRef::new(&spec.name, index));
                let files: BTreeSet<String> = slots.flat_map(|slot| log_files_of(&self.store, &slot, &self.me.home)).collect();
                apps.push((files.into_iter().collect::<Vec<_>>(), spec.log.total_max));
            }
        }
        let mut left_out = 0;
        let budget = loop {
            let budget = ToScribe::Budget { total, apps: apps.clone() };
            let fits = serde_json::to_vec(&budget).is_ok_and(|text| text.len() <= LINK_MESSAGE_LIMIT);
            if fits || apps.is_empty() {
                break budget;
            }
            // The one with the most files is the one that does not fit.
            let most = (0..apps.len()).max_by_key(|at| apps[*at].0.len()).unwrap_or(0);
            apps.remove(most);
            left_out += 1;
        };
        if self.scribe.budget(budget) && left_out > 0 {
            say!(
                "{left_out} apps have too many log files for a limit of their own (log_total_max); that of the home holds for them"
            );
        }
    }

    /// Tells the scribe how the manager's own log is kept.
    pub(super) fn open_own_log(&mut self) {
        let wished = Wished {
            fifo: own_log::FIFO.to_owned(),
            file: own_log::FILE.to_owned(),
            policy: self.store.state().daemon().policy(),
            form: LogForm::default(),
            born: true,
            ended: false,
        };
        self.scribe.open(OWN, wished);
    }

    /// Bytes of a stream, or rotated files, are gone: said at most once a minute.
    pub(super) fn note_loss(&mut self, topic: Topic, bytes: u64, last: String) {
        if let Some(sum) = self.hush.heard(topic, bytes, last, now()) {
            self.say_loss(topic, &sum);
        }
    }

    /// What was held back and is due.
    pub(super) fn say_losses(&mut self) {
        for (topic, sum) in self.hush.due(now()) {
            self.say_loss(topic, &sum);
        }
    }

    fn say_loss(&mut self, topic: Topic, sum: &Sum) {
        let Sum { times, bytes, last } = sum;
        match topic {
            Topic::Dropped(id) => {
                let reason = Some(format!("{bytes} bytes of its output were discarded: {last}"));
                self.note_stream(id, "log.dropped", reason, json!({ "bytes": bytes, "times": times, "errno": last }));
            }
            Topic::Removed => {
                let files = if *times == 1 { "1 rotated file was".to_owned() } else { format!("{times} rotated files were") };
                let reason =
                    Some(format!("{files} removed, so that all logs fit into their limit ({bytes} bytes; last: {last})"));
                let data = json!({ "files": times, "bytes": bytes, "last": last });
                self.journal.write(Entry { event: "log.removed", reason, data, ..Entry::default() }, wall_ms());
            }
        }
    }
}
