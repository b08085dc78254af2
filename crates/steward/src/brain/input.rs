//! Lines for the standard input of apps.

use super::Brain;
use api::{Problem, Sent};
use model::{InstanceId, SlotRef};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;
use sys::stream::{hold_fifo, waiting};

/// A pipe takes so many bytes whole or not at all (`PIPE_BUF`).
const WHOLE: usize = 4096;

impl Brain {
    /// Writes bytes to the standard input of every life that a selector means, without waiting for any.
    pub(super) fn send(&mut self, select: &str, bytes: &[u8]) -> Result<Sent, Problem> {
        let slots = self.selected(select)?;
        let mut ways = Vec::with_capacity(slots.len());
        // All are looked at before anything is written to the first.
        for slot in slots {
            let way = self.way_in(&slot)?;
            ways.push((slot, way));
        }
        let mut sent = Sent { slots: Vec::new(), bytes: bytes.len() };
        for (slot, way) in ways {
            write(&way, bytes).map_err(|stuck| stuck.problem(&slot, bytes.len(), &sent.slots))?;
            sent.slots.push(slot.to_string());
        }
        Ok(sent)
    }

    fn way_in(&self, slot: &SlotRef) -> Result<OwnedFd, Problem> {
        let conflict = |detail: String, hint: String| Problem::new(409, "no_input", detail).hint(hint);
        let view = self.engine.slot(slot).filter(|view| view.spec.stdin);
        let Some(view) = view else {
            let detail = format!("the standard input of {slot} is /dev/null");
            return Err(conflict(detail, format!("give `{}` the key stdin = \"pipe\" and apply the file", slot.app)));
        };
        let app = &slot.app;
        let Some(instance) = view.instance.filter(|_| view.pid.is_some()) else {
            return Err(conflict(format!("{slot} is not running"), format!("`abide start {app}` starts it")));
        };
        open(instance).map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::NXIO) => {
                conflict(format!("{slot} has closed its standard input"), format!("`abide restart {app}` gives it another"))
            }
            Some(Errno::NOENT) => {
                let detail = format!("{slot} was born without a standard input");
                conflict(detail, format!("`abide restart {app}` gives it one"))
            }
            _ => Problem::new(500, "internal", format!("failed to open the standard input of {slot}: {error}")),
        })
    }
}

fn open(instance: InstanceId) -> std::io::Result<OwnedFd> {
    hold_fifo(Path::new(&wire::handles(&instance.to_string()).stdin_path), false)
}

/// Not everything went in.
#[derive(Debug, PartialEq, Eq)]
struct Stuck {
    wrote: usize,
    waiting: u64,
    errno: Errno,
}

impl Stuck {
    fn problem(&self, slot: &SlotRef, of: usize, before: &[String]) -> Problem {
        let Stuck { wrote, waiting, errno } = self;
        let went =
            if *wrote == 0 { "nothing was sent to it".to_owned() } else { format!("{wrote} of {of} bytes were sent to it") };
        let others = if before.is_empty() { String::new() } else { format!("; {} got it all", before.join(", ")) };
        let why = match *errno {
            Errno::AGAIN => format!("{slot} does not read its standard input; {waiting} bytes wait there"),
            Errno::PIPE => format!("{slot} has closed its standard input"),
            other => format!("failed to write to the standard input of {slot}: {other}"),
        };
        Problem::new(409, "no_input", format!("{why}; {went}{others}")).hint("try again when it has read what waits")
    }
}

/// Writes in pieces that go in whole or not at all, each up to the end of a line where that is near enough.
fn write(way: &OwnedFd, bytes: &[u8]) -> Result<(), Stuck> {
    let mut wrote = 0;
    while wrote < bytes.len() {
        let piece = piece(&bytes[wrote..]);
        match rustix::io::write(way, piece) {
            Ok(count) => wrote += count,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Stuck { wrote, waiting: waiting(way), errno }),
        }
    }
    Ok(())
}

fn piece(bytes: &[u8]) -> &[u8] {
    let most = &bytes[..bytes.len().min(WHOLE)];
    match most.iter().rposition(|b| *b == b'\n') {
        Some(end) => &most[..=end],
        None => most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_pipe_that_nobody_reads_is_told_and_keeps_whole_lines() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("in");
        sys::stream::make_fifo(&path).expect("fifo");
        assert_eq!(hold_fifo(&path, false).expect_err("nobody").raw_os_error(), Some(Errno::NXIO.raw_os_error()));
        let app = hold_fifo(&path, true).expect("the app's end");
        let way = hold_fifo(&path, false).expect("ours");
        let line = [&[b'x'; 99][..], b"\n"].concat();
        let text = line.repeat(1000);
        let stuck = write(&way, &text).expect_err("more than a pipe holds");
        assert_eq!(stuck.errno, Errno::AGAIN);
        assert!(stuck.wrote > 4096 && stuck.wrote.is_multiple_of(100) && stuck.waiting == stuck.wrote as u64, "{stuck:?}");
        let problem = stuck.problem(&SlotRef::new(&"web".parse().expect("name"), 0), text.len(), &[]);
        assert!(problem.to_string().contains("does not read its standard input"), "{problem}");
        let mut got = vec![0; stuck.wrote];
        std::fs::File::from(app).read_exact(&mut got).expect("all of it is there");
        assert_eq!(got, text[..stuck.wrote]);
        assert_eq!(piece(&[b'y'; 9000]).len(), WHOLE);
    }
}
