//! Several logs, interleaved by time.

use crate::cursor::{Cursor, Position};
use crate::line::{Found, Source};
use crate::query::Query;
use crate::reader::Reader;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Bytes that all readers together read at once.
const BYTES: usize = 8 << 20;
/// Bytes that one of them reads at once.
const CHUNK: (usize, usize) = (4 << 10, 128 << 10);

/// Reads several logs. Lines of one log stay in their order whatever their times say; of several that could come next the earliest does, and a
/// line of unknown time comes right behind the one before it. Blocking.
#[derive(Debug)]
pub struct Merge {
    places: Vec<Place>,
    /// The times of the heads, and whose they are.
    heads: BinaryHeap<Reverse<(i64, usize)>>,
    query: Query,
}

#[derive(Debug)]
struct Place {
    reader: Reader,
    head: Option<Found>,
    /// Where the reader stood behind the head.
    behind: Option<Position>,
    /// Where it stood behind the last one that was given.
    given: Option<Position>,
    last: i64,
}

impl Merge {
    /// From where the query begins.
    pub fn new(sources: Vec<Source>, query: &Query) -> Merge {
        let chunk = chunk(sources.len());
        let readers = sources.into_iter().map(|source| Reader::new(source, query.clone(), chunk)).collect();
        Merge::of(readers, query)
    }

    /// From where another stood. A log that it did not know is new, and read from its beginning.
    pub fn resume(sources: Vec<Source>, cursor: &Cursor, query: &Query) -> Merge {
        let chunk = chunk(sources.len());
        let resume = |source: Source| {
            let position = cursor.get(&source).flatten();
            Reader::resume(source, position, query.clone(), chunk)
        };
        let readers = sources.into_iter().map(resume).collect();
        Merge::of(readers, query)
    }

    fn of(readers: Vec<Reader>, query: &Query) -> Merge {
        let mut merge = Merge { places: Vec::new(), heads: BinaryHeap::new(), query: query.clone() };
        readers.into_iter().for_each(|reader| merge.push(reader));
        merge
    }

    fn push(&mut self, reader: Reader) {
        let given = reader.position();
        self.places.push(Place { reader, head: None, behind: given, given, last: i64::MIN });
        self.refill(self.places.len() - 1);
    }

    /// Reads this log too, from its beginning, unless it is read already. It has appeared meanwhile.
    pub fn add(&mut self, source: Source) {
        if !self.has(&source.path) {
            let chunk = chunk(self.places.len() + 1);
            self.push(Reader::resume(source, None, self.query.clone(), chunk));
        }
    }

    /// Whether a log with this file is among them.
    pub fn has(&self, path: &str) -> bool {
        self.places.iter().any(|place| place.reader.source.path == path)
    }

    /// Looks again at logs that had come to their end: the one with this file, or all.
    pub fn wake(&mut self, path: Option<&str>) {
        for at in 0..self.places.len() {
            let place = &self.places[at];
            if place.head.is_none() && path.is_none_or(|path| place.reader.source.path == path) {
                self.refill(at);
            }
        }
    }

    /// Whether lines are held back for a moment (of 20 ms at most) until it is known when they were written. Then [`Merge::wake_holding`] soon.
    pub fn is_holding(&self) -> bool {
        self.places.iter().any(|place| place.head.is_none() && place.reader.is_holding())
    }

    /// Looks again at logs whose lines are held back.
    pub fn wake_holding(&mut self) {
        for at in 0..self.places.len() {
            if self.places[at].head.is_none() && self.places[at].reader.is_holding() {
                self.refill(at);
            }
        }
    }

    fn refill(&mut self, at: usize) {
        let place = &mut self.places[at];
        place.head = place.reader.next();
        place.behind = place.reader.position();
        match &place.head {
            Some(found) => {
                if let Found::Line(line) = found {
                    place.last = line.time.map_or(place.last, |time| time.0.max(place.last));
                }
                self.heads.push(Reverse((place.last, at)));
            }
            None => place.given = place.behind,
        }
    }

    /// The next step and whose it is; `None` = nothing now.
    #[expect(clippy::should_implement_trait, reason = "what has ended may go on")]
    pub fn next(&mut self) -> Option<(&Source, Found)> {
        let Reverse((_, at)) = self.heads.pop()?;
        let place = &mut self.places[at];
        let found = place.head.take()?;
        place.given = place.behind;
        self.refill(at);
        Some((&self.places[at].reader.source, found))
    }

    /// Where every log stands behind what was given so far.
    pub fn cursor(&self) -> Cursor {
        let mut cursor = Cursor::default();
        self.places.iter().for_each(|place| cursor.set(&place.reader.source, place.given));
        cursor
    }
}

fn chunk(readers: usize) -> usize {
    (BYTES / readers.max(1)).clamp(CHUNK.0, CHUNK.1)
}
