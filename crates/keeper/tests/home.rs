//! The keeper of a home: daemon start, its two roles, its lock, its rescue. The test program is the keeper too; the roles are scripts.

#[expect(dead_code, reason = "the other test program uses the rest")]
mod common;

use common::until;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().next().is_some_and(|name| name.ends_with("abide-keeper")) {
        return keeper::main(std::env::args_os(), &keeper::Build::default());
    }
    common::run(&[
        ("a_home_is_kept", a_home_is_kept),
        ("one_keeper_of_many", one_keeper_of_many),
        ("a_dead_keeper_is_replaced", a_dead_keeper_is_replaced),
        ("the_keeper_before_is_started_while_it_is_kept", the_keeper_before_is_started_while_it_is_kept),
        ("a_home_that_others_may_write_is_refused", a_home_that_others_may_write_is_refused),
    ])
}

/// A folder with the three programs and a home; whoever was seen at work there is killed at the end.
struct House {
    folder: tempfile::TempDir,
    seen: Vec<(u32, u64)>,
}

const SCRIBE: &str = "#!/bin/sh
printf 'dialect\\t2\\nhello\\n' >&3
echo $$ >$2/run/scribe.part && mv $2/run/scribe.part $2/run/scribe
exec sleep 1000
";
/// What is written into `run/commands` is said to the keeper; what it says is in `run/said`.
const STEWARD: &str = "#!/bin/sh
rm -f $2/run/commands; mkfifo $2/run/commands
printf 'dialect\\t2\\npen.take\\t1\\nhello\\n' >&3
cat <&3 >$2/run/said &
echo $$ >$2/run/steward.part && mv $2/run/steward.part $2/run/steward
while :; do cat $2/run/commands >&3; done
";

impl House {
    fn new() -> House {
        let folder = tempfile::tempdir().expect("tempdir");
        let house = House { folder, seen: Vec::new() };
        std::fs::copy(std::env::current_exe().expect("exe"), house.keeper()).expect("copy");
        for (name, text) in [("abide-scribe", SCRIBE), ("abide-steward", STEWARD)] {
            let path = house.folder.path().join(name);
            std::fs::write(&path, text).expect("write");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("chmod");
        }
        house
    }

    fn keeper(&self) -> PathBuf {
        self.folder.path().join("abide-keeper")
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("a/home")
    }

    fn start(&self) {
        sys::daemon::start_keeper(&self.keeper(), &self.home()).expect("starts");
    }

    /// The pid of a role, once it is another than this.
    fn role(&mut self, name: &str, former: u32) -> u32 {
        let path = self.home().join("run").join(name);
        let mut pid = 0;
        until(name, || {
            pid = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
            pid != 0 && pid != former
        });
        self.see(pid);
        // Only a keeper of ours: an orphan's parent may be anybody.
        if link(parent(pid), "exe").starts_with(self.folder.path()) {
            self.see(parent(pid));
        }
        pid
    }

    fn see(&mut self, pid: u32) {
        if pid > 1
            && let Some(ident) = sys::process::start_time(pid)
        {
            self.seen.push((pid, ident));
        }
    }

    fn kill(&self, pid: u32) {
        let (pid, ident) = self.seen.iter().rfind(|(seen, _)| *seen == pid).expect("seen");
        sys::process::signal_pid(*pid, *ident, libc::SIGKILL).expect("alive");
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // Keepers first, so that they bring nothing back.
        let keepers =
            |pid: u32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.starts_with(self.folder.path()));
        let (first, then): (Vec<_>, Vec<_>) = self.seen.iter().partition(|(pid, _)| keepers(*pid));
        for (pid, ident) in first.into_iter().chain(then) {
            let _ = sys::process::signal_pid(pid, ident, libc::SIGKILL);
        }
        // The steward's own children stand in its session.
        for pid in std::fs::read_dir("/proc").expect("proc").flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok())
        {
            let ours = |(seen, _): &(u32, u64)| stat(pid, 5) == Some(*seen);
            if self.seen.iter().any(ours)
                && let Some(ident) = sys::process::start_time(pid)
            {
                let _ = sys::process::signal_pid(pid, ident, libc::SIGKILL);
            }
        }
    }
}

/// A numeric field of `/proc/PID/stat` (4: parent, 6: session), counted as in `proc(5)` from 1.
fn stat(pid: u32, at: usize) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit(')').next()?.split_whitespace().nth(at - 2)?.parse().ok()
}

fn parent(pid: u32) -> u32 {
    stat(pid, 3).unwrap_or(0)
}

fn link(pid: u32, what: &str) -> PathBuf {
    std::fs::read_link(format!("/proc/{pid}/{what}")).unwrap_or_default()
}

fn a_home_is_kept() {
    let mut house = House::new();
    house.start();
    let (scribe, steward) = (house.role("scribe", 0), house.role("steward", 0));
    let keeper = parent(scribe);
    assert_eq!(parent(steward), keeper);
    // It stands in its home, holds nothing of ours, leads no terminal, and is nobody's.
    assert_eq!(link(keeper, "cwd"), house.home());
    for standard in 0..2 {
        assert_eq!(link(keeper, &format!("fd/{standard}")), Path::new("/dev/null"));
    }
    assert_eq!(link(keeper, "fd/2"), house.home().join("run/daemon-log"));
    assert_ne!(stat(keeper, 5), stat(std::process::id(), 5));
    assert_ne!(parent(keeper), std::process::id());
    for folder in ["", "run", "run/io", "run/lives", "logs", "store", "events"] {
        let mode = std::fs::metadata(house.home().join(folder)).expect(folder).permissions().mode();
        assert_eq!(mode & 0o7777, 0o700, "{folder}");
    }
    // The roles get what is theirs and neither lock nor more.
    for role in [scribe, steward] {
        let fds = std::fs::read_dir(format!("/proc/{role}/fd")).expect("fds").flatten();
        let mut fds: Vec<u32> = fds.filter_map(|e| e.file_name().to_str()?.parse().ok()).filter(|n| *n < 10).collect();
        fds.sort_unstable();
        assert_eq!(fds, [0, 1, 2, 3, 4]);
        assert!(
            link(role, "fd/3").to_string_lossy().starts_with("socket:")
                && link(role, "fd/4").to_string_lossy().starts_with("socket:")
        );
    }
    // The first line that a role hears is of dialect 2, and it is the answer to its own.
    let said = house.home().join("run/said");
    std::fs::write(house.home().join("run/commands"), "statedump\necho\tbarrier\n").expect("commands");
    let mut text = String::new();
    until("the barrier", || {
        text = std::fs::read_to_string(&said).unwrap_or_default();
        text.contains("\tbarrier\n")
    });
    assert!(text.starts_with("#1\tdialect\t2\n"), "{text}");
    assert!(text.contains("\tservice.keep\tscribe\n") && text.contains("unix,seqpacket,nonblock,to\tlink.steward\n"), "{text}");
    // A killed role is there again at once.
    house.kill(scribe);
    let again = house.role("scribe", scribe);
    assert_eq!(parent(again), keeper);
    house.kill(steward);
    house.role("steward", steward);
    // Signals are events.
    sys::process::signal_pid(keeper, sys::process::start_time(keeper).expect("alive"), libc::SIGTERM).expect("signal");
    until("the signal", || std::fs::read_to_string(&said).unwrap_or_default().contains("\tsignal\tSIGTERM\t"));
    std::fs::write(house.home().join("run/commands"), "terminate\t0\n").expect("commands");
    until("the end", || !sys::lock::is_held(&house.home().join("run/lock")).expect("look"));
}

fn one_keeper_of_many() {
    let mut house = House::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| house.start());
        }
    });
    let keeper = parent(house.role("scribe", 0));
    house.role("steward", 0);
    assert!(sys::lock::is_held(&house.home().join("run/lock")).expect("look"));
    // Every loser gives up silently.
    let program = house.keeper();
    let at_work = || {
        let all = std::fs::read_dir("/proc").expect("proc").flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
        all.filter(|pid| link(*pid, "exe") == program).collect::<Vec<u32>>()
    };
    until("one keeper", || at_work() == [keeper]);
}

fn a_dead_keeper_is_replaced() {
    let mut house = House::new();
    house.start();
    let (scribe, steward) = (house.role("scribe", 0), house.role("steward", 0));
    let keeper = parent(scribe);
    house.kill(keeper);
    until("the lock is free", || !sys::lock::is_held(&house.home().join("run/lock")).expect("look"));
    sys::daemon::rescue(&house.keeper(), &house.home()).expect("forks");
    let (again, _) = (house.role("scribe", scribe), house.role("steward", steward));
    assert_ne!(parent(again), keeper);
    assert_ne!(parent(parent(again)), std::process::id());
}

fn the_keeper_before_is_started_while_it_is_kept() {
    let mut house = House::new();
    house.start();
    let (scribe, steward) = (house.role("scribe", 0), house.role("steward", 0));
    let keeper = parent(scribe);
    let previous = house.home().join(sys::daemon::PREVIOUS_KEEPER);
    std::fs::copy(house.keeper(), &previous).expect("copy");
    house.kill(keeper);
    until("the lock is free", || !sys::lock::is_held(&house.home().join("run/lock")).expect("look"));
    sys::daemon::rescue(&house.keeper(), &house.home()).expect("forks");
    // It stands alone, and finds the roles all the same.
    let (scribe, steward) = (house.role("scribe", scribe), house.role("steward", steward));
    assert_eq!(link(parent(scribe), "exe"), previous);
    // Whoever starts the house anew does as those who outlived it; what cannot be executed is passed over.
    house.kill(parent(scribe));
    until("the lock is free", || !sys::lock::is_held(&house.home().join("run/lock")).expect("look"));
    std::fs::set_permissions(&previous, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    sys::daemon::start_keeper(&house.keeper(), &house.home()).expect("starts");
    let (scribe, _) = (house.role("scribe", scribe), house.role("steward", steward));
    assert_eq!(link(parent(scribe), "exe"), house.keeper());
    house.kill(parent(scribe));
    until("the lock is free", || !sys::lock::is_held(&house.home().join("run/lock")).expect("look"));
    std::fs::set_permissions(&previous, std::fs::Permissions::from_mode(0o700)).expect("chmod");
    sys::daemon::start_keeper(&house.keeper(), &house.home()).expect("starts");
    assert_eq!(link(parent(house.role("scribe", scribe)), "exe"), previous);
}

fn a_home_that_others_may_write_is_refused() {
    let house = House::new();
    std::fs::create_dir_all(house.home()).expect("mkdir");
    std::fs::set_permissions(house.home(), std::fs::Permissions::from_mode(0o777)).expect("chmod");
    let said = sys::daemon::start_keeper(&house.keeper(), &house.home()).expect_err("refused").to_string();
    assert!(said.contains("can be written by others (mode 0777)") && said.contains("chmod go-w"), "{said}");
    let missing =
        sys::daemon::start_keeper(Path::new("/nonexistent/abide-keeper"), &house.home()).expect_err("missing").to_string();
    assert!(missing.contains("failed to start /nonexistent/abide-keeper"), "{missing}");
}
