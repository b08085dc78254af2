//! Scenes: one thing each.

use super::world::{FILE, World, id};
use crate::core::{Cause, FIRST_PAUSE, LINE_PATIENCE, LONGEST_PAUSE, TROUBLE_AGAIN};
use model::{FromScribe, IndexFlags, Tick, ToScribe};

#[test]
fn unborn_is_not_sealed_and_does_not_spin() {
    let mut world = World::new();
    world.open(1, FILE, 0, false);
    world.hang_up(1);
    assert!(world.sealed(1).is_none() && !world.wait());
    world.print(1, "late\n");
    assert_eq!(world.read(FILE), "late\n");
    world.say(ToScribe::Born { id: id(1) });
    assert!(world.sealed(1).is_some());
}

#[test]
fn what_never_prints_leaves_no_file() {
    let mut world = World::new();
    world.open(1, FILE, 0, true);
    world.hang_up(1);
    assert_eq!(world.sealed(1), Some(&FromScribe::Sealed { id: id(1), size: 0, bytes: 0, partial: false, dropped: 0 }));
    assert!(!world.exists(FILE) && !world.wait());
}

#[test]
fn an_unfinished_line_is_waited_for_and_then_ended_by_us() {
    let mut world = World::new();
    world.open(1, FILE, 0, true);
    world.open(2, FILE, 0, true);
    world.print(1, "password: ");
    assert_eq!(world.read(FILE), "");
    let begun = world.now();
    world.wait();
    assert_eq!((world.now(), world.read(FILE)), (begun + LINE_PATIENCE, "password: ".to_owned()));
    world.print(2, "other\n");
    assert_eq!(world.read(FILE), "password: ");
    world.wait();
    assert_eq!(world.read(FILE), "password: \nother\n");
    let ours = IndexFlags { partial: true, our_newline: true, ..IndexFlags::default() };
    assert!(world.index(FILE).iter().any(|one| (one.offset, one.instance.0, one.flags) == (11, 1, ours)));
    assert!(!world.wait());
}

#[test]
fn a_line_that_is_finished_in_time_is_whole() {
    let mut world = World::new();
    world.open(1, FILE, 0, true);
    world.print(1, "one and ");
    world.open(2, FILE, 0, true);
    world.print(2, "two\n");
    assert_eq!(world.read(FILE), "one and ");
    world.print(1, "only\n");
    assert_eq!(world.read(FILE), "one and only\ntwo\n");
    assert_eq!((world.life_at(FILE, 0), world.life_at(FILE, 13)), (Some(1), Some(2)));
}

#[test]
fn a_full_disk_is_waited_out_with_growing_pauses() {
    let mut world = World::new();
    world.open(1, FILE, 0, true);
    world.faults.insert("Splice", Cause("ENOSPC"));
    world.heard.clear();
    world.print(1, "text\n");
    let mut pauses = Vec::new();
    let mut last = world.now();
    while world.now() < Tick(1_000_000_000) + TROUBLE_AGAIN {
        world.wait();
        pauses.push(world.now().since(last));
        last = world.now();
    }
    assert_eq!((pauses[0], pauses[1], pauses[9]), (FIRST_PAUSE, FIRST_PAUSE * 2, LONGEST_PAUSE));
    // Once, and once more after a minute.
    let trouble = FromScribe::Trouble { id: id(1), path: FILE.to_owned(), errno: "ENOSPC".to_owned() };
    assert_eq!(world.heard, [trouble.clone(), trouble]);
    world.faults.clear();
    world.heard.clear();
    world.wait();
    assert_eq!((world.heard.as_slice(), world.read(FILE).as_str()), (&[FromScribe::Resumed { id: id(1) }][..], "text\n"));
}

#[test]
fn a_file_without_splice_is_copied() {
    let mut world = World::new();
    world.faults.insert("Splice", Cause("EINVAL"));
    world.open(1, FILE, 0, true);
    world.print(1, "one\n");
    world.print(1, "two\n");
    assert_eq!(world.read(FILE), "one\ntwo\n");
    assert_eq!(world.done.iter().filter(|one| one.starts_with("Splice")).count(), 1);
}

#[test]
fn a_rotation_that_fails_stops_nothing() {
    let mut world = World::new();
    world.open(1, FILE, 10, true);
    world.print(1, "12345678\n");
    world.faults.insert("Rename", Cause("EACCES"));
    world.print(1, "12345678\n12345678\n");
    assert_eq!(world.read(FILE).len(), 27);
    assert!(world.heard.iter().any(|one| matches!(one, FromScribe::Trouble { errno, .. } if errno == "EACCES")));
}

#[test]
fn an_index_that_fails_stops_nothing() {
    let mut world = World::new();
    world.faults.insert("AppendIndex", Cause("EIO"));
    world.open(1, FILE, 0, true);
    world.print(1, "one\n");
    world.print(1, "two");
    world.hang_up(1);
    assert_eq!(world.read(FILE), "one\ntwo\n");
    assert!(matches!(world.sealed(1), Some(FromScribe::Sealed { size: 8, bytes: 7, partial: true, .. })));
}

#[test]
fn a_full_link_costs_flags_only() {
    let mut world = World::new();
    world.link_room = 0;
    world.heard.clear();
    for n in 1..=50 {
        world.open(n, FILE, 0, true);
        world.print(n, "x\n");
        world.hang_up(n);
    }
    assert!(world.heard.is_empty());
    world.link_writable();
    for n in 1..=50 {
        assert!(world.sealed(n).is_some() && world.heard.contains(&FromScribe::Opened { id: id(n) }), "{n}");
    }
    assert_eq!(world.heard.len(), 100);
}

#[test]
fn a_progress_bar_does_not_fill_the_disk() {
    let mut world = World::new();
    world.open(1, FILE, 1000, true);
    for _ in 0..3000 {
        world.print(1, &"\r42 %".repeat(20));
    }
    assert!(world.read(FILE).len() <= 67_000 && world.exists("log.1") && world.exists("log.2"));
    assert!(world.index("log.1").last().is_some_and(|last| last.flags.partial && !last.flags.our_newline));
}

#[test]
fn touched_from_outside() {
    let mut world = World::new();
    world.open(1, FILE, 0, true);
    world.print(1, "one\n");
    world.truncate(FILE);
    world.print(1, "two\n");
    assert_eq!((world.read(FILE).as_str(), world.life_at(FILE, 0)), ("two\n", Some(1)));
    world.remove(FILE);
    world.print(1, "three\n");
    assert_eq!((world.read(FILE).as_str(), world.life_at(FILE, 0)), ("three\n", Some(1)));
}

#[test]
fn finish_and_stop() {
    let mut world = World::new();
    world.open(1, FILE, 0, true);
    world.open(2, FILE, 0, true);
    world.print(1, "no end");
    world.say(ToScribe::Finish);
    assert!(world.exited() && world.read(FILE) == "no end");
    let mut world = World::new();
    world.stop();
    assert!(world.exited());
}

#[test]
fn sealed_is_said_again_and_forgotten_in_time() {
    let mut world = World::new();
    for n in 1..=300 {
        world.open(n, FILE, 0, true);
        world.print(n, "x\n");
        world.hang_up(n);
    }
    world.heard.clear();
    world.open(300, FILE, 0, true);
    assert!(matches!(world.sealed(300), Some(FromScribe::Sealed { size: 600, bytes: 2, .. })));
    // Long forgotten: found ended once more, its bytes counted by an earlier memory.
    world.open(1, FILE, 0, true);
    world.hang_up(1);
    assert!(matches!(world.sealed(1), Some(FromScribe::Sealed { size: 600, bytes: 0, partial: false, .. })));
}
