//! Effects, performed.

use super::rounds::Shell;
use crate::core::{Address, Born, Channel, Effect, Family, Fault, Happening, LifeId, Plan, Shape, Source, Stillborn};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use sys::handle;
use sys::spawn::{Place, Step, Wish, resource, spawn, with_default_limits};

fn fault(error: &io::Error) -> Fault {
    let number = error.raw_os_error().unwrap_or(0);
    Fault { errno: sys::errno::name(number), text: if number == 0 { error.to_string() } else { sys::errno::text(number) } }
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

impl Shell {
    /// Performs one effect; gives its answer, if it has one.
    pub(super) fn perform(&mut self, effect: Effect) -> Option<Happening<'static>> {
        let done = |result: io::Result<()>| Some(Happening::Done(result.map_err(|error| fault(&error))));
        match effect {
            Effect::Open { token, path: bytes, how } => {
                let how = handle::OpenHow {
                    read: how.read,
                    write: how.write,
                    append: how.append,
                    create: how.create,
                    trunc: how.trunc,
                    nonblock: how.nonblock,
                    mkdir: how.mkdir,
                    lock: how.lock,
                    never_wait: self.never_wait,
                };
                done(handle::open(path(&bytes), how).map(|fd| self.hold(token, fd)))
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
            Effect::Socket { token, channel, address, backlog, mkdir } => {
                let (family, shape) = kind(channel);
                let address = address.as_ref().map(|address| match address {
                    Address::Path(bytes) => handle::Address::Path(path(bytes)),
                    Address::Net(address) => handle::Address::Net(*address),
                });
                let made = handle::socket(family, shape, channel.nonblock, mkdir, address, backlog.map(|b| b as i32));
                Some(Happening::Done(match made {
                    Ok(fd) => {
                        self.hold(token, fd);
                        Ok(())
                    }
                    Err((call, error)) => {
                        let Fault { errno, text } = fault(&error);
                        Err(Fault { errno, text: format!("{call}: {text}") })
                    }
                }))
            }
            Effect::Close { token } => {
                self.fds.remove(&token);
                None
            }
            Effect::Spawn { life, plan } => {
                let result = self.bear(life, &plan).map_err(|(stage, error)| {
                    let errno = error.raw_os_error().map_or("EINVAL", sys::errno::name);
                    Stillborn { stage: stage.word(), errno }
                });
                Some(Happening::Spawned { life, result })
            }
            Effect::Adopt { life, pid, ident } => {
                Some(Happening::Adopted { life, result: self.adopt(life, pid, ident).map_err(|error| fault(&error)) })
            }
            Effect::Signal { life, signal, group } => done(match self.lives.get(&life) {
                Some(of) if group => sys::process::signal_group(&of.pidfd, of.pid, signal),
                Some(of) => sys::process::pidfd_signal(&of.pidfd, signal),
                None => Err(io::Error::from_raw_os_error(3)),
            }),
            Effect::SignalPid { pid, .. } if pid == std::process::id() => done(Err(io::ErrorKind::PermissionDenied.into())),
            Effect::SignalPid { pid, ident, signal } => done(sys::process::signal_pid(pid, ident, signal)),
            Effect::Drain { conn } => {
                self.drains.push(conn);
                None
            }
            Effect::Hangup { conn } => {
                if let Some(link) = self.links.remove(&conn) {
                    let _ = self.poller.remove(&link.fd);
                }
                None
            }
            // Handled by the loop.
            Effect::End { .. } => None,
        }
    }

    fn bear(&mut self, life: LifeId, plan: &Plan) -> Result<Born, (Step, io::Error)> {
        let control = match &plan.control {
            Some(control) => {
                let pair = handle::control_pair(control.commands, control.events).map_err(|error| (Step::Fds, error))?;
                Some((control, pair))
            }
            None => None,
        };
        let theirs = control.as_ref().map(|(_, (_, theirs))| theirs);
        let mut places = Vec::with_capacity(plan.places.len());
        for (number, source) in &plan.places {
            let fd: Option<&OwnedFd> = match source {
                Source::Held(token) => self.fds.get(token),
                Source::Control => theirs,
                Source::Missing => None,
            };
            places.push((*number, fd.map_or(Place::Missing, |fd| Place::Copy(fd.as_fd()))));
        }
        let asked = plan.limits.iter().filter_map(|l| Some((resource(l.resource.as_bytes())?, l.soft, l.hard))).collect();
        let limits = if plan.default_limits { with_default_limits(asked, self.nofile) } else { asked };
        let wish = Wish {
            argv: plan.argv.clone(),
            env: plan.env.clone().unwrap_or_else(|| self.environment.clone()),
            cwd: plan.cwd.clone(),
            umask: plan.umask,
            session: plan.session,
            limits,
            places,
            lock: plan.lock,
        };
        let born = spawn(&wish)?;
        drop(wish);
        let ident = sys::process::start_time(born.pid).unwrap_or(0);
        let pid = born.pid;
        self.watch(life, pid, born.pidfd, Some(born.report)).map_err(|error| (Step::Fork, error))?;
        if let Some((control, (ours, _))) = control {
            let _ = self.link(control.conn, ours, control.commands);
        }
        Ok(Born { pid, ident })
    }

    fn adopt(&mut self, life: LifeId, pid: u32, ident: u64) -> io::Result<u64> {
        if self.pids.contains_key(&pid) {
            return Err(io::Error::from_raw_os_error(16));
        }
        let pidfd = sys::process::open_exact(pid, ident)?;
        self.watch(life, pid, pidfd, None)?;
        Ok(sys::process::started_at(ident))
    }
}
