//! What the calling session is: its variables, umask and user, as an app defined from it gets them.

use crate::failure::{Exit, Failure};
use crate::screen::Screen;
use model::{InheritEnv, fits};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// Never captured (semantics.md, Environment): what belongs to a terminal, a login or another manager. `X*` is a beginning.
const NEVER: [&str; 18] = [
    "_",
    "PWD",
    "OLDPWD",
    "SHLVL",
    "TERM",
    "COLUMNS",
    "LINES",
    "TMUX*",
    "STY",
    "SSH_*",
    "SUDO_*",
    "LISTEN_*",
    "NOTIFY_SOCKET",
    "WATCHDOG_*",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "NODE_CHANNEL_*",
    "ABIDE_*",
];

/// All that is captured where the manager runs as root.
const ROOT: [&str; 8] = ["PATH", "LANG", "LC_*", "TZ", "HOME", "USER", "LOGNAME", "SHELL"];

/// Umask of apps under a root manager.
const ROOT_UMASK: u32 = 0o027;

/// The calling session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its variables, as far as an app may get them at all.
    vars: BTreeMap<String, String>,
    /// Whether the manager runs as root, so that an app that does not ask gets few of them.
    root: bool,
    /// Its umask.
    pub umask: u32,
    /// Names of variables that are left out because they are not UTF-8.
    pub unreadable: Vec<String>,
}

/// What `/proc/self/status` says of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// Effective user.
    pub uid: u32,
    /// Umask.
    pub umask: u32,
}

impl Own {
    /// Reads it.
    ///
    /// # Errors
    /// `/proc` is not mounted.
    pub fn read() -> Result<Own, Failure> {
        let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Own::parse(&text).ok_or_else(|| {
            Failure::new(Exit::Internal, "failed to read /proc/self/status: Abide needs /proc").next("mount -t proc proc /proc")
        })
    }

    fn parse(text: &str) -> Option<Own> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let uid = field("Uid")?.split_ascii_whitespace().nth(1)?.parse().ok()?;
        let umask = u32::from_str_radix(field("Umask")?.trim(), 8).ok()?;
        Some(Own { uid, umask })
    }
}

impl Session {
    /// The session of this process.
    pub fn capture(own: Own) -> Session {
        Session::from_vars(std::env::vars_os(), own)
    }

    /// Names what was left out.
    pub fn warn(&self, screen: &Screen) {
        for key in &self.unreadable {
            screen.warn(&format!("the variable {} is not UTF-8 and is not passed on", crate::escape::shown_word(key)));
        }
    }

    fn from_vars(vars: impl Iterator<Item = (OsString, OsString)>, own: Own) -> Session {
        let root = own.uid == 0;
        let mut session =
            Session { vars: BTreeMap::new(), root, umask: if root { ROOT_UMASK } else { own.umask }, unreadable: Vec::new() };
        for (key, value) in vars {
            let Ok(key) = key.into_string() else { continue };
            if key.is_empty() || is_one_of(&key, &NEVER) {
                continue;
            }
            match value.into_string() {
                Ok(value) => _ = session.vars.insert(key, value),
                Err(_) if !root || is_one_of(&key, &ROOT) => session.unreadable.push(key),
                Err(_) => {}
            }
        }
        session
    }

    /// What an app takes of it.
    pub fn taken(&self, inherit: &InheritEnv) -> BTreeMap<String, String> {
        let is_taken = |key: &str| match inherit {
            InheritEnv::Session => !self.root || is_one_of(key, &ROOT),
            InheritEnv::None => false,
            InheritEnv::Named(names) => names.iter().any(|name| fits(name, key)),
        };
        self.vars.iter().filter(|(key, _)| is_taken(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

fn is_one_of(key: &str, rules: &[&str]) -> bool {
    rules.iter().any(|rule| fits(rule, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn capture(uid: u32, keys: &[&str]) -> Vec<String> {
        let vars = keys.iter().map(|key| (OsString::from(key), OsString::from("x")));
        Session::from_vars(vars, Own { uid, umask: 0o022 }).taken(&InheritEnv::Session).into_keys().collect()
    }

    #[test]
    fn what_a_user_takes_along() {
        let never = [
            "_",
            "PWD",
            "OLDPWD",
            "SHLVL",
            "TERM",
            "COLUMNS",
            "LINES",
            "TMUX",
            "TMUX_PANE",
            "STY",
            "SSH_TTY",
            "SSH_AUTH_SOCK",
            "SUDO_UID",
            "LISTEN_FDS",
            "LISTEN_PID",
            "NOTIFY_SOCKET",
            "WATCHDOG_USEC",
            "INVOCATION_ID",
            "JOURNAL_STREAM",
            "NODE_CHANNEL_FD",
            "ABIDE_HOME",
            "ABIDE_INSTANCE",
        ];
        assert_eq!(capture(1000, &never), [""; 0]);
        let taken = ["HOME", "LANG", "LISTENER", "MY_SECRET", "NODE_ENV", "PATH", "TERMINFO", "XDG_RUNTIME_DIR", "_X"];
        assert_eq!(capture(1000, &taken), taken);
    }

    #[test]
    fn what_root_takes_along() {
        let keys = ["AWS_SECRET", "HOME", "LANG", "LC_ALL", "LD_PRELOAD", "LOGNAME", "PATH", "PATHEXT", "SHELL", "TZ", "USER"];
        assert_eq!(capture(0, &keys), ["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TZ", "USER"]);
        assert_eq!(Session::from_vars(std::iter::empty(), Own { uid: 0, umask: 0o022 }).umask, 0o027);
        assert_eq!(Session::from_vars(std::iter::empty(), Own { uid: 7, umask: 0o077 }).umask, 0o077);
    }

    #[test]
    fn what_is_not_text_is_left_out_and_named() {
        let vars = [(OsString::from("ODD"), OsString::from_vec(vec![0xff]))];
        let session = Session::from_vars(vars.into_iter(), Own { uid: 1, umask: 0 });
        assert_eq!((session.taken(&InheritEnv::Session).len(), session.unreadable), (0, vec!["ODD".to_owned()]));
    }

    #[test]
    fn own_process() {
        let text = "Name:\tabide\nUmask:\t0027\nState:\tR (running)\nUid:\t1000\t1001\t1002\t1003\n";
        assert_eq!(Own::parse(text), Some(Own { uid: 1001, umask: 0o027 }));
        assert_eq!(Own::parse("Name: x\n"), None);
        assert!(Own::read().is_ok());
    }

    #[test]
    fn what_an_app_asks_for() {
        let vars = ["PATH", "LC_ALL", "LC_TIME", "SECRET", "SSH_TTY"].map(|key| (OsString::from(key), OsString::from("x")));
        let session = Session::from_vars(vars.into_iter(), Own { uid: 0, umask: 0 });
        let named = |names: &[&str]| InheritEnv::Named(names.iter().map(|name| (*name).to_owned()).collect());
        for (inherit, wanted) in [
            (InheritEnv::None, &[][..]),
            (named(&[]), &[]),
            (named(&["SECRET", "SSH_TTY"]), &["SECRET"]),
            (named(&["LC_*"]), &["LC_ALL", "LC_TIME"]),
            (named(&["*_T*E", "P*H"]), &["LC_TIME", "PATH"]),
            (named(&["*"]), &["LC_ALL", "LC_TIME", "PATH", "SECRET"]),
            (named(&["PAT", "ATH", "P*T"]), &[]),
        ] {
            assert_eq!(session.taken(&inherit).into_keys().collect::<Vec<_>>(), wanted, "{inherit:?}");
        }
    }
}
