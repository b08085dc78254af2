//! The socket of sd_notify(3): who may speak, and what of it the brain is told.
//!
//! The kernel says with each message which process sent it. A process of the life is heard, whoever it runs as. One that has ended already
//! (`systemd-notify` and its like) can be asked nothing any more: it is heard if it ran as the life does, as root, or as we do. One that lives
//! and does not belong to the life is not heard.
//!
//! What is said once only (that it is ready, that another process is the main one) stays in the socket until the brain has written down
//! what comes of it. If we are gone before that, the next steward reads it again.

use super::message::{gist, read};
use crate::duplex::watched;
use crate::log::say;
use engine::{Event, Word};
use model::InstanceId;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Duration;
use sys::datagram::{Datagram, peek, receive};
use sys::lives::{Belongs, Traces, belongs, started};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::{Sender, UnboundedSender};
use tokio::sync::{Notify, oneshot};

/// The longest message.
const LONGEST: usize = 4096;
/// Messages that are read at once.
const BATCH: usize = 64;
/// How long it is not read after that: so often at most does a flood wake us.
const REST: Duration = Duration::from_millis(25);
/// Batches that are read of a life whose process has ended: more than a queue of the kernel holds.
const LAST: usize = 64;
/// Descriptors that one message may store.
const GIFTS: usize = 16;

/// What is asked for about stored descriptors.
#[derive(Debug)]
pub(crate) struct Gift {
    /// By which life.
    pub(crate) instance: InstanceId,
    /// What.
    pub(crate) wish: Wish,
}

/// One wish about them.
#[derive(Debug)]
pub(crate) enum Wish {
    /// To keep these by this name.
    Keep(String, Vec<OwnedFd>),
    /// To let go of those of this name.
    Drop(String),
    /// To answer when everything that was told before is written down.
    Settle(oneshot::Sender<()>),
    /// Nothing more: what was sent before the end of its process has been read.
    Over,
}

/// What a listener needs.
#[derive(Debug)]
pub(crate) struct Ear {
    /// The life.
    pub(crate) instance: InstanceId,
    /// How its processes are known.
    pub(crate) life: Traces,
    /// As whom it was borne.
    pub(crate) uid: u32,
    /// Where words go.
    pub(crate) tell: UnboundedSender<Event>,
    /// Where descriptors go.
    pub(crate) gifts: Sender<Gift>,
}

/// A message that may count.
struct Heard {
    pid: u32,
    uid: Option<u32>,
    words: Vec<Word>,
    main: Option<u32>,
    store: Option<(String, Vec<OwnedFd>)>,
    remove: Option<String>,
}

/// What was read of a socket.
#[derive(Default)]
struct Batch {
    heard: Vec<Heard>,
    /// The last message of it still lies in the socket.
    held: bool,
}

/// Messages that did not count, by the reason.
#[derive(Default)]
struct Ignored(BTreeMap<&'static str, u64>);

impl Ignored {
    /// Said at the first, the tenth, the hundredth …: a flood says little.
    fn count(&mut self, instance: InstanceId, why: &'static str, detail: &str) {
        let count = self.0.entry(why).or_default();
        *count += 1;
        if 10_u64.pow(count.ilog10()) == *count {
            say!("{instance}: ignored {count} of the messages to its NOTIFY_SOCKET so far: {why}{detail}");
        }
    }
}

/// Listens to a life until nobody wants to know any more. `over`: its process has ended; what is in the socket by then is told, and then
/// [`Wish::Over`]. It is listened on: others of its processes may speak.
pub(crate) async fn hear(socket: OwnedFd, ear: Ear, over: Arc<Notify>) {
    // Nothing is ever sent on it: that there is room would only wake us.
    let socket = match watched(socket, Interest::READABLE) {
        Ok(socket) => socket,
        Err(error) => return say!("failed to listen to {}: {error}", ear.instance),
    };
    // Its leader needs no proof but its start time, which is read without waiting: no thread is begun for the READY=1 of most programs.
    let (mut ignored, mut trusted, mut in_a_row) = (Ignored::default(), ear.life.pid.zip(ear.life.ident), 0);
    loop {
        // Neither of the two holds messages while it waits, so nothing is lost with it.
        let batch = tokio::select! {
            batch = next_batch(&socket, &ear, &mut ignored) => Some(batch),
            () = over.notified() => None,
        };
        let mut more = false;
        let told = match batch {
            Some(Ok(batch)) => {
                in_a_row = if batch.held { in_a_row + 1 } else { 0 };
                more = batch.held && in_a_row < BATCH;
                tell_and_take(batch, &socket, &ear, &mut ignored, &mut trusted).await
            }
            Some(Err(_)) => return,
            None => last_words(&socket, &ear, &mut ignored, &mut trusted).await,
        };
        if told.is_err() {
            return;
        }
        // There may be something behind what stayed there until now.
        if more {
            continue;
        }
        in_a_row = 0;
        tokio::select! {
            () = tokio::time::sleep(REST) => {}
            // Taken up at once above.
            () = over.notified() => over.notify_one(),
        }
    }
}

/// Tells what is in the socket of a life whose process has ended.
async fn last_words(
    socket: &AsyncFd<OwnedFd>,
    ear: &Ear,
    ignored: &mut Ignored,
    trusted: &mut Option<(u32, u64)>,
) -> Result<(), Unwanted> {
    for _ in 0..LAST {
        let mut batch = Batch::default();
        // Not by way of the runtime, which may not know yet that there is something.
        let taken = take(&mut batch, ear, ignored, |bytes, how| how.read(socket.get_ref(), bytes));
        let last = taken.is_err() || batch.heard.is_empty();
        tell_and_take(batch, socket, ear, ignored, trusted).await?;
        if last {
            break;
        }
    }
    ear.gifts.send(Gift { instance: ear.instance, wish: Wish::Over }).await.map_err(|_| Unwanted)
}

/// Nobody wants to know any more.
pub(super) struct Unwanted;

/// Waits until everything that was told before is written down.
pub(super) async fn settle(instance: InstanceId, gifts: &Sender<Gift>) -> Result<(), Unwanted> {
    let (done, is_done) = oneshot::channel();
    gifts.send(Gift { instance, wish: Wish::Settle(done) }).await.map_err(|_| Unwanted)?;
    // A brain that knows the life no more answers nothing.
    let _ = is_done.await;
    Ok(())
}

/// Tells what counts of a batch, and takes what was held from the socket when it cannot be lost any more.
async fn tell_and_take(
    batch: Batch,
    socket: &AsyncFd<OwnedFd>,
    ear: &Ear,
    ignored: &mut Ignored,
    trusted: &mut Option<(u32, u64)>,
) -> Result<(), Unwanted> {
    let Batch { heard, held } = batch;
    tell(heard, ear, ignored, trusted).await?;
    if held {
        settle(ear.instance, &ear.gifts).await?;
        let _ = receive(socket.get_ref(), &mut [0; LONGEST]);
    }
    Ok(())
}

/// Tells what counts of messages.
async fn tell(batch: Vec<Heard>, ear: &Ear, ignored: &mut Ignored, trusted: &mut Option<(u32, u64)>) -> Result<(), Unwanted> {
    if batch.is_empty() {
        return Ok(());
    }
    let Judged { accepted, foreign, not_main } = judge(batch, ear, trusted).await;
    for pid in foreign {
        ignored.count(ear.instance, "from a process that does not belong to it", &format!(" ({pid})"));
    }
    for pid in not_main {
        ignored.count(ear.instance, "MAINPID names a process that does not belong to it", &format!(" ({pid})"));
    }
    let mut words = Vec::new();
    for heard in accepted {
        words.extend(heard.words);
        let keep = heard.store.map(|(name, fds)| Wish::Keep(name, fds));
        for wish in keep.into_iter().chain(heard.remove.map(Wish::Drop)) {
            ear.gifts.send(Gift { instance: ear.instance, wish }).await.map_err(|_| Unwanted)?;
        }
    }
    for word in gist(words) {
        let _ = ear.tell.send(Event::Said { instance: ear.instance, word });
    }
    Ok(())
}

/// Waits for messages and takes those that are there, up to a bound.
async fn next_batch(socket: &AsyncFd<OwnedFd>, ear: &Ear, ignored: &mut Ignored) -> io::Result<Batch> {
    let mut batch = Batch::default();
    loop {
        drop(socket.readable().await?);
        take(&mut batch, ear, ignored, |bytes, how| socket.try_io(Interest::READABLE, |socket| how.read(socket, bytes)))?;
        if !batch.heard.is_empty() {
            return Ok(batch);
        }
        // Only nonsense came.
        tokio::time::sleep(REST).await;
    }
}

/// How a message is read.
#[derive(Clone, Copy)]
enum How {
    Look,
    Take,
}

impl How {
    fn read(self, socket: &OwnedFd, bytes: &mut [u8]) -> io::Result<Datagram> {
        match self {
            How::Look => peek(socket, bytes),
            How::Take => receive(socket, bytes),
        }
    }
}

/// Takes the messages that are there, up to a bound and up to one that is to be held.
fn take(
    batch: &mut Batch,
    ear: &Ear,
    ignored: &mut Ignored,
    mut next: impl FnMut(&mut [u8], How) -> io::Result<Datagram>,
) -> io::Result<()> {
    let mut bytes = [0; LONGEST];
    for _ in 0..BATCH {
        match next(&mut bytes, How::Look) {
            Ok(datagram) => match sift(&bytes, datagram) {
                Ok(heard) if heard.is_once() => {
                    batch.heard.push(heard);
                    batch.held = true;
                    break;
                }
                Ok(heard) => batch.heard.push(heard),
                Err(why) => ignored.count(ear.instance, why, ""),
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => {
                say!("failed to listen to {}: {error}", ear.instance);
                return Err(error);
            }
        }
        next(&mut bytes, How::Take)?;
    }
    Ok(())
}

impl Heard {
    /// Whether it is said once only. Of all else the last word counts, and there will be another.
    fn is_once(&self) -> bool {
        self.main.is_some() || self.words.iter().any(|word| matches!(word, Word::Ready | Word::Reloading))
    }
}

/// What a message says. Descriptors that nobody asked us to keep are closed here.
fn sift(bytes: &[u8], datagram: Datagram) -> Result<Heard, &'static str> {
    let Datagram { length, cut, sender, mut descriptors } = datagram;
    if cut {
        return Err("longer than 4096 bytes, or with more descriptors than could be taken");
    }
    let sender = sender.ok_or("without a sender")?;
    let message = read(&bytes[..length]).ok_or("empty or not text")?;
    let store = match message.store {
        Some(_) if descriptors.is_empty() => None,
        Some(_) if descriptors.len() > GIFTS => return Err("with more than 16 descriptors to store"),
        Some(name) => Some((name, std::mem::take(&mut descriptors))),
        None => None,
    };
    let pid = u32::try_from(sender.pid).unwrap_or(0);
    Ok(Heard { pid, uid: Some(sender.uid), words: message.words, main: message.main, store, remove: message.remove })
}

/// What was found out of the processes of a batch.
struct Found {
    by_pid: BTreeMap<u32, Belongs>,
    /// As whom its leader runs.
    uid: Option<u32>,
}

/// A batch that was looked at.
#[derive(Default)]
struct Judged {
    /// What counts.
    accepted: Vec<Heard>,
    /// The senders of the rest.
    foreign: Vec<u32>,
    /// Processes that were named as the main one and are not of the life.
    not_main: Vec<u32>,
}

/// Keeps what may count. The sender that was found to belong last, the leader at first, is not looked at again.
async fn judge(batch: Vec<Heard>, ear: &Ear, trusted: &mut Option<(u32, u64)>) -> Judged {
    let life = &ear.life;
    let mains: Vec<u32> = batch.iter().filter_map(|heard| heard.main).collect();
    let known = trusted.filter(|(pid, ident)| started(*pid) == Some(*ident)).map(|(pid, _)| pid);
    let senders: Vec<u32> = batch.iter().map(|heard| heard.pid).filter(|pid| Some(*pid) != known).collect();
    let found = if senders.is_empty() && mains.is_empty() {
        Found { by_pid: BTreeMap::new(), uid: None }
    } else {
        let (life, asked) = (life.clone(), senders.iter().chain(&mains).copied().collect());
        // A process that hangs in the kernel may keep whoever reads of it.
        match tokio::task::spawn_blocking(move || look(&life, asked)).await {
            Ok(found) => found,
            Err(_) => return Judged::default(),
        }
    };
    let mut judged = Judged::default();
    for mut heard in batch {
        let counts = match found.by_pid.get(&heard.pid) {
            _ if Some(heard.pid) == known => true,
            Some(Belongs::Yes(ident)) => {
                *trusted = Some((heard.pid, *ident));
                true
            }
            Some(Belongs::No(_)) => false,
            Some(Belongs::Unknown) | None => {
                let ours = rustix::process::geteuid().as_raw();
                heard.uid.is_some_and(|uid| uid == 0 || uid == ours || uid == ear.uid || Some(uid) == found.uid)
            }
        };
        if !counts {
            judged.foreign.push(heard.pid);
            continue;
        }
        if let Some(pid) = heard.main {
            // Another life's process is not the main one of this.
            match found.by_pid.get(&pid) {
                Some(Belongs::Yes(ident)) => heard.words.push(Word::MainPid { pid, ident: *ident }),
                _ => judged.not_main.push(pid),
            }
        }
        judged.accepted.push(heard);
    }
    judged
}

fn look(life: &Traces, asked: Vec<u32>) -> Found {
    let uid = life.pid.and_then(|pid| std::fs::metadata(format!("/proc/{pid}")).ok()).map(|there| there.uid());
    let mut by_pid = BTreeMap::new();
    for pid in asked {
        by_pid.entry(pid).or_insert_with(|| belongs(pid, life));
    }
    Found { by_pid, uid }
}
