//! The keeper under measurement.

use crate::ground::Ground;
use crate::report::Report;
use e2e::{Link, StaticKeeper};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// A program that is a keeper, and the arguments with which it listens to its standard input.
pub struct Under {
    program: PathBuf,
    args: Vec<String>,
    size: u64,
    libc: String,
}

impl Under {
    /// Builds it; `ABIDE_BENCH_KEEPER` (and `ABIDE_BENCH_KEEPER_ARGS`, blanks between them) puts another one in its place.
    pub fn new() -> io::Result<Under> {
        if let Some(given) = std::env::var_os("ABIDE_BENCH_KEEPER") {
            let args = std::env::var("ABIDE_BENCH_KEEPER_ARGS").unwrap_or_else(|_| "-i".to_owned());
            let size = std::fs::metadata(&given)?.len();
            let args = args.split_whitespace().map(str::to_owned).collect();
            return Ok(Under { program: given.into(), args, size, libc: "given by ABIDE_BENCH_KEEPER".to_owned() });
        }
        let built = StaticKeeper::build("auto", "release")?;
        Ok(Under { program: built.path, args: vec!["-i".to_owned()], size: built.size, libc: built.libc })
    }

    /// Says which one it is.
    pub fn describe(&self, report: &mut Report) {
        report.count("the keeper's program", &format!("{} KiB, {}", self.size.div_ceil(1024), self.libc), "");
    }

    /// A keeper with nothing to keep.
    pub fn start(&self, ground: &Ground) -> io::Result<Link> {
        let mut command: Command = ground.plain(&self.program);
        command.args(&self.args).stderr(File::create(ground.fresh("keeper.err"))?);
        Link::start(command)
    }
}
