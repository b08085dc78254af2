//! Effects, done on the fake kernel.

use super::role::{Keeper, Watched};
use crate::check::Sabotage;
use crate::kernel::{Body, Ending, HandleId, Kernel, Plan, Why};
use keeper::core::{Born, Core, Effect, Fault, Happening, LifeId, Source, Stillborn};

impl Keeper {
    pub(super) fn perform(&mut self, kernel: &mut Kernel, effect: Effect) {
        let pid = self.pid;
        match effect {
            Effect::Open { token, how } => {
                let path = self.core.as_ref().map(|core| String::from_utf8_lossy(core.text()).into_owned()).unwrap_or_default();
                let fails = kernel.weather.open_fails;
                let result = if kernel.dice.once_in(fails) {
                    kernel.checks.reach("a failed open");
                    let name = path.rsplit('/').next().and_then(|name| name.split('.').next());
                    let name = name.filter(|_| how.write);
                    kernel.checks.short.extend(name.and_then(|name| name.parse::<model::InstanceId>().ok()));
                    Err("EMFILE")
                } else if how.lock {
                    let handle = kernel.open_lock(pid, &path);
                    if kernel.try_lock(handle) {
                        Ok(handle)
                    } else {
                        kernel.close(pid, handle, Why::Close);
                        Err("EAGAIN")
                    }
                } else {
                    let reads = how.read && !kernel.checks.has(Sabotage::BrokenPipe);
                    kernel.open_fifo(pid, &path, reads, how.write).ok_or("ENOENT")
                };
                let done = result.map(|handle| _ = self.tokens.insert(token, handle));
                self.answer = Some(Happening::Done(done.map_err(fault)));
            }
            Effect::SocketPair { ends, .. } => {
                let made = kernel.socket_pair(pid);
                self.tokens.extend(ends.into_iter().zip(made));
                self.answer = Some(Happening::Done(Ok(())));
            }
            Effect::Pipe { .. } | Effect::Socket { .. } | Effect::Take { .. } | Effect::Chdir | Effect::Listen => {
                self.answer = Some(Happening::Done(Err(fault("ENOSYS"))));
            }
            Effect::Upgrade => self.answer = Some(Happening::NotUpgraded { why: "there is no other executable here" }),
            // Nobody here asks for any of these, and none of them is answered.
            // Nothing here listens.
            Effect::Steer { .. } => self.answer = Some(Happening::Done(Ok(()))),
            Effect::Give { .. } | Effect::Untaken { .. } | Effect::Unlisten | Effect::Arm => {}
            Effect::Close { token } => {
                if let Some(handle) = self.tokens.remove(&token) {
                    kernel.close(pid, handle, Why::Close);
                }
            }
            Effect::Spawn { life } => {
                let plan = self.core.as_ref().map(|core| Plan::of(&core.plan())).unwrap_or_default();
                let result = self.spawn(kernel, life, plan);
                self.answer = Some(Happening::Spawned { life, result });
            }
            Effect::Adopt { life, pid, ident } => {
                let result = match kernel.procs.get(&pid).filter(|proc| proc.ident == ident && proc.lives()) {
                    Some(proc) => Ok(proc.began),
                    None => Err(fault("ESRCH")),
                };
                if result.is_ok() {
                    self.lives.insert(life, Watched { pid, ident, child: false, executed: true });
                }
                self.answer = Some(Happening::Adopted { life, result });
            }
            Effect::Signal { life, signal, .. } => {
                let target = self.lives.get(&life).map(|life| (life.pid, life.ident));
                self.answer = Some(Happening::Done(signal_to(kernel, target, signal)));
            }
            Effect::SignalPid { pid, ident, signal } => {
                self.answer = Some(Happening::Done(signal_to(kernel, Some((pid, ident)), signal)));
            }
            Effect::Drain { conn } => self.draining.push_back(conn),
            Effect::Hangup { conn } => {
                if let Some((handle, _)) = self.conns.remove(&conn) {
                    kernel.close(pid, handle, Why::Close);
                }
            }
            Effect::End { code } => kernel.exit(pid, Ending::Code(code)),
        }
    }

    fn spawn(&mut self, kernel: &mut Kernel, life: LifeId, plan: Plan) -> Result<Born, Stillborn> {
        let fails = kernel.weather.fork_fails;
        let truth = plan.tag();
        if kernel.dice.once_in(fails) {
            kernel.checks.short.extend(truth);
            kernel.checks.reach("a failed fork");
            return Err(Stillborn { stage: "fork", errno: "EAGAIN" });
        }
        let control = plan.control.map(|conn| (conn, kernel.socket_pair(self.pid)));
        let place = |(number, source): &(u32, Source)| match source {
            Source::Held(token) => self.tokens.get(token).map(|handle| (*number, *handle)),
            Source::Control => control.as_ref().map(|(_, ends)| (*number, ends[1])),
            Source::Missing => None,
        };
        let places: Vec<(u32, HandleId)> = plan.places.iter().filter_map(place).collect();
        let child = kernel.fork(self.pid, Body::Unborn(Box::new(plan), places.clone()));
        for (_, handle) in places {
            kernel.share(child, handle);
        }
        if let Some((conn, ends)) = control {
            kernel.close(self.pid, ends[1], Why::Close);
            self.conns.insert(conn, (ends[0], true));
        }
        let wakes = kernel.now + kernel.dice.below(300_000);
        let proc = kernel.procs.get_mut(&child).expect("just forked");
        (proc.truth, proc.wakes) = (truth, wakes);
        let ident = proc.ident;
        self.lives.insert(life, Watched { pid: child, ident, child: true, executed: false });
        kernel.check_one_life(child);
        Ok(Born { pid: child, ident })
    }
}

fn signal_to(kernel: &mut Kernel, target: Option<(u32, u64)>, signal: i32) -> Result<(), Fault> {
    let found = target.filter(|(pid, ident)| kernel.procs.get(pid).is_some_and(|proc| proc.ident == *ident));
    let Some((pid, _)) = found else { return Err(fault("ESRCH")) };
    kernel.check_signal(pid, signal);
    kernel.signal(pid, signal);
    Ok(())
}

fn fault(errno: &'static str) -> Fault {
    Fault { errno, text: errno, call: "" }
}

/// An effect in the screenplay.
pub(super) fn short(effect: &Effect, core: &Core) -> String {
    match effect {
        Effect::Open { .. } => format!("open {}", String::from_utf8_lossy(core.text())),
        Effect::Spawn { life } => {
            let argv: Vec<_> = wire::fields(core.plan().argv).map(String::from_utf8_lossy).collect();
            format!("spawn {life:?} {}", argv.join(" "))
        }
        other => format!("{other:?}"),
    }
}
