//! Descriptors on their way to the keeper and back. Few at a time: only so is it certain which belongs to which line.

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

/// Descriptors on their way to the keeper at once: while it sees to one, the next is there already. It has places for so many that no line
/// has taken yet, and closes more.
const ON_THE_WAY: usize = 2;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    waiting: VecDeque<Errand>,
    asked: VecDeque<Asked>,
}

impl Desk {
    /// One more.
    pub(crate) fn add(&mut self, errand: Errand) {
        self.waiting.push_back(errand);
    }

    /// The next, when there is room for it on the way. One that comes to us goes alone.
    pub(crate) fn next(&mut self) -> Option<Errand> {
        let gives = |asked: &Asked| matches!(asked, Asked::Give(_));
        let room = match self.waiting.front()? {
            Errand::Take { .. } => self.asked.len() < ON_THE_WAY && !self.asked.iter().any(gives),
            Errand::Give { .. } => self.asked.is_empty(),
        };
        let next = if room { self.waiting.pop_front()? } else { return None };
        self.asked.push_back(match &next {
            Errand::Take { handle, .. } => Asked::Take(handle.clone()),
            Errand::Give { handle } => Asked::Give(handle.clone()),
        });
        Some(next)
    }

    /// The keeper has answered the oldest.
    pub(crate) fn done(&mut self) -> Option<Asked> {
        self.asked.pop_front()
    }

    /// Whether something of what has a name that begins so is on its way.
    pub(crate) fn is_busy(&self, begin: &str) -> bool {
        let asked = self.asked.iter().map(|(Asked::Take(handle) | Asked::Give(handle))| handle.as_str());
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
    fn in_order() {
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

    #[test]
    fn two_that_go_are_on_the_way_and_one_that_comes_goes_alone() {
        let mut desk = Desk::default();
        let fd = || OwnedFd::from(std::fs::File::open("/dev/null").expect("null"));
        for handle in ["i1.notify", "i2.notify", "i3.notify"] {
            desk.add(Errand::Take { handle: handle.into(), fd: fd() });
        }
        desk.add(Errand::Give { handle: "i4.ipc".into() });
        desk.add(Errand::Take { handle: "i5.notify".into(), fd: fd() });
        let next = |desk: &mut Desk| desk.next().map(|errand| errand.handle().to_owned());
        assert_eq!(
            [next(&mut desk), next(&mut desk), next(&mut desk)].map(Option::unwrap_or_default),
            ["i1.notify", "i2.notify", ""]
        );
        assert_eq!(desk.done(), Some(Asked::Take("i1.notify".into())));
        assert!(desk.is_busy("i2.") && !desk.is_busy("i1."));
        assert_eq!(next(&mut desk).as_deref(), Some("i3.notify"));
        assert!(desk.done().is_some() && next(&mut desk).is_none(), "one is on its way there");
        assert!(desk.done().is_some());
        assert_eq!(next(&mut desk).as_deref(), Some("i4.ipc"));
        assert_eq!(next(&mut desk), None, "one is on its way here");
        assert_eq!(desk.done(), Some(Asked::Give("i4.ipc".into())));
        assert_eq!(next(&mut desk).as_deref(), Some("i5.notify"));
    }
}
