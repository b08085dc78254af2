//! `daemon …`: the manager itself.

use crate::args::Daemon;
use crate::commands::change::report;
use crate::escape::shown;
use crate::failure::{Exit, Failure};
use crate::follow::{Waiting, carry_out};
use crate::home::{Home, Rest, keeper_exe};
use crate::house::{House, Stopped};
use crate::screen::Screen;
use api::client::{Request, path};
use api::{DaemonStatus, OperationState};
use model::format_span;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long the keeper may take to end after the last app has.
const FAREWELL: Duration = Duration::from_secs(15);

/// `daemon …`.
///
/// # Errors
/// [`Failure`].
pub fn daemon(home: Home, screen: &Screen, what: &Daemon) -> Result<(), Failure> {
    match what {
        Daemon::Run => run(home),
        Daemon::Start => start(home, screen),
        Daemon::Stop => stop(&House::new(home, Stopped::Leave), screen),
        Daemon::Status => status(&House::new(home, Stopped::Look), screen),
        Daemon::Upgrade => super::upgrade::upgrade(&House::new(home, Stopped::Leave), screen),
    }
}

fn run(home: Home) -> Result<(), Failure> {
    let keeper = keeper_exe()?;
    // Another keeper would end at once, and with 0: whoever looks at the unit of a service manager would take it for a good end.
    if home.is_kept()? {
        let text = format!("a manager runs already in {}", home.path.display());
        return Err(Failure::new(Exit::No, text).next("`abide daemon status` shows it; `abide daemon stop` ends it and its apps"));
    }
    home.unmark()?;
    let error = Command::new(&keeper).arg("--home").arg(&home.path).arg("--foreground").exec();
    Err(Failure::new(Exit::Unreachable, format!("failed to run {}: {error}", keeper.display()))
        .next("every part of Abide must stand beside `abide` itself: install it again"))
}

fn start(home: Home, screen: &Screen) -> Result<(), Failure> {
    let house = House::new(home, Stopped::Start);
    let was_up = house.is_up()?;
    let status: DaemonStatus = ask(&house)?;
    if screen.json {
        return screen.print_json(&status);
    }
    let how = if was_up { "runs already" } else { "runs" };
    screen.say(&format!("the manager {how} in {} (keeper pid {})", shown(&status.home), status.keeper.pid));
    Ok(())
}

fn status(house: &House, screen: &Screen) -> Result<(), Failure> {
    if !house.is_up()? {
        if screen.json {
            screen.print_json(&serde_json::json!({ "running": false }))?;
        }
        let next = match house.home.rest()? {
            Rest::Stopped => "`abide daemon start` starts it",
            Rest::Orphaned => "it was not stopped by wish: `abide daemon start` brings it back, and so does any other command",
        };
        let text = format!("no manager runs in {}", house.home.path.display());
        return Err(Failure::new(Exit::Unreachable, text).next(next));
    }
    let status = ask(house)?;
    if screen.json { screen.print_json(&status) } else { screen.print(&status_text(&status)) }
}

pub(super) fn ask(house: &House) -> Result<DaemonStatus, Failure> {
    house.ask(&Request::get(path().segment("daemon")))
}

fn status_text(status: &DaemonStatus) -> String {
    let process = |process: &api::ProcessRef| match &process.version {
        Some(version) => format!("pid {}, version {}", process.pid, shown(version)),
        None => format!("pid {}", process.pid),
    };
    let mut text = format!(
        "home:    {}\nversion: {}\nuptime:  {}\nkeeper:  {}\nsteward: {}\nscribe:  {}\n",
        shown(&status.home),
        shown(&status.version),
        format_span(Duration::from_millis(status.uptime_ms)),
        process(&status.keeper),
        process(&status.steward),
        status.scribe.as_ref().map_or("not there yet".to_owned(), process),
    );
    if status.recovered {
        text.push_str(
            "trouble: the new keeper of the last upgrade broke, and the one before runs; install a good one, then `abide daemon upgrade`\n",
        );
    }
    for (key, source) in &status.settings_from {
        text.push_str(&format!("setting: {key} is set by {}\n", shown(source)));
    }
    if let Some(why) = &status.settings_trouble {
        text.push_str("trouble: daemon.toml does not count as it is, what was known of it before does:\n");
        why.lines().for_each(|line| text.push_str(&format!("  {}\n", shown(line))));
    }
    if let Some(why) = &status.read_only {
        text.push_str(&format!("trouble: nothing can be stored ({}); apps run on, changes are refused\n", shown(why)));
    }
    text
}

fn stop(house: &House, screen: &Screen) -> Result<(), Failure> {
    if house.is_stopped()? {
        screen.say(&format!("no manager runs in {}", house.home.path.display()));
        return if screen.json { screen.print_json(&serde_json::json!({ "running": false })) } else { Ok(()) };
    }
    let target = path().segment("daemon").segment("stop");
    match carry_out(house, screen, target, Request::post, None::<&()>, Waiting::For(None)) {
        Ok(operation) if operation.state == OperationState::Failed => return report(screen, &operation),
        Ok(_) => {}
        // The steward may go before its last line arrives.
        Err(_) if house.home.rest()? == Rest::Stopped => {}
        Err(failure) => return Err(failure),
    }
    let begun = Instant::now();
    while house.home.is_kept()? {
        if begun.elapsed() > FAREWELL {
            return Err(Failure::new(Exit::No, format!("the keeper still runs after {}", format_span(FAREWELL)))
                .next(format!("look into {}/daemon.log", house.home.path.display())));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    if screen.json {
        return screen.print_json(&serde_json::json!({ "running": false }));
    }
    screen.say("the manager has stopped; `abide daemon start` starts it and the apps that ran");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::ProcessRef;

    #[test]
    fn as_text() {
        let status = DaemonStatus {
            home: "/h".into(),
            version: "0.1.0".into(),
            uptime_ms: 61_000,
            steward: ProcessRef { pid: 2, version: None },
            scribe: None,
            keeper: ProcessRef { pid: 1, version: Some("0.1.0".into()) },
            recovered: false,
            settings: model::DaemonSettings::default(),
            settings_from: [("history".to_owned(), "/h/daemon.toml".to_owned())].into(),
            settings_trouble: Some("error: unknown key\n --> /h/daemon.toml:1:1".into()),
            read_only: Some("ENOSPC".into()),
        };
        assert_eq!(
            status_text(&status),
            "home:    /h\nversion: 0.1.0\nuptime:  1m 1s\nkeeper:  pid 1, version 0.1.0\nsteward: pid 2\nscribe:  not there yet\n\
             setting: history is set by /h/daemon.toml\n\
             trouble: daemon.toml does not count as it is, what was known of it before does:\n  \
             error: unknown key\n   --> /h/daemon.toml:1:1\n\
             trouble: nothing can be stored (ENOSPC); apps run on, changes are refused\n"
        );
    }
}
