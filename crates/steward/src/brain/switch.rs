//! The hook `on_switch`: a new generation on ports of its own is ready, and whoever sends clients to the old one says whether it takes over.
//!
//! Where it stands is nowhere written down: a steward that comes after one that died while the hook ran ends that one and asks again. So the hook may
//! be run twice for one switch, and has to bear that.

use super::Brain;
use super::hooks::starting;
use super::run_command::{Wanted, with_line};
use crate::birth::{For, filled_with};
use crate::hooks::{Job, Payload, TIMEOUT};
use crate::runner::{Aim, Ended};
use api::EventLine;
use engine::{Event, Note, What};
use model::{AppName, Generation, Hook, HookPoint, SlotRef};
use serde_json::json;
use std::sync::Arc;

/// The event that the hook is told of.
const EVENT: &str = "reload.switch";

impl Brain {
    /// Asks whether a new generation takes over. Without the hook it does.
    pub(super) fn ask_to_switch(&mut self, app: AppName, generation: Generation, from: &[u16], to: &[u16]) {
        let definition = self.store.state().app(&app).map(|known| known.definition.clone());
        let known =
            definition.and_then(|definition| Some((definition.spec.hooks.get(&HookPoint::OnSwitch).cloned()?, definition)));
        let Some((hook, definition)) = known else { return self.switched(app, generation, Ok(())) };
        let slot = SlotRef::new(&app, 0);
        let event = EventLine {
            event: EVENT.to_owned(),
            slot: None,
            instance: None,
            data: json!({ "generation": generation, "from": from, "to": to }),
            ..starting(self.journal.last(), model::InstanceId(0), &slot)
        };
        let payload = Payload { hook: HookPoint::OnSwitch, event: Arc::new(event), dropped: 0 };
        let job = Job { slot, hook, definition, pid: None, payload };
        match &job.hook {
            Hook::Command { argv } => {
                let ports = |ports: &[u16]| ports.iter().map(u16::to_string).collect::<Vec<_>>().join(" ");
                let mut env = job.payload.env();
                env.push(("ABIDE_PORTS_FROM".to_owned(), ports(from)));
                env.push(("ABIDE_PORTS_TO".to_owned(), ports(to)));
                // The port of the new life of the first slot: what takes over.
                let port = to.first().copied();
                self.run_command(Wanted {
                    aim: Aim::Switch(app, generation),
                    argv: filled_with(&job.definition, argv, For { slot: &job.slot, port, home: &self.me.home }).argv,
                    definition: job.definition.clone(),
                    slot: job.slot.clone(),
                    env,
                    pid: None,
                    port,
                    input: Some(job.payload.json()),
                    timeout: TIMEOUT,
                });
            }
            Hook::Webhook { .. } => self.post_switch(app, generation, &job),
        }
    }

    /// The command has ended. Whatever is no plain success is a no.
    pub(super) fn switch_ended(&mut self, app: AppName, generation: Generation, ended: &Ended, line: &str) {
        let done = if ended.is_good() { Ok(()) } else { Err(with_line(&ended.to_string(), line)) };
        self.switched(app, generation, done);
    }

    pub(super) fn switched(&mut self, app: AppName, generation: Generation, done: Result<(), String>) {
        self.happenings.push_back(Event::Switched { app, generation, refused: done.err() });
    }

    /// Nobody wants to know any more: the reload is over, or the app is.
    pub(super) fn end_switch(&mut self, note: &Note) {
        if matches!(note.what, What::RollBegun { .. } | What::RolledBack { .. } | What::RolledOver { .. } | What::Deleted) {
            let of = note.app.clone();
            self.call_off(|aim| matches!(aim, Aim::Switch(app, _) if *app == of));
        }
    }
}
