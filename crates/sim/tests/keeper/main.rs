//! The keeper's core, tried with whatever may happen to it.
//!
//! `every_run_holds` plays runs from seeds; `KEEPER_FUZZ_STEPS=N` plays N instead of the usual number, `KEEPER_FUZZ_SEED=N` begins with
//! another seed than 0. What fails is shortened and printed as the lines of a file for `tests/corpus`, all of which are played too.

mod course;
mod grammar;
mod hear;
mod ledger;
mod model;
mod ops;
mod parts;
mod rig;

use ops::Op;
use rig::Rig;
use sim::dice::Dice;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Plays a run: what is wrong, after how many things that happened.
fn play(words: &str, ops: &[Op]) -> Result<(), (usize, String)> {
    let mut at = 0;
    let run = || {
        let mut rig = Rig::new(words)?;
        for op in ops {
            at += 1;
            rig.happen(op)?;
        }
        Ok(())
    };
    let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|why| {
        let text = why.downcast_ref::<String>().cloned().or_else(|| why.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("it panics: {}", text.unwrap_or_default()))
    });
    result.map_err(|why| (at, why))
}

/// What kind of failure it is: its words without the numbers.
fn kind(why: &str) -> String {
    why.split(['(', '{', '[', '"']).next().unwrap_or_default().chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// The shortest run found that fails in the same way, by leaving out and by shortening what is said.
fn shorten(words: &str, ops: &[Op]) -> Vec<Op> {
    let Err((at, why)) = play(words, ops) else { return ops.to_vec() };
    let fails = |ops: &[Op]| matches!(play(words, ops), Err((_, other)) if kind(&other) == kind(&why));
    let mut ops = ops[..at].to_vec();
    let mut size = ops.len();
    while size > 0 {
        let mut from = 0;
        while from < ops.len() {
            let mut fewer = ops.clone();
            fewer.drain(from..(from + size).min(ops.len()));
            if fails(&fewer) { ops = fewer } else { from += size }
        }
        size /= 2;
    }
    for at in 0..ops.len() {
        let mut line = 0;
        while let Op::Say(who, bytes) = &ops[at] {
            let mut lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
            if line >= lines.len() {
                break;
            }
            lines.remove(line);
            let mut fewer = ops.clone();
            fewer[at] = Op::Say(*who, lines.concat());
            if fails(&fewer) { ops = fewer } else { line += 1 }
        }
    }
    ops
}

fn told(words: &str, ops: &[Op]) -> String {
    let (at, why) = play(words, ops).expect_err("a run always ends the same");
    let lines: Vec<String> = ops.iter().map(ToString::to_string).collect();
    format!("{why}, after {at} of these:\n{words}\n{}", lines.join("\n"))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn every_run_holds() {
    let (first, count) = (number("KEEPER_FUZZ_SEED").unwrap_or(0), number("KEEPER_FUZZ_STEPS").unwrap_or(1500));
    let mut failed = BTreeMap::new();
    for seed in first..first + count {
        let mut dice = Dice::new(seed);
        let words = dice.pick(&["growing", "fixed", "growing console", "fixed console"]);
        let ops = grammar::ops(&mut dice);
        if let Err((_, why)) = play(words, &ops) {
            failed.entry(kind(&why)).or_insert((0, seed, words, ops)).0 += 1;
        }
    }
    let told = failed
        .values()
        .map(|(count, seed, words, ops)| format!("{count} times, first seed {seed}: {}", told(words, &shorten(words, ops))));
    let told: Vec<String> = told.collect();
    assert!(told.is_empty(), "{}", told.join("\n\n"));
}

#[test]
fn what_once_failed_holds() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let (mut played, mut failed) = (0, Vec::new());
    for file in std::fs::read_dir(corpus).expect("the corpus is there") {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let mut lines = text.lines().filter(|line| !line.starts_with("//"));
        let words = lines.next().expect("how it is started");
        let ops: Vec<Op> = lines.map(|line| ops::parse(line).unwrap_or_else(|| panic!("{}: {line}", path.display()))).collect();
        if play(words, &ops).is_err() {
            failed.push(format!("{}: {}", path.display(), told(words, &ops)));
        }
        played += 1;
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    assert!(played > 0, "nothing stands in the corpus");
}

/// What is printed can be put into the corpus.
#[test]
fn runs_can_be_written_down() {
    for seed in 0..50 {
        for op in grammar::ops(&mut Dice::new(seed)) {
            assert_eq!(ops::parse(&op.to_string()), Some(op));
        }
    }
}
