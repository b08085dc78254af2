//! How the ledger is said aloud: one function for each event line.

use super::conn::{Conn, Line};
use super::effect::Ending;
use super::ledger::{About, Held, SECOND, Service, State};
use super::signals::signal_name;
use wire::Dialect;

/// Says a line to every connection of this dialect or a later one.
pub(super) fn tell(conns: &mut [Conn], since: Dialect, write: impl Fn(Dialect) -> Line) {
    for conn in conns.iter_mut().filter(|c| c.events && !c.silent && c.dialect >= since) {
        let line = write(conn.dialect);
        conn.say(line);
    }
}

/// `service.state NAME STATE TS PID REASON VALUE UPTIME DOWNTIME [IDENT]`.
pub(super) fn state(dialect: Dialect, name: &str, service: &Service, now: u64) -> Line {
    let unit = if dialect == Dialect::Two { 1 } else { SECOND };
    let time = |ns: u64| (ns / unit).to_string();
    let none = || "-".to_owned();
    let mut fields = [none(), none(), none(), none(), none(), none(), none()];
    let word = match &service.state {
        State::Down => "down",
        State::Due { at, .. } | State::Blocked { at, .. } | State::Starting { at, .. } => {
            fields[0] = time(*at);
            "start"
        }
        State::Up { at, pid, ident, .. } => {
            fields = [time(*at), pid.to_string(), none(), none(), time(now.saturating_sub(*at)), none(), ident.to_string()];
            "up"
        }
        State::Ended { began, at, pid, ident, how } => {
            let (reason, value) = ending(dialect, *how);
            let (up, down) = (time(at.saturating_sub(*began)), time(now.saturating_sub(*at)));
            fields = [time(*at), pid.to_string(), reason.to_owned(), value, up, down, ident.to_string()];
            "down"
        }
        State::Failed { at, why } => {
            fields[0] = time(*at);
            fields[5] = time(now.saturating_sub(*at));
            (fields[2], fields[3]) = match dialect {
                Dialect::One => ("exit".to_owned(), "3".to_owned()),
                Dialect::Two => ("failed".to_owned(), format!("{}:{}", why.stage, why.errno)),
            };
            "down"
        }
    };
    let mut line = Line::new(dialect, "service.state").with(name).with(word);
    for field in &fields[..if dialect == Dialect::Two { 7 } else { 6 }] {
        line.field(field);
    }
    line
}

fn ending(dialect: Dialect, how: Ending) -> (&'static str, String) {
    match how {
        Ending::Code(code) => ("exit", code.to_string()),
        Ending::Signal { number, core } if core && dialect == Dialect::Two => ("signal", format!("{}+core", signal_name(number))),
        Ending::Signal { number, .. } => ("signal", signal_name(number)),
        Ending::Unseen if dialect == Dialect::Two => ("unseen", "-".to_owned()),
        // Dialect 1 has no word for it.
        Ending::Unseen => ("exit", "0".to_owned()),
    }
}

/// `service.state NAME deleted - …`.
pub(super) fn deleted(dialect: Dialect, name: &str) -> Line {
    let mut line = Line::new(dialect, "service.state").with(name).with("deleted");
    for _ in 0..if dialect == Dialect::Two { 7 } else { 6 } {
        line.field("-");
    }
    line
}

/// `VERB NAME FIELD…`, with a trailing TAB where there is no field.
pub(super) fn list(dialect: Dialect, verb: &str, name: &str, fields: &[Vec<u8>]) -> Line {
    let mut line = Line::new(dialect, verb).with(name);
    for field in fields {
        line.field(field);
    }
    if fields.is_empty() {
        line.field("");
    }
    line
}

/// `service.auto_up NAME INTERVAL TRIGGER…` or `service.auto_up NAME -`.
pub(super) fn auto_up(dialect: Dialect, name: &str, service: &Service) -> Line {
    let mut line = Line::new(dialect, "service.auto_up").with(name);
    match &service.auto_up {
        None => _ = line.field("-"),
        Some(auto) => {
            line.field(auto.interval.to_string());
            for trigger in &auto.triggers {
                line.field(trigger);
            }
        }
    }
    line
}

/// What only dialect 2 says about a service; `None` where nothing was set.
pub(super) fn extra(at: usize, name: &str, service: &Service) -> Option<Line> {
    let mut line = Line::new(Dialect::Two, EXTRAS[at]).with(name);
    match at {
        0 => {
            let env = service.env.as_ref()?;
            line.field(env.len().to_string()).field(format!("{:016x}", digest(env)));
        }
        1 => _ = line.field(service.cwd.as_ref()?),
        2 => _ = line.field(format!("{:03o}", service.umask?)),
        3 => {
            let limits = Some(&service.limits).filter(|l| !l.is_empty())?;
            for limit in limits {
                line.field(limit.resource).field(bound(limit.soft)).field(bound(limit.hard));
            }
        }
        _ => _ = service.keep.as_ref()?,
    }
    Some(line)
}

/// The verbs of [`extra`], in the order of a dump.
pub(super) const EXTRAS: [&str; 5] = ["service.env", "service.cwd", "service.umask", "service.rlimit", "service.keep"];

fn bound(value: u64) -> String {
    if value == u64::MAX { "unlimited".to_owned() } else { value.to_string() }
}

/// FNV-1a over the variables, each ended by NUL: tells whether two environments are the same, and keeps their secrets.
fn digest(env: &[Vec<u8>]) -> u64 {
    let bytes = env.iter().flat_map(|pair| pair.iter().chain(&[0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// `fd.state NAME KIND FLAGS ABOUT`.
pub(super) fn held(dialect: Dialect, name: &str, held: &Held) -> Line {
    let mut flags = held.flags.clone();
    for (has, word) in [(held.handoff, ",handoff"), (held.lock, ",lock")] {
        if has && dialect == Dialect::Two {
            flags.push_str(word);
        }
    }
    let line = Line::new(dialect, "fd.state").with(name).with(held.kind).with(flags);
    match &held.about {
        About::Text(text) => line.with(text),
        About::Peer(Some(peer)) => line.with(&**peer),
        About::Peer(None) => line.with("?"),
    }
}

/// `fd.state NAME deleted`.
pub(super) fn held_deleted(dialect: Dialect, name: &str) -> Line {
    Line::new(dialect, "fd.state").with(name).with("deleted")
}

/// `signal NAME TS COUNT`.
pub(super) fn signal(dialect: Dialect, number: i32, at: u64, count: u64) -> Line {
    let at = if dialect == Dialect::Two { at } else { at / SECOND };
    Line::new(dialect, "signal").with(signal_name(number)).with(at.to_string()).with(count.to_string())
}
