//! What `abide ports` shows.

use api::{PortKind, PortRow, PortState};
use engine::SlotView;
use model::{AppSpec, End, LifeRecord, Listen, ListenAddress, Port, SlotRef, Stage, Status};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use sys::acceptor::holds;
use sys::holder::{Holder, Listener, Protocol, holder, listeners};
use sys::lives::Member;

/// A row, and by whom it is looked at whether somebody listens.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    row: PortRow,
    /// Slot and life, by which rows of an app stand.
    place: (u32, u64),
    /// The life that has the port.
    life: Option<Member>,
    /// The address that the keeper has bound.
    bound: Option<ListenAddress>,
}

/// The rows of one app: what its lives have (in a reload two of one slot), then slots that have nothing, then its sockets.
pub(crate) fn rows_of(spec: &AppSpec, slots: &[SlotView<'_>], leases: &[(&LifeRecord, u16)]) -> Vec<Shown> {
    let own = leases.iter().map(|(life, port)| of_life(spec, life, *port));
    let empty = slots.iter().filter(|view| leases.iter().all(|(life, _)| life.slot != view.slot));
    let without = spec.port.into_iter().flat_map(|wish| empty.clone().map(move |view| of_slot(wish, view)));
    let sockets = spec.listen.iter().flat_map(|listen| {
        let whose: Vec<Option<&SlotRef>> =
            if listen.reuse_port { slots.iter().map(|view| Some(&view.slot)).collect() } else { vec![None] };
        whose.into_iter().map(|slot| of_socket(spec, listen, slot)).collect::<Vec<_>>()
    });
    let mut ports: Vec<Shown> = own.chain(without).collect();
    ports.sort_by_key(|shown| shown.place);
    ports.extend(sockets);
    ports
}

fn of_life(spec: &AppSpec, life: &LifeRecord, port: u16) -> Shown {
    // A life of an app that has no port any more may still have one.
    let wanted = spec.port.map_or_else(|| port.to_string(), |wish| wish.to_string());
    let row = PortRow { port: Some(port), pid: life.pid, ..plain(&life.slot, wanted, PortState::Leased) };
    let member = life.pid.zip(life.ident).map(|(pid, ident)| Member { pid, ident });
    Shown { row, place: (life.slot.index, life.instance.0), life: member, bound: None }
}

fn of_slot(wish: Port, view: &SlotView<'_>) -> Shown {
    let in_vain = matches!(view.exit, Some(End::NotBorn { stage: Stage::Port, .. }));
    let state = if view.status == Status::Waiting && in_vain { PortState::Waiting } else { PortState::Unused };
    let fixed = match wish {
        Port::Fixed(port) => Some(port),
        Port::Range(..) | Port::Auto(..) => None,
    };
    let row = PortRow { port: fixed, ..plain(&view.slot, wish.to_string(), state) };
    Shown { row, place: (view.slot.index, 0), life: None, bound: None }
}

fn plain(slot: &SlotRef, wanted: String, state: PortState) -> PortRow {
    PortRow {
        port: None,
        protocol: "tcp".to_owned(),
        address: None,
        app: slot.app.to_string(),
        slot: Some(slot.to_string()),
        kind: PortKind::Port,
        name: None,
        wanted,
        state,
        pid: None,
    }
}

fn of_socket(spec: &AppSpec, listen: &Listen, slot: Option<&SlotRef>) -> Shown {
    let (protocol, address) = match &listen.address {
        ListenAddress::Tcp(at) => ("tcp", at.to_string()),
        ListenAddress::Udp(at) => ("udp", at.to_string()),
        ListenAddress::Unix(path) => ("unix", path.to_string_lossy().into_owned()),
    };
    let row = PortRow {
        port: listen.address.port(),
        protocol: protocol.to_owned(),
        address: Some(address),
        app: spec.name.to_string(),
        slot: slot.map(ToString::to_string),
        kind: PortKind::Listen,
        name: Some(listen.name.clone()),
        wanted: listen.address.to_string(),
        state: PortState::Unused,
        pid: None,
    };
    Shown { row, place: (0, 0), life: None, bound: Some(listen.address.clone()) }
}

/// Looks at the machine, which may take a moment: blocking.
pub(crate) fn look(shown: Vec<Shown>, keeper: u32) -> Vec<PortRow> {
    let listening = listeners();
    shown.into_iter().map(|shown| one(shown, &listening, keeper)).collect()
}

fn one(shown: Shown, listening: &[Listener], keeper: u32) -> PortRow {
    let Shown { mut row, life, bound, .. } = shown;
    if let Some(address) = bound {
        if is_bound(&address, listening) {
            (row.state, row.pid) = (PortState::Listening, Some(keeper));
        }
    } else if let (Some(port), PortState::Leased | PortState::Waiting) = (row.port, row.state) {
        let there: Vec<&Listener> = listening.iter().filter(|one| one.at.port() == port).collect();
        let is_its = |one: &&&Listener| {
            let inode = u32::try_from(one.inode).into_iter().collect::<BTreeSet<u32>>();
            life.is_some_and(|life| holds(life, &inode))
        };
        match (there.iter().find(is_its), there.first()) {
            (Some(own), _) => (row.state, row.address) = (PortState::Listening, Some(own.at.to_string())),
            (None, Some(other)) => {
                if row.state == PortState::Leased {
                    row.state = PortState::Taken;
                }
                row.address = Some(other.at.to_string());
                row.pid = stranger(other.at);
            }
            (None, None) => {}
        }
    }
    row
}

fn stranger(at: SocketAddr) -> Option<u32> {
    holder(Protocol::Tcp, at).map(|Holder { pid, .. }| pid)
}

fn is_bound(address: &ListenAddress, listening: &[Listener]) -> bool {
    match address {
        ListenAddress::Tcp(at) => listening.iter().any(|one| one.at == *at),
        ListenAddress::Udp(at) => holder(Protocol::Udp, *at).is_some(),
        ListenAddress::Unix(path) => is_socket(path),
    }
}

fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket())
}
