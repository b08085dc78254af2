//! An alarm on the wall clock that also notices when somebody sets it.

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// A timer of `CLOCK_REALTIME`. Readable when its time has come, or when the clock was set (by a person, by NTP, by waking from a suspend)
/// while the alarm was set; see timerfd_create(2), `TFD_TIMER_CANCEL_ON_SET`.
#[derive(Debug)]
pub struct Alarm {
    fd: OwnedFd,
}

impl Alarm {
    /// An alarm that is not set.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn new() -> io::Result<Alarm> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Alarm { fd: timerfd_create(TimerfdClockId::Realtime, flags)? })
    }

    /// Sets it to a time in milliseconds since 1970 (one that has passed: at once), or off.
    ///
    /// # Errors
    /// The kernel does not take the time.
    pub fn set(&self, at: Option<i64>) -> io::Result<()> {
        // Zero means off, and the kernel takes nothing before 1970.
        let at = at.map_or(0, |at| at.max(1));
        let value = Timespec { tv_sec: at.div_euclid(1000), tv_nsec: at.rem_euclid(1000) * 1_000_000 };
        let timer = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        match timerfd_settime(&self.fd, flags, &timer) {
            // The clock was set since the last time, and the kernel tells it once; the timer is set all the same.
            Err(rustix::io::Errno::CANCELED) => Ok(()),
            done => Ok(done.map(drop)?),
        }
    }

    /// Takes what made it readable, so that it is not readable any more.
    pub fn clear(&self) {
        // Either so many expirations, or ECANCELED for a clock that was set; both mean: look at the clock.
        let _ = rustix::io::read(&self.fd, &mut [0; 8]);
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Alarm {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::wall_ms;
    use rustix::event::{PollFd, PollFlags, poll};

    fn rings(alarm: &Alarm, within_ms: i64) -> bool {
        let limit = Timespec { tv_sec: within_ms / 1000, tv_nsec: within_ms % 1000 * 1_000_000 };
        let mut asked = [PollFd::new(alarm, PollFlags::IN)];
        poll(&mut asked, Some(&limit)).expect("poll") == 1
    }

    #[test]
    fn rings_at_its_time_and_not_before() {
        let alarm = Alarm::new().expect("a descriptor");
        assert!(!rings(&alarm, 0));
        let begun = wall_ms();
        alarm.set(Some(begun + 50)).expect("set");
        assert!(rings(&alarm, 20_000));
        assert!(wall_ms() >= begun + 50);
        alarm.clear();
        assert!(!rings(&alarm, 0));
        for past in [begun - 10, 0, -5] {
            alarm.set(Some(past)).expect("set");
            assert!(rings(&alarm, 20_000), "{past}");
            alarm.clear();
        }
        alarm.set(Some(wall_ms() + 100_000_000)).expect("set");
        alarm.set(None).expect("off");
        assert!(!rings(&alarm, 0));
        // The latest time that a definition can come to.
        alarm.set(Some(95_617_584_000_000)).expect("set");
    }
}
