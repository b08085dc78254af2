//! Changed files restart apps.

use crate::SOON;
use e2e::{App, House, app_file, wait_until};
use std::fs;
use std::time::{Duration, Instant};

/// An app in a folder of its own that notes each beginning.
fn web(house: &House, watch: &str) -> App {
    fs::create_dir_all(house.file("app/src")).expect("a folder");
    let app = App::puppet("web", &house.puppet(), &format!("note:{} hang", house.file("starts").display()));
    app.with("cwd = \"app\"").with(watch).with("stop_timeout = \"2s\"")
}

#[track_caller]
fn until_starts(house: &House, count: usize) {
    wait_until(SOON, &format!("it has begun {count} times"), || (house.notes("starts").len() >= count).then_some(()));
    house.until_status("web-0", "running", SOON);
}

/// The paths of each change, in order.
fn changes(house: &House) -> Vec<String> {
    house.events(Some("web")).into_iter().filter(|e| e.event == "changed").map(|e| e.reason.unwrap_or_default()).collect()
}

/// The watcher begins by itself a moment after the app: writes a file until that is told.
#[track_caller]
fn until_watched(house: &House) {
    let mut last: Option<Instant> = None;
    wait_until(SOON, "a change is told", || {
        // Not in every look: a change is told when it is quiet after it.
        if last.is_none_or(|last| last.elapsed() > Duration::from_secs(4)) {
            house.write("app/begun", format!("{last:?}"));
            last = Some(Instant::now());
        }
        (!changes(house).is_empty()).then_some(())
    });
    // The last of them may come later than the first.
    house.write("app/begun-last", "");
    wait_until(SOON, "the last is told", || changes(house).iter().any(|c| c.contains("begun-last")).then_some(()));
    house.until_status("web-0", "running", SOON);
}

#[test]
fn a_burst_of_changes_is_one_restart_and_what_is_left_out_none() {
    let house = House::new();
    fs::create_dir_all(house.file("app")).expect("a folder");
    house.write("app/.gitignore", "dist/\n*.tmp\n");
    house.up(&app_file(&[web(&house, "watch = { ignore = [\"*.md\"], debounce = \"2s\" }").with("out_file = \"app/web.log\"")]));
    until_watched(&house);
    let (starts, before) = (house.notes("starts").len(), changes(&house).len());
    fs::create_dir_all(house.file("app/dist")).expect("a folder");
    fs::create_dir_all(house.file("app/node_modules/x")).expect("a folder");
    for name in ["dist/x.js", "x.tmp", "notes.md", "node_modules/x/index.js", "web.log", "web.log.1", ".x.js.swp"] {
        house.write(&format!("app/{name}"), "x");
    }
    for n in 0..20 {
        house.write("app/src/a.js", n.to_string());
        house.write("app/src/b.js.new", n.to_string());
        fs::rename(house.file("app/src/b.js.new"), house.file("app/src/b.js")).expect("renamed");
    }
    // The life that the last change before it has begun may note so only now.
    wait_until(SOON, "the burst is told", || (changes(&house).len() > before).then_some(()));
    until_starts(&house, starts + 1);
    house.write("app/src/mark", "");
    wait_until(SOON, "the mark is told", || changes(&house).iter().any(|c| c.contains("mark")).then_some(()));
    let told = changes(&house)[before..].to_vec();
    assert_eq!(told, ["src/a.js, src/b.js, src/b.js.new", "src/mark"]);
    assert_eq!(house.slot("web-0").restarts, 0, "it was no failure");
}

#[test]
fn a_folder_that_is_made_again_is_watched_again() {
    let house = House::new();
    let app = web(&house, "watch = { paths = [\"src\", \"conf/web.conf\"], debounce = \"100ms\" }");
    house.up(&app_file(&[app]));
    wait_until(SOON, "the missing path is told", || {
        house.events(Some("web")).iter().any(|e| e.event == "watch.missing").then_some(())
    });
    house.write("app/src/a.js", "1");
    wait_until(SOON, "it is told", || changes(&house).contains(&"src/a.js".to_owned()).then_some(()));
    fs::create_dir(house.file("app/conf")).expect("a folder");
    house.write("app/conf/web.conf", "1");
    wait_until(SOON, "it is found", || changes(&house).contains(&"conf/web.conf".to_owned()).then_some(()));
    let before = changes(&house).len();
    fs::remove_dir_all(house.file("app/src")).expect("removed");
    fs::create_dir(house.file("app/src")).expect("made again");
    // In one word or in several, as it happens.
    wait_until(SOON, "that is told", || changes(&house)[before..].iter().any(|c| c.starts_with("src")).then_some(()));
    let mut n = 0;
    wait_until(SOON, "what is in it is told", || {
        n += 1;
        house.write("app/src/z.js", n.to_string());
        changes(&house).iter().any(|c| c.contains("src/z.js")).then_some(())
    });
}

#[test]
fn nobody_is_watched_who_is_not_to_run() {
    let house = House::new();
    house.up(&app_file(&[web(&house, "watch = { debounce = \"100ms\" }")]));
    until_watched(&house);
    house.abide(["stop", "web"]).ok();
    let before = changes(&house).len();
    house.write("app/src/a.js", "1");
    house.abide(["start", "web"]).ok();
    wait_until(SOON, "changes are told again", || {
        house.write("app/mark", fs::read_to_string(house.file("app/mark")).unwrap_or_default() + "x");
        (changes(&house).len() > before).then_some(())
    });
    assert!(changes(&house)[before..].iter().all(|c| c == "mark"), "{:?}", changes(&house));
}
