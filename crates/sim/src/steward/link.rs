//! The line to the scribe, as `steward::scribe_link` keeps it: what the scribe ought to know, not a queue of messages.

use crate::kernel::{HandleId, Kernel, Message};
use crate::trace::tell;
use model::{InstanceId, LifeRecord, LogForm, LogPolicy, Stream, StreamId, ToScribe};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone)]
struct Wished {
    fifo: String,
    file: String,
    policy: LogPolicy,
    form: LogForm,
    born: bool,
    ended: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Owed {
    open: bool,
    born: bool,
    ended: bool,
}

/// The link.
#[derive(Debug, Default)]
pub struct ScribeLink {
    streams: BTreeMap<StreamId, Wished>,
    owed: BTreeMap<StreamId, Owed>,
    closing: BTreeSet<StreamId>,
    finish: bool,
}

impl ScribeLink {
    /// Both streams of a life are to be moved.
    pub fn open(&mut self, life: &LifeRecord) {
        let handles = wire::handles(&life.instance.to_string());
        let (born, ended) = (life.pid.is_some(), life.ended.is_some());
        for (stream, fifo) in Stream::BOTH.into_iter().zip(handles.fifos) {
            let id = StreamId { instance: life.instance, stream };
            let Some(file) = life.log.file(&life.slot, stream, str::to_owned) else { continue };
            let born = born || self.streams.get(&id).is_some_and(|known| known.born);
            let (app, slot) = (life.slot.app.to_string(), life.slot.to_string());
            let form = LogForm { format: life.log.format, overflow: life.log.overflow, app, slot, also: None };
            self.streams.insert(id, Wished { fifo, file, policy: life.log.policy.clone(), form, born, ended });
            self.closing.remove(&id);
            self.owed.entry(id).or_default().open = true;
        }
    }

    /// The process runs.
    pub fn born(&mut self, instance: InstanceId) {
        self.each(instance, |wished, owed| (wished.born, owed.born) = (true, true));
    }

    /// It has ended.
    pub fn ended(&mut self, instance: InstanceId) {
        self.each(instance, |wished, owed| (wished.ended, owed.ended) = (true, true));
    }

    fn each(&mut self, instance: InstanceId, change: impl Fn(&mut Wished, &mut Owed)) {
        for id in Stream::BOTH.map(|stream| StreamId { instance, stream }) {
            if let Some(wished) = self.streams.get_mut(&id) {
                change(wished, self.owed.entry(id).or_default());
            }
        }
    }

    /// Every byte is in the file.
    pub fn sealed(&mut self, id: StreamId) {
        self.streams.remove(&id);
        self.owed.remove(&id);
    }

    /// The scribe may forget the life.
    pub fn close(&mut self, instance: InstanceId) {
        for id in Stream::BOTH.map(|stream| StreamId { instance, stream }) {
            self.sealed(id);
            self.closing.insert(id);
        }
    }

    /// The scribe is to end.
    pub fn finish(&mut self) {
        self.finish = true;
    }

    /// A new scribe knows nothing.
    pub fn say_all_again(&mut self) {
        self.owed.clear();
        self.owed.extend(self.streams.keys().map(|id| (*id, Owed { open: true, ..Owed::default() })));
    }

    /// Says one thing that is owed. Whether there was one and room for it.
    pub fn say_one(&mut self, kernel: &mut Kernel, link: HandleId) -> bool {
        if !kernel.message_room(link) {
            return false;
        }
        let message = if let Some(id) = self.closing.pop_first() {
            ToScribe::Close { id }
        } else if let Some((id, owed)) = self.owed.pop_first() {
            let Some(Wished { fifo, file, policy, form, born, ended }) = self.streams.get(&id).cloned() else { return true };
            if owed.open {
                ToScribe::Open { id, fifo, file, policy, form, born, ended }
            } else if owed.born {
                if owed.ended {
                    self.owed.insert(id, Owed { born: false, ..owed });
                }
                ToScribe::Born { id }
            } else {
                ToScribe::Ended { id }
            }
        } else if std::mem::take(&mut self.finish) {
            ToScribe::Finish
        } else {
            return false;
        };
        tell!(kernel, "steward > scribe: {message:?}");
        kernel.send_message(link, Message::To(message));
        true
    }
}
