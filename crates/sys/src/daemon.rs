//! Becoming a daemon, and starting the keeper.

use crate::decimal::{Room, decimal};
use crate::lock::RoleLock;
use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Folders of a home, made 0700.
const FOLDERS: [&str; 6] = ["run", "run/io", "run/lives", "logs", "store", "events"];
/// How often, and at what pause, a keeper tries for `run/lock`: a child between fork and exec may hold it for a moment.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE_MS: u64 = 20;
/// Where, in a home, the keeper's executable of before an upgrade stands until the new one has shown that it works.
pub const PREVIOUS_KEEPER: &str = "run/abide-keeper.previous";

/// The executable called `name` beside our own. Asked once at start: an upgrade may replace the file behind our own name.
///
/// # Errors
/// `/proc` is not mounted.
pub fn sibling(name: &str) -> io::Result<PathBuf> {
    Ok(beside(&std::fs::read_link("/proc/self/exe")?, name))
}

fn beside(exe: &Path, name: &str) -> PathBuf {
    crate::upgrade::present(exe).parent().unwrap_or(Path::new("/")).join(name)
}

/// Starts a keeper and waits until it has gone to the background. Another keeper may already be at work there; that is no error. As with
/// [`rescue`], it is the one of before an upgrade while that is not proven.
///
/// # Errors
/// It could not be started, or refused the home; the text is what it said.
pub fn start_keeper(keeper_exe: &Path, home: &Path) -> io::Result<()> {
    let start = |exe: &Path, more: &[&OsStr]| {
        let mut command = Command::new(exe);
        command.arg0(keeper_exe).arg("--home").arg(home).args(more);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output()
    };
    let programs = keeper_exe.parent().unwrap_or(Path::new("/"));
    let previous = start(&home.join(PREVIOUS_KEEPER), &[OsStr::new("--programs"), programs.as_os_str()]);
    let done = previous
        .or_else(|_| start(keeper_exe, &[]))
        .map_err(|error| io::Error::new(error.kind(), format!("failed to start {}: {error}", keeper_exe.display())))?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    Err(io::Error::other(if said.is_empty() { format!("the keeper ended with {}", done.status) } else { said }))
}

/// Starts a keeper that does not depend on us: for a role that outlived its keeper and is about to end. Nothing of ours is inherited but
/// descriptors 0 to 2. May be called from a program with threads.
///
/// While an upgrade is not proven ([`PREVIOUS_KEEPER`] is there) that one is started, and told where the other programs stand: the new one
/// has just died. What cannot be executed is passed over.
///
/// # Errors
/// A path contains NUL, or there is no room for a process.
pub fn rescue(keeper_exe: &Path, home: &Path) -> io::Result<()> {
    let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL));
    let (previous, programs) = (text(&home.join(PREVIOUS_KEEPER))?, text(keeper_exe.parent().unwrap_or(Path::new("/")))?);
    let (exe, home) = (text(keeper_exe)?, text(home)?);
    // Both are called by the name of the keeper, so that people find it.
    let argv = [exe.as_ptr(), c"--home".as_ptr(), home.as_ptr(), std::ptr::null()];
    let argv_previous = [argv[0], argv[1], argv[2], c"--programs".as_ptr(), programs.as_ptr(), std::ptr::null()];
    // SAFETY: between fork and exec both processes make system calls only, on memory prepared above; the parent waits for the child that
    // ends at once, and for no other.
    unsafe {
        let child = libc::fork();
        if child < 0 {
            return Err(io::Error::last_os_error());
        }
        if child > 0 {
            let mut status = 0;
            while libc::waitpid(child, &mut status, 0) < 0 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {}
            return if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0 {
                Ok(())
            } else {
                Err(io::Error::other("fork failed"))
            };
        }
        libc::setsid();
        libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, 0);
        let none = 0u64;
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const none, std::ptr::null_mut::<u64>(), 8);
        match libc::fork() {
            0 => {
                libc::execv(previous.as_ptr(), argv_previous.as_ptr());
                libc::execv(exe.as_ptr(), argv.as_ptr());
                libc::_exit(127)
            }
            1.. => libc::_exit(0),
            _ => libc::_exit(1),
        }
    }
}

/// A home that this process now keeps.
#[derive(Debug)]
pub struct Kept {
    /// `run/lock`.
    pub lock: RoleLock,
    /// The home, absolute; the process stands in it.
    pub home: PathBuf,
}

/// Why a home cannot be kept.
#[derive(Debug)]
pub enum NotKept {
    /// Another keeper keeps it. Not an error.
    Taken,
    /// The reason, for people.
    Refused(String),
}

/// Checks and makes the home, goes to the background (unless `foreground`), stands in the home and takes its lock. What can be refused is
/// refused before going to the background, so that the caller sees it. Must be called by the only thread.
///
/// # Errors
/// [`NotKept`].
pub fn keep_home(home: &Path, foreground: bool) -> Result<Kept, NotKept> {
    let home = std::path::absolute(home).map_err(|error| NotKept::Refused(format!("failed to find the home: {error}")))?;
    prepare_home(&home).map_err(NotKept::Refused)?;
    let enter = |what: &str, error: io::Error| NotKept::Refused(format!("failed to {what} {}: {error}", home.display()));
    std::env::set_current_dir(&home).map_err(|error| enter("enter", error))?;
    // SAFETY: system calls on numbers; what was inherited beyond 0 to 2 belongs to nobody in this program.
    unsafe {
        libc::umask(0o077);
        libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, 0);
    }
    if !foreground {
        go_to_background().map_err(|error| enter("go to the background in", error))?;
    }
    for tries in 0..LOCK_TRIES {
        match RoleLock::try_take(Path::new("run/lock")) {
            Ok(Some(lock)) => {
                // What we and our roles say from now on is for the manager's own log. Without a way into it the house stands all the same.
                let _ = crate::own_log::enter(&home).and_then(|way| crate::own_log::take_stderr(&way));
                return Ok(Kept { lock, home });
            }
            Ok(None) if tries + 1 < LOCK_TRIES => std::thread::sleep(std::time::Duration::from_millis(LOCK_PAUSE_MS)),
            Ok(None) => break,
            Err(error) => return Err(enter("lock", error)),
        }
    }
    Err(NotKept::Taken)
}

fn prepare_home(home: &Path) -> Result<(), String> {
    let make = |path: &Path| {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| format!("failed to make {}: {error}", path.display()))
    };
    make(home)?;
    let seen = std::fs::metadata(home).map_err(|error| format!("failed to look at {}: {error}", home.display()))?;
    let me = rustix::process::geteuid().as_raw();
    if seen.uid() != me {
        return Err(format!(
            "{} belongs to uid {}, not to uid {me}: refused\nnext: choose another home",
            home.display(),
            seen.uid()
        ));
    }
    if seen.mode() & 0o022 != 0 {
        let mode = seen.mode() & 0o7777;
        let path = home.display();
        return Err(format!("{path} can be written by others (mode {mode:04o}): refused\nnext: chmod go-w {path}"));
    }
    FOLDERS.iter().try_for_each(|folder| make(&home.join(folder)))
}

/// Goes to the background as daemonproxy does: the caller of this program reads the pid of the one that goes on, without a line feed, on
/// standard output and sees an exit with 0; the other leads a session of its own, with descriptors 0 to 2 at `/dev/null`. Must be called by
/// the only thread, before signals are caught.
///
/// # Errors
/// No process or descriptor is left; then nothing has changed.
pub fn daemonize() -> io::Result<()> {
    let null = crate::handle::null()?;
    // SAFETY: a single-threaded process; the parent makes system calls only and leaves by `_exit`, the child goes on with everything it had.
    unsafe {
        match libc::fork() {
            0 => {}
            pid @ 1.. => {
                let mut room = Room::default();
                let text = decimal(pid.into(), &mut room);
                libc::write(1, text.as_ptr().cast(), text.len());
                libc::_exit(0)
            }
            _ => return Err(io::Error::last_os_error()),
        }
        libc::setsid();
        for standard in 0..=2 {
            libc::dup2(null.as_raw_fd(), standard);
        }
    }
    Ok(())
}

fn go_to_background() -> io::Result<()> {
    let null = crate::handle::null()?;
    // SAFETY: a single-threaded process; parents leave by `_exit`, the grandchild goes on with everything it had.
    unsafe {
        for last in [false, true] {
            match libc::fork() {
                0 => {}
                1.. => libc::_exit(0),
                _ => return Err(io::Error::last_os_error()),
            }
            if !last {
                libc::setsid();
            }
        }
        for standard in 0..=2 {
            libc::dup2(null.as_raw_fd(), standard);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn siblings_of_a_replaced_binary() {
        assert_eq!(beside(Path::new("/opt/a/abide-keeper (deleted)"), "abide-scribe"), Path::new("/opt/a/abide-scribe"));
        assert_eq!(beside(Path::new("/opt/a/abide-keeper"), "abide-scribe"), Path::new("/opt/a/abide-scribe"));
    }

    #[test]
    fn a_home_that_others_may_write_is_refused() {
        let folder = tempfile::tempdir().expect("tempdir");
        let home = folder.path().join("deep/home");
        prepare_home(&home).expect("made");
        assert_eq!(std::fs::metadata(home.join("run/io")).expect("made").mode() & 0o7777, 0o700);
        prepare_home(&home).expect("again");
        std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o770)).expect("chmod");
        let said = prepare_home(&home).expect_err("refused");
        assert!(said.contains("can be written by others (mode 0770)"), "{said}");
    }
}
