//! Socket pairs: streams of bytes, or of messages.

use super::handle::{Handle, HandleId, What};
use super::state::Kernel;
use model::{FromScribe, ToScribe};
use std::collections::VecDeque;

/// A message on the link between steward and scribe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// To the scribe.
    To(ToScribe),
    /// From the scribe.
    From(FromScribe),
}

/// A socket pair.
#[derive(Debug, Clone, Default)]
pub struct Socket {
    /// Open files on either side.
    pub open: [u32; 2],
    /// Bytes on the way to either side.
    pub bytes: [VecDeque<u8>; 2],
    /// Messages on the way to either side.
    pub messages: [VecDeque<Message>; 2],
}

impl Kernel {
    /// Makes a pair; both ends belong to `pid`.
    pub fn socket_pair(&mut self, pid: u32) -> [HandleId; 2] {
        self.sockets.push(Socket::default());
        let socket = self.sockets.len() - 1;
        [0, 1].map(|side| self.open(pid, What::Socket { socket, side }))
    }

    fn end_of(&self, id: HandleId) -> Option<(usize, usize)> {
        match self.handles.get(&id) {
            Some(Handle { what: What::Socket { socket, side }, .. }) => Some((*socket, *side)),
            _ => None,
        }
    }

    /// Whether the other end is closed for good.
    pub fn hung_up(&self, id: HandleId) -> bool {
        self.end_of(id).is_none_or(|(socket, side)| self.sockets[socket].open[1 - side] == 0)
    }

    /// Bytes that can be received now.
    pub fn waiting(&self, id: HandleId) -> usize {
        self.end_of(id).map_or(0, |(socket, side)| self.sockets[socket].bytes[side].len())
    }

    /// Receives bytes.
    pub fn receive(&mut self, id: HandleId, most: usize) -> Vec<u8> {
        let Some((socket, side)) = self.end_of(id) else { return Vec::new() };
        let queue = &mut self.sockets[socket].bytes[side];
        let count = queue.len().min(most);
        queue.drain(..count).collect()
    }

    /// Bytes that can be sent now.
    pub fn send_room(&self, id: HandleId) -> usize {
        self.end_of(id).map_or(0, |(socket, side)| self.weather.socket.saturating_sub(self.sockets[socket].bytes[1 - side].len()))
    }

    /// Sends bytes, as many as fit; `None` = nobody reads.
    pub fn send(&mut self, id: HandleId, bytes: &[u8]) -> Option<usize> {
        let (socket, side) = self.end_of(id)?;
        if self.sockets[socket].open[1 - side] == 0 {
            return None;
        }
        let count = self.send_room(id).min(bytes.len());
        self.sockets[socket].bytes[1 - side].extend(&bytes[..count]);
        Some(count)
    }

    /// Whether a message can be received now.
    pub fn has_message(&self, id: HandleId) -> bool {
        self.end_of(id).is_some_and(|(socket, side)| !self.sockets[socket].messages[side].is_empty())
    }

    /// Receives a message.
    pub fn receive_message(&mut self, id: HandleId) -> Option<Message> {
        let (socket, side) = self.end_of(id)?;
        self.sockets[socket].messages[side].pop_front()
    }

    /// Whether a message can be sent now.
    pub fn message_room(&self, id: HandleId) -> bool {
        self.end_of(id).is_some_and(|(socket, side)| self.sockets[socket].messages[1 - side].len() < self.weather.link)
    }

    /// Sends a message; `Some(false)` = no room, `None` = nobody reads.
    pub fn send_message(&mut self, id: HandleId, message: Message) -> Option<bool> {
        let (socket, side) = self.end_of(id)?;
        if self.sockets[socket].open[1 - side] == 0 {
            return None;
        }
        let room = self.message_room(id);
        if room {
            self.sockets[socket].messages[1 - side].push_back(message);
        }
        Some(room)
    }
}
