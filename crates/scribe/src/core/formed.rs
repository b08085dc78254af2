//! The turn of a stream whose lines bear time and name: look, choose, say in the index who writes, write, consume.
//!
//! Only whole lines go. An unfinished one stays in the FIFO, without a deadline and reported by edges, until it ends, the writers have no
//! room left, or the stream is over. What the file ends with is thus always a line feed; where it is not, a kill or another form left it.

use super::cut::Ending;
use super::effect::{Answer, Cause, Effect, Interest, Now, TURN_BYTES};
use super::form::{Lead, Rest};
use super::state::Core;
use super::turn::{Step, Turn};
use std::sync::Arc;

/// What is known of those who write the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// Nothing.
    Unknown,
    /// They may go on.
    Open,
    /// They wait for room.
    Full,
    /// There are none.
    Ended,
}

impl Core {
    pub(crate) fn is_formed(&self, turn: Turn) -> bool {
        self.streams.get(turn.stream.0).is_some_and(|stream| stream.lead.is_some())
    }

    pub(crate) fn choose_formed(&mut self, turn: Turn, now: Now, out: &mut Vec<Effect>) {
        match self.ending(turn) {
            Ending::Line => {}
            Ending::Theirs | Ending::Orphan if self.is_patient(turn, now) => return self.wait_for_line(turn, now, out),
            Ending::Theirs | Ending::Orphan | Ending::Mine => return self.end_line(turn, now, out),
        }
        let log = self.log(turn);
        if log.budget(now.tick) == 0 && log.size > 0 {
            return self.rotation_look(turn, out);
        }
        let cut = turn.cut;
        let born = self.streams.get(turn.stream.0).is_some_and(|stream| stream.born);
        let (len, rest) = match turn.outlook {
            Outlook::Ended if born => (cut.len, Rest::End),
            _ if cut.last > 0 => (cut.last, Rest::Stay),
            _ if cut.len >= TURN_BYTES || self.finishing.is_some() => (cut.len, Rest::Part),
            // There is room again when the twin has written what we have.
            _ if self.is_ahead(turn) => return self.at_ease(turn, Interest::Edge, out),
            Outlook::Full => (cut.len, Rest::Part),
            Outlook::Unknown => return self.ask(turn, Step::Writers, Effect::Writers { stream: turn.stream }, out),
            Outlook::Open | Outlook::Ended => {
                self.with_stream(turn.stream, |stream| stream.sure = true);
                return self.at_ease(turn, Interest::Edge, out);
            }
        };
        let turn = Turn { len, rest, careful: true, ..turn };
        if self.is_claimed(turn) {
            self.move_bytes(turn, now, out);
        } else {
            self.claim(turn, now, out);
        }
    }

    /// More may have come since the look, so what depends on it is looked at again.
    pub(crate) fn writers_answered(&mut self, turn: Turn, answer: &Answer, now: Now, out: &mut Vec<Effect>) {
        let outlook = match answer {
            Answer::End => Outlook::Ended,
            Answer::Full => Outlook::Full,
            Answer::Empty => return self.choose_formed(Turn { outlook: Outlook::Open, ..turn }, now, out),
            Answer::Failed(cause) => return self.fifo_trouble(turn, *cause, now, out),
            _ => return self.fifo_trouble(turn, Cause("EPROTO"), now, out),
        };
        let turn = Turn { cut: Default::default(), outlook, ..turn };
        self.peek(turn, Step::Look, 0, out);
    }

    pub(crate) fn move_formed(&mut self, turn: Turn, lead: Option<Arc<Lead>>, now: Now, out: &mut Vec<Effect>) {
        let keep = self.streams.get(turn.stream.0).and_then(|stream| stream.twin.map(|_| stream.ahead));
        let log = self.log(turn);
        let (at, room) = (log.size, log.budget(now.tick));
        let Turn { stream, file, len, rest, .. } = turn;
        self.ask(
            Turn { at, ..turn },
            Step::Move,
            Effect::Form { stream, file, at, keep, len, room, rest, wall: now.wall, lead },
            out,
        );
    }
}
