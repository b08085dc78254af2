//! `/proc/PID/stat` (proc_pid_stat(5)).

use super::Traces;
use crate::process::read_page;

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
    /// Its own.
    pub(super) cpu_ticks: u64,
    /// Those of its children that it has reaped, and of theirs.
    pub(super) reaped_ticks: u64,
    pub(super) threads: u64,
    pub(super) ident: u64,
    pub(super) rss_pages: u64,
}

impl Stat {
    pub(super) fn read(pid: u32) -> Option<Stat> {
        // The page has some fifty numbers and a name of at most 15 bytes (64 for kernel threads).
        let mut page = [0u8; 1536];
        let got = read_page(pid, &mut page)?;
        Stat::parse(&page[..got])
    }

    /// The name, in parentheses, may hold anything; the last `)` ends it.
    fn parse(text: &[u8]) -> Option<Stat> {
        let after = text.iter().rposition(|b| *b == b')')?;
        let rest = std::str::from_utf8(&text[after + 1..]).ok()?;
        // Field 3 of the manual page is the first one here; none of the later ones is wanted.
        let mut fields = [""; 22];
        rest.split_ascii_whitespace().zip(&mut fields).for_each(|(word, field)| *field = word);
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let signed = |field: usize| fields.get(field - 3)?.parse::<i64>().ok();
        Some(Stat {
            state: *fields.first()?.as_bytes().first()?,
            parent: u32::try_from(number(4)?).ok()?,
            session: u32::try_from(signed(6)?).unwrap_or(0),
            kernel: number(9)? & KERNEL_THREAD != 0,
            unexecuted: number(9)? & UNEXECUTED != 0,
            cpu_ticks: number(14)? + number(15)?,
            reaped_ticks: number(16)? + number(17)?,
            threads: number(20)?,
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

impl Stat {
    /// Processor time in nanoseconds, that of reaped descendants included.
    pub(super) fn cpu_nanos(&self) -> u64 {
        (self.cpu_ticks + self.reaped_ticks) * TICK_NANOS
    }

    /// Resident bytes.
    pub(super) fn rss_bytes(&self) -> u64 {
        self.rss_pages * rustix::param::page_size() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_changes_nothing() {
        let line = b"7 (a) R 1 (x)) S 3 7 7 0 -1 4194624 1 0 0 0 5 6 7 8 20 0 3 0 900 1000 42 1 2 3";
        let stat = Stat::parse(line).expect("parses");
        assert_eq!((stat.state, stat.parent, stat.session, stat.cpu_ticks, stat.ident), (b'S', 3, 7, 11, 900));
        assert_eq!((stat.reaped_ticks, stat.threads), (15, 3));
        assert_eq!((stat.rss_pages, stat.kernel, stat.unexecuted), (42, false, true));
        for cut in 0..line.len() - 8 {
            let _ = Stat::parse(&line[..cut]);
        }
    }
}
