//! How the ledger is said aloud: one function for each event line.

use super::block::Part;
use super::conn::Conn;
use super::effect::{BindHow, Channel, Ending, Family, OpenHow, Shape};
use super::ledger::{Held, Kind, SECOND, Service, State};
use wire::{Dialect, Line, Name, fields, signal_name};

/// Says a line to every connection of this dialect or a later one.
pub(super) fn tell(conns: &mut [Conn], since: Dialect, write: impl Fn(&mut Line<'_>)) {
    for conn in conns.iter_mut().filter(|c| c.dialect >= since) {
        conn.say(&write);
    }
}

const NONE: &str = "-";

fn nones(line: &mut Line<'_>, count: usize) {
    for _ in 0..count {
        line.field(NONE);
    }
}

/// `service.state NAME STATE TS PID REASON VALUE UPTIME DOWNTIME [IDENT]`.
pub(super) fn state(line: &mut Line<'_>, service: &Service, now: u64) {
    let two = line.dialect() == Dialect::Two;
    let unit = if two { 1 } else { SECOND };
    let time = |ns: u64| ns / unit;
    line.raw("service.state").field(service.name);
    match service.state {
        State::Down => nones(line.field("down"), 6 + usize::from(two)),
        State::Due { at, .. } | State::Blocked { at, .. } | State::Starting { at, .. } | State::Failing { at, .. } => {
            nones(line.field("start").number(time(at)), 5 + usize::from(two));
        }
        State::Up { at, pid, ident, .. } => {
            nones(line.field("up").number(time(at)).number(pid), 2);
            line.number(time(now.saturating_sub(at))).field(NONE);
            if two {
                line.number(ident);
            }
        }
        State::Ended { began, at, pid, ident, how } => {
            ending(line.field("down").number(time(at)).number(pid), how);
            line.number(time(at.saturating_sub(began))).number(time(now.saturating_sub(at)));
            if two {
                line.number(ident);
            }
        }
        State::Failed { at, why } => {
            line.field("down").number(time(at)).field(NONE);
            match line.dialect() {
                Dialect::One => line.field("exit").field("3"),
                Dialect::Two => line.field("failed").field(why.stage).raw(":").raw(why.errno),
            };
            line.field(NONE).number(time(now.saturating_sub(at)));
            if two {
                line.field(NONE);
            }
        }
    }
}

/// `REASON VALUE` of an end.
pub(super) fn ending(line: &mut Line<'_>, how: Ending) {
    let two = line.dialect() == Dialect::Two;
    match how {
        Ending::Code(code) => line.field("exit").number(code),
        Ending::Signal { number, core } => {
            line.field("signal").number(signal_name(number)).raw(if core && two { "+core" } else { "" })
        }
        Ending::Unseen if two => line.field("unseen").field(NONE),
        // Dialect 1 has no word for it.
        Ending::Unseen => line.field("exit").field("0"),
    };
}

/// `service.state NAME deleted - …`.
pub(super) fn deleted(line: &mut Line<'_>, name: &Name) {
    line.raw("service.state").field(name).field("deleted");
    nones(line, if line.dialect() == Dialect::Two { 7 } else { 6 });
}

/// `VERB NAME FIELD…`, with a trailing TAB where there is no field.
pub(super) fn list(line: &mut Line<'_>, verb: &str, service: &Service, part: Part) {
    line.raw(verb).field(service.name);
    let list = service.block.get(part);
    fields(list).for_each(|field| _ = line.field(field));
    if list.is_empty() {
        line.field("");
    }
}

/// `service.auto_up NAME INTERVAL TRIGGER…` or `service.auto_up NAME -`.
pub(super) fn auto_up(line: &mut Line<'_>, service: &Service) {
    line.raw("service.auto_up").field(service.name);
    if service.auto_up() {
        line.number(service.interval);
        service.list(Part::Triggers).for_each(|trigger| _ = line.field(trigger));
    } else {
        line.field(NONE);
    }
}

/// What only dialect 2 says about a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extra {
    Env,
    Cwd,
    Umask,
    Nice,
    Oom,
    User,
    Rlimit,
    Cgroup,
    Opt,
    Keep,
}

/// In the order of a dump.
pub(super) const EXTRAS: [Extra; 10] = [
    Extra::Env,
    Extra::Cwd,
    Extra::Umask,
    Extra::Nice,
    Extra::Oom,
    Extra::User,
    Extra::Rlimit,
    Extra::Cgroup,
    Extra::Opt,
    Extra::Keep,
];

/// Whether it was set.
pub(super) fn has(extra: Extra, service: &Service) -> bool {
    match extra {
        Extra::Env => service.block.given(Part::Env).is_some(),
        Extra::Cwd => service.block.given(Part::Cwd).is_some(),
        Extra::Umask => service.umask.is_some(),
        Extra::Nice => service.nice.is_some(),
        Extra::Oom => service.oom.is_some(),
        Extra::User => service.block.given(Part::User).is_some(),
        Extra::Rlimit => service.block.given(Part::Limits).is_some(),
        Extra::Cgroup => service.block.given(Part::Cgroup).is_some(),
        Extra::Opt => service.opts.is_some(),
        Extra::Keep => service.keep.is_some(),
    }
}

/// Its line; `-` where it is not set.
pub(super) fn extra(line: &mut Line<'_>, extra: Extra, service: &Service) {
    let verb = [
        "service.env",
        "service.cwd",
        "service.umask",
        "service.nice",
        "service.oom",
        "service.user",
        "service.rlimit",
        "service.cgroup",
        "service.opt",
        "service.keep",
    ];
    line.raw(verb[extra as usize]).field(service.name);
    let of = |line: &mut Line<'_>, part| fields(service.block.get(part)).for_each(|field| _ = line.field(field));
    match extra {
        _ if !has(extra, service) => _ = line.field(NONE),
        Extra::Env => {
            let env = service.block.get(Part::Env);
            line.number(fields(env).count()).number(format_args!("{:016x}", digest(env)));
        }
        Extra::Cwd => of(line, Part::Cwd),
        Extra::Umask => _ = line.number(format_args!("{:03o}", service.umask.unwrap_or(0))),
        Extra::Nice => _ = line.number(service.nice.unwrap_or(0)),
        Extra::Oom => _ = line.number(service.oom.unwrap_or(0)),
        Extra::User => of(line, Part::User),
        Extra::Rlimit => of(line, Part::Limits),
        Extra::Cgroup => of(line, Part::Cgroup),
        Extra::Opt => opts(line, service),
        Extra::Keep => {}
    }
}

fn opts(line: &mut Line<'_>, service: &Service) {
    let opts = service.options();
    let flags =
        [(opts.session, "session"), (opts.group, "group"), (opts.no_new_privs, "no_new_privs"), (opts.listen_pid, "listen_pid")];
    flags.iter().filter(|(has, _)| *has).for_each(|(_, word)| _ = line.field(word));
    if let Some(tty) = opts.tty {
        line.field("tty").number(tty);
    }
    if let Some(signal) = opts.death_signal {
        line.field("death_signal").number(signal_name(signal));
    }
    if opts == super::ledger::Opts::default() {
        line.field("");
    }
}

/// FNV-1a: tells whether two environments are the same, and keeps their secrets.
fn digest(env: &[u8]) -> u64 {
    env.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn words(line: &mut Line<'_>, channel: Channel) {
    line.field(match channel.family {
        Family::Unix => "unix",
        Family::Inet => "inet",
        Family::Inet6 => "inet6",
    });
    line.raw(match channel.shape {
        Shape::Stream => ",stream",
        Shape::Datagram => ",dgram",
        Shape::Seqpacket => ",seqpacket",
    });
}

fn flag(line: &mut Line<'_>, has: bool, word: &str) {
    if has {
        line.raw(word);
    }
}

/// `fd.state NAME KIND FLAGS ABOUT`.
pub(super) fn held(line: &mut Line<'_>, held: &Held) {
    use std::fmt::Write;
    line.raw("fd.state").field(held.name);
    match held.kind {
        Kind::File(how) => file(line.field("file"), how),
        Kind::Pipe { nonblock, to } => {
            line.field("pipe").field("");
            flag(line, nonblock, "nonblock,");
            line.raw(if to { "to" } else { "from" });
        }
        Kind::Pair(channel) => {
            words(line.field("pipe"), channel);
            flag(line, channel.nonblock, ",nonblock");
            line.raw(",to");
        }
        Kind::Socket { channel, bind, backlog, mkdir, how } => {
            words(line.field("socket"), channel);
            flag(line, bind, ",bind");
            if let Some(backlog) = backlog {
                write!(line, ",listen={backlog}").expect("writing to memory");
            }
            flag(line, mkdir, ",mkdir");
            flag(line, channel.nonblock, ",nonblock");
            if let Some(how) = how.filter(|_| line.dialect() == Dialect::Two) {
                bind_how(line, how);
            }
        }
        Kind::Special { read, write } => {
            line.field("special").field(match (read, write) {
                (true, true) => "read,write",
                (false, true) => "write",
                _ => "read",
            });
        }
    }
    let two = line.dialect() == Dialect::Two;
    flag(line, held.handoff && two, ",handoff");
    flag(line, held.lock && two, ",lock");
    match (held.kind, &held.peer) {
        (Kind::Pipe { .. } | Kind::Pair(_), None) => line.field("?"),
        (Kind::Pipe { .. } | Kind::Pair(_), Some(peer)) => line.field(peer),
        _ => line.field(&held.text),
    };
}

fn bind_how(line: &mut Line<'_>, how: BindHow) {
    use std::fmt::Write;
    flag(line, how.reuse_port, ",reuse_port");
    if let Some(mode) = how.mode {
        write!(line, ",mode={mode:03o}").expect("writing to memory");
    }
    if let Some(count) = how.sticky {
        write!(line, ",sticky={count}").expect("writing to memory");
    }
}

fn file(line: &mut Line<'_>, how: OpenHow) {
    line.field(match (how.read, how.write) {
        (true, true) => "read,write",
        (false, true) => "write",
        _ => "read",
    });
    for (has, word) in [
        (how.append, ",append"),
        (how.create, ",create"),
        (how.trunc, ",trunc"),
        (how.nonblock, ",nonblock"),
        (how.mkdir, ",mkdir"),
    ] {
        flag(line, has, word);
    }
}

/// `fd.state NAME deleted`.
pub(super) fn held_deleted(line: &mut Line<'_>, name: &Name) {
    line.raw("fd.state").field(name).field("deleted");
}

/// `signal NAME TS COUNT`.
pub(super) fn signal(line: &mut Line<'_>, number: i32, at: u64, count: u64) {
    let unit = if line.dialect() == Dialect::Two { 1 } else { SECOND };
    line.raw("signal").number(signal_name(number)).number(at / unit).number(count);
}
