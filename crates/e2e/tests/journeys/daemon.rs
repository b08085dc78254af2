//! The manager's own life.

use crate::SOON;
use e2e::{App, House, app_file, wait_until};
use std::process::Stdio;

#[test]
fn daemon_stop_is_orderly_and_start_brings_back_what_was_wished() {
    let house = House::new();
    let terms = house.file("terms");
    let app = |name: &str| App::puppet(name, &house.puppet(), &format!("term-note:{} print:ready hang", terms.display()));
    let all: Vec<App> = ["one", "two", "three", "four"].into_iter().map(app).collect();
    house.up(&app_file(&all));
    for name in ["one", "two", "three", "four"] {
        house.until_logged(&format!("{name}-0"), "out", "ready", SOON);
    }
    house.abide(["stop", "two"]).ok();
    let before = house.events(None).last().map_or(0, |e| e.seq);
    let roles = house.roles(SOON);
    house.abide(["daemon", "stop"]).ok();
    // The lock, for which `daemon stop` waits, is let go a moment before the process that held it is off the list.
    wait_until(SOON, "the roles are gone", || roles.iter().all(|r| !r.alive()).then_some(()));
    assert_eq!(house.members(), [], "nothing is left");
    assert!(house.daemon().is_none());
    assert_eq!(house.notes("terms").len(), 4);

    // Stopped by wish: looking starts nothing.
    assert_eq!(house.list(), []);
    house.abide(["status", "one"]).code(4).says(&["stopped", "daemon start"]);
    house.abide(["events"]).code(4);
    assert_eq!(house.members(), []);

    house.abide(["daemon", "start"]).ok();
    for name in ["one", "three", "four"] {
        house.until_status(&format!("{name}-0"), "running", SOON);
    }
    assert_eq!(house.slot("two-0").status.word(), "stopped", "a stopped app stays stopped");
    let events = house.events(None);
    let stopping: Vec<&str> =
        events.iter().filter(|e| e.seq > before && e.event == "stopping").filter_map(|e| e.app.as_deref()).collect();
    assert_eq!(stopping, ["four", "three", "one"], "{events:#?}");

    // `up` starts every app of the file again.
    house.abide(["up"]).ok();
    assert_eq!(house.slot("two-0").status.word(), "running");
}

#[test]
fn up_after_daemon_stop_brings_back_the_others_too() {
    let house = House::new();
    house.abide(["start", &format!("{} hang", house.puppet()), "--name", "other"]).ok();
    house.abide(["daemon", "stop"]).ok();
    house.up(&app_file(&[App::puppet("web", &house.puppet(), "hang")]));
    house.until_status("web-0", "running", SOON);
    house.until_status("other-0", "running", SOON);
}

#[test]
fn daemon_status_says_who_is_there() {
    let house = House::new();
    let none = house.abide(["daemon", "status", "--json"]).code(4);
    assert_eq!(none.json::<serde_json::Value>(), serde_json::json!({"running": false}));
    assert!(!house.home().exists(), "looking makes no home");
    house.abide(["daemon", "start"]).ok();
    // It answers as soon as there is a steward.
    let status = wait_until(SOON, "the scribe is there, too", || house.daemon().filter(|status| status.scribe.is_some()));
    let [steward, scribe, keeper] = house.roles(SOON);
    assert_eq!(status.steward.pid, steward.pid);
    assert_eq!(status.keeper.pid, keeper.pid);
    assert_eq!(status.scribe.map(|s| s.pid), Some(scribe.pid));
    assert_eq!(status.home, house.home().to_string_lossy());
    assert_eq!(status.read_only, None);
    house.abide(["daemon", "start"]).ok();
    assert_eq!(house.roles(SOON), [steward, scribe, keeper], "starting what runs changes nothing");
}

#[test]
fn row_10_twenty_calls_on_a_cold_home_start_one_keeper() {
    for round in 0..5 {
        let house = House::new();
        let call = |n: usize| {
            let mut command = match n % 4 {
                0 => house.command(["daemon", "start"]),
                1 => house.command(["start", &format!("{} hang", house.puppet()), "--name", &format!("a{n}")]),
                2 => house.command(["list", "--json"]),
                _ => house.command(["start", &format!("{} hang", house.puppet()), "--name", &format!("b{n}"), "--no-wait"]),
            };
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().expect("abide can be run")
        };
        let calls: Vec<_> = (0..20).map(call).collect();
        for (n, call) in calls.into_iter().enumerate() {
            let done = call.wait_with_output().expect("our own child");
            assert!(done.status.success(), "round {round}, call {n}: {}", String::from_utf8_lossy(&done.stderr));
        }
        let [_, _, keeper] = house.roles(SOON);
        assert_eq!(house.list().len(), 10, "round {round}: every wish was kept");
        wait_until(SOON, "those that lost are gone", || (house.role("abide-keeper") == [keeper]).then_some(()));
        assert_eq!(house.events(None).iter().filter(|e| e.event == "manager.started").count(), 1, "round {round}");
    }
}

#[test]
fn daemon_run_is_the_manager_in_the_foreground() {
    let house = House::new();
    let mut command = house.command(["daemon", "run"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut run = command.spawn().expect("abide can be run");
    wait_until(SOON, "it answers", || house.daemon());
    assert!(run.try_wait().expect("our own child").is_none(), "it stays in the foreground");
    house.abide(["start", &format!("{} hang", house.puppet()), "--name", "web"]).ok();
    house.abide(["daemon", "run"]).code(1).says(&["runs already", "abide daemon status"]);
    house.abide(["daemon", "stop"]).ok();
    let ended = wait_until(SOON, "the foreground ends", || run.try_wait().expect("our own child"));
    assert!(ended.success(), "{ended}");
}

#[test]
fn logs_and_events_can_be_followed() {
    let house = House::new();
    house.up(&app_file(&[App::puppet(
        "talker",
        &house.puppet(),
        &format!("print:first until:{} print:second hang", house.file("go").display()),
    )]));
    house.until_logged("talker-0", "out", "first", SOON);
    let mut command = house.command(["logs", "talker", "-f", "--json"]);
    let out = std::fs::File::create(house.file("followed")).expect("a file of ours");
    command.stdin(Stdio::null()).stdout(out).stderr(Stdio::null());
    let mut follow = command.spawn().expect("abide can be run");
    wait_until(SOON, "the past is shown", || house.read("followed").contains("first").then_some(()));
    house.write("go", "");
    wait_until(SOON, "what is new is shown", || house.read("followed").contains("second").then_some(()));
    assert_eq!(house.notes("followed").len(), 2);
    follow.kill().expect("our own child");
    follow.wait().expect("our own child");
}
