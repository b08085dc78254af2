//! §7: fixed pools.

use crate::desk::{define, dump, ends_with_42, refused, start};
use e2e::Keeper;

#[test]
fn services_are_counted() {
    let mut keeper = Keeper::talk(["--service-pool", "2"]);
    for name in ["a", "b"] {
        keeper.ask(&format!("service.tags\t{name}"), &format!("service.tags\t{name}\t"));
    }
    refused(
        &mut keeper,
        &[
            ("service.tags\tc", "Unable to allocate new service"),
            ("service.args\tc\ttrue", "Unable to allocate new service"),
            ("service.fds\tc\tnull", "Unable to allocate new service"),
        ],
    );
    keeper.ask("service.delete\ta", "service.state\ta\tdeleted\t**");
    keeper.ask("service.tags\tc", "service.tags\tc\t");
    ends_with_42(&mut keeper, "b", "true");
}

#[test]
fn descriptors_are_counted() {
    // Seven are there from the beginning: stdin, stdout, stderr, null and three of control.
    let mut keeper = Keeper::talk(["--fd-pool", "9"]);
    keeper.ask("fd.open\ta\tread\t/dev/null", "fd.state\ta\t**");
    keeper.ask("fd.open\tb\tread\t/dev/null", "fd.state\tb\t**");
    let held = e2e::open_files(keeper.pid()).len();
    refused(
        &mut keeper,
        &[
            ("fd.open\tc\tread\t/dev/null", "Unable to allocate new file descriptor object"),
            ("fd.socket\tc\tunix", "Unable to allocate new file descriptor object"),
            ("fd.pipe\tc\td", "Unable to allocate new file descriptor object"),
        ],
    );
    keeper.check(e2e::open_files(keeper.pid()).len() == held, "a refusal holds nothing");
    keeper.ask("fd.open\ta\tread\t/dev/zero", "fd.state\ta\tfile\tread\t/dev/zero");
    keeper.ask("fd.delete\ta", "fd.state\ta\tdeleted");
    refused(&mut keeper, &[("fd.pipe\tc\td", "Unable to allocate new file descriptor object")]);
    keeper.ask("fd.open\tc\tread\t/dev/null", "fd.state\tc\t**");
    let names = dump(&mut keeper).iter().filter(|l| l.starts_with("fd.state\t")).count();
    assert_eq!(names, 9);
}

#[test]
fn what_a_service_holds_is_bounded() {
    let mut keeper = Keeper::talk(["--service-pool", "4x256"]);
    let text = "x".repeat(400);
    refused(
        &mut keeper,
        &[
            (&format!("service.tags\ta\t{text}"), "unable to set tags"),
            (&format!("service.args\ta\ttrue\t{text}"), "unable to set argv"),
        ],
    );
    // What fits is still taken, also in the same service.
    keeper.ask("service.tags\ta\tx", "service.tags\ta\tx");
    ends_with_42(&mut keeper, "a", "true");
}

#[test]
fn a_name_of_a_file_may_be_cut_in_what_is_shown_only() {
    let mut keeper = Keeper::talk(["--fd-pool", "20x64"]);
    let folder = keeper.file(&"d".repeat(100));
    std::fs::create_dir(&folder).expect("our own folder");
    let path = folder.join("file");
    keeper.say(&format!("fd.open\ta\twrite,create\t{}", path.display()));
    let shown = keeper.expect_match("fd.state\ta\tfile\twrite,create\t*");
    let whole = path.to_str().expect("plain");
    let cut = shown[0] == whole || shown[0].strip_suffix("...").is_some_and(|head| whole.starts_with(head));
    keeper.check(cut, &format!("{} shown as {}", whole, shown[0]));
    assert!(path.exists());
}

#[test]
fn out_of_bounds_is_warned_of_and_clamped() {
    for (args, word) in [
        (["--fd-pool", "1"], "minimum"),
        (["--fd-pool", "2000"], "maximum"),
        (["--fd-pool", "20x1"], "minimum"),
        (["--fd-pool", "20x8192"], "maximum"),
        (["--service-pool", "0"], "minimum"),
        (["--service-pool", "70000"], "maximum"),
        (["--service-pool", "5x1"], "minimum"),
    ] {
        let mut keeper = Keeper::talk(args);
        keeper.wait_stderr(&format!("warning: **{word}**"));
        keeper.ask("service.tags\ta\tx", "service.tags\ta\tx");
    }
}

#[test]
fn within_bounds_nothing_is_said() {
    for args in [
        ["--fd-pool", "7"],
        ["--fd-pool", "1024"],
        ["--fd-pool", "20x32"],
        ["--fd-pool", "20x4096"],
        ["--fd-pool", "20x4k"],
        ["--fd-pool", "20x4kiB"],
        ["--fd-pool", "20x4kB"],
        ["--fd-pool", "20x100b"],
        ["--service-pool", "1"],
        ["--service-pool", "5x64"],
        ["--service-pool", "5x1k"],
    ] {
        let mut keeper = Keeper::talk(args);
        keeper.quiet();
        keeper.close_stdin();
        keeper.exits(0);
        let logged = keeper.stderr_lines();
        keeper.check(logged.is_empty(), &format!("{args:?}: {logged:?}"));
    }
}

#[test]
fn pools_and_ten_rounds_of_everything() {
    let mut keeper = Keeper::talk(["--fd-pool", "20", "--service-pool", "5"]);
    for _ in 0..100 {
        keeper.say("fd.pipe\tr\tw");
        keeper.barrier();
        define(&mut keeper, "a", "true");
        keeper.ask("service.fds\ta\tr\tw\tw", "service.fds\ta\tr\tw\tw");
        start(&mut keeper, "a");
        keeper.expect_match("service.state\ta\tdown\t**");
        keeper.ask("service.delete\ta", "service.state\ta\tdeleted\t**");
        keeper.ask("fd.delete\tr", "fd.state\tr\tdeleted");
        keeper.ask("fd.delete\tw", "fd.state\tw\tdeleted");
    }
}
