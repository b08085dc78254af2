//! What a keeper deals with: controllers, processes, and effects that are answered.

use super::hear::Ear;
use keeper::core::{Effect, LifeId};
use std::collections::VecDeque;

/// A controller at the other end of a connection.
#[derive(Debug, Default)]
pub struct Peer {
    /// Sent, and not yet taken by the keeper.
    pub sent: VecDeque<u8>,
    /// It says no more.
    pub ends: bool,
    /// The keeper was told so.
    pub ended: bool,
    pub broken: bool,
    pub draining: bool,
    /// Reads so many bytes at a time by itself; -1 for everything.
    pub reads: i64,
    /// Descriptors that it has passed.
    pub passed: u32,
    /// The life that it is.
    pub life: Option<LifeId>,
    pub ear: Ear,
}

/// A process.
#[derive(Debug)]
pub struct Life {
    pub pid: u32,
    pub executed: bool,
}

/// Whether it is answered before anything else is stepped.
pub fn is_answered(effect: &Effect) -> bool {
    match effect {
        Effect::Open { .. } | Effect::Pipe { .. } | Effect::SocketPair { .. } | Effect::Socket { .. } | Effect::Take { .. } => {
            true
        }
        Effect::Chdir | Effect::Listen | Effect::Spawn { .. } | Effect::Adopt { .. } => true,
        Effect::Signal { .. } | Effect::SignalPid { .. } | Effect::Steer { .. } => true,
        Effect::Give { .. } | Effect::Close { .. } | Effect::Unlisten | Effect::Drain { .. } | Effect::Hangup { .. } => false,
        Effect::Arm | Effect::Untaken { .. } | Effect::Upgrade | Effect::End { .. } => false,
    }
}
