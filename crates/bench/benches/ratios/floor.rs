//! The floor, run as one more manager.

use crate::ground::{Ground, LIMIT};
use crate::stamps::Stamps;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How the floor bears its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The cheapest there is.
    Vfork,
    /// As our keeper does.
    Fork,
}

/// A running floor. Dropped, it ends its children and itself.
#[derive(Debug)]
pub struct Floor {
    process: Child,
    socket: PathBuf,
}

impl Floor {
    /// Starts one that bears `count` apps, each saying its first instruction to `stamps`; `body` is the size of its `list`.
    pub fn start(ground: &Ground, way: Way, count: usize, body: usize, stamps: &Stamps, more: &[&str]) -> io::Result<Floor> {
        let socket = ground.fresh("floor");
        let mut command = ground.plain(Path::new(env!("CARGO_BIN_EXE_abide-bench-floor")));
        command.arg(&socket).arg(if way == Way::Vfork { "vfork" } else { "fork" });
        command.args([count.to_string(), body.to_string()]).arg(ground.program("app")).arg(stamps.path()).args(more);
        Ok(Floor { process: command.stdin(Stdio::piped()).spawn()?, socket })
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The least client with one request.
    pub fn ask(&self, ground: &Ground, word: &str) -> Command {
        let mut command = ground.plain(&ground.program("ask"));
        command.arg(&self.socket).arg(word);
        command
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let told = sys::process::pidfd_open(self.process.id());
        if !told.is_ok_and(|fd| crate::ground::ended(&[fd], LIMIT).is_ok()) {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}
