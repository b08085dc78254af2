//! What is there.

use super::*;
use crate::Filter;

fn since(time: i64) -> Filter {
    Filter { since: Some(Wall(time)), ..Filter::default() }
}

#[test]
fn the_last_lines_across_rotation_with_their_lives() {
    let mut scene = Scene::new();
    scene.write(b"old1\nold2\n", None);
    scene.rotate();
    scene.write(b"a\n", Some(100));
    scene.write(b"bb\ncut\n", Some(200));
    let ours = IndexFlags { partial: true, our_newline: true, err: false };
    scene.write_as(b"", Some(300), ours, true);
    scene.write(b"last", None);
    let found = scene.read(&last(5));
    assert_eq!(texts(&found), ["old2", "a", "bb", "cut", "last"]);
    let times: Vec<Option<i64>> = found.iter().map(|line| line.time.map(|time| time.0)).collect();
    assert_eq!(times, [None, Some(100), Some(200), Some(200), Some(300)]);
    assert_eq!(found.iter().map(|line| line.partial).collect::<Vec<_>>(), [false, false, false, true, true]);
    assert_eq!(found[2].instance, Some(InstanceId(3)));
    assert_eq!(scene.read(&last(100)).len(), 6);
    assert_eq!(scene.read(&Query::default()).len(), 6);
    assert!(scene.read(&last(0)).is_empty());
}

#[test]
fn a_hundred_lines_of_a_gibibyte_take_few_bytes() {
    let mut scene = Scene::new();
    scene.write(b"first\n", Some(1));
    OpenOptions::new().write(true).open(scene.path()).expect("open").set_len(1 << 30).expect("a hole");
    for n in 0..20_000 {
        scene.write(format!("line {n} {}\n", "x".repeat(80)).as_bytes(), Some(n));
    }
    let read_so_far = || -> u64 {
        let text = fs::read_to_string("/proc/thread-self/io").expect("Linux counts what a thread reads");
        text.lines().find_map(|line| line.strip_prefix("rchar: ")).expect("rchar").parse().expect("a number")
    };
    let before = read_so_far();
    let found = scene.read(&last(100));
    let read = read_so_far() - before;
    assert_eq!((found.len(), found[99].time), (100, Some(Wall(19_999))));
    assert!(texts(&found)[0].starts_with("line 19900 "));
    assert!(read < 256 << 10, "{read} bytes were read");
    let before = read_so_far();
    let found = scene.read(&Query { filter: since(19_990), ..Query::default() });
    let read = read_so_far() - before;
    assert_eq!((found.len(), found[0].time), (10, Some(Wall(19_990))));
    assert!(read < 256 << 10, "{read} bytes were read");
}

#[test]
fn times_choose_lines_in_plain_and_in_compressed_files() {
    let mut scene = Scene::new();
    for n in 0..400 {
        scene.write(format!("{n}\n").as_bytes(), Some(n * 10));
        if n % 100 == 99 && n != 399 {
            scene.rotate();
        }
    }
    scene.compress(2);
    scene.compress(3);
    let read = |since: i64, until: i64, lines: Option<usize>| {
        let filter = Filter { since: Some(Wall(since)), until: Some(Wall(until)), ..Filter::default() };
        texts(&scene.read(&Query { lines, filter, ..Query::default() }))
    };
    assert_eq!(read(1000, 1030, None), ["100", "101", "102", "103"]);
    assert_eq!(read(995, 1001, None), ["100"]);
    assert_eq!(read(0, 990, Some(2)), ["98", "99"]);
    assert_eq!(read(1990, 2005, Some(5)), ["199", "200"]);
    assert_eq!(read(5000, 6000, None), [""; 0]);
    assert_eq!(texts(&scene.read(&last(150))).len(), 150);
    assert_eq!(texts(&scene.read(&last(350)))[0], "50");
    let all = texts(&scene.read(&Query::default()));
    assert_eq!(all, (0..400).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_line_across_two_turns_has_the_time_of_its_beginning() {
    let mut scene = Scene::new();
    scene.write(b"one\nbegun", Some(100));
    scene.write(b" and done\ntwo\n", Some(200));
    assert_eq!(texts(&scene.read(&Query { filter: since(150), ..Query::default() })), ["two"]);
    assert_eq!(scene.read(&last(2))[0].time, Some(Wall(100)));
}

#[test]
fn grep_finds_the_last_that_fit() {
    let mut scene = Scene::new();
    for n in 0..30_000 {
        let word = if n % 1000 == 0 { "rare" } else { "common" };
        scene.write(format!("{word} {n}\n").as_bytes(), None);
        if n == 10_000 {
            scene.rotate();
        }
    }
    let filter = Filter::default().with_grep("^ra.e").expect("a pattern");
    let found = texts(&scene.read(&Query { lines: Some(25), filter, ..Query::default() }));
    assert_eq!((found.len(), found[0].as_str(), found[24].as_str()), (25, "rare 5000", "rare 29000"));
    assert!(Filter::default().with_grep("(").is_err() && Filter::default().with_grep(&"x".repeat(5000)).is_err());
}

#[test]
fn a_line_that_never_ends_is_said_in_parts() {
    let mut scene = Scene::new();
    let text: Vec<u8> = "äö".bytes().cycle().take(1 << 20).collect();
    scene.write(&text, Some(1));
    scene.write(b"\nend\n", None);
    let found = scene.read(&Query::default());
    assert!(found.len() >= 17 && found.iter().all(|line| line.bytes.len() <= 64 << 10));
    assert!(found.iter().all(|line| std::str::from_utf8(&line.bytes).is_ok()), "no character is cut");
    let (tail, parts) = found.split_last().expect("lines");
    assert_eq!((tail.bytes.as_slice(), tail.partial), (&b"end"[..], false));
    assert_eq!(parts.iter().flat_map(|line| line.bytes.clone()).collect::<Vec<u8>>(), text);
    assert!(parts.iter().rev().skip(1).all(|line| line.partial));
    let found = scene.read(&last(3));
    assert_eq!(found.len(), 3);
}

#[test]
fn torn_and_foreign_indexes_cost_times_only() {
    let mut scene = Scene::new();
    scene.write(b"a\nb\n", Some(5));
    let index = format!("{}.idx", scene.path());
    append(&index, &[7; TORN]);
    assert_eq!(scene.read(&last(9))[1].time, Some(Wall(5)));
    for junk in [vec![0xff; 1000], vec![0; 4096], (0..=255).cycle().take(999).collect()] {
        fs::write(&index, junk).expect("write");
        assert_eq!(texts(&scene.read(&last(9))).concat(), "ab");
        scene.read(&Query { filter: since(3), ..Query::default() });
    }
    fs::remove_file(&index).expect("remove");
    assert_eq!(scene.read(&Query { filter: since(3), ..Query::default() }).len(), 2, "of unknown time");
    let hence = Filter { since: Some(Wall(i64::MAX)), ..Filter::default() };
    assert_eq!(scene.read(&Query { filter: hence, ..Query::default() }).len(), 0, "the file itself is older");
}

#[test]
fn both_streams_in_one_file() {
    let mut scene = Scene::new();
    scene.write(b"o1\n", Some(1));
    scene.write_as(b"e1\n", Some(2), IndexFlags { err: true, ..IndexFlags::default() }, false);
    scene.write(b"o2\n", Some(3));
    let source = scene.source_of(LogFormat::Raw, None);
    let filter = Filter { stream: Some(Stream::Err), ..Filter::default() };
    let found = lines(Merge::new(vec![source.clone()], &Query { filter, ..last(5) }));
    assert_eq!(texts(&found), ["e1"]);
    let words: Vec<&str> = lines(Merge::new(vec![source], &last(5))).iter().map(|line| line.stream.word()).collect();
    assert_eq!(words, ["out", "err", "out"]);
}

#[test]
fn wrapped_lines_have_their_own_times() {
    let mut scene = Scene::new();
    let text = "from before\n1970-01-01T00:00:00.100Z out a\n1970-01-01T00:00:00.200Z err+ b\n1970-01-01T00:00:00.300Z err c\n";
    scene.write(text.as_bytes(), Some(50));
    let source = scene.source_of(LogFormat::Text, None);
    let found = lines(Merge::new(vec![source.clone()], &Query { filter: since(150), ..Query::default() }));
    assert_eq!((texts(&found), found[0].partial, found[1].stream), (vec!["b".into(), "c".into()], true, Stream::Err));
    assert_eq!(texts(&lines(Merge::new(vec![source], &last(9))))[0], "from before");
}

#[test]
fn several_logs_by_time_and_each_in_its_order() {
    let (mut a, mut b) = (Scene::new(), Scene::new());
    a.write(b"a1\n", Some(10));
    b.write(b"b1\n", Some(15));
    a.write(b"a2\n", Some(20));
    // A clock that was set back.
    b.write(b"b2\n", Some(5));
    b.write(b"b3\n", Some(30));
    a.write(b"a3\n", Some(25));
    let merge = Merge::new(vec![a.source(), b.source()], &Query::default());
    assert_eq!(texts(&lines(merge)), ["a1", "b1", "b2", "a2", "a3", "b3"]);
}

#[test]
fn only_regular_files_are_read_and_a_broken_one_is_told() {
    let mut scene = Scene::new();
    std::os::unix::fs::symlink("/etc/passwd", scene.path()).expect("plant");
    assert!(scene.read(&last(5)).is_empty());
    fs::remove_file(scene.path()).expect("remove");
    scene.write(&b"0123456789abcdef\n".repeat(20_000), Some(1));
    scene.rotate();
    scene.compress(1);
    let path = scene.place(1) + ".gz";
    let mut bytes = fs::read(&path).expect("read");
    bytes.truncate(bytes.len() - 12);
    fs::write(&path, bytes).expect("write");
    scene.write(b"new\n", Some(2));
    let (found, notes) = drain(&mut Merge::new(vec![scene.source()], &Query::default()));
    assert!(found.len() > 10_000 && texts(&found).last().is_some_and(|text| text == "new"), "{}", found.len());
    assert!(matches!(notes.as_slice(), [Note::Unreadable(..)]), "{notes:?}");
}

#[test]
fn no_further_back_than_asked() {
    let mut scene = Scene::new();
    scene.write(&b"old\n".repeat(10), Some(1));
    scene.rotate();
    scene.compress(1);
    scene.write(b"0123456\n", Some(2));
    scene.rotate();
    scene.write(b"one\ntwo\n", Some(3));
    let near =
        |lines: usize, reach: u64| texts(&scene.read(&Query { lines: Some(lines), reach: Some(reach), ..Query::default() }));
    assert_eq!(near(9, 0), [""; 0]);
    assert_eq!(near(9, 3), [""; 0]);
    // What stands before the first line feed in reach may be a part of a line, and is none.
    assert_eq!(near(9, 7), ["two"]);
    assert_eq!(near(1, 1 << 20), ["two"]);
    assert_eq!(near(9, 8), ["one", "two"]);
    assert_eq!(near(9, 15), ["one", "two"]);
    assert_eq!(near(9, 1 << 20), ["0123456", "one", "two"]);
}
