//! §2: descriptors that change hands: `fd.take`, and listeners for services.

use crate::desk::{define, start, talk, with_socket};
use e2e::{Keeper, open_files};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

#[test]
fn a_descriptor_is_taken_and_given_to_a_service() {
    let mut keeper = with_socket();
    let mut client = keeper.client("ctl");
    client.quiet();
    let file = File::create(keeper.file("gift")).expect("our own folder");
    client.say_with("fd.take\tgift", &[file.as_fd()]);
    client.expect_match("fd.state\tgift\t*\t*\t**");
    keeper.expect_match("fd.state\tgift\t*\t*\t**");
    drop(file);
    keeper.ask("service.fds\ta\tnull\tgift\tnull", "service.fds\ta\tnull\tgift\tnull");
    define(&mut keeper, "a", "echo\tthanks");
    start(&mut keeper, "a");
    keeper.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
    assert_eq!(keeper.read("gift"), "thanks\n");
}

#[test]
fn nothing_sent_is_nothing_to_take() {
    let keeper = with_socket();
    let mut client = keeper.client("ctl");
    client.ask("fd.take\tx", "error\tNo ancillary file descriptor received, for command \"fd.take\tx\"");
    let null = File::open("/dev/null").expect("it is there");
    client.say_with("fd.take\tx", &[null.as_fd()]);
    client.expect_match("fd.state\tx\t**");
    client.ask("fd.take\ty", "error\tNo ancillary file descriptor received**");
}

/// What came with a command that is refused is not for another, who sent it to be something else.
#[test]
fn what_came_with_a_refused_command_is_closed() {
    let keeper = with_socket();
    let mut client = keeper.client("ctl");
    client.quiet();
    let (first, second) = (keeper.file("first"), keeper.file("second"));
    let files = [&first, &second].map(|path| File::create(path).expect("our own folder"));
    for refused in ["fd.take\tnull", "fd.take\tx\ty", "fd.take"] {
        client.say_with(refused, &[files[0].as_fd()]);
        client.expect_match("error\t**");
    }
    client.say_with("fd.take\tx", &[files[1].as_fd()]);
    client.expect_match("fd.state\tx\t**");
    let held: Vec<_> = open_files(keeper.pid()).into_iter().map(|(_, target)| target).collect();
    client.check(held.contains(&second) && !held.contains(&first), &format!("{held:?}"));
}

#[test]
fn two_are_kept_at_most() {
    let keeper = with_socket();
    let mut client = keeper.client("ctl");
    client.quiet();
    let held = open_files(keeper.pid()).len();
    let null = File::open("/dev/null").expect("it is there");
    client.say_with("echo\tthree", &[null.as_fd(), null.as_fd(), null.as_fd()]);
    client.expect("three");
    let answers: Vec<String> = ["a", "b", "c"].iter().flat_map(|n| client.answers(&format!("fd.take\t{n}"))).collect();
    let taken = answers.iter().filter(|a| a.starts_with("fd.state")).count();
    client.check(taken <= 2 && answers.len() == 3, &format!("{answers:?}"));
    let now = open_files(keeper.pid()).len();
    client.check(now == held + taken, &format!("{held} descriptors before, {now} with {taken} taken"));
}

#[test]
fn what_was_sent_and_not_taken_is_closed_with_the_connection() {
    let mut keeper = with_socket();
    let held = open_files(keeper.pid()).len();
    let mut client = keeper.client("ctl");
    let (mine, other) = UnixStream::pair().expect("a pair");
    client.say_with("echo\thello", &[other.as_fd()]);
    client.expect("hello");
    drop(other);
    client.hang_up();
    client.closed();
    let mut line = String::new();
    let _ = BufReader::new(mine).read_line(&mut line);
    assert_eq!(line, "", "the other end was closed");
    keeper.barrier();
    e2e::wait_until(e2e::PATIENCE, "everything of it is closed", || (open_files(keeper.pid()).len() == held).then_some(()));
}

/// A service that serves one connection on its standard input, and a port that was free a moment ago.
fn serve(keeper: &mut Keeper, kind: &str, number: u32) {
    let puppet = keeper.bins().path("puppet");
    let fds = if number == 0 { "s\tnull\tstderr".to_owned() } else { "null\tnull\tstderr\ts".to_owned() };
    keeper.ask(&format!("service.fds\ta\t{fds}"), "service.fds\ta\t**");
    define(keeper, "a", &format!("sh\t-c\texec \"$0\" serve:{kind} <&{number}\t{}", puppet.display()));
    start(keeper, "a");
}

fn ended(mut keeper: Keeper) {
    keeper.expect_match("service.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
}

/// The port of the one socket in LISTEN state, or bound for UDP, that the keeper holds: found by its inode.
fn port_of(keeper: &Keeper, table: &str) -> u16 {
    let inodes: Vec<String> = open_files(keeper.pid())
        .into_iter()
        .filter_map(|(_, target)| Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let text = std::fs::read_to_string(format!("/proc/net/{table}")).expect("Linux");
    let mut rows = text.lines().skip(1).map(|l| l.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| inodes.iter().any(|i| row.get(9) == Some(&i.as_str())));
    let row = row.unwrap_or_else(|| keeper.fail(&format!("no socket of the keeper stands in /proc/net/{table}")));
    let (_, port) = row[1].rsplit_once(':').expect("address:port");
    u16::from_str_radix(port, 16).expect("hexadecimal")
}

fn greeting(stream: impl std::io::Read + Write) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("an answer");
    line
}

#[test]
fn a_tcp_listener() {
    for number in [0, 3] {
        let mut keeper = talk();
        keeper.ask("fd.socket\ts\ttcp,listen\t127.0.0.1:0", "fd.state\ts\tsocket\tinet,stream,bind,listen=32\t*");
        let port = port_of(&keeper, "tcp");
        // The listener is open before anybody serves it.
        let early = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        serve(&mut keeper, "tcp", number);
        assert_eq!(greeting(early), "hello from the puppet\n");
        ended(keeper);
    }
}

#[test]
fn a_tcp_listener_on_inet6() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return e2e::skip("inet6", "this machine has no ::1");
    }
    let mut keeper = talk();
    keeper.ask("fd.socket\ts\tinet6,tcp,listen\t[::1]:0", "fd.state\ts\tsocket\tinet6,stream,bind,listen=32\t*");
    let early = TcpStream::connect(("::1", port_of(&keeper, "tcp6"))).expect("it listens");
    serve(&mut keeper, "tcp", 3);
    assert_eq!(greeting(early), "hello from the puppet\n");
    ended(keeper);
}

#[test]
fn a_unix_listener() {
    for number in [0, 3] {
        let mut keeper = talk();
        keeper.ask("fd.socket\ts\tunix,listen\tsock", "fd.state\ts\tsocket\tunix,stream,bind,listen=32\tsock");
        let early = UnixStream::connect(keeper.file("sock")).expect("it listens");
        serve(&mut keeper, "unix", number);
        assert_eq!(greeting(early), "hello from the puppet\n");
        ended(keeper);
    }
}

#[test]
fn a_udp_socket() {
    let mut keeper = talk();
    keeper.ask("fd.socket\ts\tudp\t127.0.0.1:0", "fd.state\ts\tsocket\tinet,dgram,bind\t*");
    let port = port_of(&keeper, "udp");
    let mine = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    mine.set_read_timeout(Some(e2e::PATIENCE)).expect("a socket has a timeout");
    mine.send_to(b"hi", ("127.0.0.1", port)).expect("loopback takes it");
    serve(&mut keeper, "udp", 3);
    let mut bytes = [0; 100];
    let (count, _) = mine.recv_from(&mut bytes).expect("an answer");
    assert_eq!(&bytes[..count], b"hello from the puppet\n");
    ended(keeper);
}

#[test]
fn an_address_can_be_bound_again_at_once() {
    let mut keeper = talk();
    keeper.ask("fd.socket\ts\ttcp,listen\t127.0.0.1:0", "fd.state\ts\tsocket\t**");
    let port = port_of(&keeper, "tcp");
    let early = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    serve(&mut keeper, "tcp", 0);
    assert_eq!(greeting(early), "hello from the puppet\n");
    keeper.expect_match("service.state\ta\tdown\t**");
    keeper.ask("fd.delete\ts", "fd.state\ts\tdeleted");
    // The connection rests in TIME_WAIT: without SO_REUSEADDR this would be refused.
    let again = format!("fd.socket\ts\ttcp,listen\t127.0.0.1:{port}");
    keeper.ask(&again, &format!("fd.state\ts\tsocket\tinet,stream,bind,listen=32\t127.0.0.1:{port}"));
}
