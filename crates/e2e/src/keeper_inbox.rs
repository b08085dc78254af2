//! What comes in on one stream of the keeper, line by line, and patterns for lines.

use crate::proc::Proc;
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
struct Heard {
    lines: Vec<(Instant, String)>,
    /// Bytes since the last line feed.
    tail: Vec<u8>,
    closed: bool,
    born: Vec<Proc>,
}

/// What comes in on one stream, gathered by a thread.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    heard: Mutex<Heard>,
    more: Condvar,
}

impl Inbox {
    /// Gathers lines from `from` until its end.
    pub(crate) fn gather(from: impl Read + Send + 'static) -> Arc<Inbox> {
        let inbox = Arc::new(Inbox::default());
        inbox.clone().listen(from);
        inbox
    }

    /// Gathers lines from `from` into this inbox.
    pub(crate) fn listen(self: Arc<Self>, mut from: impl Read + Send + 'static) {
        thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                match from.read(&mut buffer) {
                    Ok(count @ 1..) => self.take(&buffer[..count]),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    _ => break,
                }
            }
            self.lock().closed = true;
            self.more.notify_all();
        });
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().expect("no holder of this lock panics")
    }

    fn take(&self, bytes: &[u8]) {
        let now = Instant::now();
        let mut heard = self.lock();
        for byte in bytes {
            if *byte != b'\n' {
                heard.tail.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut heard.tail);
            let line = String::from_utf8_lossy(&line).into_owned();
            heard.born.extend(pid_of_birth(&line).and_then(Proc::find));
            heard.lines.push((now, line));
        }
        drop(heard);
        self.more.notify_all();
    }

    /// The line at this place, waiting for it until `until`. `Err` says why there is none.
    pub(crate) fn at(&self, place: usize, until: Instant) -> Result<(Instant, String), &'static str> {
        let mut heard = self.lock();
        loop {
            if let Some(line) = heard.lines.get(place) {
                return Ok(line.clone());
            }
            if heard.closed {
                return Err("the stream was closed");
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err("nothing came in time");
            }
            heard = self.more.wait_timeout(heard, left).expect("no holder of this lock panics").0;
        }
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().lines.iter().map(|(_, line)| line.clone()).collect()
    }

    /// Bytes behind the last line feed.
    pub(crate) fn tail(&self) -> String {
        String::from_utf8_lossy(&self.lock().tail).into_owned()
    }

    /// Waits for the end of the stream; false when it did not come in time.
    pub(crate) fn ended(&self, within: Duration) -> bool {
        let heard = self.lock();
        let (heard, _) = self.more.wait_timeout_while(heard, within, |h| !h.closed).expect("no holder of this lock panics");
        heard.closed
    }

    /// Waits for a line that fits, beginning at `from`; gives back its place and what filled the holes.
    pub(crate) fn find(&self, pattern: &str, from: usize, within: Duration) -> Result<(usize, Vec<String>), &'static str> {
        let until = Instant::now() + within;
        let mut place = from;
        loop {
            let (_, line) = self.at(place, until)?;
            if let Some(found) = fits(pattern, &line) {
                return Ok((place, found));
            }
            place += 1;
        }
    }

    /// Processes that were said to be up, each named by the start time that it had when the line came.
    pub(crate) fn born(&self) -> Vec<Proc> {
        self.lock().born.clone()
    }

    /// Adds every line, with its time, to a story.
    pub(crate) fn tell(&self, name: &str, begun: Instant, into: &mut Vec<(Instant, String)>) {
        let heard = self.lock();
        into.extend(heard.lines.iter().map(|(at, line)| (*at, format!("{name} {}", printable(line)))));
        let now = Instant::now();
        if !heard.tail.is_empty() {
            into.push((now, format!("{name} {} (no line feed yet)", printable(&String::from_utf8_lossy(&heard.tail)))));
        }
        if heard.closed {
            into.push((now.max(begun), format!("{name} (closed)")));
        }
    }
}

fn pid_of_birth(line: &str) -> Option<u32> {
    let mut fields = line.split('\t').skip_while(|f| *f != "service.state").skip(2);
    (fields.next()? == "up").then(|| fields.nth(1)?.parse().ok())?
}

/// A line with its TABs made visible, cut where it is long.
pub(crate) fn printable(line: &str) -> String {
    let shown = line.replace('\t', "⇥").replace('\r', "␍").replace('\0', "␀");
    match shown.char_indices().nth(300) {
        Some((at, _)) => format!("{}… ({} bytes)", &shown[..at], line.len()),
        None => shown,
    }
}

/// Whether a line is what the pattern says, and what filled its holes: `<int>` an integer, `<ts>` and `<pid>` a whole number, `*` any text
/// without a TAB, `**` any text.
pub fn fits(pattern: &str, line: &str) -> Option<Vec<String>> {
    let hole = ["<int>", "<ts>", "<pid>", "**", "*"].into_iter().find(|hole| pattern.starts_with(hole));
    let Some(hole) = hole else {
        let Some(first) = pattern.chars().next() else { return line.is_empty().then(Vec::new) };
        return fits(&pattern[first.len_utf8()..], line.strip_prefix(first)?);
    };
    let fills = |text: &str| match hole {
        "**" => true,
        "*" => !text.contains('\t'),
        "<int>" => digits(text.strip_prefix('-').unwrap_or(text)),
        _ => digits(text),
    };
    let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    for end in ends {
        if fills(&line[..end])
            && let Some(mut rest) = fits(&pattern[hole.len()..], &line[end..])
        {
            rest.insert(0, line[..end].to_owned());
            return Some(rest);
        }
    }
    None
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns() {
        assert_eq!(fits("a\t<int>\t*", "a\t-5\tx y"), Some(vec!["-5".into(), "x y".into()]));
        assert_eq!(fits("up\t<ts>\t<pid>", "up\t-\t5"), None);
        assert_eq!(fits("a\t*", "a\tb\tc"), None);
        assert_eq!(fits("a**c", "a\tb\tc"), Some(vec!["\tb\t".into()]));
        assert_eq!(fits("**", ""), Some(vec![String::new()]));
        assert_eq!(fits("abc", "abcd"), None);
    }
}
