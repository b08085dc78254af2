//! What dialect 2 adds to services: who and where a child is, adoption, roles that are always there.

use super::args::{Args, Done, Refusal, Speaker, number};
use super::block::{Full, Part};
use super::conn::Role;
use super::effect::{Effect, Limit};
use super::ledger::{Keep, Opts};
use super::say::{self, Extra};
use super::state::{Ask, Core};
use wire::{Dialect, fields, signal_number};

/// An environment is at most this long, in bytes.
const LARGEST_ENV: usize = 1 << 20;
/// The resources of `service.rlimit` (`getrlimit(2)`).
const RESOURCES: &str = "cpu fsize data stack core rss nproc nofile memlock as locks sigpending msgqueue nice rtprio rttime";

const FULL: &str = "service has no room for it";

/// A limit as it is said.
fn bound(field: &[u8]) -> Option<u64> {
    if field == b"unlimited" { Some(u64::MAX) } else { number(field) }
}

/// The limits of a list of resource, soft, hard.
pub(super) fn limits(list: &[u8]) -> impl Iterator<Item = Limit> {
    let mut list = fields(list);
    std::iter::from_fn(move || {
        let word = list.next()?;
        let resource = RESOURCES.split(' ').find(|r| r.as_bytes() == word)?;
        Some(Limit { resource, soft: bound(list.next()?)?, hard: bound(list.next()?)? })
    })
}

impl Core {
    fn tell_extra(&mut self, at: u32, extra: Extra) {
        let service = &self.services[at];
        say::tell(&mut self.conns, Dialect::Two, |line| say::extra(line, extra, service));
    }

    /// Replaces a list of a service and says so.
    fn put(&mut self, at: u32, part: Part, list: &[u8], extra: Extra) -> Done {
        self.services[at].block.set(part, list).map_err(|Full| FULL)?;
        self.tell_extra(at, extra);
        Ok(())
    }

    pub(super) fn service_env(&mut self, speaker: &Speaker, args: &mut Args<'_>, add: bool) -> Done {
        let at = self.define(speaker, args)?;
        let (list, block) = (args.rest(), &mut self.services[at].block);
        if list.len() + if add { block.get(Part::Env).len() } else { 0 } > LARGEST_ENV {
            return Err("environment is too large".into());
        }
        if add { block.add(Part::Env, list) } else { block.set(Part::Env, list) }.map_err(|Full| FULL)?;
        self.tell_extra(at, Extra::Env);
        Ok(())
    }

    pub(super) fn service_cwd(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let at = self.define(speaker, args)?;
        let list = args.rest();
        match fields(list).count() {
            0 => Err("missing argument".into()),
            1 => self.put(at, Part::Cwd, list, Extra::Cwd),
            _ => Err("unknown option".into()),
        }
    }

    pub(super) fn service_cgroup(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let at = self.define(speaker, args)?;
        let list = args.rest();
        match fields(list).count() {
            0 => {
                self.services[at].block.unset(Part::Cgroup);
                self.tell_extra(at, Extra::Cgroup);
                Ok(())
            }
            1 if list.starts_with(b"/") => self.put(at, Part::Cgroup, list, Extra::Cgroup),
            1 => Err("cgroup must be an absolute path".into()),
            _ => Err("unknown option".into()),
        }
    }

    pub(super) fn service_umask(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let at = self.define(speaker, args)?;
        let octal = std::str::from_utf8(args.need()?).ok().and_then(|text| u32::from_str_radix(text, 8).ok());
        let mask = octal.filter(|mask| *mask <= 0o777).ok_or("invalid umask")?;
        args.end()?;
        self.services[at].umask = Some(mask);
        self.tell_extra(at, Extra::Umask);
        Ok(())
    }

    pub(super) fn service_nice(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let at = self.define(speaker, args)?;
        let nice: i32 = args.number()?;
        args.end()?;
        self.services[at].nice = Some(Some(nice).filter(|n| (-20..=19).contains(n)).ok_or("invalid niceness (must be -20..19)")?);
        self.tell_extra(at, Extra::Nice);
        Ok(())
    }

    pub(super) fn service_oom(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let at = self.define(speaker, args)?;
        let oom: i32 = args.number()?;
        args.end()?;
        let oom = Some(oom).filter(|n| (-1000..=1000).contains(n)).ok_or("invalid oom_score_adj (must be -1000..1000)")?;
        self.services[at].oom = Some(oom);
        self.tell_extra(at, Extra::Oom);
        Ok(())
    }

    /// `service.user NAME UID GID [GID…]`.
    pub(super) fn service_user(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let at = self.define(speaker, args)?;
        let list = args.rest();
        if fields(list).count() < 2 {
            return Err("missing argument".into());
        }
        // The highest number means "leave it as it is" to the system, and nobody may mean that here.
        if !fields(list).all(|id| number::<u32>(id).is_some_and(|id| id != u32::MAX)) {
            return Err("Expected integer".into());
        }
        if fields(list).count() > 2 + 64 {
            return Err("too many groups (at most 64)".into());
        }
        self.put(at, Part::User, list, Extra::User)
    }

    pub(super) fn service_rlimit(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let at = self.define(speaker, args)?;
        let said = args.rest;
        let word = args.need()?;
        let resource = RESOURCES.split(' ').find(|r| r.as_bytes() == word).ok_or("unknown resource")?;
        let mut one = || bound(args.need()?).ok_or(Refusal::from("Expected integer"));
        let (soft, hard) = (one()?, one()?);
        let entry = &said[..said.len() - args.rest.len()];
        args.end()?;
        if soft > hard {
            return Err("soft limit above hard limit".into());
        }
        // What was said of this resource goes; the rest moves together, in place.
        let mut kept = self.line_of(at, Part::Limits);
        let mut from = 0;
        while from < kept.len() {
            let end = from + entry_length(&kept[from..]);
            if fields(&kept[from..end]).next() == Some(resource.as_bytes()) {
                kept.drain(from..end);
            } else {
                from = end;
            }
        }
        kept.extend_from_slice(entry);
        let put = self.put(at, Part::Limits, &kept, Extra::Rlimit);
        self.text = kept;
        put
    }

    /// A copy of a list, in the room for texts.
    fn line_of(&mut self, at: u32, part: Part) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        text.extend_from_slice(self.services[at].block.get(part));
        text
    }

    /// `service.opt NAME FLAG…`; without flags none of them, the session included.
    pub(super) fn service_opt(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let at = self.define(speaker, args)?;
        let mut opts = Opts::default();
        let mut words = fields(args.rest());
        while let Some(word) = words.next() {
            match word {
                b"session" => opts.session = true,
                b"group" => opts.group = true,
                b"no_new_privs" => opts.no_new_privs = true,
                b"listen_pid" => opts.listen_pid = true,
                b"tty" => {
                    let fd = words.next().and_then(number::<u32>).filter(|fd| *fd <= super::ledger::HIGHEST_PLACE);
                    opts.tty = Some(fd.ok_or("Expected integer")?);
                }
                b"death_signal" => {
                    let signal = words.next().ok_or("Expected signal argument")?;
                    let known = signal_number(signal).or_else(|| number(signal).filter(|n| (1..=64).contains(n)));
                    opts.death_signal = Some(known.ok_or("Invalid signal number")?);
                }
                _ => return Err("unknown option".into()),
            }
        }
        if opts.tty.is_some() && !opts.session {
            return Err("tty needs session".into());
        }
        self.services[at].opts = Some(opts);
        self.tell_extra(at, Extra::Opt);
        Ok(())
    }

    pub(super) fn service_adopt(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let name = args.service()?;
        let (pid, ident) = (args.number::<u32>()?, args.number()?);
        args.end()?;
        let old = self.services.find(&name);
        if old.is_some_and(|at| self.services[at].state.life().is_some()) {
            return Err("service is running".into());
        }
        if pid <= 1 || self.services.iter().any(|service| service.state.alive().is_some_and(|(_, of)| of == pid)) {
            return Err("process belongs to another".into());
        }
        let at = self.service_named(name, speaker.dialect)?;
        let life = self.new_life(at);
        self.ask(speaker, Effect::Adopt { life, pid, ident }, Ask::Adopt { at, new: old.is_none(), pid, ident })
    }

    pub(super) fn service_keep(&mut self, args: &mut Args<'_>) -> Done {
        let now = self.now;
        let at = self.existing(args)?;
        let off = match args.next() {
            None => false,
            Some(b"-") => true,
            Some(_) => return Err("unknown option".into()),
        };
        args.end()?;
        let service = &mut self.services[at];
        if off {
            service.keep = None;
        } else if service.keep.is_none() {
            service.keep = Some(Keep::default());
        }
        let idle = service.state.idle();
        self.tell_extra(at, Extra::Keep);
        if idle && !off {
            self.plan_start(at, now, false);
        }
        Ok(())
    }

    /// `hello`: the role behind this control connection is in order.
    pub(super) fn hello(&mut self, speaker: &Speaker) -> Done {
        let role = self.conns.iter().find(|c| c.id == speaker.conn).map(|c| c.role);
        let Some(Role::Service(at, life)) = role else { return Err("no service stands behind this connection".into()) };
        let service = &mut self.services[at];
        if service.state.life() == Some(life)
            && let Some(keep) = &mut service.keep
        {
            keep.hello();
        }
        Ok(())
    }

    /// `reap.adopted [-]`: from now on this connection hears of orphans, or no longer.
    pub(super) fn reap_adopted(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let on = match args.next() {
            None => true,
            Some(b"-") => false,
            Some(_) => return Err("unknown option".into()),
        };
        args.end()?;
        self.on_speaker(speaker, |conn| conn.orphans = on)
    }
}

/// The length of the three fields of a limit.
fn entry_length(list: &[u8]) -> usize {
    fields(list).take(3).map(|field| field.len() + 1).sum()
}
