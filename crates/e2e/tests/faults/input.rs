//! Bad input, and what must not come out.

use crate::SOON;
use e2e::{App, House, app_file};
use std::fs;
use std::path::PathBuf;

#[test]
fn row_44_hostile_names_are_refused() {
    let house = House::new();
    house.up(&app_file(&[App::puppet("good", &house.puppet(), "hang")]));
    let before = house.list().len();
    let (long, huge) = ("x".repeat(65), "y".repeat(10_000));
    let names = [
        "../x",
        "/",
        "a/b",
        "",
        &long,
        &huge,
        "all",
        "42",
        "-rf",
        ".hidden",
        "\u{1f600}",
        "w\u{435}b",
        "a b",
        "a\nb",
        "a,b",
        "a\u{1b}[31m",
        "good-0",
    ];
    for name in names {
        let done = house.abide(["start", &format!("--name={name}"), "--", &house.puppet(), "hang"]);
        assert!(matches!(done.code, Some(1..=3)), "{name:?}: {done:#?}");
        assert!(!done.err.is_empty() && !done.err.contains("panicked"), "{name:?}: {done:#?}");
        assert!(!done.err.contains('\u{1b}'), "an escape reached the terminal: {:?}", done.err);
        // The same in a file.
        let text = format!("[apps.{}]\ncmd = \"true\"\n", e2e::toml_string(name));
        let file = house.write("named.toml", text);
        if name != "good-0" {
            let done = house.abide(["up", file.to_str().expect("plain")]);
            assert_eq!(done.code, Some(3), "{name:?} in a file: {done:#?}");
        }
    }
    assert_eq!(house.list().len(), before, "nothing changed");
    let strange: Vec<PathBuf> = fs::read_dir(house.home().join("logs")).expect("the logs").flatten().map(|e| e.path()).collect();
    assert!(strange.iter().all(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("good-0."))), "{strange:?}");
    // Names that differ only in case are two apps with two logs.
    let other = App::puppet("Good", &house.puppet(), "print:upper hang");
    house.up(&app_file(&[other]));
    house.until_logged("Good-0", "out", "upper\n", SOON);
    assert_eq!(house.log_bytes("good-0", "out"), b"");
}

#[test]
fn row_49_values_of_variables_stay_inside() {
    const MARK: &str = "m4rk3d-s3cr3t-7f";
    let house = House::new();
    let app =
        App::puppet("keeps", &house.puppet(), "sleep:1 need:/no/such/file:3").with(&format!("env = {{ PASSWORD = \"{MARK}\" }}"));
    let app = app.with("max_restarts = 1");
    let env_file = house.write("secrets.env", format!("TOKEN={MARK}\n"));
    let other = App::puppet("runs", &house.puppet(), "hang")
        .with(&format!("env_file = {}", e2e::toml_string(env_file.to_str().expect("plain"))));
    house.up(&app_file(&[app, other]));
    house.abide(["start", "--name", "flag", "--env", &format!("KEY={MARK}"), "--", &house.puppet(), "hang"]).ok();
    house.until_status("keeps-0", "errored", SOON);
    // They do arrive where they belong.
    assert_eq!(house.process("runs-0").env("TOKEN").as_deref(), Some(MARK));
    assert_eq!(house.process("flag-0").env("KEY").as_deref(), Some(MARK));

    for args in [
        &["list"][..],
        &["list", "--json"],
        &["status", "keeps"],
        &["status", "keeps", "--json"],
        &["status", "flag", "--json"],
        &["status", "runs", "--json"],
        &["events", "-n", "100000"],
        &["events", "--json", "-n", "100000"],
        &["logs"],
        &["daemon", "status", "--json"],
        &["up", "--json"],
    ] {
        let done = house.abide(args);
        assert!(!done.out.contains(MARK) && !done.err.contains(MARK), "{args:?} shows a value: {done:#?}");
    }
    let detail = house.detail("keeps");
    assert!(detail.spec.to_string().contains("PASSWORD"), "names of variables are shown: {:#?}", detail.spec);
    for role in house.roles(SOON) {
        assert!(!role.args().join(" ").contains(MARK));
    }
    // In the home a value may stand in the store only, and nobody else may read that.
    let mut folders = vec![house.home()];
    while let Some(folder) = folders.pop() {
        mode_is_private(&folder);
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let kind = entry.file_type().expect("a type");
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                mode_is_private(&path);
                let bytes = fs::read(&path).unwrap_or_default();
                let found = bytes.windows(MARK.len()).any(|w| w == MARK.as_bytes());
                let in_store = path.starts_with(house.home().join("store"));
                assert!(!found || in_store, "a value stands in {}", path.display());
            }
        }
    }
}

fn mode_is_private(path: &std::path::Path) {
    use std::os::unix::fs::MetadataExt;
    // Whoever writes a file anew removes one meanwhile.
    let Ok(found) = fs::symlink_metadata(path) else { return };
    let mode = found.mode() & 0o777;
    assert_eq!(mode & 0o077, 0, "{} is open to others: {mode:o}", path.display());
}
