//! §2 and §3: descriptors and how they are shown.

use crate::desk::{define, dump, obeyed, output_of, start, talk};
use e2e::{Keeper, open_files};
use std::os::unix::fs::PermissionsExt;

#[test]
fn files_in_every_combination_of_flags() {
    let mut keeper = talk();
    let path = keeper.write("f", "text").to_str().expect("plain").to_owned();
    for (said, shown) in [
        ("read", "read"),
        ("write", "write"),
        ("read,write", "read,write"),
        ("write,read", "read,write"),
        ("nonblock", "read,nonblock"),
        ("create", "read,create"),
        ("append,write", "write,append"),
        ("trunc,create,write", "write,create,trunc"),
        ("mkdir,nonblock,trunc,create,append,write,read", "read,write,append,create,trunc,nonblock,mkdir"),
        ("nonblock,create,read,write", "read,write,create,nonblock"),
        ("mkdir,write", "write,mkdir"),
    ] {
        keeper.ask(&format!("fd.open\tx\t{said}\t{path}"), &format!("fd.state\tx\tfile\t{shown}\t{path}"));
    }
}

#[test]
fn created_files_and_folders_are_private() {
    let mut keeper = talk();
    let path = keeper.file("deep/er/file");
    let said = format!("fd.open\tx\twrite,create,mkdir\t{}", path.display());
    keeper.ask(&said, "fd.state\tx\tfile\twrite,create,mkdir\t*");
    let mode = |name: &str| std::fs::metadata(keeper.file(name)).expect("it was made").permissions().mode() & 0o7777;
    assert_eq!([mode("deep/er/file"), mode("deep/er"), mode("deep")], [0o600, 0o700, 0o700]);
}

#[test]
fn append_and_trunc_do_what_they_say() {
    let mut keeper = talk();
    let path = keeper.write("f", "old\n").to_str().expect("plain").to_owned();
    for (flags, after) in [("write,append", "old\nnew\n"), ("write,trunc", "new\n"), ("write", "new\n")] {
        keeper.ask(&format!("fd.open\tx\t{flags}\t{path}"), "fd.state\tx\tfile\t**");
        keeper.ask("service.fds\ta\tnull\tx\tnull", "service.fds\ta\t**");
        define(&mut keeper, "a", "echo\tnew");
        start(&mut keeper, "a");
        keeper.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
        keeper.check(keeper.read("f") == after, &format!("{flags}: {:?}", keeper.read("f")));
    }
}

#[test]
fn a_relative_path_begins_where_chdir_led() {
    let mut keeper = talk();
    std::fs::create_dir(keeper.file("below")).expect("our own folder");
    keeper.say("chdir\tbelow");
    keeper.quiet();
    keeper.ask("fd.open\tx\twrite,create\there", "fd.state\tx\tfile\twrite,create\there");
    assert!(keeper.file("below/here").exists());
    assert!(output_of(&mut keeper, "pwd").ends_with("/below\n"));
}

#[test]
fn pipes_and_pairs() {
    let mut keeper = talk();
    for (flags, one, two) in [
        ("", "from", "to"),
        ("\t", "from", "to"),
        ("\t-", "from", "to"),
        ("\tnonblock", "nonblock,from", "nonblock,to"),
        ("\tunix", "unix,stream,to", "unix,stream,to"),
        ("\tstream", "unix,stream,to", "unix,stream,to"),
        ("\tdgram", "unix,dgram,to", "unix,dgram,to"),
        ("\tseqpacket,unix", "unix,seqpacket,to", "unix,seqpacket,to"),
        ("\tnonblock,stream,unix", "unix,stream,nonblock,to", "unix,stream,nonblock,to"),
    ] {
        let command = format!("fd.pipe\tr\tw{flags}");
        let events = [format!("fd.state\tr\tpipe\t{one}\tw"), format!("fd.state\tw\tpipe\t{two}\tr")];
        obeyed(&mut keeper, &[(&command, &[&events[0], &events[1]])]);
    }
}

#[test]
fn a_pipe_carries_from_one_service_to_the_other() {
    let mut keeper = talk();
    for flags in ["-", "unix"] {
        keeper.ask(&format!("fd.pipe\tr\tw\t{flags}"), "fd.state\tr\tpipe\t**");
        keeper.expect_match("fd.state\tw\tpipe\t**");
        let out = keeper.file("out");
        keeper.ask(&format!("fd.open\tout\twrite,create,trunc\t{}", out.display()), "fd.state\tout\t**");
        keeper.ask("service.fds\tgiver\tnull\tw\tnull", "service.fds\tgiver\t**");
        keeper.ask("service.fds\ttaker\tr\tout\tnull", "service.fds\ttaker\t**");
        define(&mut keeper, "giver", "echo\tthrough");
        define(&mut keeper, "taker", "head\t-n\t1");
        start(&mut keeper, "taker");
        start(&mut keeper, "giver");
        keeper.wait_for("service.state\ttaker\tdown\t<ts>\t<pid>\texit\t0\t**");
        assert_eq!(keeper.read("out"), "through\n");
        keeper.barrier();
    }
}

#[test]
fn a_peer_that_was_deleted_is_a_question_mark() {
    let mut keeper = talk();
    keeper.say("fd.pipe\tr\tw\nfd.pipe\ta\tb\tunix");
    keeper.barrier();
    keeper.ask("fd.delete\tw", "fd.state\tw\tdeleted");
    keeper.ask("fd.delete\ta", "fd.state\ta\tdeleted");
    let dump = dump(&mut keeper);
    for line in ["fd.state\tr\tpipe\tfrom\t?", "fd.state\tb\tpipe\tunix,stream,to\t?"] {
        keeper.check(dump.iter().any(|l| l == line), &format!("{line:?} in {dump:?}"));
    }
}

fn holds(keeper: &Keeper) -> usize {
    open_files(keeper.pid()).len()
}

#[test]
fn a_name_used_again_closes_the_old_silently() {
    let mut keeper = talk();
    keeper.say("fd.pipe\tr\tw");
    keeper.barrier();
    let held = holds(&keeper);
    for _ in 0..50 {
        obeyed(&mut keeper, &[("fd.pipe\tr\tw", &["fd.state\tr\tpipe\tfrom\tw", "fd.state\tw\tpipe\tto\tr"])]);
        obeyed(&mut keeper, &[("fd.open\tr\tread\t/dev/null", &["fd.state\tr\tfile\tread\t/dev/null"])]);
    }
    let dump = dump(&mut keeper);
    keeper.check(dump.iter().any(|l| l == "fd.state\tw\tpipe\tto\t?"), &format!("the peer is gone: {dump:?}"));
    keeper.check(holds(&keeper) == held, &format!("{held} descriptors before, {} after", holds(&keeper)));
}

#[test]
fn sockets_in_every_kind() {
    let mut keeper = talk();
    for (flags, address, shown) in [
        ("", "", "unix,stream\t"),
        ("unix", "", "unix,stream\t"),
        ("unix,dgram", "", "unix,dgram\t"),
        ("seqpacket", "", "unix,seqpacket\t"),
        ("tcp", "", "inet,stream\t"),
        ("udp", "", "inet,dgram\t"),
        ("inet,dgram", "", "inet,dgram\t"),
        ("inet6,stream", "", "inet6,stream\t"),
        ("tcp,nonblock", "", "inet,stream,nonblock\t"),
        ("tcp", "\t127.0.0.1:0", "inet,stream,bind\t127.0.0.1:0"),
        ("tcp,listen", "\t127.0.0.1:0", "inet,stream,bind,listen=32\t127.0.0.1:0"),
        ("nonblock,listen=5,tcp,bind", "\t*:0", "inet,stream,bind,listen=5,nonblock\t*"),
        ("udp,bind", "\t*", "inet,dgram,bind\t*"),
        ("udp,bind", "\t127.0.0.1", "inet,dgram,bind\t*"),
        ("listen=65535", "\ts1", "unix,stream,bind,listen=65535\ts1"),
        ("nonblock,mkdir,listen=3", "\tdeep/er/s2", "unix,stream,bind,listen=3,mkdir,nonblock\tdeep/er/s2"),
        ("unix,dgram", "\ts3", "unix,dgram,bind\ts3"),
        ("seqpacket,listen", "\ts4", "unix,seqpacket,bind,listen=32\ts4"),
    ] {
        keeper.ask(&format!("fd.socket\ts\t{flags}{address}"), &format!("fd.state\ts\tsocket\t{shown}"));
    }
    assert!(keeper.file("deep/er/s2").exists());
}

#[test]
fn bug_inet6_addresses_work() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return e2e::skip("inet6", "this machine has no ::1");
    }
    let mut keeper = talk();
    keeper.ask("fd.socket\ts\tinet6,stream,listen\t[::1]:0", "fd.state\ts\tsocket\tinet6,stream,bind,listen=32\t*");
}

#[test]
fn what_is_there_from_the_beginning() {
    let mut keeper = talk();
    let dump = dump(&mut keeper);
    let names: Vec<&str> = dump.iter().filter_map(|l| l.strip_prefix("fd.state\t")?.split('\t').next()).collect();
    assert_eq!(names, ["control.cmd", "control.event", "control.socket", "null", "stderr", "stdin", "stdout"]);
    for pattern in [
        "fd.state\tnull\tspecial\tread,write\t/dev/null",
        "fd.state\tcontrol.cmd\tspecial\twrite\t**",
        "fd.state\tcontrol.event\tspecial\tread\t**",
        "fd.state\tcontrol.socket\tspecial\tread,write\t**",
    ] {
        keeper.check(dump.iter().any(|l| e2e::fits(pattern, l).is_some()), &format!("{pattern:?} in {dump:?}"));
    }
}

#[test]
fn the_standard_streams_may_be_deleted_and_replaced() {
    let mut keeper = talk();
    for name in ["stdin", "stdout", "stderr"] {
        keeper.ask(&format!("fd.delete\t{name}"), &format!("fd.state\t{name}\tdeleted"));
        keeper.ask(&format!("fd.open\t{name}\tread\t/dev/null"), &format!("fd.state\t{name}\tfile\tread\t/dev/null"));
        keeper.ask(&format!("fd.open\t{name}\twrite\t/dev/null"), &format!("fd.state\t{name}\tfile\twrite\t/dev/null"));
    }
}

#[test]
fn other_inherited_descriptors_are_named_by_number() {
    let start = e2e::Start::new(["-i"]).through(["sh", "-c", "exec \"$@\" 5</etc/passwd 7</dev/null", "sh"]);
    let mut keeper = start.start().greeted();
    let shown = dump(&mut keeper);
    for name in ["fd_5", "fd_7"] {
        let head = format!("fd.state\t{name}\t");
        keeper.check(shown.iter().any(|l| l.starts_with(&head)), &format!("{name} in {shown:?}"));
    }
    keeper.ask("service.fds\ta\tfd_5\tstderr\tstderr", "service.fds\ta\tfd_5\tstderr\tstderr");
    define(&mut keeper, "a", "grep\t-q\troot");
    crate::desk::start(&mut keeper, "a");
    keeper.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
}
