//! Readiness and health that are found out by asking, with a server in Python as the app.

use crate::SOON;
use e2e::{App, Disk, House, Pause, Proc, app_file, free_port, is_root, skip, wait_until};
use std::time::Duration;

/// A server that behaves as the first word of the file `mode` says, and notes who came and what was asked. `until FILE` first waits for that file;
/// `share` lets others listen at the same address.
const SERVER: &str = r#"
import os, socket, sys, threading, time
port, words = int(sys.argv[1]), sys.argv[2:]
print("starting", flush=True)
if "until" in words:
    while not os.path.exists(words[words.index("until") + 1]):
        time.sleep(0.01)
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if "share" in words:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
server.bind(("127.0.0.1", port))
server.listen(64)
print("listening", flush=True)
lock, busy, most = threading.Lock(), [], 0

def note(name, text):
    with open(name, "a") as file:
        file.write(text + "\n")

def behave(peer, mode):
    if mode == "hang":
        peer.recv(1)
    elif mode == "drip":
        peer.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            peer.sendall(b"x")
            time.sleep(0.01)
    elif mode == "heads":
        peer.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            peer.sendall(b"x-more: and more\r\n" * 100)
    elif mode == "flood":
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.sendall(b"flood " * 10000)
    elif mode == "redirect":
        peer.sendall(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:%d/\r\ncontent-length: 0\r\n\r\n" % port)
    elif mode == "busy":
        peer.sendall(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")
    elif mode == "ok":
        peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nall well")

def waits(peer):
    """Whether who asked still waits: if not, our thread may only not know it yet."""
    try:
        return peer.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False

def serve(peer):
    global most
    try:
        asked = b""
        while not asked.endswith(b"\r\n\r\n"):
            got = peer.recv(4096)
            if not got:
                return
            asked += got
        with lock:
            busy.append(peer)
            now = sum(waits(one) for one in busy)
            if now > most:
                most = now
                note("most", str(most))
        note("asked", "%d %s" % (os.getpid(), asked.split(b" ")[1].decode()))
        mode = open("mode").read().strip() if os.path.exists("mode") else "ok"
        try:
            behave(peer, mode)
        finally:
            with lock:
                busy.remove(peer)
    except OSError:
        pass
    finally:
        peer.close()

while True:
    peer, _ = server.accept()
    note("came", str(os.getpid()))
    threading.Thread(target=serve, args=(peer,), daemon=True).start()
"#;

/// The server as an app.
fn server(house: &House, name: &str, port: u16, words: &str) -> App {
    let script = house.write("server.py", SERVER);
    let script = script.to_str().expect("plain").to_owned();
    let words = words.split_whitespace().map(str::to_owned);
    App::new(name, ["python3".to_owned(), script, port.to_string()].into_iter().chain(words))
}

/// Brings these up without waiting for them.
fn begin(house: &House, apps: &[App]) {
    house.write("abide.toml", app_file(apps));
    house.abide(["start", "abide.toml", "--no-wait"]).ok();
}

fn path(house: &House, name: &str) -> String {
    house.file(name).to_str().expect("plain").to_owned()
}

/// Every reason that an event of this kind of a slot gave.
fn reasons(house: &House, app: &str, event: &str) -> Vec<String> {
    let events = house.events(Some(app));
    events.into_iter().filter(|line| line.event == event).map(|line| line.reason.unwrap_or_default()).collect()
}

#[test]
fn ready_by_http_and_by_tcp() {
    let house = House::new();
    let (web, db) = (free_port(), free_port());
    let until = format!("until {}", path(&house, "go"));
    begin(
        &house,
        &[
            server(&house, "web", web, &until).with(&format!("ready.http = \"http://localhost:{web}/at/{{{{instance}}}}\"")),
            server(&house, "db", db, &until).with(&format!("ready.tcp = {db}")),
        ],
    );
    for slot in ["web-0", "db-0"] {
        house.until_logged(slot, "out", "starting", SOON);
        assert_eq!(house.slot(slot).status.word(), "starting");
    }
    house.write("go", "");
    for slot in ["web-0", "db-0"] {
        house.until_status(slot, "ready", SOON);
    }
    let asked = house.notes("asked");
    assert!(asked.iter().any(|line| line.ends_with(" /at/web-0")), "{asked:?}");
    assert_eq!(house.events(Some("web")).iter().filter(|line| line.event == "ready").count(), 1);
}

/// Nobody listens: it has failed after its `start_timeout`.
#[test]
fn what_never_gets_ready_has_failed() {
    let house = House::new();
    let port = free_port();
    let app = App::puppet("web", &house.puppet(), "hang")
        .with(&format!("ready.tcp = \"127.0.0.1:{port}\""))
        .with("start_timeout = \"300ms\"\nrestart = \"never\"");
    begin(&house, &[app]);
    house.until_status("web-0", "errored", SOON);
    assert_eq!(reasons(&house, "web", "faulted").len(), 1);
}

/// Hostile answers of every kind: each ends in time, counts as bad and is told apart; the questions never overlap; and a good answer heals.
#[test]
fn row_40_a_hostile_health_check() {
    let house = House::new();
    let port = free_port();
    house.replace("mode", "ok");
    let app = |timeout: &str| {
        let check = format!(
            "healthcheck = {{ http = \"http://127.0.0.1:{port}/health\", status = \"2xx\", body = \"well\", interval = \"100ms\", \
             timeout = \"{timeout}\", failures = 2, action = \"none\" }}"
        );
        app_file(&[server(&house, "web", port, "").with(&check)])
    };
    house.up(&app("60s"));
    house.until_status("web-0", "ready", SOON);
    let pid = house.slot("web-0").pid;
    let table = [
        ("heads", "the head of its answer is larger than 64 KiB"),
        ("flood", "the body does not match `well`"),
        ("redirect", "status 302"),
        ("busy", "status 503"),
        ("close", "closed without an answer"),
        ("hang", "no answer within 2s"),
        ("drip", "no answer within 2s"),
    ];
    for (kind, why) in table {
        if kind == "hang" {
            // An answer may take its time, and only these never come.
            house.up(&app("2s"));
        }
        let before = reasons(&house, "web", "unhealthy").len();
        house.replace("mode", kind);
        let said = wait_until(SOON, &format!("{kind} is unhealthy"), || reasons(&house, "web", "unhealthy").get(before).cloned());
        assert!(said.starts_with(why), "{kind}: {said}");
        let row = house.slot("web-0");
        assert_eq!((row.status.word(), row.pid), ("unhealthy", pid), "{kind}");
        house.replace("mode", "ok");
        house.until_status("web-0", "ready", SOON);
    }
    assert_eq!(house.notes("most").last().map(String::as_str), Some("1"), "questions never overlap");
    let healed = reasons(&house, "web", "healthy").len();
    assert!(healed >= table.len() && healed == reasons(&house, "web", "unhealthy").len(), "{healed}");
}

/// A health check that fails ends the life, tree and all, and another follows.
#[test]
fn an_unhealthy_life_is_replaced_by_another() {
    let house = House::new();
    let port = free_port();
    house.replace("mode", "ok");
    let check =
        format!("healthcheck = {{ http = \"http://127.0.0.1:{port}/\", interval = \"100ms\", timeout = \"2s\", failures = 2 }}");
    begin(&house, &[server(&house, "web", port, "").with(&check)]);
    let first = house.until_status("web-0", "ready", SOON).pid;
    house.replace("mode", "hang");
    house.until("web-0", SOON, "lives again", |row| row.pid.is_some() && row.pid != first);
    house.replace("mode", "ok");
    // The second, too, may have been asked too often before that.
    house.until("web-0", SOON, "has been restarted for each time that it was unwell", |row| {
        row.status.word() == "ready" && row.restarts == reasons(&house, "web", "unhealthy").len() as u32
    });
    assert!(reasons(&house, "web", "faulted").iter().any(|why| why.contains("no answer within 2s")));
}

/// The answer of a sibling is no answer: two lives listen at one address, and each is ready only when it has answered itself.
#[test]
fn ready_is_asked_of_the_new_life_itself() {
    let house = House::new();
    let port = free_port();
    let until = path(&house, "go-{{slot}}");
    house.write("go-0", "");
    let app = server(&house, "web", port, &format!("share until {until}"));
    begin(&house, &[app.with("instances = 2").with(&format!("ready.http = \"http://127.0.0.1:{port}/{{{{slot}}}}\""))]);
    let first = house.until_status("web-0", "ready", SOON);
    house.until_logged("web-1", "out", "starting", SOON);
    // The first one would answer for the second: it is connected to, again and again, and never asked.
    let pid = first.pid.expect("it runs").to_string();
    let came = || house.notes("came").iter().filter(|line| **line == pid).count();
    let before = came();
    wait_until(SOON, "the second has been probed", || (came() > before + 2).then_some(()));
    assert_eq!(house.slot("web-1").status.word(), "starting");
    assert!(house.notes("asked").iter().all(|line| line.ends_with("/0")), "{:?}", house.notes("asked"));
    house.write("go-1", "");
    let second = house.until_status("web-1", "ready", SOON);
    let asked = house.notes("asked");
    let own = format!("{} /1", second.pid.expect("it runs"));
    assert_eq!(asked.iter().filter(|line| line.ends_with("/1")).collect::<Vec<_>>(), [&own], "each by itself");
}

/// Another app that runs may be what an app is asked through.
#[test]
fn an_app_may_be_asked_through_another() {
    let house = House::new();
    let port = free_port();
    let proxy = server(&house, "proxy", port, "").with(&format!("ready.tcp = {port}"));
    let behind = App::puppet("behind", &house.puppet(), "hang").with(&format!("ready.http = \"http://127.0.0.1:{port}/behind\""));
    begin(&house, &[proxy, behind]);
    house.until_status("behind-0", "ready", SOON);
}

#[test]
fn ready_by_a_line_of_output() {
    let house = House::new();
    let script = format!("print:starting until:{} eprint:listening_on_80 hang", path(&house, "go"));
    begin(&house, &[App::puppet("web", &house.puppet(), &script).with("ready.log = \"^listening_on_[0-9]+$\"")]);
    house.until_logged("web-0", "out", "starting", SOON);
    assert_eq!(house.slot("web-0").status.word(), "starting");
    house.write("go", "");
    let first = house.until_status("web-0", "ready", SOON);
    // The line of the life before does not make the next one ready.
    std::fs::remove_file(house.file("go")).expect("it is there");
    house.abide(["restart", "web", "--no-wait"]).ok();
    house.until("web-0", SOON, "is another", |row| row.pid.is_some() && row.pid != first.pid && row.status.word() == "starting");
    house.until_logged("web-0", "out", "starting\nstarting", SOON);
    assert_eq!(house.slot("web-0").status.word(), "starting");
    house.write("go", "");
    house.until_status("web-0", "ready", SOON);
}

/// What was printed while none of our roles lived is found by the next steward.
#[test]
fn a_line_that_nobody_was_there_to_hear() {
    let house = House::new();
    let script = format!("print:starting until:{} print:listening note:{} hang", path(&house, "go"), path(&house, "said"));
    begin(&house, &[App::puppet("web", &house.puppet(), &script).with("ready.log = \"listening\"")]);
    house.until_logged("web-0", "out", "starting", SOON);
    let app: Proc = house.process("web-0");
    house.kill_roles();
    house.write("go", "");
    wait_until(SOON, "it has said it", || (!house.notes("said").is_empty()).then_some(()));
    house.until_status("web-0", "ready", SOON);
    assert_eq!(house.process("web-0"), app, "the same life");
}

/// One line among a million, in files that are rotated all the time.
#[test]
fn a_line_in_a_flood() {
    let house = House::new();
    let script = "flood:300000 print:listening flood:300000 hang";
    let app = App::puppet("web", &house.puppet(), script).with("ready.log = \"^listening$\"").with("log_max_size = \"2M\"");
    begin(&house, &[app.with("log_max_files = 100")]);
    house.until_status("web-0", "ready", SOON);
}

#[test]
fn silence_is_a_failure_where_it_is_asked_for() {
    let house = House::new();
    let check = "healthcheck = { log_silence = \"5s\", interval = \"100ms\", failures = 2, action = \"none\" }";
    let script = format!("print:one until:{} print:two hang", path(&house, "go"));
    let quiet = App::puppet("quiet", &house.puppet(), &script).with(check);
    let loud = App::puppet("loud", &house.puppet(), "lines:0:20").with(check);
    begin(&house, &[quiet, loud]);
    house.until_status("quiet-0", "unhealthy", SOON);
    assert_eq!(reasons(&house, "quiet", "unhealthy"), ["nothing printed for 5s"]);
    house.write("go", "");
    wait_until(SOON, "it is healthy when it prints", || (!reasons(&house, "quiet", "healthy").is_empty()).then_some(()));
    assert!(reasons(&house, "loud", "unhealthy").is_empty(), "who prints is well");
}

/// What cannot be written is not silence.
#[test]
fn a_full_disk_is_no_silence() {
    if !is_root() {
        return skip("a full disk under log_silence", "needs root, to mount a file system");
    }
    let house = House::new();
    std::fs::create_dir_all(house.home()).expect("our own folder");
    let Some(disk) = Disk::small("a full disk under log_silence", &house.home().join("logs"), 1024) else { return };
    let check = "healthcheck = { log_silence = \"4s\", interval = \"100ms\", failures = 2 }";
    begin(&house, &[App::puppet("web", &house.puppet(), "lines:0:500").with(check).with("log_max_size = 0")]);
    house.until_logged("web-0", "out", "line 5\n", SOON);
    disk.fill();
    wait_until(SOON, "the trouble is told", || house.events(Some("web")).iter().any(|e| e.event == "log.trouble").then_some(()));
    Pause::measure(Duration::from_secs(6));
    disk.free();
    wait_until(SOON, "the end of the trouble is told", || {
        house.events(Some("web")).iter().any(|e| e.event == "log.resumed").then_some(())
    });
    assert!(reasons(&house, "web", "unhealthy").is_empty(), "{:#?}", house.events(Some("web")));
}
