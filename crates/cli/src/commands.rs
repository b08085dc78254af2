//! The commands: each asks the house and renders what it answers.

mod apply;
mod care;
mod change;
mod config;
mod daemon;
mod history;
mod init;
mod keeper;
mod list;
mod logs;
mod make;
mod ports;
mod send;
mod signal;
mod start;
mod stream;
mod up;
mod upgrade;
mod validate;
mod wait;

use crate::args::{Cli, Command};
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::house::{House, Stopped};
use crate::screen::Screen;

/// Does what the command line says.
///
/// # Errors
/// [`Failure`] says how the process ends.
pub fn run(cli: Cli, screen: &Screen) -> Result<(), Failure> {
    let home = || Home::find(cli.global.home.as_deref());
    let house = |stopped| Ok::<House, Failure>(House::new(home()?, stopped));
    match cli.command {
        Command::Up(args) => up::up(&house(Stopped::Start)?, screen, &args),
        Command::Apply(args) => apply::apply(&house(Stopped::Start)?, screen, &args),
        Command::Plan(args) => apply::plan(&house(Stopped::Leave)?, screen, &args),
        Command::History(args) => history::history(&house(Stopped::Leave)?, screen, &args),
        Command::Rollback(args) => history::rollback(&house(Stopped::Leave)?, screen, &args),
        Command::Start(args) => start::start(home()?, screen, &args),
        Command::Stop(args) => change::stop(&house(Stopped::Leave)?, screen, &args),
        Command::Restart(args) => change::restart(&house(Stopped::Leave)?, screen, &args),
        Command::Reload(args) => change::reload(&house(Stopped::Leave)?, screen, &args),
        Command::Scale(args) => change::scale(&house(Stopped::Leave)?, screen, &args),
        Command::Reset(args) => change::reset(&house(Stopped::Leave)?, screen, &args),
        Command::Wait(args) => wait::wait(&house(Stopped::Leave)?, screen, &args),
        Command::Signal(args) => signal::signal(&house(Stopped::Leave)?, screen, &args),
        Command::Delete(args) => change::delete(&house(Stopped::Leave)?, screen, &args),
        Command::List => list::list(&house(Stopped::Leave)?, screen),
        Command::Ports => ports::ports(&house(Stopped::Leave)?, screen),
        Command::Status(args) => list::status(&house(Stopped::Leave)?, screen, &args.app),
        Command::Logs(args) => logs::logs(&house(Stopped::Leave)?, screen, &args),
        Command::Send(args) => send::send(&house(Stopped::Leave)?, screen, &args),
        Command::Attach(args) => send::attach(&cli.global, screen, &args),
        Command::Events(args) => stream::events(&house(Stopped::Leave)?, screen, &args),
        Command::Daemon(args) => daemon::daemon(home()?, screen, &args),
        Command::Keeper(args) => Err(keeper::keeper(&cli.global, &args)),
        Command::Validate(args) => validate::validate(home().ok(), screen, &args),
        Command::Init(args) => init::init(screen, &args),
        Command::Schema(args) => make::schema(screen, &args),
        Command::Completions(args) => make::completions(screen, &args),
        Command::Config(args) => config::config(home, screen, &args),
        Command::Env(args) => config::env(&house(Stopped::Leave)?, screen, &args),
        Command::Version => version(screen),
    }
}

/// Says which version this is.
///
/// # Errors
/// Standard output cannot be written.
pub fn version(screen: &Screen) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    if screen.json { screen.print_json(&api::VersionInfo { version }) } else { screen.print(&format!("abide {version}\n")) }
}

/// Several selectors as one segment of a path: they are joined by commas, which no selector contains.
///
/// # Errors
/// One that is empty or contains a comma.
fn join_selectors(selectors: &[String]) -> Result<String, Failure> {
    for selector in selectors {
        if selector.is_empty() || selector.contains(',') {
            let text = format!("`{}` is no selector", crate::escape::shown_word(selector));
            return Err(Failure::new(Exit::Usage, text).next("write selectors as words of their own: abide stop web api"));
        }
    }
    Ok(selectors.join(","))
}
