//! The real shell with real processes. The test program is also the keeper (a process with one thread) and the probe that it bears.

#[path = "../common/mod.rs"]
mod common;
mod desk;
mod parent;
mod upgrade;

use common::{Keeper, until};
use desk::*;
use parent::*;
use std::io::Write;
use std::process::{Command, ExitCode, Stdio};
use upgrade::*;
use wire::{Birth, Event, ServiceState, adopt, birth, handles};

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("keeper") => {
            let controller = sys::handle::take_stdin().expect("stdin");
            ExitCode::from(keeper::shell::run_with(controller).expect("runs") as u8)
        }
        Some("desk") => desk::keeper(),
        Some("probe") => probe(),
        Some("--can-read-ledger") => upgrade::asked(),
        Some("--ledger") => upgrade::taking_over(),
        _ => common::run(&[
            ("a_code_and_a_signal", a_code_and_a_signal),
            ("what_cannot_execute_says_why", what_cannot_execute_says_why),
            ("a_child_gets_what_was_listed_and_nothing_else", a_child_gets_what_was_listed_and_nothing_else),
            ("a_birth_by_script", a_birth_by_script),
            ("a_held_lock_is_busy", a_held_lock_is_busy),
            ("a_stranger_is_adopted_and_its_code_is_told", a_stranger_is_adopted_and_its_code_is_told),
            ("orphans_are_reaped", orphans_are_reaped),
            ("a_kept_role_comes_back_and_is_heard_to_the_end", a_kept_role_comes_back_and_is_heard_to_the_end),
            ("signals_are_told_and_end_nobody", signals_are_told_and_end_nobody),
            ("a_fifo_keeps_nobody_waiting", a_fifo_keeps_nobody_waiting),
            ("dialect_one_as_daemonproxy", dialect_one_as_daemonproxy),
            ("many_lives_at_once", many_lives_at_once),
            ("terminate_leaves_children", terminate_leaves_children),
            ("a_console_on_pipes_files_and_nothing", a_console_on_pipes_files_and_nothing),
            ("a_file_of_commands", a_file_of_commands),
            ("clients_wait_for_room", clients_wait_for_room),
            ("descriptors_travel", descriptors_travel),
            ("consoles_and_the_control_socket_cross_an_upgrade", consoles_and_the_control_socket_cross_an_upgrade),
            ("without_descriptors_nothing_spins", without_descriptors_nothing_spins),
            ("a_blocked_log_holds_nobody", a_blocked_log_holds_nobody),
            ("another_program_at_the_end", another_program_at_the_end),
            ("an_upgrade_keeps_everything", an_upgrade_keeps_everything),
            ("what_waits_crosses_with_it", what_waits_crosses_with_it),
            ("what_cannot_take_over_changes_nothing", what_cannot_take_over_changes_nothing),
        ]),
    }
}

/// Tells what it was given: descriptors, masks, session, umask, limits, environment.
fn probe() -> ExitCode {
    let me = std::process::id();
    let mut out = String::new();
    for entry in std::fs::read_dir("/proc/self/fd").expect("fds").flatten() {
        let target = std::fs::read_link(entry.path()).unwrap_or_default();
        // Not the one by which we look.
        if !target.starts_with(format!("/proc/{me}")) {
            out += &format!("fd {} {}\n", entry.file_name().to_string_lossy(), target.display());
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    out.extend(status.lines().filter(|l| l.starts_with("Sig") || l.starts_with("Umask")).map(|l| format!("{l}\n")));
    let stat = std::fs::read_to_string("/proc/self/stat").expect("stat");
    out += &format!("session {}\n", stat.rsplit(')').next().expect("fields").split(' ').nth(4).expect("session"));
    let limits = std::fs::read_to_string("/proc/self/limits").expect("limits");
    out.extend(limits.lines().filter(|l| l.starts_with("Max core") || l.starts_with("Max open")).map(|l| format!("{l}\n")));
    out.extend(std::env::vars().map(|(k, v)| format!("env {k}={v}\n")));
    out += &format!("cwd {}\nend\n", std::env::current_dir().expect("cwd").display());
    std::io::stdout().write_all(out.as_bytes()).expect("stdout");
    ExitCode::SUCCESS
}

fn me() -> String {
    std::env::current_exe().expect("exe").display().to_string()
}

fn a_code_and_a_signal() {
    let mut k = Keeper::start();
    k.service("a", &["sh", "-c", "exit 7"]);
    k.up("a");
    assert!(matches!(k.down("a"), ServiceState::Exited { code: 7, .. }));
    k.service("b", &["sleep", "1000"]);
    let (pid, ident) = k.up("b");
    assert_eq!(sys::process::start_time(pid), Some(ident));
    k.send(&["service.delete", "b"]);
    assert!(k.error().starts_with("service is running"));
    k.send(&["service.signal", "b", "SIGTERM"]);
    assert!(matches!(k.down("b"), ServiceState::Signalled { signal, core: false, .. } if signal == "SIGTERM"));
    k.send(&["service.delete", "b"]);
    assert_eq!(k.down("b"), ServiceState::Deleted);
    // The group, and one process by name.
    k.service("c", &["sh", "-c", "sleep 1000 & wait"]);
    let (pid, ident) = k.up("c");
    k.send(&["service.signal", "c", "TERM", "pid", &pid.to_string(), &(ident + 1).to_string()]);
    assert!(k.error().starts_with("can't kill c: No such process"));
    k.send(&["service.signal", "c", "0", "pid", &pid.to_string(), &ident.to_string()]);
    k.send(&["service.signal", "c", "KILL", "group"]);
    assert!(matches!(k.down("c"), ServiceState::Signalled { signal, .. } if signal == "SIGKILL"));
    k.send(&["service.rlimit", "d", "core", "unlimited", "unlimited"]);
    k.send(&["service.cwd", "d", "/nonexistent"]);
    k.send(&["service.signal", "d", "TERM"]);
    assert!(k.error().starts_with("service is not running"));
}

fn what_cannot_execute_says_why() {
    let folder = tempfile::tempdir().expect("tempdir");
    let file = |name: &str, text: &str, mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("write");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
        path.display().to_string()
    };
    let plain = file("plain", "echo hello\n", 0o755);
    let closed = file("closed", "#!/bin/sh\n", 0o644);
    let mut k = Keeper::start();
    let mut check = |name: &str, argv: &[&str], want: (&str, &str)| {
        k.service(name, argv);
        let ServiceState::Failed { stage, errno, .. } = k.down(name) else { panic!("{name}") };
        assert_eq!((stage.as_str(), errno.as_str()), want, "{name}");
    };
    check("missing", &["/nonexistent/program"], ("exec", "ENOENT"));
    check("nowhere", &["no-such-program-anywhere"], ("exec", "ENOENT"));
    check("closed", &[&closed], ("exec", "EACCES"));
    check("folder", &["/"], ("exec", "EACCES"));
    check("plain", &[&plain], ("exec", "ENOEXEC"));
    k.send(&["service.cwd", "cwd", "/nonexistent"]);
    k.service("cwd", &["true"]);
    assert!(matches!(k.down("cwd"), ServiceState::Failed { stage, errno, .. } if stage == "cwd" && errno == "ENOENT"));
    k.send(&["service.fds", "fds", "null", "nobody"]);
    k.service("fds", &["true"]);
    assert!(matches!(k.down("fds"), ServiceState::Failed { stage, errno, .. } if stage == "fds" && errno == "EBADF"));
    k.send(&["service.args", "empty"]);
    k.send(&["service.start", "empty"]);
    assert!(k.error().starts_with("no args configured for service"));
    // PATH is the service's own.
    k.send(&["service.env", "path", &format!("PATH=/nonexistent:{}", folder.path().display())]);
    k.service("path", &["plain"]);
    assert!(matches!(k.down("path"), ServiceState::Failed { errno, .. } if errno == "ENOEXEC"));
}

fn a_child_gets_what_was_listed_and_nothing_else() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut k = Keeper::start();
    k.send(&["fd.open", "out", "write,create", &path("out")]);
    k.send(&["fd.open", "seven", "read,write,create", &path("seven")]);
    k.send(&["fd.pipe", "r", "w"]);
    k.send(&["service.fds", "p", "null", "out", "-", "7=seven", "100=r"]);
    k.send(&["service.env", "p", "A=1\t2\n3", "B="]);
    k.send(&["service.env_add", "p", "C=3"]);
    k.send(&["service.cwd", "p", &folder.path().display().to_string()]);
    k.send(&["service.umask", "p", "027"]);
    k.service("p", &[&me(), "probe"]);
    let (pid, _) = k.up("p");
    assert!(matches!(k.down("p"), ServiceState::Exited { code: 0, .. }));
    let said = std::fs::read_to_string(path("out")).expect("said");
    let has = |line: &str| assert!(said.contains(line), "{line:?} in {said}");
    let mut fds: Vec<&str> = said.lines().filter_map(|l| l.strip_prefix("fd ")).collect();
    fds.sort_unstable();
    assert_eq!(fds.len(), 5, "{said}");
    assert!(fds[0].starts_with("0 /dev/null") && fds[1].starts_with(&format!("1 {}", path("out"))));
    // Rust's start opens a closed 2 on /dev/null by itself.
    assert!(fds[2].starts_with("100 pipe:") && fds[3].starts_with("2 /dev/null") && fds[4] == format!("7 {}", path("seven")));
    has("SigBlk:\t0000000000000000");
    // Rust ignores SIGPIPE at its start, nothing else may be ignored or caught but its stack guard.
    has("SigIgn:\t0000000000001000");
    has("Umask:\t0027");
    has(&format!("session {pid}\n"));
    has("env A=1\t2\n3\nenv B=\nenv C=3\ncwd ");
    has(&format!("cwd {}\n", folder.path().display()));
    let core = said.lines().find(|l| l.starts_with("Max core")).expect("core");
    assert_eq!(core.split_whitespace().nth(4), Some("0"));
    let open = said.lines().find(|l| l.starts_with("Max open files")).expect("nofile");
    let open: Vec<u64> = open.split_whitespace().filter_map(|w| w.parse().ok()).collect();
    assert_eq!(open[0], open[1].min(65_536));
}

fn a_birth_by_script() {
    let folder = tempfile::tempdir().expect("tempdir");
    let mut k = Keeper::start();
    let held = handles("i1");
    let at = |path: &str| folder.path().join(path).display().to_string();
    // The keeper of this test stands elsewhere than in a home, so its paths are made absolute.
    let absolute = |lines: Vec<wire::Request>| -> Vec<wire::Request> {
        let mut text = Vec::new();
        lines.iter().for_each(|l| l.write_to(&mut text));
        let text = String::from_utf8(text).expect("text").replace("run/", &at("run/"));
        text.lines()
            .map(|line| {
                line.split('\t').skip(1).fold(wire::Request::new(line.split('\t').next().expect("verb")), wire::Request::field)
            })
            .collect()
    };
    for folder in ["run/io", "run/lives"] {
        std::fs::create_dir_all(at(folder)).expect("mkdir");
    }
    for fifo in &held.fifos {
        assert!(Command::new("mkfifo").arg(at(fifo)).status().expect("mkfifo").success());
    }
    let wish = Birth {
        service: "i1".into(),
        tags: vec!["app=web".into()],
        argv: vec!["sh".into(), "-c".into(), "echo hello; exec sleep 1000".into()],
        env: (0..3000)
            .map(|n| format!("VARIABLE_{n}=some value that is not so short"))
            .chain(["PATH=/bin:/usr/bin".into()])
            .collect(),
        cwd: "/".into(),
        umask: 0o22,
        more: Vec::new(),
        no_new_privs: false,
        kept: [true; 2],
        channels: wire::Channels::default(),
    };
    let lines = birth(&wish).expect("fits");
    assert!(lines.len() > 11, "the environment takes several lines");
    k.send_all(&absolute(lines));
    let (pid, ident) = k.up("i1");
    // The life lock: its pid stands in it, and it is held.
    assert_eq!(std::fs::read_to_string(at(&held.lock_path)).expect("lock"), pid.to_string());
    assert!(sys::lock::is_held(std::path::Path::new(&at(&held.lock_path))).expect("look"));
    // Our copies of the writing ends and of the lock are closed, the readers are there.
    k.send(&["fd.delete", &held.lock]);
    assert!(k.error().starts_with("No such file descriptor"));
    k.send(&["fd.delete", &held.writers[0]]);
    assert!(k.error().starts_with("No such file descriptor"));
    let ours = std::fs::read_dir(format!("/proc/{}/fd", k.process.id())).expect("fds").flatten();
    let names: Vec<_> = ours.filter_map(|e| std::fs::read_link(e.path()).ok()).filter(|p| p.starts_with(folder.path())).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    // A new keeper adopts it and holds its streams again.
    drop(std::mem::replace(&mut k.process, Command::new("true").spawn().expect("true")).kill());
    let mut second = Keeper::start();
    second.send_all(&absolute(adopt("i1", &wish.tags, pid, ident, [true; 2])));
    assert_eq!(second.up("i1"), (pid, ident));
    second.send(&["service.signal", "i1", "KILL", "group"]);
    // Its parent is whoever adopts orphans here; that one reaps it, sooner or later or never.
    let end = second.down("i1");
    assert!(
        matches!(&end, ServiceState::Signalled { signal, .. } if signal == "SIGKILL")
            || matches!(end, ServiceState::Unseen { .. }),
        "{end:?}"
    );
}

fn a_held_lock_is_busy() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("life.lock");
    let held = sys::lock::RoleLock::try_take(&path).expect("open").expect("free");
    let mut k = Keeper::start();
    let open = ["fd.open", "lock", "read,write,create,lock", path.to_str().expect("text")];
    k.send(&open);
    assert!(k.error().starts_with("busy"));
    drop(held);
    k.send(&open);
    let said = k.wait("fd.state", |e| if let Event::Other(f) = e { Some(f.clone()) } else { None });
    assert_eq!(said[..4], ["fd.state", "lock", "file", "read,write,create,lock"]);
    k.send(&["fd.open", "nope", "read", "/nonexistent"]);
    assert!(k.error().starts_with("open failed: No such file or directory, for command \"fd.open\tnope"));
}

fn a_stranger_is_adopted_and_its_code_is_told() {
    let mut k = Keeper::start();
    // Our child, not the keeper's: it ends when its stdin does.
    let mut stranger = Command::new("sh").args(["-c", "read x; exit 42"]).stdin(Stdio::piped()).spawn().expect("sh");
    let pid = stranger.id();
    let ident = sys::process::start_time(pid).expect("runs");
    k.send(&["service.adopt", "s", &pid.to_string(), &(ident + 1).to_string()]);
    assert!(k.error().starts_with("No such process"));
    k.send(&["service.adopt", "s", &pid.to_string(), &ident.to_string()]);
    assert_eq!(k.up("s"), (pid, ident));
    k.send(&["service.adopt", "t", &pid.to_string(), &ident.to_string()]);
    assert!(k.error().starts_with("process belongs to another"));
    drop(stranger.stdin.take());
    assert_eq!(stranger.wait().expect("wait").code(), Some(42));
    assert!(matches!(k.down("s"), ServiceState::Exited { code: 42, .. }));
    // One that its parent is slow to reap is not waited for: its own page tells how it ended.
    let mut zombie = Command::new("sh").args(["-c", "exit 9"]).spawn().expect("sh");
    let stat = format!("/proc/{}/stat", zombie.id());
    until("a zombie", || std::fs::read_to_string(&stat).is_ok_and(|s| s.contains(") Z ")));
    let ident = sys::process::start_time(zombie.id()).expect("not reaped").to_string();
    k.send(&["service.adopt", "z", &zombie.id().to_string(), &ident]);
    assert!(matches!(k.down("z"), ServiceState::Exited { code: 9, .. }));
    zombie.wait().expect("wait");
    // One that came to the keeper as an orphan is its child: it gets the code by waiting.
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("pid").display().to_string();
    let fifo = folder.path().join("go").display().to_string();
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    k.service(
        "parent",
        &["sh", "-c", &format!("(sh -c 'read x <{fifo}; exit 43' & echo $! >{path}.part; mv {path}.part {path})")],
    );
    k.down("parent");
    let orphan: u32 = std::fs::read_to_string(&path).expect("pid").trim().parse().expect("number");
    let ident = sys::process::start_time(orphan).expect("runs").to_string();
    k.send(&["service.adopt", "o", &orphan.to_string(), &ident]);
    k.up("o");
    std::fs::write(&fifo, "go\n").expect("go");
    assert!(matches!(k.down("o"), ServiceState::Exited { code: 43, .. }));
}
