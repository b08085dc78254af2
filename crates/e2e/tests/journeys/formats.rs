//! Configurations in YAML and JSON, from standard input, and in several files.

use crate::SOON;
use e2e::{House, run, wait_until};
use std::fs;
use std::time::Duration;

fn apps(house: &House) -> Vec<String> {
    house.list().into_iter().map(|row| row.slot).collect()
}

#[test]
fn up_finds_yaml_and_json_and_says_which_counts() {
    let house = House::new();
    let puppet = house.puppet();
    house.write("abide.json", format!("{{ // JSON\n  \"apps\": {{ \"two\": {{ \"cmd\": [\"{puppet}\", \"hang\"] }} }},\n}}"));
    let up = house.abide(["up"]).ok();
    assert!(up.err.is_empty() || !up.err.contains("warning"), "{up:#?}");
    assert_eq!(apps(&house), ["two-0"]);
    house.write(
        "abide.yaml",
        format!("apps:\n  one:\n    cmd: {puppet} env:ZIP hang\n    instances: 02\n    env: {{ZIP: 01234}}\n"),
    );
    let up = house.abide(["up"]).ok();
    assert!(up.err.contains("abide.json is there too, and is not read"), "{up:#?}");
    assert_eq!(apps(&house), ["two-0", "one-0", "one-1"]);
    house.until_logged("one-1", "out", "01234", SOON);
    // Named, it is what is meant.
    let done = house.abide(["validate", "abide.json", "abide.yaml"]).ok();
    assert!(done.err.is_empty() && done.out.contains("abide.json: valid, 1 app: two"), "{done:#?}");
    // The same again changes nothing, and `start FILE` is another way to say it.
    let before = house.slot("one-0").pid;
    house.abide(["start", "abide.yaml"]).ok();
    assert_eq!(house.slot("one-0").pid, before);
}

#[test]
fn mistakes_have_their_place_in_every_format() {
    let house = House::new();
    for (name, text, place, marks) in [
        ("a.yaml", "apps:\n  web:\n    cmd: x\n    restrat: no\n", "a.yaml:4:5", "^^^^^^^"),
        ("a.yml", "apps:\n  web:\n   cmd: {{slot}}\n", "a.yml:3:10", "^"),
        ("a.json", "{\n  \"apps\": { \"web\": { \"cmd\": \"x\", \"restrat\": 1 } }\n}", "a.json:2:34", "^^^^^^^^^"),
        ("main.toml", "include = ['a.yaml']\n", "a.yaml:4:5", "^^^^^^^"),
    ] {
        house.write(name, text);
        let done = house.abide(["validate", name]).code(3);
        assert!(done.err.contains(place) && done.err.contains(marks), "{done:#?}");
    }
    let done = house.abide(["up"]).code(3);
    done.says(&["abide.toml", "abide.yaml", "abide.yml", "abide.json"]);
    house.write("eco.config.js", "module.exports = {}");
    house.abide(["start", "eco.config.js"]).code(3).says(&["program", "abide.yaml"]);
    house.abide(["validate", "--format", "xml", "a.yaml"]).code(2).says(&["toml, yaml and json"]);
    house.abide(["start", "--format", "yaml", "sleep 5"]).code(2).says(&["--format"]);
}

#[test]
fn standard_input_is_what_it_looks_like_or_what_is_said() {
    let house = House::new();
    let puppet = house.puppet();
    let piped = |args: &[&str], text: &str| {
        house.write("piped", text);
        let mut shell = house.plain("sh");
        shell.args(["-c", "exec \"$@\" < piped", "sh"]).arg(house.bins().path("abide")).arg("--home").arg(house.home());
        shell.args(args);
        run(shell, Duration::from_secs(60))
    };
    piped(&["up", "-"], &format!("apps:\n  a:\n    cmd: {puppet} hang\n")).ok();
    piped(&["start", "-"], &format!("{{\"apps\": {{\"b\": {{\"cmd\": \"{puppet} hang\"}}}}}}")).ok();
    piped(&["up", "-", "--format", "toml"], &format!("[apps.c]\ncmd = \"{puppet} hang\"\n")).ok();
    assert_eq!(apps(&house), ["a-0", "b-0", "c-0"]);
    let done = piped(&["validate", "-", "--format", "json"], "apps: {}").code(3);
    assert!(done.err.contains("not valid JSON"), "{done:#?}");
}

#[test]
fn included_files_are_applied_together() {
    let house = House::new();
    let puppet = house.puppet();
    fs::create_dir_all(house.file("conf.d/jobs")).expect("folders");
    house.write("conf.d/web.yaml", format!("apps:\n  web:\n    cmd: {puppet} env:WHO hang\n    out_file: web.log\n"));
    house.write(
        "conf.d/jobs/job.json",
        format!("{{\"apps\": {{\"job\": {{\"cmd\": \"{puppet} hang\", \"depends_on\": [\"web\"]}}}}}}"),
    );
    let main = "include = ['conf.d/*.yaml', 'conf.d/*/*.json']\n[defaults.env]\nWHO = 'everybody'\n";
    house.write("abide.toml", main);
    house.abide(["up"]).ok();
    assert_eq!(apps(&house), ["web-0", "job-0"]);
    assert_eq!(house.detail("web").spec["cwd"], house.file("conf.d").to_str().expect("a plain name"));
    wait_until(SOON, "the log stands beside the file that names it", || {
        Some(()).filter(|()| house.read("conf.d/web.log").contains("everybody"))
    });
    // A name that is there already, and a circle.
    house.write("abide.toml", format!("{main}[apps.web]\ncmd = 'x'\n"));
    house.abide(["up"]).code(3).says(&["two apps named `web`", "conf.d/web.yaml:2", "abide.toml:4"]);
    house.write("conf.d/web.yaml", "include: ../abide.toml\n");
    house.abide(["validate"]).code(3).says(&["abide.toml → conf.d/web.yaml → abide.toml"]);
}
