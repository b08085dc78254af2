//! A thread that gives way to everything else.

use std::io;

/// `IOPRIO_WHO_PROCESS`, which with 0 means the calling thread.
const IO_WHO: libc::c_int = 1;
/// `IOPRIO_CLASS_IDLE`, shifted to where the class stands.
const IO_IDLE: libc::c_int = 3 << 13;
const LEAST_NICE: libc::c_int = 19;

/// How far a thread has been lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lowered {
    /// Runs only when nothing else wants the processor (`SCHED_IDLE`); otherwise it is as nice as can be, if even that was allowed.
    pub idle: bool,
    /// Its reads and writes wait for everybody else's, where the disk's scheduler knows of that.
    pub io: bool,
}

/// Lowers the calling thread, for good: it cannot rise again. What the system refuses is left out.
pub fn lower() -> Lowered {
    // SAFETY: zeroes are a valid `sched_param`, and 0 the only priority that this policy knows.
    let param: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: system calls on the calling thread; the one pointer is to a live local.
    unsafe {
        // The system calls themselves: some C libraries refuse the first, or mean the whole process by it.
        let idle = libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_IDLE, &raw const param) == 0;
        if !idle {
            libc::syscall(libc::SYS_setpriority, libc::PRIO_PROCESS, 0, LEAST_NICE);
        }
        let io = libc::syscall(libc::SYS_ioprio_set, IO_WHO, 0, IO_IDLE) == 0;
        Lowered { idle, io }
    }
}

/// Starts a thread with a name that people meet in `top -H`.
///
/// # Errors
/// No memory, or no thread, is left.
pub fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_thread_that_asks_is_lowered() {
        // SAFETY: a system call on the calling thread.
        let policy = || unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
        let before = policy();
        let inner = std::thread::spawn(move || {
            let lowered = lower();
            (lowered, policy())
        });
        let (lowered, after) = inner.join().expect("no panic");
        assert!(lowered.idle && lowered.io, "{lowered:?}");
        assert_eq!((after, policy()), (i64::from(libc::SCHED_IDLE), before));
    }
}
