//! Ports: each life has one of its own, whatever dies, and nobody starts without.

use crate::SOON;
use api::{HistoryEntry, PortRow, PortState};
use e2e::{App, Done, House, app_file, free_ports, wait_until};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

fn ports(house: &House) -> Vec<PortRow> {
    house.abide(["ports", "--json"]).ok().json()
}

/// What slots of an app have, by slot.
fn leased(house: &House, app: &str) -> Vec<(String, u16)> {
    let rows = ports(house).into_iter().filter(|row| row.app == app);
    let mut all: Vec<(String, u16)> = rows.filter_map(|row| Some((row.slot?, row.port?))).collect();
    all.sort();
    all
}

/// A server that answers with its environment's `WORKER` on the port that it is told.
fn server(name: &str) -> App {
    const SERVER: &str = "import os,sys,http.server as h\n\
        class H(h.BaseHTTPRequestHandler):\n    def do_GET(s):\n        s.send_response(200); s.end_headers(); s.wfile.write((os.environ['WORKER']+' '+os.environ['PORT']).encode())\n\
        h.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()\n";
    App::new(name, ["python3", "-c", SERVER, "{{port}}"])
        .with("instance_var = \"WORKER\"\nready = { http = \"http://127.0.0.1:{{port}}/\" }")
}

fn get(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it is ready, so it listens");
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    text.rsplit("\r\n").next().unwrap_or_default().to_owned()
}

/// Holds a port, as somebody who is none of ours.
fn stranger(port: u16) -> TcpListener {
    TcpListener::bind(("127.0.0.1", port)).expect("it was free")
}

/// A refusal that names who holds the port: this very process.
#[track_caller]
fn names_us(done: Done, port: u16) {
    done.code(1).says(&[&format!("port {port} is held by"), &format!("(pid {})", std::process::id()), "nothing was changed"]);
}

#[test]
fn each_slot_has_its_port_and_keeps_it_whatever_dies() {
    let house = House::new();
    let first = free_ports(5);
    let web = server("web").with(&format!("instances = 3\nport = \"auto:{first}-{}\"", first + 4));
    house.up(&app_file(&[web]));
    let before = leased(&house, "web");
    let want: Vec<(String, u16)> = (0..3).map(|n| (format!("web-{n}"), first + n)).collect();
    assert_eq!(before, want);
    for (index, (slot, port)) in before.iter().enumerate() {
        assert_eq!(get(*port), format!("{index} {port}"));
        assert_eq!(house.slot(slot).port, Some(*port));
        assert_eq!(house.process(slot).env("INSTANCE_ID"), None, "WORKER stands in its place");
    }
    let rows = ports(&house);
    assert!(rows.iter().all(|row| row.state == PortState::Listening), "{rows:#?}");
    assert_eq!(rows[1].address, Some(format!("127.0.0.1:{}", first + 1)));
    assert_eq!(rows[1].pid, house.slot("web-1").pid);

    // By wish, and by a crash that no manager sees.
    house.abide(["restart", "web-1"]).ok();
    assert_eq!(leased(&house, "web"), before);
    let [steward, _, keeper] = house.roles(SOON);
    let old = [house.process("web-0"), house.process("web-2")];
    assert!(steward.kill() && keeper.kill());
    assert!(old[1].kill());
    house.until("web-2", SOON, "lives again", |row| row.pid.is_some_and(|pid| pid != old[1].pid) && row.status.word() == "ready");
    assert_eq!((leased(&house, "web"), house.process("web-0")), (before.clone(), old[0]));
    assert_eq!(get(first + 2), format!("2 {}", first + 2));

    // Over the end of the house, although somebody has taken one meanwhile.
    house.abide(["stop", "web-0"]).ok();
    let taken = stranger(first);
    house.abide(["daemon", "stop"]).ok();
    house.abide(["ports"]).code(4);
    house.abide(["daemon", "start"]).ok();
    house.abide(["start", "web-0"]).ok();
    let after: Vec<u16> = leased(&house, "web").into_iter().map(|(_, port)| port).collect();
    assert_eq!(after, [first + 3, first + 1, first + 2]);
    drop(taken);
}

#[test]
fn nothing_starts_when_somebody_could_not_get_a_port() {
    let house = House::new();
    let first = free_ports(4);
    let hang = |name: &str, port: &str| App::puppet(name, &house.puppet(), "hang").with(&format!("port = {port}"));
    let held = stranger(first);
    house.write("abide.toml", app_file(&[hang("api", "\"auto\""), hang("web", &first.to_string())]));
    names_us(house.abide(["up"]), first);
    names_us(house.abide(["plan"]), first);
    assert!(house.list().is_empty(), "not even the one that could");
    drop(held);
    house.abide(["up"]).ok();
    assert_eq!(house.slot("web-0").port, Some(first));

    // Its own port is no stranger's; another app does not get it, nor a slot that would be one too many.
    house.abide(["restart", "web"]).ok();
    house.abide(["up"]).ok();
    let start = |args: &[&str]| house.abide([&["start"][..], args, &["sleep", "1000"]].concat());
    start(&["--name", "twin", "--port", &first.to_string()]).code(1).says(&["twin", &format!("port {first}"), "web"]);
    let range = format!("{first}-{}", first + 2);
    start(&["--name", "many", "--instances", "3", "--port", &range]).code(1).says(&["many", "3 instances", "web"]);
    assert_eq!(house.list().len(), 2);
    start(&["--name", "many", "--instances", "2", "--port", &range]).ok();
    assert_eq!(leased(&house, "many"), [("many-0".to_owned(), first + 1), ("many-1".to_owned(), first + 2)]);
    // What has stopped needs none, and must ask again.
    house.abide(["stop", "web"]).ok();
    start(&["--name", "twin", "--port", &first.to_string()]).ok();
    house.abide(["start", "web"]).code(1).says(&[&format!("port {first}"), "twin"]);
    assert_eq!(house.slot("web-0").status.word(), "stopped");
}

#[test]
fn a_slot_waits_for_its_port_and_says_who_has_it() {
    let house = House::new();
    let port = free_ports(1);
    // It is given a port, and does not listen there.
    let web = App::puppet("web", &house.puppet(), "env:PORT hang")
        .with(&format!("port = {port}\nhooks = {{ pre_start = \"./hook\" }}"));
    let hook = house.write("hook", "#!/bin/sh\necho $PORT >> hooked\n");
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("our own file");
    house.up(&app_file(&[web]));
    house.until_logged("web-0", "out", &format!("PORT={port}\n"), SOON);
    assert_eq!(ports(&house)[0].state, PortState::Leased);
    let held = stranger(port);
    assert_eq!(ports(&house)[0].state, PortState::Taken);
    assert!(house.process("web-0").kill());
    house.until_status("web-0", "waiting", SOON);
    let (us, words) = (std::process::id(), format!("port {port} is held by"));
    wait_until(SOON, "it says for what it waits", || {
        let slot = house.detail("web").slots.remove(0);
        slot.why.filter(|why| why.starts_with(&words) && why.contains(&format!("(pid {us})")))
    });
    house.abide(["status", "web"]).ok();
    let rows = ports(&house);
    assert_eq!((rows[0].state, rows[0].port, rows[0].pid), (PortState::Waiting, Some(port), Some(us)));
    drop(held);
    house.until_status("web-0", "running", SOON);
    assert_eq!((house.slot("web-0").port, house.slot("web-0").restarts), (Some(port), 1), "waiting is no failure");
    assert_eq!(house.notes("hooked"), [port.to_string(), port.to_string()], "asked only with a port at hand");
    // It can be stopped while it waits.
    let _held = stranger(port);
    assert!(house.process("web-0").kill());
    house.until_status("web-0", "waiting", SOON);
    house.abide(["stop", "web"]).ok();
    assert_eq!(ports(&house)[0].state, PortState::Unused);
}

#[test]
fn restart_with_another_port_or_not_at_all() {
    let house = House::new();
    let first = free_ports(3);
    house.up(&app_file(&[server("web").with(&format!("port = {first}")), server("api").with("port = \"auto\"")]));
    let before = house.process("web-0");
    let restart = |args: &[&str]| house.abide([&["restart"], args].concat());
    let held = stranger(first + 1);
    names_us(restart(&["web", "--port", &(first + 1).to_string()]), first + 1);
    drop(held);
    restart(&["web", "api", "--port", &(first + 1).to_string()]).code(2).says(&["one app"]);
    restart(&["web", "--port", "0"]).code(2).says(&["--port"]);
    restart(&["nobody", "--port", "1"]).code(1).says(&["nobody"]);
    assert_eq!(house.process("web-0"), before, "nothing has happened to it");

    restart(&["web", "--port", &(first + 2).to_string()]).ok();
    assert_eq!((house.slot("web-0").port, get(first + 2)), (Some(first + 2), format!("0 {}", first + 2)));
    restart(&["web"]).ok();
    assert_eq!(house.slot("web-0").port, Some(first + 2), "it stays so");
    let done: Vec<HistoryEntry> = house.abide(["history", "web", "--json"]).ok().json();
    let told: Vec<String> = done
        .iter()
        .flat_map(|entry| entry.plan.apps.iter().flat_map(|app| &app.differences))
        .map(|one| format!("{one:?}"))
        .collect();
    assert!(told.len() == 1 && told[0].contains("\"port\"") && told[0].contains(&(first + 2).to_string()), "{told:?}");
    house
        .abide(["config", "show", "web", "--changed"])
        .ok()
        .out
        .contains("a flag of the command")
        .then_some(())
        .expect("its origin");
    // The file says otherwise, and wins when it is applied.
    house.abide(["apply", "--yes"]).ok();
    assert_eq!(house.slot("web-0").port, Some(first));
}

#[test]
fn many_slots_that_begin_at_once_have_a_port_each() {
    let house = House::new();
    let first = free_ports(40);
    let span = format!("port = \"auto:{first}-{}\"\ninstances = 20", first + 39);
    let app = |name: &str| App::puppet(name, &house.puppet(), "hang").with(&span);
    house.up(&app_file(&[app("one"), app("two")]));
    let mut all: Vec<u16> = ports(&house).into_iter().filter_map(|row| row.port).collect();
    all.sort_unstable();
    assert_eq!(all, (first..first + 40).collect::<Vec<u16>>(), "nobody listens, and nobody has two");
}
