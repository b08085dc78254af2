//! Taking over from a ledger, or saying that it can be done.

use super::ledger::{Told, ToldLink, ToldOut, parse};
use super::links::Out;
use super::listener::Listener;
use super::outlets::Outlet;
use super::rounds::Shell;
use super::upgrade::version_line;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use sys::handle::{adopt_number, inherited};

/// Does everything that taking over from this ledger needs, except doing it; gives the line that says yes.
///
/// # Errors
/// Why it cannot be taken over.
pub fn check_ledger(fd: OwnedFd) -> Result<String, String> {
    parse(&bytes_of(&fd)?)?;
    Ok(version_line())
}

fn bytes_of(fd: &OwnedFd) -> Result<Vec<u8>, String> {
    sys::upgrade::read_memfd(fd).map_err(|error| format!("the ledger cannot be read: {error}"))
}

fn own(number: RawFd) -> Result<OwnedFd, String> {
    adopt_number(number).map_err(|error| format!("descriptor {number} of the ledger: {error}"))
}

fn own_some(number: Option<RawFd>) -> Result<Option<OwnedFd>, String> {
    number.map(own).transpose()
}

impl Shell {
    /// Takes over from the ledger that another executable of this very process has left. To be called before anything else is opened; signals
    /// that came meanwhile are not lost.
    ///
    /// # Errors
    /// Why it cannot. Everything that the former keeper held is still open then, but nobody knows what it is.
    pub fn from_ledger(fd: OwnedFd) -> Result<Shell, String> {
        let open = inherited();
        let (core, told) = parse(&bytes_of(&fd)?)?;
        let unknown = open.into_iter().filter(|number| *number != fd.as_raw_fd() && told.numbers.binary_search(number).is_err());
        unknown.for_each(|number| drop(adopt_number(number)));
        drop(fd);
        // From here on what was blocked for the time of the change only is blocked no longer.
        let mut shell = Shell::new(core, told.settings).map_err(|error| format!("no descriptor is left: {error}"))?;
        shell.take_over(told)?;
        Ok(shell)
    }

    fn take_over(&mut self, told: Told) -> Result<(), String> {
        self.nofile = told.nofile;
        for (token, number) in told.fds {
            self.fds.hold(token, own(number)?);
        }
        for link in told.links {
            self.take_over_link(link)?;
        }
        for (conn, at, number) in told.given {
            self.links.given.push_back((conn, at, own(number)?));
        }
        for life in told.lives {
            let (pidfd, report) = (own(life.pidfd)?, own_some(life.report)?);
            self.watch(life.id, life.pid, pidfd, report, life.child).map_err(|error| format!("pid {}: {error}", life.pid))?;
            if let Some(when) = life.give_up {
                self.lives.give_up(life.id, when);
            }
        }
        if let Some(listener) = told.listener {
            self.listener_path.extend_from_slice(&listener.path);
            self.listener = Some(Listener::new(own(listener.number)?, listener.place));
        }
        for number in told.kept {
            self.kept.push(own(number)?);
        }
        Ok(())
    }

    fn take_over_link(&mut self, told: ToldLink) -> Result<(), String> {
        let out = match told.out {
            ToldOut::Same => Out::Same,
            ToldOut::Other(number) => Out::Other(Outlet::new(own(number)?)),
            ToldOut::Nowhere => Out::Nowhere,
        };
        self.links.add(told.conn, own(told.input)?, out, told.commands);
        let link = self.links.get(told.conn).expect("just added");
        (link.ended, link.broken) = (told.ended, told.broken);
        for (place, number) in link.taken.iter_mut().zip(told.taken) {
            *place = Some(own(number)?);
        }
        Ok(())
    }
}
