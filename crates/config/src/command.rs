//! From `cmd`, `args` and `shell` to argv.

use crate::base::Base;
use crate::braces;
use crate::fault::{Fault, Place};
use crate::layer::{Entry, Item, Value};
use crate::paths::{self, PathError};
use crate::script;
use crate::texts::{Scalar, Texts, malformed};
use crate::words::{self, SplitError};
use std::path::{Path, PathBuf};

/// The longest argument that `execve` takes on Linux (`MAX_ARG_STRLEN`, with the NUL at its end).
const MAX_ARGUMENT: usize = 128 * 1024 - 1;

/// The keys that make a command.
pub(crate) struct Parts<'a> {
    pub cmd: &'a Entry,
    pub args: Option<&'a Entry>,
    pub shell: Option<&'a Entry>,
    /// The resolved working directory.
    pub cwd: &'a Path,
    /// Whether it is given sockets, which count for the process alone that is started.
    pub sockets: bool,
}

/// The arguments, the program first, in the form that is filled at birth.
pub(crate) fn argv(parts: &Parts<'_>, base: &Base<'_>, texts: &mut Texts<'_, '_>) -> Option<Vec<String>> {
    let shell = match parts.shell {
        None => None,
        Some(entry) => shell(entry, parts.cwd, base, texts)?,
    };
    let args = arguments(parts.args, texts);
    let argv = match shell {
        Some(shell) => through_shell(shell, parts, args?, texts),
        None => directly(parts, args, base, texts),
    }?;
    if argv.iter().any(|word| word.len() > MAX_ARGUMENT) {
        let most = MAX_ARGUMENT / 1024;
        texts.refuse::<()>(parts.cmd, format!("an argument has more than {most} KiB, which no program can be given"), None);
    }
    Some(argv)
}

/// The shell to run through, if any: outer `None` = wrong.
fn shell(entry: &Entry, cwd: &Path, base: &Base<'_>, texts: &mut Texts<'_, '_>) -> Option<Option<String>> {
    let wanted = "true, false or the name of a shell";
    match texts.scalar(&entry.item, &entry.written, wanted)? {
        Scalar::Bool(true) => Some(Some("/bin/sh".to_owned())),
        Scalar::Bool(false) => Some(None),
        Scalar::Text { text, loose: true } if text == "true" || text == "false" => {
            Some((text == "true").then(|| "/bin/sh".to_owned()))
        }
        Scalar::Text { text, .. } if !text.is_empty() && !text.contains(char::is_whitespace) => {
            program(&text, entry, cwd, base, texts).map(Some)
        }
        Scalar::Text { .. } => {
            let help = "for a shell with options write the whole: `cmd = [\"bash\", \"-l\", \"-c\", \"…\"]`";
            texts.refuse(entry, "expected the name of one program", Some(help.to_owned()))
        }
        other => texts.mismatch(&entry.item, &entry.written, wanted, &other),
    }
}

fn arguments(entry: Option<&Entry>, texts: &mut Texts<'_, '_>) -> Option<Vec<String>> {
    let Some(entry) = entry else { return Some(Vec::new()) };
    match &entry.item.value {
        Value::List(items) => {
            let words: Vec<_> = items.iter().map(|item| texts.word(item, &entry.written)).collect();
            words.into_iter().collect()
        }
        other => {
            let found = other.kind();
            texts.refuse(
                entry,
                format!("expected a list, found {found}"),
                Some("write for example `args = [\"--port\", \"3000\"]`".to_owned()),
            )
        }
    }
}

fn through_shell(shell: String, parts: &Parts<'_>, args: Vec<String>, texts: &mut Texts<'_, '_>) -> Option<Vec<String>> {
    let cmd = parts.cmd;
    let quote = |words: &[String]| shlex::try_join(words.iter().map(String::as_str)).ok();
    let text = match &cmd.item.value {
        Value::List(items) => {
            let words: Option<Vec<_>> = items.iter().map(|item| texts.word(item, &cmd.written)).collect();
            quote(&words?)?
        }
        Value::Text(_) | Value::Verbatim(_) => texts.word(&cmd.item, &cmd.written)?,
        other => return not_a_command(cmd, other, texts),
    };
    if text.trim().is_empty() {
        return texts.refuse(cmd, "there is nothing to run", None);
    }
    // The shell steps aside where it can, so that the program itself gets the signals and its pid is the one that is shown.
    let filled = braces::sample(&text);
    let is_simple = words::is_simple(&filled);
    let asked = filled.trim_start().strip_prefix("exec ").is_some_and(words::is_simple);
    if parts.sockets && !is_simple && !asked {
        let message = "the shell stays in front of this command, and would get the sockets of `listen` itself";
        let help = "write it without a shell, or as one plain command; or put it into a script that ends in `exec …`";
        return texts.refuse(cmd, message, Some(help.to_owned()));
    }
    let prefix = if is_simple { "exec " } else { "" };
    let tail = if args.is_empty() { String::new() } else { format!(" {}", quote(&args)?) };
    Some(vec![shell, "-c".to_owned(), format!("{prefix}{}{tail}", text.trim())])
}

fn directly(parts: &Parts<'_>, args: Option<Vec<String>>, base: &Base<'_>, texts: &mut Texts<'_, '_>) -> Option<Vec<String>> {
    let cmd = parts.cmd;
    let mut argv: Vec<String> = match &cmd.item.value {
        Value::List(items) => {
            let words: Vec<_> = items.iter().map(|item| texts.word(item, &cmd.written)).collect();
            words.into_iter().collect::<Option<_>>()?
        }
        Value::Text(text) => split(text, cmd, texts)?,
        Value::Verbatim(text) => vec![text.clone()],
        other => return not_a_command(cmd, other, texts),
    };
    if argv.first().is_none_or(String::is_empty) {
        let help = if beside(&cmd.written) { "name a program" } else { "name a program, for example `cmd = \"node server.js\"`" };
        return texts.refuse(cmd, "there is nothing to run", Some(help.to_owned()));
    }
    argv.extend(args?);
    let with_interpreter = base.interpreters.then(|| script::resolve(&argv[0], parts.cwd, base.around)).flatten();
    match with_interpreter {
        Some(front) => drop(argv.splice(0..1, front)),
        None => argv[0] = program(&argv[0], cmd, parts.cwd, base, texts)?,
    }
    Some(argv)
}

/// Whether this is another command than the app itself.
fn beside(label: &str) -> bool {
    !matches!(label, "cmd" | "command")
}

fn not_a_command<T>(cmd: &Entry, found: &Value, texts: &mut Texts<'_, '_>) -> Option<T> {
    texts.refuse(cmd, format!("expected a string or a list, found {}", found.kind()), None)
}

fn split(text: &str, cmd: &Entry, texts: &mut Texts<'_, '_>) -> Option<Vec<String>> {
    let (label, place) = (&cmd.written, &cmd.item.place);
    match words::split(text) {
        Ok(words) => {
            let mut good = true;
            let mut out = Vec::new();
            for word in &words {
                match texts.expand(&word.pieces, label, place) {
                    Some(text) if text.is_empty() && !word.quoted => {}
                    Some(text) => out.push(text),
                    None => good = false,
                }
            }
            good.then_some(out)
        }
        Err(wrong) => {
            texts.faults.push(match wrong {
                SplitError::Template(wrong) => malformed(wrong, label, place),
                SplitError::Unclosed(quote) => {
                    Fault::new(place, format!("`{label}`: a quote {quote} is never closed")).needle(quote)
                }
                SplitError::Backslash => Fault::new(place, format!("`{label}` ends in a backslash")),
                SplitError::Shell(what) => {
                    let shown = if what == "`" { "a backquote".to_owned() } else { format!("`{what}`") };
                    Fault::new(place, format!("`{label}`: {shown} needs a shell")).needle(what.as_str()).help(match place {
                        // It need not change how `cmd` runs.
                        Place::Flag(_) if beside(label) => "run it as `sh -c '…'`, or add `--shell`, which is for both commands",
                        _ if beside(label) => "run it as `sh -c '…'`, or add `shell = true`, which is for `cmd` too",
                        Place::Flag(_) => {
                            "add `--shell` (in a file `shell = true`), or quote it if the program itself is to get it"
                        }
                        _ => "add `shell = true`, or quote it if the program itself is to get it",
                    })
                }
            });
            None
        }
    }
}

/// A program with a slash is taken from `cwd`, one without is left to `PATH`.
fn program(text: &str, entry: &Entry, cwd: &Path, base: &Base<'_>, texts: &mut Texts<'_, '_>) -> Option<String> {
    let in_home = text.starts_with("~/");
    if !text.contains('/') || text.starts_with("{{home}}") {
        return Some(text.to_owned());
    }
    match paths::resolve(text, cwd, base.around.home_dir()) {
        // The part that came from outside the text is protected, the text itself may hold `{{slot}}`.
        Ok(path) if in_home || !text.starts_with('/') => {
            let whole = path.to_string_lossy();
            let tail = paths::tidy(Path::new(text.strip_prefix("~/").unwrap_or(text)));
            let tail = tail.to_string_lossy();
            Some(match whole.strip_suffix(tail.as_ref()) {
                Some(front) => format!("{}{tail}", braces::protect(front)),
                None => whole.into_owned(),
            })
        }
        Ok(path) => Some(path.to_string_lossy().into_owned()),
        Err(wrong) => bad_path(wrong, entry, texts),
    }
}

/// A path, made absolute from the folder `from`.
pub(crate) fn path(item: &Item, entry: &Entry, from: &Path, base: &Base<'_>, texts: &mut Texts<'_, '_>) -> Option<PathBuf> {
    let text = texts.text(item, &entry.written, "a path")?;
    let entry = &Entry { item: item.clone(), ..entry.clone() };
    match paths::resolve(&text, from, base.around.home_dir()) {
        Ok(path) if path.is_absolute() => Some(path),
        Ok(_) => texts.refuse(entry, "the path is not absolute, and there is no folder to take it from", None),
        Err(wrong) => bad_path(wrong, entry, texts),
    }
}

/// Says why a path is none. Always `None`.
pub(crate) fn bad_path<T>(wrong: PathError, entry: &Entry, texts: &mut Texts<'_, '_>) -> Option<T> {
    match wrong {
        PathError::NoHome => texts.refuse(entry, "`~/` needs a home directory, and HOME is not set", None),
        PathError::OtherHome => {
            texts.refuse(entry, "`~name` is not expanded", Some("write the whole path, or `~/` for your own home".to_owned()))
        }
    }
}
