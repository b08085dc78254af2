//! Programs that people run.

use crate::SOON;
use e2e::{App, House, app_file, free_port, wait_until};
use std::io::{Read, Write};
use std::net::TcpStream;

/// What a server says; nothing if it does not.
fn get(port: u16) -> String {
    let mut said = String::new();
    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
        let _ = stream.write_all(b"GET / HTTP/1.0\r\n\r\n").and_then(|()| stream.read_to_string(&mut said));
    }
    said.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned()
}

fn nginx_conf(house: &House, port: u16, answer: &str) {
    let temp =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {};", house.file(of).display()));
    let server = format!("server {{ listen 127.0.0.1:{port}; location / {{ return 200 {answer}; }} }}");
    let main = format!("daemon off; worker_processes 2; pid {}; error_log stderr;", house.file("nginx.pid").display());
    house.write("nginx.conf", format!("{main} events {{}} http {{ access_log off; {} {server} }}\n", temp.join(" ")));
}

/// A database that says when it is ready, a web server that waits for it and is asked; its configuration is read again under the same process, and at
/// the end it goes first.
#[test]
fn nginx_behind_redis() {
    let house = House::new();
    let (port, socket) = (free_port(), house.file("redis.sock").display().to_string());
    nginx_conf(&house, port, "one");
    let redis = ["redis-server", "--supervised", "systemd", "--port", "0", "--save", "", "--unixsocket", &socket];
    let redis = App::new("redis", redis).with("ready = { notify = true }");
    let conf = house.file("nginx.conf").display().to_string();
    let check = format!("healthcheck = {{ http = \"http://127.0.0.1:{port}/\", body = \"one|two\", interval = \"1s\" }}");
    let nginx = App::new("nginx", ["nginx", "-e", "stderr", "-c", &conf]).with("depends_on = [\"redis\"]").with(&check);
    house.up(&app_file(&[nginx.with("stop_signal = \"SIGQUIT\""), redis])).ok();
    assert_eq!(get(port), "one");
    let ready: Vec<String> = house.events(None).into_iter().filter(|e| e.event == "ready").filter_map(|e| e.slot).collect();
    assert_eq!(ready, ["redis-0", "nginx-0"]);
    let master = house.process("nginx-0");
    nginx_conf(&house, port, "two");
    house.abide(["signal", "HUP", "nginx"]).ok();
    wait_until(SOON, "it has read its configuration again", || (get(port) == "two").then_some(()));
    assert!(master.alive());
    assert_eq!(house.slot("nginx-0").restarts, 0);
    house.abide(["stop", "all"]).ok();
    let ended: Vec<String> = house.events(None).into_iter().filter(|e| e.event == "exited").filter_map(|e| e.slot).collect();
    assert_eq!(ended, ["nginx-0", "redis-0"]);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "no worker is left");
}

/// Prints numbered lines without a pause, says in the middle of it that it is ready, and when it is told to end says how far it came.
const HEAVY: &str = r#"
const lines = Number(process.argv[2]);
let next = 1, told = false;
process.on('SIGTERM', () => { told = true; if (next === Infinity) process.exit(0); });
const line = n => `${n} ${'x'.repeat(n % 60)}\n`;
const go = () => {
  for (let n = 0; n < 100 && next <= lines && !told; n++) {
    process.stdout.write(line(next));
    if (next === lines / 2) process.send('ready');
    next++;
  }
  if (told) { process.stdout.write(`end ${next - 1}\n`, () => process.exit(0)); }
  else if (next <= lines) setImmediate(go);
  else { process.stdout.write(`end ${lines}\n`); next = Infinity; setInterval(() => {}, 1000); }
};
go();
"#;

/// Reads what one life of it has printed: whole lines, each once, in order. Gives back how many, and what follows.
#[track_caller]
fn one_life(log: &str) -> (usize, &str) {
    let (own, rest) = log.split_once("end ").expect("it says how far it came");
    let (count, rest) = rest.split_once('\n').expect("a whole line");
    let count: usize = count.parse().expect("a number");
    for (line, n) in own.lines().zip(1..) {
        assert_eq!(line, format!("{n} {}", "x".repeat(n % 60)), "line {n} of a life");
    }
    assert_eq!(own.lines().count(), count);
    (count, rest)
}

#[test]
fn a_node_app_that_prints_heavily_is_ready_and_restarted_without_a_lost_line() {
    const LINES: usize = 200_000;
    let house = House::new();
    let script = house.write("heavy.js", HEAVY);
    let app = App::new("node", ["node", script.to_str().expect("plain"), &LINES.to_string()]).with("ready = { node_ipc = true }");
    house.up(&app_file(&[app.with("start_timeout = \"5m\"\nstop_timeout = \"60s\"")]));
    // In the middle of it, and once more when it has printed everything.
    house.abide(["restart", "node"]).ok();
    house.until_logged("node-0", "out", &format!("end {LINES}\n"), 2 * SOON);
    house.abide(["restart", "node"]).ok();
    house.abide(["stop", "node"]).ok();
    let log = wait_until(SOON, "the last words of three lives are there", || {
        let log = String::from_utf8(house.log_bytes("node-0", "out")).ok()?;
        (log.matches("end ").count() == 3 && log.ends_with('\n')).then_some(log)
    });
    let (first, rest) = one_life(&log);
    assert!(first >= LINES / 2, "{first}");
    let (second, rest) = one_life(rest);
    assert_eq!(second, LINES);
    let (third, rest) = one_life(rest);
    assert!(third >= LINES / 2 && rest.is_empty(), "{third}: {rest:?}");
}
