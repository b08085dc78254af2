//! Paths as text: made absolute and tidied, never looked up.

use std::path::{Component, Path, PathBuf};

/// Why a path cannot be resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathError {
    /// `~/` without a home directory.
    NoHome,
    /// `~name`, which only a shell knows.
    OtherHome,
}

/// `text` seen from `folder`; `~/` is the home directory, `.` is taken out. `..` stays: what it means depends on links.
pub(crate) fn resolve(text: &str, folder: &Path, home: Option<PathBuf>) -> Result<PathBuf, PathError> {
    let path = match text.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            home.ok_or(PathError::NoHome)?.join(rest.trim_start_matches('/'))
        }
        Some(_) if text.split('/').next().is_some_and(|head| head[1..].chars().all(|c| c.is_ascii_alphanumeric())) => {
            return Err(PathError::OtherHome);
        }
        _ => PathBuf::from(text),
    };
    Ok(tidy(&folder.join(path)))
}

/// Without `.` and doubled slashes.
pub(crate) fn tidy(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let home = || Some(PathBuf::from("/home/u"));
        for (text, want) in [
            ("x", "/srv/x"),
            ("./x/./y", "/srv/x/y"),
            (".", "/srv"),
            ("../x", "/srv/../x"),
            ("/a//b/", "/a/b"),
            ("~", "/home/u"),
            ("~/x", "/home/u/x"),
            ("~~x", "/srv/~~x"),
            ("a~", "/srv/a~"),
        ] {
            assert_eq!(resolve(text, Path::new("/srv"), home()), Ok(PathBuf::from(want)), "{text}");
        }
        assert_eq!(resolve("~/x", Path::new("/srv"), None), Err(PathError::NoHome));
        assert_eq!(resolve("~bob/x", Path::new("/srv"), home()), Err(PathError::OtherHome));
    }
}
