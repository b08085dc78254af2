//! The scribe's own life: asleep, signalled, orphaned, dismissed, contradicted.

use super::flood::cpu;
use super::house::{House, hold, id, never, print, until};
use model::{FromScribe, ToScribe};
use std::process::Command;
use std::time::Duration;

const FILE: &str = "logs/web-0.out.log";

/// Times it went to sleep, and processor time used: who spins never sleeps.
pub fn wake_ups(pid: u32) -> (u64, Duration) {
    (switches(pid), cpu(pid))
}

/// Waits until a scribe sleeps without waking up.
pub fn until_idle(house: &House) {
    let pid = house.pid();
    until("no wake-ups in a third of a second", || {
        let before = wake_ups(pid);
        // What is measured, not a synchronisation.
        std::thread::sleep(Duration::from_millis(300));
        wake_ups(pid) == before
    });
}

fn switches(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).expect("a line");
    line.rsplit('\t').next().and_then(|count| count.parse().ok()).expect("a number")
}

/// Unborn without writers, unborn after its writer has gone, born with a writer that is silent, waiting for nobody.
pub fn idle_means_no_wake_ups() {
    let mut house = House::new();
    drop(house.app(1));
    let gone = house.app(2);
    let mut silent = house.app(3);
    for (n, born) in [(1, false), (2, false), (3, true)] {
        house.open(n, &format!("logs/app-{n}.log"), never(), born);
        house.hear_opened(n);
    }
    drop(gone);
    print(&mut silent, "then silence\n");
    house.until_reads("logs/app-3.log", "then silence\n");
    until_idle(&house);
    // And it still wakes for all of them.
    for n in [1, 2] {
        let mut app = hold(&house.path(&house.fifo(n)));
        print(&mut app, "born after all\n");
        house.say(&ToScribe::Born { id: id(n) });
        drop(app);
        assert_eq!(house.hear_sealed(n), (15, 15, false));
    }
}

pub fn signals_end_it_with_zero() {
    for signal in ["TERM", "INT", "HUP"] {
        let mut house = House::new();
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(house.pid().to_string()).status().expect("kill");
        assert!(sent.success());
        assert_eq!(house.exited().code(), Some(0), "{signal}");
    }
}

pub fn keeper_gone() {
    let mut house = House::empty();
    // A copy of ourselves with a keeper beside it that leaves a trace.
    let folder = house.path("bin");
    std::fs::create_dir(&folder).expect("mkdir");
    std::fs::copy(&house.exe, folder.join("abide-scribe")).expect("copy");
    std::fs::write(folder.join("abide-keeper"), "#!/bin/sh\necho \"$@\" > \"$2/trace.new\"; mv \"$2/trace.new\" \"$2/trace\"\n")
        .expect("write");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder.join("abide-keeper"), std::fs::Permissions::from_mode(0o755)).expect("chmod");
    house.exe = folder.join("abide-scribe");
    house.start();
    let mut greeting = [0; 64];
    let length = sys::stream::receive(house.keeper.as_ref().expect("alive"), &mut greeting).expect("receive");
    assert_eq!(length, sys::stream::Received::Message(16));
    assert_eq!(&greeting[..16], b"dialect\t2\nhello\n");
    house.end_keeper();
    assert_eq!(house.exited().code(), Some(0));
    until("a new keeper", || house.read("trace") == format!("--home {}\n", house.home.path().display()));
    assert!(!sys::lock::is_held(&house.path("run/scribe.lock")).expect("lock"));

    let mut house = House::empty();
    house.exe = folder_of_stopped(&house);
    house.start();
    std::fs::write(house.path("stopped"), "").expect("write");
    house.end_keeper();
    assert_eq!(house.exited().code(), Some(0));
    // The second keeper would have been started before the scribe ended; it would need only this long to leave its trace.
    std::thread::sleep(Duration::from_millis(50));
    assert!(!house.path("trace").exists());
}

fn folder_of_stopped(house: &House) -> std::path::PathBuf {
    let folder = house.path("bin");
    std::fs::create_dir(&folder).expect("mkdir");
    std::fs::copy(&house.exe, folder.join("abide-scribe")).expect("copy");
    std::fs::write(folder.join("abide-keeper"), "#!/bin/sh\ntouch \"$2/trace\"\n").expect("write");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder.join("abide-keeper"), std::fs::Permissions::from_mode(0o755)).expect("chmod");
    folder.join("abide-scribe")
}

pub fn finish() {
    let mut house = House::new();
    let (mut ended, mut runs) = (house.app(1), house.app(2));
    // Said while the scribe has no time to look in between: both are found by `Finish` itself.
    print(&mut ended, "last words");
    print(&mut runs, "still here\n");
    house.open(1, "logs/one.log", never(), true);
    house.open(2, "logs/two.log", never(), true);
    drop(ended);
    house.say(&ToScribe::Finish);
    assert_eq!(house.hear_sealed(1), (11, 10, true));
    assert_eq!(house.exited().code(), Some(0));
    assert_eq!(house.read("logs/two.log"), "still here\n");
    assert!(house.heard().iter().all(|one| !matches!(one, FromScribe::Sealed { .. })));
}

pub fn sealed_again() {
    let mut house = House::new();
    let mut app = house.app(1);
    house.open(1, FILE, never(), false);
    house.hear_opened(1);
    print(&mut app, "one\n");
    drop(app);
    house.say(&ToScribe::Born { id: id(1) });
    house.say(&ToScribe::Ended { id: id(1) });
    let first = house.hear_sealed(1);
    house.open(1, FILE, never(), true);
    assert_eq!(house.hear_sealed(1), first);
    // Another scribe finds no FIFO: it was sealed and released before.
    std::fs::remove_file(house.path(&house.fifo(1))).expect("unlink");
    house.kill();
    house.start();
    house.open(1, FILE, never(), true);
    assert_eq!(house.hear_sealed(1), (4, 0, false));
    // Not born and closed: no word at all.
    let _app = house.app(2);
    house.open(2, FILE, never(), false);
    house.hear_opened(2);
    house.say(&ToScribe::Close { id: id(2) });
    house.open(3, FILE, never(), true);
    house.hear_sealed(3);
    // Life 0 is the manager itself, whose log the scribe opens unasked.
    let heard: Vec<FromScribe> = house.heard().into_iter().filter(|one| *one != FromScribe::Opened { id: id(0) }).collect();
    assert!(heard.is_empty(), "{heard:?}");
}

pub fn nonsense_is_ignored() {
    let house = House::new();
    let mut app = house.app(1);
    house.say_raw(b"{");
    house.say_raw(&[0xff; 100]);
    house.say_raw(&vec![b'x'; model::LINK_MESSAGE_LIMIT + 1]);
    house.say_raw(br#"{"say":"dance"}"#);
    house.say(&ToScribe::Born { id: id(77) });
    house.say(&ToScribe::Close { id: id(77) });
    house.say(&ToScribe::Rotate { file: "nowhere".to_owned() });
    house.open(1, FILE, never(), true);
    print(&mut app, "alive\n");
    house.until_reads(FILE, "alive\n");
}

pub fn grew_while_watched() {
    let mut house = House::new();
    let mut app = house.app(1);
    house.open(1, FILE, never(), true);
    print(&mut app, "one\n");
    house.until_reads(FILE, "one\n");
    assert!(house.heard().iter().all(|one| !matches!(one, FromScribe::Grew { .. })));
    house.say(&ToScribe::Watch { on: true });
    for n in 0..100 {
        print(&mut app, &format!("{n:03}\n"));
    }
    let file = FILE.to_owned();
    house.hear("the last growth", |message| *message == FromScribe::Grew { file: file.clone(), size: 404 });
    house.say(&ToScribe::Watch { on: false });
}
