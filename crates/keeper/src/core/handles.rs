//! The commands about held descriptors.

use super::args::{Args, Done, Refusal, Speaker, number};
use super::effect::{Address, BindHow, Channel, Effect, Family, OpenHow, Shape};
use super::ledger::{Bond, Kind};
use super::say;
use super::state::{Ask, Core, Draft};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use wire::{Dialect, Name};

/// A listening socket's backlog when none is said.
const BACKLOG: u32 = 32;

/// What the flags of a pipe or socket say.
#[derive(Default)]
struct Asked {
    family: Option<Family>,
    shape: Option<Shape>,
    nonblock: bool,
    mkdir: bool,
    bind: bool,
    backlog: Option<u32>,
    /// What only dialect 2 can say.
    how: BindHow,
}

impl Asked {
    fn parse(flags: &[u8], socket: bool, two: bool) -> Result<Asked, Refusal> {
        let mut asked = Asked::default();
        for flag in flags.split(|b| *b == b',') {
            match flag {
                b"" | b"-" => {}
                b"unix" => asked.family = Some(Family::Unix),
                b"inet" => asked.family = Some(Family::Inet),
                b"inet6" => asked.family = Some(Family::Inet6),
                b"tcp" | b"udp" => {
                    asked.shape = Some(if flag == b"tcp" { Shape::Stream } else { Shape::Datagram });
                    asked.family.get_or_insert(Family::Inet);
                }
                b"stream" => asked.shape = Some(Shape::Stream),
                b"dgram" => asked.shape = Some(Shape::Datagram),
                b"seqpacket" => asked.shape = Some(Shape::Seqpacket),
                b"nonblock" => asked.nonblock = true,
                b"mkdir" if socket => asked.mkdir = true,
                b"bind" if socket => asked.bind = true,
                b"listen" if socket => asked.backlog = Some(BACKLOG),
                _ if socket && two && asked.how.take(flag)? => {}
                _ => match flag.strip_prefix(b"listen=").filter(|_| socket) {
                    Some(length) => {
                        let length = number::<i64>(length).filter(|n| (1..=65535).contains(n));
                        asked.backlog = Some(length.ok_or("invalid listen queue length")? as u32);
                    }
                    None => return Err("unknown flag".into()),
                },
            }
        }
        Ok(asked)
    }

    /// Whether what is asked of a bound socket can be asked of this one.
    fn fits(&self) -> bool {
        let unix = self.channel().family == Family::Unix;
        let BindHow { reuse_port, mode, sticky } = self.how;
        let net = (reuse_port || sticky.is_some()) && (unix || !self.bind);
        !(net || mode.is_some() && (!unix || !self.bind) || sticky.is_some() && !reuse_port)
    }

    fn channel(&self) -> Channel {
        Channel {
            family: self.family.unwrap_or(Family::Unix),
            shape: self.shape.unwrap_or(Shape::Stream),
            nonblock: self.nonblock,
        }
    }
}

impl BindHow {
    /// Takes a flag, if it is one of these.
    fn take(&mut self, flag: &[u8]) -> Result<bool, Refusal> {
        if flag == b"reuse_port" {
            self.reuse_port = true;
        } else if let Some(mode) = flag.strip_prefix(b"mode=") {
            let mode = std::str::from_utf8(mode).ok().and_then(|mode| u32::from_str_radix(mode, 8).ok());
            self.mode = Some(mode.filter(|mode| *mode <= 0o777).ok_or("invalid mode")?);
        } else if let Some(count) = flag.strip_prefix(b"sticky=") {
            self.sticky = Some(sticky_count(count)?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

/// Over how many sockets connections are spread.
fn sticky_count(text: &[u8]) -> Result<u32, Refusal> {
    number::<u32>(text).filter(|count| (1..=65535).contains(count)).ok_or("invalid count".into())
}

/// `1.2.3.4[:80]`, `*[:80]`, and for inet6 `::1`, `[::1]:80`, `*:80`.
fn address(text: &[u8], family: Family) -> Result<Address, Refusal> {
    let wrong = || Refusal::from("invalid address");
    if family == Family::Unix {
        return Ok(Address::Path);
    }
    let text = std::str::from_utf8(text).map_err(|_| wrong())?;
    let (host, port) = match text.rsplit_once(':') {
        // An IPv6 address without a port has colons of its own.
        Some((host, port)) if family == Family::Inet || host.ends_with(']') || host == "*" => {
            (host, number::<u16>(port.as_bytes()).ok_or_else(wrong)?)
        }
        _ => (text, 0),
    };
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    Ok(Address::Net(match (family, host) {
        (Family::Inet, "*") => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
        (Family::Inet, _) => SocketAddr::from((host.parse::<Ipv4Addr>().map_err(|_| wrong())?, port)),
        (_, "*") => SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
        _ => SocketAddr::from((host.parse::<Ipv6Addr>().map_err(|_| wrong())?, port)),
    }))
}

impl Core {
    /// A name for a new descriptor. A new one needs a place; one of the same name gives its own.
    fn free_handle(&self, args: &mut Args<'_>) -> Result<Name, Refusal> {
        let name = args.handle()?;
        match self.held.find(&name) {
            Some(at) if self.held[at].bond == Bond::Constant => Err("File descriptor cannot be altered".into()),
            _ => Ok(name),
        }
    }

    fn room_for(&self, names: &[Name]) -> Done {
        let new = names.iter().filter(|name| self.held.find(name).is_none()).count();
        if self.held.has_room(new) { Ok(()) } else { Err("Unable to allocate new file descriptor object".into()) }
    }

    /// Holds a descriptor; one of the same name is closed without a word.
    pub(super) fn hold(&mut self, draft: Draft) -> Done {
        let at = match self.held.find(&draft.name) {
            Some(at) => {
                self.part(at);
                at
            }
            None => self.held.insert(draft.name).ok_or("Unable to allocate new file descriptor object")?,
        };
        let held = &mut self.held[at];
        (held.token, held.kind, held.peer, held.bond) = (Some(draft.token), draft.kind, draft.peer, Bond::Standard);
        (held.handoff, held.lock) = (draft.handoff, draft.lock);
        held.describe(if draft.peer.is_some() { b"" } else { &self.text });
        let held = &self.held[at];
        say::tell(&mut self.conns, Dialect::One, |line| say::held(line, held));
        Ok(())
    }

    /// Closes a descriptor and says so.
    pub(super) fn let_go(&mut self, at: u32) {
        let name = self.held[at].name;
        self.part(at);
        self.held.remove(at);
        self.tell(|line| say::held_deleted(line, &name));
    }

    fn part(&mut self, at: u32) {
        let name = self.held[at].name;
        if let Some(token) = self.held[at].token.take() {
            self.effects.push_back(Effect::Close { token });
            self.tokens.give_back(token);
        }
        let peer = self.held[at].peer.take().and_then(|peer| self.held.find(&peer));
        if let Some(peer) = peer.filter(|peer| self.held[*peer].peer == Some(name)) {
            self.held[peer].peer = None;
        }
    }

    fn draft(&mut self, name: Name, kind: Kind) -> Draft {
        Draft { name, token: self.tokens.take(), kind, peer: None, handoff: false, lock: false }
    }

    pub(super) fn fd_pipe(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let (first, second) = (self.free_handle(args)?, self.free_handle(args)?);
        if first == second {
            return Err("Invalid file descriptor name".into());
        }
        let asked = Asked::parse(args.next().unwrap_or_default(), false, false)?;
        args.end()?;
        self.room_for(&[first, second])?;
        let paired = asked.family.is_some() || asked.shape.is_some();
        let kind = |to| match paired {
            true => Kind::Pair(asked.channel()),
            false => Kind::Pipe { nonblock: asked.nonblock, to },
        };
        let read = Draft { peer: Some(second), ..self.draft(first, kind(false)) };
        let write = Draft { peer: Some(first), ..self.draft(second, kind(true)) };
        let effect = if paired {
            Effect::SocketPair { ends: [read.token, write.token], channel: asked.channel() }
        } else {
            Effect::Pipe { read: read.token, write: write.token, nonblock: asked.nonblock }
        };
        self.ask(speaker, effect, Ask::Hold { new: [Some(read), Some(write)], otherwise: "failed to create pipe" })
    }

    pub(super) fn fd_open(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let name = self.free_handle(args)?;
        let flags = args.next().ok_or("missing flags argument")?;
        let path = args.next().filter(|p| !p.is_empty()).ok_or("missing path argument")?;
        args.end().map_err(|_| "unexpected argument after path")?;
        let mut how = OpenHow::default();
        let mut handoff = false;
        for flag in flags.split(|b| *b == b',') {
            match flag {
                b"" | b"-" => {}
                b"read" => how.read = true,
                b"write" => how.write = true,
                b"append" => how.append = true,
                b"create" => how.create = true,
                b"trunc" => how.trunc = true,
                b"nonblock" => how.nonblock = true,
                b"mkdir" => how.mkdir = true,
                b"handoff" if speaker.dialect == Dialect::Two => handoff = true,
                b"lock" if speaker.dialect == Dialect::Two => how.lock = true,
                _ => return Err("unknown flag".into()),
            }
        }
        how.read |= !how.write;
        self.room_for(&[name])?;
        let draft = Draft { handoff, lock: how.lock, ..self.draft(name, Kind::File(how)) };
        self.set_text(path);
        let what = Ask::Hold { new: [Some(draft), None], otherwise: "open failed: " };
        self.ask(speaker, Effect::Open { token: draft.token, how }, what)
    }

    pub(super) fn fd_socket(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let name = self.free_handle(args)?;
        let two = speaker.dialect == Dialect::Two;
        let mut asked = Asked::parse(args.next().ok_or("missing flags argument")?, true, two)?;
        let channel = asked.channel();
        let text = args.next().filter(|text| !text.is_empty());
        args.end().map_err(|_| "unexpected argument after address")?;
        asked.bind |= text.is_some() || asked.backlog.is_some();
        if asked.bind && text.is_none() {
            return Err("expected address argument".into());
        }
        if !asked.fits() {
            return Err("a flag does not fit this socket".into());
        }
        let address = text.map(|text| address(text, channel.family)).transpose()?;
        self.room_for(&[name])?;
        let Asked { bind, backlog, mkdir, how, .. } = asked;
        let how = (two && bind).then_some(how);
        let draft = self.draft(name, Kind::Socket { channel, bind, backlog, mkdir, how });
        self.set_text(text.unwrap_or_default());
        let effect = Effect::Socket { token: draft.token, channel, address, backlog, mkdir, how };
        self.ask(speaker, effect, Ask::Hold { new: [Some(draft), None], otherwise: "" })
    }

    /// `fd.sticky NAME COUNT`: what comes to the address of this socket is spread over so many sockets there, from now on.
    pub(super) fn fd_sticky(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let name = args.handle()?;
        let count = sticky_count(args.need()?)?;
        args.end()?;
        let token = self.held.find(&name).and_then(|at| self.held[at].token).ok_or("No such file descriptor")?;
        self.ask(speaker, Effect::Steer { token, count }, Ask::Steer { name, count })
    }

    /// What comes to the address of a held socket is spread over so many now.
    pub(super) fn steered(&mut self, name: &Name, count: u32) {
        let Some(at) = self.held.find(name) else { return };
        if let Kind::Socket { how: Some(how), .. } = &mut self.held[at].kind {
            how.sticky = Some(count);
        }
        let held = &self.held[at];
        say::tell(&mut self.conns, Dialect::One, |line| say::held(line, held));
    }

    pub(super) fn fd_take(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let name = self.free_handle(args)?;
        args.end()?;
        self.room_for(&[name])?;
        let draft = self.draft(name, Kind::Special { read: true, write: true });
        self.set_text(b"received");
        let what = Ask::Hold { new: [Some(draft), None], otherwise: "No ancillary file descriptor received" };
        self.ask(speaker, Effect::Take { conn: speaker.conn, token: draft.token }, what)
    }

    pub(super) fn fd_delete(&mut self, args: &mut Args<'_>) -> Done {
        let name = args.handle()?;
        match self.held.find(&name) {
            None => Err("No such file descriptor".into()),
            Some(at) if self.held[at].bond == Bond::Constant => Err("File descriptor cannot be altered".into()),
            Some(at) => {
                self.let_go(at);
                Ok(())
            }
        }
    }

    /// `fd.give NAME`: the event of the same words carries a copy of the descriptor.
    pub(super) fn fd_give(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let name = args.handle()?;
        args.end()?;
        let token = self.held.find(&name).and_then(|at| self.held[at].token).ok_or("No such file descriptor")?;
        let Some(conn) = self.conns.iter_mut().find(|c| c.id == speaker.conn && c.events) else { return Ok(()) };
        let at = conn.outbox.place();
        conn.say(|line| _ = line.raw("fd.give").field(name));
        if conn.outbox.place() > at {
            self.effects.push_back(Effect::Give { conn: speaker.conn, token, at });
        }
        Ok(())
    }

    /// `fd.list [NAME…]`: the state of these descriptors, or of all.
    pub(super) fn fd_list(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let listed = args.rest();
        let known = |field: &[u8]| Name::new(field).and_then(|name| self.held.find(&name));
        if wire::fields(listed).any(|field| known(field).is_none()) {
            return Err("No such file descriptor".into());
        }
        let (held, conns) = (&self.held, &mut self.conns);
        let Some(conn) = conns.iter_mut().find(|c| c.id == speaker.conn) else { return Ok(()) };
        for at in held.places() {
            let named = |field: &[u8]| field == held[*at].name.as_bytes();
            if listed.is_empty() || wire::fields(listed).any(named) {
                conn.say(|line| say::held(line, &held[*at]));
            }
        }
        Ok(())
    }

    /// `fd.inherit`: the names of those that the keeper got from whoever started it.
    pub(super) fn fd_inherit(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        args.end()?;
        let (held, conns) = (&self.held, &mut self.conns);
        let Some(conn) = conns.iter_mut().find(|c| c.id == speaker.conn) else { return Ok(()) };
        conn.say(|line| {
            line.raw("fd.inherit");
            held.iter().filter(|held| held.bond == Bond::Received).for_each(|held| _ = line.field(held.name));
        });
        Ok(())
    }
}
