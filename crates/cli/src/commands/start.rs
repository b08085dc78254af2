//! `start`: a file, apps that are there, or a command (semantics.md, Command line).

use super::change::report;
use super::up::apply as carry_out_apply;
use crate::args::{AppFlags, PartArgs, Start};
use crate::failure::{Exit, Failure};
use crate::files::{self, shown_path};
use crate::follow::{Waiting, carry_out};
use crate::home::Home;
use crate::house::{House, Stopped};
use crate::screen::Screen;
use crate::session::Session;
use crate::words::quote;
use api::client::{Request, path};
use api::{SlotRow, StartRequest};
use config::ProfileChoice;
use model::Definition;
use std::path::Path;

/// Endings of files that are configurations.
const CONFIG_ENDINGS: [&str; 7] = [".toml", ".yaml", ".yml", ".json", ".config.js", ".config.cjs", ".config.mjs"];

/// What the words after `start` mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// One word: a configuration file, or `-`.
    File,
    /// Selectors of apps, if every one of them matches; otherwise a command.
    MaybeNames,
    /// A command.
    Command,
}

/// `start`.
///
/// # Errors
/// [`Failure`].
pub fn start(home: Home, screen: &Screen, args: &Start) -> Result<(), Failure> {
    let waiting = Waiting::from_flags(args.no_wait, args.wait_timeout);
    let house = House::new(home, Stopped::Start);
    match meaning(&args.words, |path| path.is_file()) {
        Meaning::File => {
            refuse_flags(&args.app, &args.words, "is a file, which says all of that itself")?;
            let word = args.words.first().map_or("-", String::as_str);
            let load = |choice: &ProfileChoice| {
                let project = files::load(Path::new(word), choice, args.part.format);
                let mut projects = vec![project.map_err(|invalid| files::invalid(screen, &invalid.errors))?];
                files::only(&mut projects, &args.part, false)?;
                Ok(projects)
            };
            let request = crate::project::request(&house, screen, &args.part, false, load)?;
            carry_out_apply(&house, screen, &request, waiting).map(|_| ())
        }
        Meaning::MaybeNames if all_match(&house, &args.words)? => {
            refuse_part(&args.part)?;
            refuse_flags(&args.app, &args.words, "is an app that is there already")?;
            let target = path().segment("apps").segment(&args.words.join(",")).segment("start");
            report(screen, &carry_out(&house, screen, target, Request::post, None::<&()>, waiting)?)
        }
        Meaning::MaybeNames | Meaning::Command => {
            refuse_part(&args.part)?;
            start_command(&house, screen, args, waiting)
        }
    }
}

/// How many names are tried for an app that was given none.
const NAMES: u32 = 100;

fn start_command(house: &House, screen: &Screen, args: &Start, waiting: Waiting) -> Result<(), Failure> {
    let session = Session::capture(house.home.own);
    session.warn(screen);
    let mut flags = args.app.clone();
    let mut stem = None;
    for number in 2..=NAMES {
        let spec = files::from_flags(&args.words, &flags)?;
        let name = spec.name.clone();
        let definition =
            Definition { session_env: session.taken(&spec.inherit_env), spec, umask: session.umask, source: None, project: None };
        let request = StartRequest { definition };
        match carry_out(house, screen, path().segment("apps"), Request::post, Some(&request), waiting) {
            // A name that nobody asked for is not insisted on.
            Err(refused) if refused.is("name_taken") && args.app.name.is_none() => {
                let stem = stem.get_or_insert_with(|| name.as_str().to_owned());
                flags.name = Some(format!("{}-{number}", stem.chars().take(60).collect::<String>()));
            }
            Err(failure) => return Err(failure.next(format!("`abide status {name}` shows what is there under that name"))),
            Ok(operation) => return report(screen, &operation),
        }
    }
    Err(Failure::new(Exit::No, "every name that comes to mind is taken").next("give one with --name"))
}

fn meaning(words: &[String], is_file: impl Fn(&Path) -> bool) -> Meaning {
    if let [word] = words
        && (word == "-" || (CONFIG_ENDINGS.iter().any(|ending| word.ends_with(ending)) && is_file(Path::new(word))))
    {
        return Meaning::File;
    }
    if words.iter().all(|word| may_select(word)) { Meaning::MaybeNames } else { Meaning::Command }
}

/// Whether a word has the form of a selector. Paths never have, nor have words with blanks.
fn may_select(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:=*?[]!".contains(c);
    !word.is_empty() && !word.starts_with(['-', '.']) && word.chars().all(plain)
}

fn all_match(house: &House, words: &[String]) -> Result<bool, Failure> {
    for word in words {
        let request = Request::get(path().segment("apps").query("select", word));
        match house.ask::<Vec<SlotRow>>(&request) {
            Ok(rows) if rows.is_empty() => return Ok(false),
            Ok(_) => {}
            // "no such app" and "that is no selector": then it is a command.
            Err(failure) if failure.is("unknown_app") || failure.is("invalid_request") => return Ok(false),
            Err(failure) => return Err(failure),
        }
    }
    Ok(true)
}

/// A part of a file has no meaning where there is none.
fn refuse_part(part: &PartArgs) -> Result<(), Failure> {
    let flag = match (&part.profile, part.only.as_slice(), part.format) {
        (Some(_), ..) => "--profile",
        (None, [_, ..], _) => "--only",
        (None, [], Some(_)) => "--format",
        (None, [], None) => return Ok(()),
    };
    Err(Failure::new(Exit::Usage, format!("{flag} belongs to a configuration file, and none is named"))
        .next(format!("abide start abide.toml {flag} …")))
}

/// Flags that describe an app have no meaning where the app is described already, and nothing is ignored silently.
fn refuse_flags(flags: &AppFlags, words: &[String], why: &str) -> Result<(), Failure> {
    let Some(flag) = flags.given().first().copied() else { return Ok(()) };
    let word = words.first().map(String::as_str).unwrap_or_default();
    Err(Failure::new(Exit::Usage, format!("{flag} describes a new app, but `{}` {why}", shown_path(Path::new(word)))).next(
        format!(
            "abide start {}   (for a program of that name write ./{word} or its whole path)",
            words.iter().map(|w| quote(w)).collect::<Vec<_>>().join(" ")
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::tests as scripted;

    #[test]
    fn what_one_argument_means() {
        let files = ["abide.toml", "dir/x.yaml", "eco.config.cjs", "-x.json", "server.js", "web"];
        let cases = [
            ("abide.toml", Meaning::File),
            ("dir/x.yaml", Meaning::File),
            ("eco.config.cjs", Meaning::File),
            ("-", Meaning::File),
            ("missing.toml", Meaning::MaybeNames),
            ("dir/missing.toml", Meaning::Command),
            ("web", Meaning::MaybeNames),
            ("web-1", Meaning::MaybeNames),
            ("12", Meaning::MaybeNames),
            ("ns:prod", Meaning::MaybeNames),
            ("label:tier=front", Meaning::MaybeNames),
            ("status:errored", Meaning::MaybeNames),
            ("api-*", Meaning::MaybeNames),
            ("all", Meaning::MaybeNames),
            ("server.js", Meaning::MaybeNames),
            ("./web", Meaning::Command),
            ("/bin/web", Meaning::Command),
            ("../web", Meaning::Command),
            ("bin/web", Meaning::Command),
            ("node server.js", Meaning::Command),
            ("a,b", Meaning::Command),
            ("wéb", Meaning::Command),
            ("", Meaning::Command),
        ];
        for (word, expected) in cases {
            let found = meaning(&[word.to_owned()], |path| files.contains(&path.to_str().unwrap_or_default()));
            assert_eq!(found, expected, "{word}");
        }
    }

    #[test]
    fn what_several_arguments_mean() {
        let cases = [
            ("web api", Meaning::MaybeNames),
            ("node server.js", Meaning::MaybeNames),
            ("node ./server.js", Meaning::Command),
            ("node server.js --port", Meaning::Command),
            ("abide.toml other.toml", Meaning::MaybeNames),
        ];
        for (line, expected) in cases {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(meaning(&words, |_| true), expected, "{line}");
        }
    }

    #[test]
    fn flags_are_never_ignored() {
        let words = ["web".to_owned()];
        assert!(refuse_flags(&AppFlags::default(), &words, "x").is_ok());
        let flags = AppFlags { shell: true, ..AppFlags::default() };
        let refused = refuse_flags(&flags, &words, "is an app that is there already").expect_err("refused");
        assert_eq!(refused.code(), 2);
    }

    fn refusal(code: &str) -> String {
        let problem = format!("{{\"status\":409,\"code\":\"{code}\",\"detail\":\"no\"}}");
        format!("HTTP/1.1 409 Conflict\r\nContent-Length: {}\r\n\r\n{problem}", problem.len())
    }

    /// Starts `words` at a steward that gives these answers; what the steward heard, and how it ended.
    fn started(line: &[&str], answers: Vec<String>) -> (Vec<String>, Result<(), Failure>) {
        use crate::args::{Cli, Command};
        use clap::Parser;
        let folder = tempfile::tempdir().expect("tempdir");
        let home = scripted::home(&folder);
        let steward = scripted::steward(&home, answers);
        let cli = Cli::try_parse_from(["abide", "start"].iter().chain(line)).expect("parsed");
        let Command::Start(args) = cli.command else { panic!("start") };
        let ended = start(home, &scripted::QUIET, &args);
        (steward.join().expect("steward"), ended)
    }

    #[test]
    fn a_taken_name_that_nobody_asked_for_gets_a_number() {
        let done = format!("{}{}0\r\n\r\n", scripted::STREAM, scripted::operation("done"));
        let (heard, ended) = started(&["/bin/sleep 9"], vec![refusal("name_taken"), refusal("name_taken"), done]);
        assert_eq!(ended, Ok(()));
        for (request, name) in heard.iter().zip(["sleep", "sleep-2", "sleep-3"]) {
            assert!(
                request.starts_with("POST /api/v1/apps?follow=true ") && request.contains(&format!("\"name\":\"{name}\"")),
                "{request}"
            );
        }
        let (heard, ended) = started(&["--name", "x", "/bin/sleep 9"], vec![refusal("name_taken")]);
        assert_eq!((heard.len(), ended.map_err(|failure| failure.code())), (1, Err(1)));
    }

    #[test]
    fn names_are_started_and_unknown_words_are_commands() {
        let accepted = scripted::good("{\"id\":1,\"kind\":\"start\",\"state\":\"running\",\"slots\":[]}");
        let row = scripted::good(
            "[{\"app\":\"web\",\"slot\":\"web-0\",\"id\":1,\"status\":\"stopped\",\"pid\":null,\"instance\":null,\"uptime_ms\":null,\
             \"restarts\":0,\"cpu_percent\":null,\"memory_bytes\":null,\"port\":null,\"health\":null,\"exit\":null}]",
        );
        let (heard, ended) = started(&["--no-wait", "web", "api"], vec![row.clone(), row.clone(), accepted.clone()]);
        assert_eq!(ended, Ok(()));
        assert!(
            heard[0].starts_with("GET /api/v1/apps?select=web ") && heard[2].starts_with("POST /api/v1/apps/web%2Capi/start ")
        );
        let (heard, ended) = started(&["--no-wait", "web", "x"], vec![row, refusal("unknown_app"), accepted]);
        assert_eq!(ended, Ok(()));
        assert!(heard[2].starts_with("POST /api/v1/apps ") && heard[2].contains("\"argv\":[\"web\",\"x\"]"), "{}", heard[2]);
    }
}
