//! What a service was told, in one piece of memory: lists of fields, each field ended by NUL, as `execve` wants them.

/// The lists of a service, in the order in which a dump says them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Tags,
    Args,
    Fds,
    Triggers,
    Env,
    Cwd,
    Limits,
    User,
    Cgroup,
}

/// All of them, each at its own number.
pub(super) const PARTS: [Part; 9] =
    [Part::Tags, Part::Args, Part::Fds, Part::Triggers, Part::Env, Part::Cwd, Part::Limits, Part::User, Part::Cgroup];

/// There is no room.
#[derive(Debug)]
pub(super) struct Full;

/// The lists of one service, one behind the other.
#[derive(Debug)]
pub(super) struct Block {
    bytes: Vec<u8>,
    ends: [u32; PARTS.len()],
    /// Which were ever set, a bit for each.
    set: u16,
    limit: Option<usize>,
}

impl Block {
    /// Of at most `limit` bytes, which are reserved at once.
    pub(super) fn new(limit: Option<usize>) -> Block {
        Block { bytes: Vec::with_capacity(limit.unwrap_or(0)), ends: [0; PARTS.len()], set: 0, limit }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        (self.ends, self.set) = ([0; PARTS.len()], 0);
    }

    pub(super) fn shrink(&mut self) {
        self.clear();
        self.bytes = Vec::new();
    }

    fn bounds(&self, part: Part) -> (usize, usize) {
        let at = part as usize;
        (if at == 0 { 0 } else { self.ends[at - 1] as usize }, self.ends[at] as usize)
    }

    /// A list; empty when there is none.
    pub(super) fn get(&self, part: Part) -> &[u8] {
        let (from, to) = self.bounds(part);
        &self.bytes[from..to]
    }

    /// A list that was set, empty or not.
    pub(super) fn given(&self, part: Part) -> Option<&[u8]> {
        (self.set & (1 << part as usize) != 0).then(|| self.get(part))
    }

    /// The one field of a list that was set, without its end.
    pub(super) fn text(&self, part: Part) -> Option<&[u8]> {
        self.given(part).map(|list| list.strip_suffix(b"\0").unwrap_or(list))
    }

    /// Replaces a list.
    pub(super) fn set(&mut self, part: Part, list: &[u8]) -> Result<(), Full> {
        let (from, to) = self.bounds(part);
        self.splice(part, from, to, list)
    }

    /// Adds fields to a list.
    pub(super) fn add(&mut self, part: Part, list: &[u8]) -> Result<(), Full> {
        let (_, to) = self.bounds(part);
        self.splice(part, to, to, list)
    }

    fn splice(&mut self, part: Part, from: usize, to: usize, list: &[u8]) -> Result<(), Full> {
        let (old, new) = (self.bytes.len(), self.bytes.len() - (to - from) + list.len());
        if self.limit.is_some_and(|limit| new > limit) || new > u32::MAX as usize {
            return Err(Full);
        }
        if new > old {
            self.bytes.reserve_exact(new - old);
            self.bytes.resize(new, 0);
        }
        self.bytes.copy_within(to..old, from + list.len());
        self.bytes[from..from + list.len()].copy_from_slice(list);
        self.bytes.truncate(new);
        for end in &mut self.ends[part as usize..] {
            *end = (*end as usize + list.len() - (to - from)) as u32;
        }
        self.set |= 1 << part as usize;
        Ok(())
    }

    /// As if it had never been set.
    pub(super) fn unset(&mut self, part: Part) {
        self.set(part, b"").expect("it gets no longer");
        self.set &= !(1 << part as usize);
    }
}
