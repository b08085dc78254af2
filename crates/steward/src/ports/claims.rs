//! Who has ports, or is to have them.

use model::{AppName, AppSpec, ListenAddress, Port, SlotRef};
use std::collections::BTreeMap;
use std::fmt;

/// Every port that somebody has, or that is somebody's by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claims {
    leased: BTreeMap<u16, Lease>,
    kept: Vec<Kept>,
}

/// The port of a life that is not over.
#[derive(Debug, Clone)]
struct Lease {
    slot: SlotRef,
    /// The life is on its way out, so the port will be free.
    leaves: bool,
}

/// What the definition of an app that is to run says.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) app: AppName,
    pub(super) what: Keeps,
}

/// What of it is about ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    /// Its `port`, for so many slots.
    Port(Port, u32),
    /// A socket of its `listen`.
    Socket(u16),
}

/// Why somebody does not get a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// A life of that slot has it.
    Leased(SlotRef),
    /// It is in the definition of that app.
    Kept(AppName),
    /// Somebody has bound it.
    Held,
    /// It is not ours to bind.
    Denied,
}

impl Claims {
    /// A life has this port.
    pub(crate) fn lease(&mut self, port: u16, slot: SlotRef, leaves: bool) {
        // Of two lives with one port the one that stays counts.
        let known = self.leased.entry(port).or_insert_with(|| Lease { slot: slot.clone(), leaves });
        if known.leaves && !leaves {
            *known = Lease { slot, leaves };
        }
    }

    /// An app is to run, with so many slots.
    pub(crate) fn keep(&mut self, spec: &AppSpec) {
        let tcp = |address: &ListenAddress| matches!(address, ListenAddress::Tcp(_)).then(|| address.port()).flatten();
        let sockets = spec.listen.iter().filter_map(|listen| tcp(&listen.address)).map(Keeps::Socket);
        let port = spec.port.map(|port| Keeps::Port(port, spec.instances));
        self.kept.extend(port.into_iter().chain(sockets).map(|what| Kept { app: spec.name.clone(), what }));
    }

    pub(super) fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// What speaks against a port for `app`, as far as we know ourselves. A fixed port is asked for by name, so what other definitions say is in its way
    /// only once they run; `auto` leaves alone what others may ask for.
    pub(super) fn against(&self, port: u16, wish: Port, app: &AppName) -> Option<Why> {
        if let Some(lease) = self.leased.get(&port) {
            return Some(Why::Leased(lease.slot.clone()));
        }
        let keeps = |kept: &&Kept| match (kept.what, wish) {
            (_, Port::Fixed(_)) | (Keeps::Port(Port::Auto(..), _), _) => false,
            (Keeps::Socket(socket), _) => socket == port,
            (Keeps::Port(Port::Fixed(fixed), _), _) => fixed == port && kept.app != *app,
            (Keeps::Port(Port::Range(..), _), Port::Range(..)) => false,
            (Keeps::Port(Port::Range(first, last), _), Port::Auto(..)) => (first..=last).contains(&port) && kept.app != *app,
        };
        self.kept.iter().find(keeps).map(|kept| Why::Kept(kept.app.clone()))
    }

    /// The slot of another app whose life has the port and keeps it, or whether `app` itself has it, or somebody who leaves.
    pub(super) fn lessee(&self, port: u16, app: &AppName) -> Lessee<'_> {
        match self.leased.get(&port) {
            None => Lessee::Nobody,
            Some(lease) if lease.leaves || lease.slot.app == *app => Lessee::Agrees,
            Some(lease) => Lessee::Stays(&lease.slot),
        }
    }
}

/// Who has a port, seen by an app that wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lessee<'a> {
    Nobody,
    /// The app itself, or somebody who leaves.
    Agrees,
    Stays(&'a SlotRef),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Leased(slot) => write!(f, "is leased to {slot}"),
            Why::Kept(app) => write!(f, "is kept for {app}"),
            Why::Held => f.write_str("is held by another process"),
            Why::Denied => f.write_str("needs a privilege (EACCES)"),
        }
    }
}
