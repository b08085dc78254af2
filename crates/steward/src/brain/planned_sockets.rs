//! Whether the sockets of a plan could be bound: looked at as the wish itself does, and tried, but nothing of it stays.

use super::Brain;
use super::parked::cannot_listen;
use super::sockets::sockets_of_slots;
use crate::sockets::{Refused, Socket, explain};
use api::Problem;
use engine::Decision;
use model::{AppName, Change, Definition, ListenAddress, SlotId};
use std::collections::BTreeMap;
use sys::port::{try_address, try_path};

impl Brain {
    /// Refuses a plan of which a socket could not be bound.
    ///
    /// # Errors
    /// 409 `cannot_listen`.
    pub(super) fn check_planned_sockets<'a>(
        &self,
        wished: impl Iterator<Item = &'a Definition>,
        decisions: &[Decision],
    ) -> Result<(), Problem> {
        let begins = |decision: &Decision| match decision.planned.change {
            Change::Add | Change::Change => decision.run,
            Change::Start => true,
            Change::Keep | Change::Remove | Change::Reload => false,
        };
        let planned: Vec<(&Definition, &Decision)> = wished.zip(decisions).collect();
        let begun: Vec<(AppName, Socket)> = planned
            .iter()
            .filter(|(_, decision)| begins(decision))
            .flat_map(|(definition, _)| self.planned_sockets(definition))
            .collect();
        if begun.is_empty() {
            return Ok(());
        }
        let lets_go = |app: &AppName, address: &ListenAddress| {
            let removed = |decision: &Decision| decision.planned.change == Change::Remove && decision.planned.app == *app;
            let changed = |(definition, decision): &(&Definition, &Decision)| {
                let listens = definition.spec.listen.iter().any(|listen| listen.address == *address);
                definition.spec.name == *app && decision.planned.change == Change::Change && !(decision.run && listens)
            };
            decisions.iter().any(removed) || planned.iter().any(changed)
        };
        let needs = self.needs(&begun, &lets_go);
        let mut faults = needs.faults;
        faults.extend(needs.bind.iter().filter_map(|(app, socket)| Some(format!("{app}: {}", self.in_the_way(socket)?))));
        if faults.is_empty() { Ok(()) } else { Err(cannot_listen(faults)) }
    }

    /// The sockets of an app as it is planned. Slots that it has not yet get numbers that nobody has.
    fn planned_sockets(&self, definition: &Definition) -> Vec<(AppName, Socket)> {
        let spec = &definition.spec;
        let known = self.store.state().app(&spec.name).filter(|app| !app.deleting).map(|app| &app.slot_ids);
        let id = |index: u32| known.and_then(|ids| ids.get(&index).copied()).unwrap_or(SlotId(u32::MAX - index));
        let ids: BTreeMap<u32, SlotId> = (0..spec.instances).map(|index| (index, id(index))).collect();
        sockets_of_slots(spec, &ids, &|_| true)
    }

    /// Why a socket could not be bound now.
    fn in_the_way(&self, socket: &Socket) -> Option<String> {
        let tried = match &socket.listen.address {
            ListenAddress::Tcp(at) => try_address(*at, false, socket.own),
            ListenAddress::Udp(at) => try_address(*at, true, socket.own),
            ListenAddress::Unix(path) => try_path(path),
        };
        let errno = sys::errno::name(tried.err()?.raw_os_error()?);
        let address = socket.listen.address.clone();
        let obstacle = explain(&Refused { address, errno, uid: rustix::process::geteuid().as_raw() });
        let goes = obstacle.pid.is_some_and(|pid| self.goes_with_the_wish(&socket.handle, pid));
        (!goes).then_some(obstacle.why)
    }
}
