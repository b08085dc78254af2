//! §7: the command line.

use crate::desk::{define, dump, ends_with_42, finish, run, start, talk};
use e2e::{Keeper, Proc, Start};
use rustix::process::Signal;

#[test]
fn version_prints_its_lines_in_order_and_ends_with_1() {
    let (code, out, err) = run(&["--version"]);
    let text = format!("{out}\n{err}");
    assert_eq!(code, 1, "{text}");
    let mut rest = text.lines();
    for pattern in ["**daemonproxy** version **", "**build timestamp: **", "**git HEAD: **", "**Copyright**", "**LICENSE**"] {
        let found = rest.find(|line| e2e::fits(pattern, line).is_some());
        assert!(found.is_some(), "{pattern} in its place in\n{text}");
    }
    let copyright = text.lines().find(|l| l.contains("Copyright")).expect("it was found");
    let digits = |t: &str| t.len() == 4 && t.bytes().all(|b| b.is_ascii_digit());
    let years = |word: &str| word.trim_matches(',').split_once('-').is_some_and(|(from, to)| digits(from) && digits(to));
    assert!(copyright.split(' ').any(years), "YYYY-YYYY in {copyright}");
}

#[test]
fn help_ends_with_1() {
    for option in ["--help", "-h"] {
        let (code, out, err) = run(&[option]);
        assert_eq!(code, 1);
        let text = format!("{out}{err}");
        for name in
            ["--config", "--interactive", "--socket", "--daemonize", "--exit-guard", "--exit-exec", "--fd-pool", "--service-pool"]
        {
            assert!(text.contains(name), "{name} in {text}");
        }
    }
}

#[test]
fn wrong_options_end_with_2() {
    let cases: &[&[&str]] = &[
        &[],
        &["-v"],
        &["--no-such-option"],
        &["-i", "--no-such-option"],
        &["-iZ"],
        &["-i", "-S"],
        &["-i", "--socket=ctl"],
        &["--config=x"],
        &["-i", "--exit-guard"],
        &["-i", "--exit-guard", "x"],
        &["-i", "--fd-pool", "x"],
        &["-i", "--fd-pool", "10x"],
        &["-i", "--service-pool", "10xy"],
    ];
    for args in cases {
        let (code, _, err) = run(args);
        assert_eq!(code, 2, "{args:?}: {err}");
        assert!(!err.is_empty(), "{args:?} is explained");
    }
}

#[test]
fn short_options_combine() {
    let mut keeper = Keeper::start(["-iv"]).greeted();
    keeper.quiet();
    let mut keeper = Keeper::start(["-vviS", "ctl"]).greeted();
    keeper.quiet();
    keeper.client("ctl").quiet();
}

#[test]
fn long_names_mean_the_same() {
    let mut keeper = Keeper::start(["--interactive", "--socket", "ctl"]).greeted();
    keeper.client("ctl").quiet();
    keeper.quiet();
}

#[test]
fn it_is_daemonproxy_when_it_is_called_so() {
    let mut keeper = Start::new(["-i"]).called("daemonproxy").start().greeted();
    keeper.quiet();
    let name = std::fs::read_to_string(format!("/proc/{}/comm", keeper.pid())).expect("it runs");
    assert_eq!(name, "daemonproxy\n");
    ends_with_42(&mut keeper, "a", "true");
}

#[test]
fn a_config_file_is_a_stream_of_commands() {
    for option in ["-c", "--config"] {
        let start = Start::new([option, "config", "-i"]);
        start.write(
            "config",
            "# services\nservice.args\ta\tsleep\t1000\n\nservice.tags\ta\tx\nservice.start\ta\nservice.tags\tlast\ty",
        );
        let mut keeper = start.start().greeted();
        let lines = dump(&mut keeper);
        for pattern in ["service.state\ta\tup\t**", "service.tags\ta\tx", "service.tags\tlast\ty"] {
            keeper.check(lines.iter().any(|l| e2e::fits(pattern, l).is_some()), &format!("{pattern:?} in {lines:?}"));
        }
    }
}

#[test]
fn the_order_of_config_and_i_does_not_matter() {
    let start = Start::new(["-i", "-c", "config"]);
    start.write("config", "service.tags\ta\tx\n");
    let mut keeper = start.start().greeted();
    keeper.wait_until_dumped("service.tags\ta\tx");
}

#[test]
fn errors_of_a_config_file_are_logged_only() {
    let start = Start::new(["-c", "config"]);
    start.write("config", "nonsense\nservice.start\tnobody\necho\tnobody hears\nservice.tags\ta\tx\nterminate\t7\n");
    let mut keeper = start.start();
    keeper.exits(7);
    assert_eq!((keeper.lines(), keeper.tail()), (vec![], String::new()), "no events");
    keeper.wait_stderr("**nonsense**");
    keeper.wait_stderr("**No such service**");
}

#[test]
fn after_its_config_the_keeper_stays() {
    let start = Start::new(["-c", "config", "-S", "ctl"]);
    start.write("config", "service.args\ta\tsleep\t1000\nservice.start\ta\n");
    let keeper = start.start();
    let mut client = keeper.client("ctl");
    e2e::wait_until(e2e::PATIENCE, "the service of the config comes up", || {
        client.answers("statedump").iter().any(|l| l.starts_with("service.state\ta\tup\t")).then_some(())
    });
}

#[test]
fn a_config_on_stdin() {
    let mut keeper = Start::new(["-c", "-", "-S", "ctl"]).start();
    keeper.send_raw("service.tags\ta\tx\nservice.tags\tlast\ty");
    keeper.close_stdin();
    let mut client = keeper.client("ctl");
    client.wait_until_dumped("service.tags\tlast\ty");
    client.wait_until_dumped("service.tags\ta\tx");
    assert_eq!(keeper.lines(), [""; 0], "no events for a config");
}

#[test]
fn a_config_that_is_missing() {
    let (code, _, err) = run(&["-c", "no-such-file"]);
    assert!((2..=5).contains(&code), "code {code}: {err}");
    assert!(err.contains("no-such-file"), "it is named: {err}");
}

#[test]
fn a_long_line_of_a_config_is_logged_and_skipped() {
    let start = Start::new(["-c", "config"]);
    start.write("config", format!("{}\n#{}\nterminate\t7\n", "x".repeat(3000), "c".repeat(3000)));
    let mut keeper = start.start();
    keeper.exits(7);
    keeper.wait_stderr("**exceeds buffer size**");
}

#[test]
fn nothing_is_printed_on_the_happy_path() {
    let mut keeper = Keeper::talk(["-S", "ctl"]);
    ends_with_42(&mut keeper, "a", "true");
    keeper.client("ctl").quiet();
    keeper.say("fd.pipe\tr\tw\nfd.delete\tr");
    keeper.barrier();
    keeper.close_stdin();
    keeper.exits(0);
    let logged = keeper.stderr_lines();
    keeper.check(logged.is_empty(), &format!("{logged:?}"));
}

#[test]
fn memory_is_locked() {
    if !e2e::is_root() {
        return e2e::skip("mlockall", "needs root");
    }
    for option in ["-M", "--mlockall"] {
        let mut keeper = Keeper::talk([option]);
        keeper.quiet();
        let status = std::fs::read_to_string(format!("/proc/{}/status", keeper.pid())).expect("it runs");
        let locked = status.lines().find_map(|l| l.strip_prefix("VmLck:")).expect("Linux says it");
        keeper.check(!locked.trim().starts_with("0 "), locked);
    }
}

#[test]
fn a_daemon_says_its_pid_and_leaves() {
    let keeper = Start::new(["-D", "-S", "ctl"]).start();
    let root = keeper.root().to_owned();
    let mut client = keeper.client("ctl");
    client.quiet();
    let launcher = keeper.pid();
    let mut keeper = keeper;
    keeper.exits(0);
    // The daemon holds none of our streams, so their end comes.
    keeper.closed();
    let pid: u32 = keeper.tail().parse().unwrap_or_else(|_| keeper.fail("a pid without a line feed"));
    assert_ne!(pid, launcher);
    assert!(keeper.members().iter().any(|p| p.pid == pid), "it runs, in {}", root.display());
    let fields = crate::desk::stat_fields(pid);
    assert_eq!(fields[3], pid.to_string(), "a session of its own");
    for number in 0..3 {
        let target = std::fs::read_link(format!("/proc/{pid}/fd/{number}")).expect("it is open");
        assert_eq!(target.to_str(), Some("/dev/null"));
    }
}

#[test]
fn bug_a_daemon_sees_every_exit_and_survives_term() {
    let mut keeper = Start::new(["--daemonize", "-S", "ctl"]).start();
    let mut client = keeper.client("ctl");
    client.quiet();
    keeper.exits(0);
    keeper.closed();
    let pid: u32 = keeper.tail().parse().unwrap_or_else(|_| keeper.fail("a pid without a line feed"));
    let daemon = Proc::find(pid).expect("it runs");
    define(&mut client, "a", "true");
    for _ in 0..5 {
        start(&mut client, "a");
        client.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
    }
    assert!(daemon.signal(Signal::TERM));
    client.expect_match("signal\tSIGTERM\t<ts>\t1");
    client.quiet();
    client.say("terminate\t0");
    client.closed();
    e2e::wait_until(e2e::PATIENCE, "the daemon has ended", || (!daemon.alive()).then_some(()));
}

#[test]
fn without_options_it_explains_itself() {
    let (code, out, err) = finish(Start::new([""; 0]).stdin(std::process::Stdio::null()).start());
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(!err.is_empty());
}

/// A dump again and again until it has a line; for what happens without an event to wait for.
trait Dumped {
    fn wait_until_dumped(&mut self, line: &str);
}

impl Dumped for e2e::Lines {
    #[track_caller]
    fn wait_until_dumped(&mut self, line: &str) {
        let begun = std::time::Instant::now();
        while !dump(self).iter().any(|l| l == line) {
            self.check(begun.elapsed() < e2e::PATIENCE, &format!("{line:?} is in no dump"));
        }
    }
}

#[test]
fn bounds_of_the_connections_option() {
    // As with the pools: what is beyond a bound is cut to it, aloud.
    for (count, bound) in [("0", "minimum"), ("65", "maximum")] {
        let (code, _, err) = run(&["-i", "--connections", count]);
        assert!(code == 0 && err.contains("warning: ") && err.contains(bound), "{count}: {code} {err}");
    }
    assert_eq!(run(&["-i", "--connections", "x"]).0, 2);
    talk().quiet();
}
