//! Effects, performed.

use super::rounds::Shell;
use super::tables::Life;
use crate::core::{Address, BindHow, Channel, Effect, Family, Fault, Happening, LifeId, OpenHow, Reach, Shape, Stillborn};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use sys::handle;

/// `EPERM`, `ESRCH`, `EIO`, `EBADF`, `EBUSY`: for what is refused here and not by the system.
const EPERM: i32 = 1;
const ESRCH: i32 = 3;
const EIO: i32 = 5;
const EBADF: i32 = 9;
const EBUSY: i32 = 16;

fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

fn fault(error: &io::Error) -> Fault {
    let number = error.raw_os_error().unwrap_or(EIO);
    Fault { errno: sys::errno::name(number), text: sys::errno::text(number), call: "" }
}

fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

fn kind(channel: Channel) -> (handle::Family, handle::Shape) {
    (
        match channel.family {
            Family::Unix => handle::Family::Unix,
            Family::Inet => handle::Family::Inet,
            Family::Inet6 => handle::Family::Inet6,
        },
        match channel.shape {
            Shape::Stream => handle::Shape::Stream,
            Shape::Datagram => handle::Shape::Datagram,
            Shape::Seqpacket => handle::Shape::Seqpacket,
        },
    )
}

fn flags(how: OpenHow, never_wait: bool) -> handle::OpenHow {
    handle::OpenHow {
        read: how.read,
        write: how.write,
        append: how.append,
        create: how.create,
        trunc: how.trunc,
        nonblock: how.nonblock,
        mkdir: how.mkdir,
        lock: how.lock,
        never_wait,
    }
}

fn bound(how: BindHow) -> handle::BindHow {
    handle::BindHow { reuse_port: how.reuse_port, mode: how.mode, sticky: how.sticky }
}

fn done(result: io::Result<()>) -> Option<Happening<'static>> {
    Some(Happening::Done(result.map_err(|error| fault(&error))))
}

impl Shell {
    /// Performs one effect; gives its answer, if it has one.
    pub(super) fn perform(&mut self, effect: Effect) -> Option<Happening<'static>> {
        match effect {
            Effect::Close { token } => self.fds.close(token),
            Effect::Untaken { conn } => drop(self.links.take(conn)),
            Effect::Give { conn, token, at } => self.links.give(conn, at, self.fds.get(token)),
            Effect::Unlisten => self.unlisten(),
            Effect::Drain { conn } => self.links.drains.push(conn),
            Effect::Hangup { conn } => self.unlink(conn),
            Effect::Arm => self.arm(),
            Effect::Upgrade => self.begin_upgrade(),
            answered => return self.perform_answered(answered),
        }
        None
    }

    fn perform_answered(&mut self, effect: Effect) -> Option<Happening<'static>> {
        match effect {
            Effect::Open { token, how } => {
                let opened = handle::open(path(self.core.text()), flags(how, self.settings.never_wait));
                done(opened.map(|fd| self.hold(token, fd)))
            }
            Effect::Pipe { read, write, nonblock } => done(handle::pipe(nonblock).map(|(r, w)| {
                self.hold(read, r);
                self.hold(write, w);
            })),
            Effect::SocketPair { ends, channel } => {
                let (family, shape) = kind(channel);
                done(handle::socket_pair(family, shape, channel.nonblock).map(|(first, second)| {
                    self.hold(ends[0], first);
                    self.hold(ends[1], second);
                }))
            }
            Effect::Socket { token, channel, address, backlog, mkdir, how } => {
                let (family, shape) = kind(channel);
                let address = address.map(|address| match address {
                    Address::Path => handle::Address::Path(path(self.core.text())),
                    Address::Net(address) => handle::Address::Net(address),
                });
                let made =
                    handle::socket(family, shape, channel.nonblock, mkdir, address, backlog.map(|b| b as i32), how.map(bound));
                Some(Happening::Done(match made {
                    Ok(fd) => {
                        self.hold(token, fd);
                        Ok(())
                    }
                    Err((call, error)) => Err(Fault { call, ..fault(&error) }),
                }))
            }
            Effect::Steer { token, count } => {
                let steered = self.fds.get(token).ok_or_else(|| errno(EBADF)).and_then(|fd| handle::steer(fd, count));
                done(steered)
            }
            Effect::Take { conn, token } => {
                let taken = self.links.take(conn).ok_or_else(|| errno(EBADF));
                done(taken.map(|fd| self.hold(token, fd)))
            }
            Effect::Chdir => done(sys::process::chdir(path(self.core.text()))),
            Effect::Listen => done(self.listen_at_text()),
            Effect::Spawn { life } => {
                let result = self.bear(life).map_err(|(stage, error)| Stillborn {
                    stage: stage.word(),
                    errno: error.raw_os_error().map_or("EINVAL", sys::errno::name),
                });
                Some(Happening::Spawned { life, result })
            }
            Effect::Adopt { life, pid, ident } => {
                Some(Happening::Adopted { life, result: self.adopt(life, pid, ident).map_err(|error| fault(&error)) })
            }
            Effect::Signal { life, signal, reach } => done(self.signal(life, signal, reach)),
            Effect::SignalPid { pid, .. } if pid == std::process::id() => done(Err(errno(EPERM))),
            Effect::SignalPid { pid, ident, signal } => done(sys::process::signal_pid(pid, ident, signal)),
            // `End` is the loop's; all others were performed already.
            _ => None,
        }
    }

    fn signal(&self, life: LifeId, signal: i32, reach: Reach) -> io::Result<()> {
        let of = self.lives.get(life).ok_or_else(|| errno(ESRCH))?;
        match reach {
            Reach::Process => sys::process::pidfd_signal(&of.pidfd, signal),
            Reach::Group => sys::process::signal_group(&of.pidfd, of.pid, signal),
            Reach::Tree => {
                let cgroup = Some(self.core.text()).filter(|text| !text.is_empty());
                // What is a life of its own is not a part of this one.
                let other = |pid| self.lives.of_pid(pid).is_some_and(|of| of != life) || self.is_check(pid);
                sys::process::signal_tree(&of.pidfd, of.pid, cgroup, signal, &other)
            }
        }
    }

    fn adopt(&mut self, life: LifeId, pid: u32, ident: u64) -> io::Result<u64> {
        if self.lives.of_pid(pid).is_some() || self.is_check(pid) {
            return Err(errno(EBUSY));
        }
        let pidfd = sys::process::open_exact(pid, ident)?;
        self.watch(Life { id: life, pid, pidfd, report: None, child: false, give_up: None })?;
        Ok(sys::process::started_at(ident))
    }
}
