//! The ledger taken over: what `save` wrote, read.

use super::args::Speaker;
use super::block::PARTS;
use super::conn::{Conn, Role};
use super::dump::Cursor;
use super::effect::{BindHow, Channel, ConnId, Ending, Family, FdToken, LifeId, OpenHow, Shape, Stillborn};
use super::ledger::{Bond, Held, Keep, Kind, Opts, Service, State};
use super::log::Level;
use super::state::{Core, Noted, PoolSize, Settings};
use super::tokens::Tokens;
use wire::ledger::{Entry, LedgerError};
use wire::{Dialect, Name};

type Read<T> = Result<T, LedgerError>;

fn flag(entry: &mut Entry) -> Read<bool> {
    Ok(entry.number::<u8>()? != 0)
}

fn name(entry: &mut Entry) -> Read<Name> {
    Name::new(entry.field()?).ok_or_else(|| entry.wrong())
}

fn maybe_name(entry: &mut Entry) -> Read<Option<Name>> {
    let text = entry.field()?;
    if text.is_empty() { Ok(None) } else { Name::new(text).map(Some).ok_or_else(|| entry.wrong()) }
}

fn one_of<T: Copy>(entry: &mut Entry, all: &[T]) -> Read<T> {
    let at: usize = entry.number()?;
    all.get(at).copied().ok_or_else(|| entry.wrong())
}

fn dialect(entry: &mut Entry) -> Read<Dialect> {
    match entry.number::<u8>()? {
        1 => Ok(Dialect::One),
        2 => Ok(Dialect::Two),
        _ => Err(entry.wrong()),
    }
}

fn life(entry: &mut Entry) -> Read<LifeId> {
    Ok(LifeId(entry.number()?))
}

fn pool(entry: &mut Entry) -> Read<Option<PoolSize>> {
    let (count, bytes) = (entry.maybe()?, entry.maybe()?);
    Ok(count.zip(bytes).map(|(count, bytes)| PoolSize { count, bytes }))
}

/// A word of the wire that the program does not have as its own: there are few, and each lives as long as the keeper.
fn word(entry: &mut Entry) -> Read<&'static str> {
    let text = String::from_utf8(entry.field()?).map_err(|_| entry.wrong())?;
    Ok(Box::leak(text.into_boxed_str()))
}

impl Core {
    /// A core that goes on where the one that wrote these entries stopped. Gives back the entries that are not the core's.
    ///
    /// # Errors
    /// An entry that is not understood, or that contradicts another.
    pub fn restore(entries: Vec<Entry>) -> Read<(Core, Vec<Entry>)> {
        let mut entries = entries.into_iter();
        let mut head = entries.next().filter(|head| head.verb == "core.settings").ok_or(LedgerError::Torn)?;
        let connections = head.number()?;
        let (services, fds) = (pool(&mut head)?, pool(&mut head)?);
        let init = flag(&mut head)?;
        let quiet = Level::of(&head.field()?).ok_or_else(|| head.wrong())?;
        let mut core = Core::blank(Settings { connections, services, fds, init, quiet });
        let mut rest = Vec::new();
        for mut entry in entries {
            if entry.verb.starts_with("core.") { core.take_entry(&mut entry)? } else { rest.push(entry) }
        }
        let taken: Vec<FdToken> = core.held.iter().filter_map(|held| held.token).collect();
        core.tokens = Tokens::restore(&taken);
        core.arm_timers();
        core.say_upgraded();
        Ok((core, rest))
    }

    fn take_entry(&mut self, entry: &mut Entry) -> Read<()> {
        match entry.verb.as_str() {
            "core.counters" => {
                (self.next_conn, self.next_life, self.guard) = (entry.number()?, entry.number()?, entry.number()?);
            }
            "core.exec" => self.exec_on_exit(&entry.field()?),
            "core.log" => self.log.restore(entry)?,
            "core.pen" => self.pen = Some((entry.number()?, ConnId(entry.number()?))),
            "core.signal" => {
                self.signals.push(Noted { number: entry.number()?, at: entry.number()?, count: entry.number()? });
            }
            "core.held" => {
                let (at, name) = (entry.number()?, name(entry)?);
                let wrong = entry.wrong();
                take_held(entry, self.held.restore(name, at).ok_or(wrong)?)?;
            }
            "core.service" => {
                let (at, name) = (entry.number()?, name(entry)?);
                let wrong = entry.wrong();
                take_service(entry, self.services.restore(name, at).ok_or(wrong)?)?;
            }
            "core.part" => {
                let at = entry.number()?;
                let part = one_of(entry, &PARTS)?;
                let list = entry.field()?;
                if !self.services.has(at) || self.services[at].block.set(part, &list).is_err() {
                    return Err(entry.wrong());
                }
            }
            "core.conn" => {
                let (id, dialect) = (ConnId(entry.number()?), dialect(entry)?);
                let conn = take_conn(entry, Conn::new(id, Role::Client, self.spare.pop().unwrap_or_default()), dialect)?;
                self.conns.push(conn);
            }
            "core.upgrading" => {
                let conn = ConnId(entry.number()?);
                self.upgrading = Some(Speaker::silent(conn));
            }
            _ => return Err(entry.wrong()),
        }
        Ok(())
    }
}

fn channel(entry: &mut Entry) -> Read<Channel> {
    Ok(Channel {
        family: one_of(entry, &[Family::Unix, Family::Inet, Family::Inet6])?,
        shape: one_of(entry, &[Shape::Stream, Shape::Datagram, Shape::Seqpacket])?,
        nonblock: flag(entry)?,
    })
}

fn take_held(entry: &mut Entry, held: &mut Held) -> Read<()> {
    held.token = entry.maybe()?.map(FdToken);
    held.bond = one_of(entry, &[Bond::Constant, Bond::Standard, Bond::Received])?;
    (held.handoff, held.lock) = (flag(entry)?, flag(entry)?);
    held.peer = maybe_name(entry)?;
    let text = entry.field()?;
    held.describe(&text);
    held.kind = match entry.field()?.as_slice() {
        b"file" => Kind::File(OpenHow {
            read: flag(entry)?,
            write: flag(entry)?,
            append: flag(entry)?,
            create: flag(entry)?,
            trunc: flag(entry)?,
            nonblock: flag(entry)?,
            mkdir: flag(entry)?,
            lock: flag(entry)?,
        }),
        b"pipe" => Kind::Pipe { nonblock: flag(entry)?, to: flag(entry)? },
        b"pair" => Kind::Pair(channel(entry)?),
        b"socket" => Kind::Socket {
            channel: channel(entry)?,
            bind: flag(entry)?,
            backlog: entry.maybe()?,
            mkdir: flag(entry)?,
            how: if entry.is_read() { None } else { Some(bind_how(entry)?) },
        },
        b"special" => Kind::Special { read: flag(entry)?, write: flag(entry)? },
        _ => return Err(entry.wrong()),
    };
    Ok(())
}

fn bind_how(entry: &mut Entry) -> Read<BindHow> {
    Ok(BindHow { reuse_port: flag(entry)?, mode: entry.maybe()?, sticky: entry.maybe()? })
}

fn take_service(entry: &mut Entry, service: &mut Service) -> Read<()> {
    (service.dialect, service.interval) = (dialect(entry)?, entry.number()?);
    (service.umask, service.nice, service.oom) = (entry.maybe()?, entry.maybe()?, entry.maybe()?);
    let given = flag(entry)?;
    let opts = Opts {
        session: flag(entry)?,
        group: flag(entry)?,
        no_new_privs: flag(entry)?,
        listen_pid: flag(entry)?,
        tty: entry.maybe()?,
        death_signal: entry.maybe()?,
    };
    service.opts = given.then_some(opts);
    let (deaths, greeted): (Option<u32>, Option<u8>) = (entry.maybe()?, entry.maybe()?);
    service.keep = deaths.zip(greeted).map(|(deaths, greeted)| Keep { deaths, greeted: greeted != 0 });
    service.state = match entry.field()?.as_slice() {
        b"down" => State::Down,
        b"due" => State::Due { at: entry.number()?, again: flag(entry)? },
        b"blocked" => State::Blocked { at: entry.number()?, again: flag(entry)? },
        b"starting" => {
            let (life, at, pid, ident): (_, _, Option<u32>, Option<u64>) =
                (life(entry)?, entry.number()?, entry.maybe()?, entry.maybe()?);
            State::Starting { life, at, pid: pid.zip(ident) }
        }
        b"failing" => State::Failing {
            life: life(entry)?,
            at: entry.number()?,
            why: Stillborn { stage: word(entry)?, errno: word(entry)? },
        },
        b"up" => State::Up { life: life(entry)?, at: entry.number()?, pid: entry.number()?, ident: entry.number()? },
        b"ended" => State::Ended {
            began: entry.number()?,
            at: entry.number()?,
            pid: entry.number()?,
            ident: entry.number()?,
            how: match entry.field()?.as_slice() {
                b"code" => Ending::Code(entry.number()?),
                b"signal" => Ending::Signal { number: entry.number()?, core: flag(entry)? },
                b"unseen" => Ending::Unseen,
                _ => return Err(entry.wrong()),
            },
        },
        b"failed" => State::Failed { at: entry.number()?, why: Stillborn { stage: word(entry)?, errno: word(entry)? } },
        _ => return Err(entry.wrong()),
    };
    // What is not in the ledger was never set, the descriptors of a new service included.
    service.block.clear();
    Ok(())
}

fn take_conn(entry: &mut Entry, mut conn: Conn, dialect: Dialect) -> Read<Conn> {
    conn.role = match entry.field()?.as_slice() {
        b"console" => Role::Console,
        b"config" => Role::Config,
        b"script" => Role::Script,
        b"client" => Role::Client,
        b"service" => Role::Service(entry.number()?, life(entry)?),
        _ => return Err(entry.wrong()),
    };
    (conn.commands, conn.events, conn.silent, conn.ended) = (flag(entry)?, flag(entry)?, flag(entry)?, flag(entry)?);
    (conn.leaving, conn.orphans, conn.warned) = (flag(entry)?, flag(entry)?, flag(entry)?);
    if dialect == Dialect::Two {
        conn.speak_two();
    }
    let (reset, close) = (entry.maybe()?, entry.maybe()?);
    conn.timeouts = reset.zip(close);
    conn.stuck = entry.maybe()?;
    conn.dump = match entry.field()?.as_slice() {
        b"-" => None,
        b"fds" => {
            let text = entry.field()?;
            Some(Cursor::Fds(Name::new(text)))
        }
        b"service" => Some(Cursor::Service(name(entry)?, entry.number()?)),
        b"signals" => Some(Cursor::Signals(entry.number()?)),
        _ => return Err(entry.wrong()),
    };
    conn.inbox.restore(entry)?;
    conn.outbox.restore(entry)?;
    Ok(conn)
}
