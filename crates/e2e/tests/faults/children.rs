//! What children do.

use crate::SOON;
use e2e::{App, House, Pause, Proc, app_file, children_of, run, wait_until};
use rustix::process::Signal;
use std::time::{Duration, Instant};

#[test]
fn row_23_a_closed_or_handed_over_stdout_is_no_spin() {
    let house = House::new();
    let handed = format!("print:here double{{ setsid note:{} hang }} exit:0", house.file("starts").display());
    house.up(&app_file(&[
        App::puppet("closes", &house.puppet(), "print:before quiet hang"),
        App::puppet("hands", &house.puppet(), &handed).with("restart = \"never\""),
    ]));
    house.until_logged("closes-0", "out", "before\n", SOON);
    // The leader has ended and its child holds the stream: the end comes from the process, not from the stream.
    let row = house.until("hands-0", SOON, "has ended", |r| r.exit.is_some());
    assert_eq!(row.exit.and_then(|e| e.code), Some(0));
    let roles = house.roles(SOON);
    let ticks = || roles.iter().map(|r| r.cpu_ticks()).sum::<u64>();
    let before = ticks();
    Pause::measure(Duration::from_secs(2));
    let used = ticks() - before;
    eprintln!("{used} ticks in two seconds");
    assert!(used <= 20, "{used} ticks of the processor in two idle seconds");
    assert_eq!(house.slot("closes-0").status.word(), "running");
    house.abide(["stop", "all"]).ok();
    let left = house.notes("starts").iter().filter_map(|n| n.rsplit(' ').next()?.parse().ok()).filter_map(Proc::find).count();
    assert_eq!(left, 0, "the handed-over child is part of the app");
}

#[test]
fn row_31_an_app_that_ignores_term_is_killed_in_time() {
    let house = House::new();
    let apps = app_file(&[
        App::puppet("deaf", &house.puppet(), "ignore print:ready hang").with("stop_timeout = \"1s\""),
        App::puppet("other", &house.puppet(), "hang"),
    ]);
    // What others have is so long that nobody takes it for the app's own, however busy the machine is.
    house.up(&format!("{apps}[defaults]\nstop_timeout = \"120s\"\n"));
    house.until_logged("deaf-0", "out", "ready", SOON);
    let (deaf, other) = (house.process("deaf-0"), house.process("other-0"));
    let begun = Instant::now();
    house.abide(["stop", "deaf"]).ok();
    let took = begun.elapsed();
    assert!(!deaf.alive() && other.alive());
    assert!(took >= Duration::from_secs(1) && took < SOON, "its own timeout: {took:?}");
    assert_eq!(house.slot("deaf-0").exit.and_then(|e| e.signal).as_deref(), Some("SIGKILL"));
}

#[test]
fn row_32_a_stopped_process_can_be_stopped() {
    let house = House::new();
    let app = App::puppet("frozen", &house.puppet(), "hang").with("stop_timeout = \"1s\"");
    house.up(&app_file(&[app]));
    let frozen = house.process("frozen-0");
    assert!(frozen.signal(Signal::STOP));
    wait_until(SOON, "it is frozen", || e2e::state_of(frozen.pid).filter(|s| s.0 == 'T'));
    house.abide(["stop", "frozen"]).ok();
    assert!(!frozen.alive());
    assert_eq!(house.slot("frozen-0").status.word(), "stopped");
}

#[test]
fn row_34_escaped_children_of_a_finished_app_are_named() {
    let house = House::new();
    // The leader ends only when the escaped one is ready and known: the sweep after its end may be faster than `ignore`, and than we.
    let starts = house.file("starts").display().to_string();
    let script = format!("double{{ setsid ignore note:{starts} hang }} until:{} exit:0", house.file("known").display());
    house
        .abide([
            "start",
            &format!("{} {script}", house.puppet()),
            "--name",
            "escape",
            "--restart",
            "never",
            "--stop-timeout",
            "500ms",
        ])
        .ok();
    wait_until(SOON, "the escaped one lives", || (house.notes("starts").len() == 1).then_some(()));
    let pid = house.notes("starts")[0].rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a pid");
    let (leader, escaped) = (house.process("escape-0"), Proc::find(pid).expect("it lives"));
    house.write("known", "");
    wait_until(SOON, "the leader has ended", || (!leader.alive()).then_some(()));
    house.abide(["stop", "escape"]).ok();
    assert!(!escaped.alive(), "`stop` ends what escaped, also after the leader's end");
    house.abide(["delete", "escape"]).ok();
    assert_eq!(house.list(), []);
}

#[test]
fn row_36_orphans_leave_no_zombies() {
    let house = House::new();
    house.up(&app_file(&[App::puppet("breeder", &house.puppet(), "orphans:1000 print:bred hang")]));
    let [steward, scribe, keeper] = house.roles(SOON);
    house.until_logged("breeder-0", "out", "bred\n", 2 * SOON);
    wait_until(SOON, "no zombie is left", || {
        let zombies = [steward, scribe, keeper].iter().flat_map(|r| children_of(r.pid)).filter(|c| c.1 == 'Z').count();
        (zombies == 0).then_some(())
    });
    assert_eq!(house.slot("breeder-0").status.word(), "running");
    assert_eq!(house.roles(SOON), [steward, scribe, keeper]);
}

/// Programs that say what they have without adding to it: `ls` and `cat` change no signals and open no more than they say.
#[test]
fn row_58_a_child_gets_nothing_that_is_not_its_own() {
    let house = House::new();
    let app = |name: &str, cmd: &[&str]| App::new(name, cmd.iter().copied()).with("restart = \"never\"");
    // The command that starts the manager has a stray descriptor, an ignored signal and an odd umask: none may reach a child but the umask.
    house.write(
        "abide.toml",
        app_file(&[
            app("files", &["ls", "-l", "/proc/self/fd"]),
            app("state", &["cat", "/proc/self/status"]),
            app("stat", &["cat", "/proc/self/stat"]),
            app("limits", &["cat", "/proc/self/limits"]),
        ]),
    );
    let mut command = house.plain("bash");
    let script = "umask 027; trap '' HUP USR1 PIPE; exec 7</dev/null 8>/dev/null; exec \"$@\"";
    command.args(["-c", script, "up"]).arg(house.bins().path("abide")).arg("--home").arg(house.home()).arg("up");
    run(command, Duration::from_secs(60)).ok();
    for name in ["files", "state", "stat", "limits"] {
        house.until_status(&format!("{name}-0"), "completed", SOON);
    }
    let text = |slot: &str, until: &str| house.until_logged(slot, "out", until, SOON);
    files_of(&text("files-0", "/run/lives/"));

    let state = text("state-0", "SigCgt:");
    let field = |name: &str| {
        let line = state.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{name} in {state}"));
        line[name.len()..].trim_start_matches(':').trim().to_owned()
    };
    for mask in ["SigBlk", "SigIgn", "SigCgt"] {
        assert_eq!(field(mask), "0000000000000000", "{mask} of a fresh child");
    }
    assert_eq!(field("Umask"), "0027");
    if e2e::is_root() {
        assert!(field("Groups").split_whitespace().all(|g| g == "0"), "extra groups: {state}");
    }
    let stat = text("stat-0", "\n");
    let rest: Vec<&str> = stat[stat.rfind(')').expect("a name") + 2..].split(' ').collect();
    let pid = stat.split(' ').next().expect("a pid");
    assert_eq!((rest[2], rest[3]), (pid, pid), "own process group and own session: {stat}");
    let limits = text("limits-0", "Max realtime timeout");
    assert!(limits.contains("Max core file size"), "{limits}");
}

/// `ls -l /proc/self/fd`: 0, 1, 2, the life lock, and the folder that `ls` itself reads.
fn files_of(text: &str) {
    let mut found: Vec<(u32, &str)> = Vec::new();
    for line in text.lines().filter(|l| l.contains(" -> ")) {
        let (before, target) = line.split_once(" -> ").expect("it has an arrow");
        let number = before.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("a number in {line}"));
        found.push((number, target));
    }
    found.sort_unstable();
    let own = |target: &str| target.ends_with("/fd");
    let rest: Vec<&(u32, &str)> = found.iter().filter(|f| !own(f.1)).collect();
    let numbers: Vec<u32> = rest.iter().map(|f| f.0).collect();
    assert!(numbers.starts_with(&[0, 1, 2]) && numbers.len() == 4 && numbers[3] >= 100, "descriptors of a child: {found:?}");
    assert_eq!(rest[0].1, "/dev/null", "{found:?}");
    assert!(rest[1].1.contains("/run/io/") && rest[2].1.contains("/run/io/"), "{found:?}");
    assert!(rest[3].1.contains("/run/lives/"), "{found:?}");
}
