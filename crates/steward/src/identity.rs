//! As whom a life runs: names become numbers before the birth, since nobody may ask for a name between fork and exec.
//!
//! Everything here that asks for a name may wait for a server of directories: never on the loop.

use model::{Identity, Stage};
use rustix::process::{getegid, geteuid};
use std::collections::BTreeMap;
use std::io;
use sys::account::{Account, group_named, groups_of, own_groups, user_named, user_of};
use wire::Request;

/// So many groups the keeper takes for one service.
const MOST_GROUPS: usize = 64;
/// Variables that come from the user's entry, and never from the session, once there is a `user`.
const OF_ENTRY: [&str; 4] = ["HOME", "USER", "LOGNAME", "SHELL"];

/// Another than the manager itself, in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The user.
    pub(crate) uid: u32,
    /// The primary group.
    pub(crate) gid: u32,
    /// All supplementary groups.
    pub(crate) groups: Vec<u32>,
    /// The user's entry, if a `user` is set: a number need not have one.
    pub(crate) entry: Option<Option<Account>>,
}

/// Why nobody can be found: the step of the birth that stands for it, and words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The step.
    pub(crate) stage: Stage,
    /// The error's name.
    pub(crate) errno: &'static str,
    /// Which key, and what is wrong with it.
    pub(crate) why: String,
}

/// Whether anybody has to be found at all.
pub(crate) fn is_asked(identity: &Identity) -> bool {
    identity.user.is_some() || identity.group.is_some() || identity.groups.is_some()
}

/// Finds out as whom a life is to run. `None`: as the manager itself, which is also so when `user` names the manager's own user. Blocking.
///
/// # Errors
/// A user or group that is not there, or a database that does not answer.
pub(crate) fn owner(identity: &Identity) -> Result<Option<Owner>, Wrong> {
    let (own_uid, own_gid) = (geteuid().as_raw(), getegid().as_raw());
    let entry = identity.user.as_deref().map(find_user).transpose()?;
    let uid = entry.as_ref().map_or(own_uid, |(uid, _)| *uid);
    let group = identity.group.as_deref().map(|group| find_group("group", Stage::Gid, group)).transpose()?;
    let groups = identity
        .groups
        .as_ref()
        .map(|names| names.iter().map(|name| find_group("groups", Stage::Groups, name)).collect::<Result<Vec<u32>, Wrong>>());
    let groups = groups.transpose()?;
    let other = uid != own_uid;
    if !other && group.is_none_or(|gid| gid == own_gid) && groups.is_none() {
        return Ok(None);
    }
    let entry = entry.filter(|_| other).map(|(_, entry)| entry);
    let of_entry = entry.as_ref().and_then(Option::as_ref);
    let gid = group.unwrap_or_else(|| match &entry {
        // A number without an entry has a group of the same number, as everywhere.
        Some(entry) => entry.as_ref().map_or(uid, |entry| entry.gid),
        None => own_gid,
    });
    let groups = match (groups, of_entry) {
        (Some(groups), _) => groups,
        (None, Some(entry)) => groups_of(&entry.name, gid).map_err(|error| asking("groups", Stage::Groups, &error))?,
        (None, None) if other => Vec::new(),
        (None, None) => own_groups(),
    };
    if groups.len() > MOST_GROUPS {
        let why = format!(
            "{} groups are more than the {MOST_GROUPS} that a life can have; name those it needs in `groups`",
            groups.len()
        );
        return Err(Wrong { stage: Stage::Groups, errno: "E2BIG", why });
    }
    Ok(Some(Owner { uid, gid, groups, entry }))
}

fn find_user(name: &str) -> Result<(u32, Option<Account>), Wrong> {
    let wrong = |error: io::Error| asking("user", Stage::Uid, &error);
    if let Some(account) = user_named(name).map_err(wrong)? {
        return Ok((account.uid, Some(account)));
    }
    match number(name) {
        Some(uid) => Ok((uid, user_of(uid).map_err(wrong)?)),
        None => {
            Err(Wrong { stage: Stage::Uid, errno: "ENOENT", why: format!("user: there is no user `{name}` on this machine") })
        }
    }
}

fn find_group(key: &str, stage: Stage, name: &str) -> Result<u32, Wrong> {
    if let Some(gid) = group_named(name).map_err(|error| asking(key, stage, &error))? {
        return Ok(gid);
    }
    let none = || Wrong { stage, errno: "ENOENT", why: format!("{key}: there is no group `{name}` on this machine") };
    number(name).ok_or_else(none)
}

/// The highest number means nobody to the system.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number| *number != u32::MAX)
}

fn asking(key: &str, stage: Stage, error: &io::Error) -> Wrong {
    Wrong { stage, errno: sys::errno::name_of(error), why: format!("{key}: the users of this machine cannot be asked: {error}") }
}

/// Why a manager without root's rights cannot run an app as somebody else, with the ways out.
pub(crate) fn needs_root(identity: &Identity, owner: &Owner) -> String {
    let (key, ask) = match (&identity.user, &identity.group, &identity.groups) {
        (Some(user), ..) if owner.entry.is_some() => ("user", format!("`user = \"{user}\"`")),
        (_, Some(group), _) => ("group", format!("`group = \"{group}\"`")),
        _ => ("groups", "`groups`".to_owned()),
    };
    let own = geteuid().as_raw();
    format!("{ask} needs root, and this manager runs as uid {own}: run Abide's home as root (sudo abide up), or drop `{key}`")
}

impl Owner {
    /// The variables that come with the user: set, and (where there is no entry for it) not to be had from the session.
    pub(crate) fn variables(&self) -> Vec<(&'static str, Option<String>)> {
        let Some(entry) = &self.entry else { return Vec::new() };
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let of = |key: &'static str| match (entry, key) {
            (Some(entry), "HOME") => text(&entry.home),
            (Some(entry), "SHELL") => text(&entry.shell),
            (Some(entry), _) => text(&entry.name),
            (None, "HOME") => Some("/".to_owned()),
            (None, _) => None,
        };
        OF_ENTRY.into_iter().map(|key| (key, of(key))).collect()
    }

    /// Puts its variables over those of the session; what the app sets itself stays.
    pub(crate) fn dress(&self, env: &mut BTreeMap<String, String>, own: &BTreeMap<String, String>) {
        for (key, value) in self.variables().into_iter().filter(|(key, _)| !own.contains_key(*key)) {
            match value {
                Some(value) => _ = env.insert(key.to_owned(), value),
                None => _ = env.remove(key),
            }
        }
    }
}

/// What the keeper is told of a life besides program, variables and descriptors. The child does it in this order: `oom_score_adj` and limits,
/// niceness, groups, ids (and proves that they cannot be taken back), then what forbids new privileges.
pub(crate) fn lines(service: &str, identity: &Identity, owner: Option<&Owner>) -> Vec<Request> {
    let line = |verb: &str| Request::new(verb).field(service);
    let mut lines = Vec::new();
    if let Some(nice) = identity.nice {
        lines.push(line("service.nice").field(nice.to_string()));
    }
    if let Some(oom) = identity.oom_score_adj {
        lines.push(line("service.oom").field(oom.to_string()));
    }
    let bound = |limit: Option<u64>| limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
    for (name, limit) in &identity.limits {
        lines.push(line("service.rlimit").field(name).field(bound(limit.soft)).field(bound(limit.hard)));
    }
    if let Some(owner) = owner {
        let ids = [owner.uid, owner.gid].into_iter().chain(owner.groups.iter().copied());
        lines.push(ids.fold(line("service.user"), |line, id| line.field(id.to_string())));
        if owner.entry.is_some() {
            lines.push(line("service.opt").field("session").field("no_new_privs"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Rlimit;

    fn user(name: &str) -> Identity {
        Identity { user: Some(name.into()), ..Identity::default() }
    }

    fn text(lines: &[Request]) -> String {
        let mut bytes = Vec::new();
        lines.iter().for_each(|line| line.write_to(&mut bytes));
        String::from_utf8(bytes).expect("our own words").replace('\t', " ")
    }

    #[test]
    fn names_and_numbers_are_the_same() {
        let nobody = owner(&user("nobody")).expect("there").expect("another");
        assert_eq!((nobody.uid, nobody.gid, nobody.groups.as_slice()), (65534, 65534, [65534].as_slice()));
        assert_eq!(owner(&user("65534")).expect("there"), Some(nobody.clone()));
        assert_eq!(
            nobody.variables(),
            [
                ("HOME", Some("/nonexistent".into())),
                ("USER", Some("nobody".into())),
                ("LOGNAME", Some("nobody".into())),
                ("SHELL", Some("/usr/sbin/nologin".into())),
            ]
        );
        let stranger = owner(&user("61234")).expect("a number").expect("another");
        assert_eq!((stranger.uid, stranger.gid, stranger.groups.len(), stranger.entry.clone()), (61234, 61234, 0, Some(None)));
        let mut env = BTreeMap::from([("HOME".into(), "/root".into()), ("USER".into(), "root".into()), ("A".into(), "1".into())]);
        stranger.dress(&mut env, &BTreeMap::new());
        assert_eq!(env, BTreeMap::from([("HOME".into(), "/".into()), ("A".into(), "1".into())]));
        let own = BTreeMap::from([("HOME".into(), "/mine".into())]);
        env.insert("HOME".into(), "/mine".into());
        nobody.dress(&mut env, &own);
        assert_eq!((env["HOME"].as_str(), env["USER"].as_str()), ("/mine", "nobody"));
    }

    #[test]
    fn the_managers_own_user_changes_nothing() {
        let me = geteuid().as_raw().to_string();
        assert_eq!(owner(&user(&me)).expect("there"), None);
        assert_eq!(owner(&Identity::default()).expect("nobody asked"), None);
        let group = getegid().as_raw().to_string();
        assert_eq!(owner(&Identity { group: Some(group), ..user(&me) }).expect("there"), None);
        let grouped = owner(&Identity { groups: Some(vec!["7".into(), "nogroup".into()]), ..user(&me) }).expect("there");
        let grouped = grouped.expect("other groups are another");
        assert_eq!((grouped.uid, grouped.groups.as_slice()), (geteuid().as_raw(), [7, 65534].as_slice()));
        assert!(
            grouped.variables().is_empty() && !text(&lines("i1", &Identity::default(), Some(&grouped))).contains("no_new_privs")
        );
    }

    #[test]
    fn who_is_not_there_is_named_with_the_key() {
        for (identity, stage, why) in [
            (user("no-such-one"), Stage::Uid, "user: there is no user `no-such-one` on this machine"),
            (user("-1"), Stage::Uid, "user: there is no user `-1`"),
            (user("4294967295"), Stage::Uid, "user: there is no user"),
            (Identity { group: Some("no-such".into()), ..user("nobody") }, Stage::Gid, "group: there is no group `no-such`"),
            (
                Identity { groups: Some(vec!["0".into(), "no-such".into()]), ..user("nobody") },
                Stage::Groups,
                "groups: there is no group",
            ),
            (
                Identity { groups: Some((0..65).map(|n| n.to_string()).collect()), ..user("nobody") },
                Stage::Groups,
                "65 groups are more",
            ),
        ] {
            let wrong = owner(&identity).expect_err("nobody");
            assert!(wrong.stage == stage && wrong.why.starts_with(why), "{wrong:?}");
        }
        let mine = Owner { uid: 5, gid: 5, groups: Vec::new(), entry: Some(None) };
        let said = needs_root(&user("www"), &mine);
        assert!(
            said.contains("`user = \"www\"` needs root") && said.contains("as root") && said.contains("drop `user`"),
            "{said}"
        );
    }

    #[test]
    fn the_keeper_is_told_in_its_own_words() {
        let limits = BTreeMap::from([
            ("nofile".to_owned(), Rlimit { soft: Some(10), hard: Some(20) }),
            ("core".to_owned(), Rlimit { soft: None, hard: None }),
        ]);
        let identity = Identity { nice: Some(-3), oom_score_adj: Some(500), limits, ..user("nobody") };
        let nobody = owner(&identity).expect("there");
        let want = "service.nice i1 -3\nservice.oom i1 500\nservice.rlimit i1 core unlimited unlimited\nservice.rlimit i1 nofile 10 20\n\
            service.user i1 65534 65534 65534\nservice.opt i1 session no_new_privs\n";
        assert_eq!(text(&lines("i1", &identity, nobody.as_ref())), want);
        assert_eq!(text(&lines("i1", &Identity::default(), None)), "");
    }
}
