//! Cgroups: born in one, joined where the kernel cannot, and signals for all that is in it.

use crate::alone::alone;
use crate::kit::{PATH, deny, fields, live, sh, skipped, wait};
use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use sys::process::{Ending, reap_pid, signal_tree};
use sys::spawn::{Place, Step, Wish, Workshop};

/// A cgroup for one test; gone with it.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(name: &str) -> Option<Cgroup> {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let root = roots.into_iter().find(|root| root.join("cgroup.controllers").exists());
        let made = root
            .map(|root| root.join(format!("abide-test-{name}-{}", std::process::id())))
            .filter(|at| fs::create_dir(at).is_ok());
        if skipped(made.is_some(), "no cgroup can be made here") { None } else { made.map(Cgroup) }
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_os_str().as_encoded_bytes()
    }

    fn name(&self) -> String {
        format!("/{}", self.0.file_name().expect("a name").to_str().expect("text"))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
        // Its processes leave it as they end.
        for _ in 0..1000 {
            if fs::remove_dir(&self.0).is_ok() || !self.0.exists() {
                return;
            }
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_child_is_born_in_it_or_joins_it() {
    let Some(cgroup) = Cgroup::new("born") else { return };
    let (argv, env) = (sh("grep ^0:: /proc/self/cgroup"), fields(&[PATH]));
    let wish = Wish { argv: &argv, env: &env, cgroup: Some(cgroup.bytes()), ..Wish::default() };
    let wanted = format!("0::{}", cgroup.name());
    assert!(live(&wish).said()[0].ends_with(&cgroup.name()), "{wanted}");
    alone(|| {
        deny(libc::SYS_clone3, libc::ENOSYS as u16);
        assert!(live(&wish).said()[0].ends_with(&cgroup.name()), "{wanted}");
    });
}

#[test]
fn a_folder_that_is_none_is_told() {
    let home = tempfile::tempdir().expect("tempdir");
    let argv = fields(&["/bin/true"]);
    let wish = Wish { argv: &argv, cgroup: Some(home.path().as_os_str().as_encoded_bytes()), ..Wish::default() };
    assert_eq!(live(&wish).failed(), Some((Step::Cgroup, libc::ENOENT)));
}

#[test]
fn a_signal_reaches_all_that_is_in_it_once() {
    let Some(cgroup) = Cgroup::new("signal") else { return };
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        let (read, write) = sys::handle::pipe(false).expect("pipe");
        // One that has left the session, and one in the foreground.
        let (argv, env) = (sh("setsid sleep 1000 & echo ready; exec sleep 1000"), fields(&[PATH]));
        let places = [(1, Place::Copy(write.as_fd()))];
        let wish =
            Wish { argv: &argv, env: &env, cgroup: Some(cgroup.bytes()), session: true, places: &places, ..Wish::default() };
        let born = Workshop::new().spawn(&wish).expect("forked");
        drop(write);
        wait(&read);
        assert_eq!(sys::handle::read(&read, &mut [0; 64]).expect("readable"), 6);
        signal_tree(&born.pidfd, born.pid, Some(cgroup.bytes()), signal, &|_| false).expect("they are there");
        // Both held the pipe.
        wait(&read);
        assert_eq!(sys::handle::read(&read, &mut [0; 64]).expect("readable"), 0);
        wait(&born.pidfd);
        assert_eq!(reap_pid(born.pid), Some(Ending::Signal { number: signal, core: false }));
        // The one that left is reaped by whoever is its parent now, and stands in the list until then.
        let gone = || match signal_tree(&born.pidfd, born.pid, Some(cgroup.bytes()), signal, &|_| false) {
            Err(error) => Some(error.raw_os_error()),
            Ok(()) => None,
        };
        let begun = std::time::Instant::now();
        let error = std::iter::repeat_with(gone).find(|gone| gone.is_some() || begun.elapsed().as_secs() > 60).flatten();
        assert_eq!(error, Some(Some(libc::ESRCH)), "nobody is left");
    }
}
