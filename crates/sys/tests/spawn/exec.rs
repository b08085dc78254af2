//! Programs that cannot be executed, each with its stage.

use crate::alone::alone;
use crate::kit::{PATH, deny, fields, live, live_with, sh};
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use sys::process::Ending;
use sys::spawn::{Place, Report, Step, Wish, Workshop};

fn put(path: &Path, bytes: &[u8], mode: u32) -> String {
    fs::write(path, bytes).expect("write");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
    path.to_str().expect("text").to_owned()
}

fn failed(argv: &[u8], env: &[u8]) -> Option<(Step, i32)> {
    let outcome = live(&Wish { argv, env, ..Wish::default() });
    assert_eq!(outcome.ending, Ending::Code(3));
    outcome.failed()
}

#[test]
fn each_error_has_its_stage() {
    let home = tempfile::tempdir().expect("tempdir");
    let at = |name: &str| home.path().join(name);
    let gone = at("gone").to_str().expect("text").to_owned();
    assert_eq!(failed(&fields(&[&gone]), b""), Some((Step::Exec, libc::ENOENT)));
    let plain = put(&at("plain"), b"#!/bin/sh\n", 0o600);
    assert_eq!(failed(&fields(&[&plain]), b""), Some((Step::Exec, libc::EACCES)));
    let noise = put(&at("noise"), b"no program\n", 0o700);
    assert_eq!(failed(&fields(&[&noise]), b""), Some((Step::Exec, libc::ENOEXEC)));
    let orphan = put(&at("orphan"), b"#!/nowhere/sh\n", 0o700);
    assert_eq!(failed(&fields(&[&orphan]), b""), Some((Step::Exec, libc::ENOENT)));
    assert_eq!(failed(&fields(&["/bin/true", &"x".repeat(200_000)]), b""), Some((Step::Exec, libc::E2BIG)));
    let busy = put(&at("busy"), &fs::read("/bin/true").expect("readable"), 0o700);
    let writer = fs::OpenOptions::new().write(true).open(&busy).expect("open");
    assert_eq!(failed(&fields(&[&busy]), b""), Some((Step::Exec, libc::ETXTBSY)));
    drop(writer);
    assert_eq!(failed(&fields(&[&"/x".repeat(3000)]), b""), Some((Step::Exec, libc::ENAMETOOLONG)));
    let (argv, cwd) = (fields(&["/bin/true"]), gone.as_bytes());
    let outcome = live(&Wish { argv: &argv, cwd: Some(cwd), ..Wish::default() });
    assert_eq!((outcome.report, outcome.ending), (Report::Failed(Step::Cwd, libc::ENOENT), Ending::Code(3)));
}

#[test]
fn what_is_no_wish_is_refused_before_the_fork() {
    let refused = |wish: &Wish<'_>| {
        let (step, error) = Workshop::new().spawn(wish).expect_err("refused");
        (step, error.raw_os_error().expect("a number"))
    };
    assert_eq!(refused(&Wish::default()), (Step::Exec, libc::ENOENT));
    assert_eq!(refused(&Wish { argv: b"\0x\0", ..Wish::default() }), (Step::Exec, libc::ENOENT));
    assert_eq!(refused(&Wish { argv: b"true", ..Wish::default() }), (Step::Prepare, libc::EINVAL));
    assert_eq!(refused(&Wish { argv: b"true\0", env: b"A=1", ..Wish::default() }), (Step::Prepare, libc::EINVAL));
    assert_eq!(refused(&Wish { argv: b"true\0", cwd: Some(b"/\0"), ..Wish::default() }), (Step::Prepare, libc::EINVAL));
    assert_eq!(refused(&Wish { argv: b"true\0", cgroup: Some(b"/nowhere"), ..Wish::default() }), (Step::Cgroup, libc::ENOENT));
}

#[test]
fn the_search_goes_through_the_path() {
    let home = tempfile::tempdir().expect("tempdir");
    let [first, second] = ["first", "second"].map(|name| home.path().join(name));
    fs::create_dir(&first).expect("mkdir");
    fs::create_dir(&second).expect("mkdir");
    let path = fields(&[format!("PATH=/nowhere:{}:{}:{}", "y".repeat(5000), first.display(), second.display())]);
    let argv = fields(&["tool", "", "b c"]);
    assert_eq!(failed(&argv, &path), Some((Step::Exec, libc::ENOENT)));
    put(&first.join("tool"), b"#!/bin/sh\n", 0o600);
    assert_eq!(failed(&argv, &path), Some((Step::Exec, libc::EACCES)));
    put(&second.join("tool"), b"#!/bin/sh\necho \"$0|$1|$2|$#\"", 0o700);
    let outcome = live(&Wish { argv: &argv, env: &path, ..Wish::default() });
    assert_eq!(outcome.said(), [format!("{}/tool||b c|2", second.display())]);
    // An empty folder is the one in which it stands.
    let (path, cwd) = (fields(&["PATH="]), second.to_str().expect("text"));
    let outcome = live(&Wish { argv: &argv, env: &path, cwd: Some(cwd.as_bytes()), ..Wish::default() });
    assert_eq!(outcome.said(), ["./tool||b c|2"]);
    // Without a path there is a usual one.
    let argv = fields(&["sh", "-c", "echo here"]);
    assert_eq!(live(&Wish { argv: &argv, ..Wish::default() }).said(), ["here"]);
}

#[test]
fn one_workshop_bears_them_all_and_nothing_of_one_comes_to_the_next() {
    let mut workshop = Workshop::with_room(0, 0);
    let null = sys::handle::null().expect("null");
    for round in 0..50usize {
        let script = format!("test $# = {round} && test \"$ROUND\" = {round} && test -z \"$OTHER\" && exit {}", round % 7);
        let mut argv = sh(&script);
        argv.extend(fields(&["name"]));
        argv.extend(fields(&vec!["argument"; round]));
        let mut env = fields(&[PATH, &format!("ROUND={round}")]);
        let cwd = "/".repeat(round);
        let wish = Wish { argv: &argv, env: &env, cwd: (round % 3 == 1).then_some(cwd.as_bytes()), ..Wish::default() };
        let places = [(0, Place::Copy(null.as_fd())), (round as u32 + 1, Place::Copy(null.as_fd()))];
        let born = workshop.spawn(&Wish { places: &places, listen_pid: round % 2 == 0, ..wish }).expect("forked");
        env.clear();
        crate::kit::wait(&born.pidfd);
        assert_eq!(sys::spawn::read_report(&born.report), Report::Runs);
        assert_eq!(sys::process::reap_pid(born.pid), Some(Ending::Code(round as i32 % 7)), "round {round}");
    }
}

#[test]
fn kernels_without_clone3_will_do() {
    alone(|| {
        deny(libc::SYS_clone3, libc::ENOSYS as u16);
        let (argv, env) = (sh("echo $0; exit 0"), fields(&[PATH]));
        assert_eq!(live(&Wish { argv: &argv, env: &env, ..Wish::default() }).said(), ["sh"]);
    });
    alone(|| {
        deny(libc::SYS_clone3, libc::EAGAIN as u16);
        let null = sys::handle::null().expect("null");
        let (step, error) = live_with(null.as_fd(), &Wish { argv: b"true\0", ..Wish::default() }).expect_err("no room");
        assert_eq!((step, error.raw_os_error()), (Step::Fork, Some(libc::EAGAIN)));
    });
}
