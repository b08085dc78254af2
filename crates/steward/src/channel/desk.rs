//! Descriptors on their way to the keeper and back, one at a time: only so is it certain which belongs to which line.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Errand {
    /// The keeper is to hold this.
    Take {
        /// Under this name.
        handle: String,
        /// What.
        fd: OwnedFd,
    },
    /// It is to give a copy of what it holds.
    Give {
        /// Under this name.
        handle: String,
    },
}

impl Errand {
    /// The name of what it is about.
    pub(crate) fn handle(&self) -> &str {
        match self {
            Errand::Take { handle, .. } | Errand::Give { handle } => handle,
        }
    }
}

/// A turn of the desk that the keeper has not answered: what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To hold this.
    Take(String),
    /// To give this.
    Give(String),
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    waiting: VecDeque<Errand>,
    asked: Option<Asked>,
}

impl Desk {
    /// One more.
    pub(crate) fn add(&mut self, errand: Errand) {
        self.waiting.push_back(errand);
    }

    /// The next, when the one before is done.
    pub(crate) fn next(&mut self) -> Option<Errand> {
        if self.asked.is_some() {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.asked = Some(match &next {
            Errand::Take { handle, .. } => Asked::Take(handle.clone()),
            Errand::Give { handle } => Asked::Give(handle.clone()),
        });
        Some(next)
    }

    /// The keeper has answered the last.
    pub(crate) fn done(&mut self) -> Option<Asked> {
        self.asked.take()
    }

    /// Whether something of what has a name that begins so is on its way.
    pub(crate) fn is_busy(&self, begin: &str) -> bool {
        let asked = self.asked.as_ref().map(|(Asked::Take(handle) | Asked::Give(handle))| handle.as_str());
        self.waiting.iter().map(Errand::handle).chain(asked).any(|handle| handle.starts_with(begin))
    }

    /// Forgets those that were not begun of what has a name that begins so.
    pub(crate) fn forget(&mut self, begin: &str) {
        self.waiting.retain(|errand| !errand.handle().starts_with(begin));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let mut desk = Desk::default();
        for handle in ["i1.notify", "i12.notify", "i2.ipc"] {
            desk.add(Errand::Give { handle: handle.into() });
        }
        assert_eq!(desk.next().expect("the first").handle(), "i1.notify");
        assert!(desk.next().is_none());
        assert!(desk.is_busy("i1.") && desk.is_busy("i2.") && !desk.is_busy("i3."));
        desk.forget("i1.");
        assert_eq!(desk.done(), Some(Asked::Give("i1.notify".into())));
        assert_eq!(desk.next().expect("the second").handle(), "i12.notify");
        desk.forget("i2.");
        assert!(desk.done().is_some() && desk.next().is_none() && desk.done().is_none());
    }
}
