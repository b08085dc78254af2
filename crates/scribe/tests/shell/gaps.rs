//! Streams that would rather lose bytes than wait; and what is done with logs when asked for.

use super::files::Disk;
use super::house::{House, id, never, print, until};
use super::lines::line;
use model::{FromScribe, LogFormat, LogOverflow, LogPolicy, ToScribe};
use std::io::Write;

const FILE: &str = "disk/full.log";

pub fn full_disk() {
    play(LogFormat::Raw);
}

pub fn full_disk_forms() {
    play(LogFormat::Text);
    play(LogFormat::Json);
}

fn play(format: LogFormat) {
    let mut house = House::of(format);
    house.form.overflow = LogOverflow::Drop;
    let path = house.path("disk");
    std::fs::create_dir(&path).expect("mkdir");
    let Some(disk) = Disk::mount(&path) else { return };
    let mut app = house.app(1);
    house.open(1, FILE, never(), true);
    let text: String = (0..40_000).map(|n| format!("line {n}\n")).collect();
    // Nobody waits, although there is room for a part only.
    app.write_all(text.as_bytes()).expect("write");
    let trouble = house.hear("trouble", |message| matches!(message, FromScribe::Trouble { .. }));
    assert_eq!(trouble, FromScribe::Trouble { id: id(1), path: FILE.to_owned(), errno: "ENOSPC".to_owned() });
    app.write_all(text.as_bytes()).expect("write");
    disk.resize("16m");
    let dropped = house.hear("dropped", |message| matches!(message, FromScribe::Dropped { .. }));
    let FromScribe::Dropped { bytes: lost, errno, .. } = dropped else { panic!("{dropped:?}") };
    assert_eq!(errno, "ENOSPC");
    house.hear("resumed", |message| *message == FromScribe::Resumed { id: id(1) });
    print(&mut app, "the end\n");
    drop(app);
    let sealed = house.hear("sealed", |message| matches!(message, FromScribe::Sealed { .. }));
    let FromScribe::Sealed { bytes, dropped, .. } = sealed else { panic!("{sealed:?}") };
    assert_eq!((bytes + dropped, dropped), (2 * text.len() as u64 + 8, lost));
    let file = house.read(FILE);
    let said: Vec<String> = match format {
        LogFormat::Raw => file.lines().map(str::to_owned).collect(),
        _ => {
            let read = |raw: &str| line(format, raw.as_bytes()).unwrap_or_else(|| panic!("{raw:?}")).bytes;
            file.lines().map(|raw| String::from_utf8(read(raw)).expect("utf-8")).collect()
        }
    };
    assert!(said.contains(&format!("[abide: {lost} bytes dropped: ENOSPC]")), "{:?}", &said[said.len() - 4..]);
    assert_eq!((said[0].as_str(), said[said.len() - 1].as_str()), ("line 0", "the end"));
}

pub fn reopen_and_clear() {
    for format in [LogFormat::Raw, LogFormat::Text] {
        let mut house = House::of(format);
        let mut app = house.app(1);
        house.open(1, "logs/a.log", LogPolicy::plain(100, 9), true);
        (0..30).for_each(|n| print(&mut app, &format!("a line of some length {n}\n")));
        until("rotated", || house.path("logs/a.log.2").exists() && house.read("logs/a.log").contains(" 29\n"));
        let descriptors = |house: &House| {
            let all = std::fs::read_dir(format!("/proc/{}/fd", house.pid())).expect("fds").flatten();
            all.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to.to_string_lossy().contains("/logs/"))).count()
        };
        assert_eq!(descriptors(&house), 2);
        house.say(&ToScribe::Reopen { ask: 1 });
        house.hear("reopened", |message| *message == FromScribe::Did { ask: 1, failed: None });
        assert_eq!(descriptors(&house), 0);
        std::fs::write(house.path("logs/a.log.3.gz"), "old").expect("write");
        std::fs::write(house.path("logs/a.log.other"), "not ours").expect("write");
        house.say(&ToScribe::Clear { ask: 2, file: "logs/a.log".to_owned() });
        house.hear("cleared", |message| *message == FromScribe::Did { ask: 2, failed: None });
        let names = std::fs::read_dir(house.path("logs")).expect("logs").flatten();
        let mut left: Vec<String> = names.map(|one| one.file_name().to_string_lossy().into_owned()).collect();
        left.sort();
        assert_eq!(left, ["a.log", "a.log.idx", "a.log.other"]);
        assert_eq!((house.size("logs/a.log"), house.size("logs/a.log.idx")), (0, 0));
        print(&mut app, "again\n");
        until("it goes on", || house.read("logs/a.log").ends_with("again\n"));
        assert_eq!(house.index("logs/a.log").first().map(|one| (one.offset, one.instance.0)), Some((0, 1)));
        // One that nobody writes, one that is not there, one that is no file.
        std::fs::write(house.path("logs/b.log"), "text").expect("write");
        for (ask, file) in [(3, "logs/b.log"), (4, "none/c.log")] {
            house.say(&ToScribe::Clear { ask, file: file.to_owned() });
            house.hear("cleared", |message| *message == FromScribe::Did { ask, failed: None });
        }
        assert_eq!(house.size("logs/b.log"), 0);
        std::os::unix::fs::symlink("b.log", house.path("logs/d.log")).expect("symlink");
        house.say(&ToScribe::Clear { ask: 5, file: "logs/d.log".to_owned() });
        let failed = Some(("logs/d.log".to_owned(), "ELOOP".to_owned()));
        house.hear("refused", |message| *message == FromScribe::Did { ask: 5, failed: failed.clone() });
    }
}
