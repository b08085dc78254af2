//! The folder in which a file of ours stands, reached so that nobody else decides where it is.
//!
//! A path means what the owners of its folders want it to mean, and means something else a moment later. What root opens, renames or removes
//! by a path through somebody's folder may so become any file of the system. Hence root goes folder by folder, each by its descriptor: a
//! symbolic link counts only where nobody but root could have made it. In a folder of somebody else the last name must be that of a plain
//! file, ours or the folder owner's, without a second name elsewhere (the owner may give a second name to what others own).

use crate::errno;
use crate::stream::Word;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, mkdirat, open, openat, readlinkat, renameat, statat, unlinkat,
};
use rustix::io::{Errno, retry_on_intr};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// So many links are followed on the way to a folder.
const LINKS: usize = 40;

/// Who else could have made what stands in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Nobody.
    Own,
    /// Everybody, but what root has made there stays.
    Shared,
    /// Its owner, or who had a hand in the way to it.
    Foreign,
}

/// A folder, and a name in it.
#[derive(Debug)]
struct Place {
    /// `None`: the name is a path from where the process stands.
    folder: Option<OwnedFd>,
    name: PathBuf,
    trust: Trust,
    /// Of the folder.
    owner: u32,
}

fn word(error: Errno) -> Word {
    errno::name(error.raw_os_error())
}

fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW
}

fn trust_of(seen: &Stat, before: Trust) -> Trust {
    let mode = seen.st_mode;
    let others = mode & 0o002 != 0 || (mode & 0o020 != 0 && seen.st_gid != 0);
    match (before, seen.st_uid) {
        (Trust::Own | Trust::Shared, 0) if !others => Trust::Own,
        (Trust::Own | Trust::Shared, 0) if mode & 0o1000 != 0 => Trust::Shared,
        _ => Trust::Foreign,
    }
}

impl Place {
    /// The place of a file. Whoever is not root can do no more through it than everywhere, and what is not absolute stands below a home,
    /// in which nobody else writes.
    ///
    /// With `make`, missing folders are made (0700).
    fn of(path: &Path, make: bool) -> Result<Place, Errno> {
        let plain = || Place { folder: None, name: path.to_owned(), trust: Trust::Own, owner: 0 };
        if !path.is_absolute() || !rustix::process::geteuid().is_root() {
            if let Some(folder) = path.parent().filter(|folder| make && !folder.as_os_str().is_empty()) {
                make_all(folder)?;
            }
            return Ok(plain());
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::ISDIR) };
        let (folder, trust, owner) = walk(folder, make)?;
        Ok(Place { folder: Some(folder), name: name.into(), trust, owner })
    }

    fn at(&self) -> BorrowedFd<'_> {
        self.folder.as_ref().map_or(CWD, |folder| folder.as_fd())
    }

    /// Whether this is what may stand here.
    fn admit(&self, seen: &Stat) -> Result<(), Word> {
        if FileType::from_raw_mode(seen.st_mode) != FileType::RegularFile {
            return Err("ENOTREG");
        }
        let (uid, links) = (seen.st_uid, seen.st_nlink);
        match self.trust {
            Trust::Own => Ok(()),
            Trust::Shared | Trust::Foreign if uid != 0 && (uid != self.owner || self.trust == Trust::Shared) => Err("ENOTOURS"),
            Trust::Shared | Trust::Foreign if links > 1 => Err("EMLINK"),
            Trust::Shared | Trust::Foreign => Ok(()),
        }
    }
}

fn make_all(folder: &Path) -> Result<(), Errno> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

fn steps_of(path: &Path) -> VecDeque<OsString> {
    let parts = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    parts.map(|part| part.as_os_str().to_owned()).collect()
}

/// Goes to a folder, one name after the other.
fn walk(path: &Path, make: bool) -> Result<(OwnedFd, Trust, u32), Errno> {
    let root = || retry_on_intr(|| open("/", folder_flags(), Mode::empty()));
    let mut here = root()?;
    let mut seen = fstat(&here)?;
    let mut trust = trust_of(&seen, Trust::Own);
    let (mut steps, mut links) = (steps_of(path), 0);
    while let Some(step) = steps.pop_front() {
        let there = match statat(&here, &step, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) if make => {
                match mkdirat(&here, &step, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error),
                }
                statat(&here, &step, AtFlags::SYMLINK_NOFOLLOW)?
            }
            other => other?,
        };
        if FileType::from_raw_mode(there.st_mode) == FileType::Symlink {
            links += 1;
            let ours = trust == Trust::Own || (trust == Trust::Shared && there.st_uid == 0);
            if links > LINKS || !ours {
                return Err(Errno::LOOP);
            }
            let target = PathBuf::from(OsString::from_vec(readlinkat(&here, &step, Vec::new())?.into_bytes()));
            if target.is_absolute() {
                here = root()?;
                seen = fstat(&here)?;
                trust = trust_of(&seen, Trust::Own);
            }
            let mut more = steps_of(&target);
            more.append(&mut steps);
            steps = more;
            continue;
        }
        // A name that leads upwards leads wherever the folder was moved to.
        if step == ".." && trust == Trust::Foreign {
            return Err(Errno::LOOP);
        }
        here = retry_on_intr(|| openat(&here, &step, folder_flags(), Mode::empty()))?;
        seen = fstat(&here)?;
        trust = trust_of(&seen, trust);
    }
    Ok((here, trust, seen.st_uid))
}

/// Opens a plain file; `None` when it is missing and not to be made (`OFlags::CREATE`, 0600, with its folders).
///
/// # Errors
/// `ENOTREG`, `ELOOP` for a symbolic link (also on the way, where somebody else could have made it), `ENOTOURS` for a file of another user and
/// `EMLINK` for one with a second name where others can put files, or what the system says.
pub(crate) fn open_file(path: &Path, flags: OFlags) -> Result<Option<(File, Stat)>, Word> {
    let flags = flags | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let create = flags.contains(OFlags::CREATE);
    let attempt = |make| {
        let place = Place::of(path, make)?;
        let file = retry_on_intr(|| openat(place.at(), &place.name, flags, Mode::RUSR | Mode::WUSR))?;
        Ok((place, File::from(file)))
    };
    let done = match attempt(false) {
        Err(Errno::NOENT) if !create => return Ok(None),
        Err(Errno::NOENT) => attempt(true),
        other => other,
    };
    let (place, file) = done.map_err(|error| if error == Errno::ISDIR { "ENOTREG" } else { word(error) })?;
    let seen = fstat(&file).map_err(word)?;
    place.admit(&seen)?;
    Ok(Some((file, seen)))
}

/// What `open_file` would say of a path as it stands, without opening or making anything. A missing file or folder is no fault.
///
/// # Errors
/// As for `open_file`.
pub fn examine(path: &Path) -> Result<(), Word> {
    let looked = Place::of(path, false).and_then(|place| {
        let seen = statat(place.at(), &place.name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok((place, seen))
    });
    match looked {
        Ok((_, seen)) if FileType::from_raw_mode(seen.st_mode) == FileType::Symlink => Err("ELOOP"),
        Ok((place, seen)) => place.admit(&seen),
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(word(error)),
    }
}

/// Renames a file within its folder.
///
/// # Errors
/// `ELOOP` as for the opening, or what the system says.
pub fn rename(from: &Path, to: &Path) -> Result<(), Word> {
    let one = Place::of(from, false).map_err(word)?;
    if from.parent() == to.parent() && one.folder.is_some() {
        return renameat(one.at(), &one.name, one.at(), to.file_name().ok_or("EISDIR")?).map_err(word);
    }
    let other = Place::of(to, false).map_err(word)?;
    renameat(one.at(), &one.name, other.at(), &other.name).map_err(word)
}

/// Removes a file; one that is missing is no error.
///
/// # Errors
/// `ELOOP` as for the opening, or what the system says.
pub fn remove(path: &Path) -> Result<(), Word> {
    match Place::of(path, false).and_then(|place| unlinkat(place.at(), &place.name, AtFlags::empty())) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(word(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    #[test]
    fn links_count_where_only_root_could_make_them() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().expect("tempdir");
        let at = |name: &str| folder.path().join(name);
        for (name, owner, mode) in [("own", 0, 0o755), ("shared", 0, 0o1777), ("open", 0, 0o777), ("theirs", 65534, 0o755)] {
            fs::create_dir(at(name)).expect("mkdir");
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).expect("chmod");
            symlink(at("own"), at(name).join("link")).expect("link");
            chown(at(name), Some(owner), None).expect("we are root");
        }
        let create = OFlags::RDWR | OFlags::CREATE;
        let opened = |path: &str| open_file(&at(path), create).map(|found| found.is_some());
        for (path, want) in [
            ("own/link/a.log", Ok(true)),
            ("shared/link/b.log", Ok(true)),
            ("open/link/c.log", Err("ELOOP")),
            ("theirs/link/d.log", Err("ELOOP")),
            ("theirs/new/deep/e.log", Ok(true)),
            ("theirs/../own/f.log", Err("ELOOP")),
            ("own/../own/g.log", Ok(true)),
        ] {
            assert_eq!(opened(path), want, "{path}");
        }
        assert!(at("own/a.log").exists() && !at("own/c.log").exists() && !at("own/d.log").exists());
        for (path, owner, want) in [
            ("shared/x", 65534, Err("ENOTOURS")),
            ("shared/y", 0, Ok(true)),
            ("theirs/x", 65534, Ok(true)),
            ("theirs/y", 1, Err("ENOTOURS")),
            ("own/x", 65534, Ok(true)),
        ] {
            fs::write(at(path), "x").expect("write");
            chown(at(path), Some(owner), None).expect("we are root");
            assert_eq!((opened(path), examine(&at(path))), (want, want.map(drop)), "{path}");
        }
        fs::hard_link(at("own/x"), at("theirs/z")).expect("link");
        chown(at("own/x"), Some(0), None).expect("we are root");
        assert_eq!((opened("theirs/z"), opened("own/x")), (Err("EMLINK"), Ok(true)));
        assert_eq!(rename(&at("theirs/link/a.log"), &at("theirs/link/z.log")), Err("ELOOP"));
        assert_eq!(remove(&at("theirs/link/a.log")), Err("ELOOP"));
        assert_eq!(rename(&at("own/a.log"), &at("own/z.log")), Ok(()));
        assert_eq!((remove(&at("own/z.log")), remove(&at("own/z.log"))), (Ok(()), Ok(())));
        assert!(!at("own/a.log").exists() && !at("own/z.log").exists());
    }
}
