//! Events that a controller gets in dialect 2.

use crate::{Dialect, split_fields};

/// An event with its number. `dialect` itself, the first event, is the first that carries one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// Counts the events of this connection, gapless.
    pub number: u64,
    /// What was said.
    pub event: Event,
}

/// What a keeper says. Fields that are not valid UTF-8 are read lossily: names and states are ASCII, the rest is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `dialect N`.
    Dialect(u32),
    /// `service.state …`.
    State {
        /// The service.
        name: String,
        /// Its state.
        state: ServiceState,
    },
    /// `service.tags NAME TAG…`.
    Tags {
        /// The service.
        name: String,
        /// Its tags.
        tags: Vec<String>,
    },
    /// `overflow N`: events from number N on were lost; a dump is owed.
    Overflow(u64),
    /// `error MESSAGE`: the last command was refused.
    Error(String),
    /// `signal NAME TS COUNT`: the keeper got a signal.
    Signal {
        /// `SIGTERM`.
        name: String,
        /// How often since it was last cleared.
        count: u64,
    },
    /// Anything else, as its fields (`echo` output, `fd.state`, `service.args`, `warning`, …).
    Other(Vec<String>),
}

/// The state of a service in dialect 2. Times are nanoseconds of the monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceState {
    /// Defined, never started.
    Down,
    /// Will be started, or has been forked and not yet executed.
    Start,
    /// Its program runs.
    Up {
        /// When it was started.
        at: u64,
        /// Its process.
        pid: u32,
        /// Start time in clock ticks since boot.
        ident: u64,
    },
    /// It ended with a code.
    Exited {
        /// When.
        at: u64,
        /// Its process.
        pid: u32,
        /// The code.
        code: i32,
    },
    /// A signal ended it.
    Signalled {
        /// When.
        at: u64,
        /// Its process.
        pid: u32,
        /// `SIGSEGV`; with `+core` behind when a core file was written.
        signal: String,
        /// Whether a core file was written.
        core: bool,
    },
    /// An adopted process ended and the kernel does not tell how.
    Unseen {
        /// When.
        at: u64,
        /// Its process.
        pid: u32,
    },
    /// Its program never ran.
    Failed {
        /// When.
        at: u64,
        /// `exec`, `cwd`, … (`model::Stage`).
        stage: String,
        /// `ENOENT`.
        errno: String,
    },
    /// It is no longer defined.
    Deleted,
}

/// A line that is no event of dialect 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(pub String);

/// Understands one event line (without its line feed) of dialect 2: `#<n> TAB event…`.
///
/// # Errors
/// [`DecodeError`] with the line in printable form.
pub fn decode(line: &[u8]) -> Result<Numbered, DecodeError> {
    let wrong = || DecodeError(line.escape_ascii().to_string());
    let fields = split_fields(line, Dialect::Two).map_err(|_| wrong())?;
    let fields: Vec<String> = fields.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect();
    let number = fields[0].strip_prefix('#').and_then(|n| n.parse().ok()).ok_or_else(wrong)?;
    let body = fields.get(1..).filter(|b| !b.is_empty()).ok_or_else(wrong)?;
    let text = |at: usize| body.get(at).cloned().ok_or_else(wrong);
    let event = match body[0].as_str() {
        "dialect" => Event::Dialect(text(1)?.parse().map_err(|_| wrong())?),
        "service.state" => Event::State { name: text(1)?, state: state(&body[2..]).ok_or_else(wrong)? },
        "service.tags" => Event::Tags { name: text(1)?, tags: body[2..].iter().filter(|t| !t.is_empty()).cloned().collect() },
        "overflow" => Event::Overflow(text(1)?.parse().map_err(|_| wrong())?),
        "error" => Event::Error(text(1)?),
        "signal" => Event::Signal { name: text(1)?, count: text(3)?.parse().map_err(|_| wrong())? },
        _ => Event::Other(body.to_vec()),
    };
    Ok(Numbered { number, event })
}

/// `STATE TS PID REASON VALUE UPTIME DOWNTIME IDENT`, `-` where there is nothing.
fn state(fields: &[String]) -> Option<ServiceState> {
    let text = |at: usize| fields.get(at).map(String::as_str);
    let at = || text(1)?.parse().ok();
    let pid = || text(2)?.parse().ok();
    Some(match text(0)? {
        "start" => ServiceState::Start,
        "up" => ServiceState::Up { at: at()?, pid: pid()?, ident: text(7)?.parse().ok()? },
        "deleted" => ServiceState::Deleted,
        "down" => match text(3)? {
            "-" => ServiceState::Down,
            "exit" => ServiceState::Exited { at: at()?, pid: pid()?, code: text(4)?.parse().ok()? },
            "signal" => {
                let value = text(4)?;
                let (signal, core) = value.strip_suffix("+core").map_or((value, false), |name| (name, true));
                ServiceState::Signalled { at: at()?, pid: pid()?, signal: signal.to_owned(), core }
            }
            "unseen" => ServiceState::Unseen { at: at()?, pid: pid()? },
            "failed" => {
                let (stage, errno) = text(4)?.split_once(':')?;
                ServiceState::Failed { at: at()?, stage: stage.to_owned(), errno: errno.to_owned() }
            }
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_understood() {
        let cases = [
            ("#1\tservice.state\ti1\tdown\t-\t-\t-\t-\t-\t-\t-", ServiceState::Down),
            ("#1\tservice.state\ti1\tup\t5\t77\t-\t-\t0\t-\t900", ServiceState::Up { at: 5, pid: 77, ident: 900 }),
            ("#1\tservice.state\ti1\tdown\t9\t77\texit\t3\t4\t0\t900", ServiceState::Exited { at: 9, pid: 77, code: 3 }),
            (
                "#1\tservice.state\ti1\tdown\t9\t77\tsignal\tSIGSEGV+core\t4\t0\t900",
                ServiceState::Signalled { at: 9, pid: 77, signal: "SIGSEGV".into(), core: true },
            ),
            (
                "#1\tservice.state\ti1\tdown\t9\t-\tfailed\texec:ENOENT\t-\t0\t-",
                ServiceState::Failed { at: 9, stage: "exec".into(), errno: "ENOENT".into() },
            ),
            ("#1\tservice.state\ti1\tdeleted\t-\t-\t-\t-\t-\t-\t-", ServiceState::Deleted),
        ];
        for (line, state) in cases {
            let Ok(Numbered { event: Event::State { state: got, .. }, .. }) = decode(line.as_bytes()) else {
                panic!("{line}");
            };
            assert_eq!(got, state, "{line}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in ["", "x", "#1", "#x\techo", "#1\tservice.state\ti1\tsideways", "#1\tservice.state", "#1\t\\"] {
            assert!(decode(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
