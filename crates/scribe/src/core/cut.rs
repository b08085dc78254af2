//! Where to cut: lines stay whole, whoever else writes the file and wherever it is rotated.

use super::effect::TURN_BYTES;

/// Where the line feeds stand in a peeked piece. Each place is the number of bytes up to and including a line feed; 0 = there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cut {
    /// Bytes in the piece.
    pub len: u64,
    /// After the first line feed.
    pub first: u64,
    /// After the last line feed that still lies within the budget.
    pub within: u64,
    /// After the last line feed.
    pub last: u64,
}

impl Cut {
    /// Looks at a piece, of which `budget` bytes still fit into the file.
    pub fn of(bytes: &[u8], budget: u64) -> Cut {
        let after = |at: Option<usize>| at.map_or(0, |at| at as u64 + 1);
        let fits = usize::try_from(budget).unwrap_or(usize::MAX).min(bytes.len());
        Cut {
            len: bytes.len() as u64,
            first: after(bytes.iter().position(|b| *b == b'\n')),
            within: after(bytes[..fits].iter().rposition(|b| *b == b'\n')),
            last: after(bytes.iter().rposition(|b| *b == b'\n')),
        }
    }
}

/// How a file ends, seen from the stream that wants to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// At the start of a line.
    Line,
    /// In a line of this stream.
    Mine,
    /// In a line of another stream, which is still open.
    Theirs,
    /// In a line of a life that writes no more, or that a new scribe has not been told of yet: a kill may end a splice within a line
    /// (tried), and the life whose line it is may be opened again after others.
    Orphan,
}

/// Everything that the choice depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene {
    pub cut: Cut,
    /// Of the file.
    pub size: u64,
    /// Bytes until the file is rotated; `u64::MAX` = never.
    pub budget: u64,
    pub ending: Ending,
    /// Whether another stream writes the same file at present.
    pub shared: bool,
    /// Whether it may still wait.
    pub patient: bool,
    /// Whether the FIFO may have no room for another line.
    pub full: bool,
    /// Bytes without a line feed that went into the file since it should have been rotated.
    pub over: u64,
}

/// What the turn does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Move so many bytes. `part`: an unfinished line goes out although others write the file.
    Move { len: u64, part: bool },
    /// Rotate, then look again. `part`: a line without end is cut.
    Rotate { part: bool },
    /// Finish the other's line by a line feed of ours, then look again.
    Newline,
    /// Leave the bytes where they are until the line is complete or the patience is over.
    Wait,
}

impl Scene {
    pub fn choose(&self) -> Choice {
        let cut = self.cut;
        match self.ending {
            Ending::Theirs | Ending::Orphan if self.patient => return Choice::Wait,
            Ending::Theirs | Ending::Orphan => return Choice::Newline,
            Ending::Line | Ending::Mine => {}
        }
        let len = if cut.len <= self.budget {
            cut.len
        } else if cut.within > 0 {
            cut.within
        } else if self.ending == Ending::Line && self.size > 0 {
            return Choice::Rotate { part: false };
        } else if cut.first > 0 {
            // The line in hand is finished in the file in which it was begun.
            cut.first
        } else if self.over >= TURN_BYTES && self.size > 0 {
            // A progress bar that never ends its line must not fill the disk.
            return Choice::Rotate { part: true };
        } else {
            cut.len
        };
        let whole = len == cut.last || len < cut.len;
        match self.shared && !whole {
            false => Choice::Move { len, part: false },
            true if cut.last > 0 => Choice::Move { len: cut.last, part: false },
            true if self.full || !self.patient => Choice::Move { len, part: true },
            true => Choice::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, change: impl FnOnce(&mut Scene), expected: Choice) {
        let mut scene = Scene {
            cut: Cut::default(),
            size: 100,
            budget: u64::MAX,
            ending: Ending::Line,
            shared: false,
            patient: true,
            full: false,
            over: 0,
        };
        change(&mut scene);
        scene.cut = Cut::of(text.as_bytes(), scene.budget);
        assert_eq!(scene.choose(), expected, "{text:?} {scene:?}");
    }

    #[test]
    fn cuts() {
        assert_eq!(Cut::of(b"", 9), Cut::default());
        assert_eq!(Cut::of(b"abc", 9), Cut { len: 3, ..Cut::default() });
        assert_eq!(Cut::of(b"a\nb\nc", 3), Cut { len: 5, first: 2, within: 2, last: 4 });
        assert_eq!(Cut::of(b"a\nb\nc", 4), Cut { len: 5, first: 2, within: 4, last: 4 });
        assert_eq!(Cut::of(b"\n", 0), Cut { len: 1, first: 1, within: 0, last: 1 });
    }

    #[test]
    fn alone_everything_goes() {
        check("a\nb", |_| {}, Choice::Move { len: 3, part: false });
        check("abc", |s| s.ending = Ending::Mine, Choice::Move { len: 3, part: false });
    }

    #[test]
    fn shared_only_whole_lines_go() {
        let shared = |s: &mut Scene| s.shared = true;
        check("a\nb", shared, Choice::Move { len: 2, part: false });
        check("a\nb\n", shared, Choice::Move { len: 4, part: false });
        check("abc", shared, Choice::Wait);
        check("abc", |s| (s.shared, s.full) = (true, true), Choice::Move { len: 3, part: true });
        check("abc", |s| (s.shared, s.patient) = (true, false), Choice::Move { len: 3, part: true });
    }

    #[test]
    fn another_line_is_waited_for_then_ended() {
        check("a\n", |s| s.ending = Ending::Theirs, Choice::Wait);
        check("a\n", |s| (s.ending, s.patient) = (Ending::Theirs, false), Choice::Newline);
        check("a\n", |s| s.ending = Ending::Orphan, Choice::Wait);
        check("a\n", |s| (s.ending, s.patient) = (Ending::Orphan, false), Choice::Newline);
    }

    #[test]
    fn rotation_cuts_no_line() {
        check("ab\ncd\n", |s| s.budget = 6, Choice::Move { len: 6, part: false });
        check("ab\ncd\n", |s| s.budget = 5, Choice::Move { len: 3, part: false });
        check("ab\ncd\n", |s| s.budget = 2, Choice::Rotate { part: false });
        check("ab\ncd\n", |s| s.budget = 0, Choice::Rotate { part: false });
        check("ab\ncd\n", |s| (s.budget, s.ending) = (0, Ending::Mine), Choice::Move { len: 3, part: false });
        check("ab\ncd\n", |s| (s.budget, s.size) = (2, 0), Choice::Move { len: 3, part: false });
        check("abcd", |s| (s.budget, s.ending) = (0, Ending::Mine), Choice::Move { len: 4, part: false });
        check("abcd", |s| (s.budget, s.ending, s.over) = (0, Ending::Mine, TURN_BYTES), Choice::Rotate { part: true });
    }

    #[test]
    fn shared_and_rotating() {
        check("ab\ncd", |s| (s.budget, s.shared) = (4, true), Choice::Move { len: 3, part: false });
        check("ab\ncd", |s| (s.budget, s.shared) = (5, true), Choice::Move { len: 3, part: false });
        check("abcd", |s| (s.budget, s.shared) = (2, true), Choice::Rotate { part: false });
        check("abcd", |s| (s.budget, s.shared, s.ending) = (2, true, Ending::Mine), Choice::Wait);
    }
}
