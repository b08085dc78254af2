//! The commands about services, as daemonproxy has them.

use super::args::{Args, Done, Refusal, Speaker, number};
use super::block::{Full, Part};
use super::effect::{Effect, Reach};
use super::ledger::{SECOND, Service, place};
use super::pool::Item;
use super::say;
use super::state::{Ask, Core};
use std::fmt::Write;
use wire::{Dialect, Name, fields, signal_number};

/// How old a start time may be and still mean "now".
const PAST_NS: u64 = 100_000 * SECOND;
/// An interval or count is at most this.
const LARGEST: i64 = i32::MAX as i64;

impl Core {
    /// The service of that name, made when there is none, in the dialect of the speaker.
    pub(super) fn define(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Result<u32, Refusal> {
        let name = args.service()?;
        self.service_named(name, speaker.dialect)
    }

    pub(super) fn service_named(&mut self, name: Name, dialect: Dialect) -> Result<u32, Refusal> {
        if let Some(at) = self.services.find(&name) {
            return Ok(at);
        }
        let at = self.services.insert(name).ok_or("Unable to allocate new service")?;
        self.services[at].dialect = dialect;
        Ok(at)
    }

    /// The service of that name, which must exist.
    pub(super) fn existing(&mut self, args: &mut Args<'_>) -> Result<u32, Refusal> {
        let name = args.service()?;
        self.services.find(&name).ok_or("No such service".into())
    }

    fn tell_list(&mut self, at: u32, verb: &str, part: Part) {
        let service = &self.services[at];
        say::tell(&mut self.conns, Dialect::One, |line| say::list(line, verb, service, part));
    }

    pub(super) fn service_tags(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let at = self.define(speaker, args)?;
        self.services[at].block.set(Part::Tags, args.rest()).map_err(|Full| "unable to set tags")?;
        self.tell_list(at, "service.tags", Part::Tags);
        Ok(())
    }

    pub(super) fn service_args(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let at = self.define(speaker, args)?;
        self.services[at].block.set(Part::Args, args.rest()).map_err(|Full| "unable to set argv")?;
        self.tell_list(at, "service.args", Part::Args);
        Ok(())
    }

    pub(super) fn service_fds(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let name = args.service()?;
        let list = args.rest();
        let places = || fields(list).enumerate().map(|(at, field)| place(at, field, speaker.dialect));
        if places().any(|place| place.is_none()) {
            return Err("invalid fd name".into());
        }
        for (_, handle) in places().flatten() {
            let known = Name::new(handle).is_some_and(|name| self.held.find(&name).is_some());
            if !known && (handle != b"-" || speaker.dialect == Dialect::One) {
                self.say_to(speaker.conn, |line| {
                    match line.dialect() {
                        Dialect::One => line.raw("warning: "),
                        Dialect::Two => line.raw("warning").field(""),
                    };
                    line.text("fd \"").text(handle).text("\" is not yet defined");
                });
            }
        }
        let at = self.service_named(name, speaker.dialect)?;
        self.services[at].block.set(Part::Fds, list).map_err(|Full| "unable to set file descriptors")?;
        self.tell_list(at, "service.fds", Part::Fds);
        Ok(())
    }

    pub(super) fn service_auto_up(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let at = self.define(speaker, args)?;
        let interval = match args.need()? {
            b"-" => i64::from(self.services[at].interval),
            field => number::<i64>(field).ok_or("Expected integer")?,
        };
        if !(1..=LARGEST).contains(&interval) {
            return Err("invalid interval".into());
        }
        let triggers = args.rest();
        let service = &mut self.services[at];
        let good = fields(triggers).all(|t| t == b"always" || signal_number(t).is_some());
        if !good || service.block.set(Part::Triggers, triggers).is_err() {
            return Err("unable to set auto_up triggers".into());
        }
        service.interval = interval as u32;
        let idle = service.state.life().is_none();
        if idle && self.triggered(at) {
            self.plan_start(at, self.now, false);
        }
        let service = &self.services[at];
        say::tell(&mut self.conns, Dialect::One, |line| say::auto_up(line, service));
        Ok(())
    }

    pub(super) fn service_start(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let now = self.now;
        let at = self.existing(args)?;
        let service = &self.services[at];
        let when = match args.next() {
            Some(b"-") => {
                if !matches!(service.state, super::ledger::State::Due { .. } | super::ledger::State::Blocked { .. }) {
                    return Err("no service.start pending".into());
                }
                self.change(at, super::ledger::State::Down);
                self.announce(at);
                return Ok(());
            }
            None | Some(b"") => now,
            Some(field) => {
                let unit = if speaker.dialect == Dialect::Two { 1 } else { SECOND };
                let when = number::<u64>(field).and_then(|n| n.checked_mul(unit)).ok_or("invalid timestamp")?;
                if when.saturating_add(PAST_NS) < now {
                    return Err("invalid timestamp".into());
                }
                when.max(now)
            }
        };
        if service.block.get(Part::Args).is_empty() {
            return Err("no args configured for service".into());
        }
        if service.state.life().is_some() {
            return Err("service is not startable".into());
        }
        self.plan_start(at, when, false);
        Ok(())
    }

    pub(super) fn service_signal(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let name = args.service()?;
        let known = self.services.find(&name);
        let signal = match args.next().filter(|f| !f.is_empty()) {
            None => Err("Expected signal argument"),
            Some(field) => match number::<i64>(field) {
                Some(n) if (0..=65535).contains(&n) => Ok(n as i32),
                Some(_) => Err("Invalid signal number"),
                None => signal_number(field).ok_or("Invalid signal number"),
            },
        };
        let (option, two) = (args.next(), speaker.dialect == Dialect::Two);
        if option == Some(b"pid") && two {
            // What is left of a life that another keeper bore has no service here.
            let (signal, pid, ident) = (signal?, args.number::<u32>()?, args.number()?);
            args.end()?;
            if pid <= 1 {
                return Err("service is not running".into());
            }
            return self.ask(speaker, Effect::SignalPid { pid, ident, signal }, Ask::Signal(name));
        }
        let at = known.ok_or("No such service")?;
        let signal = signal?;
        let reach = match option {
            None => Reach::Process,
            Some(b"group") => Reach::Group,
            Some(b"tree") if two => Reach::Tree,
            Some(_) => return Err("unknown option".into()),
        };
        args.end()?;
        let (life, _) = self.services[at].state.alive().ok_or("service is not running")?;
        self.text.clear();
        self.text.extend_from_slice(self.services[at].block.text(Part::Cgroup).unwrap_or_default());
        self.ask(speaker, Effect::Signal { life, signal, reach }, Ask::Signal(name))
    }

    pub(super) fn service_delete(&mut self, args: &mut Args<'_>) -> Done {
        let at = self.existing(args)?;
        if self.services[at].state.life().is_some() {
            return Err("service is running".into());
        }
        self.close_handed(at);
        self.change(at, super::ledger::State::Down);
        let name = *self.services[at].name();
        self.services.remove(at);
        self.tell(|line| say::deleted(line, &name));
        Ok(())
    }

    pub(super) fn signal_clear(&mut self, args: &mut Args<'_>) -> Done {
        let field = args.next().filter(|f| !f.is_empty()).ok_or("Expected signal argument")?;
        let wanted = number::<i32>(field).or_else(|| signal_number(field));
        let count: u64 = args.number()?;
        // A name that nobody knows has nothing pending: accepted, as daemonproxy does.
        for noted in self.signals.iter_mut().filter(|s| Some(s.number) == wanted) {
            noted.count = noted.count.saturating_sub(count);
        }
        Ok(())
    }

    /// `orphan PID REASON VALUE SERVICE|-`.
    pub(super) fn on_orphan(&mut self, pid: u32, session: Option<u32>, how: super::effect::Ending) {
        let of = |service: &&Service| session.is_some_and(|session| service.leads(session));
        let service = self.services.iter().find(of).map(|service| service.name);
        for conn in self.conns.iter_mut().filter(|c| c.orphans) {
            conn.say(|line| {
                write!(line.raw("orphan\t"), "{pid}").expect("writing to memory");
                say::ending(line, how);
                line.field(service.as_ref().map_or("-", |name| name));
            });
        }
    }
}

impl Service {
    /// Whether this is the session of its present or last life.
    fn leads(&self, session: u32) -> bool {
        use super::ledger::State;
        match self.state {
            State::Up { pid, .. } | State::Starting { pid: Some((pid, _)), .. } | State::Ended { pid, .. } => pid == session,
            State::Down | State::Due { .. } | State::Blocked { .. } | State::Starting { .. } => false,
            State::Failing { .. } | State::Failed { .. } => false,
        }
    }
}
