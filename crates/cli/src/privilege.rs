//! Apps that are to run as somebody else: what can be said of that without asking the manager.
//!
//! `up` asks the manager, who knows as whom it runs. A file is checked by whoever writes it, who is most likely the one who will bring it up.

use crate::files::Finding;
use model::{AppSpec, Origin};
use std::io;
use sys::account::{group_named, user_named};

/// The databases of users and groups, as they are asked.
pub trait Accounts {
    /// The number of a user; `None` = there is none of that name.
    ///
    /// # Errors
    /// The database does not answer.
    fn user(&self, name: &str) -> io::Result<Option<u32>>;

    /// The number of a group.
    ///
    /// # Errors
    /// The database does not answer.
    fn group(&self, name: &str) -> io::Result<Option<u32>>;
}

/// Those of this machine.
pub struct Machine;

impl Accounts for Machine {
    fn user(&self, name: &str) -> io::Result<Option<u32>> {
        Ok(user_named(name)?.map(|account| account.uid))
    }

    fn group(&self, name: &str) -> io::Result<Option<u32>> {
        group_named(name)
    }
}

/// What is odd about the identities of these apps for somebody with this number.
pub fn odd(file: &str, apps: &[AppSpec], own: u32, accounts: &impl Accounts) -> Vec<Finding> {
    apps.iter()
        .flat_map(|app| of_app(app, own, accounts).map(|(key, message, help)| finding(file, app, key, message, help)))
        .collect()
}

fn of_app(app: &AppSpec, own: u32, accounts: &impl Accounts) -> Option<(&'static str, String, String)> {
    let identity = &app.identity;
    let number = |name: &str| name.parse::<u32>().ok();
    // A database that does not answer now may do so later: only what is known is said.
    let is_missing = |found: io::Result<Option<u32>>, name: &str| matches!(found, Ok(None)) && number(name).is_none();
    if let Some(user) = &identity.user
        && is_missing(accounts.user(user), user)
    {
        let help = "`up` refuses it where the user is not there; create the user, or name another".to_owned();
        return Some(("user", format!("`user`: there is no user `{user}` on this machine"), help));
    }
    let groups =
        || identity.group.iter().map(|name| ("group", name)).chain(identity.groups.iter().flatten().map(|name| ("groups", name)));
    if let Some((key, group)) = groups().find(|(_, group)| is_missing(accounts.group(group), group)) {
        let help = "`up` refuses it where the group is not there; create the group, or name another".to_owned();
        return Some((key, format!("`{key}`: there is no group `{group}` on this machine"), help));
    }
    let other = identity.user.as_ref().filter(|user| {
        let found = accounts.user(user).ok().flatten().or_else(|| number(user));
        found.is_some_and(|found| found != own)
    });
    let user = other.filter(|_| own != 0)?;
    let help = format!("bring it up as root (sudo abide up), or drop `user`; a manager of uid {own} refuses it");
    Some(("user", format!("`user`: to run as `{user}` needs root, and you are uid {own}"), help))
}

fn finding(file: &str, app: &AppSpec, key: &str, message: String, help: String) -> Finding {
    let at = match app.origins.get(key) {
        Some(Origin::App { at } | Origin::Defaults { at } | Origin::Profile { at }) => at.clone(),
        Some(Origin::Flag) | None => file.to_owned(),
    };
    let place = at.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?)));
    let (file, line) = place.map_or((at.as_str(), None), |(file, line)| (file, Some(line)));
    Finding::warning(format!("app `{}`: {message}", app.name), file.to_owned(), line, help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::AppName;

    struct Two;

    impl Accounts for Two {
        fn user(&self, name: &str) -> io::Result<Option<u32>> {
            match name {
                "ann" => Ok(Some(1000)),
                "far" => Err(io::Error::other("no answer")),
                _ => Ok(None),
            }
        }

        fn group(&self, name: &str) -> io::Result<Option<u32>> {
            Ok((name == "staff").then_some(50))
        }
    }

    fn said(own: u32, change: impl Fn(&mut model::Identity)) -> String {
        let mut app = AppSpec::new(AppName::new("web").expect("a name"), vec!["x".into()], "/".into());
        change(&mut app.identity);
        app.origins.insert("user".to_owned(), Origin::App { at: "abide.toml:4".to_owned() });
        let found = odd("abide.toml", &[app], own, &Two);
        assert!(found.iter().all(|one| one.file == "abide.toml"), "{found:?}");
        found.into_iter().map(|one| one.text).collect()
    }

    #[test]
    fn who_cannot_be_run_as_is_said_before_up_refuses() {
        let user = |name: &'static str| move |identity: &mut model::Identity| identity.user = Some(name.to_owned());
        for quiet in
            [said(0, user("ann")), said(1000, user("ann")), said(1000, user("1000")), said(7, user("far")), said(7, |_| {})]
        {
            assert_eq!(quiet, "");
        }
        assert_eq!(
            said(7, user("ann")),
            "warning: app `web`: `user`: to run as `ann` needs root, and you are uid 7\n  --> abide.toml:4\n   \
             = help: bring it up as root (sudo abide up), or drop `user`; a manager of uid 7 refuses it"
        );
        assert!(said(7, user("0")).contains("needs root"));
        assert!(said(0, user("bob")).contains("there is no user `bob`"));
        assert!(
            said(0, |identity| identity.groups = Some(vec!["staff".into(), "44".into(), "no".into()])).contains("no group `no`")
        );
        assert_eq!(said(0, |identity| identity.group = Some("staff".into())), "");
    }
}
