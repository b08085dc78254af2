//! The file that is written.

use super::{Draft, Found};
use std::fmt::Write;

/// What a shell would do something about, outside of quotes or anywhere at all.
const FOR_A_SHELL: &str = "$`|&;<>()*?[]{}#~!\n";

/// Whether a command needs a shell. Said too often it costs a process for a moment; said too rarely the file would not load.
pub(super) fn needs_shell(cmd: &str) -> bool {
    let Some(words) = shlex::split(cmd) else { return true };
    // `NAME=value command` sets a variable.
    cmd.contains(|c| FOR_A_SHELL.contains(c)) || words.first().is_some_and(|word| word.contains('='))
}

/// A word as a shell reads it back.
pub(super) fn word(text: &str) -> String {
    shlex::try_quote(text).map_or_else(|_| "app".to_owned(), std::borrow::Cow::into_owned)
}

/// The text of `abide.toml`.
pub fn file(found: &Found) -> String {
    let mut out = String::from(
        "# Programs that Abide keeps running. Made by `abide init`: read it, change it, then\n\
         #   abide validate    says whether it is right\n\
         #   abide up          runs it\n\
         version = 1\n",
    );
    for note in &found.notes {
        comment(&mut out, "\n# NOTE: ", note);
    }
    if found.apps.is_empty() && found.offered.is_empty() {
        out.push_str(
            "\n# Nothing was found here that says what to run. Take the first # off each of these lines and write your command:\n\
             # [apps.web]\n\
             # cmd = \"node server.js\"\n\
             # env = { PORT = \"3000\" }\n",
        );
    }
    found.apps.iter().for_each(|app| write(&mut out, app, ""));
    if !found.offered.is_empty() {
        out.push_str("\n# To have one of these run here, take the first # off the lines from its [apps.…] on.\n");
    }
    found.offered.iter().for_each(|app| write(&mut out, app, "# "));
    out.push_str(
        "\n# More that an app can have; `abide schema` has every key.\n\
         # instances = 2                                       # how many of it\n\
         # env_file = \".env\"                                   # variables from a file\n\
         # restart = \"always\"                                  # also after it ended well\n\
         # stop_timeout = \"30s\"                                # time to end by itself when it is stopped\n\
         # ready = { http = \"http://127.0.0.1:3000/health\" }   # when it counts as started\n\
         # max_memory = \"512M\"                                 # restart it when it takes more\n",
    );
    out
}

/// An app; `front` stands before each of its lines, which are comments with `# `.
fn write(out: &mut String, app: &Draft, front: &str) {
    comment(out, "\n# from ", &app.from);
    for remark in &app.remarks {
        comment(out, "# ", remark);
    }
    let name = if app.name.contains('.') { quoted(&app.name) } else { app.name.clone() };
    let mut lines = vec![format!("[apps.{name}]"), format!("cmd = {}", quoted(&plain(&app.cmd)))];
    lines.extend(needs_shell(&app.cmd).then(|| "shell = true".to_owned()));
    lines.extend((!app.autostart).then(|| "autostart = false".to_owned()));
    lines.extend(app.env_file.map(|file| format!("env_file = {}", quoted(file))));
    if !app.env.is_empty() {
        let pairs: Vec<String> = app.env.iter().map(|(name, value)| format!("{name} = {}", quoted(&plain(value)))).collect();
        lines.push(format!("env = {{ {} }}", pairs.join(", ")));
    }
    if !app.depends_on.is_empty() {
        let names: Vec<String> = app.depends_on.iter().map(|name| quoted(name)).collect();
        lines.push(format!("depends_on = [{}]", names.join(", ")));
    }
    for line in lines {
        // A string takes whatever is written to it.
        let _ = writeln!(out, "{front}{line}");
    }
}

/// One line, whatever stands in the text.
fn comment(out: &mut String, front: &str, text: &str) {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let _ = writeln!(out, "{front}{line}");
}

/// Text in which Abide fills in nothing.
fn plain(text: &str) -> String {
    text.replace("$$", "$$$$").replace("${", "$${").replace("{{", "{{{{")
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
