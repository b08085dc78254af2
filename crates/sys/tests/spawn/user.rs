//! Dropping privileges: all of it, or the program does not run (row 57 of reliability.md).

use crate::alone::alone;
use crate::kit::{PATH, deny, fields, is_root, live, sh, skipped};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use sys::spawn::{Step, User, Wish};

const NOBODY: User<'static> = User { uid: 65534, gid: 65533, groups: &[65530, 7, 65531] };

#[test]
fn a_user_is_all_of_it() {
    if skipped(is_root(), "only root can give away a process") {
        return;
    }
    let script = "grep -E '^(Uid|Gid|Groups|CapEff|CapPrm):' /proc/self/status";
    let (argv, env) = (sh(script), fields(&[PATH]));
    let outcome = live(&Wish { argv: &argv, env: &env, user: Some(NOBODY), ..Wish::default() });
    let said: Vec<String> = outcome.said().iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let four = |number: u32| format!("{number} {number} {number} {number}");
    let wanted = [
        format!("Uid: {}", four(65534)),
        format!("Gid: {}", four(65533)),
        "Groups: 7 65530 65531".to_owned(),
        "CapPrm: 0000000000000000".to_owned(),
        "CapEff: 0000000000000000".to_owned(),
    ];
    assert_eq!(said, wanted);
}

#[test]
fn root_may_stay_root_without_groups() {
    if skipped(is_root(), "only root can give away a process") {
        return;
    }
    let (argv, env) = (sh("id -u; id -G"), fields(&[PATH]));
    let user = Some(User { uid: 0, gid: 0, groups: &[] });
    assert_eq!(live(&Wish { argv: &argv, env: &env, user, ..Wish::default() }).said(), ["0", "0"]);
}

#[test]
fn every_half_way_is_no_way() {
    if skipped(is_root(), "only root can give away a process") {
        return;
    }
    let eperm = libc::EPERM;
    for (call, errno, wanted) in [
        (libc::SYS_setgroups, eperm, (Step::Groups, eperm)),
        (libc::SYS_setresgid, eperm, (Step::Gid, eperm)),
        (libc::SYS_setresuid, eperm, (Step::Uid, eperm)),
        (libc::SYS_setresuid, libc::EAGAIN, (Step::Uid, libc::EAGAIN)),
        // The call says that it was done, and it was not.
        (libc::SYS_setgroups, 0, (Step::Groups, eperm)),
        (libc::SYS_setresgid, 0, (Step::Gid, eperm)),
        (libc::SYS_setresuid, 0, (Step::Uid, eperm)),
    ] {
        alone(|| {
            deny(call, errno as u16);
            let (argv, env) = (sh("echo ran"), fields(&[PATH]));
            let outcome = live(&Wish { argv: &argv, env: &env, user: Some(NOBODY), ..Wish::default() });
            assert_eq!((outcome.failed(), outcome.said.as_str()), (Some(wanted), ""), "call {call}, errno {errno}");
        });
    }
}

#[test]
fn who_is_not_root_cannot() {
    if skipped(is_root(), "only root can become another") {
        return;
    }
    alone(|| {
        // SAFETY: numbers; this process is a child made for this.
        unsafe { assert_eq!(libc::setresuid(65534, 65534, 65534), 0) };
        let (argv, env) = (sh("echo ran"), fields(&[PATH]));
        let outcome = live(&Wish { argv: &argv, env: &env, user: Some(User { uid: 0, gid: 0, groups: &[] }), ..Wish::default() });
        assert_eq!((outcome.failed(), outcome.said.as_str()), (Some((Step::Groups, libc::EPERM)), ""));
        let outcome = live(&Wish { argv: &argv, env: &env, nice: Some(-5), ..Wish::default() });
        assert_eq!(outcome.failed(), Some((Step::Nice, libc::EACCES)));
        let limits = [(libc::RLIMIT_NOFILE as i32, 1 << 30, 1 << 30)];
        let outcome = live(&Wish { argv: &argv, env: &env, limits: &limits, ..Wish::default() });
        assert_eq!(outcome.failed(), Some((Step::Rlimit, libc::EPERM)));
    });
}

#[test]
fn the_working_directory_is_entered_as_the_user() {
    if skipped(is_root(), "only root can give away a process") {
        return;
    }
    let home = tempfile::tempdir().expect("tempdir");
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).expect("chmod");
    let (argv, env) = (sh("pwd"), fields(&[PATH]));
    let cwd = home.path().to_str().expect("text");
    let wish = Wish { argv: &argv, env: &env, cwd: Some(cwd.as_bytes()), ..Wish::default() };
    assert_eq!(live(&wish).said(), [cwd]);
    assert_eq!(live(&Wish { user: Some(NOBODY), ..wish }).failed(), Some((Step::Cwd, libc::EACCES)));
}
