//! Users and groups of this machine, by name and by number.
//!
//! Every question here may go to a server of directories (NSS) and take as long as that likes: never asked between fork and exec, and never
//! in a loop that others wait for.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;

/// The first and the largest room for the strings of one entry.
const ROOM: (usize, usize) = (1024, 1 << 20);
/// More groups than the kernel takes (`NGROUPS_MAX`).
const MOST_GROUPS: usize = 65_536;

/// An entry of the user database (passwd(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// Its home.
    pub home: String,
    /// Its shell; empty where the entry has none.
    pub shell: String,
}

/// The user of that name; `None` = there is none.
///
/// # Errors
/// The database cannot be asked.
pub fn user_named(name: &str) -> io::Result<Option<Account>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    // SAFETY: the name ends with NUL; the places are as large as the call is told.
    entry(|entry, room, size, found| unsafe { libc::getpwnam_r(name.as_ptr(), entry, room, size, found) }, account)
}

/// The user with that number; `None` = there is none.
///
/// # Errors
/// The database cannot be asked.
pub fn user_of(uid: u32) -> io::Result<Option<Account>> {
    // SAFETY: the places are as large as the call is told.
    entry(|entry, room, size, found| unsafe { libc::getpwuid_r(uid, entry, room, size, found) }, account)
}

/// The number of the group of that name; `None` = there is none.
///
/// # Errors
/// The database cannot be asked.
pub fn group_named(name: &str) -> io::Result<Option<u32>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    let gid = |entry: &libc::group| entry.gr_gid;
    // SAFETY: the name ends with NUL; the places are as large as the call is told.
    entry(|entry, room, size, found| unsafe { libc::getgrnam_r(name.as_ptr(), entry, room, size, found) }, gid)
}

/// Every group that a user is a member of, `primary` first.
///
/// # Errors
/// The database cannot be asked, or names more groups than a process can have.
pub fn groups_of(name: &str, primary: u32) -> io::Result<Vec<u32>> {
    let Ok(name) = CString::new(name) else { return Ok(vec![primary]) };
    let mut groups = vec![0u32; 64];
    loop {
        let mut count = libc::c_int::try_from(groups.len()).unwrap_or(libc::c_int::MAX);
        // SAFETY: the name ends with NUL; the list is as long as the number says.
        let answer = unsafe { libc::getgrouplist(name.as_ptr(), primary, groups.as_mut_ptr(), &mut count) };
        let count = usize::try_from(count).unwrap_or(0);
        if answer >= 0 {
            groups.truncate(count);
            return Ok(groups);
        }
        if groups.len() >= MOST_GROUPS {
            return Err(io::Error::from_raw_os_error(libc::E2BIG));
        }
        let wanted = count.max(groups.len() * 2).min(MOST_GROUPS);
        groups.resize(wanted, 0);
    }
}

/// The supplementary groups of this process.
pub fn own_groups() -> Vec<u32> {
    rustix::process::getgroups().unwrap_or_default().into_iter().map(rustix::process::Gid::as_raw).collect()
}

fn account(entry: &libc::passwd) -> Account {
    Account {
        name: text(entry.pw_name),
        uid: entry.pw_uid,
        gid: entry.pw_gid,
        home: text(entry.pw_dir),
        shell: text(entry.pw_shell),
    }
}

fn text(at: *const libc::c_char) -> String {
    if at.is_null() {
        return String::new();
    }
    // SAFETY: a field of an entry that was just filled in: it leads into the room beside it, and ends with NUL.
    unsafe { CStr::from_ptr(at) }.to_string_lossy().into_owned()
}

/// Asks for one entry, with as much room as it needs.
fn entry<E, T>(
    ask: impl Fn(*mut E, *mut libc::c_char, libc::size_t, *mut *mut E) -> libc::c_int,
    take: impl Fn(&E) -> T,
) -> io::Result<Option<T>> {
    let mut room = vec![0; ROOM.0];
    loop {
        let mut entry = MaybeUninit::<E>::uninit();
        let mut found = std::ptr::null_mut();
        match ask(entry.as_mut_ptr(), room.as_mut_ptr(), room.len(), &mut found) {
            0 if found.is_null() => return Ok(None),
            // SAFETY: the call has filled in the entry and says so; its strings stand in the room, which lives.
            0 => return Ok(Some(take(unsafe { entry.assume_init_ref() }))),
            libc::EINTR => {}
            libc::ERANGE if room.len() < ROOM.1 => room.resize(room.len() * 2, 0),
            // Some databases say so of a name that they do not have (getpwnam(3)).
            libc::ENOENT | libc::ESRCH => return Ok(None),
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_by_name_and_number() {
        let root = user_named("root").expect("asked").expect("there");
        assert_eq!((root.uid, root.gid, root.home.as_str()), (0, 0, "/root"));
        assert_eq!(user_of(0).expect("asked"), Some(root));
        assert_eq!(groups_of("root", 0).expect("asked").first(), Some(&0));
        assert_eq!(groups_of("nobody", 65534).expect("asked"), [65534]);
        assert_eq!(group_named("root").expect("asked"), Some(0));
    }

    #[test]
    fn who_is_not_there_is_no_error() {
        assert_eq!(user_named("no-such-user-here").expect("asked"), None);
        assert_eq!(user_named("with\0nul").expect("asked"), None);
        assert_eq!(user_of(3_999_999_999).expect("asked"), None);
        assert_eq!(group_named("no-such-group-here").expect("asked"), None);
    }
}
