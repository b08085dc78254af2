//! Configuration files: found, read and loaded, with this machine as their surroundings.

use crate::escape::shown_word;
use crate::failure::{Exit, Failure};
use crate::screen::Screen;
use crate::session::Session;
use model::{AppSpec, Definition};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The file that a folder is asked for.
const NAME: &str = "abide.toml";
/// The longest configuration in bytes.
const LIMIT: u64 = 4 << 20;

/// One loaded file.
#[derive(Debug)]
pub struct Project {
    /// Its absolute path; `None` for standard input.
    pub path: Option<PathBuf>,
    /// Its apps in order.
    pub apps: Vec<AppSpec>,
    /// What is odd about it, each rendered.
    pub warnings: Vec<String>,
}

/// Why a file cannot be loaded: rendered, with file, line and caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// One text for each error.
    pub errors: Vec<String>,
}

/// The files that were named: a folder stands for its `abide.toml`, nothing for that of the working directory.
///
/// # Errors
/// One is not there.
pub fn find(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let here = [PathBuf::from(".")];
    let named = if named.is_empty() { &here[..] } else { named };
    named.iter().map(|path| find_one(path)).collect()
}

fn find_one(path: &Path) -> Result<PathBuf, Failure> {
    let is_here = path == Path::new(".");
    let file = match (path.is_dir(), is_here) {
        (true, true) => PathBuf::from(NAME),
        (true, false) => path.join(NAME),
        (false, _) => path.to_owned(),
    };
    if file.exists() {
        return Ok(file);
    }
    let text = if is_here { format!("there is no {NAME} in this folder") } else { format!("there is no {}", shown_path(&file)) };
    Err(Failure::new(Exit::Config, text)
        .next("name a file or folder: abide up PATH; or run a program without one: abide start CMD"))
}

/// Loads every file and says its warnings.
///
/// # Errors
/// All errors of all files.
pub fn load_all(paths: &[PathBuf], screen: &Screen) -> Result<Vec<Project>, Failure> {
    let mut projects = Vec::new();
    let mut errors = Vec::new();
    for path in paths {
        match load(path) {
            Ok(project) => {
                project.warnings.iter().for_each(|warning| screen.err(warning));
                projects.push(project);
            }
            Err(invalid) => errors.extend(invalid.errors),
        }
    }
    if errors.is_empty() { Ok(projects) } else { Err(invalid(screen, &errors)) }
}

/// Says the errors and makes the failure that ends the command.
pub fn invalid(screen: &Screen, errors: &[String]) -> Failure {
    errors.iter().for_each(|error| screen.err(error));
    let count = if errors.len() == 1 { "one error".to_owned() } else { format!("{} errors", errors.len()) };
    Failure::new(Exit::Config, format!("the configuration is not valid: {count}"))
        .next("mend the file; `abide validate FILE` checks it without running anything")
}

/// Loads one file.
///
/// # Errors
/// [`Invalid`].
pub fn load(path: &Path) -> Result<Project, Invalid> {
    if let Some(kind @ ("yaml" | "yml" | "json" | "js" | "cjs" | "mjs")) = path.extension().and_then(|ending| ending.to_str()) {
        return Err(Invalid { errors: vec![format!("{}: this version reads TOML, not {kind}", shown_path(path))] });
    }
    let broken = |error: io::Error| Invalid { errors: vec![format!("failed to read {}: {error}", shown_path(path))] };
    let text = read_bounded(path).map_err(broken)?;
    let absolute = std::path::absolute(path).map_err(broken)?;
    load_text(path, &text, Some(absolute))
}

/// Loads a configuration from standard input; its relative paths are taken from the working directory.
///
/// # Errors
/// [`Invalid`].
pub fn load_stdin() -> Result<Project, Invalid> {
    let broken = |error: io::Error| Invalid { errors: vec![format!("failed to read standard input: {error}")] };
    let mut text = String::new();
    io::stdin().lock().take(LIMIT).read_to_string(&mut text).map_err(broken)?;
    load_text(Path::new("<stdin>"), &text, None)
}

/// The definitions of projects in order, each with the session.
///
/// # Errors
/// An app that two files define.
pub fn definitions(projects: Vec<Project>, session: &Session) -> Result<Vec<Definition>, Failure> {
    let mut seen: BTreeMap<String, Option<PathBuf>> = BTreeMap::new();
    let mut definitions = Vec::new();
    for project in projects {
        for spec in project.apps {
            if let Some(other) = seen.insert(spec.name.as_str().to_owned(), project.path.clone()) {
                let place = |path: &Option<PathBuf>| path.as_deref().map_or("standard input".to_owned(), shown_path);
                let text = format!("two files define the app `{}`: {} and {}", spec.name, place(&other), place(&project.path));
                return Err(Failure::new(Exit::Config, text).next("give one of them another name"));
            }
            definitions.push(Definition {
                spec,
                session_env: session.env.clone(),
                umask: session.umask,
                source: project.path.clone(),
            });
        }
    }
    Ok(definitions)
}

/// A path, safe to print.
pub fn shown_path(path: &Path) -> String {
    shown_word(&path.to_string_lossy()).into_owned()
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let file = std::fs::File::open(path)?;
    let mut text = String::new();
    file.take(LIMIT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LIMIT {
        Err(io::Error::other(format!("it is longer than {}", model::format_size(LIMIT))))
    } else {
        Ok(text)
    }
}

fn load_text(path: &Path, _text: &str, absolute: Option<PathBuf>) -> Result<Project, Invalid> {
    let _ = Project { path: absolute, apps: Vec::new(), warnings: Vec::new() };
    Err(Invalid { errors: vec![format!("not yet {}", shown_path(path))] })
}

/// SHIM
pub fn from_flags(words: &[String], _flags: &crate::args::AppFlags) -> Result<AppSpec, Failure> {
    Err(Failure::new(Exit::Usage, words.join(" ")))
}
