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
    assert_eq!(desk.plan().places, [(0, Source::Held(FdToken(1))), (2, Source::Missing)]);
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
    desk.fault = Some(fault("EADDRINUSE", "bind: Address already in use"));
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
    let other = desk.core.connect(true, true).expect("room");
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
