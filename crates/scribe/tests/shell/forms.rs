//! Lines with time and name, and bytes that are none; rows 19, 20 and 23 of the design.

use super::flood::cpu;
use super::house::{House, hold, id, never, print, until};
use super::life::until_idle;
use super::lines::{line, printed};
use model::{LogFormat, LogPolicy, Stream, StreamId, ToScribe};
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Instant;

const FILE: &str = "logs/web-0.out.log";
const ALL: [LogFormat; 3] = [LogFormat::Raw, LogFormat::Text, LogFormat::Json];

/// Numbers without a pattern.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

/// Row 20: what is stored is what was printed, whatever it was and in whatever pieces.
pub fn random_bytes() {
    let mut dice = Dice(1);
    let mut bytes: Vec<u8> = Vec::new();
    for _ in 0..60_000 {
        match dice.next() % 8 {
            0 => bytes.push(0),
            1 => bytes.push(0xff),
            2 => bytes.push(b'\n'),
            3 => bytes.extend("\u{20ac}\u{1f600}".as_bytes()),
            4 => bytes.push(dice.next() as u8),
            _ => bytes.extend(b"word\r"),
        }
    }
    bytes.extend("x".repeat(200_000).as_bytes());
    bytes.extend("\u{e9}".repeat(100_000).as_bytes());
    for format in ALL {
        let mut house = House::of(format);
        let mut app = house.app(1);
        house.open(1, FILE, never(), true);
        let mut left = &bytes[..];
        while !left.is_empty() {
            let (piece, rest) = left.split_at(left.len().min(dice.next() as usize % 9000 + 1));
            app.write_all(piece).expect("write");
            left = rest;
        }
        drop(app);
        let (size, moved, partial) = house.hear_sealed(1);
        assert_eq!((size, moved, partial), (house.size(FILE), bytes.len() as u64, true));
        let mut found = printed(format, &std::fs::read(house.path(FILE)).expect("a log")).expect("lines");
        if format == LogFormat::Raw {
            assert_eq!(found.pop(), Some(b'\n'));
        }
        assert!(found == bytes, "{format:?}: {} bytes are not the {} that were printed", found.len(), bytes.len());
    }
}

const LINES: u32 = 100_000;

/// Nothing is lost, and after a kill at most one turn comes twice.
pub fn killed_forty_times() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let mut house = House::of(format);
        let app = house.app(1);
        house.open(1, FILE, never(), true);
        let fifo = house.path(&house.fifo(1));
        let writers = ["a", "b"].map(|who| {
            let mut app = hold(&fifo);
            std::thread::spawn(move || (0..LINES).for_each(|n| print(&mut app, &format!("{who} {n:06}\n"))))
        });
        let mut dice = Dice(7);
        let mut kills = 0;
        while kills < 40 && !writers.iter().any(std::thread::JoinHandle::is_finished) {
            kills += 1;
            let goal = house.size(FILE) + dice.next() % 60_000 + 1;
            until("the log moves on", || house.size(FILE) >= goal || writers.iter().any(std::thread::JoinHandle::is_finished));
            house.kill();
            house.start();
            house.open(1, FILE, never(), true);
        }
        writers.into_iter().for_each(|one| one.join().expect("writer"));
        drop(app);
        house.hear_sealed(1);
        let (mut next, mut back, mut torn) = (BTreeMap::from([("a", 0), ("b", 0)]), 0, 0);
        let text = house.read(FILE);
        for raw in text.lines() {
            let Some(line) = line(format, raw.as_bytes()) else {
                torn += 1;
                continue;
            };
            let words = String::from_utf8(line.bytes).expect("utf-8");
            // A kill in the middle of a write leaves a line that is complete but for its end.
            let Some((who, n)) =
                words.split_once(' ').and_then(|(who, n)| Some((who, n.parse::<u32>().ok().filter(|_| n.len() == 6)?)))
            else {
                torn += 1;
                continue;
            };
            let next = next.get_mut(who).expect("a writer");
            assert!(n <= *next, "{format:?}: {who} {n} comes where {next} is wanted");
            back += u32::from(n < *next);
            *next = n + 1;
        }
        assert_eq!(next, BTreeMap::from([("a", LINES), ("b", LINES)]), "{format:?}");
        assert!(kills > 10 && back <= 2 * kills && torn <= kills, "{format:?}: {kills} kills, {back} returns, {torn} torn lines");
        println!("{format:?}: {kills} kills, {back} returns, {torn} torn lines");
    }
}

/// What a process has in memory, in bytes.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("a line");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
}

/// Row 19: memory stays flat, the line comes in parts, and rotation goes on.
pub fn a_line_of_a_gigabyte() {
    for format in ALL {
        let mut house = House::of(format);
        let mut app = house.app(1);
        house.open(1, FILE, LogPolicy::plain(8 << 20, 2), true);
        let block = vec![b'y'; 1 << 20];
        app.write_all(&block).expect("write");
        until("it has begun", || house.size(FILE) > 900_000);
        let before = memory(house.pid());
        (1..1024).for_each(|_| app.write_all(&block).expect("write"));
        print(&mut app, "\nnext\n");
        drop(app);
        assert_eq!(house.hear_sealed(1).1, (1 << 30) + 6);
        let grown = memory(house.pid()) - before;
        assert!(grown < 1 << 20, "{format:?}: {grown} bytes more");
        assert!(house.path(&format!("{FILE}.2")).exists() && house.size(&format!("{FILE}.1")) < (8 << 20) + 70_000);
        let mut last = std::fs::read(house.path(&format!("{FILE}.1"))).expect("a log");
        last.extend(std::fs::read(house.path(FILE)).expect("a log"));
        assert!(printed(format, &last).expect("lines").ends_with(b"y\nnext\n"), "{format:?}");
        if format != LogFormat::Raw {
            let parts = last.split(|byte| *byte == b'\n').filter_map(|raw| line(format, raw)).filter(|line| line.part);
            let lengths: Vec<usize> = parts.map(|part| part.bytes.len()).filter(|len| *len != 64 * 1024).collect();
            assert!(lengths.is_empty(), "{format:?} {lengths:?}");
        }
    }
}

/// A writer that wastes half of each page of its pipe waits long before 64 KiB stand in it.
pub fn a_full_fifo_of_few_bytes() {
    let mut house = House::of(LogFormat::Text);
    let mut app = house.app(1);
    house.open(1, FILE, never(), true);
    (0..40).for_each(|_| print(&mut app, &"z".repeat(2049)));
    drop(app);
    assert_eq!(house.hear_sealed(1).1, 40 * 2049);
    assert_eq!(printed(LogFormat::Text, &std::fs::read(house.path(FILE)).expect("a log")).expect("lines").len(), 40 * 2049);
}

/// Both streams of a life in one file: whole lines, each with its name.
pub fn two_streams_in_one_file() {
    for format in ALL {
        let mut house = House::of(format);
        let (out, err) = (house.app(1), house.app(2));
        let fifos = [house.fifo(1), house.fifo(2)];
        for (stream, fifo) in Stream::BOTH.into_iter().zip(fifos) {
            let id = StreamId { stream, ..id(1) };
            let (file, form) = (FILE.to_owned(), house.form.clone());
            house.say(&ToScribe::Open { id, fifo, file, policy: never(), form, born: true, ended: false });
        }
        let writers = [(out, "out"), (err, "err")].map(|(mut app, who)| {
            std::thread::spawn(move || {
                for n in 0..20_000 {
                    print(&mut app, &format!("{who} "));
                    print(&mut app, &format!("{n}\n"));
                }
            })
        });
        writers.into_iter().for_each(|one| one.join().expect("writer"));
        for stream in Stream::BOTH {
            let id = StreamId { stream, ..id(1) };
            house.hear("sealed", |message| matches!(message, model::FromScribe::Sealed { id: theirs, .. } if *theirs == id));
        }
        let (text, index) = (house.read(FILE), house.index(FILE));
        let (mut next, mut at, mut record) = (BTreeMap::from([("out", 0), ("err", 0)]), 0, 0);
        for raw in text.lines() {
            while index.get(record + 1).is_some_and(|one| one.offset <= at) {
                record += 1;
            }
            at += raw.len() as u64 + 1;
            let words = match format {
                LogFormat::Raw => raw.to_owned(),
                _ => {
                    let line = line(format, raw.as_bytes()).expect("a line");
                    let words = String::from_utf8(line.bytes).expect("utf-8");
                    assert!(words.starts_with(&line.stream), "{raw}");
                    words
                }
            };
            let (who, n) = words.split_once(' ').expect("two words");
            assert_eq!(index[record].flags.err, who == "err", "{raw}");
            let next = next.get_mut(who).expect("a stream");
            assert_eq!(n.parse(), Ok(*next), "{format:?}");
            *next += 1;
        }
        assert_eq!(next, BTreeMap::from([("out", 20_000), ("err", 20_000)]));
    }
}

/// Row 23: an app that closes its output, or hands it to a child that outlives it.
pub fn closed_and_handed_on() {
    for format in ALL {
        let mut house = House::of(format);
        let mut closes = house.app(1);
        house.open(1, "logs/one.log", never(), true);
        print(&mut closes, "so long");
        drop(closes);
        // Its process may live on: the stream is over, and nobody spins.
        assert_eq!(house.hear_sealed(1).1, 7);
        let mut leader = house.app(2);
        let mut child = leader.try_clone().expect("dup");
        house.open(2, "logs/two.log", never(), true);
        print(&mut leader, "from the leader, ");
        drop(leader);
        house.say(&ToScribe::Ended { id: id(2) });
        until_idle(&house);
        print(&mut child, "from the child\nand again");
        until_idle(&house);
        drop(child);
        assert!(house.hear_sealed(2).2);
        let file = std::fs::read(house.path("logs/two.log")).expect("a log");
        let text = String::from_utf8(printed(format, &file).expect("lines")).expect("utf-8");
        assert_eq!(text.trim_end(), "from the leader, from the child\nand again");
        until_idle(&house);
    }
}

/// A reader that comes after the last writer is never told of its end.
pub fn ended_while_nobody_looked() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let mut house = House::of(format);
        let mut app = house.app(1);
        house.open(1, FILE, never(), true);
        print(&mut app, "one\ntwo");
        until("the first line", || house.size(FILE) > 0);
        house.kill();
        drop(app);
        house.start();
        // Not born, as far as is known: it waits, and does not spin.
        house.open(1, FILE, never(), false);
        house.hear_opened(1);
        until_idle(&house);
        house.say(&ToScribe::Born { id: id(1) });
        assert_eq!(house.hear_sealed(1), (house.size(FILE), 3, true));
        assert_eq!(printed(format, &std::fs::read(house.path(FILE)).expect("a log")).expect("lines"), b"one\ntwo");
    }
}

/// One million lines of 100 bytes in each form.
pub fn bench() {
    let block = format!("{}\n", "y".repeat(99)).repeat(40);
    for format in ALL {
        for _ in 0..3 {
            let mut house = House::of(format);
            let mut app = house.app(1);
            house.open(1, FILE, never(), true);
            house.hear_opened(1);
            let begun = Instant::now();
            (0..25_000).for_each(|_| print(&mut app, &block));
            drop(app);
            house.hear_sealed(1);
            println!("{format:?}: {:?} cpu {:?}, {} bytes", begun.elapsed(), cpu(house.pid()), house.size(FILE));
        }
    }
}
