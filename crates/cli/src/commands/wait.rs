//! `wait`: nothing is wished, it is only looked.

use crate::args::WaitFor;
use crate::escape::shown_word;
use crate::failure::{Exit, Failure};
use crate::follow::{Followed, explain, follow, pending};
use crate::house::House;
use crate::screen::Screen;
use api::client::{Request, path};
use api::{Operation, OperationState, Outcome, Until};
use std::collections::BTreeSet;

/// `wait`.
///
/// # Errors
/// [`Failure`].
pub fn wait(house: &House, screen: &Screen, args: &WaitFor) -> Result<(), Failure> {
    let selector = super::join_selectors(&args.selectors)?;
    let ask = |last: Option<&Operation>| {
        let target = path().segment("apps").segment(&selector).segment("wait").query("for", args.until.word());
        Request::get(target.maybe("lives", last.and_then(lives)).flag("follow", true))
    };
    match follow(house, screen, ask, args.timeout, false)? {
        Followed::Over(operation) => {
            if screen.json {
                screen.print_json(&operation)?;
            }
            if operation.state != OperationState::Failed {
                return Ok(());
            }
            explain(screen, &operation);
            Err(never(args.until, &operation))
        }
        Followed::Late { last, waited } => {
            if let Some(last) = last.as_ref().filter(|_| screen.json) {
                screen.print_json(last)?;
            }
            let waited = model::format_span(waited);
            Err(Failure::new(Exit::No, format!("{} after {waited}{}", not_yet(args.until), pending(last.as_ref())))
                .next("`abide status APP` says how it is; --timeout waits longer"))
        }
    }
}

/// The lives that are looked at, for a steward that comes after the one that was asked.
fn lives(operation: &Operation) -> Option<String> {
    let one = |slot: &api::SlotOutcome| Some(format!("{}:{}", slot.slot, slot.instance.as_ref()?));
    let all: Vec<String> = operation.slots.iter().filter_map(one).collect();
    (!all.is_empty()).then(|| all.join(","))
}

fn not_yet(until: Until) -> &'static str {
    match until {
        Until::Ready => "not ready",
        Until::Stopped => "not stopped",
        Until::Exit => "not ended",
    }
}

fn never(until: Until, operation: &Operation) -> Failure {
    let failed = operation.slots.iter().filter(|slot| slot.outcome == Outcome::Failed);
    let apps: BTreeSet<&str> = failed.map(|slot| slot.app.as_str()).collect();
    let app = apps.first().map_or_else(|| "APP".into(), |app| shown_word(app));
    let names: Vec<_> = apps.iter().map(|app| shown_word(app)).collect();
    Failure::new(Exit::No, format!("{} and will not be: {}", not_yet(until), names.join(", ")))
        .next(format!("`abide status {app}` shows what happened, `abide start {app}` starts it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::{Stopped, tests as scripted};
    use std::time::Duration;

    fn line(state: &str, outcome: &str) -> String {
        let text = format!(
            "{{\"id\":0,\"kind\":\"wait\",\"state\":\"{state}\",\"slots\":[{{\"app\":\"web\",\"slot\":\"web-0\",\"outcome\":\"{outcome}\",\
             \"detail\":\"errored\",\"instance\":\"i9\"}}]}}\n"
        );
        format!("{:x}\r\n{text}\r\n", text.len())
    }

    fn waited(answers: Vec<String>) -> (Vec<String>, Result<(), Failure>) {
        let folder = tempfile::tempdir().expect("tempdir");
        let house = House::new(scripted::home(&folder), Stopped::Look);
        let steward = scripted::steward(&house.home, answers);
        let timeout = Some(Duration::from_secs(20));
        let args = WaitFor { selectors: vec!["web".to_owned(), "db".to_owned()], until: Until::Exit, timeout };
        let ended = wait(&house, &scripted::QUIET, &args);
        (steward.join().expect("steward"), ended)
    }

    #[test]
    fn a_stream_that_breaks_is_asked_for_again_with_the_lives_of_before() {
        let (heard, ended) = waited(vec![
            format!("{}{}", scripted::STREAM, line("running", "pending")),
            format!("{}{}0\r\n\r\n", scripted::STREAM, line("done", "ok")),
        ]);
        assert_eq!(ended, Ok(()));
        assert!(heard[0].starts_with("GET /api/v1/apps/web%2Cdb/wait?for=exit&follow=true "), "{}", heard[0]);
        assert!(heard[1].starts_with("GET /api/v1/apps/web%2Cdb/wait?for=exit&lives=web-0%3Ai9&follow=true "), "{}", heard[1]);
    }

    #[test]
    fn what_cannot_come_true_is_a_no() {
        let (_, ended) = waited(vec![format!("{}{}0\r\n\r\n", scripted::STREAM, line("failed", "failed"))]);
        let Err(Failure::Told { exit, message, .. }) = ended else { panic!("told") };
        assert_eq!((exit, message.as_str()), (Exit::No, "not ended and will not be: web"));
    }
}
