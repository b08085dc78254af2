//! Limits that the kernel holds, by cgroups. Where the kernel of this machine has no controller for one, the test says so, and shows the sampled
//! form if there is one; `tools/cgroup-vm` runs all of these on a kernel that has them.

use crate::SOON;
use crate::limits::{NOBODY, home_of_nobody, shell, told};
use e2e::{App, House, Proc, app_file, is_root, run, skip, wait_until};
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The mounted hierarchy of cgroup 2, and the group in it that we are in.
fn version_2() -> Option<(PathBuf, PathBuf)> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc");
    let mount = PathBuf::from(mounts.lines().find(|line| line.contains(" - cgroup2 "))?.split(' ').nth(4)?);
    let own = fs::read_to_string("/proc/self/cgroup").expect("/proc");
    let own = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some((mount.clone(), mount.join(own.trim_start_matches('/'))))
}

/// Whether the kernel can hold an app to a limit by this controller: it hands it to the group that we are in, or to one of version 1.
pub fn can_hold(controller: &str) -> bool {
    let words = |(_, own): (PathBuf, PathBuf)| fs::read_to_string(own.join("cgroup.controllers")).ok();
    let v2 = version_2().and_then(words).is_some_and(|words| words.split_whitespace().any(|word| word == controller));
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc");
    let v1 = controller == "pids" && mounts.lines().any(|line| line.contains(" - cgroup ") && line.ends_with("pids"));
    is_root() && (v2 || v1)
}

/// Whether the kernel holds everything by version 2; if not, that is said of this row.
fn holds_all(row: &str) -> bool {
    let all = is_root() && version_2().is_some() && ["memory", "cpu"].into_iter().all(can_hold);
    if !all {
        skip(row, "no controllers of cgroup version 2 here; tools/cgroup-vm shows it on a kernel that has them");
    }
    all
}

/// How long a stop may take. An emulated machine is an order of magnitude slower than a real one.
fn promptly() -> Duration {
    Duration::from_secs(if std::env::var_os("E2E_GUEST").is_some() { 40 } else { 5 })
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

#[track_caller]
fn stands(folder: &Path, file: &str) -> String {
    let path = folder.join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).trim().to_owned()
}

#[track_caller]
fn gone(folder: &Path) {
    wait_until(SOON, "the box is gone", || (!folder.exists()).then_some(()));
}

/// How many events of that name there are.
fn count(house: &House, app: &str, event: &str) -> usize {
    house.events(Some(app)).iter().filter(|line| line.event == event).count()
}

/// A group of version 2 beside ours; gone with it.
struct Group(PathBuf);

impl Group {
    fn new(name: &str) -> Group {
        let (mount, _) = version_2().expect("asked before");
        fs::write(mount.join("cgroup.subtree_control"), "+memory +cpu +pids").expect("the root group may");
        let folder = mount.join(format!("test-{name}-{}", std::process::id()));
        fs::create_dir(&folder).expect("root may");
        Group(folder)
    }

    /// A command that is run in it, from its first instruction on.
    fn command(&self, command: &Command) -> Command {
        let mut inside = Command::new("bash");
        inside.args(["-c", "echo $$ > \"$1/cgroup.procs\" && shift && exec \"$@\"", "bash"]).arg(&self.0);
        inside.arg(command.get_program()).args(command.get_args()).env_clear();
        inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        inside.current_dir(command.get_current_dir().unwrap_or(Path::new("/")));
        inside
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        fn remove(folder: &Path) {
            let below = fs::read_dir(folder).into_iter().flatten().flatten();
            below.filter(|entry| entry.path().is_dir()).for_each(|entry| remove(&entry.path()));
            let _ = fs::remove_dir(folder);
        }
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
        wait_until(SOON, "a group of a test is gone", || {
            remove(&self.0);
            (!self.0.exists()).then_some(())
        });
    }
}

#[test]
fn a_leaking_job_is_restarted_and_the_reason_shown() {
    let house = House::new();
    let leak = App::puppet("leak", &house.puppet(), "leak:4:50");
    house.up(&app_file(&[leak.with("max_memory = \"60M\"")]));
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
    let fault = house.detail("leak").slots[0].fault.clone().expect("it is told why");
    assert!(fault.contains(if can_hold("memory") { "out of memory" } else { "max_memory" }), "{fault}");
}

/// Row 30 of reliability.md: one process of an app, then its leader while no manager is there to see it.
#[test]
fn row_30_an_oom_kill_is_called_by_its_name() {
    if !holds_all("row_30 (boxes)") {
        return;
    }
    let house = House::new();
    let one = "spawn{ leak:256:0:1 hang } wait print:on until:more leak:256:0:1 hang";
    let app = App::puppet("app", &house.puppet(), one).with("max_memory = \"100M\"\ncgroup = \"required\"");
    house.up(&app_file(&[app]));
    let leader = house.process("app-0");
    let told_it = told(&house, "app", "oom", "killed 1 of its processes");
    assert_eq!(told_it.instance.as_deref(), house.slot("app-0").instance.as_deref());
    assert!(leader.alive(), "the kernel has killed one process, and nobody the others");
    let folder = box_of(leader).expect("it is in a box");
    assert_eq!(stands(&folder, "memory.oom.group"), "0");
    house.until_logged("app-0", "out", "on", SOON);
    // Others find the box again, and tell nothing twice.
    house.kill_roles();
    assert_eq!(house.process("app-0"), leader);
    assert_eq!(count(&house, "app", "oom"), 1);
    // What happened while nobody was there is told by the next.
    house.kill_roles();
    house.write("more", "");
    wait_until(SOON, "the leader is killed", || (!leader.alive()).then_some(()));
    fs::remove_file(house.file("more")).expect("ours");
    house.until("app-0", SOON, "is another life", |row| row.pid.is_some_and(|pid| pid != leader.pid));
    let fault = house.detail("app").slots[0].fault.clone();
    assert_eq!(fault.as_deref(), Some("out of memory: killed by the kernel"));
    gone(&folder);
}

/// Row 35 of reliability.md.
#[test]
fn row_35_a_fork_bomb_is_held_and_stopped() {
    let house = House::new();
    let bomb = "trap '' TERM; for i in {1..400}; do setsid sleep 1000 & done 2>/dev/null; wait";
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
        assert!(done.took < promptly(), "{done:#?}");
        gone(&folder);
    } else {
        skip("row_35 (boxes)", "no cgroup that counts processes can be had here; the sampled form is shown");
        told(&house, "bomb", "faulted", "(max_tasks)");
        house.abide(["stop", "bomb"]).ok();
    }
    wait_until(SOON, "nothing of it is left", || {
        let left = house.members().into_iter().filter(|p| p.args().first().is_some_and(|arg| arg == "sleep")).count();
        (left == 0).then_some(())
    });
}

/// `max_cpu` slows down and ends nothing; limits that are changed, added and dropped hold for lives that run.
#[test]
fn limits_change_in_the_box_of_a_life_that_runs() {
    if !holds_all("limits of a life that runs (boxes)") {
        return;
    }
    let house = House::new();
    let file = |limits: &str| app_file(&[App::puppet("busy", &house.puppet(), "spin").with(limits)]);
    house.up(&file("max_cpu = 20"));
    let leader = house.process("busy-0");
    let folder = box_of(leader).expect("it is in a box");
    wait_until(SOON, "the kernel has slowed it down", || {
        let stat = stands(&folder, "cpu.stat");
        let times = stat.lines().find_map(|line| line.strip_prefix("nr_throttled ")?.parse::<u64>().ok());
        times.is_some_and(|times| times >= 10).then_some(())
    });
    assert_eq!(stands(&folder, "cpu.max"), "20000 100000");
    house.up(&file("max_cpu = 150\nmax_memory = \"64M\"\nmax_tasks = 7"));
    for (name, want) in [("cpu.max", "150000 100000"), ("memory.max", "67108864"), ("memory.high", "62914560"), ("pids.max", "7")]
    {
        assert_eq!(stands(&folder, name), want, "{name}");
    }
    house.up(&file("max_memory = \"128M\""));
    for (name, want) in [("cpu.max", "max 100000"), ("memory.max", "134217728"), ("pids.max", "max")] {
        assert_eq!(stands(&folder, name), want, "{name}");
    }
    assert_eq!(house.process("busy-0"), leader, "all of it in one life");
    for event in ["limit", "faulted", "oom"] {
        assert_eq!(count(&house, "busy", event), 0, "{event}");
    }
}

/// Everything of an app ends with it, wherever its processes went and whatever they ignore.
#[test]
fn a_stop_empties_the_box() {
    if !holds_all("stop of a box (boxes)") {
        return;
    }
    let house = House::new();
    let tree = "ignore spawn{ setsid ignore hang } double{ setsid ignore hang } bare{ setsid ignore hang } print:all hang";
    let app = App::puppet("tree", &house.puppet(), tree).with("cgroup = \"required\"\nstop_timeout_ms = 300");
    house.up(&app_file(&[app]));
    house.until_logged("tree-0", "out", "all", SOON);
    let folder = box_of(house.process("tree-0")).expect("it is in a box");
    let members = wait_until(SOON, "all four are there", || {
        let pids: Vec<u32> = stands(&folder, "cgroup.procs").lines().filter_map(|pid| pid.parse().ok()).collect();
        let members: Vec<Proc> = pids.into_iter().filter_map(Proc::find).collect();
        (members.len() == 4).then_some(members)
    });
    let done = house.abide(["stop", "tree"]).ok();
    assert!(done.took < promptly(), "{done:#?}");
    assert!(members.iter().all(|member| !member.alive()), "{members:?}");
    gone(&folder);
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
        skip("row_59 (boxes)", "no cgroup can be made here");
        must("").code(1).says(&["must: cgroup = \"required\""]);
        return;
    };
    must(if can_hold("memory") { "max_memory = \"1G\"\nmax_cpu = 50\nmax_tasks = 20" } else { "" }).ok();
    let must = box_of(house.process("must-0")).expect("it is in a box");
    house.abide(["restart", "must"]).ok();
    let next = box_of(house.process("must-0")).expect("it is in a box");
    assert_ne!(must, next);
    gone(&must);
    house.abide(["daemon", "stop"]).ok();
    wait_until(SOON, "no box is left", || (!folder.exists() && !next.exists()).then_some(()));
    assert!(!folder.parent().expect("below ours").exists(), "the folder of all boxes is gone too");
}

/// A manager that comes from another group, as from another session, keeps the boxes of lives that it finds.
#[test]
fn a_manager_in_another_group_keeps_the_boxes_that_it_finds() {
    if !holds_all("another group (boxes)") {
        return;
    }
    let house = House::new();
    let file = |max: &str| app_file(&[shell("app", "sleep 1000").with(&format!("max_memory = \"{max}\""))]);
    house.up(&file("100M"));
    let leader = house.process("app-0");
    let folder = box_of(leader).expect("it is in a box");
    house.kill_roles();
    let other = Group::new("other");
    run(other.command(&house.command(["list"])), SOON).ok();
    assert_eq!(house.process("app-0"), leader);
    house.up(&file("64M"));
    assert_eq!(stands(&folder, "memory.max"), "67108864");
    house.abide(["stop", "app"]).ok();
    gone(&folder);
    house.abide(["daemon", "stop"]).ok();
}

/// A manager without root holds its apps to limits in a group that was delegated to it, as a unit of systemd gets one by `Delegate=yes`.
#[test]
fn a_group_that_was_delegated_is_enough() {
    if !holds_all("delegation (boxes)") {
        return;
    }
    let house = House::new();
    let folder = home_of_nobody(&house);
    let group = Group::new("delegated");
    for name in ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"] {
        chown(group.0.join(name), Some(NOBODY), Some(NOBODY)).expect("root may");
    }
    let abide = |args: &[&str]| {
        let mut command = house.plain("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(house.root().join("programs/abide"));
        command.arg("--home").arg(folder.join("home")).args(args).current_dir(&folder).env("HOME", &folder);
        command
    };
    let app = App::new("app", ["/bin/bash", "-c", "x=x; while [ ! -e more ]; do sleep 0.1; done; while :; do x=$x$x; done"]);
    let app = app.with("cgroup = \"required\"\nmax_memory = \"50M\"\nmax_cpu = 90\nmax_tasks = 20");
    fs::write(folder.join("abide.toml"), app_file(&[app])).expect("our own folder");
    run(group.command(&abide(&["up"])), SOON).ok();
    let rows: Vec<api::SlotRow> = run(abide(&["list", "--json"]), SOON).ok().json();
    let box_of_app = box_of(Proc::find(rows[0].pid.expect("it runs")).expect("it lives")).expect("it is in a box");
    assert!(box_of_app.starts_with(&group.0), "{}", box_of_app.display());
    assert_eq!(stands(&box_of_app, "memory.max"), "52428800");
    assert_eq!(stands(&group.0, "cgroup.procs"), "", "the manager has gone into a leaf");
    fs::write(folder.join("more"), "").expect("our own folder");
    wait_until(SOON, "the kill is told", || {
        let events = run(abide(&["events", "app", "--json", "-n", "1000"]), SOON).ok();
        events.json_lines::<api::EventLine>().iter().any(|line| line.event == "oom").then_some(())
    });
    run(abide(&["daemon", "stop"]), SOON).ok();
    gone(&box_of_app);
}
