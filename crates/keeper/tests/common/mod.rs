//! A keeper under test: a process of its own, driven over a socket. Nothing sleeps: events are waited for, with a deadline.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use wire::{Event, Numbered, Request, ServiceState};

pub const PATIENCE: Duration = Duration::from_secs(60);

/// Runs every test that the arguments name (all without any), as the usual harness does.
pub fn run(tests: &[(&str, fn())]) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let given = |word: &str| args.iter().any(|a| a == word);
    if given("--list") {
        // Asked once more for those that are ignored: none is.
        let listed = if given("--ignored") { &[] } else { tests };
        listed.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = args.iter().filter(|a| !a.starts_with('-')).collect();
    let mut failed = 0;
    for (name, test) in tests {
        if wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str())) {
            let good = catch_unwind(AssertUnwindSafe(test)).is_ok();
            println!("test {name} ... {}", if good { "ok" } else { "FAILED" });
            failed += usize::from(!good);
        }
    }
    ExitCode::from(u8::from(failed > 0))
}

pub struct Keeper {
    pub process: Child,
    pub stream: UnixStream,
    unread: Vec<u8>,
    pub last: u64,
    living: Vec<(String, u32, u64)>,
}

impl Keeper {
    /// A keeper that speaks dialect 2 with us.
    pub fn start() -> Keeper {
        let mut keeper = Keeper::raw();
        keeper.stream.write_all(b"dialect\t2\n").expect("write");
        keeper.wait("dialect", |e| (*e == Event::Dialect(2)).then_some(()));
        keeper
    }

    pub fn raw() -> Keeper {
        let (ours, theirs) = UnixStream::pair().expect("pair");
        let exe = std::env::current_exe().expect("exe");
        let process = Command::new(exe).arg("keeper").stdin(Stdio::from(OwnedFd::from(theirs))).spawn().expect("spawn");
        ours.set_read_timeout(Some(PATIENCE)).expect("timeout");
        Keeper { process, stream: ours, unread: Vec::new(), last: 0, living: Vec::new() }
    }

    pub fn send(&mut self, fields: &[&str]) {
        let request = fields[1..].iter().fold(Request::new(fields[0]), Request::field);
        self.send_all(&[request]);
    }

    pub fn send_all(&mut self, requests: &[Request]) {
        let mut bytes = Vec::new();
        requests.iter().for_each(|r| r.write_to(&mut bytes));
        self.stream.write_all(&bytes).expect("write");
    }

    pub fn line(&mut self) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(end) = self.unread.iter().position(|b| *b == b'\n') {
                let mut line: Vec<u8> = self.unread.drain(..=end).collect();
                line.pop();
                return line;
            }
            let mut some = [0; 65_536];
            let count = self.stream.read(&mut some).expect("an event within the deadline");
            assert!(count > 0 && Instant::now() < deadline, "the keeper closed the connection or is late");
            self.unread.extend_from_slice(&some[..count]);
        }
    }

    pub fn event(&mut self) -> Event {
        let line = self.line();
        let Numbered { number, event } = wire::decode(&line).expect("dialect 2");
        assert_eq!(number, self.last + 1, "numbers have no gap");
        self.last = number;
        if let Event::State { name, state } = &event {
            match state {
                ServiceState::Up { pid, ident, .. } => self.living.push((name.clone(), *pid, *ident)),
                _ => self.living.retain(|(known, ..)| known != name),
            }
        }
        event
    }

    /// Waits for an event that `pick` wants. Others are passed over.
    pub fn wait<T>(&mut self, what: &str, pick: impl Fn(&Event) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let event = self.event();
            if let Some(found) = pick(&event) {
                return found;
            }
            assert!(Instant::now() < deadline, "still waiting for {what}; last was {event:?}");
        }
    }

    pub fn state(&mut self, service: &str, pick: impl Fn(&ServiceState) -> bool) -> ServiceState {
        self.wait(service, |event| match event {
            Event::State { name, state } if name == service && pick(state) => Some(state.clone()),
            _ => None,
        })
    }

    pub fn up(&mut self, service: &str) -> (u32, u64) {
        match self.state(service, |s| matches!(s, ServiceState::Up { .. } | ServiceState::Failed { .. })) {
            ServiceState::Up { pid, ident, .. } => (pid, ident),
            other => panic!("{service} is not up: {other:?}"),
        }
    }

    /// The end of a service.
    pub fn down(&mut self, service: &str) -> ServiceState {
        self.state(service, |s| !matches!(s, ServiceState::Up { .. } | ServiceState::Start | ServiceState::Down))
    }

    pub fn error(&mut self) -> String {
        self.wait("error", |e| if let Event::Error(text) = e { Some(text.clone()) } else { None })
    }

    pub fn barrier(&mut self) {
        self.send(&["echo", "barrier"]);
        self.wait("barrier", |e| (*e == Event::Other(vec!["barrier".to_owned()])).then_some(()));
    }

    /// Defines and starts a service.
    pub fn service(&mut self, name: &str, argv: &[&str]) {
        self.send(&[&["service.args", name], argv].concat());
        self.send(&["service.start", name]);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Each by pid and start time: never another.
        for (_, pid, ident) in &self.living {
            let _ = sys::process::signal_pid(*pid, *ident, libc::SIGKILL);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Polls a condition that no event tells of, with a deadline.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} never came");
        std::thread::yield_now();
    }
}
