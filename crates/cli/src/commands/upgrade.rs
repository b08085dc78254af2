//! `daemon upgrade`: the programs that stand beside us now take over, one after the other.
//!
//! The steward who is asked goes itself on the way, so what came of it is read from the processes: the keeper must be the one that it was, and
//! scribe and steward others.

use crate::escape::shown;
use crate::failure::{Exit, Failure};
use crate::house::{House, fresh_key};
use crate::screen::Screen;
use api::client::{ClientError, Request, path};
use api::{DaemonStatus, Operation, OperationState};
use model::format_span;
use serde_json::json;
use std::time::{Duration, Instant};

/// How often it is asked for when the steward dies on the way.
const ATTEMPTS: usize = 3;
/// How long the new steward may take to come.
const SUCCESSOR: Duration = Duration::from_secs(10);

/// How a question ended.
enum Answer {
    Done,
    Refused(String),
    /// The one who was asked is gone.
    Gone,
}

/// `daemon upgrade`.
///
/// # Errors
/// [`Failure`].
pub fn upgrade(house: &House, screen: &Screen) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut before = super::daemon::ask(house)?;
    let first = before.clone();
    for _ in 0..ATTEMPTS {
        match ask_once(house)? {
            Answer::Done => {
                let after = await_successor(house, &before)?;
                return tell(screen, &first, &after, begun.elapsed());
            }
            Answer::Refused(why) => return Err(not_upgraded(&shown(&why))),
            Answer::Gone => {}
        }
        let now = super::daemon::ask(house)?;
        if now.keeper.pid != before.keeper.pid {
            return Err(recovered(house, &now));
        }
        before = now;
    }
    Err(not_upgraded(&format!("the steward died {ATTEMPTS} times on the way")))
}

fn ask_once(house: &House) -> Result<Answer, Failure> {
    let target = path().segment("daemon").segment("upgrade").flag("follow", true).build();
    let mut lines = house.stream::<Operation>(&Request::post(target).idempotency_key(fresh_key()))?;
    loop {
        return Ok(match lines.next_line() {
            Ok(Some(operation)) => match operation.state {
                OperationState::Running => continue,
                OperationState::Done => Answer::Done,
                OperationState::Failed => Answer::Refused(operation.detail.unwrap_or_default()),
            },
            Ok(None) | Err(ClientError::Broken(_)) => Answer::Gone,
            Err(error) => return Err(error.into()),
        });
    }
}

fn await_successor(house: &House, before: &DaemonStatus) -> Result<DaemonStatus, Failure> {
    let begun = Instant::now();
    loop {
        let now = super::daemon::ask(house).map_err(|_| no_successor(house))?;
        if now.keeper.pid != before.keeper.pid {
            return Err(recovered(house, &now));
        }
        if now.steward.pid != before.steward.pid {
            return Ok(now);
        }
        if begun.elapsed() > SUCCESSOR {
            return Err(no_successor(house));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn no_successor(house: &House) -> Failure {
    let waited = format_span(SUCCESSOR);
    Failure::new(Exit::No, format!("keeper and scribe are new, but no new steward answers after {waited}; every app runs on"))
        .next(format!("install a good `abide-steward`: the keeper tries it again and again; {}", log_of(house)))
}

fn tell(screen: &Screen, before: &DaemonStatus, after: &DaemonStatus, took: Duration) -> Result<(), Failure> {
    if screen.json {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        return screen.print_json(&json!({ "upgraded": true, "took_ms": ms, "before": before, "after": after }));
    }
    let version = |status: &DaemonStatus| shown(status.keeper.version.as_deref().unwrap_or(&status.version)).to_string();
    let (old, new) = (version(before), version(after));
    let what = if old == new { format!("version {new} as before") } else { format!("version {old} → {new}") };
    screen.say(&format!(
        "the manager is upgraded in {:.1}s: {what}; the keeper is pid {} as before, every app runs on",
        took.as_secs_f64(),
        after.keeper.pid
    ));
    Ok(())
}

fn not_upgraded(why: &str) -> Failure {
    Failure::new(Exit::No, format!("not upgraded, and everything runs on: {why}")).next(
        "install every part of Abide beside the others, by renaming and not by writing over them, then `abide daemon upgrade`",
    )
}

fn recovered(house: &House, now: &DaemonStatus) -> Failure {
    let who = if now.recovered { "the one before was started again" } else { "another was started" };
    let pid = now.keeper.pid;
    Failure::new(Exit::No, format!("not upgraded: the new keeper broke, and {who} (pid {pid}); every app runs on"))
        .next(format!("install a good one, then `abide daemon upgrade`; {}", log_of(house)))
}

fn log_of(house: &House) -> String {
    format!("{}/daemon.log says what happened", house.home.path.display())
}
