//! Whether an app can start at all, asked before its wish is accepted. What the system refuses later still comes back as a failed birth.

use crate::birth::{For, filled, filled_with};
use crate::channel::is_too_long;
use crate::fill::{combined, log_files};
use crate::identity::{self, Names};
use crate::limits::refusal;
use api::Problem;
use model::{AppSpec, Check, Definition, Identity, Probe, Readiness, SlotRef};
use rustix::fs::{Access, access};
use rustix::io::Errno;
use std::fs;
use std::path::{Path, PathBuf};

/// The longest path that the system takes, with room for the endings of rotated files and their indexes.
const LONGEST: usize = 4000;

/// Refuses what cannot start, every app of it by name. Asks the disk: blocking.
///
/// # Errors
/// 422 `not_startable`.
pub(crate) fn check(definitions: &[Definition], home: &str) -> Result<(), Problem> {
    let faults: Vec<String> = definitions.iter().filter_map(|definition| fault(definition, home)).collect();
    if faults.is_empty() {
        return Ok(());
    }
    let detail = faults.join("\n");
    Err(Problem::new(422, "not_startable", detail).hint("nothing was changed; mend this and try again"))
}

fn fault(definition: &Definition, home: &str) -> Option<String> {
    let spec = &definition.spec;
    let name = &spec.name;
    let cwd = &spec.cwd;
    if !cwd.is_absolute() {
        return Some(format!("{name}: cwd {} is not absolute", cwd.display()));
    }
    match fs::metadata(cwd) {
        Err(error) => return Some(format!("{name}: cwd {}: {}", cwd.display(), words(&error))),
        Ok(there) if !there.is_dir() => return Some(format!("{name}: cwd {} is not a directory", cwd.display())),
        Ok(_) => {}
    }
    if access(cwd, Access::EXEC_OK).is_err() {
        return Some(format!("{name}: cwd {} must not be entered (EACCES)", cwd.display()));
    }
    if spec.channel() == Some(&Readiness::Notify) && is_too_long(home) {
        return Some(format!(
            "{name}: `ready = {{ notify = true }}` needs a socket in the home, and {home} is too long for its path (107 bytes with /run/notify/NAME): choose a shorter home"
        ));
    }
    let slot = SlotRef::new(name, 0);
    let whose = For { slot: &slot, port: None, home };
    let made = filled(definition, whose);
    let Some(program) = made.argv.first().filter(|program| !program.is_empty()) else {
        return Some(format!("{name}: there is no program to run"));
    };
    let path = made.env.get("PATH").map_or("", String::as_str);
    let find = |program: &str| if program.contains('/') { executable(&cwd.join(program)) } else { in_path(program, path, cwd) };
    let why = find(program);
    let can_run = |argv: &[String]| {
        let filled = filled_with(definition, argv, whose).argv;
        let program = filled.first().filter(|program| !program.is_empty());
        program.map_or(Err("there is no program to run".to_owned()), |program| find(program))
    };
    let hooks = || crate::hooks::fault(&spec.hooks, can_run);
    let probes = || probe_fault(spec, can_run);
    if let Some(why) = identity_fault(&spec.identity).or_else(|| refusal(&spec.usage, home)) {
        return Some(format!("{name}: {why}"));
    }
    let files = || log_files(&spec.log, &slot, home).into_iter().flatten().chain(combined(&spec.log, &slot, home));
    let logs = || files().find_map(|file| bad_log(&file));
    let stop = || spec.stop_command.as_deref().and_then(|argv| can_run(argv).err()).map(|why| format!("stop_command: {why}"));
    why.err().or_else(logs).or_else(hooks).or_else(probes).or_else(stop).map(|why| format!("{name}: {why}"))
}

/// Why a command that asks how the app is could never answer.
fn probe_fault(spec: &AppSpec, can_run: impl Fn(&[String]) -> Result<(), String>) -> Option<String> {
    let ready = match &spec.ready {
        Some(Readiness::Probe(probe)) => Some(("ready", probe)),
        _ => None,
    };
    let health = spec.health.as_ref().and_then(|health| match &health.check {
        Check::Probe(probe) => Some(("healthcheck", probe)),
        Check::LogSilence(_) => None,
    });
    ready.into_iter().chain(health).find_map(|(key, probe)| match probe {
        Probe::Exec { argv } => can_run(argv).err().map(|why| format!("{key}: exec: {why}")),
        Probe::Http { .. } | Probe::Tcp { .. } => None,
    })
}

/// Why nothing can be run as whom it is asked for.
fn identity_fault(wanted: &Identity) -> Option<String> {
    let names = Names::of(wanted)?;
    match identity::owner(&names) {
        Ok(Some(owner)) if !rustix::process::geteuid().is_root() => Some(identity::needs_root(&names, &owner)),
        Ok(_) => None,
        Err(wrong) => Some(wrong.why),
    }
}

/// Why a file cannot be a log. One that is missing, with its folders, is made later; those below the home are relative.
fn bad_log(file: &str) -> Option<String> {
    if file.chars().any(char::is_control) || file.len() > LONGEST {
        return Some(format!("a log file of {} bytes, or with control characters in its name", file.len()));
    }
    let path = Path::new(file);
    let why = match sys::place::examine(path) {
        Ok(()) => return None,
        Err("ELOOP") if fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink()) => {
            "is a symbolic link, which is not followed (ELOOP)".to_owned()
        }
        Err("ELOOP") => {
            "is reached by a symbolic link in a folder of somebody else, who could lead what root writes anywhere (ELOOP); \
                         name the folder itself"
                .to_owned()
        }
        Err("ENOTREG") => "is no regular file (ENOTREG)".to_owned(),
        Err("ENOTOURS") => {
            "belongs to another user, in a folder where others can put files (ENOTOURS); remove it, or name another".to_owned()
        }
        Err("EMLINK") => {
            "has another name elsewhere, and others can put files into its folder (EMLINK); remove it, or name another".to_owned()
        }
        Err(word @ ("ENOTDIR" | "ENAMETOOLONG")) => format!("cannot be made: {word}"),
        // Who may not look yet may write later: it is tried then, and told.
        Err(_) => return None,
    };
    Some(format!("log file {file} {why}"))
}

/// As `execvp` does: the first in PATH that can be executed.
fn in_path(program: &str, path: &str, cwd: &Path) -> Result<(), String> {
    let mut seen = None;
    for folder in path.split(':') {
        // An empty entry is the working directory.
        let candidate: PathBuf = cwd.join(folder).join(program);
        match executable(&candidate) {
            Ok(()) => return Ok(()),
            Err(why) if candidate.exists() => seen = seen.or(Some(why)),
            Err(_) => {}
        }
    }
    Err(seen.unwrap_or_else(|| {
        let here = cwd.join(program);
        let hint = match here.exists() {
            true => format!("; for {} write ./{program}", here.display()),
            false if looks_like_a_file(program) => format!("; nor is there {}", here.display()),
            false => String::new(),
        };
        format!("`{program}` was not found in the app's PATH ({path}) (ENOENT){hint}")
    }))
}

/// Whether a word without a slash is rather a file than a program: `server.js`.
fn looks_like_a_file(word: &str) -> bool {
    Path::new(word).extension().is_some_and(|end| !end.is_empty() && end.as_encoded_bytes().iter().all(u8::is_ascii_alphanumeric))
}

fn executable(path: &Path) -> Result<(), String> {
    match fs::metadata(path) {
        Err(error) => Err(format!("program {}: {}", path.display(), words(&error))),
        Ok(there) if there.is_dir() => Err(format!("program {} is a directory (EACCES)", path.display())),
        Ok(_) => match access(path, Access::EXEC_OK) {
            Err(Errno::ACCESS) => Err(format!("program {} is not executable (EACCES); chmod +x it", path.display())),
            Err(error) => Err(format!("program {}: {}", path.display(), words(&error.into()))),
            Ok(()) => Ok(()),
        },
    }
}

fn words(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => format!("{} ({})", sys::errno::text(number).to_lowercase(), sys::errno::name(number)),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::AppName;
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    fn app(name: &str, program: &str, cwd: &Path, path: &str) -> Definition {
        let mut spec = AppSpec::new(AppName::new(name).expect("name"), vec![program.into()], cwd.into());
        spec.env.insert("PATH".into(), path.into());
        Definition { spec, session_env: BTreeMap::new(), umask: 0o22, source: None, project: None }
    }

    /// Row 27 of reliability.md, as far as it can be known beforehand.
    #[test]
    fn what_cannot_start_is_named() {
        let folder = tempfile::tempdir().expect("tempdir");
        let at = folder.path();
        fs::write(at.join("plain"), "x").expect("write");
        fs::write(at.join("run-{{home}}"), "x").expect("write");
        fs::write(at.join("run"), "#!/bin/sh\n").expect("write");
        fs::set_permissions(at.join("run"), fs::Permissions::from_mode(0o755)).expect("chmod");
        fs::create_dir(at.join("dir")).expect("mkdir");
        let path = at.to_str().expect("plain name");
        let table = [
            ("sh", at.to_path_buf(), "/usr/bin:/bin", None),
            ("./run", at.to_path_buf(), "", None),
            ("run", at.to_path_buf(), path, None),
            ("run", at.to_path_buf(), "", None),
            ("nothing-like-it", at.to_path_buf(), "/usr/bin", Some("was not found in the app's PATH (/usr/bin) (ENOENT)")),
            ("serve.js", at.to_path_buf(), "/usr/bin", Some("(ENOENT); nor is there /")),
            ("plain", at.to_path_buf(), "/usr/bin", Some("/plain write ./plain")),
            ("./missing", at.to_path_buf(), "", Some("(ENOENT)")),
            ("./dir", at.to_path_buf(), "", Some("is a directory")),
            ("dir", at.to_path_buf(), path, Some("is a directory")),
            ("./plain", at.to_path_buf(), "", Some("is not executable (EACCES)")),
            ("plain", at.to_path_buf(), path, Some("is not executable (EACCES)")),
            ("sh", at.join("missing"), "/bin", Some("cwd")),
            ("sh", at.join("plain"), "/bin", Some("is not a directory")),
            ("sh", "relative".into(), "/bin", Some("is not absolute")),
            ("", at.to_path_buf(), "/bin", Some("no program")),
        ];
        for (program, cwd, path, want) in table {
            let got = fault(&app("web", program, &cwd, path), "/h");
            match (&got, want) {
                (None, None) => {}
                (Some(got), Some(want)) => assert!(got.contains(want) && got.starts_with("web: "), "{program}: {got}"),
                _ => panic!("{program} in {}: {got:?}, not {want:?}", cwd.display()),
            }
        }
    }

    #[test]
    fn what_cannot_be_a_log_is_named() {
        let folder = tempfile::tempdir().expect("tempdir");
        let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        fs::write(at("file"), "x").expect("write");
        fs::create_dir(at("dir")).expect("mkdir");
        std::os::unix::fs::symlink(at("file"), at("link")).expect("link");
        for (name, want) in [
            ("file", None),
            ("new/deep/log", None),
            ("dir", Some("is no regular file")),
            ("link", Some("is a symbolic link")),
            ("file/log", Some("ENOTDIR")),
            ("a\nb", Some("control characters")),
        ] {
            let mut app = app("web", "sh", Path::new("/"), "/bin");
            app.spec.log.err = model::LogTarget::File(at(name));
            let got = fault(&app, "/h");
            assert_eq!(got.is_some(), want.is_some(), "{name}: {got:?}");
            assert!(got.zip(want).is_none_or(|(got, want)| got.contains(want)), "{name}");
        }
    }

    #[test]
    fn a_check_that_cannot_be_run_is_named() {
        let exec = |program: &str| Probe::Exec { argv: vec![program.into()] };
        let mut web = app("web", "sh", Path::new("/"), "/bin:/usr/bin");
        web.spec.ready = Some(Readiness::Probe(exec("true")));
        assert_eq!(fault(&web, "/h"), None);
        web.spec.ready = Some(Readiness::Probe(exec("pg_is_redy")));
        let got = fault(&web, "/h").expect("it could never be ready");
        assert!(got.starts_with("web: ready: exec: `pg_is_redy` was not found"), "{got}");
    }

    #[test]
    fn every_bad_app_is_named() {
        let root = Path::new("/");
        let all = [app("a", "nope-1", root, "/bin"), app("b", "sh", root, "/bin"), app("c", "nope-2", root, "/bin")];
        let problem = check(&all, "/h").expect_err("refused");
        assert!(problem.detail.contains("a: ") && problem.detail.contains("c: ") && !problem.detail.contains("b: "));
        assert_eq!((problem.status, problem.code.as_str()), (422, "not_startable"));
    }
}
