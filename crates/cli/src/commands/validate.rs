//! `validate`: offline.

use crate::args::Validate;
use crate::failure::Failure;
use crate::files::{self, Finding, shown_path};
use crate::found::{Found, find};
use crate::home::Home;
use crate::privilege::{Machine, odd};
use crate::screen::Screen;
use crate::session::Own;
use config::MANAGER_FILE;
use serde::Serialize;

/// What `validate --json` prints for one file.
#[derive(Debug, Serialize)]
struct FileReport {
    file: String,
    valid: bool,
    #[serde(skip)]
    of_manager: bool,
    apps: Vec<String>,
    warnings: Vec<Finding>,
    errors: Vec<Finding>,
}

/// `validate`.
///
/// # Errors
/// One of the files is not valid.
pub fn validate(home: Option<Home>, screen: &Screen, args: &Validate) -> Result<(), Failure> {
    let part = args.file.part.clone().or(&args.alias);
    let mut reports = Vec::new();
    let own = home.map(|home| home.path.join(MANAGER_FILE)).filter(|own| args.file.files.is_empty() && own.is_file());
    let own = own.map(|path| Found { path, warning: None });
    let there = match find(&args.file.files) {
        // Away from any project there is the manager's own file to look at.
        Err(_) if own.is_some() => Vec::new(),
        there => there?,
    };
    let mut settings = Vec::new();
    for found in there.into_iter().chain(own) {
        let file = shown_path(&found.path);
        reports.push(match files::load_found(&found, &part.choice(), part.format).map(|project| vec![project]) {
            Ok(mut projects) => {
                files::only(&mut projects, &part, false)?;
                let of_manager = projects.iter().all(|project| project.of_manager);
                let apps = projects.iter().flat_map(|project| &project.apps).map(|app| app.name.as_str().to_owned()).collect();
                let mut warnings: Vec<Finding> = projects.iter().flat_map(|project| project.warnings.clone()).collect();
                let own = Own::read().map_or(0, |own| own.uid);
                warnings.extend(projects.iter().flat_map(|project| odd(&file, &project.apps, own, &Machine)));
                settings.extend(projects);
                FileReport { file, valid: true, of_manager, apps, warnings, errors: Vec::new() }
            }
            Err(invalid) => {
                let warnings = found.warning.into_iter().collect();
                FileReport { file, valid: false, of_manager: false, apps: Vec::new(), warnings, errors: invalid.errors }
            }
        });
    }
    if screen.json {
        screen.print_json(&reports)?;
    } else {
        for report in &reports {
            report.warnings.iter().for_each(|warning| screen.err(&warning.text));
            if report.valid && report.of_manager {
                screen.print(&format!("{}: valid, the manager's own settings\n", report.file))?;
            } else if report.valid {
                let apps = if report.apps.len() == 1 { "1 app".to_owned() } else { format!("{} apps", report.apps.len()) };
                let colon = if report.apps.is_empty() { "" } else { ": " };
                screen.print(&format!("{}: valid, {apps}{colon}{}\n", report.file, report.apps.join(", ")))?;
            }
        }
    }
    let errors: Vec<Finding> = reports.into_iter().flat_map(|report| report.errors).collect();
    // What two files want of the one manager is compared where each of them is good by itself.
    if errors.is_empty() { files::settings(&settings).map(|_| ()) } else { Err(files::invalid(screen, &errors)) }
}
