//! The words that a puppet understands.

use std::path::PathBuf;
use std::time::Duration;

/// One action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `note:FILE`: appends `start PID` to the file, in one write.
    Note(PathBuf),
    /// `until:FILE`: waits until the file is there.
    Until(PathBuf),
    /// `need:FILE:CODE`: exits with the code if the file is missing.
    Need(PathBuf, i32),
    /// `lines:COUNT:RATE[:out|:err|:both[:FROM]]`: prints `line 1` (or FROM) and so on, so many (0 = for ever), RATE a second (0 = flat out).
    Lines { count: u64, rate: u64, out: bool, err: bool, from: u64 },
    /// `flood:COUNT[:RATE[:FILE[:GATE:STEPS]]]`: so many numbered lines of 100 bytes, RATE a second (0 = flat out), in pieces of 8 KiB; the longest
    /// time that one write took goes to FILE. Of STEPS equal parts as many are printed as there are bytes in the file GATE.
    Flood { count: u64, rate: u64, pauses: Option<PathBuf>, gate: Option<(PathBuf, u64)> },
    /// `noise:COUNT:SEED`: so many bytes of chance, every value among them; the seed says which.
    Noise { count: u64, seed: u64 },
    /// `wall:COUNT`: so many times `w`, and no line feed.
    Wall(u64),
    /// `print:TEXT`, `eprint:TEXT`: a line to stdout, to stderr.
    Print { text: String, err: bool },
    /// `env:NAME`: prints `NAME=value`, or `NAME is unset`.
    Env(String),
    /// `ignore`: from now on SIGTERM, SIGINT, SIGHUP and SIGQUIT do nothing.
    Ignore,
    /// `term-note:FILE`: on SIGTERM appends `term PID` to the file and, unless it ignores, exits with 0.
    TermNote(PathBuf),
    /// `sleep:MS`.
    Sleep(Duration),
    /// `hang`: for ever.
    Hang,
    /// `exit:CODE`.
    Exit(i32),
    /// `crash:NUMBER`: ends itself by this signal.
    Crash(i32),
    /// `setsid`: a session of its own.
    Setsid,
    /// `quiet`: closes stdout and stderr (they lead to /dev/null).
    Quiet,
    /// `spawn{ … }`: a child that does what is between the braces.
    Spawn(Vec<String>),
    /// `double{ … }`: the same, orphaned at once.
    Double(Vec<String>),
    /// `bare{ … }`: the same as `spawn`, without environment and with every descriptor above 2 closed.
    Bare(Vec<String>),
    /// `orphans:COUNT`: so many grandchildren that are orphaned and end at once.
    Orphans(u32),
    /// `leak:MB:MS[:COUNT]`: takes so many megabytes more, writes to all of them, keeps them, and pauses; COUNT times (else for ever).
    Leak { megabytes: usize, pause: Duration, count: u64 },
    /// `spin`: uses a core for ever.
    Spin,
    /// `wait`: for every child.
    Wait,
    /// `http:FILE`: serves HTTP on a free port of 127.0.0.1 for ever; the address is written to the file.
    Http(PathBuf),
    /// `socket:PATH`: serves HTTP on a Unix socket for ever.
    Socket(PathBuf),
    /// `serve:KIND`: says `hello from the puppet` once on the listener (`tcp`, `unix`) or socket (`udp`) that is its standard input.
    Serve(String),
    /// `guard:PID:START`: whose end to watch, where the environment does not say it.
    Guard(String),
}

/// Reads the arguments.
///
/// # Errors
/// The word that is not understood.
pub fn parse(args: &[String]) -> Result<Vec<Action>, String> {
    let mut script = Vec::new();
    let mut rest = args.iter();
    while let Some(word) = rest.next() {
        let (name, value) = word.split_once(':').unwrap_or((word, ""));
        let wrong = || format!("`{word}` is no action of a puppet");
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        script.push(match name {
            "note" => Action::Note(value.into()),
            "until" => Action::Until(value.into()),
            "need" => {
                let (file, code) = value.rsplit_once(':').ok_or_else(wrong)?;
                Action::Need(file.into(), number(code)? as i32)
            }
            "lines" => {
                let parts: Vec<&str> = value.split(':').collect();
                let (count, rate) = (number(parts[0])?, number(parts.get(1).unwrap_or(&"0"))?);
                let to = parts.get(2).copied().unwrap_or("out");
                let from = number(parts.get(3).unwrap_or(&"1"))?;
                Action::Lines { count, rate, out: to != "err", err: to != "out", from }
            }
            "flood" => {
                let mut parts = value.split(':');
                let mut next = || parts.next().unwrap_or("0");
                let (count, rate) = (number(next())?, number(next())?);
                let pauses = parts.next().map(PathBuf::from);
                let gate = match (parts.next(), parts.next()) {
                    (Some(gate), Some(steps)) => Some((gate.into(), number(steps)?)),
                    _ => None,
                };
                Action::Flood { count, rate, pauses, gate }
            }
            "noise" => {
                let (count, seed) = value.split_once(':').ok_or_else(wrong)?;
                Action::Noise { count: number(count)?, seed: number(seed)? }
            }
            "wall" => Action::Wall(number(value)?),
            "print" | "eprint" => Action::Print { text: value.to_owned(), err: name == "eprint" },
            "env" => Action::Env(value.to_owned()),
            "ignore" => Action::Ignore,
            "term-note" => Action::TermNote(value.into()),
            "sleep" => Action::Sleep(Duration::from_millis(number(value)?)),
            "hang" => Action::Hang,
            "exit" => Action::Exit(number(value)? as i32),
            "crash" => Action::Crash(number(value)? as i32),
            "setsid" => Action::Setsid,
            "quiet" => Action::Quiet,
            "spawn{" => Action::Spawn(block(&mut rest)?),
            "double{" => Action::Double(block(&mut rest)?),
            "bare{" => Action::Bare(block(&mut rest)?),
            "orphans" => Action::Orphans(number(value)? as u32),
            "leak" => {
                let mut parts = value.split(':').map(number);
                let mut next = |default: Result<u64, String>| parts.next().unwrap_or(default);
                let (megabytes, pause) = (next(Err(wrong()))? as usize, Duration::from_millis(next(Err(wrong()))?));
                Action::Leak { megabytes, pause, count: next(Ok(u64::MAX))? }
            }
            "spin" => Action::Spin,
            "wait" => Action::Wait,
            "http" => Action::Http(value.into()),
            "socket" => Action::Socket(value.into()),
            "serve" if matches!(value, "tcp" | "unix" | "udp") => Action::Serve(value.to_owned()),
            "guard" => Action::Guard(value.to_owned()),
            _ => return Err(wrong()),
        });
    }
    Ok(script)
}

/// The words up to the closing brace of this block.
fn block<'a>(rest: &mut impl Iterator<Item = &'a String>) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut depth = 0;
    for word in rest {
        match word.as_str() {
            "}" if depth == 0 => return Ok(words),
            "}" => depth -= 1,
            w if w.ends_with('{') => depth += 1,
            _ => {}
        }
        words.push(word.clone());
    }
    Err("a `{` is not closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn blocks_nest() {
        let script = parse(&words("spawn{ setsid double{ ignore hang } } exit:3")).expect("a good script");
        assert_eq!(script, [Action::Spawn(words("setsid double{ ignore hang }")), Action::Exit(3)]);
        assert!(parse(&words("spawn{ hang")).is_err());
        assert!(parse(&words("dance")).is_err() && parse(&words("leak:4")).is_err());
    }

    #[test]
    fn lines_have_rate_and_stream() {
        let script = parse(&words("lines:5:0:both lines:0:10")).expect("a good script");
        let both = Action::Lines { count: 5, rate: 0, out: true, err: true, from: 1 };
        assert_eq!(script, [both, Action::Lines { count: 0, rate: 10, out: true, err: false, from: 1 }]);
    }
}
