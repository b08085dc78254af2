//! A plan and the history, for people.

use super::time::local_time;
use crate::escape::{shown, shown_word};
use crate::screen::{BOLD, DIM, GREEN, RED, YELLOW, paint};
use api::{HistoryEntry, OperationKind};
use jiff::tz::TimeZone;
use model::{Change, Difference, Plan, Planned, StepAct};

/// So many slots of one app are named; the rest is counted.
const SLOTS: usize = 4;

/// So many unchanged apps are named.
const UNCHANGED: usize = 8;

/// What would be done, app by app, and a last line that counts.
pub fn plan_text(plan: &Plan, colour: bool) -> String {
    let mut text = String::new();
    for app in plan.apps.iter().filter(|app| app.change != Change::Keep) {
        app_text(app, colour, &mut text);
    }
    if !plan.settings.is_empty() {
        text.push_str(&format!("{} the manager's own settings\n", paint(colour, YELLOW, "~")));
        differences(&plan.settings, &mut text);
    }
    if plan.is_empty() {
        text.push_str("nothing to do: everything is as wished\n");
        return text;
    }
    let kept: Vec<&str> = plan.with(Change::Keep).map(|app| app.app.as_str()).collect();
    if !kept.is_empty() {
        let more = if kept.len() > UNCHANGED { ", …" } else { "" };
        let names: Vec<&str> = kept.iter().copied().take(UNCHANGED).collect();
        text.push_str(&paint(colour, DIM, &format!("  unchanged: {}{more}", names.join(", "))));
        text.push('\n');
    }
    let count = |change, word: &str| {
        let number = plan.with(change).count();
        (number > 0).then(|| format!("{number} {word}"))
    };
    // Where no app changes, the line would else read as if nothing did.
    let only_settings = !plan.settings.is_empty() && plan.apps.iter().all(|app| app.change == Change::Keep);
    let parts = [
        only_settings.then(|| "the manager's own settings to change".to_owned()),
        count(Change::Add, "to add"),
        count(Change::Change, "to change"),
        count(Change::Start, "to start"),
        count(Change::Reload, "to reload"),
        count(Change::Remove, "to remove"),
        count(Change::Keep, "unchanged"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if !parts.is_empty() {
        text.push_str(&format!("{} {}\n", paint(colour, BOLD, "plan:"), parts.join(", ")));
    }
    text
}

fn app_text(app: &Planned, colour: bool, text: &mut String) {
    let (sign, style, word) = match app.change {
        Change::Add => ("+", GREEN, "new"),
        Change::Change => ("~", YELLOW, "changed"),
        Change::Start => (">", GREEN, "at rest"),
        Change::Reload => ("*", YELLOW, "reloaded"),
        Change::Remove => ("-", RED, "removed"),
        Change::Keep => (" ", DIM, "unchanged"),
    };
    let does = acts(app);
    text.push_str(&format!(
        "{} {}: {word}{does}\n",
        paint(colour, style, sign),
        paint(colour, BOLD, &shown_word(app.app.as_str()))
    ));
    differences(&app.differences, text);
    for note in &app.notes {
        text.push_str(&format!("    {} {}\n", paint(colour, DIM, "note:"), shown(note)));
    }
}

/// `; restarts web-0, web-1; starts web-2`.
fn acts(app: &Planned) -> String {
    let of = |act: StepAct, word: &str| {
        let slots: Vec<String> = app.steps.iter().filter(|step| step.act == act).map(|step| step.slot.to_string()).collect();
        let more = if slots.len() > SLOTS { format!(" and {} more", slots.len() - SLOTS) } else { String::new() };
        let names: Vec<&str> = slots.iter().map(String::as_str).take(SLOTS).collect();
        (!slots.is_empty()).then(|| format!("; {word} {}{more}", names.join(", ")))
    };
    let parts = [
        of(StepAct::Stop, "stops"),
        of(StepAct::Restart, "restarts"),
        of(StepAct::Replace, "replaces"),
        of(StepAct::Signal, "signals"),
        of(StepAct::Start, "starts"),
    ];
    let text: String = parts.into_iter().flatten().collect();
    if text.is_empty() && app.change == Change::Change { "; applied to what runs".to_owned() } else { text }
}

fn differences(list: &[Difference], text: &mut String) {
    let width = list.iter().map(|difference| difference.key.chars().count()).max().unwrap_or(0);
    for Difference { key, from, to } in list {
        let value = |value: &Option<String>| value.as_deref().map_or("not set".to_owned(), shown);
        text.push_str(&format!("    {:width$}  {} → {}\n", shown_word(key), value(from), value(to)));
    }
}

/// One operation a paragraph, the oldest first.
pub fn history_text(entries: &[HistoryEntry], zone: &TimeZone, colour: bool) -> String {
    let mut text = String::new();
    for entry in entries {
        let apps: Vec<String> = entry.apps.iter().take(UNCHANGED).map(|app| shown_word(app).into_owned()).collect();
        let more =
            if entry.apps.len() > UNCHANGED { format!(" and {} more", entry.apps.len() - UNCHANGED) } else { String::new() };
        let back = entry.back_to.map_or(String::new(), |number| format!(" to {number}"));
        let gone = if entry.kept || entry.plan.is_empty() { "" } else { " (cannot be rolled back any more)" };
        text.push_str(&format!(
            "{}  {}  {}  {}{back}  {}{more}{gone}\n",
            paint(colour, BOLD, &entry.operation.to_string()),
            local_time(&entry.time, zone).split('.').next().unwrap_or_default(),
            shown_word(&entry.actor),
            kind(entry.kind),
            apps.join(", "),
        ));
        for app in entry.plan.apps.iter().filter(|app| app.change != Change::Keep) {
            text.push_str("  ");
            let mut one = String::new();
            app_text(app, colour, &mut one);
            text.push_str(one.trim_end().replace('\n', "\n  ").as_str());
            text.push('\n');
        }
        if !entry.plan.settings.is_empty() {
            let mut one = String::new();
            differences(&entry.plan.settings, &mut one);
            text.push_str(&one);
        }
    }
    text
}

fn kind(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Apply => "apply",
        OperationKind::Rollback => "rollback",
        OperationKind::Start => "start",
        OperationKind::Stop => "stop",
        OperationKind::Restart => "restart",
        OperationKind::Reload => "reload",
        OperationKind::Scale => "scale",
        OperationKind::Delete => "delete",
        OperationKind::Reset => "reset",
        OperationKind::Wait => "wait",
        OperationKind::Shutdown => "shutdown",
        OperationKind::Upgrade => "upgrade",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AppName, SlotRef, Step};

    fn planned(
        app: &str,
        change: Change,
        steps: &[(u32, StepAct)],
        differences: &[(&str, Option<&str>, Option<&str>)],
    ) -> Planned {
        let app = AppName::new(app).expect("a name");
        let step = |(index, act): &(u32, StepAct)| Step { slot: SlotRef::new(&app, *index), act: *act };
        let own = |text: Option<&str>| text.map(str::to_owned);
        Planned {
            steps: steps.iter().map(step).collect(),
            differences: differences
                .iter()
                .map(|(key, from, to)| Difference { key: (*key).to_owned(), from: own(*from), to: own(*to) })
                .collect(),
            notes: Vec::new(),
            change,
            app,
        }
    }

    fn example() -> Plan {
        use StepAct::{Replace, Restart, Start, Stop};
        let many: Vec<(u32, StepAct)> = (0..6).map(|index| (index, Start)).collect();
        let mut api = planned(
            "api",
            Change::Change,
            &[(0, Restart), (1, Start)],
            &[
                ("env.KEY", Some("•••"), Some("•••")),
                ("instances", Some("1"), Some("2")),
                ("cwd", None, Some("\"/x\u{1b}[31m\"")),
            ],
        );
        api.notes.push("it was defined by /srv/old/abide.toml".to_owned());
        Plan {
            apps: vec![
                planned("web", Change::Add, &many, &[]),
                api,
                planned("job", Change::Change, &[], &[("max_memory", Some("\"256M\""), Some("\"512M\""))]),
                planned("db", Change::Keep, &[], &[]),
                planned("cache", Change::Start, &[(0, Start)], &[]),
                planned("live", Change::Reload, &[(0, Replace), (1, Start)], &[]),
                planned("old", Change::Remove, &[(0, Stop)], &[]),
            ],
            settings: vec![Difference { key: "log_max_size".into(), from: Some("20M".into()), to: Some("5M".into()) }],
        }
    }

    #[test]
    fn a_plan() {
        assert_eq!(
            plan_text(&example(), false),
            "\
+ web: new; starts web-0, web-1, web-2, web-3 and 2 more
~ api: changed; restarts api-0; starts api-1
    env.KEY    ••• → •••
    instances  1 → 2
    cwd        not set → \"/x\\x1b[31m\"
    note: it was defined by /srv/old/abide.toml
~ job: changed; applied to what runs
    max_memory  \"256M\" → \"512M\"
> cache: at rest; starts cache-0
* live: reloaded; replaces live-0; starts live-1
- old: removed; stops old-0
~ the manager's own settings
    log_max_size  20M → 5M
  unchanged: db
plan: 1 to add, 2 to change, 1 to start, 1 to reload, 1 to remove, 1 unchanged
"
        );
        let plan = example();
        let settings =
            Plan { apps: plan.apps.into_iter().filter(|app| app.change == Change::Keep).collect(), settings: plan.settings };
        assert!(plan_text(&settings, false).ends_with("plan: the manager's own settings to change, 1 unchanged\n"));
        assert_eq!(plan_text(&Plan::default(), false), "nothing to do: everything is as wished\n");
    }

    #[test]
    fn a_history() {
        let entry = |operation, kind, plan: Plan, kept| HistoryEntry {
            operation,
            time: "2026-11-21T12:00:00Z".to_owned(),
            actor: "ann".to_owned(),
            kind,
            apps: vec!["api".to_owned()],
            plan,
            back_to: (kind == OperationKind::Rollback).then_some(7),
            kept,
        };
        let one = |at: usize| Plan { apps: vec![example().apps.remove(at)], settings: Vec::new() };
        let entries = [
            entry(7, OperationKind::Apply, one(1), false),
            entry(8, OperationKind::Restart, Plan::default(), false),
            entry(9, OperationKind::Rollback, one(2), true),
        ];
        assert_eq!(
            history_text(&entries, &TimeZone::UTC, false),
            "\
7  2026-11-21 12:00:00  ann  apply  api (cannot be rolled back any more)
  ~ api: changed; restarts api-0; starts api-1
      env.KEY    ••• → •••
      instances  1 → 2
      cwd        not set → \"/x\\x1b[31m\"
      note: it was defined by /srv/old/abide.toml
8  2026-11-21 12:00:00  ann  restart  api
9  2026-11-21 12:00:00  ann  rollback to 7  api
  ~ job: changed; applied to what runs
      max_memory  \"256M\" → \"512M\"
"
        );
    }
}
