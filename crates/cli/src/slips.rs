//! What to say to a command line that cannot be read: what is wrong with it, and what was probably meant, in the form of every other error.
//!
//! Many come from PM2, systemd, supervisord or Docker, and their fingers know other words: [`verbs`] and [`flags`] answer these with what to
//! type here. Words that a later version will know are answered so, with what helps until then.

mod flags;
mod verbs;

use crate::args::Cli;
use crate::escape::shown_word;
use crate::failure::{Exit, Failure};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory};

/// What clap's refusal of these arguments (the program's own name is the first of them) comes to.
pub fn told(error: &clap::Error, argv: &[String]) -> Failure {
    let mut root = Cli::command();
    root.build();
    let (path, at) = walk(&root, argv);
    let whole = ["abide"].iter().chain(&path).copied().collect::<Vec<_>>().join(" ");
    let help = format!("`{whole} --help` shows ");
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = context(error, ContextKind::InvalidSubcommand).into_iter().next().unwrap_or_default();
            unknown_command(at, &path, &word, &help)
        }
        ErrorKind::UnknownArgument => {
            let word = context(error, ContextKind::InvalidArg).into_iter().next().unwrap_or_default();
            unknown_argument(at, &path, &whole, &word)
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = context(error, ContextKind::InvalidArg).join(" and ");
            let next = verbs::missing(&path).map_or_else(|| format!("{help}how it is written"), str::to_owned);
            Failure::new(Exit::Usage, format!("`{whole}` needs {missing}")).next(next)
        }
        _ => Failure::new(Exit::Usage, essence(error))
            .next(verbs::wrong(&path).map_or(format!("{help}what it takes"), str::to_owned)),
    }
}

/// The command that the words name, as far as they do, and the words that it is made of.
fn walk<'a>(root: &'a Command, argv: &[String]) -> (Vec<&'a str>, &'a Command) {
    let (mut path, mut at) = (Vec::new(), root);
    let mut words = argv.iter().skip(1);
    while let Some(word) = words.next() {
        if word == "--home" {
            words.next();
        } else if !word.starts_with('-') {
            let Some(below) = at.find_subcommand(word) else { break };
            path.push(below.get_name());
            at = below;
        }
    }
    (path, at)
}

fn unknown_command(at: &Command, path: &[&str], word: &str, help: &str) -> Failure {
    if let Some(habit) = verbs::habit(path, word) {
        let word = path.iter().copied().chain([word]).collect::<Vec<_>>().join(" ");
        let message = match habit.why {
            verbs::Why::NotYet => format!("`abide {}` is not there yet", shown_word(&word)),
            verbs::Why::Because("") => format!("there is no command `{}`", shown_word(&word)),
            verbs::Why::Because(why) => format!("there is no command `{}`: {why}", shown_word(&word)),
        };
        return Failure::new(Exit::Usage, message).next(habit.next);
    }
    let near = nearest(word, at.get_subcommands().flat_map(Command::get_name_and_visible_aliases));
    let meant: Vec<String> = near.iter().map(|name| format!("`{}`", command_line(path, name))).collect();
    let next = match meant.as_slice() {
        [] => format!("{help}every command"),
        some => format!("did you mean {}?", some.join(" or ")),
    };
    Failure::new(Exit::Usage, format!("there is no command `{}`", shown_word(&[path, &[word]].concat().join(" ")))).next(next)
}

fn command_line(path: &[&str], name: &str) -> String {
    ["abide"].iter().chain(path).chain([&name]).copied().collect::<Vec<_>>().join(" ")
}

fn unknown_argument(at: &Command, path: &[&str], whole: &str, word: &str) -> Failure {
    if !word.starts_with('-') {
        let next = verbs::too_many(path).map_or_else(|| format!("`{whole} --help` shows what it takes"), str::to_owned);
        return Failure::new(Exit::Usage, format!("`{whole}` takes no `{}`", shown_word(word))).next(next);
    }
    let name = word.split_once('=').map_or(word, |(name, _)| name);
    let bare = name.trim_start_matches('-');
    let flags = at.get_arguments().filter_map(clap::Arg::get_long);
    let near =
        if name.starts_with("--") { nearest(bare, flags).first().map(|near| format!("did you mean `--{near}`?")) } else { None };
    let next = flags::advice(path, name).map(str::to_owned).or(near).unwrap_or_else(|| match path {
        [] => "`abide --help` shows every command; flags stand behind it".to_owned(),
        ["start"] => START_FLAGS.to_owned(),
        _ => format!("`{whole} --help` shows every flag"),
    });
    Failure::new(Exit::Usage, format!("`{whole}` has no flag `{}`", shown_word(word))).next(next)
}

/// Before a program's second word every option is taken for one of ours.
const START_FLAGS: &str = "an option of the program itself stands in its quotes (abide start \"node --inspect app.js\") or behind --; \
                           `abide start --help` shows Abide's";

/// So many names are offered at most.
const OFFERED: usize = 3;

/// The names to which few slips of a finger lead from `word`, the nearest first.
fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    // The distance costs the product of both lengths.
    let word = word.chars().take(40).collect::<String>().to_lowercase();
    let far = (word.chars().count() / 3).max(1);
    let mut near: Vec<(usize, &str)> = names.map(|name| (strsim::damerau_levenshtein(&word, name), name)).collect();
    near.retain(|(distance, name)| *distance <= far && *distance < name.len());
    near.sort_by_key(|(distance, _)| *distance);
    near.into_iter().map(|(_, name)| name).take(OFFERED).collect()
}

/// What clap says, without the lines that it puts around every error.
fn essence(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = ["\n\nUsage:", "\n\nFor more information"].iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
    crate::escape::shown_lines(text[..end].trim_end())
}

fn context(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(one)) => vec![one.clone()],
        Some(ContextValue::Strings(some)) => some.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> String {
        let argv: Vec<String> = format!("abide {line}").split(' ').map(str::to_owned).collect();
        let error = Cli::command().try_get_matches_from(&argv).expect_err(line);
        match told(&error, &argv) {
            Failure::Told { exit: Exit::Usage, message, next: Some(next), .. } => format!("{message}\n{next}"),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn slips_of_fingers() {
        for (line, want) in [
            ("lst", "there is no command `lst`\ndid you mean `abide list` or `abide ls`?"),
            ("strat web", "there is no command `strat`\ndid you mean `abide start`?"),
            ("LIST", "there is no command `LIST`\ndid you mean `abide list`?"),
            ("--home /tmp/x satrt", "there is no command `satrt`\ndid you mean `abide start`?"),
            ("daemon strat", "there is no command `daemon strat`\ndid you mean `abide daemon start`?"),
            ("frobnicate", "there is no command `frobnicate`\n`abide --help` shows every command"),
            ("daemon frob", "there is no command `daemon frob`\n`abide daemon --help` shows every command"),
            ("list --jsno", "`abide list` has no flag `--jsno`\ndid you mean `--json`?"),
            ("list --frob", "`abide list` has no flag `--frob`\n`abide list --help` shows every flag"),
            ("list web", "`abide list` takes no `web`\n`abide status APP` shows one app, `abide list` all"),
            ("stop", "`abide stop` needs <SELECTOR>...\nname an app, or all: abide stop web"),
            (
                "logs -n some",
                "invalid value 'some' for '--lines <N>': invalid digit found in string\n`abide logs --help` shows what it takes",
            ),
        ] {
            assert_eq!(said(line), want, "{line}");
        }
    }

    #[test]
    fn habits_of_other_managers() {
        for (line, words) in [
            ("save", &["remembered", "abide daemon start"][..]),
            ("resurrect", &["abide daemon start"]),
            ("monit", &["not there yet", "abide list"]),
            ("startup systemd", &["not there yet", "docs/boot.md"]),
            ("flush web", &["abide logs --clear"]),
            ("jlist", &["abide list --json"]),
            ("gracefulReload web", &["abide reload"]),
            ("gracefulreload web", &["abide reload"]),
            ("startOrReload eco.json", &["abide up"]),
            ("daemon install", &["not there yet"]),
            ("daemon restart", &["abide daemon upgrade"]),
            ("kill", &["abide daemon stop"]),
            ("kill web", &["`web` is not a signal", "abide daemon stop", "abide kill TERM web"]),
            ("status", &["abide list"]),
            ("start x --max-memory-restart 300M", &["--max-memory 300M"]),
            ("start x --max-memory-restart=300M", &["--max-memory 300M"]),
            ("start x --no-autorestart", &["--restart never"]),
            ("start node --inspect", &["behind --"]),
            ("logs web --nostream", &["abide logs", "-f"]),
            ("-H ssh://x list", &["not there yet"]),
            ("-v", &["abide --version"]),
            ("stop all --yes", &["asks nothing"]),
        ] {
            let said = said(line);
            assert!(words.iter().all(|word| said.contains(word)), "{line}: {said}");
        }
    }

    #[test]
    fn what_is_there_is_not_said_to_be_missing() {
        let mut root = Cli::command();
        root.build();
        for command in root.get_subcommands() {
            for name in command.get_name_and_visible_aliases() {
                assert!(verbs::habit(&[], name).is_none(), "`{name}` is a command");
            }
            for flag in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(
                    flags::advice(&[command.get_name()], &format!("--{flag}")).is_none(),
                    "{} has --{flag}",
                    command.get_name()
                );
            }
        }
    }

    #[test]
    fn a_hostile_word_is_escaped() {
        assert_eq!(said("x\u{1b}[2J"), "there is no command `x\\x1b[2J`\n`abide --help` shows every command");
    }
}
