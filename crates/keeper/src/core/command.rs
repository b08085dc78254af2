//! Commands: how a line is understood, who may say it, and how a refusal is told.

use super::conn::{Incoming, Line};
use super::dump::Cursor;
use super::effect::{ConnId, Effect, Fault};
use super::step::{Ask, Asking, Core};
use std::borrow::Cow;
use wire::{Dialect, is_name, split_fields};

/// Why a command was refused; told as `error`.
pub(super) type Refusal = Cow<'static, str>;
pub(super) type Done = Result<(), Refusal>;

/// Who says a command, and how an error would quote it.
pub(super) struct Speaker {
    pub(super) conn: ConnId,
    pub(super) dialect: Dialect,
    quote: Vec<u8>,
}

/// The fields of a command that have not been looked at.
pub(super) struct Args<'a> {
    fields: &'a [Cow<'a, [u8]>],
}

impl<'a> Args<'a> {
    pub(super) fn next(&mut self) -> Option<&'a [u8]> {
        let (first, rest) = self.fields.split_first()?;
        self.fields = rest;
        Some(first)
    }

    pub(super) fn need(&mut self) -> Result<&'a [u8], Refusal> {
        self.next().ok_or("missing argument".into())
    }

    /// All others. A single empty one, with which an event says "none", is none.
    pub(super) fn rest(&mut self) -> Vec<Vec<u8>> {
        let rest = std::mem::take(&mut self.fields);
        if rest.len() == 1 && rest[0].is_empty() { Vec::new() } else { rest.iter().map(|f| f.to_vec()).collect() }
    }

    pub(super) fn end(&mut self) -> Done {
        if self.fields.is_empty() { Ok(()) } else { Err("unknown option".into()) }
    }

    pub(super) fn service(&mut self) -> Result<&'a str, Refusal> {
        self.name("Expected service name", "Invalid service name")
    }

    pub(super) fn handle(&mut self) -> Result<&'a str, Refusal> {
        self.name("Expected file descriptor name", "Invalid file descriptor name")
    }

    fn name(&mut self, missing: &'static str, wrong: &'static str) -> Result<&'a str, Refusal> {
        let field = self.next().filter(|f| !f.is_empty()).ok_or(missing)?;
        std::str::from_utf8(field).ok().filter(|_| is_name(field)).ok_or(wrong.into())
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self) -> Result<T, Refusal> {
        number(self.need()?).ok_or("Expected integer".into())
    }
}

/// An integer: an optional `-` and decimal digits, nothing else.
pub(super) fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(field).ok().filter(|_| plain)?.parse().ok()
}

/// How much of a command an error quotes.
const QUOTED: [usize; 2] = [30, 100];

fn quote(line: &[u8], dialect: Dialect) -> Vec<u8> {
    let mut end = QUOTED[usize::from(dialect == Dialect::Two)];
    if line.starts_with(b"service.env") {
        // Never a value: it may be a secret.
        let tabs = line.iter().enumerate().filter(|(_, b)| **b == b'\t');
        end = tabs.map(|(at, _)| at).nth(1).unwrap_or(line.len()).min(end);
    }
    match line.get(..end) {
        Some(start) if start.len() < line.len() => [start, b"..."].concat(),
        _ => line.to_vec(),
    }
}

impl Core {
    /// Executes the next line of a connection, if a whole one has come. Whether anything was done.
    pub(super) fn command(&mut self, at: usize) -> bool {
        let mut line = Vec::new();
        let conn = &mut self.conns[at];
        let Some(incoming) = conn.next_line(&mut line) else { return false };
        let (id, dialect, was_silent) = (conn.id, conn.dialect, conn.silent);
        let blank = line[..].iter().all(|b| matches!(b, b' ' | b'\t' | b'\r')) || line[0] == b'#';
        conn.silent &= blank && !matches!(incoming, Incoming::TooLong);
        if matches!(incoming, Incoming::TooLong) {
            self.say_error(id, "line too long");
        } else if !blank {
            let speaker = Speaker { conn: id, dialect, quote: quote(&line, dialect) };
            match split_fields(&line, dialect) {
                Ok(fields) => self.obey(&speaker, &fields),
                Err(_) => self.refuse(&speaker, "unknown escape"),
            }
        }
        if was_silent && self.conns.iter().any(|c| c.id == id && !c.silent && c.dialect == Dialect::One) {
            self.tell_signals(id);
        }
        true
    }

    fn obey(&mut self, speaker: &Speaker, fields: &[Cow<'_, [u8]>]) {
        let mut args = Args { fields: &fields[1..] };
        let result = match self.any_time(speaker, &fields[0], &mut args) {
            Some(result) => result,
            None => match self.pen {
                // Said bare, as the rule has it: who hears it knows that it must step back, whatever the command was.
                Some((epoch, holder)) if holder != speaker.conn => return self.say_error(speaker.conn, format!("pen {epoch}")),
                _ => match self.changing(speaker, &fields[0], &mut args) {
                    Some(result) => result,
                    None => return self.say_error(speaker.conn, [b"Unknown command: ", &*fields[0]].concat()),
                },
            },
        };
        if let Err(why) = result {
            self.refuse(speaker, &why);
        }
    }

    /// Commands that change nothing, or only the connection on which they are said.
    fn any_time(&mut self, speaker: &Speaker, verb: &[u8], args: &mut Args<'_>) -> Option<Done> {
        let two = speaker.dialect == Dialect::Two;
        Some(match verb {
            b"echo" => {
                self.echo(speaker, args);
                Ok(())
            }
            b"statedump" => {
                self.on_speaker(speaker, |conn| conn.dump = conn.events.then_some(Cursor::Fds(None)));
                Ok(())
            }
            b"exit" => {
                self.on_speaker(speaker, |conn| conn.leaving = true);
                Ok(())
            }
            b"dialect" => self.dialect(speaker, args),
            b"version" if two => {
                let version = env!("CARGO_PKG_VERSION");
                self.say_to(speaker.conn, |d| Line::new(d, "version").with("abide-keeper").with(version).with("1,2"));
                Ok(())
            }
            b"hello" if two => self.hello(speaker),
            b"pen.take" if two => self.take_pen(speaker, args),
            _ => return None,
        })
    }

    /// Commands that need the pen, when somebody has taken it.
    fn changing(&mut self, speaker: &Speaker, verb: &[u8], args: &mut Args<'_>) -> Option<Done> {
        let two = speaker.dialect == Dialect::Two;
        Some(match verb {
            b"service.tags" => self.service_list(speaker, args, "service.tags"),
            b"service.args" => self.service_list(speaker, args, "service.args"),
            b"service.fds" => self.service_fds(speaker, args),
            b"service.auto_up" => self.service_auto_up(speaker, args),
            b"service.start" => self.service_start(speaker, args),
            b"service.signal" => self.service_signal(speaker, args),
            b"service.delete" => self.service_delete(args),
            b"fd.pipe" => self.fd_pipe(speaker, args),
            b"fd.open" => self.fd_open(speaker, args),
            b"fd.socket" => self.fd_socket(speaker, args),
            b"fd.delete" => self.fd_delete(args),
            b"signal.clear" => self.signal_clear(args),
            b"terminate" => self.terminate(args),
            b"service.env" if two => self.service_env(speaker, args, false),
            b"service.env_add" if two => self.service_env(speaker, args, true),
            b"service.cwd" if two => self.service_cwd(speaker, args),
            b"service.umask" if two => self.service_umask(speaker, args),
            b"service.rlimit" if two => self.service_rlimit(speaker, args),
            b"service.adopt" if two => self.service_adopt(speaker, args),
            b"service.keep" if two => self.service_keep(args),
            _ => return None,
        })
    }

    fn on_speaker(&mut self, speaker: &Speaker, change: impl FnOnce(&mut super::conn::Conn)) {
        if let Some(conn) = self.conns.iter_mut().find(|c| c.id == speaker.conn) {
            change(conn);
        }
    }

    fn echo(&mut self, speaker: &Speaker, args: &mut Args<'_>) {
        let Some(first) = args.next() else { return };
        let rest: Vec<_> = std::iter::from_fn(|| args.next()).collect();
        self.say_to(speaker.conn, |dialect| {
            let mut line = Line { bytes: Vec::new(), dialect };
            for (at, field) in std::iter::once(first).chain(rest).enumerate() {
                if at > 0 {
                    line.bytes.push(b'\t');
                }
                match dialect {
                    // Back as it came: what was read from one line fits into one.
                    Dialect::One => line.bytes.extend_from_slice(field),
                    Dialect::Two => wire::push_field(&mut line.bytes, field, dialect),
                }
            }
            line
        });
    }

    fn dialect(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        match (args.number::<u32>()?, speaker.dialect) {
            (2, Dialect::One) => self.on_speaker(speaker, super::conn::Conn::speak_two),
            (2, Dialect::Two) | (1, Dialect::One) => {}
            _ => return Err("unsupported dialect".into()),
        }
        self.say_to(speaker.conn, |d| Line::new(d, "dialect").with(if d == Dialect::Two { "2" } else { "1" }));
        Ok(())
    }

    fn take_pen(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let epoch: u64 = args.number()?;
        match self.pen {
            Some((newer, _)) if newer > epoch => self.say_error(speaker.conn, format!("pen {newer}")),
            _ => self.pen = Some((epoch, speaker.conn)),
        }
        Ok(())
    }

    fn terminate(&mut self, args: &mut Args<'_>) -> Done {
        let code = args.number()?;
        args.end()?;
        self.effects.push_back(Effect::End { code });
        Ok(())
    }

    fn say_error(&mut self, conn: ConnId, text: impl AsRef<[u8]>) {
        self.say_to(conn, |dialect| Line::new(dialect, "error").with(text));
    }

    pub(super) fn refuse(&mut self, speaker: &Speaker, why: &str) {
        self.refuse_quoting(speaker.conn, &speaker.quote, why);
    }

    fn refuse_quoting(&mut self, conn: ConnId, quote: &[u8], why: &str) {
        self.say_to(conn, |dialect| {
            let mut line = Line::new(dialect, "error");
            let text = [why.as_bytes(), b", for command \"", quote, b"\""].concat();
            if dialect == Dialect::One {
                // The quoted command keeps its TABs here.
                line.bytes.push(b'\t');
                line.bytes.extend(text.iter().map(|b| if matches!(b, b'\n' | b'\r' | 0) { b'?' } else { *b }));
            } else {
                line.field(text);
            }
            line
        });
    }

    /// Hands an effect out and keeps the command until it is answered.
    pub(super) fn ask(&mut self, speaker: &Speaker, effect: Effect, what: Ask) {
        self.effects.push_back(effect);
        self.asking = Some(Asking { conn: speaker.conn, quote: speaker.quote.clone(), what });
    }

    pub(super) fn on_done(&mut self, result: Result<(), Fault>) {
        let Some(asking) = self.asking.take() else { return };
        let why = match (asking.what, result) {
            (Ask::Hold { new, .. }, Ok(())) => {
                for (name, held) in new {
                    self.hold(name, held);
                }
                return;
            }
            (Ask::Hold { new, .. }, Err(fault)) if new[0].1.lock && matches!(fault.errno, "EAGAIN" | "EWOULDBLOCK") => {
                "busy".to_owned()
            }
            (Ask::Hold { otherwise, .. }, Err(fault)) if otherwise.ends_with(": ") => format!("{otherwise}{}", fault.text),
            (Ask::Hold { otherwise: "", .. }, Err(fault)) => fault.text,
            (Ask::Hold { otherwise, .. }, Err(_)) => otherwise.to_owned(),
            (Ask::Signal(_) | Ask::Adopt { .. }, Ok(())) => return,
            (Ask::Signal(name), Err(fault)) => format!("can't kill {name}: {}", fault.text),
            (Ask::Adopt { .. }, Err(fault)) => fault.text,
        };
        self.refuse_quoting(asking.conn, &asking.quote, &why);
    }
}
