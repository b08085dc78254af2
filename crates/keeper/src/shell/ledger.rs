//! The shell's lines of the ledger (`mechanisms.md` §7): which number is what.

use super::links::{Link, Out, TAKEN};
use super::rounds::{Shell, ShellSettings};
use crate::core::{ConnId, Core, FdToken, LifeId, PoolSize, Settings};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use wire::ledger::{Entry, LedgerError, Writer, read};

/// A connection, by numbers.
pub(super) struct ToldLink {
    pub(super) conn: ConnId,
    pub(super) input: RawFd,
    pub(super) out: ToldOut,
    pub(super) commands: bool,
    pub(super) ended: bool,
    pub(super) broken: bool,
    pub(super) taken: Vec<RawFd>,
}

/// Where its events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToldOut {
    Same,
    Other(RawFd),
    Nowhere,
}

/// A process, by numbers.
pub(super) struct ToldLife {
    pub(super) id: LifeId,
    pub(super) pid: u32,
    pub(super) pidfd: RawFd,
    pub(super) report: Option<RawFd>,
    pub(super) child: bool,
    pub(super) give_up: Option<u64>,
}

/// The control socket, by number.
pub(super) struct ToldListener {
    pub(super) number: RawFd,
    pub(super) path: Vec<u8>,
    pub(super) place: Option<(u64, u64)>,
}

/// All of the shell's lines.
#[derive(Default)]
pub(super) struct Told {
    pub(super) settings: ShellSettings,
    pub(super) nofile: u64,
    pub(super) fds: Vec<(FdToken, RawFd)>,
    pub(super) links: Vec<ToldLink>,
    pub(super) given: Vec<(ConnId, u64, RawFd)>,
    pub(super) lives: Vec<ToldLife>,
    pub(super) listener: Option<ToldListener>,
    pub(super) kept: Vec<RawFd>,
    /// Every number, ascending.
    pub(super) numbers: Vec<RawFd>,
}

/// The ledger being written, and the numbers that are in it.
struct Lines {
    ledger: Writer,
    numbers: Vec<RawFd>,
}

impl Lines {
    fn line(&mut self, verb: &str) -> &mut Lines {
        self.ledger.line(verb);
        self
    }

    fn number(&mut self, value: impl std::fmt::Display) -> &mut Lines {
        self.ledger.number(value);
        self
    }

    fn flag(&mut self, value: bool) -> &mut Lines {
        self.number(u8::from(value))
    }

    fn maybe(&mut self, value: Option<impl std::fmt::Display>) -> &mut Lines {
        self.ledger.maybe(value);
        self
    }

    fn fd(&mut self, fd: &OwnedFd) -> &mut Lines {
        self.numbers.push(fd.as_raw_fd());
        self.number(fd.as_raw_fd())
    }

    fn maybe_fd(&mut self, fd: Option<&OwnedFd>) -> &mut Lines {
        match fd {
            Some(fd) => self.fd(fd),
            None => self.maybe(None::<u8>),
        }
    }

    fn settings(&mut self, settings: ShellSettings, nofile: u64) {
        let pools = settings.pools;
        self.line("shell.settings").flag(settings.never_wait).flag(settings.lock_memory).number(nofile).number(pools.connections);
        for pool in [pools.services, pools.fds] {
            self.maybe(pool.map(|pool| pool.count)).maybe(pool.map(|pool| pool.bytes));
        }
    }

    fn link(&mut self, link: &Link) {
        self.line("shell.link").number(link.conn.0).fd(link.input.fd());
        match &link.out {
            Out::Same => _ = self.ledger.field("same"),
            Out::Nowhere => _ = self.ledger.field("nowhere"),
            Out::Other(outlet) => {
                self.ledger.field("other");
                self.fd(outlet.fd());
            }
        }
        self.flag(link.commands).flag(link.ended).flag(link.broken);
        link.taken.iter().flatten().for_each(|fd| _ = self.fd(fd));
    }
}

impl Shell {
    /// The whole ledger, and every descriptor that is in it.
    pub(super) fn save(&self) -> (Vec<u8>, Vec<RawFd>) {
        let mut ledger = Writer::default();
        self.core.save(&mut ledger);
        let mut lines = Lines { ledger, numbers: Vec::new() };
        lines.settings(self.settings, self.nofile);
        self.fds.iter().for_each(|(token, fd)| _ = lines.line("shell.fd").number(token.0).fd(fd));
        self.links.all.iter().for_each(|link| lines.link(link));
        for (conn, at, fd) in &self.links.given {
            lines.line("shell.give").number(conn.0).number(at).fd(fd);
        }
        for life in self.lives.iter() {
            lines.line("shell.life").number(life.id.0).number(life.pid).fd(&life.pidfd).maybe_fd(life.report.as_ref());
            lines.flag(life.child).maybe(life.give_up);
        }
        if let Some(listener) = &self.listener {
            let (device, inode) = listener.place.unzip();
            lines.line("shell.listener").fd(listener.outlet.fd()).maybe(device).maybe(inode);
            lines.ledger.field(&self.listener_path);
        }
        self.kept.iter().for_each(|fd| _ = lines.line("shell.keep").fd(fd));
        (lines.ledger.finish(), lines.numbers)
    }
}

type Read<T> = Result<T, LedgerError>;

fn flag(entry: &mut Entry) -> Read<bool> {
    Ok(entry.number::<u8>()? != 0)
}

fn pool(entry: &mut Entry) -> Read<Option<PoolSize>> {
    let (count, bytes) = (entry.maybe()?, entry.maybe()?);
    Ok(count.zip(bytes).map(|(count, bytes)| PoolSize { count, bytes }))
}

impl Told {
    fn fd(&mut self, entry: &mut Entry) -> Read<RawFd> {
        let number = entry.number()?;
        match self.numbers.binary_search(&number) {
            // 0 to 2 are everybody's, and a descriptor has one owner.
            Err(place) if number > 2 => self.numbers.insert(place, number),
            _ => return Err(entry.wrong()),
        }
        Ok(number)
    }

    fn take(&mut self, entry: &mut Entry) -> Read<()> {
        match entry.verb.as_str() {
            "shell.settings" => {
                (self.settings.never_wait, self.settings.lock_memory) = (flag(entry)?, flag(entry)?);
                self.nofile = entry.number()?;
                let (connections, services, fds) = (entry.number()?, pool(entry)?, pool(entry)?);
                self.settings.pools = Settings { connections, services, fds, ..Settings::default() };
            }
            "shell.fd" => {
                let told = (FdToken(entry.number()?), self.fd(entry)?);
                self.fds.push(told);
            }
            "shell.link" => {
                let link = self.link(entry)?;
                self.links.push(link);
            }
            "shell.give" => {
                let told = (ConnId(entry.number()?), entry.number()?, self.fd(entry)?);
                self.given.push(told);
            }
            "shell.life" => {
                let (id, pid, pidfd) = (LifeId(entry.number()?), entry.number()?, self.fd(entry)?);
                let report = self.maybe_fd(entry)?;
                self.lives.push(ToldLife { id, pid, pidfd, report, child: flag(entry)?, give_up: entry.maybe()? });
            }
            "shell.listener" => {
                let (number, device, inode) = (self.fd(entry)?, entry.maybe()?, entry.maybe()?);
                self.listener = Some(ToldListener { number, path: entry.field()?, place: device.zip(inode) });
            }
            "shell.keep" => {
                let number = self.fd(entry)?;
                self.kept.push(number);
            }
            _ => return Err(entry.wrong()),
        }
        if entry.rest().is_empty() { Ok(()) } else { Err(entry.wrong()) }
    }

    fn maybe_fd(&mut self, entry: &mut Entry) -> Read<Option<RawFd>> {
        let mut ahead = entry.clone();
        match ahead.maybe::<RawFd>()? {
            Some(_) => self.fd(entry).map(Some),
            None => {
                *entry = ahead;
                Ok(None)
            }
        }
    }

    fn link(&mut self, entry: &mut Entry) -> Read<ToldLink> {
        let (conn, input) = (ConnId(entry.number()?), self.fd(entry)?);
        let out = match entry.field()?.as_slice() {
            b"same" => ToldOut::Same,
            b"other" => ToldOut::Other(self.fd(entry)?),
            b"nowhere" => ToldOut::Nowhere,
            _ => return Err(entry.wrong()),
        };
        let (commands, ended, broken) = (flag(entry)?, flag(entry)?, flag(entry)?);
        let mut taken = Vec::new();
        while let Ok(number) = self.fd(entry) {
            taken.push(number);
        }
        if taken.len() > TAKEN {
            return Err(entry.wrong());
        }
        Ok(ToldLink { conn, input, out, commands, ended, broken, taken })
    }

    /// Whether it has a descriptor for whatever the core knows, and no other.
    fn complete(&self, core: &Core) -> Result<(), String> {
        let (mut fds, mut conns, mut lives) = core.known();
        let mut told_fds: Vec<FdToken> = self.fds.iter().map(|(token, _)| *token).collect();
        let mut told_conns: Vec<ConnId> = self.links.iter().map(|link| link.conn).collect();
        let mut told_lives: Vec<LifeId> = self.lives.iter().map(|life| life.id).collect();
        for same in [same(&mut fds, &mut told_fds), same(&mut conns, &mut told_conns), same(&mut lives, &mut told_lives)] {
            if !same {
                return Err("the ledger's descriptors, connections or lives are not those of its other half".to_owned());
            }
        }
        Ok(())
    }
}

fn same<T: Ord>(first: &mut [T], second: &mut [T]) -> bool {
    first.sort_unstable();
    second.sort_unstable();
    first == second
}

/// Takes a ledger apart: the core that goes on, and what it needs.
pub(super) fn parse(bytes: &[u8]) -> Result<(Core, Told), String> {
    let entries = read(bytes).map_err(|error| error.to_string())?;
    let (core, ours) = Core::restore(entries).map_err(|error| error.to_string())?;
    let mut told = Told::default();
    for mut entry in ours {
        told.take(&mut entry).map_err(|error| error.to_string())?;
    }
    told.complete(&core)?;
    Ok((core, told))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ledger of a core with nothing, and these lines of the shell.
    fn ledger(lines: &[&[&str]]) -> Vec<u8> {
        let mut ledger = Writer::default();
        Core::new(Settings::default()).save(&mut ledger);
        for line in lines {
            ledger.line(line[0]);
            line[1..].iter().for_each(|field| _ = ledger.field(field));
        }
        ledger.finish()
    }

    const SETTINGS: &[&str] = &["shell.settings", "1", "0", "4096", "8", "20", "512", "-", "-"];

    #[test]
    fn lines_that_are_understood() {
        let lines = [SETTINGS, &["shell.listener", "9", "1", "2", "a\tpath"], &["shell.keep", "5"], &["shell.keep", "7"]];
        let (_, told) = parse(&ledger(&lines)).expect("whole");
        assert_eq!((told.nofile, told.settings.never_wait, told.kept, told.numbers), (4096, true, vec![5, 7], vec![5, 7, 9]));
        assert_eq!(told.settings.pools.services, Some(PoolSize { count: 20, bytes: 512 }));
        let listener = told.listener.expect("there");
        assert_eq!((listener.number, listener.place, listener.path), (9, Some((1, 2)), b"a\tpath".to_vec()));
    }

    #[test]
    fn lines_that_are_not() {
        for wrong in [
            &["shell.keep", "2"][..],
            &["shell.keep", "x"],
            &["shell.keep", "5", "6"],
            &["shell.nonsense"],
            &["shell.settings", "1"],
            &["shell.link", "1", "5", "up", "1", "0", "0"],
            // Well formed, but the core knows of none.
            &["shell.fd", "1", "5"],
            &["shell.life", "1", "70", "5", "-", "1", "-"],
            &["shell.link", "1", "5", "same", "1", "0", "0", "6"],
        ] {
            assert!(parse(&ledger(&[SETTINGS, wrong])).is_err(), "{wrong:?}");
        }
        assert!(parse(&ledger(&[&["shell.keep", "5"], &["shell.keep", "5"]])).is_err(), "twice");
        assert!(parse(b"nothing").is_err());
    }
}
