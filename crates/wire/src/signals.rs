//! Signal names (Linux, `signal(7)`; the numbers are those of x86, ARM and most others).

use std::fmt;

const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
    "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// A signal as events say it: `SIGTERM` for 15; the number itself for one without a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalName(i32);

impl fmt::Display for SignalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match usize::try_from(self.0).ok().and_then(|n| NAMES.get(n.checked_sub(1)?)) {
            Some(name) => write!(f, "SIG{name}"),
            None => write!(f, "{}", self.0),
        }
    }
}

/// The name of a signal.
pub fn signal_name(number: i32) -> SignalName {
    SignalName(number)
}

/// 15 for `SIGTERM` and `TERM`; `None` for a name that is unknown.
pub fn signal_number(name: &[u8]) -> Option<i32> {
    let short = name.strip_prefix(b"SIG").unwrap_or(name);
    let alias = match short {
        b"POLL" => b"IO",
        b"IOT" => &b"ABRT"[..],
        other => other,
    };
    NAMES.iter().position(|known| known.as_bytes() == alias).map(|at| at as i32 + 1)
}
