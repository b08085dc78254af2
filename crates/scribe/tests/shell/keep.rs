//! What becomes of rotated files: compressed, too old, too many.

use super::files::Disk;
use super::flood::{FILE, check, check_index, kill_while, writer};
use super::house::{House, never, print, until};
use flate2::read::GzDecoder;
use model::{FromScribe, LogPolicy, ToScribe};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

fn compressing(max_size: u64) -> LogPolicy {
    LogPolicy { compress: true, ..LogPolicy::plain(max_size, 1000) }
}

fn unzip(house: &House, file: &str) -> String {
    let mut text = String::new();
    GzDecoder::new(File::open(house.path(file)).expect("there")).read_to_string(&mut text).expect("a whole gzip file");
    text
}

fn names(house: &House, folder: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(house.path(folder)).expect("there").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn plain_ones(house: &House) -> Vec<String> {
    let number = |name: &str| name.rsplit('.').next().is_some_and(|end| end.parse::<u32>().is_ok());
    names(house, "logs").into_iter().filter(|name| number(name)).collect()
}

/// Waits until everything that is rotated is compressed, and returns all lines, oldest first.
fn gather(house: &House, limit: u64) -> String {
    until("all rotated files are compressed", || plain_ones(house).is_empty());
    let there = names(house, "logs");
    assert!(!there.iter().any(|name| name.ends_with(".tmp")), "{there:?}");
    let count = there.iter().filter(|name| name.ends_with(".gz")).count();
    assert!(count > 3, "{there:?}");
    let mut text = String::new();
    for n in (1..=count).rev() {
        let name = format!("{FILE}.{n}");
        let piece = unzip(house, &format!("{name}.gz"));
        assert!(piece.len() as u64 <= limit && piece.ends_with('\n'), "{name}: {} bytes", piece.len());
        check_index(&house.index(&name), piece.len() as u64, &[1]);
        let mode = std::fs::metadata(house.path(&format!("{name}.gz"))).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        text.push_str(&piece);
    }
    text + &house.read(FILE)
}

/// Row 22.
pub fn compressed_under_flood() {
    let mut house = House::new();
    let app = house.app(1);
    house.open(1, FILE, compressing(300_000), true);
    let fifo = house.path(&house.fifo(1));
    let writers = ["a", "b"].map(|who| writer(&fifo, who, 100_000));
    writers.into_iter().for_each(|one| one.join().expect("writer"));
    drop(app);
    // What is left to be compressed is done although nobody writes the file any more.
    house.hear_sealed(1);
    check(&gather(&house, 300_000), &[("a", 100_000), ("b", 100_000)]);
}

pub fn compressed_while_killed() {
    let mut house = House::new();
    let policy = compressing(100_000);
    let app = house.app(1);
    house.open(1, FILE, policy.clone(), true);
    let fifo = house.path(&house.fifo(1));
    let writers = ["a", "b"].map(|who| writer(&fifo, who, 100_000));
    let moved = |house: &House| {
        let there = names(house, "logs");
        let rotated = (1..).take_while(|n| {
            let plain = format!("web-0.out.log.{n}");
            there.contains(&plain) || there.contains(&format!("{plain}.gz"))
        });
        rotated.count() as u64 * 100_000 + house.size(FILE)
    };
    kill_while(&mut house, 30, &policy, &[1], moved);
    writers.into_iter().for_each(|one| one.join().expect("writer"));
    drop(app);
    house.hear_sealed(1);
    check(&gather(&house, 100_000), &[("a", 100_000), ("b", 100_000)]);
}

/// What another scribe has left: plain files, both forms of one file, half a compressed file.
pub fn backlog_and_leftovers() {
    let house = House::new();
    let app = house.app(1);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for n in 1..=3 {
        let path = house.path(&format!("{FILE}.{n}"));
        std::fs::write(&path, format!("rotated {n}\n").repeat(1000)).expect("write");
        File::options().write(true).open(&path).and_then(|file| file.set_modified(time)).expect("time");
    }
    std::fs::write(house.path(&format!("{FILE}.2.gz")), "of unknown origin").expect("write");
    std::fs::write(house.path(&format!("{FILE}.1.gz.tmp")), "half of it").expect("write");
    house.open(1, FILE, compressing(0), true);
    until("the backlog is compressed", || {
        names(&house, "logs") == [1, 2, 3].map(|n| format!("web-0.out.log.{n}.gz")).into_iter().collect()
    });
    for n in 1..=3 {
        let name = format!("{FILE}.{n}.gz");
        assert_eq!(unzip(&house, &name), format!("rotated {n}\n").repeat(1000));
        assert_eq!(std::fs::metadata(house.path(&name)).and_then(|seen| seen.modified()).expect("there"), time);
    }
    drop(app);
}

pub fn no_room_to_compress() {
    let mut house = House::new();
    let path = house.path("disk");
    std::fs::create_dir(&path).expect("mkdir");
    let Some(disk) = Disk::mount(&path) else { return };
    let app = house.app(1);
    // What no compression makes smaller, and too large to stand there twice.
    let noise: Vec<u8> = std::iter::successors(Some(7u64), |n| Some(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1)))
        .flat_map(|n| (n >> 16).to_le_bytes()[..4].to_vec())
        .take(200_000)
        .collect();
    let rotated = house.path("disk/full.log.1");
    std::fs::write(&rotated, &noise).expect("write");
    let touched = || std::fs::metadata(house.path("disk")).and_then(|seen| seen.modified()).expect("there");
    let before = touched();
    house.open(1, "disk/full.log", compressing(0), true);
    let temp = house.path("disk/full.log.1.gz.tmp");
    until("it has begun and given up", || touched() != before && !temp.exists());
    assert_eq!(names(&house, "disk"), ["full.log.1".to_owned()].into());
    assert!(std::fs::read(&rotated).expect("there") == noise);
    // With room, the next scribe does it without being asked.
    disk.resize("16m");
    house.kill();
    house.start();
    house.open(1, "disk/full.log", compressing(0), true);
    until("it is compressed", || names(&house, "disk") == ["full.log.1.gz".to_owned()].into());
    let mut back = Vec::new();
    GzDecoder::new(File::open(house.path("disk/full.log.1.gz")).expect("there")).read_to_end(&mut back).expect("whole");
    assert!(back == noise);
    drop(app);
}

pub fn by_age() {
    let house = House::new();
    let mut app = house.app(1);
    let every = Duration::from_secs(2);
    for n in 1..=3u64 {
        let path = house.path(&format!("{FILE}.{n}"));
        std::fs::write(&path, "old\n").expect("write");
        let time = SystemTime::now() - Duration::from_secs(3600 * n);
        File::options().write(true).open(&path).and_then(|file| file.set_modified(time)).expect("time");
    }
    let policy = LogPolicy { rotate_every: Some(every), max_age: Some(Duration::from_secs(5400)), ..LogPolicy::plain(0, 10) };
    let begun = std::time::Instant::now();
    house.open(1, FILE, policy, true);
    print(&mut app, "one\n");
    // Nothing more is printed.
    until("the file is rotated", || house.read(&format!("{FILE}.1")) == "one\n");
    assert!(begun.elapsed() >= every, "{:?}", begun.elapsed());
    until("what was too old is gone", || names(&house, "logs").len() == 3);
    assert_eq!(house.read(&format!("{FILE}.2")), "old\n");
}

pub fn budget() {
    let mut house = House::new();
    let _app = house.app(1);
    for (name, size) in [("a.log", 50_000), ("a.log.1", 50_000), ("a.log.2.gz", 50_000), ("b.log.1", 40_000), ("b.log.2", 30_000)]
    {
        std::fs::write(house.path(&format!("logs/{name}")), vec![b'x'; size]).expect("write");
    }
    std::fs::write(house.path("logs/notes.txt"), vec![b'x'; 500_000]).expect("write");
    // Elsewhere, but told of; and of its own limit.
    std::fs::create_dir(house.path("other")).expect("mkdir");
    std::fs::write(house.path("other/c.log.1"), vec![b'x'; 10_000]).expect("write");
    house.open(1, "other/c.log", never(), true);
    house.say(&ToScribe::Budget { total: 145_000, apps: vec![(vec!["other/c.log".to_owned()], 5_000)] });
    // 230,000 bytes: what its own limit costs c, then the oldest of the largest until it fits.
    for (file, bytes) in [("other/c.log.1", 10_000), ("logs/a.log.2.gz", 50_000), ("logs/a.log.1", 50_000)] {
        let removed = FromScribe::Removed { file: file.to_owned(), bytes };
        assert_eq!(house.hear("removed", |message| matches!(message, FromScribe::Removed { .. })), removed);
        assert!(!house.path(file).exists());
    }
    assert_eq!(names(&house, "logs"), ["a.log", "b.log.1", "b.log.2", "notes.txt"].map(str::to_owned).into());
    let size = |name: &str| std::fs::metadata(house.path(name)).expect("there").size();
    assert_eq!((size("logs/a.log"), size("logs/b.log.2")), (50_000, 30_000));
}
