//! The core as a screenplay: what is said, at what time, and what comes of it.

mod dialect_one;
mod dialect_two;
mod takeover;

use super::*;
use std::collections::VecDeque;

/// A core, a clock that stands still unless told, and a kernel in which everything works unless told.
struct Desk {
    core: Core,
    now: u64,
    conn: ConnId,
    /// What the next effect with a `Done` is answered.
    fault: Option<Fault>,
    /// What the next births are answered instead.
    stillborn: Option<Stillborn>,
    /// Effects, in order, and the texts that they came with.
    done: Vec<Effect>,
    texts: Vec<String>,
    plans: Vec<Owned>,
    /// Lives that were born, in order; the first has pid 100.
    born: Vec<LifeId>,
}

/// What of a plan the tests look at.
#[derive(Debug, Clone)]
struct Owned {
    argv: String,
    env: Option<String>,
    cwd: Option<String>,
    umask: Option<u32>,
    session: bool,
    limits: Vec<Limit>,
    default_limits: bool,
    places: Vec<(u32, Source)>,
    lock: Option<u32>,
    control: Option<Control>,
    rest: String,
}

impl Owned {
    fn of(plan: Plan<'_>) -> Owned {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\0', "|");
        Owned {
            argv: text(plan.argv),
            env: plan.env.map(text),
            cwd: plan.cwd.map(text),
            umask: plan.umask,
            session: plan.session,
            limits: plan.limits.to_vec(),
            default_limits: plan.default_limits,
            places: plan.places.to_vec(),
            lock: plan.lock,
            control: plan.control,
            rest: format!(
                "group {} nice {:?} oom {:?} user {:?} groups {:?} cgroup {:?} no_new_privs {} death {:?} tty {:?} listen_pid {}",
                plan.group,
                plan.nice,
                plan.oom,
                plan.user,
                plan.groups,
                plan.cgroup.map(text),
                plan.no_new_privs,
                plan.death_signal,
                plan.tty,
                plan.listen_pid
            ),
        }
    }
}

const S: u64 = 1_000_000_000;

impl Desk {
    /// With one controller, at 1000 s.
    fn one() -> Desk {
        Desk::with(Settings::default())
    }

    fn with(settings: Settings) -> Desk {
        let mut core = Core::new(settings);
        core.inherit("null", (true, true), "/dev/null", Bond::Constant).expect("free");
        let conn = core.connect().expect("room");
        let (done, texts, plans, born) = Default::default();
        Desk { core, now: 1000 * S, conn, fault: None, stillborn: None, done, texts, plans, born }
    }

    /// The same in dialect 2.
    fn two() -> Desk {
        let mut desk = Desk::one();
        assert_eq!(desk.say("dialect\t2"), ["#1\tdialect\t2"]);
        desk
    }

    fn step(&mut self, happening: Happening<'_>) {
        let mut effects = VecDeque::new();
        self.core.step(happening, self.now, &mut effects);
        while let Some(effect) = effects.pop_front() {
            let answer = match &effect {
                Effect::Spawn { life } => {
                    self.plans.push(Owned::of(self.core.plan()));
                    let born = Born { pid: 100 + self.born.len() as u32, ident: 7 };
                    self.born.push(*life);
                    Some(Happening::Spawned { life: *life, result: self.stillborn.map_or(Ok(born), Err) })
                }
                Effect::Adopt { life, .. } => {
                    self.born.push(*life);
                    Some(Happening::Adopted { life: *life, result: self.fault.take().map_or(Ok(5), Err) })
                }
                Effect::Close { .. } | Effect::Drain { .. } | Effect::Hangup { .. } | Effect::End { .. } => None,
                Effect::Give { .. } | Effect::Untaken { .. } | Effect::Unlisten | Effect::Arm | Effect::Upgrade => None,
                _ => Some(Happening::Done(self.fault.take().map_or(Ok(()), Err))),
            };
            self.texts.push(String::from_utf8_lossy(self.core.text()).into_owned());
            self.done.push(effect);
            if let Some(answer) = answer {
                self.core.step(answer, self.now, &mut effects);
            }
        }
    }

    /// What this connection has been sent.
    fn heard_by(&mut self, conn: ConnId) -> Vec<String> {
        let mut text = Vec::new();
        while !self.core.unsent(conn).is_empty() {
            let bytes = self.core.unsent(conn).to_vec();
            text.extend_from_slice(&bytes);
            self.step(Happening::Sent { conn, count: bytes.len() });
        }
        let text = String::from_utf8(text).expect("text");
        text.split_terminator('\n').map(str::to_owned).collect()
    }

    fn heard(&mut self) -> Vec<String> {
        self.heard_by(self.conn)
    }

    fn send(&mut self, conn: ConnId, text: &str) {
        let mut bytes = text.as_bytes();
        while !bytes.is_empty() {
            let count = bytes.len().min(self.core.room(conn));
            assert!(count > 0, "no room");
            self.step(Happening::Received { conn, bytes: &bytes[..count] });
            bytes = &bytes[count..];
        }
    }

    /// Says lines; gives what is heard.
    fn say(&mut self, lines: &str) -> Vec<String> {
        self.send(self.conn, &format!("{lines}\n"));
        self.heard()
    }

    /// The clock moves on, stopping wherever something is due.
    fn wait(&mut self, ns: u64) -> Vec<String> {
        let end = self.now + ns;
        while let Some(at) = self.core.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.step(Happening::Woken);
        }
        self.now = end;
        self.heard()
    }

    fn executed(&mut self) -> Vec<String> {
        let life = *self.born.last().expect("born");
        self.step(Happening::Executed { life });
        self.heard()
    }

    fn exit(&mut self, code: i32) -> Vec<String> {
        let life = *self.born.last().expect("born");
        self.step(Happening::Exited { life, ending: Ending::Code(code) });
        self.heard()
    }

    /// The last child's plan.
    fn plan(&self) -> &Owned {
        self.plans.last().expect("born")
    }
}

fn fault(errno: &'static str, text: &'static str) -> Fault {
    Fault { errno, text, call: "" }
}
