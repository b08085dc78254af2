//! What the clock's book remembers. It is written for each time that comes, so it is no operation and waits for no disk: a power cut may
//! cost the last times, a death of the steward costs none.

use super::frame::{frame, scan};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::io;
use std::path::Path;

const NAME: &str = "schedule";

/// What was remembered; nothing, if it cannot be read or is not whole.
pub(crate) fn recall_times<T: DeserializeOwned>(folder: &Path) -> Option<T> {
    let bytes = fs::read(folder.join(NAME)).ok()?;
    serde_json::from_str(scan(&bytes).good.first()?).ok()
}

/// Remembers this, and nothing of before.
///
/// # Errors
/// The system does not let us write; what was remembered before still is.
pub(crate) fn remember_times<T: Serialize>(folder: &Path, times: &T) -> io::Result<()> {
    let fresh = folder.join(format!("{NAME}.new"));
    fs::write(&fresh, frame(&serde_json::to_string(times)?))?;
    fs::rename(&fresh, folder.join(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_or_nothing() {
        let folder = tempfile::tempdir().expect("tempdir");
        let recall = || recall_times::<Vec<u64>>(folder.path());
        assert_eq!(recall(), None);
        remember_times(folder.path(), &vec![1, 2]).expect("written");
        remember_times(folder.path(), &vec![1, 2, 3]).expect("written");
        assert_eq!(recall(), Some(vec![1, 2, 3]));
        let whole = fs::read(folder.path().join(NAME)).expect("there");
        for cut in 0..whole.len() - 1 {
            fs::write(folder.path().join(NAME), &whole[..cut]).expect("cut");
            assert_eq!(recall(), None, "{cut}");
        }
        assert!(remember_times(&folder.path().join("no such folder"), &vec![1]).is_err());
    }
}
