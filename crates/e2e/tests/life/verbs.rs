//! `reset`, `signal`, `wait`, and how long `up` and `start` wait.

use crate::SOON;
use api::{EventLine, Operation, OperationKind, Outcome, SignalDone, SlotRow};
use e2e::{App, Done, House, app_file, run, state_of, wait_until};
use std::fs::File;
use std::process::Stdio;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A puppet that fails with 7 until the file `good` is there, and is given up at the first failure. It counts as
/// running once it has lived for a while, so that whoever waits sees the failure.
fn fragile(house: &House, name: &str) -> App {
    let (starts, good) = (house.file("starts"), house.file("good"));
    let script = format!("note:{} eprint:no-database-here need:{}:7 hang", starts.display(), good.display());
    App::puppet(name, &house.puppet(), &script).with("max_restarts = 0\nmin_uptime = \"3s\"")
}

/// Runs a command beside the test.
fn beside(house: &House, args: &[&str]) -> JoinHandle<Done> {
    let command = house.command(args);
    std::thread::spawn(move || run(command, SOON))
}

fn named(house: &House, app: &str, event: &str) -> Vec<EventLine> {
    house.events(Some(app)).into_iter().filter(|line| line.event == event).collect()
}

fn exit_code(row: &SlotRow) -> Option<i32> {
    row.exit.as_ref().and_then(|exit| exit.code)
}

#[test]
fn reset_tries_again_what_was_given_up_and_leaves_the_rest_alone() {
    let house = House::new();
    let job = App::puppet("job", &house.puppet(), &format!("note:{} exit:0", house.file("jobs").display()));
    let web = App::puppet("web", &house.puppet(), "hang");
    house.write("abide.toml", app_file(&[fragile(&house, "db"), web, job]));
    house.abide(["up"]);
    house.until_status("db-0", "errored", SOON);
    house.until_status("job-0", "completed", SOON);
    // It fails again: the command says so, with its last words.
    house.abide(["reset", "db"]).code(1).says(&["db-0", "exit code 7", "no-database-here", "abide logs db"]);
    house.until_status("db-0", "errored", SOON);
    assert_eq!(house.notes("starts").len(), 2);

    house.write("good", "");
    let web = house.process("web-0");
    assert!(web.kill());
    house.until("web-0", SOON, "runs again", |row| row.restarts == 1 && row.pid.is_some_and(|pid| pid != web.pid));
    let web = house.process("web-0");
    let done: Operation = house.abide(["reset", "all", "--json"]).ok().json();
    assert_eq!(done.kind, OperationKind::Reset);
    let tried: Vec<&str> = done.slots.iter().map(|slot| slot.slot.as_str()).collect();
    assert_eq!((tried, done.slots[0].outcome), (vec!["db-0"], Outcome::Ok), "only what was given up is waited for");
    assert_eq!(house.slot("db-0").status.word(), "running");
    assert_eq!((house.process("web-0"), house.slot("web-0").restarts), (web, 0));
    assert_eq!((house.slot("job-0").status.word(), house.notes("jobs").len()), ("completed", 1), "its work is done");
    house.abide(["reset", "web"]).ok().says(&["nothing had been given up"]);
    house.abide(["stop", "web"]).ok();
    house.abide(["reset", "web"]).ok();
    assert_eq!(house.slot("web-0").status.word(), "stopped");
    house.abide(["reset", "wep"]).code(1).says(&["web"]);
    assert!(named(&house, "db", "reset").len() == 2 && !named(&house, "web", "reset").is_empty());

    // It is not only this manager that has forgotten it.
    house.abide(["daemon", "stop"]).ok();
    house.abide(["daemon", "start"]).ok();
    house.until_status("db-0", "running", SOON);
}

#[test]
fn signals_go_to_what_runs_and_its_end_is_nobody_s_wish() {
    let house = House::new();
    let terms = house.file("terms");
    let deaf = App::puppet("deaf", &house.puppet(), &format!("ignore term-note:{} print:ready hang", terms.display()));
    house.up(&app_file(&[App::puppet("web", &house.puppet(), "hang").with("instances = 2"), deaf]));
    house.until_logged("deaf-0", "out", "ready", SOON);
    let [first, second] = [house.process("web-0"), house.process("web-1")];
    house.abide(["signal", "HUP", "web-0"]).ok().says(&["SIGHUP sent to web-0", &first.pid.to_string()]);
    let row = house.until("web-0", SOON, "runs again", |row| row.pid.is_some_and(|pid| pid != first.pid));
    assert_eq!((row.restarts, row.exit.and_then(|exit| exit.signal).as_deref()), (1, Some("SIGHUP")));
    assert!(second.alive(), "nobody else was touched");

    let deaf = house.process("deaf-0");
    let done: SignalDone = house.abide(["kill", "-15", "deaf", "web-1", "--json"]).ok().json();
    assert_eq!(done.signal.to_string(), "SIGTERM");
    let sent: Vec<(&str, u32)> = done.sent.iter().map(|sent| (sent.slot.as_str(), sent.pid)).collect();
    assert_eq!(sent, [("web-1", second.pid), ("deaf-0", deaf.pid)]);
    wait_until(SOON, "it was heard", || (house.notes("terms").len() == 1).then_some(()));
    assert!(deaf.alive() && house.slot("deaf-0").status.word() == "running", "what it makes of it is its own affair");

    // A stopped process stays stopped: nothing is sent along.
    house.abide(["signal", "SIGSTOP", "deaf"]).ok();
    wait_until(SOON, "it is stopped", || state_of(deaf.pid).filter(|(state, _)| *state == 'T'));
    house.abide(["signal", "CONT", "deaf"]).ok();
    wait_until(SOON, "it goes on", || state_of(deaf.pid).filter(|(state, _)| *state != 'T'));
    house.abide(["signal", "KILL", "deaf"]).ok();
    house.until("deaf-0", SOON, "runs again", |row| row.pid.is_some_and(|pid| pid != deaf.pid));

    let told = named(&house, "deaf", "signalled");
    let signals: Vec<&str> = told.iter().filter_map(|line| line.reason.as_deref()).collect();
    assert_eq!(signals, ["SIGTERM", "SIGSTOP", "SIGCONT", "SIGKILL"]);
    assert!(told.iter().all(|line| line.actor.starts_with("uid ") && line.data["pid"] == deaf.pid && line.instance.is_some()));
}

#[test]
fn a_signal_that_reaches_nobody_is_a_no() {
    let house = House::new();
    house.up(&app_file(&[App::puppet("web", &house.puppet(), "hang")]));
    house.abide(["stop", "web"]).ok();
    house.abide(["signal", "HUP", "web"]).code(1).says(&["does not run", "abide list"]);
    house.abide(["signal", "HUP", "wep"]).code(1).says(&["wep", "web"]);
    house.abide(["signal", "HOP", "web"]).code(2).says(&["HOP", "not a signal"]);
    house.abide(["signal", "web", "HUP"]).code(2).says(&["not a signal"]);
    house.abide(["sginal", "HUP", "web"]).code(2).says(&["signal"]);
    assert!(named(&house, "web", "signalled").is_empty());
}

#[test]
fn events_of_several_selectors() {
    let house = House::new();
    let puppet = |name: &str| App::puppet(name, &house.puppet(), "hang");
    house.up(&app_file(&[puppet("web").with("instances = 2"), puppet("api"), puppet("db")]));
    house.abide(["delete", "db"]).ok();
    let slots = |words: &[&str]| {
        let lines = house.abide([&["events"], words, &["--json"]].concat()).ok().out;
        let lines = lines.lines().map(|line| serde_json::from_str::<EventLine>(line).expect("an event"));
        lines.filter(|line| line.event == "running").filter_map(|line| line.slot).collect::<std::collections::BTreeSet<_>>()
    };
    let want = |names: &[&str]| names.iter().map(ToString::to_string).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(slots(&["web", "api"]), want(&["web-0", "web-1", "api-0"]));
    assert_eq!(slots(&["web-1"]), want(&["web-1"]));
    assert_eq!(slots(&["w*", "db"]), want(&["web-0", "web-1", "db-0"]), "what was deleted has events, too");
    assert_eq!(slots(&["ns:default"]), want(&["web-0", "web-1", "api-0"]));
    assert_eq!(slots(&["all"]), want(&["web-0", "web-1", "api-0", "db-0"]));
    house.abide(["events", "wep"]).code(1).says(&["no app, slot or id matches `wep`", "web"]);
    house.abide(["events", "web", "nosuch"]).code(1).says(&["nosuch"]);
}

#[test]
fn wait_looks_and_wishes_nothing() {
    let house = House::new();
    let go = house.file("go");
    let job = App::puppet("job", &house.puppet(), &format!("until:{} exit:0", go.display()));
    house.up(&app_file(&[job, App::puppet("web", &house.puppet(), "hang"), fragile(&house, "db").with("autostart = false")]));
    let seq = house.events(None).last().expect("events").seq;
    house.abide(["wait", "web", "job"]).ok().says(&["web-0", "running"]);
    house
        .abide(["wait", "web", "--for", "stopped", "--timeout", "300ms"])
        .code(1)
        .says(&["not stopped after", "web-0 (running)"]);
    let late: Operation = {
        let done = house.abide(["wait", "all", "--for", "exit", "--timeout", "100ms", "--json"]).code(1);
        done.json()
    };
    assert!(late.kind == OperationKind::Wait && late.slots.iter().any(|slot| slot.outcome == Outcome::Pending), "{late:?}");
    house.abide(["wait", "db"]).code(1).says(&["db-0: stopped", "abide start db"]);
    house.abide(["wait", "wep"]).code(1).says(&["web"]);
    assert_eq!(house.events(None).last().expect("events").seq, seq, "nothing has happened");

    let waits: Vec<_> =
        ["ready", "stopped", "exit"].map(|what| beside(&house, &["wait", "job", "--for", what, "--json"])).into_iter().collect();
    house.write("go", "");
    let [ready, stopped, exit] = waits.try_into().expect("three");
    // It ran, or had completed, when this one was asked.
    assert!(matches!(ready.join().expect("it ended").code, Some(0 | 1)));
    stopped.join().expect("it ended").ok();
    let exit: Operation = exit.join().expect("it ended").ok().json();
    assert_eq!(exit.slots[0].exit.as_ref().and_then(|exit| exit.code), Some(0), "{exit:?}");
    assert_eq!(exit_code(&house.slot("job-0")), Some(0));
    house.abide(["wait", "job"]).code(1).says(&["not ready and will not be: job", "completed"]);
}

#[test]
fn wait_for_ready_ends_when_it_was_given_up() {
    let house = House::new();
    let go = house.file("go");
    let script = format!("print:hello until:{} eprint:out-of-luck exit:7", go.display());
    let app = App::puppet("db", &house.puppet(), &script).with("max_restarts = 0\nready = { after = \"1h\" }");
    house.write("abide.toml", app_file(&[app]));
    house.abide(["start", "abide.toml", "--no-wait"]).ok();
    house.until_logged("db-0", "out", "hello", SOON);
    assert_eq!(house.slot("db-0").status.word(), "starting");
    let wait = beside(&house, &["wait", "db"]);
    house.write("go", "");
    wait.join().expect("it ended").code(1).says(&["db-0", "exit code 7", "out-of-luck", "not ready and will not be: db"]);
}

#[test]
fn a_wait_misses_no_end_when_the_manager_dies() {
    let house = House::new();
    house.up(&app_file(&[App::puppet("web", &house.puppet(), "hang"), App::puppet("job", &house.puppet(), "exit:0")]));
    house.until_status("job-0", "completed", SOON);
    let (web, [steward, ..]) = (house.process("web-0"), house.roles(SOON));
    let mut command = house.command(["wait", "web", "job", "--for", "exit", "--json"]);
    let file = |name: &str| File::create(house.file(name)).expect("a file in our own folder");
    let mut wait = command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err")).spawn().expect("abide runs");
    // So it has been asked, and knows which life of web is meant.
    wait_until(SOON, "the wait has its first answer", || house.read("err").contains("job-0").then_some(()));
    // The successor finds the next life of web at once, or none.
    assert!(steward.kill() && web.kill());
    let [successor, ..] = house.roles(SOON);
    assert_ne!(steward, successor);
    let code = wait_until(SOON, "the wait ends", || wait.try_wait().expect("our own child"));
    assert_eq!(code.code(), Some(0), "{}", house.read("err"));
    let done: Operation = serde_json::from_str(&house.read("out")).expect("one document");
    let ended = done.slots.iter().find(|slot| slot.slot == "web-0").and_then(|slot| slot.exit.clone());
    assert_eq!(ended.and_then(|exit| exit.signal).as_deref(), Some("SIGKILL"), "{done:?}");
    house.until("web-0", SOON, "runs again", |row| row.pid.is_some_and(|pid| pid != web.pid));
}

#[test]
fn up_and_start_wait_until_it_is_ready() {
    let house = House::new();
    let app = |name: &str| App::puppet(name, &house.puppet(), "hang").with("ready = { after = \"700ms\" }");
    let begun = Instant::now();
    house.up(&app_file(&[app("web")]));
    assert!(begun.elapsed() >= Duration::from_millis(700), "{:?}", begun.elapsed());
    assert_eq!(house.slot("web-0").status.word(), "ready");
    assert!(!named(&house, "web", "ready").is_empty());
    for command in [&["restart", "web"][..], &["start", "--wait-ready", "web"]] {
        house.abide(["stop", "web"]).ok();
        let done = house.abide(command).ok();
        assert!(done.took >= Duration::from_millis(700), "{done:?}");
    }
    // One that is surely not ready yet.
    let until = format!("until:{} print:at-last hang", house.file("go").display());
    let late = App::puppet("late", &house.puppet(), &until).with("ready = { log = \"at-last\" }");
    house.write("late.toml", app_file(&[late]));
    house.abide(["up", "late.toml", "--no-wait"]).ok();
    house.abide(["start", "--wait-timeout", "100ms", "late"]).code(1).says(&["not done after", "starting"]);
    house.write("go", "");
    house.abide(["wait", "late"]).ok().says(&["late-0", "ready"]);
}

#[test]
fn not_ready_in_time_says_why() {
    let house = House::new();
    let app = App::puppet("web", &house.puppet(), "print:still-loading hang");
    let app = app.with("ready = { log = \"nothing of the kind\" }\nstart_timeout = \"4s\"\nmax_restarts = 0");
    house.write("abide.toml", app_file(&[app]));
    house.abide(["up"]).code(1).says(&["web-0", "start_timeout", "still-loading", "failed to start: web"]);
    house.until_status("web-0", "errored", SOON);
    house.abide(["start", "web"]).code(1).says(&["web-0", "start_timeout", "still-loading"]);
    let detail = house.detail("web");
    assert!(detail.slots[0].fault.as_deref().is_some_and(|fault| fault.contains("start_timeout")), "{detail:#?}");
}

#[test]
fn who_waits_for_what_never_comes_is_said() {
    let house = House::new();
    let web = App::puppet("web", &house.puppet(), "hang").with("depends_on = [\"db\"]");
    house.write("abide.toml", app_file(&[fragile(&house, "db"), web]));
    house.abide(["up"]).code(1).says(&["db-0", "exit code 7", "web-0: waiting: db", "failed to start: db, web"]);
    assert_eq!(house.slot("web-0").status.word(), "waiting");
    house.abide(["wait", "web"]).code(1).says(&["web-0: waiting: db"]);
    let shown = house.abide(["status", "web"]).ok().out;
    assert!(shown.contains("depends on") && shown.contains("not yet: db"), "{shown}");
    assert!(house.detail("web").depends_on.iter().any(|need| need.app == "db" && !need.holds));
    // One that is only slow is waited for; and it comes by itself.
    let wait = beside(&house, &["wait", "db", "--for", "exit"]);
    wait.join().expect("it ended").ok();
    house.write("good", "");
    house.abide(["reset", "db"]).ok();
    house.abide(["wait", "web"]).ok();
    assert_eq!(house.slot("web-0").status.word(), "running");
    assert!(house.abide(["status", "web"]).ok().out.contains("holds"));
}

#[test]
fn apps_of_two_files_that_wait_for_each_other_are_refused() {
    let house = House::new();
    let app = |name: &str, needs: &str| {
        app_file(&[App::puppet(name, &house.puppet(), "hang").with(&format!("depends_on = [\"{needs}\"]"))])
    };
    house.write("one.toml", app("one", "two"));
    house.write("two.toml", app("two", "one"));
    house.abide(["up", "one.toml"]).code(1).says(&["one-0: waiting: two is not defined"]);
    house.abide(["up", "two.toml"]).code(1).says(&["one → two → one", "remove one of these"]);
    assert_eq!(house.list().len(), 1, "nothing of the refused file is there");
    // What is defined anew counts as it is written now.
    house.write("one.toml", app_file(&[App::puppet("one", &house.puppet(), "hang")]));
    house.abide(["up", "one.toml", "two.toml"]).ok();
}
