//! `up`: files become running apps.

use super::list::{rows_of, show_rows};
use super::logs::{LogForm, Wanted, print_logs};
use crate::args::Up;
use crate::failure::Failure;
use crate::files;
use crate::follow::{Waiting, carry_out, explain, failed};
use crate::house::House;
use crate::project;
use crate::screen::Screen;
use api::client::{Request, path};
use api::{ApplyRequest, Operation, OperationState, SlotRow};
use serde::Serialize;

/// Log lines of each slot and stream that `--attach` begins with.
const ATTACH_LINES: u64 = 10;

/// What `up --json` prints.
#[derive(Debug, Serialize)]
struct UpReport<'a> {
    changed: Vec<String>,
    unchanged: Vec<String>,
    /// Whether the manager's own settings have changed.
    settings: bool,
    operation: &'a Operation,
    slots: Vec<SlotRow>,
}

/// `up`.
///
/// # Errors
/// [`Failure`].
pub fn up(house: &House, screen: &Screen, args: &Up) -> Result<(), Failure> {
    let part = args.file.part.clone().or(&args.alias);
    let mut request = project::request(house, screen, &part, false, |choice| files::load_all(&args.file, choice, false, screen))?;
    request.update_env = args.update_env;
    let apps = apply(house, screen, &request, Waiting::from_flags(args.no_wait, args.wait_timeout))?;
    if args.attach && !apps.is_empty() {
        screen.say("following the logs; Ctrl-C ends that, the apps run on");
        let wanted = Wanted { selector: apps, lines: Some(ATTACH_LINES), follow: true, ..Wanted::default() };
        print_logs(house, screen, LogForm::of(screen, false), &wanted)?;
    }
    Ok(())
}

/// Applies and shows the slots. Returns the selector of the apps.
///
/// # Errors
/// [`Failure`].
pub fn apply(house: &House, screen: &Screen, request: &ApplyRequest, waiting: Waiting) -> Result<String, Failure> {
    let names: Vec<&str> = request.definitions.iter().map(|definition| definition.spec.name.as_str()).collect();
    let apps = names.join(",");
    let operation = carry_out(house, screen, path().segment("apply"), Request::post, Some(request), waiting)?;
    explain(screen, &operation);
    let settings = operation.apply.as_ref().is_some_and(|reply| reply.daemon);
    project::warn_of_settings(screen, operation.apply.as_ref().and_then(|reply| reply.settings_trouble.as_deref()));
    if settings {
        screen.say("the manager's own settings have changed; `abide daemon status --json` shows them");
    }
    let slots = if apps.is_empty() { Vec::new() } else { rows_of(house, &apps)? };
    if screen.json {
        let (changed, unchanged) =
            operation.apply.clone().map_or_else(Default::default, |reply| (reply.changed, reply.unchanged));
        screen.print_json(&UpReport { changed, unchanged, settings, operation: &operation, slots })?;
    } else if !slots.is_empty() {
        show_rows(screen, &slots)?;
    }
    match operation.state {
        OperationState::Failed => Err(failed(&operation)),
        OperationState::Running | OperationState::Done => Ok(apps),
    }
}
