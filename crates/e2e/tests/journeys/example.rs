//! The example of the README.

use crate::SOON;
use e2e::{House, Proc, free_port, run, wait_until, workspace_root};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn get(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(SOON)).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

#[test]
fn the_example_comes_up_and_answers() {
    let house = House::new();
    let port = free_port();
    let folder = workspace_root().join("examples/hello");
    let with = |args: &[&str]| {
        let mut command = house.command(args);
        command.env("HELLO_BIN", house.bins().dir()).env("HELLO_PORT", port.to_string());
        run(command, Duration::from_secs(60))
    };
    let up = with(&["up", folder.to_str().expect("plain")]).ok();
    for name in ["web", "worker", "flaky"] {
        assert!(up.out.contains(name), "the table shows {name}: {up:#?}");
    }
    let rows = house.list();
    assert_eq!(rows.iter().map(|r| r.slot.as_str()).collect::<Vec<_>>(), ["web-0", "worker-0", "worker-1", "flaky-0"]);
    for row in rows.iter().filter(|r| r.app != "flaky") {
        let pid = row.pid.unwrap_or_else(|| panic!("it runs: {row:?}"));
        assert!(Proc::find(pid).is_some(), "{row:?}");
        assert_eq!(row.status.word(), "running", "{row:?}");
        assert!(row.uptime_ms.is_some() && row.memory_bytes.is_some_and(|b| b > 0), "{row:?}");
    }
    let page = wait_until(SOON, "the example's page is served", || get(port));
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let pid = house.slot("web-0").pid.expect("it runs");
    assert!(page.contains(&pid.to_string()), "the page names the process {pid}: {page}");

    let lines = wait_until(SOON, "the worker has said something", || Some(house.logs("worker", 10)).filter(|l| l.len() > 1));
    assert!(lines.iter().all(|l| l.app == "worker" && l.time.is_some() && l.instance.is_some()), "{lines:?}");

    let again = with(&["up", folder.to_str().expect("plain"), "--json"]).ok();
    assert!(again.out.trim_start().starts_with(['[', '{']), "JSON and nothing else: {again:?}");
    assert_eq!(house.slot("web-0").pid, Some(pid), "what runs unchanged is not touched");
    house.abide(["stop", "all"]).ok();
    assert!(house.list().iter().all(|r| r.status.word() == "stopped" && r.pid.is_none()));
}

#[test]
fn up_leaves_nobody_holding_its_output() {
    // `abide up | cat` must end: the kit waits until the pipes are closed by everybody.
    let house = House::new();
    let app = e2e::App::puppet("quiet", &house.puppet(), "hang");
    house.up(&e2e::app_file(&[app]));
    assert_eq!(house.list().len(), 1);
}
