//! A wish waits until everything that it starts has its sockets: bound first, or refused as a whole. Other wishes wait behind it.

use super::Brain;
use super::sockets::sockets_of_slots;
use crate::call::{Followed, Reply, Wish};
use crate::sockets::Socket;
use api::Problem;
use engine::{Ask, Target};
use model::{AppName, ListenAddress};
use std::collections::{BTreeMap, BTreeSet};

/// A wish as it came.
#[derive(Debug)]
pub(super) struct Wishing {
    pub(super) wish: Box<Wish>,
    pub(super) actor: String,
    pub(super) key: Option<String>,
    pub(super) reply: Reply<Followed>,
}

/// One whose sockets are being bound.
#[derive(Debug)]
pub(super) struct Parked {
    wishing: Wishing,
    /// Those that have not been answered, with whose they are.
    pub(super) waits: BTreeMap<String, AppName>,
    /// Why some cannot be bound.
    pub(super) faults: BTreeMap<String, String>,
}

/// What has become of a wish.
#[derive(Debug)]
pub(super) enum Heard {
    /// It is carried out.
    Accepted(Followed),
    /// It is looked at again when these sockets are there.
    Later(BTreeMap<String, AppName>),
}

/// What the sockets of a wish come to, as far as we know ourselves.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Who of ours is in the way.
    pub(super) faults: BTreeSet<String>,
    /// Those that are to be bound.
    pub(super) bind: Vec<(AppName, Socket)>,
    /// Those that are being bound.
    waits: BTreeMap<String, AppName>,
}

impl Brain {
    /// Answers a wish, or keeps it until its sockets are bound.
    pub(super) fn hear_wish(&mut self, wishing: Wishing) {
        if self.sockets.parked.is_some() {
            return self.sockets.queue.push_back(wishing);
        }
        let Wishing { wish, actor, key, reply } = wishing;
        let again = wish.clone();
        let answer = match self.wish(*wish, &actor, key.clone()) {
            Ok(Heard::Later(waits)) => {
                let wishing = Wishing { wish: again, actor, key, reply };
                self.sockets.parked = Some(Parked { wishing, waits, faults: BTreeMap::new() });
                return;
            }
            Ok(Heard::Accepted(followed)) => Ok(followed),
            Err(problem) => Err(problem),
        };
        // Somebody who has gone away meanwhile needs no answer.
        let _ = reply.send(answer);
    }

    /// Goes on with the wish whose sockets have all been answered, and with those behind it.
    pub(super) fn serve_parked(&mut self) {
        if let Some(parked) = self.sockets.parked.take_if(|parked| parked.waits.is_empty()) {
            self.sockets.untidy = true;
            if parked.faults.is_empty() {
                self.hear_wish(parked.wishing);
                // Only for as long as it waited.
                if self.sockets.parked.is_none() {
                    self.sockets.excused.clear();
                }
            } else {
                let words: BTreeSet<String> = parked.faults.into_values().collect();
                self.sockets.excused.clear();
                let _ = parked.wishing.reply.send(Err(cannot_listen(words)));
            }
        }
        while self.sockets.parked.is_none()
            && let Some(next) = self.sockets.queue.pop_front()
        {
            self.hear_wish(next);
        }
        self.tidy_sockets();
        self.keeper.flush();
    }

    /// Asks for the sockets of everything that a wish starts. Gives those that are not there yet.
    ///
    /// # Errors
    /// Two apps want the same address: 409 `cannot_listen`.
    pub(super) fn bind_beforehand(&mut self, asks: &[Ask]) -> Result<BTreeMap<String, AppName>, Problem> {
        let begun: Vec<(AppName, Socket)> = asks.iter().flat_map(|ask| self.begun_by(ask)).collect();
        let Needs { faults, bind, mut waits } = self.needs(&begun, &|app, address| lets_go(asks, app, address));
        if !faults.is_empty() {
            return Err(cannot_listen(faults));
        }
        for (app, socket) in bind {
            if waits.insert(socket.handle.clone(), app).is_none() {
                self.bind_socket(&socket);
            }
        }
        Ok(waits)
    }

    /// Looks among our own sockets for those that are to be there. `lets_go`: whether an app gives up an address by the same wish.
    pub(super) fn needs(&self, begun: &[(AppName, Socket)], lets_go: &dyn Fn(&AppName, &ListenAddress) -> bool) -> Needs {
        let mut needs = Needs::default();
        for (at, (app, socket)) in begun.iter().enumerate() {
            let Socket { handle, listen, own, .. } = socket;
            if self.sockets.excused.contains(handle) {
                continue;
            }
            if let Some(place) = self.sockets.there.get(handle) {
                needs.waits.extend((!place.held).then(|| (handle.clone(), app.clone())));
                continue;
            }
            let address = &listen.address;
            let twin = begun[..at]
                .iter()
                .find(|(_, other)| other.handle != *handle && other.listen.address == *address && !(*own && other.own));
            if let Some((other, _)) = twin.filter(|(other, _)| other != app) {
                needs.faults.insert(format!("{app}: {address} is where `{other}` would listen too"));
                continue;
            }
            match self.others_at(address, handle).filter(|(_, other)| !(*own && other.own)) {
                // Its lives are still there; the birth waits until they have gone.
                Some((other, _)) if other == *app || lets_go(&other, address) => {}
                Some((other, _)) => {
                    _ = needs.faults.insert(format!("{app}: {address} is held for the app `{other}`, which listens there too"))
                }
                None => needs.bind.push((app.clone(), socket.clone())),
            }
        }
        needs
    }

    /// Whether a process that is in the way of a socket is a life of the very app whose socket it is: it has bound the address itself, or has it
    /// from a keeper that is gone, and makes room for its successor.
    pub(super) fn goes_with_the_wish(&self, handle: &str, pid: u32) -> bool {
        let Some(slot) = Socket::slot_of(handle) else { return false };
        let mut apps = self.store.state().apps.iter();
        let Some(app) = apps.find(|app| app.slot_ids.values().any(|id| *id == slot)) else { return false };
        let lives = self.lives.remembered().lives.values().filter(|life| life.slot.app == *app.name() && life.ended.is_none());
        lives.filter_map(|life| life.pid).any(|leader| leader == pid || sys::lives::descends_from(pid, leader))
    }

    /// The sockets of what an ask starts.
    fn begun_by(&self, ask: &Ask) -> Vec<(AppName, Socket)> {
        match ask {
            Ask::Define { definition, run: true, slot_ids, .. } => {
                let spec = &definition.spec;
                sockets_of_slots(spec, slot_ids, &|index| index < spec.instances)
            }
            Ask::Start(target) | Ask::Restart(target) | Ask::Reset(target) => self.stored_sockets(target),
            Ask::Reload { app, .. } => self.stored_sockets(&Target { app: app.clone(), slots: None }),
            Ask::Define { .. } | Ask::Stop(_) | Ask::Delete(_) | Ask::Shutdown => Vec::new(),
        }
    }

    fn stored_sockets(&self, target: &Target) -> Vec<(AppName, Socket)> {
        let Some(app) = self.store.state().app(&target.app) else { return Vec::new() };
        let spec = &app.definition.spec;
        let meant = |index| index < spec.instances && target.slots.as_ref().is_none_or(|slots| slots.contains(&index));
        sockets_of_slots(spec, &app.slot_ids, &meant)
    }
}

/// Whether a wish takes an address away from an app.
fn lets_go(asks: &[Ask], app: &AppName, address: &ListenAddress) -> bool {
    asks.iter().any(|ask| match ask {
        Ask::Define { definition, run, .. } if definition.spec.name == *app => {
            !run || definition.spec.listen.iter().all(|listen| listen.address != *address)
        }
        Ask::Delete(apps) => apps.contains(app),
        Ask::Stop(targets) => targets.iter().any(|target| target.app == *app && target.slots.is_none()),
        _ => false,
    })
}

pub(super) fn cannot_listen(words: BTreeSet<String>) -> Problem {
    let detail = words.into_iter().collect::<Vec<_>>().join("\n");
    Problem::new(409, "cannot_listen", detail).hint("nothing was started; mend this and try again")
}
