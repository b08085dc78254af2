//! `/proc/PID/stat` (proc_pid_stat(5)).

use super::Traces;
use std::fs;

/// The kernel's clock tick in these files (`USER_HZ`), fixed at 100 on every Linux that we run on.
const TICK_NANOS: u64 = 10_000_000;
/// Flag of a kernel thread (`PF_KTHREAD`).
const KERNEL_THREAD: u64 = 0x0020_0000;
/// Flag of a process that was forked and has not executed since (`PF_FORKNOEXEC`).
const UNEXECUTED: u64 = 0x0000_0040;

/// What we need of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) state: u8,
    pub(super) parent: u32,
    pub(super) session: u32,
    pub(super) kernel: bool,
    pub(super) unexecuted: bool,
    pub(super) cpu_ticks: u64,
    pub(super) ident: u64,
    pub(super) rss_pages: u64,
}

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Processor time in nanoseconds, user and system, since it began.
    pub cpu_nanos: u64,
    /// Resident bytes.
    pub rss_bytes: u64,
}

impl Stat {
    pub(super) fn read(pid: u32) -> Option<Stat> {
        Stat::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name, in parentheses, may hold anything; the last `)` ends it.
    fn parse(text: &[u8]) -> Option<Stat> {
        let after = text.iter().rposition(|b| *b == b')')?;
        let rest = std::str::from_utf8(&text[after + 1..]).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // Field 3 of the manual page is the first one here.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let signed = |field: usize| fields.get(field - 3)?.parse::<i64>().ok();
        Some(Stat {
            state: *fields.first()?.as_bytes().first()?,
            parent: u32::try_from(number(4)?).ok()?,
            session: u32::try_from(signed(6)?).unwrap_or(0),
            kernel: number(9)? & KERNEL_THREAD != 0,
            unexecuted: number(9)? & UNEXECUTED != 0,
            cpu_ticks: number(14)? + number(15)?,
            ident: number(22)?,
            rss_pages: u64::try_from(signed(24)?).unwrap_or(0),
        })
    }

    pub(super) fn dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }

    /// Whether the process can belong to the life by its age. Start times count boot time, which includes suspends, so they are
    /// never before the monotonic time of the same moment; two ticks are allowed for rounding.
    pub(super) fn not_before(&self, life: &Traces) -> bool {
        match life.ident {
            Some(ident) => self.ident >= ident,
            None => (self.ident + 2) * TICK_NANOS >= life.begun,
        }
    }
}

/// Start time of a process in clock ticks since boot; `None` when there is none or it is a zombie.
pub fn identity(pid: u32) -> Option<u64> {
    Stat::read(pid).filter(|stat| !stat.dead()).map(|stat| stat.ident)
}

/// What this very process (pid and start time) has used so far.
pub fn usage(pid: u32, ident: u64) -> Option<Usage> {
    let stat = Stat::read(pid).filter(|stat| stat.ident == ident && !stat.dead())?;
    let page = rustix::param::page_size() as u64;
    Some(Usage { cpu_nanos: stat.cpu_ticks * TICK_NANOS, rss_bytes: stat.rss_pages * page })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_changes_nothing() {
        let line = b"7 (a) R 1 (x)) S 3 7 7 0 -1 4194624 1 0 0 0 5 6 0 0 20 0 1 0 900 1000 42 1 2 3";
        let stat = Stat::parse(line).expect("parses");
        assert_eq!((stat.state, stat.parent, stat.session, stat.cpu_ticks, stat.ident), (b'S', 3, 7, 11, 900));
        assert_eq!((stat.rss_pages, stat.kernel, stat.unexecuted), (42, false, true));
        for cut in 0..line.len() - 8 {
            let _ = Stat::parse(&line[..cut]);
        }
    }

    #[test]
    fn we_have_used_something() {
        let pid = std::process::id();
        let ident = identity(pid).expect("we live");
        assert!(usage(pid, ident).expect("we live").rss_bytes > 100_000);
        assert_eq!(usage(pid, ident + 1), None);
    }
}
