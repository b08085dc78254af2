//! The floor of logs: `cat < FIFO > file`.

use crate::ground::{Ground, LIMIT, ended};
use crate::proc::processor;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Child;

/// A running one.
#[derive(Debug)]
pub struct Cat {
    child: Child,
    /// Keeps the FIFO open, so that the cat does not end before it has been looked at.
    held: File,
    /// Where the bytes go.
    pub file: PathBuf,
}

impl Cat {
    pub fn start(ground: &Ground) -> io::Result<Cat> {
        let (fifo, file) = (ground.fresh("fifo"), ground.fresh("file"));
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        let held = OpenOptions::new().read(true).write(true).open(&fifo)?;
        let child = ground.plain(Path::new("cat")).stdin(File::open(&fifo)?).stdout(File::create(&file)?).spawn()?;
        Ok(Cat { child, held, file })
    }

    /// The other end, for an app's standard output. A command that got it must be dropped before the cat can end.
    pub fn writer(&self) -> io::Result<File> {
        self.held.try_clone()
    }

    pub fn processor(&self) -> io::Result<u64> {
        processor(self.child.id())
    }

    /// Waits until it has ended, as nobody holds its FIFO any longer, and removes the file.
    pub fn end(self) -> io::Result<()> {
        let Cat { mut child, held, file } = self;
        drop(held);
        ended(&[sys::process::pidfd_open(child.id())?], LIMIT)?;
        child.wait()?;
        fs::remove_file(&file)
    }
}
