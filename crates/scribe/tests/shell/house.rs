//! A home with a scribe in it; the test plays keeper, steward and apps.

use model::{FromScribe, INDEX_RECORD_BYTES, IndexRecord, InstanceId, LogForm, LogFormat, LogPolicy, Stream, StreamId, ToScribe};
use std::cell::RefCell;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use sys::handle::{Family, OpenHow, Shape, socket_pair};

/// Set in the environment of the scribe under test.
pub const CHILD: &str = "ABIDE_SCRIBE_CHILD";
/// No wait in these tests is longer. The thread that compresses gives way to everybody, so on a busy machine it takes its time.
const PATIENCE: Duration = Duration::from_secs(180);

pub struct House {
    pub home: tempfile::TempDir,
    pub child: Option<Child>,
    /// Ends the keeper's life when dropped.
    pub keeper: Option<OwnedFd>,
    keeper_theirs: Option<OwnedFd>,
    link: UnixDatagram,
    link_theirs: OwnedFd,
    pub exe: PathBuf,
    heard: Vec<FromScribe>,
    /// What is said of every stream that is opened.
    pub form: LogForm,
    /// The keeper's reading ends, without which what an app printed last could be lost with its FIFO.
    ends: RefCell<Vec<OwnedFd>>,
}

pub fn id(instance: u64) -> StreamId {
    StreamId { instance: InstanceId(instance), stream: Stream::Out }
}

pub fn never() -> LogPolicy {
    LogPolicy::plain(0, 5)
}

/// Waits until it holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl House {
    /// A home with a running scribe that has said hello.
    pub fn new() -> House {
        let mut house = House::empty();
        house.start();
        house
    }

    pub fn empty() -> House {
        let home = tempfile::tempdir().expect("tempdir");
        for folder in ["run/io", "logs"] {
            std::fs::create_dir_all(home.path().join(folder)).expect("mkdir");
        }
        let (keeper, keeper_theirs) = socket_pair(Family::Unix, Shape::Stream, true).expect("socketpair");
        let (link, link_theirs) = socket_pair(Family::Unix, Shape::Seqpacket, false).expect("socketpair");
        House {
            home,
            child: None,
            keeper: Some(keeper),
            keeper_theirs: Some(keeper_theirs),
            link: UnixDatagram::from(link),
            link_theirs,
            exe: std::env::current_exe().expect("own path"),
            heard: Vec::new(),
            form: LogForm { app: "web".to_owned(), slot: "web-0".to_owned(), ..LogForm::default() },
            ends: RefCell::new(Vec::new()),
        }
    }

    pub fn start(&mut self) {
        let theirs = self.keeper_theirs.as_ref().expect("the keeper lives").try_clone().expect("dup");
        let child = Command::new("sh")
            .args(["-c", "exec 3<&0 4<&1 0</dev/null 1>/dev/null; exec \"$0\" \"$@\""])
            .arg(&self.exe)
            .arg("--home")
            .arg(self.home.path())
            .env(CHILD, "1")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::from(self.link_theirs.try_clone().expect("dup")))
            .spawn()
            .expect("spawn");
        let pid = child.id();
        self.child = Some(child);
        self.hear("hello", |message| matches!(message, FromScribe::Hello { pid: theirs } if *theirs == pid));
    }

    /// The keeper is no more: every copy of its end is closed.
    pub fn end_keeper(&mut self) {
        self.keeper = None;
        self.keeper_theirs = None;
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("kill");
            child.wait().expect("wait");
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a scribe").id()
    }

    pub fn exited(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("a scribe");
        let mut status = None;
        until("the scribe ends", || {
            status = child.try_wait().expect("wait");
            status.is_some()
        });
        status.expect("just seen")
    }

    pub fn say(&self, message: &ToScribe) {
        self.say_raw(&serde_json::to_vec(message).expect("json"));
    }

    pub fn say_raw(&self, message: &[u8]) {
        self.link.set_write_timeout(Some(PATIENCE)).expect("timeout");
        self.link.send(message).expect("the link has room");
    }

    /// Waits for a message; others are kept for later.
    pub fn hear(&mut self, what: &str, wanted: impl Fn(&FromScribe) -> bool) -> FromScribe {
        let begun = Instant::now();
        let mut buffer = vec![0; model::LINK_MESSAGE_LIMIT];
        loop {
            if let Some(at) = self.heard.iter().position(&wanted) {
                return self.heard.remove(at);
            }
            assert!(begun.elapsed() < PATIENCE, "waited in vain for: {what}; heard {:?}", self.heard);
            self.link.set_read_timeout(Some(Duration::from_millis(200))).expect("timeout");
            if let Ok(length) = self.link.recv(&mut buffer) {
                self.heard.push(serde_json::from_slice(&buffer[..length]).expect("json"));
            }
        }
    }

    /// Forgets what was heard and is not yet asked for.
    pub fn heard(&mut self) -> Vec<FromScribe> {
        self.link.set_nonblocking(true).expect("fcntl");
        let mut buffer = vec![0; model::LINK_MESSAGE_LIMIT];
        while let Ok(length) = self.link.recv(&mut buffer) {
            self.heard.push(serde_json::from_slice(&buffer[..length]).expect("json"));
        }
        self.link.set_nonblocking(false).expect("fcntl");
        std::mem::take(&mut self.heard)
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    pub fn fifo(&self, instance: u64) -> String {
        format!("run/io/i{instance}.out")
    }

    /// Makes the FIFO, holds a reading end as the keeper does, and opens it the way an app holds it: for reading and writing.
    pub fn app(&self, instance: u64) -> File {
        let path = self.path(&self.fifo(instance));
        sys::stream::make_fifo(&path).expect("mkfifo");
        let how = OpenHow { read: true, nonblock: true, ..OpenHow::default() };
        self.ends.borrow_mut().push(sys::handle::open(&path, how).expect("open fifo"));
        hold(&path)
    }

    /// A home of which streams are opened in this form.
    pub fn of(format: LogFormat) -> House {
        let mut house = House::new();
        house.form.format = format;
        house
    }

    pub fn open(&self, instance: u64, file: &str, policy: LogPolicy, born: bool) {
        let fifo = self.fifo(instance);
        self.say(&ToScribe::Open {
            id: id(instance),
            fifo,
            file: file.to_owned(),
            policy,
            form: self.form.clone(),
            born,
            ended: false,
        });
    }

    pub fn hear_opened(&mut self, instance: u64) {
        self.hear("opened", |message| matches!(message, FromScribe::Opened { id: theirs } if *theirs == id(instance)));
    }

    /// Waits for the seal: size, bytes, partial.
    pub fn hear_sealed(&mut self, instance: u64) -> (u64, u64, bool) {
        let sealed =
            self.hear("sealed", |message| matches!(message, FromScribe::Sealed { id: theirs, .. } if *theirs == id(instance)));
        match sealed {
            FromScribe::Sealed { size, bytes, partial, .. } => (size, bytes, partial),
            other => panic!("{other:?}"),
        }
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap_or_default()
    }

    pub fn size(&self, file: &str) -> u64 {
        std::fs::metadata(self.path(file)).map_or(0, |seen| seen.len())
    }

    /// Waits until a file reads so.
    pub fn until_reads(&self, file: &str, text: &str) {
        until(&format!("{file} reads {text:?}, not {:?}", self.read(file)), || self.read(file) == text);
    }

    /// The index of a file.
    pub fn index(&self, file: &str) -> Vec<IndexRecord> {
        let bytes = std::fs::read(self.path(&format!("{file}.idx"))).unwrap_or_default();
        bytes.chunks(INDEX_RECORD_BYTES).filter_map(IndexRecord::decode).collect()
    }
}

/// Opens a FIFO for reading and writing.
pub fn hold(path: &Path) -> File {
    File::options().read(true).write(true).open(path).expect("open fifo")
}

pub fn print(app: &mut File, text: &str) {
    app.write_all(text.as_bytes()).expect("write");
}

impl Drop for House {
    fn drop(&mut self) {
        self.kill();
    }
}
