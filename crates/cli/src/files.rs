//! Configuration files: found, read and loaded, with this machine as their surroundings.

use crate::args::{AppFlags, FileArgs, PartArgs};
use crate::escape::shown_word;
use crate::failure::{Exit, Failure};
use crate::screen::Screen;
use crate::session::Session;
use config::{Diagnostic, Options, ProfileChoice, Surroundings};
use model::{AppSpec, DaemonSettings, Definition};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The file that a folder is asked for.
const NAME: &str = config::FILE_NAMES[0];
/// The longest configuration in bytes.
const LIMIT: u64 = 4 << 20;

/// One loaded file.
#[derive(Debug)]
pub struct Project {
    /// Its absolute path; `None` for standard input.
    pub path: Option<PathBuf>,
    /// The group of apps that it is.
    pub project: model::Project,
    /// Its apps in order.
    pub apps: Vec<AppSpec>,
    /// The manager's own settings in it.
    pub daemon: DaemonSettings,
    /// What is odd about it.
    pub warnings: Vec<Finding>,
}

/// Something that is wrong or odd; also as `validate --json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What, in one line.
    pub message: String,
    /// In which file.
    pub file: String,
    /// Line, counted from 1; `null` = the file as a whole.
    pub line: Option<usize>,
    /// Column in characters, counted from 1.
    pub column: Option<usize>,
    /// What to do.
    pub help: Option<String>,
    /// All of it for people, with the line and a caret.
    #[serde(skip)]
    pub text: String,
}

/// Why a file cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// One or more.
    pub errors: Vec<Finding>,
}

impl Invalid {
    /// A file as a whole cannot be used.
    fn whole(path: &Path, message: &str) -> Invalid {
        let (file, message) = (shown_path(path), message.to_owned());
        let text = format!("error: {message}\n --> {file}");
        Invalid { errors: vec![Finding { message, file, line: None, column: None, help: None, text }] }
    }
}

impl From<&Diagnostic> for Finding {
    fn from(found: &Diagnostic) -> Finding {
        let place = |number: usize| (number > 0).then_some(number);
        Finding {
            message: found.message.clone(),
            file: found.file.clone(),
            line: place(found.line),
            column: place(found.column),
            help: found.help.clone(),
            text: found.to_string().trim_end().to_owned(),
        }
    }
}

impl Project {
    /// Where it stands.
    pub fn place(&self) -> String {
        self.path.as_deref().map_or("standard input".to_owned(), shown_path)
    }

    /// Says what is odd.
    pub fn warn(&self, screen: &Screen) {
        self.warnings.iter().for_each(|warning| screen.err(&warning.text));
    }
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

/// Loads every file, as far as it is asked for.
///
/// # Errors
/// All errors of all files.
pub fn load_all(args: &FileArgs, choice: &ProfileChoice, prune: bool, screen: &Screen) -> Result<Vec<Project>, Failure> {
    let mut projects = Vec::new();
    let mut errors = Vec::new();
    for path in &find(&args.files)? {
        match load(path, choice) {
            Ok(project) => projects.push(project),
            Err(invalid) => errors.extend(invalid.errors),
        }
    }
    if !errors.is_empty() {
        return Err(invalid(screen, &errors));
    }
    only(&mut projects, &args.part, prune)?;
    Ok(projects)
}

/// Leaves only the apps that `--only` names. With `--prune` some of these may be no longer in a file.
///
/// # Errors
/// One of them is in no file.
pub fn only(projects: &mut [Project], part: &PartArgs, prune: bool) -> Result<(), Failure> {
    if part.only.is_empty() {
        return Ok(());
    }
    let there = || projects.iter().flat_map(|project| &project.apps).map(|app| app.name.as_str());
    if let Some(missing) = part.only.iter().find(|name| !there().any(|app| app == name.as_str())).filter(|_| !prune) {
        let apps: Vec<&str> = there().take(20).collect();
        let text = format!("--only: there is no app `{}` in the file", shown_word(missing));
        return Err(Failure::new(Exit::No, text).next(format!("name some of these: {}", apps.join(", "))));
    }
    for project in projects {
        project.apps.retain(|app| part.only.iter().any(|name| name == app.name.as_str()));
    }
    Ok(())
}

/// Says the errors and makes the failure that ends the command.
pub fn invalid(screen: &Screen, errors: &[Finding]) -> Failure {
    errors.iter().for_each(|error| screen.err(&error.text));
    let count = if errors.len() == 1 { "one error".to_owned() } else { format!("{} errors", errors.len()) };
    Failure::new(Exit::Config, format!("the configuration is not valid: {count}"))
        .next("mend the file; `abide validate FILE` checks it without running anything")
}

/// Loads one file.
///
/// # Errors
/// [`Invalid`].
pub fn load(path: &Path, profile: &ProfileChoice) -> Result<Project, Invalid> {
    if let Some(kind @ ("yaml" | "yml" | "json" | "js" | "cjs" | "mjs")) = path.extension().and_then(|ending| ending.to_str()) {
        return Err(Invalid::whole(path, &format!("this version reads TOML, not {kind}")));
    }
    let text = read_bounded(path).map_err(|error| Invalid::whole(path, &format!("failed to read the file: {error}")))?;
    let absolute =
        std::path::absolute(path).map_err(|error| Invalid::whole(path, &format!("failed to find the file: {error}")))?;
    let apps = load_text(&absolute, &text, profile)?;
    Ok(Project { path: Some(absolute), ..apps })
}

/// Loads a configuration from standard input; its relative paths are taken from the working directory.
///
/// # Errors
/// [`Invalid`].
pub fn load_stdin(profile: &ProfileChoice) -> Result<Project, Invalid> {
    let path = Path::new("<stdin>");
    let broken = |error: io::Error| Invalid::whole(path, &format!("failed to read standard input: {error}"));
    let text = bounded(io::stdin().lock()).map_err(broken)?;
    load_text(&std::path::absolute(path).map_err(broken)?, &text, profile)
}

fn load_text(path: &Path, text: &str, profile: &ProfileChoice) -> Result<Project, Invalid> {
    let options = Options { profile: profile.clone(), ..Options::default() };
    let loaded = config::load(path, text, &options, &System)
        .map_err(|found| Invalid { errors: found.0.iter().map(Finding::from).collect() })?;
    Ok(Project {
        path: None,
        project: loaded.project,
        apps: loaded.apps,
        daemon: loaded.daemon,
        warnings: loaded.warnings.iter().map(Finding::from).collect(),
    })
}

/// An app from the words and flags of `start`.
///
/// # Errors
/// One of them is wrong.
pub fn from_flags(words: &[String], flags: &AppFlags) -> Result<AppSpec, Failure> {
    let flags = flags.for_config(words);
    let here = std::env::current_dir().map_err(|error| {
        Failure::new(Exit::Usage, format!("this directory is gone: {error}")).next("go to one that is there, or use --cwd")
    })?;
    config::from_flags(&flags, &here, &System).map_err(|wrong| {
        let next = wrong.help.clone().unwrap_or_else(|| "`abide start --help` shows every flag".to_owned());
        Failure::new(Exit::Usage, wrong.message).next(next)
    })
}

/// The manager's own settings of all projects together.
///
/// # Errors
/// Two files that set a key to different values.
pub fn settings(projects: &[Project]) -> Result<DaemonSettings, Failure> {
    let mut all = DaemonSettings::default();
    for (at, project) in projects.iter().enumerate() {
        for other in &projects[..at] {
            if let Some(key) = project.daemon.differs(&other.daemon) {
                let text = format!("{} and {} set `{key}` of [daemon] to different values", other.place(), project.place());
                return Err(Failure::new(Exit::Config, text).next("there is one manager: set it in one of them"));
            }
        }
        all = project.daemon.over(&all);
    }
    Ok(all)
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
                session_env: session.taken(&spec.inherit_env),
                spec,
                umask: session.umask,
                source: project.path.clone(),
                project: Some(project.project.clone()),
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
    bounded(std::fs::File::open(path)?)
}

fn bounded(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(LIMIT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LIMIT {
        Err(io::Error::other(format!("it is longer than {}", model::format_size(LIMIT))))
    } else {
        Ok(text)
    }
}

/// This machine and this session, as far as a configuration may ask.
struct System;

impl Surroundings for System {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        read_bounded(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        let mut names: Vec<String> = entries.iter().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        Ok(names)
    }

    fn home_dir(&self) -> Option<PathBuf> {
        std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
    }

    fn cpus(&self) -> u32 {
        std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
    }

    fn is_executable(&self, path: &Path) -> Option<bool> {
        let seen = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        Some(seen.permissions().mode() & 0o111 != 0)
    }

    fn knows_time_zone(&self, name: &str) -> bool {
        jiff::tz::TimeZone::get(name).is_ok()
    }
}
