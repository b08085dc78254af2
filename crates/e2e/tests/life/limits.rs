//! As whom a life runs, and what it may use. Where the kernel of this machine has no controller for a limit, the test says so and shows the
//! sampled form.

use crate::SOON;
use api::EventLine;
use e2e::{App, Done, House, Proc, Strace, app_file, is_root, run, skip, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

const NOBODY: u32 = 65534;

/// An app that runs a line of shell.
fn shell(name: &str, line: &str) -> App {
    App::new(name, ["/bin/bash", "-c", line]).with("cwd = \"/\"")
}

/// An app that runs Python.
fn python(name: &str, text: &str) -> App {
    App::new(name, ["python3", "-c", text])
}

/// The first event of that name whose reason contains this.
#[track_caller]
fn told(house: &House, app: &str, event: &str, word: &str) -> EventLine {
    wait_until(SOON, &format!("`{event}` with `{word}` is told of {app}"), || {
        let found = |line: &EventLine| line.event == event && line.reason.as_deref().is_some_and(|reason| reason.contains(word));
        house.events(Some(app)).into_iter().find(found)
    })
}

/// The box that a process is in, if it is one of Abide's.
fn box_of(process: Proc) -> Option<PathBuf> {
    let groups = fs::read_to_string(format!("/proc/{}/cgroup", process.pid)).expect("it lives");
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc");
    let line = groups.lines().find(|line| line.contains("/abide-"))?;
    let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
    let of_kind = |line: &&str| match controllers {
        "" => line.contains(" - cgroup2 "),
        name => line.contains(" - cgroup ") && line.rsplit([' ', ',']).any(|word| word == name.split(',').next().unwrap_or(name)),
    };
    let mount = mounts.lines().find(of_kind)?.split(' ').nth(4)?.to_owned();
    Some(Path::new(&mount).join(path.trim_start_matches('/')))
}

/// Whether the kernel can hold an app to a limit by this controller: it hands it to the group that we are in, or to one of version 1.
fn can_hold(controller: &str) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").to_owned();
    let v2 =
        mounts.lines().find(|line| line.contains(" - cgroup2 ")).and_then(|line| line.split(' ').nth(4)).is_some_and(|mount| {
            let file = Path::new(mount).join(own.trim_start_matches('/')).join("cgroup.controllers");
            fs::read_to_string(file).is_ok_and(|words| words.split_whitespace().any(|word| word == controller))
        });
    let v1 = controller == "pids" && mounts.lines().any(|line| line.contains(" - cgroup ") && line.ends_with("pids"));
    is_root() && (v2 || v1)
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
fn a_leaking_job_is_restarted_and_the_reason_shown() {
    let house = House::new();
    let leak = "import time\nkept = []\nwhile True:\n    kept.append(b'x' * (4 << 20))\n    time.sleep(0.05)";
    house.up(&app_file(&[python("leak", leak).with("max_memory = \"60M\"")]));
    let first = house.process("leak-0");
    if can_hold("memory") {
        told(&house, "leak", "oom", "memory was short");
    } else {
        let fault = told(&house, "leak", "faulted", "(max_memory)");
        let reason = fault.reason.expect("one was asked for");
        assert!(reason.starts_with("memory ") && reason.contains(" of 60M "), "{reason}");
    }
    let row =
        house.until("leak-0", SOON, "is another life", |row| row.restarts >= 1 && row.pid.is_some_and(|pid| pid != first.pid));
    assert!(row.restarts >= 1);
    assert!(!first.alive());
}

/// Row 30 of reliability.md.
#[test]
fn row_30_an_oom_kill_is_called_by_its_name() {
    if !can_hold("memory") {
        return skip(
            "row_30 (limits)",
            "no memory controller in cgroup version 2 here; the sampled form is shown by the leaking job",
        );
    }
    let house = House::new();
    let one = "import subprocess, time\nsubprocess.run(['python3', '-c', 'a = bytearray(256 << 20)'])\nprint('on', flush=True)\ntime.sleep(1000)";
    house.up(&app_file(&[python("app", one).with("max_memory = \"100M\"")]));
    let told = told(&house, "app", "oom", "killed 1 of its processes");
    assert_eq!(told.instance.as_deref(), house.slot("app-0").instance.as_deref());
}

/// Row 35 of reliability.md.
#[test]
fn row_35_a_fork_bomb_is_held_and_stopped() {
    let house = House::new();
    let bomb = "for i in {1..400}; do sleep 1000 & done 2>/dev/null; wait";
    house.up(&app_file(&[shell("bomb", bomb).with("max_tasks = 50\nstop_timeout_ms = 1000")]));
    if can_hold("pids") {
        told(&house, "bomb", "limit", "no more than 50 tasks (max_tasks)");
        let leader = house.process("bomb-0");
        let folder = box_of(leader).expect("it is in a box");
        let tasks = || fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default().lines().count();
        assert!((2..=50).contains(&tasks()), "{}", tasks());
        // Another manager finds the box again.
        house.kill_roles();
        assert_eq!(house.process("bomb-0"), leader);
        let done = house.abide(["stop", "bomb"]).ok();
        assert!(done.took < Duration::from_secs(5), "{done:#?}");
        wait_until(SOON, "the box is gone", || (!folder.exists()).then_some(()));
    } else {
        skip("row_35 (limits)", "no cgroup that counts processes can be had here; the sampled form is shown");
        told(&house, "bomb", "faulted", "(max_tasks)");
        house.abide(["stop", "bomb"]).ok();
    }
    wait_until(SOON, "nothing of it is left", || {
        let left = house.members().into_iter().filter(|p| p.args().first().is_some_and(|arg| arg == "sleep")).count();
        (left == 0).then_some(())
    });
}

#[test]
fn a_busy_app_is_told_once() {
    if can_hold("cpu") {
        return skip("max_cpu (limits)", "the kernel throttles here, and nothing is to be told");
    }
    let house = House::new();
    let app = shell("busy", "while :; do :; done").with("max_cpu = 10\non_limit = \"none\"");
    house.up(&app_file(&[app]));
    let pid = house.process("busy-0");
    let reason = told(&house, "busy", "limit", "(max_cpu)").reason.expect("asked for");
    assert!(reason.starts_with("cpu ") && reason.contains("% of 10% "), "{reason}");
    assert_eq!(house.process("busy-0"), pid, "it is only told");
    house.until("busy-0", SOON, "shows what it uses", |row| row.cpu_percent.is_some_and(|cpu| cpu > 10.0));
    // What follows from the limit is changed while it runs, and holds for the life that was told of already.
    house.up(&app_file(&[shell("busy", "while :; do :; done").with("max_cpu = 10\non_limit = \"kill\"\nrestart = \"never\"")]));
    told(&house, "busy", "killing", "without being asked to end");
    house.until_status("busy-0", "errored", SOON);
}

/// Row 59 of reliability.md, for `cgroup`.
#[test]
fn row_59_a_box_by_its_rule() {
    let house = House::new();
    let apps = [
        shell("plain", "sleep 1000"),
        shell("off", "sleep 1000").with("cgroup = \"off\"\nmax_memory = \"1G\""),
        shell("auto", "sleep 1000").with("max_memory = \"1G\""),
    ];
    house.up(&app_file(&apps));
    assert_eq!(box_of(house.process("plain-0")), None);
    assert_eq!(box_of(house.process("off-0")), None);
    let must = |limit: &str| {
        house.write("must.toml", app_file(&[shell("must", "sleep 1000").with(&format!("cgroup = \"required\"\n{limit}"))]));
        house.abide(["up", "must.toml"])
    };
    if !can_hold("memory") {
        must("max_memory = \"1G\"").code(1).says(&["must: cgroup = \"required\"", "max_memory", "cgroup = \"auto\""]);
        assert!(house.list().iter().all(|row| row.app != "must"), "nothing was changed");
    }
    let Some(folder) = box_of(house.process("auto-0")) else {
        skip("row_59 (limits)", "no cgroup can be made here");
        must("").code(1).says(&["must: cgroup = \"required\""]);
        return;
    };
    must("").ok();
    let must = box_of(house.process("must-0")).expect("it is in a box");
    house.abide(["restart", "must"]).ok();
    let next = box_of(house.process("must-0")).expect("it is in a box");
    assert_ne!(must, next);
    wait_until(SOON, "the old box is gone", || (!must.exists()).then_some(()));
    house.abide(["daemon", "stop"]).ok();
    wait_until(SOON, "no box is left", || (!folder.exists() && !next.exists()).then_some(()));
    assert!(!folder.parent().expect("below ours").exists(), "the folder of all boxes is gone too");
}

#[test]
fn what_a_tree_uses_is_shown_whole_and_limits_change_while_it_runs() {
    let house = House::new();
    let tree = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'a = bytearray(80 << 20); import time; time.sleep(1000)'])";
    let file = |limit: &str| app_file(&[python("tree", tree).with(&format!("on_limit = \"none\"\ncgroup = \"off\"\n{limit}"))]);
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
