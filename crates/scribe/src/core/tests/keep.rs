//! Rotated files: by age, compressed, too old, too many bytes. And the plug is pulled everywhere.

use super::world::{FILE, World};
use crate::core::*;
use model::{FromScribe, LogPolicy, ToScribe};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const HOUR_MS: i64 = 3_600_000;

fn policy() -> LogPolicy {
    LogPolicy::plain(0, 0)
}

#[test]
fn an_old_file_is_rotated_while_nothing_is_printed() {
    let mut world = World::new();
    world.policy.rotate_every = Some(HOUR);
    world.open(1, FILE, 0, true);
    let begun = world.now();
    world.print(1, "one\n");
    world.pass(HOUR / 2);
    world.print(1, "two\n");
    while !world.exists("log.1") {
        assert!(world.wait(), "it would never be rotated");
    }
    assert!(world.now().since(begun) >= HOUR && world.now().since(begun) < HOUR + AGE_AGAIN, "{:?}", world.now().since(begun));
    assert_eq!((world.read("log.1").as_str(), world.exists(FILE)), ("one\ntwo\n", false));
    // Nothing to rotate, nothing to wait for.
    assert!(!world.wait());
    world.pass(HOUR * 5);
    world.print(1, "three\n");
    assert_eq!((world.read(FILE).as_str(), world.exists("log.2")), ("three\n", false));
}

#[test]
fn an_unfinished_line_is_waited_for_before_an_old_file_is_rotated() {
    let mut world = World::new();
    world.policy.rotate_every = Some(HOUR);
    world.open(1, FILE, 0, true);
    world.print(1, "one and");
    while world.wait() {}
    assert!(world.now().since(model::Tick(0)) > HOUR && !world.exists("log.1"));
    world.print(1, " the rest\ntwo\n");
    assert_eq!((world.read("log.1").as_str(), world.read(FILE).as_str()), ("one and the rest\n", "two\n"));
}

#[test]
fn age_outlives_the_scribe_and_jumps_of_the_clock_are_harmless() {
    // A clock that was taken back by a year, one that is right, one that has run ahead by half an hour.
    for (jump, expected) in [(-9000 * HOUR_MS, HOUR), (0, HOUR / 4), (HOUR_MS / 2, Duration::ZERO)] {
        let mut world = World::new();
        world.policy.rotate_every = Some(HOUR);
        world.open(1, FILE, 0, true);
        world.print(1, "one\n");
        world.pass(HOUR * 3 / 4);
        world.jump(jump);
        world.restart();
        let begun = world.now();
        while !world.exists("log.1") {
            assert!(world.wait(), "it would never be rotated");
        }
        let took = world.now().since(begun);
        assert!(took >= expected && took <= expected + AGE_AGAIN, "{jump}: {took:?}");
        // Within one life of ours they are not even noticed.
        world.print(1, "two\n");
        let begun = world.now();
        world.jump(-jump * 2);
        while !world.exists("log.2") {
            assert!(world.wait(), "it would never be rotated");
        }
        assert!(world.now().since(begun) >= HOUR && world.now().since(begun) <= HOUR + AGE_AGAIN);
    }
}

#[test]
fn an_age_that_is_told_later_counts_from_the_first_byte() {
    let mut world = World::new();
    world.max_files = 3;
    world.open(1, FILE, 0, true);
    world.print(1, "one\n");
    world.pass(HOUR * 2);
    world.say(ToScribe::Policy {
        file: FILE.to_owned(),
        policy: LogPolicy { max_files: 3, rotate_every: Some(HOUR), ..policy() },
    });
    while !world.exists("log.1") {
        assert!(world.wait(), "it would never be rotated");
    }
    assert_eq!(world.read("log.1"), "one\n");
}

#[test]
fn rotated_files_are_compressed_one_after_the_other() {
    let mut world = World::new();
    world.policy.compress = true;
    world.open(1, FILE, 10, true);
    world.print(1, "1 line one\n1 line two\n1 line three\n");
    assert!(world.exists("log.1") && world.exists("log.2"));
    // Meanwhile a rotation moves what is being compressed.
    world.print(1, "1 line four\n");
    while world.background_ends(Ok(())) {}
    for (n, text) in [(1, "1 line three\n"), (2, "1 line two\n"), (3, "1 line one\n")] {
        assert_eq!((world.read(&format!("log.{n}.gz")).as_str(), world.exists(&format!("log.{n}"))), (text, false), "{n}");
        assert!(world.exists(&format!("log.{n}.idx")));
    }
    assert!(!world.exists("log.1.gz.tmp") && !world.wait());
}

#[test]
fn without_room_the_plain_file_stays_and_is_tried_again() {
    let mut world = World::new();
    world.policy.compress = true;
    world.open(1, FILE, 10, true);
    world.print(1, "1 line one\n1 line two\n");
    assert!(world.background_ends(Err(Cause("ENOSPC"))) && world.exists("log.1") && !world.background_ends(Ok(())));
    let failed = world.now();
    while !world.background_ends(Ok(())) {
        assert!(world.wait(), "it would never be tried again");
    }
    assert!(world.now().since(failed) >= ZIP_AGAIN);
    assert!(!world.exists("log.1") && world.read("log.1.gz") == "1 line one\n");
}

#[test]
fn what_is_removed_while_it_is_compressed_does_not_come_back() {
    let mut world = World::new();
    world.policy.compress = true;
    world.max_files = 1;
    world.open(1, FILE, 10, true);
    world.print(1, "1 line one\n1 line two\n1 line three\n");
    while world.background_ends(Ok(())) {}
    assert_eq!(
        (world.read("log.1.gz").as_str(), world.exists("log.2.gz"), world.exists("log.1.gz.tmp")),
        ("1 line two\n", false, false)
    );
}

#[test]
fn what_is_too_old_is_removed_from_the_oldest_on() {
    let mut world = World::new();
    world.policy.max_age = Some(HOUR * 10);
    world.open(1, FILE, 10, true);
    for n in 1..=4 {
        world.print(1, &format!("1 line {n} is here\n"));
        world.pass(HOUR * 2);
    }
    // Eight, six and four hours old; the one that is written is not asked.
    let mut there = Vec::new();
    for _ in 0..40 {
        there.push((1..=4).filter(|n| world.exists(&format!("log.{n}"))).count());
        if !world.wait() {
            break;
        }
    }
    there.dedup();
    assert_eq!(there, [3, 2, 1, 0]);
    assert!(!world.exists("log.1.idx") && world.read(FILE) == "1 line 4 is here\n");
}

#[test]
fn a_clock_that_jumps_and_comes_back_removes_nothing() {
    let mut world = World::new();
    world.policy.max_age = Some(HOUR * 10);
    world.open(1, FILE, 10, true);
    world.print(1, "1 line one\n1 line two\n");
    let year = HOUR_MS * 9000;
    world.jump(year);
    world.print(1, "1 line three\n");
    world.pass(HOUR / 2);
    world.jump(-year);
    assert!(world.exists("log.2"));
    let begun = world.now();
    while world.exists("log.2") {
        assert!(world.wait(), "it would never be removed");
    }
    assert!(world.now().since(begun) > HOUR * 8, "{:?}", world.now().since(begun));
    // One that stays is believed in the end.
    world.print(1, "1 line four\n");
    world.jump(year);
    let begun = world.now();
    while world.exists("log.1") {
        assert!(world.wait(), "it would never be removed");
    }
    assert!(world.now().since(begun) >= CLOCK_RESTS, "{:?}", world.now().since(begun));
}

#[test]
fn a_budget_removes_by_what_a_file_is_not_by_its_name() {
    let mut world = World::new();
    world.open(1, FILE, 10, true);
    world.print(1, "1 line one\n1 line two\n1 line three\n");
    world.say(ToScribe::Budget { total: 60, apps: Vec::new() });
    assert_eq!(world.surveys, 1);
    let (two, one) = (world.inode("log.1"), world.inode("log.2"));
    // It has been counted, and then comes a rotation.
    world.print(1, "1 line four\n");
    let rotated = [two, one].map(|inode| Piece { inode, bytes: 30 });
    world.surveyed(vec![Tally { log: FILE.to_owned(), current: 20, rotated: rotated.to_vec() }]);
    assert_eq!([1, 2, 3].map(|n| world.exists(&format!("log.{n}"))), [true, true, false]);
    assert!(!world.exists("log.3.idx") && world.heard.contains(&FromScribe::Removed { file: "log.3".to_owned(), bytes: 30 }));
    // The rotation asks for another count, which is not made at once, and then there is one now and then.
    let mut at = Vec::new();
    for _ in 0..3 {
        assert!(world.wait());
        at.push(world.now());
        world.surveyed(Vec::new());
    }
    assert_eq!((at[1].since(at[0]), at[2].since(at[1]), world.surveys), (SURVEY_EVERY, SURVEY_EVERY, 4));
    world.say(ToScribe::Budget { total: 0, apps: Vec::new() });
    assert!(!world.wait());
}

/// Lines that fill a file each, while the background ends now and then.
fn play(world: &mut World, lines: u32) {
    world.policy.compress = true;
    world.open(1, FILE, 10, true);
    for n in 0..lines {
        world.print(1, &format!("1 line {n:04}\n"));
        if n % 3 == 1 {
            world.background_ends(Ok(()));
        }
    }
    // Until nothing is left to be done.
    for _ in 0..1000 {
        if !world.background_ends(Ok(())) && !world.wait() {
            return;
        }
    }
    panic!("it never comes to an end");
}

fn check(world: &World, lines: u32, how: &str) {
    let (mut text, mut files) = (String::new(), 0);
    for n in (1..50).rev() {
        let (plain, zipped) = (format!("log.{n}"), format!("log.{n}.gz"));
        assert!(!world.exists(&plain), "{plain} is not compressed: {how}\n{}", world.done.join("\n"));
        text.push_str(&world.read(&zipped));
        files += u32::from(world.exists(&zipped));
        assert_eq!(world.exists(&format!("log.{n}.idx")), world.exists(&zipped), "index {n}: {how}\n{}", world.done.join("\n"));
    }
    text.push_str(&world.read(FILE));
    let all: String = (0..lines).map(|n| format!("1 line {n:04}\n")).collect();
    assert!(files >= lines / 2 && text == all, "{text:?} {files}: {how}\n{}", world.done.join("\n"));
    assert!(!world.exists("log.1.gz.tmp"), "{how}");
}

#[test]
fn a_crash_anywhere_loses_no_line_and_leaves_nothing_behind() {
    const LINES: u32 = 9;
    let mut whole = World::new();
    play(&mut whole, LINES);
    check(&whole, LINES, "no crash");
    let commits = whole.done.iter().filter(|one| one.contains("gz.tmp\", to")).count();
    assert!(commits >= 5, "{}", whole.done.join("\n"));
    for plug in 0..whole.effects {
        for later in [None, Some(0), Some(2), Some(5), Some(9)] {
            let mut world = World::new();
            (world.plug, world.second_plug) = (Some(plug), later);
            play(&mut world, LINES);
            check(&world, LINES, &format!("crash before effect {plug}, again after {later:?}"));
        }
    }
}
