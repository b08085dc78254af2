//! Streams that go into two files.

use super::lines::lines;
use super::world::{ERR, FILE, World, id};
use crate::core::TURN_BYTES;
use model::beside::rotated_path;
use model::{FromScribe, LogFormat, LogOverflow, ToScribe};

const ALL: &str = "all";
const OWN: [&str; 2] = [FILE, "err"];

fn world(format: LogFormat) -> World {
    let mut world = World::new();
    world.open_files(3);
    (world.form.format, world.form.also) = (format, Some(ALL.to_owned()));
    world
}

fn both(format: LogFormat) -> World {
    let mut world = world(format);
    world.open(1, OWN[0], 0, true);
    world.open(1 + ERR, OWN[1], 0, true);
    world
}

const FORMATS: [LogFormat; 3] = [LogFormat::Raw, LogFormat::Text, LogFormat::Json];

/// The texts of the lines of a file.
fn texts(world: &World, format: LogFormat, path: &str) -> Vec<String> {
    let text = world.read(path);
    match format {
        LogFormat::Raw => text.lines().map(str::to_owned).collect(),
        _ => lines(format, &text).into_iter().map(|line| line.map_or_else(|torn| torn, |line| line.text)).collect(),
    }
}

#[test]
fn every_line_is_in_both() {
    for format in FORMATS {
        let mut world = both(format);
        world.print(1, "one\ntw");
        world.print(1 + ERR, "err one\nerr t");
        world.print(1, "o\n");
        world.print(1 + ERR, "wo\n");
        world.hang_up(1);
        assert!(world.sealed(1).is_some() && world.sealed(1 + ERR).is_none());
        world.print(1 + ERR, "last");
        world.hang_up(1 + ERR);
        while world.wait() {}
        assert_eq!(texts(&world, format, OWN[0]), ["one", "two"]);
        assert_eq!(texts(&world, format, OWN[1]), ["err one", "err two", "last"]);
        assert_eq!(texts(&world, format, ALL), ["one", "err one", "two", "err two", "last"]);
        let offsets: Vec<bool> = world.index(ALL).iter().map(|one| one.flags.err).collect();
        assert_eq!(offsets[..4], [false, true, false, true], "{format:?}");
        let said = |word: fn(&FromScribe) -> bool| world.heard.iter().filter(|one| word(one)).count();
        assert_eq!(said(|one| matches!(one, FromScribe::Opened { .. })), 2);
        assert_eq!(said(|one| matches!(one, FromScribe::Sealed { .. })), 2);
        let size = world.read(OWN[0]).len() as u64;
        assert_eq!(world.sealed(1), Some(&FromScribe::Sealed { id: id(1), size, bytes: 8, partial: false, dropped: 0 }));
        // What is asked again is answered again.
        world.heard.clear();
        let again = world.opens_of(1);
        world.say(again);
        assert!(matches!(world.heard[..], [FromScribe::Sealed { .. }]), "{:?}", world.heard);
    }
}

#[test]
fn streams_without_a_second_file_are_as_they_were() {
    let mut world = World::new();
    world.open(1, FILE, 0, true);
    world.print(1, "one\n");
    world.print(1, "two\n");
    assert!(world.done.iter().any(|one| one.starts_with("Splice")) && !world.done.iter().any(|one| one.starts_with("Form")));
}

#[test]
fn each_file_is_rotated_at_its_own_line_ends() {
    for format in FORMATS {
        let mut world = world(format);
        world.open(1, OWN[0], 200, true);
        world.open(1 + ERR, OWN[1], 200, true);
        for n in 0..60 {
            world.print(1, &format!("line {n} of standard output\n"));
            world.print(1 + ERR, &format!("line {n} of standard error\n"));
        }
        while world.wait() {}
        for (path, count) in [(OWN[0], 60), (OWN[1], 60), (ALL, 120)] {
            let files: Vec<String> = (1..).map(|n| rotated_path(path, n)).take_while(|path| world.exists(path)).collect();
            assert!(files.len() > 5, "{path}: {files:?}");
            let found: usize = files.iter().map(String::as_str).chain([path]).map(|path| texts(&world, format, path).len()).sum();
            assert_eq!(found, count, "{path}");
        }
    }
}

/// `block`: the other goes on as far as the FIFO has room, and nothing is lost or comes twice.
#[test]
fn one_that_is_full_holds_the_bytes_for_itself() {
    for format in FORMATS {
        for (full, fine) in [(ALL, OWN[0]), (OWN[0], ALL)] {
            let mut world = world(format);
            world.open(1, OWN[0], 0, true);
            world.print(1, "one\n");
            world.full = Some(full);
            world.print(1, "two\n");
            world.print(1, "three\n");
            assert_eq!(texts(&world, format, fine), ["one", "two", "three"], "{}", world.done.join("\n"));
            assert_eq!((texts(&world, format, full), world.waiting(1)), (vec!["one".to_owned()], 10));
            let trouble = FromScribe::Trouble { id: id(1), path: full.to_owned(), errno: "ENOSPC".to_owned() };
            assert_eq!(world.heard.last(), Some(&trouble));
            assert!((0..5).all(|_| world.wait()));
            world.full = None;
            world.hang_up(1);
            assert!(world.sealed(1).is_none());
            while world.wait() {}
            assert_eq!(texts(&world, format, full), ["one", "two", "three"]);
            assert_eq!(texts(&world, format, fine), ["one", "two", "three"]);
            assert!(world.sealed(1).is_some() && world.heard.contains(&FromScribe::Resumed { id: id(1) }));
        }
    }
}

/// `drop`: the gap is in the one that is full, and in it alone.
#[test]
fn one_that_is_full_lets_go_alone() {
    for format in [LogFormat::Raw, LogFormat::Text] {
        for (full, fine) in [(ALL, OWN[0]), (OWN[0], ALL)] {
            let mut world = world(format);
            world.form.overflow = LogOverflow::Drop;
            world.open(1, OWN[0], 0, true);
            world.print(1, "one\n");
            world.full = Some(full);
            world.print(1, "two\n");
            world.print(1, "three\n");
            assert_eq!((texts(&world, format, fine), world.waiting(1)), (["one", "two", "three"].map(str::to_owned).to_vec(), 0));
            world.full = None;
            while world.wait() {}
            world.print(1, "four\n");
            world.hang_up(1);
            while world.wait() {}
            assert_eq!(texts(&world, format, full), ["one", "[abide: 10 bytes dropped: ENOSPC]", "four"]);
            assert_eq!(texts(&world, format, fine), ["one", "two", "three", "four"]);
            assert!(world.heard.contains(&FromScribe::Dropped { id: id(1), bytes: 10, errno: "ENOSPC".to_owned() }));
        }
    }
}

#[test]
fn a_flood_and_a_line_without_end() {
    for format in FORMATS {
        let mut world = both(format);
        let long = "x".repeat(TURN_BYTES as usize - 7);
        world.print(1, &format!("first\n{long}"));
        while world.wait() {}
        world.print(1, "y\nlast\n");
        world.hang_up(1);
        while world.wait() {}
        for path in [OWN[0], ALL] {
            let texts = texts(&world, format, path);
            assert_eq!((texts[0].as_str(), texts.last().map(String::as_str)), ("first", Some("last")), "{format:?} {path}");
            assert_eq!(texts[1..texts.len() - 1].concat(), format!("{long}y"), "{format:?} {path}");
        }
    }
}

#[test]
fn the_second_file_comes_and_goes() {
    for format in FORMATS {
        let mut world = World::new();
        world.open_files(3);
        world.form.format = format;
        world.open(1, FILE, 0, true);
        world.print(1, "one\n");
        for also in [Some(ALL), Some("other"), None, Some(ALL)] {
            world.form.also = also.map(str::to_owned);
            world.open(1, FILE, 0, true);
            world.print(1, &format!("{also:?}\n"));
        }
        // It goes while it is in trouble: what it has not taken is no longer wanted, and is not written twice elsewhere.
        world.full = Some(ALL);
        world.print(1, "held\n");
        assert_eq!(world.waiting(1), 5);
        world.form.also = None;
        world.open(1, FILE, 0, true);
        world.print(1, "free\n");
        world.hang_up(1);
        while world.wait() {}
        let other = format!("{:?}", Some("other"));
        let all = format!("{:?}", Some(ALL));
        assert_eq!(texts(&world, format, FILE), ["one", &all, &other, "None", &all, "held", "free"]);
        assert_eq!((texts(&world, format, ALL), texts(&world, format, "other")), (vec![all.clone(), all], vec![other]));
        assert!(world.sealed(1).is_some() && world.waiting(1) == 0);
    }
}

#[test]
fn one_file_under_both_names_is_one_file() {
    let mut world = World::new();
    world.form.also = Some(FILE.to_owned());
    world.open(1, FILE, 0, true);
    world.print(1, "one\n");
    assert_eq!(world.read(FILE), "one\n");
}

#[test]
fn closed_and_finished() {
    let mut world = both(LogFormat::Raw);
    world.full = Some(ALL);
    world.print(1, "one\n");
    world.say(ToScribe::Close { id: id(1) });
    assert!(!world.done.last().is_some_and(|one| one.starts_with("Trouble")));
    world.full = None;
    world.print(1 + ERR, "unfinished");
    world.say(ToScribe::Finish);
    while !world.exited() && world.wait() {}
    assert!(world.exited());
    assert_eq!((world.read(OWN[1]).as_str(), world.read(ALL).as_str()), ("unfinished", "unfinished"));
}

fn play(world: &mut World) {
    world.open(1, OWN[0], 120, true);
    world.open(1 + ERR, OWN[1], 120, false);
    for n in 0..6 {
        world.print(1, &format!("out {n}\nout {n}, sec"));
        world.print(1 + ERR, &format!("err {n}\n"));
        if n == 0 {
            world.say(ToScribe::Born { id: id(1 + ERR) });
        }
        world.print(1, "ond line\n");
        world.full = [None, Some(ALL), None, Some(OWN[0]), None, None][n];
    }
    world.print(1, "out end");
    world.hang_up(1);
    world.print(1 + ERR, "err end\n");
    world.hang_up(1 + ERR);
    while world.wait() {}
}

/// Nothing is lost, and what comes twice is the last piece, in order; in a form no line is torn.
fn check(world: &World, format: LogFormat, how: &str) {
    let out = (0..6).flat_map(|n| [format!("out {n}"), format!("out {n}, second line")]).chain(["out end".to_owned()]);
    let err = (0..6).map(|n| format!("err {n}")).chain(["err end".to_owned()]);
    let (out, err): (Vec<String>, Vec<String>) = (out.collect(), err.collect());
    for (path, wanted) in [(OWN[0], &out), (OWN[1], &err), (ALL, &out), (ALL, &err)] {
        let count = (1..).take_while(|n| world.exists(&rotated_path(path, *n))).count();
        let files = (1..=count).rev().map(|n| rotated_path(path, n)).chain([path.to_owned()]);
        let found: Vec<String> = files.flat_map(|path| texts(world, format, &path)).collect();
        let fail = |what: &str| -> ! { panic!("{format:?}, {how}: {path}: {what}: {found:#?}\n{}", world.done.join("\n")) };
        let mut at = 0;
        for line in found.iter() {
            if wanted.get(at) == Some(line) {
                at += 1;
            } else if let Some(before) = wanted[..at].iter().rposition(|one| one == line) {
                // A repetition goes on from there.
                at = before + 1;
            }
        }
        if at != wanted.len() {
            fail("something is lost, or out of order");
        }
        let torn = |line: &String| !out.contains(line) && !err.contains(line);
        if format != LogFormat::Raw && found.iter().filter(|line| torn(line)).count() > 2 {
            fail("torn");
        }
        let printed = if path == ALL { out.len() + err.len() } else { wanted.len() };
        if found.len() > printed + 8 {
            fail("too much comes twice");
        }
    }
    if world.sealed(1).is_none() || world.sealed(1 + ERR).is_none() {
        panic!("{format:?}, {how}: not sealed\n{}", world.done.join("\n"));
    }
}

#[test]
fn a_crash_anywhere() {
    for format in FORMATS {
        let mut whole = world(format);
        play(&mut whole);
        check(&whole, format, "no crash");
        assert!(whole.done.iter().filter(|one| one.starts_with("Form")).count() > 20);
        for plug in 0..whole.effects {
            for torn in [0, 1, 9] {
                let mut world = world(format);
                (world.plug, world.torn) = (Some(world.effects + plug), torn);
                play(&mut world);
                check(&world, format, &format!("crash before effect {plug}, {torn} bytes into it"));
            }
        }
    }
}
