//! `init`: a first `abide.toml` from what is in a folder.

use crate::args::Init;
use crate::failure::{Exit, Failure};
use crate::files::{self, shown_path};
use crate::init::{self, Draft, Folder, Found, LOOKED_AT, OF_CARGO};
use crate::screen::Screen;
use serde::Serialize;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Files of projects are small; what is longer is something else.
const LIMIT: u64 = 1 << 20;

/// What `init --json` prints.
#[derive(Debug, Serialize)]
struct Report {
    file: PathBuf,
    apps: Vec<String>,
    notes: Vec<String>,
}

/// `init`.
///
/// # Errors
/// The folder cannot be read, or has a configuration already.
pub fn init(screen: &Screen, args: &Init) -> Result<(), Failure> {
    let named = args.folder.as_deref().unwrap_or(Path::new("."));
    let folder = look(named)?;
    let place = |name: &str| if named == Path::new(".") { PathBuf::from(name) } else { named.join(name) };
    let there = config::FILE_NAMES.into_iter().map(place).find(|path| path.symlink_metadata().is_ok());
    if let (Some(path), false, false) = (&there, args.force, args.stdout) {
        let text = format!("{} is there already", shown_path(path));
        return Err(Failure::new(Exit::No, text).next(
            "keep it (abide validate checks it), look at a new one (abide init --stdout), or replace it (abide init --force)",
        ));
    }
    let mut found = init::detect(&folder);
    if found.apps.is_empty() && !args.stdout && !screen.json {
        found.apps.extend(ask(screen, &folder.name));
    }
    let text = init::file(&found);
    if args.stdout {
        return screen.print(&text);
    }
    let path = place(config::FILE_NAMES[0]);
    write(&path, &text, args.force).map_err(|error| {
        Failure::new(Exit::No, format!("failed to write {}: {error}", shown_path(&path)))
            .next("`abide init --stdout` prints it instead")
    })?;
    report(screen, named, &path, &found)
}

fn look(path: &Path) -> Result<Folder, Failure> {
    let unreadable = |error: io::Error| {
        Failure::new(Exit::No, format!("failed to read the folder {}: {error}", shown_path(path)))
            .next("name the folder of a project: abide init DIR")
    };
    let name = fs::canonicalize(path).map_err(unreadable)?;
    let name = name.file_name().map_or_else(|| "app".to_owned(), |name| name.to_string_lossy().into_owned());
    let mut folder = Folder { name, ..Folder::default() };
    for entry in fs::read_dir(path).map_err(unreadable)?.flatten() {
        folder.entries.extend(entry.file_name().into_string());
    }
    for name in
        fs::read_dir(path.join(OF_CARGO)).into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok())
    {
        let program = format!("{OF_CARGO}/{name}");
        let inside = format!("{program}/main.rs");
        folder.entries.insert(if path.join(&inside).is_file() { inside } else { program });
    }
    for name in LOOKED_AT {
        folder.texts.extend(read(&path.join(name)).map(|text| (name.to_owned(), text)));
    }
    Ok(folder)
}

/// The text of a plain file that is not too long; a fifo or a device is not opened.
fn read(path: &Path) -> Option<String> {
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    fs::File::open(path).ok()?.take(LIMIT).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Asks on a terminal what to run. Off a terminal nothing is asked.
fn ask(screen: &Screen, name: &str) -> Option<Draft> {
    if screen.quiet || !screen.can_ask() {
        return None;
    }
    let cmd = screen.ask("Nothing here says what to run. Command to run (empty: leave it open):")?;
    (!cmd.is_empty()).then(|| Draft::new(name, &cmd, "your answer"))
}

fn write(path: &Path, text: &str, force: bool) -> io::Result<()> {
    let mut file = if force { fs::File::create(path)? } else { fs::File::create_new(path)? };
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn report(screen: &Screen, folder: &Path, path: &Path, found: &Found) -> Result<(), Failure> {
    if screen.json {
        let apps = found.apps.iter().map(|app| app.name.clone()).collect();
        return screen.print_json(&Report { file: path.to_owned(), apps, notes: found.notes.clone() });
    }
    found.notes.iter().for_each(|note| screen.say(&format!("note: {}", crate::escape::shown(note))));
    let file = shown_path(path);
    let up = if folder == Path::new(".") { "abide up".to_owned() } else { format!("abide up {}", shown_path(folder)) };
    // Nothing else would say so before `up` does.
    if let Err(invalid) = files::load(path, &config::ProfileChoice::Own, None) {
        invalid.errors.iter().for_each(|error| screen.err(&error.text));
        screen.say(&format!("wrote {file}; it needs a change before it can be used"));
        return Ok(());
    }
    match found.apps.as_slice() {
        [] => screen.say(&format!("wrote {file}; write into it what to run, then: {up}")),
        apps => {
            for app in apps {
                screen.say(&format!(
                    "{}: {}  (from {})",
                    app.name,
                    crate::escape::shown(&app.cmd),
                    crate::escape::shown(&app.from)
                ));
                app.remarks.iter().for_each(|remark| screen.say(&format!("    {}", crate::escape::shown(remark))));
            }
            screen.say(&format!("wrote {file}; look at it, then: {up}"));
        }
    }
    Ok(())
}
