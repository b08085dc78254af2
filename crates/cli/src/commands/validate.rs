//! `validate`: offline.

use crate::args::Validate;
use crate::failure::Failure;
use crate::files::{self, Finding, shown_path};
use crate::found::find;
use crate::screen::Screen;
use serde::Serialize;

/// What `validate --json` prints for one file.
#[derive(Debug, Serialize)]
struct FileReport {
    file: String,
    valid: bool,
    apps: Vec<String>,
    warnings: Vec<Finding>,
    errors: Vec<Finding>,
}

/// `validate`.
///
/// # Errors
/// One of the files is not valid.
pub fn validate(screen: &Screen, args: &Validate) -> Result<(), Failure> {
    let part = args.file.part.clone().or(&args.alias);
    let mut reports = Vec::new();
    for found in find(&args.file.files)? {
        let file = shown_path(&found.path);
        reports.push(match files::load_found(&found, &part.choice(), part.format).map(|project| vec![project]) {
            Ok(mut projects) => {
                files::only(&mut projects, &part, false)?;
                let apps = projects.iter().flat_map(|project| &project.apps).map(|app| app.name.as_str().to_owned()).collect();
                let warnings = projects.into_iter().flat_map(|project| project.warnings).collect();
                FileReport { file, valid: true, apps, warnings, errors: Vec::new() }
            }
            Err(invalid) => {
                let warnings = found.warning.into_iter().collect();
                FileReport { file, valid: false, apps: Vec::new(), warnings, errors: invalid.errors }
            }
        });
    }
    if screen.json {
        screen.print_json(&reports)?;
    } else {
        for report in &reports {
            report.warnings.iter().for_each(|warning| screen.err(&warning.text));
            if report.valid {
                let apps = if report.apps.len() == 1 { "1 app".to_owned() } else { format!("{} apps", report.apps.len()) };
                let colon = if report.apps.is_empty() { "" } else { ": " };
                screen.print(&format!("{}: valid, {apps}{colon}{}\n", report.file, report.apps.join(", ")))?;
            }
        }
    }
    let errors: Vec<Finding> = reports.into_iter().flat_map(|report| report.errors).collect();
    if errors.is_empty() { Ok(()) } else { Err(files::invalid(screen, &errors)) }
}
