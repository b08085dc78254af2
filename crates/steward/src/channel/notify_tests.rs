//! Who is heard on the socket of sd_notify(3), and what is left of it.

use super::notify::{Ear, Gift, Wish, hear};
use engine::{Event, Word};
use model::InstanceId;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram as StdDatagram;
use std::sync::Arc;
use sys::datagram::bind_at;
use sys::lives::{Traces, started};
use tokio::sync::Notify;
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
        self.listen_until(ours, Arc::default())
    }

    /// The same, until its process has ended.
    fn listen_until(
        self,
        ours: bool,
        over: Arc<Notify>,
    ) -> (StdDatagram, UnboundedReceiver<Event>, Receiver<Gift>, tempfile::TempDir) {
        let pid = if ours { std::process::id() } else { u32::MAX - 5 };
        let ident = Some(started(std::process::id()).expect("we live"));
        let (home, lock) = ("/nowhere".into(), "/nowhere/lock".into());
        let life = Traces { instance: "i3".into(), home, lock, pid: Some(pid), ident, begun: 0, cell: None };
        let (tell, told) = unbounded_channel();
        let (gifts, mut all) = channel(4);
        let (pass, given) = channel(4);
        let uid = rustix::process::geteuid().as_raw();
        tokio::spawn(hear(self.socket, Ear { instance: InstanceId(3), life, uid, tell, gifts }, over));
        // A brain that has written down at once what it was told.
        tokio::spawn(async move {
            while let Some(gift) = all.recv().await {
                match gift.wish {
                    Wish::Settle(done) => _ = done.send(()),
                    _ => _ = pass.send(gift).await,
                }
            }
        });
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

/// A steward that dies at any moment must leave it to the next one.
#[tokio::test]
async fn that_it_is_ready_stays_in_the_socket_until_it_is_written_down() {
    let scene = Scene::new();
    let next = scene.socket.try_clone().expect("a copy");
    let in_socket = |bytes: &mut [u8; 64]| sys::datagram::peek(&next, bytes).map(|seen| bytes[..seen.length].to_vec()).ok();
    let (tell, mut told) = unbounded_channel();
    let (gifts, mut given) = channel(4);
    let life = Traces {
        instance: "i3".into(),
        home: "/nowhere".into(),
        lock: "/nowhere/lock".into(),
        pid: Some(std::process::id()),
        ident: Some(started(std::process::id()).expect("we live")),
        begun: 0,
        cell: None,
    };
    let ear = Ear { instance: InstanceId(3), life, uid: rustix::process::geteuid().as_raw(), tell, gifts };
    for message in [&b"STATUS=almost"[..], b"READY=1", b"STATUS=well"] {
        scene.theirs.send(message).expect("sent");
    }
    tokio::spawn(hear(scene.socket, ear, Arc::default()));
    assert_eq!(word(&mut told).await, Word::Status("almost".into()));
    assert_eq!(word(&mut told).await, Word::Ready);
    let Some(Gift { wish: Wish::Settle(done), .. }) = given.recv().await else { panic!("to write it down") };
    assert_eq!(in_socket(&mut [0; 64]).as_deref(), Some(&b"READY=1"[..]));
    done.send(()).expect("it waits");
    assert_eq!(word(&mut told).await, Word::Status("well".into()));
    assert_eq!(in_socket(&mut [0; 64]), None);
}

/// A process that hangs in the kernel may keep every thread that looks at processes.
#[test]
fn the_leader_is_heard_without_a_thread_that_looks_at_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().expect("a runtime");
    let (end, ended) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        let hangs = tokio::task::spawn_blocking(move || ended.recv().is_ok());
        let (theirs, mut told, _given, _folder) = Scene::new().listen(true);
        theirs.send(b"READY=1").expect("sent");
        let heard = tokio::time::timeout(std::time::Duration::from_secs(60), word(&mut told)).await;
        // First of all, or nothing would end.
        end.send(()).expect("it hangs");
        assert_eq!(heard.expect("in time"), Word::Ready);
        assert!(hangs.await.expect("ended"));
    });
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

#[tokio::test]
async fn what_was_said_before_the_end_is_heard_before_it() {
    let over = Arc::new(Notify::new());
    let (theirs, mut told, mut given, _folder) = Scene::new().listen_until(true, over.clone());
    let file = std::fs::File::open("/dev/null").expect("null");
    // Both are there before the listener has run at all.
    sys::handle::send_with(&theirs, b"FDSTORE=1\nFDNAME=last", std::os::fd::AsFd::as_fd(&file)).expect("sent");
    theirs.send(format!("MAINPID={}\nREADY=1", std::process::id()).as_bytes()).expect("sent");
    over.notify_one();
    let Some(Gift { wish: Wish::Keep(name, _), .. }) = given.recv().await else { panic!("to keep") };
    assert_eq!(name, "last");
    assert!(matches!(given.recv().await, Some(Gift { wish: Wish::Over, .. })));
    let ident = started(std::process::id()).expect("we live");
    assert_eq!(word(&mut told).await, Word::Ready);
    assert_eq!(word(&mut told).await, Word::MainPid { pid: std::process::id(), ident });
    theirs.send(b"STATUS=another of its processes").expect("sent");
    assert!(matches!(word(&mut told).await, Word::Status(_)), "it is listened on");
    over.notify_one();
    assert!(matches!(given.recv().await, Some(Gift { wish: Wish::Over, .. })));
}
