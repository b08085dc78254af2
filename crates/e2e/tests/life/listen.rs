//! Listening sockets: bound before anything starts, held over every life and every death of ours.

use crate::SOON;
use e2e::{App, House, Proc, app_file, free_port, skip, wait_until};
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

/// Says what it was given, then answers everybody with its slot, its pid and the inode of the socket that he came to.
const SERVER: &str = r#"
import os, select, socket
count = int(os.environ.get("LISTEN_FDS", 0))
mine = os.environ.get("LISTEN_PID") == str(os.getpid())
print("given", count, mine, os.environ.get("LISTEN_FDNAMES"), "port", os.environ.get("PORT"), flush=True)
sockets = [socket.socket(fileno=3 + at) for at in range(count)]
who = "%s %d" % (os.environ["ABIDE_SLOT"], os.getpid())
while True:
    for one in select.select(sockets, [], [])[0]:
        words = ("%s %d\n" % (who, os.fstat(one.fileno()).st_ino)).encode()
        if one.type == socket.SOCK_DGRAM:
            one.sendto(words, one.recvfrom(100)[1])
        else:
            client = one.accept()[0]
            client.sendall(words)
            client.close()
"#;

fn server(house: &House, name: &str, listen: &str) -> App {
    let script = house.write("server.py", SERVER);
    let app = App::new(name, ["python3", script.to_str().expect("plain")]).with(&format!("listen = {listen}"));
    app.with("restart = \"always\"\nrestart_delay = \"300ms\"\nstop_timeout = \"2s\"")
}

/// What an answer said.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    slot: String,
    pid: u32,
    inode: u64,
}

#[track_caller]
fn answer_of(mut from: impl Read) -> Answer {
    let mut text = String::new();
    from.read_to_string(&mut text).expect("somebody answers");
    parsed(&text)
}

#[track_caller]
fn parsed(text: &str) -> Answer {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [slot, pid, inode] = words[..] else { panic!("{text:?}") };
    Answer { slot: slot.to_owned(), pid: pid.parse().expect("a pid"), inode: inode.parse().expect("an inode") }
}

#[track_caller]
fn ask(port: u16) -> Answer {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the socket is there");
    stream.set_read_timeout(Some(SOON)).expect("a socket");
    answer_of(stream)
}

#[test]
fn each_kind_is_given_with_name_and_number() {
    let house = House::new();
    let (port, udp) = (free_port(), free_port());
    let path = house.file("web.sock");
    // Only asked for: a port that nobody has promised us may be another's a moment later.
    let inet6 = TcpListener::bind("[::1]:0").map(|_| free_port());
    let six = inet6.as_ref().map_or(String::new(), |port| format!(", {{ address = \"tcp://[::1]:{port}\", name = \"six\" }}"));
    let listen = format!(
        "[{{ address = \"unix:{}\", mode = \"0622\", name = \"local\" }}, {{ address = \"udp://127.0.0.1:{udp}\", name = \"dns\" }}, \
         {{ address = \"tcp://127.0.0.1:{port}\", name = \"http\", backlog = 9 }}{six}]",
        path.display()
    );
    house.up(&app_file(&[server(&house, "web", &listen)]));
    let (count, names) = if six.is_empty() { (3, "local:dns:http") } else { (4, "local:dns:http:six") };
    house.until_logged("web-0", "out", &format!("given {count} True {names} port {port}\n"), SOON);
    assert_eq!(ask(port).slot, "web-0");
    assert_eq!(answer_of(UnixStream::connect(&path).expect("it listens")).slot, "web-0");
    assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o622);
    let client = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    client.set_read_timeout(Some(SOON)).expect("a socket");
    client.send_to(b"who", ("127.0.0.1", udp)).expect("loopback");
    let mut bytes = [0; 100];
    let count = client.recv(&mut bytes).expect("an answer");
    assert_eq!(parsed(&String::from_utf8_lossy(&bytes[..count])).slot, "web-0");
    if let Ok(port) = inet6 {
        assert_eq!(answer_of(TcpStream::connect(("::1", port)).expect("it listens")).slot, "web-0");
    } else {
        skip("inet6", "this machine has no ::1");
    }
    // Whoever stops an app frees its addresses.
    house.abide(["stop", "web"]).ok();
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    wait_until(SOON, "the addresses are free", || {
        (!path.exists() && TcpListener::bind(at).is_ok() && UdpSocket::bind(("127.0.0.1", udp)).is_ok()).then_some(())
    });
    house.abide(["start", "web"]).ok();
    assert_eq!(ask(port).slot, "web-0");
    house.abide(["delete", "web"]).ok();
    wait_until(SOON, "the addresses are free", || (!path.exists() && TcpListener::bind(at).is_ok()).then_some(()));
}

#[test]
fn who_comes_while_nobody_is_there_is_answered_by_the_next() {
    let house = House::new();
    let port = free_port();
    house.up(&app_file(&[server(&house, "web", &format!("[\"tcp://127.0.0.1:{port}\"]"))]));
    let first = ask(port);
    for _ in 0..3 {
        let last = house.process("web-0");
        assert!(last.kill());
        wait_until(SOON, "it is gone", || (!last.alive()).then_some(()));
        // Nobody accepts now.
        let early = ask(port);
        assert!(early.pid != last.pid && early.inode == first.inode, "{first:?}, then {early:?}");
    }
    house.abide(["restart", "web"]).ok();
    assert_eq!(ask(port).inode, first.inode);
}

#[test]
fn the_socket_stays_the_same_whichever_of_ours_dies() {
    let house = House::new();
    let (port, path) = (free_port(), house.file("s"));
    let listen = format!("[\"tcp://127.0.0.1:{port}\", \"unix:{}\"]", path.display());
    house.up(&app_file(&[server(&house, "web", &listen)]));
    let first = ask(port);
    let local = answer_of(UnixStream::connect(&path).expect("it listens"));
    let same = |what: &str| {
        let before = house.process("web-0");
        assert_eq!(ask(port), Answer { pid: before.pid, ..first.clone() }, "{what}");
        // What a new life is given comes from the keeper.
        assert!(before.kill());
        let after = ask(port);
        assert!(after.inode == first.inode && after.pid != before.pid, "{what}: {first:?}, then {after:?}");
        let now = answer_of(UnixStream::connect(&path).expect("it listens"));
        assert_eq!(now.inode, local.inode, "{what}");
    };
    let [steward, _, _] = house.roles(SOON);
    assert!(steward.kill());
    house.until("web-0", SOON, "runs", |row| row.pid.is_some());
    same("another steward");
    if !e2e::is_root() {
        return skip("regain", "only root may have a socket back from a life");
    }
    let [_, _, keeper] = house.roles(SOON);
    assert!(keeper.kill());
    wait_until(SOON, "the keeper is gone", || (!keeper.alive()).then_some(()));
    house.roles(SOON);
    house.until("web-0", SOON, "runs", |row| row.pid.is_some());
    same("another keeper");
    house.kill_roles();
    house.until("web-0", SOON, "runs", |row| row.pid.is_some());
    same("all of them");
}

#[test]
fn an_address_that_somebody_has_is_refused_with_his_name_and_nothing_starts() {
    let house = House::new();
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let held = TcpListener::bind(at).expect("loopback");
    let other = App::new("other", ["sleep", "1000"]);
    let web = server(&house, "web", &format!("[\"tcp://{at}\"]"));
    house.write("abide.toml", app_file(&[other.clone(), web]));
    let me = format!("(pid {})", std::process::id());
    house.abide(["up"]).code(1).says(&[&format!("tcp://{at} is held by "), &me, "nothing was started"]);
    assert!(house.list().is_empty());
    drop(held);
    house.abide(["up"]).ok();
    assert_eq!(ask(at.port()).slot, "web-0");
    // Another app of ours.
    let second = server(&house, "second", &format!("[\"tcp://{at}\"]"));
    house.write("second.toml", app_file(&[second]));
    house.abide(["up", "second.toml"]).code(1).says(&[&format!("tcp://{at} is held for the app `web`")]);
    assert_eq!(ask(at.port()).slot, "web-0");
    // A file that is no socket is not touched.
    let precious = house.write("precious", "x");
    house.write("second.toml", app_file(&[server(&house, "second", &format!("[\"unix:{}\"]", precious.display()))]));
    house.abide(["up", "second.toml"]).code(1).says(&["something that is no socket is in the way"]);
    assert_eq!(house.read("precious"), "x");
}

#[test]
fn an_address_goes_over_from_one_app_to_another() {
    let house = House::new();
    let port = free_port();
    let listen = format!("[\"tcp://127.0.0.1:{port}\"]");
    house.up(&app_file(&[server(&house, "old", &listen)]));
    assert_eq!(ask(port).slot, "old-0");
    house.write("abide.toml", app_file(&[server(&house, "new", &listen)]));
    house.abide(["apply", "--prune", "--yes"]).ok();
    wait_until(SOON, "the new one has it", || {
        let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        let mut text = String::new();
        (&stream).read_to_string(&mut text).ok()?;
        text.starts_with("new-0").then_some(())
    });
}

#[test]
fn each_slot_has_its_own_and_clients_stick() {
    let house = House::new();
    let port = free_port();
    let own = format!("[{{ address = \"tcp://127.0.0.1:{port}\", reuse_port = true }}]");
    let app = |instances: u32| server(&house, "web", &own).with(&format!("instances = {instances}\nsticky = \"source-ip\""));
    house.up(&app_file(&[app(3)]));
    let from = |last: u8| {
        let client =
            rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).expect("a socket");
        rustix::net::bind(&client, &SocketAddr::from(([127, 0, 0, last], 0))).expect("ours");
        rustix::net::connect(&client, &SocketAddr::from(([127, 0, 0, 1], port))).expect("they listen");
        answer_of(TcpStream::from(client))
    };
    let spread = |slots: usize| {
        let firsts: Vec<Answer> = (1..40).map(from).collect();
        for (last, first) in (1..40).zip(&firsts) {
            assert_eq!(from(last), *first, "127.0.0.{last}");
        }
        let used = |what: &dyn Fn(&Answer) -> String| firsts.iter().map(what).collect::<std::collections::BTreeSet<_>>().len();
        assert_eq!(used(&|answer| answer.slot.clone()), slots);
        assert_eq!(used(&|answer| answer.inode.to_string()), slots);
    };
    spread(3);
    house.write("abide.toml", app_file(&[app(2)]));
    house.abide(["apply"]).ok();
    wait_until(SOON, "the third is gone", || (house.list().len() == 2).then_some(()));
    // Until the keeper has closed its socket, the kernel may give clients to it.
    wait_until(SOON, "its socket is gone too", || (listeners(port) == 2).then_some(()));
    spread(2);
}

/// How many sockets listen at a port of IPv4.
fn listeners(port: u16) -> usize {
    let sockets = std::fs::read_to_string("/proc/net/tcp").expect("/proc");
    let (at, listens) = (format!(":{port:04X}"), "0A");
    let fields = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields.filter(|fields| fields.len() > 3 && fields[1].ends_with(&at) && fields[3] == listens).count()
}

#[test]
fn a_privileged_port_for_an_app_that_is_nobody() {
    if !e2e::is_root() {
        return skip("privileged port", "only root may bind one");
    }
    let house = House::new();
    for folder in [house.root().to_path_buf(), house.work()] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("ours");
    }
    // Where no other test looks.
    let port = (600..1024).rev().find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("one is free");
    house.up(&app_file(&[server(&house, "web", &format!("[\"tcp://127.0.0.1:{port}\"]")).with("user = \"nobody\"")]));
    let answer = ask(port);
    let status = std::fs::read_to_string(format!("/proc/{}/status", answer.pid)).expect("it lives");
    assert!(status.contains("\nUid:\t65534\t65534\t65534\t65534"), "{status}");
}

#[test]
fn an_app_that_binds_by_itself_is_told_of_descriptor_3() {
    let house = House::new();
    let port = free_port();
    let bind = format!("import socket; socket.socket().bind(('127.0.0.1', {port}))");
    let app = App::new("web", ["python3", "-c", &bind])
        .with(&format!("listen = [\"tcp://127.0.0.1:{port}\"]\nrestart = \"never\"\nmin_uptime = \"10s\""));
    house.write("abide.toml", app_file(&[app]));
    house.abide(["up"]).code(1).says(&["Address already in use", "descriptor 3"]);
}

/// A socket that a killed machine has left behind is no obstacle; one that somebody has is.
#[test]
fn a_socket_file_without_an_owner_is_replaced() {
    let house = House::new();
    let path = house.file("s");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("free"));
    house.up(&app_file(&[server(&house, "web", &format!("[\"unix:{}\"]", path.display()))]));
    let stream = UnixStream::connect(&path).expect("it listens");
    let life = house.process("web-0");
    assert_eq!(answer_of(stream).pid, life.pid);
    assert_eq!(Proc::find(life.pid), Some(life));
}

/// An app that has bound its address itself gets it from us from now on.
#[test]
fn an_app_goes_over_to_listen() {
    let house = House::new();
    let port = free_port();
    // As servers do: a connection of another test may linger at this port for a minute.
    let reuse = "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)";
    let bind =
        format!("import socket, time; s = socket.socket(); {reuse}; s.bind(('127.0.0.1', {port})); s.listen(); time.sleep(1000)");
    house.up(&app_file(&[App::new("web", ["python3", "-c", &bind]).with("stop_timeout = \"2s\"")]));
    wait_until(SOON, "it listens", || TcpStream::connect(("127.0.0.1", port)).ok());
    house.write("abide.toml", app_file(&[server(&house, "web", &format!("[\"tcp://127.0.0.1:{port}\"]"))]));
    house.abide(["apply"]).ok();
    assert_eq!(ask(port).slot, "web-0");
}
