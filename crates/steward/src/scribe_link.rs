//! The line to the scribe. What is kept here is the state of each stream that the scribe ought to know, not a queue of messages: a scribe
//! that is slow, full or new is told the state when it listens, and the bound is the number of streams.

use crate::duplex::Duplex;
use crate::log::say;
use model::{FromScribe, InstanceId, LINK_MESSAGE_LIMIT, LogForm, LogPolicy, Stream, StreamId, ToScribe};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use sys::handle::{read, write};

/// A stream as the scribe ought to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wished {
    pub(crate) fifo: String,
    pub(crate) file: String,
    pub(crate) policy: LogPolicy,
    pub(crate) form: LogForm,
    pub(crate) born: bool,
    pub(crate) ended: bool,
}

/// What is still to be said of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Owed {
    open: bool,
    born: bool,
    ended: bool,
}

/// The link, descriptor 4: a pair of `SOCK_SEQPACKET`, which is sent to and received from as datagrams are.
#[derive(Debug)]
pub(crate) struct ScribeLink {
    line: Duplex,
    streams: BTreeMap<StreamId, Wished>,
    owed: BTreeMap<StreamId, Owed>,
    closing: BTreeSet<StreamId>,
    /// Questions without an answer, and whether this scribe has been asked.
    questions: BTreeMap<u64, (ToScribe, bool)>,
    budget: Option<ToScribe>,
    budget_owed: bool,
    watched: bool,
    watch_owed: bool,
    finish_owed: bool,
    /// Nobody is left to read.
    broken: bool,
}

impl ScribeLink {
    /// Takes the descriptor, which is non-blocking.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub(crate) fn new(descriptor: OwnedFd) -> io::Result<ScribeLink> {
        Ok(ScribeLink {
            line: Duplex::new(descriptor)?,
            streams: BTreeMap::new(),
            owed: BTreeMap::new(),
            closing: BTreeSet::new(),
            questions: BTreeMap::new(),
            budget: None,
            budget_owed: false,
            watched: false,
            watch_owed: false,
            finish_owed: false,
            broken: false,
        })
    }

    /// The stream is to be moved.
    pub(crate) fn open(&mut self, id: StreamId, wished: Wished) {
        self.streams.insert(id, wished);
        self.closing.remove(&id);
        self.owed.entry(id).or_default().open = true;
    }

    /// The life's process runs.
    pub(crate) fn born(&mut self, instance: InstanceId) {
        self.each(instance, |wished, owed| (wished.born, owed.born) = (true, true));
    }

    /// The life has ended.
    pub(crate) fn ended(&mut self, instance: InstanceId) {
        self.each(instance, |wished, owed| (wished.ended, owed.ended) = (true, true));
    }

    fn each(&mut self, instance: InstanceId, change: impl Fn(&mut Wished, &mut Owed)) {
        for id in Stream::BOTH.map(|stream| StreamId { instance, stream }) {
            if let Some(wished) = self.streams.get_mut(&id) {
                change(wished, self.owed.entry(id).or_default());
            }
        }
    }

    /// Every byte of the stream is in the file.
    pub(crate) fn sealed(&mut self, id: StreamId) {
        self.streams.remove(&id);
        self.owed.remove(&id);
    }

    /// The scribe may forget the life's streams.
    pub(crate) fn close(&mut self, instance: InstanceId) {
        for id in Stream::BOTH.map(|stream| StreamId { instance, stream }) {
            self.sealed(id);
            self.closing.insert(id);
        }
    }

    /// Whether bytes of this life may still be on their way.
    pub(crate) fn is_draining(&self, instance: InstanceId) -> bool {
        Stream::BOTH.into_iter().any(|stream| self.streams.contains_key(&StreamId { instance, stream }))
    }

    /// Asks (`Reopen`, `Clear`), and asks every new scribe again until [`ScribeLink::answered`].
    pub(crate) fn ask(&mut self, number: u64, question: ToScribe) {
        self.questions.insert(number, (question, false));
    }

    /// The question needs no answer any more.
    pub(crate) fn answered(&mut self, number: u64) {
        self.questions.remove(&number);
    }

    /// How much all log files may have together (`Budget`). Whether that is new.
    pub(crate) fn budget(&mut self, budget: ToScribe) -> bool {
        let new = self.budget.as_ref() != Some(&budget);
        if new {
            (self.budget, self.budget_owed) = (Some(budget), true);
        }
        new
    }

    /// Somebody follows a log, or nobody does any more.
    pub(crate) fn watch(&mut self, on: bool) {
        if self.watched != on {
            self.watched = on;
            self.watch_owed = true;
        }
    }

    /// The scribe is to end when it has moved what is there.
    pub(crate) fn finish(&mut self) {
        self.finish_owed = true;
    }

    /// A new scribe knows nothing.
    pub(crate) fn say_all_again(&mut self) {
        self.owed.clear();
        self.owed.extend(self.streams.keys().map(|id| (*id, Owed { open: true, ..Owed::default() })));
        self.questions.values_mut().for_each(|(_, told)| *told = false);
        self.budget_owed = self.budget.is_some();
        self.watch_owed |= self.watched;
    }

    /// Waits until there is something to read, or room for what is owed.
    pub(crate) async fn ready(&self) -> io::Result<()> {
        let asking = self.questions.values().any(|(_, told)| !told);
        let owing = !self.owed.is_empty() || !self.closing.is_empty() || asking;
        let owing = owing || self.budget_owed || self.watch_owed || self.finish_owed;
        self.line.ready(owing && !self.broken).await
    }

    /// Says what is owed, as far as there is room.
    pub(crate) fn flush(&mut self) {
        if self.broken {
            return;
        }
        while let Some(id) = self.closing.first().copied() {
            if !self.tell(&ToScribe::Close { id }) {
                return;
            }
            self.closing.remove(&id);
        }
        while let Some((&id, &owed)) = self.owed.first_key_value() {
            let Some(wished) = self.streams.get(&id) else {
                self.owed.remove(&id);
                continue;
            };
            let (message, left) = if owed.open {
                let Wished { fifo, file, policy, form, born, ended } = wished.clone();
                (ToScribe::Open { id, fifo, file, policy, form, born, ended }, Owed::default())
            } else if owed.born {
                (ToScribe::Born { id }, Owed { born: false, ..owed })
            } else {
                (ToScribe::Ended { id }, Owed::default())
            };
            if owed != Owed::default() && !self.tell(&message) {
                return;
            }
            if left == Owed::default() {
                self.owed.remove(&id);
            } else {
                self.owed.insert(id, left);
            }
        }
        if self.budget_owed {
            let Some(budget) = self.budget.clone() else { return };
            if !self.tell(&budget) {
                return;
            }
            self.budget_owed = false;
        }
        let asked: Vec<u64> = self.questions.iter().filter(|(_, (_, told))| !told).map(|(number, _)| *number).collect();
        for number in asked {
            let Some((question, _)) = self.questions.get(&number).cloned() else { continue };
            if !self.tell(&question) {
                return;
            }
            self.questions.insert(number, (question, true));
        }
        if self.watch_owed && self.tell(&ToScribe::Watch { on: self.watched }) {
            self.watch_owed = false;
        }
        if self.finish_owed && self.tell(&ToScribe::Finish) {
            self.finish_owed = false;
        }
        if !self.watch_owed && !self.finish_owed {
            self.line.has_room();
        }
    }

    /// `false`: no room now.
    fn tell(&mut self, message: &ToScribe) -> bool {
        let Ok(text) = serde_json::to_vec(message) else { return true };
        match self.line.write(|socket| write(socket, &text)) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                say!("nobody holds the other end of the link to the scribe any more: {error}");
                self.broken = true;
                false
            }
            Err(error) => {
                say!("failed to tell the scribe: {error}");
                false
            }
        }
    }

    /// Reads what is there. `false`: the link is gone.
    pub(crate) fn read(&mut self, heard: &mut Vec<FromScribe>) -> bool {
        let mut buffer = [0u8; LINK_MESSAGE_LIMIT];
        loop {
            match self.line.read(|socket| read(socket, &mut buffer)) {
                Ok(0) => return false,
                Ok(count) => match serde_json::from_slice(&buffer[..count]) {
                    Ok(message) => heard.push(message),
                    Err(error) => say!("the scribe said something that is not understood: {error}"),
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    say!("the link to the scribe broke: {error}");
                    return false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair};

    fn pair() -> (ScribeLink, OwnedFd) {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (near, far) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).expect("pair");
        (ScribeLink::new(near).expect("link"), far)
    }

    fn told(far: &OwnedFd) -> Vec<ToScribe> {
        let mut buffer = vec![0; LINK_MESSAGE_LIMIT];
        let mut all = Vec::new();
        while let Ok((count, _)) = recv(far, &mut buffer[..], RecvFlags::DONTWAIT) {
            all.push(serde_json::from_slice(&buffer[..count]).expect("json"));
        }
        all
    }

    fn id(instance: u64) -> StreamId {
        StreamId { instance: InstanceId(instance), stream: Stream::Out }
    }

    fn wished() -> Wished {
        Wished {
            fifo: "f".into(),
            file: "l".into(),
            policy: LogPolicy::default(),
            form: LogForm::default(),
            born: false,
            ended: false,
        }
    }

    #[tokio::test]
    async fn a_new_scribe_is_told_the_state() {
        let (mut link, far) = pair();
        link.open(id(1), wished());
        link.flush();
        link.born(InstanceId(1));
        link.ended(InstanceId(1));
        link.flush();
        let first = told(&far);
        assert!(
            matches!(first[..], [ToScribe::Open { born: false, .. }, ToScribe::Born { .. }, ToScribe::Ended { .. }]),
            "{first:?}"
        );
        link.say_all_again();
        link.flush();
        assert!(matches!(told(&far)[..], [ToScribe::Open { born: true, ended: true, .. }]));
        link.close(InstanceId(1));
        link.say_all_again();
        link.flush();
        assert!(matches!(told(&far)[..], [ToScribe::Close { .. }, ToScribe::Close { .. }]));
    }

    #[tokio::test]
    async fn questions_are_asked_until_they_are_answered() {
        let (mut link, far) = pair();
        let budget = ToScribe::Budget { total: 5, apps: Vec::new() };
        assert!(link.budget(budget.clone()) && !link.budget(budget.clone()));
        link.ask(7, ToScribe::Reopen { ask: 7 });
        link.flush();
        assert_eq!(told(&far), [budget.clone(), ToScribe::Reopen { ask: 7 }]);
        link.flush();
        assert_eq!(told(&far), []);
        link.say_all_again();
        link.flush();
        assert_eq!(told(&far), [budget.clone(), ToScribe::Reopen { ask: 7 }]);
        link.answered(7);
        link.say_all_again();
        link.flush();
        assert_eq!(told(&far), [budget]);
    }

    #[tokio::test]
    async fn a_full_link_loses_nothing() {
        let (mut link, far) = pair();
        for n in 0..5000 {
            link.open(id(n), wished());
        }
        let mut seen = BTreeSet::new();
        while seen.len() < 5000 {
            link.ready().await.expect("room");
            link.flush();
            for message in told(&far) {
                if let ToScribe::Open { id, .. } = message {
                    seen.insert(id);
                }
            }
        }
        assert!(link.owed.is_empty());
    }
}
