//! Lives that fall silent, that run as another user, and that speak on while everybody above them dies.

use crate::SOON;
use crate::notify::{says, speaker, until_said, up_beside};
use e2e::{App, House, Pause, app_file, is_root, skip, wait_until};
use rustix::process::Signal;
use std::time::Duration;

/// Says that it is alive until a file with its pid in the name is there; then nothing more.
const BEATING: &str = r#"
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
say = lambda words: s.sendto(words, os.environ["NOTIFY_SOCKET"])
print("watchdog", os.environ["WATCHDOG_USEC"], flush=True)
say(b"READY=1")
while not os.path.exists(sys.argv[1] + str(os.getpid())):
    say(b"WATCHDOG=1")
    time.sleep(0.05)
print("falls silent", flush=True)
time.sleep(1000)
"#;

/// Reads lines, and sends each to `NOTIFY_SOCKET` by its path, as programs do that do not keep a connection.
const BY_PATH: &str = r#"
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
print("speaks to", os.environ["NOTIFY_SOCKET"], "as", os.getuid(), flush=True)
for line in sys.stdin:
    s.sendto(line.rstrip("\n").encode().decode("unicode_escape").encode("latin1"), os.environ["NOTIFY_SOCKET"])
"#;

/// Waits until a life has been ended for this reason and another is there; the reason is shown to those who ask.
#[track_caller]
fn ended_for(house: &House, app: &str, reason: &str, before: Option<u32>) {
    let slot = format!("{app}-0");
    let after = house.until(&slot, SOON, "is another life", |row| row.pid.is_some() && row.pid != before);
    assert_eq!(after.restarts, 1, "{after:?}");
    let events = house.events(Some(app));
    let told = events.iter().find(|line| line.event == "faulted").unwrap_or_else(|| panic!("no fault in {events:#?}"));
    assert_eq!(told.reason.as_deref(), Some(reason));
    assert_eq!(told.data["fault"], "watchdog");
    assert_eq!(house.detail(app).slots[0].fault.as_deref(), Some(reason));
    let shown = house.abide(["status", app]).ok().out;
    assert!(shown.contains(&format!("last exit:    SIGTERM ({reason})\n")), "{shown}");
}

#[test]
fn who_falls_silent_is_restarted_and_the_reason_shown() {
    let house = House::new();
    let quiet = house.file("quiet-").display().to_string();
    let app = App::new("web", ["python3", "-c", BEATING, &quiet]).with("ready = { notify = true }");
    house.up(&app_file(&[app.with("watchdog = \"5s\"").with("stop_timeout = \"1s\"")]));
    house.until_logged("web-0", "out", "watchdog 5000000", SOON);
    // More than twice the span, and still the same life.
    let lives = house.until("web-0", SOON, "beats for a while", |row| row.uptime_ms.is_some_and(|age| age > 11_000));
    assert_eq!((lives.restarts, lives.status.word()), (0, "ready"), "{lives:?}");
    let pid = lives.pid.expect("it runs");
    house.write(&format!("quiet-{pid}"), "");
    ended_for(&house, "web", "no WATCHDOG=1 in time", Some(pid));
    house.until_status("web-0", "ready", SOON);
}

/// The steward does not run for a while, as on a machine that is overloaded or was halted: what was said meanwhile counts before the time that has passed.
#[test]
fn a_steward_that_was_held_up_hears_before_it_judges() {
    let house = House::new();
    let quiet = house.file("quiet-").display().to_string();
    let beats = App::new("beats", ["python3", "-c", BEATING, &quiet]).with("ready = { notify = true }\nwatchdog = \"9s\"");
    let app = |name: &str| speaker(&house, name).with("start_timeout = \"20s\"\nrestart = \"never\"");
    let up = up_beside(&house, &[beats, app("late")]);
    house.until_logged("late-0", "out", "speaks to", SOON);
    let before = house.until_status("beats-0", "ready", SOON);
    let [steward, ..] = house.roles(SOON);
    let input = format!("/proc/{}/fd/0", house.process("late-0").pid);
    assert!(steward.signal(Signal::STOP));
    // As `send` does, which needs the steward.
    std::fs::write(input, "READY=1\n").expect("it reads");
    Pause::measure(Duration::from_secs(21));
    assert!(steward.signal(Signal::CONT));
    house.until_status("late-0", "ready", SOON);
    up.ends_well();
    // It is watched as before.
    let age = before.uptime_ms.expect("it runs") + 24_000;
    let after = house.until("beats-0", SOON, "has beaten on", |row| row.uptime_ms.is_some_and(|is| is > age));
    assert_eq!((after.pid, after.restarts), (before.pid, 0));
    house.write(&format!("quiet-{}", after.pid.expect("it runs")), "");
    ended_for(&house, "beats", "no WATCHDOG=1 in time", after.pid);
}

#[test]
fn a_life_changes_its_watchdog_and_asks_for_a_restart() {
    let house = House::new();
    let apps = ["shorter", "longer", "trigger"].map(|name| {
        let watchdog = if name == "longer" { "watchdog = \"1s\"" } else { "watchdog = \"1h\"" };
        speaker(&house, name).with(watchdog)
    });
    let up = up_beside(&house, &apps);
    for app in ["shorter", "longer", "trigger"] {
        house.until_logged(&format!("{app}-0"), "out", "speaks to", SOON);
    }
    says(&house, "longer", r"WATCHDOG_USEC=3600000000\nREADY=1");
    says(&house, "shorter", "READY=1");
    says(&house, "trigger", "READY=1");
    let longer = house.until_status("longer-0", "ready", SOON);
    up.ends_well();
    let pid = |app: &str| house.slot(&format!("{app}-0")).pid;
    let (shorter, trigger) = (pid("shorter"), pid("trigger"));
    says(&house, "shorter", "WATCHDOG_USEC=300000");
    ended_for(&house, "shorter", "no WATCHDOG=1 in time", shorter);
    says(&house, "trigger", "WATCHDOG=trigger");
    ended_for(&house, "trigger", "it asked for a restart itself (WATCHDOG=trigger)", trigger);
    let age = longer.uptime_ms.expect("it runs") + 2500;
    let later =
        house.until("longer-0", SOON, "is much older than its key allows", |row| row.uptime_ms.is_some_and(|is| is > age));
    assert_eq!((later.pid, later.restarts), (longer.pid, 0));
}

#[test]
fn an_app_of_another_user_reaches_its_socket() {
    if !is_root() {
        return skip("user and notify", "only root can give away a process");
    }
    let house = House::new();
    let app = App::new("web", ["python3", "-c", BY_PATH]).with("user = \"nobody\"\ncwd = \"/\"");
    let up = up_beside(&house, &[app.with("ready = { notify = true }\nstdin = \"pipe\"\nstop_timeout = \"1s\"")]);
    let log = house.until_logged("web-0", "out", "speaks to", SOON);
    assert!(log.contains("speaks to /run/abide/") && log.ends_with(" as 65534\n"), "{log}");
    let socket = log.split(' ').nth(2).expect("its path").to_owned();
    house.until_status("web-0", "starting", SOON);
    says(&house, "web", r"STATUS=as nobody\nREADY=1");
    house.until_status("web-0", "ready", SOON);
    up.ends_well();
    until_said(&house, "web", "as nobody");
    // Another keeper makes it anew, and it is as open.
    let pid = house.slot("web-0").pid;
    assert!(house.roles(SOON)[2].kill());
    until_heard(&house, "web", "after the keeper");
    assert_eq!(house.slot("web-0").pid, pid);
    house.abide(["stop", "web"]).ok();
    assert!(!std::path::Path::new(&socket).exists(), "the socket of a life that is over");
    let folder = std::path::Path::new(&socket).parent().expect("of this home").to_owned();
    assert!(!folder.exists(), "it was the last of this home");
}

/// Says something until it is shown: the socket that it goes to may just be replaced.
#[track_caller]
fn until_heard(house: &House, app: &str, words: &str) {
    wait_until(SOON, &format!("{app} is heard: {words}"), || {
        // 4: the manager had read it and is being replaced; nobody knows whether it was done.
        let said = house.abide(["send", app, &format!("STATUS={words}")]);
        assert!(matches!(said.code, Some(0 | 4)), "{said:?}");
        house.detail(app).slots[0].said.as_deref().is_some_and(|said| said == words).then_some(())
    });
}

#[test]
fn they_are_heard_whoever_dies_above_them() {
    let house = House::new();
    let script = house.write("by_path.py", BY_PATH);
    let script = script.to_str().expect("plain");
    let loud = App::new("loud", ["python3", script]).with("ready = { notify = true }\nstdin = \"pipe\"\nstop_timeout = \"1s\"");
    let go = house.file("go").display().to_string();
    let wait = format!("until [ -e {go} ]; do sleep 0.02; done");
    let line = |to: &str| ["sh".to_owned(), "-c".to_owned(), format!("{wait}; echo >&{to}; exec sleep 1000")];
    let feed = App::new("feed", line("$READY_FD")).with("ready = { fd = \"auto\" }\nstop_timeout = \"1s\"");
    let exact = App::new("exact", line("7")).with("ready = { fd = 7 }\nstop_timeout = \"1s\"");
    let up = up_beside(&house, &[loud, feed, exact]);
    house.until_logged("loud-0", "out", "speaks to", SOON);
    let slots = ["loud-0", "feed-0", "exact-0"];
    let runs = |slot: &str| house.until(slot, SOON, "runs", |row| row.pid.is_some() && row.status.word() == "starting").pid;
    let pids = slots.map(runs);
    // Keeper, then steward, then all at once.
    assert!(house.roles(SOON)[2].kill());
    until_heard(&house, "loud", "the keeper is another");
    assert!(house.roles(SOON)[0].kill());
    until_heard(&house, "loud", "so is the steward");
    house.kill_roles();
    until_heard(&house, "loud", "so are all");
    house.write("go", "");
    says(&house, "loud", "READY=1");
    let after = slots.map(|slot| house.until_status(slot, "ready", SOON).pid);
    assert_eq!(pids, after, "the same lives");
    up.ends_well();
    assert!(house.abide(["stop", "all"]).ok().took < Duration::from_secs(30));
}
