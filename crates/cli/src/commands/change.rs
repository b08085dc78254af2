//! `stop`, `restart`, `reload`, `scale`, `reset`, `delete`: wishes about apps that are there.

use super::apply::show_only;
use crate::args::{Change, Delete, Reload, Restart, Scale, Wait};
use crate::failure::{Exit, Failure};
use crate::follow::{Waiting, carry_out, explain, failed};
use crate::house::House;
use crate::screen::Screen;
use crate::session::Session;
use api::client::{PathBuilder, Request, path};
use api::{Operation, OperationKind, OperationState, PlanReply, RestartRequest, ScaleRequest};
use model::InheritEnv;

/// `stop`.
///
/// # Errors
/// [`Failure`].
pub fn stop(house: &House, screen: &Screen, args: &Change) -> Result<(), Failure> {
    let target = path().segment("apps").segment(&super::join_selectors(&args.selectors)?).segment("stop");
    change(house, screen, target, Request::post, args.wait)
}

/// `restart`.
///
/// # Errors
/// [`Failure`].
pub fn restart(house: &House, screen: &Screen, args: &Restart) -> Result<(), Failure> {
    let target = path().segment("apps").segment(&super::join_selectors(&args.selectors)?).segment("restart");
    if !args.update_env && args.port.is_none() {
        return change(house, screen, target, Request::post, args.wait);
    }
    let mut body = RestartRequest { port: args.port, keep_env: !args.update_env, ..RestartRequest::default() };
    if args.update_env {
        body = RestartRequest { port: args.port, ..of_session(house, screen) };
    }
    with(house, screen, target, &body, args.wait)
}

/// What a write carries of this session.
fn of_session(house: &House, screen: &Screen) -> RestartRequest {
    let session = Session::capture(house.home.own);
    session.warn(screen);
    RestartRequest {
        session_env: session.taken(&InheritEnv::Session),
        nameable_env: session.taken(&InheritEnv::Named(vec!["*".to_owned()])),
        umask: session.umask,
        ..RestartRequest::default()
    }
}

fn with(house: &House, screen: &Screen, target: PathBuilder, body: &RestartRequest, wait: Wait) -> Result<(), Failure> {
    let waiting = Waiting::from_flags(wait.no_wait, wait.timeout);
    report(screen, &carry_out(house, screen, target, Request::post, Some(body), waiting)?)
}

/// `reload`.
///
/// # Errors
/// [`Failure`].
pub fn reload(house: &House, screen: &Screen, args: &Reload) -> Result<(), Failure> {
    let target = path().segment("apps").segment(&super::join_selectors(&args.selectors)?).segment("reload");
    if args.dry_run {
        let reply: PlanReply = house.ask(&Request::get(target.segment("plan")))?;
        return show_only(screen, &reply.plan);
    }
    match args.update_env {
        true => with(house, screen, target, &of_session(house, screen), args.wait),
        false => change(house, screen, target, Request::post, args.wait),
    }
}

/// `scale`.
///
/// # Errors
/// [`Failure`].
pub fn scale(house: &House, screen: &Screen, args: &Scale) -> Result<(), Failure> {
    let target = path().segment("apps").segment(&super::join_selectors(std::slice::from_ref(&args.app))?).segment("scale");
    let waiting = Waiting::from_flags(args.wait.no_wait, args.wait.timeout);
    let operation = carry_out(house, screen, target, Request::post, Some(&ScaleRequest { to: args.to }), waiting)?;
    report(screen, &operation)
}

/// `reset`.
///
/// # Errors
/// [`Failure`].
pub fn reset(house: &House, screen: &Screen, args: &Change) -> Result<(), Failure> {
    let target = path().segment("apps").segment(&super::join_selectors(&args.selectors)?).segment("reset");
    change(house, screen, target, Request::post, args.wait)
}

/// `delete`.
///
/// # Errors
/// [`Failure`].
pub fn delete(house: &House, screen: &Screen, args: &Delete) -> Result<(), Failure> {
    let selector = super::join_selectors(&args.selectors)?;
    if args.selectors.iter().any(|selector| selector == "all") && !args.yes && !house.is_stopped()? {
        agree(screen)?;
    }
    change(house, screen, path().segment("apps").segment(&selector), Request::delete, args.wait)
}

/// Asks on a terminal whether all is meant.
fn agree(screen: &Screen) -> Result<(), Failure> {
    if !screen.can_ask() {
        return Err(Failure::new(Exit::Usage, "`delete all` stops and forgets every app, and there is no terminal to ask on")
            .next("abide delete all --yes"));
    }
    if screen.agrees("This stops and forgets every app. Delete all? [y/N]") {
        Ok(())
    } else {
        Err(Failure::new(Exit::No, "nothing deleted").next("name the apps to delete, or answer y"))
    }
}

fn change(house: &House, screen: &Screen, target: PathBuilder, method: fn(String) -> Request, wait: Wait) -> Result<(), Failure> {
    let waiting = Waiting::from_flags(wait.no_wait, wait.timeout);
    let operation = carry_out(house, screen, target, method, None::<&()>, waiting)?;
    report(screen, &operation)
}

/// Shows how an operation ended, or that it was accepted.
///
/// # Errors
/// It failed.
pub fn report(screen: &Screen, operation: &Operation) -> Result<(), Failure> {
    if screen.json {
        screen.print_json(operation)?;
    }
    match operation.state {
        OperationState::Failed => {
            explain(screen, operation);
            Err(failed(operation))
        }
        OperationState::Running => {
            screen.say(&format!("accepted as operation {}; `abide list` shows how far it is", operation.id));
            Ok(())
        }
        OperationState::Done => {
            if !screen.json && operation.slots.is_empty() {
                screen.say(match operation.kind {
                    OperationKind::Apply => "nothing to do: everything is as the file says",
                    OperationKind::Rollback => "nothing to do: everything is as it was then",
                    OperationKind::Delete => "deleted",
                    OperationKind::Reset => "failures and counters are forgotten; nothing had been given up",
                    OperationKind::Reload => {
                        "nothing to do: what is stopped is left alone unless it is named, and each run of a job is a new life anyway"
                    }
                    // Also for an app that is stopped: it has as many slots then, and they rest.
                    OperationKind::Scale => "nothing to start or to stop; it has as many instances as you say",
                    OperationKind::Start
                    | OperationKind::Wait
                    | OperationKind::Stop
                    | OperationKind::Restart
                    | OperationKind::Shutdown
                    | OperationKind::Upgrade => "nothing to do",
                });
            }
            Ok(())
        }
    }
}
