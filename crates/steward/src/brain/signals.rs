//! Signals that users send to what runs.

use super::Brain;
use crate::journal::Entry;
use api::{Problem, SignalDone, Signalled};
use engine::SlotView;
use model::Signal;
use serde_json::json;
use std::collections::VecDeque;
use sys::clock::wall_ms;
use wire::{Request, ServiceState};

/// Answers that are remembered for clients who ask again with the same key.
const KEYS: usize = 64;

/// Signals that were sent.
#[derive(Debug, Default)]
pub(super) struct Sent {
    over: VecDeque<(String, SignalDone)>,
}

/// Whom a signal goes to.
struct Receiver {
    who: Signalled,
    /// Start time of a process that is not the life's leader.
    ident: Option<u64>,
}

impl Brain {
    /// Sends a signal to one process of each slot that runs, through the keeper, which knows whether it still lives.
    pub(super) fn signal_slots(
        &mut self,
        select: &str,
        signal: Signal,
        actor: &str,
        key: Option<String>,
    ) -> Result<SignalDone, Problem> {
        if let Some((_, done)) = self.sent.over.iter().find(|(known, _)| Some(known) == key.as_ref()) {
            return Ok(done.clone());
        }
        self.refuse_during_upgrade()?;
        let slots = self.selected(select)?;
        let views = slots.iter().filter_map(|slot| self.engine.slot(slot));
        let receivers: Vec<Receiver> = views.filter_map(|view| self.receiver(&view)).collect();
        if receivers.is_empty() {
            let detail = match slots.as_slice() {
                [one] => format!("`{one}` does not run"),
                _ => "none of these runs".to_owned(),
            };
            return Err(Problem::new(409, "not_running", detail).hint("`abide list` shows what runs"));
        }
        for Receiver { who, ident } in &receivers {
            let request = Request::new("service.signal").field(&who.instance).field(signal.number().to_string());
            self.keeper.say(&match ident {
                Some(ident) => request.field("pid").field(who.pid.to_string()).field(ident.to_string()),
                None => request,
            });
            self.journal.write(
                Entry {
                    app: Some(who.app.clone()),
                    slot: Some(who.slot.clone()),
                    instance: Some(who.instance.clone()),
                    event: "signalled",
                    reason: Some(signal.to_string()),
                    actor: Some(actor.to_owned()),
                    data: json!({ "signal": signal.to_string(), "pid": who.pid }),
                },
                wall_ms(),
            );
        }
        self.keeper.flush();
        let done = SignalDone { signal, sent: receivers.into_iter().map(|receiver| receiver.who).collect() };
        if let Some(key) = key {
            self.sent.over.push_back((key, done.clone()));
            if self.sent.over.len() > KEYS {
                self.sent.over.pop_front();
            }
        }
        Ok(done)
    }

    /// The leader of the life that fills a slot, or the process that it named as its main one.
    fn receiver(&self, view: &SlotView<'_>) -> Option<Receiver> {
        let instance = view.instance?.to_string();
        let Some(ServiceState::Up { pid, .. }) = self.services.get(&instance) else { return None };
        // A pid that is somebody else's meanwhile is not the process that the life meant.
        let is_it = |(main, ident): &(u32, u64)| main != pid && sys::lives::identity(*main) == Some(*ident);
        let main = view.main.filter(is_it);
        let (pid, ident) = main.map_or((*pid, None), |(main, ident)| (main, Some(ident)));
        let (app, slot) = (view.slot.app.to_string(), view.slot.to_string());
        Some(Receiver { who: Signalled { app, slot, instance, pid }, ident })
    }
}
