//! Which configuration files are meant.

use crate::failure::{Exit, Failure};
use crate::files::{Finding, shown_path};
use config::FILE_NAMES;
use std::path::{Path, PathBuf};

/// A file that is to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is; `-` is standard input.
    pub path: PathBuf,
    /// That there is another one beside it, which does not count.
    pub warning: Option<Finding>,
}

/// The files that were named: a folder stands for the first of its files that is called as one of [`FILE_NAMES`], nothing for that of the
/// working directory.
///
/// # Errors
/// One is not there.
pub fn find(named: &[PathBuf]) -> Result<Vec<Found>, Failure> {
    let here = [PathBuf::from(".")];
    let named = if named.is_empty() { &here[..] } else { named };
    named.iter().map(|path| find_one(path)).collect()
}

fn find_one(path: &Path) -> Result<Found, Failure> {
    let is_here = path == Path::new(".");
    let missing = |text: String, next: &str| Err(Failure::new(Exit::Config, text).next(next));
    if !path.is_dir() {
        return match path.symlink_metadata() {
            _ if path == Path::new("-") || path.exists() => Ok(Found { path: path.to_owned(), warning: None }),
            Ok(_) => missing(format!("{} is a link that leads nowhere", shown_path(path)), "mend the link, or name another file"),
            Err(_) => missing(
                format!("there is no {}", shown_path(path)),
                "name a file or folder that is there, or - for standard input; `abide init` writes a first one",
            ),
        };
    }
    let all = FILE_NAMES.map(|name| if is_here { PathBuf::from(name) } else { path.join(name) });
    let mut there = all.into_iter().filter(|file| file.exists());
    let Some(first) = there.next() else {
        let names = FILE_NAMES[1..].join(", ");
        let place = if is_here { "this folder".to_owned() } else { shown_path(path) };
        return missing(
            format!("there is no {} in {place} (nor {names})", FILE_NAMES[0]),
            "`abide init` writes a first one; name a file or folder if it is elsewhere; `abide start CMD` runs a program without any",
        );
    };
    let warning = there.next().map(|second| beside(&first, &second));
    Ok(Found { path: first, warning })
}

fn beside(first: &Path, second: &Path) -> Finding {
    let (file, other) = (shown_path(first), shown_path(second));
    let message = format!("{other} is there too, and is not read");
    let help = "remove one of them, or name the one that is meant".to_owned();
    Finding::warning(message, file, None, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_counts_and_the_second_is_named() {
        let folder = tempfile::tempdir().expect("tempdir");
        let find = |path: &Path| find(&[path.to_owned()]);
        let refused = find(folder.path()).expect_err("nothing there");
        assert_eq!(refused.code(), 3);
        let said = |wrong: Failure| match wrong {
            Failure::Told { message, next, .. } => format!("{message}; {}", next.unwrap_or_default()),
            other => panic!("{other:?}"),
        };
        assert!(said(refused).contains("`abide init` writes a first one"));
        let link = folder.path().join("link.toml");
        std::os::unix::fs::symlink("nowhere", &link).expect("linked");
        assert!(said(find(&link).expect_err("leads nowhere")).contains("link.toml is a link that leads nowhere"));
        assert!(said(find(&folder.path().join("x")).expect_err("not there")).contains("name a file or folder that is there"));
        for (name, counts, warns) in [
            ("abide.json", "abide.json", false),
            ("abide.yml", "abide.yml", true),
            ("abide.toml", "abide.toml", true),
            ("abide.yaml", "abide.toml", true),
        ] {
            std::fs::write(folder.path().join(name), "").expect("written");
            let found = find(folder.path()).expect("found");
            assert_eq!(found[0].path, folder.path().join(counts), "{name}");
            assert_eq!(found[0].warning.is_some(), warns, "{name}");
        }
        let warning = find(folder.path()).expect("found")[0].warning.clone().expect("two are there");
        assert!(warning.message.ends_with("abide.yaml is there too, and is not read"), "{}", warning.message);
        let file = folder.path().join("abide.json");
        assert_eq!(find(&file).expect("found"), [Found { path: file, warning: None }], "named, so nothing is to be said");
        assert_eq!(find(Path::new("-")).expect("standard input")[0].path, Path::new("-"));
    }
}
