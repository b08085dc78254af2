//! Streams whose lines bear time and name.

use super::lines::lines;
use super::world::{ERR, FILE, World, id};
use crate::core::{Cause, TURN_BYTES};
use model::{FromScribe, LogFormat, ToScribe};

fn world(format: LogFormat) -> World {
    let mut world = World::new();
    world.form.format = format;
    world
}

/// What the file says: the stream, `+` for a part, and the text.
fn said(world: &World, format: LogFormat, path: &str) -> Vec<String> {
    let words = lines(format, &world.read(path)).into_iter().map(|line| match line {
        Ok(line) => format!("{}{} {}", line.stream, if line.part { "+" } else { "" }, line.text),
        Err(torn) => format!("torn {torn}"),
    });
    words.collect()
}

const FORMS: [LogFormat; 2] = [LogFormat::Text, LogFormat::Json];

#[test]
fn whole_lines_only() {
    for format in FORMS {
        let mut world = world(format);
        world.open(1, FILE, 0, true);
        world.print(1, "one\ntw");
        assert_eq!(said(&world, format, FILE), ["out one"]);
        // It waits without a deadline, and each print is one look.
        assert!(!world.wait());
        let effects = world.effects;
        world.print(1, "o");
        assert!(world.effects - effects <= 8, "{:?}", world.done);
        world.print(1, "\n\nlast");
        world.hang_up(1);
        assert_eq!(said(&world, format, FILE), ["out one", "out two", "out ", "out+ last"]);
        let size = world.read(FILE).len() as u64;
        assert_eq!(world.sealed(1), Some(&FromScribe::Sealed { id: id(1), size, bytes: 13, partial: true, dropped: 0 }));
        assert!(!world.wait());
        let parts: Vec<u64> = world.index(FILE).iter().filter(|one| one.flags.partial).map(|one| one.offset).collect();
        assert_eq!(parts, [size]);
    }
}

#[test]
fn two_streams_of_a_life_in_one_file() {
    for format in [LogFormat::Raw, LogFormat::Text, LogFormat::Json] {
        let mut world = world(format);
        world.open(1, FILE, 0, true);
        world.open(1 + ERR, FILE, 0, true);
        world.print(1, "out one\nout ");
        world.print(1 + ERR, "err one\n");
        world.print(1, "two\n");
        world.print(1 + ERR, "err two\n");
        world.hang_up(1);
        world.hang_up(1 + ERR);
        let text = world.read(FILE);
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let stream = if line.contains("err one") || line.contains("err two") { "err" } else { "out" };
            let record = world.index(FILE).into_iter().rfind(|one| one.offset <= at).expect("a record");
            assert_eq!(record.flags.err, stream == "err", "{line:?} {:?}", world.index(FILE));
            if format != LogFormat::Raw {
                assert_eq!(lines(format, line)[0].as_ref().expect("a line").stream, stream);
            }
            at += line.len() as u64;
        }
        for line in ["out one", "out two", "err one", "err two"] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert_eq!(text.lines().count(), 4);
    }
}

/// A new scribe knows from the index which of the two streams left the line unfinished.
#[test]
fn a_crash_does_not_mix_two_streams() {
    let mut world = World::new();
    world.open(1, FILE, 0, true);
    world.print(1, "out be");
    world.open(1 + ERR, FILE, 0, true);
    world.restart();
    world.print(1 + ERR, "err\n");
    assert_eq!(world.read(FILE), "out be");
    world.print(1, "gun\n");
    assert_eq!(world.read(FILE), "out begun\nerr\n");
}

#[test]
fn a_line_longer_than_a_turn() {
    for format in FORMS {
        let mut world = world(format);
        world.open(1, FILE, 0, true);
        world.print(1, &"x".repeat(TURN_BYTES as usize - 1));
        // The writers wait for room, however many bytes there are.
        world.print(1, &"y".repeat(10));
        world.print(1, "z\nnext\n");
        let said = said(&world, format, FILE);
        let parts: Vec<bool> = said.iter().map(|line| line.starts_with("out+ ")).collect();
        assert_eq!(parts, [true, false, false]);
        let all: String = said.iter().map(|line| line.split_once(' ').expect("a space").1).collect();
        assert_eq!(all, format!("{}{}z{}", "x".repeat(TURN_BYTES as usize - 1), "y".repeat(10), "next"));
    }
}

#[test]
fn unborn_and_unfinished_does_not_spin() {
    let mut world = world(LogFormat::Text);
    world.open(1, FILE, 0, false);
    world.print(1, "early");
    world.hang_up(1);
    assert!(world.sealed(1).is_none() && !world.wait() && world.read(FILE).is_empty());
    world.say(ToScribe::Born { id: id(1) });
    assert!(world.sealed(1).is_some());
    assert_eq!(said(&world, LogFormat::Text, FILE), ["out+ early"]);
}

#[test]
fn rotation_and_finish() {
    for format in FORMS {
        let mut world = world(format);
        world.open(1, FILE, 400, true);
        let printed: Vec<String> = (0..40).map(|n| format!("line {n}")).collect();
        printed.chunks(7).for_each(|some| world.print(1, &(some.join("\n") + "\n")));
        world.print(1, "no end");
        world.say(ToScribe::Finish);
        assert!(world.exited());
        let rotated = (1..).take_while(|n| world.exists(&format!("{FILE}.{n}"))).count();
        let files: Vec<String> = (1..=rotated).rev().map(|n| format!("{FILE}.{n}")).chain([FILE.to_owned()]).collect();
        assert!(rotated > 2 && files.iter().all(|file| world.read(file).len() <= 400 + 150), "{rotated}");
        let said: Vec<String> = files.iter().flat_map(|file| said(&world, format, file)).collect();
        let expected = printed.iter().map(|line| format!("out {line}")).chain(["out+ no end".to_owned()]);
        assert_eq!(said, expected.collect::<Vec<_>>());
    }
}

#[test]
fn touched_from_outside() {
    for format in FORMS {
        let mut world = world(format);
        world.open(1, FILE, 0, true);
        world.print(1, "one\n");
        world.truncate(FILE);
        world.print(1, "two\n");
        assert_eq!((said(&world, format, FILE), world.life_at(FILE, 0)), (vec!["out two".to_owned()], Some(1)));
        world.remove(FILE);
        world.print(1, "three\n");
        assert_eq!((said(&world, format, FILE), world.life_at(FILE, 0)), (vec!["out three".to_owned()], Some(1)));
    }
}

#[test]
fn another_form_begins_on_a_line_of_its_own() {
    let mut world = World::new();
    world.open(1, FILE, 0, true);
    world.print(1, "raw, unfini");
    world.form.format = LogFormat::Text;
    world.open(1, FILE, 0, true);
    world.print(1, "shed\n");
    world.form.format = LogFormat::Raw;
    world.open(1, FILE, 0, true);
    world.print(1, "raw again\n");
    let text = world.read(FILE);
    let words: Vec<&str> = text.lines().map(|line| line.rsplit("Z out ").next().expect("one")).collect();
    assert_eq!(words, ["raw, unfini", "shed", "raw again"]);
}

#[test]
fn reopen_and_clear() {
    for format in [LogFormat::Raw, LogFormat::Json] {
        let mut world = world(format);
        world.open(1, FILE, 60, true);
        (0..9).for_each(|n| world.print(1, &format!("{n} a line of some length\n")));
        assert!(world.exists("log.1") && world.exists("log.1.idx"));
        world.say(ToScribe::Reopen { ask: 5 });
        assert_eq!(world.heard.last(), Some(&FromScribe::Did { ask: 5, failed: None }));
        world.print(1, "unfinished");
        world.say(ToScribe::Clear { ask: 6, file: FILE.to_owned() });
        assert_eq!(world.heard.last(), Some(&FromScribe::Did { ask: 6, failed: None }));
        assert!(
            world.read(FILE).is_empty() && world.index(FILE).is_empty() && !world.exists("log.1") && !world.exists("log.1.idx")
        );
        world.print(1, " line\n");
        assert_eq!(world.life_at(FILE, 0), Some(1));
        // Nobody writes it; it cannot be done.
        world.faults.insert("Truncate", Cause("EROFS"));
        world.say(ToScribe::Clear { ask: 7, file: "other".to_owned() });
        let failed = Some(("other".to_owned(), "EROFS".to_owned()));
        assert_eq!(world.heard.last(), Some(&FromScribe::Did { ask: 7, failed }));
    }
}

/// Both streams of one life and the next life of its slot print in fragments into one file that is rotated; the old one ends within a line.
fn play(world: &mut World) {
    world.open(1, FILE, 150, true);
    world.open(1 + ERR, FILE, 150, true);
    world.print(1, "o1\no");
    world.print(1 + ERR, "e1\ne2\n");
    world.print(1, "2\no3\n");
    world.open(2, FILE, 150, false);
    world.print(2, "n1\nn");
    world.say(ToScribe::Born { id: id(2) });
    world.print(1, "o4\no5\no6\no7");
    world.print(1 + ERR, "e3\ne4");
    world.print(2, "2\nn3\n");
    world.hang_up(1);
    world.hang_up(1 + ERR);
    world.print(2, "n4\nn5\nn6\nn7\n");
    world.print(2, "n8");
    world.hang_up(2);
    while world.wait() {}
}

/// Each line in order, no line missing, and none twice but for as many turns as there were kills.
fn check(world: &World, format: LogFormat, kills: usize, how: &str) {
    let fail = |what: &str| -> ! { panic!("{how}: {what}\n{}", world.done.join("\n")) };
    let rotated = (1..).take_while(|n| world.exists(&format!("{FILE}.{n}"))).count();
    let files: Vec<String> = (1..=rotated).rev().map(|n| format!("{FILE}.{n}")).chain([FILE.to_owned()]).collect();
    let mut torn = 0;
    for (who, last, end) in [('o', 7, "o7"), ('e', 4, "e4"), ('n', 8, "n8")] {
        let (mut next, mut back) = (1, 0);
        for file in &files {
            let mut at = 0;
            let text = world.read(file);
            for (raw, line) in text.split_inclusive('\n').zip(lines(format, &text)) {
                let life = world.life_at(file, at);
                let begun = at;
                at += raw.len() as u64;
                let ours = world.index(file).iter().any(|one| one.flags.our_newline && one.offset == at);
                let line = match line {
                    _ if ours => {
                        torn += 1;
                        continue;
                    }
                    Ok(line) => line,
                    Err(raw) => fail(&format!("{raw:?} is torn and nobody says so")),
                };
                if !line.text.starts_with(who) {
                    continue;
                }
                if life != Some(if who == 'n' { 2 } else { 1 }) {
                    fail(&format!("{file}: {line:?} at {begun} is of {life:?}"));
                }
                let number: u32 = line.text[1..].parse().unwrap_or_else(|_| fail(&format!("{line:?}")));
                if (line.stream == "err") != (who == 'e') || line.part != (line.text == end) {
                    fail(&format!("{line:?}"));
                }
                back += usize::from(number < next);
                if number > next {
                    fail(&format!("{line:?} comes where {who}{next} is wanted"));
                }
                next = number + 1;
            }
        }
        if next != last + 1 || back > kills {
            fail(&format!("{who} ends before {next}, went back {back} times"));
        }
    }
    if torn > 3 * kills {
        fail(&format!("{torn} torn lines"));
    }
    for who in [1, 1 + ERR, 2] {
        if world.sealed(who).is_none() {
            fail("not sealed");
        }
    }
}

#[test]
fn a_crash_anywhere_loses_nothing() {
    for format in FORMS {
        let mut whole = world(format);
        play(&mut whole);
        check(&whole, format, 0, "no crash");
        assert!(whole.effects > 100 && whole.exists("log.1"), "{}", whole.effects);
        for plug in 0..whole.effects {
            for torn in [0, 1, 30, 1_000_000] {
                let mut world = world(format);
                (world.plug, world.torn) = (Some(plug), torn);
                play(&mut world);
                check(&world, format, 1, &format!("{format:?}: crash before effect {plug}, {torn} bytes into it"));
            }
        }
    }
}

#[test]
fn two_crashes_anywhere_lose_nothing() {
    for format in FORMS {
        let mut whole = world(format);
        play(&mut whole);
        for first in (0..whole.effects).step_by(3) {
            for later in [0, 1, 2, 3, 5, 8, 13, 21, 34] {
                let mut world = world(format);
                (world.plug, world.second_plug, world.torn) = (Some(first), Some(later), 40);
                play(&mut world);
                check(&world, format, 2, &format!("{format:?}: crashes before effect {first} and {later} later"));
            }
        }
    }
}
