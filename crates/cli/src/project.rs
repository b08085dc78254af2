//! From files to what an apply asks for: the profile that counts, the session, and the groups of apps that the files are.

use crate::args::PartArgs;
use crate::escape::{shown, shown_word};
use crate::failure::{Exit, Failure};
use crate::files::{self, Project};
use crate::house::House;
use crate::screen::Screen;
use crate::session::Session;
use api::client::{Request, path};
use api::{ApplyRequest, ProjectView, RememberedProfile};
use config::ProfileChoice;
use model::AppName;
use std::path::Path;

/// The request for the files that `load` reads; with `prune` their other apps go. A profile that was chosen the last time counts again where the command line says none.
///
/// # Errors
/// The files are wrong, or the house cannot be asked.
pub fn request(
    house: &House,
    screen: &Screen,
    part: &PartArgs,
    prune: bool,
    load: impl Fn(&ProfileChoice) -> Result<Vec<Project>, Failure>,
) -> Result<ApplyRequest, Failure> {
    let choice = part.choice();
    let mut projects = load(&choice)?;
    let mut profiles = Vec::new();
    if part.profile.is_some() {
        let chosen = match &choice {
            ProfileChoice::Named(name) => Some(name.clone()),
            ProfileChoice::Own | ProfileChoice::Nothing => None,
        };
        let remember = |project: &Project| RememberedProfile { project: project.project.clone(), profile: chosen.clone() };
        profiles = projects.iter().map(remember).collect();
    } else {
        recall(house, screen, &mut projects, load)?;
    }
    projects.iter().for_each(|project| project.warn(screen));
    let session = Session::capture(house.home.own);
    session.warn(screen);
    let mut settings = files::settings(&projects)?;
    if !part.only.is_empty() {
        // Some apps were named, not the manager.
        settings.clear();
    }
    let of_manager = own_files(house, &projects)?;
    let all: Vec<_> = projects.iter().map(|project| project.project.clone()).collect();
    let definitions = files::definitions(projects, &session)?;
    let mut request = ApplyRequest { definitions, settings, profiles, ..ApplyRequest::default() };
    if prune {
        request.prune = all;
        request.prune_only = part.only.iter().filter_map(|name| AppName::new(name).ok()).collect();
    }
    if !of_manager {
        not_empty(&request)?;
    }
    Ok(request)
}

/// Whether `daemon.toml` of the home is among the files: the manager reads it itself.
fn own_files(house: &House, projects: &[Project]) -> Result<bool, Failure> {
    let real = |path: &Path| path.canonicalize().ok();
    let own = house.home.path.join(config::MANAGER_FILE);
    let mut found = false;
    for project in projects.iter().filter(|project| project.of_manager) {
        if project.path.as_deref().and_then(real) != real(&own) {
            let text = format!("{} is not read by this manager", project.place());
            let next =
                format!("its own settings stand in {}; those of a project in [daemon] of abide.toml", files::shown_path(&own));
            return Err(Failure::new(Exit::Config, text).next(next));
        }
        found = true;
    }
    Ok(found)
}

/// Says what is wrong with `daemon.toml`.
pub fn warn_of_settings(screen: &Screen, trouble: Option<&str>) {
    if let Some(trouble) = trouble {
        trouble.lines().for_each(|line| screen.err(&shown(line)));
        screen.err("daemon.toml does not count as it is; what the manager knew of it before does");
    }
}

/// Loads those projects again that have a remembered profile.
fn recall(
    house: &House,
    screen: &Screen,
    projects: &mut [Project],
    load: impl Fn(&ProfileChoice) -> Result<Vec<Project>, Failure>,
) -> Result<(), Failure> {
    let known: Vec<ProjectView> = house.ask(&Request::get(path().segment("projects")))?;
    let remembered =
        |project: &Project| known.iter().find(|view| view.project == project.project).and_then(|view| view.profile.clone());
    let wanted: Vec<Option<String>> = projects.iter().map(remembered).collect();
    for (at, name) in wanted.into_iter().enumerate() {
        let Some(name) = name else { continue };
        screen.say(&format!(
            "profile {} for {}, as last time (--profile NAME chooses another, --profile none clears it)",
            shown_word(&name),
            projects[at].place()
        ));
        if let Some(project) = load(&ProfileChoice::Named(name))?.into_iter().nth(at) {
            projects[at] = project;
        }
    }
    Ok(())
}

/// Refuses a request that would do nothing because nothing is described.
///
/// # Errors
/// It is so.
fn not_empty(request: &ApplyRequest) -> Result<(), Failure> {
    if request.definitions.is_empty() && request.settings.iter().all(|of| of.settings.is_empty()) && request.prune.is_empty() {
        return Err(Failure::new(Exit::Config, "no app is described there").next("add one: [apps.web] with cmd = \"…\""));
    }
    Ok(())
}
