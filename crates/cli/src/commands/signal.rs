//! `signal`.

use crate::args::SignalTo;
use crate::escape::shown_word;
use crate::failure::Failure;
use crate::house::{House, fresh_key};
use crate::screen::Screen;
use api::client::{Request, path};
use api::{SignalDone, SignalRequest};

/// `signal`.
///
/// # Errors
/// [`Failure`].
pub fn signal(house: &House, screen: &Screen, args: &SignalTo) -> Result<(), Failure> {
    let target = path().segment("apps").segment(&super::join_selectors(&args.selectors)?).segment("signal");
    let request = Request::post(target).json(&SignalRequest { signal: args.signal })?;
    let done: SignalDone = house.ask_once(&request.idempotency_key(fresh_key()))?;
    if screen.json {
        return screen.print_json(&done);
    }
    for sent in &done.sent {
        screen.say(&format!("{} sent to {} (pid {})", done.signal, shown_word(&sent.slot), sent.pid));
    }
    Ok(())
}
