//! `apply` and `plan`: what a file would change, shown, agreed to, and carried out.

use crate::args::{Apply, Plan as PlanArgs};
use crate::escape::shown_word;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::follow::{Waiting, carry_out, explain, failed};
use crate::house::House;
use crate::project;
use crate::render::plan_text;
use crate::screen::Screen;
use api::client::{PathBuilder, Request, path};
use api::{ApplyRequest, Operation, OperationState, PlanReply};
use model::{Change, Plan, Step};
use serde::Serialize;

/// What `apply --json`, `plan --json` and `rollback --json` print.
#[derive(Debug, Serialize)]
struct PlanReport<'a> {
    /// Apps that are added, changed or started.
    changed: Vec<&'a str>,
    unchanged: Vec<&'a str>,
    removed: Vec<&'a str>,
    steps: Vec<&'a Step>,
    /// All of it, with the differences.
    plan: &'a Plan,
    /// Its number; `null` where nothing was carried out.
    operation: Option<u64>,
    /// How that went.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a Operation>,
}

/// `apply`.
///
/// # Errors
/// [`Failure`].
pub fn apply(house: &House, screen: &Screen, args: &Apply) -> Result<(), Failure> {
    let part = args.file.part.clone().or(&args.alias);
    let load = |choice: &_| files::load_all(&args.file, choice, args.prune, screen);
    let mut request = project::request(house, screen, &part, args.prune, load)?;
    request.update_env = args.update_env;
    let reply = plan_of(house, &request, &part.only)?;
    project::warn_of_settings(screen, reply.settings_trouble.as_deref());
    if args.dry_run || reply.plan.is_empty() {
        show_only(screen, &reply.plan)?;
        // A profile that changes nothing is remembered all the same, and so is who set what.
        if !args.dry_run && (!request.profiles.is_empty() || reply.remembers) {
            carry_out(house, screen, path().segment("apply"), Request::post, Some(&request), Waiting::Not)?;
        }
        return Ok(());
    }
    let agreed = agree(screen, &reply.plan, args.yes, args.prune)?;
    request.plan = Some(reply.id);
    let waiting = Waiting::from_flags(args.no_wait, args.wait_timeout);
    finish(house, screen, path().segment("apply"), &request, agreed, waiting)
}

/// `plan`.
///
/// # Errors
/// [`Failure`].
pub fn plan(house: &House, screen: &Screen, args: &PlanArgs) -> Result<(), Failure> {
    let part = args.file.part.clone().or(&args.alias);
    let load = |choice: &_| files::load_all(&args.file, choice, args.prune, screen);
    let request = project::request(house, screen, &part, args.prune, load)?;
    let reply = plan_of(house, &request, &part.only)?;
    project::warn_of_settings(screen, reply.settings_trouble.as_deref());
    show_only(screen, &reply.plan)
}

fn plan_of(house: &House, request: &ApplyRequest, only: &[String]) -> Result<PlanReply, Failure> {
    let reply: PlanReply = house.ask(&Request::post(path().segment("plan").build()).json(request)?)?;
    if let Some(missing) = only.iter().find(|name| !reply.plan.apps.iter().any(|app| app.app.as_str() == name.as_str())) {
        let text = format!("--only: there is no app `{}` in the file, nor one of it that could be removed", shown_word(missing));
        return Err(Failure::new(Exit::No, text).next("`abide list` shows what is there"));
    }
    Ok(reply)
}

/// Shows a plan that is not carried out.
///
/// # Errors
/// [`Failure`].
pub fn show_only(screen: &Screen, plan: &Plan) -> Result<(), Failure> {
    if screen.json { report(screen, plan, None) } else { screen.print(&plan_text(plan, screen.out_colour)) }
}

/// Shows a plan and asks, on a terminal, if something that runs is stopped by it. Off a terminal only removals need `--yes`.
///
/// # Errors
/// The answer is no, or nobody can be asked.
pub fn agree<'p>(screen: &Screen, plan: &'p Plan, yes: bool, prune: bool) -> Result<&'p Plan, Failure> {
    if !screen.json && !screen.quiet {
        screen.err(plan_text(plan, screen.err_colour).trim_end());
    }
    let removes = plan.with(Change::Remove).count();
    if yes || !plan.stops_something() {
        return Ok(plan);
    }
    if !screen.can_ask() {
        return match prune && removes > 0 {
            true => Err(Failure::new(Exit::Usage, format!("{} removed, and there is no terminal to ask on", is_or_are(removes)))
                .next("the same with --yes; nothing was changed")),
            false => Ok(plan),
        };
    }
    if screen.agrees("Carry this out? [y/N]") {
        Ok(plan)
    } else {
        Err(Failure::new(Exit::No, "nothing was changed").next("answer y, or use --yes"))
    }
}

fn is_or_are(apps: usize) -> String {
    if apps == 1 { "one app would be".to_owned() } else { format!("{apps} apps would be") }
}

/// Carries out what was agreed to, and shows how it went.
///
/// # Errors
/// [`Failure`].
pub fn finish(
    house: &House,
    screen: &Screen,
    target: PathBuilder,
    body: &impl Serialize,
    plan: &Plan,
    waiting: Waiting,
) -> Result<(), Failure> {
    let operation = carry_out(house, screen, target, Request::post, Some(body), waiting)
        .map_err(|failure| failure.next("run the command again to see what would be done now"))?;
    explain(screen, &operation);
    if screen.json {
        report(screen, plan, Some(&operation))?;
    } else {
        let how = match operation.state {
            OperationState::Running => "accepted",
            OperationState::Done => "done",
            OperationState::Failed => "carried out, but not everything came up",
        };
        screen.say(&format!("operation {}: {how}; `abide rollback --operation {}` undoes it", operation.id, operation.id - 1));
    }
    match operation.state {
        OperationState::Failed => Err(failed(&operation)),
        OperationState::Running | OperationState::Done => Ok(()),
    }
}

fn report(screen: &Screen, plan: &Plan, operation: Option<&Operation>) -> Result<(), Failure> {
    let names = |is: fn(Change) -> bool| plan.apps.iter().filter(|app| is(app.change)).map(|app| app.app.as_str()).collect();
    screen.print_json(&PlanReport {
        changed: names(|change| matches!(change, Change::Add | Change::Change | Change::Start | Change::Reload)),
        unchanged: names(|change| change == Change::Keep),
        removed: names(|change| change == Change::Remove),
        steps: plan.steps().collect(),
        plan,
        operation: operation.map(|operation| operation.id),
        result: operation,
    })
}
