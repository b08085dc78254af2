//! A walk over a watched folder, past what is left out.

use super::eyes::Blind;
use super::rules::Rules;
use std::fs;
use std::path::{Path, PathBuf};

/// Visits `top` and every folder below it that counts, each before what is in it, and every file that counts, until a visit says `false`.
/// Folders are not entered through symbolic links, but for `top`.
///
/// # Errors
/// A visit's: the walk ends there. A folder that is gone ends nothing.
pub(super) fn walk(
    rules: &mut Rules,
    top: &Path,
    folder: &mut dyn FnMut(&Path) -> Result<(), Blind>,
    file: &mut dyn FnMut(&Path) -> bool,
) -> Result<(), Blind> {
    let mut todo: Vec<PathBuf> = vec![top.to_owned()];
    while let Some(next) = todo.pop() {
        match folder(&next) {
            Ok(()) => {}
            Err(Blind::Gone) => continue,
            Err(error) => return Err(error),
        }
        rules.read(&next);
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for entry in entries.flatten() {
            let (path, is_folder) = (entry.path(), entry.file_type().is_ok_and(|kind| kind.is_dir()));
            if !rules.counts(&path, is_folder) {
                continue;
            }
            if is_folder {
                todo.push(path);
            } else if !file(&path) {
                return Ok(());
            }
        }
    }
    Ok(())
}
