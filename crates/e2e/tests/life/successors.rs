//! What a life leaves to its successor, and the process to which it leaves itself.

use crate::SOON;
use crate::notify::{says, speaker, until_in_own_log, until_said, up_beside};
use e2e::{App, House, Proc, app_file, wait_until};
use rustix::process::Signal;
use std::time::Duration;

/// Stores two descriptors, says which it has got, and lets go of those that it is told.
const STORING: &str = r#"
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
names = os.environ.get("LISTEN_FDNAMES", "")
got = [os.readlink("/proc/self/fd/%d" % (3 + at)) for at in range(int(os.environ.get("LISTEN_FDS", 0)))]
print("got", names or "nothing", *got, flush=True)
if not names:
    for name in (b"a", b"b", b"c"):
        file = os.open(name.decode(), os.O_RDWR | os.O_CREAT)
        socket.send_fds(s, [b"FDSTORE=1\nFDNAME=" + name], [file])
s.send(b"READY=1")
for line in sys.stdin:
    s.send(b"FDSTOREREMOVE=1\nFDNAME=" + line.strip().encode())
    s.send(b"STATUS=removed " + line.strip().encode())
"#;

#[test]
fn what_is_removed_is_not_handed_on() {
    let house = House::new();
    let script = house.write("storing.py", STORING);
    let app = App::new("web", ["python3", script.to_str().expect("plain")]).with("stdin = \"pipe\"");
    house.up(&app_file(&[app.with("ready = { notify = true }\nstop_timeout = \"1s\"")]));
    house.until_logged("web-0", "out", "got nothing\n", SOON);
    let got = |names: &str| {
        let path = |name: &str| house.file(name).display().to_string();
        let files: Vec<String> = names.split(':').map(path).collect();
        house.until_logged("web-0", "out", &format!("got {names} {}\n", files.join(" ")), SOON);
    };
    house.abide(["restart", "web"]).ok();
    got("a:b:c");
    says(&house, "web", "b");
    until_said(&house, "web", "removed b");
    house.abide(["restart", "web"]).ok();
    got("a:c");
    // Under another steward, and after a crash.
    assert!(house.roles(SOON)[0].kill());
    says(&house, "web", "a");
    until_said(&house, "web", "removed a");
    assert!(house.process("web-0").kill());
    got("c");
    says(&house, "web", "c");
    until_said(&house, "web", "removed c");
    assert_eq!(std::fs::read_dir(house.home().join("run/fds")).expect("there").count(), 0);
    house.abide(["restart", "web"]).ok();
    wait_until(SOON, "nothing is left to the last life", || {
        let log = String::from_utf8_lossy(&house.log_bytes("web-0", "out")).into_owned();
        (log.matches("got nothing\n").count() == 2).then_some(())
    });
}

/// Each life stores one more and dies at once.
const SHORT: &str = r#"
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
names = os.environ.get("LISTEN_FDNAMES", "").split(":") if "LISTEN_FDS" in os.environ else []
print("got", len(names), ":".join(names), flush=True)
if len(names) == 8:
    s.send(b"READY=1")
    time.sleep(1000)
file = os.open("file%d" % len(names), os.O_RDWR | os.O_CREAT)
socket.send_fds(s, [b"FDSTORE=1\nFDNAME=n%d" % len(names)], [file])
os._exit(1)
"#;

#[test]
fn what_a_life_says_last_reaches_the_next() {
    let house = House::new();
    let script = house.write("short.py", SHORT);
    let app = App::new("web", ["python3", script.to_str().expect("plain")]).with("ready = { notify = true }");
    let backoff = "backoff = { min_ms = 1, max_ms = 1, threshold = 100 }\nstop_timeout = \"1s\"";
    let _up = up_beside(&house, &[app.with(backoff)]);
    let row = house.until_status("web-0", "ready", SOON);
    // None was missed: one restart for each.
    assert_eq!(row.restarts, 8, "{}", String::from_utf8_lossy(&house.log_bytes("web-0", "out")));
    house.until_logged("web-0", "out", "got 8 n0:n1:n2:n3:n4:n5:n6:n7\n", SOON);
}

/// Waits for a file; then stores one, and ends at once.
const WAITING: &str = r#"
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
if "LISTEN_FDNAMES" in os.environ:
    print("got", os.environ["LISTEN_FDNAMES"], flush=True)
    s.send(b"READY=1")
    time.sleep(1000)
while not os.path.exists(sys.argv[1]): time.sleep(0.02)
socket.send_fds(s, [b"FDSTORE=1\nFDNAME=last"], [os.open("file", os.O_RDWR | os.O_CREAT)])
os._exit(1)
"#;

#[test]
fn what_a_life_says_last_waits_for_the_next_steward() {
    let house = House::new();
    let (script, go) = (house.write("waiting.py", WAITING), house.file("go").display().to_string());
    let app = App::new("web", ["python3", script.to_str().expect("plain"), &go]).with("ready = { notify = true }");
    let _up = up_beside(&house, &[app.with("stop_timeout = \"1s\"")]);
    let pid = house.until("web-0", SOON, "runs", |row| row.pid.is_some()).pid.expect("it runs");
    let (life, [steward, ..]) = (Proc::find(pid).expect("it lives"), house.roles(SOON));
    // It hears nothing any more, and then it is gone.
    assert!(steward.signal(Signal::STOP));
    house.write("go", "");
    wait_until(SOON, "the life has ended", || (!life.alive()).then_some(()));
    assert!(steward.kill());
    house.until_logged("web-0", "out", "got last\n", SOON);
    let row = house.until_status("web-0", "ready", SOON);
    assert_eq!((row.restarts, row.exit.and_then(|exit| exit.code)), (1, Some(1)));
}

/// Leaves a daemon behind that lets go of everything, and names it. The daemon ends with the code that it reads.
const LAUNCHER: &str = r#"
import os, socket, sys
def say(words):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.sendto(words, os.environ["NOTIFY_SOCKET"])
pid = os.fork()
if pid:
    print("launcher", os.getpid(), "daemon", pid, flush=True)
    say(b"MAINPID=%d" % pid)
    if len(sys.argv) > 1:
        while not os.path.exists(sys.argv[1]): __import__("time").sleep(0.02)
    os._exit(3)
os.setsid()
os.closerange(3, 1000)
say(b"READY=1\nSTATUS=daemon %d" % os.getpid())
for line in sys.stdin:
    os._exit(int(line))
"#;

fn launcher(house: &House, name: &str) -> App {
    let script = house.write("launcher.py", LAUNCHER);
    let app = App::new(name, ["python3", script.to_str().expect("plain")]);
    app.with("ready = { notify = true }\nstdin = \"pipe\"\nstop_timeout = \"20s\"\nrestart = \"never\"")
}

/// The pids that the last launcher has printed; its line may come after the word of its daemon.
fn last_pids(house: &House) -> Option<(u32, u32)> {
    let log = String::from_utf8_lossy(&house.log_bytes("web-0", "out")).into_owned();
    let line = log.split_inclusive('\n').rfind(|line| line.starts_with("launcher ") && line.ends_with('\n'))?;
    let words: Vec<u32> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    Some((words[0], words[1]))
}

/// Waits until the life goes on with its daemon; gives back that.
#[track_caller]
fn until_daemon(house: &House) -> Proc {
    let row = house.until("web-0", SOON, "goes on with its daemon", |row| {
        row.status.word() == "ready" && row.pid.is_some() && row.pid == last_pids(house).map(|pids| pids.1)
    });
    Proc::find(row.pid.expect("it runs")).expect("it lives")
}

#[test]
fn a_life_goes_on_with_the_daemon_that_its_launcher_names() {
    let house = House::new();
    house.up(&app_file(&[launcher(&house, "web")]));
    let daemon = until_daemon(&house);
    let first = house.slot("web-0");
    assert_eq!(first.restarts, 0);
    let told = house.events(Some("web"));
    let told = told.iter().find(|line| line.event == "handed_over").expect("it is told");
    assert_eq!((told.instance.clone(), told.data["pid"].as_u64()), (first.instance.clone(), Some(daemon.pid.into())));
    // Other stewards take it for what it is.
    assert!(house.roles(SOON)[0].kill());
    house.roles(SOON);
    assert_eq!(until_daemon(&house), daemon);
    assert_eq!(house.slot("web-0").instance, first.instance);
    // Its code is the life's.
    says(&house, "web", "7");
    let row = house.until_status("web-0", "errored", SOON);
    assert_eq!(row.exit.and_then(|exit| exit.code), Some(7));
    // However often: the name is heard before the end of the launcher. And it is stopped like any other.
    for _ in 0..5 {
        house.abide(["start", "web"]).ok();
        let daemon = until_daemon(&house);
        let done = house.abide(["stop", "web"]).ok();
        assert!(done.took < Duration::from_secs(15), "{done:#?}");
        assert!(!daemon.alive());
        assert_eq!(house.slot("web-0").exit.and_then(|exit| exit.signal).as_deref(), Some("SIGTERM"));
    }
}

#[test]
fn a_daemon_is_adopted_by_another_keeper() {
    let house = House::new();
    house.up(&app_file(&[launcher(&house, "web")]));
    let daemon = until_daemon(&house);
    assert!(house.roles(SOON)[2].kill());
    house.roles(SOON);
    assert_eq!(until_daemon(&house), daemon);
    house.abide(["stop", "web"]).ok();
    assert!(!daemon.alive());
}

#[test]
fn what_was_named_is_known_to_the_next_steward() {
    let house = House::new();
    let script = house.write("launcher.py", LAUNCHER);
    let go = house.file("go").display().to_string();
    let app = App::new("web", ["python3", script.to_str().expect("plain"), &go]);
    house.up(&app_file(&[app.with("ready = { notify = true }\nstdin = \"pipe\"\nstop_timeout = \"1s\"\nrestart = \"never\"")]));
    let (first, daemon) = wait_until(SOON, "the launcher has spoken", || last_pids(&house));
    wait_until(SOON, "the other is shown", || (house.detail("web").slots[0].main_pid == Some(daemon)).then_some(()));
    assert_eq!(house.slot("web-0").pid, Some(first));
    assert!(house.roles(SOON)[0].kill());
    house.roles(SOON);
    assert_eq!(house.detail("web").slots[0].main_pid, Some(daemon));
    house.write("go", "");
    assert_eq!(until_daemon(&house).pid, daemon);
    says(&house, "web", "0");
    house.until_status("web-0", "completed", SOON);
}

#[test]
fn a_process_of_somebody_else_is_no_main_process() {
    let house = House::new();
    let up = up_beside(&house, &[speaker(&house, "web").with("restart = \"never\"")]);
    house.until_logged("web-0", "out", "speaks to", SOON);
    says(&house, "web", &format!(r"MAINPID={}\nREADY=1", std::process::id()));
    house.until_status("web-0", "ready", SOON);
    up.ends_well();
    assert_eq!(house.detail("web").slots[0].main_pid, None);
    until_in_own_log(&house, "MAINPID names a process that does not belong to it");
    assert!(house.process("web-0").kill());
    house.until_status("web-0", "errored", SOON);
}
