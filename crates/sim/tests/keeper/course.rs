//! What one hears of each service must be a life: planned, up, over; each start has exactly one end.

use super::rig::{Verdict, must};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Course {
    Down,
    Planned,
    Up(Vec<u8>),
}

/// The course of every service, as it was heard in dialect 2.
#[derive(Debug, Default)]
pub struct Courses {
    services: BTreeMap<Vec<u8>, Course>,
}

impl Courses {
    /// Hears events of dialect 2, without their numbers.
    pub fn hear(&mut self, lines: &[Vec<u8>]) -> Verdict {
        for line in lines {
            must!(!line.starts_with(b"overflow"), "who reads everything at once loses events");
            let fields: Vec<&[u8]> = line.split(|b| *b == b'\t').collect();
            if let [b"service.state", name, state, _, pid, reason, ..] = fields[..] {
                self.state(name, state, pid, reason).map_err(|why| format!("{why}: {}", line.escape_ascii()))?;
            }
        }
        Ok(())
    }

    fn state(&mut self, name: &[u8], state: &[u8], pid: &[u8], reason: &[u8]) -> Verdict {
        let old = self.services.get(name).cloned().unwrap_or(Course::Down);
        let (good, new) = match (state, &old) {
            (b"deleted", old) => (!matches!(old, Course::Up(_)), Course::Down),
            (b"start", old) => (!matches!(old, Course::Up(_)), Course::Planned),
            // Only who is adopted is up without having been started.
            (b"up", old) => (!matches!(old, Course::Up(_)), Course::Up(pid.to_vec())),
            (b"down", Course::Down) => (false, Course::Down),
            (b"down", Course::Up(of)) => (reason != b"-" && pid == of, Course::Down),
            // A program that never ran has no pid to speak of; one that ended before it was known to run has.
            (b"down", Course::Planned) => (true, Course::Down),
            _ => (false, old.clone()),
        };
        must!(good, "after {old:?}");
        self.services.insert(name.to_vec(), new);
        Ok(())
    }

    /// The service that is up by this process.
    pub fn up_by(&self, pid: u32) -> Option<String> {
        let up = Course::Up(pid.to_string().into_bytes());
        self.services.iter().find(|(_, course)| **course == up).map(|(name, _)| name.escape_ascii().to_string())
    }

    /// A process has ended and everything that was said was heard: no service is up by it.
    pub fn is_over(&self, pid: u32) -> Verdict {
        let still = self.up_by(pid);
        must!(still.is_none(), "{still:?} is up by {pid}, which is over");
        Ok(())
    }
}
