//! A conversation in lines: what was said, what was heard, and when.

use crate::keeper_inbox::{Inbox, fits, printable};
use std::fmt::Write as _;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long an expected line may take, unless a test says otherwise. Generous: it only ends a test that hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

static BARRIERS: AtomicU64 = AtomicU64::new(0);

/// One end of a conversation with the keeper. Lines are heard in order: each call goes on behind the line that the last one took.
#[derive(Debug)]
pub struct Lines {
    name: &'static str,
    out: Option<Sender<Vec<u8>>>,
    inbox: Arc<Inbox>,
    next: usize,
    sent: Vec<(Instant, String)>,
    begun: Instant,
    stderr: Option<Arc<Inbox>>,
    slowest: Duration,
    /// Bytes that the stream took so far, by the writing thread.
    written: Arc<AtomicU64>,
}

impl Lines {
    pub(crate) fn new(
        name: &'static str,
        out: Option<Box<dyn Write + Send>>,
        inbox: Arc<Inbox>,
        stderr: Option<Arc<Inbox>>,
    ) -> Lines {
        let written = Arc::new(AtomicU64::new(0));
        let out = out.map(|out| writer(out, written.clone()));
        Lines { name, out, inbox, next: 0, sent: Vec::new(), begun: Instant::now(), stderr, slowest: Duration::ZERO, written }
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Sends a command (or several, with line feeds between).
    pub fn say(&mut self, line: &str) {
        self.send_raw([line.as_bytes(), b"\n"].concat());
    }

    /// Sends bytes as they are. Never blocks: a thread waits until the keeper takes them.
    pub fn send_raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.sent.push((Instant::now(), String::from_utf8_lossy(bytes.as_ref()).into_owned()));
        if let Some(out) = &self.out {
            // When the keeper is gone the writer is, too; what is expected next says so.
            let _ = out.send(bytes.as_ref().to_vec());
        }
    }

    /// Notes what was sent by other means, for the report.
    pub(crate) fn note(&mut self, what: &str) {
        self.sent.push((Instant::now(), what.to_owned()));
    }

    /// How many bytes the stream has taken so far.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// No more input for the keeper.
    pub fn close_stdin(&mut self) {
        self.note("(end of input)");
        self.out = None;
    }

    /// The next line, whatever it is.
    #[track_caller]
    pub fn next_line(&mut self) -> String {
        match self.inbox.at(self.next, Instant::now() + PATIENCE) {
            Ok((at, line)) => {
                self.took(at);
                line
            }
            Err(why) => self.fail(&format!("expected a line: {why}")),
        }
    }

    fn took(&mut self, at: Instant) {
        self.next += 1;
        if let Some((sent, _)) = self.sent.last() {
            self.slowest = self.slowest.max(at.saturating_duration_since(*sent));
        }
    }

    /// The next line must be this one.
    #[track_caller]
    pub fn expect(&mut self, line: &str) {
        let got = self.next_line();
        if got != line {
            self.fail(&format!("expected  {}\nnext line {}", printable(line), printable(&got)));
        }
    }

    /// The next line must fit (see [`fits`]); gives back what filled the holes.
    #[track_caller]
    pub fn expect_match(&mut self, pattern: &str) -> Vec<String> {
        let got = self.next_line();
        match fits(pattern, &got) {
            Some(found) => found,
            None => self.fail(&format!("expected  {}\nnext line {}", printable(pattern), printable(&got))),
        }
    }

    /// The next lines must fit, one after the other.
    #[track_caller]
    pub fn expect_all(&mut self, patterns: &[&str]) {
        patterns.iter().for_each(|pattern| _ = self.expect_match(pattern));
    }

    /// Says a command; the next line must fit.
    #[track_caller]
    pub fn ask(&mut self, command: &str, pattern: &str) -> Vec<String> {
        self.say(command);
        self.expect_match(pattern)
    }

    /// Skips lines up to one that fits, and takes it.
    #[track_caller]
    pub fn wait_for(&mut self, pattern: &str) -> Vec<String> {
        self.wait_for_within(pattern, PATIENCE)
    }

    /// The same with a deadline of its own.
    #[track_caller]
    pub fn wait_for_within(&mut self, pattern: &str, within: Duration) -> Vec<String> {
        match self.inbox.find(pattern, self.next, within) {
            Ok((place, found)) => {
                self.next = place + 1;
                found
            }
            Err(why) => self.fail(&format!("waited for {}: {why}", printable(pattern))),
        }
    }

    /// Sends an `echo` that nobody else sends and waits for it; gives back the lines that came before it. (After `dialect 2` the
    /// number is put in front.)
    #[track_caller]
    pub fn barrier(&mut self) -> Vec<String> {
        let token = format!("barrier-{}", BARRIERS.fetch_add(1, Ordering::Relaxed));
        self.say(&format!("echo\t{token}"));
        let begun = self.next;
        let until = Instant::now() + PATIENCE;
        let mut before = Vec::new();
        loop {
            match self.inbox.at(self.next, until) {
                Ok((at, line)) if line == token || line.ends_with(&format!("\t{token}")) => {
                    self.took(at);
                    return before;
                }
                Ok((at, line)) => {
                    self.took(at);
                    before.push(line);
                }
                Err(why) => self.fail(&format!("no answer to the echo ({} other lines came): {why}", self.next - begun)),
            }
        }
    }

    /// Everything sent so far was silently obeyed: a barrier with nothing before it.
    #[track_caller]
    pub fn quiet(&mut self) {
        let before = self.barrier();
        if !before.is_empty() {
            self.fail(&format!("expected silence, got {} lines, the first: {}", before.len(), printable(&before[0])));
        }
    }

    /// Says a command and gives back everything up to the barrier behind it.
    #[track_caller]
    pub fn answers(&mut self, command: &str) -> Vec<String> {
        self.say(command);
        self.barrier()
    }

    /// All lines so far, taken or not.
    pub fn lines(&self) -> Vec<String> {
        self.inbox.lines()
    }

    /// What stands behind the last line feed.
    pub fn tail(&self) -> String {
        self.inbox.tail()
    }

    /// Waits until the keeper has closed its end, and gives back the lines not yet taken.
    #[track_caller]
    pub fn closed(&mut self) -> Vec<String> {
        if !self.inbox.ended(PATIENCE) {
            self.fail("expected the keeper to close this stream");
        }
        let rest = self.inbox.lines().split_off(self.next);
        self.next += rest.len();
        rest
    }

    /// A condition of the test, with the whole story when it does not hold.
    #[track_caller]
    pub fn check(&self, holds: bool, what: &str) {
        if !holds {
            self.fail(what);
        }
    }

    /// Fails with the whole story: what was sent, what was heard, what the keeper logged, in order of time.
    #[track_caller]
    pub fn fail(&self, what: &str) -> ! {
        panic!("{what}\n{}", self.story());
    }

    /// What was sent, heard and logged, with times since the beginning.
    pub fn story(&self) -> String {
        let mut all: Vec<(Instant, String)> = self.sent.iter().map(|(at, text)| (*at, sent(text))).collect();
        self.inbox.tell("  heard ", self.begun, &mut all);
        if let Some(stderr) = &self.stderr {
            stderr.tell("  stderr", self.begun, &mut all);
        }
        all.sort_by_key(|(at, _)| *at);
        let mut story = format!("--- {} (slowest reply {:?})\n", self.name, self.slowest);
        for (at, text) in all {
            let _ = writeln!(story, "{:>8} ms {text}", at.saturating_duration_since(self.begun).as_millis());
        }
        story
    }
}

fn sent(text: &str) -> String {
    let lines: Vec<String> = text.trim_end_matches('\n').split('\n').map(printable).collect();
    format!("SENT     {}", lines.join("\n             SENT     "))
}

/// A thread that writes what it is given, so that no test blocks on a keeper that does not read.
fn writer(mut out: Box<dyn Write + Send>, written: Arc<AtomicU64>) -> Sender<Vec<u8>> {
    let (give, given) = channel::<Vec<u8>>();
    thread::spawn(move || {
        for bytes in given {
            for part in bytes.chunks(512) {
                if out.write_all(part).and_then(|()| out.flush()).is_err() {
                    return;
                }
                written.fetch_add(part.len() as u64, Ordering::SeqCst);
            }
        }
    });
    give
}
