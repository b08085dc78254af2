//! The ledger: what another executable must know to go on in our place (`mechanisms.md` §7), and going on from one. The core writes its
//! lines, the shell those that say which number is what.

use super::links::{Link, Out};
use super::listener::Listener;
use super::outlets::Outlet;
use super::rounds::{Shell, ShellSettings};
use super::tables::Life;
use super::upgrade::version_line;
use crate::core::{ConnId, Core, FdToken, LifeId, PoolSize, Settings};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use sys::handle::{adopt_number, inherited};
use wire::ledger::{Entry, LedgerError, Writer, read};

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
        self.maybe_fd(Some(fd))
    }

    fn maybe_fd(&mut self, fd: Option<&OwnedFd>) -> &mut Lines {
        let number = fd.map(AsRawFd::as_raw_fd);
        self.numbers.extend(number);
        self.maybe(number)
    }

    fn settings(&mut self, settings: ShellSettings, nofile: u64) {
        let pools = settings.pools;
        self.line("shell.settings").flag(settings.never_wait).flag(settings.lock_memory).number(nofile).number(pools.connections);
        for pool in [pools.services, pools.fds] {
            self.maybe(pool.map(|pool| pool.count)).maybe(pool.map(|pool| pool.bytes));
        }
    }

    fn link(&mut self, link: &Link) {
        self.line("shell.link").number(link.conn.0).flag(link.commands).flag(link.ended).flag(link.broken).fd(link.input.fd());
        for taken in &link.taken {
            self.maybe_fd(taken.as_ref());
        }
        match &link.out {
            Out::Same => _ = self.ledger.field("same"),
            Out::Nowhere => _ = self.ledger.field("nowhere"),
            Out::Other(outlet) => _ = self.fd(outlet.fd()),
        }
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

fn settings(entry: &mut Entry) -> Read<(ShellSettings, u64)> {
    let (never_wait, lock_memory, nofile) = (flag(entry)?, flag(entry)?, entry.number()?);
    let (connections, services, fds) = (entry.number()?, pool(entry)?, pool(entry)?);
    let pools = Settings { connections, services, fds, ..Settings::default() };
    Ok((ShellSettings { never_wait, lock_memory, pools }, nofile))
}

/// A shell on its way back.
struct Return<'a> {
    shell: Shell,
    /// Gives the descriptor of a number.
    own: &'a dyn Fn(RawFd) -> io::Result<OwnedFd>,
    /// All numbers, ascending.
    numbers: Vec<RawFd>,
}

impl Return<'_> {
    fn own(&mut self, entry: &Entry, number: RawFd) -> Read<OwnedFd> {
        match self.numbers.binary_search(&number) {
            // 0 to 2 are everybody's, and a descriptor has one owner.
            Err(place) if number > 2 => self.numbers.insert(place, number),
            _ => return Err(entry.wrong()),
        }
        (self.own)(number).map_err(|_| entry.wrong())
    }

    fn fd(&mut self, entry: &mut Entry) -> Read<OwnedFd> {
        let number = entry.number()?;
        self.own(entry, number)
    }

    fn maybe_fd(&mut self, entry: &mut Entry) -> Read<Option<OwnedFd>> {
        entry.maybe()?.map(|number| self.own(entry, number)).transpose()
    }

    fn take(&mut self, entry: &mut Entry) -> Read<()> {
        match entry.verb.as_str() {
            "shell.fd" => {
                let (token, fd) = (FdToken(entry.number()?), self.fd(entry)?);
                self.shell.fds.hold(token, fd);
            }
            "shell.link" => self.take_link(entry)?,
            "shell.give" => {
                let given = (ConnId(entry.number()?), entry.number()?, self.fd(entry)?);
                self.shell.links.given.push_back(given);
            }
            "shell.life" => {
                let (id, pid, child, give_up) = (LifeId(entry.number()?), entry.number()?, flag(entry)?, entry.maybe()?);
                let (pidfd, report) = (self.fd(entry)?, self.maybe_fd(entry)?);
                self.shell.lives.insert(Life { id, pid, pidfd, report, child, give_up });
            }
            "shell.listener" => {
                let (fd, device, inode) = (self.fd(entry)?, entry.maybe()?, entry.maybe()?);
                self.shell.listener = Some(Listener::new(fd, device.zip(inode)));
                self.shell.listener_path.extend_from_slice(&entry.field()?);
            }
            "shell.keep" => {
                let fd = self.fd(entry)?;
                self.shell.kept.push(fd);
            }
            _ => return Err(entry.wrong()),
        }
        if entry.rest().is_empty() { Ok(()) } else { Err(entry.wrong()) }
    }

    fn take_link(&mut self, entry: &mut Entry) -> Read<()> {
        let (conn, commands) = (ConnId(entry.number()?), flag(entry)?);
        let (ended, broken) = (flag(entry)?, flag(entry)?);
        let input = Outlet::new(self.fd(entry)?);
        let taken = [self.maybe_fd(entry)?, self.maybe_fd(entry)?];
        let mut ahead = entry.clone();
        let out = match ahead.field()?.as_slice() {
            b"same" => Out::Same,
            b"nowhere" => Out::Nowhere,
            _ => Out::Other(Outlet::new(self.fd(entry)?)),
        };
        if !matches!(out, Out::Other(_)) {
            *entry = ahead;
        }
        self.shell.links.all.push(Link { conn, input, out, commands, ended, broken, taken });
        Ok(())
    }
}

/// Makes a shell of a ledger, and tells the numbers that it has. Nothing is watched yet.
fn restore(bytes: &[u8], own: &dyn Fn(RawFd) -> io::Result<OwnedFd>) -> Result<(Shell, Vec<RawFd>), String> {
    let text = |error: LedgerError| error.to_string();
    let (core, ours) = Core::restore(read(bytes).map_err(text)?).map_err(text)?;
    let mut ours = ours.into_iter();
    let mut first = ours.next().filter(|entry| entry.verb == "shell.settings").ok_or("the ledger has no line shell.settings")?;
    let (settings, nofile) = settings(&mut first).map_err(text)?;
    let shell = Shell::new(core, settings).map_err(|error| format!("no shell for the ledger: {error}"))?;
    let mut back = Return { shell, own, numbers: Vec::new() };
    back.shell.nofile = nofile;
    ours.try_for_each(|mut entry| back.take(&mut entry)).map_err(text)?;
    let Return { shell, numbers, .. } = back;
    if shell.is_whole() { Ok((shell, numbers)) } else { Err("the two halves of the ledger know different things".to_owned()) }
}

fn bytes_of(fd: &OwnedFd) -> Result<Vec<u8>, String> {
    sys::upgrade::read_memfd(fd).map_err(|error| format!("the ledger cannot be read: {error}"))
}

/// Does everything that taking over from this ledger needs, except doing it: its numbers are descriptors of another process. Gives the line
/// that says yes.
///
/// # Errors
/// Why it cannot be taken over.
pub fn check_ledger(fd: OwnedFd) -> Result<String, String> {
    restore(&bytes_of(&fd)?, &|_| sys::handle::null())?;
    Ok(version_line())
}

impl Shell {
    /// Takes over from the ledger that another executable of this very process has left. To be called before anything else is opened;
    /// signals that came meanwhile are not lost.
    ///
    /// # Errors
    /// Why it cannot. What the former keeper held is lost then.
    pub fn from_ledger(fd: OwnedFd) -> Result<Shell, String> {
        let open = inherited();
        let (shell, numbers) = restore(&bytes_of(&fd)?, &adopt_number)?;
        let unknown = open.into_iter().filter(|number| *number != fd.as_raw_fd() && numbers.binary_search(number).is_err());
        unknown.for_each(|number| drop(adopt_number(number)));
        for life in shell.lives.iter() {
            shell.attend(life).map_err(|error| format!("pid {} cannot be watched: {error}", life.pid))?;
        }
        Ok(shell)
    }

    /// Whether there is a descriptor for whatever the core knows, and no other.
    fn is_whole(&self) -> bool {
        let (mut fds, mut conns, mut lives) = self.core.known();
        let mut linked: Vec<ConnId> = self.links.all.iter().map(|link| link.conn).collect();
        fds.sort_unstable();
        conns.sort_unstable();
        linked.sort_unstable();
        lives.sort_unstable_by_key(|life| life.slot());
        self.fds.iter().map(|(token, _)| token).eq(fds) && linked == conns && self.lives.iter().map(|life| life.id).eq(lives)
    }

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
            lines.line("shell.life").number(life.id.0).number(life.pid).flag(life.child).maybe(life.give_up);
            lines.fd(&life.pidfd).maybe_fd(life.report.as_ref());
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

    fn parse(lines: &[&[&str]]) -> Result<(Shell, Vec<RawFd>), String> {
        restore(&ledger(lines), &|_| sys::handle::null())
    }

    const SETTINGS: &[&str] = &["shell.settings", "1", "0", "4096", "8", "20", "512", "-", "-"];

    #[test]
    fn lines_that_are_understood_are_written_again() {
        let lines = [SETTINGS, &["shell.listener", "9", "1", "2", "a\tpath"], &["shell.keep", "5"], &["shell.keep", "7"]];
        let (shell, numbers) = parse(&lines).expect("whole");
        assert_eq!((shell.nofile, shell.settings.never_wait, shell.kept.len(), numbers), (4096, true, 2, vec![5, 7, 9]));
        assert_eq!(shell.settings.pools.services, Some(PoolSize { count: 20, bytes: 512 }));
        assert_eq!((&shell.listener_path[..], shell.listener.as_ref().expect("there").place), (&b"a\tpath"[..], Some((1, 2))));
        // The second time with numbers of its own.
        let (bytes, mut numbers) = shell.save();
        let (again, named) = restore(&bytes, &|_| sys::handle::null()).expect("whole");
        numbers.sort_unstable();
        assert_eq!((numbers, again.kept.len()), (named, 2));
    }

    #[test]
    fn lines_that_are_not() {
        for wrong in [
            &["shell.keep", "2"][..],
            &["shell.keep", "x"],
            &["shell.keep", "5", "6"],
            &["shell.nonsense"],
            &["shell.settings", "1"],
            &["shell.link", "1", "1", "0", "0", "5", "-", "-", "up"],
            // Well formed, but the core knows of none.
            &["shell.fd", "1", "5"],
            &["shell.life", "1", "70", "1", "-", "5", "-"],
            &["shell.link", "1", "1", "0", "0", "5", "6", "-", "same"],
        ] {
            assert!(parse(&[SETTINGS, wrong]).is_err(), "{wrong:?}");
        }
        assert!(parse(&[SETTINGS, &["shell.keep", "5"], &["shell.keep", "5"]]).is_err(), "twice");
        assert!(parse(&[&["shell.keep", "5"]]).is_err(), "without settings");
        assert!(restore(b"nothing", &|_| sys::handle::null()).is_err());
    }
}
