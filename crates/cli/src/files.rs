//! Configuration files: found, read and loaded, with this machine as their surroundings.

use crate::args::{AppFlags, FileArgs, PartArgs};
use crate::escape::shown_word;
use crate::failure::{Exit, Failure};
use crate::found::{Found, find};
use crate::reading;
use crate::screen::Screen;
use crate::session::{Own, Session};
use config::{Diagnostic, Format, MANAGER_FILE, Options, ProfileChoice, Rights, Surroundings, Trust, judge, load_manager};
use model::{AppSpec, DaemonSettings, Definition, Origin, SettingsOf};
use serde::Serialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

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
    /// Where each of them stands.
    pub daemon_origins: BTreeMap<String, Origin>,
    /// Whether it is a `daemon.toml`, which only the manager reads.
    pub of_manager: bool,
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

impl Finding {
    /// Something odd about a file, or about a line of it, that stops nothing.
    pub fn warning(message: String, file: String, line: Option<usize>, help: String) -> Finding {
        let place = line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"));
        let text = format!("warning: {message}\n  --> {place}\n   = help: {help}");
        Finding { message, file, line, column: None, help: Some(help), text }
    }
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
        Invalid { errors: vec![Finding::whole("error", path, message)] }
    }
}

impl Finding {
    /// Something about a file as a whole.
    fn whole(severity: &str, path: &Path, message: &str) -> Finding {
        let (file, message) = (shown_path(path), message.to_owned());
        let text = format!("{severity}: {message}\n  --> {file}");
        Finding { message, file, line: None, column: None, help: None, text }
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

    /// What the manager calls it when it asks who set something.
    fn source(&self) -> String {
        match (&self.path, &self.project.folder) {
            (Some(path), _) => path.to_string_lossy().into_owned(),
            (None, Some(folder)) => format!("standard input in {}", folder.to_string_lossy()),
            (None, None) => format!("standard input, named {}", self.project.name),
        }
    }

    /// Says what is odd.
    pub fn warn(&self, screen: &Screen) {
        self.warnings.iter().for_each(|warning| screen.err(&warning.text));
    }
}

/// Loads every file, as far as it is asked for.
///
/// # Errors
/// All errors of all files.
pub fn load_all(args: &FileArgs, choice: &ProfileChoice, prune: bool, screen: &Screen) -> Result<Vec<Project>, Failure> {
    let mut projects = Vec::new();
    let mut errors = Vec::new();
    for found in &find(&args.files)? {
        match load_found(found, choice, args.part.format) {
            Ok(project) => projects.push(project),
            Err(invalid) => {
                found.warning.iter().for_each(|warning| screen.err(&warning.text));
                errors.extend(invalid.errors);
            }
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
    Failure::new(Exit::Config, format!("the configuration is not valid: {count}")).next(match errors.iter().any(is_of_pm2) {
        true => "docs/from-pm2.md says what each key of PM2 is called here; `abide init` writes a first abide.toml",
        false => "mend the file; `abide validate FILE` checks it without running anything",
    })
}

/// Whether it is the error of a file that was written for PM2.
fn is_of_pm2(error: &Finding) -> bool {
    const KEYS: [&str; 7] =
        ["script", "exec_mode", "max_memory_restart", "error_file", "autorestart", "interpreter", "kill_timeout"];
    let is_unknown = |key: &str| error.message == format!("unknown key `{key}`");
    error.message.starts_with("this file is a program") || KEYS.iter().any(|key| is_unknown(key))
}

/// Loads one file; a warning of [`find`] is one of its own.
///
/// # Errors
/// [`Invalid`].
pub fn load_found(found: &Found, profile: &ProfileChoice, format: Option<Format>) -> Result<Project, Invalid> {
    let mut project = load(&found.path, profile, format)?;
    project.warnings.splice(0..0, found.warning.clone());
    Ok(project)
}

/// Loads one file, or standard input for `-`. It is written in `format`, or as its name says.
///
/// # Errors
/// [`Invalid`].
pub fn load(path: &Path, profile: &ProfileChoice, format: Option<Format>) -> Result<Project, Invalid> {
    if path == Path::new("-") {
        return load_stdin(profile, format);
    }
    let system = System::default();
    let text = system.trusted(path).map_err(|error| Invalid::whole(path, &format!("failed to read the file: {error}")))?;
    let absolute =
        std::path::absolute(path).map_err(|error| Invalid::whole(path, &format!("failed to find the file: {error}")))?;
    if is_of_manager(path) {
        let loaded =
            load_manager(&absolute, &text).map_err(|found| Invalid { errors: found.0.iter().map(Finding::from).collect() })?;
        let project = model::Project { name: String::new(), folder: None };
        let (daemon, daemon_origins, warnings) = (loaded.settings, loaded.origins, system.odd.take());
        return Ok(Project {
            path: Some(absolute),
            project,
            apps: Vec::new(),
            daemon,
            daemon_origins,
            of_manager: true,
            warnings,
        });
    }
    let apps = load_text(&absolute, &text, Options { profile: profile.clone(), format }, &system)?;
    Ok(Project { path: Some(absolute), ..apps })
}

/// Whether a file is called as the one with the manager's own settings.
pub fn is_of_manager(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == MANAGER_FILE)
}

/// `daemon.toml` of the home, if there is one.
///
/// # Errors
/// [`Invalid`].
pub fn load_of_manager(home: &Path) -> Result<Option<Project>, Invalid> {
    let path = home.join(MANAGER_FILE);
    if path.symlink_metadata().is_err() { Ok(None) } else { load(&path, &ProfileChoice::Own, None).map(Some) }
}

/// Its relative paths are taken from the working directory. Without a format it is what it looks like.
fn load_stdin(profile: &ProfileChoice, format: Option<Format>) -> Result<Project, Invalid> {
    let path = Path::new("<stdin>");
    let broken = |message: &str| Invalid::whole(path, message);
    let text = standard_input().as_ref().map_err(|message| broken(message))?;
    let absolute = std::path::absolute(path).map_err(|error| broken(&format!("failed to find this directory: {error}")))?;
    let format = Some(format.unwrap_or_else(|| Format::guess(text)));
    load_text(&absolute, text, Options { profile: profile.clone(), format }, &System::default())
}

/// What is written there. It can be read only once, and is loaded again where a profile is remembered.
fn standard_input() -> &'static Result<String, String> {
    static TEXT: OnceLock<Result<String, String>> = OnceLock::new();
    TEXT.get_or_init(|| reading::text(io::stdin().lock()).map_err(|error| format!("failed to read standard input: {error}")))
}

fn load_text(path: &Path, text: &str, options: Options, system: &System) -> Result<Project, Invalid> {
    let loaded = config::load(path, text, &options, system)
        .map_err(|found| Invalid { errors: found.0.iter().map(Finding::from).collect() })?;
    Ok(Project {
        path: None,
        project: loaded.project,
        apps: loaded.apps,
        daemon: loaded.daemon,
        daemon_origins: loaded.daemon_origins,
        of_manager: false,
        warnings: system.odd.take().into_iter().chain(loaded.warnings.iter().map(Finding::from)).collect(),
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
    config::from_flags(&flags, &here, &System::default()).map_err(|wrong| {
        let next = wrong.help.clone().unwrap_or_else(|| "`abide start --help` shows every flag".to_owned());
        Failure::new(Exit::Usage, wrong.message).next(next)
    })
}

/// The manager's own settings of each project: also where a file sets nothing, because it may have set something before.
///
/// # Errors
/// Two files that set a key to different values.
pub fn settings(projects: &[Project]) -> Result<Vec<SettingsOf>, Failure> {
    for (at, project) in projects.iter().enumerate() {
        for other in &projects[..at] {
            if let Some(key) = project.daemon.differs(&other.daemon) {
                let text = format!("{} and {} set `{key}` of [daemon] to different values", other.place(), project.place());
                return Err(Failure::new(Exit::Config, text).next("there is one manager: set it in one of them"));
            }
        }
    }
    let own = projects.iter().filter(|project| !project.of_manager);
    Ok(own.map(|project| SettingsOf { source: project.source(), settings: project.daemon.clone() }).collect())
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
                if other == project.path {
                    let text = format!("{} is named twice", place(&other));
                    return Err(Failure::new(Exit::Usage, text).next("name each file once"));
                }
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

/// This machine and this session, as far as a configuration may ask.
#[derive(Default)]
struct System {
    /// What was odd about files that were read.
    odd: RefCell<Vec<Finding>>,
}

impl System {
    /// The text of a file that nobody else can write; by that others decide what runs.
    fn trusted(&self, path: &Path) -> io::Result<String> {
        let file = std::fs::File::open(path)?;
        let rights = |seen: &std::fs::Metadata| Rights::new(seen.uid(), seen.gid(), seen.mode());
        let (is, me) = (file.metadata()?, Own::read().map_or(0, |own| own.uid));
        // What is no file has no folder that could matter: `abide up <(…)`.
        let folder = std::fs::canonicalize(path).ok().and_then(|path| path.parent()?.metadata().ok());
        match judge(path, rights(&is), folder.as_ref().map(rights), me) {
            Trust::Good => {}
            Trust::Odd(text) => self.odd.borrow_mut().push(Finding::whole("warning", path, &text)),
            Trust::Refused(text) => return Err(io::Error::other(text)),
        }
        reading::text(file)
    }
}

impl Surroundings for System {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        self.trusted(path)
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
