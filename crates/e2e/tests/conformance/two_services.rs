//! Dialect 2: what services are given, and how they fail.

use crate::desk::{body, denied, dump, output_two, set, start_two, stat_fields, talk_two};
use e2e::{Keeper, Proc, Start, children_of, wait_until};
use rustix::process::Signal;

#[test]
fn an_environment_is_replaced_or_empty_or_inherited() {
    let mut keeper = Start::new(["-i"]).env("OF_THE_KEEPER", "yes").start().greeted();
    crate::desk::speak_two(&mut keeper);
    let script = "echo ${OF_THE_KEEPER-no} ${MINE-no}";
    assert_eq!(output_two(&mut keeper, &[], script), "yes no\n");
    assert_eq!(output_two(&mut keeper, &["service.env\tprobe\tMINE=a b\\nc"], script), "no a b c\n");
    assert_eq!(output_two(&mut keeper, &["service.env\tprobe"], script), "no no\n");
    assert_eq!(output_two(&mut keeper, &["service.env\tprobe", "service.env_add\tprobe\tMINE=more"], script), "no more\n");
}

#[test]
fn an_environment_is_never_shown() {
    let mut keeper = talk_two();
    let mut other = keeper.client("ctl");
    crate::desk::speak_two(&mut other);
    set(&mut keeper, "service.env\ta\tPASSWORD=swordfish\tB=2");
    denied(&mut keeper, "service.env\ta b\tPASSWORD=swordfish");
    denied(&mut keeper, "service.env\ta\tPASSWORD=swordfish\\q");
    let lines = dump(&mut keeper);
    let shown: Vec<&String> = lines.iter().filter(|l| body(l).starts_with("service.env\ta\t")).collect();
    keeper.check(shown.len() == 1 && body(shown[0]).starts_with("service.env\ta\t2\t"), &format!("count and digest: {shown:?}"));
    other.barrier();
    let all = [keeper.lines(), other.lines(), keeper.stderr_lines()].concat().join("\n");
    keeper.check(!all.contains("swordfish"), "no secret in any line or log");
    set(&mut keeper, "service.env\tb\tPASSWORD=swordfisi\tB=2");
    let digests: Vec<String> =
        dump(&mut keeper).iter().filter_map(|l| Some(body(l).strip_prefix("service.env\t")?[2..].to_owned())).collect();
    keeper.check(digests.len() == 2 && digests[0] != digests[1], &format!("another environment has another digest: {digests:?}"));
}

#[test]
fn folder_mask_niceness_and_memory_score() {
    let mut keeper = talk_two();
    let settings = ["service.cwd\tprobe\t/usr", "service.umask\tprobe\t027", "service.nice\tprobe\t5", "service.oom\tprobe\t321"];
    let script = "pwd; umask; nice; cat /proc/self/oom_score_adj";
    assert_eq!(output_two(&mut keeper, &settings, script), "/usr\n0027\n5\n321\n");
    let lines = dump(&mut keeper);
    for setting in ["service.cwd\tprobe\t/usr", "service.umask\tprobe\t*27", "service.nice\tprobe\t5", "service.oom\tprobe\t321"]
    {
        keeper.check(lines.iter().any(|l| e2e::fits(setting, body(l)).is_some()), &format!("{setting:?} in {lines:?}"));
    }
    for wrong in [
        "service.cwd\tprobe",
        "service.umask\tprobe\t9",
        "service.nice\tprobe\tx",
        "service.oom\tprobe\t1001",
        "service.nice\tprobe\t20",
    ] {
        denied(&mut keeper, wrong);
    }
}

#[test]
fn limits() {
    let mut keeper = talk_two();
    let settings = ["service.rlimit\tprobe\tnofile\t123\t456", "service.rlimit\tprobe\tcore\t0\t0"];
    assert_eq!(output_two(&mut keeper, &settings, "ulimit -Sn; ulimit -Hn; ulimit -c"), "123\n456\n0\n");
    let lines = dump(&mut keeper);
    keeper.check(lines.iter().any(|l| body(l).starts_with("service.rlimit\tprobe\t")), &format!("{lines:?}"));
    for wrong in ["service.rlimit\tprobe\tbogus\t1\t2", "service.rlimit\tprobe\tnofile\t1", "service.rlimit\tprobe\tnofile\tx\t2"]
    {
        denied(&mut keeper, wrong);
    }
}

#[test]
fn a_user_with_groups() {
    if !e2e::is_root() {
        return e2e::skip("service.user", "needs root");
    }
    let mut keeper = talk_two();
    let settings = ["service.user\tprobe\t65534\t65533\t65531\t65532", "service.cwd\tprobe\t/"];
    let text = output_two(&mut keeper, &settings, "id -u; id -g; id -G; grep -E '^(Uid|Gid)' /proc/self/status | tr '\\\\t' ' '");
    assert_eq!(text, "65534\n65533\n65533 65531 65532\nUid: 65534 65534 65534 65534\nGid: 65533 65533 65533 65533\n");
    for wrong in ["service.user\tprobe\t1", "service.user\tprobe\tnobody\t1", "service.user\tprobe\t1\t-2"] {
        denied(&mut keeper, wrong);
    }
}

#[test]
fn a_session_is_the_default_and_a_group_can_be_had() {
    let mut keeper = talk_two();
    set(&mut keeper, "service.args\ta\tsleep\t1000");
    let pid = start_two(&mut keeper, "a").pid;
    let own = pid.to_string();
    keeper.check(stat_fields(pid)[2..4] == [own.clone(), own], "group and session are its own");
    set(&mut keeper, "service.args\tb\tsleep\t1000");
    set(&mut keeper, "service.opt\tb\tgroup");
    let pid = start_two(&mut keeper, "b").pid;
    keeper.check(stat_fields(pid)[2] == pid.to_string(), "the group is its own");
    for wrong in ["service.opt\tb\tbogus", "service.opt\tb\tdeath_signal", "service.opt\tb\tdeath_signal\tNOPE"] {
        denied(&mut keeper, wrong);
    }
}

#[test]
fn no_new_privileges_and_listen_pid() {
    let mut keeper = talk_two();
    let settings =
        ["service.opt\tprobe\tsession\tno_new_privs\tlisten_pid", "service.env\tprobe\tPATH=/usr/bin:/bin\tLISTEN_FDS=0"];
    let text = output_two(&mut keeper, &settings, "test \"$LISTEN_PID\" = $$ && echo mine; grep NoNewPrivs /proc/self/status");
    assert_eq!(text, "mine\nNoNewPrivs:\t1\n");
    let lines = dump(&mut keeper);
    keeper.check(lines.iter().any(|l| body(l).starts_with("service.opt\tprobe\t")), &format!("{lines:?}"));
}

#[test]
fn a_death_signal_ends_it_with_the_keeper() {
    let mut keeper = talk_two();
    set(&mut keeper, "service.args\ta\tsleep\t1000");
    set(&mut keeper, "service.opt\ta\tsession\tdeath_signal\tSIGKILL");
    let pid = start_two(&mut keeper, "a").pid;
    let child = Proc::find(pid).expect("it runs");
    keeper.signal(Signal::KILL);
    keeper.exit_status(e2e::PATIENCE);
    wait_until(e2e::PATIENCE, "it has died with the keeper", || (!child.alive()).then_some(()));
}

/// A cgroup of the second version, removed with everything in it.
struct Cgroup(std::path::PathBuf);

impl Cgroup {
    fn new() -> Option<Cgroup> {
        let mounts = std::fs::read_to_string("/proc/mounts").ok()?;
        let root = mounts.lines().find_map(|l| l.strip_prefix("cgroup2 ")?.split(' ').next())?;
        let path = std::path::Path::new(root).join(format!("abide-conformance-{}", std::process::id()));
        std::fs::create_dir(&path).ok()?;
        Some(Cgroup(path))
    }

    fn pids(&self) -> String {
        std::fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = std::fs::write(self.0.join("cgroup.kill"), "1");
        let mut pause = e2e::Pause::default();
        for _ in 0..100 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            pause.take();
        }
    }
}

#[test]
fn a_cgroup_is_born_in_and_killed_as_a_whole() {
    let Some(cgroup) = Cgroup::new() else { return e2e::skip("service.cgroup", "no cgroup can be made here") };
    let mut keeper = talk_two();
    set(&mut keeper, "service.args\ta\tsh\t-c\tsetsid sleep 1000 & setsid sleep 1000 & wait");
    set(&mut keeper, &format!("service.cgroup\ta\t{}", cgroup.0.display()));
    let pid = start_two(&mut keeper, "a").pid;
    wait_until(e2e::PATIENCE, "three are in it", || {
        (cgroup.pids().lines().count() == 3 && cgroup.pids().lines().any(|l| l == pid.to_string())).then_some(())
    });
    keeper.say("service.signal\ta\tKILL\ttree");
    keeper.wait_for("#<int>\tservice.state\ta\tdown\t<ts>\t<pid>\tsignal\tSIGKILL\t**");
    wait_until(e2e::PATIENCE, "nobody is left in it", || cgroup.pids().is_empty().then_some(()));
}

#[test]
fn a_tree_without_cgroup_is_signalled_with_its_orphans() {
    let mut keeper = talk_two();
    set(&mut keeper, "reap.adopted");
    // One in the group, and one that left the group, though not the session, and whose parent is gone.
    set(&mut keeper, "service.args\ta\tbash\t-c\tsleep 1000 & echo $! > one; bash -c 'set -m; sleep 1000 & echo $! > two'; wait");
    start_two(&mut keeper, "a");
    let member = |keeper: &Keeper, name: &str| {
        let text = keeper.wait_file(name, |t| t.ends_with('\n'));
        Proc::find(text.trim().parse().expect("a pid")).expect("it runs")
    };
    let (one, two) = (member(&keeper, "one"), member(&keeper, "two"));
    wait_until(e2e::PATIENCE, "the orphan is the keeper's", || {
        children_of(keeper.pid()).iter().find(|(p, _)| *p == two.pid).map(|_| ())
    });
    keeper.say("service.signal\ta\tKILL\ttree");
    keeper.wait_for("#<int>\tservice.state\ta\tdown\t<ts>\t<pid>\tsignal\tSIGKILL\t**");
    wait_until(e2e::PATIENCE, "nobody is left", || (!one.alive() && !two.alive()).then_some(()));
}

#[test]
fn what_never_ran_says_stage_and_reason() {
    let mut keeper = talk_two();
    let plain = keeper.write("plain", "no program\n").display().to_string();
    for (settings, failed) in [
        (vec!["service.args\ta\t/no/such/program".to_owned()], "exec:ENOENT"),
        (vec![format!("service.args\ta\t{plain}")], "exec:EACCES"),
        (vec!["service.args\ta\ttrue".to_owned(), "service.cwd\ta\t/no/such/folder".to_owned()], "cwd:ENOENT"),
    ] {
        settings.iter().for_each(|setting| set(&mut keeper, setting));
        keeper.say("service.start\ta");
        keeper.expect_match("#<int>\tservice.state\ta\tstart\t<ts>\t-\t-\t-\t-\t-\t-");
        let found = keeper.expect_match("#<int>\tservice.state\ta\tdown\t<ts>\t*\tfailed\t*\t*\t*\t*");
        keeper.check(found[3] == failed, &format!("{settings:?}: expected {failed}, got {found:?}"));
        keeper.barrier();
    }
}

#[test]
fn orphans_are_told() {
    let mut keeper = talk_two();
    set(&mut keeper, "reap.adopted");
    // They end when their service is known to be up: the keeper hears of that by another way than of an end.
    set(&mut keeper, "service.args\ta\tsh\t-c\t(sh -c 'until test -e one; do sleep 0.05; done; exit 9' &); sleep 1000");
    start_two(&mut keeper, "a");
    keeper.write("one", "");
    let found = keeper.wait_for("#<int>\torphan\t<pid>\texit\t9\t*");
    keeper.check(["a", "-"].contains(&found[2].as_str()), &format!("the service or a dash: {found:?}"));
    set(&mut keeper, "service.args\tb\tsh\t-c\t(sh -c 'until test -e two; do sleep 0.05; done; kill -9 $$' &); sleep 1000");
    start_two(&mut keeper, "b");
    keeper.write("two", "");
    keeper.wait_for("#<int>\torphan\t<pid>\tsignal\tSIGKILL\t*");
}

#[test]
fn a_stranger_is_adopted_by_pid_and_ident() {
    let mut keeper = talk_two();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "read x; exit 7"]).current_dir(keeper.root()).stdin(std::process::Stdio::piped());
    let mut child = command.spawn().expect("sh can be started");
    let process = Proc::find(child.id()).expect("it runs");
    denied(&mut keeper, &format!("service.adopt\ta\t{}\t{}", process.pid, process.start + 1));
    denied(&mut keeper, "service.adopt\ta\t999999999\t5");
    keeper.say(&format!("service.adopt\ta\t{}\t{}", process.pid, process.start));
    keeper.wait_for(&format!("#<int>\tservice.state\ta\tup\t<ts>\t{}\t-\t-\t<int>\t-\t{}", process.pid, process.start));
    drop(child.stdin.take());
    child.wait().expect("our own child");
    let found = keeper.wait_for(&format!("#<int>\tservice.state\ta\tdown\t<ts>\t{}\t*\t*\t*\t*\t{}", process.pid, process.start));
    let ending = (found[2].as_str(), found[3].as_str());
    keeper.check(ending == ("exit", "7") || ending == ("unseen", "-"), &format!("{found:?}"));
    if ending.0 == "unseen" {
        e2e::skip("the exit code of a stranger", "this kernel does not tell it");
    }
}

#[test]
fn what_is_kept_comes_again() {
    let mut keeper = talk_two();
    set(&mut keeper, "service.args\ta\tsleep\t1000");
    keeper.say("service.keep\ta");
    for _ in 0..3 {
        let pid = &keeper.wait_for("#<int>\tservice.state\ta\tup\t<ts>\t<pid>\t**")[2].clone();
        assert!(Proc::find(pid.parse().expect("digits")).expect("it runs").kill());
        keeper.wait_for(&format!("#<int>\tservice.state\ta\tdown\t<ts>\t{pid}\tsignal\tSIGKILL\t**"));
    }
}
