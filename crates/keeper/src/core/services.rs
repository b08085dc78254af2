//! The commands about services.

use super::command::{Args, Done, Refusal, Speaker, number};
use super::conn::Line;
use super::effect::{Effect, Limit};
use super::ledger::{AutoUp, Keep, Name, SECOND, Service, State, place};
use super::say;
use super::signals::signal_number;
use super::step::{Ask, Core};
use wire::Dialect;

/// How old a start time may be and still mean "now".
const PAST_NS: u64 = 100_000 * SECOND;
/// An interval or count is at most this.
const LARGEST: u64 = i32::MAX as u64;
/// An environment is at most this long, in bytes.
const LARGEST_ENV: usize = 1 << 20;
/// The resources of `service.rlimit` (`getrlimit(2)`).
const RESOURCES: &str = "cpu fsize data stack core rss nproc nofile memlock as locks sigpending msgqueue nice rtprio rttime";

impl Core {
    /// The service of that name, made when there is none, in the dialect of the speaker.
    fn define(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Result<(Name, &mut Service), Refusal> {
        let name: Name = args.service()?.into();
        let service = self.services.entry(name.clone()).or_insert_with(|| Service::new(speaker.dialect));
        Ok((name, service))
    }

    /// The service of that name, which must exist.
    fn known(&mut self, args: &mut Args<'_>) -> Result<(Name, &mut Service), Refusal> {
        let name: Name = args.service()?.into();
        match self.services.get_mut(&name) {
            Some(service) => Ok((name, service)),
            None => Err("No such service".into()),
        }
    }

    fn tell_extra(&mut self, name: &Name, verb: &str) {
        let at = say::EXTRAS.iter().position(|v| *v == verb).expect("only called with verbs of the table");
        let service = &self.services[name];
        say::tell(&mut self.conns, Dialect::Two, |_| {
            say::extra(at, name, service).unwrap_or_else(|| Line::new(Dialect::Two, verb).with(&**name).with("-"))
        });
    }

    pub(super) fn service_list(&mut self, speaker: &Speaker, args: &mut Args<'_>, verb: &str) -> Done {
        let (name, service) = self.define(speaker, args)?;
        let list = if verb == "service.args" { &mut service.argv } else { &mut service.tags };
        *list = args.rest();
        let list = list.clone();
        self.tell(|dialect| say::list(dialect, verb, &name, &list));
        Ok(())
    }

    pub(super) fn service_fds(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let name: Name = args.service()?.into();
        let fds = args.rest();
        let mut unknown = Vec::new();
        for (at, field) in fds.iter().enumerate() {
            let (_, handle) = place(at, field, speaker.dialect).ok_or("invalid fd name")?;
            let handle = std::str::from_utf8(handle).map_err(|_| "invalid fd name")?;
            if !self.held.contains_key(handle) && (handle != "-" || speaker.dialect == Dialect::One) {
                unknown.push(handle);
            }
        }
        for handle in unknown {
            self.say_to(speaker.conn, |dialect| {
                let text = format!("fd \"{handle}\" is not yet defined");
                match dialect {
                    Dialect::One => Line::new(dialect, &format!("warning: {text}")),
                    Dialect::Two => Line::new(dialect, "warning").with(text),
                }
            });
        }
        self.services.entry(name.clone()).or_insert_with(|| Service::new(speaker.dialect)).fds.clone_from(&fds);
        self.tell(|dialect| say::list(dialect, "service.fds", &name, &fds));
        Ok(())
    }

    pub(super) fn service_auto_up(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let (name, service) = self.define(speaker, args)?;
        let old = service.auto_up.as_ref().map_or(1, |a| a.interval);
        let interval = match args.need()? {
            b"-" => old,
            field => number::<i64>(field).ok_or("Expected integer").map(|n| u64::try_from(n).unwrap_or(0))?,
        };
        if !(1..=LARGEST).contains(&interval) {
            return Err("invalid interval".into());
        }
        let triggers = args.rest();
        if !triggers.iter().all(|t| t == b"always" || signal_number(t).is_some()) {
            return Err("unable to set auto_up triggers".into());
        }
        service.auto_up = (!triggers.is_empty()).then_some(AutoUp { interval, triggers });
        let idle = service.state.life().is_none();
        if idle && self.triggered(&name) {
            self.plan_start(&name, self.now, false);
        }
        let service = &self.services[&name];
        say::tell(&mut self.conns, Dialect::One, |dialect| say::auto_up(dialect, &name, service));
        Ok(())
    }

    pub(super) fn service_start(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let now = self.now;
        let (name, service) = self.known(args)?;
        let at = match args.next() {
            Some(b"-") => {
                if !matches!(service.state, State::Due { .. } | State::Blocked { .. }) {
                    return Err("no service.start pending".into());
                }
                self.change(&name, State::Down);
                self.announce(&name);
                return Ok(());
            }
            None | Some(b"") => now,
            Some(field) => {
                let unit = if speaker.dialect == Dialect::Two { 1 } else { SECOND };
                let at = number::<u64>(field).and_then(|n| n.checked_mul(unit)).ok_or("invalid timestamp")?;
                if at.saturating_add(PAST_NS) < now {
                    return Err("invalid timestamp".into());
                }
                at.max(now)
            }
        };
        if service.argv.is_empty() {
            return Err("no args configured for service".into());
        }
        if service.state.life().is_some() {
            return Err("service is not startable".into());
        }
        self.plan_start(&name, at, false);
        Ok(())
    }

    pub(super) fn service_signal(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let name: Name = args.service()?.into();
        let known = self.services.get(&name).map(|service| service.state.alive());
        let signal = match args.next().filter(|f| !f.is_empty()) {
            None => Err("Expected signal argument"),
            Some(field) => match number::<i64>(field) {
                Some(n) if (0..=65535).contains(&n) => Ok(n as i32),
                Some(_) => Err("Invalid signal number"),
                None => signal_number(field).ok_or("Invalid signal number"),
            },
        };
        let option = args.next();
        if option == Some(b"pid") && speaker.dialect == Dialect::Two {
            // What is left of a life that another keeper bore has no service here.
            let (signal, pid, ident) = (signal?, args.number::<u32>()?, args.number()?);
            args.end()?;
            if pid <= 1 {
                return Err("service is not running".into());
            }
            self.ask(speaker, Effect::SignalPid { pid, ident, signal }, Ask::Signal(name));
            return Ok(());
        }
        let alive = known.ok_or("No such service")?;
        let signal = signal?;
        let group = match option {
            None => false,
            Some(b"group") => true,
            Some(_) => return Err("unknown option".into()),
        };
        args.end()?;
        let (life, _) = alive.ok_or("service is not running")?;
        self.ask(speaker, Effect::Signal { life, signal, group }, Ask::Signal(name));
        Ok(())
    }

    pub(super) fn service_delete(&mut self, args: &mut Args<'_>) -> Done {
        let (name, service) = self.known(args)?;
        if service.state.life().is_some() {
            return Err("service is running".into());
        }
        self.close_handed(&name);
        self.change(&name, State::Down);
        self.services.remove(&name);
        self.tell(|dialect| say::deleted(dialect, &name));
        Ok(())
    }

    pub(super) fn service_env(&mut self, speaker: &Speaker, args: &mut Args<'_>, add: bool) -> Done {
        let (name, service) = self.define(speaker, args)?;
        let mut env = service.env.clone().filter(|_| add).unwrap_or_default();
        env.extend(args.rest());
        if env.iter().map(|pair| pair.len() + 1).sum::<usize>() > LARGEST_ENV {
            return Err("environment is too large".into());
        }
        service.env = Some(env);
        self.tell_extra(&name, "service.env");
        Ok(())
    }

    pub(super) fn service_cwd(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let (name, service) = self.define(speaker, args)?;
        service.cwd = Some(args.need()?.to_vec());
        args.end()?;
        self.tell_extra(&name, "service.cwd");
        Ok(())
    }

    pub(super) fn service_umask(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let (name, service) = self.define(speaker, args)?;
        let octal = std::str::from_utf8(args.need()?).ok().and_then(|text| u32::from_str_radix(text, 8).ok());
        service.umask = Some(octal.filter(|mask| *mask <= 0o777).ok_or("invalid umask")?);
        args.end()?;
        self.tell_extra(&name, "service.umask");
        Ok(())
    }

    pub(super) fn service_rlimit(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let (name, service) = self.define(speaker, args)?;
        let word = args.need()?;
        let resource = RESOURCES.split(' ').find(|r| r.as_bytes() == word).ok_or("unknown resource")?;
        let mut bound = || match args.need()? {
            b"unlimited" => Ok(u64::MAX),
            field => number::<u64>(field).ok_or(Refusal::from("Expected integer")),
        };
        let limit = Limit { resource, soft: bound()?, hard: bound()? };
        args.end()?;
        if limit.soft > limit.hard {
            return Err("soft limit above hard limit".into());
        }
        service.limits.retain(|l| l.resource != resource);
        service.limits.push(limit);
        self.tell_extra(&name, "service.rlimit");
        Ok(())
    }

    pub(super) fn service_adopt(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let name: Name = args.service()?.into();
        let (pid, ident) = (args.number::<u32>()?, args.number()?);
        args.end()?;
        if self.services.get(&name).is_some_and(|s| s.state.life().is_some()) {
            return Err("service is running".into());
        }
        let theirs = |service: &Service| service.state.alive().is_some_and(|(_, of)| of == pid);
        if pid <= 1 || self.services.values().any(theirs) {
            return Err("process belongs to another".into());
        }
        let life = self.new_life();
        self.ask(speaker, Effect::Adopt { life, pid, ident }, Ask::Adopt { name, dialect: speaker.dialect, pid, ident });
        Ok(())
    }

    pub(super) fn service_keep(&mut self, args: &mut Args<'_>) -> Done {
        let now = self.now;
        let (name, service) = self.known(args)?;
        let off = match args.next() {
            None => false,
            Some(b"-") => true,
            Some(_) => return Err("unknown option".into()),
        };
        args.end()?;
        if off {
            service.keep = None;
        } else if service.keep.is_none() {
            service.keep = Some(Keep::default());
        }
        let idle = matches!(service.state, State::Down | State::Ended { .. } | State::Failed { .. });
        self.tell_extra(&name, "service.keep");
        if idle && !off {
            self.plan_start(&name, now, false);
        }
        Ok(())
    }

    /// `hello`: the role behind this control connection is in order.
    pub(super) fn hello(&mut self, speaker: &Speaker) -> Done {
        let behind = self.conns.iter().find(|c| c.id == speaker.conn).and_then(|c| c.life.clone());
        let (name, life) = behind.ok_or("no service stands behind this connection")?;
        if let Some(service) = self.services.get_mut(&name)
            && service.state.life() == Some(life)
            && let Some(keep) = &mut service.keep
        {
            keep.hello();
        }
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
}
