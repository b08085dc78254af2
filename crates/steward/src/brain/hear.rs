//! What keeper and scribe say.

use super::run::{Brain, Ending, OWN};
use super::run_command::command_number;
use crate::hush::Topic;
use crate::journal::Entry;
use crate::log::{self, say};
use engine::Event;
use model::{End, FromScribe, InstanceId, Signal, Stage, Tick, Verdict};
use serde_json::json;
use sys::clock::wall_ms;
use wire::{Event as Said, Request, ServiceState};

impl Brain {
    /// `false`: the keeper is gone.
    pub(super) fn hear_keeper(&mut self) -> bool {
        let mut heard = Vec::new();
        let open = self.keeper.read(&mut heard);
        heard.into_iter().for_each(|said| self.take_event(said));
        if !open {
            // What was heard before the end still counts, and is written down.
            self.settle();
        }
        open
    }

    pub(super) fn take_event(&mut self, said: Said) {
        match said {
            Said::State { name, state } => self.take_state(name, state),
            Said::Signal { name, count } => self.take_signal(&name, count),
            Said::Overflow(lost) => {
                say!("events from number {lost} on were lost; the keeper is asked for everything again");
                self.redump = Some(Vec::new());
                self.keeper.say(&Request::new("statedump"));
                self.keeper.say(&Request::new("echo").field("redump"));
            }
            Said::Error(text) if self.take_upgrade_refusal(&text) || self.take_socket_refusal(&text) => {}
            Said::Error(text) => {
                say!("the keeper refused: {text}");
                if let Some(errno) = refusal_in(&text) {
                    self.refusal = Some(errno);
                }
            }
            Said::Other(fields) => self.take_other(&fields),
            Said::Dialect(_) | Said::Tags { .. } => {}
        }
    }

    fn take_state(&mut self, name: String, state: ServiceState) {
        if let Some(seen) = &mut self.redump {
            seen.push(name.clone());
        }
        if state == ServiceState::Deleted {
            self.services.remove(&name);
            return;
        }
        if self.services.get(&name) == Some(&state) {
            return;
        }
        if let Ok(instance) = name.parse() {
            self.take_life(instance, &state);
        } else if let Some(number) = command_number(&name) {
            // What follows looks at how it stands.
            self.services.insert(name, state.clone());
            return self.take_command(number, &state);
        } else if name == "scribe" && matches!(self.ending, Ending::Draining(_)) && !matches!(state, ServiceState::Up { .. }) {
            self.ending = Ending::Over;
        }
        if name == "scribe" && self.ending == Ending::Not {
            self.take_scribes_end(&state);
        }
        self.services.insert(name, state);
    }

    /// While no scribe is there, somebody else moves the manager's own log, which says why.
    fn take_scribes_end(&self, state: &ServiceState) {
        match state {
            ServiceState::Up { .. } => {}
            state => {
                if let Some((end, _)) = end_of(state) {
                    say!("the scribe ended ({end}); the keeper starts another");
                }
                log::attended(false);
            }
        }
    }

    fn take_life(&mut self, instance: InstanceId, state: &ServiceState) {
        match state {
            ServiceState::Up { at, pid, ident } => {
                self.bind(instance, true);
                self.child_has_its_own(instance);
                self.happenings.push_back(Event::Born { instance, pid: *pid, ident: *ident, at: Tick(*at) });
            }
            // A handle that could not be opened shows only here; the refusal before it says why.
            ServiceState::Failed { at, stage, errno } if stage == "fds" && errno == "EBADF" && self.refusal.is_some() => {
                self.not_born(instance, self.refusal.unwrap_or("EIO"), Tick(*at));
            }
            ServiceState::Failed { at, stage, errno } if stage == "cgroup" && self.forgo_box(instance, errno) => {
                self.not_born(instance, "EACCES", Tick(*at));
            }
            ended => {
                if let Some((end, at)) = end_of(ended) {
                    self.end_probes(instance);
                    let at = at.unwrap_or_else(crate::time::now);
                    // What the kernel did to it is told before its end, which it explains.
                    self.tell_news(instance);
                    self.bind(instance, false);
                    self.hear_to_the_end(instance, Event::Ended { instance, end, at });
                }
            }
        }
    }

    pub(super) fn not_born(&mut self, instance: InstanceId, errno: &str, at: Tick) {
        let end = End::NotBorn { stage: Stage::Prepare, errno: errno.to_owned() };
        self.happenings.push_back(Event::Ended { instance, end, at });
    }

    fn take_other(&mut self, fields: &[String]) {
        let Some(first) = fields.first() else { return };
        if first == "redump" {
            self.end_redump();
        } else if first == super::listen::DESK {
            self.after_desk();
        } else if let Some(instance) = first.strip_prefix("bear-").and_then(|name| name.parse().ok()) {
            self.after_birth(instance);
        } else if let Some(number) = first.strip_prefix("run-").and_then(command_number) {
            self.after_command(number);
        } else if let Some(instance) = first.strip_prefix("adopt-").and_then(|name| name.parse().ok()) {
            self.after_adoption(instance);
        } else if first == "fd.state" {
            self.take_socket_state(fields);
        } else if first == "upgrade" {
            self.take_upgraded(fields.get(1));
        } else if first == "version" {
            self.keeper_version = fields.get(2).cloned();
        } else if first == "warning" {
            say!("the keeper warns: {}", fields[1..].join(" "));
        }
    }

    /// The barrier after the lines of a birth: a service that does not even try has been refused.
    fn after_birth(&mut self, instance: InstanceId) {
        let refusal = self.refusal.take();
        let name = instance.to_string();
        if matches!(self.services.get(&name), None | Some(ServiceState::Down)) {
            self.not_born(instance, refusal.unwrap_or("EIO"), crate::time::now());
            let held = wire::handles(&name);
            self.keeper.say(&Request::new("service.delete").field(&name));
            let writers = held.writers.iter().zip(self.kept(instance)).filter(|(_, kept)| *kept).map(|(name, _)| name);
            for handle in writers.chain([&held.lock]) {
                self.keeper.say(&Request::new("fd.delete").field(handle));
            }
        }
    }

    /// The barrier after the lines of an adoption.
    fn after_adoption(&mut self, instance: InstanceId) {
        self.adopting = self.adopting.saturating_sub(1);
        let refused = self.refusal.take().is_some();
        let name = instance.to_string();
        match self.services.get(&name) {
            None | Some(ServiceState::Down) => {
                self.keeper.say(&Request::new("service.delete").field(&name));
                self.happenings.push_back(Event::AdoptRefused { instance });
            }
            Some(ServiceState::Up { .. }) => {}
            // It had another process before, which has ended.
            Some(_) if refused => self.happenings.push_back(Event::AdoptRefused { instance }),
            Some(_) => {}
        }
    }

    /// Everything has been said again; lives that were not are no more.
    fn end_redump(&mut self) {
        let Some(seen) = self.redump.take() else { return };
        let lost: Vec<String> = self.services.keys().filter(|name| !seen.contains(name)).cloned().collect();
        for name in lost {
            let was = self.services.remove(&name);
            if let Some(number) = command_number(&name) {
                self.command_lost(number);
            }
            let lived = matches!(was, Some(ServiceState::Up { .. } | ServiceState::Start));
            if let (true, Ok(instance)) = (lived, name.parse()) {
                let (end, at) = (End::Exited(Verdict::Unseen), crate::time::now());
                self.happenings.push_back(Event::Ended { instance, end, at });
            }
        }
    }

    fn take_signal(&mut self, name: &str, count: u64) {
        if count == 0 {
            return;
        }
        self.keeper.say(&Request::new("signal.clear").field(name).field(count.to_string()));
        if matches!(name, "SIGTERM" | "SIGINT") {
            say!("the keeper got {name}: the house ends");
            if let Err(problem) = self.shut_down(&format!("signal {name}")) {
                say!("failed to end the house: {problem}");
            }
        } else {
            say!("the keeper got {name}, which means nothing here");
        }
    }

    pub(super) fn hear_scribe(&mut self) {
        let mut heard = Vec::new();
        if !self.scribe.read(&mut heard) {
            // Only when every end of the pair is gone, the keeper's too: its line tells the rest.
            self.scribe_gone = true;
        }
        for message in heard {
            match message {
                FromScribe::Hello { pid } => {
                    say!("a scribe has begun, pid {pid}");
                    log::attended(true);
                    self.scribe.say_all_again();
                    self.take_scribe(pid);
                }
                // The manager's own log never ends.
                FromScribe::Sealed { id: OWN, .. } => {}
                FromScribe::Sealed { id, .. } => {
                    self.scribe.sealed(id);
                    self.happenings.push_back(Event::Sealed { instance: id.instance, stream: id.stream });
                }
                FromScribe::Grew { file, .. } => {
                    if self.grew.send(file.into()).is_err() {
                        self.scribe.watch(false);
                    }
                }
                FromScribe::Trouble { id, path, errno } => {
                    self.probes.trouble(id, true);
                    let reason = Some(format!("{path}: {errno}"));
                    self.note_stream(id, "log.trouble", reason, json!({ "path": path, "errno": errno }));
                }
                FromScribe::Resumed { id } => {
                    self.probes.trouble(id, false);
                    self.note_stream(id, "log.resumed", None, serde_json::Value::Null);
                }
                FromScribe::Dropped { id, bytes, errno } => self.note_loss(Topic::Dropped(id), bytes, errno),
                FromScribe::Removed { file, bytes } => self.note_loss(Topic::Removed, bytes, file),
                FromScribe::Did { ask, failed } => self.take_answer(ask, failed),
                FromScribe::Opened { .. } => {}
            }
        }
    }

    pub(super) fn note_stream(
        &mut self,
        id: model::StreamId,
        event: &'static str,
        reason: Option<String>,
        data: serde_json::Value,
    ) {
        let slot = self.lives.remembered().lives.get(&id.instance).map(|life| life.slot.clone());
        let entry = Entry {
            app: slot.as_ref().map(|slot| slot.app.to_string()),
            slot: slot.map(|slot| slot.to_string()),
            instance: (id != OWN).then(|| id.instance.to_string()),
            event,
            reason,
            actor: None,
            data,
        };
        self.journal.write(entry, wall_ms());
    }
}

/// How a service ended, and when, if it did.
pub(super) fn end_of(state: &ServiceState) -> Option<(End, Option<Tick>)> {
    Some(match state {
        ServiceState::Exited { at, code, .. } => (End::Exited(Verdict::Code(*code)), Some(Tick(*at))),
        ServiceState::Signalled { at, signal, core, .. } => match signal.parse::<Signal>() {
            Ok(number) => (End::Exited(Verdict::Signal { number, core: *core }), Some(Tick(*at))),
            Err(_) => (End::Exited(Verdict::Unseen), Some(Tick(*at))),
        },
        ServiceState::Unseen { at, .. } => (End::Exited(Verdict::Unseen), Some(Tick(*at))),
        ServiceState::Failed { at, stage, errno } => {
            let stage = Stage::from_word(stage).unwrap_or(Stage::Prepare);
            (End::NotBorn { stage, errno: errno.clone() }, Some(Tick(*at)))
        }
        ServiceState::Down | ServiceState::Start | ServiceState::Up { .. } | ServiceState::Deleted => return None,
    })
}

/// What a refusal of the keeper means for the barrier that follows. A deletion that is refused says nothing of what is being made.
fn refusal_in(text: &str) -> Option<&'static str> {
    let deletes = ["service.delete", "fd.delete", "fd.sticky"].iter().any(|verb| text.contains(&format!("for command \"{verb}")));
    (!deletes).then(|| errno_in(text))
}

/// The system's error that a refusal of the keeper speaks of.
pub(super) fn errno_in(text: &str) -> &'static str {
    let lower = text.to_lowercase();
    let named = (1..134).find(|number| {
        let words = sys::errno::text(*number).to_lowercase();
        !words.starts_with("unknown") && lower.contains(&words)
    });
    match named {
        Some(number) => sys::errno::name(number),
        None if lower.contains("busy") => "EBUSY",
        None if lower.contains("unable to allocate") => "ENOMEM",
        None => "EIO",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_their_error() {
        assert_eq!(errno_in("open failed: Too many open files, for command \"fd.open\ti1.out.w\""), "EMFILE");
        assert_eq!(errno_in("busy, for command \"fd.open\""), "EBUSY");
        assert_eq!(errno_in("No such service"), "EIO");
        assert_eq!(refusal_in("busy, for command \"fd.take\ti1.notify\""), Some("EBUSY"));
        for deletion in ["service.delete\ti31", "fd.delete\ti31.out.r"] {
            assert_eq!(refusal_in(&format!("No such service, for command \"{deletion}\"")), None);
        }
    }
}
