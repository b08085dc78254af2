//! The example controllers (`examples/controllers/`) under the real keeper. Each test is run with both.
//!
//! A [`Stage`] is a keeper with the controller as a service, and a second controller, which is the test: it sees the same events.

use e2e::{House, Proc, run, wait_until, workspace_root};
use rustix::process::Signal;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);
const LATER: Duration = Duration::from_secs(90); // pauses are counted in seconds

/// An app that tells its pid and, when it is asked to end, has something to say: each line in one write, since others use the same pipe.
const APP: &str = "#!/bin/sh
lines() { i=0; while test $i -lt 20000; do i=$((i+1)); echo $i; done; }
trap 'kill $!; test $1 = chatty && lines; echo \"last words of $1\"; exit 0' TERM
echo \"$1 lives as $$\"
while :; do sleep 1000 > /dev/null 2>&1 & wait; done
";

#[derive(Debug, Clone, Copy)]
enum Tongue {
    Shell,
    Python,
}

impl Tongue {
    /// The command that runs it, as fields.
    fn command(self) -> Vec<String> {
        let (interpreter, name) = match self {
            Tongue::Shell => ("sh", "controller.sh"),
            Tongue::Python => ("python3", "controller.py"),
        };
        let path = workspace_root().join("examples/controllers").join(name);
        vec![interpreter.to_owned(), path.to_str().expect("a plain path").to_owned()]
    }
}

/// One line from the keeper, taken apart.
type Event = Vec<String>;

struct Stage {
    house: House,
    keeper: Child,
    reader: BufReader<UnixStream>,
    /// Everything heard so far.
    heard: Vec<Event>,
}

impl Stage {
    fn new(tongue: Tongue, pause: u64, services: &[&[&str]]) -> Stage {
        let house = House::new();
        house.write("app", APP);
        house.write("services", lines(services));
        let mut args = ["service.args".to_owned(), "controller".to_owned()].to_vec();
        args.extend(tongue.command().into_iter().chain(["services".to_owned()]));
        let conf = [
            args.join("\t"),
            "service.fds\tcontroller\tcontrol.socket\tcontrol.socket\tstderr".to_owned(),
            "service.auto_up\tcontroller\t1\talways\n".to_owned(),
        ];
        house.write("keeper.conf", conf.join("\n"));
        let mut keeper = house.plain(house.bins().path("abide-keeper"));
        keeper.args(["-c", "keeper.conf", "-S", "control"]).stdin(Stdio::null()).stdout(Stdio::null());
        keeper.env("BACKOFF_BASE", pause.to_string()).env("STOP_TIMEOUT", "15"); // time for who has much to say at its end
        keeper.stderr(fs::File::create(house.file("keeper.log")).expect("a log file"));
        let keeper = keeper.spawn().expect("the keeper can be started");
        let control = house.file("control");
        let stream = wait_until(SOON, "the control socket answers", || UnixStream::connect(&control).ok());
        stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a socket has timeouts");
        let mut stage = Stage { house, keeper, reader: BufReader::new(stream), heard: Vec::new() };
        stage.tell(&["statedump"]);
        stage
    }

    fn tell(&mut self, fields: &[&str]) {
        let line = format!("{}\n", fields.join("\t"));
        self.reader.get_mut().write_all(line.as_bytes()).expect("the keeper listens");
    }

    /// The next event; `None` when the keeper has gone.
    #[track_caller]
    fn next(&mut self, deadline: Duration, what: &str) -> Option<Event> {
        let begun = Instant::now();
        let mut line = Vec::new();
        loop {
            match self.reader.read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(_) if line.ends_with(b"\n") => break,
                Ok(_) => {}
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return None,
                Err(e) => panic!("reading events: {e}"),
            }
            assert!(begun.elapsed() < deadline, "waited {deadline:?} in vain until {what}; {}", self.story());
        }
        let text = String::from_utf8_lossy(&line);
        let event: Event = text.trim_end_matches('\n').split('\t').map(str::to_owned).collect();
        self.heard.push(event.clone());
        Some(event)
    }

    /// Reads on until there is an event that `wanted` is true of.
    #[track_caller]
    fn until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        let begun = Instant::now();
        loop {
            let left = LATER.saturating_sub(begun.elapsed());
            match self.next(left, what) {
                Some(event) if wanted(&event) => return event,
                Some(_) => {}
                None => panic!("the keeper has gone before {what}; {}", self.story()),
            }
        }
    }

    /// Waits for the next `service.state NAME STATE` that carries a time, and gives back that event.
    #[track_caller]
    fn state(&mut self, name: &str, state: &str) -> Event {
        self.until(&format!("{name} is {state}"), |e| is_state(e, name, state))
    }

    #[track_caller]
    fn up(&mut self, name: &str) -> Proc {
        // An event of the dump may be of a life that is over.
        loop {
            let event = self.state(name, "up");
            if let Some(found) = event[4].parse().ok().and_then(Proc::find) {
                return found;
            }
        }
    }

    /// The newest life of `name` of which we have heard; events may overtake the dump, which tells of it then.
    #[track_caller]
    fn heard_up(&mut self, name: &str) -> Proc {
        let is_up = |e: &Event| is_state(e, name, "up");
        let heard = self.heard.iter().rfind(|e| is_up(e)).cloned();
        heard.unwrap_or_else(|| self.until("it is up", is_up))[4].parse().ok().and_then(Proc::find).expect("it lives")
    }

    fn signal(&self, signal: Signal) {
        assert!(Proc::find(self.keeper.id()).expect("the keeper lives").signal(signal));
    }

    fn log(&self) -> String {
        self.house.read("log")
    }

    /// Waits until the log has such a line.
    #[track_caller]
    fn logged(&self, line: &str) {
        wait_until(SOON, &format!("the log has `{line}`"), || self.log().lines().any(|l| l.starts_with(line)).then_some(()));
    }

    /// Reads until the keeper has gone; gives back its exit code.
    #[track_caller]
    fn end(&mut self) -> Option<i32> {
        let begun = Instant::now();
        while self.next(LATER.saturating_sub(begun.elapsed()), "the keeper ends").is_some() {}
        let what = format!("the keeper has ended; {}", self.story());
        wait_until(SOON, &what, || self.keeper.try_wait().expect("our own child")).code()
    }

    /// At which event `name` went down for the last time.
    fn last_down(&self, name: &str) -> Option<usize> {
        self.heard.iter().rposition(|e| is_state(e, name, "down"))
    }

    fn story(&self) -> String {
        let heard: Vec<String> = self.heard.iter().map(|e| e.join(" ")).collect();
        format!("heard:\n{}\nlog of the keeper:\n{}", heard.join("\n"), self.house.read("keeper.log"))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The house clears the rest: controller and services carry its mark in their environment.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

fn is_state(event: &Event, name: &str, state: &str) -> bool {
    event.len() == 9 && event[0] == "service.state" && event[1] == name && event[2] == state && event[3] != "-"
}

fn seconds(event: &Event) -> u64 {
    event[3].parse().unwrap_or_else(|_| panic!("no time in {event:?}"))
}

fn lines(rows: &[&[&str]]) -> String {
    rows.iter().map(|fields| format!("{}\n", fields.join("\t"))).collect()
}

const LOG: &[&str] = &["log", "logger", "sh", "-c", "exec cat >> log"];
const WEB: &[&str] = &["web", "app", "sh", "./app", "web"];
const API: &[&str] = &["api", "app", "sh", "./app", "api"];

fn what_is_killed_comes_back(tongue: Tongue) {
    const PAUSE: u64 = 60;
    let mut stage = Stage::new(tongue, PAUSE, &[LOG, WEB, API]);
    let (web, api) = both_up(&mut stage);
    assert!(web.kill());
    let down = stage.state("web", "down");
    assert_eq!(&down[4..7], [web.pid.to_string(), "signal".to_owned(), "SIGKILL".to_owned()]);
    let planned = stage.state("web", "start");
    assert!(seconds(&planned) < seconds(&down) + PAUSE, "the first restart has no pause: {down:?} {planned:?}");
    let again = stage.up("web");
    assert_ne!(again, web);
    stage.logged(&format!("web lives as {}", again.pid));
    assert!(api.alive(), "the other one is left alone");
}

fn both_up(stage: &mut Stage) -> (Proc, Proc) {
    let web = stage.up("web");
    // Either order is right.
    let api = stage.heard_up("api");
    for (name, app) in [("web", web), ("api", api)] {
        stage.logged(&format!("{name} lives as {}", app.pid));
    }
    (web, api)
}

/// The pauses are read from the times for which starts are planned. A start without one is for the moment in which the controller says it.
fn quick_deaths_back_off(tongue: Tongue) {
    const PAUSE: u64 = 3;
    let mut stage = Stage::new(tongue, PAUSE, &[LOG, &["bad", "app", "sh", "-c", "exit 7"]]);
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let down = stage.state("bad", "down");
        assert_eq!(&down[5..7], ["exit", "7"]);
        let planned = stage.state("bad", "start");
        let pause = seconds(&planned) - seconds(&down);
        pauses.extend((pause > PAUSE).then_some(pause));
        if pauses.len() == 3 {
            break;
        }
    }
    // 3, 6, 12 s, and one more each, since times are cut to seconds.
    assert_eq!(pauses, [4, 7, 13], "{}", stage.story());
}

fn others_end_before_loggers(tongue: Tongue) {
    let deaf = &["deaf", "app", "sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"];
    let chatty = &["chatty", "app", "sh", "./app", "chatty"];
    let mut stage = Stage::new(tongue, 1, &[LOG, WEB, API, deaf, chatty]);
    both_up(&mut stage);
    stage.logged("deaf");
    stage.logged("chatty lives as ");
    stage.signal(Signal::TERM);
    assert_eq!(stage.end(), Some(0), "{}", stage.story());
    let down = |name| stage.last_down(name).unwrap_or_else(|| panic!("{name} never went down; {}", stage.story()));
    for app in ["web", "api", "deaf", "chatty"] {
        assert!(down(app) < down("log"), "{app} ends before the logger; {}", stage.story());
    }
    let how = |name| stage.heard[down(name)][5..7].join(" ");
    assert_eq!([how("api"), how("chatty"), how("deaf"), how("log")], ["exit 0", "exit 0", "signal SIGKILL", "exit 0"]);
    let log = stage.log();
    assert!(log.lines().any(|l| l == "last words of api"));
    // More than a pipe holds, printed while it was ending.
    assert_eq!(log.lines().filter(|l| l.parse::<u32>().is_ok()).count(), 20_000, "no line is lost on the way down");
}

fn the_controller_may_be_killed(tongue: Tongue) {
    let mut stage = Stage::new(tongue, 1, &[LOG, WEB, API]);
    let apps = both_up(&mut stage);
    let controller = stage.heard_up("controller");
    assert!(controller.kill());
    stage.state("controller", "down");
    let next = stage.up("controller");
    assert_ne!(next, controller);
    // The new one works: it notices a death, and leaves the others alone.
    stage.until("the new one defines what it is told", |e| e.starts_with(&["service.tags".into(), "api".into()]));
    assert!(apps.0.alive() && apps.1.alive());
    assert!(apps.0.kill());
    stage.state("web", "down");
    stage.up("web");
    assert!(apps.1.alive());
    stage.signal(Signal::TERM);
    assert_eq!(stage.end(), Some(0), "{}", stage.story());
    assert!(stage.log().lines().any(|l| l == "last words of api"), "the pipe is the one of before");
}

/// A controller that dies in the middle of the end: the next one finishes it.
fn the_end_survives_the_controller(tongue: Tongue) {
    let slow = &["web", "app", "sh", "-c", "trap '' TERM; echo web lives as $$; while ! test -e go; do sleep 0.1; done"];
    let mut stage = Stage::new(tongue, 1, &[LOG, slow, API]);
    both_up(&mut stage);
    let controller = stage.heard_up("controller");
    stage.signal(Signal::TERM);
    stage.state("api", "down");
    assert!(controller.kill());
    stage.state("controller", "down");
    stage.up("controller");
    stage.house.write("go", "");
    assert_eq!(stage.end(), Some(0), "{}", stage.story());
    let down = stage.heard.iter().position(|e| is_state(e, "api", "down")).expect("it was waited for");
    let again = stage.heard[down..].iter().any(|e| is_state(e, "api", "start") || is_state(e, "api", "up"));
    assert!(!again, "nothing is started again during the end; {}", stage.story());
}

fn hup_restarts_all_apps(tongue: Tongue) {
    let mut stage = Stage::new(tongue, 1, &[LOG, WEB, API]);
    let before = both_up(&mut stage);
    let log = stage.heard_up("log");
    stage.signal(Signal::HUP);
    wait_until(SOON, "both have ended", || (!before.0.alive() && !before.1.alive()).then_some(()));
    let after = (second_up(&mut stage, "web", before.0), second_up(&mut stage, "api", before.1));
    assert!(after.0.alive() && after.1.alive() && log.alive(), "the logger is left alone");
    // The signal is cleared: a new controller would hear of it again.
    stage.tell(&["statedump"]);
    stage.tell(&["echo", "mark"]);
    let begun = stage.heard.len();
    stage.until("the dump is over", |e| e == &["mark"]);
    let pending = stage.heard[begun..].iter().any(|e| e[0] == "signal" && e[1] == "SIGHUP");
    assert!(!pending, "{}", stage.story());
}

/// The life of `name` after `before`, which may have been heard of already.
fn second_up(stage: &mut Stage, name: &str, before: Proc) -> Proc {
    let newer = |e: &Event| is_state(e, name, "up") && e[4] != before.pid.to_string();
    let heard = stage.heard.iter().rfind(|e| newer(e)).cloned();
    let event = heard.unwrap_or_else(|| stage.until("it is up again", newer));
    event[4].parse().ok().and_then(Proc::find).expect("it lives")
}

/// The controller is fed by hand: a keeper that loses events is hard to have.
fn lost_events_are_asked_for(tongue: Tongue) {
    let house = House::new();
    house.write("services", lines(&[LOG, WEB, API]));
    let known =
        "fd.state\tlog.r\tpipe\tfrom\tlog.w\nfd.state\tlog.w\tpipe\tto\tlog.r\nservice.state\tlog\tup\t100\t11\t-\t-\t5\t-\n";
    let events = [
        "info\thello\n",
        known,
        "service.state\tweb\tup\t100\t12\t-\t-\t5\t-\nservice.state\tapi\tup\t100\t13\t-\t-\t5\t-\nbarrier\t1\n",
        // What happens now to web and to the pipe is lost.
        "overflow\nservice.state\tapi\tup\t100\t13\t-\t-\t6\t-\nservice.state\tlog\tup\t100\t11\t-\t-\t6\t-\n",
        "barrier\t1\nservice.args\tweb\t\t\ta\n",
        known,
        "service.state\tweb\tdown\t104\t12\texit\t1\t4\t-\nsignal\tSIGHUP\t105\t2\nbarrier\t2\nerror\tmade up\t\tx\n",
    ];
    house.write("events", events.concat());
    let fields = tongue.command();
    let mut command: Command = house.plain("sh");
    command.args(["-c", "exec \"$@\" services < events", "sh"]).args(&fields);
    let done = run(command, SOON).code(1);
    let told: Vec<&str> = done.out.lines().collect();
    let dumps: Vec<usize> = told.iter().enumerate().filter(|(_, l)| **l == "statedump").map(|(at, _)| at).collect();
    assert_eq!(dumps.len(), 2, "{done:#?}");
    let after = &told[dumps[1]..];
    assert_eq!(told.iter().filter(|l| l.starts_with("echo\tbarrier\t")).count(), 2);
    let starts: Vec<&&str> = after.iter().filter(|l| l.starts_with("service.start\tweb")).collect();
    assert!(!starts.is_empty(), "web died unheard and is started: {done:#?}");
    assert!(!told[..dumps[1]].iter().any(|l| l.starts_with("service.start")), "all was well before: {done:#?}");
    assert!(after.contains(&"service.signal\tapi\tSIGTERM") && after.contains(&"signal.clear\tSIGHUP\t2"), "{done:#?}");
    assert!(!told.iter().any(|l| l.starts_with("fd.pipe")), "the pipe that is there stays: {done:#?}");
    done.says(&["events were lost", "error", "made up"]);
}

/// The other way to run one: on the keeper's own standard input and output.
fn it_drives_the_keeper_over_a_fifo(tongue: Tongue) {
    let house = House::new();
    house.write("app", APP);
    house.write("services", lines(&[LOG, WEB]));
    let mut shell = house.plain("sh");
    let script = "mkfifo events; \"$@\" services < events | sh -c 'echo $$ > pid; exec \"$KEEPER\" -i > events'";
    shell.args(["-c", script, "sh"]).args(tongue.command()).env("KEEPER", house.bins().path("abide-keeper"));
    shell.stdin(Stdio::null()).stdout(Stdio::null());
    let mut shell = shell.spawn().expect("a shell");
    wait_until(SOON, "the app lives", || house.read("log").contains("web lives as ").then_some(()));
    let keeper = house.read("pid").trim().parse().ok().and_then(Proc::find);
    assert!(keeper.expect("the keeper lives").signal(Signal::INT));
    let status = wait_until(LATER, "the keeper ends", || shell.try_wait().expect("our own child"));
    assert_eq!(status.code(), Some(0));
    assert!(house.read("log").ends_with("last words of web\n"), "{}", house.read("log"));
}

/// One test for each controller.
macro_rules! for_both {
    ($($name:ident),* $(,)?) => {
        mod shell { $(#[test] fn $name() { super::$name(super::Tongue::Shell); })* }
        mod python { $(#[test] fn $name() { super::$name(super::Tongue::Python); })* }
    };
}

for_both!(
    what_is_killed_comes_back,
    quick_deaths_back_off,
    others_end_before_loggers,
    the_controller_may_be_killed,
    the_end_survives_the_controller,
    hup_restarts_all_apps,
    lost_events_are_asked_for,
    it_drives_the_keeper_over_a_fifo,
);
