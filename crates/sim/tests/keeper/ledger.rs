//! What is handed over must be what was there, at every moment; what is dumped must define the same services again.

use super::hear::Ear;
use super::rig::{Rig, Verdict, must};
use keeper::core::{ConnId, Core, Effect, Fault, Happening, Settings, Stillborn};
use std::collections::VecDeque;
use wire::ledger::{Writer, read};

const FAULT: Fault = Fault { errno: "EIO", text: "Input/output error", call: "" };

fn saved(core: &Core) -> Vec<u8> {
    let mut ledger = Writer::default();
    core.save(&mut ledger);
    ledger.line("shell.of-its-own").field("x");
    ledger.finish()
}

/// The core that takes over.
pub fn handed_over(rig: &Rig) -> Result<Core, String> {
    let bytes = saved(&rig.core);
    let entries = read(&bytes).map_err(|why| format!("{why}:\n{}", String::from_utf8_lossy(&bytes)))?;
    let (core, others) = Core::restore(entries).map_err(|why| format!("{why}:\n{}", String::from_utf8_lossy(&bytes)))?;
    must!(others.len() == 1 && others[0].verb == "shell.of-its-own", "entries that are not the core's: {others:?}");
    Ok(core)
}

/// Whatever one may ask a core is answered by the one that takes over as by the one before it.
pub fn checked(rig: &Rig) -> Verdict {
    let (before, after) = (&rig.core, handed_over(rig)?);
    if rig.upgrading {
        // Who asked for it has been told, so it is not the same.
        return Ok(());
    }
    let again = saved(&after);
    let (old, new) = (saved(before), again);
    if old != new {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>();
        let differs = text(&old).into_iter().zip(text(&new)).find(|(a, b)| a != b);
        return Err(format!("saved, taken over and saved again it is another: {differs:?}"));
    }
    let (mut tokens, mut conns, mut lives) = after.known();
    tokens.sort();
    conns.sort();
    lives.sort();
    must!(tokens.iter().eq(&rig.tokens), "it knows {tokens:?}, open are {:?}", rig.tokens);
    must!(conns.iter().eq(rig.peers.keys()), "it knows {conns:?}, there are {:?}", rig.peers.keys());
    must!(lives.iter().eq(rig.lives.keys()), "it knows {lives:?}, there are {:?}", rig.lives);
    for conn in rig.peers.keys() {
        must!(before.unsent(*conn) == after.unsent(*conn), "{conn:?}: other bytes wait");
        must!(before.room(*conn) == after.room(*conn), "{conn:?}: another room");
        must!(before.sent(*conn) == after.sent(*conn), "{conn:?}: sent {} and {}", before.sent(*conn), after.sent(*conn));
    }
    must!(before.log_unsent() == after.log_unsent(), "another log waits");
    must!(before.deadline() == after.deadline(), "due at {:?} and {:?}", before.deadline(), after.deadline());
    must!(before.guarded() == after.guarded() && before.exec_args() == after.exec_args(), "another guard");
    must!(before.wants_orphans() == after.wants_orphans(), "orphans are wanted by one");
    Ok(())
}

/// A core of which nobody knows anything but what it says; every effect is refused.
struct Lone {
    core: Core,
    now: u64,
    conn: ConnId,
    ear: Ear,
}

impl Lone {
    fn new(mut core: Core, now: u64) -> Result<Lone, String> {
        let conn = core.connect().ok_or("nobody can connect")?;
        let mut lone = Lone { core, now, conn, ear: Ear::default() };
        lone.say(b"dialect\t2\n")?;
        Ok(lone)
    }

    fn step(&mut self, happening: Happening<'_>) -> Verdict {
        let mut effects = VecDeque::new();
        self.core.step(happening, self.now, &mut effects);
        while let Some(effect) = effects.pop_front() {
            let answer = match effect {
                Effect::Spawn { life } => Happening::Spawned { life, result: Err(Stillborn { stage: "fork", errno: "EAGAIN" }) },
                Effect::Adopt { life, .. } => Happening::Adopted { life, result: Err(FAULT) },
                Effect::Close { .. } | Effect::Give { .. } | Effect::Unlisten | Effect::Drain { .. } | Effect::Hangup { .. } => {
                    continue;
                }
                Effect::Arm | Effect::Untaken { .. } | Effect::Upgrade | Effect::End { .. } => continue,
                _ => Happening::Done(Err(FAULT)),
            };
            self.core.step(answer, self.now, &mut effects);
        }
        Ok(())
    }

    /// Says this, and hears everything that comes of it.
    fn say(&mut self, mut bytes: &[u8]) -> Verdict {
        let conn = self.conn;
        loop {
            let count = self.core.room(conn).min(bytes.len());
            self.step(Happening::Received { conn, bytes: &bytes[..count] })?;
            bytes = &bytes[count..];
            while !self.core.unsent(conn).is_empty() {
                let said = self.core.unsent(conn);
                let count = said.len();
                self.ear.hear(said)?;
                self.step(Happening::Sent { conn, count })?;
            }
            if bytes.is_empty() {
                return Ok(());
            }
        }
    }

    /// What a dump says.
    fn dump(&mut self) -> Result<Vec<Vec<u8>>, String> {
        self.ear.lines.clear();
        self.say(b"statedump\necho\tdumped\n")?;
        Ok(self.ear.lines.split(|line| line == b"dumped").next().unwrap_or_default().to_vec())
    }
}

/// The lines of a dump that define services.
fn defining(dump: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let verbs: [&[u8]; 4] = [b"service.tags\t", b"service.args\t", b"service.fds\t", b"service.auto_up\t"];
    dump.iter().filter(|line| verbs.iter().any(|verb| line.starts_with(verb))).cloned().collect()
}

/// A dump, said to a fresh keeper, defines the same services; fixed pools are not exceeded.
pub fn dumped(rig: &Rig) -> Verdict {
    let mut core = handed_over(rig)?;
    // All others go, so that there is a connection to be had; services are not started meanwhile.
    let mut ignored = VecDeque::new();
    for conn in rig.peers.keys() {
        core.step(Happening::Broken { conn: *conn }, rig.now, &mut ignored);
        core.step(Happening::Ended { conn: *conn }, rig.now, &mut ignored);
    }
    if ignored.iter().any(|effect| !matches!(effect, Effect::Hangup { .. })) || !core.can_connect() {
        return Ok(());
    }
    let dump = Lone::new(core, rig.now)?.dump()?;
    let count = |verb: &[u8]| dump.iter().filter(|line| line.starts_with(verb)).count();
    let (services, fds) = (count(b"service.state\t"), count(b"fd.state\t"));
    for (pool, count) in [(rig.settings.services, services), (rig.settings.fds, fds)] {
        must!(pool.is_none_or(|pool| count <= pool.count as usize), "{count} of {pool:?} are there");
    }
    must!(fds >= 4, "a dump without the descriptors that are always there: {dump:?}");
    let mut fresh = Lone::new(Core::new(Settings { init: false, ..rig.settings }), rig.now)?;
    for line in defining(&dump) {
        // An empty list ends in a TAB, which would be one empty field.
        let said = line.strip_suffix(b"\t").filter(|line| line.iter().filter(|b| **b == b'\t').count() == 1).unwrap_or(&line);
        fresh.say(&[said, b"\n"].concat())?;
    }
    let again = fresh.dump()?;
    let differs = defining(&dump).into_iter().zip(defining(&again)).find(|(a, b)| a != b);
    let differs = differs.map(|(a, b)| format!("{} and {}", a.escape_ascii(), b.escape_ascii()));
    must!(differs.is_none(), "a dump makes another service: {differs:?}");
    must!(defining(&dump).len() == defining(&again).len(), "a dump makes another number of services");
    Ok(())
}
