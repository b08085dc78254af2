//! The socket of sd_notify(3): who may speak, and what of it the brain is told.
//!
//! The kernel says with each message which process sent it. A process of the life is heard, whoever it runs as. One that has ended already
//! (`systemd-notify` and its like) can be asked nothing any more: it is heard if it ran as the life does, as root, or as we do. One that lives
//! and does not belong to the life is not heard.

use super::message::{gist, read};
use crate::log::say;
use engine::{Event, Word};
use model::InstanceId;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram as StdDatagram;
use std::time::Duration;
use sys::datagram::{Datagram, receive};
use sys::lives::{Belongs, Traces, belongs, started};
use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::sync::mpsc::{Sender, UnboundedSender};

/// The longest message.
const LONGEST: usize = 4096;
/// Messages that are read at once.
const BATCH: usize = 64;
/// How long it is not read after that: so often at most does a flood wake us.
const REST: Duration = Duration::from_millis(25);
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
}

/// What a listener needs.
#[derive(Debug)]
pub(crate) struct Ear {
    /// The life.
    pub(crate) instance: InstanceId,
    /// How its processes are known.
    pub(crate) life: Traces,
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
    store: Option<(String, Vec<OwnedFd>)>,
    remove: Option<String>,
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

/// Listens to a life until nobody wants to know any more.
pub(crate) async fn hear(socket: OwnedFd, ear: Ear) {
    let socket = match UnixDatagram::from_std(StdDatagram::from(socket)) {
        Ok(socket) => socket,
        Err(error) => return say!("failed to listen to {}: {error}", ear.instance),
    };
    let (mut ignored, mut trusted) = (Ignored::default(), None);
    loop {
        let Ok(batch) = next_batch(&socket, &ear, &mut ignored).await else { return };
        let (accepted, foreign) = judge(batch, &ear.life, &mut trusted).await;
        for pid in foreign {
            ignored.count(ear.instance, "from a process that does not belong to it", &format!(" ({pid})"));
        }
        let mut words = Vec::new();
        for heard in accepted {
            words.extend(heard.words);
            let keep = heard.store.map(|(name, fds)| Wish::Keep(name, fds));
            for wish in keep.into_iter().chain(heard.remove.map(Wish::Drop)) {
                if ear.gifts.send(Gift { instance: ear.instance, wish }).await.is_err() {
                    return;
                }
            }
        }
        for word in gist(words) {
            let _ = ear.tell.send(Event::Said { instance: ear.instance, word });
        }
        tokio::time::sleep(REST).await;
    }
}

/// Waits for messages and takes those that are there, up to a bound.
async fn next_batch(socket: &UnixDatagram, ear: &Ear, ignored: &mut Ignored) -> io::Result<Vec<Heard>> {
    let mut batch = Vec::new();
    let mut bytes = [0; LONGEST];
    loop {
        socket.readable().await?;
        for _ in 0..BATCH {
            match socket.try_io(Interest::READABLE, || receive(socket, &mut bytes)) {
                Ok(datagram) => match sift(&bytes, datagram) {
                    Ok(heard) => batch.push(heard),
                    Err(why) => ignored.count(ear.instance, why, ""),
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    say!("failed to listen to {}: {error}", ear.instance);
                    return Err(error);
                }
            }
        }
        if !batch.is_empty() {
            return Ok(batch);
        }
        // Only nonsense came.
        tokio::time::sleep(REST).await;
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
    Ok(Heard { pid, uid: Some(sender.uid), words: message.words, store, remove: message.remove })
}

/// What was found out of the processes of a batch.
struct Found {
    by_pid: BTreeMap<u32, Belongs>,
    /// As whom the life runs.
    uid: Option<u32>,
}

/// Keeps what may count; gives the senders of the rest. The sender that was found to belong last is not looked at again.
async fn judge(batch: Vec<Heard>, life: &Traces, trusted: &mut Option<(u32, u64)>) -> (Vec<Heard>, Vec<u32>) {
    let main = |heard: &Heard| {
        heard.words.iter().filter_map(|word| if let Word::MainPid { pid, .. } = word { Some(*pid) } else { None }).collect()
    };
    let mains: Vec<u32> = batch.iter().flat_map(|heard| -> Vec<u32> { main(heard) }).collect();
    let known = trusted.filter(|(pid, ident)| started(*pid) == Some(*ident)).map(|(pid, _)| pid);
    let senders: Vec<u32> = batch.iter().map(|heard| heard.pid).filter(|pid| Some(*pid) != known).collect();
    let found = if senders.is_empty() && mains.is_empty() {
        Found { by_pid: BTreeMap::new(), uid: None }
    } else {
        let (life, asked) = (life.clone(), senders.iter().chain(&mains).copied().collect());
        // A process that hangs in the kernel may keep whoever reads of it.
        match tokio::task::spawn_blocking(move || look(&life, asked)).await {
            Ok(found) => found,
            Err(_) => return (Vec::new(), Vec::new()),
        }
    };
    let (mut accepted, mut foreign) = (Vec::new(), Vec::new());
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
                heard.uid.is_some_and(|uid| uid == 0 || uid == ours || Some(uid) == found.uid)
            }
        };
        if !counts {
            foreign.push(heard.pid);
            continue;
        }
        // Another life's process is not the main one of this.
        heard.words.retain_mut(|word| match word {
            Word::MainPid { pid, ident } => match found.by_pid.get(pid) {
                Some(Belongs::Yes(is)) => {
                    *ident = *is;
                    true
                }
                _ => false,
            },
            _ => true,
        });
        accepted.push(heard);
    }
    (accepted, foreign)
}

fn look(life: &Traces, asked: Vec<u32>) -> Found {
    let uid = life.pid.and_then(|pid| std::fs::metadata(format!("/proc/{pid}")).ok()).map(|there| there.uid());
    let mut by_pid = BTreeMap::new();
    for pid in asked {
        by_pid.entry(pid).or_insert_with(|| belongs(pid, life));
    }
    Found { by_pid, uid }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sys::datagram::bind_at;
    use tokio::sync::mpsc::{Receiver, UnboundedReceiver, channel, unbounded_channel};

    /// A socket, and somebody who sends to it.
    struct Scene {
        folder: tempfile::TempDir,
        socket: OwnedFd,
        theirs: StdDatagram,
    }

    impl Scene {
        fn new() -> Scene {
            let folder = tempfile::tempdir().expect("tempdir");
            let path = folder.path().join("notify");
            let socket = bind_at(&path, 0o600).expect("bound");
            let theirs = StdDatagram::unbound().expect("socket");
            theirs.connect(&path).expect("connected");
            Scene { folder, socket, theirs }
        }

        /// Begins to listen. This test is the leader of the life, or has nothing to do with it.
        fn listen(self, ours: bool) -> (StdDatagram, UnboundedReceiver<Event>, Receiver<Gift>, tempfile::TempDir) {
            let pid = if ours { std::process::id() } else { u32::MAX - 5 };
            let ident = Some(started(std::process::id()).expect("we live"));
            let (home, lock) = ("/nowhere".into(), "/nowhere/lock".into());
            let life = Traces { instance: "i3".into(), home, lock, pid: Some(pid), ident, begun: 0, cell: None };
            let (tell, told) = unbounded_channel();
            let (gifts, given) = channel(4);
            tokio::spawn(hear(self.socket, Ear { instance: InstanceId(3), life, tell, gifts }));
            (self.theirs, told, given, self.folder)
        }
    }

    async fn word(told: &mut UnboundedReceiver<Event>) -> Word {
        match told.recv().await {
            Some(Event::Said { instance: InstanceId(3), word }) => word,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn hostile_messages_leave_no_trace() {
        let (theirs, mut told, _given, _folder) = Scene::new().listen(true);
        theirs.set_nonblocking(true).expect("nonblocking");
        for message in [&b""[..], &[0xff; 4096], &[b'x'; 100_000], b"READY", b"\0\0\0", b"=\n=\n="] {
            // The kernel's queue may be full.
            while theirs.send(message).is_err() {
                tokio::task::yield_now().await;
            }
        }
        while theirs.send(b"READY=1\nMAINPID=4294967290").is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!(word(&mut told).await, Word::Ready, "and no foreign main process");
    }

    #[tokio::test]
    async fn a_flood_is_few_words_and_loses_no_change() {
        let (theirs, mut told, _given, _folder) = Scene::new().listen(true);
        let flood = tokio::task::spawn_blocking(move || {
            for n in 0..3000 {
                theirs.send(format!("STATUS={n}\nWATCHDOG=1").as_bytes()).expect("sent");
            }
            theirs.send(b"READY=1").expect("sent");
        });
        let mut words = 0;
        while word(&mut told).await != Word::Ready {
            words += 1;
        }
        flood.await.expect("sent");
        eprintln!("{words} words of 6000");
        assert!(words < 2000, "{words}");
    }

    #[tokio::test]
    async fn a_stranger_is_not_heard_and_one_that_is_gone_is() {
        let scene = Scene::new();
        scene.theirs.send(b"STATUS=of a stranger").expect("sent");
        let script = "import socket,sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1', sys.argv[1])";
        let path = scene.folder.path().join("notify");
        let sent = std::process::Command::new("python3").args(["-c", script]).arg(path).status().expect("python3");
        assert!(sent.success());
        let (_theirs, mut told, _given, _folder) = scene.listen(false);
        assert_eq!(word(&mut told).await, Word::Ready);
        assert!(told.try_recv().is_err());
    }

    #[tokio::test]
    async fn descriptors_are_kept_only_when_asked_for() {
        let (theirs, mut told, mut given, _folder) = Scene::new().listen(true);
        let file = std::fs::File::open("/dev/null").expect("null");
        let with = |text: &[u8]| sys::handle::send_with(&theirs, text, std::os::fd::AsFd::as_fd(&file)).expect("sent");
        with(b"READY=1");
        with(b"FDSTORE=1\nFDNAME=null");
        with(b"FDSTOREREMOVE=1\nFDNAME=null");
        assert_eq!(word(&mut told).await, Word::Ready);
        let Some(Gift { wish: Wish::Keep(name, fds), .. }) = given.recv().await else { panic!("to keep") };
        assert_eq!((name.as_str(), fds.len()), ("null", 1));
        assert!(matches!(given.recv().await, Some(Gift { wish: Wish::Drop(name), .. }) if name == "null"));
    }
}
