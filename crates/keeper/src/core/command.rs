//! Commands: who may say which, and how a refusal is told.

use super::args::{Args, Done, Quote, Refusal, Speaker, decimal};
use super::conn::{Conn, Role};
use super::dump::Cursor;
use super::effect::{ConnId, Effect, Fault};
use super::log::Level;
use super::state::{Ask, Asking, Core};
use std::fmt::Write;
use wire::{Dialect, Incoming, is_escaped, take_apart};

impl Core {
    /// Executes the next line of a connection, if a whole one has come. Whether anything was done.
    pub(super) fn command(&mut self, at: usize) -> bool {
        let mut line = std::mem::take(&mut self.line);
        let took = self.command_in(at, &mut line);
        self.line = line;
        took
    }

    fn command_in(&mut self, at: usize, line: &mut Vec<u8>) -> bool {
        let conn = &mut self.conns[at];
        let last = conn.takes_tail();
        let Some(incoming) = conn.inbox.next_line(line, last) else { return false };
        let (id, dialect, was_silent) = (conn.id, conn.dialect, conn.silent);
        let blank = line.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r')) || line[0] == b'#';
        conn.silent &= blank && incoming == Incoming::Whole;
        if incoming == Incoming::TooLong {
            self.say_error(id, &"line too long".into());
            self.log_of(Level::Error, id, &[b"command exceeds buffer size"]);
        } else if let Some(said) = line.strip_prefix(b"echo\t").filter(|said| dialect == Dialect::One || is_escaped(said)) {
            // Back as it came, whatever was in it: what was read from one line fits into one.
            self.say_to(id, |line| _ = line.raw(said));
        } else if !blank {
            let speaker = Speaker { conn: id, dialect, quote: Quote::of(line, dialect) };
            match take_apart(line, dialect) {
                Ok(()) => self.obey(&speaker, line),
                Err(why) => self.refuse(&speaker, &why.text().into()),
            }
        }
        if was_silent && self.conns.iter().any(|c| c.id == id && !c.silent && c.dialect == Dialect::One) {
            self.tell_signals(id);
        }
        true
    }

    fn obey(&mut self, speaker: &Speaker, line: &[u8]) {
        let mut args = Args { rest: line };
        let verb = args.next().unwrap_or_default();
        self.log_of(Level::Debug, speaker.conn, &[b"command ", verb]);
        let result = match self.any_time(speaker, verb, &mut args) {
            Some(result) => result,
            None => match self.pen {
                // Said bare, as the rule has it: who hears it knows that it must step back, whatever the command was.
                Some((epoch, holder)) if holder != speaker.conn => {
                    self.leave_untaken(speaker, verb);
                    return self.say_pen(speaker.conn, epoch);
                }
                _ => match self.changing(speaker, verb, &mut args) {
                    Some(result) => result,
                    None => return self.unknown(speaker, verb),
                },
            },
        };
        if let Err(why) = result {
            self.leave_untaken(speaker, verb);
            self.refuse(speaker, &why);
        }
    }

    /// What came with a refused `fd.take` is not for the next one, which has its own.
    fn leave_untaken(&mut self, speaker: &Speaker, verb: &[u8]) {
        if verb == b"fd.take" {
            self.effects.push_back(Effect::Untaken { conn: speaker.conn });
        }
    }

    /// Commands that change nothing, or only the connection on which they are said.
    fn any_time(&mut self, speaker: &Speaker, verb: &[u8], args: &mut Args<'_>) -> Option<Done> {
        let two = speaker.dialect == Dialect::Two;
        Some(match verb {
            // With arguments it never comes here.
            b"echo" => Ok(()),
            b"statedump" => self.on_speaker(speaker, |conn| conn.dump = conn.events.then_some(Cursor::Fds(None))),
            b"exit" => self.leave(speaker),
            b"conn.event_timeout" => self.event_timeout(speaker, args),
            b"dialect" => self.dialect(speaker, args),
            b"version" if two => self.version(speaker),
            b"hello" if two => self.hello(speaker),
            b"pen.take" if two => self.take_pen(speaker, args),
            b"fd.list" if two => self.fd_list(speaker, args),
            b"fd.inherit" if two => self.fd_inherit(speaker, args),
            b"reap.adopted" if two => self.reap_adopted(speaker, args),
            _ => return None,
        })
    }

    /// Commands that need the pen, when somebody has taken it.
    fn changing(&mut self, speaker: &Speaker, verb: &[u8], args: &mut Args<'_>) -> Option<Done> {
        let two = speaker.dialect == Dialect::Two;
        Some(match verb {
            b"service.tags" => self.service_tags(speaker, args),
            b"service.args" => self.service_args(speaker, args),
            b"service.fds" => self.service_fds(speaker, args),
            b"service.auto_up" => self.service_auto_up(speaker, args),
            b"service.start" => self.service_start(speaker, args),
            b"service.signal" => self.service_signal(speaker, args),
            b"service.delete" => self.service_delete(args),
            b"fd.pipe" => self.fd_pipe(speaker, args),
            b"fd.open" => self.fd_open(speaker, args),
            b"fd.socket" => self.fd_socket(speaker, args),
            b"fd.take" => self.fd_take(speaker, args),
            b"fd.delete" => self.fd_delete(args),
            b"chdir" => self.chdir(speaker, args),
            b"socket.create" => self.socket_create(speaker, args),
            b"socket.delete" => self.socket_delete(),
            b"signal.clear" => self.signal_clear(args),
            b"log.filter" => self.log_filter(speaker, args),
            b"log.dest" => self.log_dest(speaker, args),
            b"terminate" => self.terminate(args),
            b"terminate.guard" => self.terminate_guard(args),
            b"terminate.exec_args" => self.terminate_exec_args(args),
            b"fd.sticky" if two => self.fd_sticky(speaker, args),
            b"fd.give" if two => self.fd_give(speaker, args),
            b"upgrade" if two => self.upgrade(speaker, args),
            _ if two => return self.extra(speaker, verb, args),
            _ => return None,
        })
    }

    /// What dialect 2 adds about services.
    fn extra(&mut self, speaker: &Speaker, verb: &[u8], args: &mut Args<'_>) -> Option<Done> {
        Some(match verb {
            b"service.env" => self.service_env(speaker, args, false),
            b"service.env_add" => self.service_env(speaker, args, true),
            b"service.cwd" => self.service_cwd(speaker, args),
            b"service.umask" => self.service_umask(speaker, args),
            b"service.nice" => self.service_nice(speaker, args),
            b"service.oom" => self.service_oom(speaker, args),
            b"service.user" => self.service_user(speaker, args),
            b"service.rlimit" => self.service_rlimit(speaker, args),
            b"service.cgroup" => self.service_cgroup(speaker, args),
            b"service.opt" => self.service_opt(speaker, args),
            b"service.adopt" => self.service_adopt(speaker, args),
            b"service.keep" => self.service_keep(args),
            _ => return None,
        })
    }

    pub(super) fn on_speaker(&mut self, speaker: &Speaker, change: impl FnOnce(&mut Conn)) -> Done {
        self.on(speaker.conn, change);
        Ok(())
    }

    /// `exit`: this connection goes; the keeper with it where it is the console.
    fn leave(&mut self, speaker: &Speaker) -> Done {
        self.on_speaker(speaker, |conn| conn.leaving = true)
    }

    fn dialect(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        match (args.number::<u32>()?, speaker.dialect) {
            (2, Dialect::One) => self.on_speaker(speaker, Conn::speak_two)?,
            (2, Dialect::Two) | (1, Dialect::One) => {}
            _ => return Err("unsupported dialect".into()),
        }
        if self.line.capacity() < wire::DIALECT2_LINE + 1 {
            self.line.reserve_exact(wire::DIALECT2_LINE + 1);
        }
        self.say_to(speaker.conn, |line| {
            let dialect = if line.dialect() == Dialect::Two { "2" } else { "1" };
            line.raw("dialect").field(dialect);
        });
        Ok(())
    }

    fn version(&mut self, speaker: &Speaker) -> Done {
        let version = env!("CARGO_PKG_VERSION");
        self.say_to(speaker.conn, |line| _ = line.raw("version").field("abide-keeper").field(version).field("1,2"));
        Ok(())
    }

    fn take_pen(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let epoch: u64 = args.number()?;
        match self.pen {
            Some((newer, _)) if newer > epoch => self.say_pen(speaker.conn, newer),
            _ => self.pen = Some((epoch, speaker.conn)),
        }
        Ok(())
    }

    fn say_pen(&mut self, conn: ConnId, epoch: u64) {
        self.say_to(conn, |line| write!(line.raw("error").field("pen "), "{epoch}").expect("writing to memory"));
    }

    fn unknown(&mut self, speaker: &Speaker, verb: &[u8]) {
        self.say_to(speaker.conn, |line| _ = line.raw("error").field("Unknown command: ").text(verb));
        self.log_of(Level::Error, speaker.conn, &[b"unknown command: ", verb]);
    }

    fn say_error(&mut self, conn: ConnId, why: &Refusal) {
        self.say_to(conn, |line| why.write_to(line.raw("error").field("")));
    }

    pub(super) fn refuse(&mut self, speaker: &Speaker, why: &Refusal) {
        self.say_to(speaker.conn, |line| {
            why.write_to(line.raw("error").field(""));
            line.text(", for command \"");
            match line.dialect() {
                // The quoted command keeps its TABs here.
                Dialect::One => speaker.quote.text().iter().for_each(|b| {
                    line.raw(if matches!(b, b'\n' | b'\r' | 0) { b"?" } else { std::slice::from_ref(b) });
                }),
                Dialect::Two => _ = line.text(speaker.quote.text()),
            }
            line.text("\"");
        });
        let name = why.name.as_ref().map_or(&b""[..], |name| name.as_ref());
        let [head, middle, tail] = why.parts.map(str::as_bytes);
        self.log_of(Level::Error, speaker.conn, &[head, name, middle, tail]);
        self.log_of(Level::Error, speaker.conn, &[b"command was \"", speaker.quote.text(), b"\""]);
    }

    /// A line of the log about a connection, which is named by its number.
    pub(super) fn log_of(&mut self, level: Level, conn: ConnId, parts: &[&[u8]]) {
        let mut digits = [0; 10];
        let mut all: [&[u8]; 9] = [b""; 9];
        let count = parts.len().min(all.len() - 3);
        all[..3].copy_from_slice(&[b"controller[", decimal(conn.0, &mut digits), b"] "]);
        all[3..3 + count].copy_from_slice(&parts[..count]);
        self.log(level, &all[..3 + count]);
    }

    /// Hands an effect out and keeps the command until it is answered.
    pub(super) fn ask(&mut self, speaker: &Speaker, effect: Effect, what: Ask) -> Done {
        self.effects.push_back(effect);
        self.asking = Some(Asking { speaker: *speaker, what });
        Ok(())
    }

    pub(super) fn on_done(&mut self, result: Result<(), Fault>) {
        let Some(Asking { speaker, what }) = self.asking.take() else { return };
        let done = match (what, result) {
            (Ask::Hold { new, .. }, Ok(())) => new.into_iter().flatten().try_for_each(|draft| self.hold(draft)),
            (Ask::Hold { new, otherwise }, Err(fault)) => {
                new.iter().flatten().for_each(|draft| self.tokens.give_back(draft.token));
                let lock = new.iter().flatten().any(|draft| draft.lock);
                Err(match otherwise {
                    _ if lock && matches!(fault.errno, "EAGAIN" | "EWOULDBLOCK") => "busy".into(),
                    "" if fault.call.is_empty() => fault.text.into(),
                    "" => Refusal { parts: [fault.call, ": ", fault.text], name: None },
                    _ if otherwise.ends_with(": ") => Refusal { parts: [otherwise, fault.text, ""], name: None },
                    _ => otherwise.into(),
                })
            }
            (Ask::Signal(name), Err(fault)) => Err(Refusal { parts: ["can't kill ", ": ", fault.text], name: Some(name) }),
            (Ask::Adopt { at, new, .. }, Err(fault)) => {
                if new {
                    self.services.remove(at);
                }
                Err(fault.text.into())
            }
            (Ask::Steer { name, count }, Ok(())) => {
                self.steered(&name, count);
                Ok(())
            }
            (Ask::Steer { .. }, Err(fault)) => Err(fault.text.into()),
            (Ask::Chdir, Err(fault)) => Err(Refusal { parts: ["chdir failed: ", fault.text, ""], name: None }),
            (Ask::Listen, Err(_)) => Err("Failed to create control socket".into()),
            (Ask::Signal(_) | Ask::Adopt { .. } | Ask::Chdir | Ask::Listen, Ok(())) => Ok(()),
        };
        if let Err(why) = done {
            self.refuse(&speaker, &why);
        }
    }
}

impl Conn {
    /// Whether its end is the end of the keeper.
    pub(super) fn is_console(&self) -> bool {
        self.role == Role::Console
    }
}
