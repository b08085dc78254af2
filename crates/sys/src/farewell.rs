//! The last line of a command that somebody interrupts.

use std::io;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

static TEXT: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static LENGTH: AtomicUsize = AtomicUsize::new(0);

/// While it lives, an interrupt (Ctrl-C, SIGINT) writes a line to standard error before it ends this process as it always does. One at a time, on the
/// thread that set it.
#[derive(Debug)]
pub struct Farewell {
    here: PhantomData<*const ()>,
}

impl Farewell {
    /// Sets the line. `None`: this process ignores interrupts (`nohup`, a job in the background of a script), and goes on doing so.
    ///
    /// # Errors
    /// What the system says.
    pub fn set(text: &'static str) -> io::Result<Option<Farewell>> {
        let mut before = std::mem::MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: only asks, and fills the local if it says so.
        let before = unsafe {
            if libc::sigaction(libc::SIGINT, std::ptr::null(), before.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            before.assume_init()
        };
        if before.sa_sigaction != libc::SIG_DFL {
            return Ok(None);
        }
        LENGTH.store(text.len(), Ordering::SeqCst);
        TEXT.store(text.as_ptr().cast_mut(), Ordering::SeqCst);
        // SAFETY: zeroes are a valid record; the handler makes system calls only, and is gone after it has run once.
        unsafe {
            let mut ours: libc::sigaction = std::mem::zeroed();
            ours.sa_sigaction = say_and_end as extern "C" fn(libc::c_int) as usize;
            ours.sa_flags = libc::SA_RESETHAND | libc::SA_NODEFER;
            if libc::sigaction(libc::SIGINT, &raw const ours, std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(Some(Farewell { here: PhantomData }))
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        // SAFETY: puts back the default action, which is what there was.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
    }
}

extern "C" fn say_and_end(signal: libc::c_int) {
    let text = TEXT.load(Ordering::SeqCst);
    // SAFETY: text and length are those of one `&'static str`, set before this handler; the signal has its default action again, so it ends us.
    unsafe {
        libc::write(libc::STDERR_FILENO, text.cast(), LENGTH.load(Ordering::SeqCst));
        libc::raise(signal);
    }
}
