//! Tables of values with where they came from: `config show` and `env`.

use crate::escape::{shown, shown_word};
use crate::screen::{BOLD, DIM, paint};
use api::{EnvironmentView, VariableFrom};
use config::{Shown, effective, effective_settings_of};
use model::{AppSpec, DaemonSettings, Origin};
use std::collections::BTreeMap;

/// A value is padded to at most so many columns; a longer one moves only what stands behind it.
const VALUE_MAX: usize = 40;

/// A row: key, value, and where it came from. The last says whether it is worth less attention.
type Row = ([String; 3], bool);

/// Whether somebody said it, so that it is more than a default.
pub fn is_changed(row: &Shown<'_>) -> bool {
    !row.is_default || row.origin.is_some()
}

/// Every value of an app, or what is not at its default, below the app's name.
pub fn values_text(spec: &AppSpec, changed: bool, colour: bool) -> String {
    let rows = effective(spec);
    let rows = rows.iter().filter(|row| !changed || is_changed(row));
    let rows: Vec<Row> = rows.map(|row| (cells(row, spec.profile.as_deref()), row.is_default)).collect();
    table(spec.name.as_str(), ["KEY", "VALUE", "FROM"], &rows, colour)
}

/// What a file sets of the manager's own settings. Nothing where it sets nothing.
pub fn settings_text(settings: &DaemonSettings, origins: &BTreeMap<String, Origin>, colour: bool) -> String {
    let rows = effective_settings_of(settings, origins);
    let rows: Vec<Row> = rows.iter().filter(|row| is_changed(row)).map(|row| (cells(row, None), false)).collect();
    if rows.is_empty() { String::new() } else { table("the manager", ["KEY", "VALUE", "FROM"], &rows, colour) }
}

fn cells(row: &Shown<'_>, profile: Option<&str>) -> [String; 3] {
    // Without a value, what holds is told in words.
    let value = row.value.as_ref().map_or_else(|| format!("({})", row.otherwise()), ToString::to_string);
    let from = match row.origin {
        Some(origin) => origin_text(origin, profile),
        None if row.is_default => "default".to_owned(),
        // Of this table a specification knows no line.
        None if row.key.starts_with("groups.") => "[groups]".to_owned(),
        None => "-".to_owned(),
    };
    [row.key.clone(), value, from]
}

/// `abide.toml:4 (defaults)`.
fn origin_text(origin: &Origin, profile: Option<&str>) -> String {
    match origin {
        Origin::App { at } => at.clone(),
        Origin::Defaults { at } => format!("{at} (defaults)"),
        Origin::Profile { at } => format!("{at} (profile {})", profile.unwrap_or("?")),
        Origin::Flag => "a flag of the command".to_owned(),
    }
}

/// The environment of a slot.
pub fn environment_text(view: &EnvironmentView, colour: bool) -> String {
    let row = |variable: &api::VariableView| -> Row {
        let value = variable.value.clone().unwrap_or_else(|| "(another for each life)".to_owned());
        let from = match (&variable.origin, variable.from) {
            (Some(origin), _) => origin_text(origin, view.profile.as_deref()),
            (None, VariableFrom::Session) => "session".to_owned(),
            (None, VariableFrom::App) => "app".to_owned(),
            (None, VariableFrom::User) => "user".to_owned(),
            (None, VariableFrom::Manager) => "manager".to_owned(),
        };
        ([variable.name.clone(), value, from], variable.from != VariableFrom::App)
    };
    let rows: Vec<Row> = view.variables.iter().map(row).collect();
    table(&view.slot, ["NAME", "VALUE", "FROM"], &rows, colour)
}

fn table(title: &str, heading: [&str; 3], rows: &[Row], colour: bool) -> String {
    let rows: Vec<([String; 3], bool)> =
        rows.iter().map(|([key, value, from], dim)| ([shown_word(key).into_owned(), shown(value), shown(from)], *dim)).collect();
    let width = |at: usize| {
        let cells = rows.iter().map(|(cells, _)| cells[at].chars().count());
        cells.chain([heading[at].len()]).max().unwrap_or(0)
    };
    let (key_width, value_width) = (width(0), width(1).min(VALUE_MAX));
    let line = |[key, value, from]: [&str; 3]| format!("  {key:key_width$}  {value:value_width$}  {from}");
    let mut text = format!("{}\n{}\n", paint(colour, BOLD, &shown_word(title)), paint(colour, DIM, line(heading).trim_end()));
    for (cells, dim) in &rows {
        let line = line([&cells[0], &cells[1], &cells[2]]);
        text.push_str(&if *dim { paint(colour, DIM, &line) } else { line });
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::VariableView;
    use model::{AppName, Origin};
    use std::time::Duration;

    fn spec() -> AppSpec {
        let mut spec = AppSpec::new(AppName::new("web").expect("a name"), vec!["node".into(), "a b.js".into()], "/srv".into());
        spec.stop_timeout = Duration::from_secs(20);
        spec.env.insert("TOKEN".into(), "hunter2".into());
        spec.env.insert("A\u{1b}".into(), "x".into());
        spec.profile = Some("prod".into());
        for (key, origin) in [
            ("cmd", Origin::App { at: "abide.toml:9".into() }),
            ("stop_timeout", Origin::Profile { at: "abide.toml:4".into() }),
            ("env.TOKEN", Origin::Defaults { at: "abide.toml:2".into() }),
            ("instances", Origin::Flag),
        ] {
            spec.origins.insert(key.into(), origin);
        }
        spec
    }

    #[test]
    fn what_was_changed() {
        assert_eq!(
            values_text(&spec().masked(), true, false),
            "\
web
  KEY            VALUE               FROM
  cmd            [\"node\", \"a b.js\"]  abide.toml:9
  env.\"A\\u001B\"  •••                 -
  env.TOKEN      •••                 abide.toml:2 (defaults)
  instances      1                   a flag of the command
  stop_timeout   \"20s\"               abide.toml:4 (profile prod)
  profile        \"prod\"              -
"
        );
    }

    #[test]
    fn everything() {
        let text = values_text(&spec(), false, false);
        let has = |row: &[&str]| text.lines().any(|line| row.iter().all(|cell| line.contains(cell)));
        for row in [
            &["  user", "(the manager's)", "default"][..],
            &["limits.core", "(0)", "default"],
            &["watch ", "false", "default"],
            &["env.TOKEN", "\"hunter2\""],
        ] {
            assert!(has(row), "{row:?}\n{text}");
        }
        assert!(settings_text(&DaemonSettings::default(), &BTreeMap::new(), false).is_empty());
        let some = DaemonSettings { log_max_files: Some(9), ..DaemonSettings::default() };
        let at = Origin::App { at: "/h/daemon.toml:1".into() };
        let text = settings_text(&some, &[("daemon.log_max_files".to_owned(), at)].into(), false);
        assert!(text.contains("daemon.log_max_files") && text.contains("/h/daemon.toml:1"), "{text}");
    }

    #[test]
    fn an_environment() {
        let one = |name: &str, value: Option<&str>, from, origin| VariableView {
            name: name.into(),
            value: value.map(str::to_owned),
            from,
            origin,
        };
        let at = Some(Origin::App { at: "web.env:3".into() });
        let variables = vec![
            one("ABIDE_INSTANCE", None, VariableFrom::Manager, None),
            one("HOME", Some("/home/u"), VariableFrom::User, None),
            one("PATH", Some("•••"), VariableFrom::Session, None),
            one("TOKEN", Some("•••"), VariableFrom::App, at),
            one("X", Some("•••"), VariableFrom::App, Some(Origin::Profile { at: "abide.toml:3".into() })),
        ];
        let view = EnvironmentView { app: "web".into(), slot: "web-0".into(), profile: Some("prod".into()), variables };
        assert_eq!(
            environment_text(&view, false),
            "\
web-0
  NAME            VALUE                    FROM
  ABIDE_INSTANCE  (another for each life)  manager
  HOME            /home/u                  user
  PATH            •••                      session
  TOKEN           •••                      web.env:3
  X               •••                      abide.toml:3 (profile prod)
"
        );
    }
}
