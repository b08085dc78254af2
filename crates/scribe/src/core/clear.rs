//! What is done once when asked for, and answered by `Did`: closing all logs, emptying one.

use super::effect::{Answer, Cause, Effect, FileKey};
use super::file::Tail;
use super::state::{Core, Job};
use model::beside::index_path;
use std::collections::VecDeque;

/// A log that is being emptied. Each step may be done twice, so that after a crash it is simply asked for again.
#[derive(Debug)]
pub(crate) struct Clearing {
    ask: u64,
    path: String,
    steps: VecDeque<Effect>,
    failed: Option<(String, Cause)>,
}

/// Whether a name beside a log's belongs to it: a rotated file, compressed or about to be, or the index of one.
pub fn is_beside(log: &str, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(log).and_then(|rest| rest.strip_prefix('.')) else { return false };
    let (number, kind) = rest.split_once('.').map_or((rest, None), |(number, kind)| (number, Some(kind)));
    let ours = kind.is_none_or(|kind| ["idx", "gz", "gz.tmp"].contains(&kind));
    ours && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

impl Core {
    pub(crate) fn reopen(&mut self, ask: u64, out: &mut Vec<Effect>) {
        let open: Vec<FileKey> = self.files.iter().map(|(_, file)| file).filter(|file| file.open).map(|file| file.key).collect();
        for file in open {
            self.close_log(file, out);
        }
        self.say_done((ask, None));
    }

    pub(crate) fn clear(&mut self, ask: u64, path: String, out: &mut Vec<Effect>) {
        out.push(Effect::Beside { path: path.clone() });
        self.job = Job::Clearing(Clearing { ask, path, steps: VecDeque::new(), failed: None });
    }

    pub(crate) fn clearing_answered(&mut self, mut clearing: Clearing, answer: Answer, out: &mut Vec<Effect>) {
        let step = clearing.steps.pop_front();
        match answer {
            Answer::Beside(paths) => clearing.steps.extend(paths.into_iter().map(|path| Effect::Remove { path })),
            // A folder that is not there holds nothing.
            Answer::Failed(Cause("ENOENT")) => {}
            Answer::Failed(cause) => {
                let path = match &step {
                    Some(Effect::Remove { path } | Effect::Truncate { path }) => path,
                    _ => &clearing.path,
                };
                clearing.failed = clearing.failed.take().or_else(|| Some((path.clone(), cause)));
            }
            _ => {}
        }
        if step.is_none() {
            // The index after its log: one that speaks of bytes that are gone is seen to be stale.
            let paths = [clearing.path.clone(), index_path(&clearing.path)];
            clearing.steps.extend(paths.map(|path| Effect::Truncate { path }));
        }
        if let Some(step) = clearing.steps.front() {
            out.push(step.clone());
            self.job = Job::Clearing(clearing);
            return;
        }
        if let Some(log) = self.by_path.get(&clearing.path).and_then(|key| self.files.get_mut(key.0))
            && clearing.failed.is_none()
        {
            (log.size, log.tail, log.last, log.over) = (0, Tail::Line, None, 0);
        }
        self.say_done((clearing.ask, clearing.failed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside() {
        let ours = ["l.1", "l.22", "l.1.idx", "l.3.gz", "l.3.gz.tmp"];
        let not = ["l", "l.idx", "l.", "l.x", "l.1x", "l.1.bak", "l.1.", "m.1", "l.1.idx.1", "l.-1"];
        assert!(ours.iter().all(|name| is_beside("l", name)) && !not.iter().any(|name| is_beside("l", name)));
    }
}
