//! Start, and the loop.

use super::lanes::Lanes;
use super::perform::{Hands, log_line, rescue};
use super::relay::Sums;
use super::worker::Worker;
use crate::core::{Core, Effect, Happening, Now, StreamKey};
use model::{InstanceId, LINK_MESSAGE_LIMIT, LogForm, LogPolicy, Stream, StreamId, Tick, ToScribe, Wall};
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use sys::lock::RoleLock;
use sys::poll::{Interest, Poller, Ready, Signals};
use sys::stream::{self, Received};

/// Where the keeper leaves its control socket for us.
const KEEPER_FD: i32 = 3;
/// Where it leaves the link to the steward.
const LINK_FD: i32 = 4;

const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

// Keys in the poller.
const SIGNALS: u64 = 0;
const KEEPER: u64 = 1;
pub(super) const LINK: u64 = 2;
pub(super) const WORKER: u64 = 3;
pub(super) const LANES: u64 = 4;
pub(super) const STREAMS: u64 = 32;

/// More lanes are not made: the last one then serves several file systems.
pub(super) const MOST_LANES: usize = (STREAMS - LANES) as usize;

/// Messages taken from the link before the streams have their turn.
const MESSAGES_A_ROUND: usize = 64;

/// The scribe's `main`: `abide-scribe --home HOME`, with the keeper's control socket as descriptor 3 and the link to the steward as
/// descriptor 4. `args` without the program's name. To be called by the only thread, before anything opens descriptors.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = args.into_iter();
    let (Some(flag), Some(home), None) = (args.next(), args.next(), args.next()) else { return usage() };
    if flag != "--home" {
        return usage();
    }
    match run(Path::new(&home)) {
        Ok(()) => ExitCode::SUCCESS,
        Err((what, error)) => {
            log_line(&format!("failed to {what}: {error}"));
            // What nobody moves any more; if another scribe is at work, it does.
            let _ = sys::own_log::rescue(Path::new(&home), b"");
            ExitCode::from(70)
        }
    }
}

fn usage() -> ExitCode {
    log_line("started by abide-keeper as `abide-scribe --home HOME`");
    ExitCode::from(2)
}

pub(super) type Fault = (&'static str, io::Error);

fn to(what: &'static str) -> impl Fn(io::Error) -> Fault {
    move |error| (what, error)
}

fn run(home: &Path) -> Result<(), Fault> {
    let keeper = sys::peer::inherited(KEEPER_FD).map_err(to("take descriptor 3"))?;
    let link = sys::peer::inherited(LINK_FD).map_err(to("take descriptor 4"))?;
    let home: PathBuf = std::path::absolute(home).map_err(to("find the home"))?;
    std::env::set_current_dir(&home).map_err(to("enter the home"))?;
    // Held as long as we live: so its stream never ends.
    let way = sys::own_log::enter(&home);
    let _ = way.as_ref().map(sys::own_log::take_stderr);
    sys::process::raise_nofile();
    let open_files = sys::process::nofile().0;
    let keeper_exe = sys::daemon::sibling("abide-keeper").ok();
    // Before the signals, since the lock may be long in coming: until then one just ends us.
    let Some(lock) = RoleLock::wait_under(Path::new("run/scribe.lock"), &keeper).map_err(to("take run/scribe.lock"))? else {
        // Whoever is at work may be of another keeper, or about to end.
        rescue(keeper_exe.as_deref(), &home);
        return Ok(());
    };
    let signals = Signals::take(&[SIGTERM, SIGINT, SIGHUP]).map_err(to("take signals"))?;
    let poller = Poller::new().map_err(to("make a poller"))?;
    let nothing = Interest::default();
    poller.add(&signals, SIGNALS, Interest { read: true, ..nothing }).map_err(to("watch signals"))?;
    poller.add(&keeper, KEEPER, nothing).map_err(to("watch the keeper"))?;
    poller.add(&link, LINK, Interest { read: true, ..nothing }).map_err(to("watch the steward"))?;
    let mut lanes = Lanes::new(&home);
    let (own_logs, sums) = (lanes.has_own_logs(), Arc::clone(&lanes.sums));
    let hands = Hands {
        keeper_exe,
        keeper: Some(keeper),
        lock: Some(lock),
        lanes: Some(lanes),
        own_logs,
        ..Hands::new(home, poller, link).map_err(to("make a pipe"))?
    };
    Scribe { core: Core::new(limit_of(open_files)), hands, effects: Vec::new(), ended: false, finishing: false, at: 0, sums }
        .live()
        .map_err(to("go on"))
}

/// A quarter of the descriptors for logs (each has an index), the rest for FIFOs.
fn limit_of(open_files: u64) -> usize {
    usize::try_from(open_files.saturating_sub(64) / 4).unwrap_or(usize::MAX).clamp(16, 4096)
}

/// The life of a lane, in a thread of its own: the same loop, with the main loop in place of the steward, and nobody else.
pub(super) fn lane(home: PathBuf, link: OwnedFd, at: usize, sums: Arc<Sums>, own_logs: bool) -> Result<(), Fault> {
    let poller = Poller::new().map_err(to("make a poller"))?;
    poller.add(&link, LINK, Interest { read: true, ..Interest::default() }).map_err(to("watch the main loop"))?;
    let hands = Hands { own_logs, ..Hands::new(home, poller, link).map_err(to("make a pipe"))? };
    let core = Core::new(limit_of(sys::process::nofile().0) / 4);
    Scribe { core, hands, effects: Vec::new(), ended: false, finishing: false, at, sums }.live().map_err(to("go on"))
}

/// The manager's own log, by the rules that hold until a steward says which.
fn own_log() -> ToScribe {
    ToScribe::Open {
        id: StreamId { instance: InstanceId(0), stream: Stream::Out },
        fifo: sys::own_log::FIFO.to_owned(),
        file: sys::own_log::FILE.to_owned(),
        policy: LogPolicy::default(),
        form: LogForm::default(),
        born: true,
        ended: false,
    }
}

struct Scribe {
    core: Core,
    hands: Hands,
    effects: Vec<Effect>,
    ended: bool,
    /// `Finish` was said.
    finishing: bool,
    /// Which loop this is: 0 = the main one.
    at: usize,
    sums: Arc<Sums>,
}

fn now() -> Now {
    Now { tick: Tick(sys::clock::now()), wall: Wall(sys::clock::wall_ms()) }
}

impl Scribe {
    fn live(mut self) -> io::Result<()> {
        let mut ready: Vec<Ready> = Vec::new();
        let mut message = vec![0; LINK_MESSAGE_LIMIT];
        self.happened(Happening::Started { pid: std::process::id() });
        // Before any steward says so, and whether or not one comes: the manager's own log tells why none does.
        // Lanes have no part in it: one file, one loop.
        if self.at == 0 {
            self.happened(Happening::Said(own_log()));
        }
        while !self.ended {
            let lanes_due = self.hands.lanes.as_ref().and_then(Lanes::deadline);
            let due = self.core.deadline().map(|at| at.0).into_iter().chain(lanes_due).min();
            let wait = due.map(|at| at.saturating_sub(sys::clock::now()));
            self.wait(wait, &mut ready)?;
            if wait.is_some() {
                self.happened(Happening::Due);
            }
            if lanes_due.is_some() {
                self.hands.lanes_due();
            }
            // What may end us or change what is to be done comes before the bytes.
            let (streams, others): (Vec<&Ready>, Vec<&Ready>) = ready.iter().partition(|one| one.key >= STREAMS);
            for one in others {
                match one.key {
                    SIGNALS => self.happened(Happening::Stop),
                    KEEPER => self.happened(Happening::KeeperGone),
                    WORKER => self.worker_done(),
                    LANES.. => self.lane_ready(one)?,
                    _ => self.link_ready(one, &mut message),
                }
            }
            for one in streams {
                if let Ok(key) = u32::try_from(one.key - STREAMS) {
                    self.happened(Happening::Ready(StreamKey(key)));
                }
            }
        }
        if self.finishing {
            self.hands.farewell()?;
        }
        // By hand: should a thread be stuck within a system call, its copy would be held until that returns.
        self.hands.lock = None;
        Ok(())
    }

    fn worker_done(&mut self) {
        for mut result in self.hands.worker.as_ref().map(Worker::results).unwrap_or_default() {
            if let Happening::Surveyed { logs, elsewhere } = &mut result {
                *elsewhere = self.sums.exchange(self.at, logs.iter().fold(0u64, |sum, log| sum.saturating_add(log.sum())));
            }
            self.happened(result);
        }
    }

    /// A lane that ends unasked takes everything with it: the next scribe begins anew.
    fn lane_ready(&mut self, ready: &Ready) -> io::Result<()> {
        match self.hands.lane_ready((ready.key - LANES) as usize, ready) {
            Err(error) if !self.finishing => Err(error),
            _ => Ok(()),
        }
    }

    fn wait(&self, wait_ns: Option<u64>, ready: &mut Vec<Ready>) -> io::Result<()> {
        match wait_ns {
            // The poller counts in milliseconds and rounds up; a rest is a tenth of one, and longer ones make the app wait for us. So short
            // a time everything else can wait too.
            Some(ns @ 1..1_000_000) => {
                std::thread::sleep(Duration::from_nanos(ns));
                self.hands.poller.wait(Some(0), ready)
            }
            _ => self.hands.poller.wait(wait_ns, ready),
        }
    }

    /// Steps and performs until nothing more is asked.
    fn happened(&mut self, happening: Happening) {
        let mut next = Some(happening);
        while let Some(happening) = next.take() {
            if self.ended {
                return;
            }
            self.core.step(happening, now(), &mut self.effects);
            for effect in self.effects.drain(..) {
                self.ended |= effect == Effect::Exit;
                next = self.hands.perform(effect).map(Happening::Answer);
            }
        }
    }

    fn link_ready(&mut self, ready: &Ready, buffer: &mut [u8]) {
        if ready.writable {
            self.hands.lanes_go_on();
            if self.hands.core_waits {
                self.happened(Happening::LinkWritable);
            }
        }
        if !ready.readable && !ready.hangup {
            return;
        }
        for _ in 0..MESSAGES_A_ROUND {
            match stream::receive(&self.hands.link, buffer) {
                Ok(Received::Message(length)) => match serde_json::from_slice::<ToScribe>(&buffer[..length]) {
                    Ok(message) => {
                        self.finishing |= message == ToScribe::Finish;
                        if let Some(message) = self.hands.route(message, &self.core) {
                            self.happened(Happening::Said(message));
                        }
                    }
                    Err(error) => log_line(&format!("ignored a message that is not understood: {error}")),
                },
                Ok(Received::TooLong(length)) => log_line(&format!("ignored a message of {length} bytes")),
                Ok(Received::Nothing) => return,
                Ok(Received::Gone) | Err(_) => {
                    // A hang-up is told for ever to who stays in the poller.
                    let _ = self.hands.poller.remove(&self.hands.link);
                    return self.happened(Happening::LinkGone);
                }
            }
        }
    }
}
