//! Whether what a configuration says may be believed: who else can write it decides as whom programs run.

use crate::diagnostic::escape;
use std::path::Path;

/// Bits of a mode.
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;
const STICKY: u32 = 0o1000;

/// Owner, group and mode of a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    uid: u32,
    gid: u32,
    mode: u32,
}

/// What to make of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Nobody else can write it.
    Good,
    /// Others can write it, which is odd where only this user is at stake.
    Odd(String),
    /// Others can write it, and what it says would be done as root.
    Refused(String),
}

impl Rights {
    /// As the system says them; of the mode only what is no file type counts.
    pub fn new(uid: u32, gid: u32, mode: u32) -> Rights {
        Rights { uid, gid, mode: mode & 0o7777 }
    }
}

/// Judges a file by its rights, those of its folder, and the user who reads it (by effective id).
pub fn judge(path: &Path, file: Rights, folder: Option<Rights>, me: u32) -> Trust {
    let shown = |path: &Path| escape(&path.to_string_lossy());
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let who = match (writers(file, me), folder.and_then(|folder| creators(file, folder, me))) {
        (Some(who), _) => Some((who, format!("it (mode {:04o})", file.mode), format!("chmod go-w {}", shown(path)))),
        (None, Some((who, what, mend))) => Some((
            who,
            format!("{what} its folder {} (mode {:04o})", shown(parent), folder.map_or(0, |f| f.mode)),
            mend(&shown(parent)),
        )),
        (None, None) => None,
    };
    match who {
        None => Trust::Good,
        Some((who, what, mend)) if me == 0 => {
            Trust::Refused(format!("{who} can write {what}, and what it says would run as root; {mend}"))
        }
        Some((who, what, mend)) => Trust::Odd(format!("{who} can write {what}: whoever does decides what you run; {mend}")),
    }
}

/// Who else can write a file. For a user of its own a group is mostly that of the user alone; for root it is somebody else.
fn writers(file: Rights, me: u32) -> Option<&'static str> {
    if file.mode & OTHERS_WRITE != 0 {
        return Some("everybody");
    }
    (me == 0 && file.gid != 0 && file.mode & GROUP_WRITES != 0).then_some("a group")
}

type Mend = fn(&str) -> String;

/// Who else can put another file in the place of this one. In a sticky folder nobody can, but everybody can be there first.
fn creators(file: Rights, folder: Rights, me: u32) -> Option<(&'static str, &'static str, Mend)> {
    let who = writers(folder, me)?;
    match folder.mode & STICKY != 0 {
        false => Some((who, "into", |folder| format!("chmod go-w {folder}"))),
        true if file.uid != me && file.uid != 0 => Some((who, "into", |_| "copy it to a folder of your own".to_owned())),
        true => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(uid: u32, gid: u32, mode: u32) -> Rights {
        Rights::new(uid, gid, mode)
    }

    #[test]
    fn who_can_write() {
        let path = Path::new("/srv/shop/abide.toml");
        let plain = rights(0, 0, 0o755);
        for (me, file, folder, word) in [
            (0, rights(0, 0, 0o644), plain, "good"),
            (0, rights(1000, 1000, 0o644), plain, "good"),
            (0, rights(0, 0, 0o664), plain, "good"),
            (0, rights(0, 50, 0o664), plain, "refused"),
            (0, rights(0, 0, 0o666), plain, "refused"),
            (0, rights(0, 0, 0o646), plain, "refused"),
            (0, rights(0, 0, 0o644), rights(0, 0, 0o777), "refused"),
            (0, rights(0, 0, 0o644), rights(0, 50, 0o775), "refused"),
            (0, rights(0, 0, 0o644), rights(0, 0, 0o1777), "good"),
            (0, rights(1000, 1000, 0o644), rights(0, 0, 0o1777), "refused"),
            (1000, rights(1000, 1000, 0o664), rights(1000, 1000, 0o775), "good"),
            (1000, rights(1000, 1000, 0o666), plain, "odd"),
            (1000, rights(1000, 1000, 0o644), rights(1000, 1000, 0o777), "odd"),
            (1000, rights(1001, 1001, 0o644), rights(0, 0, 0o1777), "odd"),
            (1000, rights(0, 0, 0o644), rights(0, 0, 0o1777), "good"),
        ] {
            let found = match judge(path, file, Some(folder), me) {
                Trust::Good => "good",
                Trust::Odd(_) => "odd",
                Trust::Refused(_) => "refused",
            };
            assert_eq!(found, word, "{me} {file:?} {folder:?}");
        }
    }

    #[test]
    fn what_is_said_tells_where_and_what_to_do() {
        let said = |file, folder| match judge(Path::new("shop/abide.toml"), file, Some(folder), 0) {
            Trust::Refused(text) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            said(rights(0, 0, 0o666), rights(0, 0, 0o755)),
            "everybody can write it (mode 0666), and what it says would run as root; chmod go-w shop/abide.toml"
        );
        assert_eq!(
            said(rights(0, 0, 0o644), rights(0, 0, 0o777)),
            "everybody can write into its folder shop (mode 0777), and what it says would run as root; chmod go-w shop"
        );
        assert_eq!(
            said(rights(7, 7, 0o644), rights(0, 0, 0o1777)),
            "everybody can write into its folder shop (mode 1777), and what it says would run as root; copy it to a folder of your own"
        );
    }
}
