//! `config` and `env`: what counts, and where it came from.

use crate::args::{Config, ConfigFile, ConfigShow, Env};
use crate::edit;
use crate::failure::{Exit, Failure};
use crate::files::{self, Project, shown_path};
use crate::found::find;
use crate::home::Home;
use crate::house::{House, Stopped};
use crate::render::{environment_text, is_changed, settings_text, values_text};
use crate::screen::Screen;
use api::client::{Request, path};
use api::{AppDetail, EnvironmentView};
use config::{Detail, Literal, effective, effective_settings_of, to_toml};
use model::{AppSpec, DaemonSettings, Origin};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Endings by which a word is a file and no app, as for `start`.
const ENDINGS: [&str; 4] = ["toml", "yaml", "yml", "json"];

/// One of the array that `config show --json` prints.
#[derive(Debug, Serialize)]
struct ValueReport<'s> {
    /// `null` = the manager itself.
    app: Option<&'s str>,
    key: &'s str,
    /// As a file would say it; `null` = not set.
    value: Value,
    /// Where it was written; `null` = nowhere.
    origin: Option<&'s Origin>,
    /// Whether it is the built-in default.
    default: bool,
}

/// What `config path --json` prints.
#[derive(Debug, Serialize)]
struct PathReport {
    file: String,
}

/// `config`.
///
/// # Errors
/// [`Failure`].
pub fn config(home: impl Fn() -> Result<Home, Failure>, screen: &Screen, args: &Config) -> Result<(), Failure> {
    match args {
        Config::Show(args) => show(home, screen, args),
        Config::Path(args) => {
            let file = file(screen, args)?;
            let file = file.to_string_lossy().into_owned();
            if screen.json {
                return screen.print_json(&PathReport { file });
            }
            screen.print(&format!("{}\n", crate::escape::shown(&file)))
        }
        Config::Edit(args) => edit::edit(screen, &file(screen, args)?),
    }
}

/// The file that counts, as an absolute path.
fn file(screen: &Screen, args: &ConfigFile) -> Result<PathBuf, Failure> {
    let named: Vec<PathBuf> = args.file.iter().cloned().collect();
    let found = find(&named)?.swap_remove(0);
    if let Some(warning) = &found.warning {
        screen.err(&warning.text);
    }
    if found.path == Path::new("-") {
        return Err(Failure::new(Exit::Usage, "standard input is no file").next("name a file or folder"));
    }
    std::path::absolute(&found.path)
        .map_err(|error| Failure::new(Exit::Config, format!("failed to find {}: {error}", shown_path(&found.path))))
}

fn show(home: impl Fn() -> Result<Home, Failure>, screen: &Screen, args: &ConfigShow) -> Result<(), Failure> {
    let (paths, names): (Vec<&String>, Vec<&String>) = args.what.iter().partition(|word| is_file(word));
    let mut apps = Vec::new();
    let mut own = Own::default();
    if names.is_empty() || !paths.is_empty() {
        let machine = of_manager(home().ok(), screen);
        (apps, own) = of_files(paths.into_iter().map(PathBuf::from).collect(), machine, screen, args)?;
    } else if args.part.profile.is_some() || args.alias.env.is_some() || !args.part.only.is_empty() || args.part.format.is_some()
    {
        let text = "a profile, --only and --format belong to files; an app of the manager is shown as it is defined";
        return Err(Failure::new(Exit::Usage, text).next("name the file: abide config show ./abide.toml --profile NAME"));
    }
    if !names.is_empty() {
        let house = House::new(home()?, Stopped::Leave);
        for name in names {
            apps.push(of_house(&house, name, args.reveal)?);
        }
    }
    if screen.json {
        return report(screen, &apps, &own, args.changed);
    }
    if args.toml {
        if !args.reveal && apps.iter().any(|app| to_toml(std::slice::from_ref(app), Detail::Changed).contains(model::MASK)) {
            screen.say("secrets are written as •••; --reveal writes them out");
        }
        return screen.print(&to_toml(&apps, if args.changed { Detail::Changed } else { Detail::All }));
    }
    let mut parts: Vec<String> = apps.iter().map(|app| values_text(app, args.changed, screen.out_colour)).collect();
    parts.push(settings_text(&own.settings, &own.origins, screen.out_colour));
    parts.retain(|part| !part.is_empty());
    screen.print(&parts.join("\n"))
}

/// Whether a word names a file and no app.
fn is_file(word: &str) -> bool {
    let ending = Path::new(word).extension().and_then(|ending| ending.to_str());
    matches!(word, "." | ".." | "-") || word.contains('/') || ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

/// The manager's own settings as files say them.
#[derive(Default)]
struct Own {
    settings: DaemonSettings,
    origins: BTreeMap<String, Origin>,
}

/// `daemon.toml` of the home, if it is in order; otherwise it is said what is wrong with it.
fn of_manager(home: Option<Home>, screen: &Screen) -> Option<Project> {
    match files::load_of_manager(&home?.path) {
        Ok(found) => found,
        Err(invalid) => {
            invalid.errors.iter().for_each(|error| screen.err(&error.text));
            None
        }
    }
}

/// What files come to, without asking the manager.
fn of_files(
    named: Vec<PathBuf>,
    machine: Option<Project>,
    screen: &Screen,
    args: &ConfigShow,
) -> Result<(Vec<AppSpec>, Own), Failure> {
    let part = args.part.clone().or(&args.alias);
    let choice = part.choice();
    let alone = named.is_empty();
    let file = crate::args::FileArgs { files: named, part };
    let mut projects = files::load_all(&file, &choice, false, screen).map_err(|failure| match failure {
        Failure::Told { exit: Exit::Config, message, code, .. } if alone && find(&[]).is_err() => {
            let next = Some("name an app or a file: abide config show APP, abide config show PATH".to_owned());
            Failure::Told { exit: Exit::Config, message, next, code }
        }
        other => other,
    })?;
    projects.extend(machine.filter(|machine| projects.iter().all(|project| project.path != machine.path)));
    projects.iter().for_each(|project| project.warn(screen));
    files::settings(&projects)?;
    let mut own = Own::default();
    for project in &projects {
        own.settings = project.daemon.over(&own.settings);
        own.origins.extend(project.daemon_origins.clone());
    }
    let apps = projects.into_iter().flat_map(|project| project.apps);
    let apps = apps.map(|app| if args.reveal { app } else { app.masked() }).collect();
    Ok((apps, own))
}

/// An app as the manager has it.
fn of_house(house: &House, app: &str, reveal: bool) -> Result<AppSpec, Failure> {
    let app = super::join_selectors(&[app.to_owned()])?;
    let target = path().segment("apps").segment(&app);
    let detail: AppDetail = house.ask(&Request::get(if reveal { target.query("reveal", "true") } else { target }))?;
    serde_json::from_value(detail.spec).map_err(|error| {
        Failure::new(Exit::Internal, format!("the manager describes {} in another way: {error}", detail.app))
            .next("`abide daemon upgrade` brings it to the version of this command")
    })
}

fn report(screen: &Screen, apps: &[AppSpec], own: &Own, changed: bool) -> Result<(), Failure> {
    let mut shown: Vec<_> = apps.iter().map(|app| (Some(app.name.as_str()), effective(app))).collect();
    shown.push((None, effective_settings_of(&own.settings, &own.origins)));
    let rows = shown.iter().flat_map(|(app, rows)| {
        // Of the manager's own settings only those are told that a file sets.
        let told = rows.iter().filter(|row| !(changed || app.is_none()) || is_changed(row));
        told.map(|row| ValueReport {
            app: *app,
            key: &row.key,
            value: row.value.as_ref().map_or(Value::Null, json),
            origin: row.origin,
            default: row.is_default,
        })
    });
    screen.print_json(&rows.collect::<Vec<_>>())
}

fn json(literal: &Literal) -> Value {
    match literal {
        Literal::Text(text) => Value::from(text.as_str()),
        Literal::Hidden => Value::from(model::MASK),
        Literal::Int(number) => i64::try_from(*number).map_or(Value::from(*number as f64), Value::from),
        Literal::Float(number) => Value::from(*number),
        Literal::Bool(is) => Value::from(*is),
        Literal::List(items) => items.iter().map(json).collect(),
        Literal::Table(members) => Value::Object(members.iter().map(|(name, value)| (name.clone(), json(value))).collect()),
    }
}

/// `env`.
///
/// # Errors
/// [`Failure`].
pub fn env(house: &House, screen: &Screen, args: &Env) -> Result<(), Failure> {
    let app = super::join_selectors(std::slice::from_ref(&args.app))?;
    let target = path().segment("apps").segment(&app).segment("environment");
    let view: EnvironmentView = house.ask(&Request::get(if args.reveal { target.query("reveal", "true") } else { target }))?;
    if screen.json { screen.print_json(&view) } else { screen.print(&environment_text(&view, screen.out_colour)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_files() {
        for (word, file) in [
            (".", true),
            ("-", true),
            ("./web", true),
            ("a.toml", true),
            ("x/", true),
            ("web", false),
            ("web-1", false),
            ("api.v2", false),
        ] {
            assert_eq!(is_file(word), file, "{word}");
        }
    }
}
