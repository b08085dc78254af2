//! With fixed pools a keeper takes nothing from the heap after its start, whatever its controllers do. The keeper is the real program in a
//! process of its own, with an allocator that counts into a file; the test reads along.

#[path = "common/mod.rs"]
#[expect(dead_code, reason = "only the harness of it is needed")]
mod common;
#[path = "../../sys/tests/counting/mod.rs"]
#[expect(unsafe_code, reason = "it lives in the crate that may")]
mod counting;

use common::PATIENCE;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

const POOLS: [&str; 4] = ["--service-pool", "16x512", "--fd-pool", "32x96"];
/// Services that run at once.
const WIDTH: usize = 8;
const SPAWNS: usize = 10_000;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if args.get(1).is_some_and(|word| word == "keeper") {
        counting::share(Path::new(&args[2]));
        return keeper::main(args[2..].iter().cloned(), &keeper::Build::default());
    }
    common::run(&[
        ("the_counter_counts", the_counter_counts),
        ("ten_thousand_lives_take_nothing_from_the_heap", ten_thousand_lives),
        ("whatever_controllers_do_takes_nothing_from_the_heap", whatever_controllers_do),
    ])
}

fn the_counter_counts() {
    let before = counting::count();
    drop(std::hint::black_box(vec![1u8; 100]));
    assert!(counting::count() > before);
    // A keeper without fixed pools grows with what it is told, and the test would see it.
    let mut bench = Bench::start(&[]);
    let before = bench.allocations();
    (0..50).for_each(|at| bench.talk.say(&format!("service.tags\tservice-{at}\t{}", "x".repeat(100))));
    bench.talk.barrier();
    assert!(bench.allocations() > before);
}

/// One end of a conversation in dialect 1.
struct Talk {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
}

impl Talk {
    fn new(stream: UnixStream) -> Talk {
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket has a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket has a timeout");
        Talk { lines: BufReader::new(stream.try_clone().expect("a copy")), stream }
    }

    fn say(&mut self, text: &str) {
        self.stream.write_all(format!("{text}\n").as_bytes()).expect("the keeper reads");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.lines.read_line(&mut line).expect("a line in time") > 0, "the keeper closed the connection");
        line.trim_end_matches('\n').to_owned()
    }

    /// Passes lines over up to one that begins so.
    fn wait(&mut self, beginning: &str) -> String {
        loop {
            let line = self.line();
            if line.starts_with(beginning) {
                return line;
            }
        }
    }

    fn barrier(&mut self) {
        self.say("echo\tbarrier-of-the-test");
        self.wait("barrier-of-the-test");
    }
}

/// A keeper with a controller on its standard streams and a control socket.
struct Bench {
    folder: tempfile::TempDir,
    process: Child,
    talk: Talk,
    noop: String,
}

impl Bench {
    fn start(options: &[&str]) -> Bench {
        let folder = tempfile::tempdir().expect("tempdir");
        let count = folder.path().join("count");
        std::fs::write(&count, [0; 8]).expect("our own file");
        let (ours, theirs) = UnixStream::pair().expect("pair");
        let stream = || Stdio::from(OwnedFd::from(theirs.try_clone().expect("a copy")));
        let process = Command::new(std::env::current_exe().expect("exe"))
            .arg("keeper")
            .arg(&count)
            .args(["-i", "-S", "ctl"])
            .args(options)
            .current_dir(folder.path())
            .stdin(stream())
            .stdout(stream())
            .stderr(Stdio::null())
            .spawn()
            .expect("spawn");
        let noop = noop(folder.path()).display().to_string();
        let mut bench = Bench { folder, process, talk: Talk::new(ours), noop };
        bench.talk.barrier();
        bench
    }

    fn client(&self) -> Talk {
        Talk::new(UnixStream::connect(self.folder.path().join("ctl")).expect("the control socket is there"))
    }

    /// How often the keeper asked for memory so far.
    fn allocations(&self) -> u64 {
        let bytes = std::fs::read(self.folder.path().join("count")).expect("the count");
        u64::from_ne_bytes(bytes.try_into().expect("eight bytes"))
    }

    /// Nothing was asked for since.
    #[track_caller]
    fn same(&self, before: u64, after_what: &str) {
        let more = self.allocations() - before;
        assert_eq!(more, 0, "allocations by {after_what}");
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A program that ends at once: three instructions where we know them, else what the system has.
fn noop(folder: &Path) -> PathBuf {
    if cfg!(not(all(target_os = "linux", target_arch = "x86_64"))) {
        return "/bin/true".into();
    }
    let half = |value: u16| value.to_le_bytes().to_vec();
    let long = |value: u64| value.to_le_bytes().to_vec();
    // mov eax, 60 (exit); xor edi, edi; syscall
    let code = [0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05];
    let base = 0x40_0000;
    let size = 64 + 56 + code.len() as u64;
    let elf = [
        b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec(),
        [half(2), half(62), vec![1, 0, 0, 0], long(base + 120), long(64), long(0), vec![0; 4]].concat(),
        [half(64), half(56), half(1), half(0), half(0), half(0)].concat(),
        // One segment, readable and executable.
        [vec![1, 0, 0, 0, 5, 0, 0, 0], long(0), long(base), long(base), long(size), long(size), long(0x1000)].concat(),
        code.to_vec(),
    ]
    .concat();
    let path = folder.join("noop");
    std::fs::write(&path, elf).expect("our own file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("our own file");
    path
}

fn ten_thousand_lives() {
    let mut bench = Bench::start(&POOLS);
    // Services are data of their pool: made once, before what is counted.
    let before = bench.allocations();
    let begun = std::time::Instant::now();
    for round in 0..SPAWNS / WIDTH {
        let mut said = format!("fd.pipe\tr\tw\nservice.tags\ts{}\tround\t{round}", round % WIDTH);
        for at in 0..WIDTH {
            let noop = &bench.noop;
            said += &format!("\nservice.args\ts{at}\t{noop}\t{round}\nservice.fds\ts{at}\tnull\tw\t-\tr\nservice.start\ts{at}");
        }
        bench.talk.say(&said);
        let mut down = 0;
        while down < WIDTH {
            let line = bench.talk.line();
            if line.starts_with("service.state\t") && line.contains("\tdown\t") {
                assert!(line.contains("\texit\t0\t"), "{line}");
                down += 1;
            }
            assert!(!line.starts_with("error") && line != "overflow", "{line}");
        }
        bench.talk.say("fd.delete\tr\nfd.delete\tw");
        bench.talk.wait("fd.state\tw\tdeleted");
        if round % 100 == 0 {
            bench.same(before, &format!("round {round}"));
        }
    }
    bench.same(before, "all rounds");
    println!("{SPAWNS} lives in {:?}, allocations: {} at the start, 0 after it", begun.elapsed(), before);
}

/// Something that controllers do, in a round of this number.
type Deed = (&'static str, fn(&mut Bench, usize));

const DEEDS: [Deed; 13] = [
    ("failed commands", |b, _| {
        b.talk.say(
            "nonsense\tx\nservice.start\tnobody\nfd.open\tx\tread\t/no/such/file\nfd.delete\tnull\nservice.signal\ta\tNOSIG",
        );
        (0..5).for_each(|_| assert!(b.talk.line().starts_with("error\t")));
    }),
    ("a line that is too long", |b, _| {
        b.talk.say(&"x".repeat(5000));
        b.talk.wait("error\tline too long");
    }),
    ("a dump", |b, _| {
        b.talk.say("statedump");
    }),
    ("files, sockets and pipes", |b, round| {
        b.talk.say(&format!("fd.open\tx\tread\t/dev/null\nfd.open\ty\twrite,create,mkdir\tdeep-{round}/er/file"));
        b.talk.say("fd.socket\tz\tunix,bind,listen\tsocket\nfd.pipe\tp\tq\tunix,dgram,nonblock\nfd.pipe\tp\tq");
        ["x", "y", "z", "p", "q"].iter().for_each(|name| b.talk.say(&format!("fd.delete\t{name}")));
        b.talk.wait("fd.state\tq\tdeleted");
        std::fs::remove_file(b.folder.path().join("socket")).expect("it was bound");
    }),
    ("sockets of the net, and long paths", |b, round| {
        b.talk.say("fd.socket\tx\tinet,tcp,bind,listen\t127.0.0.1:0\nfd.socket\ty\tinet6,udp\nfd.delete\tx\nfd.delete\ty");
        let long = format!("{}long-{round}/{}", "./".repeat(300), "er/".repeat(20));
        b.talk.say(&format!("fd.open\tx\twrite,create,mkdir\t{long}file\nfd.delete\tx\nchdir\t{}", "./".repeat(400)));
        b.talk.wait("fd.state\tx\tdeleted");
    }),
    ("the keeper's own settings", |b, _| {
        b.talk.say("socket.create\t-\tother\nsocket.delete\nsocket.create\t-\tctl\nlog.filter\t+\nlog.filter\t-");
        b.talk.say("fd.open\tlog\twrite,append,create\tlog\nlog.dest\tfd\tlog\nnonsense\nlog.dest\tfd\tstderr\nfd.delete\tlog");
        b.talk.say("terminate.exec_args\t/bin/true\tx\nterminate.exec_args\nterminate.guard\t+\t3\nterminate.guard\t-\t3");
        b.talk.wait("fd.state\tlog\tdeleted");
    }),
    ("a service that comes by itself", |b, _| {
        let noop = b.noop.clone();
        b.talk.say(&format!("service.args\te\t{noop}\nservice.auto_up\te\t1\talways"));
        b.talk.wait("service.state\te\tdown");
        b.talk.say("service.auto_up\te\t-\nservice.start\te\t-\nservice.delete\te");
        b.talk.wait("service.state\te\tdeleted");
    }),
    ("a signal to a service", |b, _| {
        b.talk.say("service.args\ta\tsleep\t1000\nservice.start\ta");
        b.talk.wait("service.state\ta\tup");
        b.talk.say("service.signal\ta\tTERM");
        b.talk.wait("service.state\ta\tdown");
        b.talk.say("service.delete\ta");
        b.talk.wait("service.state\ta\tdeleted");
    }),
    ("a signal to the keeper", |b, _| {
        let pid = b.process.id();
        let ident = sys::process::start_time(pid).expect("it lives");
        sys::process::signal_pid(pid, ident, libc::SIGHUP).expect("it lives");
        b.talk.wait("signal\tSIGHUP");
        b.talk.say("signal.clear\tHUP\t1");
    }),
    ("a program that cannot be executed", |b, _| {
        b.talk.say("service.args\ta\tno-such-program\nservice.start\ta");
        b.talk.wait("service.state\ta\tdown");
    }),
    ("a controller that comes and goes", |b, _| {
        let mut client = b.client();
        client.say("statedump\nservice.tags\tb\tof a client\nconn.event_timeout\t1\t2");
        client.barrier();
    }),
    ("a service with a control connection", |b, _| {
        b.talk.say("service.fds\tc\tnull\tnull\tnull\tcontrol.socket");
        b.talk.say("service.args\tc\tsh\t-c\tprintf 'service.tags\\td\\tsaid\\n' >&3; read line <&3\nservice.start\tc");
        // It may be heard to the end after its end.
        let mut open = vec!["service.tags\td\tsaid", "service.state\tc\tdown"];
        while !open.is_empty() {
            let line = b.talk.line();
            open.retain(|beginning| !line.starts_with(beginning));
        }
    }),
    ("a controller that does not listen", |b, _| {
        let mut deaf = b.client();
        // Nothing of it is read before so much has come that it is lost; the answers of others are.
        deaf.say("conn.event_timeout\t0\t100");
        for _ in 0..600 {
            b.talk.say(&format!("service.tags\tb\t{}", "x".repeat(400)));
            b.talk.wait("service.tags\tb");
        }
        deaf.wait("overflow");
        deaf.barrier();
    }),
];

fn whatever_controllers_do() {
    let mut bench = Bench::start(&POOLS);
    let before = bench.allocations();
    for round in 0..20 {
        for (name, deed) in DEEDS {
            println!("round {round}: {name}"); // Where it fails, the last of these lines says in what.
            deed(&mut bench, round);
            bench.talk.barrier();
            bench.same(before, &format!("{name}, round {round}"));
        }
    }
    // All is well afterwards, too.
    let noop = bench.noop.clone();
    bench.talk.say(&format!("service.args\tlast\t{noop}\nservice.start\tlast"));
    bench.talk.wait("service.state\tlast\tdown");
    let _ = bench.talk.stream.shutdown(std::net::Shutdown::Write);
    let mut rest = Vec::new();
    let _ = bench.talk.lines.read_to_end(&mut rest);
    assert!(bench.process.wait().expect("our own child").success(), "the end of the input is its end");
    bench.same(before, "its end");
}
