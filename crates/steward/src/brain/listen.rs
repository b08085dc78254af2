//! What lives say about themselves: their channels, from the birth to the end.

use super::Brain;
use super::last_words::Leaving;
use crate::birth::Own;
use crate::channel::{self, Asked, Desk, Ear, Errand, Gift, Hearer, Shelf, Wish, hear, hear_feed, hear_node};
use crate::log::say;
use crate::sockets::room_taken;
use engine::Bear;
use model::{Definition, InstanceId, Readiness, SlotId};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use sys::stream::hold_fifo;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use wire::{Channels, Request};

/// Wishes about stored descriptors that wait.
const GIFTS: usize = 8;
/// What the keeper says when it has done all that the desk asked.
pub(super) const DESK: &str = "desk";

/// Everything about channels.
#[derive(Debug)]
pub(crate) struct Voices {
    /// Sockets of lives that are not listened to yet.
    pub(super) fresh: BTreeMap<InstanceId, OwnedFd>,
    /// Lines of births that wait until the socket of the life is on its way to the keeper.
    births: BTreeMap<InstanceId, Vec<Request>>,
    /// Who is listened to; without a task while the keeper is asked for our end.
    ears: BTreeMap<InstanceId, Option<JoinHandle<()>>>,
    /// By which listeners to sockets are told that the process of their life has ended.
    pub(super) overs: BTreeMap<InstanceId, Arc<Notify>>,
    /// Lives whose end is told when they have been heard to it.
    pub(super) leaving: BTreeMap<InstanceId, Leaving>,
    /// What the keeper holds for channels.
    pub(super) held: BTreeSet<String>,
    pub(super) desk: Desk,
    shelf: Shelf,
    gifts: mpsc::Sender<Gift>,
    given: mpsc::Receiver<Gift>,
}

impl Voices {
    pub(super) fn new() -> Voices {
        let (gifts, given) = mpsc::channel(GIFTS);
        Voices {
            fresh: BTreeMap::new(),
            births: BTreeMap::new(),
            ears: BTreeMap::new(),
            overs: BTreeMap::new(),
            leaving: BTreeMap::new(),
            held: BTreeSet::new(),
            desk: Desk::default(),
            shelf: Shelf::default(),
            gifts,
            given,
        }
    }

    /// Whether the keeper has been asked for the socket of a life.
    pub(super) fn is_asked_for(&self, instance: InstanceId) -> bool {
        self.desk.is_busy(&wire::handles(&instance.to_string()).notify)
    }

    /// The next wish about stored descriptors.
    pub(super) async fn next(&mut self) -> Gift {
        match self.given.recv().await {
            Some(gift) => gift,
            // Never: one sender is ours.
            None => std::future::pending().await,
        }
    }
}

impl Brain {
    /// Makes what a life gets besides its output streams.
    pub(super) fn make_channels(&mut self, bear: &Bear) -> io::Result<Own> {
        let instance = bear.life.instance;
        let name = instance.to_string();
        let spec = &bear.definition.spec;
        let held = wire::handles(&name);
        let mut own = Own { channels: Channels { stdin: spec.stdin, ..Channels::default() }, env: BTreeMap::new() };
        let mut given: Vec<(String, String)> =
            self.sockets_of(bear).into_iter().map(|socket| (socket.handle, socket.listen.name)).collect();
        // What is numbered by us comes behind the sockets.
        let behind = 3 + room_taken(spec);
        let mut say = |key: &str, value: String| _ = own.env.insert(key.to_owned(), value);
        match spec.channel() {
            Some(Readiness::Notify) => {
                let place = self.place_of(&bear.definition, &name).ok_or(io::ErrorKind::InvalidFilename)?;
                let socket = channel::make(&place)?;
                self.voices.desk.add(Errand::Take { handle: held.notify, fd: socket.try_clone()? });
                self.voices.fresh.insert(instance, socket);
                say("NOTIFY_SOCKET", place.shown);
                if let Some(watchdog) = spec.watchdog {
                    say("WATCHDOG_USEC", watchdog.as_micros().to_string());
                }
                given.extend(self.voices.shelf.of(bear.life.slot_id));
            }
            Some(Readiness::Fd { number }) => {
                let number = number.unwrap_or(behind);
                say("READY_FD", number.to_string());
                own.channels.ready = Some(number);
                self.voices.held.insert(held.ready);
            }
            Some(Readiness::NodeIpc) => {
                say("NODE_CHANNEL_FD", behind.to_string());
                say("NODE_CHANNEL_SERIALIZATION_MODE", "json".to_owned());
                own.channels.ipc = Some(behind);
                self.voices.held.extend([held.ipc, held.ipc_child]);
            }
            _ => {}
        }
        if !given.is_empty() {
            let (handles, names): (Vec<_>, Vec<_>) = given.into_iter().unzip();
            own.env.insert("LISTEN_FDS".to_owned(), handles.len().to_string());
            own.env.insert("LISTEN_FDNAMES".to_owned(), names.join(":"));
            own.channels.given = handles;
        }
        Ok(own)
    }

    /// Says the lines of a birth, right behind those by which the keeper gets the socket by which the life speaks: it holds that when it comes to
    /// these. If the life began before that and we were gone, it would speak to nobody.
    pub(super) fn say_birth(&mut self, instance: InstanceId, lines: Vec<Request>) {
        if self.voices.is_asked_for(instance) {
            self.voices.births.insert(instance, lines);
            return self.serve_desk();
        }
        self.say_lines(instance, &lines);
    }

    fn say_lines(&mut self, instance: InstanceId, lines: &[Request]) {
        lines.iter().for_each(|request| self.keeper.say(request));
        self.keeper.say(&Request::new("echo").field(format!("bear-{instance}")));
    }

    /// Whether a birth waited and follows no more.
    pub(super) fn give_up_birth(&mut self, instance: InstanceId) -> bool {
        self.voices.births.remove(&instance).is_some()
    }

    fn place_of(&self, definition: &Definition, name: &str) -> Option<channel::Place> {
        let user = definition.spec.identity.user.as_deref();
        channel::place_of(&self.me.home, name, user.is_some_and(|user| !matches!(user, "root" | "0")))
    }

    /// The keeper has forked it: what is the child's alone is let go of, or its end would never be seen.
    pub(super) fn child_has_its_own(&mut self, instance: InstanceId) {
        let child = wire::handles(&instance.to_string()).ipc_child;
        if self.voices.held.remove(&child) {
            self.keeper.say(&Request::new("fd.delete").field(child));
        }
    }

    /// Begins to listen. What was said before waits in the channel.
    pub(super) fn listen(&mut self, instance: InstanceId, ready: &Readiness) {
        if self.voices.ears.contains_key(&instance) {
            return;
        }
        let held = wire::handles(&instance.to_string());
        let task = match ready {
            Readiness::Notify => match self.voices.fresh.remove(&instance) {
                Some(socket) => self.begin_to_hear(instance, socket),
                None if self.voices.held.contains(&held.notify) => self.ask_for(held.notify),
                None => self.bind_again(instance),
            },
            Readiness::Fd { .. } => match hold_fifo(Path::new(&held.ready_path), true) {
                Ok(fifo) => Some(tokio::spawn(hear_feed(fifo, self.hearer(instance)))),
                Err(error) => {
                    say!("failed to listen at {}: {error}", held.ready_path);
                    None
                }
            },
            Readiness::NodeIpc if self.voices.held.contains(&held.ipc) => self.ask_for(held.ipc),
            // A channel of Node goes with the keeper that held our end.
            Readiness::Log { pattern } => return self.listen_log(instance, pattern),
            Readiness::NodeIpc | Readiness::Probe(_) | Readiness::After(_) => return,
        };
        self.voices.ears.insert(instance, task);
        self.serve_desk();
    }

    fn hearer(&self, instance: InstanceId) -> Hearer {
        Hearer { instance, tell: self.tell.clone(), gifts: self.voices.gifts.clone() }
    }

    fn ask_for(&mut self, handle: String) -> Option<JoinHandle<()>> {
        self.voices.desk.add(Errand::Give { handle });
        None
    }

    fn begin_to_hear(&mut self, instance: InstanceId, socket: OwnedFd) -> Option<JoinHandle<()>> {
        let record = self.lives.remembered().lives.get(&instance)?;
        let life = self.traces(record);
        let identity = self.store.state().app(&record.slot.app).map(|app| &app.definition.spec.identity);
        let owner = identity.and_then(|identity| self.owner_of(identity).ok().flatten());
        let uid = owner.map_or_else(|| rustix::process::geteuid().as_raw(), |owner| owner.uid);
        let ear = Ear { instance, life, uid, tell: self.tell.clone(), gifts: self.voices.gifts.clone() };
        let over = Arc::new(Notify::new());
        self.voices.overs.insert(instance, over.clone());
        Some(tokio::spawn(hear(socket, ear, over)))
    }

    /// The socket went with its keeper: another at the same path. What was sent to the old one is lost.
    fn bind_again(&mut self, instance: InstanceId) -> Option<JoinHandle<()>> {
        let name = instance.to_string();
        let slot = &self.lives.remembered().lives.get(&instance)?.slot;
        let definition = self.store.state().app(&slot.app)?.definition.clone();
        let place = self.place_of(&definition, &name)?;
        let made = channel::make(&place).and_then(|socket| Ok((socket.try_clone()?, socket)));
        match made {
            Ok((copy, socket)) => {
                self.voices.desk.add(Errand::Take { handle: wire::handles(&name).notify, fd: copy });
                self.begin_to_hear(instance, socket)
            }
            Err(error) => {
                say!("failed to make the socket {} anew: {error}", place.shown);
                None
            }
        }
    }

    /// Hands the keeper the next descriptors, or asks for one.
    pub(super) fn serve_desk(&mut self) {
        while let Some(errand) = self.voices.desk.next() {
            let born = match errand {
                Errand::Take { handle, fd } => {
                    self.keeper.say_with(&Request::new("fd.take").field(&handle), fd);
                    handle.strip_suffix(".notify").and_then(|name| name.parse::<InstanceId>().ok())
                }
                Errand::Give { handle } => {
                    self.keeper.say(&Request::new("fd.give").field(&handle));
                    None
                }
            };
            self.keeper.say(&Request::new("echo").field(DESK));
            // Also if the keeper has no room for the socket: then it goes with us, as the life may never see.
            if let Some((instance, lines)) = born.and_then(|instance| self.voices.births.remove_entry(&instance)) {
                self.say_lines(instance, &lines);
            }
        }
    }

    /// The keeper has answered the desk.
    pub(super) fn after_desk(&mut self) {
        let refusal = self.refusal.take();
        let came = self.keeper.came();
        let done = self.voices.desk.done();
        match done {
            Some(Asked::Take(handle)) if handle.starts_with('s') => {
                let wanted = self.voices.shelf.held(&handle, refusal.is_none());
                if !wanted && refusal.is_none() {
                    self.keeper.say(&Request::new("fd.delete").field(handle));
                }
            }
            Some(Asked::Take(handle)) if handle.starts_with('b') => self.socket_taken(&handle, refusal.is_none()),
            Some(Asked::Take(handle)) if refusal.is_none() => self.take_held(handle),
            Some(Asked::Give(handle)) => self.take_given(&handle, came),
            Some(Asked::Take(_)) | None => {}
        }
        self.serve_desk();
        self.tell_ends();
    }

    /// The keeper holds something for a life, unless that is over meanwhile.
    fn take_held(&mut self, handle: String) {
        let life = handle.split('.').next().and_then(|name| name.parse::<InstanceId>().ok());
        if life.is_some_and(|life| self.lives.remembered().lives.contains_key(&life)) {
            self.voices.held.insert(handle);
        } else {
            self.keeper.say(&Request::new("fd.delete").field(handle));
        }
    }

    fn take_given(&mut self, handle: &str, came: Option<OwnedFd>) {
        let Some((name, part)) = handle.split_once('.') else { return };
        let Ok(instance) = name.parse::<InstanceId>() else { return };
        if !self.voices.ears.contains_key(&instance) {
            return;
        }
        let task = match (part, came) {
            ("notify", Some(socket)) => self.begin_to_hear(instance, socket),
            ("notify", None) => self.bind_again(instance),
            (_, Some(channel)) => Some(tokio::spawn(hear_node(channel, self.hearer(instance)))),
            (_, None) => None,
        };
        self.voices.ears.insert(instance, task);
        self.say_over(instance);
    }

    /// A life has ended, and nothing of it is left.
    pub(super) fn close_channels(&mut self, instance: InstanceId) {
        let (name, voices) = (instance.to_string(), &mut self.voices);
        let begin = format!("{name}.");
        voices.fresh.remove(&instance);
        voices.overs.remove(&instance);
        voices.leaving.remove(&instance);
        if let Some(Some(task)) = voices.ears.remove(&instance) {
            task.abort();
        }
        voices.desk.forget(&begin);
        for handle in voices.held.extract_if(.., |handle| handle.starts_with(&begin)) {
            self.keeper.say(&Request::new("fd.delete").field(handle));
        }
        channel::forget(&self.me.home, &name);
        self.clear_shelf();
    }

    /// Lets go of what lives have left to slots that nobody wishes to run any more.
    pub(super) fn clear_shelf(&mut self) {
        let kept = self.voices.shelf.slots();
        if kept.is_empty() {
            return;
        }
        let wished: BTreeSet<SlotId> = self.engine.slots().into_iter().filter(|view| view.wished).map(|view| view.id).collect();
        for slot in kept.into_iter().filter(|slot| !wished.contains(slot)) {
            self.drop_stored(slot, None);
        }
    }

    fn drop_stored(&mut self, slot: SlotId, name: Option<&str>) {
        for handle in self.voices.shelf.remove(slot, name) {
            self.keeper.say(&Request::new("fd.delete").field(handle));
        }
    }

    /// A life wants descriptors to be kept for its successor, or not any more.
    pub(super) fn take_gift(&mut self, gift: Gift) {
        if let Wish::Settle(done) = gift.wish {
            self.take_up();
            self.settle();
            let _ = done.send(());
            return;
        }
        let Some(life) = self.lives.remembered().lives.get(&gift.instance) else { return };
        let slot = life.slot_id;
        match gift.wish {
            Wish::Over => self.heard_to_the_end(gift.instance),
            Wish::Settle(_) => {}
            Wish::Drop(name) => self.drop_stored(slot, Some(&name)),
            Wish::Keep(name, fds) => {
                for fd in fds {
                    match self.voices.shelf.put(slot, &name, sys::datagram::same_thing(&fd)) {
                        Ok(Some(handle)) => self.voices.desk.add(Errand::Take { handle, fd }),
                        Ok(None) => {}
                        Err(why) => say!("{}: a descriptor `{name}` is not stored: {why}", gift.instance),
                    }
                }
                self.serve_desk();
            }
        }
    }

    /// After a start: what the keeper holds for channels is known again. What is read without being asked for is read at once, so that no
    /// app waits for room.
    pub(super) fn recall_channels(&mut self, held: BTreeSet<String>) {
        self.voices.shelf.recall(&held);
        let is_channel = |name: &&String| ["notify", "ready", "ipc"].iter().any(|part| name.ends_with(&format!(".{part}")));
        let channels: Vec<String> = held.iter().filter(is_channel).cloned().collect();
        self.voices.held.extend(channels.iter().cloned());
        for handle in channels {
            let Some((name, part)) = handle.split_once('.') else { continue };
            let Ok(instance) = name.parse() else { continue };
            match part {
                "ready" => self.listen(instance, &Readiness::Fd { number: None }),
                "ipc" => self.listen(instance, &Readiness::NodeIpc),
                _ => {}
            }
        }
    }

    /// The keeper is another than the one that bore it: it holds what has a path.
    pub(super) fn adopt_channels(&mut self, instance: InstanceId) {
        let held = wire::handles(&instance.to_string());
        if Path::new(&held.ready_path).exists() && self.voices.held.insert(held.ready.clone()) {
            let open = Request::new("fd.open").field(&held.ready).field("read,nonblock").field(&held.ready_path);
            self.keeper.say(&open);
        }
    }
}
