//! `history` and `rollback`: what was done, and how to go back.

use super::apply::{agree, finish, show_only};
use crate::args::{History, Rollback};
use crate::escape::shown_word;
use crate::failure::Failure;
use crate::follow::Waiting;
use crate::house::House;
use crate::render::history_text;
use crate::screen::Screen;
use api::client::{Request, path};
use api::{HistoryEntry, PlanReply, RollbackRequest};
use jiff::tz::TimeZone;

/// How many operations are shown where nobody says.
const LINES: u64 = 20;

/// `history`.
///
/// # Errors
/// [`Failure`].
pub fn history(house: &House, screen: &Screen, args: &History) -> Result<(), Failure> {
    let mut target = path().segment("history").query("lines", &args.lines.unwrap_or(LINES).to_string());
    if !args.selectors.is_empty() {
        target = target.query("app", &super::join_selectors(&args.selectors)?);
    }
    let entries: Vec<HistoryEntry> = house.ask(&Request::get(target))?;
    if screen.json {
        return screen.print_json(&entries);
    }
    if entries.is_empty() {
        screen.say("nothing was asked for yet");
    }
    let entries: Vec<_> =
        entries.into_iter().map(|entry| HistoryEntry { actor: named(entry.actor, user_name), ..entry }).collect();
    screen.print(&history_text(&entries, &TimeZone::system(), screen.out_colour))
}

/// Who asked, as people know them: the manager knows numbers.
fn named(actor: String, name_of: impl Fn(u32) -> Option<String>) -> String {
    actor.strip_prefix("uid ").and_then(|uid| name_of(uid.parse().ok()?)).unwrap_or(actor)
}

fn user_name(uid: u32) -> Option<String> {
    Some(sys::account::user_of(uid).ok()??.name)
}

/// `rollback`.
///
/// # Errors
/// [`Failure`].
pub fn rollback(house: &House, screen: &Screen, args: &Rollback) -> Result<(), Failure> {
    let target = match args.operation {
        Some(number) => path().segment("operations").segment(&number.to_string()).segment("rollback"),
        None => path().segment("apps").segment(&super::join_selectors(&args.selectors)?).segment("rollback"),
    };
    let ask = RollbackRequest { dry_run: true, plan: None };
    let reply: PlanReply = house.ask(&Request::post(target.clone().build()).json(&ask)?)?;
    for of in &reply.profiles {
        let (name, profile) = (shown_word(&of.project.name), of.profile.as_deref().unwrap_or("none"));
        screen.say(&format!("the profile for {name} goes back to {}", shown_word(profile)));
    }
    if args.dry_run || reply.plan.is_empty() && !reply.remembers {
        return show_only(screen, &reply.plan);
    }
    let agreed = agree(screen, &reply.plan, args.yes, false)?;
    let request = RollbackRequest { dry_run: false, plan: Some(reply.id) };
    finish(house, screen, target, &request, agreed, Waiting::from_flags(args.no_wait, args.wait_timeout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asked_has_a_name() {
        let name_of = |uid| (uid == 7).then(|| "ann".to_owned());
        for (actor, name) in [("uid 7", "ann"), ("uid 8", "uid 8"), ("token ci", "token ci"), ("uid x", "uid x")] {
            assert_eq!(named(actor.to_owned(), name_of), name);
        }
    }
}
