//! The cgroups of a house: what apps that were killed with their manager have left is removed with the house.

use std::fs;
use std::path::{Path, PathBuf};

/// The folders of all boxes of a home, in every hierarchy in which there is one.
fn folders(home: &Path) -> Vec<PathBuf> {
    // As the steward names them: FNV-1a of the path.
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let name = format!("abide-{:016x}", home.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step));
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mounts = mounts.lines().filter(|line| line.contains(" - cgroup")).filter_map(|line| line.split(' ').nth(4));
    let below = |mount: &str| -> Vec<PathBuf> {
        let own = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
        own.map(|own| Path::new(mount).join(own.trim_start_matches('/')).join(&name)).filter(|folder| folder.is_dir()).collect()
    };
    mounts.flat_map(below).collect()
}

/// Removes them. What is not empty stays.
pub(crate) fn remove(home: &Path) {
    let Ok(home) = fs::canonicalize(home) else { return };
    for folder in folders(&home) {
        for below in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(below.path());
        }
        let _ = fs::remove_dir(&folder);
    }
}
