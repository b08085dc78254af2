//! Doing it.

use crate::output;
use crate::script::Action;
use crate::signals;
use e2e::Pause;
use rustix::process::{Signal, getpid, kill_process, setsid};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, exit};
use std::thread;
use std::time::{Duration, Instant};

/// The exit code of a puppet whose output was closed under it.
pub const BROKEN_OUTPUT: i32 = 97;

/// Carries out a script; at its end the puppet exits with 0.
pub fn perform(script: &[Action]) {
    let mut children = Vec::new();
    for action in script {
        step(action, &mut children);
    }
}

fn step(action: &Action, children: &mut Vec<Child>) {
    match action {
        Action::Note(file) => append(file, &format!("start {}\n", std::process::id())),
        Action::Until(file) => {
            let mut pause = Pause::default();
            while !file.exists() {
                pause.take();
            }
        }
        Action::Need(file, code) => {
            if !file.exists() {
                exit(*code);
            }
        }
        Action::Lines { count, rate, out, err, from } => lines(*count, *rate, *out, *err, *from),
        Action::Flood { count, rate, pauses, gate } => output::flood(*count, *rate, pauses.as_deref(), gate.as_ref()),
        Action::Noise { count, seed } => output::noise(*count, *seed),
        Action::Wall(count) => output::wall(*count),
        Action::Print { text, err } => say(text, !err, *err),
        Action::Env(name) => match std::env::var_os(name) {
            Some(value) => say(&format!("{name}={}", value.to_string_lossy()), true, false),
            None => say(&format!("{name} is unset"), true, false),
        },
        Action::Ignore => signals::ignore(),
        Action::TermNote(file) => signals::note_term(file.clone()),
        Action::Sleep(span) => thread::sleep(*span),
        Action::Hang => hang(),
        Action::Exit(code) => exit(*code),
        Action::Crash(number) => {
            let signal = Signal::from_named_raw(*number).expect("a named signal");
            // Twice: the runtime's own handler of SIGSEGV takes the first for a fault that will come again.
            let _ = kill_process(getpid(), signal);
            let _ = kill_process(getpid(), signal);
            hang();
        }
        Action::Setsid => {
            setsid().expect("a spawned child leads no group");
        }
        Action::Quiet => quiet(),
        Action::Spawn(words) => children.push(puppet(words).spawn().expect("a puppet can be spawned")),
        Action::Double(words) => {
            let mut middle = vec!["spawn{".to_owned()];
            middle.extend(words.iter().cloned());
            middle.push("}".to_owned());
            let status = puppet(&middle).status().expect("a puppet can be spawned");
            assert!(status.success(), "the puppet in the middle only spawns");
        }
        Action::Bare(words) => children.push(bare(words).spawn().expect("bash can be spawned")),
        Action::Orphans(count) => {
            for _ in 0..*count {
                let _ = Command::new("sh").args(["-c", "true & :"]).status();
            }
        }
        Action::Leak { megabytes, pause, count } => {
            for _ in 0..*count {
                std::mem::forget(std::hint::black_box(vec![1_u8; megabytes << 20]));
                thread::sleep(*pause);
            }
        }
        Action::Spin => loop {
            std::hint::spin_loop();
        },
        Action::Wait => children.drain(..).for_each(|mut child| {
            let _ = child.wait();
        }),
        Action::Http(file) => http(file),
        Action::Socket(path) => socket(path),
        Action::Serve(kind) => serve(kind).expect("standard input is what the test says"),
        Action::Guard(guard) => crate::watch_guard(guard),
    }
}

/// Appends in one write, so that many puppets can share a file.
pub fn append(file: &Path, text: &str) {
    let opened = OpenOptions::new().append(true).create(true).open(file);
    let written = opened.and_then(|mut f| f.write_all(text.as_bytes()));
    if let Err(error) = written {
        eprintln!("puppet: {}: {error}", file.display());
        exit(96);
    }
}

fn hang() -> ! {
    loop {
        thread::park();
    }
}

fn say(text: &str, out: bool, err: bool) {
    let line = format!("{text}\n");
    let sent = |wanted: bool, to: &mut dyn Write| !wanted || to.write_all(line.as_bytes()).and_then(|()| to.flush()).is_ok();
    if !sent(out, &mut std::io::stdout()) || !sent(err, &mut std::io::stderr()) {
        exit(BROKEN_OUTPUT);
    }
}

fn lines(count: u64, rate: u64, out: bool, err: bool, from: u64) {
    let begun = Instant::now();
    let last = if count == 0 { u64::MAX } else { count };
    for number in 1..=last {
        say(&format!("line {}", from - 1 + number), out, err);
        if let Some(nanos) = 1_000_000_000_u64.checked_div(rate) {
            let due = Duration::from_nanos(number.saturating_mul(nanos));
            thread::sleep(due.saturating_sub(begun.elapsed()));
        }
    }
}

fn quiet() {
    let null = OpenOptions::new().write(true).open("/dev/null").expect("/dev/null is there");
    rustix::stdio::dup2_stdout(&null).expect("a descriptor can be replaced");
    rustix::stdio::dup2_stderr(&null).expect("a descriptor can be replaced");
}

fn puppet(words: &[String]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a puppet knows its own path"));
    command.args(words);
    command
}

/// A puppet that nothing but its parent and session connects with the app: no variables, no descriptors.
fn bare(words: &[String]) -> Command {
    const CLOSE: &str = "for f in /proc/self/fd/*; do n=${f##*/}; [ $n -gt 2 ] && eval \"exec $n>&-\"; done; \
                         exec \"$@\" </dev/null >/dev/null 2>&1";
    let mut command = Command::new("bash");
    command.env_clear().current_dir("/").args(["-c", CLOSE, "bare"]);
    command.arg(std::env::current_exe().expect("a puppet knows its own path"));
    if let Ok(guard) = std::env::var("E2E_GUARD") {
        command.arg(format!("guard:{guard}"));
    }
    command.args(words);
    command
}

fn http(file: &Path) -> ! {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let fresh = file.with_extension("new");
    File::create(&fresh).and_then(|mut f| write!(f, "{address}")).expect("the file can be written");
    std::fs::rename(&fresh, file).expect("the file can be renamed");
    loop {
        if let Ok((stream, _)) = listener.accept() {
            answer(stream);
        }
    }
}

fn socket(path: &Path) -> ! {
    let listener = UnixListener::bind(path).expect("the path can be bound");
    loop {
        if let Ok((stream, _)) = listener.accept() {
            answer(stream);
        }
    }
}

fn answer(mut stream: impl Read + Write) {
    let mut asked = [0; 4096];
    let _ = stream.read(&mut asked);
    let body = format!("[\"hello from puppet {}\"]\n", std::process::id());
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
    let _ = write!(stream, "{head}connection: close\r\n\r\n{body}");
}

fn serve(kind: &str) -> std::io::Result<()> {
    const HELLO: &[u8] = b"hello from the puppet\n";
    let given = std::io::stdin().as_fd().try_clone_to_owned()?;
    match kind {
        "tcp" => TcpListener::from(given).accept()?.0.write_all(HELLO),
        "unix" => UnixListener::from(given).accept()?.0.write_all(HELLO),
        _ => {
            let socket = UdpSocket::from(given);
            let (_, asker) = socket.recv_from(&mut [0; 4096])?;
            socket.send_to(HELLO, asker).map(|_| ())
        }
    }
}
