//! The floor: the least code that can supervise, and what every figure of `cargo bench -p abide-bench` is a ratio to.
//!
//! One thread, one epoll: a signalfd for ended children, a local socket for requests, and standard input, whose end means that everything
//! is to be ended. A child that ends is reaped and borne again at once. There is no log, no check, no memory of anything on a disk.
//!
//! ```text
//! abide-bench-floor SOCKET vfork|fork COUNT BODY PROGRAM ARG…
//! ```
//!
//! `vfork` bears children by `posix_spawn` (shared memory until the exec), which is the cheapest way there is; `fork` bears them by
//! `sys::spawn::Workshop`, as our keeper does, with nothing of the rest of the keeper around it. Requests: `list` (BODY bytes), `restart` (the first
//! child; answered when the next life has been borne), `stop` (all; answered when all have been reaped), `start` (all again), `reload` (as many
//! besides; when each of them has said on `NOTIFY_SOCKET` that it is ready, the old ones are ended; answered when these have been reaped).

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use sys::poll::{Interest, Poller, Signals};
use sys::spawn::{Born, Wish, Workshop};

const KEY_SIGNALS: u64 = 0;
const KEY_SOCKET: u64 = 1;
const KEY_INPUT: u64 = 2;
const KEY_NOTIFY: u64 = 3;
/// Children reaped between two looks at requests.
const REAPED_IN_A_ROUND: usize = 64;

fn main() -> ExitCode {
    match Floor::from_args(std::env::args().skip(1).collect()).and_then(Floor::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("abide-bench-floor: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A way to bear a child.
enum Way {
    Vfork(Command),
    /// The workshop, and the arguments, each ended by NUL.
    Fork(Box<Workshop>, Vec<u8>),
}

impl Way {
    /// The pid, and what has to be kept open for as long as the child lives.
    fn bear(&mut self) -> io::Result<Child> {
        match self {
            Way::Vfork(command) => Ok(Child { pid: command.spawn()?.id(), _born: None }),
            Way::Fork(workshop, argv) => {
                let born = workshop.spawn(&Wish { argv, ..Wish::default() }).map_err(|(_, error)| error)?;
                Ok(Child { pid: born.pid, _born: Some(born) })
            }
        }
    }
}

struct Child {
    pid: u32,
    _born: Option<Born>,
}

/// What waits for its answer.
enum Asked {
    Restart(UnixStream),
    Stop(UnixStream),
    Reload {
        client: UnixStream,
        /// Who is to be replaced.
        old: Vec<u32>,
        /// How many new ones are not ready.
        awaited: usize,
    },
}

struct Floor {
    way: Way,
    count: usize,
    body: Vec<u8>,
    poller: Poller,
    signals: Signals,
    listener: UnixListener,
    notify: UnixDatagram,
    children: Vec<Child>,
    asked: Option<Asked>,
    stopping: bool,
}

impl Floor {
    fn from_args(args: Vec<String>) -> io::Result<Floor> {
        let [socket, way, count, body, argv @ ..] = args.as_slice() else {
            return Err(io::Error::other("usage: abide-bench-floor SOCKET vfork|fork COUNT BODY PROGRAM ARG…"));
        };
        let number = |text: &String| text.parse::<usize>().map_err(io::Error::other);
        let notify_path = format!("{socket}.notify");
        let way = match way.as_str() {
            "vfork" => {
                let program = argv.first().ok_or_else(|| io::Error::other("a program is needed"))?;
                let mut command = Command::new(program);
                command.args(&argv[1..]).stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
                command.env("NOTIFY_SOCKET", &notify_path);
                Way::Vfork(command)
            }
            "fork" => Way::Fork(Box::new(Workshop::new()), argv.iter().flat_map(|arg| arg.bytes().chain([0])).collect()),
            other => return Err(io::Error::other(format!("no such way: {other}"))),
        };
        let (poller, signals) = (Poller::new()?, Signals::take(&[rustix::process::Signal::CHILD.as_raw()])?);
        let listener = UnixListener::bind(Path::new(socket))?;
        let notify = UnixDatagram::bind(&notify_path)?;
        notify.set_nonblocking(true)?;
        let read = Interest { read: true, ..Interest::default() };
        poller.add(&signals, KEY_SIGNALS, read)?;
        poller.add(&listener, KEY_SOCKET, read)?;
        poller.add(io::stdin(), KEY_INPUT, read)?;
        poller.add(&notify, KEY_NOTIFY, read)?;
        let (count, body) = (number(count)?, vec![b'x'; number(body)?]);
        Ok(Floor { way, count, body, poller, signals, listener, notify, children: Vec::new(), asked: None, stopping: false })
    }

    fn run(mut self) -> io::Result<()> {
        self.bear_all()?;
        let mut ready = Vec::with_capacity(64);
        let mut more = false;
        loop {
            self.poller.wait(more.then_some(0), &mut ready)?;
            for happening in &ready {
                match happening.key {
                    KEY_SIGNALS => more = true,
                    KEY_SOCKET => self.answer()?,
                    KEY_NOTIFY => self.hear(),
                    _ => return self.end(),
                }
            }
            if more {
                more = self.reap()?;
            }
        }
    }

    fn bear_all(&mut self) -> io::Result<()> {
        self.stopping = false;
        while self.children.len() < self.count {
            let child = self.way.bear()?;
            self.children.push(child);
        }
        Ok(())
    }

    /// Reaps some; whether there may be more. In a storm there always are, and requests have their turn in between.
    fn reap(&mut self) -> io::Result<bool> {
        while self.signals.next().is_some() {}
        for _ in 0..REAPED_IN_A_ROUND {
            let Some((pid, _)) = sys::process::reap() else { return Ok(false) };
            let Some(at) = self.children.iter().position(|child| child.pid == pid) else { continue };
            if self.stopping {
                self.children.swap_remove(at);
                if self.children.is_empty()
                    && let Some(Asked::Stop(mut client)) = self.asked.take()
                {
                    client.write_all(b"stopped\n")?;
                }
                continue;
            }
            if let Some(Asked::Reload { client, old, .. }) = &mut self.asked
                && old.contains(&pid)
            {
                self.children.swap_remove(at);
                old.retain(|other| *other != pid);
                if old.is_empty() {
                    client.write_all(b"reloaded\n")?;
                    self.asked = None;
                }
                continue;
            }
            self.children[at] = self.way.bear()?;
            if at == 0
                && let Some(Asked::Restart(mut client)) = self.asked.take()
            {
                client.write_all(b"restarted\n")?;
            }
        }
        Ok(true)
    }

    fn answer(&mut self) -> io::Result<()> {
        let (mut client, _) = self.listener.accept()?;
        let mut word = [0u8; 16];
        let got = client.read(&mut word)?;
        match &word[..got] {
            b"list" => client.write_all(&self.body)?,
            b"restart" => {
                self.signal(&self.children[..1], rustix::process::Signal::TERM);
                self.asked = Some(Asked::Restart(client));
            }
            b"reload" => {
                let old: Vec<u32> = self.children.iter().map(|child| child.pid).collect();
                for _ in 0..self.count {
                    let child = self.way.bear()?;
                    self.children.push(child);
                }
                self.asked = Some(Asked::Reload { client, old, awaited: self.count });
            }
            b"stop" => {
                self.stopping = true;
                self.signal(&self.children, rustix::process::Signal::TERM);
                self.asked = Some(Asked::Stop(client));
            }
            b"start" => {
                self.bear_all()?;
                client.write_all(b"started\n")?;
            }
            _ => client.write_all(b"what?\n")?,
        }
        Ok(())
    }

    /// Children say that they are ready. Those of a start say it to nobody.
    fn hear(&mut self) {
        while self.notify.recv(&mut [0; 64]).is_ok() {
            let Some(Asked::Reload { old, awaited, .. }) = &mut self.asked else { continue };
            *awaited = awaited.saturating_sub(1);
            if *awaited == 0 {
                let (old, all) = (old.clone(), self.children.iter());
                all.filter(|child| old.contains(&child.pid)).for_each(|child| signal_one(child, rustix::process::Signal::TERM));
            }
        }
    }

    /// None of them has been reaped, so every number still means our child.
    fn signal(&self, children: &[Child], signal: rustix::process::Signal) {
        children.iter().for_each(|child| signal_one(child, signal));
    }

    fn end(mut self) -> io::Result<()> {
        self.stopping = true;
        self.signal(&self.children, rustix::process::Signal::KILL);
        let mut ready = Vec::with_capacity(64);
        self.poller.remove(io::stdin())?;
        while !self.children.is_empty() {
            if !self.reap()? && !self.children.is_empty() {
                self.poller.wait(Some(100_000_000), &mut ready)?;
            }
        }
        Ok(())
    }
}

fn signal_one(child: &Child, signal: rustix::process::Signal) {
    if let Some(pid) = rustix::process::Pid::from_raw(child.pid as i32) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}
