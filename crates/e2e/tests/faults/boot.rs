//! What an earlier boot, an earlier process or somebody else left behind.

use crate::SOON;
use e2e::{App, House, Proc, app_file, is_root, run, skip, wait_until};
use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Duration;

/// Whether `unshare` with these flags works here.
fn can_unshare(flags: &[&str]) -> bool {
    Command::new("unshare").args(flags).arg("true").output().is_ok_and(|o| o.status.success())
}

#[test]
fn row_07_another_boot_touches_nobody_and_starts_all_afresh() {
    if !is_root() || !can_unshare(&["--mount"]) {
        return skip("row 7", "needs root and mount namespaces, to show another boot id");
    }
    let house = House::new();
    let starts = house.file("starts");
    house.up(&app_file(&[App::puppet("web", &house.puppet(), &format!("note:{} ignore hang", starts.display()))]));
    // After a reboot this pid, were it in use, would be a stranger's.
    let stranger = house.process("web-0");
    let life = house.slot("web-0").instance;
    house.kill_roles();
    let boot = house.write("boot_id", "11111111-2222-4333-8444-555555555555\n");
    let script = "mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\"";
    let mut command = house.plain("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(boot).arg(house.bins().path("abide"));
    command.arg("--home").arg(house.home()).args(["list", "--json"]);
    run(command, Duration::from_secs(60)).ok();
    let row = house.until("web-0", SOON, "runs afresh", |r| r.status.word() == "running" && r.pid != Some(stranger.pid));
    assert_ne!(row.instance, life);
    assert!(stranger.alive(), "a process of another boot's record was signalled");
    wait_until(SOON, "the new life has begun", || (house.notes("starts").len() == 2).then_some(()));
    let events = house.events(None);
    let boot = events.iter().rposition(|e| e.event == "manager.started").expect("it was started");
    assert!(events[boot..].iter().all(|e| e.event != "adopted" && e.event != "foreign"), "{events:#?}");
}

/// Runs in a pid namespace of its own: ABIDE, HOME-FOLDER, PUPPET. Ends with 0 if the stranger lives and the app is back.
const REUSE: &str = r#"
set -eu
A=$1 H=$2 P=$3
until_ok() { for _ in $(seq 2000); do "$@" && return 0; sleep 0.05; done; echo "in vain: $*" >&2; return 1; }
A_() { "$A" --home "$H" "$@"; }
A_ start "$P hang" --name web
pid=$(A_ list --json | tr ',{' '\n\n' | sed -n 's/^"pid"://p' | head -1)
[ "$pid" -gt 1 ]
pids() { for d in /proc/[0-9]*; do { tr '\0' ' ' <"$d/cmdline"; } 2>/dev/null | grep -q -- "--home $H" && echo "${d#/proc/}" || :; done; }
gone() { kill -9 "$pid" $(pids) 2>/dev/null || :; ! [ -d /proc/$pid ] && [ -z "$(pids)" ]; }
until_ok gone
taken() {
    echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
    setpriv --reuid 65534 --regid 65534 --clear-groups "$P" hang & [ $! = "$pid" ] && return 0
    kill -9 $!; return 1
}
until_ok taken
back() { A_ list --json | grep -q '"status":"running"'; }
until_ok back
! A_ list --json | grep -q "\"pid\":$pid,"
A_ stop web
A_ daemon stop
[ -d /proc/$pid ] && ! grep -q '^State:.Z' /proc/$pid/status
echo the stranger lives
"#;

#[test]
fn row_08_a_pid_that_is_used_again_is_never_signalled() {
    if !is_root() || !can_unshare(&["--pid", "--fork", "--mount-proc"]) {
        return skip("row 8", "needs root and pid namespaces, to give a pid to somebody else");
    }
    let house = House::new();
    let mut command = house.plain("unshare");
    command.args(["--pid", "--fork", "--mount-proc", "--kill-child", "bash", "-c", REUSE, "reuse"]);
    command.arg(house.bins().path("abide")).arg(house.home()).arg(house.puppet());
    // The guard's pid means nothing in there, and the puppet ends by `--kill-child`.
    command.env_remove("E2E_GUARD");
    let done = run(command, Duration::from_secs(240)).ok();
    assert!(done.out.contains("the stranger lives"), "{done:#?}");
}

/// A home in which something was planted before the manager's first start.
fn planted(plant: impl FnOnce(&std::path::Path)) -> House {
    let house = House::new();
    let run = house.home().join("run");
    fs::create_dir_all(&run).expect("our own folder");
    for folder in [house.home(), run.clone()] {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("our own folder");
    }
    plant(&run);
    house
}

#[test]
fn row_09_a_stale_socket_and_pid_file_are_no_obstacle() {
    let house = planted(|run| {
        drop(UnixListener::bind(run.join("abide.sock")).expect("a path of ours"));
        fs::write(run.join("abide.pid"), "1\n").expect("our own file");
        fs::write(run.join("lock"), "1\n").expect("our own file");
    });
    house.abide(["daemon", "start"]).ok();
    assert_eq!(house.list(), []);
    let kind = fs::symlink_metadata(house.home().join("run/abide.sock")).expect("it listens").file_type();
    assert!(kind.is_socket());
    assert!(Proc::find(1).is_some());
}

#[test]
fn row_09_what_is_no_socket_of_ours_is_not_destroyed() {
    let house = planted(|run| fs::write(run.join("abide.sock"), "precious\n").expect("our own file"));
    let done = house.abide(["daemon", "start"]);
    let socket = house.home().join("run/abide.sock");
    assert_eq!(fs::read_to_string(&socket).ok().as_deref(), Some("precious\n"), "a plain file was destroyed: {done:#?}");
    assert!(matches!(done.code, Some(4 | 5)), "{done:#?}");
    assert!(done.err.contains("abide.sock") || done.err.contains("daemon.log"), "it says where to look: {done:#?}");
}

#[test]
fn row_09_a_symlink_is_not_followed() {
    let elsewhere = tempfile::tempdir().expect("a folder in /tmp");
    let target = elsewhere.path().join("target.sock");
    // It listens and never answers: who follows the link waits for ever.
    let _silent = UnixListener::bind(&target).expect("a path of ours");
    let house = planted(|run| symlink(&target, run.join("abide.sock")).expect("a path of ours"));
    // Refused, and not waited for: that ends otherwise (4).
    let done = house.abide(["daemon", "start"]).code(5);
    assert!(done.err.contains("abide.sock"), "{done:#?}");
    assert!(fs::symlink_metadata(&target).expect("it is there").file_type().is_socket(), "the target was destroyed: {done:#?}");
    let link = fs::symlink_metadata(house.home().join("run/abide.sock")).expect("something is there").file_type();
    assert!(link.is_socket() || done.code != Some(0), "a link was taken for our socket: {done:#?}");
}
