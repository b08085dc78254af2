//! Log files that others touch, that are full, that are not files.

use super::house::{House, id, never, print, until};
use super::lines::printed;
use model::{FromScribe, IndexFlags, LogFormat, LogPolicy, ToScribe};
use std::fs::File;
use std::io::Write;
use std::process::Command;

const FILE: &str = "logs/web-0.out.log";

pub fn removed_renamed_truncated() {
    let mut house = House::new();
    let mut app = house.app(1);
    house.open(1, FILE, never(), true);
    print(&mut app, "one\n");
    house.until_reads(FILE, "one\n");

    std::fs::remove_file(house.path(FILE)).expect("remove");
    print(&mut app, "two\n");
    house.until_reads(FILE, "two\n");
    until("the index starts anew", || house.index(FILE).len() == 1);

    std::fs::rename(house.path(FILE), house.path("logs/elsewhere")).expect("rename");
    print(&mut app, "three\n");
    house.until_reads(FILE, "three\n");
    assert_eq!(house.read("logs/elsewhere"), "two\n");

    std::fs::File::options().write(true).open(house.path(FILE)).and_then(|file| file.set_len(0)).expect("truncate");
    print(&mut app, "four\n");
    house.until_reads(FILE, "four\n");

    std::fs::remove_dir_all(house.path("logs")).expect("remove");
    print(&mut app, "five\n");
    house.until_reads(FILE, "five\n");
    drop(app);
    assert_eq!(house.hear_sealed(1), (5, 24, false));
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &str| std::fs::metadata(house.path(path)).expect("there").permissions().mode() & 0o7777;
    assert_eq!((mode("logs"), mode(FILE), mode("logs/web-0.out.log.idx")), (0o700, 0o600, 0o600));
}

/// Row 18: whatever is done to the file, nobody waits, no hole is made, no line is torn, and the last word arrives.
pub fn removed_renamed_truncated_in_a_loop() {
    for format in [LogFormat::Raw, LogFormat::Text, LogFormat::Json] {
        let mut house = House::of(format);
        let mut app = house.app(1);
        house.open(1, FILE, never(), true);
        let writer = std::thread::spawn(move || {
            (0..60_000).for_each(|n| print(&mut app, &format!("line {n}\n")));
            app
        });
        let path = house.path(FILE);
        let mut rounds = 0;
        while !writer.is_finished() {
            // What is not there just now cannot be touched.
            let _ = match rounds % 3 {
                0 => std::fs::remove_file(&path),
                1 => std::fs::rename(&path, house.path("logs/elsewhere")),
                _ => File::options().write(true).open(&path).and_then(|file| file.set_len(0)),
            };
            rounds += 1;
        }
        let mut app = writer.join().expect("writer");
        assert!(rounds > 20, "{rounds}");
        let synced = catch_up(&mut app, format, &path);
        std::fs::remove_file(&path).expect("remove");
        print(&mut app, "the end\n");
        drop(app);
        let all = (0..60_000).map(|n| format!("line {n}\n").len() as u64).sum::<u64>() + synced + b"the end\n".len() as u64;
        assert_eq!(house.hear_sealed(1).1, all);
        assert_eq!(printed(format, &std::fs::read(&path).expect("a log")).expect("lines"), b"the end\n");
        // A file that was cut while a turn was on its way to its end may have a hole there, raw; see the notes on `splice`.
        let elsewhere = std::fs::read(house.path("logs/elsewhere")).unwrap_or_default();
        assert!(format == LogFormat::Raw || !elsewhere.contains(&0), "{format:?}");
    }
}

/// Prints lines until one of them is the last of the file, so that nothing is on its way; how many bytes these were. One may go into a file that
/// was removed while the turn that brings it was under way.
fn catch_up(app: &mut File, format: LogFormat, path: &std::path::Path) -> u64 {
    let mut bytes = 0;
    for number in 0..60 {
        let line = format!("sync {number}\n");
        print(app, &line);
        bytes += line.len() as u64;
        let begun = std::time::Instant::now();
        while begun.elapsed() < std::time::Duration::from_secs(1) {
            let file = std::fs::read(path).unwrap_or_default();
            if printed(format, &file).is_ok_and(|all| all.ends_with(line.as_bytes())) {
                return bytes;
            }
            std::thread::yield_now();
        }
    }
    panic!("it never catches up");
}

pub fn partial_last_line() {
    let mut house = House::new();
    let mut app = house.app(1);
    house.open(1, FILE, never(), true);
    print(&mut app, "whole\nnot whole");
    drop(app);
    assert_eq!(house.hear_sealed(1), (16, 15, true));
    assert_eq!(house.read(FILE), "whole\nnot whole\n");
    let last = *house.index(FILE).last().expect("a record");
    assert_eq!((last.offset, last.flags), (16, IndexFlags { partial: true, our_newline: true, ..IndexFlags::default() }));
    // The next life goes on in the same file.
    let mut app = house.app(2);
    house.open(2, FILE, never(), true);
    print(&mut app, "next\n");
    drop(app);
    assert_eq!(house.hear_sealed(2), (21, 5, false));
    assert_eq!(house.read(FILE), "whole\nnot whole\nnext\n");
    assert_eq!(house.index(FILE).last().map(|last| (last.offset, last.instance.0)), Some((16, 2)));
}

/// A small disk, unmounted when dropped.
pub struct Disk<'a>(&'a std::path::Path);

impl Disk<'_> {
    /// `None` = it is not allowed here, which is said.
    pub fn mount(path: &std::path::Path) -> Option<Disk<'_>> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(path).output();
        if !mounted.as_ref().is_ok_and(|done| done.status.success()) {
            println!("skipped: no tmpfs can be mounted: {mounted:?}");
            return None;
        }
        Some(Disk(path))
    }

    pub fn resize(&self, size: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(self.0).status().expect("mount");
        assert!(done.success());
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

pub fn full_disk() {
    let mut house = House::new();
    let disk_path = house.path("disk");
    std::fs::create_dir(&disk_path).expect("mkdir");
    let Some(disk) = Disk::mount(&disk_path) else { return };
    let (mut app, mut other) = (house.app(1), house.app(2));
    house.open(1, "disk/full.log", never(), true);
    house.open(2, FILE, never(), true);
    let expected: String = (0..40_000).map(|n| format!("line {n}\n")).collect();
    let text = expected.clone();
    let pouring = std::thread::spawn(move || app.write_all(text.as_bytes()).expect("write"));
    let trouble = house.hear("trouble", |message| matches!(message, FromScribe::Trouble { .. }));
    assert_eq!(trouble, FromScribe::Trouble { id: id(1), path: "disk/full.log".to_owned(), errno: "ENOSPC".to_owned() });
    print(&mut other, "not concerned\n");
    house.until_reads(FILE, "not concerned\n");
    assert!(!pouring.is_finished() && house.heard().iter().all(|one| !matches!(one, FromScribe::Trouble { .. })));
    disk.resize("16m");
    house.hear("resumed", |message| *message == FromScribe::Resumed { id: id(1) });
    pouring.join().expect("writer");
    house.hear_sealed(1);
    assert!(house.read("disk/full.log") == expected, "lines are missing");
}

pub fn wrong_kinds() {
    let mut house = House::new();
    std::os::unix::fs::symlink("/etc/passwd", house.path("logs/link.log")).expect("symlink");
    std::fs::create_dir(house.path("logs/dir.log")).expect("mkdir");
    sys::stream::make_fifo(&house.path("logs/fifo.log")).expect("mkfifo");
    let wrong = [("logs/link.log", "ELOOP"), ("logs/dir.log", "ENOTREG"), ("logs/fifo.log", "ENOTREG")];
    let mut apps = Vec::new();
    for (n, (path, errno)) in (1..).zip(wrong) {
        let mut app = house.app(n);
        house.open(n, path, never(), true);
        print(&mut app, "kept\n");
        apps.push(app);
        let said = house.hear("trouble", |message| matches!(message, FromScribe::Trouble { .. }));
        assert_eq!(said, FromScribe::Trouble { id: id(n), path: path.to_owned(), errno: errno.to_owned() });
    }
    // Mended: the bytes that waited arrive.
    std::fs::remove_dir(house.path("logs/dir.log")).expect("rmdir");
    house.hear("resumed", |message| *message == FromScribe::Resumed { id: id(2) });
    house.until_reads("logs/dir.log", "kept\n");
    // A stream that does not exist, then does; and one that is no FIFO.
    house.open(8, FILE, never(), false);
    let said = house.hear("trouble", |message| matches!(message, FromScribe::Trouble { .. }));
    assert_eq!(said, FromScribe::Trouble { id: id(8), path: house.fifo(8), errno: "ENOENT".to_owned() });
    let _late = house.app(8);
    house.hear_opened(8);
    std::fs::write(house.path(&house.fifo(9)), "no fifo").expect("write");
    house.open(9, FILE, never(), true);
    let said = house.hear("trouble", |message| matches!(message, FromScribe::Trouble { .. }));
    assert_eq!(said, FromScribe::Trouble { id: id(9), path: house.fifo(9), errno: "ENOTFIFO".to_owned() });
}

pub fn torn_index() {
    let mut house = House::new();
    let mut app = house.app(1);
    house.open(1, FILE, never(), true);
    print(&mut app, "one\n");
    until("a record", || house.index(FILE).len() == 1);
    house.kill();
    let index = house.path("logs/web-0.out.log.idx");
    std::fs::File::options().append(true).open(&index).and_then(|mut file| file.write_all(b"torn")).expect("tear");
    let mut next = house.app(2);
    house.start();
    house.open(1, FILE, never(), true);
    house.open(2, FILE, never(), true);
    house.hear_opened(1);
    house.hear_opened(2);
    print(&mut next, "two\n");
    house.until_reads(FILE, "one\ntwo\n");
    assert_eq!(std::fs::metadata(&index).expect("index").len(), 64);
    // An index that cannot be had costs times, not lines.
    house.kill();
    std::fs::remove_file(&index).expect("remove");
    std::fs::create_dir(&index).expect("mkdir");
    house.start();
    house.open(2, FILE, never(), true);
    print(&mut next, "three\n");
    drop(next);
    house.hear_sealed(2);
    assert_eq!(house.read(FILE), "one\ntwo\nthree\n");
}

pub fn rotation_by_hand_and_count() {
    let mut house = House::new();
    let mut app = house.app(1);
    house.open(1, FILE, LogPolicy::plain(0, 2), true);
    let rotate = |house: &House| house.say(&ToScribe::Rotate { file: FILE.to_owned() });
    for n in 1..=4 {
        print(&mut app, &format!("{n}\n"));
        house.until_reads(FILE, &format!("{n}\n"));
        rotate(&house);
        until("rotated", || !house.path(FILE).exists());
    }
    assert_eq!((house.read(&format!("{FILE}.1")), house.read(&format!("{FILE}.2"))), ("4\n".to_owned(), "3\n".to_owned()));
    assert!(!house.path(&format!("{FILE}.3")).exists() && !house.path(&format!("{FILE}.3.idx")).exists());
    // Within a line it waits for the line's end.
    print(&mut app, "5");
    house.until_reads(FILE, "5");
    rotate(&house);
    print(&mut app, "5\n6\n");
    house.until_reads(FILE, "6\n");
    assert_eq!(house.read(&format!("{FILE}.1")), "55\n");
    // No rotated file is kept at all.
    house.say(&ToScribe::Policy { file: FILE.to_owned(), policy: LogPolicy::plain(0, 0) });
    rotate(&house);
    until("removed", || !house.path(FILE).exists());
    print(&mut app, "7\n");
    house.until_reads(FILE, "7\n");
    drop(app);
    house.hear_sealed(1);
    let mut left: Vec<String> = std::fs::read_dir(house.path("logs"))
        .expect("logs")
        .flatten()
        .map(|one| one.file_name().to_string_lossy().into())
        .collect();
    left.sort();
    assert_eq!(left, ["web-0.out.log", "web-0.out.log.idx"]);
}
