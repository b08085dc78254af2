//! The command line: what each option is, and what a list of them says. Pure: no environment, no files.
//!
//! Options act in order. What stood before a mistake counts when the mistake is dealt with: `-E` decides what is executed instead of
//! ending, and after `--exit-guard` a mistake is no reason to end.

use crate::core::{Level, PoolSize};
use std::ffi::{OsStr, OsString};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What process 1 reads when nothing else is asked for.
pub(crate) const INIT_CONFIG: &str = "/etc/daemonproxy.conf";
/// The code that must be given to end process 1.
const INIT_GUARD: i64 = 1;
/// Most bytes of the list that is executed instead of ending.
const EXEC_LIMIT: usize = 255;

/// Everything that the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Options {
    /// A file of commands; `-` is descriptor 0.
    pub config: Option<PathBuf>,
    /// Descriptors 0 and 1 are a controller.
    pub interactive: bool,
    /// Where the control socket stands.
    pub socket: Option<PathBuf>,
    /// Go to the background.
    pub daemonize: bool,
    /// The code that `terminate` must give; 0 is none.
    pub guard: i64,
    /// What is executed instead of ending: fields ended by NUL.
    pub exec: Vec<u8>,
    /// Fixed pool of descriptors.
    pub fds: Option<PoolSize>,
    /// Fixed pool of services.
    pub services: Option<PoolSize>,
    /// Keep all memory in memory.
    pub lock_memory: bool,
    /// By how many levels less (below zero: more) is logged than usual.
    pub quieter: i32,
    /// The home to keep.
    pub home: Option<PathBuf>,
    /// Keep the home without going to the background.
    pub foreground: bool,
    /// Where scribe and steward of the home stand, when not beside us.
    pub programs: Option<PathBuf>,
    /// Names of descriptors 3, 4, …; `-` gives none.
    pub names: Vec<String>,
    /// Most controllers.
    pub connections: Option<usize>,
    /// Say whether the ledger on this descriptor could be taken over.
    pub ask_ledger: Option<RawFd>,
    /// Take over from the ledger on this descriptor.
    pub ledger: Option<RawFd>,
    /// What was understood but not obeyed to the letter, or went wrong under a guard.
    pub remarks: Vec<(Level, String)>,
}

/// Why nothing more is read of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The usage is asked for.
    Help,
    /// The version is asked for.
    Version,
    /// A mistake, for people.
    Wrong(String),
}

type Set = fn(&mut Options, &OsStr) -> Result<(), Stop>;

/// One option: its letter (0: none), its word, what its value is called (empty: it has none), what it is for, what it does.
struct Flag {
    short: u8,
    long: &'static str,
    value: &'static str,
    help: &'static str,
    set: Set,
}

const fn flag(short: u8, long: &'static str, value: &'static str, help: &'static str, set: Set) -> Flag {
    Flag { short, long, value, help, set }
}

/// All of them, in the order of the help. Those without help are our own business.
const FLAGS: &[Flag] = &[
    flag(b'c', "config", "FILE", "run the commands in FILE; `-` is standard input", |o, v| put(&mut o.config, v.into())),
    flag(b'i', "interactive", "", "standard input and output are a controller", |o, _| on(&mut o.interactive)),
    flag(b'S', "socket", "PATH", "let controllers connect to a socket at PATH", |o, v| put(&mut o.socket, v.into())),
    flag(b'D', "daemonize", "", "go to the background and print the pid", |o, _| on(&mut o.daemonize)),
    flag(0, "exit-guard", "INT", "`terminate` must give this code, which is not 0", set_guard),
    flag(b'E', "exit-exec", "TSV", "execute this list, separated by TABs, instead of ending; place it first", set_exec),
    flag(0, "fd-pool", "N[xM]", "fixed room for N descriptors of M bytes each", |o, v| set_pool(o, v, &FD_POOL)),
    flag(0, "service-pool", "N[xM]", "fixed room for N services of M bytes each", |o, v| set_pool(o, v, &SERVICE_POOL)),
    flag(b'M', "mlockall", "", "keep all memory in memory", |o, _| on(&mut o.lock_memory)),
    flag(b'v', "verbose", "", "log more; may be repeated", |o, _| add(&mut o.quieter, -1)),
    flag(b'q', "quiet", "", "log less; may be repeated", |o, _| add(&mut o.quieter, 1)),
    flag(0, "connections", "N", "at most N controllers, 1 to 64 [default: 8]", set_connections),
    flag(0, "fds", "NAME,…", "names of the inherited descriptors 3, 4, …", set_names),
    flag(0, "home", "HOME", "keep this home of Abide", |o, v| put(&mut o.home, v.into())),
    flag(0, "programs", "DIR", "with --home: scribe and steward stand in DIR", |o, v| put(&mut o.programs, v.into())),
    flag(0, "foreground", "", "with --home: do not go to the background", |o, _| on(&mut o.foreground)),
    flag(0, "can-read-ledger", "FD", "", |o, v| put(&mut o.ask_ledger, descriptor(v)?)),
    flag(0, "ledger", "FD", "", |o, v| put(&mut o.ledger, descriptor(v)?)),
    flag(b'h', "help", "", "print this", |_, _| Err(Stop::Help)),
    flag(0, "version", "", "print the version", |_, _| Err(Stop::Version)),
];

/// What a pool may be.
struct Bounds {
    option: &'static str,
    count: (u64, u64),
    bytes: (u64, u64),
    usual_bytes: u64,
    of: fn(&mut Options) -> &mut Option<PoolSize>,
}

const FD_POOL: Bounds = Bounds { option: "--fd-pool", count: (7, 1024), bytes: (32, 4096), usual_bytes: 96, of: |o| &mut o.fds };
/// No service has more to say than a line of dialect 2 can hold.
const SERVICE_POOL: Bounds =
    Bounds { option: "--service-pool", count: (1, 65_535), bytes: (64, 65_536), usual_bytes: 512, of: |o| &mut o.services };

impl Options {
    /// What the arguments (without the program's own name) say, added to what is here.
    ///
    /// # Errors
    /// Why reading stopped; what stood before it is here.
    pub fn read(&mut self, args: &[OsString], init: bool) -> Result<(), Stop> {
        if init {
            self.guard = INIT_GUARD;
        }
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            if let Err(stop) = self.one(arg.as_bytes(), &mut rest) {
                self.unless_guarded(stop)?;
            }
        }
        self.settle(init)
    }

    /// A mistake under a guard is a remark: who must not end does not end for a word (a boot loader may hand any to process 1).
    fn unless_guarded(&mut self, stop: Stop) -> Result<(), Stop> {
        match stop {
            Stop::Wrong(why) if self.guard != 0 && self.exec.is_empty() => {
                self.remarks.push((Level::Fatal, format!("{why} (attempting to continue)")));
                Ok(())
            }
            stop => Err(stop),
        }
    }

    fn one(&mut self, arg: &[u8], rest: &mut std::slice::Iter<'_, OsString>) -> Result<(), Stop> {
        let shown = || OsStr::from_bytes(arg).display();
        if let Some(long) = arg.strip_prefix(b"--") {
            if let Some(found) = FLAGS.iter().find(|f| f.long.as_bytes() == long) {
                return found.act(self, rest);
            }
            let before = long.split(|b| *b == b'=').next().unwrap_or(long);
            if let Some(known) = FLAGS.iter().find(|f| before.len() < long.len() && f.long.as_bytes() == before) {
                return wrong(format!("`{}`: the value of --{} is the next argument, not part of it", shown(), known.long));
            }
            return wrong(format!("unknown option `{}`", shown()));
        }
        let Some(letters) = arg.strip_prefix(b"-").filter(|letters| !letters.is_empty()) else {
            return wrong(format!("unexpected argument `{}`", shown()));
        };
        for letter in letters {
            match FLAGS.iter().find(|f| f.short == *letter && f.short != 0) {
                Some(found) => found.act(self, rest)?,
                None => return wrong(format!("unknown option `-{}` in `{}`", letter.escape_ascii(), shown())),
            }
        }
        Ok(())
    }

    /// What follows from all options together.
    fn settle(&mut self, init: bool) -> Result<(), Stop> {
        if self.ask_ledger.is_some() || self.ledger.is_some() {
            return Ok(());
        }
        let driven = self.interactive || self.config.is_some() || self.socket.is_some();
        if self.home.is_some() {
            // Its end is the steward's decision, and its controllers are known.
            let given = driven || self.daemonize || !self.names.is_empty() || !self.exec.is_empty();
            if given || self.guard != if init { INIT_GUARD } else { 0 } {
                return wrong("-c, -i, -S, -D, -E, --exit-guard and --fds do not go with --home".to_owned());
            }
            self.guard = 0;
            return Ok(());
        }
        if self.interactive && self.config.as_deref() == Some(Path::new("-")) {
            return wrong("-i and `-c -` both want standard input".to_owned());
        }
        if self.foreground || self.programs.is_some() {
            self.unless_guarded(Stop::Wrong("--foreground and --programs go with --home".to_owned()))?;
        }
        if init && self.daemonize {
            self.daemonize = false;
            self.remarks.push((Level::Warning, "--daemonize is ignored: process 1 has no background to go to".to_owned()));
        }
        if init && !driven {
            self.config = Some(INIT_CONFIG.into());
        } else if !driven {
            return wrong("nobody could give commands: at least one of -i, -c, -S is required (or --home)".to_owned());
        }
        Ok(())
    }

    /// The log filter.
    pub fn level(&self) -> Level {
        const LEVELS: [Level; 7] =
            [Level::None, Level::Trace, Level::Debug, Level::Info, Level::Warning, Level::Error, Level::Fatal];
        LEVELS[self.quieter.saturating_add(2).clamp(0, 6) as usize]
    }
}

impl Flag {
    fn act(&self, options: &mut Options, rest: &mut std::slice::Iter<'_, OsString>) -> Result<(), Stop> {
        let value = if self.value.is_empty() { None } else { rest.next() };
        if value.is_none() && !self.value.is_empty() {
            return wrong(format!("--{} needs {}", self.long, self.value));
        }
        (self.set)(options, value.map_or(OsStr::new(""), OsString::as_os_str)).map_err(|stop| match stop {
            Stop::Wrong(why) => Stop::Wrong(format!("--{}: {why}", self.long)),
            stop => stop,
        })
    }
}

/// The usage, one line for each option.
pub(crate) fn usage(program: &str) -> String {
    let mut text =
        format!("usage: {program} OPTION…\n\nOptions act in order. At least one of -i, -c, -S is needed, or --home.\n\n");
    for flag in FLAGS.iter().filter(|f| !f.help.is_empty()) {
        let short = if flag.short == 0 { "    ".to_owned() } else { format!("-{}, ", char::from(flag.short)) };
        let names = format!("{short}--{} {}", flag.long, flag.value);
        text.push_str(&format!("  {names:<26} {}\n", flag.help));
    }
    text.push_str("\nN and M may end in b, k, m, g, t (powers of 1024), kB, … (1000), kiB, … (1024).\n");
    text
}

fn wrong<T>(why: String) -> Result<T, Stop> {
    Err(Stop::Wrong(why))
}

fn put<T>(place: &mut Option<T>, value: T) -> Result<(), Stop> {
    *place = Some(value);
    Ok(())
}

fn on(place: &mut bool) -> Result<(), Stop> {
    *place = true;
    Ok(())
}

fn add(place: &mut i32, by: i32) -> Result<(), Stop> {
    *place = place.saturating_add(by);
    Ok(())
}

/// An optional minus and decimal digits, nothing else.
fn integer(value: &OsStr) -> Option<i64> {
    value.to_str().filter(|text| !text.starts_with('+')).and_then(|text| text.parse().ok())
}

fn descriptor(value: &OsStr) -> Result<RawFd, Stop> {
    match integer(value).and_then(|number| RawFd::try_from(number).ok()) {
        Some(number) if number > 2 => Ok(number),
        _ => wrong(format!("`{}` is no descriptor above 2", value.display())),
    }
}

fn set_guard(options: &mut Options, value: &OsStr) -> Result<(), Stop> {
    match integer(value) {
        Some(code) if code != 0 => {
            options.guard = code;
            Ok(())
        }
        _ => wrong(format!("`{}` is no whole number other than 0", value.display())),
    }
}

fn set_exec(options: &mut Options, value: &OsStr) -> Result<(), Stop> {
    if value.len() > EXEC_LIMIT {
        return wrong(format!("exec arguments exceed buffer size ({EXEC_LIMIT})"));
    }
    options.exec.clear();
    if !value.is_empty() {
        options.exec.extend(value.as_bytes().iter().map(|b| if *b == b'\t' { 0 } else { *b }));
        options.exec.push(0);
    }
    Ok(())
}

fn set_names(options: &mut Options, value: &OsStr) -> Result<(), Stop> {
    let names = value.as_bytes().split(|b| *b == b',');
    for name in names {
        let Some(name) = wire::Name::new(name) else {
            return wrong(format!("`{}` is no name: 1 to 31 of A-Z a-z 0-9 . _ -", OsStr::from_bytes(name).display()));
        };
        options.names.push(name.to_string());
    }
    Ok(())
}

fn set_connections(options: &mut Options, value: &OsStr) -> Result<(), Stop> {
    let Some(count) = integer(value).and_then(|n| u64::try_from(n).ok()) else {
        return wrong(format!("`{}` is no number", value.display()));
    };
    options.connections = Some(clamped(&mut options.remarks, "--connections", "controllers", count, (1, 64)) as usize);
    Ok(())
}

fn set_pool(options: &mut Options, value: &OsStr, bounds: &Bounds) -> Result<(), Stop> {
    let numbers = value.to_str().and_then(|text| match text.split_once('x') {
        Some((count, bytes)) => Some((size(count)?, size(bytes)?)),
        None => Some((size(text)?, bounds.usual_bytes)),
    });
    let Some((count, bytes)) = numbers else {
        return wrong(format!("`{}` is not N or NxM", value.display()));
    };
    let count = clamped(&mut options.remarks, bounds.option, "count", count, bounds.count) as u32;
    let bytes = clamped(&mut options.remarks, bounds.option, "size", bytes, bounds.bytes) as usize;
    *(bounds.of)(options) = Some(PoolSize { count, bytes });
    Ok(())
}

fn clamped(remarks: &mut Vec<(Level, String)>, option: &str, what: &str, asked: u64, (least, most): (u64, u64)) -> u64 {
    let beyond = match asked {
        _ if asked < least => "below the minimum",
        _ if asked > most => "above the maximum",
        _ => return asked,
    };
    let taken = asked.clamp(least, most);
    remarks.push((Level::Warning, format!("{option}: {what} {asked} is {beyond}, taking {taken}")));
    taken
}

/// A number with an optional unit. Too large a one is the largest.
fn size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return None;
    }
    // Digits only, so that nothing but their length can be wrong.
    let number: u64 = number.parse().unwrap_or(u64::MAX);
    let mut letters = unit.chars();
    let power = match letters.next() {
        None => 0,
        Some(letter) => "bkmgt".find(letter.to_ascii_lowercase())? as u32,
    };
    let base: u64 = match (letters.as_str(), power) {
        ("", _) => 1024,
        ("B", 1..) => 1000,
        ("iB", 1..) => 1024,
        _ => return None,
    };
    Some(number.saturating_mul(base.pow(power)))
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
