//! Rotation as a list of renames, planned from what is there, so that a rotation that was cut short is simply planned again.

use super::effect::{Effect, Sibling};
use model::beside::{index_path, places, rotated_path, zipped_path};
use std::collections::VecDeque;

/// The rotated files of a log, as far as there are any ([`model::beside::places`]).
pub fn siblings(at: impl FnMut(usize) -> Sibling) -> Vec<Sibling> {
    places(at, Sibling::is_empty)
}

/// Where both forms of a rotated file stand, a crash came between the two steps of [`super::care`]'s commit. The plain one is the truth: what
/// is removed is always the copy, and it is made again.
pub(crate) fn without_copies(log: &str, siblings: &mut [Sibling], steps: &mut VecDeque<Effect>) {
    for (n, sibling) in (1..).zip(siblings.iter_mut()).filter(|(_, sibling)| sibling.log && sibling.zip) {
        steps.push_back(Effect::Remove { path: zipped_path(&rotated_path(log, n)) });
        sibling.zip = false;
    }
}

/// The steps that make `log` free: everything moves up by one as far as the first gap, what lies beyond `keep` is removed, on both sides
/// of the gap and the oldest first: what is left is always the newest. A log goes before its index, so that an index without its log is the
/// one trace of a rotation that was cut short, and it is repaired first.
pub(crate) fn plan(log: &str, siblings: &[Sibling], keep: u32) -> VecDeque<Effect> {
    let keep = usize::try_from(keep).unwrap_or(usize::MAX);
    let mut steps = VecDeque::new();
    let mut siblings = siblings.to_vec();
    without_copies(log, &mut siblings, &mut steps);
    let at = |n: usize| siblings.get(n - 1).copied().unwrap_or_default();
    let mut index: Vec<bool> = siblings.iter().map(|s| s.index).collect();
    let path = |n: usize| rotated_path(log, n);
    // Each file keeps its form.
    let form = |n: usize, to: usize| if at(n).zip { zipped_path(&path(to)) } else { path(to) };
    let rename = |from: String, to: String| Effect::Rename { from, to };
    for n in 1..=siblings.len() {
        if !at(n).is_taken() && at(n).index {
            let above = at(n + 1);
            if above.is_taken() && !above.index {
                steps.push_back(rename(index_path(&path(n)), index_path(&path(n + 1))));
                index[n] = true;
            } else {
                steps.push_back(Effect::Remove { path: index_path(&path(n)) });
            }
            index[n - 1] = false;
        }
    }
    let gap = (1..=siblings.len()).find(|n| !at(*n).is_taken()).unwrap_or(siblings.len() + 1);
    for n in (1..=siblings.len()).rev().filter(|n| at(*n).is_taken()) {
        let has_index = index.get(n - 1).copied().unwrap_or_default();
        // Below the gap everything moves up by one, above it nothing moves.
        let moves = n < gap;
        if n + usize::from(moves) > keep {
            steps.push_back(Effect::Remove { path: form(n, n) });
            if has_index {
                steps.push_back(Effect::Remove { path: index_path(&path(n)) });
            }
        } else if moves {
            steps.push_back(rename(form(n, n), form(n, n + 1)));
            if has_index {
                steps.push_back(rename(index_path(&path(n)), index_path(&path(n + 1))));
            }
        }
    }
    steps.push_back(rename(log.to_owned(), path(1)));
    steps.push_back(rename(index_path(log), index_path(&path(1))));
    if keep == 0 {
        steps.push_back(Effect::Remove { path: path(1) });
        steps.push_back(Effect::Remove { path: index_path(&path(1)) });
    }
    steps
}

/// Whether a step concerns an index only: then its failure costs times, not lines, and is passed over.
pub(crate) fn is_index_step(step: &Effect) -> bool {
    match step {
        Effect::Rename { from: path, .. } | Effect::Remove { path } => path.ends_with(".idx"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Sibling = Sibling { log: false, zip: false, index: false, inode: 0, written: model::Wall(0) };
    const LOG: Sibling = Sibling { log: true, ..NONE };
    const INDEX: Sibling = Sibling { index: true, ..NONE };
    const BOTH: Sibling = Sibling { log: true, ..INDEX };
    const ZIP: Sibling = Sibling { zip: true, ..INDEX };
    const TWICE: Sibling = Sibling { zip: true, ..BOTH };

    fn check(siblings: &[Sibling], keep: u32, expected: &[&str]) {
        let words: Vec<String> = plan("l", siblings, keep)
            .into_iter()
            .map(|step| match step {
                Effect::Rename { from, to } => format!("{from}>{to}"),
                Effect::Remove { path } => format!("-{path}"),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(words, expected);
    }

    #[test]
    fn plans() {
        check(&[], 3, &["l>l.1", "l.idx>l.1.idx"]);
        check(&[], 0, &["l>l.1", "l.idx>l.1.idx", "-l.1", "-l.1.idx"]);
        check(&[BOTH], 0, &["-l.1", "-l.1.idx", "l>l.1", "l.idx>l.1.idx", "-l.1", "-l.1.idx"]);
        check(&[BOTH], 3, &["l.1>l.2", "l.1.idx>l.2.idx", "l>l.1", "l.idx>l.1.idx"]);
        check(&[BOTH, LOG], 2, &["-l.2", "l.1>l.2", "l.1.idx>l.2.idx", "l>l.1", "l.idx>l.1.idx"]);
    }

    #[test]
    fn a_smaller_count_removes_the_rest() {
        check(&[LOG, LOG, LOG, LOG], 2, &["-l.4", "-l.3", "-l.2", "l.1>l.2", "l>l.1", "l.idx>l.1.idx"]);
    }

    #[test]
    fn a_cut_short_rotation_is_finished() {
        // l.2 had been renamed to l.3, its index not yet.
        check(&[BOTH, INDEX, LOG], 5, &["l.2.idx>l.3.idx", "l.1>l.2", "l.1.idx>l.2.idx", "l>l.1", "l.idx>l.1.idx"]);
        // The same, and fewer are to be kept meanwhile: what lies beyond the gap is older than what goes.
        check(&[BOTH, INDEX, LOG], 1, &["l.2.idx>l.3.idx", "-l.3", "-l.3.idx", "-l.1", "-l.1.idx", "l>l.1", "l.idx>l.1.idx"]);
        let none = ["-l.2", "-l.2.idx", "l>l.1", "l.idx>l.1.idx", "-l.1", "-l.1.idx"];
        check(&[NONE, BOTH], 0, &none);
        check(&[LOG, NONE, LOG, LOG], 3, &["-l.4", "l.1>l.2", "l>l.1", "l.idx>l.1.idx"]);
        // Place 1 is free: nothing else moves.
        check(&[INDEX, BOTH], 5, &["-l.1.idx", "l>l.1", "l.idx>l.1.idx"]);
    }

    #[test]
    fn compressed_files_keep_their_form() {
        let head = ["l.1>l.2", "l.1.idx>l.2.idx", "l>l.1", "l.idx>l.1.idx"];
        check(&[BOTH, ZIP], 3, &[&["l.2.gz>l.3.gz", "l.2.idx>l.3.idx"][..], &head].concat());
        check(&[BOTH, ZIP], 2, &[&["-l.2.gz", "-l.2.idx"][..], &head].concat());
        check(&[ZIP], 0, &["-l.1.gz", "-l.1.idx", "l>l.1", "l.idx>l.1.idx", "-l.1", "-l.1.idx"]);
        // A crash between the two steps of the commit: the copy goes before anything moves.
        check(&[BOTH, TWICE], 3, &[&["-l.2.gz", "l.2>l.3", "l.2.idx>l.3.idx"][..], &head].concat());
        // A crash within the moves: the index follows its log, whatever the form.
        check(&[BOTH, INDEX, Sibling { zip: true, ..NONE }], 5, &[&["l.2.idx>l.3.idx"][..], &head].concat());
    }

    #[test]
    fn one_gap_is_looked_across() {
        let look = |places: &[Sibling]| siblings(|n| places.get(n - 1).copied().unwrap_or_default());
        assert_eq!(look(&[]), []);
        assert_eq!(look(&[LOG, BOTH]), [LOG, BOTH]);
        assert_eq!(look(&[NONE, LOG]), [NONE, LOG]);
        assert_eq!(look(&[LOG, NONE, INDEX, NONE, NONE, LOG]), [LOG, NONE, INDEX]);
        assert_eq!(look(&[NONE, NONE, LOG]), []);
    }
}
