//! Commands that the keeper runs for us beside the apps: probes and hooks, as services `x1`, `x2`, … (the steward has no children).
//!
//! A command runs as its app does and with what its app has, in a session and under a lock of its own, and carries its own name in
//! `ABIDE_INSTANCE`. So the census that finds what is left of a life finds what is left of a command, and takes neither for the other.
//! Whatever is left when a command has ended, or took too long, is killed. A steward that comes after us ends the commands that it finds.

use super::Brain;
use crate::birth::{Filled, For, filled, filled_with};
use crate::home::{IO, LIVES};
use crate::identity::{self, Owner};
use crate::log::say;
use crate::runner::{Act, Aim, Ended, Output, Pipes, Runner};
use crate::sweep::Subject;
use crate::time::now;
use engine::{Event, Outcome};
use model::{Definition, End, InstanceId, LifeRecord, SlotRef, Stage, Tick, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use sys::lives::{Traces, only_known_children};
use wire::{Birth, Request, ServiceState};

/// A stop command may take so much longer than the stop timeout, which ends it as a rule.
const STOP_MORE: Duration = Duration::from_secs(60);

/// Commands under way.
#[derive(Debug, Default)]
pub(super) struct Commands {
    runner: Runner,
    outputs: BTreeMap<u64, Output>,
}

impl Commands {
    pub(super) fn deadline(&self) -> Option<Tick> {
        self.runner.deadline()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runner.is_empty()
    }
}

/// A command that is to be run.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) aim: Aim,
    pub(super) definition: Arc<Definition>,
    pub(super) slot: SlotRef,
    /// Names in braces are filled.
    pub(super) argv: Vec<String>,
    /// Variables besides those of the app.
    pub(super) env: Vec<(String, String)>,
    /// The app's process.
    pub(super) pid: Option<u32>,
    /// The port of its life.
    pub(super) port: Option<u16>,
    /// What it reads from its standard input; `None` = nothing.
    pub(super) input: Option<Vec<u8>>,
    pub(super) timeout: Duration,
}

/// The number in the name of a command's service, `x7`.
pub(super) fn command_number(name: &str) -> Option<u64> {
    name.strip_prefix('x').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}

impl Brain {
    /// Asks a life by a command, in which names in braces are filled. The answer is [`Event::Probed`].
    pub(super) fn run_exec_probe(&mut self, instance: InstanceId, number: u64, argv: Vec<String>, timeout: Duration) {
        let answer = |outcome| Event::Probed { instance, number, outcome };
        if self.commands.runner.probes(instance) {
            let busy = Outcome::Bad("the check before is still being killed".to_owned());
            return self.happenings.push_back(answer(busy));
        }
        let life = self.lives.remembered().lives.get(&instance);
        let known = life.and_then(|life| Some((life.slot.clone(), (life.pid, life.port), self.definition_of_life(life)?)));
        let Some((slot, (pid, port), definition)) = known else {
            return self.happenings.push_back(answer(Outcome::Bad("the app is gone".to_owned())));
        };
        let aim = Aim::Probe { instance, number };
        self.run_command(Wanted { aim, definition, slot, argv, env: Vec::new(), pid, port, input: None, timeout });
    }

    /// Asks a life to end by its stop command. If it is of no use, that is answered by [`Event::StopRefused`].
    pub(super) fn stop_by_command(&mut self, instance: InstanceId) {
        let life = self.lives.remembered().lives.get(&instance);
        let known = life.and_then(|life| Some((life, life.stop_command.as_ref()?, self.definition_of_life(life)?)));
        let Some((life, argv, definition)) = known else {
            let why = "the app is gone".to_owned();
            return self.happenings.push_back(Event::StopRefused { instance, why });
        };
        let whose = For { slot: &life.slot, port: life.port, home: &self.me.home };
        let argv = filled_with(&definition, argv, whose).argv;
        // It is ended with the life, and at the latest when that is killed; only a life that asks for more time can have it outlive this.
        let timeout = life.stop_timeout + STOP_MORE;
        let (slot, pid, port, aim) = (life.slot.clone(), life.pid, life.port, Aim::Stop(instance));
        self.run_command(Wanted { aim, definition, slot, argv, env: Vec::new(), pid, port, input: None, timeout });
    }

    /// The life is over, or is killed: whatever asks it to end is of no use any more.
    pub(super) fn end_stop(&mut self, of: InstanceId) {
        self.call_off(|aim| *aim == Aim::Stop(of));
    }

    /// The app that a slot is of, as it is now.
    pub(super) fn definition_of(&self, slot: &SlotRef) -> Option<Arc<Definition>> {
        self.store.state().app(&slot.app).map(|app| app.definition.clone())
    }

    /// The app as it was when this life was born: while it is reloaded there are two of it.
    pub(super) fn definition_of_life(&self, life: &LifeRecord) -> Option<Arc<Definition>> {
        let app = self.store.state().app(&life.slot.app)?;
        let before = app.rolling.as_ref().and_then(|old| old.born_by(life.generation, app.generation));
        Some(before.unwrap_or(&app.definition).clone())
    }

    /// The life has ended: nobody wants to know any more how it is.
    pub(super) fn end_probes(&mut self, of: InstanceId) {
        self.call_off(|aim| matches!(aim, Aim::Probe { instance, .. } | Aim::Stop(instance) if *instance == of));
    }

    /// Ends the commands that `which` says. Their ends are told.
    pub(super) fn call_off(&mut self, which: impl Fn(&Aim) -> bool) {
        self.command(|runner, out| runner.call_off(which, now(), out));
    }

    /// Has a command run. Its end comes as [`Brain::take_end`].
    pub(super) fn run_command(&mut self, wanted: Wanted) {
        let number = self.commands.runner.begin(wanted.aim.clone(), wanted.timeout, now());
        match self.owner_of(&wanted.definition.spec.identity) {
            Ok(owner) => {
                let owner = owner.cloned();
                self.run_as(number, wanted, owner.as_ref());
            }
            // Found out before each birth, and by a new steward soon after its start: tried again later.
            Err(_) => self.command_unborn(number, Stage::Prepare, "EAGAIN"),
        }
    }

    fn run_as(&mut self, number: u64, wanted: Wanted, owner: Option<&Owner>) {
        let name = Subject::Command(number).to_string();
        let birth = self.birth_of(&name, &wanted, owner);
        let has_input = wanted.input.is_some();
        match (
            wire::command(&birth, has_input),
            Pipes::make(&wire::ends(&name), wanted.input, owner.map(|owner| (owner.uid, owner.gid))),
        ) {
            (Ok(lines), Ok(pipes)) => {
                self.commands.outputs.insert(number, Output::begin(pipes));
                lines.iter().for_each(|line| self.keeper.say(line));
                self.keeper.say(&Request::new("echo").field(format!("run-{name}")));
            }
            (Err(wire::TooLong(why)), _) => {
                say!("{why}");
                self.command_unborn(number, Stage::Exec, "E2BIG");
            }
            (_, Err(error)) => {
                say!("failed to make the pipes of {name}: {error}");
                self.command_unborn(number, Stage::Prepare, sys::errno::name_of(&error));
            }
        }
    }

    fn command_unborn(&mut self, number: u64, stage: Stage, errno: &str) {
        let end = End::NotBorn { stage, errno: errno.to_owned() };
        self.command(|runner, out| runner.ended(number, end, now(), out));
    }

    fn birth_of(&self, name: &str, wanted: &Wanted, owner: Option<&Owner>) -> Birth {
        let spec = &wanted.definition.spec;
        let Filled { mut env, .. } =
            filled(&wanted.definition, For { slot: &wanted.slot, port: wanted.port, home: &self.me.home });
        if let Some(owner) = owner {
            owner.dress(&mut env, &spec.env);
        }
        // By these two the census knows them, so the app's own values do not count.
        env.insert("ABIDE_HOME".to_owned(), self.me.home.clone());
        env.insert("ABIDE_INSTANCE".to_owned(), name.to_owned());
        env.extend(wanted.pid.map(|pid| ("ABIDE_PID".to_owned(), pid.to_string())));
        env.extend(wanted.env.iter().cloned());
        let purpose = match wanted.aim {
            Aim::Probe { .. } => "probe",
            Aim::Gate(_) | Aim::Switch(..) | Aim::Hook(_) => "hook",
            Aim::Stop(_) => "stop",
        };
        Birth {
            service: name.to_owned(),
            tags: vec![format!("for={purpose}"), format!("app={}", wanted.slot.app), format!("slot={}", wanted.slot.index)],
            argv: wanted.argv.clone(),
            env: env.into_iter().map(|(key, value)| format!("{key}={value}")).collect(),
            cwd: spec.cwd.to_string_lossy().into_owned(),
            umask: spec.identity.umask.unwrap_or(wanted.definition.umask),
            more: identity::lines(name, &spec.identity, owner),
            no_new_privs: owner.is_some_and(Owner::is_bound),
            kept: [false; 2],
            channels: wire::Channels::default(),
        }
    }

    /// What the keeper says of a command.
    pub(super) fn take_command(&mut self, number: u64, state: &ServiceState) {
        if !self.commands.runner.knows(number) {
            return self.found_command(number, state);
        }
        if !matches!(state, ServiceState::Down | ServiceState::Start)
            && let Some(output) = self.commands.outputs.get_mut(&number)
        {
            output.handed_over();
        }
        match state {
            ServiceState::Up { pid, ident, .. } => self.command(|runner, out| runner.up(number, *pid, *ident, out)),
            state => {
                if let Some((end, at)) = super::hear::end_of(state) {
                    self.command(|runner, out| runner.ended(number, end, at.unwrap_or_else(now), out));
                }
            }
        }
    }

    /// The barrier after the lines of a command: a service that does not even try has been refused.
    pub(super) fn after_command(&mut self, number: u64) {
        let refusal = self.refusal.take();
        let name = Subject::Command(number).to_string();
        if matches!(self.services.get(&name), None | Some(ServiceState::Down)) && self.commands.runner.knows(number) {
            self.command_unborn(number, Stage::Prepare, refusal.unwrap_or("EIO"));
        }
    }

    /// A census has looked for what is left of a command.
    pub(super) fn command_cleared(&mut self, number: u64, left: u32) {
        self.command(|runner, out| runner.cleared(number, left, now(), out));
    }

    /// The keeper does not know a command any more that it should.
    pub(super) fn command_lost(&mut self, number: u64) {
        self.command(|runner, out| runner.ended(number, End::Exited(Verdict::Unseen), now(), out));
    }

    /// Deadlines of commands.
    pub(super) fn late_commands(&mut self, now: Tick) {
        self.command(|runner, out| runner.late(now, out));
    }

    /// Ends what an earlier steward has left: services of this keeper, and what files tell of a keeper before it.
    pub(super) fn end_left_commands(&mut self) {
        let services = self.services.clone();
        for (number, state) in services.iter().filter_map(|(name, state)| Some((command_number(name)?, state))) {
            self.found_command(number, state);
        }
        for folder in [IO, LIVES] {
            let names = std::fs::read_dir(folder)
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| entry.file_name().into_string().ok());
            for number in names.filter_map(|name| command_number(name.split('.').next()?)) {
                if !self.commands.runner.knows(number) {
                    self.command(|runner, out| runner.found(number, true, now(), out));
                }
            }
        }
    }

    fn found_command(&mut self, number: u64, state: &ServiceState) {
        let gone = !matches!(state, ServiceState::Up { .. } | ServiceState::Start);
        self.command(|runner, out| {
            runner.found(number, gone, now(), out);
            if let ServiceState::Up { pid, ident, .. } = state {
                // Told again: the order to kill stands first.
                runner.up(number, *pid, *ident, &mut Vec::new());
            }
        });
    }

    fn command(&mut self, step: impl FnOnce(&mut Runner, &mut Vec<Act>)) {
        let mut acts = Vec::new();
        step(&mut self.commands.runner, &mut acts);
        for act in acts {
            match act {
                Act::Kill(number) => self.kill_command(number),
                Act::Clear(number) => self.clear_command(number),
                Act::Remove(number) => self.remove_command(number),
                Act::Tell(number, aim, ended) => {
                    let line = self.commands.outputs.get(&number).map(Output::last_line).unwrap_or_default();
                    self.take_end(aim, &ended, line);
                }
            }
        }
    }

    fn kill_command(&mut self, number: u64) {
        let name = Subject::Command(number).to_string();
        if matches!(self.services.get(&name), Some(ServiceState::Up { .. } | ServiceState::Start)) {
            self.keeper.say(&Request::new("service.signal").field(name).field("SIGKILL").field("tree"));
        }
    }

    /// What a command has left is killed, wherever it has gone.
    fn clear_command(&mut self, number: u64) {
        let (process, begun) = self.commands.runner.process(number);
        let instance = Subject::Command(number).to_string();
        let lock = PathBuf::from(wire::ends(&instance).lock_path);
        let ours = process.is_some_and(|(_, ident)| ident > self.me.keeper_ident);
        if ours && matches!(sys::lock::is_held(&lock), Ok(false)) {
            let up = |(name, state): (&String, &ServiceState)| match state {
                ServiceState::Up { pid, .. } if *name != instance => Some(*pid),
                _ => None,
            };
            let known: BTreeSet<u32> = self.services.iter().filter_map(up).collect();
            if only_known_children(self.me.keeper_pid, &known) == Some(true) {
                return self.command_cleared(number, 0);
            }
        }
        let (pid, ident) = process.unzip();
        let home = PathBuf::from(&self.me.home);
        self.searches.clear(number, Traces { instance, home, lock, pid, ident, cell: None, begun: begun.0 }, now());
    }

    fn remove_command(&mut self, number: u64) {
        let name = Subject::Command(number).to_string();
        self.commands.outputs.remove(&number);
        let ends = wire::ends(&name);
        if self.services.contains_key(&name) {
            self.keeper.say(&Request::new("service.delete").field(&name));
        }
        // What the keeper still holds was opened for a service that never tried to start.
        if matches!(self.services.get(&name), Some(ServiceState::Down)) {
            for handle in [&ends.input, &ends.output, &wire::handles(&name).lock] {
                self.keeper.say(&Request::new("fd.delete").field(handle));
            }
        }
        for path in [&ends.input_path, &ends.output_path, &ends.lock_path] {
            let _ = std::fs::remove_file(path);
        }
    }

    fn take_end(&mut self, aim: Aim, ended: &Ended, line: String) {
        match aim {
            Aim::Probe { instance, number } => {
                let outcome = if ended.is_good() {
                    Outcome::Good
                } else if ended.is_shortage() {
                    // Nothing was asked, for a reason of ours: it counts neither way.
                    Outcome::Elsewhere
                } else {
                    Outcome::Bad(with_line(&ended.to_string(), &line))
                };
                self.happenings.push_back(Event::Probed { instance, number, outcome });
            }
            Aim::Stop(_) if ended.is_good() || *ended == Ended::CalledOff => {}
            Aim::Stop(instance) => {
                let why = with_line(&ended.to_string(), &line);
                self.happenings.push_back(Event::StopRefused { instance, why });
            }
            Aim::Gate(instance) => self.gate_ended(instance, ended, &line),
            Aim::Switch(app, generation) => self.switch_ended(app, generation, ended, &line),
            Aim::Hook(app) => {
                let done = if ended.is_good() { Ok(()) } else { Err(with_line(&ended.to_string(), &line)) };
                self.hook_done(&app, done);
            }
        }
    }
}

/// How a command ended, and what it said last.
pub(super) fn with_line(ended: &str, line: &str) -> String {
    if line.is_empty() { ended.to_owned() } else { format!("{ended}: {line}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_are_commands() {
        for (name, want) in
            [("x7", Some(7)), ("x", None), ("x-1", None), ("x+1", None), ("i7", None), ("x7.out", None), ("xy", None)]
        {
            assert_eq!(command_number(name), want, "{name}");
        }
    }
}
