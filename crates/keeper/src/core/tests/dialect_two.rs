//! Abide's side.

use super::*;
use wire::{Event, ServiceState, decode};

fn events(lines: &[String]) -> Vec<Event> {
    lines.iter().map(|line| decode(line.as_bytes()).expect("dialect 2").event).collect()
}

fn states(lines: &[String]) -> Vec<ServiceState> {
    events(lines).into_iter().filter_map(|e| if let Event::State { state, .. } = e { Some(state) } else { None }).collect()
}

#[test]
fn a_life_is_told() {
    let mut desk = Desk::two();
    desk.say("service.args\ta\tprintf\t\\tx\\\\\nservice.env\ta\tSECRET=1\\n2\nservice.cwd\ta\t/tmp\nservice.umask\ta\t022");
    desk.say("service.rlimit\ta\tnofile\t10\t20\nservice.fds\ta\tnull\t100=null");
    assert_eq!(states(&desk.say("service.start\ta")), [ServiceState::Start]);
    let plan = desk.plan().clone();
    assert_eq!(plan.argv, "printf|\tx\\|");
    assert_eq!((plan.env, plan.cwd, plan.umask), (Some("SECRET=1\n2|".to_owned()), Some("/tmp".to_owned()), Some(0o22)));
    assert_eq!(plan.places, [(0, Source::Held(FdToken(0))), (100, Source::Held(FdToken(0)))]);
    assert!(plan.session && plan.default_limits);
    // It can be signalled before it is known to execute.
    assert!(desk.say("service.signal\ta\tKILL").is_empty());
    assert!(matches!(desk.done.last(), Some(Effect::Signal { signal: 9, reach: Reach::Process, .. })));
    assert_eq!(states(&desk.executed()), [ServiceState::Up { at: 1000 * S, pid: 100, ident: 7 }]);
    desk.wait(5);
    let life = desk.born[0];
    desk.step(Happening::Exited { life, ending: Ending::Signal { number: 11, core: true } });
    let down = desk.heard();
    assert_eq!(states(&down), [ServiceState::Signalled { at: 1000 * S + 5, pid: 100, signal: "SIGSEGV".into(), core: true }]);
    assert!(down[0].ends_with("\tsignal\tSIGSEGV+core\t5\t0\t7"));
    let dump = desk.say("statedump").join("\n");
    assert!(!dump.contains("SECRET"), "{dump}");
    for line in ["service.env\ta\t1\t", "service.cwd\ta\t/tmp", "service.umask\ta\t022", "service.rlimit\ta\tnofile\t10\t20"] {
        assert!(dump.contains(line), "{line} in {dump}");
    }
    assert!(desk.say("service.env\ta\tSECRET=1\t\\q")[0].ends_with("for command \"service.env\\ta...\""));
}

#[test]
fn what_is_left_of_another_keepers_life_is_signalled() {
    let mut desk = Desk::two();
    assert!(desk.say("service.signal\ti9\tSIGKILL\tpid\t77\t5").is_empty());
    assert_eq!(desk.done.last(), Some(&Effect::SignalPid { pid: 77, ident: 5, signal: 9 }));
    for wrong in ["service.signal\ti9\tSIGKILL", "service.signal\ti9\tSIGKILL\tgroup", "service.signal\ti9"] {
        assert!(desk.say(wrong)[0].contains("No such service"), "{wrong}");
    }
    assert!(desk.say("service.signal\ti9\tSIGKILL\tpid\t1\t5")[0].contains("service is not running"));
}

#[test]
fn what_fails_says_where() {
    let mut desk = Desk::two();
    desk.say("service.args\ta\ttrue\nservice.start\ta");
    let life = desk.born[0];
    desk.step(Happening::NotExecuted { life, why: Stillborn { stage: "cwd", errno: "ENOENT" } });
    let failed = |stage: &str, errno: &str| ServiceState::Failed { at: 1000 * S, stage: stage.into(), errno: errno.into() };
    // Nothing may take its place before its process is over; how that ended is nobody's business.
    assert!(desk.heard().is_empty() && desk.say("service.start\ta")[0].contains("service is not startable"));
    assert_eq!(states(&desk.exit(3)), [failed("cwd", "ENOENT")]);
    desk.stillborn = Some(Stillborn { stage: "fork", errno: "EAGAIN" });
    assert_eq!(states(&desk.say("service.start\ta")), [ServiceState::Start, failed("fork", "EAGAIN")]);
    assert_eq!(desk.core.deadline(), None);
    // Towards dialect 1 it is daemonproxy's word.
    let one = desk.core.connect().expect("room");
    desk.send(one, "statedump\n");
    assert!(desk.heard_by(one).contains(&"service.state\ta\tdown\t1000\t-\texit\t3\t-\t0".to_owned()));
}

#[test]
fn what_is_handed_off_is_closed() {
    let mut desk = Desk::two();
    desk.say("fd.open\tw\tread,write,handoff\t/f\nfd.open\tl\tread,write,create,lock,handoff\t/l\nfd.open\tr\tread\t/f");
    desk.say("service.args\ta\ttrue\nservice.fds\ta\tnull\tw\t100=l");
    desk.stillborn = Some(Stillborn { stage: "fork", errno: "ENOMEM" });
    desk.say("service.start\ta");
    assert!(!desk.done.iter().any(|e| matches!(e, Effect::Close { .. })), "a failed fork keeps them");
    assert!(desk.say("statedump").iter().any(|l| l.ends_with("fd.state\tl\tfile\tread,write,create,handoff,lock\t/l")));
    desk.stillborn = None;
    let heard = desk.say("service.start\ta").join("\n");
    assert!(heard.contains("fd.state\tw\tdeleted") && heard.contains("fd.state\tl\tdeleted"), "{heard}");
    assert_eq!(desk.plan().lock, Some(100));
    assert_eq!(desk.done.iter().filter(|e| matches!(e, Effect::Close { .. })).count(), 2);
    // Never started and deleted: closed too.
    desk.say("fd.open\tv\tread,write,handoff\t/f\nservice.fds\tb\tv\nservice.delete\tb");
    assert_eq!(desk.done.iter().filter(|e| matches!(e, Effect::Close { .. })).count(), 3);
    desk.fault = Some(fault("EAGAIN", "Resource temporarily unavailable"));
    assert!(
        matches!(&events(&desk.say("fd.open\tl\twrite,lock\t/l"))[0], Event::Error(text) if text.starts_with("busy, for command"))
    );
}

#[test]
fn the_pen() {
    let mut desk = Desk::two();
    let old = desk.conn;
    assert!(desk.say("pen.take\t5\nservice.tags\ta\tmine").len() == 1);
    let new = desk.core.connect().expect("room");
    desk.conn = new;
    desk.say("dialect\t2");
    assert!(matches!(&events(&desk.say("service.tags\ta\tno"))[0], Event::Error(text) if text == "pen 5"));
    assert!(matches!(&events(&desk.say("pen.take\t4"))[0], Event::Error(text) if text == "pen 5"));
    // Looking is free.
    assert!(desk.say("statedump\necho\tx").len() > 4);
    desk.say("pen.take\t6\nservice.tags\ta\tyes");
    desk.heard_by(old);
    desk.send(old, "service.tags\ta\tlate\n");
    assert!(desk.heard_by(old).last().expect("error").ends_with("\terror\tpen 6"));
}

#[test]
fn a_kept_role_and_its_pauses() {
    let mut desk = Desk::two();
    desk.say("service.args\tr\trole\nservice.fds\tr\tcontrol.socket");
    desk.say("service.keep\tr");
    let mut born = 1;
    for pause in [0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30] {
        desk.executed();
        desk.exit(1);
        let conn = desk.plan().control.expect("a connection").conn;
        assert_eq!(desk.done.last(), Some(&Effect::Drain { conn }));
        assert_eq!(desk.born.len(), born, "its last words first");
        desk.step(Happening::Ended { conn });
        if pause > 0 {
            assert_eq!(desk.core.deadline(), Some(desk.now + pause * S));
            desk.wait(pause * S);
        }
        born += 1;
        assert_eq!(desk.born.len(), born);
    }
    // After `hello` it is back at once, 20 times a second at most.
    let conn = desk.plan().control.expect("a connection").conn;
    assert!(desk.heard_by(conn).is_empty(), "it hears nothing before it speaks");
    desk.send(conn, "dialect\t2\nhello\n");
    assert_eq!(desk.heard_by(conn), ["#1\tdialect\t2"]);
    desk.executed();
    desk.exit(1);
    desk.step(Happening::Ended { conn });
    assert_eq!(desk.core.deadline(), Some(desk.now + S / 20));
    desk.wait(S / 20);
    assert_eq!(desk.born.len(), born + 1);
    // And the count begins anew.
    desk.executed();
    desk.exit(1);
    let conn = desk.plan().control.expect("a connection").conn;
    desk.step(Happening::Ended { conn });
    assert_eq!(desk.born.len(), born + 2);
    desk.say("service.keep\tr\t-");
    desk.exit(1);
    assert_eq!(desk.core.deadline(), None);
}

#[test]
fn last_words_are_heard_and_a_tail_is_dropped() {
    let mut desk = Desk::two();
    desk.say("service.args\tr\trole\nservice.fds\tr\tcontrol.cmd\nservice.keep\tr");
    desk.executed();
    let conn = desk.plan().control.expect("a connection").conn;
    desk.exit(1);
    desk.send(conn, "dialect\t2\nservice.tags\tx\tlast\nservice.tags\ty\tcut");
    desk.step(Happening::Ended { conn });
    let heard = desk.heard().join("\n");
    assert!(heard.contains("service.tags\tx\tlast") && !heard.contains("cut"), "{heard}");
    assert!(desk.done.contains(&Effect::Hangup { conn }));
    assert_eq!(desk.born.len(), 2);
}

#[test]
fn adoption() {
    let mut desk = Desk::two();
    assert_eq!(states(&desk.say("service.adopt\ta\t55\t9")), [ServiceState::Up { at: 5, pid: 55, ident: 9 }]);
    desk.fault = Some(fault("ESRCH", "No such process"));
    assert!(
        matches!(&events(&desk.say("service.adopt\tb\t56\t9"))[0], Event::Error(text) if text.starts_with("No such process"))
    );
    assert!(desk.say("service.delete\tb")[0].contains("No such service"));
    let life = desk.born[0];
    desk.step(Happening::Exited { life, ending: Ending::Unseen });
    assert_eq!(states(&desk.heard()), [ServiceState::Unseen { at: 1000 * S, pid: 55 }]);
}

#[test]
fn an_overflow_names_the_first_that_was_lost() {
    let mut desk = Desk::two();
    let other = desk.core.config();
    desk.send(other, "dialect\t2\n");
    for n in 0..10 {
        desk.send(other, &format!("service.tags\ta\t{n}{}\n", "x".repeat(60_000)));
    }
    let heard = desk.heard();
    let numbers: Vec<u64> = heard.iter().map(|l| decode(l.as_bytes()).expect("dialect 2").number).collect();
    assert_eq!(numbers, [2, 3, 4, 5, 12]);
    assert_eq!(decode(heard[4].as_bytes()).expect("dialect 2").event, Event::Overflow(6));
    // A long line is taken, a longer one refused.
    assert_eq!(desk.say(&format!("service.tags\ta\t{}", "x".repeat(65_536 - 15))).len(), 1);
    assert!(desk.say(&format!("service.tags\ta\t{}", "x".repeat(65_537 - 15)))[0].ends_with("line too long"));
}

#[test]
fn a_dump_survives_what_is_deleted_under_it() {
    let mut desk = Desk::two();
    for n in 0..40 {
        desk.say(&format!("service.tags\ts{n:02}\t{}", "x".repeat(20_000)));
    }
    let conn = desk.conn;
    desk.send(conn, "statedump\necho\tend\n");
    // The cursor stands in the middle; everything else goes.
    let other = desk.core.config();
    for n in 5..40 {
        desk.send(other, &format!("service.delete\ts{n:02}\n"));
    }
    let all = events(&desk.heard());
    let deleted = all.iter().filter(|e| matches!(e, Event::State { state: ServiceState::Deleted, .. })).count();
    assert_eq!(deleted, 35, "no event is lost for a dump");
    assert_eq!(all.last(), Some(&Event::Other(vec!["end".into()])));
    assert!(!all.iter().any(|e| matches!(e, Event::Overflow(_))));
}

#[test]
fn no_more_connections_than_allowed() {
    let mut desk = Desk::two();
    while desk.core.connect().is_some() {}
    desk.say("service.args\ta\ttrue\nservice.fds\ta\tcontrol.cmd");
    assert!(matches!(&states(&desk.say("service.start\ta"))[1], ServiceState::Failed { stage, .. } if stage == "prepare"));
    desk.send(desk.conn, "exit\n");
    assert!(matches!(desk.done.last(), Some(Effect::Hangup { .. })));
    assert!(desk.core.connect().is_some());
}

#[test]
fn who_and_where_a_child_is() {
    let mut desk = Desk::two();
    desk.say(
        "service.args\ta\ttrue\nservice.nice\ta\t-5\nservice.oom\ta\t300\nservice.user\ta\t1\t2\t3\t4\nservice.cgroup\ta\t/sys/x",
    );
    desk.say("service.opt\ta\tgroup\tno_new_privs\tlisten_pid\tdeath_signal\tSIGTERM");
    desk.say("service.rlimit\ta\tnofile\t1\t2\nservice.rlimit\ta\tcore\t0\t0\nservice.rlimit\ta\tnofile\t5\tunlimited");
    desk.say("service.start\ta");
    let plan = desk.plan().clone();
    assert_eq!(
        plan.rest,
        "group true nice Some(-5) oom Some(300) user Some((1, 2)) groups [3, 4] cgroup Some(\"/sys/x\") no_new_privs true \
         death Some(15) tty None listen_pid true"
    );
    assert!(!plan.session);
    let limit = |resource, soft, hard| Limit { resource, soft, hard };
    assert_eq!(plan.limits, [limit("core", 0, 0), limit("nofile", 5, u64::MAX)]);
    let dump = desk.say("statedump").join("\n");
    for line in [
        "service.nice\ta\t-5",
        "service.oom\ta\t300",
        "service.user\ta\t1\t2\t3\t4",
        "service.rlimit\ta\tcore\t0\t0\tnofile\t5\tunlimited",
        "service.cgroup\ta\t/sys/x",
        "service.opt\ta\tgroup\tno_new_privs\tlisten_pid\tdeath_signal\tSIGTERM",
    ] {
        assert!(dump.contains(line), "{line} in {dump}");
    }
    // The whole tree is reached by the control group.
    assert!(desk.say("service.signal\ta\tKILL\ttree").is_empty());
    assert!(matches!(desk.done.last(), Some(Effect::Signal { reach: Reach::Tree, .. })));
    assert_eq!(desk.texts.last().map(String::as_str), Some("/sys/x"));
    for (wrong, why) in [
        ("service.nice\ta\t20", "invalid niceness"),
        ("service.oom\ta\t1001", "invalid oom_score_adj"),
        ("service.user\ta\t1", "missing argument"),
        ("service.user\ta\t1\troot", "Expected integer"),
        ("service.user\ta\t4294967295\t1", "Expected integer"),
        ("service.cgroup\ta\tx", "absolute"),
        ("service.opt\ta\tsessions", "unknown option"),
        ("service.opt\ta\ttty\t0", "tty needs session"),
        ("service.rlimit\ta\tnofile\t3\t2", "soft limit above hard limit"),
        ("service.rlimit\ta\tfiles\t3\t2", "unknown resource"),
    ] {
        let said = desk.say(wrong);
        assert!(said[0].contains(why), "{wrong}: {said:?}");
    }
}

#[test]
fn orphans_are_told_to_who_asks() {
    let mut desk = Desk::two();
    desk.say("service.args\ta\tx\nservice.start\ta");
    assert!(!desk.core.wants_orphans());
    desk.say("reap.adopted");
    assert!(desk.core.wants_orphans());
    desk.step(Happening::Orphan { pid: 7, session: Some(100), ending: Ending::Code(3) });
    desk.step(Happening::Orphan { pid: 8, session: None, ending: Ending::Signal { number: 9, core: false } });
    let heard = desk.heard();
    assert!(heard[0].ends_with("\torphan\t7\texit\t3\ta") && heard[1].ends_with("\torphan\t8\tsignal\tSIGKILL\t-"), "{heard:?}");
    desk.say("reap.adopted\t-");
    assert!(!desk.core.wants_orphans());
}

#[test]
fn what_a_listening_socket_is_asked_to_be() {
    let mut desk = Desk::two();
    let heard = |desk: &mut Desk, flags: &str, at: &str| {
        let lines = desk.say(&format!("fd.socket\ts\t{flags}\t{at}"));
        lines[0].split_once('\t').expect("numbered").1.to_owned()
    };
    for (flags, at, shown, want) in [
        ("tcp,listen=7,reuse_port", "*:80", "inet,stream,bind,listen=7,reuse_port", (true, None, None)),
        ("inet6,udp,reuse_port,sticky=4", "[::]:80", "inet6,dgram,bind,reuse_port,sticky=4", (true, None, Some(4))),
        ("mode=66,listen", "/s", "unix,stream,bind,listen=32,mode=066", (false, Some(0o66), None)),
        ("dgram,mode=0", "/s", "unix,dgram,bind,mode=000", (false, Some(0), None)),
        ("tcp,listen", "*:80", "inet,stream,bind,listen=32", (false, None, None)),
    ] {
        assert_eq!(heard(&mut desk, flags, at), format!("fd.state\ts\tsocket\t{shown}\t{at}"));
        let asked = desk.done.iter().rev().find_map(|effect| match effect {
            Effect::Socket { how, .. } => *how,
            _ => None,
        });
        let (reuse_port, mode, sticky) = want;
        assert_eq!(asked, Some(BindHow { reuse_port, mode, sticky }), "{flags}");
    }
    for (flags, at, why) in [
        ("tcp,mode=600", "*:80", "a flag does not fit this socket"),
        ("unix,reuse_port", "/s", "a flag does not fit this socket"),
        ("tcp,sticky=2", "*:80", "a flag does not fit this socket"),
        ("tcp,reuse_port", "", "a flag does not fit this socket"),
        ("mode=600", "", "a flag does not fit this socket"),
        ("mode=888", "/s", "invalid mode"),
        ("mode=1777", "/s", "invalid mode"),
        ("mode=", "/s", "invalid mode"),
        ("tcp,reuse_port,sticky=0", "*:80", "invalid count"),
        ("tcp,reuse_port,sticky=x", "*:80", "invalid count"),
    ] {
        assert!(heard(&mut desk, flags, at).starts_with(&format!("error\t{why}, for")), "{flags}");
    }
    // Dialect 1 has none of it.
    let mut one = Desk::one();
    for flags in ["tcp,reuse_port", "mode=600", "tcp,sticky=2"] {
        assert!(one.say(&format!("fd.socket\ts\t{flags}\t*:80"))[0].starts_with("error\tunknown flag"), "{flags}");
    }
    assert!(one.say("fd.sticky\ts\t2")[0].starts_with("error\tUnknown command"));
    one.say("fd.socket\ts\ttcp\t*:80");
    assert!(one.done.iter().any(|effect| matches!(effect, Effect::Socket { how: None, .. })));
}

#[test]
fn connections_are_spread_over_more_or_fewer() {
    let mut desk = Desk::two();
    desk.say("fd.socket\ts\ttcp,listen,reuse_port,sticky=2\t*:80");
    let said = desk.say("fd.sticky\ts\t3");
    assert!(said[0].ends_with("fd.state\ts\tsocket\tinet,stream,bind,listen=32,reuse_port,sticky=3\t*:80"), "{said:?}");
    assert!(matches!(desk.done.last(), Some(Effect::Steer { count: 3, .. })));
    assert!(desk.say("fd.sticky\tx\t3")[0].contains("No such file descriptor"));
    assert!(desk.say("fd.sticky\ts\t0")[0].contains("invalid count"));
    desk.fault = Some(fault("EINVAL", "Invalid argument"));
    assert!(desk.say("fd.sticky\ts\t4")[0].contains("Invalid argument"));
    assert!(desk.say("fd.list\ts")[0].contains("sticky=3"));
}
