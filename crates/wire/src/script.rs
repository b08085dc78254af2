//! The lines that bear, adopt and let go of one life: the one place that knows which descriptors and fields a life has.

use crate::{DIALECT2_LINE, Request};

/// Everything the keeper must be told to bear a life. Paths of streams and lock are relative to the home, where the keeper stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Birth {
    /// The service, `i91`.
    pub service: String,
    /// `key=value`, what a new steward needs to recognise it.
    pub tags: Vec<String>,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// `KEY=VALUE`, complete.
    pub env: Vec<String>,
    /// Working directory, absolute.
    pub cwd: String,
    /// File mode mask.
    pub umask: u32,
    /// As whom, within which limits, and what else it is born with: lines about this service.
    pub more: Vec<Request>,
    /// Whether no program that it executes gains privileges.
    pub no_new_privs: bool,
    /// Which streams are kept, standard output first; the others are `/dev/null`.
    pub kept: [bool; 2],
    /// What it has besides.
    pub channels: Channels,
}

/// What a life gets besides its output streams.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Channels {
    /// Whether its standard input is a FIFO; else it is `/dev/null`.
    pub stdin: bool,
    /// What it gets from 3 on (sd_listen_fds(3)): the names under which the keeper holds it.
    pub given: Vec<String>,
    /// The number of the descriptor on which it says that it is ready, a FIFO.
    pub ready: Option<u32>,
    /// The number of its end of Node's channel.
    pub ipc: Option<u32>,
}

/// Names and paths of what the keeper holds for a life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handles {
    /// The reading ends that outlive any reader, standard output first.
    pub readers: [String; 2],
    /// The ends that become the child's 1 and 2.
    pub writers: [String; 2],
    /// The life lock.
    pub lock: String,
    /// Paths of the FIFOs.
    pub fifos: [String; 2],
    /// Path of the lock file.
    pub lock_path: String,
    /// What becomes the child's 0, where it is a FIFO.
    pub stdin: String,
    /// Path of that FIFO.
    pub stdin_path: String,
    /// The reading end of the descriptor on which it says that it is ready; it keeps what was said while nobody listens.
    pub ready: String,
    /// The child's end of it.
    pub ready_writer: String,
    /// Path of that FIFO.
    pub ready_path: String,
    /// Our end of Node's channel.
    pub ipc: String,
    /// The child's.
    pub ipc_child: String,
    /// The socket that `NOTIFY_SOCKET` names.
    pub notify: String,
    /// Its path, where that is in the home.
    pub notify_path: String,
}

/// What belongs to the life called `service`.
pub fn handles(service: &str) -> Handles {
    Handles {
        readers: [format!("{service}.out.r"), format!("{service}.err.r")],
        writers: [format!("{service}.out.w"), format!("{service}.err.w")],
        lock: format!("{service}.lock"),
        fifos: [format!("run/io/{service}.out"), format!("run/io/{service}.err")],
        lock_path: format!("run/lives/{service}.lock"),
        stdin: format!("{service}.in.w"),
        stdin_path: format!("run/io/{service}.in"),
        ready: format!("{service}.ready"),
        ready_writer: format!("{service}.ready.w"),
        ready_path: format!("run/io/{service}.ready"),
        ipc: format!("{service}.ipc"),
        ipc_child: format!("{service}.ipc.w"),
        notify: format!("{service}.notify"),
        notify_path: format!("run/notify/{service}"),
    }
}

/// A field would make a line longer than the keeper reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLong(pub String);

/// The lines that define and start a life. The FIFOs of streams that are kept must exist.
///
/// # Errors
/// An argument list or one variable that does not fit into a line of 64 KiB.
pub fn birth(birth: &Birth) -> Result<Vec<Request>, TooLong> {
    let name = &birth.service;
    let held = handles(name);
    let with = |verb: &str, fields: &[String]| fields.iter().fold(Request::new(verb).field(name), Request::field);
    let mut lines = vec![with("service.tags", &birth.tags), with("service.args", &birth.argv)];
    // The environment may be larger than a line: the first replaces, the others add.
    let mut env = Request::new("service.env").field(name);
    for pair in &birth.env {
        let longer = env.clone().field(pair);
        if longer.len() <= DIALECT2_LINE {
            env = longer;
        } else {
            lines.push(std::mem::replace(&mut env, Request::new("service.env_add").field(name).field(pair)));
        }
    }
    lines.push(env);
    lines.push(Request::new("service.cwd").field(name).field(&birth.cwd));
    lines.push(Request::new("service.umask").field(name).field(format!("{:03o}", birth.umask)));
    for at in (0..2).filter(|at| birth.kept[*at]) {
        lines.push(Request::new("fd.open").field(&held.writers[at]).field("read,write,handoff").field(&held.fifos[at]));
        lines.push(Request::new("fd.open").field(&held.readers[at]).field("read,nonblock").field(&held.fifos[at]));
    }
    lines.push(Request::new("fd.open").field(&held.lock).field("read,write,create,lock,handoff").field(&held.lock_path));
    lines.extend(channel_lines(&birth.channels, &held));
    lines.push(places(birth, &held).iter().fold(Request::new("service.fds").field(name), Request::field));
    lines.extend(birth.more.iter().cloned());
    // One line, since each replaces the flags of the one before.
    let flags = [("listen_pid", !birth.channels.given.is_empty()), ("no_new_privs", birth.no_new_privs)];
    if flags.iter().any(|(_, wanted)| *wanted) {
        let wanted = flags.into_iter().filter(|(_, wanted)| *wanted).map(|(flag, _)| flag);
        lines.push(wanted.fold(Request::new("service.opt").field(name).field("session"), Request::field));
    }
    lines.push(Request::new("service.start").field(name));
    match lines.iter().find(|l| l.len() > DIALECT2_LINE) {
        None => Ok(lines),
        Some(_) => Err(TooLong(format!("the command or one variable of {name} is longer than {DIALECT2_LINE} bytes"))),
    }
}

/// The lines that make what a life has besides its output streams. The FIFOs must exist.
fn channel_lines(channels: &Channels, held: &Handles) -> Vec<Request> {
    let mut lines = Vec::new();
    let open = |handle: &str, flags: &str, path: &str| Request::new("fd.open").field(handle).field(flags).field(path);
    // For both directions each: reading never finds an end because we are gone, and writing always finds a reader.
    if channels.stdin {
        lines.push(open(&held.stdin, "read,write,handoff", &held.stdin_path));
    }
    if channels.ready.is_some() {
        lines.push(open(&held.ready_writer, "read,write,handoff", &held.ready_path));
        lines.push(open(&held.ready, "read,nonblock", &held.ready_path));
    }
    if channels.ipc.is_some() {
        lines.push(Request::new("fd.pipe").field(&held.ipc).field(&held.ipc_child).field("unix,stream"));
    }
    lines
}

/// Which descriptors the child gets, by number.
fn places(birth: &Birth, held: &Handles) -> Vec<String> {
    let Channels { stdin, given, ready, ipc } = &birth.channels;
    let end = |at: usize| if birth.kept[at] { held.writers[at].clone() } else { "null".to_owned() };
    let mut places = vec![if *stdin { held.stdin.clone() } else { "null".to_owned() }, end(0), end(1)];
    places.extend(given.iter().cloned());
    places.extend(ready.map(|number| format!("{number}={}", held.ready_writer)));
    places.extend(ipc.map(|number| format!("{number}={}", held.ipc_child)));
    let taken = |number: &u32| Some(*number) == *ready || Some(*number) == *ipc || given.len() + 3 > *number as usize;
    let lock = (100..).find(|number| !taken(number)).unwrap_or(100);
    places.push(format!("{lock}={}", held.lock));
    places
}

/// The lines by which a keeper takes charge of a process that another keeper bore, and holds its streams again.
pub fn adopt(service: &str, tags: &[String], pid: u32, ident: u64, kept: [bool; 2]) -> Vec<Request> {
    let held = handles(service);
    let mut lines = vec![tags.iter().fold(Request::new("service.tags").field(service), Request::field)];
    for at in (0..2).filter(|at| kept[*at]) {
        lines.push(Request::new("fd.open").field(&held.readers[at]).field("read,nonblock").field(&held.fifos[at]));
    }
    lines.push(Request::new("service.adopt").field(service).field(pid.to_string()).field(ident.to_string()));
    lines
}

/// The lines that let go of a life's streams, once they are sealed.
pub fn release(service: &str, kept: [bool; 2]) -> Vec<Request> {
    let held = handles(service).readers.into_iter().zip(kept).filter(|(_, kept)| *kept);
    held.map(|(name, _)| Request::new("fd.delete").field(name)).collect()
}

/// A birth of `x` in `/` with nothing special, for tests.
#[cfg(test)]
pub(crate) fn plain(service: &str) -> Birth {
    Birth {
        service: service.to_owned(),
        tags: Vec::new(),
        argv: vec!["x".to_owned()],
        env: Vec::new(),
        cwd: "/".to_owned(),
        umask: 0o22,
        more: Vec::new(),
        no_new_privs: false,
        kept: [true; 2],
        channels: Channels::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: &[Request]) -> String {
        let mut bytes = Vec::new();
        lines.iter().for_each(|line| line.write_to(&mut bytes));
        String::from_utf8(bytes).expect("our own words")
    }

    #[test]
    fn a_stream_that_goes_nowhere_is_dev_null() {
        let birth_of = |kept: [bool; 2]| {
            let more = vec![Request::new("service.nice").field("i1").field("3")];
            text(&birth(&Birth { more, no_new_privs: !kept[1], kept, ..plain("i1") }).expect("fits"))
        };
        let fds = |text: &str| text.lines().find_map(|line| line.strip_prefix("service.fds\ti1\t").map(str::to_owned));
        for (kept, want) in [
            ([true, true], "null\ti1.out.w\ti1.err.w\t100=i1.lock"),
            ([true, false], "null\ti1.out.w\tnull\t100=i1.lock"),
            ([false, false], "null\tnull\tnull\t100=i1.lock"),
        ] {
            let lines = birth_of(kept);
            let opt = if kept[1] { "" } else { "service.opt\ti1\tsession\tno_new_privs\n" };
            assert!(lines.ends_with(&format!("service.nice\ti1\t3\n{opt}service.start\ti1\n")), "{lines}");
            assert_eq!(fds(&lines).as_deref(), Some(want));
            let count = kept.iter().filter(|kept| **kept).count();
            assert_eq!(lines.matches("fd.open\ti1.").count(), 2 * count + 1, "two ends each, and the lock: {lines}");
            assert_eq!(text(&adopt("i1", &[], 1, 2, kept)).matches("fd.open").count(), count);
            assert_eq!(text(&release("i1", kept)).matches("fd.delete").count(), count);
        }
    }

    #[test]
    fn each_channel_has_its_place() {
        let birth_of = |channels| text(&birth(&Birth { channels, ..plain("i1") }).expect("fits"));
        let line = |text: &str, verb: &str| text.lines().find_map(|line| line.strip_prefix(verb).map(str::to_owned));
        let all = birth_of(Channels { stdin: true, given: vec!["s1.0".into(), "s1.1".into()], ready: Some(100), ipc: Some(5) });
        assert_eq!(
            line(&all, "service.fds\ti1\t").as_deref(),
            Some("i1.in.w\ti1.out.w\ti1.err.w\ts1.0\ts1.1\t100=i1.ready.w\t5=i1.ipc.w\t101=i1.lock")
        );
        assert_eq!(line(&all, "fd.pipe\t").as_deref(), Some("i1.ipc\ti1.ipc.w\tunix,stream"));
        assert_eq!(line(&all, "service.opt\ti1\t").as_deref(), Some("session\tlisten_pid"));
        assert_eq!(all.matches("handoff").count(), 5, "two streams, stdin, ready, lock: {all}");
        let none = birth_of(Channels::default());
        assert_eq!((line(&none, "service.opt"), line(&none, "fd.pipe")), (None, None));
    }
}
