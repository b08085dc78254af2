//! Walking one log, from file to file.

use crate::chain::{Entry, Identity, Opened, look, regular};
use crate::cursor::Position;
use crate::cut::Cutter;
use crate::hold::Held;
use crate::index::{Index, Walk};
use crate::lag;
use crate::line::{Found, Note, Source};
use crate::query::Query;
use model::{LogFormat, Wall};
use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::MetadataExt;

/// How often to begin anew while files are being renamed.
const TRIES: u32 = 20;

/// Reads one log. Blocking.
#[derive(Debug)]
pub struct Reader {
    pub(crate) source: Source,
    pub(crate) query: Query,
    /// So much is read at once.
    chunk: usize,
    pub(crate) open: Option<Open>,
    /// Files that have been read, as far as they were there when the present one was opened.
    pub(crate) older: Vec<Identity>,
    /// The file behind the present one, where there was one when that was opened.
    after: Option<Identity>,
    /// Where reading stood when no file is open.
    pub(crate) rest: Option<Position>,
    /// Where reading ends: in this file, at this place.
    stop: Option<(Identity, u64)>,
    done: bool,
    /// Whether the end has been reached once: what is read now has just been written.
    live: bool,
    last: Option<Wall>,
    pub(crate) notes: VecDeque<Note>,
}

/// The file that is being read.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) id: Identity,
    pub(crate) opened: Opened,
    pub(crate) cutter: Cutter,
    /// Lines that begin here or later are not wanted.
    high: u64,
    /// Nothing more comes to this file.
    over: bool,
    pub(crate) held: Option<Held>,
}

/// The file to go on with.
struct Next {
    chain: Vec<Entry>,
    which: usize,
    /// Whether others that came before it may be gone unread.
    gone: bool,
}

/// What there is at the end of a file.
enum Edge {
    /// More bytes.
    More,
    /// Nothing now.
    Nothing,
    /// Nothing any more.
    Over,
}

impl Reader {
    /// A reader that stands where the query begins.
    pub fn new(source: Source, query: Query, chunk: usize) -> Reader {
        let mut reader = Reader::blank(source, query, chunk);
        for _ in 0..TRIES {
            let chain = look(&reader.source.path);
            if reader.begin(&chain).is_ok() {
                break;
            }
        }
        reader
    }

    /// A reader that goes on where another stood; without a position it had found no file yet, so all there is is new.
    pub fn resume(source: Source, position: Option<Position>, query: Query, chunk: usize) -> Reader {
        let mut reader = Reader::blank(source, query, chunk);
        for _ in 0..TRIES {
            let chain = look(&reader.source.path);
            if reader.go_on(&chain, position).is_ok() {
                break;
            }
        }
        reader
    }

    fn blank(source: Source, query: Query, chunk: usize) -> Reader {
        Reader {
            source,
            query,
            chunk,
            open: None,
            older: Vec::new(),
            after: None,
            rest: None,
            stop: None,
            done: false,
            live: false,
            last: None,
            notes: VecDeque::new(),
        }
    }

    /// Where it stands: behind the last line that was given or passed over.
    pub fn position(&self) -> Option<Position> {
        match &self.open {
            Some(open) => Some(Position { id: open.id, offset: open.cutter.at, time: self.last }),
            None => self.rest,
        }
    }

    fn go_on(&mut self, chain: &[Entry], position: Option<Position>) -> io::Result<()> {
        self.set_stop(chain);
        let Some(position) = position else { return Ok(()) };
        (self.rest, self.last) = (Some(position), position.time);
        match chain.iter().position(|entry| position.id.is(&entry.id)) {
            Some(at) if !chain[at].packed && chain[at].size < position.offset => {
                self.notes.push_back(Note::Cleared);
                self.enter(chain, at, 0)
            }
            Some(at) => self.enter(chain, at, position.offset),
            None => {
                if !chain.is_empty() {
                    self.notes.push_back(Note::Gone);
                }
                let began = |entry: &Entry| entry.index().record(0).map(|record| record.wall);
                let is_older = |entry: &&Entry| began(entry).is_some_and(|began| position.time.is_some_and(|time| began <= time));
                self.older = chain.iter().filter(is_older).map(|entry| entry.id).collect();
                Ok(())
            }
        }
    }

    pub(crate) fn set_stop(&mut self, chain: &[Entry]) {
        if !self.query.follow {
            self.stop = chain.last().map(|newest| (newest.id, if newest.packed { u64::MAX } else { newest.size }));
            self.done = chain.is_empty();
        }
    }

    /// So many records around a time may hold lines of it. One, since a record may stand in the middle of a line, whose rest then has a time
    /// before; and lines with times of their own are not exactly where the index has them.
    pub(crate) fn slack(&self) -> u64 {
        1 + u64::from(self.source.format != LogFormat::Raw)
    }

    /// Opens one of these files at a place.
    pub(crate) fn enter(&mut self, chain: &[Entry], which: usize, at: u64) -> io::Result<()> {
        let Some(entry) = chain.get(which) else { return Ok(()) };
        let older = &chain[..which];
        let opened = match entry.open(at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            Err(error) => {
                self.notes.push_back(Note::Unreadable(entry.path.clone(), error.to_string()));
                self.older = chain[..=which].iter().map(|entry| entry.id).collect();
                self.rest = Some(Position { id: entry.id, offset: at, time: self.last });
                self.done |= self.stop.is_some_and(|(stop, _)| entry.id.is(&stop));
                return Ok(());
            }
            Ok(opened) => opened,
        };
        let (_, high) = entry.index().bounds(None, self.query.filter.until, self.slack());
        self.older = older.iter().map(|entry| entry.id).collect();
        self.after = chain.get(which + 1).map(|entry| entry.id);
        self.open = Some(Open { id: entry.id, opened, cutter: Cutter::new(at), high, over: false, held: None });
        Ok(())
    }

    /// The next step, or `None`: that was all, for now or (unless followed) for ever.
    #[expect(clippy::should_implement_trait, reason = "what has ended may go on")]
    pub fn next(&mut self) -> Option<Found> {
        loop {
            if let Some(note) = self.notes.pop_front() {
                return Some(Found::Note(note));
            }
            if self.done {
                return None;
            }
            let Some(open) = &mut self.open else {
                if self.go_to_next() {
                    continue;
                }
                self.live = true;
                return None;
            };
            if open.is_held() {
                return None;
            }
            if open.cutter.at >= open.high {
                (open.over, open.cutter) = (true, Cutter::new(open.cutter.at));
            }
            if let Some(line) = open.cutter.next(&self.source, &mut open.opened.walk, open.over) {
                self.last = line.time.or(self.last);
                if self.query.filter.is_all() || self.query.filter.wants(&line) {
                    return Some(Found::Line(line));
                }
                continue;
            }
            let edge = if open.over { self.leave() } else { self.fill() };
            match edge {
                Edge::More => {}
                Edge::Over => self.over(),
                Edge::Nothing => {
                    self.live = true;
                    return None;
                }
            }
        }
    }

    /// Whether it has read lines that it holds back for a moment: it should be asked again without anything having happened.
    pub fn is_holding(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.held.is_some())
    }

    fn over(&mut self) {
        if let Some(open) = &mut self.open {
            open.over = true;
        }
    }

    /// Reads on in the open file.
    fn fill(&mut self) -> Edge {
        if self.live && self.query.follow {
            if self.is_emptied() {
                return self.begin_anew();
            }
            if self.query.life.is_none() && lag::is_far_behind(self) {
                lag::jump(self);
                return Edge::More;
            }
        }
        let Some(open) = &mut self.open else { return Edge::Over };
        let mut most = self.chunk as u64;
        if let Some((_, size)) = self.stop.filter(|(stop, _)| open.id.is(stop)) {
            most = most.min(size.saturating_sub(open.cutter.end()));
        }
        if most == 0 {
            return Edge::Over;
        }
        let end = open.cutter.end();
        match open.opened.bytes.read(open.cutter.room(), most as usize) {
            Ok(0) if self.query.follow && open.opened.bytes.plain().is_some() => self.look_on(),
            Ok(0) => Edge::Over,
            Ok(got) => {
                open.opened.walk.refresh();
                // Where there is still more to be read, the records of this have been written long since.
                if self.live && self.query.follow && (got as u64) < most && open.opened.bytes.plain().is_some() {
                    open.hold(end, self.source.format, self.query.life);
                }
                Edge::More
            }
            Err(error) => {
                self.notes.push_back(Note::Unreadable(self.source.path.clone(), error.to_string()));
                Edge::Over
            }
        }
    }

    /// Whether the open file, under the name it had, has become shorter or begins otherwise than before.
    fn is_emptied(&mut self) -> bool {
        let Some(open) = &mut self.open else { return false };
        let Some(there) = regular(&self.source.path).filter(|there| there.ino() == open.id.inode) else { return false };
        if !open.opened.walk.index.is_open() {
            open.opened.walk = Walk::new(Index::open(&model::beside::index_path(&self.source.path)));
            open.opened.walk.seek(open.cutter.at);
        }
        let mark = open.opened.walk.index.mark();
        let other = matches!((open.id.mark, mark), (Some(ours), Some(now)) if ours != now);
        open.id.mark = open.id.mark.or(mark);
        other || there.size() < open.cutter.end()
    }

    fn begin_anew(&mut self) -> Edge {
        self.notes.push_back(Note::Cleared);
        let chain = look(&self.source.path);
        // When even this fails the old one is looked at again next time.
        _ = self.enter(&chain, chain.len().saturating_sub(1), 0);
        Edge::More
    }

    /// At the end of a file that is followed: has it been emptied, is there a newer one?
    fn look_on(&mut self) -> Edge {
        if self.is_emptied() {
            return self.begin_anew();
        }
        let Some(open) = &mut self.open else { return Edge::Over };
        if regular(&self.source.path).is_some_and(|there| there.ino() == open.id.inode) {
            return Edge::Nothing;
        }
        if open.id.mark.is_none() {
            open.id.mark = open.opened.walk.index.mark();
        }
        if self.newer().is_none() {
            return Edge::Nothing;
        }
        // What was written between the last look and the renaming.
        let Some(open) = &mut self.open else { return Edge::Over };
        match open.opened.bytes.read(open.cutter.room(), self.chunk) {
            Ok(1..) => {
                open.opened.walk.refresh();
                Edge::More
            }
            _ => Edge::Over,
        }
    }

    /// The file behind the present one.
    fn newer(&self) -> Option<Next> {
        let chain = look(&self.source.path);
        let which = match self.position().and_then(|here| chain.iter().position(|entry| here.id.is(&entry.id))) {
            Some(at) => return (at + 1 < chain.len()).then_some(Next { chain, which: at + 1, gone: false }),
            // Ours is gone, and with it all before it; whatever is there and was not before ours is newer.
            None => chain.iter().position(|entry| !self.older.iter().any(|older| entry.id.is(older)))?,
        };
        let gone = match self.after {
            Some(after) => !after.is(&chain[which].id),
            // Ours was the newest. Rotation removes the oldest first, so something was lost only if all that was older is gone as well, and
            // there has been rotation since.
            None => which == 0 && chain.len() > 1,
        };
        Some(Next { chain, which, gone })
    }

    /// From a file that is over to the next.
    fn leave(&mut self) -> Edge {
        let Some(open) = &self.open else { return Edge::Over };
        if self.stop.is_some_and(|(stop, _)| open.id.is(&stop)) {
            self.done = true;
            return Edge::More;
        }
        if self.go_to_next() {
            if self.live && self.query.follow && self.query.life.is_none() && lag::is_far_behind(self) {
                lag::jump(self);
            }
            return Edge::More;
        }
        // A file in which reading was to end has been removed meanwhile.
        self.done = !self.query.follow;
        Edge::Nothing
    }

    fn go_to_next(&mut self) -> bool {
        for _ in 0..TRIES {
            let Some(Next { chain, which, gone }) = self.newer() else { return false };
            // Without an open file it has been told already.
            let gone = gone && self.open.is_some();
            if self.enter(&chain, which, 0).is_ok() {
                if gone {
                    self.notes.push_back(Note::Gone);
                }
                return true;
            }
        }
        false
    }
}
