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
    /// Which streams are kept, standard output first; the others are `/dev/null`.
    pub kept: [bool; 2],
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
}

/// What belongs to the life called `service`.
pub fn handles(service: &str) -> Handles {
    Handles {
        readers: [format!("{service}.out.r"), format!("{service}.err.r")],
        writers: [format!("{service}.out.w"), format!("{service}.err.w")],
        lock: format!("{service}.lock"),
        fifos: [format!("run/io/{service}.out"), format!("run/io/{service}.err")],
        lock_path: format!("run/lives/{service}.lock"),
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
    let end = |at: usize| if birth.kept[at] { held.writers[at].as_str() } else { "null" };
    let fds = ["null", end(0), end(1), &format!("100={}", held.lock)];
    lines.push(fds.into_iter().fold(Request::new("service.fds").field(name), Request::field));
    lines.extend(birth.more.iter().cloned());
    lines.push(Request::new("service.start").field(name));
    match lines.iter().find(|l| l.len() > DIALECT2_LINE) {
        None => Ok(lines),
        Some(_) => Err(TooLong(format!("the command or one variable of {name} is longer than {DIALECT2_LINE} bytes"))),
    }
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
        let birth_of = |kept| {
            let (service, argv, cwd) = ("i1".to_owned(), vec!["x".to_owned()], "/".to_owned());
            let more = vec![Request::new("service.nice").field("i1").field("3")];
            text(&birth(&Birth { service, tags: Vec::new(), argv, env: Vec::new(), cwd, umask: 0o22, more, kept }).expect("fits"))
        };
        let fds = |text: &str| text.lines().find_map(|line| line.strip_prefix("service.fds\ti1\t").map(str::to_owned));
        for (kept, want) in [
            ([true, true], "null\ti1.out.w\ti1.err.w\t100=i1.lock"),
            ([true, false], "null\ti1.out.w\tnull\t100=i1.lock"),
            ([false, false], "null\tnull\tnull\t100=i1.lock"),
        ] {
            let lines = birth_of(kept);
            assert!(lines.ends_with("service.nice\ti1\t3\nservice.start\ti1\n"), "{lines}");
            assert_eq!(fds(&lines).as_deref(), Some(want));
            let count = kept.iter().filter(|kept| **kept).count();
            assert_eq!(lines.matches("fd.open\ti1.").count(), 2 * count + 1, "two ends each, and the lock: {lines}");
            assert_eq!(text(&adopt("i1", &[], 1, 2, kept)).matches("fd.open").count(), count);
            assert_eq!(text(&release("i1", kept)).matches("fd.delete").count(), count);
        }
    }
}
