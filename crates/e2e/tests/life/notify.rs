//! The channels by which a life speaks for itself, and its standard input.

use super::SOON;
use e2e::{App, House, Proc, app_file, open_files, skip, wait_until};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// Sends each line that it reads to `NOTIFY_SOCKET`, with nothing but Python's own library.
pub(crate) const SPEAKER: &str = r#"
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
to = os.environ["NOTIFY_SOCKET"]
s.connect(to)
print("speaks to", to, "watchdog", os.environ.get("WATCHDOG_USEC"), flush=True)
for line in sys.stdin:
    words = line.rstrip("\n").encode().decode("unicode_escape").encode("latin1")
    if words == b"HOSTILE":
        null = os.open("/dev/null", os.O_RDONLY)
        s.send(b"")
        s.send(b"\0" * 4096)
        s.send(bytes(range(256)) * 8)
        s.send(b"x" * 100000)
        try:
            s.send(b"x" * 1000000)
        except OSError as error:
            print("too long:", error.errno, flush=True)
        for _ in range(20):
            socket.send_fds(s, [b"X=1"], [null] * 250)
            socket.send_fds(s, [b"FDSTORE=1"], [null] * 250)
        for n in range(5000):
            s.send(b"STATUS=%d\nWATCHDOG=1" % n)
    else:
        s.send(words)
"#;

/// A command that goes on beside the test.
pub(crate) struct Beside(Child);

impl Beside {
    #[track_caller]
    pub(crate) fn ends_well(mut self) {
        assert!(self.0.wait().expect("it can be waited for").success());
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Brings apps up that are not ready yet.
pub(crate) fn up_beside(house: &House, apps: &[App]) -> Beside {
    house.write("abide.toml", app_file(apps));
    let mut command = house.command(["up"]);
    Beside(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("abide"))
}

pub(crate) fn speaker(house: &House, name: &str) -> App {
    let script = house.write("speaker.py", SPEAKER);
    let app = App::new(name, ["python3", script.to_str().expect("plain")]);
    app.with("ready = { notify = true }").with("stdin = \"pipe\"").with("stop_timeout = \"1s\"")
}

pub(crate) fn says(house: &House, app: &str, words: &str) {
    house.abide(["send", app, words]).ok();
}

/// Waits until `status` shows what an app last said of itself.
#[track_caller]
pub(crate) fn until_said(house: &House, app: &str, said: &str) {
    wait_until(SOON, &format!("{app} has said {said}"), || house.abide(["status", app]).ok().out.contains(said).then_some(()));
}

#[test]
fn sd_notify_from_the_first_word_to_the_last() {
    let house = House::new();
    let up = up_beside(&house, &[speaker(&house, "web").with("watchdog = \"5m\"")]);
    let log = house.until_logged("web-0", "out", "speaks to", SOON);
    assert!(log.contains("run/notify/i") && log.contains("watchdog 300000000"), "{log}");
    house.until_status("web-0", "starting", SOON);
    says(&house, "web", r"STATUS=warming \x1b[1m up\nEXTEND_TIMEOUT_USEC=30000000");
    until_said(&house, "web", r"warming \x1b[1m up");
    assert_eq!(house.slot("web-0").status.word(), "starting");
    says(&house, "web", r"READY=1\nSTATUS=serving");
    house.until_status("web-0", "ready", SOON);
    up.ends_well();
    says(&house, "web", "RELOADING=1");
    house.until_status("web-0", "reloading", SOON);
    says(&house, "web", "READY=1");
    let before = house.until_status("web-0", "ready", SOON);
    // It asks for what a watchdog does.
    says(&house, "web", "WATCHDOG=trigger");
    let after = house.until("web-0", SOON, "is another", |row| row.pid.is_some() && row.pid != before.pid);
    assert_eq!(after.restarts, 1, "{after:?}");
    house.abide(["stop", "web"]).ok();
    let left = std::fs::read_dir(house.home().join("run/notify")).expect("there").count();
    assert_eq!(left, 0, "sockets of lives that are over");
}

#[test]
fn what_it_has_told_outlives_the_steward() {
    let house = House::new();
    let script = house.write("speaker.py", SPEAKER);
    let both = format!("sleep 1000 & echo child $! is there; exec python3 {}", script.display());
    let app = App::new("web", ["sh", "-c", &both]).with("ready = { notify = true }\nstdin = \"pipe\"\nstart_timeout = \"10s\"");
    let up = up_beside(&house, &[app.with("stop_timeout = \"1s\"")]);
    let log = house.until_logged("web-0", "out", "speaks to", SOON);
    let child = log.split(' ').nth(1).expect("its pid").to_owned();
    says(&house, "web", &format!("EXTEND_TIMEOUT_USEC=60000000\\nMAINPID={child}\\nSTATUS=extended"));
    until_said(&house, "web", "extended");
    let pid = house.slot("web-0").pid;
    assert!(house.roles(SOON)[0].kill());
    house.until("web-0", SOON, "is older than start_timeout", |row| row.uptime_ms > Some(11_000));
    let row = house.slot("web-0");
    assert_eq!((row.status.word(), row.pid, row.restarts), ("starting", pid, 0), "the time that it has asked for is not over");
    house.abide(["signal", "CONT", "web"]).ok().says(&[&format!("pid {child}")]);
    says(&house, "web", "READY=1");
    house.until_status("web-0", "ready", SOON);
    up.ends_well();
}

#[test]
fn row_41_hostile_messages() {
    let house = House::new();
    let up = up_beside(&house, &[speaker(&house, "web")]);
    let log = house.until_logged("web-0", "out", "speaks to", SOON);
    let socket = log.split(' ').nth(2).expect("its path").to_owned();
    let [steward, ..] = house.roles(SOON);
    let open = open_files(steward.pid).len();
    // A stranger who is still there when it is looked at.
    let script = "import socket,sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1\\nSTATUS=stranger', sys.argv[1]); print('sent', flush=True); sys.stdin.read()";
    let mut command = house.plain("python3");
    let mut stranger =
        Beside(command.args(["-c", script, &socket]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3"));
    let mut line = String::new();
    BufReader::new(stranger.0.stdout.take().expect("piped")).read_line(&mut line).expect("read");
    assert_eq!(line, "sent\n");
    says(&house, "web", "HOSTILE");
    says(&house, "web", "STATUS=still here");
    until_said(&house, "web", "still here");
    assert_eq!(house.slot("web-0").status.word(), "starting", "nobody else can say that it is ready");
    says(&house, "web", "READY=1");
    house.until_status("web-0", "ready", SOON);
    up.ends_well();
    assert_eq!(house.roles(SOON)[0].pid, steward.pid, "the steward lives");
    wait_until(SOON, "descriptors that nobody asked for are closed", || {
        (open_files(steward.pid).len() < open + 20).then_some(())
    });
    for word in ["does not belong to it", "longer than 4096 bytes", "empty or not text"] {
        until_in_own_log(&house, word);
    }
}

/// Waits until the manager's own log has these words: they are on their way for a moment.
#[track_caller]
pub(crate) fn until_in_own_log(house: &House, words: &str) {
    let log = || String::from_utf8_lossy(&std::fs::read(house.home().join("daemon.log")).unwrap_or_default()).into_owned();
    wait_until(SOON, &format!("daemon.log has {words:?}"), || log().contains(words).then_some(()));
}

/// Three ways to say it, each once the file `go` is there.
fn patient(house: &House) -> Vec<App> {
    let go = house.file("go").display().to_string();
    let python = "import os,socket,sys,time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.02)\ns=socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\ns.sendto(b'READY=1', os.environ['NOTIFY_SOCKET'])\ntime.sleep(1000)";
    let shell = format!("until [ -e {go} ]; do sleep 0.02; done; printf '\\n' >&$READY_FD; exec sleep 1000");
    let exact = format!("until [ -e {go} ]; do sleep 0.02; done; echo >&7; exec sleep 1000");
    let node = "const fs = require('fs'); const t = setInterval(() => { process.send({ some: 'news' }); if (fs.existsSync(process.argv[1])) { clearInterval(t); process.send('ready'); } }, 20); process.on('disconnect', () => console.log('disconnected')); setInterval(() => {}, 1000);";
    let stop = "stop_timeout = \"1s\"";
    vec![
        App::new("notify", ["python3", "-c", python, &go]).with("ready = { notify = true }").with(stop),
        App::new("feed", ["sh", "-c", &shell]).with("ready = { fd = \"auto\" }").with(stop),
        App::new("exact", ["sh", "-c", &exact]).with("ready = { fd = 7 }").with(stop),
        App::new("node", ["node", "-e", node, &go]).with("ready = { node_ipc = true }").with(stop),
    ]
}

fn all_become_ready(disturb: impl Fn(&House)) {
    let house = House::new();
    let apps = ["notify-0", "feed-0", "exact-0", "node-0"];
    let up = up_beside(&house, &patient(&house));
    let pids: Vec<_> =
        apps.map(|app| house.until(app, SOON, "runs", |row| row.pid.is_some() && row.status.word() == "starting").pid).into();
    disturb(&house);
    house.write("go", "");
    let after = apps.map(|app| house.until_status(app, "ready", SOON).pid);
    assert_eq!(pids, after, "the same lives");
    up.ends_well();
    assert!(!String::from_utf8_lossy(&house.log_bytes("node-0", "out")).contains("disconnected"));
}

#[test]
fn a_socket_a_line_feed_and_a_message_of_node() {
    all_become_ready(|_| ());
}

#[test]
fn the_steward_dies_before_they_are_ready() {
    all_become_ready(|house| {
        // The next steward may begin at any moment, before the word or after it.
        assert!(house.roles(SOON)[0].kill());
    });
}

#[test]
fn whoever_says_it_may_be_gone_when_it_is_heard() {
    if Command::new("systemd-notify").arg("--version").stdout(Stdio::null()).status().is_err() {
        return skip("a sender that is gone", "there is no systemd-notify on this machine");
    }
    let house = House::new();
    let app = App::new("web", ["sh", "-c", "systemd-notify --ready --status=done; exec sleep 1000"]);
    house.up(&app_file(&[app.with("ready = { notify = true }")]));
    house.until_status("web-0", "ready", SOON);
    until_said(&house, "web", "done");
}

#[test]
fn redis_says_that_it_is_ready() {
    if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
        return skip("redis-server", "it is not installed on this machine");
    }
    let house = House::new();
    let socket = house.file("redis.sock").display().to_string();
    let args = ["redis-server", "--supervised", "systemd", "--port", "0", "--save", "", "--unixsocket", &socket];
    house.up(&app_file(&[App::new("redis", args).with("ready = { notify = true }")]));
    house.until_status("redis-0", "ready", SOON);
    // It answers at the very moment at which it is called ready.
    let mut line = std::os::unix::net::UnixStream::connect(&socket).expect("it listens");
    line.write_all(b"PING\r\n").expect("asked");
    let mut answer = String::new();
    BufReader::new(line).read_line(&mut answer).expect("answered");
    assert_eq!(answer, "+PONG\r\n");
    until_said(&house, "redis", "Ready to accept connections");
}

const KEEPER_OF_SOCKETS: &str = r#"
import os, socket, sys
to = os.environ["NOTIFY_SOCKET"]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(to)
if "LISTEN_FDS" in os.environ:
    fds = int(os.environ["LISTEN_FDS"])
    ours = os.environ["LISTEN_PID"] == str(os.getpid())
    listener = socket.socket(fileno=3)
    print("inherited", fds, os.environ["LISTEN_FDNAMES"], ours, listener.getsockname()[1], flush=True)
else:
    listener = socket.create_server(("127.0.0.1", 0))
    print("made", listener.getsockname()[1], flush=True)
socket.send_fds(s, [b"FDSTORE=1\nFDNAME=web socket"], [listener.fileno()])
s.send(b"READY=1")
sys.stdin.read()
"#;

#[test]
fn a_stored_socket_goes_to_the_next_life() {
    let house = House::new();
    let script = house.write("keeper.py", KEEPER_OF_SOCKETS);
    let app = App::new("web", ["python3", script.to_str().expect("plain")]);
    house.up(&app_file(&[app.with("ready = { notify = true }").with("stdin = \"pipe\"")]));
    house.until_status("web-0", "ready", SOON);
    let log = house.until_logged("web-0", "out", "made ", SOON);
    let port = log.trim().rsplit(' ').next().expect("a port").to_owned();
    let inherited = |times: usize| {
        wait_until(SOON, &format!("{times} lives have inherited the socket"), || {
            let log = String::from_utf8_lossy(&house.log_bytes("web-0", "out")).into_owned();
            let line = format!("inherited 1 web socket True {port}\n");
            (log.matches(&line).count() == times).then_some(())
        });
    };
    house.abide(["restart", "web"]).ok();
    inherited(1);
    // A life that crashes, under another steward than the one that was given the socket.
    assert!(house.roles(SOON)[0].kill());
    house.roles(SOON);
    assert!(house.process("web-0").kill());
    inherited(2);
    house.until_status("web-0", "ready", SOON);
    // Nothing is left to a slot that was stopped by wish.
    house.abide(["stop", "web"]).ok();
    assert_eq!(std::fs::read_dir(house.home().join("run/fds")).expect("there").count(), 0);
    house.abide(["start", "web"]).ok();
    house.until_status("web-0", "ready", SOON);
    wait_until(SOON, "the socket is made anew", || {
        let log = String::from_utf8_lossy(&house.log_bytes("web-0", "out")).into_owned();
        (log.matches("made ").count() == 2).then_some(())
    });
}

#[test]
fn lines_for_the_standard_input() {
    let house = House::new();
    let apps = [
        App::new("cat", ["cat"]).with("stdin = \"pipe\"").with("instances = 2"),
        App::new("deaf", ["sleep", "1000"]).with("stdin = \"pipe\""),
        App::new("shut", ["sh", "-c", "exec <&-; exec sleep 1000"]).with("stdin = \"pipe\""),
        App::new("none", ["sleep", "1000"]),
    ];
    house.up(&app_file(&apps));
    house.abide(["send", "cat", "to both", "-n"]).ok().says(&["11 bytes", "cat-0, cat-1"]);
    for slot in ["cat-0", "cat-1"] {
        house.until_logged(slot, "out", "to both\n-n\n", SOON);
    }
    // Another steward finds the same way in.
    assert!(house.roles(SOON)[0].kill());
    house.abide(["send", "cat-1", "to one"]).ok();
    house.until_logged("cat-1", "out", "to one\n", SOON);
    assert!(!String::from_utf8_lossy(&house.log_bytes("cat-0", "out")).contains("to one"));
    house.abide(["send", "none", "x"]).code(1).says(&["none-0", "/dev/null", "stdin = \"pipe\""]);
    let long = "x".repeat(60_000);
    let full =
        wait_until(SOON, "its pipe is full", || Some(house.abide(["send", "deaf", &long])).filter(|done| done.code == Some(1)));
    full.says(&["does not read its standard input", "bytes wait", "deaf-0"]);
    wait_until(SOON, "it has closed its input", || Some(house.abide(["send", "shut", "x"])).filter(|done| done.code == Some(1)))
        .says(&["has closed its standard input"]);
    house.abide(["send", "nobody", "x"]).code(1);
    house.abide(["stop", "cat"]).ok();
    house.abide(["send", "cat", "x"]).code(1).says(&["not running"]);
}

#[test]
fn attached_and_left_again() {
    let house = House::new();
    house.up(&app_file(&[App::new("cat", ["cat"]).with("stdin = \"pipe\""), App::new("none", ["sleep", "1000"])]));
    house.abide(["attach", "none"]).code(1).says(&["stdin = \"pipe\""]);
    let cat: Proc = house.process("cat-0");
    let mut command = house.command(["attach", "cat"]);
    let mut attached =
        Beside(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("abide"));
    let mut input = attached.0.stdin.take().expect("piped");
    let mut output = BufReader::new(attached.0.stdout.take().expect("piped"));
    // It follows from some moment on: said until it is seen.
    let said = std::thread::spawn(move || {
        let mut line = String::new();
        // Kept open: who is attached leaves when nobody reads.
        output.read_line(&mut line).map(|_| (line, output))
    });
    wait_until(SOON, "what was typed is seen", || {
        input.write_all(b"hello there\n").expect("typed");
        said.is_finished().then_some(())
    });
    let (line, output) = said.join().expect("reader").expect("read");
    assert!(line.contains("hello there"), "{line}");
    drop(input);
    attached.ends_well();
    drop(output);
    assert!(cat.alive());
}
