//! `config edit`: a file in an editor, checked afterwards.

use crate::escape::shown_word;
use crate::failure::{Exit, Failure};
use crate::files::{self, Finding, shown_path};
use crate::screen::Screen;
use config::ProfileChoice;
use std::path::Path;
use std::process::{Command, ExitStatus};

/// Where nothing else is named.
const EDITOR: &str = "vi";

/// Opens the file until it is valid, or until nobody wants to go on. Nothing is applied.
///
/// # Errors
/// The editor cannot be run, or the file is not valid at the end.
pub fn edit(screen: &Screen, path: &Path) -> Result<(), Failure> {
    let before = std::fs::read(path).ok();
    loop {
        run(path)?;
        let errors = match files::load(path, &ProfileChoice::Own, None) {
            Ok(project) => {
                project.warn(screen);
                return told(screen, path, project.apps.len(), std::fs::read(path).ok() == before);
            }
            Err(invalid) => invalid.errors,
        };
        if !again(screen, &errors) {
            return Err(files::invalid(screen, &errors));
        }
    }
}

fn told(screen: &Screen, path: &Path, apps: usize, same: bool) -> Result<(), Failure> {
    let file = shown_path(path);
    let apps = if apps == 1 { "1 app".to_owned() } else { format!("{apps} apps") };
    screen.print(&format!("{file}: valid, {apps}{}\n", if same { "; nothing was changed" } else { "" }))?;
    if !same {
        screen.say(&format!("next: `abide plan {file}` shows what that would change, `abide apply {file}` does it"));
    }
    Ok(())
}

/// Runs the editor. Its command may have arguments (`code --wait`), which a shell takes apart, as everywhere.
fn run(path: &Path) -> Result<(), Failure> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| EDITOR.to_owned());
    let status = Command::new("/bin/sh").arg("-c").arg(format!("{editor} \"$@\"")).arg("abide").arg(path).status();
    let next = "set EDITOR to the editor that you want, for example EDITOR=nano";
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let text = format!("the editor `{}` {}", shown_word(&editor), ended(status));
            Err(Failure::new(Exit::No, format!("{text}; the file is as it left it")).next(next))
        }
        Err(error) => Err(Failure::new(Exit::No, format!("failed to run `{}`: {error}", shown_word(&editor))).next(next)),
    }
}

fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(127) => "is not there".to_owned(),
        Some(code) => format!("ended with code {code}"),
        None => "was ended by a signal".to_owned(),
    }
}

/// Asks whether to go on, where there is somebody to be asked.
fn again(screen: &Screen, errors: &[Finding]) -> bool {
    if !screen.can_ask() {
        return false;
    }
    errors.iter().for_each(|error| screen.err(&error.text));
    let answer = screen.ask("The file is not valid. Edit it again? [Y/n]");
    answer.is_some_and(|answer| !matches!(answer.to_ascii_lowercase().as_str(), "n" | "no"))
}
