//! Where the socket of a life stands.
//!
//! In the home, where nobody else comes in. An app that runs as another user could not come in either, and a path that is too long fits into
//! no address: for these root has a folder below /run, one for each home.

use crate::home::NOTIFY;
use std::fs::DirBuilder;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use sys::datagram::{ADDRESS_LIMIT, bind_at};

/// Below it root's sockets stand.
const RUN: &str = "/run/abide";
/// More characters has no name of a life.
const NAME: usize = 21;

/// Where a socket stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// As it is bound, perhaps relative to the home.
    path: PathBuf,
    /// As the app is told.
    pub(crate) shown: String,
    /// Its file mode.
    mode: u32,
}

/// Where the socket of a life is; `None` when no path would do.
pub(crate) fn place_of(home: &str, service: &str, other_user: bool) -> Option<Place> {
    place(home, service, other_user, rustix::process::geteuid().is_root())
}

/// Whether lives of this home can have no socket.
pub(crate) fn is_too_long(home: &str) -> bool {
    place_of(home, &"i".repeat(NAME), false).is_none()
}

fn place(home: &str, service: &str, other_user: bool, root: bool) -> Option<Place> {
    let at_home = format!("{home}/{NOTIFY}/{service}");
    if !(other_user && root) && at_home.len() <= ADDRESS_LIMIT {
        return Some(Place { path: Path::new(NOTIFY).join(service), shown: at_home, mode: 0o600 });
    }
    let shown = format!("{}/{service}", folder(home).display());
    // Who may send is decided by who sent: the kernel says that with each message.
    root.then(|| Place { path: PathBuf::from(&shown), shown, mode: if other_user { 0o666 } else { 0o600 } })
}

fn folder(home: &str) -> PathBuf {
    Path::new(RUN).join(format!("{:08x}", crc32fast::hash(home.as_bytes())))
}

/// Makes the socket.
///
/// # Errors
/// What the system says.
pub(crate) fn make(place: &Place) -> io::Result<OwnedFd> {
    match bind_at(&place.path, place.mode) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_folder(place)?;
            bind_at(&place.path, place.mode)
        }
        made => made,
    }
}

fn make_folder(place: &Place) -> io::Result<()> {
    let Some(folder) = place.path.parent() else { return Ok(()) };
    if place.path.is_relative() {
        return crate::home::make_folders();
    }
    // Others pass through, and see no names.
    for folder in [Path::new(RUN), folder] {
        match DirBuilder::new().mode(0o711).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let there = std::fs::symlink_metadata(folder)?;
        if !there.is_dir() || there.uid() != 0 || there.mode() & 0o022 != 0 {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        // Our mask would have taken it away from them.
        if there.mode() & 0o7777 != 0o711 {
            std::fs::set_permissions(folder, PermissionsExt::from_mode(0o711))?;
        }
    }
    Ok(())
}

/// Removes the socket of a life that is over, wherever it stood.
pub(crate) fn forget(home: &str, service: &str) {
    let _ = std::fs::remove_file(Path::new(NOTIFY).join(service));
    if rustix::process::geteuid().is_root() {
        let folder = folder(home);
        if std::fs::remove_file(folder.join(service)).is_ok() {
            // With the last of them.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_the_app_can_use() {
        let at = |home: &str, other, root| place(home, "i91", other, root).map(|place| (place.shown, place.mode));
        assert_eq!(at("/home/ada/.abide", false, false), Some(("/home/ada/.abide/run/notify/i91".into(), 0o600)));
        assert_eq!(at("/root/h", false, true), Some(("/root/h/run/notify/i91".into(), 0o600)));
        let long = "/x".repeat(60);
        assert_eq!(at(&long, false, false), None);
        for (home, other, mode) in [("/root/h", true, 0o666), (&long, false, 0o600)] {
            let (path, is) = at(home, other, true).expect("root has another place");
            assert!(path.starts_with("/run/abide/") && path.ends_with("/i91") && path.len() < 50 && is == mode, "{path} {is:o}");
        }
        assert_ne!(folder("/a"), folder("/b"));
    }
}
