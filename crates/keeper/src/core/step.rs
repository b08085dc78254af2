//! The one entry of the core, and the order in which things are done.

use super::conn::{Conn, Role};
use super::effect::{ConnId, Effect, Happening, LifeId};
use super::log::Level;
use super::say;
use super::state::{Core, Noted};
use std::collections::VecDeque;
use wire::{Dialect, Line};

impl Core {
    /// When a [`Happening::Woken`] is due, in nanoseconds of the monotonic clock.
    pub fn deadline(&self) -> Option<u64> {
        let patience = self.conns.iter().filter_map(|conn| conn.patience().map(|(at, _)| at)).min();
        self.timers.last().map(|(at, _)| *at).into_iter().chain(patience).min()
    }

    fn conn(&self, conn: ConnId) -> Option<&Conn> {
        self.conns.iter().find(|c| c.id == conn)
    }

    /// Bytes that wait to be sent on a connection.
    pub fn unsent(&self, conn: ConnId) -> &[u8] {
        self.conn(conn).map_or(&[], |c| c.outbox.unsent())
    }

    /// How many bytes have been sent on a connection: the place of the first of [`Core::unsent`] in its stream.
    pub fn sent(&self, conn: ConnId) -> u64 {
        self.conn(conn).map_or(0, |c| c.outbox.place() - c.outbox.unsent().len() as u64)
    }

    /// How many bytes a connection may be given now.
    pub fn room(&self, conn: ConnId) -> usize {
        self.conn(conn).map_or(0, Conn::room)
    }

    /// The text that belongs to the effect being performed.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether [`Happening::Orphan`] is to be said.
    pub fn wants_orphans(&self) -> bool {
        self.conns.iter().any(|c| c.orphans)
    }

    /// Takes notice of what happened, and says what is to be done.
    pub fn step(&mut self, happening: Happening<'_>, now: u64, effects: &mut VecDeque<Effect>) {
        self.now = now;
        match happening {
            Happening::Received { conn, bytes } => self.on(conn, |c| c.inbox.receive(bytes)),
            Happening::Ended { conn } => self.on(conn, |c| c.ended = true),
            Happening::Broken { conn } => self.on(conn, Conn::mute),
            Happening::Sent { conn, count } => self.on(conn, |c| c.note_sent(count)),
            Happening::Woken => {}
            Happening::Signal { number } => self.on_signal(number),
            Happening::Done(result) => self.on_done(result),
            Happening::Spawned { life, result } => self.on_spawned(life, result),
            Happening::Adopted { life, result } => self.on_adopted(life, result),
            Happening::Executed { life } => self.on_executed(life),
            Happening::NotExecuted { life, why } => self.on_not_executed(life, why),
            Happening::Exited { life, ending } => self.on_exited(life, ending),
            Happening::Orphan { pid, session, ending } => self.on_orphan(pid, session, ending),
            Happening::NotUpgraded { why } => self.on_not_upgraded(why),
            Happening::Logged { count } => self.log.note_written(count),
            Happening::NotLogged => self.log.drop_all(),
        }
        self.run();
        effects.append(&mut self.effects);
    }

    pub(super) fn on(&mut self, conn: ConnId, change: impl FnOnce(&mut Conn)) {
        if let Some(conn) = self.conns.iter_mut().find(|c| c.id == conn) {
            change(conn);
        }
    }

    /// Goes round the connections, a command of each, until nobody can go on or an answer is awaited. What is due is started first.
    fn run(&mut self) {
        self.lose_patience();
        loop {
            self.start_due();
            let mut went_on = false;
            let mut at = 0;
            while at < self.conns.len() {
                went_on |= self.turn(at);
                self.start_due();
                let closed = self.close_when_done(at);
                // A start may have waited for it.
                went_on |= closed;
                at += usize::from(!closed);
            }
            if !went_on {
                break;
            }
        }
        let now = self.now;
        for conn in self.conns.iter_mut().filter(|c| c.stuck.is_none() && !c.outbox.unsent().is_empty()) {
            conn.stuck = Some(now);
        }
    }

    /// One line of a dump or one command of this connection. Whether anything was done.
    fn turn(&mut self, at: usize) -> bool {
        let conn = &self.conns[at];
        if let Some(cursor) = conn.dump
            && !conn.inbox.next_is(b"statedump")
        {
            return self.dump_on(at, cursor);
        }
        if self.over || self.asking.is_some() || self.bearing.is_some() || conn.leaving || !conn.can_answer() {
            return false;
        }
        self.command(at)
    }

    /// Forgets a connection from which nothing can come any more and to which everything has been sent. Whether it is gone.
    fn close_when_done(&mut self, at: usize) -> bool {
        let conn = &self.conns[at];
        let silent = conn.leaving || (conn.ended && !conn.has_command() && conn.dump.is_none());
        let awaited = self.asking.as_ref().is_some_and(|asking| asking.speaker.conn == conn.id);
        if !silent || awaited || !conn.outbox.unsent().is_empty() {
            return false;
        }
        let mut gone = self.conns.remove(at);
        self.effects.push_back(Effect::Hangup { conn: gone.id });
        if let Role::Service(at, _) = gone.role {
            self.unblock(at);
        }
        if gone.is_console() && self.guard == 0 {
            self.end(0);
        }
        if self.spare.len() < self.settings.connections && gone.role != Role::Script {
            gone.inbox.renew();
            gone.outbox.renew();
            self.spare.push((gone.inbox, gone.outbox));
        }
        true
    }

    /// Those that have taken nothing for too long.
    fn lose_patience(&mut self) {
        for at in 0..self.conns.len() {
            let conn = &mut self.conns[at];
            // Only who sends as well as not reads is in our way.
            if conn.warned && conn.inbox.room() == 0 {
                conn.outbox.stop_heeding();
            }
            let id = conn.id;
            let Some((_, mut last)) = conn.patience().filter(|(due, _)| *due <= self.now) else { continue };
            if !last {
                conn.warned = true;
                // Both may be due at once, after a long sleep.
                last = conn.patience().is_some_and(|(due, _)| due <= self.now);
            }
            if last {
                conn.mute();
                conn.leaving = true;
                self.log_of(Level::Error, id, &[b"takes nothing for too long; closed"]);
            } else {
                if conn.inbox.room() == 0 {
                    conn.outbox.stop_heeding();
                }
                self.log_of(Level::Warning, id, &[b"takes nothing; its events will be lost"]);
            }
        }
    }

    /// Connections that count, with the one that is about to be.
    pub(super) fn connections(&self) -> usize {
        let counted = self.conns.iter().filter(|c| !matches!(c.role, Role::Script | Role::Config)).count();
        counted + usize::from(self.bearing.is_some_and(|(_, control)| control.is_some()))
    }

    pub(super) fn say_to(&mut self, conn: ConnId, write: impl FnOnce(&mut Line<'_>)) {
        self.on(conn, |c| c.say(write));
    }

    /// An event for everybody.
    pub(super) fn tell(&mut self, write: impl Fn(&mut Line<'_>)) {
        say::tell(&mut self.conns, Dialect::One, write);
    }

    pub(super) fn tell_signals(&mut self, conn: ConnId) {
        for at in 0..self.signals.len() {
            let Noted { number, at, count } = self.signals[at];
            if count > 0 {
                self.say_to(conn, |line| say::signal(line, number, at, count));
            }
        }
    }

    pub(super) fn new_conn(&mut self) -> ConnId {
        self.next_conn += 1;
        ConnId(self.next_conn)
    }

    pub(super) fn new_life(&mut self, slot: u32) -> LifeId {
        self.next_life += 1;
        LifeId::new(self.next_life, slot)
    }

    /// Keeps the text of the effect that is handed out next.
    pub(super) fn set_text(&mut self, text: &[u8]) {
        self.text.clear();
        self.text.extend_from_slice(text);
    }
}
