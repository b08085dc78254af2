//! Descriptors kept in hand for when there are no others.

use std::io;
use std::os::fd::OwnedFd;

/// A birth needs a report (2), a process descriptor, perhaps a control connection (2), and in the child, whose table is as full as ours, one
/// more for each descriptor that it gets and for its end of the report. A refused client needs one.
const SPARE: usize = 12;

/// Descriptors of `/dev/null` that are given up when the table is full.
pub(super) struct Spare([Option<OwnedFd>; SPARE]);

/// Whether an error says that no descriptor is left: `ENFILE`, `EMFILE`.
pub(super) fn is_short(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

impl Spare {
    pub(super) fn new() -> Spare {
        let mut spare = Spare([const { None }; SPARE]);
        spare.refill();
        spare
    }

    /// All of them are free to be used for something else.
    pub(super) fn give_up(&mut self) {
        self.0 = [const { None }; SPARE];
    }

    /// As many as are to be had.
    pub(super) fn refill(&mut self) {
        for place in self.0.iter_mut().filter(|place| place.is_none()) {
            match sys::handle::null() {
                Ok(fd) => *place = Some(fd),
                Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_up_and_taken_again() {
        let mut spare = Spare::new();
        assert!(spare.0.iter().all(Option::is_some));
        spare.give_up();
        assert!(spare.0.iter().all(Option::is_none));
        spare.refill();
        assert!(spare.0.iter().all(Option::is_some));
        assert!(is_short(&io::Error::from_raw_os_error(24)) && !is_short(&io::Error::from_raw_os_error(13)));
    }
}
