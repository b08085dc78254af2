//! Another version of this program in place of this one: a ledger in memory, descriptors that stay open, signals that wait.

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fstat, memfd_create};
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A file in memory with these bytes that nobody can change any more. Close-on-exec. May allocate.
///
/// # Errors
/// No memory or descriptor is left.
pub fn memfd(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(c"abide-ledger", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(bytes)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
    Ok(file.into())
}

/// All of a file in memory, from its start, wherever its descriptor stands. May allocate.
///
/// # Errors
/// It is no file that can be read at a position.
pub fn read_memfd(fd: impl AsFd) -> io::Result<Vec<u8>> {
    let file = File::from(fd.as_fd().try_clone_to_owned()?);
    let size = usize::try_from(fstat(&file)?.st_size).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Lets exactly these descriptors survive an exec, or no longer. All are tried.
///
/// # Errors
/// `EBADF` when one of them is not open.
pub fn keep_on_exec(fds: &[RawFd], keep: bool) -> io::Result<()> {
    let mut answer = Ok(());
    for fd in fds {
        // SAFETY: a system call on numbers; close-on-exec is the only flag that there is.
        if unsafe { libc::fcntl(*fd, libc::F_SETFD, if keep { 0 } else { libc::FD_CLOEXEC }) } < 0 {
            answer = answer.and(Err(io::Error::last_os_error()));
        }
    }
    answer
}

/// Which signals were blocked.
#[derive(Clone, Copy)]
pub struct SavedMask(libc::sigset_t);

impl std::fmt::Debug for SavedMask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SavedMask")
    }
}

/// Blocks every signal that can be blocked, in this thread; gives what was blocked before. The mask survives an exec.
pub fn block_signals() -> SavedMask {
    let (mut all, mut old) = (MaybeUninit::<libc::sigset_t>::uninit(), MaybeUninit::<libc::sigset_t>::uninit());
    // SAFETY: both are live locals, filled by the calls before they are read.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
        SavedMask(old.assume_init())
    }
}

/// Blocks what was blocked then.
pub fn restore(mask: SavedMask) {
    // SAFETY: a whole mask; the old one is not asked for.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const mask.0, std::ptr::null_mut()) };
}

/// Blocks nothing.
pub fn unblock_all() {
    crate::exec::open_mask();
}

/// Executes a program in our place. `args` is all of its arguments, the name that it is called by first. The environment, the signal mask,
/// ignored signals and what is not close-on-exec stay. Gives why it did not. May allocate.
pub fn exec(path: &Path, args: &[&OsStr]) -> io::Error {
    let text = |text: &OsStr| CString::new(text.as_bytes());
    let strings: Result<Vec<CString>, _> = args.iter().map(|arg| text(arg)).collect();
    let (Ok(path), Ok(strings)) = (text(path.as_os_str()), strings) else { return io::Error::from_raw_os_error(libc::EINVAL) };
    let pointers: Vec<_> = strings.iter().map(|arg| arg.as_ptr()).chain([std::ptr::null()]).collect();
    // SAFETY: the list ends with null, and every string of it lives.
    unsafe { libc::execv(path.as_ptr(), pointers.as_ptr()) };
    io::Error::last_os_error()
}

/// The path of our own executable; that of its successor, when it has been replaced. May allocate.
///
/// # Errors
/// `/proc` is not mounted.
pub fn own_exe() -> io::Result<PathBuf> {
    Ok(present(&std::fs::read_link("/proc/self/exe")?).to_owned())
}

/// The kernel adds a word to the path of an executable that has been replaced.
pub(crate) fn present(exe: &Path) -> &Path {
    let bytes = exe.as_os_str().as_bytes();
    Path::new(OsStr::from_bytes(bytes.strip_suffix(b" (deleted)").unwrap_or(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_ledger_stays_as_it_was_written() {
        let bytes = vec![7u8; 100_000];
        let fd = memfd(&bytes).expect("memory");
        assert!(rustix::io::write(&fd, b"x").is_err());
        assert_eq!(read_memfd(&fd).expect("readable"), bytes);
        assert_eq!(read_memfd(&fd).expect("again"), bytes);
        assert_eq!(read_memfd(memfd(b"").expect("memory")).expect("readable"), b"");
    }

    #[test]
    fn exactly_these_survive_an_exec_that_fails_too() {
        let (kept, other) = crate::handle::pipe(false).expect("pipe");
        let flags = |fd: &OwnedFd| rustix::io::fcntl_getfd(fd).expect("open").contains(rustix::io::FdFlags::CLOEXEC);
        keep_on_exec(&[kept.as_raw_fd()], true).expect("open");
        assert_eq!((flags(&kept), flags(&other)), (false, true));
        assert_eq!(exec(Path::new("/nowhere"), &[OsStr::new("x")]).raw_os_error(), Some(libc::ENOENT));
        assert_eq!(keep_on_exec(&[i32::MAX, kept.as_raw_fd()], false).expect_err("not open").raw_os_error(), Some(libc::EBADF));
        assert!(flags(&kept));
    }

    #[test]
    fn the_mask_comes_back() {
        let blocked = |mask: SavedMask| {
            // SAFETY: asks a whole set.
            unsafe { libc::sigismember(&raw const mask.0, libc::SIGTERM) == 1 }
        };
        let old = block_signals();
        let ours = block_signals();
        assert_eq!((blocked(old), blocked(ours)), (false, true));
        restore(old);
        assert!(!blocked(block_signals()));
        unblock_all();
        assert!(!blocked(block_signals()));
        restore(old);
    }

    #[test]
    fn we_know_where_we_are() {
        assert_eq!(own_exe().expect("proc"), std::env::current_exe().expect("proc"));
    }
}
