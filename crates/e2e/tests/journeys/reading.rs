//! Reading what apps said.

use crate::SOON;
use e2e::{App, House, app_file, run, wait_until};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

/// `abide logs …` that goes on beside the test, its standard output in a file. Ended when dropped.
struct Follower {
    child: Child,
    out: std::path::PathBuf,
}

impl Follower {
    fn start(house: &House, args: &[&str]) -> Follower {
        let (out, err) = (house.file("followed"), house.file("followed.err"));
        let mut command = house.command(["logs"].iter().chain(args));
        command.stdin(Stdio::null()).stdout(File::create(&out).expect("a file"));
        let child = command.stderr(File::create(err).expect("a file")).spawn().expect("abide runs");
        Follower { child, out }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.out).expect("our own file")).into_owned()
    }

    #[track_caller]
    fn until(&self, what: &str, good: impl Fn(&str) -> bool) -> String {
        wait_until(SOON, what, || Some(self.text()).filter(|text| good(text)))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An app that prints the file `said` and lives on.
fn says(house: &House, name: &str, bytes: &[u8]) -> App {
    let file = house.write(&format!("{name}.said"), bytes);
    App::new(name, ["sh".to_owned(), "-c".to_owned(), format!("cat {}; exec sleep 1000", file.display())])
}

/// Rotates the current log of a slot by hand, as the scribe would at the next line.
fn rotated_by_hand(house: &House, slot: &str, packed: bool) {
    let log = house.home().join("logs").join(format!("{slot}.out.log"));
    for (from, to) in [("", ".1"), (".idx", ".1.idx")] {
        let path = |end: &str| format!("{}{end}", log.display());
        fs::rename(path(from), path(to)).expect("rename");
    }
    if packed {
        let mut gzip = Command::new("gzip");
        gzip.arg(format!("{}.1", log.display()));
        run(gzip, SOON).ok();
    }
}

#[test]
fn raw_is_byte_for_byte_across_a_compressed_file() {
    let house = House::new();
    let odd: Vec<u8> = (0..=255u8).chain(*b"\ncr\r\n\n\xff\xfe\n").chain(vec![b'x'; 200_000]).chain(*b"\nlast").collect();
    house.up(&app_file(&[says(&house, "odd", &odd)]));
    let logged = |bytes: &[u8]| wait_until(SOON, "all is logged", || (house.log_bytes("odd-0", "out") == bytes).then_some(()));
    logged(&odd);
    let raw = |args: &[&str]| {
        let out = house.file("raw");
        let mut command = house.command(["logs", "odd", "--raw", "--out"].iter().chain(args));
        assert!(command.stdout(File::create(&out).expect("a file")).status().expect("abide runs").success());
        fs::read(out).expect("our own file")
    };
    assert_eq!(raw(&["-n", "100000"]), odd);
    rotated_by_hand(&house, "odd-0", true);
    assert_eq!(raw(&["-n", "100000"]), odd);
    assert_eq!(raw(&["--since", "1h"]), odd);
    house.abide(["restart", "odd"]).ok();
    let twice = [&odd[..], b"\n", &odd[..]].concat();
    wait_until(SOON, "the second life has spoken", || (raw(&["--since", "1h"]) == twice).then_some(()));
    assert_eq!(raw(&["-n", "1"]), b"last");
}

#[test]
fn times_and_patterns_choose() {
    let house = House::new();
    let puppet = house.puppet();
    house.up(&app_file(&[
        App::puppet("a", &puppet, "print:apple lines:50:0 eprint:oh hang"),
        App::puppet("b", &puppet, "print:banana hang"),
    ]));
    // What was printed first on another stream may come later.
    house.until_logged("a-0", "out", "line 50\n", SOON);
    house.until_logged("a-0", "err", "oh\n", SOON);
    house.until_logged("b-0", "out", "banana\n", SOON);
    let out = |args: &[&str]| house.abide(["logs"].iter().chain(args)).ok().out;
    assert_eq!(out(&["a", "--grep", "^line .9$"]).lines().count(), 4);
    assert_eq!(out(&["a", "--grep", "app|line 7", "-n", "1"]), "a-0 | line 7\n");
    assert_eq!(out(&["--since", "1h"]).lines().count(), 53);
    assert_eq!(out(&["--since", "1h", "-n", "2", "--out"]).lines().count(), 3);
    assert_eq!(out(&["--since", "now", "--until", "now"]), "");
    assert_eq!(out(&["--until", "2020-01-01"]), "");
    assert_eq!(out(&["--until", "yesterday 9:30"]), "");
    let stamped = out(&["b", "--timestamps"]);
    assert!(stamped.ends_with(" b-0 | banana\n") && stamped.len() == "2026-11-21 09:02:12.120 b-0 | banana\n".len(), "{stamped}");
    house.abide(["logs", "--grep", "("]).code(2).says(&["regular expression", "next:"]);
    house.abide(["logs", "--since", "soon"]).code(2).says(&["`soon` is no time", "10m"]);
    house.abide(["logs", "-f", "--until", "now"]).code(2);
}

#[test]
fn the_api_answers_in_both_forms() {
    let house = House::new();
    house.up(&app_file(&[says(&house, "a", b"one\ntwo \xff\n")]));
    house.until_logged("a-0", "out", "two", SOON);
    let ask = |query: &str, accept: &str| {
        let mut stream = UnixStream::connect(house.home().join("run/abide.sock")).expect("it listens");
        let head =
            format!("GET /api/v1/apps/a/logs?{query} HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        String::from_utf8_lossy(&answer).into_owned()
    };
    let plain = ask("", "text/plain");
    assert!(plain.contains("content-type: text/plain; charset=utf-8") && plain.contains("one\ntwo \u{fffd}\n"), "{plain}");
    let json = ask("grep=two", "application/x-ndjson");
    assert!(json.contains("application/x-ndjson") && json.contains(r#""bytes":"dHdvIP8="}"#) && !json.contains("one"), "{json}");
    assert!(ask("", "image/png").starts_with("HTTP/1.1 406"));
    for wrong in ["grep=%28", "since=soon", "from=x", "follow=true&until=now"] {
        let answer = ask(wrong, "*/*");
        assert!(answer.starts_with("HTTP/1.1 422") && answer.contains("\"hint\""), "{answer}");
    }
    assert!(ask("colour=red", "*/*").starts_with("HTTP/1.1 400"));
}

#[test]
fn following_survives_the_manager_and_misses_nothing() {
    let house = House::new();
    let last = house.file("last");
    let script = format!("lines:1500:300 until:{} print:end hang", last.display());
    house.up(&app_file(&[App::puppet("web", &house.puppet(), &script)]));
    let follower = Follower::start(&house, &["web", "-f", "--raw", "--since", "1h"]);
    for n in [100, 400, 700, 1000] {
        follower.until(&format!("line {n} has come"), |text| text.contains(&format!("line {n}\n")));
        let [steward, scribe, _] = house.roles(SOON);
        if n == 700 {
            scribe.kill()
        } else {
            steward.kill()
        };
    }
    follower.until("line 1200 has come", |text| text.contains("line 1200\n"));
    // All at once, and the log is rotated and compressed while nobody reads.
    house.kill_roles_and(|| rotated_by_hand(&house, "web-0", true));
    house.abide(["list"]).ok();
    File::create(&last).expect("a file");
    let text = follower.until("the end has come", |text| text.ends_with("end\n"));
    let all: String = (1..=1500).map(|n| format!("line {n}\n")).collect();
    assert_eq!(text, all + "end\n");
    assert_eq!(house.read("followed.err"), "", "nothing is said of it");
}

#[test]
fn apps_that_appear_are_followed_and_stopping_the_manager_ends_it() {
    let house = House::new();
    house.up(&app_file(&[App::puppet("a", &house.puppet(), "print:first hang")]));
    let mut follower = Follower::start(&house, &["-f"]);
    follower.until("what was comes first", |text| text.contains("a-0 | first"));
    house.write("b.toml", app_file(&[App::puppet("b", &house.puppet(), "print:second hang").with("instances = 2")]));
    house.abide(["up", "b.toml"]).ok();
    follower.until("new apps speak too", |text| text.contains("b-0 | second") && text.contains("b-1 | second"));
    house.abide(["daemon", "stop"]).ok();
    let status = wait_until(SOON, "the follower ends", || follower.child.try_wait().expect("our own child"));
    assert!(status.success(), "{status} {}", house.read("followed.err"));
}

/// Row 23 of reliability.md.
#[test]
fn who_reads_no_more_ends_the_command_and_its_stream() {
    let house = House::new();
    let more = house.file("more");
    let script = format!("lines:20000:0 until:{} print:more hang", more.display());
    house.up(&app_file(&[App::puppet("web", &house.puppet(), &script)]));
    house.until_logged("web-0", "out", "line 20000\n", SOON);
    let sockets = || {
        let [steward, ..] = house.roles(SOON);
        let fds = fs::read_dir(format!("/proc/{}/fd", steward.pid)).expect("it lives").flatten();
        fds.filter_map(|fd| fs::read_link(fd.path()).ok()).filter(|to| to.to_string_lossy().starts_with("socket:")).count()
    };
    let before = sockets();
    let head = |args: &str, lines: u32| {
        let mut shell = house.plain("sh");
        let abide = house.bins().path("abide");
        shell.arg("-c").arg(format!("'{}' --home '{}' logs {args} | head -{lines}", abide.display(), house.home().display()));
        run(shell, SOON)
    };
    let done = head("web --since 1h", 1);
    assert_eq!((done.out.as_str(), done.err.as_str()), ("web-0 | line 1\n", ""));
    // Nothing more is printed that it could notice by.
    let done = head("web -f -n 2", 2);
    assert_eq!((done.out.as_str(), done.err.as_str()), ("web-0 | line 19999\nweb-0 | line 20000\n", ""));
    wait_until(SOON, "no stream is left", || (sockets() <= before).then_some(()));
}

#[test]
fn who_cannot_keep_up_is_told() {
    let house = House::new();
    let go = house.file("go");
    let script = format!("print:first until:{} lines:2000000:0 print:end hang", go.display());
    house.up(&app_file(&[App::puppet("web", &house.puppet(), &script).with("log_max_size = 0")]));
    house.until_logged("web-0", "out", "first\n", SOON);
    let mut command = house.command(["logs", "web", "-f"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("abide runs");
    let mut out = child.stdout.take().expect("a pipe");
    let mut begun = [0; 14];
    out.read_exact(&mut begun).expect("the first line");
    assert_eq!(&begun, b"web-0 | first\n");
    File::create(&go).expect("a file");
    let log = house.home().join("logs/web-0.out.log");
    let whole: u64 = 6 + 4 + (1..=2_000_000u64).map(|n| 6 + n.to_string().len() as u64).sum::<u64>();
    wait_until(2 * SOON, "all is logged", || (fs::metadata(&log).ok()?.len() == whole).then_some(()));
    let mut text = String::new();
    let mut piece = [0; 64 << 10];
    while !text.ends_with("| end\n") {
        let got = out.read(&mut piece).expect("it goes on");
        text.push_str(std::str::from_utf8(&piece[..got]).expect("ASCII"));
    }
    let _ = child.kill();
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    let _ = child.wait();
    let skipped =
        said.lines().filter_map(|line| line.strip_prefix("warning: web-0 out: ")?.split(' ').next()?.parse::<usize>().ok());
    assert_eq!(text.lines().count() + skipped.sum::<usize>(), 2_000_001, "{said}");
    assert!(said.contains("lines skipped"), "{said}");
}

#[test]
fn every_form_is_read_back() {
    let house = House::new();
    let odd: Vec<u8> = (0..=255u8)
        .filter(|b| *b != b'\n')
        .chain(*b"\n\nfine\n\xff\xfe\n")
        .chain(vec![b'x'; 150_000])
        .chain(*b"\nend\n")
        .collect();
    let file = house.write("odd", &odd);
    let apps =
        [("plain", ""), ("text", "log_format = \"text\""), ("json", "log_format = \"json\""), ("both", "merge_logs = true")];
    let script = format!("cat {}; echo oh >&2; exec sleep 1000", file.display());
    let app = |(name, line): &(&str, &str)| App::new(name, ["sh".to_owned(), "-c".to_owned(), script.clone()]).with(line);
    house.up(&app_file(&apps.iter().map(app).collect::<Vec<_>>()));
    for (name, _) in apps {
        let raw = |stream: &str| {
            let out = house.file("raw");
            let mut command = house.command(["logs", name, "--raw", "-n", "1000", stream]);
            assert!(command.stdout(File::create(&out).expect("a file")).status().expect("abide runs").success());
            fs::read(out).expect("our own file")
        };
        wait_until(SOON, &format!("{name} has spoken"), || (raw("--err") == b"oh\n").then_some(()));
        wait_until(SOON, &format!("all of {name} is read"), || (raw("--out").len() >= odd.len()).then_some(()));
        assert!(raw("--out") == odd, "{name}: {} of {} bytes", raw("--out").len(), odd.len());
        let lines = house.logs(name, 1000);
        assert!(lines.iter().all(|line| line.time.is_some() && line.instance.is_some()), "{name}: {lines:#?}");
        let err: Vec<&str> = lines.iter().filter(|line| line.stream == "err").map(|line| line.line.as_str()).collect();
        assert_eq!(err, ["oh"], "{name}");
        let shown = house.abide(["logs", name, "--grep", "^fine$"]).ok().out;
        assert_eq!(shown, format!("{name}-0 | fine\n"));
    }
}
