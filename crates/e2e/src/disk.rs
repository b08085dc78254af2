//! Small file systems of a test's own, that are full or hang when the test wants it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A mounted file system. It must lie in a house: whoever clears that unmounts it, also when the test is killed.
#[derive(Debug)]
pub struct Disk {
    at: PathBuf,
}

impl Disk {
    /// A tmpfs of so many KiB at a folder, which is made; `None`, said aloud for `row`, where nothing can be mounted.
    pub fn small(row: &str, at: &Path, kib: u32) -> Option<Disk> {
        let options = format!("size={kib}k,mode=700");
        Disk::mount(row, at, &["-t", "tmpfs", "-o", &options, "none"])
    }

    /// An ext4 in a file beside the folder.
    pub fn image(row: &str, at: &Path) -> Option<Disk> {
        let image = at.with_extension("img");
        File::create(&image).and_then(|file| file.set_len(64 << 20)).expect("a file in our own folder");
        let made = Command::new("mkfs.ext4").arg("-q").arg(&image).stderr(Stdio::null()).status();
        if !made.is_ok_and(|status| status.success()) {
            crate::skip(row, "no mkfs.ext4 here");
            return None;
        }
        Disk::mount(row, at, &["-o", "loop", image.to_str().expect("plain")])
    }

    fn mount(row: &str, at: &Path, args: &[&str]) -> Option<Disk> {
        fs::create_dir_all(at).expect("a folder in our own folder");
        if Command::new("mount").args(args).arg(at).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
            return Some(Disk { at: at.to_owned() });
        }
        crate::skip(row, "nothing can be mounted here");
        None
    }

    /// Where it is.
    pub fn at(&self) -> &Path {
        &self.at
    }

    /// Fills what is left, to the last byte.
    pub fn fill(&self) {
        let mut file = File::create(self.at.join("filler")).expect("a file on the small disk");
        for size in [65_536, 4_096, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    /// Frees what was filled.
    pub fn free(&self) {
        fs::remove_file(self.at.join("filler")).expect("our own file");
    }

    /// Makes it readable only, or writable again.
    pub fn read_only(&self, on: bool) {
        let options = if on { "remount,ro" } else { "remount,rw" };
        let done = Command::new("mount").args(["-o", options]).arg(&self.at).status();
        assert!(done.is_ok_and(|status| status.success()), "mount -o {options} {}", self.at.display());
    }

    /// From now on every write to it hangs, until what is given back is dropped, or the test ends in whatever way. `None`, said aloud, where that
    /// cannot be done.
    pub fn freeze(&self, row: &str) -> Option<Frozen> {
        const GUARD: &str = "fsfreeze -f \"$1\" || exit 1; echo frozen; cat; fsfreeze -u \"$1\"";
        let mut guard = Command::new("setsid");
        guard.args(["sh", "-c", GUARD, "guard"]).arg(&self.at).env("E2E_JANITOR", "1").current_dir("/");
        let mut guard = guard.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let mut said = String::new();
        let _ = BufReader::new(guard.stdout.take()?).read_line(&mut said);
        if said != "frozen\n" {
            let _ = guard.wait();
            crate::skip(row, "no file system can be frozen here");
            return None;
        }
        Some(Frozen { guard })
    }
}

/// A file system that hangs. Dropped, it goes on.
#[derive(Debug)]
pub struct Frozen {
    guard: Child,
}

impl Drop for Frozen {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Unmounts what is mounted below a folder.
pub(crate) fn unmount_below(root: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let below = mounts.lines().filter_map(|line| line.split(' ').nth(1)).filter(|at| Path::new(at).starts_with(root));
    for at in below {
        let _ = Command::new("umount").args(["--lazy", at]).status();
    }
}
