//! Each check fails when it should: a defect is put in, and some seed among a few must show it for what it is.

use sim::{Sabotage, Settings, play};

/// The first verdict that a defect brings about.
fn check(sabotage: Sabotage, sign: &str) {
    let verdicts = (0..300).filter_map(|seed| play(Settings { seed, sabotage: Some(sabotage), ..Settings::default() }).err());
    let found = verdicts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).find(|line| line.contains(sign));
    assert!(found.is_some(), "{sabotage:?} was never called {sign:?}");
}

#[test]
fn a_second_life_is_seen() {
    check(Sabotage::SecondLife, "I1: ");
}

#[test]
fn a_stop_that_nobody_asked_for_is_seen() {
    check(Sabotage::Unasked, "I2: ");
}

#[test]
fn a_broken_pipe_is_seen() {
    check(Sabotage::BrokenPipe, "I2: ");
}

#[test]
fn a_signal_to_a_stranger_is_seen() {
    check(Sabotage::Stranger, "I3: ");
}

#[test]
fn a_second_end_is_seen() {
    check(Sabotage::TwoEnds, "I4: ");
}

#[test]
fn an_end_that_is_no_end_is_seen() {
    check(Sabotage::Blind, "I5: ");
}

#[test]
fn a_shortage_taken_for_a_failure_is_seen() {
    check(Sabotage::Shortage, "I6: ");
}

#[test]
fn a_lost_byte_is_seen() {
    check(Sabotage::LostByte, "I9: ");
}

#[test]
fn a_torn_line_is_seen() {
    check(Sabotage::TornLine, "goes on after another's bytes");
}

#[test]
fn zombies_are_seen() {
    check(Sabotage::Zombies, "is a zombie");
}

#[test]
fn litter_is_seen() {
    check(Sabotage::Litter, "is left over");
}

#[test]
fn a_busy_loop_is_seen() {
    check(Sabotage::Busy, "quiescence: ");
}

/// The same, where apps have more than a program.
fn check_mixed(sabotage: Sabotage, sign: &str) {
    let settings = |seed| Settings { seed, mixed: true, sabotage: Some(sabotage), ..Settings::default() };
    let verdicts = (0..300).filter_map(|seed| play(settings(seed)).err());
    let found = verdicts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).find(|line| line.contains(sign));
    assert!(found.is_some(), "{sabotage:?} was never called {sign:?}");
}

#[test]
fn a_hasty_judgement_of_health_is_seen() {
    check_mixed(Sabotage::Hasty, "bad answers in a row it has given");
}

#[test]
fn a_birth_before_a_dependency_is_seen() {
    check_mixed(Sabotage::Impatient, "order: ");
}

#[test]
fn a_run_without_its_time_is_seen() {
    check_mixed(Sabotage::TwoRuns, "jobs: ");
}

#[test]
fn a_restart_of_those_who_need_not_follow_is_seen() {
    check_mixed(Sabotage::Herd, "I2: ");
}

#[test]
fn words_that_nobody_hears_are_seen() {
    check_mixed(Sabotage::Deaf, "I2: ");
}
