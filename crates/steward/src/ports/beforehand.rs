//! Whether everybody who is to start will get a port, asked before anything is done.

use super::choice::{Refused, refusal, span_of};
use super::claims::{Claims, Keeps, Kept, Lessee, Why};
use api::Problem;
use model::{AppName, Port};
use std::collections::BTreeSet;
use sys::port::Tried;

/// An app that is to start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand<'a> {
    pub(crate) app: &'a AppName,
    pub(crate) port: Port,
    /// How many slots need one.
    pub(crate) slots: u32,
    /// How many lives need one besides, which stand beside others while the app is reloaded.
    pub(crate) beside: u32,
}

/// What the machine is asked.
pub(crate) trait Look {
    /// Whether a port can be bound.
    fn try_bind(&mut self, port: u16) -> Tried;
    /// Who has bound a port, as a phrase; `None` = the app itself, or something of ours that leaves.
    fn stranger(&mut self, app: &AppName, port: u16) -> Option<String>;
}

#[derive(Debug, PartialEq, Eq)]
struct Fault {
    code: &'static str,
    text: String,
}

const TAKEN: &str = "port_taken";
const TOO_FEW: &str = "too_few_ports";

/// Refuses what could not get its port. `claims` knows every app that is to run, these too.
///
/// # Errors
/// 409 `port_taken` or `too_few_ports`.
pub(crate) fn beforehand(demands: &[Demand<'_>], claims: &Claims, look: &mut impl Look) -> Result<(), Problem> {
    let mut faults: Vec<Fault> = demands.iter().filter_map(|demand| fault(demand, claims, look)).collect();
    if faults.is_empty() && demands.iter().any(|demand| matches!(demand.port, Port::Range(..))) {
        faults.extend(crowded(claims));
    }
    let Some(first) = faults.first() else { return Ok(()) };
    let code = first.code;
    let detail = faults.iter().map(|fault| fault.text.as_str()).collect::<Vec<_>>().join("\n");
    Err(Problem::new(409, code, detail)
        .hint("nothing was changed; free the port, or choose another (`port = \"auto\"` finds one)"))
}

fn fault(demand: &Demand<'_>, claims: &Claims, look: &mut impl Look) -> Option<Fault> {
    let Demand { app, port, slots, beside } = *demand;
    let all = slots + beside;
    match port {
        _ if slots == 0 => None,
        Port::Fixed(port) if slots > 1 => {
            let last = u32::from(port) + slots - 1;
            let range = if last <= u32::from(u16::MAX) { format!("a range (port = \"{port}-{last}\"), ") } else { String::new() };
            let text =
                format!("{app}: {slots} instances and one port, {port}: give it {range}`auto`, or `listen`, which they share");
            Some(Fault { code: TOO_FEW, text })
        }
        Port::Fixed(number) => {
            let also = claims.kept().iter().find_map(|kept| same_port(kept, app, number));
            let why = also.or_else(|| against(demand, number, claims, look).map(|why| format!("port {why}")));
            why.map(|why| Fault { code: TAKEN, text: format!("{app}: {why}") })
        }
        Port::Range(first, last) | Port::Auto(first, last) => {
            let (mut free, mut refused, mut holders) = (0, Refused::new(port), Vec::new());
            for number in first..=last {
                match against_one_of(demand, number, claims, look) {
                    None => free += 1,
                    Some((why, words)) => {
                        holders.extend(words.map(|words| (number, words)));
                        refused.add(number, why);
                    }
                }
                if free == all {
                    return None;
                }
            }
            let words =
                |number: u16| holders.iter().find(|(at, _)| *at == number).map(|(_, words)| words.clone()).unwrap_or_default();
            let many = u32::from(last - first) + 1;
            let (mut need, why) = (count(slots, "instance"), refused.why(words));
            if beside > 0 {
                need.push_str(&format!(" and {beside} more beside them for the reload"));
            }
            let text = match (free, many < all) {
                (_, true) => format!("{app}: {need}, and {} has {}", span_of(port), count(many, "port")),
                (0, _) => format!("{app}: no port of {} is free: {why}", span_of(port)),
                _ => format!("{app}: {need}, and of {} only {free} are free: {why}", span_of(port)),
            };
            Some(Fault { code: TOO_FEW, text })
        }
    }
}

fn count(number: u32, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Another definition that asks for the very same port.
fn same_port(kept: &Kept, app: &AppName, port: u16) -> Option<String> {
    match kept.what {
        Keeps::Port(Port::Fixed(other), 1..) if other == port && kept.app != *app => {
            Some(format!("port {port} is the port of {} too", kept.app))
        }
        Keeps::Socket(other) if other == port => Some(format!("port {port} is in `listen` of {} too", kept.app)),
        _ => None,
    }
}

/// Why a port is not to be had, as `3000 is held by nginx (pid 12)`.
fn against(demand: &Demand<'_>, port: u16, claims: &Claims, look: &mut impl Look) -> Option<String> {
    let (why, words) = against_one_of(demand, port, claims, look)?;
    Some(words.map_or_else(|| format!("{port} {why}"), |words| format!("{port} is {words}")))
}

/// The same in parts; who has bound it is told apart, as a phrase.
fn against_one_of(demand: &Demand<'_>, port: u16, claims: &Claims, look: &mut impl Look) -> Option<(Why, Option<String>)> {
    let Demand { app, port: wish, .. } = *demand;
    match claims.lessee(port, app) {
        Lessee::Agrees => return None,
        Lessee::Stays(slot) => return Some((Why::Leased(slot.clone()), None)),
        Lessee::Nobody => {}
    }
    if let Some(why) = claims.against(port, wish, app) {
        return Some((why, None));
    }
    match refusal(wish, look.try_bind(port))? {
        Why::Held => look.stranger(app, port).map(|words| (Why::Held, Some(words))),
        why => Some((why, None)),
    }
}

/// Ranges of several apps overlap, and together they are too narrow. Each port goes to the range that ends first among those that still need one,
/// which serves all if all can be served.
fn crowded(claims: &Claims) -> Option<Fault> {
    let fixed = |kept: &Kept| match kept.what {
        Keeps::Port(Port::Fixed(port), 1..) | Keeps::Socket(port) => Some(port),
        Keeps::Port(..) => None,
    };
    let blocked: BTreeSet<u16> = claims.kept().iter().filter_map(fixed).collect();
    let range = |kept: &Kept| match kept.what {
        Keeps::Port(Port::Range(first, last), slots) => Some((first, last, slots, kept.app.clone())),
        _ => None,
    };
    let mut open: Vec<(u16, u16, u32, AppName)> = claims.kept().iter().filter_map(range).collect();
    open.sort_by_key(|(_, last, ..)| *last);
    let first = open.iter().map(|(first, ..)| *first).min()?;
    let last = open.iter().map(|(_, last, ..)| *last).max()?;
    for port in (first..=last).filter(|port| !blocked.contains(port)) {
        let needs = |(first, last, slots, _): &&mut (u16, u16, u32, AppName)| *slots > 0 && (*first..=*last).contains(&port);
        if let Some((_, _, slots, _)) = open.iter_mut().find(needs) {
            *slots -= 1;
        }
    }
    let (first, last, slots, app) = open.into_iter().find(|(_, _, slots, _)| *slots > 0)?;
    let text =
        format!("{app}: its range {first}-{last} overlaps with ports of other apps, and is {} short", count(slots, "port"));
    Some(Fault { code: TOO_FEW, text })
}
