//! What happens to a keeper in a run, as lines of text: a run that failed becomes a file of the corpus as it is.

use keeper::core::Ending;
use std::fmt;

/// One thing that happens. Numbers say which of those that there are, counted round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Somebody connects to the control socket.
    Connect,
    /// A controller sends bytes.
    Say(usize, Vec<u8>),
    /// From now on a controller reads only so many bytes at a time; 0 for not at all, -1 for everything.
    Reads(usize, i64),
    /// A slow controller reads once.
    Read(usize),
    /// A controller says no more.
    Ends(usize),
    /// A controller is gone.
    Breaks(usize),
    /// A controller sends a descriptor with its next message.
    Passes(usize),
    /// The next so many effects are refused.
    Refuse(u32),
    /// A program executes.
    Executes(usize),
    /// A program cannot be executed.
    Refuses(usize),
    /// A process ends.
    Exits(usize, Ending),
    /// Time passes, in milliseconds.
    Passed(u64),
    /// Time passes until something is due.
    Due,
    /// The keeper gets a signal.
    Signal(i32),
    /// An orphan ends.
    Orphan(u32),
    /// So many bytes of the log are written.
    Logged(usize),
    /// The log cannot be written.
    NotLogged,
    /// Another executable takes over in place.
    Upgrade,
    /// An upgrade that was asked for comes to nothing.
    NotUpgraded,
    /// A dump is compared with what it makes of a fresh keeper.
    Dump,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Connect => f.write_str("connect"),
            Op::Say(who, bytes) => write!(f, "say {who} {}", bytes.escape_ascii()),
            Op::Reads(who, count) => write!(f, "reads {who} {count}"),
            Op::Read(who) => write!(f, "read {who}"),
            Op::Ends(who) => write!(f, "ends {who}"),
            Op::Breaks(who) => write!(f, "breaks {who}"),
            Op::Passes(who) => write!(f, "passes {who}"),
            Op::Refuse(count) => write!(f, "refuse {count}"),
            Op::Executes(life) => write!(f, "executes {life}"),
            Op::Refuses(life) => write!(f, "refuses {life}"),
            Op::Exits(life, Ending::Code(code)) => write!(f, "exits {life} code {code}"),
            Op::Exits(life, Ending::Signal { number, core }) => write!(f, "exits {life} signal {number} {}", u8::from(*core)),
            Op::Exits(life, Ending::Unseen) => write!(f, "exits {life} unseen"),
            Op::Passed(ms) => write!(f, "passed {ms}"),
            Op::Due => f.write_str("due"),
            Op::Signal(number) => write!(f, "signal {number}"),
            Op::Orphan(pid) => write!(f, "orphan {pid}"),
            Op::Logged(count) => write!(f, "logged {count}"),
            Op::NotLogged => f.write_str("not-logged"),
            Op::Upgrade => f.write_str("upgrade"),
            Op::NotUpgraded => f.write_str("not-upgraded"),
            Op::Dump => f.write_str("dump"),
        }
    }
}

/// Undoes `escape_ascii`.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let (kind, more) = rest.split_first()?;
        rest = more;
        out.push(match kind {
            b't' => b'\t',
            b'n' => b'\n',
            b'r' => b'\r',
            b'x' => {
                let (digits, more) = rest.split_at_checked(2)?;
                rest = more;
                u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?
            }
            other => *other,
        });
    }
    Some(out)
}

/// Understands a line of a corpus.
pub fn parse(line: &str) -> Option<Op> {
    if let Some(rest) = line.strip_prefix("say ") {
        let (who, text) = rest.split_once(' ')?;
        return Some(Op::Say(who.parse().ok()?, bytes(text)?));
    }
    let mut words = line.split_whitespace();
    let verb = words.next()?;
    let words: Vec<&str> = words.collect();
    let number = |at: usize| words.get(at)?.parse::<i64>().ok();
    let at = |at: usize| number(at).map(|n| n as usize);
    Some(match verb {
        "connect" => Op::Connect,
        "reads" => Op::Reads(at(0)?, number(1)?),
        "read" => Op::Read(at(0)?),
        "ends" => Op::Ends(at(0)?),
        "breaks" => Op::Breaks(at(0)?),
        "passes" => Op::Passes(at(0)?),
        "refuse" => Op::Refuse(number(0)? as u32),
        "executes" => Op::Executes(at(0)?),
        "refuses" => Op::Refuses(at(0)?),
        "exits" => Op::Exits(
            at(0)?,
            match *words.get(1)? {
                "code" => Ending::Code(number(2)? as i32),
                "signal" => Ending::Signal { number: number(2)? as i32, core: number(3)? == 1 },
                _ => Ending::Unseen,
            },
        ),
        "passed" => Op::Passed(number(0)? as u64),
        "due" => Op::Due,
        "signal" => Op::Signal(number(0)? as i32),
        "orphan" => Op::Orphan(number(0)? as u32),
        "logged" => Op::Logged(at(0)?),
        "not-logged" => Op::NotLogged,
        "upgrade" => Op::Upgrade,
        "not-upgraded" => Op::NotUpgraded,
        "dump" => Op::Dump,
        _ => return None,
    })
}
