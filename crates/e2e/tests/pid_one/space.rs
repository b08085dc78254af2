//! A namespace with a keeper as its first process.

use e2e::{Client, Keeper, Proc, Start, children_of, wait_until};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Generous: other tests run beside this one.
pub const SOON: Duration = Duration::from_secs(60);

/// `--kill-child`: when `unshare` ends, so does the namespace.
const WAYS: [&[&str]; 2] = [
    &["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
    &["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"],
];

/// Gives the namespace its own `/etc`, which holds the configuration (if there is one) and what a program may look for there; then becomes
/// the keeper, and so does process 1.
const ETC: &str = "mkdir etc && for f in passwd group nsswitch.conf ld.so.cache; do cp /etc/$f etc/ 2>/dev/null; done; \
                   if [ -e daemonproxy.conf ]; then cp daemonproxy.conf etc/; fi; mount --bind etc /etc && exec \"$@\"";

/// A keeper that is process 1, as seen from outside.
pub struct Space {
    /// What was started is `unshare`; its streams are those of the keeper. Services are told to nobody on them: their pids mean something
    /// in the namespace only.
    pub keeper: Keeper,
    /// The keeper itself, by its pid out here.
    pub first: Proc,
}

impl Space {
    /// With these commands in its configuration (`None`: there is no such file) and these arguments.
    #[track_caller]
    pub fn start<S: AsRef<OsStr>>(config: Option<&str>, args: impl IntoIterator<Item = S>) -> Option<Space> {
        let works = |way: &&&[&str]| {
            let probe = Command::new(way[0]).args(&way[1..]).args(["sh", "-c", "mount --bind /etc /etc"]).output();
            probe.is_ok_and(|done| done.status.success())
        };
        let Some(way) = WAYS.iter().find(works) else {
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            e2e::skip(&format!("pid 1, {test}"), "no pid and mount namespace can be made");
            return None;
        };
        let start = Start::new(args);
        if let Some(config) = config {
            start.write("daemonproxy.conf", config.replace("ROOT", &start.root().display().to_string()));
        }
        let keeper = start.through(way.iter().copied().chain(["sh", "-c", ETC, "sh"])).start();
        let first = wait_until(SOON, "the keeper is process 1", || {
            let (pid, _) = children_of(keeper.pid()).first().copied()?;
            let exe = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
            Proc::find(pid).filter(|_| exe.file_name() == Some(OsStr::new("abide-keeper")))
        });
        Some(Space { keeper, first })
    }

    /// A controller on the socket `ctl`.
    #[track_caller]
    pub fn client(&self) -> Client {
        self.keeper.client("ctl")
    }

    /// Pids inside the namespace, each with its state letter, as its own `/proc` tells them.
    pub fn inside(&self) -> Vec<(u32, char)> {
        let proc = PathBuf::from(format!("/proc/{}/root/proc", self.first.pid));
        let entries = std::fs::read_dir(&proc).into_iter().flatten().flatten();
        let state = |pid: u32| {
            let stat = std::fs::read_to_string(proc.join(pid.to_string()).join("stat")).ok()?;
            stat[stat.rfind(')')? + 2..].chars().next()
        };
        entries.filter_map(|e| e.file_name().to_str()?.parse().ok()).filter_map(|pid| Some((pid, state(pid)?))).collect()
    }
}

/// Says a command that must not be refused.
#[track_caller]
pub fn set(client: &mut Client, command: &str) {
    let answers = client.answers(command);
    client.check(!answers.iter().any(|a| a.starts_with("error\t")), &format!("{command:?} got {answers:?}"));
}

/// Starts a service; gives back its pid inside.
#[track_caller]
pub fn start(client: &mut Client, name: &str) -> u32 {
    client.say(&format!("service.start\t{name}"));
    client.wait_for(&format!("service.state\t{name}\tup\t<ts>\t<pid>\t-\t-\t<int>\t-"))[1].parse().expect("digits")
}
