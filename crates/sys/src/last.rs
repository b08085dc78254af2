//! The last thing that this process does: another program in its place, or an exit.
//!
//! A signal handler may come here at any moment, so everything that is needed stands ready in static memory, and only system calls are
//! made.

use crate::decimal::{Room, decimal};
use crate::exec::{DEFAULT_PATH, Program, execute, open_mask, reset_signals};
use std::cell::UnsafeCell;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of arguments, their NULs counted.
pub const ROOM: usize = 255;
/// Variables that the program gets at most; an environment with more is cut.
const VARIABLES: usize = 2048;
/// Bytes of the error text at most.
const TEXT: usize = 1024;
const ERROR: &[u8] = b"DAEMONPROXY_ERROR=";
const EXITCODE: &[u8] = b"DAEMONPROXY_EXITCODE=";
/// Stack for the handlers: the signal's own frame, which may be some KiB, and a few small calls.
const STACK: usize = 32 * 1024;

struct Last {
    argv: [u8; ROOM + 1],
    length: usize,
    pointers: [*const libc::c_char; ROOM + 1],
    variables: [*const libc::c_char; VARIABLES],
    code: [u8; EXITCODE.len() + 21],
    error: [u8; ERROR.len() + TEXT + 1],
    candidate: [u8; libc::PATH_MAX as usize + 1],
}

struct Place(UnsafeCell<Last>);

// SAFETY: written by `arm` while it is not armed, and by the one `leave` that goes first.
unsafe impl Sync for Place {}

static PLACE: Place = Place(UnsafeCell::new(Last {
    argv: [0; ROOM + 1],
    length: 0,
    pointers: [std::ptr::null(); ROOM + 1],
    variables: [std::ptr::null(); VARIABLES],
    code: [0; EXITCODE.len() + 21],
    error: [0; ERROR.len() + TEXT + 1],
    candidate: [0; libc::PATH_MAX as usize + 1],
}));

struct Stack(UnsafeCell<[u8; STACK]>);

// SAFETY: only the kernel uses it, for the handlers of the one thread.
unsafe impl Sync for Stack {}

static ALTERNATE: Stack = Stack(UnsafeCell::new([0; STACK]));
static ARMED: AtomicBool = AtomicBool::new(false);
static LEAVING: AtomicBool = AtomicBool::new(false);
static GUARDED: AtomicBool = AtomicBool::new(false);

/// From now on [`leave`] executes this: arguments separated by NUL (one at the end is allowed), the first is the program too. The caller
/// must be the only thread.
///
/// # Errors
/// `E2BIG` beyond 255 bytes, `EINVAL` when there is no program; what was armed before stays.
pub fn arm(argv: &[u8]) -> io::Result<()> {
    let argv = argv.strip_suffix(b"\0").unwrap_or(argv);
    if argv.first().is_none_or(|first| *first == 0) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    if argv.len() > ROOM {
        return Err(io::Error::from_raw_os_error(libc::E2BIG));
    }
    ARMED.store(false, Ordering::SeqCst);
    // SAFETY: not armed, so no handler reads it, and there is no other thread.
    let place = unsafe { &mut *PLACE.0.get() };
    place.argv[..argv.len()].copy_from_slice(argv);
    place.argv[argv.len()] = 0;
    place.length = argv.len() + 1;
    ARMED.store(true, Ordering::SeqCst);
    Ok(())
}

/// From now on [`leave`] just exits.
pub fn disarm() {
    ARMED.store(false, Ordering::SeqCst);
}

/// Ends this process: by the program that was armed, which gets our descriptors that are not close-on-exec and our environment with
/// `DAEMONPROXY_EXITCODE` and `DAEMONPROXY_ERROR`; when none is, or it cannot be executed, by an exit with `code`. Allocates nothing, runs
/// no destructors.
pub fn leave(code: i32, error: &str) -> ! {
    // A fault on the way out is not followed any further.
    if !LEAVING.swap(true, Ordering::SeqCst) && ARMED.load(Ordering::SeqCst) {
        // SAFETY: the first to leave, and nobody arms any more: this thread is the only one.
        hand_over(unsafe { &mut *PLACE.0.get() }, code, error);
    }
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

unsafe extern "C" {
    static environ: *const *const libc::c_char;
}

fn hand_over(place: &mut Last, code: i32, error: &str) {
    stop_timer();
    reset_signals(u64::MAX);
    fill(&mut place.code, EXITCODE, decimal(code.into(), &mut Room::default()));
    let error = error.as_bytes();
    let error = &error[..error.iter().position(|b| *b == 0).unwrap_or(error.len()).min(TEXT)];
    fill(&mut place.error, ERROR, error);
    let argv = &place.argv[..place.length];
    let mut count = 0;
    for argument in argv.split_inclusive(|b| *b == 0) {
        place.pointers[count] = argument.as_ptr().cast();
        count += 1;
    }
    place.pointers[count] = std::ptr::null();
    let mut path = DEFAULT_PATH;
    let mut used = 0;
    // SAFETY: the C library's list, which ends with null and which nobody changes: there is no other thread.
    let mut next = unsafe { environ };
    // SAFETY: as above, for each entry up to the null.
    while let Some(variable) = unsafe { next.as_ref() }.filter(|entry| !entry.is_null()) {
        // SAFETY: every entry ends with NUL.
        let text = unsafe { std::ffi::CStr::from_ptr(*variable) }.to_bytes();
        if let Some(found) = text.strip_prefix(b"PATH=") {
            path = found;
        }
        if !text.starts_with(EXITCODE) && !text.starts_with(ERROR) && used + 3 < VARIABLES {
            place.variables[used] = *variable;
            used += 1;
        }
        // SAFETY: not past the null, which is still to come.
        next = unsafe { next.add(1) };
    }
    place.variables[used] = place.code.as_ptr().cast();
    place.variables[used + 1] = place.error.as_ptr().cast();
    place.variables[used + 2] = std::ptr::null();
    open_mask();
    let name = argv.split(|b| *b == 0).next().unwrap_or_default();
    let program = Program { name, path, argv: place.pointers.as_ptr(), env: place.variables.as_ptr() };
    // SAFETY: both lists end with null, and what they point to is static or the C library's.
    unsafe { execute(program, &mut place.candidate) };
}

fn fill(room: &mut [u8], key: &[u8], value: &[u8]) {
    room[..key.len()].copy_from_slice(key);
    room[key.len()..key.len() + value.len()].copy_from_slice(value);
    room[key.len() + value.len()] = 0;
}

/// A timer would outlive the exec.
fn stop_timer() {
    let off = [0u64; 4];
    // SAFETY: 32 bytes of zeroes are no less than a `struct itimerval`, and mean "off".
    unsafe { libc::syscall(libc::SYS_setitimer, libc::ITIMER_REAL, off.as_ptr(), std::ptr::null_mut::<u64>()) };
}

/// The signals that mean that something is broken.
const FATAL: [(i32, &str, &[u8]); 6] = [
    (libc::SIGABRT, "caught SIGABRT", b"fatal: caught SIGABRT"),
    (libc::SIGFPE, "caught SIGFPE", b"fatal: caught SIGFPE"),
    (libc::SIGILL, "caught SIGILL", b"fatal: caught SIGILL"),
    (libc::SIGSEGV, "caught SIGSEGV", b"fatal: caught SIGSEGV"),
    (libc::SIGBUS, "caught SIGBUS", b"fatal: caught SIGBUS"),
    (libc::SIGTRAP, "caught SIGTRAP", b"fatal: caught SIGTRAP"),
];

/// The exit code of a broken process.
const BROKEN: i32 = 4;

/// From now on ABRT, FPE, ILL, SEGV, BUS and TRAP are told on descriptor 2, and we leave with code 4.
///
/// # Errors
/// What the system says.
pub fn catch_fatal() -> io::Result<()> {
    // SAFETY: the stack is static memory that nothing else uses; the handler is made of system calls.
    unsafe {
        let stack = libc::stack_t { ss_sp: ALTERNATE.0.get().cast(), ss_flags: 0, ss_size: STACK };
        if libc::sigaltstack(&raw const stack, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        for (signal, ..) in FATAL {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = fatal as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            if libc::sigaction(signal, &raw const action, std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok(())
}

/// While this is on, such a signal that somebody *sent* is told of and survived. A fault of our own, and an abort, cannot be.
pub fn guard(on: bool) {
    GUARDED.store(on, Ordering::SeqCst);
}

extern "C" fn fatal(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel gives a whole record to a handler of this kind.
    let sent = matches!(unsafe { (*info).si_code }, libc::SI_USER | libc::SI_QUEUE);
    let (_, error, line) = FATAL.iter().find(|(number, ..)| *number == signal).copied().unwrap_or((0, "", b"fatal"));
    let go_on = sent && GUARDED.load(Ordering::SeqCst);
    let end: &[u8] = if go_on { b" (attempting to continue)\n" } else { b"\n" };
    let mut room = [0u8; 64];
    room[..line.len()].copy_from_slice(line);
    room[line.len()..line.len() + end.len()].copy_from_slice(end);
    let before = crate::errno::last();
    // SAFETY: borrowed for one call; should nothing be open there, the call says so.
    let _ = crate::handle::write_soon(unsafe { BorrowedFd::borrow_raw(2) }, &room[..line.len() + end.len()]);
    if !go_on {
        leave(BROKEN, error);
    }
    crate::errno::set_last(before);
}
