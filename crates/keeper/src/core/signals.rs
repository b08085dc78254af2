//! Signal names (Linux, `signal(7)`; the numbers are those of x86, ARM and most others).

const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
    "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// `SIGTERM` for 15; the number itself for one without a name.
pub fn signal_name(number: i32) -> String {
    match usize::try_from(number).ok().and_then(|n| NAMES.get(n.checked_sub(1)?)) {
        Some(name) => format!("SIG{name}"),
        None => number.to_string(),
    }
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
