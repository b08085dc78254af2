//! §4: what a service finds when it begins.

use crate::desk::{define, ends_with_42, output_of, start, stat_fields, talk, up};
use e2e::{Start, open_files};

#[test]
fn environment_and_folder_are_the_keepers() {
    let mut keeper = Start::new(["-i"]).env("OF_THE_KEEPER", "yes").start().greeted();
    let root = keeper.root().to_str().expect("plain").to_owned();
    assert_eq!(output_of(&mut keeper, "echo $OF_THE_KEEPER; pwd"), format!("yes\n{root}\n"));
    assert_eq!(output_of(&mut keeper, "env | grep -c DAEMONPROXY_; true"), "0\n", "nothing is added");
}

#[test]
fn files_are_private() {
    let mut keeper = talk();
    assert_eq!(output_of(&mut keeper, "umask").trim_start_matches('0'), "77\n");
}

#[test]
fn only_the_listed_descriptors_are_open() {
    let start = Start::new(["-i", "-S", "ctl"]).through(["sh", "-c", "exec \"$@\" 5</etc/passwd 9</dev/null", "sh"]);
    let mut keeper = start.start().greeted();
    keeper.say("fd.pipe\tr\tw\nfd.pipe\ta\tb\tunix\nfd.socket\ts\ttcp,listen\t127.0.0.1:0");
    keeper.barrier();
    keeper.ask("service.fds\tq\tnull\tnull\tnull\tr", "service.fds\tq\tnull\tnull\tnull\tr");
    define(&mut keeper, "q", "sleep\t1000");
    let pid = crate::desk::start(&mut keeper, "q");
    // While it starts, its loader has files of its own.
    let numbers = || open_files(pid).into_iter().map(|(n, _)| n).eq([0, 1, 2, 3]);
    e2e::wait_until(e2e::PATIENCE, "it has the four that are listed, and no other", || numbers().then_some(()));
}

#[test]
fn handles_that_were_never_set_are_null() {
    let mut keeper = talk();
    let script =
        "for n in 0 1 2; do test \"$(readlink /proc/$$/fd/$n)\" = /dev/null || exit $n; done; test ! -e /proc/$$/fd/3 || exit 9";
    ends_with_42(&mut keeper, "a", script);
    let dump = crate::desk::dump(&mut keeper);
    keeper.check(dump.iter().any(|l| l == "service.fds\ta\tnull\tnull\tnull"), &format!("{dump:?}"));
}

#[test]
fn no_handles_at_all() {
    let mut keeper = talk();
    keeper.ask("service.fds\ta", "service.fds\ta\t");
    ends_with_42(&mut keeper, "a", "for n in 0 1 2; do if test -e /proc/$$/fd/$n; then exit 1$n; fi; done");
}

#[test]
fn a_dash_is_a_closed_descriptor() {
    let mut keeper = talk();
    keeper.say("service.fds\ta\t-\tnull\t-\tnull");
    keeper.wait_for("service.fds\ta\t-\tnull\t-\tnull");
    let script = "test ! -e /proc/$$/fd/0 || exit 1; test -e /proc/$$/fd/1 || exit 2; test ! -e /proc/$$/fd/2 || exit 3; \
                  test -e /proc/$$/fd/3 || exit 4";
    keeper.barrier();
    ends_with_42(&mut keeper, "a", script);
}

#[test]
fn a_handle_may_be_listed_twice_and_in_any_order() {
    let mut keeper = talk();
    let file = keeper.file("out");
    keeper.ask(&format!("fd.open\tx\twrite,create\t{}", file.display()), "fd.state\tx\t**");
    keeper.ask("service.fds\ta\tx\tnull\tx\tnull\tx", "service.fds\ta\t**");
    ends_with_42(&mut keeper, "a", "echo zero >&0; echo two >&2; echo four >&4");
    assert_eq!(keeper.read("out"), "zero\ntwo\nfour\n");
}

#[test]
fn a_missing_handle_aborts_the_child() {
    let mut keeper = talk();
    keeper.say("service.fds\ta\tnull\tnope");
    keeper.wait_for("service.fds\ta\t**");
    keeper.barrier();
    define(&mut keeper, "a", "true");
    start(&mut keeper, "a");
    keeper.expect_match("service.state\ta\tdown\t<ts>\t<pid>\tsignal\tSIGABRT\t<int>\t<int>");
}

#[test]
fn a_handle_defined_later_is_found_at_the_start() {
    let mut keeper = talk();
    keeper.say("service.fds\ta\tnull\tlater");
    keeper.wait_for("service.fds\ta\t**");
    keeper.barrier();
    keeper.ask("fd.open\tlater\twrite\t/dev/null", "fd.state\tlater\t**");
    ends_with_42(&mut keeper, "a", "true");
}

#[test]
fn what_cannot_be_executed_exits_with_3_after_up() {
    let mut keeper = talk();
    let plain = keeper.write("plain", "no program\n");
    for program in ["/no/such/program", "no-such-program-anywhere", plain.to_str().expect("plain"), "/tmp"] {
        define(&mut keeper, "a", program);
        start(&mut keeper, "a");
        keeper.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t3\t<int>\t<int>");
    }
}

#[test]
fn the_path_is_searched_and_is_the_first_argument() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    let pid = start(&mut keeper, "a");
    let args = || e2e::Proc::find(pid).is_some_and(|p| p.args() == ["sleep", "1000"]);
    e2e::wait_until(e2e::PATIENCE, "it executes sleep with its name", || args().then_some(()));
}

#[test]
fn arguments_arrive_as_they_are() {
    let mut keeper = talk();
    keeper.ask("fd.open\tout\twrite,create\tout", "fd.state\tout\t**");
    keeper.ask("service.fds\ta\tnull\tout\tnull", "service.fds\ta\t**");
    define(&mut keeper, "a", "sh\t-c\tprintf '<%s>' \"$@\"\tsh\t\ta  b\t\"c\" 'd'\t\\n\t$HOME\t");
    start(&mut keeper, "a");
    keeper.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
    assert_eq!(keeper.read("out"), "<><a  b><\"c\" 'd'><\\n><$HOME><>");
}

#[test]
fn signals_are_as_in_a_fresh_process() {
    let mut keeper = talk();
    let text = output_of(&mut keeper, "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status");
    let mask = |name: &str| {
        let line = text.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| keeper.fail(&text));
        u64::from_str_radix(line.split_whitespace().nth(1).expect("two words"), 16).expect("hexadecimal")
    };
    keeper.check(mask("SigBlk:") == 0, &text);
    // HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 PIPE ALRM TERM CHLD.
    let handled = [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 17].iter().fold(0_u64, |m, n| m | 1 << (n - 1));
    keeper.check(mask("SigIgn:") & handled == 0, &text);
}

#[test]
fn session_and_group_are_the_keepers() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    let pid = start(&mut keeper, "a");
    let (mine, its) = (stat_fields(keeper.pid()), stat_fields(pid));
    keeper.check(mine[2..4] == its[2..4], &format!("group and session: keeper {:?}, child {:?}", &mine[2..4], &its[2..4]));
    keeper.check(its[1] == keeper.pid().to_string(), "its parent is the keeper");
}

#[test]
fn with_i_the_services_have_null_for_stdin_and_stdout() {
    let mut keeper = talk();
    keeper.ask("service.fds\ta\tstdin\tstdout\tstderr", "service.fds\ta\tstdin\tstdout\tstderr");
    ends_with_42(
        &mut keeper,
        "a",
        "for n in 0 1; do test \"$(readlink /proc/$$/fd/$n)\" = /dev/null || exit 1; done; echo here >&2",
    );
    keeper.wait_stderr("here");
    keeper.quiet();
}

#[test]
fn without_i_the_standard_streams_are_the_services() {
    let start = Start::new(["-c", "config", "-S", "ctl"]);
    start.write("config", "service.fds\ta\tstdin\tstdout\tstderr\nservice.args\ta\tcat\nservice.start\ta\n");
    let mut keeper = start.start();
    keeper.say("through cat");
    keeper.expect("through cat");
}

#[test]
fn with_a_config_on_stdin_only_stdin_is_null() {
    let mut keeper = Start::new(["-c", "-", "-S", "ctl"]).start();
    keeper.say(
        "service.fds\ta\tstdin\tstdout\tstderr\nservice.args\ta\tsh\t-c\treadlink /proc/$$/fd/0; cat; echo end\nservice.start\ta",
    );
    keeper.close_stdin();
    keeper.expect("/dev/null");
    keeper.expect("end");
}

#[test]
fn five_hundred_short_lives() {
    let mut keeper = talk();
    define(&mut keeper, "a", "true");
    let held = open_files(keeper.pid()).len();
    for _ in 0..500 {
        keeper.ask("service.start\ta", "service.state\ta\tstart\t**");
        up(&mut keeper, "a");
        keeper.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
    }
    e2e::wait_until(e2e::PATIENCE, "no descriptor is left behind", || (open_files(keeper.pid()).len() == held).then_some(()));
}
