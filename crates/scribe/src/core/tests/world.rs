//! FIFOs, files and a steward in memory. Pulling the plug between any two effects leaves what a kernel would leave.

use crate::core::*;
use model::beside::index_path;
use model::{
    FromScribe, INDEX_RECORD_BYTES, IndexRecord, InstanceId, LogForm, LogPolicy, Stream, StreamId, Tick, ToScribe, Wall,
};
use std::collections::{BTreeMap, VecDeque};

mod background;

pub const FILE: &str = "log";

#[derive(Debug, Default)]
pub struct Fifo {
    pub bytes: VecDeque<u8>,
    pub writers: u32,
}

#[derive(Debug)]
pub struct Opened {
    pub path: String,
    pub interest: Interest,
    /// News since the last report, for `Edge`.
    pub news: bool,
    /// A reader that came after the writers is never told of their end.
    pub tells_hangup: bool,
}

pub struct World {
    pub(super) core: Core,
    pub(super) now: Now,
    pub(super) fifos: BTreeMap<String, Fifo>,
    pub(super) names: BTreeMap<String, u64>,
    pub(super) inodes: BTreeMap<u64, Vec<u8>>,
    pub(super) next_inode: u64,
    pub(super) streams: BTreeMap<StreamKey, Opened>,
    pub(super) logs: BTreeMap<FileKey, (String, u64)>,
    /// What the steward says to every new scribe.
    pub(super) opens: BTreeMap<StreamId, ToScribe>,
    pub heard: Vec<FromScribe>,
    pub link_room: usize,
    pub max_files: u32,
    /// What is said of streams that are opened.
    pub form: LogForm,
    /// After a crash so many are wanted.
    pub later_max_files: Option<u32>,
    /// Answers given instead of the effect, by the effect's first word.
    pub faults: BTreeMap<&'static str, Cause>,
    /// Nothing can be written to this file.
    pub full: Option<&'static str>,
    /// Files that may be open at a time.
    pub most_open: usize,
    /// Effects until the plug is pulled.
    pub plug: Option<u64>,
    /// A kill within a move: so many of its bytes have been moved, or written and not consumed.
    pub torn: u64,
    /// Effects after that until it is pulled again.
    pub second_plug: Option<u64>,
    pub effects: u64,
    /// What is being compressed: log, path, inode.
    pub(super) background: Option<(String, String, u64)>,
    /// When a file was written last, by inode.
    pub(super) written: BTreeMap<u64, Wall>,
    pub surveys: u64,
    nanos: u64,
    /// What every `Open` says, but for sizes and counts.
    pub policy: LogPolicy,
    pub done: Vec<String>,
    pub(super) exited: bool,
}

/// From here on numbers mean the standard errors of lives.
pub const ERR: u64 = 10_000;

pub fn id(number: u64) -> StreamId {
    let stream = if number < ERR { Stream::Out } else { Stream::Err };
    StreamId { instance: InstanceId(number % ERR), stream }
}

fn fifo_path(instance: u64) -> String {
    format!("fifo{instance}")
}

impl World {
    pub fn new() -> World {
        let mut world = World {
            core: Core::new(1),
            now: Now { tick: Tick(1_000_000_000), wall: Wall(1_000) },
            fifos: BTreeMap::new(),
            names: BTreeMap::new(),
            inodes: BTreeMap::new(),
            next_inode: 0,
            streams: BTreeMap::new(),
            logs: BTreeMap::new(),
            opens: BTreeMap::new(),
            heard: Vec::new(),
            link_room: usize::MAX,
            max_files: 1000,
            form: LogForm { app: "web".to_owned(), slot: "web-0".to_owned(), ..LogForm::default() },
            later_max_files: None,
            faults: BTreeMap::new(),
            full: None,
            most_open: 1,
            plug: None,
            torn: 0,
            second_plug: None,
            effects: 0,
            background: None,
            written: BTreeMap::new(),
            surveys: 0,
            nanos: 0,
            policy: LogPolicy::plain(0, 0),
            done: Vec::new(),
            exited: false,
        };
        world.happen(Happening::Started { pid: 1 });
        world
    }

    pub fn open(&mut self, instance: u64, file: &str, max_size: u64, born: bool) {
        self.fifos.entry(fifo_path(instance)).or_default().writers = 1;
        let message = ToScribe::Open {
            id: id(instance),
            fifo: fifo_path(instance),
            file: file.to_owned(),
            policy: LogPolicy { max_size, max_files: self.max_files, ..self.policy.clone() },
            form: self.form.clone(),
            born,
            ended: false,
        };
        self.opens.insert(id(instance), message.clone());
        self.say(message);
    }

    /// What the steward said of a stream.
    pub fn opens_of(&self, instance: u64) -> ToScribe {
        self.opens[&id(instance)].clone()
    }

    pub fn say(&mut self, message: ToScribe) {
        if let ToScribe::Born { id } = &message
            && let Some(ToScribe::Open { born, .. }) = self.opens.get_mut(id)
        {
            *born = true;
        }
        self.happen(Happening::Said(message));
        self.settle();
    }

    pub fn print(&mut self, instance: u64, text: &str) {
        let fifo = self.fifos.get_mut(&fifo_path(instance)).expect("a fifo");
        fifo.bytes.extend(text.as_bytes());
        self.news(&fifo_path(instance));
        self.settle();
    }

    /// Something has come into a FIFO, or its writer has gone.
    fn news(&mut self, path: &str) {
        self.streams.values_mut().filter(|opened| opened.path == path).for_each(|opened| opened.news = true);
    }

    /// From now on so many files may be open at a time.
    pub fn open_files(&mut self, most: usize) {
        self.most_open = most;
        self.restart();
    }

    pub fn hang_up(&mut self, instance: u64) {
        let path = fifo_path(instance);
        let fifo = self.fifos.get_mut(&path).expect("a fifo");
        fifo.writers = 0;
        self.news(&path);
        self.settle();
    }

    /// Lets time pass to a deadline, if there is one.
    pub fn wait(&mut self) -> bool {
        let Some(at) = self.core.deadline() else { return false };
        self.advance(at);
        self.happen(Happening::Due);
        self.settle();
        true
    }

    pub fn now(&self) -> Tick {
        self.now.tick
    }

    pub fn link_writable(&mut self) {
        self.link_room = usize::MAX;
        self.happen(Happening::LinkWritable);
    }

    /// Reports readiness until there is none. A stream that is reported for ever is a spin.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            // Rests are not worth a scene.
            while let Some(at) = self.core.deadline().filter(|at| *at <= self.now.tick + REST_WITHIN) {
                self.advance(at);
                self.happen(Happening::Due);
            }
            let ready = self.streams.iter().find_map(|(key, opened)| {
                let fifo = self.fifos.get(&opened.path)?;
                let level = !fifo.bytes.is_empty() || (fifo.writers == 0 && opened.tells_hangup);
                let reported = match opened.interest {
                    Interest::Level => level,
                    Interest::Edge => level && opened.news,
                    Interest::Off => false,
                };
                reported.then_some(*key)
            });
            let Some(key) = ready else { return };
            self.streams.get_mut(&key).expect("open").news = false;
            self.happen(Happening::Ready(key));
        }
        panic!("it spins: {:?}", self.done.iter().rev().take(20).collect::<Vec<_>>());
    }

    fn happen(&mut self, happening: Happening) {
        let mut next = Some(happening);
        while let Some(happening) = next.take() {
            assert!(!self.exited);
            let mut out = Vec::new();
            self.core.step(happening, self.now, &mut out);
            let asking = out.iter().position(Effect::asks);
            assert!(asking.is_none_or(|at| at + 1 == out.len()), "only the last may ask: {out:?}");
            for effect in out {
                if self.plug.is_some_and(|plug| self.effects >= plug) {
                    self.tear(effect);
                    self.plug = self.second_plug.take().map(|later| self.effects + later);
                    return self.restart();
                }
                self.effects += 1;
                let asks = effect.asks();
                let answer = self.perform(effect);
                assert_eq!(asks, answer.is_some());
                next = answer.map(Happening::Answer);
            }
        }
    }

    pub fn restart(&mut self) {
        self.done.push("--- crash ---".to_owned());
        self.core = Core::new(self.most_open);
        self.streams.clear();
        self.logs.clear();
        self.background = None;
        self.happen(Happening::Started { pid: 2 });
        self.max_files = self.later_max_files.unwrap_or(self.max_files);
        for message in self.opens.values_mut() {
            if let ToScribe::Open { policy, .. } = message {
                policy.max_files = self.max_files;
            }
        }
        // The newest first, and each acts before the next is heard of.
        for message in self.opens.values().rev().cloned().collect::<Vec<_>>() {
            self.happen(Happening::Said(message));
            self.settle();
        }
    }

    pub fn remove(&mut self, path: &str) {
        self.names.remove(path);
    }

    pub fn truncate(&mut self, path: &str) {
        self.inodes.get_mut(&self.names[path]).expect("a file").clear();
    }

    pub fn read(&self, path: &str) -> String {
        self.names.get(path).map_or_else(String::new, |inode| String::from_utf8(self.inodes[inode].clone()).expect("utf-8"))
    }

    pub fn exists(&self, path: &str) -> bool {
        self.names.contains_key(path)
    }

    pub fn index(&self, path: &str) -> Vec<IndexRecord> {
        let Some(inode) = self.names.get(&index_path(path)) else { return Vec::new() };
        self.inodes[inode].chunks(INDEX_RECORD_BYTES).filter_map(IndexRecord::decode).collect()
    }

    /// The life that the index names for a place.
    pub fn life_at(&self, path: &str, offset: u64) -> Option<u64> {
        self.index(path).iter().rfind(|one| one.offset <= offset).map(|one| one.instance.0)
    }

    pub fn sealed(&self, instance: u64) -> Option<&FromScribe> {
        self.heard.iter().rfind(|one| matches!(one, FromScribe::Sealed { id: theirs, .. } if *theirs == id(instance)))
    }

    pub fn exited(&self) -> bool {
        self.exited
    }

    /// Bytes in a FIFO.
    pub fn waiting(&self, number: u64) -> usize {
        self.fifos[&fifo_path(number)].bytes.len()
    }

    pub fn stop(&mut self) {
        self.happen(Happening::Stop);
    }
}
