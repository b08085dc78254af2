//! `daemon.toml` of the home, as it stands there.

use config::{MANAGER_FILE, MAX_MANAGER_FILE, ManagerFile, Rights, Trust, judge, load_manager};
use model::DaemonSettings;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OwnFile {
    /// What it sets; nothing where there is none.
    pub(crate) settings: DaemonSettings,
    /// That others can write it, which is odd.
    pub(crate) odd: Option<String>,
}

/// Reads it. We stand in the home; `home` is for messages.
///
/// # Errors
/// Why it does not count, with places, line by line.
pub(crate) fn read(home: &str) -> Result<OwnFile, String> {
    let shown = Path::new(home).join(MANAGER_FILE);
    let whole = |why: String| format!("error: {why}\n --> {}", shown.display());
    let Some((text, odd)) = text(Path::new(MANAGER_FILE), &shown).map_err(whole)? else {
        return Ok(OwnFile { settings: DaemonSettings::default(), odd: None });
    };
    match load_manager(&shown, &text) {
        Ok(ManagerFile { settings, .. }) => Ok(OwnFile { settings, odd }),
        Err(wrong) => Err(wrong.to_string().trim_end().to_owned()),
    }
}

/// Its text, if it is there and nobody else can write it. What is no plain file is not opened: it could keep us waiting.
fn text(path: &Path, shown: &Path) -> Result<Option<(String, Option<String>)>, String> {
    let failed = |error: io::Error| format!("failed to read the file: {error}");
    let seen = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        seen => seen.map_err(failed)?,
    };
    if !seen.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut file = File::open(path).map_err(failed)?;
    let rights = |seen: &Metadata| Rights::new(seen.uid(), seen.gid(), seen.mode());
    let folder = fs::canonicalize(path).ok().and_then(|path| path.parent()?.metadata().ok());
    let me = rustix::process::geteuid().as_raw();
    let odd = match judge(shown, rights(&file.metadata().map_err(failed)?), folder.as_ref().map(rights), me) {
        Trust::Good => None,
        Trust::Odd(text) => Some(text),
        Trust::Refused(text) => return Err(text),
    };
    let mut text = String::new();
    // One byte more than is taken, so that what is too long is seen to be.
    Read::by_ref(&mut file).take(MAX_MANAGER_FILE as u64 + 1).read_to_string(&mut text).map_err(failed)?;
    Ok(Some((text, odd)))
}
