//! Executables in the keeper's place that are not what they should be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes an executable script as package managers do: beside, then renamed over what stands there.
pub fn put_script(path: &Path, text: &str) {
    put(path, text, 0o755);
}

/// The same with a mode of its own.
pub fn put(path: &Path, text: &str, mode: u32) {
    let new = path.with_extension("being-written");
    fs::write(&new, text).unwrap_or_else(|e| panic!("{}: {e}", new.display()));
    fs::set_permissions(&new, fs::Permissions::from_mode(mode)).expect("our own file");
    fs::rename(&new, path).expect("our own folder");
}

/// Replaces a program by a copy of another, by renaming.
pub fn put_copy(path: &Path, of: &Path) {
    let new = path.with_extension("being-written");
    fs::copy(of, &new).unwrap_or_else(|e| panic!("{}: {e}", of.display()));
    fs::rename(&new, path).expect("our own folder");
}

/// A script that is the real keeper in everything but these two answers (shell commands that may `exec "$real" "$@"`).
pub fn keeper_that(real: &Path, when_asked: &str, when_taking_over: &str) -> String {
    let real = real.display();
    format!(
        "#!/bin/sh\nreal={real}\ncase \"$1\" in\n--can-read-ledger) {when_asked} ;;\n--ledger) {when_taking_over} ;;\nesac\nexec \"$real\" \"$@\"\n"
    )
}
