//! Reloads and scaling, with the real programs: what is replaced and in which order, what happens when the new one is no good, and that a command ends
//! right whatever becomes of the steward.

mod failures;
mod scale;
mod strategies;
mod successors;
mod switch;

use e2e::{App, Done, House, Proc, app_file, run};
use std::fs;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long anything may take. Generous: it only ends a test that hangs.
const SOON: Duration = Duration::from_secs(60);

/// A service that says when it is ready. What it does is in the file `mode`: nothing special, or `KIND` for every slot, or `KIND:N` for slot N.
const SERVICE: &str = r#"
import os, signal, socket, sys, time
mode = open("mode").read().strip() if os.path.exists("mode") else ""
kind, _, slot = mode.partition(":")
if slot and slot != os.environ["INSTANCE_ID"]:
    kind = ""
print("version", sys.argv[1], kind or "good", flush=True)
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.connect(os.environ["NOTIFY_SOCKET"])
def told(*_):
    with open("hups", "a") as hups:
        print(os.environ["INSTANCE_ID"], file=hups)
    if os.path.exists("mode"):
        return
    notify.send(b"RELOADING=1")
    notify.send(b"READY=1")
signal.signal(signal.SIGHUP, told)
if kind == "busy":
    sys.exit("cannot bind: address already in use")
while kind == "never" or (kind == "waits" and not os.path.exists("go")):
    time.sleep(0.02)
notify.send(b"READY=1")
if kind == "soak":
    time.sleep(0.1)
    sys.exit("died young")
while True:
    # A signal that comes just before a call that waits is handled when that ends, so none may wait for ever.
    time.sleep(0.1)
"#;

/// A house with the service in it.
fn stage() -> House {
    let house = House::new();
    house.write("service.py", SERVICE);
    house
}

/// Two instances of the service, and more lines.
fn web(house: &House, version: &str, more: &str) -> String {
    let script = house.file("service.py").display().to_string();
    let app = App::new("web", ["python3".to_owned(), script, version.to_owned()]);
    app_file(&[app.with("instances = 2\nready = { notify = true }\nstop_timeout = \"2s\"\nstart_timeout = \"20s\"").with(more)])
}

/// The processes of these slots of `web`.
fn lives(house: &House, slots: u32) -> Vec<Proc> {
    (0..slots).map(|index| house.process(&format!("web-{index}"))).collect()
}

/// What new lives do from now on.
fn mode(house: &House, mode: &str) {
    match mode {
        "" => _ = fs::remove_file(house.file("mode")),
        mode => house.replace("mode", mode),
    }
}

/// Runs a command beside the test.
fn beside(house: &House, args: &[&str]) -> JoinHandle<Done> {
    let command = house.command(args);
    std::thread::spawn(move || run(command, SOON))
}
