//! The home: where it is, and what its files say of the manager without asking it.

use crate::failure::{Exit, Failure};
use crate::session::Own;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A home and who asks.
#[derive(Debug, Clone)]
pub struct Home {
    /// The folder, absolute; it need not exist.
    pub path: PathBuf,
    /// This process.
    pub own: Own,
}

/// What the files of a home say while nobody answers on its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// It was stopped by wish, or there never was a manager: it stays as it is until a command starts it.
    Stopped,
    /// A manager should be there: whoever finds it missing starts it again.
    Orphaned,
}

impl Home {
    /// From `--home`, `ABIDE_HOME`, or the default place of this user.
    ///
    /// # Errors
    /// There is no home folder to put it in.
    pub fn find(flag: Option<&Path>) -> Result<Home, Failure> {
        let own = Own::read()?;
        let env = |key: &str| std::env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
        let path = match (flag.map(Path::to_owned).or_else(|| env("ABIDE_HOME")), own.uid) {
            (Some(path), _) => path,
            (None, 0) => PathBuf::from("/var/lib/abide"),
            (None, _) => match env("HOME") {
                Some(own) => own.join(".local/share/abide"),
                None => {
                    return Err(Failure::new(Exit::Usage, "HOME is not set, so there is no place for the manager")
                        .next("name one with --home DIR or ABIDE_HOME"));
                }
            },
        };
        let path = std::path::absolute(&path)
            .map_err(|error| Failure::new(Exit::Usage, format!("{} is no place for the manager: {error}", path.display())))?;
        Ok(Home { path, own })
    }

    /// The socket of the steward.
    pub fn socket(&self) -> PathBuf {
        self.path.join("run/abide.sock")
    }

    /// The lock of the keeper: held for as long as the house stands.
    pub fn lock(&self) -> PathBuf {
        self.path.join("run/lock")
    }

    /// The mark that `daemon stop` leaves.
    fn marker(&self) -> PathBuf {
        self.path.join("stopped")
    }

    /// What the files say.
    ///
    /// # Errors
    /// They cannot be looked at.
    pub fn rest(&self) -> Result<Rest, Failure> {
        let there = |path: &Path| match std::fs::symlink_metadata(path) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(self.denied(&error)),
        };
        Ok(if there(&self.marker())? || !there(&self.lock())? { Rest::Stopped } else { Rest::Orphaned })
    }

    /// Whether there ever was a manager.
    pub fn was_used(&self) -> bool {
        self.lock().exists()
    }

    /// Forgets that it was stopped by wish.
    ///
    /// # Errors
    /// The mark cannot be removed.
    pub fn unmark(&self) -> Result<(), Failure> {
        match std::fs::remove_file(self.marker()) {
            Ok(()) => Ok(()),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
            Err(error) => Err(self.denied(&error)),
        }
    }

    /// Whether a keeper is at work.
    ///
    /// # Errors
    /// The lock cannot be opened.
    pub fn is_kept(&self) -> Result<bool, Failure> {
        sys::lock::is_held(&self.lock()).map_err(|error| self.denied(&error))
    }

    /// Starts the keeper. Another one that is at work already is no error.
    ///
    /// # Errors
    /// It cannot be started, or refuses the home.
    pub fn start_keeper(&self) -> Result<(), Failure> {
        if let Some(owner) = self.owner().filter(|owner| *owner != self.own.uid) {
            return Err(Failure::new(Exit::Refused, format!("the home {} belongs to uid {owner}", self.path.display()))
                .next(format!("run this as uid {owner}, or choose another home with --home")));
        }
        let keeper = keeper_exe()?;
        // The keeper makes it too; here the system's answer is still an error with a kind.
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path).map_err(|error| self.denied(&error))?;
        sys::daemon::start_keeper(&keeper, &self.path).map_err(|error| {
            let exit = if error.kind() == io::ErrorKind::PermissionDenied { Exit::Refused } else { Exit::Unreachable };
            // The keeper says what to do next itself, on a line of its own.
            let text = crate::escape::shown_lines(&error.to_string());
            match text.split_once("\nnext: ") {
                Some((message, next)) => Failure::new(Exit::Refused, message).next(next),
                None => Failure::new(exit, text).next("every part of Abide must stand beside `abide` itself: install it again"),
            }
        })
    }

    /// The user whose home it is; `None` while it does not exist.
    pub fn owner(&self) -> Option<u32> {
        std::fs::metadata(&self.path).ok().map(|seen| seen.uid())
    }

    /// The home or something in it is closed to us.
    pub fn denied(&self, error: &io::Error) -> Failure {
        let path = self.path.display();
        if error.kind() == io::ErrorKind::PermissionDenied {
            Failure::new(Exit::Refused, format!("the home {path} is closed to uid {}: {error}", self.own.uid))
                .next("run this as the user who owns it, or choose another home with --home")
        } else {
            Failure::new(Exit::Unreachable, format!("failed to use the home {path}: {error}"))
                .next("choose another home with --home")
        }
    }
}

/// The keeper beside our own executable.
///
/// # Errors
/// `/proc` is not mounted.
pub fn keeper_exe() -> Result<PathBuf, Failure> {
    sys::daemon::sibling("abide-keeper")
        .map_err(|error| Failure::new(Exit::Internal, format!("failed to find abide-keeper: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_files_say() {
        let folder = tempfile::tempdir().expect("tempdir");
        let home = Home::find(Some(&folder.path().join("h"))).expect("home");
        assert_eq!(home.rest(), Ok(Rest::Stopped), "never had a manager");
        std::fs::create_dir_all(home.path.join("run")).expect("dir");
        std::fs::write(home.lock(), "").expect("lock");
        assert_eq!(home.rest(), Ok(Rest::Orphaned));
        assert_eq!(home.is_kept(), Ok(false));
        std::fs::write(home.marker(), "").expect("marker");
        assert_eq!(home.rest(), Ok(Rest::Stopped));
        home.unmark().expect("unmark");
        home.unmark().expect("twice is fine");
        assert_eq!(home.rest(), Ok(Rest::Orphaned));
    }
}
