//! `logs --clear` and `logs --reopen`.

use crate::escape::shown;
use crate::failure::Failure;
use crate::house::{House, fresh_key};
use crate::screen::Screen;
use api::LogsDone;
use api::client::{Request, path};

/// Empties log files and says which. Nothing is asked: that is what `--clear` says.
///
/// # Errors
/// [`Failure`].
pub fn clear(house: &House, screen: &Screen, selector: &str, stream: Option<&str>) -> Result<(), Failure> {
    let target = path().segment("apps").segment(selector).segment("logs").maybe("stream", stream);
    let done = ask(house, Request::delete(target))?;
    if screen.json {
        return screen.print_json(&done);
    }
    for file in &done.files {
        screen.say(&format!("cleared {}", shown(&file.file)));
    }
    if done.files.is_empty() {
        screen.say("nothing to clear: these apps have no log files");
    }
    Ok(())
}

/// Has every log file opened anew, after somebody has moved it away.
///
/// # Errors
/// [`Failure`].
pub fn reopen(house: &House, screen: &Screen) -> Result<(), Failure> {
    let done = ask(house, Request::post(path().segment("logs").segment("reopen")))?;
    if screen.json {
        return screen.print_json(&done);
    }
    screen.say("every log file is opened anew");
    Ok(())
}

fn ask(house: &House, request: Request) -> Result<LogsDone, Failure> {
    house.ask(&request.idempotency_key(fresh_key()))
}
