//! `abide start …`: which words are Abide's and which belong to the program.
//!
//! After the command's second word everything belongs to the program. An option of Abide's there can be meant either way, so it is an
//! error that shows both spellings (semantics.md, Command line).

use crate::args::Cli;
use clap::CommandFactory;
use std::collections::BTreeMap;

/// An option of Abide's where options belong to the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ambiguous {
    /// The option as written.
    pub option: String,
    /// The command line that gives it to Abide.
    pub for_abide: String,
    /// The command line that gives it to the program.
    pub for_program: String,
}

/// Puts `--` in front of the words of `abide start`, so that clap takes nothing after the second one for its own. Other command lines, and
/// those with `--`, come back as they are.
///
/// # Errors
/// [`Ambiguous`].
pub fn arrange(argv: Vec<String>) -> Result<Vec<String>, Ambiguous> {
    // To know all options of every command takes longer than most commands themselves.
    if !argv.iter().skip(1).any(|word| word == "start") {
        return Ok(argv);
    }
    let mut root = Cli::command();
    root.build();
    let Some(start) = root.find_subcommand("start") else { return Ok(argv) };
    let takes_value: BTreeMap<String, bool> = start
        .get_arguments()
        .flat_map(|arg| {
            let value = arg.get_action().takes_values();
            let long = arg.get_long().map(|long| (format!("--{long}"), value));
            long.into_iter().chain(arg.get_short().map(|short| (format!("-{short}"), value)))
        })
        .collect();

    let mut flags = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut rest = argv.iter().skip(1).cloned();
    let mut is_start = false;
    while let Some(word) = rest.next() {
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        if word == "--" {
            return Ok(argv);
        } else if word.starts_with('-') && word != "-" {
            let value = takes_value.get(name).copied().unwrap_or(false) && name == word;
            flags.push(word);
            if value {
                flags.extend(rest.next());
            }
        } else if !is_start {
            if word != "start" {
                return Ok(argv);
            }
            is_start = true;
        } else {
            words.push(word);
            if words.len() == 2 {
                break;
            }
        }
    }
    if words.len() < 2 {
        return Ok(argv);
    }
    let tail: Vec<String> = rest.collect();
    // After a `--` of the program's own nothing is looked at.
    let looked_at = tail.iter().position(|word| word == "--").unwrap_or(tail.len());
    for (at, word) in tail[..looked_at].iter().enumerate() {
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        if let Some(takes) = takes_value.get(name) {
            let length = if *takes && name == word { 2.min(tail.len() - at) } else { 1 };
            let (before, from) = tail.split_at(at);
            let (option, after) = from.split_at(length);
            let line = |parts: &[&[String]]| {
                let words: Vec<String> = parts.iter().flat_map(|part| part.iter().map(|word| quote(word))).collect();
                format!("abide start {}", words.join(" "))
            };
            let dashes = ["--".to_owned()];
            return Err(Ambiguous {
                option: word.clone(),
                for_abide: line(&[&flags, option, &words, before, after]),
                for_program: line(&[&flags, &dashes, &words, &tail]),
            });
        }
    }
    let program = argv.first().cloned().unwrap_or_default();
    let head = [vec![program, "start".to_owned()], flags, vec!["--".to_owned()], words, tail];
    Ok(head.into_iter().flatten().collect())
}

/// A word as a shell reads it back, safe to print.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    let word = crate::escape::shown_word(word);
    if !word.is_empty() && word.chars().all(plain) { word.into_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Command;
    use clap::Parser;

    fn arranged(line: &str) -> Result<Vec<String>, Ambiguous> {
        arrange(line.split('|').map(str::to_owned).collect())
    }

    #[test]
    fn whose_words() {
        // command line, words that are the command's, name
        let cases = [
            ("abide|start|node|server.js", "node|server.js", None),
            ("abide|start|node server.js|--name|web", "node server.js", Some("web")),
            (
                "abide|start|--name|web|node|server.js|--inspect-port|3000|-x",
                "node|server.js|--inspect-port|3000|-x",
                Some("web"),
            ),
            ("abide|start|node|--name|web|server.js|--inspect", "node|server.js|--inspect", Some("web")),
            ("abide|start|node|--name=web|server.js|-v", "node|server.js|-v", Some("web")),
            ("abide|start|--|node|--inspect|server.js|--name|x", "node|--inspect|server.js|--name|x", None),
            ("abide|start|--name|web|--|node|-q", "node|-q", Some("web")),
            ("abide|--home|/tmp/start|start|./app|--name|web", "./app", Some("web")),
            ("abide|start|sh|run|--|--name|x", "sh|run|--|--name|x", None),
            ("abide|start|-|--name|web", "-", Some("web")),
            ("abide|start|./app|--env|A=B|--env|C=D", "./app", None),
            ("abide|start|app.js|-n|web|-i|4", "app.js", Some("web")),
            ("abide|start|-i4|-nweb|node|app.js|-x", "node|app.js|-x", Some("web")),
        ];
        for (line, words, name) in cases {
            let cli = Cli::try_parse_from(arranged(line).expect(line)).expect(line);
            let Command::Start(start) = cli.command else { panic!("{line}") };
            assert_eq!(start.words.join("|"), words, "{line}");
            assert_eq!(start.app.name.as_deref(), name, "{line}");
        }
    }

    #[test]
    fn an_option_that_can_be_meant_either_way() {
        let cases = [
            (
                "abide|start|node|server.js|--name|my web",
                "--name",
                "abide start --name 'my web' node server.js",
                "abide start -- node server.js --name 'my web'",
            ),
            ("abide|start|web|api|--no-wait", "--no-wait", "abide start --no-wait web api", "abide start -- web api --no-wait"),
            (
                "abide|start|--cwd|/x|a|b|c|--env=K=V|d",
                "--env=K=V",
                "abide start --cwd /x --env=K=V a b c d",
                "abide start --cwd /x -- a b c --env=K=V d",
            ),
            ("abide|start|a|b|--json", "--json", "abide start --json a b", "abide start -- a b --json"),
        ];
        for (line, option, for_abide, for_program) in cases {
            let expected =
                Ambiguous { option: option.to_owned(), for_abide: for_abide.to_owned(), for_program: for_program.to_owned() };
            assert_eq!(arranged(line), Err(expected), "{line}");
        }
    }

    #[test]
    fn other_commands_are_left_alone() {
        for line in ["abide|stop|web|api|--no-wait", "abide", "abide|--json|list", "abide|logs|start|x|--follow"] {
            assert_eq!(arranged(line).expect(line).join("|"), line);
        }
    }
}
