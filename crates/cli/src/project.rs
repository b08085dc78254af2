//! From files to what an apply asks for: the profile that counts, the session, and the groups of apps that the files are.

use crate::args::PartArgs;
use crate::escape::shown_word;
use crate::failure::{Exit, Failure};
use crate::files::{self, Project};
use crate::house::House;
use crate::screen::Screen;
use crate::session::Session;
use api::client::{Request, path};
use api::{ApplyRequest, ProjectView, RememberedProfile};
use config::ProfileChoice;
use model::AppName;

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
    let daemon = files::settings(&projects)?;
    let all: Vec<_> = projects.iter().map(|project| project.project.clone()).collect();
    let definitions = files::definitions(projects, &session)?;
    let mut request = ApplyRequest { definitions, daemon, profiles, ..ApplyRequest::default() };
    if prune {
        request.prune = all;
        request.prune_only = part.only.iter().filter_map(|name| AppName::new(name).ok()).collect();
    }
    Ok(request)
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
pub fn not_empty(request: &ApplyRequest) -> Result<(), Failure> {
    if request.definitions.is_empty() && request.daemon.is_empty() && request.prune.is_empty() {
        return Err(Failure::new(Exit::Config, "no app is described there").next("add one: [apps.web] with cmd = \"…\""));
    }
    Ok(())
}
