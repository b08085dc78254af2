//! Lines in a form, step by step.

use super::Scribe;
use crate::kernel::{HandleId, Kernel};
use scribe::core::{Answer, Cause, Effect, Laid, lay};

/// Lines in a form that are being written, in two steps, and then consumed, in a third: a kill may come in between.
pub(super) struct Writing {
    handle: HandleId,
    log: usize,
    source: (usize, u64),
    left: Vec<u8>,
    laid: Laid,
    answer: Answer,
}

impl Scribe {
    /// Writes the first half, sometimes none of it. No app here has a second file, so that nothing is ever kept.
    pub(super) fn begin_writing(&mut self, kernel: &mut Kernel, effect: Effect) -> Option<Answer> {
        let Effect::Form { stream, file, at, len, room, rest, wall, lead, .. } = effect else { return None };
        let (Some(handle), Some((_, log, _))) = (self.flow(kernel, stream), self.logs.get(&file.0)) else {
            return Some(Answer::Failed(Cause("EBADF")));
        };
        let fails = kernel.weather.write_fails;
        if kernel.dice.once_in(fails) {
            kernel.checks.reach("a full disk");
            return Some(Answer::Failed(Cause("ENOSPC")));
        }
        let bytes = kernel.peek(handle, len as usize);
        let mut lines = Vec::new();
        let laid = lay(lead.as_deref(), &bytes, rest, wall, room, &mut lines);
        let answer = Answer::Formed { taken: laid.taken as u64, written: lines.len() as u64, part: laid.part };
        let source = kernel.place(handle).unwrap_or_default();
        if let Some(fifo) = kernel.fifos.get_mut(source.0) {
            fifo.formed = true;
        }
        let half = if kernel.dice.once_in(3) { kernel.dice.between(1, lines.len() as u64 - 1) as usize } else { 0 };
        if let Err(why) = kernel.disk.append_formed(*log, at, &lines[..half], source, 0) {
            kernel.checks.fail(why);
        }
        self.writing = Some(Writing { handle, log: *log, source, left: lines.split_off(half), laid, answer });
        None
    }

    pub(super) fn write_on(&mut self, kernel: &mut Kernel, mut writing: Writing) {
        if writing.left.is_empty() {
            kernel.take(writing.handle, writing.laid.taken);
            self.answer = Some(writing.answer);
            return;
        }
        let (log, bytes) = (writing.log, std::mem::take(&mut writing.left));
        let at = kernel.disk.logs[log].size;
        if let Err(why) = kernel.disk.append_formed(log, at, &bytes, writing.source, writing.laid.taken as u64) {
            kernel.checks.fail(why);
        }
        self.writing = Some(writing);
    }
}
