//! One thread for each file system with logs on it, so that a disk that hangs stops its own streams only.
//!
//! The main loop works for the file system of the home, and holds the steward's link. For every other one there is a *lane*: the same loop
//! (core, hands, poller) in a thread of its own, whose link is one end of a socket pair, with the main loop at the other. What the steward says is
//! routed by the file it concerns; what a lane says is passed on as it is. So nobody shares any state, and no lane is ever waited for.
//!
//! Which file system a path lies on is read from the list of mounts ([`Mounts`]), since asking the file itself may hang. A file stays where
//! its streams are, whatever is mounted meanwhile: two loops never write one file.

use super::perform::log_line;
use super::relay::Sums;
use super::run::{LANES, MOST_LANES, lane};
use crate::core::Core;
use model::{FromScribe, LINK_MESSAGE_LIMIT, StreamId, ToScribe};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use sys::handle::{Family, Shape, socket_pair};
use sys::mounts::{Device, Mounts};
use sys::poll::{Interest, Poller, Ready};
use sys::stream::{self, Received};

/// Messages kept for a lane that hangs. Beyond that it is brought up to date by another `Hello`, as a new scribe would be.
const QUEUE: usize = 4096;
/// How long the answers of lanes are waited for.
const ASK_PATIENCE_NS: u64 = 2_000_000_000;
/// How long lanes have to end after the main loop has.
const FAREWELL: Duration = Duration::from_millis(1500);

/// The main loop's side of all lanes.
#[derive(Debug)]
pub(super) struct Lanes {
    home: PathBuf,
    home_device: Option<Device>,
    root_device: Option<Device>,
    mounts: Mounts,
    pub sums: Arc<Sums>,
    lanes: Vec<Lane>,
    /// Streams in lanes, with their files.
    streams: BTreeMap<StreamId, (usize, Vec<String>)>,
    asked: BTreeMap<u64, Asked>,
    /// What a new lane has to be told: whether anybody watches, and the budget.
    standing: [Option<ToScribe>; 2],
    /// For the steward.
    out: VecDeque<Vec<u8>>,
    /// His link has no room; no lane is listened to meanwhile.
    stuck: bool,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Lane {
    device: Device,
    link: OwnedFd,
    queue: VecDeque<Vec<u8>>,
    /// Its queue was full, and has been thrown away.
    overrun: bool,
    ended: bool,
    watched: Interest,
}

/// A question to everybody.
#[derive(Debug)]
struct Asked {
    home: bool,
    waiting: BTreeSet<usize>,
    until: u64,
    failed: Option<(String, String)>,
}

impl Lanes {
    /// To be called in the home.
    pub fn new(home: &Path) -> Lanes {
        let mut lanes = Lanes {
            home: std::env::current_dir().unwrap_or_else(|_| home.to_owned()),
            home_device: None,
            root_device: None,
            mounts: Mounts::read().unwrap_or_default(),
            sums: Arc::default(),
            lanes: Vec::new(),
            streams: BTreeMap::new(),
            asked: BTreeMap::new(),
            standing: [None, None],
            out: VecDeque::new(),
            stuck: false,
            buffer: Vec::new(),
        };
        lanes.home_device = lanes.mounts.device_of(&lanes.home, |_| false);
        lanes.root_device = lanes.mounts.device_of(Path::new("/"), |_| false);
        lanes
    }

    fn device_of(&mut self, file: &str) -> Option<Device> {
        self.mounts.refresh();
        let trusted = |device: &Device| Some(device) == self.home_device.as_ref() || Some(device) == self.root_device.as_ref();
        self.mounts.device_of(&self.home.join(file), trusted)
    }

    /// Whether the home's own folder for logs is the main loop's to look after.
    pub fn has_own_logs(&mut self) -> bool {
        self.device_of("logs") == self.home_device
    }

    /// Where a file belongs; `None` = to the main loop.
    fn place_of(&mut self, file: &str, at_home: bool, poller: &Poller) -> Option<usize> {
        if at_home {
            return None;
        }
        if let Some((at, _)) = self.streams.values().find(|(_, theirs)| theirs.iter().any(|one| one == file)) {
            return Some(*at);
        }
        let device = self.device_of(file).filter(|device| Some(device) != self.home_device.as_ref())?;
        if let Some(at) = self.lanes.iter().position(|lane| lane.device == device) {
            return Some(at);
        }
        if self.lanes.len() == MOST_LANES {
            return Some(MOST_LANES - 1);
        }
        match self.begin(device, poller) {
            Ok(at) => Some(at),
            Err(error) => {
                log_line(&format!("failed to start a thread for the logs on another file system: {error}"));
                None
            }
        }
    }

    fn begin(&mut self, device: Device, poller: &Poller) -> io::Result<usize> {
        let at = self.lanes.len();
        let (ours, theirs) = socket_pair(Family::Unix, Shape::Seqpacket, true)?;
        let own_logs = self.device_of("logs").as_ref() == Some(&device);
        let watched = Interest { read: !self.stuck, ..Interest::default() };
        poller.add(&ours, LANES + at as u64, watched)?;
        let sums = Arc::clone(&self.sums);
        let home = self.home.clone();
        sys::thread::start("abide-lane", move || {
            if let Err((what, error)) = lane(home, theirs, at + 1, sums, own_logs) {
                log_line(&format!("a lane failed to {what}: {error}"));
            }
        })?;
        self.lanes.push(Lane { device, link: ours, queue: VecDeque::new(), overrun: false, ended: false, watched });
        for message in self.standing.clone().into_iter().flatten() {
            self.tell(at, &message, poller);
        }
        Ok(at)
    }

    /// Takes what the steward says. Returns what of it the main loop's own core is to hear.
    pub fn route(&mut self, message: ToScribe, poller: &Poller, core: &Core) -> Option<ToScribe> {
        let place = match &message {
            ToScribe::Open { id, file, form, .. } => {
                // All who write the second file are in one lane, so it comes first.
                let files = form.also.iter().chain([file]).cloned().collect();
                return self.route_open(*id, files, message, poller, core);
            }
            ToScribe::Born { id } | ToScribe::Ended { id } => self.streams.get(id).map(|(at, _)| *at),
            ToScribe::Close { id } => self.streams.remove(id).map(|(at, _)| at),
            ToScribe::Policy { file, .. } | ToScribe::Rotate { file } | ToScribe::Clear { file, .. } => {
                self.place_of(file, core.has_file(file), poller)
            }
            ToScribe::Reopen { ask } => {
                if !self.lanes.is_empty() {
                    let waiting = (0..self.lanes.len()).collect();
                    let until = sys::clock::now() + ASK_PATIENCE_NS;
                    self.asked.insert(*ask, Asked { home: false, waiting, until, failed: None });
                }
                return self.tell_all(message, poller);
            }
            ToScribe::Watch { .. } | ToScribe::Budget { .. } => {
                self.standing[usize::from(matches!(message, ToScribe::Budget { .. }))] = Some(message.clone());
                return self.tell_all(message, poller);
            }
            ToScribe::Finish => return self.tell_all(message, poller),
        };
        let Some(at) = place else { return Some(message) };
        self.tell(at, &message, poller);
        None
    }

    fn route_open(
        &mut self,
        id: StreamId,
        files: Vec<String>,
        message: ToScribe,
        poller: &Poller,
        core: &Core,
    ) -> Option<ToScribe> {
        let at_home = files.iter().any(|file| core.has_file(file));
        let to = files.iter().find_map(|file| self.place_of(file, at_home, poller));
        // A stream whose file lies elsewhere from now on: whoever had it lets go of it first.
        let before = self.streams.remove(&id);
        if let Some((at, _)) = before.filter(|(at, _)| Some(*at) != to) {
            self.tell(at, &ToScribe::Close { id }, poller);
        }
        let Some(at) = to else { return Some(message) };
        self.streams.insert(id, (at, files));
        self.tell(at, &message, poller);
        core.has_stream(id).then_some(ToScribe::Close { id })
    }

    fn tell_all(&mut self, message: ToScribe, poller: &Poller) -> Option<ToScribe> {
        (0..self.lanes.len()).for_each(|at| self.tell(at, &message, poller));
        Some(message)
    }

    fn tell(&mut self, at: usize, message: &ToScribe, poller: &Poller) {
        let Ok(text) = serde_json::to_vec(message) else { return };
        let lane = &mut self.lanes[at];
        if lane.queue.len() >= QUEUE {
            // It is told everything again when it wakes.
            lane.queue.clear();
            lane.overrun = true;
        }
        if !lane.overrun {
            lane.queue.push_back(text);
        }
        self.flush_lane(at, poller);
    }

    fn flush_lane(&mut self, at: usize, poller: &Poller) {
        let lane = &mut self.lanes[at];
        while let Some(text) = lane.queue.front() {
            if !matches!(stream::send(&lane.link, text), Ok(true)) {
                break;
            }
            lane.queue.pop_front();
        }
        self.watch(at, poller);
    }

    fn watch(&mut self, at: usize, poller: &Poller) {
        let lane = &mut self.lanes[at];
        let interest = Interest { read: !self.stuck, write: lane.overrun || !lane.queue.is_empty(), edge: false };
        if !lane.ended && std::mem::replace(&mut lane.watched, interest) != interest {
            let _ = poller.change(&lane.link, LANES + at as u64, interest);
        }
    }

    /// A lane has something to say, or room. An error means that one has ended that was not to.
    pub fn ready(&mut self, at: usize, ready: &Ready, poller: &Poller, link: &OwnedFd) -> io::Result<()> {
        if ready.writable && at < self.lanes.len() {
            if std::mem::take(&mut self.lanes[at].overrun) {
                let hello = FromScribe::Hello { pid: std::process::id() };
                self.out.extend(serde_json::to_vec(&hello));
            }
            self.flush_lane(at, poller);
        }
        if ready.readable || ready.hangup {
            self.listen(at);
        }
        self.flush(poller, link);
        match self.lanes.get(at).filter(|lane| lane.ended) {
            Some(lane) => {
                let _ = poller.remove(&lane.link);
                Err(io::Error::other("a lane has ended"))
            }
            None => Ok(()),
        }
    }

    /// Takes what a lane says, as long as the steward keeps up.
    fn listen(&mut self, at: usize) {
        self.buffer.resize(LINK_MESSAGE_LIMIT, 0);
        // One message at a time may be stuck; a few more do no harm.
        while self.out.len() < 64 {
            let Some(lane) = self.lanes.get_mut(at) else { return };
            match stream::receive(&lane.link, &mut self.buffer) {
                Ok(Received::Message(length)) => {
                    let text = self.buffer[..length].to_vec();
                    self.pass_on(at, text);
                }
                Ok(Received::Nothing) => return,
                Ok(Received::TooLong(_)) => {}
                Ok(Received::Gone) | Err(_) => {
                    lane.ended = true;
                    return;
                }
            }
        }
    }

    fn pass_on(&mut self, at: usize, text: Vec<u8>) {
        match serde_json::from_slice::<FromScribe>(&text) {
            Ok(FromScribe::Hello { .. }) => {}
            Ok(FromScribe::Did { ask, failed }) if self.asked.contains_key(&ask) => {
                if let Some(asked) = self.asked.get_mut(&ask) {
                    asked.waiting.remove(&at);
                    asked.failed = asked.failed.take().or(failed);
                }
                self.conclude();
            }
            Ok(FromScribe::Sealed { id, .. }) => {
                self.streams.remove(&id);
                self.out.push_back(text);
            }
            Ok(_) => self.out.push_back(text),
            Err(error) => log_line(&format!("ignored what a lane says: {error}")),
        }
    }

    /// The main loop's own core has done what was asked. True: it is the steward who is to hear that; otherwise others have to answer too.
    pub fn home_did(&mut self, ask: u64, failed: &Option<(String, String)>) -> bool {
        let Some(asked) = self.asked.get_mut(&ask) else { return true };
        asked.home = true;
        asked.failed = asked.failed.take().or_else(|| failed.clone());
        self.conclude();
        false
    }

    /// Tells the steward what everybody has answered, or has had time to.
    pub fn conclude(&mut self) {
        let now = sys::clock::now();
        let done = |asked: &Asked| asked.home && (asked.waiting.is_empty() || now >= asked.until);
        let over: Vec<u64> = self.asked.iter().filter(|(_, asked)| done(asked)).map(|(ask, _)| *ask).collect();
        for (ask, asked) in over.iter().filter_map(|ask| Some((*ask, self.asked.remove(ask)?))) {
            // A disk that hangs has no better name here.
            let late = asked.waiting.first().map(|at| (format!("device {}", self.lanes[*at].device.0), "ETIMEDOUT".to_owned()));
            self.out.extend(serde_json::to_vec(&FromScribe::Did { ask, failed: asked.failed.or(late) }));
        }
    }

    /// When [`Hands::lanes_due`] is to be called.
    pub fn deadline(&self) -> Option<u64> {
        self.asked.values().filter(|asked| asked.home).map(|asked| asked.until).min()
    }

    /// Whether the steward's link has to be watched for room.
    pub fn waits_for_room(&self) -> bool {
        self.stuck
    }

    /// Sends what is to be sent.
    pub fn flush(&mut self, poller: &Poller, link: &OwnedFd) {
        if self.out.is_empty() && !self.stuck {
            return;
        }
        self.send_out(link);
        let stuck = !self.out.is_empty();
        if std::mem::replace(&mut self.stuck, stuck) != stuck {
            (0..self.lanes.len()).for_each(|at| self.watch(at, poller));
        }
    }

    /// After the main loop has ended by `Finish`: lets the lanes end too, for a while. One that hangs is left behind.
    pub fn farewell(&mut self, link: &OwnedFd) -> io::Result<()> {
        const STEWARD: u64 = u64::MAX;
        let end = sys::clock::now() + FAREWELL.as_nanos() as u64;
        let poller = Poller::new()?;
        for (at, lane) in (0..).zip(&self.lanes).filter(|(_, lane)| !lane.ended) {
            poller.add(lane.link.as_fd(), at, Interest { read: true, ..Interest::default() })?;
        }
        poller.add(link, STEWARD, Interest::default())?;
        let mut ready = Vec::new();
        while !self.out.is_empty() || self.lanes.iter().any(|lane| !lane.ended) {
            let now = sys::clock::now();
            if now >= end {
                break;
            }
            poller.change(link, STEWARD, Interest { write: !self.out.is_empty(), ..Interest::default() })?;
            poller.wait(Some(end - now), &mut ready)?;
            for one in &ready {
                let Some(at) = usize::try_from(one.key).ok().filter(|at| *at < self.lanes.len()) else { continue };
                self.listen(at);
                if self.lanes[at].ended {
                    poller.remove(&self.lanes[at].link)?;
                }
            }
            self.send_out(link);
        }
        Ok(())
    }

    fn send_out(&mut self, link: &OwnedFd) {
        while let Some(text) = self.out.front() {
            if matches!(stream::send(link, text), Ok(false)) {
                return;
            }
            // Sent, or there is nobody.
            self.out.pop_front();
        }
    }
}
