//! As whom a life runs, and limits on what it uses that nobody but Abide looks after. Those that the kernel holds: `boxes`.

use crate::SOON;
use crate::boxes::can_hold;
use api::EventLine;
use e2e::{App, Done, House, Strace, app_file, is_root, run, skip, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

pub const NOBODY: u32 = 65534;

/// An app that runs a line of shell.
pub fn shell(name: &str, line: &str) -> App {
    App::new(name, ["/bin/bash", "-c", line]).with("cwd = \"/\"")
}

/// The first event of that name whose reason contains this.
#[track_caller]
pub fn told(house: &House, app: &str, event: &str, word: &str) -> EventLine {
    wait_until(SOON, &format!("`{event}` with `{word}` is told of {app}"), || {
        let found = |line: &EventLine| line.event == event && line.reason.as_deref().is_some_and(|reason| reason.contains(word));
        house.events(Some(app)).into_iter().find(found)
    })
}

/// Row 58 of reliability.md through the manager, with everything that `user` means.
#[test]
fn row_58_an_app_of_another_user_has_all_of_it_and_nothing_more() {
    if !is_root() {
        return skip("row_58 (limits)", "only root can give away a process");
    }
    let house = House::new();
    let line = "grep -E '^(Uid|Gid|Groups|Umask|NoNewPrivs|CapEff|CapPrm|SigBlk|SigIgn):' /proc/self/status; \
        echo oom $(cat /proc/self/oom_score_adj); echo nice $(nice); echo files $(ulimit -Sn) $(ulimit -Hn) core $(ulimit -Hc); \
        env | grep -E '^(HOME|USER|LOGNAME|SHELL|MINE)='; pwd; echo again > /dev/stdout; echo fds $(ls /proc/self/fd); sleep 1000";
    let app = shell("app", line)
        .with("user = \"nobody\"\ngroups = [\"nogroup\", 7]\numask = \"077\"\nnice = 5\noom_score_adj = 300")
        .with("limits = { nofile = { soft = 100, hard = 200 } }\nenv = { MINE = \"1\" }");
    house.up(&app_file(&[app]));
    let lines = wait_until(SOON, "it has said everything", || {
        let lines: Vec<String> = house.logs("app", 100).into_iter().map(|line| line.line).collect();
        lines.iter().any(|line| line.starts_with("fds")).then_some(lines)
    });
    let said: Vec<String> = lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for want in [
        "Uid: 65534 65534 65534 65534",
        "Gid: 65534 65534 65534 65534",
        "Groups: 7 65534",
        "Umask: 0077",
        "NoNewPrivs: 1",
        "CapEff: 0000000000000000",
        "CapPrm: 0000000000000000",
        "SigBlk: 0000000000000000",
        "SigIgn: 0000000000000000",
        "oom 300",
        "nice 5",
        "files 100 200 core 0",
        "HOME=/nonexistent",
        "USER=nobody",
        "LOGNAME=nobody",
        "SHELL=/usr/sbin/nologin",
        "MINE=1",
        "/",
        "again",
        // `ls` itself has one more, 3; it sorts them as words.
        "fds 0 1 100 2 3",
    ] {
        assert!(said.iter().any(|line| line == want), "`{want}` in {said:#?}");
    }
}

#[test]
fn who_is_not_there_is_named_before_anything_starts() {
    let house = House::new();
    for (keys, words) in [
        ("user = \"no-such-user\"", &["app: user: there is no user `no-such-user`"][..]),
        ("group = \"no-such-group\"", &["app: group: there is no group `no-such-group`"]),
        ("groups = [\"no-such-group\"]", &["app: groups: there is no group"]),
    ] {
        house.write("abide.toml", app_file(&[shell("app", "sleep 1000").with(keys)]));
        house.abide(["up"]).code(1).says(words);
    }
    assert!(house.list().is_empty());
}

/// A folder for nobody, and programs that nobody may run (in `programs`).
pub fn home_of_nobody(house: &House) -> PathBuf {
    let programs = house.root().join("programs");
    let folder = house.root().join("nobody");
    fs::create_dir(&programs).expect("a folder of ours");
    fs::create_dir(&folder).expect("a folder of ours");
    for name in ["abide", "abide-keeper", "abide-scribe", "abide-steward"] {
        fs::copy(house.bins().path(name), programs.join(name)).expect("a program can be copied");
    }
    for path in [house.root(), &programs] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o711)).expect("our own folder");
    }
    std::os::unix::fs::chown(&folder, Some(NOBODY), Some(NOBODY)).expect("root may");
    folder
}

/// `abide ARGS…` as nobody, in a home of its own.
fn as_nobody(house: &House, folder: &Path, args: &[&str]) -> Done {
    let mut command = house.plain(house.root().join("programs/abide"));
    command.arg("--home").arg(folder.join("home")).args(args);
    command.current_dir(folder).env("HOME", folder).uid(NOBODY).gid(NOBODY).stdin(Stdio::null());
    run(command, Duration::from_secs(60))
}

#[test]
fn another_user_without_root_is_refused_with_two_ways_out() {
    if !is_root() {
        return skip("user without root (limits)", "only root can become a user without rights");
    }
    let house = House::new();
    let folder = home_of_nobody(&house);
    let write = |keys: &str| {
        let file = folder.join("abide.toml");
        fs::write(&file, app_file(&[shell("app", "sleep 1000").with(keys)])).expect("our own folder");
    };
    for (keys, key) in [("user = \"root\"", "user"), ("group = \"daemon\"", "group"), ("groups = [1]", "groups")] {
        write(keys);
        let drop = format!("drop `{key}`");
        as_nobody(&house, &folder, &["up"]).code(1).says(&["needs root", "run Abide's home as root", &drop, "uid 65534"]);
    }
    // Its own name changes nothing.
    write("user = \"nobody\"\numask = \"027\"\ncgroup = \"auto\"\nmax_memory = \"1G\"");
    as_nobody(&house, &folder, &["up"]).ok();
    let rows: Vec<api::SlotRow> = as_nobody(&house, &folder, &["list", "--json"]).ok().json();
    let status = fs::read_to_string(format!("/proc/{}/status", rows[0].pid.expect("it runs"))).expect("it lives");
    assert!(status.contains("NoNewPrivs:\t0") && status.contains("Umask:\t0027"), "{status}");
    as_nobody(&house, &folder, &["daemon", "stop"]).ok();
}

#[test]
fn row_57_a_drop_of_privileges_that_fails_starts_nothing() {
    if !is_root() {
        return skip("row_57 (limits)", "only root drops privileges");
    }
    let house = House::new();
    house.up(&app_file(&[shell("other", "sleep 1000")]));
    let keeper = house.roles(SOON)[2];
    for call in ["setgroups", "setresgid", "setresuid"] {
        let (trace, fault) = (format!("trace={call}"), format!("inject={call}:error=EPERM"));
        let log = house.file("strace");
        let Some(strace) = Strace::attach("row_57 (limits)", keeper.pid, &log, &["-f", "-e", &trace, "-e", &fault]) else {
            return;
        };
        let mark = house.file(call);
        let app = shell(call, &format!("touch {}; sleep 1000", mark.display())).with("user = \"nobody\"\nrestart = \"never\"");
        house.write("one.toml", app_file(&[app]));
        let stage = call.trim_start_matches("setres").trim_start_matches("set");
        house.abide(["up", "one.toml"]).code(1).says(&[stage, "EPERM"]);
        let log = strace.detach();
        assert!(log.contains("INJECTED"), "the fault was there: {log}");
        assert!(!mark.exists(), "the program never ran");
        assert_eq!(house.slot(&format!("{call}-0")).status.word(), "errored");
    }
    assert_eq!(house.slot("other-0").status.word(), "running");
}

#[test]
fn a_busy_app_is_told_once() {
    if can_hold("cpu") {
        return skip("max_cpu (limits)", "the kernel throttles here, and nothing is to be told");
    }
    let house = House::new();
    // However many want the processors: so much it gets.
    let app = shell("busy", "while :; do :; done").with("max_cpu = 2\non_limit = \"none\"");
    house.up(&app_file(&[app]));
    let pid = house.process("busy-0");
    let reason = told(&house, "busy", "limit", "(max_cpu)").reason.expect("asked for");
    assert!(reason.starts_with("cpu ") && reason.contains("% of 2% "), "{reason}");
    assert_eq!(house.process("busy-0"), pid, "it is only told");
    house.until("busy-0", SOON, "shows what it uses", |row| row.cpu_percent.is_some_and(|cpu| cpu > 2.0));
    // What follows from the limit is changed while it runs, and holds for the life that was told of already.
    house.up(&app_file(&[shell("busy", "while :; do :; done").with("max_cpu = 2\non_limit = \"kill\"\nrestart = \"never\"")]));
    told(&house, "busy", "killing", "without being asked to end");
    house.until_status("busy-0", "errored", SOON);
}

#[test]
fn what_a_tree_uses_is_shown_whole_and_limits_change_while_it_runs() {
    let house = House::new();
    let file = |limit: &str| {
        let tree = App::puppet("tree", &house.puppet(), "spawn{ leak:80:0:1 hang } hang");
        app_file(&[tree.with(&format!("on_limit = \"none\"\ncgroup = \"off\"\n{limit}"))])
    };
    house.up(&file("max_memory = \"1G\""));
    let row = house
        .until("tree-0", SOON, "has a child that takes memory", |row| row.memory_bytes.is_some_and(|bytes| bytes > 80 << 20));
    let leader = house.process("tree-0");
    assert!(!house.events(Some("tree")).iter().any(|line| line.event == "limit"));
    house.up(&file("max_memory = \"50M\""));
    told(&house, "tree", "limit", "of 50M (max_memory)");
    assert_eq!(house.process("tree-0"), leader, "no other life was needed");
    // Uptime is the kernel's, also for a manager that did not see the birth.
    house.kill_roles();
    let later = house.slot("tree-0");
    assert_eq!(house.process("tree-0"), leader);
    assert!(later.uptime_ms > row.uptime_ms, "{row:#?} {later:#?}");
}
