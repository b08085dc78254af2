//! What a child is to be.

use std::os::fd::BorrowedFd;

/// What a descriptor of the child is to be.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// A copy of this one.
    Copy(BorrowedFd<'a>),
    /// Nothing is to be had: the child aborts (daemonproxy's way to say so).
    Missing,
}

/// As whom a child runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User<'a> {
    /// The user, real, effective and saved.
    pub uid: u32,
    /// The group, real, effective and saved.
    pub gid: u32,
    /// All supplementary groups.
    pub groups: &'a [u32],
}

/// What a child is to be. Everything is borrowed; the default is a child with nothing (no descriptor, an empty environment).
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish<'a> {
    /// Program and arguments, each ended by NUL; the first is both the file to search for and `argv[0]`.
    pub argv: &'a [u8],
    /// `KEY=VALUE`, each ended by NUL, complete.
    pub env: &'a [u8],
    /// Working directory, without NUL. Entered as the child's own user.
    pub cwd: Option<&'a [u8]>,
    /// File mode mask.
    pub umask: Option<u32>,
    /// Whether it leads a session of its own.
    pub session: bool,
    /// Whether it leads a process group of its own (the leader of a session does anyhow).
    pub group: bool,
    /// The nice value.
    pub nice: Option<i32>,
    /// `oom_score_adj`, −1000 to 1000.
    pub oom: Option<i32>,
    /// As whom it runs. Half way is no way: when any of it is refused, nothing is executed.
    pub user: Option<User<'a>>,
    /// Resource, soft, hard, as `setrlimit` takes them.
    pub limits: &'a [(i32, u64, u64)],
    /// Our own hard limit of open files, when the child is to have the usual limits where [`Wish::limits`] does not name them: open files
    /// to 65,536 softly, no core file.
    pub default_limits: Option<u64>,
    /// The folder of a cgroup (v2) in which it is born; where the kernel cannot, it is joined before anything else is done.
    pub cgroup: Option<&'a [u8]>,
    /// No program that it executes gains privileges.
    pub no_new_privs: bool,
    /// The signal that it gets when we die.
    pub death_signal: Option<i32>,
    /// The number of the placed descriptor that becomes its controlling terminal; needs [`Wish::session`].
    pub tty: Option<u32>,
    /// Whether `LISTEN_PID` in its environment is to be its pid (sd_listen_fds(3)).
    pub listen_pid: bool,
    /// Which number becomes what; what is not named is closed.
    pub places: &'a [(u32, Place<'a>)],
    /// The number that is the life lock: the child writes its pid into it.
    pub lock: Option<u32>,
}

/// The number of a resource by the name that `service.rlimit` takes (`nofile`).
pub fn resource(name: &[u8]) -> Option<i32> {
    Some(match name {
        b"cpu" => libc::RLIMIT_CPU as i32,
        b"fsize" => libc::RLIMIT_FSIZE as i32,
        b"data" => libc::RLIMIT_DATA as i32,
        b"stack" => libc::RLIMIT_STACK as i32,
        b"core" => libc::RLIMIT_CORE as i32,
        b"rss" => libc::RLIMIT_RSS as i32,
        b"nproc" => libc::RLIMIT_NPROC as i32,
        b"nofile" => libc::RLIMIT_NOFILE as i32,
        b"memlock" => libc::RLIMIT_MEMLOCK as i32,
        b"as" => libc::RLIMIT_AS as i32,
        b"locks" => libc::RLIMIT_LOCKS as i32,
        b"sigpending" => libc::RLIMIT_SIGPENDING as i32,
        b"msgqueue" => libc::RLIMIT_MSGQUEUE as i32,
        b"nice" => libc::RLIMIT_NICE as i32,
        b"rtprio" => libc::RLIMIT_RTPRIO as i32,
        b"rttime" => libc::RLIMIT_RTTIME as i32,
        _ => return None,
    })
}

/// Open files of a child, at most, when nothing else is asked.
const NOFILE: u64 = 65_536;

impl Wish<'_> {
    /// The limits that were not named.
    pub(super) fn usual_limits(&self) -> impl Iterator<Item = (i32, u64, u64)> {
        let usual = self
            .default_limits
            .map(|hard| [(libc::RLIMIT_NOFILE as i32, hard.min(NOFILE), hard), (libc::RLIMIT_CORE as i32, 0, 0)]);
        usual.into_iter().flatten().filter(|usual| !self.limits.iter().any(|(resource, ..)| *resource == usual.0))
    }
}
