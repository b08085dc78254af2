//! Signals by name and number (Linux numbering; `signal(7)`).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A signal number, 1 to 64. Shown with its name (`SIGTERM`), real-time ones as `SIGRTMIN+n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

/// The text names no signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a signal; write for example SIGTERM, INT or 15")]
pub struct UnknownSignal(pub String);

const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
    "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// The first real-time signal that glibc leaves to programs.
const RTMIN: i32 = 34;

impl Signal {
    /// SIGHUP.
    pub const HUP: Signal = Signal(1);
    /// SIGINT.
    pub const INT: Signal = Signal(2);
    /// SIGKILL.
    pub const KILL: Signal = Signal(9);
    /// SIGTERM.
    pub const TERM: Signal = Signal(15);
    /// SIGCONT.
    pub const CONT: Signal = Signal(18);

    /// The signal with this number.
    ///
    /// # Errors
    /// Numbers outside 1 to 64.
    pub fn from_number(number: i32) -> Result<Signal, UnknownSignal> {
        if (1..=64).contains(&number) { Ok(Signal(number)) } else { Err(UnknownSignal(number.to_string())) }
    }

    /// Its number.
    pub fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.get((self.0 - 1) as usize) {
            Some(name) => f.pad(&format!("SIG{name}")),
            None if self.0 >= RTMIN => f.pad(&format!("SIGRTMIN+{}", self.0 - RTMIN)),
            None => f.pad(&format!("SIG{}", self.0)),
        }
    }
}

impl FromStr for Signal {
    type Err = UnknownSignal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || UnknownSignal(text.to_owned());
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return Signal::from_number(text.parse().map_err(|_| wrong())?).map_err(|_| wrong());
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Some(at) = NAMES.iter().position(|n| *n == name) {
            return Ok(Signal(at as i32 + 1));
        }
        match name {
            "POLL" => return Ok(Signal(29)),
            "IOT" => return Ok(Signal(6)),
            "CLD" => return Ok(Signal(17)),
            "RTMIN" => return Ok(Signal(RTMIN)),
            "RTMAX" => return Ok(Signal(64)),
            _ => {}
        }
        if let Some(digits) = name.strip_prefix("RTMIN+").filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit())) {
            let number = digits.parse::<i32>().ok().and_then(|n| n.checked_add(RTMIN)).ok_or_else(wrong)?;
            return Signal::from_number(number).map_err(|_| wrong());
        }
        let bare = name.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty();
        if bare { Signal::from_number(name.parse().map_err(|_| wrong())?).map_err(|_| wrong()) } else { Err(wrong()) }
    }
}

impl Serialize for Signal {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_reads_back() {
        for number in 1..=64 {
            let signal = Signal::from_number(number).expect("in range");
            assert_eq!(signal.to_string().parse(), Ok(signal), "{signal}");
        }
        assert_eq!("term".parse(), Ok(Signal::TERM));
        assert_eq!("9".parse(), Ok(Signal::KILL));
        for wrong in ["", "SIG", "0", "65", "NOPE", "-1", "SIGRTMIN+31"] {
            assert!(wrong.parse::<Signal>().is_err(), "{wrong}");
        }
    }
}
