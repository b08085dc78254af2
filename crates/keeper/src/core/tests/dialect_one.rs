//! daemonproxy's side.

use super::*;

#[test]
fn error_texts() {
    let cases = [
        ("nonsense\ta", "error\tUnknown command: nonsense"),
        (" echo\ta", "error\tUnknown command:  echo"),
        ("service.start", "error\tExpected service name, for command \"service.start\""),
        ("service.start\ta b", "error\tInvalid service name, for command \"service.start\ta b\""),
        ("service.start\tnobody", "error\tNo such service, for command \"service.start\tnobody\""),
        ("service.start\tnobody-with-a-long-name", "error\tNo such service, for command \"service.start\tnobody-with-a-lo...\""),
        ("service.tags\ta\nservice.start\ta", "error\tno args configured for service, for command \"service.start\ta\""),
        ("service.start\ta\t-", "error\tno service.start pending, for command \"service.start\ta\t-\""),
        ("service.start\ta\tx", "error\tinvalid timestamp, for command \"service.start\ta\tx\""),
        ("service.signal\ta", "error\tExpected signal argument, for command \"service.signal\ta\""),
        ("service.signal\ta\t65536", "error\tInvalid signal number, for command \"service.signal\ta\t65536\""),
        ("service.signal\ta\tSIGNOPE", "error\tInvalid signal number, for command \"service.signal\ta\tSIGNOPE\""),
        ("service.signal\ta\tTERM", "error\tservice is not running, for command \"service.signal\ta\tTERM\""),
        ("service.signal\ta\tTERM\ttree", "error\tunknown option, for command \"service.signal\ta\tTERM\ttree\""),
        ("service.auto_up\ta", "error\tmissing argument, for command \"service.auto_up\ta\""),
        ("service.auto_up\ta\tx", "error\tExpected integer, for command \"service.auto_up\ta\tx\""),
        ("service.auto_up\ta\t0\talways", "error\tinvalid interval, for command \"service.auto_up\ta\t0\talways\""),
        ("service.auto_up\ta\t1\tx", "error\tunable to set auto_up triggers, for command \"service.auto_up\ta\t1\tx\""),
        ("service.fds\ta\tb c", "error\tinvalid fd name, for command \"service.fds\ta\tb c\""),
        ("service.fds\ta\t7=null", "error\tinvalid fd name, for command \"service.fds\ta\t7=null\""),
        ("fd.delete", "error\tExpected file descriptor name, for command \"fd.delete\""),
        ("fd.delete\tx", "error\tNo such file descriptor, for command \"fd.delete\tx\""),
        ("fd.delete\tnull", "error\tFile descriptor cannot be altered, for command \"fd.delete\tnull\""),
        ("fd.open\tx", "error\tmissing flags argument, for command \"fd.open\tx\""),
        ("fd.open\tx\tread", "error\tmissing path argument, for command \"fd.open\tx\tread\""),
        ("fd.open\tx\tread\t/a\tb", "error\tunexpected argument after path, for command \"fd.open\tx\tread\t/a\tb\""),
        ("fd.open\tx\tlock\t/a", "error\tunknown flag, for command \"fd.open\tx\tlock\t/a\""),
        ("fd.socket\tx", "error\tmissing flags argument, for command \"fd.socket\tx\""),
        ("fd.socket\tx\tbind", "error\texpected address argument, for command \"fd.socket\tx\tbind\""),
        ("fd.socket\tx\tlisten=0\ta", "error\tinvalid listen queue length, for command \"fd.socket\tx\tlisten=0\ta\""),
        ("fd.socket\tx\ttcp\thost", "error\tinvalid address, for command \"fd.socket\tx\ttcp\thost\""),
        ("terminate\tx", "error\tExpected integer, for command \"terminate\tx\""),
        ("service.env\ta", "error\tUnknown command: service.env"),
        ("version", "error\tUnknown command: version"),
    ];
    let mut desk = Desk::one();
    for (say, want) in cases {
        assert_eq!(desk.say(say).last().map(String::as_str), Some(want), "{say}");
    }
    assert!(desk.done.is_empty());
}

#[test]
fn what_is_ignored_and_what_is_echoed() {
    let mut desk = Desk::one();
    assert_eq!(desk.say("# comment\n\n \t\r\necho\necho\ta\t\tb\r\necho\t"), ["a\t\tb\r", ""]);
    let long = "x".repeat(1024);
    assert_eq!(desk.say(&format!("{long}\n#{long}\necho\tstill here")), ["error\tline too long", "still here"]);
}

#[test]
fn a_life_is_told() {
    let mut desk = Desk::one();
    assert_eq!(
        desk.say("service.args\ta\ttrue\tx\nservice.fds\ta\tnull\t-\tno"),
        [
            "service.args\ta\ttrue\tx",
            "warning: fd \"-\" is not yet defined",
            "warning: fd \"no\" is not yet defined",
            "service.fds\ta\tnull\t-\tno"
        ]
    );
    assert_eq!(
        desk.say("service.start\ta"),
        ["service.state\ta\tstart\t1000\t-\t-\t-\t-\t-", "service.state\ta\tup\t1000\t100\t-\t-\t0\t-"]
    );
    assert_eq!(desk.plan().places, [(0, Source::Held(FdToken(0))), (2, Source::Missing)]);
    assert!(!desk.plan().session && !desk.plan().default_limits);
    assert_eq!(desk.say("service.start\ta"), ["error\tservice is not startable, for command \"service.start\ta\""]);
    assert_eq!(desk.say("service.delete\ta"), ["error\tservice is running, for command \"service.delete\ta\""]);
    // What the child says about its exec comes as its exit code here.
    let life = desk.born[0];
    desk.step(Happening::NotExecuted { life, why: Stillborn { stage: "exec", errno: "ENOENT" } });
    desk.wait(3 * S);
    assert_eq!(desk.exit(3), ["service.state\ta\tdown\t1003\t100\texit\t3\t3\t0"]);
    assert_eq!(desk.say("service.delete\ta"), ["service.state\ta\tdeleted\t-\t-\t-\t-\t-\t-"]);
}

#[test]
fn a_planned_start() {
    let mut desk = Desk::one();
    desk.say("service.args\ta\ttrue");
    assert_eq!(desk.say("service.start\ta\t1005"), ["service.state\ta\tstart\t1005\t-\t-\t-\t-\t-"]);
    assert_eq!(desk.core.deadline(), Some(1005 * S));
    assert_eq!(desk.say("service.start\ta\t-"), ["service.state\ta\tdown\t-\t-\t-\t-\t-\t-"]);
    assert_eq!(desk.core.deadline(), None);
    desk.say("service.start\ta\t1005");
    assert_eq!(desk.wait(6 * S), ["service.state\ta\tup\t1005\t100\t-\t-\t0\t-"]);
    desk.exit(0);
    // A time in the past means now.
    assert_eq!(desk.say("service.start\ta\t3").len(), 2);
}

#[test]
fn auto_up() {
    let mut desk = Desk::one();
    desk.say("service.args\ta\ttrue");
    let events = desk.say("service.auto_up\ta\t10\talways");
    let heads: Vec<_> = events.iter().map(|e| e.split('\t').take(3).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(heads, ["service.state a start", "service.auto_up a 10", "service.state a up"]);
    desk.wait(10 * S);
    let states = |events: Vec<String>| events.iter().map(|e| e.split('\t').nth(2).expect("state").to_owned()).collect::<Vec<_>>();
    assert_eq!(states(desk.exit(0)), ["down", "start", "start", "up"]);
    // Too short: the whole interval from the end on.
    desk.wait(S);
    assert_eq!(states(desk.exit(0)), ["down", "start"]);
    assert_eq!(desk.core.deadline(), Some(1021 * S));
    assert_eq!(states(desk.wait(10 * S)), ["start", "up"]);
    assert_eq!(desk.say("service.auto_up\ta\t-"), ["service.auto_up\ta\t-"]);
    assert_eq!(states(desk.exit(0)), ["down"]);
    // A signal, for as long as it is pending.
    desk.say("service.auto_up\ta\t1\tSIGUSR1");
    desk.step(Happening::Signal { number: 10 });
    assert_eq!(desk.heard().len(), 3);
    desk.say("signal.clear\tUSR1\t1");
    assert_eq!(states(desk.exit(0)), ["down"]);
}

#[test]
fn a_fork_that_fails_is_tried_again() {
    let mut desk = Desk::one();
    desk.say("service.args\ta\ttrue");
    desk.stillborn = Some(Stillborn { stage: "fork", errno: "EAGAIN" });
    assert_eq!(desk.say("service.start\ta").len(), 1);
    assert_eq!(desk.core.deadline(), Some(1003 * S));
    desk.stillborn = None;
    assert!(desk.wait(3 * S).last().expect("up").starts_with("service.state\ta\tup\t1003\t"));
}

#[test]
fn descriptors() {
    let mut desk = Desk::one();
    assert_eq!(desk.say("fd.pipe\tr\tw\tnonblock"), ["fd.state\tr\tpipe\tnonblock,from\tw", "fd.state\tw\tpipe\tnonblock,to\tr"]);
    assert_eq!(desk.say("fd.delete\tw"), ["fd.state\tw\tdeleted"]);
    assert_eq!(
        desk.say("fd.pipe\ta\tb\tseqpacket"),
        ["fd.state\ta\tpipe\tunix,seqpacket,to\tb", "fd.state\tb\tpipe\tunix,seqpacket,to\ta"]
    );
    // A name that is used again is closed without a word.
    assert_eq!(desk.say("fd.open\ta\tappend,write,create\t/tmp/x"), ["fd.state\ta\tfile\twrite,append,create\t/tmp/x"]);
    assert_eq!(desk.done.iter().filter(|e| matches!(e, Effect::Close { .. })).count(), 2);
    desk.fault = Some(fault("ENOENT", "No such file or directory"));
    assert_eq!(
        desk.say("fd.open\ta\tread\t/no"),
        ["error\topen failed: No such file or directory, for command \"fd.open\ta\tread\t/no\""]
    );
    assert_eq!(desk.say("fd.socket\ts\ttcp,listen\t*:80"), ["fd.state\ts\tsocket\tinet,stream,bind,listen=32\t*:80"]);
    assert_eq!(desk.say("fd.socket\tt\tinet6\t[::1]:81"), ["fd.state\tt\tsocket\tinet6,stream,bind\t[::1]:81"]);
    let address = Some(Address::Net(core::net::SocketAddr::from((core::net::Ipv6Addr::LOCALHOST, 81))));
    assert!(desk.done.iter().any(|e| matches!(e, Effect::Socket { address: a, .. } if *a == address)));
    assert_eq!(desk.say("fd.socket\tu\tunix"), ["fd.state\tu\tsocket\tunix,stream\t"]);
    desk.fault = Some(Fault { call: "bind", ..fault("EADDRINUSE", "Address already in use") });
    assert!(desk.say("fd.socket\tv\ttcp\t*:80")[0].starts_with("error\tbind: Address already in use, for"));
    desk.step(Happening::Signal { number: 15 });
    desk.heard();
    let dump = desk.say("statedump\necho\tend");
    assert_eq!(dump[0], "fd.state\ta\tfile\twrite,append,create\t/tmp/x");
    assert_eq!(dump[1], "fd.state\tb\tpipe\tunix,seqpacket,to\t?");
    assert!(dump.contains(&"fd.state\tcontrol.cmd\tspecial\twrite\tdaemonproxy command pipe".to_owned()));
    assert!(dump.contains(&"fd.state\tnull\tspecial\tread,write\t/dev/null".to_owned()));
    assert_eq!(dump[dump.len() - 2..], ["signal\tSIGTERM\t1000\t1", "end"]);
}

#[test]
fn a_reader_that_sleeps() {
    let mut desk = Desk::one();
    let conn = desk.conn;
    desk.say("service.args\ta\ttrue");
    // Its own commands wait for room; events of others do not, and are lost.
    let other = desk.core.connect().expect("room");
    for n in 0..100 {
        desk.send(other, &format!("service.tags\tb\t{n}-{}\n", "x".repeat(60)));
        desk.heard_by(other);
    }
    assert!(desk.core.unsent(conn).len() <= 2048);
    desk.send(conn, "echo\tpatience\n");
    let heard = desk.heard();
    assert_eq!(heard[heard.len() - 2..], ["overflow", "patience"]);
    // A dump is longer than the buffer, and never the reason for an overflow.
    for n in 0..50 {
        desk.say(&format!("service.args\ts{n}\ttrue"));
    }
    let dump = desk.say("statedump\necho\tend");
    assert_eq!(dump.last().map(String::as_str), Some("end"));
    assert_eq!(dump.iter().filter(|l| l.starts_with("service.state")).count(), 52);
    assert!(!dump.iter().any(|l| l == "overflow"));
}

fn log(desk: &mut Desk) -> String {
    let text = desk.core.log_unsent().map_or(String::new(), |(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
    desk.step(Happening::Logged { count: text.len() });
    text
}

#[test]
fn the_log_says_what_went_wrong_and_what_was_lost() {
    let mut desk = Desk::one();
    desk.say("echo\tx\nservice.args\ta\ttrue\nservice.start\ta");
    desk.exit(0);
    assert_eq!(log(&mut desk), "", "nothing is said on the happy path");
    desk.say("service.start\tnone");
    assert_eq!(
        log(&mut desk),
        "error: controller[1] No such service\nerror: controller[1] command was \"service.start?none\"\n".replace('?', "\t")
    );
    assert_eq!(
        desk.say("log.filter\tfatal\nlog.filter\t+\nlog.filter\t-"),
        ["log.filter\tfatal", "log.filter\tfatal", "log.filter\terror"]
    );
    desk.say("nothing");
    assert_eq!(log(&mut desk), "");
    desk.say("log.filter\tinfo");
    for _ in 0..40 {
        desk.say("service.start\tnone");
    }
    let first = log(&mut desk);
    let lines = first.lines().count();
    assert!(first.len() <= 1024 && lines < 80);
    assert_eq!(log(&mut desk), format!("warning: lost {} log messages\n", 80 - lines));
    // A descriptor that takes nothing: it is counted, and said with the next that it takes.
    desk.say("service.start\tnone");
    desk.step(Happening::NotLogged);
    assert_eq!(log(&mut desk), "");
    desk.say("nothing");
    assert!(log(&mut desk).starts_with("warning: lost 2 log messages\nerror: controller[1] unknown command"));
    // It follows a name.
    assert_eq!(desk.say("log.dest\tfd\tx"), ["warning\tfd \"x\" does not exist"]);
    desk.say("nothing");
    assert_eq!(desk.core.log_unsent(), None);
    desk.say("fd.pipe\ty\tx");
    assert!(matches!(desk.core.log_unsent(), Some((Some(_), bytes)) if bytes.starts_with(b"error: ")));
    assert!(desk.say("log.dest\tfile\tx")[0].contains("Unknown logging type"));
    assert!(desk.say("log.filter\tloud")[0].contains("Invalid loglevel argument"));
}

#[test]
fn the_guard_and_what_is_executed_instead() {
    let mut desk = Desk::one();
    for (line, why) in [
        ("terminate.guard\t*\t1", "expected + or -"),
        ("terminate.guard\t+\t0", "code cannot be 0"),
        ("terminate.guard\t-\t1", "terminate guard was not set"),
        ("terminate", "missing argument"),
        ("terminate\tx", "Expected integer"),
    ] {
        let said = desk.say(line);
        assert!(said[0].contains(why), "{line}: {said:?}");
    }
    assert!(desk.say("terminate.guard\t+\t5").is_empty());
    for (line, why) in [
        ("terminate.guard\t+\t6", "terminate guard code is already set"),
        ("terminate.guard\t-\t6", "incorrect guard code"),
        ("terminate\t0", "terminate guard code required"),
        ("terminate\t0\t6", "incorrect terminate guard code"),
        ("terminate\t0\t5", "cannot exit, and exec-on-exit is not configured"),
        (&format!("terminate.exec_args\t{}", "x".repeat(256)), "exec arguments exceed buffer size (255)"),
    ] {
        let said = desk.say(line);
        assert!(said[0].contains(why), "{line}: {said:?}");
    }
    assert!(desk.say(&format!("terminate.exec_args\t{}", "x".repeat(255))).is_empty());
    assert_eq!((desk.done.last(), desk.core.exec_args().len()), (Some(&Effect::Arm), 256));
    desk.say("service.args\ta\tx\nservice.start\ta");
    log(&mut desk);
    log(&mut desk);
    assert!(desk.say("terminate\t3\t5").is_empty());
    assert_eq!(desk.done.last(), Some(&Effect::End { code: 3 }));
    assert!(log(&mut desk).contains("warning: service a is left running as pid 100"));
}

#[test]
fn the_first_process_ends_by_its_guard() {
    let mut desk = Desk::with(Settings { init: true, ..Settings::default() });
    desk.core.guard(1);
    assert!(desk.say("terminate\t7")[0].contains("terminate guard code required"));
    desk.say("terminate\t7\t1");
    assert_eq!(desk.done.last(), Some(&Effect::End { code: 7 }));
}

#[test]
fn the_end_of_the_console_is_the_end() {
    let mut desk = Desk::one();
    let console = desk.core.console("abc");
    assert_eq!(desk.heard_by(console).iter().filter(|line| line.starts_with("info\t")).count(), 6);
    desk.core.guard(1);
    desk.step(Happening::Ended { conn: console });
    assert_eq!(desk.done.last(), Some(&Effect::Hangup { conn: console }));
    let console = desk.core.console("abc");
    desk.core.guard(0);
    desk.heard_by(console);
    desk.send(console, "echo\tx\nunfinished");
    desk.step(Happening::Ended { conn: console });
    assert_eq!(desk.heard_by(console), ["x"]);
    assert_eq!(desk.done.last(), Some(&Effect::End { code: 0 }));
}

#[test]
fn a_file_of_commands() {
    let mut desk = Desk::one();
    let config = desk.core.config();
    desk.send(config, "nothing\nservice.args\ta\ttrue\nservice.start\ta");
    assert!(desk.born.is_empty());
    desk.step(Happening::Ended { conn: config });
    assert_eq!(desk.born.len(), 1, "its last line needs no line feed");
    assert_eq!(log(&mut desk), "error: controller[2] unknown command: nothing\n");
    assert!(desk.done.contains(&Effect::Hangup { conn: config }));
}

#[test]
fn fixed_pools_are_exhausted_with_words() {
    let pool = |count, bytes| Some(PoolSize { count, bytes });
    let mut desk = Desk::with(Settings { services: pool(2, 64), fds: pool(6, 32), ..Settings::default() });
    desk.say("service.args\ta\tx\nservice.args\tb\tx");
    assert!(desk.say("service.tags\tc\tx")[0].contains("Unable to allocate new service"));
    desk.say("service.delete\ta");
    assert_eq!(desk.say("service.tags\tc\tx"), ["service.tags\tc\tx"]);
    let long = "x".repeat(60);
    for (verb, why) in [("tags", "unable to set tags"), ("args", "unable to set argv")] {
        let said = desk.say(&format!("service.{verb}\tc\t{long}"));
        assert!(said[0].contains(why), "{said:?}");
    }
    let said = desk.say(&format!("service.fds\tc{}", "\tnull".repeat(13)));
    assert!(said[0].contains("unable to set file descriptors"), "{said:?}");
    let said = desk.say(&format!("service.auto_up\tc\t1{}", "\talways".repeat(9)));
    assert!(said[0].contains("unable to set auto_up triggers"), "{said:?}");
    // null and the three control handles have places of their own.
    assert_eq!(desk.say("fd.pipe\ta\tb").len(), 2);
    assert!(desk.say("fd.open\tc\tread\t/x")[0].contains("Unable to allocate new file descriptor object"));
    let said = desk.say(&format!("fd.open\ta\tread\t/{long}"));
    assert_eq!(said, [format!("fd.state\ta\tfile\tread\t/{}...", &long[..28])]);
}

#[test]
fn who_takes_nothing_is_borne_with_for_a_while() {
    let mut desk = Desk::one();
    let slow = desk.core.connect().expect("room");
    let noise = "service.tags\ta\tx\n".repeat(60);
    desk.send(slow, &noise);
    desk.send(slow, &"#".repeat(desk.core.room(slow)));
    assert_eq!(desk.core.deadline(), Some(1015 * S));
    let unsent = desk.core.unsent(slow).len();
    assert!(unsent <= 2048);
    desk.wait(16 * S);
    assert!(log(&mut desk).contains("warning: controller[2] takes nothing"));
    assert!(desk.core.room(slow) > 0, "its commands are executed");
    assert_eq!(desk.core.deadline(), Some(1030 * S));
    desk.wait(15 * S);
    assert!(desk.done.contains(&Effect::Hangup { conn: slow }));
    assert_eq!(desk.core.deadline(), None);
    for (line, why) in [
        ("conn.event_timeout\t-1\t2", "invalid timeout (must be 0..7FFFFFFF)"),
        ("conn.event_timeout\t3\t2", "reset timeout is greater than close timeout"),
        ("conn.event_timeout\t3", "missing argument"),
    ] {
        let said = desk.say(line);
        assert!(said[0].contains(why), "{line}: {said:?}");
    }
    assert!(desk.say("conn.event_timeout\t1\t2").is_empty());
}

#[test]
fn where_the_keeper_stands_and_listens() {
    let mut desk = Desk::one();
    assert!(desk.say("chdir\t/x\nsocket.create\t-\t/run/s\nsocket.delete").is_empty());
    assert_eq!(desk.done, [Effect::Chdir, Effect::Listen, Effect::Unlisten]);
    assert_eq!(desk.texts[..2], ["/x", "/run/s"]);
    for (line, why) in [
        ("chdir", "missing path argument"),
        ("chdir\t/\t/", "unexpected argument after path"),
        ("socket.create\tx\t/s", "Invalid options"),
    ] {
        let said = desk.say(line);
        assert!(said[0].contains(why), "{line}: {said:?}");
    }
    desk.fault = Some(fault("ENOENT", "No such file or directory"));
    assert!(desk.say("chdir\t/x")[0].contains("chdir failed: No such file or directory"));
    desk.fault = Some(fault("ENOENT", "No such file or directory"));
    assert!(desk.say("socket.create\t\t/s")[0].contains("Failed to create control socket"));
    desk.fault = Some(fault("ENOMSG", "nothing"));
    assert!(desk.say("fd.take\tx")[0].contains("No ancillary file descriptor received"));
    assert_eq!(desk.say("fd.take\tx"), ["fd.state\tx\tspecial\tread,write\treceived"]);
}
