//! Streams that would rather lose bytes than wait.

use super::world::{FILE, World, id};
use crate::core::{Cause, FIRST_PAUSE};
use model::{FromScribe, LogFormat, LogOverflow, ToScribe};

fn world(format: LogFormat) -> World {
    let mut world = World::new();
    (world.form.format, world.form.overflow) = (format, LogOverflow::Drop);
    world.open(1, FILE, 0, true);
    world
}

const MOVES: [&str; 4] = ["Splice", "Form", "Put", "PutNewline"];

fn fill(world: &mut World) {
    world.faults.extend(MOVES.map(|effect| (effect, Cause("ENOSPC"))));
}

/// The texts of a raw or `text` file.
fn texts(world: &World) -> Vec<String> {
    world.read(FILE).lines().map(|line| line.rsplit("Z out ").next().expect("one").to_owned()).collect()
}

#[test]
fn a_gap_is_counted_written_and_said() {
    for format in [LogFormat::Raw, LogFormat::Text] {
        let mut world = world(format);
        world.print(1, "one\n");
        world.heard.clear();
        fill(&mut world);
        world.print(1, "lost\n");
        world.print(1, "lost as well\n");
        let trouble = FromScribe::Trouble { id: id(1), path: FILE.to_owned(), errno: "ENOSPC".to_owned() };
        assert_eq!((world.heard.as_slice(), world.waiting(1)), (&[trouble][..], 0));
        assert!(world.wait() && world.wait());
        world.faults.clear();
        while world.wait() {}
        // Without waiting for more to be printed.
        assert_eq!(texts(&world), ["one", "[abide: 18 bytes dropped: ENOSPC]"]);
        let dropped = FromScribe::Dropped { id: id(1), bytes: 18, errno: "ENOSPC".to_owned() };
        assert_eq!(world.heard[1..], [dropped, FromScribe::Resumed { id: id(1) }]);
        world.print(1, "two\n");
        world.hang_up(1);
        assert_eq!(texts(&world)[2..], ["two"]);
        assert!(matches!(world.sealed(1), Some(FromScribe::Sealed { bytes: 8, dropped: 18, .. })), "{:?}", world.heard);
        assert!(!world.wait());
    }
}

#[test]
fn a_gap_stands_on_a_line_of_its_own() {
    let mut world = world(LogFormat::Raw);
    world.print(1, "unfini");
    fill(&mut world);
    world.print(1, "shed\n");
    world.faults.clear();
    while world.wait() {}
    world.print(1, "two\n");
    assert_eq!(world.read(FILE), "unfini\n[abide: 5 bytes dropped: ENOSPC]\ntwo\n");
}

#[test]
fn a_gap_at_the_end() {
    for (mended, expected) in [(true, "one\n[abide: 5 bytes dropped: ENOSPC]\n"), (false, "one\n")] {
        let mut world = world(LogFormat::Raw);
        world.print(1, "one\n");
        fill(&mut world);
        world.print(1, "lost\n");
        if mended {
            world.faults.clear();
        }
        world.hang_up(1);
        assert_eq!(world.read(FILE), expected);
        assert!(matches!(world.sealed(1), Some(FromScribe::Sealed { bytes: 4, dropped: 5, partial: false, .. })));
        assert!(world.heard.iter().any(|one| matches!(one, FromScribe::Dropped { bytes: 5, .. })) && !world.wait());
    }
}

#[test]
fn a_file_that_cannot_be_opened() {
    let mut world = world(LogFormat::Json);
    world.faults.insert("OpenLog", Cause("EROFS"));
    for _ in 0..20 {
        world.print(1, "lost\n");
    }
    assert_eq!(world.waiting(1), 0);
    let begun = world.now();
    world.wait();
    assert_eq!(world.now(), begun + FIRST_PAUSE);
    world.faults.clear();
    while world.wait() {}
    assert!(world.read(FILE).contains("\"line\":\"[abide: 100 bytes dropped: EROFS]\",\"partial\":false,\"dropped\":100}"));
}

#[test]
fn unborn_does_not_spin_and_finish_ends() {
    let mut world = World::new();
    world.form.overflow = LogOverflow::Drop;
    fill(&mut world);
    world.open(1, FILE, 0, false);
    world.print(1, "lost\n");
    world.hang_up(1);
    assert!(world.sealed(1).is_none() && world.wait());
    world.say(ToScribe::Finish);
    while !world.exited() && world.wait() {}
    assert!(world.exited());
}

#[test]
fn a_link_that_is_full_adds_gaps_up() {
    let mut world = world(LogFormat::Raw);
    world.link_room = 0;
    world.heard.clear();
    for _ in 0..3 {
        fill(&mut world);
        world.print(1, "lost\n");
        world.faults.clear();
        while world.wait() {}
    }
    world.link_writable();
    assert!(world.heard.contains(&FromScribe::Dropped { id: id(1), bytes: 15, errno: "ENOSPC".to_owned() }), "{:?}", world.heard);
    assert_eq!(world.read(FILE).lines().count(), 3);
}

/// The disk is full, then not, then full again; what comes meanwhile goes.
fn play(world: &mut World) {
    world.open(1, FILE, 0, true);
    for round in 0..3 {
        world.print(1, &format!("kept {round}\nhalf"));
        fill(world);
        world.print(1, " a line\n");
        world.print(1, &format!("lost {round}\n"));
        while world.wait() && world.waiting(1) > 0 {}
        world.faults.clear();
        while world.wait() {}
        world.print(1, &format!("after {round}\n"));
    }
    world.hang_up(1);
    while world.wait() {}
}

/// A crash may forget how much was lost, never that the stream goes on: what came while there was room is there, once and in order, every
/// line of ours is a line, and the end is told.
#[test]
fn a_crash_anywhere() {
    for format in [LogFormat::Raw, LogFormat::Text] {
        let begin = || {
            let mut world = World::new();
            (world.form.format, world.form.overflow) = (format, LogOverflow::Drop);
            world
        };
        let mut whole = begin();
        play(&mut whole);
        assert_eq!(texts(&whole).iter().filter(|line| line.starts_with("[abide: ")).count(), 3, "{}", whole.read(FILE));
        for plug in 0..whole.effects {
            let mut world = begin();
            world.plug = Some(plug);
            play(&mut world);
            let how = || format!("{format:?}: crash before effect {plug}: {}\n{}", world.read(FILE), world.done.join("\n"));
            // Raw, the half of a line before a forgotten gap stands before it.
            let mut kept: Vec<String> =
                texts(&world).into_iter().filter_map(|line| line.find("after").map(|at| line[at..].to_owned())).collect();
            // What was written and not consumed comes twice.
            kept.dedup();
            assert_eq!(kept, ["after 0", "after 1", "after 2"], "{}", how());
            assert!(texts(&world).iter().all(|line| !line.contains("[abide") || line.ends_with("dropped: ENOSPC]")), "{}", how());
            assert!(texts(&world).iter().filter(|line| line.starts_with("[abide: ")).count() >= 2, "{}", how());
            assert!(world.sealed(1).is_some(), "{}", how());
        }
    }
}
