//! What programs do: they print numbered lines, end, refuse to end, and leave descendants behind.

use super::handle::{HandleId, Why};
use super::process::{Body, Ending};
use super::state::Kernel;
use crate::trace::tell;
use model::InstanceId;

/// Milliseconds in nanoseconds.
const MS: u64 = 1_000_000;
/// SIGHUP: every program here takes its configuration anew and goes on.
const HANG_UP: i32 = 1;

/// A program, or a descendant of one.
#[derive(Debug, Clone)]
pub struct App {
    kind: Kind,
    /// Its standard output and error, and the life lock.
    streams: [Option<HandleId>; 2],
    lock: Option<HandleId>,
    /// Lines written, for their numbers.
    lines: u64,
    /// What a full FIFO has not taken yet, and where it goes.
    unwritten: Vec<u8>,
    to: usize,
    /// It ends thus at the next occasion.
    ends: Option<Ending>,
    steps: u64,
}

/// The ways to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Prints for ever.
    Printer,
    /// Prints in bursts that fill the FIFO.
    Flood,
    /// Prints, then fails.
    Crasher,
    /// Prints, then ends well.
    Job,
    /// Ignores TERM and has children: one keeps the lock, one has left the session and closed the lock.
    Stubborn,
    /// Leaves a child behind and fails.
    Leaver,
    /// Says nothing at all and closes what it has.
    Silent,
    /// A child of one of these.
    Child,
}

impl App {
    /// A program by its name; what it gets as 1, 2 and 100.
    pub fn new(name: &str, places: &[(u32, HandleId)]) -> App {
        let kind = match name {
            "flood" => Kind::Flood,
            "crasher" => Kind::Crasher,
            "job" => Kind::Job,
            "stubborn" => Kind::Stubborn,
            "leaver" => Kind::Leaver,
            "silent" => Kind::Silent,
            _ => Kind::Printer,
        };
        let at = |number: u32| places.iter().find(|(place, _)| *place == number).map(|(_, handle)| *handle);
        App { kind, streams: [at(1), at(2)], lock: at(100), lines: 0, unwritten: Vec::new(), to: 0, ends: None, steps: 0 }
    }

    /// Whether it waits for room in a FIFO.
    pub fn waits(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// A signal other than KILL came; when it does something about it.
    pub(crate) fn signalled(&mut self, signal: i32, now: u64) -> Option<u64> {
        if signal == HANG_UP || self.kind == Kind::Stubborn || (self.kind == Kind::Child && self.lock.is_none()) {
            return None;
        }
        if self.ends.is_none() {
            self.ends = Some(if self.kind == Kind::Job { Ending::Code(0) } else { Ending::Signal(signal) });
        }
        // Some end at once, some clean up first.
        Some(now + (self.lines % 4) * 13 * MS)
    }
}

impl Kernel {
    /// Lets a program whose time has come do one thing. Whether it did.
    pub fn run_app(&mut self, pid: u32) -> bool {
        let now = self.now;
        let Some(proc) = self.procs.get_mut(&pid).filter(|proc| proc.lives()) else { return false };
        let Body::App(app) = &proc.body else { return false };
        let waits = app.waits();
        if !waits && proc.wakes > now {
            return false;
        }
        let Body::App(mut app) = std::mem::replace(&mut proc.body, Body::Stranger) else { return false };
        let truth = proc.truth;
        let did = if waits && !(app.ends.is_some() && proc.wakes <= now) {
            self.write_on(pid, &mut app)
        } else {
            self.act(pid, &mut app, truth)
        };
        if let Some(proc) = self.procs.get_mut(&pid) {
            proc.body = Body::App(app);
        }
        did
    }

    fn write_on(&mut self, pid: u32, app: &mut App) -> bool {
        let Some(handle) = app.streams[app.to] else {
            app.unwritten.clear();
            return true;
        };
        match self.write(handle, &app.unwritten) {
            None => {
                self.checks.fail(format!("I2: p{pid} got SIGPIPE"));
                self.exit(pid, Ending::Signal(13));
                true
            }
            Some(count) => {
                if count < app.unwritten.len() {
                    self.checks.reach("a full FIFO");
                }
                app.unwritten.drain(..count);
                count > 0
            }
        }
    }

    fn act(&mut self, pid: u32, app: &mut App, truth: Option<InstanceId>) -> bool {
        if let Some(ending) = app.ends {
            self.exit(pid, ending);
            return true;
        }
        app.steps += 1;
        let pause = match app.kind {
            Kind::Flood => self.dice.between(200, 900),
            Kind::Silent => 60_000,
            _ => self.dice.between(5, 400),
        };
        let at = self.now + pause * MS * self.weather.pace;
        if let Some(proc) = self.procs.get_mut(&pid) {
            proc.wakes = at;
        }
        match app.kind {
            Kind::Printer | Kind::Child => self.print(pid, app, truth, 4),
            Kind::Flood => self.print(pid, app, truth, 1600),
            Kind::Crasher | Kind::Job if app.steps > 1 && self.dice.once_in(3) => {
                let codes = [Ending::Code(1), Ending::Signal(11), Ending::Code(7)];
                app.ends = Some(if app.kind == Kind::Job { Ending::Code(0) } else { self.dice.pick(&codes) });
                self.print(pid, app, truth, 3);
            }
            Kind::Crasher | Kind::Job => self.print(pid, app, truth, 3),
            Kind::Stubborn => {
                if app.steps == 1 {
                    self.child(pid, app, false);
                    self.child(pid, app, true);
                }
                self.print(pid, app, truth, 2);
            }
            Kind::Leaver => {
                if app.steps == 1 {
                    let escapes = self.dice.once_in(2);
                    self.child(pid, app, escapes);
                }
                if app.steps > 2 {
                    app.ends = Some(Ending::Code(1));
                }
                self.print(pid, app, truth, 2);
            }
            Kind::Silent => {
                for handle in app.streams.iter_mut().filter_map(Option::take) {
                    self.close(pid, handle, Why::Exit);
                }
            }
        }
        true
    }

    /// A child that prints too. One that escapes has its own session, no lock, and does not mind TERM.
    fn child(&mut self, parent: u32, of: &App, escapes: bool) {
        let mut app = App { kind: Kind::Child, lines: 0, unwritten: Vec::new(), ends: None, steps: 0, ..of.clone() };
        if escapes {
            app.lock = None;
        }
        let pid = self.fork(parent, Body::Stranger);
        if escapes {
            if let Some(lock) = of.lock {
                self.close(pid, lock, Why::Close);
            }
            self.procs.entry(pid).and_modify(|proc| proc.session = pid);
        }
        tell!(self, "p{parent}: has a child p{pid}{}", if escapes { ", which escapes" } else { "" });
        self.procs.entry(pid).and_modify(|proc| proc.body = Body::App(Box::new(app)));
        self.check_one_life(pid);
    }

    fn print(&mut self, pid: u32, app: &mut App, truth: Option<InstanceId>, most: u64) {
        if self.weather.quiet {
            return;
        }
        app.to = usize::from(self.dice.once_in(5));
        let Some(handle) = app.streams[app.to] else { return };
        let life = truth.map_or(0, |life| life.0);
        for _ in 0..self.dice.between(most.div_ceil(2), most) {
            let long = self.dice.between(0, 90) as usize;
            app.unwritten.extend(format!("i{life} p{pid} {} {:.<long$}\n", app.lines, "").into_bytes());
            app.lines += 1;
        }
        if self.dice.once_in(40) {
            // A line without its end, which comes with the next one or never.
            app.unwritten.extend(b"and then ");
            self.wrote_slowly(handle);
        }
        self.write_on(pid, app);
    }
}
