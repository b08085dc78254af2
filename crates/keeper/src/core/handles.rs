//! The commands about held descriptors.

use super::command::{Args, Done, Refusal, Speaker, number};
use super::effect::{Address, Channel, Effect, Family, OpenHow, Shape};
use super::ledger::{About, Held, Name};
use super::say;
use super::step::{Ask, Core};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use wire::Dialect;

/// A listening socket's backlog when none is said.
const BACKLOG: u32 = 32;

/// What the flags of a pipe or socket say.
struct Asked {
    family: Option<Family>,
    shape: Option<Shape>,
    nonblock: bool,
    mkdir: bool,
    bind: bool,
    backlog: Option<u32>,
}

impl Asked {
    fn parse(flags: &[u8], socket: bool) -> Result<Asked, Refusal> {
        let mut asked = Asked { family: None, shape: None, nonblock: false, mkdir: false, bind: false, backlog: None };
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

    fn channel(&self) -> Channel {
        Channel {
            family: self.family.unwrap_or(Family::Unix),
            shape: self.shape.unwrap_or(Shape::Stream),
            nonblock: self.nonblock,
        }
    }
}

/// `unix,stream`.
fn words(channel: Channel) -> String {
    let family = match channel.family {
        Family::Unix => "unix",
        Family::Inet => "inet",
        Family::Inet6 => "inet6",
    };
    let shape = match channel.shape {
        Shape::Stream => "stream",
        Shape::Datagram => "dgram",
        Shape::Seqpacket => "seqpacket",
    };
    format!("{family},{shape}")
}

/// `1.2.3.4[:80]`, `*[:80]`, and for inet6 `::1`, `[::1]:80`, `*:80`.
fn address(text: &[u8], family: Family) -> Result<Address, Refusal> {
    let wrong = || Refusal::from("invalid address");
    if family == Family::Unix {
        return Ok(Address::Path(text.to_vec()));
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
    /// A name for a new descriptor.
    fn free_handle(&self, args: &mut Args<'_>) -> Result<Name, Refusal> {
        let name = args.handle()?;
        if self.held.get(name).is_some_and(|held| held.constant) {
            return Err("File descriptor cannot be altered".into());
        }
        Ok(name.into())
    }

    /// Holds a descriptor; one of the same name is closed without a word.
    pub(super) fn hold(&mut self, name: Name, held: Held) {
        if let Some(old) = self.held.remove(&name) {
            self.part(&old);
        }
        self.tell(|dialect| say::held(dialect, &name, &held));
        self.held.insert(name, held);
    }

    /// Closes a descriptor and says so.
    pub(super) fn let_go(&mut self, name: &Name) {
        if let Some(old) = self.held.remove(name) {
            self.part(&old);
            self.tell(|dialect| say::held_deleted(dialect, name));
        }
    }

    fn part(&mut self, old: &Held) {
        if let Some(token) = old.token {
            self.effects.push_back(Effect::Close { token });
        }
        if let About::Peer(Some(peer)) = &old.about
            && let Some(other) = self.held.get_mut(peer)
            && let About::Peer(back) = &mut other.about
        {
            *back = None;
        }
    }

    pub(super) fn fd_pipe(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let (first, second) = (self.free_handle(args)?, self.free_handle(args)?);
        if first == second {
            return Err("Invalid file descriptor name".into());
        }
        let asked = Asked::parse(args.next().unwrap_or_default(), false)?;
        args.end()?;
        let (read, write) = (self.new_token(), self.new_token());
        let nonblock = if asked.nonblock { "nonblock," } else { "" };
        let end = |token, flags: String, peer: &Name| Held::new(Some(token), "pipe", flags, About::Peer(Some(peer.clone())));
        let (effect, new) = if asked.family.is_some() || asked.shape.is_some() {
            let flags = format!("{},{nonblock}to", words(asked.channel()));
            (
                Effect::SocketPair { ends: [read, write], channel: asked.channel() },
                vec![(first.clone(), end(read, flags.clone(), &second)), (second, end(write, flags, &first))],
            )
        } else {
            (
                Effect::Pipe { read, write, nonblock: asked.nonblock },
                vec![
                    (first.clone(), end(read, format!("{nonblock}from"), &second)),
                    (second, end(write, format!("{nonblock}to"), &first)),
                ],
            )
        };
        self.ask(speaker, effect, Ask::Hold { new, otherwise: "failed to create pipe" });
        Ok(())
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
        let mut said = String::from(match (how.read, how.write) {
            (true, true) => "read,write",
            (false, true) => "write",
            _ => "read",
        });
        for (asked, word) in [
            (how.append, ",append"),
            (how.create, ",create"),
            (how.trunc, ",trunc"),
            (how.nonblock, ",nonblock"),
            (how.mkdir, ",mkdir"),
        ] {
            said.push_str(if asked { word } else { "" });
        }
        let token = self.new_token();
        let about = About::Text(path.to_vec());
        let held = Held { handoff, lock: how.lock, ..Held::new(Some(token), "file", said, about) };
        let what = Ask::Hold { new: vec![(name, held)], otherwise: "open failed: " };
        self.ask(speaker, Effect::Open { token, path: path.to_vec(), how }, what);
        Ok(())
    }

    pub(super) fn fd_socket(&mut self, speaker: &Speaker, args: &mut Args<'_>) -> Done {
        let name = self.free_handle(args)?;
        let mut asked = Asked::parse(args.next().ok_or("missing flags argument")?, true)?;
        let channel = asked.channel();
        let text = args.next().filter(|text| !text.is_empty());
        args.end().map_err(|_| "unexpected argument after address")?;
        asked.bind |= text.is_some() || asked.backlog.is_some();
        if asked.bind && text.is_none() {
            return Err("expected address argument".into());
        }
        let address = text.map(|text| address(text, channel.family)).transpose()?;
        let mut said = words(channel);
        if asked.bind {
            said.push_str(",bind");
        }
        if let Some(backlog) = asked.backlog {
            said.push_str(&format!(",listen={backlog}"));
        }
        for (has, word) in [(asked.mkdir, ",mkdir"), (asked.nonblock, ",nonblock")] {
            said.push_str(if has { word } else { "" });
        }
        let token = self.new_token();
        let held = Held::new(Some(token), "socket", said, About::Text(text.unwrap_or_default().to_vec()));
        let effect = Effect::Socket { token, channel, address, backlog: asked.backlog, mkdir: asked.mkdir };
        self.ask(speaker, effect, Ask::Hold { new: vec![(name, held)], otherwise: "" });
        Ok(())
    }

    pub(super) fn fd_delete(&mut self, args: &mut Args<'_>) -> Done {
        let name: Name = args.handle()?.into();
        match self.held.get(&name) {
            None => Err("No such file descriptor".into()),
            Some(held) if held.constant => Err("File descriptor cannot be altered".into()),
            Some(_) => {
                self.let_go(&name);
                Ok(())
            }
        }
    }
}
