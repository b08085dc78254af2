//! The thinnest controller of a keeper: no thread, no queue, one buffer, so that what is measured through it is the keeper.

use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long the next line may take. Generous: it only ends what hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Services that are defined or started before their answers are read: more would fill the keeper's own buffers.
const AT_ONCE: usize = 32;

/// A keeper that was started, and its standard streams, which are one socket. Dropped, it kills the keeper; its children are not its matter
/// (those of [`Link::crowd`] end with it).
#[derive(Debug)]
pub struct Link {
    process: Child,
    reader: BufReader<UnixStream>,
    line: String,
}

impl Link {
    /// Starts `command` (a keeper with `-i`) with a controller in place of its standard input and output.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(mut command: Command) -> io::Result<Link> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(PATIENCE))?;
        let twin = OwnedFd::from(theirs.try_clone()?);
        let process = command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::from(twin)).spawn()?;
        drop(command); // With it goes our copy of the keeper's end, so that its death is heard.
        let mut link = Link { process, reader: BufReader::new(ours), line: String::new() };
        link.barrier()?;
        Ok(link)
    }

    /// The keeper's process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends lines.
    ///
    /// # Errors
    /// The keeper is gone.
    pub fn send(&mut self, lines: &str) -> io::Result<()> {
        self.reader.get_mut().write_all(lines.as_bytes())
    }

    /// The next event, without its number.
    ///
    /// # Errors
    /// None came in time, the keeper is gone, or it is an error, a warning or an overflow: nothing that is sent through here deserves one.
    pub fn event(&mut self) -> io::Result<&str> {
        self.line.clear();
        if self.reader.read_line(&mut self.line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the keeper closed its output"));
        }
        let line = self.line.trim_end_matches('\n');
        let event = match line.split_once('\t') {
            Some((number, event)) if number.starts_with('#') => event,
            _ => line,
        };
        if ["error", "warning", "overflow"].iter().any(|bad| event.split('\t').next() == Some(bad)) {
            return Err(io::Error::other(format!("the keeper says: {event}")));
        }
        Ok(event)
    }

    /// Waits until any service is in this state; gives its name and the rest of the event.
    ///
    /// # Errors
    /// As [`Link::event`].
    pub fn state(&mut self, state: &str) -> io::Result<(&str, &str)> {
        loop {
            let event = self.event()?;
            let mut fields = event.splitn(4, '\t');
            if fields.next() == Some("service.state") && fields.nth(1) == Some(state) {
                break;
            }
        }
        // Taken apart once more, because a borrow that is given back may not begin in a loop.
        let from = self.line.find("service.state\t").expect("the loop found it") + "service.state\t".len();
        let (name, rest) =
            self.line[from..].trim_end_matches('\n').split_once('\t').expect("the loop found a state behind the name");
        Ok((name, &rest[state.len()..]))
    }

    /// Waits until everything that was sent before has been done.
    ///
    /// # Errors
    /// As [`Link::event`].
    pub fn barrier(&mut self) -> io::Result<()> {
        self.send("echo\tbarrier\n")?;
        while self.event()? != "barrier" {}
        Ok(())
    }

    /// Asks for dialect 2 and waits until it is spoken.
    ///
    /// # Errors
    /// As [`Link::event`].
    pub fn dialect_two(&mut self) -> io::Result<()> {
        self.send("dialect\t2\n")?;
        while self.event()? != "dialect\t2" {}
        Ok(())
    }

    /// Defines and starts `count` services that run `argv`, and waits until all are up. Their standard input is a pipe whose other end
    /// only the keeper holds: a program that reads it to its end does not outlive the keeper.
    ///
    /// # Errors
    /// As [`Link::event`].
    pub fn crowd(&mut self, count: usize, argv: &[&str]) -> io::Result<()> {
        let argv = argv.join("\t");
        self.send("fd.pipe\tleash\tleash-end\n")?;
        for first in (0..count).step_by(AT_ONCE) {
            let some = first..count.min(first + AT_ONCE);
            for n in some.clone() {
                self.send(&format!(
                    "service.fds\tcrowd{n}\tleash\tnull\tnull\nservice.args\tcrowd{n}\t{argv}\nservice.start\tcrowd{n}\n"
                ))?;
            }
            for _ in some {
                self.state("up")?;
            }
        }
        self.barrier()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
