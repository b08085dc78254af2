//! Logs on several file systems, one of which hangs. Frozen, a file system keeps everybody who wants to change it waiting, for as long as
//! one likes, and not even a kill ends that.

use super::files::Disk;
use super::house::{House, id, never, print, until};
use model::{FromScribe, LogPolicy, ToScribe};
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

const HOME: &str = "logs/web-0.out.log";
const AWAY: &str = "away/web-0.err.log";

/// A disk that can be made to hang.
struct Frost {
    path: PathBuf,
    frozen: bool,
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    match Command::new(program).args(args).output() {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => Err(format!("{program} {args:?}: {}", String::from_utf8_lossy(&done.stderr))),
        Err(error) => Err(format!("{program}: {error}")),
    }
}

impl Frost {
    /// `None` when there can be none here; says so aloud.
    fn mount(test: &str, house: &House) -> Option<Frost> {
        let (image, path) = (house.path("image"), house.path("away"));
        std::fs::create_dir(&path).expect("mkdir");
        File::create(&image).and_then(|file| file.set_len(16 << 20)).expect("an image");
        let (image_text, path_text) = (image.to_str().expect("utf-8"), path.to_str().expect("utf-8"));
        let made = run("mkfs.ext4", &["-q", image_text]).and_then(|()| run("mount", &["-o", "loop", image_text, path_text]));
        if let Err(why) = made {
            println!("skipped: {test}: no disk to freeze: {why}");
            return None;
        }
        let mut frost = Frost { path, frozen: false };
        // Where it is not allowed, it is not allowed at the first time.
        if let Err(why) = frost.set(true).and_then(|()| frost.set(false)) {
            println!("skipped: {test}: no disk can be frozen: {why}");
            return None;
        }
        Some(frost)
    }

    fn set(&mut self, frozen: bool) -> Result<(), String> {
        run("fsfreeze", &[if frozen { "-f" } else { "-u" }, self.path.to_str().expect("utf-8")])?;
        self.frozen = frozen;
        Ok(())
    }

    fn freeze(&mut self) {
        self.set(true).expect("it was allowed before");
    }

    fn thaw(&mut self) {
        self.set(false).expect("it was allowed before");
    }
}

impl Drop for Frost {
    fn drop(&mut self) {
        if self.frozen {
            let _ = self.set(false);
        }
        let _ = run("umount", &["-l", self.path.to_str().expect("utf-8")]);
    }
}

/// A disk that hangs while life 1 writes to it and life 2 writes at home. Both apps, or nothing where it cannot be had.
fn frozen(row: &str, house: &mut House) -> Option<(Frost, File, File)> {
    let mut frost = Frost::mount(row, house)?;
    let (mut away, home) = (house.app(1), house.app(2));
    house.open(1, AWAY, never(), true);
    house.open(2, HOME, never(), true);
    print(&mut away, "before\n");
    house.until_reads(AWAY, "before\n");
    frost.freeze();
    print(&mut away, "while it hangs\n");
    Some((frost, away, home))
}

/// Row 17.
pub fn a_disk_that_hangs() {
    let mut house = House::new();
    let Some((mut frost, away, mut home)) = frozen("lanes::a_disk_that_hangs", &mut house) else { return };
    // Another one, whose file is to be made there, and more messages than are kept for it.
    let mut late = house.app(3);
    house.open(3, "away/late.log", never(), true);
    print(&mut late, "late\n");
    for n in 1000..4000 {
        house.open(n, "away/chatter.log", never(), false);
        house.say(&ToScribe::Close { id: id(n) });
    }
    // Meanwhile everything else goes its way.
    let mut text = String::new();
    let mut took = Vec::new();
    for n in 0..200 {
        let line = format!("{n}\n");
        let begun = Instant::now();
        print(&mut home, &line);
        text.push_str(&line);
        house.until_reads(HOME, &text);
        took.push(begun.elapsed());
    }
    // Where one waited for the other, all would be slow; a machine that is busy makes some slow.
    took.sort();
    assert!(took[took.len() / 2] < Duration::from_secs(1), "{took:?}");
    drop(home);
    assert!(!house.hear_sealed(2).2);
    // What everybody is asked is answered for who cannot.
    house.say(&ToScribe::Reopen { ask: 7 });
    let did = house.hear("an answer", |message| matches!(message, FromScribe::Did { ask: 7, .. }));
    assert!(matches!(&did, FromScribe::Did { failed: Some((_, errno)), .. } if errno == "ETIMEDOUT"), "{did:?}");
    // And a new stream elsewhere is opened at once.
    let fresh = house.app(4);
    house.open(4, "logs/fresh.log", never(), true);
    house.hear_opened(4);
    drop(fresh);
    house.hear_sealed(4);
    assert!(!house.path("away/late.log").exists());
    frost.thaw();
    // So everything is to be said again.
    house.hear("hello", |message| matches!(message, FromScribe::Hello { .. }));
    house.open(1, AWAY, never(), true);
    house.open(3, "away/late.log", never(), true);
    house.until_reads(AWAY, "before\nwhile it hangs\n");
    house.until_reads("away/late.log", "late\n");
    drop((away, late));
    assert_eq!(house.hear_sealed(1), (22, 22, false));
    assert_eq!(house.hear_sealed(3), (5, 5, false));
    house.kill();
}

pub fn finish_while_it_hangs() {
    let mut house = House::new();
    let Some((mut frost, _away, mut home)) = frozen("lanes::finish_while_it_hangs", &mut house) else { return };
    print(&mut home, "the last\n");
    house.say(&ToScribe::Finish);
    let lock = house.path("run/scribe.lock");
    let begun = Instant::now();
    // Somebody else may go to work, although the kernel has not let go of the thread that hangs.
    until("the lock is free", || !sys::lock::is_held(&lock).expect("lock"));
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!(house.read(HOME), "the last\n");
    frost.thaw();
    assert_eq!(house.exited().code(), Some(0));
    // Whatever became of the write that hung, the line is there once, now or by the next scribe.
    house.start();
    house.open(1, AWAY, never(), true);
    house.until_reads(AWAY, "before\nwhile it hangs\n");
    house.kill();
}

/// What is said of files elsewhere, and what is asked of them.
pub fn as_if_it_were_one() {
    let mut house = House::new();
    let path = house.path("disk");
    std::fs::create_dir(&path).expect("mkdir");
    let Some(disk) = Disk::mount(&path) else { return };
    disk.resize("16m");
    let file = "disk/web-0.out.log";
    let mut app = house.app(1);
    house.say(&ToScribe::Watch { on: true });
    house.open(1, file, LogPolicy::plain(0, 3), false);
    house.hear_opened(1);
    house.say(&ToScribe::Born { id: id(1) });
    print(&mut app, "one\n");
    house.hear("it grew", |message| *message == FromScribe::Grew { file: file.to_owned(), size: 4 });
    house.say(&ToScribe::Rotate { file: file.to_owned() });
    until("rotated", || house.read("disk/web-0.out.log.1") == "one\n");
    print(&mut app, "two\n");
    house.until_reads(file, "two\n");
    for (ask, message) in [(8, ToScribe::Reopen { ask: 8 }), (9, ToScribe::Clear { ask: 9, file: file.to_owned() })] {
        house.say(&message);
        house.hear("an answer", |message| *message == FromScribe::Did { ask, failed: None });
    }
    assert!(house.size(file) == 0 && !house.path("disk/web-0.out.log.1").exists());
    print(&mut app, "two\n");
    house.until_reads(file, "two\n");
    // An absolute name of the same place, for another file.
    let mut other = house.app(2);
    let absolute = house.path("disk/other.log").to_str().expect("utf-8").to_owned();
    house.open(2, &absolute, never(), true);
    print(&mut other, "absolute\n");
    house.until_reads("disk/other.log", "absolute\n");
    // Killed and begun anew.
    house.kill();
    print(&mut app, "three\n");
    house.start();
    house.open(1, file, LogPolicy::plain(0, 3), true);
    house.open(2, &absolute, never(), true);
    house.until_reads(file, "two\nthree\n");
    print(&mut app, "four\n");
    print(&mut other, "the last");
    house.until_reads(file, "two\nthree\nfour\n");
    house.say(&ToScribe::Ended { id: id(1) });
    drop(app);
    let (size, _, partial) = house.hear_sealed(1);
    assert_eq!((size, partial), (15, false));
    // What is on its way is moved by the lane before all end.
    house.say(&ToScribe::Finish);
    assert_eq!(house.exited().code(), Some(0));
    assert_eq!(house.read("disk/other.log"), "absolute\nthe last");
    assert_eq!(house.heard().iter().filter(|one| matches!(one, FromScribe::Hello { .. })).count(), 0);
}

/// The steward's link is full, and nothing is lost.
pub fn nobody_listens() {
    let mut house = House::new();
    let path = house.path("disk");
    std::fs::create_dir(&path).expect("mkdir");
    let Some(disk) = Disk::mount(&path) else { return };
    disk.resize("16m");
    let apps: Vec<File> = (1..=1500).map(|n| house.app(n)).collect();
    let folder = |n: u64| if n.is_multiple_of(2) { "disk" } else { "logs" };
    for n in 1..=1500 {
        house.open(n, &format!("{}/app-{n}.log", folder(n)), never(), true);
    }
    for (n, mut app) in (1..).zip(apps) {
        print(&mut app, &format!("hello from {n}\n"));
    }
    (1..=1500).for_each(|n| until("every log is written", || house.size(&format!("{}/app-{n}.log", folder(n))) > 0));
    for n in 1..=1500u64 {
        house.hear_opened(n);
        house.hear_sealed(n);
        assert_eq!(house.read(&format!("{}/app-{n}.log", folder(n))), format!("hello from {n}\n"));
    }
}

/// The file of a stream lies elsewhere from now on, and then at home again.
pub fn a_stream_moves() {
    let mut house = House::new();
    let path = house.path("disk");
    std::fs::create_dir(&path).expect("mkdir");
    let Some(disk) = Disk::mount(&path) else { return };
    disk.resize("16m");
    let mut app = house.app(1);
    for (n, file) in ["logs/a.log", "disk/a.log", "logs/b.log", "disk/b.log"].into_iter().enumerate() {
        house.open(1, file, never(), true);
        house.hear_opened(1);
        print(&mut app, &format!("{n}\n"));
        house.until_reads(file, &format!("{n}\n"));
    }
    drop(app);
    assert_eq!(house.hear_sealed(1).0, 2);
}
