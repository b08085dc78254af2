//! Another executable goes on: save and restore.

use super::*;
use wire::ledger::{Writer, read};

fn saved(core: &Core) -> Vec<u8> {
    let mut ledger = Writer::default();
    core.save(&mut ledger);
    ledger.finish()
}

impl Desk {
    /// The same desk around a core that was saved and restored, as it must be at any moment.
    fn taken_over(mut self) -> Desk {
        let before = saved(&self.core);
        let (core, rest) = Core::restore(read(&before).expect("ours")).expect("restored");
        assert!(rest.is_empty());
        assert_eq!(String::from_utf8(saved(&core)), String::from_utf8(before));
        self.core = core;
        self
    }
}

const EVERYTHING: &str = "service.tags\tb\tx\\ty\t\nservice.args\tb\tsleep\t1\nservice.env\tb\tA=1\tB=\\n\nservice.cwd\tb\t/\nservice.umask\tb\t022
service.rlimit\tb\tnofile\t10\tunlimited\nservice.nice\tb\t5\nservice.oom\tb\t-3\nservice.user\tb\t1\t2\t3\nservice.cgroup\tb\t/x
service.opt\tb\tsession\tlisten_pid\tdeath_signal\tTERM\nservice.fds\tb\tnull\t7=r\nservice.args\ta\ttrue\nservice.auto_up\ta\t5\talways
fd.pipe\tr\tw\tnonblock\nfd.pipe\tp\tq\tseqpacket\nfd.socket\ts\ttcp,listen=9\t*:80\nfd.socket\tt\ttcp,reuse_port,sticky=3\t*:81\nfd.socket\tu\tmode=660,listen\t/u\nfd.sticky\tt\t4\nfd.open\tf\tread,create,handoff\t/x y
log.dest\tfd\tw\nlog.filter\ttrace\nterminate.guard\t+\t7\nterminate.exec_args\ta\tb c\nservice.fds\td\nservice.keep\td\nconn.event_timeout\t3\t9";

#[test]
fn everything_is_known_afterwards() {
    let mut desk = Desk::two();
    desk.say(EVERYTHING);
    desk.say("service.args\tc\ttrue\nservice.start\tc\nservice.start\tb\nservice.args\te\tx\nservice.start\te\t2000000000000");
    desk.exit(3);
    desk.step(Happening::Signal { number: 15 });
    desk.heard();
    let before = desk.say("statedump");
    assert!(before.len() > 40, "{before:#?}");
    let mut desk = desk.taken_over();
    let after = desk.say("statedump");
    let bare = |lines: &[String]| lines.iter().map(|l| l.split_once('\t').expect("numbered").1.to_owned()).collect::<Vec<_>>();
    assert_eq!(bare(&before), bare(&after));
    assert!(desk.say("terminate\t1\t8")[0].contains("incorrect terminate guard code"));
    // Planned starts are made by the new one.
    desk.wait(1000 * S);
    assert_eq!(desk.plan().argv, "x|");
}

#[test]
fn a_takeover_in_the_middle_of_things() {
    let mut desk = Desk::two();
    desk.say("service.args\ta\ttrue\nservice.start\ta");
    let life = desk.born[0];
    // Unread input, unsent output, a dump under way.
    let conn = desk.conn;
    desk.send(conn, "statedump\necho\tone\necho\tt");
    let mut desk = desk.taken_over();
    desk.send(conn, "wo\n");
    let heard = desk.heard();
    assert!(
        heard.iter().any(|l| l.ends_with("\techo\tone") || l.ends_with("\tone"))
            && heard.last().is_some_and(|l| l.ends_with("two"))
    );
    // A life that was not known to execute executes now.
    desk.step(Happening::Executed { life });
    assert!(desk.heard()[0].contains("service.state\ta\tup"));
}

#[test]
fn whoever_asked_is_told() {
    let mut desk = Desk::two();
    assert!(desk.say("upgrade\t/x").is_empty());
    assert_eq!((desk.done.last(), std::str::from_utf8(desk.core.upgrade_path()).ok()), (Some(&Effect::Upgrade), Some("/x")));
    assert!(desk.say("upgrade\t/y")[0].contains("an upgrade is under way"));
    desk.step(Happening::NotUpgraded { why: "exit 1: no" });
    assert!(desk.heard()[0].ends_with("error\tupgrade exit 1: no"));
    desk.say("upgrade\t/y");
    let (core, _) = Core::restore(read(&saved(&desk.core)).expect("ours")).expect("restored");
    desk.core = core;
    assert!(desk.heard()[0].contains("\tupgrade\t"));
}

/// A keeper of before there was more to say about sockets wrote less.
#[test]
fn a_shorter_line_about_a_socket_is_understood() {
    let mut desk = Desk::two();
    desk.say("fd.socket\tt\ttcp,listen,reuse_port\t*:81");
    let text = String::from_utf8(saved(&desk.core)).expect("text");
    let older = text.lines().map(|line| line.strip_suffix("\t1\t-\t-").unwrap_or(line)).collect::<Vec<_>>().join("\n") + "\n";
    assert!(older.len() < text.len());
    let (core, _) = Core::restore(read(older.as_bytes()).expect("lines")).expect("restored");
    desk.core = core;
    let dump = desk.say("statedump");
    assert!(dump.iter().any(|line| line.ends_with("fd.state\tt\tsocket\tinet,stream,bind,listen=32\t*:81")), "{dump:#?}");
}

#[test]
fn what_is_not_understood_is_refused() {
    let mut desk = Desk::two();
    desk.say(EVERYTHING);
    let text = String::from_utf8(saved(&desk.core)).expect("text");
    for (from, to) in [("core.held\t0", "core.held\tx"), ("core.service", "core.servant"), ("\tspecial", "\tspecific")] {
        assert!(text.contains(from), "{from}");
        assert!(Core::restore(read(text.replacen(from, to, 1).as_bytes()).expect("lines")).is_err(), "{to}");
    }
}
