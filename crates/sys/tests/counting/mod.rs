//! An allocator that counts what is taken from the heap, for tests that nothing is. It stands here, and is included by its path from where
//! else it is needed, because only this crate may hold unsafe code.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// The system's allocator, counted.
pub struct Counting;

static HERE: AtomicU64 = AtomicU64::new(0);
/// Where it counts: [`HERE`], unless [`share`] has said another place.
static COUNT: AtomicPtr<AtomicU64> = AtomicPtr::new((&raw const HERE).cast_mut());

/// How often memory was asked for by this process so far.
pub fn count() -> u64 {
    // SAFETY: a static, or a mapping that is never undone.
    unsafe { (*COUNT.load(Ordering::Relaxed)).load(Ordering::Relaxed) }
}

fn add() {
    // SAFETY: as in `count`.
    unsafe { (*COUNT.load(Ordering::Relaxed)).fetch_add(1, Ordering::Relaxed) };
}

/// From now on counts in the first eight bytes of this file, in this machine's order, so that another process can read along.
pub fn share(path: &Path) {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("the file of the count");
    file.set_len(size_of::<AtomicU64>() as u64).expect("room for the count");
    // SAFETY: a fresh shared mapping of a file that is long enough; it outlives the descriptor.
    let place = unsafe {
        let (access, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        libc::mmap(std::ptr::null_mut(), size_of::<AtomicU64>(), access, shared, file.as_raw_fd(), 0)
    };
    assert_ne!(place, libc::MAP_FAILED, "mmap");
    let place = NonNull::new(place).expect("not at zero").cast::<AtomicU64>();
    // SAFETY: it is mapped, and aligned as a page is.
    unsafe { place.as_ref().store(count(), Ordering::Relaxed) };
    COUNT.store(place.as_ptr(), Ordering::Relaxed);
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add();
        // SAFETY: as asked of us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as asked of us.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add();
        // SAFETY: as asked of us.
        unsafe { System.realloc(at, layout, size) }
    }
}
