//! The port of a life that is about to be born.

use super::claims::{Claims, Why};
use model::{Port, SlotRef};
use sys::holder::Holder;
use sys::port::Tried;

/// So many ports are named in a refusal.
const NAMED: usize = 3;

/// No port is to be had: those that were looked at, and why each is not free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    wish: Port,
    named: Vec<(u16, Why)>,
    more: usize,
}

/// Chooses. `before` is the port that the slot had last.
///
/// # Errors
/// None is free.
pub(crate) fn choose(
    wish: Port,
    slot: &SlotRef,
    before: Option<u16>,
    claims: &Claims,
    mut try_bind: impl FnMut(u16) -> Tried,
) -> Result<u16, Refused> {
    let (first, last) = wish.span();
    let preferred = match wish {
        Port::Fixed(port) => Some(port),
        Port::Range(..) => u16::try_from(u32::from(first).saturating_add(slot.index)).ok(),
        Port::Auto(..) => before,
    };
    let preferred = preferred.filter(|port| (first..=last).contains(port));
    let others = (first..=last).filter(|port| Some(*port) != preferred);
    let mut refused = Refused { wish, named: Vec::new(), more: 0 };
    for port in preferred.into_iter().chain(others) {
        match claims.against(port, wish, &slot.app).or_else(|| refusal(wish, try_bind(port))) {
            None => return Ok(port),
            Some(why) => refused.add(port, why),
        }
    }
    Err(refused)
}

/// What a try says against a port. One that the user named may be bound by an app that has a privilege which we lack.
pub(super) fn refusal(wish: Port, tried: Tried) -> Option<Why> {
    match (tried, wish) {
        (Tried::Taken, _) => Some(Why::Held),
        (Tried::Denied, Port::Auto(..)) => Some(Why::Denied),
        (Tried::Denied | Tried::Free, _) => None,
    }
}

impl Refused {
    pub(super) fn new(wish: Port) -> Refused {
        Refused { wish, named: Vec::new(), more: 0 }
    }

    pub(super) fn add(&mut self, port: u16, why: Why) {
        if self.named.len() < NAMED {
            self.named.push((port, why));
        } else {
            self.more += 1;
        }
    }

    /// In words. `holder` knows who has bound a port, as a phrase (see [`held_by`]).
    pub(crate) fn words(&self, holder: impl FnMut(u16) -> String) -> String {
        match self.wish {
            Port::Fixed(_) => format!("port {}", self.why(holder)),
            wish => format!("no port of {} is free: {}", span_of(wish), self.why(holder)),
        }
    }

    /// Those that are named, and how many there are besides.
    pub(super) fn why(&self, mut holder: impl FnMut(u16) -> String) -> String {
        let one = |(port, why): &(u16, Why)| match why {
            Why::Held => format!("{port} is {}", holder(*port)),
            why => format!("{port} {why}"),
        };
        let named: Vec<String> = self.named.iter().map(one).collect();
        match self.more {
            0 => named.join(", "),
            more => format!("{}, and so on ({more} more)", named.join(", ")),
        }
    }
}

/// `3000-3003`, as a user writes it.
pub(super) fn span_of(wish: Port) -> String {
    let (first, last) = wish.span();
    format!("{first}-{last}")
}

/// `held by nginx (pid 12)`, as far as the system tells.
pub(crate) fn held_by(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder { pid, name }) => format!("held by {name} (pid {pid})"),
        None => "held by a process that the system does not show us".to_owned(),
    }
}
