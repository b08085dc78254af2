//! Listening sockets of apps: bound before a birth and before a wish is accepted (see `parked`), held over every life, let go of when nobody may
//! come to want them.
//!
//! The keeper binds and answers later: a birth waits for it. What it refuses is looked into beside the loop, and then the birth has failed for
//! want of something.

use super::Brain;
use super::hear::errno_in;
use super::parked::{Parked, Wishing};
use crate::channel::Errand;
use crate::log::say;
use crate::sockets::{Obstacle, Refused, Socket, explain, of_life, regain};
use crate::store::StoredApp;
use crate::time::now;
use engine::{Bear, Event, SlotView};
use model::{AppName, AppSpec, End, InstanceId, Listen, ListenAddress, SlotId, Stage, Status};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use tokio::task::JoinSet;
use wire::Request;

/// Everything about listening sockets.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// Those that the keeper has or has been asked for, by its names.
    pub(super) there: BTreeMap<String, Place>,
    births: Vec<Waiting>,
    /// The wish that waits for its sockets.
    pub(super) parked: Option<Parked>,
    /// Wishes behind it.
    pub(super) queue: VecDeque<Wishing>,
    /// Who is in the way, being found out, by the keeper's names.
    inquiries: JoinSet<(String, Obstacle)>,
    /// Those that a wish need not wait for, since what is in the way goes with it.
    pub(super) excused: BTreeSet<String>,
    /// Somebody may have stopped wanting some.
    pub(super) untidy: bool,
}

#[derive(Debug)]
pub(super) struct Place {
    /// The keeper has it.
    pub(super) held: bool,
    sticky: bool,
    /// Where it is, as far as an earlier steward has not been the one who knew.
    address: Option<ListenAddress>,
}

#[derive(Debug)]
struct Waiting {
    bear: Box<Bear>,
    waits: BTreeSet<String>,
}

impl Sockets {
    /// A state of the dump: what the keeper holds.
    pub(super) fn recall(&mut self, fields: &[String]) {
        let [_, name, kind, rest @ ..] = fields else { return };
        let Some(handle) = Socket::named(name) else { return };
        if kind == "deleted" {
            self.there.remove(handle);
            return;
        }
        let (flags, at) = (rest.first().map_or("", String::as_str), rest.get(1).map_or("", String::as_str));
        let address = match flags.split(',').next() {
            Some("unix") => Some(ListenAddress::Unix(PathBuf::from(at))),
            Some("inet" | "inet6") if flags.contains("dgram") => at.parse().ok().map(ListenAddress::Udp),
            Some("inet" | "inet6") => at.parse().ok().map(ListenAddress::Tcp),
            _ => None,
        };
        let sticky = flags.contains(",sticky=");
        self.there.insert(handle.to_owned(), Place { held: true, sticky, address });
    }

    /// The next that has been found out.
    pub(super) async fn explained(&mut self) -> (String, Obstacle) {
        loop {
            match self.inquiries.join_next().await {
                Some(Ok(found)) => return found,
                // One that broke has no words; its deadline is the next try.
                Some(Err(_)) => {}
                None => return std::future::pending().await,
            }
        }
    }

    /// A birth is not wanted any more; whether it waited here.
    pub(super) fn give_up(&mut self, instance: InstanceId) -> bool {
        let before = self.births.len();
        self.births.retain(|waiting| waiting.bear.life.instance != instance);
        self.births.len() < before
    }

    fn is_awaited(&self, handle: &str) -> bool {
        let by_birth = self.births.iter().any(|waiting| waiting.waits.contains(handle));
        by_birth || self.parked.as_ref().is_some_and(|parked| parked.waits.contains_key(handle))
    }
}

impl Brain {
    /// The sockets that a life gets, in order.
    pub(super) fn sockets_of(&self, bear: &Bear) -> Vec<Socket> {
        let spec = &bear.definition.spec;
        if spec.listen.is_empty() {
            return Vec::new();
        }
        let first = self.store.state().app(&spec.name).and_then(|app| app.slot_ids.get(&0).copied());
        of_life(spec, first.unwrap_or(bear.life.slot_id), bear.life.slot_id)
    }

    /// Lets a birth pass whose sockets are there; else it waits for them.
    pub(super) fn through_sockets(&mut self, bear: Box<Bear>) -> Option<Box<Bear>> {
        let mut waits = BTreeSet::new();
        for socket in self.sockets_of(&bear) {
            match self.sockets.there.get(&socket.handle) {
                Some(place) if place.held => keep_mode(&socket.listen),
                Some(_) => _ = waits.insert(socket.handle),
                None => {
                    self.bind_socket(&socket);
                    waits.insert(socket.handle);
                }
            }
        }
        if waits.is_empty() {
            return Some(bear);
        }
        self.sockets.births.push(Waiting { bear, waits });
        None
    }

    pub(super) fn bind_socket(&mut self, socket: &Socket) {
        let address = Some(socket.listen.address.clone());
        let place = Place { held: false, sticky: socket.sticky, address };
        self.sockets.there.insert(socket.handle.clone(), place);
        self.keeper.say(&socket.request());
    }

    /// The keeper says what it holds.
    pub(super) fn take_socket_state(&mut self, fields: &[String]) {
        let Some(handle) = fields.get(1).and_then(|name| Socket::named(name)) else { return };
        if fields.get(2).is_some_and(|kind| kind == "socket") {
            self.socket_held(handle);
        }
    }

    /// The keeper has refused to bind one. `true`: it was that.
    pub(super) fn take_socket_refusal(&mut self, text: &str) -> bool {
        let Some((_, command)) = text.split_once("for command \"fd.socket\t") else { return false };
        let handle = command.split('\t').next().unwrap_or_default();
        let Some(place) = self.sockets.there.get(handle).filter(|place| !place.held) else { return false };
        let (handle, address) = (handle.to_owned(), place.address.clone());
        let Some(address) = address else { return false };
        if let Some((app, _)) = self.others_at(&address, &handle) {
            let why = format!("{address} is held for the app `{app}`, which listens there too");
            self.socket_refused(&handle, Obstacle { why, pid: None });
        } else {
            let refused = Refused { address, errno: errno_in(text), uid: rustix::process::geteuid().as_raw() };
            self.sockets.inquiries.spawn_blocking(move || (handle, explain(&refused)));
        }
        true
    }

    /// The keeper has answered the desk about a socket that came from a life.
    pub(super) fn socket_taken(&mut self, handle: &str, good: bool) {
        if good {
            self.socket_held(handle);
        } else {
            self.socket_refused(handle, Obstacle { why: "the keeper did not take its socket".to_owned(), pid: None });
        }
    }

    fn socket_held(&mut self, handle: &str) {
        let Some(place) = self.sockets.there.get_mut(handle) else { return };
        if std::mem::replace(&mut place.held, true) {
            return;
        }
        if place.sticky {
            self.spread(handle);
        }
        if let Some(parked) = &mut self.sockets.parked {
            parked.waits.remove(handle);
        }
        let births = &mut self.sockets.births;
        births.iter_mut().for_each(|waiting| _ = waiting.waits.remove(handle));
        let complete: Vec<Waiting> = births.extract_if(.., |waiting| waiting.waits.is_empty()).collect();
        complete.into_iter().for_each(|waiting| self.begin_birth(waiting.bear));
        self.sockets.untidy = true;
    }

    pub(super) fn socket_refused(&mut self, handle: &str, obstacle: Obstacle) {
        self.sockets.there.remove(handle);
        let goes = obstacle.pid.is_some_and(|pid| self.goes_with_the_wish(handle, pid));
        let Obstacle { why, .. } = obstacle;
        if let Some(parked) = &mut self.sockets.parked
            && let Some(app) = parked.waits.remove(handle)
        {
            if goes {
                self.sockets.excused.insert(handle.to_owned());
            } else {
                parked.faults.insert(handle.to_owned(), format!("{app}: {why}"));
            }
        }
        let failed = self.sockets.births.extract_if(.., |waiting| waiting.waits.contains(handle));
        for instance in failed.map(|waiting| waiting.bear.life.instance) {
            let end = End::NotBorn { stage: Stage::Port, errno: why.clone() };
            self.happenings.push_back(Event::Ended { instance, end, at: now() });
        }
    }

    /// Tells the kernel over how many sockets it spreads the clients of one address.
    fn spread(&mut self, handle: &str) {
        let group = handle.split_once('.').map_or("", |(_, digest)| digest);
        let there = self.sockets.there.iter();
        let held: Vec<&String> =
            there.filter(|(name, place)| place.held && name.ends_with(group)).map(|(name, _)| name).collect();
        if let Some(one) = held.first() {
            self.keeper.say(&Request::new("fd.sticky").field(one).field(held.len().to_string()));
        }
    }

    /// The app that has another socket at an address.
    pub(super) fn others_at(&self, address: &ListenAddress, handle: &str) -> Option<(AppName, Socket)> {
        let at = |(_, socket): &(AppName, Socket)| {
            socket.listen.address == *address && socket.handle != handle && self.sockets.there.contains_key(&socket.handle)
        };
        self.wanted_sockets().into_iter().find(at)
    }

    /// The sockets of all lives that are there or may still be born.
    fn wanted_sockets(&self) -> Vec<(AppName, Socket)> {
        let mut slots: BTreeMap<AppName, BTreeSet<u32>> = BTreeMap::new();
        for view in self.engine.slots().into_iter().filter(may_live) {
            slots.entry(view.slot.app.clone()).or_default().insert(view.slot.index);
        }
        let of = |app: &StoredApp| {
            let live = slots.get(app.name()).cloned().unwrap_or_default();
            specs_of(app)
                .flat_map(|spec| sockets_of_slots(spec, &app.slot_ids, &|index| live.contains(&index)))
                .collect::<Vec<_>>()
        };
        self.store.state().apps.iter().flat_map(of).collect()
    }

    /// Lets go of those that nobody may come to want.
    pub(super) fn tidy_sockets(&mut self) {
        // What a wish has asked for is wanted once it is carried out.
        if self.sockets.parked.is_some() || !std::mem::take(&mut self.sockets.untidy) || self.sockets.there.is_empty() {
            return;
        }
        let wanted: BTreeSet<String> = self.wanted_sockets().into_iter().map(|(_, socket)| socket.handle).collect();
        let there = self.sockets.there.iter();
        let unwanted =
            there.filter(|(handle, place)| place.held && !wanted.contains(*handle) && !self.sockets.is_awaited(handle));
        let unwanted: Vec<String> = unwanted.map(|(handle, _)| handle.clone()).collect();
        unwanted.into_iter().for_each(|handle| self.drop_socket(&handle));
    }

    /// The house ends: no path is left behind.
    pub(super) fn drop_sockets(&mut self) {
        let all: Vec<String> = self.sockets.there.keys().cloned().collect();
        all.into_iter().for_each(|handle| self.drop_socket(&handle));
    }

    fn drop_socket(&mut self, handle: &str) {
        let Some(place) = self.sockets.there.remove(handle) else { return };
        if let Some(ListenAddress::Unix(path)) = &place.address {
            let others = || self.sockets.there.values().any(|other| other.address == place.address);
            if !others()
                && let Err(error) = sys::peer::remove_socket(path)
            {
                say!("failed to remove {}: {error}", path.display());
            }
        }
        self.keeper.say(&Request::new("fd.delete").field(handle));
        if place.sticky {
            self.spread(handle);
        }
    }

    /// Another keeper than the one that bound them: those that a life still has come back from it.
    pub(super) fn regain_sockets(&mut self) {
        let mut regained = Vec::new();
        for app in &self.store.state().apps {
            let first = app.slot_ids.get(&0).copied();
            let lives = self.lives.remembered().lives.values();
            for life in lives.filter(|life| life.slot.app == *app.name() && life.ended.is_none()) {
                let all: Vec<Socket> =
                    specs_of(app).flat_map(|spec| of_life(spec, first.unwrap_or(life.slot_id), life.slot_id)).collect();
                let known = |socket: &&Socket| {
                    let handle = &socket.handle;
                    self.sockets.there.contains_key(handle)
                        || regained.iter().any(|(other, _): &(Socket, _)| other.handle == *handle)
                };
                let mut missing: Vec<&Socket> = all.iter().filter(|socket| !known(socket)).collect();
                missing.dedup_by(|one, other| one.handle == other.handle);
                if !missing.is_empty() {
                    let found = regain(life, &missing);
                    regained.extend(found.into_iter().map(|(at, fd)| (missing[at].clone(), fd)));
                }
            }
        }
        for (socket, fd) in regained {
            say!("{} is had back from a life that listens there", socket.listen.address);
            let place = Place { held: false, sticky: socket.sticky, address: Some(socket.listen.address) };
            self.sockets.there.insert(socket.handle.clone(), place);
            self.voices.desk.add(Errand::Take { handle: socket.handle, fd });
        }
        self.sockets.untidy = true;
        self.serve_desk();
    }
}

/// What an app is, and what it was before a reload that is under way.
fn specs_of(app: &StoredApp) -> impl Iterator<Item = &AppSpec> {
    [Some(&app.definition), app.rolling.as_ref().map(|rolling| &rolling.before)].into_iter().flatten().map(|known| &known.spec)
}

pub(super) fn sockets_of_slots(
    spec: &AppSpec,
    ids: &BTreeMap<u32, SlotId>,
    meant: &dyn Fn(u32) -> bool,
) -> Vec<(AppName, Socket)> {
    let Some(first) = ids.get(&0).filter(|_| !spec.listen.is_empty()) else { return Vec::new() };
    let slots = ids.iter().filter(|(index, _)| meant(**index));
    let mut all: BTreeMap<String, Socket> = BTreeMap::new();
    for socket in slots.flat_map(|(_, id)| of_life(spec, *first, *id)) {
        all.entry(socket.handle.clone()).or_insert(socket);
    }
    all.into_values().map(|socket| (spec.name.clone(), socket)).collect()
}

/// Whether something lives in a slot, or may still be born there without anybody's wish.
fn may_live(view: &SlotView<'_>) -> bool {
    let lives = view.instance.is_some() || view.next.is_some() || !view.leaving.is_empty();
    let rests = matches!(view.status, Status::Errored) || view.status == Status::Completed && view.spec.schedule.is_none();
    lives || view.wished && !rests
}

/// A mode that was changed after the socket was bound.
fn keep_mode(listen: &Listen) {
    let ListenAddress::Unix(path) = &listen.address else { return };
    let mode = listen.mode.unwrap_or(0o600);
    let is = std::fs::symlink_metadata(path).ok().map(|there| there.mode() & 0o777);
    if is.is_some_and(|is| is != mode)
        && let Err(error) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
    {
        say!("failed to change the mode of {}: {error}", path.display());
    }
}
