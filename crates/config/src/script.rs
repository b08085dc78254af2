//! Scripts: which interpreter runs them, and what an app is called that was given no name.

use crate::braces;
use crate::paths;
use crate::surroundings::Surroundings;
use model::AppName;
use std::path::Path;

/// Interpreters by the extension of the script.
const INTERPRETERS: &[(&str, &str)] = &[
    ("js", "node"),
    ("cjs", "node"),
    ("mjs", "node"),
    ("ts", "bun"),
    ("tsx", "bun"),
    ("py", "python3"),
    ("rb", "ruby"),
    ("php", "php"),
    ("pl", "perl"),
    ("sh", "bash"),
];

/// Programs that are named after what they are given to run.
const RUNNERS: &[&str] = &[
    "node", "nodejs", "bun", "deno", "tsx", "ts-node", "python", "ruby", "php", "perl", "sh", "bash", "dash", "zsh", "ksh",
    "fish", "java", "lua", "Rscript", "env",
];

/// Extensions that are no part of a name.
const EXTENSIONS: &[&str] = &["js", "cjs", "mjs", "ts", "tsx", "py", "rb", "php", "pl", "sh", "jar", "lua", "exe", "R"];

/// What replaces the first word where it is a script: its interpreter and itself, or its full path where it can run by itself
/// but would be sought in `PATH`. `None` = leave the word alone.
pub(crate) fn resolve(word: &str, cwd: &Path, around: &dyn Surroundings) -> Option<Vec<String>> {
    let interpreter = interpreter(word)?;
    let path = paths::resolve(word, cwd, around.home_dir()).ok()?;
    let full = || braces::protect(&path.to_string_lossy());
    match (around.is_executable(&path), word.contains('/')) {
        (None, _) | (Some(true), true) => None,
        (Some(true), false) => Some(vec![full()]),
        (Some(false), true) => Some(vec![interpreter.to_owned(), full()]),
        (Some(false), false) => Some(vec![interpreter.to_owned(), word.to_owned()]),
    }
}

fn interpreter(word: &str) -> Option<&'static str> {
    let extension = Path::new(word).extension()?.to_str()?;
    INTERPRETERS.iter().find(|(known, _)| *known == extension).map(|(_, program)| *program)
}

/// The name of an app that was given none: the stem of its script, else of its program, made to fit the rules of
/// [`AppName`]. `None` where nothing is left.
pub fn default_name(argv: &[String]) -> Option<String> {
    let program = stem(argv.first()?);
    let plain = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let script = if RUNNERS.contains(&plain) { script(&argv[1..]) } else { None };
    fit(script.unwrap_or(program))
}

/// The script among the arguments of a runner, or the module of `-m`.
fn script(args: &[String]) -> Option<&str> {
    for (at, arg) in args.iter().enumerate() {
        let known = Path::new(arg).extension().and_then(|e| e.to_str()).is_some_and(|e| EXTENSIONS.contains(&e));
        match arg.as_str() {
            "-m" => return args.get(at + 1).map(String::as_str),
            // What follows is the text of a program, not the name of one.
            "-c" | "-e" | "--eval" | "-p" => return None,
            arg if !arg.starts_with('-') && known => return Some(stem(arg)),
            _ => {}
        }
    }
    // A script without extension: the first argument, unless options make that a guess.
    args.first().filter(|arg| !arg.starts_with('-') && arg.contains('/')).map(|arg| stem(arg))
}

fn stem(word: &str) -> &str {
    let file = word.trim_end_matches('/').rsplit('/').next().unwrap_or(word);
    match file.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && EXTENSIONS.contains(&extension) => stem,
        _ => file,
    }
}

fn fit(text: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = text.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    let name: String = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).chars().take(60).collect();
    let name = name.trim_end_matches(['-', '.', '_']);
    let name = if name == "all" || (!name.is_empty() && name.bytes().all(|b| b.is_ascii_digit())) {
        format!("app-{name}")
    } else {
        name.to_owned()
    };
    AppName::new(&name).is_ok().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(words: &[&str]) -> Option<String> {
        default_name(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn names() {
        for (argv, want) in [
            (vec!["node", "server.js"], "server"),
            (vec!["node", "--inspect", "dist/api.mjs", "x.js"], "api"),
            (vec!["./server.js"], "server"),
            (vec!["/usr/bin/python3.11", "-u", "my.app.py"], "my.app"),
            (vec!["python3", "-m", "http.server"], "http.server"),
            (vec!["python3.11"], "python3.11"),
            (vec!["postgres", "-D", "data"], "postgres"),
            (vec!["sh", "-c", "echo hi.js"], "sh"),
            (vec!["bash", "/opt/run"], "run"),
            (vec!["java", "-jar", "shop.jar"], "shop"),
            (vec!["/opt/my app/bin"], "bin"),
            (vec!["my app"], "my-app"),
            (vec!["42"], "app-42"),
            (vec!["all"], "app-all"),
            (vec!["./-x-"], "x"),
            (vec![".hidden.sh"], "hidden"),
        ] {
            assert_eq!(named(&argv).as_deref(), Some(want), "{argv:?}");
        }
        assert_eq!(named(&[]), None);
        assert_eq!(named(&[""]), None);
        assert_eq!(named(&["你好"]), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_out_is_a_name(argv in proptest::collection::vec("[a-z./ -]{0,12}|.{0,80}", 0..4)) {
            if let Some(name) = default_name(&argv) {
                prop_assert!(AppName::new(&name).is_ok());
            }
        }
    }
}
