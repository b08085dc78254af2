//! Abide, in a home of its own.

use crate::ground::{Ground, LIMIT, ended};
use crate::stamps::Stamps;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A home. Dropped, everything in it ends.
#[derive(Debug)]
pub struct House<'a> {
    ground: &'a Ground,
    home: PathBuf,
}

impl<'a> House<'a> {
    /// A home in which nothing is and nothing runs.
    pub fn cold(ground: &'a Ground) -> House<'a> {
        House { ground, home: ground.fresh("home") }
    }

    /// A home in which the manager runs, without apps.
    pub fn warm(ground: &'a Ground) -> io::Result<House<'a>> {
        let house = House::cold(ground);
        house.run(&["daemon", "start"])?;
        Ok(house)
    }

    pub fn home(&self) -> &Path {
        &self.home
    }

    /// `abide --home HOME ARGS…`.
    pub fn abide(&self, args: &[&str]) -> Command {
        let mut command = self.ground.abide("abide");
        command.arg("--home").arg(&self.home).args(args);
        command
    }

    /// Runs `abide` to its end: nanoseconds and output.
    pub fn run(&self, args: &[&str]) -> io::Result<(u64, Vec<u8>)> {
        self.ground.timed(self.abide(args))
    }

    /// `abide up FILE`.
    pub fn up(&self, file: &Path) -> Command {
        let mut command = self.abide(&["up"]);
        command.arg(file);
        command
    }

    /// Keeper, scribe and steward.
    pub fn roles(&self) -> io::Result<[(&'static str, u32); 3]> {
        let (_, text) = self.run(&["daemon", "status", "--json"])?;
        let status: api::DaemonStatus = serde_json::from_slice(&text)?;
        let scribe = status.scribe.ok_or_else(|| io::Error::other("no scribe runs"))?;
        Ok([("keeper", status.keeper.pid), ("scribe", scribe.pid), ("steward", status.steward.pid)])
    }

    /// Ends the apps and the manager, and removes the home.
    pub fn end(&self) -> io::Result<()> {
        let roles = self.roles()?.map(|(_, pid)| sys::process::pidfd_open(pid));
        self.run(&["daemon", "stop"])?;
        // One that has ended already is as good.
        ended(&roles.into_iter().flatten().collect::<Vec<_>>(), LIMIT)
    }
}

impl Drop for House<'_> {
    fn drop(&mut self) {
        if self.home.exists() {
            let _ = self.end();
            crate::ground::sweep(&self.home);
            let _ = fs::remove_dir_all(&self.home);
        }
    }
}

/// Writes a file with apps `PREFIX0` … that stamp and then do `more`. `keys` are further lines for each of them.
pub fn apps(ground: &Ground, prefix: &str, count: usize, stamps: &Stamps, more: &[&str], keys: &str) -> io::Result<PathBuf> {
    let (app, fifo) = (ground.program("app"), stamps.path());
    let mut words = format!("\"{}\", \"{}\"", app.display(), fifo.display());
    more.iter().try_for_each(|word| write!(words, ", \"{word}\"")).map_err(io::Error::other)?;
    let mut text = "version = 1\n[defaults]\nbackoff = { min = \"0s\", jitter = false, threshold = 0 }\n".to_owned();
    for at in 0..count {
        write!(text, "\n[apps.{prefix}{at}]\ncmd = [{words}]\n{keys}\n").map_err(io::Error::other)?;
    }
    let file = ground.fresh(prefix).with_extension("toml");
    fs::write(&file, text)?;
    Ok(file)
}
