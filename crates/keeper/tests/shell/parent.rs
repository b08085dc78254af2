//! The parent of many: orphans, kept roles, signals, crowds.

use crate::common::{Keeper, PATIENCE, until};
use std::io::Write;
use std::process::Command;
use wire::{Event, ServiceState};

pub(crate) fn orphans_are_reaped() {
    let mut k = Keeper::start();
    // Grandchildren whose parents are gone, one of them after its leader.
    k.service("a", &["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do (true &) ; done; exit 0"]);
    k.down("a");
    let me = k.process.id();
    let children = || std::fs::read_to_string(format!("/proc/{me}/task/{me}/children")).expect("children");
    until("no child left", || children().trim().is_empty());
    k.barrier();
    // Who asks is told of each, with the service that it came from; of a service's own process nobody is told so.
    k.send(&["reap.adopted"]);
    k.service("b", &["sh", "-c", "(sh -c 'exit 6' &) ; (sh -c 'kill -9 $$' &) ; sleep 1000"]);
    let told = |k: &mut Keeper| {
        k.wait("an orphan", |e| match e {
            Event::Other(fields) if fields[0] == "orphan" => Some(fields[2..].join(" ")),
            _ => None,
        })
    };
    let mut both = [told(&mut k), told(&mut k)];
    both.sort_unstable();
    assert_eq!(both, ["exit 6 b", "signal SIGKILL b"]);
    k.send(&["service.signal", "b", "KILL", "tree"]);
    k.down("b");
}

pub(crate) fn a_kept_role_comes_back_and_is_heard_to_the_end() {
    let folder = tempfile::tempdir().expect("tempdir");
    let mark = folder.path().join("mark").display().to_string();
    let mut k = Keeper::start();
    // In its last words it makes a service; an unterminated line is dropped.
    let role = format!(
        "printf 'dialect\\t2\\nhello\\n' >&3; [ -e {mark} ] && exec sleep 1000; : >{mark}; printf 'service.tags\\tlast\\tword\\nservice.tags\\tcut' >&3; kill -9 $$"
    );
    k.send(&["service.args", "role", "sh", "-c", &role]);
    k.send(&["service.fds", "role", "null", "null", "null", "control.cmd"]);
    k.send(&["service.keep", "role"]);
    let (first, _) = k.up("role");
    // The word may be heard before or after the end, but before the next life.
    let mut words = Vec::new();
    let (second, ident) = loop {
        match k.event() {
            Event::Tags { name, tags } => words.push((name, tags)),
            Event::State { name, state: ServiceState::Up { pid, ident, .. } } if name == "role" => break (pid, ident),
            _ => {}
        }
    };
    assert_eq!(words, [("last".to_owned(), vec!["word".to_owned()])]);
    assert_ne!(first, second);
    sys::process::signal_pid(second, ident, libc::SIGKILL).expect("kill");
    k.down("role");
    let (third, _) = k.up("role");
    assert_ne!(second, third);
    k.send(&["service.keep", "role", "-"]);
    k.send(&["service.signal", "role", "KILL"]);
    k.down("role");
    k.barrier();
    k.send(&["service.delete", "role"]);
    assert_eq!(k.down("role"), ServiceState::Deleted);
}

pub(crate) fn signals_are_told_and_end_nobody() {
    let mut k = Keeper::start();
    let pid = k.process.id();
    let ident = sys::process::start_time(pid).expect("runs");
    for (number, name) in [(libc::SIGTERM, "SIGTERM"), (libc::SIGHUP, "SIGHUP"), (libc::SIGINT, "SIGINT")] {
        sys::process::signal_pid(pid, ident, number).expect("signal");
        let (said, count) =
            k.wait("signal", |e| if let Event::Signal { name, count } = e { Some((name.clone(), *count)) } else { None });
        assert_eq!((said.as_str(), count), (name, 1));
    }
    k.barrier();
}

pub(crate) fn a_fifo_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().expect("tempdir");
    let fifo = folder.path().join("fifo").display().to_string();
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    let mut k = Keeper::start();
    k.send(&["fd.open", "r", "read", &fifo]);
    k.send(&["fd.open", "w", "write", &fifo]);
    k.barrier();
}

pub(crate) fn dialect_one_as_daemonproxy() {
    let mut k = Keeper::raw();
    k.stream
        .write_all(b"service.args\ta\tsh\t-c\texit 3\nservice.start\ta\nnonsense\tx\nservice.env\ta\nfd.open\tx\tread\t/nonexistent/a/b/c/d/e\n")
        .expect("write");
    let text = |k: &mut Keeper| String::from_utf8(k.line()).expect("text");
    assert_eq!(text(&mut k), "service.args\ta\tsh\t-c\texit 3");
    let field = |line: &str, at: usize| line.split('\t').nth(at).map(str::to_owned).expect("field");
    let start = text(&mut k);
    assert!(start.starts_with("service.state\ta\tstart\t") && start.ends_with("\t-\t-\t-\t-\t-"), "{start}");
    let up = text(&mut k);
    assert_eq!((up.split('\t').count(), field(&up, 2), field(&up, 7)), (9, "up".to_owned(), "0".to_owned()), "{up}");
    // The exit may overtake the answers.
    let mut lines: Vec<String> = (0..4).map(|_| text(&mut k)).collect();
    let down = lines.remove(lines.iter().position(|l| l.starts_with("service.state")).expect("down"));
    assert_eq!((field(&down, 5), field(&down, 6)), ("exit".to_owned(), "3".to_owned()));
    assert_eq!(lines[0], "error\tUnknown command: nonsense");
    assert_eq!(lines[1], "error\tUnknown command: service.env");
    assert_eq!(lines[2], "error\topen failed: No such file or directory, for command \"fd.open\tx\tread\t/nonexistent/a/...\"");
    k.stream.write_all(b"service.args\tb\t/nonexistent\nservice.start\tb\nservice.delete\ta\n").expect("write");
    let mut seen = Vec::new();
    while !seen.iter().any(|l: &String| l.contains("\tb\tdown")) {
        seen.push(text(&mut k));
    }
    assert!(seen.iter().any(|l| l.contains("\tb\tup\t")) && seen.last().is_some_and(|l| l.contains("\texit\t3\t")), "{seen:?}");
    k.stream.write_all(b"exit\n").expect("write");
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut k.stream, &mut rest).expect("closed");
}

pub(crate) fn many_lives_at_once() {
    let mut k = Keeper::start();
    for n in 0..300 {
        let name = format!("m{n}");
        k.send(&["service.args", &name, "true"]);
        k.send(&["service.fds", &name, "null", "null", "null"]);
        k.send(&["service.start", &name]);
    }
    let mut down = 0;
    while down < 300 {
        down += k.wait("ends", |e| match e {
            Event::State { state: ServiceState::Exited { code: 0, .. }, .. } => Some(1),
            Event::State { state: ServiceState::Failed { .. }, .. } => panic!("{e:?}"),
            _ => None,
        });
    }
    // The same again, said by a dump: every service once, then the barrier.
    k.send(&["statedump"]);
    k.send(&["echo", "barrier"]);
    let mut names = Vec::new();
    loop {
        match k.event() {
            Event::State { name, .. } => names.push(name),
            Event::Other(fields) if fields == ["barrier"] => break,
            _ => {}
        }
    }
    let sorted = names.is_sorted();
    assert!(names.len() == 300 && sorted);
    let fds = std::fs::read_dir(format!("/proc/{}/fd", k.process.id())).expect("fds").count();
    assert!(fds < 24, "{fds} descriptors are open, the spare ones included");
}

pub(crate) fn terminate_leaves_children() {
    let mut k = Keeper::start();
    k.service("a", &["sleep", "1000"]);
    let (pid, ident) = k.up("a");
    k.send(&["terminate", "9"]);
    let deadline = std::time::Instant::now() + PATIENCE;
    let code = loop {
        if let Some(status) = k.process.try_wait().expect("wait") {
            break status.code();
        }
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    };
    assert_eq!(code, Some(9));
    assert_eq!(sys::process::start_time(pid), Some(ident));
    sys::process::signal_pid(pid, ident, libc::SIGKILL).expect("ours");
}
