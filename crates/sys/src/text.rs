//! Paths for the kernel, without memory from the heap.

use std::ffi::CStr;
use std::io;

/// Calls with `path` ended by NUL, on the stack.
///
/// # Errors
/// `ENAMETOOLONG` from 4,096 bytes on (the kernel says so too), `EINVAL` when there is a NUL in it, or what `act` says.
pub(crate) fn with_c_str<T>(path: &[u8], act: impl FnOnce(&CStr) -> io::Result<T>) -> io::Result<T> {
    let mut room = [0u8; libc::PATH_MAX as usize];
    if path.len() >= room.len() {
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    }
    room[..path.len()].copy_from_slice(path);
    let path = CStr::from_bytes_with_nul(&room[..=path.len()]).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    act(path)
}
