//! Running a command to its end.

use serde::de::DeserializeOwned;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// A command that has ended.
#[derive(Debug, Clone)]
pub struct Done {
    /// The command, for messages.
    pub command: String,
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// How long it took.
    pub took: Duration,
}

impl Done {
    /// It must have ended with 0.
    #[track_caller]
    pub fn ok(self) -> Done {
        self.code(0)
    }

    /// It must have ended with `code`.
    #[track_caller]
    pub fn code(self, code: i32) -> Done {
        assert_eq!(self.code, Some(code), "exit code of {self:#?}");
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("not the expected JSON ({e}): {self:#?}"))
    }

    /// Standard output as one JSON object a line.
    #[track_caller]
    pub fn json_lines<T: DeserializeOwned>(&self) -> Vec<T> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("not the expected JSON ({e}): {line}"));
        self.out.lines().filter(|l| !l.is_empty()).map(parse).collect()
    }

    /// Standard error must hold every one of these words, in any case of letters.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Done {
        let said = self.err.to_lowercase();
        for word in words {
            assert!(said.contains(&word.to_lowercase()), "`{word}` is not said: {self:#?}");
        }
        self
    }
}

/// Runs `command` and waits until it has ended **and** nobody holds its output any more, as `command | cat` would.
///
/// # Panics
/// When that takes longer than `limit`.
#[track_caller]
pub fn run(mut command: Command, limit: Duration) -> Done {
    let name = format!("{command:?}");
    let begun = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot run {name}: {e}"));
    let (tell, told) = mpsc::channel();
    collect(child.stdout.take(), 0, tell.clone());
    collect(child.stderr.take(), 1, tell);
    let mut texts = [String::new(), String::new()];
    let mut open = 2;
    while open > 0 {
        match told.recv_timeout(limit.saturating_sub(begun.elapsed())) {
            Ok((at, Some(bytes))) => texts[at].push_str(&String::from_utf8_lossy(&bytes)),
            Ok((_, None)) => open -= 1,
            Err(_) => give_up(&mut child, &name, limit, &texts),
        }
    }
    let status = child.wait().expect("our own child can be waited for");
    let [out, err] = texts;
    Done { command: name, code: status.code(), out, err, took: begun.elapsed() }
}

#[track_caller]
fn give_up(child: &mut Child, name: &str, limit: Duration, texts: &[String; 2]) -> ! {
    let state = match child.try_wait() {
        Ok(Some(status)) => format!("it ended ({status}) but somebody still holds its output"),
        _ => "it still runs".to_owned(),
    };
    let _ = child.kill();
    let _ = child.wait();
    panic!("after {limit:?} of {name}: {state}\nstdout: {}\nstderr: {}", texts[0], texts[1]);
}

fn collect(from: Option<impl Read + Send + 'static>, at: usize, tell: mpsc::Sender<(usize, Option<Vec<u8>>)>) {
    let mut from = from.expect("both outputs are pipes");
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if tell.send((at, Some(buffer[..count].to_vec()))).is_err() {
                return;
            }
        }
        let _ = tell.send((at, None));
    });
}
