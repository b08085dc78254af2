//! Another executable in the keeper's place. The test program is that one too.

use crate::common::{Keeper, until};
use crate::me;
use std::io::Write;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use wire::{Event, ServiceState};

/// The number that the second argument is.
fn ledger() -> std::os::fd::OwnedFd {
    let number = std::env::args().nth(2).and_then(|text| text.parse().ok()).expect("a number");
    sys::handle::adopt_number(number).expect("open")
}

/// What `--can-read-ledger` does.
pub(crate) fn asked() -> ExitCode {
    match keeper::shell::check_ledger(ledger()) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// What `--ledger` does.
pub(crate) fn taking_over() -> ExitCode {
    let shell = keeper::shell::Shell::from_ledger(ledger()).expect("taken over");
    ExitCode::from(shell.run().expect("runs") as u8)
}

fn upgraded(event: &Event) -> Option<()> {
    matches!(event, Event::Other(fields) if fields.first().is_some_and(|verb| verb == "upgrade")).then_some(())
}

/// How often this very process has been given to an executable cannot be seen from outside, but its arguments can.
fn arguments(pid: u32) -> String {
    String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/cmdline")).expect("runs")).into_owned()
}

fn refused(k: &mut Keeper, path: &str) -> String {
    k.send(&["upgrade", path]);
    k.error()
}

pub(crate) fn an_upgrade_keeps_everything() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut k = Keeper::start();
    let keeper = k.process.id();
    k.send(&["fd.open", "out", "write,create", &path("out")]);
    k.send(&["fd.pipe", "r", "w", ""]);
    // One that lives on, one that has ended, one that ends while nobody looks.
    k.service("lives", &["sleep", "1000"]);
    let lives = k.up("lives");
    k.service("ended", &["sh", "-c", "exit 7"]);
    k.down("ended");
    k.send(&["service.fds", "reader", "r", "out", "null"]);
    k.service("reader", &["sh", "-c", "read x; echo got $x; exit 9"]);
    let reader = k.up("reader");
    // A stranger that was adopted ends after the upgrades.
    let mut stranger = Command::new("sh").args(["-c", "read x; exit 42"]).stdin(Stdio::piped()).spawn().expect("sh");
    let ident = sys::process::start_time(stranger.id()).expect("runs");
    k.send(&["service.adopt", "stranger", &stranger.id().to_string(), &ident.to_string()]);
    k.up("stranger");
    for upgrade in 1..=3 {
        k.send(&["upgrade", &me()]);
        // What is said meanwhile is done by the one or the other.
        k.send(&["service.tags", "ended", "meanwhile"]);
        k.wait("upgrade", upgraded);
        assert!(arguments(keeper).contains("--ledger"));
        k.send(&["service.tags", "lives", &format!("upgrade={upgrade}")]);
        let of = |e: &Event| if let Event::Tags { name, tags } = e { (name == "lives").then(|| tags.clone()) } else { None };
        let tags = k.wait("tags", of);
        assert_eq!(tags, [format!("upgrade={upgrade}")]);
        assert_eq!(sys::process::start_time(lives.0), Some(lives.1));
    }
    assert_eq!(k.process.try_wait().expect("ours"), None, "the same process");
    k.send(&["statedump"]);
    k.send(&["echo", "barrier"]);
    let mut states = Vec::new();
    loop {
        match k.event() {
            Event::State { name, state } => states.push((name, state)),
            Event::Other(fields) if fields == ["barrier"] => break,
            _ => {}
        }
    }
    let of = |name: &str| &states.iter().find(|(known, _)| known == name).expect("known").1;
    assert!(matches!(of("lives"), ServiceState::Up { pid, ident, .. } if (*pid, *ident) == lives));
    assert!(matches!(of("ended"), ServiceState::Exited { code: 7, .. }));
    assert!(matches!(of("reader"), ServiceState::Up { pid, ident, .. } if (*pid, *ident) == reader));
    drop(stranger.stdin.take());
    assert_eq!(stranger.wait().expect("wait").code(), Some(42));
    assert!(matches!(k.down("stranger"), ServiceState::Exited { code: 42, .. }));
    // Descriptors are what they were: what goes into the one end comes out at the other.
    k.send(&["service.fds", "writer", "null", "w", "null"]);
    k.service("writer", &["echo", "hello"]);
    assert!(matches!(k.down("reader"), ServiceState::Exited { code: 9, .. }));
    assert_eq!(std::fs::read_to_string(path("out")).expect("out"), "got hello\n");
    // Nothing was left open on the way.
    let open = std::fs::read_dir(format!("/proc/{keeper}/fd")).expect("fds").count();
    assert!(open < 30, "{open} descriptors are open");
    k.send(&["service.signal", "lives", "KILL"]);
    assert!(matches!(k.down("lives"), ServiceState::Signalled { signal, .. } if signal == "SIGKILL"));
}

pub(crate) fn what_waits_crosses_with_it() {
    const LINES: usize = 3000;
    let mut k = Keeper::start();
    let keeper = k.process.id();
    // Another one asks, while we do not read: events wait for us, and commands of ours wait for room.
    let folder = tempfile::tempdir().expect("tempdir");
    let gate = folder.path().join("gate").display().to_string();
    assert!(Command::new("mkfifo").arg(&gate).status().expect("mkfifo").success());
    let ask = format!("read x <{gate}; printf 'dialect\\t2\\nupgrade\\t{}\\n' >&3; exec sleep 1000", me());
    k.send(&["service.fds", "asker", "null", "null", "null", "control.socket"]);
    k.service("asker", &["sh", "-c", &ask]);
    k.up("asker");
    let mut talk = k.stream.try_clone().expect("clone");
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let talker = std::thread::spawn(move || {
        for n in 0..LINES {
            let line = format!("echo\tline\t{n}\t{}\n", "x".repeat(400));
            talk.write_all(line.as_bytes()).expect("write");
            count.store(n, Ordering::SeqCst);
        }
    });
    until("a crowd", || written.load(Ordering::SeqCst) > LINES / 4);
    std::fs::write(&gate, "go\n").expect("go");
    until("the new one", || arguments(keeper).contains("--ledger"));
    assert!(!talker.is_finished(), "nothing waited");
    for n in 0..LINES {
        let text = k.wait("a line", |e| match e {
            Event::Other(fields) if fields[0] == "line" => Some(fields[1].clone()),
            _ => None,
        });
        assert_eq!(text, n.to_string());
    }
    talker.join().expect("wrote all");
}

pub(crate) fn what_cannot_take_over_changes_nothing() {
    let folder = tempfile::tempdir().expect("tempdir");
    let script = |name: &str, text: &str, mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("write");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
        path.display().to_string()
    };
    let mut k = Keeper::start();
    k.send(&["reap.adopted"]);
    assert!(refused(&mut k, "/nonexistent/keeper").contains("not executable: ENOENT"));
    assert!(refused(&mut k, &script("closed", "#!/bin/sh\n", 0o644)).contains("not executable: EACCES"));
    assert!(refused(&mut k, &script("no", "#!/bin/sh\necho I will not; exit 3\n", 0o755)).contains("ended with 3: I will not"));
    assert!(refused(&mut k, &script("killed", "#!/bin/sh\nkill -SEGV $$\n", 0o755)).contains("SIGSEGV"));
    assert!(refused(&mut k, "/bin/true").contains("no keeper that knows our ledger"));
    // One that answers, and cannot be executed when it comes to it.
    let fickle = script("fickle", "", 0o755);
    let yes = "#!/bin/sh\nrm $0; echo abide-keeper 9.9.9 ledger 1\n";
    std::fs::write(&fickle, yes).expect("write");
    assert!(refused(&mut k, &fickle).contains("exec: ENOENT"));
    assert!(!arguments(k.process.id()).contains("--ledger"));
    // One that says nothing: commands are served meanwhile, and its time has an end.
    let slow = script("slow", "#!/bin/sh\nexec sleep 1000\n", 0o755);
    k.send(&["upgrade", &slow]);
    k.barrier();
    k.send(&["upgrade", &me()]);
    assert!(k.error().contains("under way"));
    assert!(k.error().contains("timed out"));
    // After all that the keeper is whole: signals come, children are reaped, nothing of the asked ones was told as an orphan.
    let me = k.process.id();
    sys::process::signal_pid(me, sys::process::start_time(me).expect("runs"), libc::SIGHUP).expect("signal");
    let came = k.wait("signal", |e| match e {
        Event::Signal { name, .. } => Some(name.clone()),
        Event::Other(fields) => panic!("{fields:?}"),
        _ => None,
    });
    assert_eq!(came, "SIGHUP");
    k.service("a", &["sh", "-c", "exit 4"]);
    assert!(matches!(k.down("a"), ServiceState::Exited { code: 4, .. }));
}
