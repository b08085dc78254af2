//! Bearing what the core plans.

use super::links::Out;
use super::rounds::Shell;
use super::tables::Life;
use crate::core::{Born, ConnId, LifeId, Source};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use sys::handle;
use sys::spawn::{Place, Step, User, Wish, resource};

/// A child, its own end of the control connection already gone.
struct Child {
    born: sys::spawn::Born,
    control: Option<(ConnId, OwnedFd, bool)>,
}

impl Shell {
    /// Bears the child in [`crate::core::Core::plan`]. When no descriptor is left the spare ones go for it.
    pub(super) fn bear(&mut self, life: LifeId) -> Result<Born, (Step, io::Error)> {
        let mut done = self.bear_once();
        if done.as_ref().is_err_and(|(_, error)| super::spare::is_short(error)) {
            self.spare.give_up();
            done = self.bear_once();
        }
        let done = done.and_then(|child| {
            let sys::spawn::Born { pid, pidfd, ident, report } = child.born;
            let life = Life { id: life, pid, pidfd, report: Some(report), child: true, give_up: None };
            self.watch(life).map_err(|error| (Step::Fork, error))?;
            if let Some((conn, ours, commands)) = child.control {
                self.links.add(conn, ours, Out::Same, commands);
            }
            Ok(Born { pid, ident })
        });
        self.spare.refill();
        done
    }

    fn bear_once(&mut self) -> Result<Child, (Step, io::Error)> {
        let plan = self.core.plan();
        let mut control = None;
        let mut theirs = None;
        if let Some(asked) = plan.control {
            let pair = handle::control_pair(asked.commands, asked.events).map_err(|error| (Step::Fds, error))?;
            control = Some((asked.conn, pair.0, asked.commands));
            theirs = Some(pair.1);
        }
        // The memory of the list outlives what it borrows.
        let mut places: Vec<(u32, Place<'_>)> = std::mem::take(&mut self.places);
        for (number, source) in plan.places {
            let fd = match source {
                Source::Held(token) => self.fds.get(*token),
                Source::Control => theirs.as_ref(),
                Source::Missing => None,
            };
            places.push((*number, fd.map_or(Place::Missing, |fd| Place::Copy(fd.as_fd()))));
        }
        self.limits.clear();
        self.limits.extend(plan.limits.iter().filter_map(|l| Some((resource(l.resource.as_bytes())?, l.soft, l.hard))));
        let born = self.workshop.spawn(&Wish {
            argv: plan.argv,
            env: plan.env.unwrap_or(&self.environment),
            cwd: plan.cwd,
            umask: plan.umask,
            session: plan.session,
            group: plan.group,
            nice: plan.nice,
            oom: plan.oom,
            user: plan.user.map(|(uid, gid)| User { uid, gid, groups: plan.groups }),
            limits: &self.limits,
            default_limits: plan.default_limits.then_some(self.nofile),
            cgroup: plan.cgroup,
            no_new_privs: plan.no_new_privs,
            death_signal: plan.death_signal,
            tty: plan.tty,
            listen_pid: plan.listen_pid,
            places: &places,
            lock: plan.lock,
        });
        self.places = emptied(places);
        Ok(Child { born: born?, control })
    }
}

/// The list without what it borrowed. The memory is the same: an emptied list is collected in its own place.
pub(super) fn emptied(mut places: Vec<(u32, Place<'_>)>) -> Vec<(u32, Place<'static>)> {
    places.clear();
    places.into_iter().map(|(number, _)| (number, Place::Missing)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_memory() {
        let null = handle::null().expect("null");
        let mut places = Vec::with_capacity(40);
        places.push((0, Place::Copy(null.as_fd())));
        let at = places.as_ptr() as usize;
        let places = emptied(places);
        assert_eq!((places.as_ptr() as usize, places.len(), places.capacity()), (at, 0, 40));
    }
}
