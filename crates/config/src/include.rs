//! The files of a load: the one that was named, and those that it includes.
//!
//! They are gathered before anything in them is resolved. Each has its number in [`Sources`], and the file that includes it: what a file
//! sets for its own apps by default, it sets for those of the files that it includes as well, below what these set themselves.

use crate::diagnostic::clip;
use crate::env::Env;
use crate::fault::{Fault, Faults, Place};
use crate::glob;
use crate::keys::Scope;
use crate::layer::{self, Entries, Entry, Item, Value};
use crate::load::Format;
use crate::paths;
use crate::read;
use crate::source::{Source, Sources};
use crate::surroundings::Surroundings;
use crate::texts::Texts;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// How many files may lead from one to the next.
const MAX_DEPTH: usize = 8;

/// The most files of one load.
const MAX_FILES: usize = 256;

/// The largest file.
pub(crate) const MAX_FILE: usize = 1024 * 1024;

/// What all files of one load may have together.
const MAX_TOTAL: usize = 8 * MAX_FILE;

/// One file, read and not yet understood. Its number is its position, here and in [`Sources`].
pub(crate) struct Piece {
    pub path: PathBuf,
    /// What its relative paths are taken from.
    pub folder: PathBuf,
    /// The file that includes it.
    by: Option<usize>,
}

/// Everything that was read.
pub(crate) struct Gathered<'a> {
    pub sources: Sources<'a>,
    /// First the file that was named. What a file includes stands behind it, in the order in which it is included.
    pub pieces: Vec<Piece>,
    /// The top level of each, without `include`.
    pub tops: Vec<Entries>,
    /// What is odd but no error.
    pub odd: Vec<Fault>,
}

/// The files that lead to this one, from the one that was named, itself as the last.
pub(crate) fn chain(pieces: &[Piece], file: usize) -> Vec<usize> {
    let mut chain: Vec<usize> = std::iter::successors(Some(file), |file| pieces.get(*file)?.by).collect();
    chain.reverse();
    chain
}

/// Reads the file and whatever it includes.
pub(crate) fn gather<'a>(
    path: &Path,
    text: &'a str,
    format: Format,
    around: &dyn Surroundings,
    faults: &mut Faults,
) -> Gathered<'a> {
    let found = Gathered { sources: Sources::default(), pieces: Vec::new(), tops: Vec::new(), odd: Vec::new() };
    let main = folder_of(path).to_owned();
    let mut gatherer = Gatherer { found, main, around, faults, known: HashMap::new(), total: 0 };
    gatherer.take(path.to_owned(), Cow::Borrowed(text), format, None);
    gatherer.found
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

struct Gatherer<'a, 'g> {
    found: Gathered<'a>,
    /// The folder of the file that was named.
    main: PathBuf,
    around: &'g dyn Surroundings,
    faults: &'g mut Faults,
    /// Number of each file, and where it is included.
    known: HashMap<PathBuf, (usize, Option<Place>)>,
    /// Bytes so far.
    total: usize,
}

/// A file that is to be included.
struct Wanted {
    path: PathBuf,
    /// Where that is said.
    place: Place,
    /// Whether it was found by a pattern rather than named.
    by_pattern: bool,
}

impl<'a> Gatherer<'a, '_> {
    fn take(&mut self, path: PathBuf, text: Cow<'a, str>, format: Format, from: Option<(usize, Place)>) {
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)),
            Cow::Owned(text) => match text.strip_prefix('\u{feff}') {
                Some(rest) => Cow::Owned(rest.to_owned()),
                None => Cow::Owned(text),
            },
        };
        self.total += text.len();
        let file = self.found.pieces.len();
        let members = read::document(&text, format, file, self.faults);
        let secrets = read::secrets(&members);
        let shown = if file == 0 { last(&path).into_owned() } else { self.seen(&path) };
        let folder = folder_of(&path).to_owned();
        self.found.sources.add(Source::new(&shown, text).hiding(secrets).of(&folder, format));
        let mut top = layer::entries(Scope::Top, "", members, self.faults);
        let include = top.remove("include");
        let (by, place) = from.unzip();
        self.known.insert(plain(&path), (file, place));
        self.found.pieces.push(Piece { path, folder, by });
        self.found.tops.push(top);
        if let Some(entry) = include {
            self.all(&entry, file);
        }
    }

    /// What `include` names.
    fn all(&mut self, entry: &Entry, file: usize) {
        let items = match &entry.item.value {
            Value::List(items) => items.as_slice(),
            Value::Text(_) => std::slice::from_ref(&entry.item),
            other => {
                let fault = Fault::new(&entry.item.place, format!("`include` is a list of files, found {}", other.kind()));
                self.faults.push(fault.help("write for example `include = [\"more.toml\", \"conf.d/*.toml\"]`"));
                return;
            }
        };
        for item in items {
            let mut texts = Texts { env: Env::new(self.around), faults: self.faults };
            let Some(text) = texts.text(item, "include", "a path or a pattern") else { continue };
            let Some(paths) = self.matching(&text, item, file) else { continue };
            let by_pattern = glob::is_pattern(&text);
            let mut any = false;
            for path in paths {
                any |= self.include(Wanted { path, place: item.place.clone(), by_pattern }, file);
            }
            if by_pattern && !any {
                self.found.odd.push(Fault::new(&item.place, format!("`include`: there is no file `{}`", clip(&text))));
            }
        }
    }

    /// The files that a path or pattern means. `None` = it cannot be used.
    fn matching(&mut self, text: &str, item: &Item, file: usize) -> Option<Vec<PathBuf>> {
        let refuse = |message: &str, help: &str| Fault::new(&item.place, format!("`include`: {message}")).help(help);
        if glob::is_recursive(text) {
            self.faults.push(refuse(
                "`**` is not understood",
                "`*` stands for any characters of one name; write for example \"services/*/abide.toml\"",
            ));
            return None;
        }
        let (front, pattern) = glob::split(text);
        let from = if front.is_empty() { "." } else { front };
        let Ok(start) = paths::resolve(from, &self.found.pieces[file].folder, self.around.home_dir()) else {
            self.faults
                .push(refuse("this path cannot be resolved", "write the whole path; `~/` needs HOME, `~name` is not expanded"));
            return None;
        };
        match glob::matching(start, pattern, self.around, MAX_FILES) {
            Ok(paths) => Some(paths),
            Err((folder, error)) => {
                let folder = self.shown(&folder);
                self.faults.push(Fault::new(&item.place, format!("`include`: cannot read the folder {folder}: {error}")));
                None
            }
        }
    }

    /// Reads a file, unless it was or cannot be. Whether there is such a file, besides the one that includes it.
    fn include(&mut self, wanted: Wanted, by: usize) -> bool {
        let Wanted { path, place, by_pattern } = wanted;
        let name = self.shown(&path);
        let says = |what: String| Fault::new(&place, format!("`include`: {what}"));
        if let Some((file, first)) = self.known.get(&plain(&path)).cloned() {
            // A pattern means the others.
            if by_pattern && file == by {
                return false;
            }
            if chain(&self.found.pieces, by).contains(&file) {
                self.faults.push(says(format!("these files include each other: {}", self.circle(file, by))).help("take it out"));
            } else if self.found.pieces[file].by != Some(by)
                && let Some(first) = first
            {
                let help = format!("the other place is {}; include it in one of them", self.found.sources.at(&first));
                self.faults.push(says(format!("{name} is included already")).help(help));
            }
            return true;
        }
        if chain(&self.found.pieces, by).len() > MAX_DEPTH {
            self.faults.push(says(format!("{name} would be the file number {} in a row", MAX_DEPTH + 2)));
            return true;
        }
        if self.found.pieces.len() >= MAX_FILES {
            self.faults.push(says(format!("{name} would be more than {MAX_FILES} files")));
            return true;
        }
        match self.around.read(&path) {
            Ok(text) if text.len() > MAX_FILE => {
                self.faults.push(says(format!("{name} has {} bytes, more than {MAX_FILE}", text.len())));
            }
            Ok(text) if self.total + text.len() > MAX_TOTAL => {
                self.faults.push(says(format!("with {name} the files have more than {} MiB together", MAX_TOTAL >> 20)));
            }
            Ok(_) if Format::is_program(&path) => self.faults.push(says(format!("{name} is a program")).help(OF_PROGRAMS)),
            Ok(text) => {
                let format = Format::of(&path).unwrap_or(Format::Toml);
                self.take(path, Cow::Owned(text), format, Some((by, place)));
            }
            // What only resembles a file is not meant by a pattern.
            Err(error) if by_pattern && is_absent(error.kind()) => return false,
            Err(error) => {
                let help = match error.kind() {
                    ErrorKind::IsADirectory => {
                        Some(format!("for the files in it write \"{}/*.toml\"", name.trim_end_matches('/')))
                    }
                    ErrorKind::NotFound => Some("a path is taken from the folder of the file that names it".to_owned()),
                    _ => None,
                };
                self.faults.push(says(format!("cannot read {name}: {error}")).maybe_help(help));
            }
        }
        true
    }

    /// The path as it is seen from the folder of the file that was named.
    fn seen(&self, path: &Path) -> String {
        let path = plain(path);
        path.strip_prefix(plain(&self.main)).unwrap_or(&path).to_string_lossy().into_owned()
    }

    fn shown(&self, path: &Path) -> String {
        clip(&self.seen(path))
    }

    /// `a.toml → b.toml → a.toml`.
    fn circle(&self, first: usize, last: usize) -> String {
        let way = chain(&self.found.pieces, last).into_iter().skip_while(|file| *file != first).chain([first]);
        let names: Vec<String> = way.map(|file| self.shown(&self.found.pieces[file].path)).collect();
        names.join(" → ")
    }
}

/// What to do instead of a configuration that is a program.
pub(crate) const OF_PROGRAMS: &str =
    "this version runs no program to know its apps: write an abide.toml, abide.yaml or abide.json";

/// What a pattern may find that is no file.
pub(crate) fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory)
}

fn last(path: &Path) -> Cow<'_, str> {
    path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy())
}

/// The path without `..`, to know a file again. Links are not looked up; [`MAX_DEPTH`] bounds what they could do.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}
