//! Writing lines in a form, and what is needed for it: one buffer for all streams, made when the first needs it.

use super::perform::{EBADF, Hands};
use crate::core::{Answer, Cause, FORM_BUFFER, Laid, StreamKey};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use sys::stream::{self, Flow, Writers};

/// A FIFO that is open.
#[derive(Debug)]
pub(super) struct Fifo {
    pub end: OwnedFd,
    pub path: PathBuf,
}

/// What was looked at last, and where its lines are laid.
#[derive(Debug, Default)]
pub(super) struct Forms {
    pub peeked: Option<(StreamKey, usize)>,
    lines: Vec<u8>,
}

impl Fifo {
    pub fn writers(&self) -> Result<Answer, Cause> {
        Ok(match stream::writers(&self.end, &self.path).map_err(Cause)? {
            Writers::Some => Answer::Empty,
            Writers::Wait => Answer::Full,
            Writers::None => Answer::End,
        })
    }
}

impl Hands {
    /// Writes what was peeked as lines, and consumes what was written unless it is to be kept. `lay` says how many bytes it looked at.
    pub(super) fn form(
        &mut self,
        stream: StreamKey,
        file: u32,
        at: u64,
        keep: Option<u64>,
        lay: impl FnOnce(&[u8], &mut Vec<u8>) -> (usize, Laid),
    ) -> Result<Answer, Cause> {
        let fifo = self.fifos.get(stream.0 as usize).and_then(Option::as_ref).ok_or(EBADF)?;
        let log = self.logs.get(file as usize).and_then(Option::as_ref).ok_or(EBADF)?;
        let (_, count) = self.forms.peeked.take().filter(|(whose, _)| *whose == stream).ok_or(Cause("EPROTO"))?;
        let lines = &mut self.forms.lines;
        lines.reserve(FORM_BUFFER.saturating_sub(lines.len()));
        let bytes = &self.scratch.seen(count)[keep.map_or(0, |skip| (skip as usize).min(count))..];
        let (len, laid) = lay(bytes, lines);
        let written = log.write(at, lines)?;
        let (whole, laid) = laid.up_to(&bytes[..len], lines, written);
        if whole < written || written == 0 {
            // The rest of a line would be taken for a line.
            let cause = log.cut_off(at + whole as u64);
            if whole == 0 {
                return Err(cause);
            }
        }
        if keep.is_none() {
            self.scratch.consume(&fifo.end, laid.taken).map_err(Cause)?;
        }
        Ok(Answer::Formed { taken: laid.taken as u64, written: whole as u64, part: laid.part })
    }

    pub(super) fn discard(&mut self, stream: StreamKey, len: u64) -> Result<Answer, Cause> {
        let fifo = self.fifos.get(stream.0 as usize).and_then(Option::as_ref).ok_or(EBADF)?;
        self.forms.peeked = None;
        Ok(match self.scratch.discard(&fifo.end, len).map_err(Cause)? {
            Flow::Bytes(count) => Answer::Moved(count as u64),
            Flow::Empty => Answer::Empty,
            Flow::End => Answer::End,
        })
    }
}
