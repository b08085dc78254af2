//! `text` and `json`: the same promises, except that a SIGKILL to the scribe may write a turn twice.

use crate::kills::{KILLS, flood_while_killed};
use crate::{SOON, at_rest, flooded, flooding, flooding_by_steps, sized, until_bytes};
use e2e::{App, FLOOD_LINE, House, app_file, flood_line, wait_until};
use std::fs;

/// The most that one turn reads, in lines of a flood.
const TURN_LINES: u64 = 64 * 1024 / FLOOD_LINE as u64 + 1;
const KEYS: [(&str, &str); 2] = [("text", "log_format = \"text\""), ("json", "log_format = \"json\"")];

/// What an app printed, taken out of one line of its log; `None` = no line of that form.
fn printed(form: &str, line: &str) -> Option<String> {
    if form == "json" {
        let line: api::LogLine = serde_json::from_str(line).ok()?;
        return (line.time.is_some() && line.slot == "app0-0" && line.stream == "out" && !line.partial).then_some(line.line);
    }
    let (time, rest) = line.split_once(' ')?;
    let good = time.len() == "2026-11-21T16:30:00.123Z".len() && time.ends_with('Z');
    good.then(|| rest.strip_prefix("out ").map(str::to_owned)).flatten()
}

/// Every line of a flood, in order, each at least once; gives back how many came again, and how many were cut short.
#[track_caller]
fn repeated(form: &str, text: &str, count: u64) -> (u64, u64) {
    let (mut most, mut before, mut again, mut torn) = (0, 0, 0, 0);
    for line in text.lines() {
        let Some(said) = printed(form, line).filter(|said| said.len() == FLOOD_LINE - 1) else {
            // A write that a kill cut short. What it was to write was not consumed, so it must come whole behind it.
            torn += 1;
            continue;
        };
        let number: u64 = said[..9].parse().expect("a number");
        assert!(said.as_bytes() == &flood_line(number)[..FLOOD_LINE - 1], "mixed up: {line:?}");
        assert!(number == before + 1 || number <= most, "after {before} comes {number}");
        again += u64::from(number <= most);
        (most, before) = (most.max(number), number);
    }
    assert_eq!(most, count);
    (again, torn)
}

/// The log of an app once its last line is there.
fn to_the_end(house: &House, count: u64) -> String {
    let last = String::from_utf8_lossy(&flood_line(count)[..9]).into_owned();
    wait_until(SOON, "the last line is there", || {
        let bytes = fs::read(house.log_file("app0-0", "out")).unwrap_or_default();
        let tail = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(400)..]).into_owned();
        (tail.ends_with('\n') && tail.contains(&last)).then_some(())
    });
    at_rest(house, "app0-0", true);
    String::from_utf8(house.log_bytes("app0-0", "out")).expect("digits")
}

#[test]
fn every_line_once_in_each_form() {
    let count = sized(200_000, 1_000_000);
    for (form, keys) in KEYS {
        let house = House::new();
        house.up(&app_file(&[flooding(&house, "app0", count).with(keys).with("log_max_size = \"4M\"\nlog_max_files = 1000")]));
        house.write("go", "");
        flooded(&house, "app0");
        assert_eq!(repeated(form, &to_the_end(&house, count), count), (0, 0), "{form}");
    }
}

#[test]
fn the_scribe_is_killed_sixty_times_in_each_form() {
    let count = sized(200_000, 1_000_000);
    for (form, keys) in KEYS {
        let (house, _) = flood_while_killed("abide-scribe", 1, count, |house, name| {
            flooding_by_steps(house, name, count, 20_000, KILLS as u64).with(keys).with("log_max_size = 0")
        });
        let (again, torn) = repeated(form, &to_the_end(&house, count), count);
        eprintln!("{form}: {again} lines twice and {torn} cut short after 60 kills");
        assert!(again <= 60 * TURN_LINES && torn <= 60, "{again} {torn}");
    }
}

#[test]
fn both_streams_in_one_file() {
    let house = House::new();
    let script = "print:one eprint:two print:three eprint:four hang";
    let app = |name: &str, keys: &str| App::puppet(name, &house.puppet(), script).with("merge_logs = true").with(keys);
    house.up(&app_file(&[app("raw", ""), app("text", KEYS[0].1), app("json", KEYS[1].1)]));
    let read = |name: &str| {
        wait_until(SOON, "all four are there", || {
            let text = house.read(&format!("../home/logs/{name}-0.log"));
            (text.lines().count() == 4).then_some(text)
        })
    };
    // Each stream is in order; how the two stand to each other is told by the turns in which they were read.
    let streams = |lines: Vec<(String, String)>| {
        let of = |stream: &str| lines.iter().filter(|l| l.0 == stream).map(|l| l.1.clone()).collect::<Vec<_>>().join(" ");
        (of("out"), of("err"))
    };
    let expected = ("one three".to_owned(), "two four".to_owned());
    assert_eq!(read("raw").len(), "one\ntwo\nthree\nfour\n".len());
    let text = read("text");
    let lines =
        text.lines().filter_map(|line| line.split_once(' ')?.1.split_once(' ')).map(|(s, l)| (s.to_owned(), l.to_owned()));
    assert_eq!(streams(lines.collect()), expected, "{text}");
    let lines = read("json");
    let lines = lines.lines().map(|line| serde_json::from_str::<api::LogLine>(line).expect("JSON"));
    assert_eq!(streams(lines.map(|line| (line.stream, line.line)).collect()), expected);
    // The viewer tells the streams apart in every form.
    for name in ["raw", "text", "json"] {
        let shown = house.logs(name, 10).into_iter().map(|line| (line.stream, line.line));
        assert_eq!(streams(shown.collect()), expected, "{name}");
        assert_eq!(house.abide(["logs", name, "--raw", "--err"]).ok().out, "two\nfour\n", "{name}");
    }
}

#[test]
fn nowhere_is_a_place() {
    let house = House::new();
    let app = App::puppet("mute", &house.puppet(), "lines:20000:0:both print:end hang");
    let said = house.file("err.log");
    let keys = format!("out_file = \"none\"\nerr_file = {}", e2e::toml_string(said.to_str().expect("plain")));
    house.up(&app_file(&[app.with(&keys)]));
    wait_until(SOON, "its errors are there", || house.read("err.log").ends_with("line 20000\n").then_some(()));
    assert_eq!(house.read("err.log").lines().count(), 20_000);
    assert!(!house.log_file("mute-0", "out").exists() && !house.log_file("mute-0", "err").exists());
    let _ = until_bytes(&house, "mute-0", 0);
    assert_eq!(house.logs("mute", 2).iter().map(|line| line.line.clone()).collect::<Vec<_>>(), ["line 19999", "line 20000"]);
}

#[test]
fn bytes_that_are_no_text_in_each_form() {
    let house = House::new();
    let script = house.write("bad.sh", "printf 'a\\377b\\000c\\033[31m\\n'; printf 'no end'; exit 0\n");
    let app =
        |name: &str, keys: &str| App::new(name, ["sh", script.to_str().expect("plain")]).with("restart = \"never\"").with(keys);
    house.write("abide.toml", app_file(&[app("text", KEYS[0].1), app("json", KEYS[1].1)]));
    let _ = house.abide(["up"]);
    let read = |name: &str| {
        wait_until(SOON, "both lines are there", || {
            let bytes = house.log_bytes(&format!("{name}-0"), "out");
            (bytes.iter().filter(|b| **b == b'\n').count() == 2).then_some(bytes)
        })
    };
    let text = read("text");
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
    assert!(lines[0].ends_with(b"Z out a\xffb\0c\x1b[31m"), "{:?}", String::from_utf8_lossy(lines[0]));
    assert!(lines[1].ends_with(b"Z out+ no end"), "{:?}", String::from_utf8_lossy(lines[1]));
    let json = read("json");
    let lines: Vec<serde_json::Value> =
        json.split(|b| *b == b'\n').take(2).map(|l| serde_json::from_slice(l).expect("JSON")).collect();
    assert_eq!(
        (lines[0]["line"].as_str(), lines[0]["bytes"].as_str()),
        (Some("a\u{fffd}b\0c\u{1b}[31m"), Some("Yf9iAGMbWzMxbQ=="))
    );
    assert_eq!((lines[1]["line"].as_str(), lines[1]["partial"].as_bool()), (Some("no end"), Some(true)));
    assert!(lines[1].get("bytes").is_none());
}
