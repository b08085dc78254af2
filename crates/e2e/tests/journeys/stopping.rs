//! Ends that were asked for.

use crate::SOON;
use e2e::{App, House, Proc, app_file, wait_until};
use std::time::{Duration, Instant};

#[test]
fn row_34_stop_ends_the_whole_tree() {
    let house = House::new();
    let starts = house.file("starts");
    let note = format!("note:{}", starts.display());
    let script = format!(
        "{note} ignore spawn{{ setsid ignore {note} spawn{{ setsid ignore {note} hang }} hang }} \
         double{{ setsid ignore {note} quiet hang }} bare{{ ignore {note} hang }} hang"
    );
    let app = App::puppet("stubborn", &house.puppet(), &script).with("stop_timeout = \"500ms\"");
    let apps = app_file(&[app, App::puppet("other", &house.puppet(), "hang")]);
    // What others have is so long that nobody takes it for the app's own, however busy the machine is.
    house.up(&format!("{apps}[defaults]\nstop_timeout = \"120s\"\n"));
    let other = house.process("other-0");
    wait_until(SOON, "all five are there", || (house.notes("starts").len() == 5).then_some(()));
    let tree: Vec<Proc> = house.notes("starts").iter().map(|n| pid_of(n)).map(|pid| Proc::find(pid).expect("it lives")).collect();
    let begun = Instant::now();
    house.abide(["stop", "stubborn"]).ok();
    let took = begun.elapsed();
    let left: Vec<&Proc> = tree.iter().filter(|p| p.alive()).collect();
    assert!(left.is_empty(), "alive after stop: {left:?} of {tree:?}");
    assert!(took >= Duration::from_millis(500) && took < SOON, "its own timeout: {took:?}");
    let row = house.slot("stubborn-0");
    assert_eq!((row.status.word(), row.pid), ("stopped", None));
    assert!(other.alive(), "nobody else was touched");
    let events = house.events(Some("stubborn"));
    assert!(events.iter().any(|e| e.event == "killing"), "{events:#?}");
}

fn pid_of(note: &str) -> u32 {
    note.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a note ends with a pid")
}

#[test]
fn an_app_is_asked_once_and_may_take_its_time() {
    let house = House::new();
    let terms = house.file("terms");
    let app = App::puppet("polite", &house.puppet(), &format!("term-note:{} print:ready hang", terms.display()));
    house.up(&app_file(&[app]));
    house.until_logged("polite-0", "out", "ready", SOON);
    house.abide(["stop", "polite"]).ok();
    assert_eq!(house.notes("terms").len(), 1, "one SIGTERM");
    let row = house.slot("polite-0");
    assert_eq!(row.status.word(), "stopped");
    assert_eq!(row.exit.as_ref().and_then(|e| e.code), Some(0), "{row:?}");
    house.abide(["stop", "polite"]).ok();
    house.abide(["start", "polite"]).ok();
    assert_eq!(house.until_status("polite-0", "running", SOON).restarts, 0);
}

#[test]
fn stop_signal_is_what_was_asked_for() {
    let house = House::new();
    // The puppet exits with 98 on SIGINT, with 0 on SIGTERM.
    let app = App::puppet("a", &house.puppet(), &format!("term-note:{} print:ready hang", house.file("terms").display()));
    house.up(&app_file(&[app.with("stop_signal = \"INT\"")]));
    house.until_logged("a-0", "out", "ready", SOON);
    house.abide(["stop", "a"]).ok();
    assert_eq!(house.slot("a-0").exit.as_ref().and_then(|e| e.code), Some(98));
    assert_eq!(house.notes("terms").len(), 0);
}

#[test]
fn delete_forgets_but_keeps_the_log() {
    let house = House::new();
    house.up(&app_file(&[App::puppet("gone", &house.puppet(), "print:farewell hang")]));
    house.until_logged("gone-0", "out", "farewell", SOON);
    let process = house.process("gone-0");
    let id = house.slot("gone-0").id;
    house.abide(["delete", "gone"]).ok();
    assert!(!process.alive());
    assert_eq!(house.list().len(), 0);
    assert_eq!(house.log_bytes("gone-0", "out"), b"farewell\n");
    house.abide(["up"]).ok();
    assert_ne!(house.slot("gone-0").id, id, "the numbers of slots are never used again");
}

#[test]
fn restart_and_a_changed_file_bear_another_life() {
    let house = House::new();
    let app = |word: &str| app_file(&[App::puppet("web", &house.puppet(), &format!("print:{word} hang"))]);
    house.up(&app("one"));
    let first = house.process("web-0");
    house.abide(["restart", "web"]).ok();
    let second = house.process("web-0");
    assert!(!first.alive() && second.alive() && first != second);
    assert_eq!(house.slot("web-0").restarts, 0, "asked for, so not counted");
    house.abide(["up"]).ok();
    assert_eq!(house.process("web-0"), second, "unchanged");
    house.up(&app("two"));
    assert!(!second.alive());
    house.until_logged("web-0", "out", "two\n", SOON);
    // What does not shape the process is applied to the life that runs.
    let third = house.process("web-0");
    house.write("abide.toml", format!("{}\nstop_timeout = \"3s\"\n", app("two")));
    house.abide(["up"]).ok();
    assert_eq!(house.process("web-0"), third);
}

#[test]
fn slots_grow_and_shrink_with_the_file() {
    let house = House::new();
    let app = |n: u32| app_file(&[App::puppet("web", &house.puppet(), "env:INSTANCE_ID hang").with(&format!("instances = {n}"))]);
    house.up(&app(3));
    let rows = house.list();
    assert_eq!(rows.iter().map(|r| r.slot.as_str()).collect::<Vec<_>>(), ["web-0", "web-1", "web-2"]);
    let keep = house.process("web-0");
    for n in 0..3 {
        house.until_logged(&format!("web-{n}"), "out", &format!("INSTANCE_ID={n}\n"), SOON);
    }
    let gone = house.process("web-2");
    house.up(&app(1));
    wait_until(SOON, "one slot is left", || (house.list().len() == 1).then_some(()));
    assert!(keep.alive() && !gone.alive());
    // A single slot can be stopped.
    house.up(&app(2));
    house.abide(["stop", "web-1"]).ok();
    assert_eq!(house.slot("web-1").status.word(), "stopped");
    assert!(keep.alive());
}
