//! What starts an app besides you: the clock (`schedule`, `cron_restart`) and changed files (`watch`).

use crate::command;
use crate::cron;
use crate::diagnostic::clip;
use crate::layer::{Entries, Entry, Item, Value, set, top, whole};
use crate::probe::Ground;
use crate::texts::Texts;
use model::{AppSpec, Overlap, Schedule, Watch, WatchAction, When};
use std::path::PathBuf;
use std::time::Duration;

/// Everything of this kind.
pub(crate) fn settings(spec: &mut AppSpec, ground: Ground<'_>, t: &mut Texts<'_, '_>) {
    spec.schedule = schedule(ground, t);
    set(top(ground.layers, "cron_restart"), &mut spec.cron_restart, |e| t.or_none(e, |t, e| expression(e, t)));
    spec.watch = watch(ground, t);
}

fn is_none(entry: &Entry) -> bool {
    matches!(&entry.item.value, Value::Text(text) | Value::Verbatim(text) if text == "none")
}

fn schedule(ground: Ground<'_>, t: &mut Texts<'_, '_>) -> Option<Schedule> {
    let (entry, keys) = whole(ground.layers, "schedule")?;
    let plain = |when| Schedule {
        when,
        timezone: None,
        overlap: Overlap::Skip,
        timeout: None,
        catch_up: false,
        jitter: Duration::ZERO,
        run_at_start: false,
    };
    match (&entry.item.value, keys) {
        _ if is_none(entry) => None,
        (_, Some(keys)) => table(entry, keys, plain, ground, t),
        (Value::Text(_) | Value::Verbatim(_), None) => expression(entry, t).map(|text| plain(When::Cron(text))),
        (other, None) => {
            let help = "write for example `schedule = \"0 3 * * *\"` or `schedule = { every = \"10m\" }`".to_owned();
            t.refuse(entry, format!("expected a cron expression or a table, found {}", other.kind()), Some(help))
        }
    }
}

fn table(
    entry: &Entry,
    keys: &Entries,
    plain: impl Fn(When) -> Schedule,
    ground: Ground<'_>,
    t: &mut Texts<'_, '_>,
) -> Option<Schedule> {
    let key = |name| keys.get(name);
    let mut schedule = plain(When::Every(Duration::ZERO));
    set(key("timezone"), &mut schedule.timezone, |e| zone(e, ground, t).map(Some));
    let overlap = [("skip", Overlap::Skip), ("queue", Overlap::Queue), ("replace", Overlap::Replace)];
    set(key("overlap"), &mut schedule.overlap, |e| t.choice(e, &overlap));
    set(key("timeout"), &mut schedule.timeout, |e| t.or_none(e, |t, e| t.span(e)));
    set(key("catch_up"), &mut schedule.catch_up, |e| t.boolean(e));
    set(key("jitter"), &mut schedule.jitter, |e| t.span(e));
    set(key("run_at_start"), &mut schedule.run_at_start, |e| t.boolean(e));
    schedule.when = match (key("cron"), key("every")) {
        (Some(cron), None) => When::Cron(expression(cron, t)?),
        (None, Some(every)) => When::Every(t.span(every)?),
        (Some(_), Some(every)) => {
            return t.refuse(every, "`cron` is there already", Some("keep one of `cron` and `every`".to_owned()));
        }
        // A key that was not understood has been named, and is most likely one of the two, misspelled.
        (None, None) if ground.layers.iter().any(|layer| layer.misread.contains("schedule")) => return None,
        (None, None) => {
            return t.refuse(entry, "it does not say when", Some("add `cron = \"0 3 * * *\"` or `every = \"10m\"`".to_owned()));
        }
    };
    if let (When::Every(_), Some(zone)) = (&schedule.when, key("timezone")) {
        return t.refuse(zone, "`every` counts time, which has no zone", Some("remove it, or use `cron`".to_owned()));
    }
    Some(schedule)
}

/// A cron expression, its blanks made single.
fn expression(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<String> {
    let text = t.text(&entry.item, &entry.written, "a cron expression such as \"0 3 * * *\"")?;
    match cron::check(&text) {
        Ok(()) => Some(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        Err(wrong) => t.refuse(entry, wrong.message, Some(wrong.help)),
    }
}

fn zone(entry: &Entry, ground: Ground<'_>, t: &mut Texts<'_, '_>) -> Option<String> {
    let text = t.text(&entry.item, &entry.written, "a time zone such as \"Europe/Berlin\"")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
    if text.chars().all(fits) && ground.base.around.knows_time_zone(&text) {
        return Some(text);
    }
    let help = "write the name of one, such as \"Europe/Berlin\" or \"UTC\"; leave it out for that of the machine".to_owned();
    t.refuse(entry, format!("this machine knows no time zone `{}`", clip(&text)), Some(help))
}

fn watch(ground: Ground<'_>, t: &mut Texts<'_, '_>) -> Option<Watch> {
    let (entry, keys) = whole(ground.layers, "watch")?;
    let mut watch = Watch {
        paths: vec![ground.cwd.to_owned()],
        ignore: Vec::new(),
        debounce: Duration::from_millis(500),
        action: WatchAction::Restart,
        cascade: false,
    };
    match (&entry.item.value, keys) {
        (Value::Bool(on), _) => return on.then_some(watch),
        (Value::Text(text), _) if matches!(text.as_str(), "true" | "false") => return (text == "true").then_some(watch),
        (Value::Text(_) | Value::List(_), _) => watch.paths = paths(entry, ground, t)?,
        (_, Some(keys)) => {
            let key = |name| keys.get(name);
            set(key("paths"), &mut watch.paths, |e| paths(e, ground, t));
            set(key("ignore"), &mut watch.ignore, |e| patterns(e, t));
            set(key("debounce"), &mut watch.debounce, |e| t.span(e));
            let actions = [("restart", WatchAction::Restart), ("reload", WatchAction::Reload)];
            set(key("action"), &mut watch.action, |e| t.choice(e, &actions));
            set(key("cascade"), &mut watch.cascade, |e| t.boolean(e));
        }
        (other, None) => {
            let help = "write `watch = true` for the app's `cwd`, or `watch = [\"src\"]`".to_owned();
            return t.refuse(entry, format!("expected true, false, paths or a table, found {}", other.kind()), Some(help));
        }
    }
    Some(watch)
}

/// One text, or a list of them; never none.
fn texts<'e>(entry: &'e Entry, what: &str, t: &mut Texts<'_, '_>) -> Option<&'e [Item]> {
    match &entry.item.value {
        Value::List(items) if items.is_empty() => t.refuse(entry, format!("the list of {what} is empty"), None),
        Value::List(items) => Some(items),
        _ => Some(std::slice::from_ref(&entry.item)),
    }
}

fn paths(entry: &Entry, ground: Ground<'_>, t: &mut Texts<'_, '_>) -> Option<Vec<PathBuf>> {
    let items = texts(entry, "paths", t)?;
    let all: Vec<_> = items.iter().map(|item| command::path(item, entry, ground.cwd, ground.base, t)).collect();
    all.into_iter().collect()
}

fn patterns(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<Vec<String>> {
    if matches!(&entry.item.value, Value::List(items) if items.is_empty()) {
        return Some(Vec::new());
    }
    let items = texts(entry, "patterns", t)?;
    let all: Vec<_> = items.iter().map(|item| t.text(item, &entry.written, "a pattern as in .gitignore")).collect();
    all.into_iter().collect()
}
