//! Hooks and webhooks: who is told what, and how often.

use crate::SOON;
use e2e::{App, House, Proc, app_file, toml_string, wait_until};
use ring::hmac;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;
use std::thread;

/// A key of `hooks` with a command.
pub fn command(point: &str, words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| toml_string(word)).collect();
    format!("{point} = [{}]", words.join(", "))
}

pub fn hooks(of: &[String]) -> String {
    format!("hooks = {{ {} }}", of.join(", "))
}

/// A hook that appends what it reads, as one line, and some of its variables to a file.
pub fn writes(house: &House, point: &str) -> String {
    let file = house.file("told");
    let script = format!(
        "IFS= read -r line; printf '%s\\n%s\\n' \"$line\" \"$ABIDE_HOOK $ABIDE_EVENT $ABIDE_REASON|$ABIDE_APP|$ABIDE_SLOT|$ABIDE_PID|$MINE|$(pwd)\" >> {}",
        file.display()
    );
    command(point, &["sh", "-c", &script])
}

/// Processes of this house that run as commands of the manager.
pub fn commands(house: &House) -> Vec<Proc> {
    let ours = |p: &Proc| p.env("ABIDE_INSTANCE").is_some_and(|name| name.starts_with('x'));
    house.members().into_iter().filter(ours).collect()
}

#[track_caller]
pub fn until_no_command(house: &House) {
    wait_until(SOON, "nothing is left of any hook", || commands(house).is_empty().then_some(()));
    wait_until(SOON, "no file is left of any hook", || {
        let names = |folder: &str| fs::read_dir(house.home().join("run").join(folder)).expect("a folder").flatten();
        let left = names("io").chain(names("lives")).any(|entry| entry.file_name().to_string_lossy().starts_with('x'));
        (!left).then_some(())
    });
}

pub fn failures(house: &House, app: &str) -> Vec<String> {
    let events = house.events(Some(app)).into_iter().filter(|e| e.event == "hook.failed");
    events.filter_map(|e| e.reason).collect()
}

#[test]
fn hooks_are_told_what_happened_one_after_the_other() {
    let house = House::new();
    let told =
        [writes(&house, "on_ready"), writes(&house, "on_crash"), writes(&house, "post_stop"), writes(&house, "on_errored")];
    let app = App::puppet("job", &house.puppet(), &format!("until:{} exit:3", house.file("go").display()));
    let app = app.with("restart = \"never\"\nenv = { MINE = \"{{slot}}\" }").with(&hooks(&told));
    house.up(&app_file(&[app]));
    let pid = house.process("job-0").pid;
    house.write("go", "");
    let lines = wait_until(SOON, "four hooks were told", || Some(house.notes("told")).filter(|lines| lines.len() == 8));
    let told: Vec<Value> = lines.iter().step_by(2).map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let said = |key: &str| told.iter().map(|t| t[key].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>();
    assert_eq!(said("hook"), ["on_ready", "on_crash", "post_stop", "on_errored"]);
    assert_eq!(said("event"), ["running", "exited", "exited", "errored"]);
    assert_eq!(said("reason")[1], "exit code 3");
    // The same as the journal says.
    let events = house.events(Some("job"));
    for one in &told {
        let event = events.iter().find(|e| Some(e.seq) == one["seq"].as_u64()).expect("the event is in the journal");
        let mut same = serde_json::to_value(event).expect("JSON");
        same["hook"] = one["hook"].clone();
        assert_eq!(&same, one);
    }
    let cwd = house.work().canonicalize().expect("there");
    assert_eq!(lines[3], format!("on_crash exited exit code 3|job|job-0|{pid}|0|{}", cwd.display()));
    assert_eq!(failures(&house, "job"), [""; 0]);
    until_no_command(&house);
}

/// Takes requests; each is answered as `answers` says, then everything is.
fn receiver(answers: &'static [&'static str]) -> (u16, mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = listener.local_addr().expect("bound").port();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for (stream, answer) in listener.incoming().zip(answers) {
            let mut stream = stream.expect("accepted");
            let request = request(&mut stream);
            let _ = stream.write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").as_bytes());
            if tell.send(request).is_err() {
                return;
            }
        }
    });
    (port, told)
}

fn request(stream: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.ends_with('\n')
        {
            return (head.to_owned(), body.to_owned());
        }
        match stream.read(&mut buffer).expect("readable") {
            0 => return (text, String::new()),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

#[test]
fn a_webhook_is_signed_and_tried_again() {
    let house = House::new();
    let secret = house.write("secret", "geheim-7\n");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("chmod");
    let (port, told) = receiver(&["503 Busy", "500 No", "204 Done"]);
    let hook =
        format!("on_crash = {{ webhook = \"http://127.0.0.1:{port}/in?token=tok-9\", secret_file = \"{}\" }}", secret.display());
    let app = App::puppet("job", &house.puppet(), "exit:3").with("restart = \"never\"").with(&hooks(&[hook]));
    house.write("abide.toml", app_file(&[app]));
    house.abide(["up"]);
    let requests: Vec<(String, String)> = (0..3).map(|_| told.recv_timeout(SOON).expect("a request")).collect();
    for (head, body) in &requests {
        assert!(head.starts_with("POST /in?token=tok-9 HTTP/1.1\r\n"), "{head}");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"geheim-7"), body.as_bytes());
        let hex = tag.as_ref().iter().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        });
        let head = head.to_lowercase();
        assert!(head.contains(&format!("\r\nx-abide-signature: sha256={hex}\r\n")), "{head}");
        assert!(
            head.contains("\r\ncontent-type: application/json\r\n") && head.contains("\r\nx-abide-event: exited\r\n"),
            "{head}"
        );
        let body: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!((body["hook"].as_str(), body["data"]["code"].as_i64()), (Some("on_crash"), Some(3)));
    }
    assert_eq!(failures(&house, "job"), [""; 0]);
    // Neither the secret nor the way is told to anybody.
    let (events, log) =
        (house.abide(["events", "--json"]).ok().out, fs::read(house.home().join("daemon.log")).expect("readable"));
    for word in ["geheim-7", "tok-9"] {
        assert!(!events.contains(word) && !String::from_utf8_lossy(&log).contains(word), "{word} is told");
    }
}

#[test]
fn a_secret_that_others_may_read_is_refused_and_nothing_is_sent() {
    let house = House::new();
    let secret = house.write("secret", "geheim-7\n");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("chmod");
    let (port, told) = receiver(&["204 Done"]);
    let hook = format!("on_crash = {{ webhook = \"http://127.0.0.1:{port}/\", secret_file = \"{}\" }}", secret.display());
    let until = format!("until:{} exit:3", house.file("go").display());
    let app = App::puppet("job", &house.puppet(), &until).with("restart = \"never\"").with(&hooks(&[hook]));
    house.up(&app_file(std::slice::from_ref(&app)));
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).expect("chmod");
    house.write("go", "");
    let said = wait_until(SOON, "the failure is told", || failures(&house, "job").pop());
    assert!(said.contains("others may use it (mode 644)") && said.contains("chmod 600") && !said.contains("geheim"), "{said}");
    assert!(told.try_recv().is_err(), "nothing was sent");
    // And before it is taken at all.
    house.abide(["delete", "job", "--yes"]);
    house.abide(["up"]).code(1).says(&["hook on_crash", "chmod 600"]);
}

#[test]
fn a_birth_waits_for_pre_start_and_fails_with_it() {
    let house = House::new();
    let (starts, good) = (house.file("starts"), house.file("good"));
    let script = format!("echo connecting; test -e {} || {{ echo no database; exit 3; }}", good.display());
    let hook = hooks(&[command("pre_start", &["sh", "-c", &script])]);
    let app = App::puppet("web", &house.puppet(), &format!("note:{} hang", starts.display()));
    let app = app.with("restart = \"never\"").with(&hook);
    house.write("abide.toml", app_file(&[app]));
    house.abide(["up"]).code(1);
    let row = house.until_status("web-0", "errored", SOON);
    assert_eq!(row.exit.as_ref().and_then(|e| e.failed.as_deref()), Some("hook"), "{row:?}");
    assert_eq!(row.exit.as_ref().and_then(|e| e.errno.as_deref()), Some("exit code 3"), "{row:?}");
    let events = house.events(Some("web"));
    let exited = events.iter().find(|e| e.event == "exited").expect("an end");
    assert_eq!(exited.reason.as_deref(), Some("failed to start (hook pre_start: exit code 3)"));
    assert_eq!(failures(&house, "web"), ["pre_start: exit code 3: no database"]);
    assert_eq!(house.notes("starts"), [""; 0], "the program never ran");

    house.write("good", "");
    house.abide(["restart", "web"]).ok();
    house.until_status("web-0", "running", SOON);
    wait_until(SOON, "the program runs", || (!house.notes("starts").is_empty()).then_some(()));
    assert_eq!(house.notes("starts").len(), 1);
    until_no_command(&house);
    let log = std::fs::read_to_string(house.home().join("daemon.log")).expect("a log");
    assert!(!log.contains("refused"), "the keeper is asked to forget what it has never known: {log}");
}

#[test]
fn a_stop_ends_pre_start_and_no_birth_follows() {
    let house = House::new();
    let (starts, hook) = (house.file("starts"), house.file("hook"));
    let script = format!("double{{ setsid ignore hang }} ignore note:{} hang", hook.display());
    let words: Vec<&str> = script.split(' ').collect();
    let puppet = house.puppet();
    let all: Vec<&str> = std::iter::once(puppet.as_str()).chain(words).collect();
    let app = App::puppet("web", &puppet, &format!("note:{} hang", starts.display())).with(&hooks(&[command("pre_start", &all)]));
    house.write("abide.toml", app_file(&[app]));
    house.abide(["start", "abide.toml", "--no-wait"]).ok();
    wait_until(SOON, "pre_start runs", || (house.notes("hook").len() == 1).then_some(()));
    assert_eq!(house.slot("web-0").status.word(), "starting");
    house.abide(["stop", "web"]).ok();
    house.until_status("web-0", "stopped", SOON);
    until_no_command(&house);
    assert_eq!(house.notes("starts"), [""; 0], "no birth followed");
}

#[test]
fn ten_events_a_minute_for_each_hook() {
    let house = House::new();
    let app = App::puppet("job", &house.puppet(), "exit:3");
    let app = app.with("backoff = { min = \"1ms\", max = \"1ms\", window = \"60s\", threshold = 14 }");
    house.write("abide.toml", app_file(&[app.with(&hooks(&[writes(&house, "on_crash"), writes(&house, "on_errored")]))]));
    house.abide(["up"]);
    house.until_status("job-0", "errored", SOON);
    wait_until(SOON, "the last hook was told", || house.notes("told").iter().any(|l| l.starts_with("on_errored")).then_some(()));
    let crashes = house.notes("told").iter().filter(|l| l.starts_with("on_crash")).count();
    assert_eq!(crashes, 10, "fifteen lives failed");
    until_no_command(&house);
}
