//! Where reading stands, as a word that another process understands.

use crate::chain::Identity;
use crate::index::hash;
use crate::line::Source;
use model::Wall;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Where one log has been read to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub(crate) id: Identity,
    pub(crate) offset: u64,
    /// The time of the last line before it, where known: what began earlier has been read.
    pub(crate) time: Option<Wall>,
}

/// Where every log of a merge has been read to: `None` = it had no file yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    places: BTreeMap<u64, Option<Position>>,
}

impl Cursor {
    /// Notes where a log stands.
    pub fn set(&mut self, source: &Source, position: Option<Position>) {
        self.places.insert(hash(source.path.as_bytes()), position);
    }

    /// Where a log stood; the outer `None` = it was not there.
    pub fn get(&self, source: &Source) -> Option<Option<Position>> {
        self.places.get(&hash(source.path.as_bytes())).copied()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("1")?;
        for (key, place) in &self.places {
            write!(f, "~{key:x}")?;
            if let Some(Position { id, offset, time }) = place {
                write!(f, ".{:x}.{:x}.{offset:x}.{:x}", id.inode, id.mark.unwrap_or(0), time.map_or(0, |time| time.0))?;
            }
        }
        Ok(())
    }
}

/// A word that is no cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadCursor;

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Cursor, BadCursor> {
        let mut words = text.split('~');
        if words.next() != Some("1") {
            return Err(BadCursor);
        }
        let number = |word: &str| u64::from_str_radix(word, 16).map_err(|_| BadCursor);
        let mut cursor = Cursor::default();
        for word in words {
            let numbers = word.split('.').map(number).collect::<Result<Vec<u64>, BadCursor>>()?;
            let some = |n: u64| (n != 0).then_some(n);
            let (key, place) = match numbers[..] {
                [key] => (key, None),
                [key, inode, mark, offset, time] => {
                    let id = Identity { inode, mark: some(mark) };
                    (key, Some(Position { id, offset, time: some(time).map(|time| Wall(time as i64)) }))
                }
                _ => return Err(BadCursor),
            };
            cursor.places.insert(key, place);
        }
        Ok(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn said_and_understood() {
        let mut cursor = Cursor::default();
        let place = Position { id: Identity { inode: 7, mark: Some(u64::MAX) }, offset: 1 << 40, time: Some(Wall(-5)) };
        cursor.places.insert(9, Some(place));
        cursor.places.insert(10, None);
        cursor.places.insert(11, Some(Position { id: Identity { inode: 7, mark: None }, offset: 0, time: None }));
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        assert_eq!("1".parse(), Ok(Cursor::default()));
        for wrong in ["", "2", "1~", "1~x", "1~1.2", "1~1.2.3.4.5.6", "1~1~ ", "~1"] {
            assert_eq!(wrong.parse::<Cursor>(), Err(BadCursor), "{wrong}");
        }
    }
}
