//! Where commands come from: consoles, files, the control socket; and the own log.

use crate::common::{PATIENCE, until};
use crate::me;
use keeper::core::{Bond, Core};
use keeper::shell::{Shell, ShellSettings};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

/// A keeper with what its arguments say: `console`, `config FILE`, `socket PATH`, each at most once.
pub(crate) fn keeper() -> ExitCode {
    let settings = ShellSettings::default();
    let mut core = Core::new(settings.pools);
    let null = core.inherit("null", (true, true), "/dev/null", Bond::Constant).expect("free");
    let console = std::env::args().any(|arg| arg == "console").then(|| core.console());
    let after = |word: &str| std::env::args().skip_while(|arg| arg != word).nth(1);
    let config = after("config").map(|path| (core.config(), File::open(path).expect("opens")));
    let mut shell = Shell::new(core, settings).expect("a shell");
    shell.hold(null, sys::handle::null().expect("null"));
    if let Some(conn) = console {
        shell.link_console(conn, sys::handle::standard(0).expect("0"), sys::handle::standard(1).expect("1"));
    }
    if let Some((conn, file)) = config {
        shell.link_config(conn, file.into());
    }
    if let Some(path) = after("socket") {
        shell.listen(Path::new(&path)).expect("listens");
    }
    ExitCode::from(shell.run().expect("runs") as u8)
}

/// A keeper of a test, ended with it.
struct Desk(Child);

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Desk {
    fn end(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("ours") {
                return status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "it goes on and on");
            std::thread::yield_now();
        }
    }
}

fn desk(args: &[&str], set: impl FnOnce(&mut Command) -> &mut Command) -> Desk {
    let mut command = Command::new(me());
    command.arg("desk").args(args);
    Desk(set(&mut command).spawn().expect("spawn"))
}

pub(crate) fn a_console_on_pipes_files_and_nothing() {
    let mut k = desk(&["console"], |c| c.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let mut commands = k.0.stdin.take().expect("piped");
    let mut events = BufReader::new(k.0.stdout.take().expect("piped"));
    commands.write_all(b"echo\thel").expect("write");
    commands.write_all(b"lo\n").expect("write");
    let mut line = String::new();
    while line != "hello\n" {
        line.clear();
        assert!(events.read_line(&mut line).expect("read") > 0);
        assert!(line == "hello\n" || line.starts_with("info\t"), "{line}");
    }
    // Others may use these as well: nothing was changed on them.
    for number in [0, 1] {
        let info = std::fs::read_to_string(format!("/proc/{}/fdinfo/{number}", k.0.id())).expect("open");
        let flags = info.lines().find_map(|l| l.strip_prefix("flags:")).expect("flags").trim();
        assert_eq!(u32::from_str_radix(flags, 8).expect("octal") & libc::O_NONBLOCK as u32, 0);
    }
    // More than a pipe holds, read late.
    let many = 40_000;
    let talker = std::thread::spawn(move || {
        (0..many).for_each(|n| commands.write_all(format!("echo\t{n}\n").as_bytes()).expect("write"));
    });
    for n in 0..many {
        line.clear();
        events.read_line(&mut line).expect("read");
        assert_eq!(line, format!("{n}\n"));
    }
    talker.join().expect("closed its end");
    assert_eq!(k.end(), Some(0));
    // Files are always ready, until their end.
    let folder = tempfile::tempdir().expect("tempdir");
    let (commands, events) = (folder.path().join("in"), folder.path().join("out"));
    let text: String = (0..9000).map(|n| format!("echo\t{n}\n")).collect();
    std::fs::write(&commands, &text).expect("write");
    let open = |path: &PathBuf| File::open(path).expect("opens");
    let mut k = desk(&["console"], |c| c.stdin(open(&commands)).stdout(File::create(&events).expect("made")));
    assert_eq!(k.end(), Some(0));
    let said = std::fs::read_to_string(&events).expect("said");
    assert!(said.ends_with("8998\n8999\n") && said.lines().filter(|l| !l.starts_with("info")).count() == 9000);
    let mut k = desk(&["console"], |c| c.stdin(Stdio::null()).stdout(Stdio::null()));
    assert_eq!(k.end(), Some(0));
    // A socket may be both.
    let (mut ours, theirs) = UnixStream::pair().expect("pair");
    let theirs = std::os::fd::OwnedFd::from(theirs);
    let mut k = desk(&["console"], |c| c.stdin(theirs.try_clone().expect("copy")).stdout(theirs));
    ours.write_all(b"echo\tsocket\n").expect("write");
    ours.shutdown(std::net::Shutdown::Write).expect("the end");
    let mut said = String::new();
    ours.read_to_string(&mut said).expect("read");
    assert!(said.ends_with("\nsocket\n"), "{said}");
    assert_eq!(k.end(), Some(0));
}

pub(crate) fn a_file_of_commands() {
    let folder = tempfile::tempdir().expect("tempdir");
    let (config, mark) = (folder.path().join("config"), folder.path().join("mark"));
    let start = format!("service.args\ta\tsh\t-c\techo made >{}\nservice.start\ta\n", mark.display());
    std::fs::write(&config, format!("# first\n{start}service.auto_up\ta\t9\talways\n")).expect("write");
    let path = config.display().to_string();
    let k = desk(&["config", &path], |c| c.stdin(Stdio::null()));
    until("the service", || std::fs::read_to_string(&mark).is_ok_and(|text| text == "made\n"));
    drop(k);
    // The last line counts without its end too; one from a FIFO comes when it comes.
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    let mut k = desk(&["config", &fifo.display().to_string()], |c| c.stdin(Stdio::null()));
    let mut commands = File::options().write(true).open(&fifo).expect("somebody reads");
    commands.write_all(b"termin").expect("write");
    commands.write_all(b"ate\t6").expect("write");
    drop(commands);
    assert_eq!(k.end(), Some(6));
}

/// A client of the control socket that waits for what it wants, with a deadline.
struct Client(BufReader<UnixStream>);

impl Client {
    fn new(path: &Path) -> Client {
        let begun = Instant::now();
        let stream = loop {
            match UnixStream::connect(path) {
                Ok(stream) => break stream,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
            }
        };
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        Client(BufReader::new(stream))
    }

    fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("write");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("in time");
        line
    }

    /// The first line that begins so.
    fn find(&mut self, start: &str) -> String {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "closed before {start}");
            if line.starts_with(start) {
                return line;
            }
        }
    }
}

pub(crate) fn clients_wait_for_room() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("control");
    let mut k = desk(&["socket", &path.display().to_string()], |c| c.stdin(Stdio::null()));
    let mut clients: Vec<Client> = (0..8).map(|_| Client::new(&path)).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&format!("echo\t{n}\n"));
        assert_eq!(client.line(), format!("{n}\n"));
    }
    let mut ninth = Client::new(&path);
    ninth.send("service.tags\tninth\tx\n");
    // It is not heard before one of the others goes.
    clients[0].send("echo\tbefore\n");
    assert_eq!(clients[0].line(), "before\n");
    drop(clients.pop());
    assert_eq!(clients[0].line(), "service.tags\tninth\tx\n");
    // Another path, and the end: what we made is removed.
    let second = folder.path().join("second");
    clients[0].send(&format!("socket.create\t-\t{}\necho\tmade\n", second.display()));
    clients[0].find("made");
    assert!(!path.exists() && second.exists());
    clients[0].send("terminate\t3\n");
    assert_eq!(k.end(), Some(3));
    assert!(!second.exists());
}

pub(crate) fn descriptors_travel() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("control");
    let _k = desk(&["socket", &path.display().to_string()], |c| c.stdin(Stdio::null()));
    let mut client = Client::new(&path);
    client.send("dialect\t2\n");
    client.find("#1\tdialect");
    let (read, write) = sys::handle::pipe(false).expect("pipe");
    let taken = b"fd.take\tmine\n";
    assert_eq!(sys::handle::send_with(client.0.get_ref(), taken, write.as_fd()).expect("sent"), taken.len());
    assert!(client.line().contains("fd.state\tmine"), "it is held");
    drop(write);
    client.send("fd.take\tmore\n");
    assert!(client.line().contains("No ancillary file descriptor received"));
    // It comes back with the event that says so, and is the same pipe.
    client.send("fd.give\tmine\n");
    let (mut said, mut came) = ([0; 4096], [None, None]);
    let begun = Instant::now();
    let count = loop {
        match sys::handle::receive(client.0.get_ref(), &mut said, &mut came) {
            Ok(count) => break count,
            Err(_) => assert!(begun.elapsed() < PATIENCE, "nothing came"),
        }
    };
    let [Some(back), None] = came else { panic!("{} without one", String::from_utf8_lossy(&said[..count])) };
    File::from(back).write_all(b"hello").expect("write");
    let mut heard = [0; 5];
    File::from(read).read_exact(&mut heard).expect("read");
    assert_eq!(&heard, b"hello");
}

pub(crate) fn consoles_and_the_control_socket_cross_an_upgrade() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("control");
    let mut k = desk(&["console", "socket", &path.display().to_string()], |c| c.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let mut commands = k.0.stdin.take().expect("piped");
    let mut events = BufReader::new(k.0.stdout.take().expect("piped"));
    let mut client = Client::new(&path);
    client.send(&format!("terminate.guard\t+\t5\nterminate.exec_args\tsh\t-c\texit 8\ndialect\t2\nupgrade\t{}\n", me()));
    client.find("#2\tupgrade\t");
    // Both go on, as does the socket; a command that had begun is completed.
    client.send("echo\tclient\n");
    client.find("#3\tclient");
    Client::new(&path).send("service.tags\tnew\tx\n");
    client.find("#4\tservice.tags\tnew");
    commands.write_all(b"echo\tconsole\n").expect("write");
    let mut line = String::new();
    while line != "console\n" {
        line.clear();
        assert!(events.read_line(&mut line).expect("read") > 0);
    }
    // The guard is still set, and so is what comes at the end.
    drop(commands);
    client.send("terminate\t1\n");
    client.find("#5\terror\tterminate guard code required");
    client.send("terminate\t1\t5\n");
    assert_eq!(k.end(), Some(8));
    assert!(!path.exists());
}

/// Clock ticks that a process has used.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("runs");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
}

pub(crate) fn without_descriptors_nothing_spins() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("control");
    // The limit is set by a shell that becomes the keeper.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 40; exec \"$@\"", "sh", &me(), "desk", "socket"]).arg(&path).stdin(Stdio::null());
    let mut k = Desk(command.spawn().expect("spawn"));
    let mut first = Client::new(&path);
    let mut held = 0;
    let refused = loop {
        first.send(&format!("fd.open\tf{held}\tread\t/dev/null\n"));
        let said = first.line();
        if said.starts_with("error") {
            break said;
        }
        held += 1;
        assert!(held < 40);
    };
    assert!(refused.contains("Too many open files"), "{refused}");
    // A client finds nobody at home, and knows it; others wait, and cost nothing.
    let begun = Instant::now();
    let before = ticks(k.0.id());
    let waiting: Vec<Client> = (0..6).map(|_| Client::new(&path)).collect();
    let mut turned_away = Client::new(&path);
    assert_eq!(turned_away.line(), "", "the end");
    let (used, elapsed) = (ticks(k.0.id()) - before, begun.elapsed());
    // A tick is 10 ms.
    assert!(u128::from(used) * 10 <= elapsed.as_millis() / 5 + 20, "{used} ticks in {elapsed:?}");
    drop(waiting);
    // A birth is still possible.
    first.send("service.args\ta\tsh\t-c\texit 7\nservice.start\ta\n");
    assert!(first.find("service.state\ta\tdown").contains("\texit\t7\t"));
    // With room there are clients again.
    first.send("fd.delete\tf0\nfd.delete\tf1\n");
    let mut last = Client::new(&path);
    last.send("echo\tin\n");
    last.find("in");
    assert_eq!(k.0.try_wait().expect("ours"), None);
}

pub(crate) fn a_blocked_log_holds_nobody() {
    let mut k = desk(&["console"], |c| c.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut commands = k.0.stdin.take().expect("piped");
    let mut events = BufReader::new(k.0.stdout.take().expect("piped"));
    // Each gives a line in the log, which nobody reads: far more than a pipe holds.
    let talker = std::thread::spawn(move || {
        (0..3000).for_each(|n| commands.write_all(format!("nonsense{n}\n").as_bytes()).expect("write"));
        commands.write_all(b"echo\tthrough\n").expect("write");
        commands
    });
    let mut line = String::new();
    while line != "through\n" {
        line.clear();
        assert!(events.read_line(&mut line).expect("read") > 0);
    }
    let _commands = talker.join().expect("wrote");
    // What was lost is said when it can be said.
    let mut log = BufReader::new(k.0.stderr.take().expect("piped"));
    while !line.contains("lost") {
        line.clear();
        assert!(log.read_line(&mut line).expect("read") > 0);
    }
    assert!(line.starts_with("warning: lost ") && line.ends_with(" log messages\n"), "{line}");
}

pub(crate) fn another_program_at_the_end() {
    let mut k = desk(&["console"], |c| c.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let pid = k.0.id();
    let mut commands = k.0.stdin.take().expect("piped");
    commands.write_all(b"terminate.exec_args\tsh\t-c\techo $$ $DAEMONPROXY_EXITCODE; exit 8\nterminate\t7\n").expect("write");
    let mut said = String::new();
    k.0.stdout.take().expect("piped").read_to_string(&mut said).expect("read");
    assert_eq!(k.end(), Some(8));
    assert!(said.ends_with(&format!("{pid} 7\n")), "{said}");
}
