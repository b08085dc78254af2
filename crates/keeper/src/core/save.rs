//! The ledger handed over: everything that another executable must know to go on in our place (`mechanisms.md` §7).

use super::block::PARTS;
use super::conn::{Conn, Role};
use super::dump::Cursor;
use super::effect::{Channel, ConnId, Ending, FdToken, LifeId};
use super::ledger::{Held, Kind, Service, State};
use super::state::Core;
use wire::Dialect;
use wire::ledger::Writer;

fn flag(ledger: &mut Writer, value: bool) -> &mut Writer {
    ledger.number(u8::from(value))
}

impl Core {
    /// Writes everything that the core knows. Nothing may be out that is to be answered.
    pub fn save(&self, ledger: &mut Writer) {
        let settings = &self.settings;
        ledger.line("core.settings").number(settings.connections);
        for pool in [settings.services, settings.fds] {
            ledger.maybe(pool.map(|pool| pool.count)).maybe(pool.map(|pool| pool.bytes));
        }
        flag(ledger, settings.init).field(self.log.filter.word());
        ledger.line("core.counters").number(self.next_conn).number(self.next_life).number(self.guard);
        ledger.line("core.exec").field(&self.exec_args);
        self.log.save(ledger);
        if let Some((epoch, holder)) = self.pen {
            ledger.line("core.pen").number(epoch).number(holder.0);
        }
        self.signals.iter().for_each(|s| _ = ledger.line("core.signal").number(s.number).number(s.at).number(s.count));
        for at in self.held.places() {
            save_held(ledger.line("core.held").number(at), &self.held[*at]);
        }
        for at in self.services.places() {
            let service = &self.services[*at];
            save_service(ledger.line("core.service").number(at), service);
            for part in PARTS.iter().filter(|part| service.block.given(**part).is_some()) {
                ledger.line("core.part").number(at).number(*part as u8).field(service.block.get(*part));
            }
        }
        self.conns.iter().for_each(|conn| save_conn(ledger, conn));
        if let Some(speaker) = &self.upgrading {
            ledger.line("core.upgrading").number(speaker.conn.0);
        }
    }

    /// What the shell must have a descriptor for: held ones, connections, lives.
    pub fn known(&self) -> (Vec<FdToken>, Vec<ConnId>, Vec<LifeId>) {
        (
            self.held.iter().filter_map(|held| held.token).collect(),
            self.conns.iter().filter(|conn| conn.role != Role::Script).map(|conn| conn.id).collect(),
            self.services.iter().filter_map(|service| service.state.life()).collect(),
        )
    }
}

fn channel(ledger: &mut Writer, channel: Channel) -> &mut Writer {
    flag(ledger.number(channel.family as u8).number(channel.shape as u8), channel.nonblock)
}

fn save_held(ledger: &mut Writer, held: &Held) {
    ledger.field(held.name).maybe(held.token.map(|token| token.0)).number(held.bond as u8);
    flag(ledger, held.handoff);
    flag(ledger, held.lock).field(held.peer.as_ref().map_or(&b""[..], |peer| peer.as_ref())).field(&held.text);
    match held.kind {
        Kind::File(how) => {
            ledger.field("file");
            for has in [how.read, how.write, how.append, how.create, how.trunc, how.nonblock, how.mkdir, how.lock] {
                flag(ledger, has);
            }
        }
        Kind::Pipe { nonblock, to } => _ = flag(flag(ledger.field("pipe"), nonblock), to),
        Kind::Pair(of) => _ = channel(ledger.field("pair"), of),
        Kind::Socket { channel: of, bind, backlog, mkdir, how } => {
            flag(flag(channel(ledger.field("socket"), of), bind).maybe(backlog), mkdir);
            if let Some(how) = how {
                flag(ledger, how.reuse_port).maybe(how.mode).maybe(how.sticky);
            }
        }
        Kind::Special { read, write } => _ = flag(flag(ledger.field("special"), read), write),
    }
}

fn save_service(ledger: &mut Writer, service: &Service) {
    ledger.field(service.name).number(dialect(service.dialect)).number(service.interval);
    ledger.maybe(service.umask).maybe(service.nice).maybe(service.oom);
    flag(ledger, service.opts.is_some());
    let opts = service.opts.unwrap_or_default();
    for has in [opts.session, opts.group, opts.no_new_privs, opts.listen_pid] {
        flag(ledger, has);
    }
    ledger.maybe(opts.tty).maybe(opts.death_signal);
    ledger.maybe(service.keep.map(|keep| keep.deaths)).maybe(service.keep.map(|keep| u8::from(keep.greeted)));
    match service.state {
        State::Down => _ = ledger.field("down"),
        State::Due { at, again } => _ = flag(ledger.field("due").number(at), again),
        State::Blocked { at, again } => _ = flag(ledger.field("blocked").number(at), again),
        State::Starting { life, at, pid } => {
            let (pid, ident) = pid.unzip();
            ledger.field("starting").number(life.0).number(at).maybe(pid).maybe(ident);
        }
        State::Failing { life, at, why } => {
            ledger.field("failing").number(life.0).number(at).field(why.stage).field(why.errno);
        }
        State::Up { life, at, pid, ident } => _ = ledger.field("up").number(life.0).number(at).number(pid).number(ident),
        State::Ended { began, at, pid, ident, how } => {
            ledger.field("ended").number(began).number(at).number(pid).number(ident);
            match how {
                Ending::Code(code) => _ = ledger.field("code").number(code),
                Ending::Signal { number, core } => _ = flag(ledger.field("signal").number(number), core),
                Ending::Unseen => _ = ledger.field("unseen"),
            }
        }
        State::Failed { at, why } => _ = ledger.field("failed").number(at).field(why.stage).field(why.errno),
    }
}

pub(super) fn dialect(dialect: Dialect) -> u8 {
    match dialect {
        Dialect::One => 1,
        Dialect::Two => 2,
    }
}

fn save_conn(ledger: &mut Writer, conn: &Conn) {
    ledger.line("core.conn").number(conn.id.0).number(dialect(conn.dialect));
    match conn.role {
        Role::Console => _ = ledger.field("console"),
        Role::Config => _ = ledger.field("config"),
        Role::Script => _ = ledger.field("script"),
        Role::Client => _ = ledger.field("client"),
        Role::Service(at, life) => _ = ledger.field("service").number(at).number(life.0),
    }
    for has in [conn.commands, conn.events, conn.silent, conn.ended, conn.leaving, conn.orphans, conn.warned] {
        flag(ledger, has);
    }
    let (reset, close) = conn.timeouts.unzip();
    ledger.maybe(reset).maybe(close).maybe(conn.stuck);
    match conn.dump {
        None => _ = ledger.field("-"),
        Some(Cursor::Fds(None)) => _ = ledger.field("fds").field(""),
        Some(Cursor::Fds(Some(name))) => _ = ledger.field("fds").field(name),
        Some(Cursor::Service(name, part)) => _ = ledger.field("service").field(name).number(part),
        Some(Cursor::Signals(at)) => _ = ledger.field("signals").number(at),
    }
    conn.inbox.save(ledger);
    conn.outbox.save(ledger);
}
