//! What is mounted where, from `/proc/self/mountinfo` alone: the file system of a path that hangs can be told without asking it.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// Symbolic links that are followed at most.
const LINKS: usize = 40;

/// A file system, by the device number that the kernel gives it (`st_dev`, as `major:minor`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device(pub String);

/// The mounts of this process.
#[derive(Debug, Default)]
pub struct Mounts {
    // Later ones cover earlier ones at the same place.
    places: Vec<(PathBuf, Device)>,
    /// The open list, which tells when it has changed.
    list: Option<File>,
}

impl Mounts {
    /// Reads them.
    ///
    /// # Errors
    /// `/proc` is not mounted.
    pub fn read() -> io::Result<Mounts> {
        let mut mounts = Mounts { places: Vec::new(), list: Some(File::open("/proc/self/mountinfo")?) };
        mounts.read_again()?;
        Ok(mounts)
    }

    fn read_again(&mut self) -> io::Result<()> {
        let Some(list) = &mut self.list else { return Ok(()) };
        let mut text = Vec::new();
        list.rewind()?;
        list.read_to_end(&mut text)?;
        self.places = Mounts::parse(&text).places;
        Ok(())
    }

    /// Reads them again if anything has been mounted or unmounted since.
    pub fn refresh(&mut self) {
        let Some(list) = &self.list else { return };
        let mut asked = [PollFd::new(list, PollFlags::PRI)];
        if matches!(poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1..)) {
            // What cannot be read now was known a moment ago.
            let _ = self.read_again();
        }
    }

    fn parse(text: &[u8]) -> Mounts {
        let place = |line: &[u8]| {
            let mut words = line.split(|b| *b == b' ').skip(2);
            let device = String::from_utf8(words.next()?.to_vec()).ok()?;
            Some((PathBuf::from(OsString::from_vec(unescape(words.nth(1)?))), Device(device)))
        };
        Mounts { places: text.split(|b| *b == b'\n').filter_map(place).collect(), list: None }
    }

    fn covering(&self, path: &Path) -> Option<&Device> {
        let covers = self.places.iter().filter(|(place, _)| path.starts_with(place));
        // Of equally deep ones the last.
        covers.max_by_key(|(place, _)| place.components().count()).map(|(_, device)| device)
    }

    /// The file system on which an absolute path lies, or would lie. Symbolic links are followed as long as they stand on file systems that are
    /// `trusted` not to hang; others are not touched.
    pub fn device_of(&self, path: &Path, trusted: impl Fn(&Device) -> bool) -> Option<Device> {
        let mut todo: Vec<OsString> = parts(path);
        let mut done = PathBuf::from("/");
        let mut links = 0;
        while let Some(part) = todo.pop() {
            if part == ".." {
                done.pop();
                continue;
            }
            let next = done.join(&part);
            // The link stands in the folder, so that is what is asked.
            let safe = self.covering(&done).is_some_and(&trusted) && self.covering(&next).is_some_and(&trusted);
            match std::fs::read_link(&next) {
                _ if !safe || links >= LINKS => done = next,
                Ok(target) => {
                    links += 1;
                    if target.is_absolute() {
                        done = PathBuf::from("/");
                    }
                    todo.extend(parts(&target));
                }
                Err(_) => done = next,
            }
        }
        self.covering(&done).cloned()
    }
}

/// The names of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    };
    path.components().filter_map(name).rev().collect()
}

/// Spaces and the like stand as `\040`.
fn unescape(word: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len());
    let mut at = 0;
    while at < word.len() {
        let octal = word.get(at + 1..at + 4).filter(|_| word[at] == b'\\');
        match octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 4;
            }
            None => {
                out.push(word[at]);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] =
        b"22 1 8:1 / / rw - ext4 /dev/a rw\n23 22 8:2 / /var rw - ext4 /dev/b rw\n24 23 0:40 / /var/log rw - nfs s:/x rw\n\
        25 22 0:41 / /a\\040b rw - tmpfs t rw\n26 22 0:42 / /a\\040b rw - tmpfs t rw\n";

    #[test]
    fn the_deepest_and_latest_mount_counts() {
        let mounts = Mounts::parse(TEXT);
        let of = |path: &str| mounts.device_of(Path::new(path), |_| false).map(|device| device.0);
        for (path, device) in [
            ("/x", "8:1"),
            ("/var/x", "8:2"),
            ("/var/log", "0:40"),
            ("/var/log/a/b", "0:40"),
            ("/var/logs", "8:2"),
            ("/a b/c", "0:42"),
        ] {
            assert_eq!(of(path).as_deref(), Some(device), "{path}");
        }
        assert_eq!(of("/var/log/../x").as_deref(), Some("8:2"));
    }

    #[test]
    fn links_are_followed_where_it_is_safe() {
        let folder = tempfile::tempdir().expect("tempdir");
        let root = std::fs::canonicalize(folder.path()).expect("there");
        std::os::unix::fs::symlink("/proc/self", root.join("link")).expect("symlink");
        let mounts = Mounts::read().expect("mountinfo");
        let (here, proc) = (mounts.covering(&root).cloned(), mounts.covering(Path::new("/proc")).cloned());
        assert!(here.is_some() && here != proc);
        assert_eq!(mounts.device_of(&root.join("link/x"), |_| true), proc);
        assert_eq!(mounts.device_of(&root.join("link/x"), |_| false), here);
    }
}
