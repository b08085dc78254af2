//! Waiting for conditions. The only place of the tests where time is slept away.

use std::thread;
use std::time::{Duration, Instant};

/// Waits until `look` gives a value, and gives it back.
///
/// # Panics
/// After `deadline`, with `what` was waited for.
#[track_caller]
pub fn wait_until<T>(deadline: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    let mut pause = Pause::default();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < deadline, "waited {deadline:?} in vain until {what}");
        pause.take();
    }
}

/// Pauses between two looks: short at first, 50 ms at most.
#[derive(Debug, Default)]
pub struct Pause {
    taken: u32,
}

impl Pause {
    /// Takes the next pause.
    pub fn take(&mut self) {
        self.taken += 1;
        thread::sleep(Duration::from_millis(u64::from(self.taken.min(10)) * 5));
    }

    /// Lets `span` pass, for tests that measure over a span of time (never to let something happen).
    pub fn measure(span: Duration) {
        thread::sleep(span);
    }
}
