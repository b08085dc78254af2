//! The screenplay of a run: what happened, in order.

/// Lines that are kept: the end of a play is what tells why it failed.
const KEPT: usize = 60_000;

/// Happenings and effects of a run, written down only where somebody will read them.
#[derive(Debug, Default)]
pub struct Trace {
    /// Whether it is written down.
    pub on: bool,
    lines: std::collections::VecDeque<String>,
}

impl Trace {
    /// Adds a line, said at `now`.
    pub fn line(&mut self, now: u64, text: &str) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        let (seconds, micros) = (now / 1_000_000_000, now / 1000 % 1_000_000);
        self.lines.push_back(format!("{seconds:>4}.{micros:06} {text}"));
    }

    /// The last lines.
    pub fn tail(&self, count: usize) -> String {
        let skip = self.lines.len().saturating_sub(count);
        self.lines.iter().skip(skip).map(|line| format!("{line}\n")).collect()
    }
}

/// Writes a line of the screenplay.
macro_rules! tell {
    ($kernel:expr, $($text:tt)*) => {
        if $kernel.trace.on {
            let (now, text) = ($kernel.now, format!($($text)*));
            $kernel.trace.line(now, &text);
        }
    };
}
pub(crate) use tell;
