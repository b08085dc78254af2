//! `schema` and `completions`: what this program knows, for other programs.

use crate::args::{Cli, Completions, Schema};
use crate::failure::{Exit, Failure};
use crate::files::shown_path;
use crate::screen::Screen;
use clap::CommandFactory;

/// `schema`.
///
/// # Errors
/// The file cannot be written.
pub fn schema(screen: &Screen, args: &Schema) -> Result<(), Failure> {
    let text = config::schema();
    let Some(path) = &args.out else { return screen.print(&text) };
    std::fs::write(path, text).map_err(|error| {
        Failure::new(Exit::No, format!("failed to write {}: {error}", shown_path(path))).next("name another file with --out")
    })?;
    if screen.json {
        return screen.print_json(&serde_json::json!({ "file": path }));
    }
    screen.say(&format!("wrote {}", shown_path(path)));
    Ok(())
}

/// `completions`.
///
/// # Errors
/// Standard output cannot be written.
pub fn completions(screen: &Screen, args: &Completions) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "abide", &mut text);
    if screen.json {
        let script = String::from_utf8_lossy(&text);
        return screen.print_json(&serde_json::json!({ "shell": args.shell.to_string(), "script": script }));
    }
    screen.print_bytes(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;
    use clap_complete::Shell;

    #[test]
    fn every_shell_is_told_of_every_command() {
        for shell in Shell::value_variants() {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "abide", &mut text);
            let text = String::from_utf8(text).expect("UTF-8");
            for command in Cli::command().get_subcommands() {
                assert!(text.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
            assert!(text.contains("no-wait"), "{shell}");
        }
    }
}
