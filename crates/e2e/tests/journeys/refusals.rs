//! What cannot be: clear words, the right exit code, nothing changed.

use crate::SOON;
use e2e::{App, Done, House, app_file, is_root, skip, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

/// A house in which one good app runs, to see that nothing of it changes.
fn lived_in() -> House {
    let house = House::new();
    house.up(&app_file(&[App::puppet("web", &house.puppet(), "hang"), App::puppet("worker", &house.puppet(), "hang")]));
    house
}

/// Does `what`, and checks that the apps of [`lived_in`] are what they were.
#[track_caller]
fn unchanged(house: &House, what: impl FnOnce() -> Done) -> Done {
    let look = || house.list().into_iter().map(|r| (r.slot, r.status, r.pid, r.instance)).collect::<Vec<_>>();
    let before = look();
    let done = what();
    assert_eq!(look(), before, "something changed by {done:#?}");
    assert!(!done.err.trim().is_empty(), "a refusal says why: {done:#?}");
    assert!(!done.err.contains("panicked"), "{done:#?}");
    done
}

#[test]
fn unknown_apps_are_told_their_neighbours() {
    let house = lived_in();
    for verb in ["stop", "restart", "delete", "status", "logs"] {
        let done = unchanged(&house, || house.abide([verb, "wrker"]));
        done.code(1).says(&["wrker", "worker"]);
    }
    unchanged(&house, || house.abide(["stop", "web", "nobody-at-all"])).code(1).says(&["nobody-at-all"]);
}

#[test]
fn a_name_that_is_taken_is_not_taken_again() {
    let house = lived_in();
    let other = format!("{} sleep:1000 hang", house.puppet());
    let done = unchanged(&house, || house.abide(["start", &other, "--name", "web"])).code(1);
    done.says(&["web", "restart", "apply", "delete"]);
    // A name that is another app's slot.
    let done = unchanged(&house, || house.abide(["start", &other, "--name", "web-0"]));
    assert!(matches!(done.code, Some(1 | 2)), "{done:#?}");
}

#[test]
fn bad_files_are_shown_with_a_caret() {
    let house = lived_in();
    let good = house.read("abide.toml");
    let cases: &[(&str, &[&str])] = &[
        ("[apps.x]\ncmd = \"true\"\ninstnces = 2\n", &["instnces", "instances", ":3", "^"]),
        ("[apps.x]\ncmd = \"true\"\nrestart = \"sometimes\"\n", &["sometimes", "on-failure", ":3", "^"]),
        ("[apps.x]\ncmd = \"true\"\nstop_timeout = 5\n", &["stop_timeout", ":3", "^", "5s", "ms"]),
        ("[apps.x]\ncmd = \"true", &[":2", "^"]),
        ("[apps.all]\ncmd = \"true\"\n", &["all"]),
        ("[apps.x]\ninstances = 1\n", &["cmd"]),
        ("[apps.x]\ncmd = \"a | b\"\n", &["shell = true"]),
        ("[apps.x]\ncmd = \"echo ${NO_SUCH_VARIABLE}\"\n", &["NO_SUCH_VARIABLE"]),
    ];
    for (text, words) in cases {
        house.write("bad.toml", text);
        unchanged(&house, || house.abide(["up", "bad.toml"])).code(3).says(words).says(&["bad.toml"]);
        house.abide(["validate", "bad.toml"]).code(3).says(words);
    }
    // One bad file among good ones refuses all.
    house.write("good.toml", "[apps.fresh]\ncmd = \"true\"\n");
    unchanged(&house, || house.abide(["up", "good.toml", "bad.toml"])).code(3);
    house.write("abide.toml", good);
    house.abide(["validate"]).ok();
}

#[test]
fn a_wrong_command_line_is_usage() {
    let house = lived_in();
    unchanged(&house, || house.abide(["strat", "web"])).code(2).says(&["start"]);
    unchanged(&house, || house.abide(["list", "--jsno"])).code(2).says(&["--json"]);
    unchanged(&house, || house.abide(["stop"])).code(2);
    let missing = unchanged(&house, || house.abide(["up", "no-such-file.toml"]));
    assert!(matches!(missing.code, Some(2 | 3)), "{missing:#?}");
    missing.says(&["no-such-file.toml"]);
}

#[test]
fn programs_that_cannot_run_are_refused_with_the_reason() {
    let house = lived_in();
    let plain = house.write("plain.txt", "no program").display().to_string();
    let cases: &[(&[&str], &[&str])] = &[
        (&["no-such-program-anywhere"], &["no-such-program-anywhere", "PATH"]),
        (&["/nowhere/program"], &["/nowhere/program", "no such file"]),
        (&[&plain], &["plain.txt", "not executable", "chmod"]),
        (&["--cwd", "/no/such/folder", "/bin/sleep", "1000"], &["/no/such/folder", "no such file"]),
    ];
    for (args, words) in cases {
        unchanged(&house, || house.abide(["start", "--name", "fresh"].iter().chain(*args))).code(1).says(words);
    }
}

#[test]
fn an_unreachable_manager_is_exit_4() {
    let house = House::new();
    house.abide(["status", "web"]).code(4).says(&["daemon start"]);
    house.abide(["stop", "web"]).code(4);
    assert_eq!(house.abide(["list", "--json"]).ok().out.trim(), "[]");
    assert!(!house.home().exists(), "nothing was made");

    let house = lived_in();
    let (web, socket, away) = (house.process("web-0"), house.home().join("run/abide.sock"), house.file("away"));
    let before = house.members().len();
    fs::rename(&socket, &away).expect("our own file");
    let done = house.abide(["status", "web"]).code(4);
    assert!(!done.err.is_empty(), "{done:#?}");
    assert!(web.alive());
    assert_eq!(house.members().len(), before, "nothing more was started");
    fs::rename(&away, &socket).expect("our own file");
    assert_eq!(house.process("web-0"), web);
}

#[test]
fn row_50_another_user_is_refused() {
    if !is_root() {
        return skip("row_50_another_user_is_refused", "needs root to become another user");
    }
    let house = lived_in();
    let abide = crate::uid::programs_for_all(&house);
    // Closed directories, as they are made.
    for args in [&["list"][..], &["stop", "web"], &["start", "/bin/true"], &["daemon", "stop"], &["status", "web"]] {
        let done = unchanged(&house, || crate::uid::as_nobody(&house, &abide, args));
        assert_eq!(done.code, Some(5), "closed: {done:#?}");
    }
    // Opened ones: now only the check of the peer stands between.
    for (path, mode) in
        [("", 0o755), ("home", 0o755), ("home/run", 0o755), ("home/run/abide.sock", 0o666), ("home/run/lock", 0o644)]
    {
        let path = house.root().join(path);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
    for args in [&["list"][..], &["stop", "web"], &["delete", "all", "--yes"], &["daemon", "stop"], &["restart", "web"]] {
        let done = unchanged(&house, || crate::uid::as_nobody(&house, &abide, args));
        assert_eq!(done.code, Some(5), "opened: {done:#?}");
    }
}

#[test]
fn row_50_a_socket_of_a_stranger_is_not_believed() {
    if !is_root() {
        return skip("row_50_a_socket_of_a_stranger_is_not_believed", "needs root to become another user");
    }
    let house = lived_in();
    crate::uid::programs_for_all(&house);
    let open = |path: &std::path::Path| fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("our own file");
    open(house.root());
    let fake = house.root().join("fake.sock");
    let mut stranger = crate::uid::command_as_nobody(&house, &house.root().join("programs/puppet"));
    stranger.arg(format!("socket:{}", fake.display()));
    let mut stranger = stranger.spawn().expect("the puppet can be run");
    // Its file is there a moment before it listens.
    wait_until(SOON, "the stranger listens", || UnixStream::connect(&fake).ok());
    let socket = house.home().join("run/abide.sock");
    fs::rename(&socket, house.file("away")).expect("our own file");
    fs::rename(&fake, &socket).expect("our own file");
    let done = house.abide(["list", "--json"]);
    assert_eq!(done.code, Some(5), "root must not talk to uid 65534: {done:#?}");
    assert!(!done.out.contains("hello"), "{done:#?}");
    stranger.kill().expect("our own child");
    stranger.wait().expect("our own child");
}
