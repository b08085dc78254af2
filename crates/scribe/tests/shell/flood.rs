//! Many lines, and the worst that can happen meanwhile.

use super::house::{House, hold, id, never, print, until};
use model::{FromScribe, IndexRecord, LogPolicy};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub const FILE: &str = "logs/web-0.out.log";

/// Writes `count` numbered lines, one write each, as writer `who`.
pub fn writer(fifo: &Path, who: &'static str, count: u32) -> JoinHandle<()> {
    let mut app = hold(fifo);
    std::thread::spawn(move || (0..count).for_each(|n| print(&mut app, &line(who, n))))
}

fn line(who: &str, n: u32) -> String {
    // Of many lengths, so that cuts fall everywhere.
    format!("{who} {n} {}\n", "x".repeat((n as usize * 7919) % 97))
}

/// Every line of every writer, whole and in order.
pub fn check(text: &str, expected: &[(&str, u32)]) {
    let mut next: BTreeMap<&str, u32> = expected.iter().map(|(who, _)| (*who, 0)).collect();
    for (at, have) in text.split_inclusive('\n').enumerate() {
        let who = have.split(' ').next().expect("a word");
        let n = next.get_mut(who).unwrap_or_else(|| panic!("line {at} is torn: {have:?}"));
        assert_eq!(have, line(who, *n), "line {at} is not the next of {who}");
        *n += 1;
    }
    assert_eq!(next, expected.iter().copied().collect());
}

pub fn check_index(records: &[IndexRecord], size: u64, lives: &[u64]) {
    assert!(!records.is_empty());
    for pair in records.windows(2) {
        assert!(pair[0].offset <= pair[1].offset && pair[0].tick <= pair[1].tick, "{pair:?}");
    }
    assert!(records.iter().all(|one| one.offset <= size && lives.contains(&one.instance.0)), "{size} {records:?}");
    assert_eq!(records[0].offset, 0);
}

pub fn every_line_arrives() {
    let mut house = House::new();
    let app = house.app(1);
    house.open(1, FILE, never(), true);
    house.hear_opened(1);
    let fifo = house.path(&house.fifo(1));
    let writers = ["a", "b", "c", "d"].map(|who| writer(&fifo, who, 50_000));
    writers.into_iter().for_each(|one| one.join().expect("writer"));
    drop(app);
    let (size, bytes, partial) = house.hear_sealed(1);
    assert_eq!((size, bytes, partial), (house.size(FILE), house.size(FILE), false));
    check(&house.read(FILE), &[("a", 50_000), ("b", 50_000), ("c", 50_000), ("d", 50_000)]);
    check_index(&house.index(FILE), size, &[1]);
}

/// Kills the scribe `times` times, each time after the log has moved on a little, and tells each new one to open the lives again.
pub fn kill_while(house: &mut House, times: u32, policy: &LogPolicy, lives: &[u64], moved: impl Fn(&House) -> u64) {
    let mut seed = 7u64;
    for _ in 0..times {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let goal = moved(house) + (seed >> 33) % 150_000 + 1;
        until("the log moves on", || moved(house) >= goal);
        house.kill();
        house.start();
        lives.iter().for_each(|life| house.open(*life, FILE, policy.clone(), true));
    }
}

pub fn killed_forty_times() {
    let mut house = House::new();
    let app = house.app(1);
    house.open(1, FILE, never(), true);
    let fifo = house.path(&house.fifo(1));
    let writers = ["a", "b", "c", "d"].map(|who| writer(&fifo, who, 50_000));
    kill_while(&mut house, 40, &never(), &[1], |house| house.size(FILE));
    writers.into_iter().for_each(|one| one.join().expect("writer"));
    drop(app);
    house.hear_sealed(1);
    check(&house.read(FILE), &[("a", 50_000), ("b", 50_000), ("c", 50_000), ("d", 50_000)]);
    check_index(&house.index(FILE), house.size(FILE), &[1]);
}

/// The text of all files of a log, oldest first, after a look at each.
fn gather(house: &House, limit: u64, lives: &[u64]) -> String {
    let rotated = (1..).take_while(|n| house.path(&format!("{FILE}.{n}")).exists()).count();
    assert!(rotated > 3, "{rotated} rotations");
    let names = (1..=rotated).rev().map(|n| format!("{FILE}.{n}")).chain([FILE.to_owned()]);
    let mut text = String::new();
    for name in names {
        let piece = house.read(&name);
        assert!(piece.len() as u64 <= limit && piece.ends_with('\n'), "{name}: {} bytes", piece.len());
        check_index(&house.index(&name), piece.len() as u64, lives);
        text.push_str(&piece);
    }
    assert!(!house.path(&format!("{FILE}.{}.idx", rotated + 1)).exists());
    text
}

pub fn rotation_keeps_every_line() {
    let mut house = House::new();
    let app = house.app(1);
    house.open(1, FILE, LogPolicy::plain(300_000, 1000), true);
    let fifo = house.path(&house.fifo(1));
    let writers = ["a", "b"].map(|who| writer(&fifo, who, 100_000));
    writers.into_iter().for_each(|one| one.join().expect("writer"));
    drop(app);
    house.hear_sealed(1);
    check(&gather(&house, 300_000, &[1]), &[("a", 100_000), ("b", 100_000)]);
}

pub fn rotation_while_killed() {
    let mut house = House::new();
    let policy = LogPolicy::plain(100_000, 1000);
    let app = house.app(1);
    house.open(1, FILE, policy.clone(), true);
    let fifo = house.path(&house.fifo(1));
    let writers = ["a", "b"].map(|who| writer(&fifo, who, 100_000));
    let rotated = |house: &House| {
        let names = std::fs::read_dir(house.path("logs")).expect("logs").flatten().map(|entry| entry.file_name());
        let count = names.filter(|name| name.to_string_lossy().rsplit('.').next().is_some_and(|end| end.parse::<u32>().is_ok()));
        count.count() as u64 * 100_000 + house.size(FILE)
    };
    kill_while(&mut house, 30, &policy, &[1], rotated);
    writers.into_iter().for_each(|one| one.join().expect("writer"));
    drop(app);
    house.hear_sealed(1);
    check(&gather(&house, 100_000, &[1]), &[("a", 100_000), ("b", 100_000)]);
}

/// Writes lines in two pieces each, so that the FIFO often ends within a line.
fn fragments(mut app: File, who: &'static str, count: u32) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for n in 0..count {
            let line = line(who, n);
            let (head, tail) = line.split_at(line.len() / 2);
            print(&mut app, head);
            std::thread::yield_now();
            print(&mut app, tail);
        }
    })
}

pub fn two_lives_keep_lines_whole() {
    let mut house = House::new();
    let (old, new) = (house.app(1), house.app(2));
    house.open(1, FILE, LogPolicy::plain(200_000, 1000), true);
    house.open(2, FILE, LogPolicy::plain(200_000, 1000), true);
    let writers = [fragments(old, "old", 30_000), fragments(new, "new", 30_000)];
    writers.into_iter().for_each(|one| one.join().expect("writer"));
    house.hear_sealed(1);
    house.hear_sealed(2);
    // A line in hand is finished where it was begun.
    check(&gather(&house, 200_000 + 120, &[1, 2]), &[("old", 30_000), ("new", 30_000)]);
}

pub fn two_lives_while_killed() {
    let mut house = House::new();
    let (old, new) = (house.app(1), house.app(2));
    house.open(1, FILE, never(), true);
    house.open(2, FILE, never(), true);
    let writers = [writer(&house.path(&house.fifo(1)), "old", 60_000), writer(&house.path(&house.fifo(2)), "new", 60_000)];
    kill_while(&mut house, 20, &never(), &[2, 1], |house| house.size(FILE));
    writers.into_iter().for_each(|one| one.join().expect("writer"));
    drop((old, new));
    house.hear_sealed(1);
    house.hear_sealed(2);
    check(&house.read(FILE), &[("old", 60_000), ("new", 60_000)]);
}

/// Nobody listens while two thousand streams have two messages each to be told: the link is full, and nothing is lost.
pub fn two_thousand_streams() {
    let mut house = House::new();
    let apps: Vec<File> = (1..=2000).map(|n| house.app(n)).collect();
    for n in 1..=2000 {
        house.open(n, &format!("logs/app-{n}.log"), never(), true);
    }
    for (n, mut app) in (1..).zip(apps) {
        print(&mut app, &format!("hello from {n}\n"));
    }
    (1..=2000).for_each(|n| until("every log is written", || house.size(&format!("logs/app-{n}.log")) > 0));
    for n in 1..=2000u64 {
        house.hear("opened", |message| matches!(message, FromScribe::Opened { .. }));
        house.hear("sealed", |message| matches!(message, FromScribe::Sealed { id: theirs, .. } if *theirs == id(n)));
        assert_eq!(house.read(&format!("logs/app-{n}.log")), format!("hello from {n}\n"));
    }
}

/// Processor time used by a process, in steps of 10 ms.
pub fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let ticks: Vec<u64> = stat.rsplit(") ").next().expect("fields").split(' ').skip(11).take(2).flat_map(str::parse).collect();
    Duration::from_millis(ticks.iter().sum::<u64>() * 10)
}

/// One million lines of 100 bytes through us and through `cat`: written in blocks of 40 lines, then line by line.
pub fn bench_against_cat() {
    for (how, lines) in [("blocks", 40), ("lines", 1)] {
        for _ in 0..3 {
            bench(how, &format!("{}\n", "y".repeat(99)).repeat(lines), 1_000_000 / lines);
        }
    }
}

fn bench(how: &str, block: &str, times: usize) {
    let pour = |mut app: File| (0..times).for_each(|_| print(&mut app, block));
    let mut house = House::new();
    let app = house.app(1);
    house.open(1, FILE, never(), true);
    house.hear_opened(1);
    let begun = Instant::now();
    pour(app);
    house.hear_sealed(1);
    let (wall, used) = (begun.elapsed(), cpu(house.pid()));
    assert_eq!(house.size(FILE), 100_000_000);

    let fifo = house.path("cat");
    sys::stream::make_fifo(&fifo).expect("mkfifo");
    let app = hold(&fifo);
    let begun = Instant::now();
    let out = File::create(house.path("cat.log")).expect("create");
    let input = File::open(&fifo).expect("open");
    let before = children_cpu();
    let mut cat = std::process::Command::new("cat").stdin(input).stdout(out).spawn().expect("cat");
    pour(app);
    cat.wait().expect("wait");
    println!("{how}: scribe {wall:?} cpu {used:?}; cat {:?} cpu {:?}", begun.elapsed(), children_cpu() - before);
}

/// Twenty apps at once, and two lives in one file.
pub fn bench_many() {
    let mut house = House::new();
    let begun = Instant::now();
    let writers: Vec<JoinHandle<()>> = (1..=20)
        .map(|n| {
            let mut app = house.app(n);
            house.open(n, &format!("logs/app-{n}.log"), LogPolicy::default(), true);
            let block = format!("{}\n", "y".repeat(99)).repeat(20);
            std::thread::spawn(move || (0..5_000).for_each(|_| print(&mut app, &block)))
        })
        .collect();
    writers.into_iter().for_each(|one| one.join().expect("writer"));
    (1..=20).for_each(|n| assert_eq!(house.hear_sealed(n), (10_000_000, 10_000_000, false)));
    println!("20 x 100,000 lines: {:?} cpu {:?}", begun.elapsed(), cpu(house.pid()));

    let mut house = House::new();
    let begun = Instant::now();
    let apps = [house.app(1), house.app(2)];
    [1, 2].iter().for_each(|n| house.open(*n, FILE, LogPolicy::default(), true));
    let writers = apps.map(|mut app| {
        let block = format!("{}\n", "y".repeat(99)).repeat(40);
        std::thread::spawn(move || (0..12_500).for_each(|_| print(&mut app, &block)))
    });
    writers.into_iter().for_each(|one| one.join().expect("writer"));
    [1, 2].iter().for_each(|n| assert_eq!(house.hear_sealed(*n).1, 50_000_000));
    println!("2 x 500,000 lines into one file: {:?} cpu {:?}", begun.elapsed(), cpu(house.pid()));
}

/// Of the children that were waited for.
fn children_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("stat");
    let ticks: Vec<u64> = stat.rsplit(") ").next().expect("fields").split(' ').skip(13).take(2).flat_map(str::parse).collect();
    Duration::from_millis(ticks.iter().sum::<u64>() * 10)
}
